/* The papers of the work itself: briefs, plans, runs, and the rules files that assistants read. Each is read by the reader
 * that the program works with (flow/), so that the check and the run cannot disagree about what a paper says. */
#include "check/answer.h"
#include "check/checkers.h"
#include "check/prose.h"
#include "check/walk.h"

#include "base/file.h"
#include "flow/assistants.h"
#include "flow/brief.h"
#include "flow/plan.h"
#include "flow/verify.h"
#include "rules/rules.h"

#include <string.h>

static tn_status say_at(tn_prose *p, const char *rule, uint32_t line, tn_str evidence, const char *remedy, const char *message)
{
    size_t at = line > 0 && line <= p->md->n_lines ? p->md->line_start[line - 1] : 0;
    p->rule = rule;
    return tn_prose_say_with(p, (tn_md_range){at, at}, evidence.ptr ? evidence : TN_STR(""), remedy, "%s", message);
}

/* "12:5: what is wrong" → 12; 1 without a place. */
static uint32_t line_in(const char *sentence)
{
    uint32_t line = 0;
    const char *s = sentence;
    for (const char *colon = strchr(s, ':'); colon && line == 0; colon = strchr(s, ':')) { /* behind a file's name */
        for (s = colon; s > sentence && s[-1] >= '0' && s[-1] <= '9';)
            s--;
        for (; s < colon && line < 100000000; s++)
            line = line * 10 + (uint32_t)(*s - '0');
        s = colon + 1;
    }
    return line ? line : 1;
}

/* ---- sensitive fields ---- */

static tn_status sensitive(tn_prose *p)
{
    tn_md_range found;
    p->rule = "govern-responsible";
    if (!tn_md_find(p->md, p->body, "patient|patients|diagnosis|diagnose|diagnoses|medical|clinical|hospital|triage|credit scor*|loan|loans|creditworth*|insurance claims|job applicants|applicants|applications for jobs|resumes|cvs|hiring|recruit*|minors|"
                                    "children|pupils|sentencing|parole|asylum|benefit fraud", &found) ||
        tn_md_has(p->md, p->body, "human review|human in the loop|oversight|reviewed by|review by|a person|a human|clinician*|nurse*|doctor*|physician*|expert|experts|recruiter*|lawyer*|caseworker*|underwriter*|appeal|manual review|manually|"
                                  "second reader|screening aid|decision support|human decision|humans|responsible|ethics|fairness|teacher*|not automated|overrule|hr staff|staff read*|staff check*|staff review*|confirm*"))
        return TN_OK;
    return tn_prose_say(p, tn_md_sentence(p->md, found.from), "say who looks at what the model says, who may overrule it, and which error costs most", "a sensitive field, and no step of human review");
}

/* ---- briefs ---- */

static const char *const part_name[TN_N_PARTS] = {"Task", "Why it matters", "Where this applies", "When this is needed"};

static bool is_empty(tn_str part)
{
    return tn_str_trim(part).len == 0;
}

/* Marks and fillers only: "-", "TODO", "n/a", "to be filled in". A part that stands there so is not yet written. */
static bool says_nothing(tn_str part)
{
    static const char *const filler[] = {"todo", "tbd", "tba", "fixme", "xxx", "n a", "na", "none", "null", "nil", "unknown", "later", "nothing", "to do", "to be done", "to be defined", "to be decided", "to be filled in",
                                         "to be filled", "to be written", "to be determined", "to come", "fill in", "fill me in", "fill this in", "placeholder", "lorem ipsum", "not yet", "see above", "same as above", "text", "foo", "bar", "asdf"};
    char word[24];
    size_t n = 0;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80);
        if (letter && n + 1 >= sizeof word)
            return false;
        if (letter)
            word[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        else if (n > 0 && word[n - 1] != ' ' && n + 1 < sizeof word)
            word[n++] = ' ';
    }
    while (n > 0 && word[n - 1] == ' ')
        n--;
    for (size_t i = 0; i < TN_COUNT(filler) && n > 0; i++)
        if (tn_str_is((tn_str){word, n}, filler[i]))
            return true;
    return n == 0;
}

