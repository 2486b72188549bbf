/* Linear models (multinomial and binary logistic regression, ridge) by L-BFGS (Nocedal 1980; Liu and Nocedal 1989) with a bisection search for the weak
 * Wolfe conditions (Lewis and Overton 2013): the objective is smooth and convex, so the first trial is nearly always
 * taken.
 *
 * Weights lie feature by feature, the labels of a feature side by side and padded to four, the bias as one more
 * feature. So a row's scores are a sum of whole stretches, and so is a feature's gradient over the rows' errors.
 *
 * Invariant: sums run over a row's features, a feature's rows, or blocks of BLOCK elements folded in order: never over
 * what a thread happened to get. Padded labels stay exactly zero.
 *
 * Tried and dropped: a history of 10, which took 8 % more time and a third more memory on 77 labels. */
#include "eval/logistic.h"
#include "base/fmath.h"
#include "base/rng.h"
#include "num/f64.h"
#include "num/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    HISTORY = 6,
    BLOCK = 8192,  /* elements of a vector a task: 64 KB */
    ROWS = 32,     /* rows a task: their scores stay in the first cache */
    FEATURES = 16, /* features a task */
    TILE = 64,     /* features (or rows) of a dense pass that are walked for all rows (features) of a task */
    MAX_TRIALS = 30,
};

struct tn_solver {
    tn_design x;
    tn_lesson lesson;
    int32_t n_labels, stride; /* outputs; and padded */
    tn_pool *pool;
    const tn_f64_kernels *k;
    size_t dim; /* (width + 1) * stride */
    double *w, *g, *d, *w0, *g0;
    double *s[HISTORY], *y[HISTORY], rho[HISTORY];
    int n_pairs, newest;
    double *z;    /* [n, stride]: scores, then errors (p - y) / n */
    double *loss; /* [n] */
    double *part; /* a block's share of a sum */
    /* of the run */
    const uint8_t *held_out;
    int32_t n_used, n_iterations;
    double l2;
    bool converged;
};

double tn_softmax_f64(double *z, int32_t n)
{
    double top = z[0], sum = 0;
    for (int32_t i = 1; i < n; i++)
        top = z[i] > top ? z[i] : top;
    for (int32_t i = 0; i < n; i++)
        sum += z[i] = tn_exp(z[i] - top);
    for (int32_t i = 0; i < n; i++)
        z[i] /= sum;
    return top + tn_log(sum);
}

static double sigmoid(double z)
{
    double e = tn_exp(z < 0 ? z : -z);
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
}

void tn_lesson_output(tn_learn_kind kind, double *z, int32_t n)
{
    if (kind == TN_LEARN_CLASSES)
        tn_softmax_f64(z, n);
    for (int32_t i = 0; kind == TN_LEARN_FLAGS && i < n; i++)
        z[i] = sigmoid(z[i]);
}

/* ---- vectors, in blocks ---- */

typedef struct {
    tn_solver *s;
    double *y, f;
    const double *x, *u;
    size_t n;
} pass;

/* y += f x, then u . y; either may be left out (x or u NULL). */
static void pass_block(void *ctx, size_t task, int worker)
{
    pass *p = ctx;
    size_t from = task * BLOCK, n = p->n - from < BLOCK ? p->n - from : BLOCK;
    if (p->x)
        p->s->k->add(p->y + from, p->f, p->x + from, n);
    if (p->u)
        p->s->part[task] = p->s->k->dot(p->u + from, p->y + from, n);
}

static double run_pass(pass *p)
{
    size_t n_tasks = (p->n + BLOCK - 1) / BLOCK;
    tn_pool_run(p->s->pool, n_tasks, pass_block, p);
    double sum = 0;
    for (size_t i = 0; p->u && i < n_tasks; i++)
        sum += p->s->part[i];
    return sum;
}

static double add_dot(tn_solver *s, double *y, double f, const double *x, const double *u)
{
    return run_pass(&(pass){s, y, f, x, u, s->dim});
}

static double dot(tn_solver *s, const double *u, const double *y, size_t n)
{
    return run_pass(&(pass){s, (double *)y, 0, NULL, u, n}); /* without x, y is only read */
}

