/* Equal texts first: rows are put into classes by their folded text, in order of first appearance. What remains of a
 * class after that lies in one split, because its rows in earlier splits have left. So the near search works on
 * classes, and one comparison of two classes decides for all their rows.
 *
 * Near: exact set-similarity join (All-Pairs, Bayardo et al. 2007, with the position filter of PPJoin, Xiao et al.
 * 2008). Grams of a text are sorted by rarity. Two sets with Jaccard >= t share a gram among the first |x| - ceil(t|x|)
 * + 1 of the larger and the first |y| - ceil(2t/(1+t)|y|) + 1 of the smaller; so only those are looked up. Classes are
 * taken by size, smallest first, so partners that are too small fall off the front of each list. Every candidate is
 * then counted in full: nothing is sampled. MinHash was not taken: at 20,000 rows the exact join needs under a second,
 * and has no recall to state.
 *
 * Invariant: results depend on texts and row numbers only; hashes are never ordered by. */
#include "data/duplicates.h"
#include "data/joined.h"

#include "base/clock.h"
#include "base/map.h"
#include "codec/csv.h"
#include "data/fold.h"
#include "data/note.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRAM = 5 };

tn_status tn_duplicates_fold(tn_str text, tn_buf *out, tn_err *err)
{
    return tn_fold(text, TN_FOLD_COMPATIBLE | TN_FOLD_LOWER | TN_FOLD_SPACES, out, err);
}

/* A pair is a copy of a pair with both texts, in their order. */
static tn_status fold_row(const tn_row *r, tn_buf *out, tn_err *err)
{
    TN_TRY(tn_duplicates_fold(r->text, out, err));
    if (!r->pair.ptr)
        return TN_OK;
    tn_buf_char(out, '\x1e'); /* of no text: between records */
    return tn_duplicates_fold(r->pair, out, err);
}

/* Order of what two rows of one text say; 0: the same. Total, numbers that are none last. */
static int by_answer(const tn_row *a, const tn_row *b)
{
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    if (isnan(a->value) || isnan(b->value) || a->value == b->value) {
        int none = isnan(a->value) - isnan(b->value);
        if (none)
            return none;
    } else {
        return a->value < b->value ? -1 : 1;
    }
    if (a->n_set != b->n_set)
        return a->n_set < b->n_set ? -1 : 1;
    return a->n_set ? memcmp(a->set, b->set, a->n_set * sizeof *a->set) : 0;
}

/* ---- classes of equal texts ---- */

typedef struct {
    uint32_t first_row; /* first of its rows in `next` order */
    uint32_t last_row;
    uint32_t survivor; /* first row that stays */
    tn_split split;    /* of the rows that stay */
    uint32_t n_grams;
    uint32_t *gram; /* [n_grams], ascending rank */
} text_class;

typedef struct {
    const tn_dataset *d;
    tn_arena *scratch;
    tn_str *folded; /* by class */
    text_class *class;
    size_t n_classes;
    uint32_t *next;   /* [n_rows], next row of the same class, UINT32_MAX at the end */
    uint32_t *parent; /* [n_rows], union-find; the root is the smallest row */
    size_t max_listed;
    TN_VEC(tn_duplicate) pair;
    tn_duplicates *out;
} finder;

/* Not split yet counts as train. */
static tn_split rank_of(const tn_dataset *d, uint32_t r)
{
    return d->row[r].split == TN_SPLIT_NONE ? TN_SPLIT_TRAIN : d->row[r].split;
}

static tn_status add_pair(finder *f, uint32_t row, uint32_t other, tn_duplicate_kind kind, double similarity,
                          bool removed, tn_err *err)
{
    tn_joined_join(f->parent, row, other);
    f->out->n_exact += kind == TN_DUPLICATE_EXACT;
    f->out->n_near += kind == TN_DUPLICATE_NEAR;
    if (f->pair.len >= f->max_listed) {
        f->out->n_unlisted++;
        return TN_OK;
    }
    tn_duplicate p = {row, other, kind, similarity, f->d->row[row].split, f->d->row[other].split, removed};
    return TN_PUSH(&f->pair, p) ? TN_OK : tn_fail_nomem(err, sizeof p);
}

