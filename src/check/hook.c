/* Each entry collects pairs of texts, before and after, under one path; judge() is the one place that says no. Git is
 * asked by its plumbing: object names and NUL-ended paths in, so that no name of a file is ever an option, a pattern or a
 * shell's word. */
#include "check/hook.h"

#include "base/child.h"
#include "base/file.h"
#include "check/check.h"
#include "check/ignore.h"
#include "check/repository.h"
#include "check/shell.h"
#include "check/walk.h"
#include "codec/json.h"
#include "rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE = 16 << 20, MAX_CHANGES = 5000, MAX_SHOWN = 20, MAX_WALK = 20000, MAX_EVENT_TEXT = 64 << 20 };

typedef struct {
    tn_arena *a;
    const char *dir; /* paths are shown from here on */
    const tn_rules *rules;
    tn_ignore ignore; /* of tenet.yaml */
    bool no_suppressions;
    tn_repository *repository; /* NULL before a finding asks what lies beside it */
    tn_findings found;
    size_t n_changed;
} judge;

/* ---- judging ---- */

static tn_status open_judge(judge *j, const char *dir, bool must_read, tn_arena *a, tn_err *err)
{
    char today[11];
    const char *project;
    *j = (judge){.a = a, .dir = dir};
    tn_rules_today(today);
    tn_status st = tn_rules_project(dir, a, &project, err);
    if (st == TN_OK)
        st = tn_rules_load(project, today, a, &j->rules, err);
    if (st != TN_OK && st != TN_ENOMEM && !must_read)
        st = tn_rules_load(NULL, today, a, &j->rules, err);
    TN_TRY(st);
    j->ignore.arena = a;
    st = tn_ignore_add_project(&j->ignore, j->rules, err);
    if (st == TN_OK)
        st = tn_findings_init(&j->found, err);
    if (st != TN_OK)
        TN_VEC_FREE(&j->ignore.line);
    return st;
}

static void close_judge(judge *j)
{
    tn_findings_free(&j->found);
    TN_VEC_FREE(&j->ignore.line);
}

static tn_str shown_path(const judge *j, const char *path)
{
    size_t n = strlen(j->dir);
    while (n > 1 && j->dir[n - 1] == '/')
        n--;
    return strncmp(path, j->dir, n) == 0 && path[n] == '/' ? tn_str_of(path + n + 1) : tn_str_of(path);
}

/* What lies in the folder, by names alone: looked at once, and only when there is something to say. */
static tn_status know_repository(judge *j, tn_err *err)
{
    bool cut = false;
    if (j->repository)
        return TN_OK;
    j->repository = tn_arena_calloc(j->a, sizeof *j->repository);
    if (!j->repository)
        return tn_fail_nomem(err, sizeof *j->repository);
    return tn_walk(j->dir, TN_STR(""), MAX_WALK, j->a, j->repository, &cut, err);
}

/* The error findings of a text that are new against the same file's older text; `before` without ptr: all are new. */
static tn_status look(judge *j, tn_str path, tn_str before, tn_str after, tn_err *err)
{
    tn_check_options o = {.rules = j->rules, .min_severity = TN_ERROR, .no_suppressions = j->no_suppressions, .base = j->dir};
    tn_check_result was = {0}, is = {0};
    tn_baseline *known = NULL;
    tn_buf b = TN_BUF_INIT;
    tn_status st = TN_OK;
    if (after.len > MAX_FILE || (before.ptr && tn_str_eq(before, after)))
        return TN_OK;
    const char *name = tn_str_c(j->a, path), *place = name ? tn_path_join(j->a, j->dir, name) : NULL;
    if (!place)
        return tn_fail_nomem(err, path.len);
    if (tn_ignore_has_project(&j->ignore, j->rules, tn_str_of(place), false))
        return TN_OK;
    j->n_changed++;
    o.repository = j->repository;
    TN_GO(tn_check_text(path, after, &o, &is, err));
    if (tn_findings_count(&is.findings, TN_ERROR)) {
        TN_GO(know_repository(j, err));
        o.repository = j->repository;
        if (before.ptr && before.len <= MAX_FILE) {
            TN_GO(tn_check_text(path, before, &o, &was, err));
            TN_GO(tn_baseline_write(&was.findings, &b, err));
            TN_GO(tn_baseline_parse(tn_buf_view(&b), j->a, &known, err));
            o.baseline = known;
        }
        tn_check_result_free(&is);
        is = (tn_check_result){0};
        TN_GO(tn_check_text(path, after, &o, &is, err));
    }
    for (size_t i = 0; i < is.findings.list.len; i++)
        if (is.findings.list.ptr[i].severity == TN_ERROR)
            TN_GO(tn_findings_add(&j->found, is.findings.list.ptr[i], err));
done:
    tn_buf_free(&b);
    tn_check_result_free(&was);
    tn_check_result_free(&is);
    return st;
}

/* Text from files is quoted short and on one line: it is evidence, and reads as nothing else. */
static void put_line(tn_buf *b, tn_str s, size_t max)
{
    for (size_t i = 0, n = 0; i < s.len; n++) {
        uint32_t cp = tn_utf8_next(s, &i);
        if (n == max) {
            tn_buf_c(b, "...");
            return;
        }
        tn_buf_cp(b, cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x2028 || cp == 0x2029 ? ' ' : cp);
    }
}

