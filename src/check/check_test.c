/* Promises of check/check.h, walk.h, ignore.h, suppress.h, baseline.h, secret.h. */
#include "test.h"

#include "check/check.h"
#include "check/folder.h"
#include "check/ignore.h"
#include "check/secret.h"
#include "check/suppress.h"
#include "check/walk.h"
#include "report/findings.h"

#include <sys/stat.h>

#define TOKEN "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"

static void put(const char *path, const char *text)
{
    tn_err err = TN_ERR_INIT;
    char dir[256];
    snprintf(dir, sizeof dir, "%.*s", TN_ARG(tn_path_dir(tn_str_of(path))));
    ASSERT_OK(tn_file_mkdirs(dir, &err), &err);
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(text)), &err), &err);
}

static const tn_rules *rules_of(tn_arena *a, const char *project)
{
    const tn_rules *r;
    tn_err err = TN_ERR_INIT;
    ASSERT_OK(tn_rules_load(project, "2026-11-24", a, &r, &err), &err);
    return r;
}

static void a_name_or_its_text_says_the_kind(void **state)
{
    static const struct {
        const char *path, *text;
        tn_kind kind;
    } row[] = {
        {"train.py", "", TN_KIND_PYTHON},
        {"a/b.ipynb", "{}", TN_KIND_NOTEBOOK},
        {"stub.pyi", "", TN_KIND_NONE},
        {"README.md", "# A project\n\nWords.\n", TN_KIND_NONE},
        {"README.md", "---\nlicense: mit\nlibrary_name: transformers\n---\n# X\n", TN_KIND_MODEL_CARD},
        {"README.md", "---\ntask_categories: [text-classification]\n---\n# X\n", TN_KIND_DATA_CARD},
        {"README.md", "---\nsdk: gradio\ntitle: x\n---\n", TN_KIND_NONE},
        {"README.md", "# Model Card for X\n", TN_KIND_MODEL_CARD},
        {"MODEL_CARD.md", "words", TN_KIND_MODEL_CARD},
        {"notes.md", "Task: x\nWhy it matters: y\nWhere this applies: z\n", TN_KIND_BRIEF},
        {"brief.md", "anything", TN_KIND_BRIEF},
        {"out.md", "## 1. Task definition\n\n## 2. Model choice\n", TN_KIND_ANSWER},
        {"out.md", "## Model choice\n", TN_KIND_NONE},
        {"plan.yaml", "task: {}\nrecipe: {}\n", TN_KIND_PLAN},
        {"plan.yaml", "steps: []\n", TN_KIND_CONFIG},
        {"AGENTS.md", "", TN_KIND_RULES_FILE},
        {".cursor/rules/x.mdc", "", TN_KIND_RULES_FILE},
        {".cursor/rules.md", "", TN_KIND_RULES_FILE},
        {"sub/.github/copilot-instructions.md", "", TN_KIND_RULES_FILE},
        {".env.local", "", TN_KIND_CONFIG},
        {"image.png", "", TN_KIND_NONE},
        {"", "", TN_KIND_NONE},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_kind k = tn_kind_of(tn_str_of(row[i].path), tn_str_of(row[i].text));
        if (k != row[i].kind)
            fail_msg("%s: %s, wanted %s", row[i].path, tn_kind_name(k), tn_kind_name(row[i].kind));
    }
    tn_kind k;
    assert_true(tn_kind_find(TN_STR("model-card"), &k) && k == TN_KIND_MODEL_CARD);
    assert_false(tn_kind_find(TN_STR("none"), &k));
}

static void patterns_match_as_in_gitignore(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool yes;
    } row[] = {
        {"*.csv", "a.csv", true},     {"*.csv", "d/a.csv", false},     {"a?c", "abc", true},        {"a?c", "a/c", false},
        {"**/x", "x", true},          {"**/x", "a/b/x", true},         {"**/x", "a/bx", false},     {"a/**/b", "a/b", true},
        {"a/**/b", "a/c/d/b", true},  {"a/**", "a/b/c", true},         {"[a-c]x", "bx", true},      {"[!a-c]x", "bx", false},
        {"\\*", "*", true},           {"\\*", "a", false},             {"[", "[", true},            {"", "", true},
        {"*", "", true},              {"a*b*c", "aXbYc", true},        {"a*b*c", "aXbY", false},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if (tn_ignore_match(tn_str_of(row[i].pattern), tn_str_of(row[i].path)) != row[i].yes)
            fail_msg("%s on %s", row[i].pattern, row[i].path);
    tn_ignore g = {0};
    tn_err err;
    ASSERT_OK(tn_ignore_add(&g, TN_STR(""), TN_STR("# words\n*.csv\n!keep.csv\n/top\nlogs/\n"), &err), &err);
    ASSERT_OK(tn_ignore_add(&g, TN_STR("sub"), TN_STR("only\n"), &err), &err);
    assert_true(tn_ignore_has(&g, TN_STR("d/a.csv"), false));
    assert_false(tn_ignore_has(&g, TN_STR("d/keep.csv"), false));
    assert_true(tn_ignore_has(&g, TN_STR("top"), false));
    assert_false(tn_ignore_has(&g, TN_STR("d/top"), false));
    assert_true(tn_ignore_has(&g, TN_STR("d/logs"), true));
    assert_false(tn_ignore_has(&g, TN_STR("d/logs"), false));
    assert_true(tn_ignore_has(&g, TN_STR("sub/x/only"), false));
    assert_false(tn_ignore_has(&g, TN_STR("only"), false));
    TN_VEC_FREE(&g.line);
}

