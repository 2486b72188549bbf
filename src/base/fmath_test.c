/* Promises of base/fmath.h. tools/ulp_fmath.c measures the errors over all floats; here are the edges, and a sample
 * against the C library. */
#include "test.h"

#include "base/fmath.h"
#include "base/fmath_inline.h"

#include <math.h>

static const float edge[] = {0.0f,       -0.0f,      1.0f,        -1.0f,       0.5f,       -0.5f,  INFINITY, -INFINITY,
                             NAN,        1e-45f,     -1e-45f,     0x1p-126f,   -0x1p-126f, 3e38f,  -3e38f,   88.72283f,
                             88.722839f, -87.33655f, -103.97208f, -103.97209f, -104.5f,    89.0f,  9.0f,     9.1f,
                             0.921875f,  0.55f,      3.95f,       14.9f,       -14.9f,     1e-20f, 100.0f,   -100.0f};

static double ulp32(double want)
{
    int e;
    frexp(fabs(want) < 0x1p-126 ? 0x1p-126 : fabs(want), &e);
    return ldexp(1, e - 24);
}

/* Special values as the C library gives them, else within `bound` ulp. */
static void check32(const char *name, float x, float got, double want, double bound)
{
    float w = (float)want;
    bool ok = isnan(w) ? isnan(got) : isinf(w) ? got == w : fabs((double)got - want) <= bound * ulp32(want);
    if (want == 0)
        ok = got == 0 && !signbit(got) == !signbit(want);
    if (!ok)
        fail_msg("%s(%a) = %a, wanted %a", name, (double)x, (double)got, want);
}

static double cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static void f32_functions_are_within_their_bounds(void **state)
{
    for (size_t i = 0; i < TN_COUNT(edge) + 20000; i++) {
        float x = i < TN_COUNT(edge) ? edge[i] : fm_float((uint32_t)i * 2654435761u);
        check32("expf", x, tn_expf(x), exp((double)x), 1.01);
        check32("logf", x, tn_logf(x), log((double)x), 0.9);
        check32("tanhf", x, tn_tanhf(x), tanh((double)x), 2.6);
        check32("erff", x, tn_erff(x), erf((double)x), 1.2);
        check32("norm_cdff", x, tn_norm_cdff(x), cdf((double)x), x >= -1 || x != x ? 3 : 50);
        if (x == x && fabs((double)tn_norm_cdff(x) - cdf((double)x)) > 1.7 * 0x1p-24)
            fail_msg("norm_cdff(%a) is off by more than 1.7 * 2^-24", (double)x);
    }
}

typedef double fn(double);

static void f64_functions_are_within_their_bounds(void **state)
{
    static const struct {
        const char *name;
        fn *ours, *libm;
        double low, high, bound; /* bound in 2^-52 of the answer: twice what it is in ulp, libm's own error included */
    } row[] = {
        {"exp", tn_exp, exp, -745, 709, 2},  {"expm1", tn_expm1, expm1, -40, 40, 3},
        {"log", tn_log, log, 0, 1e9, 2},     {"log1p", tn_log1p, log1p, -1, 9, 2},
        {"tanh", tn_tanh, tanh, -20, 20, 4}, {"erf", tn_erf, erf, -6, 6, 2},
        {"erfc", tn_erfc, erfc, -6, 26, 6},  {"sin", tn_sin, sin, -9e4, 9e4, 2},
        {"cos", tn_cos, cos, -9e4, 9e4, 2},  {"sin", tn_sin, sin, 0, 1e300, 2},
        {"cos", tn_cos, cos, 0, 1e300, 2},   {"sin", tn_sin, sin, 1e5, 1e10, 2},
    };
    for (size_t f = 0; f < TN_COUNT(row); f++) {
        for (int i = 0; i <= 4000; i++) {
            double x = row[f].low + (row[f].high - row[f].low) * (i + 0.37) / 4001, y = row[f].ours(x),
                   w = row[f].libm(x);
            if (!(fabs(y - w) <= row[f].bound * 0x1p-52 * fabs(w) + 0x1p-1074))
                fail_msg("%s(%a) = %a, wanted %a", row[f].name, x, y, w);
        }
        static const double special[] = {0.0,    -0.0, INFINITY, -INFINITY, NAN, 5e-324, -5e-324,
                                         1e-310, -1,   -2,       1,         710, -746,   1e300};
        for (size_t i = 0; i < TN_COUNT(special); i++) {
            double x = special[i], y = row[f].ours(x), w = row[f].libm(x);
            if (!(isnan(w)             ? isnan(y)
                  : isinf(w) || w == 0 ? y == w && !signbit(y) == !signbit(w)
                                       : fabs(y - w) <= 6 * 0x1p-52 * fabs(w) + 0x1p-1074))
                fail_msg("%s(%a) = %a, wanted %a", row[f].name, x, y, w);
        }
    }
}

