/* The JSON tree first; then the sources line by line into one text, noting for each line where it came from.
 *
 * Invariant: `python` has exactly n_lines lines, and line i stands in json_line[i-1] of the file. Cells that are no Python
 * keep their lines, empty. Line ends become \n, and a byte that would end a cell becomes a blank, so the parser counts as
 * we do. */
#include "check/notebook.h"

#include <string.h>

enum { MAX_BYTES = 64 << 20, CELL_END = 0x1E };

typedef struct {
    uint32_t json_line, cell;
} origin;

typedef struct {
    tn_arena *arena;
    tn_buf python, source; /* source: of the cell that is read */
    TN_VEC(tn_notebook_cell) cell;
    TN_VEC(origin) line;      /* of `python` */
    TN_VEC(uint32_t) source_line; /* of the cell: line of the .ipynb, one a line of source */
    bool failed;
    tn_notebook *nb;
} reader;

/* Text of one string of the file; its lines all stand in line `json_line`. */
static void put_text(reader *r, tn_str s, uint32_t json_line)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (r->source.len == 0 || r->source.ptr[r->source.len - 1] == '\n')
            r->failed |= !TN_PUSH(&r->source_line, json_line);
        if (c == '\r') {
            if (i + 1 < s.len && s.ptr[i + 1] == '\n')
                continue;
            c = '\n';
        }
        tn_buf_char(&r->source, c == CELL_END ? ' ' : c);
    }
}

static void read_source(reader *r, const tn_json *v)
{
    tn_buf_clear(&r->source);
    r->source_line.len = 0;
    if (tn_json_type(v) == TN_JSON_STRING)
        put_text(r, tn_json_str(v), tn_json_line(v));
    for (const tn_json *c = tn_json_type(v) == TN_JSON_ARRAY ? tn_json_first(v) : NULL; c; c = tn_json_next(c))
        put_text(r, tn_json_str(c), tn_json_line(c));
}

/* The word of `%%word` when the cell begins with it. */
static tn_str cell_magic(tn_str source, size_t *line)
{
    tn_str rest = source, one;
    for (*line = 0; tn_str_cut(&rest, '\n', &one); ++*line) {
        tn_str s = tn_str_trim(one);
        if (s.len == 0)
            continue;
        if (!tn_str_starts(s, "%%"))
            break;
        size_t n = 2;
        while (n < s.len && s.ptr[n] > ' ')
            n++;
        return tn_str_sub(s, 2, n);
    }
    return TN_STR("");
}

/* Their cells are Python all the same. */
static bool runs_python(tn_str magic)
{
    static const char *const names[] = {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "px", "debug", "wandb", "notify", "scalene", "heat", "code_wrap", "chime", "ipytest"};
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (tn_str_is(magic, names[i]))
            return true;
    return false;
}

static void put_python(reader *r, tn_notebook_cell *cell)
{
    size_t magic_line, n = 0;
    tn_str magic = cell_magic(cell->source, &magic_line), rest = cell->source, line;
    bool python = magic.len == 0 || runs_python(magic);
    if (!python)
        cell->magic = magic;
    cell->python_line = (uint32_t)r->line.len + 1;
    for (; rest.len && tn_str_cut(&rest, '\n', &line); n++) {
        if (python && !(magic.len && n == magic_line))
            tn_buf_str(&r->python, line);
        tn_buf_char(&r->python, '\n');
        r->failed |= !TN_PUSH(&r->line, ((origin){r->source_line.ptr[n], cell->number}));
    }
    tn_buf_char(&r->python, CELL_END);
    tn_buf_char(&r->python, '\n');
    r->failed |= !TN_PUSH(&r->line, ((origin){n ? r->source_line.ptr[n - 1] : cell->line, cell->number}));
}

static void read_outputs(tn_notebook_cell *cell, const tn_json *outputs)
{
    cell->has_output = tn_json_len(outputs) > 0;
    for (const tn_json *o = tn_json_first(outputs); o; o = tn_json_next(o)) {
        const tn_json *type = tn_json_get(o, "output_type");
        cell->is_error |= tn_json_is_str(type, "error") || tn_json_is_str(type, "pyerr");
    }
}

static void read_cell(reader *r, const tn_json *v)
{
    const tn_json *type = tn_json_get(v, "cell_type"), *source = tn_json_get(v, "source");
    tn_notebook_cell cell = {.kind = TN_CELL_RAW, .number = (uint32_t)r->cell.len + 1};
    if (tn_json_is_str(type, "code"))
        cell.kind = TN_CELL_CODE;
    else if (tn_json_is_str(type, "markdown") || tn_json_is_str(type, "heading"))
        cell.kind = TN_CELL_MARKDOWN;
    if (!source)
        source = tn_json_get(v, "input");
    read_source(r, source);
    cell.line = r->source_line.len ? r->source_line.ptr[0] : tn_json_line(v);
    cell.source = tn_str_dup(r->arena, r->source.ptr ? tn_buf_view(&r->source) : TN_STR(""));
    r->failed |= !cell.source.ptr;
    if (cell.kind == TN_CELL_CODE && !r->failed) {
        const tn_json *run = tn_json_get(v, "execution_count");
        if (!tn_json_i64(run ? run : tn_json_get(v, "prompt_number"), &cell.run) || cell.run < 0)
            cell.run = 0;
        read_outputs(&cell, tn_json_get(v, "outputs"));
        r->nb->n_code++;
        put_python(r, &cell);
    }
    r->failed |= !TN_PUSH(&r->cell, cell);
}

