/* Promises of rules/rules.h: the compiled-in set, a project's settings and its own rules over it. */
#include "test.h"

#include "base/sha256.h"
#include "rules/rules.h"

#include <sys/stat.h>

static const char today[] = "2026-11-24";

static void put(const char *path, const char *text)
{
    tn_err err = TN_ERR_INIT;
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(text)), &err), &err);
}

/* A fresh folder p/ with these settings. */
static void new_project(const char *settings)
{
    tn_file_remove("p", NULL);
    assert_int_equal(tn_file_mkdirs("p/rules", NULL), TN_OK);
    put("p/tenet.yaml", settings);
}

static const tn_rule *rule(const tn_rules *r, const char *id)
{
    const tn_rule *found = tn_rules_find(r, tn_str_of(id));
    assert_non_null(found);
    return found;
}

static void all_58_rules_are_compiled_in(void **state)
{
    static const char *const section[] = {"who", "format", "constraint", "data", "govern", "eval", "style", "brief", "order"};
    static const size_t size[] = {5, 5, 8, 10, 8, 8, 5, 5, 4};
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    ASSERT_OK(tn_rules_load(NULL, today, a, &r, &err), &err);
    assert_int_equal(tn_rules_count(r), 58);
    size_t i = 0, n_error = 0, n_warning = 0;
    for (size_t s = 0; s < TN_COUNT(section); s++)
        for (size_t k = 0; k < size[s]; k++, i++) {
            const tn_rule *x = tn_rules_at(r, i);
            ASSERT_STR(x->section, section[s]);
            assert_int_equal(x->place, k + 1);
            assert_true(tn_str_starts(x->id, section[s]) && x->id.ptr[strlen(section[s])] == '-');
            assert_ptr_equal(tn_rules_find(r, x->id), x);
            assert_true(!x->off && !x->own && !x->change && x->severity == x->written);
            if (x->statement.len > 320 || x->title.len > 70 ||
                (memchr(x->statement.ptr, '\n', x->statement.len) && !tn_str_is(x->id, "who-persona")))
                fail_msg("%.*s: a statement is one line of a prompt, a title a line of a table", TN_ARG(x->id));
            n_error += x->severity == TN_ERROR;
            n_warning += x->severity == TN_WARNING;
        }
    assert_int_equal(n_error, 34);
    assert_int_equal(n_warning, 15);
    assert_null(tn_rules_find(r, TN_STR("data-leaks")));
    assert_null(tn_rules_dir(r));
    size_t n;
    tn_rules_problems(r, &n);
    assert_int_equal(n, 0);
    tn_arena_free(a);
}

static void a_prompt_takes_what_the_brief_needs(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    const tn_str words[] = {TN_STR("select"), TN_STR("edge")};
    ASSERT_OK(tn_rules_load(NULL, today, a, &r, &err), &err);
    assert_true(tn_rule_is_needed(rule(r, "data-leak"), NULL, 0));
    assert_false(tn_rule_is_needed(rule(r, "eval-cost"), words, 1));
    assert_true(tn_rule_is_needed(rule(r, "eval-cost"), words, 2));
    assert_false(tn_rule_is_needed(rule(r, "order-context"), words, 2)); /* for: [] */
    assert_true(tn_rule_is_needed(rule(r, "govern-responsible"), &(tn_str){"human resources", 15}, 1));
    assert_true(tn_rule_is_needed(rule(r, "govern-responsible"), &(tn_str){"govern-responsible", 18}, 1)); /* the brief touches it */
    assert_true(tn_rule_checks(rule(r, "data-leak"), "notebook"));
    assert_false(tn_rule_checks(rule(r, "data-leak"), "model-card"));
    tn_arena_free(a);
}

