/* The new folder is made beside `out` under a temporary name, opened as any reader would open it, measured, and only then
 * put in its place. Numbers are written once, into int8.json; the card is written from the record. */
#include "flow/export.h"

#include "base/file.h"
#include "base/sha256.h"
#include "data/dataset.h"
#include "eval/interval.h"
#include "eval/record.h"
#include "flow/measure.h"
#include "metric/names.h"
#include "model/model.h"
#include "record/record.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MAX_README = 4 << 20 };

typedef struct {
    const tn_export_options *o;
    tn_arena *a;
    tn_model *f32, *int8;
    bool is_encoder;
    const char *dir; /* the temporary folder */
    tn_dataset data;
    const uint32_t *row; /* [n]: rows that are measured */
    size_t n;
    const char *tag;    /* pipeline tag, when a task was measured */
    const char *metric; /* to decide by */
    double lost;        /* of it */
    tn_findings *findings;
    tn_json_writer w;
} job;

/* ---- rows ---- */

/* Of an encoder; what has a trained head is measured by its task. */
static tn_status load_texts(job *j, tn_err *err)
{
    tn_data_source source = {.path = j->o->data, .text = j->o->text, .use = TN_DATA_PREDICT};
    TN_TRY(tn_dataset_load(&source, &j->data, j->findings, err));
    bool named = false;
    for (int s = TN_SPLIT_TRAIN; s < TN_N_SPLITS; s++)
        named = named || j->data.given[s];
    uint32_t *row;
    TN_TRY(tn_dataset_rows(&j->data, named ? TN_SPLIT_VALIDATION : TN_SPLIT_NONE, j->a, &row, &j->n, err));
    j->row = row;
    if (j->n == 0)
        return tn_fail(err, TN_EINVALID, "%s names its splits, and has no validation rows; the loss is measured on those", j->o->data);
    return TN_OK;
}

static tn_status row_texts(const job *j, tn_str **text, tn_err *err)
{
    if (!(*text = TN_ARENA_ARRAY(j->a, tn_str, j->n)))
        return tn_fail_nomem(err, j->n * sizeof **text);
    for (size_t i = 0; i < j->n; i++)
        (*text)[i] = j->data.row[j->row[i]].text;
    return TN_OK;
}

/* ---- what is lost ---- */

static void write_lost(job *j, const char *name, double f32, double int8, const tn_interval *lost)
{
    tn_jw_key(&j->w, name);
    tn_jw_begin_object(&j->w);
    tn_jw_key(&j->w, "f32");
    tn_jw_f64(&j->w, f32);
    tn_jw_key(&j->w, "int8");
    tn_jw_f64(&j->w, int8);
    tn_jw_key(&j->w, "lost");
    tn_jw_f64(&j->w, lost->value);
    tn_jw_key(&j->w, "intervals");
    tn_jw_begin_object(&j->w);
    tn_record_interval("lost", lost, &j->w);
    tn_jw_end_object(&j->w);
    tn_jw_end_object(&j->w);
}

static void write_rows(job *j, uint64_t n, const char *data_sha256)
{
    tn_jw_key(&j->w, "rows");
    tn_jw_u64(&j->w, n);
    tn_jw_key(&j->w, "data_sha256");
    tn_jw_c(&j->w, data_sha256);
}

static tn_status measure_task(job *j, tn_err *err)
{
    const tn_export_options *o = j->o;
    tn_measure_options m = {.model = o->model, .data = o->data, .text = o->text, .pair = o->pair, .label_columns = o->label_columns,
                            .engine = o->engine, .progress = o->progress};
    tn_measured_loss x;
    TN_TRY(tn_measure_lost(&m, j->f32, j->dir, j->int8, j->findings, j->a, &x, err));
    write_rows(j, x.n_rows, x.data_sha256);
    for (size_t i = 0; i < x.n; i++)
        write_lost(j, x.metric[i].name, x.metric[i].whole, x.metric[i].other, &x.metric[i].lost);
    tn_jw_key(&j->w, "rows_worse");
    tn_jw_u64(&j->w, x.n_worse);
    tn_jw_key(&j->w, "rows_better");
    tn_jw_u64(&j->w, x.n_better);
    j->tag = x.tag;
    j->metric = x.metric[x.by].name;
    j->lost = x.metric[x.by].lost.value;
    return TN_OK;
}

static void mean_of(const void *self, const double *sum, int32_t n, double *value)
{
    value[0] = sum[0] / n;
}

