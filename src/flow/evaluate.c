/* Evaluation: the test is opened once, by the tuned model and by the baselines, and each opening is logged before its
 * predictions exist. All numbers of metrics.json come from the prediction files beside it. */
#include "flow/task.h"

#include "base/map.h"
#include "base/sha256.h"
#include "codec/csv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_WORST = 20 }; /* errors shown to people */

/* Logged before anything is read. A run that was killed in here and resumed opens the test again for the same weights:
 * that is logged too, and marked, because it chooses nothing anew. */
static tn_status log_opening(tn_flow *f, const char *who, const char *sha256, tn_err *err)
{
    char now[32], what[192], line[256];
    tn_str before = TN_STR("");
    const char *path = tn_folder_path(&f->folder, "eval/openings.log");
    if (!path)
        return tn_fail_nomem(err, 64);
    if (tn_file_exists(path))
        TN_TRY(tn_folder_read(&f->folder, "eval/openings.log", f->arena, &before, err));
    tn_clock_iso(now);
    snprintf(what, sizeof what, " test %s %s", who, sha256);
    bool again = tn_str_find(before, tn_str_of(what), 0) != SIZE_MAX;
    int n = snprintf(line, sizeof line, "%s%s%s\n", now, what, again ? " resumed" : "");
    return tn_file_append(path, (tn_bytes){(const uint8_t *)line, (size_t)n}, err);
}

static tn_status write_predictions(tn_flow *f, const tn_answers *a, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    const char *record = strcmp(a->name, "model") == 0 ? "eval/predictions.csv" : tn_str_format(f->arena, "eval/baseline-%s.csv", a->name).ptr;
    if (!record)
        return tn_fail_nomem(err, 64);
    tn_status st = f->task->write_predictions(f, a, &b, err);
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, record, &b, err);
}

/* Baselines are fitted again from the training rows: the same bytes as in the experiment, and no state to carry over. */
static tn_status open_by_baselines(tn_flow *f, tn_answers *a, size_t n_baselines, tn_err *err)
{
    for (size_t i = 0; i < n_baselines; i++) {
        char who[64];
        const char *settings = "";
        a[i] = (tn_answers){.name = f->task->baseline[i].name, .n = f->n_row[TN_SPLIT_TEST], .row = f->row[TN_SPLIT_TEST]};
        snprintf(who, sizeof who, "baseline:%s", a[i].name);
        TN_TRY(log_opening(f, who, "-", err));
        TN_TRY(f->task->answer_baseline(f, i, &a[i], &settings, err));
        TN_TRY(f->task->measure(f, &a[i], NULL, a[i].value, err));
        TN_TRY(write_predictions(f, &a[i], err));
    }
    return TN_OK;
}

static tn_status interval_options(const tn_flow *f, tn_interval_options *o, tn_err *err)
{
    int64_t resamples, seed;
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_resamples", 100, 1000000, &resamples, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_seed", 0, INT64_MAX, &seed, err));
    *o = (tn_interval_options){.n_resamples = (int32_t)resamples, .seed = (uint64_t)seed, .pool = tn_engine_pool(f->engine)};
    return TN_OK;
}

static tn_status write_with_intervals(tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_json_writer *w, tn_err *err)
{
    tn_interval interval[TN_TASK_MAX_METRICS];
    TN_TRY(tn_interrupt_check(err));
    TN_TRY(f->task->intervals(f, a, o, interval, err));
    return f->task->write_scores(f, a, interval, w, err);
}

static tn_status put_metrics(tn_flow *f, const tn_answers *model, const tn_answers *baseline, size_t n_baselines, const tn_answers *validation,
                             const tn_answers *train, tn_json_writer *w, tn_err *err)
{
    const tn_flow_task *t = f->task;
    tn_interval_options options;
    char sha[65];
    TN_TRY(interval_options(f, &options, err));
    TN_TRY(tn_folder_digest(&f->folder, "tune/model/model.safetensors", sha, err));
    tn_jw_begin_object(w);
    tn_jw_key(w, "checkpoint_sha256");
    tn_jw_c(w, sha);
    tn_jw_key(w, "signature");
    tn_jw_begin_object(w);
    for (size_t m = 0; t->metric[m]; m++) {
        tn_jw_key(w, t->metric[m]);
        tn_jw_c(w, tn_metric_find(tn_str_of(t->metric[m]))->signature);
    }
    tn_jw_end_object(w);
    tn_jw_key(w, "labels");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < f->n_labels; i++)
        tn_jw_str(w, f->label[i]);
    tn_jw_end_array(w);
    tn_jw_key(w, "test");
    TN_TRY(write_with_intervals(f, model, &options, w, err));
    tn_jw_key(w, "validation");
    if (validation)
        TN_TRY(t->write_scores(f, validation, NULL, w, err));
    else
        tn_jw_null(w);
    tn_jw_key(w, "train");
    TN_TRY(t->write_scores(f, train, NULL, w, err));
    tn_jw_key(w, "baselines");
    tn_jw_begin_object(w);
    for (size_t i = 0; i < n_baselines; i++) {
        tn_jw_key(w, baseline[i].name);
        TN_TRY(write_with_intervals(f, &baseline[i], &options, w, err));
    }
    tn_jw_end_object(w);
    tn_jw_end_object(w);
    return TN_OK;
}

