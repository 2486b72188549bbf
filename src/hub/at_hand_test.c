/* Promises of hub/at_hand.h. */
#include "test.h"

#include "base/file.h"
#include "hub/at_hand.h"

static void put_model(const char *cache, const char *id, const char *revision)
{
    tn_hub_snapshot *s;
    tn_err err;
    ASSERT_OK(tn_hub_snapshot_begin(cache, tn_str_of(id), tn_str_of(revision), &s, &err), &err);
    ASSERT_OK(tn_hub_snapshot_put(s, "config.json", TN_BYTES("{}"), &err), &err);
    ASSERT_OK(tn_hub_snapshot_commit(s, "main", &err), &err);
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

int main(void)
{
    const struct CMUnitTest test[] = {cmocka_unit_test(tenets_own_cache_is_alone_unless_the_hubs_is_preferred)};
    return cmocka_run_group_tests(test, NULL, NULL);
}
