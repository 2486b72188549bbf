/* Whole-file writes go through a temporary name in the same folder, so that rename is atomic; the name carries the
 * process id and a counter, so that two writers never share one. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

tn_status tn_file_open(const char *path, tn_file *out, tn_err *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tn_fail_errno(err, "cannot read %s", path);
    if (fstat(fd, &info) != 0) {
        tn_status st = tn_fail_errno(err, "cannot read %s", path);
        close(fd);
        return st;
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return tn_fail(err, TN_EINVALID, "%s is %s, a file was expected", path,
                       S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
    }
    *out = (tn_file){.bytes = {(const uint8_t *)"", 0}};
    if (info.st_size > 0) {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            tn_status st = tn_fail_errno(err, "cannot map %s", path);
            close(fd);
            return st;
        }
        *out = (tn_file){{map, (size_t)info.st_size}, map, (size_t)info.st_size};
    }
    close(fd);
    return TN_OK;
}

void tn_file_close(tn_file *f)
{
    if (f->map)
        munmap(f->map, f->map_len);
    *f = (tn_file){.bytes = {(const uint8_t *)"", 0}};
}

tn_status tn_file_make_private(tn_file *f, tn_err *err)
{
    if (f->map && mprotect(f->map, f->map_len, PROT_READ | PROT_WRITE) != 0)
        return tn_fail_errno(err, "cannot make %zu mapped bytes writable", f->map_len);
    return TN_OK;
}

void tn_file_forget(const tn_file *f, size_t from, size_t to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (f->map && from < to && to <= f->map_len)
        madvise((char *)f->map + from, to - from, MADV_DONTNEED);
}

tn_status tn_file_read(const char *path, size_t max, tn_arena *a, tn_bytes *out, tn_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tn_fail_errno(err, "cannot read %s", path);
    tn_buf buf = {.max = max};
    tn_status st = TN_OK;
    for (;;) {
        char *p = tn_buf_reserve(&buf, buf.len < max ? (max - buf.len < 65536 ? max - buf.len : 65536) : 0);
        if (!p) {
            st = tn_buf_status(&buf, err);
            break;
        }
        char extra;
        size_t room = max - buf.len < 65536 ? max - buf.len : 65536;
        ssize_t n = room ? read(fd, p, room) : read(fd, &extra, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st = tn_fail_errno(err, "cannot read %s", path);
            break;
        }
        if (n == 0)
            break;
        if (room == 0) {
            st = tn_fail(err, TN_ELIMIT, "%s is larger than the limit of %zu bytes", path, max);
            break;
        }
        buf.len += (size_t)n;
    }
    if (!is_stdin)
        close(fd);
    if (st == TN_OK) {
        tn_str copy = tn_str_dup(a, tn_buf_view(&buf));
        if (copy.ptr)
            *out = tn_str_bytes(copy);
        else
            st = tn_fail_nomem(err, buf.len);
    }
    tn_buf_free(&buf);
    return st;
}

struct tn_file_writer {
    char *path, *tmp;
    int fd;
    bool straight; /* no file: written where it stands */
};

static void writer_free(tn_file_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    tn_mem_free(w->path);
    tn_mem_free(w->tmp);
    tn_mem_free(w);
}

tn_status tn_file_begin(const char *path, tn_file_writer **out, tn_err *err)
{
    static _Atomic unsigned counter;
    tn_file_writer *w = tn_mem_calloc(sizeof *w);
    if (!w)
        return tn_fail_nomem(err, sizeof *w);
    w->fd = -1;
    size_t n = strlen(path);
    w->path = tn_mem_alloc(n + 1);
    w->tmp = tn_mem_alloc(n + 48);
    if (!w->path || !w->tmp) {
        writer_free(w);
        return tn_fail_nomem(err, n + 48);
    }
    memcpy(w->path, path, n + 1);
    /* A device or a pipe is written to; a rename would put a file in its place, for everybody. */
    struct stat old;
    bool there = stat(path, &old) == 0;
    w->straight = there && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode);
    snprintf(w->tmp, n + 48, "%s.%ld.%u.tmp", path, (long)getpid(), atomic_fetch_add(&counter, 1));
    w->fd = w->straight ? open(path, O_WRONLY | O_CLOEXEC) : open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd >= 0 && there && !w->straight && fchmod(w->fd, old.st_mode & 0777) != 0) {
        /* A disk without modes: the file stays its owner's alone. */
    }
    if (w->fd < 0) {
        tn_status st = tn_fail_errno(err, "cannot write %s", path);
        writer_free(w);
        return st;
    }
    *out = w;
    return TN_OK;
}