static tn_status write_metrics(tn_flow *f, const tn_answers *model, const tn_answers *baseline, size_t n_baselines, const tn_answers *validation,
                               const tn_answers *train, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_status st = put_metrics(f, model, baseline, n_baselines, validation, train, &w, err);
    tn_buf_char(&b, '\n');
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, "eval/metrics.json", &b, err);
}

typedef struct {
    const tn_flow_baseline *baseline;
    const tn_metric_info *metric;
    double ours, theirs;
    tn_interval difference;
    tn_mcnemar rows;
    double p_holm;
    tn_verdict verdict;
} comparison;

static tn_str comparison_words(const tn_flow *f, const comparison *c)
{
    const char *metric = c->metric->title, *baseline = c->baseline->than;
    if (c->verdict == TN_VERDICT_NO_DIFFERENCE)
        return tn_str_format(f->arena, "no difference from %s was found: %s differs by %+.3f, and the 95 %% interval [%+.3f, %+.3f] holds zero",
                             baseline, metric, c->difference.value, c->difference.low, c->difference.high);
    return tn_str_format(f->arena, "%s than %s: %s differs by %+.3f, 95 %% interval [%+.3f, %+.3f]", tn_verdict_name(c->verdict),
                         baseline, metric, c->difference.value, c->difference.low, c->difference.high);
}

static void write_comparison(const tn_flow *f, tn_json_writer *w, const comparison *c)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "baseline");
    tn_jw_c(w, c->baseline->name);
    tn_jw_key(w, "metric");
    tn_jw_c(w, c->metric->name);
    tn_jw_key(w, "ours");
    tn_jw_f64(w, c->ours);
    tn_jw_key(w, "theirs");
    tn_jw_f64(w, c->theirs);
    tn_jw_key(w, "difference");
    tn_jw_f64(w, c->difference.value);
    tn_jw_key(w, "low");
    tn_jw_f64(w, c->difference.low);
    tn_jw_key(w, "high");
    tn_jw_f64(w, c->difference.high);
    tn_jw_key(w, "method");
    tn_jw_c(w, c->difference.method);
    tn_jw_key(w, f->task->row_test);
    tn_jw_begin_object(w);
    tn_jw_key(w, "b");
    tn_jw_i64(w, c->rows.b);
    tn_jw_key(w, "c");
    tn_jw_i64(w, c->rows.c);
    tn_jw_key(w, "p");
    tn_jw_f64(w, c->rows.p);
    tn_jw_key(w, "method");
    tn_jw_c(w, c->rows.method);
    tn_jw_end_object(w);
    tn_jw_key(w, "p_holm");
    tn_jw_f64(w, c->p_holm);
    tn_jw_key(w, "verdict");
    tn_jw_c(w, tn_verdict_name(c->verdict));
    tn_jw_key(w, "words");
    tn_jw_str(w, comparison_words(f, c));
    tn_jw_end_object(w);
}

/* Rows that one answers better than the other: McNemar's test where a row is right or wrong, the sign test otherwise. It
 * is the same arithmetic: of the rows that differ, how many favour the first? */
static tn_status test_rows(const tn_flow *f, const tn_answers *a, const tn_answers *b, tn_mcnemar *out, tn_err *err)
{
    double *x = TN_ARENA_ARRAY(f->arena, double, a->n), *y = TN_ARENA_ARRAY(f->arena, double, a->n);
    int32_t *zero = TN_ARENA_ARRAY(f->arena, int32_t, a->n), *first = TN_ARENA_ARRAY(f->arena, int32_t, a->n), *second = TN_ARENA_ARRAY(f->arena, int32_t, a->n);
    if (!x || !y || !zero || !first || !second)
        return tn_fail_nomem(err, a->n * sizeof *x);
    f->task->goodness(f, a, x);
    f->task->goodness(f, b, y);
    for (size_t i = 0; i < a->n; i++) {
        zero[i] = 0;
        first[i] = x[i] < y[i];
        second[i] = y[i] < x[i];
    }
    *out = tn_mcnemar_test(zero, first, second, (int32_t)a->n);
    return TN_OK;
}

