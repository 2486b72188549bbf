/* The bootstrap knows rows and how often each was drawn; a statistic makes values of that. There are three: labels and
 * predictions (cells), rows that carry numbers (counted rows), and whatever else (weighted rows).
 *
 * Cells: rows with the same (label, prediction, other model's prediction) are one cell; a resample is a number for each
 * cell, and the metrics follow from these. Rows are laid out cell after cell, so that drawing a resample is one
 * increment a row, and a cell's number is the sum over its stretch. The jackknife needs one value a cell instead of one
 * a row. Log-loss alone needs the rows: its resampled mean is the counts times the losses.
 *
 * Weighted rows: the statistic takes the numbers of times themselves; its jackknife values are kept for all metrics at
 * once, because one call gives them all.
 *
 * Counted rows: most numbers of most rows are 0 (a sentence has entities of few types), so only the others are kept.
 *
 * Invariant: a resample's value is computed by the same additions in the same order as the observed value (all counts
 * 1), so that equal samples compare as equal. */
#include "eval/interval.h"
#include "base/fmath.h"
#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 32, /* resamples a task: 0.3 ms on a test set of 3,000 rows */
    JACK_GROUPS = 2000, /* samples of a jackknife over weighted rows: a fifth of the resamples */
    LANES = 4,  /* independent sums of losses: four times shorter a chain of additions */
};

typedef struct {
    double square, cube; /* sums over rows of U^2, U^3; U = mean of the jackknife - its value (times n - 1) */
} moments;

typedef struct {
    int32_t n, n_metrics;
    const void *self;
    /* A worker's memory. */
    tn_status (*scratch)(const void *self, tn_arena *a, void **out, tn_err *err);
    /* The metrics of the sample that has row i times[i] times; NAN for one that is not wanted. */
    void (*values)(const void *self, void *scratch, const uint32_t *times, double *value);
    /* Of a metric whose value over the whole sample is `value`. */
    tn_status (*jackknife)(const void *self, void *scratch, int32_t metric, double value, moments *out, tn_err *err);
    const tn_counted_metric *metric; /* [n_metrics]; of a difference of two models no share_of_rows counts */
    bool difference;
} statistic;

typedef struct {
    const statistic *s;
    uint64_t seed;
    int32_t n_resamples;
    uint32_t **times; /* a worker's: [n], how often a row was drawn */
    void **scratch;   /* a worker's */
    double *value;    /* [n_resamples, n_metrics] */
} drawing;

/* ---- labels and predictions ---- */

typedef struct {
    uint32_t from, to; /* its rows, in the order of `sample.loss` */
    int32_t label, predicted[2];
} cell;

typedef struct {
    int32_t n, n_labels, n_models;
    size_t n_cells;
    cell *cell;      /* [n_cells], by label, predicted[0], predicted[1] */
    double *loss[2]; /* [n] a model, cell after cell; NULL without probabilities */
    bool wanted[TN_N_METRICS];
} sample;

typedef struct {
    int32_t *label; /* [n_labels] */
    int32_t *hits[2], *predicted[2];
} scratch;

typedef struct {
    int32_t label, predicted[2], row;
} row_key;

static int by_cell(const void *x, const void *y)
{
    const row_key *a = x, *b = y;
    const int32_t ka[4] = {a->label, a->predicted[0], a->predicted[1], a->row};
    const int32_t kb[4] = {b->label, b->predicted[0], b->predicted[1], b->row};
    for (int i = 0; i < 4; i++)
        if (ka[i] != kb[i])
            return ka[i] < kb[i] ? -1 : 1;
    return 0;
}

