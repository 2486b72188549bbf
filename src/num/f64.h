#ifndef TN_NUM_F64_H
#define TN_NUM_F64_H
/// Kernels in double: the inner loops of linear models. Rows of a matrix are `width` doubles, width a multiple of 4.
///
/// One source (f64.c) is built for three instruction sets; the loops vectorise over labels or over eight fixed lanes
/// and contain no fused operation, so all builds give the same bits.

#include <stddef.h>
#include <stdint.h>

#include "num/isa.h"

typedef struct {
    /// out[0..width) += value[k] * row[index[k]], k in order.
    void (*sum_sparse)(double *out, int width, const uint32_t *index, const float *value, size_t n, const double *row);
    /// out[0..width) += value[k] * row[k], k in order.
    void (*sum_dense)(double *out, int width, const float *value, size_t n, const double *row);
    /// sum of a[i] b[i]: lane i mod 8 in order, lanes folded +4, +2, +1.
    double (*dot)(const double *a, const double *b, size_t n);
    /// y += f x
    void (*add)(double *y, double f, const double *x, size_t n);
} tn_f64_kernels;

/// The row of an instruction set that this CPU has (tn_isa_has). Never NULL.
const tn_f64_kernels *tn_f64_kernels_get(tn_isa isa);

#endif
