/* Cards and report carry addresses; so checking them is: find each address, show its number in every form we have, and
 * see whether the page shows one of them just before (Markdown, YAML) or inside (HTML) the mark. */
#include "flow/verify.h"

#include "base/sha256.h"
#include "flow/task.h"
#include "record/folder.h"
#include "record/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *dir;
    tn_run_folder folder;
    tn_records *records;
    const tn_flow_task *task;
    tn_arena *arena;
    tn_findings *findings;
    tn_verify_counts *counts;
} check;

static tn_status complain(check *c, const char *rule, const char *path, uint32_t line, tn_str message, tn_str evidence, const char *remedy, tn_err *err)
{
    return tn_findings_add(c->findings,
                           (tn_finding){.rule = rule, .severity = TN_ERROR, .path = tn_str_of(path), .line = line, .message = message,
                                        .evidence = evidence, .remedy = tn_str_of(remedy)},
                           err);
}

static const char rewrite[] = "write the page again from its records: tenet report RUN -o RUN/report.html, tenet card RUN -o RUN/deploy/model/README.md, "
                              "tenet card RUN --data -o RUN/data/README.md";

/* ---- digests ---- */

static tn_status check_digest(check *c, const char *address, const char *record, tn_err *err)
{
    tn_str want = tn_records_text(c->records, address);
    char have[65] = "";
    if (tn_folder_digest(&c->folder, record, have, err) != TN_OK) {
        if (err->status == TN_ENOMEM)
            return err->status;
        return complain(c, "constraint-reproduce", record, 0, tn_str_format(c->arena, "%s is missing", record), TN_STR(""),
                        "restore it, or run again with --resume", err);
    }
    c->counts->n_digests++;
    if (tn_str_is(want, have))
        return TN_OK;
    return complain(c, "constraint-reproduce", record, 0, tn_str_format(c->arena, "%s is not what lock.json says", record),
                    tn_str_format(c->arena, "sha256 %s, locked %.*s", have, TN_ARG(want)), "the file was changed after the run: restore it, or run again", err);
}

static const tn_json *locked_file(const tn_json *list, tn_str name)
{
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v))
        if (tn_str_eq(tn_json_str(tn_json_get(v, "path")), name))
            return v;
    return NULL;
}

/* Each file that the lock names is as it was, and none has come: thresholds.json put beside a model changes its answers as
 * well as weights do. */
static tn_status check_artefact(check *c, tn_err *err)
{
    const tn_json *list = tn_records_at(c->records, "lock.json#/artefact");
    tn_str *name;
    size_t n, i = 0;
    if (tn_json_len(list) == 0)
        return complain(c, "constraint-reproduce", "lock.json", 0, TN_STR("lock.json names no files of the model"), TN_STR(""),
                        "remove lock.json and run again with --resume", err);
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        const char *record = tn_str_c(c->arena, tn_json_str(tn_json_get(v, "path"))), *address = tn_str_format(c->arena, "lock.json#/artefact/%zu/sha256", i++).ptr;
        if (!record || !address)
            return tn_fail_nomem(err, 64);
        if (!tn_path_is_safe(tn_str_of(record)))
            TN_TRY(complain(c, "constraint-reproduce", "lock.json", 0, TN_STR("lock.json names a file outside the run"), tn_str_of(record), "run again", err));
        else
            TN_TRY(check_digest(c, address, record, err));
    }
    TN_TRY(tn_folder_artefact(&c->folder, &name, &n, err));
    for (i = 0; i < n; i++)
        if (!locked_file(list, name[i]))
            TN_TRY(complain(c, "constraint-reproduce", name[i].ptr, 0, tn_str_format(c->arena, "%.*s is not in lock.json", TN_ARG(name[i])), TN_STR(""),
                            "the file came after the run: remove it, or run again", err));
    return TN_OK;
}

/* ---- numbers in pages ---- */

static uint32_t line_of(tn_str text, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text.ptr[i] == '\n';
    return line;
}

