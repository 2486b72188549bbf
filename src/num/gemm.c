/* Cuts a product into tasks by its sizes alone, and a task into tiles that live in registers.
 *
 * C = A · B. A task owns a block of C, some panels of rows (TN_GEMM_ROWS or fewer each, even in height) by some panels of
 * columns (32 each), and all of k. It walks k in blocks of at most TN_GEMM_KC:
 *
 *   for each block of k             B's block stays in the second-level cache
 *     for each panel of rows        copied, so that it is dense and in the first-level cache
 *       for each panel of columns   one tile; C is reloaded between blocks of k, which is exact
 *
 * so nothing is packed ahead but the weights, tasks never wait for each other, and a small M has as many tasks as N
 * allows. After the last k a panel's rows, still in cache, get their tail.
 *
 * dW = dYᵀ · X is the same with both operands copied. A block of rows holds pieces of shards; each tile keeps a small
 * stack of partial sums: a shard's sum is pushed, and neighbours of the fold's tree are added as soon as both are there.
 *
 * Invariant: an element's chain is never split but by storing and reloading it. */
#include "num/gemm_kernel.h"
#include "base/mem.h"

#include <string.h>

enum {
    PANEL = TN_GEMM_PANEL,
    TILE = TN_GEMM_ROWS * PANEL,
    LEVELS = 7, /* of the stack: 64 shards leave 6 sums pending, and one is being made */
    /* A task's block of C in run: 4 panels of rows reuse B's block from the second level often enough that fetching it
     * (4 bytes a 4 · 14 / 16 cycles of FMA at most) does not count; fewer rows a task balance the threads better. */
    RUN_PANELS = 4,
    RUN_COLUMNS = 12, /* panels of 32: with k = 384 B's block is 576 KiB */
    RUN_TASKS = 8, /* with fewer than this, narrower blocks */
    /* In grad X's block is copied by each task, so it needs more rows of dW to pay. */
    GRAD_PANELS = 8,
    GRAD_COLUMNS = 6,
};

/* Scratch of one thread; all parts are whole lines. */
typedef struct {
    float a[TN_GEMM_A_COLUMN * TN_GEMM_A_STRIDE]; /* a panel of A, either way round */
    float tail[TILE];                         /* the tile at the right edge */
    float b[GRAD_COLUMNS * TN_GEMM_KC * PANEL];
    float stack[GRAD_PANELS * GRAD_COLUMNS][LEVELS][TILE];
} scratch;

struct tn_gemm {
    tn_pool *pool;
    const tn_gemm_kernels *kernels; /* NULL: the reference */
    tn_gemm_ref_run_fn *ref_run;
    tn_gemm_ref_grad_fn *ref_grad;
    scratch *scratch; /* one a thread */
};

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Where part `i` begins when `n` things are cut into `parts` that differ by one at most. */
static size_t cut(size_t n, size_t parts, size_t i)
{
    return n / parts * i + min(n % parts, i);
}

tn_status tn_gemm_new(tn_pool *pool, tn_isa isa, tn_gemm **out, tn_err *err)
{
    if (!tn_isa_has(isa))
        return tn_fail(err, TN_EINVALID, "matrix product: this CPU lacks the instruction set asked for");
    size_t n_bytes = (size_t)tn_pool_size(pool) * sizeof(scratch);
    tn_gemm *g = tn_mem_calloc(sizeof *g);
    if (g)
        g->scratch = tn_mem_alloc_aligned(n_bytes, 64);
    if (!g || !g->scratch) {
        tn_gemm_free(g);
        return tn_fail_nomem(err, n_bytes);
    }
    g->pool = pool;
    g->ref_run = tn_gemm_ref_run;
    g->ref_grad = tn_gemm_ref_grad;
#if defined(__x86_64__)
    if (tn_isa_has(TN_ISA_AVX2)) {
        g->ref_run = tn_gemm_ref_run_fma;
        g->ref_grad = tn_gemm_ref_grad_fma;
    }
    g->kernels = isa == TN_ISA_AVX512 ? &tn_gemm_avx512 : isa == TN_ISA_AVX2 ? &tn_gemm_avx2 : NULL;
#endif
    *out = g;
    return TN_OK;
}