static tn_status judge_baseline(tn_flow *f, const comparison *c, tn_err *err)
{
    if (c->verdict == TN_VERDICT_BETTER)
        return TN_OK;
    if (!c->baseline->untouched)
        return tn_flow_find(f, "eval-baselines", TN_WARNING, tn_str_format(f->arena, "the model does not beat the %s baseline", c->baseline->name),
                            comparison_words(f, c), TN_STR("prefer the simpler model, or collect more labelled rows"), err);
    bool asked = !tn_str_is(tn_plan_origin(f->plan, "approach/method"), "assumed");
    return tn_flow_find(f, "constraint-pretrained", TN_WARNING,
                        asked ? TN_STR("fine-tuning was asked for; it is not justified by this measurement")
                              : TN_STR("fine-tuning is not justified by this measurement"), comparison_words(f, c),
                        TN_STR("serve the untouched encoder with its probe, or collect more labelled rows"), err);
}

/* The metric beside the criterion's: the first of the task's pair that is another. */
static int second_metric(const tn_flow_task *t, tn_str criterion)
{
    return tn_task_metric(t, tn_str_of(tn_str_is(criterion, t->pair[0]) ? t->pair[1] : t->pair[0]));
}

/* Against each baseline: the criterion's metric and another, paired on the same rows; the test over rows with Holm's
 * adjustment over the baselines. */
static tn_status write_comparisons(tn_flow *f, const tn_answers *model, const tn_answers *baseline, size_t n, tn_str metric, bool *beats_all, tn_err *err)
{
    comparison(*c)[2] = tn_arena_alloc(f->arena, (n + 1) * sizeof *c);
    double *p = TN_ARENA_ARRAY(f->arena, double, n + 1);
    tn_interval_options options;
    int metrics[2] = {tn_task_metric(f->task, metric), second_metric(f->task, metric)};
    if (!c || !p)
        return tn_fail_nomem(err, n * sizeof *c);
    TN_TRY(interval_options(f, &options, err));
    *beats_all = true;
    for (size_t i = 0; i < n; i++) {
        tn_mcnemar rows;
        TN_TRY(test_rows(f, model, &baseline[i], &rows, err));
        p[i] = rows.p;
        for (int k = 0; k < 2; k++) {
            int m = metrics[k];
            c[i][k] = (comparison){.baseline = &f->task->baseline[i], .metric = tn_metric_find(tn_str_of(f->task->metric[m])), .ours = model->value[m],
                                   .theirs = baseline[i].value[m], .rows = rows};
            TN_TRY(tn_interrupt_check(err));
            TN_TRY(f->task->difference(f, model, &baseline[i], (size_t)m, &options, &c[i][k].difference, err));
            c[i][k].verdict = tn_verdict_of(&c[i][k].difference);
        }
        *beats_all &= c[i][0].verdict == TN_VERDICT_BETTER;
    }
    tn_holm(p, (int32_t)n);
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "comparisons");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            c[i][k].p_holm = p[i];
            write_comparison(f, &w, &c[i][k]);
        }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    TN_TRY(tn_folder_write(&f->folder, "eval/comparisons.json", &b, err));
    for (int untouched = 1; untouched >= 0; untouched--) /* whether tuning was worth it is told first */
        for (size_t i = 0; i < n; i++)
            if (c[i][0].baseline->untouched == (untouched == 1))
                TN_TRY(judge_baseline(f, &c[i][0], err));
    return TN_OK;
}

/* ---- slices and errors ---- */

static tn_status write_slice(tn_flow *f, tn_csv_writer *w, const tn_answers *m, const char *slice, tn_str value, const bool *in, tn_err *err)
{
    double v[TN_TASK_MAX_METRICS];
    int64_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += in[i];
    if (n == 0)
        return TN_OK;
    TN_TRY(f->task->measure(f, m, in, v, err));
    tn_csv_put_c(w, slice);
    tn_csv_put(w, value);
    tn_csv_put_i64(w, n);
    for (int k = 0; k < 2; k++)
        tn_csv_put_f64(w, v[tn_task_metric(f->task, tn_str_of(f->task->pair[k]))]);
    tn_csv_end_row(w);
    return TN_OK;
}

static bool has_marks(tn_str t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.ptr[i] >= 0xC3 && (unsigned char)t.ptr[i] < 0xF0)
            return true;
    return false;
}

