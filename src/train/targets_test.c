/* What is not about classes of rows: batches carry token types and targets of each kind, words are hidden by their counter
 * alone, evaluations score what they say, and a run of every head that was killed and resumed gives the bytes of one that
 * was left alone. */
#include "train/loop.h"
#include "base/file.h"
#include "tiny_model.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

static const char *in_root(const char *name, const char *part)
{
    static char path[8][192];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s%s", root, name, part);
    return path[at];
}

/* ---- batches ---- */

enum { ROWS = 9 };
static size_t START[ROWS + 1];
static int32_t IDS[ROWS * 4], TYPES[ROWS * 4], LABEL[ROWS * 4], FIRST[ROWS], LAST[ROWS];
static float VALUE[ROWS * 2];

/* Row i: i % 4 + 1 tokens with ids and types of i and their place; targets that tell the row. */
static tn_examples make_rows(tn_target_kind kind)
{
    for (int32_t i = 0; i < ROWS; i++) {
        START[i + 1] = START[i] + (size_t)(i % 4 + 1);
        for (size_t t = START[i]; t < START[i + 1]; t++) {
            IDS[t] = i;
            TYPES[t] = (int32_t)(t - START[i]) % 2;
            LABEL[t] = i + (int32_t)(t - START[i]);
        }
        FIRST[i] = i, LAST[i] = i + 1;
        VALUE[2 * i] = (float)i, VALUE[2 * i + 1] = 0.5f;
    }
    return (tn_examples){.n_rows = ROWS,
                         .start = START,
                         .ids = IDS,
                         .type_id = TYPES,
                         .target = {kind, kind == TN_TARGET_CLASS ? FIRST : LABEL, VALUE, FIRST, LAST}};
}

static void batches_carry_types_and_targets(void **state)
{
    static const tn_target_kind kind[] = {TN_TARGET_CLASS, TN_TARGET_FLAGS, TN_TARGET_VALUES,
                                          TN_TARGET_TOKENS, TN_TARGET_SPANS, TN_TARGET_NONE};
    tn_err err;
    for (size_t k = 0; k < TN_COUNT(kind); k++) {
        tn_examples x = make_rows(kind[k]);
        tn_batcher *b;
        ASSERT_OK(tn_batcher_new(&x, 2, 4, 2, 1, NULL, &b, &err), &err);
        for (int64_t step = 0; step < 6; step++) {
            tn_train_batch out = {0};
            uint64_t before = tn_mem_count();
            tn_batcher_at(b, step, &out);
            assert_int_equal(tn_mem_count(), before);
            assert_int_equal(out.target.kind, kind[k]);
            for (int32_t i = 0; i < out.batch.n_rows; i++) {
                int32_t from = out.batch.start[i], row = out.batch.ids[from];
                for (int32_t t = from; t < out.batch.start[i + 1]; t++) {
                    assert_int_equal(out.batch.type_id[t], (t - from) % 2);
                    assert_true(kind[k] != TN_TARGET_TOKENS || out.target.label[t] == row + t - from);
                }
                assert_true(kind[k] != TN_TARGET_CLASS || out.target.label[i] == row);
                assert_true(kind[k] != TN_TARGET_SPANS || (out.target.first[i] == row && out.target.last[i] == row + 1));
                if (kind[k] == TN_TARGET_FLAGS || kind[k] == TN_TARGET_VALUES)
                    assert_true(out.target.value[2 * i] == (float)row && out.target.value[2 * i + 1] == 0.5f);
            }
        }
        tn_batcher_free(b);
        tn_status st;
        FOR_EACH_FAILED_ALLOCATION(st, st = tn_batcher_new(&x, 2, 4, 2, 1, NULL, &b, NULL));
        tn_batcher_free(b);
    }
}

static void bad_targets_are_named_by_row(void **state)
{
    static const struct {
        tn_target_kind kind, model;
        int32_t label, type;
        float value;
        const char *says;
    } bad[] = {
        {TN_TARGET_TOKENS, TN_TARGET_TOKENS, 20, 0, 0, "row 5, token 1 has label 20"},
        {TN_TARGET_VALUES, TN_TARGET_VALUES, 0, 0, NAN, "row 5 has a target that is not a finite"},
        {TN_TARGET_FLAGS, TN_TARGET_FLAGS, 0, 0, 1.5f, "row 0 has 1.5 for label 1"},
        {TN_TARGET_TOKENS, TN_TARGET_TOKENS, 0, 2, 0, "row 5 has token type 2 of 2"},
        {TN_TARGET_VALUES, TN_TARGET_TOKENS, 0, 0, 0, "another kind"},
    };
    tn_err err;
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_examples x = make_rows(bad[i].kind);
        LABEL[START[5] + 1] = bad[i].label;
        TYPES[START[5] + 1] = bad[i].type;
        VALUE[bad[i].kind == TN_TARGET_FLAGS ? 1 : 11] = bad[i].value;
        ASSERT_FAILS(tn_examples_check(&x, bad[i].model, 100, 2, bad[i].kind == TN_TARGET_TOKENS ? 20 : 2, 0, &err), TN_EINVALID, &err);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("%s", err.msg);
    }
    tn_examples x = make_rows(TN_TARGET_TOKENS);
    LABEL[3] = -100;
    ASSERT_OK(tn_examples_check(&x, TN_TARGET_TOKENS, 100, 2, 20, 0, &err), &err);
}