void tn_gemm_free(tn_gemm *g)
{
    if (!g)
        return;
    tn_mem_free(g->scratch);
    tn_mem_free(g);
}

/* ---- packing ---- */

typedef struct {
    const tn_gemm *g;
    tn_gemm_use use;
    const float *w;
    size_t ldw, k, n;
    float *out;
} pack;

size_t tn_gemm_pack_floats(tn_gemm_use use, size_t o, size_t i)
{
    size_t k = use == TN_GEMM_FORWARD ? i : o, n = use == TN_GEMM_FORWARD ? o : i;
    return ceil_div(n, PANEL) * PANEL * k;
}

/* Copies a matrix [k, width] into a dense panel. */
static void copy_panel(const float *w, size_t ldw, size_t k, size_t width, float *out)
{
    if (width == PANEL) {
        for (; k > 0; k--, w += ldw, out += PANEL)
            memcpy(out, w, PANEL * sizeof *out);
        return;
    }
    for (; k > 0; k--, w += ldw, out += PANEL) {
        memcpy(out, w, width * sizeof *out);
        memset(out + width, 0, (PANEL - width) * sizeof *out);
    }
}

static void pack_panel(void *ctx, size_t task, int worker)
{
    const pack *p = ctx;
    size_t n0 = task * PANEL, width = min(PANEL, p->n - n0);
    float *out = p->out + n0 * p->k;
    if (p->use == TN_GEMM_BACKWARD) {
        copy_panel(p->w + n0, p->ldw, p->k, width, out);
    } else if (width == PANEL && p->g->kernels) {
        p->g->kernels->transpose(p->w + n0 * p->ldw, p->ldw, p->k, out);
    } else {
        for (size_t k = 0; k < p->k; k++)
            for (size_t j = 0; j < PANEL; j++)
                out[k * PANEL + j] = j < width ? p->w[(n0 + j) * p->ldw + k] : 0.0f;
    }
}

tn_gemm_packed tn_gemm_pack(tn_gemm *g, tn_gemm_use use, const float *w, size_t ldw, size_t o, size_t i, float *storage)
{
    bool forward = use == TN_GEMM_FORWARD;
    pack p = {g, use, w, ldw, forward ? i : o, forward ? o : i, storage};
    tn_pool_run(g->pool, ceil_div(p.n, PANEL), pack_panel, &p);
    return (tn_gemm_packed){storage, p.k, p.n};
}

/* ---- C = A · B ---- */

typedef struct {
    const tn_gemm *g;
    size_t m, lda, ldc;
    const float *a;
    const tn_gemm_packed *b;
    float *c;
    bool accumulate;
    const tn_gemm_tail *tail;
    size_t n_panels, n_columns;          /* panels of rows and of columns in C */
    size_t n_row_blocks, n_column_blocks; /* tasks */
} run;

static void add(const tn_gemm *g, float *y, const float *x, size_t n)
{
    if (g->kernels)
        g->kernels->add(y, x, n);
    else
        for (size_t j = 0; j < n; j++)
            y[j] += x[j];
}

/* The tail on C[m, n0..n0+n). */
static void finish_row(const run *r, size_t m, size_t n0, size_t n)
{
    const tn_gemm_tail *t = r->tail;
    float *y = r->c + m * r->ldc + n0;
    if (t->bias)
        add(r->g, y, t->bias + n0, n);
    if (t->pre)
        memcpy(t->pre + m * t->ld_pre + n0, y, n * sizeof *y);
    if (t->activation)
        t->activation(y, y, n);
    if (t->hook)
        t->hook(t->hook_ctx, m, n0, y, n);
    if (t->residual)
        add(r->g, y, t->residual + m * t->ld_residual + n0, n);
    if (t->derivative)
        t->derivative(y, t->derivative_at + m * t->ld_derivative_at + n0, y, n);
}

