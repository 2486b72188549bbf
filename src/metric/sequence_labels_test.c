#include "metric/sequence_labels.h"

#include "test.h"

enum { MOST = 16 };

/* "B-X I-X O" becomes indices into `tag`, which grows. */
typedef struct {
    tn_str tag[64];
    int32_t n_tags;
    int32_t of[2][64];
    size_t start[MOST + 1], n_rows;
} rows;

static int32_t tag_number(rows *r, tn_str tag)
{
    for (int32_t k = 0; k < r->n_tags; k++)
        if (tn_str_eq(r->tag[k], tag))
            return k;
    r->tag[r->n_tags] = tag;
    return r->n_tags++;
}

/* Rows are parted by "/". */
static void read_side(rows *r, int side, const char *text)
{
    tn_str rest = tn_str_of(text), word;
    size_t n = 0, row = 0;
    r->start[0] = 0;
    while (tn_str_cut(&rest, ' ', &word)) {
        if (tn_str_is(word, "/"))
            r->start[++row] = n;
        else
            r->of[side][n++] = tag_number(r, word);
    }
    r->start[++row] = n;
    r->n_rows = row;
}

static void score(rows *r, tn_scheme scheme, bool any, double value[TN_N_SEQUENCE], tn_arena *a)
{
    tn_err err = TN_ERR_INIT;
    tn_tag_set s;
    ASSERT_OK(tn_tag_set_make(r->tag, r->n_tags, scheme, any, a, &s, &err), &err);
    size_t width = (size_t)tn_sequence_width(&s);
    double *count = TN_ARENA_ARRAY(a, double, r->n_rows *width), *sum = tn_arena_calloc(a, width * sizeof(double));
    ASSERT_OK(tn_sequence_counts(&s, &(tn_tagged){r->n_rows, r->start, r->of[0], r->of[1]}, count, &err), &err);
    for (size_t i = 0; i < r->n_rows * width; i++)
        sum[i % width] += count[i];
    tn_sequence_values(&s, sum, (int32_t)r->n_rows, value);
}

static void scores_are_seqevals(void **state)
{
    /* f1, macro, weighted, strict in the scheme, accuracy: by seqeval 1.2.2. */
    static const struct {
        const char *label, *predicted;
        tn_scheme scheme;
        double f1, macro, weighted, strict, accuracy;
    } row[] = {
        /* reference/metrics.md §4 */
        {"O B-X I-X O I-Y", "O I-X I-X O B-Y", TN_SCHEME_IOB2, 1, 1, 1, 0, 0.6},
        {"B-X O B-Y", "B-X B-Z O", TN_SCHEME_IOB2, 0.5, 1.0 / 3, 0.5, 0.5, 1.0 / 3},
        /* A span does not go on into the next row. */
        {"B-X / I-X", "B-X / B-X", TN_SCHEME_IOB2, 1, 1, 1, 2.0 / 3, 0.5},
        {"O O", "O O", TN_SCHEME_IOB2, 0, 0, 0, 0, 1},
        {"O O", "B-X O", TN_SCHEME_IOB2, 0, 0, 0, 0, 0.5},
        {"B-X E-X S-Y O", "B-X E-X B-Y O", TN_SCHEME_IOBES, 1, 1, 1, 2.0 / 3, 0.75},
        {"B-X L-X U-Y O", "B-X L-X U-Y O", TN_SCHEME_BILOU, 1, 1, 1, 1, 1},
        {"I-X I-X B-X O", "I-X I-X I-X O", TN_SCHEME_IOB1, 0, 0, 0, 0, 0.75},
        {"NOUN VERB NOUN O", "NOUN NOUN NOUN O", TN_SCHEME_PLAIN, 0.75, 0.6, 0.65, 0.75, 0.75},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        rows r = {0};
        double v[TN_N_SEQUENCE];
        read_side(&r, 0, row[i].label);
        read_side(&r, 1, row[i].predicted);
        score(&r, row[i].scheme, false, v, a);
        const double want[] = {row[i].f1, row[i].macro, row[i].weighted, row[i].strict, row[i].accuracy};
        const tn_sequence_metric metric[] = {TN_SEQUENCE_F1, TN_SEQUENCE_MACRO_F1, TN_SEQUENCE_WEIGHTED_F1,
                                             TN_SEQUENCE_STRICT_F1, TN_SEQUENCE_ACCURACY};
        for (size_t k = 0; k < TN_COUNT(want); k++)
            if (v[metric[k]] < want[k] - 1e-12 || v[metric[k]] > want[k] + 1e-12)
                fail_msg("row %zu: %s is %.17g, wanted %.17g", i, tn_sequence_metric_name(metric[k]), v[metric[k]],
                         want[k]);
        tn_arena_free(a);
    }
}

