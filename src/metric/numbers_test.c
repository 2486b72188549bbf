#include "metric/numbers.h"

#include <math.h>

#include "test.h"

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static void values(const tn_numbers *o, const uint32_t *times, double *v)
{
    static double scratch[64];
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_number_measure *m;
    ASSERT_OK(tn_number_measure_new(o, a, &m, &err), &err);
    assert_true(tn_number_measure_scratch(m) <= sizeof scratch);
    tn_number_measure_values(m, scratch, times, v);
    tn_arena_free(a);
}

static const double truth[] = {1, 2, 2, 4, 5};
static const float predicted[] = {1.5f, 2, 1, 4.5f, 4};
static const tn_numbers five = {5, truth, predicted};

/* Wanted numbers by scikit-learn 1.9 and scipy 1.17; Spearman's with the tie of truth at rank 2.5. */
static void equals_the_libraries(void **state)
{
    double v[TN_N_NUMBER_METRICS];
    values(&five, (const uint32_t[]){1, 1, 1, 1, 1}, v);
    NEAR(v[TN_NUMBER_MAE], 3.0 / 5);
    NEAR(v[TN_NUMBER_RMSE], sqrt(2.5 / 5));
    NEAR(v[TN_NUMBER_R2], 1 - 2.5 / 10.8);
    NEAR(v[TN_NUMBER_PEARSON], 0.8890857456701661);
    NEAR(v[TN_NUMBER_SPEARMAN], 0.7181848464596079);
}

static void times_are_copies(void **state)
{
    double v[TN_N_NUMBER_METRICS], w[TN_N_NUMBER_METRICS];
    values(&five, (const uint32_t[]){2, 0, 1, 3, 0}, v);
    values(&(tn_numbers){6, (const double[]){1, 1, 2, 4, 4, 4}, (const float[]){1.5f, 1.5f, 1, 4.5f, 4.5f, 4.5f}}, (const uint32_t[]){1, 1, 1, 1, 1, 1}, w);
    for (int m = 0; m < TN_N_NUMBER_METRICS; m++)
        NEAR(v[m], w[m]);
}

static void constants_have_values(void **state)
{
    double v[TN_N_NUMBER_METRICS];
    values(&(tn_numbers){2, (const double[]){3, 3}, (const float[]){3, 3}}, (const uint32_t[]){1, 1}, v);
    assert_true(v[TN_NUMBER_R2] == 1 && v[TN_NUMBER_PEARSON] == 0 && v[TN_NUMBER_SPEARMAN] == 0 && v[TN_NUMBER_MAE] == 0);
    values(&(tn_numbers){2, (const double[]){3, 3}, (const float[]){3, 4}}, (const uint32_t[]){1, 1}, v);
    assert_true(v[TN_NUMBER_R2] == 0 && v[TN_NUMBER_PEARSON] == 0);
}

static void refuses(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_number_measure *m;
    ASSERT_FAILS(tn_number_measure_new(&(tn_numbers){0, truth, predicted}, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_number_measure_new(&(tn_numbers){1, truth, (const float[]){NAN}}, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_number_measure_new(&(tn_numbers){1, (const double[]){INFINITY}, predicted}, a, &m, &err), TN_EINVALID, &err);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_libraries), cmocka_unit_test(times_are_copies), cmocka_unit_test(constants_have_values),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
