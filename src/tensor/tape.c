/* A step is a list of nodes, newest first. A node keeps what its backward pass needs and nothing else; the gradient of
 * a value exists only between the first of its users and its maker, so the backward pass holds a handful of buffers,
 * which go round in a small free list.
 *
 * All memory of a step is one arena. When a step needed more than the arena's first block, the next step starts with
 * one block that is large enough: so in a steady state there is no allocation, and no memory lost between blocks.
 *
 * What is frozen costs nothing on the way back: a value below which no weight is trained has no gradient, and its node is
 * passed over.
 *
 * Invariants: a gradient buffer has one owner, a value or the node at work; it is moved, or added and given back. A
 * value's gradient is complete when its maker's node runs, because nodes run in the reverse order of use. */
#include "tensor/tape.h"

#include <string.h>

enum {
    ALIGN = 64,
    BUFFERS = 16, /* gradients alive at once: two in a post-norm encoder, and a few while a node works */
    TIED_LINES = 1024, /* of a table's gradient: 1.5 MB a shard at 384 columns, and products of a good size */
};

struct node {
    struct node *before;
    void (*backward)(tn_tape *t, struct node *n);
    tn_var *x, *out, *residual;
    tn_weight *w, *bias;
    tn_activation act;
    const float *pre; /* linear: argument of the activation */
    bool has_dropout;
    tn_dropout dropout;
    float *mean, *rstd; /* norm */
    tn_var *added[TN_ADAPTERS_MAX]; /* linear: what the adapters of w gave */
    tn_attention_options attention;
    float *max, *sum;
    const float *cosine, *sine; /* rotary positions; n_heads in `attention` */
    const int32_t *ids, *type_ids, *positions; /* embedding */
    tn_weight *position, *type;
};

/* A table that is also the matrix of the outputs: its decoder's gradient waits for that of the look-ups. */
struct tied {
    const tn_weight *w; /* NULL: the step has none */
    const struct node *decoder;
    tn_tensor dy; /* of the decoder */
};

struct buffer {
    float *data;
    size_t cap;
    bool is_used;
};

struct tn_tape {
    tn_engine *engine;
    tn_arena *arena;
    size_t capacity, used, peak; /* bytes: of the first block; taken now; most taken in this step */
    tn_step step;
    tn_status status;
    tn_err err;
    struct node *last;
    uint32_t n_sites; /* of dropout, so far in this step */
    struct buffer buffer[BUFFERS];
    float *pack; /* room for one packed matrix; lives as long as the tape */
    size_t pack_cap;
    struct tied tied;
    int32_t *token_row, *token_position, *row_number, *row_zero, *copy_zero, *copy_line, *choice_row, *choice_position;
    size_t token_start[TN_SHARDS_MAX + 1], row_start[TN_SHARDS_MAX + 1], copy_start[TN_SHARDS_MAX + 1],
        choice_start[TN_SHARDS_MAX + 1];
};

/* ---- life and memory ---- */

tn_status tn_tape_new(tn_engine *e, tn_tape **out, tn_err *err)
{
    tn_tape *t = tn_mem_calloc(sizeof *t);
    if (!t)
        return tn_fail_nomem(err, sizeof *t);
    t->engine = e;
    *out = t;
    return TN_OK;
}

void tn_tape_free(tn_tape *t)
{
    if (!t)
        return;
    tn_arena_free(t->arena);
    tn_mem_free(t->pack);
    tn_mem_free(t);
}

tn_status tn_tape_status(const tn_tape *t, tn_err *err)
{
    if (err && t->status != TN_OK)
        *err = t->err;
    return t->status;
}

/* The first failure stays. */
static void check(tn_tape *t, tn_status st)
{
    if (t->status == TN_OK)
        t->status = st;
}

#define DO(t, call)                                                                                                    \
    do {                                                                                                               \
        if ((t)->status == TN_OK)                                                                                      \
            check((t), (call));                                                                                        \
    } while (0)

static void *take(tn_tape *t, size_t n, size_t size)
{
    size_t bytes;
    if (t->status != TN_OK)
        return NULL;
    void *p = tn_size_mul(n, size, &bytes) ? tn_arena_alloc_aligned(t->arena, bytes, ALIGN) : NULL;
    if (!p) {
        t->status = tn_fail_nomem(&t->err, bytes);
        return NULL;
    }
    t->used += bytes + ALIGN;
    t->peak = t->used > t->peak ? t->used : t->peak;
    return p;
}

static float *take_floats(tn_tape *t, int64_t rows, int64_t columns)
{
    return take(t, (size_t)rows * (size_t)columns, sizeof(float));
}

static void renew_arena(tn_tape *t)
{
    if (t->arena && t->peak <= t->capacity) {
        tn_arena_reset(t->arena);
    } else {
        /* A quarter more, so that batches which grow a little seldom do this; untouched pages cost nothing. */
        t->capacity = t->peak + t->peak / 4;
        tn_arena_free(t->arena);
        if (!(t->arena = tn_arena_new(t->capacity)))
            t->status = tn_fail_nomem(&t->err, 64);
    }
    t->used = t->peak = 0;
}

static void mark_places(tn_tape *t)
{
    const tn_rows *r = &t->step.rows;
    int32_t n = tn_rows_tokens(r);
    t->token_row = take(t, (size_t)n, sizeof(int32_t));
    t->token_position = take(t, (size_t)n, sizeof(int32_t));
    t->row_number = take(t, (size_t)r->n_rows, sizeof(int32_t));
    t->row_zero = take(t, (size_t)r->n_rows, sizeof(int32_t));
    if (t->status != TN_OK)
        return;
    for (int32_t b = 0; b < r->n_rows; b++) {
        t->row_number[b] = r->first_row + b;
        t->row_zero[b] = 0;
        for (int32_t i = r->start[b]; i < r->start[b + 1]; i++) {
            t->token_row[i] = r->first_row + b;
            t->token_position[i] = i - r->start[b];
        }
    }
    for (int32_t s = 0; s <= r->n_shards; s++) {
        t->row_start[s] = (size_t)r->shard[s];
        t->token_start[s] = (size_t)r->start[r->shard[s]];
    }
}

void tn_tape_begin(tn_tape *t, const tn_step *step)
{
    TN_ASSERT(step->rows.n_shards >= 1 && step->rows.n_shards <= TN_SHARDS_MAX);
    t->status = TN_OK;
    t->step = *step;
    t->last = NULL;
    t->n_sites = 0;
    memset(t->buffer, 0, sizeof t->buffer);
    renew_arena(t);
    mark_places(t);
}

tn_tape_mark tn_tape_here(const tn_tape *t)
{
    return (tn_tape_mark){t->status == TN_OK ? tn_arena_save(t->arena) : (tn_arena_mark){NULL, 0}, t->used};
}

/* ---- values ---- */

static tn_var *new_var(tn_tape *t, int64_t rows, int64_t columns, tn_line line)
{
    tn_var *v = take(t, 1, sizeof *v);
    float *data = take_floats(t, rows, columns);
    if (!data)
        return NULL;
    *v = (tn_var){.value = tn_matrix_view(data, rows, columns), .wanted = true, .line = line};
    return v;
}

