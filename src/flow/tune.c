/* Tuning: the criterion is written and hashed, then the chosen encoder is trained by the plan's recipe, or by the one that
 * a search found. The loop keeps its own records and checkpoint in tune/; this file only feeds it.
 *
 * Several seeds are several trainings, in tune/seed-N; the best on the validation rows becomes the run's: its records are
 * copied to tune/, its weights are tune/model, and it alone meets the test. All of them are in tune/seeds.json. */
#include "flow/recipe.h"

#include "base/sha256.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

/* Rule constraint-compute: what cannot fit is refused before the first step. */
static tn_status check_memory(tn_flow *f, const tn_recipe *whole, tn_err *err)
{
    tn_recipe pass = *whole, *r = &pass; /* what is in memory at once */
    r->batch_size = (whole->batch_size + whole->n_passes - 1) / whole->n_passes;
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

/* The same rule for a search, whose steps are counted beforehand. */
static tn_status check_search(tn_flow *f, const tn_recipe *r, tn_err *err)
{
    const tn_candidate *c = &f->candidate[f->chosen];
    tn_plan_candidate facts = {.id = c->id, .n_parameters = c->n_parameters, .n_encoder = c->n_encoder, .hidden_size = c->config.hidden_size, .mean_tokens = c->mean_tokens};
    size_t n;
    int64_t steps, estimated = 0;
    double minutes;
    TN_TRY(tn_flow_search_check(f, &n, &steps, err));
    if (n == 0)
        return TN_OK;
    tn_plan_estimate e = tn_plan_estimate_of(&facts, (uint64_t)steps * (uint64_t)r->batch_size, 2 * n * f->n_row[TN_SPLIT_VALIDATION], 1, r->batch_size,
                                             tn_engine_threads(f->engine), tn_engine_isa(f->engine));
    tn_json_i64(tn_plan_at(f->plan, "compute/estimated_seconds"), &estimated);
    if (tn_json_f64(tn_plan_at(f->plan, "compute/budget_minutes"), &minutes) && e.tune_seconds + (double)estimated > minutes * 60)
        return tn_fail(err, TN_ERULE, "constraint-compute: the search is estimated at %.0f s, the rest at %lld s, and the budget is %g minutes; fewer trials or steps in "
                                      "recipe/search, or a larger budget",
                       e.tune_seconds, (long long)estimated, minutes);
    tn_progress_say(f->progress, "Search: %zu trials, %lld steps in all, about %.0f s expected", n, (long long)steps, e.tune_seconds);
    return TN_OK;
}

/* Rule eval-benchmark: a metric that the commonest answer already wins says little. Told before the work; the choice is the
 * user's. */
static tn_status check_balance(tn_flow *f, tn_err *err)
{
    tn_str metric;
    size_t n = f->n_row[TN_SPLIT_TRAIN], most = 0, n_set = 0, *count = tn_arena_calloc(f->arena, (f->data.n_labels + 1) * sizeof *count);
    TN_TRY(tn_flow_metric(f, &metric, err));
    if (!count)
        return tn_fail_nomem(err, f->data.n_labels * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        const tn_row *r = &f->data.row[f->row[TN_SPLIT_TRAIN][i]];
        n_set += r->n_set;
        if (r->label >= 0 && ++count[r->label] > most)
            most = count[r->label];
    }
    double share = n ? (double)most / (double)n : 0, given = n && f->data.n_labels ? (double)n_set / ((double)n * (double)f->data.n_labels) : 1;
    if (f->data.kind == TN_LABEL_CLASS && tn_str_is(metric, "accuracy") && share >= 0.8)
        return tn_flow_find(f, "eval-benchmark", TN_WARNING, tn_str_format(f->arena, "accuracy is the criterion, and %.0f %% of the training rows have one label", share * 100),
                            TN_STR("data/profile.json"), TN_STR("macro F1 or MCC, which the commonest label does not win"), err);
    if (f->data.kind == TN_LABEL_SET && tn_str_is(metric, "hamming_loss") && given <= 0.1)
        return tn_flow_find(f, "eval-benchmark", TN_WARNING, tn_str_format(f->arena, "Hamming loss is the criterion, and a label is on %.0f %% of the rows on average", given * 100),
                            TN_STR("data/profile.json"), TN_STR("macro or micro F1, which giving no label does not win"), err);
    return TN_OK;
}

tn_status tn_stage_check(tn_flow *f, tn_err *err)
{
    tn_flow_recipe recipe;
    tn_str text;
    int64_t v;
    size_t n_trials;
    TN_TRY(tn_flow_recipe_read(f, f->plan, &recipe, err));
    TN_TRY(tn_flow_search_check(f, &n_trials, &v, err));
    TN_TRY(check_balance(f, err));
    TN_TRY(tn_flow_check_exceptions(f, err));
    TN_TRY(tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &v, err));
    TN_TRY(tn_plan_str(f->plan, "evaluation/criterion", &text, err));
    tn_str why = tn_plan_reason(f->plan, "evaluation/not_judged"), asked = tn_json_str(tn_json_first(tn_plan_at(f->plan, "evaluation/not_judged")));
    if (asked.len)
        return tn_fail(err, TN_EINVALID, "plan: evaluation/not_judged: the brief asks for %.*s: %.*s", TN_ARG(asked), TN_ARG(why));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_resamples", 100, 1000000, &v, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_seed", 0, INT64_MAX, &v, err));
    if (f->task->check)
        TN_TRY(f->task->check(f, err));
    TN_TRY(tn_plan_str(f->plan, "brief/use", &text, err));
    if (!tn_str_is(text, "commercial") && !tn_str_is(text, "research"))
        return tn_fail(err, TN_EINVALID, "plan: brief/use is commercial or research, not \"%.*s\"", TN_ARG(text));
    return TN_OK;
}

