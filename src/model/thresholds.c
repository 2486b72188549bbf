#include "model/thresholds.h"

#include "base/file.h"
#include "codec/json.h"

tn_status tn_thresholds_read(const char *dir, size_t n_labels, tn_arena *a, float **out, tn_err *err)
{
    const tn_json *v;
    tn_bytes bytes;
    size_t n = 0;
    const char *path = tn_path_join(a, dir, "thresholds.json");
    *out = NULL;
    if (!path)
        return tn_fail_nomem(err, 64);
    if (!tn_file_exists(path))
        return TN_OK;
    float *t = TN_ARENA_ARRAY(a, float, n_labels);
    if (!t)
        return tn_fail_nomem(err, n_labels * sizeof *t);
    TN_TRY(tn_file_read(path, 1 << 24, a, &bytes, err));
    if (tn_json_parse(tn_str_from_bytes(bytes), a, &v, err) != TN_OK)
        return tn_fail_prefix(err, "%s", path);
    for (const tn_json *x = tn_json_first(tn_json_get(v, "thresholds")); x && n < n_labels; x = tn_json_next(x)) {
        double d;
        if (!tn_json_f64(x, &d) || !(d >= 0 && d <= 1))
            return tn_fail(err, TN_EFORMAT, "%s: a threshold is not between 0 and 1", path);
        t[n++] = (float)d;
    }
    if (n != n_labels)
        return tn_fail(err, TN_EFORMAT, "%s: %zu thresholds for %zu labels", path, n, n_labels);
    *out = t;
    return TN_OK;
}
