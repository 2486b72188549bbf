/* The vector rows of the kernel table, written once on the sixteen lanes of vec_avx2.h or vec_avx512.h; included by
 * kernels_avx2.c and kernels_avx512.c, which define TN_ROW_ISA, TN_ROW and TN_ROW_NAME.
 *
 * Invariant: each element goes through the operations of kernels_ref.c in the same order. What may differ is what no
 * bit can see: which elements share a register, how a product is blocked, loads and stores of padding. */
#include "num/kernels_rows.h"

#include <math.h>

/* Runs the body for 16 elements at a time at `i` with full = 1, and for the `left` last ones with full = 0. */
#define LANES(n, ...)                                                                                                  \
    do {                                                                                                               \
        size_t i = 0;                                                                                                  \
        for (; i + 16 <= (n); i += 16) {                                                                               \
            enum { full = 1 };                                                                                         \
            const size_t left = 16;                                                                                    \
            (void)left;                                                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
        if (i < (n)) {                                                                                                 \
            enum { full = 0 };                                                                                         \
            const size_t left = (n)-i;                                                                                 \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    } while (0)
#define LOAD(p) (full ? v_load((p) + i) : v_load_n((p) + i, left))
#define STORE(p, x)                                                                                                    \
    do {                                                                                                               \
        if (full)                                                                                                      \
            v_store((p) + i, (x));                                                                                     \
        else                                                                                                           \
            v_store_n((p) + i, left, (x));                                                                             \
    } while (0)

/* The rule for sums: `term` is the new value of the lanes `acc`; x_ + i are its elements, via at = offset of the block.
 */
#define SUM_BY_LANES(n, term)                                                                                          \
    double total_ = 0;                                                                                                 \
    for (size_t at = 0; at < (n); at += TN_SUM_BLOCK) {                                                                \
        size_t size_ = (n)-at < TN_SUM_BLOCK ? (n)-at : TN_SUM_BLOCK;                                                  \
        v16 acc = v_set(0);                                                                                            \
        LANES(size_, acc = full ? (term) : v_select(m_first(left), (term), acc););                                     \
        total_ += v_fold(acc);                                                                                         \
    }                                                                                                                  \
    return total_

/* ---- elementary functions: fmath_inline.h, lane by lane ---- */

VEC v16 v_exp_core(v16 r)
{
    v16 p = v_fma(v_set(FM_EXP_C4), r, v_set(FM_EXP_C3));
    p = v_fma(p, r, v_set(FM_EXP_C2));
    p = v_fma(p, r, v_set(FM_EXP_C1));
    p = v_fma(p, r, v_set(FM_EXP_C0));
    return v_fma(v_mul(r, r), p, r);
}

VEC v16 v_exp(v16 x)
{
    x = v_max(v_set(FM_EXP_LOW), x);
    x = v_min(v_set(FM_EXP_HIGH), x);
    v16 t = v_fma(x, v_set(FM_LOG2E), v_set(FM_ROUND)), n = v_sub(t, v_set(FM_ROUND));
    v16 r = v_fnma(n, v_set(FM_LN2_HI), x);
    r = v_fnma(n, v_set(FM_LN2_LO), r);
    return v_scale(v_add(v_exp_core(r), v_set(1)), t);
}

VEC v16 v_exp_pair(v16 h, v16 l)
{
    h = v_max(v_set(FM_EXP_LOW), h);
    h = v_min(v_set(FM_EXP_HIGH), h);
    v16 t = v_fma(h, v_set(FM_LOG2E), v_set(FM_ROUND)), n = v_sub(t, v_set(FM_ROUND));
    v16 r = v_fnma(n, v_set(FM_LN2_HI), h);
    r = v_add(v_fnma(n, v_set(FM_LN2_LO), r), l);
    return v_scale(v_add(v_exp_core(r), v_set(1)), t);
}

VEC v16 v_tanh(v16 x)
{
    v16 a = v_abs(x), y = v_min(v_set(FM_TANH_HIGH), v_add(a, a));
    v16 t = v_fma(y, v_set(FM_LOG2E), v_set(FM_ROUND)), n = v_sub(t, v_set(FM_ROUND));
    v16 r = v_fnma(n, v_set(FM_LN2_HI), y);
    r = v_fnma(n, v_set(FM_LN2_LO), r);
    v16 s = v_pow2(t), e = v_fma(s, v_exp_core(r), v_sub(s, v_set(1)));
    m16 small = m_less(a, v_set(FM_TANH_SPLIT));
    v16 q = v_div(v_select(small, e, v_set(2)), v_add(e, v_set(2)));
    return v_sign_of(v_select(small, q, v_sub(v_set(1), q)), x);
}

VEC v16 v_norm_cdf(v16 x, v16 *e)
{
    v16 a = v_min(v_set(FM_CDF_HIGH), v_abs(x)), h = v_mul(a, a), l = v_fma(a, a, v_neg(h));
    *e = v_exp_pair(v_mul(v_set(-0.5f), h), v_mul(v_set(-0.5f), l));
    v16 u = v_div(a, v_add(a, v_set(3))), w = v_fma(v_set(FM_CDF_C9), u, v_set(FM_CDF_C8));
    w = v_fma(w, u, v_set(FM_CDF_C7));
    w = v_fma(w, u, v_set(FM_CDF_C6));
    w = v_fma(w, u, v_set(FM_CDF_C5));
    w = v_fma(w, u, v_set(FM_CDF_C4));
    w = v_fma(w, u, v_set(FM_CDF_C3));
    w = v_fma(w, u, v_set(FM_CDF_C2));
    w = v_fma(w, u, v_set(FM_CDF_C1));
    w = v_fma(w, u, v_set(FM_CDF_C0));
    v16 tail = v_mul(*e, w);
    return v_select(m_less(x, v_set(0)), tail, v_sub(v_set(1), tail));
}

VEC v16 v_gelu(v16 x)
{
    v16 e;
    return v_mul(x, v_norm_cdf(x, &e));
}

VEC v16 v_gelu_slope(v16 x)
{
    v16 e, c = v_norm_cdf(x, &e);
    return v_fma(x, v_mul(e, v_set(FM_INV_SQRT_2PI)), c);
}

/* ---- reductions ---- */

static double sum(const float *x, size_t n)
{
    SUM_BY_LANES(n, v_add(acc, LOAD(x + at)));
}

static double dot(const float *x, const float *y, size_t n)
{
    SUM_BY_LANES(n, v_fma(LOAD(x + at), LOAD(y + at), acc));
}

static double sum_squares(const float *x, size_t n)
{
    double total = 0;
    for (size_t at = 0; at < n; at += TN_SUM_BLOCK) {
        size_t size = n - at < TN_SUM_BLOCK ? n - at : TN_SUM_BLOCK;
        d16 acc = d_zero();
        LANES(size, acc = d_add_square(acc, LOAD(x + at)););
        total += d_fold(acc);
    }
    return total;
}

static double sum_centred_squares(const float *x, float mean, size_t n)
{
    v16 m = v_set(mean);
    SUM_BY_LANES(n, v_fma(v_sub(LOAD(x + at), m), v_sub(LOAD(x + at), m), acc));
}

static float max(const float *x, size_t n)
{
    v16 m = v_set(-INFINITY);
    LANES(n, m = full ? v_max(LOAD(x), m) : v_select(m_first(left), v_max(LOAD(x), m), m););
    return v_fold_max(m);
}

/* ---- elementwise ---- */

static void fill(float *y, float a, size_t n)
{
    LANES(n, STORE(y, v_set(a)););
}

static void scale(const float *x, float a, float *y, size_t n)
{
    v16 va = v_set(a);
    LANES(n, STORE(y, v_mul(LOAD(x), va)););
}

static void add(const float *a, const float *b, float *y, size_t n)
{
    LANES(n, STORE(y, v_add(LOAD(a), LOAD(b))););
}

static void multiply(const float *a, const float *b, float *y, size_t n)
{
    LANES(n, STORE(y, v_mul(LOAD(a), LOAD(b))););
}

static void rotate(const float *x, const float *cosine, const float *sine, float *y, size_t n)
{
    const float *x2 = x + n;
    float *y2 = y + n;
    LANES(n, v16 a = LOAD(x), b = LOAD(x2), co = LOAD(cosine), si = LOAD(sine);
          STORE(y, v_sub(v_mul(a, co), v_mul(b, si))); STORE(y2, v_add(v_mul(b, co), v_mul(a, si))););
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    v16 va = v_set(a);
    LANES(n, STORE(y, v_fma(va, LOAD(x), LOAD(y))););
}

static void bias(const float *x, const float *b, float *y, size_t n_rows, size_t C)
{
    for (size_t r = 0; r < n_rows; r++)
        add(x + r * C, b, y + r * C, C);
}

static void vexp(const float *x, float *y, size_t n)
{
    LANES(n, STORE(y, v_exp(LOAD(x))););
}

static void gelu(const float *x, float *y, size_t n)
{
    LANES(n, STORE(y, v_gelu(LOAD(x))););
}

static void gelu_backward(const float *dy, const float *x, float *dx, size_t n)
{
    LANES(n, STORE(dx, v_mul(LOAD(dy), v_gelu_slope(LOAD(x)))););
}

VEC v16 gelu_inner(v16 x)
{
    v16 cube = v_mul(v_mul(v_mul(v_set(TN_GELU_CUBIC), x), x), x);
    return v_tanh(v_mul(v_set(TN_ROOT_2_PI), v_add(x, cube)));
}

static void gelu_tanh(const float *x, float *y, size_t n)
{
    v16 half = v_set(0.5f), one = v_set(1);
    LANES(n, v16 v = LOAD(x); STORE(y, v_mul(v_mul(half, v), v_add(one, gelu_inner(v)))););
}

static void gelu_tanh_backward(const float *dy, const float *x, float *dx, size_t n)
{
    v16 half = v_set(0.5f), one = v_set(1), cubic = v_set(3 * TN_GELU_CUBIC), root = v_set(TN_ROOT_2_PI);
    LANES(n, v16 v = LOAD(x), t = gelu_inner(v);
          v16 slope = v_mul(root, v_add(one, v_mul(v_mul(cubic, v), v)));
          v16 rest = v_mul(v_mul(v_mul(half, v), v_sub(one, v_mul(t, t))), slope);
          STORE(dx, v_mul(LOAD(dy), v_add(v_mul(half, v_add(one, t)), rest))););
}

static void vtanh(const float *x, float *y, size_t n)
{
    LANES(n, STORE(y, v_tanh(LOAD(x))););
}

static void tanh_backward(const float *dy, const float *y, float *dx, size_t n)
{
    LANES(n, STORE(dx, v_mul(LOAD(dy), v_fnma(LOAD(y), LOAD(y), v_set(1)))););
}

static void relu(const float *x, float *y, size_t n)
{
    LANES(n, v16 v = LOAD(x); STORE(y, v_keep(m_less(v_set(0), v), v)););
}

static void relu_backward(const float *dy, const float *x, float *dx, size_t n)
{
    LANES(n, STORE(dx, v_keep(m_less(v_set(0), LOAD(x)), LOAD(dy))););
}

static void round_keys(const tn_dropout *d, uint32_t key[10][2])
{
    for (uint32_t r = 0; r < 10; r++) {
        key[r][0] = d->key[0] + r * 0x9E3779B9u;
        key[r][1] = d->key[1] + r * 0xBB67AE85u;
    }
}

static void dropout(const tn_dropout *d, uint32_t row, uint32_t position, uint32_t channel, const float *x,
                    const float *residual, float *y, size_t n)
{
    v16 factor = v_set(d->scale);
    if (d->threshold == 0) {
        if (residual)
            LANES(n, STORE(y, v_add(v_mul(LOAD(x), factor), LOAD(residual))););
        else
            LANES(n, STORE(y, v_mul(LOAD(x), factor)););
        return;
    }
    uint32_t key[10][2];
    round_keys(d, key);
    w16 threshold = w_set(d->threshold);
    /* Elements are numbered from the start of the first group of 64 channels; [from, to) of them are asked for. */
    size_t from = channel % 64, to = from + n;
    uint32_t group = channel / 64;
    for (size_t base = 0; base < to; base += 64, group++) {
        w16 word[4];
        w_philox(group * 16, position, row, 0, key, word);
        for (size_t w = 0; w < 4; w++) {
            size_t low = base + w * 16, high = low + 16;
            if (high <= from || low >= to)
                continue;
            w16 u = word[w];
            if (low < from || high > to) { /* cut: move the words to the front and take as many as there are */
                uint32_t moved[32] = {0};
                size_t skip = low < from ? from - low : 0, end = high > to ? to : high;
                w_store(moved, u);
                u = w_load(moved + skip);
                size_t k = low + skip - from, left = end - (low + skip);
                v16 v = v_keep(m_at_least(u, threshold), v_mul(v_load_n(x + k, left), factor));
                v_store_n(y + k, left, residual ? v_add(v, v_load_n(residual + k, left)) : v);
                continue;
            }
            size_t k = low - from;
            v16 v = v_keep(m_at_least(u, threshold), v_mul(v_load(x + k), factor));
            v_store(y + k, residual ? v_add(v, v_load(residual + k)) : v);
        }
    }
}

static void f16_to_f32(const uint16_t *x, float *y, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_from_f16(x + i));
    if (i < n) {
        uint16_t last[16] = {0};
        for (size_t k = i; k < n; k++)
            last[k - i] = x[k];
        v_store_n(y + i, n - i, v_from_f16(last));
    }
}

static void bf16_to_f32(const uint16_t *x, float *y, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(y + i, v_from_bf16(x + i));
    if (i < n) {
        uint16_t last[16] = {0};
        for (size_t k = i; k < n; k++)
            last[k - i] = x[k];
        v_store_n(y + i, n - i, v_from_bf16(last));
    }
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
        v16 vm = v_set(mean), vr = v_set(rstd);
        LANES(a->C, STORE(y, v_fma(v_mul(v_sub(LOAD(x), vm), vr), LOAD(a->gamma), LOAD(a->beta))););
        if (a->mean) {
            a->mean[r] = mean;
            a->rstd[r] = rstd;
        }
    }
}

