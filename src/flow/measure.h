#ifndef TN_FLOW_MEASURE_H
#define TN_FLOW_MEASURE_H
/// A model measured on labelled rows, outside any run: the task's metrics with intervals, and its predictions.

#include "base/clock.h"
#include "base/finding.h"
#include "codec/json.h"
#include "tensor/engine.h"

typedef struct {
    const char *model;  /* folder */
    const char *data;   /* file or folder; of several parts the test part alone */
    const char *text, *label, *id, *pair, *separator; /* columns; NULL: found. pair: needed where rows are pairs */
    bool label_columns; /* of several labels: each of the model's has a column of its name, 0 or 1 */
    int32_t n_resamples; /* 0 = 10000 */
    uint64_t seed;
    tn_engine *engine;
    tn_progress *progress;
} tn_measure_options;

/// *out: {"model","task","problem","signature","labels","test": the scores as in eval/metrics.json}; in the arena.
/// predictions: eval/predictions.csv's text, appended; NULL: not wanted. Findings of the data are added.
/// TN_EINVALID for a model of a task that the flow does not have; TN_ERULE for one without a trained head.
tn_status tn_measure(const tn_measure_options *o, tn_findings *findings, tn_arena *a, tn_json **out, tn_buf *predictions, tn_err *err);

#endif
