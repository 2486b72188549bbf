#ifndef TN_BASE_FILE_H
#define TN_BASE_FILE_H
/// Files: read by mapping, written whole or not at all.

#include "base/str.h"

typedef struct {
    tn_bytes bytes; /* read-only; ptr is never NULL, also for an empty file */
    void *map;
    size_t map_len;
} tn_file;

/// Maps a regular file read-only. TN_ENOENT, TN_EIO; TN_EINVALID for a folder or device.
tn_status tn_file_open(const char *path, tn_file *out, tn_err *err);
void tn_file_close(tn_file *f);
/// Makes the mapped bytes writable for this process alone: pages are copied when they are first written, the file never
/// changes. For weights that are trained where they lie.
tn_status tn_file_make_private(tn_file *f, tn_err *err);
/// Tells the system that bytes [from, to) will not be read for a while; they come back from the file when they are. Only
/// whole pages inside; never after tn_file_make_private.
void tn_file_forget(const tn_file *f, size_t from, size_t to);
/// Reads a whole file, pipe or "-" (stdin) of at most `max` bytes into the arena. TN_ELIMIT beyond.
tn_status tn_file_read(const char *path, size_t max, tn_arena *a, tn_bytes *out, tn_err *err);

/// Writes to a temporary name beside `path`, syncs, renames, syncs the folder. A failure leaves what was there. A new file
/// is its owner's alone; one that is replaced keeps its mode. A device or pipe (/dev/null) is written to, never replaced.
tn_status tn_file_write(const char *path, tn_bytes bytes, tn_err *err);
/// The same for content that is produced in pieces: begin, put*, commit; or abort.
typedef struct tn_file_writer tn_file_writer;
tn_status tn_file_begin(const char *path, tn_file_writer **out, tn_err *err);
tn_status tn_file_put(tn_file_writer *w, tn_bytes bytes, tn_err *err);
tn_status tn_file_commit(tn_file_writer *w, tn_err *err); /* frees w, also on failure */
void tn_file_abort(tn_file_writer *w);
/// Appends one record and syncs it: for logs that must survive kill -9 (openings.log). What a full disk took of it is cut
/// off again.
tn_status tn_file_append(const char *path, tn_bytes bytes, tn_err *err);

bool tn_file_exists(const char *path);
bool tn_file_is_dir(const char *path);
tn_status tn_file_size(const char *path, uint64_t *n_bytes, tn_err *err);
/// mkdir -p with mode 0700 for the folders that it makes.
tn_status tn_file_mkdirs(const char *path, tn_err *err);
/// Removes a file or a whole folder; absent is fine. Does not follow links.
tn_status tn_file_remove(const char *path, tn_err *err);
tn_status tn_file_copy(const char *from, const char *to, tn_err *err);
/// Puts the finished folder `from` in the place of `to`, beside it on the same disk, in one step where the system can
/// exchange names; what `to` was is removed. After a failure at least one of the two is whole.
tn_status tn_file_replace_dir(const char *from, const char *to, tn_err *err);
/// Names in a folder without "." and "..", in byte order.
tn_status tn_file_list(const char *path, tn_arena *a, tn_str **names, size_t *n, tn_err *err);
/// "dir/name" in the arena; `name` absolute gives `name`. NULL when out of memory.
char *tn_path_join(tn_arena *a, const char *dir, const char *name);
/// The folder part ("." when there is none) and the last part.
tn_str tn_path_dir(tn_str path);
tn_str tn_path_name(tn_str path);
/// True for a relative path without "..", ".", empty or backslash components: safe to join below a folder.
bool tn_path_is_safe(tn_str path);

#endif
