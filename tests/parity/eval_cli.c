/* The metrics and baselines from a command line, for tests/parity/metric_parity.py: numbers as text on stdin, one JSON
 * value on stdout.
 *
 *   score | interval METRIC RESAMPLES SEED     n L with_p / labels / predictions / probabilities if with_p
 *   difference METRIC RESAMPLES SEED           the same, then predictions and probabilities of the second model
 *   mcnemar                                    n / labels / first / second
 *   holm                                       n / p
 *   logistic L2 TOLERANCE | probe              n width L / labels / features
 *   sets                                       n L / labels / predictions / scores
 *   numbers                                    n / truth / predictions
 *   learn flags|values                         n width L / wanted / features: the probe
 *   ngram TRAIN.csv TEST.csv TEXT LABEL THREADS */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "codec/csv.h"
#include "eval/baseline.h"
#include "eval/record.h"
#include "metric/label_sets.h"
#include "metric/numbers.h"

static tn_arena *arena;
static tn_err err;

static void need(tn_status st)
{
    if (st == TN_OK)
        return;
    fprintf(stderr, "%s\n", err.msg);
    exit(tn_exit_code(st));
}

static double number(void)
{
    char word[64];
    if (scanf("%63s", word) != 1) {
        fprintf(stderr, "a number is missing on stdin\n");
        exit(2);
    }
    return strtod(word, NULL);
}

static int32_t *labels_in(int32_t n)
{
    int32_t *v = TN_ARENA_ARRAY(arena, int32_t, (size_t)n);
    for (int32_t i = 0; v && i < n; i++)
        v[i] = (int32_t)number();
    return v;
}

static float *floats_in(size_t n)
{
    float *v = TN_ARENA_ARRAY(arena, float, n);
    for (size_t i = 0; v && i < n; i++)
        v[i] = (float)number();
    return v;
}

static void finish(tn_buf *b)
{
    need(tn_buf_status(b, &err));
    printf("%.*s\n", (int)b->len, b->ptr);
    tn_buf_free(b);
}

static void put_numbers(tn_json_writer *w, const char *key, const double *v, size_t n)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_f64(w, v[i]);
    tn_jw_end_array(w);
}

static void put_floats(tn_json_writer *w, const char *key, const float *v, size_t n)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_f32(w, v[i]);
    tn_jw_end_array(w);
}

static tn_outcomes outcomes_in(bool *with)
{
    tn_outcomes o = {.n = (int32_t)number(), .n_labels = (int32_t)number()};
    *with = number() != 0;
    o.label = labels_in(o.n);
    o.predicted = labels_in(o.n);
    if (*with)
        o.probability = floats_in((size_t)o.n * (size_t)o.n_labels);
    return o;
}

static void outcomes_command(const char *command, char **argv, tn_pool *pool)
{
    bool with;
    tn_outcomes o = outcomes_in(&with), second = o;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    if (strcmp(command, "score") == 0) {
        tn_scores_class s;
        need(tn_classification_score(&o, arena, &s, &err));
        tn_str *name = TN_ARENA_ARRAY(arena, tn_str, (size_t)o.n_labels);
        for (int32_t k = 0; k < o.n_labels; k++)
            name[k] = tn_str_format(arena, "%" PRId32, k);
        tn_record_scores(&s, name, NULL, &w);
    } else {
        tn_metric_id id;
        tn_interval i;
        if (!tn_metric_parse(tn_str_of(argv[0]), &id))
            exit(2);
        tn_interval_options options = {.n_resamples = atoi(argv[1]), .seed = (uint64_t)atoll(argv[2]), .pool = pool};
        if (strcmp(command, "difference") == 0) {
            second.predicted = labels_in(o.n);
            if (with)
                second.probability = floats_in((size_t)o.n * (size_t)o.n_labels);
            need(tn_interval_difference(&o, &second, id, &options, &i, &err));
        } else {
            need(tn_interval_metric(&o, id, &options, &i, &err));
        }
        tn_jw_begin_object(&w);
        put_numbers(&w, "interval", (double[]){i.value, i.low, i.high}, 3);
        tn_jw_key(&w, "method");
        tn_jw_c(&w, i.method);
        tn_jw_end_object(&w);
    }
    finish(&b);
}