/* Whether `shown` ends (or is) the number at the address, in one of the forms a number is shown in. */
static bool shows(check *c, const char *address, tn_str shown, bool whole, tn_str *want)
{
    double v;
    *want = TN_STR("no such number");
    if (!tn_records_number(c->records, address, &v))
        return false;
    for (int how = TN_SHOW_3; how < TN_N_SHOWS; how++) {
        tn_buf b = TN_BUF_INIT;
        tn_show_number(v, tn_records_text(c->records, address), (tn_show)how, &b);
        tn_str form = tn_buf_view(&b), page = shown;
        /* In HTML a p-value's "<" is escaped; nothing else that we show needs it. */
        if (whole && tn_str_starts(form, "< ") && tn_str_starts(page, "&lt; ")) {
            form = tn_str_sub(form, 1, form.len);
            page = tn_str_sub(page, 4, page.len);
        }
        bool match = whole ? tn_str_eq(page, form) : shown.len >= form.len && memcmp(shown.ptr + shown.len - form.len, form.ptr, form.len) == 0;
        /* "10.812" must not pass for "0.812", nor "-0.812". */
        if (match && !whole && shown.len > form.len) {
            char before = shown.ptr[shown.len - form.len - 1];
            match = !(before >= '0' && before <= '9') && before != '.' && before != ',' && before != '-' && before != '+';
        }
        tn_buf_free(&b);
        if (match)
            return true;
    }
    *want = tn_records_text(c->records, address);
    return false;
}

static tn_status check_number(check *c, const char *page, tn_str text, size_t at, tn_str address, tn_str shown, bool whole, tn_err *err)
{
    tn_str want;
    const char *name = tn_str_c(c->arena, address);
    if (!name)
        return tn_fail_nomem(err, address.len);
    c->counts->n_numbers++;
    if (shows(c, name, shown, whole, &want))
        return TN_OK;
    shown = tn_str_sub(shown, shown.len > 24 ? shown.len - 24 : 0, shown.len);
    return complain(c, "govern-cards", page, line_of(text, at), tn_str_format(c->arena, "a number does not agree with its record %s", name),
                    tn_str_format(c->arena, "shown \"%.*s\", recorded %.*s", TN_ARG(shown), TN_ARG(want)), rewrite, err);
}

/* Markdown: `0.812 <!-- eval/metrics.json#/test/macro_f1 -->`; YAML: `value: 0.8125 # eval/...`. */
static tn_status check_numbers(check *c, const char *page, tn_str text, tn_err *err)
{
    for (size_t at = 0; (at = tn_str_find(text, TN_STR(" <!-- "), at)) != SIZE_MAX;) {
        size_t end = tn_str_find(text, TN_STR(" -->"), at);
        if (end == SIZE_MAX)
            break;
        tn_str address = tn_str_sub(text, at + 6, end);
        if (tn_str_find(address, TN_STR("#/"), 0) != SIZE_MAX)
            TN_TRY(check_number(c, page, text, at, address, tn_str_sub(text, at > 48 ? at - 48 : 0, at), false, err));
        at = end;
    }
    /* Prose may hold such a line by chance, front matter does not. */
    tn_str rest = text, line;
    bool front = tn_str_cut(&rest, '\n', &line) && tn_str_is(line, "---");
    while (front && tn_str_cut(&rest, '\n', &line) && !tn_str_is(line, "---")) {
        size_t mark = tn_str_find(line, TN_STR(" # "), 0), value = tn_str_find(line, TN_STR("value: "), 0);
        if (mark != SIZE_MAX && value != SIZE_MAX && value < mark)
            TN_TRY(check_number(c, page, text, (size_t)(line.ptr - text.ptr), tn_str_sub(line, mark + 3, line.len), tn_str_sub(line, value + 7, mark), true, err));
    }
    return TN_OK;
}

static tn_status check_markdown(check *c, const char *page, tn_err *err)
{
    return check_numbers(c, page, tn_records_text(c->records, page), err);
}

static tn_status check_html(check *c, const char *page, tn_err *err)
{
    tn_str text = tn_records_text(c->records, page), mark = TN_STR("data-record=\"");
    for (size_t at = 0; (at = tn_str_find(text, mark, at)) != SIZE_MAX;) {
        size_t from = at + mark.len, quote = tn_str_find(text, TN_STR("\">"), from), end = quote == SIZE_MAX ? SIZE_MAX : tn_str_find(text, TN_STR("</span>"), quote);
        if (end == SIZE_MAX)
            break;
        TN_TRY(check_number(c, page, text, at, tn_str_sub(text, from, quote), tn_str_sub(text, quote + 2, end), true, err));
        at = end;
    }
    return TN_OK;
}

/* A page that is gone or cannot be read holds no wrong number, and no right one either. */
static tn_status check_page(check *c, const char *page, tn_status (*look)(check *c, const char *page, tn_err *err), tn_err *err)
{
    const char *problem = tn_records_problem(c->records, page);
    if (tn_records_get(c->records, page))
        return look(c, page, err);
    return complain(c, "govern-cards", page, 0, tn_str_format(c->arena, "%s is missing or cannot be read", page), problem ? tn_str_of(problem) : TN_STR(""), rewrite, err);
}

