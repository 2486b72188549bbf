/* Cuts a product into tasks by its sizes alone, and runs each on the context's instruction set. */
#include "num/gemm_kernel.h"
#include "base/mem.h"

#include <string.h>

struct tn_gemm {
    tn_pool *pool;
    tn_gemm_ref_run_fn *ref_run;
    tn_gemm_ref_grad_fn *ref_grad;
};

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

tn_status tn_gemm_new(tn_pool *pool, tn_isa isa, tn_gemm **out, tn_err *err)
{
    if (!tn_isa_has(isa))
        return tn_fail(err, TN_EINVALID, "this CPU lacks the instruction set asked for");
    tn_gemm *g = tn_mem_calloc(sizeof *g);
    if (!g)
        return tn_fail_nomem(err, sizeof *g);
    g->pool = pool;
    bool fma = tn_isa_has(TN_ISA_AVX2);
    g->ref_run = fma ? tn_gemm_ref_run_fma : tn_gemm_ref_run;
    g->ref_grad = fma ? tn_gemm_ref_grad_fma : tn_gemm_ref_grad;
    *out = g;
    return TN_OK;
}

void tn_gemm_free(tn_gemm *g)
{
    tn_mem_free(g);
}

/* ---- packing ---- */

typedef struct {
    tn_gemm_use use;
    const float *w;
    size_t ldw, k, n;
    float *out;
} pack;

size_t tn_gemm_pack_floats(tn_gemm_use use, size_t o, size_t i)
{
    size_t k = use == TN_GEMM_FORWARD ? i : o, n = use == TN_GEMM_FORWARD ? o : i;
    return (n + TN_GEMM_PANEL - 1) / TN_GEMM_PANEL * TN_GEMM_PANEL * k;
}

static void pack_panel(void *ctx, size_t task, int worker)
{
    const pack *p = ctx;
    size_t n0 = task * TN_GEMM_PANEL, width = min(TN_GEMM_PANEL, p->n - n0);
    float *out = p->out + n0 * p->k;
    if (width < TN_GEMM_PANEL)
        memset(out, 0, p->k * TN_GEMM_PANEL * sizeof *out);
    if (p->use == TN_GEMM_BACKWARD) {
        for (size_t k = 0; k < p->k; k++)
            memcpy(out + k * TN_GEMM_PANEL, p->w + k * p->ldw + n0, width * sizeof *out);
        return;
    }
    for (size_t k = 0; k < p->k; k++)
        for (size_t j = 0; j < width; j++)
            out[k * TN_GEMM_PANEL + j] = p->w[(n0 + j) * p->ldw + k];
}

tn_gemm_packed tn_gemm_pack(tn_gemm *g, tn_gemm_use use, const float *w, size_t ldw, size_t o, size_t i, float *storage)
{
    bool forward = use == TN_GEMM_FORWARD;
    pack p = {use, w, ldw, forward ? i : o, forward ? o : i, storage};
    tn_pool_run(g->pool, (p.n + TN_GEMM_PANEL - 1) / TN_GEMM_PANEL, pack_panel, &p);
    return (tn_gemm_packed){storage, p.k, p.n};
}

/* ---- C = A · B ---- */

typedef struct {
    const tn_gemm *g;
    size_t m, lda, ldc, n_row_blocks, block_m, block_n;
    const float *a;
    const tn_gemm_packed *b;
    float *c;
    bool accumulate;
    const tn_gemm_tail *tail;
} run;

/* The tail on C[m, n0..n0+n). */
static void finish_row(const tn_gemm_tail *t, size_t m, size_t n0, size_t n, float *y)
{
    if (t->bias)
        for (size_t j = 0; j < n; j++)
            y[j] += t->bias[n0 + j];
    if (t->pre)
        memcpy(t->pre + m * t->ld_pre + n0, y, n * sizeof *y);
    if (t->activation)
        t->activation(y, y, n);
    if (t->hook)
        t->hook(t->hook_ctx, m, n0, y, n);
    if (t->residual)
        for (size_t j = 0; j < n; j++)
            y[j] += t->residual[m * t->ld_residual + n0 + j];
    if (t->derivative)
        t->derivative(y, t->derivative_at + m * t->ld_derivative_at + n0, y, n);
}

static void run_block(void *ctx, size_t task, int worker)
{
    const run *r = ctx;
    size_t m0 = task % r->n_row_blocks * r->block_m, m1 = min(m0 + r->block_m, r->m);
    size_t n0 = task / r->n_row_blocks * r->block_n, n1 = min(n0 + r->block_n, r->b->n);
    r->g->ref_run(m0, m1, n0, n1, r->a, r->lda, r->b, r->c, r->ldc, r->accumulate);
    if (r->tail)
        for (size_t m = m0; m < m1; m++)
            finish_row(r->tail, m, n0, n1 - n0, r->c + m * r->ldc + n0);
}

void tn_gemm_run(tn_gemm *g, size_t m, const float *a, size_t lda, const tn_gemm_packed *b, float *c, size_t ldc,
                 bool accumulate, const tn_gemm_tail *tail)
{
    run r = {.g = g, .m = m, .a = a, .lda = lda, .b = b, .c = c, .ldc = ldc, .accumulate = accumulate, .tail = tail};
    r.block_m = 32;
    r.block_n = 4 * TN_GEMM_PANEL;
    r.n_row_blocks = (m + r.block_m - 1) / r.block_m;
    tn_pool_run(g->pool, r.n_row_blocks * ((b->n + r.block_n - 1) / r.block_n), run_block, &r);
}

/* ---- dW = dYᵀ · X ---- */

typedef struct {
    const tn_gemm *g;
    size_t o, i, ldy, ldx, ldw, n_o_blocks, block_o, block_i;
    const float *dy, *x;
    const tn_shards *shards;
    float *dw;
    bool accumulate;
} grad;

static void grad_block(void *ctx, size_t task, int worker)
{
    const grad *r = ctx;
    size_t o0 = task % r->n_o_blocks * r->block_o, o1 = min(o0 + r->block_o, r->o);
    size_t i0 = task / r->n_o_blocks * r->block_i, i1 = min(i0 + r->block_i, r->i);
    r->g->ref_grad(o0, o1, i0, i1, r->dy, r->ldy, r->x, r->ldx, r->shards, r->dw, r->ldw, r->accumulate);
}

void tn_gemm_grad(tn_gemm *g, size_t o, size_t i, const float *dy, size_t ldy, const float *x, size_t ldx,
                  const tn_shards *shards, float *dw, size_t ldw, bool accumulate)
{
    grad r = {g, o, i, ldy, ldx, ldw, .block_o = 64, .block_i = 64, dy, x, shards, dw, accumulate};
    r.n_o_blocks = (o + r.block_o - 1) / r.block_o;
    tn_pool_run(g->pool, r.n_o_blocks * ((i + r.block_i - 1) / r.block_i), grad_block, &r);
}
