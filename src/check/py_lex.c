/* One pass over a copy of the text that ends with NULs: every scan stops there by itself.
 *
 * A logical line is lexed as a whole before it is parsed, so an unclosed bracket or string is known before any of its
 * tokens is used. What is left open is closed where the damage is smallest: a string at its line's end; a bracket before
 * the first line that begins with a keyword that no expression can hold; a bracket or triple quote that runs to the end
 * of the text (or of the notebook's cell) is given up and reading starts again one line further. Starting again costs a
 * scan to the end, so it is done a few times only.
 *
 * F-strings are one token here. Their expressions are lexed when the parser asks, out of the same text. */
#include "check/py_lex.h"

#include <string.h>

#include "text/unicode.h"

enum { RESTARTS = 16, FSTRING_DEPTH = 24, CELL_END = 0x1E };

const char *tn_py_lex_reason(int reason)
{
    static const char *const sentence[] = {
        [E_CHARACTER] = "a character that Python does not know",
        [E_STRING] = "a string is not closed on its line",
        [E_TRIPLE] = "a triple-quoted string is never closed",
        [E_NUMBER] = "ill-formed number",
        [E_OPEN] = "a bracket is never closed",
        [E_CLOSE] = "a closing bracket without its opening one",
        [E_NESTED] = "brackets nest too deeply",
        [E_CONTINUATION] = "text behind a line continuation",
        [E_FSTRING] = "ill-formed f-string",
    };
    return sentence[reason];
}

/* ---- characters ---- */

enum { C_NAME = 1, C_DIGIT = 2, C_BLANK = 4, C_HEX = 8 };
static const uint8_t class_of[256] = {
    ['0' ... '9'] = C_NAME | C_DIGIT | C_HEX,
    ['a' ... 'f'] = C_NAME | C_HEX,
    ['g' ... 'z'] = C_NAME,
    ['A' ... 'F'] = C_NAME | C_HEX,
    ['G' ... 'Z'] = C_NAME,
    ['_'] = C_NAME,
    [' '] = C_BLANK,
    ['\t'] = C_BLANK,
    ['\f'] = C_BLANK,
};
#define IS(c, what) (class_of[(unsigned char)(c)] & (what))

static bool at_end(const py_lexer *x, const char *p)
{
    return (*p == 0 && p >= x->end) || (x->notebook && *p == CELL_END);
}

/* p stands on a line end: the beginning of the next line. */
static const char *over_newline(const char *p)
{
    return p[0] == '\r' && p[1] == '\n' ? p + 2 : p + 1;
}

static bool push(py_lexer *x, int kind, int op, const char *from, const char *to, uint32_t line)
{
    py_token t = {(uint32_t)(from - x->base), (uint32_t)(to - x->base), line, (uint8_t)kind, (uint8_t)op};
    if (!TN_PUSH(&x->token, t))
        x->failed = true;
    return !x->failed;
}

/* Behind the name that goes on at p; also letters beyond ASCII. */
static const char *name_end(const py_lexer *x, const char *p)
{
    for (;;) {
        while (IS(*p, C_NAME))
            p++;
        if ((unsigned char)*p < 0x80)
            return p;
        size_t n = 0;
        uint32_t cp = tn_utf8_next((tn_str){p, (size_t)(x->end - p)}, &n);
        if (cp == 0xFFFD || !(tn_uc_flags(cp) & TN_UC_WORD))
            return p;
        p += n;
    }
}

