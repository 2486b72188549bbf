/* A cache of parsed records by name. Only the first look at a record touches the disk, so that a report made of two
 * hundred numbers reads each file once and all its numbers agree. */
#include "record/record.h"

#include "base/file.h"
#include "base/map.h"
#include "codec/csv.h"
#include "codec/yaml.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_RECORD = 256 << 20 };

typedef struct {
    const tn_json *tree; /* NULL: absent */
    const char *problem;
} entry;

struct tn_records {
    const char *dir;
    tn_arena *arena;
    tn_map by_name; /* record → index into entries */
    TN_VEC(entry) entries;
    bool no_memory;
};

tn_status tn_records_open(const char *dir, tn_records **out, tn_err *err)
{
    if (!tn_file_is_dir(dir))
        return tn_fail(err, TN_ENOENT, "%s is no folder", dir);
    tn_arena *a = tn_arena_new(0);
    tn_records *r = a ? tn_arena_calloc(a, sizeof *r) : NULL;
    if (r)
        r->dir = tn_str_c(a, tn_str_of(dir));
    if (!r || !r->dir) {
        tn_arena_free(a);
        return tn_fail_nomem(err, sizeof *r);
    }
    r->arena = a;
    *out = r;
    return TN_OK;
}

void tn_records_close(tn_records *r)
{
    if (!r)
        return;
    tn_map_free(&r->by_name);
    TN_VEC_FREE(&r->entries);
    tn_arena_free(r->arena);
}

static tn_status read_lines(tn_records *r, tn_str text, const tn_json **out, tn_err *err)
{
    tn_json *list = tn_json_new_array(r->arena);
    tn_str line;
    for (size_t number = 1; tn_str_cut(&text, '\n', &line); number++) {
        const tn_json *v;
        if (tn_str_trim(line).len == 0)
            continue;
        if (tn_json_parse(line, r->arena, &v, err) != TN_OK)
            return tn_fail_prefix(err, "%zu", number);
        if (!tn_json_push(list, tn_json_dup(r->arena, v)))
            return tn_fail_nomem(err, line.len);
    }
    *out = list;
    return TN_OK;
}

static tn_status read_table(tn_records *r, tn_str text, const tn_json **out, tn_err *err)
{
    tn_json *list = tn_json_new_array(r->arena);
    tn_csv_reader reader;
    tn_csv_row head, row;
    bool more;
    tn_csv_init(&reader, text, &(tn_csv_options){0});
    TN_TRY(tn_csv_next(&reader, r->arena, &head, &more, err));
    const char **key = TN_ARENA_ARRAY(r->arena, const char *, head.n);
    bool ok = list && key;
    for (size_t i = 0; ok && i < head.n; i++)
        ok = (key[i] = tn_str_c(r->arena, head.field[i])) != NULL;
    while (ok && more) {
        TN_TRY(tn_csv_next(&reader, r->arena, &row, &more, err));
        if (!more)
            break;
        if (row.n != head.n)
            return tn_fail(err, TN_EFORMAT, "%u: the line has %zu fields, its head has %zu", row.line, row.n, head.n);
        tn_json *v = tn_json_new_object(r->arena);
        for (size_t i = 0; ok && i < row.n; i++)
            ok = tn_json_set(r->arena, v, key[i], tn_json_new_str(r->arena, row.field[i]));
        ok = ok && tn_json_push(list, v);
    }
    *out = list;
    return ok ? TN_OK : tn_fail_nomem(err, text.len);
}

static tn_status load(tn_records *r, const char *path, tn_str name, const tn_json **out, tn_err *err)
{
    tn_bytes bytes;
    TN_TRY(tn_file_read(path, MAX_RECORD, r->arena, &bytes, err));
    tn_str text = tn_str_from_bytes(bytes);
    if (tn_str_ends(name, ".json"))
        return tn_json_parse(text, r->arena, out, err);
    if (tn_str_ends(name, ".yaml"))
        return tn_yaml_parse(text, r->arena, out, err);
    if (tn_str_ends(name, ".csv"))
        return read_table(r, text, out, err);
    if (tn_str_ends(name, ".jsonl"))
        return read_lines(r, text, out, err);
    tn_json *whole = tn_json_new_str(r->arena, text); /* logs and Markdown: the text itself */
    *out = whole;
    return whole ? TN_OK : tn_fail_nomem(err, text.len);
}

static const entry *out_of_memory(tn_records *r)
{
    static const entry absent = {NULL, "out of memory"};
    r->no_memory = true;
    return &absent;
}

