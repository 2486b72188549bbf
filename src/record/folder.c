#include "record/folder.h"

#include "base/sha256.h"

#include <string.h>

/* Larger than any record that a run writes; a record is read whole. */
enum { MAX_RECORD = 1 << 30 };

/* The byte-equal set (DESIGN, promise 2): what each run has, and what some runs have. The baselines depend on the task;
 * their predictions are found by name. */
static const char *const always[] = {"data/split.csv",       "criteria.json",     "tune/steps.jsonl",      "tune/evals.jsonl",
                                     "eval/predictions.csv", "eval/metrics.json", "eval/comparisons.json", "deploy/model/model.safetensors"};
static const char *const sometimes[] = {"tune/seeds.json", "tune/search.json", "deploy/model/thresholds.json", "deploy/model/question_answering.json",
                                        "deploy/adapter/adapter_model.safetensors"};

/* "eval/baseline-NAME.csv" of the folder, in byte order. */
static tn_status baselines(const char *dir, tn_arena *a, const char ***out, size_t *n, tn_err *err)
{
    const char *eval = tn_path_join(a, dir, "eval");
    tn_str *name = NULL;
    size_t n_names = 0;
    *n = 0;
    if (!eval)
        return tn_fail_nomem(err, 64);
    if (tn_file_is_dir(eval))
        TN_TRY(tn_file_list(eval, a, &name, &n_names, err));
    if (!(*out = TN_ARENA_ARRAY(a, const char *, n_names + 1)))
        return tn_fail_nomem(err, n_names * sizeof **out);
    for (size_t i = 0; i < n_names; i++)
        if (tn_str_starts(name[i], "baseline-") && tn_str_ends(name[i], ".csv") && !((*out)[(*n)++] = tn_path_join(a, "eval", name[i].ptr)))
            return tn_fail_nomem(err, 64);
    return TN_OK;
}

tn_status tn_folder_same_bytes(const tn_run_folder *f, const char *const **out, tn_err *err)
{
    const char **baseline, **all;
    size_t n_baselines, n = 0;
    TN_TRY(baselines(f->dir, f->arena, &baseline, &n_baselines, err));
    if (!(all = TN_ARENA_ARRAY(f->arena, const char *, TN_COUNT(always) + TN_COUNT(sometimes) + n_baselines + 1)))
        return tn_fail_nomem(err, 256);
    for (size_t i = 0; i < TN_COUNT(always); i++)
        all[n++] = always[i];
    for (size_t i = 0; i < TN_COUNT(sometimes); i++)
        if (tn_folder_has(f, sometimes[i]))
            all[n++] = sometimes[i];
    for (size_t i = 0; i < n_baselines; i++)
        all[n++] = baseline[i];
    all[n] = NULL;
    *out = all;
    return TN_OK;
}

typedef TN_VEC(tn_str) names;

static tn_status add_files(const tn_run_folder *f, const char *part, int depth, names *out, tn_err *err)
{
    const char *dir = tn_folder_path(f, part);
    tn_str *name;
    size_t n;
    if (!dir)
        return tn_fail_nomem(err, 64);
    if (depth > 4)
        return tn_fail(err, TN_ELIMIT, "%s: folders of a model lie four deep at most", dir);
    TN_TRY(tn_file_list(dir, f->arena, &name, &n, err));
    for (size_t i = 0; i < n; i++) {
        const char *file = tn_path_join(f->arena, part, name[i].ptr), *path = file ? tn_folder_path(f, file) : NULL;
        if (!path)
            return tn_fail_nomem(err, 64);
        if (tn_file_is_dir(path))
            TN_TRY(add_files(f, file, depth + 1, out, err));
        else if ((depth > 0 || !tn_str_is(name[i], "README.md")) && !TN_PUSH(out, tn_str_of(file)))
            return tn_fail_nomem(err, sizeof(tn_str));
    }
    return TN_OK;
}

