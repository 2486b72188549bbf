/* Promises of hub/at_hand.h. */
#include "test.h"

#include "base/file.h"
#include "hub/at_hand.h"

static void put_model_with(const char *cache, const char *id, const char *revision, tn_bytes tokenizer)
{
    tn_hub_snapshot *s;
    tn_err err;
    ASSERT_OK(tn_hub_snapshot_begin(cache, tn_str_of(id), tn_str_of(revision), &s, &err), &err);
    ASSERT_OK(tn_hub_snapshot_put(s, "config.json", TN_BYTES("{}"), &err), &err);
    if (tokenizer.len)
        ASSERT_OK(tn_hub_snapshot_put(s, "tokenizer.json", tokenizer, &err), &err);
    ASSERT_OK(tn_hub_snapshot_commit(s, "main", &err), &err);
}

static void put_model(const char *cache, const char *id, const char *revision)
{
    put_model_with(cache, id, revision, (tn_bytes){NULL, 0});
}

static void tenets_own_cache_is_alone_unless_the_hubs_is_preferred(void **state)
{
    static const char one[] = "1111111111111111111111111111111111111111", two[] = "2222222222222222222222222222222222222222";
    char dir[] = "/tmp/tn-hand-XXXXXX", own[64], hub[64];
    tn_arena *a = tn_arena_new(0);
    tn_hub_model *m, found;
    size_t n;
    tn_err err;
    assert_non_null(mkdtemp(dir));
    snprintf(own, sizeof own, "%s/own", dir);
    snprintf(hub, sizeof hub, "%s/hub", dir);
    setenv("TENET_CACHE", own, 1);
    setenv("HF_HUB_CACHE", hub, 1);
    put_model(own, "org/both", one);
    put_model(hub, "org/both", two);
    put_model(hub, "org/hub-only", two);
    ASSERT_OK(tn_hub_at_hand(&(tn_hub_where){0}, a, &m, &n, &err), &err);
    assert_int_equal(n, 1);
    ASSERT_STR(m[0].revision, one);
    ASSERT_OK(tn_hub_at_hand(&(tn_hub_where){.prefer_hub = true}, a, &m, &n, &err), &err);
    assert_int_equal(n, 2);
    ASSERT_STR(m[0].revision, two);
    ASSERT_OK(tn_hub_find(&(tn_hub_where){0}, TN_STR("org/both"), a, &found, &err), &err);
    ASSERT_STR(found.revision, one);
    ASSERT_OK(tn_hub_find(&(tn_hub_where){0}, TN_STR("org/hub-only"), a, &found, &err), &err);
    ASSERT_FAILS(tn_hub_find(&(tn_hub_where){0}, TN_STR("org/none"), a, &found, &err), TN_ENOENT, &err);
    ASSERT_OK(tn_hub_at_hand(&(tn_hub_where){.cache = hub}, a, &m, &n, &err), &err);
    assert_int_equal(n, 2);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    tn_arena_free(a);
}

static void the_first_tokenizer_that_opens_counts(void **state)
{
    static const char one[] = "1111111111111111111111111111111111111111";
    char dir[] = "/tmp/tn-hand-XXXXXX";
    tn_arena *a = tn_arena_new(0);
    tn_tokenizer *t;
    const char *id;
    tn_bytes words;
    tn_err err;
    assert_non_null(mkdtemp(dir));
    tn_hub_where where = {.cache = dir};
    ASSERT_OK(tn_hub_any_tokenizer(&where, a, &t, &id, &err), &err);
    assert_true(!t && !id);
    ASSERT_OK(tn_file_read("tests/data/tokens-wordpiece.json", 1 << 24, a, &words, &err), &err);
    put_model(dir, "a/no-tokenizer", one);
    put_model_with(dir, "b/broken", one, TN_BYTES("{"));
    put_model_with(dir, "c/good", one, words);
    put_model_with(dir, "d/good-too", one, words);
    ASSERT_OK(tn_hub_any_tokenizer(&where, a, &t, &id, &err), &err);
    assert_non_null(t);
    assert_string_equal(id, "c/good");
    tn_tokenizer_free(t);
    ASSERT_OK(tn_file_remove(dir, &err), &err);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(tenets_own_cache_is_alone_unless_the_hubs_is_preferred),
        cmocka_unit_test(the_first_tokenizer_that_opens_counts),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