/* A fact whose words stand in the part; of a part that was opened twice, and is a copy, any. */
static bool part_has(const tn_prose *p, const tn_brief *b, tn_brief_part part, const char *field)
{
    const char *from = b->part[part].ptr, *to = from + b->part[part].len, *text = p->md->text.ptr;
    bool copied = !from || from < text || from >= text + p->md->text.len;
    for (const tn_fact *f = NULL; (f = tn_brief_fact(b, field, f));)
        if (copied || (f->words.ptr >= from && f->words.ptr < to) || f->words.ptr < text || f->words.ptr >= text + p->md->text.len)
            return true;
    return false;
}

static uint32_t line_of_part(const tn_prose *p, tn_str part)
{
    const char *from = p->md->text.ptr;
    uint32_t line = 1, column;
    if (part.ptr >= from && part.ptr < from + p->md->text.len)
        tn_md_place(p->md, (size_t)(part.ptr - from), &line, &column);
    return line;
}

static tn_status template_order(tn_prose *p, const tn_brief *b)
{
    const char *from = p->md->text.ptr, *last = NULL;
    bool any = false;
    for (int i = TN_WHY; i < TN_N_PARTS; i++)
        any = any || !is_empty(b->part[i]);
    if (!any)
        return say_at(p, "order-template", 1, TN_STR(""), "write four parts: Task / Why it matters / Where this applies / When this is needed (tenet init writes the template)", "the brief has no parts");
    if (is_empty(b->part[TN_WHY]))
        return say_at(p, "order-template", 1, TN_STR("Why it matters"), "add the heading and one or two sentences; only where and when may be left out", "the part \"Why it matters\" is missing");
    for (int i = 0; i < TN_N_PARTS; i++) {
        tn_str part = b->part[i];
        if (is_empty(part) || part.ptr < from || part.ptr >= from + p->md->text.len) /* a part opened twice is a copy */
            continue;
        if (last && part.ptr < last)
            return say_at(p, "order-template", line_of_part(p, part), tn_str_of(part_name[i]), "bring the parts into order: Task / Why it matters / Where this applies / When this is needed", "a part stands before one that it should follow");
        last = part.ptr;
    }
    return TN_OK;
}

static tn_status brief_parts(tn_prose *p, const tn_brief *b)
{
    bool no_task = tn_brief_is_missing(b, "task"), no_action = !tn_brief_fact(b, "action", NULL), no_modality = !tn_brief_fact(b, "modality", NULL);
    /* The task and its verb must stand where the task is told: "training now" under When is no task. */
    bool told = part_has(p, b, TN_WHAT, "action") || part_has(p, b, TN_WHAT, "task") || part_has(p, b, TN_WHAT, "problem");
    if (says_nothing(b->part[TN_WHAT]) || (no_task && no_action) || !told)
        TN_TRY(say_at(p, "brief-what", line_of_part(p, b->part[TN_WHAT]), tn_str_sub(tn_str_trim(b->part[TN_WHAT]), 0, 100),
                      "say what to do with which data: select, fine-tune, evaluate, build an inference pipeline, prepare for deployment", "the brief names no task"));
    if (no_task && no_modality)
        TN_TRY(say_at(p, "constraint-task", line_of_part(p, b->part[TN_WHAT]), tn_str_sub(tn_str_trim(b->part[TN_WHAT]), 0, 100), "say what goes in and what comes out: texts in, one label out", "neither task nor modality follows from the brief"));
    tn_md_range all = p->body, slogan = {0, 0};
    bool why_empty = is_empty(b->part[TN_WHY]) ? tn_brief_is_missing(b, "goal") : says_nothing(b->part[TN_WHY]);
    /* A slogan of a few words; a goal may begin with one. */
    tn_str why = tn_str_trim(b->part[TN_WHY]);
    bool why_is_slogan = why.len > 0 && why.len < 60 && tn_md_find(p->md, all, "ai is the future|everyone does it|everybody does it|everyone is doing|because ai|it is cool|it is trendy|ai is hot|ai is important|digital transformation|to be innovative", &slogan);
    if (why_empty || why_is_slogan)
        TN_TRY(say_at(p, "brief-why", why_empty ? 1 : line_of_part(p, b->part[TN_WHY]), tn_str_sub(tn_str_trim(b->part[TN_WHY]), 0, 100), "add `Why it matters:` with the goal: accuracy, cost, a new feature, a prototype, production", "the brief names no goal"));
    /* Where and when may be left out; only advice about deployment hangs in the air without a place. */
    bool deploys = tn_brief_has(b, "action", "deploy") || tn_brief_has(b, "phase", "deploy");
    if (deploys && says_nothing(b->part[TN_WHERE]))
        TN_TRY(say_at(p, "brief-where", 1, TN_STR(""), "add `Where this applies:` with where it runs and what limits it; without it an assumption is written down", "deployment is asked for, and no environment is named"));
    return TN_OK;
}

