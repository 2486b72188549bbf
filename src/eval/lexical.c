/* Sentences have at most 100 words, so a question costs words of the passage times a constant. Words are compared in
 * SQuAD's normal form; a word of which nothing is left (an article, a mark) still counts as a place. */
#include "eval/lexical.h"

#include "base/clock.h"
#include "base/fmath.h"
#include "base/map.h"
#include "metric/answers.h"
#include "text/unicode.h"

#include <string.h>

enum { SENTENCE_WORDS = 100, MAX_WORDS = 8, FIT_ROWS = 1000 };

struct tn_lexical {
    tn_arena *arena;
    tn_map df; /* word -> passages that have it */
    size_t n_passages;
    int n_words;
};

/* ---- sentences ---- */

static bool ends_sentence(uint32_t cp)
{
    return cp == '.' || cp == '!' || cp == '?' || cp == 0x3002 || cp == 0xFF01 || cp == 0xFF1F;
}

bool tn_sentence_cut(tn_str *rest, tn_str *sentence)
{
    *rest = tn_str_trim(*rest);
    size_t at = 0, words = 0;
    bool end = false, wide = false, in_word = false;
    while (at < rest->len) {
        size_t before = at;
        uint32_t cp = tn_utf8_next(*rest, &at);
        bool blank = (tn_uc_flags(cp) & TN_UC_SPACE) != 0;
        words += in_word && blank;
        if ((blank && (end || cp == '\n' || words >= SENTENCE_WORDS)) || wide) {
            at = before;
            break;
        }
        in_word = !blank;
        end = ends_sentence(cp);
        wide = end && cp > 0x7F; /* no blank follows these */
    }
    *sentence = tn_str_trim(tn_str_sub(*rest, 0, at));
    *rest = tn_str_sub(*rest, at, rest->len);
    return sentence->len > 0;
}

/* ---- words ---- */

typedef struct {
    tn_str form, raw; /* normal form, in the arena; slice of the text */
    double weight;    /* of a word that the question has too; otherwise 0 */
} word;

static bool next_word(tn_str *rest, tn_str *out)
{
    size_t from = SIZE_MAX, at = 0;
    while (at < rest->len) {
        size_t before = at;
        bool blank = (tn_uc_flags(tn_utf8_next(*rest, &at)) & TN_UC_SPACE) != 0;
        if (!blank && from == SIZE_MAX)
            from = before;
        if (blank && from != SIZE_MAX) {
            *out = tn_str_sub(*rest, from, before);
            *rest = tn_str_sub(*rest, at, rest->len);
            return true;
        }
    }
    *out = from == SIZE_MAX ? TN_STR("") : tn_str_sub(*rest, from, rest->len);
    *rest = TN_STR("");
    return out->len > 0;
}

static tn_status form_of(tn_str raw, tn_buf *b, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_buf_clear(b);
    TN_TRY(tn_answer_normalize(raw, b, err));
    *out = tn_str_dup(a, tn_buf_view(b));
    return out->ptr ? TN_OK : tn_fail_nomem(err, b->len);
}

static double rarity(const tn_lexical *m, tn_str form)
{
    const uint64_t *df = tn_map_find(&m->df, form);
    return tn_log(((double)m->n_passages + 1) / ((df ? (double)*df : 0) + 1)) + 1;
}

/* ---- an answer ---- */

typedef struct {
    const tn_lexical *m;
    tn_arena *a;
    tn_buf b;
    tn_map asked; /* words of the question */
    word now[2 * SENTENCE_WORDS], best[2 * SENTENCE_WORDS];
    size_t n_best;
    double best_score;
} reader;

static tn_status read_question(reader *r, tn_str question, tn_err *err)
{
    tn_str raw, form;
    while (next_word(&question, &raw)) {
        TN_TRY(form_of(raw, &r->b, r->a, &form, err));
        if (form.len && !tn_map_put(&r->asked, form, 0, NULL))
            return tn_fail_nomem(err, sizeof(tn_map_entry));
    }
    return TN_OK;
}

static tn_status weigh_sentence(reader *r, tn_str sentence, size_t number, tn_err *err)
{
    size_t n = 0;
    double score = 0;
    tn_str raw;
    while (n < TN_COUNT(r->now) && next_word(&sentence, &raw)) {
        word *w = &r->now[n++];
        *w = (word){.raw = raw};
        TN_TRY(form_of(raw, &r->b, r->a, &w->form, err));
        uint64_t *in = w->form.len ? tn_map_find(&r->asked, w->form) : NULL;
        if (!in)
            continue;
        w->weight = rarity(r->m, w->form);
        if (*in != number) /* each word of the question counts once a sentence */
            score += w->weight;
        *in = number;
    }
    if (n && (r->n_best == 0 || score > r->best_score)) {
        memcpy(r->best, r->now, n * sizeof *r->now);
        r->n_best = n;
        r->best_score = score;
    }
    return TN_OK;
}

