#ifndef TN_CHECK_REMOVED_H
#define TN_CHECK_REMOVED_H
/// Names of libraries that are gone: catalog/removed_apis.tsv.

#include "base/str.h"

typedef struct {
    tn_str library;     /* "transformers" */
    tn_str name;        /* as it was written: "TrainingArguments.evaluation_strategy", "load_metric" */
    tn_str kind;        /* "argument", "class", "function", "module", "task" ... */
    tn_str replacement; /* "eval_strategy", or "nothing ..." */
    tn_str removed_in;  /* "4.51.0", ">4.30.2 <=4.34.1" */
    bool removed;       /* false: it still works, with a warning */
} tn_removed;

/// `owner` is the class or function that has the argument, canonical ("transformers.TrainingArguments"), argument NULL to ask
/// for the name itself ("datasets.load_metric"). False when nothing is known about it.
bool tn_removed_find(tn_str owner, const char *argument, tn_removed *out);
size_t tn_removed_count(void);
bool tn_removed_at(size_t i, tn_removed *out);

#endif
