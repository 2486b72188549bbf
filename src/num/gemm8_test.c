/* Promises of num/gemm8.h: the formulas, the same bits for every instruction set, thread count and batch, and how far a
 * product may be from the f32 one. */
#include "test.h"
#include "base/rng.h"
#include "num/gemm8.h"
#include "num/gemm_kernel.h"

#include <math.h>

static const int isas[] = {TN_ISA_REF, TN_ISA_AVX2, TN_ISA_AVX512};

typedef struct {
    tn_pool *pool;
    tn_gemm *g;
} engine;

static bool engine_new(int isa, int n_threads, engine *e)
{
    tn_err err = TN_ERR_INIT;
    if (!tn_isa_has(isa))
        return false;
    ASSERT_OK(tn_pool_new(n_threads, &e->pool, &err), &err);
    ASSERT_OK(tn_gemm_new(e->pool, isa, &e->g, &err), &err);
    return true;
}

static void engine_free(engine *e)
{
    tn_gemm_free(e->g);
    tn_pool_free(e->pool);
}

static void *room(size_t n)
{
    void *p = tn_mem_alloc_aligned(n + 64, 64);
    assert_non_null(p);
    memset(p, 0xee, n + 64);
    return p;
}

static float *random_matrix(tn_rng *r, size_t n, double centre)
{
    float *p = room(n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(tn_rng_f64(r) * 4 - 2 + centre);
    return p;
}

/* Packed weights and quantised rows of one product. */
typedef struct {
    size_t m, k, n;
    float *x, *w;
    void *storage;
    float *scratch;
    tn_gemm8_packed b;
    tn_gemm8_rows a;
} product;

static void product_make(product *p, const engine *e, tn_rng *r, size_t m, size_t k, size_t n)
{
    *p = (product){.m = m, .k = k, .n = n, .x = random_matrix(r, m * k, 0.7), .w = random_matrix(r, n * k, 0)};
    int8_t *q = room(n * k);
    float *scale = room(n * sizeof *scale);
    assert_true(tn_gemm8_quantise_weight(p->w, n, k, q, scale));
    p->storage = room(tn_gemm8_pack_bytes(n, k));
    p->b = tn_gemm8_pack(e->g, q, scale, n, k, p->storage);
    assert_true(p->b.k == k && p->b.n == n);
    p->scratch = room(tn_gemm8_rows_floats(m, k) * sizeof(float));
    p->a = tn_gemm8_rows_in(p->scratch, m, k);
    tn_gemm8_quantise(e->g, m, k, p->x, k, &p->a);
    tn_mem_free(q);
    tn_mem_free(scale);
}

static void product_free(product *p)
{
    tn_mem_free(p->x);
    tn_mem_free(p->w);
    tn_mem_free(p->storage);
    tn_mem_free(p->scratch);
}

static const struct shape {
    size_t m, k, n;
} shapes[] = {{0, 5, 3},    {1, 1, 1},     {1, 384, 384}, {2, 7, 33},    {5, 33, 31},   {7, 64, 32},
              {13, 100, 65}, {14, 31, 64}, {15, 18, 97},  {16, 384, 96}, {29, 131, 40}, {113, 40, 416}};

static void squash(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + (x[i] < 0 ? -x[i] : x[i]));
}

static void test_same_bits(void **state)
{
    tn_rng rng = tn_rng_init(8, 1);
    engine ref;
    assert_true(engine_new(TN_ISA_REF, 1, &ref));
    for (size_t t = 0; t < TN_COUNT(shapes); t++) {
        product p;
        product_make(&p, &ref, &rng, shapes[t].m, shapes[t].k, shapes[t].n);
        size_t size = p.m * p.n;
        float *want = room(size * sizeof *want), *got = room(size * sizeof *got), *bias = random_matrix(&rng, p.n, 0);
        float *residual = random_matrix(&rng, size, 0);
        tn_gemm_tail tail = {.bias = bias, .activation = squash, .residual = residual, .ld_residual = p.n};
        tn_gemm8_run(ref.g, p.m, &p.a, &p.b, want, p.n, &tail);
        for (int i = 0; i < 3 * 4; i++) {
            engine e;
            if (!engine_new(isas[i / 4], i % 4 + 1, &e))
                continue;
            float *scratch = room(tn_gemm8_rows_floats(p.m, p.k) * sizeof(float));
            tn_gemm8_rows a = tn_gemm8_rows_in(scratch, p.m, p.k);
            tn_gemm8_quantise(e.g, p.m, p.k, p.x, p.k, &a);
            for (size_t m = 0; m < p.m; m++) {
                assert_memory_equal(&a.scale[m], &p.a.scale[m], sizeof *a.scale);
                assert_int_equal(a.zero[m], p.a.zero[m]);
                assert_memory_equal(a.q + m * a.ld, p.a.q + m * p.a.ld, (p.k + 3) / 4 * 4);
            }
            tn_gemm8_run(e.g, p.m, &a, &p.b, got, p.n, &tail);
            if (memcmp(want, got, size * sizeof *got) != 0)
                fail_msg("%zux%zux%zu, isa %d, %d threads: other bits", p.m, p.k, p.n, i / 4, i % 4 + 1);
            tn_mem_free(scratch);
            engine_free(&e);
        }
        tn_mem_free(want);
        tn_mem_free(got);
        tn_mem_free(bias);
        tn_mem_free(residual);
        product_free(&p);
    }
    engine_free(&ref);
}

