/* A tag a word. Answers are two tags a word, right and said; everything else follows from counts of spans a row, which add
 * up (metric/sequence_labels.h), so any resample and any slice is a sum.
 *
 * A word that the model does not see, because its row was cut or the tokenizer leaves nothing of it, is answered O (the
 * commonest tag where there is no O) and counts like any other: metrics are over all words of the data. */
#include "flow/task.h"

#include "base/map.h"
#include "codec/csv.h"
#include "data/tokens.h"
#include "eval/tagger.h"
#include "model/tags.h"

#include <math.h>
#include <string.h>

/* The metrics are tn_sequence_metric's, in another order: place[i] of tn_sequence_values. */
static const char *const metric[] = {"span_f1", "span_precision", "span_recall", "span_macro_f1", "span_weighted_f1", "span_strict_f1", "word_accuracy", NULL};
static const tn_sequence_metric place[TN_N_SEQUENCE] = {TN_SEQUENCE_F1, TN_SEQUENCE_PRECISION, TN_SEQUENCE_RECALL, TN_SEQUENCE_MACRO_F1,
                                                        TN_SEQUENCE_WEIGHTED_F1, TN_SEQUENCE_STRICT_F1, TN_SEQUENCE_ACCURACY};
static const char *const criterion[] = {"span_f1", "span_macro_f1", "span_strict_f1", "word_accuracy", NULL};

enum { FREQUENT, TAGGER, PROBE };
static const tn_flow_baseline baseline[] = {
    [FREQUENT] = {"frequent", "each word's commonest tag in the training rows; of a new word the commonest of all", "each word's commonest tag", false},
    [TAGGER] = {"tagger", "a linear tagger on words, letters, shapes and neighbours, no pretrained model", "the linear tagger", false},
    [PROBE] = {"probe", "a linear probe on the untouched encoder's state of each word's first token", "the untouched encoder with a probe", true},
    {NULL, NULL, NULL, false},
};

/* Words that a probe learns from: its matrix of doubles stays below 100 MB for 384 features. */
enum { PROBE_WORDS = 6000, CHUNK_ROWS = 256 };

typedef struct {
    tn_tokens k;
    tn_tag_set set;
    int32_t outside; /* of words that were not seen */
    bool told;       /* that there are such */
    const int32_t *ids, *first; /* of the last examples: their ids, and the word that each token begins, or -1 */
} tagged;

typedef struct {
    size_t *start; /* [n + 1] */
    int32_t *label, *predicted;
    float *score; /* of the predicted tag; NULL: the answerer has none */
    double *count; /* [n, width] */
    size_t n_lost;
} tagging;

static const tagged *own_of(const tn_flow *f)
{
    return f->own;
}

static int32_t tag_named(const tn_tokens *k, const char *name)
{
    for (size_t i = 0; i < k->n_tags; i++)
        if (tn_str_is(k->tag[i], name))
            return (int32_t)i;
    return -1;
}

static int32_t commonest(const tn_tokens *k, size_t n_words, tn_arena *a)
{
    size_t *count = tn_arena_calloc(a, k->n_tags * sizeof *count), best = 0;
    for (size_t i = 0; count && i < n_words; i++)
        count[k->tag_of[i]]++;
    for (size_t i = 1; count && i < k->n_tags; i++)
        best = count[i] > count[best] ? i : best;
    return (int32_t)best;
}

static tn_status load(tn_flow *f, const tn_json *source, const tn_data_source *s, tn_err *err)
{
    (void)source;
    tagged *t = tn_arena_calloc(f->arena, sizeof *t);
    if (!t)
        return tn_fail_nomem(err, sizeof *t);
    TN_TRY(tn_tokens_load(s, &f->data, &t->k, &f->out->findings, err));
    TN_TRY(tn_tag_set_make(t->k.tag, (int32_t)t->k.n_tags, t->k.scheme, false, f->data.arena, &t->set, err));
    t->outside = tag_named(&t->k, "O");
    if (t->outside < 0)
        t->outside = commonest(&t->k, t->k.start[f->data.n_rows], f->data.arena);
    f->own = t;
    f->label = t->k.tag;
    f->n_labels = t->k.n_tags;
    return TN_OK;
}