/* The first word of the run of k, none of them asked for, that asked words stand nearest to; SIZE_MAX without such a run. */
static size_t nearest_run(const reader *r, size_t k)
{
    size_t best = SIZE_MAX;
    double best_score = -1;
    const word *w = r->best;
    for (size_t i = 0; i + k <= r->n_best; i++) {
        double score = 0;
        bool asked = false;
        for (size_t j = 0; j < r->n_best; j++) {
            asked = asked || (j >= i && j < i + k && w[j].weight > 0);
            if (j < i || j >= i + k)
                score += w[j].weight / (double)(1 + (j < i ? i - j : j - (i + k - 1)));
        }
        if (!asked && score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* k words, or fewer where no run of k is free of asked ones; the first word when each one is asked for. */
static tn_str nearest_words(const reader *r, size_t k)
{
    size_t at = SIZE_MAX;
    for (; k > 0 && (at = nearest_run(r, k)) == SIZE_MAX; k--)
        ;
    const tn_str *first = &r->best[at == SIZE_MAX ? 0 : at].raw, *last = at == SIZE_MAX ? first : &r->best[at + k - 1].raw;
    return (tn_str){first->ptr, (size_t)(last->ptr + last->len - first->ptr)};
}

static tn_status read_passage(reader *r, tn_str question, tn_str passage, tn_err *err)
{
    tn_str sentence;
    TN_TRY(read_question(r, question, err));
    for (size_t n = 1; tn_sentence_cut(&passage, &sentence); n++)
        TN_TRY(weigh_sentence(r, sentence, n, err));
    return TN_OK;
}

static tn_status open_reader(const tn_lexical *m, reader **out, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    *out = a ? tn_arena_calloc(a, sizeof **out) : NULL;
    if (!*out) {
        tn_arena_free(a);
        return tn_fail_nomem(err, sizeof **out);
    }
    (*out)->m = m;
    (*out)->a = a;
    return TN_OK;
}

static void close_reader(reader *r)
{
    tn_arena *a = r->a;
    tn_buf_free(&r->b);
    tn_map_free(&r->asked);
    tn_arena_free(a);
}

tn_status tn_lexical_answer(const tn_lexical *m, tn_str question, tn_str passage, tn_str *out, tn_err *err)
{
    reader *r;
    *out = TN_STR("");
    TN_TRY(open_reader(m, &r, err));
    tn_status st = read_passage(r, question, passage, err);
    if (st == TN_OK && r->n_best)
        *out = nearest_words(r, (size_t)m->n_words);
    close_reader(r);
    return st;
}

/* ---- fitting ---- */

static tn_status count_passage(tn_lexical *m, tn_str passage, tn_arena *scratch, tn_buf *b, tn_err *err)
{
    tn_map here = TN_MAP_INIT;
    tn_status st = TN_OK;
    tn_str raw, form;
    m->n_passages++;
    while (next_word(&passage, &raw)) {
        bool is_new;
        TN_GO(form_of(raw, b, scratch, &form, err));
        if (!form.len)
            continue;
        if (!tn_map_put(&here, form, 0, &is_new)) {
            st = tn_fail_nomem(err, sizeof(tn_map_entry));
            goto done;
        }
        uint64_t *df = is_new ? tn_map_find(&m->df, form) : NULL;
        if (is_new && !df) {
            tn_str kept = tn_str_dup(m->arena, form);
            df = kept.ptr ? tn_map_put(&m->df, kept, 0, NULL) : NULL;
            if (!df) {
                st = tn_fail_nomem(err, form.len);
                goto done;
            }
        }
        if (df)
            ++*df;
    }
done:
    tn_map_free(&here);
    return st;
}

static tn_status choose_words(tn_lexical *m, const tn_lexical_row *row, size_t n, tn_err *err)
{
    double sum[MAX_WORDS + 1] = {0};
    size_t step = n / FIT_ROWS + 1;
    for (size_t i = 0; i < n; i += step) {
        reader *r;
        if (row[i].n_right == 0)
            continue;
        TN_TRY(tn_interrupt_check(err));
        TN_TRY(open_reader(m, &r, err));
        tn_status st = read_passage(r, row[i].question, row[i].passage, err);
        for (size_t k = 1; st == TN_OK && r->n_best && k <= MAX_WORDS; k++) {
            tn_answer_score s;
            st = tn_answer_score_of(nearest_words(r, k), row[i].right, row[i].n_right, &s, err);
            sum[k] += s.f1;
        }
        close_reader(r);
        TN_TRY(st);
    }
    for (int k = 2; k <= MAX_WORDS; k++)
        if (sum[k] > sum[m->n_words])
            m->n_words = k;
    return TN_OK;
}

static tn_status fit(tn_lexical *m, const tn_lexical_row *row, size_t n, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    tn_status st = scratch ? TN_OK : tn_fail_nomem(err, 65536);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        if (i > 0 && tn_str_eq(row[i].passage, row[i - 1].passage))
            continue;
        tn_arena_reset(scratch);
        st = count_passage(m, row[i].passage, scratch, &b, err);
    }
    tn_buf_free(&b);
    tn_arena_free(scratch);
    return st == TN_OK ? choose_words(m, row, n, err) : st;
}

tn_status tn_lexical_fit(const tn_lexical_row *row, size_t n, tn_lexical **out, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_lexical *m = a ? tn_arena_calloc(a, sizeof *m) : NULL;
    *out = NULL;
    if (!m) {
        tn_arena_free(a);
        return tn_fail_nomem(err, sizeof *m);
    }
    m->arena = a;
    m->n_words = 1;
    tn_status st = fit(m, row, n, err);
    if (st != TN_OK)
        tn_lexical_free(m);
    else
        *out = m;
    return st;
}

void tn_lexical_free(tn_lexical *m)
{
    if (!m)
        return;
    tn_map_free(&m->df);
    tn_arena_free(m->arena);
}

int tn_lexical_words(const tn_lexical *m)
{
    return m->n_words;
}
