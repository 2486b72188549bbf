#include "predict_answers.h"

#include "base/file.h"
#include "codec/csv.h"
#include "data/squad.h"
#include "model/spans.h"

static tn_status read_options(cli *c, const char *dir, tn_answer_options *o, tn_err *err)
{
    int64_t top;
    TN_TRY(cli_int(c, "top", 1, 1000, 1, &top, err));
    *o = (tn_answer_options){.top_k = (int32_t)top};
    return tn_answer_options_read(dir, o, err);
}

static void write_plain(const tn_passage_answer *x, size_t n, tn_buf *out)
{
    for (size_t i = 0; i < n; i++)
        tn_buf_printf(out, "%.*s\t%.4f\t%u-%u\n", TN_ARG(x[i].answer), x[i].score, x[i].start, x[i].end);
}

tn_status predict_one_answer(cli *c, tn_model *m, const char *dir, tn_err *err)
{
    const char *question = cli_get(c, "text"), *passage = cli_get(c, "context");
    tn_answer_options o;
    tn_passage_answer *x;
    size_t n;
    if (!question || !passage)
        return tn_fail(err, TN_EINVALID, "%s answers questions about passages: --text QUESTION --context PASSAGE, or a file of both: tenet predict MODEL FILE.jsonl",
                       dir);
    TN_TRY(read_options(c, dir, &o, err));
    TN_TRY(tn_model_answer(m, tn_str_of(question), tn_str_of(passage), &o, c->arena, &x, &n, err));
    tn_buf out = TN_BUF_INIT;
    if (c->json) {
        tn_json_writer w;
        tn_jw_init(&w, &out, 0);
        tn_passage_answers_write(x, n, &w);
        tn_buf_char(&out, '\n');
    } else {
        write_plain(x, n, &out);
    }
    tn_status st = tn_buf_status(&out, err);
    if (st == TN_OK)
        st = cli_out(tn_buf_view(&out), err);
    tn_buf_free(&out);
    return st;
}

static void write_row(bool json, tn_str id, const tn_passage_answer *x, size_t n, tn_buf *out)
{
    if (json) {
        tn_json_writer w;
        tn_jw_init(&w, out, 0);
        tn_jw_begin_object(&w);
        tn_jw_key(&w, "id");
        tn_jw_str(&w, id);
        tn_jw_key(&w, "answers");
        tn_jw_begin_array(&w);
        for (size_t i = 0; i < n; i++)
            tn_passage_answers_write(&x[i], 1, &w);
        tn_jw_end_array(&w);
        tn_jw_end_object(&w);
        tn_buf_char(out, '\n');
        return;
    }
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    for (size_t i = 0; i < n; i++) {
        tn_csv_put(&w, id);
        tn_csv_put(&w, x[i].answer);
        tn_csv_put_f64(&w, x[i].score);
        tn_csv_put_i64(&w, x[i].start);
        tn_csv_put_i64(&w, x[i].end);
        tn_csv_end_row(&w);
    }
}

static tn_status answer_rows(cli *c, tn_model *m, const tn_dataset *d, const tn_questions *q, const tn_answer_options *o, tn_buf *out, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_status st = a ? TN_OK : tn_fail_nomem(err, 65536);
    if (!c->json)
        tn_buf_c(out, "id,answer,score,start,end\n");
    for (size_t r = 0; st == TN_OK && r < d->n_rows; r++) {
        tn_passage_answer *x;
        size_t n;
        tn_arena_reset(a);
        TN_GO(tn_interrupt_check(err));
        st = tn_model_answer(m, d->row[r].text, q->passage[q->question[r].passage].text, o, a, &x, &n, err);
        if (st != TN_OK) {
            st = tn_fail_prefix(err, "%.*s:%u: ", TN_ARG(d->file[d->row[r].file].path), d->row[r].line);
            break;
        }
        write_row(c->json, d->row[r].id, x, n, out);
        tn_progress_show(&c->progress, "answering", r + 1, d->n_rows, NULL);
    }
done:
    tn_arena_free(a);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}

tn_status predict_answer_file(cli *c, tn_model *m, const char *dir, const char *path, tn_err *err)
{
    tn_dataset d = {0};
    tn_questions q;
    tn_findings findings = {0};
    tn_answer_options o;
    tn_buf out = TN_BUF_INIT;
    const char *file = cli_get(c, "output");
    tn_status st = TN_OK;
    TN_GO(tn_findings_init(&findings, err));
    TN_GO(read_options(c, dir, &o, err));
    TN_GO(tn_questions_load(&(tn_data_source){.path = path, .use = TN_DATA_PREDICT}, &d, &q, &findings, err));
    TN_GO(answer_rows(c, m, &d, &q, &o, &out, err));
    st = file ? tn_file_write(file, tn_str_bytes(tn_buf_view(&out)), err) : cli_out(tn_buf_view(&out), err);
    if (st == TN_OK && d.n_no_text)
        tn_progress_say(&c->progress, "%zu questions without text or context were left out", d.n_no_text);
done:
    tn_buf_free(&out);
    tn_dataset_free(&d);
    tn_findings_free(&findings);
    return st;
}
