/* Passes are leaves of a small tree, summed as a binary counter counts: level k holds the sum of a branch of 2^k passes that
 * waits for its neighbour. After pass i the sum of the newest branch is in the parameters' own gradients; each waiting level
 * that is its left neighbour is added, and the result waits in turn, or is the whole batch. A pass without rows (a last
 * batch with fewer rows than shards) is left out of its branch, as the tree leaves out a shard without rows.
 *
 * Invariant: before pass i, level k is full when bit k of i is set and that branch had rows. */
#include "train/passes.h"

#include <string.h>

enum {
    SPAN = 1 << 16,  /* values a task */
    MAX_LEVELS = 6,  /* 64 passes */
};

/* ---- copies of gradients ---- */

struct tn_grads {
    tn_pool *pool;
    const tn_kernels *k;
    tn_param *param;
    size_t n_params;
    float **dense;   /* [n_params]; NULL for tables */
    tn_grad_rows *kept;      /* [n_params]; of tables */
    tn_grad_rows *sum[2];    /* [n_params] each: sums in the making; the parameters' gradients may lie in one of them */
    size_t *first;   /* [n_params + 1] tasks of dense parameters */
    enum work { TAKE, GIVE, ADD } does; /* of the run in progress */
};

tn_status tn_grad_rows_new(tn_grad_rows *r, size_t n, size_t width, tn_err *err)
{
    r->row = tn_mem_alloc(n * sizeof *r->row);
    r->data = tn_mem_calloc(n * width * sizeof *r->data); /* zero pages: memory is used when a row is */
    return r->row && r->data ? TN_OK : tn_fail_nomem(err, n * width * sizeof *r->data);
}

void tn_grad_rows_free(tn_grad_rows *r)
{
    tn_mem_free(r->row);
    tn_mem_free(r->data);
}

tn_status tn_grads_new(tn_engine *e, tn_param *param, size_t n_params, size_t max_rows, tn_grads **out, tn_err *err)
{
    tn_grads *g = tn_mem_calloc(sizeof *g);
    if (!g)
        return tn_fail_nomem(err, sizeof *g);
    *g = (tn_grads){.pool = tn_engine_pool(e), .k = tn_engine_kernels(e), .param = param, .n_params = n_params};
    g->dense = tn_mem_calloc(n_params * sizeof *g->dense);
    g->first = tn_mem_calloc((n_params + 1) * sizeof *g->first);
    g->kept = tn_mem_calloc(n_params * sizeof *g->kept);
    g->sum[0] = tn_mem_calloc(n_params * sizeof *g->sum[0]);
    g->sum[1] = tn_mem_calloc(n_params * sizeof *g->sum[1]);
    tn_status st = g->dense && g->first && g->kept && g->sum[0] && g->sum[1] ? TN_OK : tn_fail_nomem(err, n_params * sizeof(tn_grad_rows));
    for (size_t i = 0; st == TN_OK && i < n_params; i++) {
        const tn_param *p = &param[i];
        size_t n = p->sparse ? (size_t)p->dim[0] : 1, width = p->size / n;
        n = n < max_rows ? n : max_rows;
        g->first[i + 1] = g->first[i] + (p->sparse ? 0 : (p->size + SPAN - 1) / SPAN);
        if (!p->sparse) {
            g->dense[i] = tn_mem_alloc(p->size * sizeof(float));
            st = g->dense[i] ? TN_OK : tn_fail_nomem(err, p->size * sizeof(float));
            continue;
        }
        tn_grad_rows *set[] = {&g->kept[i], &g->sum[0][i], &g->sum[1][i]};
        for (size_t k = 0; st == TN_OK && k < TN_COUNT(set); k++)
            st = tn_grad_rows_new(set[k], n, width, err);
    }
    if (st != TN_OK) {
        tn_grads_free(g);
        return st;
    }
    *out = g;
    return TN_OK;
}

void tn_grads_free(tn_grads *g)
{
    if (!g)
        return;
    tn_grad_rows *set[] = {g->kept, g->sum[0], g->sum[1]};
    for (size_t i = 0; g->dense && i < g->n_params; i++)
        tn_mem_free(g->dense[i]);
    for (size_t k = 0; k < TN_COUNT(set); k++) {
        for (size_t i = 0; set[k] && i < g->n_params; i++)
            tn_grad_rows_free(&set[k][i]);
        tn_mem_free(set[k]);
    }
    tn_mem_free(g->dense);
    tn_mem_free(g->first);
    tn_mem_free(g);
}

