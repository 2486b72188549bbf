#ifndef TN_CHECK_PY_RULES_TEST_H
#define TN_CHECK_PY_RULES_TEST_H
/// What the tests of the rules over Python share.

#include "test.h"

#include "check/check.h"

/// The rule has a finding in this code.
static inline bool finds(const char *rule, const char *code)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    const tn_rules *rules;
    tn_check_result r;
    ASSERT_OK(tn_rules_load(NULL, "2026-11-24", a, &rules, &err), &err);
    ASSERT_OK(tn_check_text(TN_STR("train.py"), tn_str_of(code), &(tn_check_options){.rules = rules}, &r, &err), &err);
    bool found = false;
    for (size_t i = 0; i < r.findings.list.len; i++)
        found = found || strcmp(r.findings.list.ptr[i].rule, rule) == 0;
    tn_check_result_free(&r);
    tn_arena_free(a);
    return found;
}

#endif
