#include "cli.h"

#include "base/file.h"
#include "hub/at_hand.h"
#include "model/lora.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cli_get(const cli *c, const char *option)
{
    for (int i = 0; c->command->options && c->command->options[i].name; i++)
        if (strcmp(c->command->options[i].name, option) == 0)
            return c->value[i];
    TN_ASSERT(!"an option that the command's table has");
    return NULL;
}

tn_status cli_int(const cli *c, const char *option, int64_t min, int64_t max, int64_t fallback, int64_t *out, tn_err *err)
{
    const char *text = cli_get(c, option);
    *out = fallback;
    if (!text)
        return TN_OK;
    if (!tn_str_to_i64(tn_str_of(text), out) || *out < min || *out > max)
        return tn_fail(err, TN_EINVALID, "--%s wants a whole number from %lld to %lld, not \"%s\"", option,
                       (long long)min, (long long)max, text);
    return TN_OK;
}

tn_status cli_engine(const cli *c, tn_engine **out, tn_err *err)
{
    TN_TRY(tn_engine_new(c->threads, c->isa, out, err));
    tn_engine_set_peers(*out, c->peers);
    return TN_OK;
}

tn_status cli_rules(const cli *c, const char *path, const tn_rules **rules, tn_err *err)
{
    const char *project;
    char today[11];
    size_t n;
    path = path ? path : ".";
    if (!tn_file_exists(path))
        return tn_fail(err, TN_ENOENT, "%s is not there", path);
    tn_rules_today(today);
    TN_TRY(tn_rules_project(path, c->arena, &project, err));
    TN_TRY(tn_rules_load(project, today, c->arena, rules, err));
    const tn_finding *problem = tn_rules_problems(*rules, &n);
    for (size_t i = 0; i < n && !c->quiet; i++)
        fprintf(stderr, "%.*s:%u: %.*s\n", TN_ARG(problem[i].path), problem[i].line, TN_ARG(problem[i].message));
    return TN_OK;
}

const char *cli_folder(const cli *c, const char *name)
{
    tn_str s = tn_str_of(name);
    while (s.len > 1 && s.ptr[s.len - 1] == '/')
        s.len--;
    return tn_str_c(c->arena, s);
}

const char *cli_quoted(const cli *c, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,=";
    if (path[strspn(path, plain)] == 0)
        return path;
    tn_buf b = TN_BUF_INIT;
    tn_buf_char(&b, '\'');
    for (; *path; path++)
        if (*path == '\'')
            tn_buf_c(&b, "'\\''");
        else
            tn_buf_char(&b, *path);
    tn_buf_char(&b, '\'');
    const char *quoted = tn_str_c(c->arena, tn_buf_view(&b));
    tn_buf_free(&b);
    return quoted ? quoted : "PATH";
}

tn_status cli_out(tn_str text, tn_err *err)
{
    if ((text.len && fwrite(text.ptr, 1, text.len, stdout) != text.len) || fflush(stdout) != 0)
        return tn_fail(err, TN_EIO, "cannot write to standard output: %s", strerror(errno));
    return TN_OK;
}

tn_status cli_write(const char *file, tn_buf *text, tn_err *err)
{
    tn_status st = tn_buf_status(text, err);
    if (st == TN_OK)
        st = file ? tn_file_write(file, tn_str_bytes(tn_buf_view(text)), err) : cli_out(tn_buf_view(text), err);
    tn_buf_free(text);
    return st;
}

/* 256 MiB of input in one go; larger inputs go through `predict data.csv`. */
enum { MAX_TEXT_BYTES = 256 << 20 };

static tn_status text_of_object(tn_str line, size_t number, const char *file, tn_arena *a, tn_str *out, tn_str *pair, tn_err *err)
{
    const tn_json *v;
    if (tn_json_parse(line, a, &v, err) != TN_OK)
        return tn_fail_prefix(err, "%s:%zu", file, number);
    const tn_json *text = tn_json_get(v, "text");
    if (!text || tn_json_type(text) != TN_JSON_STRING)
        return tn_fail(err, TN_EFORMAT, "%s:%zu: an object with a string \"text\" was expected", file, number);
    *out = tn_json_str(text);
    const tn_json *second = tn_json_get(v, "text_pair");
    if (second && tn_json_type(second) != TN_JSON_STRING)
        return tn_fail(err, TN_EFORMAT, "%s:%zu: \"text_pair\" must be a string", file, number);
    *pair = second ? tn_json_str(second) : (tn_str){0};
    return TN_OK;
}

tn_status cli_texts(const cli *c, tn_str **texts, size_t *n, tn_err *err)
{
    return cli_pairs(c, texts, NULL, n, err);
}

