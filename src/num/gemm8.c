/* The 8-bit product: weights and rows into bytes, and C cut into tasks as the f32 product is (gemm.c).
 *
 * A tile keeps all of k in its registers, since 32-bit sums of TN_GEMM8_MAX_K terms cannot overflow: so a task is two
 * loops over panels, and an element is written once, dequantised. Rows of A are bytes already and a quarter as long, so
 * they are read where they are. */
#include "num/gemm_kernel.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
    PANEL = TN_GEMM_PANEL,
    QUANTISE_ROWS = 16, /* of a task */
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

#if defined(__x86_64__)
static bool has_avx_vnni(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

const tn_gemm8_kernels *tn_gemm8_kernels_get(tn_isa isa)
{
#if defined(__x86_64__)
    if (isa == TN_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"))
        return &tn_gemm8_avx512;
    if (isa != TN_ISA_REF)
        return has_avx_vnni() ? &tn_gemm8_avxvnni : &tn_gemm8_avx2;
#endif
    return NULL;
}

/* ---- weights ---- */

/* Nearest, ties to even, for |x| < 2^22: the sum's last bit is worth one. */
static float round_even(float x)
{
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

bool tn_gemm8_quantise_weight(const float *w, size_t o, size_t i, int8_t *q, float *scale)
{
    for (; o > 0; o--, w += i, q += i, scale++) {
        float most = 0;
        for (size_t k = 0; k < i; k++) {
            float a = w[k] < 0 ? -w[k] : w[k];
            if (!(a <= 0x1.fffffep127f))
                return false;
            most = a > most ? a : most;
        }
        *scale = most / 127.0f;
        for (size_t k = 0; k < i; k++) {
            float x = *scale > 0 ? round_even(w[k] / *scale) : 0;
            q[k] = (int8_t)(x > 127 ? 127 : x < -127 ? -127 : x); /* a denormal scale may round far off */
        }
    }
    return true;
}

size_t tn_gemm8_pack_bytes(size_t o, size_t i)
{
    size_t n = round_up(o, PANEL);
    return n * (round_up(i, 4) + sizeof(float) + sizeof(int32_t));
}

typedef struct {
    const int8_t *q;
    const float *scale;
    size_t o, i;
    int8_t *data;
    float *to_scale;
    int32_t *sum;
} pack;

static void pack_panel(void *ctx, size_t task, int worker)
{
    const pack *p = ctx;
    size_t n0 = task * PANEL, k4 = (p->i + 3) / 4;
    int8_t *out = p->data + n0 * 4 * k4;
    for (size_t j = 0; j < PANEL; j++) {
        size_t n = n0 + j;
        const int8_t *row = p->q + n * p->i;
        int32_t sum = 0;
        for (size_t g = 0; g < k4; g++) {
            size_t left = n >= p->o ? 0 : p->i - 4 * g < 4 ? p->i - 4 * g : 4;
            int8_t four[4] = {0};
            for (size_t k = 0; k < left; k++)
                sum += four[k] = row[4 * g + k];
            memcpy(out + (g * PANEL + j) * 4, four, 4);
        }
        p->sum[n] = sum;
        p->to_scale[n] = n < p->o ? p->scale[n] : 0;
    }
}

tn_gemm8_packed tn_gemm8_pack(tn_gemm *g, const int8_t *q, const float *scale, size_t o, size_t i, void *storage)
{
    size_t n = round_up(o, PANEL);
    int8_t *data = storage;
    float *to_scale = (float *)(void *)(data + n * round_up(i, 4));
    pack p = {q, scale, o, i, data, to_scale, (int32_t *)(void *)(to_scale + n)};
    tn_pool_run(g->pool, n / PANEL, pack_panel, &p);
    return (tn_gemm8_packed){data, to_scale, p.sum, i, o};
}

/* ---- activations ---- */

/* A line more than needed: rows of a power of two must not all fall on the same cache sets. */
static size_t row_bytes(size_t k)
{
    return round_up(k, 64) + 64;
}

size_t tn_gemm8_rows_floats(size_t m, size_t k)
{
    return m * (row_bytes(k) / sizeof(float) + 2);
}

tn_gemm8_rows tn_gemm8_rows_in(float *scratch, size_t m, size_t k)
{
    size_t ld = row_bytes(k);
    float *scale = scratch + m * (ld / sizeof *scratch);
    return (tn_gemm8_rows){(uint8_t *)scratch, ld, scale, (int32_t *)(void *)(scale + m)};
}

typedef struct {
    tn_gemm8_quantise_fn *one;
    size_t m, k, ldx;
    const float *x;
    const tn_gemm8_rows *out;
} quantise;

static void quantise_rows(void *ctx, size_t task, int worker)
{
    const quantise *a = ctx;
    size_t end = (task + 1) * QUANTISE_ROWS < a->m ? (task + 1) * QUANTISE_ROWS : a->m;
    for (size_t m = task * QUANTISE_ROWS; m < end; m++)
        a->one(a->x + m * a->ldx, a->k, a->out->q + m * a->out->ld, &a->out->scale[m], &a->out->zero[m]);
}

void tn_gemm8_quantise(tn_gemm *g, size_t m, size_t k, const float *x, size_t ldx, const tn_gemm8_rows *out)
{
    quantise a = {g->kernels8 ? g->kernels8->quantise : tn_gemm8_ref_quantise, m, k, ldx, x, out};
    tn_pool_run(g->pool, (m + QUANTISE_ROWS - 1) / QUANTISE_ROWS, quantise_rows, &a);
}

/* ---- the product ---- */

typedef struct {
    const tn_gemm *g;
    size_t m, ldc;
    const tn_gemm8_rows *a;
    const tn_gemm8_packed *b;
    float *c;
    const tn_gemm_tail *tail;
    tn_gemm_grid grid;
} run;

/* Panel j of columns for the rows [m0, m1): at the right edge by way of a whole tile. */
static void run_tile(const run *r, size_t m0, size_t m1, size_t j)
{
    const tn_gemm8_packed *b = r->b;
    size_t k4 = (b->k + 3) / 4, n0 = j * PANEL, width = b->n - n0 < PANEL ? b->n - n0 : PANEL;
    float edge[TN_GEMM_TILE], *out = r->c + m0 * r->ldc + n0;
    tn_gemm8_ends ends = {.row_scale = r->a->scale + m0,
                          .row_zero = r->a->zero + m0,
                          .scale = b->scale + n0,
                          .sum = b->sum + n0,
                          .out = width == PANEL ? out : edge,
                          .ld_out = width == PANEL ? r->ldc : PANEL};
    r->g->kernels8->tile(m1 - m0, k4, r->a->q + m0 * r->a->ld, r->a->ld, b->data + n0 * 4 * k4, &ends);
    for (size_t i = 0; width < PANEL && i < m1 - m0; i++)
        memcpy(out + i * r->ldc, edge + i * PANEL, width * sizeof *out);
}

static void run_block(void *ctx, size_t task, int worker)
{
    const run *r = ctx;
    const tn_gemm_grid *t = &r->grid;
    size_t row_block = task % t->n_row_blocks, column_block = task / t->n_row_blocks;
    size_t p0 = cut(t->n_panels, t->n_row_blocks, row_block);
    size_t p1 = cut(t->n_panels, t->n_row_blocks, row_block + 1);
    size_t j0 = cut(t->n_columns, t->n_column_blocks, column_block);
    size_t j1 = cut(t->n_columns, t->n_column_blocks, column_block + 1);
    size_t n0 = j0 * PANEL, n1 = j1 * PANEL < r->b->n ? j1 * PANEL : r->b->n;
    for (size_t p = p0; p < p1; p++) {
        size_t m0 = cut(r->m, t->n_panels, p), m1 = cut(r->m, t->n_panels, p + 1);
        if (!r->g->kernels8)
            tn_gemm8_ref_run(m0, m1, n0, n1, r->a, r->b, r->c, r->ldc);
        for (size_t j = j0; r->g->kernels8 && j < j1; j++)
            run_tile(r, m0, m1, j);
        for (size_t m = m0; r->tail && m < m1; m++)
            tn_gemm_finish(r->g, r->tail, m, n0, n1 - n0, r->c + m * r->ldc + n0);
    }
}

void tn_gemm8_run(tn_gemm *g, size_t m, const tn_gemm8_rows *a, const tn_gemm8_packed *b, float *c, size_t ldc,
                  const tn_gemm_tail *tail)
{
    run r = {.g = g, .m = m, .ldc = ldc, .a = a, .b = b, .c = c, .tail = tail};
    r.grid = tn_gemm_grid_of(m, b->n, g->kernels8 ? g->kernels8->max_rows : TN_GEMM_ROWS);
    tn_pool_run(g->pool, r.grid.n_row_blocks * r.grid.n_column_blocks, run_block, &r);
}
