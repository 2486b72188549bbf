/* Tagged words from a command line, for tests/parity/sequence_parity.py and words_parity.py: JSON lines in, JSON lines
 * out.
 *
 *   sequence     {"tags", "scheme" (a name, or null: the lenient mode alone), "rows": [[label, predicted], …]}, both
 * lists of indices of tags -> the metrics, types with their scores, and the lenient spans of the first list; null where
 *                it is refused
 *   load PATH    no input -> {"id", "split", "words", "tags"} of each sentence, then {"tags", "scheme", "findings"}
 *   baselines PATH   no input -> the scores of the commonest tags and of the linear tagger on the test part
 *   words FILE   {"words", "max_length"} -> {"ids", "word"}: of a tokenizer.json, word null for special tokens */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "codec/json.h"
#include "data/tokens.h"
#include "eval/tagger.h"
#include "text/tokenizer.h"

static tn_arena *arena;
static tn_err err;

static void need(tn_status st)
{
    if (st == TN_OK)
        return;
    fprintf(stderr, "%s\n", err.msg);
    exit(tn_exit_code(st));
}

static tn_str *texts_of(const tn_json *v, size_t *n)
{
    *n = tn_json_len(v);
    tn_str *out = TN_ARENA_ARRAY(arena, tn_str, *n);
    size_t i = 0;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        out[i++] = tn_json_str(c);
    return out;
}

static void put(tn_json_writer *w, const char *key, double v)
{
    tn_jw_key(w, key);
    tn_jw_f64(w, v);
}

static void put_types(const tn_tag_set *s, const double *sum, tn_json_writer *w)
{
    tn_jw_key(w, "types");
    tn_jw_begin_object(w);
    for (int32_t k = 0; k < s->n_types; k++) {
        tn_type_score t = tn_sequence_type_score(sum, k);
        if (t.support + t.n_predicted == 0)
            continue;
        tn_jw_key_str(w, s->type_name[k]);
        tn_jw_begin_object(w);
        put(w, "precision", t.precision);
        put(w, "recall", t.recall);
        put(w, "f1", t.f1);
        put(w, "support", (double)t.support);
        tn_jw_end_object(w);
    }
    tn_jw_end_object(w);
}

static void sequence(const tn_json *v, tn_json_writer *w)
{
    size_t n_tags, n_rows = tn_json_len(tn_json_get(v, "rows")), n = 0, r = 0;
    tn_str *tag = texts_of(tn_json_get(v, "tags"), &n_tags), scheme_name = tn_json_str(tn_json_get(v, "scheme"));
    bool lenient = scheme_name.len == 0;
    tn_scheme scheme = lenient ? TN_SCHEME_IOB2 : TN_SCHEME_PLAIN;
    for (int k = 0; k < TN_N_SCHEMES; k++)
        if (tn_str_is(scheme_name, tn_scheme_name((tn_scheme)k)))
            scheme = (tn_scheme)k;
    tn_tag_set s;
    if (tn_tag_set_make(tag, (int32_t)n_tags, scheme, lenient, arena, &s, &err) != TN_OK) {
        tn_jw_null(w);
        return;
    }
    for (const tn_json *row = tn_json_first(tn_json_get(v, "rows")); row; row = tn_json_next(row))
        n += tn_json_len(tn_json_first(row));
    size_t *start = TN_ARENA_ARRAY(arena, size_t, n_rows + 1);
    int32_t *tag_of[2] = {TN_ARENA_ARRAY(arena, int32_t, n), TN_ARENA_ARRAY(arena, int32_t, n)};
    n = 0;
    for (const tn_json *row = tn_json_first(tn_json_get(v, "rows")); row; row = tn_json_next(row)) {
        start[r++] = n;
        for (int side = 0; side < 2; side++) {
            size_t i = n;
            for (const tn_json *c = tn_json_first(tn_json_at(row, (size_t)side)); c; c = tn_json_next(c)) {
                int64_t x = 0;
                tn_json_i64(c, &x);
                tag_of[side][i++] = (int32_t)x;
            }
        }
        n += tn_json_len(tn_json_first(row));
    }
    start[r] = n;
    size_t width = (size_t)tn_sequence_width(&s);
    double *count = TN_ARENA_ARRAY(arena, double, n_rows *width), *sum = tn_arena_calloc(arena, width * sizeof(double));
    double value[TN_N_SEQUENCE];
    need(tn_sequence_counts(&s, &(tn_tagged){n_rows, start, tag_of[0], tag_of[1]}, count, &err));
    for (size_t i = 0; i < n_rows * width; i++)
        sum[i % width] += count[i];
    tn_sequence_values(&s, sum, (int32_t)n_rows, value);
    tn_jw_begin_object(w);
    for (int k = 0; k < TN_N_SEQUENCE; k++)
        put(w, tn_sequence_metric_name((tn_sequence_metric)k), value[k]);
    put_types(&s, sum, w);
    tn_tag_span *span = TN_ARENA_ARRAY(arena, tn_tag_span, n + 1);
    tn_jw_key(w, "spans");
    tn_jw_begin_array(w);
    size_t n_spans = n_rows ? tn_tag_spans(&s, tag_of[0], start[1], span) : 0;
    for (size_t i = 0; i < n_spans; i++) {
        tn_jw_begin_array(w);
        tn_jw_str(w, s.type_name[span[i].type < 0 ? 0 : span[i].type]);
        tn_jw_i64(w, span[i].from);
        tn_jw_i64(w, span[i].to - 1);
        tn_jw_end_array(w);
    }
    tn_jw_end_array(w);
    tn_jw_key(w, "detected");
    tn_jw_c(w, tn_scheme_name(tn_scheme_detect(tag, (int32_t)n_tags, start, n_rows, tag_of[0])));
    tn_jw_end_object(w);
}

