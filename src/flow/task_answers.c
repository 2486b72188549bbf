/* Answers to questions, as spans of passages. A row is a question; its text in f->data is question and passage together,
 * which is what the model reads, so that fit, profile and personal data see both. A row becomes as many examples as its
 * passage needs windows. Scores are made of spans (run_qa), one answer a question; where the data knows questions without
 * answer, silence is an answer too, and how readily it is given is chosen on the validation rows. */
#include "flow/task.h"

#include "base/fmath.h"
#include "codec/csv.h"
#include "data/squad.h"
#include "eval/lexical.h"
#include "metric/answers.h"
#include "model/spans.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { EXACT, F1, HAS_EXACT, HAS_F1, NONE_RIGHT };
static const char *const metric[] = {"exact_match", "answer_f1", "has_answer_exact", "has_answer_f1", "no_answer_accuracy", NULL};
static const char *const criterion[] = {"answer_f1", "exact_match", NULL};

enum { SILENCE, LEXICAL, NEAREST };
static const tn_flow_baseline baseline[] = {
    [SILENCE] = {"silence", "no answer to any question", "saying nothing", false},
    [LEXICAL] = {"lexical", "the words that stand nearest to those of the question, in the sentence that shares most of them", "the overlap of words", false},
    [NEAREST] = {"sentence", "the sentence of the passage whose embedding by the untouched encoder is nearest to the question's",
                 "the untouched encoder's nearest sentence", true},
    {NULL, NULL, NULL, false},
};
static const tn_flow_setting setting[] = {
    {"recipe", "stride", "64", "tokens that a window of a long passage shares with the one before it"},
    {"evaluation", "n_best", "20", "first and last tokens that are tried with each other; run_qa's default"},
    {"evaluation", "max_answer_tokens", "30", "the longest answer; run_qa's default"},
    {NULL, NULL, NULL, NULL},
};

enum { PROBE_ROWS = 400 }; /* of the training side, evenly */

typedef struct {
    tn_questions q;
    tn_str *question;    /* [rows] without their passages */
    tn_str **right;      /* [rows]: texts of the right answers, [n_answers] */
    double threshold;    /* silence where no answer is better by more than this */
    tn_windows *held;    /* [validation rows], for the evaluator */
    size_t n_held;
} own;

static const own *own_of(const tn_flow *f)
{
    return f->own;
}

/* ---- rows ---- */

/* Of a model that is measured as it stands; a run chooses its own (settle). */
static tn_status read_threshold(tn_flow *f, own *o, tn_err *err)
{
    tn_bytes text;
    const tn_json *v;
    const char *path = tn_path_join(f->arena, f->model_dir, "question_answering.json");
    if (!path)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(path))
        return TN_OK;
    TN_TRY(tn_file_read(path, 1 << 20, f->arena, &text, err));
    if (tn_json_parse(tn_str_from_bytes(text), f->arena, &v, err) != TN_OK)
        return tn_fail_prefix(err, "%s:", path);
    tn_json_f64(tn_json_get(v, "null_score_diff_threshold"), &o->threshold);
    return TN_OK;
}

static tn_status load(tn_flow *f, const tn_json *source, const tn_data_source *s, tn_err *err)
{
    (void)source;
    tn_dataset *d = &f->data;
    own *o = tn_arena_calloc(f->arena, sizeof *o);
    if (!o)
        return tn_fail_nomem(err, sizeof *o);
    TN_TRY(tn_questions_load(s, d, &o->q, &f->out->findings, err));
    f->own = o;
    if (f->model_dir)
        TN_TRY(read_threshold(f, o, err));
    tn_dataset joined;
    o->question = TN_ARENA_ARRAY(d->arena, tn_str, d->n_rows);
    o->right = TN_ARENA_ARRAY(d->arena, tn_str *, d->n_rows);
    if (!o->question || !o->right)
        return tn_fail_nomem(err, d->n_rows * sizeof *o->question);
    TN_TRY(tn_questions_joined(d, &o->q, d->arena, &joined, err));
    for (size_t r = 0; r < d->n_rows; r++) {
        const tn_question *q = &o->q.question[r];
        o->question[r] = d->row[r].text;
        d->row[r].text = joined.row[r].text;
        o->right[r] = TN_ARENA_ARRAY(d->arena, tn_str, q->n_answers);
        if (!o->right[r])
            return tn_fail_nomem(err, q->n_answers * sizeof(tn_str));
        for (uint32_t k = 0; k < q->n_answers; k++)
            o->right[r][k] = q->answer[k].text;
    }
    return TN_OK;
}

static tn_status split(tn_flow *f, const tn_split_options *options, tn_err *err)
{
    own *o = f->own;
    return tn_questions_prepare(&f->data, &o->q, options, &f->duplicates, &f->out->findings, err);
}

static tn_str passage_of(const tn_flow *f, uint32_t row)
{
    const own *o = own_of(f);
    return o->q.passage[o->q.question[row].passage].text;
}