/* ---- metrics from predictions ---- */

static tn_status check_metrics_of(check *c, const char *csv, const char *section, const tn_str *label, size_t n_labels, tn_err *err)
{
    tn_str text;
    double value[TN_TASK_MAX_METRICS];
    if (tn_folder_read(&c->folder, csv, c->arena, &text, err) != TN_OK)
        return err->status == TN_ENOENT ? complain(c, "constraint-evaluate", csv, 0, tn_str_format(c->arena, "%s is missing", csv), TN_STR(""),
                                                   "remove lock.json and run again with --resume", err)
                                        : err->status;
    tn_status st = c->task->rescore(text, label, n_labels, c->arena, value, err);
    if (st != TN_OK)
        return st == TN_ENOMEM ? st : complain(c, "constraint-evaluate", csv, 0, tn_str_of(err->msg), TN_STR(""), "remove lock.json and run again with --resume", err);
    for (size_t m = 0; c->task->metric[m]; m++) {
        char address[128];
        double recorded;
        if (isnan(value[m]))
            continue;
        snprintf(address, sizeof address, "eval/metrics.json#/%s/%s", section, c->task->metric[m]);
        c->counts->n_numbers++;
        if (!tn_records_number(c->records, address, &recorded) || recorded != value[m])
            TN_TRY(complain(c, "constraint-evaluate", csv, 0, tn_str_format(c->arena, "%s does not follow from %s", address, csv),
                            tn_str_format(c->arena, "computed %.17g", value[m]), "remove lock.json and run again with --resume", err));
    }
    return TN_OK;
}

static tn_status check_metrics(check *c, tn_err *err)
{
    const tn_json *list = tn_records_at(c->records, "eval/metrics.json#/labels");
    size_t n = tn_json_len(list), i = 0;
    tn_str *label = TN_ARENA_ARRAY(c->arena, tn_str, n + 1);
    if (!label)
        return tn_fail_nomem(err, n * sizeof *label);
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v))
        label[i++] = tn_json_str(v);
    if (!list)
        return complain(c, "constraint-evaluate", "eval/metrics.json", 0, TN_STR("eval/metrics.json is missing or has no labels"), TN_STR(""),
                        "remove lock.json and run again with --resume", err);
    TN_TRY(check_metrics_of(c, "eval/predictions.csv", "test", label, n, err));
    for (const tn_flow_baseline *b = c->task->baseline; b->name; b++) {
        tn_str csv = tn_str_format(c->arena, "eval/baseline-%s.csv", b->name), section = tn_str_format(c->arena, "baselines/%s", b->name);
        if (!csv.ptr || !section.ptr)
            return tn_fail_nomem(err, 64);
        TN_TRY(check_metrics_of(c, csv.ptr, section.ptr, label, n, err));
    }
    return TN_OK;
}

/* ---- the openings of the test ---- */

static tn_status check_opening(check *c, const char *who, tn_err *err)
{
    size_t n = tn_records_openings(c->records, who);
    return n == 1 ? TN_OK
                  : complain(c, "data-leak", "eval/openings.log", 0, tn_str_format(c->arena, "the test was opened %zu times by %s", n, who),
                             TN_STR("once is the rule"), "choices made after an opening have seen the test: say so where the figures are used", err);
}

static tn_status check_openings(check *c, tn_err *err)
{
    TN_TRY(check_opening(c, "model", err));
    for (const tn_flow_baseline *b = c->task->baseline; b->name; b++) {
        const char *who = tn_str_format(c->arena, "baseline:%s", b->name).ptr;
        TN_TRY(who ? check_opening(c, who, err) : tn_fail_nomem(err, 64));
    }
    return TN_OK;
}

/* The task by the run's own plan; one that the engine has no row for was edited, and its figures are then no one's. */
static const tn_flow_task *task_of(check *c)
{
    const tn_json *plan = tn_records_get(c->records, "plan.yaml");
    tn_str tag = {0}, problem = {0};
    tn_plan_str(plan, "task/tag", &tag, NULL);
    tn_plan_str(plan, "task/problem", &problem, NULL);
    const tn_flow_task *t = tn_flow_task_find(tag, problem);
    return t ? t : &tn_task_single_label;
}

