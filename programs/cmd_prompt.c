#include "commands.h"

#include "base/file.h"
#include "flow/prompt.h"
#include "hub/at_hand.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BRIEF_FILE = 2 << 20 }; /* the brief's own bound is tighter and says more */

/* Who counts: --tokenizer (a tokenizer.json, a folder with one, a run, a model at hand), or else a model at hand. */
static tn_status open_tokenizer(cli *c, tn_tokenizer **t, const char **name, tn_err *err)
{
    const char *dir, *spec = cli_get(c, "tokenizer");
    if (!spec) {
        TN_TRY(tn_hub_any_tokenizer(&(tn_hub_where){0}, c->arena, t, name, err));
        if (!*name && cli_get(c, "budget"))
            return tn_fail(err, TN_ENOENT, "--budget counts tokens with a real tokenizer and no model is at hand; name one with --tokenizer: a "
                           "tokenizer.json, a model folder or a model of `tenet hub ls`");
        return TN_OK;
    }
    *name = spec;
    if (tn_file_exists(spec) && !tn_file_is_dir(spec))
        return tn_tokenizer_open(spec, t, err);
    const char *own = tn_path_join(c->arena, spec, "tokenizer.json");
    if (own && tn_file_exists(own))
        return tn_tokenizer_open(own, t, err);
    TN_TRY(cli_model_dir(c, spec, &dir, err));
    return tn_tokenizer_open(dir, t, err);
}

static void say_what_left(const tn_prompt *p, const tn_prompt_input *in, const char *tokenizer)
{
    const char *before = "; left out for the budget: ";
    fprintf(stderr, "%zu tokens by %s", p->n_tokens, tokenizer);
    for (size_t i = 0; i < p->context.n_left; i++)
        if (p->context.left[i].reason == TN_LEFT_LENGTH) {
            fprintf(stderr, "%s%.*s", before, TN_ARG(p->context.left[i].rule->id));
            before = ", ";
        }
    fputc('\n', stderr);
}

static tn_status run(cli *c, tn_err *err)
{
    const char *path = c->arg[0], *tokenizer = NULL;
    int64_t budget;
    tn_bytes bytes;
    tn_brief brief = TN_BRIEF_INIT;
    tn_tokenizer *t = NULL;
    tn_prompt prompt;
    tn_buf b = TN_BUF_INIT;
    tn_prompt_input in = {.brief = &brief, .host = cli_get(c, "for")};
    TN_TRY(cli_int(c, "budget", 1, 100000000, 0, &budget, err));
    in.budget = (size_t)budget;
    TN_TRY(tn_file_read(path, MAX_BRIEF_FILE, c->arena, &bytes, err));
    TN_TRY(cli_rules(c, strcmp(path, "-") == 0 ? "." : path, &in.rules, err));
    tn_status st = tn_brief_parse_in(tn_str_from_bytes(bytes), path, tn_rules_settings(in.rules)->defaults, c->arena, &brief, err);
    if (st == TN_OK && (budget || c->json || cli_get(c, "tokenizer")))
        st = open_tokenizer(c, &t, &tokenizer, err);
    if (st != TN_OK)
        goto done;
    in.tokenizer = t;
    st = tn_prompt_compose(&in, c->arena, &prompt, err);
    if (st == TN_ERULE)
        tn_fail_prefix(err, "%s", path);
    if (st != TN_OK)
        goto done;
    uint32_t line, column, cp;
    if (!c->quiet && tn_prompt_unseen(tn_str_from_bytes(bytes), &line, &column, &cp))
        fprintf(stderr, "%s:%u:%u: U+%04X is not seen by a reader, but by a model; it is kept: look whether it is yours\n", path, line, column, cp);
    if (t && !c->quiet && !c->json)
        say_what_left(&prompt, &in, tokenizer);
    if (c->json) {
        tn_json_writer w;
        tn_jw_init(&w, &b, 0);
        tn_prompt_write_json(&prompt, &in, tokenizer, &w);
        tn_buf_char(&b, '\n');
    } else {
        tn_buf_str(&b, prompt.text);
    }
    st = cli_write(cli_get(c, "output"), &b, err);
done:
    tn_brief_free(&brief);
    tn_tokenizer_free(t);
    return st;
}

static const cli_option options[] = {
    {"for", 0, "NAME", "whom it is for: markdown, claude, cursor, copilot, gemini, windsurf, chatgpt, codex"},
    {"budget", 'b', "N", "tokens at most; advice leaves first, then warnings, never errors or your words"},
    {"tokenizer", 0, "MODEL", "who counts: a tokenizer.json, a folder, a run or a model at hand; default: the first model at hand"},
    {"output", 'o', "FILE", "write here instead of to standard output"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_prompt = {
    "prompt", "BRIEF|-", "your brief and the rules it needs as one prompt: who, how, what, why, where, when",
    "Your words are quoted unchanged. --for changes the wrapping, never a word. With --json: {prompt, tokens, tokenizer,\n"
    "parts, rules, left_out ...}. Ends with 1 when the budget is too small for the errors and your words.",
    1, 1, options, run};
