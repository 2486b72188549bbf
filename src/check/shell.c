/* A line is cut into simple commands; each is looked at alone. The reader stops at the first thing it does not follow, and
 * what it has by then is still true: earlier commands do not depend on later ones. */
#include "check/shell.h"

#include "base/file.h"

#include <string.h>
#include <strings.h>

enum { MAX_LINE = 1 << 16, MAX_WORDS = 256, MAX_ACTIONS = 64 };

typedef struct {
    const char *text;
    bool certain;
} word;

typedef struct {
    tn_str line;
    size_t at;
    bool end;     /* nothing more is read */
    word word[MAX_WORDS];
    size_t n;
    const char *dir; /* NULL: no longer known */
    bool nested;  /* inside parentheses: a `cd` there ends with them */
    tn_arena *a;
    tn_shell_actions *out;
} reader;

/* ---- words ---- */

static char peek(const reader *r)
{
    return r->at < r->line.len ? r->line.ptr[r->at] : 0;
}

static bool ends_word(char c)
{
    return c == 0 || strchr(" \t\n;&|<>()", c);
}

/* One word from here; false when a substitution begins in it. */
static bool read_word(reader *r, word *out)
{
    tn_buf b = {.max = MAX_LINE};
    bool certain = true, quoted = false;
    for (char c; c = peek(r), quoted || !ends_word(c); r->at++) {
        if (c == 0 || c == '`' || (c == '$' && r->at + 1 < r->line.len && r->line.ptr[r->at + 1] == '(')) {
            tn_buf_free(&b); /* a substitution, or a quote that never ends */
            return false;
        }
        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\'' && !quoted) {
            size_t end = tn_str_find(r->line, TN_STR("'"), r->at + 1);
            if (end == SIZE_MAX) {
                tn_buf_free(&b);
                return false;
            }
            tn_buf_str(&b, tn_str_sub(r->line, r->at + 1, end));
            r->at = end;
        } else if (c == '\\' && r->at + 1 < r->line.len) {
            char next = r->line.ptr[++r->at];
            if (quoted && !strchr("$`\"\\\n", next))
                tn_buf_char(&b, '\\');
            if (next != '\n')
                tn_buf_char(&b, next);
        } else {
            certain &= c != '$' && (quoted || !strchr("*?[{~", c));
            tn_buf_char(&b, c);
        }
    }
    *out = (word){tn_str_c(r->a, tn_buf_view(&b)), certain && tn_buf_status(&b, NULL) == TN_OK};
    tn_buf_free(&b);
    return out->text != NULL;
}

/* ---- what a simple command does ---- */

static void push(reader *r, tn_shell_what what, const char *path)
{
    if (path && r->out->n < MAX_ACTIONS)
        r->out->at[r->out->n++] = (tn_shell_action){what, path};
}

static bool is(const reader *r, size_t i, const char *text)
{
    return i < r->n && r->word[i].certain && strcmp(r->word[i].text, text) == 0;
}

static bool ends_in(const char *text, const char *end)
{
    return tn_str_ends(tn_str_of(text), end);
}

/* The word as a file that is there. */
static void runs_file(reader *r, size_t i)
{
    const char *path = i < r->n && r->word[i].certain && r->dir ? tn_path_join(r->a, r->dir, r->word[i].text) : NULL;
    if (path && (ends_in(path, ".py") || ends_in(path, ".ipynb")) && tn_file_exists(path) && !tn_file_is_dir(path))
        push(r, TN_SHELL_RUNS, path);
}

/* Behind a launcher: options of it may take values, so the first word that is a script is it. */
static void runs_first(reader *r, size_t i, const char *ending)
{
    while (i < r->n && !ends_in(r->word[i].text, ending))
        i++;
    runs_file(r, i);
}

