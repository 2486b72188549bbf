/* The new folder is made beside `out` under a temporary name, opened as any reader would open it, measured, and only then
 * put in its place. Numbers are written once, into int8.json; the card is written from the record. */
#include "flow/export.h"

#include "base/file.h"
#include "base/sha256.h"
#include "data/dataset.h"
#include "eval/interval.h"
#include "eval/record.h"
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
    double lost; /* of the metric */
    tn_json_writer w;
} job;

/* ---- rows ---- */

static tn_status load_rows(job *j, tn_findings *findings, tn_err *err)
{
    const tn_config *c = tn_model_config(j->f32);
    tn_data_source source = {.path = j->o->data, .text = j->o->text, .use = TN_DATA_PREDICT};
    if (!j->is_encoder) {
        source.use = TN_DATA_EVAL;
        source.labels = c->label;
        source.n_labels = (size_t)c->n_labels;
    }
    TN_TRY(tn_dataset_load(&source, &j->data, findings, err));
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

static tn_status answers_of(job *j, tn_model *m, const tn_str *text, tn_outcomes *out, tn_err *err)
{
    int32_t n_labels = tn_model_config(m)->n_labels;
    float *p = tn_arena_array(j->a, j->n * (size_t)n_labels, sizeof *p);
    int32_t *label = TN_ARENA_ARRAY(j->a, int32_t, j->n), *predicted = TN_ARENA_ARRAY(j->a, int32_t, j->n);
    if (!p || !label || !predicted)
        return tn_fail_nomem(err, j->n * (size_t)n_labels * sizeof *p);
    TN_TRY(tn_model_predict(m, text, j->n, p, NULL, err));
    for (size_t i = 0; i < j->n; i++) {
        label[i] = j->data.row[j->row[i]].label;
        predicted[i] = tn_argmax(p + i * (size_t)n_labels, n_labels);
    }
    *out = (tn_outcomes){(int32_t)j->n, n_labels, label, predicted, p};
    return TN_OK;
}

static double metric_of(const tn_scores_class *s, tn_metric_id id)
{
    return id == TN_METRIC_ACCURACY ? s->accuracy : id == TN_METRIC_MACRO_F1 ? s->macro_f1 : s->log_loss;
}

/* Lost is what gets worse: less of a score, more of a loss. */
static tn_status measure_classifier(job *j, const tn_str *text, tn_err *err)
{
    static const tn_metric_id id[] = {TN_METRIC_MACRO_F1, TN_METRIC_ACCURACY, TN_METRIC_LOG_LOSS};
    tn_outcomes f32, int8;
    tn_scores_class of_f32, of_int8;
    TN_TRY(answers_of(j, j->f32, text, &f32, err));
    TN_TRY(answers_of(j, j->int8, text, &int8, err));
    TN_TRY(tn_classification_score(&f32, j->a, &of_f32, err));
    TN_TRY(tn_classification_score(&int8, j->a, &of_int8, err));
    int32_t n_same = 0;
    for (size_t i = 0; i < j->n; i++)
        n_same += f32.predicted[i] == int8.predicted[i];
    for (size_t i = 0; i < TN_COUNT(id); i++) {
        bool less = tn_metric_lower_is_better(id[i]);
        tn_interval lost;
        TN_TRY(tn_interval_difference(less ? &int8 : &f32, less ? &f32 : &int8, id[i],
                                      &(tn_interval_options){.pool = tn_engine_pool(j->o->engine)}, &lost, err));
        write_lost(j, tn_metric_name(id[i]), metric_of(&of_f32, id[i]), metric_of(&of_int8, id[i]), &lost);
        if (i == 0)
            j->lost = lost.value;
    }
    tn_jw_key(&j->w, "same_answer");
    tn_jw_i64(&j->w, n_same);
    return TN_OK;
}

static void mean_of(const void *self, const double *sum, int32_t n, double *value)
{
    value[0] = sum[0] / n;
}

/* The vectors need not be of length 1. */
static tn_status measure_encoder(job *j, const tn_str *text, tn_err *err)
{
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
    j->lost = lost.value;
    return TN_OK;
}

static const char *metric_name(const job *j)
{
    return j->is_encoder ? "cosine" : "macro_f1";
}

static tn_status measure(job *j, tn_err *err)
{
    tn_str *text;
    tn_digest digest;
    TN_TRY(row_texts(j, &text, err));
    TN_TRY(tn_dataset_digest(&j->data, &digest, err));
    tn_jw_key(&j->w, "measured");
    tn_jw_begin_object(&j->w);
    tn_jw_key(&j->w, "rows");
    tn_jw_u64(&j->w, j->n);
    tn_jw_key(&j->w, "data_sha256");
    tn_jw_c(&j->w, digest.hex);
    TN_TRY((j->is_encoder ? measure_encoder : measure_classifier)(j, text, err));
    tn_jw_key(&j->w, "metric");
    tn_jw_c(&j->w, metric_name(j));
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

static void put_metric(tn_records *r, const char *name, const char *title, tn_arena *a, tn_buf *out)
{
    static const char *const part[] = {"f32", "int8", "lost", "intervals/lost/low", "intervals/lost/high"};
    tn_buf_printf(out, "| %s |", title);
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        tn_str at = tn_str_format(a, "measured/%s/%s", name, part[i]);
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
        put_metric(r, "cosine", "mean cosine of a text's two vectors", j->a, out);
        return;
    }
    put_metric(r, "macro_f1", "macro F1", j->a, out);
    put_metric(r, "accuracy", "accuracy", j->a, out);
    put_metric(r, "log_loss", "log-loss", j->a, out);
    tn_buf_c(out, "\nRows with the same answer: ");
    put(r, "measured/same_answer", TN_SHOW_COUNT, j->a, out);
    tn_buf_c(out, ".\n");
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
    tn_buf_str(&out, tn_str_from_bytes(text));
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
    const tn_config *c = tn_model_config(j->f32);
    if (j->o->data && !j->is_encoder &&
        (c->task != TN_TASK_SEQUENCE || tn_config_problem(c) != TN_PROBLEM_SINGLE_LABEL))
        return tn_fail(err, TN_EINVALID, "%s is no classifier with one label a row; what 8-bit weights lose cannot be measured for other heads yet; leave --data out, and measure it by hand", j->o->model);
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
        st = tn_fail(err, TN_ERULE, "8-bit weights lose %.4f of %s, and %.4f may be lost: nothing was written; --tolerance X allows more, --anyway any", j->lost, metric_name(j), j->o->tolerance);
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
    TN_GO(open_source(&j, err));
    if (o->data)
        TN_GO(load_rows(&j, &findings, err));
    st = make(&j, record, err);
done:
    tn_file_remove(j.dir, NULL);
    tn_model_close(j.int8);
    tn_model_close(j.f32);
    tn_dataset_free(&j.data);
    tn_findings_free(&findings);
    return st;
}
