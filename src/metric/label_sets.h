#ifndef TN_METRIC_LABEL_SETS_H
#define TN_METRIC_LABEL_SETS_H
/// Metrics of multi-label classification over a fixed label set, equal to scikit-learn's.
///
/// Made for resampling: rows are prepared once, then any numbers of times a row is there give all metrics.
/// Source: scikit-learn 1.9, metrics/_classification.py (labels=range(L), zero_division=0) and metrics/_ranking.py.

#include "metric/classification.h"

typedef enum {
    TN_SET_MICRO_F1,   /* over all (row, label) */
    TN_SET_MACRO_F1,   /* unweighted mean over labels */
    TN_SET_SAMPLES_F1, /* mean over rows; a row with no label that is given none counts 0 */
    TN_SET_SUBSET_ACCURACY,
    TN_SET_HAMMING_LOSS,
    TN_SET_LRAP, /* label ranking average precision; a row with no label, or all, counts 1. NAN without scores */
    TN_SET_MAP,  /* mean over labels of average precision, 0 for a label that no row has. NAN without scores */
    TN_N_SET_METRICS,
} tn_set_metric;

typedef struct {
    int32_t n, n_labels;
    const uint8_t *label;     /* [n, n_labels], 0 or 1 */
    const uint8_t *predicted; /* [n, n_labels], 0 or 1 */
    const float *score;       /* [n, n_labels], each in [0, 1]; NULL: nothing is ranked */
} tn_label_sets;

typedef struct tn_set_measure tn_set_measure;
/// Prepares; in the arena. `ranked` false leaves out the mean average precision, which costs n * n_labels a sample.
/// TN_EINVALID for no rows or labels, a score outside [0, 1].
tn_status tn_set_measure_new(const tn_label_sets *o, bool ranked, tn_arena *a, tn_set_measure **out, tn_err *err);
/// Bytes of scratch for tn_set_measure_values.
size_t tn_set_measure_scratch(const tn_set_measure *m);
/// value [TN_N_SET_METRICS] of the sample that has row i times[i] times, one row at least. `self` is a tn_set_measure. The
/// signature is tn_weighted's.
void tn_set_measure_values(const void *self, void *scratch, const uint32_t *times, double *value);

/// Precision, recall, F1, support and number of predictions of each label, out [n_labels].
void tn_label_sets_per_label(const tn_label_sets *o, tn_class_score *out);
/// How well row i is answered: the share of labels that are right.
double tn_label_sets_row(const tn_label_sets *o, int32_t row);

/// For one label, the threshold on scores [n] at the largest F1 of these rows, and that F1: halfway between two scores,
/// the lowest of equal F1s; a score at or above it is a yes. 0.5 and 0 when no row has the label.
/// stride: between the scores, and between the flags, of two rows.
tn_status tn_best_threshold(const float *score, const uint8_t *label, int32_t n, size_t stride, float *threshold, double *f1,
                            tn_err *err);

#endif
