#ifndef TN_TRAIN_LOOP_H
#define TN_TRAIN_LOOP_H
/// Fine-tuning: a recipe, encoded rows and a model become the best weights on validation, with a record of each step.
///
///   tn_learner learner = tn_learner_of(model);
///   tn_recipe recipe = TN_RECIPE_INIT;
///   tn_train_run(&(tn_train_job){.learner = &learner, .recipe = &recipe, .train = &train, .validation = &validation,
///                                .dir = "runs/x/tune", .resume = false, .progress = &bar}, &out, err);
///
/// Written into `dir`:
///   steps.jsonl  a line a step: {"step","epoch","lr","loss","grad_norm","tokens"}; step counts from 1
///   evals.jsonl  a line an evaluation: {"step","epoch","loss", the scores by name ...,"best"}
///   checkpoint/state.safetensors   weights, moments, counters after the last checkpoint; replaced whole or not at all
///   checkpoint/best.safetensors    weights of the best evaluation so far
/// No clock and no count of threads is in any of them: the same recipe, rows and model give the same bytes, also when
/// the process was killed at any moment and resumed. What was written after the last checkpoint is cut off and made
/// again.

#include "base/clock.h"
#include "train/batch.h"
#include "train/schedule.h"

typedef struct {
    int32_t epochs;  /* used when n_steps is 0 */
    int64_t n_steps; /* > 0: exactly so many steps */
    int32_t batch_size;
    int32_t n_shards; /* part of the numbers: another value gives other bits */
    double learning_rate;
    tn_schedule_kind schedule;
    double warmup_ratio; /* of all steps */
    double weight_decay, beta1, beta2, eps;
    double layer_decay;   /* of the learning rate, a layer from the head down (train/adamw.h); 1: all the same */
    int32_t n_passes;     /* a batch is computed in so many passes, each of n_shards / n_passes shards: the memory of one,
                           * the bytes of all. Both are powers of two where there is more than one pass */
    double max_grad_norm; /* 0: no clipping */
    bool dropout;
    uint64_t seed;            /* order of rows, dropout */
    int64_t eval_every;       /* steps; 0: at the end of each epoch. The last step is always evaluated */
    int32_t patience;         /* evaluations without a better one before the run stops; 0: never */
    const char *best_by;      /* name of a score, or "loss"; equal values: the earlier one stays. NULL: the loss */
    int64_t checkpoint_every; /* steps, besides each evaluation; 0: only there */
    /// Of the training loss (tn_loss_options); an evaluation's loss has neither.
    double label_smoothing;
    const float *class_weight; /* [L], or NULL; of sets of labels what a given one weighs */
} tn_recipe;

/// TrainingArguments' defaults where it has one; 4 shards, best by macro F1, seed 0.
#define TN_RECIPE_INIT                                                                                                 \
    ((tn_recipe){.epochs = 3,                                                                                          \
                 .batch_size = 8,                                                                                      \
                 .n_shards = 4,                                                                                        \
                 .learning_rate = 5e-5,                                                                                \
                 .schedule = TN_SCHEDULE_LINEAR,                                                                       \
                 .beta1 = 0.9,                                                                                         \
                 .beta2 = 0.999,                                                                                       \
                 .eps = 1e-8,                                                                                          \
                 .layer_decay = 1,                                                                                     \
                 .n_passes = 1,                                                                                        \
                 .max_grad_norm = 1,                                                                                   \
                 .dropout = true,                                                                                      \
                 .best_by = "macro_f1"})

/// TN_EINVALID names the first value that makes no sense.
tn_status tn_recipe_check(const tn_recipe *r, tn_err *err);
/// Steps of the whole run for a training side of n_rows.
int64_t tn_recipe_n_steps(const tn_recipe *r, int32_t n_rows);

/// What the loop needs from a model: parameters with gradients, one training pass, one evaluation pass.
typedef struct {
    void *self;
    tn_model *model; /* whose own passes these are (tn_learner_of); NULL: others, and ranks cannot help */
    tn_engine *engine;
    tn_param *param;
    size_t n_params;
    tn_target_kind target; /* what it learns from; NONE: its own affair, and an evaluator is needed for evaluations */
    bool by_choice;        /* logits are those of b->chosen alone: TN_TASK_MASKED */
    int32_t width;         /* of a line of logits */
    int32_t vocab_size, n_types, max_tokens;
    tn_status (*backward)(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err);
    /// Lines of `width`: one a row of CLASS, FLAGS, VALUES and NONE; one a token of TOKENS and SPANS; one a chosen token.
    tn_status (*logits)(void *self, const tn_batch *b, float *logits, tn_err *err);
    void (*params_changed)(void *self);
} tn_learner;

