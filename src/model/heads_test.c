/* Promises of model.h about every head, on a small random BERT: the same bits whatever the machine does, no allocation in
 * a steady step, a saved folder that is the same model; which head of a folder is kept. */
#include "base/map.h"
#include "model/model.h"

#include <math.h>

#include "tiny_folder.h"

enum { MOST = TINY_TOKENS * TINY_VOCAB };

static const tn_str names[] = {TN_STR("p"), TN_STR("q"), TN_STR("r"), TN_STR("s")};

static const struct head {
    const char *name, *class_name;
    tn_task task;
    tn_problem problem;
    int32_t n_labels;
    tn_target_kind target;
    bool weights;
    double smoothing;
} heads[] = {
    {"one label a row", "BertForSequenceClassification", TN_TASK_SEQUENCE, TN_PROBLEM_UNSET, 4, TN_TARGET_CLASS, true, 0.1},
    {"flags", "BertForSequenceClassification", TN_TASK_SEQUENCE, TN_PROBLEM_MULTI_LABEL, 3, TN_TARGET_FLAGS, true, 0},
    {"one flag", "BertForSequenceClassification", TN_TASK_SEQUENCE, TN_PROBLEM_MULTI_LABEL, 1, TN_TARGET_FLAGS, false, 0},
    {"a value", "BertForSequenceClassification", TN_TASK_SEQUENCE, TN_PROBLEM_REGRESSION, 1, TN_TARGET_VALUES, false, 0},
    {"values", "BertForSequenceClassification", TN_TASK_SEQUENCE, TN_PROBLEM_REGRESSION, 3, TN_TARGET_VALUES, false, 0},
    {"tokens", "BertForTokenClassification", TN_TASK_TOKENS, TN_PROBLEM_UNSET, 4, TN_TARGET_TOKENS, true, 0},
    {"spans", "BertForQuestionAnswering", TN_TASK_SPANS, TN_PROBLEM_UNSET, 0, TN_TARGET_SPANS, false, 0},
    {"hidden words", "BertForMaskedLM", TN_TASK_MASKED, TN_PROBLEM_UNSET, 0, TN_TARGET_TOKENS, false, 0.1},
};

static tn_model *open_head(tn_engine *e, const char *dir, const struct head *h, bool train)
{
    tn_model *m = open_model(e, dir, (tn_model_options){.train = train, .task = h->task, .problem = h->problem, .n_labels = h->n_labels, .label = names, .seed = 3});
    assert_int_equal(tn_model_target(m), h->target);
    return m;
}

/* Every third token is chosen. */
static tn_batch batch_of(int32_t first, int32_t n_rows)
{
    static int32_t start[TINY_ROWS + 1], chosen[TINY_TOKENS];
    tn_batch b = {.n_rows = n_rows,
                  .start = start,
                  .ids = ids + tiny_start[first],
                  .type_id = types + tiny_start[first],
                  .chosen = chosen};
    for (int32_t i = 0; i <= n_rows; i++)
        start[i] = tiny_start[first + i] - tiny_start[first];
    for (int32_t i = tiny_start[first]; i < tiny_start[first + n_rows]; i++)
        if (i % 3 == 0)
            chosen[b.n_chosen++] = i - tiny_start[first];
    return b;
}

static tn_train_batch training_batch(const struct head *h)
{
    static const int32_t shard[] = {0, 2, 2, 5, 7}; /* one of them is empty */
    static int32_t label[TINY_TOKENS], first[TINY_ROWS], last[TINY_ROWS];
    static float value[TINY_ROWS * 3];
    static const float weight[] = {0.5f, 2, 1, 0};
    for (int32_t i = 0; i < TINY_TOKENS; i++)
        label[i] = h->target == TN_TARGET_CLASS ? i % 4 : i % 3 ? -100 : i % (h->task == TN_TASK_MASKED ? TINY_VOCAB : 4);
    for (int32_t i = 0; i < TINY_ROWS * 3; i++)
        value[i] = h->target == TN_TARGET_FLAGS ? (float)(i % 2) : (float)(i % 5) - 1.5f;
    for (int32_t i = 0; i < TINY_ROWS; i++)
        first[i] = i - 1, last[i] = 2 * i;
    return (tn_train_batch){.batch = batch_of(0, TINY_ROWS),
                            .target = {h->target, label, value, first, last},
                            .loss = {h->weights ? weight : NULL, h->smoothing},
                            .n_shards = 4,
                            .shard = shard,
                            .dropout = true,
                            .seed = 5,
                            .step = 3};
}

