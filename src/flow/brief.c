/* The prose is cut into words, each with its clause; then phrases of the catalogue are looked for, and numbers with
 * units. A phrase counts unless a negation stands before it in its clause ("no fine-tuning"): what the user does not
 * want never sets a field. Phrases live in catalog/phrases.tsv, so that a new wording is a line there and no code. */
#include "flow/brief.h"

#include "codec/yaml.h"
#include "rules/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BRIEF = 1 << 20, MAX_WORDS = 200000 };

typedef struct {
    tn_str lower;    /* lower-case ASCII, other letters as written */
    size_t from, to; /* bytes in the text */
    uint32_t clause; /* changes at . , ; : ! ? ( ) and line ends */
    uint32_t sentence;
} word;

typedef struct {
    tn_brief *brief;
    tn_arena *arena;
    TN_VEC(word) words;
    uint32_t first_line; /* of the prose in the file */
    bool no_memory;
} reader;

/* ---- words ---- */

static bool is_word_byte(tn_str s, size_t i)
{
    unsigned char c = (unsigned char)s.ptr[i];
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 || c == '@')
        return true;
    if (i == 0 || i + 1 >= s.len)
        return false;
    unsigned char next = (unsigned char)s.ptr[i + 1], before = (unsigned char)s.ptr[i - 1];
    bool inner = (next >= 0x80 || (next | 32) - 'a' < 26u || next - '0' < 10u) &&
                 (before >= 0x80 || (before | 32) - 'a' < 26u || before - '0' < 10u);
    /* "fine-tune", "yes/no", "don't"; "0.85" and "14,200" as one word, but not "data.Then". */
    bool digits = next - '0' < 10u && before - '0' < 10u;
    return inner && (c == '-' || c == '/' || c == '\'' || c == '_' || ((c == '.' || c == ',') && digits));
}

/* Multi-byte punctuation that splits words: quotation marks, dashes, ellipsis, comparison signs stay one word each. */
static bool is_symbol(tn_str s, size_t i)
{
    size_t at = i;
    uint32_t cp = tn_utf8_next(s, &at);
    return (cp >= 0x2010 && cp <= 0x203A) || cp == 0xAB || cp == 0xBB || cp == 0xB7;
}

static bool cut_words(reader *r)
{
    tn_str s = r->brief->text;
    uint32_t clause = 0, sentence = 0;
    for (size_t i = 0; i < s.len;) {
        if ((unsigned char)s.ptr[i] >= 0x80 && is_symbol(s, i)) {
            tn_utf8_next(s, &i);
            continue;
        }
        bool comparison = s.ptr[i] == '<' || s.ptr[i] == '>' || s.ptr[i] == '=' || s.ptr[i] == '%';
        if (!comparison && !is_word_byte(s, i)) {
            if (strchr(".,;:!?()\n", s.ptr[i]))
                clause++;
            if (strchr(".!?", s.ptr[i]) || (s.ptr[i] == '\n' && i + 1 < s.len && s.ptr[i + 1] == '\n'))
                sentence++;
            i++;
            continue;
        }
        size_t from = i;
        if (comparison)
            while (i < s.len && strchr("<>=%", s.ptr[i]))
                i++;
        else
            while (i < s.len && is_word_byte(s, i) && !((unsigned char)s.ptr[i] >= 0xC0 && is_symbol(s, i)))
                i++;
        char *lower = tn_arena_alloc(r->arena, i - from);
        if (!lower)
            return false;
        for (size_t k = from; k < i; k++)
            lower[k - from] = (char)(s.ptr[k] >= 'A' && s.ptr[k] <= 'Z' ? s.ptr[k] | 32 : s.ptr[k]);
        word w = {{lower, i - from}, from, i, clause, sentence};
        if (r->words.len >= MAX_WORDS || !TN_PUSH(&r->words, w))
            return false;
    }
    return true;
}

static bool word_is(const reader *r, size_t i, const char *text)
{
    return i < r->words.len && tn_str_is(r->words.ptr[i].lower, text);
}

static bool word_in(const reader *r, size_t i, const char *const *list)
{
    for (; *list; list++)
        if (word_is(r, i, *list))
            return true;
    return false;
}

/* ---- facts ---- */

static const char *const field_order[] = {"action",   "task",        "problem",     "modality",       "language",
                                          "goal",     "environment", "phase",       "licence_use",    "max_latency_ms",
                                          "max_memory_mb", "budget_minutes", "budget_bytes", "labels", "label", "min_metric"};

const tn_fact *tn_brief_fact(const tn_brief *b, const char *field, const tn_fact *after)
{
    for (size_t i = after ? (size_t)(after - b->facts.ptr) + 1 : 0; i < b->facts.len; i++)
        if (strcmp(b->facts.ptr[i].field, field) == 0)
            return &b->facts.ptr[i];
    return NULL;
}

