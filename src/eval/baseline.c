/* The dense side of the baselines: logistic regression on a matrix, the majority, the probe. The n-grams are in
 * ngram.c, the solver is in logistic.c. */
#include "eval/baseline.h"
#include "base/fmath.h"
#include "eval/logistic.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- logistic regression ---- */

static tn_status check_features(const float *x, int32_t n, int32_t width, tn_err *err)
{
    for (size_t i = 0; i < (size_t)n * (size_t)width; i++)
        if (!isfinite(x[i]))
            return tn_fail(err, TN_EINVALID, "row %zu: feature %zu is %g", i / (size_t)width, i % (size_t)width,
                           (double)x[i]);
    return TN_OK;
}

static tn_status dense_design(const float *x, int32_t n, int32_t width, tn_arena *a, tn_design *out, tn_err *err)
{
    size_t n_values;
    if (n <= 0 || width <= 0 || !tn_size_mul((size_t)n, (size_t)width, &n_values))
        return tn_fail(err, TN_EINVALID, "no regression on %" PRId32 " rows of %" PRId32 " features", n, width);
    TN_TRY(check_features(x, n, width, err));
    float *xt = TN_ARENA_ARRAY(a, float, n_values);
    if (!xt)
        return tn_fail_nomem(err, n_values * sizeof *xt);
    for (int32_t r = 0; r < n; r++)
        for (int32_t f = 0; f < width; f++)
            xt[(size_t)f * n + r] = x[(size_t)r * width + f];
    *out = (tn_design){.n = n, .width = width, .x = x, .xt = xt};
    return TN_OK;
}

static tn_status take_model(const tn_solver *s, int32_t width, int32_t n_labels, tn_arena *a, tn_logistic *out,
                            tn_err *err)
{
    size_t n_weights = (size_t)n_labels * (size_t)width, stride = (size_t)tn_solver_stride(s);
    tn_logistic m = {.n_labels = n_labels,
                     .width = width,
                     .n_iterations = tn_solver_iterations(s),
                     .converged = tn_solver_converged(s)};
    m.weight = TN_ARENA_ARRAY(a, double, n_weights);
    m.bias = TN_ARENA_ARRAY(a, double, (size_t)n_labels);
    if (!m.weight || !m.bias)
        return tn_fail_nomem(err, n_weights * sizeof(double));
    const double *w = tn_solver_weights(s);
    for (int32_t k = 0; k < n_labels; k++) {
        for (int32_t f = 0; f < width; f++)
            m.weight[(size_t)k * width + f] = w[(size_t)f * stride + k];
        m.bias[k] = w[(size_t)width * stride + k];
    }
    *out = m;
    return TN_OK;
}

tn_status tn_logistic_fit(const float *x, int32_t n, int32_t width, const int32_t *label, int32_t n_labels,
                          const tn_logistic_options *options, tn_arena *a, tn_logistic *out, tn_err *err)
{
    if (!(options->l2 >= 0 && isfinite(options->l2)))
        return tn_fail(err, TN_EINVALID, "a penalty of %g", options->l2);
    tn_status st;
    tn_design design;
    tn_solver *s;
    tn_arena *work = tn_arena_new(0);
    if (!work)
        return tn_fail_nomem(err, 0);
    TN_GO(dense_design(x, n, width, work, &design, err));
    TN_GO(tn_solver_new(&design, &(tn_lesson){.n_outputs = n_labels, .label = label}, options->pool, work, &s, err));
    TN_GO(tn_solver_run(
        s,
        &(tn_solver_options){.l2 = options->l2,
                             .tolerance = options->tolerance > 0 ? options->tolerance : 1e-5,
                             .max_iterations = options->max_iterations > 0 ? options->max_iterations : 300},
        err));
    TN_GO(take_model(s, width, n_labels, a, out, err));
done:
    tn_arena_free(work);
    return st;
}

/* bias + w . x in four lanes. */
static double score(const double *w, const float *x, int32_t width, double bias)
{
    double sum[4] = {0};
    int32_t i = 0;
    for (; i + 4 <= width; i += 4)
        for (int j = 0; j < 4; j++)
            sum[j] += w[i + j] * (double)x[i + j];
    for (int j = 0; i < width; i++, j++)
        sum[j] += w[i] * (double)x[i];
    return bias + ((sum[0] + sum[2]) + (sum[1] + sum[3]));
}

void tn_logistic_predict(const tn_logistic *m, const float *x, int32_t n, float *probability)
{
    for (int32_t r = 0; r < n; r++) {
        const float *row = x + (size_t)r * m->width;
        float *p = probability + (size_t)r * m->n_labels;
        /* Scores are taken twice, so that a row needs no room in double: once for the largest, once for their exps. */
        double top = -INFINITY, sum = 0;
        for (int32_t k = 0; k < m->n_labels; k++) {
            double z = score(m->weight + (size_t)k * m->width, row, m->width, m->bias[k]);
            top = z > top ? z : top;
        }
        for (int32_t k = 0; k < m->n_labels; k++) {
            double e = tn_exp(score(m->weight + (size_t)k * m->width, row, m->width, m->bias[k]) - top);
            p[k] = (float)e;
            sum += e;
        }
        for (int32_t k = 0; k < m->n_labels; k++)
            p[k] = (float)((double)p[k] / sum);
    }
}

/* ---- majority ---- */

