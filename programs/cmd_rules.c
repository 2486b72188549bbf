#include "commands.h"

#include "codec/json.h"
#include "rules/rules.h"

#include <string.h>

static const char *severity_of(const tn_rule *r)
{
    return r->off ? "off" : tn_severity_name(r->severity);
}

static void write_words(tn_json_writer *w, const char *key, const tn_str *word, size_t n)
{
    tn_jw_key(w, key);
    tn_jw_begin_array(w);
    for (size_t i = 0; i < n; i++)
        tn_jw_str(w, word[i]);
    tn_jw_end_array(w);
}

static void write_str(tn_json_writer *w, const char *key, tn_str s)
{
    tn_jw_key(w, key);
    tn_jw_str(w, s);
}

/* The members that a list has; `show` adds the texts. Severity as it holds in this project. */
static void write_rule(tn_json_writer *w, const tn_rule *r, bool texts)
{
    tn_jw_begin_object(w);
    write_str(w, "id", r->id);
    write_str(w, "section", r->section);
    write_str(w, "severity", tn_str_of(severity_of(r)));
    write_str(w, "title", r->title);
    tn_jw_key(w, "kept");
    tn_jw_bool(w, r->due.len == 0);
    if (r->due.len)
        write_str(w, "due", r->due);
    if (r->change) {
        write_str(w, "reason", r->change->reason);
        write_str(w, "until", r->change->until);
    }
    if (r->own)
        write_str(w, "path", r->path);
    if (texts) {
        write_words(w, "for", r->when, r->n_when);
        write_words(w, "checks", r->checks, r->n_checks);
        write_str(w, "obey", r->obey);
        write_str(w, "statement", r->statement);
        write_str(w, "why", r->why);
        write_str(w, "instead", r->instead);
        write_str(w, "good", r->good);
        write_str(w, "bad", r->bad);
    }
    tn_jw_end_object(w);
}

static bool is_wanted(const tn_rule *r, const char *section)
{
    return !section || tn_str_is(r->section, section);
}

static tn_status list_json(const tn_rules *rules, const char *section, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_jw_init(&w, &b, 0);
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < tn_rules_count(rules); i++)
        if (is_wanted(tn_rules_at(rules, i), section))
            write_rule(&w, tn_rules_at(rules, i), false);
    tn_jw_end_array(&w);
    tn_buf_char(&b, '\n');
    return cli_write(NULL, &b, err);
}

/* What the table cannot say in its columns: what is due, and what this project changed. */
static void notes(const tn_rules *rules, const char *section, size_t n_due, tn_buf *b)
{
    if (n_due)
        tn_buf_printf(b, "\nnot kept yet by tenet's own run, and claimed by no report or card:\n");
    for (size_t i = 0; i < tn_rules_count(rules); i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (is_wanted(r, section) && r->due.len)
            tn_buf_printf(b, "  %-22.*s %.*s\n", TN_ARG(r->id), TN_ARG(r->due));
    }
    const char *head = "\nchanged by tenet.yaml:\n";
    for (size_t i = 0; i < tn_rules_count(rules); i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (!is_wanted(r, section) || !r->change)
            continue;
        tn_buf_printf(b, "%s  %-22.*s %s instead of %s until %.*s: %.*s\n", head, TN_ARG(r->id), severity_of(r), tn_severity_name(r->written), TN_ARG(r->change->until),
                      TN_ARG(r->change->reason));
        head = "";
    }
}