static uint64_t hash_of(const void *p, size_t n)
{
    return tn_hash64((tn_str){p, n});
}

/* A hash of everything that a training pass gives. */
static uint64_t training_bits(tn_model *m, const tn_train_batch *t)
{
    tn_err err;
    tn_train_result r;
    ASSERT_OK(tn_model_backward(m, t, &r, &err), &err);
    assert_true(isfinite(r.loss) && r.loss > 0 && r.n_counted > 0);
    uint64_t h = hash_of(&r, sizeof r);
    size_t n;
    const tn_param *p = tn_model_params(m, &n);
    for (size_t i = 0; i < n; i++) {
        size_t size = p[i].sparse ? (size_t)(p[i].n_grad_rows * p[i].dim[1]) : p[i].size;
        h = h * 0x9E3779B97F4A7C15u ^ hash_of(p[i].grad, size * sizeof(float));
    }
    return h;
}

static size_t logits_of(tn_model *m, const tn_batch *b, float *out)
{
    tn_err err;
    size_t n = tn_model_n_logits(m, b);
    assert_true(n <= MOST);
    ASSERT_OK(tn_model_logits(m, b, out, &err), &err);
    return n * sizeof *out;
}

static void bits_depend_on_no_thread_and_no_instruction_set(void **state)
{
    static const char *const isa[] = {"ref", "avx2", "avx512"};
    static const int n_threads[] = {1, 2, 3, 4};
    static float first[MOST], got[MOST];
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        uint64_t bits = 0;
        tn_train_batch t = training_batch(&heads[k]);
        for (size_t i = 0; i < TN_COUNT(isa) * TN_COUNT(n_threads); i++) {
            tn_engine *e;
            tn_err err;
            if (tn_engine_new(n_threads[i % 4], isa[i / 4], &e, &err) != TN_OK)
                continue; /* a CPU without it */
            tn_model *m = open_head(e, in_root("tiny"), &heads[k], true);
            tn_batch b = batch_of(0, TINY_ROWS);
            size_t n = logits_of(m, &b, i ? got : first);
            uint64_t now = training_bits(m, &t);
            bits = i ? bits : now;
            if (now != bits || (i && memcmp(got, first, n) != 0))
                fail_msg("%s: %s, %d threads: other bits", heads[k].name, isa[i / 4], n_threads[i % 4]);
            tn_model_close(m);
            tn_engine_free(e);
        }
    }
}

static void a_row_knows_no_other_row(void **state)
{
    static float together[MOST], alone[MOST];
    tn_engine *e = engine(2, NULL);
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        tn_model *m = open_head(e, in_root("tiny"), &heads[k], false);
        tn_batch b = batch_of(0, TINY_ROWS);
        size_t n = logits_of(m, &b, together), at = 0;
        for (int32_t i = 0; i < TINY_ROWS; i++) {
            tn_batch one = batch_of(i, 1);
            at += logits_of(m, &one, alone + at / sizeof *alone);
        }
        assert_int_equal(at, n);
        assert_memory_equal(alone, together, n);
        tn_model_close(m);
    }
    tn_engine_free(e);
}

static void a_steady_step_allocates_nothing(void **state)
{
    static float out[MOST];
    tn_engine *e = engine(2, NULL);
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        tn_model *m = open_head(e, in_root("tiny"), &heads[k], true), *p = open_head(e, in_root("tiny"), &heads[k], false);
        tn_train_batch t = training_batch(&heads[k]);
        tn_batch b = batch_of(0, TINY_ROWS);
        uint64_t before = 0;
        for (int i = 0; i < 8; i++) {
            if (i == 4)
                before = tn_mem_count();
            t.step = (uint64_t)i;
            training_bits(m, &t);
            tn_model_params_changed(m);
            logits_of(p, &b, out);
        }
        assert_int_equal(tn_mem_count() - before, 0);
        tn_model_close(m);
        tn_model_close(p);
    }
    tn_engine_free(e);
}