static double largest(const double *v, size_t n)
{
    double top = 0;
    for (size_t i = 0; i < n; i++) {
        double a = fabs(v[i]);
        top = a > top ? a : top;
    }
    return top;
}

/* ---- the objective ---- */

static bool is_held_out(const tn_solver *s, int32_t row)
{
    return s->held_out && s->held_out[row];
}

static void score_rows(tn_solver *s, int32_t from, int32_t to, bool held_out)
{
    const tn_design *x = &s->x;
    const double *bias = s->w + (size_t)x->width * (size_t)s->stride;
    for (int32_t r = from; r < to; r++)
        if (is_held_out(s, r) == held_out)
            memcpy(s->z + (size_t)r * s->stride, bias, (size_t)s->stride * sizeof *bias);
    for (int32_t f = 0; x->x && f < x->width; f += TILE) {
        size_t n = (size_t)(x->width - f < TILE ? x->width - f : TILE);
        for (int32_t r = from; r < to; r++)
            if (is_held_out(s, r) == held_out)
                s->k->sum_dense(s->z + (size_t)r * s->stride, s->stride, x->x + (size_t)r * x->width + f, n,
                                s->w + (size_t)f * s->stride);
    }
    for (int32_t r = from; !x->x && r < to; r++)
        if (is_held_out(s, r) == held_out)
            s->k->sum_sparse(s->z + (size_t)r * s->stride, s->stride, x->row_index + x->row_at[r],
                             x->row_value + x->row_at[r], x->row_at[r + 1] - x->row_at[r], s->w);
}

/* Scores become the derivative of the row's loss. */
static double take_loss(const tn_solver *s, int32_t r, double *z)
{
    const tn_lesson *l = &s->lesson;
    double loss = 0;
    if (l->kind == TN_LEARN_CLASSES) {
        double right = z[l->label[r]];
        loss = tn_softmax_f64(z, s->n_labels) - right;
        z[l->label[r]] -= 1;
        return loss;
    }
    const float *want = l->value + (size_t)r * (size_t)s->n_labels;
    for (int32_t j = 0; j < s->n_labels; j++) {
        double y = (double)want[j];
        if (l->kind == TN_LEARN_FLAGS) {
            /* ln(1 + e^z) - y z, from the side where nothing overflows. */
            loss += (z[j] > 0 ? z[j] : 0) + tn_log(1 + tn_exp(-fabs(z[j]))) - y * z[j];
            z[j] = sigmoid(z[j]) - y;
        } else {
            z[j] -= y;
            loss += z[j] * z[j] / 2;
        }
    }
    return loss;
}

/* Scores, losses and errors of rows; a row that is held out has neither. */
static void forward_rows(void *ctx, size_t task, int worker)
{
    tn_solver *s = ctx;
    int32_t from = (int32_t)task * ROWS, to = s->x.n - from < ROWS ? s->x.n : from + ROWS;
    score_rows(s, from, to, false);
    for (int32_t r = from; r < to; r++) {
        double *z = s->z + (size_t)r * s->stride;
        if (is_held_out(s, r)) {
            memset(z, 0, (size_t)s->stride * sizeof *z);
            s->loss[r] = 0;
            continue;
        }
        s->loss[r] = take_loss(s, r, z);
        for (int32_t j = 0; j < s->n_labels; j++)
            z[j] /= s->n_used;
    }
}

static void predict_rows(void *ctx, size_t task, int worker)
{
    tn_solver *s = ctx;
    int32_t from = (int32_t)task * ROWS, to = s->x.n - from < ROWS ? s->x.n : from + ROWS;
    score_rows(s, from, to, true);
}

