/* Every metric but log-loss is a function of three counts a label: rows where it was hit, rows that have it, rows that
 * were given it. Counting is exact, so the order of rows never matters, and a bootstrap resample needs only new counts.
 *
 * Sums of products of counts stay below 2^62 (n < 2^31), so MCC's integers are exact until the last division. */
#include "metric/classification.h"
#include "base/fmath.h"
#include "metric/names.h"

#include <inttypes.h>
#include <math.h>

static const char *const metric_name[TN_N_METRICS] = {[TN_METRIC_ACCURACY] = "accuracy", [TN_METRIC_MACRO_F1] = "macro_f1",
                                                        [TN_METRIC_MCC] = "mcc", [TN_METRIC_LOG_LOSS] = "log_loss"};

static const tn_metric_info *info(tn_metric_id id)
{
    const tn_metric_info *m = tn_metric_find(tn_str_of(metric_name[id]));
    TN_ASSERT(m);
    return m;
}

const char *tn_metric_name(tn_metric_id id)
{
    return metric_name[id];
}

const char *tn_metric_signature(tn_metric_id id)
{
    return info(id)->signature;
}

bool tn_metric_lower_is_better(tn_metric_id id)
{
    return info(id)->lower_is_better;
}

const char *tn_metric_title(tn_metric_id id)
{
    return info(id)->title;
}

bool tn_metric_parse(tn_str name, tn_metric_id *out)
{
    for (int i = 0; i < TN_N_METRICS; i++)
        if (tn_str_is(name, metric_name[i])) {
            *out = (tn_metric_id)i;
            return true;
        }
    return false;
}

static double ratio(double a, double b)
{
    return b == 0 ? 0 : a / b;
}

/* What the metrics need of all labels, added up one label at a time. */
typedef struct {
    int64_t n, hits;
    int64_t lp, ll, pp; /* products of a label's counts: label x predicted, label^2, predicted^2 */
    double f1;
} totals;

static void add_label(totals *t, int32_t hits, int32_t label, int32_t predicted)
{
    t->n += label;
    t->hits += hits;
    t->lp += (int64_t)label * predicted;
    t->ll += (int64_t)label * label;
    t->pp += (int64_t)predicted * predicted;
    t->f1 += ratio(2.0 * hits, (double)label + predicted);
}

static double matthews(const totals *t)
{
    double below = (double)(t->n * t->n - t->pp) * (double)(t->n * t->n - t->ll);
    return below == 0 ? 0 : (double)(t->hits * t->n - t->lp) / sqrt(below);
}

static double metric_of(tn_metric_id id, const totals *t, int32_t n_labels)
{
    if (t->n == 0)
        return NAN;
    switch (id) {
    case TN_METRIC_ACCURACY: return (double)t->hits / (double)t->n;
    case TN_METRIC_MACRO_F1: return t->f1 / n_labels;
    case TN_METRIC_MCC: return matthews(t);
    default: return NAN;
    }
}

double tn_metric_of_margins(tn_metric_id id, const int32_t *hits, const int32_t *label, const int32_t *predicted,
                            int32_t n_labels)
{
    totals t = {0};
    for (int32_t k = 0; k < n_labels; k++)
        add_label(&t, hits[k], label[k], predicted[k]);
    return metric_of(id, &t, n_labels);
}

double tn_metric_of_confusion(tn_metric_id id, const int32_t *confusion, int32_t n_labels)
{
    totals t = {0};
    for (int32_t k = 0; k < n_labels; k++) {
        int32_t label = 0, predicted = 0;
        for (int32_t j = 0; j < n_labels; j++) {
            label += confusion[(size_t)k * n_labels + j];
            predicted += confusion[(size_t)j * n_labels + k];
        }
        add_label(&t, confusion[(size_t)k * n_labels + k], label, predicted);
    }
    return metric_of(id, &t, n_labels);
}

double tn_log_loss_row(float p)
{
    const float eps = 0x1p-23f;
    if (p < eps)
        p = eps;
    if (p > 1 - eps)
        p = 1 - eps;
    return -tn_log((double)p);
}

