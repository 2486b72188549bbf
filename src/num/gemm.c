/* Cuts a product into tasks by its sizes alone, and a task into tiles that live in registers.
 *
 * C = A · B. A task owns a block of C, some panels of rows (TN_GEMM_ROWS or fewer each, even in height) by some panels
 * of columns (32 each), and all of k. It walks k in blocks of at most TN_GEMM_KC:
 *
 *   for each block of k             B's block stays in the second-level cache
 *     for each panel of rows        copied, so that it is dense and in the first-level cache
 *       for each panel of columns   one tile; C is reloaded between blocks of k, which is exact
 *
 * so nothing is packed ahead but the weights, tasks never wait for each other, and a small M has as many tasks as N
 * allows. After the last k a panel's rows, still in cache, get their tail.
 *
 * dW = dYᵀ · X is the same with both operands copied. A block of rows holds pieces of shards; each tile keeps a small
 * stack of partial sums: a shard's sum is pushed, and neighbours of the fold's tree are added as soon as both are
 * there.
 *
 * Invariant: an element's chain is never split but by storing and reloading it. */
#include "num/gemm_kernel.h"
#include "base/mem.h"

#include <string.h>
#include <sys/mman.h>

enum {
    PANEL = TN_GEMM_PANEL,
    TILE = TN_GEMM_TILE,
    LEVELS = 7, /* of the stack: 64 shards leave 6 sums pending, and one is being made */
    /* A task's block of C in run: 4 panels of rows reuse B's block from the second level often enough that fetching it
     * (4 bytes a 4 · 14 / 16 cycles of FMA at most) does not count; fewer rows a task balance the threads better. */
    RUN_PANELS = 4,
    RUN_COLUMNS = 12, /* panels of 32: with k = 384 B's block is 576 KiB */
    RUN_TASKS = 8,    /* with fewer than this, narrower blocks */
    FEW_TASKS = 64,
    /* In grad a task copies its block of X (GRAD_COLUMNS panels) and dY (GRAD_PANELS, a group at a time); a copied
     * float of X is used by 14 · 24 rows of dW, one of dY by 32 · 8 columns. */
    GRAD_PANELS = 24,
    GRAD_COLUMNS = 8,
    GRAD_SHORT = 256, /* rows of a batch whose panel of X stays in the first-level cache: the shards fold in registers */
    GRAD_GROUP = 4,   /* copies of dY that stay near: 96 KiB */
    /* Floats of a copy; 5 lines more, so that panels which are written side by side fall on different cache sets. */
    PANEL_A = TN_GEMM_KC * TN_GEMM_A_COLUMN + 5 * 16,
    PANEL_B = TN_GEMM_KC * PANEL + 5 * 16,
};

/* Scratch of one thread; all parts are whole lines. */
typedef struct tn_gemm_scratch {
    float a[TN_GEMM_ROWS * TN_GEMM_A_STRIDE]; /* run: a panel of A */
    float tail[TILE];                         /* run: the tile at the right edge */
    float grad_a[GRAD_GROUP][PANEL_A];
    float grad_b[GRAD_COLUMNS][PANEL_B];
    float stack[GRAD_PANELS * GRAD_COLUMNS][LEVELS][TILE];
} scratch;

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* One side of a grid of tasks, at least `n`, made larger until a small grid has a multiple of 4: few equal tasks should
 * leave neither of 2 or 4 threads idle at the end. */
static size_t even_tasks(size_t n, size_t most, size_t other_side)
{
    for (size_t side = n; side <= most && side * other_side < FEW_TASKS; side++)
        if (side * other_side % 4 == 0)
            return side;
    return n;
}

