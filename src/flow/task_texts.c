/* Rows of one text and rows of two go the same way here; where they differ, the difference is one line. */
#include "flow/task_texts.h"

#include <math.h>
#include <string.h>

static bool has_pairs(const tn_flow *f)
{
    return f->data.pair_column.name.len > 0;
}

tn_status tn_texts_load(tn_flow *f, const tn_data_source *s, tn_err *err)
{
    return tn_dataset_load(s, &f->data, &f->out->findings, err);
}

tn_status tn_texts_describe(const tn_flow *f, tn_json *data, tn_err *err)
{
    if (!has_pairs(f))
        return TN_OK;
    tn_json *v = tn_json_new_object(f->arena);
    bool ok = v && tn_json_set(f->arena, v, "value", tn_json_new_str(f->arena, f->data.pair_column.name)) &&
              tn_json_set(f->arena, v, "origin", tn_json_new_str(f->arena, TN_STR("inferred"))) &&
              tn_json_set(f->arena, v, "reason", tn_json_new_str(f->arena, f->data.pair_column.why)) && tn_json_set(f->arena, data, "pair_column", v);
    return ok ? TN_OK : tn_fail_nomem(err, 64);
}

tn_status tn_texts_joined(const tn_flow *f, const uint32_t *row, size_t n, tn_arena *a, tn_str **text, tn_err *err)
{
    TN_TRY(tn_flow_rows(f, row, n, a, NULL, text, err));
    for (size_t i = 0; has_pairs(f) && i < n; i++) {
        const tn_row *r = &f->data.row[row[i]];
        (*text)[i] = tn_str_format(a, "%.*s\n%.*s", TN_ARG(r->text), TN_ARG(r->pair));
        if (!(*text)[i].ptr)
            return tn_fail_nomem(err, r->text.len + r->pair.len);
    }
    return TN_OK;
}

tn_status tn_texts_features(tn_flow *f, tn_candidate *c, const uint32_t *row, size_t n, float **x, int32_t *width, tn_err *err)
{
    TN_TRY(tn_flow_features(f, c, row, n, err));
    size_t h = (size_t)c->config.hidden_size, sides = has_pairs(f) ? 2 : 1, w = sides == 2 ? 4 * h : h;
    *width = (int32_t)w;
    *x = TN_ARENA_ARRAY(f->arena, float, (n + 1) * w);
    if (!*x)
        return tn_fail_nomem(err, n * w * sizeof **x);
    for (size_t i = 0; i < n; i++) {
        const float *u = c->feature + row[i] * sides * h, *v = u + h;
        float *to = *x + i * w;
        memcpy(to, u, sides * h * sizeof *to);
        for (size_t k = 0; sides == 2 && k < h; k++) {
            to[2 * h + k] = fabsf(u[k] - v[k]);
            to[3 * h + k] = u[k] * v[k];
        }
    }
    return TN_OK;
}

tn_status tn_texts_encode(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1);
    TN_VEC(int32_t) ids = {0}, types = {0};
    tn_arena *scratch = tn_arena_new(0);
    int64_t limit = 0;
    bool typed = false;
    tn_status st = tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &limit, err);
    if (st == TN_OK && (!start || !scratch))
        st = tn_fail_nomem(err, n * sizeof *start);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        const tn_row *r = &f->data.row[row[i]];
        tn_model_row x = {0};
        tn_arena_reset(scratch);
        st = tn_model_encode_row(m, r->text, r->pair, (int32_t)limit, scratch, &x, err);
        start[i] = ids.len;
        for (int32_t k = 0; st == TN_OK && k < x.n; k++)
            if (!TN_PUSH(&ids, x.ids[k]) || !TN_PUSH(&types, x.type_id ? x.type_id[k] : 0))
                st = tn_fail_nomem(err, ids.cap * 2 * sizeof(int32_t));
        typed |= x.type_id != NULL;
    }
    int32_t *all = st == TN_OK ? TN_ARENA_ARRAY(a, int32_t, ids.len + 1) : NULL, *type = st == TN_OK ? TN_ARENA_ARRAY(a, int32_t, ids.len + 1) : NULL;
    if (st == TN_OK && (!all || !type))
        st = tn_fail_nomem(err, ids.len * sizeof *all);
    if (st == TN_OK) {
        start[n] = ids.len;
        for (size_t k = 0; k < ids.len; k++) {
            all[k] = ids.ptr[k];
            type[k] = types.ptr[k];
        }
        *out = (tn_examples){.n_rows = (int32_t)n, .start = start, .ids = all, .type_id = typed ? type : NULL};
    }
    TN_VEC_FREE(&ids);
    TN_VEC_FREE(&types);
    tn_arena_free(scratch);
    return st;
}

tn_status tn_texts_scores(tn_flow *f, tn_model *m, const tn_answers *a, tn_arena *arena, const char *what, float **scores, tn_err *err)
{
    tn_str *text, *pair = TN_ARENA_ARRAY(arena, tn_str, a->n + 1);
    *scores = TN_ARENA_ARRAY(arena, float, (a->n + 1) * f->n_labels);
    TN_TRY(tn_flow_rows(f, a->row, a->n, arena, NULL, &text, err));
    if (!*scores || !pair)
        return tn_fail_nomem(err, a->n * f->n_labels * sizeof **scores);
    for (size_t i = 0; i < a->n; i++)
        pair[i] = f->data.row[a->row[i]].pair;
    for (size_t i = 0; i < a->n; i += 64) {
        size_t k = a->n - i < 64 ? a->n - i : 64;
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(tn_model_predict_pairs(m, text + i, has_pairs(f) ? pair + i : NULL, k, *scores + i * f->n_labels, NULL, err));
        if (what)
            tn_progress_show(f->progress, what, i + k, a->n, NULL);
    }
    return TN_OK;
}