static double sum_products_xhat(const float *dy, const float *gamma, const float *x, float mean, float rstd, size_t n)
{
    v16 m = v_set(mean), s = v_set(rstd);
    SUM_BY_LANES(n, v_fma(v_mul(LOAD(dy + at), LOAD(gamma + at)), v_mul(v_sub(LOAD(x + at), m), s), acc));
}

static void layernorm_dx(const tn_layernorm_dx *a)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        const float *x = a->x + r * a->C, *dy = a->dy + r * a->C;
        float *dx = a->dx + r * a->C, mean = a->mean[r], rstd = a->rstd[r], n = (float)a->C;
        v16 g = v_set((float)dot(dy, a->gamma, a->C) / n);
        v16 gx = v_set((float)sum_products_xhat(dy, a->gamma, x, mean, rstd, a->C) / n);
        v16 vm = v_set(mean), vr = v_set(rstd);
        LANES(a->C, v16 xhat = v_mul(v_sub(LOAD(x), vm), vr);
              STORE(dx, v_mul(vr, v_fnma(xhat, gx, v_fma(LOAD(dy), LOAD(a->gamma), v_neg(g))))););
    }
}

/* The fold of shards for up to W vectors side by side: see kernels_rows.h. */
enum { TREE_W = 8 };
typedef struct {
    v16 slot[TN_FOLD_LEVELS][TREE_W];
    bool full[TN_FOLD_LEVELS];
} tree;

