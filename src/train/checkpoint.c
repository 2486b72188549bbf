/* Reading is done twice over the same mapping: first everything is checked, then copied, so that a damaged file changes
 * nothing. Data in the file need not be aligned: it is only ever copied. */
#include "train/checkpoint.h"
#include "base/file.h"
#include "codec/safetensors.h"

#include <inttypes.h>
#include <string.h>

static const char KIND[] = "tenet training state 2";

/* ---- state as metadata ---- */

typedef enum { FIELD_I64, FIELD_I32, FIELD_U64, FIELD_BOOL, FIELD_F64, FIELD_DIGEST, FIELD_SCORES } field_type;

typedef struct {
    const char *key;
    field_type type;
    void *at;
} field;

enum { N_FIELDS = 17 };

static void list_fields(tn_train_state *s, field out[N_FIELDS])
{
    const field list[N_FIELDS] = {
        {"job", FIELD_DIGEST, &s->job},
        {"step", FIELD_I64, &s->step},
        {"last_eval", FIELD_I64, &s->last_eval},
        {"n_worse", FIELD_I32, &s->n_worse},
        {"finished", FIELD_BOOL, &s->finished},
        {"n_steps", FIELD_I64, &s->out.n_steps},
        {"n_planned", FIELD_I64, &s->out.n_planned},
        {"best_step", FIELD_I64, &s->out.best_step},
        {"best_loss", FIELD_F64, &s->out.best.loss},
        {"best_scores", FIELD_SCORES, &s->out.best},
        {"last_loss", FIELD_F64, &s->out.last_loss},
        {"n_tokens", FIELD_U64, &s->out.n_tokens},
        {"stopped_early", FIELD_BOOL, &s->out.stopped_early},
        {"steps_bytes", FIELD_U64, &s->steps.n_bytes},
        {"steps_sha256", FIELD_DIGEST, &s->steps.digest},
        {"evals_bytes", FIELD_U64, &s->evals.n_bytes},
        {"evals_sha256", FIELD_DIGEST, &s->evals.digest},
    };
    memcpy(out, list, sizeof list);
}

/* "accuracy 0.75 more perplexity 8.5 less" */
static void write_scores(const tn_scores *s, tn_buf *b)
{
    for (int i = 0; i < s->n; i++) {
        tn_buf_printf(b, "%s%s ", i ? " " : "", s->score[i].name);
        tn_buf_f64(b, s->score[i].value);
        tn_buf_c(b, s->score[i].less_is_better ? " less" : " more");
    }
}

static void write_field(const field *f, tn_buf *b)
{
    switch (f->type) {
    case FIELD_I64: tn_buf_printf(b, "%" PRId64, *(int64_t *)f->at); break;
    case FIELD_I32: tn_buf_printf(b, "%" PRId32, *(int32_t *)f->at); break;
    case FIELD_U64: tn_buf_printf(b, "%" PRIu64, *(uint64_t *)f->at); break;
    case FIELD_BOOL: tn_buf_char(b, *(bool *)f->at ? '1' : '0'); break;
    case FIELD_F64: tn_buf_f64(b, *(double *)f->at); break;
    case FIELD_DIGEST: tn_buf_c(b, ((tn_digest *)f->at)->hex); break;
    case FIELD_SCORES: write_scores(f->at, b); break;
    }
}

/* The inverse of write_scores. */
static bool read_scores(tn_str text, tn_scores *out)
{
    tn_str name, value, less;
    out->n = 0;
    while (text.len > 0 && tn_str_cut(&text, ' ', &name)) {
        double v;
        char c[sizeof out->score[0].name];
        if (out->n == TN_SCORES_MAX || name.len == 0 || name.len >= sizeof c || memchr(name.ptr, 0, name.len) ||
            !tn_str_cut(&text, ' ', &value) || !tn_str_to_f64(value, &v) || !tn_str_cut(&text, ' ', &less))
            return false;
        memcpy(c, name.ptr, name.len);
        c[name.len] = 0;
        tn_scores_add(out, c, v, tn_str_is(less, "less"));
    }
    return true;
}

static bool read_field(const field *f, tn_str text)
{
    int64_t v;
    if (f->type == FIELD_F64)
        return tn_str_to_f64(text, f->at);
    if (f->type == FIELD_SCORES)
        return read_scores(text, f->at);
    if (f->type == FIELD_DIGEST) {
        tn_digest *d = f->at;
        if (text.len != 64)
            return false;
        memcpy(d->hex, text.ptr, 64);
        d->hex[64] = 0;
        return true;
    }
    if (!tn_str_to_i64(text, &v) || v < (f->type == FIELD_I64 ? -1 : 0) ||
        v > (f->type == FIELD_I32 ? INT32_MAX : INT64_MAX))
        return false;
    switch (f->type) {
    case FIELD_I64: *(int64_t *)f->at = v; break;
    case FIELD_I32: *(int32_t *)f->at = (int32_t)v; break;
    case FIELD_U64: *(uint64_t *)f->at = (uint64_t)v; break;
    default: *(bool *)f->at = v != 0; break;
    }
    return true;
}

