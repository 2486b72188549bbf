/* Promises of tape.h, op.h and engine.h. Gradients: each weight of each kind of node against central differences along
 * its own gradient, with dropout on, which shows too that the backward pass draws what the forward pass drew. */
#include "tensor/tape.h"

#include <math.h>

#include "base/rng.h"
#include "test.h"

enum { C = 16, V = 13, P = 6, L = 3, B = 5, N = 14, HEADS = 2, D = 6 };

static const int32_t start[B + 1] = {0, 1, 4, 10, 12, 14}, shard[] = {0, 1, 3, 3, 5}, label[B] = {0, 2, 1, 1, 0};
static const int32_t ids[N] = {1, 2, 3, 2, 5, 6, 7, 8, 12, 12, 0, 4, 9, 1},
                     kind[N] = {0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 0};

enum {
    WORD,
    POSITION,
    TYPE,
    GAIN,
    SHIFT,
    ONE,
    ONE_BIAS,
    TWO,
    TWO_BIAS,
    QKV,
    QKV_BIAS,
    POOL,
    POOL_BIAS,
    OUT,
    OUT_BIAS,
    WIDE,   /* for gates */
    NEAR,   /* lines of distances: biases of heads */
    PLACES, /* and states */
    WORD_BIAS, /* of a decoder */
    ENDS,      /* of spans */
    N_WEIGHTS
};

typedef struct {
    tn_weight w[N_WEIGHTS];
} net;

static void net_make(net *n)
{
    static const int64_t dim[N_WEIGHTS][2] = {{V, C}, {P, C},     {2, C},  {C},    {C}, {C, C}, {C}, {C, C},
                                              {C},    {3 * C, C}, {3 * C}, {C, C}, {C}, {L, C}, {L},
                                              {2 * C, C}, {D, HEADS}, {D, C}, {V}, {2, C}};
    for (int i = 0; i < N_WEIGHTS; i++) {
        tn_weight *w = &n->w[i];
        *w = (tn_weight){.value = {.n_dims = dim[i][1] ? 2 : 1, .dim = {dim[i][0], dim[i][1]}}, .trained = true};
        size_t size = tn_tensor_size(&w->value);
        w->value.data = malloc(size * sizeof(float));
        w->sparse = i == WORD;
        w->grad = w->sparse ? NULL : malloc(size * sizeof(float));
        tn_rng r = tn_rng_init(11, (uint64_t)i);
        for (size_t k = 0; k < size; k++)
            w->value.data[k] = (float)(tn_rng_f64(&r) - 0.5) + (i == GAIN);
    }
}

static void net_free(net *n)
{
    for (int i = 0; i < N_WEIGHTS; i++) {
        free(n->w[i].value.data);
        if (!n->w[i].sparse)
            free(n->w[i].grad);
    }
}

/* The node under test, between the embedding and an attention that lets every token reach the loss. */
typedef struct {
    const char *name;
    tn_activation act;
    double dropout;
    bool residual, twice, node;
    enum { PLAIN, SHARED, GATED, ROTARY, WINDOW, BIAS, STATES, MEAN } more;
} variant;

static const variant variants[] = {
    {"linear", TN_ACT_NONE},
    {"gelu", TN_ACT_GELU},
    {"gelu by tanh", TN_ACT_GELU_TANH},
    {"silu", TN_ACT_SILU},
    {"tanh", TN_ACT_TANH},
    {"dropout", TN_ACT_NONE, 0.3},
    {"gelu, dropout", TN_ACT_GELU, 0.3},
    {"residual", TN_ACT_NONE, 0, true},
    {"dropout, residual", TN_ACT_NONE, 0.3, true},
    {"gelu, residual", TN_ACT_GELU, 0, true},
    {"silu, dropout, residual", TN_ACT_SILU, 0.3, true},
    {"gelu used twice", TN_ACT_GELU, 0, false, true},
    {"dropout as a node", TN_ACT_NONE, 0, false, false, true},
    {"weights used again", TN_ACT_GELU, .more = SHARED},
    {"gate", TN_ACT_NONE, .more = GATED},
    {"rotary positions", TN_ACT_NONE, .more = ROTARY},
    {"window", TN_ACT_NONE, .more = WINDOW},
    {"biases of distances", TN_ACT_NONE, .more = BIAS},
    {"states of distances", TN_ACT_NONE, .more = STATES},
    {"mean", TN_ACT_NONE, .more = MEAN},
};