static void dense_task(void *ctx, size_t task, int worker)
{
    const tn_grads *g = ctx;
    size_t i = 0;
    while (g->first[i + 1] <= task)
        i++;
    size_t from = (task - g->first[i]) * SPAN, left = g->param[i].size - from, n = left < SPAN ? left : SPAN;
    float *own = g->param[i].grad + from, *kept = g->dense[i] + from;
    switch (g->does) {
    case TAKE: memcpy(kept, own, n * sizeof *kept); break;
    case GIVE: memcpy(own, kept, n * sizeof *own); break;
    case ADD: g->k->add(kept, own, own, n); break;
    }
}

static void run_dense(tn_grads *g, enum work does)
{
    g->does = does;
    tn_pool_run(g->pool, g->first[g->n_params], dense_task, g);
}

void tn_grads_take(tn_grads *g)
{
    run_dense(g, TAKE);
    for (size_t i = 0; i < g->n_params; i++) {
        const tn_param *p = &g->param[i];
        tn_grad_rows *r = &g->kept[i];
        if (!p->sparse)
            continue;
        r->n = p->n_grad_rows;
        memcpy(r->row, p->grad_row, (size_t)r->n * sizeof *r->row);
        memcpy(r->data, p->grad, (size_t)r->n * (p->size / (size_t)p->dim[0]) * sizeof *r->data);
    }
}

/* Two ascending lists become one. */
void tn_grad_rows_add(const tn_kernels *k, const tn_grad_rows *left, tn_param *p, tn_grad_rows *out)
{
    size_t width = p->size / (size_t)p->dim[0];
    int32_t a = 0, b = 0;
    out->n = 0;
    while (a < left->n || b < p->n_grad_rows) {
        bool of_left = a < left->n && (b == p->n_grad_rows || left->row[a] <= p->grad_row[b]);
        bool of_own = b < p->n_grad_rows && (a == left->n || p->grad_row[b] <= left->row[a]);
        const float *x = left->data + (size_t)a * width, *y = p->grad + (size_t)b * width;
        float *to = out->data + (size_t)out->n * width;
        out->row[out->n++] = of_left ? left->row[a] : p->grad_row[b];
        if (of_left && of_own)
            k->add(x, y, to, width);
        else
            memcpy(to, of_left ? x : y, width * sizeof *to);
        a += of_left;
        b += of_own;
    }
    p->grad = out->data;
    p->grad_row = out->row;
    p->n_grad_rows = out->n;
}

void tn_grads_give(tn_grads *g)
{
    run_dense(g, GIVE);
    for (size_t i = 0; i < g->n_params; i++) {
        tn_param *p = &g->param[i];
        if (!p->sparse)
            continue;
        p->grad = g->kept[i].data;
        p->grad_row = g->kept[i].row;
        p->n_grad_rows = g->kept[i].n;
    }
}

void tn_grads_add(tn_grads *g)
{
    run_dense(g, ADD);
    for (size_t i = 0; i < g->n_params; i++)
        if (g->param[i].sparse)
            tn_grad_rows_add(g->k, &g->kept[i], &g->param[i], &g->sum[g->param[i].grad == g->sum[0][i].data][i]);
}

/* ---- passes ---- */

struct tn_passes {
    int32_t n_passes;
    size_t width; /* of a line of outputs */
    int n_levels;
    tn_grads *level[MAX_LEVELS];
    bool full[MAX_LEVELS];
    float sum[MAX_LEVELS][2]; /* of losses, before the divisors */
    tn_batch_room room;
};

tn_status tn_passes_new(tn_engine *e, tn_param *param, size_t n_params, int32_t width, const tn_passes_size *size,
                        tn_passes **out, tn_err *err)
{
    tn_passes *p = tn_mem_calloc(sizeof *p);
    if (!p)
        return tn_fail_nomem(err, sizeof *p);
    p->n_passes = size->n_passes;
    p->width = (size_t)width;
    p->room.start = tn_mem_alloc((size->max_rows + 1) * sizeof *p->room.start);
    tn_status st = p->room.start ? TN_OK : tn_fail_nomem(err, size->max_rows * sizeof *p->room.start);
    for (; st == TN_OK && 1 << p->n_levels < size->n_passes; p->n_levels += st == TN_OK)
        st = tn_grads_new(e, param, n_params, size->max_tokens, &p->level[p->n_levels], err);
    if (st != TN_OK) {
        tn_passes_free(p);
        return st;
    }
    *out = p;
    return TN_OK;
}

