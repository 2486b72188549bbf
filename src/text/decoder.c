/* Each step rewrites the list of tokens, as in the package; at the end they are laid end to end. */
#include "text/decoder.h"

#include <string.h>

#include "text/bytelevel.h"
#include "text/normalizer.h"

typedef enum {
    STEP_WORDPIECE,
    STEP_METASPACE,
    STEP_REPLACE,
    STEP_STRIP,
    STEP_FUSE,
    STEP_BYTE_FALLBACK,
    STEP_BYTE_LEVEL
} step_kind;

struct tn_decoder_step {
    step_kind kind;
    tn_str text;          /* prefix, replacement, pattern or what is stripped */
    tn_str content;       /* STEP_REPLACE */
    bool cleanup;         /* STEP_WORDPIECE */
    bool drop_first;      /* STEP_METASPACE: replacements in the first token go */
    uint32_t start, stop; /* STEP_STRIP: at most so many */
};

static tn_status text_of(const tn_json *v, const char *key, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_str s;
    TN_TRY(tn_json_need_str(v, key, &s, err));
    *out = tn_str_dup(a, s);
    return out->ptr ? TN_OK : tn_fail_nomem(err, s.len);
}

static tn_status parse_strip(const tn_json *v, tn_arena *a, tn_decoder_step *s, tn_err *err)
{
    int64_t start, stop;
    s->kind = STEP_STRIP;
    TN_TRY(text_of(v, "content", a, &s->text, err));
    TN_TRY(tn_json_need_i64(v, "start", 0, INT32_MAX, &start, err));
    TN_TRY(tn_json_need_i64(v, "stop", 0, INT32_MAX, &stop, err));
    s->start = (uint32_t)start;
    s->stop = (uint32_t)stop;
    return TN_OK;
}

static tn_status parse_metaspace(const tn_json *v, tn_arena *a, tn_decoder_step *s, tn_err *err)
{
    s->kind = STEP_METASPACE;
    TN_TRY(text_of(v, "replacement", a, &s->text, err));
    TN_TRY(tn_component_bool(v, "add_prefix_space", true, &s->drop_first, err));
    const tn_json *scheme = tn_json_get(v, "prepend_scheme");
    if (tn_json_type(scheme) == TN_JSON_STRING)
        s->drop_first = !tn_json_is_str(scheme, "never");
    return TN_OK;
}

static tn_status parse_replace(const tn_json *v, tn_arena *a, tn_decoder_step *s, tn_err *err)
{
    const tn_json *pattern;
    s->kind = STEP_REPLACE;
    TN_TRY(text_of(v, "content", a, &s->content, err));
    TN_TRY(tn_json_need(v, "pattern", TN_JSON_OBJECT, &pattern, err));
    if (tn_json_get(pattern, "Regex"))
        return tn_component_refuse(v, "a decoder", "regular expressions need PCRE2, which is a later step", err);
    return text_of(pattern, "String", a, &s->text, err);
}

static tn_status parse_step(const tn_json *v, tn_arena *a, tn_decoder_step *s, tn_err *err)
{
    const tn_json *type;
    *s = (tn_decoder_step){0};
    TN_TRY(tn_json_need(v, "type", TN_JSON_STRING, &type, err));
    if (tn_json_is_str(type, "Fuse"))
        return s->kind = STEP_FUSE, TN_OK;
    if (tn_json_is_str(type, "ByteFallback"))
        return s->kind = STEP_BYTE_FALLBACK, TN_OK;
    if (tn_json_is_str(type, "ByteLevel"))
        return s->kind = STEP_BYTE_LEVEL, TN_OK;
    if (tn_json_is_str(type, "Strip"))
        return parse_strip(v, a, s, err);
    if (tn_json_is_str(type, "Metaspace"))
        return parse_metaspace(v, a, s, err);
    if (tn_json_is_str(type, "Replace"))
        return parse_replace(v, a, s, err);
    if (!tn_json_is_str(type, "WordPiece"))
        return tn_component_refuse(v, "a decoder", NULL, err);
    s->kind = STEP_WORDPIECE;
    TN_TRY(tn_component_bool(v, "cleanup", true, &s->cleanup, err));
    return text_of(v, "prefix", a, &s->text, err);
}

