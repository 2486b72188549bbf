/* Each step walks the text once, from w->now to w->spare, and the buffers change places. A step first looks for
 * something to do; text that is already as it should be is left where it is.
 *
 * BertNormalizer is four steps in the package. Here one pass does all four wherever each code point can be treated
 * alone; a mark that is reordered and stays (none of the common ones) sends the piece through the four. */
#include "text/normalizer.h"

#include <string.h>

#include "codec/base64.h"

typedef enum {
    STEP_BERT,
    STEP_LOWERCASE,
    STEP_FORM, /* NFC NFD NFKC NFKD */
    STEP_NMT,
    STEP_STRIP,
    STEP_STRIP_ACCENTS,
    STEP_REPLACE,     /* a string */
    STEP_REPLACE_RUN, /* at least `least` of one character or of white space */
    STEP_PREPEND,
    STEP_PRECOMPILED,
} step_kind;

/* Darts' double array, as sentencepiece writes it, and the replacements behind it. */
typedef struct {
    const uint32_t *unit;
    size_t n_units;
    tn_str replacement; /* NUL-terminated texts, one after the other */
    bool ascii_kept[128];
} charsmap;

struct tn_normalizer_step {
    step_kind kind;
    bool clean, chinese, accents, lower; /* STEP_BERT */
    uint8_t ascii[128];                  /* STEP_BERT: what each becomes, 0 = dropped */
    bool compatible, compose;            /* STEP_FORM */
    unsigned unsafe;                     /* STEP_FORM: the flag that says there is work */
    bool left, right;                    /* STEP_STRIP */
    tn_str pattern, content;             /* STEP_REPLACE, STEP_PREPEND: content */
    uint32_t run_of;                     /* STEP_REPLACE_RUN: a code point, or UINT32_MAX for white space */
    uint32_t least;
    charsmap map; /* STEP_PRECOMPILED */
};

/* ---- reading the configuration ---- */

tn_status tn_component_refuse(const tn_json *v, const char *what, const char *reason, tn_err *err)
{
    const tn_json *type = tn_json_get(v, "type");
    return tn_fail(err, TN_EFORMAT, "%u:%u: %s of type \"%.*s\" is not supported%s%s", tn_json_line(v),
                   tn_json_column(v), what, TN_ARG(tn_json_str(type)), reason ? ": " : "", reason ? reason : "");
}

tn_status tn_component_bool(const tn_json *v, const char *key, bool absent, bool *out, tn_err *err)
{
    const tn_json *c = tn_json_get(v, key);
    *out = absent;
    if (!c || tn_json_type(c) == TN_JSON_NULL || tn_json_bool(c, out))
        return TN_OK;
    return tn_fail(err, TN_EFORMAT, "%u:%u: \"%s\" must be true or false, it is %s", tn_json_line(c), tn_json_column(c),
                   key, tn_json_type_name(tn_json_type(c)));
}

/* Copies a string member into the tokenizer's arena. */
static tn_status need_text(const tn_json *v, const char *key, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_str s;
    TN_TRY(tn_json_need_str(v, key, &s, err));
    *out = tn_str_dup(a, s);
    return out->ptr ? TN_OK : tn_fail_nomem(err, s.len);
}

static bool is_chinese(uint32_t c)
{
    /* Extension E begins at 2B820; the package says 2B920. */
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static const uint32_t DROPPED = UINT32_MAX;

static uint32_t bert_clean(uint32_t c)
{
    unsigned flags = tn_uc_flags(c);
    if (c == 0 || c == 0xFFFD || (flags & TN_UC_BERT_DROP))
        return DROPPED;
    return flags & TN_UC_SPACE ? ' ' : c;
}

static uint32_t nmt(uint32_t c)
{
    if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
        return DROPPED;
    if (c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
        c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD)
        return ' ';
    return c;
}

static uint32_t strip_accent(uint32_t c)
{
    return tn_uc_flags(c) & TN_UC_COMBINING ? DROPPED : c;
}

static uint32_t strip_nonspacing(uint32_t c)
{
    return tn_uc_flags(c) & TN_UC_MN ? DROPPED : c;
}

static tn_status parse_bert(const tn_json *v, tn_normalizer_step *s, tn_err *err)
{
    TN_TRY(tn_component_bool(v, "clean_text", true, &s->clean, err));
    TN_TRY(tn_component_bool(v, "handle_chinese_chars", true, &s->chinese, err));
    TN_TRY(tn_component_bool(v, "lowercase", true, &s->lower, err));
    TN_TRY(tn_component_bool(v, "strip_accents", s->lower, &s->accents, err));
    s->kind = STEP_BERT;
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t r = s->clean ? bert_clean(c) : c;
        if (r != DROPPED && s->lower && r >= 'A' && r <= 'Z')
            r += 'a' - 'A';
        s->ascii[c] = r == DROPPED ? 0 : (uint8_t)r;
    }
    return TN_OK;
}

