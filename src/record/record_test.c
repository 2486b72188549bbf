/* Promises of record/folder.h and record/record.h. */
#include "test.h"

#include "record/folder.h"
#include "record/record.h"

#include <unistd.h>

static void records_are_written_whole_and_read_by_address(void **state)
{
    char dir[] = "/tmp/tn-record-XXXXXX";
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_records *r;
    tn_err err;
    double v;
    assert_non_null(mkdtemp(dir));
    ASSERT_OK(tn_folder_make(dir, a, &f, &err), &err);
    static const char *const record[][2] = {{"eval/metrics.json", "{\"test\":{\"macro_f1\":0.8125,\"n\":1234}}"},
                                            {"experiment/candidates.csv", "model,fit\nx/y,fits\n\"a,b\",poor\n"},
                                            {"tune/steps.jsonl", "{\"loss\":1.5}\n{\"loss\":0.5}\n"},
                                            {"plan.yaml", "recipe:\n  epochs: {value: 3}\n"},
                                            {"env.json", "{broken"}};
    for (size_t i = 0; i < TN_COUNT(record); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_buf_c(&b, record[i][1]);
        ASSERT_OK(tn_folder_write(&f, record[i][0], &b, &err), &err);
    }
    ASSERT_OK(tn_records_open(dir, &r, &err), &err);
    assert_true(tn_records_number(r, "eval/metrics.json#/test/macro_f1", &v) && v == 0.8125);
    assert_true(tn_records_number(r, "tune/steps.jsonl#/1/loss", &v) && v == 0.5);
    assert_true(tn_records_number(r, "plan.yaml#/recipe/epochs/value", &v) && v == 3);
    ASSERT_STR(tn_records_text(r, "experiment/candidates.csv#/1/model"), "a,b");
    assert_null(tn_records_at(r, "eval/nothing.json#/a"));
    assert_null(tn_records_at(r, "eval/metrics.json#/test/none"));
    assert_null(tn_records_problem(r, "eval/nothing.json"));
    assert_null(tn_records_get(r, "../secret.json"));
    assert_null(tn_records_get(r, "env.json"));
    assert_non_null(tn_records_problem(r, "env.json"));
    tn_records_close(r);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    tn_arena_free(a);
}

static void openings_are_counted_and_told(void **state)
{
    static const struct {
        const char *log; /* NULL: none */
        size_t n;
        const char *words;
    } row[] = {
        {NULL, 0, "No opening of the test by this model is recorded"},
        {"T test baseline:m -\n", 0, "No opening of the test by this model is recorded"},
        {"T test model S\nT test baseline:m -\nT test model S resumed\n", 1, "The test was opened once, after all choices were made"},
        {"T test model S\nT test modeller S\nT test baseline:model -\nmodel\n\n", 1, "The test was opened once, after all choices were made"},
        {"T test model S\nT test model R\n", 2, "The test was opened 2 times: "},
        {"T test model S\nT test baseline:m -\nT test baseline:m -\nT test baseline:m -", 1, "The test was opened 3 times: "},
    };
    char dir[] = "/tmp/tn-record-XXXXXX";
    tn_arena *a = tn_arena_new(0);
    tn_measured measured = {.baseline = {TN_STR("m")}, .n_baselines = 1};
    tn_run_folder f;
    tn_err err;
    assert_non_null(mkdtemp(dir));
    ASSERT_OK(tn_folder_make(dir, a, &f, &err), &err);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_buf b = TN_BUF_INIT, said = TN_BUF_INIT;
        tn_records *r;
        tn_buf_c(&b, row[i].log ? row[i].log : "");
        if (row[i].log)
            ASSERT_OK(tn_folder_write(&f, "eval/openings.log", &b, &err), &err);
        else
            tn_buf_free(&b);
        ASSERT_OK(tn_records_open(dir, &r, &err), &err);
        assert_int_equal(tn_records_openings(r, "model"), row[i].n);
        tn_records_say_openings(r, &measured, &said);
        if (!tn_str_starts(tn_buf_view(&said), row[i].words))
            fail_msg("row %zu: %.*s", i, TN_ARG(tn_buf_view(&said)));
        tn_buf_free(&said);
        tn_records_close(r);
    }
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    tn_arena_free(a);
}

static void emptying_a_run_leaves_what_others_put_there(void **state)
{
    char dir[] = "/tmp/tn-record-XXXXXX";
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_err err;
    static const char *const record[] = {"lock.json", "data/split.csv", "tune/checkpoint/state", "deploy/model/config.json", "eval/baseline-mean.csv", "data/reviews.csv", "brief.md", "deploy/mine"};
    assert_non_null(mkdtemp(dir));
    ASSERT_OK(tn_folder_make(dir, a, &f, &err), &err);
    ASSERT_OK(tn_file_mkdirs(tn_folder_path(&f, "tune/checkpoint"), &err), &err);
    ASSERT_OK(tn_file_mkdirs(tn_folder_path(&f, "deploy/model"), &err), &err);
    for (size_t i = 0; i < TN_COUNT(record); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_buf_c(&b, "x");
        ASSERT_OK(tn_folder_write(&f, record[i], &b, &err), &err);
    }
    ASSERT_OK(tn_folder_empty(dir, a, &err), &err);
    for (size_t i = 0; i < TN_COUNT(record); i++)
        assert_int_equal(tn_folder_has(&f, record[i]), i >= 5);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    tn_arena_free(a);
}

static void numbers_have_one_form(void **state)
{
    static const struct {
        double v;
        tn_show how;
        const char *text;
    } row[] = {{0.81249, TN_SHOW_3, "0.812"}, {0.815, TN_SHOW_PERCENT, "81.5 %"}, {1234567, TN_SHOW_COUNT, "1,234,567"}, {12, TN_SHOW_COUNT, "12"},
               {4.06, TN_SHOW_MS, "4.1 ms"}, {312.4, TN_SHOW_MS, "312 ms"}, {90868376, TN_SHOW_BYTES, "90.9 MB"}, {2.5e9, TN_SHOW_BYTES, "2.50 GB"},
               {0.03, TN_SHOW_SIGNED, "+0.030"}, {1, TN_SHOW_EXACT, "1e0"}, {0.0004, TN_SHOW_P, "< 0.001"}, {0.0314, TN_SHOW_P, "= 0.031"}};
    tn_buf long_one = TN_BUF_INIT;
    tn_show_number(-1e300, TN_STR(""), TN_SHOW_COUNT, &long_one); /* a record can hold any number */
    assert_int_equal(long_one.len, 1 + 301 + 100);
    tn_buf_free(&long_one);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_show_number(row[i].v, TN_STR("1e0"), row[i].how, &b);
        ASSERT_STR(tn_buf_view(&b), row[i].text);
        tn_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(openings_are_counted_and_told), cmocka_unit_test(records_are_written_whole_and_read_by_address),
        cmocka_unit_test(emptying_a_run_leaves_what_others_put_there),
        cmocka_unit_test(numbers_have_one_form),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