static tn_status read_state(const tn_st *st, tn_train_state *out, tn_err *err)
{
    field f[N_FIELDS];
    list_fields(out, f);
    if (!tn_json_is_str(tn_json_get(st->metadata, "kind"), KIND))
        return tn_fail(err, TN_EFORMAT, "this is no \"%s\" file", KIND);
    for (int i = 0; i < N_FIELDS; i++)
        if (!tn_json_get(st->metadata, f[i].key) || !read_field(&f[i], tn_json_str(tn_json_get(st->metadata, f[i].key))))
            return tn_fail(err, TN_EFORMAT, "its metadata has no good \"%s\"", f[i].key);
    if (out->step < 0 || out->step > out->out.n_planned || out->out.n_steps != out->step ||
        out->last_eval > out->step || out->out.best_step < 0 || out->out.best_step > out->step)
        return tn_fail(err, TN_EFORMAT,
                       "its counters do not fit: step %" PRId64 " of %" PRId64 ", best %" PRId64 ", evaluated %" PRId64,
                       out->step, out->out.n_planned, out->out.best_step, out->last_eval);
    return TN_OK;
}

/* ---- writing ---- */

typedef struct {
    const tn_param *p;
    const int32_t *row;
    size_t width;
} picked;

/* Rows of a table one after the other, from byte `at` of them. Row and piece sizes are multiples of 4. */
static tn_status fill_rows(void *ctx, uint64_t at, size_t n_bytes, uint8_t *out, tn_err *err)
{
    const picked *c = ctx;
    size_t row_bytes = c->width * sizeof(float);
    for (size_t done = 0; done < n_bytes;) {
        size_t i = (size_t)((at + done) / row_bytes), inside = (size_t)((at + done) % row_bytes);
        size_t n = row_bytes - inside < n_bytes - done ? row_bytes - inside : n_bytes - done;
        const float *row = c->p->value + (size_t)c->row[i] * c->width;
        memcpy(out + done, (const uint8_t *)row + inside, n);
        done += n;
    }
    return TN_OK;
}

typedef struct {
    tn_st_item *item;
    size_t n;
    tn_arena *a;
    bool failed;
} item_list;

static tn_st_item *add_item(item_list *l, const char *prefix, tn_str name, const void *data, size_t n_bytes)
{
    tn_st_item *it = &l->item[l->n++];
    *it = (tn_st_item){
        .name = tn_str_format(l->a, "%s%.*s", prefix, TN_ARG(name)), .dtype = TN_ST_F32, .data = {data, n_bytes}};
    l->failed |= !it->name.ptr;
    return it;
}

static void set_shape(item_list *l, tn_st_item *it, uint32_t rank, uint64_t first, const tn_param *p, size_t width)
{
    uint64_t *shape = TN_ARENA_ARRAY(l->a, uint64_t, 4);
    l->failed |= !shape;
    it->shape = shape;
    it->rank = rank;
    if (!shape)
        return;
    shape[0] = first;
    shape[1] = width;
    for (uint32_t d = 0; p && d < rank; d++)
        shape[d] = (uint64_t)p->dim[d];
}

/* A table whose untouched rows are as they were. */
static void add_rows(item_list *l, const tn_param *p, const tn_adamw_moments *m, bool with_moments)
{
    size_t n_bytes = m->n_rows * m->width * sizeof(float);
    picked *c = tn_arena_alloc(l->a, sizeof *c);
    l->failed |= !c;
    if (!c)
        return;
    *c = (picked){p, m->row, m->width};
    tn_st_item *it = add_item(l, "", p->name, NULL, 0);
    it->fill = fill_rows;
    it->ctx = c;
    set_shape(l, it, 2, m->n_rows, NULL, m->width);
    it = add_item(l, "rows/", p->name, m->row, m->n_rows * sizeof *m->row);
    it->dtype = TN_ST_I32;
    set_shape(l, it, 1, m->n_rows, NULL, 0);
    if (with_moments) {
        set_shape(l, add_item(l, "m/", p->name, m->m, n_bytes), 2, m->n_rows, NULL, m->width);
        set_shape(l, add_item(l, "v/", p->name, m->v, n_bytes), 2, m->n_rows, NULL, m->width);
    }
}

