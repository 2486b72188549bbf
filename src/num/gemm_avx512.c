/* Tiles of up to 14 x 32 on AVX-512: 28 accumulators, two vectors of B, one broadcast of A. A tile reads one line pair
 * of B and 14 floats of A a step, and does 28 FMAs: both operands may come from the second-level cache. */
#include "num/gemm_kernel.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* The results' lines are asked for this many steps before they are written: earlier, they would leave the first level.
 */
enum { LATE = 24 };
enum { AHEAD = 8 * TN_GEMM_PANEL }; /* prefetch distance in B: 8 steps, about 200 cycles */

INLINE void tile(size_t rows, size_t step_i, size_t step_k, size_t k, const float *a, const float *b,
                 const tn_gemm_ends *e)
{
    __m512 sum[TN_GEMM_ROWS][2];
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        const float *start = e->start ? e->start + i * e->ld_start : NULL;
        sum[i][0] = start ? _mm512_loadu_ps(start) : _mm512_setzero_ps();
        sum[i][1] = start ? _mm512_loadu_ps(start + 16) : _mm512_setzero_ps();
    }
    const float *next = e->next;
    size_t ld_next = e->ld_next;
    size_t late = k < LATE ? k : LATE, part = k - late;
    for (int last = 0; last < 2; last++, part = late) {
        UNROLL for (size_t i = 0; last && i < rows; i++)
        {
            __builtin_prefetch(e->out + i * e->ld_out, 1);
            __builtin_prefetch(e->out + i * e->ld_out + 31, 1);
        }
        for (; part > 0; part--) {
            __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
            _mm_prefetch((const char *)(b + AHEAD), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + AHEAD + 16), _MM_HINT_T0);
            UNROLL for (size_t i = 0; i < rows; i++)
            {
                __m512 ai = _mm512_set1_ps(a[i * step_i]);
                sum[i][0] = _mm512_fmadd_ps(ai, b0, sum[i][0]);
                sum[i][1] = _mm512_fmadd_ps(ai, b1, sum[i][1]);
            }
            if (next) {
                _mm_prefetch((const char *)next, _MM_HINT_T1);
                next += ld_next;
            }
            a += step_k;
            b += TN_GEMM_PANEL;
        }
    }
    const float *below = e->below;
    for (size_t q = 0; q < e->n_below; q++, below -= TN_GEMM_TILE)
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            sum[i][0] = _mm512_add_ps(_mm512_loadu_ps(below + i * TN_GEMM_PANEL), sum[i][0]);
            sum[i][1] = _mm512_add_ps(_mm512_loadu_ps(below + i * TN_GEMM_PANEL + 16), sum[i][1]);
        }
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        float *out = e->out + i * e->ld_out;
        if (e->accumulate) {
            sum[i][0] = _mm512_add_ps(_mm512_loadu_ps(out), sum[i][0]);
            sum[i][1] = _mm512_add_ps(_mm512_loadu_ps(out + 16), sum[i][1]);
        }
        _mm512_storeu_ps(out, sum[i][0]);
        _mm512_storeu_ps(out + 16, sum[i][1]);
    }
}

/* One copy of the tile for each number of rows, so that the accumulators are registers. */
/* clang-format off */
#define ONE(n, step_i, step_k)                                                                                         \
    case n: tile(n, step_i, step_k, k, a, b, ends); break;
#define CASES(step_i, step_k)                                                                                          \
    switch (rows) {                                                                                                    \
    ONE(1, step_i, step_k)                                                                                             \
    ONE(2, step_i, step_k)                                                                                             \
    ONE(3, step_i, step_k)                                                                                             \
    ONE(4, step_i, step_k)                                                                                             \
    ONE(5, step_i, step_k)                                                                                             \
    ONE(6, step_i, step_k)                                                                                             \
    ONE(7, step_i, step_k)                                                                                             \
    ONE(8, step_i, step_k)                                                                                             \
    ONE(9, step_i, step_k)                                                                                             \
    ONE(10, step_i, step_k)                                                                                            \
    ONE(11, step_i, step_k)                                                                                            \
    ONE(12, step_i, step_k)                                                                                            \
    ONE(13, step_i, step_k)                                                                                            \
    ONE(14, step_i, step_k)                                                                                            \
    }
/* clang-format on */

static void by_rows(size_t rows, size_t k, const float *a, const float *b, const tn_gemm_ends *ends)
{
    CASES(TN_GEMM_A_STRIDE, 1)
}

static void by_columns(size_t rows, size_t k, const float *a, const float *b,
                       const tn_gemm_ends *ends){CASES(1, TN_GEMM_A_COLUMN)}

/* Short shards: their four sums stay in registers, so a strip is 4 rows high: 3 levels of 8 accumulators. */
enum { STRIP = 4 };

INLINE void chain(size_t rows, size_t k, const float **a, const float **b, __m512 sum[STRIP][2])
{
    UNROLL for (size_t i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    for (; k > 0; k--, *a += TN_GEMM_A_COLUMN, *b += TN_GEMM_PANEL) {
        __m512 b0 = _mm512_load_ps(*b), b1 = _mm512_load_ps(*b + 16);
        UNROLL for (size_t i = 0; i < rows; i++)
        {
            __m512 ai = _mm512_set1_ps((*a)[i]);
            sum[i][0] = _mm512_fmadd_ps(ai, b0, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(ai, b1, sum[i][1]);
        }
    }
}

INLINE void fold(size_t rows, __m512 left[STRIP][2], __m512 right[STRIP][2])
{
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        left[i][0] = _mm512_add_ps(left[i][0], right[i][0]);
        left[i][1] = _mm512_add_ps(left[i][1], right[i][1]);
    }
}

INLINE void strip(size_t rows, const size_t k[4], const float *a, const float *b, bool accumulate, float *out,
                  size_t ld_out)
{
    __m512 left[STRIP][2], right[STRIP][2], last[STRIP][2];
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        __builtin_prefetch(out + i * ld_out, 1);
        __builtin_prefetch(out + i * ld_out + 31, 1);
    }
    chain(rows, k[0], &a, &b, left);
    chain(rows, k[1], &a, &b, right);
    fold(rows, left, right);
    chain(rows, k[2], &a, &b, right);
    chain(rows, k[3], &a, &b, last);
    fold(rows, right, last);
    fold(rows, left, right);
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        float *to = out + i * ld_out;
        if (accumulate) {
            left[i][0] = _mm512_add_ps(_mm512_loadu_ps(to), left[i][0]);
            left[i][1] = _mm512_add_ps(_mm512_loadu_ps(to + 16), left[i][1]);
        }
        _mm512_storeu_ps(to, left[i][0]);
        _mm512_storeu_ps(to + 16, left[i][1]);
    }
}

