#ifndef TN_TRAIN_ADAMW_H
#define TN_TRAIN_ADAMW_H
/// AdamW with PyTorch's semantics, and tables whose rows without gradient wait.
///
///   w = w (1 - lr wd);  m = m + (g - m)(1 - b1);  v = v b2 + (1 - b2) g g
///   w = w - lr / (1 - b1^t)  m / (sqrt(v) / sqrt(1 - b2^t) + eps)
///
/// Decay acts on parameters with `decay` set. For a sparse parameter (an embedding table) only rows with a gradient are
/// updated by a step; the others are caught up later, one missed step at a time, to the bytes that a dense update would
/// have given. Rows never touched have no moments: they cost nothing without decay.
///
/// With layer_decay d, lr is d^k times the given one for parameters k layers below the top: 1 for the head, d for the last
/// layer, d^(n + 1) for the embeddings below n layers.
///
///   tn_adamw_catch_up(o, ids, n);             before anything reads those rows of the tables
///   ... forward, backward ...
///   norm = tn_adamw_grad_norm(o);             clip = tn_adamw_clip(norm, 1.0);
///   tn_adamw_step(o, lr, clip, err);
///
/// The result is the same for any number of threads and any instruction set.
/// Source: torch 2.15, torch/optim/adamw.py (_single_tensor), torch/nn/utils/clip_grad.py.

#include "model/model.h"

typedef struct {
    double beta1, beta2, eps, weight_decay;
    double layer_decay; /* the rate of a parameter is lr times this, once for each layer that it is below the top one */
} tn_adamw_options;
#define TN_ADAMW_INIT                                                                                                  \
    ((tn_adamw_options){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0, .layer_decay = 1})

typedef struct tn_adamw_state tn_adamw_state;

/// `param` is borrowed and must outlive the optimiser. Room for the learning rates of `n_steps` steps is taken at once;
/// more are possible. Moments of dense parameters: 8 bytes a value; of tables: 12 bytes a value of a touched row, its
/// first value included.
tn_status tn_adamw_new(tn_engine *e, tn_param *param, size_t n_params, const tn_adamw_options *options, int64_t n_steps,
                       tn_adamw_state **out, tn_err *err);
void tn_adamw_free(tn_adamw_state *o);

/// Brings these rows of every table up to date; ids may repeat, in any order, out of range is our bug.
void tn_adamw_catch_up(tn_adamw_state *o, const int32_t *ids, size_t n);
/// All rows of all tables: before a save.
void tn_adamw_catch_up_all(tn_adamw_state *o);

/// Euclidean norm of all gradients, squares summed in double.
double tn_adamw_grad_norm(tn_adamw_state *o);
/// min(1, max_norm / (norm + 1e-6)); 1 when max_norm is 0 (no clipping).
float tn_adamw_clip(double norm, double max_norm);

/// One update with gradients times `clip`. Rows with a gradient must have been caught up. TN_ENOMEM only when the table
/// of learning rates has to grow beyond n_steps.
tn_status tn_adamw_step(tn_adamw_state *o, double lr, float clip, tn_err *err);

/// ---- what a checkpoint holds ----
/// Moments and, for a table, the numbers of its touched rows in the order of their moments.
typedef struct {
    size_t n_rows;      /* of a table: touched rows; of a dense parameter: 1 */
    size_t width;       /* values a row */
    const int32_t *row; /* [n_rows], NULL for a dense parameter */
    float *m, *v;       /* [n_rows, width] */
} tn_adamw_moments;
tn_adamw_moments tn_adamw_moments_of(tn_adamw_state *o, size_t param);
/// True when rows that are not touched have changed too (weight decay on a table).
bool tn_adamw_changes_all_rows(const tn_adamw_state *o, size_t param);
/// For going back to earlier weights, of which a checkpoint holds the rows touched until then: gives the touched rows
/// of tables without decay the values that they had before their first step, and frees all moments. Afterwards only
/// tn_adamw_changes_all_rows and tn_adamw_free may be called.
void tn_adamw_finish(tn_adamw_state *o);
/// Puts a new optimiser behind step n_steps: all rows count as caught up.
void tn_adamw_restore(tn_adamw_state *o, int64_t n_steps);
/// The given rows of a table (distinct, in range) become the touched ones, with moments 0: fill tn_adamw_moments_of.
/// The parameter's values must still be those from before training.
void tn_adamw_restore_rows(tn_adamw_state *o, size_t param, const int32_t *row, size_t n_rows);

#endif