static int keyword(const char *s, size_t n)
{
#define K(word, token)                                                                                                 \
    if (n == sizeof word - 1 && memcmp(s, word, sizeof word - 1) == 0)                                                 \
    return token
    if (n < 2 || n > 8)
        return T_NAME;
    switch (s[0]) {
    case 'F': K("False", T_FALSE); break;
    case 'N': K("None", T_NONE); break;
    case 'T': K("True", T_TRUE); break;
    case 'a':
        K("and", T_AND);
        K("as", T_AS);
        K("assert", T_ASSERT);
        K("async", T_ASYNC);
        K("await", T_AWAIT);
        break;
    case 'b': K("break", T_BREAK); break;
    case 'c':
        K("class", T_CLASS);
        K("continue", T_CONTINUE);
        break;
    case 'd':
        K("def", T_DEF);
        K("del", T_DEL);
        break;
    case 'e':
        K("else", T_ELSE);
        K("elif", T_ELIF);
        K("except", T_EXCEPT);
        break;
    case 'f':
        K("for", T_FOR);
        K("from", T_FROM);
        K("finally", T_FINALLY);
        break;
    case 'g': K("global", T_GLOBAL); break;
    case 'i':
        K("if", T_IF);
        K("in", T_IN);
        K("is", T_IS);
        K("import", T_IMPORT);
        break;
    case 'l': K("lambda", T_LAMBDA); break;
    case 'n':
        K("not", T_NOT);
        K("nonlocal", T_NONLOCAL);
        break;
    case 'o': K("or", T_OR); break;
    case 'p': K("pass", T_PASS); break;
    case 'r':
        K("return", T_RETURN);
        K("raise", T_RAISE);
        break;
    case 't': K("try", T_TRY); break;
    case 'w':
        K("with", T_WITH);
        K("while", T_WHILE);
        break;
    case 'y': K("yield", T_YIELD); break;
    }
#undef K
    return T_NAME;
}

/* No expression holds them: at the beginning of a line they end an unclosed bracket. */
static bool begins_statement(int token)
{
    switch (token) {
    case T_ASSERT: case T_BREAK: case T_CLASS: case T_CONTINUE: case T_DEF: case T_DEL: case T_EXCEPT: case T_FINALLY:
    case T_GLOBAL: case T_IMPORT: case T_NONLOCAL: case T_PASS: case T_RAISE: case T_RETURN: case T_TRY: case T_WHILE:
    case T_WITH:
        return true;
    }
    return false;
}

/* ---- strings ---- */

typedef struct {
    bool is_prefix, f, raw;
} prefix;

/* The letters before a quote. */
static prefix prefix_of(const char *s, size_t n)
{
    prefix r = {n <= 2, false, false};
    bool b = false, u = false;
    for (size_t i = 0; i < n && r.is_prefix; i++) {
        char c = s[i] | 0x20;
        bool *seen = c == 'f' || c == 't' ? &r.f : c == 'r' ? &r.raw : c == 'b' ? &b : c == 'u' ? &u : NULL;
        if (!seen || *seen)
            r.is_prefix = false;
        else
            *seen = true;
    }
    if ((b && (r.f || u)) || (u && n > 1))
        r.is_prefix = false;
    return r;
}

static const char *skip_string(const py_lexer *x, const char *p, prefix pre, uint32_t *line, int depth, int *bad);

/* p is behind the { of a replacement field; returns behind its }, or NULL. */
static const char *skip_field(const py_lexer *x, const char *p, char quote, bool triple, bool raw, uint32_t *line, int depth, int *bad);

/* The literal part of an f-string or of a format: up to the closing quotes, or up to the } of the field that it is in. */
static const char *skip_literal(const py_lexer *x, const char *p, char quote, bool triple, bool raw, bool in_field, uint32_t *line,
                                int depth, int *bad)
{
    for (;;) {
        char c = *p;
        if (at_end(x, p)) {
            *bad = triple ? E_TRIPLE : E_STRING;
            return NULL;
        }
        if (c == '\n' || c == '\r') {
            if (!triple && !in_field) {
                *bad = E_STRING;
                return NULL;
            }
            ++*line;
            p = over_newline(p);
        } else if (c == '\\') {
            if (!raw && p[1] == 'N' && p[2] == '{') {
                for (p += 3; *p && *p != '}' && *p != quote && *p != '\n'; p++)
                    ;
            } else {
                if ((p[1] == '\n' || p[1] == '\r')) {
                    ++*line;
                    p = over_newline(p + 1);
                } else if (!at_end(x, p + 1) && !(p[1] == '{' || p[1] == '}')) {
                    p += 2;
                } else {
                    p++;
                }
            }
        } else if (c == quote && (!triple || (p[1] == quote && p[2] == quote))) {
            if (in_field) { /* the format is not closed */
                *bad = E_FSTRING;
                return NULL;
            }
            return p + (triple ? 3 : 1);
        } else if (c == '{') {
            if (p[1] == '{' && !in_field) {
                p += 2;
                continue;
            }
            p = skip_field(x, p + 1, quote, triple, raw, line, depth + 1, bad);
            if (!p)
                return NULL;
        } else if (c == '}' && in_field) {
            return p;
        } else {
            p++;
        }
    }
}

