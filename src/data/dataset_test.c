#include "data/dataset.h"

#include "base/file.h"
#include "test.h"

#include <unistd.h>

/* ---- a folder of our own ---- */

static char dir[64];

static const char *put(const char *name, const char *bytes)
{
    static char path[16][256];
    static int next;
    char *p = path[next++ % 16], parent[256];
    tn_err err = TN_ERR_INIT;
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    snprintf(parent, sizeof parent, "%s", p);
    *strrchr(parent, '/') = 0;
    ASSERT_OK(tn_file_mkdirs(parent, &err), &err);
    ASSERT_OK(tn_file_write(p, (tn_bytes){(const uint8_t *)bytes, strlen(bytes)}, &err), &err);
    return p;
}

static int new_folder(void **state)
{
    strcpy(dir, "/tmp/tn-data-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return tn_file_remove(dir, NULL) == TN_OK ? 0 : -1;
}

static tn_findings findings;

static tn_dataset load(tn_data_source s)
{
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    if (findings.arena)
        tn_findings_free(&findings);
    ASSERT_OK(tn_findings_init(&findings, &err), &err);
    ASSERT_OK(tn_dataset_load(&s, &d, &findings, &err), &err);
    return d;
}

static void assert_found(const char *rule, const char *words)
{
    for (size_t i = 0; i < findings.list.len; i++)
        if (!strcmp(findings.list.ptr[i].rule, rule) && strstr(findings.list.ptr[i].message.ptr, words))
            return;
    fail_msg("no finding %s with \"%s\" among %zu", rule, words, findings.list.len);
}

/* ---- what is read ---- */

static void reads_rows_with_their_places(void **state)
{
    tn_dataset d = load((tn_data_source){.path = put("a.csv", "\xEF\xBB\xBFid,review,date,label\r\n"
                                                              "a,\" two\nlines \",2024-01-02,pos\r\n"
                                                              "b,\"said \"\"no\"\"\",,neg\r\n"
                                                              "c,\"a, b\",2024-01-03,pos\r\n")});
    assert_int_equal(d.n_rows, 3);
    ASSERT_STR(d.row[0].text, "two\nlines");
    ASSERT_STR(d.row[1].text, "said \"no\"");
    ASSERT_STR(d.row[2].text, "a, b");
    ASSERT_STR(d.row[1].id, "b");
    assert_int_equal(d.row[0].line, 2);
    assert_int_equal(d.row[1].line, 4);
    ASSERT_STR(d.text_column.name, "review");
    ASSERT_STR(d.text_column.why, "usual name");
    assert_int_equal(d.n_other, 1);
    ASSERT_STR(d.row[0].other[tn_dataset_column(&d, TN_STR("date"))], "2024-01-02");
    ASSERT_STR(d.row[1].other[0], "");
    assert_int_equal(d.n_labels, 2);
    ASSERT_STR(d.label[0], "neg");
    assert_int_equal(d.row[0].label, 1);
    assert_int_equal(tn_dataset_label(&d, TN_STR("pos")), 1);
    assert_int_equal(tn_dataset_label(&d, TN_STR("else")), -1);
    tn_str place = tn_dataset_place(&d, 1, d.arena);
    assert_true(tn_str_ends(place, "a.csv:4"));
    assert_int_equal(d.file[0].n_rows, 3);
    assert_int_equal(strlen(d.file[0].sha256.hex), 64);
    tn_dataset_free(&d);
}

static void reads_the_same_rows_from_each_format(void **state)
{
    static const char *const files[][2] = {
        {"f.csv", "text,label\nxin chào,1\n\"a, b\",10\nc,2\n"},
        {"f.tsv", "text\tlabel\nxin chào\t1\na, b\t10\nc\t2\n"},
        {"semi.csv", "text;label\nxin chào;1\na, b;10\nc;2\n"},
        {"f.jsonl", "{\"text\": \"xin chào\", \"label\": 1}\n\n{\"label\": 10, \"text\": \"a, b\"}\r\n{\"text\": "
                    "\"c\", \"label\": 2}"},
        {"f.json", "[{\"text\": \"xin chào\", \"label\": 1},\n{\"text\": \"a, b\", \"label\": \"10\"},\n{\"text\": "
                   "\"c\", \"label\": 2}]"},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        tn_dataset d = load((tn_data_source){.path = put(files[i][0], files[i][1])});
        assert_int_equal(d.n_rows, 3);
        ASSERT_STR(d.row[0].text, "xin chào");
        ASSERT_STR(d.row[1].text, "a, b");
        /* numbers sort as numbers */
        ASSERT_STR(d.label[0], "1");
        ASSERT_STR(d.label[1], "2");
        ASSERT_STR(d.label[2], "10");
        if (!strcmp(files[i][0], "semi.csv"))
            assert_found("data-deterministic", "separated by ';'");
        tn_digest digest;
        ASSERT_OK(tn_dataset_digest(&d, &digest, &err), &err);
        tn_dataset_free(&d);
    }
}

static void finds_columns_by_content(void **state)
{
    tn_dataset d = load(
        (tn_data_source){.path = put("c.csv", "khoa,dien_giai,loai,so\n"
                                              "k1,hàng rất tốt và đẹp,tốt,17\nk2,hàng quá tệ nên trả lại,xấu,18\n"
                                              "k3,tạm dùng được thôi nhé,tốt,19\nk4,giao sai màu hai lần,xấu,20\n")});
    ASSERT_STR(d.text_column.name, "dien_giai");
    ASSERT_STR(d.label_column.name, "loai");
    assert_int_equal(d.n_labels, 2);
    tn_dataset_free(&d);
    d = load((tn_data_source){.path = put("only.csv", "câu hỏi gì đó\nmột\nhai\n"), .use = TN_DATA_PREDICT});
    assert_int_equal(d.n_rows, 2);
    ASSERT_STR(d.text_column.why, "the only column");
    ASSERT_STR(d.row[1].id, "row-3");
    tn_dataset_free(&d);
}

static void takes_named_columns_and_label_order(void **state)
{
    const char *path =
        put("n.csv", "text,label,Notes,stars,key\na,x,hay quá,2,k1\nb,y,dở ẹc,1,k2\nc,x,bình thường,2,k3\n");
    tn_str order[] = {TN_STR("2"), TN_STR("1"), TN_STR("0")};
    tn_dataset d = load(
        (tn_data_source){.path = path, .text = "notes", .label = "stars", .id = "key", .labels = order, .n_labels = 3});
    ASSERT_STR(d.row[0].text, "hay quá");
    assert_int_equal(d.row[0].label, 0);
    assert_int_equal(d.row[1].label, 1);
    assert_int_equal(d.n_labels, 3);
    ASSERT_STR(d.row[2].id, "k3");
    assert_found("data-limits", "\"0\" has no training row");
    tn_dataset_free(&d);
}

static void drops_and_counts_missing_cells(void **state)
{
    tn_dataset d = load((tn_data_source){.path = put("m.csv", "text,label\na,x\n,x\nNaN,y\nb,\nNone,y\nNA,x\nc,y\n")});
    assert_int_equal(d.n_rows, 4);
    assert_int_equal(d.n_no_text, 2);
    assert_int_equal(d.n_no_label, 1);
    assert_int_equal(d.file[0].n_records, 7);
    ASSERT_STR(d.row[1].text, "None");
    assert_found("data-limits", "2 rows without text: dropped");
    assert_found("data-limits", "1 row without a label: dropped");
    assert_found("data-limits", "like None or NA: kept");
    tn_dataset_free(&d);
}

static void names_similar_labels_and_mixed_line_ends(void **state)
{
    tn_dataset d = load((tn_data_source){.path = put("s.csv", "text,label\r\na,Very good\nb,very-good\nc,-1\nd,1\n")});
    assert_int_equal(d.n_labels, 4);
    assert_found("data-limits", "\"Very good\" and \"very-good\" differ only");
    assert_found("data-deterministic", "4 LF, 1 CR LF");
    assert_int_equal(findings.list.len, 2); /* -1 and 1 are two classes */
    tn_dataset_free(&d);
}

static void given_splits_are_kept_apart(void **state)
{
    const char *train = put("g/a.csv", "id,text,label\n1,a,x\n2,b,y\n3,c,x\n"),
               *test = put("g/b.csv", "id,text,label\n1,d,y\n2,e,x\n");
    tn_dataset d = load((tn_data_source){.train = train, .test = test});
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TRAIN), 3);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TEST), 2);
    assert_true(d.given[TN_SPLIT_TRAIN] && d.given[TN_SPLIT_TEST] && !d.given[TN_SPLIT_VALIDATION]);
    ASSERT_STR(d.row[0].id, "train-1"); /* ids repeat over the files */
    ASSERT_STR(d.row[3].id, "test-1");
    assert_found("data-splits", "ids repeat");
    tn_dataset_free(&d);

    d = load((tn_data_source){
        .path = put("col.csv", "text,label,split\na,x,train\nb,y,TEST\nc,y,train\nd,x,dev\ne,x,train\n")});
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_TRAIN), 3);
    assert_int_equal(tn_dataset_count(&d, TN_SPLIT_VALIDATION), 1);
    ASSERT_STR(d.split_column.name, "split");
    assert_int_equal(d.n_other, 0);
    tn_dataset_free(&d);

    /* hidden test labels */
    d = load((tn_data_source){.train = put("h/a.csv", "text,label\na,0\nb,1\nc,0\n"),
                              .test = put("h/b.csv", "text,label\nd,-1\ne,-1\n")});
    assert_false(d.given[TN_SPLIT_TEST]);
    assert_int_equal(d.n_rows, 3);
    assert_found("data-splits", "hidden labels");
    tn_dataset_free(&d);
}

