/* Each different word is normalised once and counted as often as it occurs. A word is lossy when its letters, composed
 * and in lower case, are not what the normaliser leaves of them, compared the same way; a change that NFKC makes too
 * (full width to half width, ligatures) loses nothing. Words are merged when two that differ are the same after the
 * normaliser: "bán", "bạn" and "ban" for one that strips accents. */
#include "data/fit.h"

#include "base/clock.h"
#include "base/map.h"
#include "data/fold.h"
#include "text/unicode.h"

const char *tn_fit_name(tn_fit_verdict v)
{
    static const char *const name[] = {"fits", "poor", "mismatch"};
    return v >= 0 && v <= TN_FIT_MISMATCH ? name[v] : "?";
}

typedef struct {
    tn_str word;
    size_t n;    /* occurrences */
    size_t form; /* number of its normalised form */
    bool lossy, loses_case;
} word;

typedef struct {
    size_t original; /* number of the first original with this form */
    bool merged;     /* more than one */
} form;

typedef struct {
    const tn_tokenizer *t;
    tn_arena *arena;   /* words and forms */
    tn_arena *scratch; /* one text or word */
    tn_map words, originals, forms;
    TN_VEC(word) word;
    TN_VEC(form) form;
    tn_buf a, b;
} fitter;

static tn_status add_word(fitter *f, tn_str w, tn_err *err)
{
    uint64_t *at = tn_map_find(&f->words, w);
    if (at) {
        f->word.ptr[*at].n++;
        return TN_OK;
    }
    word one = {.word = tn_str_dup(f->arena, w), .n = 1};
    if (!one.word.ptr || !tn_map_put(&f->words, one.word, f->word.len, NULL) || !TN_PUSH(&f->word, one))
        return tn_fail_nomem(err, w.len + sizeof one);
    return TN_OK;
}

/* Between blanks; a Han or kana letter is a word by itself. */
static tn_status add_words(fitter *f, tn_str s, size_t *n_words, tn_err *err)
{
    size_t from = 0;
    for (size_t i = 0; i <= s.len;) {
        size_t here = i;
        uint32_t cp = i < s.len ? tn_utf8_next(s, &i) : (i++, (uint32_t)' ');
        tn_script script = tn_script_of(cp);
        bool blank = tn_uc_flags(cp) & TN_UC_SPACE, alone = script == TN_SCRIPT_HAN || script == TN_SCRIPT_KANA;
        if (!blank && !alone)
            continue;
        if (here > from) {
            TN_TRY(add_word(f, tn_str_sub(s, from, here), err));
            ++*n_words;
        }
        if (alone) {
            TN_TRY(add_word(f, tn_str_sub(s, here, i), err));
            ++*n_words;
        }
        from = i;
    }
    return TN_OK;
}

static tn_status equal_folded(fitter *f, tn_str x, tn_str y, unsigned how, bool *equal, tn_err *err)
{
    tn_buf_clear(&f->a);
    tn_buf_clear(&f->b);
    TN_TRY(tn_fold(x, how, &f->a, err));
    TN_TRY(tn_fold(y, how, &f->b, err));
    *equal = tn_str_eq(tn_buf_view(&f->a), tn_buf_view(&f->b));
    return TN_OK;
}

/* The number of the bytes in the map, new ones numbered in order. */
static tn_status number_of(fitter *f, tn_map *m, tn_str s, size_t *number, bool *is_new, tn_err *err)
{
    uint64_t *at = tn_map_find(m, s);
    *is_new = !at;
    if (!at) {
        tn_str copy = tn_str_dup(f->arena, s);
        if (!copy.ptr || !(at = tn_map_put(m, copy, m->len, NULL)))
            return tn_fail_nomem(err, s.len);
    }
    *number = (size_t)*at;
    return TN_OK;
}

