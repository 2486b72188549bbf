/* Promises of num/gemm.h: one result for every instruction set, thread count, stride, alignment and cut; near a product
 * in double; shards folded as the header says; the tail in its order. */
#include "test.h"
#include "base/rng.h"
#include "num/gemm.h"

#include <math.h>

static const int isas[] = {TN_ISA_REF, TN_ISA_AVX2, TN_ISA_AVX512};

/* A context and its pool. */
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

/* Room for `rows` rows of `ld` floats, `shift` floats off a 64-byte line, filled with random values that need rounding.
 */
static float *matrix(tn_rng *r, size_t rows, size_t ld, size_t shift)
{
    float *p = tn_mem_alloc_aligned((rows * ld + shift + 1) * sizeof *p, 64);
    assert_non_null(p);
    for (size_t i = 0; i < rows * ld + shift; i++)
        p[i] = (float)(tn_rng_f64(r) * 2 - 1);
    return p + shift;
}

static void matrix_free(float *p, size_t shift)
{
    tn_mem_free(p - shift);
}

static void assert_bits(const float *want, const float *got, size_t rows, size_t n, size_t ld, const char *what)
{
    for (size_t m = 0; m < rows; m++)
        for (size_t j = 0; j < n; j++)
            if (memcmp(&want[m * ld + j], &got[m * ld + j], sizeof *want) != 0)
                fail_msg("%s: element %zu, %zu is %a, wanted %a", what, m, j, (double)got[m * ld + j],
                         (double)want[m * ld + j]);
}

/* A monotone stand-in for GELU, and its derivative's; what they are is the caller's affair. */
static void squash(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + (x[i] < 0 ? -x[i] : x[i]));
}
static void squash_back(const float *dy, const float *x, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (x[i] * x[i] + 0.5f);
}
/* Scales an element by where it is: shows that the hook is told the right place. */
static void scale_by_place(void *ctx, size_t row, size_t col, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= (float)((row * 31 + (col + i) * 7) % *(size_t *)ctx);
}

static const struct shape {
    size_t m, k, n;
} shapes[] = {
    {0, 5, 3},     {1, 1, 1},      {1, 384, 384}, {2, 7, 33},    {5, 33, 31},   {7, 64, 32},
    {13, 100, 65}, {14, 31, 64},   {15, 17, 97},  {16, 384, 96}, {29, 128, 40}, {31, 385, 33},
    {43, 800, 70}, {113, 40, 416}, {150, 50, 17}, {57, 1111, 3},
};

/* Each product of the table, with and without the tail and the starting C, on every instruction set and 1 to 4 threads:
 * the bits of the reference. */
