/* Counts over rows, in one pass each. A language is read off the script of most letters; among Latin texts Vietnamese
 * shows itself by letters that no other large language has (đ ơ ư, hooks above, dots below, and their stacks), English
 * by its function words. */
#include "data/profile.h"

#include "base/clock.h"
#include "codec/json.h"
#include "data/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- language ---- */

static bool is_vietnamese_letter(uint32_t cp)
{
    return (cp >= 0x1EA0 && cp <= 0x1EF9) || cp == 0x110 || cp == 0x111 || cp == 0x1A0 || cp == 0x1A1 || cp == 0x1AF ||
           cp == 0x1B0 || cp == 0x309 || cp == 0x323 || cp == 0x31B; /* hook, dot, horn as marks */
}

/* Function words of English that are no Vietnamese syllables without their marks (as the, to, do, can, it, in are). */
static bool is_english_word(tn_str w)
{
    static const char *const words[] = {"is",    "are",    "i",    "and",  "of",   "for",   "with",  "this",
                                        "that",  "was",    "were", "have", "has",  "not",   "you",   "your",
                                        "what",  "how",    "why",  "from", "they", "them",  "which", "would",
                                        "there", "please", "be",   "been", "i'm",  "don't", "my",    "when",
                                        "will",  "if",     "at",   "as",   "by",   "so",    "all",   "very"};
    char low[16];
    if (w.len >= sizeof low)
        return false;
    for (size_t i = 0; i < w.len; i++)
        low[i] = w.ptr[i] >= 'A' && w.ptr[i] <= 'Z' ? (char)(w.ptr[i] + 32) : w.ptr[i];
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (tn_str_eq((tn_str){low, w.len}, tn_str_of(words[i])))
            return true;
    return false;
}

static bool is_english(tn_str text)
{
    size_t n = 0, n_english = 0;
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len &&
               ((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') || (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') ||
                text.ptr[i] == '\'' || (text.ptr[i] & 0x80)))
            i++;
        if (i > from) {
            n++;
            n_english += is_english_word(tn_str_sub(text, from, i));
        }
        i += i == from;
    }
    return n_english * 8 >= n && n_english > 0;
}

const char *tn_language_of(tn_str text)
{
    static const char *const name[TN_N_SCRIPTS] = {
        [TN_SCRIPT_NONE] = "und",
        [TN_SCRIPT_LATIN] = "und-Latn",
        [TN_SCRIPT_GREEK] = "und-Grek",
        [TN_SCRIPT_CYRILLIC] = "und-Cyrl",
        [TN_SCRIPT_HEBREW] = "und-Hebr",
        [TN_SCRIPT_ARABIC] = "und-Arab",
        [TN_SCRIPT_DEVANAGARI] = "und-Deva",
        [TN_SCRIPT_THAI] = "und-Thai",
        [TN_SCRIPT_HANGUL] = "ko",
        [TN_SCRIPT_KANA] = "ja",
        [TN_SCRIPT_HAN] = "zh",
    };
    size_t n[TN_N_SCRIPTS] = {0}, n_vietnamese = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t cp = tn_utf8_next(text, &i);
        n[tn_script_of(cp)]++;
        n_vietnamese += is_vietnamese_letter(cp);
    }
    /* Han letters carry more each than Latin ones: a word against a letter. */
    size_t east = (n[TN_SCRIPT_HAN] + n[TN_SCRIPT_KANA]) * 3;
    if (n[TN_SCRIPT_KANA] * 10 >= n[TN_SCRIPT_HAN] && n[TN_SCRIPT_KANA] > 0)
        n[TN_SCRIPT_KANA] = east, n[TN_SCRIPT_HAN] = 0;
    else
        n[TN_SCRIPT_HAN] = east, n[TN_SCRIPT_KANA] = 0;
    tn_script best = TN_SCRIPT_NONE;
    size_t most = 0;
    for (int s = TN_SCRIPT_LATIN; s < TN_N_SCRIPTS; s++)
        if (n[s] > most)
            most = n[s], best = (tn_script)s;
    if (best != TN_SCRIPT_LATIN)
        return name[best];
    /* One letter in 25: running Vietnamese has one in eight; a foreign name in another language stays below. */
    if (n_vietnamese * 25 >= n[TN_SCRIPT_LATIN])
        return "vi";
    return is_english(text) ? "en" : name[TN_SCRIPT_LATIN];
}

