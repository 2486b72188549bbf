#ifndef TN_FLOW_TASK_H
#define TN_FLOW_TASK_H
/// What a run must know about a task: one row a kind, found by the plan's task/tag and task/problem. Private to src/flow.
///
/// What stays common, and is written once in the stages: the run folder, questions, split, copies and leaks, personal data,
/// profile, licences, fit of tokenizers, the choice of a model, criteria.json and its hash, training and its records,
/// openings of the test, metrics.json, comparisons.json, slices.csv, errors.csv, bench.json, lock, cards, report, verify.
/// They work on rows, answers and named metrics, and never ask which task it is.
///
/// To add a task: a file flow/task_NAME.c with its `const tn_flow_task`, its name in the table of task.c, its metrics in
/// metric/names.c, and, for the engine, a head in model/model.h. The functions below are all that it gives. Functions of a
/// row are called in the order of the stages; each may keep what it needs in f->own (data of the task), c->own (its probe)
/// and answers->own. Memory comes from the arena that is handed over (f->arena where none is). All are pure functions of
/// plan and bytes: no clock, no threads in a result.

#include "eval/interval.h"
#include "flow/stages.h"
#include "metric/names.h"
#include "train/loop.h"

enum { TN_TASK_MAX_METRICS = 16 };

/// What somebody (the tuned model, a baseline) says about rows.
typedef struct {
    const char *name;     /* "model", "majority" …: as in records */
    size_t n;
    const uint32_t *row;  /* [n] of f->data.row */
    void *own;            /* predictions, probabilities, … */
    double value[TN_TASK_MAX_METRICS]; /* by the task's metrics, NAN where one was not measured; filled by the common part */
} tn_answers;

typedef struct {
    const char *name;        /* in records, file names and openings: "majority" */
    const char *description; /* in baselines.json: what it is, and of what it is made */
    const char *than;        /* in a sentence: "better than …": "the majority class" */
    bool untouched;          /* a pretrained model as it is: not beating it means that tuning was not worth it */
} tn_flow_baseline;

/// A value that the plan has for this task alone, as recipe/NAME or evaluation/NAME. The brief's `recipe:` may state those
/// of the recipe.
typedef struct {
    const char *section, *name;
    const char *json; /* the assumed value */
    const char *reason;
} tn_flow_setting;

/// One line of errors.csv.
typedef struct {
    tn_str text, label, predicted; /* text: NULL ptr = the row's own (both texts of a pair); personal data is redacted later */
    float confidence;              /* as sure as it was; for numbers the distance from the truth */
} tn_task_error;

