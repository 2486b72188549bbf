/* The list of changes, applied as it is produced.
 *
 * Invariant: to->cap bytes are there for text and, when offsets are kept, cap entries for `at`. A failure sticks in
 * e->status and makes all later calls do nothing, so that loops ask once at their end. */
#include "text/aligned.h"

#include <string.h>

static bool reserve(tn_edit *e, size_t n)
{
    tn_aligned *t = e->to;
    if (e->status != TN_OK)
        return false;
    if (n <= t->cap - t->len)
        return true;
    size_t need;
    if (!tn_size_add(t->len, n, &need) || need > TN_ALIGNED_MAX) {
        e->status = tn_fail(e->err, TN_ELIMIT, "the text is longer than %d bytes after normalisation", TN_ALIGNED_MAX);
        return false;
    }
    size_t cap = need < TN_ALIGNED_MAX / 2 ? need * 2 : TN_ALIGNED_MAX;
    char *text = tn_arena_alloc(e->arena, cap);
    uint32_t *at = e->from->at ? TN_ARENA_ARRAY(e->arena, uint32_t, cap) : NULL;
    if (!text || (e->from->at && !at)) {
        e->status = tn_fail_nomem(e->err, cap);
        return false;
    }
    if (t->len)
        memcpy(text, t->text, t->len);
    if (t->len && at)
        memcpy(at, t->at, t->len * sizeof *at);
    t->text = text;
    t->at = at;
    t->cap = cap;
    return true;
}

void tn_edit_begin(tn_edit *e, const tn_aligned *from, tn_aligned *to, tn_arena *a, tn_err *err)
{
    *e = (tn_edit){.from = from, .to = to, .arena = a, .err = err};
    to->len = 0;
    to->base = from->base;
    if (from->at && !to->at)
        to->cap = 0;
    reserve(e, from->len + 16);
}

void tn_edit_bytes(tn_edit *e, const char *bytes, size_t n, uint32_t at)
{
    if (!reserve(e, n))
        return;
    tn_aligned *t = e->to;
    memcpy((char *)t->text + t->len, bytes, n);
    if (t->at)
        for (size_t i = 0; i < n; i++)
            t->at[t->len + i] = at;
    t->len += n;
}

uint32_t tn_edit_before(const tn_edit *e)
{
    if (!e->from->at)
        return 0;
    return e->pos ? e->from->at[e->pos - 1] : e->from->base | TN_AT_NOTHING;
}

void tn_edit_skip(tn_edit *e, size_t n)
{
    for (; n && e->pos < e->from->len; n--)
        e->pos += tn_uc_len(e->from->text[e->pos]);
}

void tn_edit_put(tn_edit *e, uint32_t cp, int change)
{
    char bytes[4];
    uint32_t at = tn_edit_before(e);
    if (change <= 0) {
        if (e->from->at && e->pos < e->from->len)
            at = e->from->at[e->pos];
        tn_edit_skip(e, 1 + (size_t)-change);
    }
    tn_edit_bytes(e, bytes, tn_utf8_put(cp, bytes), at);
}

void tn_edit_copy(tn_edit *e, size_t n)
{
    if (!n || !reserve(e, n))
        return;
    const char *from = e->from->text + e->read;
    if (e->pos != e->read) { /* the list of changes lags behind: one by one */
        for (size_t i = 0; i < n;) {
            unsigned k;
            tn_edit_put(e, tn_uc_get(from + i, &k), 0);
            i += k;
        }
        e->read += n;
        return;
    }
    tn_aligned *t = e->to;
    memcpy((char *)t->text + t->len, from, n);
    if (t->at)
        memcpy(t->at + t->len, e->from->at + e->read, n * sizeof *t->at);
    t->len += n;
    e->read += n;
    e->pos += n;
}
