#ifndef TN_CHECK_PY_AST_H
#define TN_CHECK_PY_AST_H
/// Python source → a tree in an arena, whatever the source looks like.
///
/// The grammar is that of Python 3.13 (and what 3.14 relaxed). A statement that cannot be read, a Python 2 `print x`
/// among them, becomes a TN_PY_ERROR with the reason, and reading goes on with the next line; the block below a broken
/// header is read all the same. So every text gives a tree; only memory and the bounds fail.
///
/// A node has at most four slots, x, y, z and body, each NULL, one node, or a list linked by `next`; what a slot holds
/// depends on the kind and stands in the table of tn_py_kind. Names and literals are in `str`. Nodes know their parent,
/// so the whole tree is walked without recursion:
///
///     for (const tn_py_node *n = tree->body; n; n = tn_py_next(n, NULL))
///         if (n->kind == TN_PY_CALL) ...
///
/// No node is more than TN_PY_MAX_HEIGHT levels above its deepest child, so recursion over a tree is safe too.

#include "base/mem.h"
#include "base/str.h"

typedef enum {
    /* ---- statements ----            str             x                  y               z              body */
    TN_PY_ERROR,      /*               the reason                                                       block below */
    TN_PY_EXPR,       /*                               value                                                      */
    TN_PY_ASSIGN,     /*                               targets, a list    value                                   */
    TN_PY_AUG_ASSIGN, /* op                            target             value                                   */
    TN_PY_ANN_ASSIGN, /*                               target             annotation      value or NULL           */
    TN_PY_RETURN,     /*                               value or NULL                                              */
    TN_PY_DELETE,     /*                               targets                                                    */
    TN_PY_PASS,
    TN_PY_BREAK,
    TN_PY_CONTINUE,
    TN_PY_RAISE,       /*                              value or NULL      cause                                   */
    TN_PY_GLOBAL,      /*                              NAMEs                                                      */
    TN_PY_NONLOCAL,    /*                              NAMEs                                                      */
    TN_PY_ASSERT,      /*                              test               message                                 */
    TN_PY_IMPORT,      /*                              ALIASes                                                    */
    TN_PY_IMPORT_FROM, /* op = dots    module or ""    ALIASes                                                    */
    TN_PY_TYPE_ALIAS,  /*              name            value                                                      */
    TN_PY_IF,          /*                              test                               else, elif = IF  then   */
    TN_PY_WHILE,       /*                              test                               else            loop    */
    TN_PY_FOR,         /* ASYNC                        target             iterated        else            loop    */
    TN_PY_WITH,        /* ASYNC                        WITH_ITEMs                                         block   */
    TN_PY_TRY,         /* STAR                         EXCEPTs            else            finally         block   */
    TN_PY_MATCH,       /*                              subject                                            CASEs   */
    TN_PY_FUNCTION,    /* ASYNC        name            PARAMs             returns         decorators      block   */
    TN_PY_CLASS,       /*              name            bases as arguments                 decorators      block   */
    TN_PY_MAGIC,       /* notebooks: `%pip install x`, `!ls`; also an expression: str = the line without mark of IPython's
                        * help; flag none. Magics that run Python (`%time f()`) are left out and their Python is read */
    /* ---- parts of statements ---- */
    TN_PY_ALIAS,     /*                dotted name, *  NAME after `as`                                            */
    TN_PY_WITH_ITEM, /*                                value              target or NULL                          */
    TN_PY_EXCEPT,    /*                name or ""      type or NULL                                       block   */
    TN_PY_CASE,      /*                                pattern            guard                           block   */
    TN_PY_PARAM,     /* op: '*' '**' '/' or 0; KEYWORD_ONLY;  name        annotation      default                 */
    /* ---- patterns of match ---- */
    TN_PY_PATTERN_VALUE,    /*                         expression                                                 */
    TN_PY_PATTERN_NAME,     /*         name or "_"                                                                */
    TN_PY_PATTERN_STAR,     /*         name or "_"     (`*rest`; op '**' inside mappings)                         */
    TN_PY_PATTERN_AS,       /*         name            pattern                                                    */
    TN_PY_PATTERN_OR,       /*                         patterns                                                   */
    TN_PY_PATTERN_SEQUENCE, /*                         patterns                                                   */
    TN_PY_PATTERN_MAPPING,  /*                         PAIRs (key, pattern) and STAR                              */
    TN_PY_PATTERN_CLASS,    /*                         class expression   patterns and KEYWORDs                   */
    /* ---- expressions ---- */
    TN_PY_NAME,      /*                name */
    TN_PY_NUMBER,    /*                text as written; TN_PY_COMPLEX */
    TN_PY_STRING,    /*                value, concatenated and unescaped; TN_PY_BYTES; TN_PY_INEXACT               */
    TN_PY_FSTRING,   /*                                STRINGs and FORMATs                                        */
    TN_PY_FORMAT,    /* op: !r !s !a                   value              format FSTRING or NULL                  */
    TN_PY_NONE,
    TN_PY_TRUE,
    TN_PY_FALSE,
    TN_PY_ELLIPSIS,
    TN_PY_TUPLE,     /*                                elements                                                   */
    TN_PY_LIST,      /*                                elements                                                   */
    TN_PY_SET,       /*                                elements                                                   */
    TN_PY_DICT,      /*                                PAIRs                                                      */
    TN_PY_PAIR,      /*                                key; NULL is `**`  value                                   */
    TN_PY_ATTRIBUTE, /*                name            value                                                      */
    TN_PY_SUBSCRIPT, /*                                value              index                                   */
    TN_PY_SLICE,     /*                                from               to              step                    */
    TN_PY_CALL,      /*                                callee             arguments: values, STARRED, KEYWORD     */
    TN_PY_KEYWORD,   /*                name; "" is **  value                                                      */
    TN_PY_STARRED,   /*                                value                                                      */
    TN_PY_UNARY,     /* op: + - ~ not                  value                                                      */
    TN_PY_BINARY,    /* op                             left               right                                   */
    TN_PY_BOOL,      /* op: and, or                    values, two or more                                        */
    TN_PY_COMPARE,   /*                                left               COMPARATORs                             */
    TN_PY_COMPARATOR,/* op                             right                                                      */
    TN_PY_TERNARY,   /*                                then               test            else                    */
    TN_PY_LAMBDA,    /*                                PARAMs             value                                   */
    TN_PY_WALRUS,    /*                                NAME               value                                   */
    TN_PY_AWAIT,     /*                                value                                                      */
    TN_PY_YIELD,     /*                                value or NULL                                              */
    TN_PY_YIELD_FROM,/*                                value                                                      */
    TN_PY_LIST_COMP, /*                                element            COMP_FORs                               */
    TN_PY_SET_COMP,  /*                                element            COMP_FORs                               */
    TN_PY_DICT_COMP, /*                                PAIR               COMP_FORs                               */
    TN_PY_GENERATOR, /*                                element            COMP_FORs                               */
    TN_PY_COMP_FOR,  /* ASYNC                          target             iterated        tests                   */
    TN_PY_N_KINDS
} tn_py_kind;

