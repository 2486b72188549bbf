/* Promises of codec/f16.h, on every 16-bit pattern. */
#include "test.h"

#include "codec/f16.h"

static float f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void every_half_comes_back(void **state)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float f = tn_f16_to_f32((uint16_t)h), b = tn_bf16_to_f32((uint16_t)h);
        if (f == f)
            assert_int_equal(tn_f16_from_f32(f), h);
        else
            assert_true((tn_f16_from_f32(f) & 0x7C00) == 0x7C00 && (tn_f16_from_f32(f) & 0x3FF));
        if (b == b)
            assert_int_equal(tn_bf16_from_f32(b), h);
        else
            assert_true((tn_bf16_from_f32(b) & 0x7F80) == 0x7F80 && (tn_bf16_from_f32(b) & 0x7F));
    }
}

/* Between two neighbours: the middle goes to the even one, anything off it to the nearer. */
static void rounding_is_to_nearest_even(void **state)
{
    for (uint32_t h = 0; h < 0x7BFF; h++) {
        double low = (double)tn_f16_to_f32((uint16_t)h), high = (double)tn_f16_to_f32((uint16_t)(h + 1));
        float mid = (float)((low + high) / 2);
        uint32_t bits;
        memcpy(&bits, &mid, sizeof bits);
        assert_int_equal(tn_f16_from_f32(mid), h + (h & 1));
        assert_int_equal(tn_f16_from_f32(f32(bits - 1)), h);
        assert_int_equal(tn_f16_from_f32(f32(bits + 1)), h + 1);
        assert_int_equal(tn_f16_from_f32(-f32(bits + 1)), 0x8000 | (h + 1));
    }
    static const struct {
        uint32_t f;
        uint16_t half, brain;
    } row[] = {
        {0x3F800000, 0x3C00, 0x3F80}, {0x477FEFFF, 0x7BFF, 0x4780}, /* the last below 65520 */
        {0x477FF000, 0x7C00, 0x4780}, {0x7F800000, 0x7C00, 0x7F80}, {0x7F7FFFFF, 0x7C00, 0x7F80},
        {0x00000001, 0x0000, 0x0000}, {0x80000000, 0x8000, 0x8000}, {0x33000000, 0x0000, 0x3300},
        {0x33000001, 0x0001, 0x3300}, {0x3F808000, 0x3C04, 0x3F80}, {0x3F818000, 0x3C0C, 0x3F82},
        {0x7F800001, 0x7E00, 0x7FC0}, {0x2F000000, 0x0000, 0x2F00},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        assert_int_equal(tn_f16_from_f32(f32(row[i].f)), row[i].half);
        assert_int_equal(tn_bf16_from_f32(f32(row[i].f)), row[i].brain);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(every_half_comes_back),
                                     cmocka_unit_test(rounding_is_to_nearest_even)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
