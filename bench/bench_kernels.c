/* How fast each kernel is on one thread, a row of the table at a time: JSON lines {kernel, isa, shape, us, ns_element,
 * gb_s, gflop_s}. gb_s counts each input and output once; gflop_s the products of attention only.
 *
 *     bench_kernels [KERNEL]      sizes of MiniLM: 384 wide, 12 heads of 32, feed-forward 1536, 1,280 tokens */
#include "base/mem.h"
#include "num/kernels.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TOKENS = 1280, C = 384, FEED = 1536, FLOATS = TOKENS * FEED };

static float *x, *y, *z, *w, *scratch;
static size_t T, d;
static tn_dropout drop, no_drop;
static size_t start[5] = {0, 320, 640, 960, TOKENS};
static tn_shards shards = {4, start};

static void gelu(const tn_kernels *k)
{
    k->gelu(x, y, FLOATS);
}
static void gelu_backward(const tn_kernels *k)
{
    k->gelu_backward(z, x, y, FLOATS);
}
static void gelu_row(const tn_kernels *k)
{
    for (int i = 0; i < TOKENS; i++)
        k->gelu(x, y, FEED);
}
static void gelu_backward_row(const tn_kernels *k)
{
    for (int i = 0; i < TOKENS; i++)
        k->gelu_backward(z, x, y, FEED);
}
static void tanh_(const tn_kernels *k)
{
    k->tanh(x, y, FLOATS);
}
static void exp_(const tn_kernels *k)
{
    k->exp(x, y, FLOATS);
}
static void bias(const tn_kernels *k)
{
    k->bias(x, z, y, TOKENS, FEED);
}
static void sum(const tn_kernels *k)
{
    y[0] = (float)k->sum(x, FLOATS);
}
static void sum_squares(const tn_kernels *k)
{
    y[0] = (float)k->sum_squares(x, FLOATS);
}
static void layernorm(const tn_kernels *k)
{
    k->layernorm(&(tn_layernorm){TOKENS, C, x, NULL, NULL, z, z, 1e-12f, y, w, w + TOKENS});
}
static void layernorm_residual(const tn_kernels *k)
{
    k->layernorm(&(tn_layernorm){TOKENS, C, x, z, w + 2 * TOKENS, z, z, 1e-12f, y, w, w + TOKENS});
}
static void layernorm_dx(const tn_kernels *k)
{
    k->layernorm_dx(&(tn_layernorm_dx){TOKENS, C, z, x, z, w, w + TOKENS, y});
}
static void layernorm_dparams(const tn_kernels *k)
{
    k->layernorm_dparams(&(tn_layernorm_dparams){C, 0, C, z, x, w, w + TOKENS, &shards, y, y + C});
}
static void dropout(const tn_kernels *k)
{
    for (uint32_t i = 0; i < TOKENS; i++)
        k->dropout(&drop, i, 0, 0, x + i * C, z + i * C, y + i * C, C);
}
static void column_sums(const tn_kernels *k)
{
    k->column_sums(x, FEED, &shards, FEED, y);
}
static void softmax(const tn_kernels *k)
{
    for (int i = 0; i < TOKENS; i++)
        k->softmax(x + i * C, y + i * C, C);
}
static void adamw(const tn_kernels *k)
{
    tn_adamw a = {1, 1e-6f, 0.1f, 0.999f, 0.001f, 0.5f, 1e-8f, 1};
    k->adamw(&a, x, y, z, w, FLOATS);
}
static tn_attention one_head(const tn_dropout *p)
{
    return (tn_attention){.T = T,
                          .d = d,
                          .q = x,
                          .k = x + C,
                          .v = x + 2 * C,
                          .ld = 3 * C,
                          .o = y,
                          .ld_o = C,
                          .max = w,
                          .sum = w + T,
                          .scale = 0.17f,
                          .dropout = p,
                          .scratch = scratch};
}
static void heads(const tn_kernels *k, const tn_dropout *p, bool backward)
{
    for (uint32_t h = 0; h < C / d; h++) {
        tn_attention a = one_head(p);
        a.head = h, a.q += h * d, a.k += h * d, a.v += h * d, a.o += h * d;
        if (!backward)
            k->attention(&a);
        else
            k->attention_grad(&(tn_attention_grad){a, z + h * d, w + 4096 + h * d, w + 4096 + C + h * d,
                                                   w + 4096 + 2 * C + h * d, 3 * C});
    }
}
static void attention(const tn_kernels *k)
{
    heads(k, &no_drop, false);
}
static void attention_dropout(const tn_kernels *k)
{
    heads(k, &drop, false);
}
static void attention_grad(const tn_kernels *k)
{
    heads(k, &no_drop, true);
}
static void attention_grad_dropout(const tn_kernels *k)
{
    heads(k, &drop, true);
}

