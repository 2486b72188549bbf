/* The first stage: which rows there are, how they are split, which models are at hand and how well each reads these
 * texts. Everything later asks this stage's records or its rows; the test rows are split off here and not looked at
 * again before evaluate.c. */
#include "flow/task.h"

#include "govern/licence.h"
#include "rules/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tn_status tn_flow_find(tn_flow *f, const char *rule, tn_severity severity, tn_str message, tn_str evidence, tn_str remedy,
                       tn_err *err)
{
    return tn_findings_add(&f->out->findings,
                           (tn_finding){.rule = rule, .severity = severity, .message = message, .evidence = evidence,
                                        .remedy = remedy},
                           err);
}

/* ---- exceptions ---- */

static bool severity_in(const tn_json *exception, tn_severity *severity, bool *off)
{
    static const tn_severity all[] = {TN_ADVICE, TN_WARNING, TN_ERROR};
    const tn_json *v = tn_json_get(exception, "severity");
    *off = tn_json_is_str(v, "off");
    for (size_t i = 0; i < TN_COUNT(all); i++)
        if (tn_json_is_str(v, tn_severity_name(all[i]))) {
            *severity = all[i];
            return true;
        }
    return *off;
}

tn_status tn_flow_check_exceptions(const tn_flow *f, tn_err *err)
{
    for (const tn_json *v = tn_json_first(tn_json_get(f->plan, "exceptions")); v; v = tn_json_next(v)) {
        tn_severity severity;
        bool off, changes = tn_json_get(v, "severity") != NULL;
        if (!tn_json_str(tn_json_get(v, "rule")).len || !tn_json_str(tn_json_get(v, "reason")).len || !tn_date_is_valid(tn_json_str(tn_json_get(v, "until"))) ||
            (changes ? !severity_in(v, &severity, &off) : !tn_json_str(tn_json_get(v, "path")).len))
            return tn_fail(err, TN_EINVALID, "plan:%u:%u: an exception has a rule, a severity (error, warning, advice, off) or a path, a reason, and the last day that it "
                                             "holds (until: YYYY-MM-DD)",
                           tn_json_line(v), tn_json_column(v));
    }
    return TN_OK;
}

/* The change of a rule's severity; false when the plan has none. */
static bool change_of(const tn_flow *f, const char *rule, tn_severity *severity, bool *off)
{
    for (const tn_json *v = tn_json_first(tn_json_get(f->plan, "exceptions")); v; v = tn_json_next(v))
        if (tn_json_is_str(tn_json_get(v, "rule"), rule) && severity_in(v, severity, off))
            return true;
    return false;
}

bool tn_flow_is_error(const tn_flow *f, const char *rule)
{
    tn_severity severity = TN_ERROR;
    bool off = false;
    return !change_of(f, rule, &severity, &off) || (!off && severity == TN_ERROR);
}

void tn_flow_settle(const tn_flow *f)
{
    tn_findings *all = &f->out->findings;
    size_t n = 0;
    for (size_t i = 0; i < all->list.len; i++) {
        tn_finding *x = &all->list.ptr[i];
        bool off = false;
        change_of(f, x->rule, &x->severity, &off);
        if (!off)
            all->list.ptr[n++] = *x;
    }
    all->list.len = n;
}

tn_status tn_flow_rows(const tn_flow *f, const uint32_t *row, size_t n, tn_arena *a, int32_t **label, tn_str **text,
                       tn_err *err)
{
    if ((label && !(*label = TN_ARENA_ARRAY(a, int32_t, n))) || (text && !(*text = TN_ARENA_ARRAY(a, tn_str, n))))
        return tn_fail_nomem(err, n * sizeof **text);
    for (size_t i = 0; i < n; i++) {
        const tn_row *r = &f->data.row[row[i]];
        if (label)
            (*label)[i] = r->label;
        if (text)
            (*text)[i] = r->text;
    }
    return TN_OK;
}

/* ---- data ---- */

static const char *path_under(const tn_flow *f, const tn_json *v)
{
    return tn_json_type(v) == TN_JSON_STRING ? tn_path_join(f->arena, f->base, tn_json_str(v).ptr) : NULL;
}

static const char *name_in(const tn_json *source, const char *key)
{
    const tn_json *v = tn_json_get(source, key);
    return tn_json_type(v) == TN_JSON_STRING ? tn_json_str(v).ptr : NULL;
}

/* A column: named in the source, else in the plan that a person may have edited. */
static const char *column_in(const tn_flow *f, const tn_json *source, const char *key, const char *plan_path)
{
    const char *named = name_in(source, key);
    const tn_json *v = f->plan ? tn_plan_at(f->plan, plan_path) : NULL;
    return named || tn_json_type(v) != TN_JSON_STRING ? named : tn_json_str(v).ptr;
}

