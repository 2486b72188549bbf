#include "commands.h"

#include "base/file.h"
#include "govern/card.h"
#include "report/report.h"

typedef tn_status page_fn(const char *dir, tn_arena *a, tn_buf *out, tn_err *err);

static tn_status write_page(cli *c, page_fn *page, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_status st = page(c->arg[0], c->arena, &b, err);
    if (st == TN_OK)
        return cli_write(cli_get(c, "output"), &b, err);
    tn_buf_free(&b);
    return st;
}

static tn_status report(cli *c, tn_err *err)
{
    return write_page(c, tn_report_html, err);
}

static tn_status card(cli *c, tn_err *err)
{
    return write_page(c, cli_get(c, "data") ? tn_card_data : tn_card_model, err);
}

static const cli_option report_options[] = {{"output", 'o', "FILE", "write there instead of stdout"}, {NULL, 0, NULL, NULL}};
static const cli_option card_options[] = {{"data", 0, NULL, "the data card instead of the model card"},
                                          {"output", 'o', "FILE", "write there instead of stdout"},
                                          {NULL, 0, NULL, NULL}};

const cli_command cmd_report = {"report", "RUN [-o FILE]", "the report of a run, written anew from its records",
                                "A record that is missing is said to be missing in its place: \"not measured\".", 1, 1, report_options, report};
const cli_command cmd_card = {"card", "RUN [--data] [-o FILE]", "the model card or data card of a run, written anew from its records", NULL, 1, 1, card_options, card};