/* Slices that need no knowledge of the task: length in words, letters beyond ASCII, and each column of few values. */
static tn_status write_slices(tn_flow *f, const tn_answers *m, tn_err *err)
{
    const uint32_t *row = f->row[TN_SPLIT_TEST];
    size_t n = f->n_row[TN_SPLIT_TEST];
    bool *in = TN_ARENA_ARRAY(f->arena, bool, n + 1);
    tn_buf b = TN_BUF_INIT;
    tn_csv_writer w;
    if (!in)
        return tn_fail_nomem(err, n);
    tn_csv_writer_init(&w, &b, ',');
    tn_csv_put_head(&w, "slice,value,n");
    for (int k = 0; k < 2; k++)
        tn_csv_put_c(&w, f->task->pair[k]);
    tn_csv_end_row(&w);
    static const struct {
        const char *name;
        size_t from, to;
    } length[] = {{"1-7 words", 0, 7}, {"8-20 words", 8, 20}, {"21-40 words", 21, 40}, {"over 40 words", 41, SIZE_MAX}};
    tn_status st = TN_OK;
    for (size_t k = 0; st == TN_OK && k < TN_COUNT(length); k++) {
        for (size_t i = 0; i < n; i++) {
            tn_str rest = f->data.row[row[i]].text, word;
            size_t words = 0;
            while (tn_str_cut(&rest, ' ', &word))
                words += word.len > 0;
            in[i] = words >= length[k].from && words <= length[k].to;
        }
        st = write_slice(f, &w, m, "length", tn_str_of(length[k].name), in, err);
    }
    for (int marks = 0; st == TN_OK && marks < 2; marks++) {
        for (size_t i = 0; i < n; i++)
            in[i] = has_marks(f->data.row[row[i]].text) == (marks == 1);
        st = write_slice(f, &w, m, "letters", marks ? TN_STR("with diacritics or other scripts") : TN_STR("plain ASCII letters"), in, err);
    }
    for (size_t c = 0; st == TN_OK && c < f->data.n_other; c++) {
        tn_map values = TN_MAP_INIT;
        const char *name = tn_str_c(f->arena, f->data.other[c]);
        if (!name)
            st = tn_fail_nomem(err, f->data.other[c].len);
        for (size_t i = 0; i < n && values.len <= 12; i++)
            if (!tn_map_put(&values, f->data.row[row[i]].other[c], 0, NULL))
                st = tn_fail_nomem(err, 64);
        for (size_t v = 0; st == TN_OK && values.len <= 12 && values.len > 1 && v < values.len; v++) {
            for (size_t i = 0; i < n; i++)
                in[i] = tn_str_eq(f->data.row[row[i]].other[c], values.entry[v].key);
            st = write_slice(f, &w, m, name, values.entry[v].key, in, err);
        }
        tn_map_free(&values);
    }
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, "eval/slices.csv", &b, err);
}

static tn_status write_errors(tn_flow *f, const tn_answers *m, tn_err *err)
{
    uint32_t *worst;
    size_t n;
    tn_buf b = TN_BUF_INIT, text = TN_BUF_INIT;
    tn_csv_writer w;
    tn_status st = TN_OK;
    double *bad = TN_ARENA_ARRAY(f->arena, double, m->n);
    if (!bad)
        return tn_fail_nomem(err, m->n * sizeof *bad);
    for (size_t i = 0; i < m->n; i++)
        bad[i] = f->task->badness(f, m, i);
    TN_TRY(tn_worst_rows(bad, m->n, N_WORST, f->arena, &worst, &n, err));
    tn_csv_writer_init(&w, &b, ',');
    tn_csv_put_head(&w, "id,text,label,predicted,confidence");
    tn_csv_end_row(&w);
    for (size_t i = 0; i < n; i++) {
        const tn_row *row = &f->data.row[m->row[worst[i]]];
        tn_task_error e = {0};
        TN_GO(f->task->error(f, m, worst[i], f->arena, &e, err));
        tn_buf_clear(&text);
        TN_GO(tn_pii_redact(e.text.ptr ? e.text : row->text, &text, err));
        if (!e.text.ptr && row->pair.ptr) {
            tn_buf_c(&text, "\n");
            TN_GO(tn_pii_redact(row->pair, &text, err));
        }
        tn_csv_put(&w, row->id);
        tn_csv_put(&w, tn_buf_view(&text));
        tn_csv_put(&w, e.label);
        tn_csv_put(&w, e.predicted);
        tn_csv_put_f32(&w, e.confidence);
        tn_csv_end_row(&w);
    }
    st = tn_folder_write(&f->folder, "eval/errors.csv", &b, err);
done:
    tn_buf_free(&text);
    tn_buf_free(&b);
    return st;
}

