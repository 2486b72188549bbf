/* Each row once an epoch, the same order on every call, shards that cover the batch. */
#include "train/batch.h"
#include "test.h"

enum { ROWS = 23 };

static size_t START[ROWS + 1];
static int32_t IDS[ROWS * 4], LABEL[ROWS];

/* Row i holds i % 4 + 1 tokens, all with id i; its label is i % 3. */
static tn_examples make_rows(void)
{
    for (int32_t i = 0; i < ROWS; i++) {
        START[i + 1] = START[i] + (size_t)(i % 4 + 1);
        for (size_t t = START[i]; t < START[i + 1]; t++)
            IDS[t] = i;
        LABEL[i] = i % 3;
    }
    return (tn_examples){.n_rows = ROWS, .start = START, .ids = IDS, .target.label = LABEL};
}

static void an_epoch_holds_each_row_once(void **state)
{
    tn_examples x = make_rows();
    tn_batcher *b;
    tn_err err;
    ASSERT_OK(tn_batcher_new(&x, 3, 5, 4, 1, NULL, &b, &err), &err);
    assert_int_equal(tn_batcher_per_epoch(b), 5);
    int32_t first_of_epoch[2][5];
    for (int epoch = 0; epoch < 2; epoch++) {
        int seen[ROWS] = {0};
        for (int64_t k = 0; k < 5; k++) {
            tn_train_batch out = {0};
            tn_batcher_at(b, epoch * 5 + k, &out);
            assert_int_equal(out.batch.n_rows, k < 4 ? 5 : 3);
            first_of_epoch[epoch][k] = out.batch.ids[0];
            for (int32_t i = 0; i < out.batch.n_rows; i++) {
                int32_t from = out.batch.start[i], row = out.batch.ids[from];
                assert_int_equal(out.batch.start[i + 1] - from, row % 4 + 1);
                assert_int_equal(out.batch.ids[out.batch.start[i + 1] - 1], row);
                assert_int_equal(out.target.label[i], row % 3);
                seen[row]++;
            }
            assert_int_equal(out.shard[0], 0);
            assert_int_equal(out.shard[4], out.batch.n_rows);
            for (int s = 0; s < 4; s++)
                assert_true(out.shard[s] <= out.shard[s + 1]);
        }
        for (int i = 0; i < ROWS; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_memory_not_equal(first_of_epoch[0], first_of_epoch[1], sizeof first_of_epoch[0]);
    tn_batcher_free(b);
}

static void a_step_can_be_asked_for_first(void **state)
{
    tn_examples x = make_rows();
    tn_batcher *walked, *fresh;
    tn_train_batch a = {0}, c = {0};
    tn_err err;
    ASSERT_OK(tn_batcher_new(&x, 3, 4, 2, 9, NULL, &walked, &err), &err);
    for (int64_t k = 0; k <= 13; k++)
        tn_batcher_at(walked, k, &a);
    ASSERT_OK(tn_batcher_new(&x, 3, 4, 2, 9, NULL, &fresh, &err), &err);
    uint64_t before = tn_mem_count();
    tn_batcher_at(fresh, 13, &c);
    assert_int_equal(tn_mem_count(), before);
    assert_int_equal(a.batch.start[a.batch.n_rows], c.batch.start[c.batch.n_rows]);
    assert_memory_equal(a.batch.ids, c.batch.ids, (size_t)a.batch.start[a.batch.n_rows] * sizeof(int32_t));
    tn_batcher_free(fresh);
    ASSERT_OK(tn_batcher_new(&x, 3, 4, 2, 10, NULL, &fresh, &err), &err);
    tn_batcher_at(fresh, 13, &c);
    assert_memory_not_equal(a.target.label, c.target.label, 4 * sizeof(int32_t)); /* another seed, another order */
    tn_batcher_free(walked);
    tn_batcher_free(fresh);
}

static void an_order_from_outside_is_kept(void **state)
{
    tn_examples x = make_rows();
    tn_arena *a = tn_arena_new(0);
    tn_batch_order o;
    tn_batcher *b;
    tn_train_batch out = {0};
    tn_err err;
    ASSERT_OK(tn_batch_order_parse(TN_STR("3 3 7\n22\n"), ROWS, a, &o, &err), &err);
    assert_int_equal(o.n_batches, 2);
    ASSERT_OK(tn_batcher_new(&x, 3, 1, 1, 0, &o, &b, &err), &err);
    tn_batcher_at(b, 2, &out); /* goes round */
    assert_int_equal(out.batch.n_rows, 3);
    assert_int_equal(out.batch.ids[out.batch.start[1]], 3);
    assert_int_equal(out.batch.ids[out.batch.start[2]], 7);
    tn_batcher_at(b, 1, &out);
    assert_int_equal(out.batch.n_rows, 1);
    assert_int_equal(out.batch.ids[0], 22);
    tn_batcher_free(b);
    const char *bad[] = {"", "\n", "1 2\n\n3\n", "1 x\n", "23\n", "-1\n", "1.0\n", "99999999999999999999\n"};
    for (size_t i = 0; i < TN_COUNT(bad); i++)
        ASSERT_FAILS(tn_batch_order_parse(tn_str_of(bad[i]), ROWS, a, &o, &err), TN_EFORMAT, &err);
    tn_arena_free(a);
}

static void bad_rows_are_named(void **state)
{
    tn_examples x = make_rows();
    tn_err err;
    ASSERT_OK(tn_examples_check(&x, TN_TARGET_CLASS, ROWS, 1, 3, 4, &err), &err);
    ASSERT_FAILS(tn_examples_check(&x, TN_TARGET_CLASS, ROWS, 1, 3, 3, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "row 3 has 4 tokens"));
    ASSERT_FAILS(tn_examples_check(&x, TN_TARGET_CLASS, ROWS - 1, 1, 3, 0, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_examples_check(&x, TN_TARGET_CLASS, ROWS, 1, 2, 0, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "row 2 has label 2"));
    START[6] = START[5];
    ASSERT_FAILS(tn_examples_check(&x, TN_TARGET_CLASS, ROWS, 1, 3, 0, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "row 5 has no tokens"));

    x = make_rows();
    tn_batcher *b;
    tn_examples none = {.start = START, .ids = IDS, .target.label = LABEL};
    ASSERT_FAILS(tn_batcher_new(&none, 3, 4, 4, 0, NULL, &b, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_batcher_new(&x, 3, 0, 4, 0, NULL, &b, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_batcher_new(&x, 3, 4, 0, 0, NULL, &b, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_batcher_new(&x, 3, 4, 65, 0, NULL, &b, &err), TN_EINVALID, &err);
    ASSERT_OK(tn_batcher_new(&x, 3, INT32_MAX, 64, 0, NULL, &b, &err), &err); /* one batch holds all */
    assert_int_equal(tn_batcher_per_epoch(b), 1);
    tn_batcher_free(b);
}

static void memory_may_run_out(void **state)
{
    tn_examples x = make_rows();
    tn_status st;
    tn_batcher *b = NULL;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_batcher_new(&x, 3, 5, 4, 1, NULL, &b, NULL));
    tn_batcher_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_holds_each_row_once),
        cmocka_unit_test(a_step_can_be_asked_for_first),
        cmocka_unit_test(an_order_from_outside_is_kept),
        cmocka_unit_test(bad_rows_are_named),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
