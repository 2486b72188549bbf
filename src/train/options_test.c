/* What a recipe can ask for, on a real model of two layers: each set of options gives the same bytes on any number of
 * threads, any instruction set, in one pass or several, and killed at any moment and resumed; steady steps allocate nothing;
 * what is frozen stays as it was, and has neither gradients nor moments.
 *
 * TN_KILLS=100 (`./test.sh kills`) makes so many kills of each set instead of a few. */
#include "base/file.h"
#include "codec/safetensors.h"
#include "model/lora.h"
#include "train/adamw.h"
#include "train/loop.h"
#include "train/passes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tiny_model.h"

enum { ROWS = 21, HELD = 6, MAX_FILE = 1 << 22 };

static char root[] = "/tmp/tenet-options-XXXXXX";
static size_t start[ROWS + 1], held_start[HELD + 1];
static int32_t ids[ROWS * 24], label[ROWS], held_ids[HELD * 24], held_label[HELD];
static const tn_str targets[] = {TN_STR("query"), TN_STR("output.dense")};

typedef struct {
    const char *name;
    double layer_decay, smoothing, weight_decay;
    tn_schedule_kind schedule;
    int32_t freeze;
    tn_lora_options lora; /* rank 0: none */
    bool weights;
    size_t n_params; /* that are trained */
} options;

static const options sets[] = {
    {"plain", 1, 0, 0, TN_SCHEDULE_LINEAR, 0, {0}, false, 41},
    {"rates", 0.7, 0.1, 0.01, TN_SCHEDULE_COSINE, 0, {0}, true, 41},
    {"embeddings", 0.9, 0, 0.01, TN_SCHEDULE_CONSTANT, 1, {0}, false, 36},
    {"layer", 1, 0, 0, TN_SCHEDULE_LINEAR, 2, {0}, false, 20},
    {"encoder", 1, 0, 0, TN_SCHEDULE_LINEAR, TN_FREEZE_ENCODER, {0}, false, 4},
    {"adapters", 1, 0, 0.01, TN_SCHEDULE_COSINE, 0, {.rank = 4, .alpha = 8, .dropout = 0.2}, false, 28},
    {"some adapters", 0.8, 0, 0, TN_SCHEDULE_LINEAR, 0, {.rank = 3, .alpha = 6, .dropout = 0.1, .target = targets, .n_targets = 2}, false, 16},
};

static tn_recipe recipe_of(const options *o)
{
    static const float weight[TINY_LABELS] = {1, 2.5f, 0.5f};
    tn_recipe r = TN_RECIPE_INIT;
    r.epochs = 2;
    r.batch_size = 6; /* the last one has 3 rows, fewer than shards */
    r.learning_rate = 0.01;
    r.warmup_ratio = 0.2;
    r.layer_decay = o->layer_decay;
    r.label_smoothing = o->smoothing;
    r.weight_decay = o->weight_decay;
    r.schedule = o->schedule;
    r.class_weight = o->weights ? weight : NULL;
    r.checkpoint_every = 2;
    return r;
}

static const char *in_root(const char *a, const char *b)
{
    static char path[8][256];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s/%s", root, a, b);
    return path[at];
}

typedef struct {
    int n_threads;
    const char *isa;
    int32_t n_passes;
    bool resume;
    int64_t stop_at;
} how;

static tn_status open_model(const options *o, const how *h, tn_engine **e, tn_model **m, tn_err *err)
{
    char dir[128];
    snprintf(dir, sizeof dir, "%s/tiny", root);
    TN_TRY(tn_engine_new(h->n_threads ? h->n_threads : 1, h->isa, e, err));
    return tn_model_open(*e, dir, &(tn_model_options){.train = true, .freeze = o->freeze, .lora = o->lora.rank ? &o->lora : NULL, .seed = 5}, m, err);
}