/* ---- seeds ---- */

static const char *dir_of_seed(tn_flow *f, const tn_flow_recipe *r, size_t i)
{
    char name[48];
    snprintf(name, sizeof name, "tune/seed-%" PRIu64, r->seed[i]);
    return tn_folder_path(&f->folder, r->n_seeds > 1 ? name : "tune");
}

static double score_of(const tn_flow_recipe *r, const tn_train_outcome *o, bool *less)
{
    double value = NAN;
    (void)tn_scores_get(&o->best, r->train.best_by, &value, less);
    return value;
}

/* The best on validation, the first of equals; the first of all without validation. */
static size_t best_seed(const tn_flow_recipe *r, const tn_train_outcome *out)
{
    size_t best = 0;
    for (size_t i = 1; i < r->n_seeds; i++) {
        bool less = false;
        double a = score_of(r, &out[best], &less), b = score_of(r, &out[i], &less);
        if (less ? b < a : b > a)
            best = i;
    }
    return best;
}

static tn_status write_seeds(tn_flow *f, const tn_flow_recipe *r, const tn_train_outcome *out, size_t best, tn_err *err)
{
    double sum = 0, squares = 0, n = (double)r->n_seeds;
    bool less = false;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    for (size_t i = 0; i < r->n_seeds; i++)
        sum += score_of(r, &out[i], &less);
    for (size_t i = 0; i < r->n_seeds; i++)
        squares += (score_of(r, &out[i], &less) - sum / n) * (score_of(r, &out[i], &less) - sum / n);
    double deviation = sqrt(squares / (n - 1));
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "metric"), tn_jw_c(&w, r->train.best_by);
    tn_jw_key(&w, "split"), tn_jw_c(&w, "validation");
    tn_jw_key(&w, "chosen"), tn_jw_u64(&w, r->seed[best]);
    tn_jw_key(&w, "mean"), tn_jw_f64(&w, sum / n);
    tn_jw_key(&w, "deviation"), tn_jw_f64(&w, deviation);
    tn_jw_key(&w, "seeds");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < r->n_seeds; i++) {
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "seed"), tn_jw_u64(&w, r->seed[i]);
        tn_jw_key(&w, "steps"), tn_jw_i64(&w, out[i].n_steps);
        tn_jw_key(&w, "best_step"), tn_jw_i64(&w, out[i].best_step);
        tn_jw_key(&w, "loss"), tn_jw_f64(&w, out[i].best.loss);
        for (int k = 0; k < out[i].best.n; k++)
            tn_jw_key(&w, out[i].best.score[k].name), tn_jw_f64(&w, out[i].best.score[k].value);
        tn_jw_end_object(&w);
    }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    tn_progress_say(f->progress, "Seeds: %s on validation %.3f, deviation %.3f over %zu; seed %" PRIu64 " is the best", r->train.best_by, sum / n, deviation,
                    r->n_seeds, r->seed[best]);
    return tn_folder_write(&f->folder, "tune/seeds.json", &b, err);
}