/* The vectors need not be of length 1. */
static tn_status measure_encoder(job *j, tn_err *err)
{
    tn_str *text;
    tn_digest digest;
    TN_TRY(load_texts(j, err));
    TN_TRY(row_texts(j, &text, err));
    TN_TRY(tn_dataset_digest(&j->data, &digest, err));
    write_rows(j, j->n, digest.hex);
    size_t c = (size_t)tn_model_config(j->f32)->hidden_size;
    float *a = tn_arena_array(j->a, j->n * c, sizeof *a), *b = tn_arena_array(j->a, j->n * c, sizeof *b);
    double *far = TN_ARENA_ARRAY(j->a, double, j->n);
    if (!a || !b || !far)
        return tn_fail_nomem(err, j->n * c * sizeof *a);
    TN_TRY(tn_model_embed_texts(j->f32, text, j->n, a, NULL, err));
    TN_TRY(tn_model_embed_texts(j->int8, text, j->n, b, NULL, err));
    for (size_t i = 0; i < j->n; i++)
        far[i] = 1 - (double)tn_engine_kernels(j->o->engine)->cosine(a + i * c, b + i * c, c);
    tn_interval lost;
    static const tn_counted_metric metric = {.name = "cosine", .less_is_better = true};
    tn_counted rows = {.n = (int32_t)j->n, .width = 1, .count = far, .n_metrics = 1, .metric = &metric, .values = mean_of};
    TN_TRY(tn_interval_counts(&rows, &(tn_interval_options){.pool = tn_engine_pool(j->o->engine)}, &lost, err));
    write_lost(j, "cosine", 1, 1 - lost.value, &lost);
    j->metric = metric.name;
    j->lost = lost.value;
    return TN_OK;
}

static tn_status measure(job *j, tn_err *err)
{
    tn_jw_key(&j->w, "measured");
    tn_jw_begin_object(&j->w);
    TN_TRY((j->is_encoder ? measure_encoder : measure_task)(j, err));
    tn_jw_key(&j->w, "metric");
    tn_jw_c(&j->w, j->metric);
    tn_jw_key(&j->w, "tolerance");
    tn_jw_f64(&j->w, j->o->tolerance);
    tn_jw_key(&j->w, "within");
    tn_jw_bool(&j->w, j->lost <= j->o->tolerance);
    tn_jw_end_object(&j->w);
    return TN_OK;
}

/* ---- the record and the card ---- */

static tn_status write_weights(job *j, const char *key, const char *dir, tn_err *err)
{
    const char *path = tn_path_join(j->a, dir, "model.safetensors");
    tn_digest d;
    uint64_t size;
    if (!path)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(path))
        return TN_OK; /* a checkpoint in parts, or a pickle: the source's own lock names them */
    TN_TRY(tn_sha256_file(path, &d, err));
    TN_TRY(tn_file_size(path, &size, err));
    tn_jw_key(&j->w, key);
    tn_jw_begin_object(&j->w);
    tn_jw_key(&j->w, "sha256");
    tn_jw_c(&j->w, d.hex);
    tn_jw_key(&j->w, "size_bytes");
    tn_jw_u64(&j->w, size);
    tn_jw_end_object(&j->w);
    return TN_OK;
}

static tn_status write_record(job *j, tn_buf *out, tn_err *err)
{
    tn_jw_init(&j->w, out, 2);
    tn_jw_begin_object(&j->w);
    tn_jw_key(&j->w, "weights");
    tn_jw_c(&j->w, "int8, a scale an output channel; heads and tables f32");
    tn_jw_key(&j->w, "activations");
    tn_jw_c(&j->w, "8 bits, a range a token, made as it is seen");
    TN_TRY(write_weights(j, "source", j->o->model, err));
    TN_TRY(write_weights(j, "model", j->dir, err));
    if (j->o->data) {
        TN_TRY(measure(j, err));
    } else {
        tn_jw_key(&j->w, "measured");
        tn_jw_null(&j->w);
    }
    tn_jw_end_object(&j->w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}

/* A number and where it stands. */
static void put(tn_records *r, const char *pointer, tn_show how, tn_arena *a, tn_buf *out)
{
    tn_str at = tn_str_format(a, "int8.json#/%s", pointer);
    double v;
    if (at.ptr && tn_records_number(r, at.ptr, &v)) {
        tn_show_number(v, tn_records_text(r, at.ptr), how, out);
        tn_buf_printf(out, " <!-- %.*s -->", TN_ARG(at));
    } else {
        tn_buf_c(out, "not measured");
    }
}

static void put_metric(tn_records *r, tn_str name, tn_str title, tn_arena *a, tn_buf *out)
{
    static const char *const part[] = {"f32", "int8", "lost", "intervals/lost/low", "intervals/lost/high"};
    tn_buf_printf(out, "| %.*s |", TN_ARG(title));
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        tn_str at = tn_str_format(a, "measured/%.*s/%s", TN_ARG(name), part[i]);
        tn_buf_char(out, ' ');
        put(r, at.ptr ? at.ptr : "", i < 2 ? TN_SHOW_3 : TN_SHOW_SIGNED, a, out);
        tn_buf_c(out, " |");
    }
    tn_buf_char(out, '\n');
}

