/* Number text: we print with %.{p}g for the smallest p that reads back to the same value, then spell it as Python's
 * repr does (digits, ".0" on integers, exponent from 1e16 and below 1e-4). glibc prints and reads decimal exactly, on
 * every CPU, so this text belongs to the byte-equal set. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tn_str tn_str_from_bytes(tn_bytes b)
{
    return (tn_str){(const char *)b.ptr, b.len};
}

tn_bytes tn_str_bytes(tn_str s)
{
    return (tn_bytes){(const uint8_t *)s.ptr, s.len};
}

int tn_str_cmp(tn_str a, tn_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

size_t tn_str_find(tn_str s, tn_str needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

static const char *next_of(const char *from, const char *end, char c)
{
    return from < end ? memchr(from, c, (size_t)(end - from)) : NULL;
}

/* Only where the first letter stands, small or large: memchr finds those faster than we read. */
static bool has_fold(tn_str s, tn_str lower)
{
    if (lower.len == 0 || s.len < lower.len)
        return lower.len == 0;
    const char *end = s.ptr + (s.len - lower.len) + 1;
    char small = lower.ptr[0], large = small >= 'a' && small <= 'z' ? (char)(small - 32) : small;
    const char *a = next_of(s.ptr, end, small), *b = small == large ? NULL : next_of(s.ptr, end, large);
    while (a || b) {
        const char *at = !b || (a && a < b) ? a : b;
        size_t k = 1;
        while (k < lower.len && (at[k] >= 'A' && at[k] <= 'Z' ? at[k] + 32 : at[k]) == lower.ptr[k])
            k++;
        if (k == lower.len)
            return true;
        if (at == a)
            a = next_of(at + 1, end, small);
        else
            b = next_of(at + 1, end, large);
    }
    return false;
}

bool tn_str_has_fold(tn_str s, const char *lower)
{
    return has_fold(s, tn_str_of(lower));
}

bool tn_str_has_any_fold(tn_str s, const char *lower)
{
    tn_str rest = tn_str_of(lower), word;
    while (tn_str_cut(&rest, '|', &word))
        if (has_fold(s, word))
            return true;
    return false;
}

tn_str tn_str_sub(tn_str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (tn_str){s.ptr ? s.ptr + from : NULL, to - from};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

tn_str tn_str_trim(tn_str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s.ptr++, s.len--;
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool tn_str_cut(tn_str *rest, char sep, tn_str *part)
{
    if (!rest->ptr)
        return false;
    const char *hit = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (!hit) {
        *part = *rest;
        *rest = (tn_str){NULL, 0};
        return true;
    }
    *part = (tn_str){rest->ptr, (size_t)(hit - rest->ptr)};
    rest->len -= part->len + 1;
    rest->ptr = hit + 1;
    return true;
}

char *tn_str_c(tn_arena *a, tn_str s)
{
    size_t n;
    if (!tn_size_add(s.len, 1, &n))
        return NULL;
    char *p = tn_arena_alloc(a, n);
    if (!p)
        return NULL;
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return p;
}

tn_str tn_str_dup(tn_arena *a, tn_str s)
{
    char *p = tn_str_c(a, s);
    return (tn_str){p, p ? s.len : 0};
}

tn_str tn_str_format(tn_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : tn_arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (tn_str){p, p ? (size_t)n : 0};
}

bool tn_str_to_i64(tn_str s, int64_t *out)
{
    size_t i = 0;
    bool negative = false;
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        negative = s.ptr[i++] == '-';
    if (i == s.len)
        return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        int digit = s.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            (negative ? __builtin_sub_overflow(v, digit, &v) : __builtin_add_overflow(v, digit, &v)))
            return false;
    }
    *out = v;
    return true;
}

