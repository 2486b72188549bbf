/* A phrase is compiled to a row of tokens and put into the buckets of what its first token can begin with (two bytes),
 * so a word is only held against the few phrases that may start there: the work is words × bucket, and a brief of a
 * megabyte takes a fraction of a second. A phrase whose bucket no word of the text is in is not compiled at all; a brief
 * has a hundred beginnings, the catalogue thousands. Gaps are short and bounded, so backtracking is too.
 *
 * Negation is a matter of place: a negating word shortly before the phrase in the same clause, or one of the few
 * wordings behind it. Phrases that hold their own negation ("no gpu", "cannot keep up") begin with it and are not
 * negated by it. The words are rows of the catalogue like all others (fields "not", "not-behind", "not-not", "there"). */
#include "flow/phrase.h"

#include "rules/catalog.h"
#include "text/unicode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 400000, MAX_HITS = 200000, MAX_FIELD_HITS = 500, N_BUCKETS = 4096, REACH = 4, SHORT_GAP = 3, LONG_GAP = 8 };

/* ---- words ---- */

static bool stands_alone(uint32_t cp)
{
    return (cp >= 0x0E00 && cp < 0x0F00) || (cp >= 0x1780 && cp < 0x1800) || (cp >= 0x3040 && cp < 0x3100) || (cp >= 0x3400 && cp < 0xA000) ||
           (cp >= 0xAC00 && cp < 0xD7B0) || (cp >= 0x20000 && cp < 0x40000) || cp == 0x3005;
}

static bool is_word_cp(uint32_t cp)
{
    if (cp < 0x80)
        return (cp | 32) - 'a' < 26u || cp - '0' < 10u;
    unsigned flags = tn_uc_flags(cp);
    return (flags & (TN_UC_WORD | TN_UC_COMBINING | TN_UC_NUMERIC)) && !stands_alone(cp);
}

static bool is_sign(uint32_t cp)
{
    return cp == '<' || cp == '>' || cp == '=' || cp == '%' || cp == '~' || cp == '$' || cp == 0x20AC || cp == 0x2264 || cp == 0x2265 || cp == 0x2192 || cp == 0x66A;
}

/* What joins two word characters: "fine-tune", "14,200", "trust_remote_code", "nDCG@10"; an apostrophe only before the
 * short endings of English ("don't", "driver's"), so that the article of "l'API" or "d'entraînement" is a word. */
static bool joins(tn_str s, size_t from, size_t at, uint32_t before)
{
    size_t hyphen = at;
    uint32_t cp = tn_utf8_next(s, &at);
    if (!is_word_cp(before) || at >= s.len)
        return false;
    uint32_t after = tn_utf8_next(s, &at);
    if (!is_word_cp(after))
        return false;
    if (cp == '.' || cp == ',')
        return before - '0' < 10u && after - '0' < 10u;
    if (cp == '\'' || cp == 0x2019) {
        if (at < s.len && is_word_cp((unsigned char)s.ptr[at])) /* "they're" */
            at++;
        return after < 0x80 && (at >= s.len || !is_word_cp(tn_utf8_next(s, &at)));
    }
    /* "Swahili-English": two names, two words; "E-Mail", "Macro-F1" are one. */
    if (cp == '-' && hyphen - from >= 4 && after - 'A' < 26u && s.ptr[from] - 'A' < 26u && at < s.len && s.ptr[at] >= 'a' && s.ptr[at] <= 'z')
        return false;
    return cp == '-' || cp == '_' || cp == '@' || cp == 0x2010 || cp == 0x2011 || cp == 0xB7;
}

/* Words before which a full stop ends nothing. */
static bool is_abbreviation(tn_str w)
{
    static const char *const word[] = {"e.g", "i.e", "approx", "abs", "max", "min", "ca", "vs", "etc", "no", "nr", "st", "dr", "mr", "ms", "mrs", "incl", "resp",
                                       "bzw", "b", "d", "g", "e", "i", "z", "u", "avg", "prof", "sec", "mio", "tys", "ex", "p"};
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (tn_str_is(w, word[i]))
            return true;
    return false;
}