static int by_share(const void *a, const void *b)
{
    const tn_language_share *x = a, *y = b;
    return x->share != y->share ? (x->share < y->share) - (x->share > y->share) : tn_str_cmp(x->id, y->id);
}

static tn_status count_languages(const tn_dataset *d, const uint32_t *row, size_t n, tn_arena *a, tn_profile *out,
                                 tn_err *err)
{
    enum { MAX_LANGUAGES = TN_N_SCRIPTS + 2 };
    out->language = tn_arena_calloc(a, MAX_LANGUAGES * sizeof *out->language);
    if (!out->language)
        return tn_fail_nomem(err, MAX_LANGUAGES * sizeof *out->language);
    for (size_t i = 0; i < n; i++) {
        tn_str id = tn_str_of(tn_language_of(d->row[row[i]].text));
        size_t k = 0;
        while (k < out->n_languages && !tn_str_eq(out->language[k].id, id))
            k++;
        if (k == out->n_languages)
            out->language[out->n_languages++].id = id;
        out->language[k].share += 1; /* a count for now */
    }
    double latin = 0, vietnamese = 0;
    for (size_t k = 0; k < out->n_languages; k++) {
        tn_language_share *l = &out->language[k];
        l->share /= (double)n;
        bool is_vi = tn_str_is(l->id, "vi");
        vietnamese += is_vi ? l->share : 0;
        latin += is_vi || tn_str_is(l->id, "en") || tn_str_is(l->id, "und-Latn") ? l->share : 0;
    }
    qsort(out->language, out->n_languages, sizeof *out->language, by_share);
    /* Much Vietnamese is typed without its marks, never the other way round. */
    out->language_id = latin >= 0.5 && vietnamese >= 0.3 * latin ? TN_STR("vi")
                       : out->n_languages                        ? out->language[0].id
                                                                 : TN_STR("und");
    return TN_OK;
}

/* ---- lengths ---- */

static int by_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static tn_status count_tokens(const tn_dataset *d, const tn_tokenizer *t, const uint32_t *row, size_t n,
                              tn_arena *scratch, tn_profile *out, tn_err *err)
{
    uint32_t *length = TN_ARENA_ARRAY(scratch, uint32_t, n);
    if (!length)
        return tn_fail_nomem(err, n * sizeof *length);
    size_t n_cut = 0;
    tn_arena_mark mark = tn_arena_save(scratch);
    for (size_t i = 0; i < n; i++) {
        uint32_t *ids;
        size_t n_ids;
        if (i % 1024 == 0)
            TN_TRY(tn_interrupt_check(err));
        tn_arena_restore(scratch, mark);
        TN_TRY(tn_tokenizer_ids(t, d->row[row[i]].text, NULL, scratch, &ids, &n_ids, err));
        if (d->row[row[i]].pair.ptr) {
            tn_encoding both;
            TN_TRY(tn_tokenizer_encode_pair(t, d->row[row[i]].text, d->row[row[i]].pair, NULL, scratch, &both, err));
            n_ids = both.n;
        }
        length[i] = (uint32_t)n_ids;
        out->n_tokens += n_ids;
        n_cut += out->limit > 0 && n_ids > (size_t)out->limit;
    }
    if (n == 0)
        return TN_OK;
    qsort(length, n, sizeof *length, by_u32);
    out->tokens_mean = (double)out->n_tokens / (double)n;
    /* Nearest rank: the smallest value that at least p of the rows do not exceed. */
    out->tokens_p50 = length[(n * 50 + 99) / 100 - 1];
    out->tokens_p95 = length[(n * 95 + 99) / 100 - 1];
    out->tokens_max = length[n - 1];
    out->truncated_share = (double)n_cut / (double)n;
    return TN_OK;
}