static tn_status say_no(judge *j, const char *what, const char *way_out, tn_hook_answer *out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    size_t n = j->found.list.len;
    tn_status st = TN_OK;
    *out = (tn_hook_answer){.blocks = n > 0, .reason = TN_STR("")};
    if (n == 0)
        return TN_OK;
    tn_buf_printf(&b, "tenet: %zu error%s in %s. %s\n", n, n == 1 ? "" : "s", what, way_out);
    for (size_t i = 0; i < n && i < MAX_SHOWN; i++) {
        const tn_finding *f = &j->found.list.ptr[i];
        put_line(&b, f->path, 200);
        tn_buf_printf(&b, ":%u:%u: %s: ", f->line, f->column, f->rule);
        put_line(&b, f->message, 400);
        if (f->evidence.len) {
            tn_buf_c(&b, " [");
            put_line(&b, f->evidence, 160);
            tn_buf_c(&b, "]");
        }
        if (f->remedy.len) {
            tn_buf_c(&b, " Remedy: ");
            put_line(&b, f->remedy, 400);
        }
        tn_buf_char(&b, '\n');
    }
    if (n > MAX_SHOWN)
        tn_buf_printf(&b, "and %zu more: `tenet check` shows them\n", n - MAX_SHOWN);
    st = tn_buf_status(&b, err);
    if (st == TN_OK) {
        out->reason = tn_str_dup(j->a, tn_buf_view(&b));
        st = out->reason.ptr ? TN_OK : tn_fail_nomem(err, b.len);
    }
    tn_buf_free(&b);
    return st;
}

static tn_status refuse(tn_arena *a, const char *reason, tn_hook_answer *out, tn_err *err)
{
    *out = (tn_hook_answer){true, tn_str_format(a, "tenet: %s\n", reason)};
    return out->reason.ptr ? TN_OK : tn_fail_nomem(err, strlen(reason));
}

/* ---- git ---- */

typedef struct {
    const char *dir;
    tn_arena *a;
} repository;

/* `git -C DIR WORD...`; TN_OK with *exit_code when that is asked for, else a failure for anything but 0. */
static tn_status git(const repository *r, const char *const *word, tn_bytes input, int *exit_code, tn_str *output, tn_err *err)
{
    const char *argv[24] = {"git", "-C", r->dir};
    tn_child_result result;
    size_t n = 3;
    for (; *word; word++) {
        TN_ASSERT(n + 1 < TN_COUNT(argv));
        argv[n++] = *word;
    }
    TN_TRY(tn_child_run(&(tn_child){.argv = argv, .input = input, .max_output = (size_t)512 << 20}, r->a, &result, err));
    *output = result.output;
    if (exit_code)
        *exit_code = result.exit_code;
    else if (result.exit_code)
        return tn_fail(err, TN_EIO, "git %s failed: %.*s", argv[3], TN_ARG(tn_str_trim(result.errors)));
    return TN_OK;
}
#define GIT(...) ((const char *const[]){__VA_ARGS__, NULL})
static const tn_bytes nothing = {NULL, 0};

static tn_status git_line(const repository *r, const char *const *word, int *exit_code, const char **out, tn_err *err)
{
    tn_str text;
    TN_TRY(git(r, word, nothing, exit_code, &text, err));
    *out = tn_str_c(r->a, tn_str_trim(text));
    return *out ? TN_OK : tn_fail_nomem(err, text.len);
}

typedef struct {
    char old[65], new[65]; /* object names; "" = none, or not in the object store */
    const char *path;      /* from the top of the tree */
} change;

typedef struct {
    change *at;
    size_t n;
} changes;

static bool is_zero(tn_str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] != '0')
            return false;
    return true;
}

/* ":OLDMODE NEWMODE OLD NEW STATUS\0PATH\0" as `--raw -z --no-renames --no-abbrev` writes it; regular files only. */
static tn_status read_raw(const repository *r, tn_str text, changes *out, tn_err *err)
{
    size_t most = 0;
    for (size_t i = 0; i < text.len; i++)
        most += text.ptr[i] == 0;
    *out = (changes){TN_ARENA_ARRAY(r->a, change, most / 2 + 1), 0};
    if (!out->at)
        return tn_fail_nomem(err, most * sizeof *out->at);
    tn_str head, path, field[5];
    while (out->n < MAX_CHANGES && tn_str_cut(&text, 0, &head) && tn_str_cut(&text, 0, &path)) {
        size_t n = 0;
        while (n < 5 && tn_str_cut(&head, ' ', &field[n]))
            n++;
        change *c = &out->at[out->n];
        if (n < 5 || !tn_str_starts(field[0], ":") || !tn_str_starts(field[1], "100") || field[2].len >= sizeof c->old || field[3].len >= sizeof c->new)
            continue; /* removed, a link, a submodule */
        *c = (change){.path = tn_str_c(r->a, path)};
        if (!c->path)
            return tn_fail_nomem(err, path.len);
        if (!is_zero(field[2]) && tn_str_starts(field[0], ":100"))
            memcpy(c->old, field[2].ptr, field[2].len);
        if (!is_zero(field[3]))
            memcpy(c->new, field[3].ptr, field[3].len);
        out->n++;
    }
    return TN_OK;
}

static void put_ids(const changes *c, tn_buf *b)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].old[0])
            tn_buf_printf(b, "%s\n", c->at[i].old);
        if (c->at[i].new[0])
            tn_buf_printf(b, "%s\n", c->at[i].new);
    }
}

