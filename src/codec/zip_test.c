/* Promises of codec/zip.h, on an archive of Python's zipfile with lies patched into it. */
#include "test.h"

#include "codec/zip.h"

/* a.txt "stored" (stored), d/b.txt "deflated " twenty times (deflated); 218 bytes. Local headers at 0 and 41, directory
 * at 92 and 143, end record at 196. */
static const char archive[] = "\120\113\003\004\024\000\000\000\000\000\000\000\041\134\013\371\103\126\006\000\000\000"
                              "\006\000\000\000\005\000\000"
                              "\000\141\056\164\170\164\163\164\157\162\145\144\120\113\003\004\024\000\000\000\010\000"
                              "\000\000\041\134\007\326\157"
                              "\220\016\000\000\000\264\000\000\000\007\000\000\000\144\057\142\056\164\170\164\113\111"
                              "\115\313\111\054\111\115\121"
                              "\110\031\072\014\000\120\113\001\002\024\003\024\000\000\000\000\000\000\000\041\134\013"
                              "\371\103\126\006\000\000\000"
                              "\006\000\000\000\005\000\000\000\000\000\000\000\000\000\000\000\200\001\000\000\000\000"
                              "\141\056\164\170\164\120\113"
                              "\001\002\024\003\024\000\000\000\010\000\000\000\041\134\007\326\157\220\016\000\000\000"
                              "\264\000\000\000\007\000\000"
                              "\000\000\000\000\000\000\000\000\000\200\001\051\000\000\000\144\057\142\056\164\170\164"
                              "\120\113\005\006\000\000\000"
                              "\000\002\000\002\000\150\000\000\000\134\000\000\000\000\000";
enum { N_ARCHIVE = sizeof archive - 1 };

static void members_are_read(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_zip z;
    tn_bytes data;
    assert_int_equal(N_ARCHIVE, 218);
    ASSERT_OK(tn_zip_parse((tn_bytes){(const uint8_t *)archive, N_ARCHIVE}, a, &z, &err), &err);
    assert_int_equal(z.n, 2);
    ASSERT_OK(tn_zip_read(tn_zip_find(&z, "a.txt"), 6, a, &data, &err), &err);
    ASSERT_STR(tn_str_from_bytes(data), "stored");
    assert_ptr_equal(data.ptr, archive + 35);
    ASSERT_OK(tn_zip_read(tn_zip_find(&z, "d/b.txt"), 180, a, &data, &err), &err);
    assert_int_equal(data.len, 180);
    assert_true(tn_str_starts(tn_str_from_bytes(data), "deflated deflated "));
    ASSERT_FAILS(tn_zip_read(tn_zip_find(&z, "d/b.txt"), 179, a, &data, &err), TN_ELIMIT, &err);
    assert_null(tn_zip_find(&z, "b.txt"));
    /* An empty archive, and one with a comment. */
    ASSERT_OK(tn_zip_parse(TN_BYTES("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0hi"), a, &z, &err), &err);
    assert_int_equal(z.n, 0);
    tn_arena_free(a);
}

