#include "data/squad.h"

#include "test.h"

typedef struct {
    tn_dataset d;
    tn_questions q;
    tn_findings findings;
} loaded;

static tn_status load_as(const char *text, tn_data_use use, loaded *l, tn_err *err)
{
    ASSERT_OK(tn_file_write("q.json", tn_str_bytes(tn_str_of(text)), err), err);
    ASSERT_OK(tn_findings_init(&l->findings, err), err);
    tn_status st = tn_questions_load(&(tn_data_source){.path = "q.json", .use = use}, &l->d, &l->q, &l->findings, err);
    if (st != TN_OK)
        assert_null(l->d.arena);
    return st;
}

static void unload(loaded *l)
{
    if (l->d.arena)
        tn_dataset_free(&l->d);
    tn_findings_free(&l->findings);
}

static bool found(const tn_findings *f, const char *words)
{
    for (size_t i = 0; i < f->list.len; i++)
        if (tn_str_find(f->list.ptr[i].message, tn_str_of(words), 0) != SIZE_MAX)
            return true;
    return false;
}

/* One question about one passage, in the nested layout. */
#define ONE(context, rest)                                                                                             \
    "{\"version\": \"1.1\", \"data\": [{\"title\": \"A\", \"paragraphs\": [{\"context\": \"" context                   \
    "\", \"qas\": [{\"id\": \"1\", \"question\": \"Who?\", " rest "}]}]}]}"
#define ANSWER(text, start) "\"answers\": [{\"text\": \"" text "\", \"answer_start\": " #start "}]"

static void answers_are_placed_in_code_points(void **state)
{
    static const struct {
        const char *what, *file;
        uint32_t start, end; /* of the first answer */
        bool moved;
    } rows[] = {
        {"where it says", ONE("Ann met Bob.", ANSWER("Bob", 8)), 8, 11, false},
        {"at the very end", ONE("Ann met Bob", ANSWER("Bob", 8)), 8, 11, false},
        {"letters of several bytes before it", ONE("Việt Nam có Huế", ANSWER("Huế", 12)), 12, 15, false},
        {"a letter of four bytes is one", ONE("\\ud83d\\ude00 Bob", ANSWER("Bob", 2)), 2, 5, false},
        {"combining marks are code points", ONE("e\\u0302\\u0301 Bob", ANSWER("Bob", 4)), 4, 7, false},
        {"blanks at the passage's front count", ONE("  Bob", ANSWER("Bob", 2)), 2, 5, false},
        {"counted in UTF-16 units", ONE("\\ud83d\\ude00\\ud83d\\ude00 Bob or Bob", ANSWER("Bob", 5)), 3, 6, true},
        {"counted in bytes, though it stands elsewhere too", ONE("Bob ở Huế, Bob", ANSWER("Bob", 15)), 11, 14, true},
        {"off by one", ONE("Ann met Bob.", ANSWER("Bob", 7)), 8, 11, true},
        {"the nearest place", ONE("Bob, Ann, Bob and Bob", ANSWER("Bob", 11)), 10, 13, true},
        {"the earlier of two places as near", ONE("Bob  x  Bob", ANSWER("Bob", 4)), 0, 3, true},
        {"far beyond the end", ONE("Ann met Bob.", ANSWER("Bob", 99999999999)), 8, 11, true},
        {"an answer that is not there", ONE("Ann met Bob.", ANSWER("Eve", 8)), TN_NOT_THERE, TN_NOT_THERE, false},
        {"another Unicode form is another text", ONE("Hu\\u00ea", ANSWER("Hue\\u0302", 0)), TN_NOT_THERE, TN_NOT_THERE,
         false},
        {"an answer longer than the passage", ONE("Bob", ANSWER("Bob Bob", 0)), TN_NOT_THERE, TN_NOT_THERE, false},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        loaded l = {0};
        if (load_as(rows[i].file, TN_DATA_EVAL, &l, &err) != TN_OK)
            fail_msg("%s: %s", rows[i].what, err.msg);
        const tn_question *q = l.q.question;
        if (q->n_answers != 1 || q->answer[0].start != rows[i].start || q->answer[0].end != rows[i].end)
            fail_msg("%s: [%u, %u)", rows[i].what, q->answer[0].start, q->answer[0].end);
        assert_int_equal(l.q.n_moved, rows[i].moved);
        assert_int_equal(l.q.n_nowhere, rows[i].start == TN_NOT_THERE);
        assert_int_equal(found(&l.findings, "found elsewhere"), rows[i].moved);
        unload(&l);
    }
}

