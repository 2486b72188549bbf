/* Evaluation: the test is opened once, by the tuned model and by the baselines, and each opening is logged before its
 * predictions exist. All numbers of metrics.json come from the prediction files beside it. */
#include "flow/stages.h"

#include "base/map.h"
#include "base/sha256.h"
#include "codec/csv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_WORST = 20 }; /* errors shown to people */

typedef struct {
    const char *name; /* "model", "majority", "ngram", "probe" */
    tn_outcomes test;
    tn_scores_class score;
} contender;

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

static tn_status settle(tn_flow *f, contender *c, const int32_t *label, float *probability, size_t n, tn_err *err)
{
    int32_t n_labels = (int32_t)f->data.n_labels, *predicted = TN_ARENA_ARRAY(f->arena, int32_t, n);
    if (!predicted)
        return tn_fail_nomem(err, n * sizeof *predicted);
    for (size_t i = 0; i < n; i++)
        predicted[i] = tn_argmax(probability + i * (size_t)n_labels, n_labels);
    c->test = (tn_outcomes){(int32_t)n, n_labels, label, predicted, probability};
    return tn_classification_score(&c->test, f->arena, &c->score, err);
}

static tn_status write_predictions(tn_flow *f, const contender *c, const tn_str *id, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    const char *record = strcmp(c->name, "model") == 0 ? "eval/predictions.csv" : tn_str_format(f->arena, "eval/baseline-%s.csv", c->name).ptr;
    if (!record)
        return tn_fail_nomem(err, 64);
    tn_status st = tn_record_predictions(&c->test, id, f->data.label, &b, err);
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, record, &b, err);
}

static float *probabilities(const tn_flow *f, size_t n)
{
    return TN_ARENA_ARRAY(f->arena, float, (n + 1) * f->data.n_labels);
}

/* The tuned model on a split. */
static tn_status predict(tn_flow *f, tn_model *m, const tn_str *text, size_t n, float *p, const char *what, tn_err *err)
{
    for (size_t i = 0; i < n; i += 64) {
        size_t k = n - i < 64 ? n - i : 64;
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(tn_model_predict(m, text + i, k, p + i * f->data.n_labels, NULL, err));
        tn_progress_show(f->progress, what, i + k, n, NULL);
    }
    return TN_OK;
}

/* Baselines are fitted again from the training rows: the same bytes as in the experiment, and no state to carry over. */
static tn_status open_by_baselines(tn_flow *f, contender *c, const int32_t *label, const tn_str *text, const tn_str *id, size_t n, tn_err *err)
{
    const uint32_t *train = f->row[TN_SPLIT_TRAIN], *test = f->row[TN_SPLIT_TEST];
    size_t n_train = f->n_row[TN_SPLIT_TRAIN];
    int32_t n_labels = (int32_t)f->data.n_labels, *train_label;
    tn_str *train_text, *train_id;
    tn_candidate *chosen = &f->candidate[f->chosen];
    tn_ngram *ngram = NULL;
    TN_TRY(tn_flow_rows(f, train, n_train, f->arena, &train_label, &train_text, &train_id, err));
    float *p[3] = {probabilities(f, n), probabilities(f, n), probabilities(f, n)};
    if (!p[0] || !p[1] || !p[2])
        return tn_fail_nomem(err, n * f->data.n_labels * sizeof(float));
    TN_TRY(log_opening(f, "baseline:majority", "-", err));
    tn_majority_predict(train_label, (int32_t)n_train, n_labels, (int32_t)n, p[0]);
    TN_TRY(log_opening(f, "baseline:ngram", "-", err));
    TN_TRY(tn_ngram_fit(train_text, train_label, (int32_t)n_train, n_labels, tn_engine_pool(f->engine), f->progress, &ngram, err));
    tn_status st = tn_ngram_predict(ngram, text, (int32_t)n, p[1], err);
    tn_ngram_free(ngram);
    TN_TRY(st);
    TN_TRY(log_opening(f, "baseline:probe", "-", err));
    TN_TRY(tn_flow_features(f, chosen, test, n, err));
    float *x = tn_flow_gather(f, chosen, test, n);
    if (!x)
        return tn_fail_nomem(err, n * (size_t)chosen->config.hidden_size * sizeof *x);
    TN_TRY(tn_probe_predict(&chosen->probe, x, (int32_t)n, p[2], err));
    static const char *const name[3] = {"majority", "ngram", "probe"};
    for (int b = 0; b < 3; b++) {
        c[b].name = name[b];
        TN_TRY(settle(f, &c[b], label, p[b], n, err));
        TN_TRY(write_predictions(f, &c[b], id, err));
    }
    return TN_OK;
}

