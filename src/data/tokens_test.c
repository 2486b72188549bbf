#include "data/tokens.h"

#include "data/split.h"
#include "test.h"

static tn_findings findings;

static tn_status parse(const char *name, tn_data_use use, const char *text, tn_dataset *d, tn_tokens *k, tn_err *err)
{
    tn_findings_clear(&findings);
    return tn_tokens_parse(tn_str_of(text), name, use, d, k, &findings, err);
}

/* "word/tag word/tag | word/tag": rows as text. */
static tn_str shown(const tn_dataset *d, const tn_tokens *k, tn_buf *b)
{
    tn_buf_clear(b);
    for (size_t r = 0; r < d->n_rows; r++) {
        if (r)
            tn_buf_c(b, " | ");
        for (size_t i = k->start[r]; i < k->start[r + 1]; i++) {
            if (i > k->start[r])
                tn_buf_char(b, ' ');
            tn_buf_str(b, k->word[i]);
            tn_buf_char(b, '/');
            tn_buf_str(b, k->tag_of[i] < 0 ? TN_STR("?") : k->tag[k->tag_of[i]]);
        }
    }
    return tn_buf_view(b);
}

static void files_of_every_habit(void **state)
{
    static const struct {
        const char *name, *text, *rows;
        tn_data_use use;
        tn_scheme scheme;
    } row[] = {
        {"a.conll", "EU\tB-ORG\nrejects\tO\n\nA\tO\n\nB\tO\n", "EU/B-ORG rejects/O | A/O | B/O", TN_DATA_TRAIN,
         TN_SCHEME_IOB2},
        /* CoNLL-2003: blanks, four columns, documents, a last sentence without an empty line. */
        {"a.conll", "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\n. . O O\n\n-DOCSTART- -X- O O\n\nX NN I-NP I-ORG",
         "EU/I-ORG ./O | X/I-ORG", TN_DATA_EVAL, TN_SCHEME_IOB1},
        /* Runs of blanks, CR LF, a byte order mark, lines of blanks between sentences. */
        {"a.bio",
         "\xEF\xBB\xBF"
         "a   O\r\nb  B-X\r\n\t \r\n\r\nc O\r\n",
         "a/O b/B-X | c/O", TN_DATA_EVAL, TN_SCHEME_IOB2},
        /* A word may begin with #, also the first one; a comment has other columns. */
        {"a.conll", "# a comment\n#tag\tB-X\n#\tO\n\n#b\tO\n", "#tag/B-X #/O | #b/O", TN_DATA_EVAL, TN_SCHEME_IOB2},
        {"a.conll", "#tag\tB-X\n#\tO\n", "#tag/B-X #/O", TN_DATA_EVAL, TN_SCHEME_IOB2},
        /* CoNLL-U: blanks inside words, ranges and empty nodes, comments. */
        {"a.conllu",
         "# sent_id = s1\n# text = x\n1-2\tvà o\t_\t_\t_\t_\t_\t_\t_\t_\n1\tvà\t_\tCCONJ\t_\t_\t0\t_\t_\t_\n"
         "1.1\tnot\t_\tX\t_\t_\t0\t_\t_\t_\n2\tchủ tịch\t_\tNOUN\t_\t_\t0\t_\t_\t_\n",
         "và/CCONJ chủ tịch/NOUN", TN_DATA_EVAL, TN_SCHEME_PLAIN},
        {"a.conll", "# global.columns = ID FORM UPOS\n1\ta\tX\n2\tb\tY\n", "a/X b/Y", TN_DATA_EVAL, TN_SCHEME_PLAIN},
        {"a.conll", "just\nwords\n\nhere\n", "just/? words/? | here/?", TN_DATA_PREDICT, TN_SCHEME_PLAIN},
        {"a.jsonl", "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"B-X\",\"O\"]}\n\n{\"tokens\":[\"c\"],\"tags\":[\"S-X\"]}\n",
         "a/B-X b/O | c/S-X", TN_DATA_EVAL, TN_SCHEME_IOBES},
        {"a.json",
         "[{\"id\":7,\"words\":[\"a\"],\"ner_tags\":[1]},{\"id\":\"x\",\"words\":[\"b\",\"c\"],\"ner_tags\":[0,1]}]",
         "a/1 b/0 c/1", TN_DATA_EVAL, TN_SCHEME_PLAIN},
        {"a.jsonl", "{\"tokens\":[\"a\"]}", "a/?", TN_DATA_PREDICT, TN_SCHEME_PLAIN},
        /* The plain names win over those of one kind of tag. */
        {"a.jsonl", "{\"tokens\":[\"a\"],\"pos_tags\":[\"N\"],\"tags\":[\"O\"]}", "a/O", TN_DATA_EVAL, TN_SCHEME_PLAIN},
        /* An empty list is no sentence; a missing tag drops one. */
        {"a.jsonl",
         "{\"tokens\":[],\"tags\":[]}\n{\"tokens\":[\"a\"],\"tags\":[null]}\n{\"tokens\":[\"b\"],\"tags\":[\"O\"]}",
         "b/O", TN_DATA_EVAL, TN_SCHEME_PLAIN},
    };
    tn_buf b = TN_BUF_INIT;
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        tn_dataset d;
        tn_tokens k;
        if (parse(row[i].name, row[i].use, row[i].text, &d, &k, &err) != TN_OK)
            fail_msg("row %zu: %s", i, err.msg);
        if (strcmp(row[i].rows, "a/1 b/0 c/1") == 0) {
            ASSERT_STR(d.row[0].id, "7");
            ASSERT_STR(d.row[1].id, "x");
            assert_true(findings.list.len == 1); /* numbers without names */
        } else if (!tn_str_is(shown(&d, &k, &b), row[i].rows)) {
            fail_msg("row %zu: %s", i, b.ptr);
        }
        assert_int_equal(k.scheme, row[i].scheme);
        tn_dataset_free(&d);
    }
    tn_buf_free(&b);
}

