#ifndef TN_DATA_TABLE_H
#define TN_DATA_TABLE_H
/// Inside of src/data: cells of files as they stand, and which column is which.

#include "data/folder.h"

typedef struct {
    tn_str *cell; /* [n_cells]; ptr NULL = missing. Columns that later records brought are missing too */
    uint32_t n_cells, file, line;
} tn_record;

typedef struct {
    tn_str name;
    tn_str place;       /* "data.jsonl:4" of the first array or object in it; empty = none */
    uint32_t n_files;   /* files that have the column */
    uint32_t last_file; /* of those, the last; files are read in order */
} tn_table_column;

typedef struct {
    tn_arena *arena;
    TN_VEC(tn_table_column) column;
    TN_VEC(tn_record) record;
    size_t max_record, max_rows;
} tn_table;

/// Appends the records of one file. Cells are copied into the arena. Sets size, sha256 and n_records of `file`.
tn_status tn_table_read(tn_table *t, tn_data_file *file, uint32_t index, tn_data_format format, tn_findings *findings,
                        tn_err *err);
void tn_table_free(tn_table *t);

/// What readers of other layouts share (squad.c). The files that a source names, into d->file, with their formats.
tn_status tn_source_files(const tn_data_source *s, tn_dataset *d, tn_data_format **format, tn_findings *findings,
                          tn_err *err);
/// Not empty, UTF-8; mixed line ends are a finding.
tn_status tn_source_check(tn_str s, const tn_data_file *f, tn_findings *findings, tn_err *err);
/// "1:5: what" of a JSON parser that was given the text from `first_line` on becomes "path:LINE:5: what".
tn_status tn_source_fail_json(tn_status st, const tn_data_file *f, uint32_t first_line, tn_err *err);
/// Ids as tn_dataset_load promises them.
tn_status tn_dataset_set_ids(tn_dataset *d, bool has_column, tn_findings *findings, tn_err *err);
/// Sets of labels from cells [n_rows] (TN_LABEL_SET): d->label, and each row's set and label. flags: the cells are arrays made
/// of a column a label. sets.c
tn_status tn_dataset_read_sets(const tn_data_source *s, bool flags, tn_dataset *d, const tn_str *cell, tn_findings *findings,
                               tn_err *err);
tn_str tn_table_cell(const tn_table *t, size_t record, int column);
/// Empty, blank, or one of the spellings of "no value".
bool tn_cell_is_missing(tn_str cell);

typedef struct {
    int text, label, id, split, pair; /* -1 = none */
    tn_column_choice why[5];          /* in that order */
    int *flag;                        /* [n_label_columns] columns of single labels; NULL = none */
} tn_columns;
tn_status tn_table_choose(const tn_table *t, const tn_data_source *s, size_t n_files, const tn_data_file *file,
                          tn_columns *out, tn_err *err);

#endif
