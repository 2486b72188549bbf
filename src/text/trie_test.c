/* Promises of text/trie.h, and the trie against a naive list. */
#include "base/rng.h"
#include "test.h"
#include "text/trie.h"

static void keys_are_found_and_nothing_else(void **state)
{
    (void)state;
    enum { N = 3000 };
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0), *scratch = tn_arena_new(0);
    static char text[N][12];
    static tn_str key[N];
    tn_rng r = tn_rng_init(5, 0);
    for (int i = 0; i < N; i++) {
        size_t len = tn_rng_below(&r, 11);
        for (size_t k = 0; k < len; k++)
            text[i][k] = (char)(tn_rng_below(&r, 8) ? 'a' + tn_rng_below(&r, 3) : tn_rng_below(&r, 256));
        key[i] = (tn_str){text[i], len};
    }
    tn_trie t;
    size_t repeated, n_equal = 0;
    ASSERT_OK(tn_trie_build(key, NULL, N, a, scratch, &t, &repeated, &err), &err);
    for (int i = 0; i < N; i++) {
        uint32_t last = (uint32_t)i, value;
        for (int k = i + 1; k < N; k++)
            if (tn_str_eq(key[k], key[i]))
                last = (uint32_t)k;
        n_equal += last != (uint32_t)i;
        assert_int_equal(tn_trie_find(&t, key[i]), last);
        /* the longest key at the beginning of some other text */
        tn_str probe = {text[(i * 7 + 1) % N], 12};
        size_t longest = 0;
        for (int k = 0; k < N && i < 300; k++)
            if (key[k].len > longest && !memcmp(key[k].ptr, probe.ptr, key[k].len))
                longest = key[k].len;
        if (i < 300)
            assert_int_equal(tn_trie_longest(&t, probe, &value), longest);
    }
    assert_int_equal(repeated, n_equal);
    assert_int_equal(tn_trie_find(&t, TN_STR("nobody put this in")), TN_TRIE_NONE);
    tn_arena_free(a);
    tn_arena_free(scratch);
}

static void bounds(void **state)
{
    (void)state;
    static char big[TN_TRIE_MAX_KEY + 1];
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_trie t;
    memset(big, 'x', sizeof big);
    tn_str longest = {big, TN_TRIE_MAX_KEY}, too_long = {big, sizeof big};
    ASSERT_OK(tn_trie_build(&longest, NULL, 1, a, a, &t, NULL, &err), &err);
    assert_int_equal(tn_trie_find(&t, longest), 0);
    ASSERT_FAILS(tn_trie_build(&too_long, NULL, 1, a, a, &t, NULL, &err), TN_ELIMIT, &err);
    ASSERT_OK(tn_trie_build(NULL, NULL, 0, a, a, &t, NULL, &err), &err);
    assert_int_equal(tn_trie_find(&t, TN_STR("a")), TN_TRIE_NONE);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_found_and_nothing_else), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
