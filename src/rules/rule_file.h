#ifndef TN_RULES_RULE_FILE_H
#define TN_RULES_RULE_FILE_H
/// One rule's Markdown file, read (the format: rules/rules.h). Private to src/rules.

#include "rules/rules.h"

typedef struct {
    tn_rule rule;      /* texts and keys that the file does not hold have ptr NULL; path is not set */
    bool has_severity;
    tn_str also;       /* "## Also", ptr NULL when absent */
} tn_rule_file;

/// Texts are slices of `text`, which must outlive the rule; keys live in the arena. `stem` is the file's name without
/// ".md". TN_EFORMAT with "LINE:COLUMN: ..." where the place is known; whether the file is whole is the caller's question.
tn_status tn_rule_file_parse(tn_str text, tn_str stem, tn_arena *a, tn_rule_file *out, tn_err *err);

/// 2 to 64 lower-case letters, digits and hyphens, a letter first and no hyphen last: ids and sections.
bool tn_rule_name_is_valid(tn_str s);

#endif
