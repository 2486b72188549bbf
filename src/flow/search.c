/* Successive halving over trials that are points of a space.
 *
 * A trial is the plan with some settings of its recipe replaced, so everything that reads a recipe reads a trial. Its
 * training is an ordinary one that pauses: by its own schedule, in tune/search/N, and goes on from there when the trial
 * survives. What a rung found is written to tune/search.json before the next trial starts.
 *
 * Invariant: a result that is in the record is never measured again, and one that is not belongs to a trial whose
 * checkpoint is at that rung's step or before it. So a search that was killed anywhere ends in the same record. */
#include "base/rng.h"
#include "flow/recipe.h"

#include "base/fmath.h"
#include "base/map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TRIALS = 256, MAX_SETTINGS = 12, MAX_RUNGS = 16 };

typedef struct {
    tn_str key;
    const tn_json *list; /* NULL: a range */
    double from, to;
    bool log, whole; /* whole numbers */
} dimension;

typedef struct {
    bool known, diverged; /* diverged: no score, and no further rung */
    double score, loss;
    int64_t steps;
} result;

typedef struct {
    const tn_json *plan; /* with this trial's values */
    tn_json *values;     /* mapping: what is its own */
    tn_flow_recipe recipe;
    result rung[MAX_RUNGS];
} trial;

typedef struct {
    dimension dim[MAX_SETTINGS];
    size_t n_dims, n;
    trial *trial; /* [n] */
    int64_t steps, factor, seed;
    bool drawn;
} search;

static const tn_json *described(const tn_flow *f)
{
    const tn_json *v = tn_plan_at(f->plan, "recipe/search");
    return tn_json_type(v) == TN_JSON_OBJECT ? v : NULL;
}

/* ---- the space ---- */

/* Settings that a trial may change: what a training alone is made of. A name that is none of them would change nothing. */
static bool may_change(tn_str key)
{
    static const char *const of_training[] = {"epochs", "batch_size", "learning_rate", "warmup_ratio", "weight_decay", "max_grad_norm", "schedule", "accumulation", "layer_decay",
                                              "label_smoothing", "class_weights", "pos_weight", "freeze", "lora", "dropout", "patience"};
    for (size_t i = 0; i < TN_COUNT(of_training); i++)
        if (tn_str_is(key, of_training[i]))
            return true;
    return false;
}

static tn_status read_range(const tn_json *v, dimension *d, tn_err *err)
{
    const tn_json *scale = tn_json_get(v, "scale"), *from = tn_json_get(v, "from"), *to = tn_json_get(v, "to");
    int64_t whole;
    d->log = tn_json_is_str(scale, "log");
    bool ok = tn_json_f64(from, &d->from) && tn_json_f64(to, &d->to) && d->from < d->to && d->from >= -1e15 && d->to <= 1e15 &&
              (!scale || d->log || tn_json_is_str(scale, "linear")) && (!d->log || d->from > 0) && tn_json_len(v) == (scale ? 3u : 2u);
    d->whole = tn_json_i64(from, &whole) && tn_json_i64(to, &whole);
    return ok ? TN_OK
              : tn_fail(err, TN_EINVALID, "plan: recipe/search/over/%.*s is a list of values, or {from: A, to: B, scale: linear or log} with A below B", TN_ARG(d->key));
}