static tn_status make_classes(finder *f, tn_err *err)
{
    const tn_dataset *d = f->d;
    tn_map seen = TN_MAP_INIT;
    tn_buf buf = TN_BUF_INIT;
    tn_status st = TN_OK;
    for (uint32_t r = 0; r < d->n_rows; r++) {
        f->parent[r] = r;
        f->next[r] = UINT32_MAX;
        if (d->row[r].split == TN_SPLIT_REMOVED)
            continue;
        if (r % 256 == 0)
            TN_GO(tn_interrupt_check(err));
        tn_buf_clear(&buf);
        TN_GO(fold_row(&d->row[r], &buf, err));
        uint64_t *at = tn_map_find(&seen, tn_buf_view(&buf));
        if (!at) {
            tn_str copy = tn_str_dup(f->scratch, tn_buf_view(&buf));
            if (!copy.ptr || !tn_map_put(&seen, copy, f->n_classes, NULL)) {
                st = tn_fail_nomem(err, buf.len);
                goto done;
            }
            f->folded[f->n_classes] = copy;
            f->class[f->n_classes++] = (text_class){.first_row = r, .last_row = r, .survivor = r};
            continue;
        }
        text_class *c = &f->class[*at];
        f->next[c->last_row] = r;
        c->last_row = r;
    }
done:
    tn_buf_free(&buf);
    tn_map_free(&seen);
    return st;
}

static int by_answer_and_place(const void *a, const void *b)
{
    const tn_row *x = *(const tn_row *const *)a, *y = *(const tn_row *const *)b;
    int order = by_answer(x, y);
    return order ? order : (x > y) - (x < y);
}

/* The first row of the label that most rows of the class have; of equals the label that comes first. Sorted, equal answers
 * are neighbours: a text that each row says another number of must not cost a comparison of all with all. */
static tn_status choose_keeper(finder *f, const text_class *c, uint32_t *keeper, bool *contradiction, tn_err *err)
{
    size_t n = 0, most = 0, k = 0;
    for (uint32_t r = c->first_row; r != UINT32_MAX; r = f->next[r])
        n++;
    const tn_row **row = tn_mem_alloc(n * sizeof *row), *best = NULL;
    if (!row)
        return tn_fail_nomem(err, n * sizeof *row);
    for (uint32_t r = c->first_row; r != UINT32_MAX; r = f->next[r])
        row[k++] = &f->d->row[r];
    qsort(row, n, sizeof *row, by_answer_and_place);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && by_answer(row[from], row[to]) == 0; to++)
            ;
        if (to - from > most || (to - from == most && row[from] < best)) {
            most = to - from;
            best = row[from];
        }
    }
    *keeper = (uint32_t)(best - f->d->row);
    *contradiction = most < n;
    tn_mem_free(row);
    return TN_OK;
}

static tn_status settle_class(finder *f, text_class *c, tn_err *err)
{
    const tn_dataset *d = f->d;
    tn_split top = TN_SPLIT_NONE;
    for (uint32_t r = c->first_row; r != UINT32_MAX; r = f->next[r])
        top = rank_of(d, r) > top ? rank_of(d, r) : top;
    c->split = top;
    if (f->next[c->first_row] == UINT32_MAX)
        return TN_OK;
    bool contradiction = false;
    TN_TRY(choose_keeper(f, c, &c->survivor, &contradiction, err));
    f->out->n_contradictions += contradiction;
    if (top != TN_SPLIT_TRAIN)
        for (c->survivor = c->first_row; rank_of(d, c->survivor) != top;)
            c->survivor = f->next[c->survivor];
    for (uint32_t r = c->first_row; r != UINT32_MAX; r = f->next[r]) {
        if (r == c->survivor)
            continue;
        bool across = rank_of(d, r) < top, removed = across || top == TN_SPLIT_TRAIN;
        f->out->removed[r] = removed;
        f->out->n_removed_across += across;
        f->out->n_removed_inside += removed && !across;
        /* Of two rows that stay the later is named first; the survivor is the earliest of its split. */
        TN_TRY(add_pair(f, r, c->survivor, TN_DUPLICATE_EXACT, 1.0, removed, err));
    }
    return TN_OK;
}