/* ---- answers ---- */

typedef struct {
    tn_str text;        /* empty: none */
    double difference;  /* how much more no answer is worth; NAN of baselines */
    double probability; /* among the best spans; NAN of baselines */
    tn_answer_score score;
} said;

static tn_status score(const tn_flow *f, uint32_t row, said *s, tn_err *err)
{
    const own *o = own_of(f);
    return tn_answer_score_of(s->text, o->right[row], o->q.question[row].n_answers, &s->score, err);
}

static tn_status settle_texts(const tn_flow *f, tn_answers *a, const tn_str *text, tn_arena *arena, tn_err *err)
{
    said *s = TN_ARENA_ARRAY(arena, said, a->n);
    if (!s)
        return tn_fail_nomem(err, a->n * sizeof *s);
    for (size_t i = 0; i < a->n; i++) {
        s[i] = (said){.text = text ? text[i] : TN_STR(""), .difference = NAN, .probability = NAN};
        TN_TRY(score(f, a->row[i], &s[i], err));
    }
    a->own = s;
    return TN_OK;
}

/* ---- the untouched encoder ---- */

typedef struct {
    tn_str *sentence;
    float *vector; /* [n, width] */
    size_t n;
    uint32_t passage;
} sentences;

static tn_status read_sentences(tn_flow *f, tn_model *m, uint32_t row, tn_arena *a, sentences *x, tn_err *err)
{
    size_t n = 0, width = (size_t)tn_model_config(m)->hidden_size;
    tn_str rest = passage_of(f, row), s;
    while (tn_sentence_cut(&rest, &s))
        n++;
    *x = (sentences){.sentence = TN_ARENA_ARRAY(a, tn_str, n), .vector = TN_ARENA_ARRAY(a, float, n * width), .n = n,
                     .passage = own_of(f)->q.question[row].passage};
    if (!x->sentence || !x->vector)
        return tn_fail_nomem(err, n * width * sizeof(float));
    rest = passage_of(f, row);
    for (size_t i = 0; tn_sentence_cut(&rest, &s); i++)
        x->sentence[i] = s;
    return n ? tn_model_embed_texts(m, x->sentence, n, x->vector, NULL, err) : TN_OK;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static tn_status nearest_sentences(tn_flow *f, const tn_candidate *c, const uint32_t *row, size_t n, tn_str *out, tn_err *err)
{
    tn_arena *a = tn_arena_new(0);
    tn_model *m = NULL;
    tn_status st = a ? TN_OK : tn_fail_nomem(err, 65536);
    sentences x = {.passage = UINT32_MAX};
    size_t width = (size_t)c->config.hidden_size;
    float *question = a ? TN_ARENA_ARRAY(a, float, width) : NULL;
    if (!question) {
        st = tn_fail_nomem(err, width * sizeof *question);
        goto done;
    }
    tn_arena_mark mark = tn_arena_save(a);
    TN_GO(tn_model_open(f->engine, c->dir, &(tn_model_options){.encoder_only = true}, &m, err));
    for (size_t i = 0; i < n; i++) {
        TN_GO(tn_interrupt_check(err));
        if (own_of(f)->q.question[row[i]].passage != x.passage) {
            tn_arena_restore(a, mark);
            TN_GO(read_sentences(f, m, row[i], a, &x, err));
        }
        TN_GO(tn_model_embed_texts(m, &own_of(f)->question[row[i]], 1, question, NULL, err));
        double best = -2;
        out[i] = TN_STR("");
        for (size_t k = 0; k < x.n; k++) {
            double near = cosine(question, x.vector + k * width, width);
            if (near > best) {
                best = near;
                out[i] = x.sentence[k];
            }
        }
        tn_progress_show(f->progress, "reading with", i + 1, n, c->id);
    }
done:
    tn_model_close(m);
    tn_arena_free(a);
    return st;
}

static tn_status probe(tn_flow *f, tn_candidate *c, tn_err *err)
{
    size_t n_train = f->n_row[TN_SPLIT_TRAIN], n = n_train < PROBE_ROWS ? n_train : PROBE_ROWS;
    uint32_t *row = TN_ARENA_ARRAY(f->arena, uint32_t, n);
    tn_str *text = TN_ARENA_ARRAY(f->arena, tn_str, n);
    if (!row || !text)
        return tn_fail_nomem(err, n * sizeof *text);
    for (size_t i = 0; i < n; i++)
        row[i] = f->row[TN_SPLIT_TRAIN][i * n_train / n];
    TN_TRY(nearest_sentences(f, c, row, n, text, err));
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        said s = {.text = text[i]};
        TN_TRY(score(f, row[i], &s, err));
        sum += s.score.f1;
        squares += s.score.f1 * s.score.f1;
    }
    c->probe_mean = n ? sum / (double)n : NAN;
    double variance = n > 1 ? (squares - sum * sum / (double)n) / (double)(n - 1) : 0;
    c->probe_se = n > 1 ? sqrt((variance > 0 ? variance : 0) / (double)n) : NAN;
    return TN_OK;
}

