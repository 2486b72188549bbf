#ifndef TN_EVAL_INTERVAL_H
#define TN_EVAL_INTERVAL_H
/// Uncertainty of a metric on a test set, and of the difference of two models on the same rows.
///
/// Bootstrap resamples are drawn by the counter rng: resample b uses stream b, so any thread may compute it and the
/// interval is the same for any number of threads. Corpus metrics are recomputed from each resample's counts.

#include "base/pool.h"
#include "metric/classification.h"

typedef struct {
    double value, low, high;
    double level;        /* 0.95 */
    int32_t n_resamples;
    const char *method;  /* "BCa", or "percentile" where BCa is undefined (all resamples on one side, or all equal) */
} tn_interval;

typedef struct {
    double level;        /* 0 = 0.95 */
    int32_t n_resamples; /* 0 = 10000 */
    uint64_t seed;
    tn_pool *pool;       /* may be NULL */
} tn_interval_options;

/// BCa interval of a metric (Efron 1987; acceleration from the jackknife, as scipy.stats.bootstrap does).
tn_status tn_interval_metric(const tn_outcomes *o, tn_metric_id metric, const tn_interval_options *options,
                             tn_interval *out, tn_err *err);

/// BCa interval of metric(a) - metric(b) with rows resampled in pairs; both must have the same labels.
tn_status tn_interval_difference(const tn_outcomes *a, const tn_outcomes *b, tn_metric_id metric,
                                 const tn_interval_options *options, tn_interval *out, tn_err *err);

typedef struct {
    int32_t b, c;       /* rows that only the first, only the second model gets right */
    double p;           /* two-sided; 1 when b + c = 0 */
    const char *method; /* "exact binomial" below 25 discordant rows, else "chi-squared with continuity correction" */
} tn_mcnemar;
tn_mcnemar tn_mcnemar_test(const int32_t *label, const int32_t *first, const int32_t *second, int32_t n);
/// Holm's step-down adjustment, in place: p[i] becomes the adjusted value.
void tn_holm(double *p, int32_t n);

typedef enum { TN_VERDICT_BETTER, TN_VERDICT_WORSE, TN_VERDICT_NO_DIFFERENCE } tn_verdict;
const char *tn_verdict_name(tn_verdict v); /* "better", "worse", "no difference" */
/// From the interval of the difference: 0 inside it means no difference.
tn_verdict tn_verdict_of(const tn_interval *difference);

#endif