static void add_param(item_list *l, const tn_param *p, tn_adamw_state *o, size_t index, bool with_moments)
{
    tn_adamw_moments m = tn_adamw_moments_of(o, index);
    if (!tn_adamw_changes_all_rows(o, index)) {
        add_rows(l, p, &m, with_moments);
        return;
    }
    size_t n_bytes = m.n_rows * m.width * sizeof(float);
    set_shape(l, add_item(l, "", p->name, p->value, p->size * sizeof(float)), (uint32_t)p->n_dims, 0, p, 0);
    if (!with_moments)
        return;
    if (p->sparse) {
        tn_st_item *it = add_item(l, "rows/", p->name, m.row, m.n_rows * sizeof *m.row);
        it->dtype = TN_ST_I32;
        set_shape(l, it, 1, m.n_rows, NULL, 0);
    }
    const tn_param *shape = p->sparse ? NULL : p;
    uint32_t rank = p->sparse ? 2 : (uint32_t)p->n_dims;
    set_shape(l, add_item(l, "m/", p->name, m.m, n_bytes), rank, m.n_rows, shape, m.width);
    set_shape(l, add_item(l, "v/", p->name, m.v, n_bytes), rank, m.n_rows, shape, m.width);
}

static tn_status make_metadata(const tn_train_state *s, tn_arena *a, tn_st_meta meta[N_FIELDS + 1], tn_err *err)
{
    tn_train_state copy = *s;
    field f[N_FIELDS];
    list_fields(&copy, f);
    tn_buf b = TN_BUF_INIT;
    meta[N_FIELDS] = (tn_st_meta){"kind", KIND};
    bool ok = true;
    for (int i = 0; i < N_FIELDS; i++) {
        tn_buf_clear(&b);
        write_field(&f[i], &b);
        meta[i] = (tn_st_meta){f[i].key, tn_str_c(a, tn_buf_view(&b))};
        ok &= meta[i].value != NULL;
    }
    tn_status st = ok ? tn_buf_status(&b, err) : tn_fail_nomem(err, 64);
    tn_buf_free(&b);
    return st;
}

tn_status tn_checkpoint_write(const char *path, const tn_learner *l, tn_adamw_state *o, bool with_moments,
                              const tn_train_state *s, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 0);
    tn_status st;
    tn_st_meta meta[N_FIELDS + 1];
    item_list list = {.item = TN_ARENA_ARRAY(a, tn_st_item, 4 * l->n_params), .a = a};
    if (!list.item) {
        st = tn_fail_nomem(err, 4 * l->n_params * sizeof *list.item);
        goto done;
    }
    TN_GO(make_metadata(s, a, meta, err));
    for (size_t i = 0; i < l->n_params; i++)
        add_param(&list, &l->param[i], o, i, with_moments);
    if (list.failed) {
        st = tn_fail_nomem(err, 64);
        goto done;
    }
    st = tn_st_write(path, list.item, list.n, meta, TN_COUNT(meta), err);
done:
    tn_arena_free(a);
    return st;
}

/* ---- reading ---- */

typedef struct {
    const tn_st_entry *value, *m, *v, *rows;
    size_t n_rows;      /* of a table of which only some rows are there */
    const int32_t *row; /* [n_rows] copied to be aligned, NULL for a whole parameter without moments of rows */
} found;

static tn_status find_entry(const tn_st *st, const char *prefix, const tn_param *p, tn_st_dtype dtype,
                            uint64_t n_elements, tn_arena *a, const tn_st_entry **out, tn_err *err)
{
    tn_str name = tn_str_format(a, "%s%.*s", prefix, TN_ARG(p->name));
    if (!name.ptr)
        return tn_fail_nomem(err, p->name.len);
    const tn_st_entry *e = tn_st_find(st, name);
    if (!e)
        return tn_fail(err, TN_EFORMAT, "it has no \"%.*s\"", TN_ARG(name));
    if (e->dtype != dtype || (n_elements != UINT64_MAX && e->n_elements != n_elements))
        return tn_fail(err, TN_EFORMAT, "\"%.*s\" has %" PRIu64 " elements of %s, %" PRIu64 " of %s were expected",
                       TN_ARG(name), e->n_elements, tn_st_dtype_name(e->dtype), n_elements, tn_st_dtype_name(dtype));
    *out = e;
    return TN_OK;
}

static tn_status find_rows(const tn_st *st, const tn_param *p, tn_arena *a, found *f, tn_err *err)
{
    TN_TRY(find_entry(st, "rows/", p, TN_ST_I32, UINT64_MAX, a, &f->rows, err));
    size_t n = f->n_rows = (size_t)f->rows->n_elements, total = (size_t)p->dim[0];
    int32_t *row = TN_ARENA_ARRAY(a, int32_t, n);
    uint8_t *seen = tn_arena_calloc(a, total);
    if (!row || !seen)
        return tn_fail_nomem(err, n * sizeof *row + total);
    memcpy(row, f->rows->data.ptr, n * sizeof *row);
    for (size_t i = 0; i < n; i++) {
        if (row[i] < 0 || (size_t)row[i] >= total || seen[row[i]])
            return tn_fail(err, TN_EFORMAT, "\"rows/%.*s\" holds row %" PRId32 " twice or beyond the table",
                           TN_ARG(p->name), row[i]);
        seen[row[i]] = 1;
    }
    f->row = row;
    return TN_OK;
}