static tn_status intervals_of(tn_flow *f, const tn_outcomes *o, tn_interval *interval, tn_err *err)
{
    int64_t resamples, seed;
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_resamples", 100, 1000000, &resamples, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_seed", 0, INT64_MAX, &seed, err));
    tn_interval_options options = {.n_resamples = (int32_t)resamples, .seed = (uint64_t)seed, .pool = tn_engine_pool(f->engine)};
    return tn_interval_all(o, &options, interval, err);
}

static tn_status write_metrics(tn_flow *f, const contender *model, const contender *baseline, const tn_scores_class *validation,
                               const tn_scores_class *train, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_interval interval[4][TN_N_METRICS]; /* of the model, then of the baselines */
    char sha[65];
    TN_TRY(tn_folder_digest(&f->folder, "tune/model/model.safetensors", sha, err));
    for (int i = 0; i < 4; i++) {
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(intervals_of(f, i ? &baseline[i - 1].test : &model->test, interval[i], err));
    }
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "checkpoint_sha256");
    tn_jw_c(&w, sha);
    tn_jw_key(&w, "signature");
    tn_jw_begin_object(&w);
    for (int m = 0; m < TN_N_METRICS; m++) {
        tn_jw_key(&w, tn_metric_name((tn_metric_id)m));
        tn_jw_c(&w, tn_metric_signature((tn_metric_id)m));
    }
    tn_jw_end_object(&w);
    tn_jw_key(&w, "labels");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < f->data.n_labels; i++)
        tn_jw_str(&w, f->data.label[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "test");
    tn_record_scores(&model->score, f->data.label, interval[0], &w);
    tn_jw_key(&w, "validation");
    if (validation)
        tn_record_scores(validation, f->data.label, NULL, &w);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "train");
    tn_record_scores(train, f->data.label, NULL, &w);
    tn_jw_key(&w, "baselines");
    tn_jw_begin_object(&w);
    for (int i = 0; i < 3; i++) {
        tn_jw_key(&w, baseline[i].name);
        tn_record_scores(&baseline[i].score, f->data.label, interval[i + 1], &w);
    }
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return tn_folder_write(&f->folder, "eval/metrics.json", &b, err);
}

static double metric_of(const tn_scores_class *s, tn_metric_id id)
{
    return id == TN_METRIC_ACCURACY ? s->accuracy : id == TN_METRIC_MACRO_F1 ? s->macro_f1 : id == TN_METRIC_MCC ? s->mcc : s->log_loss;
}

typedef struct {
    const char *baseline;
    tn_metric_id metric;
    double ours, theirs;
    tn_interval difference;
    tn_mcnemar mcnemar;
    double p_holm;
    tn_verdict verdict;
} comparison;

