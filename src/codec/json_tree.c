/* Access, duplicates and building. Every reader takes NULL for "absent" (json.h), so each begins with a type test that
 * NULL fails. */
#include "base/map.h"
#include "codec/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- access ---- */

tn_json_type_id tn_json_type(const tn_json *v)
{
    return v ? (tn_json_type_id)v->type : TN_JSON_NONE;
}

const char *tn_json_type_name(tn_json_type_id type)
{
    static const char *name[] = {"nothing", "null", "true or false", "a number", "a string", "an array", "an object"};
    return name[type];
}

static bool is_container(const tn_json *v)
{
    return v && v->type >= TN_JSON_ARRAY;
}

const tn_json *tn_json_first(const tn_json *v)
{
    return is_container(v) && v->as.last ? v->as.last->next : NULL;
}

const tn_json *tn_json_next(const tn_json *v)
{
    return v && !v->is_last ? v->next : NULL;
}

size_t tn_json_len(const tn_json *v)
{
    return is_container(v) ? v->len : 0;
}

const tn_json *tn_json_at(const tn_json *v, size_t n)
{
    const tn_json *c = tn_json_first(v);
    while (c && n--)
        c = tn_json_next(c);
    return c;
}

const tn_json *tn_json_get_str(const tn_json *obj, tn_str key)
{
    if (tn_json_type(obj) != TN_JSON_OBJECT)
        return NULL;
    for (const tn_json *c = tn_json_first(obj); c; c = tn_json_next(c))
        if (tn_str_eq(tn_json_key(c), key))
            return c;
    return NULL;
}

const tn_json *tn_json_get(const tn_json *obj, const char *key)
{
    return tn_json_get_str(obj, tn_str_of(key));
}

tn_str tn_json_key(const tn_json *v)
{
    return v && v->key ? (tn_str){v->key, v->key_len} : TN_STR("");
}

tn_str tn_json_str(const tn_json *v)
{
    return tn_json_type(v) == TN_JSON_STRING ? (tn_str){v->as.text, v->len} : TN_STR("");
}

bool tn_json_is_str(const tn_json *v, const char *s)
{
    return tn_json_type(v) == TN_JSON_STRING && tn_str_is(tn_json_str(v), s);
}

tn_str tn_json_text(const tn_json *v)
{
    return v && !is_container(v) ? (tn_str){v->as.text, v->len} : TN_STR("");
}

bool tn_json_f64(const tn_json *v, double *out)
{
    if (tn_json_type(v) != TN_JSON_NUMBER)
        return false;
    tn_str s = tn_json_text(v);
    bool nan = tn_str_is(s, "NaN"), negative = tn_str_is(s, "-Infinity");
    if (!nan && !negative && !tn_str_is(s, "Infinity"))
        return tn_str_to_f64(s, out);
    *out = nan ? __builtin_nan("") : negative ? -__builtin_inf() : __builtin_inf();
    return true;
}

bool tn_json_i64(const tn_json *v, int64_t *out)
{
    return tn_json_type(v) == TN_JSON_NUMBER && tn_str_to_i64(tn_json_text(v), out);
}

bool tn_json_bool(const tn_json *v, bool *out)
{
    if (tn_json_type(v) != TN_JSON_BOOL)
        return false;
    *out = v->as.text[0] == 't';
    return true;
}

uint32_t tn_json_line(const tn_json *v)
{
    return v ? v->line : 0;
}

uint32_t tn_json_column(const tn_json *v)
{
    return v ? v->column : 0;
}

/* One part of a pointer against a key: "~1" stands for '/', "~0" for '~'. */
static bool part_is(tn_str part, tn_str key)
{
    size_t k = 0;
    for (size_t i = 0; i < part.len; i++, k++) {
        char c = part.ptr[i];
        if (c == '~' && i + 1 < part.len && (part.ptr[i + 1] == '0' || part.ptr[i + 1] == '1'))
            c = part.ptr[++i] == '0' ? '~' : '/';
        if (k >= key.len || key.ptr[k] != c)
            return false;
    }
    return k == key.len;
}

const tn_json *tn_json_pointer(const tn_json *root, const char *pointer)
{
    tn_str rest = tn_str_of(pointer), part;
    if (rest.len == 0)
        return root;
    if (rest.ptr[0] != '/')
        return NULL;
    tn_str_cut(&rest, '/', &part);
    const tn_json *v = root;
    while (v && tn_str_cut(&rest, '/', &part)) {
        int64_t index;
        const tn_json *c = NULL;
        if (v->type == TN_JSON_OBJECT)
            for (c = tn_json_first(v); c && !part_is(part, tn_json_key(c)); c = tn_json_next(c))
                ;
        else if (v->type == TN_JSON_ARRAY && part.len && part.ptr[0] >= '0' && part.ptr[0] <= '9' &&
                 (part.len == 1 || part.ptr[0] != '0') && tn_str_to_i64(part, &index))
            c = tn_json_at(v, (size_t)index);
        v = c;
    }
    return v;
}

