#ifndef TN_FLOW_RUNS_H
#define TN_FLOW_RUNS_H
/// The runs in a folder: what they were for and how they ended, read from their records.

#include "codec/json.h"

/// Array of {"run","task","model","finished","status","macro_f1","accuracy","criteria"}; by name. A folder without runs
/// gives an empty array. status: "finished", "unfinished".
tn_status tn_runs_list(const char *dir, tn_arena *a, tn_json **out, tn_err *err);
/// One run as one object: the list's fields, and the records' summaries (recipe, data, test, comparisons, findings).
tn_status tn_runs_show(const char *run, tn_arena *a, tn_json **out, tn_err *err);

#endif