static void gradient_features(void *ctx, size_t task, int worker)
{
    tn_solver *s = ctx;
    const tn_design *x = &s->x;
    int32_t from = (int32_t)task * FEATURES, to = x->width - from < FEATURES ? x->width : from + FEATURES;
    memset(s->g + (size_t)from * s->stride, 0, (size_t)(to - from) * s->stride * sizeof *s->g);
    for (int32_t r = 0; x->x && r < x->n; r += TILE) {
        size_t n = (size_t)(x->n - r < TILE ? x->n - r : TILE);
        for (int32_t f = from; f < to; f++)
            s->k->sum_dense(s->g + (size_t)f * s->stride, s->stride, x->xt + (size_t)f * x->n + r, n,
                            s->z + (size_t)r * s->stride);
    }
    for (int32_t f = from; !x->x && f < to; f++)
        s->k->sum_sparse(s->g + (size_t)f * s->stride, s->stride, x->column_index + x->column_at[f],
                         x->column_value + x->column_at[f], x->column_at[f + 1] - x->column_at[f], s->z);
    s->k->add(s->g + (size_t)from * s->stride, s->l2, s->w + (size_t)from * s->stride, (size_t)(to - from) * s->stride);
}

/* The objective at w, its gradient in g. */
static double evaluate(tn_solver *s)
{
    int32_t n = s->x.n, width = s->x.width;
    tn_pool_run(s->pool, ((size_t)n + ROWS - 1) / ROWS, forward_rows, s);
    tn_pool_run(s->pool, ((size_t)width + FEATURES - 1) / FEATURES, gradient_features, s);
    double *bias = s->g + (size_t)width * s->stride, loss = 0;
    memset(bias, 0, (size_t)s->stride * sizeof *bias);
    for (int32_t r = 0; r < n; r++) {
        s->k->add(bias, 1, s->z + (size_t)r * s->stride, (size_t)s->stride);
        loss += s->loss[r];
    }
    return loss / s->n_used + s->l2 / 2 * dot(s, s->w, s->w, (size_t)width * s->stride);
}

/* ---- L-BFGS ---- */

/* d = -H g by the two-loop recursion; each step adds and takes the next product in one pass. */
static void find_direction(tn_solver *s)
{
    double alpha[HISTORY];
    int n = s->n_pairs, at = s->newest;
    for (size_t i = 0; i < s->dim; i++)
        s->d[i] = -s->g[i];
    if (n == 0)
        return;
    double product = dot(s, s->s[at], s->d, s->dim);
    for (int i = 0, k = at; i < n; i++) {
        int next = (k + HISTORY - 1) % HISTORY;
        alpha[k] = s->rho[k] * product;
        product = add_dot(s, s->d, -alpha[k], s->y[k], i + 1 < n ? s->s[next] : NULL);
        k = next;
    }
    double scale = 1 / (s->rho[at] * dot(s, s->y[at], s->y[at], s->dim));
    for (size_t i = 0; i < s->dim; i++)
        s->d[i] *= scale;
    int k = (at + HISTORY - (n - 1)) % HISTORY;
    product = dot(s, s->y[k], s->d, s->dim);
    for (int i = 0; i < n; i++) {
        int next = (k + 1) % HISTORY;
        product = add_dot(s, s->d, alpha[k] - s->rho[k] * product, s->s[k], i + 1 < n ? s->y[next] : NULL);
        k = next;
    }
}

/* Moves w along d to a point that satisfies the weak Wolfe conditions; false when there is none within reach of
 * rounding. */
static bool search(tn_solver *s, double *value, double slope, double t)
{
    double low = 0, high = INFINITY, start = *value, slack = 1e-14 * fabs(start);
    memcpy(s->w0, s->w, s->dim * sizeof *s->w);
    memcpy(s->g0, s->g, s->dim * sizeof *s->g);
    for (int trial = 0; trial < MAX_TRIALS; trial++) {
        memcpy(s->w, s->w0, s->dim * sizeof *s->w);
        add_dot(s, s->w, t, s->d, NULL);
        *value = evaluate(s);
        if (!(*value <= start + 1e-4 * t * slope + slack))
            high = t;
        else if (dot(s, s->g, s->d, s->dim) < 0.9 * slope)
            low = t;
        else
            return true;
        t = high < INFINITY ? (low + high) / 2 : 2 * t;
    }
    memcpy(s->w, s->w0, s->dim * sizeof *s->w);
    memcpy(s->g, s->g0, s->dim * sizeof *s->g);
    *value = start;
    return false;
}

