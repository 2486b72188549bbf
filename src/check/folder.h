#ifndef TN_CHECK_FOLDER_H
#define TN_CHECK_FOLDER_H
/// Folders that are one thing: a model, a run, a data set, a project. Found by the names of the files in them.

#include "check/repository.h"

typedef struct {
    tn_str name; /* below the root; empty = the root itself */
    tn_kind kind;
} tn_folder;

/// All of them in byte order of their names; a folder may be two things. With `wanted` a folder's kind: the root alone, as
/// that. A config.json alone makes no model unless it names an architecture, so a few files are opened.
tn_status tn_folders_find(const tn_repository *r, tn_kind wanted, tn_arena *a, tn_folder **out, size_t *n, tn_err *err);

/// How a file of weights is stored, by its name alone.
typedef enum {
    TN_WEIGHTS_NONE,
    TN_WEIGHTS_SAFETENSORS,
    TN_WEIGHTS_PICKLE, /* reading it the usual way executes what it says */
    TN_WEIGHTS_STATE,  /* a pickle too, of a training run's state: optimizer.pt, training_args.bin */
} tn_weights;
tn_weights tn_weights_of(tn_str name);

/// The name below the root of the folder that the source is: "" or "models/x".
tn_str tn_folder_name(const tn_check_source *s);
/// `for (size_t i = 0; (i = tn_folder_next(r, folder, i)) < r->n; i++)` over the files that lie directly in the folder.
size_t tn_folder_next(const tn_repository *r, tn_str folder, size_t from);
/// The file's index in r->file, or SIZE_MAX.
size_t tn_folder_file(const tn_repository *r, tn_str folder, const char *name);

#endif
