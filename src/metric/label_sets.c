/* Each row keeps the few (label, what happened) entries that are not "no, rightly": hits, false alarms and misses. Counts
 * of a sample are sums over entries; LRAP is a sum of values of rows; only average precision needs the order of scores,
 * which is sorted once for each label.
 *
 * Counts are whole numbers in doubles, exact below 2^53. Sums of fractions go over rows, then labels, in their order. */
#include "metric/label_sets.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t label;
    bool has, given;
} entry;

struct tn_set_measure {
    int32_t n, n_labels;
    size_t *at;       /* [n + 1]: entries of row i */
    entry *entry;
    double *samples;  /* [n] F1 of the row */
    double *lrap;     /* [n]; NULL without scores */
    uint32_t *order;  /* [n_labels, n]: rows by falling score; NULL: no average precision */
    const tn_label_sets *o;
};

typedef struct {
    float score;
    uint32_t row;
} ranked_row;

static int by_falling_score(const void *x, const void *y)
{
    const ranked_row *a = x, *b = y;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static double ratio(double a, double b)
{
    return b == 0 ? 0 : a / b;
}

static double f1_of(double hit, double false_alarm, double missed)
{
    return ratio(2 * hit, 2 * hit + false_alarm + missed);
}

/* Mean over the row's labels of: the share of labels that it has, among those scored as high or higher. */
static double lrap_of(const uint8_t *label, const float *score, int32_t n)
{
    int32_t n_has = 0;
    double sum = 0;
    for (int32_t k = 0; k < n; k++)
        n_has += label[k];
    if (n_has == 0 || n_has == n)
        return 1;
    for (int32_t k = 0; k < n; k++) {
        int32_t above = 0, right = 0;
        if (!label[k])
            continue;
        for (int32_t j = 0; j < n; j++)
            if (score[j] >= score[k]) {
                above++;
                right += label[j];
            }
        sum += (double)right / above;
    }
    return sum / n_has;
}

static tn_status keep_entries(const tn_label_sets *o, tn_set_measure *m, tn_arena *a, tn_err *err)
{
    size_t n_entries = 0, k = 0, width = (size_t)o->n_labels;
    for (size_t i = 0; i < (size_t)o->n * width; i++)
        n_entries += o->label[i] || o->predicted[i];
    m->at = TN_ARENA_ARRAY(a, size_t, (size_t)o->n + 1);
    m->entry = TN_ARENA_ARRAY(a, entry, n_entries);
    m->samples = TN_ARENA_ARRAY(a, double, (size_t)o->n);
    if (!m->at || !m->entry || !m->samples)
        return tn_fail_nomem(err, n_entries * sizeof *m->entry);
    for (int32_t i = 0; i < o->n; i++) {
        double hit = 0, wrong = 0;
        m->at[i] = k;
        for (int32_t l = 0; l < o->n_labels; l++) {
            bool has = o->label[(size_t)i * width + (size_t)l], given = o->predicted[(size_t)i * width + (size_t)l];
            hit += has && given;
            wrong += has != given;
            if (has || given)
                m->entry[k++] = (entry){l, has, given};
        }
        m->samples[i] = f1_of(hit, wrong, 0);
    }
    m->at[o->n] = k;
    return TN_OK;
}

static tn_status rank_labels(const tn_label_sets *o, tn_set_measure *m, tn_arena *a, tn_err *err)
{
    size_t n = (size_t)o->n;
    m->order = TN_ARENA_ARRAY(a, uint32_t, n * (size_t)o->n_labels);
    ranked_row *r = tn_mem_alloc(n * sizeof *r);
    if (!m->order || !r) {
        tn_mem_free(r);
        return tn_fail_nomem(err, n * (size_t)o->n_labels * sizeof *m->order);
    }
    for (int32_t l = 0; l < o->n_labels; l++) {
        for (size_t i = 0; i < n; i++)
            r[i] = (ranked_row){o->score[i * (size_t)o->n_labels + (size_t)l], (uint32_t)i};
        qsort(r, n, sizeof *r, by_falling_score);
        for (size_t i = 0; i < n; i++)
            m->order[(size_t)l * n + i] = r[i].row;
    }
    tn_mem_free(r);
    return TN_OK;
}

tn_status tn_set_measure_new(const tn_label_sets *o, bool ranked, tn_arena *a, tn_set_measure **out, tn_err *err)
{
    size_t size;
    if (o->n < 1 || o->n_labels < 1)
        return tn_fail(err, TN_EINVALID, "metrics need rows and labels: there are %" PRId32 " and %" PRId32, o->n, o->n_labels);
    if (!tn_size_mul((size_t)o->n, (size_t)o->n_labels, &size))
        return tn_fail_nomem(err, SIZE_MAX);
    for (size_t i = 0; o->score && i < size; i++)
        if (!(o->score[i] >= 0 && o->score[i] <= 1))
            return tn_fail(err, TN_EINVALID, "row %zu: a score is not between 0 and 1", i / (size_t)o->n_labels);
    tn_set_measure *m = tn_arena_calloc(a, sizeof *m);
    if (!m)
        return tn_fail_nomem(err, sizeof *m);
    m->n = o->n;
    m->n_labels = o->n_labels;
    m->o = o;
    TN_TRY(keep_entries(o, m, a, err));
    if (o->score) {
        m->lrap = TN_ARENA_ARRAY(a, double, (size_t)o->n);
        if (!m->lrap)
            return tn_fail_nomem(err, (size_t)o->n * sizeof *m->lrap);
        for (int32_t i = 0; i < o->n; i++)
            m->lrap[i] = lrap_of(o->label + (size_t)i * (size_t)o->n_labels, o->score + (size_t)i * (size_t)o->n_labels, o->n_labels);
        if (ranked)
            TN_TRY(rank_labels(o, m, a, err));
    }
    *out = m;
    return TN_OK;
}

size_t tn_set_measure_scratch(const tn_set_measure *m)
{
    return 3 * (size_t)m->n_labels * sizeof(double);
}

/* Sum over distinct scores, from the highest: growth of recall times precision. */
static double average_precision(const tn_set_measure *m, int32_t label, const uint32_t *times)
{
    const uint32_t *order = m->order + (size_t)label * (size_t)m->n;
    size_t width = (size_t)m->n_labels;
    double has = 0, seen = 0, found = 0, before = 0, sum = 0;
    for (int32_t i = 0; i < m->n; i++)
        has += times[i] * (double)m->o->label[(size_t)i * width + (size_t)label];
    if (has == 0)
        return 0;
    for (int32_t k = 0; k < m->n; k++) {
        size_t i = order[k];
        seen += times[i];
        found += times[i] * (double)m->o->label[i * width + (size_t)label];
        bool last = k + 1 == m->n || m->o->score[(size_t)order[k + 1] * width + (size_t)label] != m->o->score[i * width + (size_t)label];
        if (last && found > before) {
            sum += (found - before) / has * (found / seen);
            before = found;
        }
    }
    return sum;
}

void tn_set_measure_values(const void *self, void *scratch, const uint32_t *times, double *value)
{
    const tn_set_measure *m = self;
    size_t width = (size_t)m->n_labels;
    double *hit = scratch, *false_alarm = hit + width, *missed = false_alarm + width, all[3] = {0};
    double n = 0, samples = 0, subset = 0, lrap = 0, macro = 0, map = 0;
    memset(scratch, 0, 3 * width * sizeof(double));
    for (int32_t i = 0; i < m->n; i++) {
        bool right = true;
        if (times[i] == 0)
            continue;
        for (size_t k = m->at[i]; k < m->at[i + 1]; k++) {
            const entry *e = &m->entry[k];
            double *of = e->has && e->given ? hit : e->given ? false_alarm : missed;
            of[e->label] += times[i];
            right &= e->has && e->given;
        }
        n += times[i];
        samples += times[i] * m->samples[i];
        subset += right ? times[i] : 0;
        lrap += m->lrap ? times[i] * m->lrap[i] : 0;
    }
    for (size_t l = 0; l < width; l++) {
        all[0] += hit[l];
        all[1] += false_alarm[l];
        all[2] += missed[l];
        macro += f1_of(hit[l], false_alarm[l], missed[l]);
        map += m->order ? average_precision(m, (int32_t)l, times) : 0;
    }
    value[TN_SET_MICRO_F1] = f1_of(all[0], all[1], all[2]);
    value[TN_SET_MACRO_F1] = macro / (double)width;
    value[TN_SET_SAMPLES_F1] = samples / n;
    value[TN_SET_SUBSET_ACCURACY] = subset / n;
    value[TN_SET_HAMMING_LOSS] = (all[1] + all[2]) / (n * (double)width);
    value[TN_SET_LRAP] = m->lrap ? lrap / n : NAN;
    value[TN_SET_MAP] = m->order ? map / (double)width : NAN;
}

void tn_label_sets_per_label(const tn_label_sets *o, tn_class_score *out)
{
    for (int32_t l = 0; l < o->n_labels; l++) {
        double hit = 0, false_alarm = 0, missed = 0;
        for (int32_t i = 0; i < o->n; i++) {
            bool has = o->label[(size_t)i * (size_t)o->n_labels + (size_t)l], given = o->predicted[(size_t)i * (size_t)o->n_labels + (size_t)l];
            hit += has && given;
            false_alarm += given && !has;
            missed += has && !given;
        }
        out[l] = (tn_class_score){.precision = ratio(hit, hit + false_alarm), .recall = ratio(hit, hit + missed), .f1 = f1_of(hit, false_alarm, missed),
                                  .support = (int32_t)(hit + missed), .n_predicted = (int32_t)(hit + false_alarm)};
    }
}

double tn_label_sets_row(const tn_label_sets *o, int32_t row)
{
    const uint8_t *has = o->label + (size_t)row * (size_t)o->n_labels, *given = o->predicted + (size_t)row * (size_t)o->n_labels;
    int32_t right = 0;
    for (int32_t l = 0; l < o->n_labels; l++)
        right += has[l] == given[l];
    return (double)right / o->n_labels;
}

tn_status tn_best_threshold(const float *score, const uint8_t *label, int32_t n, size_t stride, float *threshold, double *f1, tn_err *err)
{
    ranked_row *r = tn_mem_alloc(((size_t)n + 1) * sizeof *r);
    double has = 0, found = 0;
    *threshold = 0.5f;
    *f1 = 0;
    if (!r)
        return tn_fail_nomem(err, (size_t)n * sizeof *r);
    for (int32_t i = 0; i < n; i++) {
        r[i] = (ranked_row){score[(size_t)i * stride], (uint32_t)i};
        has += label[(size_t)i * stride];
    }
    qsort(r, (size_t)n, sizeof *r, by_falling_score);
    for (int32_t k = 0; k < n && has > 0; k++) {
        found += label[(size_t)r[k].row * stride];
        if (k + 1 < n && r[k + 1].score == r[k].score)
            continue;
        double here = f1_of(found, k + 1 - found, has - found);
        if (here < *f1 || here == 0)
            continue;
        *f1 = here;
        *threshold = k + 1 < n ? r[k].score / 2 + r[k + 1].score / 2 : r[k].score / 2;
        if (k + 1 < n && *threshold <= r[k + 1].score) /* neighbours: nothing lies between */
            *threshold = r[k].score;
    }
    tn_mem_free(r);
    return TN_OK;
}
