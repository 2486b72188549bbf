/* Promises of report/report.h and report/svg.h. */
#include "test.h"

#include "report/report.h"
#include "report/svg.h"
#include "small_run.h"

static tn_str page_of(const char *dir, tn_arena *a)
{
    tn_buf b = TN_BUF_INIT;
    tn_err err;
    ASSERT_OK(tn_report_html(dir, a, &b, &err), &err);
    tn_str text = tn_str_dup(a, tn_buf_view(&b));
    tn_buf_free(&b);
    assert_non_null(text.ptr);
    return text;
}

/* Every tag is closed by its own end tag, but for those that have none: names and texts opened or closed nothing. */
static void check_nesting(tn_str page)
{
    static const char *const alone[] = {"!doctype", "meta"};
    tn_str open[64];
    size_t n = 0;
    for (size_t i = 0; (i = tn_str_find(page, TN_STR("<"), i)) != SIZE_MAX; i++) {
        bool ends = page.ptr[i + 1] == '/';
        size_t from = i + 1 + ends, to = from, close = tn_str_find(page, TN_STR(">"), i);
        assert_true(close != SIZE_MAX);
        while (page.ptr[to] != ' ' && page.ptr[to] != '>' && page.ptr[to] != '/')
            to++;
        tn_str name = tn_str_sub(page, from, to);
        if (ends) {
            if (n == 0 || !tn_str_eq(open[--n], name))
                fail_msg("</%.*s> closes <%.*s>", TN_ARG(name), TN_ARG(n < 64 ? open[n] : name));
        } else if (page.ptr[close - 1] != '/' && !tn_str_is(name, alone[0]) && !tn_str_is(name, alone[1])) {
            assert_true(n < 64);
            open[n++] = name;
        }
    }
    assert_int_equal(n, 0);
    assert_true(tn_str_find(page, TN_STR("<script"), 0) == SIZE_MAX);
}

static void the_page_is_whole_whatever_the_names(void **state)
{
    static const char *const section[] = {"id=\"limits\"", "id=\"task\"", "id=\"model\"", "id=\"data\"", "id=\"approach\"", "id=\"evaluation\"", "id=\"cost\""};
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    small_run("report", a, &f);
    tn_str page = page_of("report", a);
    check_nesting(page);
    size_t at = 0;
    for (size_t i = 0; i < TN_COUNT(section); i++) {
        at = tn_str_find(page, tn_str_of(section[i]), at);
        assert_true(at != SIZE_MAX); /* each after the one before */
    }
    tn_arena_free(a);
}

static void a_missing_record_is_said_in_its_place(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_err err;
    small_run("gone", a, &f);
    tn_str whole = page_of("gone", a);
    for (size_t i = 0; i < TN_COUNT(small_shown); i++) {
        const char *kept = small_get(&f, small_shown[i], a);
        ASSERT_OK(tn_file_remove(tn_folder_path(&f, small_shown[i]), &err), &err);
        tn_str page = page_of("gone", a);
        size_t n[2] = {0, 0};
        for (int k = 0; k < 2; k++)
            for (size_t at = 0; (at = tn_str_find(k ? page : whole, TN_STR("class=\"none\""), at)) != SIZE_MAX; at++)
                n[k]++;
        check_nesting(page);
        if (n[1] <= n[0] || tn_str_find(page, tn_str_format(a, "data-record=\"%s#", small_shown[i]), 0) != SIZE_MAX)
            fail_msg("without %s the page does not say so", small_shown[i]);
        small_put(&f, small_shown[i], kept);
    }
    tn_arena_free(a);
}

static void hostile_records_are_drawn_and_end(void **state)
{
    static const char *const record[][2] = {
        {"tune/steps.jsonl", "{\"step\":1,\"loss\":1e308}\n{\"step\":1e308,\"loss\":-1e308}\n{\"step\":3}\n"},
        {"tune/steps.jsonl", "{\"step\":1,\"loss\":1e-320}\n{\"step\":1,\"loss\":2e-320}\n"},
        {"tune/steps.jsonl", "3\n[]\n\"x\"\n"},
        {"eval/metrics.json", "{\"labels\":[\"a\",\"b\"],\"test\":{\"n\":1e300,\"macro_f1\":-1e300,\"confusion\":[[1],[]],\"per_class\":{\"f1\":1}}}"},
        {"eval/metrics.json", "[1,2"},
        {"eval/errors.csv", "id,text\nonly-one\n"},
        {"eval/errors.csv", ""},
        {"env.json", "{\"seconds\":{\"total\":1e308,\"tune\":-1}}"},
    };
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    small_run("hostile", a, &f);
    for (size_t i = 0; i < TN_COUNT(record); i++) {
        const char *kept = small_get(&f, record[i][0], a);
        small_put(&f, record[i][0], record[i][1]);
        check_nesting(page_of("hostile", a));
        small_put(&f, record[i][0], kept);
    }
    tn_arena_free(a);
}

static void long_texts_are_cut_between_letters(void **state)
{
    tn_buf b = TN_BUF_INIT;
    tn_html_short(&b, TN_STR("đẹp<đẹp"), 4);
    ASSERT_STR(tn_buf_view(&b), "đẹp&lt;…");
    tn_buf_clear(&b);
    tn_html_short(&b, TN_STR("đẹp"), 3);
    ASSERT_STR(tn_buf_view(&b), "đẹp");
    tn_buf_free(&b);
}

static tn_status make_and_forget(void)
{
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    tn_err err;
    tn_status st = a ? tn_report_html("report", a, &b, &err) : TN_ENOMEM;
    tn_buf_free(&b);
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = make_and_forget());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(the_page_is_whole_whatever_the_names),
        cmocka_unit_test(a_missing_record_is_said_in_its_place),
        cmocka_unit_test(hostile_records_are_drawn_and_end),
        cmocka_unit_test(long_texts_are_cut_between_letters),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    enter_temp_folder();
    return cmocka_run_group_tests(test, NULL, NULL);
}
