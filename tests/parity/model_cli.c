/* What the parity scripts of models ask: MODEL and rows in, raw floats out. Rows are JSON lines: {"text": ..., "pair": ...}
 * or {"ids": [...], "types": [...], "chosen": [...], "target": ...}. A target is a class, a list of numbers, a class a token,
 * or [first, last], by the model's task; without targets row i has the class i % 3. The first row may have "weights" and
 * "smoothing" of the loss.
 *
 *   model_cli embed|logits|predict|grad MODEL ROWS OUT [THREADS [ISA]]
 *   model_cli save MODEL OUT [task=tokens|spans|masked] [problem=multi|regression] LABEL...
 *   model_cli bytes MODEL OUT                       8-bit weights
 *   model_cli names MODEL                           of the parameters, in the order of `grad`
 *   model_cli bench MODEL STEPS [THREADS [ISA]]     training steps of 32 rows with a mean of 40 tokens */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fmath.h"
#include "base/file.h"
#include "base/rng.h"
#include "model/model.h"

enum { MAX_ROWS = 4096 };

typedef TN_VEC(int32_t) numbers;
typedef TN_VEC(float) reals;

typedef struct {
    int32_t n_rows, start[MAX_ROWS + 1];
    numbers ids, types, chosen, label, first, last;
    reals value, weight;
    double smoothing;
    tn_str text[MAX_ROWS], pair[MAX_ROWS];
    bool is_text, is_pair;
} rows;

static tn_status push_list(const tn_json *list, int32_t plus, numbers *out, tn_err *err)
{
    for (const tn_json *e = tn_json_first(list); e; e = tn_json_next(e)) {
        int64_t v = -1;
        tn_json_i64(e, &v);
        if (!TN_PUSH(out, (int32_t)v + plus))
            return tn_fail_nomem(err, 4);
    }
    return TN_OK;
}

static tn_status push_reals(const tn_json *list, reals *out, tn_err *err)
{
    for (const tn_json *e = tn_json_first(list); e; e = tn_json_next(e)) {
        double v = 0;
        tn_json_f64(e, &v);
        if (!TN_PUSH(out, (float)v))
            return tn_fail_nomem(err, 4);
    }
    return TN_OK;
}

static tn_status read_target(const tn_model *m, const tn_json *row, rows *out, tn_err *err)
{
    const tn_json *v = tn_json_get(row, "target");
    int64_t label = out->n_rows % 3, first = 0, last = 0;
    switch (v ? tn_model_target(m) : TN_TARGET_CLASS) {
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: return push_reals(v, &out->value, err);
    case TN_TARGET_TOKENS: return push_list(v, 0, &out->label, err);
    case TN_TARGET_SPANS:
        tn_json_i64(tn_json_first(v), &first);
        tn_json_i64(tn_json_next(tn_json_first(v)), &last);
        return TN_PUSH(&out->first, (int32_t)first) && TN_PUSH(&out->last, (int32_t)last) ? TN_OK : tn_fail_nomem(err, 4);
    case TN_TARGET_CLASS:
    case TN_TARGET_NONE: break;
    }
    tn_json_i64(v, &label);
    return TN_PUSH(&out->label, (int32_t)label) ? TN_OK : tn_fail_nomem(err, 4);
}

static tn_status read_text(const tn_model *m, const tn_json *row, tn_arena *a, rows *out, tn_err *err)
{
    tn_model_row r;
    const tn_json *pair = tn_json_get(row, "pair");
    out->is_text = true;
    out->is_pair |= pair != NULL;
    out->text[out->n_rows] = tn_json_str(tn_json_get(row, "text"));
    out->pair[out->n_rows] = pair ? tn_json_str(pair) : (tn_str){0};
    TN_TRY(tn_model_encode_row(m, out->text[out->n_rows], out->pair[out->n_rows], 0, a, &r, err));
    for (int32_t i = 0; i < r.n; i++)
        if (!TN_PUSH(&out->ids, r.ids[i]) || !TN_PUSH(&out->types, r.type_id ? r.type_id[i] : 0))
            return tn_fail_nomem(err, 4);
    return TN_OK;
}