tn_status tn_check_brief(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    tn_md m;
    tn_prose p;
    bool too_long;
    tn_brief b = TN_BRIEF_INIT;
    tn_err local = TN_ERR_INIT;
    TN_TRY(tn_prose_open(source, findings, &m, &p, &too_long, err));
    /* The template that tenet init writes waits for its user's words: nothing is wrong with it yet. */
    if (too_long || tn_str_find(source->text, tn_str_trim(tn_str_of(tn_brief_template)), 0) != SIZE_MAX)
        return TN_OK;
    tn_status st = tn_brief_parse(source->text, "", source->arena, &b, &local);
    if (st == TN_ENOMEM) {
        tn_brief_free(&b);
        return tn_fail(err, st, "%s", local.msg);
    }
    if (st != TN_OK)
        st = say_at(&p, "brief-what", line_in(local.msg), tn_str_of(local.msg), "correct the place that the sentence names", "the brief cannot be read");
    else if ((st = brief_parts(&p, &b)) == TN_OK && (st = template_order(&p, &b)) == TN_OK && (st = sensitive(&p)) == TN_OK)
        st = tn_prose_claims(&p, tn_answer_gates);
    tn_brief_free(&b);
    return st;
}

/* ---- plans ---- */

static tn_status in_order(tn_prose *p, const tn_json *at, const char *const *key, size_t n, const char *rule, const char *what, const char *remedy)
{
    uint32_t last = 0;
    p->rule = rule;
    for (size_t i = 0; i < n; i++) {
        const tn_json *v = tn_json_get(at, key[i]);
        tn_str name = tn_str_format(p->arena, "%s \"%s\" is missing", what, key[i]);
        if (!name.ptr)
            return tn_fail_nomem(p->err, 64);
        if (!v || tn_json_type(v) == TN_JSON_NULL) {
            TN_TRY(say_at(p, rule, tn_json_line(at) ? tn_json_line(at) : 1, tn_str_of(key[i]), remedy, name.ptr));
            continue;
        }
        if (tn_json_line(v) < last)
            return say_at(p, rule, tn_json_line(v), tn_str_of(key[i]), remedy, "the order is another");
        last = tn_json_line(v);
    }
    return TN_OK;
}

/* A value says where it comes from: brief-owner. `bare` scalars are a person's own, stated. */
static tn_status origins(tn_prose *p, const tn_json *v, int depth, size_t *said, bool *assumed)
{
    if (tn_json_type(v) != TN_JSON_OBJECT || depth > 8)
        return TN_OK;
    const tn_json *value = tn_json_get(v, "value"), *origin = tn_json_get(v, "origin");
    if (value) {
        bool known = !origin || tn_json_is_str(origin, "stated") || tn_json_is_str(origin, "inferred") || tn_json_is_str(origin, "assumed");
        bool says_why = tn_json_text(tn_json_get(v, "reason")).len || tn_json_text(tn_json_get(v, "words")).len || tn_json_is_str(origin, "stated");
        *assumed = *assumed || tn_json_is_str(origin, "assumed");
        if (*said < 3 && (!origin || !known || !says_why)) {
            ++*said;
            TN_TRY(say_at(p, "brief-owner", tn_json_line(v), tn_json_key(v), "write origin (stated, inferred, assumed) and the reason, or the words of the brief that it was inferred from",
                          !origin ? "a value does not say where it comes from" : !known ? "an origin is none of stated, inferred, assumed" : "a value has neither reason nor words"));
        }
        return TN_OK;
    }
    for (const tn_json *c = tn_json_first(v); c; c = tn_json_next(c))
        TN_TRY(origins(p, c, depth + 1, said, assumed));
    return TN_OK;
}

static bool is_closed(tn_str id)
{
    static const char *const name[] = {"gpt-4", "gpt-3.5", "gpt-5", "openai/gpt-4", "openai/gpt-5", "claude", "anthropic/", "gemini", "google/gemini"};
    for (size_t i = 0; i < TN_COUNT(name); i++)
        if (tn_str_starts(id, name[i]))
            return true;
    return false;
}

