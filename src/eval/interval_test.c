#include "eval/interval.h"

#include "base/fmath.h"
#include "base/rng.h"
#include "metric_golden.h"

static const tn_metric_id metrics_of_golden[] = {TN_METRIC_ACCURACY, TN_METRIC_MACRO_F1, TN_METRIC_LOG_LOSS};

static void agrees_with_scipy(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_str rest = golden_text(a);
    golden g;
    int n = 0;
    while (golden_next(&rest, a, &g)) {
        tn_err err = TN_ERR_INIT;
        tn_interval got[TN_N_METRICS];
        ASSERT_OK(tn_interval_all(&g.o, &(tn_interval_options){0}, got, &err), &err);
        for (int m = 0; g.has_interval && m < 3; m++) {
            const tn_interval *i = &got[metrics_of_golden[m]];
            assert_string_equal(i->method, "BCa");
            assert_true(i->level == 0.95 && i->n_resamples == 10000);
            double tolerance = m == 2 ? 0.02 : 0.011 + 0.5 / g.o.n * (m == 0);
            ASSERT_NEAR(i->low, g.interval[2 * m], tolerance);
            ASSERT_NEAR(i->high, g.interval[2 * m + 1], tolerance);
        }
        n += g.has_interval;
    }
    assert_int_equal(n, 3);
    tn_arena_free(a);
}

enum { N = 200, L = 3 };
typedef struct {
    int32_t label[N], predicted[2][N];
    float probability[2][N * L];
    tn_outcomes o[2];
} pair;

/* Two models on the same rows; the first is right more often. */
static void make_pair(pair *p)
{
    tn_rng r = tn_rng_init(3, 0);
    for (int i = 0; i < N; i++) {
        p->label[i] = (int32_t)tn_rng_below(&r, L);
        for (int m = 0; m < 2; m++) {
            bool right = tn_rng_f64(&r) < (m == 0 ? 0.85 : 0.6);
            p->predicted[m][i] = right ? p->label[i] : (int32_t)tn_rng_below(&r, L);
            for (int k = 0; k < L; k++)
                p->probability[m][i * L + k] = k == p->predicted[m][i] ? 0.8f : 0.1f;
        }
    }
    for (int m = 0; m < 2; m++)
        p->o[m] = (tn_outcomes){N, L, p->label, p->predicted[m], p->probability[m]};
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static pair p;
    make_pair(&p);
    tn_err err = TN_ERR_INIT;
    tn_interval one[TN_N_METRICS], many[TN_N_METRICS], d[3];
    ASSERT_OK(tn_interval_all(&p.o[0], &(tn_interval_options){.n_resamples = 999, .seed = 5}, one, &err), &err);
    ASSERT_OK(tn_interval_difference(&p.o[0], &p.o[1], TN_METRIC_MCC, &(tn_interval_options){.n_resamples = 999}, &d[0],
                                     &err),
              &err);
    for (int threads = 2; threads <= 5; threads += 3) {
        tn_pool *pool;
        ASSERT_OK(tn_pool_new(threads, &pool, &err), &err);
        tn_interval_options o = {.n_resamples = 999, .seed = 5, .pool = pool};
        ASSERT_OK(tn_interval_all(&p.o[0], &o, many, &err), &err);
        for (int id = 0; id < TN_N_METRICS; id++) {
            assert_true(one[id].value == many[id].value && one[id].low == many[id].low &&
                        one[id].high == many[id].high);
            /* Asked for alone it is the same too. */
            ASSERT_OK(tn_interval_metric(&p.o[0], (tn_metric_id)id, &o, &d[1], &err), &err);
            assert_true(one[id].low == d[1].low && one[id].high == d[1].high);
        }
        o.seed = 0;
        ASSERT_OK(tn_interval_difference(&p.o[0], &p.o[1], TN_METRIC_MCC, &o, &d[2], &err), &err);
        assert_true(d[0].low == d[2].low && d[0].high == d[2].high);
        tn_pool_free(pool);
    }
}

