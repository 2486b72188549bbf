/* The factor is computed in double, as Python does; the optimiser rounds to f32 once, where torch does.
 * Everything is a function of the step number, so a resumed run needs no state from here. */
#include "train/schedule.h"
#include "base/fmath.h"

#include <math.h>

static const struct {
    tn_schedule_kind kind;
    const char *name;
} NAMES[] = {{TN_SCHEDULE_LINEAR, "linear"}, {TN_SCHEDULE_COSINE, "cosine"}, {TN_SCHEDULE_CONSTANT, "constant"}};

static double factor(const tn_schedule *s, int64_t step)
{
    if (step < s->n_warmup)
        return (double)step / (double)s->n_warmup;
    if (s->kind == TN_SCHEDULE_CONSTANT)
        return 1;
    if (step >= s->n_steps)
        return 0;
    /* Here n_warmup <= step < n_steps, so the divisor is at least 1. */
    double rest = (double)(s->n_steps - s->n_warmup);
    if (s->kind == TN_SCHEDULE_LINEAR)
        return (double)(s->n_steps - step) / rest;
    double pi = 0x1.921fb54442d18p+1, progress = (double)(step - s->n_warmup) / rest;
    double f = 0.5 * (1 + tn_cos(pi * progress));
    return f > 0 ? f : 0;
}

double tn_schedule_at(const tn_schedule *s, int64_t step)
{
    TN_ASSERT(step >= 0);
    return s->peak * factor(s, step);
}

int64_t tn_schedule_warmup(int64_t n_steps, double ratio)
{
    int64_t n = (int64_t)ceil((double)n_steps * ratio);
    return n < n_steps ? n : n_steps;
}

bool tn_schedule_parse(tn_str name, tn_schedule_kind *out)
{
    for (size_t i = 0; i < TN_COUNT(NAMES); i++) {
        if (tn_str_is(name, NAMES[i].name)) {
            *out = NAMES[i].kind;
            return true;
        }
    }
    return false;
}

const char *tn_schedule_name(tn_schedule_kind kind)
{
    for (size_t i = 0; i < TN_COUNT(NAMES); i++)
        if (NAMES[i].kind == kind)
            return NAMES[i].name;
    return "unknown";
}