static tn_str comparison_words(const tn_flow *f, const comparison *c)
{
    static const char *const name[][2] = {{"majority", "the majority class"}, {"ngram", "the n-gram baseline"}, {"probe", "the untouched encoder with a probe"}};
    const char *metric = tn_metric_title(c->metric), *baseline = c->baseline;
    for (size_t i = 0; i < TN_COUNT(name); i++)
        if (strcmp(name[i][0], c->baseline) == 0)
            baseline = name[i][1];
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
    tn_jw_c(w, c->baseline);
    tn_jw_key(w, "metric");
    tn_jw_c(w, tn_metric_name(c->metric));
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
    tn_jw_key(w, "mcnemar");
    tn_jw_begin_object(w);
    tn_jw_key(w, "b");
    tn_jw_i64(w, c->mcnemar.b);
    tn_jw_key(w, "c");
    tn_jw_i64(w, c->mcnemar.c);
    tn_jw_key(w, "p");
    tn_jw_f64(w, c->mcnemar.p);
    tn_jw_key(w, "method");
    tn_jw_c(w, c->mcnemar.method);
    tn_jw_end_object(w);
    tn_jw_key(w, "p_holm");
    tn_jw_f64(w, c->p_holm);
    tn_jw_key(w, "verdict");
    tn_jw_c(w, tn_verdict_name(c->verdict));
    tn_jw_key(w, "words");
    tn_jw_str(w, comparison_words(f, c));
    tn_jw_end_object(w);
}

/* Against each baseline: the criterion's metric and accuracy, paired on the same rows; McNemar's test with Holm's
 * adjustment over the three baselines. */
static tn_status write_comparisons(tn_flow *f, const contender *model, const contender *baseline, tn_metric_id metric, bool *beats_all, tn_err *err)
{
    enum { N = 3 };
    comparison c[N][2];
    double p[N];
    int64_t resamples, seed;
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_resamples", 100, 1000000, &resamples, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/bootstrap_seed", 0, INT64_MAX, &seed, err));
    tn_interval_options options = {.n_resamples = (int32_t)resamples, .seed = (uint64_t)seed, .pool = tn_engine_pool(f->engine)};
    tn_metric_id metrics[2] = {metric, metric == TN_METRIC_ACCURACY ? TN_METRIC_MACRO_F1 : TN_METRIC_ACCURACY};
    *beats_all = true;
    for (int i = 0; i < N; i++) {
        tn_mcnemar m = tn_mcnemar_test(model->test.label, model->test.predicted, baseline[i].test.predicted, model->test.n);
        p[i] = m.p;
        for (int k = 0; k < 2; k++) {
            c[i][k] = (comparison){.baseline = baseline[i].name, .metric = metrics[k], .ours = metric_of(&model->score, metrics[k]),
                                   .theirs = metric_of(&baseline[i].score, metrics[k]), .mcnemar = m};
            TN_TRY(tn_interrupt_check(err));
            TN_TRY(tn_interval_difference(&model->test, &baseline[i].test, metrics[k], &options, &c[i][k].difference, err));
            c[i][k].verdict = tn_verdict_of(&c[i][k].difference);
        }
        *beats_all &= c[i][0].verdict == TN_VERDICT_BETTER;
    }
    tn_holm(p, N);
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "comparisons");
    tn_jw_begin_array(&w);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 2; k++) {
            c[i][k].p_holm = p[i];
            write_comparison(f, &w, &c[i][k]);
        }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    TN_TRY(tn_folder_write(&f->folder, "eval/comparisons.json", &b, err));
    bool asked = !tn_str_is(tn_plan_origin(f->plan, "approach/method"), "assumed");
    if (c[2][0].verdict != TN_VERDICT_BETTER)
        TN_TRY(tn_flow_find(f, "constraint-pretrained", TN_WARNING,
                            asked ? TN_STR("fine-tuning was asked for; it is not justified by this measurement")
                                  : TN_STR("fine-tuning is not justified by this measurement"), comparison_words(f, &c[2][0]),
                            TN_STR("serve the untouched encoder with its probe, or collect more labelled rows"), err));
    for (int i = 0; i < 2; i++)
        if (c[i][0].verdict != TN_VERDICT_BETTER)
            TN_TRY(tn_flow_find(f, "eval-baselines", TN_WARNING, tn_str_format(f->arena, "the model does not beat the %s baseline", c[i][0].baseline),
                                comparison_words(f, &c[i][0]), TN_STR("prefer the simpler model, or collect more labelled rows"), err));
    return TN_OK;
}

