/* Each field has its own small reader; what they share is where a hit stands. With heads ("Task", "Why …") a verb in the
 * why or the when describes the world and asks for nothing, and the task is looked for in the what first; free prose is
 * one part in which everything counts.
 *
 * The task is found in two ways: by its own words ("transcribe", "named entity recognition"), and by an operation and
 * its object ("sort" and "photos"; catalog/operations.tsv says which task that is). What most evidence speaks for wins; a
 * task that is implied by another one (zero-shot classification is a classification) is swallowed by it.
 *
 * Words stand in the catalogue: phrases by field, single words by kind (TN_W_...); here are the mechanisms only. */
#include "flow/reading.h"

#include "rules/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words and places ---- */

static tn_str word(const tn_reader *r, size_t i)
{
    return i < r->words.len ? r->words.ptr[i].lower : TN_STR("");
}

static bool is_kind(const tn_reader *r, size_t i, unsigned kind)
{
    return i < r->words.len && r->words.ptr[i].kinds >> kind & 1;
}

static bool same_clause(const tn_reader *r, size_t a, size_t b)
{
    return a < r->words.len && b < r->words.len && r->words.ptr[a].clause == r->words.ptr[b].clause;
}

static bool same_sentence(const tn_reader *r, size_t a, size_t b)
{
    return a < r->words.len && b < r->words.len && r->words.ptr[a].sentence == r->words.ptr[b].sentence;
}

/* A word of the kind within `before` words in front of i or `behind` words after it, in the same sentence. */
static bool near(const tn_reader *r, size_t i, size_t before, size_t behind, unsigned kind)
{
    for (size_t k = i >= before ? i - before : 0; k <= i + behind && k < r->words.len; k++)
        if (same_sentence(r, i, k) && is_kind(r, k, kind))
            return true;
    return false;
}

/* The part that a word stands in; TN_N_PARTS in free prose, where every part may be meant. */
static tn_brief_part part_of(const tn_reader *r, size_t i)
{
    return (tn_brief_part)r->words.ptr[i].part;
}

/* A head's words say nothing ("Task", "Why it matters"). */
static bool in_head(const tn_reader *r, size_t i)
{
    return r->words.ptr[i].part == TN_IN_HEAD;
}

static bool in_part(const tn_reader *r, size_t i, tn_brief_part part)
{
    tn_brief_part p = part_of(r, i);
    return p == part || p == TN_N_PARTS;
}

/* ---- facts ---- */

void tn_reader_add(tn_reader *r, const char *field, tn_str value, size_t from, size_t to)
{
    tn_brief *b = r->brief;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        if (tn_str_eq(f->value, value))
            return;
    uint32_t line = r->first_line;
    size_t low = 0, high = r->words.len; /* the first word that ends behind `from` */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->words.ptr[mid].to <= from)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < r->words.len)
        line = r->words.ptr[low].line;
    value = tn_str_dup(r->arena, value);
    if (!value.ptr || !TN_PUSH(&b->facts, ((tn_fact){field, value, tn_str_sub(b->text, from, to), line, (uint32_t)b->facts.len})))
        r->no_memory = true;
}

static void add_words(tn_reader *r, const char *field, tn_str value, size_t first, size_t last)
{
    tn_reader_add(r, field, value, r->words.ptr[first].from, r->words.ptr[last].to);
}

static void add_hit(tn_reader *r, const char *field, const tn_phrase_hit *h)
{
    add_words(r, field, h->value, h->first, h->last);
}

static void add_c(tn_reader *r, const char *field, const char *value, size_t first, size_t last)
{
    add_words(r, field, tn_str_of(value), first, last);
}

/* Hits of a field, one after the other; a row with the value "-" is a decoy that only keeps shorter phrases away. */
static const tn_phrase_hit *next_hit(const tn_reader *r, const char *field, const tn_phrase_hit *after)
{
    size_t i = 0;
    if (after) {
        i = (size_t)(after - r->hits.ptr) + 1;
    } else { /* they are sorted by field */
        for (size_t high = r->hits.len; i < high;) {
            size_t mid = i + (high - i) / 2;
            if (tn_str_cmp(r->hits.ptr[mid].field, tn_str_of(field)) < 0)
                i = mid + 1;
            else
                high = mid;
        }
    }
    for (; i < r->hits.len && tn_str_is(r->hits.ptr[i].field, field); i++)
        if (!tn_str_is(r->hits.ptr[i].value, "-") && !in_head(r, r->hits.ptr[i].first))
            return &r->hits.ptr[i];
    return NULL;
}

static const tn_phrase_hit *first_of(const tn_reader *r, const char *field, const char *value)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, field, h));)
        if (!h->negated && (!value || tn_str_is(h->value, value)))
            return h;
    return NULL;
}

static bool has(const tn_reader *r, const char *field, const char *value)
{
    return tn_brief_has(r->brief, field, value);
}

/* ---- numbers ---- */

typedef struct {
    double value;
    tn_str unit;  /* what sticks to it ("120ms", "14k") or the next word */
    size_t last;  /* the last word of number and unit */
    bool own_unit; /* the unit sticks to it */
} number;

/* What a unit measures ("second", "mb", "rate") and how many of it one is; false when it is no unit of the catalogue. */
static bool unit_of(tn_str unit, tn_str *measure, double *times)
{
    tn_catalog_row row;
    for (bool more = unit.len && tn_catalog_first("units", &row); more; more = tn_catalog_next(&row)) {
        tn_str part;
        for (tn_str rest = tn_catalog_get(&row, "words"); tn_str_cut(&rest, ';', &part);)
            if (tn_str_eq(tn_str_trim(part), unit)) {
                *measure = tn_catalog_get(&row, "measure");
                return tn_str_to_f64(tn_catalog_get(&row, "times"), times);
            }
    }
    return false;
}

/* "14k", "three billion": what multiplies a number stands as its unit; the word behind that is the unit then. */
static void scale(const tn_reader *r, number *n)
{
    tn_str measure;
    double times;
    if (!unit_of(n->unit, &measure, &times) || !tn_str_is(measure, "count"))
        return;
    size_t at = n->last + 1;
    n->own_unit = false;
    n->value *= times;
    n->unit = same_clause(r, n->last, at) ? word(r, at) : TN_STR("");
    if (n->unit.len)
        n->last = at;
}

/* "0.85", "14,200", "14.200", "3k", "2.3M", "1,5": digits with either separator; three digits behind it are thousands. */
static bool number_at(const tn_reader *r, size_t i, number *out)
{
    tn_str w = word(r, i);
    char digits[32];
    size_t n = 0, k = 0, behind = 0, marks = 0;
    char mark = 0;
    if (!w.len || !((w.ptr[0] >= '0' && w.ptr[0] <= '9')))
        return false;
    for (; k < w.len && n < sizeof digits - 2; k++) {
        char c = w.ptr[k];
        if (c >= '0' && c <= '9') {
            digits[n++] = c;
            behind++;
        } else if ((c == '.' || c == ',') && k + 1 < w.len && w.ptr[k + 1] >= '0' && w.ptr[k + 1] <= '9') {
            marks++;
            mark = c;
            behind = 0;
            digits[n++] = '.';
        } else {
            break;
        }
    }
    bool thousands = marks > 1 || (marks == 1 && behind == 3 && digits[0] != '0' && (mark == ',' || n > 4));
    if (thousands) {
        size_t m = 0;
        for (size_t d = 0; d < n; d++)
            if (digits[d] != '.')
                digits[m++] = digits[d];
        n = m;
    }
    if (!tn_str_to_f64((tn_str){digits, n}, &out->value))
        return false;
    size_t from = r->words.ptr[i].from;
    if (!marks && from && r->brief->text.ptr[from - 1] == '.' && (from == 1 || r->brief->text.ptr[from - 2] - '0' >= 10u)) /* ".82" */
        for (size_t d = 0; d < n; d++)
            out->value /= 10;
    out->unit = tn_str_sub(w, k, w.len);
    out->last = i;
    out->own_unit = out->unit.len > 0;
    if (tn_str_starts(out->unit, "-"))
        out->unit = tn_str_sub(out->unit, 1, out->unit.len);
    /* "14 200" */
    tn_str next = word(r, i + 1);
    if (!out->unit.len && !marks && out->value < 1000 && next.len == 3 && same_clause(r, i, i + 1)) {
        int64_t rest;
        if (tn_str_to_i64(next, &rest)) {
            out->value = out->value * 1000 + (double)rest;
            out->last = ++i;
            next = word(r, i + 1);
        }
    }
    if (!out->unit.len && same_clause(r, i, i + 1)) {
        out->unit = next;
        out->last = i + 1;
    }
    tn_str measure;
    double times;
    const tn_word *u = &r->words.ptr[out->last];
    if (!out->own_unit && out->unit.len == 3 && out->last + 1 < r->words.len && u[1].from == u->to) { /* 毫秒: two characters that are words of their own */
        tn_str both = tn_str_sub(r->brief->text, u->from, u[1].to);
        if (unit_of(both, &measure, &times)) {
            out->unit = both;
            out->last++;
        }
    }
    scale(r, out);
    return true;
}

/* "three", "drei", "half a", "a tenth of a": rows of the catalogue. 0 when none begins at the word; *last is its end. */
static double number_word(const tn_reader *r, size_t i, size_t *last)
{
    double v = 0;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "number", h)) && h->first <= i;)
        if (h->first == i && tn_str_to_f64(h->value, &v)) {
            *last = h->last;
            return v;
        }
    return 0;
}

/* A number in digits or in words, with the word behind it as its unit; "within a second" is one. */
static bool quantity_at(const tn_reader *r, size_t i, number *out)
{
    size_t last = i;
    if (number_at(r, i, out))
        return true;
    double v = number_word(r, i, &last);
    if (!v && is_kind(r, i, TN_W_article) && i && same_clause(r, i - 1, i) && is_kind(r, i - 1, TN_W_before_one))
        v = 1;
    if (!v || !same_clause(r, last, last + 1))
        return false;
    *out = (number){.value = v, .unit = word(r, last + 1), .last = last + 1};
    scale(r, out);
    return true;
}