/* A tile that is narrower than a panel, by way of a whole one. */
static void edge_tile(tn_gemm_tile_fn *tile, size_t rows, size_t k, const float *a, const float *b, float *c, size_t ldc,
                      size_t width, bool load, float *tmp)
{
    for (size_t i = 0; load && i < rows; i++)
        memcpy(tmp + i * PANEL, c + i * ldc, width * sizeof *c);
    tile(rows, k, a, b, tmp, PANEL, load);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * ldc, tmp + i * PANEL, width * sizeof *c);
}

/* While one panel of A is used, fetches a share of the next one, so that its copy does not wait for memory. */
static void prefetch_share(const run *r, size_t panel, size_t k0, size_t share, size_t n_shares)
{
    size_t m0 = cut(r->m, r->n_panels, panel), n = cut(r->m, r->n_panels, panel + 1) - m0;
    size_t k = k0 < r->b->k ? min(r->b->k - k0, TN_GEMM_KC) : 0;
    for (size_t m = m0 + cut(n, n_shares, share), end = m0 + cut(n, n_shares, share + 1); m < end; m++)
        for (size_t i = 0; i < k; i += 16)
            __builtin_prefetch(r->a + m * r->lda + k0 + i, 0, 2);
}

static void run_block(void *ctx, size_t task, int worker)
{
    const run *r = ctx;
    const tn_gemm_packed *b = r->b;
    size_t row_block = task % r->n_row_blocks, column_block = task / r->n_row_blocks;
    size_t p0 = cut(r->n_panels, r->n_row_blocks, row_block), p1 = cut(r->n_panels, r->n_row_blocks, row_block + 1);
    size_t j0 = cut(r->n_columns, r->n_column_blocks, column_block);
    size_t j1 = cut(r->n_columns, r->n_column_blocks, column_block + 1);
    size_t n0 = j0 * PANEL, n1 = min(j1 * PANEL, b->n), n_blocks = ceil_div(b->k, TN_GEMM_KC);
    scratch *s = &r->g->scratch[worker];

    if (!r->g->kernels)
        r->g->ref_run(cut(r->m, r->n_panels, p0), cut(r->m, r->n_panels, p1), n0, n1, r->a, r->lda, b, r->c, r->ldc,
                      r->accumulate);
    for (size_t block = 0; block < n_blocks; block++) {
        size_t k0 = cut(b->k, n_blocks, block), k = cut(b->k, n_blocks, block + 1) - k0;
        bool load = block > 0 || r->accumulate;
        for (size_t p = p0; p < p1; p++) {
            size_t m0 = cut(r->m, r->n_panels, p), m1 = cut(r->m, r->n_panels, p + 1);
            float *c = r->c + m0 * r->ldc;
            if (r->g->kernels) {
                for (size_t m = m0; m < m1; m++)
                    memcpy(s->a + (m - m0) * TN_GEMM_A_STRIDE, r->a + m * r->lda + k0, k * sizeof(float));
                for (size_t j = j0; j < j1; j++) {
                    prefetch_share(r, p + 1 < p1 ? p + 1 : p0, p + 1 < p1 ? k0 : k0 + k, j - j0, j1 - j0);
                    const float *panel = b->data + (j * b->k + k0) * PANEL;
                    size_t width = min(PANEL, b->n - j * PANEL);
                    if (width == PANEL)
                        r->g->kernels->by_rows(m1 - m0, k, s->a, panel, c + j * PANEL, r->ldc, load);
                    else
                        edge_tile(r->g->kernels->by_rows, m1 - m0, k, s->a, panel, c + j * PANEL, r->ldc, width, load,
                                  s->tail);
                }
            }
            for (size_t m = m0; r->tail && block + 1 == n_blocks && m < m1; m++)
                finish_row(r, m, n0, n1 - n0);
        }
    }
}