static void put_values(const double *v, size_t n)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    put_numbers(&w, "value", v, n);
    tn_jw_end_object(&w);
    finish(&b);
}

static const uint32_t *ones(size_t n)
{
    uint32_t *times = TN_ARENA_ARRAY(arena, uint32_t, n);
    for (size_t i = 0; times && i < n; i++)
        times[i] = 1;
    return times;
}

static uint8_t *flags_in(size_t n)
{
    uint8_t *v = TN_ARENA_ARRAY(arena, uint8_t, n);
    for (size_t i = 0; v && i < n; i++)
        v[i] = (uint8_t)number();
    return v;
}

static void sets_command(void)
{
    tn_label_sets o = {.n = (int32_t)number()};
    o.n_labels = (int32_t)number();
    size_t n = (size_t)o.n * (size_t)o.n_labels;
    tn_set_measure *m;
    double v[TN_N_SET_METRICS];
    o.label = flags_in(n);
    o.predicted = flags_in(n);
    o.score = floats_in(n);
    need(tn_set_measure_new(&o, true, arena, &m, &err));
    tn_set_measure_values(m, tn_arena_alloc(arena, tn_set_measure_scratch(m)), ones((size_t)o.n), v);
    put_values(v, TN_N_SET_METRICS);
}

static void numbers_command(void)
{
    tn_numbers o = {.n = (int32_t)number()};
    double *truth = TN_ARENA_ARRAY(arena, double, (size_t)o.n), v[TN_N_NUMBER_METRICS];
    tn_number_measure *m;
    for (int32_t i = 0; i < o.n; i++)
        truth[i] = number();
    o.truth = truth;
    o.predicted = floats_in((size_t)o.n);
    need(tn_number_measure_new(&o, arena, &m, &err));
    tn_number_measure_values(m, tn_arena_alloc(arena, tn_number_measure_scratch(m)), ones((size_t)o.n), v);
    put_values(v, TN_N_NUMBER_METRICS);
}

static void learn_command(const char *kind, tn_pool *pool)
{
    int32_t n = (int32_t)number(), width = (int32_t)number(), n_outputs = (int32_t)number();
    float *want = floats_in((size_t)n * (size_t)n_outputs), *x = floats_in((size_t)n * (size_t)width);
    tn_lesson lesson = {.kind = strcmp(kind, "flags") == 0 ? TN_LEARN_FLAGS : TN_LEARN_VALUES, .n_outputs = n_outputs, .value = want};
    tn_probe p;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    float *out = TN_ARENA_ARRAY(arena, float, (size_t)n * (size_t)n_outputs);
    need(tn_probe_learn(x, n, width, &lesson, 0, pool, arena, &p, &err));
    need(tn_probe_predict(&p, x, n, out, &err));
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    put_numbers(&w, "l2", &p.l2, 1);
    put_numbers(&w, "cv", &p.cv_mean, 1);
    put_floats(&w, "output", out, (size_t)n * (size_t)n_outputs);
    tn_jw_end_object(&w);
    finish(&b);
}

