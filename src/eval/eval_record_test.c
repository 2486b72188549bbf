#include "eval/record.h"

#include <math.h>

#include "base/rng.h"
#include "test.h"

static const tn_str labels[] = {{"bad", 3}, {"so, so", 6}, {"rất \"tốt\"", 13}};
static const tn_str ids[] = {{"a", 1}, {"b\nc", 3}, {"", 0}, {"=1", 2}};
static const float probability[] = {0.5f, 0.25f, 0.25f, 0.1f, 0.2f, 0.7f, 0, 1, 0, 1e-10f, 0.6f, 0.4f};
static const tn_outcomes outcomes = {4, 3, (int32_t[]){0, 1, 2, 2}, (int32_t[]){0, 2, 1, 1}, probability};

static void scores_as_json(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_scores_class s;
    tn_interval i[TN_N_METRICS] = {
        {.value = NAN}, {0.5, 0.25, 0.75, 0.95, 1000, "BCa", false}, {.value = NAN}, {.value = NAN}};
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    const tn_json *v;
    double x;
    tn_outcomes bare = outcomes;
    bare.probability = NULL;
    ASSERT_OK(tn_classification_score(&bare, a, &s, &err), &err);
    tn_jw_init(&w, &b, 0);
    tn_record_scores(&s, labels, i, &w);
    ASSERT_OK(tn_buf_status(&b, &err), &err);
    ASSERT_OK(tn_json_parse(tn_buf_view(&b), a, &v, &err), &err);
    assert_true(tn_json_f64(tn_json_get(v, "accuracy"), &x) && x == 0.25);
    assert_int_equal(tn_json_type(tn_json_get(v, "log_loss")), TN_JSON_NULL);
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/per_class/1/label")), "so, so");
    ASSERT_STR(tn_json_text(tn_json_pointer(v, "/confusion/2/1")), "2");
    ASSERT_STR(tn_json_text(tn_json_pointer(v, "/intervals/macro_f1/high")), "0.75");
    ASSERT_STR(tn_json_str(tn_json_pointer(v, "/intervals/macro_f1/method")), "BCa");
    assert_int_equal(tn_json_len(tn_json_get(v, "intervals")), 1);

    tn_buf_clear(&b);
    tn_jw_init(&w, &b, 0);
    tn_record_scores(&s, labels, NULL, &w);
    ASSERT_OK(tn_json_parse(tn_buf_view(&b), a, &v, &err), &err);
    assert_null(tn_json_get(v, "intervals"));
    tn_buf_free(&b);
    tn_arena_free(a);
}