static tn_str number_text(tn_reader *r, double v)
{
    return tn_str_format(r->arena, "%.15g", v);
}

/* ---- the task ---- */

/* What speaks for a task: the weight of its heaviest words, and with it a third of what the others weigh. */
typedef struct {
    tn_str tag;
    int weight, points;
    uint32_t n;
    size_t first, last; /* the heaviest words */
} candidate;

enum { MAX_CANDIDATES = 64, MOST_WORDS = 5 };

typedef struct {
    candidate at[MAX_CANDIDATES];
    size_t n;
} candidates;

static int points_of(int weight)
{
    static const int points[] = {0, 1, 3, 6, 8};
    return points[weight < 0 ? 0 : weight > 4 ? 4 : weight];
}

/* The same words again are no further evidence. */
static bool told_before(const tn_reader *r, const candidate *c, size_t first)
{
    return c->n && tn_str_eq(word(r, c->first), word(r, first));
}

static void add_candidate(const tn_reader *r, candidates *c, tn_str tags, int weight, size_t first, size_t last)
{
    tn_str tag;
    while (tn_str_cut(&tags, '+', &tag)) {
        size_t k = 0;
        while (k < c->n && !tn_str_eq(c->at[k].tag, tag))
            k++;
        if (k == MAX_CANDIDATES)
            return;
        c->n += k == c->n;
        candidate *t = &c->at[k];
        t->tag = tag;
        if (weight > t->weight) {
            t->points += 3 * points_of(weight) - (t->n ? 2 * points_of(t->weight) : 0);
            t->weight = weight;
            t->first = first;
            t->last = last;
        } else if (t->n < MOST_WORDS && !told_before(r, t, first)) {
            t->points += points_of(weight);
        }
        t->n++;
    }
}

/* Whether the catalogue has the row (operation, object, task): "swallows", or what is known of a task or a metric. */
static bool known(const char *what, tn_str object, tn_str task)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("operations", &row); more; more = tn_catalog_next(&row))
        if (tn_str_is(tn_catalog_get(&row, "operation"), what) && tn_str_eq(tn_catalog_get(&row, "object"), object) && tn_str_eq(tn_catalog_get(&row, "task"), task))
            return true;
    return false;
}

static bool any_task_is(const tn_reader *r, const char *what)
{
    for (const tn_fact *f = NULL; (f = tn_brief_fact(r->brief, "task", f));)
        if (known("is", tn_str_of(what), f->value))
            return true;
    return false;
}

static bool is_classification(tn_str tag)
{
    return known("is", TN_STR("classification"), tag);
}

static tn_str operation(tn_str op, tn_str object)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("operations", &row); more; more = tn_catalog_next(&row))
        if (tn_str_eq(tn_catalog_get(&row, "operation"), op) && tn_str_eq(tn_catalog_get(&row, "object"), object))
            return tn_catalog_get(&row, "task");
    return TN_STR("");
}

/* The object of an operation: the nearest one of its sentence that the operation takes, those behind it first; else the
 * one that the task part names most, else that of the whole brief. */
static const tn_phrase_hit *object_of(const tn_reader *r, const tn_phrase_hit *op, tn_str *task)
{
    const tn_phrase_hit *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (int round = 0; round < 3 && !best; round++)
        for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "object", h));) {
            tn_str t = operation(op->value, h->value);
            bool behind = h->first > op->first;
            size_t distance = behind ? h->first - op->first : (op->first - h->first) * 2 + 3;
            bool inside = h->first >= op->first && h->last <= op->last;
            const tn_phrase_hit *head = h + 1; /* "claim photo", "ticket screenshots": the last noun is what it is */
            if (head < r->hits.ptr + r->hits.len && tn_str_is(head->field, "object") && head->first == h->last + 1 && same_clause(r, h->last, head->first) && operation(op->value, head->value).len)
                continue;
            if (inside)
                distance = 0;
            if (tn_str_is(op->value, "alike") && tn_str_is(h->value, "image"))
                distance = 1; /* what is alike to a picture is a picture */
            if (!t.len || (round == 0 && !same_sentence(r, op->first, h->first)) || (round == 1 && !in_part(r, h->first, TN_WHAT)))
                continue;
            if (round == 2 && (h->negated || h->weight < 2))
                continue;
            distance += h->weight < 2 ? 12 : 0;
            if (distance < best_distance) {
                best = h;
                best_distance = distance;
                *task = t;
            }
        }
    return best;
}

static void gather(const tn_reader *r, candidates *c, bool what_only)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "task", h));)
        if (!h->negated && (!what_only || in_part(r, h->first, TN_WHAT)))
            add_candidate(r, c, h->value, h->weight, h->first, h->last);
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "op", h));) {
        tn_str task = TN_STR("");
        if (h->negated || (what_only && !in_part(r, h->first, TN_WHAT)))
            continue;
        if (!object_of(r, h, &task))
            task = operation(h->value, TN_STR("none"));
        if (task.len)
            add_candidate(r, c, task, h->weight, h->first, h->last);
    }
}

static bool swallows(tn_str a, tn_str b)
{
    return known("swallows", a, b);
}

static int by_place(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : tn_str_cmp(x->tag, y->tag);
}

static const char *modality_of(tn_str tag)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("operations", &row); more; more = tn_catalog_next(&row))
        if (tn_str_is(tn_catalog_get(&row, "operation"), "modality") && tn_str_eq(tn_catalog_get(&row, "task"), tag)) {
    static const char *const name[] = {"text", "image", "audio", "video", "tabular", "image-text"};
            for (size_t i = 0; i < TN_COUNT(name); i++)
                if (tn_str_is(tn_catalog_get(&row, "object"), name[i]))
                    return name[i];
        }
    return NULL;
}

static void read_task(tn_reader *r)
{
    candidates c = {0};
    gather(r, &c, true);
    int best = 0;
    for (size_t i = 0; i < c.n; i++)
        best = c.at[i].weight > best ? c.at[i].weight : best;
    if (best < 2) {
        candidates all = {0};
        gather(r, &all, false);
        int more = 0;
        for (size_t i = 0; i < all.n; i++)
            more = all.at[i].weight > more ? all.at[i].weight : more;
        if (more > best) {
            c = all;
            best = more;
        }
    }
    /* No word for the task, but labelled things: they are to be told apart. */
    const tn_phrase_hit *data = first_of(r, "labelled", NULL);
    tn_str task;
    if (best == 0 && data) {
        tn_phrase_hit as_if = *data;
        as_if.value = TN_STR("classify");
        if (object_of(r, &as_if, &task)) {
            add_candidate(r, &c, task, 1, data->first, data->last);
            best = 1;
        }
    }
    qsort(c.at, c.n, sizeof *c.at, by_place);
    bool distance = first_of(r, "metric", "mae") || first_of(r, "metric", "rmse") || first_of(r, "metric", "mape"); /* of numbers */
    bool numbers = distance || (first_of(r, "problem", "regression") && !first_of(r, "classes", NULL)), sound = first_of(r, "object", "audio") != NULL;
    bool several = false, lost[MAX_CANDIDATES] = {false};
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "several", h));)
        several |= in_part(r, h->first, TN_WHAT);
    for (size_t i = 0; i < c.n; i++) {
        if (numbers && tn_str_is(c.at[i].tag, "tabular-classification"))
            c.at[i].tag = TN_STR("tabular-regression");
        if (tn_str_is(c.at[i].tag, "automatic-speech-recognition") && !sound) /* pages are transcribed too */
            for (size_t k = 0; k < c.n; k++)
                lost[i] |= tn_str_is(c.at[k].tag, "image-to-text");
    }
    /* What another one implies falls away, unless twice as much speaks for it; what the most speaks for is the task, and
     * where the brief says that there is more to do, so is what nearly as much speaks for. */
    size_t top = c.n;
    for (size_t i = 0; i < c.n; i++) {
        for (size_t k = 0; k < c.n && !lost[i]; k++)
            lost[i] = k != i && !lost[k] && swallows(c.at[k].tag, c.at[i].tag) && 2 * c.at[k].points >= c.at[i].points &&
                      !(swallows(c.at[i].tag, c.at[k].tag) && (c.at[i].points != c.at[k].points ? c.at[i].points > c.at[k].points : i < k));
        if (!lost[i] && (top == c.n || c.at[i].points > c.at[top].points))
            top = i;
    }
    for (size_t i = 0; top < c.n && i < c.n; i++) {
        bool together = c.at[i].first == c.at[top].first && c.at[i].last == c.at[top].last && c.at[i].weight == c.at[top].weight;
        bool apart = c.at[i].first > c.at[top].last || c.at[top].first > c.at[i].last;
        bool strong = several && c.at[i].weight > 1 && c.at[i].points * 5 >= c.at[top].points * 3;
        if (i != top && (lost[i] || !(together || (apart && strong))))
            continue;
        add_words(r, "task", c.at[i].tag, c.at[i].first, c.at[i].last);
        const char *modality = modality_of(c.at[i].tag);
        if (modality)
            add_c(r, "modality", modality, c.at[i].first, c.at[i].last);
    }
    const tn_phrase_hit *h = NULL;
    if (!tn_brief_fact(r->brief, "task", NULL))
        while ((h = next_hit(r, "object", h)))
            if (h->weight >= 2 && in_part(r, h->first, TN_WHAT) && !tn_str_is(h->value, "page") && !tn_str_is(h->value, "table")) {
                add_hit(r, "modality", h);
                return;
            }
}

/* ---- actions ---- */

