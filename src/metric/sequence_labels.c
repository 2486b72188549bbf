/* Lenient spans are found by a walk over all rows laid end to end with an O behind each, because that is what seqeval
 * does: where tags are nonsense ("X" before "X-A") a span may end that never began, and its begin is the last one
 * remembered. A span counts for the row in which it ends, and each word ends at most one, so a row's hits are found by
 * walking both lists by their ends.
 *
 * Strict spans are found by three lists of patterns a scheme: what may start, go on and end a span, each as
 * (letters before, letters here, same type or not). */
#include "metric/sequence_labels.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

const char *tn_scheme_name(tn_scheme s)
{
    static const char *const name[TN_N_SCHEMES] = {"plain", "IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"};
    return name[s];
}

const char *tn_sequence_metric_name(tn_sequence_metric m)
{
    static const char *const name[TN_N_SEQUENCE] = {"span_precision",   "span_recall",    "span_f1",      "span_macro_f1",
                                                    "span_weighted_f1", "span_strict_f1", "word_accuracy"};
    return name[m];
}

/* ---- the label set ---- */

static bool is_outside(tn_str tag)
{
    return tn_str_is(tag, "O");
}

static bool has_letter(tn_str tag)
{
    return tag.len > 2 && tag.ptr[1] == '-' && strchr("BIESLU", tag.ptr[0]);
}

static char letter_of(tn_str tag)
{
    return tag.ptr[0];
}

static tn_str type_behind(tn_str tag)
{
    return tn_str_sub(tag, 2, tag.len);
}

/* Spans that begin with B and with I where no span of their type is before them. */
static void count_begins(const tn_str *tag, const size_t *start, size_t n_rows, const int32_t *tag_of, size_t n[2])
{
    n[0] = n[1] = 0;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = start[r]; i < start[r + 1]; i++) {
            tn_str here = tag[tag_of[i]], before = i > start[r] ? tag[tag_of[i - 1]] : TN_STR("O");
            if (!is_outside(here) && (is_outside(before) || !tn_str_eq(type_behind(here), type_behind(before))))
                n[letter_of(here) == 'I']++;
        }
}

tn_scheme tn_scheme_detect(const tn_str *tag, int32_t n_tags, const size_t *start, size_t n_rows, const int32_t *tag_of)
{
    bool seen[256] = {0}, any = false;
    for (int32_t k = 0; k < n_tags; k++) {
        if (is_outside(tag[k]))
            continue;
        if (!has_letter(tag[k]))
            return TN_SCHEME_PLAIN;
        seen[(unsigned char)letter_of(tag[k])] = any = true;
    }
    if (!any)
        return TN_SCHEME_PLAIN;
    bool ends = seen['E'] || seen['S'], lasts = seen['L'] || seen['U'];
    if (ends && lasts)
        return TN_SCHEME_PLAIN;
    if (lasts)
        return TN_SCHEME_BILOU;
    if (ends)
        return seen['B'] || seen['S'] ? TN_SCHEME_IOBES : TN_SCHEME_IOE2;
    size_t n[2];
    count_begins(tag, start, n_rows, tag_of, n);
    return n[1] > n[0] ? TN_SCHEME_IOB1 : TN_SCHEME_IOB2;
}

static const char *letters_of(tn_scheme s)
{
    static const char *const letters[TN_N_SCHEMES] = {"", "IOB", "IOB", "IOE", "IOE", "IOBES", "BILOU"};
    return letters[s];
}

/* Behind the letter, and there behind the first hyphen when there is one. */
static tn_str lenient_type(tn_str tag, size_t letter)
{
    tn_str rest = tn_str_sub(tag, letter, tag.len);
    size_t hyphen = tn_str_find(rest, TN_STR("-"), 0);
    if (hyphen != SIZE_MAX)
        rest = tn_str_sub(rest, hyphen + 1, rest.len);
    return rest.len ? rest : TN_STR("_");
}

