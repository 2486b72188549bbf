/* A text is read once into n-grams; what they are worth is decided when all texts were read: how often a feature
 * occurs, hence whether it stays and its idf.
 *
 * Features that occur in the same rows equally often are one column k times over, and short texts have many of these:
 * of 21,467 features of 1,977 comments 12,972 differ. Penalised by |W|^2 the k weights are equal, so one column of
 * sqrt(k) times the value gives the very same minimum: the regression runs on such merged columns, and afterwards each
 * feature takes its share back.
 *
 * Invariant: features are numbered in the order in which the training texts first show them. */
#include "base/fmath.h"
#include "base/map.h"
#include "eval/baseline.h"
#include "eval/logistic.h"
#include "num/f64.h"
#include "num/kernels.h"
#include "text/normalizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MIN_GRAM = 2,
    MAX_GRAM = 5,
    MIN_ROWS = 2,          /* a feature of one row can only be learned by heart */
    MAX_WEIGHTS = 4 << 20, /* features x labels: 32 MB a vector, and the solver has 17 of them */
    N_BLOCKS = 2,          /* words, characters: the first byte of a key tells, 'w' or 'c' */
};

static const double choice_of_c[] = {1, 10, 100};

struct tn_ngram {
    tn_arena *arena;
    tn_normalizer normalizer;
    tn_map feature; /* key -> index; keys in the arena */
    float *idf;     /* [n_features] */
    double *weight; /* [n_features + 1, stride]; the last is the bias */
    tn_learn_kind kind;
    int32_t n_labels, stride;
    char settings[160];
};

/* ---- a text's n-grams ---- */

typedef struct {
    uint32_t feature, count;
} gram;

/* Reads texts into counted n-grams. */
typedef struct {
    const tn_normalizer *normalizer;
    tn_arena *arena; /* of the normaliser, emptied for each text */
    tn_buf key;
    TN_VEC(uint32_t) at; /* where the characters of a word begin in key */
    tn_map *map;
    tn_arena *key_arena;    /* of new keys; NULL: unknown ones are passed over */
    TN_VEC(gram) grams;     /* of the text, or of all texts one after the other */
    size_t row_start;       /* where the text's begin */
    TN_VEC(uint32_t) place; /* [n_features] where a feature is in grams, + 1 */
} reader;

static void reader_free(reader *r)
{
    tn_arena_free(r->arena);
    tn_buf_free(&r->key);
    TN_VEC_FREE(&r->at);
    TN_VEC_FREE(&r->grams);
    TN_VEC_FREE(&r->place);
}

static tn_status reader_init(reader *r, const tn_normalizer *normalizer, tn_map *map, tn_arena *key_arena, tn_err *err)
{
    *r = (reader){.normalizer = normalizer, .map = map, .key_arena = key_arena, .arena = tn_arena_new(0)};
    return r->arena ? TN_OK : tn_fail_nomem(err, 0);
}

/* Counts one n-gram of the current text. */
static tn_status count_gram(reader *r, tn_err *err)
{
    TN_TRY(tn_buf_status(&r->key, err));
    tn_str key = tn_buf_view(&r->key);
    const uint64_t *known = tn_map_find(r->map, key);
    if (!known) {
        if (!r->key_arena)
            return TN_OK;
        if (r->map->len == UINT32_MAX / 4)
            return tn_fail(err, TN_ELIMIT, "more than 2^30 different n-grams");
        key = tn_str_dup(r->key_arena, key);
        if (!key.ptr || !(known = tn_map_put(r->map, key, r->map->len, NULL)))
            return tn_fail_nomem(err, key.len);
    }
    uint32_t feature = (uint32_t)*known;
    while (r->place.len <= feature)
        if (!TN_PUSH(&r->place, 0))
            return tn_fail_nomem(err, r->place.len);
    uint32_t place = r->place.ptr[feature];
    if (place > r->row_start) {
        r->grams.ptr[place - 1].count++;
        return TN_OK;
    }
    if (r->grams.len == UINT32_MAX - 1)
        return tn_fail(err, TN_ELIMIT, "more than 2^32 n-grams");
    if (!TN_PUSH(&r->grams, ((gram){feature, 1})))
        return tn_fail_nomem(err, r->grams.len * sizeof(gram));
    r->place.ptr[feature] = (uint32_t)r->grams.len;
    return TN_OK;
}