static const tn_phrase_hit *labelled(const tn_reader *r)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "labelled", h));)
        if (!h->negated)
            return h;
    return NULL;
}

static void read_actions(tn_reader *r)
{
    bool refused_training = next_hit(r, "ready", NULL) != NULL, verb = false, of_models = false;
    const tn_phrase_hit *measure = NULL;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "action", h));) {
        tn_brief_part part = part_of(r, h->first);
        refused_training |= h->negated && tn_str_is(h->value, "fine-tune");
        const char *at = r->brief->text.ptr + r->words.ptr[h->first].from;
        bool a_label = false; /* "serve, set, spike" */
        for (const tn_fact *f = NULL; (f = tn_brief_fact(r->brief, "label", f));)
            a_label |= at >= f->words.ptr && at < f->words.ptr + f->words.len;
        if (h->negated || h->quoted || a_label || part == TN_WHY || part == TN_WHEN)
            continue;
        add_hit(r, "action", h);
        verb = true;
        if (tn_str_is(h->value, "evaluate")) {
            measure = measure ? measure : h;
            for (const tn_phrase_hit *m = NULL; (m = next_hit(r, "models", m));)
                of_models |= same_sentence(r, m->first, h->first);
        }
    }
    const tn_fact *task = tn_brief_fact(r->brief, "task", NULL), *only = tn_brief_fact(r->brief, "action", NULL);
    /* What is measured is no model: it is the thing that is wanted ("evaluate retrieval and answers separately"). */
    bool only_served = only && !tn_brief_fact(r->brief, "action", only) && tn_str_is(only->value, "deploy");
    bool wanted_too = measure && !of_models && task && !tn_brief_fact(r->brief, "action", only) && !labelled(r) &&
                      task->words.ptr < r->brief->text.ptr + r->words.ptr[measure->first].from;
    if ((verb && !wanted_too && !only_served) || !task)
        return;
    const tn_phrase_hit *data = labelled(r);
    bool learns = any_task_is(r, "trained");
    size_t from = (size_t)(task->words.ptr - r->brief->text.ptr);
    if (data && learns && !refused_training && !wanted_too) { /* also when the rest of the wish is only to serve it */
        add_hit(r, "action", &(tn_phrase_hit){.value = TN_STR("fine-tune"), .first = data->first, .last = data->last});
        return;
    }
    /* Rows of a table and texts to a number hold their answers. */
    bool answers = has(r, "task", "tabular-classification") || has(r, "task", "tabular-regression") || (has(r, "task", "text-classification") && first_of(r, "problem", "regression"));
    double rows;
    for (const tn_fact *f = NULL; answers && !refused_training && !wanted_too && (f = tn_brief_fact(r->brief, "data", f));)
        if (tn_str_to_f64(f->value, &rows)) {
            size_t at = (size_t)(f->words.ptr - r->brief->text.ptr);
            tn_reader_add(r, "action", TN_STR("fine-tune"), at, at + f->words.len);
            return;
        }
    if (!only_served)
        tn_reader_add(r, "action", TN_STR("pipeline"), from, from + task->words.len);
}

/* ---- problem ---- */

static void read_problem(tn_reader *r)
{
    static const char *const order[] = {"multi-label", "regression", "pair", "single-label"};
    const tn_fact *first = NULL;
    bool text = false;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(r->brief, "task", f));) {
        if (tn_str_is(f->value, "tabular-regression")) {
            size_t at = (size_t)(f->words.ptr - r->brief->text.ptr);
            tn_reader_add(r, "problem", TN_STR("regression"), at, at + f->words.len);
            return;
        }
        if (is_classification(f->value) && !first)
            first = f;
        text |= tn_str_is(f->value, "text-classification");
    }
    if (!first)
        return;
    for (size_t i = 0; i < TN_COUNT(order); i++) {
        bool wide = i == 0; /* that several may apply is said anywhere; the others in the task */
        if (i == 2 && !text)
            continue;
        for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "problem", h));)
            if (tn_str_is(h->value, order[i]) && !h->negated && (wide || part_of(r, h->first) != TN_WHY)) {
                add_hit(r, "problem", h);
                return;
            }
    }
    const tn_fact *labels = tn_brief_fact(r->brief, "labels", NULL);
    if (!labels)
        labels = tn_brief_fact(r->brief, "label", NULL);
    if (labels || tn_str_is(first->value, "tabular-classification")) {
        const tn_fact *from = labels ? labels : first;
        size_t at = (size_t)(from->words.ptr - r->brief->text.ptr);
        tn_reader_add(r, "problem", TN_STR("single-label"), at, at + from->words.len);
    }
}

/* ---- languages ---- */

/* "(de, fr, it, en)" and "de/fr/it": codes count in brackets that hold nothing else, and behind "languages:". */
static void read_language_codes(tn_reader *r)
{
    tn_str s = r->brief->text;
    for (size_t i = 0; i < r->words.len; i++) {
        size_t from = r->words.ptr[i].from;
        if (from == 0 || s.ptr[from - 1] != '(')
            continue;
        size_t k = i;
        tn_catalog_row row;
        while (k < r->words.len && k < i + 40 && r->words.ptr[k].lower.len == 2 && !r->words.ptr[k].capital && tn_catalog_find("languages", "iso639_1", r->words.ptr[k].lower, &row) &&
               !(k > i && r->words.ptr[k].sentence != r->words.ptr[i].sentence)) {
            k++;
            if (s.ptr[r->words.ptr[k - 1].to] == ')')
                break;
        }
        if (k < i + 2 || r->words.ptr[k - 1].to >= s.len || s.ptr[r->words.ptr[k - 1].to] != ')')
            continue;
        for (size_t m = i; m < k; m++)
            add_words(r, "language", r->words.ptr[m].lower, m, m);
    }
}

static void read_languages(tn_reader *r)
{
    const tn_phrase_hit *before = NULL;
    bool elsewhere = false, accepted = false;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "language", h));)
        elsewhere |= !h->negated && (part_of(r, h->first) == TN_WHAT || part_of(r, h->first) == TN_WHERE);
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "language", h)); before = h) {
        if (before && before->first == h->first && before->last == h->last)
            continue; /* two codes of one name: the first of the table */
        tn_brief_part part = part_of(r, h->first);
        if ((part == TN_WHY || part == TN_WHEN) && (elsewhere || tn_brief_fact(r->brief, "language", NULL)))
            continue;
        if (h->negated || (h->first && same_clause(r, h->first - 1, h->first) && is_kind(r, h->first - 1, TN_W_apart)))
            continue;
        /* An adjective on an office or on people names no language, unless text of theirs follows ("Korean user feedback"). */
        bool of_people = false, of_text = false;
        for (const tn_phrase_hit *o = NULL; (o = next_hit(r, "not-language", o));)
            of_people |= o->first == h->last + 1 && same_clause(r, o->first, h->last);
        for (const tn_phrase_hit *o = NULL; of_people && (o = next_hit(r, "object", o));)
            of_text |= o->first > h->last + 1 && o->first <= h->last + 3 && same_clause(r, o->first, h->last);
        bool joined = before && accepted && h->first - before->last <= 2 && is_kind(r, h->first - 1, TN_W_joint); /* "a Filipino and English group" */
        accepted = (!of_people || of_text || joined);
        if (!accepted)
            continue;
        /* A region before it: "Canadian French". Chinese takes a script, and its own code stays. */
        tn_str value = h->value, code;
        for (const tn_phrase_hit *o = NULL; (o = next_hit(r, "region", o));)
            if (((o->last + 1 == h->first || o->first == h->last + 1 ? same_clause(r, o->first, h->first) : false) ||
                 (o->last < h->first && o->last + 5 >= h->first && same_sentence(r, o->first, h->first) && r->words.ptr[h->first].from && r->brief->text.ptr[r->words.ptr[h->first].from - 1] == '(')) && !memchr(value.ptr, '-', value.len) && !memchr(value.ptr, '+', value.len)) {
                value = tn_str_format(r->arena, "%.*s-%.*s", TN_ARG(value), TN_ARG(o->value));
                if (!value.ptr) {
                    r->no_memory = true;
                    return;
                }
            }
        while (tn_str_cut(&value, '+', &code))
            add_words(r, "language", code, h->first, h->last);
    }
    read_language_codes(r);
    /* "in Spanish (Mexican Spanish)": the variety says it all. */
    for (size_t i = 0; i < r->brief->facts.len; i++) {
        tn_fact *f = &r->brief->facts.ptr[i];
        bool variety = false;
        for (const tn_fact *v = NULL; strcmp(f->field, "language") == 0 && !memchr(f->value.ptr, '-', f->value.len) && (v = tn_brief_fact(r->brief, "language", v));)
            variety |= v->value.len > f->value.len && v->value.ptr[f->value.len] == '-' && memcmp(v->value.ptr, f->value.ptr, f->value.len) == 0;
        if (variety)
            r->brief->facts.ptr[i--] = r->brief->facts.ptr[--r->brief->facts.len];
    }
}

/* Whether the wish is one for machine learning, as far as it can be told; nothing said is nothing else either. */
static bool is_job(const tn_reader *r)
{
    bool empty = true;
    for (int p = 0; p < TN_N_PARTS; p++)
        empty = empty && !r->brief->part[p].len;
    return empty || tn_brief_fact(r->brief, "task", NULL) || first_of(r, "ml", NULL);
}

/* Words for data about people; speech that is recognised is such data by nature. */
static const tn_phrase_hit *personal(const tn_reader *r, tn_phrase_hit *buffer)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "person", h));)
        if (!h->negated && (h->weight >= 2 || in_part(r, h->first, TN_WHAT)))
            return h;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "task", h));)
        if (!h->negated && has(r, "task", "automatic-speech-recognition") && tn_str_starts(h->value, "automatic-speech-recognition")) {
            *buffer = *h;
            return buffer;
        }
    return NULL;
}

