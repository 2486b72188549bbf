#ifndef TN_DATA_FOLDER_H
#define TN_DATA_FOLDER_H
/// Inside of src/data: which files of a folder are data, and of which split.

#include "data/dataset.h"

typedef enum { TN_FORMAT_NONE, TN_FORMAT_CSV, TN_FORMAT_TSV, TN_FORMAT_JSON, TN_FORMAT_FASTTEXT, TN_FORMAT_CONLL } tn_data_format;

typedef struct {
    tn_str path;
    tn_data_format format;
    tn_split split;
} tn_found_file;

/// By extension, in any case.
tn_data_format tn_data_format_of(tn_str path);
/// The split that a whole word names ("dev", "Test"), or TN_SPLIT_NONE.
tn_split tn_split_word(tn_str word);
/// Data files of the folder, sorted by (split, path), as tn_dataset_load promises.
tn_status tn_folder_find(const char *dir, tn_arena *a, tn_found_file **file, size_t *n, tn_findings *findings,
                         tn_err *err);

#endif