static void features_command(const char *command, char **argv, tn_pool *pool)
{
    int32_t n = (int32_t)number(), width = (int32_t)number(), n_labels = (int32_t)number();
    const int32_t *label = labels_in(n);
    const float *x = floats_in((size_t)n * (size_t)width);
    float *p = TN_ARENA_ARRAY(arena, float, (size_t)n *(size_t)n_labels);
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_logistic m;
    if (strcmp(command, "logistic") == 0) {
        tn_logistic_options o = {.l2 = atof(argv[0]), .tolerance = atof(argv[1]), .max_iterations = 5000, .pool = pool};
        need(tn_logistic_fit(x, n, width, label, n_labels, &o, arena, &m, &err));
        tn_logistic_predict(&m, x, n, p);
    } else {
        tn_probe probe;
        double start = tn_clock_seconds();
        need(tn_probe_fit(x, n, width, label, n_labels, 0, pool, arena, &probe, &err));
        put_numbers(&w, "cv", (double[]){probe.l2, probe.cv_mean, probe.cv_se, tn_clock_seconds() - start}, 4);
        need(tn_probe_predict(&probe, x, n, p, &err));
        m = probe.model;
    }
    put_numbers(&w, "weight", m.weight, (size_t)n_labels * (size_t)width);
    put_numbers(&w, "bias", m.bias, (size_t)n_labels);
    put_floats(&w, "probability", p, (size_t)n * (size_t)n_labels);
    tn_jw_key(&w, "converged");
    tn_jw_bool(&w, m.converged);
    tn_jw_key(&w, "iterations");
    tn_jw_i64(&w, m.n_iterations);
    tn_jw_end_object(&w);
    finish(&b);
}

typedef struct {
    int32_t n;
    tn_str *text;
    tn_str *label;
} table;

static table read_table(const char *path, const char *text, const char *label)
{
    tn_bytes bytes;
    need(tn_file_read(path, (size_t)1 << 30, arena, &bytes, &err));
    tn_csv_reader r;
    tn_csv_row row;
    bool more;
    size_t at = SIZE_MAX, label_at = SIZE_MAX;
    table t = {0};
    tn_csv_init(&r, tn_str_from_bytes(bytes), &(tn_csv_options){0});
    need(tn_csv_next(&r, arena, &row, &more, &err));
    for (size_t i = 0; i < row.n; i++) {
        at = tn_str_is(row.field[i], text) ? i : at;
        label_at = tn_str_is(row.field[i], label) ? i : label_at;
    }
    if (at == SIZE_MAX || label_at == SIZE_MAX) {
        fprintf(stderr, "%s: no column %s or %s\n", path, text, label);
        exit(2);
    }
    t.text = TN_ARENA_ARRAY(arena, tn_str, bytes.len / 2 + 1);
    t.label = TN_ARENA_ARRAY(arena, tn_str, bytes.len / 2 + 1);
    for (;;) {
        need(tn_csv_next(&r, arena, &row, &more, &err));
        if (!more)
            return t;
        t.text[t.n] = row.field[at];
        t.label[t.n++] = row.field[label_at];
    }
}

