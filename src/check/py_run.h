#ifndef TN_CHECK_PY_RUN_H
#define TN_CHECK_PY_RUN_H
/// The inside of py_flow: the interpreter's state, and what library calls give. Private to py_flow.c, py_values.c, py_known.c.

#include "base/map.h"
#include "check/py_flow.h"

/* Every value is one of these; rules see the first member. */
typedef struct pv pv;
struct pv {
    tn_py_value v;
    uint32_t owner;  /* FUNCTION: the scope it was defined in; CLASS: the scope of its body */
    const pv *self;  /* FUNCTION: what it is bound to */
    const pv *cls;   /* an instance's class of this file; CLASS: its base of this file */
};

typedef struct {
    const pv *value; /* NULL: unbound */
    const pv *branch;
    uint32_t stamp;  /* of the branch that `branch` was left by */
} py_slot;

typedef struct {
    tn_str name, full;
} py_alias;

typedef struct py_frame {
    const tn_py_node *function; /* NULL: the file */
    uint32_t scope;
    const pv *result;           /* join of what it returned */
    bool returned;
    const struct py_frame *up;
} py_frame;

typedef struct {
    tn_py_flow flow; /* first: what rules see */
    tn_arena *arena;
    tn_map names, slots, sources, modules; /* text → id; owner and name → slot; key → rows; what is imported */
    const py_alias *alias;                 /* what imports bind, sorted by name */
    size_t n_aliases;
    TN_VEC(py_slot) slot;
    TN_VEC(struct { uint32_t slot; const pv *old; }) log; /* what branches have overwritten */
    TN_VEC(uint32_t) scope_up;    /* of each owner that is a scope: the one around it */
    TN_VEC(tn_py_event *) events;
    TN_VEC(const pv *) defined;   /* functions and classes, in order of definition */
    uint8_t *called;              /* bit 0: by the byte where a FUNCTION or CLASS begins; bit 1: by the byte where a CALL ends */
    uint32_t stamp;
    size_t steps, max_steps;
    uint32_t run;
    int n_branches, n_maybe, n_loops, depth;
    const tn_py_node *loop;
    const tn_py_event *caller;
    py_frame *frame;
    bool any_global, failed, star_import;
} py_run;

/* ---- py_values.c ---- */
pv *tn_pv_new(py_run *r, tn_py_value_kind kind, const tn_py_node *node);
const pv *tn_pv_unknown(void);
const pv *tn_pv_typed(py_run *r, tn_py_value_kind kind, const char *type, const tn_py_node *node);
const pv *tn_pv_name(py_run *r, tn_str text);
uint32_t tn_pv_object(py_run *r); /* a new identity */
/// Copies of a value with other rows, or nothing of it but its rows.
pv *tn_pv_copy(py_run *r, const pv *v);
void tn_pv_set_rows(py_run *r, pv *v, const tn_py_rows *rows);
void tn_pv_take_rows(pv *v, const pv *from);
const pv *tn_pv_join(py_run *r, const pv *a, const pv *b);
const tn_py_rows *tn_pv_one_rows(const pv *v); /* NULL unless there is exactly one */
const tn_py_rows *tn_rows_source(py_run *r, tn_str key, tn_str name, const tn_py_event *e, tn_py_role role, bool hint);
const tn_py_rows *tn_rows_split(py_run *r, const tn_py_rows *of, tn_str name, const tn_py_event *e);
const tn_py_rows *tn_rows_part(py_run *r, const tn_py_rows *of, unsigned part, unsigned n_parts, const tn_py_event *e);
const tn_py_rows *tn_rows_subset(py_run *r, const tn_py_rows *of, const tn_py_event *e, const tn_py_node *node);

/* ---- py_known.c ---- */
/// The value of a call whose body we do not have: by what is known of the library.
const pv *tn_pv_of_call(py_run *r, tn_py_event *e, const pv *callee);
/// An attribute of a value that the code did not set itself; NULL when nothing is known.
const pv *tn_pv_of_attribute(py_run *r, const pv *base, tn_str name, const tn_py_node *node);
const pv *tn_pv_of_item(py_run *r, const pv *base, const pv *index, const tn_py_node *node);
/// The canonical name: "transformers.trainer.Trainer" is "transformers.Trainer".
tn_str tn_py_canonical_name(py_run *r, tn_str dotted);
/// For pieces of code without imports: "Trainer" → "transformers.Trainer", "pd" → "pandas". Empty when not well known.
tn_str tn_py_well_known(tn_str name);
bool tn_py_is_builtin(tn_str name);
/// The table of functions is sorted, as its search wants it: for the test.
bool tn_py_known_in_order(void);

#endif
