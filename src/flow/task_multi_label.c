/* Any number of labels a text. A label is given when its score reaches its threshold. Thresholds are chosen on the
 * validation rows after training, and stand in thresholds.json beside the weights; the baselines get theirs from their own
 * scores of the same rows, so that nobody is compared with a handicap.
 *
 * Few rows choose badly: labels with under MIN_POSITIVE validation rows share one threshold, chosen over all of them. */
#include "flow/task_texts.h"

#include "base/map.h"
#include "codec/csv.h"
#include "metric/label_sets.h"
#include "model/thresholds.h"
#include "tensor/op.h"

#include <math.h>
#include <string.h>

enum { MIN_POSITIVE = 10, MAX_RANKED = 100000 }; /* rows x labels up to which mAP is resampled: 10,000 times, seconds */

/* The metrics are tn_set_metric's, in its order. */
static const char *const metric[] = {"micro_f1", "macro_f1", "samples_f1", "subset_accuracy", "hamming_loss", "lrap", "map", NULL};
static const char *const criterion[] = {"macro_f1", "micro_f1", "samples_f1", "subset_accuracy", "hamming_loss", "lrap", "map", NULL};
static const tn_counted_metric counted[TN_N_SET_METRICS] = {
    [TN_SET_MICRO_F1] = {"micro_f1", false, false},     [TN_SET_MACRO_F1] = {"macro_f1", false, false},
    [TN_SET_SAMPLES_F1] = {"samples_f1", false, false}, [TN_SET_SUBSET_ACCURACY] = {"subset_accuracy", false, true},
    [TN_SET_HAMMING_LOSS] = {"hamming_loss", true, false}, [TN_SET_LRAP] = {"lrap", false, false}, [TN_SET_MAP] = {"map", false, false}};

enum { COMMONEST, NGRAM, PROBE };
static const tn_flow_baseline baseline[] = {
    [COMMONEST] = {"commonest", "the commonest set of labels of the training rows, for every text", "the commonest set of labels", false},
    [NGRAM] = {"ngram", "a linear model a label on word and character n-grams, no pretrained model", "the n-gram baseline", false},
    [PROBE] = {"probe", "a linear probe a label on the untouched encoder", "the untouched encoder with a probe", true},
    {NULL, NULL, NULL, false},
};

static const tn_flow_setting setting[] = {
    {"evaluation", "thresholds", "\"validation\"", "the largest F1 of each label on validation rows; rare labels share one. `fixed`: 0.5 for all"},
    {NULL, NULL, NULL, NULL},
};

static const char *const source_key[] = {"separator", "labels", NULL};

/* ---- rows ---- */

static tn_status load(tn_flow *f, const tn_json *source, const tn_data_source *given, tn_err *err)
{
    tn_data_source s = *given;
    const tn_json *columns = tn_json_get(source, "labels"), *separator = tn_json_get(source, "separator");
    s.kind = TN_LABEL_SET;
    if (tn_json_type(separator) == TN_JSON_STRING)
        s.separator = tn_str_c(f->arena, tn_json_str(separator));
    if (tn_json_type(columns) == TN_JSON_ARRAY) {
        size_t n = tn_json_len(columns), i = 0;
        tn_str *name = TN_ARENA_ARRAY(f->arena, tn_str, n + 1);
        if (!name)
            return tn_fail_nomem(err, n * sizeof *name);
        for (const tn_json *v = tn_json_first(columns); v; v = tn_json_next(v))
            name[i++] = tn_json_str(v);
        s.label_columns = name;
        s.n_label_columns = n;
        s.label = NULL; /* a plan names them all in one */
    }
    TN_TRY(tn_texts_load(f, &s, err));
    f->label = f->data.label;
    f->n_labels = f->data.n_labels;
    return TN_OK;
}

static void flags_of(const tn_flow *f, const uint32_t *row, size_t n, uint8_t *out)
{
    memset(out, 0, n * f->n_labels);
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < f->data.row[row[i]].n_set; k++)
            out[i * f->n_labels + (size_t)f->data.row[row[i]].set[k]] = 1;
}

