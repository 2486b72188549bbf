#ifndef TN_CODEC_F16_H
#define TN_CODEC_F16_H
/// Half precision and bfloat16, one number at a time. To f32 is exact; from f32 rounds to nearest, ties to even, and
/// overflows to infinity; a NaN stays a NaN.

#include <stdint.h>

float tn_f16_to_f32(uint16_t h);
uint16_t tn_f16_from_f32(float f);
float tn_bf16_to_f32(uint16_t h);
uint16_t tn_bf16_from_f32(float f);

#endif
