/* The file: u64 length, that many bytes of JSON, data. The reader believes nothing before it is checked: the length is
 * compared with what is left of the file, sizes are multiplied with the checked helper, and the tensors, sorted by
 * offset, must tile the data exactly: no hole for hidden bytes, no overlap, nothing behind the end. */
#include "codec/safetensors.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned bits;
} dtype[TN_ST_N_DTYPES] = {
    [TN_ST_BOOL] = {"BOOL", 8},
    [TN_ST_F4] = {"F4", 4},
    [TN_ST_F6_E2M3] = {"F6_E2M3", 6},
    [TN_ST_F6_E3M2] = {"F6_E3M2", 6},
    [TN_ST_U8] = {"U8", 8},
    [TN_ST_I8] = {"I8", 8},
    [TN_ST_F8_E5M2] = {"F8_E5M2", 8},
    [TN_ST_F8_E4M3] = {"F8_E4M3", 8},
    [TN_ST_F8_E8M0] = {"F8_E8M0", 8},
    [TN_ST_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [TN_ST_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [TN_ST_I16] = {"I16", 16},
    [TN_ST_U16] = {"U16", 16},
    [TN_ST_F16] = {"F16", 16},
    [TN_ST_BF16] = {"BF16", 16},
    [TN_ST_I32] = {"I32", 32},
    [TN_ST_U32] = {"U32", 32},
    [TN_ST_F32] = {"F32", 32},
    [TN_ST_C64] = {"C64", 64},
    [TN_ST_F64] = {"F64", 64},
    [TN_ST_I64] = {"I64", 64},
    [TN_ST_U64] = {"U64", 64},
};

const char *tn_st_dtype_name(tn_st_dtype d)
{
    return dtype[d].name;
}

unsigned tn_st_dtype_bits(tn_st_dtype d)
{
    return dtype[d].bits;
}

/* Elements and bytes of a shape. Sub-byte elements must fill whole bytes. */
static tn_status sizes(const char *name, tn_st_dtype d, uint32_t rank, const uint64_t *shape, uint64_t *n_elements,
                       uint64_t *n_bytes, tn_err *err)
{
    uint64_t n = 1, bits;
    for (uint32_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(n, shape[i], &n))
            return tn_fail(err, TN_EFORMAT, "safetensors: the shape of \"%s\" has more elements than 64 bits count",
                           name);
    if (__builtin_mul_overflow(n, (uint64_t)dtype[d].bits, &bits))
        return tn_fail(err, TN_EFORMAT, "safetensors: the shape of \"%s\" has more bits than 64 bits count", name);
    if (bits % 8)
        return tn_fail(err, TN_EFORMAT, "safetensors: \"%s\" has %" PRIu64 " elements of %u bits, no whole bytes", name,
                       n, dtype[d].bits);
    *n_elements = n;
    *n_bytes = bits / 8;
    return TN_OK;
}

/* ---- reading ---- */

typedef struct {
    tn_bytes data; /* behind the header */
    tn_arena *arena;
    tn_err *err;
} reader;

/* serde's usize: digits without a sign. */
static bool is_count(const tn_json *v, uint64_t *out)
{
    int64_t n;
    if (!tn_json_i64(v, &n) || n < 0 || tn_json_text(v).ptr[0] == '-')
        return false;
    *out = (uint64_t)n;
    return true;
}

static const char *shown(tn_arena *a, tn_str name)
{
    const char *c = tn_str_c(a, tn_str_sub(name, 0, 200));
    return c ? c : "?";
}

static tn_status read_dtype(reader *r, const tn_json *v, const char *name, tn_st_dtype *out)
{
    tn_str text = tn_json_str(tn_json_get(v, "dtype"));
    for (int d = 0; d < TN_ST_N_DTYPES; d++) {
        if (tn_str_is(text, dtype[d].name)) {
            *out = (tn_st_dtype)d;
            return TN_OK;
        }
    }
    return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" has %s dtype \"%.*s\"", name,
                   text.len ? "the unknown" : "no", (int)(text.len > 40 ? 40 : text.len), text.ptr);
}

static tn_status read_shape(reader *r, const tn_json *v, const char *name, tn_st_entry *e)
{
    const tn_json *list = tn_json_get(v, "shape");
    if (tn_json_type(list) != TN_JSON_ARRAY)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" has no shape", name);
    uint64_t *shape = TN_ARENA_ARRAY(r->arena, uint64_t, tn_json_len(list));
    if (!shape)
        return tn_fail_nomem(r->err, tn_json_len(list) * sizeof *shape);
    e->shape = shape;
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c)) {
        if (!is_count(c, shape))
            return tn_fail(r->err, TN_EFORMAT, "safetensors: a dimension of \"%s\" is not a whole number from 0", name);
        shape++;
        e->rank++;
    }
    return TN_OK;
}

