/* An evaluation walks over the rows in calls, adds up what the task's scores are made of, and reads the scores off at the
 * end. Sums are in double, in the order of the rows, so the cut into calls cannot be seen in them. */
#include "base/clock.h"
#include "base/fmath.h"
#include "metric/classification.h"
#include "train/loop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    CALL_TOKENS = 1 << 16, /* of one call, or one row: far below what 32 bits count */
    CALL_FLOATS = 1 << 22, /* of logits in one call, or one row: 16 MB */
};

/* ---- lists of scores ---- */

void tn_scores_add(tn_scores *s, const char *name, double value, bool less_is_better)
{
    TN_ASSERT(s->n < TN_SCORES_MAX && strlen(name) < sizeof s->score[0].name);
    snprintf(s->score[s->n].name, sizeof s->score[0].name, "%s", name);
    s->score[s->n].value = value;
    s->score[s->n++].less_is_better = less_is_better;
}

bool tn_scores_get(const tn_scores *s, const char *name, double *value, bool *less_is_better)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->score[i].name, name) == 0) {
            *value = s->score[i].value;
            *less_is_better = s->score[i].less_is_better;
            return true;
        }
    *value = s->loss;
    *less_is_better = true;
    return strcmp(name, "loss") == 0 || strcmp(name, "log_loss") == 0;
}

/* ---- what is added up ---- */

/* Of one value of a row, less the first row's target: sums of y, p and their products, and of differences. */
typedef struct {
    double shift, y, p, yy, pp, yp, squares, sizes;
} moments;

typedef struct {
    const tn_learner *l;
    const tn_examples *x;
    tn_arena *arena;
    int32_t *start;                     /* [rows of a call + 1] */
    int32_t *ids, *label, *chosen;      /* [tokens of a call]: masked language modelling */
    int32_t *hits, *labels, *predicted; /* [width]: counts by class or flag */
    moments *moment;                    /* [width] */
    float *logits, *row;                /* of a call; of a row's ends */
    size_t n_logits, n_row;
    double loss, end_loss;
    int64_t n_counted, n_end_counted, n_right, n_start_right, n_end_right;
} evaluation;

/* -log softmax(logits)[label]; a NaN stays one. */
static double cross_entropy(const float *logits, int32_t n, int32_t label)
{
    double max = logits[tn_argmax(logits, n)], sum = 0;
    for (int32_t c = 0; c < n; c++)
        sum += tn_exp((double)logits[c] - max);
    return tn_log(sum) - ((double)logits[label] - max);
}

static void add_class(evaluation *e, const float *logits, int32_t label)
{
    int32_t best = tn_argmax(logits, e->l->width);
    e->n_counted++;
    e->loss += cross_entropy(logits, e->l->width, label);
    e->n_right += best == label;
    e->hits[label] += best == label;
    e->labels[label]++;
    e->predicted[best]++;
}

/* A vocabulary is wide: the loss of the training pass, in f32. */
static void add_word(evaluation *e, const float *logits, int32_t label)
{
    float loss;
    tn_engine_kernels(e->l->engine)->cross_entropy(&(tn_cross_entropy){
        .n_rows = 1, .L = (size_t)e->l->width, .logits = logits, .label = &label, .weight = 1, .loss = &loss});
    e->n_counted++;
    e->loss += (double)loss;
    e->n_right += tn_argmax(logits, e->l->width) == label;
}

/* max(x, 0) - x y + log(1 + exp(-|x|)) */
static void add_flags(evaluation *e, const float *logits, const float *value)
{
    bool all = true;
    for (int32_t c = 0; c < e->l->width; c++) {
        double x = logits[c];
        bool is = value[c] > 0.5f, says = x > 0;
        e->loss += (x > 0 ? x : 0) - x * (double)value[c] + tn_log1p(tn_exp(x > 0 ? -x : x));
        e->hits[c] += is && says;
        e->labels[c] += is;
        e->predicted[c] += says;
        all &= is == says;
    }
    e->n_counted++;
    e->n_right += all;
}