static void words_are_hidden_by_their_counter(void **state)
{
    enum { V = 50, N = 500, DRAWS = 40 };
    bool special[V] = {[1] = true, [2] = true};
    tn_masking m = TN_MASKING_INIT;
    m.mask_id = 4, m.vocab_size = V, m.special = special;
    int32_t plain[N], ids[N], label[N], again[N], other[N];
    int hidden = 0, masked = 0, moved = 0, usual = 0;
    for (int32_t i = 0; i < N; i++)
        plain[i] = i % 10 == 0 ? 1 : 5 + i % 40, usual += plain[i] != 1;
    for (int32_t row = 0; row < DRAWS; row++) {
        memcpy(ids, plain, sizeof ids);
        tn_masking_draw(&m, 7, 3, row, N, ids, label);
        for (int32_t i = 0; i < N; i++) {
            assert_true(label[i] == -100 ? ids[i] == plain[i] : label[i] == plain[i] && plain[i] != 1);
            hidden += label[i] >= 0;
            masked += label[i] >= 0 && ids[i] == 4;
            moved += label[i] >= 0 && ids[i] != 4 && ids[i] != plain[i];
        }
    }
    double n = usual * DRAWS;
    assert_true(fabs(hidden / n - 0.15) < 4 * sqrt(0.15 * 0.85 / n));
    assert_true(fabs(masked / (double)hidden - 0.8 - 0.1 / V) < 4 * sqrt(0.16 / hidden));
    assert_true(fabs(moved / (double)hidden - 0.1 * (V - 2) / V) < 4 * sqrt(0.09 / hidden));
    /* A function of seed, epoch, row and place: a shorter row begins alike; an evaluation does not know the seed. */
    memcpy(again, plain, sizeof again), memcpy(other, plain, sizeof other);
    tn_masking_draw(&m, 7, 3, DRAWS - 1, N / 2, again, label);
    assert_memory_equal(again, ids, sizeof again / 2);
    tn_masking_draw(&m, 7, 4, DRAWS - 1, N, other, label);
    assert_memory_not_equal(other, ids, sizeof ids);
    memcpy(again, plain, sizeof again), memcpy(other, plain, sizeof other);
    tn_masking_draw(&m, 7, -1, 0, N, again, label);
    tn_masking_draw(&m, 8, -1, 0, N, other, label);
    assert_memory_equal(again, other, sizeof again);
}

/* ---- scores ---- */

/* Answers are prepared: the first rows of a batch that is asked for begin at `at` lines. */
typedef struct {
    const float *logits;
    const size_t *start;
    int32_t width, row;
    bool by_token;
    int calls;
} prepared;

static tn_status answer(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    prepared *p = self;
    size_t from = p->by_token ? p->start[p->row] : (size_t)p->row;
    size_t n = p->by_token ? (size_t)b->start[b->n_rows] : (size_t)b->n_rows;
    memcpy(logits, p->logits + from * (size_t)p->width, n * (size_t)p->width * sizeof *logits);
    p->row += b->n_rows;
    p->calls++;
    return TN_OK;
}

static double score(const tn_scores *s, const char *name)
{
    double v = NAN;
    bool less;
    assert_true(tn_scores_get(s, name, &v, &less));
    return v;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want))))
        fail_msg("%.9g, wanted %.9g", got, want);
}

static tn_scores scores_of(tn_target_kind kind, int32_t width, const tn_examples *x, const float *logits, int32_t batch)
{
    prepared p = {.logits = logits, .start = x->start, .width = width, .by_token = kind == TN_TARGET_TOKENS || kind == TN_TARGET_SPANS};
    tn_learner l = {.self = &p, .target = kind, .width = width, .n_types = 1, .logits = answer};
    tn_scores s;
    tn_err err;
    ASSERT_OK(tn_train_evaluate(&l, x, batch, NULL, &s, &err), &err);
    return s;
}

