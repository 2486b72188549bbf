#include "metric/classification.h"

#include <math.h>

#include "metric_golden.h"

static void equals_scikit_learn(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_str rest = golden_text(a);
    golden g;
    int n = 0;
    for (; golden_next(&rest, a, &g); n++) {
        tn_err err = TN_ERR_INIT;
        tn_scores_class s;
        ASSERT_OK(tn_classification_score(&g.o, a, &s, &err), &err);
        double got[] = {s.accuracy, s.macro_f1, s.weighted_f1, s.balanced_accuracy, s.mcc, s.log_loss};
        for (size_t i = 0; i < TN_COUNT(got); i++)
            if (!(fabs(got[i] - g.value[i]) <= 4e-15 * fmax(1, fabs(g.value[i])) ||
                  (isnan(got[i]) && isnan(g.value[i]))))
                fail_msg("%.*s: number %zu is %.17g, wanted %.17g", TN_ARG(g.name), i, got[i], g.value[i]);
        for (int32_t k = 0; k < s.n_labels; k++)
            ASSERT_NEAR(s.per_class[k].f1, g.f1[k], 1e-15);
        /* The confusion matrix alone gives the same bits. */
        assert_true(tn_metric_of_confusion(TN_METRIC_ACCURACY, s.confusion, s.n_labels) == s.accuracy);
        assert_true(tn_metric_of_confusion(TN_METRIC_MACRO_F1, s.confusion, s.n_labels) == s.macro_f1);
        assert_true(tn_metric_of_confusion(TN_METRIC_MCC, s.confusion, s.n_labels) == s.mcc);
        assert_true(isnan(tn_metric_of_confusion(TN_METRIC_LOG_LOSS, s.confusion, s.n_labels)));
    }
    assert_true(n >= 13);
    tn_arena_free(a);
}

static void counts_are_right(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_scores_class s;
    ASSERT_OK(tn_classification_score(&(tn_outcomes){5, 3, (int32_t[]){0, 0, 1, 1, 2}, (int32_t[]){0, 1, 1, 1, 0}}, a,
                                      &s, &err),
              &err);
    const int32_t confusion[] = {1, 1, 0, 0, 2, 0, 1, 0, 0};
    assert_memory_equal(s.confusion, confusion, sizeof confusion);
    assert_int_equal(s.per_class[1].support, 2);
    assert_int_equal(s.per_class[1].n_predicted, 3);
    ASSERT_NEAR(s.per_class[1].precision, 2.0 / 3, 1e-16);
    assert_true(s.per_class[1].recall == 1);
    assert_true(s.per_class[2].precision == 0 && s.per_class[2].recall == 0 && s.per_class[2].f1 == 0);
    assert_true(isnan(s.log_loss));
    tn_arena_free(a);
}

static void refuses(void **state)
{
    const float good[] = {0.5f, 0.5f}, negative[] = {1.5f, -0.5f}, nan[] = {NAN, 1}, large[] = {0, 1.01f};
    const struct {
        const char *name;
        int32_t n, n_labels, label, predicted;
        const float *probability;
    } row[] = {
        {"no rows", 0, 2, 0, 0, good},
        {"negative rows", -1, 2, 0, 0, good},
        {"no labels", 1, 0, 0, 0, good},
        {"label out of range", 1, 2, 2, 0, good},
        {"negative label", 1, 2, -1, 0, good},
        {"prediction out of range", 1, 2, 0, 2, good},
        {"negative prediction", 1, 2, 0, -1, good},
        {"negative probability", 1, 2, 0, 0, negative},
        {"not a number", 1, 2, 0, 0, nan},
        {"probability over 1", 1, 2, 0, 0, large},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        tn_scores_class s;
        tn_outcomes o = {row[i].n, row[i].n_labels, &row[i].label, &row[i].predicted, row[i].probability};
        if (tn_classification_score(&o, a, &s, &err) != TN_EINVALID || !err.msg[0])
            fail_msg("%s: not refused", row[i].name);
    }
    tn_arena_free(a);
}

static void log_loss_is_clipped_to_f32(void **state)
{
    ASSERT_NEAR(tn_log_loss_row(0), 15.942385152878742, 1e-13);
    ASSERT_NEAR(tn_log_loss_row(0x1p-24f), 15.942385152878742, 1e-13);
    ASSERT_NEAR(tn_log_loss_row(1), 0x1p-23, 1e-13);
    ASSERT_NEAR(tn_log_loss_row(0.25f), 1.3862943611198906, 1e-15);
}

static void names_go_round(void **state)
{
    tn_metric_id id;
    for (int i = 0; i < TN_N_METRICS; i++) {
        assert_true(tn_metric_parse(tn_str_of(tn_metric_name((tn_metric_id)i)), &id) && id == (tn_metric_id)i);
        assert_true(tn_metric_signature((tn_metric_id)i)[0]);
        assert_int_equal(tn_metric_lower_is_better((tn_metric_id)i), i == TN_METRIC_LOG_LOSS);
    }
    assert_false(tn_metric_parse(TN_STR("f1"), &id));
}

static void argmax_takes_the_first_of_equals(void **state)
{
    assert_int_equal(tn_argmax((float[]){0.2f, 0.4f, 0.4f}, 3), 1);
    assert_int_equal(tn_argmax((float[]){-INFINITY, -INFINITY}, 2), 0);
    assert_int_equal(tn_argmax((float[]){7}, 1), 0);
}

static void survives_failed_allocations(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    tn_scores_class s;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(16);
        st = a ? tn_classification_score(&(tn_outcomes){2, 2, (int32_t[]){0, 1}, (int32_t[]){0, 0}}, a, &s, &err)
               : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scikit_learn),
        cmocka_unit_test(counts_are_right),
        cmocka_unit_test(refuses),
        cmocka_unit_test(log_loss_is_clipped_to_f32),
        cmocka_unit_test(names_go_round),
        cmocka_unit_test(argmax_takes_the_first_of_equals),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