static void says_what_the_datasets_library_would_do(void **state)
{
    static const struct {
        const char *folder;
        const char *file[4];
        const char *finding; /* words of a data-splits finding; NULL = none at all */
        size_t n_train, n_test;
    } rows[] = {
        {"ok", {"train.csv", "test.csv"}, NULL, 3, 3},
        {"case", {"Train.csv", "Test.csv"}, "case-sensitive", 3, 3},
        {"dir", {"train.csv", "sub/test/a.csv"}, "silently drop", 3, 3},
        {"out", {"train.csv", "test.csv", "validate.csv"}, "left out", 3, 3},
        {"near", {"train.csv", "test.csv", "validate.csv"}, "look like a split", 3, 3},
        {"sharded",
         {"data/train-00000-of-00001.csv", "data/test-00000-of-00001.csv", "test.csv"},
         "silently drop",
         3,
         6},
        {"pool", {"a.csv", "b.csv"}, "no split word", 0, 0},
        {"hidden", {"train.csv", "test.csv", ".test.csv", "__x/test.csv"}, NULL, 3, 3},
        {"words", {"my_training-1.csv", "b.test.csv"}, NULL, 3, 3},
        {"inside", {"train.csv", "test.csv", "contest.csv"}, "left out", 3, 3},
    };
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        char name[128];
        for (size_t k = 0; k < 4 && rows[i].file[k]; k++) {
            char text[128];
            snprintf(name, sizeof name, "F%zu/%s", i, rows[i].file[k]);
            snprintf(text, sizeof text, "text,label\na%zu,x\nb%zu,y\nc%zu,x\n", k, k, k);
            put(name, text);
        }
        snprintf(name, sizeof name, "%s/F%zu", dir, i);
        tn_dataset d = load((tn_data_source){.path = name});
        if (tn_dataset_count(&d, TN_SPLIT_TRAIN) != rows[i].n_train ||
            tn_dataset_count(&d, TN_SPLIT_TEST) != rows[i].n_test)
            fail_msg("%s: %zu train, %zu test", rows[i].folder, tn_dataset_count(&d, TN_SPLIT_TRAIN),
                     tn_dataset_count(&d, TN_SPLIT_TEST));
        if (rows[i].finding)
            assert_found("data-splits", rows[i].finding);
        else
            assert_int_equal(findings.list.len, 0);
        tn_dataset_free(&d);
    }
    put("mix/train.csv", "text,label\na,x\nb,y\nc,x\n");
    put("mix/test.jsonl", "{\"text\": \"d\", \"label\": \"x\"}\n");
    put("mix/more.parquet", "PAR1");
    put("mix/README.md", "---\nconfigs:\n- data_files: t*.csv\n---\n");
    char path[128];
    snprintf(path, sizeof path, "%s/mix", dir);
    tn_dataset d = load((tn_data_source){.path = path});
    assert_int_equal(d.n_rows, 4);
    assert_found("data-splits", "more than one format");
    assert_found("data-splits", "1 file of other formats");
    assert_found("data-splits", "README.md names data files");
    tn_dataset_free(&d);
}