/// Operators, in `op`.
typedef enum {
    TN_PY_NO_OP,
    TN_PY_ADD, TN_PY_SUB, TN_PY_MUL, TN_PY_MATMUL, TN_PY_DIV, TN_PY_FLOORDIV, TN_PY_MOD, TN_PY_POW, TN_PY_LSHIFT,
    TN_PY_RSHIFT, TN_PY_BITAND, TN_PY_BITOR, TN_PY_BITXOR, /* BINARY, AUG_ASSIGN */
    TN_PY_PLUS, TN_PY_MINUS, TN_PY_INVERT, TN_PY_NOT,      /* UNARY */
    TN_PY_AND, TN_PY_OR,                                   /* BOOL */
    TN_PY_EQ, TN_PY_NE, TN_PY_LT, TN_PY_LE, TN_PY_GT, TN_PY_GE, TN_PY_IN, TN_PY_NOT_IN, TN_PY_IS,
    TN_PY_IS_NOT,                                          /* COMPARATOR */
    TN_PY_ARGS, TN_PY_KWARGS, TN_PY_SLASH, TN_PY_BARE_STAR,/* PARAM: *x, **x, the marks / and * (no name); PATTERN_STAR */
} tn_py_op;

enum { /* flags */
    TN_PY_ASYNC = 1,
    TN_PY_STAR = 1,         /* except* */
    TN_PY_KEYWORD_ONLY = 1, /* a parameter behind * */
    TN_PY_BYTES = 1,
    TN_PY_COMPLEX = 1,
    TN_PY_INEXACT = 2,      /* holds \N{...} or a lone surrogate, which stand as U+FFFD */
    TN_PY_PARENS = 4,       /* the expression stood in parentheses */
    TN_PY_MAX_HEIGHT = 2000,
};

