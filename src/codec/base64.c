/* Strict, so that one sequence of bytes has one text. */
#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tn_base64_write(tn_bytes b, tn_buf *out)
{
    for (size_t i = 0; i < b.len; i += 3) {
        size_t left = b.len - i;
        uint32_t v =
            (uint32_t)b.ptr[i] << 16 | (left > 1 ? (uint32_t)b.ptr[i + 1] << 8 : 0) | (left > 2 ? b.ptr[i + 2] : 0);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], left > 1 ? alphabet[v >> 6 & 63] : '=',
                        left > 2 ? alphabet[v & 63] : '='};
        tn_buf_put(out, four, 4);
    }
}

static int value_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

tn_status tn_base64_read(tn_str s, tn_arena *a, tn_bytes *out, tn_err *err)
{
    if (s.len % 4)
        return tn_fail(err, TN_EFORMAT, "base64: %zu letters, a multiple of 4 was expected", s.len);
    size_t n_pad = s.len && s.ptr[s.len - 1] == '=' ? (s.ptr[s.len - 2] == '=' ? 2 : 1) : 0, n = 0;
    uint8_t *p = tn_arena_alloc(a, s.len / 4 * 3 + 1);
    if (!p)
        return tn_fail_nomem(err, s.len / 4 * 3 + 1);
    uint32_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool pad = i >= s.len - n_pad;
        int digit = pad ? 0 : value_of(s.ptr[i]);
        if (digit < 0)
            return tn_fail(err, TN_EFORMAT, "base64: byte 0x%02X at offset %zu is not of its alphabet",
                           (uint8_t)s.ptr[i], i);
        v = v << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            p[n++] = (uint8_t)(v >> 16);
            p[n++] = (uint8_t)(v >> 8);
            p[n++] = (uint8_t)v;
            v = 0;
        }
    }
    for (size_t i = n - n_pad; i < n; i++)
        if (p[i])
            return tn_fail(err, TN_EFORMAT, "base64: the last letter at offset %zu has bits behind the end",
                           s.len - n_pad - 1);
    *out = (tn_bytes){p, n - n_pad};
    return TN_OK;
}
