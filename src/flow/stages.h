#ifndef TN_FLOW_STAGES_H
#define TN_FLOW_STAGES_H
/// The stages of a run and what they share. Private to src/flow.

#include "data/fit.h"
#include "data/pii.h"
#include "data/profile.h"
#include "data/split.h"
#include "eval/baseline.h"
#include "eval/record.h"
#include "flow/brief.h"
#include "record/folder.h"
#include "flow/plan.h"
#include "flow/run.h"
#include "model/model.h"

typedef struct {
    const char *id, *revision, *dir;
    const char *licence, *languages, *provenance, *source; /* "" unknown */
    tn_config config;
    uint64_t n_parameters, n_encoder;
    int32_t max_tokens;
    double mean_tokens;
    tn_fit fit;
    bool allowed;           /* by its licence, for the use in the brief */
    const char *verdict;    /* of the licence */
    bool probed;
    double probe_mean, probe_se; /* of the task's probe metric, by cross-validation on the training rows; NAN: not measured */
    void *own;              /* the task's: its probe */
    float *feature;         /* [data.n_rows, hidden], of pairs [data.n_rows, 2, hidden]; rows of train and validation only; NULL before the experiment */
} tn_candidate;

typedef struct {
    const tn_run_options *o;
    tn_run_result *out;
    tn_arena *arena;        /* of the run */
    tn_run_folder folder;
    tn_engine *engine;
    tn_progress *progress;
    tn_json *plan;
    char plan_digest[65];
    const char *base;       /* folder that relative data paths start from */
    tn_brief brief;
    bool pairs;             /* the brief speaks of two texts a row */
    const struct tn_flow_task *task; /* flow/task.h; set before the rows are loaded */
    tn_dataset data;
    void *own;              /* the task's, beside the rows */
    const tn_str *label;    /* of the model; NULL: none */
    size_t n_labels;
    tn_duplicates duplicates;
    tn_profile profile;
    uint32_t *row[TN_N_SPLITS]; /* rows of each split */
    size_t n_row[TN_N_SPLITS];
    const char *model_dir;      /* of the tuned model that answers */
    tn_candidate *candidate;
    size_t n_candidates, chosen;
    double start, seconds[5]; /* prepare, experiment, tune, evaluate, deploy */
} tn_flow;

enum { TN_STAGE_PREPARE, TN_STAGE_EXPERIMENT, TN_STAGE_TUNE, TN_STAGE_EVALUATE, TN_STAGE_DEPLOY };

/// Loads and splits the data named at data/source of the brief's front matter or of the plan.
tn_status tn_stage_load(tn_flow *f, const tn_json *source, double validation, double test, int64_t seed, tn_err *err);
/// Models at hand, with their facts and their fit to the training rows. `choice` fixes one ("select": all).
tn_status tn_stage_candidates(tn_flow *f, tn_str choice, tn_err *err);
/// Every value that a later stage will ask the plan for, so that a slip is told before the work and not after it.
tn_status tn_stage_check(tn_flow *f, tn_err *err);
/// Writes data/.
tn_status tn_stage_prepare(tn_flow *f, tn_err *err);
/// Probes, choice, baselines: experiment/.
tn_status tn_stage_experiment(tn_flow *f, tn_err *err);
/// criteria.json, then tune/.
tn_status tn_stage_tune(tn_flow *f, tn_err *err);
/// Opens the test once: eval/.
tn_status tn_stage_evaluate(tn_flow *f, tn_err *err);
/// deploy/, cards, lock, report.
tn_status tn_stage_deploy(tn_flow *f, tn_err *err);

/// Shared: embeddings of the texts of rows by a candidate's encoder, into c->feature: [row, hidden], of pairs [row, 2, hidden].
tn_status tn_flow_features(tn_flow *f, tn_candidate *c, const uint32_t *row, size_t n, tn_err *err);
/// Labels and texts of rows, in the arena. Each may be NULL.
tn_status tn_flow_rows(const tn_flow *f, const uint32_t *row, size_t n, tn_arena *a, int32_t **label, tn_str **text,
                       tn_err *err);
/// The plan's criterion: a metric that the task can be judged by, else TN_EINVALID names those.
tn_status tn_flow_metric(const tn_flow *f, tn_str *metric, tn_err *err);
/// A finding with the severity that the rule has by itself; the plan's exceptions come with tn_flow_settle.
tn_status tn_flow_find(tn_flow *f, const char *rule, tn_severity severity, tn_str message, tn_str evidence, tn_str remedy,
                       tn_err *err);
/// The plan's exceptions, held to their form: each has a rule, a reason and a last day, and a severity or a path.
tn_status tn_flow_check_exceptions(const tn_flow *f, tn_err *err);
/// Is a finding of this rule an error in this plan, as it is by itself?
bool tn_flow_is_error(const tn_flow *f, const char *rule);
/// Gives the findings so far the severities of the plan's exceptions and drops those of rules that are off. Settled
/// findings stay as they are.
void tn_flow_settle(const tn_flow *f);

#endif