static tn_status train(const options *o, const how *h, const char *name, tn_err *err)
{
    tn_engine *e = NULL;
    tn_model *m = NULL;
    tn_recipe r = recipe_of(o);
    tn_train_outcome out;
    char dir[256];
    tn_examples rows = {.n_rows = ROWS, .start = start, .ids = ids, .target = {.kind = TN_TARGET_CLASS, .label = label}},
                held = {.n_rows = HELD, .start = held_start, .ids = held_ids, .target = {.kind = TN_TARGET_CLASS, .label = held_label}};
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    r.n_passes = h->n_passes ? h->n_passes : 1;
    tn_status st = open_model(o, h, &e, &m, err);
    if (st == TN_OK) {
        tn_learner l = tn_learner_of(m);
        st = tn_train_run(&(tn_train_job){.learner = &l, .recipe = &r, .train = &rows, .validation = &held, .dir = dir, .resume = h->resume, .stop_at = h->stop_at}, &out, err);
    }
    tn_model_close(m);
    tn_engine_free(e);
    return st;
}

static void assert_same_file(const char *a, const char *b)
{
    tn_err err;
    tn_bytes x, y;
    tn_arena *arena = tn_arena_new(0);
    ASSERT_OK(tn_file_read(a, MAX_FILE, arena, &x, &err), &err);
    ASSERT_OK(tn_file_read(b, MAX_FILE, arena, &y, &err), &err);
    if (x.len == 0 || x.len != y.len || memcmp(x.ptr, y.ptr, x.len) != 0)
        fail_msg("%s (%zu bytes) is not %s (%zu bytes)", b, y.len, a, x.len);
    tn_arena_free(arena);
}

static void assert_same_run(const char *a, const char *b)
{
    static const char *const file[] = {"steps.jsonl", "evals.jsonl", "checkpoint/state.safetensors", "checkpoint/best.safetensors"};
    for (size_t i = 0; i < TN_COUNT(file); i++)
        assert_same_file(in_root(a, file[i]), in_root(b, file[i]));
}

static void make_rows(size_t *at, int32_t *to, int32_t *labels, int32_t n, uint64_t seed)
{
    tn_rng r = tn_rng_init(seed, 3);
    at[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        size_t len = 2 + tn_rng_below(&r, 22);
        labels[i] = (int32_t)tn_rng_below(&r, TINY_LABELS);
        for (size_t k = 0; k < len; k++)
            to[at[i] + k] = k == 1 ? 5 + labels[i] : (int32_t)tn_rng_below(&r, TINY_VOCAB);
        at[i + 1] = at[i] + len;
    }
}

static int set_up(void **state)
{
    static tiny_params params;
    char dir[128];
    tn_err err;
    if (!mkdtemp(root))
        return -1;
    snprintf(dir, sizeof dir, "%s/tiny", root);
    tiny_params_make(&params);
    tiny_write(&params, dir, tiny_config, NULL);
    tiny_params_free(&params);
    make_rows(start, ids, label, ROWS, 1);
    make_rows(held_start, held_ids, held_label, HELD, 2);
    for (size_t i = 0; i < TN_COUNT(sets); i++)
        if (train(&sets[i], &(how){0}, sets[i].name, &err) != TN_OK) {
            fprintf(stderr, "%s: %s\n", sets[i].name, err.msg);
            return -1;
        }
    return 0;
}

static int tear_down(void **state)
{
    return tn_file_remove(root, NULL) == TN_OK ? 0 : -1;
}

static void the_machine_does_not_matter(void **state)
{
    static const how machine[] = {{.n_threads = 2}, {.n_threads = 3, .isa = "ref"}, {.n_threads = 4, .isa = "avx2"}, {.n_threads = 1, .isa = "avx512"}};
    for (size_t i = 0; i < TN_COUNT(sets); i++)
        for (size_t k = i % 2; k < TN_COUNT(machine); k += 2) {
            tn_err err;
            tn_engine *e;
            if (tn_engine_new(1, machine[k].isa, &e, &err) != TN_OK)
                continue; /* a CPU without that set */
            tn_engine_free(e);
            ASSERT_OK(train(&sets[i], &machine[k], "machine", &err), &err);
            assert_same_run(sets[i].name, "machine");
        }
}

/* 4 shards in 2 and 4 passes; batches of 3 rows leave a pass empty. */
static void passes_do_not_matter(void **state)
{
    for (size_t i = 0; i < TN_COUNT(sets); i++)
        for (int32_t n = 2; n <= 4; n += 2) {
            tn_err err;
            ASSERT_OK(train(&sets[i], &(how){.n_passes = n, .n_threads = 2}, "passes", &err), &err);
            assert_same_run(sets[i].name, "passes");
        }
}

