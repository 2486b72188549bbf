/* The set is built in four steps: the compiled-in files, the project's files over or beside them, the changed severities,
 * one total order. After that nothing moves.
 *
 * An exception that has expired is a problem and not a failure: the rule holds again, the check still runs, and says why. */
#include "rules/rules.h"

#include "base/clock.h"
#include "base/file.h"
#include "rules/catalog.h"
#include "rules/embedded.h"
#include "rules/rule_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 64 << 10, MAX_OWN = 256, MAX_SETTINGS = 256 << 10 };

static const char *const section_name[] = {"who", "format", "constraint", "data", "govern", "eval", "style", "brief", "order"};

struct tn_rules {
    tn_rule *rule;
    size_t n;
    tn_finding *problem;
    size_t n_problems;
    tn_settings settings;
    const char *dir;
    const char *root[2]; /* the project's folder, absolute: as named, and with links followed; NULL when unknown */
    const char *cwd;
};

/* ---- the set ---- */

static size_t section_rank(tn_str section)
{
    size_t i = 0;
    while (i < TN_COUNT(section_name) && !tn_str_is(section, section_name[i]))
        i++;
    return i;
}

static tn_status load_compiled(tn_rules *set, tn_arena *a, tn_err *err)
{
    for (const tn_embedded *f = tn_rule_files; f->name; f++) {
        tn_rule_file file;
        tn_rule *r = &file.rule;
        if (tn_rule_file_parse(f->text, tn_str_sub(tn_str_of(f->name), 0, strlen(f->name) - 3), a, &file, err) != TN_OK)
            return tn_fail_prefix(err, "rules/%s", f->name);
        bool whole = section_rank(r->section) < TN_COUNT(section_name) && r->title.ptr && file.has_severity && r->when && r->obey.ptr && r->statement.ptr &&
                     r->why.ptr && r->instead.ptr && r->good.ptr && r->bad.ptr && !file.also.ptr;
        if (!whole)
            return tn_fail(err, TN_EFORMAT, "rules/%s: a compiled-in rule has a known section and all keys and texts, and no Also", f->name);
        r->path = tn_str_format(a, "rules/%s", f->name);
        if (!r->path.ptr)
            return tn_fail_nomem(err, 64);
        if (!r->due.ptr)
            r->due = TN_STR("");
        set->rule[set->n++] = *r;
    }
    return TN_OK;
}

/* A project's file over the rule that is compiled in. */
static tn_status lay_over(tn_rule *base, const tn_rule_file *file, tn_arena *a, tn_err *err)
{
    const tn_rule *own = &file->rule;
    if (file->has_severity && own->severity != base->written)
        return tn_fail(err, TN_EFORMAT, "1:1: the severity of %.*s is changed in tenet.yaml (rules: {%.*s: {severity, reason, until}}), not here", TN_ARG(base->id),
                       TN_ARG(base->id));
    if (own->checks || own->obey.ptr || own->due.ptr || (own->section.ptr && !tn_str_eq(own->section, base->section)))
        return tn_fail(err, TN_EFORMAT, "1:1: section, checks, obey and due of %.*s say what the program does; a project's file leaves them out", TN_ARG(base->id));
    const tn_str *from[] = {&own->title, &own->statement, &own->why, &own->instead, &own->good, &own->bad};
    tn_str *to[] = {&base->title, &base->statement, &base->why, &base->instead, &base->good, &base->bad};
    for (size_t i = 0; i < TN_COUNT(to); i++)
        if (from[i]->ptr)
            *to[i] = *from[i];
    if (own->when) {
        base->when = own->when;
        base->n_when = own->n_when;
    }
    if (file->also.ptr)
        base->statement = tn_str_format(a, "%.*s\n%.*s", TN_ARG(base->statement), TN_ARG(file->also));
    base->path = own->path;
    return base->statement.ptr ? TN_OK : tn_fail_nomem(err, file->also.len);
}

