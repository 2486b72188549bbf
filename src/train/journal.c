/* One write call a line: a kill leaves whole lines or a piece of the last, and either is behind the mark. */
#include "train/journal.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static tn_status check_mark(const char *path, const tn_journal_mark *mark, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(path, &f, err));
    tn_status st = TN_OK;
    if (f.bytes.len < mark->n_bytes) {
        st = tn_fail(err, TN_EFORMAT, "%s has %zu bytes, the checkpoint knows %" PRIu64 ": start without --resume",
                     path, f.bytes.len, mark->n_bytes);
    } else {
        tn_digest now = tn_sha256((tn_bytes){f.bytes.ptr, (size_t)mark->n_bytes});
        if (!tn_str_is(tn_str_of(now.hex), mark->digest.hex))
            st = tn_fail(err, TN_EFORMAT, "%s was changed since the checkpoint: start without --resume", path);
    }
    tn_file_close(&f);
    return st;
}

tn_status tn_journal_open(const char *path, const tn_journal_mark *mark, tn_journal *out, tn_err *err)
{
    if (snprintf(out->path, sizeof out->path, "%s", path) >= (int)sizeof out->path)
        return tn_fail(err, TN_EINVALID, "path too long: %s", path);
    if (mark)
        TN_TRY(check_mark(path, mark, err));
    out->n_bytes = mark ? mark->n_bytes : 0;
    out->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out->fd < 0)
        return tn_fail_errno(err, "cannot write %s", path);
    if (ftruncate(out->fd, (off_t)out->n_bytes) != 0) {
        tn_status st = tn_fail_errno(err, "cannot cut %s", path);
        tn_journal_close(out);
        return st;
    }
    return TN_OK;
}

tn_status tn_journal_put(tn_journal *j, tn_str bytes, tn_err *err)
{
    while (bytes.len) {
        ssize_t n = write(j->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tn_fail_errno(err, "cannot write %s", j->path);
        bytes = tn_str_sub(bytes, (size_t)n, bytes.len);
        j->n_bytes += (uint64_t)n;
    }
    return TN_OK;
}

tn_status tn_journal_sync(tn_journal *j, tn_journal_mark *out, tn_err *err)
{
    tn_file f;
    if (fdatasync(j->fd) != 0)
        return tn_fail_errno(err, "cannot write %s", j->path);
    TN_TRY(tn_file_open(j->path, &f, err));
    tn_status st = TN_OK;
    if (f.bytes.len == j->n_bytes)
        *out = (tn_journal_mark){j->n_bytes, tn_sha256(f.bytes)};
    else
        st = tn_fail(err, TN_EIO, "%s was changed by another program while training", j->path);
    tn_file_close(&f);
    return st;
}

void tn_journal_close(tn_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}
