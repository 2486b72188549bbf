/* Tiles of the 8-bit product on AVX2, in two builds: with AVX-VNNI (TN_VNNI), 6 x 16 as the f32 tile is; without, 6 x 8:
 * both operands widened to 16 bits and multiplied in pairs, since the instruction for bytes saturates. */
#include "num/gemm_kernel.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum {
    ROWS = 6,
    STEP = TN_GEMM_PANEL * 4, /* bytes of a panel for four k */
#ifdef TN_VNNI
    WIDTH = 16,
#else
    WIDTH = 8,
#endif
};

INLINE int32_t four_at(const uint8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return four;
}

/* Columns [at, at + 8) of row i, of which t are the sums. */
INLINE void finish(__m256i t, size_t i, size_t at, const tn_gemm8_ends *e)
{
    __m256i sums = _mm256_loadu_si256((const __m256i *)(e->sum + at));
    t = _mm256_sub_epi32(t, _mm256_mullo_epi32(_mm256_set1_epi32(e->row_zero[i]), sums));
    __m256 s = _mm256_mul_ps(_mm256_set1_ps(e->row_scale[i]), _mm256_loadu_ps(e->scale + at));
    _mm256_storeu_ps(e->out + i * e->ld_out + at, _mm256_mul_ps(_mm256_cvtepi32_ps(t), s));
}

INLINE void tile_of(size_t rows, size_t k4, const uint8_t *a, size_t ld_a, const int8_t *b, size_t at,
                    const tn_gemm8_ends *e)
{
    __m256i sum[ROWS][2];
    UNROLL for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm256_setzero_si256();
    for (b += at * 4; k4 > 0; k4--, a += 4, b += STEP) {
#ifdef TN_VNNI
        __m256i b0 = _mm256_load_si256((const __m256i *)b), b1 = _mm256_load_si256((const __m256i *)(b + 32));
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            __m256i ai = _mm256_set1_epi32(four_at(a + i * ld_a));
            sum[i][0] = _mm256_dpbusd_avx_epi32(sum[i][0], ai, b0);
            sum[i][1] = _mm256_dpbusd_avx_epi32(sum[i][1], ai, b1);
        }
#else
        __m256i b0 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)b));
        __m256i b1 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(b + 16)));
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            __m256i ai = _mm256_cvtepu8_epi16(_mm_set1_epi32(four_at(a + i * ld_a)));
            sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(ai, b0));
            sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(ai, b1));
        }
#endif
    }
    UNROLL for (size_t i = 0; i < rows; i++)
    {
#ifdef TN_VNNI
        finish(sum[i][0], i, at, e);
        finish(sum[i][1], i, at + 8, e);
#else /* a column's two sums are neighbours: columns 0 1 4 5, then 2 3 6 7 */
        __m256i t = _mm256_hadd_epi32(sum[i][0], sum[i][1]);
        finish(_mm256_permute4x64_epi64(t, 0xD8), i, at, e);
#endif
    }
}

static void tile(size_t rows, size_t k4, const uint8_t *a, size_t ld_a, const int8_t *b, const tn_gemm8_ends *e)
{
    for (size_t at = 0; at < TN_GEMM_PANEL; at += WIDTH)
        switch (rows) {
        case 1: tile_of(1, k4, a, ld_a, b, at, e); break;
        case 2: tile_of(2, k4, a, ld_a, b, at, e); break;
        case 3: tile_of(3, k4, a, ld_a, b, at, e); break;
        case 4: tile_of(4, k4, a, ld_a, b, at, e); break;
        case 5: tile_of(5, k4, a, ld_a, b, at, e); break;
        case 6: tile_of(6, k4, a, ld_a, b, at, e); break;
        }
}

/* The last k % 8 numbers of a row, zeros behind. */
INLINE __m256 load_last(const float *x, size_t n)
{
    float last[8] = {0};
    memcpy(last, x, n * sizeof *x);
    return _mm256_loadu_ps(last);
}

INLINE __m256 load(const float *x, size_t k, size_t i)
{
    return i + 8 <= k ? _mm256_loadu_ps(x + i) : load_last(x + i, k - i);
}

static void quantise(const float *x, size_t k, uint8_t *q, float *scale, int32_t *zero)
{
    __m256 low = _mm256_setzero_ps(), high = low;
    __m256i most = _mm256_setzero_si256(), magnitude = _mm256_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < k; i += 8) {
        __m256 v = load(x, k, i);
        low = _mm256_min_ps(v, low);
        high = _mm256_max_ps(v, high);
        most = _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(v), magnitude));
    }
    float lows[8], highs[8];
    int32_t mosts[8];
    _mm256_storeu_ps(lows, low);
    _mm256_storeu_ps(highs, high);
    _mm256_storeu_si256((__m256i *)mosts, most);
    for (int l = 1; l < 8; l++) {
        lows[0] = lows[l] < lows[0] ? lows[l] : lows[0];
        highs[0] = highs[l] > highs[0] ? highs[l] : highs[0];
        mosts[0] = mosts[l] > mosts[0] ? mosts[l] : mosts[0];
    }
    float range = highs[0] - lows[0];
    size_t n = (k + 3) / 4 * 4;
    *zero = 0;
    if (mosts[0] >= 0x7f800000 || !(range <= 0x1.fffffep127f) || !(range >= 1e-30f)) {
        *scale = mosts[0] < 0x7f800000 && range < 1e-30f ? 0 : __builtin_nanf("");
        memset(q, 0, n);
        return;
    }
    __m256 inverse = _mm256_set1_ps(255.0f / range);
    *scale = range / 255.0f;
    int32_t z = _mm_cvtss_si32(_mm_mul_ss(_mm_set_ss(-lows[0]), _mm256_castps256_ps128(inverse)));
    *zero = z > 255 ? 255 : z;
    __m256i to_zero = _mm256_set1_epi32(*zero);
    for (size_t i = 0; i < k; i += 8) {
        __m256i v = _mm256_cvtps_epi32(_mm256_mul_ps(load(x, k, i), inverse));
        v = _mm256_add_epi32(v, to_zero);
        __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        uint8_t bytes[16];
        _mm_storeu_si128((__m128i *)bytes, _mm_packus_epi16(words, words));
        if (k - i < 8)
            memset(bytes + (k - i), 0, 8 - (k - i)); /* behind the row */
        memcpy(q + i, bytes, n - i < 8 ? n - i : 8);
    }
}

#ifdef TN_VNNI
const tn_gemm8_kernels tn_gemm8_avxvnni = {ROWS, tile, quantise};
#else
const tn_gemm8_kernels tn_gemm8_avx2 = {ROWS, tile, quantise};
#endif
