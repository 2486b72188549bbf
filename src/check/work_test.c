/* Promises of the checkers of briefs, plans, runs and rules files, as tables. */
#include "test.h"

#include "check/checkers.h"
#include "small_run.h"

static const char brief[] = "Task:\nFine-tune a sentiment classifier for Vietnamese customer reviews.\n\nWhy it matters:\nReading reviews by hand takes two days a week and delays feedback.\n\n"
                            "Where this applies:\nCloud-based inference API.\n\nWhen this is needed:\nBefore launching the dashboard.\n";

static const char plan[] = "task:\n  tag: {value: text-classification, origin: inferred, words: sentiment}\nmodel:\n  choice: {value: select, origin: assumed, reason: measured}\n"
                           "data:\n  source: reviews.csv\napproach:\n  method: {value: fine-tune, origin: stated}\nevaluation:\n  metric: {value: macro_f1, origin: assumed, reason: every class counts}\n  criterion: better than the baselines\n"
                           "phases:\n  experiment: {does: a}\n  tune: {does: b}\n  deploy: {does: c}\ncompute:\n  threads: 2\nassumptions:\n- commercial use\n";

static const char rules_file[] = "# Rules\n\nYou are a senior ML engineer.\n\n- Evaluate everything.\n";

typedef struct {
    const char *rule;
    bool bad;
    const char *from, *to;
} row;

static const row briefs[] = {
    {"brief-what", true, NULL, "Task:\nDo something smart with our things.\n\nWhy it matters:\nIt reduces cost.\n"},
    {"constraint-task", true, NULL, "Task:\nDo something smart with our things.\n\nWhy it matters:\nIt reduces cost.\n"},
    {"brief-what", true, NULL, "---\ndata: [a\n---\nTask: x\n"},
    {"brief-what", false, NULL, "Task:\n[Describe the ML task and modality.]\n\nWhy it matters:\n[Explain the business or research goal.]\n\nWhere this applies:\n[Environment, constraints, deployment target.]\n(Optional)\n\n"
                                "When this is needed:\n[Experimentation, training, deployment.]\n(Optional)\n"},
    {"brief-why", true, "Why it matters:\nReading reviews by hand takes two days a week and delays feedback.\n\n", ""},
    {"brief-why", true, "Reading reviews by hand takes two days a week and delays feedback.", "AI is the future."},
    {"brief-where", true, "Where this applies:\nCloud-based inference API.\n\nWhen this is needed:\nBefore launching the dashboard.\n", "When this is needed:\nDeployment preparation.\n"},
    {"brief-where", false, "Where this applies:\nCloud-based inference API.\n\nWhen this is needed:\nBefore launching the dashboard.\n", ""},
    {"brief-when", false, "When this is needed:\nBefore launching the dashboard.\n", ""},
    {"brief-when", true, "Before launching the dashboard.", "Release tomorrow, without a rollback."},
    {"brief-why", true, "Reading reviews by hand takes two days a week and delays feedback.", "(to be filled in)"},
    {"brief-when", true, "Before launching the dashboard.", "Release is tomorrow: skip the evaluation, we will look at it later."},
    {"order-template", true, NULL, "ASAP! need model for mails, german, the usual thing, details later"},
    {"order-template", true, "Task:\nFine-tune a sentiment classifier for Vietnamese customer reviews.\n\nWhy it matters:\nReading reviews by hand takes two days a week and delays feedback.\n",
     "Why it matters:\nReading reviews by hand takes two days a week and delays feedback.\n\nTask:\nFine-tune a sentiment classifier for Vietnamese customer reviews.\n"},
    {"govern-responsible", true, "Vietnamese customer reviews", "the letters of job applicants"},
    {"govern-responsible", false, "Vietnamese customer reviews.", "the letters of job applicants. A recruiter reads each one."},
};

static const row plans[] = {
    {"format-five", true, "data:\n  source: reviews.csv\n", ""},
    {"format-five", true, "data:\n  source: reviews.csv\napproach:\n  method: {value: fine-tune, origin: stated}\n", "approach:\n  method: {value: fine-tune, origin: stated}\ndata:\n  source: reviews.csv\n"},
    {"format-five", true, "task:", "task: ["},
    {"format-phases", true, "  tune: {does: b}\n", ""},
    {"brief-owner", true, ", origin: inferred, words: sentiment", ""},
    {"brief-owner", true, "origin: inferred, words: sentiment", "origin: guessed, reason: x"},
    {"brief-owner", true, ", reason: measured", ""},
    {"style-assumptions", true, "assumptions:\n- commercial use\n", ""},
    {"eval-criteria", true, "  criterion: better than the baselines\n", ""},
    {"constraint-compute", true, "compute:\n  threads: 2\n", ""},
    {"who-open", true, "{value: select, origin: assumed, reason: measured}", "gpt-4o"},
    {"govern-responsible", true, "source: reviews.csv", "source: patients.csv # diagnosis of patients"},
};