static tn_status parse_form(const char *name, tn_normalizer_step *s)
{
    s->kind = STEP_FORM;
    s->compatible = name[2] == 'K';
    s->compose = name[strlen(name) - 1] == 'C';
    s->unsafe = s->compose ? (s->compatible ? TN_UC_NFKC_UNSAFE : TN_UC_NFC_UNSAFE)
                           : (s->compatible ? TN_UC_NFKD_UNSAFE : TN_UC_NFD_UNSAFE);
    return TN_OK;
}

/* One character or \s, then + or {n,}: what tokenizer files in use have. The rest waits for PCRE2. */
static tn_status parse_regex(const tn_json *v, tn_str re, tn_normalizer_step *s, tn_err *err)
{
    size_t at = 0;
    s->kind = STEP_REPLACE_RUN;
    if (tn_str_starts(re, "\\s")) {
        s->run_of = UINT32_MAX;
        at = 2;
    } else if (re.len && !strchr("\\^$.|?*+()[]{}", re.ptr[0])) {
        s->run_of = tn_utf8_next(re, &at);
    }
    tn_str rest = tn_str_sub(re, at, re.len);
    int64_t n = 0;
    if (at && tn_str_is(rest, "+"))
        n = 1;
    else if (at && tn_str_starts(rest, "{") && tn_str_ends(rest, ",}") &&
             !(tn_str_to_i64(tn_str_sub(rest, 1, rest.len - 2), &n) && n <= 1000000))
        n = 0;
    if (n < 1 || tn_str_find(s->content, TN_STR("$"), 0) != SIZE_MAX)
        return tn_component_refuse(v, "a normalizer",
                                   "of regular expressions only one character with + or {n,} is "
                                   "known so far; general ones need PCRE2",
                                   err);
    s->least = (uint32_t)n;
    return TN_OK;
}

static tn_status parse_replace(const tn_json *v, tn_arena *a, tn_normalizer_step *s, tn_err *err)
{
    const tn_json *pattern;
    TN_TRY(need_text(v, "content", a, &s->content, err));
    TN_TRY(tn_json_need(v, "pattern", TN_JSON_OBJECT, &pattern, err));
    const tn_json *regex = tn_json_get(pattern, "Regex");
    if (regex)
        return parse_regex(v, tn_json_str(regex), s, err);
    s->kind = STEP_REPLACE;
    TN_TRY(need_text(pattern, "String", a, &s->pattern, err));
    if (!s->pattern.len)
        return tn_fail(err, TN_EFORMAT, "%u:%u: a Replace normalizer with an empty pattern", tn_json_line(v),
                       tn_json_column(v));
    return TN_OK;
}

static bool charsmap_find(const charsmap *m, const char *key, size_t n, tn_str *out);

