/* A rule is one item of a list, "- ID (severity): statement", so that an assistant's answer and a finding of `tenet check`
 * call it by the same name. A statement of several lines is indented to stay inside its item.
 *
 * The rule who-persona is not in the lists: its text is the persona itself. */
#include "flow/context.h"

#include <string.h>

static const struct {
    const char *section, *title;
} titles[] = {
    {"format", "Format and output"},
    {"constraint", "Constraints"},
    {"data", "Models, data and pipelines"},
    {"govern", "Security, licences and governance"},
    {"eval", "Evaluation, performance and iteration"},
    {"style", "Explanation"},
    {"brief", "The user's brief"},
    {"order", "Order"},
};

static bool in_force(const tn_rule *r)
{
    return !r->off && !tn_str_is(r->id, "who-persona");
}

tn_status tn_context_make(const tn_rules *rules, const tn_str *words, size_t n_words, tn_arena *a, tn_context *out, tn_err *err)
{
    size_t n = tn_rules_count(rules);
    *out = (tn_context){.rules = rules, .kept = TN_ARENA_ARRAY(a, const tn_rule *, n), .left = TN_ARENA_ARRAY(a, tn_left, n)};
    if (!out->kept || !out->left)
        return tn_fail_nomem(err, n * sizeof *out->left);
    for (size_t i = 0; i < n; i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (!in_force(r))
            continue;
        if (!words || tn_rule_is_needed(r, words, n_words))
            out->kept[out->n_kept++] = r;
        else
            out->left[out->n_left++] = (tn_left){r, TN_LEFT_UNNEEDED};
    }
    return TN_OK;
}

const tn_rule *tn_context_drop(tn_context *c)
{
    for (int severity = TN_ADVICE; severity < TN_ERROR; severity++)
        for (size_t i = c->n_kept; i-- > 0;) {
            const tn_rule *r = c->kept[i];
            if ((int)r->severity != severity)
                continue;
            memmove(c->kept + i, c->kept + i + 1, (c->n_kept - i - 1) * sizeof *c->kept);
            c->n_kept--;
            c->left[c->n_left++] = (tn_left){r, TN_LEFT_LENGTH};
            return r;
        }
    return NULL;
}

static void write_rule(const tn_rule *r, tn_buf *out)
{
    tn_str rest = r->statement, line;
    tn_buf_printf(out, "- %.*s (%s): ", TN_ARG(r->id), tn_severity_name(r->severity));
    for (bool first = true; tn_str_cut(&rest, '\n', &line); first = false) {
        if (!first && line.len)
            tn_buf_c(out, "  ");
        tn_buf_str(out, line);
        tn_buf_char(out, '\n');
    }
}

void tn_context_write_who(const tn_context *c, tn_buf *out)
{
    bool any = false;
    tn_buf_str(out, tn_rules_persona(c->rules));
    tn_buf_char(out, '\n');
    for (size_t i = 0; i < c->n_kept; i++)
        if (tn_str_is(c->kept[i]->section, "who")) {
            tn_buf_c(out, any ? "" : "\nWhat that asks of you:\n\n");
            any = true;
            write_rule(c->kept[i], out);
        }
}

static void write_licences(const tn_settings *s, tn_buf *out)
{
    if (!s->has_licences)
        return;
    tn_buf_c(out, "- This project takes models and data under these licences only: ");
    for (size_t i = 0; i < s->n_licences; i++) {
        tn_buf_c(out, i ? ", " : "");
        tn_buf_str(out, s->licence[i]);
    }
    tn_buf_c(out, s->n_licences ? ".\n" : "none.\n");
}

void tn_context_write_how(const tn_context *c, int level, tn_buf *out)
{
    tn_str section = TN_STR("who");
    tn_buf_c(out, "These rules hold for all that follows. Error: never break it. Warning: break it only with the reason written down. "
                  "Advice: weigh it.\n");
    for (size_t i = 0; i < c->n_kept; i++) {
        const tn_rule *r = c->kept[i];
        if (tn_str_is(r->section, "who"))
            continue;
        if (!tn_str_eq(r->section, section)) {
            tn_str title = section = r->section;
            for (size_t k = 0; k < TN_COUNT(titles); k++)
                if (tn_str_is(section, titles[k].section))
                    title = tn_str_of(titles[k].title);
            tn_buf_printf(out, "\n%.*s %.*s\n\n", level, "######", TN_ARG(title));
            if (tn_str_is(section, "govern"))
                write_licences(tn_rules_settings(c->rules), out);
        }
        write_rule(r, out);
    }
}

static void write_field(tn_buf *out, tn_str s)
{
    tn_buf_printf(out, "%zu:", s.len); /* with its length, so that no two sets of fields are the same bytes */
    tn_buf_str(out, s);
}

tn_status tn_context_digest(const tn_rules *rules, tn_digest *out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    const tn_settings *s = tn_rules_settings(rules);
    write_field(&b, tn_rules_persona(rules));
    for (size_t i = 0; i < s->n_licences; i++)
        write_field(&b, s->licence[i]);
    tn_buf_c(&b, s->has_licences ? "only" : "any");
    for (size_t i = 0; i < tn_rules_count(rules); i++) {
        const tn_rule *r = tn_rules_at(rules, i);
        if (!in_force(r))
            continue;
        write_field(&b, r->id);
        write_field(&b, r->section);
        write_field(&b, tn_str_of(tn_severity_name(r->severity)));
        write_field(&b, r->statement);
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}
