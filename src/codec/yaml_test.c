/* Promises of codec/yaml.h. A tree is shown as compact JSON. */
#include "test.h"

#include "codec/yaml.h"

static void documents_are_read_by_the_core_schema(void **state)
{
    static const struct {
        const char *yaml, *json;
    } row[] = {
        {"", "null"},
        {"# only a comment\n", "null"},
        {"--- \n...\n", "null"},
        {"a: 1\nb: [x, {y: z}]\nc:\n  - 1\n  -\n", "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\"}],\"c\":[1,null]}"},
        {"[~, null, Null, NULL, nULL]", "[null,null,null,null,\"nULL\"]"},
        {"[true, True, TRUE, false, yes, no, on, Off, y]",
         "[true,true,true,false,\"yes\",\"no\",\"on\",\"Off\",\"y\"]"},
        {"[0, -1, +1, 007, 0o17, 0x1F, 0xg, 1_000, 1:30, 12e03, 9223372036854775808]",
         "[0,-1,1,7,15,31,\"0xg\",\"1_000\",\"1:30\",12e03,9223372036854775808]"},
        {"[1.5, .5, 5., -00.50, +1e5, 1.e+2, ., -, +, .e1, 1e, 1.2.3]",
         "[1.5,0.5,5.0,-0.50,1e5,1.0e+2,\".\",\"-\",\"+\",\".e1\",\"1e\",\"1.2.3\"]"},
        {"[.inf, -.INF, +.Inf, .nan]", "[null,null,null,null]"},
        {"['1', \"1\", !!str 1, ! 1, !!int 1, !!float 1.5, !!null ~]", "[\"1\",\"1\",\"1\",\"1\",1,1.5,null]"},
        {"[2024-01-02, <<, =]", "[\"2024-01-02\",\"<<\",\"=\"]"},
        {"1: a\ntrue: b\n~: c\n", "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\"}"},
        {"a: &x [1, {b: 2}]\nc: *x\nd: *x\n", "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":[1,{\"b\":2}]}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\"}"},
        {"\xEF\xBB\xBF"
         "a: ti\xE1\xBA\xBFng # c\r\nb: 2\r\n",
         "{\"a\":\"ti\xE1\xBA\xBFng\",\"b\":2}"},
        {"? a\n: b\n", "{\"a\":\"b\"}"},
        {"%YAML 1.1\n---\na: no\n", "{\"a\":\"no\"}"},
        {"!!map {a: !!seq [1]}", "{\"a\":[1]}"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        const tn_json *v;
        tn_err err;
        ASSERT_OK(tn_yaml_parse(tn_str_of(row[i].yaml), a, &v, &err), &err);
        tn_json_write(v, 0, &b);
        ASSERT_STR(tn_buf_view(&b), row[i].json);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void broken_documents_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *yaml;
        tn_status status;
        const char *sentence;
    } row[] = {
        {"a: 1\nb:\n  a: 1\n  c: 2\n  a: 3\n", TN_EFORMAT, "5:6: the key \"a\" appears twice"},
        {"a: [1\n", TN_EFORMAT, "2:1: did not find expected ',' or ']'"},
        {"a: 1\n b: 2\n", TN_EFORMAT, "2:"},
        {"a:\n\t- 1\n", TN_EFORMAT, "2:1: found character that cannot start any token"},
        {"[a, b]: 1\n", TN_EFORMAT, "1:1: a key must be a plain value"},
        {"a: *x\n", TN_EFORMAT, "1:4: no anchor &x"},
        {"a: &x [*x]\n", TN_EFORMAT, "1:8: the alias *x stands inside its own anchor"},
        {"&x k: 1\n*x : 2\n", TN_EFORMAT, "2:1: "},
        {"a: 1\n--- \nb: 2\n", TN_EFORMAT, "2:1: a second document"},
        {"a: !!python/object:os.system x\n", TN_EFORMAT, "1:4: the tag tag:yaml.org,2002:python/object:os.system"},
        {"a: !foo [1]\n", TN_EFORMAT, "1:4: the tag !foo"},
        {"a: !!int x\n", TN_EFORMAT, "1:4: this value is not a number"},
        {"a: 0xFFFFFFFFFFFFFFFFF\n", TN_EFORMAT, "1:4: the number 0xFFFFFFFFFFFFFFFFF has more than 64 bits"},
        {"a: 1\nb: \xFF\n", TN_EFORMAT, "2:4: byte 0xFF at offset 8"},
        {"a: \x01\n", TN_EFORMAT, "control characters"},
        {"a: \"b\n", TN_EFORMAT, "found unexpected end of stream"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        const tn_json *v;
        tn_err err;
        ASSERT_FAILS(tn_yaml_parse(tn_str_of(row[i].yaml), a, &v, &err), row[i].status, &err);
        if (!strstr(err.msg, row[i].sentence))
            fail_msg("%s: got \"%s\", wanted \"%s\"", row[i].yaml, err.msg, row[i].sentence);
        tn_arena_free(a);
    }
}

static void expansion_is_bounded(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    const tn_json *v;
    tn_err err;
    tn_buf_c(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        tn_buf_printf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            tn_buf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
        tn_buf_c(&b, "]\n");
    }
    ASSERT_FAILS(tn_yaml_parse(tn_buf_view(&b), a, &v, &err), TN_ELIMIT, &err);
    assert_true(tn_arena_size(a) < (size_t)200 << 20);
    tn_buf_clear(&b);
    for (int i = 0; i < 129; i++)
        tn_buf_char(&b, '[');
    for (int i = 0; i < 129; i++)
        tn_buf_char(&b, ']');
    ASSERT_FAILS(tn_yaml_parse(tn_buf_view(&b), a, &v, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_yaml_parse(tn_str_sub(tn_buf_view(&b), 1, 257), a, &v, &err), &err);
    tn_buf_clear(&b);
    tn_buf_c(&b, "- &a0 [x]\n"); /* depth through aliases */
    for (int i = 1; i < 200; i++)
        tn_buf_printf(&b, "- &a%d [*a%d]\n", i, i - 1);
    ASSERT_FAILS(tn_yaml_parse(tn_buf_view(&b), a, &v, &err), TN_ELIMIT, &err);
    ASSERT_FAILS(tn_yaml_parse_with(TN_STR("a: b"), &(tn_yaml_options){.max_bytes = 3}, a, &v, &err), TN_ELIMIT, &err);
    ASSERT_FAILS(tn_yaml_parse_with(TN_STR("[a, b]"), &(tn_yaml_options){.max_nodes = 2}, a, &v, &err), TN_ELIMIT,
                 &err);
    tn_buf_free(&b);
    tn_arena_free(a);
}

static void writing_gives_stable_text(void **state)
{
    static const struct {
        const char *json, *yaml;
    } row[] = {
        {"null", "null\n"},
        {"{}", "{}\n"},
        {"\"a\"", "a\n"},
        {"\"a\\nb\"", "|-\n  a\n  b\n"},
        {"{\"a\":1,\"b\":[],\"c\":{\"d\":[1,[2,3],{\"e\":\"f\",\"g\":{}}]}}",
         "a: 1\nb: []\nc:\n  d:\n    - 1\n    - - 2\n      - 3\n    - e: f\n      g: {}\n"},
        {"{\"a\":\"x\\ny\\n\",\"b\":\"x\\n\\n  y\",\"c\":\"x\\n\\n\",\"d\":\" x\\ny\",\"e\":\"x\\n \\ny\"}",
         "a: |\n  x\n  y\nb: |-\n  x\n\n    y\nc: \"x\\n\\n\"\nd: \" x\\ny\"\ne: \"x\\n \\ny\"\n"},
        {"[\"yes\",\"No\",\"1\",\"1.5\",\"\",\"~\",\"a: b\",\"a #b\",\"- a\",\"a:\",\" a\",\"a "
         "\",\"2024-01-02\",\"1_0\",\"0x1\"]",
         "- \"yes\"\n- \"No\"\n- \"1\"\n- \"1.5\"\n- \"\"\n- \"~\"\n- \"a: b\"\n- \"a #b\"\n- \"- a\"\n- \"a:\"\n- \" "
         "a\"\n"
         "- \"a \"\n- \"2024-01-02\"\n- \"1_0\"\n- \"0x1\"\n"},
        {"[\"it's\",\"a:b\",\"a#b\",\"4GiB\",\"10 minutes\",\"<b>\",\"ti\xE1\xBA\xBFng\",\"a, "
         "[b]\",\"\\t\",\"\\u0085\\u2028\\u007f\"]",
         "- it's\n- a:b\n- a#b\n- 4GiB\n- 10 minutes\n- \"<b>\"\n- ti\xE1\xBA\xBFng\n- a, [b]\n- \"\\t\"\n- "
         "\"\\x85\\u2028\\x7F\"\n"},
        {"[5e-05,1E3,1.5e-07,3.0,true]", "- 5.0e-05\n- 1.0E+3\n- 1.5e-07\n- 3.0\n- true\n"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        const tn_json *v, *back;
        tn_err err;
        ASSERT_OK(tn_json_parse(tn_str_of(row[i].json), a, &v, &err), &err);
        tn_yaml_write(v, &b);
        ASSERT_STR(tn_buf_view(&b), row[i].yaml);
        ASSERT_OK(tn_yaml_parse(tn_buf_view(&b), a, &back, &err), &err);
        if (i != TN_COUNT(row) - 1) /* numbers may change their spelling */
            assert_true(tn_json_equal(v, back));
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

/* Strings made of pieces that matter to YAML, as values and keys at several places, come back exactly. */
static void any_string_comes_back(void **state)
{
    static const char *piece[] = {"a",  " ",        "\n",          ":", "#", "-", "'",  "\"",
                                  "\t", "\xC2\x85", "{",           "|", "1", ".", "\r", "\xE2\x80\xA8",
                                  "~",  "e",        "\xEF\xBF\xBE"};
    const size_t n = TN_COUNT(piece), n_all = n * n * n;
    tn_err err;
    for (size_t i = 0; i < n_all; i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        tn_str s = tn_str_format(a, "%s%s%s", piece[i % n], piece[i / n % n], piece[i / n / n]);
        tn_json *root = tn_json_new_object(a), *list = tn_json_new_array(a), *inner = tn_json_new_object(a);
        assert_true(tn_json_push(list, tn_json_new_str(a, s)) && tn_json_push(list, inner) &&
                    tn_json_set(a, inner, s.ptr, tn_json_new_str(a, s)) && tn_json_set(a, root, s.ptr, list));
        const tn_json *back;
        tn_yaml_write(root, &b);
        if (tn_yaml_parse(tn_buf_view(&b), a, &back, &err) != TN_OK)
            fail_msg("%s: %s", tn_buf_view(&b).ptr, err.msg);
        if (!tn_json_equal(root, back))
            fail_msg("changed: %s", tn_buf_view(&b).ptr);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void front_matter_is_split_off(void **state)
{
    static const struct {
        const char *text;
        bool present;
        const char *yaml, *body;
        uint32_t body_line;
    } row[] = {
        {"---\na: 1\n---\nbody\n", true, "a: 1\n", "body\n", 4},
        {"\xEF\xBB\xBF---\r\na: 1\r\n---\r\nbody\r\n", true, "a: 1\r\n", "body\r\n", 4},
        {"---\n---", true, "", "", 3},
        {"--- \n---\t\nx", true, "", "x", 3},
        {"----\na\n---\n", false, "", "----\na\n---\n", 1},
        {"text\n---\na: 1\n---\n", false, "", "text\n---\na: 1\n---\n", 1},
        {"\xEF\xBB\xBFx", false, "", "x", 1},
        {"", false, "", "", 1},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_front_matter f;
        tn_err err;
        ASSERT_OK(tn_front_matter_split(tn_str_of(row[i].text), &f, &err), &err);
        assert_int_equal(f.present, row[i].present);
        ASSERT_STR(f.yaml, row[i].yaml);
        ASSERT_STR(f.body, row[i].body);
        assert_int_equal(f.body_line, row[i].body_line);
    }
    tn_front_matter f;
    tn_err err;
    ASSERT_FAILS(tn_front_matter_split(TN_STR("---\na: 1\n"), &f, &err), TN_EFORMAT, &err);
    tn_arena *a = tn_arena_new(0);
    const tn_json *v;
    ASSERT_OK(tn_front_matter_parse(TN_STR("---\na: 1\n---\n"), a, &f, &v, &err), &err);
    assert_int_equal(tn_json_line(tn_json_get(v, "a")), 2);
    assert_int_equal(tn_json_column(tn_json_get(v, "a")), 4);
    ASSERT_FAILS(tn_front_matter_parse(TN_STR("---\na: [1\n---\n"), a, &f, &v, &err), TN_EFORMAT, &err);
    assert_true(tn_str_starts(tn_str_of(err.msg), "3:1"));
    ASSERT_OK(tn_front_matter_parse(TN_STR("none"), a, &f, &v, &err), &err);
    assert_null(v);
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        const tn_json *v;
        st = a ? tn_yaml_parse(TN_STR("a: &x [1, {b: c}]\nd: *x\n1: 2\n2: 2\n3: 2\n4: 3\n5: 1\n6: 1\n7: 1\n"), a, &v,
                               &err)
               : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(documents_are_read_by_the_core_schema),
        cmocka_unit_test(broken_documents_are_refused_with_their_place),
        cmocka_unit_test(expansion_is_bounded),
        cmocka_unit_test(writing_gives_stable_text),
        cmocka_unit_test(any_string_comes_back),
        cmocka_unit_test(front_matter_is_split_off),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
