#ifndef TN_FLOW_PLAN_H
#define TN_FLOW_PLAN_H
/// The plan: every value that a run will use, each with its reason and where it comes from. A tree (plan.yaml) that a
/// person reads, edits and runs.
///
/// A value is written {value, origin, reason, words}: origin is `stated` (the user's front matter or edit), `inferred`
/// (from words of the brief, which are quoted) or `assumed`. A bare scalar in its place, as a person types it, is read
/// as stated. The five sections (task, model, data, approach, evaluation) and the three phases are always there. Where the
/// project's tenet.yaml changes a rule or names licences, `exceptions` and model/licences_allowed hold it: a run obeys its
/// plan, and no clock.

#include "flow/brief.h"
#include "rules/rules.h"

/// Shares of the rows that become validation and test where the data brings no such split.
#define TN_PLAN_VALIDATION_SHARE 0.15
#define TN_PLAN_TEST_SHARE 0.2

/// What planning looked at before it planned. All of it is read, nothing kept.
typedef struct {
    const char *id;      /* Hub id, or the folder */
    const char *revision;
    const char *licence; /* "" unknown */
    const char *languages;
    uint64_t n_parameters;     /* in all */
    uint64_t n_encoder;        /* outside the embedding tables: what each token pays for */
    int32_t hidden_size;
    int32_t max_tokens;
    double mean_tokens;        /* of this data with this tokenizer, after truncation */
    const char *fit;           /* "fits", "poor", "mismatch" */
    const char *fit_reason;
} tn_plan_candidate;

typedef struct {
    uint64_t n_rows, n_train; /* usable rows; those of the training side */
    const char *text_column, *label_column, *id_column; /* "" when there is none */
    const char *text_reason, *label_reason; /* why those columns */
    const tn_str *label;
    size_t n_labels;
    bool has_validation, has_test; /* splits that the user gave */
    const char *language;          /* majority language seen in the texts, "" unknown */
} tn_plan_data;

typedef struct {
    const tn_brief *brief;
    const char *brief_path;
    const tn_rules *rules;    /* what the project says about the rules, kept in the plan; NULL: nothing */
    const tn_plan_data *data; /* NULL: the brief names none */
    const char *problem;      /* what the data showed it to be; NULL: as the brief says */
    const tn_plan_candidate *candidate;
    size_t n_candidates;
    int threads;
    const char *isa;
    uint64_t memory; /* bytes that this machine can give */
} tn_plan_input;

/// The pipeline tag and the kind of problem that a plan of this brief will have; "" for none.
tn_str tn_plan_tag(const tn_brief *b);
tn_str tn_plan_problem(const tn_brief *b);

/// Builds the plan. With no data it is complete all the same, with the questions that stay open.
/// TN_ERULE (constraint-task) when neither task nor modality follows from the brief; the sentence says what to add.
tn_status tn_plan_make(const tn_plan_input *in, tn_arena *a, tn_json **plan, tn_err *err);

/// plan.yaml's text, with a head comment.
tn_status tn_plan_write(const tn_json *plan, tn_buf *out, tn_err *err);
/// Reads plan.yaml (also one edited by hand). TN_EFORMAT with line and column.
tn_status tn_plan_parse(tn_str text, tn_arena *a, tn_json **plan, tn_err *err);

/// The value at a path ("recipe/epochs"): the `value` of a mapping, or the scalar itself. NULL when absent.
const tn_json *tn_plan_at(const tn_json *plan, const char *path);
/// The same, typed and bounded; TN_EINVALID names path and place when it is absent, of another type, or out of bounds.
tn_status tn_plan_i64(const tn_json *plan, const char *path, int64_t min, int64_t max, int64_t *out, tn_err *err);
tn_status tn_plan_f64(const tn_json *plan, const char *path, double min, double max, double *out, tn_err *err);
tn_status tn_plan_str(const tn_json *plan, const char *path, tn_str *out, tn_err *err);
/// "stated", "inferred" or "assumed"; "stated" for a bare scalar.
tn_str tn_plan_origin(const tn_json *plan, const char *path);
/// The value's reason, empty when there is none.
tn_str tn_plan_reason(const tn_json *plan, const char *path);

/// Open questions of the brief in words ("Why is this needed? ..."), for a person at a terminal; and what is assumed when
/// nobody answers. NULL-terminated list in the arena.
typedef struct {
    const char *code, *question, *assumption;
} tn_plan_question;
const tn_plan_question *tn_plan_questions(void);

/// Seconds and bytes that a run is estimated to take, from sizes alone (no clock is read).
typedef struct {
    double seconds;
    double experiment_seconds, tune_seconds, evaluate_seconds;
    uint64_t bytes;
} tn_plan_estimate;
tn_plan_estimate tn_plan_estimate_of(const tn_plan_candidate *c, uint64_t n_train, uint64_t n_other, int64_t epochs,
                                     int64_t batch_size, int threads, const char *isa);

#endif
