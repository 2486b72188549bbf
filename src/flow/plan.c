/* The plan is a tree and stays one: it is built here from the brief, the data and the models at hand, written as YAML,
 * edited by people, and read back by path. So a value lives in one place, with its reason beside it, and code that needs
 * it asks for it by name and bounds.
 *
 * Estimates come from sizes alone. Floating-point operations a token are 2 (forward) or 6 (forward and backward) times
 * the encoder's parameters, plus attention, which at review lengths is below 3 %. Rates are what one core of the stated
 * kind was measured to reach over a whole training step, not the peak. */
#include "flow/task.h"

#include "base/finding.h"
#include "codec/yaml.h"
#include "rules/catalog.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

static const tn_json *walk(const tn_json *v, const char *path)
{
    tn_str rest = tn_str_of(path), key;
    while (v && tn_str_cut(&rest, '/', &key))
        v = tn_json_get_str(v, key);
    return v;
}

const tn_json *tn_plan_at(const tn_json *plan, const char *path)
{
    const tn_json *v = walk(plan, path), *inner = tn_json_get(v, "value");
    return inner ? inner : v;
}

static tn_status unusable(const tn_json *v, const char *path, const char *wanted, tn_err *err)
{
    if (!v)
        return tn_fail(err, TN_EINVALID, "plan: %s is missing; it must be %s", path, wanted);
    return tn_fail(err, TN_EINVALID, "plan:%u:%u: %s must be %s, it is \"%.*s\"", tn_json_line(v), tn_json_column(v), path,
                   wanted, TN_ARG(tn_json_text(v)));
}

tn_status tn_plan_i64(const tn_json *plan, const char *path, int64_t min, int64_t max, int64_t *out, tn_err *err)
{
    const tn_json *v = tn_plan_at(plan, path);
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)min, (long long)max);
    return tn_json_i64(v, out) && *out >= min && *out <= max ? TN_OK : unusable(v, path, wanted, err);
}

tn_status tn_plan_f64(const tn_json *plan, const char *path, double min, double max, double *out, tn_err *err)
{
    const tn_json *v = tn_plan_at(plan, path);
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a number from %g to %g", min, max);
    return tn_json_f64(v, out) && *out >= min && *out <= max ? TN_OK : unusable(v, path, wanted, err);
}

tn_status tn_plan_str(const tn_json *plan, const char *path, tn_str *out, tn_err *err)
{
    const tn_json *v = tn_plan_at(plan, path);
    *out = tn_json_str(v);
    return tn_json_type(v) == TN_JSON_STRING ? TN_OK : unusable(v, path, "text", err);
}

tn_str tn_plan_origin(const tn_json *plan, const char *path)
{
    const tn_json *v = tn_json_get(walk(plan, path), "origin");
    return v ? tn_json_str(v) : TN_STR("stated");
}

tn_str tn_plan_reason(const tn_json *plan, const char *path)
{
    return tn_json_str(tn_json_get(walk(plan, path), "reason"));
}

tn_status tn_plan_parse(tn_str text, tn_arena *a, tn_json **plan, tn_err *err)
{
    const tn_json *v;
    TN_TRY(tn_yaml_parse(text, a, &v, err));
    if (tn_json_type(v) != TN_JSON_OBJECT || !tn_json_get(v, "recipe") || !tn_json_get(v, "task"))
        return tn_fail(err, TN_EFORMAT, "this is no plan: the keys `task` and `recipe` are missing; `tenet plan BRIEF` writes one");
    *plan = tn_json_dup(a, v);
    return *plan ? TN_OK : tn_fail_nomem(err, text.len);
}

tn_status tn_plan_write(const tn_json *plan, tn_buf *out, tn_err *err)
{
    tn_buf_c(out, "# The plan of a tenet run. Every value it will use is here, with its reason and origin: stated, inferred (from\n"
                  "# the quoted words of the brief) or assumed. Edit a value and run the file: tenet run plan.yaml\n");
    tn_yaml_write(plan, out);
    return tn_buf_status(out, err);
}

/* ---- questions ---- */

static const tn_plan_question questions[] = {
    {"data", "Which file or folder holds the labelled texts?", "no data: the plan stops before the first phase"},
    {"goal", "Why does it matter: accuracy, cost, a new ability, a prototype, production?",
     "the goal is a new ability: quality counts first, then latency"},
    {"environment", "Where will it run: research, production, on a device, cloud CPU, cloud GPU, a regulated field?",
     "it runs on a server without GPU, like this machine"},
    {"phase", "When is it needed: exploring, choosing, training, before a release, after it?",
     "all three phases run: experiment, tune, deploy"},
    {"metric", "Which metric and value would make it good enough?",
     "macro F1 above every baseline, beyond the 95 % interval; no fixed threshold"},
    {"licence-use", "Is the use commercial, or research only?", "the use is commercial: the stricter reading"},
    {"latency", "How fast must one answer be?", "no latency limit; latency is measured and reported"},
    {NULL, NULL, NULL},
};

