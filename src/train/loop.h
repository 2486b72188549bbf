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
///   evals.jsonl  a line an evaluation: {"step","epoch","loss","accuracy","macro_f1","mcc","best"}
///   checkpoint/state.safetensors   weights, moments, counters after the last checkpoint; replaced whole or not at all
///   checkpoint/best.safetensors    weights of the best evaluation so far
/// No clock and no count of threads is in any of them: the same recipe, rows and model give the same bytes, also when
/// the process was killed at any moment and resumed. What was written after the last checkpoint is cut off and made
/// again.

#include "base/clock.h"
#include "metric/classification.h"
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
    tn_metric_id best_by;     /* equal values: the earlier one stays */
    int64_t checkpoint_every; /* steps, besides each evaluation; 0: only there */
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
                 .best_by = TN_METRIC_MACRO_F1})

/// TN_EINVALID names the first value that makes no sense.
tn_status tn_recipe_check(const tn_recipe *r, tn_err *err);
/// Steps of the whole run for a training side of n_rows.
int64_t tn_recipe_n_steps(const tn_recipe *r, int32_t n_rows);

/// What the loop needs from a model: parameters with gradients, one training pass, one evaluation pass.
typedef struct {
    void *self;
    tn_engine *engine;
    tn_param *param;
    size_t n_params;
    int32_t n_labels, vocab_size, max_tokens;
    tn_status (*backward)(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err);
    tn_status (*logits)(void *self, const tn_batch *b, float *logits, tn_err *err);
    void (*params_changed)(void *self);
} tn_learner;

/// The model must have been opened with options.train.
tn_learner tn_learner_of(tn_model *m);

typedef struct {
    double loss; /* mean cross-entropy, which is the log-loss without clipping */
    double accuracy, macro_f1, mcc;
} tn_scores;

/// Scores of the current weights on rows, in batches of batch_size, or fewer rows when they are long.
tn_status tn_train_evaluate(const tn_learner *l, const tn_examples *x, int32_t batch_size, tn_scores *out, tn_err *err);

typedef struct {
    const tn_learner *learner;
    const tn_recipe *recipe;
    const tn_examples *train;
    const tn_examples *validation; /* NULL or empty: no evaluation, the last weights are the best */
    const tn_batch_order *order;   /* NULL but for parity runs */
    const char *dir;
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
} tn_train_outcome;

/// Trains, and leaves the best weights in the learner's parameters. A run that had finished is only loaded.
/// TN_EINTR after an interrupt: a checkpoint of the last step is there. TN_EINVALID for a recipe or rows that make no
/// sense, a checkpoint of another recipe, model or data, and for a loss or norm that is not finite: the sentence says
/// at which step and what to try. TN_EFORMAT for a checkpoint that is cut short, ill-formed or not of one piece (flipped
/// bits of a weight are not seen). TN_EIO: the last good checkpoint is still there.
tn_status tn_train_run(const tn_train_job *job, tn_train_outcome *out, tn_err *err);

#endif
