/* Each op checks shapes, then cuts its work into tasks whose size is fixed by the shapes. No sum crosses a cut, so the
 * number of threads is not part of any result. */
#include "tensor/op.h"

#include "base/fmath.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SPAN = 1 << 14,    /* elements of an elementwise task: 64 KiB, about 5 us */
    ROW_BLOCK = 32,    /* rows of a row-wise task: at 384 wide the same size */
    COLUMN_BLOCK = 64, /* columns of a column-wise task: whole cache lines */
    ID_BLOCK = 16,     /* rows of a table in a task */
};

/* ---- shapes ---- */

const char *tn_tensor_shape(const tn_tensor *t, char out[96])
{
    size_t at = (size_t)snprintf(out, 96, "[");
    for (int i = 0; i < t->n_dims; i++)
        at += (size_t)snprintf(out + at, 96 - at, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    snprintf(out + at, 96 - at, "]");
    return out;
}

static tn_status disagree(tn_err *err, const char *op, const tn_tensor *a, const tn_tensor *b)
{
    char x[96], y[96];
    return tn_fail(err, TN_EINVALID, "%s: the shapes %s and %s do not fit", op, tn_tensor_shape(a, x),
                   tn_tensor_shape(b, y));
}

static bool same_shape(const tn_tensor *a, const tn_tensor *b)
{
    bool same = a->n_dims == b->n_dims;
    for (int i = 0; same && i < a->n_dims; i++)
        same = a->dim[i] == b->dim[i];
    return same;
}

static bool is_matrix(const tn_tensor *t)
{
    return t->n_dims == 2;
}

static bool is_vector(const tn_tensor *t, int64_t n)
{
    return t->n_dims == 1 && t->dim[0] == n;
}

static size_t n_blocks(size_t n, size_t block)
{
    return (n + block - 1) / block;
}

static size_t block_end(size_t task, size_t block, size_t n)
{
    size_t end = (task + 1) * block;
    return end < n ? end : n;
}

/* ---- linear ---- */

tn_status tn_op_linear(tn_engine *e, const tn_tensor *x, const tn_gemm_packed *w, const tn_gemm_tail *tail,
                       bool accumulate, tn_tensor *y, tn_err *err)
{
    if (!is_matrix(x) || !is_matrix(y) || x->dim[0] != y->dim[0] || (size_t)x->dim[1] != w->k ||
        (size_t)y->dim[1] != w->n)
        return disagree(err, "linear", x, y);
    tn_gemm_run(tn_engine_gemm(e), (size_t)x->dim[0], x->data, w->k, w, y->data, w->n, accumulate, tail);
    return TN_OK;
}

tn_status tn_op_linear8(tn_engine *e, const tn_tensor *x, const tn_gemm8_packed *w, const tn_gemm_tail *tail,
                        float *scratch, tn_tensor *y, tn_err *err)
{
    if (!is_matrix(x) || !is_matrix(y) || x->dim[0] != y->dim[0] || (size_t)x->dim[1] != w->k ||
        (size_t)y->dim[1] != w->n)
        return disagree(err, "linear", x, y);
    size_t m = (size_t)x->dim[0];
    tn_gemm8_rows rows = tn_gemm8_rows_in(scratch, m, w->k);
    tn_gemm8_quantise(tn_engine_gemm(e), m, w->k, x->data, w->k, &rows);
    tn_gemm8_run(tn_engine_gemm(e), m, &rows, w, y->data, w->n, tail);
    return TN_OK;
}

struct column_sums {
    const tn_kernels *k;
    const float *x;
    size_t c, block;
    const tn_shards *shards;
    bool accumulate;
    float *out;
};

static void column_sums_task(void *ctx, size_t task, int worker)
{
    const struct column_sums *a = ctx;
    float sum[COLUMN_BLOCK], *out = a->out + task * a->block;
    size_t from = task * a->block, n = block_end(task, a->block, a->c) - from;
    a->k->column_sums(a->x + from, a->c, a->shards, n, a->accumulate ? sum : out);
    if (a->accumulate)
        a->k->add(out, sum, out, n);
}

static void column_sums(tn_engine *e, const float *x, size_t c, const tn_shards *shards, bool accumulate, float *out)
{
    struct column_sums a = {tn_engine_kernels(e), x, c, COLUMN_BLOCK, shards, accumulate, out};
    tn_pool_run(tn_engine_pool(e), n_blocks(c, COLUMN_BLOCK), column_sums_task, &a);
}

tn_status tn_op_fold(tn_engine *e, const float *parts, const tn_shards *shards, size_t n, float *out, tn_err *err)
{
    struct column_sums a = {tn_engine_kernels(e), parts, n, SPAN, shards, false, out};
    tn_pool_run(tn_engine_pool(e), n_blocks(n, SPAN), column_sums_task, &a);
    return TN_OK;
}

tn_status tn_op_linear_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const tn_shards *shards,
                            bool accumulate, float *dw, float *db, tn_err *err)
{
    if (!is_matrix(dy) || !is_matrix(x) || dy->dim[0] != x->dim[0] || shards->start[shards->n] != (size_t)x->dim[0])
        return disagree(err, "linear gradient", dy, x);
    size_t o = (size_t)dy->dim[1], i = (size_t)x->dim[1];
    if (dw)
        tn_gemm_grad(tn_engine_gemm(e), o, i, dy->data, o, x->data, i, shards, dw, i, accumulate);
    if (db)
        column_sums(e, dy->data, o, shards, accumulate, db);
    return TN_OK;
}