static void differences_are_paired(void **state)
{
    static pair p;
    make_pair(&p);
    tn_err err = TN_ERR_INIT;
    tn_interval d, same, back;
    tn_interval_options o = {.n_resamples = 2000};
    for (int id = 0; id < TN_N_METRICS; id++) {
        ASSERT_OK(tn_interval_difference(&p.o[0], &p.o[1], (tn_metric_id)id, &o, &d, &err), &err);
        assert_int_equal(tn_verdict_of(&d), TN_VERDICT_BETTER);
        ASSERT_OK(tn_interval_difference(&p.o[1], &p.o[0], (tn_metric_id)id, &o, &back, &err), &err);
        assert_int_equal(tn_verdict_of(&back), TN_VERDICT_WORSE);
        ASSERT_NEAR(back.value, -d.value, 1e-12);
        ASSERT_NEAR(back.low, -d.high, 0.02);
        /* A model does not differ from itself, in any resample. */
        ASSERT_OK(tn_interval_difference(&p.o[0], &p.o[0], (tn_metric_id)id, &o, &same, &err), &err);
        assert_true(same.value == 0 && same.low == 0 && same.high == 0);
        assert_string_equal(same.method, "percentile");
        assert_int_equal(tn_verdict_of(&same), TN_VERDICT_NO_DIFFERENCE);
    }
    assert_string_equal(tn_verdict_name(TN_VERDICT_NO_DIFFERENCE), "no difference");
}

static void falls_back_and_says_so(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_interval i[TN_N_METRICS];
    int32_t label[20], predicted[20];
    for (int32_t k = 0; k < 20; k++)
        label[k] = predicted[k] = k % 2;
    ASSERT_OK(tn_interval_all(&(tn_outcomes){20, 2, label, predicted}, &(tn_interval_options){0}, i, &err), &err);
    /* metrics.md: accuracy 1 on 20 rows. */
    assert_string_equal(i[TN_METRIC_ACCURACY].method, "Wilson");
    ASSERT_NEAR(i[TN_METRIC_ACCURACY].low, 0.839, 5e-4);
    assert_true(i[TN_METRIC_ACCURACY].high == 1);
    assert_string_equal(i[TN_METRIC_MACRO_F1].method, "percentile");
    assert_true(isnan(i[TN_METRIC_LOG_LOSS].value));

    ASSERT_OK(tn_interval_all(&(tn_outcomes){1, 2, label, &label[1]}, &(tn_interval_options){0}, i, &err), &err);
    assert_string_equal(i[TN_METRIC_ACCURACY].method, "Wilson");
    assert_true(i[TN_METRIC_ACCURACY].low == 0 && i[TN_METRIC_ACCURACY].high > 0.7);
    assert_string_equal(i[TN_METRIC_MCC].method, "percentile");
}

