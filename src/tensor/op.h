#ifndef TN_TENSOR_OP_H
#define TN_TENSOR_OP_H
/// Ops: kernels with shapes checked and work cut over the threads. What each computes, exactly, is said in
/// num/kernels.h and num/gemm.h. An op never allocates; outputs are written only when it returns TN_OK.
///
/// All fail with TN_EINVALID, naming the shapes, when these disagree. C channels, N tokens, B rows, H heads.

#include "tensor/engine.h"
#include "tensor/tensor.h"

/// ---- linear layers ----
/// y [N,O] = tail(x [N,I] · w), or added to y; w is W packed for the use at hand.
tn_status tn_op_linear(tn_engine *e, const tn_tensor *x, const tn_gemm_packed *w, const tn_gemm_tail *tail,
                       bool accumulate, tn_tensor *y, tn_err *err);
/// The same with 8-bit weights (num/gemm8.h); x's rows are quantised into `scratch` first, tn_gemm8_rows_floats of it.
tn_status tn_op_linear8(tn_engine *e, const tn_tensor *x, const tn_gemm8_packed *w, const tn_gemm_tail *tail,
                        float *scratch, tn_tensor *y, tn_err *err);
/// dw [O,I] = dyᵀ · x by shards; db [O] = column sums of dy by shards (NULL: not wanted, either). `accumulate`: added to what is
/// there, one addition an element.
tn_status tn_op_linear_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const tn_shards *shards,
                            bool accumulate, float *dw, float *db, tn_err *err);
/// Lines [first, first + n) of that dw, of one shard, into dw [n,I]: for a matrix too large for a copy a shard.
tn_status tn_op_linear_grad_lines(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, size_t first, size_t n, float *dw, tn_err *err);

/// ---- activations ----
/// y = f(x), in place or not; dx = dy f'(x), dx may be dy.
tn_status tn_op_activation(tn_engine *e, tn_activation f, const tn_tensor *x, tn_tensor *y, tn_err *err);
tn_status tn_op_activation_grad(tn_engine *e, tn_activation f, const tn_tensor *dy, const tn_tensor *x, tn_tensor *dx,
                                tn_err *err);
/// The two as functions for the tail of a product; NULL where there is none.
typedef void tn_activation_fn(const float *x, float *y, size_t n);
typedef void tn_derivative_fn(const float *dy, const float *x, float *dx, size_t n);
tn_activation_fn *tn_op_activation_fn(const tn_engine *e, tn_activation f);
tn_derivative_fn *tn_op_derivative_fn(const tn_engine *e, tn_activation f);

/// ---- dropout ----
/// Which place of the batch each row of a tensor is, for the draws: token n is position[n] of global row row[n].
typedef struct {
    const int32_t *row, *position;
} tn_places;
/// y = dropout(x), in place or not. Its own backward pass.
tn_status tn_op_dropout(tn_engine *e, const tn_dropout *d, const tn_places *places, const tn_tensor *x, tn_tensor *y,
                        tn_err *err);

/// y = y + x.
tn_status tn_op_add(tn_engine *e, const tn_tensor *x, tn_tensor *y, tn_err *err);

/// ---- layer norm ---- mean and rstd [N], or NULL.
tn_status tn_op_norm(tn_engine *e, const tn_tensor *x, const tn_tensor *gain, const tn_tensor *bias, double eps,
                     tn_tensor *y, float *mean, float *rstd, tn_err *err);
/// dx may be dy.
tn_status tn_op_norm_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const tn_tensor *gain,
                          const float *mean, const float *rstd, tn_tensor *dx, tn_err *err);
/// dgain, dbias [C] by shards; dbias NULL: not wanted. `accumulate` as in tn_op_linear_grad.
tn_status tn_op_norm_weight_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const float *mean,
                                 const float *rstd, const tn_shards *shards, bool accumulate, float *dgain,
                                 float *dbias, tn_err *err);

/// ---- products of two ---- x [N,2I]: y [N,I] = f(left half) * right half; dx [N,2I] from dy.
tn_status tn_op_gated(tn_engine *e, tn_activation f, const tn_tensor *x, tn_tensor *y, tn_err *err);
tn_status tn_op_gated_grad(tn_engine *e, tn_activation f, const tn_tensor *dy, const tn_tensor *x, tn_tensor *dx,
                           tn_err *err);

/// ---- rotary positions ---- query and key of qkv [N,3C], each head's halves as pairs, in place: by +angle, or back.
/// cosine, sine [P,d/2]: row p is of position p.
tn_status tn_op_rotate(tn_engine *e, const tn_places *places, int32_t n_heads, const float *cosine, const float *sine,
                       tn_tensor *qkv, tn_err *err);

/// out [n] = the rows of parts [P,n] folded by shards, of which each has one row or none.
tn_status tn_op_fold(tn_engine *e, const float *parts, const tn_shards *shards, size_t n, float *out, tn_err *err);

