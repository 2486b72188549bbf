/* A baseline is a list of lines sorted by their bytes: merging two of them is a merge of text, and a diff shows which
 * findings went and came. Only the fingerprint is read back; rule and path are for people. */
#include "check/baseline.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "# tenet baseline 1: findings that are known. Remove a line to see its finding again.\n"

struct tn_baseline {
    tn_fingerprint *known; /* [n], sorted */
    size_t n;
};

static int by_hex(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(tn_fingerprint));
}

static bool is_fingerprint(tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))
            return false;
    return s.len == 16;
}

tn_status tn_baseline_parse(tn_str text, tn_arena *a, tn_baseline **out, tn_err *err)
{
    TN_VEC(tn_fingerprint) list = {0};
    tn_status st = TN_OK;
    tn_str line, word;
    uint32_t number = 0;
    while (tn_str_cut(&text, '\n', &line)) {
        number++;
        line = tn_str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        tn_fingerprint f = {{0}};
        tn_str_cut(&line, ' ', &word);
        if (!is_fingerprint(word))
            TN_GO(tn_fail(err, TN_EFORMAT, "%u:1: this is no line of a baseline: it begins with a fingerprint of 16 hex digits", number));
        memcpy(f.hex, word.ptr, 16);
        if (!TN_PUSH(&list, f))
            TN_GO(tn_fail_nomem(err, sizeof f));
    }
    tn_baseline *b = tn_arena_calloc(a, sizeof *b);
    tn_fingerprint *known = TN_ARENA_ARRAY(a, tn_fingerprint, list.len);
    if (!b || !known)
        TN_GO(tn_fail_nomem(err, list.len * sizeof *known));
    if (list.len) {
        qsort(list.ptr, list.len, sizeof *list.ptr, by_hex);
        memcpy(known, list.ptr, list.len * sizeof *known);
    }
    *b = (tn_baseline){known, list.len};
    *out = b;
done:
    TN_VEC_FREE(&list);
    return st;
}

bool tn_baseline_has(const tn_baseline *b, const tn_fingerprint *f)
{
    return b && b->n && bsearch(f, b->known, b->n, sizeof *f, by_hex);
}

static int by_text(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

tn_status tn_baseline_write(const tn_findings *f, tn_buf *out, tn_err *err)
{
    tn_fingerprint *mark;
    tn_arena *a = tn_arena_new(0);
    tn_str *line = a ? TN_ARENA_ARRAY(a, tn_str, f->list.len) : NULL;
    tn_status st = line ? tn_findings_fingerprints(f, a, &mark, err) : tn_fail_nomem(err, f->list.len * sizeof *line);
    for (size_t i = 0; st == TN_OK && i < f->list.len; i++) {
        line[i] = tn_str_format(a, "%s %s %.*s\n", mark[i].hex, f->list.ptr[i].rule, TN_ARG(f->list.ptr[i].path));
        if (!line[i].ptr)
            st = tn_fail_nomem(err, 64);
    }
    if (st == TN_OK) {
        qsort(line, f->list.len, sizeof *line, by_text);
        tn_buf_c(out, HEAD);
        for (size_t i = 0; i < f->list.len; i++)
            tn_buf_str(out, line[i]);
        st = tn_buf_status(out, err);
    }
    tn_arena_free(a);
    return st;
}
