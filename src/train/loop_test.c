/* A run, killed anywhere and resumed, gives the bytes of a run that was left alone; so does any number of threads. */
#include "train/loop.h"
#include "base/file.h"
#include "codec/json.h"
#include "train/toy_test.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char TMP[] = "/tmp/tenet-loop-XXXXXX";

typedef struct {
    const char *name; /* of a folder below TMP */
    int n_threads;
    bool resume;
    long kill_at_backward, kill_at_logits, nan_at, interrupt_at;
    rlim_t largest_file; /* 0: no limit */
    bool no_validation;
} trial;

static tn_recipe recipe(void)
{
    tn_recipe r = TN_RECIPE_INIT;
    r.epochs = 4;
    r.batch_size = 6;
    r.learning_rate = 0.05;
    r.warmup_ratio = 0.1;
    r.checkpoint_every = 3;
    return r;
}

static void dir_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", TMP, name);
}

static tn_status train(const trial *t, const tn_recipe *r, toy *weights, tn_train_outcome *out, tn_err *err)
{
    char dir[256];
    tn_engine *e;
    tn_examples rows = toy_rows(0, TOY_ROWS), held = toy_rows(1, TOY_HELD);
    TN_TRY(tn_engine_new(t->n_threads ? t->n_threads : 1, NULL, &e, err));
    tn_learner l = toy_init(weights, e);
    weights->kill_at_backward = t->kill_at_backward;
    weights->kill_at_logits = t->kill_at_logits;
    weights->nan_at = t->nan_at;
    weights->interrupt_at = t->interrupt_at;
    dir_of(t->name, dir);
    tn_train_job job = {.learner = &l,
                        .recipe = r,
                        .train = &rows,
                        .validation = t->no_validation ? NULL : &held,
                        .dir = dir,
                        .resume = t->resume};
    tn_status st = tn_train_run(&job, out, err);
    tn_engine_free(e);
    return st;
}

static size_t read_file(const char *dir, const char *name, char *out, size_t max)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", TMP, dir, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t n = fread(out, 1, max, f);
    fclose(f);
    return n;
}

static void assert_same_file(const char *dir, const char *name)
{
    static char a[1 << 18], b[1 << 18];
    size_t n = read_file("whole", name, a, sizeof a), m = read_file(dir, name, b, sizeof b);
    if (n == 0 || n != m || memcmp(a, b, n) != 0)
        fail_msg("%s of %s (%zu bytes) is not that of the whole run (%zu bytes)", name, dir, m, n);
}

static void assert_same_run(const char *dir)
{
    assert_same_file(dir, "steps.jsonl");
    assert_same_file(dir, "evals.jsonl");
    assert_same_file(dir, "checkpoint/state.safetensors");
    assert_same_file(dir, "checkpoint/best.safetensors");
}

/* Runs in a child, which ends as it ends; the status word of waitpid. */
static int train_in_child(const trial *t, const tn_recipe *r)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static toy weights;
        tn_train_outcome out;
        tn_err err;
        if (t->largest_file) {
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){t->largest_file, t->largest_file});
        }
        tn_status st = train(t, r, &weights, &out, &err);
        if (st != TN_OK && st != TN_EIO)
            fprintf(stderr, "%s\n", err.msg);
        _exit((int)st);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static toy WHOLE;
static tn_train_outcome WHOLE_OUT;

static int run_whole(void **state)
{
    tn_err err;
    tn_recipe r = recipe();
    if (!mkdtemp(TMP))
        return -1;
    return train(&(trial){.name = "whole"}, &r, &WHOLE, &WHOLE_OUT, &err) == TN_OK ? 0 : -1;
}

static int remove_all(void **state)
{
    return tn_file_remove(TMP, NULL) == TN_OK ? 0 : -1;
}

/* ---- what a run leaves ---- */

