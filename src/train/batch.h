#ifndef TN_TRAIN_BATCH_H
#define TN_TRAIN_BATCH_H
/// Batches: which rows each step sees, laid end to end without padding and cut into shards.
///
/// The order of an epoch is a shuffle by (seed, epoch), so step k of a run is the same after a resume, with any number
/// of threads, and without any state. The last batch of an epoch keeps its smaller size.

#include "model/model.h"

/// Encoded rows with their labels; borrowed. Truncation has been done by whoever encoded them.
typedef struct {
    int32_t n_rows;
    const size_t *start; /* [n_rows + 1]; row i is ids[start[i] .. start[i+1]), never empty */
    const int32_t *ids;
    const int32_t *label; /* [n_rows], in [0, L) */
} tn_examples;

/// TN_EINVALID names the first row, from 0, that is empty, too long (max_tokens > 0), or has an id or label out of
/// range.
tn_status tn_examples_check(const tn_examples *x, int32_t vocab_size, int32_t n_labels, int32_t max_tokens,
                            tn_err *err);
/// Batches given from outside, for parity runs: batch k is row[start[k] .. start[k+1]).
typedef struct {
    int64_t n_batches;
    const size_t *start; /* [n_batches + 1] */
    const int32_t *row;
} tn_batch_order;

/// Reads a line a batch: row numbers from 0, separated by blanks. TN_EFORMAT with the line for anything else.
tn_status tn_batch_order_parse(tn_str text, int32_t n_rows, tn_arena *a, tn_batch_order *out, tn_err *err);

typedef struct tn_batcher tn_batcher;

/// batch_size >= 1; n_shards in [1, 64]. `order` may be NULL; with it, seed and batch_size have no part.
/// Buffers for the largest possible batch are taken here; tn_batcher_at does not allocate.
tn_status tn_batcher_new(const tn_examples *x, int32_t batch_size, int32_t n_shards, uint64_t seed,
                         const tn_batch_order *order, tn_batcher **out, tn_err *err);
void tn_batcher_free(tn_batcher *b);
/// Batches of one epoch: ceil(n_rows / batch_size), or those of the order.
int64_t tn_batcher_per_epoch(const tn_batcher *b);
/// Fills batch, label, n_shards and shard of `out` for step k >= 0 (k runs over all epochs), valid until the next call.
/// Shard s holds rows [n*s/S, n*(s+1)/S). The other fields are left alone.
void tn_batcher_at(tn_batcher *b, int64_t step, tn_train_batch *out);

#endif
