#include "commands.h"

#include "base/child.h"
#include "base/file.h"
#include "check/hook.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { MAX_EVENT = 64 << 20, MAX_REFS = 1 << 20 };

static const char *own_path(const cli *c)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? tn_str_c(c->arena, (tn_str){path, (size_t)n}) : NULL;
}

/* What hooks call: "tenet" where PATH leads to this very program, so that settings can be shared; else its full path. */
static const char *program_name(const cli *c)
{
    const char *own = own_path(c), *path = getenv("PATH");
    tn_str rest = tn_str_of(path ? path : ""), dir;
    struct stat a, b;
    if (!own || stat(own, &a) != 0)
        return "tenet";
    while (tn_str_cut(&rest, ':', &dir)) {
        const char *candidate = dir.len ? tn_path_join(c->arena, tn_str_c(c->arena, dir), "tenet") : NULL;
        if (candidate && access(candidate, X_OK) == 0)
            return stat(candidate, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev ? "tenet" : cli_quoted(c, own);
    }
    return cli_quoted(c, own);
}

/* ---- the self-test: real events, real repositories, this program as a child ---- */

typedef struct {
    cli *c;
    const char *program, *dir;
    const char *const *env; /* without git's own variables, which lead to the repository that we may be called from */
    size_t n_failed;
} self_test;

/* Breaks govern-userdata and govern-provenance. Nobody's token: its halves meet only here. */
static const char bad_code[] = "from huggingface_hub import login\nfrom transformers import AutoModel\n\nlogin(\"hf_" "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbC\")\n"
                               "model = AutoModel.from_pretrained(\"someone/some-model\", trust_remote_code=True)\n";
static const char good_code[] = "def mean(values):\n    return sum(values) / len(values)\n";

static tn_status clean_environment(self_test *t, tn_err *err)
{
    static const char *const own[] = {"GIT_AUTHOR_NAME=tenet", "GIT_AUTHOR_EMAIL=tenet@localhost", "GIT_COMMITTER_NAME=tenet", "GIT_COMMITTER_EMAIL=tenet@localhost",
                                      "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"};
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    const char **env = TN_ARENA_ARRAY(t->c->arena, const char *, n + TN_COUNT(own) + 1);
    if (!env)
        return tn_fail_nomem(err, n * sizeof *env);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "GIT_", 4) != 0)
            env[k++] = environ[i];
    for (size_t i = 0; i < TN_COUNT(own); i++)
        env[k++] = own[i];
    env[k] = NULL;
    t->env = env;
    return TN_OK;
}

static tn_status child(self_test *t, const char *const *argv, tn_str input, tn_child_result *out, tn_err *err)
{
    return tn_child_run(&(tn_child){.argv = argv, .env = t->env, .dir = t->dir, .input = tn_str_bytes(input)}, t->c->arena, out, err);
}
#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One step of the test. `code` -1: anything but 0; `said` must stand in what it wrote to stderr (NULL: nothing must). */
static tn_status expect(self_test *t, const char *what, const char *const *argv, tn_str input, int code, const char *said, tn_err *err)
{
    tn_child_result r;
    TN_TRY(child(t, argv, input, &r, err));
    bool right = (code < 0 ? r.exit_code != 0 : r.exit_code == code) && (!said || tn_str_find(r.errors, tn_str_of(said), 0) != SIZE_MAX) && (said || r.errors.len == 0 || code == 0) &&
                 (strcmp(argv[0], t->program) != 0 || r.output.len == 0);
    t->n_failed += !right;
    tn_progress_say(&t->c->progress, "%s %s", right ? "ok  " : "FAIL", what);
    if (!right)
        tn_progress_say(&t->c->progress, "     exit %d: %.*s%.*s", r.exit_code, TN_ARG(r.output), TN_ARG(r.errors));
    return TN_OK;
}

static tn_status write_code(self_test *t, const char *name, const char *text, tn_err *err)
{
    const char *path = tn_path_join(t->c->arena, t->dir, name);
    return path ? tn_file_write(path, tn_str_bytes(tn_str_of(text)), err) : tn_fail_nomem(err, 64);
}

/* {"hook_event_name", "cwd", ...} as the assistant sends it. */
static tn_status event(self_test *t, const char *name, const char *tool, const char *file, const char *text, tn_str *out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "hook_event_name");
    tn_jw_c(&w, name);
    tn_jw_key(&w, "cwd");
    tn_jw_c(&w, t->dir);
    tn_jw_key(&w, "stop_hook_active");
    tn_jw_bool(&w, strcmp(name, "Stop") == 0 && text != NULL);
    tn_jw_key(&w, "tool_name");
    tn_jw_c(&w, tool);
    tn_jw_key(&w, "tool_input");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, strcmp(tool, "Bash") == 0 ? "command" : "file_path");
    tn_jw_c(&w, file);
    tn_jw_key(&w, "content");
    tn_jw_c(&w, text);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK) {
        *out = tn_str_dup(t->c->arena, tn_buf_view(&b));
        st = out->ptr ? TN_OK : tn_fail_nomem(err, b.len);
    }
    tn_buf_free(&b);
    return st;
}