static tn_status parse_precompiled(const tn_json *v, tn_arena *a, tn_normalizer_step *s, tn_err *err)
{
    tn_str text;
    tn_bytes file = {NULL, 0};
    TN_TRY(tn_json_need_str(v, "precompiled_charsmap", &text, err));
    if (tn_base64_read(text, a, &file, err) != TN_OK)
        return tn_fail_prefix(err, "%u:%u: precompiled_charsmap", tn_json_line(v), tn_json_column(v));
    s->kind = STEP_PRECOMPILED;
    uint32_t size = 0;
    if (file.len >= 4)
        memcpy(&size, file.ptr, 4);
    if (file.len < 4 || size / 4 == 0 || size / 4 > (file.len - 4) / 4)
        return tn_fail(err, TN_EFORMAT, "%u:%u: precompiled_charsmap of %zu bytes announces a table of %u bytes",
                       tn_json_line(v), tn_json_column(v), file.len, size);
    s->map.n_units = size / 4;
    uint32_t *unit = TN_ARENA_ARRAY(a, uint32_t, s->map.n_units);
    if (!unit)
        return tn_fail_nomem(err, size);
    memcpy(unit, file.ptr + 4, s->map.n_units * 4); /* little-endian, as this machine is */
    s->map.unit = unit;
    s->map.replacement = (tn_str){(const char *)file.ptr + 4 + s->map.n_units * 4, file.len - 4 - s->map.n_units * 4};
    if (tn_utf8_check(s->map.replacement) != s->map.replacement.len)
        return tn_fail(err, TN_EFORMAT, "%u:%u: precompiled_charsmap: the replacements are not UTF-8", tn_json_line(v),
                       tn_json_column(v));
    for (int c = 0; c < 128; c++) {
        char key = (char)c;
        tn_str r;
        s->map.ascii_kept[c] = !charsmap_find(&s->map, &key, 1, &r) || (r.len == 1 && r.ptr[0] == key);
    }
    return TN_OK;
}

static tn_status parse_step(const tn_json *v, tn_arena *a, tn_normalizer_step *s, tn_err *err)
{
    const tn_json *type;
    *s = (tn_normalizer_step){0};
    TN_TRY(tn_json_need(v, "type", TN_JSON_STRING, &type, err));
    if (tn_json_is_str(type, "BertNormalizer"))
        return parse_bert(v, s, err);
    if (tn_json_is_str(type, "Precompiled"))
        return parse_precompiled(v, a, s, err);
    if (tn_json_is_str(type, "Replace"))
        return parse_replace(v, a, s, err);
    if (tn_json_is_str(type, "Prepend")) {
        s->kind = STEP_PREPEND;
        return need_text(v, "prepend", a, &s->content, err);
    }
    if (tn_json_is_str(type, "Strip")) {
        s->kind = STEP_STRIP;
        TN_TRY(tn_component_bool(v, "strip_left", true, &s->left, err));
        return tn_component_bool(v, "strip_right", true, &s->right, err);
    }
    static const struct {
        const char *name;
        step_kind kind;
    } plain[] = {{"Lowercase", STEP_LOWERCASE}, {"Nmt", STEP_NMT}, {"StripAccents", STEP_STRIP_ACCENTS}};
    for (size_t i = 0; i < TN_COUNT(plain); i++)
        if (tn_json_is_str(type, plain[i].name))
            return s->kind = plain[i].kind, TN_OK;
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
    for (size_t i = 0; i < TN_COUNT(forms); i++)
        if (tn_json_is_str(type, forms[i]))
            return parse_form(forms[i], s);
    return tn_component_refuse(v, "a normalizer", NULL, err);
}

static size_t count_steps(const tn_json *v)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence"))
        return 1;
    size_t n = 0;
    for (const tn_json *c = tn_json_first(tn_json_get(v, "normalizers")); c; c = tn_json_next(c))
        n += count_steps(c);
    return n;
}

static tn_status parse_into(const tn_json *v, tn_arena *a, tn_normalizer *n, tn_err *err)
{
    if (!tn_json_is_str(tn_json_get(v, "type"), "Sequence"))
        return parse_step(v, a, &n->step[n->n++], err);
    const tn_json *list;
    TN_TRY(tn_json_need(v, "normalizers", TN_JSON_ARRAY, &list, err));
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c))
        TN_TRY(parse_into(c, a, n, err));
    return TN_OK;
}

tn_status tn_normalizer_parse(const tn_json *v, tn_arena *a, tn_normalizer *out, tn_err *err)
{
    *out = (tn_normalizer){0};
    if (!v || tn_json_type(v) == TN_JSON_NULL)
        return TN_OK;
    size_t n = count_steps(v);
    out->step = TN_ARENA_ARRAY(a, tn_normalizer_step, n);
    if (!out->step)
        return tn_fail_nomem(err, n * sizeof *out->step);
    return parse_into(v, a, out, err);
}

/* ---- buffers ---- */

void tn_normalizing_begin(tn_normalizing *w, const char *text, uint32_t *at, size_t len, uint32_t base)
{
    tn_aligned *free[2] = {&w->spare, &w->third};
    for (int i = 0; i < 2; i++)
        if (!free[i]->cap && w->now.cap) {
            *free[i] = w->now;
            w->now.cap = 0;
        }
    w->now = (tn_aligned){.text = text, .at = at, .len = len, .base = base};
}

