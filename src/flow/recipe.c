/* Values are asked for by path and bounds, as everywhere; what a plan leaves out keeps the value that changes nothing. */
#include "flow/recipe.h"

#include <stdio.h>
#include <string.h>

static const tn_json *at(const tn_json *plan, const char *key)
{
    char path[64];
    snprintf(path, sizeof path, "recipe/%s", key);
    const tn_json *v = tn_plan_at(plan, path);
    return tn_json_type(v) == TN_JSON_NULL ? NULL : v;
}

static tn_status small(const tn_json *plan, const char *path, int64_t min, int64_t max, int32_t *out, tn_err *err)
{
    int64_t v;
    TN_TRY(tn_plan_i64(plan, path, min, max, &v, err));
    *out = (int32_t)v;
    return TN_OK;
}

static tn_status read_freeze(const tn_json *plan, int32_t *out, tn_err *err)
{
    const tn_json *v = at(plan, "freeze");
    int64_t n;
    if (!v || tn_json_is_str(v, "none"))
        *out = 0;
    else if (tn_json_is_str(v, "embeddings"))
        *out = 1;
    else if (tn_json_is_str(v, "encoder"))
        *out = TN_FREEZE_ENCODER;
    else if (tn_json_i64(v, &n) && n >= 1 && n <= 1000)
        *out = (int32_t)n + 1;
    else
        return tn_fail(err, TN_EINVALID, "plan: recipe/freeze is none, embeddings, encoder, or how many of the first layers (with the embeddings), not \"%.*s\"",
                       TN_ARG(tn_json_text(v)));
    return TN_OK;
}

/* lora: {rank: 8, alpha: 16, dropout: 0.1, targets: all-linear | [query, value], rslora: false} */
static tn_status read_lora(const tn_flow *f, const tn_json *plan, const tn_lora_options **out, tn_err *err)
{
    const tn_json *v = at(plan, "lora");
    int64_t rank;
    *out = NULL;
    if (!v || tn_json_is_str(v, "none"))
        return TN_OK;
    tn_lora_options *o = tn_arena_calloc(f->arena, sizeof *o);
    if (!o)
        return tn_fail_nomem(err, sizeof *o);
    if (tn_json_type(v) != TN_JSON_OBJECT || !tn_json_i64(tn_json_get(v, "rank"), &rank) || rank < 1 || rank > 1024)
        return tn_fail(err, TN_EINVALID, "plan: recipe/lora is none, or a mapping with a rank from 1 to 1024, such as {rank: 8, alpha: 16}");
    *o = (tn_lora_options){.rank = (int32_t)rank, .alpha = 2 * (double)rank};
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        tn_str key = tn_json_key(c);
        bool ok = tn_str_is(key, "rank") || (tn_str_is(key, "alpha") && tn_json_f64(c, &o->alpha) && o->alpha > 0 && o->alpha < 1e6) ||
                  (tn_str_is(key, "dropout") && tn_json_f64(c, &o->dropout) && o->dropout >= 0 && o->dropout < 1) ||
                  (tn_str_is(key, "rslora") && tn_json_bool(c, &o->rslora)) || (tn_str_is(key, "targets") && tn_json_is_str(c, "all-linear"));
        if (!ok && tn_str_is(key, "targets") && tn_json_type(c) == TN_JSON_ARRAY && tn_json_len(c) > 0) {
            tn_str *target = TN_ARENA_ARRAY(f->arena, tn_str, tn_json_len(c));
            if (!target)
                return tn_fail_nomem(err, tn_json_len(c) * sizeof *target);
            ok = true;
            for (const tn_json *t = tn_json_first(c); t; t = tn_json_next(t)) {
                ok &= tn_json_str(t).len > 0;
                target[o->n_targets++] = tn_json_str(t);
            }
            o->target = target;
        }
        if (!ok)
            return tn_fail(err, TN_EINVALID, "plan: recipe/lora has rank, alpha (above 0), dropout (0 to below 1), targets (all-linear or a list of names) and "
                                             "rslora; \"%.*s: %.*s\" is none of them",
                           TN_ARG(key), TN_ARG(tn_json_text(c)));
    }
    *out = o;
    return TN_OK;
}