VEC void tree_push(tree *t, size_t w, size_t shard, const v16 *sums, bool present)
{
    v16 v[TREE_W];
    for (size_t k = 0; k < w; k++)
        v[k] = sums[k];
    int l = 0;
    for (; shard >> l & 1; l++) {
        if (t->full[l]) {
            for (size_t k = 0; k < w; k++)
                v[k] = present ? v_add(t->slot[l][k], v[k]) : t->slot[l][k];
            present = true;
        }
    }
    for (size_t k = 0; k < w; k++)
        t->slot[l][k] = v[k];
    t->full[l] = present;
}

VEC void tree_take(const tree *t, size_t w, size_t n_shards, v16 *v)
{
    bool present = false;
    for (size_t k = 0; k < w; k++)
        v[k] = v_set(0);
    for (int l = 0; l < TN_FOLD_LEVELS; l++) {
        if (n_shards >> l & 1 && t->full[l]) {
            for (size_t k = 0; k < w; k++)
                v[k] = present ? v_add(t->slot[l][k], v[k]) : t->slot[l][k];
            present = true;
        }
    }
}

/* w whole vectors of columns from c on, or, when w = 1, the first `left` of one. */
VEC void dparams_columns(const tn_layernorm_dparams *a, size_t c, size_t w, size_t left)
{
    tree t;
    for (int l = 0; l < TN_FOLD_LEVELS; l++)
        t.full[l] = false;
    v16 acc[TREE_W]; /* gamma's sums, then beta's */
    for (size_t s = 0; s < a->shards->n; s++) {
        size_t begin = a->shards->start[s], end = a->shards->start[s + 1];
        for (size_t k = 0; k < 2 * w; k++)
            acc[k] = v_set(0);
        for (size_t r = begin; r < end; r++) {
            v16 vm = v_set(a->mean[r]), vr = v_set(a->rstd[r]);
            const float *dy = a->dy + r * a->C + c, *x = a->x + r * a->C + c;
            for (size_t k = 0; k < w; k++) {
                v16 g = left == 16 ? v_load(dy + 16 * k) : v_load_n(dy, left);
                v16 v = left == 16 ? v_load(x + 16 * k) : v_load_n(x, left);
                acc[k] = v_fma(g, v_mul(v_sub(v, vm), vr), acc[k]);
                acc[w + k] = v_add(acc[w + k], g);
            }
        }
        tree_push(&t, 2 * w, s, acc, begin < end);
    }
    tree_take(&t, 2 * w, a->shards->n, acc);
    for (size_t k = 0; k < w; k++) {
        v_store_n(a->dgamma + c + 16 * k, left, acc[k]);
        v_store_n(a->dbeta + c + 16 * k, left, acc[w + k]);
    }
}

