#ifndef TN_NUM_KERNELS_ROWS_H
#define TN_NUM_KERNELS_ROWS_H
/// Inside of num/kernels: the rows of the table, and what they share.

#include "num/kernels.h"

extern const tn_kernels tn_kernels_ref, tn_kernels_ref_fma, tn_kernels_avx2, tn_kernels_avx512;

enum {
    TN_SUM_BLOCK = 4096,    /* above, block sums are added in double */
    TN_ATTENTION_ROWS = 64, /* query rows whose probabilities are held at once: two such blocks fit L2 for T = 512 */
};

/* The fold of shards without a buffer a shard: a binary counter. Slot l holds the sum of 2^l neighbouring shards, or is
 * absent. Adding shard s merges upward through the trailing ones of s, left + right; at the end what is left is merged
 * from the lowest slot, which is the same tree with its missing right ends. The macro's caller says how to merge:
 * MERGE(l) adds slot l to the carry (slot left, carry right), STORE(l) puts the carry into slot l. */
#define TN_FOLD_LEVELS 7 /* TN_SHARDS_MAX = 2^6, plus one */

#endif
