#ifndef TN_METRIC_NAMES_H
#define TN_METRIC_NAMES_H
/// Every metric and baseline that a record may name, over all tasks: what people call it, and how a metric was made.

#include "base/str.h"

typedef struct {
    const char *name;      /* key in records: "macro_f1" */
    const char *title;     /* for people: "macro F1" */
    const char *signature; /* for metrics.json: "macro over the model's labels, zero_division=0" */
    const char *hub;       /* its type in the model index of a card, "f1"; NULL: the Hub has none */
    const char *hub_name;  /* beside it: "Macro F1" */
    bool lower_is_better;
} tn_metric_info;

/// NULL for a name that is in no row.
const tn_metric_info *tn_metric_find(tn_str name);
/// "macro F1"; the name itself when it is in no row.
tn_str tn_metric_title_of(tn_str name);
/// Of a baseline, at most 30 letters: "majority class"; the name itself when it is in no row.
tn_str tn_baseline_title_of(tn_str name);

#endif
