/* Promises of codec/safetensors.h. A file is written here as its header and the size of its data. */
#include "test.h"

#include "base/file.h"
#include "codec/safetensors.h"

#include <unistd.h>

static tn_bytes file_of(tn_arena *a, const char *header, size_t n_data)
{
    size_t n = strlen(header);
    uint8_t *p = tn_arena_calloc(a, 8 + n + n_data);
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(n >> 8 * i);
    memcpy(p + 8, header, n);
    return (tn_bytes){p, 8 + n + n_data};
}

#define T(name, dtype, shape, offsets)                                                                                 \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void files_that_keep_the_rules_are_read(void **state)
{
    static const struct {
        const char *header;
        size_t n_data, n;
    } row[] = {
        {"{}", 0, 0},
        {" {} \n", 0, 0},
        {"{\"__metadata__\":null}", 0, 0},
        {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, 0},
        {"{" T("s", "F32", "[]", "[0,4]") "}", 4, 1},
        {"{" T("z", "F32", "[0,7]", "[0,0]") "}", 0, 1},
        {"{" T("", "U8", "[3]", "[0,3]") "}", 3, 1},
        {"{" T("b", "F16", "[2]", "[3,7]") "," T("a", "BOOL", "[3]", "[0,3]") "}", 7, 2}, /* unaligned, any order */
        {"{" T("z", "F32", "[0]", "[4,4]") "," T("a", "F32", "[1]", "[0,4]") "," T("y", "F32", "[0]", "[0,0]") "}", 4,
         3},
        {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8],\"extra\":[{}]}}", 8, 1},
        {"{" T("f", "F4", "[2,3]", "[0,3]") "}", 3, 1},
        {"{" T("f", "F6_E2M3", "[4]", "[0,3]") "}", 3, 1},
        {"{" T("c", "C64", "[1]", "[0,8]") "}", 8, 1},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_st st;
        tn_err err;
        ASSERT_OK(tn_st_parse(file_of(a, row[i].header, row[i].n_data), a, &st, &err), &err);
        assert_int_equal(st.n, row[i].n);
        tn_arena_free(a);
    }
}

