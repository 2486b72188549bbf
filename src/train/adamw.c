/* Every update is elementwise, so it may be cut anywhere: the work is a list of spans of at most SPAN values over all
 * parameters, and any thread takes any span. The norm's spans are summed in double and added in the order of the list.
 *
 * Tables. A row is touched when it has had a gradient. Touched rows have a slot in m and v; slots are given in the
 * order of first touch, so the moments of a large table stay compact. The room for all slots is asked for at once but
 * comes as zero pages: memory is used when a slot is. `last[row]` is the step after which the row's value is right. A
 * row behind n_steps is replayed: the same kernel with a gradient of zeros, once for each missed step, with that step's
 * numbers. Untouched rows have m = v = 0, for which the kernel is the decay alone; without decay they are never behind,
 * and the row's value before its first touch is kept beside its moments: earlier weights can be had back.
 *
 * Invariant: for each table and row, value = dense value after last[row] steps (untouched and no decay: after any).
 * Dropped: a product of the missed steps' factors. It is fast and rounds otherwise. */
#include "train/adamw.h"
#include "base/fmath.h"
#include "num/kernels.h"

#include <math.h>
#include <string.h>

enum {
    SPAN = 16384,     /* values a task: 256 KiB of w, m, v, g, which fits the second-level cache */
    MAX_BEHIND = 4096 /* rows caught up in one go */
};

typedef struct {
    int32_t row, slot; /* slot -1: untouched */
    int64_t from;
} behind;

typedef struct {
    size_t n_rows, width;
    int32_t *slot;   /* [n_rows], -1: untouched */
    uint32_t *last;  /* [n_rows] */
    int32_t *row_of; /* [n_touched] row of each slot; room for n_rows */
    size_t n_touched;
    float *first; /* [n_rows, width] by slot: the row before it was touched; NULL when decay changes every row */
} table;

typedef struct {
    tn_param *p;
    float *m, *v; /* [size], or [n_rows, width] by slot */
    table *t;     /* NULL for a dense parameter */
    double rate;  /* its share of the learning rate */
} group;

/* A step's numbers before they are a group's. */
typedef struct {
    double lr, bias1;
    float bias2;
} moment;

struct tn_adamw_state {
    tn_pool *pool;
    const tn_kernels *k;
    tn_adamw_options options;
    group *g;
    size_t n;
    size_t *first_span;  /* [n + 1] of the current step */
    double *sum;         /* [largest number of spans] */
    float *zero;         /* [widest row] */
    behind *todo;        /* [MAX_BEHIND] */
    TN_VEC(moment) past; /* of step first_step + i */
    int64_t first_step, n_steps;
    /* of the run in progress */
    group *current;
    float clip;
};

static moment moment_of(const tn_adamw_options *x, double lr, int64_t step)
{
    double n = (double)step;
    return (moment){lr, 1 - tn_pow(x->beta1, n), (float)sqrt(1 - tn_pow(x->beta2, n))};
}

static bool decays(const tn_adamw_state *o, const group *g)
{
    return g->p->decay && o->options.weight_decay != 0;
}

/* The numbers of the step that follows `step` steps. */
static tn_adamw coef_at(const tn_adamw_state *o, const group *g, int64_t step)
{
    const tn_adamw_options *x = &o->options;
    const moment *m = &o->past.ptr[step - o->first_step];
    double lr = m->lr * g->rate;
    return (tn_adamw){.decay = decays(o, g) ? (float)(1 - lr * x->weight_decay) : 1,
                      .step = (float)(lr / m->bias1),
                      .rest1 = (float)(1 - x->beta1),
                      .beta2 = (float)x->beta2,
                      .rest2 = (float)(1 - x->beta2),
                      .bias2 = m->bias2,
                      .eps = (float)x->eps,
                      .grad_scale = 1};
}

/* ---- making ---- */

static tn_status make_table(group *g, bool decays, tn_err *err)
{
    table *t = g->t = tn_mem_calloc(sizeof *t);
    if (!t)
        return tn_fail_nomem(err, sizeof *t);
    t->n_rows = (size_t)g->p->dim[0];
    t->width = g->p->size / t->n_rows;
    t->first = decays ? NULL : tn_mem_calloc(g->p->size * sizeof *t->first);
    t->slot = tn_mem_alloc(t->n_rows * sizeof *t->slot);
    t->last = tn_mem_alloc(t->n_rows * sizeof *t->last);
    t->row_of = tn_mem_alloc(t->n_rows * sizeof *t->row_of);
    if (!t->slot || !t->last || !t->row_of || (!decays && !t->first))
        return tn_fail_nomem(err, t->n_rows * sizeof *t->slot);
    for (size_t r = 0; r < t->n_rows; r++) {
        t->slot[r] = -1;
        t->last[r] = 0;
    }
    return TN_OK;
}