/* ---- what is refused ---- */

static void refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *file;
        tn_status status;
        const char *words;
    } rows[] = {
        {"empty.csv", TN_EFORMAT, "is empty"},
        {"bom-only.csv", TN_EFORMAT, "is empty"},
        {"blank-lines.csv", TN_EFORMAT, "is empty"},
        {"header-only.csv", TN_EFORMAT, "no rows"},
        {"one-row.csv", TN_EFORMAT, "1 row cannot be split"},
        {"one-class.csv", TN_EFORMAT, "every row has the label \"x\""},
        {"ambiguous.csv", TN_EINVALID, "the columns are: subject_code, note_a, note_b. Name it"},
        {"ambiguous-label.csv", TN_EINVALID, "the columns are: text, score_a, score_b. Name it"},
        {"no-text.csv", TN_EFORMAT, "no-text.csv:2: no row is left"},
        {"no-label.csv", TN_EFORMAT, "no-label.csv:2: no row is left"},
        {"duplicate-ids.csv", TN_EFORMAT, "duplicate-ids.csv:4: the id \"1\" (column \"id\") is also that of line 2"},
        {"missing-id.csv", TN_EFORMAT, "missing-id.csv:3: the id"},
        {"ragged.csv", TN_EFORMAT, "ragged.csv:3: 3 fields where the header has 2"},
        {"latin1.csv", TN_EFORMAT, "latin1.csv:3:3: byte 0xE0"},
        {"utf16.csv", TN_EFORMAT, "UTF-16"},
        {"nul.csv", TN_EFORMAT, "nul.csv:2: "},
        {"nul.jsonl", TN_EFORMAT, "nul.jsonl:2: \"text\" holds a NUL character"},
        {"open-quote.csv", TN_EFORMAT, "open-quote.csv:2: "},
        {"twice.csv", TN_EFORMAT, "two columns are called \"text\""},
        {"broken.jsonl", TN_EFORMAT, "broken.jsonl:2:"},
        {"no-object.jsonl", TN_EFORMAT, "no-object.jsonl:2: an array where a row is needed"},
        {"lists.jsonl", TN_EFORMAT, "lists.jsonl:1: \"text\" is an array"},
        {"pretty.json", TN_EFORMAT, "one object a line"},
        {"wrapped.json", TN_ENOENT, "the columns are: data"},
        {"regression.csv", TN_EINVALID, "no set of classes"},
        {"absent.csv", TN_ENOENT, "no such file"},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        char path[128];
        tn_dataset d;
        snprintf(path, sizeof path, "tests/hostile/data/%s", rows[i].file);
        ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = path}, &d, NULL, &err), rows[i].status, &err);
        assert_null(d.arena);
        if (!strstr(err.msg, rows[i].words))
            fail_msg("%s: said \"%s\", wanted \"%s\"", rows[i].file, err.msg, rows[i].words);
        if (!strstr(err.msg, rows[i].file))
            fail_msg("%s: the sentence does not say where: %s", rows[i].file, err.msg);
    }
}