/* ---- why, where, when ---- */

static void read_goals(tn_reader *r)
{
    bool why = r->brief->has_parts && r->brief->part[TN_WHY].len;
    bool any = false, hollow = false;
    if (!is_job(r)) /* a wish outside machine learning needs no reason of these */
        return;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "goal", h));) {
        tn_brief_part part = part_of(r, h->first);
        bool prototype = tn_str_is(h->value, "prototype"), production = tn_str_is(h->value, "production");
        if (tn_str_is(h->value, "hollow")) {
            hollow |= part == TN_WHY || part == TN_N_PARTS;
            continue;
        }
        if (h->negated || h->weight < 2 || (production ? part == TN_WHEN : !prototype && why && part != TN_WHY))
            continue;
        add_hit(r, "goal", h);
        any |= part == TN_WHY || part == TN_N_PARTS;
    }
    const tn_phrase_hit *weak = first_of(r, "goal", "feature"), *study = first_of(r, "environment", "research");
    if (any || hollow || !is_job(r))
        return;
    if (!why) {
        while (weak && (weak->weight != 1 || weak->negated))
            weak = next_hit(r, "goal", weak);
        if (weak && tn_str_is(weak->value, "feature") && !r->brief->has_parts)
            add_hit(r, "goal", weak);
        return;
    }
    /* A reason that is none of the others is the wish for a new ability; its first words stand for it. */
    size_t first = 0, n = 0;
    while (first < r->words.len && part_of(r, first) != TN_WHY)
        first++;
    while (n < 12 && first + n < r->words.len && part_of(r, first + n) == TN_WHY)
        n++;
    if (n >= 2 && !(n <= 4 && study && part_of(r, study->first) == TN_WHY)) /* "Master's thesis" is none of them */
        add_words(r, "goal", TN_STR("feature"), first, first + n - 1);
}

/* A word of time beside the hit: "training starts in May", "we train next week". */
static bool near_time(const tn_reader *r, const tn_phrase_hit *h)
{
    for (const tn_phrase_hit *t = NULL; (t = next_hit(r, "time", t)) && t->first <= h->last + 6;)
        if (t->last + 5 >= h->first && same_sentence(r, t->first, h->first))
            return true;
    return false;
}

static void read_phases(tn_reader *r)
{
    bool when = r->brief->has_parts && r->brief->part[TN_WHEN].len;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "phase", h));) {
        tn_brief_part part = part_of(r, h->first);
        bool tune = tn_str_is(h->value, "tune") || tn_str_is(h->value, "deploy");
        /* With heads but no "when", and for the plain words of the work itself, only a statement about time counts. */
        bool timed = near_time(r, h);
        bool counts = part == TN_WHEN || (h->weight > 2 && part != TN_WHY) || (!when && (!tune || timed));
        if (!h->negated && (!h->quoted || tn_str_is(h->value, "select")) && counts && (h->weight > 1 || part == TN_WHEN))
            add_hit(r, "phase", h);
    }
}

static void read_environment(tn_reader *r)
{
    const tn_phrase_hit *weak = NULL;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "environment", h));) {
        bool production = tn_str_is(h->value, "production");
        bool hardware = tn_str_is(h->value, "edge") || tn_str_is(h->value, "cloud-gpu") || tn_str_is(h->value, "cloud-cpu");
        if (h->negated || (hardware && part_of(r, h->first) == TN_WHY) || (h->quoted && production && h->weight < 3))
            continue;
        if (production && part_of(r, h->first) == TN_WHY && h->weight < 3)
            continue;
        if (tn_str_is(h->value, "edge") && h->weight < 2 && !in_part(r, h->first, TN_WHERE))
            continue;
        /* "person, e-mail, phone" are things to find; "on the phone" is a place. */
        if (tn_str_is(h->value, "edge") && part_of(r, h->first) == TN_WHAT && h->first == h->last && r->brief->part[TN_WHERE].len && !near(r, h->first, 3, 0, TN_W_place))
            continue;
        if (production && h->weight < 2) {
            weak = weak && part_of(r, weak->first) == TN_WHERE ? weak : h;
            continue;
        }
        if (tn_str_is(h->value, "research") && h->weight < 3 && part_of(r, h->first) == TN_WHY)
            continue;
        add_hit(r, "environment", h);
    }
    bool toy = has(r, "goal", "prototype") || first_of(r, "phase", "study");
    bool research = has(r, "environment", "research");
    if (!has(r, "environment", "production") && !toy && !research) {
        const tn_phrase_hit *sign = NULL;
        bool served = has(r, "environment", "cloud-cpu") || has(r, "environment", "edge") || tn_brief_fact(r->brief, "max_latency_ms", NULL);
        for (const tn_phrase_hit *h = NULL; !(weak && part_of(r, weak->first) == TN_WHERE) && (h = next_hit(r, "use", h));)
            if (!h->negated && (!weak || part_of(r, h->first) == TN_WHERE) && !tn_str_is(h->value, "research") && (tn_str_is(h->value, "commercial") || part_of(r, h->first) == TN_WHERE))
                weak = h;
        bool placed = weak && part_of(r, weak->first) == TN_WHERE;
        if (weak && (served || placed) && !first_of(r, "phase", "experiment"))
            sign = weak;
        for (const tn_phrase_hit *h = NULL; !sign && (h = next_hit(r, "phase", h));)
            if (!h->negated && (tn_str_is(h->value, "deploy") || tn_str_is(h->value, "post-release") || (tn_str_is(h->value, "experiment") && h->weight == 3)))
                sign = h;
        if (sign)
            add_words(r, "environment", TN_STR("production"), sign->first, sign->last);
    }
    /* People's data in a field that the law watches. */
    tn_phrase_hit buffer;
    const tn_phrase_hit *person = personal(r, &buffer), *field = NULL;
    for (const tn_phrase_hit *h = NULL; !field && (h = next_hit(r, "sensitive", h));)
        field = h->weight >= 3 ? h : NULL;
    if (person && field)
        add_words(r, "environment", TN_STR("regulated"), field->first, field->last);
    /* "Industrial PC without GPU" says what the device lacks; it is no server. */
    for (size_t i = 0; has(r, "environment", "edge") && i < r->brief->facts.len; i++) {
        tn_fact *f = &r->brief->facts.ptr[i];
        if (strcmp(f->field, "environment") == 0 && tn_str_is(f->value, "cloud-cpu") && (tn_str_find(f->words, TN_STR("GPU"), 0) != SIZE_MAX || tn_str_find(f->words, TN_STR("gpu"), 0) != SIZE_MAX))
            r->brief->facts.ptr[i--] = r->brief->facts.ptr[--r->brief->facts.len];
    }
    if (toy)
        for (size_t i = 0; i < r->brief->facts.len;) {
            tn_fact *f = &r->brief->facts.ptr[i];
            if (strcmp(f->field, "environment") == 0 && tn_str_is(f->value, "production") && !has(r, "phase", "deploy"))
                r->brief->facts.ptr[i] = r->brief->facts.ptr[--r->brief->facts.len];
            else
                i++;
        }
}

/* Whose use it is: what is said outright, else the kind of organisation, public bodies and charities first: for those
 * and for private people nothing is known. */
static void read_use(tn_reader *r)
{
    const tn_phrase_hit *best = NULL;
    if (tn_brief_fact(r->brief, "licence_use", NULL))
        return;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "use", h));) {
        if (h->negated)
            continue;
        bool where = part_of(r, h->first) == TN_WHERE, best_where = best && part_of(r, best->first) == TN_WHERE;
        int score = (h->weight >= 4 ? 20 : where ? 10 : 0) + h->weight, best_score = !best ? -1 : (best->weight >= 4 ? 20 : best_where ? 10 : 0) + best->weight;
        if (score > best_score)
            best = h;
    }
    if (best && !tn_str_is(best->value, "none"))
        add_hit(r, "licence_use", best);
}

static void read_domain(tn_reader *r)
{
    const tn_phrase_hit *best = NULL;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "domain", h));)
        if (!best || h->weight > best->weight)
            best = h;
    if (best)
        add_hit(r, "domain", best);
}

/* ---- limits ---- */

static void keep_least(tn_reader *r, const char *field, double v, size_t first, size_t last)
{
    for (size_t i = 0; i < r->brief->facts.len; i++) {
        tn_fact *f = &r->brief->facts.ptr[i];
        double have;
        if (strcmp(f->field, field) != 0 || !tn_str_to_f64(f->value, &have))
            continue;
        if (have <= v)
            return;
        r->brief->facts.ptr[i] = r->brief->facts.ptr[--r->brief->facts.len];
        break;
    }
    add_words(r, field, number_text(r, v), first, last);
}

static double rounded(double v)
{
    return (double)(int64_t)(v * 10000 + 0.5) / 10000;
}

/* What a size in megabytes says: the limit of memory or of the model, or how much data there is ("40 GB of scans"). */
static bool is_memory(const tn_reader *r, size_t i, const number *n)
{
    size_t next = n->last + 1;
    bool of = tn_str_is(word(r, next), "of") && same_clause(r, n->last, next);
    bool data = of ? !near(r, next, 0, 2, TN_W_memory) : same_clause(r, n->last, next) && is_kind(r, next, TN_W_stored);
    /* In brackets behind a card's name ("A10, 24 GB"), with "RAM" or "model" near, or as a limit. */
    bool bracket = r->words.ptr[i].from && r->brief->text.ptr[r->words.ptr[i].from - 1] == '(';
    return !data && (bracket || near(r, i, 4, 3, TN_W_card) || near(r, i, 8, 4, TN_W_memory));
}