tn_status tn_op_linear_grad_lines(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, size_t first, size_t n, float *dw, tn_err *err)
{
    size_t rows = (size_t)dy->dim[0], o = (size_t)dy->dim[1], i = (size_t)x->dim[1];
    if (!is_matrix(dy) || !is_matrix(x) || dy->dim[0] != x->dim[0] || first + n > o)
        return disagree(err, "linear gradient", dy, x);
    tn_gemm_grad(tn_engine_gemm(e), n, i, dy->data + first, o, x->data, i, &(tn_shards){1, (const size_t[]){0, rows}}, dw, i, false);
    return TN_OK;
}

/* ---- elementwise ---- */

static float sigmoid(float x)
{
    /* Both branches keep exp's argument at or below 0: no overflow. */
    float e = tn_expf(x > 0 ? -x : x);
    return x > 0 ? 1 / (1 + e) : e / (1 + e);
}

static void silu(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * sigmoid(x[i]);
}

static void silu_grad(const float *dy, const float *x, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float s = sigmoid(x[i]);
        dx[i] = dy[i] * (s * (1 + x[i] * (1 - s)));
    }
}

tn_activation_fn *tn_op_activation_fn(const tn_engine *e, tn_activation f)
{
    const tn_kernels *k = tn_engine_kernels(e);
    switch (f) {
    case TN_ACT_GELU: return k->gelu;
    case TN_ACT_GELU_TANH: return k->gelu_tanh;
    case TN_ACT_RELU: return k->relu;
    case TN_ACT_SILU: return silu;
    case TN_ACT_TANH: return k->tanh;
    case TN_ACT_NONE: break;
    }
    return NULL;
}

/* tanh has none here: its kernel starts from the result, which needs a buffer and the kernel table. */
tn_derivative_fn *tn_op_derivative_fn(const tn_engine *e, tn_activation f)
{
    const tn_kernels *k = tn_engine_kernels(e);
    switch (f) {
    case TN_ACT_GELU: return k->gelu_backward;
    case TN_ACT_GELU_TANH: return k->gelu_tanh_backward;
    case TN_ACT_RELU: return k->relu_backward;
    case TN_ACT_SILU: return silu_grad;
    case TN_ACT_TANH:
    case TN_ACT_NONE: break;
    }
    return NULL;
}

struct elementwise {
    const tn_kernels *k;
    const float *a, *b;
    float *y;
    size_t n;
    tn_activation_fn *f;
    tn_derivative_fn *df;
};

static void activation_task(void *ctx, size_t task, int worker)
{
    const struct elementwise *a = ctx;
    size_t from = task * SPAN, n = block_end(task, SPAN, a->n) - from;
    a->f(a->a + from, a->y + from, n);
}

static void activation_grad_task(void *ctx, size_t task, int worker)
{
    const struct elementwise *a = ctx;
    size_t from = task * SPAN, end = block_end(task, SPAN, a->n);
    if (a->df) {
        a->df(a->a + from, a->b + from, a->y + from, end - from);
        return;
    }
    float y[256];
    for (size_t i = from; i < end; i += 256) {
        size_t n = end - i < 256 ? end - i : 256;
        a->k->tanh(a->b + i, y, n);
        a->k->tanh_backward(a->a + i, y, a->y + i, n);
    }
}

tn_status tn_op_activation(tn_engine *e, tn_activation f, const tn_tensor *x, tn_tensor *y, tn_err *err)
{
    if (!same_shape(x, y))
        return disagree(err, "activation", x, y);
    size_t n = tn_tensor_size(x);
    struct elementwise a = {tn_engine_kernels(e), x->data, NULL, y->data, n, tn_op_activation_fn(e, f), NULL};
    TN_ASSERT(a.f);
    tn_pool_run(tn_engine_pool(e), n_blocks(n, SPAN), activation_task, &a);
    return TN_OK;
}

tn_status tn_op_activation_grad(tn_engine *e, tn_activation f, const tn_tensor *dy, const tn_tensor *x, tn_tensor *dx,
                                tn_err *err)
{
    if (!same_shape(dy, x) || !same_shape(x, dx))
        return disagree(err, "activation gradient", dy, x);
    size_t n = tn_tensor_size(x);
    struct elementwise a = {tn_engine_kernels(e), dy->data, x->data, dx->data, n, NULL, tn_op_derivative_fn(e, f)};
    TN_ASSERT(a.df || f == TN_ACT_TANH);
    tn_pool_run(tn_engine_pool(e), n_blocks(n, SPAN), activation_grad_task, &a);
    return TN_OK;
}

static void add_task(void *ctx, size_t task, int worker)
{
    const struct elementwise *a = ctx;
    size_t from = task * SPAN, n = block_end(task, SPAN, a->n) - from;
    a->k->add(a->y + from, a->a + from, a->y + from, n);
}

