/* From states of tokens to one vector a row, as a sentence-transformers folder says.
 *
 * The folder is read when the model is opened, but what it asks for is refused only when embeddings are asked for: a
 * classifier may well start from a checkpoint whose pooling we cannot do.
 * Sums over tokens go in order, one accumulator a channel; the length of a vector is a sum by lanes (num/kernels.h).
 * Source: sentence-transformers 6.2, models/Pooling.py, models/Normalize.py. */
#include "model/family.h"

#include <math.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 }; /* of one of these files */

static tn_status read_json(const tn_model *m, const char *name, const tn_json **out, tn_err *err)
{
    const char *path = tn_path_join(m->work, m->dir, name);
    tn_bytes text;
    *out = NULL;
    if (!path)
        return tn_fail_nomem(err, 256);
    if (!tn_file_exists(path))
        return TN_OK;
    TN_TRY(tn_file_read(path, MAX_BYTES, m->work, &text, err));
    return tn_json_parse(tn_str_from_bytes(text), m->work, out, err) == TN_OK ? TN_OK : tn_fail_prefix(err, "%s", path);
}

/* The last part of a Python path: "sentence_transformers.models.Pooling" is a Pooling. */
static tn_str type_name(const tn_json *module)
{
    tn_str s = tn_json_str(tn_json_get(module, "type"));
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == '.')
            return tn_str_sub(s, i, s.len);
    return s;
}

static tn_status refuse_embedding(tn_model *m, const char *fmt, tn_str what, tn_err *err)
{
    m->no_embedding = tn_str_format(m->arena, "%s %s \"%.*s\", which is not built in", m->dir, fmt, TN_ARG(what));
    return m->no_embedding.ptr ? TN_OK : tn_fail_nomem(err, 256);
}

