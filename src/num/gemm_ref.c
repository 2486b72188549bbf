/* The specification of the matrix product: the simplest loops that have the contract's bits. Built twice: with FMA
 * instructions (TN_REF_FMA; the same bits, twenty times faster) and without, where fmaf is the C library's exact one.
 */
#include "num/gemm_kernel.h"

#include <math.h>

#ifdef TN_REF_FMA
#define RUN tn_gemm_ref_run_fma
#define GRAD tn_gemm_ref_grad_fma
#else
#define RUN tn_gemm_ref_run
#define GRAD tn_gemm_ref_grad
#endif

void RUN(size_t m0, size_t m1, size_t n0, size_t n1, const float *a, size_t lda, const tn_gemm_packed *b, float *c,
         size_t ldc, bool accumulate)
{
    for (size_t m = m0; m < m1; m++)
        for (size_t n = n0; n < n1; n++) {
            const float *column = b->data + n / TN_GEMM_PANEL * b->k * TN_GEMM_PANEL + n % TN_GEMM_PANEL;
            float sum = accumulate ? c[m * ldc + n] : 0.0f;
            for (size_t k = 0; k < b->k; k++)
                sum = fmaf(a[m * lda + k], column[k * TN_GEMM_PANEL], sum);
            c[m * ldc + n] = sum;
        }
}

/* Folds sum[0..n), of which only the present ones count, into sum[0]: neighbours, level by level. */
static bool fold(float *sum, bool *present, size_t n)
{
    for (; n > 1; n = (n + 1) / 2)
        for (size_t s = 0; s < n; s += 2) {
            bool right = s + 1 < n && present[s + 1];
            float value = !right ? sum[s] : !present[s] ? sum[s + 1] : sum[s] + sum[s + 1];
            sum[s / 2] = value;
            present[s / 2] = present[s] || right;
        }
    return present[0];
}

void GRAD(size_t o0, size_t o1, size_t i0, size_t i1, const float *dy, size_t ldy, const float *x, size_t ldx,
          const tn_shards *shards, float *dw, size_t ldw, bool accumulate)
{
    for (size_t o = o0; o < o1; o++)
        for (size_t i = i0; i < i1; i++) {
            float sum[TN_SHARDS_MAX];
            bool present[TN_SHARDS_MAX];
            for (size_t s = 0; s < shards->n; s++) {
                sum[s] = 0.0f;
                for (size_t m = shards->start[s]; m < shards->start[s + 1]; m++)
                    sum[s] = fmaf(dy[m * ldy + o], x[m * ldx + i], sum[s]);
                present[s] = shards->start[s] < shards->start[s + 1];
            }
            float *out = &dw[o * ldw + i];
            if (fold(sum, present, shards->n))
                *out = accumulate ? *out + sum[0] : sum[0];
            else if (!accumulate)
                *out = 0.0f;
        }
}