static tn_status read_offsets(reader *r, const tn_json *v, const char *name, uint64_t n_bytes, tn_st_entry *e)
{
    const tn_json *list = tn_json_get(v, "data_offsets");
    uint64_t begin, end;
    if (tn_json_type(list) != TN_JSON_ARRAY || tn_json_len(list) != 2 || !is_count(tn_json_at(list, 0), &begin) ||
        !is_count(tn_json_at(list, 1), &end))
        return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" needs data_offsets of two whole numbers from 0", name);
    if (begin > end)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" ends at %" PRIu64 ", before it begins at %" PRIu64,
                       name, end, begin);
    if (end > r->data.len)
        return tn_fail(r->err, TN_EFORMAT,
                       "safetensors: \"%s\" ends at byte %" PRIu64 " of the data, the file has %zu; is it cut short?",
                       name, end, r->data.len);
    if (end - begin != n_bytes)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" needs %" PRIu64 " bytes for its shape, it has %" PRIu64,
                       name, n_bytes, end - begin);
    e->data = (tn_bytes){r->data.ptr + begin, (size_t)(end - begin)};
    return TN_OK;
}

static tn_status read_entry(reader *r, const tn_json *v, tn_st_entry *e)
{
    const char *name = shown(r->arena, tn_json_key(v));
    uint64_t n_bytes;
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" is %s, not an object", name,
                       tn_json_type_name(tn_json_type(v)));
    *e = (tn_st_entry){.name = tn_json_key(v)};
    TN_TRY(read_dtype(r, v, name, &e->dtype));
    TN_TRY(read_shape(r, v, name, e));
    TN_TRY(sizes(name, e->dtype, e->rank, e->shape, &e->n_elements, &n_bytes, r->err));
    return read_offsets(r, v, name, n_bytes, e);
}

static tn_status read_metadata(reader *r, const tn_json *v, tn_st *out)
{
    if (tn_json_type(v) == TN_JSON_NULL)
        return TN_OK;
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: __metadata__ is %s, not an object",
                       tn_json_type_name(tn_json_type(v)));
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        if (tn_json_type(c) != TN_JSON_STRING)
            return tn_fail(r->err, TN_EFORMAT, "safetensors: the metadata value \"%s\" is not a string",
                           shown(r->arena, tn_json_key(c)));
    out->metadata = v;
    return TN_OK;
}

static int by_place(const void *a, const void *b)
{
    const tn_bytes x = ((const tn_st_entry *)a)->data, y = ((const tn_st_entry *)b)->data;
    return x.ptr != y.ptr ? (x.ptr < y.ptr ? -1 : 1) : (x.len > y.len) - (x.len < y.len);
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(((const tn_st_entry *)a)->name, ((const tn_st_entry *)b)->name);
}

static tn_status check_tiling(reader *r, tn_st *st)
{
    qsort(st->entry, st->n, sizeof *st->entry, by_place);
    size_t done = 0;
    for (size_t i = 0; i < st->n; i++) {
        const tn_st_entry *e = &st->entry[i];
        size_t begin = (size_t)(e->data.ptr - r->data.ptr);
        if (begin != done)
            return tn_fail(r->err, TN_EFORMAT, "safetensors: \"%s\" begins at byte %zu, %s %zu",
                           shown(r->arena, e->name), begin,
                           begin < done ? "inside the tensor that ends at" : "leaving a hole behind byte", done);
        done += e->data.len;
    }
    if (done != r->data.len)
        return tn_fail(r->err, TN_EFORMAT, "safetensors: %zu bytes behind the last tensor", r->data.len - done);
    return TN_OK;
}

