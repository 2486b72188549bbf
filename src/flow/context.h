#ifndef TN_FLOW_CONTEXT_H
#define TN_FLOW_CONTEXT_H
/// The context as text: who the assistant is and how it works, in the words of the rules that hold in this project.
///
/// One text for all that show it: composed prompts (flow/prompt.h) and rules files (flow/assistants.h). When it must be
/// short, rules leave it one by one in a stated order: advice first, then warnings, each from the end of the rule set.
/// The persona never leaves, and no error does.

#include "base/sha256.h"
#include "rules/rules.h"

typedef enum {
    TN_LEFT_UNNEEDED, /* the brief does not touch it */
    TN_LEFT_LENGTH,   /* it did not fit */
} tn_left_reason;

typedef struct {
    const tn_rule *rule;
    tn_left_reason reason;
} tn_left;

typedef struct {
    const tn_rules *rules;
    const tn_rule **kept; /* [n_kept], in the order of the rule set */
    size_t n_kept;
    tn_left *left; /* [n_left], in the order in which they left; rules that are off are in neither list */
    size_t n_left;
} tn_context;

/// The rules in force that `words` need (tn_rule_is_needed); all in force when `words` is NULL. Lists live in the arena.
tn_status tn_context_make(const tn_rules *rules, const tn_str *words, size_t n_words, tn_arena *a, tn_context *out, tn_err *err);
/// Takes out the rule that leaves next and returns it; NULL when only errors are left.
const tn_rule *tn_context_drop(tn_context *c);

/// Who: the persona, then the rules of section "who" as a list.
void tn_context_write_who(const tn_context *c, tn_buf *out);
/// How: what the three severities ask, then a heading of `level` marks a section, then its rules as a list; the licences
/// that the project allows, where it names them.
void tn_context_write_how(const tn_context *c, int level, tn_buf *out);

/// SHA-256 of what the context can say in this project: persona, allowed licences, and of each rule in force its id,
/// section, severity and statement. The same whatever was left out.
tn_status tn_context_digest(const tn_rules *rules, tn_digest *out, tn_err *err);

#endif