void tn_passes_free(tn_passes *p)
{
    if (!p)
        return;
    for (int k = 0; k < p->n_levels; k++)
        tn_grads_free(p->level[k]);
    tn_mem_free(p->room.start);
    tn_mem_free(p);
}

static void cut_targets(tn_targets *t, int32_t row, int32_t token, size_t width)
{
    switch (t->kind) {
    case TN_TARGET_CLASS: t->label += row; break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: t->value += (size_t)row * width; break;
    case TN_TARGET_TOKENS: t->label += token; break;
    case TN_TARGET_SPANS:
        t->first += row;
        t->last += row;
        break;
    case TN_TARGET_NONE: break;
    }
}

void tn_batch_part(const tn_train_batch *whole, int32_t i, int32_t n_parts, size_t width, tn_batch_room *room,
                   tn_train_batch *out)
{
    int32_t n = whole->n_shards / n_parts;
    const int32_t *shard = whole->shard + i * n;
    int32_t from = shard[0], end = shard[n], token = whole->batch.start[from];
    TN_ASSERT(n >= 1 && n < (int32_t)TN_COUNT(room->shard));
    *out = *whole;
    for (int32_t r = from; r <= end; r++)
        room->start[r - from] = whole->batch.start[r] - token;
    for (int32_t s = 0; s <= n; s++)
        room->shard[s] = shard[s] - from;
    out->batch.n_rows = end - from;
    out->batch.start = room->start;
    out->batch.ids = whole->batch.ids + token;
    out->batch.type_id = whole->batch.type_id ? whole->batch.type_id + token : NULL;
    cut_targets(&out->target, from, token, width);
    out->n_shards = n;
    out->shard = room->shard;
    out->first_row = whole->first_row + from;
}

/* Pass i is over. The sum of the newest branch is in the parameters' gradients, if it has rows at all. */
static void carry(tn_passes *p, int32_t i, bool has_rows, float sum[2])
{
    int k = 0;
    for (; (i >> k) & 1; k++) { /* a right branch: the left one waits at level k */
        if (p->full[k]) {
            (has_rows ? tn_grads_add : tn_grads_give)(p->level[k]);
            for (int end = 0; end < 2; end++)
                sum[end] = has_rows ? p->sum[k][end] + sum[end] : p->sum[k][end];
            has_rows = true;
        }
        p->full[k] = false;
    }
    if (k == p->n_levels) /* the whole batch */
        return;
    if ((p->full[k] = has_rows)) {
        tn_grads_take(p->level[k]);
        memcpy(p->sum[k], sum, sizeof p->sum[k]);
    }
}

static double mean(float sum, double divisor)
{
    return divisor > 0 ? (double)sum / divisor : 0;
}

double tn_batch_loss(const tn_train_batch *whole, const float sum[2])
{
    const double *divisor = whole->loss.divisor;
    if (whole->target.kind == TN_TARGET_SPANS)
        return mean(sum[0], divisor[0]) / 2 + mean(sum[1], divisor[1]) / 2;
    return mean(sum[0], divisor[0]);
}

tn_status tn_passes_backward(tn_passes *p, tn_backward_fn *backward, void *self, const tn_train_batch *b,
                             tn_train_result *out, tn_err *err)
{
    tn_train_batch whole = *b;
    double *divisor = whole.loss.divisor;
    *out = (tn_train_result){0};
    if (divisor[0] == 0)
        tn_targets_count(&b->target, b->batch.n_rows, b->batch.start, (int64_t)p->width, b->loss.class_weight, divisor);
    for (int32_t i = 0; i < p->n_passes; i++) {
        tn_train_batch piece;
        tn_train_result r = {0};
        tn_batch_part(&whole, i, p->n_passes, p->width, &p->room, &piece);
        if (piece.batch.n_rows > 0)
            TN_TRY(backward(self, &piece, &r, err));
        out->n_correct += r.n_correct;
        out->n_counted += r.n_counted;
        if (piece.batch.n_rows > 0)
            memcpy(out->sum, r.sum, sizeof out->sum);
        carry(p, i, piece.batch.n_rows > 0, out->sum);
    }
    out->loss = tn_batch_loss(&whole, out->sum);
    return TN_OK;
}
