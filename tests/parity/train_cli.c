/* Fine-tuning on rows of ids, for tests/parity/train_parity.py and bench/train.sh: no data set, no tokenizer between.
 *
 *   train_cli init MODEL OUT N_LABELS          MODEL with a fresh head of N_LABELS labels, as a folder
 *   train_cli train MODEL ROWS OUT [KEY=VALUE ...]
 *
 * ROWS: a row a line, "label id id id ..."; or JSON lines {"ids", "types", "target"} as model_cli reads them, for the head
 * that MODEL has. Keys: steps epochs batch lr schedule warmup decay clip dropout seed shards
 * eval patience checkpoint layer_decay passes smoothing freeze (layers below it) threads isa; lora (rank) alpha lora_dropout
 * rslora targets=NAME,NAME; order=FILE (a line a batch, row numbers), valid=ROWS, save=0, resume=1.
 * OUT/steps.jsonl and the rest as src/train/loop.h says, OUT/model the trained folder. With lora: OUT/first and OUT/adapter,
 * the adapters before and after, and OUT/model is merged. Prints a JSON line:
 * tokens a second from the third step to the last, and the peak of memory. */
#include "base/clock.h"
#include "base/file.h"
#include "codec/json.h"
#include "model/lora.h"
#include "train/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 2, MAX_FILE = 1 << 28 };

static tn_status read_rows(const char *path, tn_arena *a, tn_examples *out, int32_t *n_labels, tn_err *err)
{
    tn_bytes bytes;
    TN_TRY(tn_file_read(path, MAX_FILE, a, &bytes, err));
    tn_str rest = tn_str_from_bytes(bytes), line, word;
    size_t n = 0, most = bytes.len + 1;
    for (tn_str r = rest; tn_str_cut(&r, '\n', &line);)
        n += line.len > 0;
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1), at = 0;
    int32_t *label = TN_ARENA_ARRAY(a, int32_t, n), *ids = TN_ARENA_ARRAY(a, int32_t, most / 2 + 1);
    if (!start || !label || !ids)
        return tn_fail_nomem(err, most);
    *out = (tn_examples){.start = start, .ids = ids, .target.label = label};
    start[0] = 0;
    while (tn_str_cut(&rest, '\n', &line) && line.len) {
        int64_t v;
        bool first = true;
        while (tn_str_cut(&line, ' ', &word)) {
            if (!tn_str_to_i64(word, &v) || v < 0 || v > INT32_MAX)
                return tn_fail(err, TN_EFORMAT, "%s: row %" PRId32 ": \"%.*s\"", path, out->n_rows, TN_ARG(word));
            if (first)
                label[out->n_rows] = (int32_t)v;
            else
                ids[at++] = (int32_t)v;
            first = false;
        }
        if (label[out->n_rows] >= *n_labels)
            *n_labels = label[out->n_rows] + 1;
        start[++out->n_rows] = at;
    }
    return TN_OK;
}

/* ---- rows of any head ---- */

static int32_t put_i32s(const tn_json *list, int32_t *out)
{
    int32_t n = 0;
    for (const tn_json *e = tn_json_first(list); e; e = tn_json_next(e)) {
        int64_t v = -1;
        tn_json_i64(e, &v);
        out[n++] = (int32_t)v;
    }
    return n;
}

