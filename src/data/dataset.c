/* Files -> table of cells (table.c) -> columns chosen (columns.c) -> rows. Everything that can be wrong with a row is
 * checked here, once, so that later stages can trust: a text is never blank, an id is unique, a label is an index into
 * the label set or -1, rows stand in the order of files and lines.
 *
 * Order of the steps: missing cells are dropped before labels are collected (a dropped row brings no class), and labels
 * before ids (an id is only asked of rows that stay). */
#include "data/dataset.h"

#include "base/file.h"
#include "base/map.h"
#include "codec/json.h"
#include "data/note.h"
#include "data/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *tn_split_name(tn_split s)
{
    static const char *const name[TN_N_SPLITS] = {"none", "train", "validation", "test", "removed"};
    return (unsigned)s < TN_N_SPLITS ? name[s] : "?";
}

void tn_dataset_free(tn_dataset *d)
{
    tn_arena_free(d->arena);
    *d = (tn_dataset){0};
}

tn_str tn_dataset_place(const tn_dataset *d, size_t row, tn_arena *a)
{
    const tn_row *r = &d->row[row];
    return tn_str_format(a, "%.*s:%u", TN_ARG(d->file[r->file].path), r->line);
}

/* ---- which files ---- */

static tn_status add_file(tn_dataset *d, tn_data_format *format, bool tagged, const char *path, tn_split split,
                          tn_err *err)
{
    tn_str p = tn_str_dup(d->arena, tn_str_of(path));
    if (!p.ptr)
        return tn_fail_nomem(err, strlen(path));
    format[d->n_files] = tn_data_format_of(p);
    if (!tn_file_exists(path))
        return tn_fail(err, TN_ENOENT, "%s: no such file", path);
    if (tn_file_is_dir(path))
        return tn_fail(err, TN_EINVALID, "%s is a folder; name a file for each split", path);
    if (format[d->n_files] == TN_FORMAT_NONE && tagged)
        format[d->n_files] = TN_FORMAT_CONLL;
    if (format[d->n_files] == TN_FORMAT_NONE && (tn_str_ends(p, ".txt") || tn_str_ends(p, ".ft")))
        format[d->n_files] = TN_FORMAT_FASTTEXT; /* only where the file is named: a folder's texts may be anything */
    if (format[d->n_files] == TN_FORMAT_NONE)
        return tn_fail(err, TN_EINVALID, "%s: unknown kind of file; known are csv, tsv, jsonl, ndjson, json, and txt as fastText's", path);
    d->file[d->n_files++] = (tn_data_file){.path = p, .split = split};
    return TN_OK;
}

/* "train.csv" alone is the training part; "my_reviews.csv" is a pool. */
static tn_split split_of_name(const char *path)
{
    tn_str name = tn_path_name(tn_str_of(path)), word;
    tn_str rest = name;
    return tn_str_cut(&rest, '.', &word) ? tn_split_word(word) : TN_SPLIT_NONE;
}

tn_status tn_source_files(const tn_data_source *s, tn_dataset *d, tn_data_format **format, tn_findings *findings,
                          tn_err *err)
{
    bool named = s->train || s->validation || s->test;
    if (named == (s->path != NULL))
        return tn_fail(err, TN_EINVALID, "data: give a path, or files for train, validation and test%s",
                       named ? ", not both" : "");
    if (s->path && tn_file_is_dir(s->path)) {
        tn_found_file *found;
        size_t n;
        TN_TRY(tn_folder_find(s->path, d->arena, &found, &n, findings, err));
        d->file = TN_ARENA_ARRAY(d->arena, tn_data_file, n);
        *format = TN_ARENA_ARRAY(d->arena, tn_data_format, n);
        if (!d->file || !*format)
            return tn_fail_nomem(err, n * sizeof *d->file);
        for (size_t i = 0; i < n; i++) {
            d->file[i] = (tn_data_file){.path = found[i].path, .split = found[i].split};
            (*format)[i] = found[i].format;
        }
        d->n_files = n;
        return TN_OK;
    }
    d->file = TN_ARENA_ARRAY(d->arena, tn_data_file, 3);
    *format = TN_ARENA_ARRAY(d->arena, tn_data_format, 3);
    if (!d->file || !*format)
        return tn_fail_nomem(err, 3 * sizeof *d->file);
    if (s->path)
        return add_file(d, *format, s->tagged, s->path, split_of_name(s->path), err);
    if (s->train)
        TN_TRY(add_file(d, *format, s->tagged, s->train, TN_SPLIT_TRAIN, err));
    if (s->validation)
        TN_TRY(add_file(d, *format, s->tagged, s->validation, TN_SPLIT_VALIDATION, err));
    if (s->test)
        TN_TRY(add_file(d, *format, s->tagged, s->test, TN_SPLIT_TEST, err));
    for (size_t i = 0; i < d->n_files; i++)
        for (size_t k = i + 1; k < d->n_files; k++)
            if (tn_str_eq(d->file[i].path, d->file[k].path))
                return tn_fail(err, TN_EINVALID,
                               "%.*s is named for two splits; evaluation on training data proves nothing",
                               TN_ARG(d->file[i].path));
    return TN_OK;
}

