/* One label a text. Answers are a tn_outcomes: label, prediction and probabilities of each row; everything else follows
 * from it by src/metric and src/eval. */
#include "flow/task_texts.h"

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
    TN_TRY(tn_texts_load(f, s, err));
    f->label = f->data.label;
    f->n_labels = f->data.n_labels;
    return TN_OK;
}

/* ---- probe and baselines ---- */

/* Of the training rows. */
static tn_status lesson_of(tn_flow *f, tn_lesson *out, tn_err *err)
{
    int32_t *label;
    TN_TRY(tn_flow_rows(f, f->row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_TRAIN], f->arena, &label, NULL, err));
    *out = (tn_lesson){.kind = TN_LEARN_CLASSES, .n_outputs = (int32_t)f->n_labels, .label = label};
    return TN_OK;
}

static tn_status probe(tn_flow *f, tn_candidate *c, tn_err *err)
{
    tn_lesson lesson;
    TN_TRY(lesson_of(f, &lesson, err));
    return tn_texts_probe(f, c, &lesson, err);
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

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    tn_lesson lesson;
    float *p = TN_ARENA_ARRAY(f->arena, float, (a->n + 1) * f->n_labels);
    if (!p)
        return tn_fail_nomem(err, a->n * f->n_labels * sizeof *p);
    TN_TRY(lesson_of(f, &lesson, err));
    if (which == MAJORITY)
        tn_majority_predict(lesson.label, (int32_t)f->n_row[TN_SPLIT_TRAIN], lesson.n_outputs, (int32_t)a->n, p);
    else
        TN_TRY(which == NGRAM ? tn_texts_by_ngrams(f, &lesson, a->row, a->n, p, settings, err) : tn_texts_by_probe(f, a->row, a->n, p, settings, err));
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
    TN_TRY(tn_texts_encode(f, m, row, n, a, out, err));
    TN_TRY(tn_flow_rows(f, row, n, a, &label, NULL, err));
    out->target.label = label;
    return TN_OK;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    float *p;
    TN_TRY(tn_texts_scores(f, m, a, arena, what, &p, err));
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
    .once = (const char *const[]){"--text", "ok", NULL},
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "every class counts the same, whatever its share",
    .pair = {"accuracy", "macro_f1"},
    .probe_metric = "macro_f1",
    .baseline = baseline,
    .baseline_reason = "the cheapest answer, a strong linear model on word and character n-grams, the untouched encoder",
    .row_test = "mcnemar",
    .load = load,
    .describe = tn_texts_describe,
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
