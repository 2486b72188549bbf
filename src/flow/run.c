/* A run is its folder. Preparation is cheap and a pure function of plan and data, so it is done anew each time; the
 * experiment too, because probes are state that no record carries. Tuning resumes from its own checkpoint; what follows
 * is done again unless the run is finished. plan.yaml's digest ties the folder to its plan: a folder made by another plan
 * is refused, never mixed. */
#include "flow/run.h"

#include "base/sha256.h"
#include "flow/task.h"
#include "flow/trainer.h"
#include "record/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 4 * 3 : (uint64_t)4 << 30; /* three quarters: others live here too */
}

static const tn_json *defaults_of(const tn_flow *f)
{
    return f->o->rules ? tn_rules_settings(f->o->rules)->defaults : NULL;
}

/* ---- questions at a terminal ---- */

static tn_status ask_questions(tn_flow *f, tn_str *text, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_buf_str(&b, *text);
    bool answered = false;
    for (const tn_plan_question *q = tn_plan_questions(); q->code; q++) {
        char line[1024];
        if (!tn_brief_is_missing(&f->brief, q->code) || strcmp(q->code, "data") == 0)
            continue;
        tn_progress_say(f->progress, "%s\n  (Enter: %s)", q->question, q->assumption);
        if (!fgets(line, sizeof line, stdin))
            break;
        line[strcspn(line, "\n")] = 0;
        if (line[0]) {
            tn_buf_printf(&b, "\n%s", line);
            answered = true;
        }
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK && answered) {
        *text = tn_str_dup(f->arena, tn_buf_view(&b));
        st = text->ptr ? TN_OK : tn_fail_nomem(err, b.len);
    }
    tn_buf_free(&b);
    if (st == TN_OK && answered) {
        tn_brief_free(&f->brief);
        st = tn_brief_parse_in(*text, f->o->path, defaults_of(f), f->arena, &f->brief, err);
    }
    return st;
}

/* ---- the plan ---- */

static tn_status keep_reading(tn_flow *f, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_brief_write(&f->brief, &w);
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        st = tn_json_parse(tn_buf_view(&b), f->arena, &f->out->brief, err);
    tn_buf_free(&b);
    return st;
}

static const char *text_or(tn_str s)
{
    return s.ptr ? s.ptr : "";
}

/* What has expired in tenet.yaml is an error of the rule that it excused. */
static tn_status find_expired(tn_flow *f, tn_err *err)
{
    size_t n = 0;
    const tn_finding *problem = f->o->rules ? tn_rules_problems(f->o->rules, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        tn_finding x = problem[i];
        x.path = TN_STR("tenet.yaml");
        x.rule = tn_str_dup(f->out->findings.arena, tn_str_of(x.rule)).ptr;
        if (!x.rule)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_findings_add(&f->out->findings, x, err));
    }
    return TN_OK;
}

/* A brief of pairs does not say whether they carry classes (entailment) or numbers (similarity): the label column does.
 * More than ten numbers, or any that is not whole, are a score. */
static tn_status tell_kind_of_pairs(tn_flow *f, const tn_json *source, tn_err *err)
{
    const tn_flow_task *classes = f->task;
    tn_err ignored = TN_ERR_INIT;
    size_t n_before = f->out->findings.list.len, n_distinct = 0;
    double seen[11];
    bool broken = false;
    (void)err;
    f->task = &tn_task_regression;
    if (tn_stage_load(f, source, TN_PLAN_VALIDATION_SHARE, TN_PLAN_TEST_SHARE, 0, &ignored) == TN_OK) {
        for (size_t r = 0; r < f->data.n_rows && n_distinct <= 10; r++) {
            double v = f->data.row[r].value;
            size_t k = 0;
            while (k < n_distinct && seen[k] != v)
                k++;
            if (k == n_distinct)
                seen[n_distinct++] = v;
            broken |= !(fabs(v) < 1e9) || v != (double)(int64_t)v;
        }
        tn_dataset_free(&f->data);
    }
    f->out->findings.list.len = n_before; /* they are told again by the load that counts */
    if (!broken && n_distinct <= 10)
        f->task = classes;
    return ignored.status == TN_ENOMEM || ignored.status == TN_EINTR ? tn_fail(err, ignored.status, "%s", ignored.msg) : TN_OK;
}