/* What a length of time limits: an answer, the computing, or nothing ("ten-second clips", "two hours a day by hand"). */
static const char *limited_time(const tn_reader *r, size_t i, const number *n, double times)
{
    bool bounded = near(r, i, 4, 0, TN_W_bound);
    if (times >= 60) {
        if (times <= 3600 && n->value < 1000 && part_of(r, i) != TN_WHY && near(r, i, 6, 6, TN_W_compute) && !near(r, n->last, 0, 4, TN_W_material))
            return "budget_minutes";
        return times == 60 && bounded && near(r, i, 6, 6, TN_W_item) && !near(r, n->last, 0, 4, TN_W_material) && part_of(r, i) != TN_WHY ? "max_latency_ms" : NULL;
    }
    if (times < 1)
        return "max_latency_ms";
    bool of_length = !bounded && (near(r, n->last, 0, 2, TN_W_length) || near(r, i, 3, 0, TN_W_length));
    return near(r, i, 6, 6, TN_W_limit) && !of_length && n->value <= 3600 ? "max_latency_ms" : NULL;
}

static void read_limits(tn_reader *r)
{
    for (size_t i = 0; i < r->words.len; i++) {
        number n;
        tn_str measure = TN_STR("");
        double times = 0;
        if (!quantity_at(r, i, &n) || !(n.value > 0))
            continue;
        unit_of(n.unit, &measure, &times);
        if (tn_str_is(measure, "second")) {
            const char *field = limited_time(r, i, &n, times);
            if (field)
                keep_least(r, field, rounded(n.value * times * (strcmp(field, "max_latency_ms") == 0 ? 1000 : 1 / 60.0)), i, n.last);
        }
        bool rate = tn_str_is(measure, "rate") || (n.unit.len > 3 && !is_kind(r, n.last, TN_W_throughput) && (n.unit.ptr[n.unit.len - 1] == 's' || is_kind(r, n.last, TN_W_frame)) &&
                                                   is_kind(r, n.last + 1, TN_W_each) && is_kind(r, n.last + 2, TN_W_second));
        if (rate)
            keep_least(r, "max_latency_ms", rounded(1000 / n.value), i, n.last);
        if (tn_str_is(measure, "mb") && is_memory(r, i, &n))
            keep_least(r, "max_memory_mb", n.value * times, i, n.last);
        bool billions = n.own_unit && (tn_str_is(n.unit, "b") || tn_str_is(n.unit, "bn"));
        if (billions || near(r, i, 4, 4, TN_W_parameter)) {
            double v = billions ? n.value * 1000 : n.value / 1e6;
            if (near(r, i, 5, 0, TN_W_up_to) && v >= 0.001)
                keep_least(r, "max_params_m", v, i, n.last);
        }
        if ((tn_str_is(n.unit, "gpu") || tn_str_is(n.unit, "gpu-")) && near(r, n.last, 0, 1, TN_W_hours))
            keep_least(r, "budget_minutes", tn_str_starts(word(r, n.last + 1), "hour") ? n.value * 60 : n.value, i, n.last + 1);
    }
}

/* ---- target metrics ---- */

static void read_metrics(tn_reader *r)
{
    size_t used[8], n_used = 0;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "metric", h));) {
        size_t best = SIZE_MAX, best_distance = SIZE_MAX;
        number found = {0};
        if (h->weight < 2 && !near(r, h->first, 6, 6, TN_W_firm))
            continue;
        for (size_t i = h->first >= 6 ? h->first - 6 : 0; i <= h->last + 7 && i < r->words.len; i++) {
            number n;
            if ((i >= h->first && i <= h->last) || !same_sentence(r, i, h->first) || !number_at(r, i, &n))
                continue;
            bool share = tn_str_is(n.unit, "%") || (!n.own_unit && is_kind(r, n.last, TN_W_percent));
            bool scale = known("metric", TN_STR("scale"), h->value);
            bool fraction = n.value <= 1 && n.value > 0;
            bool bare = !share && !fraction && !scale && n.value > 1 && n.value <= 100 && near(r, i, 3, 0, TN_W_firm) && (!n.own_unit && !n.unit.len);
            if (!share && !fraction && !scale && !bare)
                continue;
            bool items = false;
            for (const tn_phrase_hit *o = NULL; !share && !fraction && (o = next_hit(r, "items", o));)
                items |= o->first == n.last || (o->first > i && o->first <= i + 3 && same_clause(r, o->first, i));
            bool out_of_scale = scale && n.value > 100 && (tn_str_is(h->value, "bleu") || tn_str_is(h->value, "chrf"));
            if (items || out_of_scale || tn_str_is(n.unit, "k") || tn_str_is(n.unit, "ms") || tn_str_is(n.unit, "gb"))
                continue;
            /* A clause apart is only near when nothing but a comma lies between. */
            size_t distance = i > h->last ? i - h->last : (h->first - i) + 2;
            for (size_t k = 0; k < n_used; k++)
                distance += used[k] == i ? 100 : 0;
            if (!same_clause(r, i, h->first))
                distance += 4;
            if (distance < best_distance) {
                best = i;
                best_distance = distance;
                found = n;
                found.value = share || bare ? n.value / 100 : n.value;
                if (scale && (share || bare))
                    found.value = tn_str_is(h->value, "mae") || tn_str_is(h->value, "rmse") ? n.value / 100 : n.value;
            }
        }
        if (best == SIZE_MAX || best_distance > 9)
            continue;
        bool target = near(r, best, 4, 2, TN_W_firm);
        if (!target && near(r, best, 4, 3, TN_W_present))
            continue;
        if (near(r, best, 2, 3, TN_W_gain) || near(r, best, 3, 0, TN_W_was))
            continue;
        const char *op = known("metric", TN_STR("falls"), h->value) ? "<=" : ">=";
        tn_str name = h->value;
        if (tn_str_is(name, "mae") && tn_str_is(found.unit, "%"))
            name = TN_STR("mape");
        tn_str text = tn_str_format(r->arena, "%.*s %s %.12g", TN_ARG(name), op, found.value);
        size_t last = best > h->last ? best + (found.last > best) : h->last, first = best < h->first ? best : h->first;
        if (n_used < TN_COUNT(used))
            used[n_used++] = best;
        if (text.ptr)
            add_words(r, "min_metric", text, first, last < r->words.len ? last : best);
        else
            r->no_memory = true;
    }
}