static void evaluations_score_what_they_say(void **state)
{
    static const size_t start[] = {0, 2, 3, 6};
    static const int32_t ids[6] = {0}, label[6] = {0, -100, 1, 1, 1, -1}, first[] = {1, 5, 0}, last[] = {1, 0, 2};
    static const float flag[] = {1, 0, 1, 1, 0, 0}, value[] = {1, 10, 2, 10, 4, 10};
    static const float two[] = {2, -1, 1, -3, -0.5f, -2}; /* of rows: labels 0; 0; none */
    static const float said[] = {1, 9, 3, 11, 3, 10};     /* of rows: numbers */
    static const float tags[] = {2, 0, 9, 9, 1, 0, 0, 3, 0, 3, 9, 9}; /* of tokens: 0 - 0 1 1 -: one of four is wrong */
    static const float ends[] = {0, 0, 1, 2, 5, 5, 1, 0, 3, 0, 0, 0}; /* firsts 1, 0, 1; lasts 1, 0, 0 */
    for (int32_t batch = 1; batch <= 3; batch++) {
        tn_examples x = {.n_rows = 3, .start = start, .ids = ids, .target = {TN_TARGET_FLAGS, label, flag, first, last}};
        tn_scores s = scores_of(TN_TARGET_FLAGS, 2, &x, two, batch);
        double sum = 0;
        for (int i = 0; i < 6; i++)
            sum += log(1 + exp(two[i])) - two[i] * flag[i];
        near(s.loss, sum / 6);
        near(score(&s, "micro_f1"), 4.0 / 5), near(score(&s, "macro_f1"), 0.5), near(score(&s, "exact_match"), 2.0 / 3);

        x.target = (tn_targets){TN_TARGET_VALUES, label, value, first, last};
        s = scores_of(TN_TARGET_VALUES, 2, &x, said, batch);
        near(s.loss, 4.0 / 6), near(score(&s, "mse"), 4.0 / 6), near(score(&s, "mae"), 4.0 / 6);
        near(score(&s, "r2"), ((1 - 2 / (14.0 / 3)) + 0) / 2);
        near(score(&s, "pearson"), (8.0 / 3 / sqrt(14.0 / 3 * 8 / 3)) / 2); /* the second one is constant: 0 */

        x.target.kind = TN_TARGET_TOKENS;
        s = scores_of(TN_TARGET_TOKENS, 2, &x, tags, batch);
        near(score(&s, "accuracy"), 0.75);
        near(s.loss, (log(1 + exp(-2)) + log(1 + exp(1)) + 2 * log(1 + exp(-3))) / 4);

        x.target.kind = TN_TARGET_SPANS;
        s = scores_of(TN_TARGET_SPANS, 2, &x, ends, batch);
        near(score(&s, "start_accuracy"), 0.5), near(score(&s, "end_accuracy"), 2.0 / 3), near(score(&s, "exact_match"), 1.0 / 3); /* the last row does not hold its start */
        double starts = log(1 + exp(-1)) + log(exp(1) + exp(3) + 1) - 1, lasts = log(1 + exp(-2)) + 0 + log(3);
        near(s.loss, (starts / 2 + lasts / 3) / 2);
    }
}

/* ---- every head, killed and resumed ---- */

static const struct {
    const char *name;
    tn_task task;
    tn_problem problem;
    int32_t n_labels;
    const char *best_by;
    bool weights;
} heads[] = {
    {"one-label", TN_TASK_SEQUENCE, TN_PROBLEM_SINGLE_LABEL, 3, "macro_f1"},
    {"flags", TN_TASK_SEQUENCE, TN_PROBLEM_MULTI_LABEL, 3, "micro_f1"},
    {"flags, weights", TN_TASK_SEQUENCE, TN_PROBLEM_MULTI_LABEL, 3, "micro_f1", true},
    {"value", TN_TASK_SEQUENCE, TN_PROBLEM_REGRESSION, 1, "mse"},
    {"tokens", TN_TASK_TOKENS, TN_PROBLEM_UNSET, 4, "accuracy"},
    {"spans", TN_TASK_SPANS, TN_PROBLEM_UNSET, 0, "exact_match"},
    {"words", TN_TASK_MASKED, TN_PROBLEM_UNSET, 0, "perplexity"},
};

typedef struct {
    tn_learner inner;
    long calls, kill_at;
} deadly;

static tn_status deadly_backward(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err)
{
    deadly *d = self;
    if (++d->calls == d->kill_at)
        raise(SIGKILL);
    return d->inner.backward(d->inner.self, b, out, err);
}

