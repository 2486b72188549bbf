/* Candidates are kept in short sorted lists: with k kept, a window of T tokens and answers of at most A tokens cost T·A
 * comparisons and few insertions, so a long passage is linear in its tokens. All orders are total: score, then the order in
 * which candidates are met. */
#include "model/spans.h"

#include "base/file.h"
#include "base/fmath.h"
#include "base/map.h"
#include "text/unicode.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- windows ---- */

tn_status tn_model_windows(const tn_model *m, tn_str question, tn_str passage, int32_t max_tokens, int32_t stride,
                           tn_arena *a, tn_windows *out, tn_err *err)
{
    int32_t limit = tn_model_max_tokens(m), max = max_tokens ? max_tokens : TN_WINDOW_TOKENS;
    max = max < limit ? max : limit;
    if (!stride)
        stride = max / 2 < TN_WINDOW_STRIDE ? max / 2 : TN_WINDOW_STRIDE;
    tn_window_options o = {.max_length = (uint32_t)max, .stride = (uint32_t)stride};
    return tn_tokenizer_encode_windows(tn_model_tokenizer(m), question, passage, &o, a, out, err);
}

void tn_window_target(const tn_windows *x, size_t w, uint32_t start, uint32_t end, int32_t *first, int32_t *last)
{
    size_t from = x->from[w], to = from + x->count[w];
    *first = *last = 0;
    if (from == to || x->start[from] > start || x->end[to - 1] < end)
        return;
    size_t i = to - 1, k = from;
    while (x->start[i] > start)
        i--;
    while (x->end[k] < end)
        k++;
    if (i > k)
        return;
    *first = (int32_t)(x->first[w] + i - from);
    *last = (int32_t)(x->first[w] + k - from);
}

/* ---- the best of many ---- */

typedef struct {
    double score;
    uint32_t a, b;
} ranked;

typedef struct {
    ranked *item; /* [k] */
    size_t n, k;
} shortlist;

/* Equals stay behind those that came before. */
static void offer(shortlist *s, double score, uint32_t a, uint32_t b)
{
    if (s->n == s->k && !(score > s->item[s->n - 1].score))
        return;
    size_t i = s->n < s->k ? s->n++ : s->n - 1;
    for (; i > 0 && score > s->item[i - 1].score; i--)
        s->item[i] = s->item[i - 1];
    s->item[i] = (ranked){score, a, b};
}

/* ---- run_qa ---- */

static bool in_second(const tn_windows *x, size_t w, uint32_t token)
{
    return token >= x->first[w] && token - x->first[w] < x->count[w];
}

static uint32_t second(const tn_windows *x, size_t w, uint32_t token)
{
    return (uint32_t)(x->from[w] + token - x->first[w]);
}

typedef struct {
    const tn_windows *x;
    const float *logits;
    int32_t max_answer;
    shortlist start, end; /* of a window */
    tn_span *span;        /* [n_best + 1] */
    size_t n, n_best;
} finder;

static void keep_span(finder *f, tn_span s)
{
    if (f->n == f->n_best && !(s.score > f->span[f->n - 1].score))
        return;
    size_t i = f->n < f->n_best ? f->n++ : f->n - 1;
    for (; i > 0 && s.score > f->span[i - 1].score; i--)
        f->span[i] = f->span[i - 1];
    f->span[i] = s;
}

static void find_in_window(finder *f, size_t w, tn_span *null)
{
    const tn_windows *x = f->x;
    const float *z = f->logits + 2 * x->at[w];
    uint32_t n = (uint32_t)(x->at[w + 1] - x->at[w]);
    float score = z[0] + z[1];
    if (w == 0 || score < null->score)
        *null = (tn_span){.start_logit = z[0], .end_logit = z[1], .score = score};
    f->start.n = f->end.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        offer(&f->start, (double)z[2 * i], i, 0);
        offer(&f->end, (double)z[2 * i + 1], i, 0);
    }
    for (size_t i = 0; i < f->start.n; i++)
        for (size_t k = 0; k < f->end.n; k++) {
            uint32_t a = f->start.item[i].a, b = f->end.item[k].a;
            if (!in_second(x, w, a) || !in_second(x, w, b) || b < a || b - a >= (uint32_t)f->max_answer)
                continue;
            keep_span(f, (tn_span){.start = x->start[second(x, w, a)],
                                   .end = x->end[second(x, w, b)],
                                   .start_logit = z[2 * a],
                                   .end_logit = z[2 * b + 1],
                                   .score = z[2 * a] + z[2 * b + 1]});
        }
}