/* ---- linear baselines ---- */

tn_status tn_texts_by_ngrams(tn_flow *f, const tn_lesson *lesson, const uint32_t *row, size_t n, float *out, const char **settings, tn_err *err)
{
    tn_str *train, *text;
    tn_ngram *m = NULL;
    size_t n_train = f->n_row[TN_SPLIT_TRAIN];
    TN_TRY(tn_texts_joined(f, f->row[TN_SPLIT_TRAIN], n_train, f->arena, &train, err));
    TN_TRY(tn_texts_joined(f, row, n, f->arena, &text, err));
    TN_TRY(tn_ngram_learn(train, lesson, (int32_t)n_train, tn_engine_pool(f->engine), f->progress, &m, err));
    tn_status st = tn_ngram_predict(m, text, (int32_t)n, out, err);
    *settings = tn_str_c(f->arena, tn_str_of(tn_ngram_settings(m)));
    tn_ngram_free(m);
    return st == TN_OK && !*settings ? tn_fail_nomem(err, 128) : st;
}

tn_status tn_texts_probe(tn_flow *f, tn_candidate *c, const tn_lesson *lesson, tn_err *err)
{
    size_t n = f->n_row[TN_SPLIT_TRAIN];
    tn_probe *p = TN_ARENA_ARRAY(f->arena, tn_probe, 1);
    float *x;
    int32_t width;
    if (!p)
        return tn_fail_nomem(err, sizeof *p);
    TN_TRY(tn_texts_features(f, c, f->row[TN_SPLIT_TRAIN], n, &x, &width, err));
    TN_TRY(tn_probe_learn(x, (int32_t)n, width, lesson, 0, tn_engine_pool(f->engine), f->arena, p, err));
    c->own = p;
    c->probe_mean = p->cv_mean;
    c->probe_se = p->cv_se;
    return TN_OK;
}

tn_status tn_texts_by_probe(tn_flow *f, const uint32_t *row, size_t n, float *out, const char **settings, tn_err *err)
{
    static const char *const model[] = {"logistic regression", "a logistic regression for each label", "ridge regression"};
    tn_candidate *c = &f->candidate[f->chosen];
    const tn_probe *p = c->own;
    float *x;
    int32_t width;
    TN_TRY(tn_texts_features(f, c, row, n, &x, &width, err));
    *settings = tn_str_format(f->arena, "%s untouched, mean of its last states%s, %s, l2 %g", c->id, has_pairs(f) ? " of both texts" : "", model[p->kind], p->l2).ptr;
    return *settings ? tn_probe_predict(p, x, (int32_t)n, out, err) : tn_fail_nomem(err, 128);
}

/* ---- validation along the way ---- */

typedef struct {
    tn_flow *f;
    tn_answers a;
    float *logits; /* [n, n_labels] */
    tn_status (*settle)(tn_flow *f, tn_answers *a, float *logits, tn_arena *arena, tn_err *err);
} watch;

static tn_status watch_add(void *self, const tn_examples *x, int32_t first, int32_t n, const float *logits, tn_err *err)
{
    watch *w = self;
    (void)x, (void)err;
    memcpy(w->logits + (size_t)first * w->f->n_labels, logits, (size_t)n * w->f->n_labels * sizeof *logits);
    return TN_OK;
}

static tn_status watch_finish(void *self, tn_scores *out, tn_err *err)
{
    watch *w = self;
    double value[TN_TASK_MAX_METRICS];
    tn_arena *scratch = tn_arena_new(0);
    tn_status st = scratch ? w->settle(w->f, &w->a, w->logits, scratch, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK)
        st = w->f->task->measure(w->f, &w->a, NULL, value, err);
    for (size_t m = 0; st == TN_OK && w->f->task->metric[m]; m++) {
        const tn_metric_info *info = tn_metric_find(tn_str_of(w->f->task->metric[m]));
        tn_scores_add(out, info->name, value[m], info->lower_is_better);
    }
    tn_arena_free(scratch);
    return st;
}

tn_status tn_texts_evaluator(tn_flow *f, const uint32_t *row, size_t n,
                             tn_status (*settle)(tn_flow *f, tn_answers *a, float *logits, tn_arena *arena, tn_err *err), tn_evaluator *out,
                             tn_err *err)
{
    watch *w = TN_ARENA_ARRAY(f->arena, watch, 1);
    float *logits = TN_ARENA_ARRAY(f->arena, float, (n + 1) * f->n_labels);
    if (!w || !logits)
        return tn_fail_nomem(err, n * f->n_labels * sizeof *logits);
    *w = (watch){f, {.name = "model", .n = n, .row = row}, logits, settle};
    *out = (tn_evaluator){w, watch_add, watch_finish};
    return TN_OK;
}
