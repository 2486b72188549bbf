#ifndef TN_NUM_VEC_AVX2_H
#define TN_NUM_VEC_AVX2_H
/// Sixteen lanes of f32 as two AVX2 registers. The same names as vec_avx512.h; kernels_vec.h is written on them.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fmath_inline.h"

#define VEC static inline __attribute__((always_inline))

/* clang-format off: one line an operation */

typedef struct {
    __m256 a, b;
} v16;
typedef struct {
    __m256i a, b;
} w16;
typedef struct {
    __m256 a, b; /* all bits of a lane, or none */
} m16;

enum { VEC_MR = 6, VEC_NV = 1 }; /* register block of the small matrix product: 12 accumulators of 16 registers */
enum { VEC_SIDE = 2 };              /* rows of attention scores that are exponentiated side by side */

#define V2(op) ((v16){op(x.a, y.a), op(x.b, y.b)})

VEC v16 v_set(float a) { return (v16){_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
VEC v16 v_load(const float *p) { return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
VEC void v_store(float *p, v16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
VEC m16 m_first(size_t n) /* n <= 16 */
{
    static const int32_t edge[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return (m16){_mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(edge + 16 - n))),
                 _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(edge + 24 - n)))};
}
VEC v16 v_load_n(const float *p, size_t n) /* the rest is 0 */
{
    m16 m = m_first(n);
    return (v16){_mm256_maskload_ps(p, _mm256_castps_si256(m.a)), _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.b))};
}
VEC void v_store_n(float *p, size_t n, v16 x)
{
    m16 m = m_first(n);
    _mm256_maskstore_ps(p, _mm256_castps_si256(m.a), x.a);
    _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.b), x.b);
}
VEC w16 w_load(const uint32_t *p)
{
    return (w16){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))};
}
VEC void w_store(uint32_t *p, w16 x)
{
    _mm256_storeu_si256((__m256i *)p, x.a);
    _mm256_storeu_si256((__m256i *)(p + 8), x.b);
}

VEC v16 v_add(v16 x, v16 y) { return V2(_mm256_add_ps); }
VEC v16 v_sub(v16 x, v16 y) { return V2(_mm256_sub_ps); }
VEC v16 v_mul(v16 x, v16 y) { return V2(_mm256_mul_ps); }
VEC v16 v_div(v16 x, v16 y) { return V2(_mm256_div_ps); }
VEC v16 v_sqrt(v16 x) { return (v16){_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
VEC v16 v_fma(v16 x, v16 y, v16 z) { return (v16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
VEC v16 v_fnma(v16 x, v16 y, v16 z) { return (v16){_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)}; }
VEC v16 v_max(v16 x, v16 y) { return V2(_mm256_max_ps); } /* x > y ? x : y */
VEC v16 v_min(v16 x, v16 y) { return V2(_mm256_min_ps); } /* x < y ? x : y */

VEC m16 m_less(v16 x, v16 y) { return (m16){_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)}; }
VEC m16 m_at_least(w16 x, w16 y) /* unsigned */
{
    return (m16){_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(x.a, y.a), x.a)),
                 _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(x.b, y.b), x.b))};
}
VEC v16 v_select(m16 m, v16 x, v16 y) /* m ? x : y */
{
    return (v16){_mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b)};
}
VEC v16 v_keep(m16 m, v16 x) { return (v16){_mm256_and_ps(m.a, x.a), _mm256_and_ps(m.b, x.b)}; } /* m ? x : 0 */

VEC v16 v_abs(v16 x)
{
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
VEC v16 v_neg(v16 x)
{
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_xor_ps(sign, x.a), _mm256_xor_ps(sign, x.b)};
}
/* x >= 0 with the sign bit of y. */
VEC v16 v_sign_of(v16 x, v16 y)
{
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_or_ps(x.a, _mm256_and_ps(sign, y.a)), _mm256_or_ps(x.b, _mm256_and_ps(sign, y.b))};
}

/* y * 2^n, n = t - FM_ROUND, in two steps as fm_scale. */
VEC __m256 v8_scale(__m256 y, __m256 t)
{
    __m256i n = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(0x4b400000));
    __m256i half = _mm256_srai_epi32(n, 1), rest = _mm256_sub_epi32(n, half), bias = _mm256_set1_epi32(127);
    y = _mm256_mul_ps(y, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(y, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}
VEC v16 v_scale(v16 y, v16 t) { return (v16){v8_scale(y.a, t.a), v8_scale(y.b, t.b)}; }
/* 2^n for n in [-126, 127]. */
VEC v16 v_pow2(v16 t)
{
    __m256i less = _mm256_set1_epi32(0x4b400000 - 127);
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_sub_epi32(_mm256_castps_si256(t.a), less), 23)),
                 _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_sub_epi32(_mm256_castps_si256(t.b), less), 23))};
}