static tn_status read_seeds(const tn_flow *f, const tn_json *plan, tn_flow_recipe *r, tn_err *err)
{
    enum { MAX_SEEDS = 100 };
    const tn_json *list = at(plan, "seeds");
    size_t n = tn_json_len(list);
    uint64_t *seed = TN_ARENA_ARRAY(f->arena, uint64_t, n + 1);
    if (!seed)
        return tn_fail_nomem(err, n * sizeof *seed);
    bool ok = tn_json_type(list) == TN_JSON_ARRAY && n >= 1 && n <= MAX_SEEDS;
    size_t k = 0;
    for (const tn_json *v = ok ? tn_json_first(list) : NULL; v; v = tn_json_next(v)) {
        int64_t s = -1;
        ok = tn_json_i64(v, &s) && s >= 0;
        for (size_t i = 0; ok && i < k; i++)
            ok = seed[i] != (uint64_t)s;
        if (!ok)
            break;
        seed[k++] = (uint64_t)s;
    }
    if (!ok)
        return tn_fail(err, TN_EINVALID, "plan: recipe/seeds must be a list of 1 to %d different whole numbers, such as [0] or [0, 1, 2]", MAX_SEEDS);
    r->seed = seed;
    r->n_seeds = n;
    r->train.seed = seed[0];
    return TN_OK;
}

static tn_status read_weights(const tn_json *plan, const char *key, const tn_json **out, tn_err *err)
{
    const tn_json *v = at(plan, key);
    double w;
    bool ok = !v || tn_json_is_str(v, "none") || tn_json_is_str(v, "balanced") || tn_json_type(v) == TN_JSON_OBJECT;
    for (const tn_json *c = tn_json_type(v) == TN_JSON_OBJECT ? tn_json_first(v) : NULL; c && ok; c = tn_json_next(c))
        ok = tn_json_f64(c, &w) && w >= 0 && w <= 1e6;
    if (!ok)
        return tn_fail(err, TN_EINVALID, "plan: recipe/%s is none, balanced, or a mapping of labels to weights from 0 to a million", key);
    *out = tn_json_is_str(v, "none") ? NULL : v;
    return TN_OK;
}

tn_status tn_flow_recipe_read(const tn_flow *f, const tn_json *plan, tn_flow_recipe *out, tn_err *err)
{
    tn_recipe *r = &out->train;
    int32_t per_epoch;
    tn_str schedule, metric;
    *out = (tn_flow_recipe){.train = TN_RECIPE_INIT};
    TN_TRY(small(plan, "recipe/epochs", 1, 1000, &r->epochs, err));
    TN_TRY(small(plan, "recipe/batch_size", 1, 4096, &r->batch_size, err));
    TN_TRY(small(plan, "recipe/shards", 1, 64, &r->n_shards, err));
    if (at(plan, "accumulation"))
        TN_TRY(small(plan, "recipe/accumulation", 1, 64, &r->n_passes, err));
    TN_TRY(tn_plan_f64(plan, "recipe/learning_rate", 0, 1, &r->learning_rate, err));
    TN_TRY(tn_plan_f64(plan, "recipe/warmup_ratio", 0, 1, &r->warmup_ratio, err));
    TN_TRY(tn_plan_f64(plan, "recipe/weight_decay", 0, 1, &r->weight_decay, err));
    TN_TRY(tn_plan_f64(plan, "recipe/max_grad_norm", 0, 1e6, &r->max_grad_norm, err));
    if (at(plan, "layer_decay"))
        TN_TRY(tn_plan_f64(plan, "recipe/layer_decay", 0, 1, &r->layer_decay, err));
    if (at(plan, "label_smoothing"))
        TN_TRY(tn_plan_f64(plan, "recipe/label_smoothing", 0, 1, &r->label_smoothing, err));
    TN_TRY(small(plan, "recipe/patience", 0, 1000, &r->patience, err));
    TN_TRY(small(plan, "recipe/evaluations_per_epoch", 1, 1000, &per_epoch, err));
    if (per_epoch > 1) {
        int64_t steps = ((int64_t)f->n_row[TN_SPLIT_TRAIN] + r->batch_size - 1) / r->batch_size;
        r->eval_every = steps / per_epoch > 0 ? steps / per_epoch : 1;
    }
    TN_TRY(tn_plan_str(plan, "recipe/schedule", &schedule, err));
    if (!tn_schedule_parse(schedule, &r->schedule))
        return tn_fail(err, TN_EINVALID, "plan: recipe/schedule is linear, cosine or constant, not \"%.*s\"", TN_ARG(schedule));
    if (!tn_json_bool(tn_plan_at(plan, "recipe/dropout"), &r->dropout))
        return tn_fail(err, TN_EINVALID, "plan: recipe/dropout must be true or false");
    TN_TRY(read_freeze(plan, &out->freeze, err));
    TN_TRY(read_lora(f, plan, &out->lora, err));
    if (out->lora && out->freeze)
        return tn_fail(err, TN_EINVALID, "plan: recipe/lora trains adapters and the head alone; recipe/freeze has no part in that: leave one of them out");
    TN_TRY(read_seeds(f, plan, out, err));
    TN_TRY(read_weights(plan, "class_weights", &out->class_weights, err));
    TN_TRY(read_weights(plan, "pos_weight", &out->pos_weight, err));
    TN_TRY(tn_flow_metric(f, &metric, err));
    r->best_by = f->task->metric[tn_task_metric(f->task, metric)];
    tn_status st = tn_recipe_check(r, err);
    if (st != TN_OK)
        tn_fail_prefix(err, "plan");
    return st;
}

