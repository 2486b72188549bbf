#ifndef TN_CHECK_PY_LEX_H
#define TN_CHECK_PY_LEX_H
/// Python text → the tokens of one logical line at a time. Private to py_lex.c and py_parse.c.

#include "check/py_ast.h"

typedef enum {
    T_END, /* of the logical line, or of an f-string's expression */
    T_NAME,
    T_NUMBER,
    T_STRING,  /* with prefix and quotes */
    T_FSTRING, /* the same, from the f to the last quote */
    T_MAGIC,
    T_ERROR, /* op = reason */
    /* punctuation */
    T_LPAR, T_RPAR, T_LSQB, T_RSQB, T_LBRACE, T_RBRACE, T_COLON, T_COMMA, T_SEMI, T_DOT, T_ELLIPSIS, T_ARROW, T_ASSIGN,
    T_WALRUS, T_AUG, /* op = the operator */
    T_PLUS, T_MINUS, T_STAR, T_DOUBLESTAR, T_SLASH, T_DOUBLESLASH, T_PERCENT, T_AT, T_AMP, T_PIPE, T_CARET, T_TILDE,
    T_LSHIFT, T_RSHIFT, T_EQ, T_NE, T_LT, T_LE, T_GT, T_GE,
    /* keywords */
    T_FALSE, T_NONE, T_TRUE, T_AND, T_AS, T_ASSERT, T_ASYNC, T_AWAIT, T_BREAK, T_CLASS, T_CONTINUE, T_DEF, T_DEL, T_ELIF,
    T_ELSE, T_EXCEPT, T_FINALLY, T_FOR, T_FROM, T_GLOBAL, T_IF, T_IMPORT, T_IN, T_IS, T_LAMBDA, T_NONLOCAL, T_NOT, T_OR,
    T_PASS, T_RAISE, T_RETURN, T_TRY, T_WHILE, T_WITH, T_YIELD,
} py_token_kind;

typedef enum {
    E_CHARACTER, /* order of tn_py_lex_reason's sentences */
    E_STRING,
    E_TRIPLE,
    E_NUMBER,
    E_OPEN,
    E_CLOSE,
    E_NESTED,
    E_CONTINUATION,
    E_FSTRING,
} py_lex_error;
const char *tn_py_lex_reason(int reason);

typedef struct {
    uint32_t from, to, line;
    uint8_t kind, op;
} py_token;

enum { PY_MAX_OPEN = 200 };

typedef struct {
    const char *base, *p, *end; /* a copy that ends with NULs, so scanning needs no length */
    uint32_t line;
    bool notebook, failed;      /* failed: out of memory */
    int restarts;               /* times that an unclosed thing sent us back: bounded, so that the whole stays linear */
    uint32_t indent;            /* of the logical line in `token` */
    TN_VEC(py_token) token;
    TN_VEC(tn_py_comment) comment;
    char open[PY_MAX_OPEN];
} py_lexer;

/// The next logical line that is not empty, ended by T_END. False at the end of the text.
bool tn_py_lex_line(py_lexer *x);
/// Appends the tokens of an f-string's expression from byte `from`, ended by T_END. The byte that ended it, '}', '!', ':' or
/// '=' (of `{x=}`), stands at *stop.
void tn_py_lex_expression(py_lexer *x, uint32_t from, uint32_t line, uint32_t *stop);

#endif