static void test_run_same_bits(void **state)
{
    tn_rng rng = tn_rng_init(1, 1);
    engine ref;
    assert_true(engine_new(TN_ISA_REF, 1, &ref));
    for (size_t t = 0; t < TN_COUNT(shapes); t++) {
        struct shape s = shapes[t];
        size_t lda = s.k + t % 3, ldc = s.n + t % 5, ldw = s.k + t % 2, shift = t % 4;
        float *a = matrix(&rng, s.m, lda, shift), *w = matrix(&rng, s.n, ldw, shift);
        float *bias = matrix(&rng, 1, s.n, shift), *residual = matrix(&rng, s.m, ldc, shift);
        float *start = matrix(&rng, s.m, ldc, shift), *want = matrix(&rng, s.m, ldc, shift);
        float *got = matrix(&rng, s.m, ldc, shift), *pre = matrix(&rng, s.m, ldc, 0);
        float *want_pre = matrix(&rng, s.m, ldc, 0);
        float *storage = matrix(&rng, 1, tn_gemm_pack_floats(TN_GEMM_FORWARD, s.n, s.k), 0);
        float *storage2 = matrix(&rng, 1, tn_gemm_pack_floats(TN_GEMM_FORWARD, s.n, s.k), 0);
        size_t modulus = 11;
        tn_gemm_tail tail = {bias, pre,         ldc,      squash, scale_by_place, &modulus, residual,
                             ldc,  squash_back, residual, ldc};
        tn_gemm_packed b = tn_gemm_pack(ref.g, TN_GEMM_FORWARD, w, ldw, s.n, s.k, storage);
        assert_true(b.k == s.k && b.n == s.n);
        for (int mode = 0; mode < 4; mode++) {
            bool accumulate = mode & 1;
            const tn_gemm_tail *use = mode & 2 ? &tail : NULL;
            memcpy(want, start, s.m * ldc * sizeof *want);
            tail.pre = want_pre;
            tn_gemm_run(ref.g, s.m, a, lda, &b, want, ldc, accumulate, use);
            tail.pre = pre;
            for (int i = 0; i < 3 * 4; i++) {
                engine e;
                if (!engine_new(isas[i / 4], i % 4 + 1, &e))
                    continue;
                char what[128];
                snprintf(what, sizeof what, "%zux%zux%zu, mode %d, isa %d, %d threads", s.m, s.k, s.n, mode, i / 4,
                         i % 4 + 1);
                tn_gemm_packed b2 = tn_gemm_pack(e.g, TN_GEMM_FORWARD, w, ldw, s.n, s.k, storage2);
                assert_memory_equal(storage, storage2, tn_gemm_pack_floats(TN_GEMM_FORWARD, s.n, s.k) * sizeof *w);
                memcpy(got, start, s.m * ldc * sizeof *got);
                tn_gemm_run(e.g, s.m, a, lda, &b2, got, ldc, accumulate, use);
                assert_bits(want, got, s.m, s.n, ldc, what);
                for (size_t m = 0; m < s.m; m++) /* nothing between the rows is written */
                    assert_memory_equal(got + m * ldc + s.n, start + m * ldc + s.n, (ldc - s.n) * sizeof *got);
                if (use)
                    assert_bits(want_pre, pre, s.m, s.n, ldc, what);
                engine_free(&e);
            }
        }
        matrix_free(a, shift), matrix_free(w, shift), matrix_free(bias, shift), matrix_free(residual, shift);
        matrix_free(start, shift), matrix_free(want, shift), matrix_free(got, shift), matrix_free(pre, 0);
        matrix_free(want_pre, 0), matrix_free(storage, 0), matrix_free(storage2, 0);
    }
    engine_free(&ref);
}

/* The layout that the header states, for both uses. */
static void test_pack_layout(void **state)
{
    tn_rng rng = tn_rng_init(1, 2);
    for (size_t t = 0; t < TN_COUNT(isas); t++) {
        engine e;
        if (!engine_new(isas[t], 2, &e))
            continue;
        enum { O = 77, I = 53, LD = 60 };
        float *w = matrix(&rng, O, LD, 1);
        for (int use = TN_GEMM_FORWARD; use <= TN_GEMM_BACKWARD; use++) {
            size_t floats = tn_gemm_pack_floats(use, O, I);
            float *storage = matrix(&rng, 1, floats, 0);
            tn_gemm_packed b = tn_gemm_pack(e.g, use, w, LD, O, I, storage);
            assert_int_equal(b.k, use == TN_GEMM_FORWARD ? I : O);
            assert_int_equal(b.n, use == TN_GEMM_FORWARD ? O : I);
            size_t n_panels = (b.n + TN_GEMM_PANEL - 1) / TN_GEMM_PANEL;
            assert_int_equal(floats, n_panels * TN_GEMM_PANEL * b.k);
            for (size_t n = 0; n < n_panels * TN_GEMM_PANEL; n++)
                for (size_t k = 0; k < b.k; k++) {
                    float want = n >= b.n ? 0.0f : use == TN_GEMM_FORWARD ? w[n * LD + k] : w[k * LD + n];
                    float got = b.data[(n / TN_GEMM_PANEL * b.k + k) * TN_GEMM_PANEL + n % TN_GEMM_PANEL];
                    assert_true(want == got);
                }
            matrix_free(storage, 0);
        }
        matrix_free(w, 1);
        engine_free(&e);
    }
}