/* ---- slices and errors ---- */

static tn_status write_slice(tn_flow *f, tn_csv_writer *w, const contender *m, const char *slice, tn_str value, const bool *in, tn_err *err)
{
    int32_t n = 0, n_labels = m->test.n_labels, *confusion = TN_ARENA_ARRAY(f->arena, int32_t, (size_t)n_labels * (size_t)n_labels);
    if (!confusion)
        return tn_fail_nomem(err, 64);
    memset(confusion, 0, sizeof *confusion * (size_t)n_labels * (size_t)n_labels);
    for (int32_t i = 0; i < m->test.n; i++)
        if (in[i]) {
            confusion[m->test.label[i] * n_labels + m->test.predicted[i]]++;
            n++;
        }
    if (n == 0)
        return TN_OK;
    tn_csv_put_c(w, slice);
    tn_csv_put(w, value);
    tn_csv_put_i64(w, n);
    tn_csv_put_f64(w, tn_metric_of_confusion(TN_METRIC_ACCURACY, confusion, n_labels));
    tn_csv_put_f64(w, tn_metric_of_confusion(TN_METRIC_MACRO_F1, confusion, n_labels));
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
static tn_status write_slices(tn_flow *f, const contender *m, tn_err *err)
{
    const uint32_t *row = f->row[TN_SPLIT_TEST];
    size_t n = f->n_row[TN_SPLIT_TEST];
    bool *in = TN_ARENA_ARRAY(f->arena, bool, n + 1);
    tn_buf b = TN_BUF_INIT;
    tn_csv_writer w;
    if (!in)
        return tn_fail_nomem(err, n);
    tn_csv_writer_init(&w, &b, ',');
    static const char *const head[] = {"slice", "value", "n", "accuracy", "macro_f1"};
    for (size_t i = 0; i < TN_COUNT(head); i++)
        tn_csv_put_c(&w, head[i]);
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

static tn_status write_errors(tn_flow *f, const contender *m, tn_err *err)
{
    int32_t *worst, n;
    tn_buf b = TN_BUF_INIT, text = TN_BUF_INIT;
    tn_csv_writer w;
    tn_status st = TN_OK;
    TN_TRY(tn_worst_errors(&m->test, N_WORST, f->arena, &worst, &n, err));
    tn_csv_writer_init(&w, &b, ',');
    static const char *const head[] = {"id", "text", "label", "predicted", "confidence"};
    for (size_t i = 0; i < TN_COUNT(head); i++)
        tn_csv_put_c(&w, head[i]);
    tn_csv_end_row(&w);
    for (int32_t i = 0; i < n; i++) {
        const tn_row *row = &f->data.row[f->row[TN_SPLIT_TEST][worst[i]]];
        tn_buf_clear(&text);
        TN_GO(tn_pii_redact(row->text, &text, err));
        tn_csv_put(&w, row->id);
        tn_csv_put(&w, tn_buf_view(&text));
        tn_csv_put(&w, f->data.label[m->test.label[worst[i]]]);
        tn_csv_put(&w, f->data.label[m->test.predicted[worst[i]]]);
        tn_csv_put_f32(&w, m->test.probability[(size_t)worst[i] * f->data.n_labels + (size_t)m->test.predicted[worst[i]]]);
        tn_csv_end_row(&w);
    }
    st = tn_folder_write(&f->folder, "eval/errors.csv", &b, err);
done:
    tn_buf_free(&text);
    tn_buf_free(&b);
    return st;
}

/* Scores on rows that were seen (train) or steered the run (validation): for the gap, never as a result. */
static tn_status score_split(tn_flow *f, tn_model *m, tn_split split, tn_scores_class *out, tn_err *err)
{
    int32_t *label;
    tn_str *text, *id;
    size_t n = f->n_row[split];
    contender c = {.name = "model"};
    TN_TRY(tn_flow_rows(f, f->row[split], n, f->arena, &label, &text, &id, err));
    float *p = probabilities(f, n);
    if (!p)
        return tn_fail_nomem(err, n * sizeof *p);
    TN_TRY(predict(f, m, text, n, p, split == TN_SPLIT_TRAIN ? "training rows" : "validation rows", err));
    TN_TRY(settle(f, &c, label, p, n, err));
    *out = c.score;
    return TN_OK;
}

static tn_status check_threshold(tn_flow *f, tn_metric_id metric, const contender *model, bool beats_all, tn_err *err)
{
    double threshold, value = metric_of(&model->score, metric);
    f->out->criteria_met = beats_all;
    if (tn_json_f64(tn_plan_at(f->plan, "evaluation/threshold"), &threshold) && value < threshold) {
        f->out->criteria_met = false;
        TN_TRY(tn_flow_find(f, "eval-criteria", TN_ERROR,
                            tn_str_format(f->arena, "%s on the test is %.3f, below the stated %.3f", tn_metric_name(metric), value, threshold),
                            TN_STR("eval/metrics.json"), TN_STR("more labelled rows, a stronger model, or another threshold"), err));
    }
    return TN_OK;
}

tn_status tn_stage_evaluate(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    size_t n = f->n_row[TN_SPLIT_TEST];
    contender model = {.name = "model"}, baseline[3] = {{0}};
    tn_scores_class validation, train;
    tn_metric_id metric;
    tn_str metric_name, *text, *id;
    int32_t *label;
    char sha[65];
    bool beats_all;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    TN_TRY(tn_plan_str(f->plan, "evaluation/metric", &metric_name, err));
    if (!tn_metric_parse(metric_name, &metric))
        return tn_fail(err, TN_EINVALID, "plan: evaluation/metric \"%.*s\" is unknown", TN_ARG(metric_name));
    TN_TRY(tn_folder_digest(&f->folder, "tune/model/model.safetensors", sha, err));
    TN_TRY(tn_flow_rows(f, f->row[TN_SPLIT_TEST], n, f->arena, &label, &text, &id, err));
    float *p = probabilities(f, n);
    if (!p)
        return tn_fail_nomem(err, n * sizeof *p);
    TN_GO(tn_model_open(f->engine, tn_folder_path(&f->folder, "tune/model"), &(tn_model_options){0}, &m, err));
    bool held = f->n_row[TN_SPLIT_VALIDATION] > 0;
    if (held)
        TN_GO(score_split(f, m, TN_SPLIT_VALIDATION, &validation, err));
    TN_GO(score_split(f, m, TN_SPLIT_TRAIN, &train, err));
    TN_GO(log_opening(f, "model", sha, err));
    TN_GO(predict(f, m, text, n, p, "test rows", err));
    TN_GO(settle(f, &model, label, p, n, err));
    TN_GO(write_predictions(f, &model, id, err));
    TN_GO(open_by_baselines(f, baseline, label, text, id, n, err));
    TN_GO(write_metrics(f, &model, baseline, held ? &validation : NULL, &train, err));
    TN_GO(write_comparisons(f, &model, baseline, metric, &beats_all, err));
    TN_GO(write_slices(f, &model, err));
    TN_GO(write_errors(f, &model, err));
    TN_GO(check_threshold(f, metric, &model, beats_all, err));
    tn_progress_say(f->progress, "Test (%zu rows): accuracy %.3f, macro F1 %.3f; majority %.3f, n-grams %.3f, probe %.3f (macro F1)", n,
                    model.score.accuracy, model.score.macro_f1, baseline[0].score.macro_f1, baseline[1].score.macro_f1, baseline[2].score.macro_f1);
done:
    tn_model_close(m);
    f->seconds[TN_STAGE_EVALUATE] = tn_clock_seconds() - start;
    return st;
}