static void predictions_go_round(void **state)
{
    for (int with = 0; with < 2; with++) {
        tn_arena *a = tn_arena_new(0);
        tn_err err = TN_ERR_INIT;
        tn_buf b = TN_BUF_INIT;
        tn_predictions p;
        tn_outcomes o = outcomes;
        if (!with)
            o.probability = NULL;
        ASSERT_OK(tn_record_predictions(&o, ids, labels, &b, &err), &err);
        ASSERT_OK(tn_record_predictions_parse(tn_buf_view(&b), labels, 3, a, &p, &err), &err);
        assert_int_equal(p.n, 4);
        assert_int_equal(p.outcomes.n, 4);
        for (int i = 0; i < 4; i++)
            assert_true(tn_str_eq(p.id[i], ids[i]));
        assert_memory_equal(p.outcomes.label, o.label, 4 * sizeof *o.label);
        assert_memory_equal(p.outcomes.predicted, o.predicted, 4 * sizeof *o.label);
        if (with)
            assert_memory_equal(p.outcomes.probability, probability, sizeof probability);
        else
            assert_null(p.outcomes.probability);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void floats_read_back_to_the_same_bits(void **state)
{
    enum { N = 2000 };
    static float p[N];
    static int32_t zero[N];
    static tn_str id[N];
    tn_rng r = tn_rng_init(1, 0);
    for (int i = 0; i < N; i++) {
        uint32_t bits = tn_rng_u32(&r) % 0x3F800001u;
        memcpy(&p[i], &bits, 4);
        id[i] = TN_STR("x");
    }
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_predictions back;
    ASSERT_OK(tn_record_predictions(&(tn_outcomes){N, 1, zero, zero, p}, id, labels, &b, &err), &err);
    ASSERT_OK(tn_record_predictions_parse(tn_buf_view(&b), labels, 1, a, &back, &err), &err);
    assert_memory_equal(back.outcomes.probability, p, sizeof p);
    tn_buf_free(&b);
    tn_arena_free(a);
}

static void edited_files_are_refused(void **state)
{
    static const tn_str two[] = {{"n", 1}, {"p", 1}};
    static const struct {
        const char *csv, *says;
        tn_status status;
    } row[] = {
        {"", "1: ", TN_EFORMAT},
        {"id,label,predicted,n,p\n", "", TN_OK},
        {"id,label,predicted\na,n,p\n", "", TN_OK},
        {"id,label,predicted,p,n\na,n,p,0.5,0.5\n", "1: ", TN_EFORMAT},
        {"id,label,predicted,n\na,n,p,0.5\n", "1: ", TN_EFORMAT},
        {"id,label\na,n\n", "1: ", TN_EFORMAT},
        {"ID,label,predicted\na,n,p\n", "1: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,0.5\n", "2: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,0.5,0.5\nb,q,p,1,0\n", "3: \"q\"", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,,0.5,0.5\n", "2: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,0.5,nan\n", "2: \"nan\"", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,0.5,1.5\n", "2: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,-0.5,0.5\n", "2: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,,0.5\n", "2: ", TN_EFORMAT},
        {"id,label,predicted,n,p\na,n,p,0.5,\"0.5\n", "2: ", TN_EFORMAT},
    };
    tn_arena *a = tn_arena_new(0);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        tn_predictions p;
        tn_status st = tn_record_predictions_parse(tn_str_of(row[i].csv), two, 2, a, &p, &err);
        if (st != row[i].status || !strstr(err.msg, row[i].says))
            fail_msg("row %zu: status %d, \"%s\"", i, (int)st, err.msg);
    }
    tn_arena_free(a);
}

static void worst_errors_come_first(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    uint32_t *row;
    size_t n;
    const double badness[] = {0, 0.4, 0.9, 0.4};
    ASSERT_OK(tn_worst_rows(badness, 4, 10, a, &row, &n, &err), &err);
    assert_int_equal(n, 3); /* a right row is none; of equals the earlier one */
    assert_true(row[0] == 2 && row[1] == 1 && row[2] == 3);
    ASSERT_OK(tn_worst_rows(badness, 4, 1, a, &row, &n, &err), &err);
    assert_true(n == 1 && row[0] == 2);
    ASSERT_OK(tn_worst_rows(badness, 4, 0, a, &row, &n, &err), &err);
    assert_int_equal(n, 0);
    tn_arena_free(a);
}

static tn_status write_read_rank(tn_err *err)
{
    tn_predictions p;
    uint32_t *row;
    size_t n;
    tn_status st;
    tn_buf b = TN_BUF_INIT;
    tn_arena *a = tn_arena_new(16);
    if (!a)
        return TN_ENOMEM;
    TN_GO(tn_record_predictions(&outcomes, ids, labels, &b, err));
    TN_GO(tn_record_predictions_parse(tn_buf_view(&b), labels, 3, a, &p, err));
    TN_GO(tn_worst_rows((const double[]){0, 1, 2}, 3, 3, a, &row, &n, err));
done:
    tn_buf_free(&b);
    tn_arena_free(a);
    return st;
}

static void survives_failed_allocations(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = write_read_rank(&err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_as_json),
        cmocka_unit_test(predictions_go_round),
        cmocka_unit_test(floats_read_back_to_the_same_bits),
        cmocka_unit_test(edited_files_are_refused),
        cmocka_unit_test(worst_errors_come_first),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