/* One header "ID blob SIZE" of cat-file; size SIZE_MAX for what is missing or no blob. */
static bool read_header(tn_str *rest, size_t *size)
{
    tn_str line, id, type;
    int64_t n;
    if (!tn_str_cut(rest, '\n', &line) || !tn_str_cut(&line, ' ', &id) || !tn_str_cut(&line, ' ', &type))
        return false;
    *size = tn_str_is(type, "blob") && tn_str_to_i64(line, &n) && n >= 0 ? (size_t)n : SIZE_MAX;
    return true;
}

/* Objects that are too large are forgotten before any is read: their names become "". */
static tn_status drop_large(const repository *r, changes *c, tn_err *err)
{
    tn_buf ids = TN_BUF_INIT;
    tn_str text;
    put_ids(c, &ids);
    tn_status st = tn_buf_status(&ids, err);
    if (st == TN_OK)
        st = git(r, GIT("cat-file", "--batch-check"), tn_str_bytes(tn_buf_view(&ids)), NULL, &text, err);
    tn_buf_free(&ids);
    for (size_t i = 0; st == TN_OK && i < c->n; i++) {
        char *id[2] = {c->at[i].old, c->at[i].new};
        for (int k = 0; k < 2; k++) {
            size_t size = SIZE_MAX;
            if (id[k][0] && (!read_header(&text, &size) || size > MAX_FILE))
                id[k][0] = 0;
        }
    }
    return st;
}

/* Takes the next object out of cat-file's answer. */
static tn_str next_blob(tn_str *rest)
{
    size_t size;
    if (!read_header(rest, &size) || size == SIZE_MAX || size + 1 > rest->len)
        return (tn_str){0};
    tn_str blob = {rest->ptr, size};
    *rest = tn_str_sub(*rest, size + 1, rest->len);
    return blob;
}

/* Judges old against new for each change. `top` not NULL: what has no new object is read from the working tree there. */
static tn_status look_at_changes(judge *j, const repository *r, changes *c, const char *top, tn_err *err)
{
    tn_buf ids = TN_BUF_INIT;
    tn_str text;
    if (c->n == 0)
        return TN_OK;
    TN_TRY(drop_large(r, c, err));
    put_ids(c, &ids);
    tn_status st = tn_buf_status(&ids, err);
    if (st == TN_OK)
        st = git(r, GIT("cat-file", "--batch"), tn_str_bytes(tn_buf_view(&ids)), NULL, &text, err);
    tn_buf_free(&ids);
    for (size_t i = 0; st == TN_OK && i < c->n; i++) {
        tn_str before = {0}, after = {0};
        tn_file file = {0};
        if (c->at[i].old[0])
            before = next_blob(&text);
        if (c->at[i].new[0]) {
            after = next_blob(&text);
        } else if (top) {
            struct stat s;
            const char *path = tn_path_join(r->a, top, c->at[i].path);
            if (path && lstat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_size <= MAX_FILE && tn_file_open(path, &file, NULL) == TN_OK)
                after = tn_str_from_bytes(file.bytes);
        }
        if (after.ptr)
            st = look(j, tn_str_of(c->at[i].path), before, after, err);
        tn_file_close(&file);
    }
    return st;
}

/* The commit to compare with: HEAD, or the empty tree before the first commit. */
static tn_status head_or_nothing(const repository *r, const char **out, tn_err *err)
{
    int code;
    TN_TRY(git_line(r, GIT("rev-parse", "--quiet", "--verify", "HEAD^{commit}"), &code, out, err));
    return code == 0 ? TN_OK : git_line(r, GIT("hash-object", "-t", "tree", "--stdin"), NULL, out, err);
}

tn_status tn_hook_pre_commit(const char *dir, tn_arena *a, tn_hook_answer *out, tn_err *err)
{
    repository r = {dir, a};
    const char *base;
    tn_str raw;
    changes c;
    judge j;
    TN_TRY(open_judge(&j, dir, true, a, err));
    tn_status st = head_or_nothing(&r, &base, err);
    TN_GO(st);
    TN_GO(git(&r, GIT("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=AMT", base), nothing, NULL, &raw, err));
    TN_GO(read_raw(&r, raw, &c, err));
    TN_GO(look_at_changes(&j, &r, &c, NULL, err));
    st = say_no(&j, "what is staged", "Mend them and stage again, or set one aside with its reason: `tenet rules show RULE` tells more.", out, err);
done:
    close_judge(&j);
    return st;
}

/* Where the remote stands: its own commit when we have it, else the nearest commit below `local` that a remote has. *base
 * "" when the remote has everything. */
static tn_status push_base(const repository *r, const char *local, const char *remote, const char **base, tn_err *err)
{
    int code = 1;
    tn_str list, line;
    char commit[80];
    const char *unused;
    snprintf(commit, sizeof commit, "%s^{commit}", remote);
    if (!is_zero(tn_str_of(remote)))
        TN_TRY(git_line(r, GIT("rev-parse", "--quiet", "--verify", commit), &code, &unused, err));
    if (code == 0) {
        *base = remote;
        return TN_OK;
    }
    TN_TRY(git(r, GIT("rev-list", "--boundary", local, "--not", "--remotes"), nothing, NULL, &list, err));
    bool any = list.len > 0;
    while (tn_str_cut(&list, '\n', &line))
        if (tn_str_starts(line, "-")) {
            *base = tn_str_c(r->a, tn_str_sub(line, 1, line.len));
            return *base ? TN_OK : tn_fail_nomem(err, line.len);
        }
    *base = "";
    return any ? git_line(r, GIT("hash-object", "-t", "tree", "--stdin"), NULL, base, err) : TN_OK;
}