tn_status tn_st_parse(tn_bytes file, tn_arena *a, tn_st *out, tn_err *err)
{
    const uint64_t max_header = 100000000; /* the format's own bound */
    uint64_t header = 0;
    if (file.len < 8)
        return tn_fail(err, TN_EFORMAT, "safetensors: a file of %zu bytes is too short", file.len);
    for (int i = 7; i >= 0; i--)
        header = header << 8 | file.ptr[i];
    if (header > max_header)
        return tn_fail(err, TN_EFORMAT, "safetensors: a header of %" PRIu64 " bytes, at most %" PRIu64 " are allowed",
                       header, max_header);
    /* Compare against what is left, never `8 + header`: that sum can wrap. */
    if (header > file.len - 8)
        return tn_fail(err, TN_EFORMAT, "safetensors: a header of %" PRIu64 " bytes in a file of %zu; is it cut short?",
                       header, file.len);
    tn_str text = {(const char *)file.ptr + 8, (size_t)header};
    reader r = {.data = {file.ptr + 8 + header, file.len - 8 - (size_t)header}, .arena = a, .err = err};
    const tn_json *root;
    *out = (tn_st){0};
    if (tn_str_starts(text, "\xEF\xBB\xBF"))
        return tn_fail(err, TN_EFORMAT, "safetensors: the header begins with a byte order mark");
    if (tn_json_parse(text, a, &root, err) != TN_OK)
        return tn_fail_prefix(err, "safetensors: header");
    if (tn_json_type(root) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "safetensors: the header is %s, not an object",
                       tn_json_type_name(tn_json_type(root)));
    out->entry = TN_ARENA_ARRAY(a, tn_st_entry, tn_json_len(root));
    if (!out->entry)
        return tn_fail_nomem(err, tn_json_len(root) * sizeof *out->entry);
    for (const tn_json *c = tn_json_first(root); c; c = tn_json_next(c)) {
        if (tn_str_is(tn_json_key(c), "__metadata__"))
            TN_TRY(read_metadata(&r, c, out));
        else
            TN_TRY(read_entry(&r, c, &out->entry[out->n++]));
    }
    TN_TRY(check_tiling(&r, out));
    qsort(out->entry, out->n, sizeof *out->entry, by_name);
    return TN_OK;
}

const tn_st_entry *tn_st_find(const tn_st *st, tn_str name)
{
    tn_st_entry key = {.name = name};
    return st->n ? bsearch(&key, st->entry, st->n, sizeof key, by_name) : NULL;
}

/* ---- writing ---- */

static int writing_order(const void *a, const void *b)
{
    const tn_st_item *x = *(const tn_st_item *const *)a, *y = *(const tn_st_item *const *)b;
    if (x->dtype != y->dtype)
        return x->dtype > y->dtype ? -1 : 1;
    return tn_str_cmp(x->name, y->name);
}

static int item_by_name(const void *a, const void *b)
{
    return tn_str_cmp((*(const tn_st_item *const *)a)->name, (*(const tn_st_item *const *)b)->name);
}

static tn_status check_names(const tn_st_item **order, size_t n, tn_arena *a, tn_err *err)
{
    qsort(order, n, sizeof *order, item_by_name);
    for (size_t i = 0; i < n; i++) {
        if (tn_str_is(order[i]->name, "__metadata__") || (i && tn_str_eq(order[i]->name, order[i - 1]->name)))
            return tn_fail(err, TN_EINVALID, "safetensors: two tensors named \"%s\", or a reserved name",
                           shown(a, order[i]->name));
    }
    return TN_OK;
}

