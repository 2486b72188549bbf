#ifndef TN_NUM_VEC_AVX512_H
#define TN_NUM_VEC_AVX512_H
/// Sixteen lanes of f32 as one AVX-512 register. The same names as vec_avx2.h; kernels_vec.h is written on them.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fmath_inline.h"

#define VEC static inline __attribute__((always_inline))

/* clang-format off: one line an operation */

typedef __m512 v16;     /* 16 floats */
typedef __m512i w16;    /* 16 32-bit words */
typedef __mmask16 m16;  /* a truth value a lane */

enum { VEC_MR = 8, VEC_NV = 3 }; /* register block of the small matrix product: 24 accumulators of 32 registers */
enum { VEC_SIDE = 4 };              /* rows of attention scores that are exponentiated side by side */

VEC v16 v_set(float a) { return _mm512_set1_ps(a); }
VEC v16 v_load(const float *p) { return _mm512_loadu_ps(p); }
VEC void v_store(float *p, v16 x) { _mm512_storeu_ps(p, x); }
VEC m16 m_first(size_t n) { return (m16)((1u << n) - 1); } /* n <= 16 */
VEC v16 v_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(m_first(n), p); } /* the rest is 0 */
VEC void v_store_n(float *p, size_t n, v16 x) { _mm512_mask_storeu_ps(p, m_first(n), x); }
VEC w16 w_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
VEC void w_store(uint32_t *p, w16 x) { _mm512_storeu_si512(p, x); }

VEC v16 v_add(v16 a, v16 b) { return _mm512_add_ps(a, b); }
VEC v16 v_sub(v16 a, v16 b) { return _mm512_sub_ps(a, b); }
VEC v16 v_mul(v16 a, v16 b) { return _mm512_mul_ps(a, b); }
VEC v16 v_div(v16 a, v16 b) { return _mm512_div_ps(a, b); }
VEC v16 v_sqrt(v16 a) { return _mm512_sqrt_ps(a); }
VEC v16 v_fma(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); }   /* a b + c */
VEC v16 v_fnma(v16 a, v16 b, v16 c) { return _mm512_fnmadd_ps(a, b, c); } /* -a b + c */
VEC v16 v_max(v16 a, v16 b) { return _mm512_max_ps(a, b); }               /* a > b ? a : b */
VEC v16 v_min(v16 a, v16 b) { return _mm512_min_ps(a, b); }               /* a < b ? a : b */

VEC m16 m_less(v16 a, v16 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VEC m16 m_at_least(w16 a, w16 b) { return _mm512_cmpge_epu32_mask(a, b); } /* unsigned */
VEC v16 v_select(m16 m, v16 a, v16 b) { return _mm512_mask_blend_ps(m, b, a); } /* m ? a : b */
VEC v16 v_keep(m16 m, v16 a) { return _mm512_maskz_mov_ps(m, a); }              /* m ? a : 0 */

VEC v16 v_abs(v16 a) { return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff))); }
/* a >= 0 with the sign bit of b. */
VEC v16 v_sign_of(v16 a, v16 b)
{
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b),
                                                         _mm512_set1_epi32((int)0x80000000), 0xF8)); /* a | (b & c) */
}
VEC v16 v_neg(v16 a) { return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32((int)0x80000000))); }

/* y * 2^n, n = t - FM_ROUND: one rounding, as fm_scale. */
VEC v16 v_scale(v16 y, v16 t) { return _mm512_scalef_ps(y, _mm512_sub_ps(t, _mm512_set1_ps(FM_ROUND))); }
/* 2^n for n in [-126, 127]. */
VEC v16 v_pow2(v16 t)
{
    __m512i n = _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_set1_epi32((int)(0x4b400000u - 127)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(n, 23));
}

/* Lanes folded i+8, +4, +2, +1. */
VEC float v_fold(v16 x)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}
VEC float v_fold_max(v16 x)
{
    __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

/* Sixteen lanes of f64. */
typedef struct {
    __m512d low, high;
} d16;
VEC d16 d_zero(void) { return (d16){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
VEC d16 d_add_square(d16 sum, v16 x) /* lanes with x = 0 are untouched: no lane is ever -0 */
{
    __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(x)), b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    return (d16){_mm512_fmadd_pd(a, a, sum.low), _mm512_fmadd_pd(b, b, sum.high)};
}
VEC double d_fold(d16 x)
{
    __m512d a = _mm512_add_pd(x.low, x.high);
    __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
    return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

VEC v16 v_from_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
VEC v16 v_from_bf16(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

/* Philox4x32-10 for the counters {first + lane, c1, c2, c3}; round_key[r] is the key of round r. Even lanes and odd lanes
 * run as two sets of 64-bit lanes whose upper halves hold rubbish: the multiplier reads the low halves only. */
VEC void w_philox(uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, const uint32_t round_key[10][2], w16 out[4])
{
    __m512i m0 = _mm512_set1_epi32((int)0xD2511F53u), m1 = _mm512_set1_epi32((int)0xCD9E8D57u);
    __m512i e0 = _mm512_add_epi32(_mm512_set1_epi32((int)first),
                                  _mm512_setr_epi32(0, 0, 2, 0, 4, 0, 6, 0, 8, 0, 10, 0, 12, 0, 14, 0));
    __m512i o0 = _mm512_add_epi32(e0, _mm512_set1_epi32(1));
    __m512i e1 = _mm512_set1_epi32((int)c1), e2 = _mm512_set1_epi32((int)c2), e3 = _mm512_set1_epi32((int)c3);
    __m512i o1 = e1, o2 = e2, o3 = e3;
#pragma GCC unroll 10
    for (int r = 0; r < 10; r++) {
        __m512i k0 = _mm512_set1_epi32((int)round_key[r][0]), k1 = _mm512_set1_epi32((int)round_key[r][1]);
        __m512i ep = _mm512_mul_epu32(e0, m0), eq = _mm512_mul_epu32(e2, m1);
        __m512i op = _mm512_mul_epu32(o0, m0), oq = _mm512_mul_epu32(o2, m1);
        e0 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(eq, 32), e1, k0, 0x96);
        o0 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(oq, 32), o1, k0, 0x96);
        e2 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(ep, 32), e3, k1, 0x96);
        o2 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(op, 32), o3, k1, 0x96);
        e1 = eq, o1 = oq, e3 = ep, o3 = op;
    }
    out[0] = _mm512_mask_blend_epi32(0xAAAA, e0, _mm512_slli_epi64(o0, 32));
    out[1] = _mm512_mask_blend_epi32(0xAAAA, e1, _mm512_slli_epi64(o1, 32));
    out[2] = _mm512_mask_blend_epi32(0xAAAA, e2, _mm512_slli_epi64(o2, 32));
    out[3] = _mm512_mask_blend_epi32(0xAAAA, e3, _mm512_slli_epi64(o3, 32));
}
VEC w16 w_set(uint32_t a) { return _mm512_set1_epi32((int)a); }

#endif
