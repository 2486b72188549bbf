#ifndef TN_TEXT_ALIGNED_H
#define TN_TEXT_ALIGNED_H
/// Text under change that remembers where each byte came from: the common currency of normalisers and pre-tokenisers.
///
/// `at[i]` names the code point of the original text that byte i stands for. Nothing ever stands for more than one: a
/// composed letter points at the base alone, as in the tokenizers package. With the top bit set it stands for nothing,
/// just before that code point. Where offsets are not wanted `at` is NULL and costs nothing.

#include "base/str.h"
#include "text/unicode.h"

#define TN_AT_NOTHING 0x80000000u

typedef struct {
    const char *text;
    uint32_t *at; /* [len], or NULL */
    size_t len;
    /* private: a buffer of cap bytes when text is ours, 0 when it is borrowed */
    size_t cap;
    uint32_t base; /* code point where the piece begins in the original */
} tn_aligned;

enum { TN_ALIGNED_MAX = 1 << 30 }; /* bytes after normalisation */

static inline uint32_t tn_at_start(uint32_t at)
{
    return at & ~TN_AT_NOTHING;
}
static inline uint32_t tn_at_end(uint32_t at)
{
    return at & TN_AT_NOTHING ? at & ~TN_AT_NOTHING : at + 1;
}

/// Where a change reads and writes. The package describes every change as a list of (code point, n): n = 0 stands in
/// the place of the next old one, n > 0 is new, n < 0 also swallows -n old ones. Offsets follow from that list alone,
/// also where it is wrong about what replaced what; so this is what we keep.
typedef struct {
    const tn_aligned *from;
    tn_aligned *to;
    tn_arena *arena;
    size_t read; /* what the caller has looked at */
    size_t pos;  /* what the list of changes has used up */
    tn_status status;
    tn_err *err;
} tn_edit;

/// Begins with an empty `to`, whose buffer is used again, with an `at` when `from` has one.
void tn_edit_begin(tn_edit *e, const tn_aligned *from, tn_aligned *to, tn_arena *a, tn_err *err);
void tn_edit_put(tn_edit *e, uint32_t cp, int change);
/// Copies the next n bytes (whole code points) as they are and moves `read`.
void tn_edit_copy(tn_edit *e, size_t n);
/// Swallows the next n old code points.
void tn_edit_skip(tn_edit *e, size_t n);
/// Appends bytes that all come from `at`.
void tn_edit_bytes(tn_edit *e, const char *bytes, size_t n, uint32_t at);
/// Where something new at this place comes from: the code point before, or nothing at the very beginning.
uint32_t tn_edit_before(const tn_edit *e);

#endif
