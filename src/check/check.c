/* First all sources are listed and sorted by path, folders among the files; then each is looked at by itself, in any order,
 * on any thread; then what was found is put together in the order of the list. So nothing that a person sees depends on
 * threads or on the order of a directory, and one hostile file can spoil only its own findings.
 *
 * A worker has two arenas: `scratch` is emptied after each source, `kept` holds what survived: a source with nothing to
 * say costs no memory. */
#include "check/check.h"

#include "base/clock.h"
#include "base/file.h"
#include "check/baseline.h"
#include "check/checkers.h"
#include "check/folder.h"
#include "check/ignore.h"
#include "check/secret.h"
#include "check/suppress.h"
#include "check/walk.h"
#include "data/pii.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_FILE = 16 << 20,
    MAX_CONFIG = 1 << 20, /* larger ones are data */
    MAX_FILES = 200000,
    MAX_SHOWN_LINE = 240,    /* bytes of a finding's line that are kept for people */
    MAX_PER_SOURCE = 10000,  /* findings; a file with more is generated, and its reader has stopped long before */
};

typedef struct {
    tn_str path;       /* as shown */
    const char *place; /* on disk */
    tn_kind kind;      /* TN_KIND_NONE: by name and text */
    bool named;        /* by the user: trouble with it is a failure, not a skip */
    const tn_repository *repository;
    tn_str text;       /* for text in memory */
    bool in_memory;
    /* what came out */
    tn_finding *found;
    size_t n_found, n_suppressed, n_waived;
    bool looked_at;
    const char *skipped;
    tn_status status;
    tn_err *err;
} source;

typedef struct {
    tn_arena *scratch, *kept;
    tn_findings findings;
} worker;

typedef struct {
    const tn_check_options *options;
    TN_VEC(source) list;
    tn_arena *arena; /* of the list: paths, repositories */
    tn_ignore ignore; /* of tenet.yaml */
    worker *worker;  /* [n_workers] */
    int n_workers;
} job;

/* ---- one source ---- */

static tn_status run_checkers(const tn_check_source *s, tn_findings *findings, tn_err *err)
{
    size_t from = findings->list.len;
    for (tn_checker *const *c = tn_checkers_of(s->kind); *c && findings->list.len < MAX_PER_SOURCE; c++)
        TN_TRY((*c)(s, findings, err));
    for (size_t i = from; i < findings->list.len; i++)
        if (findings->list.ptr[i].line && findings->list.ptr[i].path.len == 0)
            findings->list.ptr[i].line += s->lines_before;
    return TN_OK;
}

tn_status tn_check_piece(const tn_check_source *whole, tn_kind kind, tn_str text, uint32_t line, tn_findings *findings,
                         tn_err *err)
{
    /* The outer run adds its own lines_before to what comes out of here. */
    tn_check_source piece = *whole;
    piece.kind = kind;
    piece.text = text;
    piece.fragment = true;
    piece.lines_before = line - 1;
    return run_checkers(&piece, findings, err);
}

static int by_place(const void *a, const void *b)
{
    return tn_finding_cmp(a, b);
}

/* What a finding about personal data shows of its line: "[email]". */
static tn_status redact(tn_str *line, tn_arena *a, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_status st = tn_pii_redact(*line, &b, err);
    if (st == TN_OK && b.len) {
        *line = tn_str_dup(a, tn_buf_view(&b));
        st = line->ptr ? TN_OK : tn_fail_nomem(err, b.len);
    }
    tn_buf_free(&b);
    return st;
}

/* Findings are sorted, so one walk over the text finds the line of each. No secret gets into a report. */
static tn_status add_lines(tn_finding *f, size_t n, tn_str path, tn_str text, tn_arena *a, tn_err *err)
{
    uint32_t line = 1;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        TN_TRY(tn_secret_mask(f[i].evidence, a, &f[i].evidence, err));
        if (f[i].line == 0 || f[i].source_line.len || !tn_str_eq(f[i].path, path))
            continue;
        while (line < f[i].line && at < text.len) {
            const char *end = memchr(text.ptr + at, '\n', text.len - at);
            at = end ? (size_t)(end - text.ptr) + 1 : text.len;
            line++;
        }
        size_t to = at, max = at + MAX_SHOWN_LINE;
        while (to < text.len && to < max && text.ptr[to] != '\n')
            to++;
        while (to == max && to > at && ((unsigned char)text.ptr[to - 1] & 0xC0) == 0x80)
            to--; /* not in the middle of a letter */
        f[i].source_line = tn_str_sub(text, at, to);
        while (f[i].source_line.len && f[i].source_line.ptr[f[i].source_line.len - 1] == '\r')
            f[i].source_line.len--;
        if (tn_str_starts(tn_str_of(f[i].rule), "govern-p") || tn_str_starts(tn_str_of(f[i].rule), "govern-u"))
            TN_TRY(redact(&f[i].source_line, a, err));
        TN_TRY(tn_secret_mask(f[i].source_line, a, &f[i].source_line, err));
    }
    return TN_OK;
}