/* The grammar [+-] digits [. digits] [e[+-]digits] with at least one digit before the exponent. */
static bool is_decimal(const char *p)
{
    int digits = 0;
    if (*p == '-' || *p == '+')
        p++;
    for (; isdigit((unsigned char)*p); p++)
        digits++;
    if (*p == '.')
        for (p++; isdigit((unsigned char)*p); p++)
            digits++;
    if (!digits)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+')
            p++;
        if (!isdigit((unsigned char)*p))
            return false;
        while (isdigit((unsigned char)*p))
            p++;
    }
    return *p == 0;
}

bool tn_str_to_f64(tn_str s, double *out)
{
    char small[64], *copy = small;
    if (s.len == 0 || s.len > 4096 || memchr(s.ptr, 0, s.len))
        return false;
    if (s.len >= sizeof small && !(copy = tn_mem_alloc(s.len + 1)))
        return false;
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    bool ok = is_decimal(copy);
    if (ok)
        *out = strtod(copy, NULL);
    if (copy != small)
        tn_mem_free(copy);
    return ok && isfinite(*out);
}

uint32_t tn_utf8_next(tn_str s, size_t *at)
{
    const uint8_t *p = (const uint8_t *)s.ptr + *at;
    size_t left = s.len - *at;
    uint32_t cp;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] >= 0xC2 && p[0] <= 0xDF && left >= 2 && (p[1] & 0xC0) == 0x80) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if ((p[0] & 0xF0) == 0xE0 && left >= 3 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80) {
        cp = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        if (cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF)) {
            *at += 3;
            return cp;
        }
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4 && left >= 4 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 &&
        (p[3] & 0xC0) == 0x80) {
        cp = (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
        if (cp >= 0x10000 && cp <= 0x10FFFF) {
            *at += 4;
            return cp;
        }
    }
    *at += 1;
    return 0xFFFD;
}