static tn_status deadly_logits(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    deadly *d = self;
    return d->inner.logits(d->inner.self, b, logits, err);
}

static void deadly_changed(void *self)
{
    deadly *d = self;
    d->inner.params_changed(d->inner.self);
}

static tn_examples rows_of(const tn_model *m, uint64_t seed)
{
    enum { N = 24, MOST = 20 };
    static size_t start[2][N + 1];
    static int32_t id[2][N * MOST], type[2][N * MOST], label[2][N * MOST], first[2][N], last[2][N];
    static float value[2][N * 3];
    static bool special[TINY_VOCAB] = {true, true};
    static tn_masking masking;
    int s = seed != 0;
    tn_rng r = tn_rng_init(seed, 5);
    bool of_rows = tn_model_target(m) == TN_TARGET_CLASS;
    masking = TN_MASKING_INIT;
    masking.mask_id = 3, masking.vocab_size = TINY_VOCAB, masking.special = special;
    for (int32_t i = 0; i < N; i++) {
        size_t n = 1 + tn_rng_below(&r, MOST - 1), at = start[s][i];
        start[s][i + 1] = at + n;
        for (size_t t = at; t < at + n; t++) {
            id[s][t] = (int32_t)tn_rng_below(&r, TINY_VOCAB);
            type[s][t] = t > at + n / 2;
            label[s][t] = id[s][t] % 5 == 4 ? -100 : id[s][t] % 4;
        }
        first[s][i] = (int32_t)tn_rng_below(&r, n), last[s][i] = (int32_t)tn_rng_below(&r, n);
        for (int k = 0; k < 3; k++)
            value[s][i * 3 + k] = (float)(id[s][at] >> k & 1);
        if (of_rows)
            label[s][i] = (int32_t)(start[s][i] % 3);
    }
    return (tn_examples){.n_rows = N,
                         .start = start[s],
                         .ids = id[s],
                         .type_id = type[s],
                         .target = {tn_model_target(m), label[s], value[s], first[s], last[s]},
                         .masking = tn_model_config(m)->task == TN_TASK_MASKED ? &masking : NULL};
}

typedef struct {
    int n_threads;
    const char *isa;
    int32_t n_passes; /* 0: 1 */
    long kill_at;
    bool resume;
} how;

static tn_status train(size_t head, const char *name, how h, tn_err *err)
{
    static const float weight[] = {2, 0.5f, 3};
    static const tn_str names[] = {TN_STR("p"), TN_STR("q"), TN_STR("r"), TN_STR("s")};
    tn_model_options o = {.train = true, .task = heads[head].task, .problem = heads[head].problem, .n_labels = heads[head].n_labels, .label = names};
    tn_engine *e = NULL;
    tn_model *m = NULL;
    tn_train_outcome out;
    tn_recipe r = TN_RECIPE_INIT;
    tn_status st;
    r.epochs = 2, r.batch_size = 6, r.learning_rate = 1e-3, r.weight_decay = 0.01, r.best_by = heads[head].best_by;
    r.n_passes = h.n_passes ? h.n_passes : 1;
    r.class_weight = heads[head].weights ? weight : NULL;
    r.label_smoothing = heads[head].problem == TN_PROBLEM_SINGLE_LABEL || heads[head].task >= TN_TASK_TOKENS ? 0.1 : 0;
    if (heads[head].task == TN_TASK_SPANS)
        r.label_smoothing = 0;
    TN_GO(tn_engine_new(h.n_threads, h.isa, &e, err));
    TN_GO(tn_model_open(e, in_root("tiny", ""), &o, &m, err));
    deadly d = {.inner = tn_learner_of(m), .kill_at = h.kill_at};
    tn_learner l = d.inner;
    l.self = &d, l.backward = deadly_backward, l.logits = deadly_logits, l.params_changed = deadly_changed;
    tn_examples rows = rows_of(m, 0), held = rows_of(m, 1);
    TN_GO(tn_train_run(&(tn_train_job){.learner = &l, .recipe = &r, .train = &rows, .validation = &held, .dir = in_root(name, ""), .resume = h.resume}, &out, err));
    st = tn_model_save(m, in_root(name, "/model"), err);
done:
    tn_model_close(m);
    tn_engine_free(e);
    return st;
}

static void assert_same_file(const char *a, const char *b, const char *part)
{
    tn_file x, y;
    tn_err err;
    ASSERT_OK(tn_file_open(in_root(a, part), &x, &err), &err);
    ASSERT_OK(tn_file_open(in_root(b, part), &y, &err), &err);
    if (x.bytes.len == 0 || x.bytes.len != y.bytes.len || memcmp(x.bytes.ptr, y.bytes.ptr, x.bytes.len) != 0)
        fail_msg("%s%s and %s%s differ", a, part, b, part);
    tn_file_close(&x);
    tn_file_close(&y);
}

