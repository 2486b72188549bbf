#ifndef TN_NUM_KERNELS_H
#define TN_NUM_KERNELS_H
/// The numeric kernels besides the matrix product (num/gemm.h): one table of function pointers, a row per instruction
/// set.
///
/// kernels_ref.c is the specification. The other rows return the same bits for any size, tail and alignment; only the
/// payload and sign of a NaN are left open. Pointers and sizes are trusted, sizes may be 0, nothing allocates. Inputs
/// and outputs may be the same array where the sentence says "in place"; otherwise they do not overlap.
///
/// How sums go (DESIGN, numeric contract): *by lanes* means lane i takes the elements i, i+16, i+32 ... in order, by
/// FMA, from +0; lanes are folded i+8, +4, +2, +1. Over 4,096 elements: blocks of 4,096, whose sums are added in
/// double, in order. max(a, b) is `a > b ? a : b`.
///
/// Threads: a caller cuts rows, columns or spans as it likes, since no sum crosses the cut that the sentence names.

#include "num/isa.h"
#include "num/shards.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// ---- dropout ----
/// One place of the network in one step. An element is kept iff its word u >= threshold, and is then multiplied by
/// scale. The word comes from Philox4x32-10 (base/rng.h) with this key and the counter
///   channels: {channel / 64 * 16 + channel % 16, position, row, 0}, word channel / 16 % 4
///   attention probabilities: {key token, query token / 4, row, head}, word query token % 4
/// where row is the number in the global batch. Forward and backward draw the same words; no mask is stored.
typedef struct {
    uint32_t key[2];
    uint32_t threshold; /* floor(p * 2^32); 0 keeps everything without drawing */
    float scale;        /* 1 / (1 - p) */
} tn_dropout;

/// p in [0, 1). The key is the first two words of Philox at counter {step, step >> 32, site, 0}, key = seed.
tn_dropout tn_dropout_at(double p, uint64_t seed, uint64_t step, uint32_t site);

/// ---- layer norm: y = (x - mean) * rstd * gamma + beta, rows of C ----
/// Two passes: mean = sum(x) / C; variance = sum((x - mean)^2) / C, both by lanes; rstd = 1 / sqrt(variance + eps);
/// y = fma((x - mean) * rstd, gamma, beta).
typedef struct {
    size_t n_rows, C;
    const float *x;            /* [n,C] */
    const float *residual;     /* [n,C], or NULL: first x = x + residual */
    float *sum;                /* [n,C] that x + residual is written to; may be x or residual; with residual only */
    const float *gamma, *beta; /* [C] */
    float eps;
    float *y;           /* [n,C]; may be x, residual or sum */
    float *mean, *rstd; /* [n], or both NULL */
} tn_layernorm;

typedef struct {
    size_t n_rows, C;
    const float *dy;          /* [n,C] */
    const float *x;           /* [n,C]: what was normalised (`sum` with a residual) */
    const float *gamma;       /* [C] */
    const float *mean, *rstd; /* [n] */
    float *dx; /* [n,C]; may be dy. a = sum(dy gamma) / C and b = sum((dy * gamma) xhat) / C by lanes, xhat = (x - mean)
                * rstd; dx = rstd * fma(-xhat, b, fma(dy, gamma, -a)) */
} tn_layernorm_dx;

typedef struct {
    size_t C, first, last; /* columns [first, last) of C are done: the cut between tasks (multiples of 64 are fast) */
    const float *dy, *x, *mean, *rstd;
    const tn_shards *shards;
    float *dgamma, *dbeta; /* [C]: sums over tokens, by shards, of fma(dy, xhat, .) and of dy */
} tn_layernorm_dparams;

