/* Promises of govern/licence.h, as a table of uses. */
#include "test.h"

#include "govern/licence.h"

static void verdicts_follow_licence_and_use(void **state)
{
    static const struct {
        const char *model, *data, *use;
        tn_licence_kind verdict;
    } row[] = {
        {"mit", "cc0-1.0", "commercial", TN_LICENCE_ALLOWED},
        {"Apache-2.0", "CC0-1.0", "commercial", TN_LICENCE_ALLOWED}, /* SPDX spelling */
        {"apache-2.0", "cc-by-4.0", "commercial", TN_LICENCE_CONDITIONS},
        {"apache-2.0", "gpl-3.0", "research", TN_LICENCE_CONDITIONS},
        {"cc-by-nc-4.0", "cc0-1.0", "commercial", TN_LICENCE_REFUSED},
        {"cc-by-nc-4.0", "cc0-1.0", "research", TN_LICENCE_CONDITIONS},
        {"mit", "cc-by-nc-sa-4.0", "commercial", TN_LICENCE_REFUSED},
        {"", "cc0-1.0", "research", TN_LICENCE_REFUSED},
        {"other", "cc0-1.0", "research", TN_LICENCE_REFUSED},
        {"my-own-terms", "cc0-1.0", "research", TN_LICENCE_REFUSED},
        {"cc-by-nd-4.0", "cc0-1.0", "commercial", TN_LICENCE_LAWYER},
        {"llama3.1", "cc0-1.0", "commercial", TN_LICENCE_CONDITIONS},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err;
        tn_licence_verdict v;
        tn_ingredient part[] = {{"model", TN_STR("m"), tn_str_of(row[i].model), TN_STR("")}, {"data", TN_STR("d"), tn_str_of(row[i].data), TN_STR("")}};
        ASSERT_OK(tn_licence_judge(part, 2, tn_str_of(row[i].use), a, &v, &err), &err);
        if (v.verdict != row[i].verdict)
            fail_msg("%s + %s for %s: %s", row[i].model, row[i].data, row[i].use, tn_licence_verdict_name(v.verdict));
        assert_true(v.reason.len > 10);
    }
    tn_arena_free(a);
}

static void open_is_what_anyone_may_use_change_and_pass_on(void **state)
{
    static const char *const row[][2] = {{"MIT", "yes"}, {"cc-by-sa-4.0", "yes"}, {"agpl-3.0", "yes"}, {"cc-by-nc-4.0", "no"}, {"cc-by-nd-4.0", "no"},
                                         {"llama3.1", "no"}, {"bigscience-openrail-m", "no"}, {"", "unknown"}, {"unknown", "unknown"}, {"my-own-terms", "unknown"}};
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if (strcmp(tn_licence_openness(tn_str_of(row[i][0])), row[i][1]) != 0)
            fail_msg("%s is open: %s", row[i][0], tn_licence_openness(tn_str_of(row[i][0])));
}

static void data_without_a_card_is_the_users_own(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_ingredient part = {.what = "data", .name = TN_STR("x.csv")};
    ASSERT_OK(tn_licence_of_data("/nowhere/x.csv", a, &part, &err), &err);
    tn_licence_verdict v;
    ASSERT_OK(tn_licence_judge(&part, 1, TN_STR("commercial"), a, &v, &err), &err);
    assert_int_equal(v.verdict, TN_LICENCE_CONDITIONS);
    ASSERT_STR(part.source, "own");
    ASSERT_STR(tn_licence_normalise(TN_STR("GPL-3.0-only")), "gpl-3.0");
    assert_int_equal(tn_licence_normalise(TN_STR("nonsense")).len, 0);
    tn_arena_free(a);
}

static void copyleft_takes_no_further_restrictions(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_licence_verdict v;
    tn_ingredient part[] = {{"model", TN_STR("x"), TN_STR("gpl-3.0"), TN_STR("")}, {"model", TN_STR("y"), TN_STR("openrail"), TN_STR("")}};
    ASSERT_OK(tn_licence_judge(part, 2, TN_STR("research"), a, &v, &err), &err);
    assert_int_equal(v.verdict, TN_LICENCE_REFUSED);
    tn_arena_free(a);
}

static tn_status judge(void)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_licence_verdict v;
    tn_ingredient part = {"model", TN_STR("m"), TN_STR("mit"), TN_STR("")};
    tn_status st = a ? tn_licence_judge(&part, 1, TN_STR("research"), a, &v, &err) : TN_ENOMEM;
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = judge());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(verdicts_follow_licence_and_use),
        cmocka_unit_test(open_is_what_anyone_may_use_change_and_pass_on),
        cmocka_unit_test(data_without_a_card_is_the_users_own),
        cmocka_unit_test(copyleft_takes_no_further_restrictions),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
