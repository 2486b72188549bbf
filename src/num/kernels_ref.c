/* The specification of every kernel, in plain C. Lanes are arrays of 16 and loops over them; fm_fma is one IEEE fused
 * multiply-add. Built twice: with -mfma (kernels_ref_fma.c includes this file) and without, for CPUs that lack it.
 *
 * Invariant: nothing here depends on alignment, tail or neighbours; each expression is written with the operations, and
 * in the order, that the other rows use. Loops keep independent elements innermost so that a compiler may vectorise
 * them, which changes no bit. */
#include "base/fmath_inline.h"
#include "base/rng.h"
#include "num/kernels_rows.h"

#include <math.h>

#ifndef TN_KERNELS_REF
#define TN_KERNELS_REF tn_kernels_ref
#endif

static inline float maximum(float a, float b)
{
    return a > b ? a : b;
}

static float fold(float lane[16])
{
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++)
            lane[i] += lane[i + w];
    return lane[0];
}

static double fold64(double lane[16])
{
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++)
            lane[i] += lane[i + w];
    return lane[0];
}

/* The rule for every sum of a vector: `term` is the new value of lane[l] after element `at`. */
#define SUM_BY_LANES(type, fold_, term)                                                                                \
    double total_ = 0;                                                                                                 \
    for (size_t first_ = 0; first_ < n; first_ += TN_SUM_BLOCK) {                                                      \
        size_t end_ = n - first_ < TN_SUM_BLOCK ? n : first_ + TN_SUM_BLOCK, i = first_;                               \
        type lane[16] = {0};                                                                                           \
        for (; i + 16 <= end_; i += 16)                                                                                \
            for (int l = 0; l < 16; l++) {                                                                             \
                size_t at = i + (size_t)l;                                                                             \
                lane[l] = (term);                                                                                      \
            }                                                                                                          \
        for (int l = 0; i + (size_t)l < end_; l++) {                                                                   \
            size_t at = i + (size_t)l;                                                                                 \
            lane[l] = (term);                                                                                          \
        }                                                                                                              \
        total_ += fold_(lane);                                                                                         \
    }                                                                                                                  \
    return total_

static double sum(const float *x, size_t n)
{
    SUM_BY_LANES(float, fold, lane[l] + x[at]);
}

static double dot(const float *x, const float *y, size_t n)
{
    SUM_BY_LANES(float, fold, fm_fma(x[at], y[at], lane[l]));
}

static double sum_squares(const float *x, size_t n)
{
    SUM_BY_LANES(double, fold64, fm_fma64((double)x[at], (double)x[at], lane[l]));
}

static double sum_centred_squares(const float *x, float mean, size_t n)
{
    SUM_BY_LANES(float, fold, fm_fma(x[at] - mean, x[at] - mean, lane[l]));
}

static float max(const float *x, size_t n)
{
    float lane[16];
    for (int l = 0; l < 16; l++)
        lane[l] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        lane[i % 16] = maximum(x[i], lane[i % 16]);
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++)
            lane[i] = maximum(lane[i], lane[i + w]);
    return lane[0];
}

/* ---- elementwise ---- */

static void fill(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a;
}

static void scale(const float *x, float a, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * a;
}

static void add(const float *a, const float *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static void multiply(const float *a, const float *b, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

static void rotate(const float *x, const float *cosine, const float *sine, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float a = x[i], b = x[i + n];
        y[i] = a * cosine[i] - b * sine[i];
        y[i + n] = b * cosine[i] + a * sine[i];
    }
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fm_fma(a, x[i], y[i]);
}

static void bias(const float *x, const float *b, float *y, size_t n_rows, size_t C)
{
    for (size_t r = 0; r < n_rows; r++)
        add(x + r * C, b, y + r * C, C);
}

static void vexp(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fm_expf(x[i]);
}

static void gelu(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fm_gelu(x[i]);
}

static void gelu_backward(const float *dy, const float *x, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * fm_gelu_slope(x[i]);
}

static inline float gelu_inner(float x)
{
    return fm_tanhf(TN_ROOT_2_PI * (x + TN_GELU_CUBIC * x * x * x));
}

static void gelu_tanh(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 0.5f * x[i] * (1 + gelu_inner(x[i]));
}

static void gelu_tanh_backward(const float *dy, const float *x, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float t = gelu_inner(x[i]), slope = TN_ROOT_2_PI * (1 + 3 * TN_GELU_CUBIC * x[i] * x[i]);
        dx[i] = dy[i] * (0.5f * (1 + t) + 0.5f * x[i] * (1 - t * t) * slope);
    }
}

