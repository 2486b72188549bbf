#ifndef TN_TEXT_TRIE_H
#define TN_TEXT_TRIE_H
/// A trie over bytes as a double array: one comparison a byte, whatever the size of the vocabulary.
///
/// Node 0 is the root. The child of `node` under byte b lies at unit[node].base ^ b and is a child only when its
/// `parent` says so; a base never leads out of the array, so a step needs no bounds check.

#include "base/str.h"

#define TN_TRIE_NONE UINT32_MAX

typedef struct {
    uint32_t base, parent;
    uint32_t value; /* TN_TRIE_NONE where no key ends */
} tn_trie_unit;

typedef struct {
    tn_trie_unit *unit;
    size_t n_units; /* a multiple of 256 */
} tn_trie;

enum { TN_TRIE_MAX_KEY = 4096 };

/// Builds from n keys; key i has value i when `values` is NULL. Of equal keys the last one counts, and *n_repeated (may
/// be NULL) says how many there were. The empty key is the root's value. The trie lives in `a`; `scratch` may be reset.
/// Fails with TN_ELIMIT for a key over TN_TRIE_MAX_KEY bytes or more than 2^31 nodes.
tn_status tn_trie_build(const tn_str *keys, const uint32_t *values, size_t n, tn_arena *a, tn_arena *scratch,
                        tn_trie *out, size_t *n_repeated, tn_err *err);

/// The child, or 0.
static inline uint32_t tn_trie_step(const tn_trie *t, uint32_t node, unsigned char byte)
{
    uint32_t next = t->unit[node].base ^ byte;
    return t->unit[next].parent == node ? next : 0;
}
/// The node under these bytes from `node` on, or TN_TRIE_NONE.
uint32_t tn_trie_walk(const tn_trie *t, uint32_t node, tn_str bytes);
/// The key's value, or TN_TRIE_NONE.
uint32_t tn_trie_find(const tn_trie *t, tn_str key);
/// The longest key at the beginning of `text`: its length (0 = none) and value.
size_t tn_trie_longest(const tn_trie *t, tn_str text, uint32_t *value);

#endif
