#ifndef TN_FLOW_SELECT_H
#define TN_FLOW_SELECT_H
/// The choice of model alone: a run that ends with its experiment.

#include "flow/run.h"

/// {"chosen", "candidates": [{model, revision, parameters, languages, licence, open, fertility, unknown_rate, lossy_rate,
/// truncated_share, fit, probe_macro_f1, probe_low, probe_high, chosen, reason}], "baselines": [...], "use",
/// "licences": [...], "findings": [...]}: the records of experiment/ and data/licences.json, numbers as numbers.
/// The records stay in o->dir; without one they are made in a temporary folder, and removed. `o->select_only` need not be
/// set. Fails as tn_run; TN_ERULE leaves *out NULL, but the sentence tells.
tn_status tn_select(const tn_run_options *o, tn_arena *a, tn_json **out, tn_err *err);

#endif
