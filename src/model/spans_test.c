/* Windows and logits by hand; against Python on random ones: tests/parity/answers_parity.py. */
#include "model/spans.h"

#include "test.h"

#include <float.h>
#include <math.h>

/* Passage "w0 w1 w2 ...": token i is [3i, 3i + 2). Two windows of four of its tokens with an overlap of two, behind
 * "[CLS] q [SEP]", before "[SEP]". */
enum { N = 6 };
static size_t at[] = {0, 8, 16}, first[] = {3, 3}, from[] = {0, 2}, count[] = {4, 4};
static uint32_t start[N] = {0, 3, 6, 9, 12, 15}, end[N] = {2, 5, 8, 11, 14, 17}, word[N] = {0, 1, 1, 2, 3, 4};
static const tn_windows two = {.n = 2, .at = at, .first = first, .from = from, .count = count, .n_second = N, .start = start,
                               .end = end, .word = word};
static const tn_str passage = {"w0 w1 w2 w3 w4 w5", 17};

static void targets_are_whole_or_none(void **state)
{
    static const struct {
        uint32_t start, end;
        int32_t first[2], last[2]; /* by window */
    } rows[] = {
        {0, 2, {3, 0}, {3, 0}},   {3, 8, {4, 0}, {5, 0}},     {6, 11, {5, 3}, {6, 4}}, {9, 14, {0, 4}, {0, 5}},
        {15, 17, {0, 6}, {0, 6}}, {9, 11, {6, 4}, {6, 4}},    /* a window's last token */
        {7, 8, {5, 3}, {5, 3}},   {4, 7, {4, 0}, {5, 0}},     /* inside tokens: they are taken whole */
        {0, 17, {0, 0}, {0, 0}},  {TN_WINDOW_TOKENS, 999, {0, 0}, {0, 0}},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++)
        for (size_t w = 0; w < 2; w++) {
            int32_t a, b;
            tn_window_target(&two, w, rows[i].start, rows[i].end, &a, &b);
            if (a != rows[i].first[w] || b != rows[i].last[w])
                fail_msg("[%u, %u) in window %zu: %d to %d", rows[i].start, rows[i].end, w, a, b);
        }
}

static void set(float *z, size_t w, size_t token, float s, float e)
{
    z[2 * (at[w] + token)] = s;
    z[2 * (at[w] + token) + 1] = e;
}

static void the_best_spans(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    float z[32] = {0};
    tn_spans s;
    set(z, 0, 0, 2, 1);  /* no answer: 3 here, */
    set(z, 1, 0, 1, 0);  /* and 1 in the second window, which counts */
    set(z, 0, 4, 5, 0);  /* w1 begins, */
    set(z, 0, 6, 0, 6);  /* w3 ends: 11 */
    set(z, 0, 2, 9, 9);  /* the question has no part */
    set(z, 1, 4, 4, 4);  /* w3 alone in the second window: 8 */
    ASSERT_OK(tn_spans_best(&two, z, &(tn_spans_options){0}, a, &s, &err), &err);
    assert_int_equal(s.n, 20);
    assert_true(s.best == 0 && s.span[0].start == 3 && s.span[0].end == 11 && s.span[0].score == 11);
    assert_true(s.span[1].score == 8 && s.span[1].start == 9 && s.span[1].end == 11);
    double sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += s.span[i].probability;
    assert_true(fabs(sum - 1) < 1e-12);
    assert_true(s.null_score == 1 && s.difference == 1 - 11);
    /* One token at most: w3 twice; the first window's is 6. */
    ASSERT_OK(tn_spans_best(&two, z, &(tn_spans_options){.max_answer_tokens = 1}, a, &s, &err), &err);
    assert_true(s.span[0].score == 8 && s.span[1].score == 6);
    /* No answer is kept, also when it is not among the best. */
    ASSERT_OK(tn_spans_best(&two, z, &(tn_spans_options){.n_best = 2, .impossible = true}, a, &s, &err), &err);
    assert_int_equal(s.n, 3);
    assert_true(s.span[2].start == 0 && s.span[2].end == 0 && s.span[2].score == 1);
    set(z, 0, 0, 50, 50);
    set(z, 1, 0, 50, 50);
    ASSERT_OK(tn_spans_best(&two, z, &(tn_spans_options){.impossible = true}, a, &s, &err), &err);
    assert_true(s.span[0].end == 0 && s.best == 1 && s.difference == 100 - 11);
    /* A passage without tokens has no span. */
    size_t none[] = {0, 0}, end_of[] = {0, 4};
    tn_windows empty = {.n = 1, .at = end_of, .first = none, .from = none, .count = none};
    ASSERT_OK(tn_spans_best(&empty, z, &(tn_spans_options){0}, a, &s, &err), &err);
    assert_true(s.n == 0 && s.best == 0 && s.difference == DBL_MAX);
    tn_arena_free(a);
}

static void answers_as_the_pipeline_gives_them(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    float z[32];
    tn_passage_answer *x;
    size_t n;
    for (size_t i = 0; i < 32; i++)
        z[i] = -200; /* so that what is set has all the probability */
    set(z, 0, 0, 0, 0);
    set(z, 0, 5, 0, 0); /* half of the first window each: no answer, w2 */
    set(z, 1, 3, 9, 9); /* w2 again, all of the second window */
    ASSERT_OK(tn_spans_answer(&two, passage, z, &(tn_answer_options){.top_k = 2}, a, &x, &n, &err), &err);
    assert_int_equal(n, 2);
    ASSERT_STR(x[0].answer, "w2"); /* the second window does not have the rest of its word */
    ASSERT_STR(x[1].answer, "w1 w2");
    assert_true(x[1].start == 3 && x[1].end == 8);
    ASSERT_OK(tn_spans_answer(&two, passage, z, &(tn_answer_options){.as_tokens = true, .top_k = 3, .impossible = true}, a, &x,
                              &n, &err),
              &err);
    ASSERT_STR(x[0].answer, "w2"); /* of both windows together: 1/4 + 1 */
    assert_true(fabs(x[0].score - 1.25) < 1e-9);
    tn_arena_free(a);
}

static void every_allocation_may_fail(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    float z[32] = {0};
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        tn_spans s;
        tn_passage_answer *x;
        size_t n;
        st = a ? tn_spans_best(&two, z, &(tn_spans_options){0}, a, &s, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_spans_answer(&two, passage, z, &(tn_answer_options){.top_k = 9}, a, &x, &n, &err);
        tn_arena_free(a);
    })
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(targets_are_whole_or_none),
        cmocka_unit_test(the_best_spans),
        cmocka_unit_test(answers_as_the_pipeline_gives_them),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