/* Higham, "Accuracy and Stability", 3.1: a chain of k FMAs differs by at most gamma_k = k u / (1 - k u) of the sum of
 * absolute products; the double oracle's own error is 2^-29 of that. */
static double bound(size_t k, double sum_abs)
{
    double u = 0x1p-24;
    return (double)k * u / (1 - (double)k * u) * sum_abs * (1 + 1e-6);
}

/* |got - the sum over k of a(k) b(k)| is within the bound; `a`, `b` step by their strides. */
static void assert_near(const float *a, size_t step_a, const float *b, size_t step_b, size_t k, double slack, float got)
{
    double sum = 0, sum_abs = 0;
    for (size_t i = 0; i < k; i++) {
        double p = (double)a[i * step_a] * (double)b[i * step_b];
        sum += p, sum_abs += fabs(p);
    }
    if (!(fabs(sum - (double)got) <= bound(k, sum_abs) + slack))
        fail_msg("%g, in double %g", (double)got, sum);
}

static void test_ref_near_double(void **state)
{
    tn_rng rng = tn_rng_init(1, 3);
    engine e;
    assert_true(engine_new(TN_ISA_REF, 1, &e));
    enum { M = 90, O = 45, I = 70 };
    float *x = matrix(&rng, M, I, 0), *w = matrix(&rng, O, I, 0), *dy = matrix(&rng, M, O, 0);
    float *y = matrix(&rng, M, O, 0), *dx = matrix(&rng, M, I, 0), *dw = matrix(&rng, O, I, 0);
    float *forward = matrix(&rng, 1, tn_gemm_pack_floats(TN_GEMM_FORWARD, O, I), 0);
    float *backward = matrix(&rng, 1, tn_gemm_pack_floats(TN_GEMM_BACKWARD, O, I), 0);
    tn_gemm_packed b = tn_gemm_pack(e.g, TN_GEMM_FORWARD, w, I, O, I, forward);
    tn_gemm_run(e.g, M, x, I, &b, y, O, false, NULL);
    b = tn_gemm_pack(e.g, TN_GEMM_BACKWARD, w, I, O, I, backward);
    tn_gemm_run(e.g, M, dy, O, &b, dx, I, false, NULL);
    const size_t start[] = {0, 30, 30, 77, M};
    tn_gemm_grad(e.g, O, I, dy, O, x, I, &(tn_shards){4, start}, dw, I, false);
    for (size_t m = 0; m < M; m++) {
        for (size_t o = 0; o < O; o++)
            assert_near(x + m * I, 1, w + o * I, 1, I, 0, y[m * O + o]);
        for (size_t i = 0; i < I; i++)
            assert_near(dy + m * O, 1, w + i, I, O, 0, dx[m * I + i]);
    }
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++) /* slack: the fold's two additions */
            assert_near(dy + o, O, x + i, I, M, 2 * 0x1p-24 * M, dw[o * I + i]);
    matrix_free(x, 0), matrix_free(w, 0), matrix_free(dy, 0), matrix_free(y, 0), matrix_free(dx, 0);
    matrix_free(dw, 0), matrix_free(forward, 0), matrix_free(backward, 0);
    engine_free(&e);
}

/* The tail's steps in the header's order, each rounded. */
static void test_tail_order(void **state)
{
    tn_rng rng = tn_rng_init(1, 5);
    engine e;
    assert_true(engine_new(TN_ISA_REF, 1, &e));
    float x = 0.7f, w = 0.3f, c = 0.11f, bias = 0.2f, pre = 0, residual = 0.9f, at = 1.25f;
    float *storage = matrix(&rng, 1, tn_gemm_pack_floats(TN_GEMM_FORWARD, 1, 1), 0);
    size_t modulus = 1000;
    tn_gemm_packed b = tn_gemm_pack(e.g, TN_GEMM_FORWARD, &w, 1, 1, 1, storage);
    tn_gemm_tail tail = {&bias, &pre, 1, squash, scale_by_place, &modulus, &residual, 1, squash_back, &at, 1};
    float want = fmaf(x, w, c) + bias, want_pre = want;
    squash(&want, &want, 1);
    scale_by_place(&modulus, 0, 0, &want, 1);
    want += residual;
    squash_back(&want, &at, &want, 1);
    tn_gemm_run(e.g, 1, &x, 1, &b, &c, 1, true, &tail);
    assert_true(c == want && pre == want_pre);
    matrix_free(storage, 0);
    engine_free(&e);
}