static tn_status list(cli *c, tn_err *err)
{
    const char *section = cli_get(c, "section");
    const tn_rules *rules;
    TN_TRY(cli_rules(c, cli_get(c, "project"), &rules, err));
    size_t n[3] = {0}, n_off = 0, n_due = 0, n_all = 0;
    tn_buf names = TN_BUF_INIT, b = TN_BUF_INIT;
    tn_str last = TN_STR("");
    for (size_t i = 0; i < tn_rules_count(rules); i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (!tn_str_eq(r->section, last)) {
            tn_buf_printf(&names, "%s%.*s", names.len ? ", " : "", TN_ARG(r->section));
            last = r->section;
        }
        n_all += is_wanted(r, section);
    }
    tn_status st = tn_buf_status(&names, err);
    if (st == TN_OK && n_all == 0)
        st = tn_fail(err, TN_EINVALID, "no rule is in section \"%s\"; the sections are %s", section, names.ptr);
    tn_buf_free(&names);
    TN_TRY(st);
    if (c->json)
        return list_json(rules, section, err);
    tn_buf_printf(&b, "%-22s %-8s %-8s %s\n", "rule", "severity", "kept", "title");
    for (size_t i = 0; i < tn_rules_count(rules); i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (!is_wanted(r, section))
            continue;
        tn_buf_printf(&b, "%-22.*s %-8s %-8s %.*s\n", TN_ARG(r->id), severity_of(r), r->due.len ? "not yet" : "yes", TN_ARG(r->title));
        n_off += r->off;
        n[r->severity] += !r->off;
        n_due += r->due.len > 0;
    }
    tn_buf_printf(&b, "\n%zu rule%s: %zu error, %zu warning, %zu advice", n_all, n_all == 1 ? "" : "s", n[TN_ERROR], n[TN_WARNING], n[TN_ADVICE]);
    if (n_off)
        tn_buf_printf(&b, ", %zu off", n_off);
    tn_buf_printf(&b, "; kept %zu, not kept yet %zu\n", n_all - n_due, n_due);
    notes(rules, section, n_due, &b);
    return cli_write(NULL, &b, err);
}

static void part(tn_buf *b, const char *heading, tn_str text)
{
    if (text.len)
        tn_buf_printf(b, "\n## %s\n%.*s\n", heading, TN_ARG(text));
}

static tn_status show(cli *c, tn_err *err)
{
    const tn_rules *rules;
    tn_buf b = TN_BUF_INIT;
    TN_TRY(cli_rules(c, cli_get(c, "project"), &rules, err));
    const tn_rule *r = tn_rules_find(rules, tn_str_of(c->arg[0]));
    if (!r)
        return tn_fail(err, TN_ENOENT, "there is no rule \"%s\"; `tenet rules list` shows them", c->arg[0]);
    if (c->json) {
        tn_json_writer w;
        tn_jw_init(&w, &b, 0);
        write_rule(&w, r, true);
        tn_buf_char(&b, '\n');
        return cli_write(NULL, &b, err);
    }
    tn_buf_printf(&b, "# %.*s: %.*s\n%s", TN_ARG(r->id), TN_ARG(r->title), severity_of(r));
    if (r->change)
        tn_buf_printf(&b, " instead of %s until %.*s: %.*s", tn_severity_name(r->written), TN_ARG(r->change->until), TN_ARG(r->change->reason));
    for (size_t i = 0; i < r->n_checks; i++)
        tn_buf_printf(&b, "%s%.*s", i ? ", " : "; checked in ", TN_ARG(r->checks[i]));
    tn_buf_c(&b, "\n");
    part(&b, "Statement", r->statement);
    part(&b, "Why", r->why);
    part(&b, "Instead", r->instead);
    part(&b, "Good", r->good);
    part(&b, "Bad", r->bad);
    part(&b, "What tenet's own run does", r->obey);
    part(&b, "Not kept yet", r->due);
    return cli_write(NULL, &b, err);
}

#define PROJECT_OPTION {"project", 0, "DIR", "the project whose tenet.yaml counts; default: the one around the working folder"}

static const cli_option list_options[] = {
    {"section", 0, "NAME", "one section: who, format, constraint, data, govern, eval, style, brief, order, or a project's own"}, PROJECT_OPTION, {NULL, 0, NULL, NULL}};
static const cli_option show_options[] = {PROJECT_OPTION, {NULL, 0, NULL, NULL}};

const cli_command cmd_rules_list = {"rules list", "", "the rules as they hold in this project", NULL, 0, 0, list_options, list};
const cli_command cmd_rules_show = {"rules show", "ID", "one rule: statement, reason, examples, and whether tenet keeps it", NULL, 1, 1, show_options, show};
