#ifndef TN_DATA_JOINED_H
#define TN_DATA_JOINED_H
/// Sets of rows that are joined pair by pair (union-find with path halving): parent [n_rows], each row its own at first.
/// The root of a set is its smallest row, so that results do not depend on the order of joining.

#include <stdint.h>

static inline uint32_t tn_joined_root(uint32_t *parent, uint32_t r)
{
    while (parent[r] != r)
        r = parent[r] = parent[parent[r]];
    return r;
}

static inline void tn_joined_join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = tn_joined_root(parent, a), b = tn_joined_root(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

#endif