static tn_status describe(const tn_flow *f, tn_json *data, tn_err *err)
{
    tn_json *scheme = tn_json_new_str(f->arena, tn_str_of(tn_scheme_name(own_of(f)->k.scheme)));
    return tn_json_set(f->arena, data, "scheme", scheme) ? TN_OK : tn_fail_nomem(err, 64);
}

/* ---- rows ---- */

/* Words and tags of rows, end to end in the arena. */
static tn_status words_of(const tn_flow *f, const uint32_t *row, size_t n, tn_arena *a, tn_tag_rows *out, tn_err *err)
{
    const tn_tokens *k = &own_of(f)->k;
    size_t n_words = 0;
    for (size_t i = 0; i < n; i++)
        n_words += k->start[row[i] + 1] - k->start[row[i]];
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1), at = 0;
    tn_str *word = TN_ARENA_ARRAY(a, tn_str, n_words);
    int32_t *tag = TN_ARENA_ARRAY(a, int32_t, n_words);
    if (!start || !word || !tag)
        return tn_fail_nomem(err, n_words * sizeof *word);
    for (size_t i = 0; i < n; i++) {
        size_t from = k->start[row[i]], len = k->start[row[i] + 1] - from;
        start[i] = at;
        memcpy(word + at, k->word + from, len * sizeof *word);
        memcpy(tag + at, k->tag_of + from, len * sizeof *tag);
        at += len;
    }
    start[n] = at;
    *out = (tn_tag_rows){n, start, word, tag};
    return TN_OK;
}

static tn_status limit_of(const tn_flow *f, int32_t *out, tn_err *err)
{
    int64_t v;
    TN_TRY(tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &v, err));
    *out = (int32_t)v;
    return TN_OK;
}

/* Answers from predictions, which are completed and kept. */
static tn_status settle_answers(tn_flow *f, tn_answers *a, const tn_tag_rows *x, int32_t *predicted, float *score, tn_arena *arena, tn_err *err)
{
    const tagged *t = own_of(f);
    tagging *g = tn_arena_calloc(arena, sizeof *g);
    size_t n_words = x->start[a->n];
    double *count = TN_ARENA_ARRAY(arena, double, a->n * (size_t)tn_sequence_width(&t->set));
    if (!g || !count)
        return tn_fail_nomem(err, a->n * (size_t)tn_sequence_width(&t->set) * sizeof *count);
    *g = (tagging){(size_t *)x->start, (int32_t *)x->tag, predicted, score, count, 0};
    for (size_t i = 0; i < n_words; i++)
        if (predicted[i] < 0) {
            predicted[i] = t->outside;
            g->n_lost++;
        }
    a->own = g;
    return tn_sequence_counts(&t->set, &(tn_tagged){a->n, g->start, g->label, predicted}, count, err);
}

/* Rows [i, i + k) of x as words of their own; start has room for k + 1. */
static tn_words some_words(const tn_tag_rows *x, size_t i, size_t k, size_t *start)
{
    for (size_t j = 0; j <= k; j++)
        start[j] = x->start[i + j] - x->start[i];
    return (tn_words){k, start, x->word + x->start[i]};
}

static size_t rows_left(const tn_tag_rows *x, size_t i)
{
    return x->n_rows - i < CHUNK_ROWS ? x->n_rows - i : CHUNK_ROWS;
}

/* ---- probe and baselines ---- */

/* Every k-th training row, so that there are at most PROBE_WORDS words. */
static tn_status some_rows(const tn_flow *f, uint32_t **row, size_t *n, tn_err *err)
{
    const tn_tokens *k = &own_of(f)->k;
    size_t n_words = 0, n_train = f->n_row[TN_SPLIT_TRAIN];
    for (size_t i = 0; i < n_train; i++)
        n_words += k->start[f->row[TN_SPLIT_TRAIN][i] + 1] - k->start[f->row[TN_SPLIT_TRAIN][i]];
    size_t step = n_words / PROBE_WORDS + 1;
    *n = 0;
    if (!(*row = TN_ARENA_ARRAY(f->arena, uint32_t, n_train)))
        return tn_fail_nomem(err, n_train * sizeof **row);
    for (size_t i = 0; i < n_train; i += step)
        (*row)[(*n)++] = f->row[TN_SPLIT_TRAIN][i];
    return TN_OK;
}