/* `text` grows by what a person answers: the run keeps the brief that its plan was made from. */
static tn_status plan_from_brief(tn_flow *f, tn_str *text, tn_err *err)
{
    TN_TRY(find_expired(f, err));
    TN_TRY(tn_brief_parse_in(*text, f->o->path, defaults_of(f), f->arena, &f->brief, err));
    if (f->o->ask)
        TN_TRY(ask_questions(f, text, err));
    TN_TRY(keep_reading(f, err));
    const tn_json *source = tn_json_get(f->brief.front, "data"), *model = tn_brief_front(&f->brief, "model", NULL, NULL);
    tn_plan_input in = {.brief = &f->brief, .brief_path = f->o->path, .rules = f->o->rules, .threads = tn_engine_threads(f->engine),
                        .isa = tn_engine_isa(f->engine), .memory = machine_memory()};
    tn_plan_data data = {0};
    f->pairs = tn_str_is(tn_plan_problem(&f->brief), "pair");
    f->task = tn_flow_task_find(tn_plan_tag(&f->brief), f->pairs ? TN_STR("single-label") : tn_plan_problem(&f->brief));
    if (source && f->task) {
        if (f->pairs)
            TN_TRY(tell_kind_of_pairs(f, source, err));
        TN_TRY(tn_stage_load(f, source, TN_PLAN_VALIDATION_SHARE, TN_PLAN_TEST_SHARE, 0, err));
        in.problem = f->pairs ? f->task->problem : NULL;
        TN_TRY(tn_stage_candidates(f, model ? tn_json_text(model) : TN_STR("select"), err));
        const tn_dataset *d = &f->data;
        tn_profile profile;
        TN_TRY(tn_profile_make(d, NULL, 0, f->arena, &profile, err));
        data = (tn_plan_data){
            .n_rows = d->n_rows, .n_train = f->n_row[TN_SPLIT_TRAIN], .text_column = text_or(d->text_column.name),
            .label_column = text_or(d->label_column.name), .id_column = text_or(d->id_column.name),
            .text_reason = text_or(d->text_column.why), .label_reason = text_or(d->label_column.why),
            .label = f->label, .n_labels = f->n_labels > 1 ? f->n_labels : f->data.n_labels, .has_validation = d->given[TN_SPLIT_VALIDATION], .has_test = d->given[TN_SPLIT_TEST],
            .language = text_or(profile.language_id)};
        in.data = &data;
        tn_plan_candidate *c = TN_ARENA_ARRAY(f->arena, tn_plan_candidate, f->n_candidates);
        if (!c)
            return tn_fail_nomem(err, f->n_candidates * sizeof *c);
        for (size_t i = 0; i < f->n_candidates; i++) {
            const tn_candidate *k = &f->candidate[i];
            c[i] = (tn_plan_candidate){k->id, k->revision, k->licence, k->languages, k->n_parameters, k->n_encoder, k->config.hidden_size,
                                       k->max_tokens, k->mean_tokens, tn_fit_name(k->fit.verdict), text_or(k->fit.reason)};
        }
        in.candidate = c;
        in.n_candidates = f->n_candidates;
    }
    TN_TRY(tn_plan_make(&in, f->arena, &f->plan, err));
    char *base = realpath(f->base, NULL);
    tn_json *where = tn_json_new_object(f->arena);
    bool ok = tn_json_set(f->arena, where, "value", tn_json_new_str(f->arena, tn_str_of(base ? base : f->base))) &&
              tn_json_set(f->arena, where, "origin", tn_json_new_str(f->arena, TN_STR("inferred"))) &&
              tn_json_set(f->arena, where, "reason", tn_json_new_str(f->arena, TN_STR("the brief's folder, where relative paths start")));
    free(base);
    tn_json *section = (tn_json *)tn_json_get(f->plan, "data"); /* the tree is ours: tn_plan_make built it */
    if (!ok || !tn_json_set(f->arena, section, "base", where))
        return tn_fail_nomem(err, 64);
    return in.data && f->task->describe ? f->task->describe(f, section, err) : TN_OK;
}

static const tn_flow_task *task_of_plan(const tn_flow *f)
{
    tn_str tag = {0}, problem = {0};
    tn_plan_str(f->plan, "task/tag", &tag, NULL);
    tn_plan_str(f->plan, "task/problem", &problem, NULL);
    return tn_flow_task_find(tag, problem);
}

static tn_status need_data(const tn_flow *f, tn_err *err)
{
    if (!tn_json_get(tn_json_get(f->plan, "data"), "source"))
        return tn_fail(err, TN_EINVALID, "%s names no data; put `data: FILE` into its front matter, between two lines of `---`", f->o->path);
    return TN_OK;
}

