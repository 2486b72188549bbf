/* Promises of flow/verify.h and flow/runs.h, on a run written by hand. */
#include "test.h"

#include "flow/runs.h"
#include "flow/verify.h"
#include "govern/card.h"
#include "report/report.h"
#include "small_run.h"

static void small_finished_run(const char *dir, tn_arena *a, tn_run_folder *f)
{
    tn_buf b = TN_BUF_INIT;
    tn_err err;
    small_run(dir, a, f);
    ASSERT_OK(tn_card_data(dir, a, &b, &err), &err);
    ASSERT_OK(tn_folder_write(f, "data/README.md", &b, &err), &err);
    ASSERT_OK(tn_card_model(dir, a, &b, &err), &err);
    ASSERT_OK(tn_folder_write(f, "deploy/model/README.md", &b, &err), &err);
    ASSERT_OK(tn_report_html(dir, a, &b, &err), &err);
    ASSERT_OK(tn_folder_write(f, "report.html", &b, &err), &err);
}

/* Replaces the first `old` in a record; `old` NULL removes the record. */
static void change(const tn_run_folder *f, tn_arena *a, const char *record, const char *old, const char *new)
{
    tn_str text;
    tn_err err;
    if (!old) {
        ASSERT_OK(tn_file_remove(tn_folder_path(f, record), &err), &err);
        return;
    }
    ASSERT_OK(tn_folder_read(f, record, a, &text, &err), &err);
    size_t at = tn_str_find(text, tn_str_of(old), 0);
    if (at == SIZE_MAX)
        fail_msg("%s holds no \"%s\"", record, old);
    small_put(f, record, tn_str_format(a, "%.*s%s%.*s", TN_ARG(tn_str_sub(text, 0, at)), new, TN_ARG(tn_str_sub(text, at + strlen(old), text.len))).ptr);
}

