/* One walk over the tree that the YAML reader made. Every object is first held against the table of its keys, so that a
 * misspelt key is an error in its place and never a setting that silently does nothing. */
#include "rules/settings.h"

#include "base/file.h"
#include "codec/yaml.h"
#include "rules/catalog.h"

#include <string.h>

enum { MAX_BYTES = 256 << 10, MAX_LIST = 1000 };

static tn_status wrong(const tn_json *v, tn_err *err, const char *what, const char *wanted)
{
    return tn_fail(err, TN_EFORMAT, "%u:%u: %s is to be %s, it is %s", tn_json_line(v), tn_json_column(v), what, wanted,
                   tn_json_type_name(tn_json_type(v)));
}

/* `v` is an object and holds keys of the NULL-ended list only. */
static tn_status check_keys(const tn_json *v, const char *what, const char *const *known, tn_err *err)
{
    if (tn_json_type(v) != TN_JSON_OBJECT)
        return wrong(v, err, what, "a mapping of keys to values");
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c)) {
        const char *const *k = known;
        while (*k && !tn_str_is(tn_json_key(c), *k))
            k++;
        if (*k)
            continue;
        char list[256] = "";
        for (k = known; *k; k++) {
            strcat(list, k == known ? "" : ", "); /* the lists below are short */
            strcat(list, *k);
        }
        return tn_fail(err, TN_EFORMAT, "%u:%u: %s has no key \"%.*s\"; the keys are %s", tn_json_line(c), tn_json_column(c), what,
                       TN_ARG(tn_str_sub(tn_json_key(c), 0, 60)), list);
    }
    return TN_OK;
}

/* A key with nothing behind it, as a template leaves it, is as good as absent. */
static const tn_json *given(const tn_json *obj, const char *key)
{
    const tn_json *v = tn_json_get(obj, key);
    return tn_json_type(v) == TN_JSON_NULL ? NULL : v;
}

/* A string that is not blank; `out` untouched when the key is absent and need not be there. */
static tn_status get_text(const tn_json *obj, const char *key, bool needed, tn_arena *a, tn_str *out, tn_err *err)
{
    const tn_json *v = given(obj, key);
    if (!v && !needed)
        return TN_OK;
    if (!v)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"%s\" is missing here", tn_json_line(obj), tn_json_column(obj), key);
    if (tn_json_type(v) != TN_JSON_STRING)
        return wrong(v, err, key, "text");
    tn_str s = tn_str_trim(tn_json_str(v));
    if (s.len == 0)
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"%s\" is empty", tn_json_line(v), tn_json_column(v), key);
    *out = tn_str_dup(a, s);
    return out->ptr ? TN_OK : tn_fail_nomem(err, s.len);
}