static void what_is_known_of_a_question(void **state)
{
    static const struct {
        const char *rest;
        bool kept, impossible;
        uint32_t n_answers;
    } rows[] = {
        {ANSWER("Bob", 8), true, false, 1},
        {"\"is_impossible\": false, " ANSWER("Bob", 8), true, false, 1},
        {"\"is_impossible\": true, \"answers\": [], \"plausible_answers\": [{\"text\": \"Bob\", \"answer_start\": 8}]",
         true, true, 0},
        {"\"is_impossible\": true, " ANSWER("Bob", 8), true, true, 0},
        {"\"answers\": []", true, true, 0},
        {"\"answers\": {\"text\": [], \"answer_start\": []}", true, true, 0},
        {"\"answers\": [{\"text\": \"\", \"answer_start\": -1}]", true, true, 0},
        {"\"answers\": {\"text\": [\"Bob\", \"Ann\"], \"answer_start\": [8, 0]}", true, false, 2},
        {"\"is_impossible\": false, \"answers\": []", false, false, 0},
        {"\"answers\": null", false, false, 0},
        {"\"x\": 1", false, false, 0},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        char file[1000];
        loaded l = {0};
        /* A second question keeps the file readable when the first one is dropped. */
        snprintf(file, sizeof file,
                 "{\"data\": [{\"paragraphs\": [{\"context\": \"Ann met Bob.\", \"qas\": [{\"question\": \"Who?\", %s}, "
                 "{\"question\": \"And?\", " ANSWER("Ann", 0) "}]}]}]}",
                 rows[i].rest);
        ASSERT_OK(load_as(file, TN_DATA_EVAL, &l, &err), &err);
        assert_int_equal(l.d.n_rows, 1 + rows[i].kept);
        assert_int_equal(l.q.n_passages, 1);
        assert_int_equal(l.q.passage[0].n_rows, l.d.n_rows);
        ASSERT_STR(l.d.row[0].other[0], "q.json:1");
        if (rows[i].kept) {
            assert_int_equal(l.q.question[0].impossible, rows[i].impossible);
            assert_int_equal(l.q.question[0].n_answers, rows[i].n_answers);
        }
        unload(&l);
        ASSERT_OK(load_as(file, TN_DATA_PREDICT, &l, &err), &err); /* nothing is dropped that can be asked */
        assert_int_equal(l.d.n_rows, 2);
        assert_int_equal(l.q.question[0].known, rows[i].kept);
        unload(&l);
    }
}

static void layouts_tell_themselves_apart(void **state)
{
    static const char *const files[] = {
        "{\"data\": [{\"title\": \"A\", \"paragraphs\": [{\"context\": \"Ann met Bob.\", \"qas\": [{\"id\": \"1\", "
        "\"question\": \" Who?\", " ANSWER("Bob", 8) "}, {\"id\": \"2\", \"question\": \"And?\", " ANSWER("Ann", 0)
        "}]}]}]}",
        "{\"id\": \"1\", \"title\": \"A\", \"context\": \"Ann met Bob.\", \"question\": \" Who?\", " ANSWER("Bob", 8)
        "}\n\n{\"id\": 2, \"title\": \"A\", \"context\": \"Ann met Bob.\", \"question\": \"And?\", " ANSWER("Ann", 0)
        "}\n",
        "\xEF\xBB\xBF[{\"id\": \"1\", \"title\": \"A\", \"context\": \"Ann met Bob.\",\n \"question\": \" Who?\", "
        ANSWER("Bob", 8) "},\n{\"id\": \"2\", \"title\": \"A\", \"context\": \"Ann met Bob.\", \"question\": \"And?\", "
        ANSWER("Ann", 0) "}]",
    };
    tn_err err = TN_ERR_INIT;
    tn_digest digest[TN_COUNT(files)];
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        loaded l = {0};
        ASSERT_OK(load_as(files[i], TN_DATA_EVAL, &l, &err), &err);
        assert_int_equal(l.d.n_rows, 2);
        assert_int_equal(l.q.n_passages, 1);
        ASSERT_STR(l.d.row[0].text, "Who?");
        ASSERT_STR(l.d.row[1].id, "2");
        ASSERT_STR(l.d.row[1].other[0], "A");
        ASSERT_OK(tn_questions_digest(&l.d, &l.q, &digest[i], &err), &err);
        assert_memory_equal(&digest[i], &digest[0], sizeof digest[0]);
        unload(&l);
    }
}