static tn_status lesson_of(tn_flow *f, tn_lesson *out, tn_err *err)
{
    const uint32_t *row = f->row[TN_SPLIT_TRAIN];
    size_t n = f->n_row[TN_SPLIT_TRAIN], width = f->n_labels;
    int32_t *label;
    float *value = tn_arena_calloc(f->arena, (n + 1) * width * sizeof *value);
    TN_TRY(tn_flow_rows(f, row, n, f->arena, &label, NULL, err));
    if (!value)
        return tn_fail_nomem(err, n * width * sizeof *value);
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < f->data.row[row[i]].n_set; k++)
            value[i * width + (size_t)f->data.row[row[i]].set[k]] = 1;
    *out = (tn_lesson){.kind = TN_LEARN_FLAGS, .n_outputs = (int32_t)width, .label = label, .value = value};
    return TN_OK;
}

/* ---- thresholds ---- */

static bool thresholds_are_fixed(const tn_flow *f)
{
    return f->n_row[TN_SPLIT_VALIDATION] == 0 || tn_json_is_str(tn_plan_at(f->plan, "evaluation/thresholds"), "fixed");
}

static float *halves(tn_arena *a, size_t n)
{
    float *t = TN_ARENA_ARRAY(a, float, n);
    for (size_t i = 0; t && i < n; i++)
        t[i] = 0.5f;
    return t;
}

/* From scores of the validation rows. */
static tn_status choose_thresholds(tn_flow *f, const float *score, float *threshold, tn_err *err)
{
    size_t n = f->n_row[TN_SPLIT_VALIDATION], width = f->n_labels, n_rare = 0;
    tn_arena *scratch = tn_arena_new(0);
    uint8_t *flag = scratch ? TN_ARENA_ARRAY(scratch, uint8_t, n * width + 1) : NULL, *rare_flag = scratch ? TN_ARENA_ARRAY(scratch, uint8_t, n * width + 1) : NULL;
    float *rare_score = scratch ? TN_ARENA_ARRAY(scratch, float, n * width + 1) : NULL, shared = 0.5f;
    bool *rare = scratch ? TN_ARENA_ARRAY(scratch, bool, width) : NULL;
    double f1;
    tn_status st = flag && rare_flag && rare_score && rare ? TN_OK : tn_fail_nomem(err, n * width * sizeof *rare_score);
    if (st == TN_OK)
        flags_of(f, f->row[TN_SPLIT_VALIDATION], n, flag);
    for (size_t l = 0; st == TN_OK && l < width; l++) {
        size_t n_positive = 0;
        for (size_t i = 0; i < n; i++)
            n_positive += flag[i * width + l];
        rare[l] = n_positive < MIN_POSITIVE;
        if (!rare[l])
            st = tn_best_threshold(score + l, flag + l, (int32_t)n, width, &threshold[l], &f1, err);
        for (size_t i = 0; rare[l] && i < n; i++) {
            rare_flag[n_rare] = flag[i * width + l];
            rare_score[n_rare++] = score[i * width + l];
        }
    }
    if (st == TN_OK && n_rare > INT32_MAX)
        st = tn_fail(err, TN_ELIMIT, "%zu labels of %zu validation rows are too many to choose thresholds for", width, n);
    if (st == TN_OK && n_rare)
        st = tn_best_threshold(rare_score, rare_flag, (int32_t)n_rare, 1, &shared, &f1, err);
    for (size_t l = 0; st == TN_OK && l < width; l++)
        if (rare[l])
            threshold[l] = shared;
    tn_arena_free(scratch);
    return st;
}

/* thresholds.json: {"chosen_on", "labels", "thresholds"}. */
static tn_status settle_thresholds(tn_flow *f, tn_model *m, const char *dir, tn_err *err)
{
    float *threshold = halves(f->arena, f->n_labels);
    bool fixed = thresholds_are_fixed(f);
    if (!threshold)
        return tn_fail_nomem(err, f->n_labels * sizeof *threshold);
    if (!fixed) {
        tn_answers a = {.name = "model", .n = f->n_row[TN_SPLIT_VALIDATION], .row = f->row[TN_SPLIT_VALIDATION]};
        float *score;
        TN_TRY(tn_texts_scores(f, m, &a, f->arena, "thresholds", &score, err));
        TN_TRY(choose_thresholds(f, score, threshold, err));
    }
    const char *path = tn_path_join(f->arena, dir, "thresholds.json");
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "chosen_on");
    tn_jw_c(&w, fixed ? "nothing" : "validation");
    tn_jw_key(&w, "labels");
    tn_jw_begin_array(&w);
    for (size_t l = 0; l < f->n_labels; l++)
        tn_jw_str(&w, f->label[l]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "thresholds");
    tn_jw_begin_array(&w);
    for (size_t l = 0; l < f->n_labels; l++)
        tn_jw_f32(&w, threshold[l]);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    tn_status st = path ? tn_buf_status(&b, err) : tn_fail_nomem(err, 64);
    if (st == TN_OK)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), err);
    tn_buf_free(&b);
    return st;
}