static void layernorm_dparams(const tn_layernorm_dparams *a)
{
    size_t c = a->first;
    for (; c + 64 <= a->last; c += 64)
        dparams_columns(a, c, 4, 16);
    for (; c + 16 <= a->last; c += 16)
        dparams_columns(a, c, 1, 16);
    if (c < a->last)
        dparams_columns(a, c, 1, a->last - c);
}

static double exp_row(const float *x, float m, float *y, size_t n)
{
    v16 vm = v_set(m);
    double total = 0;
    for (size_t at = 0; at < n; at += TN_SUM_BLOCK) {
        size_t size = n - at < TN_SUM_BLOCK ? n - at : TN_SUM_BLOCK;
        v16 acc = v_set(0);
        LANES(size, v16 e = v_exp(v_sub(LOAD(x + at), vm)); STORE(y + at, e);
              acc = full ? v_add(acc, e) : v_select(m_first(left), v_add(acc, e), acc););
        total += v_fold(acc);
    }
    return total;
}

static double exp_sum(const float *x, float m, size_t n)
{
    v16 vm = v_set(m);
    SUM_BY_LANES(n, v_add(acc, v_exp(v_sub(LOAD(x + at), vm))));
}

static void softmax(const float *x, float *y, size_t n)
{
    float m = max(x, n), s = (float)exp_row(x, m, y, n);
    scale(y, 1.0f / s, y, n);
}

static void log_softmax(const float *x, float *y, size_t n)
{
    float m = max(x, n);
    v16 vm = v_set(m), log_sum = v_set(fm_logf((float)exp_sum(x, m, n)));
    LANES(n, STORE(y, v_sub(v_sub(LOAD(x), vm), log_sum)););
}

static double soft_loss(const float *soft, const float *x, float m, float lse, size_t n)
{
    v16 vm = v_set(m), vl = v_set(lse);
    SUM_BY_LANES(n, v_fma(LOAD(soft + at), v_sub(vl, v_sub(LOAD(x + at), vm)), acc));
}