/* Whether something trained lies below a value; ops that say nothing are taken for such. */
static bool below(const tn_var *x, const tn_weight *w, const tn_weight *bias)
{
    return (x && x->wanted) || (w && w->trained) || (bias && bias->trained);
}

/* The new place is never behind the old one, and begins like the first value after the mark: memmove is enough. */
tn_var *tn_tape_keep(tn_tape *t, tn_tape_mark mark, tn_var *x)
{
    if (!x || t->step.record || t->status != TN_OK)
        return x;
    tn_var old = *x;
    tn_arena_restore(t->arena, mark.arena);
    t->used = mark.used;
    memset(t->buffer, 0, sizeof t->buffer); /* scratch that lay behind the mark; none is in use between ops */
    tn_var *v = new_var(t, old.value.dim[0], old.value.dim[1], old.line);
    if (v)
        memmove(v->value.data, old.value.data, tn_tensor_size(&old.value) * sizeof(float));
    return v;
}

static struct node *new_node(tn_tape *t, void (*backward)(tn_tape *, struct node *), tn_var *x, tn_var *out)
{
    struct node *n = t->step.record ? take(t, 1, sizeof *n) : NULL;
    if (!n)
        return NULL;
    *n = (struct node){.before = t->last, .backward = backward, .x = x, .out = out};
    t->last = n;
    return n;
}

static tn_places places_of(const tn_tape *t, const tn_var *x)
{
    switch (x->line) {
    case TN_OF_ROW: return (tn_places){t->row_number, t->row_zero};
    case TN_OF_COPY: return (tn_places){t->copy_zero, t->copy_line};
    case TN_OF_CHOICE: return (tn_places){t->choice_row, t->choice_position};
    case TN_OF_TOKEN: break;
    }
    return (tn_places){t->token_row, t->token_position};
}

static tn_shards shards_of(const tn_tape *t, const tn_var *x)
{
    const size_t *start = x->line == TN_OF_ROW      ? t->row_start
                          : x->line == TN_OF_COPY   ? t->copy_start
                          : x->line == TN_OF_CHOICE ? t->choice_start
                                                    : t->token_start;
    return (tn_shards){(size_t)t->step.rows.n_shards, start};
}

/* ---- gradient buffers ---- */

static float *buffer_take(tn_tape *t, size_t n)
{
    struct buffer *best = NULL, *empty = NULL;
    for (struct buffer *b = t->buffer; b < t->buffer + BUFFERS; b++) {
        if (!b->data)
            empty = empty ? empty : b;
        else if (!b->is_used && b->cap >= n && (!best || b->cap < best->cap))
            best = b;
    }
    if (!best) {
        float *data = take(t, n, sizeof *data);
        if (!empty || !data)
            return data; /* beyond the list, a buffer is used once */
        *(best = empty) = (struct buffer){data, n, false};
    }
    best->is_used = true;
    return best->data;
}

static void buffer_give(tn_tape *t, const float *data)
{
    for (struct buffer *b = t->buffer; b < t->buffer + BUFFERS; b++)
        if (data && b->data == data)
            b->is_used = false;
}

static tn_tensor grad_view(const tn_var *v, float *grad)
{
    tn_tensor g = v->value;
    g.data = grad;
    return g;
}

/* The buffer becomes the value's gradient, or is added to it and given back. */
static void grad_move(tn_tape *t, tn_var *v, float *buffer)
{
    if (!v->wanted) {
        buffer_give(t, buffer);
        return;
    }
    if (!v->grad) {
        v->grad = buffer;
        return;
    }
    tn_tensor from = grad_view(v, buffer), to = grad_view(v, v->grad);
    DO(t, tn_op_add(t->engine, &from, &to, &t->err));
    buffer_give(t, buffer);
}

/* ---- weights that are used several times ----
 *
 * The sum of a weight's gradient over a shard has to be whole before shards are folded, or ranks that hold some of the
 * shards could not give the same bits. So such a weight keeps a sum a shard until the last of its uses, of shards that
 * have rows. A weight that is used once needs none: its fold happens inside the product. Nor does a table of words that
 * decodes too (tied_grad): its lines are made a few at a time, when both of its uses are known, by the same additions. */

static tn_weight *const *weights_of(const struct node *n, tn_weight *out[4])
{
    out[0] = n->w, out[1] = n->bias, out[2] = n->position, out[3] = n->type;
    return out;
}

static void count_uses(tn_tape *t)
{
    tn_weight *w[4];
    for (int count = 0; count < 2; count++)
        for (struct node *n = t->last; n; n = n->before)
            for (int i = 0; i < 4; i++)
                if (weights_of(n, w)[i]) {
                    w[i]->n_uses = count ? w[i]->n_uses + 1 : 0;
                    w[i]->parts = NULL;
                }
}

static void linear_backward(tn_tape *t, struct node *n);
static void embed_backward(tn_tape *t, struct node *n);

/* A matrix that is used twice, the second time as the table of words: nodes are listed last use first. */
static void find_tied(tn_tape *t)
{
    t->tied = (struct tied){0};
    for (struct node *table = t->last; table; table = table->before)
        for (struct node *n = t->last; table->backward == embed_backward && n != table && !t->tied.w; n = n->before)
            if (n->backward == linear_backward && n->w == table->w && n->w->n_uses == 2 && n->w->trained && !n->residual && !n->has_dropout && n->act == TN_ACT_NONE)
                t->tied = (struct tied){.w = n->w, .decoder = n};
}

static bool has_rows(const tn_tape *t, size_t shard)
{
    return t->row_start[shard] < t->row_start[shard + 1];
}

/* Shard by shard: *part is where the sum of the shard goes, to be added to when `again`. */
static float *part_of(tn_tape *t, const tn_weight *w, size_t shard)
{
    size_t before = 0;
    for (size_t s = 0; s < shard; s++)
        before += has_rows(t, s);
    return w->parts + before * tn_tensor_size(&w->value);
}

static void make_parts(tn_tape *t, tn_weight *w, bool *again)
{
    *again = w->parts != NULL;
    if (!w->parts)
        w->parts = take(t, (size_t)t->step.rows.n_shards * tn_tensor_size(&w->value), sizeof(float));
}

/* False: there is no need. *again: another use has been here. */
static bool needs_parts(tn_tape *t, tn_weight *w, bool *again)
{
    if (!w || w->n_uses < 2)
        return false;
    make_parts(t, w, again);
    return true;
}

static void fold_parts(tn_tape *t)
{
    size_t start[TN_SHARDS_MAX + 1] = {0}, n = (size_t)t->step.rows.n_shards;
    tn_weight *w[4];
    for (size_t s = 0; s < n; s++)
        start[s + 1] = start[s] + has_rows(t, s);
    for (struct node *node = t->last; node; node = node->before)
        for (int i = 0; i < 4; i++)
            if (weights_of(node, w)[i] && w[i]->parts) {
                DO(t, tn_op_fold(t->engine, w[i]->parts, &(tn_shards){n, start}, tn_tensor_size(&w[i]->value),
                                 w[i]->grad, &t->err));
                w[i]->parts = NULL;
            }
}

