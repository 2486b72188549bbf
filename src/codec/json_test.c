/* Promises of codec/json.h. */
#include "test.h"

#include "codec/json.h"

#include <inttypes.h>

static const struct {
    const char *text;
    const char *compact; /* what it is written as */
} good[] = {
    {"0", "0"},
    {" \t\r\n-0 ", "-0"},
    {"1.50e+3", "1.50e+3"}, /* exact text of numbers is kept */
    {"12345678901234567890123", "12345678901234567890123"},
    {"true", "true"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[ ]", "[]"},
    {"[[],{},[[]]]", "[[],{},[[]]]"},
    {"{\"b\": 1, \"a\": [2, 3, {\"\": null}]}", "{\"b\":1,\"a\":[2,3,{\"\":null}]}"}, /* order of keys is kept */
    {"\"\\u0041\\n\\/\\\"\\\\\\u0000\"", "\"A\\n/\\\"\\\\\\u0000\""},
    {"\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""},
    {"\"ti\xE1\xBA\xBFng Vi\xE1\xBB\x87t\"", "\"ti\xE1\xBA\xBFng Vi\xE1\xBB\x87t\""},
    {"\"\x7F\"", "\"\x7F\""},
    {"\xEF\xBB\xBF[1]", "[1]"}, /* a byte order mark is skipped */
    {"\"0123456789abcdef\\t0123456789abcdef0\"", "\"0123456789abcdef\\t0123456789abcdef0\""},
};

static void what_is_read_is_written_the_same(void **state)
{
    for (size_t i = 0; i < TN_COUNT(good); i++) {
        tn_arena *a = tn_arena_new(0);
        const tn_json *v;
        tn_err err;
        tn_buf b = TN_BUF_INIT;
        ASSERT_OK(tn_json_parse(tn_str_of(good[i].text), a, &v, &err), &err);
        tn_json_write(v, 0, &b);
        ASSERT_STR(tn_buf_view(&b), good[i].compact);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static const struct {
    const char *text;
    const char *sentence; /* part of it */
} refused[] = {
    {"", "1:1: the text is empty"},
    {" \n", "2:1: the text is empty"},
    {"[1,]", "1:4: a comma stands before ']'"},
    {"{\"a\":1,}", "1:8: a comma stands before '}'"},
    {"[,1]", "1:2: a value was expected, not ','"},
    {"[1 2]", "1:4: ',' or ']' was expected, not '2'"},
    {"[1", "1:3: ',' or ']' was expected, not the end of the text"},
    {"{", "1:2: a key in double quotes was expected, not the end"},
    {"{a:1}", "1:2: a key in double quotes was expected, not 'a'"},
    {"{\"a\" 1}", "1:6: ':' was expected behind the key, not '1'"},
    {"{\"a\":}", "1:6: a value was expected, not '}'"},
    {"[}", "1:2: a value was expected, not '}'"},
    {"1 2", "1:3: '2' stands behind the end"},
    {"{}]", "1:3: ']' stands behind the end"},
    {"01", "1:2: '1' cannot follow here"},
    {"-", "1:2: a digit was expected in this number"},
    {"+1", "1:1: a value was expected, not '+'"},
    {".5", "1:1: a value was expected, not '.'"},
    {"1.", "1:3: a digit was expected in this number, not the end"},
    {"1.e2", "1:3: a digit was expected in this number, not 'e'"},
    {"1e", "1:3: a digit was expected"},
    {"1e+", "1:4: a digit was expected"},
    {"0x1", "1:2: 'x' cannot follow here"},
    {"1_0", "1:2: '_' cannot follow here"},
    {"tru", "1:1: a value was expected, not 't'"},
    {"True", "1:1: a value was expected, not 'T'"},
    {"nulls", "1:5: 's' cannot follow here"},
    {"NaN", "1:1: a value was expected, not 'N'"},
    {"[-Infinity]", "1:3: a digit was expected in this number, not 'I'"},
    {"'a'", "1:1: a value was expected, not '''"},
    {"\"a", "1:1: this string has no end"},
    {"\"a\\", "1:4: the end of the text cannot stand behind a backslash"},
    {"\"\\x41\"", "1:3: 'x' cannot stand behind a backslash"},
    {"\"\\u12g4\"", "1:2: \\u needs four hexadecimal digits"},
    {"\"\\u12", "1:2: \\u needs four hexadecimal digits"},
    {"\"\\ud800\"", "1:2: \\uD800 is half a surrogate pair"},
    {"\"\\udc00\\ud800\"", "1:2: \\uDC00 is half a surrogate pair"},
    {"\"\\ud800\\u0041\"", "1:2: \\uD800 is half a surrogate pair"},
    {"\"a\nb\"", "1:3: byte 0x0A in a string must be written as an escape"},
    {"\"a\tb\"", "1:3: byte 0x09 in a string"},
    {"[1,\n \"\xC3\"]", "2:3: byte 0xC3 at offset 6 is not UTF-8"},
    {"\"\xC0\x80\"", "1:2: byte 0xC0"},     /* overlong */
    {"\"\xED\xA0\x80\"", "1:2: byte 0xED"}, /* surrogate */
    {"\xFF\xFE[\0]\0", "1:1: byte 0xFF at offset 0 is not UTF-8"},
    {"{\"a\":1,\n\"b\":2,\n \"a\":3}", "3:6: the key \"a\" appears twice"},
    {"{\"a\":1,\"\\u0061\":2}", "the key \"a\" appears twice"},          /* after unescaping */
    {"[\"\xC3\xA9\xC3\xA9\", x]", "1:8: a value was expected, not 'x'"}, /* columns are code points */
    {"[\"\xC3\xA9\\u00e9\", x]", "1:13: a value was expected, not 'x'"},
    {"[1]\xEF\xBB\xBF", "stands behind the end"},
    {"/* c */ 1", "1:1: a value was expected, not '/'"},
};

static void ill_formed_text_is_refused_with_its_place(void **state)
{
    for (size_t i = 0; i < TN_COUNT(refused); i++) {
        tn_arena *a = tn_arena_new(0);
        const tn_json *v;
        tn_err err = TN_ERR_INIT;
        tn_status st = tn_json_parse(tn_str_of(refused[i].text), a, &v, &err);
        if (st != TN_EFORMAT || !strstr(err.msg, refused[i].sentence))
            fail_msg("%s: status %d, got \"%s\", wanted \"%s\"", refused[i].text, st, err.msg, refused[i].sentence);
        tn_arena_free(a);
    }
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    tn_err err;
    ASSERT_FAILS(tn_json_parse(TN_STR("[1]\0"), a, &v, &err), TN_EFORMAT, &err);
    ASSERT_FAILS(tn_json_parse(TN_STR("\"a\0b\""), a, &v, &err), TN_EFORMAT, &err);
    tn_arena_free(a);
}

static void python_numbers_are_read_on_request(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    tn_err err;
    double d;
    ASSERT_OK(
        tn_json_parse_with(TN_STR("[NaN,Infinity,-Infinity,1]"), &(tn_json_options){.allow_nan = true}, a, &v, &err),
        &err);
    assert_true(tn_json_f64(tn_json_at(v, 0), &d) && d != d);
    assert_true(tn_json_f64(tn_json_at(v, 1), &d) && d == __builtin_inf());
    assert_true(tn_json_f64(tn_json_at(v, 2), &d) && d == -__builtin_inf());
    tn_buf b = TN_BUF_INIT;
    tn_json_write(v, 0, &b);
    ASSERT_STR(tn_buf_view(&b), "[null,null,null,1]"); /* never written */
    tn_buf_free(&b);
    ASSERT_FAILS(tn_json_parse_with(TN_STR("Infinit"), &(tn_json_options){.allow_nan = true}, a, &v, &err), TN_EFORMAT,
                 &err);
    tn_arena_free(a);
}

static void limits_are_refused_by_a_sentence(void **state)
{
    static char deep[2000];
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    tn_err err;
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    ASSERT_FAILS(tn_json_parse((tn_str){deep, 2000}, a, &v, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_json_parse((tn_str){deep + 1000 - 128, 256}, a, &v, &err), &err);
    ASSERT_FAILS(tn_json_parse((tn_str){deep + 1000 - 129, 258}, a, &v, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_json_parse_with((tn_str){deep + 1000 - 512, 1024}, &(tn_json_options){.max_depth = 9999}, a, &v, &err),
              &err);
    ASSERT_FAILS(
        tn_json_parse_with((tn_str){deep + 1000 - 513, 1026}, &(tn_json_options){.max_depth = 9999}, a, &v, &err),
        TN_ELIMIT, &err);
    ASSERT_FAILS(tn_json_parse_with(TN_STR("[1,2,3]"), &(tn_json_options){.max_nodes = 3}, a, &v, &err), TN_ELIMIT,
                 &err);
    ASSERT_FAILS(tn_json_parse_with(TN_STR("[1,2,3]"), &(tn_json_options){.max_bytes = 6}, a, &v, &err), TN_ELIMIT,
                 &err);
    tn_arena_free(a);
}

static void absent_values_need_no_checks(void **state)
{
    assert_int_equal(tn_json_type(NULL), TN_JSON_NONE);
    assert_null(tn_json_get(NULL, "a"));
    assert_null(tn_json_first(NULL));
    assert_null(tn_json_next(NULL));
    assert_int_equal(tn_json_len(NULL), 0);
    ASSERT_STR(tn_json_str(NULL), "");
    ASSERT_STR(tn_json_key(NULL), "");
    double d;
    int64_t n;
    bool b;
    assert_false(tn_json_f64(NULL, &d) || tn_json_i64(NULL, &n) || tn_json_bool(NULL, &b));
    assert_null(tn_json_pointer(NULL, "/a"));
    assert_true(tn_json_equal(NULL, NULL));
}

static void values_are_read_exactly_or_not_at_all(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    tn_err err;
    double d;
    int64_t n;
    bool b;
    ASSERT_OK(
        tn_json_parse(TN_STR("[9223372036854775807, 9223372036854775808, 1.0, 0.1, 1e999, \"1\", true, \"x\\ny\"]"), a,
                      &v, &err),
        &err);
    assert_true(tn_json_i64(tn_json_at(v, 0), &n) && n == INT64_MAX);
    assert_false(tn_json_i64(tn_json_at(v, 1), &n));
    assert_true(tn_json_f64(tn_json_at(v, 1), &d) && d == 9223372036854775808.0);
    assert_false(tn_json_i64(tn_json_at(v, 2), &n));
    assert_true(tn_json_f64(tn_json_at(v, 3), &d) && d == 0.1);
    assert_false(tn_json_f64(tn_json_at(v, 4), &d));
    assert_false(tn_json_i64(tn_json_at(v, 5), &n));
    assert_false(tn_json_bool(tn_json_at(v, 5), &b));
    assert_true(tn_json_bool(tn_json_at(v, 6), &b) && b);
    assert_true(tn_json_is_str(tn_json_at(v, 7), "x\ny"));
    ASSERT_STR(tn_json_text(tn_json_at(v, 4)), "1e999");
    ASSERT_STR(tn_json_text(v), "");
    assert_null(tn_json_at(v, 8));
    tn_arena_free(a);
}

static void pointers_follow_rfc_6901(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    tn_err err;
    ASSERT_OK(
        tn_json_parse(TN_STR("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8,\"x\":{\"\":{\"y\":9}}}"),
                      a, &v, &err),
        &err);
    static const struct {
        const char *pointer, *text;
    } row[] = {{"/foo/0", "bar"}, {"/foo/1", "baz"}, {"/", "0"},    {"/a~1b", "1"},
               {"/c%d", "2"},     {"/m~0n", "8"},    {"/x//y", "9"}};
    for (size_t i = 0; i < TN_COUNT(row); i++)
        ASSERT_STR(tn_json_text(tn_json_pointer(v, row[i].pointer)), row[i].text);
    assert_ptr_equal(tn_json_pointer(v, ""), v);
    static const char *none[] = {"foo", "/foo/2", "/foo/01", "/foo/-1", "/foo/-", "/foo/0/x", "/nope", "/foo/+1"};
    for (size_t i = 0; i < TN_COUNT(none); i++)
        assert_null(tn_json_pointer(v, none[i]));
    tn_arena_free(a);
}

static void needed_values_are_named_with_their_place(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_json *v, *out;
    tn_err err;
    tn_str s;
    int64_t n;
    double d;
    ASSERT_OK(tn_json_parse(TN_STR("{\n  \"size\": \"big\",\n  \"n\": 12, \"x\": 1e999\n}"), a, &v, &err), &err);
    ASSERT_OK(tn_json_need_str(v, "size", &s, &err), &err);
    ASSERT_STR(s, "big");
    ASSERT_OK(tn_json_need_i64(v, "n", 1, 12, &n, &err), &err);
    assert_int_equal(n, 12);
    ASSERT_FAILS(tn_json_need(v, "gone", TN_JSON_ARRAY, &out, &err), TN_ENOENT, &err);
    assert_string_equal(err.msg, "\"gone\" is missing");
    ASSERT_FAILS(tn_json_need_i64(v, "size", 0, 9, &n, &err), TN_EFORMAT, &err);
    assert_string_equal(err.msg, "2:11: \"size\" must be a number, it is a string");
    ASSERT_FAILS(tn_json_need_i64(v, "n", 0, 9, &n, &err), TN_EFORMAT, &err);
    assert_string_equal(err.msg, "3:8: \"n\" must be a whole number from 0 to 9, it is 12");
    ASSERT_FAILS(tn_json_need_f64(v, "x", &d, &err), TN_EFORMAT, &err);
    tn_arena_free(a);
}

/* Objects of all sizes around the bounds of the three ways to find duplicates. */
static void duplicate_keys_are_found_in_objects_of_any_size(void **state)
{
    for (int n = 2; n < 400; n += n < 40 ? 1 : 37) {
        for (int twice = -1; twice < n - 1; twice += n < 40 ? 1 : 29) {
            tn_arena *a = tn_arena_new(0);
            const tn_json *v;
            tn_err err = TN_ERR_INIT;
            tn_buf b = TN_BUF_INIT;
            for (int i = 0; i < n; i++)
                tn_buf_printf(&b, "%c\"k%d\":0", i ? ',' : '{', i == n - 1 && twice >= 0 ? twice : i);
            tn_buf_char(&b, '}');
            tn_status st = tn_json_parse(tn_buf_view(&b), a, &v, &err);
            assert_int_equal(st, twice >= 0 ? TN_EFORMAT : TN_OK);
            tn_buf_free(&b);
            tn_arena_free(a);
        }
    }
}

static void trees_are_built_and_edited(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_json *read;
    tn_err err;
    ASSERT_OK(tn_json_parse(TN_STR("{\"a\":1,\"b\":[true],\"c\":{}}"), a, &read, &err), &err);
    tn_json *v = tn_json_dup(a, read), *list = tn_json_new_array(a);
    assert_true(tn_json_equal(v, read));
    assert_true(tn_json_push(list, tn_json_new_f64(a, 0.5)) && tn_json_push(list, tn_json_new_str(a, TN_STR("x\"y"))) &&
                tn_json_set(a, v, "b", list) && tn_json_set(a, v, "a", tn_json_new_i64(a, -7)) &&
                tn_json_set(a, v, "c", tn_json_new_null(a)) && tn_json_set(a, v, "d", tn_json_new_bool(a, false)));
    assert_false(tn_json_equal(v, read));
    tn_buf b = TN_BUF_INIT;
    tn_json_write(v, 0, &b);
    ASSERT_STR(tn_buf_view(&b), "{\"a\":-7,\"b\":[0.5,\"x\\\"y\"],\"c\":null,\"d\":false}");
    tn_json *one = tn_json_new_object(a);
    assert_true(tn_json_set(a, one, "k", tn_json_new_i64(a, 1)) && tn_json_set(a, one, "k", tn_json_new_i64(a, 2)));
    tn_buf_clear(&b);
    tn_json_write(one, 0, &b);
    ASSERT_STR(tn_buf_view(&b), "{\"k\":2}");
    assert_false(tn_json_set(a, NULL, "k", tn_json_new_null(a)) || tn_json_push(list, NULL));
    assert_int_equal(tn_json_type(tn_json_new_f64(a, __builtin_nan(""))), TN_JSON_NULL);
    tn_buf_free(&b);
    tn_arena_free(a);
}

static void the_writer_keeps_commas_and_lines(void **state)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "a");
    tn_jw_begin_array(&w);
    tn_jw_i64(&w, -1);
    tn_jw_u64(&w, UINT64_MAX);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "e");
    tn_jw_begin_object(&w);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "f");
    tn_jw_f64(&w, 3);
    tn_jw_key(&w, "g");
    tn_jw_f64(&w, __builtin_inf());
    tn_jw_key(&w, "h");
    tn_jw_f32(&w, 0.1f);
    tn_jw_key_str(&w, TN_STR("i\x01"));
    tn_jw_c(&w, NULL);
    tn_jw_key(&w, "j");
    tn_jw_str(&w, TN_STR("bad \xFF\xC3 \xEF\xBF\xBD"));
    tn_jw_key(&w, "k");
    tn_jw_raw(&w, TN_STR("[1]"));
    tn_jw_end_object(&w);
    ASSERT_STR(tn_buf_view(&b), "{\n  \"a\": [\n    -1,\n    18446744073709551615\n  ],\n  \"e\": {},\n  \"f\": 3.0,\n"
                                "  \"g\": null,\n  \"h\": 0.1,\n  \"i\\u0001\": null,\n"
                                "  \"j\": \"bad \xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\",\n  \"k\": [1]\n}");
    tn_buf_free(&b);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err;
    tn_status st;
    static char text[4000];
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%c\"k%d\":[1]", i ? ',' : '{', i);
    text[n++] = '}';
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        const tn_json *v;
        st = a ? tn_json_parse((tn_str){text, n}, a, &v, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(ill_formed_text_is_refused_with_its_place),
        cmocka_unit_test(python_numbers_are_read_on_request),
        cmocka_unit_test(limits_are_refused_by_a_sentence),
        cmocka_unit_test(absent_values_need_no_checks),
        cmocka_unit_test(values_are_read_exactly_or_not_at_all),
        cmocka_unit_test(pointers_follow_rfc_6901),
        cmocka_unit_test(needed_values_are_named_with_their_place),
        cmocka_unit_test(duplicate_keys_are_found_in_objects_of_any_size),
        cmocka_unit_test(trees_are_built_and_edited),
        cmocka_unit_test(the_writer_keeps_commas_and_lines),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