bool tn_brief_has(const tn_brief *b, const char *field, const char *value)
{
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        if (tn_str_is(f->value, value))
            return true;
    return false;
}

bool tn_brief_is_missing(const tn_brief *b, const char *code)
{
    for (size_t i = 0; i < b->missing.len; i++)
        if (strcmp(b->missing.ptr[i], code) == 0)
            return true;
    return false;
}

static void add_fact(reader *r, const char *field, tn_str value, size_t from, size_t to)
{
    tn_brief *b = r->brief;
    value = tn_str_dup(r->arena, value);
    uint32_t line = r->first_line;
    for (size_t i = 0; i < from && i < b->text.len; i++)
        line += b->text.ptr[i] == '\n';
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        if (tn_str_eq(f->value, value))
            return;
    if (!value.ptr || !TN_PUSH(&b->facts, ((tn_fact){field, value, tn_str_sub(b->text, from, to), line})))
        r->no_memory = true;
}

static void add_words_fact(reader *r, const char *field, tn_str value, size_t first, size_t last)
{
    add_fact(r, field, value, r->words.ptr[first].from, r->words.ptr[last].to);
}

static size_t rank_of(const char *field)
{
    for (size_t i = 0; i < TN_COUNT(field_order); i++)
        if (strcmp(field_order[i], field) == 0)
            return i;
    return TN_COUNT(field_order);
}

static int by_field_then_place(const void *a, const void *b)
{
    const tn_fact *x = a, *y = b;
    size_t rx = rank_of(x->field), ry = rank_of(y->field);
    if (rx != ry)
        return rx < ry ? -1 : 1;
    return x->words.ptr < y->words.ptr ? -1 : x->words.ptr > y->words.ptr;
}

/* ---- phrases ---- */

static bool matches(tn_str pattern, tn_str w)
{
    if (tn_str_ends(pattern, "*"))
        return w.len >= pattern.len - 1 && memcmp(w.ptr, pattern.ptr, pattern.len - 1) == 0;
    return tn_str_eq(pattern, w);
}

/* Number of words that the phrase covers at word i, or 0. */
static size_t phrase_at(const reader *r, tn_str phrase, size_t i)
{
    size_t n = 0;
    tn_str part;
    while (tn_str_cut(&phrase, ' ', &part)) {
        if (i + n >= r->words.len || !matches(part, r->words.ptr[i + n].lower))
            return 0;
        if (n && r->words.ptr[i + n].sentence != r->words.ptr[i].sentence)
            return 0;
        n++;
    }
    return n;
}

static bool is_negated(const reader *r, size_t i)
{
    static const char *const no[] = {"no", "not", "without", "never", "skip", "avoid", "nor", "cannot", "don't", "doesn't",
                                     "won't", "existing", "already", "later", "instead", NULL};
    for (size_t back = 1; back <= 4 && back <= i; back++) {
        if (r->words.ptr[i - back].clause != r->words.ptr[i].clause)
            return false;
        if (word_in(r, i - back, no))
            return true;
    }
    return false;
}

typedef struct {
    tn_str value;
    size_t first, last; /* words */
    size_t score;       /* words matched in all */
} hit;

/* The first un-negated hit of every value of a field, in order of mention; for the best-scored one see `best`. */
static void find_phrases(reader *r, const char *field, hit *hits, size_t max, size_t *n_hits)
{
    tn_catalog_row row;
    *n_hits = 0;
    for (bool more = tn_catalog_first("phrases", &row); more; more = tn_catalog_next(&row)) {
        if (!tn_str_is(tn_catalog_get(&row, "field"), field))
            continue;
        tn_str value = tn_catalog_get(&row, "value"), phrase = tn_catalog_get(&row, "phrase");
        for (size_t i = 0; i < r->words.len; i++) {
            size_t n = phrase_at(r, phrase, i);
            if (!n || is_negated(r, i))
                continue;
            size_t k = 0;
            while (k < *n_hits && !tn_str_eq(hits[k].value, value))
                k++;
            if (k == max)
                return;
            if (k == *n_hits) {
                hits[(*n_hits)++] = (hit){value, i, i + n - 1, n};
            } else {
                hits[k].score += n;
                if (i < hits[k].first) {
                    hits[k].first = i;
                    hits[k].last = i + n - 1;
                }
            }
        }
    }
}

enum { MAX_HITS = 64 };

static void read_field(reader *r, const char *field)
{
    hit hits[MAX_HITS];
    size_t n;
    find_phrases(r, field, hits, MAX_HITS, &n);
    for (size_t i = 0; i < n; i++)
        add_words_fact(r, field, hits[i].value, hits[i].first, hits[i].last);
}

