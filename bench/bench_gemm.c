/* The matrix product in three orientations beside oneDNN's, a JSON line each.
 *
 *   bench_gemm [--clock wall|cpu] [--isa NAME] [--rounds N] [--threads N] [--kind forward|backward|grad|pack] [--m M]
 * [--shape OxI]
 *
 * The two take turns, a block of calls each; what is stated is the median over all calls, and the best. oneDNN runs two
 * ways (dnnl_sgemm; a matmul primitive whose weights are in the layout that it likes best, reordered once, as ours are
 * packed once), and the faster is the peer. A pause between the blocks lets the other's threads fall asleep. `--clock
 * cpu` counts the caller's processor time instead: for one thread on a machine that others use too. */
#include "base/mem.h"
#include "base/rng.h"
#include "num/gemm.h"
#include "num/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef TN_HAVE_DNNL
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#endif

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) != 0) {                                                                                             \
            fprintf(stderr, "bench_gemm: %s failed\n", #call);                                                         \
            exit(4);                                                                                                   \
        }                                                                                                              \
    } while (0)

enum kind { FORWARD, BACKWARD, GRAD, PACK, N_KINDS };
static const char *const kind_name[] = {"forward", "backward", "grad", "pack"};
enum { MAX_SAMPLES = 4000 };

/* One product, and everything that either side needs for it. */
typedef struct {
    enum kind kind;
    size_t m, o, i;
    float *x, *dy, *w, *out, *peer_out, *packed;
    tn_gemm *g;
    tn_gemm_packed b;
#ifdef TN_HAVE_DNNL
    dnnl_primitive_t matmul;
    dnnl_exec_arg_t args[3];
    dnnl_memory_t weights;
    dnnl_stream_t stream;
#endif
} job;

static void ours(job *j)
{
    const size_t start[] = {0, j->m / 4, j->m / 2, j->m * 3 / 4, j->m};
    switch (j->kind) {
    case FORWARD: tn_gemm_run(j->g, j->m, j->x, j->i, &j->b, j->out, j->o, false, NULL); break;
    case BACKWARD: tn_gemm_run(j->g, j->m, j->dy, j->o, &j->b, j->out, j->i, false, NULL); break;
    case GRAD:
        tn_gemm_grad(j->g, j->o, j->i, j->dy, j->o, j->x, j->i, &(tn_shards){4, start}, j->out, j->i, false);
        break;
    default: /* both copies, as after a step of the optimiser */
        tn_gemm_pack(j->g, TN_GEMM_FORWARD, j->w, j->i, j->o, j->i, j->packed);
        tn_gemm_pack(j->g, TN_GEMM_BACKWARD, j->w, j->i, j->o, j->i, j->out);
    }
}

#ifdef TN_HAVE_DNNL
static dnnl_engine_t engine;

static dnnl_memory_t memory(const dnnl_memory_desc_t *md, void *data)
{
    dnnl_memory_t mem;
    MUST(dnnl_memory_create(&mem, md, engine, data));
    return mem;
}

static dnnl_memory_desc_t plain(size_t rows, size_t columns, size_t step_row, size_t step_column)
{
    dnnl_memory_desc_t md;
    MUST(dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){(dnnl_dim_t)rows, (dnnl_dim_t)columns}, dnnl_f32,
                                          (dnnl_dims_t){(dnnl_dim_t)step_row, (dnnl_dim_t)step_column}));
    return md;
}

static void peer_new(job *j)
{
    size_t m = j->m, o = j->o, i = j->i;
    bool grad = j->kind == GRAD, forward = j->kind == FORWARD;
    dnnl_memory_desc_t src = grad ? plain(o, m, 1, o) : forward ? plain(m, i, i, 1) : plain(m, o, o, 1);
    dnnl_memory_desc_t own = grad ? plain(m, i, i, 1) : forward ? plain(i, o, 1, i) : plain(o, i, i, 1), weights = own;
    dnnl_memory_desc_t dst = grad ? plain(o, i, i, 1) : forward ? plain(m, o, o, 1) : plain(m, i, i, 1);
    if (!grad)
        MUST(dnnl_memory_desc_init_by_tag(&weights, 2, own.dims, dnnl_f32, dnnl_format_tag_any));
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd;
    MUST(dnnl_matmul_desc_init(&desc, &src, &weights, NULL, &dst));
    MUST(dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL));
    MUST(dnnl_primitive_create(&j->matmul, pd));
    MUST(dnnl_stream_create(&j->stream, engine, dnnl_stream_default_flags));
    dnnl_memory_t right = memory(&own, grad ? j->x : j->w);
    if (!grad) {
        dnnl_primitive_desc_t rpd;
        dnnl_primitive_t reorder;
        const dnnl_memory_desc_t *best = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        dnnl_memory_t packed = memory(best, DNNL_MEMORY_ALLOCATE);
        MUST(dnnl_reorder_primitive_desc_create(&rpd, &own, engine, best, engine, NULL));
        MUST(dnnl_primitive_create(&reorder, rpd));
        MUST(dnnl_primitive_execute(reorder, j->stream, 2,
                                    (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, right}, {DNNL_ARG_TO, packed}}));
        dnnl_stream_wait(j->stream);
        dnnl_primitive_destroy(reorder);
        dnnl_primitive_desc_destroy(rpd);
        dnnl_memory_destroy(right);
        right = packed;
    }
    j->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory(&src, grad || !forward ? j->dy : j->x)};
    j->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, right};
    j->args[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, memory(&dst, j->peer_out)};
    dnnl_primitive_desc_destroy(pd);
}