static tn_status probe(tn_flow *f, tn_candidate *c, tn_err *err)
{
    uint32_t *row;
    size_t n;
    int32_t limit;
    tn_tag_rows x;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    tn_arena *work = tn_arena_new(0);
    tn_probe *p = TN_ARENA_ARRAY(f->arena, tn_probe, 1);
    if (!p || !work) {
        st = tn_fail_nomem(err, sizeof *p);
        goto done;
    }
    TN_GO(limit_of(f, &limit, err));
    TN_GO(some_rows(f, &row, &n, err));
    TN_GO(words_of(f, row, n, work, &x, err));
    float *state = TN_ARENA_ARRAY(work, float, x.start[n] * (size_t)c->config.hidden_size);
    if (!state) {
        st = tn_fail_nomem(err, x.start[n] * (size_t)c->config.hidden_size * sizeof *state);
        goto done;
    }
    TN_GO(tn_model_open(f->engine, c->dir, &(tn_model_options){.encoder_only = true}, &m, err));
    for (size_t i = 0; i < n; i += CHUNK_ROWS) {
        size_t k = rows_left(&x, i), start[CHUNK_ROWS + 1];
        tn_words words = some_words(&x, i, k, start);
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_word_states(m, &words, limit, state + x.start[i] * (size_t)c->config.hidden_size, err));
        tn_progress_show(f->progress, "reading with", i + k, n, c->id);
    }
    TN_GO(tn_probe_fit(state, (int32_t)x.start[n], c->config.hidden_size, x.tag, (int32_t)f->n_labels, 3, tn_engine_pool(f->engine), f->arena, p, err));
    c->own = p;
    c->probe_mean = p->cv_mean;
    c->probe_se = p->cv_se;
done:
    tn_model_close(m);
    tn_arena_free(work);
    return st;
}

static tn_status by_probe(tn_flow *f, const tn_tag_rows *x, int32_t *out, const char **settings, tn_err *err)
{
    tn_candidate *c = &f->candidate[f->chosen];
    const tn_probe *p = c->own;
    size_t width = (size_t)c->config.hidden_size;
    int32_t limit;
    tn_model *m = NULL;
    tn_status st = TN_OK;
    tn_arena *work = tn_arena_new(0);
    if (!work)
        return tn_fail_nomem(err, 65536);
    TN_GO(limit_of(f, &limit, err));
    *settings = tn_str_format(f->arena, "%s untouched, states of first tokens of at most %d training words, logistic regression, l2 %g", c->id,
                              PROBE_WORDS, p->l2).ptr;
    TN_GO(tn_model_open(f->engine, c->dir, &(tn_model_options){.encoder_only = true}, &m, err));
    for (size_t i = 0; i < x->n_rows; i += CHUNK_ROWS) {
        size_t k = rows_left(x, i), from = x->start[i], n = x->start[i + k] - from, start[CHUNK_ROWS + 1];
        tn_words words = some_words(x, i, k, start);
        tn_arena_reset(work);
        float *state = TN_ARENA_ARRAY(work, float, n *width), *q = TN_ARENA_ARRAY(work, float, n *f->n_labels);
        if (!state || !q) {
            st = tn_fail_nomem(err, n * width * sizeof *state);
            goto done;
        }
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_word_states(m, &words, limit, state, err));
        TN_GO(tn_probe_predict(p, state, (int32_t)n, q, err));
        for (size_t j = 0; j < n; j++)
            out[from + j] = tn_argmax(q + j * f->n_labels, (int32_t)f->n_labels);
    }
done:
    tn_model_close(m);
    tn_arena_free(work);
    return st;
}

static tn_status by_tagger(tn_flow *f, const tn_tag_rows *train, const tn_tag_rows *x, int32_t *out, const char **settings, tn_err *err)
{
    tn_tagger *t;
    TN_TRY(tn_tagger_fit(train, (int32_t)f->n_labels, f->progress, &t, err));
    tn_status st = tn_tagger_tag(t, x, out, err);
    *settings = tn_str_c(f->arena, tn_str_of(tn_tagger_settings(t)));
    tn_tagger_free(t);
    return st == TN_OK && !*settings ? tn_fail_nomem(err, 96) : st;
}

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    tn_tag_rows train, x;
    TN_TRY(words_of(f, f->row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_TRAIN], f->arena, &train, err));
    TN_TRY(words_of(f, a->row, a->n, f->arena, &x, err));
    int32_t *out = TN_ARENA_ARRAY(f->arena, int32_t, x.start[a->n]);
    if (!out)
        return tn_fail_nomem(err, x.start[a->n] * sizeof *out);
    TN_TRY(which == FREQUENT ? tn_frequent_tags(&train, (int32_t)f->n_labels, &x, out, err)
           : which == TAGGER ? by_tagger(f, &train, &x, out, settings, err)
                             : by_probe(f, &x, out, settings, err));
    return settle_answers(f, a, &x, out, NULL, f->arena, err);
}

