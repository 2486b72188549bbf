#include "metric/label_sets.h"

#include <math.h>

#include "test.h"

/* Four rows, three labels. Wanted numbers by scikit-learn 1.9:
 *   f1_score(Y, P, average=..., zero_division=0), accuracy_score, hamming_loss, label_ranking_average_precision_score(Y, S),
 *   average_precision_score(Y, S, average="macro") */
static const uint8_t label[] = {1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0}, predicted[] = {1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0};
static const float score[] = {.9f, .2f, .4f, .1f, .8f, .6f, .3f, .2f, .1f, .7f, .2f, .2f};
static const tn_label_sets sets = {4, 3, label, predicted, score};

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static void values(const tn_label_sets *o, const uint32_t *times, double *v)
{
    static double scratch[64];
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_set_measure *m;
    ASSERT_OK(tn_set_measure_new(o, true, a, &m, &err), &err);
    assert_true(tn_set_measure_scratch(m) <= sizeof scratch);
    tn_set_measure_values(m, scratch, times, v);
    tn_arena_free(a);
}

static void equals_scikit_learn(void **state)
{
    double v[TN_N_SET_METRICS];
    values(&sets, (const uint32_t[]){1, 1, 1, 1}, v);
    NEAR(v[TN_SET_MICRO_F1], 2.0 * 3 / (2 * 3 + 1 + 2));
    NEAR(v[TN_SET_MACRO_F1], (1 + 2.0 / 3 + 0) / 3);
    NEAR(v[TN_SET_SAMPLES_F1], (2.0 / 3 + 2.0 / 3 + 0 + 2.0 / 3) / 4);
    NEAR(v[TN_SET_SUBSET_ACCURACY], 0.25);
    NEAR(v[TN_SET_HAMMING_LOSS], 3.0 / 12);
    NEAR(v[TN_SET_LRAP], (1 + 1 + 1 + (1 + 2.0 / 3) / 2) / 4); /* of equal scores all count as above */
    NEAR(v[TN_SET_MAP], (1 + (0.5 * 1 + 0.5 * 2 / 4) + 0.5) / 3);
}

/* A row that is there twice is two rows; one that is there no time is none. */
static void times_are_copies(void **state)
{
    double v[TN_N_SET_METRICS], w[TN_N_SET_METRICS];
    uint8_t twice[15], given[15];
    float scores[15];
    const int from[] = {0, 0, 3, 1, 1};
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++)
            twice[i * 3 + k] = label[from[i] * 3 + k], given[i * 3 + k] = predicted[from[i] * 3 + k], scores[i * 3 + k] = score[from[i] * 3 + k];
    values(&sets, (const uint32_t[]){2, 2, 0, 1}, v);
    values(&(tn_label_sets){5, 3, twice, given, scores}, (const uint32_t[]){1, 1, 1, 1, 1}, w);
    for (int m = 0; m < TN_N_SET_METRICS; m++)
        NEAR(v[m], w[m]);
}

static void refuses_and_leaves_out(void **state)
{
    double v[TN_N_SET_METRICS];
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_set_measure *m;
    tn_label_sets bare = sets, none = sets, high = sets;
    const float bad[] = {.9f, .2f, .4f, .1f, 1.5f, .6f, .3f, .2f, .1f, .7f, .2f, .2f};
    bare.score = NULL;
    none.n = 0;
    high.score = bad;
    ASSERT_FAILS(tn_set_measure_new(&none, true, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_set_measure_new(&high, true, a, &m, &err), TN_EINVALID, &err);
    values(&bare, (const uint32_t[]){1, 1, 1, 1}, v);
    assert_true(isnan(v[TN_SET_LRAP]) && isnan(v[TN_SET_MAP]) && !isnan(v[TN_SET_MICRO_F1]));
    tn_arena_free(a);
}

static void counts_labels_and_rows(void **state)
{
    tn_class_score s[3];
    tn_label_sets_per_label(&sets, s);
    assert_true(s[0].support == 2 && s[0].f1 == 1 && s[1].recall == 0.5 && s[2].n_predicted == 1 && s[2].precision == 0);
    NEAR(tn_label_sets_row(&sets, 0), 2.0 / 3);
    NEAR(tn_label_sets_row(&sets, 2), 1);
}

static void finds_thresholds(void **state)
{
    static const struct {
        float score[4];
        uint8_t label[4];
        float threshold;
        double f1;
    } row[] = {
        {{.9f, .8f, .3f, .1f}, {1, 1, 0, 0}, .55f, 1},
        {{.9f, .8f, .3f, .1f}, {1, 0, 1, 0}, .2f, 0.8},
        {{.4f, .4f, .4f, .4f}, {1, 0, 0, 0}, .2f, 0.4},   /* all or none */
        {{.4f, .3f, .2f, .1f}, {0, 0, 0, 0}, .5f, 0},     /* nothing to go by */
        {{.9f, .2f, .2f, .1f}, {1, 1, 1, 1}, .05f, 1},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        float t;
        double f1;
        tn_err err = TN_ERR_INIT;
        ASSERT_OK(tn_best_threshold(row[i].score, row[i].label, 4, 1, &t, &f1, &err), &err);
        if (fabsf(t - row[i].threshold) > 1e-6f || fabs(f1 - row[i].f1) > 1e-12)
            fail_msg("row %zu: %g with F1 %g", i, (double)t, f1);
    }
}

static void survives_failed_allocations(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_set_measure *m;
        tn_arena *a = tn_arena_new(16);
        float t;
        double f1;
        st = a ? tn_set_measure_new(&sets, true, a, &m, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_best_threshold(score, label, 4, 3, &t, &f1, &err);
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_scikit_learn), cmocka_unit_test(times_are_copies), cmocka_unit_test(refuses_and_leaves_out),
                                       cmocka_unit_test(counts_labels_and_rows), cmocka_unit_test(finds_thresholds), cmocka_unit_test(survives_failed_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
