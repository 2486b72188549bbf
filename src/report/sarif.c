/* One log, one run. A rule's index is its place among the rules that have findings, so the log holds no text that nothing
 * points to. Paths are URIs of their own kind: only unreserved characters and '/' stay as they are. */
#include "report/findings.h"

#include "codec/json.h"

#include <ctype.h>
#include <string.h>

static void put_uri(tn_json_writer *w, tn_str path, tn_buf *scratch)
{
    tn_buf_clear(scratch);
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if ((c < 0x80 && isalnum(c)) || (c && strchr("-._~/", c)))
            tn_buf_char(scratch, (char)c);
        else
            tn_buf_printf(scratch, "%%%02X", c);
    }
    tn_jw_key(w, "uri");
    tn_jw_str(w, scratch->ptr ? tn_buf_view(scratch) : TN_STR(""));
    if (path.len == 0 || path.ptr[0] != '/') {
        tn_jw_key(w, "uriBaseId");
        tn_jw_c(w, "%SRCROOT%");
    }
}

static const char *level(tn_severity s)
{
    return s == TN_ERROR ? "error" : s == TN_WARNING ? "warning" : "note";
}

static void put_text(tn_json_writer *w, const char *key, const char *kind, tn_str s)
{
    tn_jw_key(w, key);
    tn_jw_begin_object(w);
    tn_jw_key(w, kind);
    tn_jw_str(w, s);
    tn_jw_end_object(w);
}

static void put_rule(tn_json_writer *w, const tn_rule *r, tn_buf *scratch)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "id");
    tn_jw_str(w, r->id);
    put_text(w, "shortDescription", "text", r->title);
    put_text(w, "fullDescription", "text", r->statement);
    tn_jw_key(w, "help");
    tn_jw_begin_object(w);
    tn_jw_key(w, "text");
    tn_jw_str(w, r->instead.len ? r->instead : r->statement);
    tn_jw_key(w, "markdown");
    tn_buf_clear(scratch);
    tn_buf_printf(scratch, "%.*s\n\n**Why.** %.*s\n\n**Instead.** %.*s\n", TN_ARG(r->statement), TN_ARG(r->why), TN_ARG(r->instead));
    tn_jw_str(w, scratch->ptr ? tn_buf_view(scratch) : TN_STR(""));
    tn_jw_end_object(w);
    tn_jw_key(w, "defaultConfiguration");
    tn_jw_begin_object(w);
    tn_jw_key(w, "level");
    tn_jw_c(w, level(r->severity));
    tn_jw_end_object(w);
    tn_jw_key(w, "properties");
    tn_jw_begin_object(w);
    tn_jw_key(w, "tags");
    tn_jw_begin_array(w);
    tn_jw_str(w, r->section);
    tn_jw_end_array(w);
    tn_jw_end_object(w);
    tn_jw_end_object(w);
}

static void put_location(tn_json_writer *w, const tn_finding *f, tn_buf *scratch)
{
    tn_jw_key(w, "locations");
    tn_jw_begin_array(w);
    tn_jw_begin_object(w);
    tn_jw_key(w, "physicalLocation");
    tn_jw_begin_object(w);
    tn_jw_key(w, "artifactLocation");
    tn_jw_begin_object(w);
    put_uri(w, f->path, scratch);
    tn_jw_end_object(w);
    if (f->line) {
        tn_jw_key(w, "region");
        tn_jw_begin_object(w);
        tn_jw_key(w, "startLine");
        tn_jw_u64(w, f->line);
        if (f->column) {
            tn_jw_key(w, "startColumn");
            tn_jw_u64(w, f->column);
        }
        if (f->source_line.len)
            put_text(w, "snippet", "text", f->source_line);
        tn_jw_end_object(w);
    }
    tn_jw_end_object(w);
    tn_jw_end_object(w);
    tn_jw_end_array(w);
}

static void put_result(tn_json_writer *w, const tn_finding *f, size_t rule, const char *fingerprint, tn_buf *scratch)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "ruleId");
    tn_jw_c(w, f->rule);
    tn_jw_key(w, "ruleIndex");
    tn_jw_u64(w, rule);
    tn_jw_key(w, "level");
    tn_jw_c(w, level(f->severity));
    tn_buf_clear(scratch);
    tn_buf_str(scratch, f->message);
    if (f->remedy.len)
        tn_buf_printf(scratch, ": %.*s", TN_ARG(f->remedy));
    put_text(w, "message", "text", scratch->ptr ? tn_buf_view(scratch) : TN_STR(""));
    put_location(w, f, scratch);
    tn_jw_key(w, "partialFingerprints");
    tn_jw_begin_object(w);
    tn_jw_key(w, "tenet/v1");
    tn_jw_c(w, fingerprint);
    tn_jw_end_object(w);
    tn_jw_key(w, "properties");
    tn_jw_begin_object(w);
    tn_jw_key(w, "evidence");
    tn_jw_str(w, f->evidence);
    tn_jw_key(w, "remedy");
    tn_jw_str(w, f->remedy);
    tn_jw_end_object(w);
    tn_jw_end_object(w);
}

tn_status tn_findings_sarif(const tn_findings *f, const tn_rules *rules, tn_buf *out, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_buf scratch = TN_BUF_INIT;
    tn_json_writer w;
    tn_fingerprint *mark;
    size_t n_rules = tn_rules_count(rules), n = 0;
    size_t *index = a ? TN_ARENA_ARRAY(a, size_t, n_rules) : NULL; /* of a rule in the log; SIZE_MAX = not there */
    tn_status st = index ? tn_findings_fingerprints(f, a, &mark, err) : tn_fail_nomem(err, n_rules * sizeof *index);
    if (st != TN_OK)
        goto done;
    for (size_t i = 0; i < n_rules; i++) {
        index[i] = SIZE_MAX;
        for (size_t k = 0; index[i] == SIZE_MAX && k < f->list.len; k++)
            if (tn_str_is(tn_rules_at(rules, i)->id, f->list.ptr[k].rule))
                index[i] = n++;
    }
    tn_jw_init(&w, out, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "$schema");
    tn_jw_c(&w, "https://json.schemastore.org/sarif-2.1.0.json");
    tn_jw_key(&w, "version");
    tn_jw_c(&w, "2.1.0");
    tn_jw_key(&w, "runs");
    tn_jw_begin_array(&w);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "tool");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "driver");
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "name");
    tn_jw_c(&w, "tenet");
    tn_jw_key(&w, "semanticVersion");
    tn_jw_c(&w, TN_VERSION);
    tn_jw_key(&w, "rules");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < n_rules; i++)
        if (index[i] != SIZE_MAX)
            put_rule(&w, tn_rules_at(rules, i), &scratch);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    tn_jw_key(&w, "columnKind");
    tn_jw_c(&w, "unicodeCodePoints");
    tn_jw_key(&w, "results");
    tn_jw_begin_array(&w);
    for (size_t k = 0; k < f->list.len; k++) {
        size_t at = 0;
        while (!tn_str_is(tn_rules_at(rules, at)->id, f->list.ptr[k].rule))
            TN_ASSERT(++at < n_rules); /* the frame refuses findings of unknown rules */
        put_result(&w, &f->list.ptr[k], index[at], mark[k].hex, &scratch);
    }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    st = tn_buf_status(&scratch, err);
    if (st == TN_OK)
        st = tn_buf_status(out, err);
done:
    tn_buf_free(&scratch);
    tn_arena_free(a);
    return st;
}