tn_status cli_pairs(const cli *c, tn_str **texts, tn_str **pairs, size_t *n, tn_err *err)
{
    const char *text = cli_get(c, "text"), *file = cli_get(c, "file"), *input = cli_get(c, "input"), *second = pairs ? cli_get(c, "pair") : NULL;
    TN_VEC(tn_str) list = {0}, seconds = {0};
    tn_status st = TN_OK;
    if (!text && !file)
        return tn_fail(err, TN_EINVALID, "nothing to read: give --text TEXT, or --file FILE (- reads stdin)");
    if (input && strcmp(input, "lines") != 0 && strcmp(input, "jsonl") != 0)
        return tn_fail(err, TN_EINVALID, "--input is lines or jsonl, not \"%s\"", input);
    if (second && !text)
        return tn_fail(err, TN_EINVALID, "--pair goes with --text; in a file, each object has text and text_pair");
    if (text && (!TN_PUSH(&list, tn_str_of(text)) || !TN_PUSH(&seconds, second ? tn_str_of(second) : (tn_str){0}))) {
        st = tn_fail_nomem(err, 16);
        goto done;
    }
    if (file) {
        bool objects = input ? strcmp(input, "jsonl") == 0 : tn_str_ends(tn_str_of(file), ".jsonl");
        tn_bytes bytes;
        TN_GO(tn_file_read(file, MAX_TEXT_BYTES, c->arena, &bytes, err));
        tn_str rest = tn_str_from_bytes(bytes), line;
        if (tn_str_ends(rest, "\n"))
            rest.len--; /* the last line's own end starts no further line */
        for (size_t number = 1; bytes.len && tn_str_cut(&rest, '\n', &line); number++) {
            tn_str pair = {0};
            if (tn_str_ends(line, "\r"))
                line.len--;
            if (objects) {
                if (tn_str_trim(line).len == 0)
                    continue;
                TN_GO(text_of_object(line, number, file, c->arena, &line, &pair, err));
            } else if (tn_utf8_check(line) != line.len) {
                st = tn_fail(err, TN_EFORMAT, "%s:%zu:%zu: not UTF-8; convert the file first (iconv -t UTF-8)", file,
                             number, tn_utf8_check(line) + 1);
                goto done;
            }
            if (!TN_PUSH(&list, line) || !TN_PUSH(&seconds, pair)) {
                st = tn_fail_nomem(err, 16);
                goto done;
            }
        }
    }
    *texts = TN_ARENA_ARRAY(c->arena, tn_str, list.len);
    *n = list.len;
    if (!*texts)
        st = tn_fail_nomem(err, list.len * sizeof **texts);
    else if (list.len)
        memcpy(*texts, list.ptr, list.len * sizeof *list.ptr);
    if (st == TN_OK && pairs) {
        *pairs = TN_ARENA_ARRAY(c->arena, tn_str, list.len);
        if (!*pairs)
            st = tn_fail_nomem(err, list.len * sizeof **pairs);
        else if (list.len)
            memcpy(*pairs, seconds.ptr, list.len * sizeof **pairs);
    }
done:
    TN_VEC_FREE(&list);
    TN_VEC_FREE(&seconds);
    return st;
}

tn_status cli_base(const cli *c, const char *dir, const char **base, tn_err *err)
{
    tn_str name, revision;
    const char *stated = cli_get(c, "base");
    *base = NULL;
    if (!tn_lora_is_folder(dir))
        return TN_OK;
    if (stated)
        return cli_model_dir(c, stated, base, err);
    TN_TRY(tn_lora_base(dir, c->arena, &name, &revision, err));
    const char *beside = tn_path_join(c->arena, dir, name.ptr);
    const char *spec = revision.len ? tn_str_format(c->arena, "%.*s@%.*s", TN_ARG(name), TN_ARG(revision)).ptr : name.ptr;
    if (!beside || !spec)
        return tn_fail_nomem(err, name.len);
    if (tn_file_is_dir(name.ptr) || tn_file_is_dir(beside)) {
        *base = tn_file_is_dir(name.ptr) ? name.ptr : beside;
        return TN_OK;
    }
    tn_status st = cli_model_dir(c, spec, base, err);
    if (st != TN_OK)
        tn_fail_prefix(err, "%s is an adapter on %s", dir, spec);
    return st;
}

tn_status cli_model_dir(const cli *c, const char *name, const char **dir, tn_err *err)
{
    tn_hub_model m;
    const char *deployed = tn_path_join(c->arena, name, "deploy/model");
    if (!deployed)
        return tn_fail_nomem(err, 64);
    if (tn_file_is_dir(deployed)) {
        *dir = deployed;
        return TN_OK;
    }
    TN_TRY(tn_hub_find(&(tn_hub_where){0}, tn_str_of(name), c->arena, &m, err));
    *dir = m.folder;
    return TN_OK;
}