static tn_status make(const tn_dataset *d, const tn_tokenizer *t, tn_arena *a, tn_arena *scratch, tn_profile *out,
                      tn_err *err)
{
    out->class_count = tn_arena_calloc(a, (d->n_labels + 1) * TN_N_SPLITS * sizeof *out->class_count);
    if (!out->class_count)
        return tn_fail_nomem(err, d->n_labels * TN_N_SPLITS * sizeof *out->class_count);
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_row *row = &d->row[r];
        out->n[row->split]++;
        for (uint32_t k = 0; k < row->n_set; k++)
            out->class_count[(size_t)row->set[k] * TN_N_SPLITS + row->split]++;
        if (row->label >= 0 && d->kind == TN_LABEL_CLASS)
            out->class_count[(size_t)row->label * TN_N_SPLITS + row->split]++;
    }
    tn_split used = out->n[TN_SPLIT_TRAIN] ? TN_SPLIT_TRAIN : TN_SPLIT_NONE;
    uint32_t *row = NULL;
    size_t n = 0, most = 0;
    TN_TRY(tn_dataset_rows(d, used, scratch, &row, &n, err));
    out->majority = -1;
    for (size_t c = 0; c < d->n_labels; c++)
        if (out->class_count[c * TN_N_SPLITS + used] > most)
            most = out->class_count[c * TN_N_SPLITS + used], out->majority = (int32_t)c;
    out->majority_share = n ? (double)most / (double)n : 0;
    TN_TRY(count_languages(d, row, n, a, out, err));
    return t ? count_tokens(d, t, row, n, scratch, out, err) : TN_OK;
}

tn_status tn_profile_make(const tn_dataset *d, const tn_tokenizer *t, int32_t limit, tn_arena *a, tn_profile *out,
                          tn_err *err)
{
    *out = (tn_profile){.limit = limit};
    tn_arena *scratch = tn_arena_new(0);
    if (!scratch)
        return tn_fail_nomem(err, 65536);
    tn_status st = make(d, t, a, scratch, out, err);
    tn_arena_free(scratch);
    return st;
}

/* ---- the record ---- */

static void put_u64(tn_json_writer *w, const char *key, uint64_t v)
{
    tn_jw_key(w, key);
    tn_jw_u64(w, v);
}

static void put_f64(tn_json_writer *w, const char *key, double v)
{
    tn_jw_key(w, key);
    tn_jw_f64(w, v);
}

static void put_str(tn_json_writer *w, const char *key, tn_str v)
{
    tn_jw_key(w, key);
    if (v.len)
        tn_jw_str(w, v);
    else
        tn_jw_null(w);
}

static void put_fit(tn_json_writer *w, tn_str model, const tn_fit *f)
{
    tn_jw_begin_object(w);
    put_str(w, "model", model);
    put_f64(w, "fertility", f->fertility);
    put_f64(w, "unknown_rate", f->unknown_rate);
    put_f64(w, "lossy_rate", f->lossy_rate);
    put_f64(w, "merged_rate", f->merged_rate);
    put_f64(w, "case_rate", f->case_rate);
    put_f64(w, "truncated_share", f->truncated_share);
    put_u64(w, "limit", (uint64_t)f->limit);
    put_u64(w, "words", f->n_words);
    put_u64(w, "tokens", f->n_tokens);
    tn_jw_key(w, "verdict");
    tn_jw_c(w, tn_fit_name(f->verdict));
    put_str(w, "reason", f->reason);
    tn_jw_end_object(w);
}