/* ---- rows ---- */

typedef struct {
    size_t n_no_text, n_no_label, n_pandas, first[3]; /* record numbers of the first ones */
} gaps;

static bool pandas_loses(tn_str cell)
{
    static const char *const words[] = {"None", "NA", "N/A", "n/a", "#NA", "-nan", "-NaN", "#N/A N/A"};
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (tn_str_is(cell, words[i]))
            return true;
    return false;
}

static bool is_flag(const tn_data_source *s, const tn_columns *c, int column)
{
    for (size_t i = 0; c->flag && i < s->n_label_columns; i++)
        if (c->flag[i] == column)
            return true;
    return false;
}

/* A column a label becomes what a cell with an array says. */
static tn_status join_flags(const tn_data_source *s, const tn_table *t, const tn_columns *c, tn_dataset *d, size_t r, tn_str *out, tn_err *err)
{
    static const char *const no[] = {"0", "false", "False", "FALSE", "no", "0.0"}, *const yes[] = {"1", "true", "True", "TRUE", "yes", "1.0"};
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < s->n_label_columns; i++) {
        tn_str cell = tn_str_trim(tn_table_cell(t, r, c->flag[i]));
        bool off = false, on = false;
        for (size_t k = 0; k < TN_COUNT(no); k++) {
            off |= tn_str_is(cell, no[k]);
            on |= tn_str_is(cell, yes[k]);
        }
        if (!on && !off) {
            const tn_record *rec = &t->record.ptr[r];
            tn_buf_free(&b);
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: the label column \"%.*s\" has \"%.*s\"; it must be 0 or 1", TN_ARG(d->file[rec->file].path), rec->line,
                           TN_ARG(tn_str_sub(s->label_columns[i], 0, 80)), TN_ARG(tn_str_sub(cell, 0, 80)));
        }
        if (on)
            tn_jw_str(&w, s->label_columns[i]);
    }
    tn_jw_end_array(&w);
    tn_status st = tn_buf_status(&b, err);
    *out = st == TN_OK ? tn_str_dup(d->arena, tn_buf_view(&b)) : (tn_str){0};
    tn_buf_free(&b);
    return st == TN_OK && !out->ptr ? tn_fail_nomem(err, 64) : st;
}

