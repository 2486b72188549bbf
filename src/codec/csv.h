#ifndef TN_CODEC_CSV_H
#define TN_CODEC_CSV_H
/// Rows of delimited text (RFC 4180, and tab-separated), read from memory one row at a time, and written.

#include "base/str.h"

typedef struct {
    char delimiter;     /* 0 = ',' */
    bool no_quotes;     /* '"' is a letter like any other (some TSV files) */
    size_t max_field;   /* bytes; 0 = 1 MiB */
    size_t max_columns; /* 0 = 4096 */
    size_t max_rows;    /* 0 = 100 million */
} tn_csv_options;

typedef struct {
    tn_str *field;
    size_t n;
    uint32_t line; /* where the row begins, from 1 */
} tn_csv_row;

typedef struct {
    tn_csv_options options;
    /* private */
    tn_str text;
    size_t at, n_rows;
    uint32_t line;
} tn_csv_reader;

/// `text` must outlive the reader and the rows: fields without doubled quotes are slices of it. A byte order mark is
/// skipped.
void tn_csv_init(tn_csv_reader *r, tn_str text, const tn_csv_options *options);

/// The next row into the arena; *more is false (and row->n 0) behind the last one.
/// Rows end at LF, CR LF or CR. Blank lines are skipped; a row of one empty field is written `""`. Line ends and
/// delimiters inside quotes belong to the field. A quote inside an unquoted field is a letter. The number of fields is
/// not checked: compare it with the header's.
/// TN_EFORMAT "line N: ..." for a quote without end, text behind a closing quote, a NUL byte, bytes that are not UTF-8;
/// TN_ELIMIT for a field, a row or a file over its limit, before any memory is taken for it.
tn_status tn_csv_next(tn_csv_reader *r, tn_arena *a, tn_csv_row *row, bool *more, tn_err *err);

/// The most frequent of , ; tab | outside quotes in the first line; ',' when there is none.
char tn_csv_guess_delimiter(tn_str text);

/// ---- writing ----
/// Fields are quoted only where reading needs it; rows end with LF; numbers are written as in JSON (3.0, 1e-05).
typedef struct {
    tn_buf *buf; /* failure is the buffer's: ask tn_buf_status once */
    char delimiter;
    /* private */
    size_t n_fields, row_start;
} tn_csv_writer;

void tn_csv_writer_init(tn_csv_writer *w, tn_buf *buf, char delimiter);
void tn_csv_put(tn_csv_writer *w, tn_str field);
void tn_csv_put_c(tn_csv_writer *w, const char *field);
/// The names of a table's columns: "id,label,predicted", all of them or the first ones; the row stays open.
void tn_csv_put_head(tn_csv_writer *w, const char *names);
void tn_csv_put_i64(tn_csv_writer *w, int64_t v);
/// Empty when not finite.
void tn_csv_put_f64(tn_csv_writer *w, double v);
void tn_csv_put_f32(tn_csv_writer *w, float v);
void tn_csv_end_row(tn_csv_writer *w);

#endif