static const struct {
    const char *flag, *name;
    tn_pool_kind kind;
} kinds[] = {{"pooling_mode_cls_token", "cls", TN_POOL_FIRST},
             {"pooling_mode_mean_tokens", "mean", TN_POOL_MEAN},
             {"pooling_mode_max_tokens", "max", TN_POOL_MAX},
             {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", TN_POOL_MEAN_SQRT},
             {"pooling_mode_weightedmean_tokens", "weightedmean", TN_POOL_WEIGHTED},
             {"pooling_mode_lasttoken", "lasttoken", TN_POOL_LAST}};

/* Old files have one flag for each way, new ones name it. No flag means the mean; several are concatenated there. */
static tn_status read_pooling(tn_model *m, tn_str folder, tn_err *err)
{
    const tn_json *c;
    tn_str name = tn_str_format(m->work, "%.*s/config.json", TN_ARG(folder));
    if (!name.ptr)
        return tn_fail_nomem(err, 256);
    TN_TRY(read_json(m, name.ptr, &c, err));
    const tn_json *mode = tn_json_get(c, "pooling_mode");
    int n_found = 0;
    for (size_t i = 0; i < TN_COUNT(kinds); i++) {
        bool on = tn_json_is_str(mode, kinds[i].name);
        if (!mode)
            tn_json_bool(tn_json_get(c, kinds[i].flag), &on);
        if (on) {
            m->pooling = kinds[i].kind;
            n_found++;
        }
    }
    if (n_found > 1 || (mode && n_found == 0))
        return refuse_embedding(m, "pools by",
                                mode && tn_json_str(mode).len ? tn_json_str(mode) : TN_STR("several ways"), err);
    return TN_OK;
}

tn_status tn_pooling_load(tn_model *m, tn_err *err)
{
    const tn_json *modules, *limit;
    int64_t n;
    m->pooling = TN_POOL_MEAN;
    m->embed_max_tokens = m->max_tokens;
    TN_TRY(read_json(m, "sentence_bert_config.json", &limit, err));
    if (tn_json_i64(tn_json_get(limit, "max_seq_length"), &n) && n >= 2 && n < m->max_tokens)
        m->embed_max_tokens = (int32_t)n;
    TN_TRY(read_json(m, "modules.json", &modules, err));
    for (const tn_json *e = tn_json_first(modules); e && m->no_embedding.len == 0; e = tn_json_next(e)) {
        tn_str type = type_name(e), path = tn_json_str(tn_json_get(e, "path"));
        if (tn_str_is(type, "Pooling")) {
            if (!tn_path_is_safe(path))
                return tn_fail(err, TN_EFORMAT, "%s/modules.json:%u: \"path\" must name a folder inside", m->dir,
                               tn_json_line(e));
            TN_TRY(read_pooling(m, path, err));
        } else if (tn_str_is(type, "Normalize")) {
            m->normalize = true;
        } else if (!tn_str_is(type, "Transformer") && !tn_str_is(type, "Dropout")) {
            TN_TRY(refuse_embedding(m, "has a module of type", type, err));
        }
    }
    return TN_OK;
}

static tn_status copy_file(const tn_model *m, const char *dir, const char *name, tn_err *err)
{
    const char *from = tn_path_join(m->work, m->dir, name), *to = tn_path_join(m->work, dir, name);
    if (!from || !to)
        return tn_fail_nomem(err, 256);
    return tn_file_exists(from) ? tn_file_copy(from, to, err) : TN_OK;
}

tn_status tn_pooling_copy(const tn_model *m, const char *dir, tn_err *err)
{
    static const char *const name[] = {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"};
    const tn_json *modules;
    for (size_t i = 0; i < TN_COUNT(name); i++)
        TN_TRY(copy_file(m, dir, name[i], err));
    TN_TRY(read_json(m, "modules.json", &modules, err));
    for (const tn_json *e = tn_json_first(modules); e; e = tn_json_next(e)) {
        tn_str path = tn_json_str(tn_json_get(e, "path"));
        if (path.len == 0 || !tn_path_is_safe(path))
            continue;
        const char *inner = tn_path_join(m->work, dir, path.ptr);
        tn_str config = tn_str_format(m->work, "%.*s/config.json", TN_ARG(path));
        if (!inner || !config.ptr)
            return tn_fail_nomem(err, 256);
        TN_TRY(tn_file_mkdirs(inner, err));
        TN_TRY(copy_file(m, dir, config.ptr, err));
    }
    return TN_OK;
}

/* Sum of w(t) x[t] over the tokens, divided. */
static void pool_sum(const float *x, int32_t n, int64_t c, bool weighted, float divisor, float *out)
{
    memset(out, 0, (size_t)c * sizeof *out);
    for (int32_t t = 0; t < n; t++)
        for (int64_t i = 0; i < c; i++)
            out[i] += weighted ? x[t * c + i] * (float)(t + 1) : x[t * c + i];
    for (int64_t i = 0; i < c; i++)
        out[i] /= divisor;
}

static void pool_max(const float *x, int32_t n, int64_t c, float *out)
{
    memcpy(out, x, (size_t)c * sizeof *out);
    for (int32_t t = 1; t < n; t++)
        for (int64_t i = 0; i < c; i++)
            out[i] = x[t * c + i] > out[i] ? x[t * c + i] : out[i];
}

static void pool_row(const tn_model *m, const float *x, int32_t n, int64_t c, float *out)
{
    const tn_kernels *k = tn_engine_kernels(m->engine);
    double weights = 0.5 * n * ((double)n + 1);
    switch (m->pooling) {
    case TN_POOL_MEAN: k->mean_rows(x, (size_t)n, (size_t)c, out); break;
    case TN_POOL_MEAN_SQRT: pool_sum(x, n, c, false, sqrtf((float)n), out); break;
    case TN_POOL_WEIGHTED: pool_sum(x, n, c, true, (float)weights, out); break;
    case TN_POOL_MAX: pool_max(x, n, c, out); break;
    case TN_POOL_FIRST: memcpy(out, x, (size_t)c * sizeof *out); break;
    case TN_POOL_LAST: memcpy(out, x + (n - 1) * c, (size_t)c * sizeof *out); break;
    }
    if (m->normalize)
        k->normalize(out, out, (size_t)c, 1e-12f); /* torch's F.normalize */
}

void tn_pooling_apply(const tn_model *m, const tn_rows *rows, const tn_tensor *states, float *out)
{
    int64_t c = states->dim[1];
    for (int32_t b = 0; b < rows->n_rows; b++)
        pool_row(m, states->data + rows->start[b] * c, rows->start[b + 1] - rows->start[b], c, out + b * c);
}