static tn_status make_rows(const tn_data_source *s, const tn_table *t, const tn_columns *c, tn_dataset *d,
                           tn_str **label, gaps *g, tn_err *err)
{
    size_t n = t->record.len;
    d->row = TN_ARENA_ARRAY(d->arena, tn_row, n);
    *label = TN_ARENA_ARRAY(d->arena, tn_str, n);
    int *other = TN_ARENA_ARRAY(d->arena, int, t->column.len);
    d->other = TN_ARENA_ARRAY(d->arena, tn_str, t->column.len);
    if (!d->row || !*label || !other || !d->other)
        return tn_fail_nomem(err, n * sizeof *d->row);
    for (int i = 0; i < (int)t->column.len; i++)
        if (i != c->text && i != c->label && i != c->id && i != c->split && i != c->pair && !is_flag(s, c, i)) {
            d->other[d->n_other] = t->column.ptr[i].name;
            other[d->n_other++] = i;
        }
    for (size_t r = 0; r < n; r++) {
        const tn_record *rec = &t->record.ptr[r];
        tn_str text = tn_str_trim(tn_table_cell(t, r, c->text)), name = tn_str_trim(tn_table_cell(t, r, c->label));
        tn_str pair = tn_str_trim(tn_table_cell(t, r, c->pair));
        bool no_label = c->label < 0 || tn_cell_is_missing(name);
        if (s->kind == TN_LABEL_SET && (c->label >= 0 || c->flag)) {
            TN_TRY(c->flag ? join_flags(s, t, c, d, r, &name, err) : TN_OK);
            name = no_label && !c->flag ? TN_STR("") : name;
            no_label = false;
        }
        if (tn_cell_is_missing(text) || (c->pair >= 0 && tn_cell_is_missing(pair))) {
            g->first[0] = g->n_no_text++ ? g->first[0] : r;
            continue;
        }
        if (no_label && s->use != TN_DATA_PREDICT) {
            g->first[1] = g->n_no_label++ ? g->first[1] : r;
            continue;
        }
        if (pandas_loses(text) || pandas_loses(name))
            g->first[2] = g->n_pandas++ ? g->first[2] : r;
        tn_row *row = &d->row[d->n_rows];
        *row = (tn_row){
            .text = text, .pair = c->pair >= 0 ? pair : (tn_str){0}, .label = -1, .value = NAN, .split = d->file[rec->file].split, .file = rec->file, .line = rec->line};
        row->id = tn_str_trim(tn_table_cell(t, r, c->id));
        if (c->split >= 0)
            row->split = tn_split_word(tn_str_trim(tn_table_cell(t, r, c->split)));
        row->other = TN_ARENA_ARRAY(d->arena, tn_str, d->n_other);
        if (!row->other)
            return tn_fail_nomem(err, d->n_other * sizeof *row->other);
        for (size_t k = 0; k < d->n_other; k++)
            row->other[k] = tn_table_cell(t, r, other[k]);
        (*label)[d->n_rows++] = no_label ? (tn_str){0} : name;
        d->file[rec->file].n_rows++;
    }
    d->n_no_text = g->n_no_text;
    d->n_no_label = g->n_no_label;
    return TN_OK;
}

static tn_status report_gaps(const tn_table *t, const tn_columns *c, const tn_dataset *d, const gaps *g,
                             tn_findings *findings, tn_err *err)
{
    const struct {
        size_t n;
        const char *what;
        tn_severity severity;
        const char *remedy;
        bool dropped;
    } kind[] = {
        {g->n_no_text, "without text", TN_WARNING, "fill the cells or remove the rows", true},
        {g->n_no_label, "without a label", TN_WARNING, "label the rows or remove them", true},
        {g->n_pandas, "whose text or label is a word like None or NA", TN_ADVICE,
         "read the file with keep_default_na=False in pandas, which would lose them", false},
    };
    for (size_t i = 0; i < TN_COUNT(kind); i++) {
        if (kind[i].n == 0)
            continue;
        const tn_record *r = &t->record.ptr[g->first[i]];
        if (d->n_rows == 0 && kind[i].dropped) {
            int column = i == 0 ? c->text : c->label;
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: no row is left: %zu of %zu are %s (column \"%.*s\")",
                           TN_ARG(d->file[r->file].path), r->line, kind[i].n, t->record.len, kind[i].what,
                           column < 0 ? 0 : TN_ARG(t->column.ptr[column].name));
        }
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = kind[i].severity,
                                    .path = d->file[r->file].path,
                                    .line = r->line,
                                    .remedy = tn_str_of(kind[i].remedy)},
                       err, "%zu row%s %s: %s (the first one is at line %u)", kind[i].n, kind[i].n == 1 ? "" : "s",
                       kind[i].what, kind[i].dropped ? "dropped" : "kept", r->line));
    }
    return TN_OK;
}

/* ---- labels ---- */

typedef struct {
    tn_str text;
    double number;
} sortable;

static int by_text(const void *a, const void *b)
{
    return tn_str_cmp(((const sortable *)a)->text, ((const sortable *)b)->text);
}

static int by_number(const void *a, const void *b)
{
    const sortable *x = a, *y = b;
    return x->number != y->number ? (x->number > y->number) - (x->number < y->number) : by_text(a, b);
}