/* ---- answers ---- */

typedef struct {
    tn_label_sets sets;
    float *threshold;
} answers;

static tn_status settle_with(tn_flow *f, tn_answers *a, float *score, float *threshold, tn_arena *arena, tn_err *err)
{
    size_t size = a->n * f->n_labels;
    answers *x = TN_ARENA_ARRAY(arena, answers, 1);
    uint8_t *label = TN_ARENA_ARRAY(arena, uint8_t, size + 1), *predicted = TN_ARENA_ARRAY(arena, uint8_t, size + 1);
    if (!x || !label || !predicted || !threshold)
        return tn_fail_nomem(err, size);
    flags_of(f, a->row, a->n, label);
    for (size_t i = 0; i < size; i++)
        predicted[i] = score[i] >= threshold[i % f->n_labels];
    *x = (answers){{(int32_t)a->n, (int32_t)f->n_labels, label, predicted, score}, threshold};
    a->own = x;
    return TN_OK;
}

static tn_status settle_logits(tn_flow *f, tn_answers *a, float *logits, tn_arena *arena, tn_err *err)
{
    tn_op_sigmoid(logits, a->n * f->n_labels);
    return settle_with(f, a, logits, halves(arena, f->n_labels), arena, err);
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

/* The set that most training rows have, the first of equals. */
static tn_status by_commonest(tn_flow *f, const tn_lesson *lesson, tn_answers *a, float *score, float *threshold, tn_err *err)
{
    size_t n = f->n_row[TN_SPLIT_TRAIN], width = f->n_labels, best = 0;
    tn_map seen = TN_MAP_INIT;
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++) {
        const tn_row *r = &f->data.row[f->row[TN_SPLIT_TRAIN][i]];
        uint64_t *count = tn_map_put(&seen, (tn_str){(const char *)r->set, r->n_set * sizeof *r->set}, 0, NULL);
        if (!count) {
            tn_map_free(&seen);
            return tn_fail_nomem(err, sizeof(tn_map_entry));
        }
        ++*count;
    }
    for (size_t i = 0; i < n; i++) {
        const tn_row *r = &f->data.row[f->row[TN_SPLIT_TRAIN][i]];
        const uint64_t *count = tn_map_find(&seen, (tn_str){(const char *)r->set, r->n_set * sizeof *r->set});
        if (count && *count > most) {
            most = *count;
            best = i;
        }
    }
    tn_map_free(&seen);
    for (size_t l = 0; l < width; l++) {
        double share = 0;
        for (size_t i = 0; i < n; i++)
            share += (double)lesson->value[i * width + l];
        for (size_t i = 0; i < a->n; i++)
            score[i * width + l] = (float)(share / (double)n);
        threshold[l] = lesson->value[best * width + l] > 0 ? 0 : 2; /* its set, whatever the shares */
    }
    return TN_OK;
}

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    tn_lesson lesson;
    const uint32_t *held = f->row[TN_SPLIT_VALIDATION];
    size_t n_held = f->n_row[TN_SPLIT_VALIDATION], n = a->n + n_held, width = f->n_labels;
    float *score = TN_ARENA_ARRAY(f->arena, float, (n + 1) * width), *threshold = halves(f->arena, width);
    uint32_t *row = TN_ARENA_ARRAY(f->arena, uint32_t, n + 1);
    if (!score || !threshold || !row)
        return tn_fail_nomem(err, n * width * sizeof *score);
    TN_TRY(lesson_of(f, &lesson, err));
    if (which == COMMONEST) {
        TN_TRY(by_commonest(f, &lesson, a, score, threshold, err));
        return settle_with(f, a, score, threshold, f->arena, err);
    }
    /* One fit for both: the rows that are asked for, then those that choose the thresholds. */
    for (size_t i = 0; i < n; i++)
        row[i] = i < a->n ? a->row[i] : held[i - a->n];
    TN_TRY(which == NGRAM ? tn_texts_by_ngrams(f, &lesson, row, n, score, settings, err) : tn_texts_by_probe(f, row, n, score, settings, err));
    if (!thresholds_are_fixed(f))
        TN_TRY(choose_thresholds(f, score + a->n * width, threshold, err));
    return settle_with(f, a, score, threshold, f->arena, err);
}

