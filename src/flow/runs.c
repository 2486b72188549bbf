#include "flow/runs.h"

#include "base/file.h"
#include "record/record.h"

#include <string.h>

typedef struct {
    tn_arena *a;
    tn_records *r;
    tn_json *out;
    bool ok;
} maker;

static void put(maker *m, const char *key, const char *address)
{
    const tn_json *v = tn_records_at(m->r, address);
    m->ok = m->ok && tn_json_set(m->a, m->out, key, v ? tn_json_dup(m->a, v) : tn_json_new_null(m->a));
}

static tn_status summarise(const char *dir, tn_str name, bool whole, tn_arena *a, tn_json **out, tn_err *err)
{
    maker m = {.a = a, .out = tn_json_new_object(a)};
    TN_TRY(tn_records_open(dir, &m.r, err));
    bool finished = tn_records_get(m.r, "lock.json") != NULL;
    m.ok = tn_json_set(a, m.out, "run", tn_json_new_str(a, name)) &&
           tn_json_set(a, m.out, "status", tn_json_new_str(a, finished ? TN_STR("finished") : TN_STR("unfinished")));
    put(&m, "finished", "env.json#/finished");
    put(&m, "task", "plan.yaml#/task/tag/value");
    put(&m, "model", "lock.json#/model/id");
    put(&m, "macro_f1", "eval/metrics.json#/test/macro_f1");
    put(&m, "accuracy", "eval/metrics.json#/test/accuracy");
    if (whole) {
        put(&m, "brief", "plan.yaml#/brief");
        put(&m, "recipe", "plan.yaml#/recipe");
        put(&m, "rows", "data/profile.json#/rows");
        put(&m, "candidates", "experiment/candidates.csv");
        put(&m, "criteria", "criteria.json");
        put(&m, "test", "eval/metrics.json#/test");
        put(&m, "baselines", "eval/metrics.json#/baselines");
        put(&m, "comparisons", "eval/comparisons.json#/comparisons");
        put(&m, "bench", "deploy/bench.json");
        put(&m, "findings", "findings.jsonl");
    }
    tn_status st = m.ok ? tn_records_status(m.r, err) : tn_fail_nomem(err, 4096);
    tn_records_close(m.r);
    *out = m.out;
    return st;
}

tn_status tn_runs_list(const char *dir, tn_arena *a, tn_json **out, tn_err *err)
{
    tn_str *name;
    size_t n;
    *out = tn_json_new_array(a);
    if (!*out)
        return tn_fail_nomem(err, 64);
    if (!tn_file_is_dir(dir))
        return TN_OK;
    TN_TRY(tn_file_list(dir, a, &name, &n, err));
    for (size_t i = 0; i < n; i++) {
        tn_json *v;
        const char *path = tn_path_join(a, dir, name[i].ptr), *plan = path ? tn_path_join(a, path, "plan.yaml") : NULL;
        if (!plan)
            return tn_fail_nomem(err, 64);
        if (!tn_file_exists(plan))
            continue;
        TN_TRY(summarise(path, name[i], false, a, &v, err));
        if (!tn_json_push(*out, v))
            return tn_fail_nomem(err, 64);
    }
    return TN_OK;
}

tn_status tn_runs_show(const char *run, tn_arena *a, tn_json **out, tn_err *err)
{
    const char *plan = tn_path_join(a, run, "plan.yaml");
    if (!plan)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(plan))
        return tn_fail(err, TN_ENOENT, "%s holds no run (plan.yaml is missing); `tenet runs list` shows them", run);
    return summarise(run, tn_path_name(tn_str_of(run)), true, a, out, err);
}