/* ---- values that must be there ---- */

static tn_status place_fail(tn_err *err, const tn_json *v, const char *key, const char *must)
{
    tn_status st =
        tn_fail(err, TN_EFORMAT, "\"%s\" must be %s, it is %s", key, must, tn_json_type_name(tn_json_type(v)));
    return v->line ? tn_fail_prefix(err, "%" PRIu32 ":%" PRIu32, v->line, v->column) : st;
}

tn_status tn_json_need(const tn_json *obj, const char *key, tn_json_type_id type, const tn_json **out, tn_err *err)
{
    const tn_json *v = tn_json_get(obj, key);
    if (!v)
        return tn_fail(err, TN_ENOENT, "\"%s\" is missing", key);
    if (v->type != type)
        return place_fail(err, v, key, tn_json_type_name(type));
    *out = v;
    return TN_OK;
}

tn_status tn_json_need_str(const tn_json *obj, const char *key, tn_str *out, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_json_need(obj, key, TN_JSON_STRING, &v, err));
    *out = tn_json_str(v);
    return TN_OK;
}

tn_status tn_json_need_i64(const tn_json *obj, const char *key, int64_t min, int64_t max, int64_t *out, tn_err *err)
{
    const tn_json *v;
    int64_t n;
    TN_TRY(tn_json_need(obj, key, TN_JSON_NUMBER, &v, err));
    if (tn_json_i64(v, &n) && n >= min && n <= max) {
        *out = n;
        return TN_OK;
    }
    tn_status st = tn_fail(err, TN_EFORMAT, "\"%s\" must be a whole number from %" PRId64 " to %" PRId64 ", it is %.*s",
                           key, min, max, (int)(v->len > 40 ? 40 : v->len), v->as.text);
    return v->line ? tn_fail_prefix(err, "%" PRIu32 ":%" PRIu32, v->line, v->column) : st;
}

tn_status tn_json_need_f64(const tn_json *obj, const char *key, double *out, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_json_need(obj, key, TN_JSON_NUMBER, &v, err));
    return tn_json_f64(v, out) ? TN_OK : place_fail(err, v, key, "a number of double precision");
}

bool tn_json_equal(const tn_json *a, const tn_json *b)
{
    /* Recursion is bounded by the readers' depth limit. */
    if (tn_json_type(a) != tn_json_type(b) || !tn_str_eq(tn_json_text(a), tn_json_text(b)) ||
        tn_json_len(a) != tn_json_len(b))
        return false;
    const tn_json *x = tn_json_first(a), *y = tn_json_first(b);
    for (; x && y; x = tn_json_next(x), y = tn_json_next(y))
        if (!tn_str_eq(tn_json_key(x), tn_json_key(y)) || !tn_json_equal(x, y))
            return false;
    return true;
}

/* ---- duplicate keys ---- */

typedef struct tn_json_slot {
    uint64_t hash;
    const tn_json *node;
} slot;

/* Few members are compared in pairs. Many go through a table with linear probing; keys made to collide would make that
 * quadratic, so after MAX_PROBE steps the members are sorted instead. */
enum { MAX_PAIRS = 8, MAX_PROBE = 128 };