/* ---- labels ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The first word that starts at byte `at` or behind it. */
static size_t word_at(const tn_reader *r, size_t at)
{
    size_t low = 0, high = r->words.len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->words.ptr[mid].from < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* A name of a class: up to five words, no number in front, no verb of the prose around it. */
static bool is_name(const tn_reader *r, tn_str name)
{
    if (!name.len || name.len > 60 || memchr(name.ptr, '\n', name.len) == name.ptr)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (strchr("<>`{}$#", name.ptr[i])) /* marks of some language, no name */
            return false;
    size_t words = 1;
    for (size_t i = 0; i < name.len; i++)
        words += is_blank(name.ptr[i]);
    if (words > 4 || (words > 1 && name.ptr[0] >= '0' && name.ptr[0] <= '9'))
        return false;
    size_t from = (size_t)(name.ptr - r->brief->text.ptr), low = word_at(r, from);
    if (low >= r->words.len || r->words.ptr[low].from >= from + name.len)
        return false;
    if (r->words.ptr[low].to == from + name.len && tn_str_is(r->words.ptr[low].lower, "not")) /* "fully, partly, not" */
        return true;
    for (size_t i = low; i < r->words.len && r->words.ptr[i].from < from + name.len; i++)
        if ((i == low && is_kind(r, i, TN_W_describes)) || (is_kind(r, i, TN_W_no_name) && !(i > low && (is_kind(r, i, TN_W_within)))))
            return false;
    return true;
}

typedef struct {
    tn_str name[128];
    size_t n;
    size_t from, to; /* bytes */
} name_list;

/* The bytes of a blank at i and the word behind it that joins names ("and", "or", "vs."), with the blank behind that. */
static size_t joint_at(const tn_reader *r, size_t i, size_t to)
{
    tn_str s = r->brief->text;
    size_t w = word_at(r, i + 1), end = w < r->words.len ? r->words.ptr[w].to : 0;
    if (!is_kind(r, w, TN_W_joint) || r->words.ptr[w].from != i + 1)
        return 0;
    end += end < to && s.ptr[end] == '.';
    return end < to && s.ptr[end] == ' ' ? end + 1 - i : 0;
}

/* "and the others" is "others"; a word alone stays. */
static tn_str without_article(const tn_reader *r, tn_str name)
{
    size_t from = (size_t)(name.ptr - r->brief->text.ptr), end = from + name.len, w = word_at(r, from);
    while (is_kind(r, w, TN_W_before_name) && w + 1 < r->words.len && r->words.ptr[w + 1].from < end && r->words.ptr[w].from == from)
        from = r->words.ptr[++w].from;
    return tn_str_sub(r->brief->text, from, end);
}

/* Cuts text[from, to) at commas, slashes, semicolons and the last "and"/"or": names, all of them, or nothing. */
static bool cut_names(const tn_reader *r, size_t from, size_t to, size_t least, name_list *out)
{
    tn_str s = r->brief->text;
    bool slash = false;
    out->n = 0;
    out->from = from;
    out->to = to;
    for (size_t i = from; i + 2 < to; i++)
        slash |= s.ptr[i] == '/' && s.ptr[i + 1] == ' ' && s.ptr[i - 1] == ' ';
    bool comma = memchr(s.ptr + from, ',', to - from) != NULL;
    size_t start = from;
    for (size_t i = from; i <= to; i++) {
        size_t skip = 0;
        if (i == to)
            skip = 1;
        else if (s.ptr[i] == ',' || s.ptr[i] == ';' || s.ptr[i] == '|')
            skip = 1;
        else if (s.ptr[i] == '/' && (slash ? s.ptr[i - 1] == ' ' : !comma))
            skip = 1;
        else if (to - i > 3 && (memcmp(s.ptr + i, "\xE3\x80\x81", 3) == 0 || memcmp(s.ptr + i, "\xEF\xBC\x8C", 3) == 0))
            skip = 3;
        else if (s.ptr[i] == ' ' && !slash)
            skip = joint_at(r, i, to);
        if (!skip)
            continue;
        tn_str name = tn_str_trim(tn_str_sub(s, start, i));
        name = without_article(r, name);
        while (name.len > 1 && (name.ptr[0] == '"' || name.ptr[0] == '\'' || name.ptr[0] == '`'))
            name = tn_str_sub(name, 1, name.len);
        while (name.len > 1 && strchr("\"'`:.", name.ptr[name.len - 1]))
            name = tn_str_sub(name, 0, name.len - 1);
        start = i + skip;
        i = start > i ? start - 1 : i;
        if (!name.len || tn_str_is(name, "...") || tn_str_is(name, "\xE2\x80\xA6") || tn_str_is(name, "etc"))
            continue;
        if (!is_name(r, name) || out->n == TN_COUNT(out->name))
            return false;
        out->name[out->n++] = name;
    }
    bool yes_no = out->n == 2 && out->name[1].len == 2 && tn_phrase_same(out->name[1], TN_STR("no")) && out->name[0].len > 3; /* "spam yes/no" */
    return out->n >= least && !yes_no;
}

/* Whether a line at `at` is empty, an item, or begins with a head of its own ("where: ...", "have = ..."). */
static bool line_opens(tn_str s, size_t at)
{
    if (at >= s.len || s.ptr[at] == '\n' || s.ptr[at] == '-')
        return true;
    for (size_t k = at; k < s.len && k < at + 24 && s.ptr[k] != '\n' && s.ptr[k] != ','; k++)
        if (s.ptr[k] == ':' || s.ptr[k] == '=')
            return true;
    return false;
}

/* Where a list that starts at `at` ends: at a full stop, semicolon, bracket, dash or line's end. */
static size_t list_end(const tn_reader *r, size_t at, char open)
{
    tn_str s = r->brief->text;
    size_t i = at;
    for (; i < s.len && i < at + 600; i++) {
        char c = s.ptr[i];
        if (open == '(' ? c == ')' : c == '(' || c == ')' || c == ';' || (c == '\n' && line_opens(s, i + 1)) ||
                                         (c == '.' && (i + 1 >= s.len || is_blank(s.ptr[i + 1]))) || c == '?' || c == ':')
            break;
        if (open != '(' && c == ' ' && i + 4 < s.len && ((s.ptr[i + 1] == '-' && s.ptr[i + 2] == ' ') || (unsigned char)s.ptr[i + 1] == 0xE2))
            break;
        if (open != '(' && (unsigned char)c == 0xE3 && i + 2 < s.len && memcmp(s.ptr + i, "\xE3\x80\x82", 3) == 0)
            break;
    }
    return i;
}

/* Drops trailing pieces that are no names ("good / crack / other. some cells …" ends at the stop already; "billing, bug and
 * returns with 3k labelled" does not): a list may be cut short at a comma when the rest is prose. */
static bool names_from(const tn_reader *r, size_t from, char open, name_list *out)
{
    tn_str s = r->brief->text;
    size_t end = list_end(r, from, open);
    if (cut_names(r, from, end, 2, out))
        return true;
    if (open == '(')
        return false;
    for (size_t i = end; i > from; i--)
        if ((s.ptr[i - 1] == ',' || (s.ptr[i - 1] == ' ' && i + 5 < s.len && (memcmp(s.ptr + i, "with ", 5) == 0 || memcmp(s.ptr + i, "from ", 5) == 0 || memcmp(s.ptr + i, "for ", 4) == 0 ||
                                                                      memcmp(s.ptr + i, "on ", 3) == 0 || memcmp(s.ptr + i, "in ", 3) == 0 || memcmp(s.ptr + i, "using ", 5) == 0 || memcmp(s.ptr + i, "so ", 3) == 0))) &&
            cut_names(r, from, i - 1, 2, out))
            return true;
    return false;
}

static void add_names(tn_reader *r, const name_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t from = (size_t)(list->name[i].ptr - r->brief->text.ptr);
        tn_reader_add(r, "label", list->name[i], from, from + list->name[i].len);
    }
}

static bool sentence_has(const tn_reader *r, const char *field, size_t i)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, field, h));)
        if (same_sentence(r, h->first, i))
            return true;
    return false;
}

static bool of_the_task(const tn_reader *r, size_t i)
{
    tn_brief_part part = i < r->words.len ? part_of(r, i) : TN_WHEN;
    return part == TN_WHAT || part == TN_N_PARTS;
}

/* Names of languages are classes only where the language is what is asked for. */
static bool names_languages(const tn_reader *r, const name_list *list)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "task", h));)
        for (uint32_t i = h->first; i <= h->last; i++)
            if (tn_str_starts(word(r, i), "language") && is_classification(h->value))
                return false;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "language", h));)
        if (r->words.ptr[h->first].from >= list->from && r->words.ptr[h->first].from < list->to)
            return true;
    return false;
}

/* "42 intents", "six teams: motor, property, other". True when names were added; *count is the number, 0 without one. */
static bool read_counted(tn_reader *r, double *count)
{
    tn_str s = r->brief->text;
    name_list list;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "classes", h));) {
        double v = 0;
        size_t at = h->first;
        if (!of_the_task(r, h->first))
            continue;
        for (size_t back = 1; back <= 3 && back <= h->first && !v; back++) {
            number n;
            size_t i = h->first - back;
            if (!same_clause(r, i, h->first))
                break;
            size_t end = i;
            v = number_word(r, i, &end);
            v = v >= 2 && end < h->first ? v : 0;
            if (!v && number_at(r, i, &n) && n.value >= 2 && n.value <= 1000 && n.value == (double)(int)n.value && !n.own_unit)
                v = n.value;
            at = i;
        }
        size_t pos = r->words.ptr[h->last].to;
        while (pos < s.len && s.ptr[pos] == ' ')
            pos++;
        char open = pos < s.len ? s.ptr[pos] : 0;
        if ((open == ':' || open == '(' || (open == '-' && is_blank(s.ptr[pos + 1]))) && names_from(r, pos + 1, open == '(' ? '(' : ':', &list) && !names_languages(r, &list) && (!v || (double)list.n <= v)) {
            if (v)
                add_words(r, "labels", number_text(r, v), at, h->last);
            add_names(r, &list);
            return true;
        }
        if (v && *count == 0 && h->weight >= 2) {
            add_words(r, "labels", number_text(r, v), at, h->last);
            *count = v;
        }
    }
    return false;
}

/* The bytes of a dash between blanks that begins at i, or 0. */
static size_t dash_at(tn_str s, size_t i)
{
    size_t n = s.ptr[i] == '-' ? 1 : i + 3 < s.len && s.ptr[i] == '\xE2' && s.ptr[i + 1] == '\x80' && (s.ptr[i + 2] == '\x93' || s.ptr[i + 2] == '\x94') ? 3 : 0;
    return n && i && s.ptr[i - 1] == ' ' && i + n < s.len && s.ptr[i + n] == ' ' ? n : 0;
}

/* Names in quotation marks that follow one another: "safe", "repair" and "closed". */
static bool read_quoted(tn_reader *r, double count)
{
    static const char *const mark[] = {"\"", "\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xC2\xAB", "\xC2\xBB", "`", "\xE3\x80\x8C", "\xE3\x80\x8D"};
    tn_str s = r->brief->text;
    name_list list = {.n = 0};
    size_t open = SIZE_MAX, last_end = 0;
    for (size_t i = 0; i < s.len;) {
        size_t len = 0;
        for (size_t k = 0; k < TN_COUNT(mark) && !len; k++)
            if (tn_str_starts(tn_str_sub(s, i, s.len), mark[k]))
                len = strlen(mark[k]);
        if (!len) {
            i++;
            continue;
        }
        if (open == SIZE_MAX) {
            if (list.n && i - last_end > 8) { /* further than ", and " */
                if (list.n >= 2)
                    break;
                list.n = 0;
            }
            open = i + len;
        } else {
            tn_str name = tn_str_trim(tn_str_sub(s, open, i));
            while (name.len && strchr(",.;", name.ptr[name.len - 1]))
                name.len--;
            bool ok = name.len && name.len <= 40 && of_the_task(r, word_at(r, open)) && list.n < TN_COUNT(list.name) && !memchr(name.ptr, '?', name.len);
            if (ok)
                list.name[list.n++] = name;
            else if (list.n < 2)
                list.n = 0;
            open = SIZE_MAX;
            last_end = i + len;
            if (!ok && list.n >= 2)
                break;
        }
        i += len;
    }
    if (list.n < 2 || (count > 0 && (double)list.n != count))
        return false;
    add_names(r, &list);
    return true;
}

/* "clean/insult/threat": three words or more between strokes, in the task. */
static bool read_strokes(tn_reader *r, double count)
{
    tn_str s = r->brief->text;
    for (size_t i = 0; i + 2 < r->words.len; i++) {
        name_list list = {.n = 0};
        size_t k = i;
        while (k < r->words.len && list.n < TN_COUNT(list.name) && of_the_task(r, k) && (unsigned)(word(r, k).ptr[0] - '0') >= 10) {
            list.name[list.n++] = tn_str_sub(s, r->words.ptr[k].from, r->words.ptr[k].to);
            if (r->words.ptr[k].to >= s.len || s.ptr[r->words.ptr[k].to] != '/' || k + 1 >= r->words.len || r->words.ptr[k + 1].from != r->words.ptr[k].to + 1)
                break;
            k++;
        }
        list.from = r->words.ptr[i].from;
        list.to = r->words.ptr[k < r->words.len ? k : i].to;
        bool path = list.from && (s.ptr[list.from - 1] == '/' || s.ptr[list.from - 1] == '.' || s.ptr[list.from - 1] == ':');
        if (list.n >= 3 && !path && !names_languages(r, &list) && (count == 0 || (double)list.n == count)) {
            add_names(r, &list);
            return true;
        }
    }
    return false;
}

