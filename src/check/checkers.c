#include "check/checkers.h"

#include "check/py_check.h"

enum { MAX_CHECKERS = 6 };

static tn_checker *const checkers[TN_N_KINDS][MAX_CHECKERS] = {
    [TN_KIND_NONE] = {NULL},
    [TN_KIND_PYTHON] = {tn_check_secrets, tn_check_python},
    [TN_KIND_NOTEBOOK] = {tn_check_secrets, tn_check_notebook},
    [TN_KIND_ANSWER] = {tn_check_secrets, tn_check_answer},
    [TN_KIND_MODEL_CARD] = {tn_check_secrets, tn_check_model_card},
    [TN_KIND_DATA_CARD] = {tn_check_secrets, tn_check_data_card},
    [TN_KIND_BRIEF] = {tn_check_secrets, tn_check_brief},
    [TN_KIND_PLAN] = {tn_check_secrets, tn_check_plan},
    [TN_KIND_RULES_FILE] = {tn_check_secrets, tn_check_rules_file},
    [TN_KIND_CONFIG] = {tn_check_requirements, tn_check_secrets},
    [TN_KIND_DATA] = {tn_check_data},
    [TN_KIND_RUN] = {tn_check_run},
    [TN_KIND_MODEL] = {tn_check_model},
    [TN_KIND_REPOSITORY] = {tn_check_repository},
};

tn_checker *const *tn_checkers_of(tn_kind kind)
{
    return checkers[kind];
}