/* ---- baselines ---- */

static tn_status by_words(tn_flow *f, const tn_answers *a, tn_str *text, const char **settings, tn_err *err)
{
    const own *o = own_of(f);
    size_t n = f->n_row[TN_SPLIT_TRAIN];
    tn_lexical_row *row = TN_ARENA_ARRAY(f->arena, tn_lexical_row, n);
    tn_lexical *m = NULL;
    if (!row)
        return tn_fail_nomem(err, n * sizeof *row);
    for (size_t i = 0; i < n; i++) {
        uint32_t r = f->row[TN_SPLIT_TRAIN][i];
        row[i] = (tn_lexical_row){o->question[r], passage_of(f, r), o->right[r], o->q.question[r].n_answers};
    }
    tn_status st = TN_OK;
    TN_GO(tn_lexical_fit(row, n, &m, err));
    for (size_t i = 0; i < a->n; i++) {
        TN_GO(tn_interrupt_check(err));
        TN_GO(tn_lexical_answer(m, o->question[a->row[i]], passage_of(f, a->row[i]), &text[i], err));
    }
    *settings = tn_str_format(f->arena, "%d words an answer, chosen on the training rows", tn_lexical_words(m)).ptr;
    if (!*settings)
        st = tn_fail_nomem(err, 64);
done:
    tn_lexical_free(m);
    return st;
}

static tn_status answer_baseline(tn_flow *f, size_t which, tn_answers *a, const char **settings, tn_err *err)
{
    const tn_candidate *c = &f->candidate[f->chosen];
    tn_str *text = TN_ARENA_ARRAY(f->arena, tn_str, a->n);
    if (!text)
        return tn_fail_nomem(err, a->n * sizeof *text);
    if (which == LEXICAL)
        TN_TRY(by_words(f, a, text, settings, err));
    if (which == NEAREST) {
        TN_TRY(nearest_sentences(f, c, a->row, a->n, text, err));
        *settings = tn_str_format(f->arena, "%s untouched, cosine of pooled states", c->id).ptr;
        if (!*settings)
            return tn_fail_nomem(err, 64);
    }
    return settle_texts(f, a, which == SILENCE ? NULL : text, f->arena, err);
}

/* ---- the model ---- */

static tn_status head(tn_flow *f, tn_model_options *o, tn_err *err)
{
    (void)f, (void)err;
    o->task = TN_TASK_SPANS;
    return TN_OK;
}

static tn_status windows_of_plan(const tn_flow *f, int64_t *max, int64_t *stride, tn_err *err)
{
    TN_TRY(tn_plan_i64(f->plan, "recipe/max_tokens", 8, 8192, max, err));
    return tn_plan_i64(f->plan, "recipe/stride", 0, 4096, stride, err);
}

static tn_status check(const tn_flow *f, tn_err *err)
{
    int64_t max, stride;
    TN_TRY(windows_of_plan(f, &max, &stride, err));
    if (stride > max / 2 && tn_str_is(tn_plan_origin(f->plan, "recipe/stride"), "stated"))
        return tn_fail(err, TN_EINVALID, "plan: recipe/stride: windows of %lld tokens (recipe/max_tokens) can share %lld at most, half of them, not %lld",
                       (long long)max, (long long)(max / 2), (long long)stride);
    return TN_OK;
}

static tn_status windows(const tn_flow *f, const tn_model *m, uint32_t row, tn_arena *a, tn_windows *out, tn_err *err)
{
    int64_t max, stride;
    TN_TRY(windows_of_plan(f, &max, &stride, err));
    stride = stride < max / 2 ? stride : max / 2; /* one that is assumed gives way */
    return tn_model_windows(m, own_of(f)->question[row], passage_of(f, row), (int32_t)max, (int32_t)(stride ? stride : 1), a, out, err);
}

typedef struct {
    TN_VEC(size_t) start;
    TN_VEC(int32_t) ids, type, first, last;
} pile;

static bool add_windows(pile *p, const tn_windows *x, const tn_question *q)
{
    const tn_answer *answer = NULL;
    for (uint32_t k = 0; k < q->n_answers && !answer; k++)
        answer = q->answer[k].start == TN_NOT_THERE ? NULL : &q->answer[k];
    for (size_t w = 0; w < x->n; w++) {
        int32_t first = 0, last = 0;
        if (answer)
            tn_window_target(x, w, answer->start, answer->end, &first, &last);
        if (!TN_PUSH(&p->start, p->ids.len) || !TN_PUSH(&p->first, first) || !TN_PUSH(&p->last, last))
            return false;
        for (size_t i = x->at[w]; i < x->at[w + 1]; i++)
            if (!TN_PUSH(&p->ids, (int32_t)x->ids[i]) || !TN_PUSH(&p->type, (int32_t)x->type_ids[i]))
                return false;
    }
    return true;
}

