#include "commands.h"

#include "base/file.h"
#include "flow/plan.h"
#include "flow/run.h"
#include "flow/trainer.h"
#include "flow/verify.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *own_path(const cli *c)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? tn_str_c(c->arena, (tn_str){path, (size_t)n}) : NULL;
}

static void print_findings(const tn_findings *f, tn_progress *progress)
{
    for (size_t i = 0; i < f->list.len; i++) {
        const tn_finding *x = &f->list.ptr[i];
        if (x->severity == TN_ADVICE)
            continue;
        tn_progress_say(progress, "%s %s: %.*s%s%.*s", tn_severity_name(x->severity), x->rule, TN_ARG(x->message), x->evidence.len ? ": " : "",
                        TN_ARG(x->evidence));
    }
}

static tn_status print_json(const tn_run_result *r, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "run");
    tn_jw_c(&w, r->dir);
    tn_jw_key(&w, "criteria_met");
    tn_jw_bool(&w, r->criteria_met);
    tn_jw_key(&w, "findings");
    tn_jw_i64(&w, (int64_t)r->findings.list.len);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return cli_write(NULL, &b, err);
}

static tn_status run(cli *c, tn_err *err)
{
    tn_run_options o = {.path = c->arg[0], .dir = cli_get(c, "out"), .resume = cli_get(c, "resume"), .replace = cli_get(c, "replace"),
                        .hub = {cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, .program = own_path(c), .ask = !c->quiet && !c->json && isatty(0) && isatty(2) && !cli_get(c, "yes"),
                        .progress = &c->progress};
    tn_run_result r = {0};
    if (o.resume && o.replace)
        return tn_fail(err, TN_EINVALID, "--resume goes on with a run, --replace starts it anew: give one of them");
    TN_TRY(cli_rules(c, tn_file_exists(o.path) ? o.path : NULL, &o.rules, err));
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_run(&o, &r, err);
    print_findings(&r.findings, &c->progress);
    if (r.dir && (st == TN_OK || st == TN_ERULE)) {
        if (c->json) {
            tn_status printed = print_json(&r, err);
            st = printed == TN_OK ? st : printed;
        } else {
            tn_progress_say(&c->progress, "Criterion fixed before training: %s", r.criteria_met ? "met" : "not met");
            const char *run_dir = cli_quoted(c, r.dir);
            const char *more = tn_json_is_str(tn_json_pointer(r.plan, "/task/tag/value"), "question-answering") ? " --context \"...\""
                               : tn_json_is_str(tn_json_pointer(r.plan, "/task/texts/value"), "pair")           ? " --pair \"...\""
                                                                                                                 : "";
            tn_progress_say(&c->progress, "Look at %s/report.html; try: tenet predict %s --text \"...\"%s; check: tenet verify %s", run_dir, run_dir, more, run_dir);
        }
    }
    if (st == TN_EINTR && r.dir)
        st = tn_fail(err, TN_EINTR, "interrupted; go on with: tenet run %s --out %s --resume", cli_quoted(c, o.path), cli_quoted(c, r.dir));
    tn_run_result_free(&r);
    tn_engine_free(o.engine);
    return st;
}

static const cli_option run_options[] = {
    {"out", 'o', "DIR", "the run folder; default runs/NAME-DIGEST"},
    {"resume", 0, NULL, "go on with the run that is in the folder"},
    {"replace", 0, NULL, "remove what an earlier run wrote in the folder first"},
    {"yes", 'y', NULL, "ask nothing: open questions become recorded assumptions"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_run = {
    "run", "BRIEF|PLAN [--out DIR] [--resume]", "the whole workflow: plan, data, model choice, fine-tuning, evaluation, cards, report",
    "BRIEF is Markdown: Task, Why it matters, Where this applies, When this is needed, in any order, with front matter for\n"
    "what prose cannot say (data: reviews.csv; recipe: {seeds: [0, 1], lora: {rank: 8}}, see docs/recipes.md). PLAN is a plan.yaml. Everything that was done lands in the run folder; the\n"
    "same inputs give the same bytes, whatever the threads, instruction set, or interruptions.",
    1, 1, run_options, run};

/* ---- train ---- */

static tn_status train(cli *c, tn_err *err)
{
    tn_run_options o = {.path = c->arg[0], .dir = cli_get(c, "out"), .resume = cli_get(c, "resume"), .replace = cli_get(c, "replace"),
                        .hub = {cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, .train_only = true, .progress = &c->progress};
    tn_run_result r = {0};
    if (!o.dir)
        return tn_fail(err, TN_EINVALID, "--out DIR is needed: where the tuned model and its records go");
    if (o.resume && o.replace)
        return tn_fail(err, TN_EINVALID, "--resume goes on with a training, --replace starts it anew: give one of them");
    TN_TRY(cli_rules(c, tn_file_exists(o.path) ? o.path : NULL, &o.rules, err));
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_run(&o, &r, err);
    print_findings(&r.findings, &c->progress);
    if (st == TN_OK && r.dir) {
        const char *dir = cli_quoted(c, r.dir);
        if (c->json)
            st = print_json(&r, err);
        tn_progress_say(&c->progress, "The tuned model is %s/tune/model; evaluate and release it: tenet run %s --out %s --resume", dir, cli_quoted(c, o.path), dir);
    }
    if (st == TN_EINTR && r.dir)
        st = tn_fail(err, TN_EINTR, "interrupted; go on with: tenet train %s --out %s --resume", cli_quoted(c, o.path), cli_quoted(c, r.dir));
    tn_run_result_free(&r);
    tn_engine_free(o.engine);
    return st;
}

static const cli_option train_options[] = {
    {"out", 'o', "DIR", "where the records and tune/model go"},
    {"resume", 0, NULL, "go on with the training that is in the folder"},
    {"replace", 0, NULL, "remove what an earlier run wrote in the folder first"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_train = {
    "train", "PLAN|BRIEF --out DIR [--resume]", "data, model choice and fine-tuning of a plan; the test stays closed",
    "The first stages of a run, into a folder of its form: `tenet run PLAN --out DIR --resume` goes on from there with the\n"
    "evaluation and the cards. What was trained and not evaluated is not released (constraint-evaluate).",
    1, 1, train_options, train};

/* ---- plan ---- */

static tn_status plan_run(cli *c, tn_err *err)
{
    const char *file = cli_get(c, "output"), *as = cli_get(c, "as");
    tn_run_options o = {.path = c->arg[0], .hub = {cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, .plan_only = true, .progress = &c->progress};
    tn_run_result r = {0};
    tn_buf b = TN_BUF_INIT;
    if (as && strcmp(as, "trainer") != 0)
        return tn_fail(err, TN_EINVALID, "--as %s: trainer is the one form that there is", as);
    if (as && c->json)
        return tn_fail(err, TN_EINVALID, "--as trainer prints a script, not JSON: give one of the two");
    TN_TRY(cli_rules(c, tn_file_exists(o.path) ? o.path : NULL, &o.rules, err));
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_run(&o, &r, err);
    tn_status planned = st;
    if (c->json && (r.brief || r.plan)) {
        tn_json_writer w;
        tn_jw_init(&w, &b, 0);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "brief");
        tn_jw_node(&w, r.brief);
        tn_jw_key(&w, "plan");
        tn_jw_node(&w, r.plan);
        tn_jw_end_object(&w);
        tn_buf_char(&b, '\n');
        st = TN_OK;
    } else if (st == TN_OK) {
        st = as ? tn_trainer_script(r.plan, &b, err) : tn_plan_write(r.plan, &b, err);
        planned = st;
    }
    if (st == TN_OK)
        st = cli_write(file, &b, err);
    tn_buf_free(&b);
    print_findings(&r.findings, &c->progress);
    tn_run_result_free(&r);
    tn_engine_free(o.engine);
    return st == TN_OK ? planned : st;
}

static const cli_option plan_options[] = {
    {"output", 'o', "FILE", "write the plan there instead of stdout"},
    {"as", 0, "FORM", "trainer: the equivalent script for transformers, which reads plan.yaml"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_plan = {
    "plan", "BRIEF|PLAN [-o FILE] [--as trainer]", "what a run would do: every value with its reason and origin, as plan.yaml",
    "Edit the file and run it: tenet run plan.yaml. With --json: {brief, plan}; the reading of the brief is there also when\n"
    "the brief is refused or names no data.",
    1, 1, plan_options, plan_run};

/* ---- reproduce ---- */

static tn_status reproduce(cli *c, tn_err *err)
{
    const char *out = cli_get(c, "out"), *dir = cli_folder(c, c->arg[0]);
    tn_findings findings = {0};
    tn_run_result r = {0};
    size_t n_same = 0;
    tn_run_options o = {.path = dir ? tn_path_join(c->arena, dir, "plan.yaml") : NULL, .dir = out ? out : dir ? tn_str_format(c->arena, "%s-again", dir).ptr : NULL, .replace = true,
                        .hub = {cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, .program = own_path(c), .progress = &c->progress};
    if (!dir || !o.path || !o.dir)
        return tn_fail_nomem(err, 64);
    char *here = realpath(dir, NULL), *there = realpath(o.dir, NULL);
    bool same = here && there && strcmp(here, there) == 0;
    free(here);
    free(there);
    if (same)
        return tn_fail(err, TN_EINVALID, "--out %s is the run itself; the second run needs another folder", o.dir);
    if (!tn_file_exists(o.path))
        return tn_fail(err, TN_ENOENT, "%s holds no run (plan.yaml is missing)", dir);
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_run(&o, &r, err);
    if (st == TN_ERULE)
        st = TN_OK; /* a threshold that was not met the first time is not met again: the bytes are what counts here */
    TN_GO(st);
    TN_GO(tn_findings_init(&findings, err));
    TN_GO(tn_verify_same_bytes(dir, o.dir, &findings, &n_same, err));
    print_findings(&findings, &c->progress);
    if (findings.list.len)
        st = tn_fail(err, TN_ERULE, "%zu records differ between %s and %s", findings.list.len, dir, o.dir);
    else
        tn_progress_say(&c->progress, "The same bytes: %zu records of %s and %s are equal", n_same, dir, o.dir);
done:
    tn_findings_free(&findings);
    tn_run_result_free(&r);
    tn_engine_free(o.engine);
    return st;
}

static const cli_option reproduce_options[] = {
    {"out", 'o', "DIR", "folder of the second run; default RUN-again"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_reproduce = {
    "reproduce", "RUN [--out DIR]", "run a run's plan again and compare the bytes",
    "Compared are split, criteria, training steps, evaluations, seeds, search, predictions, metrics, comparisons, thresholds and\n"
    "weights. Exit code 1 when one differs.",
    1, 1, reproduce_options, reproduce};

/* ---- verify ---- */

static tn_status verify(cli *c, tn_err *err)
{
    tn_findings findings = {0};
    tn_verify_counts n;
    tn_buf b = TN_BUF_INIT;
    tn_status st = tn_findings_init(&findings, err);
    TN_GO(st);
    TN_GO(tn_verify(c->arg[0], &findings, &n, err));
    if (c->json) {
        tn_json_writer w;
        tn_jw_init(&w, &b, 0);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "digests");
        tn_jw_u64(&w, n.n_digests);
        tn_jw_key(&w, "numbers");
        tn_jw_u64(&w, n.n_numbers);
        tn_jw_key(&w, "findings");
        tn_jw_begin_array(&w);
        for (size_t i = 0; i < findings.list.len; i++)
            tn_record_finding(&findings.list.ptr[i], &w);
        tn_jw_end_array(&w);
        tn_jw_end_object(&w);
        tn_buf_char(&b, '\n');
    } else {
        for (size_t i = 0; i < findings.list.len; i++) {
            const tn_finding *x = &findings.list.ptr[i];
            tn_buf_printf(&b, "%.*s:%u: %s %s: %.*s (%.*s)\n", TN_ARG(x->path), x->line, tn_severity_name(x->severity), x->rule, TN_ARG(x->message),
                          TN_ARG(x->evidence));
        }
        if (findings.list.len == 0 && !c->quiet)
            tn_buf_printf(&b, "%s holds: %zu digests and %zu numbers agree with their records\n", c->arg[0], n.n_digests, n.n_numbers);
    }
    TN_GO(cli_write(NULL, &b, err));
    if (findings.list.len)
        st = tn_fail(err, TN_ERULE, "%zu things do not hold in %s", findings.list.len, c->arg[0]);
done:
    tn_buf_free(&b);
    tn_findings_free(&findings);
    return st;
}

const cli_command cmd_verify = {
    "verify", "RUN", "check a finished run: digests, every number of cards and report, metrics from predictions",
    "Nothing is run again. Exit code 1 when something does not hold.", 1, 1, NULL, verify};