static tn_status read_rows(const tn_model *m, const char *path, tn_arena *a, rows *out, tn_err *err)
{
    tn_bytes file;
    TN_TRY(tn_file_read(path, (size_t)1 << 28, a, &file, err));
    tn_str rest = tn_str_from_bytes(file), line;
    while (tn_str_cut(&rest, '\n', &line) && line.len && out->n_rows < MAX_ROWS) {
        const tn_json *v;
        TN_TRY(tn_json_parse(line, a, &v, err));
        if (out->n_rows == 0) {
            TN_TRY(push_reals(tn_json_get(v, "weights"), &out->weight, err));
            tn_json_f64(tn_json_get(v, "smoothing"), &out->smoothing);
        }
        if (tn_json_get(v, "text"))
            TN_TRY(read_text(m, v, a, out, err));
        TN_TRY(push_list(tn_json_get(v, "chosen"), (int32_t)out->ids.len, &out->chosen, err));
        TN_TRY(push_list(tn_json_get(v, "ids"), 0, &out->ids, err));
        TN_TRY(push_list(tn_json_get(v, "types"), 0, &out->types, err));
        TN_TRY(read_target(m, v, out, err));
        out->start[++out->n_rows] = (int32_t)out->ids.len;
    }
    return TN_OK;
}

static tn_status write_floats(FILE *f, const float *x, size_t n, tn_err *err)
{
    return fwrite(x, sizeof *x, n, f) == n ? TN_OK : tn_fail_errno(err, "cannot write");
}

static tn_status write_grad(tn_model *m, const tn_batch *b, const rows *x, FILE *f, tn_err *err)
{
    int32_t n = b->n_rows, shard[5] = {0, n / 4, n / 2, 3 * n / 4, n};
    tn_train_batch batch = {.batch = *b,
                            .target = {tn_model_target(m), x->label.ptr, x->value.ptr, x->first.ptr, x->last.ptr},
                            .loss = {.class_weight = x->weight.ptr, .smoothing = x->smoothing},
                            .n_shards = 4,
                            .shard = shard};
    tn_train_result r;
    TN_TRY(tn_model_backward(m, &batch, &r, err));
    float loss = (float)r.loss;
    TN_TRY(write_floats(f, &loss, 1, err));
    size_t n_params;
    const tn_param *p = tn_model_params(m, &n_params);
    for (size_t i = 0; i < n_params; i++) {
        if (!p[i].sparse) {
            TN_TRY(write_floats(f, p[i].grad, p[i].size, err));
            continue;
        }
        float *dense = calloc(p[i].size, sizeof *dense);
        for (int32_t k = 0; k < p[i].n_grad_rows; k++)
            memcpy(dense + p[i].grad_row[k] * p[i].dim[1], p[i].grad + k * p[i].dim[1],
                   (size_t)p[i].dim[1] * sizeof *dense);
        tn_status st = write_floats(f, dense, p[i].size, err);
        free(dense);
        TN_TRY(st);
    }
    return TN_OK;
}