static tn_status take_pile(pile *p, const tn_model *m, tn_arena *a, tn_examples *out, tn_err *err)
{
    size_t n = p->start.len, n_ids = p->ids.len;
    size_t *start = TN_ARENA_ARRAY(a, size_t, n + 1);
    int32_t *ids = TN_ARENA_ARRAY(a, int32_t, n_ids), *type = TN_ARENA_ARRAY(a, int32_t, n_ids);
    int32_t *first = TN_ARENA_ARRAY(a, int32_t, n), *last = TN_ARENA_ARRAY(a, int32_t, n);
    if (n > INT32_MAX || !start || !ids || !type || !first || !last)
        return tn_fail_nomem(err, n_ids * sizeof *ids);
    if (n) {
        memcpy(start, p->start.ptr, n * sizeof *start);
        memcpy(first, p->first.ptr, n * sizeof *first);
        memcpy(last, p->last.ptr, n * sizeof *last);
        memcpy(ids, p->ids.ptr, n_ids * sizeof *ids);
        memcpy(type, p->type.ptr, n_ids * sizeof *type);
    }
    start[n] = n_ids;
    *out = (tn_examples){.n_rows = (int32_t)n, .start = start, .ids = ids, .type_id = tn_model_uses_types(m) ? type : NULL,
                         .target = {.kind = TN_TARGET_SPANS, .first = first, .last = last}};
    return TN_OK;
}

/* An answer that is nowhere in its passage is not learnt from; the question still counts where it is scored. */
static bool is_learnt(const tn_question *q)
{
    bool placed = q->impossible;
    for (uint32_t k = 0; k < q->n_answers; k++)
        placed = placed || q->answer[k].start != TN_NOT_THERE;
    return placed;
}

static tn_status examples(tn_flow *f, const tn_model *m, const uint32_t *row, size_t n, tn_arena *a, tn_examples *out, tn_err *err)
{
    own *o = f->own;
    pile p = {{0}, {0}, {0}, {0}, {0}};
    tn_status st = TN_OK;
    bool hold = row == f->row[TN_SPLIT_VALIDATION] && a == f->arena;
    tn_arena *scratch = tn_arena_new(0);
    if (!scratch || (hold && !(o->held = TN_ARENA_ARRAY(a, tn_windows, n)))) {
        st = tn_fail_nomem(err, n * sizeof(tn_windows));
        goto done;
    }
    o->n_held = hold ? n : o->n_held;
    for (size_t i = 0; i < n; i++) {
        const tn_question *q = &o->q.question[row[i]];
        tn_windows x;
        if (f->data.row[row[i]].split == TN_SPLIT_TRAIN && !is_learnt(q))
            continue;
        tn_arena_reset(scratch);
        TN_GO(windows(f, m, row[i], hold ? a : scratch, &x, err));
        if (hold)
            o->held[i] = x;
        if (!add_windows(&p, &x, q)) {
            st = tn_fail_nomem(err, p.ids.len * sizeof(int32_t));
            goto done;
        }
    }
    st = take_pile(&p, m, a, out, err);
done:
    TN_VEC_FREE(&p.start);
    TN_VEC_FREE(&p.ids);
    TN_VEC_FREE(&p.type);
    TN_VEC_FREE(&p.first);
    TN_VEC_FREE(&p.last);
    tn_arena_free(scratch);
    return st;
}

static tn_status span_options(const tn_flow *f, tn_spans_options *o, tn_err *err)
{
    int64_t n_best, longest;
    TN_TRY(tn_plan_i64(f->plan, "evaluation/n_best", 1, 1000, &n_best, err));
    TN_TRY(tn_plan_i64(f->plan, "evaluation/max_answer_tokens", 1, 8192, &longest, err));
    *o = (tn_spans_options){.n_best = (int32_t)n_best, .max_answer_tokens = (int32_t)longest, .impossible = own_of(f)->q.n_impossible > 0};
    return TN_OK;
}

static size_t byte_of(tn_str s, uint32_t point)
{
    size_t at = 0;
    for (; point > 0 && at < s.len; point--)
        tn_utf8_next(s, &at);
    return at;
}

/* What the logits of a row say, silence aside. */
static tn_status read_spans(const tn_flow *f, uint32_t row, const tn_windows *x, const float *logits, const tn_spans_options *o, tn_arena *scratch,
                            said *out, tn_err *err)
{
    tn_spans s;
    TN_TRY(tn_spans_best(x, logits, o, scratch, &s, err));
    *out = (said){.text = TN_STR(""), .difference = s.difference};
    if (s.best < s.n) {
        tn_str passage = passage_of(f, row);
        size_t from = byte_of(passage, s.span[s.best].start);
        out->text = tn_str_sub(passage, from, byte_of(passage, s.span[s.best].end));
        out->probability = s.span[s.best].probability;
    }
    return TN_OK;
}

/* ---- along the way ---- */