static tn_status judge_word(fitter *f, word *w, tn_err *err)
{
    tn_str normal;
    bool equal, is_new, ignored;
    size_t original;
    tn_arena_reset(f->scratch);
    TN_TRY(tn_tokenizer_normalize(f->t, w->word, f->scratch, &normal, err));
    TN_TRY(equal_folded(f, w->word, normal, TN_FOLD_WORDS, &equal, err));
    bool same_case = equal;
    TN_TRY(equal_folded(f, w->word, normal, TN_FOLD_LOWER | TN_FOLD_WORDS, &equal, err));
    w->loses_case = equal && !same_case;
    TN_TRY(number_of(f, &f->originals, tn_buf_view(&f->a), &original, &ignored, err));
    TN_TRY(number_of(f, &f->forms, tn_buf_view(&f->b), &w->form, &is_new, err));
    if (is_new) {
        form one = {.original = original};
        if (!TN_PUSH(&f->form, one))
            return tn_fail_nomem(err, sizeof one);
    } else if (f->form.ptr[w->form].original != original) {
        f->form.ptr[w->form].merged = true;
    }
    if (!equal)
        TN_TRY(equal_folded(f, w->word, normal, TN_FOLD_COMPATIBLE | TN_FOLD_LOWER | TN_FOLD_WORDS, &equal, err));
    w->lossy = !equal;
    return TN_OK;
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static tn_status judge(tn_fit *out, tn_arena *a, tn_err *err)
{
    const struct {
        double value, poor, mismatch;
        const char *format; /* of the value in per cent, or as it is */
        bool per_cent;
    } measure[] = {
        {out->lossy_rate, TN_FIT_LOSSY_POOR, TN_FIT_LOSSY_MISMATCH,
         "its normaliser takes diacritics or letters from %.1f %% of the words", true},
        {out->unknown_rate, TN_FIT_UNKNOWN_POOR, TN_FIT_UNKNOWN_MISMATCH, "%.1f %% of the pieces are unknown to it",
         true},
        {out->fertility, TN_FIT_FERTILITY_POOR, TN_FIT_FERTILITY_MISMATCH, "it cuts a word into %.2f pieces on average",
         false},
        {out->truncated_share, TN_FIT_TRUNCATED_POOR, 2, "%.1f %% of the texts are longer than its limit", true},
    };
    out->verdict = TN_FIT_FITS;
    const char *reason = NULL;
    double value = 0;
    for (size_t i = 0; i < TN_COUNT(measure); i++) {
        tn_fit_verdict v = measure[i].value > measure[i].mismatch ? TN_FIT_MISMATCH
                           : measure[i].value > measure[i].poor   ? TN_FIT_POOR
                                                                  : TN_FIT_FITS;
        if (v <= out->verdict)
            continue;
        out->verdict = v;
        reason = measure[i].format;
        value = measure[i].per_cent ? 100 * measure[i].value : measure[i].value;
    }
    if (!reason)
        out->reason =
            tn_str_format(a,
                          "%.2f pieces a word, %.2f %% unknown, %.2f %% of the words lose diacritics, %.1f %% of "
                          "the texts are cut",
                          out->fertility, 100 * out->unknown_rate, 100 * out->lossy_rate, 100 * out->truncated_share);
    else if (reason == measure[0].format)
        out->reason =
            tn_str_format(a,
                          "its normaliser takes diacritics or letters from %.1f %% of the words, and makes %.1f %% "
                          "equal to another word of these texts",
                          100 * out->lossy_rate, 100 * out->merged_rate);
    else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        out->reason = tn_str_format(a, reason, value);
#pragma GCC diagnostic pop
    }
    return out->reason.ptr ? TN_OK : tn_fail_nomem(err, 128);
}

static tn_status measure(fitter *f, const tn_str *text, size_t n, int32_t limit, tn_arena *a, tn_fit *out, tn_err *err)
{
    size_t n_cut = 0, n_lossy = 0, n_merged = 0, n_case = 0;
    uint32_t n_special = tn_tokenizer_n_special(f->t, false);
    for (size_t i = 0; i < n; i++) {
        tn_encoding e;
        if (i % 1024 == 0)
            TN_TRY(tn_interrupt_check(err));
        tn_arena_reset(f->scratch);
        TN_TRY(tn_tokenizer_encode(f->t, text[i], &(tn_encode_options){.plain = true}, f->scratch, &e, err));
        out->n_tokens += e.n;
        out->n_unknown += e.n_unknown;
        n_cut += limit > 0 && e.n + n_special > (size_t)limit;
        TN_TRY(add_words(f, text[i], &out->n_words, err));
    }
    for (size_t i = 0; i < f->word.len; i++)
        TN_TRY(judge_word(f, &f->word.ptr[i], err));
    for (size_t i = 0; i < f->word.len; i++) {
        const word *w = &f->word.ptr[i];
        n_lossy += w->lossy ? w->n : 0;
        n_case += w->loses_case ? w->n : 0;
        n_merged += w->lossy && f->form.ptr[w->form].merged ? w->n : 0;
    }
    out->n_texts = n;
    out->limit = limit;
    out->fertility = share(out->n_tokens, out->n_words);
    out->unknown_rate = share(out->n_unknown, out->n_tokens);
    out->lossy_rate = share(n_lossy, out->n_words);
    out->merged_rate = share(n_merged, out->n_words);
    out->case_rate = share(n_case, out->n_words);
    out->truncated_share = share(n_cut, n);
    return judge(out, a, err);
}

tn_status tn_fit_texts(const tn_tokenizer *t, const tn_str *text, size_t n, int32_t limit, tn_arena *a, tn_fit *out,
                       tn_err *err)
{
    *out = (tn_fit){0};
    fitter f = {.t = t, .arena = tn_arena_new(0), .scratch = tn_arena_new(0)};
    tn_status st = f.arena && f.scratch ? measure(&f, text, n, limit, a, out, err) : tn_fail_nomem(err, 65536);
    tn_buf_free(&f.a);
    tn_buf_free(&f.b);
    tn_map_free(&f.words);
    tn_map_free(&f.originals);
    tn_map_free(&f.forms);
    TN_VEC_FREE(&f.word);
    TN_VEC_FREE(&f.form);
    tn_arena_free(f.arena);
    tn_arena_free(f.scratch);
    return st;
}

tn_status tn_fit_dataset(const tn_tokenizer *t, const tn_dataset *d, int32_t limit, tn_arena *a, tn_fit *out,
                         tn_err *err)
{
    bool split = tn_dataset_count(d, TN_SPLIT_TRAIN) > 0;
    tn_str *text = tn_mem_alloc(2 * d->n_rows * sizeof *text); /* both texts of a pair */
    size_t n = 0;
    if (!text)
        return tn_fail_nomem(err, d->n_rows * sizeof *text);
    for (size_t r = 0; r < d->n_rows; r++)
        if (split ? d->row[r].split == TN_SPLIT_TRAIN : d->row[r].split != TN_SPLIT_REMOVED) {
            text[n++] = d->row[r].text;
            if (d->row[r].pair.ptr)
                text[n++] = d->row[r].pair;
        }
    tn_status st = tn_fit_texts(t, text, n, limit, a, out, err);
    tn_mem_free(text);
    return st;
}