/* A line break ends a sentence before a blank line, a bullet, a heading, or a line that holds a colon early ("Why: ..."). */
static bool line_opens_new(tn_str s, size_t at)
{
    size_t i = at;
    while (i < s.len && (s.ptr[i] == ' ' || s.ptr[i] == '\t' || s.ptr[i] == '>' || s.ptr[i] == '\r'))
        i++;
    if (i >= s.len || strchr("\n-*#+|", s.ptr[i]))
        return true;
    for (size_t k = i; k < s.len && k < i + 40 && s.ptr[k] != '\n' && s.ptr[k] != ' '; k++)
        if (s.ptr[k] == ':' || (s.ptr[k] == '.' && k > i && s.ptr[k - 1] - '0' < 10u))
            return true;
    return false;
}

tn_status tn_words_cut(tn_str s, uint32_t first_line, tn_arena *a, tn_words *out, tn_err *err)
{
    uint32_t clause = 0, sentence = 0, line = first_line, before = ' ';
    char *lower = tn_arena_alloc(a, s.len * 3 + 4); /* lower case may be longer: İ gives two code points */
    size_t n_lower = 0;
    if (!lower)
        return tn_fail_nomem(err, s.len);
    for (size_t i = 0; i < s.len;) {
        size_t from = i, n = n_lower;
        uint32_t cp = tn_utf8_next(s, &i), first = cp;
        if (!is_word_cp(cp) && !stands_alone(cp) && !is_sign(cp)) {
            size_t look = i;
            uint32_t after = i < s.len ? tn_utf8_next(s, &look) : ' ';
            bool stop = cp == '.' && (after <= ' ' || after == ')' || after == '"' || after == 0x201D) &&
                        !(out->len && is_abbreviation(out->ptr[out->len - 1].lower) && out->ptr[out->len - 1].to == from);
            bool break_line = cp == '\n' && line_opens_new(s, i);
            bool dash = (cp == 0x2013 || cp == 0x2014 || cp == '-') && before <= ' ' && after <= ' ';
            bool ends = stop || break_line || cp == '!' || cp == '?' || cp == 0x3002 || cp == 0xFF01 || cp == 0xFF1F || cp == 0x61F || cp == 0x964;
            if (ends || dash || (cp < 0x80 && strchr(",;:()", (int)cp) && cp) || cp == 0x3001 || cp == 0xFF0C || cp == 0xFF1A || cp == 0xFF1B || cp == 0x60C || cp == 0x61B ||
                cp == 0xFF08 || cp == 0xFF09)
                clause++;
            sentence += ends;
            line += cp == '\n';
            before = cp;
            continue;
        }
        bool word = is_word_cp(cp);
        while (true) {
            uint32_t low[2];
            unsigned parts = tn_uc_lower(cp, low);
            if (cp == 0x2019)
                low[0] = '\'';
            if (cp == 0x2010 || cp == 0x2011)
                low[0] = '-';
            for (unsigned k = 0; k < parts; k++)
                if (low[k] != 0x307) /* the dot that lower İ leaves */
                    n_lower += tn_utf8_put(low[k], lower + n_lower);
            before = cp;
            if (!word || i >= s.len)
                break;
            size_t next = i;
            uint32_t c = tn_utf8_next(s, &next);
            if (!is_word_cp(c) && !joins(s, from, i, before))
                break;
            i = next;
            cp = c;
        }
        uint32_t low[2];
        tn_word w = {{lower + n, n_lower - n}, from, i, clause, sentence, line, tn_uc_lower(first, low) != 1 || low[0] != first, 0, 0};
        if (out->len >= MAX_WORDS)
            return tn_fail(err, TN_ELIMIT, "more than %d words", MAX_WORDS);
        if (!TN_PUSH(out, w))
            return tn_fail_nomem(err, sizeof w);
    }
    return TN_OK;
}