static void what_is_refused_and_where(void **state)
{
    static const struct {
        const char *file, *words;
        tn_status status;
    } rows[] = {
        {"", "is empty", TN_EFORMAT},
        {"{\"data\": 3}", "\"data\" must be a list, it is a number", TN_EFORMAT},
        {"{\"rows\": []}", "\"context\" must be a text, it is missing", TN_EFORMAT},
        {"{\n\"rows\": []}", "\"data\" must be a list, it is missing", TN_EFORMAT},
        {"{\"data\": [3]}", "where an object with \"paragraphs\" is needed", TN_EFORMAT},
        {"{\"data\": [{\"paragraphs\": [{\"context\": \"x\"}]}]}", "\"qas\" must be a list", TN_EFORMAT},
        {"{\"data\": []}", "no question in it", TN_EFORMAT},
        {"[3]", "a number where a question is needed", TN_EFORMAT},
        {"{\"question\": \"Who?\", \"context\": \"x\"\n", "q.json:2:1: ", TN_EFORMAT},
        {ONE("Bob", "\"answers\": 3"), "\"answers\" must be", TN_EFORMAT},
        {ONE("Bob", "\"answers\": [3]"), "\"answers\" must be a list of objects", TN_EFORMAT},
        {ONE("Bob", "\"answers\": [{\"text\": 3, \"answer_start\": 0}]"), "\"text\" must be a text", TN_EFORMAT},
        {ONE("Bob", "\"answers\": [{\"text\": \"Bob\"}]"), "\"answer_start\" must be a whole number", TN_EFORMAT},
        {ONE("Bob", ANSWER("Bob", -2)), "\"answer_start\" must be", TN_EFORMAT},
        {ONE("Bob", ANSWER("Bob", 0.5)), "\"answer_start\" must be", TN_EFORMAT},
        {ONE("Bob", ANSWER("Bob", 1e99)), "\"answer_start\" must be", TN_EFORMAT},
        {ONE("Bob", "\"answers\": {\"text\": [\"Bob\"], \"answer_start\": []}"), "1 texts and 0 places", TN_EFORMAT},
        {ONE("Bob", "\"is_impossible\": \"no\", " ANSWER("Bob", 0)), "\"is_impossible\" must be", TN_EFORMAT},
        {ONE("Bob", "\"answers\": null"), "no question is left", TN_EFORMAT},
        {ONE("  ", ANSWER("Bob", 0)), "no question is left: 1 blank", TN_EFORMAT},
        {ONE("B\\u0000b", ANSWER("Bob", 0)), "NUL", TN_EFORMAT},
        {ONE("Bob", ANSWER("B\\u0000b", 0)), "NUL", TN_EFORMAT},
        {ONE("\\ud83d Bob", ANSWER("Bob", 2)), "q.json:1:", TN_EFORMAT},
        {"[{\"id\": 1, \"question\": \"a\", \"context\": \"b\", \"answers\": []},\n"
         "{\"id\": \"1\", \"question\": \"a\", \"context\": \"b\", \"answers\": []}]",
         "is also that of line 1", TN_EFORMAT},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        loaded l = {0};
        err.msg[0] = 0;
        tn_status st = load_as(rows[i].file, TN_DATA_EVAL, &l, &err);
        if (st != rows[i].status || !strstr(err.msg, rows[i].words) || !strstr(err.msg, "q.json"))
            fail_msg("%s: status %d, \"%s\"; wanted \"%s\"", rows[i].file, (int)st, err.msg, rows[i].words);
        unload(&l);
    }
    loaded l = {0};
    ASSERT_FAILS(load_as(ONE("Bob", ANSWER("Bob", 0)), TN_DATA_TRAIN, &l, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "three are the least"));
    unload(&l);
    ASSERT_OK(tn_file_write("q.csv", TN_BYTES("question,context\na,b\n"), &err), &err);
    ASSERT_FAILS(tn_questions_load(&(tn_data_source){.path = "q.csv"}, &l.d, &l.q, NULL, &err), TN_EINVALID, &err);
}