/* End of the run of code points at `from` that have the flag, or have it not. */
static size_t run_end(tn_str s, size_t from, unsigned flag, bool have)
{
    unsigned n;
    while (from < s.len && ((tn_uc_flags(tn_uc_get(s.ptr + from, &n)) & flag) != 0) == have)
        from += n;
    return from;
}

static tn_status word_grams(reader *r, tn_str text, tn_err *err)
{
    tn_str last = {NULL, 0};
    for (size_t at = run_end(text, 0, TN_UC_WORD, false); at < text.len;) {
        size_t end = run_end(text, at, TN_UC_WORD, true);
        tn_str word = tn_str_sub(text, at, end);
        tn_buf_clear(&r->key);
        tn_buf_char(&r->key, 'w');
        tn_buf_str(&r->key, word);
        TN_TRY(count_gram(r, err));
        if (last.ptr) {
            tn_buf_clear(&r->key);
            tn_buf_char(&r->key, 'w');
            tn_buf_str(&r->key, last);
            tn_buf_char(&r->key, ' ');
            tn_buf_str(&r->key, word);
            TN_TRY(count_gram(r, err));
        }
        last = word;
        at = run_end(text, end, TN_UC_WORD, false);
    }
    return TN_OK;
}

/* n-grams of " word ", shorter ones first. */
static tn_status grams_of_word(reader *r, tn_str word, tn_err *err)
{
    r->at.len = 0;
    bool whole = TN_PUSH(&r->at, 0);
    for (size_t i = 0; whole && i < word.len; i += tn_uc_len(word.ptr[i]))
        whole = TN_PUSH(&r->at, (uint32_t)i + 1);
    if (!whole || !TN_PUSH(&r->at, (uint32_t)word.len + 1) || !TN_PUSH(&r->at, (uint32_t)word.len + 2))
        return tn_fail_nomem(err, word.len * sizeof(uint32_t));
    size_t n = r->at.len - 1;
    for (size_t length = MIN_GRAM; length <= MAX_GRAM && length <= n; length++)
        for (size_t i = 0; i + length <= n; i++) {
            uint32_t from = r->at.ptr[i], to = r->at.ptr[i + length];
            tn_buf_clear(&r->key);
            tn_buf_char(&r->key, 'c');
            if (from == 0)
                tn_buf_char(&r->key, ' ');
            tn_buf_str(&r->key, tn_str_sub(word, from ? from - 1 : 0, to - 1));
            if (to == word.len + 2)
                tn_buf_char(&r->key, ' ');
            TN_TRY(count_gram(r, err));
        }
    return TN_OK;
}

static tn_status character_grams(reader *r, tn_str text, tn_err *err)
{
    for (size_t at = run_end(text, 0, TN_UC_SPACE, true); at < text.len;) {
        size_t end = run_end(text, at, TN_UC_SPACE, false);
        TN_TRY(grams_of_word(r, tn_str_sub(text, at, end), err));
        at = run_end(text, end, TN_UC_SPACE, true);
    }
    return TN_OK;
}

/* Appends the text's n-grams to r->grams; they begin at r->row_start. */
static tn_status read_text(reader *r, tn_str text, tn_err *err)
{
    if (tn_utf8_check(text) != text.len)
        return tn_fail(err, TN_EINVALID, "text that is not UTF-8 at byte %zu", tn_utf8_check(text));
    tn_normalizing w = {0};
    tn_arena_reset(r->arena);
    tn_normalizing_begin(&w, text.ptr, NULL, text.len, 0);
    TN_TRY(tn_normalizer_run(r->normalizer, &w, r->arena, err));
    tn_str s = {w.now.text, w.now.len};
    r->row_start = r->grams.len;
    TN_TRY(word_grams(r, s, err));
    return character_grams(r, s, err);
}

static tn_status read_row(reader *r, const tn_str *text, int32_t i, tn_err *err)
{
    tn_status st = read_text(r, text[i], err);
    if (st != TN_OK)
        tn_fail_prefix(err, "row %" PRId32, i);
    return st;
}

/* ---- fitting ---- */

typedef struct {
    uint32_t row, count;
} occurrence;