static tn_status plan_models(tn_prose *p, const tn_json *model)
{
    const tn_json *choice = tn_json_get(model, "choice"), *v = tn_json_get(choice, "value") ? tn_json_get(choice, "value") : choice;
    if (is_closed(tn_json_text(v)) && tn_json_text(tn_json_get(choice, "reason")).len == 0)
        TN_TRY(say_at(p, "who-open", tn_json_line(v), tn_json_text(v), "prefer an open model, or write the reason", "a closed model is chosen with no reason"));
    for (const tn_json *c = tn_json_first(tn_json_get(model, "candidates")); c; c = tn_json_next(c)) {
        tn_str id = tn_json_type(c) == TN_JSON_OBJECT ? tn_json_text(tn_json_get(c, "id")) : tn_json_text(c);
        if (is_closed(id) && tn_json_text(tn_json_get(c, "reason")).len == 0 && tn_json_len(tn_json_get(model, "candidates")) == 1)
            TN_TRY(say_at(p, "who-open", tn_json_line(c), id, "prefer an open model, or write the reason", "a closed model is the only candidate, with no reason"));
    }
    return TN_OK;
}

static bool has_value(const tn_json *plan, const char *path)
{
    const tn_json *v = tn_plan_at(plan, path);
    return v && tn_json_type(v) != TN_JSON_NULL && (tn_json_text(v).len || tn_json_len(v));
}

static tn_status plan_sections(tn_prose *p, const tn_json *plan)
{
    static const char *const section[] = {"task", "model", "data", "approach", "evaluation"}, *const phase[] = {"experiment", "tune", "deploy"};
    TN_TRY(in_order(p, plan, section, TN_COUNT(section), "format-five", "the section", "write task, model, data, approach, evaluation, in this order"));
    const tn_json *phases = tn_json_get(plan, "phases");
    if (!phases)
        TN_TRY(say_at(p, "format-phases", 1, TN_STR("phases"), "write phases: experiment, tune, deploy, each with what it does", "the plan does not keep experiment, tuning and deployment apart"));
    else
        TN_TRY(in_order(p, phases, phase, TN_COUNT(phase), "format-phases", "the phase", "write experiment, tune, deploy, each with what it does and what it leaves out"));
    size_t said = 0;
    bool assumed = false;
    TN_TRY(origins(p, plan, 0, &said, &assumed));
    if (assumed && !tn_json_get(plan, "assumptions"))
        TN_TRY(say_at(p, "style-assumptions", 1, TN_STR("assumptions"), "list under `assumptions:` what is assumed because the brief does not say it", "values are assumed, and no assumption is listed"));
    if (tn_json_get(plan, "evaluation") && (!has_value(plan, "evaluation/metric") || (!has_value(plan, "evaluation/threshold") && !has_value(plan, "evaluation/criterion"))))
        TN_TRY(say_at(p, "eval-criteria", tn_json_line(tn_json_get(plan, "evaluation")), TN_STR("evaluation"), "write metric, and a threshold or the criterion to beat, before anything is trained", "success is not defined"));
    const tn_json *compute = tn_json_get(plan, "compute");
    if (!compute || tn_json_len(compute) == 0)
        TN_TRY(say_at(p, "constraint-compute", 1, TN_STR("compute"), "state threads or device, memory, estimated seconds and bytes", "the plan states no compute"));
    return plan_models(p, tn_json_get(plan, "model"));
}

tn_status tn_check_plan(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    tn_md m;
    tn_prose p;
    bool too_long;
    const tn_json *plan = NULL;
    tn_err local = TN_ERR_INIT;
    TN_TRY(tn_prose_open(source, findings, &m, &p, &too_long, err));
    if (too_long)
        return TN_OK;
    /* Not tn_plan_parse: that wants a plan that can be run, and somebody else's may have another form of recipe. */
    tn_status st = tn_yaml_parse(source->text, source->arena, &plan, &local);
    if (st == TN_ENOMEM)
        return tn_fail(err, st, "%s", local.msg);
    if (st != TN_OK)
        return say_at(&p, "format-five", line_in(local.msg), tn_str_of(local.msg), "correct the place that the sentence names", "the plan cannot be read");
    TN_TRY(plan_sections(&p, plan));
    TN_TRY(sensitive(&p));
    return tn_prose_claims(&p, tn_answer_gates);
}

