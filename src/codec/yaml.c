/* libyaml gives events; this file gives them meaning: scalars by the core schema (libyaml's own notion is YAML 1.1),
 * containers by a stack as in json.c, anchors by a list. An alias is a deep copy, so the tree stays a tree; what it may
 * cost is bounded because every copied value counts against max_nodes before it is made. */
#include "codec/yaml.h"
#include "codec/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 128, MAX_ANCHORS = 1024 };

typedef struct {
    tn_str name;
    const tn_json *value; /* a container may still be open; its aliases inside are refused */
    size_t n_nodes;
} anchor;

typedef struct {
    tn_arena *arena;
    tn_err *err;
    uint32_t first_line;
    size_t nodes_left;
    uint32_t depth;
    tn_json *stack[MAX_DEPTH];
    tn_str key[MAX_DEPTH]; /* of the value to come, where the container is an object; ptr NULL before the key */
    tn_json *root;
    anchor anchors[MAX_ANCHORS];
    size_t n_anchors;
    tn_json_keys keys;
} reader;

__attribute__((format(printf, 4, 5))) static tn_status bad(reader *r, yaml_mark_t at, tn_status st, const char *fmt,
                                                           ...)
{
    char msg[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return tn_fail(r->err, st, "%zu:%zu: %s", at.line + r->first_line, at.column + 1, msg);
}

/* ---- scalars of the core schema ---- */

static size_t skip_digits(tn_str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

static bool any_of(tn_str s, const char *const *list)
{
    for (; *list; list++)
        if (tn_str_is(s, *list))
            return true;
    return false;
}

/* 0o17 and 0x1F. *fits is false beyond 64 bits. */
static bool is_based_integer(tn_str s, uint64_t *out, bool *fits)
{
    unsigned base = tn_str_starts(s, "0x") ? 16 : tn_str_starts(s, "0o") ? 8 : 0;
    if (!base || s.len < 3)
        return false;
    *out = 0;
    *fits = true;
    for (size_t i = 2; i < s.len; i++) {
        char c = s.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 99;
        if (digit >= base)
            return false;
        if (*out > (UINT64_MAX - digit) / base)
            *fits = false;
        else
            *out = *out * base + digit;
    }
    return true;
}

/* [-+]? ( . digits | digits ( . digits* )? ) ( [eE] [-+]? digits )?, into the text JSON would have: no plus, no leading
 * zeros, digits on both sides of the point. The parts are exact, only their spelling changes. */
static bool is_decimal(tn_str s, tn_buf *json)
{
    size_t at = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'), whole = at;
    size_t whole_end = at = skip_digits(s, at), fraction = at, fraction_end = at;
    if (at < s.len && s.ptr[at] == '.') {
        fraction = at + 1;
        fraction_end = at = skip_digits(s, fraction);
    }
    if (whole_end == whole && fraction_end == fraction)
        return false;
    size_t exponent = at;
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        if (at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+'))
            at++;
        size_t digits = at;
        at = skip_digits(s, at);
        if (at == digits)
            return false;
    }
    if (at != s.len)
        return false;
    while (whole + 1 < whole_end && s.ptr[whole] == '0')
        whole++;
    if (s.ptr[0] == '-')
        tn_buf_char(json, '-');
    if (whole == whole_end)
        tn_buf_char(json, '0');
    tn_buf_str(json, tn_str_sub(s, whole, whole_end));
    if (fraction > whole_end) { /* "1." is a float still */
        tn_buf_char(json, '.');
        tn_buf_str(json, fraction_end > fraction ? tn_str_sub(s, fraction, fraction_end) : TN_STR("0"));
    }
    tn_buf_str(json, tn_str_sub(s, exponent, s.len));
    return true;
}

/* The type of a plain scalar; for numbers the JSON text is put on `json`. TN_JSON_NONE for a number over 64 bits. */
static tn_json_type_id resolve(tn_str s, tn_buf *json)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const boolean[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
    uint64_t n;
    bool fits;
    if (any_of(s, null))
        return TN_JSON_NULL;
    if (any_of(s, boolean))
        return TN_JSON_BOOL;
    if (is_decimal(s, json))
        return TN_JSON_NUMBER;
    if (is_based_integer(s, &n, &fits)) {
        tn_buf_printf(json, "%" PRIu64, n);
        return fits ? TN_JSON_NUMBER : TN_JSON_NONE;
    }
    if (any_of(s, nan)) {
        tn_buf_c(json, "NaN");
        return TN_JSON_NUMBER;
    }
    bool sign = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    if (any_of(tn_str_sub(s, sign, s.len), inf)) {
        tn_buf_c(json, s.ptr[0] == '-' ? "-Infinity" : "Infinity");
        return TN_JSON_NUMBER;
    }
    return TN_JSON_STRING;
}

static tn_status resolve_tagged(reader *r, const yaml_event_t *e, tn_str s, tn_buf *json, tn_json_type_id *out)
{
    static const struct {
        const char *tag;
        tn_json_type_id type;
    } known[] = {{YAML_STR_TAG, TN_JSON_STRING}, {"!", TN_JSON_STRING},          {YAML_NULL_TAG, TN_JSON_NULL},
                 {YAML_BOOL_TAG, TN_JSON_BOOL},  {YAML_INT_TAG, TN_JSON_NUMBER}, {YAML_FLOAT_TAG, TN_JSON_NUMBER}};
    const char *tag = (const char *)e->data.scalar.tag;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!tag) {
        *out = plain ? resolve(s, json) : TN_JSON_STRING;
        if (*out == TN_JSON_NONE)
            return bad(r, e->start_mark, TN_EFORMAT, "the number %.*s has more than 64 bits",
                       TN_ARG(tn_str_sub(s, 0, 80)));
        return TN_OK;
    }
    for (size_t i = 0; i < TN_COUNT(known); i++) {
        if (strcmp(tag, known[i].tag) != 0)
            continue;
        *out = known[i].type;
        if (*out == TN_JSON_STRING || resolve(s, json) == *out)
            return TN_OK;
        return bad(r, e->start_mark, TN_EFORMAT, "this value is not %s, as its tag says", tn_json_type_name(*out));
    }
    return bad(r, e->start_mark, TN_EFORMAT, "the tag %.100s is not known here; plain values need none", tag);
}

/* ---- the tree ---- */

static tn_json *new_node(reader *r, tn_json_type_id type, yaml_mark_t at)
{
    tn_json *v = tn_arena_alloc(r->arena, sizeof *v);
    if (v)
        *v = (tn_json){.type = type, .line = (uint32_t)(at.line + r->first_line), .column = (uint32_t)at.column + 1};
    return v;
}

static tn_status spend(reader *r, yaml_mark_t at, size_t n)
{
    if (n > r->nodes_left)
        return bad(r, at, TN_ELIMIT, "too many values, aliases counted as often as they are used");
    r->nodes_left -= n;
    return TN_OK;
}

/* Hangs a value into the innermost container, under the key that came before. */
static void place(reader *r, tn_json *v)
{
    if (!r->depth) {
        r->root = v;
        return;
    }
    tn_json *c = r->stack[r->depth - 1];
    if (c->type == TN_JSON_OBJECT) {
        tn_str *key = &r->key[r->depth - 1];
        v->key = key->ptr;
        v->key_len = (uint32_t)key->len & TN_JSON_MAX_TEXT;
        *key = (tn_str){NULL, 0};
    }
    tn_json_link(c, v);
}

static bool key_is_next(const reader *r)
{
    return r->depth && r->stack[r->depth - 1]->type == TN_JSON_OBJECT && !r->key[r->depth - 1].ptr;
}

static tn_status name_anchor(reader *r, yaml_mark_t at, const yaml_char_t *name, const tn_json *v)
{
    if (!name)
        return TN_OK;
    tn_str copy = tn_str_dup(r->arena, tn_str_of((const char *)name));
    if (!copy.ptr)
        return tn_fail_nomem(r->err, strlen((const char *)name));
    if (r->n_anchors == MAX_ANCHORS)
        return bad(r, at, TN_ELIMIT, "more than %d anchors", MAX_ANCHORS);
    r->anchors[r->n_anchors++] = (anchor){copy, v, 0};
    return TN_OK;
}

static tn_status scalar_value(reader *r, const yaml_event_t *e, tn_str s, tn_buf *json, tn_json **out)
{
    tn_json_type_id type = TN_JSON_STRING;
    TN_TRY(resolve_tagged(r, e, s, json, &type));
    TN_TRY(tn_buf_status(json, r->err));
    if (type == TN_JSON_NUMBER)
        s = tn_buf_view(json);
    else if (type == TN_JSON_NULL)
        s = TN_STR("null");
    else if (type == TN_JSON_BOOL)
        s = tn_str_of(s.ptr[0] == 't' || s.ptr[0] == 'T' ? "true" : "false");
    tn_json *v = *out = new_node(r, type, e->start_mark);
    tn_str text = tn_str_dup(r->arena, s);
    if (!v || !text.ptr)
        return tn_fail_nomem(r->err, s.len);
    v->as.text = text.ptr;
    v->len = (uint32_t)text.len;
    return TN_OK;
}

static tn_status on_scalar(reader *r, const yaml_event_t *e)
{
    tn_str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
    TN_TRY(spend(r, e->start_mark, 1));
    if (key_is_next(r)) {
        tn_str key = tn_str_dup(r->arena, s);
        r->key[r->depth - 1] = key;
        return key.ptr ? TN_OK : tn_fail_nomem(r->err, s.len);
    }
    tn_buf json = TN_BUF_INIT;
    tn_json *v = NULL;
    tn_status st = scalar_value(r, e, s, &json, &v);
    tn_buf_free(&json);
    TN_TRY(st);
    TN_TRY(name_anchor(r, e->start_mark, e->data.scalar.anchor, v));
    place(r, v);
    return TN_OK;
}

static tn_status on_open(reader *r, const yaml_event_t *e, tn_json_type_id type, const yaml_char_t *name,
                         const yaml_char_t *tag)
{
    TN_TRY(spend(r, e->start_mark, 1));
    if (key_is_next(r))
        return bad(r, e->start_mark, TN_EFORMAT, "a key must be a plain value, not a list or mapping");
    if (tag && strcmp((const char *)tag, type == TN_JSON_OBJECT ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0 &&
        strcmp((const char *)tag, "!") != 0)
        return bad(r, e->start_mark, TN_EFORMAT, "the tag %.100s is not known here", (const char *)tag);
    if (r->depth == MAX_DEPTH)
        return bad(r, e->start_mark, TN_ELIMIT, "more than %d lists and mappings inside each other", MAX_DEPTH);
    tn_json *v = new_node(r, type, e->start_mark);
    if (!v)
        return tn_fail_nomem(r->err, sizeof *v);
    TN_TRY(name_anchor(r, e->start_mark, name, v));
    place(r, v);
    r->key[r->depth] = (tn_str){NULL, 0};
    r->stack[r->depth++] = v;
    return TN_OK;
}

static tn_status on_close(reader *r)
{
    const tn_json *c = r->stack[--r->depth], *twice = NULL;
    if (c->type == TN_JSON_OBJECT && !tn_json_find_duplicate(c, &r->keys, &twice))
        return tn_fail_nomem(r->err, c->len * sizeof(void *));
    if (twice)
        return tn_fail(r->err, TN_EFORMAT, "%" PRIu32 ":%" PRIu32 ": the key \"%.*s\" appears twice in this mapping",
                       twice->line, twice->column, (int)(twice->key_len > 200 ? 200 : twice->key_len), twice->key);
    return TN_OK;
}

static size_t count_nodes(const tn_json *v)
{
    size_t n = 1;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        n += count_nodes(c);
    return n;
}

static uint32_t height(const tn_json *v)
{
    uint32_t most = 0;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        uint32_t h = height(c);
        most = h > most ? h : most;
    }
    return tn_json_type(v) >= TN_JSON_ARRAY ? most + 1 : 0;
}

static tn_status on_alias(reader *r, const yaml_event_t *e)
{
    tn_str name = tn_str_of((const char *)e->data.alias.anchor);
    anchor *found = NULL;
    for (size_t i = r->n_anchors; i-- && !found;)
        if (tn_str_eq(r->anchors[i].name, name))
            found = &r->anchors[i];
    if (!found)
        return bad(r, e->start_mark, TN_EFORMAT, "no anchor &%.100s stands before this alias", name.ptr);
    for (uint32_t i = 0; i < r->depth; i++)
        if (r->stack[i] == found->value)
            return bad(r, e->start_mark, TN_EFORMAT, "the alias *%.100s stands inside its own anchor", name.ptr);
    if (key_is_next(r))
        return bad(r, e->start_mark, TN_EFORMAT, "a key must be a plain value, not an alias");
    if (!found->n_nodes)
        found->n_nodes = count_nodes(found->value);
    TN_TRY(spend(r, e->start_mark, found->n_nodes));
    if (r->depth + height(found->value) > MAX_DEPTH)
        return bad(r, e->start_mark, TN_ELIMIT, "more than %d lists and mappings inside each other", MAX_DEPTH);
    tn_json *copy = tn_json_dup(r->arena, found->value);
    if (!copy)
        return tn_fail_nomem(r->err, found->n_nodes * sizeof *copy);
    place(r, copy);
    return TN_OK;
}

static tn_status on_event(reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return r->root ? bad(r, e->start_mark, TN_EFORMAT, "a second document begins here; only one is read") : TN_OK;
    case YAML_SCALAR_EVENT: return on_scalar(r, e);
    case YAML_ALIAS_EVENT: return on_alias(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, e, TN_JSON_ARRAY, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_open(r, e, TN_JSON_OBJECT, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_close(r);
    default: return TN_OK;
    }
}

static tn_status parser_failed(reader *r, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return tn_fail_nomem(r->err, 0);
    yaml_mark_t at = p->error == YAML_READER_ERROR ? p->mark : p->problem_mark;
    return bad(r, at, TN_EFORMAT, "%s%s%s", p->problem ? p->problem : "ill-formed YAML", p->context ? ", " : "",
               p->context ? p->context : "");
}

static tn_status read_events(reader *r, yaml_parser_t *p)
{
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return parser_failed(r, p);
        tn_status st = on_event(r, &e);
        more = e.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
        TN_TRY(st);
    }
    if (!r->root) {
        r->root = tn_json_new_null(r->arena);
        if (!r->root)
            return tn_fail_nomem(r->err, sizeof *r->root);
        r->root->line = r->first_line;
        r->root->column = 1;
    }
    return TN_OK;
}

static tn_status check_utf8(reader *r, tn_str text)
{
    size_t wrong = tn_utf8_check(text);
    if (wrong == text.len)
        return TN_OK;
    yaml_mark_t at = {0};
    size_t line_start = 0;
    for (size_t i = 0; i < wrong; i++) {
        if (text.ptr[i] == '\n') {
            at.line++;
            line_start = i + 1;
        }
    }
    at.column = tn_utf8_count(tn_str_sub(text, line_start, wrong));
    return bad(r, at, TN_EFORMAT, "byte 0x%02X at offset %zu is not UTF-8", (uint8_t)text.ptr[wrong], wrong);
}

tn_status tn_yaml_parse_with(tn_str text, const tn_yaml_options *o, tn_arena *a, const tn_json **out, tn_err *err)
{
    size_t max = o->max_bytes ? o->max_bytes : (size_t)4 << 20;
    yaml_parser_t p;
    if (text.len > max)
        return tn_fail(err, TN_ELIMIT, "YAML text of %zu bytes, at most %zu are read", text.len, max);
    reader *r = tn_mem_calloc(sizeof *r);
    if (!r)
        return tn_fail_nomem(err, sizeof *r);
    r->arena = a;
    r->err = err;
    r->first_line = o->first_line ? o->first_line : 1;
    r->nodes_left = o->max_nodes ? o->max_nodes : (size_t)1 << 20;
    tn_status st = check_utf8(r, text);
    if (st == TN_OK && !yaml_parser_initialize(&p)) {
        st = tn_fail_nomem(err, sizeof p);
    } else if (st == TN_OK) {
        yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
        if (tn_str_starts(text, "\xEF\xBB\xBF"))
            text = tn_str_sub(text, 3, text.len);
        yaml_parser_set_input_string(&p, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
        st = read_events(r, &p);
        yaml_parser_delete(&p);
    }
    if (st == TN_OK)
        *out = r->root;
    tn_json_keys_free(&r->keys);
    tn_mem_free(r);
    return st;
}

tn_status tn_yaml_parse(tn_str text, tn_arena *a, const tn_json **out, tn_err *err)
{
    return tn_yaml_parse_with(text, &(tn_yaml_options){0}, a, out, err);
}

/* ---- front matter ---- */

static bool is_fence(tn_str line)
{
    return tn_str_starts(line, "---") && tn_str_trim(line).len == 3;
}

tn_status tn_front_matter_split(tn_str text, tn_front_matter *out, tn_err *err)
{
    tn_str rest = tn_str_starts(text, "\xEF\xBB\xBF") ? tn_str_sub(text, 3, text.len) : text, line;
    *out = (tn_front_matter){.body = rest, .body_line = 1, .yaml = TN_STR("")};
    if (!tn_str_cut(&rest, '\n', &line) || !is_fence(line))
        return TN_OK;
    tn_str start = rest;
    uint32_t n = 2;
    for (; tn_str_cut(&rest, '\n', &line); n++) {
        if (!is_fence(line))
            continue;
        out->present = true;
        out->yaml = (tn_str){start.ptr, (size_t)(line.ptr - start.ptr)};
        out->body = rest.ptr ? rest : TN_STR("");
        out->body_line = n + 1;
        return TN_OK;
    }
    return tn_fail(err, TN_EFORMAT, "1:1: the front matter that opens here is never closed by a line ---");
}

tn_status tn_front_matter_parse(tn_str text, tn_arena *a, tn_front_matter *out, const tn_json **yaml, tn_err *err)
{
    *yaml = NULL;
    TN_TRY(tn_front_matter_split(text, out, err));
    return out->present ? tn_yaml_parse_with(out->yaml, &(tn_yaml_options){.first_line = 2}, a, yaml, err) : TN_OK;
}