static void a_change_is_found(void **state)
{
    static const struct {
        const char *record, *old, *new, *rule; /* rule NULL: holds all the same */
    } row[] = {
        {"env.json", NULL, NULL, "govern-cards"}, /* the report shows its numbers */
        {"eval/slices.csv", "<1>", "<2>", NULL},  /* words, and no number */
        {"plan.yaml", "epochs", "epoch", "constraint-reproduce"},
        {"criteria.json", "0.7", "0.6", "constraint-reproduce"},
        {"data/split.csv", "train", "test", "constraint-reproduce"},
        {"deploy/model/model.safetensors", "w", "v", "constraint-reproduce"},
        {"deploy/model/model.safetensors", NULL, NULL, "constraint-reproduce"},
        {"deploy/model/thresholds.json", "0.25", "0.35", "constraint-reproduce"},
        {"deploy/model/thresholds.json", NULL, NULL, "constraint-reproduce"},
        {"lock.json", "deploy/model/thresholds.json", "deploy/model/../../x", "constraint-reproduce"},
        {"lock.json", "\"artefact\"", "\"others\"", "constraint-reproduce"},
        {"eval/predictions.csv", "r\"\"0", "r\"\"9", NULL}, /* an id that no metric looks at */
        {"eval/predictions.csv", "0.9", "0.95", "constraint-evaluate"},
        {"eval/baseline-ngram.csv", "0.9", "9", "constraint-evaluate"},
        {"eval/baseline-probe.csv", NULL, NULL, "constraint-evaluate"},
        {"eval/metrics.json", NULL, NULL, "constraint-evaluate"},
        {"eval/openings.log", "test model S\n", "test model S\n2026-01-01T00:00:01Z test model T\n", "data-leak"},
        {"eval/openings.log", NULL, NULL, "data-leak"},
        {"deploy/model/README.md", "0.750 <!-- eval/metrics.json#/test/accuracy", "-0.750 <!-- eval/metrics.json#/test/accuracy", "govern-cards"},
        {"deploy/model/README.md", "0.750 <!-- eval/metrics.json#/test/accuracy", "10.750 <!-- eval/metrics.json#/test/accuracy", "govern-cards"},
        {"deploy/model/README.md", "value: 0.75 # eval", "value: 0.76 # eval", "govern-cards"},
        {"deploy/model/README.md", "#/test/accuracy", "#/test/nothing", "govern-cards"},
        {"deploy/model/README.md", NULL, NULL, "govern-cards"},
        {"data/README.md", "<!-- data/pii.json", "<!-- ../../pii.json", "govern-cards"},
        {"report.html", ">0.750<", ">0.751<", "govern-cards"},
        {"report.html", NULL, NULL, "govern-cards"},
    };
    tn_verify_counts n;
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_findings findings;
    ASSERT_OK(tn_findings_init(&findings, &err), &err);
    small_finished_run("run", a, &f);
    for (size_t i = 0; i <= TN_COUNT(row); i++) {
        bool any = false;
        const char *kept = i < TN_COUNT(row) ? small_get(&f, row[i].record, a) : NULL;
        if (kept)
            change(&f, a, row[i].record, row[i].old, row[i].new);
        ASSERT_OK(tn_verify("run", &findings, &n, &err), &err);
        const char *rule = i < TN_COUNT(row) ? row[i].rule : NULL;
        for (size_t k = 0; k < findings.list.len; k++) {
            const tn_finding *x = &findings.list.ptr[k];
            any |= rule && strcmp(x->rule, rule) == 0;
            if (!rule)
                fail_msg("%.*s: %.*s (%.*s)", TN_ARG(x->path), TN_ARG(x->message), TN_ARG(x->evidence));
        }
        if (rule && !any)
            fail_msg("%s changed (%s): no finding of %s", row[i].record, row[i].new ? row[i].new : "removed", rule);
        tn_findings_clear(&findings);
        if (kept)
            small_put(&f, row[i].record, kept);
    }
    assert_true(n.n_digests == 8 && n.n_numbers > 100); /* of the last one, with nothing changed */
    /* The pages say how often the test was opened, by the record. */
    tn_buf page = TN_BUF_INIT;
    change(&f, a, "eval/openings.log", "test model S\n", "test model S\n2026-01-01T00:00:01Z test model T\n");
    ASSERT_OK(tn_card_model("run", a, &page, &err), &err);
    ASSERT_OK(tn_report_html("run", a, &page, &err), &err);
    size_t first = tn_str_find(tn_buf_view(&page), TN_STR("The test was opened 2 times"), 0);
    assert_true(first != SIZE_MAX && tn_str_find(tn_buf_view(&page), TN_STR("The test was opened 2 times"), first + 1) != SIZE_MAX);
    assert_true(tn_str_find(tn_buf_view(&page), TN_STR("opened once"), 0) == SIZE_MAX);
    tn_buf_free(&page);
    change(&f, a, "eval/openings.log", "2026-01-01T00:00:01Z test model T\n", "");
    /* A file that was not there, in a folder too; and what is a page is not locked. */
    static const char *const came[] = {"deploy/model/question_answering.json", "deploy/model/1_Pooling/config.json", "deploy/adapter/adapter_config.json"};
    ASSERT_OK(tn_file_mkdirs("run/deploy/model/1_Pooling", &err), &err);
    ASSERT_OK(tn_file_mkdirs("run/deploy/adapter", &err), &err);
    small_put(&f, "deploy/adapter/README.md", "# Adapters\n");
    for (size_t i = 0; i < TN_COUNT(came); i++) {
        small_put(&f, came[i], "{}");
        ASSERT_OK(tn_verify("run", &findings, &n, &err), &err);
        assert_int_equal(findings.list.len, 1);
        ASSERT_STR(findings.list.ptr[0].path, came[i]);
        tn_findings_clear(&findings);
        change(&f, a, came[i], NULL, NULL);
    }
    tn_findings_free(&findings);
    tn_arena_free(a);
}

static void no_run_is_an_error(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_findings findings;
    tn_verify_counts n;
    tn_err err;
    tn_json *v;
    ASSERT_OK(tn_findings_init(&findings, &err), &err);
    ASSERT_FAILS(tn_verify("nowhere", &findings, &n, &err), TN_ENOENT, &err);
    ASSERT_OK(tn_file_mkdirs("empty", &err), &err);
    ASSERT_FAILS(tn_verify("empty", &findings, &n, &err), TN_ENOENT, &err);
    ASSERT_FAILS(tn_runs_show("empty", a, &v, &err), TN_ENOENT, &err);
    tn_findings_free(&findings);
    tn_arena_free(a);
}