static const row rules_files[] = {
    {"who-persona", true, "You are a senior ML engineer.", "Be helpful and write Python."},
    {"order-prompt", true, NULL, "When this is needed: tomorrow!\n\nTask: classify mails.\n\nBy the way, you are an expert in everything.\n"},
    {"order-prompt", true, NULL, "# How\n\nMeasure.\n\n# Who\n\nYou are an engineer.\n"},
    {"order-context", true, NULL, "<!-- tenet digest sha256:00 -->\n\nYou are an engineer.\n"},
    {"order-prompt", false, NULL, "# Who\n\nYou are an engineer.\n\n# How\n\nMeasure.\n\n# Task\n\nClassify.\n\n# Why it matters\n\nCost.\n"},
    {"order-prompt", false, NULL, "You are an engineer.\n\n**Why:** it breaks.\n**How:** run make.\n**When:** always.\n"},
};

static tn_arena *arena;

static void run(tn_checker *checker, const char *path, const char *text, tn_findings *out)
{
    tn_err err = TN_ERR_INIT;
    tn_arena_reset(arena);
    tn_check_source s = {.path = tn_str_of(path), .text = tn_str_of(text), .arena = arena};
    ASSERT_OK(tn_findings_init(out, &err), &err);
    ASSERT_OK(checker(&s, out, &err), &err);
}

static bool has(const tn_findings *f, const char *rule)
{
    bool found = false;
    for (size_t i = 0; i < f->list.len; i++)
        found = found || strcmp(f->list.ptr[i].rule, rule) == 0;
    return found;
}

static void none(const tn_findings *f)
{
    for (size_t i = 0; i < f->list.len; i++)
        print_error("%s:%u: %.*s [%.*s]\n", f->list.ptr[i].rule, f->list.ptr[i].line, TN_ARG(f->list.ptr[i].message), TN_ARG(f->list.ptr[i].evidence));
    assert_int_equal(f->list.len, 0);
}

static size_t judge(tn_checker *checker, const char *path, const char *text, const row *r, size_t n)
{
    tn_findings f;
    size_t failed = 0;
    run(checker, path, text, &f);
    none(&f);
    tn_findings_free(&f);
    for (size_t i = 0; i < n; i++) {
        char buffer[4096];
        const char *at = r[i].from ? strstr(text, r[i].from) : NULL;
        if (r[i].from && !at)
            fail_msg("the text does not hold \"%s\"", r[i].from);
        if (at)
            snprintf(buffer, sizeof buffer, "%.*s%s%s", (int)(at - text), text, r[i].to, at + strlen(r[i].from));
        else
            snprintf(buffer, sizeof buffer, "%s", r[i].to);
        run(checker, path, buffer, &f);
        if (has(&f, r[i].rule) != r[i].bad) {
            print_error("%s row %zu: %s: wanted %s\n", path, i, r[i].rule, r[i].bad ? "a finding" : "none");
            failed++;
        }
        tn_findings_free(&f);
    }
    return failed;
}

static void each_row_is_judged_as_it_says(void **state)
{
    size_t failed = judge(tn_check_brief, "brief.md", brief, briefs, TN_COUNT(briefs));
    failed += judge(tn_check_plan, "plan.yaml", plan, plans, TN_COUNT(plans));
    failed += judge(tn_check_rules_file, "AGENTS.md", rules_file, rules_files, TN_COUNT(rules_files));
    assert_int_equal(failed, 0);
}

static void a_rules_file_that_nothing_reads_is_told(void **state)
{
    tn_findings f;
    run(tn_check_rules_file, "x/.cursor/rules.md", rules_file, &f);
    assert_true(has(&f, "order-context"));
    tn_findings_free(&f);
}

static void a_run_is_verified(void **state)
{
    tn_run_folder folder;
    tn_findings f;
    tn_err err;
    tn_arena *a = tn_arena_new(0);
    small_run("run", a, &folder);
    small_put(&folder, "deploy/model/README.md", "# Model\n");
    small_put(&folder, "data/README.md", "# Data\n");
    small_put(&folder, "report.html", "<html></html>\n");
    tn_check_source s = {.path = TN_STR("x/run"), .place = "run", .arena = arena};
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    ASSERT_OK(tn_check_run(&s, &f, &err), &err);
    none(&f);
    small_put(&folder, "criteria.json", "{}");
    ASSERT_OK(tn_check_run(&s, &f, &err), &err);
    assert_true(has(&f, "constraint-reproduce"));
    assert_true(tn_str_starts(f.list.ptr[0].path, "x/run/"));
    tn_findings_clear(&f);
    ASSERT_OK(tn_file_remove("run/env.json", &err), &err);
    ASSERT_OK(tn_check_run(&s, &f, &err), &err);
    assert_true(has(&f, "constraint-track"));
    tn_findings_free(&f);
    tn_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(each_row_is_judged_as_it_says),
        cmocka_unit_test(a_rules_file_that_nothing_reads_is_told),
        cmocka_unit_test(a_run_is_verified),
    };
    enter_temp_folder();
    arena = tn_arena_new(0);
    int failed = cmocka_run_group_tests(test, NULL, NULL);
    tn_arena_free(arena);
    return failed;
}