/* ---- the model ---- */

static tn_status head(tn_flow *f, tn_model_options *o, tn_err *err)
{
    (void)err;
    o->task = TN_TASK_TOKENS;
    o->n_labels = (int32_t)f->n_labels;
    o->label = f->label;
    return TN_OK;
}

static tn_status examples(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    const tn_tokens *k = &own_of(f)->k;
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1), n_lost = 0;
    TN_VEC(int32_t) ids = {0};
    TN_VEC(int32_t) label = {0};
    TN_VEC(int32_t) first = {0};
    tn_arena *scratch = tn_arena_new(0);
    int32_t limit, *all_ids, *all_labels, *all_first;
    tn_status st = start && scratch ? TN_OK : tn_fail_nomem(err, n * sizeof *start);
    TN_GO(st);
    TN_GO(limit_of(f, &limit, err));
    for (size_t i = 0; i < n; i++) {
        size_t from = k->start[row[i]];
        tn_words_row x;
        tn_arena_reset(scratch);
        st = tn_model_encode_words(m, k->word + from, k->start[row[i] + 1] - from, limit, scratch, &x, err);
        if (st != TN_OK) {
            tn_fail_prefix(err, "row %.*s", TN_ARG(f->data.row[row[i]].id));
            goto done;
        }
        start[i] = ids.len;
        n_lost += x.n_lost;
        for (int32_t j = 0; j < x.n; j++)
            if (!TN_PUSH(&ids, x.ids[j]) || !TN_PUSH(&first, x.first[j]) ||
                !TN_PUSH(&label, x.first[j] < 0 ? -100 : k->tag_of[from + (size_t)x.first[j]])) {
                st = tn_fail_nomem(err, ids.cap * 2 * sizeof(int32_t));
                goto done;
            }
    }
    start[n] = ids.len;
    all_ids = TN_ARENA_ARRAY(a, int32_t, ids.len);
    all_labels = TN_ARENA_ARRAY(a, int32_t, ids.len);
    all_first = TN_ARENA_ARRAY(a, int32_t, ids.len);
    if (!all_ids || !all_labels || !all_first) {
        st = tn_fail_nomem(err, ids.len * sizeof *all_ids);
        goto done;
    }
    if (ids.len) {
        memcpy(all_ids, ids.ptr, ids.len * sizeof *all_ids);
        memcpy(all_labels, label.ptr, ids.len * sizeof *all_labels);
        memcpy(all_first, first.ptr, ids.len * sizeof *all_first);
    }
    tagged *t = f->own;
    t->ids = all_ids;
    t->first = all_first;
    *out = (tn_examples){.n_rows = (int32_t)n, .start = start, .ids = all_ids, .target = {.kind = TN_TARGET_TOKENS, .label = all_labels}};
    bool tell = n_lost > 0 && !t->told; /* once: benches make examples too */
    t->told = t->told || tell;
    if (tell)
        TN_GO(tn_flow_find(f, "data-limits", TN_WARNING,
                           tn_str_format(f->arena, "words of %zu rows that the model does not see: %zu; rows are cut at %d tokens, or the tokenizer leaves nothing of a word", n, n_lost, (int)limit),
                           TN_STR("recipe/max_tokens"), TN_STR("raise recipe/max_tokens, or cut long rows into sentences"), err));
