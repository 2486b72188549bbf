/* Any text is judged as an answer, a card, a brief, a plan and a rules file: findings lie in it, and have a remedy. */
#include "fuzz.h"

#include "check/checkers.h"

TN_FUZZ(documents, bytes)
{
    static tn_checker *const checker[] = {tn_check_answer, tn_check_model_card, tn_check_data_card, tn_check_brief, tn_check_plan, tn_check_rules_file};
    tn_err err = TN_ERR_INIT;
    tn_findings f;
    tn_arena *a = tn_arena_new(0);
    tn_check_source source = {.path = TN_STR("AGENTS.md"), .text = tn_str_from_bytes(bytes), .arena = a};
    size_t lines = 1;
    for (size_t i = 0; i < bytes.len; i++)
        lines += bytes.ptr[i] == '\n';
    for (size_t i = 0; i < TN_COUNT(checker); i++) {
        TN_ASSERT(tn_findings_init(&f, &err) == TN_OK);
        TN_ASSERT(checker[i](&source, &f, &err) == TN_OK);
        for (size_t k = 0; k < f.list.len; k++)
            TN_ASSERT(f.list.ptr[k].rule && f.list.ptr[k].line <= lines + 1 && f.list.ptr[k].message.len);
        tn_findings_free(&f);
        tn_arena_reset(a);
    }
    tn_arena_free(a);
    return TN_OK;
}
