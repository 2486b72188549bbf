/* Rows are read once into numbers of features; training and tagging see numbers only.
 *
 * Averaging: weight w changes by d at step t. The mean over T steps is (w T - sum of d t) / T, so beside each weight
 * its sum of d t is kept, and the mean, times T, is a whole number: scores are compared, never divided.
 *
 * Invariant: features are numbered in the order in which the training rows first show them. */
#include "eval/tagger.h"

#include "base/map.h"
#include "base/rng.h"
#include "data/fold.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PASSES = 10,
    MAX_WEIGHTS = 8 << 20,
    AFFIX = 4,
};

struct tn_tagger {
    tn_arena *arena;
    tn_map feature;  /* key -> index into weight, or UINT32_MAX: left out */
    int64_t *weight; /* [n_features + n_tags + 1, n_tags]: of features, then of the tag before; the last row begins */
    size_t n_features;
    int32_t n_tags;
    char settings[96];
};

/* ---- commonest tags ---- */

static tn_status check_rows(const tn_tag_rows *x, int32_t n_tags, tn_err *err)
{
    if (x->n_rows == 0 || x->n_rows > UINT32_MAX || x->start[x->n_rows] == 0)
        return tn_fail(err, TN_EINVALID, "no words to learn tags from");
    for (size_t i = 0; i < x->start[x->n_rows]; i++)
        if (x->tag[i] < 0 || x->tag[i] >= n_tags)
            return tn_fail(err, TN_EINVALID, "word %zu: a tag out of range", i);
    return TN_OK;
}

static int32_t largest(const uint32_t *count, int32_t n)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n; k++)
        best = count[k] > count[best] ? k : best;
    return best;
}

tn_status tn_frequent_tags(const tn_tag_rows *train, int32_t n_tags, const tn_tag_rows *x, int32_t *out, tn_err *err)
{
    TN_TRY(check_rows(train, n_tags, err));
    tn_status st = TN_OK;
    size_t n = train->start[train->n_rows], width = (size_t)n_tags, size;
    tn_map number = TN_MAP_INIT;
    uint32_t *count = NULL;
    for (size_t i = 0; i < n; i++)
        if (!tn_map_put(&number, train->word[i], number.len, NULL)) {
            st = tn_fail_nomem(err, n);
            goto done;
        }
    if (!tn_size_mul((number.len + 1) * sizeof *count, width, &size) || !(count = tn_mem_calloc(size))) {
        st = tn_fail_nomem(err, number.len * width);
        goto done;
    }
    uint32_t *all = count + number.len * width;
    for (size_t i = 0; i < n; i++) {
        count[*tn_map_find(&number, train->word[i]) * width + (size_t)train->tag[i]]++;
        all[train->tag[i]]++;
    }
    for (size_t i = 0; i < x->start[x->n_rows]; i++) {
        const uint64_t *at = tn_map_find(&number, x->word[i]);
        out[i] = largest(at ? count + *at * width : all, n_tags);
    }
done:
    tn_map_free(&number);
    tn_mem_free(count);
    return st;
}

/* ---- features ---- */

typedef struct {
    tn_str lower, shape; /* slices of the row's text */
} form;

typedef struct {
    tn_map *map;
    tn_arena *keys;         /* of new features; NULL: unknown ones are passed over */
    TN_VEC(uint32_t) times; /* [map.len], how many words have the feature */
    tn_buf text, key;       /* of the row at work: lower-case words and shapes; one feature */
    TN_VEC(form) forms;
    TN_VEC(size_t) ends; /* of lower, shape, lower, shape … in text */
    TN_VEC(uint32_t) of; /* features of all words, one after the other */
    TN_VEC(size_t) at;   /* where a word's begin */
    tn_err *err;
} reader;

static void reader_free(reader *r)
{
    TN_VEC_FREE(&r->times);
    tn_buf_free(&r->text);
    tn_buf_free(&r->key);
    TN_VEC_FREE(&r->forms);
    TN_VEC_FREE(&r->ends);
    TN_VEC_FREE(&r->of);
    TN_VEC_FREE(&r->at);
}