/* Behind the letter, without hyphens at both ends. */
static tn_str strict_type(tn_str tag, size_t letter)
{
    tn_str rest = tn_str_sub(tag, letter, tag.len);
    while (rest.len && rest.ptr[0] == '-')
        rest = tn_str_sub(rest, 1, rest.len);
    while (rest.len && rest.ptr[rest.len - 1] == '-')
        rest.len--;
    return rest.len ? rest : TN_STR("_");
}

static int by_bytes(const void *x, const void *y)
{
    return tn_str_cmp(*(const tn_str *)x, *(const tn_str *)y);
}

/* The type of O in seqeval is "_", which may be the type of a tag too ("B"). */
enum { NO_TYPE = -1, OUTSIDE_TYPE = -2 };

/* out[k] = number of name[k] among the distinct names, which become `sorted`; of one without a name, O's: *outside. */
static tn_status number_types(const tn_str *name, int32_t n, tn_str *sorted, int32_t *n_sorted, int32_t *out,
                              int32_t *outside, tn_err *err)
{
    tn_status st = TN_OK;
    tn_map map = TN_MAP_INIT;
    int32_t n_named = 0, count = 0;
    for (int32_t k = 0; k < n; k++)
        if (name[k].ptr)
            sorted[n_named++] = name[k];
    qsort(sorted, (size_t)n_named, sizeof *sorted, by_bytes);
    for (int32_t k = 0; k < n_named; k++)
        if (k == 0 || !tn_str_eq(sorted[k], sorted[count - 1])) {
            sorted[count] = sorted[k];
            if (!tn_map_put(&map, sorted[count], (uint64_t)count, NULL)) {
                st = tn_fail_nomem(err, (size_t)n * sizeof *name);
                goto done;
            }
            count++;
        }
    const uint64_t *bare = tn_map_find(&map, TN_STR("_"));
    *outside = bare ? (int32_t)*bare : OUTSIDE_TYPE;
    for (int32_t k = 0; k < n; k++)
        out[k] = name[k].ptr ? (int32_t)*tn_map_find(&map, name[k]) : *outside;
    *n_sorted = count;
done:
    tn_map_free(&map);
    return st;
}

tn_status tn_tag_set_make(const tn_str *tag, int32_t n_tags, tn_scheme scheme, bool any, tn_arena *a, tn_tag_set *out,
                          tn_err *err)
{
    size_t n = (size_t)n_tags;
    *out = (tn_tag_set){.scheme = scheme, .n_tags = n_tags, .tag = tag};
    out->prefix = TN_ARENA_ARRAY(a, uint32_t, n);
    out->type = TN_ARENA_ARRAY(a, int32_t, n);
    out->strict = TN_ARENA_ARRAY(a, int32_t, n);
    out->type_name = TN_ARENA_ARRAY(a, tn_str, n);
    tn_str *name = TN_ARENA_ARRAY(a, tn_str, n), *strict = TN_ARENA_ARRAY(a, tn_str, n),
           *sorted = TN_ARENA_ARRAY(a, tn_str, n);
    if (!out->prefix || !out->type || !out->strict || !out->type_name || !name || !strict || !sorted)
        return tn_fail_nomem(err, n * sizeof(tn_str));
    for (int32_t k = 0; k < n_tags; k++) {
        size_t letter = 0;
        if (tag[k].len == 0)
            return tn_fail(err, TN_EINVALID, "tag %" PRId32 " is empty", k);
        out->prefix[k] = tn_utf8_next(tag[k], &letter);
        bool known = out->prefix[k] < 128 && strchr(letters_of(scheme), (int)out->prefix[k]);
        if (scheme != TN_SCHEME_PLAIN && !any && !known)
            return tn_fail(err, TN_EINVALID, "the tag %.*s does not begin with a letter of %s", TN_ARG(tag[k]),
                           tn_scheme_name(scheme));
        name[k] = strict[k] = (tn_str){0};
        if (scheme == TN_SCHEME_PLAIN || !is_outside(tag[k])) {
            name[k] = scheme == TN_SCHEME_PLAIN ? tag[k] : lenient_type(tag[k], letter);
            strict[k] = strict_type(tag[k], letter);
        }
        /* The lenient mode knows B, I, E, S. BILOU says the same in other letters. */
        if (scheme == TN_SCHEME_BILOU && !any)
            out->prefix[k] = out->prefix[k] == 'L' ? 'E' : out->prefix[k] == 'U' ? 'S' : out->prefix[k];
    }
    int32_t n_strict;
    TN_TRY(number_types(strict, n_tags, sorted, &n_strict, out->strict, &out->strict_outside, err));
    return number_types(name, n_tags, out->type_name, &out->n_types, out->type, &out->outside, err);
}

