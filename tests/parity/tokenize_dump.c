/* tokenize_dump TOKENIZER.json < requests.jsonl > answers.jsonl: drives a tokenizer for tokenizer_parity.py.
 *
 * A request is {"text", "pair"?, "plain"?, "max_length"?, "cut_left"?, "only_first"?}, or with "stride" {"text",
 * "pair", "max_length", "stride"} for windows; the answer {"ids", "tokens",
 * "offsets", "special", "types", "unknown", "words", "text", "text_skip"} or {"error"}. Each single text is also
 * encoded for its ids alone, which must agree. `tokenize_dump TOKENIZER.json FILE SECONDS` measures instead: MB/s over
 * the file's lines, ids alone and with offsets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "codec/json.h"
#include "text/tokenizer.h"

static void list_u32(tn_json_writer *w, const char *key, const uint32_t *v, size_t n)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_u64(w, v[i]);
    tn_jw_end_array(w);
}

static void write_answer(const tn_tokenizer *t, const tn_encoding *x, tn_arena *a, tn_json_writer *w)
{
    tn_err err = TN_ERR_INIT;
    list_u32(w, "ids", x->ids, x->n);
    tn_jw_key(w, "tokens");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < x->n; i++)
        tn_jw_str(w, x->tokens[i]);
    tn_jw_end_array(w);
    tn_jw_key(w, "offsets");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < x->n; i++) {
        tn_jw_begin_array(w);
        tn_jw_u64(w, x->start[i]);
        tn_jw_u64(w, x->end[i]);
        tn_jw_end_array(w);
    }
    tn_jw_end_array(w);
    uint32_t *v = TN_ARENA_ARRAY(a, uint32_t, x->n + 1);
    for (size_t i = 0; v && i < x->n; i++)
        v[i] = x->special[i];
    list_u32(w, "special", v, x->n);
    for (size_t i = 0; v && i < x->n; i++)
        v[i] = x->type_ids[i];
    list_u32(w, "types", v, x->n);
    tn_jw_key(w, "unknown");
    tn_jw_u64(w, x->n_unknown);
    tn_jw_key(w, "words");
    tn_jw_u64(w, x->n_words);
    for (int skip = 0; skip < 2; skip++) {
        tn_str text;
        if (tn_tokenizer_decode(t, x->ids, x->n, skip, a, &text, &err) != TN_OK)
            continue;
        tn_jw_key(w, skip ? "text_skip" : "text");
        tn_jw_str(w, text);
    }
}

/* {"windows": [[id, ...], ...], "types": the same, "spans": of each window [[start, end, word], ...] of its second text} */
static tn_status write_windows(const tn_tokenizer *t, tn_str first, tn_str second, const tn_window_options *o, tn_arena *a,
                               tn_json_writer *w, tn_err *err)
{
    static const char *const key[] = {"windows", "types", "spans"};
    tn_windows x;
    TN_TRY(tn_tokenizer_encode_windows(t, first, second, o, a, &x, err));
    for (int k = 0; k < 3; k++) {
        tn_jw_key(w, key[k]);
        tn_jw_begin_array(w);
        for (size_t i = 0; i < x.n; i++) {
            tn_jw_begin_array(w);
            for (size_t j = x.at[i]; k < 2 && j < x.at[i + 1]; j++)
                tn_jw_u64(w, k ? x.type_ids[j] : x.ids[j]);
            for (size_t j = x.from[i]; k == 2 && j < x.from[i] + x.count[i]; j++) {
                tn_jw_begin_array(w);
                tn_jw_u64(w, x.start[j]);
                tn_jw_u64(w, x.end[j]);
                tn_jw_u64(w, x.word[j]);
                tn_jw_end_array(w);
            }
            tn_jw_end_array(w);
        }
        tn_jw_end_array(w);
    }
    tn_jw_key(w, "first");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < x.n; i++)
        tn_jw_u64(w, x.first[i]);
    tn_jw_end_array(w);
    return TN_OK;
}