/// ---- cross-entropy of rows of L logits ----
/// d[c] = x[c] - max, s = sum(exp(d)) by lanes, lse = log(s), p = exp(d) * (1 / s).
/// Plain: loss[i] = lse - d[label]; dlogits = (p - [label]) * weight, where weight = 1 / (rows of the global batch).
/// With weights of classes: t = own[label]; loss[i] = t * (lse - d[label]) + sum by lanes of soft * (lse - d);
/// dlogits = (fma(p, t + soft_sum, -soft) - t [label]) * weight.
typedef struct {
    size_t n_rows, L;
    const float *logits;  /* [n,L] */
    const int32_t *label; /* [n], in [0, L); below 0: a row that does not count: loss and gradient are 0 */
    float weight;
    float *loss;    /* [n] */
    float *dlogits; /* [n,L], or NULL; may be logits */
    const float *own, *soft; /* [L], or both NULL: of a class as the target, and as any class (label smoothing) */
    float soft_sum;
} tn_cross_entropy;

/// ---- losses of L outputs a row that stand alone: of flags and of values ----
/// Flags, y from 0 to 1: e = exp(-|x|), u = 1 + e; a row's loss is the sum by lanes of fma(-x, y, x > 0 ? x : 0) + l,
/// l = u = 1 ? e : log(u) * (e / (u - 1)), which is log(1 + e); doutputs = ((x < 0 ? e : 1) / u - y) * weight.
/// With weights p of a flag that is set (positive), torch's pos_weight: k = (p - 1) y, and with the loss l1 and slope s1 that y = 1
/// has, the loss is fma(k, l1, loss) and the slope fma(k, s1, slope).
/// Values: d = x - y; the sum by lanes of d d; doutputs = (d + d) * weight.
typedef struct {
    size_t n_rows, L;
    const float *outputs, *target; /* [n,L] */
    float weight;
    float *loss;     /* [n] */
    float *doutputs; /* [n,L], or NULL; may be outputs */
    const float *positive; /* flags only: [L], or NULL: 1 */
} tn_single_losses;

/// ---- embeddings ----
/// y = (word[id] + type[type_id]) + position[position_id].
typedef struct {
    size_t n_tokens, C;
    const float *word, *type, *position;       /* tables, rows of C */
    const int32_t *id, *type_id, *position_id; /* [n]; type_id NULL: all 0 */
    float *y;                                  /* [n,C] */
} tn_embed;

/// Order for the gradient of a table: stable sort of the tokens by id. unique[u] ascending, its tokens are
/// order[start[u] .. start[u+1]). Returns the number of unique ids. scratch: 2n words.
size_t tn_embed_sort(const int32_t *id, size_t n, uint64_t *scratch, uint32_t *order, int32_t *unique, uint32_t *start);

typedef struct {
    size_t C, first, last; /* unique ids [first, last) are done: the cut between tasks */
    const uint32_t *order, *start;
    const tn_shards *shards;
    const float *dy; /* [n,C] */
    float *rows;     /* [n_unique,C]: the sparse gradient */
} tn_embed_grad;

/// ---- attention of one (row, head), without padding ----
/// s[i,j] = (sum over c of q[i,c] k[j,c]) * scale, c in order, then + bias[i,j]; max[i] over j; e = exp(s - max); sum[i] by lanes;
/// p = e * (1 / sum); dropout on p; o[i,c] = sum over j of p[i,j] v[j,c], j in order. d is a multiple of 4.
typedef struct {
    size_t T, d;
    const float *q, *k, *v; /* [T,d], ld floats between tokens: they may lie interleaved in [T,3C] */
    size_t ld;
    float *o; /* [T,d] */
    size_t ld_o;
    float *max, *sum; /* [T], kept for the backward pass; NULL when there is none */
    float scale;
    const float *bias; /* NULL, or bias[i * ld_bias + j], which may be -inf but for j = i. With ld_bias = -1 and a pointer
                        * into the middle of 2T - 1 numbers it depends on j - i alone */
    ptrdiff_t ld_bias;
    const tn_dropout *dropout; /* NULL: none */
    uint32_t row, head;        /* for dropout */
    float *scratch;            /* tn_attention_scratch(T, d) floats, aligned to 64 */
} tn_attention;