static tn_status join(tn_rules *set, tn_rule_file *file, tn_err *err)
{
    static const tn_str always[] = {{"always", 6}};
    tn_rule *own = &file->rule;
    if (!own->section.ptr || !tn_rule_name_is_valid(own->section) || !own->title.ptr || !file->has_severity || !own->statement.ptr || file->also.ptr)
        return tn_fail(err, TN_EFORMAT, "1:1: no rule of this id is compiled in, and a new one needs section (lower-case letters and hyphens), title, severity and "
                                        "## Statement, and has no Also");
    if (own->checks || own->obey.ptr || own->due.ptr)
        return tn_fail(err, TN_EFORMAT, "1:1: a project's own rule is text for prompts; no checker knows it, so it has no checks, obey or due");
    own->own = true;
    own->due = TN_STR("a check: a project's own rule is text for prompts");
    if (!own->when) {
        own->when = always;
        own->n_when = 1;
    }
    tn_str *optional[] = {&own->why, &own->instead, &own->good, &own->bad, &own->obey};
    for (size_t i = 0; i < TN_COUNT(optional); i++)
        if (!optional[i]->ptr)
            *optional[i] = TN_STR("");
    set->rule[set->n++] = *own;
    return TN_OK;
}

static tn_rule *find(const tn_rules *set, tn_str id)
{
    for (size_t i = 0; i < set->n; i++)
        if (tn_str_eq(set->rule[i].id, id))
            return &set->rule[i];
    return NULL;
}

/* A regular file that is no link: neither a pipe that never ends nor a way out of the project. */
static tn_status read_plain(const char *path, size_t max, tn_arena *a, tn_str *out, tn_err *err)
{
    struct stat s;
    tn_bytes bytes;
    if (lstat(path, &s) != 0)
        return tn_fail_errno(err, "%s", path);
    if (!S_ISREG(s.st_mode))
        return tn_fail(err, TN_EINVALID, "%s is no plain file (a link, folder or device is not read here)", path);
    TN_TRY(tn_file_read(path, max, a, &bytes, err));
    *out = tn_str_from_bytes(bytes);
    return TN_OK;
}

static tn_status add_own_file(tn_rules *set, const char *folder, tn_str name, tn_arena *a, tn_err *err)
{
    tn_rule_file file;
    tn_str text, stem = tn_str_sub(name, 0, name.len - 3);
    const char *path = tn_path_join(a, folder, name.ptr);
    if (!path)
        return tn_fail_nomem(err, name.len);
    if (!tn_rule_name_is_valid(stem))
        return tn_fail(err, TN_EINVALID, "%s: a rule's file is named by its id, 2 to 64 lower-case letters, digits and hyphens, and .md", path);
    TN_TRY(read_plain(path, MAX_FILE, a, &text, err));
    tn_status st = tn_rule_file_parse(text, stem, a, &file, err);
    file.rule.path = tn_str_of(path);
    tn_rule *base = find(set, stem);
    if (st == TN_OK)
        st = base ? lay_over(base, &file, a, err) : join(set, &file, err);
    return st == TN_OK ? TN_OK : tn_fail_prefix(err, "%s", path);
}

static tn_status load_own(tn_rules *set, tn_arena *a, tn_err *err)
{
    const tn_settings *s = &set->settings;
    const char *folder = tn_path_join(a, set->dir, s->rules_folder.ptr);
    char real_root[PATH_MAX], real[PATH_MAX];
    tn_str *name;
    size_t n;
    if (!folder)
        return tn_fail_nomem(err, s->rules_folder.len);
    if (!realpath(set->dir, real_root) || !realpath(folder, real))
        return tn_fail_errno(err, "%s/tenet.yaml:%u: rules_folder %s", set->dir, s->rules_folder_line, folder);
    size_t root_len = strlen(real_root);
    if (strcmp(real_root, "/") != 0 && (strncmp(real, real_root, root_len) != 0 || real[root_len] != '/'))
        return tn_fail(err, TN_EINVALID, "%s/tenet.yaml:%u: rules_folder %s is a link that leads out of the project", set->dir, s->rules_folder_line, folder);
    TN_TRY(tn_file_list(folder, a, &name, &n, err));
    size_t n_files = 0;
    for (size_t i = 0; i < n; i++) {
        if (!tn_str_ends(name[i], ".md") || tn_str_is(name[i], "README.md"))
            continue;
        if (++n_files > MAX_OWN)
            return tn_fail(err, TN_ELIMIT, "%s holds more than %d rules", folder, MAX_OWN);
        TN_TRY(add_own_file(set, folder, name[i], a, err));
    }
    return TN_OK;
}

