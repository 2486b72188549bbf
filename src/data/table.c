/* A file is checked as a whole first (empty, UTF-16, ill-formed UTF-8 with its line and column), then cut into records.
 * CSV cells are slices of the mapping and JSON cells belong to a scratch arena, so both are copied: a table borrows
 * nothing. Columns are the union over all records in order of first appearance. */
#include "data/table.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "codec/csv.h"
#include "codec/json.h"
#include "data/note.h"

#include <string.h>

bool tn_cell_is_missing(tn_str cell)
{
    static const char *const none[] = {"NaN", "nan", "NULL", "null", "<NA>", "#N/A"};
    cell = tn_str_trim(cell);
    if (cell.len == 0)
        return true;
    for (size_t i = 0; i < TN_COUNT(none); i++)
        if (tn_str_is(cell, none[i]))
            return true;
    return false;
}

void tn_table_free(tn_table *t)
{
    TN_VEC_FREE(&t->column);
    TN_VEC_FREE(&t->record);
}

tn_str tn_table_cell(const tn_table *t, size_t record, int column)
{
    const tn_record *r = &t->record.ptr[record];
    if (column < 0 || (uint32_t)column >= r->n_cells || !r->cell[column].ptr)
        return TN_STR("");
    return r->cell[column];
}

static tn_status add_column(tn_table *t, tn_str name, uint32_t file, int *at, tn_err *err)
{
    for (size_t i = 0; i < t->column.len; i++)
        if (tn_str_eq(t->column.ptr[i].name, name)) {
            tn_table_column *c = &t->column.ptr[i];
            c->n_files += c->last_file != file;
            c->last_file = file;
            *at = (int)i;
            return TN_OK;
        }
    if (t->column.len >= 4096)
        return tn_fail(err, TN_ELIMIT, "more than 4096 columns");
    tn_table_column c = {.name = tn_str_dup(t->arena, name), .n_files = 1, .last_file = file};
    if (!c.name.ptr || !TN_PUSH(&t->column, c))
        return tn_fail_nomem(err, sizeof c);
    *at = (int)t->column.len - 1;
    return TN_OK;
}

static tn_status add_record(tn_table *t, uint32_t n_cells, uint32_t file, uint32_t line, tn_record **out, tn_err *err)
{
    if (t->record.len >= t->max_rows)
        return tn_fail(err, TN_ELIMIT, "more than %zu rows; take a sample", t->max_rows);
    tn_record r = {.n_cells = n_cells, .file = file, .line = line};
    r.cell = tn_arena_calloc(t->arena, (n_cells ? n_cells : 1) * sizeof *r.cell);
    if (!r.cell || !TN_PUSH(&t->record, r))
        return tn_fail_nomem(err, n_cells * sizeof *r.cell);
    *out = &t->record.ptr[t->record.len - 1];
    return TN_OK;
}

static tn_status copy_cell(tn_table *t, tn_record *r, int at, tn_str value, tn_err *err)
{
    r->cell[at] = tn_str_dup(t->arena, value);
    return r->cell[at].ptr ? TN_OK : tn_fail_nomem(err, value.len);
}

/* ---- the file as a whole ---- */