static void runs_module(reader *r, size_t i)
{
    if (i >= r->n || !r->word[i].certain)
        return;
    if (is(r, i, "torch.distributed.run") || is(r, i, "torch.distributed.launch") || is(r, i, "accelerate.commands.launch")) {
        runs_first(r, i + 1, ".py");
        return;
    }
    char *path = tn_str_format(r->a, "%s.py", r->word[i].text).ptr ? tn_str_c(r->a, tn_str_format(r->a, "%s.py", r->word[i].text)) : NULL;
    for (char *p = path; p && p < path + strlen(path) - 3; p++)
        if (*p == '.')
            *p = '/';
    const char *full = path && r->dir ? tn_path_join(r->a, r->dir, path) : NULL;
    if (full && tn_file_exists(full))
        push(r, TN_SHELL_RUNS, full);
}

static void python(reader *r, size_t i)
{
    for (; i < r->n && r->word[i].text[0] == '-'; i++) {
        if (is(r, i, "-m")) {
            runs_module(r, i + 1);
            return;
        }
        if (!r->word[i].certain || is(r, i, "-c") || is(r, i, "-"))
            return;
        i += is(r, i, "-W") || is(r, i, "-X") || is(r, i, "--check-hash-based-pycs");
    }
    runs_file(r, i);
}

/* `git commit` and `git push` with --no-verify (or an unmistakable beginning of it), `git commit -n`, alone or among other letters,
 * or with the hooks led elsewhere. */
static void git(reader *r, size_t i)
{
    const char *dir = r->dir;
    bool past = false;
    for (; i < r->n && r->word[i].text[0] == '-'; i++) {
        if (is(r, i, "-c") && i + 1 < r->n)
            past |= strncasecmp(r->word[++i].text, "core.hooksPath=", strlen("core.hooksPath=")) == 0 /* as git reads it */;
        else if (is(r, i, "-C") && i + 1 < r->n) {
            i++;
            dir = dir && r->word[i].certain ? tn_path_join(r->a, dir, r->word[i].text) : NULL;
        }
    }
    bool commit = is(r, i, "commit"), pushes = is(r, i, "push");
    if ((!commit && !pushes) || !dir)
        return;
    for (i++; i < r->n && !is(r, i, "--"); i++) {
        tn_str w = tn_str_of(r->word[i].text);
        if (!r->word[i].certain || w.len < 2 || w.ptr[0] != '-')
            continue;
        if (w.ptr[1] == '-') {
            past |= w.len >= strlen("--no-veri") && tn_str_starts(TN_STR("--no-verify"), r->word[i].text);
            i += tn_str_is(w, "--message") || tn_str_is(w, "--file") || tn_str_is(w, "--author") || tn_str_is(w, "--date") || tn_str_is(w, "--template");
            continue;
        }
        /* Letters of `commit` that take a value end the cluster: `-mn` is a message. `-n` of push is a dry run. */
        size_t k = 1;
        for (; k < w.len && !strchr("mFcCtuS", w.ptr[k]); k++)
            past |= commit && w.ptr[k] == 'n';
        i += commit && k + 1 == w.len && strchr("mFcCt", w.ptr[k]);
    }
    if (past)
        push(r, commit ? TN_SHELL_COMMIT_UNCHECKED : TN_SHELL_PUSH_UNCHECKED, dir);
}

static bool is_assignment(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n && text[n] == '=' && !(text[0] >= '0' && text[0] <= '9');
}

static bool is_python(const char *name)
{
    tn_str base = tn_path_name(tn_str_of(name));
    if (!tn_str_starts(base, "python") && !tn_str_is(base, "ipython") && !tn_str_is(base, "ipython3"))
        return false;
    return tn_str_starts(base, "ipython") || strspn(base.ptr + 6, "0123456789.") == base.len - 6;
}

static void change_dir(reader *r, size_t i)
{
    i += is(r, i, "--");
    const char *dir = i < r->n && r->word[i].certain && r->dir && r->word[i].text[0] != '-' ? tn_path_join(r->a, r->dir, r->word[i].text) : NULL;
    r->dir = dir && !r->nested && tn_file_is_dir(dir) ? dir : NULL;
}

