/* Promises of check/hook.h, in a repository of their own. "Bad" is a text that gives a token away: a rule that no other
 * checker's doubts touch. */
#include "test.h"

#include "base/child.h"
#include "check/hook.h"
#include "codec/json.h"

#include <sys/stat.h>

#define TOKEN "hf_" "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbC"
#define OTHER "hf_" "zY3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zQrS"
static const char bad[] = "login(\"" TOKEN "\")\n", good[] = "print(1)\n";

static void put(const char *path, const char *text)
{
    tn_err err;
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(text)), &err), &err);
}

static void git_(const char *const *word)
{
    const char *argv[16] = {"git"};
    tn_err err;
    tn_child_result r;
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; word[i]; i++)
        argv[i + 1] = word[i];
    ASSERT_OK(tn_child_run(&(tn_child){.argv = argv}, a, &r, &err), &err);
    if (r.exit_code)
        fail_msg("git %s: %s", word[0], r.errors.ptr);
    tn_arena_free(a);
}
#define GIT(...) git_((const char *const[]){__VA_ARGS__, NULL})

/* A fresh repository with one commit, and we in it. */
static char repository[64];
static void fresh(void)
{
    static int n;
    snprintf(repository, sizeof repository, "%s/r%d", temp_folder, n++);
    assert_int_equal(mkdir(repository, 0700), 0);
    assert_int_equal(chdir(repository), 0);
    GIT("init", "-q", "-b", "main", ".");
    put("old.py", bad);
    put("ok.py", good);
    GIT("add", ".");
    GIT("commit", "-q", "--no-verify", "-m", "start");
}

/* The event, with {"hook_event_name", "cwd"} around the members given. */
static bool claude(const char *name, const char *members, const char *said)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_hook_answer answer;
    tn_str event = tn_str_format(a, "{\"session_id\":\"s\",\"transcript_path\":\"t\",\"cwd\":\"%s\",\"hook_event_name\":\"%s\"%s%s}", repository, name, members[0] ? "," : "", members);
    ASSERT_OK(tn_hook_claude(event, a, &answer, &err), &err);
    bool blocks = answer.blocks;
    if (blocks != (answer.reason.len > 0))
        fail_msg("%s: a reason goes with a block", members);
    if (said && tn_str_find(answer.reason, tn_str_of(said), 0) == SIZE_MAX)
        fail_msg("%s: \"%s\" is not said in: %.*s", members, said, TN_ARG(answer.reason));
    if (tn_str_find(answer.reason, TN_STR(TOKEN), 0) != SIZE_MAX)
        fail_msg("the token itself is said");
    tn_arena_free(a);
    return blocks;
}

#define TOOL(name, input) "\"tool_name\":\"" name "\",\"tool_input\":{" input "}"
#define BAD "login(\\\"" TOKEN "\\\")\\n"

