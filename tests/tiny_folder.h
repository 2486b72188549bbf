#ifndef TN_TESTS_TINY_FOLDER_H
#define TN_TESTS_TINY_FOLDER_H
/// The small BERT in a folder of its own, for the tests of one file: engines, opened models, and paths below the folder.
/// tiny_set_up and tiny_tear_down go to cmocka_run_group_tests, or are called by its own.

#include "model/model.h"
#include "tiny_model.h"

static char root[] = "/tmp/tenet-tiny-XXXXXX";
static tiny_params params;
static int32_t ids[TINY_TOKENS], types[TINY_TOKENS];

/// Good for the next seven calls.
static inline const char *in_root(const char *name)
{
    static char path[8][160];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s", root, name);
    return path[at];
}

static inline tn_engine *engine(int n_threads, const char *isa)
{
    tn_engine *e = NULL;
    tn_err err;
    ASSERT_OK(tn_engine_new(n_threads, isa, &e, &err), &err);
    return e;
}

static inline tn_model *open_model(tn_engine *e, const char *dir, tn_model_options o)
{
    tn_model *m = NULL;
    tn_err err;
    ASSERT_OK(tn_model_open(e, dir, &o, &m, &err), &err);
    return m;
}

static inline int tiny_set_up(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    tiny_params_make(&params);
    tiny_batch(ids, types);
    tiny_write(&params, in_root("tiny"), tiny_config, NULL);
    return 0;
}

static inline int tiny_tear_down(void **state)
{
    (void)state;
    tiny_params_free(&params);
    return tn_file_remove(root, NULL) == TN_OK ? 0 : -1;
}

#endif