typedef struct {
    const tn_flow *f;
    const uint32_t *row;
    size_t n, at;        /* questions; the one at work */
    int32_t window;      /* windows seen before it */
    float *logits;       /* of the question at work */
    size_t n_logits, room;
    double loss[2], sum[2]; /* of first and last tokens; of exact and F1 */
    int64_t n_windows;
    tn_spans_options o;
    tn_answer_choice *by_f1, *by_exact; /* [n], where silence can be right */
} judge;

static double cross_entropy(const float *z, size_t n, int32_t right)
{
    double max = (double)z[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        max = (double)z[2 * i] > max ? (double)z[2 * i] : max;
    for (size_t i = 0; i < n; i++)
        sum += tn_exp((double)z[2 * i] - max);
    return tn_log(sum) + max - (double)z[2 * right];
}

static tn_status judge_question(judge *j, tn_err *err)
{
    const own *o = own_of(j->f);
    said s;
    uint32_t row = j->row[j->at];
    tn_arena_mark mark = tn_arena_save(j->f->arena);
    tn_status st = read_spans(j->f, row, &o->held[j->at], j->logits, &j->o, j->f->arena, &s, err);
    tn_arena_restore(j->f->arena, mark);
    TN_TRY(st);
    TN_TRY(score(j->f, row, &s, err)); /* its text lies in the passage */
    j->sum[0] += s.score.exact;
    j->sum[1] += s.score.f1;
    j->by_f1[j->at] = (tn_answer_choice){s.difference, s.score.f1, o->q.question[row].impossible};
    j->by_exact[j->at] = (tn_answer_choice){s.difference, s.score.exact, o->q.question[row].impossible};
    j->at++;
    j->n_logits = 0;
    return TN_OK;
}

static tn_status judge_add(void *self, const tn_examples *x, int32_t first, int32_t n, const float *logits, tn_err *err)
{
    judge *j = self;
    const own *o = own_of(j->f);
    if (first == 0)
        j->at = 0, j->window = 0, j->n_logits = 0, j->n_windows = 0, j->loss[0] = j->loss[1] = j->sum[0] = j->sum[1] = 0;
    for (int32_t i = first; i < first + n; i++) {
        size_t length = x->start[i + 1] - x->start[i];
        j->loss[0] += cross_entropy(logits, length, x->target.first[i]);
        j->loss[1] += cross_entropy(logits + 1, length, x->target.last[i]);
        j->n_windows++;
        memcpy(j->logits + j->n_logits, logits, 2 * length * sizeof *logits);
        j->n_logits += 2 * length;
        logits += 2 * length;
        if (i + 1 - j->window == (int32_t)o->held[j->at].n) {
            j->window = i + 1;
            TN_TRY(judge_question(j, err));
        }
    }
    return TN_OK;
}

static tn_status judge_finish(void *self, tn_scores *out, tn_err *err)
{
    judge *j = self;
    (void)err;
    out->loss = (j->loss[0] + j->loss[1]) / 2 / (double)j->n_windows;
    double f1 = j->sum[1] / (double)j->n, exact = j->sum[0];
    /* Where silence can be right, by the best threshold of this moment; exact match by F1's, which the model will have. */
    if (j->o.impossible) {
        double threshold = tn_answer_threshold(j->by_f1, j->n, &f1);
        exact = 0;
        for (size_t i = 0; i < j->n; i++)
            exact += j->by_exact[i].difference <= threshold ? j->by_exact[i].answered : j->by_exact[i].silent;
    }
    tn_scores_add(out, "exact_match", exact / (double)j->n, false);
    tn_scores_add(out, "answer_f1", f1, false);
    return TN_OK;
}

static tn_status evaluator(tn_flow *f, const uint32_t *row, size_t n, tn_evaluator *out, tn_err *err)
{
    const own *o = own_of(f);
    judge *j = tn_arena_calloc(f->arena, sizeof *j);
    size_t most = 0;
    for (size_t i = 0; i < o->n_held; i++)
        most = o->held[i].at[o->held[i].n] > most ? o->held[i].at[o->held[i].n] : most;
    if (!j)
        return tn_fail_nomem(err, sizeof *j);
    *j = (judge){.f = f, .row = row, .n = n, .logits = TN_ARENA_ARRAY(f->arena, float, 2 * most),
                 .by_f1 = TN_ARENA_ARRAY(f->arena, tn_answer_choice, n), .by_exact = TN_ARENA_ARRAY(f->arena, tn_answer_choice, n)};
    if (!j->logits || !j->by_f1 || !j->by_exact)
        return tn_fail_nomem(err, 2 * most * sizeof(float));
    *out = (tn_evaluator){j, judge_add, judge_finish};
    return span_options(f, &j->o, err);
}

/* ---- answers of the model ---- */

static tn_status answer_rows(tn_flow *f, tn_model *m, const uint32_t *row, size_t n, said *out, const char *what, tn_err *err)
{
    tn_arena *scratch = tn_arena_new(0);
    tn_spans_options o;
    tn_status st = scratch ? TN_OK : tn_fail_nomem(err, 65536);
    if (st == TN_OK)
        st = span_options(f, &o, err);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        tn_windows x;
        float *logits;
        tn_arena_reset(scratch);
        TN_GO(tn_interrupt_check(err));
        TN_GO(windows(f, m, row[i], scratch, &x, err));
        TN_GO(tn_model_span_logits(m, &x, scratch, &logits, err));
        TN_GO(read_spans(f, row[i], &x, logits, &o, scratch, &out[i], err));
        if (what)
            tn_progress_show(f->progress, what, i + 1, n, NULL);
    }
done:
    tn_arena_free(scratch);
    return st;
}

