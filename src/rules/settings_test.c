/* Promises of rules/settings.h: one row a sentence. */
#include "test.h"

#include "rules/settings.h"

static const tn_str today = {"2026-11-24", 10};

static void everything_that_can_be_said(void **state)
{
    static const char text[] = "persona: You are a senior ML engineer in a bank.\n"
                               "rules_folder: house/rules/\n"
                               "rules:\n"
                               "  data-hub: {severity: off, reason: the data stay in the house, until: 2026-11-24}\n"
                               "  eval-cost: {severity: advice, reason: no deployment this year, until: 2026-11-23}\n"
                               "waivers:\n"
                               "  - {rule: data-config, path: ./src/train.py, match: batch_size, reason: a lesson, until: 2027-01-31}\n"
                               "  - {rule: data-config, path: src/train.py, line: 12, reason: a lesson, until: 2024-02-29}\n"
                               "licences: {allowed: [Apache-2.0, MIT, cc-by-4.0]}\n"
                               "ignore: [third_party/, \"*.generated.py\"]\n"
                               "defaults: {use: commercial, budget: {minutes: 10}}\n";
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_settings s;
    ASSERT_OK(tn_settings_parse(TN_STR(text), today, a, &s, &err), &err);
    ASSERT_STR(s.persona, "You are a senior ML engineer in a bank.");
    ASSERT_STR(s.rules_folder, "house/rules");
    assert_int_equal(s.n_changes, 2);
    assert_true(s.change[0].off && !s.change[0].expired); /* `until` is the last day that it holds */
    assert_true(!s.change[1].off && s.change[1].severity == TN_ADVICE && s.change[1].expired && s.change[1].line == 5);
    ASSERT_STR(s.change[1].reason, "no deployment this year");
    assert_int_equal(s.n_waivers, 2);
    ASSERT_STR(s.waiver[0].path, "src/train.py");
    ASSERT_STR(s.waiver[0].match, "batch_size");
    assert_true(s.waiver[0].at_line == 0 && !s.waiver[0].expired && s.waiver[1].at_line == 12 && s.waiver[1].expired);
    assert_true(s.has_licences && s.n_licences == 3);
    ASSERT_STR(s.licence[1], "mit"); /* either spelling, kept as the catalogue's id */
    assert_int_equal(s.n_ignore, 2);
    ASSERT_STR(tn_json_str(tn_json_get(s.defaults, "use")), "commercial");

    static const char *const nothing[] = {"", "# only a comment\n", "---\n", "persona:\nrules:\nwaivers:\nlicences:\nignore:\nassistants:\nrules_folder:\ndefaults:\n"};
    for (size_t i = 0; i < TN_COUNT(nothing); i++) {
        ASSERT_OK(tn_settings_parse(tn_str_of(nothing[i]), today, a, &s, &err), &err);
        assert_true(s.n_changes == 0 && s.n_waivers == 0 && !s.has_licences && s.persona.len == 0 && s.defaults == NULL);
    }
    tn_arena_free(a);
}