/// Recomputes p from max and sum. D[i] = dO[i] . o[i] by lanes; t[i,j] = dO[i] . v[j] (c in order), through dropout;
/// ds = p * (t - D), which is added to dbias, i in order; then ds = ds * scale; dq[i] = sum over j of ds[i,j] k[j]; dk[j] = sum over i of ds[i,j] q[i];
/// dv[j] = sum over i of (dropped p)[i,j] dO[i]; each in order from +0.
typedef struct {
    tn_attention forward; /* as it was; o, max and sum are read */
    const float *d_o;     /* [T,d], ld_o */
    float *dq, *dk, *dv;  /* [T,d], ld_d floats between tokens; written, not added to */
    size_t ld_d;
    float *dbias; /* laid out as bias is, or NULL: not wanted */
    ptrdiff_t ld_dbias;
} tn_attention_grad;

size_t tn_attention_scratch(size_t T, size_t d);

/// ---- scores of relative places, of one (row, head): what DeBERTa adds to attention's ----
/// bias[i,j] = (q[i] . kr[r] + k[j] . qr[r]) * scale, r = index[i - j] - first; each product over c in order from +0.
typedef struct {
    size_t T, d, R; /* R relative places, of which all are in reach of T tokens */
    const float *q, *k; /* [T,d] */
    size_t ld;
    const float *qr, *kr; /* [R,d]: their query and key */
    size_t ld_r;
    const int32_t *index; /* index[-(T - 1) .. T - 1], in [first, first + R) */
    int32_t first;
    float scale;
    float *bias; /* [T,T], ld_bias floats between rows */
    size_t ld_bias;
    float *scratch; /* tn_relative_scratch(T, d, R) floats, aligned to 64 */
} tn_relative;

/// a[i,r] = sum over the j of that r, in order, of ds[i,j] * scale; b[j,r] the same over i. Then, each element as one
/// chain of FMA from what it was: dq[i] over r of a[i,r] kr[r], dk[j] over r of b[j,r] qr[r], dkr[r] over i of
/// a[i,r] q[i], dqr[r] over j of b[j,r] k[j].
typedef struct {
    tn_relative forward; /* as it was, but for bias and scratch */
    const float *ds;     /* [T,T]: dbias of attention */
    size_t ld_ds;
    float *dq, *dk; /* [T,d]; added to */
    size_t ld_d;
    float *dqr, *dkr; /* [R,d]; added to */
    size_t ld_dr;
} tn_relative_grad;

size_t tn_relative_scratch(size_t T, size_t d, size_t R);

/// ---- AdamW over a span ----
/// g' = g * grad_scale; w = w * decay; m = fma(rest1, g' - m, m); v = fma(rest2 * g', g', v * beta2);
/// w = fma(-step, m / (sqrt(v) / bias2 + eps), w).
typedef struct {
    float decay;        /* 1 - lr * weight_decay */
    float step;         /* lr / (1 - beta1^t) */
    float rest1;        /* 1 - beta1 */
    float beta2, rest2; /* beta2, 1 - beta2 */
    float bias2;        /* sqrt(1 - beta2^t) */
    float eps;
    float grad_scale; /* clipping; 1 for none */
} tn_adamw;

