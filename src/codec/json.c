/* One pass over a private copy of the text, no recursion.
 *
 * The copy has a NUL behind it that no rule accepts, so scanning needs no length checks; strings are unescaped in place
 * (an escape is never shorter than what it stands for) and values point into it. UTF-8 is checked once before, eight
 * ASCII bytes at a time, so the string scan only looks for the quote, the backslash and control characters.
 *
 * The open containers are a stack of pointers; a value is linked to its container as soon as it begins. Lines are
 * counted where line ends may stand, between tokens; for columns, which are code points, the string scan counts the
 * bytes that begin none.
 *
 * Dropped: an index of all structural characters first (simdjson's way): faster, but it needs instruction sets beyond
 * the baseline and twice the code. */
#include "codec/json.h"
#include "codec/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MAX_DEPTH = 512, DEFAULT_DEPTH = 128, DEFAULT_NODES = 1 << 24, PADDING = 16 };

typedef struct {
    const char *text;     /* the caller's */
    char *base, *p, *end; /* the copy */
    tn_json *root;
    tn_arena *arena;
    tn_json *node; /* nodes left in the block */
    size_t n_node, next_block, nodes_left;
    uint32_t line;
    const char *line_start;
    size_t n_behind; /* bytes since line_start that continue a code point: columns do not count them */
    bool allow_nan;
    uint32_t max_depth, depth;
    tn_json *stack[MAX_DEPTH];
    tn_json_keys keys;
    tn_err *err;
} parser;

/* ---- places and errors ---- */

/* Counted anew in the caller's text (the copy has been unescaped up to somewhere): for failures only. */
static uint32_t column_of(const parser *p, const char *at)
{
    tn_str before = {p->text + (p->line_start - p->base), (size_t)(at - p->line_start)};
    return (uint32_t)tn_utf8_count(before) + 1;
}

__attribute__((format(printf, 4, 5))) static tn_status bad(parser *p, tn_status st, const char *at, const char *fmt,
                                                           ...)
{
    char msg[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return tn_fail(p->err, st, "%" PRIu32 ":%" PRIu32 ": %s", p->line, column_of(p, at), msg);
}

/* What stands at `at`, for sentences: "'x'", "the end of the text". */
static const char *seen(const parser *p, const char *at, char out[16])
{
    if (at >= p->end)
        return "the end of the text";
    size_t i = 0;
    uint32_t cp = tn_utf8_next((tn_str){at, (size_t)(p->end - at)}, &i);
    if (cp < 0x20 || cp == 0x7F) {
        snprintf(out, 16, "byte 0x%02X", (unsigned)cp);
    } else {
        snprintf(out, 16, "'%.*s'", (int)i, at);
    }
    return out;
}

static inline void skip_blanks(parser *p)
{
    char *at = p->p;
    for (;;) {
        unsigned char c = (unsigned char)*at;
        if (c > ' ')
            break;
        if (c == '\n') {
            p->line++;
            p->line_start = at + 1;
            p->n_behind = 0;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            break;
        }
        at++;
    }
    p->p = at;
}

/* ---- nodes ---- */

static tn_json *new_node(parser *p, tn_json_type_id type, const char *at)
{
    if (p->n_node == 0) {
        p->node = TN_ARENA_ARRAY(p->arena, tn_json, p->next_block);
        if (!p->node)
            return NULL;
        p->n_node = p->next_block;
        /* Small texts (a line of JSON lines) get small blocks; 4096 nodes are 160 KiB. */
        if (p->next_block < 4096)
            p->next_block *= 2;
    }
    tn_json *v = p->node++;
    p->n_node--;
    *v = (tn_json){.type = type, .line = p->line, .column = (uint32_t)((size_t)(at - p->line_start) - p->n_behind) + 1};
    return v;
}

/* ---- scalars ---- */

/* Ones among 16 bits, without the instruction that the baseline lacks. */
static inline unsigned count16(unsigned v)
{
    v -= v >> 1 & 0x5555;
    v = (v & 0x3333) + (v >> 2 & 0x3333);
    v = (v + (v >> 4)) & 0x0F0F;
    return (v + (v >> 8)) & 31;
}

/* The first quote, backslash or control character at or behind `at`. The NUL behind the text ends it. */
static inline char *scan_string(parser *p, char *at)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(0x1F);
    const __m128i lead = _mm_set1_epi8(-64); /* 0x80..0xBF are below 0xC0 as signed bytes */
    for (;; at += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(c, blank), c);
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(c, slash)), control);
        unsigned stop = (unsigned)_mm_movemask_epi8(hit), behind = (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(c, lead));
        if (stop) {
            unsigned n = (unsigned)__builtin_ctz(stop);
            if (behind)
                p->n_behind += count16(behind & ((1u << n) - 1));
            return at + n;
        }
        if (behind)
            p->n_behind += count16(behind);
    }