static tn_status sample_new(const tn_outcomes *const *model, int n_models, tn_arena *a, sample *s, tn_err *err)
{
    int32_t n = model[0]->n;
    s->n = n;
    s->n_labels = model[0]->n_labels;
    s->n_models = n_models;
    row_key *key = TN_ARENA_ARRAY(a, row_key, (size_t)n);
    if (!key)
        return tn_fail_nomem(err, (size_t)n * sizeof *key);
    for (int32_t i = 0; i < n; i++)
        key[i] = (row_key){model[0]->label[i], {model[0]->predicted[i], model[n_models - 1]->predicted[i]}, i};
    qsort(key, (size_t)n, sizeof *key, by_cell);

    for (int32_t i = 0; i < n; i++)
        s->n_cells += i == 0 || memcmp(&key[i], &key[i - 1], offsetof(row_key, row)) != 0;
    if (!(s->cell = TN_ARENA_ARRAY(a, cell, s->n_cells)))
        return tn_fail_nomem(err, s->n_cells * sizeof(cell));
    size_t c = SIZE_MAX;
    for (int32_t i = 0; i < n; i++) {
        if (i == 0 || memcmp(&key[i], &key[i - 1], offsetof(row_key, row)) != 0)
            s->cell[++c] = (cell){(uint32_t)i, (uint32_t)i, key[i].label, {key[i].predicted[0], key[i].predicted[1]}};
        s->cell[c].to++;
    }
    for (int m = 0; m < n_models && s->wanted[TN_METRIC_LOG_LOSS]; m++) {
        if (!(s->loss[m] = TN_ARENA_ARRAY(a, double, (size_t)n)))
            return tn_fail_nomem(err, (size_t)n * sizeof(double));
        for (int32_t i = 0; i < n; i++)
            s->loss[m][i] = tn_log_loss_row(model[m]->probability[(size_t)key[i].row * s->n_labels + key[i].label]);
    }
    return TN_OK;
}

static tn_status cells_scratch(const void *self, tn_arena *a, void **out, tn_err *err)
{
    const sample *s = self;
    scratch *w = *out = tn_arena_calloc(a, sizeof *w);
    bool whole = w && (w->label = TN_ARENA_ARRAY(a, int32_t, (size_t)s->n_labels));
    for (int m = 0; whole && m < s->n_models; m++) {
        w->hits[m] = TN_ARENA_ARRAY(a, int32_t, (size_t)s->n_labels);
        w->predicted[m] = TN_ARENA_ARRAY(a, int32_t, (size_t)s->n_labels);
        whole = w->hits[m] && w->predicted[m];
    }
    return whole ? TN_OK : tn_fail_nomem(err, (size_t)s->n_labels * sizeof(int32_t));
}

static double mean_loss(const double *loss, const uint32_t *times, int32_t n)
{
    double sum[LANES] = {0};
    int32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++)
            sum[j] += (double)times[i + j] * loss[i + j];
    for (int j = 0; i < n; i++, j++)
        sum[j] += (double)times[i] * loss[i];
    return ((sum[0] + sum[2]) + (sum[1] + sum[3])) / n;
}

static void count_labels(const sample *s, scratch *w, const uint32_t *times)
{
    memset(w->label, 0, (size_t)s->n_labels * sizeof *w->label);
    for (int m = 0; m < s->n_models; m++) {
        memset(w->hits[m], 0, (size_t)s->n_labels * sizeof *w->hits[m]);
        memset(w->predicted[m], 0, (size_t)s->n_labels * sizeof *w->predicted[m]);
    }
    for (size_t c = 0; c < s->n_cells; c++) {
        const cell *k = &s->cell[c];
        int32_t drawn = 0;
        for (uint32_t i = k->from; i < k->to; i++)
            drawn += (int32_t)times[i];
        w->label[k->label] += drawn;
        for (int m = 0; m < s->n_models; m++) {
            w->predicted[m][k->predicted[m]] += drawn;
            if (k->predicted[m] == k->label)
                w->hits[m][k->label] += drawn;
        }
    }
}

static double metric_of_counts(const sample *s, const scratch *w, tn_metric_id id)
{
    double v[2] = {0};
    for (int m = 0; m < s->n_models; m++)
        v[m] = tn_metric_of_margins(id, w->hits[m], w->label, w->predicted[m], s->n_labels);
    return s->n_models == 2 ? v[0] - v[1] : v[0];
}

static double metric_of_sample(const sample *s, const scratch *w, const uint32_t *times, tn_metric_id id)
{
    if (id != TN_METRIC_LOG_LOSS)
        return metric_of_counts(s, w, id);
    double v[2] = {0};
    for (int m = 0; m < s->n_models; m++)
        v[m] = mean_loss(s->loss[m], times, s->n);
    return s->n_models == 2 ? v[0] - v[1] : v[0];
}

static void cells_values(const void *self, void *scratch_, const uint32_t *times, double *value)
{
    const sample *s = self;
    count_labels(s, scratch_, times);
    for (int id = 0; id < TN_N_METRICS; id++)
        value[id] = s->wanted[id] ? metric_of_sample(s, scratch_, times, (tn_metric_id)id) : NAN;
}

