/* Promises of rules/catalog.h, on the tables themselves. */
#include "test.h"

#include "rules/catalog.h"

static void rows_are_found_by_a_column(void **state)
{
    tn_catalog_row row;
    assert_true(tn_catalog_find("tasks", "tag", TN_STR("text-classification"), &row));
    ASSERT_STR(tn_catalog_get(&row, "auto_class"), "AutoModelForSequenceClassification");
    assert_true(tn_catalog_find("models", "id", TN_STR("intfloat/multilingual-e5-small"), &row));
    ASSERT_STR(tn_catalog_get(&row, "licence"), "mit");
    assert_true(tn_catalog_find("languages", "english_name", TN_STR("vietnamese"), &row));
    ASSERT_STR(tn_catalog_get(&row, "iso639_1"), "vi");
    assert_int_equal(tn_catalog_get(&row, "no such column").len, 0);
    assert_false(tn_catalog_find("tasks", "tag", TN_STR("sentiment-ai"), &row));
    assert_false(tn_catalog_first("nothing", &row));
}

static void every_row_has_every_column(void **state)
{
    static const char *tables[] = {"tasks", "models", "languages", "licences", "phrases"};
    for (size_t t = 0; t < TN_COUNT(tables); t++) {
        tn_catalog_row row;
        assert_true(tn_catalog_first(tables[t], &row));
        size_t n_columns = 1, n_rows = 0;
        for (size_t i = 0; i < row.head.len; i++)
            n_columns += row.head.ptr[i] == '\t';
        bool more = true;
        for (; more; more = tn_catalog_next(&row), n_rows++) {
            size_t n = 1;
            for (size_t i = 0; i < row.line.len; i++)
                n += row.line.ptr[i] == '\t';
            if (n != n_columns)
                fail_msg("%s: %zu columns instead of %zu: %.*s", tables[t], n, n_columns, 60, row.line.ptr);
        }
        assert_true(n_rows > 30);
    }
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(rows_are_found_by_a_column),
        cmocka_unit_test(every_row_has_every_column),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