tn_status tn_gemm_new(tn_pool *pool, tn_isa isa, tn_gemm **out, tn_err *err)
{
    if (!tn_isa_has(isa))
        return tn_fail(err, TN_EINVALID, "matrix product: this CPU lacks the instruction set asked for");
    size_t n_bytes = (size_t)tn_pool_size(pool) * sizeof(scratch);
    tn_gemm *g = tn_mem_calloc(sizeof *g);
    if (g)
        g->scratch = tn_mem_alloc_aligned(n_bytes, (size_t)2 << 20);
    if (!g || !g->scratch) {
        tn_gemm_free(g);
        return tn_fail_nomem(err, n_bytes);
    }
    madvise(g->scratch, n_bytes, MADV_HUGEPAGE); /* only a wish: the panels are read faster */
    g->pool = pool;
    g->ref_run = tn_gemm_ref_run;
    g->ref_grad = tn_gemm_ref_grad;
#if defined(__x86_64__)
    if (tn_isa_has(TN_ISA_AVX2)) {
        g->ref_run = tn_gemm_ref_run_fma;
        g->ref_grad = tn_gemm_ref_grad_fma;
    }
    g->kernels8 = tn_gemm8_kernels_get(isa);
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

tn_gemm_grid tn_gemm_grid_of(size_t m, size_t n, size_t max_rows)
{
    tn_gemm_grid t = {.n_panels = ceil_div(m, max_rows), .n_columns = ceil_div(n, PANEL)};
    t.n_column_blocks = ceil_div(t.n_columns, RUN_COLUMNS);
    t.n_row_blocks = even_tasks(ceil_div(t.n_panels, RUN_PANELS), t.n_panels, t.n_column_blocks);
    if (t.n_row_blocks * t.n_column_blocks < RUN_TASKS && m > 0)
        t.n_column_blocks = ceil_div(t.n_columns, ceil_div(t.n_columns * t.n_row_blocks, RUN_TASKS));
    return t;
}

typedef struct {
    const tn_gemm *g;
    size_t m, lda, ldc;
    const float *a;
    const tn_gemm_packed *b;
    float *c;
    bool accumulate;
    const tn_gemm_tail *tail;
    tn_gemm_grid grid;
} run;

static void add(const tn_gemm *g, float *y, const float *x, size_t n)
{
    if (g->kernels)
        g->kernels->add(y, x, n);
    else
        for (size_t j = 0; j < n; j++)
            y[j] += x[j];
}

void tn_gemm_finish(const tn_gemm *g, const tn_gemm_tail *t, size_t m, size_t n0, size_t n, float *y)
{
    if (t->bias)
        add(g, y, t->bias + n0, n);
    if (t->pre)
        memcpy(t->pre + m * t->ld_pre + n0, y, n * sizeof *y);
    if (t->activation)
        t->activation(y, y, n);
    if (t->hook)
        t->hook(t->hook_ctx, m, n0, y, n);
    if (t->residual)
        add(g, y, t->residual + m * t->ld_residual + n0, n);
    if (t->derivative)
        t->derivative(y, t->derivative_at + m * t->ld_derivative_at + n0, y, n);
}

/* A tile that is narrower than a panel, by way of a whole one. */
static void edge_tile(const run *r, size_t rows, size_t k, const float *a, const float *b, float *c, size_t width,
                      bool load, float *tmp)
{
    for (size_t i = 0; load && i < rows; i++)
        memcpy(tmp + i * PANEL, c + i * r->ldc, width * sizeof *c);
    tn_gemm_ends ends = {.start = load ? tmp : NULL, .ld_start = PANEL, .out = tmp, .ld_out = PANEL};
    r->g->kernels->by_rows(rows, k, a, b, &ends);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * r->ldc, tmp + i * PANEL, width * sizeof *c);
}

/* Fetches share `share` of a matrix into the second-level cache, while another one is worked on. */
static void prefetch_share(const float *p, size_t ld, size_t rows, size_t n, size_t share, size_t n_shares)
{
    size_t row = cut(rows, n_shares, share), end = cut(rows, n_shares, share + 1);
    for (p += row * ld; row < end; row++, p += ld)
        for (size_t i = 0; i < n + 15; i += 16) /* the last line too, when rows begin inside a line */
            __builtin_prefetch(p + min(i, n - 1), 0, 2);
}