int32_t tn_argmax(const float *v, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

int32_t tn_argnext(const float *v, int32_t n, int32_t after)
{
    int32_t best = -1;
    for (int32_t i = 0; i < n; i++) {
        bool follows = after < 0 || v[i] < v[after] || (v[i] == v[after] && i > after);
        if (follows && (best < 0 || v[i] > v[best]))
            best = i;
    }
    return best;
}

tn_status tn_outcomes_check(const tn_outcomes *o, tn_err *err)
{
    if (o->n <= 0 || o->n_labels <= 0)
        return tn_fail(err, TN_EINVALID, "no metric of %" PRId32 " rows and %" PRId32 " labels", o->n, o->n_labels);
    for (int32_t i = 0; i < o->n; i++) {
        if (o->label[i] < 0 || o->label[i] >= o->n_labels)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 ": label %" PRId32 " of %" PRId32, i, o->label[i],
                           o->n_labels);
        if (o->predicted[i] < 0 || o->predicted[i] >= o->n_labels)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 ": predicted label %" PRId32 " of %" PRId32, i,
                           o->predicted[i], o->n_labels);
    }
    if (!o->probability)
        return TN_OK;
    for (size_t i = 0, n = (size_t)o->n * (size_t)o->n_labels; i < n; i++)
        if (!(o->probability[i] >= 0 && o->probability[i] <= 1))
            return tn_fail(err, TN_EINVALID, "row %zu: a probability of %g", i / (size_t)o->n_labels,
                           (double)o->probability[i]);
    return TN_OK;
}

static void score_labels(tn_scores_class *s)
{
    int32_t n_labels = s->n_labels, n_present = 0;
    totals t = {0};
    double weighted = 0, recall = 0;
    for (int32_t k = 0; k < n_labels; k++) {
        tn_class_score *c = &s->per_class[k];
        int32_t hits = s->confusion[(size_t)k * n_labels + k];
        *c = (tn_class_score){0};
        for (int32_t j = 0; j < n_labels; j++) {
            c->support += s->confusion[(size_t)k * n_labels + j];
            c->n_predicted += s->confusion[(size_t)j * n_labels + k];
        }
        c->precision = ratio(hits, c->n_predicted);
        c->recall = ratio(hits, c->support);
        c->f1 = ratio(2.0 * hits, (double)c->support + c->n_predicted);
        weighted += c->f1 * c->support;
        recall += c->recall;
        n_present += c->support > 0;
        add_label(&t, hits, c->support, c->n_predicted);
    }
    s->accuracy = metric_of(TN_METRIC_ACCURACY, &t, n_labels);
    s->macro_f1 = metric_of(TN_METRIC_MACRO_F1, &t, n_labels);
    s->mcc = metric_of(TN_METRIC_MCC, &t, n_labels);
    s->weighted_f1 = weighted / s->n;
    s->balanced_accuracy = recall / n_present;
}

tn_status tn_classification_score(const tn_outcomes *o, tn_arena *a, tn_scores_class *out, tn_err *err)
{
    TN_TRY(tn_outcomes_check(o, err));
    size_t n_labels = (size_t)o->n_labels, n_cells, n_bytes;
    if (!tn_size_mul(n_labels, n_labels, &n_cells) || !tn_size_mul(n_cells, sizeof(int32_t), &n_bytes))
        return tn_fail(err, TN_EINVALID, "%zu labels are too many for a confusion matrix", n_labels);
    tn_scores_class s = {.n = o->n, .n_labels = o->n_labels, .log_loss = NAN};
    s.per_class = TN_ARENA_ARRAY(a, tn_class_score, n_labels);
    s.confusion = tn_arena_calloc(a, n_bytes);
    if (!s.per_class || !s.confusion)
        return tn_fail_nomem(err, n_bytes);

    for (int32_t i = 0; i < o->n; i++)
        s.confusion[(size_t)o->label[i] * n_labels + (size_t)o->predicted[i]]++;
    score_labels(&s);
    if (o->probability) {
        double sum = 0;
        for (int32_t i = 0; i < o->n; i++)
            sum += tn_log_loss_row(o->probability[(size_t)i * n_labels + (size_t)o->label[i]]);
        s.log_loss = sum / o->n;
    }
    *out = s;
    return TN_OK;
}
