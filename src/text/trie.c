/* Keys are sorted, then nodes are placed, depth first: the children of a node are runs of the sorted keys that share
 * its prefix. A node with one child takes the first free slot; one with several tries a few free slots and otherwise
 * opens a new block of 256, so building is linear. Free slots are a doubly linked list in the order of the array.
 *
 * Invariants: every base is below n_units, a multiple of 256, and base ^ byte stays in its block. A free slot has
 * parent NONE, which is no node, so it is nobody's child; slot 0 is the root and nobody's child either. */
#include "text/trie.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TRIES = 24 };

typedef struct {
    uint64_t prefix; /* first eight bytes, big-endian: most comparisons end here */
    uint32_t key;
} sorted_key;

typedef struct {
    uint32_t node, from, to, depth;
} job;

typedef struct {
    const tn_str *keys;
    tn_trie_unit *unit;
    uint32_t *next, *prev; /* of free slots; slot 0 is the list's head */
    size_t n_units, cap;
    tn_arena *scratch;
} builder;

/* Sorting needs the keys; qsort_r passes them without a global. By number last: equal keys stay in order. */
static int compare_keys(const void *x, const void *y, void *ctx)
{
    const sorted_key *a = x, *b = y;
    const tn_str *keys = ctx;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int c = tn_str_cmp(keys[a->key], keys[b->key]);
    return c ? c : a->key < b->key ? -1 : a->key > b->key;
}

/* Radix by the eight bytes, least first, then the runs of equal prefixes by what follows. */
static tn_status sort_keys(const tn_str *keys, sorted_key *k, size_t n, tn_arena *scratch, tn_err *err)
{
    sorted_key *other = TN_ARENA_ARRAY(scratch, sorted_key, n);
    if (!other)
        return tn_fail_nomem(err, n * sizeof *other);
    for (int shift = 0; shift < 64; shift += 8) {
        size_t place[257] = {0};
        for (size_t i = 0; i < n; i++)
            place[(k[i].prefix >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            place[b + 1] += place[b];
        for (size_t i = 0; i < n; i++)
            other[place[k[i].prefix >> shift & 255]++] = k[i];
        sorted_key *swap = k;
        k = other;
        other = swap;
    }
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && k[end].prefix == k[i].prefix; end++)
            ;
        if (end - i > 1)
            qsort_r(k + i, end - i, sizeof *k, compare_keys, (void *)(uintptr_t)keys);
    }
    return TN_OK; /* eight passes: the result is back in k */
}

static tn_status add_block(builder *b, tn_err *err)
{
    if (b->n_units + 256 > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 4096;
        if (cap > (size_t)1 << 31)
            return tn_fail(err, TN_ELIMIT, "the vocabulary needs more than 2^31 trie nodes");
        tn_trie_unit *unit = tn_mem_resize(b->unit, cap * sizeof *unit);
        if (unit)
            b->unit = unit;
        uint32_t *next = unit ? tn_mem_resize(b->next, cap * sizeof *next) : NULL;
        if (next)
            b->next = next;
        uint32_t *prev = next ? tn_mem_resize(b->prev, cap * sizeof *prev) : NULL;
        if (!prev)
            return tn_fail_nomem(err, cap * sizeof *unit);
        b->prev = prev;
        b->cap = cap;
    }
    bool first = b->n_units == 0;
    if (first)
        b->next[0] = b->prev[0] = 0;
    for (size_t i = b->n_units; i < b->n_units + 256; i++) {
        b->unit[i] = (tn_trie_unit){0, TN_TRIE_NONE, TN_TRIE_NONE};
        if (i == 0)
            continue;
        uint32_t last = b->prev[0];
        b->next[last] = (uint32_t)i;
        b->prev[i] = last;
        b->next[i] = 0;
        b->prev[0] = (uint32_t)i;
    }
    b->n_units += 256;
    return TN_OK;
}

static bool fits(const builder *b, uint32_t base, const unsigned char *label, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t slot = base ^ label[i];
        if (slot == 0 || b->unit[slot].parent != TN_TRIE_NONE)
            return false;
    }
    return true;
}

static tn_status place_children(builder *b, uint32_t node, const unsigned char *label, unsigned n, tn_err *err)
{
    uint32_t base = TN_TRIE_NONE;
    unsigned tries = 0;
    /* First the oldest free slots, to use them up, then the newest, where there is most room. */
    for (uint32_t slot = b->next[0]; slot && tries < MAX_TRIES; slot = b->next[slot], tries++)
        if (fits(b, slot ^ label[0], label, n)) {
            base = slot ^ label[0];
            break;
        }
    tries = 0;
    for (uint32_t slot = b->prev[0]; base == TN_TRIE_NONE && slot && tries < MAX_TRIES; slot = b->prev[slot], tries++)
        if (fits(b, slot ^ label[0], label, n))
            base = slot ^ label[0];
    if (base == TN_TRIE_NONE) {
        base = (uint32_t)b->n_units;
        TN_TRY(add_block(b, err));
    }
    b->unit[node].base = base;
    for (unsigned i = 0; i < n; i++) {
        uint32_t slot = base ^ label[i];
        b->unit[slot].parent = node;
        b->next[b->prev[slot]] = b->next[slot];
        b->prev[b->next[slot]] = b->prev[slot];
    }
    return TN_OK;
}

