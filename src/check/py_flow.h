#ifndef TN_CHECK_PY_FLOW_H
#define TN_CHECK_PY_FLOW_H
/// A Python tree → the calls that it makes, in order of execution, with what is known about each argument.
///
/// The file is run on abstract values: names are followed through imports and aliases, assignments, tuple unpacking,
/// attributes, subscripts, dicts handed over as **kwargs, the file's own functions and classes. Where the text does not
/// decide, the value is TN_PV_UNKNOWN, and unknown is never guilty. Both branches of an undecided `if` are run, what they
/// leave different is unknown; a loop's body is run once; calls nest up to four deep.
///
///     from transformers import Trainer as T            event 0  callee "transformers.TrainingArguments"
///     args = dict(eval_dataset=ds["test"])             event 1  callee "transformers.Trainer", arg "eval_dataset" of
///     args["args"] = TrainingArguments("out")                   type "datasets.Dataset", rows: split "test" of ...
///     t = T(model, **args); t.train()                  event 2  callee "transformers.Trainer.train", receiver = event 1's
///
/// A rule is a loop over flow->event:
///
///     for (size_t i = 0; i < flow->n_events; i++) {
///         const tn_py_event *e = flow->event[i];
///         if (tn_py_is(e, "transformers.Trainer")) {
///             const tn_py_value *eval = tn_py_arg(e, "eval_dataset", 5);
///             ...

#include "check/py_ast.h"

typedef struct tn_py_value tn_py_value;
typedef struct tn_py_event tn_py_event;
typedef struct tn_py_rows tn_py_rows;

typedef enum {
    TN_PV_UNKNOWN,
    TN_PV_NONE,
    TN_PV_BOOL,     /* number = 0 or 1 */
    TN_PV_NUMBER,   /* number; text as written when it is a literal */
    TN_PV_STRING,   /* text; an f-string with unknown parts is UNKNOWN of type "str" */
    TN_PV_LIST,     /* items */
    TN_PV_TUPLE,    /* items */
    TN_PV_SET,      /* items */
    TN_PV_DICT,     /* items with names, for keys that are strings */
    TN_PV_NAME,     /* something imported or built in, not called yet; text = canonical dotted name */
    TN_PV_FUNCTION, /* a def or lambda of this file; node */
    TN_PV_CLASS,    /* a class of this file; node, type = its canonical name as for events */
    TN_PV_RESULT,   /* what a call gave; event */
    TN_PV_OUTSIDE,  /* from outside the code: argparse, click, os.environ, a config file, input() */
    TN_PV_PARAM,    /* a parameter of a function that the file never calls; text = its name, node = the PARAM */
} tn_py_value_kind;

typedef struct {
    tn_str name; /* DICT: key */
    const tn_py_value *value;
} tn_py_item;

struct tn_py_value {
    tn_py_value_kind kind;
    bool literal;              /* written in the code as such, perhaps behind a name; node says where */
    bool open;                 /* containers: there may be more items than those */
    tn_str text;
    double number;
    tn_str type;               /* canonical class when known: "transformers.Trainer", "datasets.Dataset", "str"; else empty */
    const tn_py_node *node;    /* where it was written: literal, def, class, call */
    const tn_py_event *event;  /* RESULT */
    const tn_py_item *item;
    size_t n_items;
    const tn_py_rows *const *rows; /* whose rows a data set, array, loader or batch holds; several = joined; none = unknown */
    size_t n_rows;
    uint32_t object;           /* identity: the same number is the same object, however it was reached. 0 = none */
};

/// Where rows of data come from. Equal rows are equal pointers: `==` asks for the same rows, also after map, tokenising,
/// choosing of columns, conversion to arrays.
typedef enum { TN_ROWS_SOURCE, TN_ROWS_SPLIT, TN_ROWS_PART, TN_ROWS_SUBSET } tn_py_rows_kind;
typedef enum { TN_ROLE_UNKNOWN, TN_ROLE_WHOLE, TN_ROLE_TRAIN, TN_ROLE_VALIDATION, TN_ROLE_TEST } tn_py_role;

struct tn_py_rows {
    tn_py_rows_kind kind;
    tn_py_role role;
    bool hint;                /* the role follows from the name of a file only */
    uint8_t part;             /* PART: 0 = first ("train"), 1 = second ("test") */
    tn_str name;              /* SOURCE: id or file when literal; SPLIT: the split's name */
    const tn_py_rows *of;     /* SPLIT, PART, SUBSET: out of these; NULL = unknown */
    const tn_py_event *event; /* the loading, splitting, choosing call; NULL = a slice */
    const tn_py_node *node;
};