static bool is_object_name(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdef", s.ptr[i]) || !s.ptr[i])
            return false;
    return s.len == 40 || s.len == 64;
}

/* The commit that a name or an object's name stands for; zeros stand for none. */
static tn_status commit_of(const repository *r, tn_str name, size_t line, const char **out, tn_err *err)
{
    int code = 1;
    if (is_object_name(name)) {
        *out = tn_str_c(r->a, name);
        return *out ? TN_OK : tn_fail_nomem(err, name.len);
    }
    const char *commit = tn_str_format(r->a, "%.*s^{commit}", TN_ARG(name)).ptr;
    if (!commit)
        return tn_fail_nomem(err, name.len);
    if (name.len && name.ptr[0] != '-')
        TN_TRY(git_line(r, GIT("rev-parse", "--quiet", "--verify", commit), &code, out, err));
    return code == 0 ? TN_OK : tn_fail(err, TN_EFORMAT, "-:%zu: \"%.*s\" is no commit here; \"LOCAL_REF LOCAL_ID REMOTE_REF REMOTE_ID\" was expected, as git gives it to pre-push",
                                       line, TN_ARG(tn_str_sub(name, 0, 80)));
}

tn_status tn_hook_pre_push(const char *dir, tn_str refs, tn_arena *a, tn_hook_answer *out, tn_err *err)
{
    repository r = {dir, a};
    tn_str line, field[4];
    judge j;
    TN_TRY(open_judge(&j, dir, true, a, err));
    tn_status st = TN_OK;
    for (size_t number = 1; tn_str_cut(&refs, '\n', &line); number++) {
        const char *base, *local, *remote;
        tn_str raw, rest = tn_str_trim(line);
        changes c;
        size_t n = 0;
        if (rest.len == 0)
            continue;
        while (n < 4 && tn_str_cut(&rest, ' ', &field[n]))
            n++;
        while (n < 4)
            field[n++] = TN_STR("");
        TN_GO(commit_of(&r, field[1], number, &local, err));
        TN_GO(commit_of(&r, field[3], number, &remote, err));
        if (is_zero(field[1]))
            continue; /* a branch is removed */
        TN_GO(push_base(&r, local, remote, &base, err));
        if (!base[0])
            continue;
        TN_GO(git(&r, GIT("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=AMT", base, local), nothing, NULL, &raw, err));
        TN_GO(read_raw(&r, raw, &c, err));
        TN_GO(look_at_changes(&j, &r, &c, NULL, err));
    }
    st = say_no(&j, "what would be pushed", "Mend them in a commit, or set one aside with its reason: `tenet rules show RULE` tells more.", out, err);
done:
    close_judge(&j);
    return st;
}

/* ---- edits ---- */

/* `text` with old replaced by new, once or everywhere; ptr NULL where the edit itself will fail. */
static tn_str replaced(tn_arena *a, tn_str text, tn_str old, tn_str new, bool all)
{
    tn_buf b = {.max = MAX_EVENT_TEXT};
    size_t from = 0, at = old.len ? tn_str_find(text, old, 0) : SIZE_MAX;
    tn_str out = {0};
    if (old.len == 0)
        return text.len == 0 ? new : out; /* a new file */
    if (at == SIZE_MAX || (!all && tn_str_find(text, old, at + 1) != SIZE_MAX))
        return out;
    for (; at != SIZE_MAX; at = all ? tn_str_find(text, old, from) : SIZE_MAX) {
        tn_buf_str(&b, tn_str_sub(text, from, at));
        tn_buf_str(&b, new);
        from = at + old.len;
    }
    tn_buf_str(&b, tn_str_sub(text, from, text.len));
    if (tn_buf_status(&b, NULL) == TN_OK)
        out = tn_str_dup(a, tn_buf_view(&b));
    tn_buf_free(&b);
    return out;
}

static tn_str edited(tn_arena *a, tn_str text, const tn_json *edit)
{
    const tn_json *old = tn_json_get(edit, "old_string"), *new = tn_json_get(edit, "new_string");
    bool all = false;
    tn_json_bool(tn_json_get(edit, "replace_all"), &all);
    if (tn_json_type(old) != TN_JSON_STRING || tn_json_type(new) != TN_JSON_STRING)
        return (tn_str){0};
    return replaced(a, text, tn_json_str(old), tn_json_str(new), all);
}

static tn_json *new_cell(tn_arena *a, const tn_json *input)
{
    bool markdown = tn_json_is_str(tn_json_get(input, "cell_type"), "markdown");
    tn_json *cell = tn_json_new_object(a);
    bool ok = tn_json_set(a, cell, "cell_type", tn_json_new_str(a, markdown ? TN_STR("markdown") : TN_STR("code"))) &&
              tn_json_set(a, cell, "metadata", tn_json_new_object(a)) && tn_json_set(a, cell, "source", tn_json_new_str(a, tn_json_str(tn_json_get(input, "new_source"))));
    if (ok && !markdown)
        ok = tn_json_set(a, cell, "outputs", tn_json_new_array(a)) && tn_json_set(a, cell, "execution_count", tn_json_new_null(a));
    return ok ? cell : NULL;
}