static const char *skip_field(const py_lexer *x, const char *p, char quote, bool triple, bool raw, uint32_t *line, int depth, int *bad)
{
    int open = 0;
    *bad = E_FSTRING;
    if (depth > FSTRING_DEPTH)
        return NULL;
    for (;;) {
        char c = *p;
        if (at_end(x, p))
            return NULL;
        if (IS(c, C_NAME)) {
            const char *from = p;
            while (IS(*p, C_NAME))
                p++;
            prefix pre = prefix_of(from, (size_t)(p - from));
            if ((*p == '"' || *p == '\'') && pre.is_prefix) {
                p = skip_string(x, p, pre, line, depth + 1, bad);
                if (!p)
                    return NULL;
            }
        } else if (c == '"' || c == '\'') {
            p = skip_string(x, p, (prefix){true, false, false}, line, depth + 1, bad);
            if (!p)
                return NULL;
        } else if (c == '(' || c == '[' || c == '{') {
            open++;
            p++;
        } else if (c == ')' || c == ']' || c == '}') {
            p++;
            if (open == 0)
                return c == '}' ? p : NULL;
            open--;
        } else if (c == '\n' || c == '\r') {
            ++*line;
            p = over_newline(p);
        } else if (c == '#') {
            while (*p && *p != '\n' && *p != '\r')
                p++;
        } else if (c == '!' && p[1] == '=') {
            p += 2;
        } else if (c == ':' && open == 0) {
            p = skip_literal(x, p + 1, quote, triple, raw, true, line, depth, bad);
            return p ? p + 1 : NULL;
        } else {
            p++;
        }
    }
}

/* p stands on the first quote; returns behind the last one, or NULL with the reason. */
static const char *skip_string(const py_lexer *x, const char *p, prefix pre, uint32_t *line, int depth, int *bad)
{
    char quote = *p;
    bool triple = p[1] == quote && p[2] == quote;
    if (depth > FSTRING_DEPTH) {
        *bad = E_FSTRING;
        return NULL;
    }
    p += triple ? 3 : 1;
    if (pre.f)
        return skip_literal(x, p, quote, triple, pre.raw, false, line, depth, bad);
    *bad = triple ? E_TRIPLE : E_STRING;
    for (;;) {
        char c = *p;
        if (c == quote) {
            if (!triple)
                return p + 1;
            if (p[1] == quote && p[2] == quote)
                return p + 3;
            p++;
        } else if (c == '\\') {
            if (p[1] == '\n' || p[1] == '\r') {
                ++*line;
                p = over_newline(p + 1);
            } else {
                p += at_end(x, p + 1) ? 1 : 2;
            }
        } else if (c == '\n' || c == '\r') {
            if (!triple)
                return NULL;
            ++*line;
            p = over_newline(p);
        } else if (c <= CELL_END && at_end(x, p)) {
            return NULL;
        } else {
            p++;
        }
    }
}

/* ---- numbers ---- */

static const char *digits(const char *p, int what)
{
    while (IS(*p, what) || (*p == '_' && IS(p[1], what)))
        p++;
    return p;
}

/* Behind the number at p, or NULL. */
static const char *number_end(const char *p)
{
    const char *from = p;
    char c = p[1] | 0x20;
    if (p[0] == '0' && (c == 'x' || c == 'o' || c == 'b')) {
        p += 2;
        p += *p == '_';
        const char *first = p;
        if (c == 'x') {
            p = digits(p, C_HEX);
        } else {
            while ((*p >= '0' && *p <= (c == 'o' ? '7' : '1')) || (*p == '_' && IS(p[1], C_DIGIT)))
                p++;
        }
        return p == first || IS(*p, C_DIGIT) ? NULL : p;
    }
    bool whole = true;
    p = digits(p, C_DIGIT);
    if (*p == '.') {
        whole = false;
        p = digits(p + 1, C_DIGIT);
    }
    if ((*p | 0x20) == 'e' && (IS(p[1], C_DIGIT) || ((p[1] == '+' || p[1] == '-') && IS(p[2], C_DIGIT)))) {
        whole = false;
        p = digits(p + 2, C_DIGIT);
    }
    if ((*p | 0x20) == 'j')
        return p + 1;
    if (whole && *from == '0') { /* 0, 00, 0_0, but no 0777 */
        for (const char *q = from; q < p; q++)
            if (*q != '0' && *q != '_')
                return NULL;
    }
    return p;
}