static void refuses_what_is_asked_wrongly(void **state)
{
    const char *a = put("r/a.csv", "text,label\na,x\nb,y\nc,x\n"), *b = put("r/b.csv", "text,label\nd,z\n"),
               *c = put("r/c.csv", "text\nd\n");
    tn_str labels[] = {TN_STR("x")}, twice[] = {TN_STR("x"), TN_STR("x")};
    char folder[128], empty[128];
    snprintf(folder, sizeof folder, "%s/r", dir);
    snprintf(empty, sizeof empty, "%s/nothing", dir);
    put("nothing/notes.txt", "hello");
    put("both/train_test.csv", "text,label\na,x\n");
    char both[128], pair[128];
    snprintf(both, sizeof both, "%s/both", dir);
    put("pair/train.csv", "text,label\na,x\n");
    put("pair/train.jsonl", "{}");
    snprintf(pair, sizeof pair, "%s/pair", dir);
    const struct {
        tn_data_source s;
        tn_status status;
        const char *words;
    } rows[] = {
        {{0}, TN_EINVALID, "give a path"},
        {{.path = a, .train = a}, TN_EINVALID, "not both"},
        {{.train = a, .test = a}, TN_EINVALID, "named for two splits"},
        {{.train = a, .test = b}, TN_EFORMAT, "the label \"z\" is never seen in training"},
        {{.train = a, .test = c}, TN_ENOENT, "c.csv: no column \"label\""},
        {{.test = a}, TN_EINVALID, "no training part"},
        {{.train = folder}, TN_EINVALID, "is a folder"},
        {{.path = a, .text = "body"}, TN_ENOENT, "no column \"body\" for the text; the columns are: text, label"},
        {{.path = a, .text = "label"}, TN_ENOENT, "no column looks like the label"},
        {{.path = a, .labels = labels, .n_labels = 1}, TN_EFORMAT, "not one of the labels asked for"},
        {{.path = a, .labels = twice, .n_labels = 2}, TN_EINVALID, "given twice"},
        {{.path = a, .max_rows = 2}, TN_ELIMIT, "2"},
        {{.path = empty}, TN_ENOENT, "no data file in this folder"},
        {{.path = both}, TN_EINVALID, "speaks of two splits"},
        {{.path = pair}, TN_EINVALID, "in two formats"},
        {{.path = put("x.parquet", "PAR1")}, TN_EINVALID, "unknown kind of file"},
    };
    tn_err err = TN_ERR_INIT;
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_dataset d;
        ASSERT_FAILS(tn_dataset_load(&rows[i].s, &d, NULL, &err), rows[i].status, &err);
        if (!strstr(err.msg, rows[i].words))
            fail_msg("row %zu: said \"%s\", wanted \"%s\"", i, err.msg, rows[i].words);
    }
}

