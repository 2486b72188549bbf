#ifndef TN_EVAL_LOGISTIC_H
#define TN_EVAL_LOGISTIC_H
/// The solver behind tn_logistic_fit, the n-gram baseline and the probe: one design matrix, many fits.

#include "eval/baseline.h"

/// Features of n rows, dense or sparse. Both forms are held by row and by column, so that scores are sums over a row
/// and gradients sums over a column: every sum has one order and one owner, whatever the threads.
typedef struct {
    int32_t n, width;
    const float *x, *xt;                      /* dense: [n, width], [width, n]; NULL when sparse */
    const size_t *row_at, *column_at;         /* sparse: [n + 1], [width + 1] */
    const uint32_t *row_index, *column_index; /* ascending in columns */
    const float *row_value, *column_value;
} tn_design;

typedef struct tn_solver tn_solver;
/// Memory from the arena, about 18 (width + 1) (n_outputs + 3) doubles; the design, the lesson's arrays and the pool are
/// borrowed. The objective is the mean over rows of the lesson's loss (cross-entropy; the sum over labels of binary
/// cross-entropy; half the squared error) + l2/2 |W|^2.
tn_status tn_solver_new(const tn_design *x, const tn_lesson *lesson, tn_pool *pool, tn_arena *a, tn_solver **out,
                        tn_err *err);

typedef struct {
    double l2, tolerance;
    int32_t max_iterations;
    const uint8_t *held_out; /* [n], rows that are not there; NULL = none */
} tn_solver_options;
/// Goes on from the weights as they are: zeros at first and after tn_solver_zero. TN_EINTR when interrupted.
tn_status tn_solver_run(tn_solver *s, const tn_solver_options *o, tn_err *err);
void tn_solver_zero(tn_solver *s);
int32_t tn_solver_iterations(const tn_solver *s); /* of the last run */
bool tn_solver_converged(const tn_solver *s);
/// Weight of a feature for each label, tn_solver_stride apart from the next feature's; feature `width` is the bias.
const double *tn_solver_weights(const tn_solver *s);
int32_t tn_solver_stride(const tn_solver *s);

/// Cross-validation for each penalty: macro F1 of the held-out rows, R² of VALUES.
typedef struct {
    const double *l2; /* [n_l2], strongest first: each fold starts the next from the last */
    int32_t n_l2;
    int32_t n_folds;       /* fewer when the smallest label has fewer rows, at least 2 */
    const char *label;     /* of the progress bar */
    tn_progress *progress; /* may be NULL */
} tn_choice_options;
typedef struct {
    int32_t best; /* index into l2: the highest mean, the strongest of equals */
    int32_t n_folds;
    double mean, se;
} tn_choice;
/// Without two rows of two labels there is nothing to hold out: best is the middle one, n_folds 0, mean and se NAN.
tn_status tn_solver_choose(tn_solver *s, const tn_choice_options *o, tn_choice *out, tn_err *err);

/// z[n] scores become what the lesson has: softmax, sigmoids, or themselves.
void tn_lesson_output(tn_learn_kind kind, double *z, int32_t n);
/// z[n] scores become probabilities that sum to 1; returns ln(sum of exp z).
double tn_softmax_f64(double *z, int32_t n);

#endif