static void schemes_are_told_apart(void **state)
{
    static const struct {
        const char *tags;
        tn_scheme scheme;
    } row[] = {
        {"B-X I-X O B-Y", TN_SCHEME_IOB2},  {"O I-X I-X O", TN_SCHEME_IOB1},    {"B-X I-Y O", TN_SCHEME_IOB2},
        {"B-X E-X S-Y O", TN_SCHEME_IOBES}, {"I-X E-X O", TN_SCHEME_IOE2},      {"B-X L-X U-Y O", TN_SCHEME_BILOU},
        {"NOUN VERB", TN_SCHEME_PLAIN},     {"B-X NOUN", TN_SCHEME_PLAIN},      {"O O", TN_SCHEME_PLAIN},
        {"B-X B- O", TN_SCHEME_PLAIN},      {"B-X S-X L-X O", TN_SCHEME_PLAIN}, {"B-X / I-X / I-Y", TN_SCHEME_IOB1},
        {"I B O", TN_SCHEME_PLAIN},         {"I-X I-X B-X", TN_SCHEME_IOB1},      {"", TN_SCHEME_PLAIN},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        rows r = {0};
        if (row[i].tags[0])
            read_side(&r, 0, row[i].tags);
        tn_scheme got = tn_scheme_detect(r.tag, r.n_tags, r.start, r.n_rows, r.of[0]);
        if (got != row[i].scheme)
            fail_msg("%s: %s instead of %s", row[i].tags, tn_scheme_name(got), tn_scheme_name(row[i].scheme));
    }
}

static void spans_are_found(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    rows r = {0};
    tn_tag_set s;
    tn_tag_span span[8];
    read_side(&r, 0, "I-X I-X B-X O B-Y-Z I-Y-Z");
    ASSERT_OK(tn_tag_set_make(r.tag, r.n_tags, TN_SCHEME_IOB2, false, a, &s, &err), &err);
    assert_int_equal(s.n_types, 2);
    ASSERT_STR(s.type_name[0], "X");
    ASSERT_STR(s.type_name[1], "Y-Z");
    assert_int_equal(tn_tag_spans(&s, r.of[0], 6, span), 3);
    assert_true(span[0].type == 0 && span[0].from == 0 && span[0].to == 2);
    assert_true(span[1].type == 0 && span[1].from == 2 && span[1].to == 3);
    assert_true(span[2].type == 1 && span[2].from == 4 && span[2].to == 6);
    tn_arena_free(a);
}

static void refuses(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    tn_tag_set s;
    const tn_str tag[] = {TN_STR("O"), TN_STR("S-X")}, empty[] = {TN_STR("O"), TN_STR("")};
    ASSERT_FAILS(tn_tag_set_make(tag, 2, TN_SCHEME_IOB2, false, a, &s, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_tag_set_make(empty, 2, TN_SCHEME_PLAIN, true, a, &s, &err), TN_EINVALID, &err);
    ASSERT_OK(tn_tag_set_make(tag, 2, TN_SCHEME_IOB2, true, a, &s, &err), &err);
    double count[16];
    const size_t start[] = {0, 1};
    const int32_t in[] = {1}, high[] = {2}, low[] = {-1};
    ASSERT_FAILS(tn_sequence_counts(&s, &(tn_tagged){1, start, in, high}, count, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_sequence_counts(&s, &(tn_tagged){1, start, low, in}, count, &err), TN_EINVALID, &err);
    tn_arena_free(a);
}

static void survives_failed_allocations(void **state)
{
    const tn_str tag[] = {TN_STR("O"), TN_STR("B-X"), TN_STR("I-X")};
    const size_t start[] = {0, 2, 3};
    const int32_t of[] = {1, 2, 0};
    double count[16];
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_tag_set s;
        tn_arena *a = tn_arena_new(0);
        st = a ? tn_tag_set_make(tag, 3, TN_SCHEME_IOB2, false, a, &s, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_sequence_counts(&s, &(tn_tagged){2, start, of, of}, count, &err);
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_seqevals),
        cmocka_unit_test(schemes_are_told_apart),
        cmocka_unit_test(spans_are_found),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