void tn_normalizing_swap(tn_normalizing *w)
{
    tn_aligned old = w->now;
    w->now = w->spare;
    w->spare = old;
    if (!old.cap) { /* borrowed: not to be written to */
        w->spare = w->third;
        w->third = (tn_aligned){0};
    }
}

/* ---- one code point at a time ---- */

static tn_status finish(tn_edit *e, tn_normalizing *w)
{
    if (e->status != TN_OK)
        return e->status;
    tn_normalizing_swap(w);
    return TN_OK;
}

/* Each code point stays, changes or is dropped; printable ASCII always stays. */
static tn_status filter_map(tn_normalizing *w, uint32_t (*change)(uint32_t), tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    unsigned k = 1;
    size_t i = 0;
    for (; i < t->len; i += k) {
        uint32_t c = tn_uc_get(t->text + i, &k);
        if (c - 0x20 >= 0x5F && change(c) != c)
            break;
    }
    if (i == t->len)
        return TN_OK;
    tn_edit e;
    tn_edit_begin(&e, t, &w->spare, a, err);
    tn_edit_copy(&e, i);
    for (; i < t->len; i += k) {
        uint32_t c = change(tn_uc_get(t->text + i, &k));
        if (c == DROPPED)
            tn_edit_skip(&e, 1);
        else
            tn_edit_put(&e, c, 0);
    }
    return finish(&e, w);
}

static tn_status lowercase(tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    tn_edit e;
    bool begun = false;
    size_t i = 0;
    unsigned k;
    for (; i < t->len; i += k) {
        uint32_t c = tn_uc_get(t->text + i, &k), low[2];
        if (c < 0x80 ? c - 'A' > 25 : !(tn_uc_flags(c) & TN_UC_CASED))
            continue;
        if (!begun)
            tn_edit_begin(&e, t, &w->spare, a, err);
        begun = true;
        tn_edit_copy(&e, i - e.read);
        unsigned n = tn_uc_lower(c, low);
        for (unsigned j = 0; j < n; j++)
            tn_edit_put(&e, low[j], j > 0);
        e.read += k;
    }
    if (!begun)
        return TN_OK;
    tn_edit_copy(&e, t->len - e.read);
    return finish(&e, w);
}

static tn_status pad_chinese(tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    tn_edit e;
    tn_edit_begin(&e, t, &w->spare, a, err);
    unsigned k;
    for (size_t i = 0; i < t->len; i += k) {
        uint32_t c = tn_uc_get(t->text + i, &k);
        if (!is_chinese(c))
            continue;
        /* The space in front takes the letter's place, and the letter is new: all three stand for it. */
        tn_edit_copy(&e, i - e.read);
        tn_edit_put(&e, ' ', 0);
        tn_edit_put(&e, c, 1);
        tn_edit_put(&e, ' ', 1);
        e.read += k;
    }
    tn_edit_copy(&e, t->len - e.read);
    return finish(&e, w);
}

/* ---- normal forms ----
 * Text between unsafe code points is copied whole. An unsafe one is worked on together with the code point before it,
 * which it may join, up to the next safe one. */

/* An element of a decomposition: class << 24 | is new << 23 | code point. */
typedef struct {
    uint32_t *ptr;
    size_t len, cap;
} elements;

static void elements_add(tn_edit *e, elements *v, uint32_t cp, bool is_new)
{
    if (v->len == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        uint32_t *p = TN_ARENA_ARRAY(e->arena, uint32_t, cap);
        if (!p) {
            if (e->status == TN_OK)
                e->status = tn_fail_nomem(e->err, cap * 4);
            return;
        }
        if (v->len)
            memcpy(p, v->ptr, v->len * sizeof *p);
        v->ptr = p;
        v->cap = cap;
    }
    v->ptr[v->len++] = (uint32_t)tn_uc(cp)->ccc << 24 | (uint32_t)is_new << 23 | cp;
}

