#ifndef TN_DATA_DUPLICATES_H
#define TN_DATA_DUPLICATES_H
/// Exact and near duplicates in a data set, and which rows must leave because of them.
///
/// Two texts are compared after NFKC, lower case and white-space folding. *Exact*: equal then. *Near*: the sets of
/// their character 5-grams have a Jaccard similarity of at least the threshold (0.8; at 100 characters that is one
/// changed word). Texts under five characters have one gram, themselves. The search is exact: no pair at or above the
/// threshold is missed (prefix filter with verification, no sampling).
///
/// What leaves (the training side is left of the test side in train < validation < test):
///   across splits    the row on the training side, for exact and near pairs; test rows always stay
///   inside train     of exact duplicates one stays: the first row of the label that most of them have (first of
///   equals) inside the rest  everything stays: a test set is not ours to edit; the finding has the count
/// A data set that is not split yet counts as all train. Exact duplicates with different labels are a finding.

#include "data/dataset.h"

typedef enum { TN_DUPLICATE_EXACT, TN_DUPLICATE_NEAR } tn_duplicate_kind;

typedef struct {
    uint32_t row, other; /* `row` is the one that leaves; when both stay, the later one */
    tn_duplicate_kind kind;
    double similarity;           /* 1 for exact pairs */
    tn_split split, other_split; /* as they were when found */
    bool removed;                /* row leaves because of this pair */
} tn_duplicate;

typedef struct {
    size_t n_pairs;
    tn_duplicate
        *pair; /* [n_pairs], sorted by (row, other). Of k equal texts: k-1 pairs with one of them, not k(k-1)/2 */
    size_t n_unlisted;       /* pairs beyond the bound on the list; they count for removal and groups all the same */
    uint32_t *group;         /* [n_rows]: smallest row of the set joined by pairs; itself when it has no duplicate */
    bool *removed;           /* [n_rows] */
    size_t n_exact, n_near;  /* pairs */
    size_t n_removed_across; /* rows that leave because a later split has them */
    size_t n_removed_inside; /* rows that leave as copies inside train */
    size_t n_contradictions; /* sets of equal texts with more than one label */
} tn_duplicates;

typedef struct {
    double threshold;  /* 0 = 0.8; at least 0.5 */
    size_t max_listed; /* 0 = 1 million */
} tn_duplicates_options;

/// Finds them; the data set is not changed. Everything in `out` lives in the arena. The order never depends on hashes.
/// TN_EINTR when interrupted.
tn_status tn_duplicates_find(const tn_dataset *d, const tn_duplicates_options *o, tn_arena *a, tn_duplicates *out,
                             tn_err *err);
/// Sets the split of the rows that leave to TN_SPLIT_REMOVED and adds the findings (data-leak, data-limits).
tn_status tn_duplicates_remove(tn_dataset *d, const tn_duplicates *dup, tn_findings *findings, tn_err *err);

/// The form in which texts are compared, appended to `out`.
tn_status tn_duplicates_fold(tn_str text, tn_buf *out, tn_err *err);

/// data/leaks.csv: id,other_id,kind,similarity,split,other_split,action (removed | kept).
tn_status tn_duplicates_write_csv(const tn_dataset *d, const tn_duplicates *dup, tn_buf *out, tn_err *err);

#endif