static void tell_ready(const tn_tape *t, const struct node *n)
{
    tn_weight *w[4];
    for (int i = 0; t->step.ready && t->status == TN_OK && i < 4; i++)
        if (weights_of(n, w)[i] && w[i]->trained && !w[i]->sparse && w[i]->n_uses == 1)
            t->step.ready(t->step.ready_ctx, w[i]);
}

/* Lines [from, end) of a matrix. */
static tn_tensor lines_of(const tn_tensor *x, size_t from, size_t end)
{
    return tn_matrix_view(x->data + from * (size_t)x->dim[1], (int64_t)(end - from), x->dim[1]);
}

/* ---- dropout's place ---- */

static bool next_dropout(tn_tape *t, double p, tn_dropout *out)
{
    if (!(p > 0))
        return false;
    *out = tn_dropout_at(p, t->step.seed, t->step.step, t->n_sites++);
    return t->step.dropout;
}

/* ---- linear ---- */

struct hook {
    const tn_kernels *k;
    const tn_dropout *dropout;
    tn_places places;
};

static void dropout_hook(void *ctx, size_t row, size_t col, float *y, size_t n)
{
    const struct hook *h = ctx;
    h->k->dropout(h->dropout, (uint32_t)h->places.row[row], (uint32_t)h->places.position[row], (uint32_t)col, y, NULL,
                  y, n);
}

void tn_tape_pack(tn_tape *t, tn_weight *w, float *storage)
{
    size_t o = (size_t)w->value.dim[0], i = (size_t)w->value.dim[1];
    w->packed = tn_gemm_pack(tn_engine_gemm(t->engine), TN_GEMM_FORWARD, w->value.data, i, o, i, storage);
}

/* For one product: weights that change each step would be packed each step in any case. */
static tn_gemm_packed pack_now(tn_tape *t, const tn_weight *w, tn_gemm_use use)
{
    size_t o = (size_t)w->value.dim[0], i = (size_t)w->value.dim[1], n = tn_gemm_pack_floats(use, o, i);
    if (n > t->pack_cap) {
        tn_mem_free(t->pack);
        t->pack = tn_mem_alloc_aligned(n * sizeof(float), ALIGN);
        t->pack_cap = t->pack ? n : 0;
        if (!t->pack) {
            t->status = tn_fail_nomem(&t->err, n * sizeof(float));
            return (tn_gemm_packed){0};
        }
    }
    return tn_gemm_pack(tn_engine_gemm(t->engine), use, w->value.data, i, o, i, t->pack);
}

/* d = dy through dropout and activation. Returns a buffer that the caller gives back; dy's own buffer when nothing had
 * to be changed, or when it is nobody else's. */
static float *linear_inner_grad(tn_tape *t, struct node *n, float *dy, bool dy_is_shared)
{
    float *d = dy;
    size_t size = tn_tensor_size(&n->out->value);
    if (n->has_dropout) {
        tn_places places = places_of(t, n->out);
        tn_tensor from = grad_view(n->out, dy), to = grad_view(n->out, dy_is_shared ? buffer_take(t, size) : dy);
        DO(t, tn_op_dropout(t->engine, &n->dropout, &places, &from, &to, &t->err));
        d = to.data;
    }
    if (n->act != TN_ACT_NONE && !n->out->grad_is_pre) {
        tn_tensor pre = grad_view(n->out, (float *)(uintptr_t)n->pre);
        tn_tensor from = grad_view(n->out, d),
                  to = grad_view(n->out, d == dy && dy_is_shared ? buffer_take(t, size) : d);
        DO(t, tn_op_activation_grad(t->engine, n->act, &from, &pre, &to, &t->err));
        d = to.data;
    }
    return d;
}

/* dx = d W; through the activation that made x in the same pass when nobody else uses x. */
static void linear_input_grad(tn_tape *t, struct node *n, const tn_tensor *d)
{
    tn_var *x = n->x;
    tn_gemm_packed w = pack_now(t, n->w, TN_GEMM_BACKWARD);
    bool accumulate = x->grad != NULL;
    tn_gemm_tail tail = {0};
    if (x->act != TN_ACT_NONE && x->n_uses == 1 && (tail.derivative = tn_op_derivative_fn(t->engine, x->act))) {
        tail.derivative_at = x->pre;
        tail.ld_derivative_at = (size_t)x->value.dim[1];
        x->grad_is_pre = true;
    }
    if (!accumulate)
        x->grad = buffer_take(t, tn_tensor_size(&x->value));
    tn_tensor dx = grad_view(x, x->grad);
    DO(t, tn_op_linear(t->engine, d, &w, tail.derivative ? &tail : NULL, accumulate, &dx, &t->err));
}

/* Where the weight keeps parts, its bias does too. */
static void linear_weight_grad(tn_tape *t, struct node *n, const tn_tensor *d)
{
    tn_weight *w = n->w->trained ? n->w : NULL, *bias = n->bias && n->bias->trained ? n->bias : NULL;
    tn_shards shards = shards_of(t, n->out);
    bool again = false, bias_again = false;
    if (!w && !bias)
        return;
    if (n == t->tied.decoder) {
        t->tied.dy = *d;
        w = NULL;
    }
    if (!needs_parts(t, w, &again)) {
        TN_ASSERT(!bias || bias->n_uses == 1);
        DO(t, tn_op_linear_grad(t->engine, d, &n->x->value, &shards, false, w ? w->grad : NULL, bias ? bias->grad : NULL,
                                &t->err));
        return;
    }
    if (bias)
        make_parts(t, bias, &bias_again);
    TN_ASSERT(!bias || bias_again == again);
    for (size_t s = 0; s < shards.n && t->status == TN_OK; s++) {
        size_t from = shards.start[s], end = shards.start[s + 1];
        tn_tensor dy = lines_of(d, from, end), x = lines_of(&n->x->value, from, end);
        if (has_rows(t, s))
            DO(t, tn_op_linear_grad(t->engine, &dy, &x, &(tn_shards){1, (const size_t[]){0, end - from}}, again,
                                    part_of(t, w, s), bias ? part_of(t, bias, s) : NULL, &t->err));
    }
}

/* ---- adapters ----
 *
 * An adapter is two products of its own, whose result stands where the base product is then added: so bias, activation,
 * dropout and residual stay in the tail of one product, and the way back needs nothing but a copy of its columns. */

static void add_adapters(tn_tape *t, tn_var *x, const tn_weight *w, tn_var *added[TN_ADAPTERS_MAX])
{
    TN_ASSERT(w->n_adapters <= TN_ADAPTERS_MAX);
    for (int32_t i = 0; i < w->n_adapters; i++) {
        tn_adapter *a = &w->adapter[i];
        tn_var *low = tn_tape_linear(t, tn_tape_dropout(t, x, a->dropout), &a->a, &(tn_linear_options){0});
        added[i] = tn_tape_linear(t, low, &a->b, &(tn_linear_options){0});
        if (added[i])
            added[i]->n_uses++;
    }
}