/* Only one value can hold: the best scored, the first mentioned on a tie. */
static void read_best(reader *r, const char *field)
{
    hit hits[MAX_HITS];
    size_t n, best = 0;
    find_phrases(r, field, hits, MAX_HITS, &n);
    for (size_t i = 1; i < n; i++)
        if (hits[i].score > hits[best].score || (hits[i].score == hits[best].score && hits[i].first < hits[best].first))
            best = i;
    if (n)
        add_words_fact(r, field, hits[best].value, hits[best].first, hits[best].last);
}

static void read_actions(reader *r)
{
    hit hits[MAX_HITS];
    size_t n;
    find_phrases(r, "action", hits, MAX_HITS, &n);
    /* "We want ..." is a wish with no workflow verb: a pipeline only when no other action is named. */
    for (size_t i = 0; i < n; i++) {
        tn_str first = r->words.ptr[hits[i].first].lower;
        bool wish = tn_str_is(first, "we") || tn_str_is(first, "i");
        if (!wish || n == 1)
            add_words_fact(r, "action", hits[i].value, hits[i].first, hits[i].last);
    }
}

static void read_task(reader *r)
{
    const tn_fact *f;
    tn_catalog_row row;
    read_best(r, "task");
    if (!(f = tn_brief_fact(r->brief, "task", NULL)) || !tn_catalog_find("tasks", "tag", f->value, &row))
        return;
    static const char *const modality[][2] = {{"nlp", "text"},          {"cv", "image"}, {"audio", "audio"},
                                              {"multimodal", "image-text"}, {"tabular", "tabular"}, {"rl", "other"}};
    tn_str kind = tn_catalog_get(&row, "modality");
    for (size_t i = 0; i < TN_COUNT(modality); i++)
        if (tn_str_is(kind, modality[i][0]))
            add_fact(r, "modality", tn_str_of(modality[i][1]), (size_t)(f->words.ptr - r->brief->text.ptr),
                     (size_t)(f->words.ptr - r->brief->text.ptr) + f->words.len);
    f = tn_brief_fact(r->brief, "task", NULL);
    if (tn_str_ends(f->value, "classification") && !tn_str_starts(f->value, "token"))
        read_best(r, "problem");
}

/* A language counts when its name is written out; short names that are also English words only with a capital. */
static void read_languages(reader *r)
{
    static const char *const ambiguous[] = {"even", "male", "are", "no", "so", "ha", "pa", "home", "fur", "long", "ga",
                                            "hai", "ka", "man", "war", "santa", "sara", "krio", "tem", "afar", NULL};
    tn_catalog_row row;
    for (size_t i = 0; i < r->words.len; i++) {
        tn_str w = r->words.ptr[i].lower;
        if (w.len < 4 || word_in(r, i, ambiguous) || is_negated(r, i))
            continue;
        if (tn_catalog_find("languages", "english_name", w, &row)) {
            tn_str code = tn_catalog_get(&row, "iso639_1");
            if (!code.len)
                code = tn_catalog_get(&row, "iso639_3");
            add_words_fact(r, "language", code, i, i);
        }
    }
}

/* ---- numbers ---- */

/* "0.85", "14,200", "90" with the unit that may stick to it ("120ms"); *unit is the rest. */
static bool number_at(const reader *r, size_t i, double *v, tn_str *unit)
{
    if (i >= r->words.len)
        return false;
    tn_str w = r->words.ptr[i].lower;
    char digits[32];
    size_t n = 0, k = 0;
    for (; k < w.len && n < sizeof digits - 1; k++) {
        if ((w.ptr[k] >= '0' && w.ptr[k] <= '9') || w.ptr[k] == '.')
            digits[n++] = w.ptr[k];
        else if (w.ptr[k] != ',')
            break;
    }
    if (!n || !tn_str_to_f64((tn_str){digits, n}, v))
        return false;
    *unit = tn_str_sub(w, k, w.len);
    if (tn_str_starts(*unit, "-"))
        *unit = tn_str_sub(*unit, 1, unit->len);
    if (!unit->len && i + 1 < r->words.len && r->words.ptr[i + 1].clause == r->words.ptr[i].clause)
        *unit = r->words.ptr[i + 1].lower;
    return true;
}

static bool clause_has(const reader *r, size_t i, const char *const *list, size_t reach)
{
    for (size_t k = i >= reach ? i - reach : 0; k <= i + reach && k < r->words.len; k++)
        if (r->words.ptr[k].sentence == r->words.ptr[i].sentence && word_in(r, k, list))
            return true;
    return false;
}

static const char *const limit_words[] = {"under", "below", "within", "at", "most", "less", "than", "max", "maximum", "<",
                                          "<=", "limit", "latency", "p95", "p99", "answer", "answers", "per", "request",
                                          "fits", "fit", "budget", "up", "ram", "memory", "size", NULL};

