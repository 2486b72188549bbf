#ifndef TN_CHECK_PY_CHECK_H
#define TN_CHECK_PY_CHECK_H
/// The checkers of Python files and notebooks: one reading, one following of names, then every rule of the tables below.
///
/// A new rule over Python is a function and a row `{"rule-id", function}` in one of the tables.

#include "check/check.h"
#include "check/notebook.h"
#include "check/py_flow.h"

typedef struct {
    const tn_check_source *source;
    const tn_py_tree *tree;
    const tn_py_flow *flow;
    const tn_notebook *notebook; /* NULL for a file */
    tn_arena *arena;             /* scratch, freed when the source is done */
    tn_findings *findings;
    const char *rule;            /* of the row that runs */
    const struct tn_py_training *training; /* py_train.h; NULL until a rule asks */
    tn_err *err;
} tn_py_check;

typedef struct {
    const char *rule; /* id; NULL ends a table */
    tn_status (*look)(tn_py_check *c);
} tn_py_rule;

extern const tn_py_rule tn_py_data_rules[], tn_py_eval_rules[]; /* py_data.c, py_eval.c */
extern const tn_py_rule tn_py_constraint_rules[], tn_py_govern_rules[]; /* py_constraint.c; py_govern.c: also who-*, format-* */
extern const tn_py_rule tn_py_scope_rules[]; /* py_scope.c */

/// Adds a finding of c->rule at the node (in a notebook: at the cell's line in the .ipynb; the cell's number goes into the
/// evidence). `evidence` NULL: the node's first line of source. The message is formatted.
tn_status tn_py_say(tn_py_check *c, const tn_py_node *at, const char *evidence, const char *remedy, const char *message, ...)
    __attribute__((format(printf, 5, 6)));

/// Parses, follows, runs all tables. A fragment (source->fragment) or a file with broken statements proves nothing by what it
/// lacks: rules ask tn_py_whole(c) before they say "never".
tn_checker tn_check_python, tn_check_notebook;
/// The text is a whole file, read without errors, followed without a cut.
bool tn_py_whole(const tn_py_check *c);

#endif
