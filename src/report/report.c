/* One page from records. As in the cards, `num` is the only way a number gets in; it carries its address in a
 * data-record attribute. Pictures are drawn from the same records, and say "not measured" when those are missing. */
#include "report/report.h"

#include "metric/names.h"
#include "record/record.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    tn_records *r;
    tn_buf *out;
    tn_arena *a;
    bool no_memory; /* a picture could not be drawn */
    tn_measured measured;
} page;

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<style>\n"
    ":root{--ink:#1c2430;--soft:#5d6b7c;--line:#dfe4ea;--paper:#fff;--wash:#f5f7f9;--main:#0b6e75;--warn:#a8500a;--other:#93a1b0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--soft:#9aa8b8;--line:#303a46;--paper:#14191f;--wash:#1c232b;--main:#4fc3c9;--warn:#f0a560;--other:#5d6b7c}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
    "main{max-width:900px;margin:0 auto;padding:40px 24px 80px}h1{font-size:30px;line-height:1.2;margin:0 0 6px}h2{font-size:21px;margin:46px 0 12px;padding-top:14px;border-top:2px solid var(--ink)}\n"
    "h3{font-size:16px;margin:26px 0 8px}p{margin:8px 0}.lead{font-size:18px;color:var(--soft);margin:0 0 22px}table{border-collapse:collapse;width:100%;margin:12px 0;font-size:14.5px}\n"
    "th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1.5px solid var(--line);padding:6px 10px 6px 0}td{border-bottom:1px solid var(--line);padding:6px 10px 6px 0;vertical-align:top}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin:18px 0}\n"
    ".card{background:var(--wash);border-radius:8px;padding:14px 16px}.card b{display:block;font-size:25px;line-height:1.2;font-variant-numeric:tabular-nums}.card>span{color:var(--soft);font-size:13.5px}\n"
    ".box{background:var(--wash);border-left:4px solid var(--warn);border-radius:4px;padding:12px 18px;margin:14px 0}.box ul{margin:6px 0;padding-left:20px}.none{color:var(--warn);font-style:italic}\n"
    ".chosen td{background:var(--wash);font-weight:600}.why td{color:var(--soft);font-size:13.5px;padding-top:2px}.scroll{overflow-x:auto}blockquote{margin:8px 0;padding:2px 16px;border-left:3px solid var(--line);color:var(--soft)}svg{width:100%;height:auto;display:block;margin:8px 0}\n"
    "svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg .name{fill:var(--ink);font-size:13px}svg .value{fill:var(--ink);font-size:13px;font-variant-numeric:tabular-nums}svg .axis{font-weight:600}\n"
    "svg .grid{stroke:var(--line)}svg .line{fill:none;stroke-width:2;stroke:var(--other)}svg .line.a{stroke:var(--other)}svg .line.b{stroke:var(--main);stroke-width:2.5}svg .line.c{stroke:var(--warn)}\n"
    "svg .dot{fill:var(--main)}svg .dot.c{fill:var(--warn)}svg .bar.ours{fill:var(--main)}svg .bar.theirs{fill:var(--other)}svg .whisker{stroke:var(--ink);fill:none;stroke-width:1.5}svg .hit{fill:var(--main)}\n"
    "svg .miss{fill:var(--warn)}svg .cell{fill:var(--ink);font-size:14px}svg .cell.on{fill:var(--paper)}footer{margin-top:50px;color:var(--soft);font-size:13.5px}code{font:13.5px ui-monospace,monospace}\n"
    "@media print{h2{break-after:avoid}table,svg,.cards{break-inside:avoid}}\n</style>\n";

/* ---- pieces ---- */

static void html(page *p, const char *s)
{
    tn_buf_c(p->out, s);
}

static void not_measured(page *p)
{
    html(p, "<span class=\"none\">not measured</span>");
}