static void read_limits(reader *r)
{
    static const char *const memory_words[] = {"ram", "memory", "model", "size", "vram", "footprint", "file", "fits", NULL};
    static const char *const compute_words[] = {"training", "train", "compute", "budget", "minutes", NULL};
    for (size_t i = 0; i < r->words.len; i++) {
        double v;
        tn_str unit;
        if (!number_at(r, i, &v, &unit) || !clause_has(r, i, limit_words, 5))
            continue;
        size_t last = r->words.ptr[i].lower.ptr + r->words.ptr[i].lower.len == unit.ptr + unit.len ? i : i + 1;
        char text[40];
        bool ms = tn_str_is(unit, "ms") || tn_str_is(unit, "milliseconds");
        if (ms || tn_str_is(unit, "s") || tn_str_is(unit, "seconds")) {
            snprintf(text, sizeof text, "%.15g", ms ? v : v * 1000);
            add_words_fact(r, "max_latency_ms", tn_str_of(text), i, last);
        }
        bool gb = tn_str_is(unit, "gb") || tn_str_is(unit, "gib");
        if ((gb || tn_str_is(unit, "mb") || tn_str_is(unit, "mib")) && clause_has(r, i, memory_words, 6)) {
            snprintf(text, sizeof text, "%.15g", gb ? v * 1024 : v);
            add_words_fact(r, "max_memory_mb", tn_str_of(text), i, last);
        }
        if ((tn_str_is(unit, "minutes") || tn_str_is(unit, "min")) && clause_has(r, i, compute_words, 4)) {
            snprintf(text, sizeof text, "%.15g", v);
            add_words_fact(r, "budget_minutes", tn_str_of(text), i, last);
        }
    }
}

static const struct {
    const char *words, *name;
} metric_names[] = {{"macro f1", "macro_f1"},   {"macro-f1", "macro_f1"}, {"f1", "f1"},     {"f1-score", "f1"},
                    {"accuracy", "accuracy"},   {"auc", "auc"},           {"roc-auc", "auc"}, {"recall", "recall"},
                    {"precision", "precision"}, {"mcc", "mcc"},           {"wer", "wer"},   {"cer", "cer"},
                    {"bleu", "bleu"},           {"map50", "map50"},       {"log-loss", "log_loss"}};

/* "macro F1 at least 0.80", "accuracy above 90 %", "at least 85 % recall": a metric and a number in one clause. */
static void read_metrics(reader *r)
{
    for (size_t i = 0; i < r->words.len; i++) {
        double v;
        tn_str unit;
        if (!number_at(r, i, &v, &unit))
            continue;
        bool share = tn_str_is(unit, "%") || tn_str_is(unit, "percent");
        if (v > 1 && !share)
            continue;
        size_t from = i >= 5 ? i - 5 : 0;
        for (size_t k = from; k <= i + 3 && k < r->words.len; k++) {
            if (r->words.ptr[k].clause != r->words.ptr[i].clause)
                continue;
            for (size_t m = 0; m < TN_COUNT(metric_names); m++) {
                size_t n = phrase_at(r, tn_str_of(metric_names[m].words), k);
                if (!n)
                    continue;
                bool low = strcmp(metric_names[m].name, "wer") == 0 || strcmp(metric_names[m].name, "cer") == 0;
                tn_str text = tn_str_format(r->arena, "%s %s %.15g", metric_names[m].name, low ? "<=" : ">=",
                                            share ? v / 100 : v);
                size_t first = k < i ? k : i, last = k + n - 1 > i + share ? k + n - 1 : i + share;
                add_words_fact(r, "min_metric", text, first, last < r->words.len ? last : i);
                k = r->words.len;
                break;
            }
        }
    }
}

