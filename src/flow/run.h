#ifndef TN_FLOW_RUN_H
#define TN_FLOW_RUN_H
/// The whole road: a brief or a plan in, a run folder out, with everything that was done.
///
/// Stages talk through files: data/, experiment/, tune/, eval/, deploy/. A stage whose records are there, made by the
/// same plan from the same bytes, is not done again; so a killed run goes on where it was.

#include "base/clock.h"
#include "base/finding.h"
#include "codec/json.h"
#include "hub/at_hand.h"
#include "rules/rules.h"
#include "tensor/engine.h"

typedef struct {
    const char *path;    /* brief.md or plan.yaml */
    tn_str text;         /* ptr not NULL: the content itself; `path` only names it, and says where relative data lies */
    const tn_rules *rules; /* of the project, for the plan that a brief becomes; NULL: as compiled in. A plan has its own */
    const char *dir;     /* run folder; NULL: runs/NAME-DIGEST beside the working directory */
    bool resume;         /* the folder exists: go on in it */
    bool replace;        /* the folder exists: remove what a run wrote there first */
    tn_hub_where hub;    /* where models at hand are looked for */
    const char *program; /* path of the tenet program, to measure a cold start; NULL: not measured */
    bool ask;            /* a person is at the terminal: open questions are asked */
    bool plan_only;      /* stop after the plan */
    bool select_only;    /* stop after the experiment: data/ and experiment/ are written */
    bool train_only;     /* stop after tuning: the model is in tune/model, and the test stays closed */
    tn_engine *engine;
    tn_progress *progress;
} tn_run_options;

typedef struct {
    tn_arena *arena;
    const char *dir;        /* NULL when plan_only */
    tn_json *plan;
    const tn_json *brief;   /* the reading, as tn_brief_write gives it; NULL for a plan */
    tn_findings findings;
    bool criteria_met;      /* the success criterion that was fixed before training */
} tn_run_result;

/// Runs. `out` is valid and must be freed whatever the status.
/// TN_ERULE: a rule says no (findings tell), or a threshold stated in the brief is not met (everything is written).
/// TN_EINTR: the folder can be resumed.
tn_status tn_run(const tn_run_options *o, tn_run_result *out, tn_err *err);
void tn_run_result_free(tn_run_result *r);

#endif