static int by_text(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

static int32_t *index_labels(const table *t, const tn_str *name, int32_t n_labels)
{
    int32_t *out = TN_ARENA_ARRAY(arena, int32_t, (size_t)t->n);
    for (int32_t i = 0; i < t->n; i++) {
        const tn_str *found = bsearch(&t->label[i], name, (size_t)n_labels, sizeof *name, by_text);
        out[i] = found ? (int32_t)(found - name) : 0;
    }
    return out;
}

static void ngram_command(char **argv)
{
    tn_pool *pool;
    tn_ngram *m;
    table train = read_table(argv[0], argv[2], argv[3]), test = read_table(argv[1], argv[2], argv[3]);
    tn_str *name = TN_ARENA_ARRAY(arena, tn_str, (size_t)train.n);
    int32_t n_labels = 0;
    memcpy(name, train.label, (size_t)train.n * sizeof *name);
    qsort(name, (size_t)train.n, sizeof *name, by_text);
    for (int32_t i = 0; i < train.n; i++)
        if (i == 0 || !tn_str_eq(name[i], name[n_labels - 1]))
            name[n_labels++] = name[i];
    float *p = TN_ARENA_ARRAY(arena, float, (size_t)test.n *(size_t)n_labels);
    int32_t *predicted = TN_ARENA_ARRAY(arena, int32_t, (size_t)test.n);
    need(tn_pool_new(atoi(argv[4]), &pool, &err));
    tn_progress progress = {0};
    double start = tn_clock_seconds();
    need(tn_ngram_fit(train.text, index_labels(&train, name, n_labels), train.n, n_labels, pool, &progress, &m, &err));
    double fitted = tn_clock_seconds();
    need(tn_ngram_predict(m, test.text, test.n, p, &err));
    double done = tn_clock_seconds();
    for (int32_t i = 0; i < test.n; i++)
        predicted[i] = tn_argmax(p + (size_t)i * n_labels, n_labels);
    tn_outcomes o = {test.n, n_labels, index_labels(&test, name, n_labels), predicted, p};
    tn_scores_class s;
    tn_interval interval[TN_N_METRICS];
    need(tn_classification_score(&o, arena, &s, &err));
    double scored = tn_clock_seconds();
    need(tn_interval_all(&o, &(tn_interval_options){.pool = pool}, interval, &err));
    double end = tn_clock_seconds();
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "settings");
    tn_jw_c(&w, tn_ngram_settings(m));
    put_numbers(&w, "seconds", (double[]){fitted - start, done - fitted, end - scored},
                3); /* fit, predict, intervals */
    tn_jw_key(&w, "peak_memory");
    tn_jw_u64(&w, tn_peak_memory());
    tn_jw_key(&w, "predicted");
    tn_jw_begin_array(&w);
    for (int32_t i = 0; i < test.n; i++)
        tn_jw_str(&w, name[predicted[i]]);
    tn_jw_end_array(&w);
    put_floats(&w, "probability", p, (size_t)(test.n < 20 ? test.n : 20) * (size_t)n_labels);
    tn_jw_key(&w, "test");
    tn_record_scores(&s, name, interval, &w);
    tn_jw_end_object(&w);
    finish(&b);
    tn_ngram_free(m);
    tn_pool_free(pool);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    tn_pool *pool;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    arena = tn_arena_new(0);
    if (!arena)
        return 3;
    need(tn_pool_new(2, &pool, &err));
    tn_jw_init(&w, &b, 0);
    if (strcmp(command, "score") == 0 ||
        (argc == 5 && (!strcmp(command, "interval") || !strcmp(command, "difference")))) {
        outcomes_command(command, argv + 2, pool);
    } else if (strcmp(command, "mcnemar") == 0) {
        int32_t n = (int32_t)number(), *label = labels_in(n), *first = labels_in(n), *second = labels_in(n);
        tn_mcnemar t = tn_mcnemar_test(label, first, second, n);
        tn_jw_begin_object(&w);
        put_numbers(&w, "mcnemar", (double[]){t.b, t.c, t.p}, 3);
        tn_jw_end_object(&w);
        finish(&b);
    } else if (strcmp(command, "holm") == 0) {
        int32_t n = (int32_t)number();
        double *p = TN_ARENA_ARRAY(arena, double, (size_t)n);
        for (int32_t i = 0; i < n; i++)
            p[i] = number();
        tn_holm(p, n);
        tn_jw_begin_object(&w);
        put_numbers(&w, "p", p, (size_t)n);
        tn_jw_end_object(&w);
        finish(&b);
    } else if ((argc == 4 && strcmp(command, "logistic") == 0) || strcmp(command, "probe") == 0) {
        features_command(command, argv + 2, pool);
    } else if (strcmp(command, "sets") == 0) {
        sets_command();
    } else if (strcmp(command, "numbers") == 0) {
        numbers_command();
    } else if (argc == 3 && strcmp(command, "learn") == 0) {
        learn_command(argv[2], pool);
    } else if (argc == 7 && strcmp(command, "ngram") == 0) {
        ngram_command(argv + 2);
    } else {
        fprintf(stderr, "usage: the comment at the top of tests/parity/eval_cli.c\n");
        return 2;
    }
    tn_pool_free(pool);
    tn_arena_free(arena);
    return 0;
}