tn_status tn_source_check(tn_str s, const tn_data_file *f, tn_findings *findings, tn_err *err)
{
    if (s.len == 0 || tn_str_trim(s).len == 0 || (s.len == 3 && tn_str_starts(s, "\xEF\xBB\xBF")))
        return tn_fail(err, TN_EFORMAT, "%.*s is empty; it needs a header and rows", TN_ARG(f->path));
    if (tn_str_starts(s, "\xFF\xFE") || tn_str_starts(s, "\xFE\xFF"))
        return tn_fail(err, TN_EFORMAT, "%.*s:1:1: this is UTF-16; save the file as UTF-8", TN_ARG(f->path));
    size_t bad = tn_utf8_check(s);
    if (bad < s.len) {
        size_t line = 1, start = 0;
        for (size_t i = 0; i < bad; i++)
            if (s.ptr[i] == '\n' || (s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] != '\n'))
                line++, start = i + 1;
        return tn_fail(err, TN_EFORMAT,
                       "%.*s:%zu:%zu: byte 0x%02X is not UTF-8 here; save the file as UTF-8 (it may be Windows-1258 or "
                       "Latin-1)",
                       TN_ARG(f->path), line, tn_utf8_count(tn_str_sub(s, start, bad)) + 1, (unsigned char)s.ptr[bad]);
    }
    size_t n[3] = {0}; /* LF, CR LF, CR */
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\n')
            n[0]++;
        else if (s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n')
            n[1]++, i++;
        else if (s.ptr[i] == '\r')
            n[2]++;
    }
    if ((n[0] > 0) + (n[1] > 0) + (n[2] > 0) > 1)
        return tn_note(findings,
                       (tn_finding){.rule = "data-deterministic",
                                    .severity = TN_ADVICE,
                                    .path = f->path,
                                    .remedy = TN_STR("convert the line ends if other programs read the file too")},
                       err, "line ends are mixed (some may stand inside quoted cells): %zu LF, %zu CR LF, %zu CR", n[0],
                       n[1], n[2]);
    return TN_OK;
}

/* ---- CSV and TSV ---- */

/* A comma in the header decides for commas; otherwise semicolons or tabs may. */
static char choose_delimiter(tn_str s, tn_data_format format)
{
    if (format == TN_FORMAT_TSV)
        return '\t';
    size_t end = 0;
    while (end < s.len && s.ptr[end] != '\n' && s.ptr[end] != '\r')
        end++;
    if (memchr(s.ptr, ',', end))
        return ',';
    return tn_csv_guess_delimiter(s);
}

typedef struct {
    size_t n, line, n_fields, n_header; /* how many rows; where and how wide the first is */
} ragged;

static tn_status read_rows(tn_table *t, tn_csv_reader *r, tn_arena *scratch, const tn_data_file *f, uint32_t index,
                           ragged *bad, tn_err *err)
{
    tn_csv_row row;
    bool more;
    TN_TRY(tn_csv_next(r, scratch, &row, &more, err));
    if (!more)
        return tn_fail(err, TN_EFORMAT, "no header");
    size_t n_fields = row.n;
    int *column = TN_ARENA_ARRAY(t->arena, int, n_fields);
    if (!column)
        return tn_fail_nomem(err, n_fields * sizeof *column);
    for (size_t i = 0; i < n_fields; i++) {
        tn_str name = tn_str_trim(row.field[i]);
        if (name.len == 0)
            name = i == 0 ? TN_STR("Unnamed: 0") : tn_str_format(scratch, "Unnamed: %zu", i);
        if (!name.ptr)
            return tn_fail_nomem(err, 32);
        TN_TRY(add_column(t, name, index, &column[i], err));
        for (size_t k = 0; k < i; k++)
            if (column[k] == column[i])
                return tn_fail(err, TN_EFORMAT, "%u: two columns are called \"%.*s\"; rename one", row.line,
                               TN_ARG(name));
    }
    tn_arena_mark mark = tn_arena_save(scratch);
    for (size_t n = 0;; n++) {
        tn_arena_restore(scratch, mark);
        if (n % 4096 == 0)
            TN_TRY(tn_interrupt_check(err));
        TN_TRY(tn_csv_next(r, scratch, &row, &more, err));
        if (!more)
            return TN_OK;
        if (row.n != n_fields) {
            if (bad->n++ == 0)
                *bad = (ragged){1, row.line, row.n, n_fields};
            continue;
        }
        tn_record *record;
        TN_TRY(add_record(t, (uint32_t)t->column.len, index, row.line, &record, err));
        size_t n_bytes = 0;
        for (size_t i = 0; i < n_fields; i++) {
            n_bytes += row.field[i].len;
            TN_TRY(copy_cell(t, record, column[i], row.field[i], err));
        }
        if (n_bytes > t->max_record)
            return tn_fail(err, TN_ELIMIT, "%u: a row of %zu bytes; the limit is %zu", row.line, n_bytes,
                           t->max_record);
    }
}