/* Mean and range of the numbers that are to be predicted, by split. */
static void put_numbers(const tn_dataset *d, tn_json_writer *w)
{
    tn_jw_key(w, "numbers");
    tn_jw_begin_array(w);
    for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_TEST; s++) {
        double sum = 0, square = 0, low = INFINITY, high = -INFINITY;
        size_t n = 0;
        for (size_t r = 0; r < d->n_rows; r++) {
            double v = d->row[r].value;
            if (d->row[r].split != s || isnan(v))
                continue;
            n++;
            sum += v;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
        double mean = n ? sum / (double)n : NAN;
        for (size_t r = 0; r < d->n_rows; r++)
            if (d->row[r].split == s && !isnan(d->row[r].value))
                square += (d->row[r].value - mean) * (d->row[r].value - mean);
        tn_jw_begin_object(w);
        put_str(w, "split", tn_str_of(tn_split_name(s)));
        put_u64(w, "n", n);
        put_f64(w, "mean", mean);
        put_f64(w, "deviation", n ? sqrt(square / (double)n) : NAN);
        put_f64(w, "low", n ? low : NAN);
        put_f64(w, "high", n ? high : NAN);
        tn_jw_end_object(w);
    }
    tn_jw_end_array(w);
}

tn_status tn_profile_write_json(const tn_dataset *d, const tn_profile *p, const tn_str *model, const tn_fit *fit,
                                size_t n_fits, tn_buf *out, tn_err *err)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "rows");
    tn_jw_begin_object(&w);
    put_u64(&w, "total", d->n_rows);
    for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_REMOVED; s++)
        put_u64(&w, tn_split_name(s), p->n[s]);
    put_u64(&w, "without_text", d->n_no_text);
    put_u64(&w, "without_label", d->n_no_label);
    tn_jw_end_object(&w);
    const struct {
        const char *role;
        const tn_column_choice *column;
    } column[] = {
        {"text", &d->text_column}, {"label", &d->label_column}, {"id", &d->id_column}, {"split", &d->split_column}, {"pair", &d->pair_column}};
    size_t n_columns = d->pair_column.name.len ? TN_COUNT(column) : TN_COUNT(column) - 1;
    tn_jw_key(&w, "columns");
    tn_jw_begin_object(&w);
    for (size_t i = 0; i < n_columns; i++)
        put_str(&w, column[i].role, column[i].column->name);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "columns_why");
    tn_jw_begin_object(&w);
    for (size_t i = 0; i < n_columns; i++)
        put_str(&w, column[i].role, column[i].column->why);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "classes");
    tn_jw_begin_array(&w);
    for (size_t c = 0; c < d->n_labels; c++) {
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "label");
        tn_jw_str(&w, d->label[c]);
        for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_TEST; s++)
            put_u64(&w, tn_split_name(s), p->class_count[c * TN_N_SPLITS + s]);
        tn_jw_end_object(&w);
    }
    tn_jw_end_array(&w);
    if (d->kind == TN_LABEL_NUMBER)
        put_numbers(d, &w);
    put_f64(&w, "majority_share", p->majority_share);
    tn_jw_key(&w, "tokens");
    if (p->tokens_max) {
        tn_jw_begin_object(&w);
        put_f64(&w, "mean", p->tokens_mean);
        put_u64(&w, "p50", p->tokens_p50);
        put_u64(&w, "p95", p->tokens_p95);
        put_u64(&w, "max", p->tokens_max);
        put_u64(&w, "limit", (uint64_t)p->limit);
        put_f64(&w, "truncated_share", p->truncated_share);
        tn_jw_end_object(&w);
    } else {
        tn_jw_null(&w); /* not measured */
    }
    tn_jw_key(&w, "language");
    tn_jw_begin_object(&w);
    put_str(&w, "id", p->language_id);
    double share = 0;
    for (size_t i = 0; i < p->n_languages; i++)
        share = tn_str_eq(p->language[i].id, p->language_id) ? p->language[i].share : share;
    put_f64(&w, "share", share);
    tn_jw_key(&w, "all");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < p->n_languages; i++) {
        tn_jw_begin_object(&w);
        put_str(&w, "id", p->language[i].id);
        put_f64(&w, "share", p->language[i].share);
        tn_jw_end_object(&w);
    }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "fit");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < n_fits; i++)
        put_fit(&w, model[i], &fit[i]);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}
