#ifndef TN_CHECK_REMOVED_H
#define TN_CHECK_REMOVED_H
/// Names of libraries that are gone: catalog/removed_apis.tsv, read once.

#include "base/str.h"

typedef struct {
    tn_str library;     /* "transformers" */
    tn_str name;        /* canonical: "transformers.TrainingArguments", "datasets.load_metric", "*.from_pretrained" */
    tn_str argument;    /* "evaluation_strategy"; empty = the name itself */
    tn_str kind;        /* "argument", "class", "function", "module", "task", "environment" */
    tn_str replacement; /* "eval_strategy", or "nothing ..." */
    tn_str removed_in;  /* "4.51.0", ">4.30.2 <=4.34.1"; empty when it is not removed */
    bool removed;       /* false: it still works, perhaps with a warning */
} tn_removed;

/// `owner`: the canonical name of a class, function or module; of a method of any class "*.generate"; of a pipeline's task
/// "transformers.pipeline:summarization". `argument` NULL asks for the name itself. False when the table does not know it.
bool tn_removed_find(tn_str owner, const char *argument, tn_removed *out);
/// The rows, in order of name and argument.
size_t tn_removed_count(void);
bool tn_removed_at(size_t i, tn_removed *out);

#endif