static tn_status answer(tn_engine *e, char **argv, tn_err *err)
{
    static rows r;
    const char *what = argv[1];
    bool embed = strcmp(what, "embed") == 0, grad = strcmp(what, "grad") == 0, predict = strcmp(what, "predict") == 0;
    tn_model *m = NULL;
    tn_arena *a = tn_arena_new(0);
    FILE *f = NULL;
    float *out = NULL;
    tn_status st;
    TN_GO(tn_model_open(e, argv[2], &(tn_model_options){.train = grad, .encoder_only = embed}, &m, err));
    TN_GO(read_rows(m, argv[3], a, &r, err));
    tn_batch b = {.n_rows = r.n_rows,
                  .start = r.start,
                  .ids = r.ids.ptr,
                  .type_id = r.types.len && tn_model_uses_types(m) ? r.types.ptr : NULL,
                  .n_chosen = (int32_t)r.chosen.len,
                  .chosen = r.chosen.ptr};
    size_t n = embed ? (size_t)r.n_rows * (size_t)tn_model_config(m)->hidden_size : tn_model_n_logits(m, &b);
    out = calloc(n + 1, sizeof *out);
    if (!(f = fopen(argv[4], "wb")))
        TN_GO(tn_fail_errno(err, "cannot write %s", argv[4]));
    if (grad) {
        TN_GO(write_grad(m, &b, &r, f, err));
        goto done;
    }
    if (embed)
        TN_GO(r.is_text ? tn_model_embed_texts(m, r.text, (size_t)r.n_rows, out, NULL, err)
                        : tn_model_embed(m, &b, out, err));
    else if (predict && r.is_text)
        TN_GO(tn_model_predict_pairs(m, r.text, r.is_pair ? r.pair : NULL, (size_t)r.n_rows, out, NULL, err));
    else
        TN_GO(tn_model_logits(m, &b, out, err));
    if (predict && !r.is_text)
        tn_model_scores(m, out, (int32_t)(n / (size_t)tn_model_width(m)));
    st = write_floats(f, out, n, err);
done:
    if (f)
        fclose(f);
    free(out);
    tn_model_close(m);
    tn_arena_free(a);
    return st;
}

static tn_status save(tn_engine *e, int argc, char **argv, tn_err *err)
{
    static tn_str label[64];
    tn_model_options o = {.label = label};
    static const struct {
        const char *word;
        tn_task task;
        tn_problem problem;
    } words[] = {{"task=tokens", TN_TASK_TOKENS, 0},
                 {"task=spans", TN_TASK_SPANS, 0},
                 {"task=masked", TN_TASK_MASKED, 0},
                 {"problem=multi", TN_TASK_SEQUENCE, TN_PROBLEM_MULTI_LABEL},
                 {"problem=regression", TN_TASK_SEQUENCE, TN_PROBLEM_REGRESSION}};
    for (int i = 4; i < argc && o.n_labels < 64; i++) {
        size_t w = 0;
        while (w < TN_COUNT(words) && strcmp(argv[i], words[w].word) != 0)
            w++;
        if (w == TN_COUNT(words))
            label[o.n_labels++] = tn_str_of(argv[i]);
        else
            o.task = words[w].task, o.problem = words[w].problem;
    }
    tn_model *m;
    size_t n_fresh, n_ignored;
    TN_TRY(tn_model_open(e, argv[2], &o, &m, err));
    const tn_str *fresh = tn_model_fresh(m, &n_fresh), *ignored = tn_model_ignored(m, &n_ignored);
    for (size_t i = 0; i < n_fresh; i++)
        printf("fresh %.*s\n", TN_ARG(fresh[i]));
    for (size_t i = 0; i < n_ignored; i++)
        printf("ignored %.*s\n", TN_ARG(ignored[i]));
    tn_status st = tn_model_save(m, argv[3], err);
    tn_model_close(m);
    return st;
}

static tn_status names(tn_engine *e, const char *dir, tn_err *err)
{
    tn_model *m;
    size_t n;
    TN_TRY(tn_model_open(e, dir, &(tn_model_options){.train = true}, &m, err));
    const tn_param *p = tn_model_params(m, &n);
    for (size_t i = 0; i < n; i++)
        printf("%.*s\n", TN_ARG(p[i].name));
    tn_model_close(m);
    return TN_OK;
}

/* A folder without a trained head is saved as an encoder. */
static tn_status bytes(tn_engine *e, char **argv, tn_err *err)
{
    tn_model *m;
    size_t n_fresh;
    TN_TRY(tn_model_open(e, argv[2], NULL, &m, err));
    tn_model_fresh(m, &n_fresh);
    if (n_fresh > 0) {
        tn_model_close(m);
        TN_TRY(tn_model_open(e, argv[2], &(tn_model_options){.encoder_only = true}, &m, err));
    }
    tn_status st = tn_model_save_in_bytes(m, argv[3], err);
    tn_model_close(m);
    return st;
}