static void a_project_changes_severities_until_a_day(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    size_t n;
    new_project("persona: You are a nurse who codes.\n"
                "rules:\n"
                "  data-hub: {severity: off, reason: the data stay in the house, until: 2026-11-24}\n"
                "  eval-cost: {severity: advice, reason: no deployment this year, until: 2026-12-31}\n"
                "  data-leak: {severity: warning, reason: an old project, until: 2026-11-23}\n"
                "licences: {allowed: [apache-2.0]}\n");
    ASSERT_OK(tn_rules_load("p", today, a, &r, &err), &err);
    assert_true(rule(r, "data-hub")->off);
    assert_int_equal(rule(r, "eval-cost")->severity, TN_ADVICE);
    assert_int_equal(rule(r, "eval-cost")->written, TN_ERROR);
    ASSERT_STR(rule(r, "eval-cost")->change->reason, "no deployment this year");
    assert_int_equal(rule(r, "data-leak")->severity, TN_ERROR); /* its day has passed: the rule holds again */
    const tn_finding *problem = tn_rules_problems(r, &n);
    assert_int_equal(n, 1);
    assert_string_equal(problem->rule, "data-leak");
    assert_int_equal(problem->severity, TN_ERROR);
    ASSERT_STR(problem->path, "p/tenet.yaml");
    assert_int_equal(problem->line, 5);
    ASSERT_STR(problem->message, "the changed severity of data-leak expired on 2026-11-23; the rule holds as written");
    ASSERT_STR(tn_rules_persona(r), "You are a nurse who codes.");
    assert_true(tn_rules_licence_is_allowed(r, TN_STR("Apache-2.0")));
    assert_false(tn_rules_licence_is_allowed(r, TN_STR("mit")));
    assert_false(tn_rules_licence_is_allowed(r, TN_STR("")));
    assert_string_equal(tn_rules_dir(r), "p");

    /* The day after, nothing is off; without a project everything is as written, and any licence is. */
    ASSERT_OK(tn_rules_load("p", "2026-11-25", a, &r, &err), &err);
    assert_false(rule(r, "data-hub")->off);
    ASSERT_OK(tn_rules_load("p/rules", today, a, &r, &err), &err);
    assert_false(rule(r, "data-hub")->off);
    assert_true(tn_rules_licence_is_allowed(r, TN_STR("llama3.1")));
    /* The default persona is the source document's, word for word: sha256 of its five lines there. */
    assert_string_equal(tn_sha256(tn_str_bytes(tn_rules_persona(r))).hex, "ce3ee0859c0efe664c154f537c5a3d00eb82b0ec8a17a13d58aee83b64a7cc64");
    tn_arena_free(a);
}

static void a_waiver_covers_one_finding(void **state)
{
    static const struct {
        const char *rule, *path;
        uint32_t line;
        const char *message;
        int waiver; /* index, or -1 */
    } row[] = {
        {"data-config", "p/src/train.py", 3, "batch_size=24 in a call", 0},
        {"data-config", "./p//src/../src/train.py", 3, "batch_size=24 in a call", 0},
        {"data-config", "p/src/train.py", 3, "learning_rate=3e-5 in a call", -1},
        {"data-leak", "p/src/train.py", 3, "batch_size=24 in a call", -1},
        {"data-config", "p/train.py", 3, "batch_size=24 in a call", -1},
        {"data-config", "src/train.py", 3, "batch_size=24 in a call", -1}, /* another folder's */
        {"data-leak", "p/a.py", 7, "x", 1},
        {"data-leak", "p/a.py", 8, "x", -1},
        {"data-splits", "p/a.py", 8, "x", -1}, /* expired */
        {"data-leak", "", 7, "x", -1},
    };
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    size_t n;
    char here[1024], absolute[2048];
    new_project("waivers:\n"
                "  - {rule: data-config, path: src/train.py, match: batch_size, reason: a lesson, until: 2026-11-24}\n"
                "  - {rule: data-leak, path: a.py, line: 7, reason: shown on purpose, until: 2027-01-01}\n"
                "  - {rule: data-splits, path: a.py, reason: once, until: 2025-01-01}\n");
    assert_int_equal(symlink("p", "link"), 0);
    assert_non_null(getcwd(here, sizeof here));
    for (int round = 0; round < 2; round++) {
        ASSERT_OK(tn_rules_load(round ? "link" : "p", today, a, &r, &err), &err);
        const tn_settings *s = tn_rules_settings(r);
        for (size_t i = 0; i < TN_COUNT(row); i++) {
            const tn_waiver *want = row[i].waiver < 0 ? NULL : &s->waiver[row[i].waiver];
            tn_finding f = {row[i].rule, TN_ERROR, tn_str_of(row[i].path), row[i].line, 1, tn_str_of(row[i].message), TN_STR(""), TN_STR("")};
            if (tn_rules_waiver(r, &f) != want)
                fail_msg("row %zu of %s", i, round ? "a linked project" : "a project");
            snprintf(absolute, sizeof absolute, "%s/%s", here, row[i].path);
            f.path = tn_str_of(absolute);
            if (row[i].path[0] && tn_rules_waiver(r, &f) != want)
                fail_msg("row %zu by its absolute path", i);
        }
        const tn_finding *problem = tn_rules_problems(r, &n);
        assert_true(n == 1 && strcmp(problem->rule, "data-splits") == 0 && problem->line == 4);
    }
    unlink("link");
    tn_arena_free(a);
}

