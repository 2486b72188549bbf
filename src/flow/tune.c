/* Tuning: the criterion is written and hashed, then the chosen encoder is trained by the plan's recipe. The loop keeps
 * its own records and checkpoint in tune/; this file only feeds it. */
#include "flow/task.h"

#include "base/sha256.h"

#include <string.h>

tn_status tn_flow_metric(const tn_flow *f, tn_str *metric, tn_err *err)
{
    TN_TRY(tn_plan_str(f->plan, "evaluation/metric", metric, err));
    if (tn_task_is_criterion(f->task, *metric))
        return TN_OK;
    return tn_fail(err, TN_EINVALID, "plan: evaluation/metric is \"%.*s\"; %.*s can be criteria", TN_ARG(*metric), TN_ARG(tn_task_criteria(f->task, f->arena)));
}

static tn_status write_criteria(tn_flow *f, tn_err *err)
{
    tn_str metric, criterion;
    double threshold;
    TN_TRY(tn_flow_metric(f, &metric, err));
    TN_TRY(tn_plan_str(f->plan, "evaluation/criterion", &criterion, err));
    const tn_metric_info *info = tn_metric_find(metric);
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "metric");
    tn_jw_str(&w, metric);
    tn_jw_key(&w, "op");
    tn_jw_c(&w, info->lower_is_better ? "<=" : ">=");
    tn_jw_key(&w, "threshold");
    if (tn_json_f64(tn_plan_at(f->plan, "evaluation/threshold"), &threshold))
        tn_jw_f64(&w, threshold);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "origin");
    tn_jw_str(&w, tn_plan_origin(f->plan, "evaluation/threshold"));
    tn_jw_key(&w, "rule");
    tn_jw_str(&w, criterion);
    tn_jw_key(&w, "signature");
    tn_jw_c(&w, info->signature);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return tn_folder_write(&f->folder, "criteria.json", &b, err);
}

static tn_status read_recipe(const tn_flow *f, tn_recipe *r, tn_err *err)
{
    int64_t v, epochs, per_epoch;
    tn_str schedule, metric;
    *r = TN_RECIPE_INIT;
    TN_TRY(tn_plan_i64(f->plan, "recipe/epochs", 1, 1000, &epochs, err));
    r->epochs = (int32_t)epochs;
    TN_TRY(tn_plan_i64(f->plan, "recipe/batch_size", 1, 4096, &v, err));
    r->batch_size = (int32_t)v;
    TN_TRY(tn_plan_i64(f->plan, "recipe/shards", 1, 64, &v, err));
    r->n_shards = (int32_t)v;
    TN_TRY(tn_plan_f64(f->plan, "recipe/learning_rate", 0, 1, &r->learning_rate, err));
    TN_TRY(tn_plan_f64(f->plan, "recipe/warmup_ratio", 0, 1, &r->warmup_ratio, err));
    TN_TRY(tn_plan_f64(f->plan, "recipe/weight_decay", 0, 1, &r->weight_decay, err));
    TN_TRY(tn_plan_f64(f->plan, "recipe/max_grad_norm", 0, 1e6, &r->max_grad_norm, err));
    TN_TRY(tn_plan_i64(f->plan, "recipe/patience", 0, 1000, &v, err));
    r->patience = (int32_t)v;
    TN_TRY(tn_plan_i64(f->plan, "recipe/evaluations_per_epoch", 1, 1000, &per_epoch, err));
    if (per_epoch > 1) {
        int64_t steps = ((int64_t)f->n_row[TN_SPLIT_TRAIN] + r->batch_size - 1) / r->batch_size;
        r->eval_every = steps / per_epoch > 0 ? steps / per_epoch : 1;
    }
    TN_TRY(tn_plan_str(f->plan, "recipe/schedule", &schedule, err));
    if (!tn_schedule_parse(schedule, &r->schedule))
        return tn_fail(err, TN_EINVALID, "plan: recipe/schedule is linear, cosine or constant, not \"%.*s\"", TN_ARG(schedule));
    if (!tn_json_bool(tn_plan_at(f->plan, "recipe/dropout"), &r->dropout))
        return tn_fail(err, TN_EINVALID, "plan: recipe/dropout must be true or false");
    const tn_json *seeds = tn_plan_at(f->plan, "recipe/seeds");
    if (tn_json_len(seeds) != 1 || !tn_json_i64(tn_json_first(seeds), &v) || v < 0)
        return tn_fail(err, TN_EINVALID, "plan: recipe/seeds must be a list of one whole number, such as [0]; a run has one seed, so run once for each");
    r->seed = (uint64_t)v;
    TN_TRY(tn_flow_metric(f, &metric, err));
    r->best_by = f->task->metric[tn_task_metric(f->task, metric)];
    return tn_recipe_check(r, err);
}