static void vtanh(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fm_tanhf(x[i]);
}

static void tanh_backward(const float *dy, const float *y, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * fm_fma(-y[i], y[i], 1.0f);
}

static void relu(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : 0.0f;
}

static void relu_backward(const float *dy, const float *x, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0.0f;
}

static inline float drop(float x, uint32_t word, const tn_dropout *d)
{
    return word >= d->threshold ? x * d->scale : 0.0f;
}

static void dropout(const tn_dropout *d, uint32_t row, uint32_t position, uint32_t channel, const float *x,
                    const float *residual, float *y, size_t n)
{
    uint32_t have = UINT32_MAX, word[16][4] = {{0}}; /* words of group `have` of 64 channels */
    for (size_t i = 0; i < n; i++) {
        uint32_t c = channel + (uint32_t)i;
        if (d->threshold && c / 64 != have) {
            have = c / 64;
            for (uint32_t l = 0; l < 16; l++) {
                uint32_t counter[4] = {have * 16 + l, position, row, 0};
                tn_philox(counter, d->key, word[l]);
            }
        }
        float v = drop(x[i], word[c % 16][c / 16 % 4], d);
        y[i] = residual ? v + residual[i] : v;
    }
}

/* Exact; a signalling NaN becomes quiet, as the instruction does. */
static void f16_to_f32(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t sign = (uint32_t)(x[i] & 0x8000) << 16, e = x[i] >> 10 & 31, m = x[i] & 0x3ff;
        if (e == 0)
            y[i] = fm_float(fm_bits((float)m * 0x1p-24f) | sign);
        else if (e == 31)
            y[i] = fm_float(sign | 0x7f800000u | m << 13 | (m ? 0x00400000u : 0));
        else
            y[i] = fm_float(sign | (e + 112) << 23 | m << 13);
    }
}

static void bf16_to_f32(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fm_float((uint32_t)x[i] << 16);
}

/* ---- rows ---- */

static void layernorm(const tn_layernorm *a)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        const float *x = a->x + r * a->C;
        float *y = a->y + r * a->C;
        if (a->residual) {
            add(x, a->residual + r * a->C, a->sum + r * a->C, a->C);
            x = a->sum + r * a->C;
        }
        float n = (float)a->C, mean = (float)sum(x, a->C) / n;
        float variance = (float)sum_centred_squares(x, mean, a->C) / n, rstd = 1.0f / sqrtf(variance + a->eps);
        for (size_t c = 0; c < a->C; c++)
            y[c] = fm_fma((x[c] - mean) * rstd, a->gamma[c], a->beta[c]);
        if (a->mean) {
            a->mean[r] = mean;
            a->rstd[r] = rstd;
        }
    }
}

static double sum_products(const float *a, const float *b, size_t n)
{
    SUM_BY_LANES(float, fold, fm_fma(a[at], b[at], lane[l]));
}

static double sum_products_xhat(const float *dy, const float *gamma, const float *x, float mean, float rstd, size_t n)
{
    SUM_BY_LANES(float, fold, fm_fma(dy[at] * gamma[at], (x[at] - mean) * rstd, lane[l]));
}

static void layernorm_dx(const tn_layernorm_dx *a)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        const float *x = a->x + r * a->C, *dy = a->dy + r * a->C;
        float *dx = a->dx + r * a->C, mean = a->mean[r], rstd = a->rstd[r], n = (float)a->C;
        float g = (float)sum_products(dy, a->gamma, a->C) / n;
        float gx = (float)sum_products_xhat(dy, a->gamma, x, mean, rstd, a->C) / n;
        for (size_t c = 0; c < a->C; c++)
            dx[c] = rstd * fm_fma(-((x[c] - mean) * rstd), gx, fm_fma(dy[c], a->gamma[c], -g));
    }
}

/* The fold of shards, one column at a time: see kernels_rows.h. */
typedef struct {
    float slot[TN_FOLD_LEVELS];
    bool full[TN_FOLD_LEVELS];
} tree;

static void tree_push(tree *t, size_t shard, float v, bool present)
{
    int l = 0;
    for (; shard >> l & 1; l++) {
        if (t->full[l]) {
            v = present ? t->slot[l] + v : t->slot[l];
            present = true;
        }
    }
    t->slot[l] = v;
    t->full[l] = present;
}

static float tree_take(const tree *t, size_t n_shards)
{
    float v = 0;
    bool present = false;
    for (int l = 0; l < TN_FOLD_LEVELS; l++) {
        if (n_shards >> l & 1 && t->full[l]) {
            v = present ? t->slot[l] + v : t->slot[l];
            present = true;
        }
    }
    return v;
}

