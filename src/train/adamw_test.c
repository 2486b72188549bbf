/* The update against torch's numbers; a lazy table against a dense one, byte for byte; threads. */
#include "train/adamw.h"
#include "base/rng.h"
#include "train/golden_test.h"

#include <math.h>

static float uniform(tn_rng *r)
{
    return (float)(2 * tn_rng_f64(r) - 1);
}

static void to_floats(const golden_line *l, float *out)
{
    for (int i = 0; i < l->n; i++)
        out[i] = (float)l->number[i];
}

static void the_update_is_torchs(void **state)
{
    tn_file f;
    tn_err err;
    tn_engine *e;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_file_open("tests/data/adamw-torch.txt", &f, &err), &err);
    tn_str rest = tn_str_from_bytes(f.bytes);
    golden_line l;
    tn_adamw_state *o = NULL;
    float w[8], g[8], clip = 1;
    double lr = 0, max_norm = 0, worst = 0;
    int n_weights = 0;
    tn_param p[2] = {
        {.name = TN_STR("a.weight"), .n_dims = 1, .dim = {5}, .size = 5, .value = w, .grad = g, .decay = true},
        {.name = TN_STR("a.bias"), .n_dims = 1, .dim = {3}, .size = 3, .value = w + 5, .grad = g + 5},
    };
    while (golden_next(&rest, &l)) {
        if (tn_str_is(l.word, "adamw")) {
            tn_adamw_options options = TN_ADAMW_INIT;
            options.weight_decay = l.number[0];
            max_norm = l.number[1];
            tn_adamw_free(o);
            ASSERT_OK(tn_adamw_new(e, p, 2, &options, 0, &o, &err), &err); /* room for rates grows */
        } else if (tn_str_is(l.word, "start")) {
            to_floats(&l, w);
        } else if (tn_str_is(l.word, "lr")) {
            lr = l.number[0];
        } else if (tn_str_is(l.word, "grad")) {
            to_floats(&l, g);
        } else if (tn_str_is(l.word, "norm")) {
            double norm = tn_adamw_grad_norm(o);
            assert_true(fabs(norm - l.number[0]) <= 2e-7 * norm);
            clip = tn_adamw_clip(norm, max_norm);
        } else if (tn_str_is(l.word, "weight")) {
            ASSERT_OK(tn_adamw_step(o, lr, clip, &err), &err);
            for (int i = 0; i < 8; i++)
                worst = fmax(worst, fabs(w[i] - l.number[i]) / fabs(l.number[i]));
            n_weights++;
        } else {
            break;
        }
    }
    assert_int_equal(n_weights, 18);
    if (worst > 3e-7) /* two or three roundings of f32 */
        fail_msg("largest relative distance to torch %g", worst);
    tn_adamw_free(o);
    tn_engine_free(e);
    tn_file_close(&f);
}

static void clipping_is_torchs(void **state)
{
    assert_true(tn_adamw_clip(0, 1) == 1);
    assert_true(tn_adamw_clip(0.5, 1) == 1);
    assert_true(tn_adamw_clip(2, 1) == (float)(1 / (2 + 1e-6)));
    assert_true(tn_adamw_clip(1, 1) == (float)(1 / (1 + 1e-6))); /* the epsilon clips at equality, too */
    assert_true(tn_adamw_clip(1e30, 0) == 1);                    /* 0: off */
}

/* ---- a lazy table beside a dense one ---- */

enum { V = 40, C = 19, MOST = 8 };

typedef struct {
    tn_param p[2]; /* the table, and a dense parameter */
    float table[V * C], table_grad[V * C], dense[C], dense_grad[C];
    int32_t row[V];
    tn_adamw_state *o;
} side;