/* A pattern made to blow up ends soon. */
static void a_hostile_pattern_is_bounded(void **state)
{
    char pattern[400], path[4000];
    memset(pattern, '*', sizeof pattern);
    for (size_t i = 1; i < sizeof pattern; i += 2)
        pattern[i] = 'a';
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = 'b';
    assert_false(tn_ignore_match((tn_str){pattern, sizeof pattern}, (tn_str){path, sizeof path}));
}

static void a_suppression_holds_for_its_line_with_a_reason(void **state)
{
    static const char text[] = "x = 1  # tenet: ignore[data-leak] the split is done upstream\n" /* 1 */
                               "# tenet: ignore[eval-cost, data-config]: a teaching example\n"  /* 2 */
                               "# another comment\n"                                            /* 3 */
                               "y = 2\n"                                                        /* 4 */
                               "z = 3  # tenet: ignore[data-leak]\n"                            /* 5 */
                               "<!-- tenet: ignore-file[style-limits] see below -->\n"          /* 6 */
                               "\"w = 4  # tenet: ignore[data-leak] a cell\\n\",\n"             /* 7 */
                               "tenet: ignore[ tenet: ignore[] tenet: ignored[x]";
    static const struct {
        const char *rule;
        uint32_t line;
        bool covered;
    } row[] = {{"data-leak", 1, true},    {"data-leak", 2, false},   {"eval-cost", 4, true},       {"data-config", 4, true},
               {"eval-cost", 3, false},   {"data-leak", 5, false},   {"style-limits", 4, true},    {"data-leak", 7, true}};
    tn_arena *a = tn_arena_new(0);
    tn_suppression *list;
    size_t n;
    tn_err err;
    ASSERT_OK(tn_suppressions_find(tn_str_of(text), a, &list, &n, &err), &err);
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if ((tn_suppression_for(list, n, tn_str_of(row[i].rule), row[i].line) != NULL) != row[i].covered)
            fail_msg("%s in line %u", row[i].rule, row[i].line);
    tn_arena_free(a);
}

static void secrets_are_found_and_never_shown(void **state)
{
    static const struct {
        const char *text;
        bool yes;
    } row[] = {
        {"t = \"" TOKEN "\"", true},
        {"x" TOKEN, false},
        {"hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false},
        {"hf_short", false},
        {"AKIA3QWERTZUPLKJHGFD", true},
        {"AKIAIOSFODNN7EXAMPLE", false},
        {"sk-learn is a library", false},
        {"-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEAx1Yb0hQm4T9vK2pLr8sNc3dWfGjEzUqXoRtB7aViHnMk5l\n", true},
        {"-----BEGIN PRIVATE KEY-----\n...\n", false},
        {"", false},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        size_t at = 0, from, to;
        const char *what;
        if (tn_secret_next(tn_str_of(row[i].text), &at, &what, &from, &to) != row[i].yes)
            fail_msg("%s", row[i].text);
    }
    tn_str masked;
    tn_err err;
    ASSERT_OK(tn_secret_mask(TN_STR("a " TOKEN " b"), a, &masked, &err), &err);
    ASSERT_STR(masked, "a hf_*** b");
    tn_check_options o = {.rules = rules_of(a, NULL)};
    tn_check_result r;
    tn_buf out = TN_BUF_INIT;
    ASSERT_OK(tn_check_text(TN_STR("t.py"), TN_STR("\n  t = \"" TOKEN "\"\n"), &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 1);
    assert_string_equal(r.findings.list.ptr[0].rule, "govern-userdata");
    assert_int_equal(r.findings.list.ptr[0].line, 2);
    assert_int_equal(r.findings.list.ptr[0].column, 8);
    assert_int_equal(r.findings.list.ptr[0].severity, TN_ERROR);
    tn_findings_text(&r.findings, true, &out);
    tn_findings_json(&r.findings, &out);
    tn_findings_junit(&r.findings, &out);
    ASSERT_OK(tn_findings_sarif(&r.findings, o.rules, &out, &err), &err);
    assert_null(strstr(out.ptr, TOKEN));
    assert_non_null(strstr(out.ptr, "hf_***"));
    tn_buf_free(&out);
    tn_check_result_free(&r);
    tn_arena_free(a);
}

static void make_folder(void)
{
    char name[64];
    put("p/.gitignore", "ignored/\n*.log\n");
    put("p/requirements.txt", "torch\n");
    put("p/ignored/x.py", "t = '" TOKEN "'\n");
    put("p/.venv/x.py", "t = '" TOKEN "'\n");
    put("p/env/pyvenv.cfg", "");
    put("p/env/x.py", "t = '" TOKEN "'\n");
    put("p/node_modules/x.js", "t = '" TOKEN "'\n");
    put("p/a.log", TOKEN);
    put("p/image.bin", TOKEN);
    put("out.py", "t = '" TOKEN "'\n");
    (void)!symlink("../../out.py", "p/link.py");
    (void)!symlink("../p", "p/loop");
    (void)!mkfifo("p/pipe.py", 0600);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "p/f/%02d.py", i);
        put(name, i % 2 ? "t = '" TOKEN "'\n\n\nu = '" TOKEN "'\n" : "t = 1\n");
    }
}

