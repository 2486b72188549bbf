#ifndef TN_RULES_EMBEDDED_H
#define TN_RULES_EMBEDDED_H
/// Text files that are compiled in (tools/embed.py): the catalogue's tables and scripts, the rules.

#include "base/str.h"

typedef struct {
    const char *name; /* file name, NULL ends the list */
    tn_str text;
} tn_embedded;

extern const tn_embedded tn_catalog_files[]; /* catalog/NAME.tsv */
extern const tn_embedded tn_rule_files[];    /* rules/ID.md */
extern const tn_embedded tn_trainer_files[]; /* catalog/trainer/NAME.py */

#endif