static tn_status read_space(const tn_flow *f, search *s, tn_err *err)
{
    const tn_json *v = described(f), *over = tn_json_get(v, "over");
    int64_t trials = 0;
    size_t grid = 1;
    bool has_range = false;
    *s = (search){.steps = 50, .factor = 2};
    static const char *const keys[] = {"over", "trials", "steps", "factor", "seed"};
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        bool known = false;
        for (size_t i = 0; i < TN_COUNT(keys); i++)
            known |= tn_str_is(tn_json_key(c), keys[i]);
        if (!known)
            return tn_fail(err, TN_EINVALID, "plan: recipe/search has over, trials, steps, factor and seed, not \"%.*s\"", TN_ARG(tn_json_key(c)));
    }
    if (tn_json_type(over) != TN_JSON_OBJECT || tn_json_len(over) < 1 || tn_json_len(over) > MAX_SETTINGS)
        return tn_fail(err, TN_EINVALID, "plan: recipe/search needs `over`: 1 to %d settings of the recipe, each with values or a range", (int)MAX_SETTINGS);
    struct {
        const char *key;
        int64_t min, max, *out;
    } number[] = {{"trials", 2, MAX_TRIALS, &trials}, {"steps", 1, 1000000, &s->steps}, {"factor", 2, 100, &s->factor}, {"seed", 0, INT64_MAX, &s->seed}};
    for (size_t i = 0; i < TN_COUNT(number); i++) {
        const tn_json *x = tn_json_get(v, number[i].key);
        if (x && (!tn_json_i64(x, number[i].out) || *number[i].out < number[i].min || *number[i].out > number[i].max))
            return tn_fail(err, TN_EINVALID, "plan: recipe/search/%s must be a whole number from %lld to %lld", number[i].key, (long long)number[i].min,
                           (long long)number[i].max);
    }
    for (const tn_json *c = tn_json_first(over); c; c = tn_json_next(c)) {
        dimension *d = &s->dim[s->n_dims++];
        d->key = tn_json_key(c);
        if (!may_change(d->key))
            return tn_fail(err, TN_EINVALID, "plan: recipe/search/over: \"%.*s\" is no setting that a trial can change; docs/recipes.md has them", TN_ARG(d->key));
        d->list = tn_json_type(c) == TN_JSON_ARRAY ? c : NULL;
        if (!d->list)
            TN_TRY(read_range(c, d, err));
        else if (tn_json_len(c) == 0)
            return tn_fail(err, TN_EINVALID, "plan: recipe/search/over/%.*s is an empty list", TN_ARG(d->key));
        has_range |= !d->list;
        grid = d->list && grid <= MAX_TRIALS ? grid * tn_json_len(c) : grid;
    }
    s->drawn = trials > 0;
    if (has_range && !s->drawn)
        return tn_fail(err, TN_EINVALID, "plan: recipe/search has a range, so it needs `trials`: how many to draw");
    if (!s->drawn && (grid < 2 || grid > MAX_TRIALS))
        return tn_fail(err, TN_EINVALID, "plan: recipe/search is a grid of %zu trials; 2 to %d are possible, or give `trials` to draw some", grid, (int)MAX_TRIALS);
    s->n = s->drawn ? (size_t)trials : grid;
    return TN_OK;
}

/* ---- trials ---- */

static tn_json *draw(const tn_flow *f, const search *s, const dimension *d, size_t number)
{
    tn_rng r = tn_rng_init((uint64_t)s->seed + ((uint64_t)number << 32), tn_hash64(d->key));
    if (d->list)
        return tn_json_dup(f->arena, tn_json_at(d->list, tn_rng_below(&r, tn_json_len(d->list))));
    double u = tn_rng_f64(&r), x = d->log ? tn_exp(tn_log(d->from) + u * (tn_log(d->to) - tn_log(d->from))) : d->from + u * (d->to - d->from);
    if (d->whole)
        return tn_json_new_i64(f->arena, (int64_t)d->from + (int64_t)tn_rng_below(&r, (uint64_t)(d->to - d->from) + 1));
    char text[32]; /* three digits say enough, and read well */
    snprintf(text, sizeof text, "%.3g", x);
    tn_str_to_f64(tn_str_of(text), &x);
    return tn_json_new_f64(f->arena, x < d->from ? d->from : x > d->to ? d->to : x);
}

static tn_status make_trial(const tn_flow *f, const search *s, size_t number, trial *t, tn_err *err)
{
    tn_json *plan = tn_json_dup(f->arena, f->plan), *recipe = (tn_json *)(uintptr_t)tn_json_get(plan, "recipe");
    size_t rest = number;
    t->values = tn_json_new_object(f->arena);
    bool ok = recipe && t->values;
    for (size_t i = s->n_dims; i-- > 0;) { /* the last setting of the grid turns fastest */
        const dimension *d = &s->dim[i];
        tn_json *v = s->drawn ? draw(f, s, d, number) : tn_json_dup(f->arena, tn_json_at(d->list, rest % tn_json_len(d->list)));
        rest = s->drawn ? 0 : rest / tn_json_len(d->list);
        const char *key = tn_str_c(f->arena, d->key);
        ok = ok && key && v && tn_json_set(f->arena, recipe, key, tn_json_dup(f->arena, v)) && tn_json_set(f->arena, t->values, key, v);
    }
    if (!ok)
        return tn_fail_nomem(err, 1024);
    t->plan = plan;
    tn_status st = tn_flow_recipe_read(f, plan, &t->recipe, err);
    if (st != TN_OK)
        tn_fail_prefix(err, "recipe/search, trial %zu", number);
    return st;
}

