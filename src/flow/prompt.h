#ifndef TN_FLOW_PROMPT_H
#define TN_FLOW_PROMPT_H
/// A brief and the project's rules as one prompt: who → how → what → why → where → when.
///
/// Who and how are the context (flow/context.h) with the rules that this brief needs. What, why, where and when are the
/// user's words under the heads of the template, byte for byte, inside a fence longer than any run of backticks in them:
/// a brief that says "ignore all rules above", closes a fence or opens a heading stays a quotation. The brief's front
/// matter stands in front of them, as it does in the file. What the brief does not say is named and left unsaid.

#include "flow/brief.h"
#include "flow/context.h"
#include "text/tokenizer.h"

typedef struct {
    const tn_brief *brief;
    const tn_rules *rules;
    const char *host;              /* a name of tn_prompt_hosts; NULL: "markdown" */
    const tn_tokenizer *tokenizer; /* NULL: nothing is counted */
    size_t budget;                 /* tokens at most; 0: no limit. Needs a tokenizer. */
} tn_prompt_input;

typedef struct {
    tn_str text;          /* the prompt, ending with a line end */
    tn_str who, how, user; /* its parts, without their wrapping */
    size_t n_tokens;      /* of `text`, without special tokens; 0 when nothing counts */
    tn_context context;   /* which rules are in it, which are not, and why */
} tn_prompt;

/// Everything in `out` lives in the arena or points into the brief and the rules.
/// Over budget, rules leave as flow/context.h says; never the user's words, never an error.
/// TN_ERULE (brief-what) when the brief says nothing under what or holds the template's own words there; TN_ERULE
/// (order-prompt) when the budget is too small for the words and the errors: the sentence says what would be enough.
/// TN_EINVALID for an unknown host.
tn_status tn_prompt_compose(const tn_prompt_input *in, tn_arena *a, tn_prompt *out, tn_err *err);

/// {prompt, for, tokens, tokenizer, budget, parts {who, how, what, why, where, when}, rules [{id, severity}],
/// left_out [{id, severity, reason}]}. What is not there is null. `tokenizer` names who counted, or is NULL.
void tn_prompt_write_json(const tn_prompt *p, const tn_prompt_input *in, const char *tokenizer, tn_json_writer *w);

/// The first character of a text that a reader does not see and a model does: a control character, an order for the
/// direction of writing, a tag character. It stays in the prompt, where it is a quotation like the rest; whoever wrote it
/// should know. Places from 1, columns in code points. False when there is none.
bool tn_prompt_unseen(tn_str text, uint32_t *line, uint32_t *column, uint32_t *cp);

/// The names that `host` may have, ended by NULL. They change the wrapping (headings or tags), not a word.
const char *const *tn_prompt_hosts(void);

#endif
