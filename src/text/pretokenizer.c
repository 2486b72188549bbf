/* A step reads one list of spans and writes the next. Only Metaspace and ByteLevel write text. */
#include "text/pretokenizer.h"

#include <string.h>

#include "text/bytelevel.h"

typedef enum { STEP_BERT, STEP_WORDS, STEP_SPLIT, STEP_METASPACE, STEP_BYTE_LEVEL } step_kind;
typedef enum { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS } behavior;
typedef enum { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } prepend_scheme;

struct tn_pretokenizer_step {
    step_kind kind;
    unsigned flag;      /* STEP_SPLIT: at code points of this class ... */
    uint32_t delimiter; /* ... or, when flag is 0, at this one */
    behavior behavior;
    tn_str replacement;     /* STEP_METASPACE: one character */
    prepend_scheme prepend; /* STEP_BYTE_LEVEL: a space, always or never */
    bool split;             /* ... and words by the pattern */
};

/* ---- reading the configuration ---- */

static tn_status one_character(const tn_json *v, const char *key, tn_str *out, uint32_t *cp, tn_err *err)
{
    tn_str s;
    size_t at = 0;
    TN_TRY(tn_json_need_str(v, key, &s, err));
    if (s.len)
        *cp = tn_utf8_next(s, &at);
    if (!s.len || at != s.len)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"%s\" must be one character", tn_json_line(v), tn_json_column(v), key);
    *out = s;
    return TN_OK;
}

static tn_status parse_metaspace(const tn_json *v, tn_arena *a, tn_pretokenizer_step *s, tn_err *err)
{
    uint32_t cp;
    bool add_prefix;
    s->kind = STEP_METASPACE;
    TN_TRY(one_character(v, "replacement", &s->replacement, &cp, err));
    s->replacement = tn_str_dup(a, s->replacement);
    if (!s->replacement.ptr)
        return tn_fail_nomem(err, 4);
    TN_TRY(tn_component_bool(v, "split", true, &s->split, err));
    TN_TRY(tn_component_bool(v, "add_prefix_space", true, &add_prefix, err));
    const tn_json *scheme = tn_json_get(v, "prepend_scheme");
    if (!scheme || tn_json_type(scheme) == TN_JSON_NULL)
        s->prepend = add_prefix ? PREPEND_ALWAYS : PREPEND_NEVER; /* files of before 0.15 */
    else if (tn_json_is_str(scheme, "always"))
        s->prepend = PREPEND_ALWAYS;
    else if (tn_json_is_str(scheme, "first"))
        s->prepend = PREPEND_FIRST;
    else if (tn_json_is_str(scheme, "never"))
        s->prepend = PREPEND_NEVER;
    else
        return tn_fail(err, TN_EFORMAT, "%u:%u: prepend_scheme must be always, first or never", tn_json_line(scheme),
                       tn_json_column(scheme));
    return TN_OK;
}

static tn_status parse_behavior(const tn_json *v, behavior *out, tn_err *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const tn_json *b = tn_json_get(v, "behavior");
    *out = ISOLATED;
    if (!b)
        return TN_OK;
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (tn_json_is_str(b, names[i]))
            return *out = (behavior)i, TN_OK;
    return tn_fail(err, TN_EFORMAT,
                   "%u:%u: behavior must be Removed, Isolated, MergedWithPrevious, MergedWithNext or "
                   "Contiguous",
                   tn_json_line(b), tn_json_column(b));
}

