#ifndef TN_CHECK_CHECKERS_H
#define TN_CHECK_CHECKERS_H
/// Which checkers look at which kind. To add one: its name here, its row in checkers.c.

#include "check/check.h"

/* Python and notebooks: one parse, then every rule about code; see the table in the Python checker. */
/* Documents */
tn_checker tn_check_answer; /* check/answer.h */
tn_checker tn_check_model_card, tn_check_data_card;
tn_checker tn_check_brief, tn_check_plan, tn_check_run, tn_check_rules_file;
/* Folders */
tn_checker tn_check_data;
tn_checker tn_check_model;
tn_checker tn_check_repository;
/* Text of any kind */
tn_checker tn_check_requirements; /* requirements.txt, pyproject.toml, environment.yml ..., by name */
tn_checker tn_check_secrets; /* check/secret.h */

/// The checkers of a kind, ending with NULL.
tn_checker *const *tn_checkers_of(tn_kind kind);

#endif
