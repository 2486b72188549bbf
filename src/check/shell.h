#ifndef TN_CHECK_SHELL_H
#define TN_CHECK_SHELL_H
/// What a command line is certain to do, as far as it matters here: which scripts it runs, and where it goes past git's
/// hooks. Certain means: the words stand there. A word with an expansion or a wildcard, a substitution, a here-document
/// end the certainty for what depends on them.

#include "base/str.h"

typedef enum {
    TN_SHELL_RUNS,             /* path: a Python file or notebook that is there */
    TN_SHELL_COMMIT_UNCHECKED, /* path: the folder in which `git commit --no-verify` would run */
    TN_SHELL_PUSH_UNCHECKED,   /* the same of `git push --no-verify` */
} tn_shell_what;

typedef struct {
    tn_shell_what what;
    const char *path;
} tn_shell_action;

typedef struct {
    tn_shell_action *at; /* [n], in order of the line */
    size_t n;
} tn_shell_actions;

/// Reads a POSIX shell's command line; `cwd` is where it starts. Any bytes: what is not understood does nothing. Understood
/// are lists and pipelines, quotes, redirections, assignments, `cd`, python with a file or -m, and what runs python:
/// env, nohup, time, uv run, poetry run, accelerate launch, torchrun, deepspeed, papermill, jupyter nbconvert --execute.
tn_status tn_shell_read(tn_str command, const char *cwd, tn_arena *a, tn_shell_actions *out, tn_err *err);

#endif
