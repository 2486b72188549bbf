#ifndef TN_TENSOR_TARGET_H
#define TN_TENSOR_TARGET_H
/// What a model's outputs are compared with, and how the comparison becomes one number. B rows, N tokens, L outputs.

#include "tensor/tensor.h"

typedef enum {
    TN_TARGET_CLASS,  /* a class a row: cross-entropy. label [B], each in [0, L) */
    TN_TARGET_FLAGS,  /* L independent labels a row: binary cross-entropy of logits. value [B,L], each from 0 to 1 */
    TN_TARGET_VALUES, /* L numbers a row: squared error. value [B,L] */
    TN_TARGET_TOKENS, /* a class a token: cross-entropy. label [N]; below 0 (transformers' -100): not counted */
    TN_TARGET_SPANS,  /* a first and a last token a row: first, last [B], numbers of tokens of their row from 0. Below 0
                       * counts as 0; beyond the row is not counted (transformers' rule) */
    TN_TARGET_NONE,   /* rows alone: for losses that are somebody else's */
} tn_target_kind;

/// Borrowed. Only the fields of the kind are read.
typedef struct {
    tn_target_kind kind;
    const int32_t *label;
    const float *value;
    const int32_t *first, *last;
} tn_targets;

typedef struct {
    /// [L], each >= 0 and finite; NULL: ones. CLASS and TOKENS, as torch.nn.CrossEntropyLoss(weight) has it: a target
    /// counts by the weight of its class, in the sum and in the divisor. FLAGS: as torch.nn.BCEWithLogitsLoss(pos_weight) has
    /// it: what a label weighs where it is given; the divisor stays.
    const float *class_weight;
    double smoothing; /* [0, 1); CLASS and TOKENS only: label_smoothing of the same. 0: off */
    /// What sums are divided by: of the whole global batch where that is cut (ranks, accumulation); 0: of this batch
    /// (tn_targets_count). The second one is of the last tokens of SPANS.
    double divisor[2];
} tn_loss_options;

/// How much of a loss there is: rows; rows times L; counted tokens; rows whose first, and whose last token is counted;
/// with weights the sum of the weights instead, in order. Unused: 0.
/// width: L of FLAGS and VALUES. start [n_rows + 1]: as in tn_rows.
void tn_targets_count(const tn_targets *t, int32_t n_rows, const int32_t *start, int64_t width, const float *class_weight,
                      double out[2]);

/// TN_EINVALID names the first row whose target is no class of L, no finite number, or no flag from 0 to 1; rows count from
/// `number`.
tn_status tn_targets_check(const tn_targets *t, int32_t n_rows, const int32_t *start, int64_t width, int32_t number,
                           tn_err *err);
/// The same for options that make no sense, or not with this kind.
tn_status tn_loss_options_check(const tn_loss_options *o, tn_target_kind kind, int64_t width, tn_err *err);

#endif