/* question_answering.json: what is no weight and yet part of the model. */
static tn_status settle(tn_flow *f, tn_model *m, const char *dir, tn_err *err)
{
    own *o = f->own;
    size_t n = f->n_row[TN_SPLIT_VALIDATION];
    const uint32_t *row = f->row[TN_SPLIT_VALIDATION];
    double best = NAN;
    tn_spans_options spans;
    o->threshold = o->q.n_impossible ? 0 : DBL_MAX;
    TN_TRY(span_options(f, &spans, err));
    if (o->q.n_impossible && n) {
        said *s = TN_ARENA_ARRAY(f->arena, said, n);
        tn_answer_choice *choice = TN_ARENA_ARRAY(f->arena, tn_answer_choice, n);
        if (!s || !choice)
            return tn_fail_nomem(err, n * sizeof *s);
        TN_TRY(answer_rows(f, m, row, n, s, "threshold", err));
        for (size_t i = 0; i < n; i++) {
            TN_TRY(score(f, row[i], &s[i], err));
            choice[i] = (tn_answer_choice){s[i].difference, s[i].score.f1, o->q.question[row[i]].impossible};
        }
        o->threshold = tn_answer_threshold(choice, n, &best);
    }
    const char *path = tn_path_join(f->arena, dir, "question_answering.json");
    tn_buf b = TN_BUF_INIT;
    tn_json_writer w;
    if (!path)
        return tn_fail_nomem(err, 64);
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "version_2_with_negative");
    tn_jw_bool(&w, spans.impossible);
    tn_jw_key(&w, "null_score_diff_threshold");
    if (spans.impossible)
        tn_jw_f64(&w, o->threshold);
    else
        tn_jw_null(&w);
    tn_jw_key(&w, "validation_f1");
    tn_jw_f64(&w, best);
    tn_jw_key(&w, "n_best_size");
    tn_jw_i64(&w, spans.n_best);
    tn_jw_key(&w, "max_answer_length");
    tn_jw_i64(&w, spans.max_answer_tokens);
    tn_jw_end_object(&w);
    tn_buf_char(&b, '\n');
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(&b)), err);
    tn_buf_free(&b);
    return st;
}

static tn_status answer(tn_flow *f, tn_model *m, tn_answers *a, tn_arena *arena, const char *what, tn_err *err)
{
    const own *o = own_of(f);
    said *s = TN_ARENA_ARRAY(arena, said, a->n);
    if (!s)
        return tn_fail_nomem(err, a->n * sizeof *s);
    TN_TRY(answer_rows(f, m, a->row, a->n, s, what, err));
    for (size_t i = 0; i < a->n; i++) {
        if (o->q.n_impossible && s[i].difference > o->threshold)
            s[i].text = TN_STR("");
        TN_TRY(score(f, a->row[i], &s[i], err));
    }
    a->own = s;
    return TN_OK;
}

/* ---- measures ---- */

/* A row's share of each: all; of the rows that have an answer; of those that have none. */
enum { C_EXACT, C_F1, C_HAS, C_HAS_EXACT, C_HAS_F1, C_NONE_RIGHT, N_COUNTS };

static void count_row(bool impossible, tn_answer_score s, double *out)
{
    out[C_EXACT] = s.exact;
    out[C_F1] = s.f1;
    out[C_HAS] = !impossible;
    out[C_HAS_EXACT] = impossible ? 0 : s.exact;
    out[C_HAS_F1] = impossible ? 0 : s.f1;
    out[C_NONE_RIGHT] = impossible ? s.exact : 0;
}

static void values_of(const void *self, const double *sum, int32_t n, double *value)
{
    double has = sum[C_HAS], none = (double)n - has;
    (void)self;
    value[EXACT] = sum[C_EXACT] / (double)n;
    value[F1] = sum[C_F1] / (double)n;
    value[HAS_EXACT] = has > 0 ? sum[C_HAS_EXACT] / has : 0;
    value[HAS_F1] = has > 0 ? sum[C_HAS_F1] / has : 0;
    value[NONE_RIGHT] = none > 0 ? sum[C_NONE_RIGHT] / none : 0;
}

/* The last three say something only where there are both kinds of questions. */
static void measure_sums(const double *sum, int32_t n, double *value)
{
    values_of(NULL, sum, n, value);
    if (sum[C_HAS] == 0 || sum[C_HAS] == (double)n)
        value[HAS_EXACT] = value[HAS_F1] = value[NONE_RIGHT] = NAN;
}