static void layernorm_dparams(const tn_layernorm_dparams *a)
{
    for (size_t c = a->first; c < a->last; c++) {
        tree tg = {0}, tb = {0};
        for (size_t s = 0; s < a->shards->n; s++) {
            size_t r = a->shards->start[s], end = a->shards->start[s + 1];
            float g = 0, b = 0;
            for (; r < end; r++) {
                float dy = a->dy[r * a->C + c];
                g = fm_fma(dy, (a->x[r * a->C + c] - a->mean[r]) * a->rstd[r], g);
                b = b + dy;
            }
            bool present = a->shards->start[s] < end;
            tree_push(&tg, s, g, present);
            tree_push(&tb, s, b, present);
        }
        a->dgamma[c] = tree_take(&tg, a->shards->n);
        a->dbeta[c] = tree_take(&tb, a->shards->n);
    }
}

/* y = exp(x - m); the sum of y by lanes. */
static double exp_row(const float *x, float m, float *y, size_t n)
{
    SUM_BY_LANES(float, fold, lane[l] + (y[at] = fm_expf(x[at] - m)));
}

static double exp_sum(const float *x, float m, size_t n)
{
    SUM_BY_LANES(float, fold, lane[l] + fm_expf(x[at] - m));
}

static void softmax(const float *x, float *y, size_t n)
{
    float m = max(x, n), s = (float)exp_row(x, m, y, n);
    scale(y, 1.0f / s, y, n);
}

static void log_softmax(const float *x, float *y, size_t n)
{
    float m = max(x, n), log_sum = fm_logf((float)exp_sum(x, m, n));
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - m) - log_sum;
}

/* sum of soft[c] * (lse - (x[c] - m)) */
static double soft_loss(const float *soft, const float *x, float m, float lse, size_t n)
{
    SUM_BY_LANES(float, fold, fm_fma(soft[at], lse - (x[at] - m), lane[l]));
}

static void cross_entropy(const tn_cross_entropy *a)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        const float *x = a->logits + r * a->L;
        float *dx = a->dlogits ? a->dlogits + r * a->L : NULL;
        size_t label = (size_t)a->label[r];
        if (a->label[r] < 0) {
            a->loss[r] = 0;
            for (size_t i = 0; dx && i < a->L; i++)
                dx[i] = 0;
            continue;
        }
        float m = max(x, a->L), s = (float)exp_sum(x, m, a->L), inverse = 1.0f / s, lse = fm_logf(s);
        float own = a->own ? a->own[label] : 1.0f, total = own + a->soft_sum;
        a->loss[r] = lse - (x[label] - m);
        if (a->own)
            a->loss[r] = own * a->loss[r] + (float)soft_loss(a->soft, x, m, lse, a->L);
        for (size_t i = 0; dx && i < a->L; i++) {
            float p = fm_expf(x[i] - m) * inverse, t = i == label ? own : 0.0f;
            dx[i] = ((a->own ? fm_fma(p, total, -a->soft[i]) : p) - t) * a->weight;
        }
    }
}

static void flag_losses(const tn_single_losses *a)
{
    tn_single_losses_of(a, true);
}

static void value_losses(const tn_single_losses *a)
{
    tn_single_losses_of(a, false);
}

static void embed(const tn_embed *a)
{
    for (size_t i = 0; i < a->n_tokens; i++) {
        const float *w = a->word + (size_t)a->id[i] * a->C;
        const float *t = a->type + (a->type_id ? (size_t)a->type_id[i] : 0) * a->C;
        const float *p = a->position + (size_t)a->position_id[i] * a->C;
        for (size_t c = 0; c < a->C; c++)
            a->y[i * a->C + c] = (w[c] + t[c]) + p[c];
    }
}

static void mean_rows(const float *x, size_t n_rows, size_t C, float *y)
{
    for (size_t c = 0; c < C; c++)
        y[c] = 0;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < C; c++)
            y[c] = y[c] + x[r * C + c];
    if (n_rows)
        for (size_t c = 0; c < C; c++)
            y[c] = y[c] / (float)n_rows;
}

static void normalize(const float *x, float *y, size_t n, float eps)
{
    float norm = sqrtf((float)dot(x, x, n));
    scale(x, 1.0f / (norm > eps ? norm : eps), y, n);
}

static float cosine(const float *x, const float *y, size_t n)
{
    float a = sqrtf((float)dot(x, x, n)), b = sqrtf((float)dot(y, y, n)), xy = (float)dot(x, y, n);
    return a == 0 || b == 0 ? 0.0f : xy / (a * b);
}