/* Lengths log-normal with a mean of 40, clipped to 4..128: reviews. */
static tn_status bench(tn_engine *e, char **argv, tn_err *err)
{
    enum { B = 32 };
    const tn_str label[] = {TN_STR("a"), TN_STR("b"), TN_STR("c")};
    tn_model *m;
    TN_TRY(tn_model_open(e, argv[2], &(tn_model_options){.train = true, .n_labels = 3, .label = label}, &m, err));
    static int32_t ids[B * 128], labels[B], start[B + 1], shard[] = {0, 8, 16, 24, 32};
    tn_rng r = tn_rng_init(0, 0);
    double seconds = 0, tokens = 0, forward = 0;
    float logits[B * 3];
    for (int step = 0, n = atoi(argv[3]); step < n; step++) {
        for (int b = 0; b < B; b++) {
            double z = sqrt(-2 * tn_log(1 - tn_rng_f64(&r))) * tn_cos(6.283185307179586 * tn_rng_f64(&r));
            double len = tn_exp(3.5 + 0.6 * z);
            start[b + 1] = start[b] + (int32_t)(len < 4 ? 4 : len > 128 ? 128 : len);
            labels[b] = (int32_t)tn_rng_below(&r, 3);
        }
        for (int i = 0; i < start[B]; i++)
            ids[i] = (int32_t)tn_rng_below(&r, (uint64_t)tn_model_config(m)->vocab_size);
        tn_batch batch = {.n_rows = B, .start = start, .ids = ids};
        tn_train_batch t = {.batch = batch,
                            .target.label = labels,
                            .n_shards = 4,
                            .shard = shard,
                            .dropout = true,
                            .step = (uint64_t)step};
        tn_train_result result;
        double at = tn_clock_seconds();
        TN_TRY(tn_model_backward(m, &t, &result, err));
        double spent = tn_clock_seconds() - at;
        at = tn_clock_seconds();
        TN_TRY(tn_model_logits(m, &batch, logits, err));
        if (step > 0) {
            seconds += spent;
            forward += tn_clock_seconds() - at;
            tokens += start[B];
        }
    }
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%s, %d threads: forward and backward %.0f tokens/s, forward alone %.0f tokens/s, peak %ld MB\n",
           tn_engine_isa(e), tn_engine_threads(e), tokens / seconds, tokens / forward, u.ru_maxrss / 1024);
    tn_model_close(m);
    return TN_OK;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    tn_engine *e = NULL;
    bool is_save = argc >= 5 && strcmp(argv[1], "save") == 0, is_bench = argc >= 4 && strcmp(argv[1], "bench") == 0;
    bool is_bytes = argc == 4 && strcmp(argv[1], "bytes") == 0;
    bool is_names = argc >= 3 && strcmp(argv[1], "names") == 0;
    int more = is_names ? 3 : is_bench || is_bytes ? 4 : 5;
    if (argc < more) {
        fprintf(stderr, "usage: see the top of model_cli.c\n");
        return 2;
    }
    int n_threads = !is_save && argc > more ? atoi(argv[more]) : 0;
    tn_status st = tn_engine_new(n_threads, !is_save && argc > more + 1 ? argv[more + 1] : NULL, &e, &err);
    if (st == TN_OK)
        st = is_save    ? save(e, argc, argv, &err)
             : is_bytes ? bytes(e, argv, &err)
             : is_names ? names(e, argv[2], &err)
             : is_bench ? bench(e, argv, &err)
                        : answer(e, argv, &err);
    tn_engine_free(e);
    if (st != TN_OK)
        fprintf(stderr, "%s\n", err.msg);
    return tn_exit_code(st);
}