static void four(size_t rows, const size_t k[4], const float *a, const float *b, bool accumulate, float *out,
                 size_t ld_out)
{
    for (; rows >= STRIP; rows -= STRIP, a += STRIP, out += STRIP * ld_out)
        strip(STRIP, k, a, b, accumulate, out, ld_out);
    switch (rows) {
    case 1: strip(1, k, a, b, accumulate, out, ld_out); break;
    case 2: strip(2, k, a, b, accumulate, out, ld_out); break;
    case 3: strip(3, k, a, b, accumulate, out, ld_out); break;
    }
}

INLINE __mmask16 first(size_t n)
{
    return (__mmask16)(n < 16 ? (1u << n) - 1 : 0xffff);
}

INLINE void split_by(const float *a, size_t lda, size_t n_rows, const size_t *start, size_t n_panels, size_t width,
                     float *out, size_t panel)
{
    __mmask16 mask[TN_GEMM_SPLIT][2];
    for (size_t p = 0; p < n_panels; p++) {
        size_t n = start[p + 1] - start[p];
        mask[p][0] = first(n);
        mask[p][1] = first(n > 16 ? n - 16 : 0);
    }
    for (; n_rows > 0; n_rows--, a += lda, out += width) {
        float *to = out;
        for (size_t p = 0; p < n_panels; p++, to += panel) {
            const float *from = a + start[p];
            _mm_prefetch((const char *)(from + 6 * lda), _MM_HINT_T0);
            _mm512_store_ps(to, _mm512_maskz_loadu_ps(mask[p][0], from));
            if (width > 16) {
                _mm_prefetch((const char *)(from + 6 * lda + 16), _MM_HINT_T0);
                _mm512_store_ps(to + 16, _mm512_maskz_loadu_ps(mask[p][1], from + 16));
            }
        }
    }
}

static void split(const float *a, size_t lda, size_t n_rows, const size_t *start, size_t n_panels, size_t width,
                  float *out, size_t panel)
{
    if (width == 16)
        split_by(a, lda, n_rows, start, n_panels, 16, out, panel);
    else
        split_by(a, lda, n_rows, start, n_panels, 32, out, panel);
}

static void add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(y + i, _mm512_add_ps(_mm512_loadu_ps(y + i), _mm512_loadu_ps(x + i)));
    __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
    _mm512_mask_storeu_ps(y + i, rest,
                          _mm512_add_ps(_mm512_maskz_loadu_ps(rest, y + i), _mm512_maskz_loadu_ps(rest, x + i)));
}

/* 16 x 16 in four rounds of 16 shuffles. */
INLINE void transpose16(const float *w, size_t ldw, float *out)
{
    __m512 r[16], t[16];
    UNROLL for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(w + (size_t)i * ldw);
    UNROLL for (int i = 0; i < 8; i++)
    {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        __m512d t0 = _mm512_castps_pd(t[4 * i]), t1 = _mm512_castps_pd(t[4 * i + 1]);
        __m512d t2 = _mm512_castps_pd(t[4 * i + 2]), t3 = _mm512_castps_pd(t[4 * i + 3]);
        r[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(t0, t2));
        r[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(t0, t2));
        r[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(t1, t3));
        r[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(t1, t3));
    }
    /* r[4g + c], quarter q: rows 4g..4g+3 of column 4q + c. */
    UNROLL for (int c = 0; c < 4; c++)
    {
        __m512 g01e = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), g01o = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        __m512 g23e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        __m512 g23o = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        _mm512_store_ps(out + (c + 0) * TN_GEMM_PANEL, _mm512_shuffle_f32x4(g01e, g23e, 0x88));
        _mm512_store_ps(out + (c + 4) * TN_GEMM_PANEL, _mm512_shuffle_f32x4(g01o, g23o, 0x88));
        _mm512_store_ps(out + (c + 8) * TN_GEMM_PANEL, _mm512_shuffle_f32x4(g01e, g23e, 0xdd));
        _mm512_store_ps(out + (c + 12) * TN_GEMM_PANEL, _mm512_shuffle_f32x4(g01o, g23o, 0xdd));
    }
}

static void transpose(const float *w, size_t ldw, size_t k, float *out)
{
    size_t done = 0;
    for (; done + 16 <= k; done += 16) {
        transpose16(w + done, ldw, out + done * TN_GEMM_PANEL);
        transpose16(w + 16 * ldw + done, ldw, out + done * TN_GEMM_PANEL + 16);
    }
    for (; done < k; done++)
        for (size_t j = 0; j < TN_GEMM_PANEL; j++)
            out[done * TN_GEMM_PANEL + j] = w[j * ldw + done];
}

const tn_gemm_kernels tn_gemm_avx512 = {TN_GEMM_ROWS, by_rows, by_columns, four, split, add, transpose};