tn_status tn_op_add(tn_engine *e, const tn_tensor *x, tn_tensor *y, tn_err *err)
{
    if (!same_shape(x, y))
        return disagree(err, "sum", x, y);
    size_t n = tn_tensor_size(x);
    struct elementwise a = {tn_engine_kernels(e), x->data, NULL, y->data, n, NULL, NULL};
    tn_pool_run(tn_engine_pool(e), n_blocks(n, SPAN), add_task, &a);
    return TN_OK;
}

struct dropout {
    const tn_kernels *k;
    const tn_dropout *d;
    const tn_places *places;
    const float *x;
    float *y;
    size_t n, c;
};

static void dropout_task(void *ctx, size_t task, int worker)
{
    const struct dropout *a = ctx;
    size_t end = block_end(task, ROW_BLOCK, a->n);
    for (size_t i = task * ROW_BLOCK; i < end; i++)
        a->k->dropout(a->d, (uint32_t)a->places->row[i], (uint32_t)a->places->position[i], 0, a->x + i * a->c, NULL,
                      a->y + i * a->c, a->c);
}

tn_status tn_op_dropout(tn_engine *e, const tn_dropout *d, const tn_places *places, const tn_tensor *x, tn_tensor *y,
                        tn_err *err)
{
    if (!is_matrix(x) || !same_shape(x, y))
        return disagree(err, "dropout", x, y);
    struct dropout a = {tn_engine_kernels(e), d, places, x->data, y->data, (size_t)x->dim[0], (size_t)x->dim[1]};
    tn_pool_run(tn_engine_pool(e), n_blocks(a.n, ROW_BLOCK), dropout_task, &a);
    return TN_OK;
}

/* ---- layer norm ---- */

struct norm {
    const tn_kernels *k;
    bool accumulate;
    tn_layernorm forward;
    tn_layernorm_dx dx;
    tn_layernorm_dparams dparams;
};

static void norm_task(void *ctx, size_t task, int worker)
{
    const struct norm *a = ctx;
    tn_layernorm f = a->forward;
    size_t from = task * ROW_BLOCK;
    f.n_rows = block_end(task, ROW_BLOCK, f.n_rows) - from;
    f.x += from * f.C;
    f.y += from * f.C;
    if (f.mean) {
        f.mean += from;
        f.rstd += from;
    }
    a->k->layernorm(&f);
}

tn_status tn_op_norm(tn_engine *e, const tn_tensor *x, const tn_tensor *gain, const tn_tensor *bias, double eps,
                     tn_tensor *y, float *mean, float *rstd, tn_err *err)
{
    if (!is_matrix(x) || !same_shape(x, y))
        return disagree(err, "layer norm", x, y);
    if (!is_vector(gain, x->dim[1]) || !is_vector(bias, x->dim[1]))
        return disagree(err, "layer norm", x, gain);
    struct norm a = {.k = tn_engine_kernels(e),
                     .forward = {.n_rows = (size_t)x->dim[0],
                      .C = (size_t)x->dim[1],
                      .x = x->data,
                      .gamma = gain->data,
                      .beta = bias->data,
                      .eps = (float)eps,
                      .y = y->data,
                      .mean = mean,
                      .rstd = rstd}};
    tn_pool_run(tn_engine_pool(e), n_blocks(a.forward.n_rows, ROW_BLOCK), norm_task, &a);
    return TN_OK;
}

static void norm_dx_task(void *ctx, size_t task, int worker)
{
    const struct norm *a = ctx;
    tn_layernorm_dx d = a->dx;
    size_t from = task * ROW_BLOCK;
    d.n_rows = block_end(task, ROW_BLOCK, d.n_rows) - from;
    d.dy += from * d.C;
    d.x += from * d.C;
    d.dx += from * d.C;
    d.mean += from;
    d.rstd += from;
    a->k->layernorm_dx(&d);
}

tn_status tn_op_norm_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const tn_tensor *gain,
                          const float *mean, const float *rstd, tn_tensor *dx, tn_err *err)
{
    if (!is_matrix(dy) || !same_shape(dy, x) || !same_shape(x, dx) || !is_vector(gain, x->dim[1]))
        return disagree(err, "layer norm gradient", dy, x);
    size_t c = (size_t)x->dim[1], n = (size_t)x->dim[0];
    struct norm a = {.k = tn_engine_kernels(e), .dx = {n, c, dy->data, x->data, gain->data, mean, rstd, dx->data}};
    tn_pool_run(tn_engine_pool(e), n_blocks(n, ROW_BLOCK), norm_dx_task, &a);
    return TN_OK;
}

/* Each task's columns as if they were the first ones. */
static void norm_dparams_task(void *ctx, size_t task, int worker)
{
    const struct norm *a = ctx;
    tn_layernorm_dparams d = a->dparams;
    float gain[COLUMN_BLOCK], bias[COLUMN_BLOCK];
    size_t from = task * COLUMN_BLOCK, n = block_end(task, COLUMN_BLOCK, d.C) - from;
    float *dgain = d.dgamma + from, *dbias = d.dbeta ? d.dbeta + from : NULL;
    d.first = 0;
    d.last = n;
    d.dy += from;
    d.x += from;
    d.dgamma = a->accumulate ? gain : dgain;
    d.dbeta = a->accumulate || !dbias ? bias : dbias;
    a->k->layernorm_dparams(&d);
    if (a->accumulate)
        a->k->add(dgain, gain, dgain, n);
    if (a->accumulate && dbias)
        a->k->add(dbias, bias, dbias, n);
}

