/* One label a text. Answers are a tn_outcomes: label, prediction and probabilities of each row; everything else follows
 * from it by src/metric and src/eval. */
#include "flow/task.h"

#include <math.h>

/* The metrics are tn_metric_id's, in its order. */
static const char *const metric[] = {"accuracy", "macro_f1", "mcc", "log_loss", NULL};
static const char *const criterion[] = {"macro_f1", "accuracy", "mcc", NULL};

enum { MAJORITY, NGRAM, PROBE };
static const tn_flow_baseline baseline[] = {
    [MAJORITY] = {"majority", "the commonest label of the training rows, for every text", "the majority class", false},
    [NGRAM] = {"ngram", "a linear model on word and character n-grams, no pretrained model", "the n-gram baseline", false},
    [PROBE] = {"probe", "a linear probe on the untouched encoder", "the untouched encoder with a probe", true},
    {NULL, NULL, NULL, false},
};

static tn_status load(tn_flow *f, const tn_json *source, const tn_data_source *s, tn_err *err)
{
    (void)source;
    TN_TRY(tn_dataset_load(s, &f->data, &f->out->findings, err));
    f->label = f->data.label;
    f->n_labels = f->data.n_labels;
    return TN_OK;
}

/* ---- probe and baselines ---- */

static tn_status probe(tn_flow *f, tn_candidate *c, tn_err *err)
{
    const uint32_t *train = f->row[TN_SPLIT_TRAIN];
    size_t n = f->n_row[TN_SPLIT_TRAIN];
    int32_t *label;
    tn_probe *p = TN_ARENA_ARRAY(f->arena, tn_probe, 1);
    TN_TRY(tn_flow_features(f, c, train, n, err));
    TN_TRY(tn_flow_rows(f, train, n, f->arena, &label, NULL, err));
    float *x = tn_flow_gather(f, c, train, n);
    if (!x || !p)
        return tn_fail_nomem(err, n * sizeof *x);
    TN_TRY(tn_probe_fit(x, (int32_t)n, c->config.hidden_size, label, (int32_t)f->n_labels, 0, tn_engine_pool(f->engine), f->arena, p, err));
    c->own = p;
    c->probe_mean = p->cv_mean;
    c->probe_se = p->cv_se;
    return TN_OK;
}

/* Answers from probabilities [n, n_labels], which the answers keep. */
static tn_status settle(tn_flow *f, tn_answers *a, float *probability, tn_arena *arena, tn_err *err)
{
    int32_t n_labels = (int32_t)f->n_labels, *label, *predicted = TN_ARENA_ARRAY(arena, int32_t, a->n);
    tn_outcomes *o = TN_ARENA_ARRAY(arena, tn_outcomes, 1);
    TN_TRY(tn_flow_rows(f, a->row, a->n, arena, &label, NULL, err));
    if (!predicted || !o)
        return tn_fail_nomem(err, a->n * sizeof *predicted);
    for (size_t i = 0; i < a->n; i++)
        predicted[i] = tn_argmax(probability + i * f->n_labels, n_labels);
    *o = (tn_outcomes){(int32_t)a->n, n_labels, label, predicted, probability};
    a->own = o;
    return TN_OK;
}

static tn_status by_majority(tn_flow *f, size_t n, float *p, tn_err *err)
{
    int32_t *label;
    size_t n_train = f->n_row[TN_SPLIT_TRAIN];
    TN_TRY(tn_flow_rows(f, f->row[TN_SPLIT_TRAIN], n_train, f->arena, &label, NULL, err));
    tn_majority_predict(label, (int32_t)n_train, (int32_t)f->n_labels, (int32_t)n, p);
    return TN_OK;
}