static void a_pause_does_not_matter(void **state)
{
    tn_err err;
    for (int64_t stop = 1; stop <= 7; stop += 3)
        ASSERT_OK(train(&sets[1], &(how){.stop_at = stop, .resume = stop > 1}, "pause", &err), &err);
    ASSERT_OK(train(&sets[1], &(how){.resume = true}, "pause", &err), &err);
    assert_same_run(sets[1].name, "pause");
}

/* A killer that does not look, also inside writes and renames; then the run gets through. */
static void kills_do_not_matter(void **state)
{
    const char *wanted = getenv("TN_KILLS");
    int n = wanted ? atoi(wanted) : 4;
    tn_rng rng = tn_rng_init(11, 0);
    for (size_t i = 0; i < TN_COUNT(sets); i++) {
        char name[64];
        tn_err err;
        int kills = 0;
        snprintf(name, sizeof name, "killed-%zu", i);
        for (int round = 0; kills < n && round < 10 * n; round++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                _exit((int)train(&sets[i], &(how){.resume = true, .n_threads = 1 + round % 2, .n_passes = 1 + round % 2}, name, &err));
            usleep((useconds_t)tn_rng_below(&rng, 60000));
            kill(child, SIGKILL);
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            kills += WIFSIGNALED(status);
            if (WIFEXITED(status)) { /* it got through: from the beginning again */
                assert_int_equal(WEXITSTATUS(status), TN_OK);
                assert_same_run(sets[i].name, name);
                ASSERT_OK(tn_file_remove(in_root(name, "checkpoint/state.safetensors"), &err), &err);
            }
        }
        ASSERT_OK(train(&sets[i], &(how){.resume = true}, name, &err), &err);
        assert_same_run(sets[i].name, name);
    }
}

static void only_what_is_trained_has_gradients(void **state)
{
    for (size_t i = 0; i < TN_COUNT(sets); i++) {
        tn_engine *e = NULL;
        tn_model *m = NULL;
        tn_err err;
        size_t n;
        ASSERT_OK(open_model(&sets[i], &(how){0}, &e, &m, &err), &err);
        tn_param *p = tn_model_params(m, &n);
        assert_int_equal(n, sets[i].n_params);
        for (size_t k = 0; k < n; k++) {
            bool adapter = tn_str_starts(p[k].name, "base_model.model."), head = p[k].layer == TINY_LAYERS + 1;
            assert_true(sets[i].lora.rank ? adapter || head : head || p[k].layer >= sets[i].freeze);
            assert_true(p[k].sparse || p[k].grad);
        }
        tn_model_close(m);
        tn_engine_free(e);
    }
}

static void steady_steps_allocate_nothing(void **state)
{
    static const int32_t shard[] = {0, 1, 3, 4, 6};
    for (size_t i = 0; i < TN_COUNT(sets); i++) {
        tn_engine *e = NULL;
        tn_model *m = NULL;
        tn_err err;
        tn_train_result r;
        int32_t at[7];
        uint64_t before = 0;
        ASSERT_OK(open_model(&sets[i], &(how){.n_threads = 2}, &e, &m, &err), &err);
        size_t n;
        tn_param *p = tn_model_params(m, &n);
        tn_passes *passes;
        tn_adamw_state *adamw;
        tn_adamw_options numbers = TN_ADAMW_INIT;
        numbers.layer_decay = sets[i].layer_decay;
        for (int32_t k = 0; k <= 6; k++)
            at[k] = (int32_t)start[k];
        tn_train_batch b = {.batch = {.n_rows = 6, .start = at, .ids = ids}, .target = {.kind = TN_TARGET_CLASS, .label = label}, .n_shards = 4, .shard = shard, .dropout = true};
        ASSERT_OK(tn_passes_new(e, p, n, TINY_LABELS, &(tn_passes_size){2, 6, start[6]}, &passes, &err), &err);
        ASSERT_OK(tn_adamw_new(e, p, n, &numbers, 16, &adamw, &err), &err);
        tn_learner l = tn_learner_of(m);
        for (int k = 0; k < 10; k++) {
            if (k == 5)
                before = tn_mem_count();
            b.step = (uint64_t)k;
            tn_adamw_catch_up(adamw, b.batch.ids, start[6]);
            ASSERT_OK(k % 2 ? tn_passes_backward(passes, l.backward, l.self, &b, &r, &err) : l.backward(l.self, &b, &r, &err), &err);
            ASSERT_OK(tn_adamw_step(adamw, 0.001, tn_adamw_clip(tn_adamw_grad_norm(adamw), 1), &err), &err);
            l.params_changed(l.self);
        }
        assert_int_equal(tn_mem_count() - before, 0);
        tn_adamw_free(adamw);
        tn_passes_free(passes);
        tn_model_close(m);
        tn_engine_free(e);
    }
}