static void lies_are_refused(void **state)
{
    static const struct {
        size_t at, n;
        const char *bytes; /* written over the archive */
        tn_status status;
        const char *sentence;
    } row[] = {
        {196, 1, "X", TN_EFORMAT, "no end record"},
        {200, 1, "\1", TN_EINVALID, "several disks"},
        {204, 1, "\1", TN_EINVALID, "several disks"},
        {204, 4, "\1\0\1\0", TN_EFORMAT, "53 bytes behind the last entry"},
        {204, 4, "\3\0\3\0", TN_EFORMAT, "entry 3 of the directory is broken"},
        {204, 4, "\377\377\377\377", TN_EINVALID, "zip64"},
        {208, 1, "\0", TN_EFORMAT, "does not end at the end record"},
        {212, 4, "\377\377\377\177", TN_EFORMAT, "does not end at the end record"},
        {92, 1, "X", TN_EFORMAT, "entry 1 of the directory is broken"},
        {100, 1, "\1", TN_EINVALID, "encrypted"},
        {102, 1, "\014", TN_EINVALID, "packed by method 12"},
        {102, 1, "\010", TN_EFORMAT, "differs from the directory"},
        {108, 1, "\0", TN_EFORMAT, "differs from the directory"},
        {112, 1, "\7", TN_EFORMAT, "stored with two sizes"},
        {112, 8, "\7\0\0\0\7\0\0\0", TN_EFORMAT, "differs from the directory"},
        {112, 8, "\377\377\377\0\377\377\377\0", TN_EFORMAT, "reaches beyond"},
        {112, 4, "\377\377\377\377", TN_EINVALID, "zip64"},
        {120, 2, "\377\377", TN_EFORMAT, "entry 1 of the directory is broken"},
        {126, 1, "\1", TN_EINVALID, "another disk"},
        {134, 4, "\1\0\0\0", TN_EFORMAT, "no header of \"a.txt\" at offset 1"},
        {134, 4, "\377\377\377\177", TN_EFORMAT, "no header of \"a.txt\""},
        {138, 1, "b", TN_EFORMAT, "differs from the directory"},
        {138, 5, "/a.tx", TN_EFORMAT, "the name \"/a.tx\" is not safe"},
        {138, 5, "../ab", TN_EFORMAT, "not safe"},
        {138, 5, "a\\txt", TN_EFORMAT, "not safe"},
        {138, 5, "a\0txt", TN_EFORMAT, "not safe"},
        {138, 5, "a.tx\377", TN_EFORMAT, "not safe"},
        {138, 5, "a.tx/", TN_EFORMAT, "the folder \"a.tx/\" holds data"},
        {26, 2, "\377\377", TN_EFORMAT, "reaches beyond"},
        {28, 2, "\60\0", TN_EFORMAT, "overlap"}, /* the extra field of the first runs into the second */
        {153, 1, "\0", TN_EFORMAT, "stored with two sizes"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        uint8_t copy[N_ARCHIVE];
        tn_arena *a = tn_arena_new(0);
        tn_err err = TN_ERR_INIT;
        tn_zip z;
        memcpy(copy, archive, N_ARCHIVE);
        memcpy(copy + row[i].at, row[i].bytes, row[i].n);
        tn_status st = tn_zip_parse((tn_bytes){copy, N_ARCHIVE}, a, &z, &err);
        if (st != row[i].status || !strstr(err.msg, row[i].sentence))
            fail_msg("row %zu: status %d, \"%s\", wanted \"%s\"", i, st, err.msg, row[i].sentence);
        tn_arena_free(a);
    }
    for (size_t n = 0; n < N_ARCHIVE; n++) { /* cut short anywhere */
        tn_arena *a = tn_arena_new(0);
        tn_err err;
        tn_zip z;
        ASSERT_FAILS(tn_zip_parse((tn_bytes){(const uint8_t *)archive, n}, a, &z, &err), TN_EFORMAT, &err);
        tn_arena_free(a);
    }
}

static void damaged_data_are_refused(void **state)
{
    static const struct {
        size_t at, also;
        const char *name, *bytes, *sentence;
        size_t n;
    } row[] = {
        {35, 35, "a.txt", "S", "damaged, its CRC-32 differs", 1},
        {80, 80, "d/b.txt", "X", "d/b.txt\"", 1},
        {63, 167, "d/b.txt", "\265", "does not unpack to its 181 bytes", 1},
        {63, 167, "d/b.txt", "\263", "does not unpack to its 179 bytes", 1},
        {63, 167, "d/b.txt", "\0\0\0\20", "cannot unpack to 268435456 bytes", 4}, /* before memory is taken */
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        uint8_t copy[N_ARCHIVE];
        tn_arena *a = tn_arena_new(0);
        tn_err err;
        tn_zip z;
        tn_bytes data;
        memcpy(copy, archive, N_ARCHIVE);
        memcpy(copy + row[i].at, row[i].bytes, row[i].n);
        memcpy(copy + row[i].also, row[i].bytes, row[i].n);
        ASSERT_OK(tn_zip_parse((tn_bytes){copy, N_ARCHIVE}, a, &z, &err), &err);
        ASSERT_FAILS(tn_zip_read(tn_zip_find(&z, row[i].name), 1 << 30, a, &data, &err), TN_EFORMAT, &err);
        if (!strstr(err.msg, row[i].sentence))
            fail_msg("got \"%s\", wanted \"%s\"", err.msg, row[i].sentence);
        assert_true(tn_arena_size(a) < 1 << 20);
        tn_arena_free(a);
    }
}

/* Two directory entries for one member, the second under another name: caught by its local header; a whole second
 * local header inside a stored member: caught as an overlap. */
static void members_may_not_overlap(void **state)
{
    uint8_t copy[N_ARCHIVE];
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    tn_zip z;
    memcpy(copy, archive, N_ARCHIVE);
    memcpy(copy + 18, "\71\0\0\0\71\0\0\0", 8); /* a.txt reaches to 92 */
    memcpy(copy + 112, "\71\0\0\0\71\0\0\0", 8);
    ASSERT_FAILS(tn_zip_parse((tn_bytes){copy, N_ARCHIVE}, a, &z, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "overlap"));
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        tn_zip z;
        tn_bytes data;
        st = a ? tn_zip_parse((tn_bytes){(const uint8_t *)archive, N_ARCHIVE}, a, &z, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_zip_read(&z.entry[1], 1000, a, &data, &err);
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(damaged_data_are_refused),
        cmocka_unit_test(members_may_not_overlap),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