static void edits_are_judged_by_what_they_bring(void **state)
{
    static const struct {
        const char *what, *event;
        bool blocks;
    } rows[] = {
        {"a bad new file", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"" BAD "\""), true},
        {"a good new file", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"print(2)\""), false},
        {"an absolute path", TOOL("Write", "\"file_path\":\"/nowhere/new.py\",\"content\":\"" BAD "\""), true},
        {"a kind that is not ours", TOOL("Write", "\"file_path\":\"new.xyz\",\"content\":\"" BAD "\""), false},
        {"a bad file written as it was", TOOL("Write", "\"file_path\":\"old.py\",\"content\":\"" BAD "\""), false},
        {"a bad file, edited elsewhere", TOOL("Write", "\"file_path\":\"old.py\",\"content\":\"import os\\n" BAD "\""), false},
        {"a bad file, made worse", TOOL("Write", "\"file_path\":\"old.py\",\"content\":\"" BAD "login(\\\"" OTHER "\\\")\\n\""), true},
        {"an excuse of its own", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"login(\\\"" TOKEN "\\\") # tenet: ignore[govern-userdata] it is only a test\\n\""), true},
        {"an edit that brings it", TOOL("Edit", "\"file_path\":\"ok.py\",\"old_string\":\"print(1)\",\"new_string\":\"login('" TOKEN "')\""), true},
        {"an edit that does not", TOOL("Edit", "\"file_path\":\"ok.py\",\"old_string\":\"1\",\"new_string\":\"2\""), false},
        {"an edit that takes it out", TOOL("Edit", "\"file_path\":\"old.py\",\"old_string\":\"" TOKEN "\",\"new_string\":\"\""), false},
        {"an edit that will fail", TOOL("Edit", "\"file_path\":\"ok.py\",\"old_string\":\"nothing\",\"new_string\":\"" TOKEN "\""), false},
        {"an edit of a new file", TOOL("Edit", "\"file_path\":\"new.py\",\"old_string\":\"\",\"new_string\":\"" BAD "\""), true},
        {"everywhere", TOOL("Edit", "\"file_path\":\"ok.py\",\"old_string\":\"1\",\"new_string\":\"'" TOKEN "'\",\"replace_all\":true"), true},
        {"several edits, together bad", TOOL("MultiEdit", "\"file_path\":\"ok.py\",\"edits\":[{\"old_string\":\"1\",\"new_string\":\"'hf_X'\"},{\"old_string\":\"hf_X\",\"new_string\":\"" TOKEN "\"}]"), true},
        {"several edits, mended by the last", TOOL("MultiEdit", "\"file_path\":\"ok.py\",\"edits\":[{\"old_string\":\"1\",\"new_string\":\"'" TOKEN "'\"},{\"old_string\":\"'" TOKEN "'\",\"new_string\":\"2\"}]"), false},
        {"a notebook's cell", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_id\":\"a\",\"new_source\":\"login('" TOKEN "')\""), true},
        {"a good cell", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_id\":\"a\",\"new_source\":\"print(2)\""), false},
        {"a cell by number", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_number\":0,\"new_source\":\"login('" TOKEN "')\""), true},
        {"a new cell", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_id\":\"a\",\"edit_mode\":\"insert\",\"cell_type\":\"code\",\"new_source\":\"login('" TOKEN "')\""), true},
        {"a cell taken out", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_id\":\"a\",\"edit_mode\":\"delete\",\"new_source\":\"\""), false},
        {"a cell that is not there", TOOL("NotebookEdit", "\"notebook_path\":\"nb.ipynb\",\"cell_id\":\"z\",\"new_source\":\"login('" TOKEN "')\""), false},
        {"no path", TOOL("Write", "\"content\":\"" BAD "\""), false},
        {"numbers for texts", TOOL("Write", "\"file_path\":7,\"content\":7"), false},
        {"no input", "\"tool_name\":\"Write\"", false},
        {"another tool", TOOL("Read", "\"file_path\":\"old.py\""), false},
        {"a script with errors", TOOL("Bash", "\"command\":\"python old.py\""), true},
        {"a script without", TOOL("Bash", "\"command\":\"python ok.py\""), false},
        {"a script that is looked at", TOOL("Bash", "\"command\":\"cat old.py\""), false},
        {"no command", TOOL("Bash", ""), false},
    };
    fresh();
    put("nb.ipynb", "{\"cells\":[{\"cell_type\":\"code\",\"id\":\"a\",\"metadata\":{},\"source\":[\"print(1)\"],\"outputs\":[],\"execution_count\":null}],\"metadata\":{},\"nbformat\":4,\"nbformat_minor\":5}");
    for (size_t i = 0; i < TN_COUNT(rows); i++)
        if (claude("PreToolUse", rows[i].event, NULL) != rows[i].blocks)
            fail_msg("%s: %s", rows[i].what, rows[i].blocks ? "let pass" : "blocked");
    assert_false(claude("PostToolUse", rows[0].event, NULL));
    assert_false(claude("Nonsense", "", NULL));
    assert_true(claude("PreToolUse", rows[0].event, "new.py:1:")); /* named as the assistant names it */
    assert_true(claude("PreToolUse", rows[0].event, "govern-userdata"));
}

/* A script that trains and never evaluates is an error where it stands alone, and none beside one that evaluates. */
static void what_lies_beside_a_file_counts(void **state)
{
    static const char train[] = TOOL("Write", "\"file_path\":\"train.py\",\"content\":\"from transformers import AutoModelForCausalLM, Trainer, TrainingArguments, set_seed\\nset_seed(1)\\n"
                                     "trainer = Trainer(model=AutoModelForCausalLM.from_pretrained('a/b', revision='0123456789012345678901234567890123456789'), "
                                     "args=TrainingArguments('out', seed=1), train_dataset=rows())\\ntrainer.train()\\n\"");
    fresh();
    assert_true(claude("PreToolUse", train, "constraint-evaluate"));
    put("evaluate.py", good);
    assert_false(claude("PreToolUse", train, NULL));
}