#else
    for (;; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\' || c < 0x20)
            return at;
        p->n_behind += (c & 0xC0) == 0x80;
    }
#endif
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static tn_status unescape(parser *p, char **read, char **write)
{
    static const char plain[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    char *at = *read, what[16];
    char c = plain[(unsigned char)at[1]];
    if (c) {
        *(*write)++ = c;
        *read = at + 2;
        return TN_OK;
    }
    if (at[1] != 'u')
        return bad(p, TN_EFORMAT, at + 1, "%s cannot stand behind a backslash", seen(p, at + 1, what));
    int high = hex4(at + 2), low;
    if (high < 0)
        return bad(p, TN_EFORMAT, at, "\\u needs four hexadecimal digits");
    *read = at + 6;
    uint32_t cp = (uint32_t)high;
    if (high >= 0xD800 && high <= 0xDFFF) {
        low = at[6] == '\\' && at[7] == 'u' ? hex4(at + 8) : -1;
        if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
            return bad(p, TN_EFORMAT, at, "\\u%04X is half a surrogate pair", (unsigned)high);
        cp = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
        *read = at + 12;
    }
    *write += tn_utf8_put(cp, *write);
    return TN_OK;
}

/* p->p is at the opening quote; leaves it behind the closing one. */
static tn_status parse_string(parser *p, tn_str *out)
{
    char *start = p->p + 1, *at = scan_string(p, start), *write = at;
    while (*at != '"') {
        if (*at == '\\') {
            TN_TRY(unescape(p, &at, &write));
            char *stop = scan_string(p, at);
            memmove(write, at, (size_t)(stop - at));
            write += stop - at;
            at = stop;
            continue;
        }
        char what[16];
        if (at >= p->end)
            return bad(p, TN_EFORMAT, p->p, "this string has no end");
        return bad(p, TN_EFORMAT, at, "%s in a string must be written as an escape", seen(p, at, what));
    }
    *write = 0;
    *out = (tn_str){start, (size_t)(write - start)};
    p->p = at + 1;
    return TN_OK;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of a number by RFC 8259, or 0. *at is where it went wrong. */
static size_t scan_number(char *start, char **at)
{
    char *p = start;
    if (*p == '-')
        p++;
    *at = p;
    if (*p == '0')
        p++;
    else if (*p >= '1' && *p <= '9')
        while (is_digit(*p))
            p++;
    else
        return 0;
    if (*p == '.') {
        *at = ++p;
        if (!is_digit(*p))
            return 0;
        while (is_digit(*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        *at = p;
        if (!is_digit(*p))
            return 0;
        while (is_digit(*p))
            p++;
    }
    return (size_t)(p - start);
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '+' || c == '-' ||
           c == '_';
}

static tn_status parse_scalar(parser *p, tn_json **out)
{
    static const struct {
        const char *text;
        tn_json_type_id type;
        bool nan;
    } word[] = {{"true", TN_JSON_BOOL, false}, {"false", TN_JSON_BOOL, false},     {"null", TN_JSON_NULL, false},
                {"NaN", TN_JSON_NUMBER, true}, {"Infinity", TN_JSON_NUMBER, true}, {"-Infinity", TN_JSON_NUMBER, true}};
    char *start = p->p, *at = start, what[16];
    size_t n = 0;
    tn_json_type_id type = TN_JSON_NUMBER;
    if (*start == '-' || is_digit(*start))
        n = scan_number(start, &at);
    if (n == 0) {
        for (size_t i = 0; i < TN_COUNT(word); i++) {
            size_t len = strlen(word[i].text);
            if (strncmp(start, word[i].text, len) == 0 && (!word[i].nan || p->allow_nan)) {
                n = len;
                type = word[i].type;
            }
        }
    }
    if (n == 0 && at != start)
        return bad(p, TN_EFORMAT, at, "a digit was expected in this number, not %s", seen(p, at, what));
    if (n == 0)
        return bad(p, TN_EFORMAT, at, "a value was expected, not %s", seen(p, at, what));
    if (is_word(start[n]))
        return bad(p, TN_EFORMAT, start + n, "%s cannot follow here", seen(p, start + n, what));
    tn_json *v = *out = new_node(p, type, start);
    if (!v)
        return tn_fail_nomem(p->err, sizeof *v);
    v->as.text = start;
    v->len = (uint32_t)n;
    p->p = start + n;
    return TN_OK;
}

static tn_status parse_string_value(parser *p, tn_json **out)
{
    tn_str s;
    tn_json *v = *out = new_node(p, TN_JSON_STRING, p->p);
    if (!v)
        return tn_fail_nomem(p->err, sizeof *v);
    TN_TRY(parse_string(p, &s));
    v->as.text = s.ptr;
    v->len = (uint32_t)s.len;
    return TN_OK;
}

/* ---- containers ---- */

static tn_status close_container(parser *p)
{
    const tn_json *c = p->stack[--p->depth], *twice;
    p->p++;
    if (c->type != TN_JSON_OBJECT || c->len < 2)
        return TN_OK;
    if (!tn_json_find_duplicate(c, &p->keys, &twice))
        return tn_fail_nomem(p->err, c->len * sizeof(void *));
    if (!twice)
        return TN_OK;
    return tn_fail(p->err, TN_EFORMAT, "%" PRIu32 ":%" PRIu32 ": the key \"%.*s\" appears twice in this object",
                   twice->line, twice->column, (int)(twice->key_len > 200 ? 200 : twice->key_len), twice->key);
}

/* Parses one value at p->p (behind blanks). A container is only opened. */
static tn_status parse_value(parser *p, tn_str key)
{
    tn_json *v;
    char c = *p->p;
    if (p->nodes_left-- == 0)
        return bad(p, TN_ELIMIT, p->p, "too many values");
    if (c == '"') {
        TN_TRY(parse_string_value(p, &v));
    } else if (c == '{' || c == '[') {
        if (p->depth == p->max_depth)
            return bad(p, TN_ELIMIT, p->p, "more than %" PRIu32 " containers inside each other", p->max_depth);
        v = new_node(p, c == '{' ? TN_JSON_OBJECT : TN_JSON_ARRAY, p->p);
        if (!v)
            return tn_fail_nomem(p->err, sizeof *v);
        p->p++;
    } else {
        TN_TRY(parse_scalar(p, &v));
    }
    if (key.ptr) {
        v->key = key.ptr;
        v->key_len = (uint32_t)key.len & TN_JSON_MAX_TEXT;
    }
    if (!p->root)
        p->root = v;
    if (p->depth)
        tn_json_link(p->stack[p->depth - 1], v);
    if (v->type >= TN_JSON_ARRAY)
        p->stack[p->depth++] = v;
    return TN_OK;
}

/* Inside the innermost container, before a child: reads the child's key and the value's beginning. */
static tn_status parse_member(parser *p)
{
    char what[16];
    tn_str key = {NULL, 0};
    if (p->stack[p->depth - 1]->type == TN_JSON_OBJECT) {
        if (*p->p != '"')
            return bad(p, TN_EFORMAT, p->p, "a key in double quotes was expected, not %s", seen(p, p->p, what));
        TN_TRY(parse_string(p, &key));
        skip_blanks(p);
        if (*p->p != ':')
            return bad(p, TN_EFORMAT, p->p, "':' was expected behind the key, not %s", seen(p, p->p, what));
        p->p++;
        skip_blanks(p);
    }
    return parse_value(p, key);
}

static tn_status parse_text(parser *p)
{
    char what[16];
    skip_blanks(p);
    if (p->p >= p->end)
        return bad(p, TN_EFORMAT, p->p, "the text is empty, a JSON value was expected");
    TN_TRY(parse_value(p, (tn_str){NULL, 0}));
    bool just_opened = p->depth > 0;
    while (p->depth) {
        uint32_t depth = p->depth;
        char close = p->stack[depth - 1]->type == TN_JSON_OBJECT ? '}' : ']';
        skip_blanks(p);
        if (*p->p == close) {
            TN_TRY(close_container(p));
            just_opened = false;
            continue;
        }
        if (!just_opened) {
            if (*p->p != ',')
                return bad(p, TN_EFORMAT, p->p, "',' or '%c' was expected, not %s", close, seen(p, p->p, what));
            p->p++;
            skip_blanks(p);
            if (*p->p == close)
                return bad(p, TN_EFORMAT, p->p, "a comma stands before '%c'", close);
        }
        TN_TRY(parse_member(p));
        just_opened = p->depth > depth;
    }
    skip_blanks(p);
    if (p->p < p->end)
        return bad(p, TN_EFORMAT, p->p, "%s stands behind the end of the JSON value", seen(p, p->p, what));
    return TN_OK;
}

static tn_status check_utf8(parser *p)
{
    tn_str text = {p->base, (size_t)(p->end - p->base)};
    size_t wrong = tn_utf8_check(text);
    if (wrong == text.len)
        return TN_OK;
    for (const char *c = text.ptr; (c = memchr(c, '\n', (size_t)(text.ptr + wrong - c))); c++) {
        p->line++;
        p->line_start = c + 1;
    }
    return bad(p, TN_EFORMAT, text.ptr + wrong, "byte 0x%02X at offset %zu is not UTF-8", (uint8_t)text.ptr[wrong],
               wrong);
}

tn_status tn_json_parse_with(tn_str text, const tn_json_options *o, tn_arena *a, const tn_json **out, tn_err *err)
{
    size_t max = o->max_bytes && o->max_bytes < TN_JSON_MAX_TEXT ? o->max_bytes : TN_JSON_MAX_TEXT;
    if (text.len > max)
        return tn_fail(err, TN_ELIMIT, "JSON text of %zu bytes, at most %zu are read", text.len, max);
    parser *p = tn_mem_alloc(sizeof *p);
    char *copy = tn_arena_alloc(a, text.len + PADDING);
    if (!p || !copy) {
        tn_mem_free(p);
        return tn_fail_nomem(err, text.len + PADDING);
    }
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    memset(copy + text.len, 0, PADDING);
    *p = (parser){.text = text.ptr, .base = copy, .p = copy, .end = copy + text.len, .arena = a, .line = 1, .err = err};
    if (tn_str_starts(text, "\xEF\xBB\xBF"))
        p->p += 3;
    p->line_start = p->p;
    p->allow_nan = o->allow_nan;
    p->max_depth = o->max_depth == 0 ? DEFAULT_DEPTH : o->max_depth < MAX_DEPTH ? o->max_depth : MAX_DEPTH;
    p->nodes_left = o->max_nodes ? o->max_nodes : DEFAULT_NODES;
    p->next_block = text.len / 16 + 4 < 4096 ? text.len / 16 + 4 : 4096;
    tn_status st = check_utf8(p);
    if (st == TN_OK)
        st = parse_text(p);
    if (st == TN_OK)
        *out = p->root;
    tn_json_keys_free(&p->keys);
    tn_mem_free(p);
    return st;
}

tn_status tn_json_parse(tn_str text, tn_arena *a, const tn_json **out, tn_err *err)
{
    return tn_json_parse_with(text, &(tn_json_options){0}, a, out, err);
}
