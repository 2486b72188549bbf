#ifndef TN_DATA_NOTE_H
#define TN_DATA_NOTE_H
/// Inside of src/data: findings and texts in one line.

#include "base/finding.h"

/// Adds `what` with a formatted message. Nothing when `f` is NULL: the caller does not want to know.
tn_status tn_note(tn_findings *f, tn_finding what, tn_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
