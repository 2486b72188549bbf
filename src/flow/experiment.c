/* The experiment: each candidate that may be used is measured by a linear probe on its frozen features, with
 * cross-validation on the training rows; the best one is chosen by a rule that the plan states. Then the baselines are
 * fitted on the training rows and scored on validation. The test rows are not touched. */
#include "flow/task.h"

#include "codec/csv.h"
#include "govern/licence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEATURE_CHUNK = 64 }; /* rows between two looks at the interrupt flag and the progress bar */

tn_status tn_flow_features(tn_flow *f, tn_candidate *c, const uint32_t *row, size_t n, tn_err *err)
{
    size_t width = (size_t)c->config.hidden_size, sides = f->data.pair_column.name.len ? 2 : 1;
    if (!c->feature)
        c->feature = TN_ARENA_ARRAY(f->arena, float, f->data.n_rows * sides * width);
    tn_arena *scratch = tn_arena_new(0);
    tn_model *m = NULL;
    tn_status st = TN_OK;
    float *out = scratch ? TN_ARENA_ARRAY(scratch, float, FEATURE_CHUNK * width) : NULL;
    tn_str *text = scratch ? TN_ARENA_ARRAY(scratch, tn_str, FEATURE_CHUNK) : NULL;
    if (!c->feature || !out || !text) {
        st = tn_fail_nomem(err, f->data.n_rows * sides * width * sizeof(float));
        goto done;
    }
    TN_GO(tn_model_open(f->engine, c->dir, &(tn_model_options){.encoder_only = true}, &m, err));
    for (size_t i = 0; i < n; i += FEATURE_CHUNK) {
        size_t k = n - i < FEATURE_CHUNK ? n - i : FEATURE_CHUNK;
        for (size_t side = 0; side < sides; side++) {
            for (size_t j = 0; j < k; j++)
                text[j] = side ? f->data.row[row[i + j]].pair : f->data.row[row[i + j]].text;
            TN_GO(tn_interrupt_check(err));
            TN_GO(tn_model_embed_texts(m, text, k, out, NULL, err));
            for (size_t j = 0; j < k; j++)
                memcpy(c->feature + (row[i + j] * sides + side) * width, out + j * width, width * sizeof(float));
        }
        tn_progress_show(f->progress, "reading with", i + k, n, c->id);
    }
done:
    tn_model_close(m);
    tn_arena_free(scratch);
    return st;
}

/* The rule of the plan: best mean score of the probe; within one standard error the smaller encoder. */
static bool choose(tn_flow *f)
{
    const tn_candidate *best = NULL;
    for (size_t i = 0; i < f->n_candidates; i++) {
        const tn_candidate *c = &f->candidate[i];
        if (!c->probed || !c->allowed || (c->fit.verdict == TN_FIT_MISMATCH && f->n_candidates > 1))
            continue;
        if (!best || c->probe_mean > best->probe_mean)
            best = c;
    }
    if (!best)
        return false;
    const tn_candidate *pick = best;
    for (size_t i = 0; i < f->n_candidates; i++) {
        const tn_candidate *c = &f->candidate[i];
        bool eligible = c->probed && c->allowed && c->fit.verdict != TN_FIT_MISMATCH;
        if (eligible && c->n_encoder < pick->n_encoder && c->probe_mean >= best->probe_mean - best->probe_se)
            pick = c;
    }
    f->chosen = (size_t)(pick - f->candidate);
    return true;
}

static const char *choice_words(const tn_flow *f, const tn_candidate *c)
{
    for (size_t i = 0; i < f->n_candidates; i++) {
        const tn_candidate *x = &f->candidate[i];
        if (x->probed && x->allowed && x->fit.verdict != TN_FIT_MISMATCH && x->probe_mean > c->probe_mean)
            return "within one standard error of the best and smaller";
    }
    return "the best that fits and is allowed";
}

static tn_str probe_title(const tn_flow *f)
{
    return tn_metric_title_of(tn_str_of(f->task->probe_metric));
}

static tn_str choice_reason(const tn_flow *f, const tn_candidate *c)
{
    tn_str title = probe_title(f);
    if (c == &f->candidate[f->chosen])
        return tn_str_format(f->arena, "probe %.*s %.3f, %s", TN_ARG(title), c->probe_mean,
                             tn_json_is_str(tn_plan_at(f->plan, "model/choice"), "select") ? choice_words(f, c) : "fixed by the plan");
    if (!c->allowed)
        return tn_str_format(f->arena, "licence %s is %s for this use", c->licence[0] ? c->licence : "unknown", c->verdict);
    if (c->fit.verdict == TN_FIT_MISMATCH)
        return c->fit.reason;
    return tn_str_format(f->arena, "probe %.*s %.3f", TN_ARG(title), c->probe_mean);
}