static tn_status sort_labels(const tn_map *seen, tn_dataset *d, tn_err *err)
{
    sortable *s = TN_ARENA_ARRAY(d->arena, sortable, seen->len);
    d->label = TN_ARENA_ARRAY(d->arena, tn_str, seen->len);
    if (!s || !d->label)
        return tn_fail_nomem(err, seen->len * sizeof *s);
    bool numbers = true;
    for (size_t i = 0; i < seen->len; i++) {
        s[i] = (sortable){seen->entry[i].key, 0};
        numbers = tn_str_to_f64(s[i].text, &s[i].number) && numbers;
    }
    qsort(s, seen->len, sizeof *s, numbers ? by_number : by_text);
    for (size_t i = 0; i < seen->len; i++)
        d->label[i] = s[i].text;
    d->n_labels = seen->len;
    return TN_OK;
}

/* Labels that a person would call the same: "Positive", "positive ", "posi-tive". */
static tn_status report_similar_labels(const tn_dataset *d, tn_findings *findings, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < d->n_labels; i++) {
        char *plain = tn_arena_alloc(d->arena, d->label[i].len + 1);
        size_t n = 0;
        if (!plain) {
            st = tn_fail_nomem(err, d->label[i].len);
            goto done;
        }
        for (size_t k = 0; k < d->label[i].len; k++) {
            char c = d->label[i].ptr[k];
            if (!strchr(" _-\t", c) || c == 0)
                plain[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        /* "-1" and "1" are two classes. */
        double number;
        tn_str key = tn_str_to_f64(d->label[i], &number) ? d->label[i] : (tn_str){plain, n};
        bool is_new;
        uint64_t *first = tn_map_put(&seen, key, i, &is_new);
        if (!first) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            goto done;
        }
        if (!is_new)
            TN_GO(tn_note(findings,
                          (tn_finding){.rule = "data-limits",
                                       .severity = TN_WARNING,
                                       .remedy = TN_STR("write them alike if they are one class")},
                          err, "the labels \"%.*s\" and \"%.*s\" differ only in case or separators",
                          TN_ARG(d->label[*first]), TN_ARG(d->label[i])));
    }
done:
    tn_map_free(&seen);
    return st;
}

static bool is_training(const tn_dataset *d, const tn_row *r)
{
    return r->split == TN_SPLIT_TRAIN || r->split == TN_SPLIT_NONE;
}

static tn_status collect_labels(const tn_data_source *s, tn_dataset *d, const tn_str *label, tn_map *seen, tn_err *err)
{
    bool any_training = false;
    for (size_t r = 0; r < d->n_rows; r++)
        any_training = any_training || is_training(d, &d->row[r]);
    for (size_t i = 0; i < s->n_labels; i++) {
        bool is_new;
        tn_str copy = tn_str_dup(d->arena, s->labels[i]);
        if (!copy.ptr || !tn_map_put(seen, copy, i, &is_new))
            return tn_fail_nomem(err, sizeof(tn_map_entry));
        if (!is_new)
            return tn_fail(err, TN_EINVALID, "the label \"%.*s\" is given twice", TN_ARG(s->labels[i]));
    }
    if (s->labels) {
        d->label = TN_ARENA_ARRAY(d->arena, tn_str, seen->len);
        if (!d->label)
            return tn_fail_nomem(err, seen->len * sizeof *d->label);
        for (size_t i = 0; i < seen->len; i++)
            d->label[i] = seen->entry[i].key;
        d->n_labels = seen->len;
        return TN_OK;
    }
    for (size_t r = 0; r < d->n_rows; r++)
        if (label[r].ptr && (is_training(d, &d->row[r]) || !any_training) && !tn_map_put(seen, label[r], r, NULL))
            return tn_fail_nomem(err, sizeof(tn_map_entry));
    TN_TRY(sort_labels(seen, d, err));
    for (size_t i = 0; i < d->n_labels; i++)
        *tn_map_find(seen, d->label[i]) = i;
    return TN_OK;
}

