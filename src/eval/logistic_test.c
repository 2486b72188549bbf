#include "eval/baseline.h"

#include <math.h>

#include "base/rng.h"
#include "metric_golden.h"

enum { N = 120, W = 9, L = 3 };

/* Three clouds, the last feature constant. */
static void make_data(float *x, int32_t *label)
{
    tn_rng r = tn_rng_init(11, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % L;
        for (int f = 0; f < W; f++)
            x[i * W + f] = f == W - 1 ? 2.5f : (float)(2 * tn_rng_f64(&r) - 1 + (f % L == label[i] ? 0.7 : 0));
    }
}

static tn_status fit(const float *x, const int32_t *label, tn_pool *pool, tn_arena *a, tn_logistic *m, tn_err *err)
{
    tn_logistic_options o = {.l2 = 0.01, .tolerance = 1e-10, .pool = pool};
    return tn_logistic_fit(x, N, W, label, L, &o, a, m, err);
}

/* At the minimum the gradient of mean cross-entropy is -l2 W, and that of the bias 0. */
static void finds_the_minimum(void **state)
{
    static float x[N * W], p[N * L];
    static int32_t label[N];
    make_data(x, label);
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_logistic m;
    ASSERT_OK(fit(x, label, NULL, a, &m, &err), &err);
    assert_true(m.converged && m.n_iterations > 3);
    tn_logistic_predict(&m, x, N, p);
    for (int k = 0; k < L; k++) {
        double bias = 0;
        for (int f = 0; f < W; f++) {
            double g = 0;
            for (int i = 0; i < N; i++)
                g += ((double)p[i * L + k] - (label[i] == k)) * (double)x[i * W + f] / N;
            ASSERT_NEAR(g + 0.01 * m.weight[k * W + f], 0, 2e-7); /* p is f32 */
        }
        for (int i = 0; i < N; i++)
            bias += ((double)p[i * L + k] - (label[i] == k)) / N;
        ASSERT_NEAR(bias, 0, 1e-7);
    }
    for (int i = 0; i < N; i++)
        ASSERT_NEAR((double)p[i * L] + (double)p[i * L + 1] + (double)p[i * L + 2], 1, 3e-7);
    tn_arena_free(a);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static float x[N * W];
    static int32_t label[N];
    make_data(x, label);
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_logistic one, many;
    tn_probe probe, other;
    ASSERT_OK(fit(x, label, NULL, a, &one, &err), &err);
    ASSERT_OK(tn_probe_fit(x, N, W, label, L, 0, NULL, a, &probe, &err), &err);
    for (int threads = 2; threads <= 4; threads += 2) {
        tn_pool *pool;
        ASSERT_OK(tn_pool_new(threads, &pool, &err), &err);
        ASSERT_OK(fit(x, label, pool, a, &many, &err), &err);
        assert_memory_equal(one.weight, many.weight, L * W * sizeof *one.weight);
        assert_memory_equal(one.bias, many.bias, L * sizeof *one.bias);
        ASSERT_OK(tn_probe_fit(x, N, W, label, L, 0, pool, a, &other, &err), &err);
        assert_memory_equal(probe.model.weight, other.model.weight, L * W * sizeof *one.weight);
        assert_true(probe.cv_mean == other.cv_mean && probe.l2 == other.l2);
        tn_pool_free(pool);
    }
    tn_arena_free(a);
}

static void odd_data_still_gives_a_model(void **state)
{
    static float x[N * W], p[N * L];
    static int32_t label[N], one_label[N];
    make_data(x, label);
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_logistic m;
    tn_probe probe;
    /* One row, one label of three. */
    ASSERT_OK(tn_logistic_fit(x, 1, W, label, L, &(tn_logistic_options){.l2 = 1}, a, &m, &err), &err);
    tn_logistic_predict(&m, x, 1, p);
    assert_int_equal(tn_argmax(p, L), label[0]);
    ASSERT_OK(tn_probe_fit(x, N, W, one_label, L, 0, NULL, a, &probe, &err), &err);
    assert_true(probe.n_folds == 0 && isnan(probe.cv_mean));
    /* A label of one row: two folds. */
    one_label[5] = 2;
    ASSERT_OK(tn_probe_fit(x, N, W, one_label, L, 0, NULL, a, &probe, &err), &err);
    assert_int_equal(probe.n_folds, 2);
    /* Separable and hardly penalised: large weights, no overflow. */
    for (int i = 0; i < N; i++)
        x[i * W] = label[i] == 0 ? 1e6f : -1e6f;
    ASSERT_OK(tn_logistic_fit(x, N, W, label, L, &(tn_logistic_options){.l2 = 1e-12}, a, &m, &err), &err);
    tn_logistic_predict(&m, x, N, p);
    for (int i = 0; i < N * L; i++)
        assert_true(p[i] >= 0 && p[i] <= 1);
    /* One label only. */
    ASSERT_OK(tn_logistic_fit(x, 2, W, (int32_t[]){0, 0}, 1, &(tn_logistic_options){.l2 = 1}, a, &m, &err), &err);
    tn_logistic_predict(&m, x, 2, p);
    assert_true(p[0] == 1 && p[1] == 1);
    tn_arena_free(a);
}