/* ---- grams ---- */

typedef struct {
    uint32_t gram, n;
} frequency;

static int by_frequency(const void *a, const void *b)
{
    const frequency *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (x->gram > y->gram) - (x->gram < y->gram);
}

static int by_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t unique_u32(uint32_t *v, uint32_t n)
{
    uint32_t kept = 0;
    qsort(v, n, sizeof *v, by_u32);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || v[i] != v[i - 1])
            v[kept++] = v[i];
    return kept;
}

/* Gram numbers (in order of first appearance) of each class, then ranks: rare first. */
static tn_status make_grams(finder *f, size_t *n_grams, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_status st = TN_OK;
    frequency *freq = NULL;
    uint32_t *rank = NULL;
    for (size_t i = 0; i < f->n_classes; i++) {
        text_class *c = &f->class[i];
        tn_str s = f->folded[i];
        size_t n_points = tn_utf8_count(s), n = n_points >= GRAM ? n_points - GRAM + 1 : 1;
        c->gram = TN_ARENA_ARRAY(f->scratch, uint32_t, n);
        if (!c->gram) {
            st = tn_fail_nomem(err, n * sizeof *c->gram);
            goto done;
        }
        size_t from = 0, to = 0;
        for (int k = 0; k < GRAM && to < s.len; k++)
            tn_utf8_next(s, &to);
        for (size_t k = 0; k < n; k++) {
            uint64_t *at = tn_map_put(&seen, tn_str_sub(s, from, to), seen.len, NULL);
            if (!at) {
                st = tn_fail_nomem(err, sizeof(tn_map_entry));
                goto done;
            }
            c->gram[k] = (uint32_t)*at;
            if (to < s.len) {
                tn_utf8_next(s, &from);
                tn_utf8_next(s, &to);
            }
        }
        c->n_grams = unique_u32(c->gram, (uint32_t)n);
        if (i % 256 == 0)
            TN_GO(tn_interrupt_check(err));
    }
    *n_grams = seen.len;
    freq = tn_mem_calloc((seen.len + 1) * sizeof *freq);
    rank = tn_mem_alloc((seen.len + 1) * sizeof *rank);
    if (!freq || !rank) {
        st = tn_fail_nomem(err, seen.len * sizeof *freq);
        goto done;
    }
    for (size_t g = 0; g < seen.len; g++)
        freq[g].gram = (uint32_t)g;
    for (size_t i = 0; i < f->n_classes; i++)
        for (uint32_t k = 0; k < f->class[i].n_grams; k++)
            freq[f->class[i].gram[k]].n++;
    qsort(freq, seen.len, sizeof *freq, by_frequency);
    for (size_t g = 0; g < seen.len; g++)
        rank[freq[g].gram] = (uint32_t)g;
    for (size_t i = 0; i < f->n_classes; i++) {
        text_class *c = &f->class[i];
        for (uint32_t k = 0; k < c->n_grams; k++)
            c->gram[k] = rank[c->gram[k]];
        qsort(c->gram, c->n_grams, sizeof *c->gram, by_u32);
    }
done:
    tn_mem_free(freq);
    tn_mem_free(rank);
    tn_map_free(&seen);
    return st;
}

/* ---- the join ---- */

typedef struct {
    uint32_t class, position;
} posting;

typedef struct {
    uint32_t class, n_grams;
} sized;

static int by_size(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    return x->n_grams != y->n_grams ? (x->n_grams > y->n_grams) - (x->n_grams < y->n_grams)
                                    : (x->class > y->class) - (x->class < y->class);
}

/* Smallest whole number >= v; products that are whole but for rounding must not be lifted by one (that would lose
 * pairs). */
static uint32_t ceil_safe(double v)
{
    return (uint32_t)ceil(v - 1e-7);
}

static uint32_t index_prefix(uint32_t n, double t)
{
    return n - ceil_safe(2 * t / (1 + t) * n) + 1;
}