static void add_values(evaluation *e, const float *logits, const float *value)
{
    for (int32_t c = 0; c < e->l->width; c++) {
        moments *m = &e->moment[c];
        double y = value[c], p = logits[c];
        if (e->n_counted == 0)
            m->shift = y;
        m->squares += (p - y) * (p - y);
        m->sizes += fabs(p - y);
        y -= m->shift, p -= m->shift;
        m->y += y, m->p += p, m->yy += y * y, m->pp += p * p, m->yp += y * p;
    }
    e->n_counted++;
}

/* One end of a span: the logits of the row's tokens in column `end`. True when it is right; an end that the row does not
 * hold is not counted as one, and a span with it is never right: SQuAD counts every question. */
static bool add_end(evaluation *e, const float *logits, int32_t n, int end, int32_t target)
{
    for (int32_t t = 0; t < n; t++)
        e->row[t] = logits[2 * t + end];
    if (target >= n)
        return false;
    target = target < 0 ? 0 : target;
    bool right = tn_argmax(e->row, n) == target;
    *(end ? &e->end_loss : &e->loss) += cross_entropy(e->row, n, target);
    ++*(end ? &e->n_end_counted : &e->n_counted);
    *(end ? &e->n_end_right : &e->n_start_right) += right;
    return right;
}

static tn_status make_room(float **at, size_t *have, size_t n, tn_err *err)
{
    if (n <= *have)
        return TN_OK;
    tn_mem_free(*at);
    *at = tn_mem_alloc(n * sizeof **at);
    *have = *at ? n : 0;
    return *at ? TN_OK : tn_fail_nomem(err, n * sizeof **at);
}

static void add_row(evaluation *e, int32_t row, const float *logits)
{
    const tn_targets *t = &e->x->target;
    size_t from = e->x->start[row], n = e->x->start[row + 1] - from, width = (size_t)e->l->width;
    switch (e->l->target) {
    case TN_TARGET_CLASS: add_class(e, logits, t->label[row]); break;
    case TN_TARGET_FLAGS: add_flags(e, logits, t->value + (size_t)row * width); break;
    case TN_TARGET_VALUES: add_values(e, logits, t->value + (size_t)row * width); break;
    case TN_TARGET_TOKENS:
        for (size_t i = 0; i < n; i++)
            if (t->label[from + i] >= 0)
                add_class(e, logits + i * width, t->label[from + i]);
        break;
    case TN_TARGET_SPANS: {
        bool start = add_end(e, logits, (int32_t)n, 0, t->first[row]), end = add_end(e, logits, (int32_t)n, 1, t->last[row]);
        e->n_right += start && end;
        break;
    }
    case TN_TARGET_NONE: break;
    }
}

/* ---- calls ---- */

/* Rows of one call: a row's logits do not depend on how many. */
static int32_t rows_from(const evaluation *e, int32_t first, int32_t batch_size)
{
    const tn_examples *x = e->x;
    bool by_token = e->l->target == TN_TARGET_TOKENS || e->l->target == TN_TARGET_SPANS;
    size_t share = e->l->by_choice ? 6 : 1; /* about one token of so many is chosen */
    int32_t n = 1, most = x->n_rows - first < batch_size ? x->n_rows - first : batch_size;
    while (n < most) {
        size_t tokens = x->start[first + n + 1] - x->start[first];
        if (tokens > CALL_TOKENS || (by_token && tokens / share * (size_t)e->l->width > CALL_FLOATS))
            break;
        n++;
    }
    return n;
}

/* The rows with their words hidden, and what is hidden. */
static void hide_words(evaluation *e, int32_t first, tn_batch *b)
{
    const tn_examples *x = e->x;
    int32_t tokens = b->start[b->n_rows];
    memcpy(e->ids, b->ids, (size_t)tokens * sizeof *e->ids);
    for (int32_t i = 0; x->masking && i < b->n_rows; i++)
        tn_masking_draw(x->masking, 0, -1, first + i, b->start[i + 1] - b->start[i], e->ids + b->start[i],
                        e->label + b->start[i]);
    if (!x->masking)
        memcpy(e->label, x->target.label + x->start[first], (size_t)tokens * sizeof *e->label);
    b->ids = e->ids;
    b->chosen = e->chosen;
    for (int32_t i = 0; i < tokens; i++)
        if (e->label[i] >= 0)
            e->chosen[b->n_chosen++] = i;
}