static void what_is_saved_is_the_same_model(void **state)
{
    static float want[MOST], got[MOST];
    tn_engine *e = engine(1, NULL);
    tn_err err;
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        const struct head *h = &heads[k];
        size_t n_fresh, n;
        tn_batch b = batch_of(0, TINY_ROWS);
        tn_model *m = open_head(e, in_root("tiny"), h, true), *again;
        tn_model_fresh(m, &n_fresh);
        assert_int_equal(n_fresh, h->task == TN_TASK_MASKED ? 5 : 2); /* the folder's own head has other names */
        n = logits_of(m, &b, want);
        ASSERT_OK(tn_model_save(m, in_root("saved"), &err), &err);
        tn_model_close(m);
        ASSERT_OK(tn_model_open(e, in_root("saved"), &(tn_model_options){0}, &again, &err), &err);
        const tn_config *c = tn_model_config(again);
        assert_int_equal(c->task, h->task);
        assert_int_equal(tn_model_target(again), h->target);
        ASSERT_STR(tn_json_str(tn_json_first(tn_json_get(c->json, "architectures"))), h->class_name);
        assert_true(h->n_labels == 0 || tn_str_eq(c->label[h->n_labels - 1], names[h->n_labels - 1]));
        assert_int_equal(tn_json_get(c->json, "id2label") != NULL, h->n_labels > 0);
        tn_model_fresh(again, &n_fresh);
        assert_int_equal(n_fresh, 0);
        tn_model_ignored(again, &n_fresh);
        assert_int_equal(n_fresh, 0);
        assert_int_equal(logits_of(again, &b, got), n);
        assert_memory_equal(got, want, n);
        tn_model_close(again);
        /* The same task takes the head along, another one does not. */
        for (size_t j = 0; j < TN_COUNT(heads); j++) {
            bool same = heads[j].class_name == h->class_name && heads[j].n_labels == h->n_labels && heads[j].target == h->target;
            again = open_head(e, in_root("saved"), &heads[j], false);
            const tn_str *fresh = tn_model_fresh(again, &n_fresh);
            bool drawn = false;
            for (size_t i = 0; i < n_fresh; i++)
                drawn |= !tn_str_starts(fresh[i], "bert.pooler.");
            assert_int_equal(drawn, !same);
            tn_model_close(again);
        }
    }
    tn_engine_free(e);
}

/* 8-bit weights under any head: the same bits whatever the machine does and whoever the batch mates are, and no allocation in a
 * steady call. */
static void a_model_of_bytes_keeps_its_promises(void **state)
{
    static const char *const isa[] = {"ref", "avx2", "avx512"};
    static float first[MOST], got[MOST];
    tn_err err;
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        tn_engine *e = engine(1, NULL);
        tn_model *m = open_head(e, in_root("tiny"), &heads[k], false);
        ASSERT_OK(tn_model_save_in_bytes(m, in_root("bytes"), &err), &err);
        tn_model_close(m);
        tn_engine_free(e);
        size_t n = 0;
        for (int i = 0; i < 3 * 4; i++) {
            if (tn_engine_new(i % 4 + 1, isa[i / 4], &e, &err) != TN_OK)
                continue; /* a CPU without it */
            m = open_head(e, in_root("bytes"), &heads[k], false);
            tn_batch b = batch_of(0, TINY_ROWS);
            n = logits_of(m, &b, i ? got : first);
            for (int again = 0; again < 3; again++) {
                uint64_t before = tn_mem_count();
                logits_of(m, &b, got);
                assert_true(again < 2 || tn_mem_count() == before);
                assert_memory_equal(got, first, n);
            }
            size_t at = 0;
            for (int32_t r = 0; r < TINY_ROWS; r++) {
                tn_batch one = batch_of(r, 1);
                at += logits_of(m, &one, got + at / sizeof *got);
            }
            assert_int_equal(at, n);
            assert_memory_equal(got, first, n);
            tn_model_close(m);
            tn_engine_free(e);
        }
    }
}

