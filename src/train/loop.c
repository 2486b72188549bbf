/* The run is a row of steps with three kinds of stop between them: an evaluation, a checkpoint, an interrupt. What is
 * due at a step is a function of the step and of `last_eval`, so a resumed run finds its place from the state alone.
 *
 * Invariants: a checkpoint is written only between steps, after both journals reached the disk; best.safetensors is
 * written before the state that names it. A kill in between leaves a best file of a later step than the state knows;
 * the resumed run reaches that step again, finds the same scores, and writes the same bytes: before that nothing reads
 * it. Random numbers are functions of (seed, step), so weights, moments and counters are the whole state. */
#include "train/loop.h"
#include "base/file.h"
#include "codec/json.h"
#include "train/checkpoint.h"
#include "train/passes.h"
#include "train/ranks.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- recipe ---- */

static bool is_power_of_two(int32_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

tn_status tn_recipe_check(const tn_recipe *r, tn_err *err)
{
    const struct {
        bool bad;
        const char *what;
    } rule[] = {
        {r->n_steps < 0 || (r->n_steps == 0 && r->epochs < 1), "epochs must be at least 1, or steps given"},
        {r->n_steps >= UINT32_MAX, "too many steps"},
        {r->batch_size < 1, "batch_size must be at least 1"},
        {r->n_shards < 1 || r->n_shards > 64, "shards must be from 1 to 64"},
        {!(r->learning_rate > 0 && r->learning_rate < 1), "learning_rate must be above 0 and below 1"},
        {!(r->warmup_ratio >= 0 && r->warmup_ratio <= 1), "warmup_ratio must be from 0 to 1"},
        {!(r->weight_decay >= 0 && r->weight_decay * r->learning_rate < 1),
         "weight_decay must be from 0 to 1 / learning_rate"},
        {!(r->beta1 >= 0 && r->beta1 < 1 && r->beta2 >= 0 && r->beta2 < 1), "betas must be from 0 to below 1"},
        {!(r->eps > 0 && r->eps < 1), "epsilon must be above 0 and below 1"},
        {!(r->layer_decay > 0 && r->layer_decay <= 1), "layer_decay must be above 0 and at most 1"},
        {r->n_passes < 1 || r->n_passes > r->n_shards ||
             (r->n_passes > 1 && (!is_power_of_two(r->n_passes) || !is_power_of_two(r->n_shards))),
         "accumulation must be a power of two, and shards a power of two that is no smaller"},
        {!(r->max_grad_norm >= 0 && isfinite(r->max_grad_norm)), "max_grad_norm must be 0 (off) or more"},
        {!(r->label_smoothing >= 0 && r->label_smoothing < 1), "label_smoothing must be from 0 to below 1"},
        {r->eval_every < 0 || r->checkpoint_every < 0 || r->patience < 0, "intervals and patience must be 0 or more"},
    };
    for (size_t i = 0; i < TN_COUNT(rule); i++)
        if (rule[i].bad)
            return tn_fail(err, TN_EINVALID, "recipe: %s", rule[i].what);
    return TN_OK;
}

int64_t tn_recipe_n_steps(const tn_recipe *r, int32_t n_rows)
{
    int64_t per_epoch = ((int64_t)n_rows + r->batch_size - 1) / r->batch_size;
    return r->n_steps > 0 ? r->n_steps : r->epochs * per_epoch;
}

/* ---- model ---- */

static tn_status model_backward(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err)
{
    return tn_model_backward(self, b, out, err);
}

static tn_status model_logits(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    return tn_model_logits(self, b, logits, err);
}

static void model_params_changed(void *self)
{
    tn_model_params_changed(self);
}

tn_learner tn_learner_of(tn_model *m)
{
    const tn_config *c = tn_model_config(m);
    tn_learner l = {.self = m,
                    .model = m,
                    .engine = tn_model_engine(m),
                    .target = tn_model_target(m),
                    .by_choice = c->task == TN_TASK_MASKED,
                    .width = tn_model_width(m),
                    .vocab_size = c->vocab_size,
                    .n_types = c->type_vocab_size > 0 ? c->type_vocab_size : 1,
                    .max_tokens = tn_model_max_tokens(m),
                    .backward = model_backward,
                    .logits = model_logits,
                    .params_changed = model_params_changed};
    l.param = tn_model_params(m, &l.n_params);
    return l;
}

/* ---- the run ---- */

typedef struct {
    const tn_train_job *job;
    const tn_learner *l;
    const tn_recipe *r;
    tn_schedule schedule;
    int64_t per_epoch, eval_every;
    tn_arena *arena; /* paths */
    char *state_path, *best_path, *steps_path, *evals_path;
    tn_batcher *batcher;
    tn_passes *passes; /* NULL: each batch in one */
    tn_ranks *ranks;   /* NULL: this process alone; otherwise they make the passes */
    tn_adamw_state *adamw;
    tn_journal steps, evals;
    tn_buf line;
    tn_train_state s;
    bool paused;
    double started; /* for the progress line only */
    uint64_t tokens_at_start;
} run;

static void hash_bytes(tn_buf *b, const char *what, const void *bytes, size_t n)
{
    tn_buf_printf(b, "%s %zu %s\n", what, n, tn_sha256((tn_bytes){bytes, n}).hex);
}

static void describe_targets(tn_buf *b, const tn_learner *l, const tn_examples *x)
{
    const tn_targets *t = &x->target;
    size_t n = (size_t)x->n_rows, tokens = x->start[n] - x->start[0];
    tn_buf_printf(b, "target %d\n", (int)l->target);
    switch (x->masking ? TN_TARGET_NONE : l->target) {
    case TN_TARGET_CLASS: hash_bytes(b, "label", t->label, n * sizeof *t->label); break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: hash_bytes(b, "value", t->value, n * (size_t)l->width * sizeof *t->value); break;
    case TN_TARGET_TOKENS: hash_bytes(b, "label", t->label + x->start[0], tokens * sizeof *t->label); break;
    case TN_TARGET_SPANS:
        hash_bytes(b, "first", t->first, n * sizeof *t->first);
        hash_bytes(b, "last", t->last, n * sizeof *t->last);
        break;
    case TN_TARGET_NONE: break;
    }
    if (!x->masking)
        return;
    const tn_masking *m = x->masking;
    hash_bytes(b, "shares", (const double[]){m->share, m->masked, m->random}, 3 * sizeof(double));
    hash_bytes(b, "words", (const int32_t[]){m->mask_id, m->vocab_size}, 2 * sizeof(int32_t));
    hash_bytes(b, "special", m->special, (size_t)m->vocab_size * sizeof *m->special);
}

static void describe_examples(tn_buf *b, const char *what, const tn_learner *l, const tn_examples *x)
{
    if (!x || x->n_rows == 0)
        return;
    size_t tokens = x->start[x->n_rows] - x->start[0];
    tn_buf_printf(b, "%s\n", what);
    hash_bytes(b, "start", x->start, ((size_t)x->n_rows + 1) * sizeof *x->start);
    hash_bytes(b, "ids", x->ids + x->start[0], tokens * sizeof *x->ids);
    if (x->type_id)
        hash_bytes(b, "types", x->type_id + x->start[0], tokens * sizeof *x->type_id);
    describe_targets(b, l, x);
}

static const char *best_by(const tn_recipe *r)
{
    return r->best_by ? r->best_by : "loss";
}

static void describe_recipe(tn_buf *b, const tn_recipe *r)
{
    const double number[] = {r->learning_rate, r->warmup_ratio, r->weight_decay,  r->beta1,         r->beta2,
                             r->eps,           r->layer_decay,  r->max_grad_norm, r->label_smoothing};
    tn_buf_printf(b, "%" PRId32 " %" PRId64 " %" PRId32 " %" PRId32 " %d %d %" PRIu64 " %" PRId64 " %" PRId32 " %s",
                  r->epochs, r->n_steps, r->batch_size, r->n_shards, (int)r->schedule, r->dropout, r->seed,
                  r->eval_every, r->patience, best_by(r));
    for (size_t i = 0; i < TN_COUNT(number); i++) {
        tn_buf_char(b, ' ');
        tn_buf_f64(b, number[i]);
    }
    tn_buf_char(b, '\n');
}

/* All that decides the numbers, but for the weights that the run starts from: they are in the caller's lock. */
static tn_status job_digest(const run *u, tn_digest *out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    describe_recipe(&b, u->r);
    if (u->r->class_weight)
        hash_bytes(&b, "class weights", u->r->class_weight, (size_t)u->l->width * sizeof *u->r->class_weight);
    describe_examples(&b, "train", u->l, u->job->train);
    describe_examples(&b, "validation", u->l, u->job->validation);
    if (u->job->order) {
        const tn_batch_order *o = u->job->order;
        hash_bytes(&b, "order", o->start, ((size_t)o->n_batches + 1) * sizeof *o->start);
        hash_bytes(&b, "rows", o->row, o->start[o->n_batches] * sizeof *o->row);
    }
    for (size_t i = 0; i < u->l->n_params; i++) {
        const tn_param *p = &u->l->param[i];
        tn_buf_printf(&b, "%.*s %zu %" PRId64 "\n", TN_ARG(p->name), p->size, p->dim[0]);
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}

static bool has_validation(const run *u)
{
    return u->job->validation && u->job->validation->n_rows > 0;
}

static bool eval_is_due(const run *u)
{
    int64_t step = u->s.step;
    return has_validation(u) && step > 0 && u->s.last_eval != step &&
           (step % u->eval_every == 0 || step == u->s.out.n_planned);
}

static bool patience_is_over(const run *u)
{
    return u->r->patience > 0 && u->s.n_worse >= u->r->patience;
}

/* The state as of this step: also in the best file, whose bytes must not tell when the checkpoints were. */
static tn_status write_state(run *u, const char *path, bool with_moments, tn_err *err)
{
    tn_adamw_catch_up_all(u->adamw);
    TN_TRY(tn_journal_sync(&u->steps, &u->s.steps, err));
    TN_TRY(tn_journal_sync(&u->evals, &u->s.evals, err));
    return tn_checkpoint_write(path, u->l, u->adamw, with_moments, &u->s, err);
}

static tn_status checkpoint(run *u, tn_err *err)
{
    return write_state(u, u->state_path, true, err);
}

/* A line of a journal begins with where the run is. */
static void begin_line(run *u, tn_json_writer *w)
{
    tn_buf_clear(&u->line);
    tn_jw_init(w, &u->line, 0);
    tn_jw_begin_object(w);
    tn_jw_key(w, "step"), tn_jw_i64(w, u->s.step);
    tn_jw_key(w, "epoch"), tn_jw_f64(w, (double)u->s.step / (double)u->per_epoch);
}

static tn_status end_line(run *u, tn_json_writer *w, tn_journal *j, tn_err *err)
{
    tn_jw_end_object(w);
    tn_buf_char(&u->line, '\n');
    TN_TRY(tn_buf_status(&u->line, err));
    return tn_journal_put(j, tn_buf_view(&u->line), err);
}

static tn_status put_eval_line(run *u, const tn_scores *s, bool best, tn_err *err)
{
    tn_json_writer w;
    begin_line(u, &w);
    tn_jw_key(&w, "loss"), tn_jw_f64(&w, s->loss);
    for (int i = 0; i < s->n; i++)
        tn_jw_key(&w, s->score[i].name), tn_jw_f64(&w, s->score[i].value);
    tn_jw_key(&w, "best"), tn_jw_bool(&w, best);
    return end_line(u, &w, &u->evals, err);
}

static tn_status put_step_line(run *u, double lr, double loss, double norm, int32_t n_tokens, tn_err *err)
{
    tn_json_writer w;
    begin_line(u, &w);
    tn_jw_key(&w, "lr"), tn_jw_f64(&w, lr);
    tn_jw_key(&w, "loss"), tn_jw_f64(&w, loss);
    tn_jw_key(&w, "grad_norm"), tn_jw_f64(&w, norm);
    tn_jw_key(&w, "tokens"), tn_jw_i64(&w, n_tokens);
    return end_line(u, &w, &u->steps, err);
}

static tn_status is_better(const run *u, const tn_scores *s, bool *out, tn_err *err)
{
    double now, before;
    bool less;
    if (!tn_scores_get(s, best_by(u->r), &now, &less)) {
        char list[TN_SCORES_MAX * 32] = "loss";
        for (int i = 0; i < s->n; i++)
            strcat(strcat(list, ", "), s->score[i].name);
        return tn_fail(err, TN_EINVALID, "recipe: best_by: there is no score \"%s\" here; there are %s", best_by(u->r), list);
    }
    *out = u->s.out.best_step == 0 || !tn_scores_get(&u->s.out.best, best_by(u->r), &before, &less) ||
           (less ? now < before : now > before);
    return TN_OK;
}

static tn_status evaluate(run *u, tn_err *err)
{
    const tn_examples *x = u->job->validation;
    tn_scores s;
    tn_adamw_catch_up(u->adamw, x->ids + x->start[0], x->start[x->n_rows] - x->start[0]);
    TN_TRY(tn_train_evaluate(u->l, x, u->r->batch_size, u->job->evaluator, &s, err));
    if (!isfinite(s.loss)) {
        u->s.out.diverged = true;
        return tn_fail(err, TN_EINVALID,
                       "step %" PRId64 ": the loss on validation is not finite; try a smaller learning rate "
                       "(now %g)",
                       u->s.step, u->r->learning_rate);
    }
    bool best = false;
    TN_TRY(is_better(u, &s, &best, err));
    u->s.last_eval = u->s.step;
    u->s.n_worse = best ? 0 : u->s.n_worse + 1;
    if (best) {
        u->s.out.best = s;
        u->s.out.best_step = u->s.step;
    }
    TN_TRY(put_eval_line(u, &s, best, err));
    return best ? write_state(u, u->best_path, false, err) : TN_OK;
}

static tn_status refuse_step(run *u, const char *what, double value, double lr, tn_err *err)
{
    u->s.out.diverged = true;
    return tn_fail(err, TN_EINVALID,
                   "step %" PRId64
                   ": the %s is %s (learning rate %g): the run stopped before it changed the weights; try a "
                   "smaller learning rate than %g, a longer warm-up, or gradient clipping%s",
                   u->s.step + 1, what, isnan(value) ? "not a number" : "infinite", lr, u->r->learning_rate,
                   u->r->max_grad_norm > 0 ? "" : " (off now)");
}

static void show_progress(const run *u, double loss, double lr)
{
    char note[96];
    double seconds = tn_clock_seconds() - u->started;
    uint64_t tokens = u->s.out.n_tokens - u->tokens_at_start;
    snprintf(note, sizeof note, "loss %.4f  lr %.2e  %.0f tokens/s", loss, lr,
             seconds > 0 ? (double)tokens / seconds : 0);
    tn_progress_show(u->job->progress, "fine-tuning", (uint64_t)u->s.step, (uint64_t)u->s.out.n_planned, note);
}

static tn_status train_step(run *u, tn_err *err)
{
    tn_train_batch b = {.loss = {.class_weight = u->r->class_weight, .smoothing = u->r->label_smoothing},
                        .dropout = u->r->dropout,
                        .seed = u->r->seed,
                        .step = (uint64_t)u->s.step};
    tn_train_result result;
    tn_batcher_at(u->batcher, u->s.step, &b);
    int32_t n_tokens = b.batch.start[b.batch.n_rows];
    double lr = tn_schedule_at(&u->schedule, u->s.step);

    tn_adamw_catch_up(u->adamw, b.batch.ids, (size_t)n_tokens);
    TN_TRY(u->ranks    ? tn_ranks_backward(u->ranks, &b, lr, &result, err)
           : u->passes ? tn_passes_backward(u->passes, u->l->backward, u->l->self, &b, &result, err)
                       : u->l->backward(u->l->self, &b, &result, err));
    if (!isfinite(result.loss))
        return refuse_step(u, "loss", result.loss, lr, err);
    double norm = tn_adamw_grad_norm(u->adamw);
    if (!isfinite(norm))
        return refuse_step(u, "norm of the gradient", norm, lr, err);
    TN_TRY(tn_adamw_step(u->adamw, lr, tn_adamw_clip(norm, u->r->max_grad_norm), err));
    u->l->params_changed(u->l->self);

    u->s.step = u->s.out.n_steps = u->s.step + 1;
    u->s.out.n_tokens += (uint64_t)n_tokens;
    u->s.out.last_loss = result.loss;
    TN_TRY(put_step_line(u, lr, result.loss, norm, n_tokens, err));
    show_progress(u, result.loss, lr);
    return TN_OK;
}

static tn_status stop_interrupted(run *u, tn_err *err)
{
    TN_TRY(checkpoint(u, err));
    return tn_fail(err, TN_EINTR,
                   "interrupted after step %" PRId64 " of %" PRId64 "; %s holds the state: --resume goes on from "
                   "there",
                   u->s.step, u->s.out.n_planned, u->state_path);
}

/* A step or an evaluation failed. What a rank's death or an interrupt cut short has changed nothing: it is made again. */
static tn_status stop_failed(run *u, tn_status st, tn_err *err)
{
    if (st == TN_EINTR)
        return stop_interrupted(u, err);
    if (!u->ranks || tn_ranks_usable(u->ranks))
        return st;
    TN_TRY(checkpoint(u, err));
    return tn_fail_prefix(err, "stopped after step %" PRId64 " of %" PRId64 ", which --resume goes on from, with any number of processes",
                          u->s.step, u->s.out.n_planned);
}

static tn_status run_steps(run *u, tn_err *err)
{
    tn_status st;
    int64_t written = u->s.step; /* step of the newest checkpoint, or of the beginning */
    while (!u->s.finished) {
        bool changed = false;
        if (eval_is_due(u)) {
            if ((st = evaluate(u, err)) != TN_OK)
                return stop_failed(u, st, err);
            changed = true;
        }
        u->s.out.stopped_early = u->s.step < u->s.out.n_planned && patience_is_over(u);
        u->s.finished = u->s.step == u->s.out.n_planned || u->s.out.stopped_early;
        if (changed || u->s.finished ||
            (u->r->checkpoint_every > 0 && u->s.step != written && u->s.step % u->r->checkpoint_every == 0)) {
            TN_TRY(checkpoint(u, err));
            written = u->s.step;
        }
        if (u->s.finished)
            return TN_OK;
        if (u->job->stop_at > 0 && u->s.step >= u->job->stop_at) {
            u->paused = true;
            return written == u->s.step && u->s.step > 0 ? TN_OK : checkpoint(u, err);
        }
        if (tn_interrupt_check(err) != TN_OK)
            return stop_interrupted(u, err);
        if ((st = train_step(u, err)) != TN_OK)
            return stop_failed(u, st, err);
    }
    return TN_OK;
}

/* The best weights into the parameters. Those of the last step are there already. */
static tn_status load_best(run *u, tn_err *err)
{
    if (u->s.out.best_step == 0 || u->s.out.best_step == u->s.step)
        return TN_OK;
    tn_train_state best;
    TN_TRY(tn_checkpoint_peek(u->best_path, &best, err));
    if (strcmp(best.job.hex, u->s.job.hex) != 0 || best.step != u->s.out.best_step)
        return tn_fail(err, TN_EFORMAT, "%s is not of this run's step %" PRId64 ": start without --resume", u->best_path,
                       u->s.out.best_step);
    tn_adamw_finish(u->adamw);
    return tn_checkpoint_read(u->best_path, u->l, u->adamw, false, err);
}

/* What a kill in the middle of a write left: as large as a checkpoint, and of no use. */
static tn_status sweep(run *u, const char *folder, tn_err *err)
{
    tn_str *name;
    size_t n;
    TN_TRY(tn_file_list(folder, u->arena, &name, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (!tn_str_ends(name[i], ".tmp"))
            continue;
        char *path = tn_path_join(u->arena, folder, name[i].ptr);
        TN_TRY(path ? tn_file_remove(path, err) : tn_fail_nomem(err, name[i].len));
    }
    return TN_OK;
}

static tn_status name_files(run *u, tn_err *err)
{
    const char *dir = u->job->dir;
    u->arena = tn_arena_new(4096);
    if (!u->arena)
        return tn_fail_nomem(err, 4096);
    u->state_path = tn_path_join(u->arena, dir, "checkpoint/state.safetensors");
    u->best_path = tn_path_join(u->arena, dir, "checkpoint/best.safetensors");
    u->steps_path = tn_path_join(u->arena, dir, "steps.jsonl");
    u->evals_path = tn_path_join(u->arena, dir, "evals.jsonl");
    char *folder = tn_path_join(u->arena, dir, "checkpoint");
    if (!u->state_path || !u->best_path || !u->steps_path || !u->evals_path || !folder)
        return tn_fail_nomem(err, 4096);
    TN_TRY(tn_file_mkdirs(folder, err));
    return sweep(u, folder, err);
}

static tn_status start_afresh(run *u, tn_err *err)
{
    /* The state goes first: without it nothing else here is believed. */
    TN_TRY(tn_file_remove(u->state_path, err));
    TN_TRY(tn_file_remove(u->best_path, err));
    TN_TRY(tn_journal_open(u->steps_path, NULL, &u->steps, err));
    return tn_journal_open(u->evals_path, NULL, &u->evals, err);
}

static tn_status go_on(run *u, tn_err *err)
{
    tn_train_state old;
    TN_TRY(tn_checkpoint_peek(u->state_path, &old, err));
    if (strcmp(old.job.hex, u->s.job.hex) != 0)
        return tn_fail(err, TN_EINVALID,
                       "%s belongs to another recipe, model or data: start without --resume, or in another "
                       "folder",
                       u->state_path);
    if (old.out.n_planned != u->s.out.n_planned)
        return tn_fail(err, TN_EFORMAT, "%s is damaged: it plans %" PRId64 " steps, the recipe %" PRId64, u->state_path,
                       old.out.n_planned, u->s.out.n_planned);
    u->s = old;
    TN_TRY(tn_journal_open(u->steps_path, &old.steps, &u->steps, err));
    TN_TRY(tn_journal_open(u->evals_path, &old.evals, &u->evals, err));
    return tn_checkpoint_read(u->state_path, u->l, u->adamw, true, err);
}

static tn_status check_job(const tn_train_job *job, tn_err *err)
{
    const tn_learner *l = job->learner;
    const struct {
        const char *name;
        const tn_examples *x;
    } side[] = {{"training side", job->train}, {"validation side", job->validation}};
    TN_TRY(tn_recipe_check(job->recipe, err));
    tn_loss_options loss = {.class_weight = job->recipe->class_weight, .smoothing = job->recipe->label_smoothing};
    TN_TRY(tn_loss_options_check(&loss, l->target, l->width, err));
    for (size_t i = 0; i < TN_COUNT(side); i++) {
        tn_status st = side[i].x ? tn_examples_check(side[i].x, l->target, l->vocab_size, l->n_types, l->width,
                                                     l->max_tokens, err)
                                 : TN_OK;
        if (st != TN_OK) {
            tn_fail_prefix(err, "%s", side[i].name);
            return st;
        }
    }
    return TN_OK;
}

static tn_status open_run(run *u, tn_err *err)
{
    const tn_recipe *r = u->r;
    TN_TRY(check_job(u->job, err));
    TN_TRY(tn_batcher_new(u->job->train, u->l->width, r->batch_size, r->n_shards, r->seed, u->job->order, &u->batcher, err));
    u->per_epoch = tn_batcher_per_epoch(u->batcher);
    int64_t n_steps = r->n_steps > 0 ? r->n_steps : r->epochs * u->per_epoch;
    if (n_steps >= UINT32_MAX)
        return tn_fail(err, TN_ELIMIT, "%" PRId64 " steps are too many: take fewer epochs or larger batches", n_steps);
    u->eval_every = r->eval_every > 0 ? r->eval_every : u->per_epoch;
    u->schedule = (tn_schedule){r->schedule, r->learning_rate, tn_schedule_warmup(n_steps, r->warmup_ratio), n_steps};
    u->s.last_eval = -1;
    u->s.out.n_planned = n_steps;
    TN_TRY(job_digest(u, &u->s.job, err));
    tn_adamw_options options = {r->beta1, r->beta2, r->eps, r->weight_decay, r->layer_decay};
    TN_TRY(tn_adamw_new(u->l->engine, u->l->param, u->l->n_params, &options, n_steps, &u->adamw, err));
    if (r->n_passes > 1 && u->l->target == TN_TARGET_NONE)
        return tn_fail(err, TN_EINVALID, "recipe: accumulation has no part where the rows of a batch are compared with each other");
    TN_TRY(tn_ranks_open(u->l, r, n_steps, tn_batcher_max_rows(u->batcher), tn_batcher_max_tokens(u->batcher), &u->ranks, err));
    if (r->n_passes > 1 && !u->ranks)
        TN_TRY(tn_passes_new(u->l->engine, u->l->param, u->l->n_params, u->l->width,
                             &(tn_passes_size){r->n_passes, tn_batcher_max_rows(u->batcher), tn_batcher_max_tokens(u->batcher)},
                             &u->passes, err));
    TN_TRY(name_files(u, err));
    bool resume = u->job->resume && tn_file_exists(u->state_path);
    TN_TRY(resume ? go_on(u, err) : start_afresh(u, err));
    if (resume && u->ranks && !u->s.finished)
        TN_TRY(tn_ranks_restore(u->ranks, u->state_path, err));
    u->started = tn_clock_seconds();
    u->tokens_at_start = u->s.out.n_tokens;
    return TN_OK;
}

tn_status tn_train_run(const tn_train_job *job, tn_train_outcome *out, tn_err *err)
{
    run u = {.job = job, .l = job->learner, .r = job->recipe, .steps = {.fd = -1}, .evals = {.fd = -1}};
    tn_fp_reset();
    tn_status st = open_run(&u, err);
    if (st == TN_OK)
        st = run_steps(&u, err);
    tn_ranks_close(u.ranks);
    if (st == TN_OK && !u.paused)
        st = load_best(&u, err);
    if (st == TN_OK || u.s.out.diverged) {
        *out = u.s.out;
        out->paused = u.paused;
    }
    tn_journal_close(&u.steps);
    tn_journal_close(&u.evals);
    tn_batcher_free(u.batcher);
    tn_passes_free(u.passes);
    tn_adamw_free(u.adamw);
    tn_buf_free(&u.line);
    tn_arena_free(u.arena);
    return st;
}
