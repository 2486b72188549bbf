#include "commands.h"

#include "base/file.h"
#include "flow/select.h"
#include "metric/names.h"

#include <stdio.h>

static tn_status select_model(cli *c, tn_err *err)
{
    tn_run_options o = {.path = c->arg[0], .dir = cli_get(c, "out"), .replace = cli_get(c, "out") != NULL,
                        .hub = {cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, .progress = &c->progress};
    tn_json *v;
    tn_buf b = TN_BUF_INIT;
    TN_TRY(cli_rules(c, tn_file_exists(o.path) ? o.path : NULL, &o.rules, err));
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_select(&o, c->arena, &v, err);
    tn_engine_free(o.engine);
    TN_TRY(st);
    if (c->json) {
        tn_json_write(v, 0, &b);
        tn_buf_char(&b, '\n');
        return cli_write(NULL, &b, err);
    }
    const tn_json *probe = tn_json_first(tn_json_first(tn_json_get(v, "candidates")));
    while (probe && !tn_str_starts(tn_json_key(probe), "probe_"))
        probe = tn_json_next(probe);
    tn_str column = probe ? tn_json_key(probe) : TN_STR("probe_score");
    tn_str head = tn_str_format(c->arena, "probe %.*s (95 %%)", TN_ARG(tn_metric_title_of(tn_str_sub(column, 6, column.len))));
    tn_buf_printf(&b, "%-44s %10s %-12s %-9s %-24.*s %s\n", "model", "parameters", "licence", "fit", TN_ARG(head), "reason");
    for (const tn_json *m = tn_json_first(tn_json_get(v, "candidates")); m; m = tn_json_next(m)) {
        double f1, low, high;
        char score[48] = "not measured";
        if (tn_json_f64(tn_json_get_str(m, column), &f1) && tn_json_f64(tn_json_get(m, "probe_low"), &low) && tn_json_f64(tn_json_get(m, "probe_high"), &high))
            snprintf(score, sizeof score, "%.3f [%.3f, %.3f]", f1, low, high);
        tn_buf_printf(&b, "%-44.*s %10.*s %-12.*s %-9.*s %-24s %.*s\n", TN_ARG(tn_json_str(tn_json_get(m, "model"))),
                      TN_ARG(tn_json_text(tn_json_get(m, "parameters"))), TN_ARG(tn_json_str(tn_json_get(m, "licence"))),
                      TN_ARG(tn_json_str(tn_json_get(m, "fit"))), score, TN_ARG(tn_json_str(tn_json_get(m, "reason"))));
    }
    return cli_write(NULL, &b, err);
}

static const cli_option select_options[] = {
    {"out", 'o', "DIR", "keep the records there: data/ and experiment/"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_select = {
    "select", "BRIEF", "the models at hand, measured on the brief's data, and which one a run would choose",
    "A run that ends with its experiment: tokenizer fit, a linear probe on the frozen encoder with cross-validation on the\n"
    "training rows, licences judged for the brief's use, baselines on validation. The test rows stay closed.",
    1, 1, select_options, select_model};