static void words(const tn_tokenizer *t, const tn_json *v, tn_json_writer *w)
{
    size_t n;
    int64_t max_length = 0;
    tn_str *word = texts_of(tn_json_get(v, "words"), &n);
    tn_encoding x;
    tn_json_i64(tn_json_get(v, "max_length"), &max_length);
    need(tn_tokenizer_encode_words(t, word, n, &(tn_encode_options){.max_length = (uint32_t)max_length}, arena, &x,
                                   &err));
    tn_jw_begin_object(w);
    tn_jw_key(w, "ids");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < x.n; i++)
        tn_jw_i64(w, x.ids[i]);
    tn_jw_end_array(w);
    tn_jw_key(w, "word");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < x.n; i++)
        if (x.word[i] == TN_NO_WORD)
            tn_jw_null(w);
        else
            tn_jw_i64(w, x.word[i]);
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}

static void put_texts(tn_json_writer *w, const char *key, const tn_str *text, const int32_t *of, size_t from, size_t to)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (size_t i = from; i < to; i++)
        tn_jw_str(w, text[of ? (size_t)of[i] : i]);
    tn_jw_end_array(w);
}

static void load(const char *path)
{
    tn_dataset d;
    tn_tokens k;
    tn_findings f;
    tn_buf out = TN_BUF_INIT;
    tn_json_writer w;
    need(tn_findings_init(&f, &err));
    need(tn_tokens_load(&(tn_data_source){.path = path}, &d, &k, &f, &err));
    for (size_t r = 0; r < d.n_rows; r++) {
        tn_jw_init(&w, &out, 0);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "id");
        tn_jw_str(&w, d.row[r].id);
        tn_jw_key(&w, "split");
        tn_jw_c(&w, tn_split_name(d.row[r].split));
        put_texts(&w, "words", k.word, NULL, k.start[r], k.start[r + 1]);
        put_texts(&w, "tags", k.tag, k.tag_of, k.start[r], k.start[r + 1]);
        tn_jw_end_object(&w);
        tn_buf_char(&out, '\n');
    }
    tn_jw_init(&w, &out, 0);
    tn_jw_begin_object(&w);
    put_texts(&w, "tags", k.tag, NULL, 0, k.n_tags);
    tn_jw_key(&w, "scheme");
    tn_jw_c(&w, tn_scheme_name(k.scheme));
    tn_jw_key(&w, "findings");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < f.list.len; i++)
        tn_jw_str(&w, f.list.ptr[i].message);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    need(tn_buf_status(&out, &err));
    fwrite(out.ptr, 1, out.len, stdout);
    putchar('\n');
    tn_buf_free(&out);
    tn_findings_free(&f);
    tn_dataset_free(&d);
}