static tn_status evaluate_call(evaluation *e, int32_t first, int32_t n, const tn_evaluator *by, tn_err *err)
{
    const tn_examples *x = e->x;
    size_t from = x->start[first], width = (size_t)e->l->width;
    for (int32_t i = 0; i <= n; i++)
        e->start[i] = (int32_t)(x->start[first + i] - from);
    tn_batch b = {.n_rows = n, .start = e->start, .ids = x->ids + from, .type_id = x->type_id ? x->type_id + from : NULL};
    bool by_token = e->l->target == TN_TARGET_TOKENS || e->l->target == TN_TARGET_SPANS;
    if (e->l->by_choice)
        hide_words(e, first, &b);
    size_t lines = e->l->by_choice ? (size_t)b.n_chosen : (size_t)(by_token ? b.start[n] : n);
    TN_TRY(make_room(&e->logits, &e->n_logits, lines * width, err));
    TN_TRY(e->l->logits(e->l->self, &b, e->logits, err));
    for (int32_t i = 0; e->l->by_choice && i < b.n_chosen; i++)
        add_word(e, e->logits + (size_t)i * width, e->label[b.chosen[i]]);
    for (int32_t i = 0; !e->l->by_choice && i < n; i++) {
        if (e->l->target == TN_TARGET_SPANS)
            TN_TRY(make_room(&e->row, &e->n_row, (size_t)(b.start[i + 1] - b.start[i]), err));
        add_row(e, first + i, e->logits + (size_t)(by_token ? b.start[i] : i) * width);
    }
    return by ? by->add(by->self, x, first, n, e->logits, err) : TN_OK;
}

static tn_status open_evaluation(evaluation *e, int32_t batch_size, tn_err *err)
{
    const tn_examples *x = e->x;
    size_t n = (size_t)(batch_size < x->n_rows ? batch_size : x->n_rows), longest = 0;
    n = n < CALL_TOKENS ? n : CALL_TOKENS; /* a row has a token at least */
    for (int32_t i = 0; i < x->n_rows; i++)
        longest = x->start[i + 1] - x->start[i] > longest ? x->start[i + 1] - x->start[i] : longest;
    size_t tokens = !e->l->by_choice ? 0 : longest > CALL_TOKENS ? longest : CALL_TOKENS;
    size_t classes = e->l->by_choice ? 0 : (size_t)e->l->width;
    if (!(e->arena = tn_arena_new(0)))
        return tn_fail_nomem(err, 64);
    e->start = TN_ARENA_ARRAY(e->arena, int32_t, n + 1);
    e->ids = TN_ARENA_ARRAY(e->arena, int32_t, 3 * tokens + 1);
    e->hits = tn_arena_calloc(e->arena, (3 * classes + 1) * sizeof *e->hits);
    e->moment = tn_arena_calloc(e->arena, (classes + 1) * sizeof *e->moment);
    if (!e->start || !e->ids || !e->hits || !e->moment)
        return tn_fail_nomem(err, (3 * tokens + 3 * classes + n) * sizeof *e->ids);
    e->label = e->ids + tokens;
    e->chosen = e->label + tokens;
    e->labels = e->hits + classes;
    e->predicted = e->labels + classes;
    return TN_OK;
}

/* ---- scores ---- */

static double share(int64_t part, int64_t of)
{
    return of > 0 ? (double)part / (double)of : 0;
}

static void score_classes(const evaluation *e, tn_scores *out)
{
    static const tn_metric_id id[] = {TN_METRIC_ACCURACY, TN_METRIC_MACRO_F1, TN_METRIC_MCC};
    for (size_t i = 0; i < TN_COUNT(id); i++)
        tn_scores_add(out, tn_metric_name(id[i]),
                      e->n_counted ? tn_metric_of_margins(id[i], e->hits, e->labels, e->predicted, e->l->width) : 0, false);
}

/* F1 = 2 hits / (labels + predicted); 0 where nobody has the label and nobody is said to. */
static void score_flags(const evaluation *e, tn_scores *out)
{
    int64_t hits = 0, all = 0;
    double sum = 0;
    for (int32_t c = 0; c < e->l->width; c++) {
        sum += share(2 * (int64_t)e->hits[c], (int64_t)e->labels[c] + e->predicted[c]);
        hits += e->hits[c];
        all += (int64_t)e->labels[c] + e->predicted[c];
    }
    tn_scores_add(out, "micro_f1", share(2 * hits, all), false);
    tn_scores_add(out, "macro_f1", sum / e->l->width, false);
    tn_scores_add(out, "exact_match", share(e->n_right, e->n_counted), false);
}