/* "77 intents", "six teams: motor, property, other": how many classes, and their names when all are listed. */
static void read_labels(reader *r)
{
    static const char *const number[] = {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", NULL};
    static const char *const noun[] = {"classes", "labels",  "intents",     "categories", "teams",  "departments",
                                       "topics",  "entities", "sentiments", "queues",     "groups", NULL};
    for (size_t i = 0; i + 1 < r->words.len; i++) {
        double v = 0;
        tn_str unit;
        for (int k = 0; number[k]; k++)
            if (word_is(r, i, number[k]))
                v = k + 2;
        if ((!v && !number_at(r, i, &v, &unit)) || v < 2 || v > 10000 || v != (double)(int)v)
            continue;
        size_t at = word_in(r, i + 1, noun) ? i + 1 : word_in(r, i + 2, noun) ? i + 2 : 0;
        if (!at || r->words.ptr[at].clause != r->words.ptr[i].clause)
            continue;
        char text[24];
        snprintf(text, sizeof text, "%d", (int)v);
        add_words_fact(r, "labels", tn_str_of(text), i, at);
        /* A colon right behind the noun opens the list of names. */
        size_t pos = r->words.ptr[at].to;
        if (pos < r->brief->text.len && r->brief->text.ptr[pos] == ':') {
            size_t end = pos + 1;
            while (end < r->brief->text.len && !strchr(".;\n", r->brief->text.ptr[end]))
                end++;
            tn_str list = tn_str_sub(r->brief->text, pos + 1, end), name;
            while (tn_str_cut(&list, ',', &name)) {
                name = tn_str_trim(name);
                if (tn_str_starts(name, "and "))
                    name = tn_str_sub(name, 4, name.len);
                size_t start = (size_t)(name.ptr - r->brief->text.ptr);
                if (name.len && name.len < 60)
                    add_fact(r, "label", name, start, start + name.len);
            }
        }
        return;
    }
}

/* ---- parts ---- */

static const struct {
    const char *head;
    tn_brief_part part;
} heads[] = {{"task", TN_WHAT},  {"what", TN_WHAT},   {"why it matters", TN_WHY},         {"why", TN_WHY},
             {"where this applies", TN_WHERE}, {"where", TN_WHERE}, {"when this is needed", TN_WHEN}, {"when", TN_WHEN}};

/* The part that a line opens ("## Task", "**Why it matters:** ...", "when:"), and where its own text starts. */
static bool opens_part(tn_str line, tn_brief_part *part, size_t *text_at)
{
    size_t i = 0;
    bool markdown = false;
    while (i < line.len && strchr("# *_>-", line.ptr[i]))
        markdown |= line.ptr[i] == '#' || line.ptr[i] == '*', i++;
    for (size_t h = 0; h < TN_COUNT(heads); h++) {
        size_t n = strlen(heads[h].head);
        if (line.len - i < n || strncasecmp(line.ptr + i, heads[h].head, n) != 0)
            continue;
        size_t k = i + n;
        while (k < line.len && strchr("*_ (", line.ptr[k]) && k < i + n + 3)
            k++;
        bool colon = k < line.len && line.ptr[k] == ':';
        if (!colon && !(markdown && k == line.len))
            continue;
        k += colon;
        while (k < line.len && (line.ptr[k] == '*' || line.ptr[k] == ' '))
            k++;
        *part = heads[h].part;
        *text_at = k;
        return true;
    }
    return false;
}

#define WHAT_HINT "[Describe the ML task and modality.]"
#define WHY_HINT "[Explain the business or research goal.]"
#define WHERE_HINT "[Environment, constraints, deployment target.]"
#define WHEN_HINT "[Experimentation, training, deployment.]"
#define OPTIONAL "(Optional)"

const char tn_brief_template[] = "Task:\n" WHAT_HINT "\n\nWhy it matters:\n" WHY_HINT "\n\nWhere this applies:\n" WHERE_HINT "\n" OPTIONAL
                                 "\n\nWhen this is needed:\n" WHEN_HINT "\n" OPTIONAL "\n";

/* The template's own hints are nobody's words: where one is a whole line, blanks take its place, and that of "(Optional)"
 * in the next line, so that every offset stays what it was. */
static bool blank_hints(tn_str *text, tn_arena *a)
{
    static const char *const hint[] = {WHAT_HINT, WHY_HINT, WHERE_HINT, WHEN_HINT};
    char *copy = NULL;
    for (size_t h = 0; h < TN_COUNT(hint); h++)
        for (size_t at = 0, end; (at = tn_str_find(*text, tn_str_of(hint[h]), at)) != SIZE_MAX; at = end) {
            end = at + strlen(hint[h]);
            size_t line_end = tn_str_find(*text, TN_STR("\n"), end);
            if (line_end > text->len)
                line_end = text->len;
            if ((at && text->ptr[at - 1] != '\n') || tn_str_trim(tn_str_sub(*text, end, line_end)).len)
                continue;
            tn_str rest = tn_str_sub(*text, line_end, text->len);
            size_t next_end = line_end < text->len ? tn_str_find(*text, TN_STR("\n"), line_end + 1) : text->len;
            if (tn_str_starts(rest, "\n" OPTIONAL) && !tn_str_trim(tn_str_sub(*text, line_end + 1 + strlen(OPTIONAL), next_end)).len)
                end = line_end + 1 + strlen(OPTIONAL);
            if (!copy) {
                tn_str dup = tn_str_dup(a, *text);
                if (!dup.ptr)
                    return false;
                *text = dup;
                copy = (char *)dup.ptr;
            }
            for (size_t i = at; i < end; i++)
                if (copy[i] != '\n' && copy[i] != '\r')
                    copy[i] = ' ';
        }
    return true;
}

/* The text's next piece of one part, up to the line that opens another part; what stands before the first such line is
 * "what". A line that opens the part it stands in is text. False at the end. */
static bool next_piece(tn_str text, size_t *at, tn_brief_part *part, tn_str *piece)
{
    size_t start = *at, offset;
    if (start >= text.len)
        return false;
    if (start == 0)
        *part = TN_WHAT;
    bool headed = false;
    for (bool first = true; *at < text.len; first = false) {
        size_t end = *at;
        tn_brief_part opened;
        while (end < text.len && text.ptr[end] != '\n')
            end++;
        if (opens_part(tn_str_sub(text, *at, end), &opened, &offset) && (!headed || opened != *part)) {
            if (!first)
                break;
            headed = true;
            *part = opened;
            start = *at + offset;
        }
        *at = end < text.len ? end + 1 : end;
    }
    *piece = tn_str_trim(tn_str_sub(text, start, *at));
    return true;
}

/* No word is lost: the pieces of a part that is opened more than once are joined, in order, by an empty line. */
static bool cut_parts(tn_brief *b, tn_arena *a)
{
    size_t n[TN_N_PARTS] = {0}, len[TN_N_PARTS] = {0}, at = 0;
    char *joined[TN_N_PARTS] = {NULL};
    tn_brief_part part = TN_WHAT;
    tn_str piece;
    while (next_piece(b->text, &at, &part, &piece))
        if (piece.len) {
            n[part]++;
            len[part] += piece.len + 2;
        }
    for (at = 0, part = TN_WHAT; next_piece(b->text, &at, &part, &piece);) {
        tn_str *out = &b->part[part];
        if (n[part] == 1 && piece.len)
            *out = piece;
        if (n[part] < 2 || !piece.len)
            continue;
        if (!joined[part] && !(joined[part] = tn_arena_alloc(a, len[part])))
            return false;
        if (out->len) {
            memcpy(joined[part] + out->len, "\n\n", 2);
            out->len += 2;
        }
        memcpy(joined[part] + out->len, piece.ptr, piece.len);
        *out = (tn_str){joined[part], out->len + piece.len};
    }
    return true;
}

/* ---- front matter ---- */

/* "4GiB", "500 MB", "4000000000": bytes. */
static bool bytes_of(tn_str text, int64_t *out)
{
    static const struct {
        const char *unit;
        double bytes;
    } row[] = {{"GiB", 1024.0 * 1024 * 1024}, {"MiB", 1024.0 * 1024}, {"GB", 1e9}, {"MB", 1e6}, {"", 1}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        double v;
        if (!tn_str_ends(text, row[i].unit))
            continue;
        if (!tn_str_to_f64(tn_str_trim(tn_str_sub(text, 0, text.len - strlen(row[i].unit))), &v) || !(v > 0) || v * row[i].bytes > 1e15)
            return false;
        *out = (int64_t)(v * row[i].bytes);
        return true;
    }
    return false;
}

/* A value that would be passed over in silence: what it must be instead, or NULL when it is that. */
static const char *wrong_form(const tn_json *v)
{
    tn_str key = tn_json_key(v);
    tn_json_type_id type = tn_json_type(v);
    double x;
    int64_t bytes;
    if (tn_str_is(key, "use"))
        return tn_json_is_str(v, "commercial") || tn_json_is_str(v, "research") ? NULL : "commercial or research";
    if (tn_str_is(key, "recipe"))
        return type == TN_JSON_OBJECT ? NULL : "settings and values, such as {epochs: 3}";
    if (tn_str_is(key, "language") && type != TN_JSON_STRING) {
        const char *wanted = "a language code or a list of them, such as [vi, en]";
        if (type != TN_JSON_ARRAY)
            return wanted;
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (tn_json_type(c) != TN_JSON_STRING)
                return wanted;
    }
    if (tn_str_is(key, "target")) {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (!tn_json_f64(c, &x))
                type = TN_JSON_NONE;
        return type == TN_JSON_OBJECT ? NULL : "metrics and numbers, such as {macro_f1: 0.8}";
    }
    if (tn_str_is(key, "budget")) {
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
            if (!(tn_str_is(tn_json_key(c), "minutes") && tn_json_f64(c, &x) && x > 0) && !(tn_str_is(tn_json_key(c), "memory") && bytes_of(tn_json_text(c), &bytes)))
                type = TN_JSON_NONE;
        return type == TN_JSON_OBJECT ? NULL : "minutes and memory, such as {minutes: 10, memory: 4GiB}";
    }
    return NULL;
}

static tn_status check_front(const tn_brief *b, const char *path, tn_err *err)
{
    static const char *const known[] = {"data", "model", "recipe", "budget", "use", "target", "language"};
    if (!b->front)
        return TN_OK;
    if (tn_json_type(b->front) == TN_JSON_NULL)
        return TN_OK;
    if (tn_json_type(b->front) != TN_JSON_OBJECT)
        return tn_fail(err, TN_EFORMAT, "%s:1: front matter must be keys and values (data: reviews.csv)", path);
    for (const tn_json *c = tn_json_first(b->front); c; c = tn_json_next(c)) {
        bool ok = false;
        for (size_t i = 0; i < TN_COUNT(known); i++)
            ok |= tn_str_is(tn_json_key(c), known[i]);
        if (!ok)
            return tn_fail(err, TN_EFORMAT,
                           "%s:%u: front matter has no key \"%.*s\"; the keys are data, model, recipe, budget, use, target, "
                           "language",
                           path, tn_json_line(c), TN_ARG(tn_json_key(c)));
        const char *wanted = wrong_form(c);
        if (wanted)
            return tn_fail(err, TN_EFORMAT, "%s:%u: %.*s must be %s", path, tn_json_line(c), TN_ARG(tn_json_key(c)), wanted);
    }
    return TN_OK;
}

static void read_front(reader *r)
{
    const tn_json *v = tn_json_get(r->brief->front, "use");
    if (v && tn_json_type(v) == TN_JSON_STRING)
        add_fact(r, "licence_use", tn_json_str(v), 0, 0);
    if ((v = tn_json_get(r->brief->front, "language")) && tn_json_type(v) == TN_JSON_STRING)
        add_fact(r, "language", tn_json_str(v), 0, 0);
    for (const tn_json *c = tn_json_type(v) == TN_JSON_ARRAY ? tn_json_first(v) : NULL; c; c = tn_json_next(c))
        add_fact(r, "language", tn_json_str(c), 0, 0);
    if ((v = tn_json_get(r->brief->front, "target")))
        for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
            double x;
            if (tn_json_f64(c, &x))
                add_fact(r, "min_metric", tn_str_format(r->arena, "%.*s >= %.15g", TN_ARG(tn_json_key(c)), x), 0, 0);
        }
    if ((v = tn_json_get(tn_json_get(r->brief->front, "budget"), "minutes")))
        add_fact(r, "budget_minutes", tn_json_text(v), 0, 0);
    int64_t bytes;
    if ((v = tn_json_get(tn_json_get(r->brief->front, "budget"), "memory")) && bytes_of(tn_json_text(v), &bytes))
        add_fact(r, "budget_bytes", tn_str_format(r->arena, "%lld", (long long)bytes), 0, 0);
}

