#ifndef TN_CHECK_WALK_H
#define TN_CHECK_WALK_H
/// Everything below a folder that a check may look at, as facts about a repository.

#include "check/repository.h"

/// Left out: what .gitignore files leave out, .git and the like, environments, caches, build outputs; links to folders,
/// and links to files outside the root but for the blobs of a Hub cache; devices and pipes. At most `max_files` files and
/// 64 folders inside each other; what is beyond is told in *cut, not failed.
/// `root` must outlive `out`, which lives in the arena.
tn_status tn_walk(const char *root, tn_str shown, size_t max_files, tn_arena *a, tn_repository *out, bool *cut, tn_err *err);

/// A regular file of at most `max` bytes into the arena. TN_ELIMIT beyond.
tn_status tn_walk_read(const char *path, size_t max, tn_arena *a, tn_str *out, tn_err *err);

#endif
