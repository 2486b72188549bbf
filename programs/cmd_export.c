#include "commands.h"

#include "flow/export.h"
#include "model/lora.h"

static void say(const tn_json *measured, const char *name, tn_buf *out)
{
    const tn_json *m = tn_json_get(measured, name), *i = tn_json_get(tn_json_get(m, "intervals"), "lost");
    double f32 = 0, int8 = 0, lost = 0, low = 0, high = 0;
    if (!tn_json_f64(tn_json_get(m, "lost"), &lost))
        return;
    tn_json_f64(tn_json_get(m, "f32"), &f32);
    tn_json_f64(tn_json_get(m, "int8"), &int8);
    tn_json_f64(tn_json_get(i, "low"), &low);
    tn_json_f64(tn_json_get(i, "high"), &high);
    tn_buf_printf(out, "%-10s f32 %.4f  int8 %.4f  lost %+.4f [%+.4f, %+.4f]\n", name, f32, int8, lost, low, high);
}

static tn_status report(const cli *c, const tn_json *record, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    const tn_json *measured = tn_json_get(record, "measured");
    if (c->json) {
        tn_json_write(record, 0, &b);
        tn_buf_char(&b, '\n');
        return cli_write(NULL, &b, err);
    }
    for (const tn_json *m = tn_json_first(measured); m; m = tn_json_next(m))
        if (tn_json_type(m) == TN_JSON_OBJECT)
            say(measured, tn_str_c(c->arena, tn_json_key(m)), &b);
    if (tn_json_type(measured) != TN_JSON_OBJECT)
        tn_buf_c(&b, "what is lost was not measured; --data VALIDATION does it\n");
    return cli_write(NULL, &b, err);
}

/* An adapter and its base become one plain folder. */
static tn_status merge(cli *c, const char *out, tn_err *err)
{
    tn_engine *engine = NULL;
    tn_model *m = NULL;
    const char *dir, *base;
    tn_status st;
    TN_TRY(cli_model_dir(c, c->arg[0], &dir, err));
    if (!tn_lora_is_folder(dir))
        return tn_fail(err, TN_EINVALID, "%s is no adapter (adapter_config.json without config.json): there is nothing to merge", dir);
    TN_TRY(cli_base(c, dir, &base, err));
    TN_TRY(cli_engine(c, &engine, err));
    TN_GO(tn_model_open(engine, dir, &(tn_model_options){.base = base}, &m, err));
    TN_GO(tn_model_merge(m, err));
    TN_GO(tn_model_save(m, out, err));
    TN_GO(tn_export_decisions(dir, out, c->arena, err));
    tn_progress_say(&c->progress, "written: %s (%s with the adapter's weights added)", out, base);
done:
    tn_model_close(m);
    tn_engine_free(engine);
    return st;
}

static tn_status run(cli *c, tn_err *err)
{
    tn_export_options o = {.out = cli_get(c, "out"), .data = cli_get(c, "data"), .text = cli_get(c, "text-column"), .pair = cli_get(c, "pair-column"), .label_columns = cli_get(c, "label-columns") != NULL, .tolerance = 0.01,
                           .anyway = cli_get(c, "anyway") != NULL, .progress = &c->progress};
    const tn_json *record = NULL;
    const char *tolerance = cli_get(c, "tolerance");
    if (cli_get(c, "merge") && o.out && !cli_get(c, "int8")) {
        const char *out = cli_folder(c, o.out);
        return out ? merge(c, out, err) : tn_fail_nomem(err, 256);
    }
    if (!cli_get(c, "int8") || cli_get(c, "merge") || !o.out)
        return tn_fail(err, TN_EINVALID, "usage: tenet export MODEL --int8 --out DIR [--data VALIDATION], or tenet export ADAPTER --merge --out DIR");
    if (tolerance && (!tn_str_to_f64(tn_str_of(tolerance), &o.tolerance) || !(o.tolerance >= 0 && o.tolerance <= 1)))
        return tn_fail(err, TN_EINVALID, "--tolerance is a share of the metric from 0 to 1, as in 0.01; %s is none", tolerance);
    TN_TRY(cli_model_dir(c, c->arg[0], &o.model, err));
    if (!(o.model = cli_folder(c, o.model)) || !(o.out = cli_folder(c, o.out)))
        return tn_fail_nomem(err, 256);
    TN_TRY(cli_engine(c, &o.engine, err));
    tn_status st = tn_export_in_bytes(&o, c->arena, &record, err);
    if (record && (st == TN_OK || st == TN_ERULE)) {
        tn_status said = report(c, record, st == TN_OK ? err : NULL);
        st = st == TN_OK ? said : st;
    }
    if (st == TN_OK)
        tn_progress_say(&c->progress, "written: %s (record: int8.json)", o.out);
    tn_engine_free(o.engine);
    return st;
}

static const cli_option options[] = {
    {"int8", 0, NULL, "8-bit weights and activations in linear layers"},
    {"merge", 0, NULL, "an adapter (LoRA) and the model it stands on become one folder"},
    CLI_BASE_OPTION,
    {"out", 'o', "DIR", "the folder to write; replaced when it is there"},
    {"data", 'd', "FILE", "rows on which the loss is measured: the validation part, or all where no splits are named"},
    {"text-column", 0, "NAME", "the column with the text"},
    {"pair-column", 0, "NAME", "the column with the second texts, for a model of pairs"},
    {"label-columns", 0, NULL, "several labels a text: each of the model's labels has a column of its name, with 0 or 1"},
    {"tolerance", 0, "X", "how much of the metric may be lost (default 0.01)"},
    {"anyway", 0, NULL, "write it although more is lost"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_export = {
    "export", "MODEL --int8|--merge --out DIR", "a smaller and faster folder of the same model, with what that costs measured; or an adapter merged",
    "Answers of 8-bit weights are not those of f32. With --data both models answer the same rows, and the task's metric (for\n"
    "an encoder: the cosine of each text's two vectors) may lose --tolerance at most, or nothing is written. The folder holds\n"
    "the record int8.json; predict, embed and serve take it as any other. transformers reads it with the package\n"
    "compressed-tensors (CompressedTensorsConfig(dequantize=True)), and refuses it without. --merge adds each weight of an adapter once, rounded\n"
    "once, to its base; the base and the adapter themselves stay as they are, which is the way back.",
    1, 1, options, run};