/* The notebook with one cell replaced, inserted behind the named one (in front without a name), or taken out. */
static tn_str edited_notebook(tn_arena *a, tn_str text, const tn_json *input)
{
    const tn_json *was, *id = tn_json_get(input, "cell_id"), *number = tn_json_get(input, "cell_number"), *mode = tn_json_get(input, "edit_mode");
    tn_str out = {0};
    tn_buf b = {.max = MAX_EVENT_TEXT};
    int64_t wanted = -1, at = 0;
    if (tn_json_parse(text, a, &was, NULL) != TN_OK || tn_json_type(tn_json_get(was, "cells")) != TN_JSON_ARRAY)
        return out;
    tn_json_i64(number, &wanted);
    bool insert = tn_json_is_str(mode, "insert"), remove = tn_json_is_str(mode, "delete"), done = false, ok = true;
    tn_json *is = tn_json_dup(a, was), *cells = tn_json_new_array(a);
    if (insert && !id && wanted < 0)
        ok = done = tn_json_push(cells, new_cell(a, input));
    for (const tn_json *c = tn_json_first(tn_json_get(was, "cells")); ok && c; c = tn_json_next(c), at++) {
        bool here = !done && (id ? tn_json_equal(tn_json_get(c, "id"), id) : at == wanted);
        if (here && remove)
            done = true;
        else if (here && !insert) {
            tn_json *cell = tn_json_dup(a, c);
            const tn_json *type = tn_json_get(input, "cell_type");
            ok = tn_json_set(a, cell, "source", tn_json_new_str(a, tn_json_str(tn_json_get(input, "new_source")))) &&
                 (!type || tn_json_set(a, cell, "cell_type", tn_json_dup(a, type))) && tn_json_push(cells, cell);
            done = true;
        } else {
            ok = tn_json_push(cells, tn_json_dup(a, c));
            if (ok && here)
                ok = done = tn_json_push(cells, new_cell(a, input));
        }
    }
    if (!ok || !done || !tn_json_set(a, is, "cells", cells))
        return out;
    tn_json_write(is, 1, &b);
    if (tn_buf_status(&b, NULL) == TN_OK)
        out = tn_str_dup(a, tn_buf_view(&b));
    tn_buf_free(&b);
    return out;
}

static tn_str after_edit(tn_arena *a, tn_str tool, tn_str before, const tn_json *input)
{
    if (tn_str_is(tool, "Write"))
        return tn_json_type(tn_json_get(input, "content")) == TN_JSON_STRING ? tn_json_str(tn_json_get(input, "content")) : (tn_str){0};
    if (tn_str_is(tool, "Edit"))
        return edited(a, before, input);
    if (tn_str_is(tool, "NotebookEdit"))
        return edited_notebook(a, before, input);
    for (const tn_json *e = tn_json_first(tn_json_get(input, "edits")); e && before.ptr; e = tn_json_next(e))
        before = edited(a, before, e);
    return before;
}

/* ---- the user's settings ---- */

static const char claude_command[] = " hook claude";

static bool is_settings(tn_str path)
{
    return tn_str_ends(path, ".claude/settings.json") || tn_str_ends(path, ".claude/settings.local.json");
}

static bool calls_us(const tn_json *hook)
{
    return tn_str_ends(tn_json_str(tn_json_get(hook, "command")), claude_command);
}

/* How many hooks of an event's entry call us. */
static size_t count_ours(const tn_json *entry)
{
    size_t n = 0;
    for (const tn_json *h = tn_json_first(tn_json_get(entry, "hooks")); h; h = tn_json_next(h))
        n += calls_us(h);
    return n;
}

static bool holds_entry(const tn_json *list, const tn_json *entry)
{
    const tn_json *e = tn_json_first(list);
    while (e && !tn_json_equal(e, entry))
        e = tn_json_next(e);
    return e != NULL;
}

/* Every entry that calls us stands in the new text as it stood in the old one, and hooks are not switched off as a whole.
 * Settings that cannot be read call nobody. */
static bool keeps_our_hook(tn_str before, tn_str after, tn_arena *a)
{
    const tn_json *was = NULL, *is = NULL;
    bool was_off = false, off = false;
    if (tn_json_parse(before, a, &was, NULL) != TN_OK)
        was = NULL;
    if (tn_json_parse(after, a, &is, NULL) != TN_OK)
        is = NULL;
    tn_json_bool(tn_json_get(was, "disableAllHooks"), &was_off);
    tn_json_bool(tn_json_get(is, "disableAllHooks"), &off);
    bool kept = was_off || !off;
    for (const tn_json *event = tn_json_first(tn_json_get(was, "hooks")); event; event = tn_json_next(event))
        for (const tn_json *e = tn_json_first(event); e; e = tn_json_next(e))
            kept = kept && (count_ours(e) == 0 || holds_entry(tn_json_get_str(tn_json_get(is, "hooks"), tn_json_key(event)), e));
    return kept;
}

/* ---- events of Claude Code ---- */

