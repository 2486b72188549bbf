#ifndef TN_BASE_MAP_H
#define TN_BASE_MAP_H
/// A map from byte strings to 64-bit values that remembers the order of insertion.
///
/// Iteration is `for (i = 0; i < m.len; i++) m.entry[i]`: never in hash order. Keys are borrowed: they must outlive the
/// map. No deletion. One mechanism for vocabularies, label sets, n-gram counts, headers.

#include "base/str.h"

typedef struct {
    tn_str key;
    uint64_t hash;
    uint64_t value;
} tn_map_entry;

typedef struct {
    tn_map_entry *entry; /* [len], in order of insertion */
    size_t len, cap;
    uint32_t *slot; /* [n_slots], index + 1 into entry, 0 = empty */
    size_t n_slots;
} tn_map;

#define TN_MAP_INIT ((tn_map){0})
void tn_map_free(tn_map *m);
/// The value's place, or NULL when the key is absent. Valid until the next put.
uint64_t *tn_map_find(const tn_map *m, tn_str key);
/// The place of the key's value, inserted with `value` when absent; *is_new (may be NULL) tells. NULL when out of memory.
uint64_t *tn_map_put(tn_map *m, tn_str key, uint64_t value, bool *is_new);
/// Room for `n` keys at once.
bool tn_map_reserve(tn_map *m, size_t n);
/// 64-bit hash of bytes, the same on every machine (not for security).
uint64_t tn_hash64(tn_str s);

#endif