const tn_plan_question *tn_plan_questions(void)
{
    return questions;
}

/* ---- estimates ---- */

/* Sustained rate of one core over a whole training step, GFLOP/s. Measured for avx512; the others scale with width. */
static double core_rate(const char *isa)
{
    return strcmp(isa, "avx512") == 0 ? 60e9 : strcmp(isa, "avx2") == 0 ? 40e9 : 2e9;
}

tn_plan_estimate tn_plan_estimate_of(const tn_plan_candidate *c, uint64_t n_train, uint64_t n_other, int64_t epochs,
                                     int64_t batch_size, int threads, const char *isa)
{
    double rate = core_rate(isa) * (threads > 0 ? threads : 1), tokens = c->mean_tokens > 0 ? c->mean_tokens : 40;
    double forward = 2.0 * (double)c->n_encoder * tokens / rate; /* seconds a row */
    double n = (double)n_train, all = n + (double)n_other;
    tn_plan_estimate e = {.experiment_seconds = all * forward + 15, /* the n-gram baseline and the probe: seconds */
                          .tune_seconds = (double)epochs * (n * 3 * forward + (double)n_other * forward),
                          .evaluate_seconds = (double)n_other * forward + 10};
    e.seconds = e.experiment_seconds + e.tune_seconds + e.evaluate_seconds;
    /* Weights are mapped; training adds gradients, two moments and packed copies of the encoder (5 times its size), the
     * touched rows of the tables, and about 45 activations of the hidden width a token and layer in 4-byte floats. */
    double layers = (double)c->n_encoder / (12.0 * c->hidden_size * c->hidden_size + 1);
    double activations = (double)batch_size * tokens * layers * 45.0 * c->hidden_size * 4;
    e.bytes = (uint64_t)((double)c->n_parameters * 4 + (double)c->n_encoder * 4 * 5 + activations + 64e6);
    return e;
}

/* ---- building ---- */

typedef struct {
    tn_arena *a;
    const tn_plan_input *in;
    const tn_flow_task *task; /* of the brief; where the engine has none, classification stands in: its metrics, its baselines */
    tn_json *plan;
    bool ok;
} maker;

static void set(maker *m, tn_json *at, const char *key, tn_json *v)
{
    m->ok = m->ok && tn_json_set(m->a, at, key, v);
}

static void set_text(maker *m, tn_json *at, const char *key, const char *text)
{
    set(m, at, key, tn_json_new_str(m->a, tn_str_of(text)));
}

static tn_json *section(maker *m, const char *name)
{
    tn_json *v = tn_json_new_object(m->a);
    set(m, m->plan, name, v);
    return v;
}

/* A value with its origin and reason; `fact` supplies the words it was inferred from. */
static void put(maker *m, tn_json *at, const char *key, tn_json *value, const char *origin, const char *reason,
                const tn_fact *fact)
{
    tn_json *v = tn_json_new_object(m->a);
    set(m, v, "value", value);
    set_text(m, v, "origin", origin);
    if (fact && fact->words.len)
        set(m, v, "words", tn_json_new_str(m->a, fact->words));
    if (reason)
        set_text(m, v, "reason", reason);
    set(m, at, key, v);
}

static void put_text(maker *m, tn_json *at, const char *key, tn_str value, const char *origin, const char *reason,
                     const tn_fact *fact)
{
    put(m, at, key, tn_json_new_str(m->a, value), origin, reason, fact);
}

/* Where a value that prose cannot say was stated. */
static const char *place_of(bool by_project)
{
    return by_project ? "the project's tenet.yaml" : "the brief's front matter";
}

/* The value stated in the front matter's recipe or the project's, else the given one. */
static void put_recipe(maker *m, tn_json *recipe, const char *key, tn_json *value, const char *reason)
{
    bool by_project;
    const tn_json *stated = tn_brief_front(m->in->brief, "recipe", key, &by_project);
    if (stated)
        put(m, recipe, key, tn_json_dup(m->a, stated), "stated", by_project ? "stated in the project's tenet.yaml" : "stated in the brief's front matter", NULL);
    else
        put(m, recipe, key, value, "assumed", reason, NULL);
}

static const char *origin_of(const tn_fact *f)
{
    return f->words.len ? "inferred" : "stated";
}

static void put_fact(maker *m, tn_json *at, const char *key, const char *field, const char *fallback, const char *reason)
{
    const tn_fact *f = tn_brief_fact(m->in->brief, field, NULL);
    if (f)
        put_text(m, at, key, f->value, origin_of(f), f->words.len ? "the brief's own words" : place_of(f->by_project), f);
    else if (fallback)
        put_text(m, at, key, tn_str_of(fallback), "assumed", reason, NULL);
}

