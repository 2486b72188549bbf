#include "commands.h"

#include "base/file.h"
#include "check/check.h"
#include "check/walk.h"
#include "report/findings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_STDIN = 16 << 20, MAX_BASELINE = 64 << 20 };

typedef enum { AS_TEXT, AS_JSON, AS_SARIF, AS_JUNIT } form;

static tn_status read_form(const cli *c, form *out, tn_err *err)
{
    static const char *const name[] = {"text", "json", "sarif", "junit"};
    const char *asked = cli_get(c, "format");
    *out = c->json ? AS_JSON : AS_TEXT;
    for (size_t i = 0; asked && i < TN_COUNT(name); i++)
        if (strcmp(asked, name[i]) == 0) {
            *out = (form)i;
            return TN_OK;
        }
    return asked ? tn_fail(err, TN_EINVALID, "--format wants text, json, sarif or junit, not \"%s\"", asked) : TN_OK;
}

static tn_status read_kind(const cli *c, tn_kind *out, tn_err *err)
{
    const char *asked = cli_get(c, "kind");
    tn_buf known = TN_BUF_INIT;
    *out = TN_KIND_NONE;
    if (!asked || tn_kind_find(tn_str_of(asked), out))
        return TN_OK;
    for (int k = 1; k < TN_N_KINDS; k++)
        tn_buf_printf(&known, "%s%s", k > 1 ? ", " : "", tn_kind_name((tn_kind)k));
    tn_fail(err, TN_EINVALID, "--kind \"%s\" is none of %s", asked, known.ptr ? known.ptr : "");
    tn_buf_free(&known);
    return TN_EINVALID;
}

static tn_status read_severity(const cli *c, tn_severity *out, tn_err *err)
{
    const char *asked = cli_get(c, "min-severity");
    *out = TN_ADVICE;
    for (tn_severity s = TN_ADVICE; asked && s <= TN_ERROR; s++)
        if (strcmp(asked, tn_severity_name(s)) == 0) {
            *out = s;
            return TN_OK;
        }
    return asked ? tn_fail(err, TN_EINVALID, "--min-severity wants advice, warning or error, not \"%s\"", asked) : TN_OK;
}