static tn_status head(tn_flow *f, tn_model_options *o, tn_err *err)
{
    (void)err;
    o->n_labels = (int32_t)f->n_labels;
    o->label = f->label;
    o->problem = TN_PROBLEM_MULTI_LABEL;
    return TN_OK;
}

static tn_status examples(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    float *value = tn_arena_calloc(a, (n + 1) * f->n_labels * sizeof *value);
    if (!value)
        return tn_fail_nomem(err, n * f->n_labels * sizeof *value);
    TN_TRY(tn_texts_encode(f, m, row, n, a, out, err));
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < f->data.row[row[i]].n_set; k++)
            value[i * f->n_labels + (size_t)f->data.row[row[i]].set[k]] = 1;
    out->target = (tn_targets){.kind = TN_TARGET_FLAGS, .value = value};
    return TN_OK;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    float *score, *threshold;
    TN_TRY(tn_texts_scores(f, m, a, arena, what, &score, err));
    TN_TRY(tn_thresholds_read(f->model_dir, f->n_labels, arena, &threshold, err));
    if (!threshold) /* a model from elsewhere */
        threshold = halves(arena, f->n_labels);
    return settle_with(f, a, score, threshold, arena, err);
}

/* ---- measures ---- */

static tn_status measure_sets(const tn_label_sets *o, const bool *in, double *value, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_set_measure *m;
    tn_status st = scratch ? tn_set_measure_new(o, true, scratch, &m, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK) {
        uint32_t *times = TN_ARENA_ARRAY(scratch, uint32_t, (size_t)o->n);
        void *room = tn_arena_alloc(scratch, tn_set_measure_scratch(m));
        st = times && room ? TN_OK : tn_fail_nomem(err, (size_t)o->n * sizeof *times);
        for (int32_t i = 0; st == TN_OK && i < o->n; i++)
            times[i] = !in || in[i];
        if (st == TN_OK)
            tn_set_measure_values(m, room, times, value);
    }
    tn_arena_free(scratch);
    return st;
}

static tn_status measure(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err)
{
    const answers *x = a->own;
    (void)f;
    return measure_sets(&x->sets, in, value, err);
}

static tn_status weighted_of(const tn_answers *a, tn_arena *scratch, tn_weighted *out, tn_err *err)
{
    const answers *x = a->own;
    tn_set_measure *m;
    bool ranked = (size_t)x->sets.n * (size_t)x->sets.n_labels <= MAX_RANKED;
    TN_TRY(tn_set_measure_new(&x->sets, ranked, scratch, &m, err));
    *out = (tn_weighted){x->sets.n, TN_N_SET_METRICS, counted, tn_set_measure_scratch(m), tn_set_measure_values, m};
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
    TN_TRY(tn_task_weighted_difference(weighted_of, a, b, m, o, out, err));
    return isnan(out->value) ? tn_fail(err, TN_ELIMIT, "mAP over so many rows and labels has no interval here; choose another evaluation/metric, such as macro_f1") : TN_OK;
}

static void goodness(const tn_flow *f, const tn_answers *a, double *out)
{
    const answers *x = a->own;
    (void)f;
    for (size_t i = 0; i < a->n; i++)
        out[i] = tn_label_sets_row(&x->sets, (int32_t)i);
}

/* ---- records ---- */

