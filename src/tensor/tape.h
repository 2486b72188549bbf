#ifndef TN_TENSOR_TAPE_H
#define TN_TENSOR_TAPE_H
/// A tape: ops that compute at once and, in a recording step, remember what the backward pass needs.
///
///   tn_tape_begin(t, &(tn_step){.rows = rows, .record = true, .dropout = true, .seed = 0, .step = 7});
///   tn_var *x = tn_tape_embed(t, ...);            each op gives a value, or NULL after a failure
///   x = tn_tape_linear(t, x, &w, &(tn_linear_options){.bias = &b, .activation = TN_ACT_GELU});
///   tn_tape_loss(t, x, &targets, &(tn_loss_options){0}, &loss);
///   TN_TRY(tn_tape_backward(t, err));             fills the gradients of all weights
///
/// Failure is sticky: an op on NULL gives NULL, and the first sentence is kept for tn_tape_status. So a network is
/// written without a check after each line. Values live until the next tn_tape_begin; nothing is allocated once a step
/// of that size has been seen. Every sum over tokens is taken shard by shard and folded in the fixed tree; when a weight is
/// used several times in a step, a shard's sums of the later uses come first, and the fold is the last thing.

#include "base/mem.h"
#include "tensor/op.h"
#include "tensor/target.h"

typedef struct tn_tape tn_tape;

/// A parameter: the value everywhere, the gradient when it is trained.
typedef struct {
    tn_tensor value;
    float *grad; /* dense: as large as value, NULL when not trained. Sparse: [n_grad_rows, C], of the last step */
    bool sparse; /* a table of which a step uses few rows */
    bool trained;
    bool has_frozen_row;
    int32_t frozen_row; /* of a table: its gradient is 0, as torch's padding_idx has it */
    int32_t n_grad_rows;
    const int32_t *grad_row; /* ascending */
    int32_t n_uses;          /* the tape's: in the step at work, and its sums by shard */
    float *parts;
    tn_gemm_packed packed;   /* kept copy for forward products; data = NULL: packed at each use */
    struct tn_adapter *adapter; /* [n_adapters], of a matrix: what is added to some of its outputs */
    int32_t n_adapters;         /* TN_ADAPTERS_MAX at most */
    tn_gemm8_packed packed8; /* 8-bit weights in place of `value`, whose data is NULL then; no backward pass */
} tn_weight;

/// A low-rank addition (LoRA): outputs [first, first + rows of b) of a linear layer get scale * b a dropout(x), before its
/// bias. a [r,I], b [n,r].
typedef struct tn_adapter {
    tn_weight a, b;
    int64_t first;
    double scale, dropout;
} tn_adapter;
enum { TN_ADAPTERS_MAX = 3 };

/// What a line of a value stands for.
typedef enum {
    TN_OF_TOKEN,
    TN_OF_ROW,
    TN_OF_CHOICE, /* a token among those that were chosen */
    TN_OF_COPY, /* of a table that all tokens look at: a copy for each shard, so that sums over its lines are by shard too */
} tn_line;

/// A value of the current step.
typedef struct tn_var tn_var;
struct tn_var {
    tn_tensor value;
    float *grad; /* NULL until the first of its users has added to it */
    int n_uses;
    bool wanted; /* something trained lies below: the backward pass comes here */
    tn_line line;
    tn_activation act; /* value = act(pre), where pre is kept and nothing came after; else TN_ACT_NONE */
    float *pre;
    bool grad_is_pre; /* grad has been carried through that activation already */
};

typedef struct {
    tn_rows rows;
    bool record; /* tn_tape_backward will follow */
    bool dropout;
    uint64_t seed, step; /* of dropout */
    /// Called in the backward pass, in the caller's thread, when the gradient of a weight is whole: `w` is not sparse and is
    /// used once. The other gradients are whole when the pass is over. NULL: nobody waits.
    void (*ready)(void *ctx, const tn_weight *w);
    void *ready_ctx;
} tn_step;

tn_status tn_tape_new(tn_engine *e, tn_tape **out, tn_err *err);
void tn_tape_free(tn_tape *t);
/// Forgets the step before. What `step` points to must live as long as the step.
void tn_tape_begin(tn_tape *t, const tn_step *step);
tn_status tn_tape_status(const tn_tape *t, tn_err *err);

/// Where the memory of values stands, and: forget all values made since then but x. Nothing while recording.
typedef struct {
    tn_arena_mark arena;
    size_t used;
} tn_tape_mark;
tn_tape_mark tn_tape_here(const tn_tape *t);
tn_var *tn_tape_keep(tn_tape *t, tn_tape_mark mark, tn_var *x);

