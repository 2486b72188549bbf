#include "data/fit.h"

#include "test.h"

/* WordPiece whose letters are all known: a word is cut into its letters unless it is in the list. */
static tn_tokenizer *make(bool strips)
{
    tn_err err = TN_ERR_INIT;
    tn_tokenizer *t = NULL;
    tn_buf b = TN_BUF_INIT;
    tn_buf_printf(
        &b,
        "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [], \"normalizer\": "
        "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, \"strip_accents\": %s, "
        "\"lowercase\": %s}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"post_processor\": null, "
        "\"decoder\": null, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", "
        "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, \"vocab\": {\"[UNK]\": 0",
        strips ? "true" : "false", strips ? "true" : "false");
    static const char *const known[] = {"ban", "bán",    "bạn", "hang", "hàng", "tot", "tốt",
                                        "Ban", "coffee", "a",   "b",    "##c",  "日"};
    for (size_t i = 0; i < TN_COUNT(known); i++)
        tn_buf_printf(&b, ", \"%s\": %zu", known[i], i + 1);
    tn_buf_c(&b, "}}}");
    ASSERT_OK(tn_tokenizer_parse(tn_buf_view(&b), &t, &err), &err);
    tn_buf_free(&b);
    return t;
}

static void measures_what_a_normaliser_loses(void **state)
{
    static const struct {
        const char *text;
        bool strips;
        double fertility, unknown, lossy, merged, lost_case; /* 4 words each */
        tn_fit_verdict verdict;
    } rows[] = {
        {"bán bạn ban hàng", true, 1, 0, 0.75, 0.5, 0, TN_FIT_MISMATCH}, /* bán and bạn become ban; hàng meets nobody */
        {"bán bạn ban hàng", false, 1, 0, 0, 0, 0, TN_FIT_FITS},
        {"ban Ban coffee TOT", true, 1, 0, 0, 0, 0.5, TN_FIT_FITS},               /* case is the lesser fault */
        {"ba\xCC\x81n hang tot ban", true, 1, 0, 0.25, 0.25, 0, TN_FIT_MISMATCH}, /* decomposed, the same */
        {"xyz ban hang tot", true, 1, 0.25, 0, 0, 0, TN_FIT_MISMATCH},
        {"acc acc acc acc", true, 3, 0, 0, 0, 0, TN_FIT_POOR},
        {"accccc bccccc accccc accccc", true, 6, 0, 0, 0, 0, TN_FIT_MISMATCH},
        {"日日 ban ban", true, 1, 0, 0, 0, 0, TN_FIT_FITS}, /* each Han letter is a word */
    };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t[] = {make(false), make(true)};
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_str text = tn_str_of(rows[i].text);
        tn_fit f;
        ASSERT_OK(tn_fit_texts(t[rows[i].strips], &text, 1, 0, a, &f, &err), &err);
        if (f.n_words != 4 || f.fertility != rows[i].fertility || f.unknown_rate != rows[i].unknown ||
            f.lossy_rate != rows[i].lossy || f.merged_rate != rows[i].merged || f.case_rate != rows[i].lost_case ||
            f.verdict != rows[i].verdict)
            fail_msg("\"%s\": words %zu fertility %g unknown %g lossy %g merged %g case %g: %s", rows[i].text,
                     f.n_words, f.fertility, f.unknown_rate, f.lossy_rate, f.merged_rate, f.case_rate,
                     tn_fit_name(f.verdict));
        assert_true(f.reason.len > 0);
    }
    tn_fit f;
    tn_str long_text[] = {TN_STR("ban ban ban"), TN_STR("ban")};
    ASSERT_OK(tn_fit_texts(t[0], long_text, 2, 2, a, &f, &err), &err);
    assert_true(f.truncated_share == 0.5 && f.verdict == TN_FIT_POOR);
    ASSERT_OK(tn_fit_texts(t[0], NULL, 0, 2, a, &f, &err), &err);
    assert_true(f.fertility == 0 && f.verdict == TN_FIT_FITS);
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_fit_texts(t[1], long_text, 2, 2, a, &f, &err));
    tn_tokenizer_free(t[0]);
    tn_tokenizer_free(t[1]);
    tn_arena_free(a);
}

static void looks_at_training_rows_only(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_str text[] = {TN_STR("ban"), TN_STR("bán"), TN_STR("bạn")};
    tn_dataset d;
    tn_fit f;
    tn_tokenizer *t = make(true);
    ASSERT_OK(tn_dataset_of(text, NULL, 3, &d, &err), &err);
    ASSERT_OK(tn_fit_dataset(t, &d, 0, d.arena, &f, &err), &err);
    assert_int_equal(f.n_texts, 3);
    d.row[0].split = TN_SPLIT_TRAIN;
    d.row[1].split = TN_SPLIT_TEST;
    d.row[2].split = TN_SPLIT_REMOVED;
    ASSERT_OK(tn_fit_dataset(t, &d, 0, d.arena, &f, &err), &err);
    assert_int_equal(f.n_texts, 1);
    assert_true(f.lossy_rate == 0);
    tn_dataset_free(&d);
    tn_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_what_a_normaliser_loses),
        cmocka_unit_test(looks_at_training_rows_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
