#include "data/duplicates.h"

#include "base/map.h"
#include "base/rng.h"
#include "test.h"

static void folds_case_width_and_blanks(void **state)
{
    static const char *const rows[][2] = {
        {"  Hàng   TỐT\n\tlắm ", "hàng tốt lắm"},
        {"ﬁ Ａ①", "fi a1"},
        {"Ha\xCC\x80ng to\xCC\x82\xCC\x81t", "hàng tốt"},         /* decomposed, as macOS writes it */
        {"e\xCC\xA3\xCC\x82 e\xCC\x82\xCC\xA3", "ệ ệ"},           /* marks in both orders */
        {"\xC2\xA0x\xE3\x80\x80y\xE2\x80\x83", "x y"},            /* blanks of all widths */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"}, /* Hangul jamo */
        {"", ""},
    };
    tn_err err = TN_ERR_INIT;
    tn_buf out = TN_BUF_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_buf_clear(&out);
        ASSERT_OK(tn_duplicates_fold(tn_str_of(rows[i][0]), &out, &err), &err);
        ASSERT_STR(tn_buf_view(&out), rows[i][1]);
    }
    /* A text of nothing but marks in the worst order is no more work than another. */
    tn_buf marks = TN_BUF_INIT;
    for (int i = 0; i < 200000; i++)
        tn_buf_cp(&marks, i % 2 ? 0x323 : 0x301);
    tn_buf_clear(&out);
    ASSERT_OK(tn_duplicates_fold(tn_buf_view(&marks), &out, &err), &err);
    assert_int_equal(out.len, marks.len);
    tn_buf_free(&marks);
    tn_buf_free(&out);
}

typedef struct {
    const char *text, *label;
    tn_split split;
} sample;

static tn_dataset make(const sample *s, size_t n)
{
    tn_err err = TN_ERR_INIT;
    tn_str text[64], label[64];
    tn_dataset d;
    for (size_t i = 0; i < n; i++)
        text[i] = tn_str_of(s[i].text), label[i] = tn_str_of(s[i].label);
    ASSERT_OK(tn_dataset_of(text, label, n, &d, &err), &err);
    for (size_t i = 0; i < n; i++) {
        d.row[i].split = s[i].split;
        d.given[s[i].split] = s[i].split != TN_SPLIT_NONE;
    }
    return d;
}

#define LONG "giao hàng rất nhanh, đóng gói kỹ, shop tư vấn nhiệt tình, sẽ ủng hộ thêm"

static void removes_from_the_training_side_only(void **state)
{
    const sample rows[] = {
        {"Tốt lắm", "p", TN_SPLIT_TRAIN},       /* 0 equal to test 5: leaves */
        {"tốt  LẮM", "p", TN_SPLIT_VALIDATION}, /* 1 equal to test 5: leaves */
        {LONG, "p", TN_SPLIT_TRAIN},            /* 2 near to test 6: leaves */
        {"kém", "n", TN_SPLIT_TRAIN},           /* 3 stays: label n is in the majority */
        {"kém", "p", TN_SPLIT_TRAIN},           /* 4 copy of 3 with another label: leaves */
        {"TỐT LẮM", "n", TN_SPLIT_TEST},        /* 5 */
        {LONG "!", "p", TN_SPLIT_TEST},         /* 6 */
        {"Tốt lắm", "p", TN_SPLIT_TEST},        /* 7 equal to 5: stays */
        {"kém", "n", TN_SPLIT_TRAIN},           /* 8 copy of 3: leaves */
        {"khác hẳn", "n", TN_SPLIT_TRAIN},      /* 9 alone */
    };
    static const bool removed[] = {1, 1, 1, 0, 1, 0, 0, 0, 1, 0};
    static const uint32_t group[] = {0, 0, 2, 3, 3, 0, 2, 0, 3, 9};
    tn_err err = TN_ERR_INIT;
    tn_dataset d = make(rows, TN_COUNT(rows));
    tn_duplicates dup;
    tn_findings f;
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    ASSERT_OK(tn_duplicates_find(&d, NULL, d.arena, &dup, &err), &err);
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        assert_int_equal(dup.removed[i], removed[i]);
        assert_int_equal(dup.group[i], group[i]);
    }
    assert_int_equal(dup.n_removed_across, 3);
    assert_int_equal(dup.n_removed_inside, 2);
    assert_int_equal(dup.n_contradictions, 2);
    assert_int_equal(dup.n_near, 1);
    ASSERT_OK(tn_duplicates_remove(&d, &dup, &f, &err), &err);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_REMOVED), 5);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TEST), 3);
    assert_int_equal(tn_findings_count(&f, TN_WARNING), 2); /* the leak and the contradictions */
    tn_buf out = TN_BUF_INIT;
    ASSERT_OK(tn_duplicates_write_csv(&d, &dup, &out, &err), &err);
    assert_non_null(strstr(out.ptr, "id,other_id,kind,similarity,split,other_split,action\n"
                                    "row-1,row-6,exact,1.0,train,test,removed\n"
                                    "row-2,row-6,exact,1.0,validation,test,removed\n"
                                    "row-3,row-7,near,0."));
    assert_non_null(strstr(out.ptr, "row-8,row-6,exact,1.0,test,test,kept\n"));
    tn_buf_free(&out);
    tn_findings_free(&f);
    tn_dataset_free(&d);
}