/* Leaves one row of each cell out; the values of a cell's rows are equal. w holds the whole sample's counts. */
static double jackknife_cell(const sample *s, scratch *w, const cell *k, tn_metric_id id)
{
    w->label[k->label]--;
    for (int m = 0; m < s->n_models; m++) {
        w->predicted[m][k->predicted[m]]--;
        w->hits[m][k->label] -= k->predicted[m] == k->label;
    }
    double v = metric_of_counts(s, w, id);
    w->label[k->label]++;
    for (int m = 0; m < s->n_models; m++) {
        w->predicted[m][k->predicted[m]]++;
        w->hits[m][k->label] += k->predicted[m] == k->label;
    }
    return v;
}

/* The log-loss without row i is (n mean - loss_i) / (n - 1), so U = loss_i - mean. */
static moments jackknife_loss(const sample *s, double value)
{
    moments t = {0};
    for (int32_t i = 0; i < s->n; i++) {
        double u = s->loss[0][i] - (s->n_models == 2 ? s->loss[1][i] : 0) - value;
        t.square += u * u;
        t.cube += u * u * u;
    }
    return t;
}

/* The moments of n rows in groups of equal ones: group g has times(g) rows, each of which leaves jack[g] behind. */
static moments moments_of(const double *jack, const cell *group, size_t n_groups, int32_t n)
{
    moments t = {0};
    double mean = 0;
    for (size_t g = 0; g < n_groups; g++)
        mean += jack[g] * (group ? group[g].to - group[g].from : 1);
    mean /= n;
    for (size_t g = 0; g < n_groups; g++) {
        double u = (n - 1) * (mean - jack[g]), times = group ? group[g].to - group[g].from : 1;
        t.square += times * u * u;
        t.cube += times * u * u * u;
    }
    return t;
}

/* The scratch holds the whole sample's counts. */
static tn_status cells_jackknife(const void *self, void *scratch_, int32_t id, double value, moments *out, tn_err *err)
{
    const sample *s = self;
    if (id == TN_METRIC_LOG_LOSS) {
        *out = jackknife_loss(s, value);
        return TN_OK;
    }
    double *jack = tn_mem_alloc(s->n_cells * sizeof *jack);
    if (!jack)
        return tn_fail_nomem(err, s->n_cells * sizeof *jack);
    for (size_t c = 0; c < s->n_cells; c++)
        jack[c] = jackknife_cell(s, scratch_, &s->cell[c], (tn_metric_id)id);
    *out = moments_of(jack, s->cell, s->n_cells, s->n);
    tn_mem_free(jack);
    return TN_OK;
}

/* ---- counted rows ---- */

typedef struct {
    const tn_counted *c[2];
    int n_models;
    size_t *at[2];       /* [n + 1] a model: row i's numbers are [at[i], at[i + 1]) */
    uint32_t *column[2]; /* in the order of rows and columns */
    double *number[2];
} counted;

typedef struct {
    double *sum[2];   /* [width] */
    double *less;     /* [width], the sums without a row */
    double *value[2]; /* [n_metrics] */
} sums;

static tn_status counted_new(const tn_counted *c, int m, tn_arena *a, counted *s, tn_err *err)
{
    size_t size, n_kept = 0, k = 0;
    if (!tn_size_mul((size_t)c->n, (size_t)c->width, &size))
        return tn_fail_nomem(err, SIZE_MAX);
    for (size_t i = 0; i < size; i++) {
        if (!isfinite(c->count[i]))
            return tn_fail(err, TN_EINVALID, "row %zu: a count is not a finite number", i / (size_t)c->width);
        n_kept += c->count[i] != 0;
    }
    s->c[m] = c;
    s->at[m] = TN_ARENA_ARRAY(a, size_t, (size_t)c->n + 1);
    s->column[m] = TN_ARENA_ARRAY(a, uint32_t, n_kept);
    s->number[m] = TN_ARENA_ARRAY(a, double, n_kept);
    if (!s->at[m] || !s->column[m] || !s->number[m])
        return tn_fail_nomem(err, n_kept * sizeof(double));
    for (size_t i = 0; i < size; i++) {
        if (i % (size_t)c->width == 0)
            s->at[m][i / (size_t)c->width] = k;
        if (c->count[i] != 0) {
            s->column[m][k] = (uint32_t)(i % (size_t)c->width);
            s->number[m][k++] = c->count[i];
        }
    }
    s->at[m][c->n] = k;
    return TN_OK;
}

