#include "data/split.h"

#include "base/rng.h"
#include "test.h"

/* n rows of `n_labels` classes in turn, texts all different. */
static tn_dataset make(size_t n, size_t n_labels)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_str *text = TN_ARENA_ARRAY(a, tn_str, n), *label = TN_ARENA_ARRAY(a, tn_str, n);
    tn_dataset d;
    for (size_t i = 0; i < n; i++) {
        tn_rng r = tn_rng_init(i, 99);
        text[i] = tn_str_format(a, "%08x%08x %zu", tn_rng_u32(&r), tn_rng_u32(&r), i);
        label[i] = tn_str_format(a, "c%zu", i % n_labels);
    }
    ASSERT_OK(tn_dataset_of(text, label, n, &d, &err), &err);
    d.other = TN_ARENA_ARRAY(d.arena, tn_str, 1);
    d.other[0] = TN_STR("g");
    d.n_other = 1;
    for (size_t i = 0; i < n; i++)
        d.row[i].other = tn_arena_calloc(d.arena, sizeof(tn_str));
    tn_arena_free(a);
    return d;
}

static size_t count_of(const tn_dataset *d, int32_t label, tn_split s)
{
    size_t n = 0;
    for (size_t r = 0; r < d->n_rows; r++)
        n += d->row[r].label == label && d->row[r].split == s;
    return n;
}

static void shares_each_class_by_largest_remainder(void **state)
{
    static const struct {
        size_t n, n_labels;
        double validation, test;
        size_t n_validation, n_test, least; /* of a class in test */
    } rows[] = {
        {1000, 2, 0, 0, 100, 100, 50},  {1000, 3, 0.2, 0.2, 200, 200, 66},
        {10, 2, 0, 0, 2, 2, 1},                                         /* one of each class at least */
        {9, 3, 0, 0, 3, 3, 1},          {6, 2, 0.4, 0.45, 2, 2, 1},     /* and one left in train */
        {770, 77, 0.1, 0.1, 77, 77, 1}, {130, 10, 0.1, 0.1, 13, 13, 1}, /* 1.3 each: ten ones, and three that get two */
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_dataset d = make(rows[i].n, rows[i].n_labels);
        ASSERT_OK(tn_split_make(&d, &(tn_split_options){.validation = rows[i].validation, .test = rows[i].test}, NULL,
                                NULL, &err),
                  &err);
        assert_int_equal(tn_dataset_count(&d, TN_SPLIT_VALIDATION), rows[i].n_validation);
        assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TEST), rows[i].n_test);
        for (size_t c = 0; c < rows[i].n_labels; c++) {
            assert_true(count_of(&d, (int32_t)c, TN_SPLIT_TEST) >= rows[i].least);
            assert_true(count_of(&d, (int32_t)c, TN_SPLIT_VALIDATION) >= 1);
            assert_true(count_of(&d, (int32_t)c, TN_SPLIT_TRAIN) >= 1);
        }
        tn_dataset_free(&d);
    }
}

static void depends_on_the_seed_and_nothing_else(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset a = make(300, 3), b = make(300, 3), c = make(300, 3);
    ASSERT_OK(tn_split_make(&a, &(tn_split_options){.seed = 1}, NULL, NULL, &err), &err);
    ASSERT_OK(tn_split_make(&b, &(tn_split_options){.seed = 1}, NULL, NULL, &err), &err);
    ASSERT_OK(tn_split_make(&c, &(tn_split_options){.seed = 2}, NULL, NULL, &err), &err);
    size_t n_other = 0;
    for (size_t r = 0; r < 300; r++) {
        assert_int_equal(a.row[r].split, b.row[r].split);
        n_other += a.row[r].split != c.row[r].split;
    }
    assert_true(n_other > 30);
    tn_buf out = TN_BUF_INIT;
    ASSERT_OK(tn_split_write_csv(&a, &out, &err), &err);
    assert_true(tn_str_starts(tn_buf_view(&out), "id,split\nrow-1,"));
    tn_buf_free(&out);
    tn_dataset_free(&a);
    tn_dataset_free(&b);
    tn_dataset_free(&c);
}