static tn_status write_scores(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err)
{
    const answers *x = a->own;
    tn_class_score *s = TN_ARENA_ARRAY(f->arena, tn_class_score, f->n_labels);
    if (!s)
        return tn_fail_nomem(err, f->n_labels * sizeof *s);
    tn_label_sets_per_label(&x->sets, s);
    tn_jw_begin_object(w);
    tn_task_write_metrics(f->task, a, w);
    tn_jw_key(w, "per_class");
    tn_jw_begin_array(w);
    for (size_t l = 0; l < f->n_labels; l++) {
        tn_jw_begin_object(w);
        tn_jw_key(w, "label");
        tn_jw_str(w, f->label[l]);
        tn_jw_key(w, "precision");
        tn_jw_f64(w, s[l].precision);
        tn_jw_key(w, "recall");
        tn_jw_f64(w, s[l].recall);
        tn_jw_key(w, "f1");
        tn_jw_f64(w, s[l].f1);
        tn_jw_key(w, "support");
        tn_jw_i64(w, s[l].support);
        tn_jw_key(w, "threshold");
        if (x->threshold[l] > 1)
            tn_jw_null(w); /* never given */
        else
            tn_jw_f32(w, x->threshold[l]);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    tn_task_write_intervals(f->task, interval, w);
    tn_jw_end_object(w);
    return TN_OK;
}

/* The labels whose flag is set, as a JSON array. */
static void put_names(const tn_flow *f, const uint8_t *flag, tn_buf *out)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    tn_jw_begin_array(&w);
    for (size_t l = 0; l < f->n_labels; l++)
        if (flag[l])
            tn_jw_str(&w, f->label[l]);
    tn_jw_end_array(&w);
}

static tn_status write_predictions(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err)
{
    const answers *x = a->own;
    tn_csv_writer w;
    tn_buf cell = TN_BUF_INIT;
    tn_csv_writer_init(&w, out, ',');
    tn_csv_put_head(&w, "id,label,predicted");
    for (size_t l = 0; l < f->n_labels; l++)
        tn_csv_put(&w, f->label[l]);
    tn_csv_end_row(&w);
    for (size_t i = 0; i < a->n; i++) {
        const uint8_t *flag[] = {x->sets.label + i * f->n_labels, x->sets.predicted + i * f->n_labels};
        tn_csv_put(&w, f->data.row[a->row[i]].id);
        for (int k = 0; k < 2; k++) {
            tn_buf_clear(&cell);
            put_names(f, flag[k], &cell);
            tn_csv_put(&w, tn_buf_view(&cell));
        }
        for (size_t l = 0; l < f->n_labels; l++)
            tn_csv_put_f32(&w, x->sets.score[i * f->n_labels + l]);
        tn_csv_end_row(&w);
    }
    tn_status st = tn_buf_status(&cell, err);
    tn_buf_free(&cell);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}

/* The surest wrong decision of the row: how far beyond its threshold, as a share of the way to 0 or 1. */
static double badness(const tn_flow *f, const tn_answers *a, size_t i)
{
    const answers *x = a->own;
    double worst = 0;
    for (size_t l = 0; l < f->n_labels; l++) {
        size_t at = i * f->n_labels + l;
        double t = (double)x->threshold[l], s = (double)x->sets.score[at];
        if (x->sets.label[at] == x->sets.predicted[at])
            continue;
        double sure = x->sets.predicted[at] ? (t < 1 ? (s - t) / (1 - t) : 0) : t > 0 ? (t - s) / t : 0;
        worst = sure > worst ? sure : worst > 0 ? worst : 1e-9;
    }
    return worst;
}

static tn_status error(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err)
{
    const answers *x = a->own;
    tn_str text[2] = {TN_STR(""), TN_STR("")};
    for (int k = 0; k < 2; k++)
        for (size_t l = 0; l < f->n_labels; l++)
            if ((k ? x->sets.predicted : x->sets.label)[i * f->n_labels + l])
                text[k] = tn_str_format(arena, "%.*s%s%.*s", TN_ARG(text[k]), text[k].len ? ", " : "", TN_ARG(f->label[l]));
    *out = (tn_task_error){.label = text[0], .predicted = text[1], .confidence = (float)badness(f, a, i)};
    return text[0].ptr && text[1].ptr ? TN_OK : tn_fail_nomem(err, 64);
}

/* ---- verify ---- */

