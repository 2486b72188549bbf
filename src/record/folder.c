#include "record/folder.h"

#include "base/sha256.h"

#include <string.h>

/* Larger than any record that a run writes; a record is read whole. */
enum { MAX_RECORD = 1 << 30 };

const char *const tn_folder_same_bytes[] = {"data/split.csv",     "criteria.json",         "tune/steps.jsonl",
                                            "tune/evals.jsonl",   "eval/predictions.csv",  "eval/baseline-majority.csv",
                                            "eval/baseline-ngram.csv", "eval/baseline-probe.csv", "eval/metrics.json",
                                            "eval/comparisons.json", "deploy/model/model.safetensors", NULL};

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
                                          "eval/predictions.csv", "eval/baseline-majority.csv", "eval/baseline-ngram.csv", "eval/baseline-probe.csv",
                                          "deploy/bench.json", "deploy/model", "deploy/adapter"};
    for (size_t i = 0; i < TN_COUNT(written); i++) {
        const char *path = tn_path_join(a, dir, written[i]);
        if (!path)
            return tn_fail_nomem(err, 64);
        TN_TRY(tn_file_remove(path, err));
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
