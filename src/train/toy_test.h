#ifndef TN_TRAIN_TOY_H
#define TN_TRAIN_TOY_H
/// Tests only: a learner small enough to read. Mean of a row's token vectors (a sparse table), dropped out, then a
/// linear layer and softmax; gradients by hand. It can be told to kill its process, or to answer with a NaN.

#include "base/rng.h"
#include "train/loop.h"
#include "test.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

enum { TOY_V = 60, TOY_C = 8, TOY_L = 3, TOY_ROWS = 64, TOY_HELD = 20 };

typedef struct {
    tn_param p[3];
    float table[TOY_V * TOY_C], w[TOY_L * TOY_C], b[TOY_L];
    float table_grad[TOY_V * TOY_C], w_grad[TOY_L * TOY_C], b_grad[TOY_L];
    int32_t row[TOY_V];
    int n_changed;                                               /* calls of params_changed */
    long backwards, evaluations;                                 /* calls so far */
    long kill_at_backward, kill_at_logits, nan_at, interrupt_at; /* 0: never */
} toy;

static inline float toy_features(const toy *t, const tn_batch *b, int32_t i, const tn_train_batch *drop, float x[TOY_C],
                                 float keep[TOY_C])
{
    int32_t from = b->start[i], to = b->start[i + 1];
    for (int c = 0; c < TOY_C; c++) {
        double sum = 0;
        for (int32_t k = from; k < to; k++)
            sum += t->table[b->ids[k] * TOY_C + c];
        keep[c] = 1;
        if (drop && drop->dropout) {
            tn_rng r = tn_rng_init(drop->seed + 1000 * drop->step, (uint64_t)(i * TOY_C + c));
            keep[c] = tn_rng_below(&r, 4) ? 4.0f / 3 : 0;
        }
        x[c] = (float)(sum / (to - from)) * keep[c];
    }
    return 1.0f / (float)(to - from);
}

static inline void toy_logits_of(const toy *t, const float x[TOY_C], float out[TOY_L])
{
    for (int l = 0; l < TOY_L; l++) {
        double sum = t->b[l];
        for (int c = 0; c < TOY_C; c++)
            sum += (double)t->w[l * TOY_C + c] * x[c];
        out[l] = (float)sum;
    }
}

static inline tn_status toy_logits(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    toy *t = self;
    if (++t->evaluations == t->kill_at_logits)
        raise(SIGKILL);
    for (int32_t i = 0; i < b->n_rows; i++) {
        float x[TOY_C], keep[TOY_C];
        toy_features(t, b, i, NULL, x, keep);
        toy_logits_of(t, x, logits + i * TOY_L);
    }
    return TN_OK;
}

static inline tn_status toy_backward(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err)
{
    toy *t = self;
    int32_t place[TOY_V], n = 0;
    double share = 1.0 / b->batch.n_rows;
    if (++t->backwards == t->kill_at_backward)
        raise(SIGKILL);
    if (t->backwards == t->interrupt_at)
        raise(SIGINT);
    for (int32_t id = 0; id < TOY_V; id++)
        place[id] = -1;
    for (int32_t k = 0; k < b->batch.start[b->batch.n_rows]; k++)
        place[b->batch.ids[k]] = 0;
    for (int32_t id = 0; id < TOY_V; id++)
        if (place[id] == 0)
            t->row[n] = id, place[id] = n++;
    memset(t->table_grad, 0, sizeof t->table_grad);
    memset(t->w_grad, 0, sizeof t->w_grad);
    memset(t->b_grad, 0, sizeof t->b_grad);
    *out = (tn_train_result){0};
    for (int32_t i = 0; i < b->batch.n_rows; i++) {
        float x[TOY_C], keep[TOY_C], z[TOY_L];
        float mean = toy_features(t, &b->batch, i, b, x, keep);
        toy_logits_of(t, x, z);
        double sum = 0;
        for (int l = 0; l < TOY_L; l++)
            sum += exp(z[l]);
        out->loss += share * (log(sum) - z[b->target.label[i]]);
        for (int l = 0; l < TOY_L; l++) {
            float d = (float)(share * (exp(z[l]) / sum - (l == b->target.label[i])));
            t->b_grad[l] += d;
            for (int c = 0; c < TOY_C; c++) {
                t->w_grad[l * TOY_C + c] += d * x[c];
                for (int32_t k = b->batch.start[i]; k < b->batch.start[i + 1]; k++)
                    t->table_grad[place[b->batch.ids[k]] * TOY_C + c] += d * t->w[l * TOY_C + c] * keep[c] * mean;
            }
        }
    }
    t->p[0].n_grad_rows = n;
    if (t->backwards == t->nan_at)
        out->loss = NAN;
    return TN_OK;
}

static inline void toy_changed(void *self)
{
    ((toy *)self)->n_changed++;
}

static inline tn_learner toy_init(toy *t, tn_engine *e)
{
    tn_rng r = tn_rng_init(3, 0);
    memset(t, 0, sizeof *t);
    for (int i = 0; i < TOY_V * TOY_C; i++)
        t->table[i] = (float)(tn_rng_f64(&r) - 0.5);
    for (int i = 0; i < TOY_L * TOY_C; i++)
        t->w[i] = (float)(tn_rng_f64(&r) - 0.5);
    t->p[0] = (tn_param){.name = TN_STR("emb.weight"),
                         .n_dims = 2,
                         .dim = {TOY_V, TOY_C},
                         .size = TOY_V * TOY_C,
                         .value = t->table,
                         .decay = true,
                         .grad = t->table_grad,
                         .sparse = true,
                         .grad_row = t->row};
    t->p[1] = (tn_param){.name = TN_STR("out.weight"),
                         .n_dims = 2,
                         .dim = {TOY_L, TOY_C},
                         .size = TOY_L * TOY_C,
                         .value = t->w,
                         .decay = true,
                         .grad = t->w_grad};
    t->p[2] = (tn_param){
        .name = TN_STR("out.bias"), .n_dims = 1, .dim = {TOY_L}, .size = TOY_L, .value = t->b, .grad = t->b_grad};
    return (tn_learner){.self = t,
                        .engine = e,
                        .param = t->p,
                        .n_params = 3,
                        .width = TOY_L,
                        .n_types = 1,
                        .vocab_size = TOY_V,
                        .max_tokens = 16,
                        .backward = toy_backward,
                        .logits = toy_logits,
                        .params_changed = toy_changed};
}

/// Rows whose label shows in their tokens: id % 3 is the label three times in four. Tokens from 50 on are in few rows.
static inline tn_examples toy_rows(uint64_t seed, int32_t n)
{
    static size_t start[2][TOY_ROWS + 1];
    static int32_t ids[2][TOY_ROWS * 6], label[2][TOY_ROWS];
    int s = seed != 0;
    tn_rng r = tn_rng_init(seed, 77);
    start[s][0] = 0;
    for (int32_t i = 0; i < n; i++) {
        label[s][i] = (int32_t)tn_rng_below(&r, TOY_L);
        size_t len = 1 + tn_rng_below(&r, 6), at = start[s][i];
        for (size_t k = 0; k < len; k++) {
            int32_t id = (int32_t)tn_rng_below(&r, tn_rng_below(&r, 6) ? 48 : TOY_V);
            ids[s][at + k] = tn_rng_below(&r, 4) ? id / 3 * 3 + label[s][i] : id;
        }
        start[s][i + 1] = at + len;
    }
    return (tn_examples){.n_rows = n, .start = start[s], .ids = ids[s], .target.label = label[s]};
}

#endif
