#include <math.h>

#include "base/file.h"
#include "eval/baseline.h"
#include "test.h"

enum { MAX = 64, L = 3 };

typedef struct {
    tn_arena *arena;
    int32_t n_train, n_test;
    tn_str train[MAX], test[MAX];
    int32_t label[MAX];
    double want[3][MAX * L]; /* by C = 1, 10, 100 */
} golden;

static void read_golden(golden *g)
{
    tn_bytes b;
    tn_err err = TN_ERR_INIT;
    *g = (golden){.arena = tn_arena_new(0)};
    ASSERT_OK(tn_file_read("tests/data/ngrams.txt", 1 << 20, g->arena, &b, &err), &err);
    tn_str rest = tn_str_from_bytes(b), line, part;
    int c = -1, at = 0;
    while (tn_str_cut(&rest, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (tn_str_starts(line, "train ")) {
            g->label[g->n_train] = line.ptr[6] - '0';
            g->train[g->n_train++] = tn_str_sub(line, 8, line.len);
        } else if (tn_str_starts(line, "test ")) {
            g->test[g->n_test++] = tn_str_sub(line, 5, line.len);
        } else if (tn_str_starts(line, "C ")) {
            c++;
            at = 0;
        } else {
            while (tn_str_cut(&line, ' ', &part))
                assert_true(tn_str_to_f64(part, &g->want[c][at++]));
        }
    }
    assert_true(c == 2 && at == g->n_test * L && g->n_train == 15);
}

static tn_status fit_predict(const golden *g, tn_pool *pool, float *p, char settings[200], tn_err *err)
{
    tn_ngram *m;
    TN_TRY(tn_ngram_fit(g->train, g->label, g->n_train, L, pool, NULL, &m, err));
    snprintf(settings, 200, "%s", tn_ngram_settings(m));
    tn_status st = tn_ngram_predict(m, g->test, g->n_test, p, err);
    tn_ngram_free(m);
    return st;
}

static void equals_scikit_learn(void **state)
{
    static golden g;
    float p[MAX * L];
    char settings[200];
    tn_err err = TN_ERR_INIT;
    read_golden(&g);
    ASSERT_OK(fit_predict(&g, NULL, p, settings, &err), &err);
    int c = strstr(settings, "C = 100,") ? 2 : strstr(settings, "C = 10,") ? 1 : 0;
    for (int i = 0; i < g.n_test * L; i++)
        if (!(fabs((double)p[i] - g.want[c][i]) <= 1e-3))
            fail_msg("text %d, label %d: %g, wanted %g (%s)", i / L, i % L, (double)p[i], g.want[c][i], settings);
    if (!strstr(settings, "word 1-2-grams and character 2-5-grams, TF-IDF, logistic regression, C = ") ||
        !strstr(settings, ", 165 features"))
        fail_msg("settings: %s", settings);
    tn_arena_free(g.arena);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static golden g;
    float one[MAX * L], many[MAX * L];
    char settings[200];
    tn_err err = TN_ERR_INIT;
    tn_pool *pool;
    read_golden(&g);
    ASSERT_OK(fit_predict(&g, NULL, one, settings, &err), &err);
    ASSERT_OK(tn_pool_new(3, &pool, &err), &err);
    ASSERT_OK(fit_predict(&g, pool, many, settings, &err), &err);
    assert_memory_equal(one, many, (size_t)g.n_test * L * sizeof *one);
    tn_pool_free(pool);
    tn_arena_free(g.arena);
}

static void case_form_and_neighbours_do_not_matter(void **state)
{
    static golden g;
    tn_err err = TN_ERR_INIT;
    tn_ngram *m;
    read_golden(&g);
    ASSERT_OK(tn_ngram_fit(g.train, g.label, g.n_train, L, NULL, NULL, &m, &err), &err);
    /* "rất tốt" in lower case, in capitals, decomposed. */
    const tn_str same[] = {TN_STR("rất tốt"), TN_STR("RẤT TỐT"), TN_STR("ra\xCC\x82\xCC\x81t to\xCC\x82\xCC\x81t")};
    float p[3 * L], alone[L];
    ASSERT_OK(tn_ngram_predict(m, same, 3, p, &err), &err);
    assert_memory_equal(p, p + L, L * sizeof *p);
    assert_memory_equal(p, p + 2 * L, L * sizeof *p);
    ASSERT_OK(tn_ngram_predict(m, &same[2], 1, alone, &err), &err);
    assert_memory_equal(p, alone, sizeof alone);
    ASSERT_OK(tn_ngram_predict(m, NULL, 0, NULL, &err), &err);
    tn_ngram_free(m);
    tn_arena_free(g.arena);
}

static void small_and_bad_data(void **state)
{
    const tn_str text[] = {TN_STR("một"), TN_STR("hai"), TN_STR(""), TN_STR("\xFF")};
    const int32_t label[] = {0, 1, 1, 0}, wrong[] = {0, 2};
    tn_err err = TN_ERR_INIT;
    tn_ngram *m = NULL;
    float p[8];
    /* Nothing occurs twice: no feature, the bias says what is commoner. */
    ASSERT_OK(tn_ngram_fit(text, label, 3, 2, NULL, NULL, &m, &err), &err);
    assert_non_null(strstr(tn_ngram_settings(m), ", 0 features"));
    ASSERT_OK(tn_ngram_predict(m, text, 2, p, &err), &err);
    assert_true(fabs((double)p[0] - 1.0 / 3) < 1e-3 && p[0] == p[2]);
    ASSERT_FAILS(tn_ngram_predict(m, text, 4, p, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "row 3"));
    tn_ngram_free(m);
    ASSERT_OK(tn_ngram_fit(text, label, 1, 1, NULL, NULL, &m, &err), &err);
    tn_ngram_free(m);
    tn_ngram_free(NULL);
    ASSERT_FAILS(tn_ngram_fit(text, label, 0, 2, NULL, NULL, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_ngram_fit(text, wrong, 2, 2, NULL, NULL, &m, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_ngram_fit(text, label, 4, 2, NULL, NULL, &m, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "row 3"));
}

static void survives_failed_allocations(void **state)
{
    const tn_str text[] = {TN_STR("rất tốt"), TN_STR("tốt"), TN_STR("tệ"),
                           TN_STR("rất tệ"),  TN_STR("tệ"),  TN_STR("tốt")};
    golden g = {.n_train = 6, .n_test = 2, .label = {0, 0, 1, 1, 1, 0}};
    memcpy(g.train, text, sizeof text);
    memcpy(g.test, text, 2 * sizeof *text);
    float p[2 * L];
    char settings[200];
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = fit_predict(&g, NULL, p, settings, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scikit_learn),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(case_form_and_neighbours_do_not_matter),
        cmocka_unit_test(small_and_bad_data),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
