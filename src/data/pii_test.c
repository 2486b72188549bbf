#include "data/pii.h"

#include "test.h"

/* Kinds in order of appearance, "-" for none. */
static void finds_what_it_should_and_nothing_else(void **state)
{
    static const struct {
        const char *text, *kinds;
    } rows[] = {
        /* e-mail */
        {"viết cho an.nguyen+shop@mail.example.vn nhé.", "email"},
        {"a@b.co,c@d.org", "email email"},
        {"@mai ơi, ghé icon@2x.png", "-"},
        {"a@b, a@b., .a@b.vn, a.@b.vn, a@-b.vn, a@b.c1", "-"},
        /* phones */
        {"gọi 0912345678 nha", "phone"},
        {"0912.345.678 hoặc 0912 345 678", "phone phone"},
        {"số 09 12 34 56 78", "phone"},
        {"SĐT:0987654321", "phone"},
        {"+84 912 345 678", "phone"},
        {"+84 (0) 912 345 678", "phone"},
        {"0084912345678", "phone"},
        {"(024) 3825 1234", "phone"},
        {"028 38251234", "phone"},
        {"+1 (415) 555-2671, +44 20 7946 0958", "phone phone"},
        {"mua 2 0912345678", "phone"},
        {"mã đơn 0912345678", "-"},
        {"Đơn hàng: 0912345678", "-"},
        {"order no. 0912345678", "-"},
        {"DH-0912345678, #0912345678, x0912345678", "-"},
        {"0912345678đ, 0912345678 vnd", "-"},
        {"giá 0.912.345.678", "-"},
        {"1.200.000 đ, 350k, 12 000 000 VND", "-"},
        {"+15000000 đồng, +1200000000", "-"},
        {"0412345678 0612345678", "-"},
        {"ngày 02-03-2024, 09.12.2023, 2024-05-06 10:20:30", "-"},
        {"02-03-2024 12345", "-"},
        {"08123456789012", "-"},
        /* cards: test numbers of the issuers */
        {"thẻ 4111 1111 1111 1111", "card"},
        {"4111111111111111", "card"},
        {"5555-5555-5555-4444", "card"},
        {"3782 822463 10005", "card"},
        {"4111111111111112", "-"},
        {"1234567812345670", "-"},
        {"mã vận đơn 4111111111111111", "-"},
        {"4111.111111111111", "-"},
        /* IBAN: examples of the registry */
        {"IBAN DE89 3704 0044 0532 0130 00.", "iban"},
        {"GB82WEST12345698765432", "iban"},
        {"GB82WEST12345698765433", "-"},
        {"DE89370400440532013", "-"},
        /* Vietnamese national id */
        {"CCCD 001099012345", "national_vn"},
        {"079305123456", "national_vn"},
        {"CMT : 311951158", "national_vn"},
        {"311951158", "-"},
        {"003099012345", "-"}, /* no such province */
        {"001499012345", "-"}, /* no such century */
        {"001236012345", "-"}, /* not born yet */
        {"mã đơn 001099012345", "-"},
        /* IP */
        {"từ 203.0.113.7 và http://198.51.100.23/a", "ip ip"},
        {"2001:db8::8a2e:370:7334", "ip"},
        {"2001:0db8:0000:0000:0000:ff00:0042:8329", "ip"},
        {"127.0.0.1 0.0.0.0 ::1", "-"},
        {"version 10.12.13.14, v1.2.3.4, mục 1.2.3.4", "-"},
        {"12:30:45, std::vector, 1:2:3:4:5:6:7", "-"},
        {"256.1.1.1, 1.2.3, 10.1.2.3.4", "-"},
        /* nothing */
        {"", "-"},
        {"10 điểm, giao 5/5, size 38-39-40", "-"},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        char got[256] = "";
        size_t at = 0, from, to;
        tn_pii_kind kind;
        while (tn_pii_next(tn_str_of(rows[i].text), &at, &kind, &from, &to)) {
            assert_true(from < to && to <= strlen(rows[i].text));
            if (got[0])
                strcat(got, " ");
            strcat(got, tn_pii_name(kind));
        }
        if (strcmp(got[0] ? got : "-", rows[i].kinds))
            fail_msg("\"%s\": found %s, wanted %s", rows[i].text, got[0] ? got : "-", rows[i].kinds);
    }
}

static void counts_and_redacts_without_values(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_str text[] = {TN_STR("gọi 0912345678 hoặc a@b.vn"), TN_STR("hàng tốt"), TN_STR("4111 1111 1111 1111")};
    tn_dataset d;
    ASSERT_OK(tn_dataset_of(text, NULL, 3, &d, &err), &err);
    tn_pii p;
    tn_pii_scan(&d, &p);
    assert_int_equal(p.rows_with_any, 2);
    assert_int_equal(p.count[TN_PII_PHONE], 1);
    assert_int_equal(p.count[TN_PII_EMAIL], 1);
    assert_int_equal(p.count[TN_PII_CARD], 1);
    tn_buf out = TN_BUF_INIT;
    ASSERT_OK(tn_pii_redact(text[0], &out, &err), &err);
    assert_string_equal(out.ptr, "gọi [phone] hoặc [email]");
    tn_buf_clear(&out);
    ASSERT_OK(tn_pii_write_json(&p, &out, &err), &err);
    assert_non_null(strstr(out.ptr, "\"email\": 1"));
    assert_non_null(strstr(out.ptr, "\"rows_with_any\": 2"));
    tn_buf_free(&out);

    tn_findings f;
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    ASSERT_OK(tn_pii_report(&p, false, &f, &err), &err);
    assert_int_equal(tn_findings_count(&f, TN_WARNING), 1);
    assert_int_equal(tn_findings_count(&f, TN_ERROR), 0);
    assert_null(strstr(f.list.ptr[0].evidence.ptr, "0912"));
    ASSERT_OK(tn_pii_report(&p, true, &f, &err), &err);
    assert_int_equal(tn_findings_count(&f, TN_ERROR), 1);
    ASSERT_OK(tn_pii_report(&(tn_pii){0}, true, &f, &err), &err);
    assert_int_equal(f.list.len, 2);
    tn_findings_free(&f);
    tn_dataset_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_it_should_and_nothing_else),
        cmocka_unit_test(counts_and_redacts_without_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
