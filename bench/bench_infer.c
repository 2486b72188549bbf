/* How fast a model answers, a JSON line each: one row of 16, 64 and 128 tokens (p50, p95 of N calls), and 32 rows of review-like
 * lengths in the order in which they come (tokens a second).
 *
 *     bench_infer MODEL [THREADS [SECONDS [ISA]]]    an encoder: pooled states; seconds a line, 2 by default
 *
 * cpu_ms is the time of all threads of a call, waiting in spins included. */
#include "base/clock.h"
#include "base/fmath.h"
#include "base/rng.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_CALLS = 100000, ROWS = 32, BATCHES = 20, MAX_TOKENS = 128 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void fill(tn_rng *r, const tn_model *m, int32_t *ids, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        ids[i] = (int32_t)tn_rng_below(r, (uint64_t)tn_model_config(m)->vocab_size);
}

static tn_status one_row(tn_model *m, int32_t tokens, double seconds, float *out, tn_err *err)
{
    static double ms[MAX_CALLS];
    int32_t ids[MAX_TOKENS], start[] = {0, tokens};
    tn_rng r = tn_rng_init(1, (uint64_t)tokens);
    fill(&r, m, ids, tokens);
    tn_batch b = {.n_rows = 1, .start = start, .ids = ids};
    for (int i = 0; i < 20; i++)
        TN_TRY(tn_model_embed(m, &b, out, err));
    size_t n = 0;
    double begin = tn_clock_seconds(), cpu = cpu_seconds();
    while (n < MAX_CALLS && (n < 50 || tn_clock_seconds() - begin < seconds)) {
        double at = tn_clock_seconds();
        TN_TRY(tn_model_embed(m, &b, out, err));
        ms[n++] = (tn_clock_seconds() - at) * 1000;
    }
    cpu = (cpu_seconds() - cpu) * 1000 / (double)n;
    qsort(ms, n, sizeof *ms, by_value);
    printf("{\"bench\": \"infer\", \"peer\": \"tenet\", \"form\": \"%s\", \"rows\": 1, \"tokens\": %d, \"threads\": %d, \"isa\": \"%s\", \"p50_ms\": %.3f, "
           "\"p95_ms\": %.3f, \"least_ms\": %.3f, \"cpu_ms\": %.3f, \"n\": %zu}\n",
           tn_model_config(m)->in_bytes ? "int8" : "f32", (int)tokens, tn_engine_threads(tn_model_engine(m)),
           tn_engine_isa(tn_model_engine(m)), ms[n / 2], ms[n * 95 / 100], ms[0], cpu, n);
    fflush(stdout);
    return TN_OK;
}

static tn_status many_rows(tn_model *m, double seconds, float *out, tn_err *err)
{
    static int32_t ids[BATCHES][ROWS * MAX_TOKENS], start[BATCHES][ROWS + 1];
    tn_rng r = tn_rng_init(2, 0);
    double tokens = 0, cpu = 0, spent = 0;
    for (int k = 0; k < BATCHES; k++) {
        for (int b = 0; b < ROWS; b++) {
            double z = sqrt(-2 * tn_log(1 - tn_rng_f64(&r))) * tn_cos(6.283185307179586 * tn_rng_f64(&r));
            double n = tn_exp(3.5 + 0.6 * z); /* a mean of 40 */
            start[k][b + 1] = start[k][b] + (int32_t)(n < 4 ? 4 : n > MAX_TOKENS ? MAX_TOKENS : n);
        }
        fill(&r, m, ids[k], start[k][ROWS]);
    }
    for (int k = -2, n = 0; k < BATCHES && (n < BATCHES || spent < seconds); k = k + 1 == BATCHES ? 0 : k + 1) {
        int at = k < 0 ? 0 : k;
        tn_batch b = {.n_rows = ROWS, .start = start[at], .ids = ids[at]};
        double before = cpu_seconds(), begin = tn_clock_seconds();
        TN_TRY(tn_model_embed(m, &b, out, err));
        if (k < 0)
            continue;
        spent += tn_clock_seconds() - begin;
        cpu += cpu_seconds() - before;
        tokens += start[at][ROWS];
        n++;
    }
    printf("{\"bench\": \"infer\", \"peer\": \"tenet\", \"form\": \"%s\", \"rows\": %d, \"threads\": %d, \"isa\": \"%s\", \"tokens_per_s\": %.0f, "
           "\"tokens_per_cpu_s\": %.0f}\n",
           tn_model_config(m)->in_bytes ? "int8" : "f32", (int)ROWS, tn_engine_threads(tn_model_engine(m)),
           tn_engine_isa(tn_model_engine(m)), tokens / spent, tokens / cpu);
    return TN_OK;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    tn_engine *e = NULL;
    tn_model *m = NULL;
    float *out = NULL;
    tn_status st = TN_OK;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_infer MODEL [THREADS [SECONDS [ISA]]]\n");
        return 2;
    }
    double seconds = argc > 3 ? atof(argv[3]) : 2;
    TN_GO(tn_engine_new(argc > 2 ? atoi(argv[2]) : 0, argc > 4 ? argv[4] : NULL, &e, &err));
    TN_GO(tn_model_open(e, argv[1], &(tn_model_options){.encoder_only = true}, &m, &err));
    out = calloc((size_t)ROWS * (size_t)tn_model_config(m)->hidden_size, sizeof *out);
    for (int32_t tokens = 16; out && tokens <= 128; tokens = tokens == 16 ? 64 : 2 * tokens)
        TN_GO(one_row(m, tokens, seconds, out, &err));
    if (out)
        TN_GO(many_rows(m, seconds, out, &err));
done:
    if (st != TN_OK)
        fprintf(stderr, "%s\n", err.msg);
    free(out);
    tn_model_close(m);
    tn_engine_free(e);
    return tn_exit_code(st);
}