/* ---- against the plain definition ---- */

static tn_str random_text(tn_rng *r, tn_arena *a, const tn_str *earlier, size_t n_earlier)
{
    char buf[160];
    size_t n = 0;
    if (n_earlier && tn_rng_below(r, 3) > 0) {
        /* an earlier text with a few letters changed, dropped or added */
        tn_str from = earlier[tn_rng_below(r, n_earlier)];
        size_t n_edits = tn_rng_below(r, 5);
        memcpy(buf, from.ptr, n = from.len);
        for (size_t i = 0; i < n_edits; i++) {
            size_t at = tn_rng_below(r, n + 1);
            if (tn_rng_below(r, 2) && n < 150) {
                memmove(buf + at + 1, buf + at, n - at);
                buf[at] = (char)('a' + tn_rng_below(r, 4)), n++;
            } else if (n > 1 && at < n) {
                memmove(buf + at, buf + at + 1, n - at - 1);
                n--;
            }
        }
    } else {
        n = 1 + tn_rng_below(r, 80);
        for (size_t i = 0; i < n; i++)
            buf[i] = (char)('a' + tn_rng_below(r, 4));
    }
    return tn_str_dup(a, (tn_str){buf, n});
}

static double naive(tn_str x, tn_str y)
{
    tn_map a = TN_MAP_INIT, b = TN_MAP_INIT;
    size_t both = 0;
    for (size_t i = 0; i == 0 || i + 5 <= x.len; i++)
        tn_map_put(&a, tn_str_sub(x, i, i + 5), 0, NULL);
    for (size_t i = 0; i == 0 || i + 5 <= y.len; i++)
        tn_map_put(&b, tn_str_sub(y, i, i + 5), 0, NULL);
    for (size_t i = 0; i < a.len; i++)
        both += tn_map_find(&b, a.entry[i].key) != NULL;
    double similarity = (double)both / (double)(a.len + b.len - both);
    tn_map_free(&a);
    tn_map_free(&b);
    return similarity;
}