/* Where an adapter adds, scaled; zeros elsewhere. */
static void place_adapters(tn_tape *t, const tn_weight *w, tn_var *const added[TN_ADAPTERS_MAX], tn_tensor *out)
{
    size_t lines = (size_t)out->dim[0], wide = (size_t)out->dim[1], covered = 0;
    for (int32_t i = 0; i < w->n_adapters; i++)
        covered += (size_t)w->adapter[i].b.value.dim[0];
    if (covered < wide)
        memset(out->data, 0, lines * wide * sizeof *out->data);
    for (int32_t i = 0; i < w->n_adapters; i++) {
        const tn_tensor *x = &added[i]->value;
        size_t n = (size_t)x->dim[1];
        for (size_t l = 0; l < lines; l++)
            tn_engine_kernels(t->engine)->scale(x->data + l * n, (float)w->adapter[i].scale,
                                                out->data + l * wide + w->adapter[i].first, n);
    }
}

static void adapters_grad(tn_tape *t, const struct node *n, const tn_tensor *d)
{
    size_t lines = (size_t)d->dim[0], wide = (size_t)d->dim[1];
    for (int32_t i = 0; i < n->w->n_adapters; i++) {
        const tn_adapter *a = &n->w->adapter[i];
        size_t columns = (size_t)a->b.value.dim[0];
        float *part = buffer_take(t, lines * columns);
        for (size_t l = 0; part && l < lines; l++)
            tn_engine_kernels(t->engine)->scale(d->data + l * wide + a->first, (float)a->scale, part + l * columns,
                                                columns);
        grad_move(t, n->added[i], part);
    }
}

/* The residual gets dy last: x's gradient may be in the making, and x may be the residual. */
static void linear_backward(tn_tape *t, struct node *n)
{
    float *dy = n->out->grad;
    float *inner = linear_inner_grad(t, n, dy, n->residual != NULL);
    tn_tensor d = grad_view(n->out, inner);
    linear_weight_grad(t, n, &d);
    adapters_grad(t, n, &d);
    if (n->x->wanted)
        linear_input_grad(t, n, &d);
    if (n == t->tied.decoder)
        return; /* tied_grad reads dy */
    if (inner != dy)
        buffer_give(t, inner);
    if (n->residual)
        grad_move(t, n->residual, dy);
    else
        buffer_give(t, dy);
}

static void linear_in_bytes(tn_tape *t, const tn_var *x, const tn_weight *w, const tn_gemm_tail *tail, tn_var *out)
{
    float *scratch = buffer_take(t, tn_gemm8_rows_floats((size_t)x->value.dim[0], w->packed8.k));
    DO(t, tn_op_linear8(t->engine, &x->value, &w->packed8, tail, scratch, &out->value, &t->err));
    buffer_give(t, scratch);
}

tn_var *tn_tape_linear(tn_tape *t, tn_var *x, tn_weight *w, const tn_linear_options *o)
{
    if (!x || t->status != TN_OK)
        return NULL;
    tn_var *added[TN_ADAPTERS_MAX] = {NULL};
    add_adapters(t, x, w, added);
    tn_var *out = new_var(t, x->value.dim[0], w->value.dim[0], x->line);
    bool keep_pre = t->step.record && o->activation != TN_ACT_NONE;
    float *pre = keep_pre ? take_floats(t, x->value.dim[0], w->value.dim[0]) : NULL;
    tn_dropout dropout = {0};
    bool drops = next_dropout(t, o->dropout, &dropout);
    bool in_bytes = w->packed8.data != NULL;
    TN_ASSERT(!in_bytes || !t->step.record);
    tn_gemm_packed packed =
        t->status != TN_OK || w->packed.data || in_bytes ? w->packed : pack_now(t, w, TN_GEMM_FORWARD);
    if (t->status != TN_OK)
        return NULL;
    struct hook hook = {tn_engine_kernels(t->engine), &dropout, places_of(t, x)};
    tn_gemm_tail tail = {.bias = o->bias ? o->bias->value.data : NULL,
                         .pre = pre,
                         .ld_pre = (size_t)w->value.dim[0],
                         .activation = tn_op_activation_fn(t->engine, o->activation),
                         .hook = drops ? dropout_hook : NULL,
                         .hook_ctx = &hook,
                         .residual = o->residual ? o->residual->value.data : NULL,
                         .ld_residual = (size_t)w->value.dim[0]};
    if (w->n_adapters)
        place_adapters(t, w, added, &out->value);
    if (in_bytes)
        linear_in_bytes(t, x, w, &tail, out);
    else
        DO(t, tn_op_linear(t->engine, &x->value, &packed, &tail, w->n_adapters > 0, &out->value, &t->err));
    struct node *n = new_node(t, linear_backward, x, out);
    if (n) {
        memcpy(n->added, added, sizeof added);
        n->w = w;
        n->bias = o->bias;
        n->act = o->activation;
        n->pre = pre;
        n->has_dropout = drops;
        n->dropout = dropout;
        n->residual = o->residual;
    }
    x->n_uses++;
    if (o->residual)
        o->residual->n_uses++;
    out->wanted = below(x, w, o->bias) || below(o->residual, NULL, NULL);
    for (int32_t i = 0; i < w->n_adapters; i++)
        out->wanted |= added[i]->wanted;
    if (pre && !drops && !o->residual) {
        out->act = o->activation;
        out->pre = pre;
    }
    return t->status == TN_OK ? out : NULL;
}

/* ---- layer norm ---- */

static void norm_weight_grad(tn_tape *t, struct node *n, const tn_tensor *d)
{
    tn_shards shards = shards_of(t, n->x);
    tn_weight *bias = n->bias->trained ? n->bias : NULL;
    bool again = false;
    if (!n->w->trained)
        return;
    TN_ASSERT(!bias || bias->n_uses == n->w->n_uses);
    if (!needs_parts(t, n->w, &again)) {
        DO(t, tn_op_norm_weight_grad(t->engine, d, &n->x->value, n->mean, n->rstd, &shards, false, n->w->grad,
                                     bias ? bias->grad : NULL, &t->err));
        return;
    }
    needs_parts(t, bias, &again);
    for (size_t s = 0; s < shards.n && t->status == TN_OK; s++) {
        size_t from = shards.start[s], end = shards.start[s + 1];
        tn_tensor dy = lines_of(d, from, end), x = lines_of(&n->x->value, from, end);
        if (has_rows(t, s))
            DO(t, tn_op_norm_weight_grad(t->engine, &dy, &x, n->mean + from, n->rstd + from,
                                         &(tn_shards){1, (const size_t[]){0, end - from}}, again, part_of(t, n->w, s),
                                         bias ? part_of(t, bias, s) : NULL, &t->err));
    }
}

static void norm_backward(tn_tape *t, struct node *n)
{
    tn_tensor d = grad_view(n->out, n->out->grad);
    norm_weight_grad(t, n, &d);
    if (n->x->wanted)
        DO(t, tn_op_norm_grad(t->engine, &d, &n->x->value, &n->w->value, n->mean, n->rstd, &d, &t->err));
    grad_move(t, n->x, n->out->grad);
}