/* The model on a split, measured. On rows that were seen (train) or steered the run (validation): for the gap, never as
 * a result. */
static tn_status answer_split(tn_flow *f, tn_model *m, tn_split split, const char *what, tn_answers *a, tn_err *err)
{
    *a = (tn_answers){.name = "model", .n = f->n_row[split], .row = f->row[split]};
    TN_TRY(f->task->answer(f, m, a, f->arena, what, err));
    return f->task->measure(f, a, NULL, a->value, err);
}

static tn_status check_threshold(tn_flow *f, tn_str metric, const tn_answers *model, bool beats_all, tn_err *err)
{
    double threshold, value = model->value[tn_task_metric(f->task, metric)];
    bool lower = tn_metric_find(metric)->lower_is_better;
    f->out->criteria_met = beats_all;
    if (tn_json_f64(tn_plan_at(f->plan, "evaluation/threshold"), &threshold) && (lower ? value > threshold : value < threshold)) {
        f->out->criteria_met = false;
        TN_TRY(tn_flow_find(f, "eval-criteria", TN_ERROR,
                            tn_str_format(f->arena, "%.*s on the test is %.3f, %s the stated %.3f", TN_ARG(metric), value, lower ? "above" : "below", threshold),
                            TN_STR("eval/metrics.json"), TN_STR("more labelled rows, a stronger model, or another threshold"), err));
    }
    return TN_OK;
}

/* "Test (32 rows): accuracy 0.406, macro F1 0.193; majority 0.193, n-grams 0.567, probe 0.441 (macro F1)" */
static void say_result(const tn_flow *f, const tn_answers *model, const tn_answers *baseline, size_t n)
{
    const tn_flow_task *t = f->task;
    int first = tn_task_metric(t, tn_str_of(t->pair[0])), second = tn_task_metric(t, tn_str_of(t->pair[1]));
    tn_str title = tn_metric_title_of(tn_str_of(t->pair[1]));
    tn_buf b = TN_BUF_INIT;
    tn_buf_printf(&b, "Test (%zu rows): %.*s %.3f, %.*s %.3f;", model->n, TN_ARG(tn_metric_title_of(tn_str_of(t->pair[0]))), model->value[first],
                  TN_ARG(title), model->value[second]);
    for (size_t i = 0; i < n; i++)
        tn_buf_printf(&b, "%s %s %.3f", i ? "," : "", baseline[i].name, baseline[i].value[second]);
    tn_progress_say(f->progress, "%s (%.*s)", b.ptr ? b.ptr : "", TN_ARG(title));
    tn_buf_free(&b);
}

tn_status tn_stage_evaluate(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    size_t n = f->n_row[TN_SPLIT_TEST], n_baselines = tn_task_n_baselines(f->task);
    tn_answers model, validation, train, *baseline = TN_ARENA_ARRAY(f->arena, tn_answers, n_baselines + 1);
    tn_str metric;
    char sha[65];
    bool beats_all = false, held = f->n_row[TN_SPLIT_VALIDATION] > 0;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    if (!baseline)
        return tn_fail_nomem(err, n * sizeof *baseline);
    TN_TRY(tn_flow_metric(f, &metric, err));
    TN_TRY(tn_folder_digest(&f->folder, "tune/model/model.safetensors", sha, err));
    f->model_dir = tn_folder_path(&f->folder, "tune/model");
    TN_GO(tn_model_open(f->engine, f->model_dir, &(tn_model_options){0}, &m, err));
    if (held)
        TN_GO(answer_split(f, m, TN_SPLIT_VALIDATION, "validation rows", &validation, err));
    TN_GO(answer_split(f, m, TN_SPLIT_TRAIN, "training rows", &train, err));
    TN_GO(log_opening(f, "model", sha, err));
    TN_GO(answer_split(f, m, TN_SPLIT_TEST, "test rows", &model, err));
    TN_GO(write_predictions(f, &model, err));
    TN_GO(open_by_baselines(f, baseline, n_baselines, err));
    TN_GO(write_metrics(f, &model, baseline, n_baselines, held ? &validation : NULL, &train, err));
    TN_GO(write_comparisons(f, &model, baseline, n_baselines, metric, &beats_all, err));
    TN_GO(write_slices(f, &model, err));
    TN_GO(write_errors(f, &model, err));
    TN_GO(check_threshold(f, metric, &model, beats_all, err));
    say_result(f, &model, baseline, n_baselines);
done:
    tn_model_close(m);
    f->seconds[TN_STAGE_EVALUATE] = tn_clock_seconds() - start;
    return st;
}
