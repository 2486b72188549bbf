/* Promises of num/kernels.h: every row has the bits of `ref`, and `ref` is near a double-precision oracle. */
#include "test.h"

#include "base/rng.h"
#include "base/sha256.h"
#include "num/kernels.h"
#include "num/kernels_rows.h"

#include <math.h>

enum { POOL = 40000, GUARD = 64 };

/* One set of inputs, and an output pool for each run. */
typedef struct {
    tn_rng rng;
    size_t n, rows, d; /* sizes of this case */
    size_t shift;      /* of every pointer, in floats */
    bool special;      /* inputs hold infinities, NaN, zeros, denormals */
    float *x[5];       /* POOL floats each */
    float *out;        /* 4 POOL floats: zone(c, i) */
    int32_t *id;
    size_t start[TN_SHARDS_MAX + 1];
    tn_shards shards;
    tn_dropout dropout;
    float *scratch;
    uint64_t *sort;
} set;

static float *zone(set *c, int i)
{
    return c->out + (size_t)i * POOL + c->shift;
}
static const float *in(set *c, int i)
{
    return c->x[i] + c->shift;
}

static float draw(tn_rng *r, bool special)
{
    static const float odd[] = {0.0f,   -0.0f,  INFINITY, -INFINITY, NAN,   1e-45f, -1e-45f, 0x1p-126f, 3e38f,
                                -3e38f, 88.73f, -103.99f, -104.5f,   0.55f, 9.02f,  15.0f,   -15.1f,    1e-20f};
    if (special && tn_rng_below(r, 4) == 0)
        return odd[tn_rng_below(r, TN_COUNT(odd))];
    double u = -1.5;
    for (int i = 0; i < 3; i++) /* bell-shaped, within 6; one draw a statement, or the compiler picks their order */
        u += tn_rng_f64(r);
    return (float)(4 * u);
}

static set set_new(void)
{
    set c = {.rng = tn_rng_init(7, 0)};
    for (int i = 0; i < 5; i++)
        c.x[i] = tn_mem_alloc_aligned(POOL * sizeof(float), 64);
    c.out = tn_mem_alloc_aligned(4 * POOL * sizeof(float), 64);
    c.id = tn_mem_alloc(POOL * sizeof(int32_t));
    c.scratch = tn_mem_alloc_aligned(tn_attention_scratch(600, 80) * sizeof(float), 64);
    c.sort = tn_mem_alloc(2 * POOL * sizeof(uint64_t));
    return c;
}

static void set_free(set *c)
{
    for (int i = 0; i < 5; i++)
        tn_mem_free(c->x[i]);
    tn_mem_free(c->out);
    tn_mem_free(c->id);
    tn_mem_free(c->scratch);
    tn_mem_free(c->sort);
}

/* Random shards of `rows` tokens; some are empty. */
static void set_shards(set *c, size_t rows)
{
    static const size_t count[] = {1, 2, 3, 4, 4, 4, 5, 7, 8, 13, 64};
    c->shards = (tn_shards){count[tn_rng_below(&c->rng, TN_COUNT(count))], c->start};
    c->start[0] = 0;
    for (size_t s = 1; s < c->shards.n; s++) {
        size_t rest = rows - c->start[s - 1], even = rows / c->shards.n + 1;
        size_t step = tn_rng_below(&c->rng, 4) == 0 ? 0 : tn_rng_below(&c->rng, 2 * even);
        c->start[s] = c->start[s - 1] + (step < rest ? step : rest);
    }
    c->start[c->shards.n] = rows;
}

static void set_fill(set *c, size_t n, size_t rows, size_t d, bool special)
{
    c->n = n, c->rows = rows, c->d = d, c->special = special;
    c->shift = tn_rng_below(&c->rng, 17);
    for (int i = 0; i < 5; i++)
        for (size_t k = 0; k < POOL; k++)
            c->x[i][k] = k < 8192 || !special ? draw(&c->rng, special) : 0;
    for (size_t k = 0; k < POOL; k++)
        c->id[k] = (int32_t)tn_rng_below(&c->rng, 9) * 777;
    set_shards(c, rows);
    double p = tn_rng_below(&c->rng, 4) == 0 ? 0 : 0.4;
    c->dropout = tn_dropout_at(p, tn_rng_u64(&c->rng), 3, 2);
}

/* ---- one runner a kernel; what it writes into the zones is compared ---- */

