#include "tensor/target.h"

#include <inttypes.h>
#include <math.h>

static double weight_of(const float *class_weight, int32_t label)
{
    return class_weight ? (double)class_weight[label] : 1;
}

void tn_targets_count(const tn_targets *t, int32_t n_rows, const int32_t *start, int64_t width, const float *class_weight,
                      double out[2])
{
    int32_t n = t->kind == TN_TARGET_TOKENS ? start[n_rows] : n_rows;
    out[0] = out[1] = 0;
    switch (t->kind) {
    case TN_TARGET_CLASS:
    case TN_TARGET_TOKENS:
        for (int32_t i = 0; i < n; i++)
            out[0] += t->label[i] >= 0 ? weight_of(class_weight, t->label[i]) : 0;
        break;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: out[0] = (double)n_rows * (double)width; break;
    case TN_TARGET_SPANS:
        for (int32_t b = 0; b < n; b++) {
            out[0] += t->first[b] < start[b + 1] - start[b];
            out[1] += t->last[b] < start[b + 1] - start[b];
        }
        break;
    case TN_TARGET_NONE: break;
    }
}

static tn_status check_values(const tn_targets *t, int32_t n_rows, int64_t width, int32_t number, tn_err *err)
{
    for (int32_t b = 0; b < n_rows; b++)
        for (int64_t i = 0; i < width; i++) {
            float v = t->value[b * width + i];
            if (!isfinite(v))
                return tn_fail(err, TN_EINVALID, "row %" PRId32 " has a target that is not a finite number",
                               number + b);
            if (t->kind == TN_TARGET_FLAGS && !(v >= 0 && v <= 1))
                return tn_fail(err, TN_EINVALID, "row %" PRId32 " has %g for label %" PRId64 ": 0 to 1 are possible",
                               number + b, (double)v, i);
        }
    return TN_OK;
}

tn_status tn_targets_check(const tn_targets *t, int32_t n_rows, const int32_t *start, int64_t width, int32_t number,
                           tn_err *err)
{
    switch (t->kind) {
    case TN_TARGET_CLASS:
        for (int32_t b = 0; b < n_rows; b++)
            if (t->label[b] < 0 || t->label[b] >= width)
                return tn_fail(err, TN_EINVALID, "row %" PRId32 " has label %" PRId32 ", the model has %" PRId64 " labels",
                               number + b, t->label[b], width);
        return TN_OK;
    case TN_TARGET_TOKENS:
        for (int32_t b = 0; b < n_rows; b++)
            for (int32_t i = start[b]; i < start[b + 1]; i++)
                if (t->label[i] >= width)
                    return tn_fail(err, TN_EINVALID,
                                   "row %" PRId32 ", token %" PRId32 " has label %" PRId32 ", the model has %" PRId64
                                   " labels",
                                   number + b, i - start[b], t->label[i], width);
        return TN_OK;
    case TN_TARGET_FLAGS:
    case TN_TARGET_VALUES: return check_values(t, n_rows, width, number, err);
    case TN_TARGET_SPANS:
    case TN_TARGET_NONE: break;
    }
    return TN_OK;
}

tn_status tn_loss_options_check(const tn_loss_options *o, tn_target_kind kind, int64_t width, tn_err *err)
{
    bool of_classes = kind == TN_TARGET_CLASS || kind == TN_TARGET_TOKENS;
    if (!of_classes && ((o->class_weight && kind != TN_TARGET_FLAGS) || o->smoothing > 0))
        return tn_fail(err, TN_EINVALID, "class weights are for losses over classes and sets of labels, label smoothing for classes alone");
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return tn_fail(err, TN_EINVALID, "label smoothing must be from 0 to below 1");
    for (int64_t i = 0; o->class_weight && i < width; i++)
        if (!(o->class_weight[i] >= 0 && isfinite(o->class_weight[i])))
            return tn_fail(err, TN_EINVALID, "the weight of class %" PRId64 " is %g: 0 or more is possible", i,
                           (double)o->class_weight[i]);
    for (int i = 0; i < 2; i++)
        if (!(o->divisor[i] >= 0 && isfinite(o->divisor[i])))
            return tn_fail(err, TN_EINVALID, "the divisor of a loss must be a number above 0");
    return TN_OK;
}