static tn_status start_repository(self_test *t, tn_err *err)
{
    tn_child_result r;
    TN_TRY(child(t, ARGV("git", "init", "--quiet", "."), TN_STR(""), &r, err));
    TN_TRY(write_code(t, "ok.py", good_code, err));
    TN_TRY(child(t, ARGV("git", "add", "ok.py"), TN_STR(""), &r, err));
    TN_TRY(child(t, ARGV("git", "commit", "--quiet", "-m", "start"), TN_STR(""), &r, err));
    return r.exit_code == 0 ? TN_OK : tn_fail(err, TN_EIO, "git cannot commit in %s: %.*s", t->dir, TN_ARG(r.errors));
}

static tn_status test_claude(self_test *t, tn_err *err)
{
    const char *const *hook = ARGV(t->program, "hook", "claude");
    const char *train = tn_path_join(t->c->arena, t->dir, "train.py");
    tn_str e;
    if (!train)
        return tn_fail_nomem(err, 64);
    TN_TRY(start_repository(t, err));
    TN_TRY(event(t, "PreToolUse", "Write", train, bad_code, &e, err));
    TN_TRY(expect(t, "a file with errors is not written", hook, e, 2, "train.py", err));
    TN_TRY(event(t, "PreToolUse", "Write", train, good_code, &e, err));
    TN_TRY(expect(t, "a file without errors is let pass, in silence", hook, e, 0, NULL, err));
    TN_TRY(write_code(t, "train.py", bad_code, err));
    TN_TRY(event(t, "PreToolUse", "Bash", "python3 train.py", NULL, &e, err));
    TN_TRY(expect(t, "a script with errors is not run", hook, e, 2, "train.py", err));
    TN_TRY(event(t, "PreToolUse", "Bash", "python3 ok.py", NULL, &e, err));
    TN_TRY(expect(t, "a script without errors is let pass", hook, e, 0, NULL, err));
    TN_TRY(event(t, "Stop", "", "", NULL, &e, err));
    TN_TRY(expect(t, "the work does not end with errors in it", hook, e, 2, "train.py", err));
    TN_TRY(event(t, "Stop", "", "", "again", &e, err));
    TN_TRY(expect(t, "and is stopped only once", hook, e, 0, NULL, err));
    TN_TRY(write_code(t, "train.py", good_code, err));
    TN_TRY(event(t, "Stop", "", "", NULL, &e, err));
    return expect(t, "work without errors ends", hook, e, 0, NULL, err);
}

static tn_status test_git(self_test *t, tn_err *err)
{
    tn_child_result r;
    TN_TRY(start_repository(t, err));
    TN_TRY(child(t, ARGV(t->program, "hook", "git", "--install", "--quiet"), TN_STR(""), &r, err));
    TN_TRY(child(t, ARGV("git", "init", "--quiet", "--bare", "remote.git"), TN_STR(""), &r, err));
    TN_TRY(child(t, ARGV("git", "remote", "add", "origin", "./remote.git"), TN_STR(""), &r, err));
    TN_TRY(write_code(t, "train.py", bad_code, err));
    TN_TRY(child(t, ARGV("git", "add", "train.py"), TN_STR(""), &r, err));
    TN_TRY(write_code(t, "train.py", good_code, err)); /* the index counts, not the working tree */
    TN_TRY(expect(t, "staged errors are not committed", ARGV("git", "commit", "--quiet", "-m", "bad"), TN_STR(""), -1, "train.py", err));
    TN_TRY(child(t, ARGV("git", "commit", "--quiet", "--no-verify", "-m", "bad"), TN_STR(""), &r, err));
    TN_TRY(expect(t, "committed errors are not pushed", ARGV("git", "push", "--quiet", "origin", "HEAD:main"), TN_STR(""), -1, "train.py", err));
    TN_TRY(child(t, ARGV("git", "add", "train.py"), TN_STR(""), &r, err));
    TN_TRY(expect(t, "what is mended is committed", ARGV("git", "commit", "--quiet", "-m", "good"), TN_STR(""), 0, NULL, err));
    return expect(t, "and pushed", ARGV("git", "push", "--quiet", "origin", "HEAD:main"), TN_STR(""), 0, NULL, err);
}

static tn_status run_self_test(cli *c, tn_status (*test)(self_test *, tn_err *), tn_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char dir[512];
    self_test t = {.c = c, .program = own_path(c), .dir = dir};
    if (!t.program || snprintf(dir, sizeof dir, "%s/tenet-hook-XXXXXX", tmp && tmp[0] ? tmp : "/tmp") >= (int)sizeof dir || !mkdtemp(dir))
        return tn_fail_errno(err, "cannot make a temporary folder");
    tn_status st = clean_environment(&t, err);
    if (st == TN_OK)
        st = test(&t, err);
    if (st == TN_OK && t.n_failed)
        st = tn_fail(err, TN_ERULE, "%zu steps of the self-test fail: this hook protects nothing until they pass", t.n_failed);
    tn_status removed = tn_file_remove(dir, st == TN_OK ? err : NULL);
    if (st == TN_OK && removed == TN_OK)
        tn_progress_say(&c->progress, "The hook blocks what it should, and nothing else");
    return st == TN_OK ? removed : st;
}