static void events_that_are_none_are_told(void **state)
{
    static const char *const rows[] = {"", "[]", "{", "7", "{\"hook_event_name\":7}", "{\"cwd\":\".\"}", "\xff"};
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_err err;
        tn_hook_answer answer;
        tn_arena *a = tn_arena_new(0);
        ASSERT_FAILS(tn_hook_claude(tn_str_of(rows[i]), a, &answer, &err), TN_EFORMAT, &err);
        tn_arena_free(a);
    }
}

static void settings_that_cannot_be_read_open_no_gate(void **state)
{
    fresh();
    put("tenet.yaml", "rules: [broken\n");
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"" BAD "\""), NULL));
    tn_err err;
    tn_hook_answer answer;
    tn_arena *a = tn_arena_new(0);
    put("new.py", bad);
    GIT("add", ".");
    ASSERT_FAILS(tn_hook_pre_commit(".", a, &answer, &err), TN_EFORMAT, &err);
    put("tenet.yaml", "waivers:\n  - {rule: govern-userdata, path: new.py, reason: revoked long ago, until: 2999-12-31}\n");
    assert_false(claude("PreToolUse", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"" BAD "x = 1\""), NULL));
    tn_arena_free(a);
}

/* The program may be called from another folder than the event's: paths count from the event's, or from the top. */
static void waivers_and_ignored_paths_count_from_anywhere(void **state)
{
    fresh();
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(mkdir("sub/vendor", 0700), 0);
    put("sub/new.py", bad);
    put("sub/vendor/a.py", good);
    assert_int_equal(chdir("sub"), 0);
    assert_true(claude("Stop", "", "sub/new.py:1:"));
    put("../tenet.yaml", "waivers:\n  - {rule: govern-userdata, path: sub/new.py, reason: revoked long ago, until: 2999-12-31}\n");
    assert_false(claude("Stop", "", NULL));
    assert_false(claude("PreToolUse", TOOL("Write", "\"file_path\":\"sub/new.py\",\"content\":\"" BAD "x = 1\""), NULL));
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\"new.py\",\"content\":\"" BAD "x = 1\""), NULL));
    put("../tenet.yaml", "ignore: [vendor/, sub/new.py]\n");
    put("vendor/a.py", bad);
    assert_false(claude("Stop", "", NULL));
    assert_false(claude("PreToolUse", TOOL("Write", "\"file_path\":\"sub/vendor/b.py\",\"content\":\"" BAD "\""), NULL));
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\"sub/c.py\",\"content\":\"" BAD "\""), NULL));
}

static void the_work_stops_once_for_its_errors(void **state)
{
    fresh();
    assert_false(claude("Stop", "\"stop_hook_active\":false", NULL)); /* old.py is as it was */
    put("old.py", "import os\nlogin(\"" TOKEN "\")\n");
    assert_false(claude("Stop", "", NULL));
    put("new folder.py", bad);
    assert_true(claude("Stop", "\"stop_hook_active\":false", "new folder.py:1:"));
    assert_false(claude("Stop", "\"stop_hook_active\":true", NULL));
    assert_true(claude("SubagentStop", "", NULL));
    put(".gitignore", "new*\n");
    assert_false(claude("Stop", "", NULL));
    put("ok.py", bad);
    assert_true(claude("Stop", "", "ok.py:1:"));
    GIT("add", "ok.py"); /* staged or not: the same */
    assert_true(claude("Stop", "", NULL));
    put("ok.py", good);
    assert_false(claude("Stop", "", NULL));
    tn_file_remove(".git", NULL);
    assert_false(claude("Stop", "", NULL)); /* no repository: nobody knows what changed */
}

static bool pre_commit(const char *said)
{
    tn_err err = TN_ERR_INIT;
    tn_hook_answer answer;
    tn_arena *a = tn_arena_new(0);
    ASSERT_OK(tn_hook_pre_commit(".", a, &answer, &err), &err);
    if (said && tn_str_find(answer.reason, tn_str_of(said), 0) == SIZE_MAX)
        fail_msg("\"%s\" is not said in: %.*s", said, TN_ARG(answer.reason));
    bool blocks = answer.blocks;
    tn_arena_free(a);
    return blocks;
}