bool tn_phrase_same(tn_str a, tn_str b)
{
    for (size_t i = 0, k = 0; i < a.len || k < b.len;) {
        uint32_t x[2] = {0}, y[2] = {0};
        if (i >= a.len || k >= b.len || tn_uc_lower(tn_utf8_next(a, &i), x) != tn_uc_lower(tn_utf8_next(b, &k), y) || x[0] != y[0] || x[1] != y[1])
            return false;
    }
    return true;
}

/* ---- patterns ---- */

typedef enum { LITERAL, PREFIX, SUFFIX, INSIDE, NUMBER, CLAUSE_START, GAP, FAR_GAP, CAPITAL } kind;

typedef struct {
    kind kind;
    tn_str text;
} alternative;

typedef struct {
    const alternative *alt; /* [n] */
    uint32_t n;
} token;

typedef struct {
    tn_str field, value;
    int weight;
    uint64_t kind;      /* of a row of the field "word": its bit */
    const token *token; /* [n] */
    uint32_t n;
} pattern;

typedef struct {
    uint32_t pattern, next; /* index + 1 into entries; 0 ends */
} entry;

typedef struct {
    tn_arena *arena;
    TN_VEC(pattern) patterns;
    TN_VEC(entry) entries;
    uint32_t *bucket; /* [N_BUCKETS + 1], the last for first tokens that may begin with anything */
    bool *present;    /* [N_BUCKETS], of the text's words */
    TN_VEC(alternative) alts;
    TN_VEC(token) tokens;
    struct {
        tn_str name;
        token token;
    } class[64];
    size_t n_classes;
    bool no_memory;
} book;

static uint32_t bucket_of(tn_str s)
{
    return s.len < 2 ? (uint32_t)(unsigned char)s.ptr[0] : (((uint32_t)(unsigned char)s.ptr[0] * 31 + (unsigned char)s.ptr[1]) * 2654435761u) >> 20;
}

static alternative alternative_of(tn_str s)
{
    if (tn_str_is(s, "#"))
        return (alternative){NUMBER, s};
    bool front = s.len > 1 && s.ptr[0] == '*', back = s.len > 1 && s.ptr[s.len - 1] == '*';
    tn_str text = tn_str_sub(s, front, s.len - back);
    return (alternative){front ? back ? INSIDE : SUFFIX : back ? PREFIX : LITERAL, text};
}

static void *keep(book *b, const void *what, size_t bytes)
{
    void *copy = tn_arena_alloc(b->arena, bytes ? bytes : 1);
    if (copy && bytes)
        memcpy(copy, what, bytes);
    b->no_memory |= !copy;
    return copy;
}

/* "a|b|c", with classes opened: the alternatives of one token. */
static token token_of(book *b, tn_str text, char separator)
{
    tn_str part;
    b->alts.len = 0;
    while (tn_str_cut(&text, separator, &part)) {
        part = tn_str_trim(part);
        if (tn_str_starts(part, "@")) {
            tn_str name = tn_str_sub(part, 1, part.len);
            size_t c = 0;
            while (c < b->n_classes && !tn_str_eq(b->class[c].name, name))
                c++;
            TN_ASSERT(c < b->n_classes); /* the catalogue names a class before it uses it; phrase_test reads it all */
            for (uint32_t i = 0; i < b->class[c].token.n; i++)
                b->no_memory |= !TN_PUSH(&b->alts, b->class[c].token.alt[i]);
        } else if (part.len) {
            b->no_memory |= !TN_PUSH(&b->alts, alternative_of(part));
        }
    }
    const alternative *alts = keep(b, b->alts.ptr, b->alts.len * sizeof *b->alts.ptr);
    return (token){alts, alts ? (uint32_t)b->alts.len : 0};
}

