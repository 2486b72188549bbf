/* A split is made of units: sets of rows that must stay together (near duplicates, equal cells of the group column),
 * most of them single rows. Units are shuffled by the counter generator and offered to the test, then to validation; a
 * unit is taken when that lowers the sum over classes of (rows so far - rows wanted)^2. For single rows this is the
 * plain stratified draw: a class takes rows until it has what it wants. For sets it never overshoots by more than it
 * helps. */
#include "data/split.h"
#include "data/joined.h"

#include "base/map.h"
#include "base/rng.h"
#include "codec/csv.h"
#include "data/note.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    tn_dataset *d;
    tn_arena *scratch;
    const tn_split_options *o;
    double share[2]; /* of test, validation: in the order in which they are drawn */
    bool wanted[2];
    uint32_t *row; /* [n_rows], candidates in order */
    size_t n_rows;
    size_t n_classes; /* labels and one more for rows without */
} drawer;

static const tn_split part[2] = {TN_SPLIT_TEST, TN_SPLIT_VALIDATION};

static size_t class_of(const tn_row *r)
{
    return r->label < 0 ? 0 : (size_t)r->label + 1;
}

static const char *class_name(const tn_dataset *d, size_t c, int *len)
{
    *len = c == 0 ? 10 : (int)(d->label[c - 1].len > 80 ? 80 : d->label[c - 1].len);
    return c == 0 ? "(no label)" : d->label[c - 1].ptr;
}

/* ---- how many rows of each class ---- */

typedef struct {
    double rest;
    size_t class;
} leftover;

static int by_rest(const void *a, const void *b)
{
    const leftover *x = a, *y = b;
    return x->rest != y->rest ? (x->rest < y->rest) - (x->rest > y->rest)
                              : (x->class > y->class) - (x->class < y->class);
}

/* Largest remainder over the classes of three rows or more; each of those gets one at least, and leaves `keep` of those
 * that are not taken yet. */
static tn_status want(const drawer *w, const size_t *class_rows, const size_t *taken, size_t keep, double share,
                      size_t *quota, tn_err *err)
{
    leftover *rest = TN_ARENA_ARRAY(w->scratch, leftover, w->n_classes);
    if (!rest)
        return tn_fail_nomem(err, w->n_classes * sizeof *rest);
    size_t n_rest = 0, n_rows = 0, given = 0;
    for (size_t c = 0; c < w->n_classes; c++) {
        quota[c] = 0;
        if (class_rows[c] < 3)
            continue;
        n_rows += class_rows[c];
        double exact = (double)class_rows[c] * share;
        quota[c] = (size_t)floor(exact);
        given += quota[c];
        rest[n_rest++] = (leftover){exact - floor(exact), c};
    }
    qsort(rest, n_rest, sizeof *rest, by_rest);
    size_t total = (size_t)floor((double)n_rows * share + 0.5);
    for (size_t i = 0; i < n_rest && given < total; i++, given++)
        quota[rest[i].class]++;
    for (size_t i = 0; i < n_rest; i++) {
        size_t c = rest[i].class, left = class_rows[c] - taken[c], most = left > keep ? left - keep : 0;
        quota[c] = quota[c] == 0 ? 1 : quota[c];
        quota[c] = quota[c] > most ? most : quota[c];
    }
    return TN_OK;
}

/* ---- units ---- */

static tn_status column_of(const tn_dataset *d, const char *name, const char *what, int32_t *at, tn_err *err)
{
    *at = tn_dataset_column(d, tn_str_of(name));
    if (*at >= 0)
        return TN_OK;
    tn_buf list = TN_BUF_INIT;
    for (size_t i = 0; i < d->n_other; i++)
        tn_buf_printf(&list, "%s%.*s", i ? ", " : "", TN_ARG(d->other[i]));
    tn_status st = tn_buf_status(&list, err);
    if (st == TN_OK)
        st = tn_fail(err, TN_ENOENT, "no column \"%s\" to split by %s; there %s: %s", name, what,
                     d->n_other == 1 ? "is" : "are", list.len ? list.ptr : "none beside text, label and id");
    tn_buf_free(&list);
    return st;
}

