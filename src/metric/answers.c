/* The normal form is made in two steps: letters (lower case, punctuation gone), then words: an article is a run of letters
 * and digits by itself, whatever else stands around it, as the script's \b(a|an|the)\b has it. A combining mark is no
 * letter there: "a" before U+0301 is an article too. */
#include "metric/answers.h"

#include "base/map.h"
#include "text/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_punctuation(uint32_t cp)
{
    return cp < 0x80 && cp > ' ' && cp != 0x7F && !(cp >= '0' && cp <= '9') && !((cp | 32) >= 'a' && (cp | 32) <= 'z');
}

/* Python's str.isspace: White_Space and the four separators of ASCII. */
static bool is_space(uint32_t cp)
{
    return (cp >= 0x1C && cp <= 0x1F) || (tn_uc_flags(cp) & TN_UC_SPACE);
}

static bool is_letter(uint32_t cp)
{
    return (tn_uc_flags(cp) & (TN_UC_GPT_LETTER | TN_UC_GPT_NUMBER)) != 0;
}

static void put_letters(tn_str s, tn_buf *out)
{
    for (size_t at = 0; at < s.len;) {
        uint32_t lower[2], cp = tn_utf8_next(s, &at);
        unsigned n = tn_uc_lower(cp, lower);
        for (unsigned i = 0; i < n; i++)
            if (!is_punctuation(lower[i]))
                tn_buf_cp(out, lower[i]);
    }
}

/* The article that begins at `at`, in bytes; 0 for none. */
static size_t article_at(tn_str s, size_t at)
{
    static const char *const article[] = {"a", "an", "the"};
    for (size_t i = 0; i < TN_COUNT(article); i++) {
        size_t n = strlen(article[i]), end = at + n;
        if (end <= s.len && memcmp(s.ptr + at, article[i], n) == 0 && (end == s.len || !is_letter(tn_utf8_next(s, &end))))
            return n;
    }
    return 0;
}

static void put_words(tn_str s, tn_buf *out)
{
    bool after_letter = false, gap = false;
    size_t start = out->len;
    for (size_t at = 0; at < s.len;) {
        size_t article = after_letter ? 0 : article_at(s, at);
        if (article) {
            at += article;
            gap = true;
            after_letter = false;
            continue;
        }
        uint32_t cp = tn_utf8_next(s, &at);
        after_letter = is_letter(cp);
        if (is_space(cp)) {
            gap = true;
            continue;
        }
        if (gap && out->len > start)
            tn_buf_char(out, ' ');
        gap = false;
        tn_buf_cp(out, cp);
    }
}

tn_status tn_answer_normalize(tn_str s, tn_buf *out, tn_err *err)
{
    tn_buf letters = TN_BUF_INIT;
    put_letters(s, &letters);
    put_words(tn_buf_view(&letters), out);
    tn_status st = tn_buf_status(&letters, err);
    tn_buf_free(&letters);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}

/* Both are normal forms. */
static tn_status words_in_common(tn_str a, tn_str b, size_t *n_a, size_t *n_b, size_t *common, tn_err *err)
{
    tn_map left = TN_MAP_INIT;
    tn_str word;
    tn_status st = TN_OK;
    *n_a = *n_b = *common = 0;
    while (a.len && tn_str_cut(&a, ' ', &word)) {
        uint64_t *n = tn_map_put(&left, word, 0, NULL);
        if (!n) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            break;
        }
        ++*n;
        ++*n_a;
    }
    while (st == TN_OK && b.len && tn_str_cut(&b, ' ', &word)) {
        uint64_t *n = tn_map_find(&left, word);
        ++*n_b;
        if (n && *n) {
            --*n;
            ++*common;
        }
    }
    tn_map_free(&left);
    return st;
}

static tn_status score_one(tn_str predicted, tn_str right, tn_answer_score *best, tn_err *err)
{
    size_t n_predicted, n_right, common;
    double f1 = 0;
    TN_TRY(words_in_common(predicted, right, &n_predicted, &n_right, &common, err));
    if (n_predicted == 0 || n_right == 0) {
        f1 = n_predicted == n_right;
    } else if (common) {
        double precision = (double)common / (double)n_predicted, recall = (double)common / (double)n_right;
        f1 = 2 * precision * recall / (precision + recall);
    }
    double exact = tn_str_eq(predicted, right);
    best->exact = exact > best->exact ? exact : best->exact;
    best->f1 = f1 > best->f1 ? f1 : best->f1;
    return TN_OK;
}

tn_status tn_answer_score_of(tn_str predicted, const tn_str *right, size_t n, tn_answer_score *out, tn_err *err)
{
    tn_buf said = TN_BUF_INIT, one = TN_BUF_INIT;
    bool any = false;
    *out = (tn_answer_score){0, 0};
    tn_status st = tn_answer_normalize(predicted, &said, err);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        tn_buf_clear(&one);
        st = tn_answer_normalize(right[i], &one, err);
        if (st == TN_OK && one.len) {
            any = true;
            st = score_one(tn_buf_view(&said), tn_buf_view(&one), out, err);
        }
    }
    if (st == TN_OK && !any)
        st = score_one(tn_buf_view(&said), TN_STR(""), out, err);
    tn_buf_free(&said);
    tn_buf_free(&one);
    return st;
}

/* Equal ones are interchangeable but for their scores, and those are only added up. */
static int by_difference(const void *a, const void *b)
{
    const tn_answer_choice *x = a, *y = b;
    if (x->difference != y->difference)
        return x->difference < y->difference ? -1 : 1;
    if (x->answered != y->answered)
        return x->answered < y->answered ? -1 : 1;
    return (x->silent > y->silent) - (x->silent < y->silent);
}

double tn_answer_threshold(tn_answer_choice *row, size_t n, double *score)
{
    double sum = 0;
    qsort(row, n, sizeof *row, by_difference);
    for (size_t i = 0; i < n; i++)
        sum += row[i].silent;
    double best = sum, threshold = nextafter(row[0].difference, -INFINITY);
    for (size_t i = 0; i < n; i++) {
        sum += row[i].answered - row[i].silent;
        if ((i + 1 == n || row[i + 1].difference > row[i].difference) && sum > best) {
            best = sum;
            threshold = row[i].difference;
        }
    }
    *score = best / (double)n;
    return threshold;
}