/* `n` articles of two passages with three questions each; `twist` rewrites a passage of the last article to be nearly
 * one of the first. */
static void write_articles(const char *path, size_t from, size_t n, bool twist)
{
    tn_buf b = TN_BUF_INIT;
    tn_err err = TN_ERR_INIT;
    for (size_t a = from; a < from + n; a++)
        for (size_t p = 0; p < 2; p++)
            for (size_t k = 0; k < 3; k++) {
                bool as_first = twist && a == from + n - 1 && p == 1;
                size_t x = as_first ? 0 : a, y = as_first ? 0 : p;
                tn_buf_printf(&b, "{\"title\": \"T%zu\", \"question\": \"What is %zu?\", \"context\": \"", a, k);
                for (size_t w = 0; w < 30; w++)
                    tn_buf_printf(&b, "w%zuq%zu ", x * 7919 + y * 104729 + w * 31, w);
                tn_buf_printf(&b, "%s\", \"answers\": {\"text\": [\"w\"], \"answer_start\": [0]}}\n",
                              as_first ? "more" : "");
            }
    ASSERT_OK(tn_buf_status(&b, &err), &err);
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), &err), &err);
    tn_buf_free(&b);
}

static void articles_stay_whole(void **state)
{
    tn_err err = TN_ERR_INIT;
    for (uint64_t seed = 0; seed < 5; seed++) {
        loaded l = {0};
        tn_duplicates dup;
        write_articles("pool.jsonl", 0, 20, true);
        ASSERT_OK(tn_findings_init(&l.findings, &err), &err);
        ASSERT_OK(tn_questions_load(&(tn_data_source){.path = "pool.jsonl"}, &l.d, &l.q, &l.findings, &err), &err);
        ASSERT_OK(tn_questions_prepare(&l.d, &l.q, &(tn_split_options){.validation = 0.1, .test = 0.5, .seed = seed},
                                       &dup, &l.findings, &err),
                  &err);
        tn_split of[20];
        for (size_t r = 0; r < l.d.n_rows; r++) {
            size_t a = r / 6;
            if (r % 6 == 0)
                of[a] = l.d.row[r].split;
            assert_int_equal(l.d.row[r].split, of[a]);
        }
        assert_int_equal(of[0], of[19]); /* joined by a near passage */
        assert_int_equal(dup.n_near, 1);
        assert_int_equal(dup.n_pairs, 1);
        assert_int_equal(dup.pair[0].row, 19 * 6 + 3);
        assert_int_equal(dup.pair[0].other, 0);
        size_t n_test = tn_dataset_count(&l.d, TN_SPLIT_TEST);
        assert_in_range(n_test, 54, 66);
        assert_in_range(tn_dataset_count(&l.d, TN_SPLIT_VALIDATION), 6, 18);
        unload(&l);
    }
}

static void given_splits_lose_what_leaks(void **state)
{
    tn_err err = TN_ERR_INIT;
    loaded l = {0};
    tn_duplicates dup;
    write_articles("train.jsonl", 0, 5, false);
    write_articles("test.jsonl", 4, 3, false); /* article T4 is in both, word for word */
    ASSERT_OK(tn_findings_init(&l.findings, &err), &err);
    ASSERT_OK(tn_questions_load(&(tn_data_source){.train = "train.jsonl", .test = "test.jsonl"}, &l.d, &l.q,
                                &l.findings, &err),
              &err);
    assert_int_equal(l.q.n_passages, 16);
    ASSERT_OK(tn_questions_prepare(&l.d, &l.q, &(tn_split_options){.validation = 0.25, .seed = 1}, &dup, &l.findings, &err),
              &err);
    assert_int_equal(dup.n_removed_across, 6);
    for (size_t r = 0; r < l.d.n_rows; r++)
        assert_int_equal(l.d.row[r].split == TN_SPLIT_REMOVED, r >= 24 && r < 30);
    assert_int_equal(tn_dataset_count(&l.d, TN_SPLIT_TEST), 18);
    assert_int_equal(tn_dataset_count(&l.d, TN_SPLIT_VALIDATION) % 6, 0);
    assert_true(found(&l.findings, "passage equal or near"));
    unload(&l);
}