static void a_project_leaves_paths_out(void **state)
{
    static const struct {
        const char *path, *ignore;
        size_t n;
    } row[] = {{"left", "", 2}, {"left", "ignore: [third_party/]", 1}, {"left/third_party/lib", "ignore: [third_party/]", 0}, {"./left/../left", "ignore: [/third_party, \"m*.py\"]", 0},
               {"left/third_party/lib/x.py", "ignore: [third_party/]", 1} /* named */, {"left", "ignore: [left/]", 2}};
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_check_result r;
        put("left/main.py", "t = '" TOKEN "'\n");
        put("left/third_party/lib/x.py", "t = '" TOKEN "'\n");
        put("left/tenet.yaml", row[i].ignore);
        tn_check_options o = {.rules = rules_of(a, "left"), .kind = TN_KIND_PYTHON};
        ASSERT_OK(tn_check_paths(&row[i].path, 1, &o, &r, &err), &err);
        if (r.findings.list.len != row[i].n)
            fail_msg("%s, %s: %zu findings", row[i].path, row[i].ignore, r.findings.list.len);
        tn_check_result_free(&r);
        tn_arena_free(a);
    }
}

static void results_do_not_depend_on_threads(void **state)
{
    const char *path[] = {"p/"};
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_buf first = TN_BUF_INIT;
    for (int threads = 1; threads <= 4; threads++) {
        tn_pool *pool;
        tn_check_result r;
        tn_buf out = TN_BUF_INIT;
        ASSERT_OK(tn_pool_new(threads, &pool, &err), &err);
        tn_check_options o = {.rules = rules_of(a, NULL), .pool = pool};
        ASSERT_OK(tn_check_paths(path, 1, &o, &r, &err), &err);
        tn_findings_json(&r.findings, &out);
        if (threads == 1) {
            first = out;
            assert_int_equal(r.findings.list.len, 41); /* two in each of twenty files, and the requirements */
            ASSERT_STR(r.findings.list.ptr[0].path, "p/f/01.py");
            assert_int_equal(r.findings.list.ptr[1].line, 4);
            assert_int_equal(r.n_folders, 1);
        } else {
            assert_string_equal(first.ptr, out.ptr);
            tn_buf_free(&out);
        }
        tn_check_result_free(&r);
        tn_pool_free(pool);
    }
    tn_buf_free(&first);
    tn_arena_free(a);
}