/* "Hà-Nội2" is "Xx-Xx9": runs of capitals, other letters, digits; the rest as it is. */
static void put_shape(tn_str word, tn_buf *out)
{
    uint32_t last = 0;
    for (size_t at = 0; at < word.len;) {
        unsigned n;
        uint32_t cp = tn_uc_get(word.ptr + at, &n), flags = tn_uc_flags(cp), lower[2];
        bool letter = (flags & TN_UC_WORD) && !(flags & TN_UC_NUMERIC);
        bool capital = letter && (tn_uc_lower(cp, lower) != 1 || lower[0] != cp);
        uint32_t c = flags & TN_UC_NUMERIC ? '9' : capital ? 'X' : letter ? 'x' : cp;
        if (c != last)
            tn_buf_cp(out, c);
        last = c;
        at += n;
    }
}

static tn_status add_feature(reader *r)
{
    TN_TRY(tn_buf_status(&r->key, r->err));
    tn_str key = tn_buf_view(&r->key);
    const uint64_t *known = tn_map_find(r->map, key);
    if (!known && !r->keys)
        return TN_OK;
    if (!known) {
        if (r->map->len == UINT32_MAX - 1)
            return tn_fail(r->err, TN_ELIMIT, "more than 2^32 features of words");
        key = tn_str_dup(r->keys, key);
        if (!key.ptr || !(known = tn_map_put(r->map, key, r->map->len, NULL)) || !TN_PUSH(&r->times, 0))
            return tn_fail_nomem(r->err, key.len);
    }
    if (r->keys)
        r->times.ptr[*known]++;
    else if (*known == UINT32_MAX)
        return TN_OK;
    return TN_PUSH(&r->of, (uint32_t)*known) ? TN_OK : tn_fail_nomem(r->err, r->of.len);
}

/* One feature: a letter for its kind, and one or two texts. */
static tn_status feature(reader *r, char kind, tn_str a, tn_str b)
{
    tn_buf_clear(&r->key);
    tn_buf_char(&r->key, kind);
    tn_buf_str(&r->key, a);
    if (b.ptr) {
        tn_buf_char(&r->key, ' ');
        tn_buf_str(&r->key, b);
    }
    return add_feature(r);
}

static tn_status affixes(reader *r, tn_str lower)
{
    const tn_str none = {0};
    size_t from = 0, to = lower.len;
    for (int k = 0; k < AFFIX && from < lower.len; k++) {
        unsigned n;
        from += tn_uc_len(lower.ptr[from]);
        tn_uc_before(lower.ptr, to, &n);
        to -= n;
        const char kind[2] = {(char)('1' + k), (char)('5' + k)};
        TN_TRY(feature(r, kind[0], tn_str_sub(lower, 0, from), none));
        TN_TRY(feature(r, kind[1], tn_str_sub(lower, to, lower.len), none));
    }
    return TN_OK;
}

static bool has_any(tn_str s, unsigned flag, char c)
{
    for (size_t at = 0; at < s.len;) {
        unsigned n;
        uint32_t cp = tn_uc_get(s.ptr + at, &n);
        if (cp == (unsigned char)c || tn_uc_flags(cp) & flag)
            return true;
        at += n;
    }
    return false;
}