static void records_say_what_happened(void **state)
{
    static char text[1 << 18];
    tn_arena *a = tn_arena_new(0);
    tn_err err;
    size_t n = read_file("whole", "steps.jsonl", text, sizeof text);
    tn_str rest = {text, n}, line;
    int64_t step = 0, tokens = 0, n_tokens;
    double first = 0, last = 0, lr, norm, epoch;
    while (tn_str_cut(&rest, '\n', &line) && line.len) {
        const tn_json *v;
        int64_t number;
        ASSERT_OK(tn_json_parse(line, a, &v, &err), &err);
        assert_true(tn_json_i64(tn_json_get(v, "step"), &number) && number == ++step);
        assert_true(tn_json_f64(tn_json_get(v, "epoch"), &epoch) && epoch == (double)step / 11);
        assert_true(tn_json_f64(tn_json_get(v, "lr"), &lr) && lr >= 0 && lr <= 0.05);
        assert_true(tn_json_f64(tn_json_get(v, "loss"), &last));
        assert_true(tn_json_f64(tn_json_get(v, "grad_norm"), &norm) && norm > 0);
        assert_true(tn_json_i64(tn_json_get(v, "tokens"), &n_tokens));
        tokens += n_tokens;
        first = step == 1 ? last : first;
    }
    assert_int_equal(step, 44); /* 11 batches, 4 epochs */
    assert_int_equal(WHOLE_OUT.n_steps, 44);
    assert_int_equal(WHOLE_OUT.n_tokens, tokens);
    assert_true(WHOLE_OUT.last_loss == last && last < first);
    double macro_f1;
    bool less;
    assert_true(tn_scores_get(&WHOLE_OUT.best, "macro_f1", &macro_f1, &less) && !less && macro_f1 > 0.5);
    assert_false(WHOLE_OUT.stopped_early);

    n = read_file("whole", "evals.jsonl", text, sizeof text);
    rest = (tn_str){text, n};
    int64_t best_step = 0, at;
    double f1, best_f1 = -1;
    int n_evals = 0;
    while (tn_str_cut(&rest, '\n', &line) && line.len) {
        const tn_json *v;
        bool best;
        ASSERT_OK(tn_json_parse(line, a, &v, &err), &err);
        assert_true(tn_json_i64(tn_json_get(v, "step"), &at) && at == 11 * ++n_evals);
        assert_true(tn_json_f64(tn_json_get(v, "macro_f1"), &f1));
        assert_true(tn_json_bool(tn_json_get(v, "best"), &best) && best == (f1 > best_f1));
        best_f1 = best ? f1 : best_f1;
        best_step = best ? at : best_step;
    }
    assert_int_equal(n_evals, 4);
    assert_int_equal(WHOLE_OUT.best_step, best_step);
    tn_arena_free(a);
}

static void the_best_weights_are_left(void **state)
{
    /* Whatever step was the best, evaluating the weights that were left gives its scores again. */
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_engine *e;
    tn_examples held = toy_rows(1, TOY_HELD);
    tn_recipe r = recipe();
    r.learning_rate = 0.9; /* jumps about, so that the last step is not the best */
    r.epochs = 6;
    r.eval_every = 2;
    for (int decay = 0; decay < 2; decay++) {
        r.weight_decay = decay ? 0.1 : 0;
        ASSERT_OK(train(&(trial){.name = "best"}, &r, &t, &out, &err), &err);
        assert_true(out.best_step < out.n_steps);
        tn_scores s;
        ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
        tn_learner l = {.self = &t, .engine = e, .width = TOY_L, .logits = toy_logits};
        ASSERT_OK(tn_train_evaluate(&l, &held, 7, NULL, &s, &err), &err);
        assert_memory_equal(s.score, out.best.score, sizeof s.score);
        assert_true(fabs(s.loss - out.best.loss) < 1e-12);
        tn_engine_free(e);
        /* The same from the files alone, without training. */
        static toy again;
        tn_train_outcome out2;
        ASSERT_OK(train(&(trial){.name = "best", .resume = true}, &r, &again, &out2, &err), &err);
        assert_int_equal(again.backwards, 0);
        assert_int_equal(out2.best_step, out.best_step);
        assert_memory_equal(again.table, t.table, sizeof t.table);
        assert_memory_equal(again.w, t.w, sizeof t.w);
    }
}

/* Gives the first label of three to each row, and remembers the largest call. */
typedef struct {
    int32_t most_tokens, most_rows;
} wide;