static void the_index_is_checked_not_the_working_tree(void **state)
{
    fresh();
    assert_false(pre_commit(NULL));
    put("new.py", bad);
    assert_false(pre_commit(NULL)); /* not staged */
    GIT("add", "new.py");
    put("new.py", good);
    assert_true(pre_commit("new.py:1:"));
    GIT("add", "new.py");
    put("new.py", bad);
    assert_false(pre_commit(NULL));
    put("-n --cached.py", bad); /* a name that looks like options */
    put("line\nend.py", bad);
    GIT("add", "--", "-n --cached.py");
    assert_true(pre_commit("-n --cached.py:1:"));
    GIT("rm", "-q", "--cached", "--", "-n --cached.py");
    GIT("add", "--", "line\nend.py");
    assert_true(pre_commit("line end.py:1:"));
    GIT("rm", "-q", "--cached", "--", "line\nend.py");
    assert_int_equal(symlink("old.py", "link.py"), 0);
    GIT("add", "link.py");
    GIT("rm", "-q", "ok.py");
    assert_false(pre_commit(NULL)); /* links and removals bring nothing */
    put("marked.py", "login(\"" TOKEN "\")  # tenet: ignore[govern-userdata] revoked, shown in the tutorial\n");
    GIT("add", "marked.py");
    assert_false(pre_commit(NULL)); /* a mark with its reason is the user's to make */
}

static void the_first_commit_is_checked_too(void **state)
{
    fresh();
    tn_file_remove(".git", NULL);
    GIT("init", "-q", ".");
    assert_false(pre_commit(NULL));
    GIT("add", "old.py");
    assert_true(pre_commit("old.py:1:"));
    tn_err err;
    tn_hook_answer answer;
    tn_arena *a = tn_arena_new(0);
    tn_file_remove(".git", NULL);
    ASSERT_FAILS(tn_hook_pre_commit(".", a, &answer, &err), TN_EIO, &err);
    tn_arena_free(a);
}

static const char *id_of(const char *name, tn_arena *a)
{
    tn_err err;
    tn_child_result r;
    const char *argv[] = {"git", "rev-parse", name, NULL};
    ASSERT_OK(tn_child_run(&(tn_child){.argv = argv}, a, &r, &err), &err);
    return tn_str_c(a, tn_str_trim(r.output));
}

static bool pre_push(const char *local, const char *remote)
{
    tn_err err = TN_ERR_INIT;
    tn_hook_answer answer;
    tn_arena *a = tn_arena_new(0);
    tn_str refs = tn_str_format(a, "refs/heads/main %s refs/heads/main %s\n", local, remote);
    ASSERT_OK(tn_hook_pre_push(".", refs, a, &answer, &err), &err);
    bool blocks = answer.blocks;
    tn_arena_free(a);
    return blocks;
}

static void what_a_push_brings_is_checked(void **state)
{
    static const char zero[] = "0000000000000000000000000000000000000000", unknown[] = "1111111111111111111111111111111111111111";
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_hook_answer answer;
    fresh();
    const char *start = id_of("HEAD", a);
    assert_true(pre_push(start, zero)); /* everything is new to a remote that has nothing */
    put("new.py", bad);
    GIT("add", ".");
    GIT("commit", "-q", "-m", "bad");
    const char *worse = id_of("HEAD", a);
    assert_true(pre_push(worse, start));
    assert_true(pre_push("HEAD", "HEAD~1"));
    put("new.py", good);
    GIT("add", ".");
    GIT("commit", "-q", "-m", "good");
    const char *mended = id_of("HEAD", a);
    assert_false(pre_push(mended, start)); /* what stands at the end counts */
    assert_false(pre_push(zero, mended));  /* a branch is removed */
    GIT("update-ref", "refs/remotes/origin/main", start);
    assert_true(pre_push(worse, unknown)); /* the nearest commit that a remote has */
    assert_false(pre_push(mended, unknown));
    assert_false(pre_push(start, unknown)); /* nothing new */
    ASSERT_FAILS(tn_hook_pre_push(".", TN_STR("a b c\n"), a, &answer, &err), TN_EFORMAT, &err);
    ASSERT_FAILS(tn_hook_pre_push(".", TN_STR("r --upload-pack=x r 00\n"), a, &answer, &err), TN_EFORMAT, &err);
    ASSERT_OK(tn_hook_pre_push(".", TN_STR(""), a, &answer, &err), &err);
    assert_false(answer.blocks);
    tn_arena_free(a);
}

