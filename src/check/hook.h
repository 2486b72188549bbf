#ifndef TN_CHECK_HOOK_H
#define TN_CHECK_HOOK_H
/// Enforcement points: what an assistant or a commit is about to do, answered before it is done.
///
/// A change is judged by what it brings: error findings that the text has after it and had not before. Old findings never
/// stand in the way of an edit, so a bad file can be mended step by step; they are what `tenet check` is for. Warnings and
/// advice never block, nor do files that the project ignores. Nothing is ever approved: a hook that has nothing to say says
/// nothing. Files larger than 16 MiB, and what a change holds beyond 5,000 files, are not looked at.

#include "base/finding.h"

typedef struct {
    bool blocks;
    tn_str reason; /* for whoever is to mend it: findings with place, evidence, remedy; in the arena, empty when it does not block */
} tn_hook_answer;

/// One event of Claude Code, the JSON of its standard input. (public hook reference, events PreToolUse and Stop)
///
///   PreToolUse  Write, Edit, MultiEdit, NotebookEdit: the file as it would be. Marks that set findings aside
///               (`tenet: ignore`) count for nothing here: what an assistant writes does not excuse itself. An edit that
///               takes this hook out of .claude/settings.json, changes its entry or switches hooks off is blocked: that is the user's.
///               Bash: running a Python file or notebook that has errors, and committing or pushing past installed
///               hooks of ours. Only where the command line leaves no doubt: a word with a `$` or a wildcard in it is no word.
///   Stop, SubagentStop: the files changed in the working tree since HEAD, once: with stop_hook_active nothing is said.
///
/// Other events, tools and files are let pass. A tenet.yaml that cannot be read does not open the gate: the rules hold as
/// they are compiled in. TN_EFORMAT when the event is none.
tn_status tn_hook_claude(tn_str event, tn_arena *a, tn_hook_answer *out, tn_err *err);

/// What is staged in the repository at `dir`, read from the index and not from the working tree.
tn_status tn_hook_pre_commit(const char *dir, tn_arena *a, tn_hook_answer *out, tn_err *err);

/// What a push would bring: for each line "LOCAL_REF LOCAL_ID REMOTE_REF REMOTE_ID" of `refs`, the files at LOCAL_ID that
/// differ from the remote's commit; where that is not known here, from the nearest commit that some remote has. An ID may
/// also be a name of a commit. TN_EFORMAT for any other line.
tn_status tn_hook_pre_push(const char *dir, tn_str refs, tn_arena *a, tn_hook_answer *out, tn_err *err);

/// Writes the hook into DIR/.claude/settings.json, keeping everything else that is there. `program` is the command to call.
/// Again: the same bytes. TN_EFORMAT for settings that cannot be read: nothing is written.
tn_status tn_hook_install_claude(const char *dir, const char *program, tn_arena *a, const char **path, tn_err *err);

/// Writes pre-commit and pre-push into the hooks folder of the repository at `dir`: a block of our own in front of what
/// is there. Again: the same bytes. TN_EINVALID for a hook of the user's that is no shell script: nothing is written.
tn_status tn_hook_install_git(const char *dir, const char *program, tn_arena *a, const char **path, tn_err *err);

#endif