static tn_status parse_step(const tn_json *v, tn_arena *a, tn_pretokenizer_step *s, tn_err *err)
{
    const tn_json *type;
    *s = (tn_pretokenizer_step){.kind = STEP_SPLIT};
    TN_TRY(tn_json_need(v, "type", TN_JSON_STRING, &type, err));
    if (tn_json_is_str(type, "BertPreTokenizer"))
        return s->kind = STEP_BERT, TN_OK;
    if (tn_json_is_str(type, "Whitespace"))
        return s->kind = STEP_WORDS, TN_OK;
    if (tn_json_is_str(type, "WhitespaceSplit"))
        return s->flag = TN_UC_SPACE, s->behavior = REMOVED, TN_OK;
    if (tn_json_is_str(type, "Punctuation")) {
        s->flag = TN_UC_PUNCT;
        return parse_behavior(v, &s->behavior, err);
    }
    if (tn_json_is_str(type, "Digits")) {
        bool each;
        TN_TRY(tn_component_bool(v, "individual_digits", false, &each, err));
        s->flag = TN_UC_NUMERIC;
        s->behavior = each ? ISOLATED : CONTIGUOUS;
        return TN_OK;
    }
    if (tn_json_is_str(type, "CharDelimiterSplit")) {
        tn_str text;
        s->behavior = REMOVED;
        return one_character(v, "delimiter", &text, &s->delimiter, err);
    }
    if (tn_json_is_str(type, "Metaspace"))
        return parse_metaspace(v, a, s, err);
    if (tn_json_is_str(type, "ByteLevel")) {
        bool add_prefix;
        s->kind = STEP_BYTE_LEVEL;
        TN_TRY(tn_component_bool(v, "add_prefix_space", true, &add_prefix, err));
        s->prepend = add_prefix ? PREPEND_ALWAYS : PREPEND_NEVER;
        return tn_component_bool(v, "use_regex", true, &s->split, err);
    }
    if (tn_json_is_str(type, "Split"))
        return tn_component_refuse(v, "a pre_tokenizer",
                                   "it needs regular expressions; the pattern of ByteLevel is built in", err);
    return tn_component_refuse(v, "a pre_tokenizer", NULL, err);
}

static size_t count_steps(const tn_json *v)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence"))
        return 1;
    size_t n = 0;
    for (const tn_json *c = tn_json_first(tn_json_get(v, "pretokenizers")); c; c = tn_json_next(c))
        n += count_steps(c);
    return n;
}

static tn_status parse_into(const tn_json *v, tn_arena *a, tn_pretokenizer *p, tn_err *err)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence")) {
        tn_pretokenizer_step *s = &p->step[p->n++];
        TN_TRY(parse_step(v, a, s, err));
        p->needs_offsets |= s->kind == STEP_METASPACE && s->prepend == PREPEND_FIRST;
        return TN_OK;
    }
    const tn_json *list;
    TN_TRY(tn_json_need(v, "pretokenizers", TN_JSON_ARRAY, &list, err));
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
        TN_TRY(parse_into(c, a, p, err));
    return TN_OK;
}

tn_status tn_pretokenizer_parse(const tn_json *v, tn_arena *a, tn_pretokenizer *out, tn_err *err)
{
    *out = (tn_pretokenizer){0};
    if (!v || tn_json_type(v) == TN_JSON_NULL)
        return TN_OK;
    size_t n = count_steps(v);
    out->step = TN_ARENA_ARRAY(a, tn_pretokenizer_step, n);
    if (!out->step)
        return tn_fail_nomem(err, n * sizeof *out->step);
    return parse_into(v, a, out, err);
}

tn_status tn_pretokenizer_spaced(const tn_pretokenizer *p, tn_arena *a, tn_pretokenizer *out, tn_err *err)
{
    *out = *p;
    out->step = TN_ARENA_ARRAY(a, tn_pretokenizer_step, p->n);
    if (!out->step)
        return tn_fail_nomem(err, p->n * sizeof *out->step);
    for (size_t i = 0; i < p->n; i++) {
        out->step[i] = p->step[i];
        if (out->step[i].kind == STEP_BYTE_LEVEL)
            out->step[i].prepend = PREPEND_ALWAYS;
    }
    return TN_OK;
}

/* ---- cutting ---- */

bool tn_spans_add(tn_spans *s, size_t from, size_t to, tn_arena *a)
{
    if (from == to)
        return true;
    if (s->len == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        tn_span *p = TN_ARENA_ARRAY(a, tn_span, cap);
        if (!p)
            return false;
        if (s->len)
            memcpy(p, s->ptr, s->len * sizeof *p);
        s->ptr = p;
        s->cap = cap;
    }
    s->ptr[s->len++] = (tn_span){(uint32_t)from, (uint32_t)to};
    return true;
}

static unsigned class_at(const char *p, unsigned *n)
{
    return tn_uc_flags(tn_uc_get(p, n));
}