static tn_str text_of(const char *path, tn_arena *a)
{
    tn_err err;
    tn_bytes bytes;
    ASSERT_OK(tn_file_read(path, 1 << 20, a, &bytes, &err), &err);
    return tn_str_from_bytes(bytes);
}

static void settings_keep_what_the_user_has(void **state)
{
    tn_err err;
    const char *path;
    tn_arena *a = tn_arena_new(0);
    fresh();
    ASSERT_OK(tn_hook_install_claude(".", "tenet", a, &path, &err), &err);
    tn_str first = text_of(path, a);
    ASSERT_OK(tn_hook_install_claude(".", "tenet", a, &path, &err), &err);
    assert_true(tn_str_eq(first, text_of(path, a)));
    assert_true(tn_str_find(first, TN_STR("\"command\": \"tenet hook claude\""), 0) != SIZE_MAX);
    put(path, "{\"model\":\"x\",\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"say done\"}]}],\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"/old/tenet hook claude\"}]}]},\"n\":1e5}");
    ASSERT_OK(tn_hook_install_claude(".", "/new/tenet", a, &path, &err), &err);
    tn_str text = text_of(path, a);
    const tn_json *v;
    ASSERT_OK(tn_json_parse(text, a, &v, &err), &err);
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/model")), "x");
    ASSERT_STR(tn_json_text(tn_json_pointer(v, "/n")), "1e5");
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/hooks/Stop/0/hooks/0/command")), "say done");
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/hooks/Stop/1/hooks/0/command")), "/new/tenet hook claude");
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/hooks/PreToolUse/0/hooks/0/command")), "/new/tenet hook claude");
    assert_int_equal(tn_json_len(tn_json_pointer(v, "/hooks/PreToolUse")), 1);
    /* The hook's place is the user's: an assistant's edit may add to the settings, not take it out. */
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\".claude/settings.json\",\"content\":\"{}\""), "only the user"));
    assert_false(claude("PreToolUse", TOOL("Edit", "\"file_path\":\".claude/settings.json\",\"old_string\":\"say done\",\"new_string\":\"say bye\""), NULL));
    assert_true(claude("PreToolUse", TOOL("Edit", "\"file_path\":\".claude/settings.json\",\"old_string\":\"Write|Edit\",\"new_string\":\"Read\""), "only the user"));
    assert_true(claude("PreToolUse", TOOL("Edit", "\"file_path\":\".claude/settings.json\",\"old_string\":\"PreToolUse\",\"new_string\":\"PostToolUse\""), NULL));
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\".claude/settings.json\",\"content\":\"{ hook claude\""), NULL));
    assert_true(claude("PreToolUse", TOOL("Write", "\"file_path\":\".claude/settings.local.json\",\"content\":\"{\\\"disableAllHooks\\\": true}\""), NULL));
    assert_false(claude("PreToolUse", TOOL("Write", "\"file_path\":\".claude/settings.local.json\",\"content\":\"{\\\"disableAllHooks\\\": false}\""), NULL));
    /* A hook that the user put beside ours stays where it is. */
    put(path, "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"tenet hook claude\"},{\"type\":\"command\",\"command\":\"say done\"}]}]}}");
    ASSERT_OK(tn_hook_install_claude(".", "tenet", a, &path, &err), &err);
    first = text_of(path, a);
    ASSERT_OK(tn_json_parse(first, a, &v, &err), &err);
    assert_int_equal(tn_json_len(tn_json_pointer(v, "/hooks/Stop/0/hooks")), 1);
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/hooks/Stop/0/hooks/0/command")), "say done");
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/hooks/Stop/1/hooks/0/command")), "tenet hook claude");
    ASSERT_OK(tn_hook_install_claude(".", "tenet", a, &path, &err), &err);
    assert_true(tn_str_eq(first, text_of(path, a)));
    static const char *const broken[] = {"{", "[]", "{\"hooks\":[]}", "{\"hooks\":{\"Stop\":{}}}"};
    for (size_t i = 0; i < TN_COUNT(broken); i++) {
        put(path, broken[i]);
        ASSERT_FAILS(tn_hook_install_claude(".", "tenet", a, &path, &err), TN_EFORMAT, &err);
        ASSERT_STR(text_of(path, a), broken[i]);
    }
    tn_arena_free(a);
}