static tn_status measure(const tn_flow *f, const tn_answers *a, const bool *in, double *value, tn_err *err)
{
    const said *s = a->own;
    double sum[N_COUNTS] = {0}, row[N_COUNTS];
    int32_t n = 0;
    (void)err;
    for (size_t i = 0; i < a->n; i++) {
        if (in && !in[i])
            continue;
        count_row(own_of(f)->q.question[a->row[i]].impossible, s[i].score, row);
        for (int k = 0; k < N_COUNTS; k++)
            sum[k] += row[k];
        n++;
    }
    measure_sums(sum, n, value);
    return TN_OK;
}

static const tn_counted_metric counted_metric[] = {
    {"exact_match", false, true}, {"answer_f1", false, false}, {"has_answer_exact", false, false}, {"has_answer_f1", false, false},
    {"no_answer_accuracy", false, false},
};

static tn_status counted_of(const tn_flow *f, const tn_answers *a, tn_counted *out, tn_err *err)
{
    const said *s = a->own;
    double *count = TN_ARENA_ARRAY(f->arena, double, a->n * N_COUNTS);
    if (!count)
        return tn_fail_nomem(err, a->n * N_COUNTS * sizeof *count);
    for (size_t i = 0; i < a->n; i++)
        count_row(own_of(f)->q.question[a->row[i]].impossible, s[i].score, count + i * N_COUNTS);
    *out = (tn_counted){.n = (int32_t)a->n, .width = N_COUNTS, .count = count, .n_metrics = (int32_t)TN_COUNT(counted_metric),
                        .metric = counted_metric, .values = values_of};
    return TN_OK;
}

static tn_status intervals(const tn_flow *f, const tn_answers *a, const tn_interval_options *o, tn_interval *out, tn_err *err)
{
    tn_counted c;
    TN_TRY(counted_of(f, a, &c, err));
    TN_TRY(tn_interval_counts(&c, o, out, err));
    for (size_t m = 0; m < TN_COUNT(counted_metric); m++)
        if (isnan(a->value[m]))
            out[m].value = NAN;
    return TN_OK;
}

static tn_status difference(const tn_flow *f, const tn_answers *a, const tn_answers *b, size_t m, const tn_interval_options *o, tn_interval *out,
                            tn_err *err)
{
    tn_counted x, y;
    tn_interval all[TN_COUNT(counted_metric)];
    TN_TRY(counted_of(f, a, &x, err));
    TN_TRY(counted_of(f, b, &y, err));
    TN_TRY(tn_interval_counts_difference(&x, &y, o, all, err));
    *out = all[m];
    return TN_OK;
}

static void goodness(const tn_flow *f, const tn_answers *a, double *out)
{
    const said *s = a->own;
    (void)f;
    for (size_t i = 0; i < a->n; i++)
        out[i] = s[i].score.f1;
}

/* ---- records ---- */

static tn_status write_scores(const tn_flow *f, const tn_answers *a, const tn_interval *interval, tn_json_writer *w, tn_err *err)
{
    (void)err;
    size_t n_has = 0;
    for (size_t i = 0; i < a->n; i++)
        n_has += !own_of(f)->q.question[a->row[i]].impossible;
    tn_jw_begin_object(w);
    tn_task_write_metrics(f->task, a, w);
    tn_jw_key(w, "n_with_answer");
    tn_jw_u64(w, n_has);
    tn_task_write_intervals(f->task, interval, w);
    tn_jw_end_object(w);
    return TN_OK;
}

static void put_right(const tn_flow *f, uint32_t row, tn_buf *b)
{
    const own *o = own_of(f);
    tn_json_writer w;
    tn_buf_clear(b);
    tn_jw_init(&w, b, 0);
    tn_jw_begin_array(&w);
    for (uint32_t k = 0; k < o->q.question[row].n_answers; k++)
        tn_jw_str(&w, o->right[row][k]);
    tn_jw_end_array(&w);
}

static const char *const column[] = {"id", "answer", "right", "no_answer_difference"};

static tn_status write_predictions(const tn_flow *f, const tn_answers *a, tn_buf *out, tn_err *err)
{
    const said *s = a->own;
    tn_buf right = TN_BUF_INIT;
    tn_csv_writer w;
    tn_csv_writer_init(&w, out, ',');
    for (size_t i = 0; i < TN_COUNT(column); i++)
        tn_csv_put_c(&w, column[i]);
    tn_csv_end_row(&w);
    for (size_t i = 0; i < a->n; i++) {
        put_right(f, a->row[i], &right);
        tn_csv_put(&w, f->data.row[a->row[i]].id);
        tn_csv_put(&w, s[i].text);
        tn_csv_put(&w, tn_buf_view(&right));
        tn_csv_put_f64(&w, s[i].difference < DBL_MAX ? s[i].difference : NAN);
        tn_csv_end_row(&w);
    }
    tn_status st = tn_buf_status(&right, err);
    tn_buf_free(&right);
    return st == TN_OK ? tn_buf_status(out, err) : st;
}