static tn_status read_head_rows(const char *path, const tn_model *m, tn_arena *a, tn_examples *out, tn_err *err)
{
    tn_bytes bytes;
    TN_TRY(tn_file_read(path, MAX_FILE, a, &bytes, err));
    size_t most = bytes.len / 2 + 1, at = 0, n_values = 0;
    size_t *start = TN_ARENA_ARRAY(a, size_t, most);
    int32_t *ids = TN_ARENA_ARRAY(a, int32_t, most), *types = TN_ARENA_ARRAY(a, int32_t, most),
            *label = TN_ARENA_ARRAY(a, int32_t, most), *ends = TN_ARENA_ARRAY(a, int32_t, 2 * most);
    float *value = TN_ARENA_ARRAY(a, float, most);
    if (!start || !ids || !types || !label || !ends || !value)
        return tn_fail_nomem(err, most);
    tn_target_kind kind = tn_model_target(m);
    *out = (tn_examples){.start = start,
                         .ids = ids,
                         .type_id = tn_model_uses_types(m) ? types : NULL,
                         .target = {kind, label, value, ends, ends + most}};
    start[0] = 0;
    for (tn_str rest = tn_str_from_bytes(bytes), line; tn_str_cut(&rest, '\n', &line) && line.len;) {
        const tn_json *row, *target;
        int64_t v = 0, last = 0;
        double x = 0;
        TN_TRY(tn_json_parse(line, a, &row, err));
        target = tn_json_get(row, "target");
        int32_t n = put_i32s(tn_json_get(row, "ids"), ids + at);
        if (out->type_id)
            put_i32s(tn_json_get(row, "types"), types + at);
        if (kind == TN_TARGET_TOKENS)
            put_i32s(target, label + at);
        for (const tn_json *e = tn_json_first(target); e && (kind == TN_TARGET_FLAGS || kind == TN_TARGET_VALUES);
             e = tn_json_next(e))
            value[n_values++] = tn_json_f64(e, &x) ? (float)x : 0;
        if (kind == TN_TARGET_SPANS) {
            tn_json_i64(tn_json_first(target), &v);
            tn_json_i64(tn_json_next(tn_json_first(target)), &last);
            ends[out->n_rows] = (int32_t)v;
            ends[most + (size_t)out->n_rows] = (int32_t)last;
        } else if (kind == TN_TARGET_CLASS) {
            tn_json_i64(target, &v);
            label[out->n_rows] = (int32_t)v;
        }
        start[++out->n_rows] = at += (size_t)n;
    }
    return TN_OK;
}

static bool is_json(const char *path)
{
    FILE *f = fopen(path, "r");
    int c = f ? fgetc(f) : 0;
    if (f)
        fclose(f);
    return c == '{';
}

static tn_status label_names(int32_t n, tn_arena *a, tn_str **out, tn_err *err)
{
    *out = TN_ARENA_ARRAY(a, tn_str, (size_t)n);
    for (int32_t i = 0; *out && i < n; i++)
        if (!((*out)[i] = tn_str_format(a, "LABEL_%" PRId32, i)).ptr)
            *out = NULL;
    return *out ? TN_OK : tn_fail_nomem(err, (size_t)n * sizeof **out);
}

static tn_status init(char **argv, tn_arena *a, tn_err *err)
{
    tn_engine *e = NULL;
    tn_model *m = NULL;
    tn_model_options o = {.n_labels = atoi(argv[2])};
    tn_str *label;
    TN_TRY(label_names(o.n_labels, a, &label, err));
    o.label = label;
    tn_status st = tn_engine_new(0, NULL, &e, err);
    if (st == TN_OK)
        st = tn_model_open(e, argv[0], &o, &m, err);
    if (st == TN_OK)
        st = tn_model_save(m, argv[1], err);
    tn_model_close(m);
    tn_engine_free(e);
    return st;
}

/* The learner of the model with a clock around it. */
typedef struct {
    tn_learner inner;
    int64_t n_steps;
    uint64_t tokens;
    double begin, end;
} timed;

static tn_status timed_backward(void *self, const tn_train_batch *b, tn_train_result *out, tn_err *err)
{
    timed *t = self;
    if (t->n_steps == WARM_STEPS)
        t->begin = tn_clock_seconds();
    if (t->n_steps >= WARM_STEPS)
        t->tokens += (uint64_t)b->batch.start[b->batch.n_rows];
    return t->inner.backward(t->inner.self, b, out, err);
}

static tn_status timed_logits(void *self, const tn_batch *b, float *logits, tn_err *err)
{
    timed *t = self;
    return t->inner.logits(t->inner.self, b, logits, err);
}

static void timed_changed(void *self)
{
    timed *t = self;
    t->inner.params_changed(t->inner.self);
    t->n_steps++;
    t->end = tn_clock_seconds();
}

