#ifndef TN_NUM_GEMM_H
#define TN_NUM_GEMM_H
/// The f32 matrix product of a linear layer, in the three orientations that training needs:
///
///   forward          Y[M,O]  = X[M,I] · W[O,I]ᵀ      tn_gemm with W packed TN_GEMM_FORWARD
///   input gradient   dX[M,I] = dY[M,O] · W[O,I]      tn_gemm with W packed TN_GEMM_BACKWARD
///   weight gradient  dW[O,I] = dYᵀ · X               tn_gemm_grad, rows summed by shards
///
/// The bits of a result depend on the operands' values alone: each element of C has one accumulator, which starts at +0 (or
/// at C, when accumulating) and takes its terms in the order of k by FMA. Instruction set, threads, shape of the blocks,
/// strides, alignment and the other rows of the call do not matter (DESIGN, numeric contract). gemm_ref.c is the
/// specification.
///
/// Matrices are row-major; `ld` is the distance of two rows in floats. Inputs may not overlap outputs unless it is said.
/// Sizes (k >= 1) and pointers are trusted. Nothing here allocates but tn_gemm_new.

#include "base/pool.h"
#include "num/isa.h"
#include "num/shards.h"

typedef struct tn_gemm tn_gemm;

/// A context: the pool that runs the tasks (NULL: the caller alone; borrowed), an instruction set that this CPU has, and
/// about 3 MiB of scratch for each thread. One call at a time.
tn_status tn_gemm_new(tn_pool *pool, tn_isa isa, tn_gemm **out, tn_err *err);
void tn_gemm_free(tn_gemm *g);

/// ---- packed weights ----
/// The right operand B[K,N] in panels of 32 columns: element (k, n) is data[(n / 32 * K + k) * 32 + n % 32]; the columns
/// that are missing from the last panel are 0. The same for all instruction sets.
enum { TN_GEMM_PANEL = 32 };
typedef struct {
    const float *data; /* aligned to 64 */
    size_t k, n;
} tn_gemm_packed;

typedef enum {
    TN_GEMM_FORWARD,  /* B = Wᵀ: K = I, N = O */
    TN_GEMM_BACKWARD, /* B = W:  K = O, N = I */
} tn_gemm_use;

/// Floats of one packed copy of W[O,I].
size_t tn_gemm_pack_floats(tn_gemm_use use, size_t o, size_t i);
/// Packs W[O,I] into `storage` (tn_gemm_pack_floats of them, aligned to 64, owned by the caller). Again after each change
/// of W; it reads W once and writes the copy once, on all threads.
tn_gemm_packed tn_gemm_pack(tn_gemm *g, tn_gemm_use use, const float *w, size_t ldw, size_t o, size_t i,
                            float *storage);

/// ---- C = A · B ----
/// What follows the last k, element by element, in this order; a NULL is skipped. Each step is the unfused op: same bits.
typedef struct {
    const float *bias; /* [N]: y = y + bias */
    float *pre;        /* [M,N]: y stored here too, for the backward pass */
    size_t ld_pre;
    void (*activation)(const float *x, float *y, size_t n); /* y = f(y), in place: gelu, tanh ... */
    void (*hook)(void *ctx, size_t row, size_t col, float *y, size_t n); /* dropout: y[0..n) is C[row, col..col+n) */
    void *hook_ctx;
    const float *residual; /* [M,N]: y = y + residual */
    size_t ld_residual;
    void (*derivative)(const float *dy, const float *x, float *dx, size_t n); /* y = y · f'(x), dx = dy in place */
    const float *derivative_at; /* [M,N]: x of `derivative` */
    size_t ld_derivative_at;
} tn_gemm_tail;

/// C[M,N] = A[M,K] · B, or C + A · B (the chain starts at C) when `accumulate`; then `tail`, which may be NULL.
/// The functions in `tail` are elementwise (num/kernels.h), and are called from pool threads for slices of rows of any length.
void tn_gemm_run(tn_gemm *g, size_t m, const float *a, size_t lda, const tn_gemm_packed *b, float *c, size_t ldc,
                 bool accumulate, const tn_gemm_tail *tail);

/// ---- dW = dYᵀ · X ----
/// dW[O,I] = the sum over the rows m, by shards (num/shards.h), of dY[m,o] · X[m,i]: each shard's chain starts at +0, the
/// fold happens in the tile. When `accumulate`, dW = dW + that sum, one addition; without any row it stays as it is.
void tn_gemm_grad(tn_gemm *g, size_t o, size_t i, const float *dy, size_t ldy, const float *x, size_t ldx,
                  const tn_shards *shards, float *dw, size_t ldw, bool accumulate);

#endif
