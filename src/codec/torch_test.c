/* Promises of codec/torch.h: on what torch.save wrote (fuzz/seeds/torch; PyTorch 2), and on small programs in the plain
 * layout. Files that lie are in tests/hostile/torch. */
#include "test.h"

#include "codec/torch.h"

static void check_tensor(const tn_st *st, const char *name, tn_st_dtype dtype, uint32_t rank, const uint64_t *shape,
                         tn_bytes want)
{
    const tn_st_entry *e = tn_st_find(st, tn_str_of(name));
    assert_non_null(e);
    assert_int_equal(e->dtype, dtype);
    assert_int_equal(e->rank, rank);
    for (uint32_t i = 0; i < rank; i++)
        assert_int_equal(e->shape[i], shape[i]);
    assert_int_equal(e->data.len, want.len);
    assert_memory_equal(e->data.ptr, want.ptr, want.len);
}

static void check_seed(const tn_st *st)
{
    static const float a[] = {0, 1, 2, 3, 4, 5}, turned[] = {0, 3, 1, 4, 2, 5}, tail[] = {5, 6, 7}, p[] = {4};
    static const int64_t seven = 7;
#define AS_BYTES(x) ((tn_bytes){(const uint8_t *)&(x), sizeof(x)})
    assert_int_equal(st->n, 8);
    check_tensor(st, "a", TN_ST_F32, 2, (const uint64_t[]){2, 3}, AS_BYTES(a));
    check_tensor(st, "turned", TN_ST_F32, 2, (const uint64_t[]){3, 2}, AS_BYTES(turned));
    check_tensor(st, "tail", TN_ST_F32, 1, (const uint64_t[]){3}, AS_BYTES(tail));
    check_tensor(st, "half", TN_ST_F16, 1, (const uint64_t[]){3}, TN_BYTES("\0\x3c\0\xc0\0\x38"));
    check_tensor(st, "brain", TN_ST_BF16, 2, (const uint64_t[]){1, 2}, TN_BYTES("\x80\x3f\0\xc0"));
    check_tensor(st, "scalar", TN_ST_I64, 0, NULL, AS_BYTES(seven));
    check_tensor(st, "none", TN_ST_F32, 2, (const uint64_t[]){0, 3}, TN_BYTES(""));
    check_tensor(st, "p", TN_ST_F32, 1, (const uint64_t[]){1}, AS_BYTES(p));
}

static void both_layouts_are_read(void **state)
{
    static const char *const file[] = {"fuzz/seeds/torch/archive.bin", "fuzz/seeds/torch/plain.bin"};
    for (size_t i = 0; i < TN_COUNT(file); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_err err;
        tn_file f;
        tn_st st;
        ASSERT_OK(tn_file_open(file[i], &f, &err), &err);
        ASSERT_OK(tn_torch_parse(f.bytes, a, &st, &err), &err);
        check_seed(&st);
        const uint8_t *at = tn_st_find(&st, TN_STR("a"))->data.ptr; /* in place */
        assert_true(at > f.bytes.ptr && at < f.bytes.ptr + f.bytes.len);
        tn_file_close(&f);
        tn_arena_free(a);
    }
}

/* ---- programs ---- */

#define HEAD                                                                                                           \
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."                                                        \
    "\x80\x02M\xe9\x03."                                                                                               \
    "\x80\x02}."
#define STORAGE_OF(type, n) "(U\7storagectorch\n" type "\nU\1kU\3cpuK" n "NtQ"
#define TENSOR_OF(offset, shape, stride)                                                                               \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE_OF("FloatStorage", "\2") "K" offset shape stride "\x89}tR"
#define KEYS "\x80\x02]U\1ka."
#define DATA "\2\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40" /* 1, 2 */
#define PROGRAM(body) TN_BYTES(HEAD "\x80\x02" body "." KEYS DATA)