/* A part whose labels are all -1, which training never shows, is the Hub's way to hide a test. */
static tn_status find_hidden(tn_dataset *d, tn_str *label, const tn_map *seen, tn_findings *findings, tn_err *err)
{
    if (tn_map_find(seen, TN_STR("-1")))
        return TN_OK;
    for (tn_split s = TN_SPLIT_VALIDATION; s <= TN_SPLIT_TEST; s++) {
        size_t n = 0, n_hidden = 0, last = 0;
        for (size_t r = 0; r < d->n_rows; r++)
            if (d->row[r].split == s) {
                n++;
                n_hidden += tn_str_is(label[r], "-1");
                last = r;
            }
        if (n == 0 || n_hidden < n)
            continue;
        for (size_t r = 0; r < d->n_rows; r++)
            if (d->row[r].split == s)
                label[r] = (tn_str){0};
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = TN_WARNING,
                                    .path = d->file[d->row[last].file].path,
                                    .evidence = TN_STR("every label is -1"),
                                    .remedy = TN_STR("give a part with labels, or let one be taken from train")},
                       err, "the %s part has hidden labels: it cannot be scored", tn_split_name(s)));
    }
    return TN_OK;
}

static tn_status set_labels(const tn_data_source *s, tn_dataset *d, tn_str *label, tn_findings *findings, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    TN_GO(collect_labels(s, d, label, &seen, err));
    TN_GO(find_hidden(d, label, &seen, findings, err));
    size_t kept = 0;
    for (size_t r = 0; r < d->n_rows; r++) {
        tn_row *row = &d->row[r];
        if (!label[r].ptr && s->use != TN_DATA_PREDICT) { /* hidden */
            d->n_no_label++;
            d->file[row->file].n_rows--;
            continue;
        }
        const uint64_t *at = label[r].ptr ? tn_map_find(&seen, label[r]) : NULL;
        if (label[r].ptr && !at && s->use != TN_DATA_PREDICT) {
            st = tn_fail(err, TN_EFORMAT,
                         "%.*s:%u: the label \"%.*s\" is %s; known are %.*s%s. Correct it, or remove the row",
                         TN_ARG(d->file[row->file].path), row->line, TN_ARG(tn_str_sub(label[r], 0, 80)),
                         s->labels ? "not one of the labels asked for" : "never seen in training",
                         TN_ARG(tn_str_sub(d->label[0], 0, 80)), d->n_labels > 1 ? ", ..." : "");
            goto done;
        }
        row->label = at ? (int32_t)*at : -1;
        d->row[kept] = *row;
        kept++;
    }
    d->n_rows = kept;
    TN_GO(report_similar_labels(d, findings, err));
done:
    tn_map_free(&seen);
    return st;
}

/* ---- ids ---- */

static bool one_file_a_split(const tn_dataset *d)
{
    for (size_t i = 0; i < d->n_files; i++)
        for (size_t k = 0; k < i; k++)
            if (d->file[i].split == d->file[k].split)
                return false;
    return true;
}

static tn_status put_id(tn_dataset *d, size_t r, bool by_split, tn_str own, tn_err *err)
{
    tn_row *row = &d->row[r];
    const tn_data_file *f = &d->file[row->file];
    if (by_split)
        row->id =
            tn_str_format(d->arena, "%s-%.*s",
                          f->split == TN_SPLIT_NONE || d->n_files == 1 ? "row" : tn_split_name(f->split), TN_ARG(own));
    else
        row->id = tn_str_format(d->arena, "%.*s:%.*s", TN_ARG(f->path), TN_ARG(own));
    return row->id.ptr ? TN_OK : tn_fail_nomem(err, own.len);
}

static tn_status check_ids(tn_dataset *d, tn_str column, bool *repeat, tn_err *err)
{
    tn_map all = TN_MAP_INIT, in_file = TN_MAP_INIT;
    tn_status st = TN_OK;
    uint32_t file = UINT32_MAX;
    *repeat = false;
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_row *row = &d->row[r];
        const tn_data_file *f = &d->file[row->file];
        if (row->file != file) {
            tn_map_free(&in_file);
            file = row->file;
        }
        if (tn_cell_is_missing(row->id)) {
            st = tn_fail(err, TN_EFORMAT,
                         "%.*s:%u: the id (column \"%.*s\") is missing; fill it, or say id: \"\" to number the rows",
                         TN_ARG(f->path), row->line, TN_ARG(column));
            goto done;
        }
        bool is_new, is_new_at_all;
        uint64_t *first = tn_map_put(&in_file, row->id, r, &is_new);
        if (!first || !tn_map_put(&all, row->id, r, &is_new_at_all)) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            goto done;
        }
        if (!is_new) {
            st = tn_fail(
                err, TN_EFORMAT,
                "%.*s:%u: the id \"%.*s\" (column \"%.*s\") is also that of line %u; make ids unique, name another "
                "column, or say id: \"\" to number the rows",
                TN_ARG(f->path), row->line, TN_ARG(tn_str_sub(row->id, 0, 80)), TN_ARG(column), d->row[*first].line);
            goto done;
        }
        *repeat = *repeat || !is_new_at_all;
    }
