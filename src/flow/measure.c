/* The evaluation's own functions over rows that nobody split: what a run does with its test, without its records. */
#include "flow/measure.h"

#include "flow/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const tn_flow_task *task_of(const tn_config *c)
{
    static const char *const problem[] = {[TN_PROBLEM_REGRESSION] = "regression", [TN_PROBLEM_SINGLE_LABEL] = "single-label", [TN_PROBLEM_MULTI_LABEL] = "multi-label"};
    switch (c->task) {
    case TN_TASK_TOKENS: return tn_flow_task_find(TN_STR("token-classification"), TN_STR(""));
    case TN_TASK_SPANS: return tn_flow_task_find(TN_STR("question-answering"), TN_STR(""));
    case TN_TASK_MASKED: return tn_flow_task_find(TN_STR("fill-mask"), TN_STR(""));
    case TN_TASK_SEQUENCE:
    case TN_TASK_OF_FOLDER: break;
    }
    return tn_flow_task_find(TN_STR("text-classification"), tn_str_of(problem[tn_config_problem(c)]));
}

/* What functions of a task may ask the plan for: its settings as assumed, and the model's own limit. */
static tn_status plan_of(tn_flow *f, const tn_model *m, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    static const char *const section[] = {"recipe", "evaluation"};
    const tn_json *plan;
    tn_buf_c(&b, "{");
    for (size_t s = 0; s < TN_COUNT(section); s++) {
        tn_buf_printf(&b, "%s\"%s\":{", s ? "}," : "", section[s]);
        if (s == 0)
            tn_buf_printf(&b, "\"max_tokens\":%d", (int)tn_model_max_tokens(m));
        for (const tn_flow_setting *x = f->task->setting; x && x->name; x++)
            if (strcmp(x->section, section[s]) == 0)
                tn_buf_printf(&b, "%s\"%s\":%s", tn_buf_view(&b).ptr[b.len - 1] == '{' ? "" : ",", x->name, x->json);
    }
    tn_buf_c(&b, "}}");
    tn_status st = tn_buf_status(&b, err);
    tn_str text = st == TN_OK ? tn_str_dup(f->arena, tn_buf_view(&b)) : (tn_str){0};
    tn_buf_free(&b);
    if (st == TN_OK)
        st = text.ptr ? tn_json_parse(text, f->arena, &plan, err) : tn_fail_nomem(err, 256);
    if (st == TN_OK && !(f->plan = tn_json_dup(f->arena, plan)))
        st = tn_fail_nomem(err, 256);
    return st;
}

static tn_status load_rows(tn_flow *f, const tn_measure_options *o, const tn_config *c, tn_err *err)
{
    tn_json *source = tn_json_new_object(f->arena);
    bool labels = f->task != &tn_task_regression && (c->task == TN_TASK_SEQUENCE || c->task == TN_TASK_OF_FOLDER);
    tn_data_source s = {.path = o->data, .text = o->text, .label = o->label, .id = o->id, .pair = o->pair, .use = TN_DATA_EVAL,
                        .labels = labels ? c->label : NULL, .n_labels = labels ? (size_t)c->n_labels : 0};
    if (source && o->label_columns) {
        tn_json *columns = tn_json_new_array(f->arena);
        bool ok = columns != NULL;
        if (f->task != &tn_task_multi_label)
            return tn_fail(err, TN_EINVALID, "--label-columns is for a model of several labels a text; %s is of %s", o->model, f->task->name);
        for (int32_t i = 0; ok && i < c->n_labels; i++)
            ok = tn_json_push(columns, tn_json_new_str(f->arena, c->label[i]));
        if (!ok || !tn_json_set(f->arena, source, "labels", columns))
            return tn_fail_nomem(err, 64);
    }
    if (!source || (o->separator && !tn_json_set(f->arena, source, "separator", tn_json_new_str(f->arena, tn_str_of(o->separator)))))
        return tn_fail_nomem(err, 64);
    return f->task->load(f, source, &s, err);
}

static tn_status test_rows(tn_flow *f, const tn_measure_options *o, tn_err *err)
{
    for (size_t r = 0; !f->data.given[TN_SPLIT_TEST] && r < f->data.n_rows; r++)
        f->data.row[r].split = TN_SPLIT_TEST;
    TN_TRY(tn_dataset_rows(&f->data, TN_SPLIT_TEST, f->arena, &f->row[TN_SPLIT_TEST], &f->n_row[TN_SPLIT_TEST], err));
    return f->n_row[TN_SPLIT_TEST] ? TN_OK : tn_fail(err, TN_EFORMAT, "%s: no row to measure on", o->data);
}