done:
    TN_VEC_FREE(&ids);
    TN_VEC_FREE(&label);
    TN_VEC_FREE(&first);
    tn_arena_free(scratch);
    return st;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    tn_tag_rows x;
    int32_t limit;
    TN_TRY(limit_of(f, &limit, err));
    TN_TRY(words_of(f, a->row, a->n, arena, &x, err));
    size_t n_words = x.start[a->n];
    int32_t *predicted = TN_ARENA_ARRAY(arena, int32_t, n_words);
    float *score = TN_ARENA_ARRAY(arena, float, n_words);
    if (!predicted || !score)
        return tn_fail_nomem(err, n_words * sizeof *predicted);
    for (size_t i = 0; i < a->n; i += CHUNK_ROWS) {
        size_t k = rows_left(&x, i), from = x.start[i], start[CHUNK_ROWS + 1];
        tn_words words = some_words(&x, i, k, start);
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(tn_model_tag_words(m, &words, limit, predicted + from, score + from, NULL, err));
        if (what)
            tn_progress_show(f->progress, what, i + k, a->n, NULL);
    }
    return settle_answers(f, a, &x, predicted, score, arena, err);
}

/* ---- along the way ---- */

typedef struct {
    tn_flow *f;
    int32_t *predicted; /* of the words of rows so far */
    tn_tag_rows x;
} watcher;

/* Rows of examples are rows of data; those that are watched are the last that were made. */
static tn_status watch(void *self, const tn_examples *x, int32_t first, int32_t n, const float *logits, tn_err *err)
{
    watcher *w = self;
    const tagged *t = own_of(w->f);
    size_t width = w->f->n_labels, line = 0;
    (void)err;
    TN_ASSERT(x->ids == t->ids);
    if (first == 0)
        for (size_t i = 0; i < w->x.start[w->x.n_rows]; i++)
            w->predicted[i] = t->outside;
    for (int32_t r = first; r < first + n; r++)
        for (size_t i = x->start[r]; i < x->start[r + 1]; i++, line++)
            if (t->first[i] >= 0)
                w->predicted[w->x.start[r] + (size_t)t->first[i]] = tn_argmax(logits + line * width, (int32_t)width);
    return TN_OK;
}

static tn_status tell_scores(void *self, tn_scores *out, tn_err *err)
{
    watcher *w = self;
    const tagged *t = own_of(w->f);
    size_t n = w->x.n_rows, width = (size_t)tn_sequence_width(&t->set);
    double value[TN_N_SEQUENCE], *sum = tn_mem_calloc((n + 1) * width * sizeof *sum), *count = sum + width;
    if (!sum)
        return tn_fail_nomem(err, (n + 1) * width * sizeof *sum);
    tn_status st = tn_sequence_counts(&t->set, &(tn_tagged){n, w->x.start, w->x.tag, w->predicted}, count, err);
    for (size_t i = 0; st == TN_OK && i < n * width; i++)
        sum[i % width] += count[i];
    if (st == TN_OK) {
        tn_sequence_values(&t->set, sum, (int32_t)n, value);
        for (size_t k = 0; metric[k]; k++)
            tn_scores_add(out, metric[k], value[place[k]], false);
    }
    tn_mem_free(sum);
    return st;
}

static tn_status evaluator(tn_flow *f, const uint32_t *row, size_t n, tn_evaluator *out, tn_err *err)
{
    watcher *w = tn_arena_calloc(f->arena, sizeof *w);
    if (!w)
        return tn_fail_nomem(err, sizeof *w);
    *w = (watcher){.f = f};
    TN_TRY(words_of(f, row, n, f->arena, &w->x, err));
    if (!(w->predicted = TN_ARENA_ARRAY(f->arena, int32_t, w->x.start[n])))
        return tn_fail_nomem(err, w->x.start[n] * sizeof(int32_t));
    *out = (tn_evaluator){w, watch, tell_scores};
    return TN_OK;
}

/* ---- measures ---- */

static void values_in_order(const tn_tag_set *s, const double *sum, int32_t n, double *value)
{
    double v[TN_N_SEQUENCE];
    tn_sequence_values(s, sum, n, v);
    for (size_t k = 0; metric[k]; k++)
        value[k] = v[place[k]];
}

static double *sums_of(const tn_tag_set *s, const tagging *g, size_t n, const bool *in)
{
    size_t width = (size_t)tn_sequence_width(s);
    double *sum = tn_mem_calloc(width * sizeof *sum);
    for (size_t i = 0; sum && i < n; i++)
        for (size_t k = 0; (!in || in[i]) && k < width; k++)
            sum[k] += g->count[i * width + k];
    return sum;
}

static tn_status measure(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err)
{
    const tn_tag_set *s = &own_of(f)->set;
    double *sum = sums_of(s, a->own, a->n, in);
    if (!sum)
        return tn_fail_nomem(err, (size_t)tn_sequence_width(s) * sizeof *sum);
    values_in_order(s, sum, (int32_t)a->n, value);
    tn_mem_free(sum);
    return TN_OK;
}

