#include "commands.h"

#include "base/file.h"
#include "codec/csv.h"
#include "codec/json.h"
#include "data/dataset.h"
#include "metric/classification.h"
#include "model/model.h"
#include "model/thresholds.h"
#include "model/zero_shot.h"
#include "predict_answers.h"
#include "predict_tags.h"
#include "train/ranks.h"

#include <string.h>

enum { CHUNK = 1024 }; /* texts a call: enough of each length to fill forward passes */

/* What the transformers pipeline of the task returns: the best label, or the first k by falling score. */
static void write_scores(const tn_config *k, const float *p, int64_t top, bool json, tn_buf *out)
{
    int32_t best = -1;
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    if (json && top > 1)
        tn_jw_begin_array(&w);
    for (int64_t i = 0; i < top && (best = tn_argnext(p, k->n_labels, best)) >= 0; i++) {
        if (json)
            tn_config_write_score(k, best, p[best], &w);
        else
            tn_buf_printf(out, "%s%.*s\t%.4f", i ? "\t" : "", TN_ARG(k->label[best]), (double)p[best]);
    }
    if (json && top > 1)
        tn_jw_end_array(&w);
    tn_buf_char(out, '\n');
}

static tn_status predict_texts(cli *c, tn_model *m, tn_err *err)
{
    tn_str *text, *pair;
    size_t n, cut, n_cut = 0, n_pairs = 0;
    int64_t top;
    const tn_config *k = tn_model_config(m);
    TN_TRY(cli_pairs(c, &text, &pair, &n, err));
    for (size_t i = 0; i < n; i++)
        n_pairs += pair[i].ptr != NULL;
    TN_TRY(cli_int(c, "top", 1, INT32_MAX, 1, &top, err));
    float *p = TN_ARENA_ARRAY(c->arena, float, (size_t)k->n_labels * CHUNK);
    if (!p)
        return tn_fail_nomem(err, (size_t)k->n_labels * CHUNK * sizeof *p);
    tn_buf out = TN_BUF_INIT;
    tn_status st = TN_OK;
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t j = n - i < CHUNK ? n - i : CHUNK;
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_predict_pairs(m, text + i, n_pairs ? pair + i : NULL, j, p, &cut, err));
        n_cut += cut;
        for (size_t r = 0; r < j; r++)
            write_scores(k, p + r * (size_t)k->n_labels, top, c->json, &out);
        TN_GO(tn_buf_status(&out, err));
        TN_GO(cli_out(tn_buf_view(&out), err));
        tn_buf_clear(&out);
    }
    if (n_cut)
        tn_progress_say(&c->progress, "%zu of %zu texts were longer than %d tokens and were cut", n_cut, n, (int)tn_model_max_tokens(m));
done:
    tn_buf_free(&out);
    return st;
}

/* The column `predicted`: a label, the labels that reach their threshold, or a number. */
static tn_status put_predicted(tn_csv_writer *w, const tn_config *k, const float *row, const float *threshold, int32_t best, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    tn_json_writer j;
    tn_problem problem = tn_config_problem(k);
    if (problem == TN_PROBLEM_REGRESSION) {
        tn_csv_put_f32(w, row[0]);
        return TN_OK;
    }
    if (problem != TN_PROBLEM_MULTI_LABEL) {
        tn_csv_put(w, k->label[best]);
        return TN_OK;
    }
    tn_jw_init(&j, &b, 0);
    tn_jw_begin_array(&j);
    for (int32_t l = 0; l < k->n_labels; l++)
        if (row[l] >= (threshold ? threshold[l] : 0.5f))
            tn_jw_str(&j, k->label[l]);
    tn_jw_end_array(&j);
    tn_csv_put(w, tn_buf_view(&b));
    tn_status st = tn_buf_status(&b, err);
    tn_buf_free(&b);
    return st;
}