static void score(const char *name, const tn_tokens *k, const tn_tag_rows *x, const int32_t *guess)
{
    tn_tag_set s;
    double value[TN_N_SEQUENCE];
    need(tn_tag_set_make(k->tag, (int32_t)k->n_tags, k->scheme, false, arena, &s, &err));
    size_t width = (size_t)tn_sequence_width(&s);
    double *count = TN_ARENA_ARRAY(arena, double, x->n_rows *width),
           *sum = tn_arena_calloc(arena, width * sizeof(double));
    need(tn_sequence_counts(&s, &(tn_tagged){x->n_rows, x->start, x->tag, guess}, count, &err));
    for (size_t i = 0; i < x->n_rows * width; i++)
        sum[i % width] += count[i];
    tn_sequence_values(&s, sum, (int32_t)x->n_rows, value);
    printf("{\"name\":\"%s\"", name);
    for (int m = 0; m < TN_N_SEQUENCE; m++)
        printf(",\"%s\":%.4f", tn_sequence_metric_name((tn_sequence_metric)m), value[m]);
    printf("}\n");
}

static tn_tag_rows part_of(const tn_dataset *d, const tn_tokens *k, tn_split split)
{
    size_t n = 0, *start = TN_ARENA_ARRAY(arena, size_t, d->n_rows + 1);
    tn_str *word = TN_ARENA_ARRAY(arena, tn_str, k->start[d->n_rows]);
    int32_t *tag = TN_ARENA_ARRAY(arena, int32_t, k->start[d->n_rows]);
    tn_tag_rows x = {.start = start, .word = word, .tag = tag};
    for (size_t r = 0; r < d->n_rows; r++) {
        if (d->row[r].split != split)
            continue;
        start[x.n_rows++] = n;
        for (size_t i = k->start[r]; i < k->start[r + 1]; i++, n++)
            word[n] = k->word[i], tag[n] = k->tag_of[i];
    }
    start[x.n_rows] = n;
    return x;
}

static void baselines(const char *path)
{
    tn_dataset d;
    tn_tokens k;
    tn_tagger *t;
    need(tn_tokens_load(&(tn_data_source){.path = path}, &d, &k, NULL, &err));
    tn_tag_rows train = part_of(&d, &k, TN_SPLIT_TRAIN), test = part_of(&d, &k, TN_SPLIT_TEST);
    int32_t *guess = TN_ARENA_ARRAY(arena, int32_t, test.start[test.n_rows]);
    need(tn_frequent_tags(&train, (int32_t)k.n_tags, &test, guess, &err));
    score("frequent", &k, &test, guess);
    need(tn_tagger_fit(&train, (int32_t)k.n_tags, NULL, &t, &err));
    need(tn_tagger_tag(t, &test, guess, &err));
    score(tn_tagger_settings(t), &k, &test, guess);
    tn_tagger_free(t);
    tn_dataset_free(&d);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "load") == 0) {
        load(argv[2]);
        return 0;
    }
    arena = tn_arena_new(0);
    if (argc == 3 && strcmp(argv[1], "baselines") == 0) {
        baselines(argv[2]);
        return 0;
    }
    tn_arena *text = tn_arena_new(0);
    tn_bytes bytes;
    tn_str line;
    need(tn_file_read("-", (size_t)1 << 30, text, &bytes, &err));
    tn_str rest = tn_str_from_bytes(bytes);
    tn_buf out = TN_BUF_INIT;
    tn_json_writer w;
    tn_tokenizer *t = NULL;
    if (argc == 3 && strcmp(argv[1], "words") == 0)
        need(tn_tokenizer_open(argv[2], &t, &err));
    while (tn_str_cut(&rest, '\n', &line)) {
        const tn_json *v;
        if (line.len == 0)
            continue;
        need(tn_json_parse(line, arena, &v, &err));
        tn_buf_clear(&out);
        tn_jw_init(&w, &out, 0);
        if (argc == 2 && strcmp(argv[1], "sequence") == 0)
            sequence(v, &w);
        else if (t)
            words(t, v, &w);
        else
            return 2;
        need(tn_buf_status(&out, &err));
        printf("%.*s\n", (int)out.len, out.ptr);
        tn_arena_reset(arena);
    }
    tn_buf_free(&out);
    tn_tokenizer_free(t);
    tn_arena_free(text);
    tn_arena_free(arena);
    return 0;
}
