/* Tiles of up to 14 x 32 on AVX-512 VNNI: as the f32 tile, with four products a lane and step. */
#include "num/gemm_kernel.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum {
    ROWS = 14,
    STEP = TN_GEMM_PANEL * 4, /* bytes of a panel for four k */
    AHEAD = 8 * STEP,
};

/* sum + a · b, four bytes a lane. Not the intrinsic: gcc 12 copies its sums to and fro, and spills a third of them. */
INLINE __m512i dot(__m512i sum, __m512i a, __m512i b)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

INLINE void tile_of(size_t rows, size_t k4, const uint8_t *a, size_t ld_a, const int8_t *b, const tn_gemm8_ends *e)
{
    __m512i sum[ROWS][2];
    UNROLL for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm512_setzero_si512();
    const uint8_t *row[(ROWS + 2) / 3]; /* every third: the two between are one and two strides away */
    UNROLL for (size_t i = 0; i < rows; i += 3) row[i / 3] = a + i * ld_a;
    for (; k4 > 0; k4--, b += STEP) {
        __m512i b0 = _mm512_load_si512(b), b1 = _mm512_load_si512(b + 64);
        _mm_prefetch((const char *)b + AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)b + AHEAD + 64, _MM_HINT_T0);
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            int32_t four;
            memcpy(&four, row[i / 3] + i % 3 * ld_a, sizeof four);
            __m512i ai = _mm512_set1_epi32(four);
            sum[i][0] = dot(sum[i][0], ai, b0);
            sum[i][1] = dot(sum[i][1], ai, b1);
        }
        UNROLL for (size_t i = 0; i < rows; i += 3) row[i / 3] += 4;
    }
    UNROLL for (int v = 0; v < 2; v++)
    {
        __m512i sums = _mm512_loadu_si512(e->sum + 16 * v);
        __m512 scale = _mm512_loadu_ps(e->scale + 16 * v);
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            __m512i t = _mm512_sub_epi32(sum[i][v], _mm512_mullo_epi32(_mm512_set1_epi32(e->row_zero[i]), sums));
            __m512 s = _mm512_mul_ps(_mm512_set1_ps(e->row_scale[i]), scale);
            _mm512_storeu_ps(e->out + i * e->ld_out + 16 * v, _mm512_mul_ps(_mm512_cvtepi32_ps(t), s));
        }
    }
}

static void tile(size_t rows, size_t k4, const uint8_t *a, size_t ld_a, const int8_t *b, const tn_gemm8_ends *e)
{
    switch (rows) {
    case 1: tile_of(1, k4, a, ld_a, b, e); break;
    case 2: tile_of(2, k4, a, ld_a, b, e); break;
    case 3: tile_of(3, k4, a, ld_a, b, e); break;
    case 4: tile_of(4, k4, a, ld_a, b, e); break;
    case 5: tile_of(5, k4, a, ld_a, b, e); break;
    case 6: tile_of(6, k4, a, ld_a, b, e); break;
    case 7: tile_of(7, k4, a, ld_a, b, e); break;
    case 8: tile_of(8, k4, a, ld_a, b, e); break;
    case 9: tile_of(9, k4, a, ld_a, b, e); break;
    case 10: tile_of(10, k4, a, ld_a, b, e); break;
    case 11: tile_of(11, k4, a, ld_a, b, e); break;
    case 12: tile_of(12, k4, a, ld_a, b, e); break;
    case 13: tile_of(13, k4, a, ld_a, b, e); break;
    case 14: tile_of(14, k4, a, ld_a, b, e); break;
    }
}

INLINE __mmask16 first(size_t n)
{
    return (__mmask16)(n < 16 ? (1u << n) - 1 : 0xffff);
}

static void quantise(const float *x, size_t k, uint8_t *q, float *scale, int32_t *zero)
{
    __m512 low = _mm512_setzero_ps(), high = low;
    __m512i most = _mm512_setzero_si512(), magnitude = _mm512_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < k; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(first(k - i), x + i);
        low = _mm512_min_ps(v, low);
        high = _mm512_max_ps(v, high);
        most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(v), magnitude));
    }
    float range = _mm512_reduce_max_ps(high) - _mm512_reduce_min_ps(low);
    size_t n = (k + 3) / 4 * 4;
    *zero = 0;
    if (_mm512_reduce_max_epi32(most) >= 0x7f800000 || !(range <= 0x1.fffffep127f) || !(range >= 1e-30f)) {
        *scale = _mm512_reduce_max_epi32(most) < 0x7f800000 && range < 1e-30f ? 0 : __builtin_nanf("");
        memset(q, 0, n);
        return;
    }
    __m512 inverse = _mm512_set1_ps(255.0f / range);
    *scale = range / 255.0f;
    int32_t z = _mm_cvtss_si32(_mm_mul_ss(_mm_set_ss(-_mm512_reduce_min_ps(low)), _mm512_castps512_ps128(inverse)));
    *zero = z > 255 ? 255 : z;
    __m512i to_zero = _mm512_set1_epi32(*zero), none = _mm512_setzero_si512();
    for (size_t i = 0; i < k; i += 16) {
        __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(first(k - i), x + i), inverse));
        v = _mm512_max_epi32(_mm512_add_epi32(v, to_zero), none);
        v = _mm512_maskz_mov_epi32(first(k - i), v); /* the bytes behind the row */
        _mm512_mask_cvtusepi32_storeu_epi8(q + i, first(n - i), v);
    }
}

const tn_gemm8_kernels tn_gemm8_avx512 = {ROWS, tile, quantise};