tn_status tn_op_norm_weight_grad(tn_engine *e, const tn_tensor *dy, const tn_tensor *x, const float *mean,
                                 const float *rstd, const tn_shards *shards, bool accumulate, float *dgain,
                                 float *dbias, tn_err *err)
{
    if (!is_matrix(dy) || !same_shape(dy, x) || shards->start[shards->n] != (size_t)x->dim[0])
        return disagree(err, "layer norm gradient", dy, x);
    size_t c = (size_t)x->dim[1];
    struct norm a = {.k = tn_engine_kernels(e),
                     .accumulate = accumulate,
                     .dparams = {c, 0, c, dy->data, x->data, mean, rstd, shards, dgain, dbias}};
    tn_pool_run(tn_engine_pool(e), n_blocks(c, COLUMN_BLOCK), norm_dparams_task, &a);
    return TN_OK;
}

/* ---- products of two ---- */

struct gated {
    const tn_kernels *k;
    tn_activation_fn *f;
    tn_derivative_fn *df;
    const float *x, *dy;
    float *out;
    size_t n, c;
};

static void gated_task(void *ctx, size_t task, int worker)
{
    const struct gated *a = ctx;
    for (size_t i = task * ROW_BLOCK; i < block_end(task, ROW_BLOCK, a->n); i++) {
        const float *x = a->x + 2 * i * a->c;
        float *y = a->out + i * a->c;
        a->f(x, y, a->c);
        a->k->multiply(y, x + a->c, y, a->c);
    }
}

/* left: dy * right * f'(left); right: dy * f(left). */
static void gated_grad_task(void *ctx, size_t task, int worker)
{
    const struct gated *a = ctx;
    for (size_t i = task * ROW_BLOCK; i < block_end(task, ROW_BLOCK, a->n); i++) {
        const float *x = a->x + 2 * i * a->c, *dy = a->dy + i * a->c;
        float *left = a->out + 2 * i * a->c, *right = left + a->c;
        a->k->multiply(dy, x + a->c, left, a->c);
        a->df(left, x, left, a->c);
        a->f(x, right, a->c);
        a->k->multiply(dy, right, right, a->c);
    }
}

static tn_status check_gated(const tn_tensor *x, const tn_tensor *y, tn_err *err)
{
    if (!is_matrix(x) || !is_matrix(y) || x->dim[0] != y->dim[0] || x->dim[1] != 2 * y->dim[1])
        return disagree(err, "gated product", x, y);
    return TN_OK;
}

tn_status tn_op_gated(tn_engine *e, tn_activation f, const tn_tensor *x, tn_tensor *y, tn_err *err)
{
    TN_TRY(check_gated(x, y, err));
    struct gated a = {.k = tn_engine_kernels(e),
                      .f = tn_op_activation_fn(e, f),
                      .x = x->data,
                      .out = y->data,
                      .n = (size_t)y->dim[0],
                      .c = (size_t)y->dim[1]};
    TN_ASSERT(a.f);
    tn_pool_run(tn_engine_pool(e), n_blocks(a.n, ROW_BLOCK), gated_task, &a);
    return TN_OK;
}

tn_status tn_op_gated_grad(tn_engine *e, tn_activation f, const tn_tensor *dy, const tn_tensor *x, tn_tensor *dx,
                           tn_err *err)
{
    TN_TRY(check_gated(x, dy, err));
    if (!same_shape(x, dx))
        return disagree(err, "gated product", x, dx);
    struct gated a = {.k = tn_engine_kernels(e),
                      .f = tn_op_activation_fn(e, f),
                      .df = tn_op_derivative_fn(e, f),
                      .x = x->data,
                      .dy = dy->data,
                      .out = dx->data,
                      .n = (size_t)dy->dim[0],
                      .c = (size_t)dy->dim[1]};
    TN_ASSERT(a.f && a.df);
    tn_pool_run(tn_engine_pool(e), n_blocks(a.n, ROW_BLOCK), gated_grad_task, &a);
    return TN_OK;
}

/* ---- rotary positions ---- */

struct rotation {
    const tn_kernels *k;
    const tn_places *places;
    const float *cosine, *sine;
    float *x;
    size_t n, c, half;
};

static void rotate_task(void *ctx, size_t task, int worker)
{
    const struct rotation *a = ctx;
    for (size_t i = task * ROW_BLOCK; i < block_end(task, ROW_BLOCK, a->n); i++) {
        size_t at = (size_t)a->places->position[i] * a->half;
        float *x = a->x + i * 3 * a->c;
        for (size_t h = 0; h < 2 * a->c; h += 2 * a->half) /* query, then key */
            a->k->rotate(x + h, a->cosine + at, a->sine + at, x + h, a->half);
    }
}