static void put_in_bucket(book *b, uint32_t at, uint32_t id)
{
    if (b->bucket[at] && b->entries.ptr[b->bucket[at] - 1].pattern == id)
        return;
    if (TN_PUSH(&b->entries, ((entry){id, b->bucket[at]})))
        b->bucket[at] = (uint32_t)b->entries.len;
    else
        b->no_memory = true;
}

/* Whether a word of the text is in the bucket of the phrase's first word, as far as that is plain text. */
static bool may_start(const book *b, tn_str phrase)
{
    tn_str first;
    tn_str_cut(&phrase, ' ', &first);
    if (!first.len || strchr("*@#^.", first.ptr[0]) || memchr(first.ptr, '|', first.len) || (first.len == 2 && first.ptr[1] == '*'))
        return true;
    return b->present[bucket_of(first)];
}

static uint64_t kind_of(tn_str field, tn_str value)
{
    static const char *const name[] = {
#define X(name) #name,
        TN_WORD_KINDS(X)
#undef X
    };
    static_assert(TN_COUNT(name) <= 64, "a bit each");
    size_t i = 0;
    if (!tn_str_is(field, "word"))
        return 0;
    while (i < TN_COUNT(name) && !tn_str_is(value, name[i]))
        i++;
    TN_ASSERT(i < TN_COUNT(name)); /* phrase_test reads the whole catalogue */
    return UINT64_C(1) << i;
}

static void add_pattern(book *b, tn_str field, tn_str value, int weight, tn_str phrase, bool capital)
{
    tn_str part;
    if (!may_start(b, phrase))
        return;
    b->tokens.len = 0;
    if (capital)
        b->no_memory |= !TN_PUSH(&b->tokens, ((token){keep(b, &(alternative){CAPITAL, phrase}, sizeof(alternative)), 1}));
    while (tn_str_cut(&phrase, ' ', &part)) {
        if (!part.len)
            continue;
        kind special = tn_str_is(part, "..") ? GAP : tn_str_is(part, "...") ? FAR_GAP : tn_str_is(part, "^") ? CLAUSE_START : LITERAL;
        size_t i = 0;
        if (special != LITERAL) {
            b->no_memory |= !TN_PUSH(&b->tokens, ((token){keep(b, &(alternative){special, part}, sizeof(alternative)), 1}));
            continue;
        }
        /* A run of characters that stand alone is as many words. */
        size_t at = 0;
        bool alone = stands_alone(tn_utf8_next(part, &at));
        while (alone && i < part.len) {
            size_t next = i;
            tn_utf8_next(part, &next);
            b->no_memory |= !TN_PUSH(&b->tokens, token_of(b, tn_str_sub(part, i, next), '|'));
            i = next;
        }
        if (!alone)
            b->no_memory |= !TN_PUSH(&b->tokens, token_of(b, part, '|'));
    }
    uint32_t n = (uint32_t)b->tokens.len, id = (uint32_t)b->patterns.len;
    pattern p = {field, value, weight, kind_of(field, value), keep(b, b->tokens.ptr, n * sizeof *b->tokens.ptr), n};
    if (b->no_memory || !n || !TN_PUSH(&b->patterns, p)) {
        b->no_memory |= n > 0;
        return;
    }
    uint32_t first = 0;
    while (first + 1 < n && (p.token[first].alt[0].kind == CLAUSE_START || p.token[first].alt[0].kind == CAPITAL))
        first++;
    for (uint32_t i = 0; i < p.token[first].n; i++) {
        const alternative *alt = &p.token[first].alt[i];
        bool keyed = alt->kind == LITERAL || (alt->kind == PREFIX && alt->text.len > 1);
        put_in_bucket(b, keyed ? bucket_of(alt->text) : N_BUCKETS, id);
    }
}