static tn_status put_all(int fd, const char *path, tn_bytes bytes, tn_err *err)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tn_fail_errno(err, "cannot write %s", path);
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return TN_OK;
}

tn_status tn_file_put(tn_file_writer *w, tn_bytes bytes, tn_err *err)
{
    return put_all(w->fd, w->path, bytes, err);
}

static void sync_folder(const char *path)
{
    tn_str dir = tn_path_dir(tn_str_of(path));
    char name[4096];
    if (dir.len >= sizeof name)
        return;
    memcpy(name, dir.ptr, dir.len);
    name[dir.len] = 0;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* some file systems refuse this; the rename itself has happened */
        close(fd);
    }
}

tn_status tn_file_commit(tn_file_writer *w, tn_err *err)
{
    tn_status st = TN_OK;
    int fd = w->fd;
    w->fd = -1;
    if (!w->straight && fsync(fd) != 0)
        st = tn_fail_errno(err, "cannot write %s", w->path);
    if (close(fd) != 0 && st == TN_OK)
        st = tn_fail_errno(err, "cannot write %s", w->path);
    if (w->straight) {
        writer_free(w);
        return st;
    }
    if (st == TN_OK && rename(w->tmp, w->path) != 0)
        st = tn_fail_errno(err, "cannot put %s in place", w->path);
    if (st == TN_OK)
        sync_folder(w->path);
    else
        unlink(w->tmp);
    writer_free(w);
    return st;
}

void tn_file_abort(tn_file_writer *w)
{
    if (!w)
        return;
    if (!w->straight)
        unlink(w->tmp);
    writer_free(w);
}

tn_status tn_file_write(const char *path, tn_bytes bytes, tn_err *err)
{
    tn_file_writer *w;
    TN_TRY(tn_file_begin(path, &w, err));
    tn_status st = tn_file_put(w, bytes, err);
    if (st != TN_OK) {
        tn_file_abort(w);
        return st;
    }
    return tn_file_commit(w, err);
}

tn_status tn_file_append(const char *path, tn_bytes bytes, tn_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return tn_fail_errno(err, "cannot write %s", path);
    struct stat before;
    bool known = fstat(fd, &before) == 0;
    tn_status st = put_all(fd, path, bytes, err);
    if (st != TN_OK && known && ftruncate(fd, before.st_size) != 0) {
        /* A disk that neither writes nor cuts: half a record stays, and the failure is reported anyway. */
    }
    if (st == TN_OK && fdatasync(fd) != 0)
        st = tn_fail_errno(err, "cannot write %s", path);
    if (close(fd) != 0 && st == TN_OK)
        st = tn_fail_errno(err, "cannot write %s", path);
    return st;
}

bool tn_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool tn_file_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

tn_status tn_file_size(const char *path, uint64_t *n_bytes, tn_err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return tn_fail_errno(err, "cannot read %s", path);
    *n_bytes = (uint64_t)info.st_size;
    return TN_OK;
}

tn_status tn_file_mkdirs(const char *path, tn_err *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return tn_fail(err, TN_EINVALID, "path of %zu bytes is empty or too long", n);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return tn_fail_errno(err, "cannot make folder %s", part);
        part[i] = kept;
    }
    if (!tn_file_is_dir(path))
        return tn_fail(err, TN_EINVALID, "%s is a file, a folder was expected", path);
    return TN_OK;
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