/* What is known once all texts were read; everything in the work arena. */
typedef struct {
    int32_t n;
    size_t *row_at; /* [n + 1] into grams */
    const gram *grams;
    uint32_t n_seen;   /* features seen */
    uint32_t *n_rows;  /* [n_seen] rows that have the feature */
    uint32_t min_rows; /* features of fewer rows are left out */
    uint32_t n_kept;
    uint32_t *column; /* [n_seen] its merged column, UINT32_MAX = left out */
    uint32_t n_columns;
    uint32_t *first;    /* [n_columns] the first of its features */
    uint32_t *n_merged; /* [n_columns] */
} corpus;

static int block_of(const tn_map *m, uint32_t feature)
{
    return m->entry[feature].key.ptr[0] == 'c';
}

static double idf(const corpus *c, uint32_t feature)
{
    return tn_log((1.0 + c->n) / (1.0 + c->n_rows[feature])) + 1;
}

static tn_status count_rows(corpus *c, tn_arena *a, size_t max_features, tn_err *err)
{
    if (!(c->n_rows = tn_arena_calloc(a, c->n_seen * sizeof *c->n_rows)))
        return tn_fail_nomem(err, c->n_seen * sizeof *c->n_rows);
    for (size_t i = 0; i < c->row_at[c->n]; i++)
        c->n_rows[c->grams[i].feature]++;
    /* n_features[k] have exactly k rows; take from the top while there is room. */
    uint32_t *n_features = tn_arena_calloc(a, ((size_t)c->n + 1) * sizeof *n_features);
    if (!n_features)
        return tn_fail_nomem(err, ((size_t)c->n + 1) * sizeof *n_features);
    for (uint32_t f = 0; f < c->n_seen; f++)
        n_features[c->n_rows[f]]++;
    c->min_rows = (uint32_t)c->n + 1;
    while (c->min_rows > MIN_ROWS && n_features[c->min_rows - 1] <= max_features - c->n_kept)
        c->n_kept += n_features[--c->min_rows];
    return TN_OK;
}

/* Rows and counts of the kept features, feature by feature, as bytes that a map can compare. */
static tn_status merge_columns(corpus *c, const tn_map *feature, tn_arena *a, tn_err *err)
{
    tn_status st = TN_OK;
    tn_map seen[N_BLOCKS] = {TN_MAP_INIT, TN_MAP_INIT};
    size_t *at = TN_ARENA_ARRAY(a, size_t, (size_t)c->n_seen + 1), n = 0;
    c->column = TN_ARENA_ARRAY(a, uint32_t, c->n_seen);
    c->first = TN_ARENA_ARRAY(a, uint32_t, c->n_kept);
    c->n_merged = TN_ARENA_ARRAY(a, uint32_t, c->n_kept);
    for (uint32_t f = 0; at && f < c->n_seen; f++) {
        at[f] = n;
        n += c->n_rows[f] >= c->min_rows ? c->n_rows[f] : 0;
    }
    occurrence *o = TN_ARENA_ARRAY(a, occurrence, n);
    if (!at || !c->column || !c->first || !c->n_merged || !o)
        return tn_fail_nomem(err, n * sizeof *o);
    for (int32_t r = 0; r < c->n; r++)
        for (size_t i = c->row_at[r]; i < c->row_at[r + 1]; i++)
            if (c->n_rows[c->grams[i].feature] >= c->min_rows)
                o[at[c->grams[i].feature]++] = (occurrence){(uint32_t)r, c->grams[i].count};

    for (uint32_t f = 0; f < c->n_seen; f++) {
        c->column[f] = UINT32_MAX;
        if (c->n_rows[f] < c->min_rows)
            continue;
        tn_str bytes = {(const char *)(o + at[f] - c->n_rows[f]), c->n_rows[f] * sizeof *o};
        bool is_new;
        const uint64_t *column = tn_map_put(&seen[block_of(feature, f)], bytes, c->n_columns, &is_new);
        if (!column) {
            st = tn_fail_nomem(err, bytes.len);
            goto done;
        }
        c->column[f] = (uint32_t)*column;
        if (is_new) {
            c->first[c->n_columns] = f;
            c->n_merged[c->n_columns++] = 0;
        }
        c->n_merged[c->column[f]]++;
    }
done:
    tn_map_free(&seen[0]);
    tn_map_free(&seen[1]);
    return st;
}