/* ---- runs ---- */

/* Findings of flow/verify name records; here they are named from where the user stands. */
static tn_status with_folder(const tn_check_source *source, tn_findings *f, size_t from, tn_err *err)
{
    for (size_t i = from; i < f->list.len; i++) {
        tn_str *path = &f->list.ptr[i].path;
        bool here = source->path.len == 0 || tn_str_is(source->path, ".");
        if (!here) {
            *path = path->len ? tn_str_format(f->arena, "%.*s/%.*s", TN_ARG(source->path), TN_ARG(*path)) : tn_str_dup(f->arena, source->path);
            if (!path->ptr)
                return tn_fail_nomem(err, source->path.len);
        }
    }
    return TN_OK;
}

static tn_status missing_records(const tn_check_source *source, tn_findings *f, size_t *n, tn_err *err)
{
    static const char *const need[][3] = {{"plan.yaml", "constraint-track", "the run's configuration is missing"},
                                          {"env.json", "constraint-track", "the run's environment is missing"},
                                          {"lock.json", "constraint-track", "the run is not finished, or its lock was removed"},
                                          {"criteria.json", "eval-criteria", "the criterion that was fixed before training is missing"},
                                          {"eval/metrics.json", "constraint-evaluate", "the run holds no evaluation"}};
    *n = 0;
    for (size_t i = 0; i < TN_COUNT(need); i++) {
        const char *path = tn_path_join(source->arena, source->place, need[i][0]);
        if (!path)
            return tn_fail_nomem(err, 64);
        if (tn_file_exists(path))
            continue;
        ++*n;
        TN_TRY(tn_findings_add(f, (tn_finding){.rule = need[i][1], .path = tn_str_of(need[i][0]), .message = tn_str_of(need[i][2]), .evidence = tn_str_format(source->arena, "%s is not there", need[i][0]),
                                               .remedy = TN_STR("finish it with tenet run ... --resume, or restore the file")}, err));
    }
    return TN_OK;
}

tn_status tn_check_run(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    size_t from = findings->list.len, missing;
    if (!source->place)
        return TN_OK;
    TN_TRY(missing_records(source, findings, &missing, err));
    if (missing == 0) {
        tn_verify_counts counts;
        tn_err local = TN_ERR_INIT;
        tn_status st = tn_verify(source->place, findings, &counts, &local);
        if (st == TN_ENOMEM)
            return tn_fail(err, st, "%s", local.msg);
        if (st != TN_OK)
            TN_TRY(tn_findings_add(findings, (tn_finding){.rule = "constraint-reproduce", .path = TN_STR("lock.json"), .message = TN_STR("the run cannot be verified"), .evidence = tn_str_of(local.msg),
                                                          .remedy = TN_STR("restore the file that the sentence names, or run again")}, err));
    }
    return with_folder(source, findings, from, err);
}

/* ---- rules files ---- */

enum { WHO, HOW, WHAT, WHY, WHERE, WHEN, N_QUESTIONS };

/* Where the six parts of a composed prompt begin: a heading, or the word with a colon behind it. */
static void questions(const tn_md *m, size_t first[N_QUESTIONS])
{
    static const char *const name[N_QUESTIONS] = {"who|persona|role", "how|rules|how to work|how you work", "what|task|the task", "why|why it matters", "where|where this applies", "when|when this is needed"};
    static const char *const label[N_QUESTIONS] = {NULL, NULL, "task|what", "why|why it matters", "where|where this applies", "when|when this is needed"};
    for (int q = 0; q < N_QUESTIONS; q++) {
        first[q] = SIZE_MAX;
        for (size_t i = 0; i < m->n_blocks && first[q] == SIZE_MAX; i++)
            if (m->block[i].kind == TN_MD_HEADING && tn_md_is(m, tn_md_block_range(m, i), name[q]))
                first[q] = tn_md_block_range(m, i).from;
        tn_md_range in = tn_md_all(m), found;
        for (size_t looked = 0; label[q] && looked < 200 && tn_md_find(m, in, label[q], &found); looked++, in.from = found.to)
            if (found.to < m->text.len && m->text.ptr[found.to] == ':' && found.from < first[q])
                first[q] = found.from;
    }
    tn_md_range you;
    if (tn_md_find(m, tn_md_all(m), "you are a|you are an|you are the|you re a|act as a|act as an", &you) && you.from < first[WHO])
        first[WHO] = you.from;
}

