/* Labels as sets: each row's cell becomes names, the names of training become the label set, and a row keeps indices.
 *
 * The label that a row is split by is the rarest of its set: the first step of iterative stratification (Sechidis et al.
 * 2011), which is where it matters; frequent labels come out even by themselves. */
#include "data/table.h"

#include "base/map.h"
#include "codec/json.h"
#include "data/note.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    tn_str *name;
    size_t n, cap;
} names;

/* Labels of one row, and of all (TN_MAX_LABELS of a model): beyond, a separator was meant for something else. */
enum { MAX_SET = 1000, MAX_NAMES = 1000 };

static tn_status add(names *x, tn_str name, tn_arena *a, tn_err *err)
{
    if (x->n == MAX_SET)
        return tn_fail(err, TN_ELIMIT, "more than %d labels in one row; is that the label column?", (int)MAX_SET);
    for (size_t i = 0; i < x->n; i++)
        if (tn_str_eq(x->name[i], name))
            return TN_OK;
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 4;
        tn_str *grown = TN_ARENA_ARRAY(a, tn_str, cap);
        if (!grown)
            return tn_fail_nomem(err, cap * sizeof *grown);
        if (x->n)
            memcpy(grown, x->name, x->n * sizeof *grown);
        x->name = grown;
        x->cap = cap;
    }
    x->name[x->n++] = name;
    return TN_OK;
}

static bool is_array(tn_str cell)
{
    return cell.len >= 2 && cell.ptr[0] == '[' && cell.ptr[cell.len - 1] == ']';
}

static tn_status from_array(const tn_dataset *d, const tn_row *row, tn_str cell, names *out, tn_err *err)
{
    const tn_json *list;
    tn_err inner = TN_ERR_INIT;
    tn_status st = tn_json_parse(cell, d->arena, &list, &inner);
    for (const tn_json *v = st == TN_OK ? tn_json_first(list) : NULL; v; v = tn_json_next(v)) {
        tn_str name = tn_str_trim(tn_json_text(v));
        if (tn_json_type(v) == TN_JSON_ARRAY || tn_json_type(v) == TN_JSON_OBJECT || tn_json_type(v) == TN_JSON_NULL || name.len == 0)
            st = TN_EFORMAT;
        else
            TN_TRY(add(out, name, d->arena, err));
    }
    if (st == TN_ENOMEM)
        return tn_fail_nomem(err, cell.len);
    return st == TN_OK ? TN_OK
                       : tn_fail(err, TN_EFORMAT, "%.*s:%u: the labels %.*s are no JSON array of names, such as [\"a\", \"b\"]", TN_ARG(d->file[row->file].path),
                                 row->line, TN_ARG(tn_str_sub(cell, 0, 80)));
}

static tn_status from_text(const tn_dataset *d, tn_str cell, names *out, tn_err *err)
{
    tn_str rest = cell;
    while (rest.len) {
        size_t at = d->separator.len ? tn_str_find(rest, d->separator, 0) : SIZE_MAX;
        tn_str part = tn_str_trim(tn_str_sub(rest, 0, at == SIZE_MAX ? rest.len : at));
        if (part.len)
            TN_TRY(add(out, part, d->arena, err));
        rest = at == SIZE_MAX ? TN_STR("") : tn_str_sub(rest, at + d->separator.len, rest.len);
    }
    return TN_OK;
}

static bool is_training(const tn_row *r)
{
    return r->split == TN_SPLIT_TRAIN || r->split == TN_SPLIT_NONE;
}

static tn_str separator_of(const tn_data_source *s, const tn_dataset *d, const tn_str *cell)
{
    static const char *const usual[] = {";", "|", ","};
    if (s->separator)
        return tn_str_of(s->separator);
    for (size_t k = 0; k < TN_COUNT(usual); k++)
        for (size_t r = 0; r < d->n_rows; r++)
            if (is_training(&d->row[r]) && !is_array(cell[r]) && tn_str_find(cell[r], tn_str_of(usual[k]), 0) != SIZE_MAX)
                return tn_str_of(usual[k]);
    return TN_STR("");
}