/// The table. x inputs, y outputs; "in place" is allowed for every elementwise kernel.
typedef struct {
    tn_isa isa;
    const char *name; /* "ref", "avx2", "avx512" */
    bool has_fma;     /* false: every fma is a call into libc: exact, twenty times slower */

    /* reductions; up to 4,096 elements the answer is a float's value */
    double (*sum)(const float *x, size_t n);                 /* by lanes */
    double (*dot)(const float *x, const float *y, size_t n); /* by lanes */
    double (*sum_squares)(const float *x, size_t n);         /* by lanes of double */
    float (*max)(const float *x, size_t n);                  /* by lanes; -inf for n = 0 */

    /* elementwise */
    void (*fill)(float *y, float a, size_t n);
    void (*scale)(const float *x, float a, float *y, size_t n);                      /* y = x * a */
    void (*add)(const float *a, const float *b, float *y, size_t n);                 /* y = a + b */
    void (*multiply)(const float *a, const float *b, float *y, size_t n);            /* y = a * b */
    void (*axpy)(float a, const float *x, float *y, size_t n);                       /* y = fma(a, x, y) */
    void (*bias)(const float *x, const float *b, float *y, size_t n_rows, size_t C); /* y = x + b, each row */
    void (*exp)(const float *x, float *y, size_t n);
    void (*gelu)(const float *x, float *y, size_t n);                            /* x * cdf(x), the erf form */
    void (*gelu_backward)(const float *dy, const float *x, float *dx, size_t n); /* dy * fma(x, pdf(x), cdf(x)) */
    /* x/2 (1 + t), t = tanh(r (x + c x^3)), r = sqrt(2 / pi), c = 0.044715, products from left to right; its backward:
     * dy * (0.5 (1 + t) + 0.5 x (1 - t t) (r (1 + 3c x x))) */
    void (*gelu_tanh)(const float *x, float *y, size_t n);
    void (*gelu_tanh_backward)(const float *dy, const float *x, float *dx, size_t n);
    void (*tanh)(const float *x, float *y, size_t n);
    void (*tanh_backward)(const float *dy, const float *y, float *dx,
                          size_t n);                  /* from tanh's result: dy * (1 - y*y) */
    void (*relu)(const float *x, float *y, size_t n); /* x > 0 ? x : 0 */
    void (*relu_backward)(const float *dy, const float *x, float *dx, size_t n); /* x > 0 ? dy : 0 */
    void (*dropout)(const tn_dropout *d, uint32_t row, uint32_t position, uint32_t channel, const float *x,
                    const float *residual, float *y, size_t n); /* channels [channel, channel + n) of one token:
                    y = kept ? x * scale : 0, then + residual unless NULL; also the backward pass */
    void (*rotate)(const float *x, const float *cosine, const float *sine, float *y,
                   size_t n); /* x and y [2n], halves a and b: a * cos - b * sin, b * cos + a * sin */
    void (*f16_to_f32)(const uint16_t *x, float *y, size_t n);
    void (*bf16_to_f32)(const uint16_t *x, float *y, size_t n);

    /* rows */
    void (*layernorm)(const tn_layernorm *a);
    void (*layernorm_dx)(const tn_layernorm_dx *a);
    void (*layernorm_dparams)(const tn_layernorm_dparams *a);
    void (*softmax)(const float *x, float *y, size_t n);     /* one row, in place; as in attention */
    void (*log_softmax)(const float *x, float *y, size_t n); /* one row, in place: (x - max) - log(sum) */
    void (*cross_entropy)(const tn_cross_entropy *a);
    void (*flag_losses)(const tn_single_losses *a);
    void (*value_losses)(const tn_single_losses *a);
    void (*embed)(const tn_embed *a);
    void (*mean_rows)(const float *x, size_t n_rows, size_t C,
                      float *y); /* rows in order from +0, then / n; zeros for n = 0 */
    void (*normalize)(const float *x, float *y, size_t n, float eps); /* in place: x * (1 / max(|x|, eps)) */
    float (*cosine)(const float *x, const float *y, size_t n);        /* x.y / (|x| |y|), 0 when either is 0 */

    /* sums over tokens, by shards */
    void (*column_sums)(const float *x, size_t ld, const tn_shards *shards, size_t C, float *y); /* columns [0, C) */
    void (*embed_grad)(const tn_embed_grad *a);

    void (*attention)(const tn_attention *a);
    void (*attention_grad)(const tn_attention_grad *a);
    void (*relative)(const tn_relative *a);
    void (*relative_grad)(const tn_relative_grad *a);

    void (*adamw)(const tn_adamw *a, const float *grad, float *weight, float *m, float *v, size_t n);
} tn_kernels;

/// The row of an instruction set that this CPU has (tn_isa_has). Never NULL.
const tn_kernels *tn_kernels_get(tn_isa isa);
/// The widest one that this CPU has.
tn_isa tn_isa_detect(void);
/// "auto" (or NULL), "ref", "avx2", "avx512"; false for another name. The CPU may still lack it: ask tn_isa_has.
bool tn_isa_from_name(const char *name, tn_isa *out);
const char *tn_isa_name(tn_isa isa);

#endif