static size_t n_spans(size_t n_values)
{
    return (n_values + SPAN - 1) / SPAN;
}

static tn_status make_groups(tn_adamw_state *o, tn_param *param, tn_err *err)
{
    size_t spans = 0, widest = 0;
    int32_t top = 0;
    for (size_t i = 0; i < o->n; i++)
        top = param[i].layer > top ? param[i].layer : top;
    o->g = tn_mem_calloc(o->n * sizeof *o->g);
    if (!o->g)
        return tn_fail_nomem(err, o->n * sizeof *o->g);
    for (size_t i = 0; i < o->n; i++) {
        group *g = &o->g[i];
        g->p = &param[i];
        g->rate = tn_pow(o->options.layer_decay, (double)(top - g->p->layer));
        /* Fresh zero pages: of a table's moments, only what a slot uses becomes memory. */
        g->m = tn_mem_calloc(g->p->size * sizeof(float));
        g->v = tn_mem_calloc(g->p->size * sizeof(float));
        if (!g->m || !g->v)
            return tn_fail_nomem(err, g->p->size * sizeof(float));
        if (g->p->sparse) {
            TN_TRY(make_table(g, decays(o, g), err));
            if (g->t->width > widest)
                widest = g->t->width;
        }
        spans += n_spans(g->p->size);
    }
    o->first_span = tn_mem_alloc((o->n + 1) * sizeof *o->first_span);
    o->sum = tn_mem_alloc(spans * sizeof *o->sum);
    o->zero = tn_mem_calloc(widest * sizeof *o->zero);
    o->todo = tn_mem_alloc(MAX_BEHIND * sizeof *o->todo);
    if (!o->first_span || !o->sum || !o->zero || !o->todo)
        return tn_fail_nomem(err, spans * sizeof *o->sum);
    return TN_OK;
}

static bool reserve_past(tn_adamw_state *o, int64_t n_steps)
{
    while (o->past.cap < (size_t)n_steps)
        if (!tn_vec_grow((void **)&o->past.ptr, &o->past.cap, sizeof *o->past.ptr))
            return false;
    return true;
}

tn_status tn_adamw_new(tn_engine *e, tn_param *param, size_t n_params, const tn_adamw_options *options, int64_t n_steps,
                       tn_adamw_state **out, tn_err *err)
{
    tn_adamw_state *o = tn_mem_calloc(sizeof *o);
    if (!o)
        return tn_fail_nomem(err, sizeof *o);
    o->pool = tn_engine_pool(e);
    o->k = tn_engine_kernels(e);
    o->options = *options;
    o->n = n_params;
    tn_status st = make_groups(o, param, err);
    if (st == TN_OK && !reserve_past(o, n_steps))
        st = tn_fail_nomem(err, (size_t)n_steps * sizeof *o->past.ptr);
    if (st != TN_OK) {
        tn_adamw_free(o);
        return st;
    }
    *out = o;
    return TN_OK;
}

void tn_adamw_free(tn_adamw_state *o)
{
    if (!o)
        return;
    for (size_t i = 0; o->g && i < o->n; i++) {
        tn_mem_free(o->g[i].m);
        tn_mem_free(o->g[i].v);
        if (o->g[i].t) {
            tn_mem_free(o->g[i].t->first);
            tn_mem_free(o->g[i].t->slot);
            tn_mem_free(o->g[i].t->last);
            tn_mem_free(o->g[i].t->row_of);
            tn_mem_free(o->g[i].t);
        }
    }
    tn_mem_free(o->g);
    tn_mem_free(o->first_span);
    tn_mem_free(o->sum);
    tn_mem_free(o->zero);
    tn_mem_free(o->todo);
    TN_VEC_FREE(&o->past);
    tn_mem_free(o);
}

/* ---- catching up ---- */

static void replay_touched(const tn_adamw_state *o, const group *g, const behind *b)
{
    size_t width = g->t->width, at = (size_t)b->slot * width;
    float *w = g->p->value + (size_t)b->row * width;
    for (int64_t step = b->from; step < o->n_steps; step++) {
        tn_adamw c = coef_at(o, g, step);
        o->k->adamw(&c, o->zero, w, g->m + at, g->v + at, width);
    }
}

