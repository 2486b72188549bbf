/* squad_cli < requests.jsonl > answers.jsonl: scores and spans for squad_parity.py. A request is
 *   {"predicted", "right": [...]}                                        -> {"exact", "f1"}
 *   {"passage", "first", "from": [...], "count": [...], "length": [...], "start": [...], "end": [...], "word": [...],
 *    "logits": [[start, end], ...], "impossible"}                        -> {"spans": [[start, end, score, probability], ...],
 *    "best", "difference" or null, "answers": [[score, start, end], ...]} */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "metric/answers.h"
#include "model/spans.h"

static size_t *sizes(const tn_json *v, tn_arena *a)
{
    size_t *out = TN_ARENA_ARRAY(a, size_t, tn_json_len(v)), n = 0;
    for (const tn_json *c = tn_json_first(v); out && c; c = tn_json_next(c)) {
        int64_t x = 0;
        tn_json_i64(c, &x);
        out[n++] = (size_t)x;
    }
    return out;
}

static uint32_t *words(const tn_json *v, tn_arena *a)
{
    size_t *from = sizes(v, a);
    uint32_t *out = TN_ARENA_ARRAY(a, uint32_t, tn_json_len(v));
    for (size_t i = 0; i < tn_json_len(v); i++)
        out[i] = (uint32_t)from[i];
    return out;
}

static tn_status write_score(const tn_json *r, tn_arena *a, tn_json_writer *w, tn_err *err)
{
    const tn_json *right = tn_json_get(r, "right");
    tn_str *text = TN_ARENA_ARRAY(a, tn_str, tn_json_len(right));
    size_t n = 0;
    tn_answer_score s;
    for (const tn_json *v = tn_json_first(right); v; v = tn_json_next(v))
        text[n++] = tn_json_str(v);
    TN_TRY(tn_answer_score_of(tn_json_str(tn_json_get(r, "predicted")), text, n, &s, err));
    tn_jw_key(w, "exact");
    tn_jw_f64(w, s.exact);
    tn_jw_key(w, "f1");
    tn_jw_f64(w, s.f1);
    return TN_OK;
}

static void list(tn_json_writer *w, const double *v, size_t n)
{
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_f64(w, v[i]);
    tn_jw_end_array(w);
}

static tn_status write_spans(const tn_json *r, tn_arena *a, tn_json_writer *w, tn_err *err)
{
    const tn_json *logits = tn_json_get(r, "logits"), *length = tn_json_get(r, "length");
    size_t n = tn_json_len(length), *size = sizes(length, a), i = 0;
    tn_windows x = {.n = n, .at = TN_ARENA_ARRAY(a, size_t, n + 1), .first = sizes(tn_json_get(r, "first"), a),
                    .from = sizes(tn_json_get(r, "from"), a), .count = sizes(tn_json_get(r, "count"), a),
                    .n_second = tn_json_len(tn_json_get(r, "start")), .start = words(tn_json_get(r, "start"), a),
                    .end = words(tn_json_get(r, "end"), a), .word = words(tn_json_get(r, "word"), a)};
    float *z = TN_ARENA_ARRAY(a, float, 2 * tn_json_len(logits));
    bool impossible = false;
    tn_json_bool(tn_json_get(r, "impossible"), &impossible);
    x.at[0] = 0;
    for (size_t k = 0; k < n; k++)
        x.at[k + 1] = x.at[k] + size[k];
    for (const tn_json *c = tn_json_first(logits); c; c = tn_json_next(c))
        for (const tn_json *v = tn_json_first(c); v; v = tn_json_next(v)) {
            double d = 0;
            tn_json_f64(v, &d);
            z[i++] = (float)d;
        }
    tn_spans s;
    tn_passage_answer *answer;
    TN_TRY(tn_spans_best(&x, z, &(tn_spans_options){.impossible = impossible}, a, &s, err));
    TN_TRY(tn_spans_answer(&x, tn_json_str(tn_json_get(r, "passage")), z, &(tn_answer_options){.top_k = 5, .impossible = impossible}, a, &answer, &n, err));
    tn_jw_key(w, "spans");
    tn_jw_begin_array(w);
    for (size_t k = 0; k < s.n; k++)
        list(w, (double[]){s.span[k].start, s.span[k].end, (double)s.span[k].score, s.span[k].probability}, 4);
    tn_jw_end_array(w);
    tn_jw_key(w, "best");
    tn_jw_u64(w, s.best);
    tn_jw_key(w, "difference");
    tn_jw_f64(w, s.difference);
    tn_jw_key(w, "answers");
    tn_jw_begin_array(w);
    for (size_t k = 0; k < n; k++)
        list(w, (double[]){answer[k].score, answer[k].start, answer[k].end}, 3);
    tn_jw_end_array(w);
    return TN_OK;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    tn_arena *a = tn_arena_new(0);
    tn_buf out = TN_BUF_INIT;
    while ((n = getline(&line, &room, stdin)) > 0) {
        tn_err err = TN_ERR_INIT;
        const tn_json *r;
        tn_json_writer w;
        tn_arena_reset(a);
        tn_buf_clear(&out);
        tn_jw_init(&w, &out, 0);
        tn_jw_begin_object(&w);
        tn_status st = tn_json_parse((tn_str){line, (size_t)n}, a, &r, &err);
        if (st == TN_OK)
            st = tn_json_get(r, "predicted") ? write_score(r, a, &w, &err) : write_spans(r, a, &w, &err);
        if (st != TN_OK)
            return fprintf(stderr, "%s\n", err.msg), 1;
        tn_jw_end_object(&w);
        printf("%.*s\n", (int)out.len, out.ptr);
    }
    free(line);
    tn_buf_free(&out);
    tn_arena_free(a);
    return 0;
}