static void refuses_records_over_the_limit(void **state)
{
    tn_err err = TN_ERR_INIT;
    static const char *const name[] = {"big.csv", "big.jsonl", "big.json"};
    static const char *const front[] = {"text,label\na,x\n\"", "{\"text\": \"", "[{\"text\": \""};
    static const char *const back[] = {"\",x\n", "\", \"label\": \"x\"}\n", "\", \"label\": \"x\"}]\n"};
    for (size_t i = 0; i < TN_COUNT(name); i++) {
        tn_buf b = TN_BUF_INIT;
        tn_dataset d;
        tn_buf_c(&b, front[i]);
        char *room = tn_buf_reserve(&b, 2 << 20);
        memset(room, 'a', 2 << 20);
        b.len += 2 << 20;
        tn_buf_c(&b, back[i]);
        b.ptr[b.len] = 0;
        const char *path = put(name[i], b.ptr);
        ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = path}, &d, NULL, &err), TN_ELIMIT, &err);
        assert_non_null(strstr(err.msg, name[i]));
        assert_true(tn_dataset_load(&(tn_data_source){.path = path, .max_record = 4 << 20, .use = TN_DATA_EVAL}, &d,
                                    NULL, &err) == TN_OK);
        tn_dataset_free(&d);
        tn_buf_free(&b);
    }
}

/* ---- sets, numbers, pairs, fastText ---- */