static bool same_key(const tn_json *a, const tn_json *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static bool later(const tn_json *a, const tn_json *b)
{
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

static int compare_keys(const void *a, const void *b)
{
    const tn_json *x = ((const slot *)a)->node, *y = ((const slot *)b)->node;
    int c = x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
    if (c == 0)
        c = memcmp(x->key, y->key, x->key_len);
    return c ? c : later(x, y) - later(y, x);
}

static const tn_json *duplicate_by_sorting(const tn_json *obj, slot *s)
{
    size_t n = 0;
    for (const tn_json *c = tn_json_first(obj); c; c = tn_json_next(c))
        s[n++].node = c;
    qsort(s, n, sizeof *s, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (same_key(s[i - 1].node, s[i].node))
            return s[i].node;
    return NULL;
}

bool tn_json_find_duplicate(const tn_json *obj, tn_json_keys *k, const tn_json **out)
{
    *out = NULL;
    if (obj->len <= MAX_PAIRS) {
        for (const tn_json *a = tn_json_first(obj); a; a = tn_json_next(a))
            for (const tn_json *b = tn_json_next(a); b; b = tn_json_next(b))
                if (same_key(a, b)) {
                    *out = b;
                    return true;
                }
        return true;
    }
    size_t n_slots = 32;
    while (n_slots < (size_t)obj->len * 2)
        n_slots *= 2;
    if (n_slots > k->cap) {
        tn_json_keys_free(k);
        k->slot = tn_mem_alloc(n_slots * sizeof(slot));
        if (!k->slot)
            return false;
        k->cap = n_slots;
    }
    slot *s = k->slot;
    memset(s, 0, n_slots * sizeof *s);
    for (const tn_json *c = tn_json_first(obj); c; c = tn_json_next(c)) {
        uint64_t hash = tn_hash64(tn_json_key(c));
        size_t i = hash & (n_slots - 1), n = 0;
        for (; s[i].node; i = (i + 1) & (n_slots - 1)) {
            if (s[i].hash == hash && same_key(s[i].node, c)) {
                *out = c;
                return true;
            }
            if (++n == MAX_PROBE) {
                *out = duplicate_by_sorting(obj, s);
                return true;
            }
        }
        s[i] = (slot){hash, c};
    }
    return true;
}

void tn_json_keys_free(tn_json_keys *k)
{
    tn_mem_free(k->slot);
    *k = (tn_json_keys){NULL, 0};
}

/* ---- building ---- */

static tn_json *new_value(tn_arena *a, tn_json_type_id type, tn_str text)
{
    tn_json *v = tn_arena_alloc(a, sizeof *v);
    if (!v)
        return NULL;
    *v = (tn_json){.type = type};
    if (type < TN_JSON_ARRAY) {
        if (text.len > TN_JSON_MAX_TEXT)
            return NULL;
        v->as.text = tn_str_c(a, text);
        v->len = (uint32_t)text.len;
        if (!v->as.text)
            return NULL;
    }
    return v;
}

tn_json *tn_json_new_object(tn_arena *a)
{
    return new_value(a, TN_JSON_OBJECT, TN_STR(""));
}

tn_json *tn_json_new_array(tn_arena *a)
{
    return new_value(a, TN_JSON_ARRAY, TN_STR(""));
}

tn_json *tn_json_new_str(tn_arena *a, tn_str s)
{
    return new_value(a, TN_JSON_STRING, s);
}

tn_json *tn_json_new_i64(tn_arena *a, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    return new_value(a, TN_JSON_NUMBER, (tn_str){text, (size_t)n});
}

tn_json *tn_json_new_f64(tn_arena *a, double v)
{
    if (!__builtin_isfinite(v))
        return tn_json_new_null(a);
    tn_buf b = TN_BUF_INIT;
    tn_buf_f64(&b, v);
    tn_json *out = b.failed ? NULL : new_value(a, TN_JSON_NUMBER, tn_buf_view(&b));
    tn_buf_free(&b);
    return out;
}

tn_json *tn_json_new_bool(tn_arena *a, bool v)
{
    return new_value(a, TN_JSON_BOOL, tn_str_of(v ? "true" : "false"));
}

tn_json *tn_json_new_null(tn_arena *a)
{
    return new_value(a, TN_JSON_NULL, TN_STR("null"));
}

static tn_json *find_key(tn_json *obj, tn_str key)
{
    if (!obj->as.last)
        return NULL;
    tn_json *c = obj->as.last->next;
    for (;; c = c->next) {
        if (tn_str_eq((tn_str){c->key, c->key_len}, key))
            return c;
        if (c->is_last)
            return NULL;
    }
}

static bool set_str(tn_arena *a, tn_json *obj, tn_str key, tn_json *value)
{
    if (!obj || !value || key.len > TN_JSON_MAX_TEXT)
        return false;
    TN_ASSERT(obj->type == TN_JSON_OBJECT && !value->next);
    value->key = tn_str_c(a, key);
    if (!value->key)
        return false;
    value->key_len = (uint32_t)key.len & TN_JSON_MAX_TEXT;
    tn_json *old = find_key(obj, key);
    if (!old) {
        tn_json_link(obj, value);
        return true;
    }
    /* The new value takes the old one's link; whoever pointed to the old one points to the new one. */
    tn_json *before = old;
    while (before->next != old)
        before = before->next;
    value->is_last = old->is_last;
    value->next = old->next == old ? value : old->next;
    if (before != old)
        before->next = value;
    if (old->is_last)
        obj->as.last = value;
    old->next = NULL;
    old->is_last = 0;
    return true;
}

bool tn_json_set(tn_arena *a, tn_json *obj, const char *key, tn_json *value)
{
    return set_str(a, obj, tn_str_of(key), value);
}

bool tn_json_push(tn_json *array, tn_json *value)
{
    if (!array || !value)
        return false;
    TN_ASSERT(array->type == TN_JSON_ARRAY && !value->next);
    tn_json_link(array, value);
    return true;
}

tn_json *tn_json_dup(tn_arena *a, const tn_json *v)
{
    if (!v)
        return NULL;
    tn_json *copy = new_value(a, tn_json_type(v), tn_json_text(v));
    if (!copy)
        return NULL;
    copy->line = v->line;
    copy->column = v->column;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        tn_json *child = tn_json_dup(a, c);
        if (!child)
            return NULL;
        if (c->key) {
            child->key = tn_str_c(a, tn_json_key(c));
            child->key_len = c->key_len;
            if (!child->key)
                return NULL;
        }
        tn_json_link(copy, child);
    }
    return copy;
}