static void counted_values(const void *set, const double *sum, int32_t n, double *value)
{
    values_in_order(set, sum, n, value);
}

static tn_counted counted_of(const tn_flow *f, const tn_answers *a)
{
    static const tn_counted_metric counted[TN_N_SEQUENCE] = {{"span_f1", false, false},        {"span_precision", false, false},
                                                             {"span_recall", false, false},    {"span_macro_f1", false, false},
                                                             {"span_weighted_f1", false, false}, {"span_strict_f1", false, false},
                                                             {"word_accuracy", false, false}};
    const tn_tag_set *s = &own_of(f)->set;
    return (tn_counted){.n = (int32_t)a->n, .width = tn_sequence_width(s), .count = ((const tagging *)a->own)->count, .n_metrics = TN_N_SEQUENCE,
                        .metric = counted, .values = counted_values, .self = s};
}

static tn_status intervals(const tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err)
{
    tn_counted c = counted_of(f, a);
    return tn_interval_counts(&c, o, out, err);
}

static tn_status difference(const tn_flow *f, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o, tn_interval *out,
                            tn_err *err)
{
    tn_counted x = counted_of(f, a), y = counted_of(f, b);
    tn_interval all[TN_N_SEQUENCE];
    TN_TRY(tn_interval_counts_difference(&x, &y, o, all, err));
    *out = all[m];
    return TN_OK;
}

/* Spans that are missed or invented, negative. */
static void goodness(const tn_flow *f, const tn_answers *a, double *out)
{
    const tn_tag_set *s = &own_of(f)->set;
    const tagging *g = a->own;
    size_t width = (size_t)tn_sequence_width(s);
    for (size_t i = 0; i < a->n; i++) {
        const double *c = g->count + i * width;
        out[i] = 0;
        for (int32_t k = 0; k < s->n_types; k++)
            out[i] += 2 * c[3 * k] - c[3 * k + 1] - c[3 * k + 2];
    }
}

/* ---- records ---- */

static void write_type(const tn_tag_set *s, const double *sum, int32_t type, tn_json_writer *w)
{
    tn_type_score t = tn_sequence_type_score(sum, type);
    const struct {
        const char *key;
        double value;
    } part[] = {{"precision", t.precision}, {"recall", t.recall}, {"f1", t.f1}};
    tn_jw_begin_object(w);
    tn_jw_key(w, "label");
    tn_jw_str(w, s->type_name[type]);
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        tn_jw_key(w, part[i].key);
        tn_jw_f64(w, part[i].value);
    }
    tn_jw_key(w, "support");
    tn_jw_i64(w, t.support);
    tn_jw_key(w, "predicted");
    tn_jw_i64(w, t.n_predicted);
    tn_jw_end_object(w);
}

static tn_status write_scores(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err)
{
    const tagged *t = own_of(f);
    const tagging *g = a->own;
    double *sum = sums_of(&t->set, g, a->n, NULL);
    if (!sum)
        return tn_fail_nomem(err, 4096);
    tn_jw_begin_object(w);
    tn_task_write_metrics(f->task, a, w);
    tn_jw_key(w, "words");
    tn_jw_u64(w, g->start[a->n]);
    tn_jw_key(w, "words_not_seen");
    tn_jw_u64(w, g->n_lost);
    tn_jw_key(w, "scheme");
    tn_jw_c(w, tn_scheme_name(t->set.scheme));
    tn_jw_key(w, "per_class");
    tn_jw_begin_array(w);
    for (int32_t k = 0; k < t->set.n_types; k++)
        write_type(&t->set, sum, k, w);
    tn_jw_end_array(w);
    tn_task_write_intervals(f->task, interval, w);
    tn_jw_end_object(w);
    tn_mem_free(sum);
    return TN_OK;
}

static void put_tags(tn_csv_writer *w, const tn_str *name, const int32_t *tag, size_t n, tn_buf *text)
{
    tn_buf_clear(text);
    for (size_t i = 0; i < n; i++) {
        if (i)
            tn_buf_char(text, ' ');
        tn_buf_str(text, name[tag[i]]);
    }
    tn_csv_put(w, tn_buf_view(text));
}