/* A suppression that gives no reason, or names no rule, is a finding of its own and suppresses nothing. */
static tn_status judge_suppressions(const tn_check_source *s, const tn_suppression *mark, size_t n, tn_findings *findings, tn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const tn_rule *rule = tn_rules_find(s->rules, mark[i].rule);
        tn_finding f = {.rule = "order-context", .line = mark[i].line, .column = 1, .path = s->path, .evidence = mark[i].rule};
        if (!rule) {
            f.message = TN_STR("this suppression names a rule that does not exist");
            f.remedy = TN_STR("name a rule of `tenet rules list`, or remove the mark");
        } else if (!mark[i].has_reason) {
            f.rule = rule->id.ptr;
            f.message = TN_STR("this suppression gives no reason, so it does not count");
            f.remedy = TN_STR("write why behind the bracket: tenet: ignore[rule] the reason");
        } else {
            continue;
        }
        TN_TRY(tn_findings_add(findings, f, err));
    }
    return TN_OK;
}

static tn_status is_waived(const tn_check_options *o, tn_finding f, tn_arena *a, bool *waived, tn_err *err)
{
    if (o->base && tn_rules_settings(o->rules)->n_waivers) {
        const char *name = tn_str_c(a, f.path), *place = name ? tn_path_join(a, o->base, name) : NULL;
        if (!place)
            return tn_fail_nomem(err, f.path.len);
        f.path = tn_str_of(place);
    }
    *waived = tn_rules_waiver(o->rules, &f) != NULL;
    return TN_OK;
}

/* Fills path and severity, drops what is off, suppressed, waived or below the wanted severity, and keeps the rest. */
static tn_status judge(const job *j, source *s, const tn_check_source *in, worker *w, tn_err *err)
{
    tn_findings *all = &w->findings;
    tn_suppression *mark;
    size_t n_marks, n = 0;
    const tn_rules *rules = j->options->rules;
    TN_TRY(tn_suppressions_find(in->text, w->scratch, &mark, &n_marks, err));
    if (j->options->no_suppressions)
        n_marks = 0;
    TN_TRY(judge_suppressions(in, mark, n_marks, all, err));
    for (size_t i = 0; i < all->list.len; i++) {
        tn_finding f = all->list.ptr[i];
        const tn_rule *rule = tn_rules_find(rules, tn_str_of(f.rule));
        TN_ASSERT(rule); /* checkers name rules by literal ids */
        if (f.path.len == 0)
            f.path = in->path;
        f.severity = rule->severity;
        if (rule->off || f.severity < j->options->min_severity)
            continue;
        if (f.line && tn_str_eq(f.path, in->path) && tn_suppression_for(mark, n_marks, tn_str_of(f.rule), f.line)) {
            s->n_suppressed++;
            continue;
        }
        bool waived = false;
        TN_TRY(is_waived(j->options, f, w->scratch, &waived, err));
        if (waived) {
            s->n_waived++;
            continue;
        }
        all->list.ptr[n++] = f;
    }
    all->list.len = n;
    if (n == 0)
        return TN_OK;
    qsort(all->list.ptr, n, sizeof *all->list.ptr, by_place);
    TN_TRY(add_lines(all->list.ptr, n, in->path, in->text, w->scratch, err));
    s->found = TN_ARENA_ARRAY(w->kept, tn_finding, n);
    if (!s->found)
        return tn_fail_nomem(err, n * sizeof *s->found);
    for (size_t i = 0; i < n; i++) {
        tn_finding f = all->list.ptr[i];
        /* Two rules of thumb may meet in one place: the same sentence is said once. */
        if (i > 0 && tn_finding_cmp(&all->list.ptr[i - 1], &f) == 0)
            continue;
        tn_str *text[] = {&f.path, &f.message, &f.evidence, &f.remedy, &f.source_line};
        for (size_t k = 0; k < TN_COUNT(text); k++)
            if (!(*text[k] = tn_str_dup(w->kept, *text[k])).ptr)
                return tn_fail_nomem(err, 64);
        s->found[s->n_found++] = f;
    }
    return TN_OK;
}