static void put_section(const job *j, tn_records *r, tn_buf *out)
{
    tn_buf_c(out, "\n## 8-bit weights\n\nFigures of quality, latency and size above this section are those of the f32 model. Matrices of the encoder's linear layers are int8, a scale an output channel; activations are "
                  "8 bits, a range a token; heads and tables are f32. The weights take ");
    put(r, "model/size_bytes", TN_SHOW_BYTES, j->a, out);
    tn_buf_c(out, " instead of ");
    put(r, "source/size_bytes", TN_SHOW_BYTES, j->a, out);
    tn_buf_c(out, ".\n\n");
    if (!j->o->data) {
        tn_buf_c(out, "What is lost against the f32 model was not measured.\n");
        return;
    }
    tn_buf_c(out, "Against the f32 model, on ");
    put(r, "measured/rows", TN_SHOW_COUNT, j->a, out);
    tn_buf_c(out, " validation rows (lost: how much worse; low and high: its 95 % interval, rows in pairs):\n\n"
                  "| metric | f32 | int8 | lost | low | high |\n| --- | --- | --- | --- | --- | --- |\n");
    if (j->is_encoder) {
        put_metric(r, TN_STR("cosine"), TN_STR("mean cosine of a text's two vectors"), j->a, out);
        return;
    }
    const tn_json *measured = tn_records_at(r, "int8.json#/measured");
    for (const tn_json *m = tn_json_first(measured); m; m = tn_json_next(m))
        if (tn_json_get(m, "lost"))
            put_metric(r, tn_json_key(m), tn_metric_title_of(tn_json_key(m)), j->a, out);
    tn_buf_c(out, "\nRows answered worse: ");
    put(r, "measured/rows_worse", TN_SHOW_COUNT, j->a, out);
    tn_buf_c(out, "; better: ");
    put(r, "measured/rows_better", TN_SHOW_COUNT, j->a, out);
    tn_buf_c(out, ".\n");
}

/* Front matter's numbers are read by machines as this folder's own: those of the f32 model leave, and what was measured of the
 * 8-bit weights takes their place, with its record. */
static void put_model_index(const job *j, tn_records *r, tn_buf *out)
{
    const tn_json *measured = tn_records_at(r, "int8.json#/measured");
    bool any = false;
    for (const tn_json *m = tn_json_first(measured); m; m = tn_json_next(m)) {
        const tn_metric_info *info = tn_metric_find(tn_json_key(m));
        tn_str at = tn_str_format(j->a, "int8.json#/measured/%.*s/int8", TN_ARG(tn_json_key(m)));
        double v;
        if (!info || !info->hub || !at.ptr || !tn_records_number(r, at.ptr, &v))
            continue;
        if (!any) {
            tn_buf_c(out, "model-index:\n- name: ");
            tn_json_write_str(tn_path_name(tn_str_of(j->o->out)), out);
            tn_buf_printf(out, "\n  results:\n  - task:\n      type: %s\n    dataset:\n      type: local\n      name: ", j->tag);
            tn_json_write_str(tn_path_name(tn_str_of(j->o->data)), out);
            tn_buf_c(out, "\n      split: validation\n    metrics:\n");
            any = true;
        }
        tn_buf_printf(out, "    - type: %s\n      name: %s\n      value: ", info->hub, info->hub_name);
        tn_show_number(v, tn_records_text(r, at.ptr), TN_SHOW_EXACT, out);
        tn_buf_printf(out, " # %.*s\n", TN_ARG(at));
    }
}

static void put_source(const job *j, tn_records *r, tn_str text, tn_buf *out)
{
    tn_str rest = text, line;
    bool front = false, skip = false;
    for (size_t n = 0; tn_str_cut(&rest, '\n', &line); n++) {
        bool fence = tn_str_is(line, "---");
        if (n == 0)
            front = fence;
        if (front && n > 0) {
            if (fence)
                put_model_index(j, r, out);
            front = !fence;
            bool own = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '-') && !fence; /* a list may stand at its key's own depth */
            skip = !fence && ((skip && own) || tn_str_starts(line, "model-index:"));
        }
        if (!skip)
            tn_buf_printf(out, "%.*s\n", TN_ARG(line));
    }
}

