/* Cards are written front to back from records. `num` is the only way a measured number gets in: it prints the number
 * and its address, or "not measured". Front matter takes a YAML comment in place of the HTML one. */
#include "govern/card.h"

#include "govern/licence.h"
#include "metric/names.h"
#include "record/record.h"
#include "rules/catalog.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    tn_records *r;
    tn_buf *out;
    tn_arena *a;
    tn_measured measured;
    tn_str tag; /* pipeline tag */
    bool no_memory;
} card;

/* "not measured" is only true when there was memory to look. */
static tn_status finish(card *c, tn_err *err)
{
    tn_status st = tn_records_status(c->r, err);
    tn_records_close(c->r);
    if (st == TN_OK && c->no_memory)
        st = tn_fail_nomem(err, 4096);
    return st == TN_OK ? tn_buf_status(c->out, err) : st;
}

/* ---- pieces ---- */

static void text(card *c, const char *s)
{
    tn_buf_c(c->out, s);
}

static void num(card *c, tn_show how, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void num(card *c, tn_show how, const char *fmt, ...)
{
    char address[256];
    double v;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(address, sizeof address, fmt, ap);
    va_end(ap);
    if (!tn_records_number(c->r, address, &v)) {
        text(c, "not measured");
        return;
    }
    tn_show_number(v, tn_records_text(c->r, address), how, c->out);
    tn_buf_printf(c->out, " <!-- %s -->", address);
}

/* On one line, safe inside a Markdown table. */
static void escaped(card *c, tn_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char x = s.ptr[i];
        if (x == '|' || x == '<' || x == '`' || x == '*' || x == '_' || x == '[' || x == '\\')
            tn_buf_char(c->out, '\\');
        tn_buf_char(c->out, x == '\n' || x == '\r' ? ' ' : x);
    }
}