/* Lanes folded i+8, +4, +2, +1. */
VEC float v_fold(v16 x)
{
    __m256 a = _mm256_add_ps(x.a, x.b);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}
VEC float v_fold_max(v16 x)
{
    __m256 a = _mm256_max_ps(x.a, x.b);
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

/* Sixteen lanes of f64. */
typedef struct {
    __m256d q[4];
} d16;
VEC d16 d_zero(void)
{
    __m256d z = _mm256_setzero_pd();
    return (d16){{z, z, z, z}};
}
VEC d16 d_add_square(d16 sum, v16 x) /* lanes with x = 0 are untouched: no lane is ever -0 */
{
    __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(x.a)), b = _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1));
    __m256d c = _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)), d = _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1));
    return (d16){{_mm256_fmadd_pd(a, a, sum.q[0]), _mm256_fmadd_pd(b, b, sum.q[1]), _mm256_fmadd_pd(c, c, sum.q[2]),
                  _mm256_fmadd_pd(d, d, sum.q[3])}};
}
VEC double d_fold(d16 x)
{
    __m256d a = _mm256_add_pd(_mm256_add_pd(x.q[0], x.q[2]), _mm256_add_pd(x.q[1], x.q[3]));
    __m128d c = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

VEC v16 v_from_f16(const uint16_t *p)
{
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}
VEC v16 v_from_bf16(const uint16_t *p)
{
    __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(p + 8)));
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}

/* Philox4x32-10 for 8 counters {first + lane, c1, c2, c3}; see vec_avx512.h. */
VEC void w8_philox(uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, const uint32_t round_key[10][2], __m256i out[4])
{
    __m256i m0 = _mm256_set1_epi32((int)0xD2511F53u), m1 = _mm256_set1_epi32((int)0xCD9E8D57u);
    __m256i e0 = _mm256_add_epi32(_mm256_set1_epi32((int)first), _mm256_setr_epi32(0, 0, 2, 0, 4, 0, 6, 0));
    __m256i o0 = _mm256_add_epi32(e0, _mm256_set1_epi32(1));
    __m256i e1 = _mm256_set1_epi32((int)c1), e2 = _mm256_set1_epi32((int)c2), e3 = _mm256_set1_epi32((int)c3);
    __m256i o1 = e1, o2 = e2, o3 = e3;
#pragma GCC unroll 10
    for (int r = 0; r < 10; r++) {
        __m256i k0 = _mm256_set1_epi32((int)round_key[r][0]), k1 = _mm256_set1_epi32((int)round_key[r][1]);
        __m256i ep = _mm256_mul_epu32(e0, m0), eq = _mm256_mul_epu32(e2, m1);
        __m256i op = _mm256_mul_epu32(o0, m0), oq = _mm256_mul_epu32(o2, m1);
        e0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(eq, 32), e1), k0);
        o0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(oq, 32), o1), k0);
        e2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(ep, 32), e3), k1);
        o2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(op, 32), o3), k1);
        e1 = eq, o1 = oq, e3 = ep, o3 = op;
    }
    out[0] = _mm256_blend_epi32(e0, _mm256_slli_epi64(o0, 32), 0xAA);
    out[1] = _mm256_blend_epi32(e1, _mm256_slli_epi64(o1, 32), 0xAA);
    out[2] = _mm256_blend_epi32(e2, _mm256_slli_epi64(o2, 32), 0xAA);
    out[3] = _mm256_blend_epi32(e3, _mm256_slli_epi64(o3, 32), 0xAA);
}
VEC void w_philox(uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, const uint32_t round_key[10][2], w16 out[4])
{
    __m256i a[4], b[4];
    w8_philox(first, c1, c2, c3, round_key, a);
    w8_philox(first + 8, c1, c2, c3, round_key, b);
    for (int w = 0; w < 4; w++)
        out[w] = (w16){a[w], b[w]};
}
VEC w16 w_set(uint32_t a) { return (w16){_mm256_set1_epi32((int)a), _mm256_set1_epi32((int)a)}; }

#undef V2

#endif