static uint32_t overlap(const text_class *x, const text_class *y, uint32_t needed)
{
    uint32_t i = 0, k = 0, n = 0;
    while (i < x->n_grams && k < y->n_grams) {
        uint32_t left = x->n_grams - i < y->n_grams - k ? x->n_grams - i : y->n_grams - k;
        if (n + left < needed)
            return 0;
        uint32_t a = x->gram[i], b = y->gram[k];
        n += a == b;
        i += a <= b;
        k += b <= a;
    }
    return n;
}

/* Two classes are near: the rows of the one on the training side leave, all of them. */
static tn_status settle_near(finder *f, uint32_t a, uint32_t b, double similarity, tn_err *err)
{
    text_class *x = &f->class[a], *y = &f->class[b];
    if (x->split == y->split) {
        uint32_t later = x->survivor > y->survivor ? x->survivor : y->survivor;
        uint32_t earlier = x->survivor > y->survivor ? y->survivor : x->survivor;
        return add_pair(f, later, earlier, TN_DUPLICATE_NEAR, similarity, false, err);
    }
    const text_class *low = x->split < y->split ? x : y, *high = x->split < y->split ? y : x;
    for (uint32_t r = low->first_row; r != UINT32_MAX; r = f->next[r]) {
        /* Rows of earlier splits, and copies inside train, have left for the sake of their own class. */
        if (rank_of(f->d, r) != low->split || (low->split == TN_SPLIT_TRAIN && r != low->survivor))
            continue;
        f->out->n_removed_across += !f->out->removed[r];
        f->out->removed[r] = true;
        TN_TRY(add_pair(f, r, high->survivor, TN_DUPLICATE_NEAR, similarity, true, err));
    }
    return TN_OK;
}

static tn_status find_near(finder *f, size_t n_grams, double t, tn_err *err)
{
    size_t n = f->n_classes, n_postings = 0;
    tn_arena *a = f->scratch;
    sized *order = TN_ARENA_ARRAY(a, sized, n);
    size_t *start =
        tn_arena_calloc(a, (n_grams + 1) * sizeof *start); /* list of a gram: [start + skipped, start + used) */
    uint32_t *used = tn_arena_calloc(a, (n_grams + 1) * sizeof *used);
    uint32_t *skipped = tn_arena_calloc(a, (n_grams + 1) * sizeof *skipped);
    int32_t *shared = tn_arena_calloc(a, (n + 1) * sizeof *shared); /* grams seen so far; -1 = ruled out */
    uint32_t *candidate = TN_ARENA_ARRAY(a, uint32_t, n);
    if (!order || !start || !used || !skipped || !shared || !candidate)
        return tn_fail_nomem(err, n * sizeof *order);
    for (size_t i = 0; i < n; i++) {
        order[i] = (sized){(uint32_t)i, f->class[i].n_grams};
        uint32_t prefix = index_prefix(f->class[i].n_grams, t);
        for (uint32_t k = 0; k < prefix && k < f->class[i].n_grams; k++)
            start[f->class[i].gram[k] + 1]++;
    }
    for (size_t g = 0; g < n_grams; g++)
        start[g + 1] += start[g];
    n_postings = start[n_grams];
    posting *list = TN_ARENA_ARRAY(a, posting, n_postings);
    if (!list)
        return tn_fail_nomem(err, n_postings * sizeof *list);
    qsort(order, n, sizeof *order, by_size);
    for (size_t o = 0; o < n; o++) {
        if (o % 256 == 0)
            TN_TRY(tn_interrupt_check(err));
        uint32_t x_class = order[o].class;
        const text_class *x = &f->class[x_class];
        uint32_t smallest = ceil_safe(t * x->n_grams), n_candidates = 0;
        uint32_t probe = x->n_grams - smallest + 1;
        for (uint32_t i = 0; i < probe && i < x->n_grams; i++) {
            uint32_t g = x->gram[i];
            while (skipped[g] < used[g] && f->class[list[start[g] + skipped[g]].class].n_grams < smallest)
                skipped[g]++;
            for (uint32_t k = skipped[g]; k < used[g]; k++) {
                posting p = list[start[g] + k];
                if (shared[p.class] < 0)
                    continue;
                const text_class *y = &f->class[p.class];
                if (shared[p.class] == 0)
                    candidate[n_candidates++] = p.class;
                uint32_t needed = ceil_safe(t / (1 + t) * (x->n_grams + y->n_grams));
                uint32_t x_left = x->n_grams - i - 1, y_left = y->n_grams - p.position - 1;
                uint32_t most = (uint32_t)shared[p.class] + 1 + (x_left < y_left ? x_left : y_left);
                shared[p.class] = most >= needed ? shared[p.class] + 1 : -1;
            }
        }
        for (uint32_t k = 0; k < n_candidates; k++) {
            uint32_t y_class = candidate[k];
            bool alive = shared[y_class] > 0;
            shared[y_class] = 0;
            if (!alive)
                continue;
            const text_class *y = &f->class[y_class];
            uint32_t sum = x->n_grams + y->n_grams, both = overlap(x, y, ceil_safe(t / (1 + t) * sum));
            double similarity = (double)both / (double)(sum - both);
            if (both > 0 && similarity >= t)
                TN_TRY(settle_near(f, x_class, y_class, similarity, err));
        }
        uint32_t prefix = index_prefix(x->n_grams, t);
        for (uint32_t i = 0; i < prefix && i < x->n_grams; i++)
            list[start[x->gram[i]] + used[x->gram[i]]++] = (posting){x_class, i};
    }
    return TN_OK;
}

