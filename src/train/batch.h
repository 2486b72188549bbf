#ifndef TN_TRAIN_BATCH_H
#define TN_TRAIN_BATCH_H
/// Batches: which rows each step sees, laid end to end without padding and cut into shards.
///
/// The order of an epoch is a shuffle by (seed, epoch), so step k of a run is the same after a resume, with any number
/// of threads, and without any state. The last batch of an epoch keeps its smaller size.

#include "model/model.h"

/// Masked language modelling: which tokens are hidden, and what stands in their place. Each token that is not special is
/// chosen with `share`; a chosen one becomes mask_id with `masked`, a word drawn from the vocabulary with `random`, and
/// stays itself otherwise; what it was is its target. Drawn anew in each epoch, by (seed, epoch, row, place in the row);
/// in an evaluation always the same, whatever the seed.
/// Source: transformers 5.23, DataCollatorForLanguageModeling (its random numbers are torch's; ours are Philox).
typedef struct {
    double share;
    double masked, random;
    int32_t mask_id, vocab_size; /* words are drawn from [0, vocab_size): the tokenizer's size */
    const bool *special;         /* [vocab_size] */
} tn_masking;
#define TN_MASKING_INIT ((tn_masking){.share = 0.15, .masked = 0.8, .random = 0.1})

/// Hides tokens of a row: ids [n] are changed, label [n] gets what stood there, -100 where nothing is hidden.
/// epoch -1: of an evaluation; the seed has no part then.
void tn_masking_draw(const tn_masking *m, uint64_t seed, int64_t epoch, int32_t row, int32_t n, int32_t *ids, int32_t *label);

/// Encoded rows with what is to be learnt from them; borrowed. Truncation has been done by whoever encoded them.
typedef struct {
    int32_t n_rows;
    const size_t *start; /* [n_rows + 1]; row i is ids[start[i] .. start[i+1]), never empty */
    const int32_t *ids;
    const int32_t *type_id; /* as ids; NULL: zeros */
    /// Of the kind of the model. Of a token: as ids, at the same places. Of a row: [n_rows], or [n_rows, L].
    tn_targets target;
    const tn_masking *masking; /* not NULL: the targets are made, and `target` is not read */
} tn_examples;

/// TN_EINVALID names the first row, from 0, that is empty, too long (max_tokens > 0), or has an id, a token type or a
/// target out of range. width: tn_model_width.
tn_status tn_examples_check(const tn_examples *x, tn_target_kind kind, int32_t vocab_size, int32_t n_types, int32_t width,
                            int32_t max_tokens, tn_err *err);
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
/// width: values a row of `x` has where its targets are values.
tn_status tn_batcher_new(const tn_examples *x, int32_t width, int32_t batch_size, int32_t n_shards, uint64_t seed,
                         const tn_batch_order *order, tn_batcher **out, tn_err *err);
void tn_batcher_free(tn_batcher *b);
/// Batches of one epoch: ceil(n_rows / batch_size), or those of the order.
int64_t tn_batcher_per_epoch(const tn_batcher *b);
/// Rows and tokens of a batch, at most.
size_t tn_batcher_max_rows(const tn_batcher *b);
size_t tn_batcher_max_tokens(const tn_batcher *b);
/// Fills batch, target, n_shards and shard of `out` for step k >= 0 (k runs over all epochs), valid until the next call.
/// Shard s holds rows [n*s/S, n*(s+1)/S). The other fields are left alone.
void tn_batcher_at(tn_batcher *b, int64_t step, tn_train_batch *out);

#endif