static tn_status read_csv(tn_table *t, tn_str s, const tn_data_file *f, uint32_t index, tn_data_format format,
                          tn_arena *scratch, tn_findings *findings, tn_err *err)
{
    size_t n_records = t->record.len;
    char delimiter = choose_delimiter(s, format);
    tn_csv_options options = {.delimiter = delimiter, .max_field = t->max_record, .max_rows = t->max_rows + 2};
    tn_csv_reader r;
    tn_csv_init(&r, s, &options);
    ragged bad = {0};
    tn_status st = read_rows(t, &r, scratch, f, index, &bad, err);
    if (format == TN_FORMAT_TSV && (st == TN_EFORMAT || (st == TN_OK && bad.n > 0))) {
        /* Many TSV files have no quoting; a cell then may begin with a quote of its own. */
        tn_err second = TN_ERR_INIT;
        t->record.len = n_records;
        options.no_quotes = true;
        tn_csv_init(&r, s, &options);
        ragged again = {0};
        tn_status plain = read_rows(t, &r, scratch, f, index, &again, &second);
        if (plain == TN_OK && again.n == 0) {
            st = TN_OK, bad = again;
            TN_TRY(tn_note(findings,
                           (tn_finding){.rule = "data-deterministic",
                                        .severity = TN_ADVICE,
                                        .path = f->path,
                                        .remedy = TN_STR("nothing, if the file was written without quoting")},
                           err, "read as TSV without quoting: with quotes its rows do not fit the header"));
        } else if (plain == TN_ENOMEM) {
            return tn_fail(err, plain, "%s", second.msg);
        }
    }
    if (st == TN_ELIMIT || st == TN_EFORMAT)
        return tn_fail_prefix(err, "%.*s", TN_ARG(f->path));
    TN_TRY(st);
    if (bad.n > 0)
        return tn_fail(err, TN_EFORMAT,
                       "%.*s:%zu: %zu field%s where the header has %zu (%zu such row%s); quote cells that hold '%s'",
                       TN_ARG(f->path), bad.line, bad.n_fields, bad.n_fields == 1 ? "" : "s", bad.n_header, bad.n,
                       bad.n == 1 ? "" : "s", delimiter == '\t' ? "\\t" : (char[]){delimiter, 0});
    if (format == TN_FORMAT_CSV && delimiter != ',')
        return tn_note(findings,
                       (tn_finding){.rule = "data-deterministic",
                                    .severity = TN_ADVICE,
                                    .path = f->path,
                                    .line = 1,
                                    .remedy = TN_STR("save it with commas if other programs read the file too")},
                       err, "columns are separated by '%s', not by commas",
                       delimiter == '\t' ? "\\t" : (char[]){delimiter, 0});
    return TN_OK;
}

/* ---- fastText ---- */