static tn_status counted_scratch(const void *self, tn_arena *a, void **out, tn_err *err)
{
    const counted *s = self;
    size_t width = (size_t)s->c[0]->width, n_metrics = (size_t)s->c[0]->n_metrics;
    sums *w = *out = tn_arena_calloc(a, sizeof *w);
    bool whole = w && (w->less = TN_ARENA_ARRAY(a, double, width));
    for (int m = 0; whole && m < s->n_models; m++) {
        w->sum[m] = TN_ARENA_ARRAY(a, double, width);
        w->value[m] = TN_ARENA_ARRAY(a, double, n_metrics);
        whole = w->sum[m] && w->value[m];
    }
    return whole ? TN_OK : tn_fail_nomem(err, width * sizeof(double));
}

/* The value of the difference, or of the one model. */
static double counted_value(const counted *s, const sums *w, int32_t metric)
{
    return s->n_models == 2 ? w->value[0][metric] - w->value[1][metric] : w->value[0][metric];
}

static void counted_values(const void *self, void *scratch_, const uint32_t *times, double *value)
{
    const counted *s = self;
    sums *w = scratch_;
    for (int m = 0; m < s->n_models; m++) {
        const tn_counted *c = s->c[m];
        memset(w->sum[m], 0, (size_t)c->width * sizeof(double));
        for (int32_t i = 0; i < c->n; i++)
            for (size_t k = s->at[m][i]; k < s->at[m][i + 1]; k++)
                w->sum[m][s->column[m][k]] += times[i] * s->number[m][k];
        c->values(c->self, w->sum[m], c->n, w->value[m]);
    }
    for (int32_t k = 0; k < s->c[0]->n_metrics; k++)
        value[k] = counted_value(s, w, k);
}

/* The scratch holds the whole sample's sums. */
static tn_status counted_jackknife(const void *self, void *scratch_, int32_t metric, double value, moments *out,
                                   tn_err *err)
{
    const counted *s = self;
    sums *w = scratch_;
    int32_t n = s->c[0]->n;
    double *jack = tn_mem_alloc((size_t)n * sizeof *jack);
    if (!jack)
        return tn_fail_nomem(err, (size_t)n * sizeof *jack);
    for (int32_t i = 0; i < n; i++) {
        for (int m = 0; m < s->n_models; m++) {
            const tn_counted *c = s->c[m];
            memcpy(w->less, w->sum[m], (size_t)c->width * sizeof(double));
            for (size_t k = s->at[m][i]; k < s->at[m][i + 1]; k++)
                w->less[s->column[m][k]] -= s->number[m][k];
            c->values(c->self, w->less, n - 1, w->value[m]);
        }
        jack[i] = counted_value(s, w, metric);
    }
    *out = moments_of(jack, NULL, (size_t)n, n);
    tn_mem_free(jack);
    return TN_OK;
}

/* ---- weighted rows ---- */

typedef struct {
    const tn_weighted *w[2];
    int n_models;
    double *jack; /* [groups, n_metrics], made by the first that asks: the jackknife runs on one thread */
    bool made;
} weighted;

typedef struct {
    void *own;
    uint32_t *times; /* [n] */
    double *value;   /* [n_metrics] of the second model */
} weighted_scratch;

static tn_status weighted_scratch_new(const void *self, tn_arena *a, void **out, tn_err *err)
{
    const weighted *s = self;
    const tn_weighted *w = s->w[0];
    weighted_scratch *x = *out = tn_arena_calloc(a, sizeof *x);
    size_t size = s->w[s->n_models - 1]->scratch_size > w->scratch_size ? s->w[s->n_models - 1]->scratch_size : w->scratch_size;
    if (!x || !(x->own = tn_arena_alloc(a, size ? size : 1)) || !(x->times = TN_ARENA_ARRAY(a, uint32_t, (size_t)w->n)) ||
        !(x->value = TN_ARENA_ARRAY(a, double, (size_t)w->n_metrics)))
        return tn_fail_nomem(err, size);
    return TN_OK;
}

static void weighted_values(const void *self, void *scratch_, const uint32_t *times, double *value)
{
    const weighted *s = self;
    weighted_scratch *x = scratch_;
    s->w[0]->values(s->w[0]->self, x->own, times, value);
    if (s->n_models == 1)
        return;
    s->w[1]->values(s->w[1]->self, x->own, times, x->value);
    for (int32_t k = 0; k < s->w[0]->n_metrics; k++)
        value[k] -= x->value[k];
}

/* Of n rows in groups, one group is left out at a time: the rows themselves up to JACK_GROUPS of them. A group's influence
 * is the sum of those of its rows, and squares and cubes of sums of independent numbers add up as their own do; so the
 * acceleration is the same but for a noise of about 0.65 / groups, 3e-4, and the time is that of so many samples at most. */