static void hooks_keep_what_the_user_has(void **state)
{
    tn_err err;
    const char *path;
    tn_arena *a = tn_arena_new(0);
    fresh();
    ASSERT_OK(tn_hook_install_git(".", "tenet", a, &path, &err), &err);
    ASSERT_STR(text_of(".git/hooks/pre-commit", a), "#!/bin/sh\n# >>> tenet >>>\ntenet hook git pre-commit || exit 1\n# <<< tenet <<<\n");
    put(".git/hooks/pre-push", "#!/bin/bash\nread refs\necho \"$refs\" > seen\nexit 0\n");
    ASSERT_OK(tn_hook_install_git(".", "true", a, &path, &err), &err);
    tn_str first = text_of(".git/hooks/pre-push", a);
    assert_true(tn_str_ends(first, "# <<< tenet <<<\nread refs\necho \"$refs\" > seen\nexit 0\n"));
    ASSERT_OK(tn_hook_install_git(".", "true", a, &path, &err), &err);
    assert_true(tn_str_eq(first, text_of(".git/hooks/pre-push", a)));
    /* The user's own part still gets the refs. */
    const char *argv[] = {".git/hooks/pre-push", "origin", "url", NULL};
    tn_child_result r;
    ASSERT_OK(tn_child_run(&(tn_child){.argv = argv, .input = TN_BYTES("a b c d\n")}, a, &r, &err), &err);
    assert_int_equal(r.exit_code, 0);
    ASSERT_STR(text_of("seen", a), "a b c d\n");
    assert_true(claude("PreToolUse", TOOL("Bash", "\"command\":\"git commit --no-verify -m x\""), "--no-verify"));
    assert_false(claude("PreToolUse", TOOL("Bash", "\"command\":\"git commit -m x\""), NULL));
    put(".git/hooks/pre-push", "#!/bin/sh -e\ntrue\n");
    ASSERT_OK(tn_hook_install_git(".", "true", a, &path, &err), &err);
    put(".git/hooks/pre-push", "#!/usr/bin/env python3\nprint()\n");
    put(".git/hooks/pre-commit", "#!/bin/sh\necho mine\n");
    ASSERT_FAILS(tn_hook_install_git(".", "tenet", a, &path, &err), TN_EINVALID, &err);
    ASSERT_STR(text_of(".git/hooks/pre-commit", a), "#!/bin/sh\necho mine\n");
    assert_false(claude("PreToolUse", TOOL("Bash", "\"command\":\"git commit --no-verify -m x\""), NULL)); /* no hook of ours to go past */
    tn_file_remove(".git", NULL);
    ASSERT_FAILS(tn_hook_install_git(".", "tenet", a, &path, &err), TN_EINVALID, &err);
    tn_arena_free(a);
}

int main(void)
{
    enter_temp_folder();
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_CEILING_DIRECTORIES", "/tmp", 1);
    static const char *const who[] = {"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"};
    for (size_t i = 0; i < TN_COUNT(who); i++)
        setenv(who[i], i < 2 ? "test" : "test@localhost", 1);
    const struct CMUnitTest test[] = {
        cmocka_unit_test(edits_are_judged_by_what_they_bring),
        cmocka_unit_test(what_lies_beside_a_file_counts),
        cmocka_unit_test(events_that_are_none_are_told),
        cmocka_unit_test(settings_that_cannot_be_read_open_no_gate),
        cmocka_unit_test(waivers_and_ignored_paths_count_from_anywhere),
        cmocka_unit_test(the_work_stops_once_for_its_errors),
        cmocka_unit_test(the_index_is_checked_not_the_working_tree),
        cmocka_unit_test(the_first_commit_is_checked_too),
        cmocka_unit_test(what_a_push_brings_is_checked),
        cmocka_unit_test(settings_keep_what_the_user_has),
        cmocka_unit_test(hooks_keep_what_the_user_has),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