/* `__label__A __label__B the text`: one label is the cell, several are an array. */
static tn_status read_fasttext(tn_table *t, tn_str s, const tn_data_file *f, uint32_t index, tn_buf *scratch, tn_err *err)
{
    int label, text;
    uint32_t n = 0;
    tn_str rest = s, line, mark = TN_STR("__label__");
    TN_TRY(add_column(t, TN_STR("label"), index, &label, err));
    TN_TRY(add_column(t, TN_STR("text"), index, &text, err));
    if (tn_str_starts(rest, "\xEF\xBB\xBF"))
        rest = tn_str_sub(rest, 3, rest.len);
    while (tn_str_cut(&rest, '\n', &line)) {
        tn_record *r;
        tn_str first = {0};
        size_t n_names = 0;
        n++;
        line = tn_str_trim(line);
        if (line.len == 0)
            continue;
        if (line.len > t->max_record)
            return tn_fail(err, TN_ELIMIT, "%.*s:%u: a line of %zu bytes; the limit is %zu", TN_ARG(f->path), n, line.len, t->max_record);
        if (memchr(line.ptr, 0, line.len))
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: a NUL byte; this is no text", TN_ARG(f->path), n);
        tn_json_writer w;
        tn_buf_clear(scratch);
        tn_jw_init(&w, scratch, 0);
        tn_jw_begin_array(&w);
        while (tn_str_starts(line, "__label__")) {
            size_t end = mark.len;
            while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t')
                end++;
            tn_str name = tn_str_sub(line, mark.len, end);
            if (name.len == 0)
                return tn_fail(err, TN_EFORMAT, "%.*s:%u: a label without a name", TN_ARG(f->path), n);
            first = n_names++ ? first : name;
            tn_jw_str(&w, name);
            line = tn_str_trim(tn_str_sub(line, end, line.len));
        }
        tn_jw_end_array(&w);
        TN_TRY(tn_buf_status(scratch, err));
        if (n_names == 0 && t->record.len == 0)
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: a .txt file is read as fastText's, whose lines begin with __label__NAME; this one does not", TN_ARG(f->path), n);
        TN_TRY(add_record(t, (uint32_t)t->column.len, index, n, &r, err));
        if (n_names)
            TN_TRY(copy_cell(t, r, label, n_names == 1 ? first : tn_buf_view(scratch), err));
        if (n_names > 1 && t->column.ptr[label].place.len == 0) {
            t->column.ptr[label].place = tn_str_format(t->arena, "%.*s:%u", TN_ARG(f->path), n);
            if (!t->column.ptr[label].place.ptr)
                return tn_fail_nomem(err, 64);
        }
        TN_TRY(copy_cell(t, r, text, line, err));
    }
    return TN_OK;
}

/* ---- JSON ---- */

static tn_status add_object(tn_table *t, const tn_json *v, const tn_data_file *f, uint32_t index, uint32_t line,
                            tn_buf *scratch, tn_err *err)
{
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%.*s:%u: %s where a row is needed: {\"text\": \"...\", \"label\": \"...\"}",
                       TN_ARG(f->path), line, tn_json_type_name(tn_json_type(v)));
    /* Columns first: the record is as wide as the table is then. */
    int at;
    size_t n_bytes = 0;
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        TN_TRY(add_column(t, tn_json_key(c), index, &at, err));
    tn_record *record;
    TN_TRY(add_record(t, (uint32_t)t->column.len, index, line, &record, err));
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        TN_TRY(add_column(t, tn_json_key(c), index, &at, err));
        tn_json_type_id type = tn_json_type(c);
        if (type == TN_JSON_NULL)
            continue;
        tn_str value = tn_json_text(c);
        if (type == TN_JSON_ARRAY || type == TN_JSON_OBJECT) {
            tn_buf_clear(scratch);
            tn_json_write(c, 0, scratch);
            TN_TRY(tn_buf_status(scratch, err));
            value = tn_buf_view(scratch);
            if (t->column.ptr[at].place.len == 0) {
                t->column.ptr[at].place = tn_str_format(t->arena, "%.*s:%u", TN_ARG(f->path), line);
                if (!t->column.ptr[at].place.ptr)
                    return tn_fail_nomem(err, f->path.len);
            }
        }
        if (memchr(value.ptr, 0, value.len) || memchr(tn_json_key(c).ptr, 0, tn_json_key(c).len))
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: \"%.*s\" holds a NUL character (\\u0000); remove it",
                           TN_ARG(f->path), line, TN_ARG(tn_str_sub(tn_json_key(c), 0, 80)));
        if ((n_bytes += value.len) > t->max_record)
            return tn_fail(err, TN_ELIMIT, "%.*s:%u: a row of more than %zu bytes, which is the limit", TN_ARG(f->path),
                           line, t->max_record);
        TN_TRY(copy_cell(t, record, at, value, err));
    }
    return TN_OK;
}

