#ifndef TN_EVAL_INTERVAL_H
#define TN_EVAL_INTERVAL_H
/// Uncertainty of a metric on a test set, and of the difference of two models on the same rows.
///
/// Bootstrap resamples are drawn by the counter rng: resample b uses stream b, so any thread may compute it and the
/// interval is the same for any number of threads. Corpus metrics are recomputed from each resample's counts. Every
/// metric of one test set sees the same resamples, whether asked for alone or with the others.
/// Time: about n * n_resamples * 6 ns on one thread, hardly more for all metrics than for one.

#include "base/pool.h"
#include "metric/classification.h"

typedef struct {
    double value, low, high;
    double level; /* 0.95 */
    int32_t n_resamples;
    const char *method; /* "BCa"; "percentile" where BCa is undefined: all resamples on one side, or all equal, or one
                           row; "Wilson" for a share of rows of exactly 0 or 1, of which every resample is a copy */
    bool less_is_better;
} tn_interval;

typedef struct {
    double level;        /* 0 = 0.95 */
    int32_t n_resamples; /* 0 = 10000 */
    uint64_t seed;
    tn_pool *pool; /* may be NULL */
} tn_interval_options;

/// BCa interval of a metric (Efron 1987; acceleration from the jackknife, quantiles by linear interpolation, as
/// scipy.stats.bootstrap does). TN_EINVALID for outcomes that tn_outcomes_check refuses, for log-loss without
/// probabilities, for a level outside (0, 1) and fewer than 2 resamples.
tn_status tn_interval_metric(const tn_outcomes *o, tn_metric_id metric, const tn_interval_options *options,
                             tn_interval *out, tn_err *err);

/// All metrics at once, out[TN_N_METRICS] by id, for the price of one; log-loss without probabilities gives NAN values.
tn_status tn_interval_all(const tn_outcomes *o, const tn_interval_options *options, tn_interval *out, tn_err *err);

/// BCa interval of metric(a) - metric(b) with rows resampled in pairs; both must have the same rows and
/// labels (TN_EINVALID).
tn_status tn_interval_difference(const tn_outcomes *a, const tn_outcomes *b, tn_metric_id metric,
                                 const tn_interval_options *options, tn_interval *out, tn_err *err);

/// ---- any metric that is a function of summed counts ----
typedef struct {
    const char *name; /* for records: "f1" */
    bool less_is_better;
    bool share_of_rows; /* each row counts 0 or 1 and the metric is their mean: Wilson at 0 and 1 */
} tn_counted_metric;

/// A test set whose rows (sentences, questions: what is resampled) carry numbers that add up, such as entities found
/// and predicted or the F1 of an answer, and metrics of the sums.
typedef struct {
    int32_t n, width;
    const double *count; /* [n, width], finite */
    int32_t n_metrics;
    const tn_counted_metric *metric; /* [n_metrics] */
    /// value [n_metrics] from sum [width] over n >= 1 rows; never NaN. Pure: several threads call it.
    void (*values)(const void *self, const double *sum, int32_t n, double *value);
    const void *self;
} tn_counted;

/// BCa intervals of all its metrics, out [n_metrics]; rows are drawn in their order, by number of row. TN_EINVALID for
/// no rows, numbers that are not finite, options as above.
tn_status tn_interval_counts(const tn_counted *c, const tn_interval_options *options, tn_interval *out, tn_err *err);
/// The same of metric(a) - metric(b), in pairs; both of one kind: equal n, width, metrics and functions, else
/// TN_EINVALID.
tn_status tn_interval_counts_difference(const tn_counted *a, const tn_counted *b, const tn_interval_options *options,
                                        tn_interval *out, tn_err *err);

/// ---- any metric of rows and how often each is there ----
/// For metrics that no sum gives: ranks (Spearman, average precision). One function is the metric itself (each row once),
/// a slice (some rows), and a resample.
typedef struct {
    int32_t n;
    int32_t n_metrics;
    const tn_counted_metric *metric; /* [n_metrics] */
    size_t scratch_size;             /* bytes that `values` may use; 0: none */
    /// value [n_metrics] of the sample that has row i times[i] times, at least one row in all. NAN for a metric that is not
    /// wanted, and then always. Pure: several threads call it, each with its own scratch.
    void (*values)(const void *self, void *scratch, const uint32_t *times, double *value);
    const void *self;
} tn_weighted;

/// As tn_interval_counts and its difference. The jackknife calls `values` once a row, or once a group of rows where
/// there are more than 2,000: the acceleration is then known to about 3e-4, and the time stays linear in n.
tn_status tn_interval_weights(const tn_weighted *s, const tn_interval_options *options, tn_interval *out, tn_err *err);
tn_status tn_interval_weights_difference(const tn_weighted *a, const tn_weighted *b, const tn_interval_options *options,
                                         tn_interval *out, tn_err *err);

typedef struct {
    int32_t b, c;       /* rows that only the first, only the second model gets right */
    double p;           /* two-sided; 1 when b + c = 0 */
    const char *method; /* "exact binomial" below 25 discordant rows, else "chi-squared with continuity correction" */
} tn_mcnemar;
tn_mcnemar tn_mcnemar_test(const int32_t *label, const int32_t *first, const int32_t *second, int32_t n);
/// Holm's step-down adjustment, in place: p[i] in [0, 1] becomes the adjusted value.
void tn_holm(double *p, int32_t n);

typedef enum { TN_VERDICT_BETTER, TN_VERDICT_WORSE, TN_VERDICT_NO_DIFFERENCE } tn_verdict;
const char *tn_verdict_name(tn_verdict v); /* "better", "worse", "no difference" */
/// From the interval of the difference: 0 inside it, or at its end, means no difference. For log-loss less is better.
tn_verdict tn_verdict_of(const tn_interval *difference);

#endif
