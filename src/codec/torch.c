/* A stack machine over an allow-list. Values are small and by value; dictionaries, lists and tuples are one growing
 * sequence in the arena, so that a name bound twice is the same thing. No instruction recurses, and each makes at most a
 * constant number of values or moves each value once, so time and memory are linear in the program's length.
 *
 * Invariant: a tensor leaves this file only after its last element was found inside its storage, by arithmetic that
 * cannot wrap. */
#include "codec/torch.h"

#include "base/map.h"
#include "codec/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_PROGRAM = 64 << 20, /* bytes of one pickle: about 100 a tensor, so half a million tensors */
    MAX_RANK = 8,
};

typedef enum { NONE, BOOL, INT, FLOAT, STRING, TUPLE, LIST, DICT, NAME, STORAGE, TENSOR } kind;

typedef enum { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_TYPE } role;

static const struct name {
    const char *module, *name;
    role role;
    tn_st_dtype dtype;
} names[] = {
    {"collections", "OrderedDict", ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor", REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, 0},
    {"torch", "FloatStorage", STORAGE_TYPE, TN_ST_F32},
    {"torch", "HalfStorage", STORAGE_TYPE, TN_ST_F16},
    {"torch", "BFloat16Storage", STORAGE_TYPE, TN_ST_BF16},
    {"torch", "DoubleStorage", STORAGE_TYPE, TN_ST_F64},
    {"torch", "LongStorage", STORAGE_TYPE, TN_ST_I64},
    {"torch", "IntStorage", STORAGE_TYPE, TN_ST_I32},
    {"torch", "ShortStorage", STORAGE_TYPE, TN_ST_I16},
    {"torch", "CharStorage", STORAGE_TYPE, TN_ST_I8},
    {"torch", "ByteStorage", STORAGE_TYPE, TN_ST_U8},
    {"torch", "BoolStorage", STORAGE_TYPE, TN_ST_BOOL},
};

struct storage {
    tn_st_dtype dtype;
    tn_str key;
    uint64_t n; /* elements */
    bool found;
    tn_bytes data;
};

struct tensor {
    struct storage *storage;
    uint64_t offset;
    uint32_t rank;
    uint64_t *shape, *stride;
};

typedef struct value value;
typedef struct {
    value *at;
    size_t n, cap;
} sequence;

struct value {
    kind kind;
    union {
        int64_t i;
        tn_str s;
        sequence *seq; /* of a DICT: key, value, key, value ... */
        const struct name *name;
        struct storage *storage;
        struct tensor *tensor;
    };
};

typedef struct {
    tn_arena *a;
    tn_err *err;
    tn_bytes code;
    size_t at;
    sequence stack, memo, marks;
    tn_map storages; /* key -> address of the storage */
} machine;

/* ---- small parts ---- */

static tn_status bad(machine *m, const char *what)
{
    return tn_fail(m->err, TN_EFORMAT, "pickle: %s at byte %zu", what, m->at);
}

static tn_status push(machine *m, sequence *s, value v)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        value *grown = TN_ARENA_ARRAY(m->a, value, cap);
        if (!grown)
            return tn_fail_nomem(m->err, cap * sizeof *grown);
        if (s->n)
            memcpy(grown, s->at, s->n * sizeof *grown);
        s->at = grown;
        s->cap = cap;
    }
    s->at[s->n++] = v;
    return TN_OK;
}

static tn_status push_stack(machine *m, value v)
{
    return push(m, &m->stack, v);
}

/* Values above the last mark belong to nobody else yet. */
static size_t floor_of(const machine *m)
{
    return m->marks.n ? (size_t)m->marks.at[m->marks.n - 1].i : 0;
}

static tn_status pop(machine *m, value *out)
{
    if (m->stack.n <= floor_of(m))
        return bad(m, "nothing is left on the stack");
    *out = m->stack.at[--m->stack.n];
    return TN_OK;
}

static tn_status top(machine *m, kind k, value *out)
{
    if (m->stack.n <= floor_of(m) || m->stack.at[m->stack.n - 1].kind != k)
        return bad(m, "an instruction finds a value of another kind");
    *out = m->stack.at[m->stack.n - 1];
    return TN_OK;
}