tn_status tn_op_rotate(tn_engine *e, const tn_places *places, int32_t n_heads, const float *cosine, const float *sine,
                       tn_tensor *qkv, tn_err *err)
{
    if (!is_matrix(qkv) || n_heads < 1 || qkv->dim[1] % (6 * n_heads) != 0)
        return disagree(err, "rotary positions", qkv, qkv);
    size_t c = (size_t)qkv->dim[1] / 3;
    struct rotation a = {tn_engine_kernels(e),    places, cosine, sine, qkv->data, (size_t)qkv->dim[0], c,
                         c / (size_t)n_heads / 2};
    tn_pool_run(tn_engine_pool(e), n_blocks(a.n, ROW_BLOCK), rotate_task, &a);
    return TN_OK;
}

/* ---- attention ----
 *
 * What scores get for distances is laid out for one (row, head) at a time, in the thread's scratch: 2T - 1 numbers where
 * it depends on nothing else (a table of biases, a window), T x T where it depends on the states too. */

static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16; /* each piece aligned to 64 bytes */
}

static bool has_diagonals(const tn_attention_args *a)
{
    return a->window > 0 || a->relative.bias;
}

/* Floats of one thread. */
static size_t scratch_one(const tn_attention_args *a)
{
    int32_t longest = 0;
    for (int32_t b = 0; b < a->rows->n_rows; b++) {
        int32_t n = a->rows->start[b + 1] - a->rows->start[b];
        longest = n > longest ? n : longest;
    }
    size_t T = (size_t)longest, d = (size_t)(a->out->dim[1] / a->n_heads), size = rounded(tn_attention_scratch(T, d));
    if (has_diagonals(a))
        size += 2 * rounded(2 * T);
    if (a->relative.states)
        size += 2 * rounded(T * rounded(T)) + rounded(tn_relative_scratch(T, d, (size_t)a->relative.n));
    return size;
}

size_t tn_op_attention_scratch(const tn_engine *e, const tn_attention_args *a)
{
    return scratch_one(a) * (size_t)tn_engine_threads(e);
}

struct attention {
    const tn_kernels *k;
    const tn_attention_args *args;
    const float *dout;
    float *dqkv;
    tn_tensor *drelative;
    size_t c, d, scratch; /* floats of one thread */
    float scale;
};

/* One (row, head) at work: the kernel's arguments, and where its share of the scratch goes on. */
struct one {
    tn_attention attention;
    tn_relative relative;
    float *dbias; /* where the gradient of the scores goes */
    size_t head;
};

/* bias[j - i], in the middle of its 2T - 1 numbers. */
static void fill_diagonals(const struct attention *a, size_t head, ptrdiff_t T, float *middle)
{
    const tn_relative_args *r = &a->args->relative;
    for (ptrdiff_t e = 1 - T; e < T; e++) {
        ptrdiff_t far = e < 0 ? -e : e;
        float v = r->bias ? r->bias->data[(size_t)r->index[-e] * (size_t)r->bias->dim[1] + head] : 0.0f;
        middle[e] = a->args->window > 0 && far > a->args->window ? -INFINITY : v;
    }
}

/* The relative places that T tokens reach. */
static tn_relative relative_of(const struct attention *a, const tn_attention *t, size_t head, float *bias, size_t ld,
                               float *scratch)
{
    const tn_relative_args *r = &a->args->relative;
    int32_t one = r->index[(ptrdiff_t)t->T - 1], other = r->index[1 - (ptrdiff_t)t->T];
    int32_t first = one < other ? one : other, last = one < other ? other : one;
    size_t ld_r = (size_t)r->states->dim[1];
    const float *states = r->states->data + (size_t)first * ld_r + head * a->d;
    return (tn_relative){.T = t->T,
                         .d = a->d,
                         .R = (size_t)(last - first) + 1,
                         .q = t->q,
                         .k = t->k,
                         .ld = t->ld,
                         .qr = states,
                         .kr = states + a->c,
                         .ld_r = ld_r,
                         .index = r->index,
                         .first = first,
                         .scale = a->scale,
                         .bias = bias,
                         .ld_bias = ld,
                         .scratch = scratch};
}

/* Head h of row b; max and sum are [H,N], so that a head's numbers are together. */
static struct one make_one(const struct attention *a, size_t b, size_t h, int worker)
{
    const tn_attention_args *g = a->args;
    size_t n = (size_t)tn_rows_tokens(g->rows), first = (size_t)g->rows->start[b];
    size_t T = (size_t)g->rows->start[b + 1] - first;
    const float *q = g->qkv->data + first * 3 * a->c + h * a->d;
    float *scratch = g->scratch + (size_t)worker * a->scratch, *more = scratch + rounded(tn_attention_scratch(T, a->d));
    struct one one = {.head = h,
                      .attention = {.T = T,
                                    .d = a->d,
                                    .q = q,
                                    .k = q + a->c,
                                    .v = q + 2 * a->c,
                                    .ld = 3 * a->c,
                                    .o = g->out->data + first * a->c + h * a->d,
                                    .ld_o = a->c,
                                    .max = g->max ? g->max + h * n + first : NULL,
                                    .sum = g->sum ? g->sum + h * n + first : NULL,
                                    .scale = a->scale,
                                    .dropout = g->dropout,
                                    .row = (uint32_t)(g->rows->first_row + (int32_t)b),
                                    .head = (uint32_t)h,
                                    .scratch = scratch}};
    if (has_diagonals(g)) {
        one.attention.bias = more + T - 1;
        one.attention.ld_bias = -1;
        one.dbias = more + rounded(2 * T) + T - 1;
        fill_diagonals(a, h, (ptrdiff_t)T, more + T - 1);
    }
    if (g->relative.states) {
        size_t ld = rounded(T);
        one.attention.bias = more;
        one.attention.ld_bias = (ptrdiff_t)ld;
        one.dbias = more + rounded(T * ld);
        one.relative = relative_of(a, &one.attention, h, more, ld, more + 2 * rounded(T * ld));
        a->k->relative(&one.relative);
    }
    return one;
}