/* ---- sums over tokens ---- */

static void column_sums(const float *x, size_t ld, const tn_shards *shards, size_t C, float *y)
{
    for (size_t c = 0; c < C; c++) {
        tree t = {0};
        for (size_t s = 0; s < shards->n; s++) {
            float v = 0;
            for (size_t r = shards->start[s]; r < shards->start[s + 1]; r++)
                v = v + x[r * ld + c];
            tree_push(&t, s, v, shards->start[s] < shards->start[s + 1]);
        }
        y[c] = tree_take(&t, shards->n);
    }
}

static void embed_grad(const tn_embed_grad *a)
{
    for (size_t u = a->first; u < a->last; u++) {
        for (size_t c = 0; c < a->C; c++) {
            tree t = {0};
            uint32_t at = a->start[u];
            for (size_t s = 0; s < a->shards->n; s++) {
                float v = 0;
                uint32_t before = at;
                for (; at < a->start[u + 1] && a->order[at] < a->shards->start[s + 1]; at++)
                    v = v + a->dy[a->order[at] * a->C + c];
                tree_push(&t, s, v, at > before);
            }
            a->rows[u * a->C + c] = tree_take(&t, a->shards->n);
        }
    }
}

/* ---- attention ---- */

/* s[j] = (q[i] . k[j]) * scale + bias[i,j], each product summed over c in order. */
static void scores(const tn_attention *a, size_t i, float *s)
{
    const float *q = a->q + i * a->ld;
    for (size_t j = 0; j < a->T; j++)
        s[j] = 0;
    for (size_t c = 0; c < a->d; c++)
        for (size_t j = 0; j < a->T; j++)
            s[j] = fm_fma(q[c], a->k[j * a->ld + c], s[j]);
    scale(s, a->scale, s, a->T);
    if (a->bias)
        add(s, a->bias + (ptrdiff_t)i * a->ld_bias, s, a->T);
}

/* Drops p[j] = probability (i, j) in place; what is dropped becomes 0. */
static void drop_probabilities(const tn_attention *a, size_t i, float *p)
{
    if (!a->dropout || a->dropout->threshold == 0)
        return;
    for (size_t j = 0; j < a->T; j++) {
        uint32_t counter[4] = {(uint32_t)j, (uint32_t)(i / 4), a->row, a->head}, word[4];
        tn_philox(counter, a->dropout->key, word);
        p[j] = drop(p[j], word[i % 4], a->dropout);
    }
}

static void attention(const tn_attention *a)
{
    float *p = a->scratch;
    for (size_t i = 0; i < a->T; i++) {
        scores(a, i, p);
        float m = max(p, a->T), s = (float)exp_row(p, m, p, a->T);
        scale(p, 1.0f / s, p, a->T);
        if (a->max) {
            a->max[i] = m;
            a->sum[i] = s;
        }
        drop_probabilities(a, i, p);
        float *o = a->o + i * a->ld_o;
        for (size_t c = 0; c < a->d; c++)
            o[c] = 0;
        for (size_t j = 0; j < a->T; j++)
            for (size_t c = 0; c < a->d; c++)
                o[c] = fm_fma(p[j], a->v[j * a->ld + c], o[c]);
    }
}

static void attention_grad(const tn_attention_grad *g)
{
    const tn_attention *a = &g->forward;
    float *p = a->scratch, *t = p + a->T, *dropped = t + a->T;
    for (size_t j = 0; j < a->T; j++)
        for (size_t c = 0; c < a->d; c++)
            g->dk[j * g->ld_d + c] = g->dv[j * g->ld_d + c] = 0;
    for (size_t i = 0; i < a->T; i++) {
        const float *q = a->q + i * a->ld, *d_o = g->d_o + i * a->ld_o;
        float D = (float)dot(d_o, a->o + i * a->ld_o, a->d), inverse = 1.0f / a->sum[i];
        scores(a, i, p);
        for (size_t j = 0; j < a->T; j++) {
            p[j] = fm_expf(p[j] - a->max[i]) * inverse;
            dropped[j] = p[j];
            t[j] = 0;
        }
        for (size_t c = 0; c < a->d; c++)
            for (size_t j = 0; j < a->T; j++)
                t[j] = fm_fma(d_o[c], a->v[j * a->ld + c], t[j]);
        drop_probabilities(a, i, dropped);
        drop_probabilities(a, i, t);
        float *dq = g->dq + i * g->ld_d;
        for (size_t c = 0; c < a->d; c++)
            dq[c] = 0;
        for (size_t j = 0; j < a->T; j++) {
            float ds = p[j] * (t[j] - D);
            if (g->dbias)
                g->dbias[(ptrdiff_t)i * g->ld_dbias + (ptrdiff_t)j] += ds;
            ds = ds * a->scale;
            float *dk = g->dk + j * g->ld_d, *dv = g->dv + j * g->ld_d;
            const float *k = a->k + j * a->ld;
            for (size_t c = 0; c < a->d; c++) {
                dq[c] = fm_fma(ds, k[c], dq[c]);
                dk[c] = fm_fma(ds, q[c], dk[c]);
                dv[c] = fm_fma(dropped[j], d_o[c], dv[c]);
            }
        }
    }
}