static size_t count_steps(const tn_json *v)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence"))
        return 1;
    size_t n = 0;
    for (const tn_json *c = tn_json_first(tn_json_get(v, "decoders")); c; c = tn_json_next(c))
        n += count_steps(c);
    return n;
}

static tn_status parse_into(const tn_json *v, tn_arena *a, tn_decoder *d, tn_err *err)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence"))
        return parse_step(v, a, &d->step[d->n++], err);
    const tn_json *list;
    TN_TRY(tn_json_need(v, "decoders", TN_JSON_ARRAY, &list, err));
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
        TN_TRY(parse_into(c, a, d, err));
    return TN_OK;
}

tn_status tn_decoder_parse(const tn_json *v, tn_arena *a, tn_decoder *out, tn_err *err)
{
    *out = (tn_decoder){0};
    if (!v || tn_json_type(v) == TN_JSON_NULL)
        return TN_OK;
    size_t n = count_steps(v);
    out->present = true;
    out->step = TN_ARENA_ARRAY(a, tn_decoder_step, n ? n : 1);
    if (!out->step)
        return tn_fail_nomem(err, n * sizeof *out->step);
    return parse_into(v, a, out, err);
}

/* ---- strings ---- */

/* All occurrences of `what`, or the first `limit`. Without any the string itself. */
static tn_str replaced(tn_str s, tn_str what, tn_str by, size_t limit, tn_arena *a)
{
    size_t n = 0, bytes;
    for (size_t at = 0; what.len && n < limit && (at = tn_str_find(s, what, at)) != SIZE_MAX; at += what.len)
        n++;
    if (!n)
        return s;
    if (!tn_size_mul(n, by.len, &bytes) || !tn_size_add(bytes, s.len, &bytes))
        return (tn_str){NULL, 0};
    char *p = tn_arena_alloc(a, bytes);
    if (!p)
        return (tn_str){NULL, 0};
    size_t len = 0, from = 0;
    for (; n; n--) {
        size_t at = tn_str_find(s, what, from);
        memcpy(p + len, s.ptr + from, at - from);
        len += at - from;
        memcpy(p + len, by.ptr, by.len);
        len += by.len;
        from = at + what.len;
    }
    memcpy(p + len, s.ptr + from, s.len - from);
    return (tn_str){p, len + s.len - from};
}

static tn_str joined(const tn_str *tokens, size_t n, tn_str between, tn_arena *a)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += tokens[i].len + between.len;
    char *p = tn_arena_alloc(a, bytes + 1), *q = p;
    if (!p)
        return (tn_str){NULL, 0};
    for (size_t i = 0; i < n; i++) {
        memcpy(q, between.ptr, i ? between.len : 0);
        q += i ? between.len : 0;
        memcpy(q, tokens[i].ptr, tokens[i].len);
        q += tokens[i].len;
    }
    *q = 0;
    return (tn_str){p, (size_t)(q - p)};
}

/* ---- steps ---- */