static void put_facts(maker *m, tn_json *at, const char *key, const char *field, const char *fallback, const char *reason)
{
    tn_json *list = tn_json_new_array(m->a);
    const tn_fact *first = tn_brief_fact(m->in->brief, field, NULL);
    tn_buf words = TN_BUF_INIT;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(m->in->brief, field, f));) {
        m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, f->value));
        if (words.len)
            tn_buf_c(&words, " … ");
        tn_buf_str(&words, f->words);
    }
    if (!first && fallback)
        m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, tn_str_of(fallback)));
    tn_fact quoted = {.words = tn_buf_view(&words)};
    if (first || fallback)
        put(m, at, key, list, first ? origin_of(first) : "assumed",
            !first ? reason : first->words.len ? "the brief's own words" : place_of(first->by_project), first ? &quoted : NULL);
    tn_buf_free(&words);
}

static void make_brief(maker *m)
{
    tn_json *s = section(m, "brief");
    const tn_brief *b = m->in->brief;
    set_text(m, s, "path", m->in->brief_path);
    static const char *const name[TN_N_PARTS] = {"what", "why", "where", "when"};
    for (int p = 0; p < TN_N_PARTS; p++)
        if (b->part[p].len)
            set(m, s, name[p], tn_json_new_str(m->a, b->part[p]));
    put_facts(m, s, "actions", "action", NULL, NULL);
    put_facts(m, s, "goals", "goal", "feature", "the brief gives no why; a new ability is assumed: quality first, then latency");
    put_facts(m, s, "environment", "environment", "cloud-cpu", "the brief says no where; a server without GPU is assumed");
    put_facts(m, s, "phase", "phase", "tune", "the brief says no when; all phases are run");
    put_fact(m, s, "use", "licence_use", "commercial", "the use is not stated; the stricter reading is taken");
}

/* Only a classification has a kind of problem; a summary is not single-label. */
static bool has_problem(const tn_brief *b)
{
    tn_str tag = tn_plan_tag(b);
    return tag.len == 0 || (tn_str_ends(tag, "-classification") && !tn_str_is(tag, "token-classification"));
}

tn_str tn_plan_tag(const tn_brief *b)
{
    const tn_fact *tag = tn_brief_fact(b, "task", NULL);
    return tag ? tag->value : TN_STR("");
}

tn_str tn_plan_problem(const tn_brief *b)
{
    const tn_fact *problem = tn_brief_fact(b, "problem", NULL);
    return problem ? problem->value : has_problem(b) ? TN_STR("single-label") : TN_STR("");
}

static void make_task(maker *m)
{
    tn_json *s = section(m, "task");
    const tn_plan_data *d = m->in->data;
    put_fact(m, s, "tag", "task", NULL, NULL);
    put_fact(m, s, "modality", "modality", NULL, NULL);
    if (tn_str_is(tn_plan_problem(m->in->brief), "pair")) {
        const tn_fact *pair = tn_brief_fact(m->in->brief, "problem", NULL);
        put_text(m, s, "problem", tn_str_of(m->in->problem ? m->in->problem : "single-label"), d ? "inferred" : "assumed",
                 d ? "what the label column of the pairs holds" : "pairs that carry one label each", NULL);
        put_text(m, s, "texts", TN_STR("pair"), origin_of(pair), "two texts a row", pair);
    } else {
        put_fact(m, s, "problem", "problem", has_problem(m->in->brief) ? "single-label" : NULL, "each row of the data carries one label");
    }
    const tn_fact *language = tn_brief_fact(m->in->brief, "language", NULL);
    if (language || (d && d->language[0]))
        put_facts(m, s, "languages", "language", d ? d->language : NULL, "seen in the texts of the data");
    if (d && d->n_labels) {
        tn_json *labels = tn_json_new_array(m->a);
        for (size_t i = 0; i < d->n_labels; i++)
            m->ok = m->ok && tn_json_push(labels, tn_json_new_str(m->a, d->label[i]));
        put(m, s, "labels", labels, "inferred", "the distinct values of the label column", NULL);
    }
}

static void make_model(maker *m)
{
    tn_json *s = section(m, "model");
    bool by_project;
    const tn_json *stated = tn_brief_front(m->in->brief, "model", NULL, &by_project);
    if (stated)
        put_text(m, s, "choice", tn_json_text(stated), "stated", by_project ? "fixed in the project's tenet.yaml" : "fixed in the brief's front matter", NULL);
    else
        put_text(m, s, "choice", TN_STR("select"), "assumed",
                 "models at hand are measured on this data: fit of the tokenizer, licence, then a linear probe on frozen features", NULL);
    put_text(m, s, "rule", tn_str_format(m->a, "highest mean %.*s of the probe among candidates that fit and whose licence allows the use; "
                                               "within one standard error the smaller encoder wins", TN_ARG(tn_metric_title_of(tn_str_of(m->task->probe_metric)))),
             "assumed", "a larger model must earn its cost", NULL);
    const tn_settings *settings = m->in->rules ? tn_rules_settings(m->in->rules) : NULL;
    if (settings && settings->has_licences) {
        tn_json *allowed = tn_json_new_array(m->a);
        for (size_t i = 0; i < settings->n_licences; i++)
            m->ok = m->ok && tn_json_push(allowed, tn_json_new_str(m->a, settings->licence[i]));
        put(m, s, "licences_allowed", allowed, "stated", "the project's tenet.yaml", NULL);
    }
    tn_json *list = tn_json_new_array(m->a);
    for (size_t i = 0; i < m->in->n_candidates; i++) {
        const tn_plan_candidate *c = &m->in->candidate[i];
        tn_json *v = tn_json_new_object(m->a);
        set_text(m, v, "id", c->id);
        set_text(m, v, "revision", c->revision);
        set_text(m, v, "licence", c->licence);
        set(m, v, "parameters", tn_json_new_i64(m->a, (int64_t)c->n_parameters));
        set_text(m, v, "fit", c->fit);
        set_text(m, v, "fit_reason", c->fit_reason);
        m->ok = m->ok && tn_json_push(list, v);
    }
    set(m, s, "candidates", list);
}