static void reads_sets_of_labels(void **state)
{
    static const struct {
        const char *name, *bytes, *separator, *sets; /* sets as "a b/b/" by row */
    } row[] = {
        {"set-semicolon.csv", "text,label\none,a;b\ntwo,b\nthree,\nfour, b ; a ;a\n", NULL, "ab/b//ab/"},
        {"set-given.csv", "text,label\none,a+b\ntwo,b\nthree,a\n", "+", "ab/b/a/"},
        {"set-single.csv", "text,label\none,a\ntwo,b\nthree,a\n", NULL, "a/b/a/"},
        {"set-array.csv", "text,label\none,\"[\"\"b\"\", \"\"a\"\"]\"\ntwo,[]\nthree,b\n", NULL, "ab//b/"},
        {"set.jsonl", "{\"text\": \"one\", \"label\": [\"b\"]}\n{\"text\": \"two\", \"label\": []}\n{\"text\": \"three\", \"label\": [\"a\", \"b\"]}\n", NULL, "b//ab/"},
        {"set.txt", "__label__a __label__b one\n__label__b two\n\nthree\n", NULL, "ab/b//"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        char got[64] = "";
        tn_dataset d = load((tn_data_source){.path = put(row[i].name, row[i].bytes), .kind = TN_LABEL_SET, .separator = row[i].separator});
        for (size_t r = 0; r < d.n_rows; r++) {
            for (uint32_t k = 0; k < d.row[r].n_set; k++)
                strncat(got, d.label[d.row[r].set[k]].ptr, 1);
            strcat(got, "/");
        }
        if (strcmp(got, row[i].sets))
            fail_msg("%s: %s, not %s", row[i].name, got, row[i].sets);
        tn_dataset_free(&d);
    }
    /* A column a label, in the order given; split by the rarest. */
    static const tn_str flag[] = {TN_STR("price"), TN_STR("speed")};
    tn_dataset d = load((tn_data_source){.path = put("flags.csv", "text,speed,price\none,0,1\ntwo,true,1\nthree,0,no\nfour,0,1\n"), .kind = TN_LABEL_SET,
                                         .label_columns = flag, .n_label_columns = 2});
    assert_true(d.n_labels == 2 && tn_str_is(d.label[0], "price") && d.n_other == 0);
    assert_true(d.row[1].n_set == 2 && d.row[1].label == 1 && d.row[2].n_set == 0 && d.row[2].label == -1);
    tn_dataset_free(&d);
    /* Training decides what there is. */
    d = load((tn_data_source){.path = put("train-set.csv", "text,label\none,a|b\ntwo,a\nthree,a\n"), .kind = TN_LABEL_SET});
    assert_true(tn_str_is(d.separator, "|"));
    assert_found("data-limits", "\"a\" is on every training row");
    tn_dataset_free(&d);
}

static void reads_numbers_and_pairs(void **state)
{
    tn_dataset d = load((tn_data_source){.path = put("sts.csv", "sentence1,sentence2,score\nx,y,0.5\nx,z,-2\nw,,1\nv,u,1e1\n"), .kind = TN_LABEL_NUMBER, .pairs = true});
    assert_true(d.n_rows == 3 && d.n_labels == 0 && d.row[1].value == -2 && d.row[2].value == 10 && d.row[0].label == -1);
    assert_true(tn_str_is(d.row[0].text, "x") && tn_str_is(d.row[0].pair, "y") && tn_str_is(d.pair_column.name, "sentence2"));
    assert_found("data-limits", "1 row without text");
    tn_dataset_free(&d);
    d = load((tn_data_source){.path = put("nli.csv", "a,b,label\nx y,y x,0\nx z,z z,1\nw w,w z,1\n"), .text = "b", .pair = "a"});
    assert_true(tn_str_is(d.row[0].text, "y x") && tn_str_is(d.row[0].pair, "x y") && d.n_labels == 2 && d.n_other == 0);
    tn_dataset_free(&d);
}

static void sets_survive_failed_allocations(void **state)
{
    const char *path = put("alloc-set.csv", "a,b,label\nx,y,p;q\ny,z,\nz,z,\"[\"\"q\"\"]\"\nw,v,p\n");
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_dataset d;
        st = tn_dataset_load(&(tn_data_source){.path = path, .kind = TN_LABEL_SET, .text = "a", .pair = "b"}, &d, NULL, &err);
        if (st == TN_OK)
            tn_dataset_free(&d);
    });
}