/* Rule constraint-compute: what cannot fit is refused before the first step. */
static tn_status check_memory(tn_flow *f, const tn_recipe *r, tn_err *err)
{
    const tn_candidate *c = &f->candidate[f->chosen];
    tn_plan_candidate facts = {.id = c->id, .n_parameters = c->n_parameters, .n_encoder = c->n_encoder,
                               .hidden_size = c->config.hidden_size, .mean_tokens = c->mean_tokens};
    tn_plan_estimate e = tn_plan_estimate_of(&facts, f->n_row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_VALIDATION] + f->n_row[TN_SPLIT_TEST],
                                             r->epochs, r->batch_size, tn_engine_threads(f->engine), tn_engine_isa(f->engine));
    int64_t memory;
    if (tn_json_i64(tn_plan_at(f->plan, "compute/memory_bytes"), &memory) && e.bytes > (uint64_t)memory)
        return tn_fail(err, TN_ERULE, "constraint-compute: training %s at batch %d needs about %.1f GB, the plan allows %.1f GB; "
                                      "lower recipe/batch_size or recipe/max_tokens, or raise compute/memory_bytes",
                       c->id, (int)r->batch_size, (double)e.bytes / 1e9, (double)memory / 1e9);
    tn_progress_say(f->progress, "Tuning %s: %zu rows, %d passes at most, about %.0f s and %.2f GB expected", c->id,
                    f->n_row[TN_SPLIT_TRAIN], (int)r->epochs, e.tune_seconds, (double)e.bytes / 1e9);
    return TN_OK;
}

tn_status tn_stage_check(tn_flow *f, tn_err *err)
{
    tn_recipe recipe;
    tn_str text;
    int64_t v;
    TN_TRY(read_recipe(f, &recipe, err));
    TN_TRY(tn_flow_check_exceptions(f, err));
    TN_TRY(tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &v, err));
    TN_TRY(tn_plan_str(f->plan, "evaluation/criterion", &text, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_resamples", 100, 1000000, &v, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_seed", 0, INT64_MAX, &v, err));
    TN_TRY(tn_plan_str(f->plan, "brief/use", &text, err));
    if (!tn_str_is(text, "commercial") && !tn_str_is(text, "research"))
        return tn_fail(err, TN_EINVALID, "plan: brief/use is commercial or research, not \"%.*s\"", TN_ARG(text));
    return TN_OK;
}

tn_status tn_stage_tune(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    tn_recipe recipe;
    tn_examples train, validation;
    tn_evaluator evaluator;
    tn_train_outcome outcome;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    const tn_candidate *c = &f->candidate[f->chosen];
    TN_TRY(write_criteria(f, err));
    TN_TRY(read_recipe(f, &recipe, err));
    TN_TRY(check_memory(f, &recipe, err));
    tn_model_options head = {.train = true, .seed = recipe.seed};
    TN_GO(f->task->head(f, &head, err));
    TN_GO(tn_model_open(f->engine, c->dir, &head, &m, err));
    TN_GO(f->task->examples(f, m, f->row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_TRAIN], f->arena, &train, err));
    TN_GO(f->task->examples(f, m, f->row[TN_SPLIT_VALIDATION], f->n_row[TN_SPLIT_VALIDATION], f->arena, &validation, err));
    if (f->task->evaluator)
        TN_GO(f->task->evaluator(f, f->row[TN_SPLIT_VALIDATION], f->n_row[TN_SPLIT_VALIDATION], &evaluator, err));
    tn_learner learner = tn_learner_of(m);
    const char *dir = tn_folder_path(&f->folder, "tune"), *model = tn_folder_path(&f->folder, "tune/model");
    if (!dir || !model) {
        st = tn_fail_nomem(err, 64);
        goto done;
    }
    TN_GO(tn_train_run(&(tn_train_job){.learner = &learner, .recipe = &recipe, .train = &train, .validation = &validation,
                                       .evaluator = f->task->evaluator ? &evaluator : NULL, .dir = dir, .resume = true, .progress = f->progress},
                       &outcome, err));
    double best;
    bool less_is_better;
    if (validation.n_rows && tn_scores_get(&outcome.best, recipe.best_by, &best, &less_is_better))
        tn_progress_say(f->progress, "Tuned: %lld steps%s, best at step %lld, validation %.*s %.3f", (long long)outcome.n_steps,
                        outcome.stopped_early ? " (stopped early)" : "", (long long)outcome.best_step, TN_ARG(tn_metric_title_of(tn_str_of(recipe.best_by))), best);
    else
        tn_progress_say(f->progress, "Tuned: %lld steps; no validation rows, so the last weights are kept", (long long)outcome.n_steps);
    if (f->task->finish)
        TN_GO(f->task->finish(f, m, err));
    TN_GO(tn_model_save(m, model, err));
    if (f->task->settle)
        TN_GO(f->task->settle(f, m, model, err));
done:
    tn_model_close(m);
    f->seconds[TN_STAGE_TUNE] = tn_clock_seconds() - start;
    return st;
}