static bool is_folder_kind(tn_kind k)
{
    return k >= TN_KIND_DATA;
}

/* NULL, or why the text is not looked at. */
static const char *unfit(tn_kind kind, tn_str text)
{
    if (kind == TN_KIND_CONFIG && text.len > MAX_CONFIG)
        return "";
    return memchr(text.ptr, 0, text.len < 8192 ? text.len : 8192) ? (kind == TN_KIND_CONFIG ? "" : "not a text file") : NULL;
}

static tn_status look(const job *j, source *s, worker *w, tn_err *err)
{
    tn_check_source in = {.path = s->path, .kind = s->kind, .rules = j->options->rules, .repository = s->repository, .place = s->place, .arena = w->scratch};
    TN_TRY(tn_interrupt_check(err));
    if (s->in_memory) {
        in.text = s->text;
    } else if (!is_folder_kind(s->kind)) {
        tn_status st = tn_walk_read(s->place, j->options->max_file ? j->options->max_file : MAX_FILE, w->scratch, &in.text, err);
        if (st == TN_ENOMEM || (st != TN_OK && s->named))
            return st;
        if (st != TN_OK) {
            s->skipped = st == TN_ELIMIT ? "larger than the limit" : "cannot be read";
            return TN_OK;
        }
    } else {
        in.text = TN_STR("");
    }
    if (in.kind == TN_KIND_NONE)
        in.kind = tn_kind_of(in.path, in.text);
    const char *why = unfit(in.kind, in.text);
    if (why && s->named && !s->in_memory && in.kind != TN_KIND_NONE)
        return tn_fail(err, TN_EFORMAT, "%s: this is no text file; tenet check reads text, and folders of models", s->place);
    if (why || in.kind == TN_KIND_NONE) {
        s->skipped = why && *why ? why : NULL;
        return TN_OK;
    }
    s->looked_at = true;
    s->kind = in.kind;
    TN_TRY(run_checkers(&in, &w->findings, err));
    return judge(j, s, &in, w, err);
}

static void look_at(void *ctx, size_t task, int slot)
{
    job *j = ctx;
    source *s = &j->list.ptr[task];
    worker *w = &j->worker[slot];
    tn_err err = TN_ERR_INIT;
    s->status = look(j, s, w, &err);
    if (s->status != TN_OK) {
        s->err = tn_arena_alloc(w->kept, sizeof err);
        if (s->err)
            *s->err = err;
    }
    tn_arena_reset(w->scratch);
    tn_findings_clear(&w->findings);
}

/* ---- the list ---- */

static tn_status add_source(job *j, source s, tn_err *err)
{
    return TN_PUSH(&j->list, s) ? TN_OK : tn_fail_nomem(err, sizeof s);
}

/* "./a/" is shown as "a". */
static tn_str shown_path(tn_str path)
{
    while (path.len > 2 && path.ptr[0] == '.' && path.ptr[1] == '/')
        path = tn_str_sub(path, path.ptr[2] == '/' ? 1 : 2, path.len);
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return tn_str_is(path, "./") ? TN_STR(".") : path;
}

static tn_status join(job *j, const char *folder, tn_str name, tn_str *out, tn_err *err)
{
    *out = strcmp(folder, ".") == 0 || !*folder ? tn_str_dup(j->arena, name) : tn_str_format(j->arena, "%s/%.*s", strcmp(folder, "/") ? folder : "", TN_ARG(name));
    return out->ptr ? TN_OK : tn_fail_nomem(err, name.len);
}

/* A path that was named is looked at all the same. */
static bool is_ignored(const job *j, tn_str path, bool is_folder)
{
    return tn_ignore_has_project(&j->ignore, j->options->rules, path, is_folder);
}