static void keeps_sets_together(void **state)
{
    tn_err err = TN_ERR_INIT;
    for (uint64_t seed = 0; seed < 20; seed++) {
        tn_dataset d = make(400, 2);
        uint32_t unit[400];
        tn_rng r = tn_rng_init(seed, 3);
        for (uint32_t i = 0; i < 400; i++)
            unit[i] = i && tn_rng_below(&r, 3) == 0 ? unit[tn_rng_below(&r, i)] : i;
        for (size_t i = 0; i < 400; i++)
            d.row[i].other[0] = tn_str_format(d.arena, "g%zu", i / 4);
        bool group = seed % 2;
        ASSERT_OK(tn_split_make(&d, &(tn_split_options){.seed = seed, .group = group ? "g" : NULL}, group ? NULL : unit,
                                NULL, &err),
                  &err);
        for (size_t i = 0; i < 400; i++)
            assert_int_equal(d.row[i].split, d.row[group ? i / 4 * 4 : unit[i]].split);
        /* and still near the shares */
        assert_in_range(tn_dataset_count(&d, TN_SPLIT_TEST), 32, 48);
        assert_in_range(tn_dataset_count(&d, TN_SPLIT_VALIDATION), 32, 48);
        tn_dataset_free(&d);
    }
}

static void small_classes_stay_in_train_with_a_finding(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_findings f;
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    tn_dataset d = make(50, 2);
    tn_str rare[] = {TN_STR("c0"), TN_STR("c1"), TN_STR("rare")};
    d.label = rare;
    d.n_labels = 3;
    d.row[7].label = d.row[8].label = 2;
    ASSERT_OK(tn_split_make(&d, &(tn_split_options){0}, NULL, &f, &err), &err);
    assert_int_equal(count_of(&d, 2, TN_SPLIT_TRAIN), 2);
    assert_int_equal(f.list.len, 1);
    assert_non_null(strstr(f.list.ptr[0].message.ptr, "\"rare\" has only 2 rows"));
    tn_dataset_free(&d);
    tn_findings_free(&f);
}

static void splits_by_time(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d = make(100, 2);
    /* newest first; pairs share a day, in different spellings */
    for (size_t i = 0; i < 100; i++)
        d.row[i].other[0] = tn_str_format(d.arena, i % 2 ? "2024-%02zu-%02zuT07:00:00+07:00" : "2024-%02zu-%02zu",
                                          12 - i / 2 / 28, 28 - i / 2 % 28);
    ASSERT_OK(tn_split_make(&d, &(tn_split_options){.time = "g", .test = 0.11}, NULL, NULL, &err), &err);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TEST), 12); /* 11, and the other row of that day */
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_VALIDATION), 10);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(d.row[i].split, i < 12 ? TN_SPLIT_TEST : i < 22 ? TN_SPLIT_VALIDATION : TN_SPLIT_TRAIN);
    tn_dataset_free(&d);

    static const char *const bad[] = {"",         "yesterday",  "2024-13-01",       "2023-02-29",
                                      "2024-1-1", "01/02/2024", "2024-01-01T25:00", "17"};
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        d = make(20, 2);
        for (size_t r = 0; r < 20; r++)
            d.row[r].other[0] = r == 5 ? tn_str_of(bad[i]) : TN_STR("2024-02-29 10:00:00.5Z");
        ASSERT_FAILS(tn_split_make(&d, &(tn_split_options){.time = "g"}, NULL, NULL, &err), TN_EFORMAT, &err);
        assert_non_null(strstr(err.msg, ":6:"));
        tn_dataset_free(&d);
    }
    d = make(20, 2); /* one instant: it cannot be parted */
    for (size_t r = 0; r < 20; r++)
        d.row[r].other[0] = TN_STR("5");
    ASSERT_FAILS(tn_split_make(&d, &(tn_split_options){.time = "g"}, NULL, NULL, &err), TN_EINVALID, &err);
    tn_dataset_free(&d);
}

