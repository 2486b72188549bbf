/* Deployment: the tuned model is measured as it will be served, then the lock, the cards and the report are written from
 * the records. Clocks and memory are read here and nowhere before; they stay in env.json and deploy/bench.json. */
#include "flow/task.h"

#include "flow/export.h"

#include "base/child.h"
#include "base/sha256.h"
#include "govern/card.h"
#include "record/record.h"
#include "report/report.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_LATENCY = 200, N_WARM = 20, N_COLD = 3, BATCH = 32 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank. */
static double percentile(const double *sorted, size_t n, double share)
{
    size_t rank = (size_t)(share * (double)n + 0.999999);
    return sorted[(rank ? rank : 1) - 1];
}

/* One prediction by a fresh process: start, open, tokenise, answer. It tells its own peak memory (--usage). */
static bool measure_once(const tn_flow *f, const char *model, double *ms, uint64_t *peak)
{
    const char *argv[12] = {f->o->program, "predict", model, "--quiet", "--usage"};
    tn_arena *a = tn_arena_new(0);
    tn_child_result r;
    for (size_t i = 0; f->task->once[i] && i < 6; i++)
        argv[5 + i] = f->task->once[i];
    const tn_json *usage = NULL;
    int64_t bytes = 0;
    double start = tn_clock_seconds();
    bool ok = a && tn_child_run(&(tn_child){.argv = argv}, a, &r, NULL) == TN_OK && r.exit_code == 0;
    *ms = (tn_clock_seconds() - start) * 1000;
    ok = ok && tn_json_parse(r.errors, a, &usage, NULL) == TN_OK && tn_json_i64(tn_json_get(usage, "peak_memory_bytes"), &bytes);
    *peak = (uint64_t)bytes;
    tn_arena_free(a);
    return ok;
}

/* The fastest of a few: the first one may have to bring the file into memory. */
static bool measure_cold(const tn_flow *f, const char *model, double *ms, uint64_t *peak)
{
    bool ok = f->o->program != NULL;
    for (int i = 0; ok && i < N_COLD; i++) {
        double took = 0;
        ok = measure_once(f, model, &took, peak);
        *ms = i == 0 || took < *ms ? took : *ms;
    }
    return ok;
}

static void cpu_name(char *out, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(out, size, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(out, size, "%s", strchr(line, ':') + 2);
            out[strcspn(out, "\n")] = 0;
            break;
        }
    if (file)
        fclose(file);
}

typedef struct {
    double p50, p95, p99, rows_per_s, tokens_per_s, cold_ms;
    uint64_t peak, size;
    bool cold;
} bench;

/* Rows first .. first + k of those given, in a ring. */
static tn_status answer_rows(tn_flow *f, tn_model *m, const uint32_t *row, size_t n, size_t first, size_t k, tn_arena *scratch, tn_err *err)
{
    uint32_t some[BATCH];
    for (size_t i = 0; i < k; i++)
        some[i] = row[(first + i) % n];
    tn_arena_reset(scratch);
    return f->task->answer(f, m, &(tn_answers){.name = "model", .n = k, .row = some}, scratch, NULL, err);
}

static tn_status measure(tn_flow *f, bench *out, tn_err *err)
{
    /* Validation rows: real lengths, and the test stays closed. Training rows when there is no validation. */
    tn_split split = f->n_row[TN_SPLIT_VALIDATION] ? TN_SPLIT_VALIDATION : TN_SPLIT_TRAIN;
    const uint32_t *row = f->row[split];
    size_t n = f->n_row[split];
    const char *dir = tn_folder_path(&f->folder, "deploy/model");
    tn_model *m = NULL;
    tn_status st = TN_OK;
    double ms[N_LATENCY];
    tn_arena *scratch = tn_arena_new(0);
    if (!scratch || !dir)
        return tn_fail_nomem(err, 65536);
    out->cold = measure_cold(f, dir, &out->cold_ms, &out->peak);
    f->model_dir = dir;
    TN_GO(tn_model_open(f->engine, dir, &(tn_model_options){0}, &m, err));
    for (size_t i = 0; i < N_WARM + N_LATENCY; i++) {
        TN_GO(tn_interrupt_check(err));
        double start = tn_clock_seconds();
        TN_GO(answer_rows(f, m, row, n, i, 1, scratch, err));
        if (i >= N_WARM)
            ms[i - N_WARM] = (tn_clock_seconds() - start) * 1000;
    }
    qsort(ms, N_LATENCY, sizeof *ms, by_value);
    out->p50 = percentile(ms, N_LATENCY, 0.50);
    out->p95 = percentile(ms, N_LATENCY, 0.95);
    out->p99 = percentile(ms, N_LATENCY, 0.99);
    size_t rows = 0, tokens = 0;
    double start = tn_clock_seconds(), spent = 0;
    while (rows < 20 * BATCH && (spent = tn_clock_seconds() - start) < 5) {
        TN_GO(tn_interrupt_check(err));
        TN_GO(answer_rows(f, m, row, n, rows, BATCH, scratch, err));
        rows += BATCH;
    }
    spent = tn_clock_seconds() - start;
    for (size_t k = 0; k < rows; k++) {
        tn_examples x;
        tn_arena_reset(scratch);
        TN_GO(f->task->examples(f, m, &row[k % n], 1, scratch, &x, err));
        tokens += x.start[x.n_rows];
    }
    out->rows_per_s = (double)rows / spent;
    out->tokens_per_s = (double)tokens / spent;
    tn_str *names;
    size_t n_names;
    TN_GO(tn_file_list(dir, f->arena, &names, &n_names, err));
    for (size_t i = 0; i < n_names; i++) {
        uint64_t size = 0;
        const char *path = tn_path_join(f->arena, dir, names[i].ptr);
        if (!path) {
            st = tn_fail_nomem(err, 64);
            goto done;
        }
        TN_GO(tn_file_size(path, &size, err));
        out->size += size;
    }
done:
    tn_model_close(m);
    tn_arena_free(scratch);
    return st;
}

