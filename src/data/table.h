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
tn_str tn_table_cell(const tn_table *t, size_t record, int column);
/// Empty, blank, or one of the spellings of "no value".
bool tn_cell_is_missing(tn_str cell);

typedef struct {
    int text, label, id, split; /* -1 = none */
    tn_column_choice why[4];    /* in that order */
} tn_columns;
tn_status tn_table_choose(const tn_table *t, const tn_data_source *s, size_t n_files, const tn_data_file *file,
                          tn_columns *out, tn_err *err);

#endif