static tn_status wide_logits(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    wide *w = self;
    int32_t tokens = b->start[b->n_rows];
    w->most_tokens = tokens > w->most_tokens ? tokens : w->most_tokens;
    w->most_rows = b->n_rows > w->most_rows ? b->n_rows : w->most_rows;
    for (int32_t i = 0; i < b->n_rows * TOY_L; i++)
        logits[i] = (float)(i % TOY_L == 0);
    return TN_OK;
}

static void a_huge_batch_is_evaluated_in_calls(void **state)
{
    enum { ROWS = 3000, LENGTH = 50 };
    static size_t start[ROWS + 1];
    static int32_t ids[ROWS * LENGTH], label[ROWS];
    wide w = {0};
    tn_err err;
    tn_scores s;
    for (int i = 0; i < ROWS; i++) {
        start[i + 1] = start[i] + LENGTH;
        label[i] = i % 4 == 3;
    }
    tn_examples x = {.n_rows = ROWS, .start = start, .ids = ids, .target.label = label};
    tn_learner l = {.self = &w, .width = TOY_L, .logits = wide_logits};
    ASSERT_OK(tn_train_evaluate(&l, &x, INT32_MAX, NULL, &s, &err), &err);
    assert_true(w.most_tokens > 1 << 15 && w.most_tokens <= 1 << 16); /* a call, not 150,000 tokens at once */
    assert_true(s.score[0].value == 0.75);
    ASSERT_OK(tn_train_evaluate(&l, &x, 5, NULL, &s, &err), &err);
    ASSERT_OK(tn_train_evaluate(&l, &(tn_examples){.n_rows = 1, .start = start, .ids = ids, .target.label = label}, 1, NULL, &s, &err), &err);
    assert_true(s.score[0].value == 1);
}

static void patience_ends_a_run(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    r.learning_rate = 0.9;
    r.epochs = 50;
    r.patience = 2;
    r.best_by = "log_loss";
    ASSERT_OK(train(&(trial){.name = "patience"}, &r, &t, &out, &err), &err);
    assert_true(out.stopped_early);
    assert_int_equal(out.n_steps, out.best_step + 2 * 11);
    assert_int_equal(out.n_planned, 550);
}

static void without_validation_the_last_weights_stay(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    r.n_steps = 5;
    ASSERT_OK(train(&(trial){.name = "alone", .no_validation = true}, &r, &t, &out, &err), &err);
    assert_int_equal(out.best_step, 0);
    assert_int_equal(out.n_steps, 5);
    assert_int_equal(t.evaluations, 0);
}

/* ---- same bytes ---- */

static void threads_do_not_matter(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    for (int n = 2; n <= 4; n += 2) {
        ASSERT_OK(train(&(trial){.name = "threads", .n_threads = n}, &r, &t, &out, &err), &err);
        assert_same_run("threads");
        assert_memory_equal(t.table, WHOLE.table, sizeof t.table);
    }
}

static void a_killed_run_resumes_to_the_same_bytes(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    const trial kill[] = {
        {.name = "k1", .kill_at_backward = 1},  /* before the first checkpoint */
        {.name = "k2", .kill_at_backward = 4},  /* just after a checkpoint */
        {.name = "k3", .kill_at_backward = 12}, /* just after an evaluation */
        {.name = "k4", .kill_at_backward = 20}, {.name = "k5", .kill_at_backward = 44}, /* in the last step */
        {.name = "k6", .kill_at_logits = 2},                                            /* in the first evaluation */
        {.name = "k7", .kill_at_logits = 16},                                           /* in the last one */
    };
    for (size_t i = 0; i < TN_COUNT(kill); i++) {
        int status = train_in_child(&kill[i], &r);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        /* And once more while it goes on. */
        trial again = {.name = kill[i].name, .resume = true, .kill_at_backward = 5};
        train_in_child(&again, &r);
        ASSERT_OK(train(&(trial){.name = kill[i].name, .resume = true}, &r, &t, &out, &err), &err);
        assert_same_run(kill[i].name);
        assert_memory_equal(t.table, WHOLE.table, sizeof t.table);
        assert_memory_equal(t.w, WHOLE.w, sizeof t.w);
        assert_int_equal(out.best_step, WHOLE_OUT.best_step);
        assert_int_equal(out.n_tokens, WHOLE_OUT.n_tokens);
    }
}