static void make_data(maker *m)
{
    tn_json *s = section(m, "data");
    const tn_plan_data *d = m->in->data;
    const tn_json *source = tn_json_get(m->in->brief->front, "data");
    if (!source) {
        put_text(m, s, "path", TN_STR(""), "assumed", "the brief names no data; add `data: FILE` to its front matter", NULL);
        return;
    }
    put(m, s, "source", tn_json_dup(m->a, source), "stated", "the brief's front matter", NULL);
    if (!d) { /* of a task that the engine does not read data for: what the front matter says of its columns */
        static const char *const column[][2] = {{"text", "text_column"}, {"label", "label_column"}, {"id", "id_column"}};
        for (size_t i = 0; i < TN_COUNT(column); i++)
            if (tn_json_get(source, column[i][0]))
                put_text(m, s, column[i][1], tn_json_str(tn_json_get(source, column[i][0])), "stated", "the brief's front matter", NULL);
        return;
    }
    const char *even = d->n_labels > 0 ? "stratified by label" : m->task == &tn_task_regression ? "stratified by tenths of the numbers' order" : "drawn by chance";
    put_text(m, s, "text_column", tn_str_of(d->text_column), "inferred", d->text_reason, NULL);
    put_text(m, s, "label_column", tn_str_of(d->label_column), "inferred", d->label_reason, NULL);
    if (d->id_column[0])
        put_text(m, s, "id_column", tn_str_of(d->id_column), "inferred", "usual name of an id column", NULL);
    put(m, s, "rows", tn_json_new_i64(m->a, (int64_t)d->n_rows), "inferred", "rows with a text and a label", NULL);
    put(m, s, "near_duplicate_similarity", tn_json_new_f64(m->a, 0.8), "assumed",
        "Jaccard similarity of character 5-grams above which two texts count as copies; copies leave the training side", NULL);
    put(m, s, "validation_share", tn_json_new_f64(m->a, d->has_validation ? 0 : TN_PLAN_VALIDATION_SHARE), d->has_validation ? "stated" : "assumed",
        d->has_validation ? "a validation split is given" : even, NULL);
    put(m, s, "test_share", tn_json_new_f64(m->a, d->has_test ? 0 : TN_PLAN_TEST_SHARE), d->has_test ? "stated" : "assumed",
        d->has_test ? "a test split is given and is kept as it is" : even, NULL);
    put(m, s, "split_seed", tn_json_new_i64(m->a, 0), "assumed", "any fixed number", NULL);
}

/* Few rows: more passes are affordable and needed, early stopping guards them. Many classes: a head of 77 labels was still
 * far from settled after 789 steps (macro F1 0.79, a probe 0.93), so each class gets about 30 steps, in at most 10 passes. */
static int64_t epochs_for(uint64_t n_train, uint64_t n_labels, uint64_t batch_size)
{
    uint64_t few = n_train < 2000 ? 5 : n_train < 20000 ? 3 : 2, steps = 30 * n_labels;
    uint64_t many = n_train ? (steps * batch_size + n_train - 1) / n_train : 0;
    return (int64_t)(many > 10 ? 10 : many > few ? many : few);
}

/* The task's own values of a section. */
static void put_settings(maker *m, tn_json *at, const char *section_)
{
    for (const tn_flow_setting *x = m->task->setting; x && x->name; x++) {
        const tn_json *v = NULL;
        if (strcmp(x->section, section_) != 0)
            continue;
        m->ok = m->ok && tn_json_parse(tn_str_of(x->json), m->a, &v, NULL) == TN_OK;
        if (!m->ok)
            return;
        if (strcmp(section_, "recipe") == 0)
            put_recipe(m, at, x->name, tn_json_dup(m->a, v), x->reason);
        else
            put(m, at, x->name, tn_json_dup(m->a, v), "assumed", x->reason, NULL);
    }
}