/* parent[k] over candidate numbers: the smallest member stands for the unit. */
static tn_status make_units(const drawer *w, const uint32_t *unit, uint32_t *parent, tn_err *err)
{
    tn_dataset *d = w->d;
    uint32_t *first = TN_ARENA_ARRAY(w->scratch, uint32_t, d->n_rows);
    if (!first)
        return tn_fail_nomem(err, d->n_rows * sizeof *first);
    memset(first, 0xFF, d->n_rows * sizeof *first);
    for (uint32_t k = 0; k < w->n_rows; k++) {
        parent[k] = k;
        if (!unit)
            continue;
        uint32_t u = unit[w->row[k]];
        if (first[u] == UINT32_MAX)
            first[u] = k;
        tn_joined_join(parent, first[u], k);
    }
    if (!w->o->group)
        return TN_OK;
    int32_t column = -1;
    bool by_text = tn_str_is(d->text_column.name, w->o->group), by_pair = d->pair_column.name.len && tn_str_is(d->pair_column.name, w->o->group);
    if (!by_text && !by_pair)
        TN_TRY(column_of(d, w->o->group, "group", &column, err));
    tn_map seen = TN_MAP_INIT;
    for (uint32_t k = 0; k < w->n_rows; k++) {
        const tn_row *row = &d->row[w->row[k]];
        tn_str cell = by_text ? row->text : by_pair ? row->pair : row->other[column];
        if (tn_str_trim(cell).len == 0)
            continue; /* no group known: alone */
        uint64_t *at = tn_map_put(&seen, cell, k, NULL);
        if (!at) {
            tn_map_free(&seen);
            return tn_fail_nomem(err, sizeof(tn_map_entry));
        }
        tn_joined_join(parent, (uint32_t)*at, k);
    }
    tn_map_free(&seen);
    return TN_OK;
}

/* ---- drawing ---- */

static tn_status draw(const drawer *w, const uint32_t *unit, const size_t *class_rows, tn_err *err)
{
    tn_dataset *d = w->d;
    size_t n = w->n_rows;
    tn_arena *a = w->scratch;
    uint32_t *parent = TN_ARENA_ARRAY(a, uint32_t, n), *start = tn_arena_calloc(a, (n + 2) * sizeof *start);
    uint32_t *member = TN_ARENA_ARRAY(a, uint32_t, n), *order = TN_ARENA_ARRAY(a, uint32_t, n);
    size_t *quota = TN_ARENA_ARRAY(a, size_t, w->n_classes), *have = TN_ARENA_ARRAY(a, size_t, w->n_classes);
    size_t *in_unit = tn_arena_calloc(a, w->n_classes * sizeof *in_unit);
    size_t *taken = tn_arena_calloc(a, w->n_classes * sizeof *taken);
    if (!taken || !parent || !start || !member || !order || !quota || !have || !in_unit)
        return tn_fail_nomem(err, n * sizeof *parent);
    TN_TRY(make_units(w, unit, parent, err));
    /* Members of unit u, in order: member[start[u] .. start[u+1]). */
    uint32_t n_units = 0;
    for (uint32_t k = 0; k < n; k++)
        start[tn_joined_root(parent, k) + 1]++;
    for (uint32_t k = 0; k < n; k++) {
        if (start[k + 1])
            order[n_units++] = k;
        start[k + 1] += start[k];
    }
    uint32_t *fill = TN_ARENA_ARRAY(a, uint32_t, n);
    if (!fill)
        return tn_fail_nomem(err, n * sizeof *fill);
    memcpy(fill, start, n * sizeof *fill);
    for (uint32_t k = 0; k < n; k++)
        member[fill[tn_joined_root(parent, k)]++] = w->row[k];
    /* The stream keeps this draw apart from others of the same seed; the letters are "split". */
    tn_rng rng = tn_rng_init(w->o->seed, 0x73706C6974);
    tn_rng_shuffle(&rng, order, n_units);
    for (int p = 0; p < 2; p++) {
        if (!w->wanted[p])
            continue;
        TN_TRY(want(w, class_rows, taken, p == 0 && w->wanted[1] ? 2 : 1, w->share[p], quota, err));
        memset(have, 0, w->n_classes * sizeof *have);
        for (uint32_t i = 0; i < n_units; i++) {
            uint32_t u = order[i], from = start[u], to = start[u + 1];
            if (d->row[member[from]].split != TN_SPLIT_NONE)
                continue;
            int64_t change = 0;
            bool tiny = false;
            for (uint32_t m = from; m < to; m++) {
                size_t c = class_of(&d->row[member[m]]);
                tiny = tiny || class_rows[c] < 3;
                /* (h+1-q)^2 - (h-q)^2, one row after the other */
                change += 2 * ((int64_t)(have[c] + in_unit[c]) - (int64_t)quota[c]) + 1;
                in_unit[c]++;
            }
            bool take = change < 0 && !tiny;
            for (uint32_t m = from; m < to; m++) {
                size_t c = class_of(&d->row[member[m]]);
                have[c] += take;
                taken[c] += take;
                in_unit[c] = 0;
                if (take)
                    d->row[member[m]].split = part[p];
            }
        }
    }
    return TN_OK;
}