static tn_status take(machine *m, size_t n, const uint8_t **out)
{
    if (n > m->code.len - m->at)
        return bad(m, "the program is cut short");
    *out = m->code.ptr + m->at;
    m->at += n;
    return TN_OK;
}

static tn_status take_number(machine *m, size_t n_bytes, uint64_t *out)
{
    const uint8_t *p = NULL;
    TN_TRY(take(m, n_bytes, &p));
    *out = 0;
    for (size_t i = 0; i < n_bytes; i++)
        *out |= (uint64_t)p[i] << 8 * i;
    return TN_OK;
}

static tn_status push_int(machine *m, int64_t i)
{
    return push_stack(m, (value){INT, {.i = i}});
}

static tn_status push_sequence(machine *m, kind k)
{
    sequence *s = tn_arena_calloc(m->a, sizeof *s);
    return s ? push_stack(m, (value){k, {.seq = s}}) : tn_fail_nomem(m->err, sizeof *s);
}

/* ---- instructions ---- */

static tn_status string(machine *m, size_t length_bytes)
{
    uint64_t n = 0;
    const uint8_t *p = NULL;
    TN_TRY(take_number(m, length_bytes, &n));
    if (n > m->code.len)
        return bad(m, "the program is cut short");
    TN_TRY(take(m, (size_t)n, &p));
    tn_str s = {(const char *)p, (size_t)n};
    return tn_utf8_check(s) == s.len ? push_stack(m, (value){STRING, {.s = s}}) : bad(m, "a string is not UTF-8");
}

static tn_status long_number(machine *m)
{
    uint64_t n = 0, bits = 0;
    TN_TRY(take_number(m, 1, &n));
    if (n > 8)
        return bad(m, "a number over 64 bits");
    TN_TRY(take_number(m, (size_t)n, &bits));
    if (n > 0 && n < 8 && bits >> (8 * n - 1))
        bits |= UINT64_MAX << 8 * n;
    return push_int(m, (int64_t)bits);
}

/* The last n values become a tuple; the mark that stood below them goes. */
static tn_status tuple(machine *m, size_t n)
{
    if (m->stack.n - floor_of(m) < n)
        return bad(m, "nothing is left on the stack");
    value *item = TN_ARENA_ARRAY(m->a, value, n);
    sequence *s = tn_arena_calloc(m->a, sizeof *s);
    if (!item || !s)
        return tn_fail_nomem(m->err, n * sizeof *item);
    m->stack.n -= n;
    if (n)
        memcpy(item, m->stack.at + m->stack.n, n * sizeof *item);
    *s = (sequence){item, n, n};
    return push_stack(m, (value){TUPLE, {.seq = s}});
}

static tn_status since_mark(machine *m, size_t *n)
{
    if (m->marks.n == 0)
        return bad(m, "a mark is missing");
    *n = m->stack.n - floor_of(m);
    m->marks.n--;
    return TN_OK;
}

static tn_status marked_tuple(machine *m)
{
    size_t n = 0;
    TN_TRY(since_mark(m, &n));
    return tuple(m, n);
}

/* n values go from the stack into the list or dictionary below them. */
static tn_status put_into(machine *m, kind k, size_t n)
{
    if (m->stack.n - floor_of(m) < n + 1 || (k == DICT && n % 2))
        return bad(m, "nothing is left on the stack");
    const value *from = m->stack.at + m->stack.n - n;
    value into = {0};
    m->stack.n -= n;
    TN_TRY(top(m, k, &into));
    for (size_t i = 0; i < n; i++)
        TN_TRY(push(m, into.seq, from[i]));
    return TN_OK;
}

static tn_status put_marked(machine *m, kind k)
{
    size_t n = 0;
    TN_TRY(since_mark(m, &n));
    return put_into(m, k, n);
}

static tn_status name_of(machine *m, tn_str module, tn_str name)
{
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (tn_str_is(module, names[i].module) && tn_str_is(name, names[i].name))
            return push_stack(m, (value){NAME, {.name = &names[i]}});
    tn_str shown = tn_str_format(m->a, "%.*s.%.*s", TN_ARG(module), TN_ARG(name));
    return shown.ptr ? tn_fail(m->err, TN_EINVALID,
                               "pickle: the file asks for %.*s, which is no part of a tensor; only tensors are read, "
                               "nothing is run",
                               (int)(shown.len < 120 ? shown.len : 120), shown.ptr)
                     : tn_fail_nomem(m->err, name.len);
}