static void make_side(side *s, tn_engine *e, bool sparse, double weight_decay)
{
    tn_rng r = tn_rng_init(5, 0);
    tn_err err;
    tn_adamw_options options = TN_ADAMW_INIT;
    options.weight_decay = weight_decay;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < V * C; i++)
        s->table[i] = uniform(&r);
    s->table[3] = -0.0f; /* a zero keeps its sign */
    s->p[0] = (tn_param){.name = TN_STR("table"),
                         .n_dims = 2,
                         .dim = {V, C},
                         .size = V * C,
                         .value = s->table,
                         .decay = true,
                         .grad = s->table_grad,
                         .sparse = sparse,
                         .grad_row = s->row};
    s->p[1] = (tn_param){.name = TN_STR("dense"),
                         .n_dims = 1,
                         .dim = {C},
                         .size = C,
                         .value = s->dense,
                         .decay = false,
                         .grad = s->dense_grad};
    ASSERT_OK(tn_adamw_new(e, s->p, 2, &options, 64, &s->o, &err), &err);
}

/* The same random gradient on a few rows of both sides. Row 7 is never drawn, row 5 only in the first step. */
static void draw_gradients(tn_rng *r, int step, side *lazy, side *dense)
{
    int32_t n = 0;
    memset(dense->table_grad, 0, sizeof dense->table_grad);
    for (int32_t row = 0; row < V; row++) {
        bool has = row == 5 ? step == 0 : row != 7 && tn_rng_below(r, 12) == 0;
        if (!has)
            continue;
        lazy->row[n] = row;
        for (int c = 0; c < C; c++)
            lazy->table_grad[n * C + c] = dense->table_grad[row * C + c] = uniform(r);
        n++;
    }
    lazy->p[0].n_grad_rows = n;
    for (int c = 0; c < C; c++)
        lazy->dense_grad[c] = dense->dense_grad[c] = uniform(r);
}

static void assert_row_equal(const side *a, const side *b, int32_t row, int step)
{
    if (memcmp(a->table + row * C, b->table + row * C, C * sizeof(float)) != 0)
        fail_msg("step %d: row %d differs", step, row);
}

static void run_both(double weight_decay, int n_threads, float *out)
{
    static side lazy, dense;
    tn_engine *e;
    tn_err err;
    ASSERT_OK(tn_engine_new(n_threads, NULL, &e, &err), &err);
    make_side(&lazy, e, true, weight_decay);
    make_side(&dense, e, false, weight_decay);
    tn_rng r = tn_rng_init(6, 0);
    for (int step = 0; step < 50; step++) {
        double lr = 0.01 * (50 - step) / 50;
        int32_t ids[4] = {(int32_t)tn_rng_below(&r, V), 7, 0, 0}; /* read without a gradient, one twice */
        ids[2] = ids[0];
        draw_gradients(&r, step, &lazy, &dense);
        tn_adamw_catch_up(lazy.o, lazy.row, (size_t)lazy.p[0].n_grad_rows);
        if (step % 3 == 0) {
            tn_adamw_catch_up(lazy.o, ids, TN_COUNT(ids));
            for (size_t i = 0; i < TN_COUNT(ids); i++)
                assert_row_equal(&lazy, &dense, ids[i], step);
        }
        for (int32_t i = 0; i < lazy.p[0].n_grad_rows; i++)
            assert_row_equal(&lazy, &dense, lazy.row[i], step);
        ASSERT_OK(tn_adamw_step(lazy.o, lr, 0.7f, &err), &err);
        ASSERT_OK(tn_adamw_step(dense.o, lr, 0.7f, &err), &err);
    }
    assert_memory_not_equal(lazy.table, dense.table, sizeof lazy.table);
    tn_adamw_catch_up_all(lazy.o);
    assert_memory_equal(lazy.table, dense.table, sizeof lazy.table);
    assert_memory_equal(lazy.dense, dense.dense, sizeof lazy.dense);
    tn_adamw_moments a = tn_adamw_moments_of(lazy.o, 0), b = tn_adamw_moments_of(dense.o, 0);
    assert_true(a.n_rows < V && a.width == C);
    for (size_t i = 0; i < a.n_rows; i++) {
        assert_memory_equal(a.m + i * C, b.m + a.row[i] * C, C * sizeof(float));
        assert_memory_equal(a.v + i * C, b.v + a.row[i] * C, C * sizeof(float));
    }
    memcpy(out, lazy.table, sizeof lazy.table);
    tn_adamw_free(lazy.o);
    tn_adamw_free(dense.o);
    tn_engine_free(e);
}