static tn_status write_bench(tn_flow *f, const bench *x, tn_err *err)
{
    char cpu[128];
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    cpu_name(cpu, sizeof cpu);
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "latency");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "batch");
    tn_jw_i64(&w, 1);
    tn_jw_key(&w, "threads");
    tn_jw_i64(&w, tn_engine_threads(f->engine));
    tn_jw_key(&w, "p50_ms");
    tn_jw_f64(&w, x->p50);
    tn_jw_key(&w, "p95_ms");
    tn_jw_f64(&w, x->p95);
    tn_jw_key(&w, "p99_ms");
    tn_jw_f64(&w, x->p99);
    tn_jw_key(&w, "n");
    tn_jw_i64(&w, N_LATENCY);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "throughput");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "batch");
    tn_jw_i64(&w, BATCH);
    tn_jw_key(&w, "rows_per_s");
    tn_jw_f64(&w, x->rows_per_s);
    tn_jw_key(&w, "tokens_per_s");
    tn_jw_f64(&w, x->tokens_per_s);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "cold_start_ms");
    if (x->cold)
        tn_jw_f64(&w, x->cold_ms);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "peak_memory_bytes");
    if (x->cold)
        tn_jw_u64(&w, x->peak);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "size_bytes");
    tn_jw_u64(&w, x->size);
    tn_jw_key(&w, "cpu");
    tn_jw_c(&w, cpu);
    tn_jw_key(&w, "isa");
    tn_jw_c(&w, tn_engine_isa(f->engine));
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return tn_folder_write(&f->folder, "deploy/bench.json", &b, err);
}

/* ---- lock ---- */

static void write_file(tn_json_writer *w, tn_str path, uint64_t size, const tn_digest *d)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "path");
    tn_jw_str(w, path);
    tn_jw_key(w, "size");
    tn_jw_u64(w, size);
    tn_jw_key(w, "sha256");
    tn_jw_c(w, d->hex);
    tn_jw_end_object(w);
}

static tn_status lock_file(const tn_flow *f, const char *dir, tn_str name, tn_json_writer *w, tn_err *err)
{
    const char *path = tn_path_join(f->arena, dir, name.ptr);
    tn_digest d;
    uint64_t size;
    if (!path)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(path))
        return TN_OK;
    TN_TRY(tn_sha256_file(path, &d, err));
    TN_TRY(tn_file_size(path, &size, err));
    write_file(w, name, size, &d);
    return TN_OK;
}

/* All that the run gives away: any of these files may change its answers (thresholds, the tokenizer). */
static tn_status lock_artefact(const tn_flow *f, tn_json_writer *w, tn_err *err)
{
    tn_str *name;
    size_t n;
    TN_TRY(tn_folder_artefact(&f->folder, &name, &n, err));
    for (size_t i = 0; i < n; i++)
        TN_TRY(lock_file(f, f->folder.dir, name[i], w, err));
    return TN_OK;
}