static void attention_task(void *ctx, size_t task, int worker)
{
    const struct attention *a = ctx;
    size_t heads = (size_t)a->args->n_heads;
    struct one one = make_one(a, task / heads, task % heads, worker);
    a->k->attention(&one.attention);
}

static void one_grad(const struct attention *a, struct one *one, bool wanted)
{
    const tn_attention *f = &one->attention;
    float *dq = a->dqkv + (f->q - a->args->qkv->data);
    a->k->attention_grad(&(tn_attention_grad){.forward = *f,
                                              .d_o = a->dout + (f->o - a->args->out->data),
                                              .dq = dq,
                                              .dk = dq + a->c,
                                              .dv = dq + 2 * a->c,
                                              .ld_d = 3 * a->c,
                                              .dbias = wanted ? one->dbias : NULL,
                                              .ld_dbias = f->ld_bias});
}

static void attention_grad_task(void *ctx, size_t task, int worker)
{
    const struct attention *a = ctx;
    size_t heads = (size_t)a->args->n_heads;
    struct one one = make_one(a, task / heads, task % heads, worker);
    one_grad(a, &one, false);
}

static void bias_grad(const struct attention *a, struct one *one, float *copy)
{
    ptrdiff_t T = (ptrdiff_t)one->attention.T;
    const tn_relative_args *r = &a->args->relative;
    memset(one->dbias - (T - 1), 0, (size_t)(2 * T - 1) * sizeof(float));
    one_grad(a, one, true);
    for (ptrdiff_t e = 1 - T; e < T; e++)
        copy[(size_t)r->index[-e] * (size_t)r->bias->dim[1] + one->head] += one->dbias[e];
}

static void states_grad(const struct attention *a, struct one *one, float *copy)
{
    size_t T = one->attention.T, ld = one->relative.ld_bias, ld_r = one->relative.ld_r;
    float *dq = a->dqkv + (one->attention.q - a->args->qkv->data);
    float *dqr = copy + (size_t)one->relative.first * ld_r + one->head * a->d;
    memset(one->dbias, 0, T * ld * sizeof(float));
    one_grad(a, one, true);
    a->k->relative_grad(&(tn_relative_grad){.forward = one->relative,
                                            .ds = one->dbias,
                                            .ld_ds = ld,
                                            .dq = dq,
                                            .dk = dq + a->c,
                                            .ld_d = 3 * a->c,
                                            .dqr = dqr,
                                            .dkr = dqr + a->c,
                                            .ld_dr = ld_r});
}

/* A shard and a head: its rows in order, since they add to the same copy of the table. */
static void shard_grad_task(void *ctx, size_t task, int worker)
{
    const struct attention *a = ctx;
    const tn_rows *rows = a->args->rows;
    size_t heads = (size_t)a->args->n_heads, s = task / heads;
    float *copy = a->drelative->data + s * (size_t)a->args->relative.n * (size_t)a->drelative->dim[1];
    for (int32_t b = rows->shard[s]; b < rows->shard[s + 1]; b++) {
        struct one one = make_one(a, (size_t)b, task % heads, worker);
        (a->args->relative.bias ? bias_grad : states_grad)(a, &one, copy);
    }
}

static tn_status check_attention(const tn_attention_args *a, tn_err *err)
{
    const tn_tensor *x = a->qkv, *y = a->out, *bias = a->relative.bias, *states = a->relative.states;
    if (!is_matrix(x) || !is_matrix(y) || x->dim[0] != y->dim[0] || x->dim[1] != 3 * y->dim[1] ||
        x->dim[0] != tn_rows_tokens(a->rows) || a->n_heads < 1 || y->dim[1] % (4 * a->n_heads) != 0)
        return disagree(err, "attention", x, y);
    if (bias && (!is_matrix(bias) || bias->dim[1] != a->n_heads || bias->dim[0] < a->relative.n))
        return disagree(err, "attention", y, bias);
    if (states && (!is_matrix(states) || states->dim[1] < 2 * y->dim[1] || states->dim[0] < a->relative.n || bias))
        return disagree(err, "attention", y, states);
    return TN_OK;
}

static struct attention attention_of(tn_engine *e, const tn_attention_args *a)
{
    size_t c = (size_t)a->out->dim[1], d = c / (size_t)a->n_heads;
    return (struct attention){.k = tn_engine_kernels(e),
                              .args = a,
                              .c = c,
                              .d = d,
                              .scratch = scratch_one(a),
                              .scale = (float)(a->scale > 0 ? a->scale : 1 / sqrt((double)d))};
}

