/* The pattern needs no regular expressions: its alternatives differ in their first character, or in the one behind a
 * space. So a word is a contraction, or a run of one class with at most one space before it, or a run of blanks that
 * leaves its last one to the word that follows. */
#include "text/bytelevel.h"

#include <string.h>

#include "text/unicode.h"

enum { CLASSES = TN_UC_GPT_LETTER | TN_UC_GPT_NUMBER | TN_UC_SPACE };

static unsigned class_at(const char *p, unsigned *n)
{
    return tn_uc_flags(tn_uc_get(p, n)) & CLASSES;
}

/* Bytes of a contraction at p, or 0. */
static size_t contraction(const char *p, size_t n)
{
    static const char *const ends[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (n < 2 || p[0] != '\'')
        return 0;
    for (size_t i = 0; i < TN_COUNT(ends); i++) {
        size_t k = strlen(ends[i]);
        if (k < n && !memcmp(p + 1, ends[i], k))
            return k + 1;
    }
    return 0;
}

size_t tn_byte_level_word(const char *text, size_t at, size_t to, bool spaced)
{
    unsigned n, class;
    size_t i = at, last = at, short_one = spaced ? 0 : contraction(text + at, to - at);
    if (short_one)
        return at + short_one;
    if (!spaced && text[i] == ' ' && i + 1 < to)
        i++;
    class = class_at(text + i, &n);
    if (class & TN_UC_SPACE)
        i = at; /* the space was the first of several blanks */
    for (; i < to && class_at(text + i, &n) == class; i += n)
        last = i;
    /* Before something visible the last blank stays behind, unless it is the only one. */
    return class & TN_UC_SPACE && i < to && (last > at || spaced) ? last : i;
}

/* ---- back to text ---- */

/* Bytes of the longest beginning of a well-formed sequence at p, at least 1; *whole when it is a sequence. */
static size_t sequence(const unsigned char *p, size_t n, bool *whole)
{
    unsigned char c = p[0], low = 0x80, high = 0xBF;
    size_t want = c < 0x80                ? 1
                  : c >= 0xC2 && c < 0xE0 ? 2
                  : (c & 0xF0) == 0xE0    ? 3
                  : c >= 0xF0 && c < 0xF5 ? 4
                                          : 0,
           k = 1;
    if (c == 0xE0 || c == 0xF0)
        low = c == 0xE0 ? 0xA0 : 0x90;
    if (c == 0xED || c == 0xF4)
        high = c == 0xED ? 0x9F : 0x8F;
    for (; k < want && k < n && p[k] >= low && p[k] <= high; k++) {
        low = 0x80;
        high = 0xBF;
    }
    *whole = k == want;
    return k;
}

static size_t spell(tn_str token, unsigned char *out)
{
    size_t n = 0;
    unsigned k;
    for (size_t i = 0; i < token.len; i += k) {
        int byte = tn_byte_of_char(tn_uc_get(token.ptr + i, &k));
        if (byte < 0) {
            memcpy(out, token.ptr, token.len);
            return token.len;
        }
        out[n++] = (unsigned char)byte;
    }
    return n;
}

tn_str tn_byte_level_text(const tn_str *tokens, size_t n, tn_arena *a)
{
    static const tn_str failed = {NULL, 0};
    size_t most = 0, len = 0, bytes, n_out = 0, k;
    for (size_t i = 0; i < n; i++)
        if (!tn_size_add(most, tokens[i].len, &most))
            return failed;
    unsigned char *raw = tn_arena_alloc(a, most);
    if (!raw)
        return failed;
    for (size_t i = 0; i < n; i++)
        len += spell(tokens[i], raw + len);
    tn_str text = {(const char *)raw, len};
    if (tn_utf8_check(text) == len)
        return text;
    char *out = tn_size_mul(len, 3, &bytes) ? tn_arena_alloc(a, bytes) : NULL;
    if (!out)
        return failed;
    for (size_t i = 0; i < len; i += k) {
        bool whole;
        k = sequence(raw + i, len - i, &whole);
        memcpy(out + n_out, whole ? (const char *)raw + i : "\xEF\xBF\xBD", whole ? k : 3);
        n_out += whole ? k : 3;
    }
    return (tn_str){out, n_out};
}