static void killed_at_any_time(void **state)
{
    /* Also inside writes and renames: a killer that does not look, until a run gets through. */
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    tn_rng rng = tn_rng_init(1, 2);
    trial again = {.name = "any", .resume = true};
    for (int round = 0; round < 25; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit((int)train(&again, &r, &t, &out, &err));
        usleep((useconds_t)tn_rng_below(&rng, 12000));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
            assert_int_equal(WEXITSTATUS(status), TN_OK);
    }
    ASSERT_OK(train(&again, &r, &t, &out, &err), &err);
    assert_same_run("any");
    char folder[256];
    tn_str *name;
    size_t n;
    tn_arena *a = tn_arena_new(0);
    dir_of("any/checkpoint", folder);
    ASSERT_OK(tn_file_list(folder, a, &name, &n, &err), &err);
    assert_int_equal(n, 2); /* no halves of files */
    tn_arena_free(a);
    assert_memory_equal(t.table, WHOLE.table, sizeof t.table);
}

static void an_interrupt_leaves_a_checkpoint(void **state)
{
    tn_recipe r = recipe();
    r.checkpoint_every = 0;
    trial stop = {.name = "int", .interrupt_at = 8}, go = {.name = "int", .resume = true, .interrupt_at = 9};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static toy t;
        tn_train_outcome out;
        tn_err err;
        tn_interrupt_install();
        tn_status st = train(&stop, &r, &t, &out, &err);
        _exit(st == TN_EINTR && strstr(err.msg, "after step 8 of 44") ? 7 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    go.interrupt_at = 0;
    go.kill_at_backward = 37; /* 36 steps are left: nothing was lost */
    status = train_in_child(&go, &r);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == TN_OK);
    assert_same_run("int");
}

static void a_full_disk_leaves_the_last_good_checkpoint(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    /* The state is about 10 kB from the first checkpoint on, steps.jsonl passes 1.5 kB later. */
    trial full = {.name = "full", .kill_at_backward = 8};
    train_in_child(&full, &r);
    full = (trial){.name = "full", .resume = true, .largest_file = 4000};
    int status = train_in_child(&full, &r);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == TN_EIO);
    ASSERT_OK(train(&(trial){.name = "full", .resume = true}, &r, &t, &out, &err), &err);
    assert_same_run("full");
}

/* ---- refusals ---- */

static void a_nan_stops_the_run(void **state)
{
    static toy t;
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    ASSERT_FAILS(train(&(trial){.name = "nan", .nan_at = 7}, &r, &t, &out, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "step 7: the loss is not a number"));
    assert_non_null(strstr(err.msg, "smaller learning rate"));
}

static void checkpoints_of_others_are_refused(void **state)
{
    static toy t;
    static char text[1 << 18];
    char path[512];
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe(), other = r;
    r.n_steps = other.n_steps = 8;
    other.seed = 1;
    trial again = {.name = "other", .resume = true};
    ASSERT_OK(train(&again, &r, &t, &out, &err), &err); /* nothing to resume: a fresh run */
    ASSERT_FAILS(train(&again, &other, &t, &out, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "another recipe"));

    /* A journal that was changed or cut, a state that was cut at any place. */
    size_t n = read_file("other", "steps.jsonl", text, sizeof text);
    snprintf(path, sizeof path, "%s/other/steps.jsonl", TMP);
    text[3] ^= 1;
    ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n}, &err), &err);
    ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
    text[3] ^= 1;
    ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n - 1}, &err), &err);
    ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
    ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n}, &err), &err);

    n = read_file("other", "checkpoint/state.safetensors", text, sizeof text);
    snprintf(path, sizeof path, "%s/other/checkpoint/state.safetensors", TMP);
    for (size_t cut = 0; cut < n; cut += 97) {
        ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, cut}, &err), &err);
        ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
    }
    const char *key[] = {"emb.weight", "m/out.bias", "rows/emb", "\"step\"", "tenet training"};
    for (size_t i = 0; i < TN_COUNT(key); i++) {
        tn_str s = {text, n};
        size_t at = tn_str_find(s, tn_str_of(key[i]), 0);
        assert_true(at != SIZE_MAX);
        text[at + 2] ^= 4;
        ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n}, &err), &err);
        ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
        text[at + 2] ^= 4;
    }
    /* Counters that contradict each other or the recipe. */
    const char *counter[] = {"\"n_planned\":\"", "\"n_steps\":\"", "\"best_step\":\"", "\"last_eval\":\""};
    for (size_t i = 0; i < TN_COUNT(counter); i++) {
        size_t at = tn_str_find((tn_str){text, n}, tn_str_of(counter[i]), 0);
        assert_true(at != SIZE_MAX);
        at += strlen(counter[i]);
        assert_int_equal(text[at], '8');
        text[at] = '9';
        ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n}, &err), &err);
        ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
        text[at] = '8';
    }
    ASSERT_OK(tn_file_write(path, (tn_bytes){(uint8_t *)text, n}, &err), &err);
    ASSERT_OK(train(&again, &r, &t, &out, &err), &err);
    assert_int_equal(t.backwards, 0);
}