static void run_reductions(const tn_kernels *k, set *c)
{
    double v[] = {k->sum(in(c, 0), c->n), k->dot(in(c, 0), in(c, 1), c->n), k->sum_squares(in(c, 0), c->n)};
    float f[] = {k->max(in(c, 0), c->n), k->cosine(in(c, 0), in(c, 1), c->n)};
    for (int i = 0; i < 3; i++)
        if (v[i] != v[i])
            v[i] = NAN;
    memcpy(c->out, v, sizeof v);
    memcpy(c->out + 8, f, sizeof f);
}
static void run_simple(const tn_kernels *k, set *c)
{
    k->fill(zone(c, 0), 1.5f, c->n);
    k->scale(in(c, 0), 0.3f, zone(c, 1), c->n);
    k->add(in(c, 0), in(c, 1), zone(c, 2), c->n);
    k->axpy(0.7f, in(c, 0), zone(c, 3), c->n);
    k->axpy(-0.7f, in(c, 1), zone(c, 0), c->n);
}
static void run_exp_tanh(const tn_kernels *k, set *c)
{
    k->exp(in(c, 0), zone(c, 0), c->n);
    k->tanh(in(c, 0), zone(c, 1), c->n);
    k->tanh_backward(in(c, 1), zone(c, 1), zone(c, 2), c->n);
}
static void run_gelu(const tn_kernels *k, set *c)
{
    k->gelu(in(c, 0), zone(c, 0), c->n);
    k->gelu_backward(in(c, 1), in(c, 0), zone(c, 1), c->n);
    memcpy(zone(c, 2), in(c, 1), c->n * sizeof(float)); /* in place */
    k->gelu_backward(zone(c, 2), in(c, 0), zone(c, 2), c->n);
}
static void run_relu(const tn_kernels *k, set *c)
{
    k->relu(in(c, 0), zone(c, 0), c->n);
    k->relu_backward(in(c, 1), in(c, 0), zone(c, 1), c->n);
}
static void run_bias(const tn_kernels *k, set *c)
{
    k->bias(in(c, 0), in(c, 1), zone(c, 0), c->rows, c->d);
    k->mean_rows(in(c, 0), c->rows, c->d, zone(c, 1));
    k->mean_rows(in(c, 0), 0, c->d, zone(c, 2));
}
static void run_dropout(const tn_kernels *k, set *c)
{
    uint32_t channel = (uint32_t)(c->rows * 37 % 200);
    k->dropout(&c->dropout, 5, 6, channel, in(c, 0), NULL, zone(c, 0), c->n);
    k->dropout(&c->dropout, 5, 6, channel / 16 * 16, in(c, 0), in(c, 1), zone(c, 1), c->n);
}
static void run_halves(const tn_kernels *k, set *c)
{
    const uint16_t *h = (const uint16_t *)(const void *)c->x[0] + c->shift;
    k->f16_to_f32(h, zone(c, 0), c->n);
    k->bf16_to_f32(h, zone(c, 1), c->n);
}
static void run_layernorm(const tn_kernels *k, set *c)
{
    k->layernorm(&(tn_layernorm){c->rows, c->d, in(c, 0), NULL, NULL, in(c, 1), in(c, 2), 1e-12f, zone(c, 0),
                                 zone(c, 1), zone(c, 1) + c->rows});
    k->layernorm_dx(
        &(tn_layernorm_dx){c->rows, c->d, in(c, 3), in(c, 0), in(c, 1), zone(c, 1), zone(c, 1) + c->rows, zone(c, 2)});
    size_t middle = c->d / 2;
    tn_layernorm_dparams p = {
        c->d,       0,          middle,           in(c, 3), in(c, 0), zone(c, 1), zone(c, 1) + c->rows,
        &c->shards, zone(c, 3), zone(c, 3) + c->d};
    k->layernorm_dparams(&p);
    p.first = middle, p.last = c->d;
    k->layernorm_dparams(&p);
}
static void run_layernorm_residual(const tn_kernels *k, set *c)
{
    memcpy(zone(c, 0), in(c, 0), c->rows * c->d * sizeof(float)); /* sum written over x, y over the residual */
    memcpy(zone(c, 1), in(c, 4), c->rows * c->d * sizeof(float));
    k->layernorm(
        &(tn_layernorm){c->rows, c->d, zone(c, 0), zone(c, 1), zone(c, 0), in(c, 1), in(c, 2), 1e-5f, zone(c, 1)});
}
static void run_softmax(const tn_kernels *k, set *c)
{
    k->softmax(in(c, 0), zone(c, 0), c->n);
    k->log_softmax(in(c, 0), zone(c, 1), c->n);
    k->normalize(in(c, 0), zone(c, 2), c->n, 1e-12f);
}
static void run_cross_entropy(const tn_kernels *k, set *c)
{
    for (size_t r = 0; r < c->rows; r++)
        c->id[r] %= (int32_t)c->d;
    k->cross_entropy(&(tn_cross_entropy){c->rows, c->d, in(c, 0), c->id, 1.0f / 24, zone(c, 0), zone(c, 1)});
    k->cross_entropy(&(tn_cross_entropy){c->rows, c->d, in(c, 0), c->id, 1.0f / 24, zone(c, 2), NULL});
}
static void run_weighted_entropy(const tn_kernels *k, set *c)
{
    int32_t label[64];
    for (size_t r = 0; r < c->rows; r++)
        label[r] = r % 5 == 0 ? -100 : c->id[r] % (int32_t)c->d;
    tn_cross_entropy a = {c->rows, c->d, in(c, 0), label, 1.0f / 24, zone(c, 0), zone(c, 1), in(c, 1), in(c, 2), 0.25f};
    k->cross_entropy(&a);
    memcpy(zone(c, 3), in(c, 0), c->rows * c->d * sizeof(float)); /* in place */
    a.logits = a.dlogits = zone(c, 3), a.loss = zone(c, 2), a.own = a.soft = NULL, a.soft_sum = 0;
    k->cross_entropy(&a);
}
static void run_single_losses(const tn_kernels *k, set *c)
{
    tn_single_losses a = {c->rows, c->d, in(c, 0), in(c, 1), 1.0f / 24, zone(c, 0), zone(c, 1)};
    k->flag_losses(&a);
    a.loss += c->rows, a.doutputs = NULL;
    k->flag_losses(&a);
    a.loss = zone(c, 2), a.doutputs = zone(c, 3);
    k->value_losses(&a);
    a.loss += c->rows, a.doutputs = zone(c, 3) + c->rows * c->d, a.positive = in(c, 2);
    k->flag_losses(&a);
}
static void run_column_sums(const tn_kernels *k, set *c)
{
    k->column_sums(in(c, 0), c->d + 3, &c->shards, c->d, zone(c, 0));
}
static void run_embed(const tn_kernels *k, set *c)
{
    int32_t *small = c->id + 1000;
    for (size_t r = 0; r < c->rows; r++)
        small[r] %= 3;
    for (size_t r = 0; r < c->rows; r++)
        c->id[r] %= 50;
    k->embed(&(tn_embed){c->rows, c->d, in(c, 0), in(c, 1), in(c, 2), c->id, small, small, zone(c, 0)});
    k->embed(&(tn_embed){c->rows, c->d, in(c, 0), in(c, 1), in(c, 2), c->id, NULL, small, zone(c, 1)});
    uint32_t *order = (uint32_t *)(void *)(c->scratch), *start = order + c->rows;
    int32_t unique[512];
    size_t n = tn_embed_sort(c->id, c->rows, c->sort, order, unique, start);
    tn_embed_grad g = {c->d, 0, n / 2, order, start, &c->shards, in(c, 3), zone(c, 2)};
    k->embed_grad(&g);
    g.first = n / 2, g.last = n;
    k->embed_grad(&g);
}
static void run_adamw(const tn_kernels *k, set *c)
{
    tn_adamw a = {1 - 5e-5f * 0.01f, 5e-5f / 0.1f, 0.1f, 0.999f, 0.001f, sqrtf(0.001f), 1e-8f, 0.7f};
    memcpy(zone(c, 0), in(c, 0), c->n * sizeof(float));
    for (int step = 0; step < 3; step++)
        k->adamw(&a, in(c, 1), zone(c, 0), zone(c, 1), zone(c, 2), c->n);
}
/* Rows are T and d a multiple of 4; q, k, v lie interleaved in [T, 3d]. */
static tn_attention_grad attention_case(set *c)
{
    size_t ld = 3 * c->d;
    float *o = zone(c, 0);
    return (tn_attention_grad){.forward = {.T = c->rows,
                                           .d = c->d,
                                           .q = in(c, 0),
                                           .k = in(c, 0) + c->d,
                                           .v = in(c, 0) + 2 * c->d,
                                           .ld = ld,
                                           .o = o,
                                           .ld_o = c->d + 5,
                                           .max = zone(c, 3),
                                           .sum = zone(c, 3) + c->rows,
                                           .scale = 0.25f,
                                           .dropout = &c->dropout,
                                           .row = 3,
                                           .head = 2,
                                           .scratch = c->scratch},
                               .d_o = in(c, 1),
                               .dq = zone(c, 1),
                               .dk = zone(c, 1) + c->d,
                               .dv = zone(c, 1) + 2 * c->d,
                               .ld_d = ld};
}
static void run_attention(const tn_kernels *k, set *c)
{
    tn_attention_grad g = attention_case(c);
    k->attention(&g.forward);
    k->attention_grad(&g);
    g.forward.dropout = NULL;
    g.forward.max = g.forward.sum = NULL;
    g.forward.o = zone(c, 2);
    k->attention(&g.forward);
}

