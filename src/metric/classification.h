#ifndef TN_METRIC_CLASSIFICATION_H
#define TN_METRIC_CLASSIFICATION_H
/// Metrics of single-label classification over a fixed label set (the model's), equal to scikit-learn's.
///
/// The label set is an argument, never the labels that happen to occur: a label that nobody has and nobody predicts
/// counts as F1 = 0 in the macro mean. Source: scikit-learn 1.9, metrics/_classification.py (with
/// labels=range(n_labels), zero_division=0); edge cases in reference/metrics.md §1 and §2.

#include "base/str.h"

typedef struct {
    int32_t n, n_labels;
    const int32_t *label;     /* [n], in [0, n_labels) */
    const int32_t *predicted; /* [n], in [0, n_labels) */
    const float *probability; /* [n, n_labels], rows sum to about 1; NULL: no log-loss */
} tn_outcomes;

typedef struct {
    double precision, recall, f1; /* 0 where a denominator is 0 */
    int32_t support;              /* rows with this label */
    int32_t n_predicted;
} tn_class_score;

typedef struct {
    int32_t n, n_labels;
    double accuracy;
    double macro_f1;           /* unweighted mean over all n_labels */
    double weighted_f1;        /* by support */
    double balanced_accuracy;  /* mean recall over labels that occur */
    double mcc;                /* 0 when a factor of its denominator is 0 */
    double log_loss;           /* see tn_log_loss_row; NAN without probabilities */
    tn_class_score *per_class; /* [n_labels] */
    int32_t *confusion;        /* [n_labels, n_labels], row = label, column = predicted */
} tn_scores_class;

/// TN_EINVALID for n = 0, no labels, an index out of range, a probability outside [0, 1] or not a number.
tn_status tn_outcomes_check(const tn_outcomes *o, tn_err *err);

/// All metrics at once; arrays in the arena. Fails as tn_outcomes_check does.
tn_status tn_classification_score(const tn_outcomes *o, tn_arena *a, tn_scores_class *out, tn_err *err);

typedef enum { TN_METRIC_ACCURACY, TN_METRIC_MACRO_F1, TN_METRIC_MCC, TN_METRIC_LOG_LOSS, TN_N_METRICS } tn_metric_id;
/// "accuracy", "macro_f1", "mcc", "log_loss".
const char *tn_metric_name(tn_metric_id id);
/// The same for people: "accuracy", "macro F1", "MCC", "log-loss".
const char *tn_metric_title(tn_metric_id id);
bool tn_metric_parse(tn_str name, tn_metric_id *out);
/// How the number was made, for metrics.json: "macro over the model's labels, zero_division=0".
const char *tn_metric_signature(tn_metric_id id);
bool tn_metric_lower_is_better(tn_metric_id id);
/// The metric from counts: confusion [L,L]. NAN for log-loss, which counts do not give, and for no rows at all.
double tn_metric_of_confusion(tn_metric_id id, const int32_t *confusion, int32_t n_labels);

/// The same from each label's three counts, which is all that they need: hits[L], label[L], predicted[L].
double tn_metric_of_margins(tn_metric_id id, const int32_t *hits, const int32_t *label, const int32_t *predicted,
                            int32_t n_labels);
/// A row's share of the log-loss: -ln p of its label, p clipped to [eps, 1 - eps] with eps = 2^-23, the machine epsilon
/// of the f32 that it is (as scikit-learn 1.9 does with float32 input; worst 15.9424). Taken in double.
double tn_log_loss_row(float p);

/// Index of the largest of v[0..n), the first of equals.
int32_t tn_argmax(const float *v, int32_t n);
/// Walks v[0..n) from the largest down, equals in their order: the index behind `after` (-1 starts), -1 at the end.
int32_t tn_argnext(const float *v, int32_t n, int32_t after);

#endif