typedef enum {
    TN_REL_UNKNOWN,
    TN_REL_SAME,     /* the same rows */
    TN_REL_WITHIN,   /* a's rows are among b's */
    TN_REL_CONTAINS, /* b's rows are among a's */
    TN_REL_APART,    /* no row in common by construction */
} tn_py_relation;
/// Over all rows of both values; several joined rows: SAME, WITHIN, CONTAINS hold when they hold for some pair. Values
/// without rows: SAME when they are the same object, otherwise UNKNOWN.
tn_py_relation tn_py_relate(const tn_py_value *a, const tn_py_value *b);
/// The role of all rows when it is one and no hint; TN_ROLE_UNKNOWN otherwise.
tn_py_role tn_py_role_of(const tn_py_value *v);
/// What a name says: "x_train" TRAIN, "val_loader" VALIDATION, "test.csv" TEST, by whole words; UNKNOWN for none or several.
tn_py_role tn_py_role_in(tn_str name);
/// The rows' outermost origin: the SOURCE, or the last one known.
const tn_py_rows *tn_py_origin(const tn_py_rows *rows);

typedef struct {
    tn_str name; /* keyword; empty = positional */
    const tn_py_value *value;
    const tn_py_node *node; /* where the value was written down in the call (in the dict, for **dict) */
    bool unpacked;          /* came out of *list or **dict */
} tn_py_argument_value;

struct tn_py_event {
    uint32_t index;         /* in flow->event; within one run: order of execution */
    uint32_t run;           /* 0 = the file as it runs; k = the k-th function or method that the file never calls, run alone */
    const tn_py_node *node; /* the CALL; for a decorator or base without call: never an event */
    tn_str callee;          /* canonical: "transformers.Trainer", "transformers.Trainer.train", "print"; ".fit" when only the
                             * method's name is known; ":name" for a function or class of this file (a class with an imported
                             * base: that base); an object that is called: "transformers.AutoTokenizer.__call__"; "" when
                             * nothing is known */
    tn_str name;            /* its last part: "Trainer", "train", as written when nothing else is known */
    const tn_py_value *receiver; /* of a method call on a value; NULL for functions and constructors */
    const tn_py_argument_value *arg;
    size_t n_args;
    bool open_args;         /* *x or **x that is not known: an absent argument may be there */
    bool again;             /* the same call in the text has run before: its function is called more than once */
    bool maybe;             /* under an undecided if, an except, a match: it may not run */
    bool in_loop;           /* for, while or comprehension, also that of a caller */
    const tn_py_node *loop; /* the innermost loop in its function */
    const tn_py_value *result;
    const tn_py_event *caller; /* the call of this file's function that is running; NULL at the top */
    const tn_py_node *function; /* the FUNCTION it stands in; NULL at the top */
};

typedef struct {
    const tn_py_tree *tree;
    const tn_py_event *const *event;
    size_t n_events;
    bool has_cli;      /* argparse, click, typer, fire, absl, HfArgumentParser, hydra, sys.argv are used */
    bool has_config;   /* a file of values is read: yaml, json, toml, OmegaConf, configparser; or os.environ */
    bool cut;          /* a bound was met (events, depth of calls): what is absent proves nothing */
    const tn_str *import; /* canonical module names that are imported, sorted, once each */
    size_t n_imports;
    uint32_t n_runs;
} tn_py_flow;

/// Everything lives in `a`. Work is bounded whatever the file does.
tn_status tn_py_follow(const tn_py_tree *tree, tn_arena *a, const tn_py_flow **out, tn_err *err);

/// The callee is this name.
bool tn_py_is(const tn_py_event *e, const char *callee);
/// The callee is one of "a|b|*c".
bool tn_py_is_any(const tn_py_event *e, const char *callees);
/// The last part of the callee is one of "a|b|*c".
bool tn_py_named(const tn_py_event *e, const char *names);
/// The value's type is one of "a|b|c"; "*suffix" compares the end ("*Tokenizer").
bool tn_py_typed(const tn_py_value *v, const char *types);
/// The argument by keyword, or by position from 0 (position < 0: keyword only); NULL when it was not given.
const tn_py_value *tn_py_arg(const tn_py_event *e, const char *name, int position);
const tn_py_argument_value *tn_py_arg_at(const tn_py_event *e, const char *name, int position);
/// `s` is one of "a|b|*c": the last form compares the end. `words` is a literal: what it says is kept by its address.
bool tn_py_word_in(tn_str s, const char *words);
/// "Trainer" of "transformers.Trainer".
tn_str tn_py_last_part(tn_str dotted);
/// True when the argument is certainly not given: absent, and no unknown *x or **x could bring it.
bool tn_py_lacks(const tn_py_event *e, const char *name, int position);
bool tn_py_imports(const tn_py_flow *flow, const char *module);
/// A DICT's value under the key, NULL when absent.
const tn_py_value *tn_py_item_at(const tn_py_value *dict, const char *key);
/// True, and the values, for literals behind names too.
bool tn_py_as_str(const tn_py_value *v, tn_str *out);
bool tn_py_as_f64(const tn_py_value *v, double *out);
bool tn_py_as_bool(const tn_py_value *v, bool *out);
/// Both are the same object (identity known).
bool tn_py_same(const tn_py_value *a, const tn_py_value *b);
/// The canonical name of an expression by the file's imports, without running it: for decorators, bases, annotations
/// ("torch.no_grad"). Empty when unknown.
tn_str tn_py_canonical(const tn_py_flow *flow, const tn_py_node *expression, tn_arena *a);

#endif