/* Rule constraint-compute: what cannot be done in the stated time is not begun. By the plan's own numbers, no clock. */
static tn_status check_budget(const tn_flow *f, tn_err *err)
{
    double minutes;
    int64_t seconds;
    if (tn_json_f64(tn_plan_at(f->plan, "compute/budget_minutes"), &minutes) && tn_json_i64(tn_plan_at(f->plan, "compute/estimated_seconds"), &seconds) &&
        (double)seconds > minutes * 60)
        return tn_fail(err, TN_ERULE, "constraint-compute: the run is estimated at %lld s, and the budget is %g minutes; fewer recipe/epochs, a smaller model, "
                                      "or a larger budget",
                       (long long)seconds, minutes);
    return TN_OK;
}

static tn_status load_by_plan(tn_flow *f, tn_err *err)
{
    double validation, test;
    int64_t seed;
    tn_str base, choice;
    TN_TRY(tn_plan_f64(f->plan, "data/validation_share", 0, 0.8, &validation, err));
    TN_TRY(tn_plan_f64(f->plan, "data/test_share", 0, 0.8, &test, err));
    TN_TRY(tn_plan_i64(f->plan, "data/split_seed", 0, INT64_MAX, &seed, err));
    TN_TRY(tn_plan_str(f->plan, "model/choice", &choice, err));
    if (tn_plan_str(f->plan, "data/base", &base, NULL) == TN_OK)
        f->base = tn_str_c(f->arena, base);
    TN_TRY(tn_stage_load(f, tn_plan_at(f->plan, "data/source"), validation, test, seed, err));
    if ((validation == 0 && !f->data.given[TN_SPLIT_VALIDATION]) || (test == 0 && !f->data.given[TN_SPLIT_TEST]))
        return tn_fail(err, TN_EINVALID, "plan: data/%s is 0, and the data brings no such split; a run needs both",
                       validation == 0 && !f->data.given[TN_SPLIT_VALIDATION] ? "validation_share" : "test_share");
    return tn_stage_candidates(f, choice, err);
}

/* ---- the folder ---- */

static tn_status open_folder(tn_flow *f, tn_str input, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    TN_TRY(tn_plan_write(f->plan, &b, err));
    tn_digest digest = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    memcpy(f->plan_digest, digest.hex, sizeof f->plan_digest);
    const char *dir = f->o->dir;
    if (!dir) {
        tn_str name = tn_path_name(tn_path_dir(tn_str_of(f->o->path)));
        bool unnamed = name.len == 0 || tn_str_is(name, ".") || tn_str_is(name, "..");
        dir = tn_str_format(f->arena, "runs/%.*s-%.8s", TN_ARG(unnamed ? TN_STR("run") : name), digest.hex).ptr;
    }
    tn_status st = dir ? TN_OK : tn_fail_nomem(err, 64);
    const char *plan_path = st == TN_OK ? tn_path_join(f->arena, dir, "plan.yaml") : NULL;
    if (st == TN_OK && !plan_path)
        st = tn_fail_nomem(err, 64);
    if (st == TN_OK && tn_file_exists(plan_path)) {
        tn_digest old;
        if (f->o->replace)
            st = tn_folder_empty(dir, f->arena, err);
        else if (!f->o->resume)
            st = tn_fail(err, TN_EINVALID, "%s holds a run already; --resume goes on with it, --replace starts it anew, --out DIR names another folder", dir);
        else if ((st = tn_sha256_file(plan_path, &old, err)) == TN_OK && strcmp(old.hex, digest.hex) != 0)
            st = tn_fail(err, TN_EINVALID, "%s was made by another plan; resume it with its own file (tenet run %s/plan.yaml --out %s --resume), or use another folder", dir, dir, dir);
    }
    if (st == TN_OK)
        st = tn_folder_make(dir, f->arena, &f->folder, err);
    f->out->dir = st == TN_OK ? f->folder.dir : NULL;
    if (st == TN_OK)
        st = tn_folder_write(&f->folder, "plan.yaml", &b, err);
    tn_buf_free(&b);
    if (st == TN_OK && f->brief.text.ptr) {
        tn_buf copy = TN_BUF_INIT;
        tn_buf_str(&copy, input);
        st = tn_folder_write(&f->folder, "brief.md", &copy, err);
    }
    return st;
}