static bool is_used(const variant *v, int weight)
{
    return weight < WORD_BIAS && (weight != WIDE || v->more == GATED) && (weight != NEAR || v->more == BIAS) &&
           (weight != PLACES || v->more == STATES);
}

static tn_var *attend(tn_tape *t, tn_weight *w, const variant *v, tn_var *y)
{
    static const int32_t line[] = {4, 4, 4, 3, 3, 2, 1, 1, 0, 0, 0}; /* of distances -5 to 5 */
    static float cosine[6 * C / HEADS / 2], sine[6 * C / HEADS / 2];
    tn_attention_options o = {.n_heads = HEADS, .dropout = 0.2, .index = line + 5, .window = v->more == WINDOW};
    if (v->more == BIAS)
        o.bias = tn_tape_copies(t, &w[NEAR], 1, 5);
    if (v->more == STATES) {
        tn_var *places = tn_tape_dropout(t, tn_tape_copies(t, &w[PLACES], 1, 5), 0.2);
        o.states = tn_tape_linear(t, places, &w[QKV], &(tn_linear_options){.bias = &w[QKV_BIAS]});
        o.scale = 0.3;
    }
    y = tn_tape_linear(t, y, &w[QKV], &(tn_linear_options){.bias = &w[QKV_BIAS]});
    for (int i = 0; i < 6 * C / HEADS / 2; i++) {
        cosine[i] = (float)cos(i * 0.7);
        sine[i] = (float)sin(i * 0.7);
    }
    if (v->more == ROTARY)
        y = tn_tape_rotate(t, y, HEADS, cosine, sine);
    return tn_tape_attention(t, y, &o);
}

static tn_var *compose_on(tn_tape *t, net *n, const variant *v, int32_t from)
{
    tn_weight *w = n->w;
    tn_var *x = tn_tape_embed(t, ids + from, kind + from, NULL, &w[WORD], &w[POSITION], &w[TYPE]);
    x = tn_tape_norm(t, x, &w[GAIN], &w[SHIFT], 1e-6);
    if (v->node)
        x = tn_tape_dropout(t, x, 0.4);
    tn_var *y = tn_tape_linear(
        t, x, &w[ONE],
        &(tn_linear_options){
            .bias = &w[ONE_BIAS], .activation = v->act, .dropout = v->dropout, .residual = v->residual ? x : NULL});
    y = tn_tape_linear(t, y, &w[TWO], &(tn_linear_options){.bias = &w[TWO_BIAS], .residual = v->twice ? y : NULL});
    if (v->more == SHARED) {
        y = tn_tape_linear(t, tn_tape_norm(t, y, &w[GAIN], &w[SHIFT], 1e-6), &w[ONE],
                           &(tn_linear_options){.bias = &w[ONE_BIAS], .activation = v->act, .residual = y});
        y = tn_tape_linear(t, y, &w[TWO], &(tn_linear_options){.bias = &w[TWO_BIAS]});
    }
    if (v->more == GATED)
        y = tn_tape_gated(t, tn_tape_linear(t, y, &w[WIDE], &(tn_linear_options){0}), TN_ACT_GELU);
    y = attend(t, w, v, y);
    y = v->more == MEAN ? tn_tape_mean(t, y) : tn_tape_first(t, y);
    y = tn_tape_linear(t, y, &w[POOL],
                       &(tn_linear_options){.bias = &w[POOL_BIAS], .activation = TN_ACT_TANH, .dropout = 0.1});
    return tn_tape_linear(t, y, &w[OUT], &(tn_linear_options){.bias = &w[OUT_BIAS]});
}