/* ---- magics of IPython ---- */

static bool word_is(const char *p, const char *end, const char *words)
{
    size_t n = (size_t)(end - p);
    for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ')
        if (strcspn(w, " ") == n && memcmp(w, p, n) == 0)
            return true;
    return false;
}

/* `%time f()` and its like run Python: behind the word and its options. NULL for other magics. */
static const char *python_behind_magic(const char *p)
{
    const char *word = p + 1, *end = word;
    while (IS(*end, C_NAME))
        end++;
    if (*p != '%' || !word_is(word, end, "time timeit prun memit"))
        return NULL;
    for (p = end;;) {
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p != '-' || !IS(p[1], C_NAME) || IS(p[1], C_DIGIT))
            break;
        char option = p[1];
        p += 2;
        if ((option == 'n' || option == 'r' || option == 'l' || option == 's' || option == 'T' || option == 'D') && *p == ' ')
            p++;
        while (IS(*p, C_NAME))
            p++;
    }
    return *p == 0 || *p == '\n' || *p == '\r' ? NULL : p;
}

/* To the end of the line, with continuations. */
static const char *magic_end(const py_lexer *x, const char *p, uint32_t *line)
{
    for (; !at_end(x, p) && *p != '\n' && *p != '\r'; p++)
        if (*p == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n'))) {
            ++*line;
            p = over_newline(p + 1) - 1;
        }
    return p;
}

/* ---- tokens ---- */

static void add_comment(py_lexer *x, const char *from, const char *to, bool alone)
{
    tn_py_comment c = {x->line, (uint32_t)(from - x->base), (uint32_t)(to - x->base), alone};
    if (!TN_PUSH(&x->comment, c))
        x->failed = true;
}

typedef struct {
    int depth;          /* of open brackets */
    bool expression;    /* of an f-string: ends at depth 0 by }, !, : or = */
    bool stop;          /* the line is over, whatever follows */
    int bad;            /* when >= 0: the reason why it ended */
    const char *resume; /* where reading goes on after that; NULL = here */
} state;

static int operator_at(const char *p, int *op, int *n)
{
    *op = 0;
#define AUG(o) (*op = (o), T_AUG)
    switch (p[0]) {
    case ',': return *n = 1, T_COMMA;
    case ';': return *n = 1, T_SEMI;
    case '~': return *n = 1, T_TILDE;
    case ':': return p[1] == '=' ? (*n = 2, T_WALRUS) : (*n = 1, T_COLON);
    case '.': return p[1] == '.' && p[2] == '.' ? (*n = 3, T_ELLIPSIS) : (*n = 1, T_DOT);
    case '=': return p[1] == '=' ? (*n = 2, T_EQ) : (*n = 1, T_ASSIGN);
    case '!': return p[1] == '=' ? (*n = 2, T_NE) : (*n = 1, T_ERROR);
    case '+': return p[1] == '=' ? (*n = 2, AUG(TN_PY_ADD)) : (*n = 1, T_PLUS);
    case '-': return p[1] == '=' ? (*n = 2, AUG(TN_PY_SUB)) : p[1] == '>' ? (*n = 2, T_ARROW) : (*n = 1, T_MINUS);
    case '*':
        if (p[1] == '*')
            return p[2] == '=' ? (*n = 3, AUG(TN_PY_POW)) : (*n = 2, T_DOUBLESTAR);
        return p[1] == '=' ? (*n = 2, AUG(TN_PY_MUL)) : (*n = 1, T_STAR);
    case '/':
        if (p[1] == '/')
            return p[2] == '=' ? (*n = 3, AUG(TN_PY_FLOORDIV)) : (*n = 2, T_DOUBLESLASH);
        return p[1] == '=' ? (*n = 2, AUG(TN_PY_DIV)) : (*n = 1, T_SLASH);
    case '%': return p[1] == '=' ? (*n = 2, AUG(TN_PY_MOD)) : (*n = 1, T_PERCENT);
    case '@': return p[1] == '=' ? (*n = 2, AUG(TN_PY_MATMUL)) : (*n = 1, T_AT);
    case '&': return p[1] == '=' ? (*n = 2, AUG(TN_PY_BITAND)) : (*n = 1, T_AMP);
    case '|': return p[1] == '=' ? (*n = 2, AUG(TN_PY_BITOR)) : (*n = 1, T_PIPE);
    case '^': return p[1] == '=' ? (*n = 2, AUG(TN_PY_BITXOR)) : (*n = 1, T_CARET);
    case '<':
        if (p[1] == '<')
            return p[2] == '=' ? (*n = 3, AUG(TN_PY_LSHIFT)) : (*n = 2, T_LSHIFT);
        return p[1] == '=' ? (*n = 2, T_LE) : p[1] == '>' ? (*n = 2, T_ERROR) : (*n = 1, T_LT);
    case '>':
        if (p[1] == '>')
            return p[2] == '=' ? (*n = 3, AUG(TN_PY_RSHIFT)) : (*n = 2, T_RSHIFT);
        return p[1] == '=' ? (*n = 2, T_GE) : (*n = 1, T_GT);
    }
#undef AUG
    return *n = 1, T_ERROR;
}