static void two_runs_are_compared_byte_by_byte(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f, g;
    tn_findings findings;
    tn_err err;
    size_t same;
    ASSERT_OK(tn_findings_init(&findings, &err), &err);
    small_finished_run("one", a, &f);
    small_finished_run("two", a, &g);
    ASSERT_OK(tn_verify_same_bytes("one", "two", &findings, &same, &err), &err);
    assert_int_equal(findings.list.len, 0);
    assert_int_equal(same, 12);
    change(&g, a, "criteria.json", "0.7", "0.8");
    change(&g, a, "tune/evals.jsonl", NULL, NULL);
    ASSERT_OK(tn_verify_same_bytes("one", "two", &findings, &same, &err), &err);
    assert_int_equal(findings.list.len, 2);
    assert_int_equal(same, 10);
    /* What only some runs have: other baselines in both, the record of seeds in one. */
    small_finished_run("three", a, &f);
    small_finished_run("four", a, &g);
    const tn_run_folder *both[] = {&f, &g};
    for (size_t i = 0; i < TN_COUNT(both); i++) {
        change(both[i], a, "eval/baseline-majority.csv", NULL, NULL);
        small_put(both[i], "eval/baseline-mean.csv", "id,label,predicted\n");
    }
    tn_findings_clear(&findings);
    ASSERT_OK(tn_verify_same_bytes("three", "four", &findings, &same, &err), &err);
    assert_int_equal(findings.list.len, 0);
    assert_int_equal(same, 12);
    small_put(&g, "tune/seeds.json", "{}\n");
    ASSERT_OK(tn_verify_same_bytes("three", "four", &findings, &same, &err), &err);
    assert_int_equal(findings.list.len, 1);
    ASSERT_STR(findings.list.ptr[0].path, "tune/seeds.json");
    tn_findings_free(&findings);
    tn_arena_free(a);
}

static void runs_are_listed_by_their_records(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_json *list, *run;
    tn_err err;
    small_run("runs/b", a, &f);
    small_run("runs/a", a, &f);
    change(&f, a, "lock.json", NULL, NULL);
    ASSERT_OK(tn_file_mkdirs("runs/none", &err), &err);
    ASSERT_OK(tn_runs_list("runs", a, &list, &err), &err);
    assert_int_equal(tn_json_len(list), 2);
    ASSERT_STR(tn_json_str(tn_json_pointer(list, "/0/status")), "unfinished");
    ASSERT_STR(tn_json_str(tn_json_pointer(list, "/1/run")), "b");
    ASSERT_STR(tn_json_str(tn_json_pointer(list, "/1/status")), "finished");
    ASSERT_OK(tn_runs_show("runs/b", a, &run, &err), &err);
    assert_non_null(tn_json_pointer(run, "/test/macro_f1"));
    ASSERT_OK(tn_runs_list("nowhere", a, &list, &err), &err);
    assert_int_equal(tn_json_len(list), 0);
    tn_arena_free(a);
}

static tn_status verify_and_forget(void)
{
    tn_findings findings = {0};
    tn_verify_counts n;
    tn_err err;
    tn_status st = tn_findings_init(&findings, &err);
    if (st == TN_OK)
        st = tn_verify("kept", &findings, &n, &err);
    tn_findings_free(&findings);
    return st;
}

static tn_status show_and_forget(void)
{
    tn_arena *a = tn_arena_new(0);
    tn_json *v;
    tn_err err;
    tn_status st = a ? tn_runs_show("kept", a, &v, &err) : TN_ENOMEM;
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_run_folder f;
    tn_status st;
    small_finished_run("kept", a, &f);
    tn_arena_free(a);
    FOR_EACH_FAILED_ALLOCATION(st, st = verify_and_forget());
    FOR_EACH_FAILED_ALLOCATION(st, st = show_and_forget());
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(a_change_is_found),
        cmocka_unit_test(no_run_is_an_error),
        cmocka_unit_test(two_runs_are_compared_byte_by_byte),
        cmocka_unit_test(runs_are_listed_by_their_records),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    enter_temp_folder();
    return cmocka_run_group_tests(test, NULL, NULL);
}