typedef struct {
    tn_recipe recipe;
    int n_threads;
    tn_lora_options lora;
    bool save, resume;
    int32_t freeze;
    const char *isa, *order, *valid, *targets;
} settings;

static tn_status set(settings *s, const char *text, tn_err *err)
{
    tn_recipe *r = &s->recipe;
    const char *eq = strchr(text, '=');
    const tn_str key = {text, eq ? (size_t)(eq - text) : strlen(text)};
    const char *value = eq ? eq + 1 : "1";
    const struct {
        const char *key;
        int32_t *i32;
        int64_t *i64;
        double *f64;
        bool *flag;
        const char **text;
    } known[] = {
        {"steps", .i64 = &r->n_steps},       {"epochs", .i32 = &r->epochs},
        {"batch", .i32 = &r->batch_size},    {"lr", .f64 = &r->learning_rate},
        {"warmup", .f64 = &r->warmup_ratio}, {"decay", .f64 = &r->weight_decay},
        {"clip", .f64 = &r->max_grad_norm},  {"dropout", .flag = &r->dropout},
        {"shards", .i32 = &r->n_shards},     {"eval", .i64 = &r->eval_every},
        {"patience", .i32 = &r->patience},   {"checkpoint", .i64 = &r->checkpoint_every},
        {"layer_decay", .f64 = &r->layer_decay}, {"passes", .i32 = &r->n_passes},
        {"smoothing", .f64 = &r->label_smoothing}, {"freeze", .i32 = &s->freeze},
        {"lora", .i32 = &s->lora.rank},      {"alpha", .f64 = &s->lora.alpha},
        {"lora_dropout", .f64 = &s->lora.dropout}, {"rslora", .flag = &s->lora.rslora},
        {"targets", .text = &s->targets},
        {"threads", .i32 = &s->n_threads},   {"isa", .text = &s->isa},
        {"order", .text = &s->order},        {"valid", .text = &s->valid},
        {"save", .flag = &s->save},          {"resume", .flag = &s->resume},
    };
    if (tn_str_is(key, "seed")) {
        r->seed = strtoull(value, NULL, 10);
        return TN_OK;
    }
    if (tn_str_is(key, "weights")) { /* of labels: 2,0.5,3 */
        static float weight[64];
        tn_str rest = tn_str_of(value), one;
        for (size_t i = 0; i < TN_COUNT(weight) && tn_str_cut(&rest, ',', &one); i++)
            weight[i] = strtof(one.ptr, NULL);
        r->class_weight = weight;
        return TN_OK;
    }
    if (tn_str_is(key, "schedule"))
        return tn_schedule_parse(tn_str_of(value), &r->schedule) ? TN_OK
                                                                 : tn_fail(err, TN_EINVALID, "no schedule %s", value);
    for (size_t i = 0; i < TN_COUNT(known); i++) {
        if (!tn_str_is(key, known[i].key))
            continue;
        if (known[i].i32)
            *known[i].i32 = atoi(value);
        else if (known[i].i64)
            *known[i].i64 = atoll(value);
        else if (known[i].f64)
            *known[i].f64 = strtod(value, NULL);
        else if (known[i].flag)
            *known[i].flag = strcmp(value, "0") != 0;
        else
            *known[i].text = value;
        return TN_OK;
    }
    return tn_fail(err, TN_EINVALID, "unknown setting %s", text);
}

static void report(const timed *t, const tn_train_outcome *o, const char *isa, int n_threads)
{
    double seconds = t->n_steps > WARM_STEPS ? t->end - t->begin : 0;
    printf("{\"what\": \"tenet\", \"isa\": \"%s\", \"threads\": %d, \"steps\": %" PRId64
           ", \"loss\": %.9g, \"tokens\": %" PRIu64
           ", \"seconds\": %.3f, \"tokens_per_s\": %.0f, \"peak_bytes\": %" PRIu64 "}\n",
           isa, n_threads, o->n_steps, o->last_loss, t->tokens, seconds, seconds > 0 ? (double)t->tokens / seconds : 0,
           tn_peak_memory());
}

