/* Promises of codec/csv.h. Rows are shown as fields joined by '|', each row behind its line number. */
#include "test.h"

#include "codec/csv.h"

static tn_status show(tn_str text, const tn_csv_options *o, tn_arena *a, tn_buf *out, tn_err *err)
{
    tn_csv_reader r;
    tn_csv_row row;
    bool more;
    tn_csv_init(&r, text, o);
    for (;;) {
        TN_TRY(tn_csv_next(&r, a, &row, &more, err));
        if (!more)
            return row.n == 0 ? TN_OK : TN_EBUG;
        tn_buf_printf(out, "%u:", row.line);
        for (size_t i = 0; i < row.n; i++)
            tn_buf_printf(out, "%s%.*s", i ? "|" : "", TN_ARG(row.field[i]));
        tn_buf_char(out, ';');
    }
}

static void rows_are_read(void **state)
{
    static const struct {
        const char *text, *rows;
        tn_csv_options o;
    } row[] = {
        {"", ""},
        {"a,b\n1,2\n", "1:a|b;2:1|2;"},
        {"a,b\n1,2", "1:a|b;2:1|2;"},
        {"a,b\r\n1,2\r\n", "1:a|b;2:1|2;"},
        {"a,b\r1,2\r", "1:a|b;2:1|2;"},
        {"\xEF\xBB\xBF"
         "a\n",
         "1:a;"},
        {"\n\n a , b \n\n\n", "3: a | b ;"}, /* blanks are kept, blank lines are not rows */
        {",\n", "1:|;"},
        {"\"\"\n", "1:;"},
        {"\"a,b\",\"c\"\"d\",\"\"\"\"\n", "1:a,b|c\"d|\";"},
        {"\"x\ny\r\nz\",1\n2\n", "1:x\ny\r\nz|1;4:2;"},
        {"a\"b,c\"\n", "1:a\"b|c\";"},
        {"a,\n,b", "1:a|;2:|b;"},
        {"a\tb,c\n", "1:a|b,c;", {.delimiter = '\t'}},
        {"\"a\tb\n", "1:\"a|b;", {.delimiter = '\t', .no_quotes = true}},
        {"1234,5\n", "1:1234|5;", {.max_field = 4, .max_columns = 2, .max_rows = 1}},
        {"\"1\"\"34\"\n", "1:1\"34;", {.max_field = 4}},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        tn_err err;
        ASSERT_OK(show(tn_str_of(row[i].text), &row[i].o, a, &b, &err), &err);
        ASSERT_STR(tn_buf_view(&b), row[i].rows);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void broken_files_are_refused_with_the_line(void **state)
{
    static const struct {
        tn_str text;
        tn_status status;
        const char *sentence;
        tn_csv_options o;
    } row[] = {
        {TN_STR("a\n\"b\nc\n"), TN_EFORMAT, "2: the quote that opens here is never closed"},
        {TN_STR("\"\n\na\"b\n"), TN_EFORMAT, "3: text behind a closing quote"},
        {TN_STR("a\nb\0c\n"), TN_EFORMAT, "2: a NUL byte at offset 3"},
        {TN_STR("a\n\"\n\0\""), TN_EFORMAT, "3: a NUL byte at offset 4"},
        {TN_STR("\"a\"\0"), TN_EFORMAT, "1: a NUL byte at offset 3"},
        {TN_STR("a\nb\xFF\n"), TN_EFORMAT, "2: byte 0xFF at offset 3 of the file is not UTF-8"},
        {TN_STR("\"\n\xC3\""), TN_EFORMAT, "2: byte 0xC3 at offset 2"},
        {TN_STR("a\n12345\n"), TN_ELIMIT, "2: a field of more than 4 bytes", {.max_field = 4}},
        {TN_STR("a\n\"12345\"\n"), TN_ELIMIT, "2: a field of more than 4 bytes", {.max_field = 4}},
        {TN_STR("a,b,c\n"), TN_ELIMIT, "1: more than 2 columns", {.max_columns = 2}},
        {TN_STR("a\nb\n\nc\n"), TN_ELIMIT, "4: more than 2 rows", {.max_rows = 2}},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        tn_err err;
        ASSERT_FAILS(show(row[i].text, &row[i].o, a, &b, &err), row[i].status, &err);
        if (!strstr(err.msg, row[i].sentence))
            fail_msg("got \"%s\", wanted \"%s\"", err.msg, row[i].sentence);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

/* A 100 MB line costs the scan of one field, and no memory. */
static void an_endless_line_takes_no_memory(void **state)
{
    size_t n = 100000000;
    char *text = malloc(n);
    assert_non_null(text);
    for (int quoted = 0; quoted < 2; quoted++) {
        memset(text, 'x', n);
        if (quoted)
            text[0] = '"';
        tn_arena *a = tn_arena_new(0);
        tn_csv_reader r;
        tn_csv_row row;
        tn_err err;
        bool more;
        tn_csv_init(&r, (tn_str){text, n}, &(tn_csv_options){0});
        ASSERT_FAILS(tn_csv_next(&r, a, &row, &more, &err), TN_ELIMIT, &err);
        assert_true(tn_arena_size(a) < 1 << 20);
        tn_arena_free(a);
    }
    free(text);
}

static void what_is_written_is_read_the_same(void **state)
{
    static const char *field[] = {"",     "a",   "a,b", "\"",   "\"\"",          "x\ny",
                                  "x\ry", " a ", "a;b", "a\tb", "\xEF\xBB\xBFz", "ti\xE1\xBA\xBFng"};
    static const char delimiter[] = {',', ';', '\t'};
    for (size_t d = 0; d < TN_COUNT(delimiter); d++) {
        tn_buf b = TN_BUF_INIT;
        tn_csv_writer w;
        tn_csv_writer_init(&w, &b, delimiter[d]);
        for (size_t i = 0; i < TN_COUNT(field); i++) { /* alone, then with every other */
            tn_csv_put_c(&w, field[i]);
            tn_csv_end_row(&w);
            for (size_t k = 0; k < TN_COUNT(field); k++) {
                tn_csv_put_c(&w, field[i]);
                tn_csv_put_c(&w, field[k]);
                tn_csv_end_row(&w);
            }
        }
        tn_arena *a = tn_arena_new(0);
        tn_csv_reader r;
        tn_csv_row row;
        tn_err err;
        bool more;
        tn_csv_init(&r, tn_buf_view(&b), &(tn_csv_options){.delimiter = delimiter[d]});
        for (size_t i = 0; i < TN_COUNT(field); i++) {
            ASSERT_OK(tn_csv_next(&r, a, &row, &more, &err), &err);
            assert_int_equal(row.n, 1);
            ASSERT_STR(row.field[0], field[i]);
            for (size_t k = 0; k < TN_COUNT(field); k++) {
                ASSERT_OK(tn_csv_next(&r, a, &row, &more, &err), &err);
                assert_int_equal(row.n, 2);
                ASSERT_STR(row.field[0], field[i]);
                ASSERT_STR(row.field[1], field[k]);
            }
        }
        ASSERT_OK(tn_csv_next(&r, a, &row, &more, &err), &err);
        assert_false(more);
        tn_arena_free(a);
        tn_buf_free(&b);
    }
}

static void numbers_are_written_as_in_json(void **state)
{
    tn_buf b = TN_BUF_INIT;
    tn_csv_writer w;
    tn_csv_writer_init(&w, &b, 0);
    tn_csv_put_head(&w, "id,label");
    tn_csv_put_c(&w, "more");
    tn_csv_end_row(&w);
    ASSERT_STR(tn_buf_view(&b), "id,label,more\n");
    tn_buf_clear(&b);
    tn_csv_put_i64(&w, -5);
    tn_csv_put_f64(&w, 1e-5);
    tn_csv_put_f64(&w, __builtin_nan(""));
    tn_csv_put_f32(&w, 0.1f);
    tn_csv_end_row(&w);
    ASSERT_STR(tn_buf_view(&b), "-5,1e-05,,0.1\n");
    tn_buf_free(&b);
}

static void the_delimiter_is_guessed_from_the_first_line(void **state)
{
    assert_int_equal(tn_csv_guess_delimiter(TN_STR("a;b;c,d\n,,,,,,\n")), ';');
    assert_int_equal(tn_csv_guess_delimiter(TN_STR("\"a;b;c;\",d\n")), ',');
    assert_int_equal(tn_csv_guess_delimiter(TN_STR("a\tb")), '\t');
    assert_int_equal(tn_csv_guess_delimiter(TN_STR("text")), ',');
}

static void failed_allocations_are_reported(void **state)
{
    tn_status st;
    tn_err err;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_arena *a = tn_arena_new(64);
        tn_csv_reader r;
        tn_csv_row row;
        bool more;
        tn_csv_init(&r, TN_STR("\"a\"\"\",b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r\n"), &(tn_csv_options){0});
        st = a ? tn_csv_next(&r, a, &row, &more, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(broken_files_are_refused_with_the_line),
        cmocka_unit_test(an_endless_line_takes_no_memory),
        cmocka_unit_test(what_is_written_is_read_the_same),
        cmocka_unit_test(numbers_are_written_as_in_json),
        cmocka_unit_test(the_delimiter_is_guessed_from_the_first_line),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
