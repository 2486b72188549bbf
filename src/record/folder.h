#ifndef TN_RECORD_FOLDER_H
#define TN_RECORD_FOLDER_H
/// The run folder, written: its paths, and how records get into it. Plain files; each is written whole or not at all.

#include "base/file.h"
#include "codec/json.h"

typedef struct {
    const char *dir;
    tn_arena *arena; /* paths */
} tn_run_folder;

/// Makes the folder with its parts (data, experiment, tune, eval, deploy), mode 0700. An existing one is used as it is.
tn_status tn_folder_make(const char *dir, tn_arena *a, tn_run_folder *out, tn_err *err);
/// Removes what a run writes, and nothing else that lies in the folder; plan.yaml and brief.md stay, to be overwritten.
tn_status tn_folder_empty(const char *dir, tn_arena *a, tn_err *err);
/// Path of a record ("eval/metrics.json"); NULL when out of memory.
const char *tn_folder_path(const tn_run_folder *f, const char *record);
bool tn_folder_has(const tn_run_folder *f, const char *record);
/// Writes a record and frees the buffer, also on failure.
tn_status tn_folder_write(const tn_run_folder *f, const char *record, tn_buf *text, tn_err *err);
/// Reads a record into the arena; TN_ENOENT when it is not there.
tn_status tn_folder_read(const tn_run_folder *f, const char *record, tn_arena *a, tn_str *out, tn_err *err);
tn_status tn_folder_read_json(const tn_run_folder *f, const char *record, tn_arena *a, const tn_json **out, tn_err *err);
/// SHA-256 of a record's bytes.
tn_status tn_folder_digest(const tn_run_folder *f, const char *record, char hex[65], tn_err *err);

/// What the run gives away: names of all files below deploy/model and deploy/adapter ("deploy/model/config.json"), in byte
/// order, but for their README.md, which are pages. Folders in them are entered four deep at most: TN_ELIMIT beyond.
tn_status tn_folder_artefact(const tn_run_folder *f, tn_str **out, size_t *n, tn_err *err);

/// The byte-equal set (DESIGN, promise 2) of a run: names of the records, NULL at the end, in the folder's arena. Those that
/// every run has are named whether they are there or not; the others (seeds, search, thresholds, adapters, the predictions
/// of the task's baselines) when they are.
tn_status tn_folder_same_bytes(const tn_run_folder *f, const char *const **out, tn_err *err);

#endif