typedef struct tn_flow_task {
    const char *tag;     /* the Hub's pipeline tag */
    const char *problem; /* "single-label"; "" where the tag has none */
    const char *name;    /* for people: "text classification" */
    const char *about;   /* what a row carries, in a sentence: "one label a text" */
    const char *items;   /* what is counted by n of records, for people: "texts" */

    /// Arguments of `tenet predict MODEL` for one answer, to measure a cold start by; NULL at the end.
    const char *const *once;

    /// Names of its metrics in the order of records; NULL at the end.
    const char *const *metric;
    /// Those that can be the criterion, the assumed one first, and the reason for it.
    const char *const *criterion;
    const char *criterion_reason;
    /// Shown in slices.csv and along the way, and compared: the two that say most. The criterion takes the place of one.
    const char *pair[2];
    /// What the probe's score is, for candidates.csv ("probe_macro_f1") and the rule of the choice. Higher is better.
    const char *probe_metric;
    /// In the order in which they open the test; name NULL at the end.
    const tn_flow_baseline *baseline;
    const char *baseline_reason;
    /// name NULL at the end; NULL: none.
    const tn_flow_setting *setting;
    /// Keys of the brief's `data:` mapping beside the common ones; NULL at the end or for none.
    const char *const *source_key;
    /// The test that goes with a comparison, as its key in comparisons.json: "mcnemar" where a row is right or wrong, else
    /// "sign" (the sign test over rows of unequal goodness). Both are tn_mcnemar_test's.
    const char *row_test;

    /// Values of the plan that make no sense together, before any work: TN_EINVALID names them. NULL: none.
    tn_status (*check)(const tn_flow *f, tn_err *err);
    /// Prepare. Fills f->data with rows: id, text (what is read, searched for copies and personal data), label (what the
    /// split is stratified by, an index into data.label, or -1), other columns; f->label and f->n_labels (the model's, may be
    /// none); and what the task needs beside them, by row, in f->own. `s` has the common places and columns; `source` is the
    /// brief's or the plan's data mapping. Rows are final after this; only their split changes.
    tn_status (*load)(tn_flow *f, const tn_json *source, const tn_data_source *s, tn_err *err);
    /// Finds copies and splits, where the common way (tn_data_prepare: row by row) is not right. NULL: the common way.
    tn_status (*split)(tn_flow *f, const tn_split_options *o, tn_err *err);
    /// Appends the task's own values to plan section `data`: columns and how they were found. NULL: none.
    tn_status (*describe)(const tn_flow *f, tn_json *data, tn_err *err);

    /// Experiment. Measures the untouched encoder of a candidate on the training rows: c->probe_mean and c->probe_se by
    /// cross-validation (NAN: nothing to choose by), and what the baseline needs later in c->own.
    tn_status (*probe)(tn_flow *f, tn_candidate *c, tn_err *err);
    /// Baseline number `which` of the row, fitted on the training rows, answers rows. Called for the validation rows by the
    /// experiment and for the test rows by the evaluation, which must not depend on the first. *settings: how it was fitted,
    /// for records ("" nothing to say). The chosen candidate is f->candidate[f->chosen].
    tn_status (*answer_baseline)(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err);

    /// Tune. The head to open the chosen encoder with: labels, problem, task of model/model.h.
    tn_status (*head)(tn_flow *f, tn_model_options *o, tn_err *err);
    /// Rows as ids and targets, cut to recipe/max_tokens. A row may become several examples (windows).
    tn_status (*examples)(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err);
    /// What validation rows are measured by along the way: the criterion must be among its scores. NULL: the loop's own scores
    /// (train/loop.h), where they have it.
    tn_status (*evaluator)(tn_flow *f, const uint32_t *row, size_t n, tn_evaluator *out, tn_err *err);
    /// After training, before the model is saved: changes its weights for good (a scale that was taken out of the targets).
    /// NULL: nothing.
    tn_status (*finish)(tn_flow *f, tn_model *m, tn_err *err);
    /// After training, with the best weights and the validation rows still at hand: decides what is not a weight
    /// (thresholds) and writes it into the model's folder `dir`, which is saved already. NULL: nothing.
    tn_status (*settle)(tn_flow *f, tn_model *m, const char *dir, tn_err *err);

    /// Evaluate. The model answers a->row; a->own in the arena. `what` names the progress bar, NULL: none is shown.
    tn_status (*answer)(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err);
    /// All metrics of the answers on the rows with in[i] (NULL: all), value [metrics]. There is at least one such row.
    tn_status (*measure)(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err);
    /// Intervals of all metrics, out [metrics]; value NAN where one was not measured.
    tn_status (*intervals)(const tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err);
    /// Interval of metric m of a minus that of b, paired by rows.
    tn_status (*difference)(const tn_flow *f, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o, tn_interval *out,
                            tn_err *err);
    /// How well each row was answered, out [a->n]; greater is better. 1 or 0 where a row is right or wrong.
    void (*goodness)(const tn_flow *f, const tn_answers *a, double *out);
    /// The value of "test", "validation", "train" and each baseline in metrics.json: an object that begins with "n" and the
    /// metrics, then what the task has (per_class, confusion), then "intervals" unless NULL. tn_task_write_metrics does the
    /// common parts.
    tn_status (*write_scores)(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err);
    /// eval/predictions.csv: with the truth, so that `verify` can compute the metrics again from the file alone.
    tn_status (*write_predictions)(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err);
    /// How bad answer i is: 0 = right, the largest are shown first. And its line.
    double (*badness)(const tn_flow *f, const tn_answers *a, size_t i);
    tn_status (*error)(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err);

    /// Verify. The metrics from a predictions file, NAN where it does not say; no flow is there, only labels as in
    /// metrics.json. TN_EFORMAT for a file that cannot be.
    tn_status (*rescore)(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err);
} tn_flow_task;

/// The row of a plan; NULL when the engine does not run its task.
const tn_flow_task *tn_flow_task_find(tn_str tag, tn_str problem);
/// What the engine runs, in words, for sentences: "single-label text classification, …"; in the arena.
tn_str tn_flow_tasks_known(tn_arena *a);

/// Index of a metric in the row's list, or -1; and the length of the list.
int tn_task_metric(const tn_flow_task *t, tn_str name);
size_t tn_task_n_metrics(const tn_flow_task *t);
size_t tn_task_n_baselines(const tn_flow_task *t);
/// "accuracy, macro_f1 and mcc": what can be the criterion, in words.
tn_str tn_task_criteria(const tn_flow_task *t, tn_arena *a);
/// Can the metric be the criterion of this task?
bool tn_task_is_criterion(const tn_flow_task *t, tn_str metric);

/// `"n": 12, "macro_f1": 0.5, …` of answers, and `"intervals": {…}`, for write_scores.
void tn_task_write_metrics(const tn_flow_task *t, const tn_answers *a, tn_json_writer *w);
void tn_task_write_intervals(const tn_flow_task *t, const tn_interval *interval, tn_json_writer *w);

/// intervals and difference of a task whose metrics are a function of how often each row is there: `weigh` makes that
/// function of answers, with what it needs in `scratch`.
typedef tn_status (*tn_task_weigh)(const tn_answers *a, tn_arena *scratch, tn_weighted *out, tn_err *err);
tn_status tn_task_weighted_intervals(tn_task_weigh weigh, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err);
tn_status tn_task_weighted_difference(tn_task_weigh weigh, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o,
                                      tn_interval *out, tn_err *err);

extern const tn_flow_task tn_task_single_label, tn_task_multi_label, tn_task_regression, tn_task_tokens, tn_task_answers;

#endif
