/* Promises of hub/e5image.h and hub/import.h that need no download: images made here, and lies about them. The wheels
 * themselves are imported by ./test.sh parity (tests/parity/import_parity.py). */
#include "test.h"

#include "base/file.h"
#include "hub/e5image.h"
#include "hub/import.h"

#include <unistd.h>

static void put(tn_buf *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        tn_buf_char(b, (char)(v >> 8 * i));
}

static void put_f32(tn_buf *b, float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    put(b, u, 4);
}

/* Places of fields, for lies. */
enum {
    AT_HIDDEN = 8,
    AT_HEADS = 16,
    AT_VOCABULARY = 24,
    AT_EPSILON = 36,
    AT_BLOCK = 40,
    AT_N_PIECES = 44,
    AT_UNK = 60,
    AT_BLOB = 64,
    AT_OFFSETS = 72,
    AT_SCORES = 88,
    AT_PIECES = 100,
    AT_N_NORM_BYTES = 109,
    AT_N_TENSORS = 122,
    AT_TENSOR = 126
};

/* Three pieces, one 4-bit tensor of one block and one f32 tensor of two. */
static tn_bytes make_image(tn_arena *a)
{
    tn_buf b = TN_BUF_INIT;
    tn_buf_c(&b, "E5S1");
    const uint32_t head[] = {1, 4, 1, 2, 8, 5, 6, 2};
    for (size_t i = 0; i < TN_COUNT(head); i++)
        put(&b, head[i], 4);
    put_f32(&b, 1e-12f);
    put(&b, 32, 4);
    const uint32_t pieces[] = {3, 0, 2, 1, 1}; /* n, bos, eos, pad, unk */
    for (size_t i = 0; i < TN_COUNT(pieces); i++)
        put(&b, pieces[i], 4);
    put(&b, 5, 8);
    const uint32_t offset[] = {0, 1, 2, 5};
    for (size_t i = 0; i < TN_COUNT(offset); i++)
        put(&b, offset[i], 4);
    for (int i = 0; i < 3; i++)
        put_f32(&b, -(float)i);
    tn_buf_c(&b, "ab\xE1\xBA\xBF");
    put(&b, 1, 4); /* the map: one code point to one */
    put(&b, 9, 4);
    put(&b, 65, 4);
    put(&b, 1, 1);
    put(&b, 66, 4);
    assert_int_equal(b.len, AT_N_TENSORS);
    put(&b, 2, 4);
    size_t data = b.len + (2 + 1 + 1 + 4 + 8 + 8) * 2;
    put(&b, 1, 2);
    tn_buf_c(&b, "w");
    put(&b, 1, 1);
    put(&b, 32, 4);
    put(&b, data, 8);
    put(&b, 18, 8);
    put(&b, 1, 2);
    tn_buf_c(&b, "v");
    put(&b, 0, 1);
    put(&b, 2, 4);
    put(&b, data + 18, 8);
    put(&b, 8, 8);
    put(&b, 0x3800, 2); /* 0.5 */
    for (int i = 0; i < 16; i++)
        put(&b, (uint64_t)(i | (15 - i) << 4), 1);
    put_f32(&b, 1.5f);
    put_f32(&b, -2);
    tn_str copy = tn_str_dup(a, tn_buf_view(&b));
    tn_buf_free(&b);
    return tn_str_bytes(copy);
}

static void an_image_is_read_and_expanded(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_e5_image m;
    tn_err err;
    float out[32];
    ASSERT_OK(tn_e5_parse(make_image(a), a, &m, &err), &err);
    assert_true(m.hidden == 4 && m.layers == 1 && m.heads == 2 && m.feed_forward == 8 && m.vocabulary == 5 &&
                m.positions == 6 && m.types == 2 && m.epsilon == 1e-12f && m.n_pieces == 3 && m.bos == 0 &&
                m.eos == 2 && m.pad == 1 && m.unk == 1);
    ASSERT_STR(tn_e5_piece(&m, 0), "a");
    ASSERT_STR(tn_e5_piece(&m, 2), "\xE1\xBA\xBF");
    assert_true(tn_e5_score(&m, 2) == -2.0f);
    const tn_e5_tensor *w = tn_e5_find(&m, "w"), *v = tn_e5_find(&m, "v");
    assert_true(w && w->packed && v && !v->packed);
    assert_null(tn_e5_find(&m, "x"));
    tn_e5_expand(w, 0, 32, out);
    for (int i = 0; i < 16; i++) {
        assert_true(out[i] == (float)(i - 8) * 0.5f);
        assert_true(out[i + 16] == (float)(7 - i) * 0.5f);
    }
    tn_e5_expand(w, 0, 5, out + 20);
    assert_true(out[24] == -2.0f);
    tn_e5_expand(v, 1, 1, out);
    assert_true(out[0] == -2.0f);
    tn_arena_free(a);
}