static void pow_is_annex_f(void **state)
{
    static const double v[] = {0.0,
                               -0.0,
                               1,
                               -1,
                               2,
                               -2,
                               3,
                               -3,
                               0.5,
                               -0.5,
                               2.5,
                               -2.5,
                               1e300,
                               -1e300,
                               1e-300,
                               5e-324,
                               -5e-324,
                               INFINITY,
                               -INFINITY,
                               NAN,
                               0x1p53,
                               0x1p53 + 2,
                               -0x1p53,
                               0.9999999999999999,
                               1.0000000000000002,
                               1023,
                               1074,
                               1e18};
    for (size_t i = 0; i < TN_COUNT(v); i++) {
        for (size_t j = 0; j < TN_COUNT(v); j++) {
            double y = tn_pow(v[i], v[j]), w = pow(v[i], v[j]);
            if (!(isnan(w)             ? isnan(y)
                  : isinf(w) || w == 0 ? y == w && !signbit(y) == !signbit(w)
                                       : fabs(y - w) <= 2 * 0x1p-52 * fabs(w) + 0x1p-1074))
                fail_msg("pow(%a, %a) = %a, wanted %a", v[i], v[j], y, w);
        }
    }
    assert_true(tn_pow(0.9, 1000) > 0 && fabs(tn_pow(0.9, 1000) - pow(0.9, 1000)) <= 0x1p-52 * pow(0.9, 1000));
}

static void quantile_inverts_the_distribution(void **state)
{
    assert_true(tn_norm_quantile(0.5) == 0 && tn_norm_quantile(0) == -INFINITY && tn_norm_quantile(1) == INFINITY);
    assert_true(isnan(tn_norm_quantile(-0.1)) && isnan(tn_norm_quantile(1.1)) && isnan(tn_norm_quantile(NAN)));
    assert_true(fabs(tn_norm_quantile(0.975) - 1.9599639845400545) < 1e-15);
    for (double p = 1e-300; p < 1; p = p < 1e-3 ? p * 7 : p + 0.0009) {
        double x = tn_norm_quantile(p), back = tn_norm_cdf(x);
        /* the condition of the inverse: |x| pdf/cdf ulps of p for one of x */
        double slack = 8 * 0x1p-53 * (1 + x * x);
        if (!(fabs(back - p) <= slack * p))
            fail_msg("cdf(quantile(%g)) = %g", p, back);
    }
}

/* The library's flags have no FMA instructions: the slow bodies must answer as the fast build does. */
static void both_builds_have_the_same_bits(void **state)
{
    for (uint32_t i = 0; i < 3000; i++) {
        float x = fm_float(i * 2654435761u), e, a, b;
        double d = (double)(i - 1500.5) * 0.017;
#define SAME(p, q) (a = (p), b = (q), fm_bits(a) == fm_bits(b) || (a != a && b != b))
#define SAME64(p, q) (fm_bits64(p) == fm_bits64(q))
        assert_true(SAME(tn_expf(x), fm_expf(x)) && SAME(tn_logf(x), fm_logf(x)) && SAME(tn_tanhf(x), fm_tanhf(x)));
        assert_true(SAME(tn_erff(x), fm_erff(x)) && SAME(tn_norm_cdff(x), fm_norm_cdff(x, &e)));
        assert_true(SAME64(tn_exp(d), fm_exp(d)) && SAME64(tn_tanh(d), fm_tanh(d)) && SAME64(tn_erfc(d), fm_erfc(d)));
        assert_true(SAME64(tn_sin(d * 1e9), fm_sin(d * 1e9)) && SAME64(tn_pow(fabs(d), 1.7), fm_pow(fabs(d), 1.7)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_functions_are_within_their_bounds),
        cmocka_unit_test(f64_functions_are_within_their_bounds),
        cmocka_unit_test(pow_is_annex_f),
        cmocka_unit_test(quantile_inverts_the_distribution),
        cmocka_unit_test(both_builds_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
