/* Promises of rules/rules.h: the compiled-in set, a project's settings and its own rules over it. */
#include "test.h"

#include "base/map.h"
#include "rules/rules.h"

static const char today[] = "2026-11-24";

static void all_58_rules_are_compiled_in(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_rules *r;
    ASSERT_OK(tn_rules_load(NULL, today, a, &r, &err), &err);
    assert_int_equal(tn_rules_count(r), 58);
    ASSERT_STR(tn_rules_at(r, 0)->id, "who-persona");
    ASSERT_STR(tn_rules_at(r, 57)->id, "order-example");
    const tn_rule *leak = tn_rules_find(r, TN_STR("data-leak"));
    assert_int_equal(leak->severity, TN_ERROR);
    assert_true(tn_rule_is_needed(leak, NULL, 0));
    assert_null(tn_rules_find(r, TN_STR("data-leaks")));
    assert_true(tn_rules_persona(r).len > 20);
    assert_true(tn_rules_licence_is_allowed(r, TN_STR("mit")));
    assert_null(tn_rules_dir(r));
    tn_arena_free(a);
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest test[] = {
        cmocka_unit_test(all_58_rules_are_compiled_in),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