static tn_status make_trials(const tn_flow *f, search *s, tn_err *err)
{
    if (!(s->trial = tn_arena_calloc(f->arena, s->n * sizeof *s->trial)))
        return tn_fail_nomem(err, s->n * sizeof *s->trial);
    for (size_t i = 0; i < s->n; i++)
        TN_TRY(make_trial(f, s, i, &s->trial[i], err));
    return TN_OK;
}

/* Steps of a rung, at most those of the trial's whole training. */
static int64_t steps_of(const tn_flow *f, const search *s, const trial *t, int rung)
{
    int64_t whole = tn_recipe_n_steps(&t->recipe.train, (int32_t)f->n_row[TN_SPLIT_TRAIN]), n = s->steps;
    for (int i = 0; i < rung && n < whole; i++)
        n *= s->factor;
    return n < whole ? n : whole;
}

static size_t survivors(const search *s, size_t n)
{
    return (n + (size_t)s->factor - 1) / (size_t)s->factor;
}

tn_status tn_flow_search_check(const tn_flow *f, size_t *n, int64_t *steps, tn_err *err)
{
    search s;
    *n = 0;
    *steps = 0;
    if (!described(f))
        return tn_plan_at(f->plan, "recipe/search") && !tn_json_is_str(tn_plan_at(f->plan, "recipe/search"), "none")
                   ? tn_fail(err, TN_EINVALID, "plan: recipe/search is none, or a mapping with `over`")
                   : TN_OK;
    TN_TRY(read_space(f, &s, err));
    TN_TRY(make_trials(f, &s, err));
    *n = s.n;
    int rung = 0;
    for (size_t alive = s.n, k = 0; alive > 1; alive = survivors(&s, alive), rung++)
        for (k = 0; k < alive; k++)
            *steps += steps_of(f, &s, &s.trial[k], rung) - (rung ? steps_of(f, &s, &s.trial[k], rung - 1) : 0);
    return TN_OK;
}

/* ---- the record ---- */

static tn_status write_record(tn_flow *f, const search *s, const trial *chosen, tn_str metric, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "method"), tn_jw_c(&w, s->drawn ? "random" : "grid");
    tn_jw_key(&w, "metric"), tn_jw_str(&w, metric);
    tn_jw_key(&w, "split"), tn_jw_c(&w, "validation");
    tn_jw_key(&w, "seed"), tn_jw_i64(&w, s->seed);
    tn_jw_key(&w, "factor"), tn_jw_i64(&w, s->factor);
    tn_jw_key(&w, "trials");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < s->n; i++) {
        const trial *t = &s->trial[i];
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "recipe"), tn_jw_node(&w, t->values);
        tn_jw_key(&w, "rungs");
        tn_jw_begin_array(&w);
        for (int r = 0; r < MAX_RUNGS && t->rung[r].known; r++) {
            tn_jw_begin_object(&w);
            tn_jw_key(&w, "steps"), tn_jw_i64(&w, t->rung[r].steps);
            if (t->rung[r].diverged) {
                tn_jw_key(&w, "diverged"), tn_jw_bool(&w, true);
            } else {
                tn_jw_key(&w, "loss"), tn_jw_f64(&w, t->rung[r].loss);
                tn_jw_key(&w, "score"), tn_jw_f64(&w, t->rung[r].score);
            }
            tn_jw_end_object(&w);
        }
        tn_jw_end_array(&w);
        tn_jw_end_object(&w);
    }
    tn_jw_end_array(&w);
    if (chosen) {
        tn_jw_key(&w, "chosen");
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "trial"), tn_jw_i64(&w, chosen - s->trial);
        tn_jw_key(&w, "recipe"), tn_jw_node(&w, chosen->values);
        tn_jw_end_object(&w);
    }
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return tn_folder_write(&f->folder, "tune/search.json", &b, err);
}

