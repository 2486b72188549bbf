#include "commands.h"

#include "model/model.h"

enum { CHUNK = 1024 }; /* texts a call: enough of each length to fill forward passes */

static void write_row(const float *row, int32_t width, bool json, tn_buf *out)
{
    if (json) {
        tn_json_writer w;
        tn_jw_init(&w, out, 0);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "embedding");
        tn_jw_begin_array(&w);
        for (int32_t i = 0; i < width; i++)
            tn_jw_f32(&w, row[i]);
        tn_jw_end_array(&w);
        tn_jw_end_object(&w);
    } else {
        for (int32_t i = 0; i < width; i++) {
            if (i)
                tn_buf_char(out, ' ');
            tn_buf_f32(out, row[i]);
        }
    }
    tn_buf_char(out, '\n');
}

static tn_status run(cli *c, tn_err *err)
{
    const char *dir, *base;
    tn_str *texts;
    size_t n, n_cut = 0, cut;
    tn_engine *engine = NULL;
    tn_model *model = NULL;
    tn_buf out = TN_BUF_INIT;
    TN_TRY(cli_model_dir(c, c->arg[0], &dir, err));
    TN_TRY(cli_base(c, dir, &base, err));
    TN_TRY(cli_texts(c, &texts, &n, err));
    tn_status st = TN_OK;
    TN_GO(cli_engine(c, &engine, err));
    TN_GO(tn_model_open(engine, dir, &(tn_model_options){.encoder_only = true, .base = base}, &model, err));
    int32_t width = tn_model_config(model)->hidden_size;
    float *vector = TN_ARENA_ARRAY(c->arena, float, (size_t)width * CHUNK);
    if (!vector) {
        st = tn_fail_nomem(err, (size_t)width * CHUNK * sizeof *vector);
        goto done;
    }
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t m = n - i < CHUNK ? n - i : CHUNK;
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_embed_texts(model, texts + i, m, vector, &cut, err));
        n_cut += cut;
        for (size_t k = 0; k < m; k++)
            write_row(vector + k * (size_t)width, width, c->json, &out);
        TN_GO(tn_buf_status(&out, err));
        TN_GO(cli_out(tn_buf_view(&out), err));
        tn_buf_clear(&out);
    }
    if (n_cut)
        tn_progress_say(&c->progress, "%zu of %zu texts were longer than %d tokens and were cut", n_cut, n,
                        (int)tn_model_max_tokens(model));
done:
    tn_buf_free(&out);
    tn_model_close(model);
    tn_engine_free(engine);
    return st;
}

static const cli_option options[] = {CLI_TEXT_OPTIONS, CLI_BASE_OPTION, {NULL, 0, NULL, NULL}};

const cli_command cmd_embed = {
    "embed", "MODEL --text T | --file F", "texts to vectors, pooled and normalised as the model's folder says",
    "Prints a vector a line; with --json {embedding: [...]}. No prefix is added: models such as e5 want \"query: \" or\n"
    "\"passage: \" before a text for retrieval, and that is the caller's to write.",
    1, 1, options, run};