static void a_lazy_table_equals_a_dense_one(void **state)
{
    static float one[V * C], more[V * C];
    for (int decay = 0; decay < 2; decay++) {
        run_both(decay ? 0.1 : 0, 1, one);
        run_both(decay ? 0.1 : 0, 2, more);
        assert_memory_equal(one, more, sizeof one);
        run_both(decay ? 0.1 : 0, 4, more);
        assert_memory_equal(one, more, sizeof one);
    }
}

static void finish_gives_first_values_back(void **state)
{
    static side s;
    static float first[V * C];
    tn_engine *e;
    tn_err err;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    make_side(&s, e, true, 0);
    memcpy(first, s.table, sizeof first);
    s.p[0].n_grad_rows = 2;
    s.row[0] = 4, s.row[1] = 9;
    for (int c = 0; c < 2 * C; c++)
        s.table_grad[c] = 1;
    ASSERT_OK(tn_adamw_step(s.o, 0.1, 1, &err), &err);
    ASSERT_OK(tn_adamw_step(s.o, 0.1, 1, &err), &err);
    assert_memory_not_equal(s.table + 4 * C, first + 4 * C, C * sizeof(float));
    assert_memory_equal(s.table + 5 * C, first + 5 * C, C * sizeof(float));
    tn_adamw_finish(s.o);
    assert_memory_equal(s.table, first, sizeof first);
    tn_adamw_free(s.o);
    tn_engine_free(e);
}

static void large_parameters_and_threads(void **state)
{
    enum { N = 100003 };
    float *w[2], *g = tn_mem_alloc(N * sizeof(float)), *start = tn_mem_alloc(N * sizeof(float));
    double norm[2];
    tn_err err;
    tn_rng r = tn_rng_init(1, 1);
    for (int i = 0; i < N; i++)
        g[i] = uniform(&r), start[i] = uniform(&r);
    for (int k = 0; k < 2; k++) {
        tn_engine *e;
        tn_adamw_state *o;
        tn_adamw_options options = TN_ADAMW_INIT;
        w[k] = tn_mem_alloc(N * sizeof(float));
        memcpy(w[k], start, N * sizeof(float));
        tn_param p = {.name = TN_STR("p"), .n_dims = 1, .dim = {N}, .size = N, .value = w[k], .decay = true, .grad = g};
        ASSERT_OK(tn_engine_new(k ? 3 : 1, NULL, &e, &err), &err);
        ASSERT_OK(tn_adamw_new(e, &p, 1, &options, 8, &o, &err), &err);
        norm[k] = tn_adamw_grad_norm(o);
        uint64_t before = tn_mem_count();
        for (int step = 0; step < 3; step++)
            ASSERT_OK(tn_adamw_step(o, 1e-3, tn_adamw_clip(norm[k], 1), &err), &err);
        assert_int_equal(tn_mem_count(), before); /* no allocation in a steady step */
        tn_adamw_free(o);
        tn_engine_free(e);
    }
    double wanted = 0;
    for (int i = 0; i < N; i++)
        wanted += (double)g[i] * g[i];
    assert_true(fabs(norm[0] - sqrt(wanted)) < 1e-12 * norm[0]);
    assert_true(norm[0] == norm[1]);
    assert_memory_equal(w[0], w[1], N * sizeof(float));
    tn_mem_free(w[0]);
    tn_mem_free(w[1]);
    tn_mem_free(g);
    tn_mem_free(start);
}

static void memory_may_run_out(void **state)
{
    static side s;
    tn_engine *e;
    tn_err err;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    make_side(&s, e, true, 0);
    tn_adamw_free(s.o);
    tn_status st;
    tn_adamw_options options = TN_ADAMW_INIT;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_adamw_new(e, s.p, 2, &options, 4, &s.o, NULL));
    tn_adamw_free(s.o);
    tn_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_update_is_torchs),
        cmocka_unit_test(clipping_is_torchs),
        cmocka_unit_test(a_lazy_table_equals_a_dense_one),
        cmocka_unit_test(finish_gives_first_values_back),
        cmocka_unit_test(large_parameters_and_threads),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
