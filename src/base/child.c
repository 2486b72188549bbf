/* The three streams are files in memory: the child reads a whole input and we read a whole output after it has ended, so
 * there is no order in which two full pipes can wait for each other, and a child that stops reading raises no signal
 * here. The bound is looked at afterwards; it is for programs that we know, not for hostile ones. */
#include "base/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static tn_status write_input(int fd, tn_bytes input, tn_err *err)
{
    for (size_t at = 0; at < input.len;) {
        ssize_t n = write(fd, input.ptr + at, input.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tn_fail_errno(err, "cannot keep %zu bytes for a child process", input.len);
        at += (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) == 0 ? TN_OK : tn_fail_errno(err, "cannot rewind the input of a child process");
}

static tn_status read_output(const tn_child *child, int fd, tn_arena *a, tn_str *out, tn_err *err)
{
    struct stat s;
    size_t max = child->max_output ? child->max_output : (size_t)64 << 20;
    if (fstat(fd, &s) != 0)
        return tn_fail_errno(err, "cannot read what %s wrote", child->argv[0]);
    if ((uint64_t)s.st_size > max)
        return tn_fail(err, TN_ELIMIT, "%s wrote %lld bytes, more than %zu", child->argv[0], (long long)s.st_size, max);
    char *text = tn_arena_alloc(a, (size_t)s.st_size + 1);
    if (!text)
        return tn_fail_nomem(err, (size_t)s.st_size + 1);
    size_t len = 0;
    while (len < (size_t)s.st_size) {
        ssize_t n = pread(fd, text + len, (size_t)s.st_size - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tn_fail_errno(err, "cannot read what %s wrote", child->argv[0]);
        len += (size_t)n;
    }
    text[len] = 0;
    *out = (tn_str){text, len};
    return TN_OK;
}

/* Signals as a shell would start it: ours are a server's. */
static int spawn(const tn_child *child, const int fd[3], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    for (int i = 0; i < 3; i++)
        failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, fd[i], i);
    if (child->dir)
        failed = failed ? failed : posix_spawn_file_actions_addchdir_np(&actions, child->dir);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigaddset(&set, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!failed)
        failed = posix_spawnp(pid, child->argv[0], &actions, &attributes, (char *const *)child->argv,
                              child->env ? (char *const *)child->env : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

tn_status tn_child_run(const tn_child *child, tn_arena *a, tn_child_result *out, tn_err *err)
{
    int fd[3] = {-1, -1, -1}, status = 0, failed;
    pid_t pid;
    tn_status st = TN_OK;
    *out = (tn_child_result){0};
    for (int i = 0; i < 3; i++)
        if ((fd[i] = memfd_create("tenet", MFD_CLOEXEC)) < 0) {
            st = tn_fail_errno(err, "cannot start %s", child->argv[0]);
            goto done;
        }
    TN_GO(write_input(fd[0], child->input, err));
    failed = spawn(child, fd, &pid);
    if (failed) {
        errno = failed;
        st = failed == ENOENT ? tn_fail(err, TN_ENOENT, "cannot start %s: it is not installed, or its folder is not there", child->argv[0])
                              : tn_fail_errno(err, "cannot start %s", child->argv[0]);
        goto done;
    }
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR) {
            st = tn_fail_errno(err, "cannot wait for %s", child->argv[0]);
            goto done;
        }
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    TN_GO(read_output(child, fd[1], a, &out->output, err));
    TN_GO(read_output(child, fd[2], a, &out->errors, err));
done:
    for (int i = 0; i < 3; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return st;
}