static void cross_entropy(const tn_cross_entropy *a)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        const float *x = a->logits + r * a->L;
        float *dx = a->dlogits ? a->dlogits + r * a->L : NULL;
        size_t label = (size_t)a->label[r];
        if (a->label[r] < 0) {
            a->loss[r] = 0;
            if (dx)
                fill(dx, 0, a->L);
            continue;
        }
        float m = max(x, a->L), s = (float)exp_sum(x, m, a->L), at_label = x[label] - m, lse = fm_logf(s);
        float own = a->own ? a->own[label] : 1.0f;
        a->loss[r] = lse - at_label;
        if (a->own)
            a->loss[r] = own * a->loss[r] + (float)soft_loss(a->soft, x, m, lse, a->L);
        if (!dx)
            continue;
        v16 vm = v_set(m), inverse = v_set(1.0f / s), weight = v_set(a->weight), total = v_set(own + a->soft_sum);
        float p = fm_expf(at_label) * (1.0f / s);
        if (a->own) {
            p = fm_fma(p, own + a->soft_sum, -a->soft[label]);
            LANES(a->L, STORE(dx, v_mul(v_fma(v_mul(v_exp(v_sub(LOAD(x), vm)), inverse), total, v_neg(LOAD(a->soft))), weight)););
        } else { /* p - 0 is p for every class but one */
            LANES(a->L, STORE(dx, v_mul(v_mul(v_exp(v_sub(LOAD(x), vm)), inverse), weight)););
        }
        dx[label] = (p - own) * a->weight;
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
    for (size_t t = 0; t < a->n_tokens; t++) {
        const float *word = a->word + (size_t)a->id[t] * a->C;
        const float *type = a->type + (a->type_id ? (size_t)a->type_id[t] : 0) * a->C;
        const float *position = a->position + (size_t)a->position_id[t] * a->C;
        float *y = a->y + t * a->C;
        LANES(a->C, STORE(y, v_add(v_add(LOAD(word), LOAD(type)), LOAD(position))););
    }
}