/* y[m,n] = x[m] . w[n], over c in order from +0. */
static void products(const float *x, size_t ld_x, size_t M, const float *w, size_t ld_w, size_t N, size_t d, float *y)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            float v = 0;
            for (size_t c = 0; c < d; c++)
                v = fm_fma(x[m * ld_x + c], w[n * ld_w + c], v);
            y[m * N + n] = v;
        }
}

static void relative(const tn_relative *g)
{
    float *a = g->scratch, *b = a + g->T * g->R;
    products(g->q, g->ld, g->T, g->kr, g->ld_r, g->R, g->d, a);
    products(g->k, g->ld, g->T, g->qr, g->ld_r, g->R, g->d, b);
    tn_relative_gather(g, a, b, g->R);
}

/* dx[t] += s[t,r] w[r], r in order; dw[r] += s[t,r] x[t], t in order. */
static void relative_side(const tn_relative_grad *g, const float *s, const float *x, const float *w, float *dx, float *dw)
{
    const tn_relative *f = &g->forward;
    for (size_t t = 0; t < f->T; t++)
        for (size_t r = 0; r < f->R; r++)
            for (size_t c = 0; c < f->d; c++) {
                float v = s[t * f->R + r], *at = dx + t * g->ld_d + c, *to = dw + r * g->ld_dr + c;
                *at = fm_fma(v, w[r * f->ld_r + c], *at);
                *to = fm_fma(v, x[t * f->ld + c], *to);
            }
}

static void relative_grad(const tn_relative_grad *g)
{
    const tn_relative *f = &g->forward;
    float *a = f->scratch, *b = a + f->T * f->R;
    tn_relative_scatter(g, a, b, f->R);
    relative_side(g, a, f->q, f->kr, g->dq, g->dkr);
    relative_side(g, b, f->k, f->qr, g->dk, g->dqr);
}

static void adamw(const tn_adamw *a, const float *grad, float *weight, float *m, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float g = grad[i] * a->grad_scale, w = weight[i] * a->decay;
        m[i] = fm_fma(a->rest1, g - m[i], m[i]);
        v[i] = fm_fma(a->rest2 * g, g, v[i] * a->beta2);
        weight[i] = fm_fma(-a->step, m[i] / (sqrtf(v[i]) / a->bias2 + a->eps), w);
    }
}

const tn_kernels TN_KERNELS_REF = {
    .isa = TN_ISA_REF,
    .name = "ref",
#ifdef __FMA__
    .has_fma = true,
#endif
    .sum = sum,
    .dot = dot,
    .sum_squares = sum_squares,
    .max = max,
    .fill = fill,
    .scale = scale,
    .add = add,
    .multiply = multiply,
    .axpy = axpy,
    .bias = bias,
    .exp = vexp,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .gelu_tanh = gelu_tanh,
    .gelu_tanh_backward = gelu_tanh_backward,
    .tanh = vtanh,
    .tanh_backward = tanh_backward,
    .relu = relu,
    .relu_backward = relu_backward,
    .dropout = dropout,
    .rotate = rotate,
    .f16_to_f32 = f16_to_f32,
    .bf16_to_f32 = bf16_to_f32,
    .layernorm = layernorm,
    .layernorm_dx = layernorm_dx,
    .layernorm_dparams = layernorm_dparams,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .cross_entropy = cross_entropy,
    .flag_losses = flag_losses,
    .value_losses = value_losses,
    .embed = embed,
    .mean_rows = mean_rows,
    .normalize = normalize,
    .cosine = cosine,
    .column_sums = column_sums,
    .embed_grad = embed_grad,
    .attention = attention,
    .attention_grad = attention_grad,
    .relative = relative,
    .relative_grad = relative_grad,
    .adamw = adamw,
};