static tn_status copy_records(tn_flow *f, const char *from, tn_err *err)
{
    static const char *const name[] = {"steps.jsonl", "evals.jsonl"};
    const char *to = tn_folder_path(&f->folder, "tune");
    for (size_t i = 0; i < TN_COUNT(name); i++) {
        const char *source = tn_path_join(f->arena, from, name[i]), *target = to ? tn_path_join(f->arena, to, name[i]) : NULL;
        TN_TRY(source && target ? tn_file_copy(source, target, err) : tn_fail_nomem(err, 64));
    }
    return TN_OK;
}

/* Trains each seed; the model of the best is left open. A seed that is trained already is only loaded. */
static tn_status train_seeds(tn_flow *f, const tn_flow_recipe *r, tn_examples *train, tn_examples *validation, tn_model **m, tn_train_outcome *outcome, tn_err *err)
{
    tn_train_outcome *out = TN_ARENA_ARRAY(f->arena, tn_train_outcome, r->n_seeds);
    size_t best = 0, opened = 0;
    if (!out)
        return tn_fail_nomem(err, r->n_seeds * sizeof *out);
    for (size_t i = 0; i <= r->n_seeds; i++) {
        size_t which = i < r->n_seeds ? i : (best = best_seed(r, out));
        tn_flow_training t = {.recipe = *r, .dir = dir_of_seed(f, r, which), .train = train, .validation = validation};
        if (i == r->n_seeds && *m && opened == best)
            break;
        if (!t.dir)
            return tn_fail_nomem(err, 64);
        if (i < r->n_seeds && r->n_seeds > 1)
            tn_progress_say(f->progress, "Seed %" PRIu64 " (%zu of %zu)", r->seed[i], i + 1, r->n_seeds);
        t.recipe.train.seed = r->seed[which];
        tn_model_close(*m);
        TN_TRY(tn_flow_train(f, &t, m, &out[which], err));
        opened = which;
    }
    *outcome = out[best];
    if (r->n_seeds == 1)
        return TN_OK;
    TN_TRY(write_seeds(f, r, out, best, err));
    return copy_records(f, dir_of_seed(f, r, best), err);
}

/* What was trained becomes tune/model: adapters are kept as such too, and merged for what follows. */
static tn_status save(tn_flow *f, tn_model *m, tn_err *err)
{
    const tn_candidate *c = &f->candidate[f->chosen];
    const char *model = tn_folder_path(&f->folder, "tune/model"), *adapter = tn_folder_path(&f->folder, "tune/adapter");
    if (!model || !adapter)
        return tn_fail_nomem(err, 64);
    if (f->task->finish)
        TN_TRY(f->task->finish(f, m, err));
    if (tn_model_has_adapters(m)) {
        TN_TRY(tn_model_save_adapter(m, tn_str_of(c->id), tn_str_of(c->revision), adapter, err));
        TN_TRY(tn_model_merge(m, err));
    }
    TN_TRY(tn_model_save(m, model, err));
    return f->task->settle ? f->task->settle(f, m, model, err) : TN_OK;
}

tn_status tn_stage_tune(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    tn_flow_recipe recipe;
    tn_examples train = {0}, validation = {0};
    tn_train_outcome outcome;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    const tn_json *plan;
    TN_TRY(write_criteria(f, err));
    TN_TRY(tn_flow_recipe_read(f, f->plan, &recipe, err));
    TN_TRY(check_memory(f, &recipe.train, err));
    TN_TRY(check_search(f, &recipe.train, err));
    TN_TRY(tn_flow_search(f, &train, &validation, &plan, err));
    TN_TRY(tn_flow_recipe_read(f, plan, &recipe, err));
    TN_GO(train_seeds(f, &recipe, &train, &validation, &m, &outcome, err));
    double value;
    bool less_is_better;
    if (validation.n_rows && tn_scores_get(&outcome.best, recipe.train.best_by, &value, &less_is_better))
        tn_progress_say(f->progress, "Tuned: %lld steps%s, best at step %lld, validation %.*s %.3f", (long long)outcome.n_steps,
                        outcome.stopped_early ? " (stopped early)" : "", (long long)outcome.best_step,
                        TN_ARG(tn_metric_title_of(tn_str_of(recipe.train.best_by))), value);
    else
        tn_progress_say(f->progress, "Tuned: %lld steps; no validation rows, so the last weights are kept", (long long)outcome.n_steps);
    TN_GO(save(f, m, err));
done:
    tn_model_close(m);
    f->seconds[TN_STAGE_TUNE] = tn_clock_seconds() - start;
    return st;
}
