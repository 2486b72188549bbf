#ifndef TN_FLOW_RECIPE_H
#define TN_FLOW_RECIPE_H
/// The plan's recipe as the trainer takes it, and the search for a better one. Private to src/flow.
///
/// Keys that a plan may lack, with what stands for them then: accumulation 1, layer_decay 1, freeze none, label_smoothing 0,
/// class_weights none, pos_weight none, lora none, search none. The form of each is in the plan's own reasons (flow/plan.c), and in README.

#include "flow/task.h"
#include "model/lora.h"

typedef struct {
    tn_recipe train;   /* seed: the first one */
    int32_t freeze;    /* as tn_model_options has it */
    const tn_lora_options *lora; /* NULL: none */
    const uint64_t *seed;
    size_t n_seeds;
    const tn_json *class_weights, *pos_weight; /* "none", "balanced", or a mapping of labels; see tn_flow_class_weights */
} tn_flow_recipe;

/// Reads `plan` (f->plan, or a trial's copy of it); memory from f->arena. TN_EINVALID names the value.
tn_status tn_flow_recipe_read(const tn_flow *f, const tn_json *plan, tn_flow_recipe *out, tn_err *err);
/// Sets r->train.class_weight from the training rows: balanced is n / (classes * n of the class), as scikit-learn has it;
/// what a mapping leaves out has weight 1. Of sets of labels, from pos_weight: balanced is rows without the label / rows with it, 1
/// where nobody has it. TN_EINVALID for targets that the setting is not for, and for unknown labels.
tn_status tn_flow_class_weights(const tn_flow *f, const tn_model *m, const tn_examples *train, tn_flow_recipe *r, tn_err *err);

/// Trains once: opens the chosen encoder for the recipe's first seed, and leaves the best weights in *m (closed by the
/// caller), or, paused at stop_at steps (0: not), those of that step. train and validation are encoded when n_rows is 0, and
/// kept for the next call.
typedef struct {
    tn_flow_recipe recipe;
    const char *dir;
    int64_t stop_at;
    tn_examples *train, *validation;
    const tn_evaluator *evaluator; /* out: the task's; NULL: the loop's own scores */
    tn_evaluator own;
} tn_flow_training;
tn_status tn_flow_train(tn_flow *f, tn_flow_training *t, tn_model **m, tn_train_outcome *out, tn_err *err);

/// ---- search (flow/search.c) ----
/// recipe/search of the plan:
///   over      mapping: a setting of the recipe -> a list of values, or {from, to, scale: linear|log}
///   trials    how many are drawn; left out: the whole grid of the lists
///   steps     of the first rung; each next rung has `factor` times as many; 50 when left out
///   factor    one trial in so many goes on to the next rung, rounded up; 2 when left out
///   seed      of the draws; 0 when left out
/// Successive halving: all trials train for the steps of a rung, each by its own whole schedule; those with the best metric on
/// the validation rows go on from where they stopped; the last one is chosen. Equal scores: the earlier trial. Draws are by
/// (seed, trial, setting): the same trials whatever ran before. A trial whose loss
/// is not finite has lost: recorded as diverged, never chosen. Test rows are not touched. Every result is kept in
/// tune/search.json as soon as it is there, so a killed search goes on.

/// Checks the search and each trial's recipe; *n: how many trials, 0 without a search; *steps: of all rungs together.
tn_status tn_flow_search_check(const tn_flow *f, size_t *n, int64_t *steps, tn_err *err);
/// Runs it and gives the plan with the chosen values in its recipe; f->plan itself without a search.
tn_status tn_flow_search(tn_flow *f, tn_examples *train, tn_examples *validation, const tn_json **plan, tn_err *err);

#endif