/* ---- by time ---- */

static bool digits(tn_str s, size_t from, size_t n, int *out)
{
    *out = 0;
    for (size_t i = from; i < from + n; i++) {
        if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *out = *out * 10 + (s.ptr[i] - '0');
    }
    return true;
}

static bool is_at(tn_str s, size_t i, char c)
{
    return i < s.len && s.ptr[i] == c;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_of(int year, int month, int day)
{
    int y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int of_era = y - era * 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* YYYY-MM-DD, then optionally [T or blank]HH:MM[:SS[.fraction]] and Z or +HH:MM: microseconds. Or a whole number. */
static bool read_time(tn_str s, bool *is_number, int64_t *out)
{
    s = tn_str_trim(s);
    *is_number = tn_str_to_i64(s, out);
    if (*is_number)
        return true;
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour = 0, minute = 0, second = 0, zone = 0, fraction = 0;
    if (!digits(s, 0, 4, &year) || !is_at(s, 4, '-') || !digits(s, 5, 2, &month) || !is_at(s, 7, '-') ||
        !digits(s, 8, 2, &day) || month < 1 || month > 12 || day < 1 || day > month_days[month - 1] ||
        (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
        return false;
    size_t i = 10;
    if (is_at(s, i, 'T') || is_at(s, i, ' ')) {
        if (!digits(s, i + 1, 2, &hour) || !is_at(s, i + 3, ':') || !digits(s, i + 4, 2, &minute))
            return false;
        i += 6;
        if (is_at(s, i, ':')) {
            if (!digits(s, i + 1, 2, &second))
                return false;
            i += 3;
            if (is_at(s, i, '.')) {
                int digit, scale = 100000;
                size_t from = ++i;
                for (; digits(s, i, 1, &digit); i++, scale /= 10)
                    fraction += digit * scale;
                if (i == from)
                    return false;
            }
        }
        if (is_at(s, i, 'Z')) {
            i++;
        } else if (is_at(s, i, '+') || is_at(s, i, '-')) {
            int h, m;
            size_t colon = is_at(s, i + 3, ':');
            if (!digits(s, i + 1, 2, &h) || !digits(s, i + 3 + colon, 2, &m) || h > 23 || m > 59)
                return false;
            zone = (s.ptr[i] == '-' ? -1 : 1) * (h * 60 + m);
            i += 5 + colon;
        }
        if (hour > 23 || minute > 59 || second > 60)
            return false;
    }
    *out = ((days_of(year, month, day) * 1440 + hour * 60 + minute - zone) * 60 + second) * 1000000 + fraction;
    return i == s.len;
}

typedef struct {
    int64_t time;
    uint32_t row;
} timed;

static int by_time(const void *a, const void *b)
{
    const timed *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time) - (x->time < y->time) : (x->row > y->row) - (x->row < y->row);
}

static tn_status draw_by_time(const drawer *w, tn_err *err)
{
    tn_dataset *d = w->d;
    int32_t column;
    TN_TRY(column_of(d, w->o->time, "time", &column, err));
    timed *t = TN_ARENA_ARRAY(w->scratch, timed, w->n_rows);
    if (!t)
        return tn_fail_nomem(err, w->n_rows * sizeof *t);
    bool numbers = false;
    for (size_t k = 0; k < w->n_rows; k++) {
        const tn_row *r = &d->row[w->row[k]];
        bool is_number;
        t[k].row = w->row[k];
        if (!read_time(r->other[column], &is_number, &t[k].time) || (k > 0 && is_number != numbers))
            return tn_fail(err, TN_EFORMAT,
                           "%.*s:%u: \"%.*s\" in column \"%s\" is no date that can be ordered; write YYYY-MM-DD "
                           "(or whole numbers in all rows)",
                           TN_ARG(d->file[r->file].path), r->line, TN_ARG(tn_str_sub(r->other[column], 0, 40)),
                           w->o->time);
        numbers = is_number;
    }
    qsort(t, w->n_rows, sizeof *t, by_time);
    size_t end = w->n_rows;
    for (int p = 0; p < 2; p++) {
        if (!w->wanted[p])
            continue;
        size_t n = (size_t)floor((double)w->n_rows * w->share[p] + 0.5);
        size_t from = end > n ? end - (n ? n : 1) : 0;
        while (from > 0 && t[from].time == t[from - 1].time)
            from--;
        for (size_t k = from; k < end; k++)
            d->row[t[k].row].split = part[p];
        end = from;
    }
    return TN_OK;
}

/* ---- what came out ---- */

static tn_status report_parts(const drawer *w, const size_t *class_rows, tn_findings *findings, tn_err *err)
{
    tn_dataset *d = w->d;
    size_t *count = tn_arena_calloc(w->scratch, w->n_classes * TN_N_SPLITS * sizeof *count);
    if (!count)
        return tn_fail_nomem(err, w->n_classes * TN_N_SPLITS * sizeof *count);
    for (size_t r = 0; r < d->n_rows; r++)
        count[class_of(&d->row[r]) * TN_N_SPLITS + d->row[r].split]++;
    for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_TEST; s++)
        if (tn_dataset_count(d, s) == 0)
            return tn_fail(err, TN_EINVALID,
                           "the %s part would be empty: %zu rows%s%s; give more rows, other shares, or the part itself",
                           tn_split_name(s), w->n_rows,
                           w->o->time    ? " by time"
                           : w->o->group ? " in groups by column "
                                         : "",
                           !w->o->time && w->o->group ? w->o->group : "");
    for (size_t c = 0; c < w->n_classes; c++) {
        int len;
        const char *name = class_name(d, c, &len);
        const size_t *n = &count[c * TN_N_SPLITS];
        if (class_rows[c] > 0 && class_rows[c] < 3 && !w->o->time)
            TN_TRY(tn_note(findings,
                           (tn_finding){.rule = "data-splits",
                                        .severity = TN_WARNING,
                                        .remedy = TN_STR("add rows of that class, or join it with another")},
                           err, "the class \"%.*s\" has only %zu row%s: %s in train, and it cannot be evaluated", len,
                           name, class_rows[c], class_rows[c] == 1 ? "" : "s",
                           class_rows[c] == 1 ? "it stays" : "they stay"));
        else if (class_rows[c] > 0 && (!n[TN_SPLIT_TRAIN] || !n[TN_SPLIT_VALIDATION] || !n[TN_SPLIT_TEST]))
            TN_TRY(tn_note(findings,
                           (tn_finding){.rule = "data-splits",
                                        .severity = TN_WARNING,
                                        .remedy = TN_STR("add rows of that class, or split another way")},
                           err, "the class \"%.*s\" is missing from %s", len, name,
                           !n[TN_SPLIT_TRAIN]  ? "train"
                           : !n[TN_SPLIT_TEST] ? "test"
                                               : "validation"));
    }
    return TN_OK;
}

static tn_status split(drawer *w, const uint32_t *unit, tn_findings *findings, tn_err *err)
{
    tn_dataset *d = w->d;
    w->row = TN_ARENA_ARRAY(w->scratch, uint32_t, d->n_rows);
    w->n_classes = d->n_labels + 1;
    size_t *class_rows = tn_arena_calloc(w->scratch, w->n_classes * sizeof *class_rows);
    if (!w->row || !class_rows)
        return tn_fail_nomem(err, d->n_rows * sizeof *w->row);
    for (size_t r = 0; r < d->n_rows; r++)
        if (d->row[r].split == TN_SPLIT_NONE || d->row[r].split == TN_SPLIT_TRAIN) {
            d->row[r].split = TN_SPLIT_NONE;
            w->row[w->n_rows++] = (uint32_t)r;
            class_rows[class_of(&d->row[r])]++;
        }
    tn_status st = w->o->time ? draw_by_time(w, err) : draw(w, unit, class_rows, err);
    for (size_t k = 0; k < w->n_rows; k++)
        if (d->row[w->row[k]].split == TN_SPLIT_NONE)
            d->row[w->row[k]].split = TN_SPLIT_TRAIN;
    TN_TRY(st);
    return report_parts(w, class_rows, findings, err);
}

tn_status tn_split_make(tn_dataset *d, const tn_split_options *o, const uint32_t *unit, tn_findings *findings,
                        tn_err *err)
{
    drawer w = {.d = d, .o = o};
    w.share[0] = o->test != 0 ? o->test : 0.1;
    w.share[1] = o->validation != 0 ? o->validation : 0.1;
    if (!(w.share[0] > 0 && w.share[1] > 0 && w.share[0] + w.share[1] < 0.9))
        return tn_fail(err, TN_EINVALID,
                       "split: shares of %g for validation and %g for test; both above 0, together below 0.9",
                       w.share[1], w.share[0]);
    w.wanted[0] = !d->given[TN_SPLIT_TEST];
    w.wanted[1] = !d->given[TN_SPLIT_VALIDATION];
    if (!w.wanted[0] && !w.wanted[1])
        return TN_OK;
    w.scratch = tn_arena_new(0);
    if (!w.scratch)
        return tn_fail_nomem(err, 65536);
    tn_status st = split(&w, unit, findings, err);
    tn_arena_free(w.scratch);
    return st;
}

/* ---- the one call of a run ---- */

static tn_status say_what_is_made(const tn_dataset *d, tn_findings *findings, tn_err *err)
{
    if (!d->given[TN_SPLIT_TRAIN] || (d->given[TN_SPLIT_TEST] && d->given[TN_SPLIT_VALIDATION]))
        return TN_OK;
    bool both = !d->given[TN_SPLIT_TEST] && !d->given[TN_SPLIT_VALIDATION];
    const char *what = both ? "validation and test parts" : d->given[TN_SPLIT_TEST] ? "validation part" : "test part";
    return tn_note(findings,
                   (tn_finding){.rule = "data-splits",
                                .severity = TN_ADVICE,
                                .remedy = TN_STR("give the part yourself to keep train whole")},
                   err, "no %s %s given: taken from train", what, both ? "are" : "is");
}

static tn_status say_sizes(const tn_dataset *d, tn_findings *findings, tn_err *err)
{
    size_t n_train = tn_dataset_count(d, TN_SPLIT_TRAIN), n_test = tn_dataset_count(d, TN_SPLIT_TEST);
    if (n_train < 1000)
        TN_TRY(
            tn_note(findings,
                    (tn_finding){.rule = "constraint-overfit",
                                 .severity = TN_ADVICE,
                                 .remedy = TN_STR("few epochs, early stopping, several seeds; compare with the probe")},
                    err, "small data: %zu training rows", n_train));
    if (n_test > 0 && n_test < 400)
        /* half width of a 95 % interval at an accuracy of one half: 0.98 / sqrt(n) */
        TN_TRY(tn_note(
            findings,
            (tn_finding){
                .rule = "data-limits", .severity = TN_ADVICE, .remedy = TN_STR("read the intervals, not the points")},
            err, "the test part has %zu row%s: an accuracy on it is known to about %.0f points either way at best",
            n_test, n_test == 1 ? "" : "s", 98.0 / sqrt((double)n_test)));
    return TN_OK;
}

/* Pairs that are no copies may still share a text: a premise that training knows makes its hypotheses easier. */
static tn_status say_shared_texts(const tn_dataset *d, tn_findings *findings, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_status st = TN_OK;
    size_t n = 0, n_shared = 0;
    for (int pass = 0; pass < 2 && d->pair_column.name.len; pass++)
        for (size_t r = 0; r < d->n_rows; r++) {
            bool shared = false;
            if (d->row[r].split != (pass ? TN_SPLIT_TEST : TN_SPLIT_TRAIN))
                continue;
            for (int side = 0; side < 2; side++) {
                tn_buf_clear(&b);
                TN_GO(tn_duplicates_fold(side ? d->row[r].pair : d->row[r].text, &b, err));
                tn_str key = tn_buf_view(&b);
                if (pass) {
                    shared |= tn_map_find(&seen, key) != NULL;
                    continue;
                }
                if (!tn_map_find(&seen, key) && (!(key = tn_str_dup(d->arena, key)).ptr || !tn_map_put(&seen, key, 0, NULL))) {
                    st = tn_fail_nomem(err, key.len);
                    goto done;
                }
            }
            n += pass == 1;
            n_shared += shared;
        }
    if (n_shared)
        st = tn_note(findings,
                     (tn_finding){.rule = "data-leak", .severity = TN_ADVICE,
                                  .remedy = tn_str_format(d->arena, "keep them together: data: {group: %.*s}", TN_ARG(d->text_column.name))},
                     err, "%zu of %zu test pairs share one text with a training pair", n_shared, n);
done:
    tn_map_free(&seen);
    tn_buf_free(&b);
    return st;
}

tn_status tn_data_prepare(tn_dataset *d, const tn_split_options *o, tn_duplicates *dup, tn_findings *findings,
                          tn_err *err)
{
    tn_duplicates_options near = {.threshold = o->near};
    bool given = d->given[TN_SPLIT_TEST] || d->given[TN_SPLIT_VALIDATION];
    *dup = (tn_duplicates){0};
    TN_TRY(say_what_is_made(d, findings, err));
    if (o->time && given)
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-splits",
                                    .severity = TN_WARNING,
                                    .remedy = TN_STR("give one file to have it split by time")},
                       err,
                       "splits are given: the given parts stay, and only what is missing is taken from train by time"));
    if (o->time) {
        TN_TRY(tn_split_make(d, o, NULL, findings, err));
        TN_TRY(tn_duplicates_find(d, &near, d->arena, dup, err));
        TN_TRY(tn_duplicates_remove(d, dup, findings, err));
    } else {
        TN_TRY(tn_duplicates_find(d, &near, d->arena, dup, err));
        TN_TRY(tn_duplicates_remove(d, dup, findings, err));
        TN_TRY(tn_split_make(d, o, dup->group, findings, err));
    }
    TN_TRY(say_shared_texts(d, findings, err));
    return say_sizes(d, findings, err);
}

tn_status tn_split_write_csv(const tn_dataset *d, tn_buf *out, tn_err *err)
{
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    tn_csv_put_head(&w, "id,split");
    tn_csv_end_row(&w);
    for (size_t r = 0; r < d->n_rows; r++) {
        tn_csv_put(&w, d->row[r].id);
        tn_csv_put_c(&w, tn_split_name(d->row[r].split));
        tn_csv_end_row(&w);
    }
    return tn_buf_status(out, err);
}
