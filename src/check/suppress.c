/* Found by their words alone, in whatever stands around them: a comment of Python, HTML, YAML, a string of a notebook's
 * JSON. So one reader serves every kind of text, half-written ones too. */
#include "check/suppress.h"

#include <string.h>

enum { MAX = 10000 };

static bool is_comment_only(tn_str line)
{
    line = tn_str_trim(line);
    while (line.len && (line.ptr[0] == '"' || line.ptr[0] == ' ')) /* a line of a notebook's source */
        line = tn_str_sub(line, 1, line.len);
    return line.len == 0 || line.ptr[0] == '#' || tn_str_starts(line, "//") || tn_str_starts(line, "<!--");
}

/* The reason, without what closes its comment or its JSON string. */
static tn_str clean(tn_str s)
{
    for (bool more = true; more;) {
        s = tn_str_trim(s);
        more = false;
        static const char *const tail[] = {"-->", "*/", "\",", "\"", "\\n", ","};
        for (size_t i = 0; i < TN_COUNT(tail); i++)
            if (tn_str_ends(s, tail[i])) {
                s.len -= strlen(tail[i]);
                more = true;
            }
    }
    while (s.len && strchr(":-,. ", s.ptr[0]))
        s = tn_str_sub(s, 1, s.len);
    return s;
}

static bool is_reason(tn_str s)
{
    size_t letters = 0;
    s = clean(s);
    for (size_t i = 0; i < s.len; i++)
        letters += (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') || (unsigned char)s.ptr[i] >= 0xC0;
    return letters >= 3;
}

/* One mark at `at` in `line`; `next` is the line that a mark alone on its line holds for. */
typedef TN_VEC(tn_suppression) suppressions;
static bool read_mark(tn_str line, size_t at, uint32_t number, uint32_t next, suppressions *out)
{
    bool whole = tn_str_starts(tn_str_sub(line, at, line.len), "ignore-file[");
    size_t open = at + strlen(whole ? "ignore-file[" : "ignore["), close = tn_str_find(line, TN_STR("]"), open);
    if (close == SIZE_MAX)
        return true;
    bool alone = is_comment_only(line), reason = is_reason(tn_str_sub(line, close + 1, line.len));
    tn_str rules = tn_str_sub(line, open, close), rule;
    while (tn_str_cut(&rules, ',', &rule) && out->len < MAX) {
        rule = tn_str_trim(rule);
        if (rule.len && !TN_PUSH(out, ((tn_suppression){rule, number, whole ? 0 : alone ? next : number, reason})))
            return false;
    }
    return true;
}

/* The first line at or after `from` that is more than a comment, looking at twenty at most. */
static uint32_t next_code(tn_str text, size_t from, uint32_t line)
{
    tn_str rest = tn_str_sub(text, from, text.len), other;
    for (int i = 0; i < 20 && tn_str_cut(&rest, '\n', &other) && is_comment_only(other); i++)
        line++;
    return line;
}

tn_status tn_suppressions_find(tn_str text, tn_arena *a, tn_suppression **out, size_t *n, tn_err *err)
{
    const tn_str mark = TN_STR("tenet: ignore");
    suppressions found = {0};
    bool ok = true;
    uint32_t line = 1;
    *out = NULL;
    *n = 0;
    for (size_t from = 0, at; ok && (at = tn_str_find(text, mark, from)) != SIZE_MAX;) {
        size_t to = at;
        for (; from < at; from++) /* to the line of the mark */
            line += text.ptr[from] == '\n';
        while (from > 0 && text.ptr[from - 1] != '\n')
            from--;
        while (to < text.len && text.ptr[to] != '\n')
            to++;
        tn_str here = tn_str_sub(text, from, to);
        /* Eight marks a line, so that one long line of marks stays linear. */
        size_t in_line = at - from;
        for (int i = 0; ok && i < 8 && in_line != SIZE_MAX; i++, in_line = tn_str_find(here, mark, in_line + mark.len)) {
            tn_str behind = tn_str_sub(here, in_line + strlen("tenet: "), here.len);
            if (tn_str_starts(behind, "ignore[") || tn_str_starts(behind, "ignore-file["))
                ok = read_mark(here, in_line + strlen("tenet: "), line, next_code(text, to + 1, line + 1), &found);
        }
        from = to;
    }
    if (ok && found.len) {
        *out = TN_ARENA_ARRAY(a, tn_suppression, found.len);
        ok = *out != NULL;
        if (ok)
            memcpy(*out, found.ptr, found.len * sizeof *found.ptr);
        *n = found.len;
    }
    TN_VEC_FREE(&found);
    return ok ? TN_OK : tn_fail_nomem(err, sizeof(tn_suppression));
}

const tn_suppression *tn_suppression_for(const tn_suppression *list, size_t n, tn_str rule, uint32_t line)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].has_reason && (list[i].holds == 0 || list[i].holds == line) && tn_str_eq(list[i].rule, rule))
            return &list[i];
    return NULL;
}