/* ---- class weights ---- */

/* How often each label is there; of how many. */
static int64_t count_labels(const tn_examples *x, int64_t *count, size_t n_labels)
{
    size_t n = x->target.kind == TN_TARGET_TOKENS ? x->start[x->n_rows] : (size_t)x->n_rows;
    int64_t total = 0;
    if (x->target.kind == TN_TARGET_FLAGS) {
        for (size_t i = 0; i < n * n_labels; i++)
            count[i % n_labels] += x->target.value[i] > 0.5f;
        return (int64_t)n;
    }
    for (size_t i = 0; i < n; i++)
        if (x->target.label[i] >= 0 && (size_t)x->target.label[i] < n_labels)
            count[x->target.label[i]]++, total++;
    return total;
}

tn_status tn_flow_class_weights(const tn_flow *f, const tn_model *m, const tn_examples *train, tn_flow_recipe *r, tn_err *err)
{
    const tn_config *c = tn_model_config(m);
    bool classes = (train->target.kind == TN_TARGET_CLASS || train->target.kind == TN_TARGET_TOKENS) && !train->masking;
    bool sets = train->target.kind == TN_TARGET_FLAGS;
    const tn_json *v = sets ? r->pos_weight : r->class_weights;
    if (r->class_weights && !classes)
        return tn_fail(err, TN_EINVALID, "plan: recipe/class_weights is for one class a row or a token; %s", sets ? "for several labels a row there is pos_weight" : "this task has none");
    if (r->pos_weight && !sets)
        return tn_fail(err, TN_EINVALID, "plan: recipe/pos_weight is for several labels a row; %s", classes ? "for one class a row or a token there is class_weights" : "this task has none");
    if (!v)
        return TN_OK;
    size_t n = (size_t)c->n_labels;
    float *weight = TN_ARENA_ARRAY(f->arena, float, n);
    int64_t *count = tn_arena_calloc(f->arena, n * sizeof *count);
    if (!weight || !count)
        return tn_fail_nomem(err, n * sizeof *count);
    int64_t total = count_labels(train, count, n);
    for (size_t i = 0; i < n; i++) {
        double have = (double)count[i], balanced = sets ? ((double)total - have) / have : (double)total / ((double)n * have);
        weight[i] = tn_json_is_str(v, "balanced") && count[i] ? (float)balanced : 1;
    }
    for (const tn_json *w = tn_json_type(v) == TN_JSON_OBJECT ? tn_json_first(v) : NULL; w; w = tn_json_next(w)) {
        size_t i = 0;
        double x = 1;
        while (i < n && !tn_str_eq(c->label[i], tn_json_key(w)))
            i++;
        if (i == n)
            return tn_fail(err, TN_EINVALID, "plan: recipe/%s names \"%.*s\", which is no label of the data", sets ? "pos_weight" : "class_weights", TN_ARG(tn_json_key(w)));
        tn_json_f64(w, &x);
        weight[i] = (float)x;
    }
    r->train.class_weight = weight;
    return TN_OK;
}

/* ---- one training ---- */

tn_status tn_flow_train(tn_flow *f, tn_flow_training *t, tn_model **m, tn_train_outcome *out, tn_err *err)
{
    tn_model_options head = {.train = true, .seed = t->recipe.train.seed, .freeze = t->recipe.freeze, .lora = t->recipe.lora};
    *m = NULL;
    TN_TRY(f->task->head(f, &head, err));
    TN_TRY(tn_model_open(f->engine, f->candidate[f->chosen].dir, &head, m, err));
    if (t->train->n_rows == 0) {
        TN_TRY(f->task->examples(f, *m, f->row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_TRAIN], f->arena, t->train, err));
        TN_TRY(f->task->examples(f, *m, f->row[TN_SPLIT_VALIDATION], f->n_row[TN_SPLIT_VALIDATION], f->arena, t->validation, err));
    }
    TN_TRY(tn_flow_class_weights(f, *m, t->train, &t->recipe, err));
    t->evaluator = f->task->evaluator ? &t->own : NULL;
    if (t->evaluator)
        TN_TRY(f->task->evaluator(f, f->row[TN_SPLIT_VALIDATION], f->n_row[TN_SPLIT_VALIDATION], &t->own, err));
    tn_learner learner = tn_learner_of(*m);
    return tn_train_run(&(tn_train_job){.learner = &learner, .recipe = &t->recipe.train, .train = t->train, .validation = t->validation, .evaluator = t->evaluator, .dir = t->dir,
                                        .stop_at = t->stop_at, .resume = true, .progress = f->progress},
                        out, err);
}
