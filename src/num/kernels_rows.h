#ifndef TN_NUM_KERNELS_ROWS_H
#define TN_NUM_KERNELS_ROWS_H
/// Inside of num/kernels: the rows of the table, and what they share.

#include "base/fmath_inline.h"
#include "num/kernels.h"

extern const tn_kernels tn_kernels_ref, tn_kernels_ref_fma, tn_kernels_avx2, tn_kernels_avx512;

enum {
    TN_SUM_BLOCK = 4096,    /* above, block sums are added in double */
    TN_ATTENTION_ROWS = 64, /* query rows whose probabilities are held at once: two such blocks fit L2 for T = 512 */
};

#define TN_ROOT_2_PI 0.79788456f /* sqrt(2 / pi) */
#define TN_GELU_CUBIC 0.044715f  /* the published fit */

/* ---- losses of outputs that stand alone ---- rows are short, so one text does for all rows of the table */

static inline float tn_flag_loss(float x, float y, float *slope)
{
    float e = fm_expf(x < 0 ? x : -x), u = 1 + e, l = u == 1 ? e : fm_logf(u) * (e / (u - 1));
    *slope = (x < 0 ? e : 1) / u - y;
    return fm_fma(-x, y, x > 0 ? x : 0) + l;
}

static inline float tn_weighted_flag_loss(float x, float y, float positive, float *slope)
{
    float loss = tn_flag_loss(x, y, slope), k = (positive - 1) * y, set_slope;
    if (k == 0)
        return loss;
    float set = tn_flag_loss(x, 1, &set_slope);
    *slope = fm_fma(k, set_slope, *slope);
    return fm_fma(k, set, loss);
}

static inline void tn_single_losses_of(const tn_single_losses *a, bool flags)
{
    for (size_t r = 0; r < a->n_rows; r++) {
        double total = 0;
        for (size_t first = 0; first < a->L; first += TN_SUM_BLOCK) {
            size_t end = a->L - first < TN_SUM_BLOCK ? a->L : first + TN_SUM_BLOCK;
            float lane[16] = {0};
            for (size_t i = first; i < end; i++) {
                size_t at = r * a->L + i;
                float x = a->outputs[at], y = a->target[at], *sum = &lane[i % 16], slope = (x - y) + (x - y);
                *sum = flags ? *sum + tn_weighted_flag_loss(x, y, a->positive ? a->positive[i] : 1, &slope) : fm_fma(x - y, x - y, *sum);
                if (a->doutputs)
                    a->doutputs[at] = slope * a->weight;
            }
            for (int w = 8; w; w /= 2)
                for (int i = 0; i < w; i++)
                    lane[i] += lane[i + w];
            total += (double)lane[0];
        }
        a->loss[r] = (float)total;
    }
}

/* Scores of relative places from a[i,r] and b[j,r], rows of `pad` floats, and the way back, to sums in a and b. */
static inline void tn_relative_gather(const tn_relative *g, const float *a, const float *b, size_t pad)
{
    for (size_t i = 0; i < g->T; i++) {
        float *y = g->bias + i * g->ld_bias;
        for (size_t j = 0; j < g->T; j++) {
            size_t r = (size_t)(g->index[(ptrdiff_t)i - (ptrdiff_t)j] - g->first);
            y[j] = (a[i * pad + r] + b[j * pad + r]) * g->scale;
        }
    }
}

static inline void tn_relative_scatter(const tn_relative_grad *g, float *a, float *b, size_t pad)
{
    const tn_relative *f = &g->forward;
    for (size_t i = 0; i < f->T * pad; i++)
        a[i] = b[i] = 0;
    for (size_t i = 0; i < f->T; i++) {
        const float *ds = g->ds + i * g->ld_ds;
        for (size_t j = 0; j < f->T; j++) {
            size_t r = (size_t)(f->index[(ptrdiff_t)i - (ptrdiff_t)j] - f->first);
            float v = ds[j] * f->scale;
            a[i * pad + r] += v;
            b[j * pad + r] += v;
        }
    }
}

/* The fold of shards without a buffer a shard: a binary counter. Slot l holds the sum of 2^l neighbouring shards, or is
 * absent. Adding shard s merges upward through the trailing ones of s, left + right; at the end what is left is merged
 * from the lowest slot, which is the same tree with its missing right ends. The macro's caller says how to merge:
 * MERGE(l) adds slot l to the carry (slot left, carry right), STORE(l) puts the carry into slot l. */
#define TN_FOLD_LEVELS 7 /* TN_SHARDS_MAX = 2^6, plus one */

#endif
