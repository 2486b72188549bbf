#ifndef TN_BASE_FMATH_H
#define TN_BASE_FMATH_H
/// Elementary functions of our own, because glibc's answers depend on the CPU: the same bits on every machine, with and
/// without FMA instructions. None of libm's may reach a recorded number (DESIGN, numeric contract); sqrt, fma, fabs,
/// floor and rint are exact and are fine.
///
/// Infinities, zeros, NaN, denormals and overflow as in C17 Annex F; errno and the exception flags are not part of it.
/// Rounding to nearest is assumed (tn_fp_reset). The figure behind each function is its largest error found by
/// tools/ulp_fmath.c, in units in the last place.

/// ---- f32: the largest error over all floats ----
float tn_expf(float x);  /* 1.1 */
float tn_logf(float x);  /* 0.9 */
float tn_tanhf(float x); /* 2.6 */
float tn_erff(float x);  /* 1.2 */
/// The normal distribution function: off by at most 1.7 * 2^-24, and by 4 ulp from -1 on, 50 in the lower tail.
float tn_norm_cdff(float x);

/// ---- f64: the largest error over 400,000 points ----
double tn_exp(double x);           /* 1.1 */
double tn_expm1(double x);         /* 2.1 */
double tn_log(double x);           /* 0.8 */
double tn_log1p(double x);         /* 0.9 */
double tn_pow(double x, double y); /* 1.2 */
double tn_tanh(double x);          /* 2.6 */
double tn_erf(double x);           /* 1.0 */
double tn_erfc(double x);          /* 3.2 */
double tn_sin(double x);           /* 0.8, also for huge x */
double tn_cos(double x);           /* 0.8 */
/// The normal distribution function and its inverse (NaN outside [0, 1]).
double tn_norm_cdf(double x);      /* 4 */
double tn_norm_quantile(double p); /* 4 */

#endif