static void run_block(void *ctx, size_t task, int worker)
{
    const run *r = ctx;
    const tn_gemm_packed *b = r->b;
    const tn_gemm_grid *t = &r->grid;
    size_t row_block = task % t->n_row_blocks, column_block = task / t->n_row_blocks;
    size_t p0 = cut(t->n_panels, t->n_row_blocks, row_block), p1 = cut(t->n_panels, t->n_row_blocks, row_block + 1);
    size_t j0 = cut(t->n_columns, t->n_column_blocks, column_block);
    size_t j1 = cut(t->n_columns, t->n_column_blocks, column_block + 1);
    size_t n0 = j0 * PANEL, n1 = min(j1 * PANEL, b->n), n_blocks = ceil_div(b->k, TN_GEMM_KC);
    scratch *s = &r->g->scratch[worker];

    if (!r->g->kernels)
        r->g->ref_run(cut(r->m, t->n_panels, p0), cut(r->m, t->n_panels, p1), n0, n1, r->a, r->lda, b, r->c, r->ldc,
                      r->accumulate);
    for (size_t block = 0; block < n_blocks; block++) {
        size_t k0 = cut(b->k, n_blocks, block), k = cut(b->k, n_blocks, block + 1) - k0;
        bool load = block > 0 || r->accumulate;
        for (size_t p = p0; p < p1; p++) {
            size_t m0 = cut(r->m, t->n_panels, p), m1 = cut(r->m, t->n_panels, p + 1);
            float *c = r->c + m0 * r->ldc;
            if (r->g->kernels) {
                for (size_t m = m0; m < m1; m++)
                    memcpy(s->a + (m - m0) * TN_GEMM_A_STRIDE, r->a + m * r->lda + k0, k * sizeof(float));
                for (size_t j = j0; j < j1; j++) {
                    if (p + 1 < p1)
                        prefetch_share(r->a + m1 * r->lda + k0, r->lda, m1 - m0, k, j - j0, j1 - j0);
                    const float *panel = b->data + (j * b->k + k0) * PANEL;
                    size_t width = min(PANEL, b->n - j * PANEL);
                    float *out = c + j * PANEL;
                    tn_gemm_ends ends = {.start = load ? out : NULL, .ld_start = r->ldc, .out = out, .ld_out = r->ldc};
                    if (width == PANEL)
                        r->g->kernels->by_rows(m1 - m0, k, s->a, panel, &ends);
                    else
                        edge_tile(r, m1 - m0, k, s->a, panel, out, width, load, s->tail);
                }
            }
            for (size_t m = m0; r->tail && block + 1 == n_blocks && m < m1; m++)
                tn_gemm_finish(r->g, r->tail, m, n0, n1 - n0, r->c + m * r->ldc + n0);
        }
    }
}

void tn_gemm_run(tn_gemm *g, size_t m, const float *a, size_t lda, const tn_gemm_packed *b, float *c, size_t ldc,
                 bool accumulate, const tn_gemm_tail *tail)
{
    run r = {.g = g, .m = m, .lda = lda, .ldc = ldc, .a = a, .b = b, .c = c, .accumulate = accumulate, .tail = tail};
    r.grid = tn_gemm_grid_of(m, b->n, g->kernels ? g->kernels->max_rows : TN_GEMM_ROWS);
    tn_pool_run(g->pool, r.grid.n_row_blocks * r.grid.n_column_blocks, run_block, &r);
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
    bool four;                           /* four short shards, by their own tile */
    size_t k[4];                         /* the rows of those */
    size_t m0, m1, n_blocks;             /* rows that take part, and into how many blocks they are cut */
    unsigned char n_adds[TN_SHARDS_MAX]; /* sums of the fold's tree that are complete once this shard's is */
} grad;

/* The fold as additions of the two youngest sums of a stack: after the last present shard of a right subtree, if the
 * left one has any. Small subtrees come first. */
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

