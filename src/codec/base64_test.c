/* Promises of codec/base64.h: the vectors of RFC 4648 §10, and what is refused. */
#include "test.h"

#include "codec/base64.h"

static void bytes_come_back(void **state)
{
    static const struct {
        const char *bytes, *text;
    } row[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"},
               {"\xFB\xFF\xBF", "+/+/"}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        tn_bytes back;
        tn_err err;
        tn_base64_write(tn_str_bytes(tn_str_of(row[i].bytes)), &b);
        ASSERT_STR(tn_buf_view(&b), row[i].text);
        ASSERT_OK(tn_base64_read(tn_str_of(row[i].text), a, &back, &err), &err);
        ASSERT_STR(tn_str_from_bytes(back), row[i].bytes);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *bad[] = {
        "Zg", "Zg=", "Zg==\n", "Z g=", "Zg=x", "====", "=AAA", "Zh==", "Zm9=", "Zm9-", "Zm9_", "A==="};
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_bytes back;
        tn_err err;
        ASSERT_FAILS(tn_base64_read(tn_str_of(bad[i]), a, &back, &err), TN_EFORMAT, &err);
        tn_arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(bytes_come_back), cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