static void set_probabilities(tn_span *s, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i].probability = tn_exp((double)s[i].score - (double)s[0].score);
    for (size_t i = 0; i < n; i++)
        s[i].probability /= sum;
}

tn_status tn_spans_best(const tn_windows *x, const float *logits, const tn_spans_options *o, tn_arena *a, tn_spans *out,
                        tn_err *err)
{
    size_t n_best = o->n_best ? (size_t)o->n_best : 20;
    finder f = {.x = x, .logits = logits, .max_answer = o->max_answer_tokens ? o->max_answer_tokens : 30, .n_best = n_best};
    tn_span null = {0};
    f.span = TN_ARENA_ARRAY(a, tn_span, n_best + 1);
    f.start = (shortlist){.item = TN_ARENA_ARRAY(a, ranked, n_best), .k = n_best};
    f.end = (shortlist){.item = TN_ARENA_ARRAY(a, ranked, n_best), .k = n_best};
    if (!f.span || !f.start.item || !f.end.item)
        return tn_fail_nomem(err, n_best * sizeof *f.span);
    for (size_t w = 0; w < x->n; w++)
        find_in_window(&f, w, &null);
    if (o->impossible) {
        keep_span(&f, null);
        bool there = false;
        for (size_t i = 0; i < f.n; i++)
            there = there || (f.span[i].start == 0 && f.span[i].end == 0);
        if (!there)
            f.span[f.n++] = null;
    }
    set_probabilities(f.span, f.n);
    *out = (tn_spans){.n = f.n, .span = f.span, .null_score = null.score, .difference = DBL_MAX};
    while (out->best < f.n && f.span[out->best].start == f.span[out->best].end)
        out->best++;
    if (out->best < f.n)
        out->difference = (double)(null.score - f.span[out->best].start_logit - f.span[out->best].end_logit);
    return TN_OK;
}

/* ---- the pipeline ---- */

/* Answers that are equal but for case are one. */
static tn_status fold(tn_str s, tn_buf *b, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_buf_clear(b);
    for (size_t at = 0; at < s.len;) {
        uint32_t lower[2];
        unsigned n = tn_uc_lower(tn_utf8_next(s, &at), lower);
        for (unsigned i = 0; i < n; i++)
            tn_buf_cp(b, lower[i]);
    }
    TN_TRY(tn_buf_status(b, err));
    *out = tn_str_dup(a, tn_buf_view(b));
    return out->ptr ? TN_OK : tn_fail_nomem(err, s.len);
}

typedef struct {
    const tn_windows *x;
    tn_str passage;
    size_t *byte; /* [code points + 1] of the passage */
    const tn_answer_options *o;
    int32_t max_answer;
    shortlist list;
    double *p; /* [tokens of a window, 2] */
    TN_VEC(tn_passage_answer) answer;
    tn_map seen; /* folded answer -> its number */
    tn_buf buffer;
    tn_arena *arena;
    double null;
} answerer;

/* Probabilities of the window's passage and first token, the only ones that share them; the first one's then goes. */
static void take_probabilities(answerer *r, const float *z, size_t w)
{
    const tn_windows *x = r->x;
    size_t n = x->at[w + 1] - x->at[w], from = x->first[w], to = from + x->count[w];
    for (int side = 0; side < 2; side++) {
        double max = (double)z[side], sum;
        for (size_t i = from; i < to; i++)
            max = (double)z[2 * i + (size_t)side] > max ? (double)z[2 * i + (size_t)side] : max;
        for (size_t i = 0; i < n; i++)
            r->p[2 * i + (size_t)side] = 0;
        sum = r->p[side] = tn_exp((double)z[side] - max);
        for (size_t i = from; i < to; i++)
            sum += r->p[2 * i + (size_t)side] = tn_exp((double)z[2 * i + (size_t)side] - max);
        for (size_t i = 0; i < n; i++)
            r->p[2 * i + (size_t)side] /= sum;
    }
    double null = r->p[0] * r->p[1];
    r->null = w == 0 || null < r->null ? null : r->null;
}

static void widen_to_words(const tn_windows *x, size_t w, uint32_t *first, uint32_t *last)
{
    size_t from = x->from[w], to = from + x->count[w];
    while (*first > from && x->word[*first - 1] == x->word[*first])
        --*first;
    while (*last + 1 < to && x->word[*last + 1] == x->word[*last])
        ++*last;
}