static void fail(state *s, int reason, const char *resume)
{
    s->stop = true;
    s->bad = reason;
    s->resume = resume;
}

static void lex_name(py_lexer *x, state *s, const char *line_start)
{
    const char *from = x->p, *to = name_end(x, from);
    size_t n = (size_t)(to - from);
    if (n <= 2 && (*to == '"' || *to == '\'')) {
        prefix pre = prefix_of(from, n);
        if (pre.is_prefix) {
            uint32_t line = x->line;
            int bad = 0;
            const char *end = skip_string(x, to, pre, &line, 0, &bad);
            if (!end) {
                fail(s, bad, NULL);
                return;
            }
            push(x, pre.f ? T_FSTRING : T_STRING, 0, from, end, x->line);
            x->line = line;
            x->p = end;
            return;
        }
    }
    int token = keyword(from, n);
    if (s->depth && token != T_NAME && !s->expression && begins_statement(token)) {
        const char *q = from;
        while (q > line_start && IS(q[-1], C_BLANK))
            q--;
        if (q == line_start && q > x->base && (q[-1] == '\n' || q[-1] == '\r')) {
            fail(s, E_OPEN, line_start);
            return;
        }
    }
    push(x, token, 0, from, to, x->line);
    x->p = to;
}

static void lex_bracket(py_lexer *x, state *s, char c)
{
    static const uint8_t token[128] = {['('] = T_LPAR, [')'] = T_RPAR, ['['] = T_LSQB, [']'] = T_RSQB, ['{'] = T_LBRACE, ['}'] = T_RBRACE};
    const char *from = x->p++;
    if (c == '(' || c == '[' || c == '{') {
        if (s->depth >= PY_MAX_OPEN) {
            fail(s, E_NESTED, NULL);
            return;
        }
        x->open[s->depth++] = c;
    } else {
        char want = c == ')' ? '(' : c == ']' ? '[' : '{';
        if (s->depth == 0 || x->open[s->depth - 1] != want) {
            push(x, T_ERROR, E_CLOSE, from, x->p, x->line);
            s->depth -= s->depth > 0;
            return;
        }
        s->depth--;
    }
    push(x, token[(unsigned char)c], 0, from, x->p, x->line);
}