/* "whether the clause complies, conflicts, or is unrelated": three outcomes or more behind "whether" or "if". */
static bool read_outcomes(tn_reader *r)
{
    tn_str s = r->brief->text;
    for (size_t i = 0; i + 1 < r->words.len; i++) {
        if (!is_kind(r, i, TN_W_whether) || !of_the_task(r, i))
            continue;
        name_list list = {.n = 0};
        size_t end = list_end(r, r->words.ptr[i].to, ':'), first = i + 1;
        bool joined = false, ok = true;
        for (size_t k = i + 1; ok && k < r->words.len && r->words.ptr[k].to <= end && same_sentence(r, k, i); k++) {
            bool last = k + 1 >= r->words.len || r->words.ptr[k + 1].to > end || !same_sentence(r, k + 1, i) || r->words.ptr[k + 1].clause != r->words.ptr[k].clause;
            if (is_kind(r, k, TN_W_or) && k == first) {
                joined = true;
                first = k + 1;
                continue;
            }
            bool before_or = k + 1 < r->words.len && is_kind(r, k + 1, TN_W_or);
            if (!last && !before_or)
                continue;
            size_t from = list.n ? first : k;
            while (from < k && is_kind(r, from, TN_W_copula))
                from++;
            ok = k - from < 3 && list.n < TN_COUNT(list.name);
            if (ok)
                list.name[list.n++] = tn_str_sub(s, r->words.ptr[from].from, r->words.ptr[k].to);
            first = k + 1;
            if (joined)
                break;
        }
        if (ok && joined && list.n >= 3) {
            add_names(r, &list);
            return true;
        }
    }
    return false;
}

/* Lists behind a colon or in brackets, in a sentence that speaks of the task or of labelled data. */
static bool read_listed(tn_reader *r, double count, char open)
{
    tn_str s = r->brief->text;
    name_list list;
    for (size_t i = 0; i + 1 < s.len; i++) {
        size_t dash = open == '-' ? dash_at(s, i) : 0;
        if (open == '-' ? !dash : s.ptr[i] != open)
            continue;
        i += dash ? dash - 1 : 0;
        size_t w = word_at(r, i), about = w ? w - 1 : w;
        if (!of_the_task(r, w) || !of_the_task(r, about) || r->words.ptr[about].sentence != r->words.ptr[w].sentence)
            continue;
        bool context = (open == ':' && part_of(r, w) == TN_WHAT && list_end(r, i + 1, open) > i + 12) || sentence_has(r, "task", about) || sentence_has(r, "op", about) || sentence_has(r, "labelled", about) || sentence_has(r, "classes", about);
        bool digits = false;
        size_t end = list_end(r, i + 1, open);
        for (size_t k = i; open == '(' && k < end; k++) {
            digits |= s.ptr[k] >= '0' && s.ptr[k] <= '9';
            if (s.ptr[k] == ':') /* "(English: ok, spam)" is read from its colon */
                digits = true;
        }
        if (!context || digits || !names_from(r, i + 1, open, &list) || names_languages(r, &list) || (count > 0 && (double)list.n != count))
            continue;
        bool figures = false;
        for (size_t k = list.from; open != '(' && k < list.to; k++)
            figures |= s.ptr[k] >= '0' && s.ptr[k] <= '9';
        if (figures)
            continue;
        if (open == '-' && list.n < 3)
            continue;
        if (open == ':' && list.n < 3 && (memchr(s.ptr + list.from, ',', list.to - list.from) || list.n < 2))
            continue;
        add_names(r, &list);
        return true;
    }
    return false;
}

/* "into", "as", "->" open a list in a sentence of the task. */
static bool read_opened(tn_reader *r, double count)
{
    tn_str s = r->brief->text;
    name_list list;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "list", h));) {
        if (h->negated || !of_the_task(r, h->first) || !(sentence_has(r, "task", h->first) || sentence_has(r, "op", h->first) || sentence_has(r, "classes", h->first)))
            continue;
        size_t pos = r->words.ptr[h->last].to;
        while (pos < s.len && (s.ptr[pos] == ' ' || s.ptr[pos] == ':'))
            pos++;
        char open = pos < s.len ? s.ptr[pos] : 0;
        if (names_from(r, open == '(' ? pos + 1 : pos, open, &list) && !names_languages(r, &list) && (count == 0 || (double)list.n == count)) {
            add_names(r, &list);
            return true;
        }
    }
    return false;
}

static bool read_polarity(tn_reader *r)
{
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "polarity", h));) {
        size_t n = 0;
        for (const tn_phrase_hit *k = h; k && same_sentence(r, k->first, h->first) && k->first <= h->first + 12; k = next_hit(r, "polarity", k))
            n++;
        if (n < 2 || !of_the_task(r, h->first))
            continue;
        for (const tn_phrase_hit *k = h; k && same_sentence(r, k->first, h->first) && k->first <= h->first + 12; k = next_hit(r, "polarity", k))
            tn_reader_add(r, "label", tn_str_sub(r->brief->text, r->words.ptr[k->first].from, r->words.ptr[k->last].to), r->words.ptr[k->first].from, r->words.ptr[k->last].to);
        return true;
    }
    return false;
}

/* "Count pallets in", "extract skills and job titles from": the things between the verb and the preposition. */
static bool read_objects(tn_reader *r)
{
    name_list list;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "objects", h));) {
        size_t first = h->last + 1, last;
        while (first < r->words.len && (is_kind(r, first, TN_W_lead) || tn_str_ends(word(r, first), "'")))
            first++;
        if (first < r->words.len && r->words.ptr[first].to < r->brief->text.len && r->brief->text.ptr[r->words.ptr[first].to] == '\'') /* "customers' addresses" */
            first++;
        if (h->negated || !of_the_task(r, h->first) || !same_sentence(r, h->first, first) || is_kind(r, first, TN_W_generic) || is_kind(r, first, TN_W_preposition) || is_kind(r, first, TN_W_or))
            continue;
        bool verb = false;
        for (const tn_phrase_hit *o = NULL; (o = next_hit(r, "objects", o));)
            verb |= o->first == first;
        for (last = first; last + 1 < r->words.len && same_sentence(r, last + 1, first) && last < first + 12; last++)
            if (is_kind(r, last + 1, TN_W_preposition) && !(is_kind(r, last + 1, TN_W_and)))
                break;
        size_t from = r->words.ptr[first].from, to = r->words.ptr[last].to;
        if (verb || !cut_names(r, from, to, 1, &list) || names_languages(r, &list))
            continue;
        add_names(r, &list);
        return true;
    }
    return false;
}

/* How many classes, and their names when all are listed: the surest form first. */
static void read_labels(tn_reader *r)
{
    double count = 0;
    if (!any_task_is(r, "labelled"))
        return;
    bool classes = false, things = false;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(r->brief, "task", f));) {
        classes |= is_classification(f->value) && !tn_str_is(f->value, "zero-shot-classification");
        things |= known("is", TN_STR("things"), f->value);
    }
    if (first_of(r, "problem", "regression") && classes && !first_of(r, "problem", "multi-label") && !first_of(r, "classes", NULL))
        return;
    if (read_counted(r, &count) || read_listed(r, count, '(') || read_listed(r, count, ':') || read_listed(r, count, '-') || read_strokes(r, count) || (classes && read_quoted(r, count)) || (classes && count == 0 && read_outcomes(r)) || (has(r, "task", "text-classification") && count == 0 && read_polarity(r)) || read_opened(r, count) || count > 0)
        return;
    for (size_t i = 1; classes && i + 2 < r->words.len; i++) /* "funny or not funny", "cough or no cough" */
        if (is_kind(r, i, TN_W_or) && of_the_task(r, i) && tn_str_eq(word(r, i - 1), word(r, i + 2)) && same_sentence(r, i - 1, i + 2)) {
            tn_str text = r->brief->text;
            const size_t a = r->words.ptr[i - 1].from, b = r->words.ptr[i - 1].to, c = r->words.ptr[i + 1].from, d = r->words.ptr[i + 2].to;
            tn_reader_add(r, "label", tn_str_sub(text, a, b), a, b);
            tn_reader_add(r, "label", tn_str_sub(text, c, d), c, d);
            return;
        }
    for (const tn_phrase_hit *h = NULL; classes && (h = next_hit(r, "binary", h));) {
        if (!of_the_task(r, h->first))
            continue;
        if (tn_str_is(h->value, "yes")) {
            tn_reader_add(r, "label", TN_STR("yes"), r->words.ptr[h->first].from, r->words.ptr[h->first].to);
            tn_reader_add(r, "label", TN_STR("no"), r->words.ptr[h->last].from, r->words.ptr[h->last].to);
        } else {
            add_c(r, "labels", "2", h->first, h->last);
        }
        return;
    }
    if (things)
        read_objects(r);
}

/* ---- data ---- */

/* "Our 60 leaflets", "on 2,000 sonnets": things with a number that are there, in the task; no unit, class, model or rate. */
static bool owned_plural(const tn_reader *r, size_t i, const number *n)
{
    tn_str noun = n->unit;
    size_t at = n->last;
    if (n->own_unit || part_of(r, i) == TN_WHY || part_of(r, i) == TN_WHERE || part_of(r, i) == TN_WHEN || n->value < 20 || n->value != (double)(int64_t)n->value || (n->value < 1000 && i && same_clause(r, i - 1, i) && !is_kind(r, i - 1, TN_W_owns)))
        return false;
    if (!(noun.len > 3 && noun.ptr[noun.len - 1] == 's') && same_clause(r, at, at + 1))
        noun = word(r, ++at);
    tn_str measure;
    double times;
    return noun.len > 3 && noun.ptr[noun.len - 1] == 's' && !is_kind(r, at, TN_W_no_items) && !is_kind(r, n->last, TN_W_no_items) && !unit_of(noun, &measure, &times) && !unit_of(n->unit, &measure, &times) &&
           !near(r, at, 0, 2, TN_W_daily);
}