/* Text of a record; "not recorded" when absent. */
static void words(card *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void words(card *c, const char *fmt, ...)
{
    char address[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(address, sizeof address, fmt, ap);
    va_end(ap);
    tn_str s = tn_records_text(c->r, address);
    if (s.len == 0)
        text(c, "not recorded");
    escaped(c, s);
}

static void json(card *c, const tn_json *v)
{
    tn_buf b = TN_BUF_INIT;
    if (v)
        tn_json_write(v, 0, &b);
    c->no_memory |= tn_buf_status(&b, NULL) != TN_OK;
    escaped(c, tn_buf_view(&b));
    tn_buf_free(&b);
}

static tn_str plan_value(card *c, const char *path)
{
    char address[128];
    snprintf(address, sizeof address, "plan.yaml#/%s/value", path);
    return tn_records_text(c->r, address);
}

static size_t count(card *c, const char *address)
{
    return tn_json_len(tn_records_at(c->r, address));
}

static void look(card *c)
{
    tn_records_measured(c->r, &c->measured);
    c->tag = plan_value(c, "task/tag");
    if (c->tag.len == 0)
        c->tag = TN_STR("text-classification");
}

static const char *kind_of(card *c)
{
    static const char *const kind[][3] = {{"single-label", "one label a text", "one label a pair of texts"},
                                          {"multi-label", "any number of labels a text", "any number of labels a pair of texts"},
                                          {"regression", "a number a text", "a number a pair of texts"}};
    tn_str problem = plan_value(c, "task/problem");
    bool pair = tn_str_is(plan_value(c, "task/texts"), "pair");
    for (size_t i = 0; i < TN_COUNT(kind); i++)
        if (tn_str_is(problem, kind[i][0]))
            return kind[i][pair ? 2 : 1];
    return tn_str_is(c->tag, "text-classification")    ? kind[0][1]
           : tn_str_is(c->tag, "token-classification") ? "a tag a word"
           : tn_str_is(c->tag, "question-answering")   ? "the words of a passage that answer a question"
                                                       : "as the tag says";
}

/* ---- front matter ---- */

static void yaml_str(card *c, const char *key, tn_str value)
{
    if (value.len == 0)
        return;
    tn_buf_printf(c->out, "%s: ", key);
    tn_json_write_str(value, c->out); /* a JSON string is a YAML string */
    text(c, "\n");
}

static void yaml_list(card *c, const char *key, const tn_json *list)
{
    if (tn_json_len(list) == 0)
        return;
    tn_buf_printf(c->out, "%s:\n", key);
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        text(c, "- ");
        tn_json_write_str(tn_json_text(v), c->out);
        text(c, "\n");
    }
}

static void yaml_metric(card *c, const char *type, const char *name, const char *address)
{
    double v;
    if (!tn_records_number(c->r, address, &v))
        return;
    tn_buf_printf(c->out, "    - type: %s\n      name: %s\n      value: ", type, name);
    tn_buf_f64(c->out, v);
    tn_buf_printf(c->out, " # %s\n", address);
}

/* Each of the Hub's types once: micro and macro F1 are both "f1". */
static void yaml_metrics(card *c)
{
    for (size_t i = 0, n = 0; i < c->measured.n_metrics; i++) {
        const tn_metric_info *m = tn_metric_find(c->measured.metric[i]);
        bool again = !m || !m->hub;
        for (size_t k = 0; k < i && !again; k++) {
            const tn_metric_info *before = tn_metric_find(c->measured.metric[k]);
            again = before && before->hub && strcmp(before->hub, m->hub) == 0;
        }
        if (!again)
            tn_buf_printf(c->out, "%s- %s\n", n++ ? "" : "metrics:\n", m->hub);
    }
}

static void model_front(card *c, tn_str name)
{
    tn_buf_printf(c->out, "---\nlibrary_name: transformers\npipeline_tag: %.*s\n", TN_ARG(c->tag));
    tn_str licence = tn_licence_normalise(tn_records_text(c->r, "lock.json#/model/licence"));
    yaml_str(c, "license", licence.len ? licence : TN_STR("unknown"));
    yaml_list(c, "language", tn_records_at(c->r, "plan.yaml#/task/languages/value"));
    yaml_str(c, "base_model", tn_records_text(c->r, "lock.json#/model/id"));
    text(c, "base_model_relation: finetune\n");
    yaml_metrics(c);
    text(c, "tags:\n- tenet\n");
    if (tn_records_at(c->r, "eval/metrics.json#/test")) {
        text(c, "model-index:\n- name: ");
        tn_json_write_str(name, c->out);
        tn_buf_printf(c->out, "\n  results:\n  - task:\n      type: %.*s\n", TN_ARG(c->tag));
        text(c, "    dataset:\n      type: local\n      name: ");
        tn_json_write_str(tn_records_text(c->r, "lock.json#/data/files/0/path"), c->out);
        text(c, "\n      split: test\n    metrics:\n");
        for (size_t i = 0; i < c->measured.n_metrics; i++) {
            const tn_metric_info *m = tn_metric_find(c->measured.metric[i]);
            char address[96];
            snprintf(address, sizeof address, "eval/metrics.json#/test/%.*s", TN_ARG(c->measured.metric[i]));
            if (m && m->hub)
                yaml_metric(c, m->hub, m->hub_name, address);
        }
    }
    text(c, "---\n");
}

/* ---- sections ---- */

static void interval(card *c, tn_str metric)
{
    num(c, TN_SHOW_3, "eval/metrics.json#/test/%.*s", TN_ARG(metric));
    text(c, " (95 % interval ");
    num(c, TN_SHOW_3, "eval/metrics.json#/test/intervals/%.*s/low", TN_ARG(metric));
    text(c, " to ");
    num(c, TN_SHOW_3, "eval/metrics.json#/test/intervals/%.*s/high", TN_ARG(metric));
    text(c, ")");
}

static void findings(card *c)
{
    size_t n = count(c, "findings.jsonl");
    if (!tn_records_get(c->r, "findings.jsonl"))
        text(c, "- Findings of the run: not measured.\n");
    for (size_t i = 0; i < n; i++) {
        char address[64];
        snprintf(address, sizeof address, "findings.jsonl#/%zu/severity", i);
        if (tn_str_is(tn_records_text(c->r, address), "advice"))
            continue;
        text(c, "- ");
        words(c, "findings.jsonl#/%zu/message", i);
        text(c, " (");
        words(c, "findings.jsonl#/%zu/rule", i);
        text(c, ")");
        snprintf(address, sizeof address, "findings.jsonl#/%zu/evidence", i);
        if (tn_records_text(c->r, address).len) {
            text(c, ": ");
            words(c, "%s", address);
        }
        text(c, "\n");
    }
}

/* What the project excuses: it decides nothing about the model, but whoever reads the card shall know. */
static void exceptions(card *c)
{
    size_t n = count(c, "plan.yaml#/exceptions");
    for (size_t i = 0; i < n; i++) {
        char address[64];
        snprintf(address, sizeof address, "plan.yaml#/exceptions/%zu/severity", i);
        text(c, "- Exception made by the project: ");
        words(c, "plan.yaml#/exceptions/%zu/rule", i);
        if (tn_records_text(c->r, address).len) {
            text(c, " is ");
            words(c, "%s", address);
            text(c, " instead of ");
            words(c, "plan.yaml#/exceptions/%zu/instead_of", i);
        } else {
            text(c, " is waived for ");
            words(c, "plan.yaml#/exceptions/%zu/path", i);
        }
        text(c, " until ");
        words(c, "plan.yaml#/exceptions/%zu/until", i);
        text(c, ", because: ");
        words(c, "plan.yaml#/exceptions/%zu/reason", i);
        text(c, ".\n");
    }
}

static void model_limits(card *c)
{
    text(c, "## Limits\n\n");
    size_t k = tn_records_lowest(c->r, "eval/metrics.json#/test/per_class", "f1", 0);
    if (k == SIZE_MAX) {
        text(c, c->measured.n_metrics && !c->measured.has_classes ? "" : "- Weakest class: not measured.\n");
    } else {
        text(c, "- Weakest class: ");
        words(c, "eval/metrics.json#/test/per_class/%zu/label", k);
        text(c, ", F1 ");
        num(c, TN_SHOW_3, "eval/metrics.json#/test/per_class/%zu/f1", k);
        text(c, ".\n");
    }
    char slice[64] = "accuracy";
    if (c->measured.slice[0].len)
        snprintf(slice, sizeof slice, "%.*s", TN_ARG(c->measured.slice[0]));
    k = tn_records_lowest(c->r, "eval/slices.csv", slice, 15); /* fewer rows say nothing */
    if (k == SIZE_MAX) {
        text(c, "- Weakest slice: not measured.\n");
    } else {
        text(c, "- Weakest slice of at least 15 test rows: ");
        words(c, "eval/slices.csv#/%zu/slice", k);
        text(c, " = ");
        words(c, "eval/slices.csv#/%zu/value", k);
        tn_buf_printf(c->out, ", %.*s ", TN_ARG(tn_metric_title_of(tn_str_of(slice))));
        num(c, TN_SHOW_3, "eval/slices.csv#/%zu/%s", k, slice);
        text(c, " on ");
        num(c, TN_SHOW_COUNT, "eval/slices.csv#/%zu/n", k);
        text(c, " rows.\n");
    }
    tn_str metric = c->measured.criterion;
    tn_buf_printf(c->out, "- Gap between training and test rows, %.*s: ", TN_ARG(tn_metric_title_of(metric)));
    num(c, TN_SHOW_3, "eval/metrics.json#/train/%.*s", TN_ARG(metric));
    text(c, " against ");
    num(c, TN_SHOW_3, "eval/metrics.json#/test/%.*s", TN_ARG(metric));
    text(c, ".\n- Measured on ");
    num(c, TN_SHOW_COUNT, "eval/metrics.json#/test/n");
    text(c, " test rows of one data set; other sources, products and times are not covered.\n");
    findings(c);
    size_t n = count(c, "plan.yaml#/assumptions");
    for (size_t i = 0; i < n; i++) {
        text(c, "- Assumed, because the brief does not say: ");
        words(c, "plan.yaml#/assumptions/%zu", i);
        text(c, ".\n");
    }
    exceptions(c);
    text(c, "\n");
}

static void model_task(card *c)
{
    text(c, "## Task definition\n\n");
    words(c, "plan.yaml#/brief/what");
    size_t n = count(c, "plan.yaml#/task/labels/value");
    tn_buf_printf(c->out, "\n\nPipeline tag `%.*s`, modality text, %s.", TN_ARG(c->tag), kind_of(c));
    if (n == 0 && c->measured.n_metrics && !c->measured.has_classes) {
        text(c, "\n\n");
        return;
    }
    text(c, " Labels:");
    for (size_t i = 0; i < n && i < 100; i++) {
        text(c, i ? ", " : " ");
        words(c, "plan.yaml#/task/labels/value/%zu", i);
    }
    text(c, n ? ".\n\n" : " not recorded.\n\n");
}

static void model_choice(card *c)
{
    size_t n = count(c, "experiment/candidates.csv");
    text(c, "## Model choice\n\n");
    if (n == 0) {
        text(c, "Candidates: not measured.\n\n");
        return;
    }
    tn_str probe = tn_records_probe_column(c->r), title = tn_metric_title_of(tn_str_sub(probe, probe.len > 6 ? 6 : 0, probe.len));
    tn_buf_printf(c->out, "| model | parameters | licence | fit | tokens a word | words that lose letters | probe %.*s | chosen | why |\n", TN_ARG(title));
    text(c, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        text(c, "| ");
        words(c, "experiment/candidates.csv#/%zu/model", i);
        text(c, " | ");
        num(c, TN_SHOW_COUNT, "experiment/candidates.csv#/%zu/parameters", i);
        text(c, " | ");
        words(c, "experiment/candidates.csv#/%zu/licence", i);
        text(c, " | ");
        words(c, "experiment/candidates.csv#/%zu/fit", i);
        text(c, " | ");
        num(c, TN_SHOW_3, "experiment/candidates.csv#/%zu/fertility", i);
        text(c, " | ");
        num(c, TN_SHOW_PERCENT, "experiment/candidates.csv#/%zu/lossy_rate", i);
        text(c, " | ");
        num(c, TN_SHOW_3, "experiment/candidates.csv#/%zu/%.*s", i, TN_ARG(probe));
        text(c, " | ");
        words(c, "experiment/candidates.csv#/%zu/chosen", i);
        text(c, " | ");
        words(c, "experiment/candidates.csv#/%zu/reason", i);
        text(c, " |\n");
    }
    text(c, "\nThe rule: ");
    words(c, "plan.yaml#/model/rule/value");
    text(c, ".\n\n");
}

static void split_table(card *c)
{
    text(c, "| split | rows |\n| --- | --- |\n");
    static const char *const split[] = {"train", "validation", "test", "removed"};
    for (size_t i = 0; i < TN_COUNT(split); i++) {
        tn_buf_printf(c->out, "| %s | ", split[i]);
        num(c, TN_SHOW_COUNT, "data/profile.json#/rows/%s", split[i]);
        text(c, " |\n");
    }
    text(c, "\n");
}

static void model_data(card *c)
{
    text(c, "## Data strategy\n\n");
    split_table(c);
    text(c, "Removed rows are copies or near copies of other rows (data/leaks.csv); the test keeps its own. ");
    tn_records_say_openings(c->r, &c->measured, c->out);
    text(c, " (eval/openings.log). Texts over the length limit: ");
    num(c, TN_SHOW_PERCENT, "data/profile.json#/tokens/truncated_share");
    text(c, ".\n\n");
}

static bool diverged(const card *c, const char *rungs, size_t last)
{
    char address[96];
    snprintf(address, sizeof address, "%s/%zu/diverged", rungs, last ? last - 1 : 0);
    return tn_records_at(c->r, address) != NULL;
}

/* What a search tried; its choice stands in the place of the plan's values. */
static void model_search(card *c)
{
    size_t n = count(c, "tune/search.json#/trials");
    double chosen = -1;
    if (n == 0)
        return;
    (void)tn_records_number(c->r, "tune/search.json#/chosen/trial", &chosen);
    tn_buf_printf(c->out, "A search on the validation rows put values of its own in the place of those above (tune/search.json).\n\n"
                          "| values | steps | validation %.*s | chosen |\n| --- | --- | --- | --- |\n",
                  TN_ARG(tn_metric_title_of(tn_records_text(c->r, "tune/search.json#/metric"))));
    for (size_t i = 0; i < n && i < 50; i++) {
        char rungs[64], recipe[64];
        snprintf(rungs, sizeof rungs, "tune/search.json#/trials/%zu/rungs", i);
        snprintf(recipe, sizeof recipe, "tune/search.json#/trials/%zu/recipe", i);
        size_t last = count(c, rungs);
        text(c, "| ");
        json(c, tn_records_at(c->r, recipe));
        text(c, " | ");
        num(c, TN_SHOW_COUNT, "%s/%zu/steps", rungs, last ? last - 1 : 0);
        text(c, " | ");
        if (diverged(c, rungs, last))
            text(c, "diverged");
        else
            num(c, TN_SHOW_3, "%s/%zu/score", rungs, last ? last - 1 : 0);
        text(c, chosen == (double)i ? " | yes |\n" : " | |\n");
    }
    text(c, n > 50 ? "\nThe first 50 trials are shown.\n\n" : "\n");
}

static void model_seeds(card *c)
{
    size_t n = count(c, "tune/seeds.json#/seeds");
    tn_str metric = tn_records_text(c->r, "tune/seeds.json#/metric"), chosen = tn_records_text(c->r, "tune/seeds.json#/chosen");
    if (n == 0)
        return;
    tn_buf_printf(c->out, "Trained with several seeds; the best on the validation rows is this model, and alone met the test. Over all of them %.*s there is ",
                  TN_ARG(tn_metric_title_of(metric)));
    num(c, TN_SHOW_3, "tune/seeds.json#/mean");
    text(c, " with a deviation of ");
    num(c, TN_SHOW_3, "tune/seeds.json#/deviation");
    tn_buf_printf(c->out, ".\n\n| seed | steps | validation %.*s | chosen |\n| --- | --- | --- | --- |\n", TN_ARG(tn_metric_title_of(metric)));
    for (size_t i = 0; i < n; i++) {
        char seed[64];
        snprintf(seed, sizeof seed, "tune/seeds.json#/seeds/%zu/seed", i);
        text(c, "| ");
        num(c, TN_SHOW_EXACT, "%s", seed);
        text(c, " | ");
        num(c, TN_SHOW_COUNT, "tune/seeds.json#/seeds/%zu/steps", i);
        text(c, " | ");
        num(c, TN_SHOW_3, "tune/seeds.json#/seeds/%zu/%.*s", i, TN_ARG(metric));
        text(c, tn_str_eq(tn_records_text(c->r, seed), chosen) ? " | yes |\n" : " | |\n");
    }
    text(c, "\n");
}

static void model_approach(card *c)
{
    const tn_json *recipe = tn_records_at(c->r, "plan.yaml#/recipe");
    text(c, "## Training approach\n\n");
    words(c, "plan.yaml#/approach/method/value");
    text(c, ": ");
    words(c, "plan.yaml#/approach/method/reason");
    text(c, ".\n\n| setting | value | origin | reason |\n| --- | --- | --- | --- |\n");
    for (const tn_json *v = tn_json_first(recipe); v; v = tn_json_next(v)) {
        tn_str key = tn_json_key(v);
        const tn_json *value = tn_json_get(v, "value");
        tn_buf_printf(c->out, "| %.*s | ", TN_ARG(key));
        json(c, value ? value : v);
        text(c, " | ");
        if (value)
            words(c, "plan.yaml#/recipe/%.*s/origin", TN_ARG(key));
        text(c, " | ");
        if (value)
            words(c, "plan.yaml#/recipe/%.*s/reason", TN_ARG(key));
        text(c, " |\n");
    }
    text(c, "\n");
    model_search(c);
    model_seeds(c);
}

static void model_evaluation(card *c)
{
    const tn_measured *m = &c->measured;
    text(c, "## Evaluation\n\n");
    if (m->criterion.len) {
        tn_str title = tn_metric_title_of(m->criterion);
        /* A sentence begins: "Macro F1". */
        tn_buf_char(c->out, title.ptr[0] >= 'a' && title.ptr[0] <= 'z' && !tn_str_is(title, "mAP") ? (char)(title.ptr[0] - 32) : title.ptr[0]);
        tn_buf_printf(c->out, "%.*s ", TN_ARG(tn_str_sub(title, 1, title.len)));
        interval(c, m->criterion);
        if (m->second.len) {
            tn_buf_printf(c->out, ", %.*s ", TN_ARG(tn_metric_title_of(m->second)));
            interval(c, m->second);
        }
        text(c, ".\n\n");
    }
    text(c, "| model |");
    for (size_t i = 0; i < m->n_metrics; i++)
        tn_buf_printf(c->out, " %.*s |", TN_ARG(tn_metric_title_of(m->metric[i])));
    text(c, "\n| --- |");
    for (size_t i = 0; i < m->n_metrics; i++)
        text(c, " --- |");
    text(c, "\n");
    for (size_t i = 0; i <= m->n_baselines; i++) {
        tn_str who = i ? m->baseline[m->n_baselines - i] : TN_STR("");
        tn_buf_printf(c->out, "| %.*s |", TN_ARG(i ? tn_baseline_title_of(who) : TN_STR("this model")));
        for (size_t k = 0; k < m->n_metrics; k++) {
            text(c, " ");
            num(c, TN_SHOW_3, "eval/metrics.json#/%s%.*s/%.*s", i ? "baselines/" : "test", TN_ARG(who), TN_ARG(m->metric[k]));
            text(c, " |");
        }
        text(c, "\n");
    }
    text(c, "\n");
    size_t n = count(c, "eval/comparisons.json#/comparisons");
    if (n == 0)
        text(c, "Comparison with the baselines: not measured.\n");
    for (size_t i = 0; i < n; i++) {
        text(c, "- ");
        words(c, "eval/comparisons.json#/comparisons/%zu/words", i);
        text(c, strcmp(m->row_test, "sign") == 0 ? " (sign test p " : " (McNemar p ");
        num(c, TN_SHOW_P, "eval/comparisons.json#/comparisons/%zu/%s/p", i, m->row_test);
        text(c, ")\n");
    }
    n = count(c, "eval/metrics.json#/test/per_class");
    bool by_class = m->has_classes || m->n_metrics == 0;
    if (by_class)
        text(c, "\n| class | precision | recall | F1 | test rows |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        static const char *const metric[] = {"precision", "recall", "f1"};
        text(c, "| ");
        words(c, "eval/metrics.json#/test/per_class/%zu/label", i);
        text(c, " |");
        for (size_t k = 0; k < TN_COUNT(metric); k++) {
            text(c, " ");
            num(c, TN_SHOW_3, "eval/metrics.json#/test/per_class/%zu/%s", i, metric[k]);
            text(c, " |");
        }
        text(c, " ");
        num(c, TN_SHOW_COUNT, "eval/metrics.json#/test/per_class/%zu/support", i);
        text(c, " |\n");
    }
    if (n == 0 && by_class)
        text(c, "| not measured | | | | |\n");
    text(c, "\nSuccess was defined before training (criteria.json): ");
    words(c, "criteria.json#/rule");
    text(c, "; metric ");
    words(c, "criteria.json#/metric");
    text(c, ", ");
    words(c, "criteria.json#/signature");
    text(c, ".\n\n");
}

static void model_cost(card *c)
{
    text(c, "## Latency, memory and size\n\n| measure | value |\n| --- | --- |\n| latency at batch 1, p50 | ");
    num(c, TN_SHOW_MS, "deploy/bench.json#/latency/p50_ms");
    text(c, " |\n| latency at batch 1, p95 | ");
    num(c, TN_SHOW_MS, "deploy/bench.json#/latency/p95_ms");
    text(c, " |\n| latency at batch 1, p99 | ");
    num(c, TN_SHOW_MS, "deploy/bench.json#/latency/p99_ms");
    text(c, " |\n| texts a second at batch 32 | ");
    num(c, TN_SHOW_COUNT, "deploy/bench.json#/throughput/rows_per_s");
    text(c, " |\n| cold start, first answer included | ");
    num(c, TN_SHOW_MS, "deploy/bench.json#/cold_start_ms");
    text(c, " |\n| peak memory of one prediction | ");
    num(c, TN_SHOW_BYTES, "deploy/bench.json#/peak_memory_bytes");
    text(c, " |\n| size on disk | ");
    num(c, TN_SHOW_BYTES, "deploy/bench.json#/size_bytes");
    text(c, " |\n\nOn ");
    words(c, "deploy/bench.json#/cpu");
    text(c, ", ");
    num(c, TN_SHOW_COUNT, "deploy/bench.json#/latency/threads");
    text(c, " threads. Training took ");
    num(c, TN_SHOW_SECONDS, "env.json#/seconds/tune");
    text(c, " and a peak of ");
    num(c, TN_SHOW_BYTES, "env.json#/peak_memory_bytes");
    text(c, ".\n\n");
}

/* A value that the model was trained with: the search's, else the plan's. */
static tn_str trained_value(card *c, const char *key, const char **from)
{
    char address[128];
    snprintf(address, sizeof address, "tune/search.json#/chosen/recipe/%s", key);
    tn_str found = tn_records_text(c->r, address);
    char path[64];
    snprintf(path, sizeof path, "recipe/%s", key);
    *from = found.len ? "tune/search.json: chosen" : "plan.yaml: recipe";
    return found.len ? found : plan_value(c, path);
}

typedef struct {
    const char *options, *call, *flags; /* of pipeline(), of its answer, of `tenet predict` */
} usage;

static usage usage_of(card *c)
{
    bool pair = tn_str_is(plan_value(c, "task/texts"), "pair"), several = tn_str_is(plan_value(c, "task/problem"), "multi-label");
    if (tn_str_is(c->tag, "question-answering"))
        return (usage){"", "question=\"...\", context=\"...\"", "--text \"QUESTION\" --context \"PASSAGE\""};
    if (tn_str_is(c->tag, "token-classification"))
        return (usage){", aggregation_strategy=\"simple\"", "\"...\"", "--text \"...\" --aggregation simple"};
    if (pair)
        return (usage){"", several ? "{\"text\": \"...\", \"text_pair\": \"...\"}, top_k=None" : "{\"text\": \"...\", \"text_pair\": \"...\"}", "--text \"...\" --pair \"...\""};
    return (usage){"", several ? "\"...\", top_k=None" : "\"...\"", "--text \"...\""};
}

static void snippets(card *c)
{
    usage u = usage_of(c);
    tn_buf_printf(c->out, "## How to use\n\n```python\nfrom transformers import pipeline\n\nanswer = pipeline(\"%.*s\", model=\"deploy/model\"%s)\nanswer(%s)\n```\n\n",
                  TN_ARG(c->tag), u.options, u.call);
    if (tn_str_is(plan_value(c, "task/problem"), "multi-label"))
        text(c, "A label is given from its score in thresholds.json on; `tenet predict MODEL DATA` applies them.\n\n");
    tn_buf_printf(c->out, "```bash\ntenet predict deploy/model %s\ntenet serve deploy/model\n```\n\n", u.flags);
    text(c, "The same training in transformers:\n\n```python\nfrom transformers import TrainingArguments\n\nargs = TrainingArguments(\n    output_dir=\"out\",\n");
    static const char *const argument[][2] = {{"num_train_epochs", "epochs"}, {"per_device_train_batch_size", "batch_size"}, {"learning_rate", "learning_rate"},
                                              {"lr_scheduler_type", "schedule"}, {"warmup_steps", "warmup_ratio"}, {"weight_decay", "weight_decay"},
                                              {"max_grad_norm", "max_grad_norm"}};
    for (size_t i = 0; i < TN_COUNT(argument); i++) {
        const char *from;
        tn_str v = trained_value(c, argument[i][1], &from);
        if (!v.len)
            continue;
        bool quoted = strcmp(argument[i][1], "schedule") == 0;
        tn_buf_printf(c->out, "    %s=%s%.*s%s,  # %s/%s\n", argument[i][0], quoted ? "\"" : "", TN_ARG(v), quoted ? "\"" : "", from, argument[i][1]);
    }
    text(c, "    eval_strategy=\"epoch\",\n    save_strategy=\"epoch\",\n    load_best_model_at_end=True,\n)\n```\n\n");
}

static void model_governance(card *c)
{
    tn_str use = plan_value(c, "brief/use");
    text(c, "## Licences and provenance\n\nUse in the brief: ");
    tn_buf_str(c->out, use.len ? use : TN_STR("not recorded"));
    text(c, ".\n\n| part | licence | verdict | obligation |\n| --- | --- | --- | --- |\n");
    tn_str id = tn_records_text(c->r, "lock.json#/model/id");
    size_t n = count(c, "data/licences.json#/candidates");
    for (size_t i = 0; i < n; i++) {
        char address[96];
        snprintf(address, sizeof address, "data/licences.json#/candidates/%zu/parts/0/name", i);
        if (!tn_str_eq(tn_records_text(c->r, address), id))
            continue;
        for (size_t p = 0; p < 2; p++) {
            text(c, "| ");
            words(c, "data/licences.json#/candidates/%zu/parts/%zu/what", i, p);
            text(c, " ");
            words(c, "data/licences.json#/candidates/%zu/parts/%zu/name", i, p);
            text(c, " | ");
            snprintf(address, sizeof address, "data/licences.json#/candidates/%zu/parts/%zu/licence", i, p);
            if (tn_records_text(c->r, address).len)
                words(c, "%s", address);
            else
                text(c, "none stated");
            text(c, " | ");
            words(c, "data/licences.json#/candidates/%zu/parts/%zu/verdict", i, p);
            text(c, ": ");
            words(c, "data/licences.json#/candidates/%zu/parts/%zu/reason", i, p);
            snprintf(address, sizeof address, "data/licences.json#/candidates/%zu/parts/%zu/obligation", i, p);
            text(c, " | ");
            if (tn_records_text(c->r, address).len)
                words(c, "%s", address);
            text(c, " |\n");
        }
    }
    if (n == 0)
        text(c, "| not recorded | | | |\n");
    text(c, "\nBase model: ");
    words(c, "lock.json#/model/id");
    text(c, " at revision ");
    words(c, "lock.json#/model/revision");
    text(c, ", from ");
    words(c, "lock.json#/model/source");
    text(c, ". ");
    if (tn_records_text(c->r, "lock.json#/model/provenance").len) {
        text(c, "Provenance: ");
        words(c, "lock.json#/model/provenance");
        text(c, ". ");
    }
    text(c, "Digests of every file are in lock.json. Weights are safetensors; no code is loaded from the checkpoint.\n\n"
            "## Personal data\n\nRows in which a detector found personal data (mail, phone, card, IBAN, national id, IP): ");
    num(c, TN_SHOW_COUNT, "data/pii.json#/rows_with_any");
    text(c, ". Names and addresses are not looked for. All work was done on one machine; nothing was sent anywhere.\n\n"
            "## Intended use and people affected\n\nMeant for: ");
    words(c, "plan.yaml#/brief/where");
    text(c, " Goal: ");
    words(c, "plan.yaml#/brief/why");
    text(c, "\n\nNot meant for decisions about single people, and not for texts of another kind or language than those it was measured on. People whose way of "
            "writing falls into a weak slice (see Limits) are served worse; read eval/slices.csv and eval/errors.csv before relying on it. A person should look at "
            "texts that are scored with low confidence.\n\n");
}

static tn_str model_name(card *c)
{
    tn_str base = tn_records_text(c->r, "lock.json#/model/id");
    size_t slash = tn_str_find(base, TN_STR("/"), 0);
    if (slash != SIZE_MAX)
        base = tn_str_sub(base, slash + 1, base.len);
    tn_str data = tn_records_text(c->r, "lock.json#/data/files/0/path");
    size_t dot = tn_str_find(data, TN_STR("."), 0);
    tn_str name = tn_str_format(c->a, "%.*s-%.*s", TN_ARG(base), TN_ARG(tn_str_sub(data, 0, dot == SIZE_MAX ? data.len : dot)));
    return base.len && name.ptr ? name : TN_STR("model");
}

/* "Token classification": the tag in words. */
static void task_name(card *c)
{
    for (size_t i = 0; i < c->tag.len; i++) {
        char x = c->tag.ptr[i];
        tn_buf_char(c->out, x == '-' ? ' ' : i == 0 && x >= 'a' && x <= 'z' ? (char)(x - 32) : x);
    }
}

tn_status tn_card_model(const char *dir, tn_arena *a, tn_buf *out, tn_err *err)
{
    card c = {.out = out, .a = a};
    TN_TRY(tn_records_open(dir, &c.r, err));
    look(&c);
    tn_str name = model_name(&c);
    model_front(&c, name);
    tn_buf_printf(out, "\n# %.*s\n\n", TN_ARG(name));
    task_name(&c);
    text(&c, " for this task: ");
    words(&c, "plan.yaml#/brief/what");
    text(&c, "\n\nEvery number below is followed by the address of its record in the run folder.\n\n");
    model_limits(&c);
    model_task(&c);
    model_choice(&c);
    model_data(&c);
    model_approach(&c);
    model_evaluation(&c);
    model_cost(&c);
    snippets(&c);
    model_governance(&c);
    text(&c, "## Reproduce\n\n```bash\ntenet verify RUN\ntenet reproduce RUN\n```\n");
    return finish(&c, err);
}

/* ---- data card ---- */

static const char *size_category(double n)
{
    return n < 1e3 ? "n<1K" : n < 1e4 ? "1K<n<10K" : n < 1e5 ? "10K<n<100K" : n < 1e6 ? "100K<n<1M" : n < 1e7 ? "1M<n<10M" : "10M<n<100M";
}

static tn_str data_licence(card *c)
{
    return tn_records_text(c->r, "data/licences.json#/candidates/0/parts/1/licence");
}

static void class_table(card *c)
{
    size_t n = count(c, "data/profile.json#/numbers");
    if (n)
        text(c, "| split | mean | deviation | lowest | highest |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        static const char *const what[] = {"mean", "deviation", "low", "high"};
        text(c, "| ");
        words(c, "data/profile.json#/numbers/%zu/split", i);
        text(c, " |");
        for (size_t k = 0; k < TN_COUNT(what); k++) {
            text(c, " ");
            num(c, TN_SHOW_3, "data/profile.json#/numbers/%zu/%s", i, what[k]);
            text(c, " |");
        }
        text(c, "\n");
    }
    if (n) {
        text(c, "\n");
        return;
    }
    n = count(c, "data/profile.json#/classes");
    if (n == 0 && tn_records_get(c->r, "data/profile.json"))
        return; /* answers to questions have none */
    text(c, "| class | train | validation | test |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        static const char *const split[] = {"train", "validation", "test"};
        text(c, "| ");
        words(c, "data/profile.json#/classes/%zu/label", i);
        text(c, " |");
        for (size_t s = 0; s < TN_COUNT(split); s++) {
            text(c, " ");
            num(c, TN_SHOW_COUNT, "data/profile.json#/classes/%zu/%s", i, split[s]);
            text(c, " |");
        }
        text(c, "\n");
    }
    if (n == 0)
        text(c, "| not measured | | | |\n");
    text(c, "\n");
}

tn_status tn_card_data(const char *dir, tn_arena *a, tn_buf *out, tn_err *err)
{
    card c = {.out = out, .a = a};
    double n;
    TN_TRY(tn_records_open(dir, &c.r, err));
    look(&c);
    tn_str licence = tn_licence_normalise(data_licence(&c)), file = tn_records_text(c.r, "lock.json#/data/files/0/path");
    text(&c, "---\n");
    yaml_list(&c, "language", tn_records_at(c.r, "plan.yaml#/task/languages/value"));
    yaml_str(&c, "license", licence.len ? licence : TN_STR("unknown"));
    yaml_str(&c, "pretty_name", file);
    tn_buf_printf(out, "task_categories:\n- %.*s\n", TN_ARG(c.tag));
    if (tn_records_number(c.r, "lock.json#/data/rows", &n))
        tn_buf_printf(out, "size_categories:\n- %s\n", size_category(n));
    tn_buf_printf(out, "---\n\n# %.*s\n\nThe data of one run: %s. This card is written from the run's records.\n\n## Limits\n\n", TN_ARG(file), kind_of(&c));
    text(&c, "- What the texts stand for, who wrote and labelled them, and with what agreement is known only to their owner; a README.md beside the data may say it.\n"
             "- Personal data was looked for by detectors of fixed forms only; names and addresses are not among them.\n- Rows removed as copies: ");
    num(&c, TN_SHOW_COUNT, "data/profile.json#/rows/removed");
    text(&c, ".\n\n## Structure\n\n");
    split_table(&c);
    class_table(&c);
    text(&c, "Columns: text `");
    words(&c, "data/profile.json#/columns/text");
    text(&c, "`, label `");
    words(&c, "data/profile.json#/columns/label");
    text(&c, "`. Length in tokens: mean ");
    num(&c, TN_SHOW_3, "data/profile.json#/tokens/mean");
    text(&c, ", 95th percentile ");
    num(&c, TN_SHOW_COUNT, "data/profile.json#/tokens/p95");
    text(&c, ", longest ");
    num(&c, TN_SHOW_COUNT, "data/profile.json#/tokens/max");
    text(&c, ".\n\n## Copies and leaks\n\nPairs of equal or nearly equal texts listed in data/leaks.csv: ");
    if (tn_records_get(c.r, "data/leaks.csv"))
        tn_buf_printf(out, "%zu", count(&c, "data/leaks.csv"));
    else
        text(&c, "not measured");
    text(&c, ". Copies across splits leave the training side; the test is left as it is.\n\n## Personal data\n\n| kind | found |\n| --- | --- |\n");
    if (!tn_records_get(c.r, "data/pii.json"))
        text(&c, "| not measured | |\n");
    for (const tn_json *v = tn_json_first(tn_records_at(c.r, "data/pii.json#/counts")); v; v = tn_json_next(v)) {
        tn_buf_printf(out, "| %.*s | ", TN_ARG(tn_json_key(v)));
        num(&c, TN_SHOW_COUNT, "data/pii.json#/counts/%.*s", TN_ARG(tn_json_key(v)));
        text(&c, " |\n");
    }
    text(&c, "\n## Licence\n\n");
    if (data_licence(&c).len)
        words(&c, "data/licences.json#/candidates/0/parts/1/licence");
    else
        text(&c, "None stated");
    text(&c, ". Verdict for the use in the brief: ");
    words(&c, "data/licences.json#/candidates/0/parts/1/verdict");
    text(&c, ": ");
    words(&c, "data/licences.json#/candidates/0/parts/1/reason");
    text(&c, ".\n\n## Files\n\n| file | bytes | sha256 |\n| --- | --- | --- |\n");
    size_t files = count(&c, "lock.json#/data/files");
    for (size_t i = 0; i < files; i++) {
        text(&c, "| ");
        words(&c, "lock.json#/data/files/%zu/path", i);
        text(&c, " | ");
        num(&c, TN_SHOW_COUNT, "lock.json#/data/files/%zu/size", i);
        text(&c, " | ");
        words(&c, "lock.json#/data/files/%zu/sha256", i);
        text(&c, " |\n");
    }
    return finish(&c, err);
}
