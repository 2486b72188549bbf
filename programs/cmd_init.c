/* init, rules emit, rules verify: the files that assistants read (flow/assistants.h). */
#include "commands.h"

#include "base/file.h"
#include "codec/json.h"
#include "flow/assistants.h"
#include "report/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void member(tn_json_writer *w, const char *key, tn_str value)
{
    tn_jw_key(w, key);
    tn_jw_str(w, value);
}

/* ---- writing ---- */

static tn_status print_written(const cli *c, const tn_written *file, size_t n, tn_err *err)
{
    static const char *const what[] = {[TN_FILE_NEW] = "written", [TN_FILE_CHANGED] = "updated", [TN_FILE_SAME] = "up to date",
                                       [TN_FILE_KEPT] = "kept as it is", [TN_FILE_LINK] = "the same file, by a link"};
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    if (c->json)
        tn_jw_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (file[i].edited && !c->quiet)
            fprintf(stderr, "%s: %s\n", file[i].path, file[i].edited);
        if (c->json) {
            tn_jw_begin_object(&w);
            member(&w, "path", tn_str_of(file[i].path));
            member(&w, "what", tn_str_of(what[file[i].what]));
            tn_jw_end_object(&w);
        } else if (!c->quiet) {
            tn_buf_printf(&b, "%-32s %s\n", file[i].path, what[file[i].what]);
        }
    }
    if (c->json) {
        tn_jw_end_array(&w);
        tn_buf_char(&b, '\n');
    }
    return cli_write(NULL, &b, err);
}

static tn_status init(cli *c, tn_err *err)
{
    const char *dir = c->n_args ? cli_folder(c, c->arg[0]) : ".", *list = cli_get(c, "for");
    const tn_rules *rules;
    uint32_t files = 0;
    char today[11];
    tn_written *written;
    size_t n;
    if (!dir)
        return tn_fail_nomem(err, 64);
    /* Of this folder, not of a project around it: it becomes a project itself. */
    tn_rules_today(today);
    TN_TRY(tn_rules_load(dir, today, c->arena, &rules, err));
    if (!list || strcmp(list, "none") != 0)
        TN_TRY(tn_assistants_choose(list, rules, &files, err));
    TN_TRY(tn_file_mkdirs(dir, err));
    TN_TRY(tn_assistants_write(dir, rules, files, true, c->arena, &written, &n, err));
    TN_TRY(print_written(c, written, n, err));
    const char *brief = tn_path_join(c->arena, dir, "brief.md");
    if (brief && written[0].what == TN_FILE_NEW && !c->quiet && !c->json)
        fprintf(stderr, "next: fill in %s, with your data in front of it (three lines: ---, data: FILE, ---); then: tenet plan %s\n", brief,
                cli_quoted(c, brief));
    return TN_OK;
}

/* One assistant's text on standard output: the first of its files, as it is where no file was. */
static tn_status print_one(cli *c, const tn_rules *rules, uint32_t files, tn_err *err)
{
    size_t n, i = 0;
    tn_str text;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    const tn_assistant_file *file = tn_assistant_files(&n);
    while (!(files >> i & 1))
        i++;
    for (size_t k = i + 1; k < n; k++)
        if ((files >> k & 1) && strcmp(file[k].assistant, file[i].assistant) != 0)
            return tn_fail(err, TN_EINVALID, "standard output takes the text of one assistant; several go into a folder: tenet rules emit -o DIR");
    TN_TRY(tn_assistants_merge(rules, &file[i], NULL, c->arena, &text, err));
    if (!c->json)
        return cli_out(text, err);
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_object(&w);
    member(&w, "path", tn_str_of(file[i].path));
    member(&w, "text", text);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    return cli_write(NULL, &b, err);
}