static void make_approach(maker *m, const tn_plan_candidate *c)
{
    tn_json *s = section(m, "approach");
    const tn_plan_data *d = m->in->data;
    uint64_t n = d ? d->n_train : 0;
    const tn_fact *asked = NULL;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(m->in->brief, "action", f));)
        if (tn_str_is(f->value, "fine-tune"))
            asked = f;
    if (asked)
        put_text(m, s, "method", TN_STR("fine-tune"), "inferred", "asked for by the brief; whether it was worth it is measured against the untouched encoder", asked);
    else
        put_text(m, s, "method", TN_STR("fine-tune"), "assumed", "compared with the untouched encoder and a probe on it, which cost less", NULL);
    bool seeds_given = tn_json_len(tn_brief_front(m->in->brief, "recipe", "seeds", NULL)) > 1, searched = tn_brief_front(m->in->brief, "recipe", "search", NULL);
    const char *traded = searched      ? "a search over recipes by successive halving: most of them are stopped early; intervals come from the test rows"
                         : seeds_given ? "several seeds, one recipe, no search; the test is opened by the best of them alone"
                                       : "one seed, one recipe, no search: minutes instead of hours; intervals come from the test rows";
    put(m, s, "rigor_traded", tn_json_new_str(m->a, tn_str_of(traded)), "assumed", "research rigour against production pragmatism, stated", NULL);

    tn_json *r = section(m, "recipe");
    uint64_t batch_size = n < 5000 ? 16 : 32;
    int64_t epochs = epochs_for(n, d ? d->n_labels : 0, batch_size);
    double minutes = 0;
    const tn_fact *budget = tn_brief_fact(m->in->brief, "budget_minutes", NULL);
    char reason[256];
    snprintf(reason, sizeof reason, "%llu training rows, %zu classes; early stopping ends it sooner", (unsigned long long)n, d ? d->n_labels : 0);
    if (budget && c && tn_str_to_f64(budget->value, &minutes)) {
        while (epochs > 1 && tn_plan_estimate_of(c, n, d ? d->n_rows - n : 0, epochs, 16, m->in->threads, m->in->isa).seconds > minutes * 60)
            epochs--;
        snprintf(reason, sizeof reason, "%llu training rows and a budget of %g minutes by the estimate", (unsigned long long)n, minutes);
    }
    put_recipe(m, r, "epochs", tn_json_new_i64(m->a, epochs), reason);
    put_recipe(m, r, "batch_size", tn_json_new_i64(m->a, (int64_t)batch_size), "small data wants more steps a pass; memory stays low");
    put_recipe(m, r, "learning_rate", tn_json_new_f64(m->a, c && c->hidden_size <= 384 ? 1e-4 : 3e-5), "small encoders take a larger rate than the usual 2e-5 to 5e-5");
    put_recipe(m, r, "schedule", tn_json_new_str(m->a, TN_STR("linear")), "warm-up, then linear decay to zero");
    put_recipe(m, r, "warmup_ratio", tn_json_new_f64(m->a, 0.1), "a fresh head must settle before the encoder moves");
    put_recipe(m, r, "layer_decay", tn_json_new_f64(m->a, 1), "the same rate in all layers; 0.9 gives each layer 0.9 times the rate of the one above it");
    put_recipe(m, r, "freeze", tn_json_new_str(m->a, TN_STR("none")), "all weights learn; or embeddings, encoder, or how many of the first layers stay as they are");
    put_recipe(m, r, "weight_decay", tn_json_new_f64(m->a, 0), "the Trainer's default; above zero every row of the word table moves, seen or not");
    put_recipe(m, r, "max_grad_norm", tn_json_new_f64(m->a, 1.0), "the Trainer's default");
    put_recipe(m, r, "dropout", tn_json_new_bool(m->a, true), "as the checkpoint's config says");
    put_recipe(m, r, "label_smoothing", tn_json_new_f64(m->a, 0), "the Trainer's default");
    put_recipe(m, r, "class_weights", tn_json_new_str(m->a, TN_STR("none")), "each text counts the same; balanced gives rare classes the weight of frequent ones");
    put_recipe(m, r, "pos_weight", tn_json_new_str(m->a, TN_STR("none")), "of several labels a text, one that is given counts as one that is not; balanced makes up for rare labels");
    put_recipe(m, r, "lora", tn_json_new_str(m->a, TN_STR("none")), "all weights are trained; {rank: 8, alpha: 16} trains adapters on the frozen encoder, and the head");
    put_recipe(m, r, "max_tokens", tn_json_new_i64(m->a, c && c->max_tokens < 256 ? c->max_tokens : 256), "the share of texts it cuts is in data/profile.json");
    const tn_json *passes = tn_brief_front(m->in->brief, "recipe", "accumulation", NULL);
    int64_t n_passes = 1;
    if (!tn_json_i64(passes, &n_passes) || n_passes < 4)
        n_passes = 4;
    put_recipe(m, r, "accumulation", tn_json_new_i64(m->a, 1), "passes that a batch is computed in: less memory, the same bytes");
    put_recipe(m, r, "shards", tn_json_new_i64(m->a, n_passes), "sums over a batch are cut in four, so that ranks and threads give the same bytes");
    put_recipe(m, r, "evaluations_per_epoch", tn_json_new_i64(m->a, 1), "validation after each pass");
    put_recipe(m, r, "patience", tn_json_new_i64(m->a, 2), "passes without a better validation metric before it stops");
    tn_json *seeds = tn_json_new_array(m->a);
    m->ok = m->ok && tn_json_push(seeds, tn_json_new_i64(m->a, 0));
    put_settings(m, r, "recipe");
    put_recipe(m, r, "seeds", seeds, "one run; the interval comes from the test rows, not from seeds. Of several, the best on validation meets the test");
    put_recipe(m, r, "search", tn_json_new_str(m->a, TN_STR("none")),
               "one recipe; {over: {learning_rate: [3e-5, 1e-4]}, steps: 50} tries others on the validation rows, by successive halving");
}