static void mean_rows(const float *x, size_t n_rows, size_t C, float *y)
{
    v16 n = v_set(n_rows ? (float)n_rows : 1.0f);
    LANES(C, v16 acc = v_set(0); for (size_t r = 0; r < n_rows; r++) acc = v_add(acc, LOAD(x + r * C));
          STORE(y, v_div(acc, n)););
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

VEC void sum_columns(const float *x, size_t ld, const tn_shards *shards, float *y, size_t w, size_t left)
{
    tree t;
    for (int l = 0; l < TN_FOLD_LEVELS; l++)
        t.full[l] = false;
    v16 acc[TREE_W];
    for (size_t s = 0; s < shards->n; s++) {
        size_t begin = shards->start[s], end = shards->start[s + 1];
        for (size_t k = 0; k < w; k++)
            acc[k] = v_set(0);
        for (size_t r = begin; r < end; r++)
            for (size_t k = 0; k < w; k++)
                acc[k] = v_add(acc[k], left == 16 ? v_load(x + r * ld + 16 * k) : v_load_n(x + r * ld, left));
        tree_push(&t, w, s, acc, begin < end);
    }
    tree_take(&t, w, shards->n, acc);
    for (size_t k = 0; k < w; k++)
        v_store_n(y + 16 * k, left, acc[k]);
}

static void column_sums(const float *x, size_t ld, const tn_shards *shards, size_t C, float *y)
{
    size_t c = 0;
    for (; c + 64 <= C; c += 64)
        sum_columns(x + c, ld, shards, y + c, 4, 16);
    for (; c + 16 <= C; c += 16)
        sum_columns(x + c, ld, shards, y + c, 1, 16);
    if (c < C)
        sum_columns(x + c, ld, shards, y + c, 1, C - c);
}

/* One vector of columns of one unique id. */
VEC v16 embed_grad_column(const tn_embed_grad *a, uint32_t at, uint32_t last, size_t c, size_t left)
{
    tree t;
    for (int l = 0; l < TN_FOLD_LEVELS; l++)
        t.full[l] = false;
    v16 acc;
    for (size_t s = 0; s < a->shards->n; s++) {
        acc = v_set(0);
        uint32_t before = at;
        for (; at < last && a->order[at] < a->shards->start[s + 1]; at++) {
            const float *dy = a->dy + a->order[at] * a->C + c;
            acc = v_add(acc, left == 16 ? v_load(dy) : v_load_n(dy, left));
        }
        tree_push(&t, 1, s, &acc, at > before);
    }
    tree_take(&t, 1, a->shards->n, &acc);
    return acc;
}

static void embed_grad(const tn_embed_grad *a)
{
    for (size_t u = a->first; u < a->last; u++) {
        uint32_t at = a->start[u], last = a->start[u + 1];
        float *row = a->rows + u * a->C;
        if (last - at == 1) { /* most ids: one token, one leaf of the tree */
            const float *dy = a->dy + a->order[at] * a->C;
            LANES(a->C, STORE(row, v_add(v_set(0), LOAD(dy))););
            continue;
        }
        LANES(a->C, STORE(row, embed_grad_column(a, at, last, i, left)););
    }
}

/* ---- the small matrix product of attention ---- */

/* C[m,n] = sum over k of A[m,k] B[k,n], from +0 or from C. A's elements are anywhere (two strides); rows of B and C are
 * dense. Each element of C is one accumulator over k in order. */
typedef struct {
    const float *a;
    size_t a_m, a_k; /* strides of A */
    const float *b;
    size_t ld_b;
    float *c;
    size_t ld_c;
    size_t M, N, K;
    bool accumulate;
} product;

/* MR rows by NV vectors of C at (m, n); the last vector has `left` columns. MR, NV and left == 16 are constants. */
VEC void product_block(const product *p, size_t m, size_t n, const size_t MR, const size_t NV, size_t left)
{
    v16 acc[VEC_MR][3];
    const float *a = p->a + m * p->a_m, *b = p->b + n;
    float *c = p->c + m * p->ld_c + n;
    size_t last = (NV - 1) * 16;
#pragma GCC unroll 8
    for (size_t i = 0; i < MR; i++) {
#pragma GCC unroll 3
        for (size_t v = 0; v < NV; v++) {
            acc[i][v] = v_set(0);
            if (p->accumulate)
                acc[i][v] = v + 1 < NV || left == 16 ? v_load(c + i * p->ld_c + v * 16)
                                                     : v_load_n(c + i * p->ld_c + last, left);
        }
    }
    size_t a_m = p->a_m, a_k = p->a_k, ld_b = p->ld_b;
    for (size_t k = 0; k < p->K; k++, a += a_k, b += ld_b) {
        v16 vb[3];
#pragma GCC unroll 3
        for (size_t v = 0; v < NV; v++)
            vb[v] = v + 1 < NV || left == 16 ? v_load(b + v * 16) : v_load_n(b + last, left);
#pragma GCC unroll 8
        for (size_t i = 0; i < MR; i++) {
            v16 va = v_set(a[i * a_m]);
#pragma GCC unroll 3
            for (size_t v = 0; v < NV; v++)
                acc[i][v] = v_fma(va, vb[v], acc[i][v]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < MR; i++) {
#pragma GCC unroll 3
        for (size_t v = 0; v < NV; v++) {
            if (v + 1 < NV || left == 16)
                v_store(c + i * p->ld_c + v * 16, acc[i][v]);
            else
                v_store_n(c + i * p->ld_c + last, left, acc[i][v]);
        }
    }
}

/* All rows for NV vectors at n. */
VEC void product_strip(const product *p, size_t n, const size_t NV, size_t left)
{
    size_t m = 0;
    for (; m + VEC_MR <= p->M; m += VEC_MR)
        product_block(p, m, n, VEC_MR, NV, left);
    if (VEC_MR > 4 && m + 4 <= p->M) {
        product_block(p, m, n, 4, NV, left);
        m += 4;
    }
    if (m + 2 <= p->M) {
        product_block(p, m, n, 2, NV, left);
        m += 2;
    }
    if (m < p->M)
        product_block(p, m, n, 1, NV, left);
}

static void product_run(const product *p)
{
    size_t n = 0;
    for (; n < p->N;) {
        size_t vectors = (p->N - n + 15) / 16, tail = p->N % 16;
        if (VEC_NV == 3 && vectors >= 3 && vectors != 4) {
            if (n + 48 <= p->N)
                product_strip(p, n, VEC_NV >= 3 ? 3 : 1, 16);
            else
                product_strip(p, n, VEC_NV >= 3 ? 3 : 1, tail);
            n += 48;
        } else if (VEC_NV == 3 && vectors >= 2) {
            if (n + 32 <= p->N)
                product_strip(p, n, VEC_NV >= 3 ? 2 : 1, 16);
            else
                product_strip(p, n, VEC_NV >= 3 ? 2 : 1, tail);
            n += 32;
        } else {
            if (n + 16 <= p->N)
                product_strip(p, n, 1, 16);
            else
                product_strip(p, n, 1, tail);
            n += 16;
        }
    }
}

/* to[c * pad + j] = from[j * ld + c]: the transpose of T rows of d, its rows filled up with 0 to `pad`. d % 4 == 0. */
static void transpose(const float *from, size_t ld, size_t T, size_t d, float *to, size_t pad)
{
    for (size_t j = 0; j < pad; j += 4) {
        for (size_t c = 0; c < d; c += 4) {
            __m128 r[4];
            for (size_t k = 0; k < 4; k++)
                r[k] = j + k < T ? _mm_loadu_ps(from + (j + k) * ld + c) : _mm_setzero_ps();
            _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]);
            for (size_t k = 0; k < 4; k++)
                _mm_storeu_ps(to + (c + k) * pad + j, r[k]);
        }
    }
}

/* ---- attention ---- */

/* n <= VEC_SIDE rows of T scores at p, `ld` apart, side by side to hide latencies: exp(score * scale + bias - max)
 * and its sum. */
VEC void exp_scores(float *p, size_t ld, size_t T, size_t n, float factor, const float *bias, ptrdiff_t ld_bias,
                    float *maximum, float *total)
{
    v16 f = v_set(factor), m[VEC_SIDE], acc[VEC_SIDE];
    for (size_t k = 0; k < n; k++)
        m[k] = v_set(-INFINITY);
    LANES(
        T, for (size_t k = 0; k < n; k++) {
            v16 v = v_mul(LOAD(p + k * ld), f);
            if (bias)
                v = v_add(v, LOAD(bias + (ptrdiff_t)k * ld_bias));
            STORE(p + k * ld, v);
            m[k] = full ? v_max(v, m[k]) : v_select(m_first(left), v_max(v, m[k]), m[k]);
        });
    double sums[VEC_SIDE] = {0};
    for (size_t k = 0; k < n; k++) {
        maximum[k] = v_fold_max(m[k]);
        m[k] = v_set(maximum[k]);
    }
    for (size_t at = 0; at < T; at += TN_SUM_BLOCK) {
        size_t size = T - at < TN_SUM_BLOCK ? T - at : TN_SUM_BLOCK;
        for (size_t k = 0; k < n; k++)
            acc[k] = v_set(0);
        LANES(
            size, for (size_t k = 0; k < n; k++) {
                v16 e = v_exp(v_sub(LOAD(p + at + k * ld), m[k]));
                STORE(p + at + k * ld, e);
                acc[k] = full ? v_add(acc[k], e) : v_select(m_first(left), v_add(acc[k], e), acc[k]);
            });
        for (size_t k = 0; k < n; k++)
            sums[k] += v_fold(acc[k]);
    }
    for (size_t k = 0; k < n; k++)
        total[k] = (float)sums[k];
}

static inline const float *bias_row(const tn_attention *a, size_t i)
{
    return a->bias ? a->bias + (ptrdiff_t)i * a->ld_bias : NULL;
}

static void attention(const tn_attention *a)
{
    size_t T = a->T, d = a->d, pad = (T + 15) / 16 * 16;
    float *kt = a->scratch, *p = kt + d * pad;
    bool drops = a->dropout && a->dropout->threshold;
    uint32_t key[10][2];
    if (drops)
        round_keys(a->dropout, key);
    transpose(a->k, a->ld, T, d, kt, pad);
    for (size_t first = 0; first < T; first += TN_ATTENTION_ROWS) {
        size_t rows = T - first < TN_ATTENTION_ROWS ? T - first : TN_ATTENTION_ROWS;
        product_run(&(product){.a = a->q + first * a->ld,
                               .a_m = a->ld,
                               .a_k = 1,
                               .b = kt,
                               .ld_b = pad,
                               .c = p,
                               .ld_c = pad,
                               .M = rows,
                               .N = pad,
                               .K = d});
        for (size_t r = 0; r < rows; r += 4) {
            size_t n = rows - r < 4 ? rows - r : 4;
            float maximum[4], total[4];
            v16 inverse[4];
            size_t k = 0;
            for (; k + VEC_SIDE <= n; k += VEC_SIDE)
                exp_scores(p + (r + k) * pad, pad, T, VEC_SIDE, a->scale, bias_row(a, first + r + k), a->ld_bias,
                           maximum + k, total + k);
            for (; k < n; k++)
                exp_scores(p + (r + k) * pad, pad, T, 1, a->scale, bias_row(a, first + r + k), a->ld_bias, maximum + k,
                           total + k);
            for (k = 0; k < n; k++) {
                inverse[k] = v_set(1.0f / total[k]);
                if (a->max) {
                    a->max[first + r + k] = maximum[k];
                    a->sum[first + r + k] = total[k];
                }
            }
            for (size_t j = 0; j < pad; j += 16) {
                w16 word[4];
                if (drops)
                    w_philox((uint32_t)j, (uint32_t)((first + r) / 4), a->row, a->head, key, word);
                for (k = 0; k < n; k++) {
                    float *at = p + (r + k) * pad + j;
                    v16 v = v_mul(v_load(at), inverse[k]);
                    if (drops)
                        v = v_keep(m_at_least(word[k], w_set(a->dropout->threshold)),
                                   v_mul(v, v_set(a->dropout->scale)));
                    v_store(at, v);
                }
            }
        }
        product_run(&(product){.a = p,
                               .a_m = pad,
                               .a_k = 1,
                               .b = a->v,
                               .ld_b = a->ld,
                               .c = a->o + first * a->ld_o,
                               .ld_c = a->ld_o,
                               .M = rows,
                               .N = d,
                               .K = T});
    }
}

static void attention_grad(const tn_attention_grad *g)
{
    const tn_attention *a = &g->forward;
    size_t T = a->T, d = a->d, pad = (T + 15) / 16 * 16;
    float *kt = a->scratch, *vt = kt + d * pad, *p = vt + d * pad, *t = p + TN_ATTENTION_ROWS * pad;
    bool drops = a->dropout && a->dropout->threshold;
    uint32_t key[10][2];
    if (drops)
        round_keys(a->dropout, key);
    transpose(a->k, a->ld, T, d, kt, pad);
    transpose(a->v, a->ld, T, d, vt, pad);
    v16 factor = v_set(a->scale);
    for (size_t first = 0; first < T; first += TN_ATTENTION_ROWS) {
        size_t rows = T - first < TN_ATTENTION_ROWS ? T - first : TN_ATTENTION_ROWS;
        const float *q = a->q + first * a->ld, *d_o = g->d_o + first * a->ld_o, *o = a->o + first * a->ld_o;
        product_run(&(product){
            .a = q, .a_m = a->ld, .a_k = 1, .b = kt, .ld_b = pad, .c = p, .ld_c = pad, .M = rows, .N = pad, .K = d});
        product_run(&(product){.a = d_o,
                               .a_m = a->ld_o,
                               .a_k = 1,
                               .b = vt,
                               .ld_b = pad,
                               .c = t,
                               .ld_c = pad,
                               .M = rows,
                               .N = pad,
                               .K = d});
        for (size_t r = 0; r < rows; r += 4) {
            size_t n = rows - r < 4 ? rows - r : 4;
            v16 D[4], maximum[4], inverse[4];
            for (size_t k = 0; k < n; k++) {
                D[k] = v_set((float)dot(d_o + (r + k) * a->ld_o, o + (r + k) * a->ld_o, d));
                maximum[k] = v_set(a->max[first + r + k]);
                inverse[k] = v_set(1.0f / a->sum[first + r + k]);
            }
            for (size_t j = 0; j < pad; j += 16) {
                w16 word[4];
                size_t left = T - j < 16 ? T - j : 16;
                if (drops)
                    w_philox((uint32_t)j, (uint32_t)((first + r) / 4), a->row, a->head, key, word);
                for (size_t k = 0; k < n; k++) {
                    float *pk = p + (r + k) * pad + j, *tk = t + (r + k) * pad + j;
                    v16 s = v_mul(v_load(pk), factor);
                    if (a->bias)
                        s = v_add(s, v_load_n(bias_row(a, first + r + k) + j, left));
                    v16 v = v_mul(v_exp(v_sub(s, maximum[k])), inverse[k]), w = v_load(tk), dropped = v;
                    if (drops) {
                        m16 kept = m_at_least(word[k], w_set(a->dropout->threshold));
                        dropped = v_keep(kept, v_mul(v, v_set(a->dropout->scale)));
                        w = v_keep(kept, v_mul(w, v_set(a->dropout->scale)));
                    }
                    v_store(pk, dropped);
                    w = v_mul(v, v_sub(w, D[k]));
                    if (g->dbias) {
                        float *db = g->dbias + (ptrdiff_t)(first + r + k) * g->ld_dbias + (ptrdiff_t)j;
                        v_store_n(db, left, v_add(v_load_n(db, left), w));
                    }
                    v_store(tk, v_mul(w, factor));
                }
            }
        }
        product_run(&(product){.a = t,
                               .a_m = pad,
                               .a_k = 1,
                               .b = a->k,
                               .ld_b = a->ld,
                               .c = g->dq + first * g->ld_d,
                               .ld_c = g->ld_d,
                               .M = rows,
                               .N = d,
                               .K = T});
        product_run(&(product){.a = t,
                               .a_m = 1,
                               .a_k = pad,
                               .b = q,
                               .ld_b = a->ld,
                               .c = g->dk,
                               .ld_c = g->ld_d,
                               .M = T,
                               .N = d,
                               .K = rows,
                               .accumulate = first > 0});
        product_run(&(product){.a = p,
                               .a_m = 1,
                               .a_k = pad,
                               .b = d_o,
                               .ld_b = a->ld_o,
                               .c = g->dv,
                               .ld_c = g->ld_d,
                               .M = T,
                               .N = d,
                               .K = rows,
                               .accumulate = first > 0});
    }
}

static void relative(const tn_relative *g)
{
    size_t pad = (g->R + 15) / 16 * 16;
    float *t = g->scratch, *a = t + 2 * g->d * pad, *b = a + g->T * pad;
    const float *x[] = {g->q, g->k}, *w[] = {g->kr, g->qr};
    for (int side = 0; side < 2; side++) {
        transpose(w[side], g->ld_r, g->R, g->d, t, pad);
        product_run(&(product){.a = x[side],
                               .a_m = g->ld,
                               .a_k = 1,
                               .b = t,
                               .ld_b = pad,
                               .c = side ? b : a,
                               .ld_c = pad,
                               .M = g->T,
                               .N = pad,
                               .K = g->d});
    }
    tn_relative_gather(g, a, b, pad);
}

static void relative_grad(const tn_relative_grad *g)
{
    const tn_relative *f = &g->forward;
    size_t pad = (f->R + 15) / 16 * 16;
    float *s[] = {f->scratch, f->scratch + f->T * pad};
    const float *x[] = {f->q, f->k}, *w[] = {f->kr, f->qr};
    float *dx[] = {g->dq, g->dk}, *dw[] = {g->dkr, g->dqr};
    tn_relative_scatter(g, s[0], s[1], pad);
    for (int side = 0; side < 2; side++) {
        product_run(&(product){.a = s[side],
                               .a_m = pad,
                               .a_k = 1,
                               .b = w[side],
                               .ld_b = f->ld_r,
                               .c = dx[side],
                               .ld_c = g->ld_d,
                               .M = f->T,
                               .N = f->d,
                               .K = f->R,
                               .accumulate = true});
        product_run(&(product){.a = s[side],
                               .a_m = 1,
                               .a_k = pad,
                               .b = x[side],
                               .ld_b = f->ld,
                               .c = dw[side],
                               .ld_c = g->ld_dr,
                               .M = f->R,
                               .N = f->d,
                               .K = f->T,
                               .accumulate = true});
    }
}

static void adamw(const tn_adamw *a, const float *grad, float *weight, float *m, float *v, size_t n)
{
    v16 decay = v_set(a->decay), step = v_set(a->step), rest1 = v_set(a->rest1), rest2 = v_set(a->rest2);
    v16 beta2 = v_set(a->beta2), bias2 = v_set(a->bias2), eps = v_set(a->eps), clip = v_set(a->grad_scale);
    LANES(n, v16 g = v_mul(LOAD(grad), clip), m0 = LOAD(m); m0 = v_fma(rest1, v_sub(g, m0), m0); STORE(m, m0);
          v16 v0 = v_fma(v_mul(rest2, g), g, v_mul(LOAD(v), beta2)); STORE(v, v0);
          v16 q = v_div(m0, v_add(v_div(v_sqrt(v0), bias2), eps));
          STORE(weight, v_fnma(step, q, v_mul(LOAD(weight), decay))););
}

const tn_kernels TN_ROW = {
    .isa = TN_ROW_ISA,
    .name = TN_ROW_NAME,
    .has_fma = true,
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