/// ---- attention ----
/// What a score gets for the distance of its two tokens. index[i - j] is a row of the tables; index[0] is distance 0, and
/// there are as many on each side as the longest row has tokens, less one. The tables may be several equal copies of n
/// rows: the first one is read, and shard s adds to the gradient of copy s.
typedef struct {
    const int32_t *index; /* ascending or descending without jumps over what the row's own ends reach */
    int32_t n;
    const tn_tensor *bias;   /* [copies * n, H]: added to the score; or NULL */
    const tn_tensor *states; /* [copies * n, 2C or more]: query and key of the place; or NULL. Adds q_i . key + k_j . query,
                              * scaled as q_i . k_j is */
} tn_relative_args;

typedef struct {
    const tn_rows *rows;
    int32_t n_heads;
    const tn_tensor *qkv; /* [N,3C] */
    tn_tensor *out;       /* [N,C] */
    float *max, *sum;     /* [H,N], or NULL when no backward pass follows */
    const tn_dropout *dropout;
    double scale;           /* of the products; 0: 1 / sqrt(head width) */
    int32_t window;         /* tokens farther apart do not see each other; 0: all do */
    tn_relative_args relative;
    float *scratch; /* tn_op_attention_scratch floats */
} tn_attention_args;
/// Floats of scratch for all threads.
size_t tn_op_attention_scratch(const tn_engine *e, const tn_attention_args *a);
tn_status tn_op_attention(tn_engine *e, const tn_attention_args *a, tn_err *err);
/// dqkv [N,3C] from dout [N,C]; `a` as it was in the forward pass. drelative: as the relative table, all copies; NULL
/// where there is none.
tn_status tn_op_attention_grad(tn_engine *e, const tn_attention_args *a, const tn_tensor *dout, tn_tensor *dqkv,
                               tn_tensor *drelative, tn_err *err);

/// ---- embeddings ---- y [N,C] = word[ids] + type[type_ids] + position[positions]; type_ids NULL: 0.
tn_status tn_op_embed(tn_engine *e, const tn_tensor *word, const tn_tensor *type, const tn_tensor *position,
                      const int32_t *ids, const int32_t *type_ids, const int32_t *positions, tn_tensor *y, tn_err *err);
/// Gradient of a table, only of the rows that ids name: rows [n_unique,C], unique ascending.
typedef struct {
    uint64_t *sort;  /* [2N] */
    uint32_t *order; /* [N] */
    uint32_t *start; /* [N + 1] */
    int32_t *unique; /* [N]; n_unique of them are written */
    size_t n_unique;
} tn_embed_work;
/// Fills the order; rows come from tn_op_embed_grad, so that the caller can make room for n_unique of them.
void tn_op_embed_sort(const int32_t *ids, size_t n, tn_embed_work *w);
tn_status tn_op_embed_grad(tn_engine *e, const tn_tensor *dy, const tn_embed_work *w, const tn_shards *shards,
                           float *rows, tn_err *err);

/// ---- losses ---- of lines of outputs: loss [n], the gradient with what a line weighs in the mean, and which are right.
typedef struct {
    const tn_tensor *outputs; /* [n,L] */
    float weight;             /* 1 / divisor; 0 where nothing counts */
    float *loss;              /* [n] */
    uint8_t *right;           /* [n]: 1: the outputs have it right; 2: the line does not count */
    tn_tensor *gradient;      /* as outputs, or NULL: not wanted */
} tn_loss_args;
/// label [n], below 0: does not count. own, soft [L] and the sum of soft: see num/kernels.h; NULL and 0: plain.
/// Right: the first largest output is the label's.
tn_status tn_op_cross_entropy(tn_engine *e, const tn_loss_args *a, const int32_t *label, const float *own, const float *soft,
                              float soft_sum, tn_err *err);
/// target [n,L]. Right: all outputs are on their flag's side of 0 (flags), never (values). positive [L]: what a flag that is
/// set weighs (torch's pos_weight); NULL: 1.
tn_status tn_op_flag_losses(tn_engine *e, const tn_loss_args *a, const float *target, const float *positive, tn_err *err);
tn_status tn_op_value_losses(tn_engine *e, const tn_loss_args *a, const float *target, tn_err *err);
/// One end of spans: cross-entropy over the tokens of a row, of column `end` of outputs [N,2]. position [B]: a token of
/// its row; below 0 counts as 0, beyond the row does not count. loss, right [B]; the gradient's column alone is written.
/// scratch [2N].
tn_status tn_op_span_end(tn_engine *e, const tn_loss_args *a, const tn_rows *rows, int end, const int32_t *position,
                         float *scratch, tn_err *err);
/// Sum of x over shards, folded; each shard's sum from +0 in order.
float tn_op_shard_sum(tn_engine *e, const float *x, const tn_shards *shards);

/// ---- outputs, in place ----
void tn_op_softmax(tn_engine *e, float *x, int64_t n_rows, int64_t n);
void tn_op_sigmoid(float *x, size_t n);

#endif
