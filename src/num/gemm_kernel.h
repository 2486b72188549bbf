#ifndef TN_NUM_GEMM_KERNEL_H
#define TN_NUM_GEMM_KERNEL_H
/// Inside of num/gemm: what an instruction set provides.

#include "num/gemm.h"

/// The specification, in two builds of one file: with FMA instructions, and with the C library's exact fmaf.
/// Elements [m0,m1) x [n0,n1) of C = A · B (+ C); n0 is a multiple of TN_GEMM_PANEL.
typedef void tn_gemm_ref_run_fn(size_t m0, size_t m1, size_t n0, size_t n1, const float *a, size_t lda,
                                const tn_gemm_packed *b, float *c, size_t ldc, bool accumulate);
/// Elements [o0,o1) x [i0,i1) of dW.
typedef void tn_gemm_ref_grad_fn(size_t o0, size_t o1, size_t i0, size_t i1, const float *dy, size_t ldy,
                                 const float *x, size_t ldx, const tn_shards *shards, float *dw, size_t ldw,
                                 bool accumulate);
tn_gemm_ref_run_fn tn_gemm_ref_run, tn_gemm_ref_run_fma;
tn_gemm_ref_grad_fn tn_gemm_ref_grad, tn_gemm_ref_grad_fma;

#endif