static void remember(tn_solver *s)
{
    int k = (s->newest + 1) % HISTORY;
    for (size_t i = 0; i < s->dim; i++) {
        s->s[k][i] = s->w[i] - s->w0[i];
        s->y[k][i] = s->g[i] - s->g0[i];
    }
    double sy = dot(s, s->s[k], s->y[k], s->dim);
    if (!(sy > 0)) /* rounding only: the objective is convex */
        return;
    s->rho[k] = 1 / sy;
    s->newest = k;
    s->n_pairs += s->n_pairs < HISTORY;
}

tn_status tn_solver_run(tn_solver *s, const tn_solver_options *o, tn_err *err)
{
    s->held_out = o->held_out;
    s->l2 = o->l2;
    s->n_used = 0;
    for (int32_t r = 0; r < s->x.n; r++)
        s->n_used += !is_held_out(s, r);
    s->n_pairs = 0;
    s->n_iterations = 0;
    double value = evaluate(s);
    while (!(s->converged = largest(s->g, s->dim) <= o->tolerance) && s->n_iterations < o->max_iterations) {
        TN_TRY(tn_interrupt_check(err));
        find_direction(s);
        double slope = dot(s, s->g, s->d, s->dim);
        if (!(slope < 0)) { /* a history spoilt by rounding */
            s->n_pairs = 0;
            find_direction(s);
            slope = dot(s, s->g, s->d, s->dim);
        }
        /* Without history the first step has length 1: weights are of that order. */
        double t = s->n_pairs ? 1 : 1 / sqrt(-slope);
        if (!search(s, &value, slope, t)) {
            if (s->n_pairs == 0)
                break;
            s->n_pairs = 0;
            continue;
        }
        remember(s);
        s->n_iterations++;
    }
    return TN_OK;
}

void tn_solver_zero(tn_solver *s)
{
    memset(s->w, 0, s->dim * sizeof *s->w);
}

int32_t tn_solver_iterations(const tn_solver *s)
{
    return s->n_iterations;
}

bool tn_solver_converged(const tn_solver *s)
{
    return s->converged;
}

const double *tn_solver_weights(const tn_solver *s)
{
    return s->w;
}

int32_t tn_solver_stride(const tn_solver *s)
{
    return s->stride;
}

tn_status tn_solver_new(const tn_design *x, const tn_lesson *lesson, tn_pool *pool, tn_arena *a, tn_solver **out,
                        tn_err *err)
{
    int32_t n_labels = lesson->n_outputs;
    const int32_t *label = lesson->label;
    if (x->n <= 0 || x->width < 0 || n_labels <= 0)
        return tn_fail(err, TN_EINVALID,
                       "no regression on %" PRId32 " rows, %" PRId32 " features and %" PRId32 " labels", x->n, x->width,
                       n_labels);
    for (int32_t r = 0; r < x->n && label; r++)
        if (label[r] < (lesson->kind == TN_LEARN_CLASSES ? 0 : -1) || label[r] >= n_labels)
            return tn_fail(err, TN_EINVALID, "row %" PRId32 ": label %" PRId32 " of %" PRId32, r, label[r], n_labels);
    size_t stride = ((size_t)n_labels + 3) / 4 * 4, dim, n_scores;
    if (!tn_size_mul((size_t)x->width + 1, stride, &dim) || !tn_size_mul((size_t)x->n, stride, &n_scores) ||
        stride > INT32_MAX)
        return tn_fail(err, TN_EINVALID, "%" PRId32 " labels of %" PRId32 " features are too many", n_labels, x->width);

    tn_solver *s = tn_arena_calloc(a, sizeof *s);
    if (!s)
        return tn_fail_nomem(err, sizeof *s);
    s->x = *x;
    s->lesson = *lesson;
    s->n_labels = n_labels;
    s->stride = (int32_t)stride;
    s->pool = pool;
    s->k = tn_f64_kernels_get(tn_isa_detect());
    s->dim = dim;
    double **vector[] = {&s->w, &s->g, &s->d, &s->w0, &s->g0};
    bool whole = true;
    for (size_t i = 0; i < TN_COUNT(vector) && whole; i++)
        whole = (*vector[i] = TN_ARENA_ARRAY(a, double, dim)) != NULL;
    for (int i = 0; i < HISTORY && whole; i++)
        whole = (s->s[i] = TN_ARENA_ARRAY(a, double, dim)) && (s->y[i] = TN_ARENA_ARRAY(a, double, dim));
    whole = whole && (s->z = TN_ARENA_ARRAY(a, double, n_scores)) &&
            (s->loss = TN_ARENA_ARRAY(a, double, (size_t)x->n)) &&
            (s->part = TN_ARENA_ARRAY(a, double, dim / BLOCK + 1));
    if (!whole)
        return tn_fail_nomem(err, dim * sizeof(double));
    tn_solver_zero(s);
    memset(s->z, 0, n_scores * sizeof *s->z);
    *out = s;
    return TN_OK;
}