/* A data file in, CSV out: id, predicted, score, and a probability column a label. */
static tn_status predict_file(cli *c, tn_model *m, const char *dir, const char *path, tn_err *err)
{
    tn_dataset d = {0};
    tn_findings findings = {0};
    tn_buf out = TN_BUF_INIT;
    tn_csv_writer w;
    const tn_config *k = tn_model_config(m);
    const char *file = cli_get(c, "output");
    size_t n_labels = (size_t)k->n_labels;
    tn_str text[CHUNK], pair[CHUNK];
    tn_status st = TN_OK;
    float *p = TN_ARENA_ARRAY(c->arena, float, n_labels * CHUNK), *threshold = NULL;
    if (!p)
        return tn_fail_nomem(err, n_labels * CHUNK * sizeof *p);
    if (tn_config_problem(k) == TN_PROBLEM_MULTI_LABEL)
        TN_TRY(tn_thresholds_read(dir, n_labels, c->arena, &threshold, err));
    TN_GO(tn_findings_init(&findings, err));
    TN_GO(tn_dataset_load(&(tn_data_source){.path = path, .text = cli_get(c, "text-column"), .pair = cli_get(c, "pair-column"), .use = TN_DATA_PREDICT}, &d, &findings, err));
    tn_csv_writer_init(&w, &out, ',');
    tn_csv_put_head(&w, "id,predicted,score");
    for (size_t l = 0; l < n_labels; l++) {
        tn_str name = tn_str_format(c->arena, "p_%.*s", TN_ARG(k->label[l]));
        TN_GO(name.ptr ? TN_OK : tn_fail_nomem(err, 64));
        tn_csv_put(&w, name);
    }
    tn_csv_end_row(&w);
    for (size_t i = 0; i < d.n_rows; i += CHUNK) {
        size_t j = d.n_rows - i < CHUNK ? d.n_rows - i : CHUNK;
        for (size_t r = 0; r < j; r++) {
            text[r] = d.row[i + r].text;
            pair[r] = d.row[i + r].pair;
        }
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_model_predict_pairs(m, text, d.pair_column.name.len ? pair : NULL, j, p, NULL, err));
        for (size_t r = 0; r < j; r++) {
            const float *row = p + r * n_labels;
            int32_t best = tn_argmax(row, k->n_labels);
            tn_csv_put(&w, d.row[i + r].id);
            TN_GO(put_predicted(&w, k, row, threshold, best, err));
            tn_csv_put_f32(&w, row[best]);
            for (size_t l = 0; l < n_labels; l++)
                tn_csv_put_f32(&w, row[l]);
            tn_csv_end_row(&w);
        }
        tn_progress_show(&c->progress, "predicting", i + j, d.n_rows, NULL);
    }
    TN_GO(tn_buf_status(&out, err));
    if (file)
        TN_GO(tn_file_write(file, tn_str_bytes(tn_buf_view(&out)), err));
    else
        TN_GO(cli_out(tn_buf_view(&out), err));
    if (d.n_no_text)
        tn_progress_say(&c->progress, "%zu rows without text were left out", d.n_no_text);
done:
    tn_buf_free(&out);
    tn_dataset_free(&d);
    tn_findings_free(&findings);
    return st;
}

/* ---- zero-shot ---- */

/* {"sequence", "labels", "scores"}, best first: what the pipeline returns. */
static void write_zero_shot(const tn_str *label, size_t n, tn_str text, const float *p, bool json, tn_buf *out)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 0);
    if (json) {
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "sequence");
        tn_jw_str(&w, text);
    }
    for (int part = 0; part < (json ? 2 : 1); part++) {
        int32_t best = -1;
        if (json) {
            tn_jw_key(&w, part ? "scores" : "labels");
            tn_jw_begin_array(&w);
        }
        for (size_t i = 0; (best = tn_argnext(p, (int32_t)n, best)) >= 0; i++) {
            if (!json)
                tn_buf_printf(out, "%s%.*s\t%.4f", i ? "\t" : "", TN_ARG(label[best]), (double)p[best]);
            else if (part)
                tn_jw_f32(&w, p[best]);
            else
                tn_jw_str(&w, label[best]);
        }
        if (json)
            tn_jw_end_array(&w);
    }
    if (json)
        tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
}

static tn_status predict_zero_shot(cli *c, tn_model *m, tn_err *err)
{
    tn_str rest = tn_str_of(cli_get(c, "labels")), part, *text;
    TN_VEC(tn_str) label = {0};
    tn_buf out = TN_BUF_INIT;
    tn_status st = TN_OK;
    size_t n;
    tn_zero_shot o = {.multi_label = cli_get(c, "multi-label") != NULL, .hypothesis = tn_str_of(cli_get(c, "hypothesis") ? cli_get(c, "hypothesis") : "")};
    TN_TRY(cli_texts(c, &text, &n, err));
    while (tn_str_cut(&rest, ',', &part))
        if (tn_str_trim(part).len && !TN_PUSH(&label, tn_str_trim(part))) {
            st = tn_fail_nomem(err, 64);
            goto done;
        }
    o.label = label.ptr;
    o.n_labels = label.len;
    float *p = TN_ARENA_ARRAY(c->arena, float, label.len + 1);
    if (!p) {
        st = tn_fail_nomem(err, label.len * sizeof *p);
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_zero_shot_predict(m, &o, &text[i], 1, p, err));
        write_zero_shot(label.ptr, label.len, text[i], p, c->json, &out);
        TN_GO(tn_buf_status(&out, err));
        TN_GO(cli_out(tn_buf_view(&out), err));
        tn_buf_clear(&out);
    }
done:
    TN_VEC_FREE(&label);
    tn_buf_free(&out);
    return st;
}

