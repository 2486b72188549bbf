#ifndef TN_EVAL_RECORD_H
#define TN_EVAL_RECORD_H
/// Evaluation records of a run folder: values in, JSON and CSV text out. Files are the caller's.

#include "codec/json.h"
#include "eval/interval.h"

/// The object {"n","accuracy","macro_f1","weighted_f1","mcc","log_loss","balanced_accuracy","per_class":[...],
/// "confusion":[[...]],"intervals":{...}}; intervals for the metrics in `interval` ([TN_N_METRICS] by tn_metric_id;
/// value NAN = left out; NULL = no "intervals"). Log-loss that was not measured is null. label [s->n_labels].
void tn_record_scores(const tn_scores_class *s, const tn_str *label, const tn_interval *interval, tn_json_writer *w);

/// "NAME":{"low","high","level","method","resamples"}, a member of such an "intervals" object.
void tn_record_interval(const char *name, const tn_interval *i, tn_json_writer *w);

/// id,label,predicted,then a probability column a label, named as it; one row a prediction. Floats as shortest
/// decimals, which read back to the same bits. Without probabilities the columns are left out. TN_EINVALID for outcomes
/// that tn_outcomes_check refuses; TN_ENOMEM, TN_ELIMIT from the buffer.
tn_status tn_record_predictions(const tn_outcomes *o, const tn_str *id, const tn_str *label, tn_buf *out, tn_err *err);
/// Reads such a file back: for verify, compare and reports. Labels must be `label` in order. Texts are slices of `csv`
/// or live in the arena. TN_EFORMAT "LINE: ..." for other columns, a label that is not in `label`, a probability that
/// is none; no rows are fine.
typedef struct {
    int32_t n;
    tn_str *id;
    tn_outcomes outcomes;
} tn_predictions;
tn_status tn_record_predictions_parse(tn_str csv, const tn_str *label, int32_t n_labels, tn_arena *a,
                                      tn_predictions *out, tn_err *err);

/// The n rows with the largest badness (of a wrong label: its confidence), worst first, the earlier row of equals: indices,
/// *n_out of them. Rows of badness 0 are right and never among them.
tn_status tn_worst_rows(const double *badness, size_t n_rows, size_t n, tn_arena *a, uint32_t **row, size_t *n_out, tn_err *err);

#endif
