/* What `tenet predict` does with a model that tags words: spans of texts as the transformers pipeline gives them, and files
 * of words with their tags. */
#include "predict_tags.h"

#include "base/file.h"
#include "data/tokens.h"
#include "model/tags.h"

enum { CHUNK = 256 }; /* texts, or sentences, a call */

static void write_line(const tn_text_spans *s, tn_aggregation how, bool json, tn_buf *out)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    if (json)
        tn_jw_begin_array(&w);
    for (size_t i = 0; i < s->n; i++) {
        const tn_text_span *x = &s->span[i];
        if (json)
            tn_text_span_write(x, how, &w);
        else
            tn_buf_printf(out, "%s%.*s\t%.4f\t%u-%u\t%.*s", i ? "\t" : "", TN_ARG(x->entity), (double)x->score, x->start, x->end, TN_ARG(x->word));
    }
    if (json)
        tn_jw_end_array(&w);
    tn_buf_char(out, '\n');
}

tn_status predict_tag_texts(cli *c, tn_model *m, tn_err *err)
{
    tn_str *text;
    size_t n, n_cut = 0;
    const char *name = cli_get(c, "aggregation");
    tn_aggregation how = TN_AGGREGATE_NONE;
    if (name && !tn_aggregation_parse(tn_str_of(name), &how))
        return tn_fail(err, TN_EINVALID, "--aggregation is none, simple, first, average or max, not \"%s\"", name);
    TN_TRY(cli_texts(c, &text, &n, err));
    tn_buf out = TN_BUF_INIT;
    tn_status st = TN_OK;
    tn_arena *a = tn_arena_new(0);
    if (!a)
        return tn_fail_nomem(err, 65536);
    for (size_t i = 0; i < n; i++) {
        tn_text_spans spans;
        tn_arena_reset(a);
        TN_GO(tn_interrupt_check(err));
        st = tn_model_find_spans(m, text + i, 1, how, a, &spans, err);
        if (st != TN_OK) {
            tn_fail_prefix(err, "input %zu", i + 1);
            goto done;
        }
        n_cut += spans.cut;
        write_line(&spans, how, c->json, &out);
        if (out.len > 1 << 16 || i + 1 == n) {
            TN_GO(tn_buf_status(&out, err));
            TN_GO(cli_out(tn_buf_view(&out), err));
            tn_buf_clear(&out);
        }
    }
    if (n_cut)
        tn_progress_say(&c->progress, "%zu of %zu texts were longer than %d tokens and were cut", n_cut, n, (int)tn_model_max_tokens(m));
done:
    tn_buf_free(&out);
    tn_arena_free(a);
    return st;
}

/* ---- files ---- */

typedef struct {
    const tn_dataset *d;
    const tn_tokens *k;
    const tn_config *config;
    tn_str unseen; /* tag of a word that the model does not see */
} tags_file;

static void put_conll(const tags_file *f, size_t row, const int32_t *tag, tn_buf *out)
{
    for (size_t i = f->k->start[row]; i < f->k->start[row + 1]; i++, tag++) {
        tn_buf_str(out, f->k->word[i]);
        tn_buf_char(out, '\t');
        tn_buf_str(out, *tag < 0 ? f->unseen : f->config->label[*tag]);
        tn_buf_char(out, '\n');
    }
    tn_buf_char(out, '\n');
}

static void put_json(const tags_file *f, size_t row, const int32_t *tag, const float *score, tn_buf *out)
{
    size_t from = f->k->start[row], to = f->k->start[row + 1];
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "id");
    tn_jw_str(&w, f->d->row[row].id);
    tn_jw_key(&w, "tokens");
    tn_jw_begin_array(&w);
    for (size_t i = from; i < to; i++)
        tn_jw_str(&w, f->k->word[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "tags");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < to - from; i++)
        tn_jw_str(&w, tag[i] < 0 ? f->unseen : f->config->label[tag[i]]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "scores");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < to - from; i++)
        tn_jw_f32(&w, score[i]);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
}

/* The label O, or the first one. */
static tn_str unseen_tag(const tn_config *k)
{
    for (int32_t i = 0; i < k->n_labels; i++)
        if (tn_str_is(k->label[i], "O"))
            return k->label[i];
    return k->label[0];
}

tn_status predict_tag_file(cli *c, tn_model *m, const char *path, tn_err *err)
{
    tn_dataset d = {0};
    tn_tokens k;
    tn_findings findings = {0};
    tn_buf out = TN_BUF_INIT;
    tn_status st = TN_OK;
    const char *file = cli_get(c, "output");
    tn_str like = tn_str_of(file ? file : path);
    bool json = c->json || tn_str_ends(like, ".jsonl") || tn_str_ends(like, ".ndjson") || tn_str_ends(like, ".json");
    size_t n_lost = 0;
    TN_GO(tn_findings_init(&findings, err));
    TN_GO(tn_tokens_load(&(tn_data_source){.path = path, .text = cli_get(c, "text-column"), .use = TN_DATA_PREDICT}, &d, &k, &findings, err));
    tags_file f = {&d, &k, tn_model_config(m), unseen_tag(tn_model_config(m))};
    for (size_t r = 0; r < d.n_rows; r += CHUNK) {
        size_t n = d.n_rows - r < CHUNK ? d.n_rows - r : CHUNK, from = k.start[r], lost, start[CHUNK + 1];
        for (size_t j = 0; j <= n; j++)
            start[j] = k.start[r + j] - from;
        int32_t *tag = TN_ARENA_ARRAY(d.arena, int32_t, start[n]);
        float *score = TN_ARENA_ARRAY(d.arena, float, start[n]);
        if (!tag || !score) {
            st = tn_fail_nomem(err, start[n] * sizeof *tag);
            goto done;
        }
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_tag_words(m, &(tn_words){n, start, k.word + from}, 0, tag, score, &lost, err));
        n_lost += lost;
        for (size_t j = 0; j < n; j++) {
            if (json)
                put_json(&f, r + j, tag + start[j], score + start[j], &out);
            else
                put_conll(&f, r + j, tag + start[j], &out);
        }
        tn_progress_show(&c->progress, "predicting", r + n, d.n_rows, NULL);
    }
    TN_GO(tn_buf_status(&out, err));
    if (file)
        TN_GO(tn_file_write(file, tn_str_bytes(tn_buf_view(&out)), err));
    else
        TN_GO(cli_out(tn_buf_view(&out), err));
    if (n_lost)
        tn_progress_say(&c->progress, "%zu words were not seen (rows over %d tokens, or nothing that the tokenizer keeps): they are tagged %.*s", n_lost,
                        (int)tn_model_max_tokens(m), TN_ARG(f.unseen));
done:
    tn_buf_free(&out);
    tn_dataset_free(&d);
    tn_findings_free(&findings);
    return st;
}
