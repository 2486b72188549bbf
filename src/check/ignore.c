/* Lines are tried from the last to the first, since the last that matches decides. A line without a slash is matched
 * against the last name, one with a slash against the path from its own folder. Wildcards go back to the last star only,
 * but "**" needs a second place to go back to; a count of steps bounds what is left of the square. */
#include "check/ignore.h"

#include "base/file.h"

#include <limits.h>

enum { MAX_LINES = 10000, MAX_STEPS = 20000 };

tn_status tn_ignore_add(tn_ignore *g, tn_str folder, tn_str text, tn_err *err)
{
    tn_str line;
    while (tn_str_cut(&text, '\n', &line) && g->line.len < MAX_LINES) {
        tn_ignore_line l = {.folder = folder};
        while (line.len && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\t' ||
                            (line.ptr[line.len - 1] == ' ' && !(line.len > 1 && line.ptr[line.len - 2] == '\\'))))
            line.len--;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '!') {
            l.negated = true;
            line = tn_str_sub(line, 1, line.len);
        }
        if (line.len && line.ptr[line.len - 1] == '/') {
            l.only_folders = true;
            line.len--;
        }
        l.anchored = tn_str_find(line, TN_STR("/"), 0) != SIZE_MAX;
        if (line.len && line.ptr[0] == '/')
            line = tn_str_sub(line, 1, line.len);
        l.text = line;
        if (line.len && !TN_PUSH(&g->line, l))
            return tn_fail_nomem(err, sizeof l);
    }
    return TN_OK;
}

/* The set that begins behind '[' at p.ptr[*at]: moves *at behind its ']'. False for no set, which is then a plain '['. */
static bool set_has(tn_str p, size_t *at, char c, bool *has)
{
    size_t i = *at;
    bool negated = i < p.len && (p.ptr[i] == '!' || p.ptr[i] == '^'), any = false;
    i += negated;
    for (size_t first = i; i < p.len && (p.ptr[i] != ']' || i == first); i++) {
        char low = p.ptr[i], high = low;
        if (i + 2 < p.len && p.ptr[i + 1] == '-' && p.ptr[i + 2] != ']') {
            high = p.ptr[i + 2];
            i += 2;
        }
        any = any || ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high);
    }
    if (i >= p.len)
        return false;
    *at = i + 1;
    *has = any != negated && c != '/';
    return true;
}

bool tn_ignore_match(tn_str p, tn_str s)
{
    size_t i = 0, k = 0;               /* in the pattern, in the path */
    size_t star = SIZE_MAX, star_k = 0; /* behind the last '*', and where it may eat one byte more */
    size_t deep = SIZE_MAX, deep_k = 0; /* the same for the last "**" */
    for (int steps = 0; steps < MAX_STEPS; steps++) {
        if (i == p.len && k == s.len)
            return true;
        if (i + 1 < p.len && p.ptr[i] == '*' && p.ptr[i + 1] == '*') {
            i += 2;
            /* "**" and a slash may also be no folder at all. */
            if (i < p.len && p.ptr[i] == '/' && (k == 0 || s.ptr[k - 1] == '/'))
                i++;
            deep = i;
            deep_k = k;
            star = SIZE_MAX;
            continue;
        }
        if (i < p.len && p.ptr[i] == '*') {
            star = ++i;
            star_k = k;
            continue;
        }
        if (i < p.len && k < s.len) {
            size_t next = i + 1;
            bool same = p.ptr[i] == s.ptr[k];
            if (p.ptr[i] == '?')
                same = s.ptr[k] != '/';
            else if (p.ptr[i] == '[')
                set_has(p, &next, s.ptr[k], &same);
            else if (p.ptr[i] == '\\' && i + 1 < p.len)
                same = p.ptr[i + 1] == s.ptr[k], next = i + 2;
            if (same) {
                i = next;
                k++;
                continue;
            }
        }
        if (star != SIZE_MAX && star_k < s.len && s.ptr[star_k] != '/') {
            i = star;
            k = ++star_k;
        } else if (deep != SIZE_MAX && deep_k < s.len) {
            /* Behind a slash of the pattern only a new name may begin. */
            bool names = deep > 0 && p.ptr[deep - 1] == '/';
            do
                deep_k++;
            while (names && deep_k < s.len && s.ptr[deep_k - 1] != '/');
            i = deep;
            k = deep_k;
            star = SIZE_MAX;
        } else {
            return false;
        }
    }
    return false;
}

static bool line_matches(const tn_ignore_line *l, tn_str path)
{
    if (l->folder.len) {
        if (path.len <= l->folder.len + 1 || path.ptr[l->folder.len] != '/' || !tn_str_eq(tn_str_sub(path, 0, l->folder.len), l->folder))
            return false;
        path = tn_str_sub(path, l->folder.len + 1, path.len);
    }
    return tn_ignore_match(l->text, l->anchored ? path : tn_path_name(path));
}

bool tn_ignore_has(const tn_ignore *g, tn_str path, bool is_folder)
{
    for (size_t i = g->line.len; i > 0; i--) {
        const tn_ignore_line *l = &g->line.ptr[i - 1];
        if ((is_folder || !l->only_folders) && line_matches(l, path))
            return !l->negated;
    }
    return false;
}

tn_status tn_ignore_add_project(tn_ignore *g, const tn_rules *rules, tn_err *err)
{
    const tn_settings *settings = tn_rules_settings(rules);
    for (size_t i = 0; i < settings->n_ignore; i++)
        TN_TRY(tn_ignore_add(g, TN_STR(""), settings->ignore[i], err));
    return TN_OK;
}

bool tn_ignore_has_project(const tn_ignore *g, const tn_rules *rules, tn_str path, bool is_folder)
{
    char buffer[PATH_MAX];
    tn_str inside;
    if (!g->line.len || !tn_rules_relative(rules, path, buffer, sizeof buffer, &inside))
        return false;
    for (size_t i = 0; i < inside.len; i++)
        if (inside.ptr[i] == '/' && tn_ignore_has(g, tn_str_sub(inside, 0, i), true))
            return true;
    return tn_ignore_has(g, inside, is_folder);
}