#define HEAD "---\nid: house-name\nsection: house\ntitle: Names are ours\nseverity: warning\n---\n## Statement\nName a model after its task.\n"

static void a_project_has_rules_of_its_own(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    new_project("rules_folder: rules\nrules:\n  house-name: {severity: error, reason: new in this year, until: 2027-01-01}\n");
    put("p/rules/house-name.md", HEAD);
    put("p/rules/data-leak.md", "---\nid: data-leak\ntitle: No leak\nfor: [banking]\n---\n## Why\nIt cost us a client.\n\n## Also\nCompare by customer number too.\n");
    put("p/rules/data-fit.md", "---\r\nid: data-fit\r\n---\r\n## Statement\r\nOurs.\r\n");
    put("p/rules/README.md", "not a rule");
    put("p/rules/notes.txt", "not a rule");
    ASSERT_OK(tn_rules_load("p", today, a, &r, &err), &err);
    assert_int_equal(tn_rules_count(r), 59);
    const tn_rule *own = tn_rules_at(r, 58), *over = rule(r, "data-leak"), *plain = rule(r, "data-hub");
    ASSERT_STR(own->id, "house-name");
    assert_true(own->own && own->due.len && own->severity == TN_ERROR && own->written == TN_WARNING && own->n_checks == 0);
    assert_true(tn_rule_is_needed(own, NULL, 0)); /* `for` may be left out */
    ASSERT_STR(over->title, "No leak");
    ASSERT_STR(over->why, "It cost us a client.");
    assert_true(tn_str_starts(over->statement, "Never let test data leak") && tn_str_ends(over->statement, "\nCompare by customer number too."));
    assert_false(tn_rule_is_needed(over, NULL, 0));
    assert_true(tn_rule_checks(over, "python") && over->due.len == 0 && over->severity == TN_ERROR && !over->own);
    ASSERT_STR(over->path, "p/rules/data-leak.md");
    ASSERT_STR(plain->path, "rules/data-hub.md");
    ASSERT_STR(rule(r, "data-fit")->statement, "Ours.");

    put("p/tenet.yaml", "persona: x\n"); /* a folder that is not named is not read */
    ASSERT_OK(tn_rules_load("p", today, a, &r, &err), &err);
    assert_int_equal(tn_rules_count(r), 58);
    tn_arena_free(a);
}