bool tn_date_is_valid(tn_str date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;
    for (size_t i = 0; i < date.len; i++)
        if (i == 4 || i == 7 ? date.ptr[i] != '-' : date.ptr[i] < '0' || date.ptr[i] > '9')
            return false;
    if (date.len != 10 || !tn_str_to_i64(tn_str_sub(date, 0, 4), &year) ||
        !tn_str_to_i64(tn_str_sub(date, 5, 7), &month) || !tn_str_to_i64(tn_str_sub(date, 8, 10), &day))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

/* Both exceptions to the rules, a change and a waiver, owe the same: why, and until when. */
static tn_status get_reason(const tn_json *obj, tn_str today, tn_arena *a, tn_str *reason, tn_str *until, bool *expired, tn_err *err)
{
    if (!given(obj, "reason") || !given(obj, "until"))
        return tn_fail(err, TN_EFORMAT, "%u:%u: an exception to a rule needs \"reason\" (why) and \"until\" (its last day, YYYY-MM-DD); \"%s\" is missing",
                       tn_json_line(obj), tn_json_column(obj), given(obj, "reason") ? "until" : "reason");
    TN_TRY(get_text(obj, "reason", true, a, reason, err));
    TN_TRY(get_text(obj, "until", true, a, until, err));
    if (!tn_date_is_valid(*until)) {
        const tn_json *v = tn_json_get(obj, "until");
        return tn_fail(err, TN_EFORMAT, "%u:%u: \"until\" is to be a day written YYYY-MM-DD, it is \"%.*s\"", tn_json_line(v), tn_json_column(v),
                       TN_ARG(tn_str_sub(*until, 0, 40)));
    }
    *expired = tn_str_cmp(*until, today) < 0; /* this spelling sorts as the calendar does */
    return TN_OK;
}

static tn_status read_severity(const tn_json *v, tn_rule_change *c, tn_err *err)
{
    static const tn_severity all[] = {TN_ERROR, TN_WARNING, TN_ADVICE};
    c->off = tn_json_is_str(v, "off");
    for (size_t i = 0; i < TN_COUNT(all); i++)
        if (tn_json_is_str(v, tn_severity_name(all[i]))) {
            c->severity = all[i];
            return TN_OK;
        }
    return c->off ? TN_OK
                  : tn_fail(err, TN_EFORMAT, "%u:%u: \"severity\" is error, warning, advice or off, not \"%.*s\"", tn_json_line(v), tn_json_column(v),
                            TN_ARG(tn_str_sub(tn_json_text(v), 0, 40)));
}

static tn_status check_length(const tn_json *list, const char *what, tn_err *err)
{
    return tn_json_len(list) <= MAX_LIST ? TN_OK : tn_fail(err, TN_ELIMIT, "%u:%u: more than %d %s", tn_json_line(list), tn_json_column(list), MAX_LIST, what);
}

static tn_status read_changes(const tn_json *rules, tn_str today, tn_arena *a, tn_settings *out, tn_err *err)
{
    static const char *const keys[] = {"severity", "reason", "until", NULL};
    if (tn_json_type(rules) != TN_JSON_OBJECT)
        return wrong(rules, err, "rules", "a mapping of rule ids to {severity, reason, until}");
    TN_TRY(check_length(rules, "changed rules", err));
    out->change = TN_ARENA_ARRAY(a, tn_rule_change, tn_json_len(rules));
    if (!out->change)
        return tn_fail_nomem(err, tn_json_len(rules) * sizeof *out->change);
    for (const tn_json *v = tn_json_first(rules); v; v = tn_json_next(v)) {
        tn_rule_change c = {.rule = tn_json_key(v), .line = tn_json_line(v)};
        TN_TRY(check_keys(v, "a rule's setting", keys, err));
        const tn_json *severity = tn_json_get(v, "severity");
        if (!severity)
            return tn_fail(err, TN_EFORMAT, "%u:%u: \"severity\" is missing: error, warning, advice or off", tn_json_line(v), tn_json_column(v));
        TN_TRY(read_severity(severity, &c, err));
        TN_TRY(get_reason(v, today, a, &c.reason, &c.until, &c.expired, err));
        out->change[out->n_changes++] = c;
    }
    return TN_OK;
}

static bool same_waiver(const tn_waiver *x, const tn_waiver *y)
{
    return tn_str_eq(x->rule, y->rule) && tn_str_eq(x->path, y->path) && x->at_line == y->at_line && tn_str_eq(x->match, y->match);
}

static tn_status read_waivers(const tn_json *list, tn_str today, tn_arena *a, tn_settings *out, tn_err *err)
{
    static const char *const keys[] = {"rule", "path", "line", "match", "reason", "until", NULL};
    if (tn_json_type(list) != TN_JSON_ARRAY)
        return wrong(list, err, "waivers", "a list of {rule, path, line or match, reason, until}");
    TN_TRY(check_length(list, "waivers", err));
    out->waiver = TN_ARENA_ARRAY(a, tn_waiver, tn_json_len(list));
    if (!out->waiver)
        return tn_fail_nomem(err, tn_json_len(list) * sizeof *out->waiver);
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        tn_waiver w = {.line = tn_json_line(v), .match = TN_STR("")};
        int64_t line;
        TN_TRY(check_keys(v, "a waiver", keys, err));
        TN_TRY(get_text(v, "rule", true, a, &w.rule, err));
        TN_TRY(get_text(v, "path", true, a, &w.path, err));
        TN_TRY(get_text(v, "match", false, a, &w.match, err));
        if (tn_str_starts(w.path, "./"))
            w.path = tn_str_sub(w.path, 2, w.path.len);
        if (!tn_path_is_safe(w.path))
            return tn_fail(err, TN_EFORMAT, "%u:%u: a waiver's path is relative to this folder and stays inside, without \"..\" and \"*\"", w.line,
                           tn_json_column(v));
        if (tn_json_get(v, "line")) {
            TN_TRY(tn_json_need_i64(v, "line", 1, UINT32_MAX, &line, err));
            w.at_line = (uint32_t)line;
        }
        TN_TRY(get_reason(v, today, a, &w.reason, &w.until, &w.expired, err));
        for (size_t i = 0; i < out->n_waivers; i++)
            if (same_waiver(&out->waiver[i], &w))
                return tn_fail(err, TN_EFORMAT, "%u:%u: the same waiver as in line %u", w.line, tn_json_column(v), out->waiver[i].line);
        out->waiver[out->n_waivers++] = w;
    }
    return TN_OK;
}