void tn_gemm_run(tn_gemm *g, size_t m, const float *a, size_t lda, const tn_gemm_packed *b, float *c, size_t ldc,
                 bool accumulate, const tn_gemm_tail *tail)
{
    run r = {.g = g, .m = m, .lda = lda, .ldc = ldc, .a = a, .b = b, .c = c, .accumulate = accumulate, .tail = tail};
    r.n_panels = ceil_div(m, g->kernels ? g->kernels->max_rows : TN_GEMM_ROWS);
    r.n_columns = ceil_div(b->n, PANEL);
    r.n_row_blocks = ceil_div(r.n_panels, RUN_PANELS);
    r.n_column_blocks = ceil_div(r.n_columns, RUN_COLUMNS);
    if (r.n_row_blocks * r.n_column_blocks < RUN_TASKS && m > 0)
        r.n_column_blocks = ceil_div(r.n_columns, ceil_div(r.n_columns * r.n_row_blocks, RUN_TASKS));
    tn_pool_run(g->pool, r.n_row_blocks * r.n_column_blocks, run_block, &r);
}

/* ---- dW = dYᵀ · X ---- */

typedef struct {
    const tn_gemm *g;
    size_t o, i, ldy, ldx, ldw;
    const float *dy, *x;
    const tn_shards *shards;
    float *dw;
    bool accumulate;
    size_t n_panels, n_columns, n_o_blocks, n_i_blocks;
    size_t m0, m1, n_blocks;              /* rows that take part, and into how many blocks they are cut */
    unsigned char n_adds[TN_SHARDS_MAX]; /* sums of the fold's tree that are complete once this shard's is */
} grad;

/* The fold as additions of the two youngest sums of a stack: after the last present shard of a right subtree, if the left
 * one has any. Small subtrees come first. */
static void plan_fold(const tn_shards *shards, unsigned char *n_adds)
{
    memset(n_adds, 0, TN_SHARDS_MAX);
    for (size_t span = 1; span < shards->n; span *= 2)
        for (size_t left = 0; left + span < shards->n; left += 2 * span) {
            size_t middle = left + span, end = min(left + 2 * span, shards->n), last = end;
            while (last > middle && shards->start[last] == shards->start[last - 1])
                last--;
            if (shards->start[left] < shards->start[middle] && last > middle)
                n_adds[last - 1]++;
        }
}

/* One tile of dW through the rows [m0, m1) of a block: from its stack, onto its stack. Returns how many sums are on it
 * besides the shard in progress. */
static size_t grad_tile(const grad *r, size_t m0, size_t m1, size_t shard, size_t n_pending, size_t rows, const float *a,
                        const float *b, float stack[LEVELS][TILE])
{
    for (size_t m = m0; m < m1; shard++) {
        size_t begin = r->shards->start[shard], end = r->shards->start[shard + 1], stop = min(end, m1);
        if (stop <= m)
            continue;
        r->g->kernels->by_columns(rows, stop - m, a + (m - m0) * TN_GEMM_A_COLUMN, b + (m - m0) * PANEL, stack[n_pending],
                                  PANEL, m > begin);
        m = stop;
        if (m < end)
            break;
        for (int k = r->n_adds[shard]; k > 0; k--, n_pending--)
            r->g->kernels->add(stack[n_pending - 1], stack[n_pending], rows * PANEL);
        n_pending++;
    }
    return n_pending;
}

