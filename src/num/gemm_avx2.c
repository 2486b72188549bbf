/* Tiles of up to 6 x 16 on AVX2 with FMA: 12 accumulators, two vectors of B, one broadcast of A. A panel of B is 32
 * wide: its two halves are two tiles. */
#include "num/gemm_kernel.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum { ROWS = 6, HALF = TN_GEMM_PANEL / 2 };
/* The results' lines are asked for this many steps before they are written: earlier, they would leave the first level.
 */
enum { LATE = 24 };
enum { AHEAD = 8 * TN_GEMM_PANEL }; /* prefetch distance in B: 8 steps */

INLINE void half_tile(size_t rows, size_t step_i, size_t step_k, size_t k, const float *a, const float *b,
                      const tn_gemm_ends *e, size_t at)
{
    __m256 sum[ROWS][2];
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        const float *start = e->start ? e->start + i * e->ld_start + at : NULL;
        sum[i][0] = start ? _mm256_loadu_ps(start) : _mm256_setzero_ps();
        sum[i][1] = start ? _mm256_loadu_ps(start + 8) : _mm256_setzero_ps();
    }
    const float *next = at ? NULL : e->next;
    size_t ld_next = e->ld_next;
    size_t late = k < LATE ? k : LATE, part = k - late;
    for (int last = 0; last < 2; last++, part = late) {
        UNROLL for (size_t i = 0; last && i < rows; i++)
        {
            __builtin_prefetch(e->out + i * e->ld_out + at, 1);
            __builtin_prefetch(e->out + i * e->ld_out + at + 15, 1);
        }
        for (; part > 0; part--) {
            __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
            _mm_prefetch((const char *)(b + AHEAD), _MM_HINT_T0);
            UNROLL for (size_t i = 0; i < rows; i++)
            {
                __m256 ai = _mm256_set1_ps(a[i * step_i]);
                sum[i][0] = _mm256_fmadd_ps(ai, b0, sum[i][0]);
                sum[i][1] = _mm256_fmadd_ps(ai, b1, sum[i][1]);
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
            sum[i][0] = _mm256_add_ps(_mm256_loadu_ps(below + i * TN_GEMM_PANEL + at), sum[i][0]);
            sum[i][1] = _mm256_add_ps(_mm256_loadu_ps(below + i * TN_GEMM_PANEL + at + 8), sum[i][1]);
        }
    UNROLL for (size_t i = 0; i < rows; i++)
    {
        float *out = e->out + i * e->ld_out + at;
        if (e->accumulate) {
            sum[i][0] = _mm256_add_ps(_mm256_loadu_ps(out), sum[i][0]);
            sum[i][1] = _mm256_add_ps(_mm256_loadu_ps(out + 8), sum[i][1]);
        }
        _mm256_storeu_ps(out, sum[i][0]);
        _mm256_storeu_ps(out + 8, sum[i][1]);
    }
}

/* One copy of the tile for each number of rows, so that the accumulators are registers. */
/* clang-format off */
#define ONE(n, step_i, step_k)                                                                                         \
    case n:                                                                                                            \
        half_tile(n, step_i, step_k, k, a, b, ends, 0);                                                                \
        half_tile(n, step_i, step_k, k, a, b + HALF, ends, HALF);                                                      \
        break;
#define CASES(step_i, step_k)                                                                                          \
    switch (rows) {                                                                                                    \
    ONE(1, step_i, step_k)                                                                                             \
    ONE(2, step_i, step_k)                                                                                             \
    ONE(3, step_i, step_k)                                                                                             \
    ONE(4, step_i, step_k)                                                                                             \
    ONE(5, step_i, step_k)                                                                                             \
    ONE(6, step_i, step_k)                                                                                             \
    }
/* clang-format on */

static void by_rows(size_t rows, size_t k, const float *a, const float *b, const tn_gemm_ends *ends)
{
    CASES(TN_GEMM_A_STRIDE, 1)
}

static void by_columns(size_t rows, size_t k, const float *a, const float *b, const tn_gemm_ends *ends)
{
    CASES(1, TN_GEMM_A_COLUMN)
}

static void split(const float *a, size_t lda, size_t n_rows, const size_t *start, size_t n_panels, size_t width,
                  float *out, size_t panel)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (; n_rows > 0; n_rows--, a += lda, out += width)
        for (size_t p = 0; p < n_panels; p++)
            for (size_t i = 0, n = start[p + 1] - start[p]; i < width; i += 8) {
                size_t left = i < n ? n - i : 0;
                __m256i mask = _mm256_loadu_si256((const __m256i *)(ones + 8 - (left < 8 ? left : 8)));
                _mm256_store_ps(out + p * panel + i, _mm256_maskload_ps(a + start[p] + i, mask));
            }
}

static void add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_add_ps(_mm256_loadu_ps(y + i), _mm256_loadu_ps(x + i)));
    for (; i < n; i++)
        y[i] += x[i];
}

/* 8 x 8 in three rounds of 8 shuffles. */
INLINE void transpose8(const float *w, size_t ldw, float *out)
{
    __m256 r[8], t[8];
    UNROLL for (size_t i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(w + i * ldw);
    UNROLL for (int i = 0; i < 4; i++)
    {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    UNROLL for (int i = 0; i < 2; i++)
    {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    UNROLL for (int c = 0; c < 4; c++)
    {
        _mm256_store_ps(out + c * TN_GEMM_PANEL, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
        _mm256_store_ps(out + (c + 4) * TN_GEMM_PANEL, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
    }
}

static void transpose(const float *w, size_t ldw, size_t k, float *out)
{
    size_t done = 0;
    for (; done + 8 <= k; done += 8)
        for (size_t j = 0; j < TN_GEMM_PANEL; j += 8)
            transpose8(w + j * ldw + done, ldw, out + done * TN_GEMM_PANEL + j);
    for (; done < k; done++)
        for (size_t j = 0; j < TN_GEMM_PANEL; j++)
            out[done * TN_GEMM_PANEL + j] = w[j * ldw + done];
}

const tn_gemm_kernels tn_gemm_avx2 = {ROWS, by_rows, by_columns, NULL, split, add, transpose};
