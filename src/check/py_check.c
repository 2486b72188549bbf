/* One reading for all rules: the tree, then the calls in order, then each row of the tables over them. A text that cannot be
 * read at all (UTF-16, a bound) gives no findings: nothing is known about it. */
#include "check/py_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "check/answer.h"
#include "check/checkers.h"

static const tn_py_rule *const tables[] = {tn_py_data_rules, tn_py_eval_rules, tn_py_constraint_rules, tn_py_govern_rules, tn_py_scope_rules};

bool tn_py_whole(const tn_py_check *c)
{
    return !c->source->fragment && c->tree->n_errors == 0 && !c->flow->cut;
}

tn_status tn_py_say(tn_py_check *c, const tn_py_node *at, const char *evidence, const char *remedy, const char *message, ...)
{
    tn_finding f = {.rule = c->rule, .line = at->line, .column = tn_py_column(c->tree, at->from), .remedy = tn_str_of(remedy)};
    char text[512];
    va_list args;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    f.message = tn_str_of(text);
    tn_str seen = evidence ? tn_str_of(evidence) : tn_py_source(c->tree, at), line;
    f.evidence = tn_str_cut(&seen, '\n', &line) ? tn_str_sub(tn_str_trim(line), 0, 200) : TN_STR("");
    while (f.evidence.len == 200 && ((unsigned char)f.evidence.ptr[f.evidence.len - 1] & 0x80))
        f.evidence.len--; /* not in the middle of a letter */
    if (c->notebook) {
        tn_notebook_place place = tn_notebook_where(c->notebook, at->line);
        f.line = place.line;
        f.column = 1;
        f.evidence = tn_str_format(c->arena, "cell %u, line %u: %.*s", place.cell, place.line_in_cell, TN_ARG(f.evidence));
        if (!f.evidence.ptr)
            return tn_fail_nomem(c->err, 64);
    }
    return tn_findings_add(c->findings, f, c->err);
}

static tn_status look(const tn_check_source *source, tn_str text, const tn_notebook *notebook, tn_findings *findings, tn_err *err)
{
    tn_py_check c = {.source = source, .notebook = notebook, .arena = source->arena, .findings = findings, .err = err};
    tn_py_options options = {.notebook = notebook != NULL};
    tn_status st = tn_py_parse(text, &options, source->arena, &c.tree, err);
    if (st == TN_OK)
        st = tn_py_follow(c.tree, source->arena, &c.flow, err);
    if (st != TN_OK)
        return st == TN_ENOMEM ? st : TN_OK;
    for (size_t i = 0; i < TN_COUNT(tables); i++)
        for (const tn_py_rule *r = tables[i]; r->rule; r++) {
            c.rule = r->rule;
            TN_TRY(r->look(&c));
        }
    return TN_OK;
}

tn_status tn_check_python(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    return look(source, source->text, NULL, findings, err);
}

tn_status tn_check_notebook(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    const tn_notebook *notebook;
    tn_status st = tn_notebook_read(source->text, source->arena, &notebook, err);
    if (st != TN_OK)
        return st == TN_ENOMEM ? st : TN_OK;
    TN_TRY(tn_answer_notebook(source, notebook, findings, err));
    return look(source, notebook->python, notebook, findings, err);
}
