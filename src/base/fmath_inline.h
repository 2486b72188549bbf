#ifndef TN_BASE_FMATH_INLINE_H
#define TN_BASE_FMATH_INLINE_H
/// The bodies of base/fmath.h, for fmath.c and for kernels that repeat them lane by lane; others include fmath.h.
///
/// Every step is one IEEE operation, so the answer depends on no compiler, CPU or C library; the vector forms in
/// num/vec_math.h do the same steps in the same order. min and max are written as the instructions behave:
/// `bound > x ? bound : x` keeps a NaN in x. Coefficients: tools/mk_fmath.py.

#include <stdint.h>
#include <string.h>

static inline float fm_fma(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}
static inline double fm_fma64(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}
static inline uint32_t fm_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}
static inline float fm_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}
static inline uint64_t fm_bits64(double x)
{
    uint64_t u;
    memcpy(&u, &x, 8);
    return u;
}
static inline double fm_double(uint64_t u)
{
    double x;
    memcpy(&x, &u, 8);
    return x;
}

/* ---- f32 ---- */

#define FM_LOG2E 0x1.715476p+0f
#define FM_LN2_HI 0x1.62e43p-1f
#define FM_LN2_LO -0x1.05c61p-29f
#define FM_ROUND 0x1.8p23f /* x + this - this = x rounded to an integer, |x| < 2^22 */
#define FM_EXP_LOW -104.0f /* below, exp rounds to 0 */
#define FM_EXP_HIGH 89.0f  /* above, it overflows */
#define FM_EXP_C0 0x1p-1f
#define FM_EXP_C1 0x1.55549p-3f
#define FM_EXP_C2 0x1.555464p-5f
#define FM_EXP_C3 0x1.123ac6p-7f
#define FM_EXP_C4 0x1.6db084p-10f

/* exp(r) - 1 for |r| <= ln(2)/2. */
static inline float fm_exp_core(float r)
{
    float p = fm_fma(FM_EXP_C4, r, FM_EXP_C3);
    p = fm_fma(p, r, FM_EXP_C2);
    p = fm_fma(p, r, FM_EXP_C1);
    p = fm_fma(p, r, FM_EXP_C0);
    return fm_fma(r * r, p, r);
}

/* y * 2^n for the n that FM_ROUND left in the low bits of t; two steps, so that a denormal result is rounded once. */
static inline float fm_scale(float y, float t)
{
    int32_t n = (int32_t)(fm_bits(t) - fm_bits(FM_ROUND)), half = n >> 1;
    return y * fm_float((uint32_t)(half + 127) << 23) * fm_float((uint32_t)(n - half + 127) << 23);
}

/* exp(h + l), l far below h. */
static inline float fm_exp_pair(float h, float l)
{
    h = FM_EXP_LOW > h ? FM_EXP_LOW : h;
    h = FM_EXP_HIGH < h ? FM_EXP_HIGH : h;
    float t = fm_fma(h, FM_LOG2E, FM_ROUND), n = t - FM_ROUND;
    float r = fm_fma(n, -FM_LN2_HI, h);
    r = fm_fma(n, -FM_LN2_LO, r) + l;
    return fm_scale(fm_exp_core(r) + 1.0f, t);
}

static inline float fm_expf(float x)
{
    x = FM_EXP_LOW > x ? FM_EXP_LOW : x;
    x = FM_EXP_HIGH < x ? FM_EXP_HIGH : x;
    float t = fm_fma(x, FM_LOG2E, FM_ROUND), n = t - FM_ROUND;
    float r = fm_fma(n, -FM_LN2_HI, x);
    r = fm_fma(n, -FM_LN2_LO, r);
    return fm_scale(fm_exp_core(r) + 1.0f, t);
}

#define FM_TANH_HIGH 19.0f /* of 2|x|: above, tanh rounds to 1 */

#define FM_TANH_SPLIT 0.55f /* tanh is 1/2 there */

