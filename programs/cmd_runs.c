#include "commands.h"

#include "flow/runs.h"

static tn_str field(const tn_json *run, const char *key)
{
    const tn_json *v = tn_json_get(run, key);
    return tn_json_type(v) == TN_JSON_NULL || !v ? TN_STR("-") : tn_json_text(v);
}

static tn_status print(const tn_json *v, int indent, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_write(v, indent, &b);
    tn_buf_char(&b, '\n');
    return cli_write(NULL, &b, err);
}

static tn_status list(cli *c, tn_err *err)
{
    tn_json *runs;
    tn_buf b = TN_BUF_INIT;
    const char *dir = c->n_args ? c->arg[0] : "runs";
    TN_TRY(tn_runs_list(dir, c->arena, &runs, err));
    if (c->json)
        return print(runs, 0, err);
    if (tn_json_len(runs) == 0)
        tn_buf_printf(&b, "no runs in %s\n", dir);
    else
        tn_buf_printf(&b, "%-36s %-11s %-9s %-9s %-36s %s\n", "run", "status", "macro F1", "accuracy", "model", "finished");
    for (const tn_json *v = tn_json_first(runs); v; v = tn_json_next(v)) {
        double f1 = 0, accuracy = 0;
        bool scored = tn_json_f64(tn_json_get(v, "macro_f1"), &f1) && tn_json_f64(tn_json_get(v, "accuracy"), &accuracy);
        tn_buf_printf(&b, "%-36.*s %-11.*s ", TN_ARG(field(v, "run")), TN_ARG(field(v, "status")));
        if (scored)
            tn_buf_printf(&b, "%-9.3f %-9.3f ", f1, accuracy);
        else
            tn_buf_printf(&b, "%-9s %-9s ", "-", "-");
        tn_buf_printf(&b, "%-36.*s %.*s\n", TN_ARG(field(v, "model")), TN_ARG(field(v, "finished")));
    }
    return cli_write(NULL, &b, err);
}

static tn_status show(cli *c, tn_err *err)
{
    tn_json *run;
    const char *dir = cli_folder(c, c->arg[0]);
    if (!dir)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_runs_show(dir, c->arena, &run, err));
    return print(run, c->json ? 0 : 2, err);
}

const cli_command cmd_runs_list = {"runs list", "[DIR]", "the runs in a folder (default runs/)", NULL, 0, 1, NULL, list};
const cli_command cmd_runs_show = {"runs show", "RUN", "one run: recipe, data, scores, comparisons, findings", NULL, 1, 1, NULL, show};