static const entry *find(tn_records *r, tn_str record)
{
    uint64_t *at = tn_map_find(&r->by_name, record);
    if (at)
        return &r->entries.ptr[*at];
    entry e = {0};
    tn_err err = TN_ERR_INIT;
    tn_str name = tn_str_dup(r->arena, record);
    const char *path = name.ptr ? tn_path_join(r->arena, r->dir, name.ptr) : NULL;
    if (!path)
        return out_of_memory(r);
    if (tn_path_is_safe(name) && tn_file_exists(path) && load(r, path, name, &e.tree, &err) != TN_OK) {
        if (err.status == TN_ENOMEM)
            return out_of_memory(r);
        e.tree = NULL;
        e.problem = tn_str_format(r->arena, "%s: %s", name.ptr, err.msg).ptr;
    }
    if (!TN_PUSH(&r->entries, e) || !tn_map_put(&r->by_name, name, r->entries.len - 1, NULL))
        return out_of_memory(r);
    return &r->entries.ptr[r->entries.len - 1];
}

const tn_json *tn_records_get(tn_records *r, const char *record)
{
    return find(r, tn_str_of(record))->tree;
}

tn_status tn_records_status(const tn_records *r, tn_err *err)
{
    return r->no_memory ? tn_fail_nomem(err, tn_arena_size(r->arena)) : TN_OK;
}

const char *tn_records_problem(tn_records *r, const char *record)
{
    return find(r, tn_str_of(record))->problem;
}

const tn_json *tn_records_at(tn_records *r, const char *address)
{
    const char *hash = strchr(address, '#');
    if (!hash)
        return tn_records_get(r, address);
    return tn_json_pointer(find(r, (tn_str){address, (size_t)(hash - address)})->tree, hash + 1);
}

bool tn_records_number(tn_records *r, const char *address, double *out)
{
    const tn_json *v = tn_records_at(r, address);
    return tn_json_f64(v, out) || (tn_json_type(v) == TN_JSON_STRING && tn_str_to_f64(tn_json_str(v), out));
}

tn_str tn_records_text(tn_records *r, const char *address)
{
    return tn_json_text(tn_records_at(r, address));
}

static bool member_number(const tn_json *row, const char *key, double *out)
{
    const tn_json *v = tn_json_get(row, key);
    return tn_json_f64(v, out) || (tn_json_type(v) == TN_JSON_STRING && tn_str_to_f64(tn_json_str(v), out));
}

size_t tn_records_lowest(tn_records *r, const char *list, const char *key, double min_n)
{
    size_t best = SIZE_MAX, i = 0;
    double low = INFINITY;
    for (const tn_json *row = tn_json_first(tn_records_at(r, list)); row; row = tn_json_next(row), i++) {
        double v, n = min_n;
        (void)member_number(row, "n", &n);
        if (n >= min_n && member_number(row, key, &v) && v < low) {
            low = v;
            best = i;
        }
    }
    return best;
}

tn_status tn_records_findings(tn_records *r, tn_findings *out, tn_err *err)
{
    for (const tn_json *v = tn_json_first(tn_records_get(r, "findings.jsonl")); v; v = tn_json_next(v)) {
        int64_t line = 0, column = 0;
        tn_finding f = {.severity = TN_ADVICE, .path = tn_json_str(tn_json_get(v, "path")), .message = tn_json_str(tn_json_get(v, "message")),
                        .evidence = tn_json_str(tn_json_get(v, "evidence")), .remedy = tn_json_str(tn_json_get(v, "remedy"))};
        for (int s = TN_ADVICE; s <= TN_ERROR; s++)
            if (tn_json_is_str(tn_json_get(v, "severity"), tn_severity_name((tn_severity)s)))
                f.severity = (tn_severity)s;
        (void)tn_json_i64(tn_json_get(v, "line"), &line);
        (void)tn_json_i64(tn_json_get(v, "column"), &column);
        f.line = (uint32_t)line;
        f.column = (uint32_t)column;
        /* The rule's name must outlive the records: the collection's arena keeps it. */
        f.rule = tn_str_c(out->arena, tn_json_str(tn_json_get(v, "rule")));
        if (!f.rule)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_findings_add(out, f, err));
    }
    return TN_OK;
}

void tn_record_finding(const tn_finding *f, tn_json_writer *w)
{
    tn_jw_begin_object(w);
    tn_jw_key(w, "rule");
    tn_jw_c(w, f->rule);
    tn_jw_key(w, "severity");
    tn_jw_c(w, tn_severity_name(f->severity));
    tn_jw_key(w, "path");
    tn_jw_str(w, f->path);
    tn_jw_key(w, "line");
    tn_jw_i64(w, f->line);
    tn_jw_key(w, "column");
    tn_jw_i64(w, f->column);
    tn_jw_key(w, "message");
    tn_jw_str(w, f->message);
    tn_jw_key(w, "evidence");
    tn_jw_str(w, f->evidence);
    tn_jw_key(w, "remedy");
    tn_jw_str(w, f->remedy);
    tn_jw_end_object(w);
}

static void show_count(double v, tn_buf *out)
{
    char digits[400]; /* the largest double has 309 */
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(v));
    if (v < 0)
        tn_buf_char(out, '-');
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            tn_buf_char(out, ',');
        tn_buf_char(out, digits[i]);
    }
}