static int by_rows(const void *a, const void *b)
{
    const tn_duplicate *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row) : (x->other > y->other) - (x->other < y->other);
}

static tn_status find(finder *f, double t, tn_arena *a, tn_err *err)
{
    size_t n = f->d->n_rows, n_grams = 0;
    tn_duplicates *out = f->out;
    out->group = TN_ARENA_ARRAY(a, uint32_t, n);
    out->removed = tn_arena_calloc(a, n + 1);
    f->folded = TN_ARENA_ARRAY(f->scratch, tn_str, n);
    f->class = TN_ARENA_ARRAY(f->scratch, text_class, n);
    f->next = TN_ARENA_ARRAY(f->scratch, uint32_t, n);
    f->parent = out->group;
    if (!out->group || !out->removed || !f->folded || !f->class || !f->next)
        return tn_fail_nomem(err, n * sizeof *f->class);
    TN_TRY(make_classes(f, err));
    for (size_t i = 0; i < f->n_classes; i++)
        TN_TRY(settle_class(f, &f->class[i], err));
    TN_TRY(make_grams(f, &n_grams, err));
    TN_TRY(find_near(f, n_grams, t, err));
    for (uint32_t r = 0; r < n; r++)
        out->group[r] = tn_joined_root(f->parent, r);
    out->n_pairs = f->pair.len;
    out->pair = TN_ARENA_ARRAY(a, tn_duplicate, f->pair.len);
    if (!out->pair)
        return tn_fail_nomem(err, f->pair.len * sizeof *out->pair);
    if (f->pair.len) {
        memcpy(out->pair, f->pair.ptr, f->pair.len * sizeof *out->pair);
        qsort(out->pair, out->n_pairs, sizeof *out->pair, by_rows);
    }
    return TN_OK;
}

tn_status tn_duplicates_find(const tn_dataset *d, const tn_duplicates_options *o, tn_arena *a, tn_duplicates *out,
                             tn_err *err)
{
    double t = o && o->threshold != 0 ? o->threshold : 0.8;
    *out = (tn_duplicates){0};
    if (!(t >= 0.5 && t <= 1))
        return tn_fail(err, TN_EINVALID, "near duplicates: a threshold of %g; it lies between 0.5 and 1", t);
    finder f = {
        .d = d, .out = out, .scratch = tn_arena_new(0), .max_listed = o && o->max_listed ? o->max_listed : 1000000};
    if (!f.scratch)
        return tn_fail_nomem(err, 65536);
    tn_status st = find(&f, t, a, err);
    TN_VEC_FREE(&f.pair);
    tn_arena_free(f.scratch);
    if (st != TN_OK)
        *out = (tn_duplicates){0};
    return st;
}

