/* Our own emitter: libyaml's folds long lines and its choices change between versions, and plans are compared as bytes.
 * A string is plain only when YAML 1.1 and 1.2 readers both give it back; the rule errs on the side of quotes. */
#include "codec/yaml.h"

#include <string.h>

/* What may stand raw: YAML's printable set without the line ends of 1.1 (NEL, LS, PS) and the byte order mark. */
static bool is_printable(uint32_t cp)
{
    return (cp >= 0x20 && cp < 0x7F) || (cp >= 0xA0 && cp <= 0xD7FF && cp != 0x2028 && cp != 0x2029) ||
           (cp >= 0xE000 && cp <= 0xFFFD && cp != 0xFEFF) || (cp >= 0x10000 && cp <= 0x10FFFF);
}

static void write_quoted(tn_str s, tn_buf *b)
{
    static const char letter[32] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r', [0x1B] = 'e'};
    tn_buf_char(b, '"');
    for (size_t at = 0; at < s.len;) {
        size_t start = at;
        uint32_t cp = tn_utf8_next(s, &at);
        if (cp == '"' || cp == '\\')
            tn_buf_printf(b, "\\%c", (int)cp);
        else if (cp < 0x20 && letter[cp])
            tn_buf_printf(b, "\\%c", letter[cp]);
        else if (cp == 0xFFFD)
            tn_buf_cp(b, cp); /* ill-formed bytes, too */
        else if (is_printable(cp))
            tn_buf_put(b, s.ptr + start, at - start);
        else
            tn_buf_printf(b, cp < 0x100 ? "\\x%02X" : "\\u%04X", cp);
    }
    tn_buf_char(b, '"');
}

static bool is_word(tn_str s)
{
    static const char *const word[] = {"y", "yes", "n", "no", "true", "false", "on", "off", "null"};
    char lower[8];
    if (s.len >= sizeof lower)
        return false;
    for (size_t i = 0; i < s.len; i++)
        lower[i] = (char)(s.ptr[i] | (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? 0x20 : 0));
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (tn_str_is((tn_str){lower, s.len}, word[i]))
            return true;
    return false;
}

static bool is_in(const char *set, char c)
{
    return c && strchr(set, c);
}

/* Anything of digits, signs, points, colons and the letters of hexadecimal, octal, binary, exponents, inf, nan, times:
 * numbers and dates of YAML 1.1 and 1.2, and some more. */
static bool may_be_number(tn_str s)
{
    if (!is_in("0123456789+-.", s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_in("0123456789+-._:, abcdefABCDEFxXoOiInNtTzZ", s.ptr[i]))
            return false;
    return true;
}

static bool is_plain(tn_str s)
{
    if (s.len == 0 || s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == ':' ||
        is_in("-?:,[]{}#&*!|>'\"%@`=~<", s.ptr[0]) || is_word(s) || may_be_number(s))
        return false;
    for (size_t at = 0; at < s.len;) {
        size_t start = at;
        uint32_t cp = tn_utf8_next(s, &at);
        if (!is_printable(cp) || cp == 0xFFFD || (cp == ':' && at < s.len && s.ptr[at] == ' ') ||
            (cp == '#' && start > 0 && s.ptr[start - 1] == ' '))
            return false;
    }
    return !tn_str_starts(s, "...");
}

/* Several lines, the last with or without a line end, none of them only blanks or (the first) beginning with one. */
static bool is_block(tn_str s)
{
    tn_str rest = s, line;
    if (!memchr(s.ptr, '\n', s.len) || s.ptr[0] == '\n' || tn_str_ends(s, "\n\n"))
        return false;
    for (bool first = true; tn_str_cut(&rest, '\n', &line); first = false) {
        if ((line.len && tn_str_trim(line).len == 0) || (first && (line.ptr[0] == ' ' || line.ptr[0] == '\t')))
            return false;
        for (size_t at = 0; at < line.len;) {
            uint32_t cp = tn_utf8_next(line, &at);
            if (cp == 0xFFFD || (!is_printable(cp) && cp != '\t'))
                return false;
        }
    }
    return true;
}

static void blanks(tn_buf *b, int n)
{
    while (n-- > 0)
        tn_buf_char(b, ' ');
}

static void write_string(tn_str s, int indent, tn_buf *b)
{
    if (s.len && is_block(s)) {
        tn_str rest = tn_str_ends(s, "\n") ? tn_str_sub(s, 0, s.len - 1) : s, line;
        tn_buf_c(b, rest.len == s.len ? "|-\n" : "|\n");
        while (tn_str_cut(&rest, '\n', &line)) {
            if (line.len)
                blanks(b, indent);
            tn_buf_str(b, line);
            tn_buf_char(b, '\n');
        }
        return;
    }
    if (is_plain(s))
        tn_buf_str(b, s);
    else
        write_quoted(s, b);
    tn_buf_char(b, '\n');
}

static void write_key(tn_str key, int indent, tn_buf *b)
{
    /* A key before ':' may have 1024 characters at most; longer ones take the explicit form. */
    bool explicit = key.len > 250;
    if (explicit)
        tn_buf_c(b, "? ");
    if (is_plain(key))
        tn_buf_str(b, key);
    else
        write_quoted(key, b);
    if (explicit) {
        tn_buf_char(b, '\n');
        blanks(b, indent);
    }
    tn_buf_char(b, ':');
}

/* A float of YAML 1.1 needs a point, and a sign before its exponent: 5e-05 would be a string to PyYAML. */
static void write_number(tn_str s, tn_buf *b)
{
    bool point = memchr(s.ptr, '.', s.len);
    char last = s.ptr[s.len - 1];
    if (last < '0' || last > '9') {
        tn_buf_c(b, "null");
        return;
    }
    for (size_t i = 0; i < s.len; i++) {
        bool exponent = s.ptr[i] == 'e' || s.ptr[i] == 'E';
        if (exponent && !point)
            tn_buf_c(b, ".0");
        tn_buf_char(b, s.ptr[i]);
        if (exponent && s.ptr[i + 1] != '-' && s.ptr[i + 1] != '+')
            tn_buf_char(b, '+');
    }
}

/* Writes a value whose first line has begun: scalars and empty containers end it; others go on at `indent`, below, or
 * (a list's item) on the same line. */
static void write_value(const tn_json *v, int indent, bool same_line, tn_buf *b)
{
    tn_json_type_id type = tn_json_type(v);
    tn_str text = tn_json_text(v);
    if (type == TN_JSON_STRING) {
        write_string(text, indent, b);
    } else if (type < TN_JSON_STRING) {
        if (type == TN_JSON_NUMBER)
            write_number(text, b);
        else
            tn_buf_str(b, type == TN_JSON_NONE ? TN_STR("null") : text);
        tn_buf_char(b, '\n');
    } else if (tn_json_len(v) == 0) {
        tn_buf_c(b, type == TN_JSON_OBJECT ? "{}\n" : "[]\n");
    } else {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
            bool scalar = tn_json_type(c) < TN_JSON_ARRAY || tn_json_len(c) == 0;
            if (c != tn_json_first(v) || !same_line)
                blanks(b, indent);
            if (type == TN_JSON_ARRAY) {
                tn_buf_c(b, "- ");
                write_value(c, indent + 2, true, b);
                continue;
            }
            write_key(tn_json_key(c), indent, b);
            tn_buf_char(b, scalar ? ' ' : '\n');
            write_value(c, indent + 2, false, b);
        }
    }
}

void tn_yaml_write(const tn_json *v, tn_buf *buf)
{
    write_value(v, tn_json_type(v) == TN_JSON_STRING ? 2 : 0, true, buf);
}