/* "14,200 labelled e-mails", "a csv of tickets", "no data yet": data that exist, or a statement that none do. The value
 * is the number of items when it is stated. */
static void read_data(tn_reader *r)
{
    if (tn_json_get(r->brief->front, "data"))
        tn_reader_add(r, "data", TN_STR("front matter"), 0, 0);
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "data", h));)
        add_words(r, "data", h->value, h->first, h->last);
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "labelled", h));)
        if (!h->negated && in_part(r, h->first, TN_WHAT))
            add_words(r, "data", TN_STR("named"), h->first, h->last);
    for (size_t i = 0; i < r->words.len; i++) {
        number n;
        if (!number_at(r, i, &n))
            continue;
        tn_brief_part part = part_of(r, i);
        if (owned_plural(r, i, &n))
            add_words(r, "data", n.value < 20 ? TN_STR("named") : number_text(r, n.value), i, n.last);
        for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "items", h));) {
            if (h->first <= i && h->first != i)
                continue;
            if (h->first > i + 5)
                break;
            if (h->first < i || !same_clause(r, i, h->first) || near(r, h->last, 0, 3, TN_W_rate) || part == TN_WHY)
                continue;
            if (part == TN_WHEN || (h->weight >= 2 && n.value < 20))
                continue;
            add_words(r, "data", h->weight < 2 ? TN_STR("named") : number_text(r, n.value), i, h->last);
            break;
        }
    }
}

/* ---- rules that the brief touches ---- */

    static const char *const rule_order[] = {"govern-pii", "govern-responsible", "govern-ethics", "govern-userdata", "govern-licence", "govern-compatible",
                                         "govern-provenance", "constraint-evaluate", "data-splits", "data-leak", "constraint-overfit", "constraint-pretrained", "constraint-compute", "data-fit",
                                         "who-open", "format-phases", "data-versions", "eval-baselines", "eval-criteria", "eval-evidence", "eval-benchmark", "eval-kpi", "style-no-hype"};

/* Billions of parameters against what is there: a small machine, one card of a desktop for training from nothing, or a
 * few thousand texts to learn a language from. */
static void read_size(tn_reader *r, const char *id)
{
    const tn_phrase_hit *scratch = NULL;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "rule", h));)
        if (tn_str_is(h->value, "constraint-pretrained"))
            scratch = h;
    double rows = 0, v;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(r->brief, "data", f));)
        if (tn_str_to_f64(f->value, &v) && v > rows)
            rows = v;
    for (size_t i = 0; i < r->words.len; i++) {
        number n;
        if (!number_at(r, i, &n) || !n.own_unit || !(tn_str_is(n.unit, "b") || tn_str_is(n.unit, "bn")) || n.value < 1 || part_of(r, i) == TN_WHY)
            continue;
        bool tiny = false, one = false;
        for (size_t k = 0; k < r->words.len; k++) {
            tiny |= is_kind(r, k, TN_W_small) && part_of(r, k) != TN_WHY;
            one |= is_kind(r, k, TN_W_desktop);
        }
        bool too_big = (tiny && n.value >= 7 && near(r, i, 5, 0, TN_W_runs)) || (scratch && (one || tiny));
        bool too_few = scratch && rows > 0 && rows < 100000;
        if (strcmp(id, "data-fit") == 0 ? too_few : too_big)
            add_words(r, "rule", tn_str_of(id), i, i);
    }
}

/* Accuracy as the measure where few items are of a class: "only 2 % are toxic", "skewed". */
static void read_skew(tn_reader *r)
{
    const tn_phrase_hit *accuracy = first_of(r, "metric", "accuracy");
    if (!accuracy || part_of(r, accuracy->first) == TN_WHY)
        return;
    for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "skew", h));)
        if (!h->negated && part_of(r, h->first) != TN_WHY && part_of(r, h->first) != TN_WHEN) {
            add_words(r, "rule", TN_STR("eval-benchmark"), h->first, h->last);
            return;
        }
    for (size_t i = 0; i < r->words.len; i++) {
        number n;
        bool figure = false;
        if (part_of(r, i) == TN_WHY || part_of(r, i) == TN_WHEN || !number_at(r, i, &n) || !is_kind(r, n.last, TN_W_percent) || (n.value > 15 && n.value < 85))
            continue;
        for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "metric", h));)
            figure |= h->first <= i + 6 && h->last + 6 >= i && same_clause(r, h->first, i);
        if (!figure && !near(r, i, 3, 2, TN_W_firm)) {
            add_words(r, "rule", TN_STR("eval-benchmark"), i, n.last);
            return;
        }
    }
}

static void read_rules(tn_reader *r)
{
    const tn_brief *b = r->brief;
    for (size_t k = 0; k < TN_COUNT(rule_order); k++) {
        const char *id = rule_order[k];
        tn_phrase_hit buffer;
        const tn_phrase_hit *person = strcmp(id, "govern-pii") == 0 && is_job(r) ? personal(r, &buffer) : NULL;
        if (person)
            add_words(r, "rule", tn_str_of(id), person->first, person->last);
        if (strcmp(id, "govern-responsible") == 0 && is_job(r))
            for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "sensitive", h));)
                if (h->weight >= 1)
                    add_words(r, "rule", tn_str_of(id), h->first, h->last);
        for (const tn_phrase_hit *h = NULL; (h = next_hit(r, "rule", h));)
            if (tn_str_is(h->value, id) && (!h->negated || h->weight >= 3))
                add_words(r, "rule", tn_str_of(id), h->first, h->last);
        bool bound = strcmp(id, "govern-licence") == 0 || strcmp(id, "govern-compatible") == 0;
        const tn_phrase_hit *nc = bound && has(r, "licence_use", "commercial") ? first_of(r, "nc", NULL) : NULL; /* a licence that forbids the use */
        if (nc)
            add_words(r, "rule", tn_str_of(id), nc->first, nc->last);
        if (strcmp(id, "eval-benchmark") == 0)
            read_skew(r);
        if (strcmp(id, "constraint-compute") == 0 || strcmp(id, "data-fit") == 0)
            read_size(r, id);
        if (strcmp(id, "constraint-overfit") == 0 && has(r, "action", "fine-tune")) {
            double most = 0;
            const tn_fact *from = NULL;
            for (const tn_fact *f = NULL; (f = tn_brief_fact(b, "data", f));) {
                double v;
                if (tn_str_to_f64(f->value, &v) && v > most) {
                    most = v;
                    from = f;
                }
            }
            if (from && most < 1000) {
                size_t at = (size_t)(from->words.ptr - b->text.ptr);
                tn_reader_add(r, "rule", tn_str_of(id), at, at + from->words.len);
            }
        }
    }
}

/* ---- what is missing ---- */

void tn_reader_note_missing(tn_reader *r)
{
    const tn_brief *b = r->brief;
    bool unclear = false, labels = false;
    bool named = tn_brief_fact(b, "labels", NULL) || tn_brief_fact(b, "label", NULL) || first_of(r, "tag-set", NULL);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, "task", f));) {
        unclear |= is_classification(f->value) && !tn_brief_fact(b, "problem", NULL);
        labels |= (is_classification(f->value) && !tn_str_is(f->value, "zero-shot-classification") && !has(r, "problem", "regression")) || tn_str_is(f->value, "token-classification") ||
                  tn_str_is(f->value, "object-detection") || tn_str_is(f->value, "image-segmentation");
    }
    bool hardware = has(r, "environment", "edge") || has(r, "environment", "cloud-gpu") || has(r, "environment", "cloud-cpu");
    bool serves = has(r, "environment", "production") || has(r, "environment", "edge") || has(r, "action", "deploy");
    const tn_phrase_hit *careful = first_of(r, "privacy", NULL);
    bool job = is_job(r);
    const struct {
        const char *code;
        bool missing;
    } row[] = {
        {"task", !tn_brief_fact(b, "task", NULL)},
        {"modality", job && !tn_brief_fact(b, "modality", NULL)},
        {"action", job && !tn_brief_fact(b, "action", NULL)},
        {"goal", job && !tn_brief_fact(b, "goal", NULL)},
        {"environment", job && !tn_brief_fact(b, "environment", NULL)},
        {"phase", job && !tn_brief_fact(b, "phase", NULL)},
        {"language", job && any_task_is(r, "language") && !tn_brief_fact(b, "language", NULL)},
        {"labels", job && labels && !named},
        {"label-cardinality", job && unclear},
        {"data", job && !tn_brief_fact(b, "data", NULL)},
        {"metric", job && !tn_brief_fact(b, "min_metric", NULL)},
        {"hardware", job && !hardware},
        {"latency", job && serves && !tn_brief_fact(b, "max_latency_ms", NULL) && !first_of(r, "batch", NULL)},
        {"licence-use", job && !tn_brief_fact(b, "licence_use", NULL)},
        {"privacy", job && has(r, "rule", "govern-pii") && !careful},
        {"contradiction", job && ((has(r, "goal", "production") && has(r, "rule", "constraint-evaluate")) || first_of(r, "contradiction", NULL))},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if (row[i].missing && !TN_PUSH(&r->brief->missing, row[i].code))
            r->no_memory = true;
}

void tn_reader_run(tn_reader *r)
{
    read_data(r);
    read_task(r);
    read_labels(r);
    read_actions(r);
    read_metrics(r);
    read_problem(r);
    read_languages(r);
    read_domain(r);
    read_goals(r);
    read_phases(r);
    read_limits(r);
    read_environment(r);
    read_use(r);
    read_rules(r);
}