/* ---- choosing a penalty ---- */

/* Rows of each label, in an order drawn from the counter rng, are dealt to the folds in turn; the next label goes on
 * where the last one stopped. */
static tn_status deal_folds(const int32_t *label, int32_t n, int32_t first_label, int32_t n_labels, int32_t n_folds,
                            int32_t *fold, tn_err *err)
{
    uint32_t *row = tn_mem_alloc((size_t)n * sizeof *row), next = 0;
    if (!row)
        return tn_fail_nomem(err, (size_t)n * sizeof *row);
    for (int32_t k = first_label; k < (label ? n_labels : first_label + 1); k++) {
        uint32_t m = 0;
        for (int32_t r = 0; r < n; r++)
            if (!label || label[r] == k)
                row[m++] = (uint32_t)r;
        tn_rng rng = tn_rng_init(0, (uint64_t)(int64_t)k);
        tn_rng_shuffle(&rng, row, m);
        for (uint32_t i = 0; i < m; i++)
            fold[row[i]] = (int32_t)(next++ % (uint32_t)n_folds);
    }
    tn_mem_free(row);
    return TN_OK;
}

/* Of all values of the held-out rows. */
static double held_out_r2(const tn_solver *s)
{
    double mean = 0, square = 0, spread = 0, n = 0;
    for (int look = 0; look < 2; look++) {
        for (int32_t r = 0; r < s->x.n; r++)
            for (int32_t j = 0; is_held_out(s, r) && j < s->n_labels; j++) {
                double y = (double)s->lesson.value[(size_t)r * (size_t)s->n_labels + (size_t)j], z = s->z[(size_t)r * (size_t)s->stride + (size_t)j];
                if (look == 0) {
                    mean += y;
                    n += 1;
                } else {
                    square += (y - z) * (y - z);
                    spread += (y - mean) * (y - mean);
                }
            }
        mean = look == 0 && n > 0 ? mean / n : mean;
    }
    return spread > 0 ? 1 - square / spread : 0;
}

static double held_out_score(tn_solver *s, int32_t *count)
{
    tn_pool_run(s->pool, ((size_t)s->x.n + ROWS - 1) / ROWS, predict_rows, s);
    if (s->lesson.kind == TN_LEARN_VALUES)
        return held_out_r2(s);
    memset(count, 0, 3 * (size_t)s->n_labels * sizeof *count);
    int32_t *hits = count, *label = count + s->n_labels, *predicted = count + 2 * (size_t)s->n_labels;
    for (int32_t r = 0; r < s->x.n; r++) {
        if (!is_held_out(s, r))
            continue;
        const double *z = s->z + (size_t)r * s->stride;
        if (s->lesson.kind == TN_LEARN_FLAGS) {
            const float *want = s->lesson.value + (size_t)r * (size_t)s->n_labels;
            for (int32_t j = 0; j < s->n_labels; j++) {
                label[j] += want[j] > 0;
                predicted[j] += z[j] >= 0;
                hits[j] += want[j] > 0 && z[j] >= 0;
            }
            continue;
        }
        int32_t best = 0;
        for (int32_t j = 1; j < s->n_labels; j++)
            best = z[j] > z[best] ? j : best;
        label[s->lesson.label[r]]++;
        predicted[best]++;
        hits[best] += best == s->lesson.label[r];
    }
    return tn_metric_of_margins(TN_METRIC_MACRO_F1, hits, label, predicted, s->n_labels);
}