static void refuses_what_cannot_be_split(void **state)
{
    static const tn_split_options rows[] = {
        {.test = 0.5, .validation = 0.4},
        {.test = -0.1},
        {.validation = 0.0 / 0.0},
        {.group = "nowhere"},
        {.time = "nowhere"},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_dataset d = make(20, 2);
        ASSERT_FAILS(tn_split_make(&d, &rows[i], NULL, NULL, &err), i < 3 ? TN_EINVALID : TN_ENOENT, &err);
        tn_dataset_free(&d);
    }
    tn_dataset d = make(20, 2); /* two groups cannot fill three parts */
    for (size_t r = 0; r < 20; r++)
        d.row[r].other[0] = r % 2 ? TN_STR("a") : TN_STR("b");
    ASSERT_FAILS(tn_split_make(&d, &(tn_split_options){.group = "g"}, NULL, NULL, &err), TN_EINVALID, &err);
    tn_dataset_free(&d);
}

static void prepares_given_and_missing_parts(void **state)
{
    static const char *const twin = "giao hàng rất nhanh, đóng gói kỹ, shop tư vấn nhiệt tình, sẽ ủng hộ thêm";
    static const struct {
        bool test, validation; /* given */
        bool time;
    } rows[] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {1, 1, 0}, {0, 0, 1}};
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_dataset d = make(100, 2);
        d.row[10].text = d.row[90].text = tn_str_of(twin);
        d.row[95].text = tn_str_format(d.arena, "%s!", twin);
        for (size_t r = 0; r < 100; r++) {
            d.row[r].other[0] = tn_str_format(d.arena, "%zu", r);
            d.row[r].split = rows[i].test && r >= 80              ? TN_SPLIT_TEST
                             : rows[i].validation && r >= 60      ? TN_SPLIT_VALIDATION
                             : rows[i].test || rows[i].validation ? TN_SPLIT_TRAIN
                                                                  : TN_SPLIT_NONE;
            d.given[d.row[r].split] = d.row[r].split != TN_SPLIT_NONE;
        }
        tn_duplicates dup;
        tn_split before[100];
        for (size_t r = 0; r < 100; r++)
            before[r] = d.row[r].split;
        ASSERT_OK(tn_data_prepare(&d, &(tn_split_options){.time = rows[i].time ? "g" : NULL}, &dup, NULL, &err), &err);
        for (tn_split s = TN_SPLIT_TRAIN; s <= TN_SPLIT_TEST; s++)
            assert_true(tn_dataset_count(&d, s) > 0);
        assert_int_equal(tn_dataset_count(&d, TN_SPLIT_NONE), 0);
        for (size_t r = 0; r < 100; r++)
            if (before[r] == TN_SPLIT_TEST || (before[r] == TN_SPLIT_VALIDATION && rows[i].test))
                assert_true(d.row[r].split == before[r]);
        /* No two rows that are near stand in different parts. */
        tn_duplicates again;
        ASSERT_OK(tn_duplicates_find(&d, NULL, d.arena, &again, &err), &err);
        assert_int_equal(again.n_removed_across + again.n_removed_inside, 0);
        tn_dataset_free(&d);
    }
}

static void survives_failed_allocations(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        long at = n_;
        tn_mem_fail_at(0);
        tn_dataset d = make(20, 2);
        tn_findings f;
        ASSERT_OK(tn_findings_init(&f, &err), &err);
        tn_mem_fail_at(at);
        tn_duplicates dup;
        st = tn_data_prepare(&d, &(tn_split_options){.group = "g"}, &dup, &f, &err);
        tn_mem_fail_at(0);
        tn_findings_free(&f);
        tn_dataset_free(&d);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_each_class_by_largest_remainder),
        cmocka_unit_test(depends_on_the_seed_and_nothing_else),
        cmocka_unit_test(keeps_sets_together),
        cmocka_unit_test(small_classes_stay_in_train_with_a_finding),
        cmocka_unit_test(splits_by_time),
        cmocka_unit_test(refuses_what_cannot_be_split),
        cmocka_unit_test(prepares_given_and_missing_parts),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