void tn_show_number(double v, tn_str text, tn_show how, tn_buf *out)
{
    switch (how) {
    case TN_SHOW_3: tn_buf_printf(out, "%.3f", v); break;
    case TN_SHOW_PERCENT: tn_buf_printf(out, "%.1f %%", 100 * v); break;
    case TN_SHOW_COUNT: show_count(v, out); break;
    case TN_SHOW_MS: tn_buf_printf(out, v < 100 ? "%.1f ms" : "%.0f ms", v); break;
    case TN_SHOW_SECONDS: tn_buf_printf(out, v < 10 ? "%.1f s" : "%.0f s", v); break;
    case TN_SHOW_BYTES: tn_buf_printf(out, v < 1e9 ? "%.1f MB" : "%.2f GB", v < 1e9 ? v / 1e6 : v / 1e9); break;
    case TN_SHOW_EXACT: tn_buf_str(out, text); break;
    case TN_SHOW_SIGNED: tn_buf_printf(out, "%+.3f", v); break;
    case TN_SHOW_P: tn_buf_printf(out, v < 0.001 ? "< 0.001" : "= %.3f", v); break;
    case TN_N_SHOWS: TN_ASSERT(!"a form"); break;
    }
}

/* ---- what was measured ---- */

static size_t keys_of(const tn_json *object, tn_str *out)
{
    size_t n = 0;
    for (const tn_json *v = tn_json_type(object) == TN_JSON_OBJECT ? tn_json_first(object) : NULL; v && n < TN_MEASURED_MAX; v = tn_json_next(v))
        out[n++] = tn_json_key(v);
    return n;
}

void tn_records_measured(tn_records *r, tn_measured *out)
{
    *out = (tn_measured){.criterion = tn_records_text(r, "criteria.json#/metric"), .row_test = "mcnemar"};
    out->n_metrics = keys_of(tn_records_at(r, "eval/metrics.json#/signature"), out->metric);
    out->n_baselines = keys_of(tn_records_at(r, "eval/metrics.json#/baselines"), out->baseline);
    if (out->criterion.len == 0 && out->n_metrics)
        out->criterion = out->metric[0];
    const tn_json *comparison = tn_json_first(tn_records_at(r, "eval/comparisons.json#/comparisons"));
    if (tn_json_get(comparison, "sign"))
        out->row_test = "sign";
    for (; comparison && out->second.len == 0; comparison = tn_json_next(comparison))
        if (!tn_str_eq(tn_json_str(tn_json_get(comparison, "metric")), out->criterion))
            out->second = tn_json_str(tn_json_get(comparison, "metric"));
    for (size_t i = 0; i < out->n_metrics && out->second.len == 0; i++)
        if (!tn_str_eq(out->metric[i], out->criterion))
            out->second = out->metric[i];
    tn_str column[TN_MEASURED_MAX] = {{0}};
    size_t n = keys_of(tn_json_first(tn_records_get(r, "eval/slices.csv")), column);
    for (size_t i = 3; i < n && i < 5; i++) /* behind slice, value, n */
        out->slice[i - 3] = column[i];
    out->has_classes = tn_json_len(tn_records_at(r, "eval/metrics.json#/test/per_class")) > 0;
}

tn_str tn_records_probe_column(tn_records *r)
{
    for (const tn_json *v = tn_json_first(tn_json_first(tn_records_get(r, "experiment/candidates.csv"))); v; v = tn_json_next(v))
        if (tn_str_starts(tn_json_key(v), "probe_"))
            return tn_json_key(v);
    return TN_STR("");
}

/* ---- the openings of the test ---- */

size_t tn_records_openings(tn_records *r, const char *who)
{
    tn_str rest = tn_records_text(r, "eval/openings.log"), line, word;
    size_t n = 0;
    while (tn_str_cut(&rest, '\n', &line)) { /* TIME test WHO SHA256 [resumed] */
        bool resumed = tn_str_ends(line, " resumed");
        for (int i = 0; i < 3 && tn_str_cut(&line, ' ', &word); i++)
            n += i == 2 && tn_str_is(word, who) && !resumed;
    }
    return n;
}

void tn_records_say_openings(tn_records *r, const tn_measured *measured, tn_buf *out)
{
    size_t by_model = tn_records_openings(r, "model"), most = by_model;
    for (size_t i = 0; i < measured->n_baselines; i++) {
        char who[128];
        snprintf(who, sizeof who, "baseline:%.*s", TN_ARG(measured->baseline[i]));
        size_t n = tn_records_openings(r, who);
        most = n > most ? n : most;
    }
    if (by_model == 0)
        tn_buf_c(out, "No opening of the test by this model is recorded");
    else if (most == 1)
        tn_buf_c(out, "The test was opened once, after all choices were made");
    else
        tn_buf_printf(out, "The test was opened %zu times: what was chosen after the first opening had seen it, and these figures may be too good", most);
}