/* Rows of the smallest label that occurs; *n_present labels occur. */
static int32_t smallest_label(const tn_solver *s, int32_t *count, int32_t *n_present)
{
    if (s->lesson.kind != TN_LEARN_CLASSES) { /* folds are as even as may be; nothing has to be in each */
        *n_present = 2;
        return INT32_MAX;
    }
    memset(count, 0, (size_t)s->n_labels * sizeof *count);
    for (int32_t r = 0; r < s->x.n; r++)
        count[s->lesson.label[r]]++;
    int32_t least = INT32_MAX;
    *n_present = 0;
    for (int32_t k = 0; k < s->n_labels; k++)
        if (count[k]) {
            least = count[k] < least ? count[k] : least;
            ++*n_present;
        }
    return least;
}

static void take_best(const double *f1, int32_t n_l2, int32_t n_folds, tn_choice *out)
{
    out->n_folds = n_folds;
    out->mean = -INFINITY;
    for (int32_t i = 0; i < n_l2; i++) {
        double mean = 0, square = 0;
        for (int32_t k = 0; k < n_folds; k++)
            mean += f1[i * n_folds + k];
        mean /= n_folds;
        for (int32_t k = 0; k < n_folds; k++)
            square += (f1[i * n_folds + k] - mean) * (f1[i * n_folds + k] - mean);
        if (mean > out->mean)
            *out = (tn_choice){i, n_folds, mean, sqrt(square / (n_folds - 1) / n_folds)};
    }
}

tn_status tn_solver_choose(tn_solver *s, const tn_choice_options *o, tn_choice *out, tn_err *err)
{
    tn_status st = TN_OK;
    *out = (tn_choice){o->n_l2 / 2, 0, NAN, NAN};
    int32_t n = s->x.n, n_present;
    int32_t *count = tn_mem_alloc(3 * (size_t)s->n_labels * sizeof *count),
            *fold = tn_mem_alloc((size_t)n * sizeof *fold);
    uint8_t *held_out = tn_mem_alloc((size_t)n);
    int32_t most_folds = o->n_folds < 2 ? 2 : o->n_folds;
    double *f1 = tn_mem_alloc((size_t)o->n_l2 * (size_t)most_folds * sizeof *f1);
    if (!count || !fold || !held_out || !f1) {
        st = tn_fail_nomem(err, (size_t)n * sizeof *fold);
        goto done;
    }
    int32_t least = smallest_label(s, count, &n_present), n_folds = most_folds < least ? most_folds : least;
    n_folds = n_folds < 2 ? 2 : n_folds;
    if (n_present < 2 || n < 4)
        goto done;
    TN_GO(deal_folds(s->lesson.label, n, s->lesson.kind == TN_LEARN_CLASSES ? 0 : -1, s->n_labels, n_folds, fold, err));
    for (int32_t k = 0; k < n_folds; k++) {
        for (int32_t r = 0; r < n; r++)
            held_out[r] = fold[r] == k;
        tn_solver_zero(s);
        for (int32_t i = 0; i < o->n_l2; i++) {
            if (o->progress)
                tn_progress_show(o->progress, o->label, (uint64_t)(k * o->n_l2 + i), (uint64_t)(n_folds * o->n_l2),
                                 NULL);
            /* A loose end is enough to rank penalties: scikit-learn's default tolerance. */
            TN_GO(tn_solver_run(s, &(tn_solver_options){o->l2[i], 1e-4, 100, held_out}, err));
            f1[i * n_folds + k] = held_out_score(s, count);
        }
    }
    if (o->progress)
        tn_progress_show(o->progress, o->label, 1, 1, NULL);
    take_best(f1, o->n_l2, n_folds, out);
done:
    tn_solver_zero(s);
    tn_mem_free(count);
    tn_mem_free(fold);
    tn_mem_free(held_out);
    tn_mem_free(f1);
    return st;
}