/* ---- what is missing ---- */

static bool names_data(const reader *r)
{
    static const char *const noun[] = {"labelled", "labeled", "rows", "examples", "records", "annotated", "dataset", "csv",
                                       "corpus", "hand-labelled", NULL};
    if (tn_json_get(r->brief->front, "data"))
        return true;
    for (size_t i = 0; i < r->words.len; i++)
        if (word_in(r, i, noun))
            return true;
    return false;
}

static void note_missing(reader *r)
{
    const tn_brief *b = r->brief;
    bool classifies = tn_brief_has(b, "task", "text-classification");
    bool hardware = tn_brief_has(b, "environment", "edge") || tn_brief_has(b, "environment", "cloud-gpu") ||
                    tn_brief_has(b, "environment", "cloud-cpu");
    bool serves = tn_brief_has(b, "environment", "production") || tn_brief_has(b, "environment", "edge") ||
                  tn_brief_has(b, "action", "deploy");
    const struct {
        const char *code;
        bool missing;
    } row[] = {
        {"task", !tn_brief_fact(b, "task", NULL)},
        {"modality", !tn_brief_fact(b, "modality", NULL)},
        {"action", !tn_brief_fact(b, "action", NULL)},
        {"goal", !tn_brief_fact(b, "goal", NULL)},
        {"environment", !tn_brief_fact(b, "environment", NULL)},
        {"phase", !tn_brief_fact(b, "phase", NULL)},
        {"language", tn_brief_has(b, "modality", "text") && !tn_brief_fact(b, "language", NULL)},
        {"labels", classifies && !tn_brief_fact(b, "labels", NULL) && !tn_brief_fact(b, "label", NULL)},
        {"label-cardinality", classifies && !tn_brief_fact(b, "problem", NULL)},
        {"data", !names_data(r)},
        {"metric", !tn_brief_fact(b, "min_metric", NULL)},
        {"hardware", !hardware},
        {"latency", serves && !tn_brief_fact(b, "max_latency_ms", NULL)},
        {"licence-use", !tn_brief_fact(b, "licence_use", NULL)},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++)
        if (row[i].missing && !TN_PUSH(&r->brief->missing, row[i].code))
            r->no_memory = true;
}