static tn_status write_lock(tn_flow *f, tn_err *err)
{
    static const char *const model_files[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                              "special_tokens_map.json", "modules.json", "1_Pooling/config.json"};
    const tn_candidate *c = &f->candidate[f->chosen];
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_digest rows;
    char sha[65];
    TN_TRY(tn_dataset_digest(&f->data, &rows, err));
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "tenet");
    tn_jw_c(&w, TN_VERSION);
    tn_jw_key(&w, "model");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "id");
    tn_jw_c(&w, c->id);
    tn_jw_key(&w, "revision");
    tn_jw_c(&w, c->revision);
    tn_jw_key(&w, "source");
    tn_jw_c(&w, c->source);
    tn_jw_key(&w, "provenance");
    tn_jw_c(&w, c->provenance);
    tn_jw_key(&w, "licence");
    tn_jw_c(&w, c->licence);
    tn_jw_key(&w, "files");
    tn_jw_begin_array(&w);
    tn_status st = TN_OK;
    for (size_t i = 0; st == TN_OK && i < TN_COUNT(model_files); i++)
        st = lock_file(f, c->dir, tn_str_of(model_files[i]), &w, err);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "data");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "files");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < f->data.n_files; i++)
        write_file(&w, tn_path_name(f->data.file[i].path), f->data.file[i].size, &f->data.file[i].sha256);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "rows");
    tn_jw_u64(&w, f->data.n_rows);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "preprocessing");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "version");
    tn_jw_i64(&w, TN_DATA_VERSION);
    tn_jw_key(&w, "sha256");
    tn_jw_c(&w, rows.hex);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "seeds");
    tn_jw_node(&w, tn_plan_at(f->plan, "recipe/seeds"));
    tn_jw_key(&w, "artefact");
    tn_jw_begin_array(&w);
    if (st == TN_OK)
        st = lock_artefact(f, &w, err);
    tn_jw_end_array(&w);
    static const char *const record[][2] = {{"plan_sha256", "plan.yaml"}, {"criteria_sha256", "criteria.json"}, {"split_sha256", "data/split.csv"},
                                            {"weights_sha256", "deploy/model/model.safetensors"}, {"metrics_sha256", "eval/metrics.json"}};
    for (size_t i = 0; st == TN_OK && i < TN_COUNT(record); i++) {
        st = tn_folder_digest(&f->folder, record[i][1], sha, err);
        tn_jw_key(&w, record[i][0]);
        tn_jw_c(&w, sha);
    }
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, "lock.json", &b, err);
}

static tn_status write_findings(tn_flow *f, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_flow_settle(f);
    for (size_t i = 0; i < f->out->findings.list.len; i++) {
        tn_json_writer w;
        tn_jw_init(&w, &b, 0);
        tn_record_finding(&f->out->findings.list.ptr[i], &w);
        tn_buf_char(&b, '\n');
    }
    return tn_folder_write(&f->folder, "findings.jsonl", &b, err);
}

static tn_status write_env(tn_flow *f, tn_err *err)
{
    static const char *const stage[] = {"prepare", "experiment", "tune", "evaluate", "deploy"};
    char cpu[128], host[128] = "", now[32];
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    int64_t v;
    cpu_name(cpu, sizeof cpu);
    gethostname(host, sizeof host - 1);
    tn_clock_iso(now);
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "tenet");
    tn_jw_c(&w, TN_VERSION);
    tn_jw_key(&w, "finished");
    tn_jw_c(&w, now);
    tn_jw_key(&w, "host");
    tn_jw_c(&w, host);
    tn_jw_key(&w, "cpu");
    tn_jw_c(&w, cpu);
    tn_jw_key(&w, "threads");
    tn_jw_i64(&w, tn_engine_threads(f->engine));
    tn_jw_key(&w, "processes");
    tn_jw_i64(&w, tn_peers_size(tn_engine_peers(f->engine)));
    tn_jw_key(&w, "processes_by");
    tn_jw_str(&w, tn_str_of(tn_peers_library()));
    tn_jw_key(&w, "isa");
    tn_jw_c(&w, tn_engine_isa(f->engine));
    tn_jw_key(&w, "seconds");
    tn_jw_begin_object(&w);
    double all = 0;
    for (size_t i = 0; i < TN_COUNT(stage); i++) {
        tn_jw_key(&w, stage[i]);
        tn_jw_f64(&w, f->seconds[i]);
        all += f->seconds[i];
    }
    tn_jw_key(&w, "total");
    tn_jw_f64(&w, all);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "peak_memory_bytes");
    tn_jw_u64(&w, tn_peak_memory());
    tn_jw_key(&w, "estimate");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "seconds");
    if (tn_json_i64(tn_plan_at(f->plan, "compute/estimated_seconds"), &v))
        tn_jw_i64(&w, v);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "bytes");
    if (tn_json_i64(tn_plan_at(f->plan, "compute/estimated_bytes"), &v))
        tn_jw_i64(&w, v);
    else
        tn_jw_null(&w);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return tn_folder_write(&f->folder, "env.json", &b, err);
}