/* The rows [m0, m1) of a block, and how every tile stands before them: the first shard that has rows here, and the sums
 * on the stack below it. */
typedef struct {
    size_t m0, m1, shard, n_pending;
} span;

/* A column of lines to fetch, one a row: what will be copied next. */
typedef struct {
    const float *line;
    size_t ld;
} fetch;

/* Line `at` of rows of `n` floats, if there are so many. */
static fetch fetch_line(const float *p, size_t ld, size_t n, size_t at)
{
    return at < (n + 30) / 16 ? (fetch){p + min(16 * at, n - 1), ld} : (fetch){NULL, 0};
}

/* One tile of dW, at `o0`, `i0`, through a span: from its stack onto its stack, or to dW after the last row. Returns
 * how many sums are then on the stack, besides the shard in progress. */
static size_t grad_tile(const grad *r, const span *at, size_t o0, size_t rows, size_t i0, const float *a,
                        const float *b, float stack[LEVELS][TILE], fetch next)
{
    size_t n_pending = at->n_pending, width = min(PANEL, r->i - i0);
    if (r->four) {
        bool whole = width == PANEL;
        r->g->kernels->four(rows, r->k, a, b, whole && r->accumulate, whole ? r->dw + o0 * r->ldw + i0 : stack[0],
                            whole ? r->ldw : PANEL);
    }
    for (size_t m = r->four ? at->m1 : at->m0, shard = at->shard; m < at->m1; shard++) {
        size_t begin = r->shards->start[shard], end = r->shards->start[shard + 1], stop = min(end, at->m1);
        if (stop <= m)
            continue;
        float *sum = stack[n_pending];
        tn_gemm_ends ends = {.start = m > begin ? sum : NULL, .ld_start = PANEL, .out = sum, .ld_out = PANEL};
        ends.next = next.line;
        ends.ld_next = next.ld;
        if (stop == end) {
            ends.n_below = r->n_adds[shard];
            n_pending -= ends.n_below;
            ends.below = ends.n_below > 0 ? sum - TILE : NULL;
            ends.out = stack[n_pending++];
            if (stop == r->m1 && width == PANEL) { /* the last: its out is the bottom of the stack, stack[0] */
                ends.out = r->dw + o0 * r->ldw + i0;
                ends.ld_out = r->ldw;
                ends.accumulate = r->accumulate;
            }
        }
        r->g->kernels->by_columns(rows, stop - m, a, b, &ends);
        a += (stop - m) * TN_GEMM_A_COLUMN;
        b += (stop - m) * PANEL;
        if (next.line)
            next.line += (stop - m) * next.ld;
        m = stop;
        if (m < end)
            break;
    }
    for (size_t o = 0; at->m1 == r->m1 && width < PANEL && o < rows; o++) {
        float *out = r->dw + (o0 + o) * r->ldw + i0;
        if (r->accumulate)
            r->g->kernels->add(out, stack[0] + o * PANEL, width);
        else
            memcpy(out, stack[0] + o * PANEL, width * sizeof *out);
    }
    return n_pending;
}