tn_status tn_brief_parse(tn_str text, const char *path, tn_arena *a, tn_brief *out, tn_err *err)
{
    *out = TN_BRIEF_INIT;
    if (text.len > MAX_BRIEF)
        return tn_fail(err, TN_ELIMIT, "%s: a brief of %zu bytes; at most %d are read", path, text.len, MAX_BRIEF);
    size_t bad = tn_utf8_check(text);
    if (bad != text.len)
        return tn_fail(err, TN_EFORMAT, "%s: byte %zu is not UTF-8; save the brief as UTF-8", path, bad);
    reader r = {.brief = out, .arena = a, .first_line = 1};
    tn_front_matter front;
    tn_status st = tn_front_matter_parse(text, a, &front, &out->front, err);
    if (st != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    out->text = front.body;
    out->front_text = front.present ? front.yaml : TN_STR("");
    r.first_line = front.body_line;
    st = check_front(out, path, err);
    if (st == TN_OK && (!blank_hints(&out->text, a) || !cut_words(&r) || !cut_parts(out, a)))
        st = tn_fail_nomem(err, text.len);
    if (st == TN_OK) {
        read_front(&r);
        read_actions(&r);
        read_task(&r);
        read_languages(&r);
        read_field(&r, "goal");
        read_field(&r, "environment");
        read_field(&r, "phase");
        read_best(&r, "licence_use");
        read_limits(&r);
        read_metrics(&r);
        read_labels(&r);
        if (out->facts.len)
            qsort(out->facts.ptr, out->facts.len, sizeof *out->facts.ptr, by_field_then_place);
        note_missing(&r);
        if (r.no_memory)
            st = tn_fail_nomem(err, 64);
    }
    TN_VEC_FREE(&r.words);
    if (st != TN_OK)
        tn_brief_free(out);
    return st;
}

void tn_brief_free(tn_brief *b)
{
    TN_VEC_FREE(&b->facts);
    TN_VEC_FREE(&b->missing);
}

/* ---- output ---- */

static void write_list(const tn_brief *b, tn_json_writer *w, const char *key, const char *field)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        tn_jw_str(w, f->value);
    tn_jw_end_array(w);
}