static double term(uint32_t count, double idf_of)
{
    return (1 + tn_log(count)) * idf_of;
}

/* The rows of the design; values are sqrt(k) times a feature's. */
static tn_status fill_rows(const corpus *c, const tn_map *feature, tn_arena *a, tn_design *x, tn_err *err)
{
    size_t n = 0, *row_at = TN_ARENA_ARRAY(a, size_t, (size_t)c->n + 1);
    double *idf_of = TN_ARENA_ARRAY(a, double, c->n_columns);
    for (size_t i = 0; i < c->row_at[c->n]; i++) {
        uint32_t f = c->grams[i].feature;
        n += c->column[f] != UINT32_MAX && c->first[c->column[f]] == f;
    }
    uint32_t *index = TN_ARENA_ARRAY(a, uint32_t, n);
    float *value = TN_ARENA_ARRAY(a, float, n);
    if (!row_at || !idf_of || !index || !value)
        return tn_fail_nomem(err, n * sizeof *value);
    for (uint32_t k = 0; k < c->n_columns; k++)
        idf_of[k] = idf(c, c->first[k]);
    n = 0;
    for (int32_t r = 0; r < c->n; r++) {
        double square[N_BLOCKS] = {0};
        row_at[r] = n;
        for (size_t i = c->row_at[r]; i < c->row_at[r + 1]; i++) {
            uint32_t f = c->grams[i].feature, k = c->column[f];
            if (k == UINT32_MAX || c->first[k] != f)
                continue;
            double v = term(c->grams[i].count, idf_of[k]);
            square[block_of(feature, f)] += c->n_merged[k] * v * v;
            index[n] = k;
            value[n++] = (float)(sqrt(c->n_merged[k]) * v);
        }
        for (size_t i = row_at[r]; i < n; i++)
            value[i] = (float)((double)value[i] / sqrt(square[block_of(feature, c->first[index[i]])]));
    }
    row_at[c->n] = n;
    *x = (tn_design){
        .n = c->n, .width = (int32_t)c->n_columns, .row_at = row_at, .row_index = index, .row_value = value};
    return TN_OK;
}

static tn_status fill_columns(tn_design *x, tn_arena *a, tn_err *err)
{
    size_t n = x->row_at[x->n], *at = tn_arena_calloc(a, ((size_t)x->width + 2) * sizeof *at);
    uint32_t *index = TN_ARENA_ARRAY(a, uint32_t, n);
    float *value = TN_ARENA_ARRAY(a, float, n);
    if (!at || !index || !value)
        return tn_fail_nomem(err, n * sizeof *value);
    /* at[k + 2] counts column k; after the sums at[k + 1] is where it begins, and moves to its end while it fills. */
    for (size_t i = 0; i < n; i++)
        at[x->row_index[i] + 2]++;
    for (int32_t k = 0; k < x->width; k++)
        at[k + 2] += at[k + 1];
    for (int32_t r = 0; r < x->n; r++)
        for (size_t i = x->row_at[r]; i < x->row_at[r + 1]; i++) {
            size_t to = at[x->row_index[i] + 1]++;
            index[to] = (uint32_t)r;
            value[to] = x->row_value[i];
        }
    x->column_at = at;
    x->column_index = index;
    x->column_value = value;
    return TN_OK;
}

static tn_status read_corpus(reader *r, const tn_str *text, int32_t n, tn_arena *a, corpus *c, tn_err *err)
{
    c->n = n;
    if (!(c->row_at = TN_ARENA_ARRAY(a, size_t, (size_t)n + 1)))
        return tn_fail_nomem(err, (size_t)n * sizeof(size_t));
    for (int32_t i = 0; i < n; i++) {
        c->row_at[i] = r->grams.len;
        TN_TRY(read_row(r, text, i, err));
        TN_TRY(tn_interrupt_check(err));
    }
    c->row_at[n] = r->grams.len;
    c->grams = r->grams.ptr;
    c->n_seen = (uint32_t)r->map->len;
    return TN_OK;
}