/* What an earlier process measured. The folder belongs to this plan (run.c), so trials have the same numbers. */
static tn_status read_record(const tn_flow *f, search *s, tn_err *err)
{
    const tn_json *root;
    if (!tn_folder_has(&f->folder, "tune/search.json"))
        return TN_OK;
    TN_TRY(tn_folder_read_json(&f->folder, "tune/search.json", f->arena, &root, err));
    size_t i = 0;
    for (const tn_json *t = tn_json_first(tn_json_get(root, "trials")); t && i < s->n; t = tn_json_next(t), i++) {
        if (!tn_json_equal(tn_json_get(t, "recipe"), s->trial[i].values))
            return tn_fail(err, TN_EFORMAT, "%s/tune/search.json has other trials than the plan: start the run anew with --replace", f->folder.dir);
        int r = 0;
        for (const tn_json *v = tn_json_first(tn_json_get(t, "rungs")); v && r < MAX_RUNGS; v = tn_json_next(v), r++) {
            result *x = &s->trial[i].rung[r];
            (void)tn_json_bool(tn_json_get(v, "diverged"), &x->diverged);
            x->known = tn_json_i64(tn_json_get(v, "steps"), &x->steps) &&
                       (x->diverged || (tn_json_f64(tn_json_get(v, "score"), &x->score) && tn_json_f64(tn_json_get(v, "loss"), &x->loss)));
            if (!x->known)
                return tn_fail(err, TN_EFORMAT, "%s/tune/search.json: trial %zu has an ill-formed result", f->folder.dir, i);
        }
    }
    return TN_OK;
}

/* ---- the rungs ---- */

/* A trial that diverges has lost, and the search goes on: finding out where training breaks is what it is for. */
static tn_status lose(tn_flow *f, result *r, int64_t n_steps, const char *why)
{
    tn_progress_say(f->progress, "Search: this trial diverged: %s", why);
    *r = (result){.known = true, .diverged = true, .steps = n_steps};
    return TN_OK;
}

static tn_status measure(tn_flow *f, search *s, trial *t, int rung, tn_examples *train, tn_examples *validation, bool *less, tn_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "tune/search/%zu", (size_t)(t - s->trial));
    tn_flow_training job = {.recipe = t->recipe, .dir = tn_folder_path(&f->folder, name), .stop_at = steps_of(f, s, t, rung), .train = train, .validation = validation};
    tn_model *m = NULL;
    tn_train_outcome out = {0};
    tn_scores scores;
    result *r = &t->rung[rung];
    if (!job.dir)
        return tn_fail_nomem(err, 64);
    tn_status st = tn_flow_train(f, &job, &m, &out, err);
    if (st == TN_OK) {
        tn_learner l = tn_learner_of(m);
        st = tn_train_evaluate(&l, validation, t->recipe.train.batch_size, job.evaluator, &scores, err);
    }
    if (st != TN_OK && out.diverged)
        st = lose(f, r, out.n_steps, err->msg);
    else if (st == TN_OK && !isfinite(scores.loss))
        st = lose(f, r, out.n_steps, "the loss on validation is not finite");
    else if (st == TN_OK && !tn_scores_get(&scores, t->recipe.train.best_by, &r->score, less))
        st = tn_fail(err, TN_EINVALID, "plan: a search cannot go by \"%s\", which is not measured while training", t->recipe.train.best_by);
    if (st == TN_OK && !r->diverged) {
        r->loss = scores.loss;
        r->steps = out.n_steps;
        r->known = true;
    }
    tn_model_close(m);
    return st;
}

static bool is_behind(const result *a, const result *b, bool less)
{
    if (a->diverged || b->diverged)
        return a->diverged && !b->diverged;
    return less ? b->score < a->score : b->score > a->score;
}

/* Best first; the earlier of equals; diverged ones last. Insertion: trials are few. */
static void rank_trials(trial **alive, size_t n, int rung, bool less)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0; k--) {
            if (!is_behind(&alive[k - 1]->rung[rung], &alive[k]->rung[rung], less))
                break;
            trial *x = alive[k];
            alive[k] = alive[k - 1];
            alive[k - 1] = x;
        }
}

