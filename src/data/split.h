#ifndef TN_DATA_SPLIT_H
#define TN_DATA_SPLIT_H
/// Train, validation and test: given ones are respected, missing ones are made, and which is which is always said.

#include "data/duplicates.h"

typedef struct {
    double validation, test; /* shares of the rows; 0 = 0.1 each; together below 0.9 */
    uint64_t seed;
    const char *group; /* column whose equal cells must stay together (customer, product, the first text of a pair); NULL = none */
    const char *time;  /* column of dates: the newest rows are the test; NULL = none */
    double near;       /* threshold of near duplicates; 0 = 0.8 */
} tn_split_options;

/// Duplicates and splits in the order that is right for the data; the one call that a run makes.
///   splits given, or by time   split what is missing, then find and remove duplicates across the splits
///   else                       remove exact duplicates, then split with each near-duplicate set whole in one split
/// A validation part that has to be taken from a given train part is taken after duplicates left, by whole sets.
/// `dup` lives in the data set's arena. Findings: data-splits, data-leak, data-limits, constraint-overfit.
tn_status tn_data_prepare(tn_dataset *d, const tn_split_options *o, tn_duplicates *dup, tn_findings *findings,
                          tn_err *err);

/// Splits the rows that are in no split yet (or takes the missing parts from train). Pure: depends on rows and seed
/// only. Stratified: each class gets its share by largest remainder, at least one row in each part when it has three or
/// more; smaller classes stay in train, with a finding. `unit` [n_rows] (may be NULL) numbers sets that must stay
/// together: a set goes to the test part when that brings the class counts nearer to the wanted ones, else to
/// validation by the same test, else to train; sets are tried in an order drawn from the seed. By time: cells are ISO
/// 8601 dates or whole numbers; rows of one instant are never parted; ill-formed cells are TN_EFORMAT with their place.
/// TN_EINVALID when a part would be empty.
tn_status tn_split_make(tn_dataset *d, const tn_split_options *o, const uint32_t *unit, tn_findings *findings,
                        tn_err *err);

/// data/split.csv: id,split (train | validation | test | removed), in the order of the rows.
tn_status tn_split_write_csv(const tn_dataset *d, tn_buf *out, tn_err *err);

#endif