/* Keeps what prediction needs: the kept features, each with its share of its column's weight. */
static tn_status take_model(tn_ngram *m, const corpus *c, const tn_map *seen, const tn_solver *s, tn_err *err)
{
    size_t stride = (size_t)m->stride;
    const double *w = tn_solver_weights(s);
    m->idf = TN_ARENA_ARRAY(m->arena, float, c->n_kept);
    m->weight = TN_ARENA_ARRAY(m->arena, double, ((size_t)c->n_kept + 1) * stride);
    if (!m->idf || !m->weight || !tn_map_reserve(&m->feature, c->n_kept))
        return tn_fail_nomem(err, ((size_t)c->n_kept + 1) * stride * sizeof(double));
    uint32_t n = 0;
    for (uint32_t f = 0; f < c->n_seen; f++) {
        uint32_t k = c->column[f];
        if (k == UINT32_MAX)
            continue;
        tn_str key = tn_str_dup(m->arena, seen->entry[f].key);
        if (!key.ptr || !tn_map_put(&m->feature, key, n, NULL))
            return tn_fail_nomem(err, key.len);
        m->idf[n] = (float)idf(c, f);
        for (size_t j = 0; j < stride; j++)
            m->weight[n * stride + j] = w[k * stride + j] / sqrt(c->n_merged[k]);
        n++;
    }
    memcpy(m->weight + n * stride, w + c->n_columns * stride, stride * sizeof *w);
    return TN_OK;
}

static void describe(tn_ngram *m, const corpus *c, double penalty)
{
    static const char *const model[] = {"logistic regression, C = ", "a logistic regression for each label, C = ", "ridge regression, 1/alpha = "};
    int n = snprintf(m->settings, sizeof m->settings, "word 1-2-grams and character 2-5-grams, TF-IDF, %s%g, %" PRIu32 " features",
                     model[m->kind], penalty, c->n_kept);
    if (c->min_rows > MIN_ROWS)
        snprintf(m->settings + n, sizeof m->settings - (size_t)n, " of at least %" PRIu32 " texts", c->min_rows);
}

static tn_status model_new(const tn_lesson *lesson, tn_ngram **out, tn_err *err)
{
    const tn_str configuration =
        TN_STR("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},{\"type\":\"NFC\"}]}");
    const tn_json *v;
    tn_ngram *m = tn_mem_calloc(sizeof *m);
    if (!m)
        return tn_fail_nomem(err, sizeof *m);
    tn_status st = (m->arena = tn_arena_new(0)) ? TN_OK : tn_fail_nomem(err, 0);
    m->kind = lesson->kind;
    m->n_labels = lesson->n_outputs;
    if (st == TN_OK)
        st = tn_json_parse(configuration, m->arena, &v, err);
    if (st == TN_OK)
        st = tn_normalizer_parse(v, m->arena, &m->normalizer, err);
    if (st != TN_OK)
        tn_ngram_free(m);
    else
        *out = m;
    return st;
}

tn_status tn_ngram_fit(const tn_str *text, const int32_t *label, int32_t n, int32_t n_labels, tn_pool *pool,
                       tn_progress *progress, tn_ngram **out, tn_err *err)
{
    return tn_ngram_learn(text, &(tn_lesson){.n_outputs = n_labels, .label = label}, n, pool, progress, out, err);
}