/// The model must have been opened with options.train.
tn_learner tn_learner_of(tn_model *m);

/// ---- evaluation ----
enum { TN_SCORES_MAX = 12 };
/// A loss and named scores, in the order in which they are written.
typedef struct {
    double loss; /* as the task's training loss has it, without weights and smoothing, in double; of classes: the log-loss
                  * without clipping */
    int n;
    struct {
        char name[24];
        double value;
        bool less_is_better;
    } score[TN_SCORES_MAX];
} tn_scores;
/// False when there is no such score. "loss" (and "log_loss" where no score has that name) is the loss.
bool tn_scores_get(const tn_scores *s, const char *name, double *value, bool *less_is_better);
/// Appends; a full list is our bug.
void tn_scores_add(tn_scores *s, const char *name, double value, bool less_is_better);

/// What a task makes of the logits of all rows, where the scores of the loop itself are not what it is measured by.
typedef struct {
    void *self;
    /// Rows [first, first + n) of x, all in order; first = 0 begins anew. `logits` has the lines of tn_learner.logits.
    tn_status (*add)(void *self, const tn_examples *x, int32_t first, int32_t n, const float *logits, tn_err *err);
    /// After the last row. out->loss is set (0 for TN_TARGET_NONE: the evaluator's own affair); adds scores.
    tn_status (*finish)(void *self, tn_scores *out, tn_err *err);
} tn_evaluator;

/// Scores of the current weights on rows, in batches of batch_size, or fewer rows when they are long. Without an evaluator
/// (NULL):
///   CLASS, and TOKENS over counted tokens   accuracy, macro_f1, mcc
///   FLAGS   micro_f1, macro_f1, exact_match (all labels of a row right), by logits above 0
///   VALUES  mse, mae, r2, pearson: means over the values of a row (pearson with a constant: 0)
///   SPANS   exact_match (the first largest of both ends right; of all rows, also those that do not hold their span), start_accuracy, end_accuracy
///   TOKENS by choice (a masked language model)   accuracy, perplexity
tn_status tn_train_evaluate(const tn_learner *l, const tn_examples *x, int32_t batch_size, const tn_evaluator *by,
                            tn_scores *out, tn_err *err);

typedef struct {
    const tn_learner *learner;
    const tn_recipe *recipe;
    const tn_examples *train;
    const tn_examples *validation; /* NULL or empty: no evaluation, the last weights are the best */
    const tn_evaluator *evaluator; /* NULL: the loop's own scores */
    const tn_batch_order *order;   /* NULL but for parity runs */
    const char *dir;
    int64_t stop_at;       /* > 0: pause after so many steps; the next call, with resume, goes on */
    bool resume;           /* go on from dir/checkpoint when there is one; otherwise start afresh there */
    tn_progress *progress; /* may be NULL */
} tn_train_job;

typedef struct {
    int64_t n_steps; /* made in all, before a resume included */
    int64_t n_planned;
    int64_t best_step; /* 0 without validation */
    tn_scores best;
    double last_loss;
    uint64_t n_tokens; /* seen in all steps */
    bool stopped_early;
    bool diverged; /* set where tn_train_run fails for a loss or norm that is not finite; n_steps were made before */
    bool paused; /* at stop_at: the parameters are those of the last step, whichever was the best */
} tn_train_outcome;

/// Where the engine has peers (mpirun), they compute too: train/ranks.h.
/// Trains, and leaves the best weights in the learner's parameters. A run that had finished is only loaded.
/// TN_EINTR after an interrupt: a checkpoint of the last step is there. TN_EINVALID for a recipe or rows that make no
/// sense, a checkpoint of another recipe, model or data, and for a loss or norm that is not finite: the sentence says
/// at which step and what to try. TN_EFORMAT for a checkpoint that is cut short, ill-formed or not of one piece (flipped
/// bits of a weight are not seen). TN_EIO: the last good checkpoint is still there; when a rank was lost, it is of the last step.
tn_status tn_train_run(const tn_train_job *job, tn_train_outcome *out, tn_err *err);

#endif
