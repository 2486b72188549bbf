/* Sums over rows in their order, weighted by how often each is there; correlations from sums of products of differences
 * to the means, in two passes. Ranks of a sample follow from an order that is sorted once: a set of equal values takes as
 * many places as its rows are there, and each gets the middle one. */
#include "metric/numbers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct tn_number_measure {
    const tn_numbers *o;
    uint32_t *by_truth, *by_predicted; /* [n], rows by rising value */
};

typedef struct {
    double value;
    uint32_t row;
} placed;

static int by_value(const void *x, const void *y)
{
    const placed *a = x, *b = y;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static double truth_of(const tn_numbers *o, size_t i)
{
    return o->truth[i];
}

static double predicted_of(const tn_numbers *o, size_t i)
{
    return (double)o->predicted[i];
}

static void order_by(const tn_numbers *o, double (*value)(const tn_numbers *o, size_t i), placed *p, uint32_t *out)
{
    size_t n = (size_t)o->n;
    for (size_t i = 0; i < n; i++)
        p[i] = (placed){value(o, i), (uint32_t)i};
    qsort(p, n, sizeof *p, by_value);
    for (size_t i = 0; i < n; i++)
        out[i] = p[i].row;
}

tn_status tn_number_measure_new(const tn_numbers *o, tn_arena *a, tn_number_measure **out, tn_err *err)
{
    if (o->n < 1)
        return tn_fail(err, TN_EINVALID, "metrics need rows: there are %" PRId32, o->n);
    for (int32_t i = 0; i < o->n; i++)
        if (!isfinite(o->truth[i]) || !isfinite(o->predicted[i]))
            return tn_fail(err, TN_EINVALID, "row %" PRId32 ": a number is not finite", i);
    tn_number_measure *m = tn_arena_alloc(a, sizeof *m);
    size_t n = (size_t)o->n;
    placed *p = tn_mem_alloc(n * sizeof *p);
    if (m)
        *m = (tn_number_measure){o, TN_ARENA_ARRAY(a, uint32_t, n), TN_ARENA_ARRAY(a, uint32_t, n)};
    if (!m || !p || !m->by_truth || !m->by_predicted) {
        tn_mem_free(p);
        return tn_fail_nomem(err, n * sizeof *p);
    }
    order_by(o, truth_of, p, m->by_truth);
    order_by(o, predicted_of, p, m->by_predicted);
    tn_mem_free(p);
    *out = m;
    return TN_OK;
}

size_t tn_number_measure_scratch(const tn_number_measure *m)
{
    return 2 * (size_t)m->o->n * sizeof(double);
}

/* Middle places of a sample's rows among equals. */
static void rank_rows(const tn_numbers *o, double (*value)(const tn_numbers *o, size_t i), const uint32_t *order, const uint32_t *times, double *rank)
{
    size_t n = (size_t)o->n;
    double before = 0;
    for (size_t k = 0, end; k < n; k = end) {
        double here = 0;
        for (end = k; end < n && value(o, order[end]) == value(o, order[k]); end++)
            here += times[order[end]];
        for (size_t j = k; j < end; j++)
            rank[order[j]] = before + (here + 1) / 2;
        before += here;
    }
}

/* 0 where a side is constant. */
static double correlation(const double *x, const double *y, const float *y32, const uint32_t *times, size_t n)
{
    double total = 0, mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        total += times[i];
        mean_x += times[i] * x[i];
        mean_y += times[i] * (y ? y[i] : (double)y32[i]);
    }
    mean_x /= total;
    mean_y /= total;
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - mean_x, dy = (y ? y[i] : (double)y32[i]) - mean_y;
        xx += times[i] * dx * dx;
        yy += times[i] * dy * dy;
        xy += times[i] * dx * dy;
    }
    if (!(xx > 0) || !(yy > 0))
        return 0;
    double r = xy / (sqrt(xx) * sqrt(yy));
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

void tn_number_measure_values(const void *self, void *scratch, const uint32_t *times, double *value)
{
    const tn_number_measure *m = self;
    const tn_numbers *o = m->o;
    size_t n = (size_t)o->n;
    double total = 0, absolute = 0, square = 0, mean = 0, spread = 0, *rank_x = scratch, *rank_y = rank_x + n;
    for (size_t i = 0; i < n; i++) {
        double d = o->truth[i] - (double)o->predicted[i];
        total += times[i];
        absolute += times[i] * fabs(d);
        square += times[i] * d * d;
        mean += times[i] * o->truth[i];
    }
    mean /= total;
    for (size_t i = 0; i < n; i++)
        spread += times[i] * (o->truth[i] - mean) * (o->truth[i] - mean);
    value[TN_NUMBER_MAE] = absolute / total;
    value[TN_NUMBER_RMSE] = sqrt(square / total);
    value[TN_NUMBER_R2] = spread > 0 ? 1 - square / spread : square > 0 ? 0 : 1;
    value[TN_NUMBER_PEARSON] = correlation(o->truth, NULL, o->predicted, times, n);
    rank_rows(o, truth_of, m->by_truth, times, rank_x);
    rank_rows(o, predicted_of, m->by_predicted, times, rank_y);
    value[TN_NUMBER_SPEARMAN] = correlation(rank_x, rank_y, NULL, times, n);
}