tn_var *tn_tape_norm(tn_tape *t, tn_var *x, tn_weight *gain, tn_weight *bias, double eps)
{
    if (!x || t->status != TN_OK)
        return NULL;
    int64_t rows = x->value.dim[0];
    tn_var *out = new_var(t, rows, x->value.dim[1], x->line);
    float *mean = t->step.record ? take_floats(t, rows, 1) : NULL, *rstd = mean ? take_floats(t, rows, 1) : NULL;
    if (t->status != TN_OK)
        return NULL;
    DO(t, tn_op_norm(t->engine, &x->value, &gain->value, &bias->value, eps, &out->value, mean, rstd, &t->err));
    struct node *n = new_node(t, norm_backward, x, out);
    if (n) {
        n->w = gain;
        n->bias = bias;
        n->mean = mean;
        n->rstd = rstd;
    }
    x->n_uses++;
    out->wanted = below(x, gain, bias);
    return t->status == TN_OK ? out : NULL;
}

/* ---- attention ---- */

static tn_attention_args attention_args(tn_tape *t, tn_var *qkv, tn_var *out, const tn_attention_options *o,
                                        const tn_dropout *dropout)
{
    int32_t copies = t->step.record ? t->step.rows.n_shards : 1;
    tn_var *table = o->bias ? o->bias : o->states;
    tn_attention_args a = {.rows = &t->step.rows,
                           .n_heads = o->n_heads,
                           .qkv = &qkv->value,
                           .out = &out->value,
                           .dropout = dropout,
                           .scale = o->scale,
                           .window = o->window,
                           .relative = {.index = o->index,
                                        .n = table ? (int32_t)(table->value.dim[0] / copies) : 0,
                                        .bias = o->bias ? &o->bias->value : NULL,
                                        .states = o->states ? &o->states->value : NULL}};
    a.scratch = buffer_take(t, tn_op_attention_scratch(t->engine, &a));
    return a;
}

static void attention_backward(tn_tape *t, struct node *n)
{
    tn_attention_args a = attention_args(t, n->x, n->out, &n->attention, n->has_dropout ? &n->dropout : NULL);
    tn_var *table = n->attention.bias ? n->attention.bias : n->attention.states;
    a.max = n->max;
    a.sum = n->sum;
    tn_tensor dout = grad_view(n->out, n->out->grad), drelative = {0},
              dqkv = grad_view(n->x, buffer_take(t, tn_tensor_size(&n->x->value)));
    if (table)
        drelative = grad_view(table, buffer_take(t, tn_tensor_size(&table->value)));
    DO(t, tn_op_attention_grad(t->engine, &a, &dout, &dqkv, table ? &drelative : NULL, &t->err));
    buffer_give(t, a.scratch);
    buffer_give(t, dout.data);
    if (table)
        grad_move(t, table, drelative.data);
    grad_move(t, n->x, dqkv.data);
}

tn_var *tn_tape_attention(tn_tape *t, tn_var *qkv, const tn_attention_options *o)
{
    if (!qkv || t->status != TN_OK)
        return NULL;
    int64_t tokens = qkv->value.dim[0];
    tn_dropout dropout;
    bool drops = next_dropout(t, o->dropout, &dropout);
    tn_var *out = new_var(t, tokens, qkv->value.dim[1] / 3, TN_OF_TOKEN);
    float *max = t->step.record ? take_floats(t, o->n_heads, tokens) : NULL;
    float *sum = max ? take_floats(t, o->n_heads, tokens) : NULL;
    if (t->status != TN_OK)
        return NULL;
    tn_attention_args a = attention_args(t, qkv, out, o, drops ? &dropout : NULL);
    a.max = max;
    a.sum = sum;
    DO(t, tn_op_attention(t->engine, &a, &t->err));
    buffer_give(t, a.scratch);
    struct node *n = new_node(t, attention_backward, qkv, out);
    if (n) {
        n->attention = *o;
        n->max = max;
        n->sum = sum;
        n->has_dropout = drops;
        n->dropout = dropout;
    }
    qkv->n_uses++;
    out->wanted = qkv->wanted;
    if (o->bias || o->states) {
        tn_var *table = o->bias ? o->bias : o->states;
        table->n_uses++;
        out->wanted |= table->wanted;
    }
    return t->status == TN_OK ? out : NULL;
}

/* ---- dropout ---- */

static void dropout_backward(tn_tape *t, struct node *n)
{
    tn_tensor d = grad_view(n->out, n->out->grad);
    tn_places places = places_of(t, n->x);
    DO(t, tn_op_dropout(t->engine, &n->dropout, &places, &d, &d, &t->err));
    grad_move(t, n->x, d.data);
}

tn_var *tn_tape_dropout(tn_tape *t, tn_var *x, double p)
{
    tn_dropout dropout;
    if (!x || t->status != TN_OK)
        return NULL;
    if (!next_dropout(t, p, &dropout))
        return x;
    tn_var *out = new_var(t, x->value.dim[0], x->value.dim[1], x->line);
    if (!out)
        return NULL;
    tn_places places = places_of(t, x);
    DO(t, tn_op_dropout(t->engine, &dropout, &places, &x->value, &out->value, &t->err));
    struct node *n = new_node(t, dropout_backward, x, out);
    if (n)
        n->dropout = dropout;
    x->n_uses++;
    out->wanted = x->wanted;
    return t->status == TN_OK ? out : NULL;
}

/* ---- gated products, rotary positions ---- */

static void gated_backward(tn_tape *t, struct node *n)
{
    tn_tensor dy = grad_view(n->out, n->out->grad), dx = grad_view(n->x, buffer_take(t, tn_tensor_size(&n->x->value)));
    DO(t, tn_op_gated_grad(t->engine, n->act, &dy, &n->x->value, &dx, &t->err));
    buffer_give(t, dy.data);
    grad_move(t, n->x, dx.data);
}

tn_var *tn_tape_gated(tn_tape *t, tn_var *x, tn_activation f)
{
    tn_var *out = x && t->status == TN_OK ? new_var(t, x->value.dim[0], x->value.dim[1] / 2, x->line) : NULL;
    if (!out)
        return NULL;
    DO(t, tn_op_gated(t->engine, f, &x->value, &out->value, &t->err));
    struct node *n = new_node(t, gated_backward, x, out);
    if (n)
        n->act = f;
    x->n_uses++;
    out->wanted = x->wanted;
    return t->status == TN_OK ? out : NULL;
}

/* Back by the same angle: the sine's sign changes. `sine` of the node is the negative one. */
static void rotate_backward(tn_tape *t, struct node *n)
{
    tn_tensor d = grad_view(n->out, n->out->grad);
    tn_places places = places_of(t, n->out);
    DO(t, tn_op_rotate(t->engine, &places, n->attention.n_heads, n->cosine, n->sine, &d, &t->err));
}

tn_var *tn_tape_rotate(tn_tape *t, tn_var *x, int32_t n_heads, const float *cosine, const float *sine)
{
    if (!x || t->status != TN_OK)
        return NULL;
    TN_ASSERT(x->n_uses == 0 && x->act == TN_ACT_NONE);
    tn_places places = places_of(t, x);
    DO(t, tn_op_rotate(t->engine, &places, n_heads, cosine, sine, &x->value, &t->err));
    struct node *n = new_node(t, rotate_backward, x, x);
    if (n) {
        size_t size = (size_t)tn_tape_longest(t) * (size_t)(x->value.dim[1] / 3 / n_heads / 2);
        float *back = take_floats(t, 1, (int64_t)size);
        if (back)
            tn_engine_kernels(t->engine)->scale(sine, -1, back, size);
        n->attention.n_heads = n_heads;
        n->cosine = cosine;
        n->sine = back;
    }
    return t->status == TN_OK ? x : NULL;
}