/* Weights and moments of trials are large, and of no more use. */
static tn_status drop_checkpoint(tn_flow *f, const search *s, const trial *t, tn_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "tune/search/%zu/checkpoint", (size_t)(t - s->trial));
    const char *path = tn_folder_path(&f->folder, name);
    return path ? tn_file_remove(path, err) : tn_fail_nomem(err, 64);
}

/* *left: how many go on. */
static tn_status run_rung(tn_flow *f, search *s, trial **alive, size_t n, size_t *left, int rung, tn_examples *train, tn_examples *validation, tn_err *err)
{
    const tn_metric_info *info = tn_metric_find(tn_str_of(alive[0]->recipe.train.best_by));
    bool less = info && info->lower_is_better;
    tn_str metric = tn_str_of(alive[0]->recipe.train.best_by);
    for (size_t i = 0; i < n; i++) {
        if (alive[i]->rung[rung].known)
            continue;
        tn_progress_say(f->progress, "Search: rung %d, trial %zu of %zu (number %zu)", rung + 1, i + 1, n, (size_t)(alive[i] - s->trial));
        TN_TRY(measure(f, s, alive[i], rung, train, validation, &less, err));
        TN_TRY(write_record(f, s, NULL, metric, err));
    }
    rank_trials(alive, n, rung, less);
    for (*left = survivors(s, n); *left > 0 && alive[*left - 1]->rung[rung].diverged;)
        --*left;
    for (size_t i = *left; i < n; i++)
        TN_TRY(drop_checkpoint(f, s, alive[i], err));
    return TN_OK;
}

static int by_place(const trial *a, const trial *b)
{
    return (a > b) - (a < b);
}

static tn_status run_search(tn_flow *f, search *s, tn_examples *train, tn_examples *validation, const trial **chosen, tn_err *err)
{
    trial *alive[MAX_TRIALS] = {NULL};
    size_t n = s->n;
    int rung = 0;
    for (size_t i = 0; i < n; i++)
        alive[i] = &s->trial[i];
    for (; n > 1; rung++) {
        TN_ASSERT(rung < MAX_RUNGS); /* 256 trials are 1 after 8 halvings */
        TN_TRY(run_rung(f, s, alive, n, &n, rung, train, validation, err));
        if (n == 0)
            return tn_fail(err, TN_EINVALID, "search: all trials of rung %d diverged (tune/search.json); search over smaller learning rates", rung + 1);
        for (size_t i = 1; i < n; i++) /* the next rung goes in the order of trials, so that equal scores fall to the earlier */
            for (size_t k = i; k > 0 && by_place(alive[k - 1], alive[k]) > 0; k--) {
                trial *x = alive[k];
                alive[k] = alive[k - 1];
                alive[k - 1] = x;
            }
    }
    TN_TRY(drop_checkpoint(f, s, alive[0], err));
    *chosen = alive[0];
    return TN_OK;
}

static tn_status say_chosen(tn_flow *f, const trial *t, size_t number, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_node(&w, t->values);
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        tn_progress_say(f->progress, "Search: trial %zu is the best on validation: %.*s", number, TN_ARG(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}

tn_status tn_flow_search(tn_flow *f, tn_examples *train, tn_examples *validation, const tn_json **plan, tn_err *err)
{
    search s;
    const trial *chosen = NULL;
    *plan = f->plan;
    if (!described(f))
        return TN_OK;
    if (f->n_row[TN_SPLIT_VALIDATION] == 0)
        return tn_fail(err, TN_EINVALID, "plan: recipe/search chooses on validation rows, and there are none");
    TN_TRY(read_space(f, &s, err));
    TN_TRY(make_trials(f, &s, err));
    TN_TRY(read_record(f, &s, err));
    TN_TRY(run_search(f, &s, train, validation, &chosen, err));
    TN_TRY(write_record(f, &s, chosen, tn_str_of(chosen->recipe.train.best_by), err));
    *plan = chosen->plan;
    return say_chosen(f, chosen, (size_t)(chosen - s.trial), err);
}