static tn_status by_ngrams(tn_flow *f, const tn_answers *a, float *p, const char **settings, tn_err *err)
{
    int32_t *label;
    tn_str *train, *text;
    tn_ngram *m = NULL;
    size_t n_train = f->n_row[TN_SPLIT_TRAIN];
    TN_TRY(tn_flow_rows(f, f->row[TN_SPLIT_TRAIN], n_train, f->arena, &label, &train, err));
    TN_TRY(tn_flow_rows(f, a->row, a->n, f->arena, NULL, &text, err));
    TN_TRY(tn_ngram_fit(train, label, (int32_t)n_train, (int32_t)f->n_labels, tn_engine_pool(f->engine), f->progress, &m, err));
    tn_status st = tn_ngram_predict(m, text, (int32_t)a->n, p, err);
    *settings = tn_str_c(f->arena, tn_str_of(tn_ngram_settings(m)));
    tn_ngram_free(m);
    return st == TN_OK && !*settings ? tn_fail_nomem(err, 128) : st;
}

static tn_status by_probe(tn_flow *f, const tn_answers *a, float *p, const char **settings, tn_err *err)
{
    tn_candidate *c = &f->candidate[f->chosen];
    const tn_probe *probe_ = c->own;
    TN_TRY(tn_flow_features(f, c, a->row, a->n, err));
    float *x = tn_flow_gather(f, c, a->row, a->n);
    *settings = tn_str_format(f->arena, "%s untouched, mean of its last states, logistic regression, l2 %g", c->id, probe_->l2).ptr;
    if (!x || !*settings)
        return tn_fail_nomem(err, a->n * sizeof *x);
    return tn_probe_predict(probe_, x, (int32_t)a->n, p, err);
}

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    float *p = TN_ARENA_ARRAY(f->arena, float, (a->n + 1) * f->n_labels);
    if (!p)
        return tn_fail_nomem(err, a->n * f->n_labels * sizeof *p);
    TN_TRY(which == MAJORITY ? by_majority(f, a->n, p, err) : which == NGRAM ? by_ngrams(f, a, p, settings, err) : by_probe(f, a, p, settings, err));
    return settle(f, a, p, f->arena, err);
}

/* ---- the model ---- */

static tn_status head(tn_flow *f, tn_model_options *o, tn_err *err)
{
    (void)err;
    o->n_labels = (int32_t)f->n_labels;
    o->label = f->label;
    return TN_OK;
}

static tn_status examples(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    int32_t *label;
    TN_TRY(tn_task_encode_texts(f, m, row, n, a, out, err));
    TN_TRY(tn_flow_rows(f, row, n, a, &label, NULL, err));
    out->target.label = label;
    return TN_OK;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    tn_str *text;
    float *p = TN_ARENA_ARRAY(arena, float, (a->n + 1) * f->n_labels);
    if (!p)
        return tn_fail_nomem(err, a->n * f->n_labels * sizeof *p);
    TN_TRY(tn_flow_rows(f, a->row, a->n, arena, NULL, &text, err));
    for (size_t i = 0; i < a->n; i += 64) {
        size_t k = a->n - i < 64 ? a->n - i : 64;
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(tn_model_predict(m, text + i, k, p + i * f->n_labels, NULL, err));
        if (what)
            tn_progress_show(f->progress, what, i + k, a->n, NULL);
    }
    return settle(f, a, p, arena, err);
}

/* ---- measures ---- */

static void values_of(const tn_scores_class *s, double *value)
{
    value[TN_METRIC_ACCURACY] = s->accuracy;
    value[TN_METRIC_MACRO_F1] = s->macro_f1;
    value[TN_METRIC_MCC] = s->mcc;
    value[TN_METRIC_LOG_LOSS] = s->log_loss;
}