static void lex_other(py_lexer *x, state *s)
{
    const char *from = x->p;
    int op, n, token = operator_at(from, &op, &n);
    if (token == T_ERROR && (unsigned char)*from >= 0x80) {
        size_t at = 0;
        uint32_t cp = tn_utf8_next((tn_str){from, (size_t)(x->end - from)}, &at);
        if (cp != 0xFFFD && tn_uc_flags(cp) & TN_UC_WORD) {
            const char *to = name_end(x, from);
            push(x, T_NAME, 0, from, to, x->line);
            x->p = to;
            return;
        }
        n = (int)at;
    }
    if (token == T_WALRUS && s->expression && s->depth == 0)
        token = T_COLON, n = 1;
    x->p += n;
    push(x, token, token == T_ERROR ? E_CHARACTER : op, from, x->p, x->line);
    if (token == T_ASSIGN && x->notebook && s->depth == 0) { /* files = !ls */
        const char *p = x->p;
        while (IS(*p, C_BLANK))
            p++;
        if ((*p == '!' && p[1] != '=') || (*p == '%' && IS(p[1], C_NAME))) {
            const char *run = python_behind_magic(p);
            uint32_t line = x->line;
            x->p = run ? run : magic_end(x, p, &line);
            if (!run)
                push(x, T_MAGIC, 0, p, x->p, x->line);
            x->line = line;
        }
    }
}

/* `name?` asks IPython for help: the whole line is its, not Python's. */
static bool is_help(py_lexer *x, state *s)
{
    const char *p = x->p;
    if (!x->notebook || s->depth || s->expression)
        return false;
    while (*p == '?' || IS(*p, C_BLANK))
        p++;
    if (*p && *p != '\n' && *p != '\r' && *p != CELL_END)
        return false;
    uint32_t line = x->line;
    const char *from = x->token.len ? x->base + x->token.ptr[0].from : x->p;
    if (x->token.len)
        line = x->token.ptr[0].line;
    x->token.len = 0;
    push(x, T_MAGIC, 0, from, p, line);
    x->p = p;
    return true;
}

/* Tokens from x->p to the end of the logical line (or of the f-string's expression). */
static void lex_tokens(py_lexer *x, state *s)
{
    const char *line_start = x->p;
    while (!s->stop && !x->failed) {
        const char *p = x->p;
        while (*p == ' ' || *p == '\t' || *p == '\f')
            p++;
        x->p = p;
        unsigned char c = (unsigned char)*p;
        if (IS(c, C_NAME) && !IS(c, C_DIGIT)) {
            lex_name(x, s, line_start);
            continue;
        }
        switch (c) {
        case '\n': case '\r':
            if (s->depth == 0 && !s->expression) {
                x->p = over_newline(p);
                x->line++;
                return;
            }
            x->p = line_start = over_newline(p);
            x->line++;
            break;
        case '#':
            while (*p && *p != '\n' && *p != '\r' && !at_end(x, p))
                p++;
            add_comment(x, x->p, p, false);
            x->p = p;
            break;
        case '\\':
            if (p[1] == '\n' || p[1] == '\r') {
                x->p = line_start = over_newline(p + 1);
                x->line++;
                break;
            }
            push(x, T_ERROR, E_CONTINUATION, p, p + 1, x->line);
            x->p = p + 1;
            break;
        case '"': case '\'': {
            uint32_t line = x->line;
            int bad = 0;
            const char *end = skip_string(x, p, (prefix){true, false, false}, &line, 0, &bad);
            if (!end) {
                fail(s, bad, NULL);
                break;
            }
            push(x, T_STRING, 0, p, end, x->line);
            x->line = line;
            x->p = end;
            break;
        }
        case '(': case '[': case '{': case ')': case ']': case '}':
            if (c == '}' && s->expression && s->depth == 0)
                return;
            lex_bracket(x, s, (char)c);
            break;
        case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': {
        number:;
            const char *end = number_end(p);
            if (!end || (IS(*end, C_NAME) && !word_is(end, name_end(x, end), "and else for if in is or not"))) {
                x->p = name_end(x, end ? end : p);
                push(x, T_ERROR, E_NUMBER, p, x->p, x->line);
                break;
            }
            push(x, T_NUMBER, 0, p, end, x->line);
            x->p = end;
            break;
        }
        case '.':
            if (IS(p[1], C_DIGIT))
                goto number;
            lex_other(x, s);
            break;
        case '!': case ':': case '=':
            if (s->expression && s->depth == 0 && (c == ':' || (c == '!' && p[1] != '=')))
                return;
            if (s->expression && s->depth == 0 && c == '=' && p[1] != '=') {
                const char *q = p + 1;
                while (IS(*q, C_BLANK) || *q == '\n' || *q == '\r' || *q == '#')
                    q += *q == '#' ? strcspn(q, "\r\n") : 1;
                if (*q == '}' || *q == '!' || *q == ':')
                    return;
            }
            lex_other(x, s);
            break;
        case '?':
            if (is_help(x, s))
                break;
            lex_other(x, s);
            break;
        case 0: case CELL_END:
            if (at_end(x, p)) {
                if (s->depth || s->expression)
                    fail(s, E_OPEN, NULL);
                return;
            }
            /* fall through */
        default:
            lex_other(x, s);
        }
    }
}

