/* The joined text has the lines that its map tells; each leads back to a cell; what is read is judged without a failure. */
#include "fuzz.h"

#include "check/py_check.h"

TN_FUZZ(notebook, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    const tn_notebook *nb;
    tn_str text = tn_str_from_bytes(bytes);
    tn_status st = tn_notebook_read(text, a, &nb, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    if (st == TN_OK) {
        size_t lines = 0;
        for (size_t i = 0; i < nb->python.len; i++)
            lines += nb->python.ptr[i] == '\n';
        TN_ASSERT(lines == nb->n_lines || nb->python.len == 0);
        for (uint32_t i = 1; i <= nb->n_lines; i++) {
            tn_notebook_place p = tn_notebook_where(nb, i);
            TN_ASSERT(p.line >= 1 && p.cell >= 1 && p.cell <= nb->n_cells && p.line_in_cell >= 1 && nb->cell[p.cell - 1].kind == TN_CELL_CODE);
        }
        tn_findings found;
        TN_ASSERT(tn_findings_init(&found, &err) == TN_OK);
        tn_check_source source = {.path = TN_STR("fuzz.ipynb"), .text = text, .kind = TN_KIND_NOTEBOOK, .arena = a};
        TN_ASSERT(tn_check_notebook(&source, &found, &err) == TN_OK);
        tn_findings_free(&found);
    }
    tn_arena_free(a);
    return st;
}