/* The same with a bias: of each pair, then of the distance alone, with a window; and what is added to it. */
static void run_attention_bias(const tn_kernels *k, set *c)
{
    size_t T = c->rows;
    float *diagonals = c->out + 3 * POOL + 2 * T + 64;
    tn_attention_grad g = attention_case(c);
    g.forward.bias = in(c, 2);
    g.forward.ld_bias = (ptrdiff_t)T + 3;
    g.dbias = zone(c, 2);
    g.ld_dbias = (ptrdiff_t)T + 1;
    k->attention(&g.forward);
    k->attention_grad(&g);
    float bias[2 * 130];
    for (size_t i = 0; i < 2 * T - 1; i++)
        bias[i] = i + 9 < T - 1 || i > T + 8 ? -INFINITY : c->x[3][i];
    g.forward.bias = bias + T - 1;
    g.forward.ld_bias = g.ld_dbias = -1;
    g.dbias = diagonals + T - 1;
    k->attention(&g.forward);
    k->attention_grad(&g);
}
static void run_relative(const tn_kernels *k, set *c)
{
    size_t T = c->rows, R = T / 2 + 1;
    int32_t index[2 * 130];
    for (size_t i = 0; i < 2 * T - 1; i++)
        index[i] = 7 + (int32_t)(i * R / (2 * T - 1));
    tn_relative f = {.T = T,
                     .d = c->d,
                     .R = R,
                     .q = in(c, 0),
                     .k = in(c, 0) + c->d,
                     .ld = 3 * c->d,
                     .qr = in(c, 1),
                     .kr = in(c, 1) + c->d,
                     .ld_r = 2 * c->d,
                     .index = index + T - 1,
                     .first = 7,
                     .scale = 0.3f,
                     .bias = zone(c, 0),
                     .ld_bias = T + 1,
                     .scratch = c->scratch};
    k->relative(&f);
    k->relative_grad(&(tn_relative_grad){.forward = f,
                                         .ds = in(c, 2),
                                         .ld_ds = T + 2,
                                         .dq = zone(c, 1),
                                         .dk = zone(c, 1) + c->d,
                                         .ld_d = 2 * c->d,
                                         .dqr = zone(c, 2),
                                         .dkr = zone(c, 2) + c->d,
                                         .ld_dr = 2 * c->d});
}
static void run_gelu_tanh(const tn_kernels *k, set *c)
{
    k->gelu_tanh(in(c, 0), zone(c, 0), c->n);
    memcpy(zone(c, 1), in(c, 1), c->n * sizeof(float)); /* in place */
    k->gelu_tanh_backward(zone(c, 1), in(c, 0), zone(c, 1), c->n);
}
static void run_rotate(const tn_kernels *k, set *c)
{
    size_t n = c->n / 2;
    k->multiply(in(c, 0), in(c, 1), zone(c, 0), c->n);
    k->rotate(in(c, 0), in(c, 1), in(c, 2), zone(c, 1), n);
    memcpy(zone(c, 2), in(c, 0), 2 * n * sizeof(float));
    k->rotate(zone(c, 2), in(c, 1), in(c, 2), zone(c, 2), n);
}

