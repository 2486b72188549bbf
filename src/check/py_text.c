/* Strings without an escape stay where they are in the source; the others are written out once. */
#include "check/py_text.h"

#include <string.h>

tn_py_literal tn_py_literal_of(tn_str token)
{
    tn_py_literal l = {0};
    size_t i = 0;
    for (; i < token.len && token.ptr[i] != '"' && token.ptr[i] != '\''; i++) {
        char c = token.ptr[i] | 0x20;
        l.raw |= c == 'r';
        l.bytes |= c == 'b';
        l.format |= c == 'f' || c == 't';
    }
    size_t n = token.len - i >= 6 && token.ptr[i] == token.ptr[i + 1] && token.ptr[i] == token.ptr[i + 2] ? 3 : 1;
    l.body = tn_str_sub(token, i + n, token.len - n);
    return l;
}

bool tn_py_is_plain(tn_py_literal l)
{
    return (l.raw || !memchr(l.body.ptr, '\\', l.body.len)) && !memchr(l.body.ptr, '\r', l.body.len);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put(tn_buf *out, uint32_t cp, bool bytes, bool *inexact)
{
    if (bytes) {
        tn_buf_char(out, (char)cp);
        return;
    }
    if (cp >= 0xD800 && cp < 0xE000) {
        *inexact = true;
        cp = 0xFFFD;
    }
    tn_buf_cp(out, cp);
}

/* The character behind a backslash is at s[*i]; moves behind the escape. */
static bool escape(tn_py_literal l, tn_str s, size_t *i, tn_buf *out, bool *inexact)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = s.ptr[(*i)++];
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        tn_buf_char(out, to[known - from]);
    } else if (c == '\n') {
        /* a continued line */
    } else if (c == '\r') {
        if (*i < s.len && s.ptr[*i] == '\n')
            ++*i;
    } else if (c >= '0' && c <= '7') {
        uint32_t v = (uint32_t)(c - '0');
        for (int k = 0; k < 2 && *i < s.len && s.ptr[*i] >= '0' && s.ptr[*i] <= '7'; k++)
            v = v * 8 + (uint32_t)(s.ptr[(*i)++] - '0');
        put(out, v, l.bytes, inexact);
    } else if (c == 'x' || (!l.bytes && (c == 'u' || c == 'U'))) {
        uint32_t v = 0;
        for (int k = c == 'x' ? 2 : c == 'u' ? 4 : 8; k > 0; k--) {
            int d = *i < s.len ? hex_digit(s.ptr[*i]) : -1;
            if (d < 0)
                return false;
            v = v * 16 + (uint32_t)d;
            ++*i;
        }
        if (v > 0x10FFFF)
            return false;
        put(out, v, l.bytes, inexact);
    } else if (c == 'N' && !l.bytes) {
        tn_str rest = tn_str_sub(s, *i, s.len);
        size_t end = tn_str_starts(rest, "{") ? tn_str_find(rest, TN_STR("}"), 0) : SIZE_MAX;
        if (end == SIZE_MAX)
            return false;
        *i += end + 1;
        *inexact = true;
        tn_buf_cp(out, 0xFFFD);
    } else { /* an unknown escape stays as written */
        tn_buf_char(out, '\\');
        --*i;
    }
    return true;
}

bool tn_py_unescape(tn_py_literal l, tn_str s, tn_buf *out, bool *inexact)
{
    size_t from = 0;
    for (size_t i = 0; i < s.len;) {
        char c = s.ptr[i];
        if (c == '\r') { /* lines end with \n whatever the file has */
            tn_buf_put(out, s.ptr + from, i - from);
            tn_buf_char(out, '\n');
            i += i + 1 < s.len && s.ptr[i + 1] == '\n' ? 2 : 1;
            from = i;
        } else if (c == '\\' && !l.raw) {
            tn_buf_put(out, s.ptr + from, i - from);
            i++;
            if (i < s.len && !escape(l, s, &i, out, inexact))
                return false;
            from = i;
        } else {
            i++;
        }
    }
    tn_buf_put(out, s.ptr + from, s.len - from);
    return true;
}

/* ---- encodings ---- */

/* The name behind "coding:" or "coding=" in a comment line. */
static bool cookie(tn_str line, tn_str *out)
{
    tn_str s = line;
    size_t at = 0;
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t' || s.ptr[at] == '\f'))
        at++;
    if (at >= s.len || s.ptr[at] != '#')
        return false;
    for (;;) {
        at = tn_str_find(s, TN_STR("coding"), at);
        if (at == SIZE_MAX)
            return false;
        at += 6;
        if (at < s.len && (s.ptr[at] == ':' || s.ptr[at] == '='))
            break;
    }
    for (at++; at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t'); at++)
        ;
    size_t end = at;
    while (end < s.len && s.ptr[end] > ' ' && (hex_digit(s.ptr[end]) >= 0 || strchr("-_.", s.ptr[end]) || (s.ptr[end] | 0x20) >= 'a'))
        end++;
    *out = tn_str_sub(s, at, end);
    return end > at;
}

static bool same_name(tn_str s, const char *name)
{
    size_t n = strlen(name);
    if (s.len < n || (s.len > n && s.ptr[n] != '-' && s.ptr[n] != '_'))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[i] == '_' ? '-' : s.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (c != name[i])
            return false;
    }
    return true;
}

tn_py_encoding tn_py_encoding_of(tn_str text)
{
    tn_str rest = tn_str_sub(text, 0, 4096), line, name;
    if (tn_str_starts(text, "\xEF\xBB\xBF"))
        return TN_PY_UTF8;
    if (tn_str_starts(text, "\xFF\xFE") || tn_str_starts(text, "\xFE\xFF") || (text.len >= 4 && memcmp(text.ptr, "\0\0\xFE\xFF", 4) == 0))
        return TN_PY_WIDE;
    for (int i = 0; i < 2 && tn_str_cut(&rest, '\n', &line); i++) {
        if (cookie(line, &name)) {
            if (same_name(name, "utf-8") || same_name(name, "utf8") || same_name(name, "ascii"))
                return TN_PY_UTF8;
            return same_name(name, "latin-1") || same_name(name, "iso-8859-1") || same_name(name, "iso-latin-1") || same_name(name, "latin1") ? TN_PY_LATIN1
                                                                                                                                           : TN_PY_OTHER;
        }
        line = tn_str_trim(line);
        if (line.len && line.ptr[0] != '#')
            break;
    }
    return TN_PY_UTF8;
}