static tn_status line(machine *m, tn_str *out)
{
    const uint8_t *from = m->code.ptr + m->at, *end = memchr(from, '\n', m->code.len - m->at);
    if (!end || tn_utf8_check((tn_str){(const char *)from, (size_t)(end - from)}) != (size_t)(end - from))
        return bad(m, "a name is cut short");
    *out = (tn_str){(const char *)from, (size_t)(end - from)};
    m->at += out->len + 1;
    return TN_OK;
}

static tn_status global(machine *m)
{
    tn_str module, name;
    TN_TRY(line(m, &module));
    TN_TRY(line(m, &name));
    return name_of(m, module, name);
}

static tn_status global_of_stack(machine *m)
{
    value name = {0}, module = {0};
    TN_TRY(pop(m, &name));
    TN_TRY(pop(m, &module));
    return name.kind == STRING && module.kind == STRING ? name_of(m, module.s, name.s) : bad(m, "a name is no string");
}

static tn_status memo_put(machine *m, uint64_t i)
{
    if (m->stack.n <= floor_of(m) || i > m->memo.n)
        return bad(m, "the memo is used out of order");
    value v = m->stack.at[m->stack.n - 1];
    if (i == m->memo.n)
        return push(m, &m->memo, v);
    m->memo.at[i] = v;
    return TN_OK;
}

static tn_status memo_get(machine *m, uint64_t i)
{
    return i < m->memo.n ? push_stack(m, m->memo.at[i]) : bad(m, "the memo has no such place");
}

/* ("storage", type, key, place, number of elements[, view]): the place (cpu, cuda:0) does not matter here. */
static tn_status persistent(machine *m)
{
    value id = {0}, *v;
    bool is_new;
    TN_TRY(pop(m, &id));
    if (id.kind != TUPLE || id.seq->n < 5 || id.seq->n > 6)
        return bad(m, "an unknown kind of persistent id");
    v = id.seq->at;
    if (v[0].kind != STRING || !tn_str_is(v[0].s, "storage") || v[1].kind != NAME || v[1].name->role != STORAGE_TYPE ||
        v[2].kind != STRING || v[4].kind != INT || v[4].i < 0)
        return bad(m, "an unknown kind of persistent id");
    if (id.seq->n == 6 && v[5].kind != NONE)
        return tn_fail(m->err, TN_EINVALID, "pickle: a storage that is a view of another one, which is not read here");
    struct storage *s = NULL;
    uint64_t *known = tn_map_put(&m->storages, v[2].s, 0, &is_new);
    if (!known || (is_new && !(s = tn_arena_calloc(m->a, sizeof *s))))
        return tn_fail_nomem(m->err, sizeof *s);
    if (is_new) {
        *s = (struct storage){.dtype = v[1].name->dtype, .key = v[2].s, .n = (uint64_t)v[4].i};
        *known = (uint64_t)(uintptr_t)s;
    }
    s = (struct storage *)(uintptr_t)*known;
    if (s->dtype != v[1].name->dtype || s->n != (uint64_t)v[4].i)
        return bad(m, "a storage is described in two ways");
    return push_stack(m, (value){STORAGE, {.storage = s}});
}

static tn_status numbers(machine *m, const value *v, uint64_t **out, uint32_t *n)
{
    if (v->kind != TUPLE || v->seq->n > MAX_RANK)
        return bad(m, "a shape is no tuple of at most 8 numbers");
    *n = (uint32_t)v->seq->n;
    if (!(*out = TN_ARENA_ARRAY(m->a, uint64_t, *n)))
        return tn_fail_nomem(m->err, *n * sizeof **out);
    for (uint32_t i = 0; i < *n; i++) {
        if (v->seq->at[i].kind != INT || v->seq->at[i].i < 0)
            return bad(m, "a shape or stride is no whole number from 0");
        (*out)[i] = (uint64_t)v->seq->at[i].i;
    }
    return TN_OK;
}

