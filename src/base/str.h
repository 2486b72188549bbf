#ifndef TN_BASE_STR_H
#define TN_BASE_STR_H
/// Slices that never own, a growing buffer with a bound, exact number text, UTF-8.

#include "base/mem.h"

#include <string.h>

typedef struct {
    const char *ptr; /* UTF-8 unless a function says otherwise; not NUL-terminated */
    size_t len;      /* bytes */
} tn_str;

typedef struct {
    const uint8_t *ptr;
    size_t len;
} tn_bytes;

#define TN_STR(literal) ((tn_str){(literal), sizeof(literal) - 1})
#define TN_BYTES(literal) ((tn_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})
/// For printf: printf("%.*s", TN_ARG(s)).
#define TN_ARG(s) (int)((s).len > 100000 ? 100000 : (s).len), (s).ptr

static inline tn_str tn_str_of(const char *c_string)
{
    return (tn_str){c_string, c_string ? strlen(c_string) : 0};
}
tn_str tn_str_from_bytes(tn_bytes b);
tn_bytes tn_str_bytes(tn_str s);
/// The four below are here so that the length of a literal is a constant.
static inline bool tn_str_eq(tn_str a, tn_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool tn_str_is(tn_str a, const char *c_string)
{
    return tn_str_eq(a, tn_str_of(c_string));
}
static inline bool tn_str_starts(tn_str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && (n == 0 || memcmp(s.ptr, prefix, n) == 0);
}
static inline bool tn_str_ends(tn_str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.len >= n && (n == 0 || memcmp(s.ptr + s.len - n, suffix, n) == 0);
}
/// Byte order, shorter first on a tie: a total order, the same on every machine.
int tn_str_cmp(tn_str a, tn_str b);
/// Index of the first `needle` at or after `from`, or SIZE_MAX.
size_t tn_str_find(tn_str s, tn_str needle, size_t from);
/// True when `lower`, ASCII without capitals, stands somewhere in s in any case.
bool tn_str_has_fold(tn_str s, const char *lower);
/// True when one of "a|b|c" does.
bool tn_str_has_any_fold(tn_str s, const char *lower);
/// s[from, to), both clamped to the length.
tn_str tn_str_sub(tn_str s, size_t from, size_t to);
/// Without ASCII blanks (space, tab, CR, LF) at both ends.
tn_str tn_str_trim(tn_str s);
/// Cuts the part before `sep` off the front of *rest; false when *rest was exhausted. "a,,b" gives a, "", b.
bool tn_str_cut(tn_str *rest, char sep, tn_str *part);
/// Copies into the arena; the copy is NUL-terminated. ptr = NULL when out of memory.
tn_str tn_str_dup(tn_arena *a, tn_str s);
/// printf into the arena. ptr = NULL when out of memory.
tn_str tn_str_format(tn_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/// NUL-terminated copy, or NULL.
char *tn_str_c(tn_arena *a, tn_str s);

/// Whole-string numbers in the C locale: optional sign, digits; no blanks, no hex. False on anything else or overflow.
bool tn_str_to_i64(tn_str s, int64_t *out);
/// Decimal float as in JSON (also leading '+' and '.5'); rejects inf, nan, hex; correctly rounded.
bool tn_str_to_f64(tn_str s, double *out);

/// ---- UTF-8 ----
/// Decodes the code point at s[*at] and moves *at behind it. Ill-formed bytes give U+FFFD and move one byte.
uint32_t tn_utf8_next(tn_str s, size_t *at);
/// Writes 1..4 bytes, returns how many. `cp` must be a scalar value.
size_t tn_utf8_put(uint32_t cp, char out[4]);
/// Offset of the first ill-formed byte, or s.len. (RFC 3629: no overlongs, no surrogates, up to U+10FFFF.)
size_t tn_utf8_check(tn_str s);
/// Number of code points of a valid string.
size_t tn_utf8_count(tn_str s);

/// ---- growing buffer ----
/// Failure is sticky: after one failed append all later ones do nothing; ask once at the end with tn_buf_status.
typedef struct {
    char *ptr; /* NUL-terminated when not NULL */
    size_t len, cap;
    size_t max; /* bytes it may grow to; 0 means 1 GiB */
    bool failed, over_max; /* over_max: because of max */
} tn_buf;

#define TN_BUF_INIT ((tn_buf){0})
void tn_buf_free(tn_buf *b);
void tn_buf_clear(tn_buf *b);
/// Makes room for `n` more bytes and returns where they go (b->len is not moved), or NULL.
char *tn_buf_reserve(tn_buf *b, size_t n);
void tn_buf_put(tn_buf *b, const void *bytes, size_t n);
void tn_buf_str(tn_buf *b, tn_str s);
void tn_buf_c(tn_buf *b, const char *c_string);
void tn_buf_char(tn_buf *b, char c);
void tn_buf_cp(tn_buf *b, uint32_t cp);
void tn_buf_printf(tn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/// Shortest decimal that reads back to the same value ("0.1", "1e-05", "3.0"): Python's repr. nan, inf, -inf otherwise.
void tn_buf_f64(tn_buf *b, double v);
void tn_buf_f32(tn_buf *b, float v);
tn_str tn_buf_view(const tn_buf *b);
/// TN_OK, TN_ENOMEM or TN_ELIMIT.
tn_status tn_buf_status(const tn_buf *b, tn_err *err);

/// ---- vectors ----
/// A growing array on tn_mem: `TN_VEC(int) v = {0}; TN_PUSH(&v, 3)` is false when out of memory; v.ptr[0..v.len).
#define TN_VEC(type)                                                                                                   \
    struct {                                                                                                           \
        type *ptr;                                                                                                     \
        size_t len, cap;                                                                                               \
    }
#define TN_PUSH(v, value)                                                                                              \
    ((v)->len < (v)->cap || tn_vec_grow((void **)&(v)->ptr, &(v)->cap, sizeof *(v)->ptr)                              \
         ? ((v)->ptr[(v)->len++] = (value), true)                                                                      \
         : false)
#define TN_VEC_FREE(v) (tn_mem_free((v)->ptr), (v)->ptr = NULL, (v)->len = (v)->cap = 0)
bool tn_vec_grow(void **ptr, size_t *cap, size_t size);

#endif