static int32_t n_groups_of(int32_t n)
{
    return n < JACK_GROUPS ? n : JACK_GROUPS;
}

static tn_status weighted_jackknife(const void *self, void *scratch_, int32_t metric, double value, moments *out, tn_err *err)
{
    weighted *s = (weighted *)self; /* ours: the statistic's own state */
    weighted_scratch *x = scratch_;
    int32_t n = s->w[0]->n, n_metrics = s->w[0]->n_metrics, n_groups = n_groups_of(n);
    double *of = tn_mem_alloc((size_t)n_groups * sizeof *of);
    (void)value;
    if (!of)
        return tn_fail_nomem(err, (size_t)n_groups * sizeof *of);
    for (int32_t i = 0; i < n && !s->made; i++)
        x->times[i] = 1;
    for (int32_t g = 0; g < n_groups && !s->made; g++) {
        for (int32_t i = g; i < n; i += n_groups)
            x->times[i] = 0;
        weighted_values(s, x, x->times, s->jack + (size_t)g * (size_t)n_metrics);
        for (int32_t i = g; i < n; i += n_groups)
            x->times[i] = 1;
    }
    s->made = true;
    for (int32_t g = 0; g < n_groups; g++)
        of[g] = s->jack[(size_t)g * (size_t)n_metrics + (size_t)metric];
    *out = moments_of(of, NULL, (size_t)n_groups, n_groups);
    tn_mem_free(of);
    return TN_OK;
}

/* ---- resampling ---- */

static void draw(void *ctx, size_t task, int worker)
{
    drawing *d = ctx;
    const statistic *s = d->s;
    uint32_t *times = d->times[worker];
    int32_t end = (int32_t)(task + 1) * CHUNK < d->n_resamples ? (int32_t)(task + 1) * CHUNK : d->n_resamples;
    uint32_t key[2] = {(uint32_t)d->seed, (uint32_t)(d->seed >> 32)};
    for (int32_t b = (int32_t)task * CHUNK; b < end; b++) {
        memset(times, 0, (size_t)s->n * sizeof *times);
        /* The row is the high half of word * n: off from uniform by less than n / 2^32, and four rows a block. */
        for (int32_t i = 0; i < s->n; i += 4) {
            uint32_t word[4];
            tn_philox((const uint32_t[4]){(uint32_t)i / 4, 0, (uint32_t)b, 0}, key, word);
            for (int j = 0; j < 4 && i + j < s->n; j++)
                times[(uint64_t)word[j] * (uint64_t)s->n >> 32]++;
        }
        s->values(s->self, d->scratch[worker], times, d->value + (size_t)b * (size_t)s->n_metrics);
    }
}

/* ---- BCa ---- */

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double quantile(const double *sorted, int32_t n, double p)
{
    double at = p * (n - 1), low = floor(at);
    if (low >= n - 1)
        return sorted[n - 1];
    return sorted[(int32_t)low] + (at - low) * (sorted[(int32_t)low + 1] - sorted[(int32_t)low]);
}

/* Wilson's interval of k hits in n, k = 0 or n. */
static void wilson(tn_interval *out, int32_t n)
{
    double z = tn_norm_quantile(0.5 + out->level / 2), zz = z * z, p = out->value;
    double centre = (p + zz / (2.0 * n)) / (1 + zz / n);
    double half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4.0 * n * n));
    out->low = p == 0 ? 0 : centre - half;
    out->high = p == 1 ? 1 : centre + half;
    out->method = "Wilson";
}

/* of[B], values of one metric in all resamples, is sorted in place; the scratch holds the whole sample. */
static tn_status interval_of(const statistic *s, void *scratch_, double *of, int32_t metric, tn_interval *out,
                             tn_err *err)
{
    int32_t B = out->n_resamples, n_below = 0, n_equal = 0;
    for (int32_t b = 0; b < B; b++) {
        n_below += of[b] < out->value;
        n_equal += of[b] == out->value;
    }
    qsort(of, (size_t)B, sizeof *of, by_value);
    if (s->metric[metric].share_of_rows && !s->difference && n_equal == B) {
        wilson(out, s->n);
        return TN_OK;
    }

    double share = (n_below + 0.5 * n_equal) / B, tail = (1 - out->level) / 2, p[2] = {tail, 1 - tail};
    out->method = "percentile";
    if (s->n > 1 && share > 0 && share < 1 && n_equal < B) {
        moments t;
        TN_TRY(s->jackknife(s->self, scratch_, metric, out->value, &t, err));
        /* sum U^3 / n^3 over (sum U^2 / n^2)^(3/2): the powers of n cancel. */
        double a = t.cube / (6 * t.square * sqrt(t.square));
        double z0 = tn_norm_quantile(share), zt = tn_norm_quantile(tail), z1 = z0 + zt, z2 = z0 - zt;
        /* Beyond the pole of 1 - a z the formula turns round: no interval comes from there. NaN fails too. */
        if (1 - a * z1 > 0 && 1 - a * z2 > 0) {
            p[0] = tn_norm_cdf(z0 + z1 / (1 - a * z1));
            p[1] = tn_norm_cdf(z0 + z2 / (1 - a * z2));
            out->method = "BCa";
        }
    }
    out->low = quantile(of, B, p[0]);
    out->high = quantile(of, B, p[1]);
    return TN_OK;
}