/* Stable by class. Long runs, which only hostile text has, are counted instead of moved one by one. */
static void sort_marks(tn_edit *e, uint32_t *v, size_t n)
{
    if (n <= 32) {
        for (size_t i = 1; i < n; i++) {
            uint32_t x = v[i];
            size_t j = i;
            for (; j && v[j - 1] >> 24 > x >> 24; j--)
                v[j] = v[j - 1];
            v[j] = x;
        }
        return;
    }
    uint32_t *copy = TN_ARENA_ARRAY(e->arena, uint32_t, n);
    if (!copy) {
        e->status = tn_fail_nomem(e->err, n * 4);
        return;
    }
    memcpy(copy, v, n * 4);
    size_t place[257] = {0};
    for (size_t i = 0; i < n; i++)
        place[(copy[i] >> 24) + 1]++;
    for (int c = 0; c < 256; c++)
        place[c + 1] += place[c];
    for (size_t i = 0; i < n; i++)
        v[place[copy[i] >> 24]++] = copy[i];
}

#define ELEMENT_CP(x) ((x)&0x1FFFFF)
#define ELEMENT_CHANGE(x) ((int)((x) >> 23 & 1))

/* Joins what can be joined. `base` waits for marks; marks that stay apart wait in kept[0, n_kept) of the same array,
 * which is never ahead of what was read. */
static void compose_elements(tn_edit *e, uint32_t *v, size_t n)
{
    uint32_t base = 0;
    int base_change = 0, last_class = -1;
    bool has_base = false;
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t x = v[i], cp = ELEMENT_CP(x), joined;
        int class = (int)(x >> 24);
        if (!has_base) {
            if (class)
                tn_edit_put(e, cp, ELEMENT_CHANGE(x));
            else
                base = cp, base_change = ELEMENT_CHANGE(x), has_base = true;
            continue;
        }
        bool blocked = last_class >= 0 && last_class >= class;
        if (!blocked && (joined = tn_uc_compose(base, cp))) {
            base = joined;
            base_change += ELEMENT_CHANGE(x) - 1;
            continue;
        }
        if (class) {
            v[n_kept++] = x;
            last_class = class;
            continue;
        }
        tn_edit_put(e, base, base_change);
        for (size_t k = 0; k < n_kept; k++)
            tn_edit_put(e, ELEMENT_CP(v[k]), ELEMENT_CHANGE(v[k]));
        n_kept = 0;
        last_class = -1;
        base = cp;
        base_change = ELEMENT_CHANGE(x);
    }
    if (has_base)
        tn_edit_put(e, base, base_change);
    for (size_t k = 0; k < n_kept; k++)
        tn_edit_put(e, ELEMENT_CP(v[k]), ELEMENT_CHANGE(v[k]));
}

static void form_segment(const tn_normalizer_step *s, tn_edit *e, size_t end, elements *v)
{
    v->len = 0;
    size_t marks = 0; /* where the run of marks at the end begins */
    unsigned k;
    for (size_t i = e->read; i < end && e->status == TN_OK; i += k) {
        uint32_t out[TN_UC_FORM_MAX];
        unsigned n = tn_uc_decompose(tn_uc_get(e->from->text + i, &k), s->compatible, out);
        for (unsigned j = 0; j < n; j++) {
            elements_add(e, v, out[j], j > 0);
            if (e->status != TN_OK)
                return;
            if (v->ptr[v->len - 1] >> 24 == 0) {
                sort_marks(e, v->ptr + marks, v->len - 1 - marks);
                marks = v->len;
            }
        }
    }
    if (e->status != TN_OK)
        return;
    sort_marks(e, v->ptr + marks, v->len - marks);
    if (e->status != TN_OK)
        return;
    if (s->compose)
        compose_elements(e, v->ptr, v->len);
    else
        for (size_t i = 0; i < v->len; i++)
            tn_edit_put(e, ELEMENT_CP(v->ptr[i]), ELEMENT_CHANGE(v->ptr[i]));
    e->read = end;
}