static tn_status validation_rows(tn_flow *f, const tn_measure_options *o, tn_err *err)
{
    bool named = false;
    for (int s = TN_SPLIT_TRAIN; s < TN_N_SPLITS; s++)
        named = named || f->data.given[s];
    for (size_t r = 0; !named && r < f->data.n_rows; r++)
        f->data.row[r].split = TN_SPLIT_VALIDATION;
    TN_TRY(tn_dataset_rows(&f->data, TN_SPLIT_VALIDATION, f->arena, &f->row[TN_SPLIT_VALIDATION], &f->n_row[TN_SPLIT_VALIDATION], err));
    if (f->n_row[TN_SPLIT_VALIDATION])
        return TN_OK;
    return named ? tn_fail(err, TN_EINVALID, "%s names its splits, and has no validation rows; the loss is measured on those", o->data)
                 : tn_fail(err, TN_EFORMAT, "%s: no row to measure on", o->data);
}

static tn_status open_task(tn_flow *f, const tn_measure_options *o, const tn_model *m, tn_err *err)
{
    f->task = task_of(tn_model_config(m));
    if (!f->task)
        return tn_fail(err, TN_EINVALID, "%s is of a task that is not measured here; %.*s are", o->model, TN_ARG(tn_flow_tasks_known(f->arena)));
    TN_TRY(plan_of(f, m, err));
    return load_rows(f, o, tn_model_config(m), err);
}

static tn_status write_result(tn_flow *f, const tn_measure_options *o, const tn_answers *a, const tn_interval *interval, tn_json **out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    const tn_json *v = NULL;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "model");
    tn_jw_c(&w, o->model);
    tn_jw_key(&w, "task");
    tn_jw_c(&w, f->task->tag);
    tn_jw_key(&w, "problem");
    tn_jw_c(&w, f->task->problem);
    tn_jw_key(&w, "signature");
    tn_jw_begin_object(&w);
    for (size_t m = 0; f->task->metric[m]; m++) {
        tn_jw_key(&w, f->task->metric[m]);
        tn_jw_c(&w, tn_metric_find(tn_str_of(f->task->metric[m]))->signature);
    }
    tn_jw_end_object(&w);
    tn_jw_key(&w, "labels");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < f->n_labels; i++)
        tn_jw_str(&w, f->label[i]);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "test");
    tn_status st = f->task->write_scores(f, a, interval, &w, err);
    tn_jw_end_object(&w);
    if (st == TN_OK)
        st = tn_buf_status(&b, err);
    tn_str text = st == TN_OK ? tn_str_dup(f->arena, tn_buf_view(&b)) : (tn_str){0};
    tn_buf_free(&b);
    if (st == TN_OK)
        st = text.ptr ? tn_json_parse(text, f->arena, &v, err) : tn_fail_nomem(err, 4096);
    *out = st == TN_OK ? tn_json_dup(f->arena, v) : NULL;
    return st == TN_OK && !*out ? tn_fail_nomem(err, 4096) : st;
}

tn_status tn_measure(const tn_measure_options *o, tn_findings *findings, tn_arena *a, tn_json **out, tn_buf *predictions, tn_err *err)
{
    tn_run_options options = {.engine = o->engine, .progress = o->progress};
    tn_run_result result = {.arena = a, .findings = *findings};
    tn_flow f = {.o = &options, .out = &result, .arena = a, .engine = o->engine, .progress = o->progress, .base = ".", .model_dir = o->model};
    tn_model *m = NULL;
    tn_interval interval[TN_TASK_MAX_METRICS];
    size_t n_fresh;
    tn_status st = tn_model_open(o->engine, o->model, &(tn_model_options){0}, &m, err);
    TN_GO(st);
    tn_model_fresh(m, &n_fresh);
    if (n_fresh) {
        st = tn_fail(err, TN_ERULE, "%s has no trained head (constraint-task): tune it first (tenet run)", o->model);
        goto done;
    }
    TN_GO(open_task(&f, o, m, err));
    TN_GO(test_rows(&f, o, err));
    tn_answers x = {.name = "model", .n = f.n_row[TN_SPLIT_TEST], .row = f.row[TN_SPLIT_TEST]};
    TN_GO(f.task->answer(&f, m, &x, a, "rows", err));
    TN_GO(f.task->measure(&f, &x, NULL, x.value, err));
    TN_GO(f.task->intervals(&f, &x, &(tn_interval_options){.n_resamples = o->n_resamples, .seed = o->seed, .pool = tn_engine_pool(o->engine)}, interval, err));
    TN_GO(write_result(&f, o, &x, interval, out, err));
    if (predictions)
        st = f.task->write_predictions(&f, &x, predictions, err);
done:
    *findings = result.findings;
    tn_model_close(m);
    tn_dataset_free(&f.data);
    return st;
}