static tn_status read_word(reader *r, const tn_str *word, size_t i, size_t n)
{
    const tn_str none = {0}, edge = TN_STR("");
    form outside = {edge, edge};
    form f[5];
    for (size_t k = 0; k < 5; k++)
        f[k] = i + k >= 2 && i + k - 2 < n ? r->forms.ptr[i + k - 2] : outside;
    TN_TRY(feature(r, 'b', edge, none)); /* the tag's own share */
    TN_TRY(feature(r, 'w', word[i], none));
    TN_TRY(feature(r, 'l', f[2].lower, none));
    TN_TRY(feature(r, 's', f[2].shape, none));
    TN_TRY(affixes(r, f[2].lower));
    if (has_any(word[i], TN_UC_NUMERIC, '0'))
        TN_TRY(feature(r, 'd', edge, none));
    if (has_any(word[i], 0, '-'))
        TN_TRY(feature(r, 'h', edge, none));
    TN_TRY(feature(r, 'p', f[1].lower, none));
    TN_TRY(feature(r, 'P', f[0].lower, none));
    TN_TRY(feature(r, 'n', f[3].lower, none));
    TN_TRY(feature(r, 'N', f[4].lower, none));
    TN_TRY(feature(r, 'q', f[1].shape, f[2].shape));
    TN_TRY(feature(r, 'Q', f[2].shape, f[3].shape));
    TN_TRY(feature(r, 'x', f[1].lower, f[2].lower));
    TN_TRY(feature(r, 'y', f[2].lower, f[3].lower));
    return feature(r, 'i', i == 0 ? f[2].shape : edge, none);
}

static tn_status read_row(reader *r, const tn_str *word, size_t n)
{
    tn_buf_clear(&r->text);
    r->forms.len = r->ends.len = 0;
    for (size_t i = 0; i < n; i++) {
        TN_TRY(tn_fold(word[i], TN_FOLD_LOWER, &r->text, r->err));
        if (!TN_PUSH(&r->ends, r->text.len))
            return tn_fail_nomem(r->err, r->ends.len);
        put_shape(word[i], &r->text);
        if (!TN_PUSH(&r->ends, r->text.len))
            return tn_fail_nomem(r->err, r->ends.len);
    }
    TN_TRY(tn_buf_status(&r->text, r->err));
    tn_str all = tn_buf_view(&r->text);
    for (size_t i = 0, from = 0; i < n; i++) {
        size_t middle = r->ends.ptr[2 * i], to = r->ends.ptr[2 * i + 1];
        if (!TN_PUSH(&r->forms, ((form){tn_str_sub(all, from, middle), tn_str_sub(all, middle, to)})))
            return tn_fail_nomem(r->err, n * sizeof(form));
        from = to;
    }
    for (size_t i = 0; i < n; i++) {
        if (!TN_PUSH(&r->at, r->of.len))
            return tn_fail_nomem(r->err, r->at.len);
        TN_TRY(read_word(r, word, i, n));
    }
    return TN_OK;
}

/* ---- the best tags of a row ---- */

typedef struct {
    int64_t *score; /* [longest, n_tags] */
    int32_t *from;  /* [longest, n_tags] */
} lattice;

static tn_status lattice_new(const tn_tag_rows *x, int32_t n_tags, tn_arena *a, lattice *out, tn_err *err)
{
    size_t longest = 0, size;
    for (size_t r = 0; r < x->n_rows; r++)
        longest = x->start[r + 1] - x->start[r] > longest ? x->start[r + 1] - x->start[r] : longest;
    if (!tn_size_mul(longest, (size_t)n_tags, &size))
        return tn_fail_nomem(err, SIZE_MAX);
    out->score = TN_ARENA_ARRAY(a, int64_t, size);
    out->from = TN_ARENA_ARRAY(a, int32_t, size);
    return out->score && out->from ? TN_OK : tn_fail_nomem(err, size * sizeof(int64_t));
}

/* Features of word i are of[at[i] .. at[i + 1]). The first of equal tags. */
static void best_tags(const int64_t *weight, size_t n_features, int32_t n_tags, const uint32_t *of, const size_t *at,
                      size_t n, const lattice *l, int32_t *out)
{
    size_t L = (size_t)n_tags;
    const int64_t *before = weight + n_features * L, *begin = before + L * L;
    for (size_t i = 0; i < n; i++) {
        int64_t *here = l->score + i * L;
        memset(here, 0, L * sizeof *here);
        for (size_t k = at[i]; k < at[i + 1]; k++) {
            const int64_t *w = weight + of[k] * L;
            for (size_t t = 0; t < L; t++)
                here[t] += w[t];
        }
        for (size_t t = 0; t < L; t++) {
            int64_t best = begin[t];
            int32_t from = -1;
            for (size_t u = 0; u < L && i > 0; u++) {
                int64_t v = here[u - L] + before[u * L + t];
                if (from < 0 || v > best)
                    best = v, from = (int32_t)u;
            }
            here[t] += best;
            l->from[i * L + t] = from;
        }
    }
    if (n == 0)
        return;
    size_t last = 0;
    for (size_t t = 1; t < L; t++)
        if (l->score[(n - 1) * L + t] > l->score[(n - 1) * L + last])
            last = t;
    out[n - 1] = (int32_t)last;
    for (size_t i = n - 1; i > 0; i--)
        out[i - 1] = l->from[i * L + (size_t)out[i]];
}