static tn_status on_edit(judge *j, tn_str tool, const tn_json *input, const char *cwd, tn_hook_answer *out, tn_err *err)
{
    const tn_json *named = tn_json_get(input, tn_str_is(tool, "NotebookEdit") ? "notebook_path" : "file_path");
    const char *path = tn_json_type(named) == TN_JSON_STRING && tn_json_str(named).len ? tn_path_join(j->a, cwd, tn_json_str(named).ptr) : NULL;
    tn_file file = {0};
    struct stat s;
    tn_status st = TN_OK;
    if (!path)
        return TN_OK;
    tn_str before = {0};
    if (stat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_size <= MAX_FILE && tn_file_open(path, &file, NULL) == TN_OK)
        before = tn_str_from_bytes(file.bytes);
    tn_str after = after_edit(j->a, tool, before.ptr ? before : TN_STR(""), input);
    if (after.ptr && is_settings(tn_str_of(path)) && !keeps_our_hook(before.ptr ? before : TN_STR("{}"), after, j->a))
        st = refuse(j->a, "this edit takes the hook out of the settings, or changes when it is called; only the user does that", out, err);
    else if (after.ptr) {
        j->no_suppressions = true;
        st = look(j, shown_path(j, path), before, after, err);
        if (st == TN_OK)
            st = say_no(j, "what this edit would bring", "Write it so that the rules hold; if one should not hold here, ask the user, who can waive it in tenet.yaml.", out, err);
    }
    tn_file_close(&file);
    return st;
}

/* A file that a command line would run. */
static tn_status look_at_file(judge *j, const char *path, tn_err *err)
{
    tn_file file = {0};
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size > MAX_FILE || tn_file_open(path, &file, NULL) != TN_OK)
        return TN_OK;
    tn_status st = look(j, shown_path(j, path), (tn_str){0}, tn_str_from_bytes(file.bytes), err);
    tn_file_close(&file);
    return st;
}

/* True when the repository's own hook of that name calls us. */
static bool hook_is_ours(const char *dir, const char *name, tn_arena *a)
{
    repository r = {dir, a};
    const char *hooks;
    char path[64];
    int code;
    tn_bytes text;
    snprintf(path, sizeof path, "hooks/%s", name);
    if (git_line(&r, GIT("rev-parse", "--git-path", path), &code, &hooks, NULL) != TN_OK || code != 0)
        return false;
    const char *full = tn_path_join(a, dir, hooks);
    return full && tn_file_read(full, 1 << 20, a, &text, NULL) == TN_OK && tn_str_find(tn_str_from_bytes(text), TN_STR(" hook git "), 0) != SIZE_MAX;
}

static tn_status on_bash(judge *j, const tn_json *input, const char *cwd, tn_hook_answer *out, tn_err *err)
{
    tn_shell_actions actions;
    const tn_json *command = tn_json_get(input, "command");
    if (tn_json_type(command) != TN_JSON_STRING)
        return TN_OK;
    TN_TRY(tn_shell_read(tn_json_str(command), cwd, j->a, &actions, err));
    for (size_t i = 0; i < actions.n; i++) {
        const tn_shell_action *x = &actions.at[i];
        const char *hook = x->what == TN_SHELL_COMMIT_UNCHECKED ? "pre-commit" : "pre-push";
        if (x->what == TN_SHELL_RUNS)
            TN_TRY(look_at_file(j, x->path, err));
        else if (hook_is_ours(x->path, hook, j->a))
            return refuse(j->a, "this goes past the hooks that check what is committed and pushed; do it without --no-verify, and mend what they find", out, err);
    }
    return say_no(j, "what this command would run", "Mend the file first; if a rule should not hold here, ask the user, who can waive it in tenet.yaml.", out, err);
}