/* A metric of the brief that the task can be judged by, in the task's words; NULL when it cannot. */
static const char *criterion_of(const tn_flow_task *t, tn_str name)
{
    for (const char *const *c = t->criterion; *c; c++)
        if (tn_str_is(name, *c))
            return *c;
    /* "F1" alone: the first F1 that decides. */
    for (const char *const *c = t->criterion; *c && tn_str_is(name, "f1"); c++)
        if (tn_str_ends(tn_str_of(*c), "f1"))
            return *c;
    return NULL;
}

static const char *f1_reason(maker *m, const char *metric)
{
    tn_str words = tn_str_format(m->a, "\"F1\" of several classes is read as %.*s", TN_ARG(tn_metric_title_of(tn_str_of(metric))));
    m->ok = m->ok && words.ptr;
    return words.ptr ? words.ptr : "";
}

/* What the brief asks for and the task is not judged by: a run stops at it, rather than to pass it over. */
static void put_not_judged(maker *m, tn_json *s)
{
    tn_json *list = tn_json_new_array(m->a);
    const tn_fact *first = NULL;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(m->in->brief, "min_metric", f));) {
        tn_str rest = f->value, name;
        tn_str_cut(&rest, ' ', &name);
        if (criterion_of(m->task, name))
            continue;
        first = first ? first : f;
        m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, f->value));
    }
    tn_str why = tn_str_format(m->a, "%s is judged by %.*s; a run stops here until the brief states one of them, or this is taken out of the plan", m->task->name,
                               TN_ARG(tn_task_criteria(m->task, m->a)));
    m->ok = m->ok && list && why.ptr;
    if (first && m->ok && tn_flow_task_find(tn_plan_tag(m->in->brief), tn_plan_problem(m->in->brief)))
        put(m, s, "not_judged", list, origin_of(first), why.ptr, first);
}

static void make_evaluation(maker *m)
{
    tn_json *s = section(m, "evaluation");
    const tn_fact *f = NULL;
    const char *metric = NULL;
    tn_str name = TN_STR(""), op = TN_STR(""), value = TN_STR("");
    while (!metric && (f = tn_brief_fact(m->in->brief, "min_metric", f))) {
        value = f->value;
        tn_str_cut(&value, ' ', &name);
        tn_str_cut(&value, ' ', &op);
        metric = criterion_of(m->task, name);
    }
    double threshold = 0;
    if (metric && tn_str_to_f64(value, &threshold)) {
        put_text(m, s, "metric", tn_str_of(metric), origin_of(f), tn_str_is(name, metric) ? "named in the brief" : f1_reason(m, metric), f);
        put(m, s, "threshold", tn_json_new_f64(m->a, threshold), origin_of(f), "stated in the brief: missing it ends the run with exit code 1", f);
    } else {
        put_text(m, s, "metric", tn_str_of(m->task->criterion[0]), "assumed", m->task->criterion_reason, NULL);
        put(m, s, "threshold", tn_json_new_null(m->a), "assumed", "the brief states none; the baselines are the bar", NULL);
    }
    put_text(m, s, "criterion", TN_STR("better than every baseline on the test split, beyond the 95 % interval"), "assumed", "fixed and hashed before the first step", NULL);
    put_not_judged(m, s);
    tn_json *list = tn_json_new_array(m->a);
    for (const tn_flow_baseline *b = m->task->baseline; b->name; b++)
        m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, tn_str_of(b->name)));
    put(m, s, "baselines", list, "assumed", m->task->baseline_reason, NULL);
    put_settings(m, s, "evaluation");
    put(m, s, "bootstrap_resamples", tn_json_new_i64(m->a, 10000), "assumed", "BCa intervals at 95 %", NULL);
    put(m, s, "bootstrap_seed", tn_json_new_i64(m->a, 0), "assumed", "any fixed number", NULL);
    const tn_fact *latency = tn_brief_fact(m->in->brief, "max_latency_ms", NULL);
    double ms;
    if (latency && tn_str_to_f64(latency->value, &ms))
        put(m, s, "max_latency_ms", tn_json_new_f64(m->a, ms), origin_of(latency), "a limit of the brief; p95 at batch 1 must keep it", latency);
    const tn_fact *memory = tn_brief_fact(m->in->brief, "max_memory_mb", NULL);
    double mb;
    if (memory && tn_str_to_f64(memory->value, &mb))
        put(m, s, "max_memory_mb", tn_json_new_f64(m->a, mb), origin_of(memory), "a limit of the brief; the peak of one prediction must keep it", memory);
}

