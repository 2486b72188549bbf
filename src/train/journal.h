#ifndef TN_TRAIN_JOURNAL_H
#define TN_TRAIN_JOURNAL_H
/// A file of lines that only grows, and can be cut back to where a checkpoint saw it.

#include "base/sha256.h"

typedef struct {
    int fd;
    uint64_t n_bytes; /* length of the file */
    char path[4096];
} tn_journal;

/// What a checkpoint remembers of a journal.
typedef struct {
    uint64_t n_bytes;
    tn_digest digest; /* of those bytes */
} tn_journal_mark;

/// Opens for appending. `mark` NULL empties the file; otherwise all behind the mark is cut off, and TN_EFORMAT says so
/// when what is before it is missing or not the same. Nothing needs closing after a failure.
tn_status tn_journal_open(const char *path, const tn_journal_mark *mark, tn_journal *out, tn_err *err);
/// Appends; the bytes survive the process, not a power cut.
tn_status tn_journal_put(tn_journal *j, tn_str bytes, tn_err *err);
/// The mark of all that was put, after it has reached the disk.
tn_status tn_journal_sync(tn_journal *j, tn_journal_mark *out, tn_err *err);
void tn_journal_close(tn_journal *j);

#endif
