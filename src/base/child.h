#ifndef TN_BASE_CHILD_H
#define TN_BASE_CHILD_H
/// Another program, run to its end: fixed arguments and no shell, so that no word from outside is ever taken for a
/// command or an option.

#include "base/str.h"

typedef struct {
    const char *const *argv; /* argv[0] is looked for in PATH when it has no slash; ends with NULL */
    const char *const *env;  /* "NAME=value", ends with NULL; NULL: ours */
    const char *dir;         /* where it works; NULL: here */
    tn_bytes input;          /* its standard input; empty: nothing to read */
    size_t max_output;       /* bytes of each stream; 0 = 64 MiB */
} tn_child;

typedef struct {
    int exit_code;     /* 128 + N when signal N ended it */
    tn_str output, errors; /* what it wrote to stdout and stderr; in the arena, NUL-terminated */
} tn_child_result;

/// Runs and waits. TN_OK whatever the exit code; TN_ENOENT when there is no such program, TN_ELIMIT when it wrote more
/// than the bound, TN_EIO, TN_ENOMEM.
tn_status tn_child_run(const tn_child *child, tn_arena *a, tn_child_result *out, tn_err *err);

#endif