static tn_status find_param(const tn_st *st, const tn_param *p, bool whole, bool with_moments, tn_arena *a, found *f,
                            size_t *n_used, tn_err *err)
{
    size_t width = p->sparse ? p->size / (size_t)p->dim[0] : p->size;
    bool has_rows = p->sparse && (with_moments || !whole);
    *f = (found){.n_rows = 1};
    if (has_rows)
        TN_TRY(find_rows(st, p, a, f, err));
    TN_TRY(find_entry(st, "", p, TN_ST_F32, whole ? p->size : f->n_rows * width, a, &f->value, err));
    if (with_moments) {
        TN_TRY(find_entry(st, "m/", p, TN_ST_F32, f->n_rows * width, a, &f->m, err));
        TN_TRY(find_entry(st, "v/", p, TN_ST_F32, f->n_rows * width, a, &f->v, err));
    }
    *n_used += 1u + has_rows + 2u * with_moments;
    return TN_OK;
}

static void copy_param(const tn_learner *l, size_t i, tn_adamw_state *o, const found *f, bool whole, bool with_moments)
{
    const tn_param *p = &l->param[i];
    /* Touching a row notes its first value: before the value is overwritten. */
    if (with_moments && p->sparse)
        tn_adamw_restore_rows(o, i, f->row, f->n_rows);
    if (with_moments) {
        tn_adamw_moments m = tn_adamw_moments_of(o, i);
        memcpy(m.m, f->m->data.ptr, f->m->data.len);
        memcpy(m.v, f->v->data.ptr, f->v->data.len);
    }
    if (whole) {
        memcpy(p->value, f->value->data.ptr, f->value->data.len);
        return;
    }
    size_t width = p->size / (size_t)p->dim[0];
    for (size_t k = 0; k < f->n_rows; k++)
        memcpy(p->value + (size_t)f->row[k] * width, f->value->data.ptr + k * width * sizeof(float),
               width * sizeof(float));
}

static tn_status parse_checkpoint(tn_bytes file, tn_arena *a, tn_st *st, tn_train_state *state, tn_err *err)
{
    TN_TRY(tn_st_parse(file, a, st, err));
    return read_state(st, state, err);
}

tn_status tn_checkpoint_peek(const char *path, tn_train_state *out, tn_err *err)
{
    tn_file file;
    tn_st st;
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 0);
    tn_status status = tn_file_open(path, &file, err);
    if (status == TN_OK) {
        status = parse_checkpoint(file.bytes, a, &st, out, err);
        if (status != TN_OK)
            tn_fail_prefix(err, "%s", path);
        tn_file_close(&file);
    }
    tn_arena_free(a);
    return status;
}

static tn_status read_params(const tn_st *file, const tn_learner *l, tn_adamw_state *o, bool with_moments, int64_t step,
                             tn_arena *a, tn_err *err)
{
    size_t n_used = 0;
    found *f = TN_ARENA_ARRAY(a, found, l->n_params);
    if (!f)
        return tn_fail_nomem(err, l->n_params * sizeof *f);
    for (size_t i = 0; i < l->n_params; i++)
        TN_TRY(find_param(file, &l->param[i], tn_adamw_changes_all_rows(o, i), with_moments, a, &f[i], &n_used, err));
    if (n_used != file->n)
        return tn_fail(err, TN_EFORMAT, "it has %zu tensors, the model %zu", file->n, n_used);
    if (with_moments)
        tn_adamw_restore(o, step);
    for (size_t i = 0; i < l->n_params; i++)
        copy_param(l, i, o, &f[i], tn_adamw_changes_all_rows(o, i), with_moments);
    l->params_changed(l->self);
    return TN_OK;
}

tn_status tn_checkpoint_parse(tn_bytes file, const tn_learner *l, tn_adamw_state *o, bool with_moments, tn_err *err)
{
    tn_st st;
    tn_train_state state;
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 0);
    tn_status status = parse_checkpoint(file, a, &st, &state, err);
    if (status == TN_OK)
        status = read_params(&st, l, o, with_moments, state.step, a, err);
    tn_arena_free(a);
    return status;
}

tn_status tn_checkpoint_read(const char *path, const tn_learner *l, tn_adamw_state *o, bool with_moments, tn_err *err)
{
    tn_file file;
    TN_TRY(tn_file_open(path, &file, err));
    tn_status status = tn_checkpoint_parse(file.bytes, l, o, with_moments, err);
    if (status != TN_OK)
        tn_fail_prefix(err, "%s", path);
    tn_file_close(&file);
    return status;
}