static tn_status write_candidates(tn_flow *f, tn_err *err)
{
    static const char *const head[] = {"model", "revision", "parameters", "languages", "licence", "open", "fertility", "unknown_rate",
                                       "lossy_rate", "truncated_share", "fit", NULL, "probe_low", "probe_high", "chosen", "reason"};
    tn_buf b = TN_BUF_INIT;
    tn_csv_writer w;
    tn_csv_writer_init(&w, &b, ',');
    tn_str score = tn_str_format(f->arena, "probe_%s", f->task->probe_metric);
    for (size_t i = 0; i < TN_COUNT(head); i++)
        tn_csv_put(&w, head[i] ? tn_str_of(head[i]) : score);
    tn_csv_end_row(&w);
    for (size_t i = 0; i < f->n_candidates; i++) {
        const tn_candidate *c = &f->candidate[i];
        double half = 1.96 * c->probe_se, nothing = NAN;
        tn_csv_put_c(&w, c->id);
        tn_csv_put_c(&w, c->revision);
        tn_csv_put_i64(&w, (int64_t)c->n_parameters);
        tn_csv_put_c(&w, c->languages);
        tn_csv_put_c(&w, c->licence);
        tn_csv_put_c(&w, tn_licence_openness(tn_str_of(c->licence)));
        tn_csv_put_f64(&w, c->fit.fertility);
        tn_csv_put_f64(&w, c->fit.unknown_rate);
        tn_csv_put_f64(&w, c->fit.lossy_rate);
        tn_csv_put_f64(&w, c->fit.truncated_share);
        tn_csv_put_c(&w, tn_fit_name(c->fit.verdict));
        tn_csv_put_f64(&w, c->probed ? c->probe_mean : nothing);
        tn_csv_put_f64(&w, c->probed ? c->probe_mean - half : nothing);
        tn_csv_put_f64(&w, c->probed ? c->probe_mean + half : nothing);
        tn_csv_put_c(&w, i == f->chosen ? "yes" : "no");
        tn_csv_put(&w, choice_reason(f, c));
        tn_csv_end_row(&w);
    }
    return tn_folder_write(&f->folder, "experiment/candidates.csv", &b, err);
}

/* ---- baselines on validation ---- */

static tn_status add_baseline(tn_flow *f, size_t which, tn_json_writer *w, tn_err *err)
{
    const tn_flow_baseline *base = &f->task->baseline[which];
    tn_answers a = {.name = base->name, .n = f->n_row[TN_SPLIT_VALIDATION], .row = f->row[TN_SPLIT_VALIDATION]};
    const char *settings = "";
    TN_TRY(f->task->answer_baseline(f, which, &a, &settings, err));
    tn_jw_begin_object(w);
    tn_jw_key(w, "name");
    tn_jw_c(w, base->name);
    tn_jw_key(w, "description");
    tn_jw_c(w, base->description);
    tn_jw_key(w, "settings");
    tn_jw_c(w, settings);
    tn_jw_key(w, "validation");
    if (a.n == 0) {
        tn_jw_null(w);
    } else {
        TN_TRY(f->task->measure(f, &a, NULL, a.value, err));
        TN_TRY(f->task->write_scores(f, &a, NULL, w, err));
    }
    tn_jw_end_object(w);
    return TN_OK;
}

static tn_status write_baselines(tn_flow *f, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    tn_status st = TN_OK;
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "baselines");
    tn_jw_begin_array(&w);
    for (size_t i = 0; i < tn_task_n_baselines(f->task); i++)
        TN_GO(add_baseline(f, i, &w, err));
    tn_jw_end_array(&w);
    tn_jw_end_object(&w);
    st = tn_folder_write(&f->folder, "experiment/baselines.json", &b, err);
done:
    tn_buf_free(&b);
    return st;
}

tn_status tn_stage_experiment(tn_flow *f, tn_err *err)
{
    double start = tn_clock_seconds();
    bool any_allowed = false;
    for (size_t i = 0; i < f->n_candidates; i++) {
        tn_candidate *c = &f->candidate[i];
        any_allowed |= c->allowed;
        TN_TRY(f->task->probe(f, c, err));
        c->probed = true;
        tn_progress_say(f->progress, "  %-44s fit: %-9s probe %.*s %.3f ± %.3f  licence %s: %s", c->id,
                        tn_fit_name(c->fit.verdict), TN_ARG(probe_title(f)), c->probe_mean, 1.96 * c->probe_se, c->licence[0] ? c->licence : "unknown", c->verdict);
        if (c->fit.verdict == TN_FIT_MISMATCH)
            TN_TRY(tn_flow_find(f, "data-fit", f->n_candidates > 1 ? TN_WARNING : TN_ERROR,
                                tn_str_format(f->arena, "%s does not fit these texts", c->id), c->fit.reason,
                                f->n_candidates > 1 ? TN_STR("it is measured and shown, but not chosen")
                                                    : TN_STR("it is the only candidate and is used all the same; choose a model made for this language"),
                                err));
    }
    if (!any_allowed) {
        TN_TRY(tn_flow_find(f, "govern-licence", TN_ERROR, TN_STR("no model at hand may be used for this purpose"),
                            TN_STR("data/licences.json"), TN_STR("state the licence of the data in a README.md beside it, or another use in the brief"), err));
        return tn_fail(err, TN_ERULE, "govern-licence: model and data together may not be used as the brief says; data/licences.json "
                                      "has each verdict. State the data's licence in a README.md beside it (`license: ...`), or the use (`use: research`)");
    }
    if (!choose(f))
        return tn_fail(err, TN_ERULE, "data-fit: no model at hand fits these texts; data/profile.json has the numbers");
    const tn_candidate *chosen = &f->candidate[f->chosen];
    if (strcmp(chosen->verdict, tn_licence_verdict_name(TN_LICENCE_REFUSED)) == 0) /* used all the same: the plan makes an exception */
        TN_TRY(tn_flow_find(f, "govern-licence", TN_ERROR, tn_str_format(f->arena, "%s and the data may not be used for this purpose together", chosen->id),
                            TN_STR("data/licences.json"), TN_STR("another model or other data before anything is shipped"), err));
    TN_TRY(write_candidates(f, err));
    TN_TRY(write_baselines(f, err));
    tn_progress_say(f->progress, "Chosen: %s", f->candidate[f->chosen].id);
    f->seconds[TN_STAGE_EXPERIMENT] = tn_clock_seconds() - start;
    return TN_OK;
}