static tn_str tidy(tn_str s, tn_arena *a)
{
    static const char *const rule[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                          {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                          {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < TN_COUNT(rule) && s.ptr; i++)
        s = replaced(s, tn_str_of(rule[i][0]), tn_str_of(rule[i][1]), SIZE_MAX, a);
    return s;
}

static tn_str wordpiece(const tn_decoder_step *s, tn_str token, bool first, tn_arena *a)
{
    if (!first) {
        bool inside = token.len >= s->text.len && !memcmp(token.ptr, s->text.ptr, s->text.len);
        tn_str parts[2] = {TN_STR(" "), token};
        token = inside ? tn_str_sub(token, s->text.len, token.len) : joined(parts, 2, TN_STR(""), a);
    }
    return s->cleanup && token.ptr ? tidy(token, a) : token;
}

static tn_str strip(const tn_decoder_step *s, tn_str token)
{
    for (uint32_t n = 0;
         n < s->start && s->text.len && token.len >= s->text.len && !memcmp(token.ptr, s->text.ptr, s->text.len); n++)
        token = tn_str_sub(token, s->text.len, token.len);
    for (uint32_t n = 0; n < s->stop && s->text.len && token.len >= s->text.len &&
                         !memcmp(token.ptr + token.len - s->text.len, s->text.ptr, s->text.len);
         n++)
        token = tn_str_sub(token, 0, token.len - s->text.len);
    return token;
}

/* The byte of "<0x41>", or -1. */
static int byte_of(tn_str t)
{
    if (t.len != 6 || memcmp(t.ptr, "<0x", 3) || t.ptr[5] != '>')
        return -1;
    int v = 0;
    for (int i = 3; i < 5; i++) {
        char c = t.ptr[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* A run of byte tokens becomes its text, or, when it is not UTF-8, one U+FFFD a byte. */
static bool byte_fallback(tn_str *tokens, size_t *n, tn_arena *a)
{
    size_t len = 0;
    for (size_t i = 0; i < *n;) {
        size_t end = i;
        while (end < *n && byte_of(tokens[end]) >= 0)
            end++;
        if (end == i) {
            tokens[len++] = tokens[i++];
            continue;
        }
        char *p = tn_arena_alloc(a, (end - i) * 3);
        if (!p)
            return false;
        for (size_t k = i; k < end; k++)
            p[k - i] = (char)byte_of(tokens[k]);
        tn_str s = {p, end - i};
        if (tn_utf8_check(s) != s.len) {
            for (size_t k = 0; k < end - i; k++)
                memcpy(p + 3 * k, "\xEF\xBF\xBD", 3);
            s.len = 3 * (end - i);
        }
        tokens[len++] = s;
        i = end;
    }
    *n = len;
    return true;
}

static bool run_step(const tn_decoder_step *s, tn_str *tokens, size_t *n, tn_arena *a)
{
    if (s->kind == STEP_BYTE_FALLBACK)
        return byte_fallback(tokens, n, a);
    if (s->kind == STEP_FUSE || s->kind == STEP_BYTE_LEVEL) {
        tn_str all = s->kind == STEP_FUSE ? joined(tokens, *n, TN_STR(""), a) : tn_byte_level_text(tokens, *n, a);
        if (*n)
            tokens[0] = all;
        *n = *n ? 1 : 0;
        return all.ptr;
    }
    for (size_t i = 0; i < *n; i++) {
        tn_str t = tokens[i];
        if (s->kind == STEP_WORDPIECE)
            t = wordpiece(s, t, i == 0, a);
        else if (s->kind == STEP_METASPACE)
            t = replaced(t, s->text, i == 0 && s->drop_first ? TN_STR("") : TN_STR(" "), SIZE_MAX, a);
        else if (s->kind == STEP_REPLACE)
            t = replaced(t, s->text, s->content, SIZE_MAX, a);
        else
            t = strip(s, t);
        if (!t.ptr)
            return false;
        tokens[i] = t;
    }
    return true;
}

tn_status tn_decoder_run(const tn_decoder *d, tn_str *tokens, size_t n, tn_arena *a, tn_str *out, tn_err *err)
{
    for (size_t i = 0; i < d->n; i++)
        if (!run_step(&d->step[i], tokens, &n, a))
            return tn_fail_nomem(err, n);
    *out = joined(tokens, n, d->present ? TN_STR("") : TN_STR(" "), a);
    return out->ptr ? TN_OK : tn_fail_nomem(err, n);
}