/* (storage, offset, shape, stride, ...) */
static tn_status rebuild(machine *m, const sequence *s)
{
    struct tensor *t = tn_arena_calloc(m->a, sizeof *t);
    uint32_t n_strides = 0;
    if (!t)
        return tn_fail_nomem(m->err, sizeof *t);
    if (s->n < 4 || s->at[0].kind != STORAGE || s->at[1].kind != INT || s->at[1].i < 0)
        return bad(m, "a tensor without storage and offset");
    t->storage = s->at[0].storage;
    t->offset = (uint64_t)s->at[1].i;
    TN_TRY(numbers(m, &s->at[2], &t->shape, &t->rank));
    TN_TRY(numbers(m, &s->at[3], &t->stride, &n_strides));
    if (n_strides != t->rank)
        return bad(m, "a tensor has as many strides as dimensions, and this one has not");
    return push_stack(m, (value){TENSOR, {.tensor = t}});
}

static tn_status reduce(machine *m)
{
    value what = {0}, how = {0};
    TN_TRY(pop(m, &what));
    TN_TRY(pop(m, &how));
    if (how.kind != NAME || what.kind != TUPLE)
        return bad(m, "a call of something that is no known name");
    switch (how.name->role) {
    case ORDERED_DICT: return what.seq->n == 0 ? push_sequence(m, DICT) : bad(m, "an OrderedDict with arguments");
    case REBUILD_TENSOR: return rebuild(m, what.seq);
    case REBUILD_PARAMETER:
        return what.seq->n > 0 && what.seq->at[0].kind == TENSOR ? push_stack(m, what.seq->at[0])
                                                                 : bad(m, "a parameter that is no tensor");
    case STORAGE_TYPE: break;
    }
    return bad(m, "a call of a type");
}

/* What an OrderedDict carries besides its items (_metadata of a state_dict) is of no use here. */
static tn_status build(machine *m)
{
    value state = {0}, object = {0};
    TN_TRY(pop(m, &state));
    return top(m, DICT, &object);
}

static tn_status mark(machine *m)
{
    return push(m, &m->marks, (value){INT, {.i = (int64_t)m->stack.n}});
}

static tn_status step(machine *m, uint8_t op)
{
    uint64_t n = 0;
    value v = {0};
    switch (op) {
    case 0x80: TN_TRY(take_number(m, 1, &n)); return n >= 2 && n <= 5 ? TN_OK : bad(m, "an unknown protocol");
    case 0x95: return take_number(m, 8, &n); /* FRAME: a hint for reading ahead */
    case '(': return mark(m);
    case 'N': return push_stack(m, (value){.kind = NONE});
    case 0x88: return push_stack(m, (value){BOOL, {.i = 1}});
    case 0x89: return push_stack(m, (value){BOOL, {.i = 0}});
    case 'J': TN_TRY(take_number(m, 4, &n)); return push_int(m, (int32_t)(uint32_t)n);
    case 'K': TN_TRY(take_number(m, 1, &n)); return push_int(m, (int64_t)n);
    case 'M': TN_TRY(take_number(m, 2, &n)); return push_int(m, (int64_t)n);
    case 0x8A: return long_number(m);
    case 'G': TN_TRY(take_number(m, 8, &n)); return push_stack(m, (value){.kind = FLOAT});
    case 'X':
    case 'T': return string(m, 4);
    case 0x8C:
    case 'U': return string(m, 1);
    case ')': return tuple(m, 0);
    case 0x85: return tuple(m, 1);
    case 0x86: return tuple(m, 2);
    case 0x87: return tuple(m, 3);
    case 't': return marked_tuple(m);
    case '}': return push_sequence(m, DICT);
    case ']': return push_sequence(m, LIST);
    case 's': return put_into(m, DICT, 2);
    case 'u': return put_marked(m, DICT);
    case 'a': return put_into(m, LIST, 1);
    case 'e': return put_marked(m, LIST);
    case 'c': return global(m);
    case 0x93: return global_of_stack(m);
    case 'q': TN_TRY(take_number(m, 1, &n)); return memo_put(m, n);
    case 'r': TN_TRY(take_number(m, 4, &n)); return memo_put(m, n);
    case 0x94: return memo_put(m, m->memo.n);
    case 'h': TN_TRY(take_number(m, 1, &n)); return memo_get(m, n);
    case 'j': TN_TRY(take_number(m, 4, &n)); return memo_get(m, n);
    case '0': return pop(m, &v);
    case 'Q': return persistent(m);
    case 'R': return reduce(m);
    case 'b': return build(m);
    default: break;
    }
    return tn_fail(m->err, TN_EINVALID, "pickle: the instruction 0x%02x at byte %zu is not one that tensors need", op,
                   m->at - 1);
}