static tn_status on_stop(judge *j, const tn_json *event, const char *cwd, tn_hook_answer *out, tn_err *err)
{
    repository r = {cwd, j->a};
    const char *top, *base;
    int code;
    bool again = false;
    tn_str raw, names, name;
    changes c;
    tn_json_bool(tn_json_get(event, "stop_hook_active"), &again);
    if (again)
        return TN_OK;
    tn_status st = git_line(&r, GIT("rev-parse", "--show-toplevel"), &code, &top, err);
    if (st == TN_ENOENT || (st == TN_OK && code != 0))
        return TN_OK; /* no git, or no repository: nobody knows what changed */
    TN_TRY(st);
    r.dir = j->dir = top;
    TN_TRY(head_or_nothing(&r, &base, err));
    TN_TRY(git(&r, GIT("diff-index", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=AMT", base), nothing, NULL, &raw, err));
    TN_TRY(read_raw(&r, raw, &c, err));
    for (size_t i = 0; i < c.n; i++)
        c.at[i].new[0] = 0; /* what is in the working tree, whatever the index holds */
    TN_TRY(look_at_changes(j, &r, &c, top, err));
    TN_TRY(git(&r, GIT("ls-files", "--others", "--exclude-standard", "-z"), nothing, NULL, &names, err));
    for (size_t i = 0; i < MAX_CHANGES && tn_str_cut(&names, 0, &name); i++) {
        const char *path = name.len ? tn_path_join(j->a, top, tn_str_c(j->a, name)) : NULL;
        struct stat s;
        if (path && lstat(path, &s) == 0 && S_ISREG(s.st_mode))
            TN_TRY(look_at_file(j, path, err));
    }
    return say_no(j, "the files changed in the working tree", "Mend them before you finish, or tell the user which you leave and why.", out, err);
}

tn_status tn_hook_claude(tn_str event, tn_arena *a, tn_hook_answer *out, tn_err *err)
{
    static const char *const editor[] = {"Write", "Edit", "MultiEdit", "NotebookEdit"};
    const tn_json *v;
    judge j;
    *out = (tn_hook_answer){.reason = TN_STR("")};
    if (tn_json_parse(event, a, &v, err) != TN_OK)
        return tn_fail_prefix(err, "the event on standard input");
    const tn_json *name = tn_json_get(v, "hook_event_name"), *input = tn_json_get(v, "tool_input"), *at = tn_json_get(v, "cwd");
    tn_str tool = tn_json_str(tn_json_get(v, "tool_name"));
    if (tn_json_type(name) != TN_JSON_STRING)
        return tn_fail(err, TN_EFORMAT, "the event on standard input has no hook_event_name; an assistant's hook calls this, not a person");
    const char *cwd = tn_json_type(at) == TN_JSON_STRING && tn_file_is_dir(tn_json_str(at).ptr) ? tn_json_str(at).ptr : ".";
    bool before = tn_json_is_str(name, "PreToolUse"), edits = false, stops = tn_json_is_str(name, "Stop") || tn_json_is_str(name, "SubagentStop");
    for (size_t i = 0; i < TN_COUNT(editor); i++)
        edits |= before && tn_str_is(tool, editor[i]);
    if (!edits && !stops && !(before && tn_str_is(tool, "Bash")))
        return TN_OK;
    TN_TRY(open_judge(&j, cwd, false, a, err));
    tn_status st = edits ? on_edit(&j, tool, input, cwd, out, err) : stops ? on_stop(&j, v, cwd, out, err) : on_bash(&j, input, cwd, out, err);
    close_judge(&j);
    return st;
}

/* ---- installing ---- */

/* An entry in which the user put hooks of their own beside ours, without ours. */
static tn_json *without_ours(tn_arena *a, const tn_json *entry)
{
    tn_json *out = tn_json_dup(a, entry), *list = tn_json_new_array(a);
    bool ok = out && list;
    for (const tn_json *h = tn_json_first(tn_json_get(entry, "hooks")); ok && h; h = tn_json_next(h))
        ok = calls_us(h) || tn_json_push(list, tn_json_dup(a, h));
    return ok && tn_json_set(a, out, "hooks", list) ? out : NULL;
}

static tn_json *our_entry(tn_arena *a, const char *matcher, const char *program)
{
    tn_json *entry = tn_json_new_object(a), *hook = tn_json_new_object(a), *list = tn_json_new_array(a);
    bool ok = (!matcher || tn_json_set(a, entry, "matcher", tn_json_new_str(a, tn_str_of(matcher)))) &&
              tn_json_set(a, hook, "type", tn_json_new_str(a, TN_STR("command"))) &&
              tn_json_set(a, hook, "command", tn_json_new_str(a, tn_str_format(a, "%s%s", program, claude_command))) && tn_json_push(list, hook) &&
              tn_json_set(a, entry, "hooks", list);
    return ok ? entry : NULL;
}

static tn_status set_event(tn_arena *a, tn_json *hooks, const char *event, const char *matcher, const char *program, const char *path, tn_err *err)
{
    const tn_json *was = tn_json_get(hooks, event);
    tn_json *list = tn_json_new_array(a);
    bool placed = false, ok = list != NULL;
    if (was && tn_json_type(was) != TN_JSON_ARRAY)
        return tn_fail(err, TN_EFORMAT, "%s:%u:%u: hooks.%s should be a list; mend it by hand first", path, tn_json_line(was), tn_json_column(was), event);
    for (const tn_json *e = tn_json_first(was); ok && e; e = tn_json_next(e)) {
        size_t ours = count_ours(e);
        bool whole = ours && ours == tn_json_len(tn_json_get(e, "hooks"));
        if (!whole || !placed)
            ok = tn_json_push(list, whole ? our_entry(a, matcher, program) : ours ? without_ours(a, e) : tn_json_dup(a, e));
        placed |= whole;
    }
    ok = ok && (placed || tn_json_push(list, our_entry(a, matcher, program))) && tn_json_set(a, hooks, event, list);
    return ok ? TN_OK : tn_fail_nomem(err, 256);
}

tn_status tn_hook_install_claude(const char *dir, const char *program, tn_arena *a, const char **out, tn_err *err)
{
    const char *folder = tn_path_join(a, dir, ".claude"), *path = folder ? tn_path_join(a, folder, "settings.json") : NULL;
    const tn_json *was = NULL;
    tn_bytes bytes = {0};
    tn_buf b = TN_BUF_INIT;
    if (!path)
        return tn_fail_nomem(err, 64);
    if (tn_file_exists(path)) {
        TN_TRY(tn_file_read(path, 4 << 20, a, &bytes, err));
        if (tn_str_trim(tn_str_from_bytes(bytes)).len && tn_json_parse(tn_str_from_bytes(bytes), a, &was, err) != TN_OK)
            return tn_fail_prefix(err, "%s", path);
    }
    const tn_json *had = tn_json_get(was, "hooks");
    if ((was && tn_json_type(was) != TN_JSON_OBJECT) || (had && tn_json_type(had) != TN_JSON_OBJECT))
        return tn_fail(err, TN_EFORMAT, "%s: settings are an object, and so is \"hooks\" in it; mend it by hand first", path);
    tn_json *settings = was ? tn_json_dup(a, was) : tn_json_new_object(a), *hooks = had ? tn_json_dup(a, had) : tn_json_new_object(a);
    if (!settings || !hooks)
        return tn_fail_nomem(err, 256);
    TN_TRY(set_event(a, hooks, "PreToolUse", "Write|Edit|MultiEdit|NotebookEdit|Bash", program, path, err));
    TN_TRY(set_event(a, hooks, "Stop", NULL, program, path, err));
    if (!tn_json_set(a, settings, "hooks", hooks))
        return tn_fail_nomem(err, 64);
    *out = path;
    tn_json_write(settings, 2, &b);
    tn_buf_char(&b, '\n');
    tn_status st = tn_buf_status(&b, err);
    bool same = bytes.ptr && tn_str_eq(tn_buf_view(&b), tn_str_from_bytes(bytes));
    if (st == TN_OK && !same)
        st = tn_file_mkdirs(folder, err);
    if (st == TN_OK && !same)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), err);
    tn_buf_free(&b);
    return st;
}

#define BLOCK_BEGIN "# >>> tenet >>>\n"
#define BLOCK_END "# <<< tenet <<<\n"

/* pre-push gets the refs on its standard input: they are read once, and given back to what the user has behind us. */
static void put_block(tn_buf *b, const char *hook, const char *program)
{
    tn_buf_c(b, BLOCK_BEGIN);
    if (strcmp(hook, "pre-commit") == 0)
        tn_buf_printf(b, "%s hook git pre-commit || exit 1\n", program);
    else
        tn_buf_printf(b, "tenet_refs=$(cat)\nprintf '%%s\\n' \"$tenet_refs\" | %s hook git pre-push || exit 1\nexec <<TENET_REFS\n$tenet_refs\nTENET_REFS\n", program);
    tn_buf_c(b, BLOCK_END);
}

/* "#!/bin/sh -e", "#!/usr/bin/env bash". */
static bool is_shell_script(tn_str text)
{
    tn_str first = tn_str_trim(tn_str_sub(text, 0, tn_str_find(text, TN_STR("\n"), 0))), word;
    bool marked = tn_str_starts(first, "#!");
    for (first = tn_str_sub(first, 2, first.len); marked && tn_str_cut(&first, ' ', &word);) {
        tn_str name = tn_path_name(word);
        if (name.len && name.ptr[0] != '-' && !tn_str_is(name, "env"))
            return tn_str_is(name, "sh") || tn_str_is(name, "bash") || tn_str_is(name, "dash");
    }
    return false;
}

/* What a hook holds now; ptr NULL when there is none. */
static tn_status read_hook(const char *folder, const char *hook, const char *program, tn_arena *a, const char **path, tn_str *text, tn_err *err)
{
    tn_bytes bytes = {0};
    *path = tn_path_join(a, folder, hook);
    *text = (tn_str){0};
    if (!*path)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(*path))
        return TN_OK;
    TN_TRY(tn_file_read(*path, 1 << 20, a, &bytes, err));
    *text = tn_str_from_bytes(bytes);
    return is_shell_script(*text) ? TN_OK : tn_fail(err, TN_EINVALID, "%s is no shell script; add this line to it by hand: %s hook git %s", *path, program, hook);
}

