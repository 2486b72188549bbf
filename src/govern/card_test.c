/* Promises of govern/card.h. */
#include "test.h"

#include "codec/yaml.h"
#include "govern/card.h"
#include "small_run.h"

static tn_status card_of(const char *dir, bool data, tn_arena *a, tn_buf *out, tn_err *err)
{
    return data ? tn_card_data(dir, a, out, err) : tn_card_model(dir, a, out, err);
}

static void cards_are_the_records_whatever_the_names(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_err err;
    small_run("cards", a, &f);
    for (int data = 0; data < 2; data++) {
        tn_front_matter front;
        const tn_json *meta;
        tn_buf b = TN_BUF_INIT;
        ASSERT_OK(card_of("cards", data, a, &b, &err), &err);
        ASSERT_OK(tn_front_matter_parse(tn_buf_view(&b), a, &front, &meta, &err), &err);
        ASSERT_STR(tn_json_str(tn_json_at(tn_json_get(meta, "language"), 0)), "vi: # x");
        ASSERT_STR(tn_json_str(tn_json_get(meta, "license")), data ? "cc0-1.0" : "mit");
        if (!data)
            ASSERT_STR(tn_json_str(tn_json_pointer(meta, "/model-index/0/results/0/dataset/name")), "d: #.csv");
        /* Markup of names is text: each "<" that opens no comment of ours is escaped. */
        for (size_t i = 0; i + 1 < front.body.len; i++)
            if (front.body.ptr[i] == '<' && !tn_str_starts(tn_str_sub(front.body, i, front.body.len), "<!-- ") && (i == 0 || front.body.ptr[i - 1] != '\\'))
                fail_msg("markup at %.*s", TN_ARG(tn_str_sub(front.body, i, i + 30)));
        assert_true(tn_str_find(tn_buf_view(&b), TN_STR("not measured"), 0) == SIZE_MAX || !data);
        tn_buf_free(&b);
    }
    tn_arena_free(a);
}

static void what_is_missing_is_said(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_err err;
    static const char *const missing[][2] = {{"0", "findings.jsonl"}, {"0", "eval/metrics.json"}, {"0", "deploy/bench.json"}, {"0", "experiment/candidates.csv"},
                                             {"1", "data/leaks.csv"}, {"1", "data/pii.json"}, {"1", "data/profile.json"}};
    small_run("missing", a, &f);
    for (size_t i = 0; i < TN_COUNT(missing); i++) {
        const char *kept = small_get(&f, missing[i][1], a);
        tn_buf b = TN_BUF_INIT, whole = TN_BUF_INIT;
        bool data = missing[i][0][0] == '1';
        ASSERT_OK(card_of("missing", data, a, &whole, &err), &err);
        ASSERT_OK(tn_file_remove(tn_folder_path(&f, missing[i][1]), &err), &err);
        ASSERT_OK(card_of("missing", data, a, &b, &err), &err);
        size_t n[2] = {0, 0};
        const tn_buf *both[2] = {&whole, &b};
        for (int k = 0; k < 2; k++)
            for (size_t at = 0; (at = tn_str_find(tn_buf_view(both[k]), TN_STR("not measured"), at)) != SIZE_MAX; at++)
                n[k]++;
        if (n[1] <= n[0] || tn_str_find(tn_buf_view(&b), tn_str_format(a, "<!-- %s#", missing[i][1]), 0) != SIZE_MAX)
            fail_msg("without %s the card does not say so", missing[i][1]);
        tn_buf_free(&b);
        tn_buf_free(&whole);
        small_put(&f, missing[i][1], kept);
    }
    tn_buf b = TN_BUF_INIT;
    ASSERT_FAILS(tn_card_model("nowhere", a, &b, &err), TN_ENOENT, &err);
    tn_arena_free(a);
}

static tn_status make_and_forget(bool data)
{
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    tn_err err;
    tn_status st = a ? card_of("cards", data, a, &b, &err) : TN_ENOMEM;
    tn_buf_free(&b);
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    for (int data = 0; data < 2; data++)
        FOR_EACH_FAILED_ALLOCATION(st, st = make_and_forget(data));
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(cards_are_the_records_whatever_the_names),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    enter_temp_folder();
    return cmocka_run_group_tests(test, NULL, NULL);
}