static void simple_command(reader *r)
{
    static const char *const before[] = {"then", "do", "else", "if", "while", "until", "!", "{", "time", "nohup", "exec", "command", "env", "sudo"};
    size_t i = 0;
    for (bool skipped = true; skipped && i < r->n;) {
        skipped = is_assignment(r->word[i].text);
        for (size_t k = 0; k < TN_COUNT(before); k++)
            skipped |= is(r, i, before[k]);
        i += skipped;
    }
    if ((is(r, i, "uv") || is(r, i, "poetry") || is(r, i, "pipenv") || is(r, i, "pdm")) && is(r, i + 1, "run"))
        i += 2;
    if (i >= r->n || !r->word[i].certain)
        return;
    if (is(r, i, "cd") || is(r, i, "pushd"))
        change_dir(r, i + 1);
    else if (is(r, i, "popd"))
        r->dir = NULL;
    else if (is_python(r->word[i].text))
        python(r, i + 1);
    else if (ends_in(r->word[i].text, ".py"))
        runs_file(r, i);
    else if (is(r, i, "torchrun") || is(r, i, "deepspeed") || (is(r, i, "accelerate") && is(r, i + 1, "launch")))
        runs_first(r, i + 1, ".py");
    else if (is(r, i, "papermill"))
        runs_first(r, i + 1, ".ipynb");
    else if (is(r, i, "jupyter") && is(r, i + 1, "nbconvert")) {
        bool executes = false;
        for (size_t k = i + 2; k < r->n; k++)
            executes |= is(r, k, "--execute");
        if (executes)
            runs_first(r, i + 2, ".ipynb");
    } else if (is(r, i, "git")) {
        git(r, i + 1);
    }
}

/* ---- the line ---- */

/* Skips `>`, `>>`, `<`, `2>&1` and the file behind; a here-document's text is not ours to read. */
static bool redirection(reader *r)
{
    word file;
    if (r->line.len - r->at > 1 && r->line.ptr[r->at] == '<' && r->line.ptr[r->at + 1] == '<')
        return false;
    while (peek(r) == '<' || peek(r) == '>' || peek(r) == '&' || peek(r) == '|')
        r->at++;
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
    return peek(r) != '(' && read_word(r, &file);
}

static void read_command(reader *r)
{
    for (r->n = 0; !r->end && r->at < r->line.len;) {
        char c = peek(r);
        if (c == ' ' || c == '\t') {
            r->at++;
        } else if (c == '\\' && r->at + 1 < r->line.len && r->line.ptr[r->at + 1] == '\n') {
            r->at += 2;
        } else if (c == '#') {
            size_t end = tn_str_find(r->line, TN_STR("\n"), r->at);
            r->at = end == SIZE_MAX ? r->line.len : end;
        } else if (c == '>' || c == '<' || (c == '&' && r->at + 1 < r->line.len && r->line.ptr[r->at + 1] == '>')) {
            r->n -= r->n && r->at && strchr("0123456789", r->line.ptr[r->at - 1]) && strlen(r->word[r->n - 1].text) == 1; /* the 2 of 2> */
            r->end = !redirection(r);
        } else if (c == '(' || c == ')') {
            r->nested = true;
            r->at++;
            return;
        } else if (strchr(";&|\n", c)) {
            r->at++;
            return;
        } else if (c == 0 || r->n == MAX_WORDS || !read_word(r, &r->word[r->n])) {
            r->n = 0; /* half a command says nothing */
            r->end = true;
        } else {
            r->n++;
        }
    }
}

tn_status tn_shell_read(tn_str command, const char *cwd, tn_arena *a, tn_shell_actions *out, tn_err *err)
{
    *out = (tn_shell_actions){TN_ARENA_ARRAY(a, tn_shell_action, MAX_ACTIONS), 0};
    reader *r = tn_arena_calloc(a, sizeof *r);
    if (!out->at || !r)
        return tn_fail_nomem(err, sizeof *r);
    *r = (reader){.line = tn_str_sub(command, 0, MAX_LINE), .dir = cwd, .a = a, .out = out};
    while (!r->end && r->at < r->line.len) {
        read_command(r);
        simple_command(r);
    }
    return TN_OK;
}