#define N16 " n n n n n n n n n n n n n n n n"

static void bad_files_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *name, *text, *says;
        tn_data_use use;
        tn_status status;
    } row[] = {
        {"a.conll", "", "empty", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "\n \n\n", "empty", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "# only\n# comments\n", "no line with a word", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "a O\nb\n", "a.conll:2: 1 column where", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "a\tO\nb O\n", "a.conll:2: 1 column where the others have 2, parted by tabs", TN_DATA_EVAL,
         TN_EFORMAT},
        {"a.conll", "a\tO\n\tO\n", "a.conll:2: a word is empty", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "a\tO\nb\t\n", "a.conll:2: 1 column", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "word\nword\n", "one column", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "a\tO\nb\xff\tO\n", "a.conll:2:2: byte 0xFF", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conllu", "1\ta\tX\n", "has 10 columns", TN_DATA_EVAL, TN_EFORMAT},
        {"a.conll", "# global.columns =" N16 N16 N16 N16 " n\na\tO\n", "more than 64 columns", TN_DATA_EVAL, TN_ELIMIT},
        {"a.conll", "a\tO\n\nb\tO\n\nc\tO\n", "every word has the tag \"O\"", TN_DATA_TRAIN, TN_EFORMAT},
        {"a.conll", "a\tO\nb\tX\n", "1 sentence cannot be split", TN_DATA_TRAIN, TN_EFORMAT},
        {"a.conllu", "1\ta\t_\t_\t_\t_\t0\t_\t_\t_\n", "no sentence is left", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"]}", "no list of tags", TN_DATA_EVAL, TN_ENOENT},
        {"a.jsonl", "{\"text\":\"a\"}", "no list of words", TN_DATA_EVAL, TN_ENOENT},
        {"a.jsonl", "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"O\"]}", "a.jsonl:1: 2 words and 1 tags", TN_DATA_EVAL,
         TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[\"O\"]}\n{\"tokens\":[1],\"tags\":[\"O\"]}",
         "a.jsonl:2: a word is a number", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\" \"],\"tags\":[\"O\"]}", "a word is empty", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\\u0000b\"],\"tags\":[\"O\"]}", "a NUL character", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[\"\\u0000\"]}", "a NUL character", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[1.5]}", "no whole number", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[{}]}", "a tag is an object", TN_DATA_EVAL, TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"ner_tags\":[\"O\"],\"pos_tags\":[\"N\"]}", "could both be the tags",
         TN_DATA_EVAL, TN_EINVALID},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[\"O\"]}\n[1]", "a.jsonl:2: an array where an object", TN_DATA_EVAL,
         TN_EFORMAT},
        {"a.jsonl", "{\"tokens\":[\"a\"],\"tags\":[\"O\"]}\n{\"tokens\"", "a.jsonl:2:", TN_DATA_EVAL, TN_EFORMAT},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_err err = TN_ERR_INIT;
        tn_dataset d;
        tn_tokens k;
        tn_status st = parse(row[i].name, row[i].use, row[i].text, &d, &k, &err);
        if (st != row[i].status || !strstr(err.msg, row[i].says))
            fail_msg("row %zu: status %d: %s", i, (int)st, err.msg);
    }
}

static void sizes_are_bounded(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    tn_tokens k;
    tn_buf b = TN_BUF_INIT;
    for (int i = 0; i < 300000; i++)
        tn_buf_c(&b, "word O\n");
    ASSERT_FAILS(parse("a.conll", TN_DATA_EVAL, b.ptr, &d, &k, &err), TN_ELIMIT, &err);
    assert_non_null(strstr(err.msg, "an empty line must stand between sentences"));
    tn_buf_clear(&b);
    for (int i = 0; i < 1100; i++)
        tn_buf_printf(&b, "word tag%d\n\n", i);
    ASSERT_FAILS(parse("a.conll", TN_DATA_EVAL, b.ptr, &d, &k, &err), TN_ELIMIT, &err);
    tn_buf_clear(&b);
    for (int i = 0; i < 1100; i++)
        tn_buf_char(&b, 'x');
    tn_buf_c(&b, " O\n");
    ASSERT_FAILS(parse("a.conll", TN_DATA_EVAL, b.ptr, &d, &k, &err), TN_ELIMIT, &err);
    tn_buf_free(&b);
}

static void what_is_odd_is_a_finding(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    tn_tokens k;
    ASSERT_OK(parse("a.conll", TN_DATA_TRAIN,
                    "# newdoc\na B-X\nb O\n\na B-X\nb B-X\n\n# newdoc id = two\nc B-Y\nd O\n\ne I-Y\nf O\n", &d, &k,
                    &err),
              &err);
    assert_int_equal(k.scheme, TN_SCHEME_IOB2);
    assert_int_equal(k.n_contradictions, 1);
    assert_int_equal(k.n_misbegun, 1);
    assert_int_equal(k.n_documents, 2);
    assert_int_equal(findings.list.len, 3);
    assert_true(tn_dataset_column(&d, TN_STR("document")) == 0);
    ASSERT_STR(d.row[3].other[0], "two");
    ASSERT_STR(d.row[0].text, "a b");
    assert_int_equal(d.row[2].line, 9);
    tn_dataset_free(&d);
}

static void write_file(const char *path, const char *text)
{
    tn_err err = TN_ERR_INIT;
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(text)), &err), &err);
}