static tn_status add_answer(answerer *r, size_t w, ranked c, tn_err *err)
{
    uint32_t first = second(r->x, w, c.a), last = second(r->x, w, c.b);
    if (!r->o->as_tokens)
        widen_to_words(r->x, w, &first, &last);
    tn_passage_answer x = {.score = c.score, .start = r->x->start[first], .end = r->x->end[last]};
    x.answer = tn_str_sub(r->passage, r->byte[x.start], r->byte[x.end]);
    tn_str folded;
    bool is_new;
    TN_TRY(fold(x.answer, &r->buffer, r->arena, &folded, err));
    uint64_t *at = tn_map_put(&r->seen, folded, r->answer.len, &is_new);
    if (!at)
        return tn_fail_nomem(err, sizeof(tn_map_entry));
    if (!is_new) {
        r->answer.ptr[*at].score += x.score;
        return TN_OK;
    }
    return TN_PUSH(&r->answer, x) ? TN_OK : tn_fail_nomem(err, sizeof x);
}

static tn_status answer_window(answerer *r, const float *logits, size_t w, tn_err *err)
{
    const tn_windows *x = r->x;
    uint32_t from = (uint32_t)x->first[w], to = from + (uint32_t)x->count[w];
    take_probabilities(r, logits + 2 * x->at[w], w);
    r->list.n = 0;
    for (uint32_t a = from; a < to; a++)
        for (uint32_t b = a; b < to && b - a < (uint32_t)r->max_answer; b++)
            if (r->p[2 * a] * r->p[2 * b + 1] > 0)
                offer(&r->list, r->p[2 * a] * r->p[2 * b + 1], a, b);
    for (size_t i = 0; i < r->list.n; i++)
        TN_TRY(add_answer(r, w, r->list.item[i], err));
    return TN_OK;
}

/* Where each code point begins, so that an answer costs no walk through the passage. */
static tn_status mark_points(answerer *r, tn_err *err)
{
    size_t n = tn_utf8_count(r->passage);
    if (!(r->byte = TN_ARENA_ARRAY(r->arena, size_t, n + 1)))
        return tn_fail_nomem(err, (n + 1) * sizeof *r->byte);
    for (size_t i = 0, at = 0; i < n; i++) {
        r->byte[i] = at;
        tn_utf8_next(r->passage, &at);
    }
    r->byte[n] = r->passage.len;
    return TN_OK;
}

static tn_status run_answerer(answerer *r, const float *logits, tn_arena *a, tn_passage_answer **out, size_t *n,
                              tn_err *err)
{
    size_t top = r->o->top_k > 0 ? (size_t)r->o->top_k : 1, longest = 0;
    for (size_t w = 0; w < r->x->n; w++)
        longest = r->x->at[w + 1] - r->x->at[w] > longest ? r->x->at[w + 1] - r->x->at[w] : longest;
    r->p = TN_ARENA_ARRAY(a, double, 2 * longest);
    /* Some fall together when they are widened to words. */
    r->list.k = r->o->as_tokens ? top : 2 * top + 10;
    r->list.item = TN_ARENA_ARRAY(a, ranked, r->list.k);
    *out = TN_ARENA_ARRAY(a, tn_passage_answer, top);
    if (!r->p || !r->list.item || !*out)
        return tn_fail_nomem(err, top * sizeof **out);
    TN_TRY(mark_points(r, err));
    for (size_t w = 0; w < r->x->n; w++)
        TN_TRY(answer_window(r, logits, w, err));
    if (r->o->impossible && !TN_PUSH(&r->answer, ((tn_passage_answer){.score = r->null, .answer = TN_STR("")})))
        return tn_fail_nomem(err, sizeof **out);
    shortlist best = {.item = TN_ARENA_ARRAY(a, ranked, top), .k = top};
    if (!best.item)
        return tn_fail_nomem(err, top * sizeof *best.item);
    for (size_t i = 0; i < r->answer.len; i++)
        offer(&best, r->answer.ptr[i].score, (uint32_t)i, 0);
    for (size_t i = 0; i < best.n; i++)
        (*out)[i] = r->answer.ptr[best.item[i].a];
    *n = best.n;
    return TN_OK;
}

tn_status tn_spans_answer(const tn_windows *x, tn_str passage, const float *logits, const tn_answer_options *o, tn_arena *a,
                          tn_passage_answer **out, size_t *n, tn_err *err)
{
    answerer r = {.x = x, .passage = passage, .o = o, .arena = a, .max_answer = o->max_answer_tokens > 0 ? o->max_answer_tokens : 15};
    *n = 0;
    tn_status st = run_answerer(&r, logits, a, out, n, err);
    TN_VEC_FREE(&r.answer);
    tn_map_free(&r.seen);
    tn_buf_free(&r.buffer);
    return st;
}