/* ---- one value a row ---- */

static void mean_backward(tn_tape *t, struct node *n)
{
    const tn_rows *r = &t->step.rows;
    const tn_kernels *k = tn_engine_kernels(t->engine);
    size_t c = (size_t)n->x->value.dim[1];
    float *dx = buffer_take(t, tn_tensor_size(&n->x->value));
    if (!dx)
        return;
    for (int32_t b = 0; b < r->n_rows; b++)
        for (int32_t i = r->start[b]; i < r->start[b + 1]; i++)
            k->scale(n->out->grad + (size_t)b * c, 1 / (float)(r->start[b + 1] - r->start[b]), dx + (size_t)i * c, c);
    buffer_give(t, n->out->grad);
    grad_move(t, n->x, dx);
}

tn_var *tn_tape_mean(tn_tape *t, tn_var *x)
{
    const tn_rows *r = &t->step.rows;
    tn_var *out = x && t->status == TN_OK ? new_var(t, r->n_rows, x->value.dim[1], TN_OF_ROW) : NULL;
    if (!out)
        return NULL;
    size_t c = (size_t)x->value.dim[1];
    for (int32_t b = 0; b < r->n_rows; b++)
        tn_engine_kernels(t->engine)->mean_rows(x->value.data + (size_t)r->start[b] * c,
                                                (size_t)(r->start[b + 1] - r->start[b]), c,
                                                out->value.data + (size_t)b * c);
    new_node(t, mean_backward, x, out);
    x->n_uses++;
    out->wanted = x->wanted;
    return t->status == TN_OK ? out : NULL;
}


static void first_backward(tn_tape *t, struct node *n)
{
    const tn_rows *r = &t->step.rows;
    size_t c = (size_t)n->x->value.dim[1], size = tn_tensor_size(&n->x->value);
    float *dx = buffer_take(t, size);
    if (!dx)
        return;
    memset(dx, 0, size * sizeof *dx);
    for (int32_t b = 0; b < r->n_rows; b++)
        memcpy(dx + (size_t)r->start[b] * c, n->out->grad + (size_t)b * c, c * sizeof *dx);
    buffer_give(t, n->out->grad);
    grad_move(t, n->x, dx);
}

tn_var *tn_tape_first(tn_tape *t, tn_var *x)
{
    const tn_rows *r = &t->step.rows;
    tn_var *out = x && t->status == TN_OK ? new_var(t, r->n_rows, x->value.dim[1], TN_OF_ROW) : NULL;
    if (!out)
        return NULL;
    size_t c = (size_t)x->value.dim[1];
    for (int32_t b = 0; b < r->n_rows; b++)
        memcpy(out->value.data + (size_t)b * c, x->value.data + (size_t)r->start[b] * c, c * sizeof(float));
    new_node(t, first_backward, x, out);
    x->n_uses++;
    out->wanted = x->wanted;
    return t->status == TN_OK ? out : NULL;
}

static void choose_backward(tn_tape *t, struct node *n)
{
    size_t c = (size_t)n->x->value.dim[1], size = tn_tensor_size(&n->x->value);
    float *dx = buffer_take(t, size);
    if (!dx)
        return;
    memset(dx, 0, size * sizeof *dx);
    for (int64_t i = 0; i < n->out->value.dim[0]; i++)
        memcpy(dx + (size_t)n->ids[i] * c, n->out->grad + (size_t)i * c, c * sizeof *dx);
    buffer_give(t, n->out->grad);
    grad_move(t, n->x, dx);
}

tn_var *tn_tape_choose(tn_tape *t, tn_var *x, const int32_t *chosen, int32_t n)
{
    const tn_rows *r = &t->step.rows;
    tn_var *out = x && t->status == TN_OK ? new_var(t, n, x->value.dim[1], TN_OF_CHOICE) : NULL;
    t->choice_row = take(t, (size_t)n, sizeof *t->choice_row);
    t->choice_position = take(t, (size_t)n, sizeof *t->choice_position);
    if (!out || t->status != TN_OK)
        return NULL;
    size_t c = (size_t)x->value.dim[1];
    for (int32_t i = 0; i < n; i++) {
        t->choice_row[i] = t->token_row[chosen[i]];
        t->choice_position[i] = t->token_position[chosen[i]];
        memcpy(out->value.data + (size_t)i * c, x->value.data + (size_t)chosen[i] * c, c * sizeof(float));
    }
    for (int32_t s = 0, i = 0; s <= r->n_shards; s++) {
        while (i < n && (size_t)chosen[i] < t->token_start[s])
            i++;
        t->choice_start[s] = (size_t)i;
    }
    struct node *node = new_node(t, choose_backward, x, out);
    if (node)
        node->ids = chosen;
    x->n_uses++;
    out->wanted = x->wanted;
    return t->status == TN_OK ? out : NULL;
}

/* ---- embeddings ---- */

typedef struct {
    const int32_t *ids;
    tn_tensor dy;
    tn_embed_work work;
    float *rows; /* [work.n_unique, C] */
} lookups;

/* Gradients of the rows that these tokens look up. */
static bool look_back(tn_tape *t, const tn_weight *w, const tn_shards *shards, lookups *l)
{
    size_t n = (size_t)l->dy.dim[0], c = (size_t)l->dy.dim[1];
    l->work = (tn_embed_work){.sort = take(t, 2 * n, sizeof(uint64_t)),
                              .order = take(t, n, sizeof(uint32_t)),
                              .start = take(t, n + 1, sizeof(uint32_t)),
                              .unique = take(t, n, sizeof(int32_t))};
    if (t->status != TN_OK)
        return false;
    tn_op_embed_sort(l->ids, n, &l->work);
    l->rows = take(t, l->work.n_unique * c, sizeof *l->rows);
    DO(t, tn_op_embed_grad(t->engine, &l->dy, &l->work, shards, l->rows, &t->err));
    if (t->status != TN_OK)
        return false;
    for (size_t u = 0; w->has_frozen_row && u < l->work.n_unique; u++)
        if (l->work.unique[u] == w->frozen_row)
            memset(l->rows + u * c, 0, c * sizeof *l->rows);
    return true;
}

/* A table that decodes too, TIED_LINES lines at a time: a shard's products first, then its look-ups, then the fold over
 * shards. A copy of the table a shard would be gigabytes for a vocabulary of 250,000. */