static void write_one(const tn_brief *b, tn_json_writer *w, const char *key, const char *field)
{
    const tn_fact *f = tn_brief_fact(b, field, NULL);
    tn_jw_key(w, key);
    if (f)
        tn_jw_str(w, f->value);
    else
        tn_jw_null(w);
}

static void write_number(const tn_brief *b, tn_json_writer *w, const char *field)
{
    const tn_fact *f = tn_brief_fact(b, field, NULL);
    if (f) {
        tn_jw_key(w, field);
        tn_jw_raw(w, f->value);
    }
}

static void write_metrics(const tn_brief *b, tn_json_writer *w)
{
    if (!tn_brief_fact(b, "min_metric", NULL))
        return;
    tn_jw_key(w, "min_metric");
    tn_jw_begin_array(w);
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, "min_metric", f));) {
        tn_str rest = f->value, name, op, value;
        tn_str_cut(&rest, ' ', &name);
        tn_str_cut(&rest, ' ', &op);
        value = rest;
        tn_jw_begin_object(w);
        tn_jw_key(w, "name");
        tn_jw_str(w, name);
        tn_jw_key(w, "op");
        tn_jw_str(w, op);
        tn_jw_key(w, "value");
        tn_jw_raw(w, value);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
}

void tn_brief_write(const tn_brief *b, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    write_list(b, w, "actions", "action");
    write_one(b, w, "task", "task");
    write_one(b, w, "problem", "problem");
    write_one(b, w, "modality", "modality");
    write_list(b, w, "languages", "language");
    write_list(b, w, "goals", "goal");
    write_list(b, w, "environment", "environment");
    write_list(b, w, "phase", "phase");
    tn_jw_key(w, "constraints");
    tn_jw_begin_object(w);
    write_number(b, w, "max_latency_ms");
    write_number(b, w, "max_memory_mb");
    write_number(b, w, "budget_minutes");
    if (tn_brief_fact(b, "label", NULL))
        write_list(b, w, "labels", "label");
    else
        write_number(b, w, "labels");
    write_metrics(b, w);
    write_one(b, w, "licence_use", "licence_use");
    tn_jw_end_object(w);
    tn_jw_key(w, "missing");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < b->missing.len; i++)
        tn_jw_str(w, tn_str_of(b->missing.ptr[i]));
    tn_jw_end_array(w);
    tn_jw_key(w, "words");
    tn_jw_begin_array(w);
    for (size_t i = 0; i < b->facts.len; i++) {
        const tn_fact *f = &b->facts.ptr[i];
        tn_jw_begin_object(w);
        tn_jw_key(w, "field");
        tn_jw_str(w, tn_str_of(f->field));
        tn_jw_key(w, "value");
        tn_jw_str(w, f->value);
        tn_jw_key(w, "words");
        tn_jw_str(w, f->words);
        tn_jw_key(w, "line");
        tn_jw_i64(w, f->line);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
    tn_jw_end_object(w);
}