typedef enum { VECTOR, ROWS, ATTENTION } shape;
static const struct {
    const char *name;
    void (*run)(const tn_kernels *k, set *c);
    shape shape;
    bool special;
} runner[] = {
    {"reductions", run_reductions, VECTOR, true},
    {"fill scale add axpy", run_simple, VECTOR, true},
    {"exp tanh", run_exp_tanh, VECTOR, true},
    {"gelu", run_gelu, VECTOR, true},
    {"relu", run_relu, VECTOR, true},
    {"dropout", run_dropout, VECTOR, true},
    {"f16 bf16", run_halves, VECTOR, true},
    {"softmax", run_softmax, VECTOR, true},
    {"adamw", run_adamw, VECTOR, true},
    {"bias mean", run_bias, ROWS, true},
    {"layernorm", run_layernorm, ROWS, true},
    {"layernorm residual", run_layernorm_residual, ROWS, false},
    {"cross entropy", run_cross_entropy, ROWS, true},
    {"column sums", run_column_sums, ROWS, true},
    {"embeddings", run_embed, ROWS, true},
    {"attention", run_attention, ATTENTION, false},
    {"attention with a bias", run_attention_bias, ATTENTION, false},
    {"relative places", run_relative, ATTENTION, false},
    {"gelu by tanh", run_gelu_tanh, VECTOR, true},
    {"multiply rotate", run_rotate, VECTOR, true},
    {"cross entropy of weights", run_weighted_entropy, ROWS, true},
    {"flags and values", run_single_losses, ROWS, true},
};

static void canary(set *c)
{
    for (size_t i = 0; i < 4 * POOL; i++)
        c->out[i] = 0.125f;
}

static void compare(const char *name, const char *isa, const set *c, const float *want)
{
    for (size_t i = 0; i < 4 * POOL; i++) {
        if (memcmp(&c->out[i], &want[i], 4) != 0 && !(c->out[i] != c->out[i] && want[i] != want[i]))
            fail_msg("%s, %s, n %zu, rows %zu, d %zu, shift %zu, zone %zu[%zu]: %a, ref has %a", name, isa, c->n,
                     c->rows, c->d, c->shift, i / POOL, i % POOL, (double)c->out[i], (double)want[i]);
    }
}

/* The digest of what ref writes in every_row_has_the_bits_of_ref, NaN written as 0x7fc00000: the numbers of the
 * contract themselves. It changes only when a kernel's definition does, never with the compiler or the CPU. */
static const char golden[] = "55e0ef09675e633eaf48dd4bb0a9d89d273a168cd1777f5a693eb533ff5220b3";

static void digest_add(tn_digest *d, const float *out)
{
    static uint32_t word[4 * POOL + 16];
    memcpy(word, d->hex, 64);
    memcpy(word + 16, out, 4 * POOL * sizeof(float));
    for (size_t i = 16; i < 4 * POOL + 16; i++)
        if ((word[i] & 0x7fffffffu) > 0x7f800000u)
            word[i] = 0x7fc00000u;
    *d = tn_sha256((tn_bytes){(const uint8_t *)word, sizeof word});
}

static void every_row_has_the_bits_of_ref(void **state)
{
    const tn_kernels *ref = tn_kernels_get(TN_ISA_REF);
    set c = set_new();
    float *want = tn_mem_alloc(4 * POOL * sizeof(float));
    tn_digest digest = {""};
    static const size_t size[] = {0, 1, 15, 16, 17, 63, 64, 130, 384, 4095, 4096, 4097, 8200};
    static const size_t length[] = {1, 2, 3, 5, 8, 16, 17, 40, 64, 67, 100, 130};
    static const size_t head[] = {4, 8, 12, 20, 32, 32, 48, 64, 68};
    for (int round = 0; round < 12; round++) {
        for (size_t i = 0; i < TN_COUNT(runner); i++) {
            size_t n = size[tn_rng_below(&c.rng, TN_COUNT(size))], rows = 1 + tn_rng_below(&c.rng, 40),
                   d = 1 + tn_rng_below(&c.rng, 170);
            if (runner[i].shape == ATTENTION) {
                d = head[tn_rng_below(&c.rng, TN_COUNT(head))];
                rows = length[tn_rng_below(&c.rng, TN_COUNT(length))];
            }
            set_fill(&c, n, rows, d, runner[i].special && round % 2);
            canary(&c);
            runner[i].run(ref, &c);
            memcpy(want, c.out, 4 * POOL * sizeof(float));
            digest_add(&digest, want);
            for (int isa = TN_ISA_AVX2; isa <= TN_ISA_AVX512; isa++) {
                if (!tn_isa_has((tn_isa)isa))
                    continue;
                canary(&c);
                runner[i].run(tn_kernels_get((tn_isa)isa), &c);
                compare(runner[i].name, tn_isa_name((tn_isa)isa), &c, want);
            }
            if (round < 2 && ref->has_fma) { /* the build without FMA instructions */
                canary(&c);
                runner[i].run(&tn_kernels_ref, &c);
                compare(runner[i].name, "ref without FMA", &c, want);
            }
        }
    }
    assert_string_equal(digest.hex, golden);
    tn_mem_free(want);
    set_free(&c);
}

