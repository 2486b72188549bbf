#include "eval/tagger.h"

#include "base/rng.h"
#include "test.h"

enum { N_ROWS = 120, LENGTH = 5, N = N_ROWS * LENGTH };

/* Sentences "the NAME VERBed in PLACE": names and places are new words mostly, told by shape, ending and neighbours. */
typedef struct {
    tn_arena *arena;
    size_t start[N_ROWS + 1];
    tn_str word[N];
    int32_t tag[N];
} corpus;

static void make(corpus *c, uint64_t seed)
{
    c->arena = tn_arena_new(0);
    tn_rng r = tn_rng_init(seed, 0);
    for (size_t i = 0; i < N_ROWS; i++) {
        c->start[i] = i * LENGTH;
        tn_str *w = c->word + i * LENGTH;
        unsigned x = (unsigned)tn_rng_below(&r, 100000);
        w[0] = TN_STR("the");
        w[1] = tn_str_format(c->arena, "Đan%u", x);
        w[2] = tn_str_format(c->arena, "v%ued", (unsigned)tn_rng_below(&r, 8));
        w[3] = TN_STR("in");
        w[4] = tn_str_format(c->arena, "X%uville", (unsigned)tn_rng_below(&r, 100000));
        memcpy(c->tag + i * LENGTH, (int32_t[]){0, 1, 2, 0, 3}, LENGTH * sizeof(int32_t));
    }
    c->start[N_ROWS] = N;
}

static tn_tag_rows rows_of(const corpus *c)
{
    return (tn_tag_rows){N_ROWS, c->start, c->word, c->tag};
}

static size_t n_right(const corpus *c, const int32_t *guess)
{
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        n += guess[i] == c->tag[i];
    return n;
}

static void new_words_are_told_by_their_look(void **state)
{
    static corpus train, test;
    static int32_t guess[N], again[N];
    tn_err err = TN_ERR_INIT;
    tn_tagger *t, *second;
    make(&train, 1);
    make(&test, 2);
    tn_tag_rows x = rows_of(&train), y = rows_of(&test);
    ASSERT_OK(tn_tagger_fit(&x, 4, NULL, &t, &err), &err);
    ASSERT_OK(tn_tagger_tag(t, &y, guess, &err), &err);
    assert_int_equal(n_right(&test, guess), N);
    assert_non_null(strstr(tn_tagger_settings(t), "averaged over 10 passes"));
    ASSERT_OK(tn_tagger_fit(&x, 4, NULL, &second, &err), &err);
    ASSERT_OK(tn_tagger_tag(second, &y, again, &err), &err);
    assert_memory_equal(guess, again, sizeof guess);
    tn_tagger_free(second);
    tn_tagger_free(t);
    /* The commonest tags know the words that were there, and say the commonest tag of the others. */
    ASSERT_OK(tn_frequent_tags(&x, 4, &y, guess, &err), &err);
    for (size_t i = 0; i < N; i += LENGTH)
        assert_true(guess[i] == 0 && guess[i + 2] == 2 && guess[i + 3] == 0);
    tn_arena_free(train.arena);
    tn_arena_free(test.arena);
}

static void counts_decide(void **state)
{
    const tn_str word[] = {TN_STR("a"), TN_STR("a"), TN_STR("a"), TN_STR("b"), TN_STR("b"), TN_STR("c")};
    const int32_t tag[] = {1, 2, 2, 2, 1, 0};
    const tn_str asked[] = {TN_STR("a"), TN_STR("b"), TN_STR("c"), TN_STR("new")};
    const size_t start[] = {0, 6}, four[] = {0, 4};
    int32_t out[4];
    tn_err err = TN_ERR_INIT;
    ASSERT_OK(tn_frequent_tags(&(tn_tag_rows){1, start, word, tag}, 3, &(tn_tag_rows){1, four, asked, NULL}, out, &err),
              &err);
    assert_true(out[0] == 2 && out[1] == 1 && out[2] == 0 && out[3] == 2);
}

static void refuses(void **state)
{
    const tn_str word[] = {TN_STR("a")};
    const int32_t high[] = {2}, low[] = {-1}, good[] = {0};
    const size_t start[] = {0, 1}, none[] = {0};
    int32_t out[1];
    tn_err err = TN_ERR_INIT;
    tn_tagger *t;
    tn_tag_rows x = {1, start, word, good};
    ASSERT_FAILS(tn_tagger_fit(&(tn_tag_rows){0, none, NULL, NULL}, 2, NULL, &t, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_tagger_fit(&(tn_tag_rows){1, start, word, high}, 2, NULL, &t, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_frequent_tags(&(tn_tag_rows){1, start, word, low}, 2, &x, out, &err), TN_EINVALID, &err);
    /* One word, seen once: only what it shares with others is left, and one tag. */
    ASSERT_OK(tn_tagger_fit(&x, 1, NULL, &t, &err), &err);
    ASSERT_OK(tn_tagger_tag(t, &x, out, &err), &err);
    assert_int_equal(out[0], 0);
    tn_tagger_free(t);
}

static void survives_failed_allocations(void **state)
{
    static corpus c;
    static int32_t guess[N];
    tn_err err = TN_ERR_INIT;
    tn_status st;
    make(&c, 3);
    tn_tag_rows x = rows_of(&c);
    x.n_rows = 6;
    FOR_EACH_FAILED_ALLOCATION(st, {
        tn_tagger *t;
        st = tn_tagger_fit(&x, 4, NULL, &t, &err);
        if (st == TN_OK) {
            st = tn_tagger_tag(t, &x, guess, &err);
            tn_tagger_free(t);
        }
    });
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_frequent_tags(&x, 4, &x, guess, &err));
    tn_arena_free(c.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_words_are_told_by_their_look),
        cmocka_unit_test(counts_decide),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
