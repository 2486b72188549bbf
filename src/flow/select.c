/* The selection is what the records say: nothing is measured here that a run would not measure and keep. */
#include "flow/select.h"

#include "base/file.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row of candidates.csv with its numbers as numbers; what was not measured is null. */
static tn_json *candidate(tn_arena *a, const tn_json *row)
{
    static const char *const number[] = {"parameters", "fertility", "unknown_rate", "lossy_rate", "truncated_share"};
    tn_json *out = tn_json_dup(a, row);
    bool ok = out != NULL;
    for (const tn_json *c = tn_json_first(row); ok && c; c = tn_json_next(c)) {
        bool is_number = tn_str_starts(tn_json_key(c), "probe_"); /* of the task's probe: probe_macro_f1, probe_r2; low and high */
        for (size_t i = 0; i < TN_COUNT(number); i++)
            is_number |= tn_str_is(tn_json_key(c), number[i]);
        if (!is_number)
            continue;
        const char *key = tn_str_c(a, tn_json_key(c));
        tn_str text = tn_json_str(c);
        double v;
        int64_t whole;
        ok = key && tn_json_set(a, out, key, tn_str_to_i64(text, &whole) ? tn_json_new_i64(a, whole)
                                            : tn_str_to_f64(text, &v)   ? tn_json_new_f64(a, v)
                                                                        : tn_json_new_null(a));
    }
    ok = ok && tn_json_set(a, out, "chosen", tn_json_new_bool(a, tn_json_is_str(tn_json_get(row, "chosen"), "yes")));
    return ok ? out : NULL;
}

static tn_json *findings_of(tn_arena *a, const tn_findings *f)
{
    tn_json *list = tn_json_new_array(a);
    tn_buf b = TN_BUF_INIT;
    for (size_t i = 0; list && i < f->list.len; i++) {
        tn_json_writer w;
        const tn_json *v = NULL;
        tn_buf_clear(&b);
        tn_jw_init(&w, &b, 0);
        tn_record_finding(&f->list.ptr[i], &w);
        if (tn_buf_status(&b, NULL) != TN_OK || tn_json_parse(tn_buf_view(&b), a, &v, NULL) != TN_OK || !tn_json_push(list, tn_json_dup(a, v)))
            list = NULL;
    }
    tn_buf_free(&b);
    return list;
}

static tn_status read_records(const char *dir, const tn_findings *findings, tn_arena *a, tn_json **out, tn_err *err)
{
    tn_records *r;
    TN_TRY(tn_records_open(dir, &r, err));
    tn_json *v = tn_json_new_object(a), *list = tn_json_new_array(a);
    tn_str chosen = TN_STR("");
    bool ok = v && list;
    for (const tn_json *c = tn_json_first(tn_records_get(r, "experiment/candidates.csv")); ok && c; c = tn_json_next(c)) {
        ok = tn_json_push(list, candidate(a, c));
        if (tn_json_is_str(tn_json_get(c, "chosen"), "yes"))
            chosen = tn_json_str(tn_json_get(c, "model"));
    }
    const tn_json *baselines = tn_records_at(r, "experiment/baselines.json#/baselines"), *licences = tn_records_at(r, "data/licences.json#/candidates");
    ok = ok && tn_json_set(a, v, "chosen", tn_json_new_str(a, chosen)) && tn_json_set(a, v, "candidates", list) &&
         tn_json_set(a, v, "baselines", baselines ? tn_json_dup(a, baselines) : tn_json_new_array(a)) &&
         tn_json_set(a, v, "use", tn_json_new_str(a, tn_records_text(r, "data/licences.json#/use"))) &&
         tn_json_set(a, v, "licences", licences ? tn_json_dup(a, licences) : tn_json_new_array(a)) &&
         tn_json_set(a, v, "findings", findings_of(a, findings));
    tn_status st = ok ? tn_records_status(r, err) : tn_fail_nomem(err, 4096);
    tn_records_close(r);
    *out = st == TN_OK ? v : NULL;
    return st;
}

tn_status tn_select(const tn_run_options *options, tn_arena *a, tn_json **out, tn_err *err)
{
    tn_run_options o = *options;
    tn_run_result result;
    const char *tmp = getenv("TMPDIR");
    char made[512] = "";
    *out = NULL;
    o.select_only = true;
    o.plan_only = false;
    if (!o.dir) {
        if (snprintf(made, sizeof made, "%s/tenet-select-XXXXXX", tmp && tmp[0] ? tmp : "/tmp") >= (int)sizeof made || !mkdtemp(made))
            return tn_fail_errno(err, "cannot make a temporary folder in %s", tmp && tmp[0] ? tmp : "/tmp");
        o.dir = made;
    }
    tn_status st = tn_run(&o, &result, err);
    if (st == TN_OK || (st == TN_ERULE && result.dir && tn_findings_count(&result.findings, TN_ERROR))) {
        /* Findings that say no do not hide what was measured. */
        tn_status read = read_records(o.dir, &result.findings, a, out, st == TN_OK ? err : NULL);
        if (*out && tn_json_len(tn_json_get(*out, "candidates")) == 0) {
            *out = NULL;
            read = tn_fail(st == TN_OK ? err : NULL, TN_ERULE, "no model was measured; `tenet hub ls` shows what is at hand");
        }
        st = *out ? TN_OK : st == TN_OK ? read : st;
    }
    tn_run_result_free(&result);
    if (made[0]) {
        tn_status removed = tn_file_remove(made, st == TN_OK ? err : NULL);
        st = st == TN_OK ? removed : st;
    }
    return st;
}