static tn_status prompt_order(tn_prose *p)
{
    size_t first[N_QUESTIONS], n = 0, last = 0, who_heading = SIZE_MAX;
    questions(p->md, first);
    for (size_t i = 0; i < p->md->n_blocks && who_heading == SIZE_MAX; i++)
        if (p->md->block[i].kind == TN_MD_HEADING && tn_md_is(p->md, tn_md_block_range(p->md, i), "who|persona|role"))
            who_heading = tn_md_block_range(p->md, i).from;
    for (int q = 0; q < N_QUESTIONS; q++)
        n += first[q] != SIZE_MAX;
    /* Two headings of the context alone, the wrong way round. */
    if (first[WHAT] == SIZE_MAX && first[HOW] != SIZE_MAX && who_heading != SIZE_MAX && first[HOW] < who_heading && first[HOW] < first[WHO])
        return tn_prose_say(p, tn_md_sentence(p->md, who_heading), "say who the assistant is first, then how it works", "the context is not who, then how");
    /* A rules file speaks of "how" and "when" in passing; a prompt holds the task. */
    if (n < 3 || first[WHAT] == SIZE_MAX || (first[WHY] == SIZE_MAX && first[WHERE] == SIZE_MAX && first[WHEN] == SIZE_MAX))
        return TN_OK;
    for (int q = 0; q < N_QUESTIONS; q++) {
        if (first[q] == SIZE_MAX)
            continue;
        if (first[q] < last)
            return tn_prose_say(p, tn_md_sentence(p->md, first[q]), "compose it in this order (tenet prompt BRIEF does)", "the order is not who, how, what, why, where, when");
        last = first[q];
    }
    return TN_OK;
}

/* ---- several rules files of one project ---- */

enum { MOST_LINES = 400 };

typedef struct {
    tn_str line[MOST_LINES]; /* trimmed, without empty ones and front matter */
    size_t heading[MOST_LINES]; /* index of the heading above, or SIZE_MAX */
    size_t n;
} page;

static void read_page(tn_str text, page *out)
{
    tn_front_matter front = {0};
    tn_str line, rest = tn_front_matter_split(text, &front, NULL) == TN_OK ? front.body : text;
    size_t heading = SIZE_MAX;
    out->n = 0;
    while (out->n < MOST_LINES && tn_str_cut(&rest, '\n', &line)) {
        line = tn_str_trim(line);
        if (line.len == 0)
            continue;
        out->heading[out->n] = heading;
        if (line.ptr[0] == '#')
            heading = out->n;
        out->line[out->n++] = line;
    }
}

static bool has_page_line(const page *p, tn_str line)
{
    for (size_t i = 0; i < p->n; i++)
        if (tn_str_eq(p->line[i], line))
            return true;
    return false;
}

/* The line of `a` that makes it another text than `b`, of which it is a copy: most lines are the same, and a line under a
 * heading of both stands in one only. What one adds under headings of its own is an addition. SIZE_MAX: no copy, or none. */
static size_t drifted(const page *a, const page *b)
{
    size_t shared = 0, fewer = a->n < b->n ? a->n : b->n, at = SIZE_MAX;
    for (size_t i = 0; i < a->n; i++) {
        bool both = has_page_line(b, a->line[i]);
        shared += both;
        if (!both && at == SIZE_MAX && a->line[i].ptr[0] != '#' && a->heading[i] != SIZE_MAX && has_page_line(b, a->line[a->heading[i]]))
            at = i;
    }
    return fewer >= 5 && shared * 10 >= fewer * 7 ? at : SIZE_MAX;
}

