#ifndef TN_TRAIN_PASSES_H
#define TN_TRAIN_PASSES_H
/// A batch that is computed in several passes: the memory of one pass, the bytes of all in one.
///
/// Gradients fold in a binary tree over shards (DESIGN, numeric contract). When both counts are powers of two, the shards
/// of a pass are a whole branch of that tree, so the sums of passes are added as the tree would have added them. What
/// divides the loss is of the whole batch, and dropout is drawn by the row's number in it. So weights, moments and records
/// do not tell how many passes there were.

#include "train/batch.h"

/// ---- rows of a table's gradient ----
typedef struct {
    int32_t *row; /* [n], ascending */
    float *data;  /* [n, width] */
    int32_t n;
} tn_grad_rows;
/// Room for n rows; memory is used when a row is. Free also what could only be made in part.
tn_status tn_grad_rows_new(tn_grad_rows *r, size_t n, size_t width, tn_err *err);
void tn_grad_rows_free(tn_grad_rows *r);
/// out = left + the parameter's own; a row that only one of them has is taken as it is. `out` becomes the parameter's
/// gradient; it has room for both and is neither of them.
void tn_grad_rows_add(const tn_kernels *k, const tn_grad_rows *left, tn_param *p, tn_grad_rows *out);

/// ---- a part of a batch ----
enum { TN_BATCH_SHARDS_MAX = 64 };
typedef struct {
    int32_t *start; /* [rows of the part + 1], the caller's */
    int32_t shard[TN_BATCH_SHARDS_MAX + 1];
} tn_batch_room;
/// Part i of n_parts: its share of the shards, as a batch whose rows keep their numbers. n_parts divides the shards. width:
/// of a line of outputs. `out` points into the whole and into `room`.
void tn_batch_part(const tn_train_batch *whole, int32_t i, int32_t n_parts, size_t width, tn_batch_room *room,
                   tn_train_batch *out);

/// The loss of a whole batch from the sums of its parts (tn_train_result.sum), folded; `whole` knows kind and divisors.
double tn_batch_loss(const tn_train_batch *whole, const float sum[2]);

/// ---- copies of gradients, to be added ----
typedef struct tn_grads tn_grads;

/// Room for the gradients of these parameters, of tables for max_rows rows at most. `param` is borrowed.
tn_status tn_grads_new(tn_engine *e, tn_param *param, size_t n_params, size_t max_rows, tn_grads **out, tn_err *err);
void tn_grads_free(tn_grads *g);
/// Copies what the parameters' gradients are now; and back.
void tn_grads_take(tn_grads *g);
void tn_grads_give(tn_grads *g);
/// The parameters' gradients become g + themselves, one addition a value; a table's row that only one of them has is
/// taken as it is. After either, gradients of tables lie in `g`.
void tn_grads_add(tn_grads *g);

/// ---- passes ----
typedef tn_status tn_backward_fn(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err);

typedef struct tn_passes tn_passes;

/// n_passes and the shards of a batch are powers of two, the first not above the second.
typedef struct {
    int32_t n_passes;
    size_t max_rows, max_tokens; /* of a batch, at most */
} tn_passes_size;
/// width: of a line of outputs, for targets that have as many values a row.
tn_status tn_passes_new(tn_engine *e, tn_param *param, size_t n_params, int32_t width, const tn_passes_size *size,
                        tn_passes **out, tn_err *err);
void tn_passes_free(tn_passes *p);
/// As backward(self, b, ...) would have done in one. Does not allocate.
tn_status tn_passes_backward(tn_passes *p, tn_backward_fn *backward, void *self, const tn_train_batch *b,
                             tn_train_result *out, tn_err *err);

#endif
