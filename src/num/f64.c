/* Built with the library's flags, and again with -DTN_F64_ISA=avx2 and =avx512 (meson.build). Accumulators for up to 32
 * labels stay in registers while a row's features are walked; wider rows are done 32 labels at a time.
 *
 * Invariant: each element of `out` is summed in the order of k, whatever the instruction set. */
#include "num/f64.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#ifdef TN_F64_ISA
#define TABLE PASTE(tn_f64_kernels_, TN_F64_ISA)
#else
#define TABLE tn_f64_kernels_ref
#endif
extern const tn_f64_kernels TABLE;

#define DEFINE_STRIP(W)                                                                                                \
    static void sparse##W(double *out, int width, const uint32_t *index, const float *value, size_t n,                 \
                          const double *row)                                                                           \
    {                                                                                                                  \
        double sum[W];                                                                                                 \
        for (int j = 0; j < W; j++)                                                                                    \
            sum[j] = out[j];                                                                                           \
        for (size_t k = 0; k < n; k++) {                                                                               \
            double v = (double)value[k];                                                                               \
            const double *r = row + (size_t)index[k] * (size_t)width;                                                  \
            for (int j = 0; j < W; j++)                                                                                \
                sum[j] += v * r[j];                                                                                    \
        }                                                                                                              \
        for (int j = 0; j < W; j++)                                                                                    \
            out[j] = sum[j];                                                                                           \
    }                                                                                                                  \
    static void dense##W(double *out, int width, const float *value, size_t n, const double *row)                      \
    {                                                                                                                  \
        double sum[W];                                                                                                 \
        for (int j = 0; j < W; j++)                                                                                    \
            sum[j] = out[j];                                                                                           \
        for (size_t k = 0; k < n; k++) {                                                                               \
            double v = (double)value[k];                                                                               \
            const double *r = row + k * (size_t)width;                                                                 \
            for (int j = 0; j < W; j++)                                                                                \
                sum[j] += v * r[j];                                                                                    \
        }                                                                                                              \
        for (int j = 0; j < W; j++)                                                                                    \
            out[j] = sum[j];                                                                                           \
    }
DEFINE_STRIP(4)
DEFINE_STRIP(8)
DEFINE_STRIP(16)
DEFINE_STRIP(32)

static int strip(int left)
{
    return left >= 32 ? 32 : left >= 16 ? 16 : left >= 8 ? 8 : 4;
}

static void sum_sparse(double *out, int width, const uint32_t *index, const float *value, size_t n, const double *row)
{
    for (int at = 0, w; at < width; at += w)
        switch (w = strip(width - at)) {
        case 32: sparse32(out + at, width, index, value, n, row + at); break;
        case 16: sparse16(out + at, width, index, value, n, row + at); break;
        case 8: sparse8(out + at, width, index, value, n, row + at); break;
        default: sparse4(out + at, width, index, value, n, row + at); break;
        }
}

static void sum_dense(double *out, int width, const float *value, size_t n, const double *row)
{
    for (int at = 0, w; at < width; at += w)
        switch (w = strip(width - at)) {
        case 32: dense32(out + at, width, value, n, row + at); break;
        case 16: dense16(out + at, width, value, n, row + at); break;
        case 8: dense8(out + at, width, value, n, row + at); break;
        default: dense4(out + at, width, value, n, row + at); break;
        }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            sum[j] += a[i + (size_t)j] * b[i + (size_t)j];
    for (int j = 0; i < n; i++, j++)
        sum[j] += a[i] * b[i];
    for (int step = 4; step; step /= 2)
        for (int j = 0; j < step; j++)
            sum[j] += sum[j + step];
    return sum[0];
}

static void add(double *y, double f, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += f * x[i];
}

const tn_f64_kernels TABLE = {sum_sparse, sum_dense, dot, add};

#ifndef TN_F64_ISA
#if defined(__x86_64__)
extern const tn_f64_kernels tn_f64_kernels_avx2, tn_f64_kernels_avx512;
#endif
const tn_f64_kernels *tn_f64_kernels_get(tn_isa isa)
{
#if defined(__x86_64__)
    if (isa == TN_ISA_AVX512)
        return &tn_f64_kernels_avx512;
    if (isa == TN_ISA_AVX2)
        return &tn_f64_kernels_avx2;
#endif
    return &tn_f64_kernels_ref;
}
#endif
