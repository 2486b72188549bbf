/* Texts in, numbers out. A window of texts is encoded, sorted by length and packed into forward passes; answers go back
 * to the texts' own places. The order changes how well passes are filled and nothing else, because the result of a row
 * does not depend on its mates. */
#include "model/family.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 2048 }; /* texts encoded at a time: bounds memory, and is enough to fill passes with equal lengths */

struct encoded {
    tn_model_row row;
    size_t at; /* number of the text in the window */
};

/* Types of a pair as numbers of the model; all 0 are left out. */
static tn_status widen_types(const tn_encoding *full, tn_arena *a, tn_model_row *out, tn_err *err)
{
    int32_t *type = TN_ARENA_ARRAY(a, int32_t, full->n);
    bool any = false;
    if (!type)
        return tn_fail_nomem(err, full->n * sizeof *type);
    for (size_t i = 0; i < full->n; i++) {
        type[i] = full->type_ids[i];
        any |= type[i] != 0;
    }
    out->type_id = any ? type : NULL;
    return TN_OK;
}

static tn_status encode_pair(const tn_model *m, tn_str text, tn_str pair, const tn_encode_options *o, tn_arena *a,
                             tn_model_row *out, tn_err *err)
{
    tn_encoding full;
    TN_TRY(tn_tokenizer_encode_pair(m->tokenizer, text, pair, o, a, &full, err));
    *out = (tn_model_row){.ids = (const int32_t *)full.ids, .n = (int32_t)full.n, .cut = full.n_cut > 0};
    return tn_model_uses_types(m) ? widen_types(&full, a, out, err) : TN_OK;
}

static tn_status encode_one(const tn_model *m, tn_str text, const tn_encode_options *o, tn_arena *a, tn_model_row *out,
                            tn_err *err)
{
    uint32_t *ids;
    size_t n;
    TN_TRY(tn_tokenizer_ids(m->tokenizer, text, o, a, &ids, &n, err));
    *out = (tn_model_row){.ids = (const int32_t *)ids, .n = (int32_t)n};
    if (n < o->max_length)
        return TN_OK;
    tn_encoding full; /* only a text that fills its row pays for knowing whether it was cut */
    TN_TRY(tn_tokenizer_encode(m->tokenizer, text, o, a, &full, err));
    out->cut = full.n_cut > 0;
    return TN_OK;
}

tn_status tn_model_encode_row(const tn_model *m, tn_str text, tn_str pair, int32_t limit, tn_arena *a, tn_model_row *out,
                              tn_err *err)
{
    tn_encode_options o = {.max_length = (uint32_t)(limit > 0 && limit < m->max_tokens ? limit : m->max_tokens)};
    if (!m->tokenizer)
        return tn_fail(err, TN_ENOENT, "%s has no tokenizer.json", m->dir);
    TN_TRY(pair.ptr ? encode_pair(m, text, pair, &o, a, out, err) : encode_one(m, text, &o, a, out, err));
    TN_ASSERT(out->n <= (int32_t)o.max_length);
    return out->n > 0 ? TN_OK : tn_fail(err, TN_EINVALID, "no tokens: the text is empty and the tokenizer adds none");
}

tn_status tn_model_encode(const tn_model *m, tn_str text, tn_arena *a, const int32_t **ids, int32_t *n, bool *cut,
                          tn_err *err)
{
    tn_model_row row;
    TN_TRY(tn_model_encode_row(m, text, (tn_str){0}, 0, a, &row, err));
    *ids = row.ids;
    *n = row.n;
    *cut = row.cut;
    return TN_OK;
}