static void add_phrases(book *b)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("phrases", &row); more; more = tn_catalog_next(&row)) {
        tn_str rest = row.line, field, value, weight, part;
        tn_str_cut(&rest, '\t', &field);
        tn_str_cut(&rest, '\t', &value);
        tn_str_cut(&rest, '\t', &weight);
        if (tn_str_is(field, "@")) {
            size_t c = 0; /* a class goes on in a further row that begins with itself */
            while (c < b->n_classes && !tn_str_eq(b->class[c].name, value))
                c++;
            TN_ASSERT(c < TN_COUNT(b->class));
            b->class[c].token = token_of(b, rest, ';');
            b->class[c].name = value;
            b->n_classes += c == b->n_classes;
            continue;
        }
        int w = weight.len == 1 && weight.ptr[0] - '0' < 10u ? weight.ptr[0] - '0' : 2;
        while (tn_str_cut(&rest, ';', &part))
            add_pattern(b, field, value, w, tn_str_trim(part), false);
    }
}

/* Names that are also common words of English or of another kind count only with a capital. */
static bool needs_capital(tn_str name)
{
    static const char *const word[] = {"even", "male", "polish", "home", "long", "edo", "war", "lak", "sara", "fur", "fon", "mono", "creek", "more", "moore", "bar",
                                       "tonga", "bench", "bari", "man", "ladin", "latin", "romance", "gothic", "shan", "ban", "gan", "lao", "twi", "luo", "vai", "kurdish"};
    if (name.len < 4)
        return true;
    for (size_t i = 0; i < TN_COUNT(word); i++)
        if (tn_str_is(name, word[i]))
            return true;
    return false;
}

static tn_str lower_ascii(book *b, tn_str s)
{
    char *copy = keep(b, s.ptr, s.len);
    for (size_t i = 0; copy && i < s.len; i++)
        copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] | 32 : s.ptr[i]);
    return (tn_str){copy, copy ? s.len : 0};
}

static void add_languages(book *b)
{
    tn_catalog_row row;
    for (bool more = tn_catalog_first("languages", &row); more; more = tn_catalog_next(&row)) {
        tn_str code = tn_catalog_get(&row, "iso639_1"), name = lower_ascii(b, tn_catalog_get(&row, "english_name")), part;
        if (!code.len)
            code = tn_catalog_get(&row, "iso639_3");
        if (name.len && !memchr(name.ptr, '(', name.len)) {
            add_pattern(b, TN_STR("language"), code, 2, name, needs_capital(name));
            tn_str compound = tn_str_format(b->arena, "%.*s-language", TN_ARG(name));
            if (compound.ptr)
                add_pattern(b, TN_STR("language"), code, 2, compound, false);
            b->no_memory |= !compound.ptr;
        }
        for (tn_str rest = tn_catalog_get(&row, "alt_names"); tn_str_cut(&rest, ';', &part);) {
            part = lower_ascii(b, tn_str_trim(part));
            if (part.len > 3 && !memchr(part.ptr, '|', part.len) && !memchr(part.ptr, '*', part.len))
                add_pattern(b, TN_STR("language"), code, 1, part, true);
        }
    }
}

static bool fits(const alternative *alt, tn_str s)
{
    tn_str t = alt->text;
    switch (alt->kind) {
    case LITERAL: return tn_str_eq(s, t);
    case PREFIX: return s.len >= t.len && memcmp(s.ptr, t.ptr, t.len) == 0;
    case SUFFIX: return s.len >= t.len && memcmp(s.ptr + s.len - t.len, t.ptr, t.len) == 0;
    case INSIDE: return tn_str_find(s, t, 0) != SIZE_MAX;
    case NUMBER: return s.len && s.ptr[0] - '0' < 10u;
    default: return false;
    }
}

/* Where the pattern's tokens from `t` on end when they start at word i: the word behind the last one, or 0. A word with
 * hyphens is also as many words ("time-series forecasting" holds "time series"); `done` bytes of word i are matched. */