static tn_status run(cli *c, tn_err *err)
{
    const char *dir, *base;
    tn_engine *engine = NULL;
    tn_model *m = NULL;
    tn_ranks *ranks = NULL; /* mpirun: the others compute rows too */
    tn_status st = TN_OK;
    static const char *const of_texts[] = {"text", "context", "file", "input", "top", "pair", "labels", "hypothesis", "multi-label", "aggregation"}, *const of_data[] = {"output", "text-column", "pair-column"};
    for (const char *const *o = (const char *const[]){"hypothesis", "multi-label", NULL}; *o; o++)
        if (cli_get(c, *o) && !cli_get(c, "labels"))
            return tn_fail(err, TN_EINVALID, "--%s goes with --labels: zero-shot classification", *o);
    for (size_t i = 0; c->n_args == 2 && i < TN_COUNT(of_texts); i++)
        if (cli_get(c, of_texts[i]))
            return tn_fail(err, TN_EINVALID, "--%s does not go with a data file, %s; give one of them", of_texts[i], c->arg[1]);
    for (size_t i = 0; c->n_args == 1 && i < TN_COUNT(of_data); i++)
        if (cli_get(c, of_data[i]))
            return tn_fail(err, TN_EINVALID, "--%s goes with a data file: tenet predict MODEL DATA -o FILE", of_data[i]);
    TN_TRY(cli_model_dir(c, c->arg[0], &dir, err));
    TN_TRY(cli_base(c, dir, &base, err));
    TN_GO(cli_engine(c, &engine, err));
    TN_GO(tn_model_open(engine, dir, &(tn_model_options){.base = base}, &m, err));
    size_t n_fresh;
    tn_model_fresh(m, &n_fresh);
    if (n_fresh) {
        st = tn_fail(err, TN_ERULE, "%s has no trained head (constraint-task): it is an encoder; tune it first (tenet run), or use `tenet embed`", dir);
        goto done;
    }
    TN_GO(tn_ranks_share(m, &ranks, err));
    bool tags = tn_model_config(m)->task == TN_TASK_TOKENS, answers = tn_model_config(m)->task == TN_TASK_SPANS;
    const char *wrong = tags ? cli_get(c, "top") || cli_get(c, "labels") || cli_get(c, "pair") ? "--top, --labels and --pair are for classes of texts; this model tags words: --aggregation simple groups them" : NULL
                        : cli_get(c, "aggregation") ? "--aggregation is for models that tag words; this one does not" : NULL;
    if (cli_get(c, "context") && !answers)
        wrong = "--context is for models that answer questions about a passage; this one does not";
    if (wrong)
        st = tn_fail(err, TN_EINVALID, "%s", wrong);
    else if (answers)
        st = c->n_args == 2 ? predict_answer_file(c, m, dir, c->arg[1], err) : predict_one_answer(c, m, dir, err);
    else if (tags)
        st = c->n_args == 2 ? predict_tag_file(c, m, c->arg[1], err) : predict_tag_texts(c, m, err);
    else
        st = c->n_args == 2          ? predict_file(c, m, dir, c->arg[1], err)
             : cli_get(c, "labels") ? predict_zero_shot(c, m, err)
                                    : predict_texts(c, m, err);
done:
    tn_ranks_close(ranks);
    tn_model_close(m);
    tn_engine_free(engine);
    return st;
}

static const cli_option options[] = {
    CLI_TEXT_OPTIONS,
    {"context", 0, "PASSAGE", "of a model that answers questions: where the answer to --text is looked for"},
    {"top", 'k', "N", "the N best labels or answers; default 1"},
    {"pair", 0, "TEXT", "the second text, for a model of pairs; in JSON lines: text_pair"},
    {"labels", 0, "A,B,C", "zero-shot: choose among these with a model of natural language inference"},
    {"hypothesis", 0, "TEXT", "zero-shot: the sentence asked for each label; default \"This example is {}.\""},
    {"multi-label", 0, NULL, "zero-shot: each label by itself, any number may hold"},
    {"aggregation", 0, "HOW", "of tagged words: none (each token), simple, first, average or max (spans); default none"},
    {"output", 'o', "FILE", "with a data file: write CSV there instead of stdout"},
    {"text-column", 0, "NAME", "with a data file: the column with the texts; default: found by name"},
    {"pair-column", 0, "NAME", "with a data file: the column with the second texts, for a model of pairs"},
    CLI_BASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_predict = {
    "predict", "MODEL [DATA] --text T | --file F", "labels and scores of texts, as the task's transformers pipeline gives them",
    "MODEL is a folder, a run, or a Hub id at hand. With --json a line a text: {label, score}, or a list with --top. With a\n"
    "data file (CSV, TSV, JSON lines): CSV with id, predicted, score and the probability of each label; of several labels\n"
    "predicted is a list, by the thresholds that the run chose. With --labels: {sequence, labels, scores}, best first. A model\n"
    "that tags words gives a list of spans a text, and words with tags for a file of words (CoNLL, or JSON lines of tokens). One\n"
    "that answers questions takes --text QUESTION --context PASSAGE, or a file of both (SQuAD's JSON, JSON lines).",
    1, 2, options, run};
