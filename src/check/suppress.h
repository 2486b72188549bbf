#ifndef TN_CHECK_SUPPRESS_H
#define TN_CHECK_SUPPRESS_H
/// Findings that the text itself answers: `# tenet: ignore[data-leak] the reason`, `<!-- tenet: ignore[a, b] why -->`.
///
/// It holds for its own line or, alone on a line, for the next line that is more than a comment; `ignore-file[...]` holds
/// for the whole file. Only with a reason of at least three letters, and only for the rules that it names.

#include "check/check.h"

typedef struct {
    tn_str rule;
    uint32_t line;    /* it stands in */
    uint32_t holds;   /* the line it holds for; 0 = all */
    bool has_reason;
} tn_suppression;

/// Every suppression in the text, in order; at most 10,000. Fast when there is none.
tn_status tn_suppressions_find(tn_str text, tn_arena *a, tn_suppression **out, size_t *n, tn_err *err);
/// The suppression with a reason that covers this rule and line, or NULL.
const tn_suppression *tn_suppression_for(const tn_suppression *list, size_t n, tn_str rule, uint32_t line);

#endif