/* ---- fitting ---- */

typedef struct {
    int64_t *now, *late; /* [weights]: the weight, and its sum of changes times steps */
    size_t n_features;
    size_t L;
    int64_t step;
} learning;

static void change(learning *w, size_t row, int32_t right, int32_t wrong)
{
    w->now[row * w->L + (size_t)right]++;
    w->late[row * w->L + (size_t)right] += w->step;
    w->now[row * w->L + (size_t)wrong]--;
    w->late[row * w->L + (size_t)wrong] -= w->step;
}

/* `before` of the first word: the row that begins. */
static size_t row_before(const learning *w, const int32_t *tag, size_t i)
{
    return w->n_features + (i > 0 ? (size_t)tag[i - 1] : w->L);
}

static void learn_row(learning *w, const uint32_t *of, const size_t *at, const int32_t *right, const int32_t *guess,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = at[i]; k < at[i + 1] && right[i] != guess[i]; k++)
            change(w, of[k], right[i], guess[i]);
        size_t r = row_before(w, right, i), g = row_before(w, guess, i);
        if (r == g && right[i] == guess[i])
            continue;
        w->now[r * w->L + (size_t)right[i]]++;
        w->late[r * w->L + (size_t)right[i]] += w->step;
        w->now[g * w->L + (size_t)guess[i]]--;
        w->late[g * w->L + (size_t)guess[i]] -= w->step;
    }
}

/* Numbers of the kept features: all, or those that occur often enough for the others to have room. */
static void keep_features(tn_tagger *t, reader *r)
{
    size_t room = MAX_WEIGHTS / (size_t)t->n_tags, n;
    uint32_t least = 1;
    for (;; least *= 2) {
        n = 0;
        for (size_t k = 0; k < r->times.len; k++)
            n += r->times.ptr[k] >= least;
        if (n <= room || least > UINT32_MAX / 2)
            break;
    }
    n = 0;
    for (size_t k = 0; k < r->times.len; k++)
        t->feature.entry[k].value = r->times.ptr[k] >= least ? n++ : UINT32_MAX;
    t->n_features = n;
    size_t kept = 0, word = 0;
    for (size_t k = 0, end = r->of.len; k < end; k++) {
        while (word < r->at.len && r->at.ptr[word] == k)
            r->at.ptr[word++] = kept;
        uint64_t number = t->feature.entry[r->of.ptr[k]].value;
        if (number != UINT32_MAX)
            r->of.ptr[kept++] = (uint32_t)number;
    }
    r->of.len = kept;
}