static tn_status options_check(const tn_interval_options *o, double *level, int32_t *n_resamples, tn_err *err)
{
    *level = o->level == 0 ? 0.95 : o->level;
    *n_resamples = o->n_resamples == 0 ? 10000 : o->n_resamples;
    if (!(*level > 0 && *level < 1))
        return tn_fail(err, TN_EINVALID, "an interval's level is between 0 and 1, not %g", *level);
    /* The upper bound keeps the values of all metrics below 320 MB. */
    if (*n_resamples < 2 || *n_resamples > 10000000)
        return tn_fail(err, TN_EINVALID, "2 to 10,000,000 resamples are possible, not %" PRId32, *n_resamples);
    return TN_OK;
}

/* out[n_metrics], NAN for a metric that is not wanted. */
static tn_status bootstrap(const statistic *s, const tn_interval_options *options, tn_arena *a, tn_interval *out,
                           tn_err *err)
{
    double level;
    int32_t n_resamples;
    TN_TRY(options_check(options, &level, &n_resamples, err));
    int n_workers = tn_pool_size(options->pool);
    size_t n_values, n = (size_t)n_resamples;
    drawing d = {.s = s, .seed = options->seed, .n_resamples = n_resamples};
    d.times = TN_ARENA_ARRAY(a, uint32_t *, (size_t)n_workers);
    d.scratch = TN_ARENA_ARRAY(a, void *, (size_t)n_workers);
    double *of = TN_ARENA_ARRAY(a, double, n), *whole = TN_ARENA_ARRAY(a, double, (size_t)s->n_metrics);
    if (!tn_size_mul(n, (size_t)s->n_metrics, &n_values))
        return tn_fail_nomem(err, SIZE_MAX);
    d.value = TN_ARENA_ARRAY(a, double, n_values);
    if (!d.times || !d.scratch || !of || !whole || !d.value)
        return tn_fail_nomem(err, n_values * sizeof(double));
    for (int i = 0; i < n_workers; i++) {
        if (!(d.times[i] = TN_ARENA_ARRAY(a, uint32_t, (size_t)s->n)))
            return tn_fail_nomem(err, (size_t)s->n * sizeof(uint32_t));
        TN_TRY(s->scratch(s->self, a, &d.scratch[i], err));
    }
    tn_pool_run(options->pool, (n + CHUNK - 1) / CHUNK, draw, &d);

    for (int32_t i = 0; i < s->n; i++)
        d.times[0][i] = 1;
    s->values(s->self, d.scratch[0], d.times[0], whole);
    for (int32_t k = 0; k < s->n_metrics; k++) {
        out[k] = (tn_interval){whole[k], NAN, NAN, level, n_resamples, "none", s->metric[k].less_is_better};
        if (isnan(whole[k]))
            continue;
        for (size_t b = 0; b < n; b++)
            of[b] = d.value[b * (size_t)s->n_metrics + (size_t)k];
        TN_TRY(interval_of(s, d.scratch[0], of, k, &out[k], err));
    }
    return TN_OK;
}

/* Intervals of the metrics in s->wanted, of one model or of the difference of two: out[TN_N_METRICS]. */
static tn_status intervals(const tn_outcomes *const *model, int n_models, sample *s, const tn_interval_options *options,
                           tn_interval *out, tn_err *err)
{
    for (int m = 0; m < n_models; m++)
        TN_TRY(tn_outcomes_check(model[m], err));
    tn_counted_metric metric[TN_N_METRICS];
    for (int id = 0; id < TN_N_METRICS; id++)
        metric[id] = (tn_counted_metric){tn_metric_name((tn_metric_id)id), tn_metric_lower_is_better((tn_metric_id)id),
                                         id == TN_METRIC_ACCURACY};
    tn_status st = TN_OK;
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 0);
    TN_GO(sample_new(model, n_models, a, s, err));
    TN_GO(bootstrap(
        &(statistic){s->n, TN_N_METRICS, s, cells_scratch, cells_values, cells_jackknife, metric, n_models == 2},
        options, a, out, err));