tn_status tn_source_fail_json(tn_status st, const tn_data_file *f, uint32_t first_line, tn_err *err)
{
    if (!err || (st != TN_EFORMAT && st != TN_ELIMIT))
        return st;
    tn_err inner = *err;
    tn_str rest = tn_str_of(inner.msg), line;
    int64_t n;
    if (tn_str_cut(&rest, ':', &line) && tn_str_to_i64(line, &n) && n > 0)
        return tn_fail(err, st, "%.*s:%u:%.*s", TN_ARG(f->path), first_line + (uint32_t)n - 1, TN_ARG(rest));
    return tn_fail(err, st, "%.*s:%u: %s", TN_ARG(f->path), first_line, inner.msg);
}

static tn_status read_json(tn_table *t, tn_str s, const tn_data_file *f, uint32_t index, tn_arena *scratch, tn_buf *buf,
                           tn_err *err)
{
    if (tn_str_starts(s, "\xEF\xBB\xBF"))
        s = tn_str_sub(s, 3, s.len);
    tn_json_options options = {.allow_nan = true};
    const tn_json *v;
    if (tn_str_starts(tn_str_trim(s), "[")) {
        tn_status st = tn_json_parse_with(s, &options, scratch, &v, err);
        if (st != TN_OK)
            return tn_source_fail_json(st, f, 1, err);
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            TN_TRY(add_object(t, c, f, index, tn_json_line(c), buf, err));
        return TN_OK;
    }
    tn_str rest = s, line;
    tn_arena_mark mark = tn_arena_save(scratch);
    for (uint32_t n = 1; tn_str_cut(&rest, '\n', &line); n++) {
        if (line.len > t->max_record)
            return tn_fail(err, TN_ELIMIT, "%.*s:%u: a line of %zu bytes; the limit for a row is %zu", TN_ARG(f->path),
                           n, line.len, t->max_record);
        if (tn_str_trim(line).len == 0)
            continue;
        tn_arena_restore(scratch, mark);
        tn_status st = tn_json_parse_with(line, &options, scratch, &v, err);
        if (st != TN_OK) {
            st = tn_source_fail_json(st, f, n, err);
            if (st == TN_EFORMAT && err && t->record.len == 0 && strlen(err->msg) + 80 < sizeof err->msg)
                strcat(err->msg, "; a JSON file is one object a line, or one array of objects");
            return st;
        }
        TN_TRY(add_object(t, v, f, index, n, buf, err));
    }
    return TN_OK;
}

tn_status tn_table_read(tn_table *t, tn_data_file *f, uint32_t index, tn_data_format format, tn_findings *findings,
                        tn_err *err)
{
    char *path = tn_str_c(t->arena, f->path);
    tn_arena *scratch = tn_arena_new(0);
    tn_buf buf = TN_BUF_INIT;
    tn_file file = {0};
    tn_status st = TN_OK;
    size_t n_before = t->record.len;
    if (!path || !scratch) {
        st = tn_fail_nomem(err, f->path.len);
        goto done;
    }
    if (format == TN_FORMAT_CONLL) {
        st = tn_fail(err, TN_EINVALID, "%s holds tagged words: its task is token classification, not one label a text",
                     path);
        goto done;
    }
    TN_GO(tn_file_open(path, &file, err));
    tn_str s = tn_str_from_bytes(file.bytes);
    f->size = s.len;
    f->sha256 = tn_sha256(file.bytes);
    TN_GO(tn_source_check(s, f, findings, err));
    if (format == TN_FORMAT_JSON)
        TN_GO(read_json(t, s, f, index, scratch, &buf, err));
    else if (format == TN_FORMAT_FASTTEXT)
        TN_GO(read_fasttext(t, s, f, index, &buf, err));
    else
        TN_GO(read_csv(t, s, f, index, format, scratch, findings, err));
    f->n_records = (uint32_t)(t->record.len - n_before);
    if (f->n_records == 0)
        st = tn_fail(err, TN_EFORMAT, "%s has a header and no rows", path);
done:
    tn_buf_free(&buf);
    if (file.bytes.ptr)
        tn_file_close(&file);
    tn_arena_free(scratch);
    return st;
}