/* ---- lenient spans ---- */

typedef struct {
    uint32_t prefix;
    int32_t type;
    int64_t begin; /* of the span that is open, or the last one remembered */
    int64_t at;    /* words and row ends so far */
} walk;

static bool one_of(uint32_t letter, const char *letters)
{
    return letter < 128 && letter && strchr(letters, (int)letter);
}

static bool ends(const walk *w, uint32_t prefix, int32_t type)
{
    if (one_of(w->prefix, "ES") || (one_of(w->prefix, "BI") && one_of(prefix, "BSO")))
        return true;
    return !one_of(w->prefix, "O.") && w->type != type;
}

static bool begins(const walk *w, uint32_t prefix, int32_t type)
{
    if (one_of(prefix, "BS") || (one_of(w->prefix, "ESO") && one_of(prefix, "EI")))
        return true;
    return !one_of(prefix, "O.") && w->type != type;
}

/* Takes one tag; true when a span of *type ended before it, which began at *from. */
static bool walk_on(walk *w, uint32_t prefix, int32_t type, int32_t *ended, int64_t *from)
{
    bool end = ends(w, prefix, type);
    *ended = w->type;
    *from = w->begin;
    if (begins(w, prefix, type))
        w->begin = w->at;
    w->prefix = prefix;
    w->type = type;
    w->at++;
    return end;
}

/* Spans of a row and of the O behind it, from and to counted from the start of all rows. */
static size_t spans_of_row(const tn_tag_set *s, walk *w, const int32_t *tag_of, size_t n, tn_tag_span *out)
{
    size_t n_spans = 0;
    if (s->scheme == TN_SCHEME_PLAIN) {
        for (size_t i = 0; i < n; i++)
            out[n_spans++] = (tn_tag_span){s->type[tag_of[i]], (int64_t)i, (int64_t)i + 1};
        return n_spans;
    }
    for (size_t i = 0; i <= n; i++) {
        tn_tag_span x = {.to = w->at};
        if (walk_on(w, i < n ? s->prefix[tag_of[i]] : 'O', i < n ? s->type[tag_of[i]] : s->outside, &x.type, &x.from))
            out[n_spans++] = x;
    }
    return n_spans;
}

size_t tn_tag_spans(const tn_tag_set *s, const int32_t *tag_of, size_t n, tn_tag_span *out)
{
    return spans_of_row(s, &(walk){'O', NO_TYPE, 0, 0}, tag_of, n, out);
}

/* ---- strict spans ---- */

enum { I = 1, O = 2, B = 4, E = 8, S = 16, U = 32, L = 64, ANY = 127 };
typedef enum { SAME = 1, DIFF = 2, EITHER = 3 } same_type;
typedef struct {
    unsigned before, here;
    same_type types;
} pattern;
typedef struct {
    pattern start[5], inside[4], end[6]; /* here = 0 ends a list */
} grammar;