static tn_status normal_form(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    tn_edit e;
    elements v = {0};
    bool begun = false;
    size_t i = 0, before = 0; /* before: where the code point before i begins */
    unsigned k;
    while (i < t->len) {
        /* ASCII is safe in every form. */
        while (i < t->len && (unsigned char)t->text[i] < 0x80)
            before = i++;
        if (i == t->len)
            break;
        uint32_t c = tn_uc_get(t->text + i, &k);
        if (!(tn_uc_flags(c) & s->unsafe)) {
            before = i;
            i += k;
            continue;
        }
        if (!begun)
            tn_edit_begin(&e, t, &w->spare, a, err);
        begun = true;
        size_t start = before < e.read ? e.read : before;
        tn_edit_copy(&e, start - e.read);
        while (i < t->len && (tn_uc_flags(tn_uc_get(t->text + i, &k)) & s->unsafe))
            i += k;
        form_segment(s, &e, i, &v);
        if (e.status != TN_OK)
            return e.status;
        before = i;
    }
    if (!begun)
        return TN_OK;
    tn_edit_copy(&e, t->len - e.read);
    return finish(&e, w);
}

/* ---- BertNormalizer ---- */

/* One pass; false (nothing changed) when a mark would have to be reordered and kept. */
static bool bert_at_once(const tn_normalizer_step *s, tn_edit *e)
{
    const tn_aligned *t = e->from;
    unsigned k;
    for (size_t i = 0; i < t->len && e->status == TN_OK; i += k) {
        unsigned char lead = (unsigned char)t->text[i];
        uint32_t at = t->at ? t->at[i] : 0;
        if (lead < 0x80) {
            k = 1;
            char c = (char)s->ascii[lead];
            if (c || (lead == 0 && !s->clean))
                tn_edit_bytes(e, &c, 1, at);
            continue;
        }
        uint32_t c = tn_uc_get(t->text + i, &k), part[TN_UC_FORM_MAX], low[2];
        if (s->clean && (c = bert_clean(c)) == DROPPED)
            continue;
        bool chinese = s->chinese && is_chinese(c);
        if (chinese)
            tn_edit_bytes(e, " ", 1, at);
        unsigned n = 1;
        part[0] = c;
        if (s->accents && (tn_uc_flags(c) & TN_UC_NFD_UNSAFE))
            n = tn_uc_decompose(c, false, part);
        for (unsigned j = 0; j < n; j++) {
            const tn_uc_record *r = tn_uc(part[j]);
            if (s->accents && (r->flags & TN_UC_MN))
                continue;
            if (s->accents && r->ccc)
                return false;
            unsigned m = 1;
            low[0] = part[j];
            if (s->lower && (r->flags & TN_UC_CASED))
                m = tn_uc_lower(part[j], low);
            for (unsigned l = 0; l < m; l++) {
                char bytes[4];
                tn_edit_bytes(e, bytes, tn_utf8_put(low[l], bytes), at);
            }
        }
        if (chinese)
            tn_edit_bytes(e, " ", 1, at);
    }
    return true;
}

static tn_status bert(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    tn_edit e;
    size_t i = 0;
    while (i < w->now.len && (unsigned char)w->now.text[i] < 0x80 &&
           (char)s->ascii[(unsigned char)w->now.text[i]] == w->now.text[i] && w->now.text[i])
        i++;
    if (i == w->now.len)
        return TN_OK;
    tn_edit_begin(&e, &w->now, &w->spare, a, err);
    if (e.status != TN_OK)
        return e.status;
    if (bert_at_once(s, &e))
        return finish(&e, w);
    if (s->clean)
        TN_TRY(filter_map(w, bert_clean, a, err));
    if (s->chinese)
        TN_TRY(pad_chinese(w, a, err));
    if (s->accents) {
        tn_normalizer_step nfd = {0};
        parse_form("NFD", &nfd);
        TN_TRY(normal_form(&nfd, w, a, err));
        TN_TRY(filter_map(w, strip_nonspacing, a, err));
    }
    return s->lower ? lowercase(w, a, err) : TN_OK;
}

/* ---- strings ---- */

static tn_status strip(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    size_t from = 0, to = t->len;
    unsigned k;
    while (s->left && from < to && (tn_uc_flags(tn_uc_get(t->text + from, &k)) & TN_UC_SPACE))
        from += k;
    while (s->right && to > from && (tn_uc_flags(tn_uc_before(t->text, to, &k)) & TN_UC_SPACE))
        to -= k;
    if (from == 0 && to == t->len)
        return TN_OK;
    tn_edit e;
    tn_edit_begin(&e, t, &w->spare, a, err);
    e.read = e.pos = from;
    tn_edit_copy(&e, to - from);
    return finish(&e, w);
}

