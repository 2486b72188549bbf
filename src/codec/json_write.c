/* The writer keeps one bit of state a level (is it an object, has it a member yet) and puts commas and line ends before
 * a value, never behind, so nothing has to be taken back. */
#include "codec/tree.h"

#include <inttypes.h>
#include <string.h>

void tn_jw_init(tn_json_writer *w, tn_buf *buf, int indent)
{
    w->buf = buf;
    w->indent = indent;
    w->depth = 0;
    w->in_object[0] = w->any[0] = w->after_key = false;
}

static void new_line(tn_json_writer *w)
{
    if (w->indent <= 0)
        return;
    tn_buf_char(w->buf, '\n');
    for (uint32_t n = w->depth * (uint32_t)w->indent; n; n--)
        tn_buf_char(w->buf, ' ');
}

static void before_member(tn_json_writer *w)
{
    if (w->any[w->depth])
        tn_buf_char(w->buf, ',');
    w->any[w->depth] = true;
    if (w->depth)
        new_line(w);
}

static void before_value(tn_json_writer *w)
{
    TN_ASSERT(w->after_key == w->in_object[w->depth]); /* a key before each value of an object, nowhere else */
    if (!w->after_key)
        before_member(w);
    w->after_key = false;
}

static void open(tn_json_writer *w, bool object)
{
    before_value(w);
    TN_ASSERT(w->depth < TN_JSON_WRITER_DEPTH);
    tn_buf_char(w->buf, object ? '{' : '[');
    w->depth++;
    w->in_object[w->depth] = object;
    w->any[w->depth] = false;
}

static void shut(tn_json_writer *w, bool object)
{
    TN_ASSERT(w->depth > 0 && w->in_object[w->depth] == object && !w->after_key);
    bool any = w->any[w->depth--];
    if (any)
        new_line(w);
    tn_buf_char(w->buf, object ? '}' : ']');
}

void tn_jw_begin_object(tn_json_writer *w)
{
    open(w, true);
}

void tn_jw_end_object(tn_json_writer *w)
{
    shut(w, true);
}

void tn_jw_begin_array(tn_json_writer *w)
{
    open(w, false);
}

void tn_jw_end_array(tn_json_writer *w)
{
    shut(w, false);
}

void tn_json_write_str(tn_str s, tn_buf *b)
{
    static const char letter[32] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    tn_buf_char(b, '"');
    size_t done = 0, at = 0;
    while (at < s.len) {
        unsigned char c = (unsigned char)s.ptr[at];
        size_t start = at;
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        if (c >= 0x80) {
            uint32_t cp = tn_utf8_next(s, &at);
            if (cp != 0xFFFD || at - start == 3)
                continue;
        } else {
            at++;
        }
        tn_buf_put(b, s.ptr + done, start - done);
        done = at;
        if (c >= 0x80)
            tn_buf_cp(b, 0xFFFD);
        else if (c >= 0x20)
            tn_buf_printf(b, "\\%c", c);
        else if (letter[c])
            tn_buf_printf(b, "\\%c", letter[c]);
        else
            tn_buf_printf(b, "\\u%04x", c);
    }
    tn_buf_put(b, s.ptr + done, s.len - done);
    tn_buf_char(b, '"');
}

void tn_jw_key_str(tn_json_writer *w, tn_str key)
{
    TN_ASSERT(w->in_object[w->depth] && !w->after_key);
    before_member(w);
    tn_json_write_str(key, w->buf);
    tn_buf_c(w->buf, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

void tn_jw_key(tn_json_writer *w, const char *key)
{
    tn_jw_key_str(w, tn_str_of(key));
}

void tn_jw_str(tn_json_writer *w, tn_str s)
{
    before_value(w);
    tn_json_write_str(s, w->buf);
}

void tn_jw_raw(tn_json_writer *w, tn_str json)
{
    before_value(w);
    tn_buf_str(w->buf, json);
}

void tn_jw_null(tn_json_writer *w)
{
    tn_jw_raw(w, TN_STR("null"));
}

void tn_jw_c(tn_json_writer *w, const char *s)
{
    if (s)
        tn_jw_str(w, tn_str_of(s));
    else
        tn_jw_null(w);
}

void tn_jw_i64(tn_json_writer *w, int64_t v)
{
    before_value(w);
    tn_buf_printf(w->buf, "%" PRId64, v);
}

void tn_jw_u64(tn_json_writer *w, uint64_t v)
{
    before_value(w);
    tn_buf_printf(w->buf, "%" PRIu64, v);
}

void tn_jw_f64(tn_json_writer *w, double v)
{
    if (!__builtin_isfinite(v)) {
        tn_jw_null(w);
        return;
    }
    before_value(w);
    tn_buf_f64(w->buf, v);
}

void tn_jw_f32(tn_json_writer *w, float v)
{
    if (!__builtin_isfinite(v)) {
        tn_jw_null(w);
        return;
    }
    before_value(w);
    tn_buf_f32(w->buf, v);
}

void tn_jw_bool(tn_json_writer *w, bool v)
{
    tn_jw_raw(w, tn_str_of(v ? "true" : "false"));
}

void tn_jw_node(tn_json_writer *w, const tn_json *v)
{
    tn_json_type_id type = tn_json_type(v);
    if (type == TN_JSON_STRING) {
        tn_jw_str(w, tn_json_str(v));
        return;
    }
    if (type < TN_JSON_ARRAY) {
        tn_str text = tn_json_text(v);
        /* NaN and Infinity are read on request (Python writes them) and never written. */
        bool finite = type != TN_JSON_NUMBER || (text.ptr[text.len - 1] >= '0' && text.ptr[text.len - 1] <= '9');
        tn_jw_raw(w, type == TN_JSON_NONE || !finite ? TN_STR("null") : text);
        return;
    }
    open(w, type == TN_JSON_OBJECT);
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        if (type == TN_JSON_OBJECT)
            tn_jw_key_str(w, tn_json_key(c));
        tn_jw_node(w, c);
    }
    shut(w, type == TN_JSON_OBJECT);
}

void tn_json_write(const tn_json *v, int indent, tn_buf *buf)
{
    tn_json_writer w;
    tn_jw_init(&w, buf, indent);
    tn_jw_node(&w, v);
}