/* Every build of the tile that this CPU can run, whichever would be chosen. */
static void test_every_tile(void **state)
{
#if defined(__x86_64__)
    const tn_gemm8_kernels *all[] = {tn_isa_has(TN_ISA_AVX2) ? &tn_gemm8_avx2 : NULL, tn_gemm8_kernels_get(TN_ISA_AVX2),
                                     tn_gemm8_kernels_get(TN_ISA_AVX512)};
    tn_rng rng = tn_rng_init(8, 2);
    engine e;
    assert_true(engine_new(TN_ISA_REF, 1, &e));
    for (size_t i = 0; i < TN_COUNT(all); i++) {
        if (!all[i] || !tn_isa_has(i == 2 ? TN_ISA_AVX512 : TN_ISA_AVX2))
            continue;
        for (size_t rows = 1; rows <= all[i]->max_rows; rows++) {
            product p;
            product_make(&p, &e, &rng, rows, 37, 32);
            float want[TN_GEMM_TILE], got[TN_GEMM_TILE];
            tn_gemm8_ref_run(0, rows, 0, 32, &p.a, &p.b, want, 32);
            tn_gemm8_ends ends = {p.a.scale, p.a.zero, p.b.scale, p.b.sum, got, 32};
            all[i]->tile(rows, 10, p.a.q, p.a.ld, p.b.data, &ends);
            assert_memory_equal(want, got, rows * 32 * sizeof *got);
            product_free(&p);
        }
    }
    engine_free(&e);
#endif
}

/* The largest sums that may be: all bytes at their ends, k at its limit. */
static void test_no_overflow(void **state)
{
    enum { K = TN_GEMM8_MAX_K };
    float *x = room(K * sizeof *x), *w = room(K * sizeof *w), y;
    for (size_t k = 0; k < K; k++)
        x[k] = 255, w[k] = 127;
    for (int i = 0; i < 3; i++) {
        engine e;
        product p = {.m = 1};
        int8_t *q = room(K);
        float scale;
        if (!engine_new(isas[i], 1, &e))
            continue;
        assert_true(tn_gemm8_quantise_weight(w, 1, K, q, &scale));
        assert_true(scale == 1 && q[K - 1] == 127);
        p.storage = room(tn_gemm8_pack_bytes(1, K));
        p.b = tn_gemm8_pack(e.g, q, &scale, 1, K, p.storage);
        p.scratch = room(tn_gemm8_rows_floats(1, K) * sizeof(float));
        p.a = tn_gemm8_rows_in(p.scratch, 1, K);
        tn_gemm8_quantise(e.g, 1, K, x, K, &p.a);
        tn_gemm8_run(e.g, 1, &p.a, &p.b, &y, 1, NULL);
        assert_true(y == (float)(255.0 * 127 * K));
        tn_mem_free(q);
        product_free(&p);
        engine_free(&e);
    }
    tn_mem_free(x);
    tn_mem_free(w);
}