static tn_status prepend(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    if (!w->now.len)
        return TN_OK;
    tn_edit e;
    tn_edit_begin(&e, &w->now, &w->spare, a, err);
    if (s->content.len) {
        tn_edit_bytes(&e, s->content.ptr, s->content.len, w->now.at ? w->now.at[0] : 0);
    } else { /* an empty one still makes the first letter a new one, with nothing before it to stand for */
        unsigned k = tn_uc_len(w->now.text[0]);
        tn_edit_bytes(&e, w->now.text, k, w->now.base | TN_AT_NOTHING);
        e.read = e.pos = k;
    }
    tn_edit_copy(&e, w->now.len - e.read);
    return finish(&e, w);
}

/* What was matched goes; what comes instead belongs to its last code point. */
static void substitute(tn_edit *e, size_t from, size_t to, tn_str content)
{
    tn_edit_copy(e, from - e->read);
    e->read = e->pos = to;
    tn_edit_bytes(e, content.ptr, content.len, tn_edit_before(e));
}

static tn_status replace(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    tn_str t = {w->now.text, w->now.len};
    size_t at = tn_str_find(t, s->pattern, 0);
    if (at == SIZE_MAX)
        return TN_OK;
    tn_edit e;
    tn_edit_begin(&e, &w->now, &w->spare, a, err);
    for (; at != SIZE_MAX && e.status == TN_OK; at = tn_str_find(t, s->pattern, at + s->pattern.len))
        substitute(&e, at, at + s->pattern.len, s->content);
    tn_edit_copy(&e, t.len - e.read);
    return finish(&e, w);
}

static tn_status replace_run(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    tn_edit e;
    bool begun = false;
    unsigned k = 0;
    for (size_t i = 0, end; i < t->len; i = end) {
        uint32_t n = 0;
        for (end = i; end < t->len; end += k, n++) {
            uint32_t c = tn_uc_get(t->text + end, &k);
            if (s->run_of == UINT32_MAX ? !(tn_uc_flags(c) & TN_UC_SPACE) : c != s->run_of)
                break;
        }
        if (n >= s->least) {
            if (!begun)
                tn_edit_begin(&e, t, &w->spare, a, err);
            begun = true;
            substitute(&e, i, end, s->content);
            if (e.status != TN_OK)
                return e.status;
        } else if (!n) {
            end += k;
        }
    }
    if (!begun)
        return TN_OK;
    tn_edit_copy(&e, t->len - e.read);
    return finish(&e, w);
}

/* ---- Precompiled ---- */

/* The replacement under the shortest prefix of the key that has one. Every step is checked: the table is from outside.
 */