static double badness(const tn_flow *f, const tn_answers *a, size_t i)
{
    const said *s = a->own;
    (void)f;
    return (1 - s[i].score.f1) * (1 + (isnan(s[i].probability) ? 0 : s[i].probability));
}

/* Answers are pieces of passages: personal data in them is redacted as in the question. */
static tn_status shown_answer(tn_str answer, tn_arena *arena, tn_str *out, tn_err *err)
{
    tn_buf safe = TN_BUF_INIT;
    tn_status st = tn_pii_redact(answer.len ? answer : TN_STR("(no answer)"), &safe, err);
    if (st == TN_OK && !(*out = tn_str_dup(arena, tn_buf_view(&safe))).ptr)
        st = tn_fail_nomem(err, safe.len);
    tn_buf_free(&safe);
    return st;
}

static tn_status error(const tn_flow *f, const tn_answers *a, size_t i, tn_arena *arena, tn_task_error *out, tn_err *err)
{
    const own *o = own_of(f);
    const said *s = a->own;
    uint32_t row = a->row[i];
    *out = (tn_task_error){.text = o->question[row], .confidence = (float)(isnan(s[i].probability) ? 0 : s[i].probability)};
    TN_TRY(shown_answer(s[i].text, arena, &out->predicted, err));
    return shown_answer(o->q.question[row].n_answers ? o->right[row][0] : TN_STR(""), arena, &out->label, err);
}

static tn_status rescore_row(const tn_csv_row *r, tn_arena *a, double *sum, tn_err *err)
{
    const tn_json *right;
    double row[N_COUNTS];
    tn_answer_score s;
    if (r->n != TN_COUNT(column))
        return tn_fail(err, TN_EFORMAT, "%u: %zu fields instead of %zu", r->line, r->n, TN_COUNT(column));
    if (tn_json_parse(r->field[2], a, &right, err) != TN_OK || tn_json_type(right) != TN_JSON_ARRAY)
        return tn_fail(err, TN_EFORMAT, "%u: the right answers are no list of texts", r->line);
    size_t n = tn_json_len(right), i = 0;
    tn_str *text = TN_ARENA_ARRAY(a, tn_str, n);
    if (!text)
        return tn_fail_nomem(err, n * sizeof *text);
    for (const tn_json *v = tn_json_first(right); v; v = tn_json_next(v))
        text[i++] = tn_json_str(v);
    TN_TRY(tn_answer_score_of(r->field[1], text, n, &s, err));
    count_row(n == 0, s, row);
    for (int k = 0; k < N_COUNTS; k++)
        sum[k] += row[k];
    return TN_OK;
}

static tn_status rescore(tn_str csv, const tn_str *label, size_t n_labels, tn_arena *a, double *value, tn_err *err)
{
    tn_csv_reader reader;
    tn_csv_row r;
    bool more;
    double sum[N_COUNTS] = {0};
    int32_t n = 0;
    (void)label, (void)n_labels;
    tn_csv_init(&reader, csv, &(tn_csv_options){0});
    TN_TRY(tn_csv_next(&reader, a, &r, &more, err));
    for (size_t i = 0; i < TN_COUNT(column); i++)
        if (!more || r.n != TN_COUNT(column) || !tn_str_is(r.field[i], column[i]))
            return tn_fail(err, TN_EFORMAT, "1: these are no columns of answers to questions");
    for (;; n++) {
        TN_TRY(tn_csv_next(&reader, a, &r, &more, err));
        if (!more)
            break;
        TN_TRY(rescore_row(&r, a, sum, err));
    }
    for (size_t m = 0; metric[m]; m++)
        value[m] = NAN;
    if (n)
        measure_sums(sum, n, value);
    return TN_OK;
}

const tn_flow_task tn_task_answers = {
    .tag = "question-answering",
    .problem = "",
    .name = "extractive question answering",
    .about = "a question, a passage, and the words of the passage that answer it",
    .items = "questions",
    .once = (const char *const[]){"--text", "ok", "--context", "ok", NULL},
    .metric = metric,
    .criterion = criterion,
    .criterion_reason = "an answer that is nearly right is worth something",
    .pair = {"exact_match", "answer_f1"},
    .probe_metric = "answer_f1",
    .baseline = baseline,
    .baseline_reason = "saying nothing, words in common, the untouched encoder",
    .setting = setting,
    .row_test = "sign",
    .check = check,
    .load = load,
    .split = split,
    .probe = probe,
    .answer_baseline = answer_baseline,
    .head = head,
    .examples = examples,
    .evaluator = evaluator,
    .settle = settle,
    .answer = answer,
    .measure = measure,
    .intervals = intervals,
    .difference = difference,
    .goodness = goodness,
    .write_scores = write_scores,
    .write_predictions = write_predictions,
    .badness = badness,
    .error = error,
    .rescore = rescore,
};