static void num(page *p, tn_show how, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void num(page *p, tn_show how, const char *fmt, ...)
{
    char address[256];
    double v;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(address, sizeof address, fmt, ap);
    va_end(ap);
    if (!tn_records_number(p->r, address, &v)) {
        not_measured(p);
        return;
    }
    html(p, "<span data-record=\"");
    tn_html_text(p->out, tn_str_of(address));
    html(p, "\">");
    tn_buf shown = TN_BUF_INIT;
    tn_show_number(v, tn_records_text(p->r, address), how, &shown);
    tn_html_text(p->out, tn_buf_view(&shown));
    tn_buf_free(&shown);
    html(p, "</span>");
}

static tn_str words_at(page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static tn_str words_at(page *p, const char *fmt, ...)
{
    char address[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(address, sizeof address, fmt, ap);
    va_end(ap);
    return tn_records_text(p->r, address);
}

static void say(page *p, tn_str s)
{
    if (s.len)
        tn_html_text(p->out, s);
    else
        html(p, "<span class=\"none\">not recorded</span>");
}

static void json(page *p, const tn_json *v)
{
    tn_buf b = TN_BUF_INIT;
    if (v)
        tn_json_write(v, 0, &b);
    p->no_memory |= tn_buf_status(&b, NULL) != TN_OK;
    tn_html_text(p->out, tn_buf_view(&b));
    tn_buf_free(&b);
}

static size_t count(page *p, const char *address)
{
    return tn_json_len(tn_records_at(p->r, address));
}

static void cell_open(page *p)
{
    html(p, "<td class=\"n\">");
}

static void row_text(page *p, const char *name, tn_str value)
{
    html(p, "<tr><td>");
    html(p, name);
    html(p, "</td><td>");
    say(p, value);
    html(p, "</td></tr>\n");
}

static void card(page *p, const char *name, tn_show how, const char *address)
{
    html(p, "<div class=\"card\"><b>");
    num(p, how, "%s", address);
    html(p, "</b><span>");
    html(p, name);
    html(p, "</span></div>\n");
}

/* A list of the plan such as task/languages, joined by commas. */
static void joined(page *p, const char *address)
{
    const tn_json *list = tn_records_at(p->r, address);
    if (!tn_json_len(list)) {
        say(p, TN_STR(""));
        return;
    }
    size_t n = 0;
    for (const tn_json *v = tn_json_first(list); v; v = tn_json_next(v)) {
        if (n == 12) {
            tn_buf_printf(p->out, " and %zu more", tn_json_len(list) - n);
            break;
        }
        if (n++)
            html(p, ", ");
        tn_html_text(p->out, tn_json_text(v));
    }
}

/* ---- sections ---- */

static void summary(page *p)
{
    html(p, "<div class=\"cards\">\n");
    tn_str metric[] = {p->measured.criterion, p->measured.second};
    for (size_t i = 0; i < TN_COUNT(metric); i++) {
        char name[96], address[96];
        if (metric[i].len == 0)
            continue;
        snprintf(name, sizeof name, "%.*s on the test", TN_ARG(tn_metric_title_of(metric[i])));
        snprintf(address, sizeof address, "eval/metrics.json#/test/%.*s", TN_ARG(metric[i]));
        card(p, name, TN_SHOW_3, address);
    }
    card(p, "p95 latency, one text", TN_SHOW_MS, "deploy/bench.json#/latency/p95_ms");
    card(p, "texts a second, batches of 32", TN_SHOW_COUNT, "deploy/bench.json#/throughput/rows_per_s");
    html(p, "</div>\n");
}

/* One sentence for the reader who stops here: was the criterion that was fixed before training met? */
static void headline(page *p)
{
    size_t n = count(p, "eval/comparisons.json#/comparisons"), n_better = 0, n_all = 0;
    tn_str metric = words_at(p, "criteria.json#/metric");
    double threshold, value = 0;
    for (size_t i = 0; i < n; i++)
        if (tn_str_eq(words_at(p, "eval/comparisons.json#/comparisons/%zu/metric", i), metric)) {
            n_all++;
            n_better += tn_str_is(words_at(p, "eval/comparisons.json#/comparisons/%zu/verdict", i), "better");
        }
    html(p, "<p>");
    if (n_all == 0) {
        html(p, "Success criterion: ");
        not_measured(p);
        html(p, "</p>\n");
        return;
    }
    char address[96];
    snprintf(address, sizeof address, "eval/metrics.json#/test/%.*s", TN_ARG(metric));
    (void)tn_records_number(p->r, address, &value);
    bool has_threshold = tn_records_number(p->r, "criteria.json#/threshold", &threshold), reached = !has_threshold || (tn_str_is(words_at(p, "criteria.json#/op"), "<=") ? value <= threshold : value >= threshold);
    html(p, n_better == n_all && reached ? "<b>The criterion fixed before training is met</b>: " : "<b>The criterion fixed before training is not met</b>: ");
    tn_buf_printf(p->out, "better than %zu of %zu baselines beyond the 95 %% interval", n_better, n_all);
    if (has_threshold)
        tn_buf_printf(p->out, "; the stated threshold of %.3f is %s", threshold, reached ? "reached" : "missed");
    html(p, ".</p>\n");
}

static void verdicts(page *p)
{
    size_t n = count(p, "eval/comparisons.json#/comparisons");
    html(p, "<ul>\n");
    if (n == 0) {
        html(p, "<li>Comparison with the baselines: ");
        not_measured(p);
        html(p, "</li>\n");
    }
    for (size_t i = 0; i < n; i++) {
        html(p, "<li>");
        say(p, words_at(p, "eval/comparisons.json#/comparisons/%zu/words", i));
        html(p, strcmp(p->measured.row_test, "sign") == 0 ? " (sign test p " : " (McNemar p ");
        num(p, TN_SHOW_P, "eval/comparisons.json#/comparisons/%zu/%s/p", i, p->measured.row_test);
        html(p, ", Holm-adjusted ");
        num(p, TN_SHOW_P, "eval/comparisons.json#/comparisons/%zu/p_holm", i);
        html(p, ")</li>\n");
    }
    html(p, "</ul>\n");
}

static void exceptions(page *p)
{
    size_t n = count(p, "plan.yaml#/exceptions");
    for (size_t i = 0; i < n; i++) {
        tn_str severity = words_at(p, "plan.yaml#/exceptions/%zu/severity", i);
        html(p, "<li>Exception made by the project: <code>");
        say(p, words_at(p, "plan.yaml#/exceptions/%zu/rule", i));
        html(p, severity.len ? "</code> is " : "</code> is waived for ");
        say(p, severity.len ? severity : words_at(p, "plan.yaml#/exceptions/%zu/path", i));
        if (severity.len) {
            html(p, " instead of ");
            say(p, words_at(p, "plan.yaml#/exceptions/%zu/instead_of", i));
        }
        html(p, " until ");
        say(p, words_at(p, "plan.yaml#/exceptions/%zu/until", i));
        html(p, ", because: ");
        say(p, words_at(p, "plan.yaml#/exceptions/%zu/reason", i));
        html(p, "</li>\n");
    }
}

static void limits(page *p)
{
    html(p, "<h2 id=\"limits\">Limits first</h2>\n<div class=\"box\"><ul>\n");
    size_t k = tn_records_lowest(p->r, "eval/metrics.json#/test/per_class", "f1", 0);
    bool by_class = p->measured.has_classes || p->measured.n_metrics == 0;
    if (by_class)
        html(p, "<li>Weakest class: ");
    if (k == SIZE_MAX && by_class) {
        not_measured(p);
    } else if (by_class) {
        html(p, "<b>");
        say(p, words_at(p, "eval/metrics.json#/test/per_class/%zu/label", k));
        html(p, "</b>, F1 ");
        num(p, TN_SHOW_3, "eval/metrics.json#/test/per_class/%zu/f1", k);
    }
    const char *slice = p->measured.slice[0].len ? tn_str_c(p->a, p->measured.slice[0]) : "accuracy";
    if (!slice) {
        p->no_memory = true;
        return;
    }
    html(p, by_class ? "</li>\n<li>Weakest slice of at least 15 test rows: " : "<li>Weakest slice of at least 15 test rows: ");
    k = tn_records_lowest(p->r, "eval/slices.csv", slice, 15);
    if (k == SIZE_MAX) {
        not_measured(p);
    } else {
        html(p, "<b>");
        say(p, words_at(p, "eval/slices.csv#/%zu/slice", k));
        html(p, ": ");
        say(p, words_at(p, "eval/slices.csv#/%zu/value", k));
        html(p, "</b>, ");
        tn_html_text(p->out, tn_metric_title_of(tn_str_of(slice)));
        html(p, " ");
        num(p, TN_SHOW_3, "eval/slices.csv#/%zu/%s", k, slice);
        html(p, " on ");
        num(p, TN_SHOW_COUNT, "eval/slices.csv#/%zu/n", k);
        html(p, " rows");
    }
    html(p, "</li>\n<li>Seen and unseen texts differ: ");
    tn_html_text(p->out, tn_metric_title_of(p->measured.criterion));
    html(p, " ");
    num(p, TN_SHOW_3, "eval/metrics.json#/train/%.*s", TN_ARG(p->measured.criterion));
    html(p, " on training rows, ");
    num(p, TN_SHOW_3, "eval/metrics.json#/test/%.*s", TN_ARG(p->measured.criterion));
    html(p, " on the test</li>\n<li>All quality figures come from ");
    num(p, TN_SHOW_COUNT, "eval/metrics.json#/test/n");
    html(p, " test rows of one data set; other sources and times are not covered</li>\n");
    size_t n = count(p, "findings.jsonl");
    if (!tn_records_get(p->r, "findings.jsonl")) {
        html(p, "<li>Findings of the run: ");
        not_measured(p);
        html(p, "</li>\n");
    }
    for (size_t i = 0; i < n; i++) {
        if (tn_str_is(words_at(p, "findings.jsonl#/%zu/severity", i), "advice"))
            continue;
        html(p, "<li>");
        say(p, words_at(p, "findings.jsonl#/%zu/message", i));
        tn_str evidence = words_at(p, "findings.jsonl#/%zu/evidence", i);
        if (evidence.len) {
            html(p, ": ");
            say(p, evidence);
        }
        html(p, " <code>");
        say(p, words_at(p, "findings.jsonl#/%zu/rule", i));
        html(p, "</code></li>\n");
    }
    exceptions(p);
    html(p, "</ul></div>\n");
}

static void task(page *p)
{
    html(p, "<h2 id=\"task\">Task</h2>\n<blockquote>");
    say(p, words_at(p, "plan.yaml#/brief/what"));
    html(p, "</blockquote>\n<table>\n");
    row_text(p, "Pipeline tag", words_at(p, "plan.yaml#/task/tag/value"));
    html(p, "<tr><td>Labels</td><td>");
    joined(p, "plan.yaml#/task/labels/value");
    html(p, "</td></tr>\n<tr><td>Languages</td><td>");
    joined(p, "plan.yaml#/task/languages/value");
    html(p, "</td></tr>\n");
    row_text(p, "Why", words_at(p, "plan.yaml#/brief/why"));
    row_text(p, "Where", words_at(p, "plan.yaml#/brief/where"));
    row_text(p, "When", words_at(p, "plan.yaml#/brief/when"));
    html(p, "<tr><td>Success, fixed before training</td><td>");
    say(p, words_at(p, "criteria.json#/rule"));
    html(p, "; metric <code>");
    say(p, words_at(p, "criteria.json#/metric"));
    html(p, "</code>");
    if (tn_json_type(tn_records_at(p->r, "criteria.json#/threshold")) == TN_JSON_NUMBER) {
        html(p, tn_str_is(words_at(p, "criteria.json#/op"), "<=") ? " at most " : " at least ");
        num(p, TN_SHOW_3, "criteria.json#/threshold");
    }
    html(p, "</td></tr>\n</table>\n");
    size_t n = count(p, "plan.yaml#/assumptions");
    if (n)
        html(p, "<p>Assumed, because the brief does not say:</p><ul>\n");
    for (size_t i = 0; i < n; i++) {
        html(p, "<li>");
        say(p, words_at(p, "plan.yaml#/assumptions/%zu", i));
        html(p, "</li>\n");
    }
    if (n)
        html(p, "</ul>\n");
}

static void choice(page *p)
{
    size_t n = count(p, "experiment/candidates.csv");
    html(p, "<h2 id=\"model\">Model choice</h2>\n<p>");
    say(p, words_at(p, "plan.yaml#/model/rule/value"));
    html(p, ".</p>\n");
    if (n == 0) {
        html(p, "<p>Candidates: ");
        not_measured(p);
        html(p, "</p>\n");
        return;
    }
    html(p, "<div class=\"scroll\"><table><tr><th>model</th><th class=\"n\">parameters</th><th>licence</th><th class=\"n\">tokens a word</th><th class=\"n\">words that lose letters</th>"
            "<th>fit</th><th class=\"n\">probe ");
    tn_str probe = tn_records_probe_column(p->r);
    tn_html_text(p->out, tn_metric_title_of(tn_str_sub(probe, probe.len > 6 ? 6 : 0, probe.len)));
    html(p, "</th></tr>\n");
    for (size_t i = 0; i < n; i++) {
        bool chosen = tn_str_is(words_at(p, "experiment/candidates.csv#/%zu/chosen", i), "yes");
        html(p, chosen ? "<tr class=\"chosen\"><td>" : "<tr><td>");
        say(p, words_at(p, "experiment/candidates.csv#/%zu/model", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_COUNT, "experiment/candidates.csv#/%zu/parameters", i);
        html(p, "</td><td>");
        say(p, words_at(p, "experiment/candidates.csv#/%zu/licence", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_3, "experiment/candidates.csv#/%zu/fertility", i);
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_PERCENT, "experiment/candidates.csv#/%zu/lossy_rate", i);
        html(p, "</td><td>");
        say(p, words_at(p, "experiment/candidates.csv#/%zu/fit", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_3, "experiment/candidates.csv#/%zu/%.*s", i, TN_ARG(probe));
        html(p, "</td></tr>\n<tr class=\"why\"><td colspan=\"7\">");
        html(p, chosen ? "chosen: " : "not chosen: ");
        say(p, words_at(p, "experiment/candidates.csv#/%zu/reason", i));
        html(p, "</td></tr>\n");
    }
    html(p, "</table></div>\n<p>Base model <code>");
    say(p, words_at(p, "lock.json#/model/id"));
    html(p, "</code> at revision <code>");
    say(p, words_at(p, "lock.json#/model/revision"));
    html(p, "</code>, from ");
    say(p, words_at(p, "lock.json#/model/source"));
    tn_str provenance = words_at(p, "lock.json#/model/provenance");
    if (provenance.len) {
        html(p, ". Provenance: ");
        say(p, provenance);
    }
    html(p, ".</p>\n<h3>Licences</h3>\n");
    n = count(p, "data/licences.json#/candidates");
    if (n == 0) {
        html(p, "<p>Licence verdicts: ");
        not_measured(p);
        html(p, "</p>\n");
        return;
    }
    html(p, "<table><tr><th>model and data</th><th>verdict for this use</th><th>reason</th></tr>\n");
    for (size_t i = 0; i < n; i++) {
        html(p, "<tr><td>");
        say(p, words_at(p, "data/licences.json#/candidates/%zu/parts/0/name", i));
        html(p, " + ");
        say(p, words_at(p, "data/licences.json#/candidates/%zu/parts/1/name", i));
        html(p, "</td><td>");
        say(p, words_at(p, "data/licences.json#/candidates/%zu/verdict", i));
        html(p, "</td><td>");
        say(p, words_at(p, "data/licences.json#/candidates/%zu/reason", i));
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n");
}

/* What is to be predicted, where that is a number. */
static void numbers_table(page *p)
{
    html(p, "<table><tr><th>split</th><th class=\"n\">rows</th><th class=\"n\">mean</th><th class=\"n\">deviation</th><th class=\"n\">lowest</th><th class=\"n\">highest</th></tr>\n");
    for (size_t i = 0; i < count(p, "data/profile.json#/numbers"); i++) {
        static const char *const what[] = {"mean", "deviation", "low", "high"};
        html(p, "<tr><td>");
        say(p, words_at(p, "data/profile.json#/numbers/%zu/split", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_COUNT, "data/profile.json#/numbers/%zu/n", i);
        html(p, "</td>");
        for (size_t k = 0; k < TN_COUNT(what); k++) {
            cell_open(p);
            num(p, TN_SHOW_3, "data/profile.json#/numbers/%zu/%s", i, what[k]);
            html(p, "</td>");
        }
        html(p, "</tr>\n");
    }
    html(p, "</table>\n");
}

static void data(page *p)
{
    static const char *const split[] = {"train", "validation", "test"};
    html(p, "<h2 id=\"data\">Data</h2>\n");
    size_t n = count(p, "data/profile.json#/classes");
    if (count(p, "data/profile.json#/numbers")) {
        numbers_table(p);
    } else if (!tn_records_get(p->r, "data/profile.json")) {
        html(p, "<p>Data profile: ");
        not_measured(p);
        html(p, "</p>\n");
    } else {
        html(p, n ? "<table><tr><th>class</th>" : "<table><tr><th>rows</th>");
        html(p, "<th class=\"n\">train</th><th class=\"n\">validation</th><th class=\"n\">test</th></tr>\n");
        for (size_t i = 0; i < n && i < 30; i++) {
            html(p, "<tr><td>");
            say(p, words_at(p, "data/profile.json#/classes/%zu/label", i));
            html(p, "</td>");
            for (size_t s = 0; s < TN_COUNT(split); s++) {
                cell_open(p);
                num(p, TN_SHOW_COUNT, "data/profile.json#/classes/%zu/%s", i, split[s]);
                html(p, "</td>");
            }
            html(p, "</tr>\n");
        }
        html(p, "<tr class=\"chosen\"><td>all</td>");
        for (size_t s = 0; s < TN_COUNT(split); s++) {
            cell_open(p);
            num(p, TN_SHOW_COUNT, "data/profile.json#/rows/%s", split[s]);
            html(p, "</td>");
        }
        html(p, "</tr></table>\n");
        if (n > 30)
            tn_buf_printf(p->out, "<p>%zu classes; the first 30 are shown, all are in data/profile.json.</p>\n", n);
    }
    html(p, "<p>Rows removed as copies of other rows: ");
    num(p, TN_SHOW_COUNT, "data/profile.json#/rows/removed");
    html(p, ". Length in tokens: mean ");
    num(p, TN_SHOW_3, "data/profile.json#/tokens/mean");
    html(p, ", 95th percentile ");
    num(p, TN_SHOW_COUNT, "data/profile.json#/tokens/p95");
    html(p, "; cut at the limit: ");
    num(p, TN_SHOW_PERCENT, "data/profile.json#/tokens/truncated_share");
    html(p, ". Rows with personal data of a known form: ");
    num(p, TN_SHOW_COUNT, "data/pii.json#/rows_with_any");
    html(p, ".</p>\n");
}

static double *column(page *p, const char *record, const char *key, size_t n)
{
    double *v = TN_ARENA_ARRAY(p->a, double, n + 1);
    const tn_json *row = tn_json_first(tn_records_get(p->r, record));
    for (size_t i = 0; v && i < n; i++, row = tn_json_next(row))
        if (!tn_json_f64(tn_json_get(row, key), &v[i]))
            v[i] = 0;
    return v;
}

/* Mean of the last 10 losses: single batches jump. */
static void smooth(double *y, size_t n)
{
    double window[10], sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= 10)
            sum -= window[i % 10];
        window[i % 10] = y[i];
        sum += y[i];
        y[i] = sum / (double)(i < 10 ? i + 1 : 10);
    }
}

/* The values that a search tried, and those that took the place of the plan's. */
static void search(page *p)
{
    size_t n = count(p, "tune/search.json#/trials");
    double chosen = -1;
    if (n == 0)
        return;
    (void)tn_records_number(p->r, "tune/search.json#/chosen/trial", &chosen);
    html(p, "<h3>Search</h3>\n<p>Values that were tried on the validation rows; those of the marked trial trained the model, in the place of the recipe's.</p>\n"
            "<table><tr><th>values</th><th class=\"n\">steps</th><th class=\"n\">validation ");
    tn_html_text(p->out, tn_metric_title_of(words_at(p, "tune/search.json#/metric")));
    html(p, "</th></tr>\n");
    for (size_t i = 0; i < n && i < 50; i++) {
        char rungs[64], recipe[96];
        snprintf(rungs, sizeof rungs, "tune/search.json#/trials/%zu/rungs", i);
        snprintf(recipe, sizeof recipe, "tune/search.json#/trials/%zu/recipe", i);
        size_t last = count(p, rungs);
        html(p, chosen == (double)i ? "<tr class=\"chosen\"><td>" : "<tr><td>");
        json(p, tn_records_at(p->r, recipe));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_COUNT, "%s/%zu/steps", rungs, last ? last - 1 : 0);
        html(p, "</td>");
        cell_open(p);
        snprintf(recipe, sizeof recipe, "%s/%zu/diverged", rungs, last ? last - 1 : 0);
        if (tn_records_at(p->r, recipe))
            html(p, "diverged");
        else
            num(p, TN_SHOW_3, "%s/%zu/score", rungs, last ? last - 1 : 0);
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n");
    if (n > 50)
        tn_buf_printf(p->out, "<p>%zu trials; the first 50 are shown, all are in tune/search.json.</p>\n", n);
}

static void seeds(page *p)
{
    size_t n = count(p, "tune/seeds.json#/seeds");
    tn_str metric = words_at(p, "tune/seeds.json#/metric"), chosen = words_at(p, "tune/seeds.json#/chosen");
    if (n == 0)
        return;
    html(p, "<h3>Seeds</h3>\n<p>The best on the validation rows is the model, and alone met the test. Over all, ");
    tn_html_text(p->out, tn_metric_title_of(metric));
    html(p, " is ");
    num(p, TN_SHOW_3, "tune/seeds.json#/mean");
    html(p, " with a deviation of ");
    num(p, TN_SHOW_3, "tune/seeds.json#/deviation");
    html(p, ".</p>\n<table><tr><th class=\"n\">seed</th><th class=\"n\">steps</th><th class=\"n\">best step</th><th class=\"n\">validation ");
    tn_html_text(p->out, tn_metric_title_of(metric));
    html(p, "</th></tr>\n");
    for (size_t i = 0; i < n; i++) {
        static const char *const what[] = {"seed", "steps", "best_step"};
        html(p, tn_str_eq(words_at(p, "tune/seeds.json#/seeds/%zu/seed", i), chosen) ? "<tr class=\"chosen\">" : "<tr>");
        for (size_t k = 0; k < TN_COUNT(what); k++) {
            cell_open(p);
            num(p, k ? TN_SHOW_COUNT : TN_SHOW_EXACT, "tune/seeds.json#/seeds/%zu/%s", i, what[k]);
            html(p, "</td>");
        }
        cell_open(p);
        num(p, TN_SHOW_3, "tune/seeds.json#/seeds/%zu/%.*s", i, TN_ARG(metric));
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n");
}

static void approach(page *p)
{
    html(p, "<h2 id=\"approach\">Approach</h2>\n<p>");
    say(p, words_at(p, "plan.yaml#/approach/method/value"));
    html(p, ": ");
    say(p, words_at(p, "plan.yaml#/approach/method/reason"));
    html(p, ".</p>\n<table><tr><th>setting</th><th class=\"n\">value</th><th>origin</th><th>reason</th></tr>\n");
    for (const tn_json *v = tn_json_first(tn_records_at(p->r, "plan.yaml#/recipe")); v; v = tn_json_next(v)) {
        const tn_json *value = tn_json_get(v, "value");
        html(p, "<tr><td>");
        tn_html_text(p->out, tn_json_key(v));
        html(p, "</td><td class=\"n\">");
        json(p, value ? value : v);
        html(p, "</td><td>");
        tn_html_text(p->out, tn_json_str(tn_json_get(v, "origin")));
        html(p, "</td><td>");
        tn_html_text(p->out, tn_json_str(tn_json_get(v, "reason")));
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n");
    search(p);
    seeds(p);
    html(p, "<h3>Learning curve</h3>\n");
    size_t steps = count(p, "tune/steps.jsonl"), evals = count(p, "tune/evals.jsonl");
    if (steps == 0) {
        html(p, "<p>Learning curve: ");
        not_measured(p);
        html(p, "</p>\n");
        return;
    }
    double *loss = column(p, "tune/steps.jsonl", "loss", steps);
    if (!loss) {
        p->no_memory = true;
        return;
    }
    smooth(loss, steps);
    char metric[64], drawn[96], axis[64];
    snprintf(metric, sizeof metric, "%.*s", TN_ARG(p->measured.criterion));
    snprintf(axis, sizeof axis, "%.*s", TN_ARG(tn_metric_title_of(p->measured.criterion)));
    snprintf(drawn, sizeof drawn, "validation %s", axis);
    tn_svg_line line[] = {
        {column(p, "tune/steps.jsonl", "step", steps), loss, steps, "training loss", "a", false},
        {column(p, "tune/evals.jsonl", "step", evals), column(p, "tune/evals.jsonl", "loss", evals), evals, "validation loss", "c", false},
        {column(p, "tune/evals.jsonl", "step", evals), column(p, "tune/evals.jsonl", metric, evals), evals, drawn, "b", true}};
    if (evals == 0) {
        html(p, "<p>Validation along the way: ");
        not_measured(p);
        html(p, "</p>\n");
    }
    if (line[0].x && line[1].x && line[1].y && line[2].x && line[2].y)
        tn_svg_lines(line, TN_COUNT(line), "step", "loss", axis, p->out);
}

static void confusion(page *p)
{
    const tn_json *rows = tn_records_at(p->r, "eval/metrics.json#/test/confusion"), *labels = tn_records_at(p->r, "eval/metrics.json#/labels");
    size_t n = tn_json_len(rows), i = 0;
    html(p, "<h3>Confusion matrix</h3>\n");
    double *v = TN_ARENA_ARRAY(p->a, double, n * n + 1); /* no overflow: a record has fewer than 2^25 values */
    tn_str *name = TN_ARENA_ARRAY(p->a, tn_str, n + 1);
    if (n == 0 || tn_json_len(labels) != n || !v || !name) {
        html(p, "<p>");
        not_measured(p);
        html(p, "</p>\n");
        return;
    }
    for (const tn_json *row = tn_json_first(rows); row; row = tn_json_next(row))
        for (const tn_json *x = tn_json_first(row); x && i < n * n; x = tn_json_next(x))
            if (!tn_json_f64(x, &v[i++]))
                v[i - 1] = 0;
    while (i < n * n)
        v[i++] = 0;
    i = 0;
    for (const tn_json *x = tn_json_first(labels); x; x = tn_json_next(x))
        name[i++] = tn_json_str(x);
    tn_svg_confusion(v, name, n, p->out);
}

/* The model, then the baselines, the strongest kind first. */
static void who_address(const tn_measured *m, size_t i, char *out, size_t size)
{
    if (i == 0)
        snprintf(out, size, "test");
    else
        snprintf(out, size, "baselines/%.*s", TN_ARG(m->baseline[m->n_baselines - i]));
}

static tn_str who_name(const tn_measured *m, size_t i)
{
    return i ? tn_baseline_title_of(m->baseline[m->n_baselines - i]) : TN_STR("this model");
}

static void sentence_start(page *p, tn_str title)
{
    bool small = title.len && title.ptr[0] >= 'a' && title.ptr[0] <= 'z' && !tn_str_is(title, "mAP");
    char first = small ? (char)(title.ptr[0] - 32) : 0;
    tn_html_text(p->out, small ? (tn_str){&first, 1} : TN_STR(""));
    tn_html_text(p->out, tn_str_sub(title, small, title.len));
}

static void evaluation(page *p)
{
    const tn_measured *m = &p->measured;
    tn_svg_bar bar[TN_MEASURED_MAX + 1];
    size_t n = 0;
    html(p, "<h2 id=\"evaluation\">Evaluation</h2>\n<p>");
    tn_records_say_openings(p->r, m, p->out);
    html(p, ". ");
    sentence_start(p, tn_metric_title_of(m->criterion));
    html(p, " with 95 % intervals:</p>\n");
    for (size_t i = 0; i <= m->n_baselines; i++) {
        char who[64], address[160];
        tn_svg_bar b = {.name = who_name(m, i), .low = NAN, .high = NAN, .ours = i == 0};
        who_address(m, i, who, sizeof who);
        snprintf(address, sizeof address, "eval/metrics.json#/%s/%.*s", who, TN_ARG(m->criterion));
        if (!tn_records_number(p->r, address, &b.value))
            continue;
        snprintf(address, sizeof address, "eval/metrics.json#/%s/intervals/%.*s/low", who, TN_ARG(m->criterion));
        (void)tn_records_number(p->r, address, &b.low);
        snprintf(address, sizeof address, "eval/metrics.json#/%s/intervals/%.*s/high", who, TN_ARG(m->criterion));
        (void)tn_records_number(p->r, address, &b.high);
        bar[n++] = b;
    }
    if (n)
        tn_svg_bars(bar, n, p->out);
    html(p, "<div class=\"scroll\"><table><tr><th>model</th>");
    for (size_t k = 0; k < m->n_metrics; k++) {
        html(p, "<th class=\"n\">");
        tn_html_text(p->out, tn_metric_title_of(m->metric[k]));
        html(p, tn_str_eq(m->metric[k], m->criterion) ? "</th><th class=\"n\">95 % interval</th>" : "</th>");
    }
    html(p, "</tr>\n");
    for (size_t i = 0; i <= m->n_baselines; i++) {
        char who[64];
        who_address(m, i, who, sizeof who);
        html(p, i ? "<tr><td>" : "<tr class=\"chosen\"><td>");
        tn_html_text(p->out, who_name(m, i));
        html(p, "</td>");
        for (size_t k = 0; k < m->n_metrics; k++) {
            cell_open(p);
            num(p, TN_SHOW_3, "eval/metrics.json#/%s/%.*s", who, TN_ARG(m->metric[k]));
            html(p, "</td>");
            if (!tn_str_eq(m->metric[k], m->criterion))
                continue;
            cell_open(p);
            num(p, TN_SHOW_3, "eval/metrics.json#/%s/intervals/%.*s/low", who, TN_ARG(m->criterion));
            html(p, " – ");
            num(p, TN_SHOW_3, "eval/metrics.json#/%s/intervals/%.*s/high", who, TN_ARG(m->criterion));
            html(p, "</td>");
        }
        html(p, "</tr>\n");
    }
    if (m->n_metrics == 0) {
        html(p, "<tr><td>");
        not_measured(p);
        html(p, "</td></tr>\n");
    }
    html(p, "</table></div>\n<h3>Against the baselines</h3>\n");
    verdicts(p);
    bool by_class = m->has_classes || m->n_metrics == 0, thresholds = tn_records_at(p->r, "eval/metrics.json#/test/per_class/0/threshold") != NULL;
    n = count(p, "eval/metrics.json#/test/per_class");
    if (by_class)
        html(p, thresholds ? "<h3>By label</h3>\n<table><tr><th>label</th>" : "<h3>By class</h3>\n<table><tr><th>class</th>");
    if (by_class)
        html(p, "<th class=\"n\">precision</th><th class=\"n\">recall</th><th class=\"n\">F1</th><th class=\"n\">test rows</th>");
    if (by_class)
        html(p, thresholds ? "<th class=\"n\">threshold</th></tr>\n" : "</tr>\n");
    for (size_t i = 0; i < n && i < 100; i++) {
        static const char *const metric[] = {"precision", "recall", "f1"};
        html(p, "<tr><td>");
        say(p, words_at(p, "eval/metrics.json#/test/per_class/%zu/label", i));
        html(p, "</td>");
        for (size_t k = 0; k < TN_COUNT(metric); k++) {
            cell_open(p);
            num(p, TN_SHOW_3, "eval/metrics.json#/test/per_class/%zu/%s", i, metric[k]);
            html(p, "</td>");
        }
        cell_open(p);
        num(p, TN_SHOW_COUNT, "eval/metrics.json#/test/per_class/%zu/support", i);
        html(p, "</td>");
        if (thresholds) {
            cell_open(p);
            num(p, TN_SHOW_3, "eval/metrics.json#/test/per_class/%zu/threshold", i);
            html(p, "</td>");
        }
        html(p, "</tr>\n");
    }
    if (n == 0 && by_class) {
        html(p, "<tr><td colspan=\"5\">");
        not_measured(p);
        html(p, "</td></tr>\n");
    }
    html(p, by_class ? "</table>\n" : "");
    if (tn_records_at(p->r, "eval/metrics.json#/test/confusion") || p->measured.n_metrics == 0)
        confusion(p);
    html(p, "<h3>By slice</h3>\n<table><tr><th>slice</th><th>value</th><th class=\"n\">rows</th>");
    for (size_t k = 0; k < TN_COUNT(p->measured.slice); k++) {
        html(p, "<th class=\"n\">");
        tn_html_text(p->out, tn_metric_title_of(p->measured.slice[k]));
        html(p, "</th>");
    }
    html(p, "</tr>\n");
    n = count(p, "eval/slices.csv");
    for (size_t i = 0; i < n && i < 30; i++) {
        html(p, "<tr><td>");
        say(p, words_at(p, "eval/slices.csv#/%zu/slice", i));
        html(p, "</td><td>");
        say(p, words_at(p, "eval/slices.csv#/%zu/value", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_COUNT, "eval/slices.csv#/%zu/n", i);
        html(p, "</td>");
        for (size_t k = 0; k < TN_COUNT(p->measured.slice); k++) {
            cell_open(p);
            num(p, TN_SHOW_3, "eval/slices.csv#/%zu/%.*s", i, TN_ARG(p->measured.slice[k]));
            html(p, "</td>");
        }
        html(p, "</tr>\n");
    }
    if (n == 0) {
        html(p, "<tr><td colspan=\"5\">");
        not_measured(p);
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n<h3>Most confident errors</h3>\n<table><tr><th>text</th><th>label</th><th>predicted</th><th class=\"n\">");
    html(p, count(p, "data/profile.json#/numbers") ? "distance" : "confidence");
    html(p, "</th></tr>\n");
    n = count(p, "eval/errors.csv");
    for (size_t i = 0; i < n && i < 8; i++) {
        html(p, "<tr><td>");
        tn_str s = words_at(p, "eval/errors.csv#/%zu/text", i);
        tn_html_short(p->out, s, 300);
        html(p, "</td><td>");
        say(p, words_at(p, "eval/errors.csv#/%zu/label", i));
        html(p, "</td><td>");
        say(p, words_at(p, "eval/errors.csv#/%zu/predicted", i));
        html(p, "</td>");
        cell_open(p);
        num(p, TN_SHOW_3, "eval/errors.csv#/%zu/confidence", i);
        html(p, "</td></tr>\n");
    }
    if (!tn_records_get(p->r, "eval/errors.csv")) {
        html(p, "<tr><td colspan=\"4\">");
        not_measured(p);
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n");
}

static void cost(page *p)
{
    static const struct {
        const char *name, *address;
        tn_show how;
    } row[] = {{"latency, one text, p50", "deploy/bench.json#/latency/p50_ms", TN_SHOW_MS},
               {"latency, one text, p95", "deploy/bench.json#/latency/p95_ms", TN_SHOW_MS},
               {"latency, one text, p99", "deploy/bench.json#/latency/p99_ms", TN_SHOW_MS},
               {"texts a second, batches of 32", "deploy/bench.json#/throughput/rows_per_s", TN_SHOW_COUNT},
               {"cold start with the first answer", "deploy/bench.json#/cold_start_ms", TN_SHOW_MS},
               {"peak memory of one prediction", "deploy/bench.json#/peak_memory_bytes", TN_SHOW_BYTES},
               {"size on disk", "deploy/bench.json#/size_bytes", TN_SHOW_BYTES},
               {"whole run", "env.json#/seconds/total", TN_SHOW_SECONDS},
               {"of it tuning", "env.json#/seconds/tune", TN_SHOW_SECONDS},
               {"whole run, as estimated in the plan", "env.json#/estimate/seconds", TN_SHOW_SECONDS},
               {"peak memory of the run", "env.json#/peak_memory_bytes", TN_SHOW_BYTES},
               {"peak memory, as estimated in the plan", "env.json#/estimate/bytes", TN_SHOW_BYTES}};
    html(p, "<h2 id=\"cost\">Latency, memory, time</h2>\n<table>\n");
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        html(p, "<tr><td>");
        html(p, row[i].name);
        html(p, "</td>");
        cell_open(p);
        num(p, row[i].how, "%s", row[i].address);
        html(p, "</td></tr>\n");
    }
    html(p, "</table>\n<p>Measured on ");
    say(p, words_at(p, "deploy/bench.json#/cpu"));
    html(p, " with ");
    num(p, TN_SHOW_COUNT, "deploy/bench.json#/latency/threads");
    html(p, " threads.</p>\n");
}

tn_status tn_report_html(const char *dir, tn_arena *a, tn_buf *out, tn_err *err)
{
    page p = {.out = out, .a = a};
    TN_TRY(tn_records_open(dir, &p.r, err));
    tn_records_measured(p.r, &p.measured);
    html(&p, head);
    html(&p, "<title>");
    tn_str what = words_at(&p, "plan.yaml#/brief/what");
    tn_html_text(out, what.len ? what : TN_STR("A tenet run"));
    html(&p, "</title></head><body><main>\n<h1>");
    tn_html_text(out, what.len ? what : TN_STR("A tenet run"));
    html(&p, "</h1>\n<p class=\"lead\">Report of one run of tenet. Every number carries the address of its record in the run folder.</p>\n");
    summary(&p);
    headline(&p);
    limits(&p);
    task(&p);
    choice(&p);
    data(&p);
    approach(&p);
    evaluation(&p);
    cost(&p);
    html(&p, "<footer>Weights ");
    html(&p, "<code>");
    say(&p, words_at(&p, "lock.json#/weights_sha256"));
    html(&p, "</code>. Check this page against its records: <code>tenet verify RUN</code>.</footer>\n</main></body></html>\n");
    tn_status st = p.no_memory ? tn_fail_nomem(err, 4096) : tn_records_status(p.r, err);
    tn_records_close(p.r);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}
