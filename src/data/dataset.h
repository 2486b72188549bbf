#ifndef TN_DATA_DATASET_H
#define TN_DATA_DATASET_H
/// Labelled texts from CSV, TSV and JSON lines: rows with an id, a text, a label, a split and the place they came from.
///
///   tn_dataset d;
///   tn_dataset_load(&(tn_data_source){.path = "reviews.csv"}, &d, &findings, err);
///   tn_data_prepare(&d, &(tn_split_options){.seed = 0}, &duplicates, &findings, err);     data/split.h
///   tn_dataset_free(&d);
///
/// Rows keep the order of the files (train, validation, test; inside a split by path) and of their lines, whatever else
/// happens to them: an index of a row is good for the life of the data set.

#include "base/finding.h"
#include "base/sha256.h"

typedef enum {
    TN_SPLIT_NONE, /* not split yet */
    TN_SPLIT_TRAIN,
    TN_SPLIT_VALIDATION,
    TN_SPLIT_TEST,
    TN_SPLIT_REMOVED, /* left out: a duplicate; leaks.csv says of what */
} tn_split;
enum { TN_N_SPLITS = 5 };
const char *tn_split_name(tn_split s); /* "none", "train", "validation", "test", "removed" */

/// What the label column says of a row.
typedef enum {
    TN_LABEL_CLASS,  /* one class */
    TN_LABEL_SET,    /* any number of labels, also none: an array (JSON), names with a separator, or a column a label */
    TN_LABEL_NUMBER, /* a finite number */
} tn_label_kind;

typedef struct {
    tn_str id;     /* unique in the data set */
    tn_str text;   /* valid UTF-8, not blank; as in the file, also its newlines, without blanks at both ends */
    tn_str pair;   /* the second text of a pair, held to the same; ptr NULL = there is one text */
    int32_t label; /* index into tn_dataset.label; -1 = the row has none. Of a set: the rarest of its labels in training (to
                    * split by); of a number: -1 */
    const int32_t *set; /* TN_LABEL_SET: [n_set] indices into tn_dataset.label, ascending; may be none */
    uint32_t n_set;
    double value; /* TN_LABEL_NUMBER; NAN = the row has none */
    tn_split split;
    uint32_t file; /* index into tn_dataset.file */
    uint32_t line; /* where the record begins, from 1 */
    tn_str *other; /* [n_other], cells of the other columns; empty = missing */
} tn_row;

typedef struct {
    tn_str path;
    tn_digest sha256;
    uint64_t size;
    tn_split split;     /* TN_SPLIT_NONE: the file is not one split */
    uint32_t n_records; /* rows in the file, dropped ones included */
    uint32_t n_rows;    /* rows kept */
} tn_data_file;

typedef struct {
    tn_str name; /* of the column; empty = there is none */
    tn_str why;  /* "named in the brief", "usual name of a text column", "the only column of 2 to 100 values" */
} tn_column_choice;

typedef struct {
    tn_arena *arena; /* everything below lives here */
    size_t n_rows;
    tn_row *row; /* [n_rows] */
    size_t n_labels;
    tn_str *
        label; /* [n_labels]: as given, else the distinct values: as numbers when all are numbers, else in byte order */
    size_t n_other;
    tn_str *other; /* [n_other], names of the columns that are neither text, label, id nor split */
    size_t n_files;
    tn_data_file *file;
    tn_column_choice text_column, label_column, id_column, split_column, pair_column;
    tn_label_kind kind;
    tn_str separator; /* of sets in one cell; empty: arrays, a column a label, or never more than one */
    size_t n_no_text, n_no_label; /* rows dropped because a cell was missing */
    bool given[TN_N_SPLITS];      /* which splits the data brought along */
} tn_dataset;

/// What the data is for decides what is an error.
typedef enum {
    TN_DATA_TRAIN,   /* labels needed, two classes and three rows at least, a training part when splits are given */
    TN_DATA_EVAL,    /* labels needed; one class will do; no training part needed */
    TN_DATA_PREDICT, /* texts only; a label column is read when it is found */
} tn_data_use;

/// Where the rows are: `path` is a file or a folder, or NULL when files are named a split.
/// Column names: NULL = find it; id = "" = number the rows.
typedef struct {
    const char *path;
    const char *train, *validation, *test;
    const char *text, *label, *id;
    const char *pair;     /* column of the second text; NULL = found when `pairs`, else there is none */
    bool pairs;           /* a row has two texts */
    tn_label_kind kind;
    const char *separator;       /* of a set in one cell; NULL = found */
    const tn_str *label_columns; /* [n_label_columns], of a set: a column a label, 0 or 1; NULL = one column has it */
    size_t n_label_columns;
    const tn_str *labels; /* [n_labels], the label set and its order; NULL = from the training rows */
    size_t n_labels;
    tn_data_use use;
    bool tagged;       /* of tagged words (data/tokens.h): a named file of an unknown kind is CoNLL */
    size_t max_record; /* bytes of one record; 0 = 1 MiB */
    size_t max_rows;   /* 0 = 10 million */
} tn_data_source;