/// Packs a matrix for forward products into `storage` (tn_gemm_pack_floats, aligned to 64), which must outlive its use.
void tn_tape_pack(tn_tape *t, tn_weight *w, float *storage);

/// word[ids] + type[type_ids] + position[positions]: [N,C]. type_ids NULL: zeros; positions NULL: 0, 1, ... of each row.
tn_var *tn_tape_embed(tn_tape *t, const int32_t *ids, const int32_t *type_ids, const int32_t *positions,
                      tn_weight *word, tn_weight *position, tn_weight *type);
/// Room for n numbers that lives as long as the step; NULL after a failure.
int32_t *tn_tape_ints(tn_tape *t, size_t n);
float *tn_tape_floats(tn_tape *t, size_t n);

typedef struct {
    tn_weight *bias;
    tn_activation activation; /* TN_ACT_NONE when left out */
    double dropout;           /* after the activation */
    tn_var *residual;         /* added last */
} tn_linear_options;
/// residual + dropout(f(x Wᵀ + bias)): x [N,I], w [O,I], out [N,O]. What w's adapters add stands in the product's place
/// before the product is added to it.
tn_var *tn_tape_linear(tn_tape *t, tn_var *x, tn_weight *w, const tn_linear_options *o);

/// (x - mean) / sqrt(variance + eps) * gain + bias, row by row. A bias that is not trained may have no gradient.
tn_var *tn_tape_norm(tn_tape *t, tn_var *x, tn_weight *gain, tn_weight *bias, double eps);

typedef struct {
    int32_t n_heads;
    double dropout;
    double scale;         /* 0: 1 / sqrt(head width) */
    int32_t window;       /* tokens farther apart do not see each other; 0: all do */
    tn_var *bias;         /* copies of [n,H]: what a score gets for its distance; or NULL */
    tn_var *states;       /* copies of [n,2C or more]: query and key of a distance; or NULL (tn_relative_args) */
    const int32_t *index; /* with either: index[i - j] is the line in [0, n); lives as long as the step */
} tn_attention_options;
/// Self-attention within each row: qkv [N,3C] as query, key, value of all heads; out [N,C].
tn_var *tn_tape_attention(tn_tape *t, tn_var *qkv, const tn_attention_options *o);

/// Lines [first, first + n) of a table, for attention: copies of [n,C]. One such table a step.
tn_var *tn_tape_copies(tn_tape *t, tn_weight *table, int32_t first, int32_t n);
/// Tokens of the step's longest row.
int32_t tn_tape_longest(const tn_tape *t);

/// Rotary positions, in place: query and key of qkv [N,3C] by their positions' angles. cosine, sine [longest, d/2]; they
/// live as long as the step. Nothing else may have read qkv before.
tn_var *tn_tape_rotate(tn_tape *t, tn_var *qkv, int32_t n_heads, const float *cosine, const float *sine);

/// f(left half) * right half: x [N,2I], out [N,I]. f has a derivative op: not TN_ACT_TANH, not TN_ACT_NONE.
tn_var *tn_tape_gated(tn_tape *t, tn_var *x, tn_activation f);

tn_var *tn_tape_dropout(tn_tape *t, tn_var *x, double p);

/// The first token of each row, or the mean of its tokens: [B,C].
tn_var *tn_tape_first(tn_tape *t, tn_var *x);
tn_var *tn_tape_mean(tn_tape *t, tn_var *x);

/// Lines of tokens that are chosen, ascending: [n,C]. One choice a step.
tn_var *tn_tape_choose(tn_tape *t, tn_var *x, const int32_t *chosen, int32_t n);

typedef struct {
    double loss;                  /* the mean: sums by shard, folded, over their divisors */
    float sum[2];                 /* those sums; the second is of the last tokens of spans */
    int32_t n_correct, n_counted; /* lines of outputs (of spans: rows) that are right, and that count */
} tn_loss;
/// What the outputs are worth (tensor/target.h), and the start of the backward pass. Outputs have a line a target: of rows,
/// of tokens or of chosen tokens; of spans a line a token and two columns, and the softmax is over the tokens of a row.
void tn_tape_loss(tn_tape *t, tn_var *outputs, const tn_targets *target, const tn_loss_options *o, tn_loss *out);
/// From the loss to the gradients of every trained weight that the step used; they are overwritten, not added to. No work
/// is done for values below which nothing is trained.
tn_status tn_tape_backward(tn_tape *t, tn_err *err);

#endif