static tn_status answer(const tn_tokenizer *t, tn_str line, tn_arena *a, tn_json_writer *w, tn_err *err)
{
    const tn_json *r, *v;
    tn_encode_options o = {0};
    tn_encoding x;
    int64_t max = 0;
    TN_TRY(tn_json_parse(line, a, &r, err));
    tn_json_bool(tn_json_get(r, "plain"), &o.plain);
    tn_json_bool(tn_json_get(r, "cut_left"), &o.cut_left);
    tn_json_bool(tn_json_get(r, "only_first"), &o.only_first);
    if (tn_json_i64(tn_json_get(r, "max_length"), &max))
        o.max_length = (uint32_t)max;
    tn_str text = tn_json_str(tn_json_get(r, "text"));
    int64_t stride;
    if (tn_json_i64(tn_json_get(r, "stride"), &stride))
        return write_windows(t, text, tn_json_str(tn_json_get(r, "pair")),
                             &(tn_window_options){.max_length = o.max_length, .stride = (uint32_t)stride}, a, w, err);
    if ((v = tn_json_get(r, "pair"))) {
        TN_TRY(tn_tokenizer_encode_pair(t, text, tn_json_str(v), &o, a, &x, err));
    } else {
        uint32_t *ids;
        size_t n;
        TN_TRY(tn_tokenizer_encode(t, text, &o, a, &x, err));
        TN_TRY(tn_tokenizer_ids(t, text, &o, a, &ids, &n, err));
        if (n != x.n || memcmp(ids, x.ids, n * sizeof *ids))
            return tn_fail(err, TN_EBUG, "ids alone differ from ids with offsets");
    }
    write_answer(t, &x, a, w);
    return TN_OK;
}

static int measure(const tn_tokenizer *t, const char *path, double seconds)
{
    tn_err err = TN_ERR_INIT;
    tn_file f;
    tn_arena *a = tn_arena_new(0);
    if (tn_file_open(path, &f, &err) != TN_OK)
        return fprintf(stderr, "%s\n", err.msg), 2;
    for (int full = 0; full < 2; full++) {
        double start = tn_clock_seconds(), took;
        size_t rounds = 0, tokens = 0;
        do {
            tn_str rest = tn_str_from_bytes(f.bytes), line;
            while (tn_str_cut(&rest, '\n', &line)) {
                tn_encoding x;
                uint32_t *ids;
                size_t n;
                tn_status st = full ? tn_tokenizer_encode(t, line, NULL, a, &x, &err)
                                    : tn_tokenizer_ids(t, line, NULL, a, &ids, &n, &err);
                if (st != TN_OK)
                    return fprintf(stderr, "%s\n", err.msg), 2;
                tokens += full ? x.n : n;
                tn_arena_reset(a);
            }
            rounds++;
        } while ((took = tn_clock_seconds() - start) < seconds);
        printf("{\"what\":\"%s\",\"mb_per_s\":%.1f,\"tokens_per_s\":%.0f}\n", full ? "offsets" : "ids",
               (double)f.bytes.len * (double)rounds / took / 1e6, (double)tokens / took);
    }
    tn_file_close(&f);
    tn_arena_free(a);
    return 0;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    tn_tokenizer *t;
    double start = tn_clock_seconds();
    if (argc < 2 || tn_tokenizer_open(argv[1], &t, &err) != TN_OK) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: tokenize_dump TOKENIZER.json [FILE SECONDS]" : err.msg);
        return 2;
    }
    if (argc == 4) {
        printf("{\"what\":\"open\",\"ms\":%.2f}\n", (tn_clock_seconds() - start) * 1e3);
        int rc = measure(t, argv[2], atof(argv[3]));
        tn_tokenizer_free(t);
        return rc;
    }
    tn_arena *a = tn_arena_new(0);
    tn_buf out = TN_BUF_INIT;
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0; tn_arena_reset(a)) {
        tn_json_writer w;
        tn_buf_clear(&out);
        tn_jw_init(&w, &out, 0);
        tn_jw_begin_object(&w);
        if (answer(t, (tn_str){line, (size_t)n}, a, &w, &err) != TN_OK) {
            tn_jw_key(&w, "error");
            tn_jw_c(&w, err.msg);
        }
        tn_jw_end_object(&w);
        tn_buf_char(&out, '\n');
        fwrite(out.ptr, 1, out.len, stdout);
    }
    free(line);
    tn_buf_free(&out);
    tn_arena_free(a);
    tn_tokenizer_free(t);
    return 0;
}