/* id, scheme, label, predicted: the tags of a row with blanks between. */
static const char *const prediction_column[] = {"id", "scheme", "label", "predicted"};

static tn_status write_predictions(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err)
{
    const tagging *g = a->own;
    tn_buf text = TN_BUF_INIT;
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    for (size_t i = 0; i < TN_COUNT(prediction_column); i++)
        tn_csv_put_c(&w, prediction_column[i]);
    tn_csv_end_row(&w);
    for (size_t i = 0; i < a->n; i++) {
        size_t from = g->start[i], n = g->start[i + 1] - from;
        tn_csv_put(&w, f->data.row[a->row[i]].id);
        tn_csv_put_c(&w, tn_scheme_name(own_of(f)->set.scheme));
        put_tags(&w, f->label, g->label + from, n, &text);
        put_tags(&w, f->label, g->predicted + from, n, &text);
        tn_csv_end_row(&w);
    }
    tn_status st = tn_buf_status(&text, err);
    tn_buf_free(&text);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}

static double badness(const tn_flow *f, const tn_answers *a, size_t i)
{
    const tagging *g = a->own;
    double sum = 0;
    (void)f;
    for (size_t k = g->start[i]; k < g->start[i + 1]; k++)
        sum += g->label[k] != g->predicted[k] ? (g->score ? (double)g->score[k] : 1) : 0;
    return sum;
}

/* "location: Empire State Building; person: Ann": spans that the other side has not; of plain tags the words that differ. */
static tn_status spans_in_words(const tn_flow *f, uint32_t row, const int32_t *tag, const int32_t *other, size_t n, tn_arena *arena, tn_str *out, tn_err *err)
{
    const tagged *t = own_of(f);
    const tn_str *word = t->k.word + t->k.start[row];
    tn_tag_span *mine = TN_ARENA_ARRAY(arena, tn_tag_span, n + 1), *theirs = TN_ARENA_ARRAY(arena, tn_tag_span, n + 1);
    tn_buf text = TN_BUF_INIT, safe = TN_BUF_INIT;
    if (!mine || !theirs)
        return tn_fail_nomem(err, n * sizeof *mine);
    size_t n_mine = tn_tag_spans(&t->set, tag, n, mine), n_theirs = tn_tag_spans(&t->set, other, n, theirs);
    for (size_t i = 0, k = 0; i < n_mine; i++) {
        while (k < n_theirs && theirs[k].to < mine[i].to)
            k++;
        if (k < n_theirs && theirs[k].to == mine[i].to && theirs[k].from == mine[i].from && theirs[k].type == mine[i].type)
            continue;
        tn_buf_c(&text, text.len ? "; " : "");
        tn_buf_str(&text, mine[i].type < 0 ? TN_STR("?") : t->set.type_name[mine[i].type]);
        tn_buf_c(&text, ":");
        for (int64_t j = mine[i].from; j < mine[i].to && j < (int64_t)n; j++) {
            tn_buf_char(&text, ' ');
            tn_buf_str(&text, word[j]);
        }
    }
    tn_status st = tn_pii_redact(tn_buf_view(&text), &safe, err);
    if (st == TN_OK && !(*out = tn_str_dup(arena, tn_buf_view(&safe))).ptr)
        st = tn_fail_nomem(err, safe.len);
    tn_buf_free(&text);
    tn_buf_free(&safe);
    return st;
}

static tn_status error(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err)
{
    const tagging *g = a->own;
    size_t from = g->start[i], n = g->start[i + 1] - from;
    float most = 0;
    for (size_t k = from; k < from + n && g->score; k++)
        if (g->label[k] != g->predicted[k] && g->score[k] > most)
            most = g->score[k];
    *out = (tn_task_error){.confidence = most};
    TN_TRY(spans_in_words(f, a->row[i], g->label + from, g->predicted + from, n, arena, &out->label, err));
    return spans_in_words(f, a->row[i], g->predicted + from, g->label + from, n, arena, &out->predicted, err);
}

/* ---- verify ---- */

typedef struct {
    TN_VEC(size_t) start;
    TN_VEC(int32_t) tag[2];
} sides;

