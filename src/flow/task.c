/* The table, and what several rows of it share. */
#include "flow/task.h"

#include <math.h>

static const tn_flow_task *const tasks[] = {&tn_task_single_label, &tn_task_multi_label, &tn_task_regression, &tn_task_tokens, &tn_task_answers};

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

tn_status tn_task_weighted_intervals(tn_task_weigh weigh, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_weighted w;
    tn_status st = scratch ? weigh(a, scratch, &w, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK)
        st = tn_interval_weights(&w, o, out, err);
    tn_arena_free(scratch);
    return st;
}

tn_status tn_task_weighted_difference(tn_task_weigh weigh, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o,
                                      tn_interval *out, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_weighted first, second;
    tn_interval all[TN_TASK_MAX_METRICS];
    tn_status st = scratch ? weigh(a, scratch, &first, err) : tn_fail_nomem(err, 65536);
    if (st == TN_OK)
        st = weigh(b, scratch, &second, err);
    if (st == TN_OK)
        st = tn_interval_weights_difference(&first, &second, o, all, err);
    if (st == TN_OK)
        *out = all[m];
    tn_arena_free(scratch);
    return st;
}