static void peer_free(job *j)
{
    for (int i = 0; i < 3; i++)
        dnnl_memory_destroy(j->args[i].memory);
    dnnl_primitive_destroy(j->matmul);
    dnnl_stream_destroy(j->stream);
}

static void peer_matmul(job *j)
{
    dnnl_primitive_execute(j->matmul, j->stream, 3, j->args);
    dnnl_stream_wait(j->stream);
}

static void peer_sgemm(job *j)
{
    dnnl_dim_t m = (dnnl_dim_t)j->m, o = (dnnl_dim_t)j->o, i = (dnnl_dim_t)j->i;
    if (j->kind == FORWARD)
        dnnl_sgemm('N', 'T', m, o, i, 1, j->x, i, j->w, i, 0, j->peer_out, o);
    else if (j->kind == BACKWARD)
        dnnl_sgemm('N', 'N', m, i, o, 1, j->dy, o, j->w, i, 0, j->peer_out, i);
    else
        dnnl_sgemm('T', 'N', o, i, m, 1, j->dy, o, j->x, i, 0, j->peer_out, i);
}
#endif

typedef struct {
    double s[MAX_SAMPLES];
    size_t n;
} samples;

static clockid_t the_clock = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(the_clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void block(void (*fn)(job *), job *j, double seconds, samples *out)
{
    usleep(15000);
    fn(j);
    for (double begin = now(), t0 = begin; out->n < MAX_SAMPLES && t0 - begin < seconds;) {
        fn(j);
        double t1 = now();
        out->s[out->n++] = t1 - t0;
        t0 = t1;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(samples *s)
{
    qsort(s->s, s->n, sizeof *s->s, ascending);
    return s->s[s->n / 2];
}

static float *matrix(tn_rng *r, size_t n)
{
    float *p = tn_mem_alloc_aligned(n * sizeof *p, 64);
    if (!p)
        exit(3);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(tn_rng_f64(r) - 0.5);
    return p;
}

static const struct {
    size_t o, i;
} layers[] = {{384, 384}, {1152, 384}, {1536, 384}, {384, 1536}, {768, 768}, {2304, 768}, {3072, 768}, {768, 3072}};
static const size_t row_counts[] = {16, 128, 1280};

int main(int argc, char **argv)
{
    tn_isa isa = tn_isa_detect();
    size_t rounds = 5, only_threads = 0, only_m = 0, only_o = 0, only_i = 0;
    const char *only_kind = NULL;
    double log_sum[3] = {0}, worst[3] = {9, 9, 9};
    size_t n_lines[3] = {0};
    for (int k = 1; k + 1 < argc; k += 2) {
        if (!strcmp(argv[k], "--isa") && tn_isa_from_name(argv[k + 1], &isa))
            continue;
        if (!strcmp(argv[k], "--clock"))
            the_clock = strcmp(argv[k + 1], "cpu") ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
        else if (!strcmp(argv[k], "--rounds"))
            rounds = strtoul(argv[k + 1], NULL, 10);
        else if (!strcmp(argv[k], "--threads"))
            only_threads = strtoul(argv[k + 1], NULL, 10);
        else if (!strcmp(argv[k], "--m"))
            only_m = strtoul(argv[k + 1], NULL, 10);
        else if (!strcmp(argv[k], "--kind"))
            only_kind = argv[k + 1];
        else if (!strcmp(argv[k], "--shape") && sscanf(argv[k + 1], "%zux%zu", &only_o, &only_i) == 2)
            continue;
        else
            return fprintf(stderr, "bench_gemm: cannot read %s %s\n", argv[k], argv[k + 1]), 2;
    }
#ifdef TN_HAVE_DNNL
    MUST(dnnl_engine_create(&engine, dnnl_cpu, 0));
#endif
    for (size_t threads = 1; threads <= 2; threads++) {
        tn_pool *pool;
        tn_gemm *g;
        tn_err err = TN_ERR_INIT;
        if (only_threads && threads != only_threads)
            continue;
        if (tn_pool_new((int)threads, &pool, &err) != TN_OK || tn_gemm_new(pool, isa, &g, &err) != TN_OK)
            return fprintf(stderr, "bench_gemm: %s\n", err.msg), tn_exit_code(err.status);
#ifdef TN_HAVE_DNNL
        omp_set_num_threads((int)threads);
#endif
        for (size_t t = 0; t < N_KINDS * TN_COUNT(layers) * TN_COUNT(row_counts); t++) {
            job j = {.kind = t % N_KINDS, .g = g, .o = layers[t / N_KINDS % TN_COUNT(layers)].o};
            j.i = layers[t / N_KINDS % TN_COUNT(layers)].i;
            size_t which_m = t / N_KINDS / TN_COUNT(layers);
            j.m = only_m ? only_m : row_counts[which_m];
            if ((only_m && which_m) || (only_o && (j.o != only_o || j.i != only_i)) || (j.kind == PACK && which_m) ||
                (only_kind && strcmp(only_kind, kind_name[j.kind]) != 0))
                continue;
            size_t floats = j.o * j.i > j.m * j.o ? j.o * j.i : j.m * j.o;
            floats = floats > j.m * j.i ? floats : j.m * j.i;
            tn_rng rng = tn_rng_init(1, t);
            j.x = matrix(&rng, j.m * j.i), j.dy = matrix(&rng, j.m * j.o), j.w = matrix(&rng, j.o * j.i);
            j.out = matrix(&rng, floats), j.peer_out = matrix(&rng, floats);
            tn_gemm_use use = j.kind == BACKWARD ? TN_GEMM_BACKWARD : TN_GEMM_FORWARD;
            j.packed = matrix(&rng, tn_gemm_pack_floats(use, j.o, j.i));
            j.b = tn_gemm_pack(g, use, j.w, j.i, j.o, j.i, j.packed);

            static samples us, matmul, sgemm;
            us.n = matmul.n = sgemm.n = 0;
            double work = j.kind == PACK ? 16.0 * (double)(j.o * j.i) : 2.0 * (double)j.m * (double)j.o * (double)j.i;
            double seconds = 0.02 + 4 * work / 80e9;
#ifdef TN_HAVE_DNNL
            if (j.kind != PACK)
                peer_new(&j);
#endif
            for (size_t r = 0; r < rounds; r++) {
                block(ours, &j, seconds, &us);
#ifdef TN_HAVE_DNNL
                if (j.kind != PACK) {
                    block(peer_matmul, &j, seconds, &matmul);
                    block(peer_sgemm, &j, seconds, &sgemm);
                }
#endif
            }
            double mine = work / median(&us) / 1e9;
            printf("{\"bench\":\"gemm\",\"kind\":\"%s\",\"m\":%zu,\"o\":%zu,\"i\":%zu,\"threads\":%zu,\"isa\":\"%s\",",
                   kind_name[j.kind], j.m, j.o, j.i, threads, tn_isa_name(isa));
            printf(j.kind == PACK ? "\"gbytes\":%.1f,\"best\":%.1f" : "\"gflops\":%.1f,\"best\":%.1f", mine,
                   work / us.s[0] / 1e9);
#ifdef TN_HAVE_DNNL
            if (j.kind != PACK) {
                double a = work / median(&matmul) / 1e9, b = work / median(&sgemm) / 1e9;
                samples *best = a > b ? &matmul : &sgemm;
                double theirs = a > b ? a : b, ratio = mine / theirs;
                printf(",\"peer\":\"oneDNN %d.%d.%d %s\",\"peer_gflops\":%.1f,\"peer_best\":%.1f,\"peer_other\":%.1f,"
                       "\"ratio\":%.3f",
                       DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH, a > b ? "matmul" : "sgemm", theirs,
                       work / best->s[0] / 1e9, a > b ? b : a, ratio);
                size_t k = which_m < 3 && !only_m ? which_m : 0;
                log_sum[k] += log(ratio);
                worst[k] = ratio < worst[k] ? ratio : worst[k];
                n_lines[k]++;
                double off = 0, size = 0;
                for (size_t e = 0; e < (j.kind == GRAD ? j.o * j.i : j.kind == FORWARD ? j.m * j.o : j.m * j.i); e++) {
                    off = fmax(off, fabs((double)j.out[e] - (double)j.peer_out[e]));
                    size = fmax(size, fabs((double)j.peer_out[e]));
                }
                if (!(off <= 1e-4 * size))
                    return fprintf(stderr, "bench_gemm: results differ by %g of %g\n", off, size), 4;
                peer_free(&j);
            }
#endif
            printf("}\n");
            fflush(stdout);
            tn_mem_free(j.x), tn_mem_free(j.dy), tn_mem_free(j.w), tn_mem_free(j.out), tn_mem_free(j.peer_out);
            tn_mem_free(j.packed);
        }
        tn_gemm_free(g);
        tn_pool_free(pool);
    }
    for (size_t k = 0; k < 3; k++)
        if (n_lines[k])
            printf("{\"bench\":\"gemm\",\"summary\":\"m=%zu\",\"lines\":%zu,\"ratio_geomean\":%.3f,\"ratio_worst\":%."
                   "3f}\n",
                   only_m ? only_m : row_counts[k], n_lines[k], exp(log_sum[k] / (double)n_lines[k]), worst[k]);
    return 0;
}