tn_status tn_op_attention(tn_engine *e, const tn_attention_args *a, tn_err *err)
{
    TN_TRY(check_attention(a, err));
    struct attention all = attention_of(e, a);
    tn_pool_run(tn_engine_pool(e), (size_t)a->rows->n_rows * (size_t)a->n_heads, attention_task, &all);
    return TN_OK;
}

tn_status tn_op_attention_grad(tn_engine *e, const tn_attention_args *a, const tn_tensor *dout, tn_tensor *dqkv,
                               tn_tensor *drelative, tn_err *err)
{
    TN_TRY(check_attention(a, err));
    const tn_tensor *table = a->relative.bias ? a->relative.bias : a->relative.states;
    if (!same_shape(dout, a->out) || !same_shape(dqkv, a->qkv))
        return disagree(err, "attention gradient", dout, dqkv);
    if ((drelative != NULL) != (table != NULL) ||
        (table && (!same_shape(drelative, table) || table->dim[0] != (int64_t)a->rows->n_shards * a->relative.n)))
        return disagree(err, "attention gradient", dout, table ? table : dout);
    struct attention all = attention_of(e, a);
    size_t heads = (size_t)a->n_heads;
    all.dout = dout->data;
    all.dqkv = dqkv->data;
    if (!(all.drelative = drelative)) {
        tn_pool_run(tn_engine_pool(e), (size_t)a->rows->n_rows * heads, attention_grad_task, &all);
        return TN_OK;
    }
    memset(drelative->data, 0, tn_tensor_size(drelative) * sizeof(float));
    tn_pool_run(tn_engine_pool(e), (size_t)a->rows->n_shards * heads, shard_grad_task, &all);
    return TN_OK;
}

/* ---- embeddings ---- */

struct embed {
    const tn_kernels *k;
    tn_embed forward;
    tn_embed_grad grad;
    size_t n_unique;
};

static void embed_task(void *ctx, size_t task, int worker)
{
    const struct embed *a = ctx;
    tn_embed f = a->forward;
    size_t from = task * ROW_BLOCK;
    f.n_tokens = block_end(task, ROW_BLOCK, f.n_tokens) - from;
    f.id += from;
    f.position_id += from;
    if (f.type_id)
        f.type_id += from;
    f.y += from * f.C;
    a->k->embed(&f);
}

tn_status tn_op_embed(tn_engine *e, const tn_tensor *word, const tn_tensor *type, const tn_tensor *position,
                      const int32_t *ids, const int32_t *type_ids, const int32_t *positions, tn_tensor *y, tn_err *err)
{
    const tn_tensor *table[] = {word, position, type};
    for (size_t i = 0; i < TN_COUNT(table); i++)
        if (!is_matrix(y) || !is_matrix(table[i]) || table[i]->dim[1] != y->dim[1])
            return disagree(err, "embedding", table[i], y);
    struct embed a = {.k = tn_engine_kernels(e),
                      .forward = {(size_t)y->dim[0], (size_t)y->dim[1], word->data, type->data, position->data, ids,
                                  type_ids, positions, y->data}};
    tn_pool_run(tn_engine_pool(e), n_blocks(a.forward.n_tokens, ROW_BLOCK), embed_task, &a);
    return TN_OK;
}

void tn_op_embed_sort(const int32_t *ids, size_t n, tn_embed_work *w)
{
    w->n_unique = tn_embed_sort(ids, n, w->sort, w->order, w->unique, w->start);
}

static void embed_grad_task(void *ctx, size_t task, int worker)
{
    const struct embed *a = ctx;
    tn_embed_grad g = a->grad;
    g.first = task * ID_BLOCK;
    g.last = block_end(task, ID_BLOCK, a->n_unique);
    a->k->embed_grad(&g);
}

tn_status tn_op_embed_grad(tn_engine *e, const tn_tensor *dy, const tn_embed_work *w, const tn_shards *shards,
                           float *rows, tn_err *err)
{
    TN_ASSERT(is_matrix(dy) && shards->start[shards->n] == (size_t)dy->dim[0]);
    struct embed a = {.k = tn_engine_kernels(e),
                      .grad = {(size_t)dy->dim[1], 0, 0, w->order, w->start, shards, dy->data, rows},
                      .n_unique = w->n_unique};
    tn_pool_run(tn_engine_pool(e), n_blocks(w->n_unique, ID_BLOCK), embed_grad_task, &a);
    return TN_OK;
}

/* ---- losses: rows are cut by their width, since a vocabulary is wide and a few labels are not ---- */

enum { LOSS_FLOATS = 1 << 14 }; /* of one task */

struct losses {
    const tn_kernels *k;
    const tn_loss_args *args;
    tn_cross_entropy entropy;
    size_t rows_each, n;
};

static int64_t first_largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

static void entropy_task(void *ctx, size_t task, int worker)
{
    const struct losses *a = ctx;
    tn_cross_entropy c = a->entropy;
    size_t from = task * a->rows_each, end = block_end(task, a->rows_each, a->n);
    for (size_t i = from; i < end; i++)
        a->args->right[i] = c.label[i] < 0 ? 2 : first_largest(c.logits + i * c.L, (int64_t)c.L) == c.label[i];
    c.n_rows = end - from;
    c.logits += from * c.L;
    c.label += from;
    c.loss += from;
    c.dlogits = c.dlogits ? c.dlogits + from * c.L : NULL;
    a->k->cross_entropy(&c);
}

