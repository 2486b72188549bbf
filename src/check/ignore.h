#ifndef TN_CHECK_IGNORE_H
#define TN_CHECK_IGNORE_H
/// Patterns of paths that a project leaves out: the lines of .gitignore files.

#include "rules/rules.h"

typedef struct {
    tn_str text;    /* without '!', a '/' at its ends, and blanks behind it */
    tn_str folder;  /* where its file lies, relative to the root; empty = the root */
    bool negated;   /* "!x": what an earlier line left out comes back */
    bool anchored;  /* holds a '/' before its end: matched from its folder, not in any folder below */
    bool only_folders; /* ended with '/' */
} tn_ignore_line;

typedef struct {
    tn_arena *arena;
    TN_VEC(tn_ignore_line) line;
} tn_ignore;

/// Adds the lines of a file that lies in `folder`. The texts are borrowed. At most 10,000 lines in all; more are passed over.
tn_status tn_ignore_add(tn_ignore *g, tn_str folder, tn_str text, tn_err *err);
/// True when the last line that matches is not negated. `path` is relative to the root; its folders are asked about by
/// whoever walks, before what is in them.
bool tn_ignore_has(const tn_ignore *g, tn_str path, bool is_folder);
/// Adds the patterns under `ignore` of tenet.yaml. Fails with TN_ENOMEM.
tn_status tn_ignore_add_project(tn_ignore *g, const tn_rules *rules, tn_err *err);
/// True when these patterns, which count from the project's folder, leave out the path or a folder above it. The path as
/// for tn_rules_relative; one outside of the project is not left out.
bool tn_ignore_has_project(const tn_ignore *g, const tn_rules *rules, tn_str path, bool is_folder);
/// One pattern: '*' and '?' stay inside a name, "**" does not, [a-z] and [!a-z] are sets, '\' takes the next byte as it
/// is. Whatever the pattern, work is bounded; a pattern beyond the bound matches nothing.
bool tn_ignore_match(tn_str pattern, tn_str path);

#endif