tn_status tn_folder_artefact(const tn_run_folder *f, tn_str **out, size_t *n, tn_err *err)
{
    static const char *const part[] = {"deploy/adapter", "deploy/model"};
    names all = {0};
    tn_status st = TN_OK;
    for (size_t i = 0; st == TN_OK && i < TN_COUNT(part); i++)
        if (tn_folder_has(f, part[i]))
            st = add_files(f, part[i], 0, &all, err);
    *n = all.len;
    *out = NULL;
    if (st == TN_OK && !(*out = TN_ARENA_ARRAY(f->arena, tn_str, all.len)))
        st = tn_fail_nomem(err, all.len * sizeof **out);
    if (st == TN_OK && all.len)
        memcpy(*out, all.ptr, all.len * sizeof **out);
    TN_VEC_FREE(&all);
    return st;
}

tn_status tn_folder_make(const char *dir, tn_arena *a, tn_run_folder *out, tn_err *err)
{
    static const char *const part[] = {"data", "experiment", "tune", "eval", "deploy"};
    *out = (tn_run_folder){tn_str_c(a, tn_str_of(dir)), a};
    for (size_t i = 0; i < TN_COUNT(part); i++) {
        const char *path = tn_folder_path(out, part[i]);
        if (!path)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_file_mkdirs(path, err));
    }
    return TN_OK;
}

tn_status tn_folder_empty(const char *dir, tn_arena *a, tn_err *err)
{
    /* By name, because a run may have been put into a folder with other files. lock.json goes first: without it the run
     * no longer counts as finished. */
    static const char *const written[] = {"lock.json", "report.html", "env.json", "criteria.json", "findings.jsonl", "data/split.csv", "data/leaks.csv", "data/pii.json",
                                          "data/profile.json", "data/licences.json", "data/README.md", "experiment/candidates.csv", "experiment/baselines.json",
                                          "tune", "eval/metrics.json", "eval/comparisons.json", "eval/slices.csv", "eval/errors.csv", "eval/openings.log",
                                          "eval/predictions.csv", "deploy/bench.json", "deploy/model", "deploy/adapter"};
    for (size_t i = 0; i < TN_COUNT(written); i++) {
        const char *path = tn_path_join(a, dir, written[i]);
        if (!path)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_file_remove(path, err));
    }
    const char **baseline;
    size_t n;
    TN_TRY(baselines(dir, a, &baseline, &n, err));
    for (size_t i = 0; i < n; i++) {
        const char *path = tn_path_join(a, dir, baseline[i]);
        TN_TRY(path ? tn_file_remove(path, err) : tn_fail_nomem(err, 64));
    }
    return TN_OK;
}

const char *tn_folder_path(const tn_run_folder *f, const char *record)
{
    return f->dir ? tn_path_join(f->arena, f->dir, record) : NULL;
}

bool tn_folder_has(const tn_run_folder *f, const char *record)
{
    const char *path = tn_folder_path(f, record);
    return path && tn_file_exists(path);
}

tn_status tn_folder_write(const tn_run_folder *f, const char *record, tn_buf *text, tn_err *err)
{
    const char *path = tn_folder_path(f, record);
    tn_status st = path ? tn_buf_status(text, err) : tn_fail_nomem(err, 64);
    if (st == TN_OK)
        st = tn_file_write(path, tn_str_bytes(tn_buf_view(text)), err);
    tn_buf_free(text);
    return st;
}

tn_status tn_folder_read(const tn_run_folder *f, const char *record, tn_arena *a, tn_str *out, tn_err *err)
{
    const char *path = tn_folder_path(f, record);
    tn_bytes bytes;
    if (!path)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_file_read(path, MAX_RECORD, a, &bytes, err));
    *out = tn_str_from_bytes(bytes);
    return TN_OK;
}

tn_status tn_folder_read_json(const tn_run_folder *f, const char *record, tn_arena *a, const tn_json **out, tn_err *err)
{
    tn_str text;
    TN_TRY(tn_folder_read(f, record, a, &text, err));
    return tn_json_parse(text, a, out, err) == TN_OK ? TN_OK : tn_fail_prefix(err, "%s/%s", f->dir, record);
}

tn_status tn_folder_digest(const tn_run_folder *f, const char *record, char hex[65], tn_err *err)
{
    const char *path = tn_folder_path(f, record);
    tn_digest d;
    if (!path)
        return tn_fail_nomem(err, 64);
    TN_TRY(tn_sha256_file(path, &d, err));
    memcpy(hex, d.hex, 65);
    return TN_OK;
}
