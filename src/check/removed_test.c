#include "check/removed.h"

#include "test.h"

static void rows_are_sorted_and_whole(void **state)
{
    tn_removed a, b;
    assert_true(tn_removed_count() > 200);
    assert_false(tn_removed_at(tn_removed_count(), &a));
    for (size_t i = 0; i < tn_removed_count(); i++) {
        assert_true(tn_removed_at(i, &a));
        assert_true(a.library.len && a.name.len && a.kind.len);
        assert_true(!a.removed || a.removed_in.len);
        if (i) {
            tn_removed_at(i - 1, &b);
            int c = tn_str_cmp(b.name, a.name);
            if (c > 0 || (c == 0 && tn_str_cmp(b.argument, a.argument) >= 0))
                fail_msg("row %.*s %.*s is out of order", TN_ARG(a.name), TN_ARG(a.argument));
        }
    }
}

static void names_are_found(void **state)
{
    static const struct {
        const char *owner, *argument, *replacement; /* NULL: not in the table */
    } promise[] = {
        {"transformers.TrainingArguments", "evaluation_strategy", "eval_strategy"},
        {"transformers.TrainingArguments", "learning_rate", NULL},
        {"transformers.TrainingArguments", NULL, NULL},
        {"datasets.load_metric", NULL, "evaluate.load"},
        {"*.from_pretrained", "use_auth_token", "token="},
        {"transformers.TFBertForSequenceClassification", NULL, "PyTorch classes (AutoModel*)"},
        {"transformers.TF_WEIGHTS_NAME", NULL, NULL},
        {"transformers.T5Model", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < TN_COUNT(promise); i++) {
        tn_removed r;
        bool found = tn_removed_find(tn_str_of(promise[i].owner), promise[i].argument, &r);
        if (found != (promise[i].replacement != NULL))
            fail_msg("%s %s: found %d", promise[i].owner, promise[i].argument ? promise[i].argument : "", found);
        if (found)
            ASSERT_STR(r.replacement, promise[i].replacement);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_sorted_and_whole), cmocka_unit_test(names_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