static int by_index(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

/* The label set: as given, a column a label in its order, else the names of training in byte order. */
static tn_status label_set(const tn_data_source *s, bool flags, tn_dataset *d, const names *of_row, tn_map *index, tn_err *err)
{
    const tn_str *given = s->labels ? s->labels : flags ? s->label_columns : NULL;
    size_t n_given = s->labels ? s->n_labels : s->n_label_columns;
    for (size_t i = 0; given && i < n_given; i++) {
        tn_str copy = tn_str_dup(d->arena, given[i]);
        if (!copy.ptr || !tn_map_put(index, copy, i, NULL))
            return tn_fail_nomem(err, sizeof(tn_map_entry));
    }
    bool any_training = false;
    for (size_t r = 0; r < d->n_rows; r++)
        any_training |= is_training(&d->row[r]);
    for (size_t r = 0; !given && r < d->n_rows; r++)
        for (size_t k = 0; k < of_row[r].n && (is_training(&d->row[r]) || !any_training); k++) {
            if (!tn_map_put(index, of_row[r].name[k], 0, NULL))
                return tn_fail_nomem(err, sizeof(tn_map_entry));
            if (index->len > MAX_NAMES)
                return tn_fail(err, TN_ELIMIT, "%.*s:%u: more than %d different labels (\"%.*s\" ...); is that the label column?",
                               TN_ARG(d->file[d->row[r].file].path), d->row[r].line, (int)MAX_NAMES,
                               TN_ARG(tn_str_sub(of_row[r].name[k], 0, 80)));
        }
    d->n_labels = index->len;
    d->label = TN_ARENA_ARRAY(d->arena, tn_str, d->n_labels);
    if (!d->label)
        return tn_fail_nomem(err, d->n_labels * sizeof *d->label);
    for (size_t i = 0; i < d->n_labels; i++)
        d->label[i] = index->entry[i].key;
    if (!given)
        qsort(d->label, d->n_labels, sizeof *d->label, by_name);
    for (size_t i = 0; i < d->n_labels; i++)
        *tn_map_find(index, d->label[i]) = i;
    return d->n_labels ? TN_OK : tn_fail(err, TN_EFORMAT, "%.*s: no row has a label (column \"%.*s\")", TN_ARG(d->file[0].path), TN_ARG(d->label_column.name));
}

static tn_status set_row(const tn_data_source *s, tn_dataset *d, tn_row *row, const names *x, const tn_map *index, tn_err *err)
{
    int32_t *set = TN_ARENA_ARRAY(d->arena, int32_t, x->n);
    if (!set)
        return tn_fail_nomem(err, x->n * sizeof *set);
    row->n_set = 0;
    for (size_t k = 0; k < x->n; k++) {
        const uint64_t *at = tn_map_find(index, x->name[k]);
        if (at)
            set[row->n_set++] = (int32_t)*at;
        else if (s->use != TN_DATA_PREDICT)
            return tn_fail(err, TN_EFORMAT, "%.*s:%u: the label \"%.*s\" is %s; known are %.*s%s. Correct it, or remove the row",
                           TN_ARG(d->file[row->file].path), row->line, TN_ARG(tn_str_sub(x->name[k], 0, 80)),
                           s->labels ? "not one of the labels asked for" : "never seen in training", TN_ARG(tn_str_sub(d->label[0], 0, 80)),
                           d->n_labels > 1 ? ", ..." : "");
    }
    qsort(set, row->n_set, sizeof *set, by_index);
    row->set = set;
    return TN_OK;
}

/* Labels that no training row has cannot be learnt; a label that all have says nothing. */
static tn_status report_counts(const tn_dataset *d, const size_t *count, size_t n_training, tn_findings *findings, tn_err *err)
{
    for (size_t i = 0; i < d->n_labels; i++)
        if (count[i] == 0 || count[i] == n_training)
            TN_TRY(tn_note(findings,
                           (tn_finding){.rule = "data-limits", .severity = TN_WARNING,
                                        .remedy = count[i] ? TN_STR("leave it out of the labels: it says nothing") : TN_STR("add rows with it, or leave it out of the labels")},
                           err, "the label \"%.*s\" is on %s training row", TN_ARG(tn_str_sub(d->label[i], 0, 80)), count[i] ? "every" : "no"));
    return TN_OK;
}

tn_status tn_dataset_read_sets(const tn_data_source *s, bool flags, tn_dataset *d, const tn_str *cell, tn_findings *findings, tn_err *err)
{
    tn_map index = TN_MAP_INIT;
    tn_status st = TN_OK;
    names *of_row = tn_arena_calloc(d->arena, (d->n_rows + 1) * sizeof *of_row);
    size_t *count = NULL, n_training = 0;
    if (!of_row)
        return tn_fail_nomem(err, d->n_rows * sizeof *of_row);
    d->separator = tn_str_dup(d->arena, separator_of(s, d, cell));
    if (!d->separator.ptr)
        return tn_fail_nomem(err, 16);
    for (size_t r = 0; r < d->n_rows; r++)
        if (is_array(cell[r]))
            TN_GO(from_array(d, &d->row[r], cell[r], &of_row[r], err));
        else
            TN_GO(from_text(d, cell[r], &of_row[r], err));
    TN_GO(label_set(s, flags, d, of_row, &index, err));
    for (size_t r = 0; r < d->n_rows; r++)
        TN_GO(set_row(s, d, &d->row[r], &of_row[r], &index, err));
    count = tn_arena_calloc(d->arena, (d->n_labels + 1) * sizeof *count);
    if (!count) {
        st = tn_fail_nomem(err, d->n_labels * sizeof *count);
        goto done;
    }
    for (size_t r = 0; r < d->n_rows; r++) {
        n_training += is_training(&d->row[r]);
        for (uint32_t k = 0; k < d->row[r].n_set && is_training(&d->row[r]); k++)
            count[d->row[r].set[k]]++;
    }
    for (size_t r = 0; r < d->n_rows; r++)
        for (uint32_t k = 0; k < d->row[r].n_set; k++) {
            int32_t l = d->row[r].set[k], *rarest = &d->row[r].label;
            if (*rarest < 0 || count[l] < count[*rarest])
                *rarest = l;
        }
    if (s->use == TN_DATA_TRAIN)
        st = report_counts(d, count, n_training, findings, err);
done:
    tn_map_free(&index);
    return st;
}
