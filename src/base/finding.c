#include "base/finding.h"

const char *tn_severity_name(tn_severity s)
{
    return s == TN_ERROR ? "error" : s == TN_WARNING ? "warning" : "advice";
}

tn_status tn_findings_init(tn_findings *f, tn_err *err)
{
    *f = (tn_findings){.arena = tn_arena_new(0)};
    return f->arena ? TN_OK : tn_fail_nomem(err, 65536);
}

void tn_findings_free(tn_findings *f)
{
    TN_VEC_FREE(&f->list);
    tn_arena_free(f->arena);
    f->arena = NULL;
}

tn_status tn_findings_add(tn_findings *f, tn_finding finding, tn_err *err)
{
    tn_str *text[] = {&finding.path, &finding.message, &finding.evidence, &finding.remedy};
    for (size_t i = 0; i < TN_COUNT(text); i++) {
        *text[i] = tn_str_dup(f->arena, *text[i]);
        if (!text[i]->ptr)
            return tn_fail_nomem(err, 64);
    }
    return TN_PUSH(&f->list, finding) ? TN_OK : tn_fail_nomem(err, sizeof finding);
}

void tn_findings_clear(tn_findings *f)
{
    f->list.len = 0;
    tn_arena_reset(f->arena);
}

size_t tn_findings_count(const tn_findings *f, tn_severity at_least)
{
    size_t n = 0;
    for (size_t i = 0; i < f->list.len; i++)
        n += f->list.ptr[i].severity >= at_least;
    return n;
}