static void refuses(void **state)
{
    static pair p;
    make_pair(&p);
    tn_err err = TN_ERR_INIT;
    tn_interval i;
    tn_outcomes bare = p.o[0], shorter = p.o[1], other = p.o[1];
    bare.probability = NULL;
    shorter.n--;
    other.label = p.predicted[1];
    tn_interval_options good = {.n_resamples = 10};
    ASSERT_FAILS(tn_interval_metric(&bare, TN_METRIC_LOG_LOSS, &good, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_difference(&p.o[0], &shorter, TN_METRIC_MCC, &good, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_difference(&p.o[0], &other, TN_METRIC_MCC, &good, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_difference(&p.o[0], &bare, TN_METRIC_LOG_LOSS, &good, &i, &err), TN_EINVALID, &err);
    const tn_interval_options bad[] = {
        {.level = 1}, {.level = -0.5}, {.level = NAN}, {.n_resamples = 1}, {.n_resamples = -3}};
    for (size_t k = 0; k < TN_COUNT(bad); k++)
        ASSERT_FAILS(tn_interval_metric(&p.o[0], TN_METRIC_MCC, &bad[k], &i, &err), TN_EINVALID, &err);
    bare.n = 0;
    ASSERT_FAILS(tn_interval_metric(&bare, TN_METRIC_MCC, &good, &i, &err), TN_EINVALID, &err);
}

/* ---- counted rows ---- */

enum { WIDTH = 3 * L };

/* The three counts of each label, and the metrics made of them as the other way does. */
static void values_of_margins(const void *self, const double *sum, int32_t n, double *value)
{
    int32_t hits[L], label[L], predicted[L];
    for (int k = 0; k < L; k++)
        hits[k] = (int32_t)sum[k], label[k] = (int32_t)sum[L + k], predicted[k] = (int32_t)sum[2 * L + k];
    value[0] = tn_metric_of_margins(TN_METRIC_ACCURACY, hits, label, predicted, L);
    value[1] = tn_metric_of_margins(TN_METRIC_MACRO_F1, hits, label, predicted, L);
}

static const tn_counted_metric margin_metric[2] = {{"accuracy", false, true}, {"macro_f1", false, false}};

static tn_counted counted_of(const tn_outcomes *o, double *count)
{
    memset(count, 0, (size_t)o->n * WIDTH * sizeof *count);
    for (int32_t i = 0; i < o->n; i++) {
        count[i * WIDTH + o->label[i]] += o->label[i] == o->predicted[i];
        count[i * WIDTH + L + o->label[i]]++;
        count[i * WIDTH + 2 * L + o->predicted[i]]++;
    }
    return (tn_counted){o->n, WIDTH, count, 2, margin_metric, values_of_margins, NULL};
}

/* The acceleration's sums are over rows here and over groups of rows there. */
static void same_interval(const tn_interval *a, const tn_interval *b)
{
    assert_true(a->value == b->value && a->level == b->level);
    ASSERT_NEAR(a->low, b->low, 1e-12);
    ASSERT_NEAR(a->high, b->high, 1e-12);
    assert_string_equal(a->method, b->method);
}

/* Labels and predictions are drawn in sorted order: rows that are sorted see the same resamples either way. */
static void sort_rows(pair *p)
{
    for (int i = 0; i < N; i++)
        for (int k = i; k > 0; k--) {
            int32_t *v[3] = {p->label, p->predicted[0], p->predicted[1]}, order = 0;
            for (int j = 0; j < 3 && order == 0; j++)
                order = v[j][k] - v[j][k - 1];
            for (int j = 0; j < 3 && order < 0; j++) {
                int32_t t = v[j][k];
                v[j][k] = v[j][k - 1], v[j][k - 1] = t;
            }
        }
}

static void counted_rows_give_what_labels_give(void **state)
{
    static pair p;
    static double count[2][N * WIDTH];
    make_pair(&p);
    sort_rows(&p);
    tn_err err = TN_ERR_INIT;
    tn_counted c[2] = {counted_of(&p.o[0], count[0]), counted_of(&p.o[1], count[1])};
    const tn_metric_id id[2] = {TN_METRIC_ACCURACY, TN_METRIC_MACRO_F1};
    tn_pool *pool;
    ASSERT_OK(tn_pool_new(3, &pool, &err), &err);
    tn_interval_options o = {.n_resamples = 999, .seed = 7, .pool = pool};
    tn_interval got[2], want, same[2];
    ASSERT_OK(tn_interval_counts(&c[0], &o, got, &err), &err);
    for (int k = 0; k < 2; k++) {
        ASSERT_OK(tn_interval_metric(&p.o[0], id[k], &o, &want, &err), &err);
        same_interval(&got[k], &want);
    }
    ASSERT_OK(tn_interval_counts_difference(&c[0], &c[1], &o, got, &err), &err);
    for (int k = 0; k < 2; k++) {
        ASSERT_OK(tn_interval_difference(&p.o[0], &p.o[1], id[k], &o, &want, &err), &err);
        same_interval(&got[k], &want);
        assert_int_equal(tn_verdict_of(&got[k]), TN_VERDICT_BETTER);
    }
    ASSERT_OK(tn_interval_counts_difference(&c[0], &c[0], &o, same, &err), &err);
    assert_true(same[1].value == 0 && same[1].low == 0 && same[1].high == 0);
    tn_pool_free(pool);
    /* All right: of a share of rows Wilson's interval, of another metric the percentiles. */
    p.o[0].predicted = p.label;
    c[0] = counted_of(&p.o[0], count[0]);
    ASSERT_OK(tn_interval_counts(&c[0], &(tn_interval_options){.n_resamples = 50}, got, &err), &err);
    assert_string_equal(got[0].method, "Wilson");
    assert_string_equal(got[1].method, "percentile");
    assert_true(got[1].low == 1 && got[1].high == 1);
}

static void mean_of_sum(const void *self, const double *sum, int32_t n, double *value)
{
    value[0] = sum[0] / n;
}

/* ---- weighted rows ---- */

static void mean_of_times(const void *self, void *scratch, const uint32_t *times, double *value)
{
    const double *x = self;
    double sum = 0, n = 0, *room = scratch;
    for (int i = 0; i < 4; i++)
        sum += times[i] * x[i], n += times[i];
    room[0] = sum;
    value[0] = room[0] / n;
    value[1] = NAN;
}

static void weighted_rows_give_what_counted_rows_give(void **state)
{
    static double count[4] = {1, 0, 3, 0.5}, other[4] = {0, 0, 1, 2};
    static const tn_counted_metric metric[2] = {{"loss", true, false}, {"none", false, false}};
    tn_err err = TN_ERR_INIT;
    tn_interval got[2], want;
    tn_pool *pool;
    ASSERT_OK(tn_pool_new(3, &pool, &err), &err);
    tn_interval_options o = {.n_resamples = 500, .seed = 3, .pool = pool};
    tn_counted c = {4, 1, count, 1, metric, mean_of_sum, NULL}, d = c;
    tn_weighted w = {4, 2, metric, sizeof(double), mean_of_times, count}, v = w, fewer = w;
    d.count = v.self = other;
    fewer.n = 3;
    ASSERT_OK(tn_interval_weights(&w, &o, got, &err), &err);
    ASSERT_OK(tn_interval_counts(&c, &o, &want, &err), &err);
    same_interval(&got[0], &want);
    assert_true(isnan(got[1].value));
    ASSERT_OK(tn_interval_weights_difference(&w, &v, &o, got, &err), &err);
    ASSERT_OK(tn_interval_counts_difference(&c, &d, &o, &want, &err), &err);
    same_interval(&got[0], &want);
    ASSERT_FAILS(tn_interval_weights_difference(&w, &fewer, &o, got, &err), TN_EINVALID, &err);
    tn_pool_free(pool);
    tn_status st;
    o = (tn_interval_options){.n_resamples = 20};
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_interval_weights(&w, &o, got, &err));
}

enum { MANY = 6000, FEW_RESAMPLES = 300 };
typedef struct {
    double x[MANY];
    int n_calls;
} many;

static void mean_of_many(const void *self, void *scratch, const uint32_t *times, double *value)
{
    many *m = (many *)(uintptr_t)self;
    double sum = 0, n = 0;
    for (int i = 0; i < MANY; i++)
        sum += times[i] * m->x[i], n += times[i];
    value[0] = sum / n;
    m->n_calls++;
}

/* Beyond 2,000 rows they leave in groups: the interval stays, and the time is no longer that of rows times rows. */
static void many_weighted_rows_are_left_out_in_groups(void **state)
{
    static many m;
    static const tn_counted_metric metric = {"mean", false, false};
    tn_err err = TN_ERR_INIT;
    tn_interval got, want;
    tn_interval_options o = {.n_resamples = FEW_RESAMPLES, .seed = 1};
    tn_rng r = tn_rng_init(4, 4);
    for (int i = 0; i < MANY; i++)
        m.x[i] = 1 / (0.01 + tn_rng_f64(&r)); /* skewed, so that the acceleration matters */
    tn_counted c = {MANY, 1, m.x, 1, &metric, mean_of_sum, NULL};
    tn_weighted w = {MANY, 1, &metric, 0, mean_of_many, &m};
    ASSERT_OK(tn_interval_counts(&c, &o, &want, &err), &err);
    ASSERT_OK(tn_interval_weights(&w, &o, &got, &err), &err);
    assert_string_equal(got.method, "BCa");
    assert_true(m.n_calls == FEW_RESAMPLES + 1 + 2000);
    assert_true(fabs(got.low - want.low) < 0.01 * (want.high - want.low) && fabs(got.high - want.high) < 0.01 * (want.high - want.low));
}

static void counted_rows_are_checked(void **state)
{
    static double count[4] = {1, 0, 3, 0.5};
    static const tn_counted_metric less = {"loss", true, false};
    tn_err err = TN_ERR_INIT;
    tn_status st;
    tn_interval i;
    tn_interval_options o = {.n_resamples = 100};
    tn_counted c = {4, 1, count, 1, &less, mean_of_sum, NULL}, none = c, wide = c, bad = c;
    none.n = 0;
    wide.n = 2, wide.width = 2;
    bad.count = (const double[]){1, 2, NAN, 4};
    ASSERT_OK(tn_interval_counts(&c, &o, &i, &err), &err);
    assert_true(i.less_is_better && i.value == 1.125 && i.low < 1.125 && i.high > 1.125);
    ASSERT_FAILS(tn_interval_counts(&none, &o, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_counts(&bad, &o, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_counts_difference(&c, &wide, &o, &i, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_interval_counts(&c, &(tn_interval_options){.level = 2}, &i, &err), TN_EINVALID, &err);
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_interval_counts_difference(&c, &c, &o, &i, &err));
}

/* b rows that only the first gets right, c that only the second does, one that both do. */
static tn_mcnemar mcnemar(int32_t b, int32_t c)
{
    static int32_t label[2100], first[2100], second[2100];
    for (int32_t i = 0; i <= b + c; i++) {
        label[i] = 1;
        first[i] = i < b || i == b + c;
        second[i] = i >= b;
    }
    return tn_mcnemar_test(label, first, second, b + c + 1);
}

static void mcnemar_table(void **state)
{
    /* p by scipy 1.17: binomtest(min(b, c), b + c).pvalue and chi2.sf((|b - c| - 1)^2 / (b + c), 1). */
    static const struct {
        int32_t b, c;
        double p;
        const char *method;
    } row[] = {
        {0, 0, 1, "exact binomial"},
        {3, 12, 0.03515625, "exact binomial"},
        {12, 3, 0.03515625, "exact binomial"},
        {0, 24, 1.1920928955078125e-07, "exact binomial"},
        {12, 12, 1, "exact binomial"},
        {1, 0, 1, "exact binomial"},
        {5, 20, 0.005110260660855866, "chi-squared with continuity correction"},
        {13, 13, 1, "chi-squared with continuity correction"},
        {1000, 900, 0.023133919510755163, "chi-squared with continuity correction"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_mcnemar t = mcnemar(row[i].b, row[i].c);
        assert_int_equal(t.b, row[i].b);
        assert_int_equal(t.c, row[i].c);
        ASSERT_NEAR(t.p, row[i].p, 1e-14);
        assert_string_equal(t.method, row[i].method);
    }
}

static void holm_table(void **state)
{
    static const struct {
        int32_t n;
        double p[4], adjusted[4];
    } row[] = {
        {4, {0.01, 0.04, 0.03, 0.005}, {0.03, 0.06, 0.06, 0.02}},
        {3, {0.5, 0.6, 0.9}, {1, 1, 1}},
        {2, {0, 0}, {0, 0}},
        {3, {0.02, 0.02, 0.02}, {0.06, 0.06, 0.06}},
        {1, {0.7}, {0.7}},
        {0, {0}, {0}},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        double p[4];
        memcpy(p, row[i].p, sizeof p);
        tn_holm(p, row[i].n);
        for (int32_t k = 0; k < row[i].n; k++) {
            ASSERT_NEAR(p[k], row[i].adjusted[k], 1e-15);
            assert_false(signbit(p[k]));
        }
    }
}

static void survives_failed_allocations(void **state)
{
    static pair p;
    make_pair(&p);
    tn_err err = TN_ERR_INIT;
    tn_status st;
    tn_interval i[TN_N_METRICS];
    tn_interval_options o = {.n_resamples = 64};
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_interval_all(&p.o[0], &o, i, &err));
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_interval_difference(&p.o[0], &p.o[1], TN_METRIC_LOG_LOSS, &o, i, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_scipy),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(differences_are_paired),
        cmocka_unit_test(falls_back_and_says_so),
        cmocka_unit_test(refuses),
        cmocka_unit_test(counted_rows_give_what_labels_give),
        cmocka_unit_test(counted_rows_are_checked),
        cmocka_unit_test(weighted_rows_give_what_counted_rows_give),
        cmocka_unit_test(many_weighted_rows_are_left_out_in_groups),
        cmocka_unit_test(mcnemar_table),
        cmocka_unit_test(holm_table),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