/* Runs one program from m->at to its end. */
static tn_status run(machine *m, value *out)
{
    size_t from = m->at;
    m->stack.n = m->marks.n = m->memo.n = 0;
    for (;;) {
        const uint8_t *op = NULL;
        if (m->at - from > MAX_PROGRAM)
            return tn_fail(m->err, TN_ELIMIT, "pickle: a program of over %d bytes", (int)MAX_PROGRAM);
        TN_TRY(take(m, 1, &op));
        if (*op == '.')
            break;
        TN_TRY(step(m, *op));
    }
    TN_TRY(pop(m, out));
    return m->stack.n == 0 && m->marks.n == 0 ? TN_OK : bad(m, "more than one value is left");
}

/* ---- tensors ---- */

/* Elements of the shape, and whether they lie in storage one after the other. Fails where the last one lies outside. */
static tn_status measure(const struct tensor *t, tn_str name, uint64_t *n, bool *plain, tn_err *err)
{
    uint64_t last = t->offset, next = 1;
    *n = 1;
    *plain = true;
    for (uint32_t d = t->rank; d-- > 0;) {
        if (__builtin_mul_overflow(*n, t->shape[d], n))
            return tn_fail(err, TN_EFORMAT, "pickle: tensor \"%.*s\" has too many elements", TN_ARG(name));
        *plain = *plain && (t->shape[d] == 1 || t->stride[d] == next);
        next = *n;
    }
    if (*n == 0)
        return TN_OK;
    for (uint32_t d = 0; d < t->rank; d++) {
        uint64_t reach;
        if (__builtin_mul_overflow(t->shape[d] - 1, t->stride[d], &reach) || __builtin_add_overflow(last, reach, &last))
            return tn_fail(err, TN_EFORMAT, "pickle: tensor \"%.*s\" reaches beyond its storage", TN_ARG(name));
    }
    if (last >= t->storage->n)
        return tn_fail(err, TN_EFORMAT, "pickle: tensor \"%.*s\" reaches beyond its storage", TN_ARG(name));
    if (*n > t->storage->n)
        return tn_fail(err, TN_EINVALID, "pickle: tensor \"%.*s\" is a view that repeats elements", TN_ARG(name));
    return TN_OK;
}

static void copy_strided(const struct tensor *t, size_t size, uint64_t n, uint8_t *out)
{
    uint64_t at[MAX_RANK] = {0}, place = t->offset;
    for (uint64_t i = 0; i < n; i++) {
        memcpy(out + i * size, t->storage->data.ptr + place * size, size);
        for (uint32_t d = t->rank; d-- > 0;) {
            place += t->stride[d];
            if (++at[d] < t->shape[d])
                break;
            place -= t->shape[d] * t->stride[d];
            at[d] = 0;
        }
    }
}

static tn_status make_entry(machine *m, tn_str name, const struct tensor *t, size_t *copied, size_t limit,
                            tn_st_entry *out)
{
    size_t size = tn_st_dtype_bits(t->storage->dtype) / 8;
    bool plain = true;
    *out = (tn_st_entry){.name = name, .dtype = t->storage->dtype, .rank = t->rank, .shape = t->shape};
    TN_TRY(measure(t, name, &out->n_elements, &plain, m->err));
    size_t bytes = (size_t)out->n_elements * size; /* at most the storage's, which is in memory */
    if (out->n_elements == 0)
        out->data = (tn_bytes){m->code.ptr, 0};
    if (out->n_elements == 0 || plain) {
        if (out->n_elements)
            out->data = (tn_bytes){t->storage->data.ptr + t->offset * size, bytes};
        return TN_OK;
    }
    if (bytes > limit - *copied)
        return tn_fail(m->err, TN_ELIMIT, "pickle: views, \"%.*s\" among them, that copied are larger than the file",
                       TN_ARG(name));
    *copied += bytes;
    uint8_t *copy = tn_arena_alloc(m->a, bytes);
    if (!copy)
        return tn_fail_nomem(m->err, bytes);
    copy_strided(t, size, out->n_elements, copy);
    out->data = (tn_bytes){copy, bytes};
    return TN_OK;
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(((const tn_st_entry *)a)->name, ((const tn_st_entry *)b)->name);
}