static bool charsmap_find(const charsmap *m, const char *key, size_t n, tn_str *out)
{
    uint32_t unit = m->unit[0];
    size_t node = (unit >> 10) << ((unit & 1u << 9) >> 6);
    for (size_t i = 0; i < n && key[i]; i++) {
        unsigned char c = (unsigned char)key[i];
        node ^= c;
        if (node >= m->n_units)
            return false;
        unit = m->unit[node];
        if ((unit & (1u << 31 | 0xFF)) != c)
            return false;
        node ^= (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
        if (!(unit >> 8 & 1))
            continue;
        if (node >= m->n_units)
            return false;
        size_t from = m->unit[node] & ~(1u << 31);
        if (from > m->replacement.len ||
            (from < m->replacement.len && ((unsigned char)m->replacement.ptr[from] & 0xC0) == 0x80))
            return false;
        *out = (tn_str){m->replacement.ptr + from, strnlen(m->replacement.ptr + from, m->replacement.len - from)};
        return true;
    }
    return false;
}

/* `n_old` code points become `by`. The package keeps the books in a list of changes, and when nothing comes instead it
 * charges the last entry of that list; with no entry yet, nobody is charged and all later offsets lag. `*last` is that
 * entry: its change, or INT_MIN for none; *last_at is where its bytes begin. */
typedef struct {
    int64_t last;
    size_t last_at;
} charsmap_book;

static void charge(tn_edit *e, charsmap_book *b, uint32_t cp, int change)
{
    b->last = change;
    b->last_at = e->to->len;
    tn_edit_put(e, cp, change);
}

static void charsmap_replace(tn_edit *e, charsmap_book *b, size_t n_old, tn_str by)
{
    size_t n_new = tn_utf8_count(by), i = 0;
    if (!n_new) {
        if (b->last == INT64_MIN || e->status != TN_OK)
            return;
        if (b->last > 0) { /* what was new now stands in an old one's place */
            if (e->from->at && e->pos < e->from->len)
                for (size_t k = b->last_at; k < e->to->len; k++)
                    e->to->at[k] = e->from->at[e->pos];
        }
        b->last -= (int64_t)n_old;
        tn_edit_skip(e, n_old);
        return;
    }
    for (size_t k = 0; i < by.len; k++) {
        uint32_t cp = tn_utf8_next(by, &i);
        int change = k >= n_old ? 1 : k + 1 == n_new ? (int)n_new - (int)n_old : 0;
        charge(e, b, cp, change);
    }
}

static void charsmap_cluster(const charsmap *m, tn_edit *e, charsmap_book *b, size_t end)
{
    const char *t = e->from->text;
    tn_str by;
    unsigned k;
    if (end - e->read < 6 && charsmap_find(m, t + e->read, end - e->read, &by)) {
        size_t n_old = tn_utf8_count((tn_str){t + e->read, end - e->read});
        e->read = end;
        charsmap_replace(e, b, n_old, by);
        return;
    }
    while (e->read < end) {
        uint32_t c = tn_uc_get(t + e->read, &k);
        bool found = charsmap_find(m, t + e->read, k, &by);
        e->read += k;
        if (found)
            charsmap_replace(e, b, 1, by);
        else
            charge(e, b, c, 0);
    }
}

/* The end of the run from `i` that the map leaves alone, cut before the cluster that it may change. */
static size_t charsmap_kept(const charsmap *m, const tn_aligned *t, size_t i)
{
    unsigned k, next_k;
    tn_str by;
    while (i < t->len) {
        unsigned char c = (unsigned char)t->text[i];
        uint32_t cp = tn_uc_get(t->text + i, &k);
        if (c < 0x80 ? !m->ascii_kept[c] || c == '\r' : !tn_uc_is_plain(cp))
            return i;
        if (i + k < t->len && (unsigned char)t->text[i + k] >= 0x80 &&
            !tn_uc_is_plain(tn_uc_get(t->text + i + k, &next_k)))
            return i;
        if (c >= 0x80 && charsmap_find(m, t->text + i, k, &by))
            return i;
        i += k;
    }
    return i;
}

static tn_status precompiled(const tn_normalizer_step *s, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    const tn_aligned *t = &w->now;
    tn_str text = {t->text, t->len};
    size_t kept = charsmap_kept(&s->map, t, 0);
    if (kept == t->len)
        return TN_OK;
    tn_edit e;
    charsmap_book b = {INT64_MIN, 0};
    tn_edit_begin(&e, t, &w->spare, a, err);
    for (;;) {
        if (kept > e.read) {
            tn_edit_copy(&e, kept - e.read);
            b.last = 0; /* an entry that stands for itself; nothing new can be behind it */
        }
        if (e.read == t->len || e.status != TN_OK)
            break;
        charsmap_cluster(&s->map, &e, &b, tn_uc_grapheme_end(text, e.read));
        kept = charsmap_kept(&s->map, t, e.read);
    }
    return finish(&e, w);
}

tn_status tn_normalizer_run(const tn_normalizer *n, tn_normalizing *w, tn_arena *a, tn_err *err)
{
    for (size_t i = 0; i < n->n; i++) {
        const tn_normalizer_step *s = &n->step[i];
        tn_status st = TN_OK;
        switch (s->kind) {
        case STEP_BERT: st = bert(s, w, a, err); break;
        case STEP_LOWERCASE: st = lowercase(w, a, err); break;
        case STEP_FORM: st = normal_form(s, w, a, err); break;
        case STEP_NMT: st = filter_map(w, nmt, a, err); break;
        case STEP_STRIP: st = strip(s, w, a, err); break;
        case STEP_STRIP_ACCENTS: st = filter_map(w, strip_accent, a, err); break;
        case STEP_REPLACE: st = replace(s, w, a, err); break;
        case STEP_REPLACE_RUN: st = replace_run(s, w, a, err); break;
        case STEP_PREPEND: st = prepend(s, w, a, err); break;
        case STEP_PRECOMPILED: st = precompiled(s, w, a, err); break;
        }
        TN_TRY(st);
    }
    return TN_OK;
}
