#ifndef TN_CHECK_PROSE_H
#define TN_CHECK_PROSE_H
/// What answers and cards have in common: rules over prose, as tables of claims and absences, and the names in it.
///
/// A claim is a phrase that must not stand there without its excuse: "state-of-the-art" with no number and no source. An
/// absence is a word that a whole document of its kind must hold: an evaluation that names no baseline. A new rule over
/// prose is a row in one of the tables (prose.c, answer.c, cards.c), or a function of a table of rules.

#include "check/check.h"
#include "check/markdown.h"

typedef struct tn_model_table tn_model_table;

typedef struct {
    const tn_check_source *source;
    const tn_md *md;
    const tn_model_table *models; /* the catalogue's, by name */
    tn_arena *arena; /* the source's */
    tn_findings *findings;
    const char *rule; /* of the row that runs */
    tn_err *err;
    tn_md_range body; /* where rules look: all of it, or less */
} tn_prose;

/// Reads the source's text, which may be no Markdown at all; *too_long tells that it is over the bound and nothing can be said.
tn_status tn_prose_open(const tn_check_source *source, tn_findings *findings, tn_md *md, tn_prose *out, bool *too_long, tn_err *err);

typedef struct {
    const char *rule;
    tn_status (*look)(tn_prose *p, void *facts);
} tn_prose_rule; /* NULL rule ends a table */

/// Adds a finding of p->rule at the range, with its words as evidence (at most 120 bytes).
tn_status tn_prose_say(tn_prose *p, tn_md_range at, const char *remedy, const char *message, ...)
    __attribute__((format(printf, 4, 5)));
/// The same with evidence of the caller's.
tn_status tn_prose_say_with(tn_prose *p, tn_md_range at, tn_str evidence, const char *remedy, const char *message, ...)
    __attribute__((format(printf, 5, 6)));
/// Runs a table.
tn_status tn_prose_run(tn_prose *p, const tn_prose_rule *rule, void *facts);

enum { TN_CLAIM_NUMBER = 1, TN_CLAIM_SOURCE = 2, TN_CLAIM_NEGATED = 4, TN_CLAIM_CLOSE = 8 };
typedef struct {
    const char *rule;
    const char *say;    /* phrases (tn_md_find) */
    const char *with;   /* also needed in the same sentence; NULL: nothing */
    const char *unless; /* an excuse in the same paragraph or item (TN_CLAIM_CLOSE: sentence); NULL: none */
    const char *unless_anywhere; /* an excuse anywhere in the document */
    unsigned excuse;    /* TN_CLAIM_NUMBER: a number in the sentence; _SOURCE: a link or citation in it; _NEGATED: "not" before the phrase */
    const char *message, *remedy;
} tn_claim; /* NULL rule ends a table */
/// At most three findings a row: the fourth would say nothing new.
tn_status tn_prose_claims(tn_prose *p, const tn_claim *claim);

/// "not", "no", "without", "instead of" ... among the four words before the range, in its sentence.
bool tn_prose_negated(const tn_md *m, tn_md_range r);
/// One of the phrases stands there and is not denied: no "no", "without" ... among the two words before it.
bool tn_prose_says(const tn_md *m, tn_md_range in, const char *phrases);
/// A word that begins with a digit and is a measure: "0.81", "93", not "2" of a list or "3.11" of a version.
bool tn_prose_has_number(const tn_md *m, tn_md_range r);
/// How many of them, at most max.
size_t tn_prose_count_numbers(const tn_md *m, tn_md_range r, size_t max);
/// A link, "[3]", "et al.", "arXiv", "(Smith, 2020)".
bool tn_prose_has_source(const tn_md *m, tn_md_range r);

/// A name of a model in the text: an id of the catalogue ("intfloat/multilingual-e5-small", or what follows its slash), or
/// the name of a family ("XLM-R", "PhoBERT").
typedef struct {
    tn_md_range at;
    tn_str name;   /* as written */
    tn_str family; /* "xlm-r"; names of one family are one model in a comparison */
    tn_str id;     /* of the catalogue, or empty */
} tn_model_name;
/// The next one at or behind *at, which moves behind it. Fences are passed over; inline code is read.
bool tn_prose_model(const tn_prose *p, size_t *at, size_t end, tn_model_name *out);

/// Rules that hold for any of our documents: hype, personal data in examples, names that do not exist.
tn_status tn_prose_common(tn_prose *p);
/// Runs the Python checkers on the document's Python fences.
tn_status tn_prose_fences(tn_prose *p);
/// AutoModelForNAME is a class of transformers or trl; NAME is a task of transformers.pipeline, or was one.
bool tn_prose_is_auto_model(tn_str name);
bool tn_prose_is_pipeline(tn_str name);
/// "python", "py", "python3", "pycon", "ipython": a fence in Python.
bool tn_prose_is_python(const tn_md_block *fence);
/// The contents look like a program or a command, not like output or a tree of files.
bool tn_prose_is_code(tn_str text);

#endif