static void refuses_ill_formed_answers(void **state)
{
    static const tn_str flag[] = {TN_STR("p")}, missing[] = {TN_STR("q")};
    const struct {
        tn_data_source s;
        const char *bytes, *says;
    } row[] = {
        {{.kind = TN_LABEL_NUMBER}, "text,label\na b,1\nb c,one\nc d,2\n", ":3: \"one\""},
        {{.kind = TN_LABEL_NUMBER}, "text,label\na b,1\nb c,inf\nc d,2\n", ":3: \"inf\""},
        {{.kind = TN_LABEL_NUMBER}, "text,label\na b,1\nb c,1\nc d,1\n", "nothing to learn"},
        {{.kind = TN_LABEL_SET}, "text,label\na b,\nb c,\nc d,\n", "no row has a label"},
        {{.kind = TN_LABEL_SET}, "text,label\na b,[1\nb c,\"[{}]\"\nc d,x\n", ":3: the labels [{}]"},
        {{.kind = TN_LABEL_SET, .label_columns = flag, .n_label_columns = 1}, "text,p\na b,1\nb c,2\nc d,0\n", ":3: the label column \"p\" has \"2\""},
        {{.kind = TN_LABEL_SET, .label_columns = missing, .n_label_columns = 1}, "text,p\na b,1\nb c,0\nc d,0\n", "no column \"q\""},
        {{.pairs = true}, "text,label\na b,1\nb c,0\nc d,0\n", "no two columns look like the two texts"},
        {{.text = "text", .pair = "text"}, "text,label\na b,1\nb c,0\nc d,0\n", "a column of its own"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_data_source s = row[i].s;
        tn_err err = TN_ERR_INIT;
        tn_dataset d;
        s.path = put("ill.csv", row[i].bytes);
        if (tn_dataset_load(&s, &d, NULL, &err) == TN_OK || !strstr(err.msg, row[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    tn_err err = TN_ERR_INIT;
    tn_dataset d;
    static char many[32 * 1001] = "text,label\n";
    for (int i = 0, n = (int)strlen(many); i <= 1000; i++)
        n += snprintf(many + n, sizeof many - (size_t)n, "some text,label %d\n", i);
    ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = put("many.csv", many), .kind = TN_LABEL_SET}, &d, NULL, &err), TN_ELIMIT, &err);
    ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = put("prose.txt", "just a text\n"), .kind = TN_LABEL_SET}, &d, NULL, &err), TN_EFORMAT, &err);
    ASSERT_FAILS(tn_dataset_load(&(tn_data_source){.path = put("two.txt", "__label__a __label__b x y\n__label__a z\n")}, &d, NULL, &err), TN_EFORMAT, &err);
}

static void survives_failed_allocations(void **state)
{
    put("alloc/train.csv", "id,text,label,other\n1,a,x,\n2,b,y,q\n3,,x,\n4,c,X,\n");
    put("alloc/test.jsonl", "{\"id\": 1, \"text\": \"d\", \"label\": \"y\", \"more\": [1, {\"a\": 2}]}\n");
    put("alloc/Valid.tsv", "text\tlabel\tid\n\"e\tx\t9\nf\ty\t8\n");
    char path[128];
    snprintf(path, sizeof path, "%s/alloc", dir);
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_dataset d;
        tn_findings f;
        st = tn_findings_init(&f, &err);
        if (st == TN_OK) {
            st = tn_dataset_load(&(tn_data_source){.path = path}, &d, &f, &err);
            if (st == TN_OK)
                tn_dataset_free(&d);
            tn_findings_free(&f);
        }
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rows_with_their_places),   cmocka_unit_test(reads_the_same_rows_from_each_format),
        cmocka_unit_test(finds_columns_by_content),       cmocka_unit_test(takes_named_columns_and_label_order),
        cmocka_unit_test(drops_and_counts_missing_cells), cmocka_unit_test(names_similar_labels_and_mixed_line_ends),
        cmocka_unit_test(given_splits_are_kept_apart),    cmocka_unit_test(says_what_the_datasets_library_would_do),
        cmocka_unit_test(refuses_with_a_sentence),        cmocka_unit_test(refuses_what_is_asked_wrongly),
        cmocka_unit_test(refuses_records_over_the_limit), cmocka_unit_test(survives_failed_allocations),
        cmocka_unit_test(reads_sets_of_labels),           cmocka_unit_test(reads_numbers_and_pairs),
        cmocka_unit_test(refuses_ill_formed_answers),     cmocka_unit_test(sets_survive_failed_allocations),
    };
    int failed = cmocka_run_group_tests(tests, new_folder, remove_folder);
    if (findings.arena)
        tn_findings_free(&findings);
    return failed;
}