static tn_status check_source(const tn_flow_task *t, const tn_json *source, tn_err *err)
{
    static const char *const known[] = {"path", "train", "validation", "test", "text", "pair", "label", "id", "group", "time"};
    for (const tn_json *c = tn_json_first(source); c; c = tn_json_next(c)) {
        bool ok = false, own = false;
        for (size_t i = 0; i < TN_COUNT(known); i++)
            ok |= tn_str_is(tn_json_key(c), known[i]);
        for (const char *const *key = t->source_key; key && *key; key++)
            own |= tn_str_is(tn_json_key(c), *key);
        /* A task's own key may also be a list of columns. */
        if (!(ok || own) || !(tn_json_type(c) == TN_JSON_STRING || (own && tn_json_type(c) == TN_JSON_ARRAY)))
            return tn_fail(err, TN_EFORMAT,
                           "%u:%u: data takes a path, or {train, validation, test, text, pair, label, id, group, time} with "
                           "text values; \"%.*s\" is none of them",
                           tn_json_line(c), tn_json_column(c), TN_ARG(tn_json_key(c)));
    }
    return TN_OK;
}

tn_status tn_stage_load(tn_flow *f, const tn_json *source, double validation, double test, int64_t seed, tn_err *err)
{
    bool is_path = tn_json_type(source) == TN_JSON_STRING;
    if (!is_path)
        if (check_source(f->task, source, err) != TN_OK)
            return tn_fail_prefix(err, "%s", f->o->path);
    tn_data_source s = {.path = is_path ? path_under(f, source) : path_under(f, tn_json_get(source, "path")),
                        .train = path_under(f, tn_json_get(source, "train")),
                        .validation = path_under(f, tn_json_get(source, "validation")),
                        .test = path_under(f, tn_json_get(source, "test")),
                        .text = column_in(f, source, "text", "data/text_column"),
                        .label = column_in(f, source, "label", "data/label_column"),
                        .id = column_in(f, source, "id", "data/id_column"),
                        .pair = column_in(f, source, "pair", "data/pair_column"),
                        .pairs = f->pairs};
    if (!s.path && !s.train)
        return tn_fail(err, TN_EINVALID, "data names no file: write `data: FILE`, or `data: {train: FILE, test: FILE}`");
    TN_TRY(f->task->load(f, source, &s, err));
    tn_split_options options = {.validation = validation, .test = test, .seed = (uint64_t)seed,
                                .group = name_in(source, "group"), .time = name_in(source, "time")};
    if (f->plan && tn_plan_at(f->plan, "data/near_duplicate_similarity"))
        TN_TRY(tn_plan_f64(f->plan, "data/near_duplicate_similarity", 0.5, 1, &options.near, err));
    TN_TRY(f->task->split ? f->task->split(f, &options, err) : tn_data_prepare(&f->data, &options, &f->duplicates, &f->out->findings, err));
    for (int s_ = 0; s_ < TN_N_SPLITS; s_++)
        TN_TRY(tn_dataset_rows(&f->data, (tn_split)s_, f->arena, &f->row[s_], &f->n_row[s_], err));
    return TN_OK;
}

/* ---- models ---- */

/* Parameters by name pattern: embedding tables are looked up, everything else is paid for by each token. */
static void count_parameters(tn_candidate *c)
{
    const tn_config *k = &c->config;
    uint64_t h = (uint64_t)k->hidden_size, tables = ((uint64_t)k->vocab_size + (uint64_t)k->max_positions +
                                                     (uint64_t)k->type_vocab_size) * h;
    c->n_encoder = (uint64_t)k->n_layers * (4 * h * h + 2 * h * (uint64_t)k->intermediate_size);
    c->n_parameters = tables + c->n_encoder;
}

/* Languages as the catalogue knows them; the Hub's own metadata has none that is checked. */
static const char *languages_of(tn_flow *f, tn_str id)
{
    tn_catalog_row row;
    tn_str s = tn_catalog_find("models", "id", id, &row) ? tn_catalog_get(&row, "languages") : TN_STR("");
    return tn_str_c(f->arena, s);
}

