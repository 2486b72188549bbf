/* A number a text. The model learns numbers of mean 0 and deviation 1, by the training rows; after training the scale goes
 * into its last layer, so that what is saved answers in the units of the data, in any library. */
#include "flow/task_texts.h"

#include "codec/csv.h"
#include "metric/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The metrics are tn_number_metric's, in its order. */
static const char *const metric[] = {"mae", "rmse", "r2", "pearson", "spearman", NULL};
static const char *const criterion[] = {"mae", "rmse", "r2", "pearson", "spearman", NULL};
static const tn_counted_metric counted[TN_N_NUMBER_METRICS] = {[TN_NUMBER_MAE] = {"mae", true, false},
                                                               [TN_NUMBER_RMSE] = {"rmse", true, false},
                                                               [TN_NUMBER_R2] = {"r2", false, false},
                                                               [TN_NUMBER_PEARSON] = {"pearson", false, false},
                                                               [TN_NUMBER_SPEARMAN] = {"spearman", false, false}};

enum { MEAN, NGRAM, PROBE };
static const tn_flow_baseline baseline[] = {
    [MEAN] = {"mean", "the mean of the training rows, for every text", "the mean", false},
    [NGRAM] = {"ngram", "ridge regression on word and character n-grams, no pretrained model", "the n-gram baseline", false},
    [PROBE] = {"probe", "ridge regression on the untouched encoder", "the untouched encoder with a probe", true},
    {NULL, NULL, NULL, false},
};

typedef struct {
    double mean, deviation; /* of the training rows */
    tn_str name;            /* the model's one label: the column */
} scale;

static tn_status load(tn_flow *f, const tn_json *source, const tn_data_source *given, tn_err *err)
{
    tn_data_source s = *given;
    scale *x = TN_ARENA_ARRAY(f->arena, scale, 1);
    (void)source;
    s.kind = TN_LABEL_NUMBER;
    TN_TRY(tn_texts_load(f, &s, err));
    if (!x)
        return tn_fail_nomem(err, sizeof *x);
    *x = (scale){NAN, NAN, f->data.label_column.name};
    f->own = x;
    f->label = &x->name;
    f->n_labels = 1;
    return TN_OK;
}

static int by_value(const void *a, const void *b)
{
    const tn_row *x = *(const tn_row *const *)a, *y = *(const tn_row *const *)b;
    return x->value != y->value ? (x->value > y->value) - (x->value < y->value) : (x > y) - (x < y);
}

/* Numbers have no classes to be even in; tenths of their order do: each split gets its share of the high and of the low ones.
 * Equal numbers are of one tenth; with fewer rows there are fewer parts, of 20 rows at least. The labels are for the split alone. */
static tn_status split(tn_flow *f, const tn_split_options *o, tn_err *err)
{
    static const tn_str tenth[] = {TN_STR("tenth 1"), TN_STR("tenth 2"), TN_STR("tenth 3"), TN_STR("tenth 4"), TN_STR("tenth 5"),
                                   TN_STR("tenth 6"), TN_STR("tenth 7"), TN_STR("tenth 8"), TN_STR("tenth 9"), TN_STR("tenth 10")};
    tn_dataset *d = &f->data;
    size_t n = d->n_rows, parts = n / 20 > TN_COUNT(tenth) ? TN_COUNT(tenth) : n / 20 > 0 ? n / 20 : 1, from = 0;
    const tn_row **row = tn_mem_alloc(n * sizeof *row);
    tn_str *label = d->label;
    size_t n_labels = d->n_labels;
    if (!row)
        return tn_fail_nomem(err, n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = &d->row[i];
    qsort(row, n, sizeof *row, by_value);
    for (size_t i = 0, part = 0; i < n; i++) {
        if (i > from && i >= (part + 1) * n / parts && row[i]->value != row[i - 1]->value && part + 1 < parts && n - i >= n / parts / 2)
            part++, from = i;
        d->row[row[i] - d->row].label = (int32_t)part;
    }
    tn_mem_free(row);
    d->label = (tn_str *)(uintptr_t)tenth;
    d->n_labels = parts;
    tn_status st = tn_data_prepare(d, o, &f->duplicates, &f->out->findings, err);
    d->label = label;
    d->n_labels = n_labels;
    for (size_t i = 0; i < n; i++)
        d->row[i].label = -1;
    return st;
}

/* Known once the rows are split. */
static const scale *scale_of(tn_flow *f)
{
    scale *x = f->own;
    const uint32_t *row = f->row[TN_SPLIT_TRAIN];
    double n = (double)f->n_row[TN_SPLIT_TRAIN], sum = 0, square = 0;
    if (!isnan(x->mean))
        return x;
    for (size_t i = 0; i < f->n_row[TN_SPLIT_TRAIN]; i++)
        sum += f->data.row[row[i]].value;
    x->mean = sum / n;
    for (size_t i = 0; i < f->n_row[TN_SPLIT_TRAIN]; i++)
        square += (f->data.row[row[i]].value - x->mean) * (f->data.row[row[i]].value - x->mean);
    x->deviation = square > 0 ? sqrt(square / n) : 1;
    return x;
}

static float *scaled(tn_flow *f, const uint32_t *row, size_t n, tn_arena *a)
{
    const scale *x = scale_of(f);
    float *v = TN_ARENA_ARRAY(a, float, n + 1);
    for (size_t i = 0; v && i < n; i++)
        v[i] = (float)((f->data.row[row[i]].value - x->mean) / x->deviation);
    return v;
}

static tn_status lesson_of(tn_flow *f, tn_lesson *out, tn_err *err)
{
    float *value = scaled(f, f->row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_TRAIN], f->arena);
    *out = (tn_lesson){.kind = TN_LEARN_VALUES, .n_outputs = 1, .value = value};
    return value ? TN_OK : tn_fail_nomem(err, f->n_row[TN_SPLIT_TRAIN] * sizeof *value);
}