/* ---- what follows from them ---- */

static tn_str place_of_first(const tn_dataset *d, const tn_duplicates *dup, bool across)
{
    for (size_t i = 0; i < dup->n_pairs; i++) {
        const tn_duplicate *p = &dup->pair[i];
        if (p->removed && (p->split != p->other_split) == across)
            return tn_str_format(d->arena, "first: row %.*s is %s to row %.*s", TN_ARG(d->row[p->row].id),
                                 p->kind == TN_DUPLICATE_EXACT ? "equal" : "near", TN_ARG(d->row[p->other].id));
    }
    return TN_STR("");
}

tn_status tn_duplicates_remove(tn_dataset *d, const tn_duplicates *dup, tn_findings *findings, tn_err *err)
{
    size_t n_kept = 0;
    for (size_t r = 0; r < d->n_rows; r++)
        if (dup->removed[r])
            d->row[r].split = TN_SPLIT_REMOVED;
    for (size_t i = 0; i < dup->n_pairs; i++)
        n_kept += !dup->pair[i].removed && dup->pair[i].kind == TN_DUPLICATE_EXACT;
    if (dup->n_removed_across) {
        tn_str first = place_of_first(d, dup, true);
        if (!first.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-leak",
                                    .severity = TN_WARNING,
                                    .evidence = first,
                                    .remedy = TN_STR("nothing: they were removed; leaks.csv lists them")},
                       err, "%zu row%s on the training side with a text equal or near to one of a later split: removed",
                       dup->n_removed_across, dup->n_removed_across == 1 ? "" : "s"));
    }
    if (dup->n_removed_inside) {
        tn_str first = place_of_first(d, dup, false);
        if (!first.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = TN_ADVICE,
                                    .evidence = first,
                                    .remedy = TN_STR("nothing: one row of each text stays; leaks.csv lists them")},
                       err, "%zu cop%s of equal texts removed", dup->n_removed_inside,
                       dup->n_removed_inside == 1 ? "y" : "ies"));
    }
    if (dup->n_contradictions)
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = TN_WARNING,
                                    .remedy = TN_STR("look at them in leaks.csv and correct the labels")},
                       err, "%zu text%s with more than one label", dup->n_contradictions,
                       dup->n_contradictions == 1 ? " stands there" : "s stand there"));
    if (n_kept)
        TN_TRY(tn_note(findings,
                       (tn_finding){.rule = "data-limits",
                                    .severity = TN_ADVICE,
                                    .remedy = TN_STR("remove them yourself if the test should count each text once")},
                       err, "%zu equal text%s inside validation or test kept: given parts are not edited", n_kept,
                       n_kept == 1 ? "" : "s"));
    return TN_OK;
}

tn_status tn_duplicates_write_csv(const tn_dataset *d, const tn_duplicates *dup, tn_buf *out, tn_err *err)
{
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    tn_csv_put_head(&w, "id,other_id,kind,similarity,split,other_split,action");
    tn_csv_end_row(&w);
    for (size_t i = 0; i < dup->n_pairs; i++) {
        const tn_duplicate *p = &dup->pair[i];
        const tn_row *row[] = {&d->row[p->row], &d->row[p->other]};
        tn_csv_put(&w, row[0]->id);
        tn_csv_put(&w, row[1]->id);
        tn_csv_put_c(&w, p->kind == TN_DUPLICATE_EXACT ? "exact" : "near");
        tn_csv_put_f64(&w, p->similarity);
        tn_split was[] = {p->split, p->other_split};
        for (int k = 0; k < 2; k++) {
            /* Found before there were splits: the split it is in now, or train, from which it left. */
            tn_split now = was[k] != TN_SPLIT_NONE ? was[k] : row[k]->split;
            tn_csv_put_c(&w, tn_split_name(now == TN_SPLIT_REMOVED ? TN_SPLIT_TRAIN : now));
        }
        tn_csv_put_c(&w, p->removed ? "removed" : "kept");
        tn_csv_end_row(&w);
    }
    return tn_buf_status(out, err);
}