done:
    tn_arena_free(a);
    return st;
}

static tn_status counted_intervals(const tn_counted *const *c, int n_models, const tn_interval_options *options,
                                   tn_interval *out, tn_err *err)
{
    for (int m = 0; m < n_models; m++)
        if (c[m]->n < 1 || c[m]->width < 1 || c[m]->n_metrics < 1)
            return tn_fail(err, TN_EINVALID,
                           "an interval needs rows, counts and metrics: there are %" PRId32 ", %" PRId32
                           " and %" PRId32,
                           c[m]->n, c[m]->width, c[m]->n_metrics);
    tn_status st = TN_OK;
    counted s = {.n_models = n_models};
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 0);
    for (int m = 0; m < n_models; m++)
        TN_GO(counted_new(c[m], m, a, &s, err));
    TN_GO(bootstrap(&(statistic){c[0]->n, c[0]->n_metrics, &s, counted_scratch, counted_values, counted_jackknife,
                                 c[0]->metric, n_models == 2},
                    options, a, out, err));
done:
    tn_arena_free(a);
    return st;
}

static tn_status one_interval(const tn_outcomes *const *model, int n_models, tn_metric_id metric,
                              const tn_interval_options *options, tn_interval *out, tn_err *err)
{
    for (int m = 0; m < n_models && metric == TN_METRIC_LOG_LOSS; m++)
        if (!model[m]->probability)
            return tn_fail(err, TN_EINVALID, "log-loss needs probabilities");
    tn_interval all[TN_N_METRICS];
    sample s = {0};
    s.wanted[metric] = true;
    TN_TRY(intervals(model, n_models, &s, options, all, err));
    *out = all[metric];
    return TN_OK;
}

tn_status tn_interval_metric(const tn_outcomes *o, tn_metric_id metric, const tn_interval_options *options,
                             tn_interval *out, tn_err *err)
{
    return one_interval(&o, 1, metric, options, out, err);
}

tn_status tn_interval_all(const tn_outcomes *o, const tn_interval_options *options, tn_interval *out, tn_err *err)
{
    sample s = {0};
    for (int id = 0; id < TN_N_METRICS; id++)
        s.wanted[id] = id != TN_METRIC_LOG_LOSS || o->probability;
    tn_interval all[TN_N_METRICS];
    TN_TRY(intervals(&o, 1, &s, options, all, err));
    memcpy(out, all, sizeof all);
    return TN_OK;
}

tn_status tn_interval_difference(const tn_outcomes *a, const tn_outcomes *b, tn_metric_id metric,
                                 const tn_interval_options *options, tn_interval *out, tn_err *err)
{
    if (a->n != b->n || a->n_labels != b->n_labels)
        return tn_fail(err, TN_EINVALID,
                       "two models are compared on the same rows: %" PRId32 " rows and %" PRId32
                       " labels against %" PRId32 " and %" PRId32,
                       a->n, a->n_labels, b->n, b->n_labels);
    for (int32_t i = 0; i < a->n; i++)
        if (a->label[i] != b->label[i])
            return tn_fail(err, TN_EINVALID, "row %" PRId32 ": the two models were given different labels", i);
    return one_interval((const tn_outcomes *[]){a, b}, 2, metric, options, out, err);
}

tn_status tn_interval_counts(const tn_counted *c, const tn_interval_options *options, tn_interval *out, tn_err *err)
{
    return counted_intervals(&c, 1, options, out, err);
}

tn_status tn_interval_counts_difference(const tn_counted *a, const tn_counted *b, const tn_interval_options *options,
                                        tn_interval *out, tn_err *err)
{
    if (a->n != b->n || a->width != b->width || a->n_metrics != b->n_metrics || a->values != b->values)
        return tn_fail(err, TN_EINVALID,
                       "two models are compared on the same rows by the same metrics: %" PRId32
                       " rows against %" PRId32,
                       a->n, b->n);
    return counted_intervals((const tn_counted *[]){a, b}, 2, options, out, err);
}