static void grad_block(void *ctx, size_t task, int worker)
{
    const grad *r = ctx;
    scratch *s = &r->g->scratch[worker];
    size_t o_block = task % r->n_o_blocks, i_block = task / r->n_o_blocks;
    size_t p0 = cut(r->n_panels, r->n_o_blocks, o_block), n_p = cut(r->n_panels, r->n_o_blocks, o_block + 1) - p0;
    size_t j0 = cut(r->n_columns, r->n_i_blocks, i_block), n_j = cut(r->n_columns, r->n_i_blocks, i_block + 1) - j0;
    size_t o_start[GRAD_PANELS + 1], i_start[GRAD_COLUMNS + 1]; /* of the panels of dY's and X's columns */
    for (size_t p = 0; p <= n_p; p++)
        o_start[p] = cut(r->o, r->n_panels, p0 + p);
    for (size_t j = 0; j <= n_j; j++)
        i_start[j] = min((j0 + j) * PANEL, r->i);
    size_t o0 = o_start[0], n_o = o_start[n_p] - o0, i0 = i_start[0], n_i = i_start[n_j] - i0;

    if (!r->g->kernels) {
        r->g->ref_grad(o0, o0 + n_o, i0, i0 + n_i, r->dy, r->ldy, r->x, r->ldx, r->shards, r->dw, r->ldw,
                       r->accumulate);
        return;
    }
    size_t n_groups = ceil_div(n_p, GRAD_GROUP), n_pending = 0;
    span at = {0};
    for (size_t block = 0; block < r->n_blocks; block++) {
        at.m0 = r->m0 + cut(r->m1 - r->m0, r->n_blocks, block);
        at.m1 = r->m0 + cut(r->m1 - r->m0, r->n_blocks, block + 1);
        at.n_pending = n_pending;
        while (r->shards->start[at.shard + 1] <= at.m0)
            at.shard++;
        bool last_block = block + 1 == r->n_blocks;
        const float *dy = r->dy + at.m0 * r->ldy, *x = r->x + at.m0 * r->ldx;
        const float *next_dy = r->dy + at.m1 * r->ldy, *next_x = r->x + at.m1 * r->ldx;
        r->g->kernels->split(x, r->ldx, at.m1 - at.m0, i_start, n_j, PANEL, s->grad_b[0], PANEL_B);
        for (size_t group = 0; group < n_groups; group++) {
            const size_t *o = o_start + cut(n_p, n_groups, group), *o_end = o_start + cut(n_p, n_groups, group + 1);
            const size_t *o_after = group + 1 < n_groups ? o_start + cut(n_p, n_groups, group + 2) : NULL;
            size_t o_first = o_start[cut(n_p, n_groups, 1)]; /* where the first group ends */
            r->g->kernels->split(dy, r->ldy, at.m1 - at.m0, o, (size_t)(o_end - o), TN_GEMM_A_COLUMN, s->grad_a[0],
                                 PANEL_A);
            for (size_t p = 0, t = 0; o + p < o_end; p++)
                for (size_t j = 0; j < n_j; j++, t++) {
                    fetch next = {NULL, 0};
                    if (o_after)
                        next = fetch_line(dy + *o_end, r->ldy, *o_after - *o_end, t);
                    else if (!last_block) {
                        size_t n_lines = (n_i + 30) / 16;
                        next = t < n_lines ? fetch_line(next_x + i0, r->ldx, n_i, t)
                                           : fetch_line(next_dy + o0, r->ldy, o_first - o0, t - n_lines);
                    }
                    float(*stack)[TILE] = s->stack[(size_t)(o - o_start + p) * GRAD_COLUMNS + j];
                    n_pending =
                        grad_tile(r, &at, o[p], o[p + 1] - o[p], i_start[j], s->grad_a[p], s->grad_b[j], stack, next);
                }
        }
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
    r.four = shards->n == 4 && r.m1 - r.m0 <= GRAD_SHORT && g->kernels && g->kernels->four;
    for (size_t s = 0; r.four && s < 4; s++) {
        r.k[s] = shards->start[s + 1] - shards->start[s];
        r.four = r.k[s] > 0; /* an absent shard is skipped, not added */
    }
    r.n_panels = ceil_div(o, r.four ? TN_GEMM_FOUR_ROWS : g->kernels ? g->kernels->max_rows : TN_GEMM_ROWS);
    r.n_columns = ceil_div(i, PANEL);
    r.n_i_blocks = ceil_div(r.n_columns, GRAD_COLUMNS);
    r.n_o_blocks = even_tasks(ceil_div(r.n_panels, GRAD_PANELS), r.n_panels, r.n_i_blocks);
    tn_pool_run(g->pool, r.n_o_blocks * r.n_i_blocks, grad_block, &r);
}