static void tied_grad(tn_tape *t, tn_weight *w, const int32_t *ids, const tn_tensor *dy, const tn_shards *shards)
{
    size_t c = (size_t)dy->dim[1], wide = (size_t)w->value.dim[0], n = 0;
    const tn_shards outputs = shards_of(t, t->tied.decoder->out);
    tn_tensor d = t->tied.dy, x = t->tied.decoder->x->value;
    lookups look[TN_SHARDS_MAX];
    size_t at[TN_SHARDS_MAX], next[TN_SHARDS_MAX] = {0}, start[TN_SHARDS_MAX + 1] = {0};
    for (size_t s = 0; s < shards->n; s++) {
        size_t from = shards->start[s], end = shards->start[s + 1];
        start[s + 1] = start[s] + has_rows(t, s);
        if (!has_rows(t, s))
            continue;
        look[n] = (lookups){.ids = ids + from, .dy = lines_of(dy, from, end)};
        if (!look_back(t, w, &(tn_shards){1, (const size_t[]){0, end - from}}, &look[n]))
            return;
        at[n++] = s;
    }
    float *part = buffer_take(t, n * TIED_LINES * c);
    for (size_t first = 0; first < wide && t->status == TN_OK; first += TIED_LINES) {
        size_t lines = wide - first < TIED_LINES ? wide - first : TIED_LINES;
        for (size_t i = 0; i < n; i++) {
            const lookups *l = &look[i];
            size_t from = outputs.start[at[i]], end = outputs.start[at[i] + 1];
            tn_tensor dy_of = lines_of(&d, from, end), x_of = lines_of(&x, from, end);
            DO(t, tn_op_linear_grad_lines(t->engine, &dy_of, &x_of, first, lines, part + i * lines * c, &t->err));
            for (; next[i] < l->work.n_unique && (size_t)l->work.unique[next[i]] < first + lines; next[i]++) {
                float *line = part + (i * lines + (size_t)l->work.unique[next[i]] - first) * c;
                tn_engine_kernels(t->engine)->add(line, l->rows + next[i] * c, line, c);
            }
        }
        DO(t, tn_op_fold(t->engine, part, &(tn_shards){shards->n, start}, lines * c, w->grad + first * c, &t->err));
    }
    buffer_give(t, part);
    buffer_give(t, d.data);
}

/* A table that is a matrix of the step too. */
static void table_grad_by_parts(tn_tape *t, tn_weight *w, const int32_t *ids, const tn_tensor *dy, const tn_shards *shards,
                                bool again)
{
    size_t c = (size_t)dy->dim[1];
    for (size_t s = 0; s < shards->n && t->status == TN_OK; s++) {
        size_t from = shards->start[s], end = shards->start[s + 1];
        lookups l = {.ids = ids + from, .dy = lines_of(dy, from, end)};
        if (!has_rows(t, s))
            continue;
        float *part = part_of(t, w, s);
        if (!again)
            memset(part, 0, tn_tensor_size(&w->value) * sizeof *part);
        if (!look_back(t, w, &(tn_shards){1, (const size_t[]){0, end - from}}, &l))
            return;
        for (size_t u = 0; u < l.work.n_unique; u++) {
            float *row = part + (size_t)l.work.unique[u] * c;
            tn_engine_kernels(t->engine)->add(row, l.rows + u * c, row, c);
        }
    }
}

static void table_grad(tn_tape *t, tn_weight *w, const int32_t *ids, const tn_tensor *dy, const tn_shards *shards)
{
    size_t c = (size_t)dy->dim[1];
    lookups l = {.ids = ids, .dy = *dy};
    bool again;
    if (!w->trained)
        return;
    if (w == t->tied.w) {
        tied_grad(t, w, ids, dy, shards);
        return;
    }
    if (needs_parts(t, w, &again)) {
        table_grad_by_parts(t, w, ids, dy, shards, again);
        return;
    }
    if (!look_back(t, w, shards, &l))
        return;
    if (w->sparse) {
        w->grad = l.rows;
        w->grad_row = l.work.unique;
        w->n_grad_rows = (int32_t)l.work.n_unique;
        return;
    }
    memset(w->grad, 0, tn_tensor_size(&w->value) * sizeof *w->grad);
    for (size_t u = 0; u < l.work.n_unique; u++)
        memcpy(w->grad + (size_t)l.work.unique[u] * c, l.rows + u * c, c * sizeof(float));
}

static void embed_backward(tn_tape *t, struct node *n)
{
    tn_tensor dy = grad_view(n->out, n->out->grad);
    tn_shards shards = shards_of(t, n->out);
    table_grad(t, n->w, n->ids, &dy, &shards);
    table_grad(t, n->position, n->positions, &dy, &shards);
    table_grad(t, n->type, n->type_ids, &dy, &shards);
    buffer_give(t, dy.data);
}

static void copies_backward(tn_tape *t, struct node *n)
{
    tn_tensor dy = grad_view(n->out, n->out->grad);
    tn_shards shards = shards_of(t, n->out);
    table_grad(t, n->w, n->ids, &dy, &shards);
    buffer_give(t, dy.data);
}

tn_var *tn_tape_copies(tn_tape *t, tn_weight *table, int32_t first, int32_t n)
{
    size_t copies = t->step.record ? (size_t)t->step.rows.n_shards : 1, c = (size_t)table->value.dim[1];
    size_t lines = copies * (size_t)n;
    TN_ASSERT(first >= 0 && n > 0 && (int64_t)first + n <= table->value.dim[0]);
    tn_var *out = new_var(t, (int64_t)lines, table->value.dim[1], TN_OF_COPY);
    t->copy_zero = take(t, lines, sizeof *t->copy_zero);
    t->copy_line = take(t, lines, sizeof *t->copy_line);
    if (t->status != TN_OK)
        return NULL;
    for (size_t i = 0; i < lines; i++) {
        t->copy_zero[i] = 0;
        t->copy_line[i] = first + (int32_t)(i % (size_t)n);
    }
    for (size_t s = 0; s <= copies; s++) {
        t->copy_start[s] = s * (size_t)n;
        if (s < copies)
            memcpy(out->value.data + s * (size_t)n * c, table->value.data + (size_t)first * c,
                   (size_t)n * c * sizeof(float));
    }
    struct node *node = new_node(t, copies_backward, NULL, out);
    if (node) {
        node->w = table;
        node->ids = t->copy_line;
    }
    out->wanted = table->trained;
    return t->status == TN_OK ? out : NULL;
}

int32_t tn_tape_longest(const tn_tape *t)
{
    const tn_rows *r = &t->step.rows;
    int32_t longest = 0;
    for (int32_t b = 0; b < r->n_rows; b++)
        longest = r->start[b + 1] - r->start[b] > longest ? r->start[b + 1] - r->start[b] : longest;
    return longest;
}

float *tn_tape_floats(tn_tape *t, size_t n)
{
    return take(t, n, sizeof(float));
}

int32_t *tn_tape_ints(tn_tape *t, size_t n)
{
    return take(t, n, sizeof(int32_t));
}

