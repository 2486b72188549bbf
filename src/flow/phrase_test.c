/* Promises of flow/phrase.h: how words are cut, and what a phrase of the catalogue finds. */
#include "test.h"

#include "flow/phrase.h"

static void words_are_cut(void **state)
{
    static const struct {
        const char *text, *words; /* parted by | */
    } row[] = {
        {"Fine-tune it, don't wait.", "fine-tune|it|don't|wait"},
        {"14,200 e-mails at 0.85 %", "14,200|e-mails|at|0.85|%"},
        {"l'API d\xE2\x80\x99""entra\xC3\xAEnement", "l|api|d|entra\xC3\xAEnement"},
        {"Swahili-English, Macro-F1", "swahili|english|macro-f1"},
        {"\xE5\xBE\xAE\xE8\xB0\x83 GPU", "\xE5\xBE\xAE|\xE8\xB0\x83|gpu"},
        {"\xD0\x9C\xD0\x9E", "\xD0\xBC\xD0\xBE"},
        {"", ""},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_words w = {0};
        tn_buf b = TN_BUF_INIT;
        tn_err err;
        ASSERT_OK(tn_words_cut(tn_str_of(row[i].text), 1, a, &w, &err), &err);
        for (size_t k = 0; k < w.len; k++) {
            if (k)
                tn_buf_char(&b, '|');
            tn_buf_str(&b, w.ptr[k].lower);
        }
        ASSERT_STR(tn_buf_view(&b), row[i].words);
        tn_buf_free(&b);
        TN_VEC_FREE(&w);
        tn_arena_free(a);
    }
}

static void phrases_are_found(void **state)
{
    static const struct {
        const char *text, *field, *value;
        int found; /* 1 found, 0 not found, -1 found and negated */
    } row[] = {
        {"Object detection of cars", "task", "object-detection", 1},
        {"an object-detection model", "task", "object-detection", 1},
        {"a time-series forecasting model", "task", "time-series-forecasting", 1},
        {"classify the many photos", "task", "image-classification", 1},   /* a gap */
        {"classify. Then look at photos", "task", "image-classification", 0}, /* not over a full stop */
        {"No fine-tuning, please", "action", "fine-tune", -1},
        {"fine-tuning comes later", "action", "fine-tune", -1},
        {"No rush. Fine-tuning is fine", "action", "fine-tune", 1},
        {"on a server without GPU", "environment", "cloud-cpu", 1},         /* holds its own negation */
        {"text-to-image retrieval in an archive", "task", "text-to-image", 0}, /* the longer phrase stands for it */
        {"Upper Sorbian sentences", "language", "hsb", 1},
        {"even so", "language", "eve", 0},
        {"\xE5\xBE\xAE\xE8\xB0\x83\xE4\xB8\x80\xE4\xB8\xAA\xE6\xA8\xA1\xE5\x9E\x8B", "action", "fine-tune", 1},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_words w = {0};
        tn_phrase_hits hits = {0};
        tn_err err;
        ASSERT_OK(tn_words_cut(tn_str_of(row[i].text), 1, a, &w, &err), &err);
        ASSERT_OK(tn_phrases_find(&w, a, &hits, &err), &err);
        int found = 0;
        for (size_t k = 0; k < hits.len; k++)
            if (tn_str_is(hits.ptr[k].field, row[i].field) && tn_str_is(hits.ptr[k].value, row[i].value))
                found = hits.ptr[k].negated ? -1 : 1;
        if (found != row[i].found)
            fail_msg("\"%s\": %s %s is %d, wanted %d", row[i].text, row[i].field, row[i].value, found, row[i].found);
        TN_VEC_FREE(&hits);
        TN_VEC_FREE(&w);
        tn_arena_free(a);
    }
}

static void case_is_no_difference(void **state)
{
    assert_true(tn_phrase_same(TN_STR("\xC3\x84mter"), TN_STR("\xC3\xA4MTER")));
    assert_false(tn_phrase_same(TN_STR("Task"), TN_STR("Tasks")));
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(words_are_cut),
        cmocka_unit_test(phrases_are_found),
        cmocka_unit_test(case_is_no_difference),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