static tn_status add_problem(tn_rules *set, tn_str rule, uint32_t line, tn_arena *a, tn_str message, tn_str reason, tn_err *err)
{
    tn_str path = tn_str_format(a, "%s/tenet.yaml", set->dir);
    const char *id = tn_str_c(a, rule);
    if (!path.ptr || !id || !message.ptr)
        return tn_fail_nomem(err, 256);
    if (tn_str_starts(path, "./"))
        path = tn_str_sub(path, 2, path.len);
    set->problem[set->n_problems++] = (tn_finding){
        .rule = id, .severity = TN_ERROR, .path = path, .line = line, .column = 1, .message = message, .evidence = reason,
        .remedy = TN_STR("mend what it excused, or decide again: a new date and a reason that holds today")};
    return TN_OK;
}

static tn_status unknown_rule(const tn_rules *set, tn_str id, uint32_t line, tn_err *err)
{
    return tn_fail(err, TN_EINVALID, "%s/tenet.yaml:%u: there is no rule \"%.*s\"; `tenet rules list` shows them", set->dir, line, TN_ARG(tn_str_sub(id, 0, 80)));
}

static tn_status apply_settings(tn_rules *set, tn_arena *a, tn_err *err)
{
    const tn_settings *s = &set->settings;
    set->problem = TN_ARENA_ARRAY(a, tn_finding, s->n_changes + s->n_waivers);
    if (!set->problem)
        return tn_fail_nomem(err, (s->n_changes + s->n_waivers) * sizeof *set->problem);
    for (size_t i = 0; i < s->n_changes; i++) {
        const tn_rule_change *c = &s->change[i];
        tn_rule *r = find(set, c->rule);
        if (!r)
            return unknown_rule(set, c->rule, c->line, err);
        if (c->expired) {
            tn_str said = tn_str_format(a, "the changed severity of %.*s expired on %.*s; the rule holds as written", TN_ARG(c->rule), TN_ARG(c->until));
            TN_TRY(add_problem(set, c->rule, c->line, a, said, c->reason, err));
            continue;
        }
        r->off = c->off;
        r->severity = c->off ? r->severity : c->severity;
        r->change = c;
    }
    for (size_t i = 0; i < s->n_waivers; i++) {
        const tn_waiver *w = &s->waiver[i];
        if (!find(set, w->rule))
            return unknown_rule(set, w->rule, w->line, err);
        if (!w->expired)
            continue;
        tn_str said = tn_str_format(a, "the waiver of %.*s for %.*s expired on %.*s", TN_ARG(w->rule), TN_ARG(w->path), TN_ARG(w->until));
        TN_TRY(add_problem(set, w->rule, w->line, a, said, w->reason, err));
    }
    return TN_OK;
}

static int by_place(const void *x, const void *y)
{
    const tn_rule *a = x, *b = y;
    size_t ra = section_rank(a->section), rb = section_rank(b->section);
    if (ra != rb)
        return ra < rb ? -1 : 1;
    int c = tn_str_cmp(a->section, b->section);
    if (c)
        return c;
    return a->place != b->place ? (a->place < b->place ? -1 : 1) : tn_str_cmp(a->id, b->id);
}

/* base/path as one absolute path without ".", ".." and doubled slashes; by its letters, links are not asked. */
static bool absolute(const char *base, tn_str path, char *out, size_t cap)
{
    size_t len = 0;
    tn_str whole[2] = {path.len && path.ptr[0] == '/' ? TN_STR("") : tn_str_of(base), path}, part;
    for (size_t i = 0; i < 2; i++)
        while (tn_str_cut(&whole[i], '/', &part)) {
            if (part.len == 0 || tn_str_is(part, "."))
                continue;
            if (tn_str_is(part, "..")) {
                while (len && out[--len] != '/')
                    ;
                continue;
            }
            if (part.len + 2 > cap - len)
                return false;
            out[len++] = '/';
            memcpy(out + len, part.ptr, part.len);
            len += part.len;
        }
    out[len] = 0;
    return true;
}