static tn_status read_licences(const tn_json *v, tn_arena *a, tn_settings *out, tn_err *err)
{
    static const char *const keys[] = {"allowed", NULL};
    TN_TRY(check_keys(v, "licences", keys, err));
    const tn_json *allowed = tn_json_get(v, "allowed");
    if (tn_json_type(allowed) != TN_JSON_ARRAY)
        return wrong(allowed ? allowed : v, err, "licences/allowed", "a list of licence ids");
    TN_TRY(check_length(allowed, "licences", err));
    out->has_licences = true;
    out->licence = TN_ARENA_ARRAY(a, tn_str, tn_json_len(allowed));
    if (!out->licence)
        return tn_fail_nomem(err, tn_json_len(allowed) * sizeof *out->licence);
    for (const tn_json *c = tn_json_first(allowed); c; c = tn_json_next(c)) {
        tn_catalog_row row;
        tn_str id = tn_json_str(c);
        if (!tn_catalog_find("licences", "id", id, &row) && !tn_catalog_find("licences", "spdx", id, &row))
            return tn_fail(err, TN_EFORMAT, "%u:%u: \"%.*s\" is no licence of the catalogue; write the Hub's id, such as apache-2.0, cc-by-4.0, llama3.1",
                           tn_json_line(c), tn_json_column(c), TN_ARG(tn_str_sub(tn_json_text(c), 0, 60)));
        out->licence[out->n_licences++] = tn_catalog_get(&row, "id");
    }
    return TN_OK;
}

/* The list of texts under `key`, where there is one. */
static tn_status read_texts(const tn_json *root, const char *key, const char *entry, tn_str **out, size_t *n, tn_arena *a, tn_err *err)
{
    const tn_json *list = given(root, key);
    if (!list)
        return TN_OK;
    if (tn_json_type(list) != TN_JSON_ARRAY)
        return wrong(list, err, key, "a list");
    TN_TRY(check_length(list, "entries", err));
    *out = TN_ARENA_ARRAY(a, tn_str, tn_json_len(list));
    if (!*out)
        return tn_fail_nomem(err, tn_json_len(list) * sizeof **out);
    for (const tn_json *c = tn_json_first(list); c; c = tn_json_next(c)) {
        if (tn_json_type(c) != TN_JSON_STRING || tn_json_str(c).len == 0)
            return wrong(c, err, entry, "text");
        (*out)[(*n)++] = tn_json_str(c);
    }
    return TN_OK;
}

tn_status tn_settings_parse(tn_str yaml, tn_str today, tn_arena *a, tn_settings *out, tn_err *err)
{
    static const char *const keys[] = {"persona", "rules_folder", "rules", "waivers", "licences", "ignore", "assistants", "defaults", NULL};
    /* What a brief's front matter may hold but its data: whose data it is, only the brief says. */
    static const char *const front[] = {"model", "recipe", "budget", "use", "target", "language", NULL};
    const tn_json *root, *v;
    *out = (tn_settings){.persona = TN_STR(""), .rules_folder = TN_STR("")};
    TN_TRY(tn_yaml_parse_with(yaml, &(tn_yaml_options){.max_bytes = MAX_BYTES}, a, &root, err));
    if (tn_json_type(root) == TN_JSON_NULL || !root) /* an empty file, or comments only */
        return TN_OK;
    TN_TRY(check_keys(root, "tenet.yaml", keys, err));
    TN_TRY(get_text(root, "persona", false, a, &out->persona, err));
    TN_TRY(get_text(root, "rules_folder", false, a, &out->rules_folder, err));
    while (tn_str_ends(out->rules_folder, "/"))
        out->rules_folder.len--;
    if ((v = given(root, "rules_folder"))) {
        out->rules_folder_line = tn_json_line(v);
        if (!tn_path_is_safe(out->rules_folder))
            return tn_fail(err, TN_EFORMAT, "%u:%u: \"rules_folder\" is a folder inside the project, such as rules", tn_json_line(v), tn_json_column(v));
    }
    if ((v = given(root, "rules")))
        TN_TRY(read_changes(v, today, a, out, err));
    if ((v = given(root, "waivers")))
        TN_TRY(read_waivers(v, today, a, out, err));
    if ((v = given(root, "licences")))
        TN_TRY(read_licences(v, a, out, err));
    TN_TRY(read_texts(root, "ignore", "a pattern", &out->ignore, &out->n_ignore, a, err));
    TN_TRY(read_texts(root, "assistants", "an assistant", &out->assistant, &out->n_assistants, a, err));
    if ((out->defaults = given(root, "defaults")))
        TN_TRY(check_keys(out->defaults, "defaults", front, err));
    return TN_OK;
}
