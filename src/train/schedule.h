#ifndef TN_TRAIN_SCHEDULE_H
#define TN_TRAIN_SCHEDULE_H
/// Learning rates: a linear warm-up, then a decay to zero.
/// Source: transformers 5.23, optimization.py (get_linear_schedule_with_warmup and its neighbours).

#include "base/str.h"

typedef enum { TN_SCHEDULE_LINEAR, TN_SCHEDULE_COSINE, TN_SCHEDULE_CONSTANT } tn_schedule_kind;

typedef struct {
    tn_schedule_kind kind;
    double peak;      /* the learning rate that the factor multiplies */
    int64_t n_warmup; /* steps; the first of them has rate 0 */
    int64_t n_steps;  /* of the whole run */
} tn_schedule;

/// The rate of step k, counted from 0. Beyond n_steps a decaying schedule gives 0.
double tn_schedule_at(const tn_schedule *s, int64_t step);

/// Warm-up steps for a share of the run: ceil(n_steps * ratio), as TrainingArguments does; ratio in [0, 1].
int64_t tn_schedule_warmup(int64_t n_steps, double ratio);

/// "linear", "cosine", "constant". False for another name.
bool tn_schedule_parse(tn_str name, tn_schedule_kind *out);
const char *tn_schedule_name(tn_schedule_kind kind);

#endif