/* Behind the end of the physical line that p is in; *line counts. */
static const char *next_line(const py_lexer *x, const char *p, uint32_t *line)
{
    while (!at_end(x, p) && *p != '\n' && *p != '\r')
        p++;
    if (at_end(x, p))
        return p;
    ++*line;
    return over_newline(p);
}

/* To the first line that holds more than blanks and comments; its indentation. False at the end of the text. */
static bool skip_empty_lines(py_lexer *x)
{
    for (;;) {
        uint32_t indent = 0;
        const char *p = x->p;
        for (;; p++) {
            if (*p == ' ')
                indent++;
            else if (*p == '\t')
                indent = (indent | 7) + 1;
            else if (*p == '\f')
                indent = 0;
            else
                break;
        }
        if (*p == '#') {
            const char *from = p;
            while (*p && *p != '\n' && *p != '\r' && !at_end(x, p))
                p++;
            add_comment(x, from, p, true);
        }
        if (*p == '\n' || *p == '\r') {
            x->p = over_newline(p);
            x->line++;
        } else if (x->notebook && *p == CELL_END) {
            x->p = p + 1;
        } else if (at_end(x, p)) {
            x->p = p;
            return false;
        } else if (*p == '\\' && (p[1] == '\n' || p[1] == '\r')) {
            x->p = over_newline(p + 1); /* an empty line that is continued: the next one keeps this indentation or none */
            x->line++;
        } else {
            x->p = p;
            x->indent = indent;
            return true;
        }
        if (x->failed)
            return false;
    }
}

bool tn_py_lex_line(py_lexer *x)
{
    state s = {.bad = -1};
    x->token.len = 0;
    if (!skip_empty_lines(x))
        return false;
    const char *start = x->p;
    uint32_t line = x->line;
    size_t n_comments = x->comment.len;
    if (x->notebook && (*start == '%' || *start == '!' || *start == '?')) {
        const char *run = python_behind_magic(start);
        if (run) {
            x->p = run;
        } else {
            const char *end = magic_end(x, start, &x->line);
            push(x, T_MAGIC, 0, start, end, line);
            x->p = end;
        }
    }
    lex_tokens(x, &s);
    if (s.bad >= 0) {
        uint32_t at = (uint32_t)(x->p - x->base);
        push(x, T_ERROR, s.bad, x->base + at, x->base + at, x->line);
        if (s.resume) {
            x->p = s.resume;
        } else if (s.bad == E_STRING || s.bad == E_FSTRING || s.bad == E_NESTED) {
            x->p = next_line(x, x->p, &x->line);
        } else if (x->restarts < RESTARTS) {
            x->restarts++;
            x->line = line;
            x->p = next_line(x, start, &x->line);
            x->comment.len = n_comments;
        } else { /* at the end of the cell or text */
            while (!at_end(x, x->p))
                x->p = next_line(x, x->p, &x->line);
        }
    }
    push(x, T_END, 0, x->p, x->p, x->line);
    return !x->failed;
}

void tn_py_lex_expression(py_lexer *x, uint32_t from, uint32_t line, uint32_t *stop)
{
    const char *p = x->p;
    uint32_t old_line = x->line;
    size_t n_comments = x->comment.len;
    state s = {.expression = true, .bad = -1};
    x->p = x->base + from;
    x->line = line;
    lex_tokens(x, &s);
    *stop = (uint32_t)(x->p - x->base);
    if (s.bad >= 0)
        push(x, T_ERROR, s.bad, x->p, x->p, x->line);
    push(x, T_END, 0, x->p, x->p, x->line);
    x->p = p;
    x->line = old_line;
    x->comment.len = n_comments;
}