static const grammar grammars[TN_N_SCHEMES] = {
    [TN_SCHEME_IOB1] = {{{O, I, EITHER}, {I, I, DIFF}, {B, I, EITHER}, {I, B, SAME}, {B, B, SAME}},
                        {{B | I, I, SAME}},
                        {{I, I, DIFF}, {I, O | B, EITHER}, {B, O, EITHER}, {B, I, DIFF}, {B, B, SAME}}},
    [TN_SCHEME_IOE1] = {{{O | E, I, EITHER}, {I, I, DIFF}, {E, E, SAME}},
                        {{I, I | E, SAME}},
                        {{I, I | E, DIFF}, {I, O, EITHER}, {E, I | E, SAME}}},
    [TN_SCHEME_IOB2] = {{{ANY, B, EITHER}}, {{B | I, I, SAME}}, {{I | B, O | B, EITHER}, {I | B, I, DIFF}}},
    [TN_SCHEME_IOE2] = {{{O | E, I | E, EITHER}, {I, I | E, DIFF}}, {{I, I | E, SAME}}, {{E, ANY, EITHER}}},
    [TN_SCHEME_IOBES] = {{{ANY, B | S, EITHER}}, {{B | I, I | E, SAME}}, {{S | E, ANY, EITHER}}},
    [TN_SCHEME_BILOU] = {{{ANY, B | U, EITHER}}, {{B | I, I | L, SAME}}, {{U | L, ANY, EITHER}}},
};

typedef struct {
    unsigned letter;
    int32_t type;
} strict_tag;

static strict_tag strict_of(const tn_tag_set *s, int32_t tag)
{
    static const char letters[] = "IOBESUL";
    const char *at = strchr(letters, s->tag[tag].ptr[0]);
    return (strict_tag){at ? 1u << (at - letters) : 0, s->strict[tag]};
}

static bool fits(const pattern *p, size_t n, strict_tag before, strict_tag here)
{
    for (size_t i = 0; i < n && p[i].here; i++)
        if ((before.letter & p[i].before) && (here.letter & p[i].here) &&
            (p[i].types & (before.type == here.type ? SAME : DIFF)))
            return true;
    return false;
}

static size_t strict_spans_of(const tn_tag_set *s, const int32_t *tag_of, size_t n, tn_tag_span *out)
{
    const grammar *g = &grammars[s->scheme];
    const strict_tag outside = {O, s->strict_outside};
    strict_tag before = outside;
    size_t n_spans = 0;
    for (size_t i = 0; i < n;) {
        strict_tag here = strict_of(s, tag_of[i]);
        if (!fits(g->start, TN_COUNT(g->start), before, here)) {
            before = here;
            i++;
            continue;
        }
        size_t end = i + 1;
        strict_tag last = here, next = outside;
        for (; end < n; end++) {
            next = strict_of(s, tag_of[end]);
            if (!fits(g->inside, TN_COUNT(g->inside), last, next))
                break;
            last = next;
        }
        if (fits(g->end, TN_COUNT(g->end), last, end < n ? next : outside))
            out[n_spans++] = (tn_tag_span){here.type, (int64_t)i, (int64_t)end};
        i = end;
        before = last;
    }
    return n_spans;
}

/* ---- counts ---- */

int32_t tn_sequence_width(const tn_tag_set *s)
{
    return 3 * s->n_types + 5;
}

enum { HIT, PREDICTED, THERE };

/* Spans of both lists by their ends, which are ascending and distinct in each. stride: counts of one type (3), or all
 * in one place (0). */
static void count_spans(const tn_tag_span *there, size_t n_there, const tn_tag_span *predicted, size_t n_predicted,
                        size_t stride, double *count)
{
    for (size_t i = 0; i < n_there; i++)
        count[stride * (size_t)there[i].type + THERE]++;
    for (size_t i = 0; i < n_predicted; i++)
        count[stride * (size_t)predicted[i].type + PREDICTED]++;
    for (size_t i = 0, k = 0; i < n_there && k < n_predicted;) {
        if (there[i].to == predicted[k].to) {
            if (there[i].from == predicted[k].from && there[i].type == predicted[k].type)
                count[stride * (size_t)there[i].type + HIT]++;
            i++, k++;
        } else if (there[i].to < predicted[k].to) {
            i++;
        } else {
            k++;
        }
    }
}