static void replay_untouched(const tn_adamw_state *o, const group *g, const behind *b)
{
    float *w = g->p->value + (size_t)b->row * g->t->width;
    for (int64_t step = b->from; step < o->n_steps; step++) {
        float decay = coef_at(o, g, step).decay;
        o->k->scale(w, decay, w, g->t->width);
    }
}

static void replay_task(void *ctx, size_t task, int worker)
{
    const tn_adamw_state *o = ctx;
    const behind *b = &o->todo[task];
    if (b->slot >= 0)
        replay_touched(o, o->current, b);
    else
        replay_untouched(o, o->current, b);
}

/* Marks the row as right before it is: a row that comes twice is replayed once. */
static size_t note_behind(tn_adamw_state *o, const group *g, int32_t row, size_t n_todo)
{
    table *t = g->t;
    TN_ASSERT(row >= 0 && (size_t)row < t->n_rows);
    if (t->last[row] == o->n_steps || (t->slot[row] < 0 && !decays(o, g)))
        return n_todo;
    o->todo[n_todo] = (behind){.row = row, .slot = t->slot[row], .from = t->last[row]};
    t->last[row] = (uint32_t)o->n_steps;
    return n_todo + 1;
}

static void replay(tn_adamw_state *o, group *g, size_t n_todo)
{
    o->current = g;
    tn_pool_run(o->pool, n_todo, replay_task, o);
}

void tn_adamw_catch_up(tn_adamw_state *o, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < o->n; i++) {
        group *g = &o->g[i];
        size_t n_todo = 0;
        for (size_t k = 0; g->t && k < n; k++) {
            n_todo = note_behind(o, g, ids[k], n_todo);
            if (n_todo == MAX_BEHIND)
                replay(o, g, n_todo), n_todo = 0;
        }
        replay(o, g, n_todo);
    }
}

void tn_adamw_catch_up_all(tn_adamw_state *o)
{
    for (size_t i = 0; i < o->n; i++) {
        group *g = &o->g[i];
        size_t n_todo = 0;
        bool every = g->t && decays(o, g);
        size_t n = g->t ? every ? g->t->n_rows : g->t->n_touched : 0;
        for (size_t k = 0; k < n; k++) {
            n_todo = note_behind(o, g, every ? (int32_t)k : g->t->row_of[k], n_todo);
            if (n_todo == MAX_BEHIND)
                replay(o, g, n_todo), n_todo = 0;
        }
        replay(o, g, n_todo);
    }
}

/* ---- one step ---- */

/* Values of the parameter that have a gradient in this step. */
static size_t n_active(const group *g)
{
    return g->t ? (size_t)g->p->n_grad_rows * g->t->width : g->p->size;
}

static size_t lay_out_spans(tn_adamw_state *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        o->first_span[i] = n;
        n += n_spans(n_active(&o->g[i]));
    }
    return o->first_span[o->n] = n;
}

/* The group of a span, and where the span is in that group's gradient. */
static const group *find_span(const tn_adamw_state *o, size_t span, size_t *from, size_t *n)
{
    size_t low = 0, high = o->n; /* first_span[low] <= span < first_span[high] */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (o->first_span[mid] <= span)
            low = mid;
        else
            high = mid;
    }
    size_t total = n_active(&o->g[low]);
    *from = (span - o->first_span[low]) * SPAN;
    *n = total - *from < SPAN ? total - *from : SPAN;
    return &o->g[low];
}

static void square_task(void *ctx, size_t span, int worker)
{
    tn_adamw_state *o = ctx;
    size_t from, n;
    const group *g = find_span(o, span, &from, &n);
    o->sum[span] = o->k->sum_squares(g->p->grad + from, n);
}

double tn_adamw_grad_norm(tn_adamw_state *o)
{
    size_t n = lay_out_spans(o);
    double total = 0;
    tn_pool_run(o->pool, n, square_task, o);
    for (size_t i = 0; i < n; i++)
        total += o->sum[i];
    return sqrt(total);
}

float tn_adamw_clip(double norm, double max_norm)
{
    double c = max_norm > 0 ? max_norm / (norm + 1e-6) : 1;
    return c < 1 ? (float)c : 1;
}

static void touch(group *g, int32_t row)
{
    table *t = g->t;
    size_t slot = t->n_touched++;
    t->slot[row] = (int32_t)slot;
    t->row_of[slot] = row;
    if (t->first)
        memcpy(t->first + slot * t->width, g->p->value + (size_t)row * t->width, t->width * sizeof(float));
}

