#include "check/checkers.h"

enum { MAX_CHECKERS = 6 };

static tn_checker *const checkers[TN_N_KINDS][MAX_CHECKERS] = {
    [TN_KIND_NONE] = {NULL},
};

tn_checker *const *tn_checkers_of(tn_kind kind)
{
    return checkers[kind];
}