static tn_status install_hook(const char *folder, const char *hook, const char *program, tn_arena *a, tn_err *err)
{
    const char *path;
    tn_str was, old;
    tn_buf b = TN_BUF_INIT;
    TN_TRY(read_hook(folder, hook, program, a, &path, &was, err));
    old = was.ptr ? was : TN_STR("#!/bin/sh\n");
    size_t begin = tn_str_find(old, TN_STR(BLOCK_BEGIN), 0), end = begin == SIZE_MAX ? SIZE_MAX : tn_str_find(old, TN_STR(BLOCK_END), begin);
    if (end == SIZE_MAX) /* behind the first line, in front of everything that could end the script early */
        begin = end = tn_str_find(old, TN_STR("\n"), 0) == SIZE_MAX ? old.len : tn_str_find(old, TN_STR("\n"), 0) + 1;
    else
        end += strlen(BLOCK_END);
    tn_buf_str(&b, tn_str_sub(old, 0, begin));
    if (b.len && b.ptr[b.len - 1] != '\n')
        tn_buf_char(&b, '\n');
    put_block(&b, hook, program);
    tn_buf_str(&b, tn_str_sub(old, end, old.len));
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK && !(was.ptr && tn_str_eq(tn_buf_view(&b), was)))
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), err);
    tn_buf_free(&b);
    if (st == TN_OK && chmod(path, 0755) != 0)
        st = tn_fail_errno(err, "%s: cannot be made executable", path);
    return st;
}

tn_status tn_hook_install_git(const char *dir, const char *program, tn_arena *a, const char **out, tn_err *err)
{
    repository r = {dir, a};
    const char *hooks;
    int code;
    TN_TRY(git_line(&r, GIT("rev-parse", "--git-path", "hooks"), &code, &hooks, err));
    if (code != 0)
        return tn_fail(err, TN_EINVALID, "%s is no git repository; `git init` makes one", dir);
    *out = tn_path_join(a, dir, hooks);
    if (!*out)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_file_mkdirs(*out, err));
    const char *path;
    tn_str text;
    TN_TRY(read_hook(*out, "pre-push", program, a, &path, &text, err)); /* both can be written, or none is */
    TN_TRY(install_hook(*out, "pre-commit", program, a, err));
    return install_hook(*out, "pre-push", program, a, err);
}