tn_var *tn_tape_embed(tn_tape *t, const int32_t *ids, const int32_t *type_ids, const int32_t *positions,
                      tn_weight *word, tn_weight *position, tn_weight *type)
{
    int32_t tokens = tn_rows_tokens(&t->step.rows);
    tn_var *out = new_var(t, tokens, word->value.dim[1], TN_OF_TOKEN);
    int32_t *zeros = type_ids || !t->step.record ? NULL : take(t, (size_t)tokens, sizeof *zeros);
    if (t->status != TN_OK)
        return NULL;
    if (zeros)
        memset(zeros, 0, (size_t)tokens * sizeof *zeros);
    if (!positions)
        positions = t->token_position;
    DO(t, tn_op_embed(t->engine, &word->value, &type->value, &position->value, ids, type_ids, positions,
                      &out->value, &t->err));
    struct node *n = new_node(t, embed_backward, NULL, out);
    if (n) {
        n->w = word;
        n->position = position;
        n->type = type;
        n->ids = ids;
        n->type_ids = type_ids ? type_ids : zeros;
        n->positions = positions;
    }
    out->wanted = word->trained || position->trained || type->trained;
    return t->status == TN_OK ? out : NULL;
}

/* ---- the loss and the way back ---- */

/* What a line of the outputs weighs in the mean. */
static float weight_of(double divisor)
{
    return divisor > 0 ? (float)(1 / divisor) : 0;
}

static double mean_of(tn_tape *t, const float *loss, const tn_shards *shards, double divisor, float *sum)
{
    *sum = t->status == TN_OK ? tn_op_shard_sum(t->engine, loss, shards) : 0;
    return divisor > 0 ? (double)*sum / divisor : 0;
}

static void count_lines(const uint8_t *right, int64_t n, tn_loss *out)
{
    for (int64_t i = 0; i < n; i++) {
        out->n_correct += right[i] == 1;
        out->n_counted += right[i] != 2;
    }
}

/* Class weights and smoothing as two numbers a class: as the target, and as any class. */
static const float *weigh_classes(tn_tape *t, const tn_loss_options *o, size_t width, float *soft_sum)
{
    if (!o->class_weight && !(o->smoothing > 0))
        return NULL;
    float *own = take(t, 2 * width, sizeof *own), *soft = own + width;
    double sum = 0;
    for (size_t i = 0; own && i < width; i++) {
        double w = o->class_weight ? (double)o->class_weight[i] : 1;
        own[i] = (float)((1 - o->smoothing) * w);
        soft[i] = (float)(o->smoothing / (double)width * w);
        sum += (double)soft[i];
    }
    *soft_sum = (float)sum;
    return own;
}

static void class_loss(tn_tape *t, tn_loss_args *a, const tn_shards *shards, const int32_t *label,
                       const tn_loss_options *o, tn_loss *out)
{
    int64_t n = a->outputs->dim[0];
    size_t width = (size_t)a->outputs->dim[1];
    float soft_sum = 0;
    const float *own = weigh_classes(t, o, width, &soft_sum);
    double divisor = o->divisor[0];
    for (int64_t i = 0; !(o->divisor[0] > 0) && i < n; i++)
        divisor += label[i] < 0 ? 0 : o->class_weight ? (double)o->class_weight[label[i]] : 1;
    a->weight = weight_of(divisor);
    DO(t, tn_op_cross_entropy(t->engine, a, label, own, own ? own + width : NULL, soft_sum, &t->err));
    out->loss = mean_of(t, a->loss, shards, divisor, &out->sum[0]);
    count_lines(a->right, n, out);
}

static void single_loss(tn_tape *t, tn_loss_args *a, const tn_shards *shards, const tn_targets *target,
                        const tn_loss_options *o, tn_loss *out)
{
    bool flags = target->kind == TN_TARGET_FLAGS;
    double divisor = o->divisor[0] > 0 ? o->divisor[0] : (double)tn_tensor_size(a->outputs);
    a->weight = weight_of(divisor);
    DO(t, flags ? tn_op_flag_losses(t->engine, a, target->value, o->class_weight, &t->err) : tn_op_value_losses(t->engine, a, target->value, &t->err));
    out->loss = mean_of(t, a->loss, shards, divisor, &out->sum[0]);
    count_lines(a->right, a->outputs->dim[0], out);
}

/* Half of the mean of first tokens and half of that of last ones; a row is right when both are, or do not count. */
static void span_loss(tn_tape *t, tn_loss_args *a, const tn_targets *target, const tn_loss_options *o, tn_loss *out)
{
    const tn_rows *rows = &t->step.rows;
    tn_shards shards = {(size_t)rows->n_shards, t->row_start};
    float *scratch = take_floats(t, a->outputs->dim[0], 2);
    uint8_t *first_right = take(t, (size_t)rows->n_rows, sizeof *first_right);
    double divisor[2];
    if (t->status != TN_OK)
        return;
    tn_targets_count(target, rows->n_rows, rows->start, 2, NULL, divisor);
    for (int end = 0; end < 2; end++) {
        divisor[end] = o->divisor[end] > 0 ? o->divisor[end] : divisor[end];
        a->weight = weight_of(divisor[end]) / 2;
        DO(t, tn_op_span_end(t->engine, a, rows, end, end ? target->last : target->first, scratch, &t->err));
        out->loss += mean_of(t, a->loss, &shards, divisor[end], &out->sum[end]) / 2;
        if (end == 0)
            memcpy(first_right, a->right, (size_t)rows->n_rows * sizeof *first_right);
    }
    for (int32_t b = 0; b < rows->n_rows; b++) {
        out->n_counted += first_right[b] != 2 || a->right[b] != 2;
        out->n_correct += (first_right[b] == 1 && a->right[b] > 0) || (first_right[b] == 2 && a->right[b] == 1);
    }
}

void tn_tape_loss(tn_tape *t, tn_var *outputs, const tn_targets *target, const tn_loss_options *o, tn_loss *out)
{
    *out = (tn_loss){0};
    if (!outputs || t->status != TN_OK)
        return;
    size_t lines = (size_t)outputs->value.dim[0];
    tn_loss_args a = {.outputs = &outputs->value, .loss = take(t, lines, sizeof *a.loss), .right = take(t, lines, sizeof *a.right)};
    /* Of chosen tokens a line is as wide as the vocabulary, and nobody reads it again: the gradient takes its place. */
    if (t->step.record)
        outputs->grad = outputs->line == TN_OF_CHOICE ? outputs->value.data : buffer_take(t, tn_tensor_size(&outputs->value));
    if (t->status != TN_OK)
        return;
    tn_tensor gradient = grad_view(outputs, outputs->grad);
    a.gradient = outputs->grad ? &gradient : NULL;
    tn_shards shards = shards_of(t, outputs);
    switch (target->kind) {
    case TN_TARGET_CLASS:
    case TN_TARGET_TOKENS: class_loss(t, &a, &shards, target->label, o, out); break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: single_loss(t, &a, &shards, target, o, out); break;
    case TN_TARGET_SPANS: span_loss(t, &a, target, o, out); break;
    case TN_TARGET_NONE: t->status = tn_fail(&t->err, TN_EINVALID, "no targets, no loss"); break;
    }
}

tn_status tn_tape_backward(tn_tape *t, tn_err *err)
{
    count_uses(t);
    find_tied(t);
    for (struct node *n = t->last; n && t->status == TN_OK; n = n->before) {
        if (!n->out->wanted)
            continue;
        TN_ASSERT(n->out->grad); /* every value of a step leads to the loss */
        n->backward(t, n);
        tell_ready(t, n);
    }
    fold_parts(t);
    return tn_tape_status(t, err);
}