static void what_is_wrong_is_named_in_its_place(void **state)
{
    static const struct {
        const char *what, *text, *said;
        tn_status status;
    } row[] = {
        {"not YAML", "rules: {", "", TN_EFORMAT},
        {"a list", "- rules\n", "1:1: tenet.yaml is to be a mapping", TN_EFORMAT},
        {"unknown key", "rule: {}\n", "tenet.yaml has no key \"rule\"; the keys are persona, rules_folder, rules, waivers, licences, ignore, assistants, defaults", TN_EFORMAT},
        {"the same rule twice", "rules:\n  data-hub: {severity: off, reason: a, until: 2027-01-01}\n  data-hub: {severity: off, reason: a, until: 2027-01-01}\n", "3:", TN_EFORMAT},
        {"unknown key of a rule", "rules:\n  data-hub: {level: off}\n", "the keys are severity, reason, until", TN_EFORMAT},
        {"no severity", "rules:\n  data-hub: {reason: a, until: 2027-01-01}\n", "\"severity\" is missing", TN_EFORMAT},
        {"unknown severity", "rules:\n  data-hub: {severity: fatal, reason: a, until: 2027-01-01}\n", "2:24: \"severity\" is error, warning, advice or off, not \"fatal\"", TN_EFORMAT},
        {"no reason", "rules:\n  data-hub: {severity: off, until: 2027-01-01}\n", "\"reason\" is missing", TN_EFORMAT},
        {"blank reason", "rules:\n  data-hub: {severity: off, reason: \"  \", until: 2027-01-01}\n", "\"reason\" is empty", TN_EFORMAT},
        {"no last day", "rules:\n  data-hub: {severity: off, reason: a}\n", "\"until\" is missing", TN_EFORMAT},
        {"no such day", "rules:\n  data-hub: {severity: off, reason: a, until: 2027-02-29}\n", "YYYY-MM-DD, it is \"2027-02-29\"", TN_EFORMAT},
        {"another spelling", "rules:\n  data-hub: {severity: off, reason: a, until: 1.2.2027}\n", "YYYY-MM-DD", TN_EFORMAT},
        {"a number for a day", "rules:\n  data-hub: {severity: off, reason: a, until: 20270101}\n", "until is to be text, it is a number", TN_EFORMAT},
        {"rules as a list", "rules: [data-hub]\n", "rules is to be a mapping", TN_EFORMAT},
        {"waivers as a mapping", "waivers: {data-hub: x}\n", "waivers is to be a list", TN_EFORMAT},
        {"waiver without a path", "waivers:\n  - {rule: data-hub, reason: a, until: 2027-01-01}\n", "2:5: \"path\" is missing", TN_EFORMAT},
        {"waiver without a reason", "waivers:\n  - {rule: data-hub, path: a.py, until: 2027-01-01}\n", "\"reason\" is missing", TN_EFORMAT},
        {"a path that leaves", "waivers:\n  - {rule: data-hub, path: ../a.py, reason: a, until: 2027-01-01}\n", "stays inside", TN_EFORMAT},
        {"a path from the root", "waivers:\n  - {rule: data-hub, path: /a.py, reason: a, until: 2027-01-01}\n", "stays inside", TN_EFORMAT},
        {"line 0", "waivers:\n  - {rule: data-hub, path: a.py, line: 0, reason: a, until: 2027-01-01}\n", "2:", TN_EFORMAT},
        {"the same waiver twice", "waivers:\n  - {rule: data-hub, path: a.py, reason: a, until: 2027-01-01}\n  - {rule: data-hub, path: ./a.py, reason: b, until: 2027-01-02}\n", "the same waiver as in line 2", TN_EFORMAT},
        {"unknown key of a waiver", "waivers:\n  - {rule: data-hub, file: a.py}\n", "the keys are rule, path, line, match, reason, until", TN_EFORMAT},
        {"unknown licence", "licences: {allowed: [apache2]}\n", "\"apache2\" is no licence of the catalogue", TN_EFORMAT},
        {"licences that are no list", "licences: {allowed: mit}\n", "a list of licence ids", TN_EFORMAT},
        {"licences without the list", "licences: {}\n", "a list of licence ids", TN_EFORMAT},
        {"unknown key of licences", "licences: {denied: [mit]}\n", "the keys are allowed", TN_EFORMAT},
        {"a folder outside", "rules_folder: ../rules\n", "inside the project", TN_EFORMAT},
        {"a folder from the root", "rules_folder: /etc\n", "inside the project", TN_EFORMAT},
        {"the project itself as folder", "rules_folder: .\n", "inside the project", TN_EFORMAT},
        {"empty persona", "persona: \"\"\n", "\"persona\" is empty", TN_EFORMAT},
        {"assistants, one", "assistants: cursor\n", "assistants is to be a list", TN_EFORMAT},
        {"assistants, a number", "assistants: [claude, 3]\n", "1:22: an assistant is to be text", TN_EFORMAT},
        {"a list of pieces", "persona: [a, b]\n", "persona is to be text, it is an array", TN_EFORMAT},
        {"patterns that are none", "ignore: [1]\n", "a pattern is to be text", TN_EFORMAT},
        {"unknown default", "defaults: {data: a.csv}\n", "the keys are model, recipe, budget, use, target, language", TN_EFORMAT},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        tn_settings s;
        tn_status st = tn_settings_parse(tn_str_of(row[i].text), today, a, &s, &err);
        if (st != row[i].status || !strstr(err.msg, row[i].said))
            fail_msg("%s: status %d, \"%s\" does not say \"%s\"", row[i].what, (int)st, err.msg, row[i].said);
    }
    tn_arena_free(a);
}

static void days_are_days_of_the_calendar(void **state)
{
    static const char *const good[] = {"2024-02-29", "2000-02-29", "2026-12-31", "0001-01-01"};
    static const char *const bad[] = {"2023-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-4-1", "2026/04/01", "+026-01-01", "2026-+1-01", "", "2026-01-01 "};
    for (size_t i = 0; i < TN_COUNT(good); i++)
        if (!tn_date_is_valid(tn_str_of(good[i])))
            fail_msg("%s is a day", good[i]);
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        if (tn_date_is_valid(tn_str_of(bad[i])))
            fail_msg("%s is no day", bad[i]);
}

static void long_files_are_bounded(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_settings s;
    tn_buf b = TN_BUF_INIT;
    tn_buf_c(&b, "ignore:\n");
    for (int i = 0; i < 1001; i++)
        tn_buf_printf(&b, "  - a%d\n", i);
    ASSERT_FAILS(tn_settings_parse(tn_buf_view(&b), today, a, &s, &err), TN_ELIMIT, &err);
    tn_buf_clear(&b);
    tn_buf_c(&b, "# ");
    for (int i = 0; i < 300000; i++)
        tn_buf_char(&b, 'x');
    ASSERT_FAILS(tn_settings_parse(tn_buf_view(&b), today, a, &s, &err), TN_ELIMIT, &err);
    tn_buf_free(&b);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(everything_that_can_be_said),
        cmocka_unit_test(what_is_wrong_is_named_in_its_place),
        cmocka_unit_test(days_are_days_of_the_calendar),
        cmocka_unit_test(long_files_are_bounded),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