static tn_status read_names(tn_str cell, const tn_map *index, uint8_t *flag, tn_arena *a, tn_err *err)
{
    const tn_json *list;
    if (tn_json_parse(cell, a, &list, err) != TN_OK)
        return err->status == TN_ENOMEM ? TN_ENOMEM : tn_fail(err, TN_EFORMAT, "predictions: \"%.*s\" is no list of labels", TN_ARG(tn_str_sub(cell, 0, 60)));
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        const uint64_t *at = tn_map_find(index, tn_json_str(v));
        if (!at)
            return tn_fail(err, TN_EFORMAT, "predictions: \"%.*s\" is not among the labels", TN_ARG(tn_str_sub(tn_json_str(v), 0, 60)));
        flag[*at] = 1;
    }
    return TN_OK;
}

typedef struct {
    TN_VEC(uint8_t) label, predicted;
    TN_VEC(float) score;
    int32_t n;
} reading;

static tn_status read_predictions(tn_str csv, const tn_map *index, size_t n_labels, tn_arena *a, reading *r, tn_err *err)
{
    tn_csv_reader c;
    tn_csv_row row;
    bool more, head_row = true;
    tn_csv_init(&c, csv, &(tn_csv_options){.delimiter = ',', .max_columns = 3 + n_labels});
    for (;; head_row = false) {
        TN_TRY(tn_csv_next(&c, a, &row, &more, err));
        if (!more)
            return TN_OK;
        if (row.n != 3 + n_labels)
            return tn_fail(err, TN_EFORMAT, "predictions: line %u has %zu columns, not %zu", row.line, row.n, 3 + n_labels);
        const tn_str *cell = row.field;
        if (head_row)
            continue;
        for (size_t l = 0; l < n_labels; l++)
            if (!TN_PUSH(&r->label, 0) || !TN_PUSH(&r->predicted, 0) || !TN_PUSH(&r->score, 0))
                return tn_fail_nomem(err, n_labels);
        size_t at = (size_t)r->n++ * n_labels;
        TN_TRY(read_names(cell[1], index, r->label.ptr + at, a, err));
        TN_TRY(read_names(cell[2], index, r->predicted.ptr + at, a, err));
        for (size_t l = 0; l < n_labels; l++) {
            double v;
            if (!tn_str_to_f64(cell[3 + l], &v))
                return tn_fail(err, TN_EFORMAT, "predictions: \"%.*s\" is no score", TN_ARG(tn_str_sub(cell[3 + l], 0, 40)));
            r->score.ptr[at + l] = (float)v;
        }
    }
}

static tn_status rescore(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err)
{
    tn_map index = TN_MAP_INIT;
    reading r = {0};
    tn_status st = TN_OK;
    for (size_t l = 0; st == TN_OK && l < n_labels; l++)
        if (!tn_map_put(&index, label[l], l, NULL))
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
    if (st == TN_OK)
        st = read_predictions(csv, &index, n_labels, a, &r, err);
    if (st == TN_OK)
        st = measure_sets(&(tn_label_sets){r.n, (int32_t)n_labels, r.label.ptr, r.predicted.ptr, r.score.ptr}, NULL, value, err);
    TN_VEC_FREE(&r.label);
    TN_VEC_FREE(&r.predicted);
    TN_VEC_FREE(&r.score);
    tn_map_free(&index);
    return st;
}

const tn_flow_task tn_task_multi_label = {
    .tag = "text-classification",
    .problem = "multi-label",
    .name = "text classification",
    .about = "any number of labels a text",
    .items = "texts",
    .once = (const char *const[]){"--text", "ok", NULL},
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "every label counts the same, whatever its share",
    .pair = {"micro_f1", "macro_f1"},
    .probe_metric = "macro_f1",
    .baseline = baseline,
    .baseline_reason = "the cheapest answer, a strong linear model on word and character n-grams, the untouched encoder; each with thresholds of its own",
    .setting = setting,
    .source_key = source_key,
    .row_test = "sign",
    .load = load,
    .describe = tn_texts_describe,
    .probe = probe,
    .answer_baseline = answer_baseline,
    .head = head,
    .examples = examples,
    .evaluator = evaluator,
    .settle = settle_thresholds,
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
