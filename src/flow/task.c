/* The table, and what several rows of it share. */
#include "flow/task.h"

#include <math.h>
#include <string.h>

static const tn_flow_task *const tasks[] = {&tn_task_single_label};

const tn_flow_task *tn_flow_task_find(tn_str tag, tn_str problem)
{
    for (size_t i = 0; i < TN_COUNT(tasks); i++)
        if (tn_str_is(tag, tasks[i]->tag) && tn_str_is(problem, tasks[i]->problem))
            return tasks[i];
    return NULL;
}

tn_str tn_flow_tasks_known(tn_arena *a)
{
    tn_str all = TN_STR("");
    for (size_t i = 0; i < TN_COUNT(tasks); i++)
        all = tn_str_format(a, "%.*s%s%s%s%s", TN_ARG(all), i == 0 ? "" : i + 1 < TN_COUNT(tasks) ? ", " : " and ", tasks[i]->problem,
                            tasks[i]->problem[0] ? " " : "", tasks[i]->name);
    return all;
}

int tn_task_metric(const tn_flow_task *t, tn_str name)
{
    for (int i = 0; t->metric[i]; i++)
        if (tn_str_is(name, t->metric[i]))
            return i;
    return -1;
}

size_t tn_task_n_metrics(const tn_flow_task *t)
{
    size_t n = 0;
    while (t->metric[n])
        n++;
    TN_ASSERT(n <= TN_TASK_MAX_METRICS);
    return n;
}

size_t tn_task_n_baselines(const tn_flow_task *t)
{
    size_t n = 0;
    while (t->baseline[n].name)
        n++;
    return n;
}

tn_str tn_task_criteria(const tn_flow_task *t, tn_arena *a)
{
    tn_str all = TN_STR("");
    for (size_t i = 0; t->criterion[i]; i++)
        all = tn_str_format(a, "%.*s%s%s", TN_ARG(all), !i ? "" : t->criterion[i + 1] ? ", " : " and ", t->criterion[i]);
    return all;
}

bool tn_task_is_criterion(const tn_flow_task *t, tn_str metric)
{
    for (const char *const *c = t->criterion; *c; c++)
        if (tn_str_is(metric, *c))
            return true;
    return false;
}

void tn_task_write_metrics(const tn_flow_task *t, const tn_answers *a, tn_json_writer *w)
{
    tn_jw_key(w, "n");
    tn_jw_u64(w, a->n);
    for (size_t m = 0; t->metric[m]; m++) {
        tn_jw_key(w, t->metric[m]);
        tn_jw_f64(w, a->value[m]); /* null where it was not measured */
    }
}

void tn_task_write_intervals(const tn_flow_task *t, const tn_interval *interval, tn_json_writer *w)
{
    if (!interval)
        return;
    tn_jw_key(w, "intervals");
    tn_jw_begin_object(w);
    for (size_t m = 0; t->metric[m]; m++)
        if (!isnan(interval[m].value))
            tn_record_interval(t->metric[m], &interval[m], w);
    tn_jw_end_object(w);
}

tn_status tn_task_encode_texts(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1);
    TN_VEC(int32_t) ids = {0};
    tn_arena *scratch = tn_arena_new(0);
    int64_t limit = 0;
    tn_status st = tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &limit, err);
    if (st == TN_OK && (!start || !scratch))
        st = tn_fail_nomem(err, n * sizeof *start);
    tn_encode_options options = {.max_length = (uint32_t)(limit < tn_model_max_tokens(m) ? limit : tn_model_max_tokens(m))};
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        uint32_t *id = NULL;
        size_t n_ids = 0;
        tn_arena_reset(scratch);
        st = tn_tokenizer_ids(tn_model_tokenizer(m), f->data.row[row[i]].text, &options, scratch, &id, &n_ids, err);
        start[i] = ids.len;
        for (size_t k = 0; st == TN_OK && k < n_ids; k++)
            if (!TN_PUSH(&ids, (int32_t)id[k]))
                st = tn_fail_nomem(err, ids.cap * 2 * sizeof(int32_t));
    }
    int32_t *all = st == TN_OK ? TN_ARENA_ARRAY(a, int32_t, ids.len) : NULL;
    if (st == TN_OK && !all)
        st = tn_fail_nomem(err, ids.len * sizeof *all);
    if (st == TN_OK) {
        start[n] = ids.len;
        if (ids.len)
            memcpy(all, ids.ptr, ids.len * sizeof *all);
        *out = (tn_examples){.n_rows = (int32_t)n, .start = start, .ids = all};
    }
    TN_VEC_FREE(&ids);
    tn_arena_free(scratch);
    return st;
}