tn_status tn_op_cross_entropy(tn_engine *e, const tn_loss_args *a, const int32_t *label, const float *own, const float *soft,
                              float soft_sum, tn_err *err)
{
    if (!is_matrix(a->outputs) || (a->gradient && !same_shape(a->outputs, a->gradient)))
        return disagree(err, "cross-entropy", a->outputs, a->gradient ? a->gradient : a->outputs);
    size_t n = (size_t)a->outputs->dim[0], width = (size_t)a->outputs->dim[1];
    struct losses all = {.k = tn_engine_kernels(e),
                         .args = a,
                         .entropy = {.L = width,
                                     .logits = a->outputs->data,
                                     .label = label,
                                     .weight = a->weight,
                                     .loss = a->loss,
                                     .dlogits = a->gradient ? a->gradient->data : NULL,
                                     .own = own,
                                     .soft = soft,
                                     .soft_sum = soft_sum},
                         .rows_each = width < LOSS_FLOATS ? LOSS_FLOATS / width : 1,
                         .n = n};
    tn_pool_run(tn_engine_pool(e), n_blocks(n, all.rows_each), entropy_task, &all);
    return TN_OK;
}

/* Flags and values: B rows of a few labels, so one task. */
static tn_status single_losses(const tn_loss_args *a, const float *target, const float *positive, void (*kernel)(const tn_single_losses *),
                               tn_err *err)
{
    if (!is_matrix(a->outputs) || (a->gradient && !same_shape(a->outputs, a->gradient)))
        return disagree(err, "loss", a->outputs, a->gradient ? a->gradient : a->outputs);
    kernel(&(tn_single_losses){.n_rows = (size_t)a->outputs->dim[0],
                               .L = (size_t)a->outputs->dim[1],
                               .outputs = a->outputs->data,
                               .target = target,
                               .weight = a->weight,
                               .loss = a->loss,
                               .doutputs = a->gradient ? a->gradient->data : NULL,
                               .positive = positive});
    return TN_OK;
}

tn_status tn_op_flag_losses(tn_engine *e, const tn_loss_args *a, const float *target, const float *positive, tn_err *err)
{
    int64_t n = a->outputs->dim[0], width = a->outputs->dim[1];
    TN_TRY(single_losses(a, target, positive, tn_engine_kernels(e)->flag_losses, err));
    for (int64_t b = 0; b < n; b++) {
        a->right[b] = 1;
        for (int64_t i = b * width; i < (b + 1) * width; i++)
            a->right[b] &= (a->outputs->data[i] > 0) == (target[i] > 0.5f);
    }
    return TN_OK;
}

tn_status tn_op_value_losses(tn_engine *e, const tn_loss_args *a, const float *target, tn_err *err)
{
    memset(a->right, 0, (size_t)a->outputs->dim[0]);
    return single_losses(a, target, NULL, tn_engine_kernels(e)->value_losses, err);
}

tn_status tn_op_span_end(tn_engine *e, const tn_loss_args *a, const tn_rows *rows, int end, const int32_t *position,
                         float *scratch, tn_err *err)
{
    const tn_tensor *x = a->outputs;
    if (!is_matrix(x) || x->dim[1] != 2 || x->dim[0] != tn_rows_tokens(rows) || (a->gradient && !same_shape(x, a->gradient)))
        return disagree(err, "spans", x, a->gradient ? a->gradient : x);
    float *line = scratch, *slope = scratch + x->dim[0];
    for (int32_t b = 0; b < rows->n_rows; b++) {
        int32_t from = rows->start[b], n = rows->start[b + 1] - from, label = position[b] < 0 ? 0 : position[b];
        if (label >= n)
            label = -1;
        for (int32_t i = 0; i < n; i++)
            line[i] = x->data[2 * (from + i) + end];
        a->right[b] = label < 0 ? 2 : first_largest(line, n) == label;
        tn_engine_kernels(e)->cross_entropy(&(tn_cross_entropy){.n_rows = 1,
                                                                .L = (size_t)n,
                                                                .logits = line,
                                                                .label = &label,
                                                                .weight = a->weight,
                                                                .loss = a->loss + b,
                                                                .dlogits = a->gradient ? slope : NULL});
        for (int32_t i = 0; a->gradient && i < n; i++)
            a->gradient->data[2 * (from + i) + end] = slope[i];
    }
    return TN_OK;
}

float tn_op_shard_sum(tn_engine *e, const float *x, const tn_shards *shards)
{
    float sum = 0;
    tn_engine_kernels(e)->column_sums(x, 1, shards, 1, &sum);
    return sum;
}

void tn_op_softmax(tn_engine *e, float *x, int64_t n_rows, int64_t n)
{
    for (int64_t b = 0; b < n_rows; b++)
        tn_engine_kernels(e)->softmax(x + b * n, x + b * n, (size_t)n);
}

void tn_op_sigmoid(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = sigmoid(x[i]);
}