/* Where findings' paths start from and lead to, looked up once. Without it only waivers are lost, so no failure. */
static tn_status note_places(tn_rules *set, tn_arena *a, tn_err *err)
{
    char buffer[PATH_MAX];
    tn_str kept[3] = {TN_STR(""), TN_STR(""), TN_STR("")};
    bool known[3] = {false};
    if ((known[0] = getcwd(buffer, sizeof buffer) != NULL) && !(kept[0] = tn_str_dup(a, tn_str_of(buffer))).ptr)
        return tn_fail_nomem(err, PATH_MAX);
    if ((known[1] = realpath(set->dir, buffer) != NULL))
        kept[1] = tn_str_dup(a, tn_str_of(buffer));
    if ((known[2] = (set->dir[0] == '/' || known[0]) && absolute(kept[0].ptr, tn_str_of(set->dir), buffer, sizeof buffer)))
        kept[2] = tn_str_dup(a, tn_str_of(buffer));
    if (!kept[1].ptr || !kept[2].ptr)
        return tn_fail_nomem(err, PATH_MAX);
    set->cwd = known[0] ? kept[0].ptr : NULL;
    set->root[0] = known[1] ? kept[1].ptr : NULL;
    set->root[1] = known[2] ? kept[2].ptr : NULL;
    return TN_OK;
}

static tn_status load_project(tn_rules *set, const char *project, tn_str today, tn_arena *a, tn_err *err)
{
    const char *path = tn_path_join(a, project, "tenet.yaml");
    tn_str text, dir = tn_str_dup(a, tn_str_of(project));
    if (!path || !dir.ptr)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(path))
        return TN_OK;
    set->dir = dir.ptr;
    TN_TRY(read_plain(path, MAX_SETTINGS, a, &text, err));
    if (tn_settings_parse(text, today, a, &set->settings, err) != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    TN_TRY(note_places(set, a, err));
    if (set->settings.rules_folder.len)
        TN_TRY(load_own(set, a, err));
    return apply_settings(set, a, err);
}

tn_status tn_rules_load(const char *project, const char *today, tn_arena *a, const tn_rules **out, tn_err *err)
{
    TN_ASSERT(tn_date_is_valid(tn_str_of(today)));
    tn_rules *set = tn_arena_calloc(a, sizeof *set);
    size_t n_compiled = 0;
    while (tn_rule_files[n_compiled].name)
        n_compiled++;
    if (set)
        set->rule = TN_ARENA_ARRAY(a, tn_rule, n_compiled + MAX_OWN);
    if (!set || !set->rule)
        return tn_fail_nomem(err, (n_compiled + MAX_OWN) * sizeof *set->rule);
    set->settings = (tn_settings){.persona = TN_STR(""), .rules_folder = TN_STR("")};
    TN_TRY(load_compiled(set, a, err));
    if (project)
        TN_TRY(load_project(set, project, tn_str_of(today), a, err));
    qsort(set->rule, set->n, sizeof *set->rule, by_place);
    *out = set;
    return TN_OK;
}

void tn_rules_today(char out[11])
{
    char now[32];
    tn_clock_iso(now);
    memcpy(out, now, 10);
    out[10] = 0;
}

tn_status tn_rules_project(const char *path, tn_arena *a, const char **dir, tn_err *err)
{
    char at[PATH_MAX];
    *dir = NULL;
    if (!realpath(path, at))
        return TN_OK; /* what is not there has no project; whoever opens it says so */
    if (!tn_file_is_dir(at))
        *(strrchr(at, '/') == at ? at + 1 : strrchr(at, '/')) = 0;
    for (;;) {
        tn_str settings = tn_str_format(a, "%s/tenet.yaml", at), repository = tn_str_format(a, "%s/.git", at);
        if (!settings.ptr || !repository.ptr)
            return tn_fail_nomem(err, 64);
        if (tn_file_exists(settings.ptr)) {
            tn_str found = tn_str_dup(a, tn_str_of(at));
            *dir = found.ptr;
            return found.ptr ? TN_OK : tn_fail_nomem(err, found.len);
        }
        if (tn_file_exists(repository.ptr) || strcmp(at, "/") == 0)
            return TN_OK;
        char *cut = strrchr(at, '/');
        *(cut == at ? at + 1 : cut) = 0;
    }
}