static void named_twice_is_looked_at_once(void **state)
{
    const char *path[] = {"./p/f/01.py", "p", "p/f"};
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_check_result r;
    tn_check_options o = {.rules = rules_of(a, NULL)};
    ASSERT_OK(tn_check_paths(path, 3, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 41);
    tn_check_result_free(&r);
    path[0] = "p/not-there.py";
    ASSERT_FAILS(tn_check_paths(path, 1, &o, &r, &err), TN_ENOENT, &err);
    put("bin.py", "x");
    ASSERT_OK(tn_file_write("bin.py", TN_BYTES("\0\1\2\3"), &err), &err);
    path[0] = "bin.py";
    ASSERT_FAILS(tn_check_paths(path, 1, &o, &r, &err), TN_EFORMAT, &err);
    o.max_files = 10;
    path[0] = "p";
    ASSERT_OK(tn_check_paths(path, 1, &o, &r, &err), &err);
    assert_true(r.cut);
    tn_check_result_free(&r);
    tn_arena_free(a);
}

static void a_baseline_survives_moved_lines(void **state)
{
    static const char before[] = "t = '" TOKEN "'\nu = '" TOKEN "'\nu = '" TOKEN "'\n";
    static const char after[] = "import os\n\n    t = '" TOKEN "'\nu = '" TOKEN "'\nu = '" TOKEN "'\nv = '" TOKEN "'\n";
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_check_result r;
    tn_baseline *known;
    tn_buf text = TN_BUF_INIT;
    tn_check_options o = {.rules = rules_of(a, NULL)};
    ASSERT_OK(tn_check_text(TN_STR("t.py"), TN_STR(before), &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 3);
    ASSERT_OK(tn_baseline_write(&r.findings, &text, &err), &err);
    tn_check_result_free(&r);
    ASSERT_OK(tn_baseline_parse(tn_buf_view(&text), a, &known, &err), &err);
    o.baseline = known;
    ASSERT_OK(tn_check_text(TN_STR("t.py"), TN_STR(before), &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 0);
    assert_int_equal(r.n_known, 3);
    tn_check_result_free(&r);
    ASSERT_OK(tn_check_text(TN_STR("t.py"), TN_STR(after), &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 1);
    assert_int_equal(r.findings.list.ptr[0].line, 6);
    tn_check_result_free(&r);
    ASSERT_FAILS(tn_baseline_parse(TN_STR("# x\nnonsense\n"), a, &known, &err), TN_EFORMAT, &err);
    tn_buf_free(&text);
    tn_arena_free(a);
}

static void settings_reach_the_findings(void **state)
{
    const char *path[] = {"q"};
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_check_result r;
    put("q/a.py", "t = '" TOKEN "'\n");
    put("q/requirements.txt", "torch\n");
    put("q/tenet.yaml", "rules:\n  constraint-reproduce: {severity: advice, reason: a demo, until: 2027-01-01}\n"
                        "waivers:\n  - {rule: govern-userdata, path: a.py, reason: revoked, until: 2027-01-01}\n");
    tn_check_options o = {.rules = rules_of(a, "q")};
    ASSERT_OK(tn_check_paths(path, 1, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 1);
    assert_int_equal(r.findings.list.ptr[0].severity, TN_ADVICE);
    assert_int_equal(r.n_waived, 1);
    tn_check_result_free(&r);
    o.min_severity = TN_WARNING;
    ASSERT_OK(tn_check_paths(path, 1, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 0);
    tn_check_result_free(&r);
    put("q/tenet.yaml", "rules:\n  govern-userdata: {severity: off, reason: a demo, until: 2026-01-01}\n");
    o = (tn_check_options){.rules = rules_of(a, "q")};
    ASSERT_OK(tn_check_paths(path, 1, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 3); /* both, and the change that no longer holds */
    tn_check_result_free(&r);
    tn_arena_free(a);
}

static void a_mark_without_reason_is_a_finding(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_check_result r;
    tn_check_options o = {.rules = rules_of(a, NULL)};
    tn_str text = TN_STR("t = '" TOKEN "'  # tenet: ignore[govern-userdata]\nu = 1  # tenet: ignore[no-such] whatever\n"
                         "v = '" TOKEN "'  # tenet: ignore[govern-userdata] revoked long ago\n");
    ASSERT_OK(tn_check_text(TN_STR("t.py"), text, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 3);
    assert_int_equal(r.n_suppressed, 1);
    assert_string_equal(r.findings.list.ptr[2].rule, "order-context");
    tn_check_result_free(&r);
    o.no_suppressions = true;
    ASSERT_OK(tn_check_text(TN_STR("t.py"), text, &o, &r, &err), &err);
    assert_int_equal(r.findings.list.len, 2);
    tn_check_result_free(&r);
    tn_arena_free(a);
}

static void memory_that_ends_is_said(void **state)
{
    const char *path[] = {"q"};
    tn_err err;
    tn_status st;
    tn_arena *a = tn_arena_new(0);
    tn_check_options o = {.rules = rules_of(a, "q")};
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_check_result r;
        st = tn_check_paths(path, 1, &o, &r, &err);
        if (st == TN_OK)
            tn_check_result_free(&r);
    });
    tn_arena_free(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_or_its_text_says_the_kind),
        cmocka_unit_test(patterns_match_as_in_gitignore),
        cmocka_unit_test(a_project_leaves_paths_out),
        cmocka_unit_test(a_hostile_pattern_is_bounded),
        cmocka_unit_test(a_suppression_holds_for_its_line_with_a_reason),
        cmocka_unit_test(secrets_are_found_and_never_shown),
        cmocka_unit_test(results_do_not_depend_on_threads),
        cmocka_unit_test(named_twice_is_looked_at_once),
        cmocka_unit_test(a_baseline_survives_moved_lines),
        cmocka_unit_test(settings_reach_the_findings),
        cmocka_unit_test(a_mark_without_reason_is_a_finding),
        cmocka_unit_test(memory_that_ends_is_said),
    };
    enter_temp_folder();
    make_folder();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
