#ifndef TN_NUM_GEMM_KERNEL_H
#define TN_NUM_GEMM_KERNEL_H
/// Inside of num/gemm: what an instruction set provides.

#include "num/gemm.h"
#include "num/gemm8.h"

/// ---- the specification ----
/// In two builds of one file: with FMA instructions (_fma), and with the C library's exact fmaf.
/// Elements [m0,m1) x [n0,n1) of C = A · B (+ C).
typedef void tn_gemm_ref_run_fn(size_t m0, size_t m1, size_t n0, size_t n1, const float *a, size_t lda,
                                const tn_gemm_packed *b, float *c, size_t ldc, bool accumulate);
/// Elements [o0,o1) x [i0,i1) of dW.
typedef void tn_gemm_ref_grad_fn(size_t o0, size_t o1, size_t i0, size_t i1, const float *dy, size_t ldy,
                                 const float *x, size_t ldx, const tn_shards *shards, float *dw, size_t ldw,
                                 bool accumulate);
tn_gemm_ref_run_fn tn_gemm_ref_run, tn_gemm_ref_run_fma;
tn_gemm_ref_grad_fn tn_gemm_ref_grad, tn_gemm_ref_grad_fma;

/// ---- tiles ----
enum {
    TN_GEMM_ROWS = 14, /* of the tallest tile */
    TN_GEMM_FOUR_ROWS = 12, /* of a tile of four short shards */
    TN_GEMM_TILE = TN_GEMM_ROWS * TN_GEMM_PANEL,
    TN_GEMM_KC = 384,                   /* k-steps of a block at most: 384, 768, 1152 ... are cut evenly */
    TN_GEMM_A_STRIDE = TN_GEMM_KC + 16, /* a copy's rows must not all fall on the same cache sets */
    TN_GEMM_SPLIT = 32,                 /* panels of one split at most */
    TN_GEMM_A_COLUMN = 16,              /* a column of the other copy: one line */
};

/// Where a tile's chains begin, what is added to their sums, where they go, and what to fetch meanwhile.
typedef struct {
    const float *start; /* the chains begin here, or at +0 when NULL */
    size_t ld_start;
    const float *below; /* then sum = below[-q * TN_GEMM_TILE ...] + sum for q = 0, 1 ... n_below - 1, rows of 32 */
    size_t n_below;
    bool accumulate; /* then sum = out + sum */
    float *out;      /* may be start, or one of below */
    size_t ld_out;
    const float *next; /* each step k fetches the line at next[k * ld_next] into the second-level cache, unless NULL: */
    size_t ld_next;    /* in small portions this is free, all at once it is not */
} tn_gemm_ends;

/// out[rows, 32] = A[rows, k] · B[k, 32], with these ends. rows <= max_rows, k <= TN_GEMM_KC. `b` is dense; how A lies
/// is said below.
typedef void tn_gemm_tile_fn(size_t rows, size_t k, const float *a, const float *b, const tn_gemm_ends *ends);

typedef struct {
    size_t max_rows;
    tn_gemm_tile_fn *by_rows;    /* A's element (i, k) is a[i * TN_GEMM_A_STRIDE + k] */
    tn_gemm_tile_fn *by_columns; /* a[k * TN_GEMM_A_COLUMN + i] */
    /* out[rows, 32] = (p0 + p1) + (p2 + p3), or out + that when `accumulate`: p_q is the product over the next k[q] >= 1
     * steps, from +0. rows <= TN_GEMM_FOUR_ROWS; A lies as in by_columns. NULL where the registers do not hold it. */
    void (*four)(size_t rows, const size_t k[4], const float *a, const float *b, bool accumulate, float *out,
                 size_t ld_out);
    /* Splits the columns of `a` into panels [start[p], start[p+1]), at most `width` wide, each dense with rows of
     * `width` floats, zeros behind: out[p * panel + k * width + i] = a[k * lda + start[p] + i]. width is 16 or 32; out
     * is aligned to 64, panel a multiple of 16. */
    void (*split)(const float *a, size_t lda, size_t n_rows, const size_t *start, size_t n_panels, size_t width,
                  float *out, size_t panel);
    void (*add)(float *y, const float *x, size_t n); /* y = y + x */
    /* out[k][j] = w[j * ldw + k]: a full panel of the forward packing */
    void (*transpose)(const float *w, size_t ldw, size_t k, float *out);
} tn_gemm_kernels;

extern const tn_gemm_kernels tn_gemm_avx2, tn_gemm_avx512;

/// ---- the 8-bit product ----
/// The specification: elements [m0,m1) x [n0,n1).
void tn_gemm8_ref_run(size_t m0, size_t m1, size_t n0, size_t n1, const tn_gemm8_rows *a, const tn_gemm8_packed *b,
                      float *c, size_t ldc);
/// One row of k floats; the bytes up to the next multiple of 4 are zeroed too.
typedef void tn_gemm8_quantise_fn(const float *x, size_t k, uint8_t *q, float *scale, int32_t *zero);
tn_gemm8_quantise_fn tn_gemm8_ref_quantise;

/// out[rows, 32] from rows of A, ld_a bytes apart, and a panel of B, over k4 groups of four. rows <= max_rows.
typedef struct {
    const float *row_scale; /* [rows] */
    const int32_t *row_zero;
    const float *scale; /* [32] */
    const int32_t *sum;
    float *out;
    size_t ld_out;
} tn_gemm8_ends;
typedef struct {
    size_t max_rows;
    void (*tile)(size_t rows, size_t k4, const uint8_t *a, size_t ld_a, const int8_t *b, const tn_gemm8_ends *ends);
    tn_gemm8_quantise_fn *quantise;
} tn_gemm8_kernels;

extern const tn_gemm8_kernels tn_gemm8_avx2, tn_gemm8_avxvnni, tn_gemm8_avx512;
/// The fastest for this CPU that the instruction set allows; NULL: the reference.
const tn_gemm8_kernels *tn_gemm8_kernels_get(tn_isa isa);

/// ---- what both products share ----
struct tn_gemm {
    tn_pool *pool;
    const tn_gemm_kernels *kernels; /* NULL: the reference */
    const tn_gemm8_kernels *kernels8;
    tn_gemm_ref_run_fn *ref_run;
    tn_gemm_ref_grad_fn *ref_grad;
    struct tn_gemm_scratch *scratch; /* one a thread */
};

/// How C is cut into tasks: by panels of rows and of 32 columns.
typedef struct {
    size_t n_panels, n_columns, n_row_blocks, n_column_blocks;
} tn_gemm_grid;
tn_gemm_grid tn_gemm_grid_of(size_t m, size_t n, size_t max_rows);
/// Where part `i` begins when `n` things are cut into `parts` that differ by one at most.
static inline size_t cut(size_t n, size_t parts, size_t i)
{
    return n / parts * i + (i < n % parts ? i : n % parts);
}
/// The tail on C[m, n0..n0+n), which is at y.
void tn_gemm_finish(const tn_gemm *g, const tn_gemm_tail *t, size_t m, size_t n0, size_t n, float *y);

#endif