size_t tn_utf8_put(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

static bool is_continued(const uint8_t *p, int n)
{
    for (int i = 1; i <= n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return false;
    return true;
}

/* Bytes of the well-formed sequence at p that begins with a byte over 0x7F; 0 when it is ill-formed. What the second
 * byte may be depends on the first: no overlongs behind E0, F0; no surrogates behind ED; no more than U+10FFFF. */
static size_t sequence_length(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    if (c >= 0xE1 && c <= 0xEF && c != 0xED)
        return left >= 3 && is_continued(p, 2) ? 3 : 0;
    if (c >= 0xC2 && c <= 0xDF)
        return left >= 2 && is_continued(p, 1) ? 2 : 0;
    if (c == 0xE0 || c == 0xED)
        return left >= 3 && is_continued(p, 2) && (p[1] >= 0xA0) == (c == 0xE0) ? 3 : 0;
    if (c >= 0xF0 && c <= 0xF4)
        return left >= 4 && is_continued(p, 3) && (c > 0xF0 || p[1] >= 0x90) && (c < 0xF4 || p[1] < 0x90) ? 4 : 0;
    return 0;
}

size_t tn_utf8_check(tn_str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t at = 0, n;
    while (at < s.len) {
        /* Eight ASCII bytes at a time: most text is mostly ASCII. */
        uint64_t word;
        while (s.len - at >= 8 && (memcpy(&word, p + at, 8), (word & 0x8080808080808080u) == 0))
            at += 8;
        while (at < s.len && p[at] < 0x80)
            at++;
        for (; at < s.len && p[at] >= 0x80; at += n)
            if (!(n = sequence_length(p + at, s.len - at)))
                return at;
    }
    return s.len;
}

size_t tn_utf8_count(tn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((uint8_t)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

void tn_buf_free(tn_buf *b)
{
    tn_mem_free(b->ptr);
    *b = (tn_buf){.max = b->max};
}

void tn_buf_clear(tn_buf *b)
{
    b->len = 0;
    b->failed = b->over_max = false;
    if (b->ptr)
        b->ptr[0] = 0;
}

char *tn_buf_reserve(tn_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    size_t need, max = b->max ? b->max : (size_t)1 << 30;
    if (!tn_size_add(b->len, n, &need) || need > max) {
        b->failed = b->over_max = true;
        return NULL;
    }
    if (need + 1 > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        if (cap < need + 1)
            cap = need + 1;
        char *p = tn_mem_resize(b->ptr, cap);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->ptr = p;
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void tn_buf_put(tn_buf *b, const void *bytes, size_t n)
{
    char *p = tn_buf_reserve(b, n);
    if (!p)
        return;
    if (n)
        memcpy(p, bytes, n);
    b->len += n;
    b->ptr[b->len] = 0;
}

void tn_buf_str(tn_buf *b, tn_str s)
{
    tn_buf_put(b, s.ptr, s.len);
}

void tn_buf_c(tn_buf *b, const char *c)
{
    tn_buf_put(b, c, strlen(c));
}

void tn_buf_char(tn_buf *b, char c)
{
    tn_buf_put(b, &c, 1);
}

void tn_buf_cp(tn_buf *b, uint32_t cp)
{
    char out[4];
    tn_buf_put(b, out, tn_utf8_put(cp, out));
}

void tn_buf_printf(tn_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : tn_buf_reserve(b, (size_t)n);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

/* `text` is %e output with the fewest digits; rewrites it as Python's repr. */
static void put_repr(tn_buf *b, const char *text)
{
    char digits[32];
    int n = 0, exponent = 0;
    const char *p = text;
    if (*p == '-') {
        tn_buf_char(b, '-');
        p++;
    }
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    if (*p == 'e')
        exponent = atoi(p + 1);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (exponent < -4 || exponent >= 16) {
        tn_buf_char(b, digits[0]);
        if (n > 1) {
            tn_buf_char(b, '.');
            tn_buf_put(b, digits + 1, (size_t)n - 1);
        }
        tn_buf_printf(b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        tn_buf_c(b, "0.");
        for (int i = -1; i > exponent; i--)
            tn_buf_char(b, '0');
        tn_buf_put(b, digits, (size_t)n);
    } else {
        for (int i = 0; i <= exponent || i < n; i++) {
            if (i == exponent + 1)
                tn_buf_char(b, '.');
            tn_buf_char(b, i < n ? digits[i] : '0');
        }
        if (n <= exponent + 1)
            tn_buf_c(b, ".0");
    }
}

static bool put_special(tn_buf *b, double v)
{
    if (isfinite(v))
        return false;
    tn_buf_c(b, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    return true;
}

void tn_buf_f64(tn_buf *b, double v)
{
    char text[40];
    if (put_special(b, v))
        return;
    for (int p = 0; p <= 16; p++) {
        snprintf(text, sizeof text, "%.*e", p, v);
        if (strtod(text, NULL) == v)
            break;
    }
    put_repr(b, text);
}

void tn_buf_f32(tn_buf *b, float v)
{
    char text[40];
    if (put_special(b, (double)v))
        return;
    for (int p = 0; p <= 8; p++) {
        snprintf(text, sizeof text, "%.*e", p, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    put_repr(b, text);
}

tn_str tn_buf_view(const tn_buf *b)
{
    return (tn_str){b->ptr ? b->ptr : "", b->len};
}

tn_status tn_buf_status(const tn_buf *b, tn_err *err)
{
    if (!b->failed)
        return TN_OK;
    if (b->over_max)
        return tn_fail(err, TN_ELIMIT, "text grew over its limit of %zu bytes", b->max ? b->max : (size_t)1 << 30);
    return tn_fail_nomem(err, b->cap * 2);
}

bool tn_vec_grow(void **ptr, size_t *cap, size_t size)
{
    size_t next = *cap ? *cap * 2 : 8, bytes;
    if (next < *cap || !tn_size_mul(next, size, &bytes))
        return false;
    void *p = tn_mem_resize(*ptr, bytes);
    if (!p)
        return false;
    *ptr = p;
    *cap = next;
    return true;
}