static void lying_files_are_refused(void **state)
{
    static const struct {
        const char *header;
        size_t n_data;
        const char *sentence;
    } row[] = {
        {"", 0, "the text is empty"},
        {"[]", 0, "the header is an array, not an object"},
        {"{", 0, "header:1:2"},
        {"{}x", 0, "header:1:3"},
        {"\xEF\xBB\xBF{}", 0, "byte order mark"},
        {"{\"a\xFF\":1}", 0, "not UTF-8"},
        {"{\"a\":1}", 0, "\"a\" is a number, not an object"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8, "the key \"a\" appears twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "appears twice"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is an array"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "metadata value \"a\" is not a string"},
        {"{" T("a", "f32", "[1]", "[0,4]") "}", 4, "\"a\" has the unknown dtype \"f32\""},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"a\" has no dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"a\" has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "needs data_offsets"},
        {"{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "a dimension of \"a\""},
        {"{" T("a", "F32", "[-0]", "[0,0]") "}", 0, "a dimension of \"a\""},
        {"{" T("a", "F32", "[1.0]", "[0,4]") "}", 4, "a dimension of \"a\""},
        {"{" T("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "a dimension of \"a\""},
        {"{" T("a", "F32", "[1]", "[0,4,8]") "}", 8, "needs data_offsets of two"},
        {"{" T("a", "F32", "[1]", "[-4,0]") "}", 8, "needs data_offsets of two"},
        {"{" T("a", "F32", "[1]", "[4,0]") "}", 4, "ends at 0, before it begins at 4"},
        {"{" T("a", "F32", "[2]", "[0,8]") "}", 4, "ends at byte 8 of the data, the file has 4"},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", 4, "needs 8 bytes for its shape, it has 4"},
        {"{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "more elements than 64 bits"},
        {"{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0, "more bits than 64 bits"},
        {"{" T("a", "F4", "[3]", "[0,2]") "}", 2, "3 elements of 4 bits, no whole bytes"},
        {"{" T("a", "F32", "[1]", "[4,8]") "}", 8, "begins at byte 4, leaving a hole behind byte 0"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12, "leaving a hole behind byte 4"},
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", 12,
         "inside the tensor that ends at 8"},
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4,
         "inside the tensor that ends at 4"},
        {"{" T("a", "F32", "[1]", "[0,4]") "}", 5, "1 bytes behind the last tensor"},
        {"{}", 1, "1 bytes behind the last tensor"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_st st;
        tn_err err;
        ASSERT_FAILS(tn_st_parse(file_of(a, row[i].header, row[i].n_data), a, &st, &err), TN_EFORMAT, &err);
        if (!strstr(err.msg, row[i].sentence))
            fail_msg("%s: got \"%s\", wanted \"%s\"", row[i].header, err.msg, row[i].sentence);
        tn_arena_free(a);
    }
    static const struct {
        tn_bytes file;
        const char *sentence;
    } raw[] = {
        {TN_BYTES(""), "0 bytes is too short"},
        {TN_BYTES("\2\0\0\0\0\0\0"), "7 bytes is too short"},
        {TN_BYTES("\377\377\377\377\377\377\377\377{}"), "at most 100000000 are allowed"},
        {TN_BYTES("\1\341\365\5\0\0\0\0{}"), "header of 100000001 bytes, at most"},
        {TN_BYTES("\0\341\365\5\0\0\0\0{}"), "header of 100000000 bytes in a file of 10"},
        {TN_BYTES("\3\0\0\0\0\0\0\0{}"), "header of 3 bytes in a file of 10"},
    };
    for (size_t i = 0; i < TN_COUNT(raw); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_st st;
        tn_err err;
        ASSERT_FAILS(tn_st_parse(raw[i].file, a, &st, &err), TN_EFORMAT, &err);
        if (!strstr(err.msg, raw[i].sentence))
            fail_msg("got \"%s\", wanted \"%s\"", err.msg, raw[i].sentence);
        tn_arena_free(a);
    }
}

/* Byte k of the tensor is k * 7. */
static tn_status fill_sevens(void *ctx, uint64_t at, size_t n_bytes, uint8_t *out, tn_err *err)
{
    *(size_t *)ctx += 1;
    for (size_t i = 0; i < n_bytes; i++)
        out[i] = (uint8_t)((at + i) * 7);
    return TN_OK;
}

static tn_status fill_fails(void *ctx, uint64_t at, size_t n_bytes, uint8_t *out, tn_err *err)
{
    return tn_fail(err, TN_EIO, "no more");
}

static const char path[] = "tenet-safetensors-test.safetensors";

static void what_is_written_is_read_the_same(void **state)
{
    tn_err err;
    size_t n_calls = 0;
    const uint64_t big[] = {3, 500000}, two[] = {2};
    tn_st_item item[] = {
        {.name = TN_STR("b"), .dtype = TN_ST_U8, .rank = 1, .shape = two, .data = TN_BYTES("xy")},
        {.name = TN_STR("big"), .dtype = TN_ST_F32, .rank = 2, .shape = big, .fill = fill_sevens, .ctx = &n_calls},
        {.name = TN_STR("a"), .dtype = TN_ST_F32, .rank = 0, .data = TN_BYTES("wxyz")},
        {.name = TN_STR("l"), .dtype = TN_ST_I64, .rank = 1, .shape = two, .data = TN_BYTES("0123456789abcdef")},
    };
    ASSERT_OK(tn_st_write(path, item, TN_COUNT(item), &(tn_st_meta){"format", "pt"}, 1, &err), &err);
    assert_int_equal(n_calls, 6); /* 6,000,000 bytes in pieces of 1 MiB */
    tn_file f;
    tn_arena *a = tn_arena_new(0);
    tn_st st;
    ASSERT_OK(tn_file_open(path, &f, &err), &err);
    assert_int_equal(f.bytes.ptr[0] % 8, 0);
    const char head[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"l\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},\"a\":{";
    assert_memory_equal(f.bytes.ptr + 8, head, sizeof head - 1);
    ASSERT_OK(tn_st_parse(f.bytes, a, &st, &err), &err);
    assert_int_equal(st.n, 4);
    ASSERT_STR(st.entry[0].name, "a");
    ASSERT_STR(tn_str_from_bytes(tn_st_find(&st, TN_STR("b"))->data), "xy");
    const tn_st_entry *e = tn_st_find(&st, TN_STR("big"));
    assert_int_equal(e->n_elements, 1500000);
    for (size_t i = 0; i < e->data.len; i++)
        if (e->data.ptr[i] != (uint8_t)(i * 7))
            fail_msg("byte %zu differs", i);
    assert_null(tn_st_find(&st, TN_STR("c")));
    ASSERT_STR(tn_json_str(tn_json_get(st.metadata, "format")), "pt");
    tn_file_close(&f);

    /* A failure on the way leaves the older file. */
    uint64_t before, after;
    item[1].fill = fill_fails;
    ASSERT_OK(tn_file_size(path, &before, &err), &err);
    ASSERT_FAILS(tn_st_write(path, item, TN_COUNT(item), NULL, 0, &err), TN_EIO, &err);
    ASSERT_OK(tn_file_size(path, &after, &err), &err);
    assert_int_equal(before, after);

    item[1].name = TN_STR("a");
    ASSERT_FAILS(tn_st_write(path, item, TN_COUNT(item), NULL, 0, &err), TN_EINVALID, &err);
    item[1].name = TN_STR("__metadata__");
    ASSERT_FAILS(tn_st_write(path, item, TN_COUNT(item), NULL, 0, &err), TN_EINVALID, &err);
    item[0].shape = big;
    ASSERT_FAILS(tn_st_write(path, item, 1, NULL, 0, &err), TN_EINVALID, &err);
    unlink(path);
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err;
    tn_status st;
    tn_arena *keep = tn_arena_new(0);
    tn_bytes file = file_of(keep, "{" T("a", "F32", "[1]", "[0,4]") "}", 4);
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        tn_st out;
        st = a ? tn_st_parse(file, a, &out, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
    tn_arena_free(keep);
    const uint64_t two[] = {2};
    tn_st_item item = {.name = TN_STR("b"), .dtype = TN_ST_U8, .rank = 1, .shape = two, .data = TN_BYTES("xy")};
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_st_write(path, &item, 1, NULL, 0, &err));
    unlink(path);
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest all[] = {
        cmocka_unit_test(files_that_keep_the_rules_are_read),
        cmocka_unit_test(lying_files_are_refused),
        cmocka_unit_test(what_is_written_is_read_the_same),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