/* Longest first; equal lengths in the order of the texts: a total order. */
static int by_length(const void *x, const void *y)
{
    const struct encoded *a = x, *b = y;
    if (a->row.n != b->row.n)
        return a->row.n > b->row.n ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Rows [first, *end) of the sorted window in one batch, as many as fit into a pass. */
static tn_status gather(const struct encoded *e, size_t n, size_t first, tn_arena *a, tn_batch *out, size_t *end,
                        tn_err *err)
{
    size_t last = first, tokens = 0;
    bool typed = false;
    for (; last < n && (last == first || tokens + (size_t)e[last].row.n <= TN_CHUNK_TOKENS); last++) {
        tokens += (size_t)e[last].row.n;
        typed |= e[last].row.type_id != NULL;
    }
    int32_t *start = TN_ARENA_ARRAY(a, int32_t, last - first + 1), *ids = TN_ARENA_ARRAY(a, int32_t, tokens);
    int32_t *type = typed ? tn_arena_calloc(a, tokens * sizeof *type) : NULL;
    if (!start || !ids || (typed && !type))
        return tn_fail_nomem(err, tokens * sizeof *ids);
    start[0] = 0;
    for (size_t i = first; i < last; i++) {
        const tn_model_row *row = &e[i].row;
        int32_t at = start[i - first];
        memcpy(ids + at, row->ids, (size_t)row->n * sizeof *ids);
        if (row->type_id)
            memcpy(type + at, row->type_id, (size_t)row->n * sizeof *type);
        start[i - first + 1] = at + row->n;
    }
    *out = (tn_batch){.n_rows = (int32_t)(last - first), .start = start, .ids = ids, .type_id = type};
    *end = last;
    return TN_OK;
}

struct job {
    tn_status (*forward)(tn_model *m, const tn_batch *b, float *out, tn_err *err);
    int32_t width, limit;
    const tn_str *text, *pair; /* of all texts; pair NULL: none */
    size_t first;              /* number of the window's first text */
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

static tn_status window(tn_model *m, const struct job *j, size_t n, tn_arena *a, float *out, size_t *n_cut, tn_err *err)
{
    struct encoded *e = TN_ARENA_ARRAY(a, struct encoded, n);
    size_t width = (size_t)j->width;
    float *result = TN_ARENA_ARRAY(a, float, n *width);
    if (!e || !result)
        return tn_fail_nomem(err, n * (sizeof *e + width * sizeof *result));
    for (size_t i = 0; i < n; i++) {
        size_t at = j->first + i;
        tn_str pair = j->pair ? j->pair[at] : (tn_str){0};
        if (j->pair && !pair.ptr)
            pair = TN_STR("");
        if (tn_model_encode_row(m, j->text[at], pair, j->limit, a, &e[i].row, err) != TN_OK)
            return n == 1 && j->first == 0 ? err->status : tn_fail_prefix(err, "text %zu", at + 1);
        e[i].at = i;
        *n_cut += e[i].row.cut;
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

static tn_status all_windows(tn_model *m, struct job j, size_t n, float *out, size_t *n_cut, tn_err *err)
{
    size_t cut = 0;
    tn_err local = TN_ERR_INIT; /* sentences are prefixed, so there must be one */
    tn_arena *a = tn_arena_new(0);
    tn_status st = a ? TN_OK : tn_fail_nomem(&local, 64);
    for (size_t i = 0; i < n && st == TN_OK; i += WINDOW) {
        size_t m_texts = n - i < WINDOW ? n - i : WINDOW;
        j.first = i;
        tn_arena_reset(a);
        st = window(m, &j, m_texts, a, out + i * (size_t)j.width, &cut, &local);
    }
    tn_arena_free(a);
    if (st != TN_OK && err)
        *err = local;
    if (n_cut)
        *n_cut = cut;
    return st;
}

tn_status tn_model_predict_pairs(tn_model *m, const tn_str *text, const tn_str *pair, size_t n, float *probability,
                                 size_t *n_cut, tn_err *err)
{
    int32_t n_labels = m->config.n_labels;
    struct job j = {.forward = tn_model_logits, .width = n_labels, .limit = m->max_tokens, .text = text, .pair = pair};
    if (m->config.task != TN_TASK_SEQUENCE)
        return tn_fail(err, TN_EINVALID, "%s does not classify whole texts; its config.json names another task", m->dir);
    TN_TRY(all_windows(m, j, n, probability, n_cut, err));
    for (size_t i = 0; i < n; i++)
        tn_model_scores(m, probability + i * (size_t)n_labels, 1);
    return TN_OK;
}

tn_status tn_model_predict(tn_model *m, const tn_str *text, size_t n, float *probability, size_t *n_cut, tn_err *err)
{
    return tn_model_predict_pairs(m, text, NULL, n, probability, n_cut, err);
}

tn_status tn_model_embed_texts(tn_model *m, const tn_str *text, size_t n, float *out, size_t *n_cut, tn_err *err)
{
    struct job j = {.forward = tn_model_embed, .width = m->config.hidden_size, .limit = m->embed_max_tokens, .text = text};
    return all_windows(m, j, n, out, n_cut, err);
}
