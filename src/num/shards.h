#ifndef TN_NUM_SHARDS_H
#define TN_NUM_SHARDS_H
/// A batch is n contiguous shards of tokens; shard s is tokens [start[s], start[s+1]), ascending; it may be empty.
///
/// Sums over tokens are per shard, in token order, from +0; the shards' sums are folded by adding neighbours, level by
/// level: (0,1) (2,3) ..., then ((0,1),(2,3)) ..., left + right. What has no neighbour goes up unchanged, and so does the
/// neighbour of an absent one: a shard without tokens (for an embedding row: without that id) is skipped, never added as 0.
/// When all are absent the result is +0.

#include <stddef.h>

enum { TN_SHARDS_MAX = 64 };

typedef struct {
    size_t n;            /* 1 .. TN_SHARDS_MAX */
    const size_t *start; /* [n + 1] */
} tn_shards;

#endif
