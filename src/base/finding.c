#include "base/finding.h"

#include "base/map.h"
#include "base/sha256.h"

#include <string.h>

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
    tn_str *text[] = {&finding.path, &finding.message, &finding.evidence, &finding.remedy, &finding.source_line};
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

int tn_finding_cmp(const tn_finding *a, const tn_finding *b)
{
    int c = tn_str_cmp(a->path, b->path);
    if (c == 0)
        c = a->line != b->line ? (a->line < b->line ? -1 : 1) : a->column != b->column ? (a->column < b->column ? -1 : 1) : 0;
    if (c == 0)
        c = strcmp(a->rule, b->rule);
    if (c == 0)
        c = tn_str_cmp(a->message, b->message);
    return c ? c : tn_str_cmp(a->evidence, b->evidence);
}

/* Runs of blanks count as one, so that indenting a block keeps what is known about it. */
static void put_words(tn_buf *b, tn_str line)
{
    line = tn_str_trim(line);
    for (size_t i = 0; i < line.len; i++) {
        bool blank = line.ptr[i] == ' ' || line.ptr[i] == '\t' || line.ptr[i] == '\r';
        if (!blank)
            tn_buf_char(b, line.ptr[i]);
        else if (line.ptr[i - 1] != ' ' && line.ptr[i - 1] != '\t')
            tn_buf_char(b, ' ');
    }
}

tn_status tn_findings_fingerprints(const tn_findings *f, tn_arena *a, tn_fingerprint **out, tn_err *err)
{
    tn_map seen = TN_MAP_INIT;
    tn_buf b = TN_BUF_INIT;
    tn_status st = TN_OK;
    *out = TN_ARENA_ARRAY(a, tn_fingerprint, f->list.len);
    if (!*out)
        return tn_fail_nomem(err, f->list.len * sizeof **out);
    for (size_t i = 0; i < f->list.len; i++) {
        const tn_finding *x = &f->list.ptr[i];
        tn_buf_clear(&b);
        tn_buf_c(&b, x->rule);
        tn_buf_char(&b, 0);
        tn_buf_str(&b, x->path);
        tn_buf_char(&b, 0);
        put_words(&b, x->source_line.len ? x->source_line : x->evidence.len ? x->evidence : x->message);
        TN_GO(tn_buf_status(&b, err));
        tn_str key = tn_str_dup(a, tn_buf_view(&b));
        uint64_t *count = key.ptr ? tn_map_put(&seen, key, 0, NULL) : NULL;
        if (!count)
            TN_GO(tn_fail_nomem(err, key.len));
        tn_buf_printf(&b, "%c%llu", 0, (unsigned long long)(*count)++);
        TN_GO(tn_buf_status(&b, err));
        tn_digest d = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
        memcpy((*out)[i].hex, d.hex, 16);
        (*out)[i].hex[16] = 0;
    }
done:
    tn_map_free(&seen);
    tn_buf_free(&b);
    return st;
}