static const struct {
    const char *name;
    void (*run)(const tn_kernels *k);
    double elements, arrays; /* arrays read or written once each */
    int attention;           /* products of T*T*d multiply-adds a head */
} row[] = {
    {"gelu", gelu, FLOATS, 2, 0},
    {"gelu_in_cache", gelu_row, FLOATS, 2, 0},
    {"gelu_backward", gelu_backward, FLOATS, 3, 0},
    {"gelu_backward_in_cache", gelu_backward_row, FLOATS, 3, 0},
    {"exp", exp_, FLOATS, 2, 0},
    {"tanh", tanh_, FLOATS, 2, 0},
    {"bias", bias, FLOATS, 2, 0},
    {"sum", sum, FLOATS, 1, 0},
    {"sum_squares", sum_squares, FLOATS, 1, 0},
    {"layernorm", layernorm, TOKENS *C, 2, 0},
    {"layernorm_residual", layernorm_residual, TOKENS *C, 4, 0},
    {"layernorm_dx", layernorm_dx, TOKENS *C, 3, 0},
    {"layernorm_dparams", layernorm_dparams, TOKENS *C, 2, 0},
    {"dropout_residual", dropout, TOKENS *C, 3, 0},
    {"column_sums", column_sums, FLOATS, 1, 0},
    {"softmax", softmax, TOKENS *C, 2, 0},
    {"adamw", adamw, FLOATS, 7, 0},
    {"attention", attention, 0, 0, 2},
    {"attention_dropout", attention_dropout, 0, 0, 2},
    {"attention_grad", attention_grad, 0, 0, 5},
    {"attention_grad_dropout", attention_grad_dropout, 0, 0, 5},
};

/* Of this thread: what other programs do in between does not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(const tn_kernels *k, size_t i)
{
    double best = 1e9, begin = cpu_seconds();
    for (int n = 0; n < 5 || (cpu_seconds() - begin < 0.1 && n < 2000); n++) {
        double t = cpu_seconds();
        row[i].run(k);
        t = cpu_seconds() - t;
        best = t < best ? t : best;
    }
    printf("{\"bench\": \"kernels\", \"kernel\": \"%s\", \"isa\": \"%s\", ", row[i].name, k->name);
    if (row[i].attention) {
        double macs = (double)(T * T * d) * row[i].attention * (C / (double)d),
               pairs = (double)(T * T) * (C / (double)d);
        printf("\"T\": %zu, \"d\": %zu, \"us\": %.1f, \"ns_pair\": %.3f, \"gflop_s\": %.1f}\n", T, d, best * 1e6,
               best * 1e9 / pairs, 2e-9 * macs / best);
    } else {
        printf("\"elements\": %.0f, \"us\": %.1f, \"ns_element\": %.3f, \"gb_s\": %.1f}\n", row[i].elements, best * 1e6,
               best * 1e9 / row[i].elements, 4e-9 * row[i].elements * row[i].arrays / best);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    float **array[] = {&x, &y, &z, &w};
    for (int a = 0; a < 4; a++) {
        *array[a] = tn_mem_alloc_aligned((FLOATS + 8192) * sizeof(float), 64);
        for (size_t i = 0; i < FLOATS + 8192; i++)
            (*array[a])[i] = (float)(i * 2654435761u % 4001) * 0.001f - (a == 3 ? 0 : 2);
    }
    scratch = tn_mem_alloc_aligned(tn_attention_scratch(512, 64) * sizeof(float), 64);
    drop = tn_dropout_at(0.1, 1, 2, 3);
    no_drop = tn_dropout_at(0, 1, 2, 3);
    for (int isa = TN_ISA_REF; isa <= TN_ISA_AVX512; isa++) {
        if (!tn_isa_has((tn_isa)isa))
            continue;
        const tn_kernels *k = tn_kernels_get((tn_isa)isa);
        for (size_t i = 0; i < TN_COUNT(row); i++) {
            if (argc > 1 && !strstr(row[i].name, argv[1]))
                continue;
            static const size_t shape[][2] = {{16, 32}, {40, 32}, {64, 32}, {128, 32}, {40, 64}, {512, 64}};
            for (size_t s = 0; s < (row[i].attention ? TN_COUNT(shape) : 1); s++) {
                T = shape[s][0], d = shape[s][1];
                if (row[i].attention && isa == TN_ISA_REF && T > 64)
                    continue;
                measure(k, i);
            }
        }
    }
    return 0;
}