/* ---- ref against oracles in double ---- */

#define NEAR(got, want, slack)                                                                                         \
    do {                                                                                                               \
        double g_ = (got), w_ = (want), s_ = (slack);                                                                  \
        if (!(fabs(g_ - w_) <= s_))                                                                                    \
            fail_msg("%s is %.9g, wanted %.9g within %.3g", #got, g_, w_, s_);                                         \
    } while (0)

static void sums_are_near_the_exact_ones(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    set c = set_new();
    for (size_t n = 1; n < 20000; n = n * 3 + 1) {
        set_fill(&c, n, 1, 1, false);
        double s = 0, d = 0, q = 0, size = 0, m = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            double x = in(&c, 0)[i], y = in(&c, 1)[i];
            s += x, d += x * y, q += x * x, size += fabs(x) + fabs(x * y);
            m = x > m ? x : m;
        }
        /* a lane adds at most 256 terms and 4 folds: error below 260 half-ulps of the sum of sizes, in practice far
         * less */
        NEAR(k->sum(in(&c, 0), n), s, 0x1p-22 * size);
        NEAR(k->dot(in(&c, 0), in(&c, 1), n), d, 0x1p-22 * size);
        NEAR(k->sum_squares(in(&c, 0), n), q, 0x1p-42 * q);
        assert_true(k->max(in(&c, 0), n) == m);
    }
    set_free(&c);
}

static double gelu_f64(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static void activations_are_near_their_definitions(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    for (double v = -12; v < 12; v += 0.0171) {
        float x = (float)v, one = 1, y, slope;
        k->gelu(&x, &y, 1);
        NEAR(y, gelu_f64(x), 0x1p-23 * fabs(gelu_f64(x)) + 0x1p-24 * fabs(v) * (v < -1 ? 0.25 : 0.5));
        k->gelu_backward(&one, &x, &slope, 1);
        double want = 0.5 * erfc(-(double)x * 0.70710678118654752440) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
        NEAR(slope, want, 0x1p-22);
        double t = tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v));
        k->gelu_tanh(&x, &y, 1);
        NEAR(y, 0.5 * x * (1 + t), 0x1p-22 * (1 + fabs(v)));
        k->gelu_tanh_backward(&one, &x, &slope, 1);
        want = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * 0.79788456080286535588 * (1 + 3 * 0.044715 * v * v);
        NEAR(slope, want, 0x1p-20);
        k->tanh(&x, &y, 1);
        NEAR(y, tanh(x), 2.5 * 0x1p-24);
        k->tanh_backward(&one, &y, &slope, 1);
        NEAR(slope, 1 - tanh(x) * tanh(x), 0x1p-21);
        k->exp(&x, &y, 1);
        NEAR(y, exp(x), 0x1p-22 * exp(x));
    }
}

static double layernorm_loss(const double *x, const float *gamma, const float *beta, const float *dy, size_t C)
{
    double mean = 0, var = 0, loss = 0;
    for (size_t i = 0; i < C; i++)
        mean += x[i] / (double)C;
    for (size_t i = 0; i < C; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)C;
    for (size_t i = 0; i < C; i++)
        loss += dy[i] * ((x[i] - mean) / sqrt(var + 1e-5) * gamma[i] + beta[i]);
    return loss;
}

static void layernorm_and_its_gradient(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    set c = set_new();
    static const size_t width[] = {1, 5, 64, 384};
    for (size_t w = 0; w < TN_COUNT(width); w++) {
        size_t C = width[w], rows = 6;
        set_fill(&c, 0, rows, C, false);
        const float *x = in(&c, 0), *gamma = in(&c, 1), *beta = in(&c, 2), *dy = in(&c, 3);
        float *y = zone(&c, 0), *dx = zone(&c, 1), *mean = zone(&c, 2), *rstd = mean + rows, *dg = zone(&c, 3),
              *db = dg + C;
        k->layernorm(&(tn_layernorm){rows, C, x, NULL, NULL, gamma, beta, 1e-5f, y, mean, rstd});
        k->layernorm_dx(&(tn_layernorm_dx){rows, C, dy, x, gamma, mean, rstd, dx});
        k->layernorm_dparams(&(tn_layernorm_dparams){C, 0, C, dy, x, mean, rstd, &c.shards, dg, db});
        double sum_g[400] = {0}, sum_b[400] = {0};
        for (size_t r = 0; r < rows; r++) {
            double m = 0, var = 0, at[400];
            for (size_t i = 0; i < C; i++)
                at[i] = x[r * C + i], m += at[i] / (double)C;
            for (size_t i = 0; i < C; i++)
                var += (at[i] - m) * (at[i] - m) / (double)C;
            for (size_t i = 0; i < C; i++) {
                double xhat = (at[i] - m) / sqrt(var + 1e-5);
                NEAR(y[r * C + i], xhat * gamma[i] + beta[i], 2e-6 * (1 + fabs(xhat * gamma[i]) + fabs(beta[i])));
                sum_g[i] += xhat * dy[r * C + i], sum_b[i] += dy[r * C + i];
                if (i % 7 == 0) {
                    double kept = at[i], h = 1e-4;
                    at[i] = kept + h;
                    double up = layernorm_loss(at, gamma, beta, dy + r * C, C);
                    at[i] = kept - h;
                    double down = layernorm_loss(at, gamma, beta, dy + r * C, C);
                    at[i] = kept;
                    NEAR(dx[r * C + i], (up - down) / (2 * h),
                         3e-5 * (1 + fabs((up - down) / (2 * h))) + 1e-6 * rstd[r]);
                }
            }
        }
        for (size_t i = 0; i < C; i++) {
            NEAR(dg[i], sum_g[i], 1e-4);
            NEAR(db[i], sum_b[i], 1e-5);
        }
    }
    set_free(&c);
}