static tn_str lower(tn_arena *a, tn_str s)
{
    char *c = tn_str_c(a, s);
    for (char *p = c; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    return c ? (tn_str){c, s.len} : TN_STR("");
}

static tn_str language_of(const tn_json *root, const tn_json *cells, tn_arena *a)
{
    const tn_json *meta = tn_json_get(root, "metadata");
    tn_str s = tn_json_str(tn_json_get(tn_json_get(meta, "language_info"), "name"));
    if (!s.len)
        s = tn_json_str(tn_json_get(tn_json_get(meta, "kernelspec"), "language"));
    for (const tn_json *c = tn_json_first(cells); c && !s.len; c = tn_json_next(c))
        s = tn_json_str(tn_json_get(c, "language"));
    s = s.len ? lower(a, s) : TN_STR("python");
    return tn_str_starts(s, "python") || tn_str_is(s, "ipython") || tn_str_is(s, "xpython") ? TN_STR("python") : s;
}

static tn_status finish(reader *r, tn_notebook *nb, tn_err *err)
{
    size_t n = r->line.len;
    tn_notebook_cell *cell = TN_ARENA_ARRAY(r->arena, tn_notebook_cell, r->cell.len);
    uint32_t *json_line = TN_ARENA_ARRAY(r->arena, uint32_t, n), *cell_of = TN_ARENA_ARRAY(r->arena, uint32_t, n);
    nb->python = tn_str_dup(r->arena, r->python.ptr ? tn_buf_view(&r->python) : TN_STR(""));
    if (r->failed || r->python.failed || r->source.failed || !cell || !json_line || !cell_of || !nb->python.ptr)
        return tn_fail_nomem(err, n);
    if (r->cell.len)
        memcpy(cell, r->cell.ptr, r->cell.len * sizeof *cell);
    for (size_t i = 0; i < n; i++) {
        json_line[i] = r->line.ptr[i].json_line;
        cell_of[i] = r->line.ptr[i].cell - 1;
    }
    if (!tn_str_is(nb->language, "python"))
        nb->python = TN_STR("");
    nb->cell = cell;
    nb->n_cells = r->cell.len;
    nb->json_line = json_line;
    nb->cell_of = cell_of;
    nb->n_lines = n;
    return TN_OK;
}

tn_status tn_notebook_read(tn_str text, tn_arena *a, const tn_notebook **out, tn_err *err)
{
    const tn_json_options options = {.allow_nan = true, .max_bytes = MAX_BYTES};
    const tn_json *root, *cells;
    int64_t format = 0;
    tn_notebook *nb = tn_arena_calloc(a, sizeof *nb);
    if (!nb)
        return tn_fail_nomem(err, sizeof *nb);
    TN_TRY(tn_json_parse_with(text, &options, a, &root, err));
    if (tn_json_type(root) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "1:1: a notebook is a JSON object, this is %s", tn_json_type_name(tn_json_type(root)));
    nb->root = root;
    nb->format = tn_json_i64(tn_json_get(root, "nbformat"), &format) && format < 4 ? 3 : 4;
    cells = tn_json_get(root, "cells");
    if (!cells)
        cells = tn_json_get(tn_json_first(tn_json_get(root, "worksheets")), "cells");
    if (tn_json_type(cells) != TN_JSON_ARRAY)
        return tn_fail(err, TN_EFORMAT, "1:1: no notebook: it has no list of cells (`cells`, or `worksheets` in the old form)");
    reader r = {.arena = a, .nb = nb, .python.max = MAX_BYTES * 2u, .source.max = MAX_BYTES};
    nb->language = language_of(root, cells, a);
    for (const tn_json *sheet = tn_json_get(root, "cells") ? NULL : tn_json_first(tn_json_get(root, "worksheets"));;
         sheet = tn_json_next(sheet)) {
        const tn_json *list = sheet ? tn_json_get(sheet, "cells") : cells;
        for (const tn_json *c = tn_json_first(list); c && !r.failed; c = tn_json_next(c))
            read_cell(&r, c);
        if (!sheet || !tn_json_next(sheet))
            break;
    }
    tn_status st = finish(&r, nb, err);
    tn_buf_free(&r.python);
    tn_buf_free(&r.source);
    TN_VEC_FREE(&r.cell);
    TN_VEC_FREE(&r.line);
    TN_VEC_FREE(&r.source_line);
    if (st == TN_OK)
        *out = nb;
    return st;
}

tn_notebook_place tn_notebook_where(const tn_notebook *nb, uint32_t line)
{
    if (line == 0 || line > nb->n_lines)
        return (tn_notebook_place){nb->n_lines ? nb->json_line[nb->n_lines - 1] : 1, 0, 0};
    const tn_notebook_cell *c = &nb->cell[nb->cell_of[line - 1]];
    return (tn_notebook_place){nb->json_line[line - 1], c->number, line - c->python_line + 1};
}