static void folders_labels_and_names(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    tn_tokens k;
    ASSERT_OK(tn_file_mkdirs("ner", &err), &err);
    write_file("ner/x-train.conll", "a B-X\n\nb O\n\nc O\n");
    write_file("ner/x-test.conll", "a B-Z\n\nd O\n");
    tn_findings_clear(&findings);
    ASSERT_OK(tn_tokens_load(&(tn_data_source){.path = "ner"}, &d, &k, &findings, &err), &err);
    assert_int_equal(d.n_rows, 5);
    ASSERT_STR(d.row[3].id, "test-1");
    assert_int_equal(d.row[3].split, TN_SPLIT_TEST);
    assert_int_equal(k.n_tags, 3);
    assert_true(k.trained[0] && !k.trained[1] && k.trained[2]); /* B-X, B-Z, O */
    assert_int_equal(findings.list.len, 2); /* B-Z is not trained, and "a" stands twice with other tags */
    tn_dataset_free(&d);
    /* The labels of a model, in its order; another one is refused with its place. */
    const tn_str labels[] = {TN_STR("O"), TN_STR("B-X")};
    ASSERT_FAILS(tn_tokens_load(&(tn_data_source){.path = "ner", .use = TN_DATA_EVAL, .labels = labels, .n_labels = 2},
                                &d, &k, NULL, &err),
                 TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "x-test.conll:1: the tag \"B-Z\""));
    ASSERT_OK(tn_tokens_load(
                  &(tn_data_source){.path = "ner/x-train.conll", .use = TN_DATA_EVAL, .labels = labels, .n_labels = 2},
                  &d, &k, NULL, &err),
              &err);
    assert_true(k.tag_of[0] == 1 && k.tag_of[1] == 0);
    tn_dataset_free(&d);
    /* Columns by number and by name; a file of any name is CoNLL when it is named. */
    write_file("eng.train.txt", "EU NNP B-ORG\nx VB O\n\ny NN O\n\nz NN O\n");
    ASSERT_OK(tn_tokens_load(&(tn_data_source){.train = "eng.train.txt", .label = "2"}, &d, &k, NULL, &err), &err);
    ASSERT_STR(k.tag[0], "NN");
    tn_dataset_free(&d);
    ASSERT_FAILS(tn_tokens_load(&(tn_data_source){.train = "eng.train.txt", .label = "4"}, &d, &k, NULL, &err),
                 TN_ENOENT, &err);
    ASSERT_FAILS(tn_tokens_load(&(tn_data_source){.train = "eng.train.txt", .label = "1"}, &d, &k, NULL, &err),
                 TN_EINVALID, &err);
    /* Names of numbers stand beside the file. */
    write_file("ner/n.jsonl", "{\"tokens\":[\"a\",\"b\"],\"ner_tags\":[1,0]}");
    write_file("ner/dataset_info.json", "{\"features\":{\"ner_tags\":{\"feature\":{\"names\":[\"O\",\"B-P\"],\"_type\":"
                                        "\"ClassLabel\"},\"_type\":\"List\"}}}");
    ASSERT_OK(tn_tokens_load(&(tn_data_source){.path = "ner/n.jsonl", .use = TN_DATA_EVAL}, &d, &k, NULL, &err), &err);
    ASSERT_STR(k.tag[k.tag_of[0]], "B-P");
    tn_dataset_free(&d);
    write_file("ner/n.jsonl", "{\"tokens\":[\"a\"],\"ner_tags\":[2]}");
    ASSERT_FAILS(tn_tokens_load(&(tn_data_source){.path = "ner/n.jsonl", .use = TN_DATA_EVAL}, &d, &k, NULL, &err),
                 TN_EFORMAT, &err);
    write_file("t.csv", "a,b\n1,2\n");
    ASSERT_FAILS(tn_tokens_load(&(tn_data_source){.path = "t.csv"}, &d, &k, NULL, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = "ner/x-train.conll"}, &d, NULL, &err), TN_EINVALID, &err);
}