static tn_status write_header(const tn_st_item **order, size_t n, const tn_st_meta *metadata, size_t n_meta, tn_buf *b,
                              tn_arena *a, tn_err *err)
{
    tn_json_writer w;
    uint64_t at = 0, n_elements, n_bytes;
    tn_jw_init(&w, b, 0);
    tn_buf_put(b, "\0\0\0\0\0\0\0", 8);
    tn_jw_begin_object(&w);
    if (n_meta) {
        tn_jw_key(&w, "__metadata__");
        tn_jw_begin_object(&w);
        for (size_t i = 0; i < n_meta; i++) {
            tn_jw_key(&w, metadata[i].key);
            tn_jw_c(&w, metadata[i].value);
        }
        tn_jw_end_object(&w);
    }
    for (size_t i = 0; i < n; i++) {
        const tn_st_item *t = order[i];
        const char *name = shown(a, t->name);
        if (sizes(name, t->dtype, t->rank, t->shape, &n_elements, &n_bytes, err) != TN_OK ||
            (!t->fill && n_bytes != t->data.len))
            return tn_fail(err, TN_EINVALID, "safetensors: \"%s\" has %zu bytes of data, not what its shape needs",
                           name, t->data.len);
        tn_jw_key_str(&w, t->name);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "dtype");
        tn_jw_c(&w, dtype[t->dtype].name);
        tn_jw_key(&w, "shape");
        tn_jw_begin_array(&w);
        for (uint32_t k = 0; k < t->rank; k++)
            tn_jw_u64(&w, t->shape[k]);
        tn_jw_end_array(&w);
        tn_jw_key(&w, "data_offsets");
        tn_jw_begin_array(&w);
        tn_jw_u64(&w, at);
        if (__builtin_add_overflow(at, n_bytes, &at) || at > INT64_MAX)
            return tn_fail(err, TN_EINVALID, "safetensors: the tensors are larger than 2^63 bytes together");
        tn_jw_u64(&w, at);
        tn_jw_end_array(&w);
        tn_jw_end_object(&w);
    }
    tn_jw_end_object(&w);
    while (b->len % 8 && !b->failed)
        tn_buf_char(b, ' ');
    TN_TRY(tn_buf_status(b, err));
    for (int i = 0; i < 8; i++)
        b->ptr[i] = (char)((b->len - 8) >> 8 * i);
    return TN_OK;
}

static tn_status write_filled(tn_file_writer *f, const tn_st_item *t, uint8_t *piece, size_t size, tn_err *err)
{
    uint64_t n_elements, n_bytes;
    TN_TRY(sizes("", t->dtype, t->rank, t->shape, &n_elements, &n_bytes, err));
    for (uint64_t at = 0; at < n_bytes;) {
        size_t n = n_bytes - at < size ? (size_t)(n_bytes - at) : size;
        TN_TRY(t->fill(t->ctx, at, n, piece, err));
        TN_TRY(tn_file_put(f, (tn_bytes){piece, n}, err));
        at += n;
    }
    return TN_OK;
}

tn_status tn_st_write(const char *path, const tn_st_item *items, size_t n, const tn_st_meta *metadata, size_t n_meta,
                      tn_err *err)
{
    const size_t piece_size = (size_t)1 << 20; /* large enough for whole disk writes, small beside a tensor */
    tn_status st;
    tn_buf header = {.max = 100000008};
    tn_file_writer *f = NULL;
    uint8_t *piece = NULL;
    tn_arena *a = tn_arena_new(0);
    const tn_st_item **order = a ? TN_ARENA_ARRAY(a, const tn_st_item *, n) : NULL;
    if (!order) {
        st = tn_fail_nomem(err, n * sizeof *order);
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = &items[i];
    TN_GO(check_names(order, n, a, err));
    qsort(order, n, sizeof *order, writing_order);
    TN_GO(write_header(order, n, metadata, n_meta, &header, a, err));
    piece = tn_mem_alloc(piece_size);
    if (!piece) {
        st = tn_fail_nomem(err, piece_size);
        goto done;
    }
    TN_GO(tn_file_begin(path, &f, err));
    TN_GO(tn_file_put(f, tn_str_bytes(tn_buf_view(&header)), err));
    for (size_t i = 0; i < n; i++)
        TN_GO(order[i]->fill ? write_filled(f, order[i], piece, piece_size, err) : tn_file_put(f, order[i]->data, err));
    st = tn_file_commit(f, err);
    f = NULL;
done:
    if (f)
        tn_file_abort(f);
    tn_mem_free(piece);
    tn_buf_free(&header);
    tn_arena_free(a);
    return st;
}