static void assert_same_run(const char *a, const char *b)
{
    static const char *const part[] = {"/steps.jsonl", "/evals.jsonl", "/model/model.safetensors", "/checkpoint/state.safetensors"};
    for (size_t i = 0; i < TN_COUNT(part); i++)
        assert_same_file(a, b, part[i]);
}

/* Threads 1 to 4, three instruction sets, one pass a batch or several. */
static void a_run_of_any_head_is_always_the_same(void **state)
{
    static const how machine[] = {{.n_threads = 4, .isa = "ref"}, {.n_threads = 2, .isa = "avx2"}, {.n_threads = 3, .isa = "avx512", .n_passes = 2}, {.n_threads = 1, .n_passes = 4}};
    tn_err err;
    for (size_t h = 0; h < TN_COUNT(heads); h++) {
        ASSERT_OK(train(h, heads[h].name, (how){.n_threads = 1}, &err), &err);
        for (size_t k = 0; k < TN_COUNT(machine); k++) {
            tn_engine *e;
            if (tn_engine_new(1, machine[k].isa, &e, &err) != TN_OK)
                continue; /* a CPU without that set */
            tn_engine_free(e);
            ASSERT_OK(train(h, "other", machine[k], &err), &err);
            assert_same_run(heads[h].name, "other");
        }
    }
}

static int killed(size_t head, how h, useconds_t after)
{
    tn_err err;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit((int)train(head, "killed", h, &err));
    if (after) {
        usleep(after);
        kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* At two steps that are known, then wherever a clock falls, in writes and renames too. TN_KILLS=100 makes so many of each head. */
static void kills_do_not_matter(void **state)
{
    const char *wanted = getenv("TN_KILLS");
    int n = wanted ? atoi(wanted) : 2;
    tn_rng rng = tn_rng_init(12, 0);
    tn_err err;
    for (size_t h = 0; h < TN_COUNT(heads); h++) {
        int n_killed = 0;
        for (int resume = 0; resume < 2; resume++) { /* in the first epoch, which leaves nothing, and in the second */
            int status = killed(h, (how){.n_threads = 3, .kill_at = resume ? 6 : 2, .resume = resume}, 0);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        for (int round = 0; n_killed < n && round < 10 * n; round++) {
            int status = killed(h, (how){.n_threads = 1 + round % 2, .n_passes = 1 + round % 2, .resume = true}, (useconds_t)(1 + tn_rng_below(&rng, 40000)));
            n_killed += WIFSIGNALED(status);
            if (WIFSIGNALED(status))
                continue;
            assert_int_equal(WEXITSTATUS(status), TN_OK); /* it got through: from the beginning again */
            assert_same_run(heads[h].name, "killed");
            ASSERT_OK(tn_file_remove(in_root("killed", ""), &err), &err);
        }
        ASSERT_OK(train(h, "killed", (how){.n_threads = 2, .resume = true}, &err), &err);
        assert_same_run(heads[h].name, "killed");
        ASSERT_OK(tn_file_remove(in_root("killed", ""), &err), &err);
    }
}

static void an_unknown_score_is_named(void **state)
{
    tn_scores s = {.loss = 2};
    double v;
    bool less;
    tn_scores_add(&s, "f1", 0.5, false);
    assert_true(tn_scores_get(&s, "f1", &v, &less) && v == 0.5 && !less);
    assert_true(tn_scores_get(&s, "loss", &v, &less) && v == 2 && less);
    assert_true(tn_scores_get(&s, "log_loss", &v, &less) && v == 2 && less);
    assert_false(tn_scores_get(&s, "f2", &v, &less));
}

static int set_up(void **state)
{
    tiny_params params;
    strcpy(root, "/tmp/tn-targets-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    tiny_params_make(&params);
    tiny_write(&params, in_root("tiny", ""), tiny_config, NULL);
    tiny_params_free(&params);
    return 0;
}

static int tear_down(void **state)
{
    return tn_file_remove(root, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_carry_types_and_targets),
        cmocka_unit_test(bad_targets_are_named_by_row),
        cmocka_unit_test(words_are_hidden_by_their_counter),
        cmocka_unit_test(evaluations_score_what_they_say),
        cmocka_unit_test(an_unknown_score_is_named),
        cmocka_unit_test(a_run_of_any_head_is_always_the_same),
        cmocka_unit_test(kills_do_not_matter),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