static void rule_files_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *name, *text, *said;
    } row[] = {
        {"a-b.md", "## Statement\nx\n", "begins with front matter"},
        {"a-b.md", "---\nid: a-b\n", "never closed"},
        {"a-b.md", "---\nid: a-c\n---\n", "the file's name says \"a-b\", its id \"a-c\""},
        {"a-b.md", "---\nid: a-b\n---\n## Statement\nx\n", "a new one needs section"},
        {"a-b.md", "---\nid: a-b\nsection: A b\ntitle: t\nseverity: error\n---\n## Statement\nx\n", "a new one needs section"},
        {"a-b.md", "---\nid: a-b\nlevel: error\n---\n", "3:8: a rule has no key \"level\"; the keys are id, section, place"},
        {"a-b.md", "---\nid: a-b\nseverity: fatal\n---\n", "severity is error, warning or advice"},
        {"a-b.md", "---\nid: a-b\nplace: 100\n---\n", "place is a number from 1 to 99"},
        {"a-b.md", "---\nid: a-b\nfor: [sometimes]\n---\n", "no word of a brief: \"sometimes\""},
        {"a-b.md", "---\nid: a-b\nfor: always\n---\n", "a list of words"},
        {"a-b.md", "---\nid: a-b\nchecks: [perl]\n---\n", "no kind of source: \"perl\""},
        {"a-b.md", "---\nid: a-b\ntitle: [t]\n---\n", "one line of text"},
        {"a-b.md", "---\nid: a-b\n---\nHello\n## Statement\nx\n", "4:1: text before the first heading"},
        {"a-b.md", "---\nid: a-b\n---\n## Because\nx\n", "4:1: no heading \"Because\" here"},
        {"a-b.md", "---\nid: a-b\n---\n## Why\nx\n## Why\ny\n", "6:1: a second \"## Why\""},
        {"a-b.md", "---\nid: a-b\n---\n## Why\n\n## Good\ny\n", "nothing stands under \"## Why\""},
        {"a-b.md", "---\nid: a-b\n---\n## Why\nx\n## Good\n```python\n## Bad\n", "6:1: a code fence under this heading is never closed"},
        {"a-b.md", "---\nid: a-b\n---\n## Why\nx\xff\n", "no UTF-8"},
        {"a-b.md", HEAD "## Also\nx\n", "a-b"},
        {"house-name.md", HEAD "## Also\nx\n", "has no Also"},
        {"house-name.md", "---\nid: house-name\nsection: house\ntitle: t\nseverity: error\nchecks: [python]\n---\n## Statement\nx\n", "no checker knows it"},
        {"house-name.md", "---\nid: house-name\nsection: house\ntitle: t\nseverity: error\nobey: it is kept\n---\n## Statement\nx\n", "no checker knows it"},
        {"data-leak.md", "---\nid: data-leak\nseverity: advice\n---\n## Why\nx\n", "the severity of data-leak is changed in tenet.yaml"},
        {"data-leak.md", "---\nid: data-leak\nobey: everything\n---\n## Why\nx\n", "a project's file leaves them out"},
        {"eval-kpi.md", "---\nid: eval-kpi\ndue: nothing\n---\n## Why\nx\n", "a project's file leaves them out"},
        {"data-leak.md", "---\nid: data-leak\nsection: who\n---\n## Why\nx\n", "a project's file leaves them out"},
        {"A b.md", HEAD, "named by its id"},
        {"x.md", HEAD, "named by its id"},
        {"-a.md", HEAD, "named by its id"},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        const tn_rules *r;
        char path[64];
        new_project("rules_folder: rules\n");
        snprintf(path, sizeof path, "p/rules/%s", row[i].name);
        put(path, row[i].text);
        tn_status st = tn_rules_load("p", today, a, &r, &err);
        if ((st != TN_EFORMAT && st != TN_EINVALID) || !strstr(err.msg, row[i].said) || !strstr(err.msg, path))
            fail_msg("row %zu: status %d, \"%s\" does not say \"%s\"", i, (int)st, err.msg, row[i].said);
    }
    tn_arena_free(a);
}

