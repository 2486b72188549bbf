/* The lying files we have met: each in tests/hostile/READER is refused by that reader with a sentence; each seed in
 * fuzz/seeds/READER is read without breaking a promise of its fuzz target. A crash found by fuzzing becomes a file
 * here. */
#include "test.h"

#define TN_FUZZ_AS_TEST
#include "../fuzz/fuzz_brief.c"
#include "../fuzz/fuzz_csv.c"
#include "../fuzz/fuzz_e5image.c"
#include "../fuzz/fuzz_json.c"
#include "../fuzz/fuzz_markdown.c"
#include "../fuzz/fuzz_mcp.c"
#include "../fuzz/fuzz_notebook.c"
#include "../fuzz/fuzz_python.c"
#include "../fuzz/fuzz_rules.c"
#include "../fuzz/fuzz_safetensors.c"
#include "../fuzz/fuzz_squad.c"
#include "../fuzz/fuzz_tokens.c"
#include "../fuzz/fuzz_torch.c"
#include "../fuzz/fuzz_yaml.c"
#include "../fuzz/fuzz_zip.c"

#include "base/file.h"

static const struct {
    const char *name;
    tn_status (*run)(tn_bytes bytes);
} reader[] = {{"brief", fuzz_brief}, {"csv", fuzz_csv},           {"e5image", fuzz_e5image}, {"json", fuzz_json}, {"markdown", fuzz_markdown}, {"mcp", fuzz_mcp},   {"notebook", fuzz_notebook}, {"python", fuzz_python},
              {"rules", fuzz_rules},       {"safetensors", fuzz_safetensors}, {"squad", fuzz_squad}, {"tokens", fuzz_tokens}, {"torch", fuzz_torch}, {"yaml", fuzz_yaml},       {"zip", fuzz_zip}};

static void run_folder(const char *folder, bool must_refuse)
{
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(reader); i++) {
        tn_arena *a = tn_arena_new(0);
        char *dir = tn_path_join(a, folder, reader[i].name);
        tn_str *names;
        size_t n;
        if (must_refuse && !tn_file_is_dir(dir)) { /* a reader that accepts any bytes */
            tn_arena_free(a);
            continue;
        }
        ASSERT_OK(tn_file_list(dir, a, &names, &n, &err), &err);
        for (size_t k = 0; k < n; k++) {
            tn_file f;
            ASSERT_OK(tn_file_open(tn_path_join(a, dir, names[k].ptr), &f, &err), &err);
            tn_status st = reader[i].run(f.bytes);
            if (must_refuse && st == TN_OK)
                fail_msg("%s/%s is accepted", dir, names[k].ptr);
            tn_file_close(&f);
        }
        tn_arena_free(a);
    }
}

static void lying_files_are_refused(void **state)
{
    run_folder("tests/hostile", true);
}

static void seeds_keep_the_promises(void **state)
{
    run_folder("fuzz/seeds", false);
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(lying_files_are_refused),
                                     cmocka_unit_test(seeds_keep_the_promises)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
