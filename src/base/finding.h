#ifndef TN_BASE_FINDING_H
#define TN_BASE_FINDING_H
/// A finding: one of the project's rules says no. A result that is collected and shown, not a crash.

#include "base/str.h"

typedef enum { TN_ADVICE, TN_WARNING, TN_ERROR } tn_severity;
const char *tn_severity_name(tn_severity s); /* "advice", "warning", "error" */

typedef struct {
    const char *rule;     /* id in DISCIPLINE: "data-fit" */
    tn_severity severity;
    tn_str path;          /* file, or empty */
    uint32_t line, column; /* from 1; 0 = not about a place */
    tn_str message;       /* one sentence */
    tn_str evidence;      /* the words or numbers it rests on */
    tn_str remedy;        /* what to do */
    tn_str source_line;   /* the text of that line, for people who read it; often empty */
} tn_finding;

typedef struct {
    tn_arena *arena; /* texts of findings live here */
    TN_VEC(tn_finding) list;
} tn_findings;

tn_status tn_findings_init(tn_findings *f, tn_err *err);
void tn_findings_free(tn_findings *f);
/// Copies the finding with its texts; `rule` must outlive the collection: a literal, or in its arena.
tn_status tn_findings_add(tn_findings *f, tn_finding finding, tn_err *err);
/// Forgets all of them.
void tn_findings_clear(tn_findings *f);
size_t tn_findings_count(const tn_findings *f, tn_severity at_least);

/// What stays the same of a finding when lines move: 16 hex digits from rule, path and the words of its line (its
/// evidence where it has no line). Equal ones are told apart by their number in the list.
typedef struct {
    char hex[17];
} tn_fingerprint;
/// One for each finding, in the arena.
tn_status tn_findings_fingerprints(const tn_findings *f, tn_arena *a, tn_fingerprint **out, tn_err *err);
/// Order of places: path, line, column, rule, message. Total.
int tn_finding_cmp(const tn_finding *a, const tn_finding *b);

#endif