/// Loads and checks. On failure `out` is empty and needs no free.
///
/// Format by extension: .csv, .tsv, .jsonl, .ndjson, .json (lines, or one array of objects); .txt and .ft, when named, as
/// fastText's: a row a line, which begins with its labels, `__label__NAME`, and goes on with the text (columns label, text). A .csv whose header has no
/// comma but semicolons or tabs is read with those, and a finding says so; a .tsv whose rows fit the header only
/// without quoting is read so. All files must have the text, label and id columns; other columns may differ.
///
/// Columns: a named one must be there (exactly, else the only one that differs in case). Otherwise by usual names, in
/// tiers: text: text · review sentence content comment body … · title …; label: label · category intent sentiment class
/// … · stars rating …; id: id · idx uuid …; two in one tier are ambiguous. Otherwise by content: the text is the only
/// column of mostly distinct prose, twice as long as the next; the label is the only column of few distinct values.
/// Missing or ambiguous: TN_ENOENT or TN_EINVALID, with the columns found and how to name one.
/// A column `split` whose cells are all train, validation or test (or dev, val …) gives the splits of one file.
///
/// Pairs: the second text is the named column, else the one that goes with the first by its usual name (premise and
/// hypothesis, question1 and question2, text and text_pair …); a row without it is dropped like one without text.
///
/// Sets of labels. In one cell: a JSON array of names, or names with a separator: the one that is given, else the first
/// of ; | , that any cell of training has, else every cell is one name. Blanks around names do not count, nor do repeats.
/// A missing cell, [] or an empty text means that no label applies. A column a label: 0 and 1, or false and true, no and
/// yes; anything else is TN_EFORMAT. Numbers: a decimal point, finite, else TN_EFORMAT with the place.
///
/// Missing cells: empty, blank, JSON null, and the spellings that programs write for "no value": NaN nan NULL null <NA>
/// #N/A. Rows without text, or without label where labels are needed, are dropped and counted (finding data-limits).
/// "None", "NA", "N/A" are words that people write: kept, with an advice, since pandas would lose them. A given test or
/// validation part whose labels are all -1, which training never shows, has hidden labels: its rows count as
/// unlabelled.
///
/// Ids: given ones must be unique in their file (TN_EFORMAT names both lines); ids that repeat in another file get the
/// split in front ("test-12"). Without a column: "row-LINE", with several files "SPLIT-LINE" or "PATH:LINE"
/// (LINE.2 for the second row on a line).
///
/// Folder: data files up to four levels down. A file's split is the word train, training; validation, valid, dev, val;
/// test, testing, eval, evaluation in its name, else in the nearest folder's, in any case, bounded by - . _ blank digit
/// or the end. Without any such word all files are one pool. Findings (data-splits) name whatever the `datasets`
/// library would silently do otherwise: case-sensitive words, dropped files and formats, folders that win over file
/// names.
///
/// Bad input, each with file:line and what to do: empty file, header only, one class, one row, missing column, all rows
/// without text or label, a record over the limit, duplicate ids, ragged rows, ill-formed UTF-8 or NUL bytes,
/// ill-formed JSON, a label that training never shows. Mixed line ends and labels that differ only in case or marks are
/// findings.
tn_status tn_dataset_load(const tn_data_source *s, tn_dataset *out, tn_findings *findings, tn_err *err);
void tn_dataset_free(tn_dataset *d);

/// Builds a data set from values (tests, `--text`): labels as in tn_dataset_load, ids "row-N". label may be NULL.
tn_status tn_dataset_of(const tn_str *text, const tn_str *label, size_t n, tn_dataset *out, tn_err *err);

/// Rows of a split, in order: indices in the arena.
tn_status tn_dataset_rows(const tn_dataset *d, tn_split split, tn_arena *a, uint32_t **row, size_t *n, tn_err *err);
size_t tn_dataset_count(const tn_dataset *d, tn_split split);
/// Index of a label, or -1.
int32_t tn_dataset_label(const tn_dataset *d, tn_str name);
/// Index into row.other of a column, or -1: for slices, groups and dates.
int32_t tn_dataset_column(const tn_dataset *d, tn_str name);
/// "reviews.csv:12" of a row, in the arena; ptr = NULL when out of memory.
tn_str tn_dataset_place(const tn_dataset *d, size_t row, tn_arena *a);

/// Version of everything between the bytes of a file and the rows, for the lock; it rises when rows may change.
enum { TN_DATA_VERSION = 1 };
/// SHA-256 over (id, text, label name) of all rows in order: what preprocessing made of the bytes.
tn_status tn_dataset_digest(const tn_dataset *d, tn_digest *out, tn_err *err);

#endif