static bool cut_bert(const char *t, tn_span s, tn_spans *out, tn_arena *a)
{
    size_t word = s.from;
    unsigned n;
    for (size_t i = s.from; i < s.to; i += n) {
        unsigned flags = class_at(t + i, &n);
        if (!(flags & (TN_UC_SPACE | TN_UC_PUNCT)))
            continue;
        if (!tn_spans_add(out, word, i, a) ||
            (flags & TN_UC_PUNCT && !(flags & TN_UC_SPACE) && !tn_spans_add(out, i, i + n, a)))
            return false;
        word = i + n;
    }
    return tn_spans_add(out, word, s.to, a);
}

/* \w+ or [^\w\s]+ */
static bool cut_words(const char *t, tn_span s, tn_spans *out, tn_arena *a)
{
    size_t start = s.from;
    unsigned n, before = TN_UC_SPACE;
    for (size_t i = s.from; i < s.to; i += n) {
        unsigned flags = class_at(t + i, &n), kind = flags & TN_UC_WORD ? TN_UC_WORD : flags & TN_UC_SPACE;
        if (kind == before)
            continue;
        if (before != TN_UC_SPACE && !tn_spans_add(out, start, i, a))
            return false;
        start = i;
        before = kind;
    }
    return before == TN_UC_SPACE || tn_spans_add(out, start, s.to, a);
}

/* Each matching code point is a match of its own; what lies between them are gaps. */
typedef struct {
    behavior behavior;
    tn_spans *out;
    tn_arena *a;
    size_t first;      /* of this span's pieces in `out` */
    bool last_matched; /* the piece before was a match */
    tn_span waiting;   /* MERGED_WITH_NEXT: a match that may join a gap; empty = none */
} cutter;

static bool cut_add(cutter *c, size_t from, size_t to, bool match)
{
    if (from == to)
        return true;
    bool extend = false, was = c->last_matched;
    c->last_matched = match;
    switch (c->behavior) {
    case REMOVED: return match || tn_spans_add(c->out, from, to, c->a);
    case ISOLATED: break;
    case CONTIGUOUS: extend = match == was; break;
    case MERGED_WITH_PREVIOUS: extend = match && !was; break;
    case MERGED_WITH_NEXT:
        if (!match && c->waiting.to == from)
            from = c->waiting.from;
        else if (!tn_spans_add(c->out, c->waiting.from, c->waiting.to, c->a))
            return false;
        c->waiting = match ? (tn_span){(uint32_t)from, (uint32_t)to} : (tn_span){0, 0};
        return match || tn_spans_add(c->out, from, to, c->a);
    }
    if (extend && c->out->len > c->first)
        return c->out->ptr[c->out->len - 1].to = (uint32_t)to, true;
    return tn_spans_add(c->out, from, to, c->a);
}

static bool cut_split(const tn_pretokenizer_step *st, const char *t, tn_span s, tn_spans *out, tn_arena *a)
{
    cutter c = {.behavior = st->behavior, .out = out, .a = a, .first = out->len};
    size_t gap = s.from;
    unsigned n;
    for (size_t i = s.from; i < s.to; i += n) {
        uint32_t cp = tn_uc_get(t + i, &n);
        if (st->flag ? !(tn_uc_flags(cp) & st->flag) : cp != st->delimiter)
            continue;
        if (!cut_add(&c, gap, i, false) || !cut_add(&c, i, i + n, true))
            return false;
        gap = i + n;
    }
    return cut_add(&c, gap, s.to, false) && tn_spans_add(out, c.waiting.from, c.waiting.to, a);
}

/* Spaces become the replacement, one is put in front where the scheme says so, and words begin at each of them.
 * `literal`: the text itself has replacements, so words are looked for in what was written. */