tn_status tn_sequence_counts(const tn_tag_set *s, const tn_tagged *t, double *count, tn_err *err)
{
    size_t width = (size_t)tn_sequence_width(s), longest = 0;
    for (size_t r = 0; r < t->n_rows; r++) {
        size_t n = t->start[r + 1] - t->start[r];
        longest = n > longest ? n : longest;
        for (size_t i = t->start[r]; i < t->start[r + 1]; i++)
            if (t->label[i] < 0 || t->label[i] >= s->n_tags || t->predicted[i] < 0 || t->predicted[i] >= s->n_tags)
                return tn_fail(err, TN_EINVALID, "row %zu: a tag is not one of the %" PRId32, r, s->n_tags);
    }
    /* One more than words: the O behind a row may end a span. */
    tn_tag_span *span = tn_mem_alloc(2 * (longest + 1) * sizeof *span), *second = span + longest + 1;
    if (!span)
        return tn_fail_nomem(err, 2 * (longest + 1) * sizeof *span);
    walk there = {'O', NO_TYPE, 0, 0}, predicted = there;
    memset(count, 0, t->n_rows * width * sizeof *count);
    for (size_t r = 0; r < t->n_rows; r++) {
        const int32_t *label = t->label + t->start[r], *guess = t->predicted + t->start[r];
        size_t n = t->start[r + 1] - t->start[r];
        double *row = count + r * width, *rest = row + 3 * s->n_types;
        size_t a = spans_of_row(s, &there, label, n, span), b = spans_of_row(s, &predicted, guess, n, second);
        count_spans(span, a, second, b, 3, row);
        if (s->scheme != TN_SCHEME_PLAIN) {
            a = strict_spans_of(s, label, n, span);
            b = strict_spans_of(s, guess, n, second);
        }
        count_spans(span, a, second, b, 0, rest);
        for (size_t i = 0; i < n; i++)
            rest[3] += label[i] == guess[i];
        rest[4] = (double)n;
    }
    tn_mem_free(span);
    return TN_OK;
}

/* ---- scores ---- */

static double ratio(double a, double b)
{
    return b == 0 ? 0 : a / b;
}

static double f_of(double precision, double recall)
{
    return ratio(2 * precision * recall, precision + recall);
}

static double f_of_counts(const double *c)
{
    return f_of(ratio(c[HIT], c[PREDICTED]), ratio(c[HIT], c[THERE]));
}

void tn_sequence_values(const void *tag_set, const double *sum, int32_t n_rows, double *value)
{
    const tn_tag_set *s = tag_set;
    double all[3] = {0}, macro = 0, weighted = 0;
    int32_t n_seen = 0;
    (void)n_rows;
    for (int32_t k = 0; k < s->n_types; k++) {
        const double *c = sum + 3 * k;
        double f = f_of_counts(c);
        for (int i = 0; i < 3; i++)
            all[i] += c[i];
        n_seen += c[PREDICTED] + c[THERE] > 0;
        macro += f;
        weighted += f * c[THERE];
    }
    const double *rest = sum + 3 * s->n_types;
    value[TN_SEQUENCE_PRECISION] = ratio(all[HIT], all[PREDICTED]);
    value[TN_SEQUENCE_RECALL] = ratio(all[HIT], all[THERE]);
    value[TN_SEQUENCE_F1] = f_of_counts(all);
    value[TN_SEQUENCE_MACRO_F1] = ratio(macro, n_seen);
    value[TN_SEQUENCE_WEIGHTED_F1] = ratio(weighted, all[THERE]);
    value[TN_SEQUENCE_STRICT_F1] = f_of_counts(rest);
    value[TN_SEQUENCE_ACCURACY] = ratio(rest[3], rest[4]);
}

tn_type_score tn_sequence_type_score(const double *sum, int32_t type)
{
    const double *c = sum + 3 * type;
    return (tn_type_score){ratio(c[HIT], c[PREDICTED]), ratio(c[HIT], c[THERE]), f_of_counts(c), (int64_t)c[THERE],
                           (int64_t)c[PREDICTED]};
}