done:
    tn_map_free(&all);
    tn_map_free(&in_file);
    return st;
}

tn_status tn_dataset_set_ids(tn_dataset *d, bool has_column, tn_findings *findings, tn_err *err)
{
    bool by_split = one_file_a_split(d), repeat = false;
    if (has_column) {
        TN_TRY(check_ids(d, d->id_column.name, &repeat, err));
        if (!repeat)
            return TN_OK;
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = TN_ADVICE,
                                    .remedy = TN_STR("nothing, unless the same id means the same row")},
                       err, "ids repeat from file to file: each gets its %s in front", by_split ? "split" : "path"));
    }
    for (size_t r = 0, nth = 1; r < d->n_rows; r++) {
        tn_str own = d->row[r].id;
        /* An array of objects may stand on one line. */
        nth = r > 0 && d->row[r].file == d->row[r - 1].file && d->row[r].line == d->row[r - 1].line ? nth + 1 : 1;
        if (!has_column) {
            own = nth == 1 ? tn_str_format(d->arena, "%u", d->row[r].line)
                           : tn_str_format(d->arena, "%u.%zu", d->row[r].line, nth);
            if (!own.ptr)
                return tn_fail_nomem(err, 16);
        }
        TN_TRY(put_id(d, r, by_split, own, err));
    }
    return TN_OK;
}

/* ---- the whole ---- */

static tn_status check_numbers(const tn_dataset *d, tn_err *err)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t r = 0; r < d->n_rows; r++)
        if (is_training(d, &d->row[r])) {
            low = d->row[r].value < low ? d->row[r].value : low;
            high = d->row[r].value > high ? d->row[r].value : high;
        }
    return low < high ? TN_OK
                      : tn_fail(err, TN_EFORMAT, "%.*s: every row has the number %g (column \"%.*s\"); there is nothing to learn", TN_ARG(d->file[0].path), low,
                                TN_ARG(d->label_column.name));
}

static tn_status check_use(const tn_data_source *s, tn_dataset *d, tn_findings *findings, tn_err *err)
{
    tn_str path = d->file[0].path;
    for (size_t r = 0; r < d->n_rows; r++)
        d->given[d->row[r].split] = d->row[r].split != TN_SPLIT_NONE;
    if (d->n_rows == 0)
        return tn_fail(err, TN_EFORMAT, "%.*s: no row is left", TN_ARG(path));
    if (s->use != TN_DATA_TRAIN)
        return TN_OK;
    bool given = d->given[TN_SPLIT_VALIDATION] || d->given[TN_SPLIT_TEST];
    size_t n_training = tn_dataset_count(d, TN_SPLIT_TRAIN) + tn_dataset_count(d, TN_SPLIT_NONE);
    if (given && n_training == 0)
        return tn_fail(err, TN_EINVALID,
                       "%.*s: there is a %s part and no training part; add one, or name it: data: {train: ...}",
                       TN_ARG(path), d->given[TN_SPLIT_TEST] ? "test" : "validation");
    if (n_training < 3)
        return tn_fail(err, TN_EFORMAT,
                       "%.*s: %zu row%s cannot be split into train, validation and test; three are the least, "
                       "some hundred are sensible",
                       TN_ARG(path), n_training, n_training == 1 ? "" : "s");
    if (d->kind == TN_LABEL_NUMBER)
        return check_numbers(d, err);
    bool *has = tn_arena_calloc(d->arena, d->n_labels + 1);
    size_t n_classes = 0;
    if (!has)
        return tn_fail_nomem(err, d->n_labels);
    for (size_t r = 0; r < d->n_rows; r++)
        if (is_training(d, &d->row[r]) && d->row[r].label >= 0 && !has[d->row[r].label])
            has[d->row[r].label] = true, n_classes++;
    if (d->kind == TN_LABEL_SET)
        return TN_OK;
    if (n_classes < 2)
        return tn_fail(err, TN_EFORMAT,
                       "%.*s: every row has the label \"%.*s\" (column \"%.*s\"); two classes are needed", TN_ARG(path),
                       TN_ARG(tn_str_sub(d->label[d->row[0].label], 0, 80)), TN_ARG(d->label_column.name));
    if (n_training >= 20 && n_classes * 2 > n_training)
        return tn_fail(err, TN_EINVALID,
                       "%.*s: column \"%.*s\" has %zu values in %zu rows: that is no set of classes; name "
                       "the label column: data: {path: ..., label: COLUMN}",
                       TN_ARG(path), TN_ARG(d->label_column.name), n_classes, n_training);
    for (size_t i = 0; i < d->n_labels; i++)
        if (!has[i])
            TN_TRY(tn_note(findings,
                           (tn_finding){.rule = "data-limits",
                                        .severity = TN_WARNING,
                                        .remedy = TN_STR("add rows of that class, or leave it out of the labels")},
                           err, "the label \"%.*s\" has no training row", TN_ARG(d->label[i])));
    return TN_OK;
}

