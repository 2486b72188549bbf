#ifndef TN_REPORT_REPORT_H
#define TN_REPORT_REPORT_H
/// report.html: one self-contained page that a manager can read, from a run folder's records and nothing else.
///
/// Sections: limits first, then task, model choice, data, approach, evaluation, cost. Tables, the learning curve and the
/// confusion matrix as inline SVG. Each number carries its record in a `data-record` attribute; a missing record gives
/// "not measured" in its section. No script, no request to anywhere.

#include "base/str.h"

tn_status tn_report_html(const char *dir, tn_arena *a, tn_buf *out, tn_err *err);

#endif