static tn_status save_adapter(const tn_model *m, const char *base, const char *out, const char *name, tn_arena *a, tn_err *err)
{
    char *dir = tn_path_join(a, out, name);
    return dir ? tn_model_save_adapter(m, tn_str_of(base), TN_STR(""), dir, err) : tn_fail_nomem(err, 0);
}

static tn_status train(int argc, char **argv, tn_arena *a, tn_err *err)
{
    settings s = {.recipe = TN_RECIPE_INIT, .save = true};
    tn_examples rows, held = {0};
    tn_batch_order order;
    tn_str *label;
    int32_t n_labels = 2;
    bool of_head = is_json(argv[1]);
    for (int i = 3; i < argc; i++)
        TN_TRY(set(&s, argv[i], err));
    if (!of_head) {
        TN_TRY(read_rows(argv[1], a, &rows, &n_labels, err));
        if (s.valid)
            TN_TRY(read_rows(s.valid, a, &held, &n_labels, err));
    }
    TN_TRY(label_names(n_labels, a, &label, err));
    tn_engine *e = NULL;
    tn_model *m = NULL;
    tn_progress bar = {0};
    tn_train_outcome out;
    tn_model_options o = {.train = true, .n_labels = of_head ? 0 : n_labels, .label = label, .seed = s.recipe.seed, .freeze = s.freeze,
                          .lora = s.lora.rank ? &s.lora : NULL};
    tn_str targets = tn_str_of(s.targets ? s.targets : ""), target[8];
    while (s.targets && s.lora.n_targets < TN_COUNT(target) && tn_str_cut(&targets, ',', &target[s.lora.n_targets]))
        s.lora.n_targets++;
    s.lora.target = target;
    tn_status st;
    if (of_head)
        s.recipe.best_by = NULL;
    tn_interrupt_install();
    TN_GO(tn_engine_new(s.n_threads, s.isa, &e, err));
    TN_GO(tn_model_open(e, argv[0], &o, &m, err));
    if (of_head)
        TN_GO(read_head_rows(argv[1], m, a, &rows, err));
    if (s.order) {
        tn_bytes text;
        TN_GO(tn_file_read(s.order, MAX_FILE, a, &text, err));
        TN_GO(tn_batch_order_parse(tn_str_from_bytes(text), rows.n_rows, a, &order, err));
    }
    if (o.lora)
        TN_GO(save_adapter(m, argv[0], argv[2], "first", a, err));
    timed t = {.inner = tn_learner_of(m)};
    tn_learner l = t.inner;
    l.self = &t, l.backward = timed_backward, l.logits = timed_logits, l.params_changed = timed_changed;
    tn_train_job job = {.learner = &l,
                        .recipe = &s.recipe,
                        .train = &rows,
                        .validation = &held,
                        .order = s.order ? &order : NULL,
                        .dir = argv[2],
                        .resume = s.resume,
                        .progress = &bar};
    TN_GO(tn_train_run(&job, &out, err));
    if (o.lora) {
        TN_GO(save_adapter(m, argv[0], argv[2], "adapter", a, err));
        TN_GO(tn_model_merge(m, err));
    }
    if (s.save) {
        char *dir = tn_path_join(a, argv[2], "model");
        TN_GO(dir ? tn_model_save(m, dir, err) : tn_fail_nomem(err, 0));
    }
    report(&t, &out, tn_engine_isa(e), tn_engine_threads(e));
done:
    tn_model_close(m);
    tn_engine_free(e);
    return st;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_status st = TN_EINVALID;
    if (a && argc == 5 && strcmp(argv[1], "init") == 0)
        st = init(argv + 2, a, &err);
    else if (a && argc >= 5 && strcmp(argv[1], "train") == 0)
        st = train(argc - 2, argv + 2, a, &err);
    else
        tn_fail(&err, st, "usage: train_cli init MODEL OUT N_LABELS | train MODEL ROWS OUT [KEY=VALUE ...]");
    if (st != TN_OK)
        fprintf(stderr, "train_cli: %s\n", err.msg);
    tn_arena_free(a);
    return tn_exit_code(st);
}
