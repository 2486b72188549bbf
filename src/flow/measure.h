#ifndef TN_FLOW_MEASURE_H
#define TN_FLOW_MEASURE_H
/// A model measured on labelled rows, outside any run: the task's metrics with intervals, and its predictions.

#include "base/clock.h"
#include "base/finding.h"
#include "codec/json.h"
#include "eval/interval.h"
#include "model/model.h"

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

/// What another form of a model (its 8-bit weights) loses against it.
enum { TN_LOST_MAX = 16 };
typedef struct {
    size_t n_rows;
    char data_sha256[65];
    const char *tag;   /* the Hub's pipeline tag */
    const char *items; /* what rows are, for people: "texts" */
    size_t n;
    struct tn_lost {
        const char *name;     /* of a metric */
        double whole, other;  /* of the two forms */
        tn_interval lost;     /* how much worse the other is: less of a score, more of a loss; rows in pairs */
    } metric[TN_LOST_MAX];    /* what the task can be judged by, and its log-loss */
    size_t by;                /* the one to decide by: the first of those that are greater when better */
    size_t n_worse, n_better; /* rows that the other answers worse, and better */
} tn_measured_loss;

/// Both answer the validation rows of the data, all rows where it names no splits, and never rows named test. `dir` is the folder
/// of `other`; o->model that of `m`. Fails as tn_measure does, and with TN_EINVALID when splits are named and none is for validation.
tn_status tn_measure_lost(const tn_measure_options *o, tn_model *m, const char *dir, tn_model *other, tn_findings *findings, tn_arena *a, tn_measured_loss *out,
                          tn_err *err);

#endif