static const struct cut {
    size_t n, start[TN_SHARDS_MAX + 1];
} cuts[] = {
    {1, {0, 0}},
    {1, {0, 1}},
    {1, {0, 50}},
    {1, {0, 900}},
    {2, {0, 20, 41}},
    {4, {0, 11, 23, 37, 50}},
    {4, {0, 500, 500, 700, 1000}},
    {4, {0, 0, 9, 9, 20}},
    {3, {0, 10, 20, 35}},
    {5, {0, 10, 20, 30, 40, 55}},
    {6, {0, 0, 0, 0, 0, 0, 17}},
    {7, {0, 3, 3, 8, 8, 8, 9, 300}},
    {8, {0, 0, 1, 1, 2, 2, 2, 3, 3}},
    {4, {5, 11, 23, 37, 50}}, /* rows before the first shard take no part */
};

/* Every cut of the table, 64 shards of one row, and several shapes: bits of the reference, whose fold is tested below.
 */
static void test_grad_same_bits(void **state)
{
    static const size_t sizes[][2] = {{3, 5}, {14, 32}, {33, 70}, {200, 100}, {20, 420}};
    tn_rng rng = tn_rng_init(1, 4);
    engine ref;
    assert_true(engine_new(TN_ISA_REF, 1, &ref));
    for (size_t t = 0; t < TN_COUNT(sizes) * (TN_COUNT(cuts) + 1); t++) {
        size_t o = sizes[t % TN_COUNT(sizes)][0], i = sizes[t % TN_COUNT(sizes)][1], at = t / TN_COUNT(sizes);
        size_t unit[TN_SHARDS_MAX + 1];
        for (size_t s = 0; s <= TN_SHARDS_MAX; s++)
            unit[s] = s + (s > 40);
        tn_shards shards = {TN_SHARDS_MAX, unit};
        if (at < TN_COUNT(cuts))
            shards = (tn_shards){cuts[at].n, cuts[at].start};
        size_t m = shards.start[shards.n], ldy = o + t % 3, ldx = i + t % 4, ldw = i + t % 2, shift = t % 5;
        float *dy = matrix(&rng, m, ldy, shift), *x = matrix(&rng, m, ldx, shift), *start = matrix(&rng, o, ldw, 0);
        float *want = matrix(&rng, o, ldw, shift), *got = matrix(&rng, o, ldw, shift);
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            memcpy(want, start, o * ldw * sizeof *want);
            tn_gemm_grad(ref.g, o, i, dy, ldy, x, ldx, &shards, want, ldw, accumulate);
            for (int k = 0; k < 3 * 4; k += t % 3 ? 3 : 1) {
                engine e;
                if (!engine_new(isas[k / 4], k % 4 + 1, &e))
                    continue;
                char what[128];
                snprintf(what, sizeof what, "dW %zux%zu, cut %zu, accumulate %d, isa %d, %d threads", o, i, at,
                         accumulate, k / 4, k % 4 + 1);
                memcpy(got, start, o * ldw * sizeof *got);
                tn_gemm_grad(e.g, o, i, dy, ldy, x, ldx, &shards, got, ldw, accumulate);
                assert_bits(want, got, o, i, ldw, what);
                for (size_t r = 0; r < o; r++)
                    assert_memory_equal(got + r * ldw + i, start + r * ldw + i, (ldw - i) * sizeof *got);
                engine_free(&e);
            }
        }
        matrix_free(dy, shift), matrix_free(x, shift), matrix_free(start, 0);
        matrix_free(want, shift), matrix_free(got, shift);
    }
    engine_free(&ref);
}