tn_status tn_file_list(const char *path, tn_arena *a, tn_str **names, size_t *n, tn_err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return tn_fail_errno(err, "cannot list %s", path);
    TN_VEC(tn_str) list = {0};
    tn_status st = TN_OK;
    for (struct dirent *e; st == TN_OK && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        tn_str name = tn_str_dup(a, tn_str_of(e->d_name));
        if (!name.ptr || !TN_PUSH(&list, name))
            st = tn_fail_nomem(err, sizeof name);
    }
    closedir(dir);
    *names = st == TN_OK ? TN_ARENA_ARRAY(a, tn_str, list.len) : NULL;
    *n = list.len;
    if (st == TN_OK && !*names)
        st = tn_fail_nomem(err, list.len * sizeof **names);
    if (st == TN_OK && list.len) {
        memcpy(*names, list.ptr, list.len * sizeof *list.ptr);
        qsort(*names, *n, sizeof **names, by_name);
    }
    TN_VEC_FREE(&list);
    return st;
}

tn_status tn_file_remove(const char *path, tn_err *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? TN_OK : tn_fail_errno(err, "cannot remove %s", path);
    if (!S_ISDIR(info.st_mode))
        return unlink(path) == 0 ? TN_OK : tn_fail_errno(err, "cannot remove %s", path);
    tn_arena *a = tn_arena_new(4096);
    if (!a)
        return tn_fail_nomem(err, 4096);
    tn_str *names;
    size_t n;
    tn_status st = tn_file_list(path, a, &names, &n, err);
    for (size_t i = 0; st == TN_OK && i < n; i++) {
        char *child = tn_path_join(a, path, names[i].ptr);
        st = child ? tn_file_remove(child, err) : tn_fail_nomem(err, names[i].len);
    }
    tn_arena_free(a);
    if (st == TN_OK && rmdir(path) != 0)
        st = tn_fail_errno(err, "cannot remove %s", path);
    return st;
}

tn_status tn_file_copy(const char *from, const char *to, tn_err *err)
{
    tn_file f;
    TN_TRY(tn_file_open(from, &f, err));
    tn_status st = tn_file_write(to, f.bytes, err);
    tn_file_close(&f);
    return st;
}

tn_status tn_file_replace_dir(const char *from, const char *to, tn_err *err)
{
    if (rename(from, to) == 0) {
        sync_folder(to);
        return TN_OK;
    }
    /* Onto a folder with something in it: exchange the two names; else the old one steps aside for a moment. */
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
        sync_folder(to);
        return tn_file_remove(from, err);
    }
    if (errno != EINVAL && errno != ENOSYS)
        return tn_fail_errno(err, "cannot put %s in the place of %s", from, to);
    tn_buf aside = TN_BUF_INIT;
    tn_buf_printf(&aside, "%s.old.%ld", to, (long)getpid());
    tn_status st = tn_buf_status(&aside, err);
    if (st == TN_OK && rename(to, aside.ptr) != 0)
        st = tn_fail_errno(err, "cannot move %s aside", to);
    if (st == TN_OK && rename(from, to) != 0) {
        st = tn_fail_errno(err, "cannot put %s in the place of %s", from, to);
        rename(aside.ptr, to);
    } else if (st == TN_OK) {
        sync_folder(to);
        st = tn_file_remove(aside.ptr, err);
    }
    tn_buf_free(&aside);
    return st;
}

char *tn_path_join(tn_arena *a, const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == 0)
        return tn_str_c(a, tn_str_of(name));
    bool slash = dir[strlen(dir) - 1] == '/';
    return (char *)tn_str_format(a, "%s%s%s", dir, slash ? "" : "/", name).ptr;
}

static size_t last_slash(tn_str path)
{
    size_t i = path.len;
    while (i > 0 && path.ptr[i - 1] != '/')
        i--;
    return i; /* one behind the slash, 0 when there is none */
}

tn_str tn_path_dir(tn_str path)
{
    size_t i = last_slash(path);
    return i == 0 ? TN_STR(".") : i == 1 ? TN_STR("/") : tn_str_sub(path, 0, i - 1);
}

tn_str tn_path_name(tn_str path)
{
    return tn_str_sub(path, last_slash(path), path.len);
}

bool tn_path_is_safe(tn_str path)
{
    if (path.len == 0 || memchr(path.ptr, '\\', path.len) || memchr(path.ptr, 0, path.len))
        return false;
    tn_str rest = path, part;
    while (tn_str_cut(&rest, '/', &part))
        if (part.len == 0 || tn_str_is(part, ".") || tn_str_is(part, ".."))
            return false;
    return true;
}