static void sentences_are_split_and_copies_leave(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    tn_tokens k;
    tn_duplicates dup;
    tn_buf b = TN_BUF_INIT;
    for (int i = 0; i < 60; i++)
        tn_buf_printf(&b, "word%d O\nName%d%d B-X\nabcdefgh%d O\n\n", i, i * 7, i * 13, i * i);
    tn_buf_c(&b, "word5 O\nName3565 B-X\nabcdefgh25 O\n\n"); /* the sixth again */
    ASSERT_OK(parse("a.conll", TN_DATA_TRAIN, b.ptr, &d, &k, &err), &err);
    tn_digest one, two;
    ASSERT_OK(tn_tokens_digest(&d, &k, &one, &err), &err);
    ASSERT_OK(tn_data_prepare(&d, &(tn_split_options){0}, &dup, &findings, &err), &err);
    assert_int_equal(d.row[60].split, TN_SPLIT_REMOVED);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TEST), 6);
    k.tag_of[0] = k.tag_of[1];
    ASSERT_OK(tn_tokens_digest(&d, &k, &two, &err), &err);
    assert_memory_not_equal(&one, &two, sizeof one);
    tn_dataset_free(&d);
    tn_buf_free(&b);
}

static void survives_failed_allocations(void **state)
{
    static const char *const text[] = {"# newdoc\n# sent_id = a\na B-X\nb O\n\nc O\nd O\n\ne O\n\n",
                                       "{\"id\":1,\"tokens\":[\"a\",\"b\"],\"tags\":[0,1]}\n{\"id\":2,\"tokens\":["
                                       "\"a\"],\"tags\":[1]}\n{\"id\":3,\"tokens\":[\"b\"],\"tags\":[1]}"};
    static const char *const name[] = {"a.conll", "a.jsonl"};
    tn_err err = TN_ERR_INIT;
    tn_status st;
    for (int i = 0; i < 2; i++)
        FOR_EACH_FAILED_ALLOCATION(st, {
            tn_dataset d;
            tn_tokens k;
            st = tn_tokens_parse(tn_str_of(text[i]), name[i], TN_DATA_TRAIN, &d, &k, NULL, &err);
            if (st == TN_OK)
                tn_dataset_free(&d);
        });
}

int main(void)
{
    tn_err err = TN_ERR_INIT;
    if (tn_findings_init(&findings, &err) != TN_OK)
        return 1;
    enter_temp_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_every_habit),        cmocka_unit_test(bad_files_are_refused_with_their_place),
        cmocka_unit_test(sizes_are_bounded),           cmocka_unit_test(what_is_odd_is_a_finding),
        cmocka_unit_test(folders_labels_and_names),    cmocka_unit_test(sentences_are_split_and_copies_leave),
        cmocka_unit_test(survives_failed_allocations),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_findings_free(&findings);
    return failed;
}
