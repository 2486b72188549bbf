/* The specification of the 8-bit product. */
#include "num/gemm_kernel.h"

#include <string.h>

/* Nearest, ties to even: the bits of a float whose last bit is worth one. |x| < 2^22. */
static int32_t round_even(float x)
{
    float y = x + 0x1.8p23f;
    int32_t bits;
    memcpy(&bits, &y, sizeof bits);
    return bits - 0x4b400000;
}

static int32_t clamp(int32_t x)
{
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

void tn_gemm8_ref_quantise(const float *x, size_t k, uint8_t *q, float *scale, int32_t *zero)
{
    float low = 0, high = 0;
    bool finite = true;
    for (size_t i = 0; i < k; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        finite = finite && x[i] - x[i] == 0;
    }
    float range = high - low;
    memset(q, 0, (k + 3) / 4 * 4);
    *zero = 0;
    *scale = 0;
    if (!finite || !(range <= 0x1.fffffep127f)) {
        *scale = __builtin_nanf("");
    } else if (range >= 1e-30f) {
        float inverse = 255.0f / range;
        *scale = range / 255.0f;
        *zero = clamp(round_even(-low * inverse));
        for (size_t i = 0; i < k; i++)
            q[i] = (uint8_t)clamp(round_even(x[i] * inverse) + *zero);
    }
}

void tn_gemm8_ref_run(size_t m0, size_t m1, size_t n0, size_t n1, const tn_gemm8_rows *a, const tn_gemm8_packed *b,
                      float *c, size_t ldc)
{
    size_t k4 = (b->k + 3) / 4;
    for (size_t m = m0; m < m1; m++)
        for (size_t n = n0; n < n1; n++) {
            const uint8_t *q = a->q + m * a->ld;
            const int8_t *column = b->data + (n / TN_GEMM_PANEL * k4 * TN_GEMM_PANEL + n % TN_GEMM_PANEL) * 4;
            int32_t t = 0;
            for (size_t k = 0; k < b->k; k++)
                t += q[k] * column[k / 4 * TN_GEMM_PANEL * 4 + k % 4];
            c[m * ldc + n] = (float)(t - a->zero[m] * b->sum[n]) * (a->scale[m] * b->scale[n]);
        }
}