static void misses_no_pair_and_invents_none(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    static const double thresholds[] = {0.5, 0.8, 1.0};
    for (uint64_t seed = 0; seed < 3; seed++) {
        tn_rng r = tn_rng_init(seed, 7);
        enum { N = 150 };
        tn_str text[N];
        for (size_t i = 0; i < N; i++)
            text[i] = random_text(&r, a, text, i);
        tn_dataset d;
        ASSERT_OK(tn_dataset_of(text, NULL, N, &d, &err), &err);
        for (size_t k = 0; k < TN_COUNT(thresholds); k++) {
            tn_duplicates dup;
            ASSERT_OK(tn_duplicates_find(&d, &(tn_duplicates_options){.threshold = thresholds[k]}, a, &dup, &err),
                      &err);
            size_t next = 0, n_near = 0;
            for (uint32_t x = 0; x < N; x++)
                for (uint32_t y = 0; y < x; y++) {
                    if (dup.removed[x] || dup.removed[y])
                        continue; /* copies: their pair is with the one that stays */
                    double similarity = naive(text[x], text[y]);
                    if (similarity < thresholds[k])
                        continue;
                    n_near++;
                    while (next < dup.n_pairs && (dup.pair[next].row < x || dup.pair[next].other < y))
                        next++;
                    assert_true(next < dup.n_pairs && dup.pair[next].row == x && dup.pair[next].other == y);
                    assert_true(dup.pair[next].similarity == similarity);
                }
            assert_int_equal(n_near, dup.n_near);
            assert_int_equal(dup.n_pairs, dup.n_near + dup.n_exact);
        }
        /* A short list hides pairs and changes nothing else. */
        tn_duplicates all, few;
        ASSERT_OK(tn_duplicates_find(&d, NULL, a, &all, &err), &err);
        ASSERT_OK(tn_duplicates_find(&d, &(tn_duplicates_options){.max_listed = 3}, a, &few, &err), &err);
        assert_int_equal(few.n_pairs, 3);
        assert_int_equal(few.n_pairs + few.n_unlisted, all.n_pairs);
        assert_memory_equal(few.group, all.group, N * sizeof *few.group);
        assert_memory_equal(few.removed, all.removed, N);
        tn_dataset_free(&d);
    }
    tn_arena_free(a);
}

/* A text with many answers: the most common stays, and the time is not that of all pairs (this many would take minutes). */
static void a_text_with_as_many_answers_as_rows_is_no_more_work(void **state)
{
    enum { N = 200000 };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_str *text = TN_ARENA_ARRAY(a, tn_str, N);
    tn_dataset d;
    tn_duplicates dup;
    for (size_t i = 0; i < N; i++)
        text[i] = TN_STR("the same words");
    ASSERT_OK(tn_dataset_of(text, NULL, N, &d, &err), &err);
    for (size_t i = 0; i < N; i++)
        d.row[i].value = i % 2 ? (double)(N - i) : i == N / 2 || i == N / 2 + 2 ? -1.0 : i == 10 || i == 20 ? 0.0 / 0.0 : -(double)i - 2;
    ASSERT_OK(tn_duplicates_find(&d, &(tn_duplicates_options){.max_listed = 3}, a, &dup, &err), &err);
    assert_int_equal(dup.n_contradictions, 1);
    assert_int_equal(dup.n_removed_inside, N - 1);
    assert_false(dup.removed[10]); /* of the two answers that two rows give, the one that comes first */
    tn_dataset_free(&d);
    tn_arena_free(a);
}

static void refuses_thresholds_out_of_range(void **state)
{
    static const double rows[] = {0.49, 1.01, -1, 0.0 / 0.0};
    tn_err err = TN_ERR_INIT;
    tn_str text[] = {TN_STR("a")};
    tn_dataset d;
    tn_duplicates dup;
    ASSERT_OK(tn_dataset_of(text, NULL, 1, &d, &err), &err);
    for (size_t i = 0; i < TN_COUNT(rows); i++)
        ASSERT_FAILS(tn_duplicates_find(&d, &(tn_duplicates_options){.threshold = rows[i]}, d.arena, &dup, &err),
                     TN_EINVALID, &err);
    tn_dataset_free(&d);
}

static void survives_failed_allocations(void **state)
{
    const sample rows[] = {{"một hai ba bốn năm sáu bảy", "a", TN_SPLIT_NONE},
                           {"một hai ba bốn năm sáu bảy", "b", TN_SPLIT_NONE},
                           {"một hai ba bốn năm sáu bảy!", "b", TN_SPLIT_NONE}};
    tn_err err = TN_ERR_INIT;
    tn_dataset d = make(rows, TN_COUNT(rows));
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_duplicates dup;
        tn_arena *a = tn_arena_new(0);
        st = a ? tn_duplicates_find(&d, NULL, a, &dup, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
    tn_dataset_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_case_width_and_blanks),     cmocka_unit_test(removes_from_the_training_side_only),
        cmocka_unit_test(misses_no_pair_and_invents_none), cmocka_unit_test(refuses_thresholds_out_of_range),
        cmocka_unit_test(survives_failed_allocations),     cmocka_unit_test(a_text_with_as_many_answers_as_rows_is_no_more_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