/* "a, b, c": what stands for the label column where each label has its own. */
static tn_status name_flags(const tn_data_source *s, tn_dataset *d, tn_err *err)
{
    tn_str all = TN_STR("");
    for (size_t i = 0; i < s->n_label_columns && all.ptr; i++)
        all = tn_str_format(d->arena, "%.*s%s%.*s", TN_ARG(all), i ? ", " : "", TN_ARG(s->label_columns[i]));
    d->label_column.name = all;
    return all.ptr ? TN_OK : tn_fail_nomem(err, 64);
}

static tn_status read_numbers(tn_dataset *d, const tn_str *text, tn_err *err)
{
    for (size_t r = 0; r < d->n_rows; r++) {
        tn_row *row = &d->row[r];
        if (text[r].ptr && (!tn_str_to_f64(text[r], &row->value) || !isfinite(row->value)))
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: \"%.*s\" (column \"%.*s\") is no number; write it with a decimal point, or name another column",
                           TN_ARG(d->file[row->file].path), row->line, TN_ARG(tn_str_sub(text[r], 0, 80)), TN_ARG(d->label_column.name));
    }
    return TN_OK;
}

static tn_status load(const tn_data_source *s, tn_dataset *d, tn_table *t, tn_findings *findings, tn_err *err)
{
    tn_data_format *format = NULL;
    TN_TRY(tn_source_files(s, d, &format, findings, err));
    for (size_t i = 0; i < d->n_files; i++)
        TN_TRY(tn_table_read(t, &d->file[i], (uint32_t)i, format[i], findings, err));
    tn_columns c;
    TN_TRY(tn_table_choose(t, s, d->n_files, d->file, &c, err));
    d->text_column = c.why[0], d->label_column = c.why[1], d->id_column = c.why[2], d->split_column = c.why[3], d->pair_column = c.why[4];
    d->kind = s->kind;
    gaps g = {0};
    tn_str *label;
    TN_TRY(make_rows(s, t, &c, d, &label, &g, err));
    TN_TRY(report_gaps(t, &c, d, &g, findings, err));
    if (c.flag)
        TN_TRY(name_flags(s, d, err));
    if (s->kind == TN_LABEL_SET && (c.label >= 0 || c.flag))
        TN_TRY(tn_dataset_read_sets(s, c.flag != NULL, d, label, findings, err));
    else if (s->kind == TN_LABEL_NUMBER && c.label >= 0)
        TN_TRY(read_numbers(d, label, err));
    else if (c.label >= 0)
        TN_TRY(set_labels(s, d, label, findings, err));
    TN_TRY(tn_dataset_set_ids(d, c.id >= 0, findings, err));
    return check_use(s, d, findings, err);
}

tn_status tn_dataset_load(const tn_data_source *s, tn_dataset *out, tn_findings *findings, tn_err *err)
{
    *out = (tn_dataset){.arena = tn_arena_new(0)};
    if (!out->arena)
        return tn_fail_nomem(err, 65536);
    tn_table t = {.arena = out->arena,
                  .max_record = s->max_record ? s->max_record : (size_t)1 << 20,
                  .max_rows = s->max_rows ? s->max_rows : 10000000};
    tn_status st = load(s, out, &t, findings, err);
    tn_table_free(&t);
    if (st != TN_OK)
        tn_dataset_free(out);
    return st;
}

