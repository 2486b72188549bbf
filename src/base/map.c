/* Open addressing over an index array; entries themselves lie densely in insertion order (as in Python's dict).
 * Invariant: n_slots is a power of two and at most 2/3 of the slots are used, so a probe always ends. */
#include "base/map.h"

#include <string.h>

/* FNV-1a over 8-byte words with a final mix: fast enough for vocabularies, and machine-independent (little-endian). */
uint64_t tn_hash64(tn_str s)
{
    uint64_t h = 0xCBF29CE484222325u ^ s.len, word;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    if (i < s.len) {
        word = 0;
        memcpy(&word, s.ptr + i, s.len - i);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    h *= 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
}

void tn_map_free(tn_map *m)
{
    tn_mem_free(m->entry);
    tn_mem_free(m->slot);
    *m = TN_MAP_INIT;
}

static size_t probe(const tn_map *m, tn_str key, uint64_t hash)
{
    size_t mask = m->n_slots - 1, i = hash & mask;
    for (;; i = (i + 1) & mask) {
        uint32_t at = m->slot[i];
        if (at == 0)
            return i;
        const tn_map_entry *e = &m->entry[at - 1];
        if (e->hash == hash && tn_str_eq(e->key, key))
            return i;
    }
}

uint64_t *tn_map_find(const tn_map *m, tn_str key)
{
    if (m->n_slots == 0)
        return NULL;
    uint32_t at = m->slot[probe(m, key, tn_hash64(key))];
    return at ? &m->entry[at - 1].value : NULL;
}

bool tn_map_reserve(tn_map *m, size_t n)
{
    if (n > UINT32_MAX / 4)
        return false;
    size_t n_slots = m->n_slots ? m->n_slots : 16;
    while (n_slots * 2 < n * 3)
        n_slots *= 2;
    if (n > m->cap) {
        size_t cap = m->cap * 2 > n ? m->cap * 2 : n;
        tn_map_entry *entry = tn_mem_resize(m->entry, cap * sizeof *entry);
        if (!entry)
            return false;
        m->entry = entry;
        m->cap = cap;
    }
    if (n_slots != m->n_slots) {
        uint32_t *slot = tn_mem_calloc(n_slots * sizeof *slot);
        if (!slot)
            return false;
        tn_mem_free(m->slot);
        m->slot = slot;
        m->n_slots = n_slots;
        for (size_t k = 0; k < m->len; k++) {
            size_t i = m->entry[k].hash & (n_slots - 1);
            while (slot[i])
                i = (i + 1) & (n_slots - 1);
            slot[i] = (uint32_t)k + 1;
        }
    }
    return true;
}

uint64_t *tn_map_put(tn_map *m, tn_str key, uint64_t value, bool *is_new)
{
    /* Reserve first: the slot found must stay valid. */
    if ((m->len == m->cap || m->n_slots * 2 < (m->len + 1) * 3) && !tn_map_reserve(m, m->len + 1))
        return NULL;
    uint64_t hash = tn_hash64(key);
    size_t i = probe(m, key, hash);
    if (is_new)
        *is_new = m->slot[i] == 0;
    if (m->slot[i] == 0) {
        m->entry[m->len++] = (tn_map_entry){key, hash, value};
        m->slot[i] = (uint32_t)m->len;
    }
    return &m->entry[m->slot[i] - 1].value;
}