static void copies_inside_train_leave(void **state)
{
    tn_err err = TN_ERR_INIT;
    loaded l = {0};
    tn_duplicates dup;
    tn_buf b = TN_BUF_INIT;
    for (size_t i = 0; i < 8; i++) /* the question differs in case only, the passage in blanks only */
        tn_buf_printf(&b,
                      "{\"title\": \"%c\", \"question\": \"%s\", \"context\": \"Passage number%s %zu of a book\", "
                      "\"answers\": {\"text\": [\"book\"], \"answer_start\": [%zu]}}\n",
                      'A' + (char)(i / 2), i % 2 ? "WHAT is it?" : "what is it?", i % 2 ? "  " : " ", i / 2,
                      (size_t)(i % 2 ? 24 : 23));
    ASSERT_OK(load_as(b.ptr, TN_DATA_TRAIN, &l, &err), &err);
    assert_int_equal(l.q.n_passages, 8);
    ASSERT_OK(tn_questions_prepare(&l.d, &l.q, &(tn_split_options){.validation = 0.25, .test = 0.25}, &dup, &l.findings,
                                   &err),
              &err);
    assert_int_equal(dup.n_removed_inside, 4);
    for (size_t r = 0; r < 8; r++)
        assert_int_equal(dup.removed[r], r % 2);
    tn_buf_free(&b);
    unload(&l);
}

static void views_and_values(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d, v;
    tn_questions q;
    tn_str question[] = {TN_STR(" Who? "), TN_STR("When?")}, passage[] = {TN_STR(" Bob "), TN_STR(" Bob ")};
    ASSERT_OK(tn_questions_of(question, passage, 2, &d, &q, &err), &err);
    assert_int_equal(q.n_passages, 1);
    assert_int_equal(q.passage[0].n_points, 5);
    assert_false(q.question[0].known);
    ASSERT_STR(d.row[1].id, "row-2");
    ASSERT_OK(tn_questions_joined(&d, &q, d.arena, &v, &err), &err);
    assert_int_equal(v.n_rows, 2);
    ASSERT_STR(v.row[0].text, "Who?\n Bob ");
    ASSERT_OK(tn_questions_apart(&d, &q, d.arena, &v, &err), &err);
    assert_int_equal(v.n_rows, 3);
    ASSERT_STR(v.row[0].text, " Bob ");
    ASSERT_STR(v.row[2].text, "When?");
    tn_dataset_free(&d);
    passage[1] = TN_STR("\xff");
    ASSERT_FAILS(tn_questions_of(question, passage, 2, &d, &q, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "context 2"));
}

static void every_allocation_may_fail(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    write_articles("pool.jsonl", 0, 6, true);
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_dataset d;
        tn_questions q;
        tn_duplicates dup;
        st = tn_questions_load(&(tn_data_source){.path = "pool.jsonl"}, &d, &q, NULL, &err);
        if (st == TN_OK) {
            st = tn_questions_prepare(&d, &q, &(tn_split_options){.validation = 0.2, .test = 0.2}, &dup, NULL, &err);
            tn_dataset_free(&d);
        }
    })
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest all[] = {
        cmocka_unit_test(answers_are_placed_in_code_points), cmocka_unit_test(what_is_known_of_a_question),
        cmocka_unit_test(layouts_tell_themselves_apart),     cmocka_unit_test(what_is_refused_and_where),
        cmocka_unit_test(articles_stay_whole),               cmocka_unit_test(given_splits_lose_what_leaks),
        cmocka_unit_test(copies_inside_train_leave),         cmocka_unit_test(views_and_values),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