static void touch_rows(const tn_adamw_state *o, group *g)
{
    table *t = g->t;
    for (int32_t i = 0; i < g->p->n_grad_rows; i++) {
        int32_t row = g->p->grad_row[i];
        /* The forward pass read this row: it had to be right after the step before. */
        TN_ASSERT(t->last[row] == o->n_steps - 1 || (t->slot[row] < 0 && !decays(o, g)));
        if (t->slot[row] < 0)
            touch(g, row);
        t->last[row] = (uint32_t)o->n_steps;
    }
}

static void update_rows(const tn_adamw_state *o, const group *g, size_t from, size_t n, const tn_adamw *c)
{
    /* A span of a table need not begin at a row's begin; pieces of rows are as good as rows. */
    for (size_t done = 0; done < n;) {
        size_t i = (from + done) / g->t->width, column = (from + done) % g->t->width, len = g->t->width - column;
        int32_t row = g->p->grad_row[i];
        size_t at = (size_t)g->t->slot[row] * g->t->width + column;
        if (len > n - done)
            len = n - done;
        o->k->adamw(c, g->p->grad + from + done, g->p->value + (size_t)row * g->t->width + column, g->m + at, g->v + at,
                    len);
        done += len;
    }
}

static void step_task(void *ctx, size_t span, int worker)
{
    const tn_adamw_state *o = ctx;
    size_t from, n;
    const group *g = find_span(o, span, &from, &n);
    tn_adamw c = coef_at(o, g, o->n_steps - 1);
    c.grad_scale = o->clip;
    if (g->t)
        update_rows(o, g, from, n, &c);
    else
        o->k->adamw(&c, g->p->grad + from, g->p->value + from, g->m + from, g->v + from, n);
}

tn_status tn_adamw_step(tn_adamw_state *o, double lr, float clip, tn_err *err)
{
    if (!TN_PUSH(&o->past, moment_of(&o->options, lr, o->n_steps + 1)))
        return tn_fail_nomem(err, (o->past.len + 1) * sizeof *o->past.ptr);
    o->n_steps++;
    o->clip = clip;
    for (size_t i = 0; i < o->n; i++)
        if (o->g[i].t)
            touch_rows(o, &o->g[i]);
    tn_pool_run(o->pool, lay_out_spans(o), step_task, o);
    return TN_OK;
}

/* ---- checkpoints ---- */

tn_adamw_moments tn_adamw_moments_of(tn_adamw_state *o, size_t param)
{
    group *g = &o->g[param];
    if (!g->t)
        return (tn_adamw_moments){.n_rows = 1, .width = g->p->size, .m = g->m, .v = g->v};
    return (tn_adamw_moments){g->t->n_touched, g->t->width, g->t->row_of, g->m, g->v};
}

bool tn_adamw_changes_all_rows(const tn_adamw_state *o, size_t param)
{
    return !o->g[param].t || decays(o, &o->g[param]);
}

void tn_adamw_restore(tn_adamw_state *o, int64_t n_steps)
{
    TN_ASSERT(o->n_steps == 0 && n_steps <= UINT32_MAX);
    o->first_step = o->n_steps = n_steps;
    for (size_t i = 0; i < o->n; i++)
        for (size_t r = 0; o->g[i].t && r < o->g[i].t->n_rows; r++)
            o->g[i].t->last[r] = (uint32_t)n_steps;
}

void tn_adamw_restore_rows(tn_adamw_state *o, size_t param, const int32_t *row, size_t n_rows)
{
    group *g = &o->g[param];
    TN_ASSERT(g->t && g->t->n_touched == 0);
    for (size_t i = 0; i < n_rows; i++) {
        TN_ASSERT(row[i] >= 0 && (size_t)row[i] < g->t->n_rows && g->t->slot[row[i]] < 0);
        touch(g, row[i]);
    }
}

void tn_adamw_finish(tn_adamw_state *o)
{
    for (size_t i = 0; i < o->n; i++) {
        group *g = &o->g[i];
        const table *t = g->t;
        for (size_t k = 0; t && t->first && k < t->n_touched; k++)
            memcpy(g->p->value + (size_t)t->row_of[k] * t->width, t->first + k * t->width, t->width * sizeof(float));
        tn_mem_free(g->m);
        tn_mem_free(g->v);
        g->m = g->v = NULL;
    }
}
