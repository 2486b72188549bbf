/* Texts in, numbers out. A window of texts is encoded, sorted by length and packed into forward passes; answers go back
 * to the texts' own places. The order changes how well passes are filled and nothing else, because the result of a row
 * does not depend on its mates. */
#include "model/family.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 2048 }; /* texts encoded at a time: bounds memory, and is enough to fill passes with equal lengths */

struct encoded {
    const int32_t *ids;
    int32_t n;
    size_t at; /* number of the text in the window */
};

static tn_status encode(const tn_model *m, tn_str text, int32_t limit, tn_arena *a, struct encoded *out, bool *cut,
                        tn_err *err)
{
    tn_encode_options o = {.max_length = (uint32_t)limit};
    uint32_t *ids;
    size_t n;
    if (!m->tokenizer)
        return tn_fail(err, TN_ENOENT, "%s has no tokenizer.json", m->dir);
    TN_TRY(tn_tokenizer_ids(m->tokenizer, text, &o, a, &ids, &n, err));
    TN_ASSERT(n <= (size_t)limit);
    if (n == 0)
        return tn_fail(err, TN_EINVALID, "no tokens: the text is empty and the tokenizer adds none");
    out->ids = (const int32_t *)ids;
    out->n = (int32_t)n;
    *cut = false;
    if (n < (size_t)limit)
        return TN_OK;
    tn_encoding full; /* only a text that fills its row pays for knowing whether it was cut */
    TN_TRY(tn_tokenizer_encode(m->tokenizer, text, &o, a, &full, err));
    *cut = full.n_cut > 0;
    return TN_OK;
}

tn_status tn_model_encode(const tn_model *m, tn_str text, tn_arena *a, const int32_t **ids, int32_t *n, bool *cut,
                          tn_err *err)
{
    struct encoded e;
    TN_TRY(encode(m, text, m->max_tokens, a, &e, cut, err));
    *ids = e.ids;
    *n = e.n;
    return TN_OK;
}

/* Longest first; equal lengths in the order of the texts: a total order. */
static int by_length(const void *x, const void *y)
{
    const struct encoded *a = x, *b = y;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Rows [first, *end) of the sorted window in one batch, as many as fit into a pass. */
static tn_status gather(const struct encoded *e, size_t n, size_t first, tn_arena *a, tn_batch *out, size_t *end,
                        tn_err *err)
{
    size_t last = first, tokens = 0;
    while (last < n && (last == first || tokens + (size_t)e[last].n <= TN_CHUNK_TOKENS))
        tokens += (size_t)e[last++].n;
    int32_t *start = TN_ARENA_ARRAY(a, int32_t, last - first + 1), *ids = TN_ARENA_ARRAY(a, int32_t, tokens);
    if (!start || !ids)
        return tn_fail_nomem(err, tokens * sizeof *ids);
    start[0] = 0;
    for (size_t i = first; i < last; i++) {
        memcpy(ids + start[i - first], e[i].ids, (size_t)e[i].n * sizeof *ids);
        start[i - first + 1] = start[i - first] + e[i].n;
    }
    *out = (tn_batch){.n_rows = (int32_t)(last - first), .start = start, .ids = ids};
    *end = last;
    return TN_OK;
}

struct job {
    tn_status (*forward)(tn_model *m, const tn_batch *b, float *out, tn_err *err);
    int32_t width, limit;
    size_t first; /* number of the window's first text, for sentences */
};

/* NaN weights are bytes like others to a file format; an answer made of them would look like one. */
static tn_status check_finite(const tn_model *m, const struct job *j, const struct encoded *e, size_t n, const float *result,
                              tn_err *err)
{
    size_t width = (size_t)j->width;
    for (size_t i = 0; i < n * width; i++)
        if (!isfinite(result[i]))
            return tn_fail(err, TN_EFORMAT,
                           "%s: the model's numbers for text %zu are not finite; its weights are damaged or overflow",
                           m->dir, j->first + e[i / width].at + 1);
    return TN_OK;
}

static tn_status window(tn_model *m, const struct job *j, const tn_str *text, size_t n, tn_arena *a, float *out,
                        size_t *n_cut, tn_err *err)
{
    struct encoded *e = TN_ARENA_ARRAY(a, struct encoded, n);
    size_t width = (size_t)j->width;
    float *result = TN_ARENA_ARRAY(a, float, n *width);
    if (!e || !result)
        return tn_fail_nomem(err, n * (sizeof *e + width * sizeof *result));
    for (size_t i = 0; i < n; i++) {
        bool cut;
        if (encode(m, text[i], j->limit, a, &e[i], &cut, err) != TN_OK)
            return n == 1 && j->first == 0 ? err->status : tn_fail_prefix(err, "text %zu", j->first + i + 1);
        e[i].at = i;
        *n_cut += cut;
    }
    qsort(e, n, sizeof *e, by_length);
    for (size_t r = 0, end = 0; r < n; r = end) {
        tn_batch b;
        TN_TRY(gather(e, n, r, a, &b, &end, err));
        TN_TRY(j->forward(m, &b, result + r * width, err));
    }
    TN_TRY(check_finite(m, j, e, n, result, err));
    for (size_t i = 0; i < n; i++)
        memcpy(out + e[i].at * width, result + i * width, width * sizeof *out);
    return TN_OK;
}

static tn_status all_windows(tn_model *m, struct job j, const tn_str *text, size_t n, float *out, size_t *n_cut,
                             tn_err *err)
{
    size_t cut = 0;
    tn_err local = TN_ERR_INIT; /* sentences are prefixed, so there must be one */
    tn_arena *a = tn_arena_new(0);
    tn_status st = a ? TN_OK : tn_fail_nomem(&local, 64);
    for (size_t i = 0; i < n && st == TN_OK; i += WINDOW) {
        size_t m_texts = n - i < WINDOW ? n - i : WINDOW;
        j.first = i;
        tn_arena_reset(a);
        st = window(m, &j, text + i, m_texts, a, out + i * (size_t)j.width, &cut, &local);
    }
    tn_arena_free(a);
    if (st != TN_OK && err)
        *err = local;
    if (n_cut)
        *n_cut = cut;
    return st;
}

tn_status tn_model_predict(tn_model *m, const tn_str *text, size_t n, float *probability, size_t *n_cut, tn_err *err)
{
    int32_t n_labels = m->config.n_labels;
    struct job j = {.forward = tn_model_logits, .width = n_labels, .limit = m->max_tokens};
    TN_TRY(all_windows(m, j, text, n, probability, n_cut, err));
    for (size_t i = 0; i < n; i++)
        tn_model_scores(m, probability + i * (size_t)n_labels, 1);
    return TN_OK;
}

tn_status tn_model_embed_texts(tn_model *m, const tn_str *text, size_t n, float *out, size_t *n_cut, tn_err *err)
{
    struct job j = {.forward = tn_model_embed, .width = m->config.hidden_size, .limit = m->embed_max_tokens};
    return all_windows(m, j, text, n, out, n_cut, err);
}