static tn_status make_entries(machine *m, const value *root, size_t file_len, tn_st *out)
{
    size_t copied = 0;
    if (root->kind != DICT)
        return tn_fail(m->err, TN_EINVALID, "pickle: the file holds no dictionary of tensors");
    size_t n = root->seq->n / 2;
    *out = (tn_st){.entry = TN_ARENA_ARRAY(m->a, tn_st_entry, n)};
    if (!out->entry)
        return tn_fail_nomem(m->err, n * sizeof *out->entry);
    for (size_t i = 0; i < n; i++) {
        const value *key = &root->seq->at[2 * i], *v = key + 1;
        if (key->kind != STRING)
            return tn_fail(m->err, TN_EINVALID, "pickle: a tensor's name is no string");
        if (v->kind != TENSOR)
            return tn_fail(m->err, TN_EINVALID,
                           "pickle: \"%.*s\" is no tensor; what is read here is the state_dict of one model",
                           TN_ARG(key->s));
        TN_TRY(make_entry(m, key->s, v->tensor, &copied, file_len, &out->entry[out->n]));
        out->n++;
    }
    qsort(out->entry, n, sizeof *out->entry, by_name);
    for (size_t i = 1; i < n; i++)
        if (tn_str_eq(out->entry[i].name, out->entry[i - 1].name))
            return tn_fail(m->err, TN_EFORMAT, "pickle: two tensors named \"%.*s\"", TN_ARG(out->entry[i].name));
    return TN_OK;
}

/* ---- the two layouts ---- */

static tn_status big_endian(machine *m)
{
    return tn_fail(m->err, TN_EINVALID, "pickle: the numbers are big-endian, which is not read here");
}

static tn_status storage_bytes(machine *m, const struct storage *s, size_t *out)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(s->n, tn_st_dtype_bits(s->dtype) / 8, &bytes) || bytes > SIZE_MAX)
        return bad(m, "a storage is too large");
    *out = (size_t)bytes;
    return TN_OK;
}

static tn_status no_storage(machine *m, const struct storage *s, size_t bytes)
{
    return tn_fail(m->err, TN_EFORMAT, "pickle: the storage \"%.*s\" of %zu bytes is not in the file", TN_ARG(s->key),
                   bytes);
}

/* Members by their names behind the archive's root. */
static tn_status read_storages(machine *m, const tn_zip *z, const tn_map *members)
{
    for (size_t i = 0; i < m->storages.len; i++) {
        struct storage *s = (struct storage *)(uintptr_t)m->storages.entry[i].value;
        size_t bytes = 0;
        tn_str name = tn_str_format(m->a, "data/%.*s", TN_ARG(s->key));
        if (!name.ptr)
            return tn_fail_nomem(m->err, s->key.len);
        TN_TRY(storage_bytes(m, s, &bytes));
        const uint64_t *at = tn_map_find(members, name);
        if (!at || z->entry[*at].size != bytes)
            return no_storage(m, s, bytes);
        TN_TRY(tn_zip_read(&z->entry[*at], bytes, m->a, &s->data, m->err));
    }
    return TN_OK;
}

/* NAME/data.pkl, NAME/data/KEY, NAME/byteorder. */
static tn_status read_members(machine *m, const tn_zip *z, const tn_map *members, size_t file_len, tn_st *out)
{
    const uint64_t *program = tn_map_find(members, TN_STR("data.pkl")), *order = tn_map_find(members, TN_STR("byteorder"));
    tn_bytes text = TN_BYTES("little"); /* older files do not say */
    value root = {0};
    if (!program)
        return tn_fail(m->err, TN_EFORMAT, "zip: no data.pkl; this is no file of torch.save");
    if (order)
        TN_TRY(tn_zip_read(&z->entry[*order], 16, m->a, &text, m->err));
    if (!tn_str_is(tn_str_from_bytes(text), "little"))
        return big_endian(m);
    TN_TRY(tn_zip_read(&z->entry[*program], MAX_PROGRAM, m->a, &m->code, m->err));
    TN_TRY(run(m, &root));
    TN_TRY(read_storages(m, z, members));
    return make_entries(m, &root, file_len, out);
}