static void nothing_leads_out_of_the_project(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    assert_int_equal(tn_file_mkdirs("outside", NULL), TN_OK);
    put("outside/house-name.md", HEAD);
    new_project("rules_folder: away\n");
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_ENOENT, &err);
    assert_int_equal(symlink("../outside", "p/away"), 0);
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "leads out of the project"));

    new_project("rules_folder: rules\n");
    assert_int_equal(symlink("../../outside/house-name.md", "p/rules/house-name.md"), 0);
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EINVALID, &err);
    new_project("rules_folder: rules\n");
    assert_int_equal(mkfifo("p/rules/house-name.md", 0600), 0); /* would be read for ever */
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EINVALID, &err);

    new_project("rules_folder: rules\n");
    char *big = malloc(70000);
    memset(big, 'x', 70000);
    big[69999] = 0;
    put("p/rules/house-name.md", big);
    free(big);
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_ELIMIT, &err);
    new_project("rules_folder: rules\n");
    for (int i = 0; i < 257; i++) {
        char path[64], text[256];
        snprintf(path, sizeof path, "p/rules/house-%d.md", i);
        snprintf(text, sizeof text, "---\nid: house-%d\nsection: house\ntitle: t\nseverity: error\n---\n## Statement\nx\n", i);
        FILE *f = fopen(path, "w"); /* tn_file_write syncs each */
        assert_true(f && fputs(text, f) >= 0 && fclose(f) == 0);
    }
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_ELIMIT, &err);
    unlink("p/rules/house-256.md");
    ASSERT_OK(tn_rules_load("p", today, a, &r, &err), &err);
    assert_int_equal(tn_rules_count(r), 58 + 256);

    new_project("rules:\n  data-leek: {severity: off, reason: x, until: 2027-01-01}\n");
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "p/tenet.yaml:2: there is no rule \"data-leek\""));
    new_project("waivers:\n  - {rule: data-leek, path: a, reason: x, until: 2027-01-01}\n");
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EINVALID, &err);
    new_project("rules: [\n");
    ASSERT_FAILS(tn_rules_load("p", today, a, &r, &err), TN_EFORMAT, &err);
    assert_true(strncmp(err.msg, "p/tenet.yaml:", 13) == 0);
    tn_arena_free(a);
}

static void the_project_is_the_nearest_folder_above(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const char *dir;
    char here[1024], want[1100];
    new_project("persona: x\n");
    assert_non_null(getcwd(here, sizeof here));
    snprintf(want, sizeof want, "%s/p", here);
    put("p/rules/a.py", "");
    assert_int_equal(tn_file_mkdirs("p/inner/.git", NULL), TN_OK);
    static const struct {
        const char *path;
        bool found;
    } row[] = {{"p", true}, {"p/tenet.yaml", true}, {"p/rules", true}, {"p/rules/a.py", true}, {"p/inner", false}, {"nowhere", false}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        ASSERT_OK(tn_rules_project(row[i].path, a, &dir, &err), &err);
        if (row[i].found != (dir && strcmp(dir, want) == 0))
            fail_msg("%s: %s", row[i].path, dir ? dir : "none");
    }
    char day[11];
    tn_rules_today(day);
    assert_true(tn_date_is_valid(tn_str_of(day)));
    tn_arena_free(a);
}

static void every_failed_allocation_is_reported(void **state)
{
    new_project("persona: x\nrules_folder: rules\nrules:\n  data-hub: {severity: off, reason: r, until: 2026-11-23}\n"
                "waivers:\n  - {rule: data-config, path: a.py, reason: r, until: 2027-01-01}\nlicences: {allowed: [mit]}\n");
    put("p/rules/house-name.md", HEAD);
    tn_status st = TN_OK;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(1024);
        tn_err err = TN_ERR_INIT;
        const tn_rules *r;
        st = a ? tn_rules_load("p", today, a, &r, &err) : TN_ENOMEM;
        tn_arena_free(a);
    })
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest test[] = {
        cmocka_unit_test(all_58_rules_are_compiled_in),
        cmocka_unit_test(a_prompt_takes_what_the_brief_needs),
        cmocka_unit_test(a_project_changes_severities_until_a_day),
        cmocka_unit_test(a_waiver_covers_one_finding),
        cmocka_unit_test(a_project_has_rules_of_its_own),
        cmocka_unit_test(rule_files_are_refused_with_a_sentence),
        cmocka_unit_test(nothing_leads_out_of_the_project),
        cmocka_unit_test(the_project_is_the_nearest_folder_above),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