static tn_status same_context(tn_prose *p)
{
    static const char *const name[] = {"AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md", ".cursorrules", ".windsurfrules"};
    const tn_check_source *s = p->source;
    const tn_repository *r = s->repository;
    if (!r || s->fragment)
        return TN_OK;
    tn_str own = s->path;
    if (r->shown.len && own.len > r->shown.len && tn_str_eq(tn_str_sub(own, 0, r->shown.len), r->shown) && own.ptr[r->shown.len] == '/')
        own = tn_str_sub(own, r->shown.len + 1, own.len);
    size_t at = 0;
    while (at < TN_COUNT(name) && !tn_str_is(own, name[at]))
        at++;
    page *here = tn_arena_alloc(s->arena, 2 * sizeof *here), *there = here + 1;
    if (!here)
        return tn_fail_nomem(p->err, 2 * sizeof *here);
    read_page(s->text, here);
    for (size_t i = 0; at < TN_COUNT(name) && i < at; i++) { /* each pair once, at the later file */
        tn_str text;
        tn_err local = TN_ERR_INIT;
        const char *path = tn_path_join(s->arena, r->root, name[i]);
        if (!path)
            return tn_fail_nomem(p->err, 64);
        if (tn_repository_find(r, name[i]) == SIZE_MAX)
            continue;
        tn_status st = tn_walk_read(path, 1 << 20, s->arena, &text, &local);
        if (st == TN_ENOMEM)
            return tn_fail(p->err, st, "%s", local.msg);
        if (st != TN_OK || tn_str_find(text, TN_STR("tenet:begin"), 0) != SIZE_MAX)
            continue; /* what cannot be read is told where it is judged */
        read_page(text, there);
        size_t line = drifted(here, there);
        tn_str evidence = line == SIZE_MAX ? TN_STR("") : here->line[line];
        if (line == SIZE_MAX && (line = drifted(there, here)) != SIZE_MAX)
            evidence = there->line[line];
        if (line == SIZE_MAX)
            continue;
        return tn_prose_say_with(p, tn_md_all(p->md), tn_str_sub(evidence, 0, 100), "keep one source and make every assistant's file from it (tenet rules emit), or let one file point to the other", "a copy of %s that says something else", name[i]);
    }
    return TN_OK;
}

/* A mark of ours without our block: it cannot be held against its source. */
static tn_status torn_mark(tn_prose *p)
{
    for (size_t i = 0; i < p->md->n_spans; i++) {
        const tn_md_span *c = &p->md->span[i];
        tn_str text = tn_str_sub(p->md->text, c->from, c->to);
        if (c->kind == TN_MD_SPAN_COMMENT && tn_str_find(text, TN_STR("tenet"), 0) != SIZE_MAX && tn_str_find(text, TN_STR("sha256:"), 0) != SIZE_MAX)
            return tn_prose_say_with(p, (tn_md_range){c->from, c->to}, tn_str_sub(tn_str_trim(text), 0, 100), "make the file again: tenet rules emit", "a digest of tenet's without the block that it belongs to: nothing can be held against it");
    }
    return TN_OK;
}

tn_status tn_check_rules_file(const tn_check_source *source, tn_findings *findings, tn_err *err)
{
    tn_md m;
    tn_prose p;
    bool too_long, block = tn_str_find(source->text, TN_STR("tenet:begin"), 0) != SIZE_MAX;
    TN_TRY(tn_prose_open(source, findings, &m, &p, &too_long, err));
    if (too_long)
        return TN_OK;
    const tn_assistant_file *file = tn_assistant_file_of(source->path);
    p.rule = "order-context";
    if (block && file && source->rules) {
        size_t from = findings->list.len;
        TN_TRY(tn_assistants_check(source->rules, file, "", source->text, findings, err));
        for (size_t i = from; i < findings->list.len; i++) /* the frame knows the path */
            findings->list.ptr[i].path = TN_STR("");
    } else if (!block && tn_str_ends(source->path, ".cursor/rules.md")) {
        TN_TRY(say_at(&p, "order-context", 1, TN_STR(".cursor/rules.md"), "make .cursor/rules/tenet.mdc and AGENTS.md from the rules: tenet rules emit -o . --for cursor,agents", "Cursor does not read this file, and it comes from no source"));
    }
    if (!block) {
        p.rule = "order-context";
        TN_TRY(torn_mark(&p));
        TN_TRY(same_context(&p));
    }
    p.rule = "who-persona";
    bool prompt = tn_str_ends(source->path, "prompt.md"); /* one job's whole text, not a rules file */
    if (!prompt && m.n_words >= 5 && !tn_md_has(&m, p.body, "you are|you re|act as|persona|role|as a senior|as an expert|your job|behave as|think like|acting as|senior engineer|who"))
        TN_TRY(tn_prose_say(&p, m.n_blocks ? tn_md_block_range(&m, 0) : p.body, "begin with who the assistant is: \"You are a senior ML engineer ...\"", "the rules file does not say who the assistant is"));
    p.rule = "order-prompt";
    return prompt_order(&p);
}
