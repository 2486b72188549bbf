/* Promises of check/notebook.h. */
#include "test.h"

#include "check/notebook.h"

static const tn_notebook *notebook(tn_arena *a, const char *json)
{
    tn_err err = TN_ERR_INIT;
    const tn_notebook *nb;
    ASSERT_OK(tn_notebook_read(tn_str_of(json), a, &nb, &err), &err);
    return nb;
}

static void cells_are_joined_with_the_way_back(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_notebook *nb = notebook(a, "{\"nbformat\": 4, \"metadata\": {\"kernelspec\": {\"language\": \"Python\"}},\n"
                                    "\"cells\": [\n"
                                    "{\"cell_type\": \"markdown\", \"source\": \"# Title\"},\n"
                                    "{\"cell_type\": \"code\", \"execution_count\": 2, \"outputs\": [{\"output_type\": \"error\"}], \"source\": [\n"
                                    "\"x = 1\\n\",\n"
                                    "\"y = 2\"]},\n"
                                    "{\"cell_type\": \"code\", \"execution_count\": null, \"outputs\": [], \"source\": \"%%bash\\nls\\n\"},\n"
                                    "{\"cell_type\": \"code\", \"execution_count\": 3, \"outputs\": [], \"source\": \"%%time\\nz = 3\"}\n"
                                    "]}");
    assert_int_equal(nb->n_cells, 4);
    assert_int_equal(nb->n_code, 3);
    ASSERT_STR(nb->python, "x = 1\ny = 2\n\x1E\n\n\n\x1E\n\nz = 3\n\x1E\n");
    ASSERT_STR(nb->language, "python");
    assert_int_equal(nb->cell[1].run, 2);
    assert_true(nb->cell[1].is_error && nb->cell[1].has_output && !nb->cell[3].is_error);
    ASSERT_STR(nb->cell[2].magic, "bash");
    assert_int_equal(nb->cell[2].run, 0);
    ASSERT_STR(nb->cell[0].source, "# Title");
    tn_notebook_place p = tn_notebook_where(nb, 2);
    assert_int_equal(p.line, 6);
    assert_int_equal(p.cell, 2);
    assert_int_equal(p.line_in_cell, 2);
    p = tn_notebook_where(nb, 8);
    assert_int_equal(p.line, 8);
    assert_int_equal(p.cell, 4);
    assert_int_equal(p.line_in_cell, 2);
    assert_int_equal(tn_notebook_where(nb, 0).cell, 0);
    assert_int_equal(tn_notebook_where(nb, 1000).cell, 0);
    tn_arena_free(a);
}

static void the_old_form_is_read(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_notebook *nb = notebook(a, "{\"nbformat\": 3, \"worksheets\": [{\"cells\": [{\"cell_type\": \"code\", \"language\": \"python\", \"prompt_number\": 7, \"input\": [\"a = 1\\r\\n\", \"b\"], \"outputs\": []},"
                                    "{\"cell_type\": \"heading\", \"source\": \"H\"}]}, {\"cells\": [{\"cell_type\": \"code\", \"input\": \"c\", \"outputs\": []}]}]}");
    assert_int_equal(nb->format, 3);
    assert_int_equal(nb->n_cells, 3);
    assert_int_equal(nb->cell[0].run, 7);
    assert_int_equal(nb->cell[1].kind, TN_CELL_MARKDOWN);
    ASSERT_STR(nb->python, "a = 1\nb\n\x1E\nc\n\x1E\n");
    tn_arena_free(a);
}

static void other_languages_give_no_python(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_notebook *nb = notebook(a, "{\"nbformat\": 4, \"metadata\": {\"language_info\": {\"name\": \"R\"}}, \"cells\": [{\"cell_type\": \"code\", \"source\": \"x <- 1\"}]}");
    ASSERT_STR(nb->language, "r");
    ASSERT_STR(nb->python, "");
    ASSERT_STR(nb->cell[0].source, "x <- 1");
    tn_arena_free(a);
}

static void broken_files_are_refused(void **state)
{
    static const char *const row[] = {"", "{", "[]", "{}", "{\"cells\": 3}", "{\"cells\": [", "{\"worksheets\": []}", "{\"cells\": [], \"cells\": []}"};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_err err = TN_ERR_INIT;
        const tn_notebook *nb;
        ASSERT_FAILS(tn_notebook_read(tn_str_of(row[i]), a, &nb, &err), TN_EFORMAT, &err);
        tn_arena_free(a);
    }
    tn_arena *a = tn_arena_new(0);
    const tn_notebook *nb = notebook(a, "{\"cells\": [3, null, {}, {\"cell_type\": \"code\"}, {\"cell_type\": \"code\", \"source\": [1, {}, \"\\u001e\"], \"execution_count\": \"x\", \"outputs\": 3}]}");
    assert_int_equal(nb->n_cells, 5);
    ASSERT_STR(nb->python, "\x1E\n \n\x1E\n");
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        const tn_notebook *nb;
        tn_arena *a = tn_arena_new(256);
        st = a ? tn_notebook_read(TN_STR("{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"a\\n\", \"b\"]}]}"), a, &nb, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_are_joined_with_the_way_back), cmocka_unit_test(the_old_form_is_read), cmocka_unit_test(other_languages_give_no_python),
                                       cmocka_unit_test(broken_files_are_refused), cmocka_unit_test(failed_allocations_are_reported)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