tn_status tn_ngram_learn(const tn_str *text, const tn_lesson *lesson, int32_t n, tn_pool *pool, tn_progress *progress,
                         tn_ngram **out, tn_err *err)
{
    int32_t n_labels = lesson->n_outputs;
    if (n <= 0 || n_labels <= 0)
        return tn_fail(err, TN_EINVALID, "no n-gram baseline on %" PRId32 " rows and %" PRId32 " labels", n, n_labels);
    tn_status st;
    tn_ngram *m = NULL;
    tn_map seen = TN_MAP_INIT;
    reader r = {0};
    corpus c = {0};
    tn_design x;
    tn_solver *s;
    tn_choice choice;
    double l2[TN_COUNT(choice_of_c)];
    for (size_t i = 0; i < TN_COUNT(l2); i++)
        l2[i] = 1 / (choice_of_c[i] * n);
    tn_arena *work = tn_arena_new((size_t)1 << 20);
    if (!work)
        return tn_fail_nomem(err, 0);
    TN_GO(model_new(lesson, &m, err));
    TN_GO(reader_init(&r, &m->normalizer, &seen, work, err));
    TN_GO(read_corpus(&r, text, n, work, &c, err));
    TN_GO(count_rows(&c, work, MAX_WEIGHTS / (((size_t)n_labels + 3) / 4 * 4), err));
    TN_GO(merge_columns(&c, &seen, work, err));
    TN_GO(fill_rows(&c, &seen, work, &x, err));
    TN_GO(fill_columns(&x, work, err));
    TN_GO(tn_solver_new(&x, lesson, pool, work, &s, err));
    m->stride = tn_solver_stride(s);
    TN_GO(tn_solver_choose(
        s,
        &(tn_choice_options){
            .l2 = l2, .n_l2 = TN_COUNT(l2), .n_folds = 5, .label = "n-gram baseline", .progress = progress},
        &choice, err));
    TN_GO(tn_solver_run(s, &(tn_solver_options){.l2 = l2[choice.best], .tolerance = 1e-5, .max_iterations = 300}, err));
    TN_GO(take_model(m, &c, &seen, s, err));
    describe(m, &c, choice_of_c[choice.best]);
    *out = m;
    m = NULL;
done:
    tn_ngram_free(m);
    reader_free(&r);
    tn_map_free(&seen);
    tn_arena_free(work);
    return st;
}

void tn_ngram_free(tn_ngram *m)
{
    if (!m)
        return;
    tn_map_free(&m->feature);
    tn_arena_free(m->arena);
    tn_mem_free(m);
}

const char *tn_ngram_settings(const tn_ngram *m)
{
    return m->settings;
}

/* ---- predicting ---- */

typedef struct {
    double *z; /* [stride] */
    TN_VEC(uint32_t) index;
    TN_VEC(float) value;
} scores;

static tn_status score_text(const tn_ngram *m, reader *r, const tn_f64_kernels *k, scores *s, tn_err *err)
{
    double square[N_BLOCKS] = {0};
    s->index.len = s->value.len = 0;
    for (size_t i = 0; i < r->grams.len; i++) {
        double v = term(r->grams.ptr[i].count, (double)m->idf[r->grams.ptr[i].feature]);
        square[block_of(&m->feature, r->grams.ptr[i].feature)] += v * v;
    }
    for (size_t i = 0; i < r->grams.len; i++) {
        uint32_t f = r->grams.ptr[i].feature;
        double v = term(r->grams.ptr[i].count, (double)m->idf[f]) / sqrt(square[block_of(&m->feature, f)]);
        if (!TN_PUSH(&s->index, f) || !TN_PUSH(&s->value, (float)v))
            return tn_fail_nomem(err, r->grams.len * sizeof(float));
    }
    memcpy(s->z, m->weight + m->feature.len * (size_t)m->stride, (size_t)m->stride * sizeof *s->z);
    k->sum_sparse(s->z, m->stride, s->index.ptr, s->value.ptr, s->index.len, m->weight);
    tn_lesson_output(m->kind, s->z, m->n_labels);
    return TN_OK;
}

tn_status tn_ngram_predict(const tn_ngram *m, const tn_str *text, int32_t n, float *probability, tn_err *err)
{
    tn_status st = TN_OK;
    const tn_f64_kernels *k = tn_f64_kernels_get(tn_isa_detect());
    scores s = {.z = tn_mem_alloc((size_t)m->stride * sizeof(double))};
    reader r = {0};
    if (!s.z) {
        st = tn_fail_nomem(err, (size_t)m->stride * sizeof(double));
        goto done;
    }
    /* Without an arena for keys the reader only looks the map up. */
    TN_GO(reader_init(&r, &m->normalizer, (tn_map *)&m->feature, NULL, err));
    for (int32_t i = 0; i < n; i++) {
        TN_GO(read_row(&r, text, i, err));
        TN_GO(score_text(m, &r, k, &s, err));
        for (int32_t j = 0; j < m->n_labels; j++)
            probability[(size_t)i * m->n_labels + j] = (float)s.z[j];
        for (size_t j = 0; j < r.grams.len; j++)
            r.place.ptr[r.grams.ptr[j].feature] = 0;
        r.grams.len = 0;
    }
done:
    tn_mem_free(s.z);
    TN_VEC_FREE(&s.index);
    TN_VEC_FREE(&s.value);
    reader_free(&r);
    return st;
}