/* ---- answers ---- */

static tn_status settle(tn_flow *f, tn_answers *a, float *predicted, tn_arena *arena, tn_err *err)
{
    tn_numbers *o = TN_ARENA_ARRAY(arena, tn_numbers, 1);
    double *truth = TN_ARENA_ARRAY(arena, double, a->n + 1);
    if (!o || !truth)
        return tn_fail_nomem(err, a->n * sizeof *truth);
    for (size_t i = 0; i < a->n; i++)
        truth[i] = f->data.row[a->row[i]].value;
    *o = (tn_numbers){(int32_t)a->n, truth, predicted};
    a->own = o;
    return TN_OK;
}

/* Back into the units of the data. */
static void unscale(tn_flow *f, float *v, size_t n)
{
    const scale *x = scale_of(f);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((double)v[i] * x->deviation + x->mean);
}

static tn_status settle_logits(tn_flow *f, tn_answers *a, float *logits, tn_arena *arena, tn_err *err)
{
    unscale(f, logits, a->n);
    return settle(f, a, logits, arena, err);
}

static tn_status evaluator(tn_flow *f, const uint32_t *row, size_t n, tn_evaluator *out, tn_err *err)
{
    return tn_texts_evaluator(f, row, n, settle_logits, out, err);
}

static tn_status probe(tn_flow *f, tn_candidate *c, tn_err *err)
{
    tn_lesson lesson;
    TN_TRY(lesson_of(f, &lesson, err));
    return tn_texts_probe(f, c, &lesson, err);
}

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    tn_lesson lesson;
    float *v = tn_arena_calloc(f->arena, (a->n + 1) * sizeof *v); /* 0: the mean */
    if (!v)
        return tn_fail_nomem(err, a->n * sizeof *v);
    TN_TRY(lesson_of(f, &lesson, err));
    if (which != MEAN)
        TN_TRY(which == NGRAM ? tn_texts_by_ngrams(f, &lesson, a->row, a->n, v, settings, err) : tn_texts_by_probe(f, a->row, a->n, v, settings, err));
    return settle_logits(f, a, v, f->arena, err);
}

static tn_status head(tn_flow *f, tn_model_options *o, tn_err *err)
{
    (void)err;
    o->n_labels = 1;
    o->label = f->label;
    o->problem = TN_PROBLEM_REGRESSION;
    return TN_OK;
}

static tn_status examples(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    float *value = scaled(f, row, n, a);
    if (!value)
        return tn_fail_nomem(err, n * sizeof *value);
    TN_TRY(tn_texts_encode(f, m, row, n, a, out, err));
    out->target = (tn_targets){.kind = TN_TARGET_VALUES, .value = value};
    return TN_OK;
}

/* The last layer is linear in what it says: its weights take the deviation, its bias the mean too. */
static tn_status finish(tn_flow *f, tn_model *m, tn_err *err)
{
    const scale *x = scale_of(f);
    size_t n, found = 0;
    tn_param *p = tn_model_params(m, &n), *weight = NULL, *bias = NULL;
    for (size_t i = 0; i < n; i++) {
        bool last = tn_str_find(p[i].name, TN_STR("classifier"), 0) != SIZE_MAX && p[i].dim[0] == 1;
        weight = last && p[i].n_dims == 2 ? &p[i] : weight;
        bias = last && p[i].n_dims == 1 ? &p[i] : bias;
        found += last;
    }
    if (found != 2 || !weight || !bias)
        return tn_fail(err, TN_EINVALID, "this model's last layer has no bias to take the mean of the numbers; choose another model");
    for (size_t i = 0; i < weight->size; i++)
        weight->value[i] = (float)((double)weight->value[i] * x->deviation);
    unscale(f, bias->value, 1);
    tn_model_params_changed(m);
    return TN_OK;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    float *v;
    TN_TRY(tn_texts_scores(f, m, a, arena, what, &v, err));
    return settle(f, a, v, arena, err);
}

/* ---- measures ---- */