static tn_status read_candidate(tn_flow *f, const tn_hub_model *m, tn_candidate *c, tn_err *err)
{
    tn_bytes text;
    *c = (tn_candidate){.id = tn_str_c(f->arena, m->id), .revision = tn_str_c(f->arena, m->revision), .dir = m->folder,
                        .licence = tn_str_c(f->arena, m->licence), .languages = languages_of(f, m->id),
                        .provenance = tn_str_c(f->arena, m->provenance), .source = tn_str_c(f->arena, m->source)};
    if (!c->id || !c->revision || !c->licence || !c->languages || !c->provenance || !c->source)
        return tn_fail_nomem(err, 64);
    const char *config = tn_path_join(f->arena, m->folder, "config.json");
    const char *tokenizer = tn_path_join(f->arena, m->folder, "tokenizer.json");
    if (!config || !tokenizer)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_file_read(config, 1 << 24, f->arena, &text, err));
    if (tn_config_parse(tn_str_from_bytes(text), f->arena, &c->config, err) != TN_OK)
        return tn_fail_prefix(err, "%s", config);
    count_parameters(c);
    c->max_tokens = c->config.max_positions < 512 ? c->config.max_positions : 512;
    int64_t limit = 256; /* as the plan will have it, unless the brief states another */
    if (f->plan)
        TN_TRY(tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, &limit, err));
    else if (!tn_json_i64(tn_json_get(tn_json_get(f->brief.front, "recipe"), "max_tokens"), &limit) || limit < 8)
        limit = 256;
    if (limit > c->max_tokens)
        limit = c->max_tokens;
    tn_tokenizer *t;
    TN_TRY(tn_tokenizer_open(tokenizer, &t, err));
    tn_status st = tn_fit_dataset(t, &f->data, (int32_t)limit, f->arena, &c->fit, err);
    tn_tokenizer_free(t);
    TN_TRY(st);
    c->mean_tokens = c->fit.n_texts ? (double)c->fit.n_tokens / (double)c->fit.n_texts + 2 : 40;
    return TN_OK;
}

tn_status tn_stage_candidates(tn_flow *f, tn_str choice, tn_err *err)
{
    tn_hub_model *model;
    size_t n;
    if (tn_str_is(choice, "select")) {
        TN_TRY(tn_hub_at_hand(&f->o->hub, f->arena, &model, &n, err));
    } else {
        tn_str name = tn_str_dup(f->arena, choice);
        const char *local = name.ptr ? tn_path_join(f->arena, f->base, name.ptr) : NULL;
        model = TN_ARENA_ARRAY(f->arena, tn_hub_model, 1);
        if (!local || !model)
            return tn_fail_nomem(err, 64);
        n = 1;
        TN_TRY(tn_hub_find(&f->o->hub, tn_file_is_dir(local) ? tn_str_of(local) : name, f->arena, &model[0], err));
    }
    f->candidate = TN_ARENA_ARRAY(f->arena, tn_candidate, n);
    if (!f->candidate)
        return tn_fail_nomem(err, n * sizeof *f->candidate);
    for (size_t i = 0; i < n; i++) {
        tn_candidate *c = &f->candidate[f->n_candidates];
        if (read_candidate(f, &model[i], c, err) != TN_OK) {
            /* Memory and interruption end the run; a model that we cannot read is only no candidate. */
            if (err->status == TN_ENOMEM || err->status == TN_EINTR || n == 1)
                return err->status;
            TN_TRY(tn_flow_find(f, "data-fit", TN_ADVICE, tn_str_format(f->arena, "%.*s is at hand but is no candidate", TN_ARG(model[i].id)),
                                tn_str_of(err->msg), TN_STR(""), err));
            continue;
        }
        f->n_candidates++;
    }
    if (f->n_candidates == 0)
        return tn_fail(err, TN_ENOENT, "no model is at hand; `./run.sh` fetches the two starters, `tenet hub import FOLDER` "
                                       "adds one, or name a folder in the brief's front matter: `model: FOLDER`");
    return TN_OK;
}

/* ---- records ---- */

/* Writes what was made, or frees what was half made. */
static tn_status keep(tn_flow *f, const char *record, tn_status made, tn_buf *b, tn_err *err)
{
    if (made == TN_OK)
        return tn_folder_write(&f->folder, record, b, err);
    tn_buf_free(b);
    return made;
}