static tn_status add_folder(job *j, const char *root, size_t max_files, tn_check_result *out, tn_err *err)
{
    tn_repository *r = tn_arena_calloc(j->arena, sizeof *r);
    tn_str shown = shown_path(tn_str_of(root));
    bool cut = false;
    const char *at = tn_str_c(j->arena, shown);
    if (!r || !at)
        return tn_fail_nomem(err, sizeof *r);
    TN_TRY(tn_walk(root, shown, max_files, j->arena, r, &cut, err));
    if (cut)
        out->cut = true;
    tn_kind wanted = j->options->kind;
    tn_folder *folder;
    size_t n;
    if (wanted == TN_KIND_NONE || is_folder_kind(wanted)) {
        TN_TRY(tn_folders_find(r, wanted, j->arena, &folder, &n, err));
        for (size_t i = 0; i < n; i++) {
            source s = {.kind = folder[i].kind, .repository = r, .path = shown, .named = folder[i].name.len == 0};
            if (folder[i].name.len)
                TN_TRY(join(j, at, folder[i].name, &s.path, err));
            if (!s.named && is_ignored(j, s.path, true))
                continue;
            s.place = tn_path_join(j->arena, root, folder[i].name.len ? folder[i].name.ptr : ".");
            if (!s.place)
                return tn_fail_nomem(err, 64);
            TN_TRY(add_source(j, s, err));
        }
    }
    for (size_t i = 0; !is_folder_kind(wanted) && i < r->n; i++) {
        /* Most names say that their file is not for us, without opening it. */
        tn_kind kind = tn_kind_of(r->file[i].name, TN_STR(""));
        bool markdown = tn_str_ends(r->file[i].name, ".md") || tn_str_ends(r->file[i].name, ".markdown") || tn_str_ends(r->file[i].name, ".MD");
        if ((kind == TN_KIND_NONE && !markdown) || (kind == TN_KIND_CONFIG && r->file[i].size > MAX_CONFIG))
            continue;
        source s = {.kind = wanted, .repository = r};
        TN_TRY(join(j, at, r->file[i].name, &s.path, err));
        if (is_ignored(j, s.path, false))
            continue;
        s.place = tn_path_join(j->arena, root, r->file[i].name.ptr);
        if (!s.place)
            return tn_fail_nomem(err, 64);
        TN_TRY(add_source(j, s, err));
    }
    return TN_OK;
}

static int by_path(const void *a, const void *b)
{
    const source *x = a, *y = b;
    int c = tn_str_cmp(x->path, y->path);
    return c ? c : x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : (int)y->named - (int)x->named;
}

/* A file that was named twice, or named and found below a folder, is looked at once: as found, with what is known of its
 * folder. */
static void drop_doubles(job *j)
{
    size_t n = 0;
    if (j->list.len)
        qsort(j->list.ptr, j->list.len, sizeof *j->list.ptr, by_path);
    for (size_t i = 0; i < j->list.len; i++) {
        source *last = n ? &j->list.ptr[n - 1] : NULL, s = j->list.ptr[i];
        if (last && tn_str_eq(last->path, s.path) && last->kind == s.kind) {
            last->repository = last->repository ? last->repository : s.repository;
            last->named = last->named || s.named;
        } else {
            j->list.ptr[n++] = s;
        }
    }
    j->list.len = n;
}

/* ---- the whole ---- */

static tn_status job_open(job *j, const tn_check_options *options, tn_check_result *out, tn_err *err)
{
    *j = (job){.options = options, .arena = tn_arena_new(0), .n_workers = tn_pool_size(options->pool)};
    *out = (tn_check_result){0};
    j->worker = tn_mem_calloc((size_t)j->n_workers * sizeof *j->worker);
    if (!j->arena || !j->worker)
        return tn_fail_nomem(err, (size_t)j->n_workers * sizeof *j->worker);
    j->ignore.arena = j->arena;
    if (options->rules)
        TN_TRY(tn_ignore_add_project(&j->ignore, options->rules, err));
    for (int i = 0; i < j->n_workers; i++) {
        worker *w = &j->worker[i];
        w->scratch = tn_arena_new(0);
        w->kept = tn_arena_new(0);
        if (!w->scratch || !w->kept)
            return tn_fail_nomem(err, 65536);
        TN_TRY(tn_findings_init(&w->findings, err));
    }
    return tn_findings_init(&out->findings, err);
}

static void job_close(job *j)
{
    for (int i = 0; j->worker && i < j->n_workers; i++) {
        tn_arena_free(j->worker[i].scratch);
        tn_arena_free(j->worker[i].kept);
        tn_findings_free(&j->worker[i].findings);
    }
    tn_mem_free(j->worker);
    TN_VEC_FREE(&j->list);
    TN_VEC_FREE(&j->ignore.line);
    tn_arena_free(j->arena);
}