/* The plan of any task is complete; only what the engine has can be run. For the others the same plan becomes a script. */
static tn_status hand_over(tn_flow *f, tn_str input, tn_err *err)
{
    tn_str tag, problem = TN_STR("");
    tn_buf script = TN_BUF_INIT;
    tn_err none = TN_ERR_INIT;
    TN_TRY(tn_plan_str(f->plan, "task/tag", &tag, err));
    bool classes = tn_str_is(tag, "text-classification"); /* other tasks have no problem */
    if (classes)
        TN_TRY(tn_plan_str(f->plan, "task/problem", &problem, err));
    const char *about = tn_str_format(f->arena, "the engine does not run %.*s%s%.*s yet: it has %.*s", TN_ARG(tag), classes ? ", " : "", TN_ARG(problem),
                                      TN_ARG(tn_flow_tasks_known(f->arena))).ptr;
    if (!about)
        return tn_fail_nomem(err, 256);
    if (tn_trainer_script(f->plan, &script, &none) != TN_OK) {
        tn_buf_free(&script);
        return tn_fail(err, TN_ERULE, "%s. The plan is complete: `tenet plan %s`; %s", about, f->o->path, none.msg);
    }
    if (f->o->select_only) {
        tn_buf_free(&script);
        return tn_fail(err, TN_ERULE, "%s, so no candidate can be measured. `tenet plan BRIEF --as trainer` writes the plan as a transformers script", about);
    }
    tn_status st = open_folder(f, input, err);
    if (st == TN_OK)
        st = tn_folder_write(&f->folder, "train.py", &script, err);
    else
        tn_buf_free(&script);
    f->out->dir = NULL; /* no run came of it */
    return st == TN_OK ? tn_fail(err, TN_ERULE, "%s. %s/plan.yaml is the complete plan, and %s/train.py does it in transformers: python train.py plan.yaml OUT",
                                 about, f->folder.dir, f->folder.dir)
                       : st;
}

/* A run is finished when every record is there: a resume has nothing left to do, and opens no test again. The rows must
 * be those that it was made from: the plan names the data, it does not hold it. */
static tn_status is_finished(const tn_flow *f, bool *finished, tn_err *err)
{
    static const char *const record[] = {"findings.jsonl",      "data/profile.json",        "data/licences.json", "experiment/candidates.csv", "experiment/baselines.json", "tune/evals.jsonl",
                                         "eval/metrics.json",   "eval/comparisons.json",    "eval/slices.csv",    "eval/errors.csv",           "eval/predictions.csv",      "deploy/bench.json",
                                         "deploy/model/README.md", "env.json",              "report.html",        "lock.json"};
    for (size_t i = 0; i < TN_COUNT(record); i++)
        if (!tn_folder_has(&f->folder, record[i])) {
            *finished = false;
            return TN_OK;
        }
    const tn_json *lock;
    tn_digest rows;
    TN_TRY(tn_folder_read_json(&f->folder, "lock.json", f->arena, &lock, err));
    TN_TRY(tn_dataset_digest(&f->data, &rows, err));
    if (!tn_json_is_str(tn_json_pointer(lock, "/preprocessing/sha256"), rows.hex))
        return tn_fail(err, TN_EINVALID, "%s is a finished run of other rows: the data changed since; --replace starts it anew, --out DIR keeps it", f->folder.dir);
    *finished = true;
    return TN_OK;
}

static tn_status recall(tn_flow *f, tn_err *err)
{
    tn_records *r;
    TN_TRY(tn_records_open(f->folder.dir, &r, err));
    tn_findings_clear(&f->out->findings);
    tn_status st = tn_records_findings(r, &f->out->findings, err);
    bool met = true;
    tn_str metric = tn_records_text(r, "criteria.json#/metric");
    for (const tn_json *v = tn_json_first(tn_records_at(r, "eval/comparisons.json#/comparisons")); v; v = tn_json_next(v))
        if (tn_str_eq(tn_json_str(tn_json_get(v, "metric")), metric))
            met &= tn_json_is_str(tn_json_get(v, "verdict"), "better");
    f->out->criteria_met = met && tn_findings_count(&f->out->findings, TN_ERROR) == 0;
    tn_records_close(r);
    tn_progress_say(f->progress, "This run is finished; nothing is left to do. --replace starts it anew");
    return st;
}

static tn_status finish(const tn_flow *f, tn_err *err)
{
    tn_flow_settle(f);
    if (tn_findings_count(&f->out->findings, TN_ERROR))
        return tn_fail(err, TN_ERULE, "the run is complete, but a rule or a stated threshold says no; see %s/findings.jsonl", f->folder.dir);
    return TN_OK;
}