static void make_phases(maker *m)
{
    static const char *const phase[][3] = {
        {"experiment", "profile the data, measure the models at hand, fit the baselines", "two models and one probe each instead of a search over the Hub"},
        {"tune", "fine-tune the chosen encoder, stop early, keep the best checkpoint", "one seed and no hyper-parameter search"},
        {"deploy", "open the test once, measure latency and memory, write model, cards and report", "measured on this machine, not on the target's"}};
    tn_json *s = section(m, "phases");
    for (size_t i = 0; i < TN_COUNT(phase); i++) {
        tn_json *v = tn_json_new_object(m->a);
        set_text(m, v, "does", phase[i][1]);
        set_text(m, v, "trade_off", phase[i][2]);
        set(m, s, phase[i][0], v);
    }
}

static void make_compute(maker *m, const tn_plan_candidate *c)
{
    tn_json *s = section(m, "compute");
    const tn_fact *minutes = tn_brief_fact(m->in->brief, "budget_minutes", NULL), *bytes = tn_brief_fact(m->in->brief, "budget_bytes", NULL);
    int64_t memory = (int64_t)m->in->memory, epochs, batch;
    double limit;
    put(m, s, "threads", tn_json_new_i64(m->a, m->in->threads), "assumed", "results do not depend on it", NULL);
    put_text(m, s, "isa", tn_str_of(m->in->isa), "assumed", "results do not depend on it", NULL);
    if (bytes && tn_str_to_i64(bytes->value, &memory) && (uint64_t)memory <= m->in->memory)
        put(m, s, "memory_bytes", tn_json_new_i64(m->a, memory), "stated", bytes->by_project ? "the budget in the project's tenet.yaml" : "the budget in the brief's front matter", NULL);
    else
        put(m, s, "memory_bytes", tn_json_new_i64(m->a, (int64_t)m->in->memory), "assumed", "what this machine can give", NULL);
    if (minutes && tn_str_to_f64(minutes->value, &limit))
        put(m, s, "budget_minutes", tn_json_new_f64(m->a, limit), origin_of(minutes), "a run that is estimated to take longer is refused", minutes);
    if (!c || !m->in->data)
        return;
    /* Values that the run will refuse must not reach the arithmetic. */
    if (tn_plan_i64(m->plan, "recipe/epochs", 1, 1000, &epochs, NULL) != TN_OK)
        epochs = 1;
    if (tn_plan_i64(m->plan, "recipe/batch_size", 1, 4096, &batch, NULL) != TN_OK)
        batch = 16;
    tn_plan_estimate e = tn_plan_estimate_of(c, m->in->data->n_train, m->in->data->n_rows - m->in->data->n_train, epochs,
                                             batch, m->in->threads, m->in->isa);
    size_t n_seeds = tn_json_len(tn_plan_at(m->plan, "recipe/seeds"));
    e.seconds += e.tune_seconds * (double)(n_seeds > 1 ? n_seeds - 1 : 0); /* a search is estimated when its trials are known */
    const char *basis = "2 or 6 operations a parameter and token, at the rate one core of this kind was measured to reach";
    put(m, s, "estimated_seconds", tn_json_new_i64(m->a, (int64_t)(e.seconds + 0.5)), "inferred", basis, NULL);
    put(m, s, "estimated_bytes", tn_json_new_i64(m->a, (int64_t)e.bytes), "inferred", "weights, gradients, moments, packed copies and activations of one batch", NULL);
    put_text(m, s, "estimate_for", tn_str_of(c->id), "inferred", "the largest candidate that fits the texts", NULL);
}

static tn_str assumed_metric(maker *m)
{
    const tn_metric_info *x = tn_metric_find(tn_str_of(m->task->criterion[0]));
    return tn_str_format(m->a, "%s %s every baseline, beyond the 95 %% interval; no fixed threshold", x->title, x->lower_is_better ? "below" : "above");
}

static void make_assumptions(maker *m)
{
    tn_json *list = tn_json_new_array(m->a);
    size_t n_targets = 0;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(m->in->brief, "min_metric", f));) {
        tn_str rest = f->value, name;
        tn_str_cut(&rest, ' ', &name);
        bool of_task = criterion_of(m->task, name) != NULL;
        if (!of_task || n_targets++ > 0)
            m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, tn_str_format(m->a, of_task ? "%.*s is stated too; one metric decides, the one stated first, and this one is only reported"
                                                                                                  : "%.*s is stated but is no criterion of this engine; it decides nothing", TN_ARG(f->value))));
    }
    for (const tn_plan_question *q = questions; q->code; q++)
        if (tn_brief_is_missing(m->in->brief, q->code))
            m->ok = m->ok && tn_json_push(list, tn_json_new_str(m->a, strcmp(q->code, "metric") == 0 ? assumed_metric(m) : tn_str_of(q->assumption)));
    set(m, m->plan, "assumptions", list);
}