static tn_status read_baseline(const cli *c, const tn_baseline **out, tn_err *err)
{
    const char *file = cli_get(c, "baseline");
    tn_baseline *b = NULL;
    tn_str text;
    if (file) {
        TN_TRY(tn_walk_read(file, MAX_BASELINE, c->arena, &text, err));
        if (tn_baseline_parse(text, c->arena, &b, err) != TN_OK)
            return tn_fail_prefix(err, "%s", file);
    }
    *out = b;
    return TN_OK;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* Counts, and what to do next. */
static void put_summary(const tn_check_result *r, bool wrote_baseline, tn_buf *b)
{
    size_t errors = tn_findings_count(&r->findings, TN_ERROR), warnings = tn_findings_count(&r->findings, TN_WARNING) - errors;
    size_t advice = r->findings.list.len - errors - warnings;
    for (size_t i = 0; i < r->n_skipped && i < 20; i++)
        tn_buf_printf(b, "not looked at: %.*s: %s\n", TN_ARG(r->skipped[i].path), r->skipped[i].why);
    if (r->n_skipped > 20)
        tn_buf_printf(b, "not looked at: %zu more\n", r->n_skipped - 20);
    if (r->cut)
        tn_buf_c(b, "not looked at: what is beyond 200,000 files or 64 folders deep; name smaller folders\n");
    tn_buf_printf(b, "%zu error%s, %zu warning%s, %zu advice in %zu file%s", errors, plural(errors), warnings, plural(warnings), advice, r->n_files,
                  plural(r->n_files));
    if (r->n_folders)
        tn_buf_printf(b, " and %zu folder%s", r->n_folders, plural(r->n_folders));
    if (r->n_known)
        tn_buf_printf(b, ", %zu known", r->n_known);
    if (r->n_waived)
        tn_buf_printf(b, ", %zu waived", r->n_waived);
    if (r->n_suppressed)
        tn_buf_printf(b, ", %zu suppressed with a reason", r->n_suppressed);
    tn_buf_char(b, '\n');
    if (r->n_files + r->n_folders == 0)
        tn_buf_c(b, "nothing here is of a kind that is checked; --kind says what a file is\n");
    else if (r->findings.list.len && !wrote_baseline)
        tn_buf_printf(b, "next: `tenet rules show %s` tells why and shows good and bad; --write-baseline FILE sets today's findings aside\n",
                      r->findings.list.ptr[0].rule);
}

static tn_status write_result(cli *c, const tn_check_result *r, const tn_rules *rules, form as, tn_err *err)
{
    tn_buf out = TN_BUF_INIT, summary = TN_BUF_INIT;
    const char *file = cli_get(c, "output"), *baseline = cli_get(c, "write-baseline");
    bool colour = !file && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    tn_status st = TN_OK;
    if (baseline) {
        tn_buf known = TN_BUF_INIT;
        st = tn_baseline_write(&r->findings, &known, err);
        if (st == TN_OK)
            st = cli_write(baseline, &known, err);
        else
            tn_buf_free(&known);
    }
    if (st != TN_OK)
        return st;
    put_summary(r, baseline != NULL, &summary);
    switch (as) {
    case AS_TEXT:
        tn_findings_text(&r->findings, colour, &out);
        if (!c->quiet) {
            tn_buf_c(&out, r->findings.list.len ? "\n" : "");
            tn_buf_str(&out, tn_buf_view(&summary));
        }
        break;
    case AS_JSON: tn_findings_json(&r->findings, &out); break;
    case AS_SARIF: st = tn_findings_sarif(&r->findings, rules, &out, err); break;
    case AS_JUNIT: tn_findings_junit(&r->findings, &out); break;
    }
    if (as != AS_TEXT && !c->quiet && summary.ptr)
        fputs(summary.ptr, stderr);
    tn_buf_free(&summary);
    if (st == TN_OK)
        return cli_write(file, &out, err);
    tn_buf_free(&out);
    return st;
}

static tn_status check_stdin(const cli *c, const tn_check_options *options, tn_check_result *out, tn_err *err)
{
    tn_bytes text;
    if (options->kind == TN_KIND_NONE || options->kind >= TN_KIND_DATA)
        return tn_fail(err, TN_EINVALID, "`tenet check -` wants --kind with a file's kind: python, notebook, answer, model-card ...");
    TN_TRY(tn_file_read("-", MAX_STDIN, c->arena, &text, err));
    return tn_check_text(TN_STR("-"), tn_str_from_bytes(text), options, out, err);
}

static tn_status check(cli *c, tn_err *err)
{
    tn_check_options options = {0};
    tn_check_result r = {0};
    tn_pool *pool = NULL;
    const char *here = ".", *project;
    const char *const *path = c->n_args ? c->arg : &here;
    int n = c->n_args ? c->n_args : 1;
    bool from_stdin = n == 1 && strcmp(path[0], "-") == 0;
    char today[11];
    form as;
    TN_TRY(read_form(c, &as, err));
    TN_TRY(read_kind(c, &options.kind, err));
    TN_TRY(read_severity(c, &options.min_severity, err));
    TN_TRY(read_baseline(c, &options.baseline, err));
    TN_TRY(tn_rules_project(from_stdin ? "." : path[0], c->arena, &project, err));
    tn_rules_today(today);
    TN_TRY(tn_rules_load(project, today, c->arena, &options.rules, err));
    TN_TRY(tn_pool_new(c->threads, &pool, err));
    options.pool = pool;
    tn_status st = from_stdin ? check_stdin(c, &options, &r, err) : tn_check_paths(path, (size_t)n, &options, &r, err);
    if (st == TN_OK) {
        st = write_result(c, &r, options.rules, as, err);
        if (st == TN_OK && !cli_get(c, "write-baseline") && tn_findings_count(&r.findings, TN_ERROR))
            st = TN_ERULE; /* the findings are the sentence */
        tn_check_result_free(&r);
    }
    tn_pool_free(pool);
    return st;
}

static const cli_option options[] = {
    {"kind", 'k', "KIND", "what it is, where name and text do not say: python, notebook, answer, model-card, data-card, brief, plan, rules-file, config; for folders data, run, model, repository"},
    {"format", 'f', "FORM", "text (default), json, sarif or junit"},
    {"min-severity", 0, "S", "advice (default), warning or error: what is below is not shown"},
    {"baseline", 0, "FILE", "leave out the findings that FILE knows"},
    {"write-baseline", 0, "FILE", "write all findings to FILE as known, and end with 0"},
    {"output", 'o', "FILE", "write there instead of to stdout"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_check = {
    "check",
    "[PATH...]",
    "find broken rules in code, notebooks, answers, cards, briefs, plans, runs, models, data, repositories",
    "Looks at files, and at everything below folders (default: the folder it is called in), but for what .gitignore leaves out, caches, environments\n"
    "and build outputs. `-` reads one text from stdin and wants --kind. Nothing is executed and nothing leaves the machine.\n\n"
    "A finding is answered in place, with a reason: `# tenet: ignore[data-leak] the reason` on its line or alone on the line before,\n"
    "`# tenet: ignore-file[...] the reason` for a file, `<!-- ... -->` in Markdown; or for a project with a date, in tenet.yaml.\n\n"
    "Ends with 1 when there is an error, 0 when there are only warnings and advice.",
    0, INT_MAX, options, check};