static void probe_is_standardised_and_honest(void **state)
{
    static float x[N * W], moved[N * W], p[N * L], q[N * L];
    static int32_t label[N];
    make_data(x, label);
    for (int i = 0; i < N * W; i++)
        moved[i] = x[i] * 16 + 1024; /* exact in f32 up to rounding of the sum */
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_probe probe, other;
    ASSERT_OK(tn_probe_fit(x, N, W, label, L, 1, NULL, a, &probe, &err), &err);
    assert_int_equal(probe.n_folds, 2);
    ASSERT_OK(tn_probe_fit(x, N, W, label, L, 0, NULL, a, &probe, &err), &err);
    ASSERT_OK(tn_probe_fit(moved, N, W, label, L, 0, NULL, a, &other, &err), &err);
    assert_int_equal(probe.n_folds, 5);
    assert_true(probe.cv_mean > 0.6 && probe.cv_mean < 1 && probe.cv_se > 0 && probe.cv_se < 0.1);
    assert_true(probe.scale[W - 1] == 1);
    ASSERT_OK(tn_probe_predict(&probe, x, N, p, &err), &err);
    ASSERT_OK(tn_probe_predict(&other, moved, N, q, &err), &err);
    for (int i = 0; i < N * L; i++)
        ASSERT_NEAR((double)p[i], (double)q[i], 2e-3);
    /* Labels drawn at random promise nothing. */
    tn_rng r = tn_rng_init(2, 0);
    for (int i = 0; i < N; i++)
        label[i] = (int32_t)tn_rng_below(&r, L);
    ASSERT_OK(tn_probe_fit(x, N, W, label, L, 0, NULL, a, &probe, &err), &err);
    assert_true(probe.cv_mean < 0.5);
    tn_arena_free(a);
}

static void majority_gives_shares(void **state)
{
    float p[6];
    tn_majority_predict((int32_t[]){2, 0, 2, 1}, 4, 3, 2, p);
    const float want[] = {0.25f, 0.25f, 0.5f, 0.25f, 0.25f, 0.5f};
    assert_memory_equal(p, want, sizeof want);
    tn_majority_predict((int32_t[]){1, 0}, 2, 3, 1, p);
    assert_int_equal(tn_argmax(p, 3), 0);
    tn_majority_predict(NULL, 0, 2, 1, p);
    assert_true(p[0] == 0.5f && p[1] == 0.5f);
}

static void refuses(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_logistic m;
    tn_probe probe;
    float x[] = {1, 2, 3, NAN};
    int32_t label[] = {0, 1};
    tn_logistic_options o = {.l2 = 1}, bad = {.l2 = -1}, nan = {.l2 = NAN};
    ASSERT_FAILS(tn_logistic_fit(x, 2, 2, label, 2, &o, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_logistic_fit(x, 2, 1, label, 1, &o, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_logistic_fit(x, 0, 1, label, 2, &o, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_logistic_fit(x, 2, 0, label, 2, &o, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_logistic_fit(x, 2, 1, label, 2, &bad, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_logistic_fit(x, 2, 1, label, 2, &nan, a, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_probe_fit(x, 2, 2, label, 2, 0, NULL, a, &probe, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_probe_fit(x, 0, 2, label, 2, 0, NULL, a, &probe, &err), TN_EINVALID, &err);
    tn_arena_free(a);
}

static void survives_failed_allocations(void **state)
{
    static float x[N * W], p[N * L];
    static int32_t label[N];
    make_data(x, label);
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(16);
        tn_logistic m;
        st = a ? fit(x, label, NULL, a, &m, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(16);
        tn_probe probe;
        st = a ? tn_probe_fit(x, N, W, label, L, 3, NULL, a, &probe, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_probe_predict(&probe, x, N, p, &err);
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_minimum),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(odd_data_still_gives_a_model),
        cmocka_unit_test(probe_is_standardised_and_honest),
        cmocka_unit_test(majority_gives_shares),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