static tn_status read_zip(machine *m, tn_bytes file, tn_st *out)
{
    tn_zip z;
    tn_map members = TN_MAP_INIT;
    tn_status st = TN_OK;
    TN_TRY(tn_zip_parse(file, m->a, &z, m->err));
    size_t root = z.n ? tn_str_find(z.entry[0].name, TN_STR("/"), 0) : SIZE_MAX;
    for (size_t i = 0; i < z.n && root != SIZE_MAX; i++) {
        tn_str name = z.entry[i].name;
        if (tn_str_eq(tn_str_sub(name, 0, root + 1), tn_str_sub(z.entry[0].name, 0, root + 1)) &&
            !tn_map_put(&members, tn_str_sub(name, root + 1, name.len), i, NULL))
            TN_GO(tn_fail_nomem(m->err, 64));
    }
    st = read_members(m, &z, &members, file.len, out);
done:
    tn_map_free(&members);
    return st;
}

/* A magic number, a version, facts on the machine, the dictionary, the keys of the storages: each a pickle. Then, for
 * each key, a count of 8 bytes and the elements. */
static const char magic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

static tn_status check_machine(machine *m, const value *facts)
{
    for (size_t i = 0; facts->kind == DICT && i + 1 < facts->seq->n; i += 2) {
        const value *key = &facts->seq->at[i];
        if (key->kind == STRING && tn_str_is(key->s, "little_endian") && key[1].kind == BOOL && key[1].i == 0)
            return big_endian(m);
    }
    return TN_OK;
}

static tn_status read_plain(machine *m, tn_bytes file, tn_st *out)
{
    value version = {0}, facts = {0}, root = {0}, keys = {0};
    m->code = file;
    m->at = sizeof magic - 1;
    TN_TRY(run(m, &version));
    if (version.kind != INT || version.i != 1001)
        return bad(m, "an unknown version of the format");
    TN_TRY(run(m, &facts));
    TN_TRY(check_machine(m, &facts));
    TN_TRY(run(m, &root));
    TN_TRY(run(m, &keys));
    if (keys.kind != LIST)
        return bad(m, "no list of storages");
    for (size_t i = 0; i < keys.seq->n; i++) {
        const value *key = &keys.seq->at[i];
        const uint64_t *known = key->kind == STRING ? tn_map_find(&m->storages, key->s) : NULL;
        uint64_t n = 0;
        size_t bytes = 0;
        if (!known)
            return bad(m, "a storage that no tensor has");
        struct storage *s = (struct storage *)(uintptr_t)*known;
        TN_TRY(take_number(m, 8, &n));
        if (s->found || n != s->n)
            return bad(m, "a storage is there twice, or has another size");
        s->found = true;
        TN_TRY(storage_bytes(m, s, &bytes));
        TN_TRY(take(m, bytes, &s->data.ptr));
        s->data.len = bytes;
    }
    for (size_t i = 0; i < m->storages.len; i++)
        if (!((struct storage *)(uintptr_t)m->storages.entry[i].value)->found)
            return bad(m, "a storage is missing");
    return make_entries(m, &root, file.len, out);
}

tn_status tn_torch_parse(tn_bytes file, tn_arena *a, tn_st *out, tn_err *err)
{
    machine m = {.a = a, .err = err, .storages = TN_MAP_INIT};
    tn_status st;
    if (file.len >= 4 && memcmp(file.ptr, "PK\3\4", 4) == 0)
        st = read_zip(&m, file, out);
    else if (file.len >= sizeof magic - 1 && memcmp(file.ptr, magic, sizeof magic - 1) == 0)
        st = read_plain(&m, file, out);
    else
        st = tn_fail(err, TN_EFORMAT, "pickle: no file of torch.save: neither its archive nor its magic number");
    tn_map_free(&m.storages);
    return st;
}