static tn_status measure(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err)
{
    const tn_outcomes *o = a->own;
    tn_arena *scratch = tn_arena_new(0);
    tn_outcomes some = *o;
    tn_scores_class s;
    (void)f;
    if (!scratch)
        return tn_fail_nomem(err, 65536);
    tn_status st = TN_OK;
    if (in) {
        int32_t *label = TN_ARENA_ARRAY(scratch, int32_t, a->n), *predicted = TN_ARENA_ARRAY(scratch, int32_t, a->n), n = 0;
        st = label && predicted ? TN_OK : tn_fail_nomem(err, a->n * sizeof *label);
        for (size_t i = 0; st == TN_OK && i < a->n; i++)
            if (in[i]) {
                label[n] = o->label[i];
                predicted[n++] = o->predicted[i];
            }
        some = (tn_outcomes){n, o->n_labels, label, predicted, NULL};
    }
    if (st == TN_OK)
        st = tn_classification_score(&some, scratch, &s, err);
    if (st == TN_OK)
        values_of(&s, value);
    tn_arena_free(scratch);
    return st;
}

static tn_status intervals(const tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err)
{
    (void)f;
    return tn_interval_all(a->own, o, out, err);
}

static tn_status difference(const tn_flow *f, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o, tn_interval *out,
                            tn_err *err)
{
    (void)f;
    return tn_interval_difference(a->own, b->own, (tn_metric_id)m, o, out, err);
}

static void goodness(const tn_flow *f, const tn_answers *a, double *out)
{
    const tn_outcomes *o = a->own;
    (void)f;
    for (size_t i = 0; i < a->n; i++)
        out[i] = o->label[i] == o->predicted[i];
}

/* ---- records ---- */

static tn_status write_scores(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err)
{
    tn_scores_class s;
    tn_arena *scratch = tn_arena_new(0);
    if (!scratch)
        return tn_fail_nomem(err, 65536);
    tn_status st = tn_classification_score(a->own, scratch, &s, err);
    if (st == TN_OK)
        tn_record_scores(&s, f->label, interval, w);
    tn_arena_free(scratch);
    return st;
}

static tn_status write_predictions(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err)
{
    tn_str *id = TN_ARENA_ARRAY(f->arena, tn_str, a->n);
    if (!id)
        return tn_fail_nomem(err, a->n * sizeof *id);
    for (size_t i = 0; i < a->n; i++)
        id[i] = f->data.row[a->row[i]].id;
    return tn_record_predictions(a->own, id, f->label, out, err);
}

static double badness(const tn_flow *f, const tn_answers *a, size_t i)
{
    const tn_outcomes *o = a->own;
    (void)f;
    return o->label[i] == o->predicted[i] ? 0 : (double)o->probability[i * (size_t)o->n_labels + (size_t)o->predicted[i]];
}

static tn_status error(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err)
{
    const tn_outcomes *o = a->own;
    (void)arena, (void)err;
    *out = (tn_task_error){.label = f->label[o->label[i]], .predicted = f->label[o->predicted[i]],
                           .confidence = o->probability[i * (size_t)o->n_labels + (size_t)o->predicted[i]]};
    return TN_OK;
}

static tn_status rescore(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err)
{
    tn_predictions p;
    tn_scores_class s;
    TN_TRY(tn_record_predictions_parse(csv, label, (int32_t)n_labels, a, &p, err));
    TN_TRY(tn_classification_score(&p.outcomes, a, &s, err));
    values_of(&s, value);
    return TN_OK;
}

const tn_flow_task tn_task_single_label = {
    .tag = "text-classification",
    .problem = "single-label",
    .name = "text classification",
    .about = "one label a text",
    .items = "texts",
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "every class counts the same, whatever its share",
    .pair = {"accuracy", "macro_f1"},
    .probe_metric = "macro_f1",
    .baseline = baseline,
    .baseline_reason = "the cheapest answer, a strong linear model on word and character n-grams, the untouched encoder",
    .row_test = "mcnemar",
    .load = load,
    .probe = probe,
    .answer_baseline = answer_baseline,
    .head = head,
    .examples = examples,
    .answer = answer,
    .measure = measure,
    .intervals = intervals,
    .difference = difference,
    .goodness = goodness,
    .write_scores = write_scores,
    .write_predictions = write_predictions,
    .badness = badness,
    .error = error,
    .rescore = rescore,
};