/* ---- the commands ---- */

/* How a host is told no: the reason on stderr, and an exit code of its own with no further words. */
static tn_status block(const tn_hook_answer *answer, tn_status code, tn_err *err)
{
    if (!answer->blocks)
        return TN_OK;
    fwrite(answer->reason.ptr, 1, answer->reason.len, stderr);
    if (err)
        err->msg[0] = 0;
    return code;
}

static tn_status claude(cli *c, tn_err *err)
{
    tn_hook_answer answer;
    tn_bytes bytes;
    const char *path;
    if (cli_get(c, "self-test"))
        return run_self_test(c, test_claude, err);
    if (cli_get(c, "install")) {
        TN_TRY(tn_hook_install_claude(".", program_name(c), c->arena, &path, err));
        tn_progress_say(&c->progress, "%s calls the hook before edits and commands, and at the end of the work", path);
        return TN_OK;
    }
    tn_status st = tn_file_read("-", MAX_EVENT, c->arena, &bytes, err);
    if (st == TN_OK)
        st = tn_hook_claude(tn_str_from_bytes(bytes), c->arena, &answer, err);
    /* The host takes 2 as "no" and everything else as "the hook itself failed": a failure of ours must not be a verdict. */
    return st == TN_OK ? block(&answer, TN_EINVALID, err) : TN_ERULE;
}

static const cli_option claude_options[] = {
    {"install", 0, NULL, "write the hook into .claude/settings.json here, and keep what is there"},
    {"self-test", 0, NULL, "prove that it blocks: exit code 0 only then"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_hook_claude = {
    "hook claude", "[--install | --self-test]", "for Claude Code: edits, commands and the end of the work, answered before they happen",
    "Reads one event from standard input. Exit code 2 blocks, with the reason on stderr; 0 says nothing; 1 is a failure of\n"
    "the hook, which blocks nothing. Looked at are Write, Edit, MultiEdit, NotebookEdit (the file as it would be), Bash\n"
    "(scripts that it runs, --no-verify) and Stop (files changed since HEAD, once). Only errors that the change brings.",
    0, 0, claude_options, claude};

/* pre-commit's own runner gives no lines on standard input, but two names; for a first push, only that of the branch. */
static tn_status refs_of_push(cli *c, tn_str *refs, tn_err *err)
{
    const char *from = getenv("PRE_COMMIT_FROM_REF"), *to = getenv("PRE_COMMIT_TO_REF"), *branch = getenv("PRE_COMMIT_LOCAL_BRANCH");
    tn_bytes bytes;
    bool both = from && to && from[0] && to[0];
    if (both || (branch && branch[0])) {
        *refs = tn_str_format(c->arena, "- %s - %s\n", both ? to : branch, both ? from : "0000000000000000000000000000000000000000");
        return refs->ptr ? TN_OK : tn_fail_nomem(err, 256);
    }
    TN_TRY(tn_file_read("-", MAX_REFS, c->arena, &bytes, err));
    *refs = tn_str_from_bytes(bytes);
    return TN_OK;
}

static tn_status git(cli *c, tn_err *err)
{
    const char *which = c->n_args ? c->arg[0] : "", *path;
    tn_hook_answer answer;
    tn_str refs;
    if (cli_get(c, "self-test"))
        return run_self_test(c, test_git, err);
    if (cli_get(c, "install")) {
        TN_TRY(tn_hook_install_git(".", program_name(c), c->arena, &path, err));
        tn_progress_say(&c->progress, "pre-commit and pre-push in %s call the hook", path);
        return TN_OK;
    }
    if (strcmp(which, "pre-commit") == 0) {
        TN_TRY(tn_hook_pre_commit(".", c->arena, &answer, err));
    } else if (strcmp(which, "pre-push") == 0) {
        TN_TRY(refs_of_push(c, &refs, err));
        TN_TRY(tn_hook_pre_push(".", refs, c->arena, &answer, err));
    } else {
        return tn_fail(err, TN_EINVALID, "usage: tenet hook git pre-commit|pre-push, --install or --self-test");
    }
    return block(&answer, TN_ERULE, err);
}

static const cli_option git_options[] = {
    {"install", 0, NULL, "write pre-commit and pre-push into this repository's hooks, in front of what is there"},
    {"self-test", 0, NULL, "prove that it blocks: exit code 0 only then"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_hook_git = {
    "hook git", "[pre-commit|pre-push] [--install | --self-test]", "for git: what is staged or would be pushed, checked before it is",
    "pre-commit looks at the index, not at the working tree; pre-push at the commits named on standard input. Exit code 1\n"
    "stops git. Only errors that the change brings; what was wrong before is found by `tenet check`.",
    0, 3, git_options, git};
