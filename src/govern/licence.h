#ifndef TN_GOVERN_LICENCE_H
#define TN_GOVERN_LICENCE_H
/// Licence verdicts: may this model and this data together be used as the brief says? Facts from catalog/licences.tsv,
/// rules from reference/licences.md §6. For software, not legal advice; where it is a lawyer's question, it says so.

#include "codec/json.h"

typedef enum { TN_LICENCE_ALLOWED, TN_LICENCE_CONDITIONS, TN_LICENCE_LAWYER, TN_LICENCE_REFUSED } tn_licence_kind;
const char *tn_licence_verdict_name(tn_licence_kind k); /* "allowed", "allowed with conditions", "needs a lawyer", "refused" */

typedef struct {
    const char *what; /* "model", "data" */
    tn_str name;
    tn_str licence;   /* Hub id ("apache-2.0"); SPDX spelling is understood; empty = none stated */
    tn_str source;    /* where that was read: "README.md of the model", empty */
} tn_ingredient;

typedef struct {
    tn_licence_kind verdict; /* the strictest of the parts' */
    tn_str reason;           /* one sentence, about the part that decided */
    tn_licence_kind *part;   /* [n] */
    tn_str *part_reason;     /* [n] */
    tn_str *obligation;      /* [n], empty when the licence asks nothing */
} tn_licence_verdict;

/// `use` is "commercial" or "research". Unknown or missing licences are refused, but for data that the user owns: a data
/// file with no card at all is taken as the user's own (what = "data", licence empty, source "own").
tn_status tn_licence_judge(const tn_ingredient *part, size_t n, tn_str use, tn_arena *a, tn_licence_verdict *out, tn_err *err);

/// Reads `license` (or `license_name` with `other`) from the front matter of README.md beside a data file or in a data
/// folder. Without a README the source is "own".
tn_status tn_licence_of_data(const char *path, tn_arena *a, tn_ingredient *out, tn_err *err);

/// {"verdict","reason","parts":[{"what","name","licence","spdx","verdict","reason","obligation"}]}
void tn_licence_write(const tn_ingredient *part, size_t n, const tn_licence_verdict *v, tn_json_writer *w);

/// "yes" when anyone may use, change and pass on what has this licence (credit and share-alike are no bar), "no" when it
/// restricts use, users or changes, "unknown" when none is stated or known.
const char *tn_licence_openness(tn_str licence);

/// The Hub's id for a licence in either spelling; empty when it is not in the catalogue.
tn_str tn_licence_normalise(tn_str name);

#endif
