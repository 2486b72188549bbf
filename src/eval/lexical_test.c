#include "eval/lexical.h"

#include "test.h"

static const tn_str right[] = {{"Bob", 3}, {"Hanoi", 5}, {"Saigon", 6}};
static const tn_lexical_row rows[] = {
    {{"Who met Ann in the park?", 24}, {"It rained. Yesterday Ann met Bob in the park. Nothing else.", 59}, &right[0], 1},
    {{"Where does Ann live?", 20}, {"Ann can live in Hanoi. It is big.", 33}, &right[1], 1},
    {{"Where does Eve live?", 20}, {"Big it is. Eve can live in Saigon.", 34}, &right[2], 1},
};

static void sentences_end_where_they_end(void **state)
{
    static const struct {
        const char *text, *want; /* parts joined by '|' */
    } cases[] = {
        {"One. Two! Three?", "One.|Two!|Three?"},
        {"3.5 tons", "3.5 tons"},
        {"a\nb", "a|b"},
        {"一。二！", "一。|二！"},
        {"  ", ""},
        {"\xff. x", "\xff.|x"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_str rest = tn_str_of(cases[i].text), s;
        while (tn_sentence_cut(&rest, &s)) {
            tn_buf_c(&b, b.len ? "|" : "");
            tn_buf_str(&b, s);
        }
        if (!tn_str_is(tn_buf_view(&b), cases[i].want))
            fail_msg("\"%s\": %.*s", cases[i].text, TN_ARG(tn_buf_view(&b)));
        tn_buf_free(&b);
    }
    char many[2 * 1000 + 1];
    for (size_t i = 0; i < 1000; i++)
        memcpy(many + 2 * i, "a ", 2);
    tn_str rest = {many, 2000}, s;
    size_t n = 0;
    while (tn_sentence_cut(&rest, &s))
        n++;
    assert_int_equal(n, 10);
}

static void words_beside_the_shared_ones(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_lexical *m;
    tn_str out;
    ASSERT_OK(tn_lexical_fit(rows, TN_COUNT(rows), &m, &err), &err);
    assert_int_equal(tn_lexical_words(m), 2); /* "in Hanoi." is worth more than "in" */
    ASSERT_OK(tn_lexical_answer(m, rows[0].question, rows[0].passage, &out, &err), &err);
    assert_true(tn_str_find(out, TN_STR("Bob"), 0) != SIZE_MAX);
    ASSERT_OK(tn_lexical_answer(m, TN_STR("?"), TN_STR("  "), &out, &err), &err);
    ASSERT_STR(out, "");
    ASSERT_OK(tn_lexical_answer(m, TN_STR("one two"), TN_STR("one two"), &out, &err), &err);
    ASSERT_STR(out, "one"); /* all are asked for: any */
    tn_lexical_free(m);
    ASSERT_OK(tn_lexical_fit(NULL, 0, &m, &err), &err);
    ASSERT_OK(tn_lexical_answer(m, rows[0].question, rows[0].passage, &out, &err), &err);
    assert_true(out.len > 0);
    tn_lexical_free(m);
}

static void every_allocation_may_fail(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_lexical *m;
        tn_str out;
        st = tn_lexical_fit(rows, TN_COUNT(rows), &m, &err);
        if (st == TN_OK)
            st = tn_lexical_answer(m, rows[0].question, rows[0].passage, &out, &err);
        tn_lexical_free(m);
    })
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(sentences_end_where_they_end),
                                     cmocka_unit_test(words_beside_the_shared_ones),
                                     cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