/* Limits that the brief states and this machine did not meet. */
static tn_status check_limits(tn_flow *f, const bench *x, tn_err *err)
{
    double limit;
    if (tn_json_f64(tn_plan_at(f->plan, "evaluation/max_latency_ms"), &limit) && x->p95 > limit)
        TN_TRY(tn_flow_find(f, "eval-cost", TN_ERROR, tn_str_format(f->arena, "p95 latency is %.1f ms, over the stated %.0f ms", x->p95, limit),
                            TN_STR("deploy/bench.json"), TN_STR("a smaller encoder, or a faster machine"), err));
    if (x->cold && tn_json_f64(tn_plan_at(f->plan, "evaluation/max_memory_mb"), &limit) && (double)x->peak > limit * 1048576)
        TN_TRY(tn_flow_find(f, "eval-cost", TN_ERROR,
                            tn_str_format(f->arena, "peak memory is %.0f MB, over the stated %.0f MB", (double)x->peak / 1048576, limit),
                            TN_STR("deploy/bench.json"), TN_STR("a smaller encoder"), err));
    return TN_OK;
}

/* Only now, evaluated, the checkpoint becomes the artefact (format-phases). */
static tn_status release_model(tn_flow *f, tn_err *err)
{
    static const char *const part[][2] = {{"tune/adapter", "deploy/adapter"}, {"tune/model", "deploy/model"}};
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        const char *from = tn_folder_path(&f->folder, part[i][0]), *to = tn_folder_path(&f->folder, part[i][1]);
        if (!from || !to)
            return tn_fail_nomem(err, 64);
        if (i == 0 && !tn_file_is_dir(from)) /* adapters are there when the recipe asked for them */
            continue;
        const char *model = tn_folder_path(&f->folder, "tune/model");
        if (i == 0)
            TN_TRY(model ? tn_export_decisions(model, from, f->arena, err) : tn_fail_nomem(err, 64));
        TN_TRY(tn_file_replace_dir(from, to, err));
    }
    return TN_OK;
}

/* What stands beside the model when adapters were trained says what it stands on, and where its card is. */
static tn_status write_adapter_card(tn_flow *f, tn_err *err)
{
    const tn_candidate *c = &f->candidate[f->chosen];
    tn_buf b = TN_BUF_INIT;
    if (!tn_folder_has(&f->folder, "deploy/adapter/adapter_config.json"))
        return TN_OK;
    tn_buf_printf(&b, "---\nbase_model: %s\nbase_model_relation: adapter\nlibrary_name: peft\npipeline_tag: %s\n---\n# Adapters and head\n\n", c->id, f->task->tag);
    tn_buf_printf(&b, "LoRA adapters trained on `%s`%s%s%s. Merged with it they are the model in `../model`, which is what was\n"
                      "evaluated: its card has the data, the evaluation, the limits and the licence.\n",
                  c->id, c->revision && c->revision[0] ? ", revision `" : "", c->revision ? c->revision : "", c->revision && c->revision[0] ? "`" : "");
    return tn_folder_write(&f->folder, "deploy/adapter/README.md", &b, err);
}

tn_status tn_stage_deploy(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    bench x = {0};
    tn_buf b = TN_BUF_INIT;
    TN_TRY(release_model(f, err));
    TN_TRY(write_adapter_card(f, err));
    TN_TRY(measure(f, &x, err));
    TN_TRY(write_bench(f, &x, err));
    TN_TRY(check_limits(f, &x, err));
    TN_TRY(write_lock(f, err));
    TN_TRY(write_findings(f, err));
    f->seconds[TN_STAGE_DEPLOY] = tn_clock_seconds() - start;
    TN_TRY(write_env(f, err));
    static const struct {
        const char *record;
        tn_status (*make)(const char *dir, tn_arena *a, tn_buf *out, tn_err *err);
    } page[] = {{"data/README.md", tn_card_data}, {"deploy/model/README.md", tn_card_model}, {"report.html", tn_report_html}};
    for (size_t i = 0; i < TN_COUNT(page); i++) {
        tn_status st = page[i].make(f->folder.dir, f->arena, &b, err);
        if (st != TN_OK) {
            tn_buf_free(&b);
            return st;
        }
        TN_TRY(tn_folder_write(&f->folder, page[i].record, &b, err));
    }
    tn_progress_say(f->progress, "Measured: p50 %.1f ms, p95 %.1f ms at batch 1; %.0f %s/s at batch %d", x.p50, x.p95, x.rows_per_s, f->task->items, BATCH);
    return TN_OK;
}