static void put_exception(maker *m, tn_json *list, tn_str rule, const tn_rule_change *change, tn_str path, tn_str reason, tn_str until)
{
    tn_json *v = tn_json_new_object(m->a);
    set(m, v, "rule", tn_json_new_str(m->a, rule));
    if (change) {
        set_text(m, v, "severity", change->off ? "off" : tn_severity_name(change->severity));
        set_text(m, v, "instead_of", tn_severity_name(tn_rules_find(m->in->rules, rule)->written));
    } else {
        set(m, v, "path", tn_json_new_str(m->a, path));
    }
    set(m, v, "reason", tn_json_new_str(m->a, reason));
    set(m, v, "until", tn_json_new_str(m->a, until));
    m->ok = m->ok && tn_json_push(list, v);
}

/* What the project excuses on the day of the plan, with its reason and last day. */
static void make_exceptions(maker *m)
{
    const tn_settings *s = m->in->rules ? tn_rules_settings(m->in->rules) : NULL;
    tn_json *list = tn_json_new_array(m->a);
    for (size_t i = 0; s && i < s->n_changes; i++)
        if (!s->change[i].expired)
            put_exception(m, list, s->change[i].rule, &s->change[i], TN_STR(""), s->change[i].reason, s->change[i].until);
    for (size_t i = 0; s && i < s->n_waivers; i++)
        if (!s->waiver[i].expired)
            put_exception(m, list, s->waiver[i].rule, NULL, s->waiver[i].path, s->waiver[i].reason, s->waiver[i].until);
    if (tn_json_len(list))
        set(m, m->plan, "exceptions", list);
}

/* Estimates are made for the largest candidate that fits: the choice is not known yet. */
static const tn_plan_candidate *largest_fitting(const tn_plan_input *in)
{
    const tn_plan_candidate *best = NULL;
    for (size_t i = 0; i < in->n_candidates; i++) {
        const tn_plan_candidate *c = &in->candidate[i];
        if (strcmp(c->fit, "mismatch") != 0 && (!best || c->n_encoder > best->n_encoder))
            best = c;
    }
    return best ? best : in->n_candidates ? &in->candidate[0] : NULL;
}

/* A stated setting or target that no part of the plan takes up would be passed over in silence. */
static tn_status check_stated(const maker *m, tn_err *err)
{
    const tn_json *recipe = tn_json_get(m->plan, "recipe");
    const struct {
        const tn_json *front;
        const char *path;
    } said[] = {{m->in->brief->front, m->in->brief_path}, {m->in->brief->defaults, "tenet.yaml"}};
    for (size_t i = 0; i < TN_COUNT(said); i++)
        for (const tn_json *c = tn_json_first(tn_json_get(said[i].front, "recipe")); c; c = tn_json_next(c))
            if (!tn_json_get_str(recipe, tn_json_key(c)))
                return tn_fail(err, TN_EINVALID, "%s:%u: recipe has no setting \"%.*s\"; `tenet plan` without it lists the settings", said[i].path,
                               tn_json_line(c), TN_ARG(tn_json_key(c)));
    if (!tn_flow_task_find(tn_plan_tag(m->in->brief), tn_plan_problem(m->in->brief)))
        return TN_OK;
    for (const tn_json *c = tn_json_first(tn_json_get(m->in->brief->front, "target")); c; c = tn_json_next(c))
        if (!criterion_of(m->task, tn_json_key(c)))
            return tn_fail(err, TN_EINVALID, "%s:%u: \"%.*s\" is no target of %s; %.*s are", m->in->brief_path, tn_json_line(c), TN_ARG(tn_json_key(c)),
                           m->task->name, TN_ARG(tn_task_criteria(m->task, m->a)));
    return TN_OK;
}

tn_status tn_plan_make(const tn_plan_input *in, tn_arena *a, tn_json **plan, tn_err *err)
{
    const tn_flow_task *task = tn_flow_task_find(tn_plan_tag(in->brief), in->problem ? tn_str_of(in->problem) : tn_plan_problem(in->brief));
    maker m = {.a = a, .in = in, .task = task ? task : &tn_task_single_label, .plan = tn_json_new_object(a), .ok = true};
    if (!tn_brief_fact(in->brief, "task", NULL))
        return tn_fail(err, TN_ERULE,
                       "%s: no task follows from the brief (rule constraint-task). Say what the model shall do and with what: "
                       "\"Task: classify customer reviews by sentiment\"; `tenet help plan` lists the parts of a brief",
                       in->brief_path);
    const tn_plan_candidate *c = largest_fitting(in);
    set_text(&m, m.plan, "tenet", TN_VERSION);
    make_brief(&m);
    make_task(&m);
    make_model(&m);
    make_data(&m);
    make_approach(&m, c);
    make_evaluation(&m);
    make_phases(&m);
    make_compute(&m, c);
    make_assumptions(&m);
    make_exceptions(&m);
    if (!m.ok)
        return tn_fail_nomem(err, 4096);
    TN_TRY(check_stated(&m, err));
    *plan = m.plan;
    return TN_OK;
}