static tn_status write_card(const job *j, tn_err *err)
{
    const char *from = tn_path_join(j->a, j->o->model, "README.md"), *to = tn_path_join(j->a, j->dir, "README.md");
    tn_bytes text = {0};
    tn_records *r = NULL;
    tn_buf out = TN_BUF_INIT;
    if (!from || !to)
        return tn_fail_nomem(err, 64);
    if (tn_file_exists(from))
        TN_TRY(tn_file_read(from, MAX_README, j->a, &text, err));
    TN_TRY(tn_records_open(j->dir, &r, err));
    put_source(j, r, tn_str_from_bytes(text), &out);
    put_section(j, r, &out);
    tn_status st = tn_records_status(r, err);
    tn_records_close(r);
    if (st == TN_OK)
        st = tn_buf_status(&out, err);
    if (st == TN_OK)
        st = tn_file_write(to, tn_str_bytes(tn_buf_view(&out)), err);
    tn_buf_free(&out);
    return st;
}

/* ---- the whole ---- */

tn_status tn_export_decisions(const char *from, const char *to, tn_arena *a, tn_err *err)
{
    static const char *const name[] = {"thresholds.json", "question_answering.json"};
    for (size_t i = 0; i < TN_COUNT(name); i++) {
        const char *source = tn_path_join(a, from, name[i]), *target = tn_path_join(a, to, name[i]);
        if (!source || !target)
            return tn_fail_nomem(err, 64);
        if (tn_file_exists(source))
            TN_TRY(tn_file_copy(source, target, err));
    }
    return TN_OK;
}

/* An encoder where the folder has no trained head. */
static tn_status open_source(job *j, tn_err *err)
{
    size_t n_fresh;
    TN_TRY(tn_model_open(j->o->engine, j->o->model, NULL, &j->f32, err));
    tn_model_fresh(j->f32, &n_fresh);
    if ((j->is_encoder = n_fresh > 0)) {
        tn_model_close(j->f32);
        j->f32 = NULL;
        TN_TRY(tn_model_open(j->o->engine, j->o->model, &(tn_model_options){.encoder_only = true}, &j->f32, err));
    }
    return TN_OK;
}

static tn_status make(job *j, const tn_json **record, tn_err *err)
{
    tn_buf text = TN_BUF_INIT;
    const char *path = tn_path_join(j->a, j->dir, "int8.json");
    tn_status st = path ? TN_OK : tn_fail_nomem(err, 64);
    TN_GO(st);
    TN_GO(tn_model_save_in_bytes(j->f32, j->dir, err));
    TN_GO(tn_export_decisions(j->o->model, j->dir, j->a, err));
    TN_GO(tn_model_open(j->o->engine, j->dir, &(tn_model_options){.encoder_only = j->is_encoder}, &j->int8, err));
    TN_GO(write_record(j, &text, err));
    tn_str kept = tn_str_dup(j->a, tn_buf_view(&text));
    if (!kept.ptr)
        TN_GO(tn_fail_nomem(err, tn_buf_view(&text).len));
    TN_GO(tn_json_parse(kept, j->a, record, err));
    if (j->o->data && !(j->lost <= j->o->tolerance) && !j->o->anyway) {
        st = tn_fail(err, TN_ERULE, "8-bit weights lose %.4f of %s, and %.4f may be lost: nothing was written; --tolerance X allows more, --anyway any", j->lost, j->metric, j->o->tolerance);
        goto done;
    }
    TN_GO(tn_file_write(path, tn_str_bytes(kept), err));
    TN_GO(write_card(j, err));
    TN_GO(tn_file_replace_dir(j->dir, j->o->out, err));
done:
    tn_buf_free(&text);
    return st;
}

tn_status tn_export_in_bytes(const tn_export_options *o, tn_arena *a, const tn_json **record, tn_err *err)
{
    job j = {.o = o, .a = a};
    tn_findings findings = {0};
    tn_status st = TN_OK;
    *record = NULL;
    if (strcmp(o->model, o->out) == 0)
        return tn_fail(err, TN_EINVALID, "%s would be replaced by its own export; name another folder", o->out);
    j.dir = tn_str_format(a, "%s.tmp.%ld", o->out, (long)getpid()).ptr;
    if (!j.dir)
        return tn_fail_nomem(err, 256);
    TN_GO(tn_findings_init(&findings, err));
    j.findings = &findings;
    TN_GO(open_source(&j, err));
    st = make(&j, record, err);
done:
    tn_file_remove(j.dir, NULL);
    tn_model_close(j.int8);
    tn_model_close(j.f32);
    tn_dataset_free(&j.data);
    tn_findings_free(&findings);
    return st;
}