static tn_status emit(cli *c, tn_err *err)
{
    const char *dir = cli_get(c, "output"), *list = cli_get(c, "for");
    const tn_rules *rules;
    uint32_t files;
    tn_written *written;
    size_t n;
    TN_TRY(cli_rules(c, dir, &rules, err));
    TN_TRY(tn_assistants_choose(list || dir ? list : "agents", rules, &files, err));
    if (!dir)
        return print_one(c, rules, files, err);
    TN_TRY(tn_assistants_write(dir, rules, files, false, c->arena, &written, &n, err));
    return print_written(c, written, n, err);
}

/* ---- verifying ---- */

/* As the project weighs them: severities, a rule that is off, waivers. */
static void weigh(tn_findings *f, const tn_rules *rules)
{
    size_t n = 0;
    for (size_t i = 0; i < f->list.len; i++) {
        tn_finding x = f->list.ptr[i];
        const tn_rule *rule = tn_rules_find(rules, tn_str_of(x.rule));
        x.severity = rule->severity;
        if (!rule->off && !tn_rules_waiver(rules, &x))
            f->list.ptr[n++] = x;
    }
    f->list.len = n;
}

static tn_status print_findings(const cli *c, const tn_findings *f, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    size_t n = f->list.len;
    if (c->json)
        tn_findings_json(f, &b);
    else if (n)
        tn_findings_text(f, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), &b);
    else if (!c->quiet)
        tn_buf_c(&b, "the rules files say what the rules say\n");
    TN_TRY(cli_write(NULL, &b, err));
    return n ? tn_fail(err, TN_ERULE, "%zu finding%s of order-context", n, n == 1 ? "" : "s") : TN_OK;
}

static tn_status verify(cli *c, tn_err *err)
{
    const char *dir = c->n_args ? cli_folder(c, c->arg[0]) : ".", *list = cli_get(c, "for");
    const tn_rules *rules;
    uint32_t files = 0;
    tn_findings f;
    if (!dir)
        return tn_fail_nomem(err, 64);
    TN_TRY(cli_rules(c, dir, &rules, err));
    if (list)
        TN_TRY(tn_assistants_choose(list, rules, &files, err));
    TN_TRY(tn_findings_init(&f, err));
    tn_status st = tn_assistants_verify(dir, rules, files, c->arena, &f, err);
    if (st == TN_OK) {
        weigh(&f, rules);
        st = print_findings(c, &f, err);
    }
    tn_findings_free(&f);
    return st;
}

#define FOR_OPTION(more)                                                                                               \
    {"for", 0, "NAMES", "assistants: cursor, agents, claude, copilot, gemini, windsurf, skill" more "; default as tenet.yaml says, or all"}

static const cli_option init_options[] = {FOR_OPTION(", or none"), {NULL, 0, NULL, NULL}};
static const cli_option emit_options[] = {FOR_OPTION(""), {"output", 'o', "DIR", "into this project's folder, one file or two for each; without it one text on standard output"},
                                          {NULL, 0, NULL, NULL}};
static const cli_option verify_options[] = {FOR_OPTION(""), {NULL, 0, NULL, NULL}};

const cli_command cmd_init = {
    "init", "[DIR]", "a brief to fill in, tenet.yaml, and the rules as files that assistants read",
    "Run it again at any time: brief.md and tenet.yaml are never overwritten, of a rules file only tenet's block is replaced,\n"
    "and what is up to date is not touched. A link that leads out of the folder is refused.",
    0, 1, init_options, init};
const cli_command cmd_rules_emit = {"rules emit", "", "the rules as the files that assistants read",
                                    "With -o only tenet's block in a file is replaced; your own text keeps every byte. Without: the text for AGENTS.md, or of --for NAME.",
                                    0, 0, emit_options, emit};
const cli_command cmd_rules_verify = {
    "rules verify", "[DIR]", "whether assistants' rules files still say what the rules say",
    "Without --for: the files that tenet.yaml asks for under `assistants`, or else those that hold tenet's block. Ends with 1\n"
    "when the rules have changed since, a block was edited by hand, markers make no pair, or a file is missing.",
    0, 1, verify_options, verify};