/* From the sorted keys, with the nodes still to do on a stack. */
static tn_status place_all(builder *b, const sorted_key *k, const uint32_t *values, size_t n, size_t *n_repeated,
                           tn_err *err)
{
    TN_VEC(job) todo = {0};
    tn_status st = TN_OK;
    TN_GO(add_block(b, err));
    b->unit[0].parent = TN_TRIE_NONE;
    if (!TN_PUSH(&todo, ((job){0, 0, (uint32_t)n, 0}))) {
        st = tn_fail_nomem(err, sizeof(job));
        goto done;
    }
    while (todo.len) {
        job j = todo.ptr[--todo.len];
        unsigned char label[256];
        uint32_t start[257];
        unsigned n_labels = 0;
        uint32_t i = j.from;
        for (; i < j.to && b->keys[k[i].key].len == j.depth; i++) {
            *n_repeated += b->unit[j.node].value != TN_TRIE_NONE;
            b->unit[j.node].value = values ? values[k[i].key] : k[i].key;
        }
        for (; i < j.to; i++) {
            unsigned char c = (unsigned char)b->keys[k[i].key].ptr[j.depth];
            if (!n_labels || label[n_labels - 1] != c) {
                label[n_labels] = c;
                start[n_labels++] = i;
            }
        }
        if (!n_labels)
            continue;
        start[n_labels] = j.to;
        TN_GO(place_children(b, j.node, label, n_labels, err));
        for (unsigned l = n_labels; l-- > 0;)
            if (!TN_PUSH(&todo, ((job){b->unit[j.node].base ^ label[l], start[l], start[l + 1], j.depth + 1}))) {
                st = tn_fail_nomem(err, todo.len * sizeof(job));
                goto done;
            }
    }
done:
    TN_VEC_FREE(&todo);
    return st;
}

tn_status tn_trie_build(const tn_str *keys, const uint32_t *values, size_t n, tn_arena *a, tn_arena *scratch,
                        tn_trie *out, size_t *n_repeated, tn_err *err)
{
    builder b = {.keys = keys, .scratch = scratch};
    size_t repeated = 0;
    tn_status st;
    sorted_key *k = TN_ARENA_ARRAY(scratch, sorted_key, n ? n : 1);
    *out = (tn_trie){0};
    if (!k || n >= UINT32_MAX)
        return tn_fail_nomem(err, n * sizeof *k);
    for (size_t i = 0; i < n; i++) {
        if (keys[i].len > TN_TRIE_MAX_KEY)
            return tn_fail(err, TN_ELIMIT, "a token of %zu bytes; at most %d are read", keys[i].len, TN_TRIE_MAX_KEY);
        k[i].key = (uint32_t)i;
        k[i].prefix = 0;
        for (size_t j = 0; j < 8; j++)
            k[i].prefix = k[i].prefix << 8 | (j < keys[i].len ? (unsigned char)keys[i].ptr[j] : 0);
    }
    TN_GO(sort_keys(keys, k, n, scratch, err));
    TN_GO(place_all(&b, k, values, n, &repeated, err));
    out->unit = TN_ARENA_ARRAY(a, tn_trie_unit, b.n_units);
    if (!out->unit) {
        st = tn_fail_nomem(err, b.n_units * sizeof *out->unit);
        goto done;
    }
    memcpy(out->unit, b.unit, b.n_units * sizeof *out->unit);
    out->n_units = b.n_units;
    if (n_repeated)
        *n_repeated = repeated;
done:
    tn_mem_free(b.unit);
    tn_mem_free(b.next);
    tn_mem_free(b.prev);
    return st;
}

uint32_t tn_trie_walk(const tn_trie *t, uint32_t node, tn_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (!(node = tn_trie_step(t, node, (unsigned char)bytes.ptr[i])))
            return TN_TRIE_NONE;
    return node;
}

uint32_t tn_trie_find(const tn_trie *t, tn_str key)
{
    uint32_t node = tn_trie_walk(t, 0, key);
    return node == TN_TRIE_NONE ? TN_TRIE_NONE : t->unit[node].value;
}

size_t tn_trie_longest(const tn_trie *t, tn_str text, uint32_t *value)
{
    size_t longest = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < text.len; i++) {
        node = tn_trie_step(t, node, (unsigned char)text.ptr[i]);
        if (!node)
            break;
        if (t->unit[node].value != TN_TRIE_NONE) {
            longest = i + 1;
            *value = t->unit[node].value;
        }
    }
    return longest;
}
