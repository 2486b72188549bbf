#include "commands.h"

#include "flow/measure.h"
#include "metric/names.h"

#include <stdio.h>

static void write_table(const tn_json *v, tn_buf *out)
{
    const tn_json *test = tn_json_get(v, "test");
    tn_buf_printf(out, "%-18s %9s   %s\n", "metric", "value", "95 % interval");
    for (const tn_json *s = tn_json_first(tn_json_get(v, "signature")); s; s = tn_json_next(s)) {
        double value, low, high;
        tn_str name = tn_json_key(s), title = tn_metric_title_of(name);
        const tn_json *interval = tn_json_get_str(tn_json_get(test, "intervals"), name);
        if (!tn_json_f64(tn_json_get_str(test, name), &value))
            continue;
        tn_buf_printf(out, "%-18.*s %9.3f", TN_ARG(title), value);
        if (tn_json_f64(tn_json_get(interval, "low"), &low) && tn_json_f64(tn_json_get(interval, "high"), &high))
            tn_buf_printf(out, "   %.3f to %.3f", low, high);
        tn_buf_char(out, '\n');
    }
}

static tn_status run(cli *c, tn_err *err)
{
    tn_measure_options o = {.data = c->arg[1], .text = cli_get(c, "text-column"), .label = cli_get(c, "label-column"), .id = cli_get(c, "id-column"),
                            .pair = cli_get(c, "pair-column"), .separator = cli_get(c, "separator"), .label_columns = cli_get(c, "label-columns") != NULL, .progress = &c->progress};
    tn_findings findings = {0};
    tn_buf predictions = TN_BUF_INIT, out = TN_BUF_INIT;
    const char *file = cli_get(c, "output");
    tn_json *v;
    int64_t n, seed;
    tn_status st = TN_OK;
    TN_TRY(cli_int(c, "resamples", 100, 1000000, 10000, &n, err));
    TN_TRY(cli_int(c, "seed", 0, INT64_MAX, 0, &seed, err));
    o.n_resamples = (int32_t)n;
    o.seed = (uint64_t)seed;
    TN_TRY(cli_model_dir(c, c->arg[0], &o.model, err));
    TN_GO(cli_engine(c, &o.engine, err));
    TN_GO(tn_findings_init(&findings, err));
    TN_GO(tn_measure(&o, &findings, c->arena, &v, file ? &predictions : NULL, err));
    for (size_t i = 0; i < findings.list.len; i++)
        if (findings.list.ptr[i].severity != TN_ADVICE)
            tn_progress_say(&c->progress, "%s %s: %.*s", tn_severity_name(findings.list.ptr[i].severity), findings.list.ptr[i].rule, TN_ARG(findings.list.ptr[i].message));
    if (file)
        TN_GO(cli_write(file, &predictions, err));
    if (c->json) {
        tn_json_write(v, 0, &out);
        tn_buf_char(&out, '\n');
    } else {
        write_table(v, &out);
    }
    st = cli_write(NULL, &out, err);
done:
    tn_buf_free(&predictions);
    tn_buf_free(&out);
    tn_findings_free(&findings);
    tn_engine_free(o.engine);
    return st;
}

static const cli_option options[] = {
    {"text-column", 0, "NAME", "the column with the texts; default: found by name"},
    {"label-column", 0, "NAME", "the column with what is right; default: found by name"},
    {"label-columns", 0, NULL, "several labels a text: each of the model's labels has a column of its name, with 0 or 1"},
    {"id-column", 0, "NAME", "the column with the ids; default: found, else rows are numbered"},
    {"pair-column", 0, "NAME", "the column with the second texts, for a model of pairs"},
    {"separator", 0, "TEXT", "between several labels in a cell; default: found"},
    {"output", 'o', "FILE", "write the predictions there, CSV as eval/predictions.csv of a run"},
    {"resamples", 0, "N", "of the bootstrap; default 10000"},
    {"seed", 0, "N", "of the bootstrap; default 0"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_eval = {
    "eval", "MODEL DATA [-o FILE]", "a model measured on labelled rows: its task's metrics with 95 % intervals",
    "MODEL is a folder, a run, or a Hub id at hand; DATA a file or folder, of which the test part counts where it has one. What is\n"
    "measured follows from the model: classes, sets of labels or numbers. With --json the scores as in a run's eval/metrics.json.\n"
    "Nothing is compared here and no run is made: rows that a model was trained on make it look better than it is.",
    2, 2, options, run};