static void grad_block(void *ctx, size_t task, int worker)
{
    const grad *r = ctx;
    scratch *s = &r->g->scratch[worker];
    size_t o_block = task % r->n_o_blocks, i_block = task / r->n_o_blocks;
    size_t p0 = cut(r->n_panels, r->n_o_blocks, o_block), p1 = cut(r->n_panels, r->n_o_blocks, o_block + 1);
    size_t j0 = cut(r->n_columns, r->n_i_blocks, i_block), j1 = cut(r->n_columns, r->n_i_blocks, i_block + 1);
    size_t first = 0, n_pending = 0; /* the shard that the block begins in; the same for all tiles */

    if (!r->g->kernels) {
        r->g->ref_grad(cut(r->o, r->n_panels, p0), cut(r->o, r->n_panels, p1), j0 * PANEL, min(j1 * PANEL, r->i), r->dy,
                       r->ldy, r->x, r->ldx, r->shards, r->dw, r->ldw, r->accumulate);
        return;
    }
    for (size_t block = 0; block < r->n_blocks; block++) {
        size_t m0 = r->m0 + cut(r->m1 - r->m0, r->n_blocks, block);
        size_t m1 = r->m0 + cut(r->m1 - r->m0, r->n_blocks, block + 1), next_pending = n_pending;
        while (r->shards->start[first + 1] <= m0)
            first++;
        for (size_t j = j0; j < j1; j++)
            copy_panel(r->x + m0 * r->ldx + j * PANEL, r->ldx, m1 - m0, min(PANEL, r->i - j * PANEL),
                       s->b + (j - j0) * TN_GEMM_KC * PANEL);
        for (size_t p = p0; p < p1; p++) {
            size_t o0 = cut(r->o, r->n_panels, p), rows = cut(r->o, r->n_panels, p + 1) - o0;
            r->g->kernels->copy_columns(r->dy + m0 * r->ldy + o0, r->ldy, rows, m1 - m0, s->a);
            for (size_t j = j0; j < j1; j++) {
                float(*stack)[TILE] = s->stack[(p - p0) * GRAD_COLUMNS + j - j0];
                next_pending = grad_tile(r, m0, m1, first, n_pending, rows, s->a, s->b + (j - j0) * TN_GEMM_KC * PANEL,
                                         stack);
                if (block + 1 < r->n_blocks)
                    continue;
                size_t width = min(PANEL, r->i - j * PANEL);
                for (size_t o = 0; o < rows; o++) {
                    float *out = r->dw + (o0 + o) * r->ldw + j * PANEL;
                    if (r->accumulate)
                        r->g->kernels->add(out, stack[0] + o * PANEL, width);
                    else
                        memcpy(out, stack[0] + o * PANEL, width * sizeof *out);
                }
            }
        }
        n_pending = next_pending;
    }
}

void tn_gemm_grad(tn_gemm *g, size_t o, size_t i, const float *dy, size_t ldy, const float *x, size_t ldx,
                  const tn_shards *shards, float *dw, size_t ldw, bool accumulate)
{
    grad r = {.g = g, .o = o, .i = i, .ldy = ldy, .ldx = ldx, .ldw = ldw, .dy = dy, .x = x, .shards = shards, .dw = dw};
    r.accumulate = accumulate;
    r.m0 = shards->start[0];
    r.m1 = shards->start[shards->n];
    if (r.m0 == r.m1) {
        for (size_t row = 0; row < o && !accumulate; row++)
            memset(dw + row * ldw, 0, i * sizeof *dw);
        return;
    }
    r.n_blocks = ceil_div(r.m1 - r.m0, TN_GEMM_KC);
    plan_fold(shards, r.n_adds);
    r.n_panels = ceil_div(o, g->kernels ? g->kernels->max_rows : TN_GEMM_ROWS);
    r.n_columns = ceil_div(i, PANEL);
    r.n_o_blocks = ceil_div(r.n_panels, GRAD_PANELS);
    r.n_i_blocks = ceil_div(r.n_columns, GRAD_COLUMNS);
    tn_pool_run(g->pool, r.n_o_blocks * r.n_i_blocks, grad_block, &r);
}