static void senseless_heads_and_targets_are_refused(void **state)
{
    static const struct {
        tn_model_options o;
        const char *says;
    } bad[] = {
        {{.task = TN_TASK_SPANS, .n_labels = 2, .label = names}, "neither spans nor hidden words"},
        {{.task = TN_TASK_MASKED, .n_labels = 2, .label = names}, "neither spans nor hidden words"},
        {{.n_labels = 1, .label = names}, "two or more"},
        {{.task = TN_TASK_TOKENS, .n_labels = 1, .label = names}, "two or more"},
    };
    tn_engine *e = engine(1, NULL);
    tn_model *m;
    tn_err err;
    tn_train_result r;
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        ASSERT_FAILS(tn_model_open(e, in_root("tiny"), &bad[i].o, &m, &err), TN_EINVALID, &err);
        assert_non_null(strstr(err.msg, bad[i].says));
    }
    tiny_write(&params, in_root("untied"), "{\"model_type\": \"bert\", \"vocab_size\": 97, \"hidden_size\": 64, \"num_hidden_layers\": 2, "
               "\"num_attention_heads\": 4, \"intermediate_size\": 112, \"max_position_embeddings\": 40, \"tie_word_embeddings\": false}", NULL);
    ASSERT_FAILS(tn_model_open(e, in_root("untied"), &(tn_model_options){.task = TN_TASK_MASKED}, &m, &err), TN_EINVALID, &err);
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        const struct head *h = &heads[k];
        m = open_head(e, in_root("tiny"), h, true);
        tn_train_batch t = training_batch(h);
        float nan[TINY_ROWS * 3] = {NAN};
        int32_t wide[TINY_TOKENS] = {TINY_VOCAB};
        t.target.kind = h->target == TN_TARGET_CLASS ? TN_TARGET_TOKENS : TN_TARGET_CLASS;
        ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
        t.target.kind = h->target;
        t.target.value = nan, t.target.label = wide;
        if (h->target != TN_TARGET_SPANS)
            ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
        t = training_batch(h);
        t.loss.class_weight = (const float[TINY_VOCAB]){-1};
        ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
        t = training_batch(h);
        t.loss.smoothing = 1;
        ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
        t = training_batch(h);
        t.loss.divisor[0] = -1;
        ASSERT_FAILS(tn_model_backward(m, &t, &r, &err), TN_EINVALID, &err);
        t = training_batch(h);
        if (h->target == TN_TARGET_TOKENS) { /* nothing counts: nothing is learnt */
            for (int i = 0; i < TINY_TOKENS; i++)
                wide[i] = -100;
            t.target.label = wide;
            ASSERT_OK(tn_model_backward(m, &t, &r, &err), &err);
            assert_true(r.loss == 0 && r.n_counted == 0);
            size_t n;
            const tn_param *p = tn_model_params(m, &n);
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; !p[i].sparse && j < p[i].size; j++)
                    assert_true(p[i].grad[j] == 0);
        }
        if (h->task != TN_TASK_SEQUENCE) {
            float out[4];
            ASSERT_FAILS(tn_model_predict(m, &TN_STR("x"), 1, out, NULL, &err), TN_EINVALID, &err);
        }
        if (h->task == TN_TASK_MASKED) {
            static float out[MOST];
            tn_batch b = batch_of(0, 1);
            b.chosen = (const int32_t[]){TINY_TOKENS};
            b.n_chosen = 1;
            ASSERT_FAILS(tn_model_logits(m, &b, out, &err), TN_EINVALID, &err);
            b.n_chosen = 0;
            assert_int_equal(logits_of(m, &b, out), 0);
        }
        tn_model_close(m);
    }
    tn_engine_free(e);
}

static void failed_allocations_are_reported(void **state)
{
    tn_engine *e = engine(1, NULL);
    tn_status st;
    tn_err err;
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        tn_model *m = open_head(e, in_root("tiny"), &heads[k], true);
        tn_train_batch t = training_batch(&heads[k]);
        tn_train_result r;
        FOR_EACH_FAILED_ALLOCATION(st, st = tn_model_backward(m, &t, &r, &err));
        tn_model_close(m);
    }
    tn_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_depend_on_no_thread_and_no_instruction_set),
        cmocka_unit_test(a_row_knows_no_other_row),
        cmocka_unit_test(a_steady_step_allocates_nothing),
        cmocka_unit_test(what_is_saved_is_the_same_model),
        cmocka_unit_test(a_model_of_bytes_keeps_its_promises),
        cmocka_unit_test(senseless_heads_and_targets_are_refused),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