static tn_status write_data_records(tn_flow *f, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_pii pii;
    TN_TRY(keep(f, "data/split.csv", tn_split_write_csv(&f->data, &b, err), &b, err));
    TN_TRY(keep(f, "data/leaks.csv", tn_duplicates_write_csv(&f->data, &f->duplicates, &b, err), &b, err));
    tn_pii_scan(&f->data, &pii);
    bool regulated = false;
    for (const tn_json *v = tn_json_first(tn_plan_at(f->plan, "brief/environment")); v; v = tn_json_next(v))
        regulated |= tn_json_is_str(v, "regulated");
    TN_TRY(tn_pii_report(&pii, regulated, &f->out->findings, err));
    TN_TRY(keep(f, "data/pii.json", tn_pii_write_json(&pii, &b, err), &b, err));

    tn_str *name = TN_ARENA_ARRAY(f->arena, tn_str, f->n_candidates);
    tn_fit *fit = TN_ARENA_ARRAY(f->arena, tn_fit, f->n_candidates);
    if (!name || !fit)
        return tn_fail_nomem(err, f->n_candidates * sizeof *fit);
    size_t best = 0;
    for (size_t i = 0; i < f->n_candidates; i++) {
        name[i] = tn_str_of(f->candidate[i].id);
        fit[i] = f->candidate[i].fit;
        if (fit[i].verdict < fit[best].verdict)
            best = i;
    }
    /* Lengths by the tokenizer that fits best: the one most likely to be used. */
    tn_tokenizer *t;
    const char *path = tn_path_join(f->arena, f->candidate[best].dir, "tokenizer.json");
    if (!path)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_tokenizer_open(path, &t, err));
    tn_status st = tn_profile_make(&f->data, t, fit[best].limit, f->arena, &f->profile, err);
    tn_tokenizer_free(t);
    TN_TRY(st);
    return keep(f, "data/profile.json", tn_profile_write_json(&f->data, &f->profile, name, fit, f->n_candidates, &b, err), &b, err);
}

/* A licence that the project does not allow is refused, whatever it would permit. The user's own data has none. */
static tn_status heed_the_project(const tn_flow *f, const tn_ingredient part[2], tn_licence_verdict *v, tn_err *err)
{
    const tn_json *allowed = tn_plan_at(f->plan, "model/licences_allowed");
    for (size_t i = 0; allowed && i < 2; i++) {
        tn_str licence = tn_licence_normalise(part[i].licence);
        bool among = part[i].licence.len == 0 && tn_str_is(part[i].source, "own");
        for (const tn_json *x = tn_json_first(allowed); x && !among; x = tn_json_next(x))
            among = licence.len && tn_str_eq(licence, tn_licence_normalise(tn_json_str(x)));
        if (among || v->part[i] == TN_LICENCE_REFUSED)
            continue;
        v->part[i] = v->verdict = TN_LICENCE_REFUSED;
        v->reason = v->part_reason[i] = tn_str_format(f->arena, "%.*s is %.*s, which is not among the licences that this project allows", TN_ARG(part[i].name),
                                                      TN_ARG(part[i].licence));
        if (!v->reason.ptr)
            return tn_fail_nomem(err, 256);
    }
    return TN_OK;
}

static tn_status judge_licences(tn_flow *f, tn_err *err)
{
    tn_str use;
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    TN_TRY(tn_plan_str(f->plan, "brief/use", &use, err));
    const tn_json *source = tn_plan_at(f->plan, "data/source");
    const tn_json *named = tn_json_get(source, "path");
    const char *path = path_under(f, tn_json_type(source) == TN_JSON_STRING ? source : named ? named : tn_json_get(source, "train"));
    tn_ingredient data = {.what = "data", .name = path ? tn_path_name(tn_str_of(path)) : TN_STR("data")};
    if (path)
        TN_TRY(tn_licence_of_data(path, f->arena, &data, err));
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "use");
    tn_jw_str(&w, use);
    tn_jw_key(&w, "candidates");
    tn_jw_begin_array(&w);
    tn_status st = TN_OK;
    for (size_t i = 0; st == TN_OK && i < f->n_candidates; i++) {
        tn_candidate *c = &f->candidate[i];
        tn_ingredient part[2] = {{.what = "model", .name = tn_str_of(c->id), .licence = tn_str_of(c->licence)}, data};
        tn_licence_verdict v;
        st = tn_licence_judge(part, 2, use, f->arena, &v, err);
        if (st == TN_OK)
            st = heed_the_project(f, part, &v, err);
        if (st == TN_OK) {
            c->allowed = v.verdict != TN_LICENCE_REFUSED || !tn_flow_is_error(f, "govern-licence");
            c->verdict = tn_licence_verdict_name(v.verdict);
            tn_licence_write(part, 2, &v, &w);
        }
    }
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    if (st != TN_OK) {
        tn_buf_free(&b);
        return st;
    }
    return tn_folder_write(&f->folder, "data/licences.json", &b, err);
}

tn_status tn_stage_prepare(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    TN_TRY(write_data_records(f, err));
    TN_TRY(judge_licences(f, err));
    f->seconds[TN_STAGE_PREPARE] += tn_clock_seconds() - start;
    return TN_OK;
}