static tn_status gather(job *j, tn_check_result *out, tn_err *err)
{
    tn_arena *a = out->findings.arena;
    size_t n_skipped = 0;
    for (size_t i = 0; i < j->list.len; i++) {
        source *s = &j->list.ptr[i];
        if (s->status != TN_OK) {
            if (err && s->err)
                *err = *s->err;
            return s->err ? s->status : tn_fail_nomem(err, sizeof *err);
        }
        n_skipped += s->skipped != NULL;
        out->n_files += s->looked_at && !is_folder_kind(s->kind);
        out->n_folders += s->looked_at && is_folder_kind(s->kind);
        out->n_suppressed += s->n_suppressed;
        out->n_waived += s->n_waived;
        for (size_t k = 0; k < s->n_found; k++)
            TN_TRY(tn_findings_add(&out->findings, s->found[k], err));
    }
    out->skipped = TN_ARENA_ARRAY(a, struct tn_check_skip, n_skipped);
    if (!out->skipped)
        return tn_fail_nomem(err, n_skipped * sizeof *out->skipped);
    for (size_t i = 0; i < j->list.len; i++)
        if (j->list.ptr[i].skipped) {
            tn_str path = tn_str_dup(a, j->list.ptr[i].path);
            if (!path.ptr)
                return tn_fail_nomem(err, 64);
            out->skipped[out->n_skipped++] = (struct tn_check_skip){path, j->list.ptr[i].skipped};
        }
    return TN_OK;
}

/* Folders report about files inside them, so the whole list is sorted once more. */
static tn_status finish(const tn_check_options *options, tn_check_result *out, tn_err *err)
{
    tn_findings *f = &out->findings;
    tn_fingerprint *mark;
    size_t n = 0;
    if (f->list.len == 0)
        return TN_OK;
    qsort(f->list.ptr, f->list.len, sizeof *f->list.ptr, by_place);
    if (!options->baseline)
        return TN_OK;
    TN_TRY(tn_findings_fingerprints(f, f->arena, &mark, err));
    for (size_t i = 0; i < f->list.len; i++)
        if (tn_baseline_has(options->baseline, &mark[i]))
            out->n_known++;
        else
            f->list.ptr[n++] = f->list.ptr[i];
    f->list.len = n;
    return TN_OK;
}

static tn_status run(job *j, tn_check_result *out, tn_err *err)
{
    drop_doubles(j);
    tn_pool_run(j->options->pool, j->list.len, look_at, j);
    TN_TRY(gather(j, out, err));
    return finish(j->options, out, err);
}

static tn_status add_problems(const tn_check_options *options, tn_findings *findings, tn_err *err)
{
    size_t n;
    const tn_finding *f = tn_rules_problems(options->rules, &n);
    for (size_t i = 0; i < n; i++)
        TN_TRY(tn_findings_add(findings, f[i], err));
    return TN_OK;
}

tn_status tn_check_paths(const char *const *path, size_t n, const tn_check_options *options, tn_check_result *out, tn_err *err)
{
    job j;
    size_t max_files = options->max_files ? options->max_files : MAX_FILES;
    tn_status st = job_open(&j, options, out, err);
    if (st == TN_OK)
        st = add_problems(options, &out->findings, err);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        if (tn_file_is_dir(path[i]))
            st = add_folder(&j, path[i], max_files, out, err);
        else if (is_folder_kind(options->kind))
            st = tn_fail(err, TN_EINVALID, "%s is no folder; --kind %s looks at folders", path[i], tn_kind_name(options->kind));
        else
            st = add_source(&j, (source){.path = shown_path(tn_str_of(path[i])), .place = path[i], .kind = options->kind, .named = true}, err);
    }
    if (st == TN_OK)
        st = run(&j, out, err);
    job_close(&j);
    if (st != TN_OK)
        tn_check_result_free(out);
    return st;
}

tn_status tn_check_text(tn_str path, tn_str text, const tn_check_options *options, tn_check_result *out, tn_err *err)
{
    job j;
    TN_ASSERT(!is_folder_kind(options->kind));
    tn_status st = job_open(&j, options, out, err);
    if (st == TN_OK)
        st = add_source(&j, (source){.path = shown_path(path), .kind = options->kind, .text = text, .repository = options->repository, .in_memory = true, .named = true}, err);
    if (st == TN_OK)
        st = run(&j, out, err);
    job_close(&j);
    if (st != TN_OK)
        tn_check_result_free(out);
    return st;
}

void tn_check_result_free(tn_check_result *r)
{
    tn_findings_free(&r->findings);
}