static size_t match(const tn_words *w, const pattern *p, uint32_t t, size_t i, size_t start)
{
    size_t done = 0;
    for (; t < p->n; t++) {
        const token *k = &p->token[t];
        kind special = k->alt[0].kind;
        if (special == GAP || special == FAR_GAP) {
            for (size_t skip = 0; !done && skip <= (special == GAP ? SHORT_GAP : LONG_GAP) && i + skip < w->len; skip++) {
                const tn_word *at = &w->ptr[i + skip], *from = &w->ptr[i - 1];
                if (special == GAP ? at->clause != from->clause : at->sentence != from->sentence)
                    return 0;
                size_t end = match(w, p, t + 1, i + skip, start);
                if (end)
                    return end;
            }
            return 0;
        }
        if (i >= w->len)
            return 0;
        if (special == CLAUSE_START) {
            if (i && w->ptr[i - 1].clause == w->ptr[i].clause)
                return 0;
            continue;
        }
        if (special == CAPITAL) {
            if (!w->ptr[i].capital)
                return 0;
            continue;
        }
        if (!done && i != start && w->ptr[i].sentence != w->ptr[i - 1].sentence)
            return 0;
        tn_str whole = tn_str_sub(w->ptr[i].lower, done, w->ptr[i].lower.len), part = whole;
        uint32_t n = 0;
        bool owner = tn_str_ends(whole, "'s"); /* "the garden's tool" */
        while (n < k->n && !fits(&k->alt[n], whole) && !(owner && fits(&k->alt[n], tn_str_sub(whole, 0, whole.len - 2))))
            n++;
        if (n < k->n) {
            i++;
            done = 0;
            continue;
        }
        const char *hyphen = memchr(whole.ptr, '-', whole.len);
        part.len = hyphen ? (size_t)(hyphen - whole.ptr) : 0;
        for (n = 0; part.len && n < k->n && !(k->alt[n].kind == LITERAL && tn_str_eq(k->alt[n].text, part));)
            n++;
        if (!part.len || n == k->n)
            return 0;
        done += part.len + 1;
    }
    return done ? 0 : i;
}

/* ---- hits ---- */

static int by_field_then_place(const void *a, const void *b)
{
    const tn_phrase_hit *x = a, *y = b;
    int c = tn_str_cmp(x->field, y->field);
    if (c)
        return c;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->last != y->last)
        return x->last > y->last ? -1 : 1; /* the longer first */
    bool decoy = tn_str_is(x->value, "-");
    if (decoy != tn_str_is(y->value, "-"))
        return decoy ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return tn_str_cmp(x->value, y->value);
}

/* A mark a word: which negating phrase ends there ("not"), begins there ("not-behind"), or says "there already"; and
 * whether it is part of one that only looks negating ("not-not": "yes or no", "no longer"). */
enum { NOT = 1, NOT_BEHIND = 2, THERE = 4, NOT_NOT = 8 };

static unsigned mark_of(tn_str field)
{
    return tn_str_is(field, "not") ? NOT : tn_str_is(field, "not-behind") ? NOT_BEHIND : tn_str_is(field, "there") ? THERE : tn_str_is(field, "not-not") ? NOT_NOT : 0;
}

/* The word of the clause in front of the hit that is marked so; SIZE_MAX when there is none. */
static size_t marked_before(const tn_words *w, const uint8_t *mark, const tn_phrase_hit *h, unsigned before, size_t reach)
{
    for (size_t back = 1; back <= reach && back <= h->first && w->ptr[h->first - back].clause == w->ptr[h->first].clause; back++)
        if (mark[h->first - back] & before && !(before == NOT && mark[h->first - back] & NOT_NOT))
            return h->first - back;
    return SIZE_MAX;
}

/* A word of no reaches to the first thing behind it, and further over "or": "without training against the rules" refuses
 * the training only. */