static void lying_images_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
        int n;
        tn_status status;
        const char *sentence;
    } row[] = {
        {0, 'X', 1, TN_EFORMAT, "does not begin with E5S1"},
        {4, 2, 4, TN_EFORMAT, "version 2"},
        {AT_HIDDEN, 0, 4, TN_ELIMIT, "a size of 0 at byte 8"},
        {AT_HIDDEN, 0xFFFFFFFF, 4, TN_ELIMIT, "a size of 4294967295"},
        {AT_HEADS, 3, 4, TN_EFORMAT, "3 heads do not divide a width of 4"},
        {AT_VOCABULARY, 1 << 21, 4, TN_ELIMIT, "a size of 2097152"},
        {AT_VOCABULARY, 2, 4, TN_EFORMAT, "3 pieces for a vocabulary of 2"},
        {AT_EPSILON, 0x7FC00000, 4, TN_EFORMAT, "epsilon of nan"},
        {AT_BLOCK, 64, 4, TN_EFORMAT, "blocks of 64"},
        {AT_N_PIECES, 0, 4, TN_EFORMAT, "0 pieces"},
        {AT_UNK, 3, 4, TN_EFORMAT, "special token 3 is no piece"},
        {AT_BLOB, UINT64_MAX, 8, TN_EFORMAT, "cut short"},
        {AT_BLOB, 4, 8, TN_EFORMAT, "cut short"},
        {AT_OFFSETS, 1, 4, TN_EFORMAT, "the pieces do not fill"},
        {AT_OFFSETS + 4, 6, 4, TN_EFORMAT, "piece 0 ends at 6 of 5"},
        {AT_OFFSETS + 8, 0, 4, TN_EFORMAT, "piece 1 ends at 0"},
        {AT_OFFSETS + 8, 3, 4, TN_EFORMAT, "piece 1 is not UTF-8"},
        {AT_SCORES + 4, 0x7F800000, 4, TN_EFORMAT, "the score of piece 1 is not finite"},
        {AT_N_NORM_BYTES, 0xFFFFFFFF, 4, TN_EFORMAT, "cut short"},
        {AT_N_TENSORS, 5000, 4, TN_ELIMIT, "5000 tensors"},
        {AT_N_TENSORS, 4096, 4, TN_EFORMAT, ""},
        {AT_TENSOR, 0xFFFF, 2, TN_EFORMAT, "cut short"},
        {AT_TENSOR + 3, 2, 1, TN_EFORMAT, "a tensor of type 2"},
        {AT_TENSOR + 4, 33, 4, TN_EFORMAT, "33 weights, no whole blocks"},
        {AT_TENSOR + 4, 64, 4, TN_EFORMAT, "w needs 36 bytes, it has 18"},
        {AT_TENSOR + 8, UINT64_MAX, 8, TN_EFORMAT, "w needs 18 bytes"},
        {AT_TENSOR + 16, UINT64_MAX, 8, TN_EFORMAT, "w needs 18 bytes"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_bytes image = make_image(a);
        tn_e5_image m;
        tn_err err;
        for (int k = 0; k < row[i].n; k++)
            ((uint8_t *)image.ptr)[row[i].at + (size_t)k] = (uint8_t)(row[i].value >> 8 * k);
        tn_status st = tn_e5_parse(image, a, &m, &err);
        if (st != row[i].status || !strstr(err.msg, row[i].sentence))
            fail_msg("row %zu: status %d, \"%s\", wanted \"%s\"", i, st, err.msg, row[i].sentence);
        tn_arena_free(a);
    }
    tn_arena *a = tn_arena_new(0);
    tn_bytes image = make_image(a);
    for (size_t n = 0; n < image.len; n++) { /* cut short anywhere */
        tn_e5_image m;
        tn_err err;
        ASSERT_FAILS(tn_e5_parse((tn_bytes){image.ptr, n}, a, &m, &err), TN_EFORMAT, &err);
    }
    tn_arena_free(a);
}

static void other_files_are_no_starters(void **state)
{
    static const char path[] = "tenet-import-test.whl";
    tn_arena *a = tn_arena_new(0);
    tn_hub_model m;
    tn_err err;
    ASSERT_OK(tn_file_write(path, TN_BYTES("PK"), &err), &err);
    ASSERT_FAILS(tn_hub_import(path, "tenet-import-test", a, &m, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "is that of no starter model"));
    assert_false(tn_file_exists("tenet-import-test"));
    ASSERT_FAILS(tn_hub_import("tenet-gone.whl", "tenet-import-test", a, &m, &err), TN_ENOENT, &err);
    unlink(path);
    tn_arena_free(a);
}

static void starters_are_pinned(void **state)
{
    assert_int_equal(tn_hub_n_starters, 2);
    for (size_t i = 0; i < tn_hub_n_starters; i++) {
        const tn_hub_starter *s = &tn_hub_starters[i];
        assert_true(tn_hub_id_is_valid(tn_str_of(s->id)));
        assert_true(strlen(s->wheel_sha256) == 64 && strlen(s->weights_sha256) == 64 && strlen(s->revision) == 40);
    }
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest all[] = {
        cmocka_unit_test(an_image_is_read_and_expanded),
        cmocka_unit_test(lying_images_are_refused),
        cmocka_unit_test(other_files_are_no_starters),
        cmocka_unit_test(starters_are_pinned),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