static tn_status measure_numbers(const tn_numbers *o, const bool *in, double *value, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_number_measure *m;
    tn_status st = scratch ? tn_number_measure_new(o, scratch, &m, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK) {
        uint32_t *times = TN_ARENA_ARRAY(scratch, uint32_t, (size_t)o->n);
        void *room = tn_arena_alloc(scratch, tn_number_measure_scratch(m));
        st = times && room ? TN_OK : tn_fail_nomem(err, (size_t)o->n * sizeof *times);
        for (int32_t i = 0; st == TN_OK && i < o->n; i++)
            times[i] = !in || in[i];
        if (st == TN_OK)
            tn_number_measure_values(m, room, times, value);
    }
    tn_arena_free(scratch);
    return st;
}

static tn_status measure(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err)
{
    (void)f;
    return measure_numbers(a->own, in, value, err);
}

static tn_status weighted_of(const tn_answers *a, tn_arena *scratch, tn_weighted *out, tn_err *err)
{
    const tn_numbers *o = a->own;
    tn_number_measure *m;
    TN_TRY(tn_number_measure_new(o, scratch, &m, err));
    *out = (tn_weighted){o->n, TN_N_NUMBER_METRICS, counted, tn_number_measure_scratch(m), tn_number_measure_values, m};
    return TN_OK;
}

static tn_status intervals(const tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err)
{
    (void)f;
    return tn_task_weighted_intervals(weighted_of, a, o, out, err);
}

static tn_status difference(const tn_flow *f, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o, tn_interval *out,
                            tn_err *err)
{
    (void)f;
    return tn_task_weighted_difference(weighted_of, a, b, m, o, out, err);
}

static double badness(const tn_flow *f, const tn_answers *a, size_t i)
{
    const tn_numbers *o = a->own;
    (void)f;
    return fabs(o->truth[i] - (double)o->predicted[i]);
}

static void goodness(const tn_flow *f, const tn_answers *a, double *out)
{
    for (size_t i = 0; i < a->n; i++)
        out[i] = -badness(f, a, i);
}

/* ---- records ---- */

static tn_status write_scores(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err)
{
    (void)err;
    tn_jw_begin_object(w);
    tn_task_write_metrics(f->task, a, w);
    tn_task_write_intervals(f->task, interval, w);
    tn_jw_end_object(w);
    return TN_OK;
}

static tn_status write_predictions(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err)
{
    const tn_numbers *o = a->own;
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    tn_csv_put_head(&w, "id,label,predicted");
    tn_csv_end_row(&w);
    for (size_t i = 0; i < a->n; i++) {
        tn_csv_put(&w, f->data.row[a->row[i]].id);
        tn_csv_put_f64(&w, o->truth[i]);
        tn_csv_put_f32(&w, o->predicted[i]);
        tn_csv_end_row(&w);
    }
    return tn_buf_status(out, err);
}

static tn_status error(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err)
{
    const tn_numbers *o = a->own;
    *out = (tn_task_error){.label = tn_str_format(arena, "%.6g", o->truth[i]), .predicted = tn_str_format(arena, "%.6g", (double)o->predicted[i]),
                           .confidence = (float)badness(f, a, i)};
    return out->label.ptr && out->predicted.ptr ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status rescore(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err)
{
    tn_csv_reader r;
    tn_csv_row row;
    bool more, head_row = true;
    TN_VEC(double) truth = {0};
    TN_VEC(float) predicted = {0};
    tn_status st = TN_OK;
    (void)label, (void)n_labels;
    tn_csv_init(&r, csv, &(tn_csv_options){.delimiter = ','});
    for (;; head_row = false) {
        double t, p;
        TN_GO(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            break;
        if (head_row)
            continue;
        if (row.n != 3 || !tn_str_to_f64(row.field[1], &t) || !tn_str_to_f64(row.field[2], &p)) {
            st = tn_fail(err, TN_EFORMAT, "predictions: line %u is not id, number, number", row.line);
            goto done;
        }
        if (!TN_PUSH(&truth, t) || !TN_PUSH(&predicted, (float)p)) {
            st = tn_fail_nomem(err, 64);
            goto done;
        }
    }
    st = measure_numbers(&(tn_numbers){(int32_t)truth.len, truth.ptr, predicted.ptr}, NULL, value, err);
done:
    TN_VEC_FREE(&truth);
    TN_VEC_FREE(&predicted);
    return st;
}

const tn_flow_task tn_task_regression = {
    .tag = "text-classification",
    .problem = "regression",
    .name = "text scoring",
    .about = "a number a text",
    .items = "texts",
    .once = (const char *const[]){"--text", "ok", NULL},
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "in the units of the label, and no single row decides it",
    .pair = {"spearman", "mae"},
    .probe_metric = "r2",
    .baseline = baseline,
    .baseline_reason = "the cheapest answer, ridge regression on word and character n-grams, the untouched encoder",
    .row_test = "sign",
    .load = load,
    .split = split,
    .describe = tn_texts_describe,
    .probe = probe,
    .answer_baseline = answer_baseline,
    .head = head,
    .examples = examples,
    .evaluator = evaluator,
    .finish = finish,
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
