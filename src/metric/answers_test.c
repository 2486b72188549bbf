#include "metric/answers.h"

#include "test.h"

#include <math.h>

static void normal_forms(void **state)
{
    static const struct {
        const char *text, *normal;
    } rows[] = {
        {"The  Cat's  a hat.", "cats hat"},
        {"", ""},
        {"a", ""},
        {"The an A", ""},
        {"theatre another area", "theatre another area"},
        {"a-b the_c", "ab thec"}, /* punctuation goes before articles are looked for */
        {"“the” end", "“ ” end"}, /* only ASCII punctuation goes */
        {"Đà Nẵng, 1.5 tỷ", "đà nẵng 15 tỷ"},
        {"a\u0301 b", "\u0301 b"}, /* a mark is no letter to the script */
        {"x\u00a0\u2003y\x1cz\n", "x y z"},
        {"a1 the9", "a1 the9"},
        {"ÀN an", "àn"},
        {"中a中", "中a中"},
        {"İ", "i\u0307"},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_buf b = TN_BUF_INIT;
        ASSERT_OK(tn_answer_normalize(tn_str_of(rows[i].text), &b, &err), &err);
        if (!tn_str_is(tn_buf_view(&b), rows[i].normal))
            fail_msg("\"%s\" became \"%.*s\"", rows[i].text, TN_ARG(tn_buf_view(&b)));
        tn_buf_free(&b);
    }
}

static void scores(void **state)
{
    static const struct {
        const char *predicted, *right[3]; /* NULL at the end */
        double exact, f1;
    } rows[] = {
        {"the Panthers", {"Panthers"}, 1, 1},
        {"Denver Broncos", {"Broncos", "the Denver Broncos!"}, 1, 1},
        {"in the year 1999", {"1999"}, 0, 0.5},
        {"a b b b", {"b b c"}, 0, 2. * (2. / 3) * (2. / 3) / (4. / 3)},
        {"x", {"y"}, 0, 0},
        {"", {"y"}, 0, 0},
        {"", {NULL}, 1, 1},
        {"x", {NULL}, 0, 0},
        {"", {"the", "."}, 1, 1}, /* nothing is left of them */
        {"x", {"the", "x y"}, 0, 2. / 3},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_str right[3];
        size_t n = 0;
        for (; n < 3 && rows[i].right[n]; n++)
            right[n] = tn_str_of(rows[i].right[n]);
        tn_answer_score s;
        ASSERT_OK(tn_answer_score_of(tn_str_of(rows[i].predicted), right, n, &s, &err), &err);
        if (s.exact != rows[i].exact || fabs(s.f1 - rows[i].f1) > 1e-15)
            fail_msg("\"%s\": %g and %g", rows[i].predicted, s.exact, s.f1);
    }
}

static void the_threshold_is_the_best(void **state)
{
    static const struct {
        tn_answer_choice row[4];
        size_t n;
        double threshold, score;
    } rows[] = {
        {{{3, 1, 0}, {-1, 1, 0}, {5, 0, 1}}, 3, 3, 1},
        {{{1, 1, 0}, {2, 0, 1}, {3, 1, 0}, {4, 0, 1}}, 4, 1, 0.75}, /* the least of equals */
        {{{1, 1, 0}, {1, 0, 1}}, 2, 0, 0.5},                        /* equal differences fall together; silence is as good */
        {{{7, 0, 1}}, 1, 0, 1},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_answer_choice row[4];
        double score, t;
        memcpy(row, rows[i].row, sizeof row);
        t = tn_answer_threshold(row, rows[i].n, &score);
        if (rows[i].threshold == 0)
            assert_true(t < row[0].difference && t > row[0].difference - 1e-9);
        else
            assert_true(t == rows[i].threshold);
        assert_true(score == rows[i].score);
    }
}

static void every_allocation_may_fail(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    const tn_str right[] = {TN_STR("the cat sat"), TN_STR("a cat")};
    tn_answer_score s;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_answer_score_of(TN_STR("the cat"), right, 2, &s, &err))
    assert_true(s.exact == 1);
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(normal_forms), cmocka_unit_test(scores),
                                     cmocka_unit_test(the_threshold_is_the_best),
                                     cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
