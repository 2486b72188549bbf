#include "num/f64.h"

#include "base/rng.h"
#include "test.h"

enum { N = 61, MAX_WIDTH = 92 };

static double next(tn_rng *r)
{
    return tn_rng_f64(r) * 2 - 1;
}

/* Every instruction set returns the plain loop's bits, for every strip and tail. */
static void all_rows_give_the_same_bits(void **state)
{
    static double row[N * MAX_WIDTH], a[N], b[N], got[MAX_WIDTH], want[MAX_WIDTH];
    static uint32_t index[N];
    static float value[N];
    tn_rng rng = tn_rng_init(7, 0);
    for (size_t i = 0; i < N * MAX_WIDTH; i++)
        row[i] = next(&rng);
    for (size_t i = 0; i < N; i++) {
        a[i] = next(&rng);
        b[i] = next(&rng);
        index[i] = (uint32_t)tn_rng_below(&rng, N);
        value[i] = (float)next(&rng);
    }
    for (int isa = TN_ISA_REF; isa <= TN_ISA_AVX512; isa++) {
        if (!tn_isa_has((tn_isa)isa))
            continue;
        const tn_f64_kernels *k = tn_f64_kernels_get((tn_isa)isa);
        for (int width = 4; width <= MAX_WIDTH; width += 4)
            for (int sparse = 0; sparse < 2; sparse++) {
                for (int j = 0; j < width; j++)
                    got[j] = want[j] = a[j % N];
                for (size_t i = 0; i < N; i++)
                    for (int j = 0; j < width; j++)
                        want[j] += (double)value[i] * row[(sparse ? index[i] : i) * (size_t)width + (size_t)j];
                if (sparse)
                    k->sum_sparse(got, width, index, value, N, row);
                else
                    k->sum_dense(got, width, value, N, row);
                assert_memory_equal(got, want, (size_t)width * sizeof *want);
            }
        for (size_t n = 0; n <= N; n++) {
            double lane[8] = {0};
            for (size_t i = 0; i < n; i++)
                lane[i % 8] += a[i] * b[i];
            for (int step = 4; step; step /= 2)
                for (int j = 0; j < step; j++)
                    lane[j] += lane[j + step];
            assert_true(k->dot(a, b, n) == lane[0]);
            for (size_t i = 0; i < N; i++) {
                got[i] = a[i];
                want[i] = i < n ? a[i] + 0.3 * b[i] : a[i];
            }
            k->add(got, 0.3, b, n);
            assert_memory_equal(got, want, N * sizeof *want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_rows_give_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