static tn_status take_tags(const tn_csv_row *row, const tn_map *number, sides *s, tn_err *err)
{
    for (int side = 0; side < 2; side++) {
        tn_str rest = row->field[2 + side], tag;
        while (tn_str_cut(&rest, ' ', &tag)) {
            const uint64_t *at = tn_map_find(number, tag);
            if (!at)
                return tn_fail(err, TN_EFORMAT, "%u: \"%.*s\" is no tag of the model", row->line, TN_ARG(tn_str_sub(tag, 0, 80)));
            if (!TN_PUSH(&s->tag[side], (int32_t)*at))
                return tn_fail_nomem(err, s->tag[side].len);
        }
    }
    if (s->tag[0].len != s->tag[1].len)
        return tn_fail(err, TN_EFORMAT, "%u: not as many tags predicted as there are", row->line);
    return TN_PUSH(&s->start, s->tag[0].len) ? TN_OK : tn_fail_nomem(err, s->start.len);
}

static bool scheme_of(tn_str name, tn_scheme *out)
{
    for (int k = 0; k < TN_N_SCHEMES; k++)
        if (tn_str_is(name, tn_scheme_name((tn_scheme)k))) {
            *out = (tn_scheme)k;
            return true;
        }
    return false;
}

static tn_status rescore(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err)
{
    tn_csv_reader r;
    tn_csv_row row;
    bool more;
    tn_scheme scheme = TN_SCHEME_PLAIN;
    sides s = {0};
    tn_map number = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < n_labels; i++)
        if (!tn_map_put(&number, label[i], i, NULL)) {
            st = tn_fail_nomem(err, n_labels);
            goto done;
        }
    tn_csv_init(&r, csv, &(tn_csv_options){.max_columns = TN_COUNT(prediction_column), .max_field = (size_t)16 << 20});
    TN_GO(tn_csv_next(&r, a, &row, &more, err));
    bool right = more && row.n == TN_COUNT(prediction_column);
    for (size_t i = 0; right && i < row.n; i++)
        right = tn_str_is(row.field[i], prediction_column[i]);
    if (!right || !TN_PUSH(&s.start, 0)) {
        st = tn_fail(err, TN_EFORMAT, "1: predictions of tags begin with id,scheme,label,predicted");
        goto done;
    }
    for (;;) {
        TN_GO(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            break;
        if (row.n != TN_COUNT(prediction_column) || !scheme_of(row.field[1], &scheme)) {
            st = tn_fail(err, TN_EFORMAT, "%u: %zu fields, or an unknown scheme", row.line, row.n);
            goto done;
        }
        TN_GO(take_tags(&row, &number, &s, err));
    }
    tn_tag_set set;
    TN_GO(tn_tag_set_make(label, (int32_t)n_labels, scheme, true, a, &set, err));
    if (scheme == TN_SCHEME_BILOU)
        TN_GO(tn_tag_set_make(label, (int32_t)n_labels, scheme, false, a, &set, err));
    size_t n = s.start.len - 1, width = (size_t)tn_sequence_width(&set);
    double *count = TN_ARENA_ARRAY(a, double, n *width), *sum = tn_arena_calloc(a, width * sizeof *sum);
    if (!count || !sum) {
        st = tn_fail_nomem(err, n * width * sizeof *count);
        goto done;
    }
    TN_GO(tn_sequence_counts(&set, &(tn_tagged){n, s.start.ptr, s.tag[0].ptr, s.tag[1].ptr}, count, err));
    for (size_t i = 0; i < n * width; i++)
        sum[i % width] += count[i];
    values_in_order(&set, sum, (int32_t)n, value);
done:
    TN_VEC_FREE(&s.start);
    TN_VEC_FREE(&s.tag[0]);
    TN_VEC_FREE(&s.tag[1]);
    tn_map_free(&number);
    return st;
}

const tn_flow_task tn_task_tokens = {
    .tag = "token-classification",
    .problem = "",
    .name = "token classification",
    .about = "a tag a word",
    .items = "sentences",
    .once = (const char *const[]){"--text", "ok", NULL},
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "a span counts when its type and both ends are right, as seqeval has it",
    .pair = {"word_accuracy", "span_f1"},
    .probe_metric = "word_macro_f1",
    .baseline = baseline,
    .baseline_reason = "each word's commonest tag, a strong linear tagger, the untouched encoder",
    .row_test = "sign",
    .load = load,
    .describe = describe,
    .probe = probe,
    .answer_baseline = answer_baseline,
    .head = head,
    .examples = examples,
    .evaluator = evaluator,
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