static void cross_entropy_and_its_gradient(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    static const float logit[2][4] = {{1, 2, 3, -50}, {1000, 1000.5f, -1000, 0}};
    int32_t label[2] = {2, 0};
    float loss[2], dx[8];
    k->cross_entropy(&(tn_cross_entropy){2, 4, &logit[0][0], label, 0.5f, loss, dx});
    for (int r = 0; r < 2; r++) {
        double s = 0, m = r ? 1000.5 : 3, p[4];
        for (int i = 0; i < 4; i++)
            s += p[i] = exp(logit[r][i] - m);
        NEAR(loss[r], log(s) - (logit[r][label[r]] - m), 1e-6);
        for (int i = 0; i < 4; i++)
            NEAR(dx[r * 4 + i], (p[i] / s - (i == label[r])) / 2, 1e-7);
    }
}

/* torch.nn.CrossEntropyLoss(weight, label_smoothing), its sum; a row that is not counted. */
static void weights_of_classes_and_smoothing(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    static const float logit[3][3] = {{1, 2, 3}, {0, -1, 0.5f}, {9, 9, 9}};
    static const float weight[3] = {0.5f, 2, 1}, eps = 0.3f;
    float own[3], soft[3], loss[3], dx[9];
    int32_t label[3] = {1, 0, -100};
    for (int i = 0; i < 3; i++)
        own[i] = (1 - eps) * weight[i], soft[i] = eps / 3 * weight[i];
    k->cross_entropy(&(tn_cross_entropy){3, 3, &logit[0][0], label, 0.5f, loss, dx, own, soft, eps / 3 * 3.5f});
    for (int r = 0; r < 2; r++) {
        double s = 0, p[3], want = 0;
        for (int i = 0; i < 3; i++)
            s += p[i] = exp(logit[r][i]);
        for (int i = 0; i < 3; i++)
            want -= ((i == label[r] ? own[i] : 0.0) + soft[i]) * log(p[i] / s);
        NEAR(loss[r], want, 1e-6);
        for (int i = 0; i < 3; i++)
            NEAR(dx[r * 3 + i],
                 (p[i] / s * (own[label[r]] + eps / 3 * 3.5) - soft[i] - (i == label[r] ? own[i] : 0.0)) / 2, 1e-6);
    }
    for (int i = 6; i < 9; i++)
        assert_true(dx[i] == 0 && loss[2] == 0);
}

static void losses_of_flags_and_values(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    static const float x[] = {-90, -20, -3, -1e-3f, 0, 0.5f, 4, 18, 90}, y[] = {0, 1, 0, 1, 0.25f, 1, 0, 1, 1};
    float loss[9], dx[9];
    k->flag_losses(&(tn_single_losses){9, 1, x, y, 2, loss, dx});
    for (int i = 0; i < 9; i++) {
        double want = log1p(exp(-fabs(x[i]))) + ((x[i] > 0 ? x[i] : 0.0) - (double)x[i] * y[i]);
        NEAR(loss[i], want, 1e-7 * (1 + want));
        NEAR(loss[i] / want, 1, 1e-5); /* small ones too */
        NEAR(dx[i], 2 * (1 / (1 + exp(-(double)x[i])) - y[i]), 1e-6);
    }
    /* torch's BCEWithLogitsLoss(pos_weight=p): p y softplus(-x) + (1 - y) softplus(x). */
    static const float positive[] = {0, 0.5f, 1, 7.25f};
    for (size_t w = 0; w < TN_COUNT(positive); w++) {
        double p = (double)positive[w];
        k->flag_losses(&(tn_single_losses){9, 1, x, y, 2, loss, dx, &positive[w]});
        for (int i = 0; i < 9; i++) {
            double l = log1p(exp(-fabs(x[i]))), up = l + (x[i] > 0 ? (double)x[i] : 0), down = l + (x[i] < 0 ? -(double)x[i] : 0), s = 1 / (1 + exp(-(double)x[i]));
            double wanted = p * y[i] * down + (1 - (double)y[i]) * up;
            NEAR(loss[i], wanted, 2e-7 * (1 + wanted));
            NEAR(dx[i], 2 * ((1 - (double)y[i]) * s - p * y[i] * (1 - s)), 2e-6 * (1 + p));
        }
    }
    k->value_losses(&(tn_single_losses){1, 9, x, y, 0.5f, loss, dx});
    double want = 0;
    for (int i = 0; i < 9; i++) {
        want += (x[i] - y[i]) * (double)(x[i] - y[i]);
        NEAR(dx[i], x[i] - y[i], 1e-6);
    }
    NEAR(loss[0] / want, 1, 1e-6);
}

/* Element (i, j) of attention's dropout, from the words as the header numbers them. */
static double kept_probability(const tn_attention *a, size_t i, size_t j)
{
    uint32_t counter[4] = {(uint32_t)j, (uint32_t)(i / 4), a->row, a->head}, word[4];
    tn_philox(counter, a->dropout->key, word);
    return word[i % 4] >= a->dropout->threshold ? (double)a->dropout->scale : 0;
}

