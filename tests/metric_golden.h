#ifndef TN_TESTS_METRIC_GOLDEN_H
#define TN_TESTS_METRIC_GOLDEN_H
/// tests/data/metrics.txt, one record at a time.

#include <math.h>

#include "base/file.h"
#include "metric/classification.h"
#include "test.h"

typedef struct {
    tn_str name;
    tn_outcomes o;
    double value[6];    /* accuracy macro_f1 weighted_f1 balanced_accuracy mcc log_loss */
    double *f1;         /* [n_labels] */
    double interval[6]; /* low, high of accuracy, macro_f1, log_loss */
    bool has_interval;
} golden;

static inline double not_a_number(tn_str text)
{
    fail_msg("metrics.txt: \"%.*s\" is no number", TN_ARG(text));
    return 0;
}

#define ASSERT_NEAR(a, b, within)                                                                                      \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!(fabs(a_ - b_) <= (within)))                                                                              \
            fail_msg("%s is %.17g, wanted %.17g", #a, a_, b_);                                                         \
    } while (0)

static inline size_t golden_numbers(tn_str line, tn_arena *a, double **out)
{
    size_t n = 0;
    tn_str rest = line, part;
    *out = TN_ARENA_ARRAY(a, double, line.len / 2 + 1);
    assert_non_null(*out);
    while (tn_str_cut(&rest, ' ', &part))
        if (!tn_str_to_f64(part, &(*out)[n++]))
            (*out)[n - 1] = tn_str_is(part, "nan") ? (double)NAN : not_a_number(part);
    return n;
}

static inline int32_t *golden_labels(tn_str line, tn_arena *a, size_t *n)
{
    double *v;
    *n = golden_numbers(line, a, &v);
    int32_t *out = TN_ARENA_ARRAY(a, int32_t, *n);
    for (size_t i = 0; i < *n; i++)
        out[i] = (int32_t)v[i];
    return out;
}

/// Takes the next record off *rest; false at the end.
static inline bool golden_next(tn_str *rest, tn_arena *a, golden *g)
{
    tn_str line[8] = {{0}}, l;
    size_t n_lines = 0, n, m;
    while (tn_str_cut(rest, '\n', &l)) {
        if (l.len == 0 && n_lines)
            break;
        if (l.len && l.ptr[0] != '#' && n_lines < 8)
            line[n_lines++] = l;
    }
    if (n_lines == 0)
        return false;
    assert_true(n_lines >= 7);
    double *v;
    *g = (golden){.name = line[0]};
    golden_numbers(line[1], a, &v);
    g->o.n_labels = (int32_t)v[0];
    g->o.label = golden_labels(line[2], a, &n);
    g->o.predicted = golden_labels(line[3], a, &m);
    assert_int_equal(n, m);
    g->o.n = (int32_t)n;
    if (!tn_str_is(line[4], "-")) {
        m = golden_numbers(line[4], a, &v);
        assert_int_equal(m, n * (size_t)g->o.n_labels);
        float *p = TN_ARENA_ARRAY(a, float, m);
        for (size_t i = 0; i < m; i++)
            p[i] = (float)v[i];
        g->o.probability = p;
    }
    assert_int_equal(golden_numbers(line[5], a, &v), 6);
    memcpy(g->value, v, sizeof g->value);
    assert_int_equal(golden_numbers(line[6], a, &g->f1), g->o.n_labels);
    g->has_interval = n_lines == 8;
    if (g->has_interval) {
        assert_int_equal(golden_numbers(line[7], a, &v), 6);
        memcpy(g->interval, v, sizeof g->interval);
    }
    return true;
}

static inline tn_str golden_text(tn_arena *a)
{
    tn_bytes b;
    tn_err err = TN_ERR_INIT;
    ASSERT_OK(tn_file_read("tests/data/metrics.txt", 1 << 20, a, &b, &err), &err);
    return tn_str_from_bytes(b);
}

#endif