/* ---- what another form loses ---- */

static tn_status answer_by(tn_flow *f, const char *dir, tn_model *m, const char *what, tn_answers *x, tn_err *err)
{
    *x = (tn_answers){.name = "model", .n = f->n_row[TN_SPLIT_VALIDATION], .row = f->row[TN_SPLIT_VALIDATION]};
    f->model_dir = dir;
    TN_TRY(f->task->answer(f, m, x, f->arena, what, err));
    return f->task->measure(f, x, NULL, x->value, err);
}

static tn_status lose(tn_flow *f, const tn_answers *whole, const tn_answers *other, size_t m, const tn_interval_options *o, tn_measured_loss *out, tn_err *err)
{
    const tn_metric_info *info = tn_metric_find(tn_str_of(f->task->metric[m]));
    bool less = info && info->lower_is_better;
    struct tn_lost *x = &out->metric[out->n];
    if (isnan(whole->value[m]) || isnan(other->value[m]))
        return TN_OK;
    *x = (struct tn_lost){.name = f->task->metric[m], .whole = whole->value[m], .other = other->value[m]};
    TN_TRY(f->task->difference(f, less ? other : whole, less ? whole : other, m, o, &x->lost, err));
    if (!less && out->by == TN_LOST_MAX)
        out->by = out->n;
    out->n++;
    return TN_OK;
}

static tn_status count_rows(tn_flow *f, const tn_answers *whole, const tn_answers *other, tn_measured_loss *out, tn_err *err)
{
    double *x = TN_ARENA_ARRAY(f->arena, double, whole->n), *y = TN_ARENA_ARRAY(f->arena, double, whole->n);
    if (!x || !y)
        return tn_fail_nomem(err, whole->n * sizeof *x);
    f->task->goodness(f, whole, x);
    f->task->goodness(f, other, y);
    for (size_t i = 0; i < whole->n; i++) {
        out->n_worse += y[i] < x[i];
        out->n_better += y[i] > x[i];
    }
    return TN_OK;
}

tn_status tn_measure_lost(const tn_measure_options *o, tn_model *m, const char *dir, tn_model *other, tn_findings *findings, tn_arena *a, tn_measured_loss *out,
                          tn_err *err)
{
    tn_run_options options = {.engine = o->engine, .progress = o->progress};
    tn_run_result result = {.arena = a, .findings = *findings};
    tn_flow f = {.o = &options, .out = &result, .arena = a, .engine = o->engine, .progress = o->progress, .base = "."};
    tn_interval_options interval = {.n_resamples = o->n_resamples, .seed = o->seed, .pool = tn_engine_pool(o->engine)};
    tn_answers x, y;
    tn_digest digest;
    tn_status st;
    *out = (tn_measured_loss){.by = TN_LOST_MAX};
    TN_GO(open_task(&f, o, m, err));
    TN_GO(validation_rows(&f, o, err));
    TN_GO(tn_dataset_digest(&f.data, &digest, err));
    memcpy(out->data_sha256, digest.hex, sizeof out->data_sha256);
    out->n_rows = f.n_row[TN_SPLIT_VALIDATION];
    out->tag = f.task->tag;
    out->items = f.task->items;
    TN_GO(answer_by(&f, o->model, m, "rows, f32", &x, err));
    TN_GO(answer_by(&f, dir, other, "rows, int8", &y, err));
    for (const char *const *c = f.task->criterion; *c; c++)
        TN_GO(lose(&f, &x, &y, (size_t)tn_task_metric(f.task, tn_str_of(*c)), &interval, out, err));
    int loss = tn_task_metric(f.task, TN_STR("log_loss"));
    if (loss >= 0 && !tn_task_is_criterion(f.task, TN_STR("log_loss")))
        TN_GO(lose(&f, &x, &y, (size_t)loss, &interval, out, err));
    TN_GO(count_rows(&f, &x, &y, out, err));
    if (out->by == TN_LOST_MAX)
        out->by = 0;
    if (out->n == 0)
        st = tn_fail(err, TN_EINVALID, "%s: nothing could be measured on these rows", o->data);
done:
    *findings = result.findings;
    tn_dataset_free(&f.data);
    return st;
}