/* sum(dO . O) of attention in double; x is [T, 3d]. */
static double attention_loss(const tn_attention_grad *g, const double *x, double *o)
{
    const tn_attention *a = &g->forward;
    double loss = 0, p[64];
    size_t d = a->d, ld = 3 * d;
    for (size_t i = 0; i < a->T; i++) {
        double m = -INFINITY, s = 0;
        for (size_t j = 0; j < a->T; j++) {
            p[j] = 0;
            for (size_t c = 0; c < d; c++)
                p[j] += x[i * ld + c] * x[j * ld + d + c];
            p[j] *= (double)a->scale;
            m = p[j] > m ? p[j] : m;
        }
        for (size_t j = 0; j < a->T; j++)
            s += p[j] = exp(p[j] - m);
        for (size_t j = 0; j < a->T; j++)
            p[j] = p[j] / s * kept_probability(a, i, j);
        for (size_t c = 0; c < d; c++) {
            double v = 0;
            for (size_t j = 0; j < a->T; j++)
                v += p[j] * x[j * ld + 2 * d + c];
            if (o)
                o[i * d + c] = v;
            loss += v * g->d_o[i * a->ld_o + c];
        }
    }
    return loss;
}

static void attention_and_its_gradient(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    set c = set_new();
    static const size_t size[][2] = {{1, 4}, {7, 8}, {19, 12}};
    for (size_t s = 0; s < TN_COUNT(size); s++) {
        size_t T = size[s][0], d = size[s][1], ld = 3 * d;
        set_fill(&c, 0, T, d, false);
        for (size_t i = 0; i < POOL; i++)
            c.x[0][i] *= 0.5f;
        tn_attention_grad g = attention_case(&c);
        k->attention(&g.forward);
        k->attention_grad(&g);
        double x[19 * 36], o[19 * 12];
        for (size_t i = 0; i < T * ld; i++)
            x[i] = in(&c, 0)[i];
        attention_loss(&g, x, o);
        for (size_t i = 0; i < T * d; i++)
            NEAR(g.forward.o[i / d * g.forward.ld_o + i % d], o[i], 3e-6);
        for (size_t i = 0; i < T * ld; i += 5) {
            double kept = x[i], h = 1e-4;
            x[i] = kept + h;
            double up = attention_loss(&g, x, NULL);
            x[i] = kept - h;
            double down = attention_loss(&g, x, NULL);
            x[i] = kept;
            NEAR(g.dq[i], (up - down) / (2 * h), 2e-5 * (1 + fabs((up - down) / (2 * h))));
        }
    }
    set_free(&c);
}

/* The tree of num/shards.h, by recursion. */
static bool fold(const float *leaf, const bool *present, size_t first, size_t size, size_t n, float *out)
{
    if (first >= n)
        return false;
    if (size == 1) {
        *out = leaf[first];
        return present[first];
    }
    float a = 0, b = 0;
    bool has_a = fold(leaf, present, first, size / 2, n, &a),
         has_b = fold(leaf, present, first + size / 2, size / 2, n, &b);
    *out = has_a && has_b ? a + b : has_a ? a : b;
    return has_a || has_b;
}

static void sums_over_tokens_fold_by_shards(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    set c = set_new();
    for (int round = 0; round < 40; round++) {
        size_t rows = 1 + tn_rng_below(&c.rng, 50), C = 3;
        set_fill(&c, 0, rows, C, false);
        const float *x = in(&c, 0);
        float got[3], leaf[TN_SHARDS_MAX], want;
        bool present[TN_SHARDS_MAX];
        k->column_sums(x, C, &c.shards, C, got);
        for (size_t i = 0; i < C; i++) {
            for (size_t s = 0; s < c.shards.n; s++) {
                leaf[s] = 0;
                for (size_t r = c.start[s]; r < c.start[s + 1]; r++)
                    leaf[s] += x[r * C + i];
                present[s] = c.start[s] < c.start[s + 1];
            }
            assert_true(fold(leaf, present, 0, 64, c.shards.n, &want));
            assert_memory_equal(&got[i], &want, 4);
        }
        /* embeddings: the same with the tokens of one id */
        uint32_t order[64], start[64];
        int32_t unique[64];
        size_t n = tn_embed_sort(c.id, rows, c.sort, order, unique, start);
        float grad[64 * 3];
        k->embed_grad(&(tn_embed_grad){C, 0, n, order, start, &c.shards, x, grad});
        size_t seen = 0;
        for (size_t u = 0; u < n; u++) {
            assert_true(u == 0 || unique[u] > unique[u - 1]);
            for (size_t s = 0; s < c.shards.n; s++) {
                leaf[s] = 0, present[s] = false;
                for (size_t r = c.start[s]; r < c.start[s + 1]; r++) {
                    if (c.id[r] == unique[u])
                        leaf[s] += x[r * C + 1], present[s] = true, seen++;
                }
            }
            assert_true(fold(leaf, present, 0, 64, c.shards.n, &want));
            assert_memory_equal(&grad[u * C + 1], &want, 4);
        }
        assert_int_equal(seen, rows);
    }
    set_free(&c);
}

