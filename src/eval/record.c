/* Records are plain numbers under the names that reference/metrics.md and the run folder use. Reading back trusts
 * nothing: the file may have been edited. */
#include "eval/record.h"
#include "base/map.h"
#include "codec/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void tn_record_interval(const char *name, const tn_interval *i, tn_json_writer *w)
{
    tn_jw_key(w, name);
    tn_jw_begin_object(w);
    tn_jw_key(w, "low");
    tn_jw_f64(w, i->low);
    tn_jw_key(w, "high");
    tn_jw_f64(w, i->high);
    tn_jw_key(w, "level");
    tn_jw_f64(w, i->level);
    tn_jw_key(w, "method");
    tn_jw_c(w, i->method);
    tn_jw_key(w, "resamples");
    tn_jw_i64(w, i->n_resamples);
    tn_jw_end_object(w);
}

static void record_label(const tn_class_score *c, tn_str label, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "label");
    tn_jw_str(w, label);
    tn_jw_key(w, "precision");
    tn_jw_f64(w, c->precision);
    tn_jw_key(w, "recall");
    tn_jw_f64(w, c->recall);
    tn_jw_key(w, "f1");
    tn_jw_f64(w, c->f1);
    tn_jw_key(w, "support");
    tn_jw_i64(w, c->support);
    tn_jw_end_object(w);
}

void tn_record_scores(const tn_scores_class *s, const tn_str *label, const tn_interval *interval, tn_json_writer *w)
{
    const struct {
        const char *key;
        double value;
    } number[] = {{"accuracy", s->accuracy}, {"macro_f1", s->macro_f1}, {"weighted_f1", s->weighted_f1},
                  {"mcc", s->mcc},           {"log_loss", s->log_loss}, {"balanced_accuracy", s->balanced_accuracy}};
    tn_jw_begin_object(w);
    tn_jw_key(w, "n");
    tn_jw_i64(w, s->n);
    for (size_t i = 0; i < TN_COUNT(number); i++) {
        tn_jw_key(w, number[i].key);
        tn_jw_f64(w, number[i].value);
    }
    tn_jw_key(w, "per_class");
    tn_jw_begin_array(w);
    for (int32_t k = 0; k < s->n_labels; k++)
        record_label(&s->per_class[k], label[k], w);
    tn_jw_end_array(w);
    tn_jw_key(w, "confusion");
    tn_jw_begin_array(w);
    for (int32_t k = 0; k < s->n_labels; k++) {
        tn_jw_begin_array(w);
        for (int32_t j = 0; j < s->n_labels; j++)
            tn_jw_i64(w, s->confusion[(size_t)k * s->n_labels + j]);
        tn_jw_end_array(w);
    }
    tn_jw_end_array(w);
    if (interval) {
        tn_jw_key(w, "intervals");
        tn_jw_begin_object(w);
        for (int id = 0; id < TN_N_METRICS; id++)
            if (!isnan(interval[id].value))
                tn_record_interval(tn_metric_name((tn_metric_id)id), &interval[id], w);
        tn_jw_end_object(w);
    }
    tn_jw_end_object(w);
}

/* ---- predictions ---- */

static const char *const fixed_column[] = {"id", "label", "predicted"};
enum { N_FIXED = TN_COUNT(fixed_column) };

tn_status tn_record_predictions(const tn_outcomes *o, const tn_str *id, const tn_str *label, tn_buf *out, tn_err *err)
{
    TN_TRY(tn_outcomes_check(o, err));
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    for (size_t i = 0; i < N_FIXED; i++)
        tn_csv_put_c(&w, fixed_column[i]);
    for (int32_t k = 0; o->probability && k < o->n_labels; k++)
        tn_csv_put(&w, label[k]);
    tn_csv_end_row(&w);
    for (int32_t r = 0; r < o->n; r++) {
        tn_csv_put(&w, id[r]);
        tn_csv_put(&w, label[o->label[r]]);
        tn_csv_put(&w, label[o->predicted[r]]);
        for (int32_t k = 0; o->probability && k < o->n_labels; k++)
            tn_csv_put_f32(&w, o->probability[(size_t)r * o->n_labels + k]);
        tn_csv_end_row(&w);
    }
    return tn_buf_status(out, err);
}

/* Label texts to indices; few labels, so a walk would do, but 77 labels times 3,000 rows is worth the map. */
static tn_status label_map(const tn_str *label, int32_t n_labels, tn_map *m, tn_err *err)
{
    for (int32_t k = 0; k < n_labels; k++)
        if (!tn_map_put(m, label[k], (uint64_t)k, NULL))
            return tn_fail_nomem(err, (size_t)n_labels);
    return TN_OK;
}

static tn_status check_header(const tn_csv_row *row, const tn_str *label, int32_t n_labels, bool *with_probability,
                              tn_err *err)
{
    *with_probability = row->n > N_FIXED;
    bool good = row->n == N_FIXED || row->n == N_FIXED + (size_t)n_labels;
    for (size_t i = 0; good && i < row->n; i++)
        good = i < N_FIXED ? tn_str_is(row->field[i], fixed_column[i]) : tn_str_eq(row->field[i], label[i - N_FIXED]);
    return good ? TN_OK
                : tn_fail(err, TN_EFORMAT,
                          "%" PRIu32 ": predictions have the columns id, label, predicted and one for "
                          "each of the %" PRId32 " labels, in order",
                          row->line, n_labels);
}

