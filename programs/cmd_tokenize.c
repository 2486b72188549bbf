#include "commands.h"

#include "base/file.h"
#include "codec/json.h"
#include "text/tokenizer.h"

static tn_status write_line(const tn_tokenizer *t, tn_str text, bool plain, int64_t max_length, tn_arena *a, bool json,
                            tn_buf *out, tn_err *err)
{
    tn_encoding e;
    tn_encode_options options = {.plain = plain, .max_length = (uint32_t)max_length};
    TN_TRY(tn_tokenizer_encode(t, text, &options, a, &e, err));
    if (!json) {
        for (size_t i = 0; i < e.n; i++)
            tn_buf_printf(out, "%s%u %.*s", i ? "\t" : "", (unsigned)e.ids[i], TN_ARG(e.tokens[i]));
        tn_buf_char(out, '\n');
        return tn_buf_status(out, err);
    }
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "ids");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < e.n; i++)
        tn_jw_i64(&w, e.ids[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "tokens");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < e.n; i++)
        tn_jw_str(&w, e.tokens[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "offsets");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < e.n; i++) {
        tn_jw_begin_array(&w);
        tn_jw_i64(&w, e.start[i]);
        tn_jw_i64(&w, e.end[i]);
        tn_jw_end_array(&w);
    }
    tn_jw_end_array(&w);
    tn_jw_key(&w, "special");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < e.n; i++)
        tn_jw_i64(&w, e.special[i]);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}

static tn_status run(cli *c, tn_err *err)
{
    const char *dir;
    tn_str *texts;
    size_t n;
    int64_t max_length;
    tn_tokenizer *t = NULL;
    tn_buf out = TN_BUF_INIT;
    TN_TRY(cli_model_dir(c, c->arg[0], &dir, err));
    TN_TRY(cli_texts(c, &texts, &n, err));
    TN_TRY(cli_int(c, "max-length", 1, 1 << 20, 0, &max_length, err));
    tn_status st = TN_OK;
    const char *path = tn_path_join(c->arena, dir, "tokenizer.json");
    if (!path)
        return tn_fail_nomem(err, 64);
    TN_GO(tn_tokenizer_open(path, &t, err));
    for (size_t i = 0; i < n; i++) {
        tn_arena_mark mark = tn_arena_save(c->arena);
        TN_GO(tn_interrupt_check(err));
        TN_GO(write_line(t, texts[i], cli_get(c, "no-special") != NULL, max_length, c->arena, c->json, &out, err));
        TN_GO(cli_out(tn_buf_view(&out), err));
        tn_buf_clear(&out);
        tn_arena_restore(c->arena, mark);
    }
done:
    tn_buf_free(&out);
    tn_tokenizer_free(t);
    return st;
}

static const cli_option options[] = {
    CLI_TEXT_OPTIONS,
    {"no-special", 0, NULL, "leave out the tokens that the model puts around a text"},
    {"max-length", 0, "N", "cut to N tokens, special ones included; default: no cut"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_tokenize = {
    "tokenize", "MODEL --text T | --file F", "texts to token ids, exactly as the model's tokenizer.json says",
    "Prints ids and tokens, a line a text. With --json: {ids, tokens, offsets, special}, offsets in code points of the\n"
    "text. Truncation and padding stored in the tokenizer file are off unless asked for.",
    1, 1, options, run};