static bool is_negated(const tn_words *w, const uint8_t *mark, const tn_phrase_hit *h, const tn_phrase_hit *last)
{
    size_t no = marked_before(w, mark, h, NOT, REACH);
    bool taken = no != SIZE_MAX && last && last->negated && last->first > no && last->last < h->first && w->ptr[last->first].clause == w->ptr[h->first].clause;
    for (size_t i = taken ? last->last + 1 : h->first; i < h->first && taken; i++)
        taken = !(w->ptr[i].kinds >> TN_W_joint & 1);
    if (no != SIZE_MAX && !taken)
        return true;
    for (size_t k = h->last + 1; k <= h->last + 5 && k < w->len && w->ptr[k].clause == w->ptr[h->last].clause; k++)
        if (mark[k] & NOT_BEHIND)
            return true;
    return false;
}

tn_status tn_phrases_find(tn_words *w, tn_arena *a, tn_phrase_hits *out, tn_err *err)
{
    book b = {.arena = a, .bucket = tn_arena_alloc(a, (N_BUCKETS + 1) * sizeof(uint32_t)), .present = tn_arena_alloc(a, N_BUCKETS * sizeof(bool))};
    uint8_t *mark = tn_arena_alloc(a, w->len + 1);
    b.no_memory = !b.bucket || !b.present || !mark;
    if (!b.no_memory) {
        memset(b.bucket, 0, (N_BUCKETS + 1) * sizeof(uint32_t));
        memset(mark, 0, w->len + 1);
        memset(b.present, 0, N_BUCKETS * sizeof(bool));
        for (size_t i = 0; i < w->len; i++)
            b.present[bucket_of(w->ptr[i].lower)] = true;
        add_phrases(&b);
        add_languages(&b);
    }
    for (size_t i = 0; i < w->len && !b.no_memory; i++)
        for (int any = 0; any < 2; any++)
            for (uint32_t e = b.bucket[any ? N_BUCKETS : bucket_of(w->ptr[i].lower)]; e && out->len < MAX_HITS; e = b.entries.ptr[e - 1].next) {
                const pattern *p = &b.patterns.ptr[b.entries.ptr[e - 1].pattern];
                size_t end = match(w, p, 0, i, i);
                if (!end)
                    continue;
                unsigned m = mark_of(p->field);
                if (p->kind)
                    w->ptr[i].kinds |= p->kind;
                else if (m)
                    for (size_t k = m == NOT || m == THERE ? end - 1 : i; k < (m == NOT_BEHIND ? i + 1 : end); k++)
                        mark[k] |= (uint8_t)m;
                else if (!TN_PUSH(out, ((tn_phrase_hit){p->field, p->value, p->weight, (uint32_t)i, (uint32_t)end - 1, false, false})))
                    b.no_memory = true;
            }
    /* A one-byte word and a prefix of two bytes or more never meet; all others share their first two bytes. */
    if (!b.no_memory && out->len) {
        qsort(out->ptr, out->len, sizeof *out->ptr, by_field_then_place);
        size_t n = 0;
        uint32_t reach = 0, n_field = 0;
        for (size_t i = 0; i < out->len; i++) {
            tn_phrase_hit h = out->ptr[i];
            const tn_phrase_hit *last = n ? &out->ptr[n - 1] : NULL;
            bool same_field = last && tn_str_eq(last->field, h.field);
            if (!same_field)
                reach = n_field = 0;
            if (n_field == MAX_FIELD_HITS)
                continue;
            bool same_place = same_field && last->first == h.first && last->last == h.last;
            if (same_field && h.last < reach && (!same_place || tn_str_eq(last->value, h.value) || tn_str_is(last->value, "-")))
                continue;
            h.negated = is_negated(w, mark, &h, same_field ? last : NULL);
            h.quoted = marked_before(w, mark, &h, THERE, 1) != SIZE_MAX;
            if (h.last + 1 > reach)
                reach = h.last + 1;
            out->ptr[n++] = h;
            n_field++;
        }
        out->len = n;
    }
    TN_VEC_FREE(&b.patterns);
    TN_VEC_FREE(&b.entries);
    TN_VEC_FREE(&b.alts);
    TN_VEC_FREE(&b.tokens);
    return b.no_memory ? tn_fail_nomem(err, sizeof(pattern)) : TN_OK;
}