tn_status tn_verify(const char *dir, tn_findings *findings, tn_verify_counts *counts, tn_err *err)
{
    static const char *const locked[][2] = {{"lock.json#/plan_sha256", "plan.yaml"},
                                            {"lock.json#/criteria_sha256", "criteria.json"},
                                            {"lock.json#/split_sha256", "data/split.csv"},
                                            {"lock.json#/weights_sha256", "deploy/model/model.safetensors"},
                                            {"lock.json#/metrics_sha256", "eval/metrics.json"},
                                            {"eval/metrics.json#/checkpoint_sha256", "deploy/model/model.safetensors"}};
    *counts = (tn_verify_counts){0};
    check c = {.dir = dir, .arena = tn_arena_new(0), .findings = findings, .counts = counts};
    tn_status st = TN_OK;
    if (!c.arena)
        return tn_fail_nomem(err, 65536);
    c.folder = (tn_run_folder){dir, c.arena};
    TN_GO(tn_records_open(dir, &c.records, err));
    if (!tn_records_get(c.records, "lock.json")) {
        const char *problem = tn_records_problem(c.records, "lock.json");
        st = tn_fail(err, TN_ENOENT, "%s holds no finished run: %s; `tenet run ... --resume` goes on with an unfinished one", dir,
                     problem ? problem : "lock.json is missing");
        goto done;
    }
    c.task = task_of(&c);
    for (size_t i = 0; i < TN_COUNT(locked); i++)
        TN_GO(check_digest(&c, locked[i][0], locked[i][1], err));
    TN_GO(check_artefact(&c, err));
    TN_GO(check_page(&c, "deploy/model/README.md", check_markdown, err));
    TN_GO(check_page(&c, "data/README.md", check_markdown, err));
    TN_GO(check_page(&c, "report.html", check_html, err));
    TN_GO(check_metrics(&c, err));
    TN_GO(check_openings(&c, err));
done:
    if (c.records && tn_records_status(c.records, NULL) != TN_OK)
        st = tn_records_status(c.records, err);
    tn_records_close(c.records);
    tn_arena_free(c.arena);
    return st;
}

tn_status tn_verify_page(const char *dir, const char *page, tn_str text, tn_findings *findings, tn_verify_counts *counts, tn_err *err)
{
    *counts = (tn_verify_counts){0};
    check c = {.dir = dir, .arena = tn_arena_new(0), .findings = findings, .counts = counts};
    if (!c.arena)
        return tn_fail_nomem(err, 65536);
    tn_status st = tn_records_open(dir, &c.records, err);
    if (st == TN_OK)
        st = check_numbers(&c, page, text, err);
    if (c.records && tn_records_status(c.records, NULL) != TN_OK)
        st = tn_records_status(c.records, err);
    tn_records_close(c.records);
    tn_arena_free(c.arena);
    return st;
}

/* A record against its other self; one that both lack differs too. */
static tn_status compare(const tn_run_folder *x, const tn_run_folder *y, const char *record, tn_findings *findings, size_t *n_same, tn_err *err)
{
    char p[65] = "missing", q[65] = "missing";
    tn_err ignored;
    (void)tn_folder_digest(x, record, p, &ignored);
    (void)tn_folder_digest(y, record, q, &ignored);
    if (strcmp(p, q) == 0 && strcmp(p, "missing") != 0) {
        ++*n_same;
        return TN_OK;
    }
    return tn_findings_add(findings,
                           (tn_finding){.rule = "constraint-reproduce", .severity = TN_ERROR, .path = tn_str_of(record),
                                        .message = tn_str_format(x->arena, "%s differs between the two runs", record),
                                        .evidence = tn_str_format(x->arena, "sha256 %s against %s", p, q), .remedy = TN_STR("find the first differing record: it names the stage")},
                           err);
}

static bool is_among(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

tn_status tn_verify_same_bytes(const char *a, const char *b, tn_findings *findings, size_t *n_same, tn_err *err)
{
    tn_arena *arena = tn_arena_new(0);
    tn_run_folder x = {a, arena}, y = {b, arena};
    const char *const *first, *const *second;
    tn_status st = arena ? TN_OK : tn_fail_nomem(err, 65536);
    *n_same = 0;
    TN_GO(st);
    TN_GO(tn_folder_same_bytes(&x, &first, err));
    TN_GO(tn_folder_same_bytes(&y, &second, err));
    for (const char *const *record = first; *record; record++)
        TN_GO(compare(&x, &y, *record, findings, n_same, err));
    for (const char *const *record = second; *record; record++)
        if (!is_among(first, *record))
            TN_GO(compare(&x, &y, *record, findings, n_same, err));
done:
    tn_arena_free(arena);
    return st;
}