static void recipes_out_of_bounds_are_refused(void **state)
{
    tn_err err;
    tn_recipe r[] = {recipe_of(&sets[0]), recipe_of(&sets[0]), recipe_of(&sets[0]), recipe_of(&sets[0]), recipe_of(&sets[0])};
    r[0].n_passes = 3;
    r[1].n_passes = 8; /* of 4 shards */
    r[2].n_passes = 2, r[2].n_shards = 6;
    r[3].layer_decay = 0;
    r[4].layer_decay = 1.5;
    for (size_t i = 0; i < TN_COUNT(r); i++)
        ASSERT_FAILS(tn_recipe_check(&r[i], &err), TN_EINVALID, &err);
}

static void memory_may_run_out(void **state)
{
    tn_status st;
    tn_err err;
    const options *o = &sets[6];
    FOR_EACH_FAILED_ALLOCATION(st, st = train(o, &(how){.n_passes = 2, .stop_at = 1}, "memory", &err));
}

/* An adapter's tensors take the places of the base's: each must fit there. */
static void adapters_of_other_shapes_are_refused(void **state)
{
    static const float number[1000];
    static const struct {
        const char *name, *says;
        uint64_t shape[2];
        uint32_t rank;
        tn_st_dtype dtype;
    } row[] = {
        {"classifier.bias", "has the shape [1000]", {1000}, 1, TN_ST_F32},
        {"encoder.layer.0.output.dense.lora_A.weight", "has the shape [2, 3]", {2, 3}, 2, TN_ST_F32},
        {"encoder.layer.0.output.dense.bias", "is of type I64", {TINY_WIDTH}, 1, TN_ST_I64},
    };
    tn_err err = TN_ERR_INIT;
    char base[128], dir[128];
    snprintf(base, sizeof base, "%s/tiny", root);
    snprintf(dir, sizeof dir, "%s/ill", root);
    ASSERT_OK(tn_file_mkdirs(dir, &err), &err);
    ASSERT_OK(tn_file_write(in_root("ill", "adapter_config.json"),
                            tn_str_bytes(TN_STR("{\"peft_type\": \"LORA\", \"base_model_name_or_path\": \"tiny\"}")), &err),
              &err);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        char name[128];
        tn_engine *e = NULL;
        tn_model *m = NULL;
        size_t n = row[i].shape[0] * (row[i].rank == 2 ? row[i].shape[1] : 1) * (row[i].dtype == TN_ST_I64 ? 8 : 4);
        snprintf(name, sizeof name, "base_model.model.%s", row[i].name);
        tn_st_item item = {.name = tn_str_of(name), .dtype = row[i].dtype, .rank = row[i].rank, .shape = row[i].shape, .data = {(const uint8_t *)number, n}};
        ASSERT_OK(tn_st_write(in_root("ill", "adapter_model.safetensors"), &item, 1, NULL, 0, &err), &err);
        ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
        tn_model_open(e, dir, &(tn_model_options){.base = base}, &m, &err);
        if (m || !strstr(err.msg, row[i].says))
            fail_msg("%s: %s", row[i].name, err.msg);
        tn_engine_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_does_not_matter),
        cmocka_unit_test(passes_do_not_matter),
        cmocka_unit_test(a_pause_does_not_matter),
        cmocka_unit_test(kills_do_not_matter),
        cmocka_unit_test(only_what_is_trained_has_gradients),
        cmocka_unit_test(steady_steps_allocate_nothing),
        cmocka_unit_test(recipes_out_of_bounds_are_refused),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(adapters_of_other_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
