/* One list of functions, built twice: this file with the library's flags, where an fma is a call into libc (exact and
 * slow), and, on x86-64, fmath_fma.c, which includes it under -mfma. The first build asks for the CPU and goes to the
 * second where it can: the same bits, several times faster.
 *
 * Invariant: the bodies (fmath_inline.h) use IEEE +, -, *, /, sqrt and written fma only. */
#include "base/fmath.h"
#include "base/fmath_inline.h"

static inline float norm_cdff(float x)
{
    float e;
    return fm_norm_cdff(x, &e);
}

#define FUNCTIONS(ONE)                                                                                                 \
    ONE(float, expf, fm_expf)                                                                                          \
    ONE(float, logf, fm_logf)                                                                                          \
    ONE(float, tanhf, fm_tanhf)                                                                                        \
    ONE(float, erff, fm_erff)                                                                                          \
    ONE(float, norm_cdff, norm_cdff)                                                                                   \
    ONE(double, exp, fm_exp)                                                                                           \
    ONE(double, expm1, fm_expm1)                                                                                       \
    ONE(double, log, fm_log)                                                                                           \
    ONE(double, log1p, fm_log1p)                                                                                       \
    ONE(double, tanh, fm_tanh)                                                                                         \
    ONE(double, erf, fm_erf)                                                                                           \
    ONE(double, erfc, fm_erfc)                                                                                         \
    ONE(double, norm_cdf, fm_norm_cdf)                                                                                 \
    ONE(double, norm_quantile, fm_norm_quantile)                                                                       \
    ONE(double, sin, fm_sin)                                                                                           \
    ONE(double, cos, fm_cos)

#define DECLARE(type, name, body) type tn_fma_##name(type x);
FUNCTIONS(DECLARE)
double tn_fma_pow(double x, double y);

#if defined(TN_FMATH_FMA)

#define DEFINE(type, name, body)                                                                                       \
    type tn_fma_##name(type x)                                                                                         \
    {                                                                                                                  \
        return body(x);                                                                                                \
    }
FUNCTIONS(DEFINE)
double tn_fma_pow(double x, double y)
{
    return fm_pow(x, y);
}

#elif defined(__x86_64__)

#define DEFINE(type, name, body)                                                                                       \
    type tn_##name(type x)                                                                                             \
    {                                                                                                                  \
        return __builtin_cpu_supports("fma") ? tn_fma_##name(x) : body(x);                                             \
    }
FUNCTIONS(DEFINE)
double tn_pow(double x, double y)
{
    return __builtin_cpu_supports("fma") ? tn_fma_pow(x, y) : fm_pow(x, y);
}

#else

#define DEFINE(type, name, body)                                                                                       \
    type tn_##name(type x)                                                                                             \
    {                                                                                                                  \
        return body(x);                                                                                                \
    }
FUNCTIONS(DEFINE)
double tn_pow(double x, double y)
{
    return fm_pow(x, y);
}

#endif