void tn_passage_answers_write(const tn_passage_answer *x, size_t n, tn_json_writer *w)
{
    if (n != 1)
        tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        tn_jw_begin_object(w);
        tn_jw_key(w, "score");
        tn_jw_f64(w, x[i].score);
        tn_jw_key(w, "start");
        tn_jw_u64(w, x[i].start);
        tn_jw_key(w, "end");
        tn_jw_u64(w, x[i].end);
        tn_jw_key(w, "answer");
        tn_jw_str(w, x[i].answer);
        tn_jw_end_object(w);
    }
    if (n != 1)
        tn_jw_end_array(w);
}

static tn_status read_options(const char *path, tn_answer_options *o, tn_arena *a, tn_err *err)
{
    tn_bytes text;
    const tn_json *v, *longest;
    int64_t n = 0;
    TN_TRY(tn_file_read(path, 1 << 20, a, &text, err));
    if (tn_json_parse(tn_str_from_bytes(text), a, &v, err) != TN_OK)
        return tn_fail_prefix(err, "%s:", path);
    longest = tn_json_get(v, "max_answer_length");
    if (!tn_json_bool(tn_json_get(v, "version_2_with_negative"), &o->impossible) || !tn_json_i64(longest, &n) || n < 1 || n > INT32_MAX)
        return tn_fail(err, TN_EFORMAT, "%s: \"version_2_with_negative\" must be true or false and \"max_answer_length\" a whole number from 1", path);
    o->max_answer_tokens = (int32_t)n;
    return TN_OK;
}

tn_status tn_answer_options_read(const char *dir, tn_answer_options *o, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    const char *path = a ? tn_path_join(a, dir, "question_answering.json") : NULL;
    tn_status st = path ? TN_OK : tn_fail_nomem(err, 256);
    if (st == TN_OK && tn_file_exists(path))
        st = read_options(path, o, a, err);
    tn_arena_free(a);
    return st;
}

/* ---- with a model ---- */

tn_status tn_model_span_logits(tn_model *m, const tn_windows *x, tn_arena *a, float **logits, tn_err *err)
{
    size_t n = x->at[x->n];
    if (tn_model_config(m)->task != TN_TASK_SPANS)
        return tn_fail(err, TN_EINVALID, "the model answers no questions: it has no head for first and last tokens");
    if (n > INT32_MAX)
        return tn_fail(err, TN_ELIMIT, "a passage of %zu tokens in all windows", n);
    int32_t *start = TN_ARENA_ARRAY(a, int32_t, x->n + 1), *type = TN_ARENA_ARRAY(a, int32_t, n);
    *logits = TN_ARENA_ARRAY(a, float, 2 * n);
    if (!start || !type || !*logits)
        return tn_fail_nomem(err, n * sizeof **logits);
    for (size_t w = 0; w <= x->n; w++)
        start[w] = (int32_t)x->at[w];
    for (size_t i = 0; i < n; i++)
        type[i] = x->type_ids[i];
    tn_batch b = {.n_rows = (int32_t)x->n, .start = start, .ids = (const int32_t *)x->ids,
                  .type_id = tn_model_uses_types(m) ? type : NULL};
    TN_TRY(tn_model_logits(m, &b, *logits, err));
    for (size_t i = 0; i < 2 * n; i++)
        if (!isfinite((*logits)[i]))
            return tn_fail(err, TN_EFORMAT, "the model's answer is not finite: its weights are damaged");
    return TN_OK;
}

tn_status tn_model_answer(tn_model *m, tn_str question, tn_str passage, const tn_answer_options *o, tn_arena *a,
                          tn_passage_answer **out, size_t *n, tn_err *err)
{
    tn_windows x;
    float *logits;
    *n = 0;
    if (tn_str_trim(question).len == 0 || tn_str_trim(passage).len == 0)
        return tn_fail(err, TN_EFORMAT, "the %s is blank", tn_str_trim(question).len ? "context" : "question");
    TN_TRY(tn_model_windows(m, question, passage, o->max_tokens, o->stride, a, &x, err));
    TN_TRY(tn_model_span_logits(m, &x, a, &logits, err));
    return tn_spans_answer(&x, passage, logits, o, a, out, n, err);
}
