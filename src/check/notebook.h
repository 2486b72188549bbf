#ifndef TN_CHECK_NOTEBOOK_H
#define TN_CHECK_NOTEBOOK_H
/// A Jupyter notebook (.ipynb, nbformat 3 and 4) → its cells, and one Python text with a way back to cell and line.

#include "check/py_ast.h"
#include "codec/json.h"

typedef enum { TN_CELL_CODE, TN_CELL_MARKDOWN, TN_CELL_RAW } tn_cell_kind;

typedef struct {
    tn_cell_kind kind;
    uint32_t number;  /* from 1, all kinds counted */
    tn_str source;    /* lines end with \n, the last one perhaps not */
    uint32_t line;    /* of the .ipynb, where the source begins */
    int64_t run;      /* execution count; 0 = never run, or cleared */
    bool has_output;  /* code cells */
    bool is_error;    /* an output is a traceback */
    tn_str magic;     /* "bash" for a cell that begins with %%bash and is no Python; else empty */
    uint32_t python_line; /* line of `python` where the cell begins; code cells */
} tn_notebook_cell;

typedef struct {
    const tn_notebook_cell *cell;
    size_t n_cells, n_code;
    int format;       /* 3 or 4 */
    tn_str language;  /* of the kernel, lower case; "python" when the file does not say */
    /// All code cells, each closed by a line with nothing but byte 0x1E (tn_py_options.notebook); cells in other languages
    /// are empty lines. Empty when the language is not Python.
    tn_str python;
    const tn_json *root;
    /* private */
    const uint32_t *json_line; /* [n_lines] line of the .ipynb for each line of `python` */
    const uint32_t *cell_of;   /* [n_lines] index into cell */
    size_t n_lines;
} tn_notebook;

typedef struct {
    uint32_t line;        /* of the .ipynb, from 1 */
    uint32_t cell;        /* number of the cell, from 1; 0 = none */
    uint32_t line_in_cell; /* from 1 */
} tn_notebook_place;

/// Everything lives in `a`. TN_EFORMAT with the place for broken JSON, and for JSON that is no notebook; TN_ELIMIT beyond
/// 64 MiB. Outputs are not copied.
tn_status tn_notebook_read(tn_str text, tn_arena *a, const tn_notebook **out, tn_err *err);
/// Where line `line` (from 1) of nb->python stands.
tn_notebook_place tn_notebook_where(const tn_notebook *nb, uint32_t line);

#endif