typedef struct tn_py_node tn_py_node;
struct tn_py_node {
    uint8_t kind, op, flags, slot; /* slot of the parent that it is in: 0 x, 1 y, 2 body, 3 z */
    uint16_t height;
    uint32_t line;     /* from 1, where it begins; decorators do not count to their function */
    uint32_t from, to; /* bytes of tree->text: [from, to). A list's member ends where it ends, without the comma */
    tn_str str;
    const tn_py_node *x, *y, *z, *body;
    const tn_py_node *next;   /* in its list */
    const tn_py_node *parent; /* NULL for the statements of the file */
};

typedef struct {
    uint32_t line, from, to; /* with the #, without the line end */
    bool alone;              /* nothing but blanks before it on its line */
} tn_py_comment;

typedef struct {
    tn_str text;                  /* what offsets count in: the source, or its UTF-8 form when a cookie names Latin-1 */
    const tn_py_node *body;       /* statements of the file; NULL when there are none */
    const tn_py_comment *comment; /* in order */
    size_t n_comments, n_nodes;
    uint32_t n_lines, n_errors;
    tn_arena *arena;
} tn_py_tree;

typedef struct {
    bool notebook;    /* `%`, `!` and `?` lines of IPython; byte 0x1E at a line's end closes all that is open: a cell's end */
    size_t max_bytes; /* 0 = 16 MiB */
    size_t max_nodes; /* 0 = 4 Mi */
} tn_py_options;

/// The tree lives in `a` and points into `text`, which must outlive it. `options` may be NULL. A byte order mark, CR LF,
/// lone CR and form feeds are as Python has them; ill-formed UTF-8 and NUL bytes stand in error statements, or inside
/// strings and comments. TN_ELIMIT beyond a bound; TN_EFORMAT for UTF-16 and UTF-32 by their byte order mark. Linear in the
/// length of the text.
tn_status tn_py_parse(tn_str text, const tn_py_options *options, tn_arena *a, const tn_py_tree **out, tn_err *err);

/// One expression, the whole text ("a.b(c, d=1)"): NULL in *out when it is none.
tn_status tn_py_parse_expression(tn_str text, tn_arena *a, const tn_py_node **out, tn_err *err);

/// The next node in order of the text (but for decorators, which come last), children first: NULL at the end. Inside
/// `root` only, when `root` is not NULL: begin with n = root.
const tn_py_node *tn_py_next(const tn_py_node *n, const tn_py_node *root);
/// The next one that is not inside `n`.
const tn_py_node *tn_py_skip(const tn_py_node *n, const tn_py_node *root);

/// "Call", "Name", ...: for dumps and messages.
const char *tn_py_kind_name(tn_py_kind kind);
/// Column of a byte offset in its line, in code points from 1.
uint32_t tn_py_column(const tn_py_tree *tree, uint32_t offset);
/// The node's source text, as written.
tn_str tn_py_source(const tn_py_tree *tree, const tn_py_node *n);

/// "a.b.c" for a NAME or a chain of ATTRIBUTEs over a NAME, as written; empty for anything else. Imports are not followed:
/// py_flow.h does that.
tn_str tn_py_dotted(const tn_py_node *n, tn_arena *a);
/// The value of keyword argument `name` of a CALL (or CLASS), as written, or NULL.
const tn_py_node *tn_py_keyword(const tn_py_node *call, const char *name);
/// The n-th positional argument, from 0; NULL when there is none or a *argument stands before it.
const tn_py_node *tn_py_argument(const tn_py_node *call, size_t n);
/// The innermost FUNCTION, CLASS or LAMBDA around a node, NULL for the file.
const tn_py_node *tn_py_scope(const tn_py_node *n);
/// Number of members of a list that begins with `n`.
size_t tn_py_count(const tn_py_node *n);
/// Decimal, hex, octal, binary with underscores; a leading minus as UNARY. False when it is no such number or does not fit.
bool tn_py_i64(const tn_py_node *n, int64_t *out);
bool tn_py_f64(const tn_py_node *n, double *out);

#endif