static void say_understood(const tn_flow *f)
{
    if (!f->brief.facts.len)
        return;
    tn_progress_say(f->progress, "Understood from the brief:");
    for (size_t i = 0; i < f->brief.facts.len; i++) {
        const tn_fact *x = &f->brief.facts.ptr[i];
        tn_progress_say(f->progress, "  %-12s %-22.*s %s%.*s%s", x->field, TN_ARG(x->value), x->words.len ? "“" : "", TN_ARG(x->words),
                        x->words.len ? "”" : x->by_project ? "(tenet.yaml)" : "(front matter)");
    }
    for (const tn_plan_question *q = tn_plan_questions(); q->code; q++)
        if (tn_brief_is_missing(&f->brief, q->code))
            tn_progress_say(f->progress, "  assumed      %s", q->assumption);
}

static tn_status stages(tn_flow *f, tn_err *err)
{
    char labels[48] = "";
    if (f->n_labels > 1)
        snprintf(labels, sizeof labels, ", %zu %s", f->n_labels, f->data.n_labels == f->n_labels ? "classes" : "labels");
    tn_progress_say(f->progress, "Data: %zu rows%s; train %zu, validation %zu, test %zu, removed as copies %zu", f->data.n_rows, labels,
                    f->n_row[TN_SPLIT_TRAIN], f->n_row[TN_SPLIT_VALIDATION], f->n_row[TN_SPLIT_TEST], f->n_row[TN_SPLIT_REMOVED]);
    TN_TRY(tn_stage_check(f, err));
    TN_TRY(tn_stage_prepare(f, err));
    tn_progress_say(f->progress, "Experiment: models at hand, measured on the training rows");
    TN_TRY(tn_stage_experiment(f, err));
    if (f->o->select_only)
        return TN_OK;
    TN_TRY(tn_stage_tune(f, err));
    if (f->o->train_only)
        return TN_OK;
    TN_TRY(tn_stage_evaluate(f, err));
    return tn_stage_deploy(f, err);
}

tn_status tn_run(const tn_run_options *o, tn_run_result *out, tn_err *err)
{
    enum { MAX_INPUT = 4 << 20 };
    tn_flow f = {.o = o, .out = out, .engine = o->engine, .progress = o->progress, .start = tn_clock_seconds()};
    *out = (tn_run_result){.arena = tn_arena_new(0)};
    TN_TRY(tn_findings_init(&out->findings, err));
    if (!out->arena)
        return tn_fail_nomem(err, 65536);
    f.arena = out->arena;
    tn_bytes bytes = tn_str_bytes(o->text);
    tn_status st = TN_OK;
    if (!o->text.ptr)
        TN_GO(tn_file_read(o->path, MAX_INPUT, f.arena, &bytes, err));
    tn_str text = tn_str_from_bytes(bytes);
    f.base = tn_str_c(f.arena, tn_path_dir(tn_str_of(o->path)));
    bool is_plan = tn_str_ends(tn_str_of(o->path), ".yaml") || tn_str_ends(tn_str_of(o->path), ".yml");
    if (is_plan) {
        st = tn_plan_parse(text, f.arena, &f.plan, err);
        if (st != TN_OK)
            tn_fail_prefix(err, "%s", o->path);
        TN_GO(st);
    } else {
        TN_GO(plan_from_brief(&f, &text, err));
    }
    out->plan = f.plan;
    if (o->plan_only)
        goto done;
    say_understood(&f);
    f.task = task_of_plan(&f);
    if (!f.task)
        TN_GO(hand_over(&f, text, err));
    TN_GO(need_data(&f, err));
    TN_GO(check_budget(&f, err));
    if (is_plan)
        TN_GO(load_by_plan(&f, err));
    TN_GO(open_folder(&f, text, err));
    f.seconds[TN_STAGE_PREPARE] = tn_clock_seconds() - f.start;
    bool finished;
    TN_GO(is_finished(&f, &finished, err));
    TN_GO(finished ? recall(&f, err) : stages(&f, err));
    st = finish(&f, err);
done:
    tn_brief_free(&f.brief);
    tn_dataset_free(&f.data);
    return st;
}

void tn_run_result_free(tn_run_result *r)
{
    tn_findings_free(&r->findings);
    tn_arena_free(r->arena);
    r->arena = NULL;
}