/* Terms whose sum depends on the order, against the tree written out. */
static void test_grad_fold(void **state)
{
    static const float v[7] = {1e8f, 3.25f, -1e8f, 7.0625f, 0x1p-20f, 1e7f, -5.5f};
    static const float one[7] = {1, 1, 1, 1, 1, 1, 1};
    volatile float s01 = v[0] + v[1], s23 = v[2] + v[3], s45 = v[4] + v[5], s03 = s01 + s23, s46 = s45 + v[6];
    volatile float all = s03 + s46, without_1_2 = v[0] + v[3], sparse = without_1_2 + v[4], added = 0.1f + all;
    const struct {
        const char *name;
        bool accumulate;
        size_t n, start[8];
        float row[7], want;
    } rows[] = {
        {"seven shards of one row",
         false,
         7,
         {0, 1, 2, 3, 4, 5, 6, 7},
         {v[0], v[1], v[2], v[3], v[4], v[5], v[6]},
         all},
        {"the same, accumulated", true, 7, {0, 1, 2, 3, 4, 5, 6, 7}, {v[0], v[1], v[2], v[3], v[4], v[5], v[6]}, added},
        {"absent shards are skipped", false, 5, {0, 1, 1, 1, 2, 3}, {v[0], v[3], v[4]}, sparse},
        {"an absent shard does not turn -0 into 0", false, 2, {0, 0, 1}, {-0.0f}, 0.0f},
        {"no row", false, 2, {0, 0, 0}, {0}, 0.0f},
        {"no row, accumulated", true, 2, {0, 0, 0}, {0}, 0.1f},
    };
    for (size_t t = 0; t < TN_COUNT(isas) * TN_COUNT(rows); t++) {
        engine e;
        if (!engine_new(isas[t / TN_COUNT(rows)], 1, &e))
            continue;
        size_t r = t % TN_COUNT(rows);
        float dw = 0.1f;
        tn_gemm_grad(e.g, 1, 1, rows[r].row, 1, one, 1, &(tn_shards){rows[r].n, rows[r].start}, &dw, 1,
                     rows[r].accumulate);
        assert_bits(&rows[r].want, &dw, 1, 1, 1, rows[r].name);
        engine_free(&e);
    }
}

/* Contexts say no in words; a call allocates nothing. */
static void test_context(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_gemm *g = NULL;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_gemm_new(NULL, TN_ISA_REF, &g, &err));
    float x[6] = {1, 2, 3, 4, 5, 6}, w[6] = {1, 0, 2, 0, 1, 1}, y[4];
    _Alignas(64) float storage[3 * TN_GEMM_PANEL];
    uint64_t before = tn_mem_count();
    tn_gemm_packed b = tn_gemm_pack(g, TN_GEMM_FORWARD, w, 3, 2, 3, storage);
    tn_gemm_run(g, 2, x, 3, &b, y, 2, false, NULL);
    const size_t start[] = {0, 2};
    tn_gemm_grad(g, 2, 3, y, 2, x, 3, &(tn_shards){1, start}, w, 3, false);
    assert_int_equal(tn_mem_count(), before);
    assert_true(y[0] == 7 && y[1] == 5 && y[2] == 16 && y[3] == 11);
    assert_true(w[0] == 71 && w[5] == 81);
    tn_gemm_free(g);
    if (!tn_isa_has(TN_ISA_AVX512))
        ASSERT_FAILS(tn_gemm_new(NULL, TN_ISA_AVX512, &g, &err), TN_EINVALID, &err);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_context),         cmocka_unit_test(test_pack_layout),
        cmocka_unit_test(test_run_same_bits),   cmocka_unit_test(test_grad_same_bits),
        cmocka_unit_test(test_grad_fold),       cmocka_unit_test(test_tail_order),
        cmocka_unit_test(test_ref_near_double),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