void tn_majority_predict(const int32_t *train_label, int32_t n_train, int32_t n_labels, int32_t n, float *probability)
{
    if (n <= 0)
        return;
    for (int32_t k = 0; k < n_labels; k++) {
        int32_t count = 0;
        for (int32_t i = 0; i < n_train; i++)
            count += train_label[i] == k;
        probability[k] = n_train > 0 ? (float)((double)count / n_train) : 1.0f / (float)n_labels;
    }
    for (int32_t r = 1; r < n; r++)
        memcpy(probability + (size_t)r * n_labels, probability, (size_t)n_labels * sizeof *probability);
}

/* ---- probe ---- */

/* Standardised features have a square length near `width`, so useful penalties do not depend on the number of rows
 * much; the strongest first. */
static const double probe_l2[] = {1, 0.3, 0.1, 0.03, 0.01, 0.001};

static void moments_of(const float *x, int32_t n, int32_t width, int32_t f, float *mean, float *scale)
{
    double sum = 0, square = 0;
    for (int32_t r = 0; r < n; r++)
        sum += (double)x[(size_t)r * width + f];
    sum /= n;
    for (int32_t r = 0; r < n; r++) {
        double d = (double)x[(size_t)r * width + f] - sum;
        square += d * d;
    }
    double deviation = sqrt(square / n);
    *mean = (float)sum;
    /* A feature that never changes says nothing; what is left of it is rounding. */
    *scale = deviation > 1e-6 * fabs(sum) && (float)deviation > 0 ? (float)deviation : 1;
}

static void standardise(const tn_probe *p, const float *x, int32_t width, float *out)
{
    for (int32_t f = 0; f < width; f++)
        out[f] = (x[f] - p->mean[f]) / p->scale[f];
}

tn_status tn_probe_fit(const float *x, int32_t n, int32_t width, const int32_t *label, int32_t n_labels,
                       int32_t n_folds, tn_pool *pool, tn_arena *a, tn_probe *out, tn_err *err)
{
    return tn_probe_learn(x, n, width, &(tn_lesson){.n_outputs = n_labels, .label = label}, n_folds, pool, a, out, err);
}

tn_status tn_probe_learn(const float *x, int32_t n, int32_t width, const tn_lesson *lesson, int32_t n_folds, tn_pool *pool,
                         tn_arena *a, tn_probe *out, tn_err *err)
{
    if (n <= 0 || width <= 0)
        return tn_fail(err, TN_EINVALID, "no probe on %" PRId32 " rows of %" PRId32 " features", n, width);
    tn_status st;
    tn_design design;
    tn_solver *s;
    tn_choice choice;
    tn_arena *work = tn_arena_new(0);
    if (!work)
        return tn_fail_nomem(err, 0);
    tn_probe p = {.kind = lesson->kind, .mean = TN_ARENA_ARRAY(a, float, (size_t)width), .scale = TN_ARENA_ARRAY(a, float, (size_t)width)};
    size_t n_values;
    float *z = tn_size_mul((size_t)n, (size_t)width, &n_values) ? TN_ARENA_ARRAY(work, float, n_values) : NULL;
    if (!z || !p.mean || !p.scale) {
        st = tn_fail_nomem(err, (size_t)n * (size_t)width * sizeof(float));
        goto done;
    }
    TN_GO(check_features(x, n, width, err));
    for (int32_t f = 0; f < width; f++)
        moments_of(x, n, width, f, &p.mean[f], &p.scale[f]);
    for (int32_t r = 0; r < n; r++)
        standardise(&p, x + (size_t)r * width, width, z + (size_t)r * width);
    TN_GO(dense_design(z, n, width, work, &design, err));
    TN_GO(tn_solver_new(&design, lesson, pool, work, &s, err));
    TN_GO(tn_solver_choose(
        s, &(tn_choice_options){.l2 = probe_l2, .n_l2 = TN_COUNT(probe_l2), .n_folds = n_folds > 0 ? n_folds : 5},
        &choice, err));
    p.l2 = probe_l2[choice.best];
    p.n_folds = choice.n_folds;
    p.cv_mean = choice.mean;
    p.cv_se = choice.se;
    TN_GO(tn_solver_run(s, &(tn_solver_options){.l2 = p.l2, .tolerance = 1e-5, .max_iterations = 300}, err));
    TN_GO(take_model(s, width, lesson->n_outputs, a, &p.model, err));
    *out = p;
done:
    tn_arena_free(work);
    return st;
}

tn_status tn_probe_predict(const tn_probe *p, const float *x, int32_t n, float *probability, tn_err *err)
{
    int32_t width = p->model.width;
    float *z = tn_mem_alloc((size_t)width * sizeof *z);
    if (!z)
        return tn_fail_nomem(err, (size_t)width * sizeof *z);
    for (int32_t r = 0; r < n; r++) {
        standardise(p, x + (size_t)r * width, width, z);
        float *to = probability + (size_t)r * (size_t)p->model.n_labels;
        if (p->kind == TN_LEARN_CLASSES) {
            tn_logistic_predict(&p->model, z, 1, to);
            continue;
        }
        for (int32_t k = 0; k < p->model.n_labels; k++) {
            double v = score(p->model.weight + (size_t)k * (size_t)width, z, width, p->model.bias[k]);
            tn_lesson_output(p->kind, &v, 1);
            to[k] = (float)v;
        }
    }
    tn_mem_free(z);
    return TN_OK;
}