/* ---- asking ---- */

size_t tn_rules_count(const tn_rules *r)
{
    return r->n;
}

const tn_rule *tn_rules_at(const tn_rules *r, size_t i)
{
    return &r->rule[i];
}

const tn_rule *tn_rules_find(const tn_rules *r, tn_str id)
{
    return find(r, id);
}

const tn_finding *tn_rules_problems(const tn_rules *r, size_t *n)
{
    *n = r->n_problems;
    return r->problem;
}

bool tn_rules_relative(const tn_rules *r, tn_str path, char *buffer, size_t size, tn_str *out)
{
    if (!r->dir || !path.len || (!r->cwd && path.ptr[0] != '/') || !absolute(r->cwd ? r->cwd : "", path, buffer, size))
        return false;
    for (size_t k = 0; k < TN_COUNT(r->root); k++) {
        size_t n = r->root[k] ? strlen(r->root[k]) : 0;
        if (!r->root[k] || strncmp(buffer, r->root[k], n) != 0 || (buffer[n] && buffer[n] != '/'))
            continue;
        *out = buffer[n] && buffer[n + 1] ? tn_str_of(buffer + n + 1) : TN_STR(".");
        return true;
    }
    return false;
}

const tn_waiver *tn_rules_waiver(const tn_rules *r, const tn_finding *f)
{
    char buffer[PATH_MAX];
    tn_str path;
    if (!r->settings.n_waivers || !tn_rules_relative(r, f->path, buffer, sizeof buffer, &path))
        return NULL;
    for (size_t i = 0; i < r->settings.n_waivers; i++) {
        const tn_waiver *w = &r->settings.waiver[i];
        if (w->expired || !tn_str_is(w->rule, f->rule) || (w->at_line && w->at_line != f->line) ||
            (w->match.len && tn_str_find(f->message, w->match, 0) == SIZE_MAX && tn_str_find(f->evidence, w->match, 0) == SIZE_MAX))
            continue;
        if (tn_str_eq(path, w->path))
            return w;
    }
    return NULL;
}

tn_str tn_rules_persona(const tn_rules *r)
{
    return r->settings.persona.len ? r->settings.persona : find(r, TN_STR("who-persona"))->statement;
}

bool tn_rules_licence_is_allowed(const tn_rules *r, tn_str licence)
{
    tn_catalog_row row;
    if (!r->settings.has_licences)
        return true;
    if (!tn_catalog_find("licences", "id", licence, &row) && !tn_catalog_find("licences", "spdx", licence, &row))
        return false;
    for (size_t i = 0; i < r->settings.n_licences; i++)
        if (tn_str_eq(r->settings.licence[i], tn_catalog_get(&row, "id")))
            return true;
    return false;
}

const tn_settings *tn_rules_settings(const tn_rules *r)
{
    return &r->settings;
}

const char *tn_rules_dir(const tn_rules *r)
{
    return r->dir;
}

bool tn_rule_checks(const tn_rule *rule, const char *kind)
{
    for (size_t i = 0; i < rule->n_checks; i++)
        if (tn_str_is(rule->checks[i], kind))
            return true;
    return false;
}

bool tn_rule_is_needed(const tn_rule *rule, const tn_str *words, size_t n_words)
{
    for (size_t k = 0; k < n_words; k++)
        if (tn_str_eq(rule->id, words[k]))
            return true;
    for (size_t i = 0; i < rule->n_when; i++) {
        if (tn_str_is(rule->when[i], "always"))
            return true;
        for (size_t k = 0; k < n_words; k++)
            if (tn_str_eq(rule->when[i], words[k]))
                return true;
    }
    return false;
}
