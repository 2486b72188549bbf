/* Largest errors of base/fmath.h in units in the last place.
 *
 *     cc -O2 -mfma -ffp-contract=off -I src tools/ulp_fmath.c src/base/fmath.c src/base/fmath_fma.c -lquadmath -lm
 *     ./a.out [step]         every step-th float (1: all of them, about a minute), and 2 million points a f64 function
 *
 * The yardstick is libm's double for f32 and quadmath's 113 bits for f64. */
#include "base/fmath.h"

#include <math.h>
#include <quadmath.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double ulp32(double want)
{
    double a = fabs(want);
    int e;
    frexp(a < 0x1p-126 ? 0x1p-126 : a, &e);
    return ldexp(1, e - 24);
}

static double cdf(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}
static float cdf_above_minus_3(float x)
{
    return x < -3 ? 0 : tn_norm_cdff(x);
}
static double cdf_above_minus_3_want(double x)
{
    return x < -3 ? 0 : cdf(x);
}

static void all_floats(const char *name, float (*f)(float), double (*g)(double), uint32_t step)
{
    double worst = 0;
    float at = 0;
    long n_special = 0;
    for (uint64_t u = 0; u < (uint64_t)1 << 32; u += step) {
        uint32_t bits = (uint32_t)u;
        float x;
        memcpy(&x, &bits, 4);
        float y = f(x);
        double want = g(x);
        if ((float)want != (float)want || isinf((float)want) || isinf(y) || y != y) {
            float w = (float)want;
            if (!(y == w || (y != y && w != w)) && !(isinf(y) && fabs(want) > 0x1.fffffep127) &&
                !(isinf(w) && fabsf(y) > 0x1.fffffcp127f))
                n_special++;
            continue;
        }
        double e = fabs((double)y - want) / ulp32(want);
        if (e > worst) {
            worst = e;
            at = x;
        }
    }
    printf("%-14s %.3f ulp at %a%s\n", name, worst, at, n_special ? "  SPECIAL VALUES DIFFER" : "");
}

static uint64_t state = 88172645463325252u;
static double uniform(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

static __float128 cdfq(__float128 x)
{
    return 0.5Q * erfcq(-x * M_SQRT1_2q);
}
static __float128 quantile_check(__float128 p)
{
    __float128 x = tn_norm_quantile((double)p);
    for (int i = 0; i < 3; i++)
        x -= (cdfq(x) - p) / (expq(-x * x / 2) / sqrtq(2 * M_PIq));
    return x;
}

static void doubles(const char *name, double (*f)(double), __float128 (*g)(__float128), double low, double high,
                    int how, long n)
{
    double worst = 0, at = 0;
    for (long i = 0; i < n; i++) {
        double t = uniform(), x = low + (high - low) * t;
        if (how == 1) /* all magnitudes between, either sign if low < 0 */
            x = ldexp(1 + t, (int)(log2(high) * 2 * (uniform() - 0.5))) * (low < 0 && uniform() < 0.5 ? -1 : 1);
        if (how == 2)
            x = ldexp(1 + t, (int)(-60 * uniform())) * (low < 0 && uniform() < 0.5 ? -1 : 1);
        if (x > high || x < low)
            continue;
        double y = f(x);
        __float128 want = g(x), a = fabsq(want);
        int e;
        frexpq(a < 0x1p-1022Q ? 0x1p-1022Q : a, &e);
        double err = (double)(fabsq(y - want) / scalbnq(1, e - 53));
        if (!(err <= worst)) {
            worst = err;
            at = x;
        }
    }
    printf("%-14s %.3f ulp at %a\n", name, worst, at);
}

static void powers(long n)
{
    double worst = 0, ax = 0, ay = 0;
    for (long i = 0; i < n; i++) {
        double x = i % 3 == 0   ? 0.9 + 0.2 * uniform()
                   : i % 3 == 1 ? exp(40 * (uniform() - 0.5))
                                : ldexp(1 + uniform(), (int)(2000 * (uniform() - 0.5)));
        double y = (2 * uniform() - 1) * 745 / fabs(log(x)), got = tn_pow(x, y);
        __float128 want = powq(x, y);
        if (want > 0x1.fffffffffffffp1023Q)
            continue;
        int e;
        frexpq(want < 0x1p-1022Q ? 0x1p-1022Q : want, &e);
        double err = (double)(fabsq(got - want) / scalbnq(1, e - 53));
        if (!(err <= worst)) {
            worst = err;
            ax = x, ay = y;
        }
    }
    printf("%-14s %.3f ulp at %a, %a\n", "pow", worst, ax, ay);
}

int main(int argc, char **argv)
{
    uint32_t step = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    all_floats("expf", tn_expf, exp, step);
    all_floats("logf", tn_logf, log, step);
    all_floats("tanhf", tn_tanhf, tanh, step);
    all_floats("erff", tn_erff, erf, step);
    all_floats("norm_cdff", tn_norm_cdff, cdf, step);
    all_floats(" from -3 on", cdf_above_minus_3, cdf_above_minus_3_want, step);
    long n = 400000;
    doubles("exp", tn_exp, expq, -745, 709.7, 0, n);
    doubles("exp small", tn_exp, expq, -1, 1, 2, n);
    doubles("expm1", tn_expm1, expm1q, -40, 40, 0, n);
    doubles("expm1 small", tn_expm1, expm1q, -2, 2, 2, n);
    doubles("log", tn_log, logq, 1e-300, 1e300, 1, n);
    doubles("log near 1", tn_log, logq, 0.5, 2, 0, n);
    doubles("log1p", tn_log1p, log1pq, -0.99, 4, 0, n);
    doubles("log1p small", tn_log1p, log1pq, -1, 1, 2, n);
    doubles("tanh", tn_tanh, tanhq, -20, 20, 0, n);
    doubles("tanh small", tn_tanh, tanhq, -2, 2, 2, n);
    doubles("erf", tn_erf, erfq, -6, 6, 0, n);
    doubles("erf small", tn_erf, erfq, -2, 2, 2, n);
    doubles("erfc", tn_erfc, erfcq, -6, 27.2, 0, n);
    doubles("norm_cdf", tn_norm_cdf, cdfq, -38, 10, 0, n);
    doubles("norm_quantile", tn_norm_quantile, quantile_check, 0, 1, 0, n / 10);
    doubles("quantile tail", tn_norm_quantile, quantile_check, 0, 1, 2, n / 10);
    doubles("sin", tn_sin, sinq, -10, 10, 0, n);
    doubles("cos", tn_cos, cosq, -10, 10, 0, n);
    doubles("sin large", tn_sin, sinq, 0, 1e6, 0, n);
    doubles("sin huge", tn_sin, sinq, -1e300, 1e300, 1, n);
    doubles("cos huge", tn_cos, cosq, -1e300, 1e300, 1, n);
    powers(n);
    return 0;
}