static tn_status learn(tn_tagger *t, const tn_tag_rows *x, const reader *r, tn_progress *progress, tn_arena *a,
                       tn_err *err)
{
    size_t L = (size_t)t->n_tags, n_weights = (t->n_features + L + 1) * L, n_words = x->start[x->n_rows];
    learning w = {.n_features = t->n_features, .L = L};
    lattice l;
    t->weight = tn_arena_calloc(t->arena, n_weights * sizeof *t->weight);
    w.now = t->weight;
    w.late = tn_arena_calloc(a, n_weights * sizeof *w.late);
    int32_t *guess = TN_ARENA_ARRAY(a, int32_t, n_words);
    uint32_t *order = TN_ARENA_ARRAY(a, uint32_t, x->n_rows);
    if (!t->weight || !w.late || !guess || !order)
        return tn_fail_nomem(err, n_weights * sizeof *w.late);
    TN_TRY(lattice_new(x, t->n_tags, a, &l, err));
    for (int pass = 0; pass < PASSES; pass++) {
        tn_rng rng = tn_rng_init(0, (uint64_t)pass);
        for (size_t i = 0; i < x->n_rows; i++)
            order[i] = (uint32_t)i;
        tn_rng_shuffle(&rng, order, (uint32_t)x->n_rows);
        for (size_t i = 0; i < x->n_rows; i++) {
            size_t row = order[i], from = x->start[row], n = x->start[row + 1] - from;
            best_tags(w.now, t->n_features, t->n_tags, r->of.ptr, r->at.ptr + from, n, &l, guess);
            learn_row(&w, r->of.ptr, r->at.ptr + from, x->tag + from, guess, n);
            w.step++;
        }
        TN_TRY(tn_interrupt_check(err));
        tn_progress_show(progress, "linear tagger", (uint64_t)pass + 1, PASSES, NULL);
    }
    for (size_t k = 0; k < n_weights; k++)
        w.now[k] = w.now[k] * w.step - w.late[k];
    return TN_OK;
}

tn_status tn_tagger_fit(const tn_tag_rows *train, int32_t n_tags, tn_progress *progress, tn_tagger **out, tn_err *err)
{
    *out = NULL;
    TN_TRY(check_rows(train, n_tags, err));
    tn_status st = TN_OK;
    tn_arena *arena = tn_arena_new(0), *work = tn_arena_new(0);
    tn_tagger *t = arena ? tn_arena_calloc(arena, sizeof *t) : NULL;
    reader r = {.keys = arena, .err = err};
    if (!t || !work) {
        st = tn_fail_nomem(err, sizeof *t);
        goto done;
    }
    *t = (tn_tagger){.arena = arena, .n_tags = n_tags};
    r.map = &t->feature;
    for (size_t i = 0; i < train->n_rows; i++)
        TN_GO(read_row(&r, train->word + train->start[i], train->start[i + 1] - train->start[i]));
    if (!TN_PUSH(&r.at, r.of.len)) {
        st = tn_fail_nomem(err, r.at.len);
        goto done;
    }
    keep_features(t, &r);
    r.at.ptr[r.at.len - 1] = r.of.len;
    TN_GO(learn(t, train, &r, progress, work, err));
    snprintf(t->settings, sizeof t->settings, "structured perceptron, averaged over %d passes, %zu features", PASSES,
             t->n_features);
    *out = t;
done:
    reader_free(&r);
    tn_arena_free(work);
    if (st != TN_OK) {
        if (t)
            tn_map_free(&t->feature);
        tn_arena_free(arena);
    }
    return st;
}

tn_status tn_tagger_tag(const tn_tagger *t, const tn_tag_rows *x, int32_t *out, tn_err *err)
{
    tn_status st = TN_OK;
    tn_arena *a = tn_arena_new(0);
    tn_map map = t->feature; /* looked up, never changed */
    reader r = {.map = &map, .err = err};
    lattice l;
    if (!a)
        return tn_fail_nomem(err, 65536);
    TN_GO(lattice_new(x, t->n_tags, a, &l, err));
    for (size_t i = 0; i < x->n_rows; i++) {
        size_t from = x->start[i], n = x->start[i + 1] - from;
        r.of.len = r.at.len = 0;
        TN_GO(read_row(&r, x->word + from, n));
        if (!TN_PUSH(&r.at, r.of.len)) {
            st = tn_fail_nomem(err, n);
            goto done;
        }
        best_tags(t->weight, t->n_features, t->n_tags, r.of.ptr, r.at.ptr, n, &l, out + from);
    }
done:
    reader_free(&r);
    tn_arena_free(a);
    return st;
}

void tn_tagger_free(tn_tagger *t)
{
    if (!t)
        return;
    tn_map_free(&t->feature);
    tn_arena_free(t->arena);
}

const char *tn_tagger_settings(const tn_tagger *t)
{
    return t->settings;
}