static tn_status fill(tn_dataset *d, const tn_str *text, const tn_str *label, size_t n, tn_err *err)
{
    d->file = TN_ARENA_ARRAY(d->arena, tn_data_file, 1);
    d->row = TN_ARENA_ARRAY(d->arena, tn_row, n);
    tn_str *name = TN_ARENA_ARRAY(d->arena, tn_str, n);
    if (!d->file || !d->row || !name)
        return tn_fail_nomem(err, n * sizeof *d->row);
    d->file[0] = (tn_data_file){.path = TN_STR("(text)"), .n_records = (uint32_t)n, .n_rows = (uint32_t)n};
    d->n_files = 1;
    d->n_rows = n;
    for (size_t i = 0; i < n; i++) {
        d->row[i] = (tn_row){.text = tn_str_dup(d->arena, tn_str_trim(text[i])), .label = -1, .line = (uint32_t)i + 1};
        name[i] = label ? tn_str_dup(d->arena, label[i]) : (tn_str){0};
        if (!d->row[i].text.ptr || (label && !name[i].ptr))
            return tn_fail_nomem(err, text[i].len);
        if (d->row[i].text.len == 0 || tn_utf8_check(d->row[i].text) < d->row[i].text.len)
            return tn_fail(err, TN_EFORMAT, "text %zu is %s", i + 1, d->row[i].text.len ? "not UTF-8" : "blank");
    }
    if (label)
        TN_TRY(set_labels(&(tn_data_source){.use = TN_DATA_EVAL}, d, name, NULL, err));
    return tn_dataset_set_ids(d, false, NULL, err);
}

tn_status tn_dataset_of(const tn_str *text, const tn_str *label, size_t n, tn_dataset *out, tn_err *err)
{
    *out = (tn_dataset){.arena = tn_arena_new(0)};
    if (!out->arena)
        return tn_fail_nomem(err, 65536);
    tn_status st = fill(out, text, label, n, err);
    if (st != TN_OK)
        tn_dataset_free(out);
    return st;
}

/* ---- questions ---- */

size_t tn_dataset_count(const tn_dataset *d, tn_split split)
{
    size_t n = 0;
    for (size_t r = 0; r < d->n_rows; r++)
        n += d->row[r].split == split;
    return n;
}

tn_status tn_dataset_rows(const tn_dataset *d, tn_split split, tn_arena *a, uint32_t **row, size_t *n, tn_err *err)
{
    size_t room = tn_dataset_count(d, split);
    *row = TN_ARENA_ARRAY(a, uint32_t, room);
    *n = 0;
    if (!*row)
        return tn_fail_nomem(err, room * sizeof **row);
    for (size_t r = 0; r < d->n_rows; r++)
        if (d->row[r].split == split)
            (*row)[(*n)++] = (uint32_t)r;
    return TN_OK;
}

int32_t tn_dataset_label(const tn_dataset *d, tn_str name)
{
    for (size_t i = 0; i < d->n_labels; i++)
        if (tn_str_eq(d->label[i], name))
            return (int32_t)i;
    return -1;
}

int32_t tn_dataset_column(const tn_dataset *d, tn_str name)
{
    for (size_t i = 0; i < d->n_other; i++)
        if (tn_str_eq(d->other[i], name))
            return (int32_t)i;
    return -1;
}

static void put_part(tn_buf *b, tn_str s)
{
    uint64_t len = s.len; /* the length in front: no two lists of parts give the same bytes */
    tn_buf_put(b, &len, sizeof len);
    tn_buf_str(b, s);
}

tn_status tn_dataset_digest(const tn_dataset *d, tn_digest *out, tn_err *err)
{
    tn_buf b = {.max = SIZE_MAX / 2};
    for (size_t r = 0; r < d->n_rows; r++) {
        put_part(&b, d->row[r].id);
        put_part(&b, d->row[r].text);
        if (d->row[r].pair.ptr)
            put_part(&b, d->row[r].pair);
        if (d->kind == TN_LABEL_NUMBER)
            tn_buf_put(&b, &d->row[r].value, sizeof d->row[r].value);
        for (uint32_t k = 0; d->kind == TN_LABEL_SET && k < d->row[r].n_set; k++)
            put_part(&b, d->label[d->row[r].set[k]]);
        put_part(&b, d->row[r].label < 0 ? TN_STR("") : d->label[d->row[r].label]);
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}