/* With t = exp(2|x|) - 1: t / (t + 2), or 1 - 2 / (t + 2) where that is above 1/2. */
static inline float fm_tanhf(float x)
{
    float a = fm_float(fm_bits(x) & 0x7fffffffu), y = a + a;
    y = FM_TANH_HIGH < y ? FM_TANH_HIGH : y;
    float t = fm_fma(y, FM_LOG2E, FM_ROUND), n = t - FM_ROUND;
    float r = fm_fma(n, -FM_LN2_HI, y);
    r = fm_fma(n, -FM_LN2_LO, r);
    float s = fm_float((fm_bits(t) - fm_bits(FM_ROUND) + 127u) << 23);
    float e = fm_fma(s, fm_exp_core(r), s - 1.0f);
    float q = (a < FM_TANH_SPLIT ? e : 2.0f) / (e + 2.0f);
    float v = a < FM_TANH_SPLIT ? q : 1.0f - q;
    return fm_float(fm_bits(v) | (fm_bits(x) & 0x80000000u));
}

static inline float fm_logf(float x)
{
    uint32_t u = fm_bits(x);
    int32_t k = 0;
    if (u - 1 >= 0x7f800000u - 1) { /* 0, negative, inf, NaN */
        if ((u & 0x7fffffffu) == 0)
            return -__builtin_inff();
        if (u == 0x7f800000u || (u & 0x7fffffffu) > 0x7f800000u)
            return x + x;
        return __builtin_nanf("");
    }
    if (u < 0x00800000u) {
        u = fm_bits(x * 0x1p23f);
        k = -23;
    }
    u += 0x3f800000u - 0x3f3504f3u; /* the mantissa goes to [sqrt(1/2), sqrt(2)) */
    k += (int32_t)(u >> 23) - 127;
    float f = fm_float((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f, n = (float)k;
    float s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    float tail = fm_fma(fm_fma(0x1.31c526p-2f, z, 0x1.99601p-2f), z, 0x1.555578p-1f) * z;
    float r = fm_fma(s, half + tail, n * FM_LN2_LO);
    return fm_fma(n, FM_LN2_HI, f - (half - r));
}

#define FM_ERF_HIGH 3.95f /* above, erf rounds to 1 */

static inline float fm_erff(float x)
{
    float a = fm_float(fm_bits(x) & 0x7fffffffu);
    if (a < 0.921875f) {
        float z = x * x, p = fm_fma(-0x1.3b792ep-11f, z, 0x1.47963p-8f);
        p = fm_fma(p, z, -0x1.b69b46p-6f);
        p = fm_fma(p, z, 0x1.ce1b88p-4f);
        p = fm_fma(p, z, -0x1.8126ecp-2f);
        p = fm_fma(p, z, 0x1.06eba6p-3f);
        return fm_fma(p, x, x);
    }
    a = FM_ERF_HIGH < a ? FM_ERF_HIGH : a;
    float p = fm_fma(-0x1.0e359p-21f, a, -0x1.e8cdaep-17f);
    p = fm_fma(p, a, 0x1.a19c62p-12f);
    p = fm_fma(p, a, -0x1.0a0002p-8f);
    p = fm_fma(p, a, 0x1.98114cp-6f);
    p = fm_fma(p, a, -0x1.ba7a1ap-4f);
    p = fm_fma(p, a, -0x1.445e4ap-1f);
    p = fm_fma(p, a, -0x1.2122eep+0f);
    p = fm_fma(p, a, 0x1.526bacp-13f);
    float v = 1.0f - fm_expf(p);
    return fm_float(fm_bits(v) | (fm_bits(x) & 0x80000000u));
}

#define FM_CDF_HIGH 15.0f /* of |x|: above, the tail rounds to 0 */
#define FM_CDF_C0 0x1p-1f
#define FM_CDF_C1 -0x1.326336p+0f
#define FM_CDF_C2 0x1.0d9b8cp+0f
#define FM_CDF_C3 -0x1.25e408p-2f
#define FM_CDF_C4 -0x1.445182p-3f
#define FM_CDF_C5 0x1.ecff94p-5f
#define FM_CDF_C6 0x1.dceab2p-7f
#define FM_CDF_C7 0x1.3737dp-4f
#define FM_CDF_C8 -0x1.64618p-4f
#define FM_CDF_C9 0x1.9ec5a4p-6f
#define FM_INV_SQRT_2PI 0x1.988454p-2f

/* The normal distribution function; *e = exp(-x*x/2), the square's rounding error carried into the exponent. The factor
 * cdf(-a) / e is a polynomial in u = a / (a + 3): u's rounding vanishes with a, where 1 / (a + 3) would cost 5 ulp. */
static inline float fm_norm_cdff(float x, float *e)
{
    float a = fm_float(fm_bits(x) & 0x7fffffffu);
    a = FM_CDF_HIGH < a ? FM_CDF_HIGH : a;
    float h = a * a, l = fm_fma(a, a, -h);
    *e = fm_exp_pair(-0.5f * h, -0.5f * l);
    float u = a / (a + 3.0f), w = fm_fma(FM_CDF_C9, u, FM_CDF_C8);
    w = fm_fma(w, u, FM_CDF_C7);
    w = fm_fma(w, u, FM_CDF_C6);
    w = fm_fma(w, u, FM_CDF_C5);
    w = fm_fma(w, u, FM_CDF_C4);
    w = fm_fma(w, u, FM_CDF_C3);
    w = fm_fma(w, u, FM_CDF_C2);
    w = fm_fma(w, u, FM_CDF_C1);
    w = fm_fma(w, u, FM_CDF_C0);
    float tail = *e * w;
    return x < 0.0f ? tail : 1.0f - tail;
}

/* GELU, erf form: x * cdf(x). */
static inline float fm_gelu(float x)
{
    float e;
    return x * fm_norm_cdff(x, &e);
}
/* Its derivative: cdf(x) + x * pdf(x). */
static inline float fm_gelu_slope(float x)
{
    float e, c = fm_norm_cdff(x, &e);
    return fm_fma(x, e * FM_INV_SQRT_2PI, c);
}

/* ---- f64 ---- */

#define FM_LN2_HI64 0x1.62e42fefa39efp-1
#define FM_LN2_LO64 0x1.abc9e3b39803fp-56
#define FM_LN2_HI33 0x1.62e42fefp-1 /* 33 bits: k * this is exact */
#define FM_LN2_LO33 0x1.473de6af278edp-34

/* Horner's rule, highest coefficient last in the table. */
static inline double fm_poly64(const double *c, int n, double x)
{
    double p = c[n - 1];
    for (int i = n - 2; i >= 0; i--)
        p = fm_fma64(p, x, c[i]);
    return p;
}

static inline double fm_exp_core64(double r)
{
    static const double c[] = {0x1.000000000000bp-1,  0x1.5555555555560p-3,  0x1.55555555503d3p-5,  0x1.111111110d827p-7,
                               0x1.6c16c18504312p-10, 0x1.a01a01ba540fap-13, 0x1.a0199808989fcp-16, 0x1.71dde0e182eabp-19,
                               0x1.28af1d406484cp-22, 0x1.af8400deda5eep-26};
    return fm_fma64(r * r, fm_poly64(c, 10, r), r);
}

/* r in [-ln(2)/2, ln(2)/2] and *n with h + l = n ln 2 + r; h within [-746, 710]. */
static inline double fm_exp_reduce64(double h, double l, int64_t *n)
{
    double t = fm_fma64(h, 0x1.71547652b82fep+0, 0x1.8p52), k = t - 0x1.8p52;
    *n = (int64_t)(fm_bits64(t) - fm_bits64(0x1.8p52));
    return fm_fma64(k, -FM_LN2_LO64, fm_fma64(k, -FM_LN2_HI64, h)) + l;
}

static inline double fm_scale64(double y, int64_t n)
{
    int64_t half = n >> 1;
    return y * fm_double((uint64_t)(half + 1023) << 52) * fm_double((uint64_t)(n - half + 1023) << 52);
}

/* exp(h + l), l far below h. */
static inline double fm_exp_pair64(double h, double l)
{
    if (h != h)
        return h;
    h = h < -746 ? -746 : h;
    h = h > 710 ? 710 : h;
    int64_t n;
    double r = fm_exp_reduce64(h, l, &n);
    return fm_scale64(fm_exp_core64(r) + 1, n);
}

static inline double fm_exp(double x)
{
    return fm_exp_pair64(x, 0);
}

static inline double fm_expm1(double x)
{
    if (x != x)
        return x;
    if (x > 44)
        return fm_exp(x); /* the 1 is below half an ulp */
    if (x < -38)
        return -1;
    int64_t n;
    double r = fm_exp_reduce64(x, 0, &n), s = fm_double((uint64_t)(n + 1023) << 52);
    if (n == 0)
        return x == 0 ? x : fm_exp_core64(r);
    return fm_fma64(s, fm_exp_core64(r), s - 1);
}

static inline double fm_tanh(double x)
{
    double a = fm_double(fm_bits64(x) & INT64_MAX), e = fm_expm1(2 * (a > 22 ? 22 : a));
    double v = a < 0.55 ? e / (e + 2) : 1 - 2 / (e + 2);
    return fm_double(fm_bits64(v) | (fm_bits64(x) & ~(uint64_t)INT64_MAX));
}

/* x = m 2^k with m in [sqrt(1/2), sqrt(2)); x is positive and finite. */
static inline double fm_split64(double x, int64_t *k)
{
    uint64_t u = fm_bits64(x);
    *k = 0;
    if (u < (uint64_t)1 << 52) {
        u = fm_bits64(x * 0x1p54);
        *k = -54;
    }
    u += 0x3ff0000000000000u - 0x3fe6a09e667f3bcdu;
    *k += (int64_t)(u >> 52) - 1023;
    return fm_double((u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
}

/* k ln 2 + log(1 + f) + c, c small. */
static inline double fm_log_core64(double f, double k, double c)
{
    static const double tail[] = {0x1.5555555555581p-1, 0x1.9999999984691p-2, 0x1.2492493e8ca5ep-2, 0x1.c71c54727f7f6p-3,
                                  0x1.7465cd834023bp-3, 0x1.39ac22b62ff0fp-3, 0x1.2ea4c50ed0dafp-3};
    double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double r = fm_fma64(s, half + z * fm_poly64(tail, 7, z), fm_fma64(k, FM_LN2_LO64, c));
    return fm_fma64(k, FM_LN2_HI64, f - (half - r));
}

static inline double fm_log(double x)
{
    if (!(x > 0))
        return x == 0 ? -__builtin_inf() : x == x ? __builtin_nan("") : x;
    if (x == __builtin_inf())
        return x;
    int64_t k;
    double m = fm_split64(x, &k);
    return fm_log_core64(m - 1, (double)k, 0);
}

static inline double fm_log1p(double x)
{
    if (!(x > -1))
        return x == -1 ? -__builtin_inf() : x == x ? __builtin_nan("") : x;
    if (x == __builtin_inf() || (x < 0x1p-54 && x > -0x1p-54))
        return x;
    double u = 1 + x;
    int64_t k;
    double m = fm_split64(u, &k);
    if (k == 0)
        return fm_log_core64(x, 0, 0);
    double lost = x > 1 ? 1 - (u - x) : x - (u - 1);
    return fm_log_core64(m - 1, (double)k, lost / u);
}

/* log(x) as *hi + *lo to about 68 bits; x positive and finite. log(1+f) = 2s + s (2/3 z + z^2 (...)), z = s^2, with s and
 * the first two terms as pairs. */
static inline void fm_log_pair64(double x, double *hi, double *lo)
{
    static const double tail[] = {0x1.9999999999999p-2, 0x1.249249249279fp-2, 0x1.c71c71c67f6a9p-3, 0x1.745d17bb83314p-3,
                                  0x1.3b1381660195ep-3, 0x1.111c3f2fa1f78p-3, 0x1.dee2a0e8bd2a1p-4, 0x1.e58ea62f3b8b8p-4};
    int64_t k;
    double m = fm_split64(x, &k), f = m - 1;
    double dh = 1 + m, t = dh - 1, dl = (1 - (dh - t)) + (m - t);
    double sh = f / dh, sl = (fm_fma64(-sh, dh, f) - sh * dl) / dh;
    double zh = sh * sh, zl = fm_fma64(2 * sh, sl, fm_fma64(sh, sh, -zh));
    double third = 0x1.5555555555555p-1, third_low = 0x1.5555555555555p-55;
    double ph = zh * third, pl = fm_fma64(zl, third, fm_fma64(zh, third_low, fm_fma64(zh, third, -ph)));
    double q = zh * zh * fm_poly64(tail, 8, zh);
    double wh = ph + q, wl = (ph - wh) + q + pl;
    double gh = sh * wh, gl = fm_fma64(sl, wh, fm_fma64(sh, wl, fm_fma64(sh, wh, -gh)));
    double ah = 2 * sh + gh, al = (2 * sh - ah) + gh + (gl + 2 * sl);
    double kh = (double)k * FM_LN2_HI33, h = kh + ah, v = h - kh;
    double l = (kh - (h - v)) + (ah - v) + fm_fma64((double)k, FM_LN2_LO33, al);
    *hi = h + l;
    *lo = (h - *hi) + l;
}

/* 0: y is not an integer; 1: odd; 2: even. */
static inline int fm_integer_kind(double y)
{
    double a = fm_double(fm_bits64(y) & INT64_MAX);
    if (a >= 0x1p53)
        return 2;
    if (a != (double)(int64_t)a)
        return 0;
    return (int64_t)a & 1 ? 1 : 2;
}

static inline double fm_pow(double x, double y)
{
    double inf = __builtin_inf();
    if (y == 0 || x == 1)
        return 1;
    if (x != x || y != y)
        return x + y;
    int kind = fm_integer_kind(y);
    double a = fm_double(fm_bits64(x) & INT64_MAX), sign = fm_bits64(x) >> 63 && kind == 1 ? -1.0 : 1.0;
    if (y == inf || y == -inf)
        return a == 1 ? 1 : (a > 1) == (y > 0) ? inf : 0;
    if (a == 0 || a == inf)
        return sign * ((a == 0) == (y < 0) ? inf : 0);
    if (x < 0 && kind == 0)
        return __builtin_nan("");
    double h, l;
    fm_log_pair64(a, &h, &l);
    double ph = y * h;
    if (ph > 1000 || ph < -1000)
        return sign * (ph > 0 ? inf : 0);
    return sign * fm_exp_pair64(ph, fm_fma64(y, h, -ph) + y * l);
}

/* erfc(a) * exp(a*a) for a in [0.45, 28]: a polynomial in (a - 4) / (a + 4) over 1 + 2a. */
static inline double fm_erfcx64(double a)
{
    static const double c[] = {
        0x1.3ba5916e9fd7fp+0,    -0x1.1df1ad154a28dp-3,   0x1.f7f5df66fd6f7p-7,    0x1.16ecefcfa5284p-4,    -0x1.9ddb23c3e8a0ap-4,
        0x1.7fee004e153b3p-4,    -0x1.0fb06dfe54efep-4,   0x1.3079edf60e0a4p-5,    -0x1.0962388286794p-6,   0x1.49c672aef92fep-8,
        -0x1.8d4a9c7a6db01p-11,  -0x1.a1df4860e3ef4p-13,  0x1.3be070a1b364cp-13,   -0x1.995474e1b7308p-16,  -0x1.788ed6b4156f6p-17,
        0x1.7ef12cb7e95b4p-18,   0x1.3c1e101db72fcp-22,   -0x1.b7cf90c16b182p-21,  0x1.3d08359781118p-24,   0x1.ba7cdd33b1d2ep-24,
        -0x1.290e99da1cb26p-26,  -0x1.48fa8d7c87a0dp-27,  0x1.c16dae009ff4ap-30};
    return fm_poly64(c, 23, (a - 4) / (a + 4)) / fm_fma64(2, a, 1);
}

/* erf(x) for |x| <= 1. */
static inline double fm_erf_small64(double x)
{
    static const double c[] = {0x1.06eba8214db69p-3,   -0x1.812746b0379e6p-2,  0x1.ce2f21a042b34p-4,  -0x1.b82ce31284f38p-6,
                               0x1.565bcd0dbd921p-8,   -0x1.c02db3db49762p-11, 0x1.f9a321e4b84f9p-14, -0x1.f4d1e434bc0cfp-17,
                               0x1.b9df305cad6f7p-20,  -0x1.5f1f40faeea79p-23, 0x1.f7b99d7c8709ap-27, -0x1.38ac2290d3965p-30,
                               0x1.062759c5be8ecp-34};
    return fm_fma64(x, fm_poly64(c, 13, x * x), x);
}

/* erfc(a) for a >= 0.45. */
static inline double fm_erfc_large64(double a)
{
    a = a > 28 ? 28 : a;
    double h = a * a, l = fm_fma64(a, a, -h);
    return fm_exp_pair64(-h, -l) * fm_erfcx64(a);
}

static inline double fm_erf(double x)
{
    double a = fm_double(fm_bits64(x) & INT64_MAX);
    if (!(a >= 1))
        return fm_erf_small64(x);
    double v = a > 6 ? 1 : 1 - fm_erfc_large64(a);
    return x < 0 ? -v : v;
}

static inline double fm_erfc(double x)
{
    if (!(x >= 0.46875)) /* erfc is about 1/2 there: above, the difference would lose bits */
        return 1 - fm_erf(x);
    return fm_erfc_large64(x);
}

#define FM_SQRT_HALF64 0x1.6a09e667f3bcdp-1

static inline double fm_norm_cdf(double x)
{
    double a = fm_double(fm_bits64(x) & INT64_MAX);
    if (!(a >= 0.6640625)) /* 0.4695 sqrt 2, as in erfc */
        return 0.5 + 0.5 * fm_erf_small64(x * FM_SQRT_HALF64);
    a = a > 39 ? 39 : a;
    double h = a * a, l = fm_fma64(a, a, -h);
    double tail = 0.5 * fm_exp_pair64(-0.5 * h, -0.5 * l) * fm_erfcx64(a * FM_SQRT_HALF64);
    return x < 0 ? tail : 1 - tail;
}

/* A start good to 4.5e-4 (Abramowitz and Stegun 26.2.23), then Halley steps on a form that keeps relative precision. */
static inline double fm_norm_quantile(double p)
{
    if (!(p > 0 && p < 1))
        return p == 0 ? -__builtin_inf() : p == 1 ? __builtin_inf() : __builtin_nan("");
    double low = p < 0.5 ? p : 1 - p, q = p - 0.5; /* exact where they are used: p >= 0.5 and p >= 0.25 */
    double t = __builtin_sqrt(-2 * fm_log(low));
    double x = t - fm_fma64(fm_fma64(0.010328, t, 0.802853), t, 2.515517) /
                       fm_fma64(fm_fma64(fm_fma64(0.001308, t, 0.189269), t, 1.432788), t, 1);
    x = -x; /* the quantile of `low` */
    for (int i = 0; i < 3; i++) {
        double pdf = 0x1.9884533d43651p-2 * fm_exp(-0.5 * x * x);
        double miss = low > 0.25 ? 0.5 * fm_erf_small64(x * FM_SQRT_HALF64) - (p < 0.5 ? q : -q) : fm_norm_cdf(x) - low;
        double step = miss / pdf;
        x -= step / fm_fma64(0.5 * x, step, 1);
    }
    return p < 0.5 ? x : -x;
}

/* sin and cos on [-pi/4, pi/4] of r + rl. */
static inline double fm_sin_core(double r, double rl)
{
    static const double c[] = {-0x1.5555555555549p-3, 0x1.111111110f88ap-7,  -0x1.a01a019c127e7p-13,
                               0x1.71de3577d9862p-19, -0x1.ae5e65f50a5a7p-26, 0x1.5d92d662391afp-33};
    double z = r * r;
    return r + fm_fma64(z * r, fm_poly64(c, 6, z), fm_fma64(-0.5 * z, rl, rl));
}
static inline double fm_cos_core(double r, double rl)
{
    static const double c[] = {0x1.555555555554cp-5,  -0x1.6c16c16c15282p-10, 0x1.a01a019cc75b2p-16,
                               -0x1.27e4f81787a69p-22, 0x1.1ee9f41630306p-29,  -0x1.8fb267a031214p-37};
    double z = r * r, half = 0.5 * z, w = 1 - half;
    return w + (((1 - w) - half) + fm_fma64(z * z, fm_poly64(c, 6, z), -r * rl));
}

/* |x| = n pi/2 + (*r + *rl), n modulo 4 returned; x finite and >= 0. Three parts of pi/2 by FMA below 2^20; above, the
 * needed 192 bits of 2/pi times the mantissa (Payne and Hanek). */
static inline int fm_trig_reduce(double x, double *r, double *rl)
{
    if (x < 0x1p20) {
        double n = fm_fma64(x, 0x1.45f306dc9c883p-1, 0x1.8p52) - 0x1.8p52;
        double a = fm_fma64(-n, 0x1.921fb54442d18p+0, x); /* exact, or its error is taken below */
        double b = n * 0x1.1a62633145c07p-54, bl = fm_fma64(n, 0x1.1a62633145c07p-54, -b);
        *r = a - b;
        double v = *r - a;
        *rl = ((a - (*r - v)) - (b + v)) - fm_fma64(n, -0x1.f1976b7ed8fbcp-110, bl);
        double s = *r + *rl;
        *rl = (*r - s) + *rl;
        *r = s;
        return (int)((int64_t)n & 3);
    }
    static const uint64_t two_over_pi[20] = {
        0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
        0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
        0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
        0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};
    uint64_t u = fm_bits64(x), m = (u & 0x000fffffffffffffu) | (uint64_t)1 << 52;
    int e = (int)(u >> 52) - 1075; /* x = m 2^e, e >= -32 */
    /* Bits of 2/pi of weight 2 or more after the product are whole turns: start so that two bits stay above the point. */
    int first = e - 2 > 0 ? e - 2 : 0; /* bits of 2/pi skipped: m * 2^e * 2^-first is a multiple of 4 there */
    int word = first / 64, bit = first % 64;
    uint64_t w[4];
    for (int i = 0; i < 4; i++)
        w[i] = bit ? two_over_pi[word + i] << bit | two_over_pi[word + i + 1] >> (64 - bit) : two_over_pi[word + i];
    /* m * w, 256 bits (the top overflow is whole turns), point such that the value is product * 2^(e - first - 256). */
    uint64_t p[4];
    unsigned __int128 carry = 0;
    for (int i = 3; i >= 0; i--) {
        carry += (unsigned __int128)m * w[i];
        p[i] = (uint64_t)carry;
        carry >>= 64;
    }
    uint64_t top = (uint64_t)carry;
    /* Shift left by e - first so that the integer part ends at p[0]'s top: e - first is 2, or e itself when e < 2. */
    int shift = e - first;
    if (shift > 0) {
        top = top << shift | p[0] >> (64 - shift);
        for (int i = 0; i < 3; i++)
            p[i] = p[i] << shift | p[i + 1] >> (64 - shift);
        p[3] <<= shift;
    } else if (shift < 0) {
        for (int i = 3; i > 0; i--)
            p[i] = p[i] >> -shift | p[i - 1] << (64 + shift);
        p[0] = p[0] >> -shift | top << (64 + shift);
        top >>= -shift;
    }
    int n = (int)(top & 3), negative = p[0] >> 63;
    if (negative) { /* nearest quarter turn: the fraction becomes 1 - fraction, with a minus */
        n = (n + 1) & 3;
        uint64_t c = 1;
        for (int i = 3; i >= 0; i--) {
            p[i] = ~p[i] + c;
            c = c && p[i] == 0;
        }
    }
    int zeros = p[0] ? __builtin_clzll(p[0]) : 64 + (p[1] ? __builtin_clzll(p[1]) : 63);
    if (zeros >= 64) {
        p[0] = p[1], p[1] = p[2], p[2] = p[3];
    }
    int s = zeros % 64;
    uint64_t a = s ? p[0] << s | p[1] >> (64 - s) : p[0], b = s ? p[1] << s | p[2] >> (64 - s) : p[1];
    /* fraction = (a 2^-64 + b 2^-128) 2^-zeros; 53 bits each into hi and lo */
    double unit = fm_double((uint64_t)(1023 - zeros) << 52);
    double hi = (double)(a >> 11) * 0x1p-53 * unit, lo = (double)((a & 0x7ff) << 42 | b >> 22) * 0x1p-106 * unit;
    double half_pi = 0x1.921fb54442d18p+0, ph = hi * half_pi;
    double pl = fm_fma64(hi, half_pi, -ph) + fm_fma64(hi, 0x1.1a62633145c07p-54, lo * half_pi);
    *r = ph + pl;
    *rl = (ph - *r) + pl;
    if (negative) {
        *r = -*r;
        *rl = -*rl;
    }
    return n;
}

/* quarter = 0 for sin, 1 for cos. */
static inline double fm_trig(double x, int quarter)
{
    double a = fm_double(fm_bits64(x) & INT64_MAX), r, rl;
    if (!(a < __builtin_inf()))
        return x - x;
    if (quarter == 0 && a < 0x1p-27)
        return x;
    int n = (fm_trig_reduce(a, &r, &rl) + quarter) & 3;
    double v = n & 1 ? fm_cos_core(r, rl) : fm_sin_core(r, rl);
    if (n & 2)
        v = -v;
    return quarter == 0 && x < 0 ? -v : v;
}
static inline double fm_sin(double x)
{
    return fm_trig(x, 0);
}
static inline double fm_cos(double x)
{
    return fm_trig(x, 1);
}

#endif