/* Within half a step of each operand, and of both. */
static void test_near_f32(void **state)
{
    tn_rng rng = tn_rng_init(8, 3);
    engine e;
    product p;
    assert_true(engine_new(TN_ISA_REF, 1, &e));
    product_make(&p, &e, &rng, 9, 200, 21);
    float *y = room(p.m * p.n * sizeof *y);
    tn_gemm8_run(e.g, p.m, &p.a, &p.b, y, p.n, NULL);
    for (size_t m = 0; m < p.m; m++)
        for (size_t n = 0; n < p.n; n++) {
            double exact = 0, bound = 0, sx = p.a.scale[m], sw = p.b.scale[n];
            for (size_t k = 0; k < p.k; k++) {
                double x = p.x[m * p.k + k], w = p.w[n * p.k + k];
                exact += x * w;
                /* the zero point is rounded too: an element may be off by one step */
                bound += fabs(w) * sx + fabs(x) * sw / 2 + sx * sw / 2;
            }
            if (fabs(exact - y[m * p.n + n]) > bound)
                fail_msg("%g, exactly %g, bound %g", (double)y[m * p.n + n], exact, bound);
        }
    tn_mem_free(y);
    product_free(&p);
    engine_free(&e);
}

/* ---- rows by hand ---- */

static const struct {
    const char *what;
    float x[5];
    float scale;
    int32_t zero;
    uint8_t q[8];
} rows[] = {
    {"from 0 to 255", {0, 1, 2, 254, 255}, 1, 0, {0, 1, 2, 254, 255}},
    {"both signs", {-55, 0, 100, 200, -1}, 1, 55, {0, 55, 155, 255, 54}},
    {"ties go to even", {0.5f, 1.5f, 2.5f, 255, 0}, 1, 0, {0, 2, 2, 255, 0}},
    {"0 is always in the range", {255, 255, 255, 255, 255}, 1, 0, {255, 255, 255, 255, 255}},
    {"all below 0", {-255, -255, -254, -1, -255}, 1, 255, {0, 0, 1, 254, 0}},
    {"both ends round up: clamped", {127.5f, -127.5f, 0, 0, 0}, 1, 128, {255, 0, 128, 128, 128}},
    {"zeros", {0, -0.0f, 0, 0, 0}, 0, 0, {0}},
    {"too small to divide by", {1e-31f, 0, 0, 0, 0}, 0, 0, {0}},
    {"an infinity", {1, INFINITY, 0, 0, 0}, NAN, 0, {0}},
    {"a NaN", {1, NAN, 0, 0, 0}, NAN, 0, {0}},
    {"a range that overflows", {3e38f, -3e38f, 0, 0, 0}, NAN, 0, {0}},
};

static void test_rows(void **state)
{
    for (size_t t = 0; t < TN_COUNT(rows); t++)
        for (int i = 0; i < 3; i++) {
            engine e;
            if (!engine_new(isas[i], 1, &e))
                continue;
            float *scratch = room(tn_gemm8_rows_floats(1, 5) * sizeof(float));
            tn_gemm8_rows a = tn_gemm8_rows_in(scratch, 1, 5);
            tn_gemm8_quantise(e.g, 1, 5, rows[t].x, 5, &a);
            bool same = isnan(rows[t].scale) ? isnan(a.scale[0]) : a.scale[0] == rows[t].scale;
            if (!same || a.zero[0] != rows[t].zero || memcmp(a.q, rows[t].q, 8) != 0)
                fail_msg("%s, isa %d: scale %g, zero %d, %d %d %d %d %d", rows[t].what, i, (double)a.scale[0], a.zero[0],
                         a.q[0], a.q[1], a.q[2], a.q[3], a.q[4]);
            tn_mem_free(scratch);
            engine_free(&e);
        }
}

static const struct {
    const char *what;
    float w[4];
    bool ok;
    float scale;
    int8_t q[4];
} weights[] = {
    {"the largest is 127", {-254, 127, 1, 2}, true, 2, {-127, 64, 0, 1}},
    {"zeros", {0, 0, 0, 0}, true, 0, {0, 0, 0, 0}},
    {"an infinity", {0, 0, -INFINITY, 0}, false, 0, {0}},
    {"a NaN", {NAN, 0, 0, 0}, false, 0, {0}},
};

static void test_weights(void **state)
{
    for (size_t t = 0; t < TN_COUNT(weights); t++) {
        int8_t q[4];
        float scale;
        bool ok = tn_gemm8_quantise_weight(weights[t].w, 1, 4, q, &scale);
        if (ok != weights[t].ok || (ok && (scale != weights[t].scale || memcmp(q, weights[t].q, 4) != 0)))
            fail_msg("%s: %d, %g, %d %d %d %d", weights[t].what, ok, (double)scale, q[0], q[1], q[2], q[3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_every_tile), cmocka_unit_test(test_no_overflow),
        cmocka_unit_test(test_near_f32),  cmocka_unit_test(test_rows),       cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
