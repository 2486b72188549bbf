#ifndef TN_MODEL_THRESHOLDS_H
#define TN_MODEL_THRESHOLDS_H
/// thresholds.json beside the weights of a model of label sets: the score from which on each label is given. A run chooses
/// them on its validation rows; a model from elsewhere has none.

#include "base/str.h"

/// thresholds [n_labels], in [0, 1], in the arena; *out is NULL when `dir` has no such file. TN_EFORMAT for another number of
/// thresholds and for values that are none.
tn_status tn_thresholds_read(const char *dir, size_t n_labels, tn_arena *a, float **out, tn_err *err);

#endif