typedef struct {
    TN_VEC(tn_str) id;
    TN_VEC(int32_t) label, predicted;
    TN_VEC(float) probability;
} columns;

static tn_status take_label(const tn_map *m, tn_str text, uint32_t line, int32_t *out, tn_err *err)
{
    const uint64_t *k = tn_map_find(m, text);
    if (!k)
        return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": \"%.*s\" is none of the labels", line, TN_ARG(text));
    *out = (int32_t)*k;
    return TN_OK;
}

static tn_status take_row(const tn_csv_row *row, const tn_map *labels, columns *c, tn_err *err)
{
    int32_t label = 0, predicted = 0;
    TN_TRY(take_label(labels, row->field[1], row->line, &label, err));
    TN_TRY(take_label(labels, row->field[2], row->line, &predicted, err));
    if (c->id.len == INT32_MAX)
        return tn_fail(err, TN_ELIMIT, "%" PRIu32 ": more than 2^31 - 1 rows", row->line);
    if (!TN_PUSH(&c->id, row->field[0]) || !TN_PUSH(&c->label, label) || !TN_PUSH(&c->predicted, predicted))
        return tn_fail_nomem(err, c->id.len * sizeof(tn_str));
    for (size_t i = N_FIXED; i < row->n; i++) {
        double p;
        if (!tn_str_to_f64(row->field[i], &p) || !(p >= 0 && p <= 1))
            return tn_fail(err, TN_EFORMAT, "%" PRIu32 ": \"%.*s\" is no probability", row->line,
                           TN_ARG(row->field[i]));
        if (!TN_PUSH(&c->probability, (float)p))
            return tn_fail_nomem(err, c->probability.len * sizeof(float));
    }
    return TN_OK;
}

static void *in_arena(tn_arena *a, const void *from, size_t n, size_t size)
{
    void *p = tn_arena_array(a, n, size);
    return p && n ? memcpy(p, from, n * size) : p;
}

tn_status tn_record_predictions_parse(tn_str csv, const tn_str *label, int32_t n_labels, tn_arena *a,
                                      tn_predictions *out, tn_err *err)
{
    tn_status st = TN_OK;
    columns c = {0};
    tn_map labels = TN_MAP_INIT;
    tn_csv_reader r;
    tn_csv_row row;
    bool more, with_probability;
    size_t width;
    tn_csv_init(&r, csv, &(tn_csv_options){.max_columns = N_FIXED + (size_t)n_labels});
    TN_GO(label_map(label, n_labels, &labels, err));
    TN_GO(tn_csv_next(&r, a, &row, &more, err));
    if (!more) {
        st = tn_fail(err, TN_EFORMAT, "1: no header; predictions begin with id,label,predicted");
        goto done;
    }
    TN_GO(check_header(&row, label, n_labels, &with_probability, err));
    width = row.n;
    for (;;) {
        TN_GO(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            break;
        if (row.n != width) {
            st = tn_fail(err, TN_EFORMAT, "%" PRIu32 ": %zu fields under a header of %zu", row.line, row.n, width);
            goto done;
        }
        TN_GO(take_row(&row, &labels, &c, err));
    }
    tn_predictions p = {.n = (int32_t)c.id.len, .id = in_arena(a, c.id.ptr, c.id.len, sizeof(tn_str))};
    p.outcomes = (tn_outcomes){.n = p.n,
                               .n_labels = n_labels,
                               .label = in_arena(a, c.label.ptr, c.label.len, sizeof(int32_t)),
                               .predicted = in_arena(a, c.predicted.ptr, c.predicted.len, sizeof(int32_t)),
                               .probability = in_arena(a, c.probability.ptr, c.probability.len, sizeof(float))};
    if (!p.id || !p.outcomes.label || !p.outcomes.predicted || !p.outcomes.probability) {
        st = tn_fail_nomem(err, c.id.len * sizeof(tn_str));
        goto done;
    }
    if (!with_probability)
        p.outcomes.probability = NULL;
    *out = p;
done:
    TN_VEC_FREE(&c.id);
    TN_VEC_FREE(&c.label);
    TN_VEC_FREE(&c.predicted);
    TN_VEC_FREE(&c.probability);
    tn_map_free(&labels);
    return st;
}

/* ---- errors ---- */

typedef struct {
    double badness;
    uint32_t row;
} mistake;

static int worst_first(const void *x, const void *y)
{
    const mistake *a = x, *b = y;
    if (a->badness != b->badness)
        return a->badness > b->badness ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

tn_status tn_worst_rows(const double *badness, size_t n_rows, size_t n, tn_arena *a, uint32_t **row, size_t *n_out, tn_err *err)
{
    mistake *m = tn_mem_alloc((n_rows + 1) * sizeof *m);
    if (!m)
        return tn_fail_nomem(err, n_rows * sizeof *m);
    size_t n_wrong = 0;
    for (size_t r = 0; r < n_rows; r++)
        if (badness[r] > 0)
            m[n_wrong++] = (mistake){badness[r], (uint32_t)r};
    qsort(m, n_wrong, sizeof *m, worst_first);
    n = n < n_wrong ? n : n_wrong;
    uint32_t *worst = TN_ARENA_ARRAY(a, uint32_t, n);
    for (size_t i = 0; worst && i < n; i++)
        worst[i] = m[i].row;
    tn_mem_free(m);
    if (!worst)
        return tn_fail_nomem(err, n * sizeof *worst);
    *row = worst;
    *n_out = n;
    return TN_OK;
}
