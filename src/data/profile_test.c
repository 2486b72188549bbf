#include "data/profile.h"

#include "codec/json.h"
#include "test.h"

static void tells_languages_by_script_and_signs(void **state)
{
    static const char *const rows[][2] = {
        {"Hàng đẹp, giao nhanh, sẽ ủng hộ shop", "vi"},
        {"Ha\xCC\x80ng \xC4\x91\x65\xCC\xA3p la\xCC\x86\xCC\x81m", "vi"}, /* decomposed */
        {"san pham dung cung duoc", "und-Latn"},                          /* typed without marks */
        {"I have not received my card yet and what now", "en"},
        {"el producto llegó roto y no funciona", "und-Latn"},
        {"das Gerät ist kaputt, bitte um Rückgabe", "und-Latn"},
        {"produit très décevant, ne marche pas", "und-Latn"},
        {"我很喜欢这个产品", "zh"},
        {"この商品はとても良いです", "ja"},
        {"이 제품은 정말 좋아요", "ko"},
        {"очень хороший товар", "und-Cyrl"},
        {"منتج جيد جدا", "und-Arab"},
        {"สินค้าดีมาก", "und-Thai"},
        {"πολύ καλό προϊόν", "und-Grek"},
        {"iPhone 15 我很喜欢这个产品非常好用", "zh"},
        {"👍👍 10/10", "und"},
        {"", "und"},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++)
        if (strcmp(tn_language_of(tn_str_of(rows[i][0])), rows[i][1]))
            fail_msg("\"%s\": %s, wanted %s", rows[i][0], tn_language_of(tn_str_of(rows[i][0])), rows[i][1]);
}

static void writes_the_record(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_str text[] = {TN_STR("hàng đẹp lắm"), TN_STR("hang dep lam"), TN_STR("tệ quá đi"), TN_STR("rất tốt"),
                     TN_STR("kém")};
    tn_str label[] = {TN_STR("p"), TN_STR("p"), TN_STR("n"), TN_STR("p"), TN_STR("n")};
    tn_dataset d;
    ASSERT_OK(tn_dataset_of(text, label, 5, &d, &err), &err);
    static const tn_split split[] = {TN_SPLIT_TRAIN, TN_SPLIT_TRAIN, TN_SPLIT_TRAIN, TN_SPLIT_VALIDATION,
                                     TN_SPLIT_TEST};
    for (size_t i = 0; i < 5; i++)
        d.row[i].split = split[i];
    tn_profile p;
    ASSERT_OK(tn_profile_make(&d, NULL, 128, d.arena, &p, &err), &err);
    assert_int_equal(p.n[TN_SPLIT_TRAIN], 3);
    assert_int_equal(p.majority, 1);
    assert_true(p.majority_share == 2.0 / 3.0);
    ASSERT_STR(p.language_id, "vi");
    assert_int_equal(p.n_languages, 2);
    tn_buf out = TN_BUF_INIT;
    tn_fit fit = {.fertility = 1.5, .verdict = TN_FIT_POOR, .reason = TN_STR("because")};
    tn_str model = TN_STR("org/name");
    ASSERT_OK(tn_profile_write_json(&d, &p, &model, &fit, 1, &out, &err), &err);
    const tn_json *v;
    int64_t n;
    double share;
    ASSERT_OK(tn_json_parse(tn_buf_view(&out), d.arena, &v, &err), &err);
    assert_true(tn_json_i64(tn_json_pointer(v, "/rows/train"), &n) && n == 3);
    assert_true(tn_json_i64(tn_json_pointer(v, "/classes/1/train"), &n) && n == 2);
    assert_true(tn_json_is_str(tn_json_pointer(v, "/fit/0/verdict"), "poor"));
    assert_true(tn_json_f64(tn_json_pointer(v, "/language/share"), &share) && share == 2.0 / 3.0);
    assert_int_equal(tn_json_type(tn_json_pointer(v, "/tokens")), TN_JSON_NULL); /* not measured is not zero */
    tn_buf_free(&out);
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_profile_make(&d, NULL, 128, d.arena, &p, &err));
    tn_dataset_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_languages_by_script_and_signs),
        cmocka_unit_test(writes_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
