#ifndef TN_METRIC_NUMBERS_H
#define TN_METRIC_NUMBERS_H
/// Metrics of predicted numbers, equal to scikit-learn's and scipy's. Prepared once, then any numbers of times a row is
/// there give all of them.
/// Source: scikit-learn 1.9, metrics/_regression.py (force_finite); scipy 1.17, stats.pearsonr, spearmanr (mean ranks of ties).

#include "base/str.h"

typedef enum {
    TN_NUMBER_MAE,
    TN_NUMBER_RMSE,
    TN_NUMBER_R2,       /* constant truth: 1 when all are hit, else 0 */
    TN_NUMBER_PEARSON,  /* 0 where a side is constant */
    TN_NUMBER_SPEARMAN, /* 0 where a side is constant */
    TN_N_NUMBER_METRICS,
} tn_number_metric;

typedef struct {
    int32_t n;
    const double *truth;     /* [n], finite */
    const float *predicted;  /* [n], finite */
} tn_numbers;

typedef struct tn_number_measure tn_number_measure;
/// Prepares; in the arena, the numbers are borrowed. TN_EINVALID for no rows and numbers that are not finite.
tn_status tn_number_measure_new(const tn_numbers *o, tn_arena *a, tn_number_measure **out, tn_err *err);
size_t tn_number_measure_scratch(const tn_number_measure *m);
/// value [TN_N_NUMBER_METRICS]; as tn_set_measure_values.
void tn_number_measure_values(const void *self, void *scratch, const uint32_t *times, double *value);

#endif