static void the_best_file_must_be_this_runs(void **state)
{
    static toy t;
    char from[512], to[512];
    tn_err err;
    tn_train_outcome out;
    tn_recipe r = recipe();
    r.learning_rate = 0.9;
    r.eval_every = 2;
    trial again = {.name = "foreign", .resume = true};
    ASSERT_OK(train(&again, &r, &t, &out, &err), &err);
    assert_true(out.best_step < out.n_steps);
    snprintf(from, sizeof from, "%s/whole/checkpoint/best.safetensors", TMP);
    snprintf(to, sizeof to, "%s/foreign/checkpoint/best.safetensors", TMP);
    ASSERT_OK(tn_file_copy(from, to, &err), &err);
    ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
    assert_non_null(strstr(err.msg, "not of this run"));
    snprintf(from, sizeof from, "%s/foreign/checkpoint/state.safetensors", TMP); /* of this run, but of another step */
    ASSERT_OK(tn_file_copy(from, to, &err), &err);
    ASSERT_FAILS(train(&again, &r, &t, &out, &err), TN_EFORMAT, &err);
}

static void recipes_are_checked(void **state)
{
    tn_err err;
    tn_recipe bad[12];
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        bad[i] = recipe();
        ASSERT_OK(tn_recipe_check(&bad[i], &err), &err);
    }
    bad[0].epochs = 0;
    bad[1].n_steps = -1;
    bad[2].batch_size = 0;
    bad[3].n_shards = 65;
    bad[4].learning_rate = 0;
    bad[5].learning_rate = NAN;
    bad[6].warmup_ratio = 1.5;
    bad[7].weight_decay = -1;
    bad[8].beta2 = 1;
    bad[9].eps = 0;
    bad[10].max_grad_norm = INFINITY;
    bad[11].patience = -1;
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        ASSERT_FAILS(tn_recipe_check(&bad[i], &err), TN_EINVALID, &err);
    tn_recipe r = recipe();
    assert_int_equal(tn_recipe_n_steps(&r, 64), 44);
    r.n_steps = 5;
    assert_int_equal(tn_recipe_n_steps(&r, 64), 5);
}

static void memory_may_run_out(void **state)
{
    static toy t;
    tn_train_outcome out;
    tn_recipe r = recipe();
    tn_status st;
    tn_err err;
    r.n_steps = 3;
    r.eval_every = 2;
    for (int resume = 0; resume < 2; resume++)
        FOR_EACH_FAILED_ALLOCATION(st, st = train(&(trial){.name = "memory", .resume = resume}, &r, &t, &out, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_say_what_happened),
        cmocka_unit_test(the_best_weights_are_left),
        cmocka_unit_test(a_huge_batch_is_evaluated_in_calls),
        cmocka_unit_test(patience_ends_a_run),
        cmocka_unit_test(without_validation_the_last_weights_stay),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(a_killed_run_resumes_to_the_same_bytes),
        cmocka_unit_test(killed_at_any_time),
        cmocka_unit_test(an_interrupt_leaves_a_checkpoint),
        cmocka_unit_test(a_full_disk_leaves_the_last_good_checkpoint),
        cmocka_unit_test(a_nan_stops_the_run),
        cmocka_unit_test(checkpoints_of_others_are_refused),
        cmocka_unit_test(the_best_file_must_be_this_runs),
        cmocka_unit_test(recipes_are_checked),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, run_whole, remove_all);
}
