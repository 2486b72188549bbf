#ifndef TN_CHECK_BASELINE_H
#define TN_CHECK_BASELINE_H
/// Whether a fingerprint is in the baseline. For the frame.

#include "check/check.h"

bool tn_baseline_has(const tn_baseline *b, const tn_fingerprint *f);

#endif