static const struct {
    const char *what;
    tn_bytes file;
    tn_status status;
    const char *sentence;
} row[] = {
    {"one tensor", PROGRAM("}U\1x" TENSOR_OF("\0", "K\2\x85", "K\1\x85") "s"), TN_OK, ""},
    {"any stride of one element", PROGRAM("}U\1x" TENSOR_OF("\1", "K\1\x85", "K\x09\x85") "s"), TN_OK, ""},
    {"offset outside", PROGRAM("}U\1x" TENSOR_OF("\1", "K\2\x85", "K\1\x85") "s"), TN_EFORMAT, "beyond its storage"},
    {"stride outside", PROGRAM("}U\1x" TENSOR_OF("\0", "K\2\x85", "K\2\x85") "s"), TN_EFORMAT, "beyond its storage"},
    {"repeated elements", PROGRAM("}U\1x" TENSOR_OF("\0", "K\3\x85", "K\0\x85") "s"), TN_EINVALID, "repeats elements"},
    {"fewer strides", PROGRAM("}U\1x" TENSOR_OF("\0", "K\2\x85", ")") "s"), TN_EFORMAT, "as many strides"},
    {"size that wraps",
     PROGRAM("}U\1x" TENSOR_OF("\0", "\x8a\x08\0\0\0\0\0\0\0\x40K\4\x86", "K\1K\1\x86") "s"), TN_EFORMAT,
     "too many elements"},
    {"negative shape", PROGRAM("}U\1x" TENSOR_OF("\0", "J\xff\xff\xff\xff\x85", "K\1\x85") "s"), TN_EFORMAT,
     "whole number from 0"},
    {"two of one name",
     PROGRAM("}(U\1x" TENSOR_OF("\0", "K\1\x85", "K\1\x85") "U\1x" TENSOR_OF("\0", "K\1\x85", "K\1\x85") "u"), TN_EFORMAT,
     "two tensors named"},
    {"a name that runs", PROGRAM("cposix\nsystem\nU\2ls\x85R"), TN_EINVALID, "asks for posix.system"},
    {"the same by the stack", PROGRAM("U\5posixU\6system\x93U\2ls\x85R"), TN_EINVALID, "asks for posix.system"},
    {"an instance", PROGRAM("(iposix\nsystem\n"), TN_EINVALID, "0x69"},
    {"an unknown storage", PROGRAM("}U\1x(U\7storagectorch\nComplexFloatStorage\n"), TN_EINVALID, "ComplexFloatStorage"},
    {"a number", PROGRAM("}(U\1y" TENSOR_OF("\0", "K\2\x85", "K\1\x85") "U\1xK\1u"), TN_EINVALID, "\"x\" is no tensor"},
    {"no dictionary", TN_BYTES(HEAD "\x80\x02K\1.\x80\x02]."), TN_EINVALID, "no dictionary"},
    {"a name that is no string", TN_BYTES(HEAD "\x80\x02}K\1K\1s.\x80\x02]."), TN_EINVALID, "no string"},
    {"two values", PROGRAM("}}"), TN_EFORMAT, "more than one value"},
    {"an empty stack", PROGRAM("0"), TN_EFORMAT, "nothing is left"},
    {"below a mark", PROGRAM("}(0"), TN_EFORMAT, "nothing is left"},
    {"an odd dictionary", PROGRAM("}(K\1u"), TN_EFORMAT, "nothing is left"},
    {"a call of a number", PROGRAM("K\1)R"), TN_EFORMAT, "no known name"},
    {"a storage of two sizes",
     PROGRAM("}(U\1x" STORAGE_OF("FloatStorage", "\2") "U\1y" STORAGE_OF("FloatStorage", "\3") "u"), TN_EFORMAT,
     "in two ways"},
    {"a memo far away", PROGRAM("}r\xff\xff\xff\x7f"), TN_EFORMAT, "memo"},
    {"bytes that are not UTF-8", PROGRAM("U\1\xff"), TN_EFORMAT, "not UTF-8"},
    {"a string beyond the end", PROGRAM("X\xff\xff\xff\xff"), TN_EFORMAT, "cut short"},
    {"big-endian", TN_BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
                            "\x80\x02}U\x0dlittle_endian\x89s."),
     TN_EINVALID, "big-endian"},
    {"another magic", TN_BYTES("\x80\x02K\1."), TN_EFORMAT, "neither its archive nor its magic number"},
    {"nothing", TN_BYTES(""), TN_EFORMAT, "neither its archive nor its magic number"},
};

static void programs_are_read_or_refused(void **state)
{
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_err err = TN_ERR_INIT;
        tn_st st;
        tn_status got = tn_torch_parse(row[i].file, a, &st, &err);
        if (got != row[i].status || (got != TN_OK && !strstr(err.msg, row[i].sentence)))
            fail_msg("%s: status %d, \"%s\"", row[i].what, (int)got, err.msg);
        tn_arena_free(a);
    }
}

static void every_failed_allocation_is_told(void **state)
{
    tn_err err;
    tn_file f;
    tn_status st;
    ASSERT_OK(tn_file_open("fuzz/seeds/torch/archive.bin", &f, &err), &err);
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        tn_st out;
        st = a ? tn_torch_parse(f.bytes, a, &out, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
    tn_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_layouts_are_read),
                                       cmocka_unit_test(programs_are_read_or_refused),
                                       cmocka_unit_test(every_failed_allocation_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