static tn_status weighted_intervals(const tn_weighted *const *w, int n_models, const tn_interval_options *options,
                                    tn_interval *out, tn_err *err)
{
    size_t n_jack;
    if (w[0]->n < 1 || w[0]->n_metrics < 1)
        return tn_fail(err, TN_EINVALID, "an interval needs rows and metrics: there are %" PRId32 " and %" PRId32, w[0]->n,
                       w[0]->n_metrics);
    if (!tn_size_mul((size_t)n_groups_of(w[0]->n), (size_t)w[0]->n_metrics, &n_jack))
        return tn_fail_nomem(err, SIZE_MAX);
    tn_arena *a = tn_arena_new(0);
    weighted s = {.w = {w[0], w[n_models - 1]}, .n_models = n_models, .jack = a ? TN_ARENA_ARRAY(a, double, n_jack) : NULL};
    tn_status st = s.jack ? bootstrap(&(statistic){w[0]->n, w[0]->n_metrics, &s, weighted_scratch_new, weighted_values, weighted_jackknife,
                                                   w[0]->metric, n_models == 2},
                                      options, a, out, err)
                          : tn_fail_nomem(err, n_jack * sizeof(double));
    tn_arena_free(a);
    return st;
}

tn_status tn_interval_weights(const tn_weighted *s, const tn_interval_options *options, tn_interval *out, tn_err *err)
{
    return weighted_intervals(&s, 1, options, out, err);
}

tn_status tn_interval_weights_difference(const tn_weighted *a, const tn_weighted *b, const tn_interval_options *options,
                                         tn_interval *out, tn_err *err)
{
    if (a->n != b->n || a->n_metrics != b->n_metrics || a->values != b->values)
        return tn_fail(err, TN_EINVALID,
                       "two models are compared on the same rows by the same metrics: %" PRId32
                       " rows against %" PRId32,
                       a->n, b->n);
    return weighted_intervals((const tn_weighted *[]){a, b}, 2, options, out, err);
}

/* ---- tests ---- */

/* P(X <= k) for n fair coins, n < 25: every term is a whole number below 2^24. */
static double binomial_tail(int32_t n, int32_t k)
{
    double term = 1, sum = 0;
    for (int32_t i = 0; i <= k; i++) {
        sum += term;
        term = term * (n - i) / (i + 1);
    }
    return sum / (double)(1u << n);
}

tn_mcnemar tn_mcnemar_test(const int32_t *label, const int32_t *first, const int32_t *second, int32_t n)
{
    tn_mcnemar t = {0, 0, 1, "exact binomial"};
    for (int32_t i = 0; i < n; i++) {
        t.b += first[i] == label[i] && second[i] != label[i];
        t.c += first[i] != label[i] && second[i] == label[i];
    }
    int32_t d = t.b + t.c;
    if (d > 0 && d < 25) {
        double p = 2 * binomial_tail(d, t.b < t.c ? t.b : t.c);
        t.p = p < 1 ? p : 1;
    } else if (d >= 25) {
        double gap = fabs((double)t.b - t.c) - 1;
        /* b = c: the correction would count a gap of -1. */
        double x = gap > 0 ? gap * gap / d : 0;
        t.p = tn_erfc(sqrt(x / 2));
        t.method = "chi-squared with continuity correction";
    }
    return t;
}

void tn_holm(double *p, int32_t n)
{
    /* Smallest first; a value that was adjusted carries the sign bit until all are. */
    double least = 0;
    for (int32_t rank = 0; rank < n; rank++) {
        int32_t at = -1;
        for (int32_t i = 0; i < n; i++)
            if (!signbit(p[i]) && (at < 0 || p[i] < p[at]))
                at = i;
        if (at < 0)
            break;
        double adjusted = (n - rank) * p[at];
        least = adjusted > least ? adjusted : least;
        least = least < 1 ? least : 1;
        p[at] = -least;
    }
    for (int32_t i = 0; i < n; i++)
        p[i] = fabs(p[i]);
}

const char *tn_verdict_name(tn_verdict v)
{
    static const char *const name[] = {"better", "worse", "no difference"};
    return name[v];
}

tn_verdict tn_verdict_of(const tn_interval *difference)
{
    bool less_is_better = difference->less_is_better;
    if (difference->low > 0)
        return less_is_better ? TN_VERDICT_WORSE : TN_VERDICT_BETTER;
    if (difference->high < 0)
        return less_is_better ? TN_VERDICT_BETTER : TN_VERDICT_WORSE;
    return TN_VERDICT_NO_DIFFERENCE;
}