static bool cut_metaspace(const tn_pretokenizer_step *st, tn_edit *e, tn_span s, tn_spans *out)
{
    const tn_aligned *t = e->from;
    tn_str r = st->replacement;
    size_t word = e->to->len;
    uint32_t first = t->at ? t->at[s.from] : 0;
    bool literal = memmem(t->text + s.from, s.to - s.from, r.ptr, r.len);
    bool has = t->text[s.from] == ' ' || (literal && !memcmp(t->text + s.from, r.ptr, r.len));
    if (!has && (st->prepend == PREPEND_ALWAYS || (st->prepend == PREPEND_FIRST && tn_at_start(first) == 0)))
        tn_edit_bytes(e, r.ptr, r.len, first);
    e->read = e->pos = s.from;
    while (e->read < s.to && e->status == TN_OK) {
        const char *space = memchr(t->text + e->read, ' ', s.to - e->read);
        tn_edit_copy(e, (space ? (size_t)(space - t->text) : s.to) - e->read);
        if (!space)
            break;
        if (st->split && !literal) {
            if (!tn_spans_add(out, word, e->to->len, e->arena))
                return false;
            word = e->to->len;
        }
        tn_edit_bytes(e, r.ptr, r.len, t->at ? t->at[e->read] : 0);
        e->read = e->pos = e->read + 1;
    }
    if (e->status != TN_OK)
        return true; /* the caller asks */
    tn_str now = {e->to->text, e->to->len};
    for (size_t next; st->split && literal && word < now.len; word = next) {
        next = tn_str_find(now, r, word + 1);
        if (next == SIZE_MAX)
            break;
        if (!tn_spans_add(out, word, next, e->arena))
            return false;
    }
    return tn_spans_add(out, word, now.len, e->arena);
}

/* Bytes as characters of the byte alphabet; visible ASCII stands for itself. */
static void spell_bytes(tn_edit *e, size_t to)
{
    const tn_aligned *t = e->from;
    while (e->read < to && e->status == TN_OK) {
        size_t end = e->read;
        while (end < to && t->text[end] > ' ' && t->text[end] < 0x7F)
            end++;
        tn_edit_copy(e, end - e->read);
        if (end == to)
            break;
        char c[4];
        tn_edit_bytes(e, c, tn_utf8_put(tn_byte_char((unsigned char)t->text[end]), c), t->at ? t->at[end] : 0);
        e->read = e->pos = end + 1;
    }
}

static bool cut_byte_level(const tn_pretokenizer_step *st, tn_edit *e, tn_span s, tn_spans *out)
{
    const tn_aligned *t = e->from;
    bool spaced = st->prepend == PREPEND_ALWAYS && t->text[s.from] != ' ';
    size_t word = e->to->len;
    if (spaced)
        tn_edit_bytes(e, "\u0120", 2, t->at ? t->at[s.from] : 0);
    e->read = e->pos = s.from;
    for (size_t at = s.from; at < s.to && e->status == TN_OK; spaced = false) {
        at = st->split ? tn_byte_level_word(t->text, at, s.to, spaced) : s.to;
        spell_bytes(e, at);
        if (e->status == TN_OK && !tn_spans_add(out, word, e->to->len, e->arena))
            return false;
        word = e->to->len;
    }
    return true;
}

static tn_status run_step(const tn_pretokenizer_step *st, tn_normalizing *w, const tn_spans *in, tn_spans *out,
                          tn_arena *a, tn_err *err)
{
    bool ok = true, writes = st->kind == STEP_METASPACE || st->kind == STEP_BYTE_LEVEL;
    out->len = 0;
    if (writes) {
        tn_edit e;
        tn_edit_begin(&e, &w->now, &w->spare, a, err);
        for (size_t i = 0; i < in->len && ok && e.status == TN_OK; i++)
            ok = st->kind == STEP_METASPACE ? cut_metaspace(st, &e, in->ptr[i], out)
                                            : cut_byte_level(st, &e, in->ptr[i], out);
        TN_TRY(e.status);
        tn_normalizing_swap(w);
    }
    for (size_t i = 0; i < in->len && ok && !writes; i++) {
        tn_span s = in->ptr[i];
        ok = st->kind == STEP_BERT    ? cut_bert(w->now.text, s, out, a)
             : st->kind == STEP_WORDS ? cut_words(w->now.text, s, out, a)
                                      : cut_split(st, w->now.text, s, out, a);
    }
    return ok ? TN_OK : tn_fail_nomem(err, out->cap * 2 * sizeof(tn_span));
}

tn_status tn_pretokenizer_run(const tn_pretokenizer *p, tn_normalizing *w, tn_spans *spans, tn_spans *other,
                              tn_arena *a, tn_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        TN_TRY(run_step(&p->step[i], w, spans, other, a, err));
        tn_spans swap = *spans;
        *spans = *other;
        *other = swap;
    }
    return TN_OK;
}