static void score_values(const evaluation *e, tn_scores *out)
{
    double n = (double)e->n_counted, mse = 0, mae = 0, r2 = 0, pearson = 0, width = e->l->width;
    for (int32_t c = 0; c < e->l->width; c++) {
        const moments *m = &e->moment[c];
        double yy = m->yy - m->y * m->y / n, pp = m->pp - m->p * m->p / n, yp = m->yp - m->y * m->p / n;
        mse += m->squares / n / width;
        mae += m->sizes / n / width;
        r2 += (yy > 0 ? 1 - m->squares / yy : m->squares > 0 ? 0 : 1) / width;
        pearson += (yy > 0 && pp > 0 ? yp / sqrt(yy * pp) : 0) / width;
    }
    tn_scores_add(out, "mse", mse, true);
    tn_scores_add(out, "mae", mae, true);
    tn_scores_add(out, "r2", r2, false);
    tn_scores_add(out, "pearson", pearson, false);
}

static double mean_loss(const evaluation *e)
{
    double n = (double)(e->n_counted > 0 ? e->n_counted : 1), n_end = (double)(e->n_end_counted > 0 ? e->n_end_counted : 1);
    switch (e->l->target) {
    case TN_TARGET_FLAGS: return e->loss / (n * e->l->width);
    case TN_TARGET_SPANS: return (e->loss / n + e->end_loss / n_end) / 2;
    case TN_TARGET_VALUES:
    case TN_TARGET_CLASS:
    case TN_TARGET_TOKENS:
    case TN_TARGET_NONE: break;
    }
    return e->loss / n;
}

static void score(const evaluation *e, tn_scores *out)
{
    switch (e->l->target) {
    case TN_TARGET_CLASS: score_classes(e, out); break;
    case TN_TARGET_FLAGS: score_flags(e, out); break;
    case TN_TARGET_VALUES: score_values(e, out); break;
    case TN_TARGET_TOKENS:
        if (!e->l->by_choice) {
            score_classes(e, out);
            break;
        }
        tn_scores_add(out, "accuracy", share(e->n_right, e->n_counted), false);
        tn_scores_add(out, "perplexity", tn_exp(out->loss), true);
        break;
    case TN_TARGET_SPANS:
        tn_scores_add(out, "exact_match", share(e->n_right, e->x->n_rows), false);
        tn_scores_add(out, "start_accuracy", share(e->n_start_right, e->n_counted), false);
        tn_scores_add(out, "end_accuracy", share(e->n_end_right, e->n_end_counted), false);
        break;
    case TN_TARGET_NONE: break;
    }
}

static void take_squares_as_loss(evaluation *e)
{
    for (int32_t c = 0; e->l->target == TN_TARGET_VALUES && c < e->l->width; c++)
        e->loss += e->moment[c].squares / e->l->width;
}

tn_status tn_train_evaluate(const tn_learner *l, const tn_examples *x, int32_t batch_size, const tn_evaluator *by,
                            tn_scores *out, tn_err *err)
{
    if (x->n_rows < 1 || batch_size < 1)
        return tn_fail(err, TN_EINVALID, "no rows to evaluate");
    evaluation e = {.l = l, .x = x};
    tn_status st;
    TN_GO(open_evaluation(&e, batch_size, err));
    for (int32_t i = 0, rows; i < x->n_rows; i += rows) {
        TN_GO(tn_interrupt_check(err));
        rows = rows_from(&e, i, batch_size);
        TN_GO(evaluate_call(&e, i, rows, by, err));
    }
    take_squares_as_loss(&e);
    *out = (tn_scores){.loss = mean_loss(&e)};
    if (by)
        TN_GO(by->finish(by->self, out, err));
    else
        score(&e, out);
    st = TN_OK;
done:
    tn_arena_free(e.arena);
    tn_mem_free(e.logits);
    tn_mem_free(e.row);
    return st;
}
