/* By bit fields, not by conversion instructions: the same on every CPU, subnormals and NaN payloads included. */
#include "codec/f16.h"

#include <string.h>

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

float tn_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3FF;
    if (exponent == 31)
        return from_bits(sign | 0x7F800000 | mantissa << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | mantissa << 13); /* 112 = 127 - 15 */
    float f = (float)mantissa * 0x1p-24f;                                 /* subnormal, exact in f32 */
    return from_bits(sign | to_bits(f));
}

/* Drops `n` low bits of v, to nearest, ties to even. */
static uint32_t round_off(uint32_t v, unsigned n)
{
    uint32_t half = 1u << (n - 1), rest = v & ((1u << n) - 1);
    v >>= n;
    return v + (rest > half || (rest == half && (v & 1)));
}

uint16_t tn_f16_from_f32(float f)
{
    uint32_t u = to_bits(f), sign = u >> 16 & 0x8000, abs = u & 0x7FFFFFFF;
    if (abs > 0x7F800000) /* keep it quiet, and a NaN after cutting */
        return (uint16_t)(sign | 0x7E00 | (abs >> 13 & 0x1FF));
    if (abs >= 0x47800000) /* 65536 and more */
        return (uint16_t)(sign | 0x7C00);
    if (abs >= 0x38800000) /* 2^-14: normal; a carry out of the mantissa raises the exponent, up to infinity */
        return (uint16_t)(sign | round_off(abs - (112u << 23), 13));
    unsigned shift = 126 - (abs >> 23); /* a subnormal's unit is 2^-24 */
    if (shift > 24 + 1)
        return (uint16_t)sign;
    return (uint16_t)(sign | round_off((abs & 0x7FFFFF) | 0x800000, shift));
}

float tn_bf16_to_f32(uint16_t h)
{
    return from_bits((uint32_t)h << 16);
}

uint16_t tn_bf16_from_f32(float f)
{
    uint32_t u = to_bits(f);
    if ((u & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)round_off(u, 16);
}