static tn_var *compose(tn_tape *t, net *n, const variant *v)
{
    return compose_on(t, n, v, 0);
}

static double loss_of(tn_tape *t, net *n, const variant *v)
{
    tn_step step = {.rows = {B, start, 4, shard, 100}, .record = true, .dropout = true, .seed = 3, .step = 9};
    tn_loss loss;
    tn_err err;
    tn_tape_begin(t, &step);
    tn_tape_loss(t, compose(t, n, v), &(tn_targets){.label = label}, &(tn_loss_options){.divisor = {B}}, &loss);
    ASSERT_OK(tn_tape_backward(t, &err), &err);
    return loss.loss;
}

static void check_gradients(const char *isa)
{
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, isa, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    for (size_t k = 0; k < TN_COUNT(variants); k++)
        for (int i = 0; i < N_WEIGHTS; i++) {
            tn_weight *w = &n.w[i];
            if (!is_used(&variants[k], i))
                continue;
            size_t size = tn_tensor_size(&w->value);
            float grad[3 * C * C] = {0}, before[3 * C * C];
            loss_of(t, &n, &variants[k]);
            if (w->sparse)
                for (int32_t r = 0; r < w->n_grad_rows; r++)
                    memcpy(grad + w->grad_row[r] * C, w->grad + r * C, C * sizeof *grad);
            else
                memcpy(grad, w->grad, size * sizeof *grad);
            double squares = 0;
            for (size_t j = 0; j < size; j++)
                squares += (double)grad[j] * grad[j];
            assert_true(squares > 1e-9);
            memcpy(before, w->value.data, size * sizeof *before);
            double h = 4e-3 / sqrt(squares), loss[2];
            h = h < 0.02 / sqrt(squares) ? h : 0.02;
            for (int side = 0; side < 2; side++) {
                for (size_t j = 0; j < size; j++)
                    w->value.data[j] = before[j] + (float)(side ? -h : h) * grad[j];
                loss[side] = loss_of(t, &n, &variants[k]);
            }
            memcpy(w->value.data, before, size * sizeof *before);
            double slope = (loss[0] - loss[1]) / (2 * h);
            if (fabs(slope - squares) > 4e-3 * squares)
                fail_msg("%s, weight %d: slope %.6g, squared gradient %.6g", variants[k].name, i, slope, squares);
        }
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

/* ---- losses, and outputs of tokens and of chosen tokens ---- */

static const struct head {
    const char *name;
    tn_target_kind kind;
    bool weights;
    double smoothing;
    bool words; /* of chosen tokens: the table of words decodes */
} heads[] = {
    {"weights", TN_TARGET_CLASS, true, 0},
    {"smoothing", TN_TARGET_CLASS, false, 0.2},
    {"weights, smoothing", TN_TARGET_CLASS, true, 0.3},
    {"flags", TN_TARGET_FLAGS},
    {"flags, weights", TN_TARGET_FLAGS, true},
    {"values", TN_TARGET_VALUES},
    {"tokens", TN_TARGET_TOKENS},
    {"tokens, weights", TN_TARGET_TOKENS, true, 0.1},
    {"spans", TN_TARGET_SPANS},
    {"words", TN_TARGET_TOKENS, .words = true},
    {"words, smoothing", TN_TARGET_TOKENS, false, 0.1, true},
};

/* Rows [first, first + rows) of the batch as a step of their own. `to`: the divisors of the whole batch. */
static double head_loss(tn_tape *t, net *n, const struct head *h, const tn_step *step, int32_t first, const double to[2])
{
    static const float weight[V] = {0.5f, 2, 1, 0.25f, 1, 3, 1, 0.5f, 1, 1, 1, 2, 1};
    static const float flag[B * L] = {1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1},
                       value[B * L] = {1, -2, 0.5f, 3, 0, 0, 1, 1, 1, -1, 0.25f, 2, 0, 0, -3};
    static const int32_t token[N] = {0, -100, 2, 1, -1, -100, 0, 1, 2, 2, 1, -100, 0, 1};
    static const int32_t head_of[B] = {0, 2, 3, -5, 9}, tail_of[B] = {1, 0, 5, 1, 1};
    static const int32_t chosen[] = {2, 3, 6, 9, 12}, word[] = {7, 1, 12, 0, 2}; /* none of the first row */
    tn_weight *w = n->w;
    int32_t from = start[first], tokens = step->rows.start[step->rows.n_rows], some[5], n_some = 0, skip = 0;
    tn_targets target = {h->kind, h->kind == TN_TARGET_TOKENS ? token + from : label + first,
                         (h->kind == TN_TARGET_FLAGS ? flag : value) + first * L, head_of + first, tail_of + first};
    tn_loss_options o = {h->weights ? weight : NULL, h->smoothing, {to ? to[0] : 0, to ? to[1] : 0}};
    tn_loss loss;
    tn_err err;
    tn_tape_begin(t, step);
    tn_var *x = tn_tape_embed(t, ids + from, kind + from, NULL, &w[WORD], &w[POSITION], &w[TYPE]);
    x = tn_tape_norm(t, x, &w[GAIN], &w[SHIFT], 1e-6);
    x = tn_tape_linear(t, x, &w[QKV], &(tn_linear_options){.bias = &w[QKV_BIAS]});
    x = tn_tape_attention(t, x, &(tn_attention_options){.n_heads = HEADS, .dropout = 0.2});
    for (int i = 0; i < 5; i++) {
        skip += chosen[i] < from;
        if (chosen[i] >= from && chosen[i] < from + tokens)
            some[n_some++] = chosen[i] - from;
    }
    if (h->words) {
        x = tn_tape_choose(t, x, some, n_some);
        x = tn_tape_linear(t, x, &w[ONE], &(tn_linear_options){.bias = &w[ONE_BIAS], .activation = TN_ACT_GELU, .dropout = 0.3});
        x = tn_tape_linear(t, x, &w[WORD], &(tn_linear_options){.bias = &w[WORD_BIAS]});
        target.label = word + skip;
    } else if (h->kind == TN_TARGET_SPANS) {
        x = tn_tape_linear(t, x, &w[ENDS], &(tn_linear_options){0});
    } else {
        x = h->kind == TN_TARGET_TOKENS ? tn_tape_dropout(t, x, 0.3) : tn_tape_first(t, x);
        x = tn_tape_linear(t, x, &w[OUT], &(tn_linear_options){.bias = &w[OUT_BIAS]});
    }
    tn_tape_loss(t, x, &target, &o, &loss);
    ASSERT_OK(tn_tape_backward(t, &err), &err);
    return loss.loss;
}

static bool head_uses(const struct head *h, int i)
{
    return i <= SHIFT || i == QKV || i == QKV_BIAS ||
           (h->words                          ? i == ONE || i == ONE_BIAS || i == WORD_BIAS
            : h->kind == TN_TARGET_SPANS ? i == ENDS
                                         : i == OUT || i == OUT_BIAS);
}

static void losses_have_gradients(void **state)
{
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    n.w[WORD].sparse = false;
    n.w[WORD].grad = malloc(V * C * sizeof(float));
    const tn_step step = {.rows = {B, start, 4, shard, 100}, .record = true, .dropout = true, .seed = 3, .step = 9};
    for (size_t k = 0; k < TN_COUNT(heads); k++)
        for (int i = 0; i < N_WEIGHTS; i++) {
            tn_weight *w = &n.w[i];
            size_t size = tn_tensor_size(&w->value);
            float grad[3 * C * C], before[3 * C * C];
            if (!head_uses(&heads[k], i))
                continue;
            head_loss(t, &n, &heads[k], &step, 0, NULL);
            memcpy(grad, w->grad, size * sizeof *grad);
            memcpy(before, w->value.data, size * sizeof *before);
            double squares = 0, loss[2];
            for (size_t j = 0; j < size; j++)
                squares += (double)grad[j] * grad[j];
            assert_true(squares > 1e-9);
            double h = 4e-3 / sqrt(squares);
            h = h < 0.02 / sqrt(squares) ? h : 0.02;
            for (int side = 0; side < 2; side++) {
                for (size_t j = 0; j < size; j++)
                    w->value.data[j] = before[j] + (float)(side ? -h : h) * grad[j];
                loss[side] = head_loss(t, &n, &heads[k], &step, 0, NULL);
            }
            memcpy(w->value.data, before, size * sizeof *before);
            double slope = (loss[0] - loss[1]) / (2 * h);
            if (fabs(slope - squares) > 4e-3 * squares)
                fail_msg("%s, weight %d: slope %.6g, squared gradient %.6g", heads[k].name, i, slope, squares);
        }
    /* As ranks would do it: two with two shards each, and the whole batch's divisors. */
    static const int32_t half[2][3] = {{0, 1, 3}, {0, 1, 2}}, four[] = {0, 1, 3, 4, 5};
    static float grad[2][N_WEIGHTS][3 * C * C];
    for (size_t k = 0; k < TN_COUNT(heads); k++) {
        /* Ten tokens count, of the classes 0, 1, 2 three, four and three; of spans all ends but one on each side. */
        double to[2] = {heads[k].words                                         ? 5
                        : heads[k].kind == TN_TARGET_CLASS && heads[k].weights ? 0.5 + 1 + 2 + 2 + 0.5
                        : heads[k].kind == TN_TARGET_CLASS                     ? B
                        : heads[k].kind == TN_TARGET_TOKENS                    ? heads[k].weights ? 3 * 0.5 + 4 * 2 + 3 : 10
                        : heads[k].kind == TN_TARGET_SPANS                     ? 4
                                                                               : B * L,
                        4};
        double loss[3];
        for (int rank = 0; rank < 3; rank++) {
            int32_t first = rank == 1 ? 3 : 0, rows = rank == 0 ? 3 : rank == 1 ? 2 : B, own[B + 1];
            for (int32_t i = 0; i <= rows; i++)
                own[i] = start[first + i] - start[first];
            tn_step part = step;
            part.rows = (tn_rows){rows, own, rank < 2 ? 2 : 4, rank < 2 ? half[rank] : four, 100 + first};
            loss[rank] = head_loss(t, &n, &heads[k], &part, first, rank < 2 ? to : NULL);
            for (int i = 0; i < N_WEIGHTS; i++) {
                size_t size = tn_tensor_size(&n.w[i].value);
                if (!head_uses(&heads[k], i) || i == TYPE || i == POSITION || (i == WORD && !heads[k].words))
                    continue;
                if (rank < 2)
                    memcpy(grad[rank][i], n.w[i].grad, size * sizeof(float));
                for (size_t j = 0; rank == 2 && j < size; j++)
                    grad[0][i][j] += grad[1][i][j];
                if (rank == 2 && memcmp(grad[0][i], n.w[i].grad, size * sizeof(float)) != 0)
                    fail_msg("%s, weight %d: ranks do not add up", heads[k].name, i);
            }
        }
        assert_true(fabs(loss[0] + loss[1] - loss[2]) < 1e-6);
    }
    free(n.w[WORD].grad);
    n.w[WORD].grad = NULL;
    n.w[WORD].sparse = true;
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

/* The parts of a step, each done as a rank would do them, give the sums that the whole step has, bit by bit: two ranks
 * with two shards each, whose gradients are added. */
static void shards_of_ranks_add_up(void **state)
{
    static const int32_t half[2][3] = {{0, 1, 3}, {0, 1, 2}}, four[] = {0, 1, 3, 4, 5};
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    for (size_t k = 0; k < TN_COUNT(variants); k++) {
        float grad[2][N_WEIGHTS][3 * C * C], whole[3 * C * C];
        for (int rank = 0; rank < 3; rank++) {
            int32_t first = rank == 1 ? 3 : 0, rows = rank == 0 ? 3 : rank == 1 ? 2 : B, from = start[first], own[B + 1];
            for (int32_t i = 0; i <= rows; i++)
                own[i] = start[first + i] - from;
            tn_step step = {.rows = {rows, own, rank < 2 ? 2 : 4, rank < 2 ? half[rank] : four, 100 + first},
                            .record = true,
                            .dropout = true,
                            .seed = 3,
                            .step = 9};
            tn_loss loss;
            tn_tape_begin(t, &step);
            tn_tape_loss(t, compose_on(t, &n, &variants[k], from), &(tn_targets){.label = label + first}, &(tn_loss_options){.divisor = {B}}, &loss);
            ASSERT_OK(tn_tape_backward(t, &err), &err);
            for (int i = 0; i < N_WEIGHTS; i++) {
                tn_weight *w = &n.w[i];
                if (w->sparse || !is_used(&variants[k], i))
                    continue;
                size_t size = tn_tensor_size(&w->value);
                if (rank < 2)
                    memcpy(grad[rank][i], w->grad, size * sizeof(float));
                for (size_t j = 0; rank == 2 && j < size; j++)
                    whole[j] = grad[0][i][j] + grad[1][i][j];
                if (rank == 2 && i != TYPE && i != POSITION && memcmp(whole, w->grad, size * sizeof(float)) != 0)
                    fail_msg("%s, weight %d: ranks do not add up", variants[k].name, i);
            }
        }
    }
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

/* The reference too: it reads and writes a product in another order, which shows buffers that should be two. */
static void gradients_are_those_of_central_differences(void **state)
{
    check_gradients(NULL);
    check_gradients("ref");
}

static void shards_change_only_the_order_of_sums(void **state)
{
    static const int32_t whole[] = {0, B};
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    double cut = loss_of(t, &n, &variants[1]);
    float grad[C * C];
    memcpy(grad, n.w[ONE].grad, sizeof grad);
    tn_step step = {.rows = {B, start, 1, whole, 100}, .record = true, .dropout = true, .seed = 3, .step = 9};
    tn_loss loss;
    tn_tape_begin(t, &step);
    tn_tape_loss(t, compose(t, &n, &variants[1]), &(tn_targets){.label = label}, &(tn_loss_options){.divisor = {B}}, &loss);
    ASSERT_OK(tn_tape_backward(t, &err), &err);
    assert_true(fabs(loss.loss - cut) < 1e-6);
    for (int i = 0; i < C * C; i++)
        assert_true(fabs(grad[i] - n.w[ONE].grad[i]) < 1e-6);
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

static void a_frozen_row_has_no_gradient(void **state)
{
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    n.w[WORD].has_frozen_row = true;
    n.w[WORD].frozen_row = 2;
    loss_of(t, &n, &variants[0]);
    const tn_weight *w = &n.w[WORD];
    assert_int_equal(w->n_grad_rows, 11); /* distinct ids */
    for (int32_t r = 0; r < w->n_grad_rows; r++) {
        double sum = 0;
        for (int i = 0; i < C; i++)
            sum += fabs(w->grad[r * C + i]);
        assert_true((sum == 0) == (w->grad_row[r] == 2));
        assert_true(r == 0 || w->grad_row[r] > w->grad_row[r - 1]);
    }
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

static void keeping_forgets_everything_else(void **state)
{
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, NULL, &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    float want[N * C];
    for (int keep = 0; keep < 2; keep++) {
        tn_step step = {.rows = {B, start, 1, (const int32_t[]){0, B}, 0}};
        tn_tape_begin(t, &step);
        tn_tape_mark mark = tn_tape_here(t);
        tn_var *x = tn_tape_embed(t, ids, kind, NULL, &n.w[WORD], &n.w[POSITION], &n.w[TYPE]);
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 2 * i; k++) /* more each time: what comes next lies where scratch was */
                x = tn_tape_linear(t, x, &n.w[ONE], &(tn_linear_options){.activation = TN_ACT_RELU});
            x = tn_tape_attention(t, tn_tape_linear(t, x, &n.w[QKV], &(tn_linear_options){0}),
                                  &(tn_attention_options){.n_heads = HEADS});
            x = tn_tape_norm(t, x, &n.w[GAIN], &n.w[SHIFT], 1e-6);
            if (keep)
                x = tn_tape_keep(t, mark, x);
        }
        ASSERT_OK(tn_tape_status(t, &err), &err);
        if (keep)
            assert_memory_equal(x->value.data, want, sizeof want);
        else
            memcpy(want, x->value.data, sizeof want);
    }
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

static void shapes_that_do_not_fit_are_named(void **state)
{
    tn_err err;
    tn_engine *e;
    float data[64] = {0};
    tn_tensor a = tn_matrix_view(data, 2, 4), b = tn_matrix_view(data, 4, 2), v = tn_vector_view(data, 3);
    ASSERT_OK(tn_engine_new(1, "ref", &e, &err), &err);
    ASSERT_FAILS(tn_op_add(e, &a, &b, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "[2, 4] and [4, 2]"));
    ASSERT_FAILS(tn_op_norm(e, &a, &v, &v, 1e-5, &a, NULL, NULL, &err), TN_EINVALID, &err);
    ASSERT_FAILS(tn_op_activation(e, TN_ACT_GELU, &a, &b, &err), TN_EINVALID, &err);
    tn_gemm_packed w = {data, 3, 2};
    ASSERT_FAILS(tn_op_linear(e, &a, &w, NULL, false, &b, &err), TN_EINVALID, &err);
    tn_engine_free(e);
}

static void a_failure_is_kept_until_it_is_asked_for(void **state)
{
    tn_err err;
    tn_engine *e;
    tn_tape *t;
    net n;
    ASSERT_OK(tn_engine_new(1, "ref", &e, &err), &err);
    ASSERT_OK(tn_tape_new(e, &t, &err), &err);
    net_make(&n);
    tn_step step = {.rows = {B, start, 4, shard, 0}, .record = true};
    tn_loss loss;
    tn_tape_begin(t, &step);
    tn_var *x = tn_tape_embed(t, ids, kind, NULL, &n.w[WORD], &n.w[POSITION], &n.w[TYPE]);
    x = tn_tape_norm(t, x, &n.w[QKV_BIAS], &n.w[SHIFT], 1e-6); /* 3C gains for C channels */
    assert_null(x);
    tn_tape_loss(t, tn_tape_first(t, x), &(tn_targets){.label = label}, &(tn_loss_options){.divisor = {B}}, &loss);
    ASSERT_FAILS(tn_tape_backward(t, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "layer norm"));
    loss_of(t, &n, &variants[0]); /* the next step starts afresh */
    net_free(&n);
    tn_tape_free(t);
    tn_engine_free(e);
}

static void engines_know_their_sets(void **state)
{
    tn_err err;
    tn_engine *e;
    ASSERT_FAILS(tn_engine_new(1, "sse9", &e, &err), TN_EINVALID, &err);
    assert_non_null(strstr(err.msg, "ref"));
    ASSERT_FAILS(tn_engine_new(1000, "ref", &e, &err), TN_EINVALID, &err);
    ASSERT_OK(tn_engine_new(3, "ref", &e, &err), &err);
    assert_int_equal(tn_engine_threads(e), 3);
    assert_string_equal(tn_engine_isa(e), "ref");
    tn_engine_free(e);
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = tn_engine_new(1, NULL, &e, &err));
    tn_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_central_differences),
        cmocka_unit_test(losses_have_gradients),
        cmocka_unit_test(shards_change_only_the_order_of_sums),
        cmocka_unit_test(shards_of_ranks_add_up),
        cmocka_unit_test(a_frozen_row_has_no_gradient),
        cmocka_unit_test(keeping_forgets_everything_else),
        cmocka_unit_test(shapes_that_do_not_fit_are_named),
        cmocka_unit_test(a_failure_is_kept_until_it_is_asked_for),
        cmocka_unit_test(engines_know_their_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