static void dropout_draws_the_words_of_the_header(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    tn_dropout d = tn_dropout_at(0.1, 42, 7, 3);
    uint32_t counter[4] = {7, 0, 3, 0}, key[2] = {42, 0}, word[4];
    tn_philox(counter, key, word);
    assert_true(d.key[0] == word[0] && d.key[1] == word[1] && d.threshold == 429496729u && d.scale == (float)(1 / 0.9));
    float x[1000], y[1000], again[1000];
    size_t n_kept = 0;
    for (int i = 0; i < 1000; i++)
        x[i] = 1;
    k->dropout(&d, 9, 11, 5, x, NULL, y, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t c = i + 5;
        counter[0] = c / 64 * 16 + c % 16, counter[1] = 11, counter[2] = 9, counter[3] = 0;
        tn_philox(counter, d.key, word);
        assert_true(y[i] == (word[c / 16 % 4] >= d.threshold ? d.scale : 0));
        n_kept += y[i] != 0;
    }
    assert_in_range(n_kept, 860, 940);
    k->dropout(&d, 9, 11, 105, x, x, again, 900); /* any slice of the token draws the same; the residual follows */
    for (int i = 0; i < 900; i++)
        assert_true(again[i] == y[i + 100] + 1);
    d = tn_dropout_at(0, 42, 7, 3);
    k->dropout(&d, 9, 11, 5, x, NULL, y, 1000);
    assert_memory_equal(x, y, sizeof x);
}

static void adamw_is_pytorchs(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    double lr = 1e-3, decay = 0.01, b1 = 0.9, b2 = 0.999, eps = 1e-8, w = 0.5, m = 0, v = 0, g = 0.3;
    float fw = 0.5f, fm = 0, fv = 0, fg = 0.6f;
    for (int t = 1; t <= 20; t++) {
        double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
        w *= 1 - lr * decay;
        m += (1 - b1) * (g - m);
        v = b2 * v + (1 - b2) * g * g;
        w -= lr / c1 * m / (sqrt(v) / sqrt(c2) + eps);
        tn_adamw a = {(float)(1 - lr * decay), (float)(lr / c1), (float)(1 - b1), (float)b2,
                      (float)(1 - b2),         (float)sqrt(c2),  (float)eps,      0.5f};
        k->adamw(&a, &fg, &fw, &fm, &fv, 1);
        NEAR(fw, w, 1e-6);
        NEAR(fm, m, 1e-7);
        g = -0.8 * g, fg = -0.8f * fg;
    }
}

static void halves_are_exact(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    static const struct {
        uint16_t half;
        float f16, bf16;
    } row[] = {
        {0x0000, 0, 0},
        {0x8000, -0.0f, -0.0f},
        {0x3c00, 1, 0x1p-7f},
        {0x0001, 0x1p-24f, 0x1p-133f},
        {0x03ff, 1023 * 0x1p-24f, 0x1.ffcp-120f},
        {0x7bff, 65504, 0x1.fep+120f},
        {0x7c00, INFINITY, 0x1p+121f},
        {0xc000, -2, -2},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        float a, b;
        k->f16_to_f32(&row[i].half, &a, 1);
        k->bf16_to_f32(&row[i].half, &b, 1);
        assert_memory_equal(&a, &row[i].f16, 4);
        uint32_t bits;
        memcpy(&bits, &b, 4);
        assert_int_equal(bits, (uint32_t)row[i].half << 16);
    }
}

static void pooling_and_cosine(void **state)
{
    const tn_kernels *k = tn_kernels_get(TN_ISA_REF);
    float x[] = {3, 4, 1, 0}, y[2];
    k->mean_rows(x, 2, 2, y);
    assert_true(y[0] == 2 && y[1] == 2);
    k->mean_rows(x, 0, 2, y);
    assert_true(y[0] == 0 && y[1] == 0);
    k->normalize(x, y, 2, 1e-12f);
    NEAR(y[0], 0.6, 1e-7);
    assert_true(k->cosine(x, x + 2, 2) == 0.6f);
    y[0] = y[1] = 0;
    assert_true(k->cosine(x, y, 2) == 0);
    k->normalize(y, y, 2, 1e-12f);
    assert_true(y[0] == 0);
}

static void names_and_rows_agree(void **state)
{
    tn_isa isa;
    assert_true(tn_isa_from_name("ref", &isa) && isa == TN_ISA_REF);
    assert_true(tn_isa_from_name("avx2", &isa) && isa == TN_ISA_AVX2);
    assert_true(tn_isa_from_name("avx512", &isa) && isa == TN_ISA_AVX512);
    assert_true(tn_isa_from_name("auto", &isa) && isa == tn_isa_detect());
    assert_true(tn_isa_from_name(NULL, &isa) && isa == tn_isa_detect());
    assert_false(tn_isa_from_name("AVX2", &isa) || tn_isa_from_name("", &isa));
    for (int i = TN_ISA_REF; i <= TN_ISA_AVX512; i++) {
        if (!tn_isa_has((tn_isa)i))
            continue;
        const tn_kernels *k = tn_kernels_get((tn_isa)i);
        assert_true(k->isa == (tn_isa)i);
        assert_string_equal(k->name, tn_isa_name((tn_isa)i));
        /* no entry of the table was forgotten */
        void *const *entry = (void *const *)(const void *)&k->sum;
        for (; (const char *)entry < (const char *)(k + 1); entry++)
            assert_non_null(*entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_rows_agree),
        cmocka_unit_test(every_row_has_the_bits_of_ref),
        cmocka_unit_test(sums_are_near_the_exact_ones),
        cmocka_unit_test(activations_are_near_their_definitions),
        cmocka_unit_test(layernorm_and_its_gradient),
        cmocka_unit_test(cross_entropy_and_its_gradient),
        cmocka_unit_test(weights_of_classes_and_smoothing),
        cmocka_unit_test(losses_of_flags_and_values),
        cmocka_unit_test(attention_and_its_gradient),
        cmocka_unit_test(sums_over_tokens_fold_by_shards),
        cmocka_unit_test(dropout_draws_the_words_of_the_header),
        cmocka_unit_test(adamw_is_pytorchs),
        cmocka_unit_test(halves_are_exact),
        cmocka_unit_test(pooling_and_cosine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
