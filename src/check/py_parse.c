/* Recursive descent over the tokens of one logical line at a time; blocks follow from the lines' indentation.
 *
 * A function that fails returns NULL and leaves the reason in p->why; nobody carries on after that, so the first reason is
 * the one that is told. The statement becomes a TN_PY_ERROR, its line is dropped, and a block below it is read as its own.
 *
 * Invariant: what is linked into a parent never changes again. `node` sets parent, slot and height of everything it takes,
 * so heights are bounded as the tree grows, and with them every later recursion over it. */
#include "check/py_lex.h"

#include <string.h>

#include "check/py_text.h"

enum { MAX_DEPTH = 220, MAX_BLOCKS = 100, MAX_ELIF = 400 };

typedef tn_py_node node;

typedef struct {
    py_lexer lex;
    tn_arena *arena;
    const py_token *t; /* the next token, in lex.token */
    uint32_t last_to;  /* where the last token taken ended */
    bool more;         /* a logical line is in lex.token */
    int depth, blocks;
    const char *why;   /* the first reason that a statement failed */
    node *free;
    size_t n_free, n_nodes, max_nodes;
    uint32_t n_errors;
    tn_status st;
} parser;

/* ---- nodes and lists ---- */

typedef struct {
    node *first, *last;
} list;

static node *fail(parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return NULL;
}

static node *node_at(parser *p, tn_py_kind kind, uint32_t from, uint32_t line)
{
    if (p->n_free == 0) {
        size_t n = p->n_nodes < 64 ? 64 : 1024;
        p->free = p->n_nodes >= p->max_nodes ? NULL : TN_ARENA_ARRAY(p->arena, node, n);
        if (!p->free) {
            if (p->st == TN_OK)
                p->st = p->n_nodes >= p->max_nodes ? TN_ELIMIT : TN_ENOMEM;
            return fail(p, "memory");
        }
        p->n_free = n;
    }
    node *n = p->free++;
    p->n_free--;
    p->n_nodes++;
    *n = (node){.kind = (uint8_t)kind, .line = line, .from = from, .to = from};
    return n;
}

static node *begin(parser *p, tn_py_kind kind)
{
    return node_at(p, kind, p->t->from, p->t->line);
}

/* Where an expression begins, brackets included: read before its first part is. Tokens may move while it is read. */
typedef struct {
    uint32_t from, line;
} place;

static place here(const parser *p)
{
    return (place){p->t->from, p->t->line};
}

static node *around(parser *p, tn_py_kind kind, place at)
{
    return node_at(p, kind, at.from, at.line);
}

static uint16_t adopt(node *parent, const node *child, uint8_t slot)
{
    uint16_t height = 0;
    for (node *c = (node *)child; c; c = (node *)c->next) {
        c->parent = parent;
        c->slot = slot;
        if (c->height > height)
            height = c->height;
    }
    return height;
}

/* The last word about a node: its slots are complete. */
static node *done(parser *p, node *n)
{
    uint16_t h = 0, k;
    if (!n)
        return NULL;
    if (n->x && (k = adopt(n, n->x, 0)) >= h)
        h = k + 1;
    if (n->y && (k = adopt(n, n->y, 1)) >= h)
        h = k + 1;
    if (n->body && (k = adopt(n, n->body, 2)) >= h)
        h = k + 1;
    if (n->z && (k = adopt(n, n->z, 3)) >= h)
        h = k + 1;
    n->height = h;
    n->to = p->last_to;
    if (h >= TN_PY_MAX_HEIGHT)
        return fail(p, "nested too deeply");
    return n;
}

static void add(list *l, node *n)
{
    if (!n)
        return;
    if (l->last)
        l->last->next = n;
    else
        l->first = n;
    l->last = n;
}

/* ---- tokens ---- */

static int kind(const parser *p)
{
    return p->t->kind;
}

static void take(parser *p)
{
    p->last_to = p->t->to;
    p->t++;
}

static bool accept(parser *p, int token)
{
    if (p->t->kind != token)
        return false;
    take(p);
    return true;
}

static bool expect(parser *p, int token, const char *why)
{
    if (accept(p, token))
        return true;
    fail(p, p->t->kind == T_ERROR ? tn_py_lex_reason(p->t->op) : why);
    return false;
}

static tn_str text_of(const parser *p, const py_token *t)
{
    return (tn_str){p->lex.base + t->from, t->to - t->from};
}

static bool word(const parser *p, const char *s)
{
    return p->t->kind == T_NAME && tn_str_is(text_of(p, p->t), s);
}

static node *name(parser *p, const char *why)
{
    if (kind(p) != T_NAME)
        return fail(p, kind(p) == T_ERROR ? tn_py_lex_reason(p->t->op) : why);
    node *n = begin(p, TN_PY_NAME);
    if (n)
        n->str = text_of(p, p->t);
    take(p);
    return done(p, n);
}

static bool deeper(parser *p)
{
    if (++p->depth <= MAX_DEPTH)
        return true;
    fail(p, "nested too deeply");
    return false;
}

/* ---- expressions ---- */

static node *test(parser *p);
static node *disjunction(parser *p);
static node *binary(parser *p, int above);
static node *star_or_named(parser *p);
static node *expressions(parser *p);

static node *parameters(parser *p, int end, bool annotated, bool *ok)
{
    list l = {0};
    bool keyword_only = false;
    *ok = false;
    while (kind(p) != end) {
        node *n = begin(p, TN_PY_PARAM);
        if (!n)
            return NULL;
        if (accept(p, T_SLASH)) {
            n->op = TN_PY_SLASH;
        } else if (accept(p, T_DOUBLESTAR)) {
            n->op = TN_PY_KWARGS;
        } else if (accept(p, T_STAR)) {
            keyword_only = true;
            n->op = kind(p) == T_COMMA ? TN_PY_BARE_STAR : TN_PY_ARGS;
        } else if (keyword_only) {
            n->flags = TN_PY_KEYWORD_ONLY;
        }
        if (n->op != TN_PY_SLASH && n->op != TN_PY_BARE_STAR) {
            if (kind(p) != T_NAME)
                return fail(p, "a parameter's name is missing");
            n->str = text_of(p, p->t);
            take(p);
            if (annotated && accept(p, T_COLON) && !(n->x = n->op == TN_PY_ARGS ? star_or_named(p) : test(p)))
                return NULL;
            if (accept(p, T_ASSIGN) && !(n->y = test(p)))
                return NULL;
        }
        if (!done(p, n))
            return NULL;
        add(&l, n);
        if (!accept(p, T_COMMA))
            break;
    }
    *ok = true;
    return l.first;
}

static node *lambda(parser *p)
{
    node *n = begin(p, TN_PY_LAMBDA);
    bool ok;
    take(p);
    if (!n)
        return NULL;
    n->x = parameters(p, T_COLON, false, &ok);
    if (!ok || !expect(p, T_COLON, "a lambda's : is missing") || !(n->y = test(p)))
        return NULL;
    return done(p, n);
}


/* Targets of for: a, *b, (c, d). Comparisons are no targets, so `in` is not swallowed. */
static node *target_list(parser *p)
{
    list l = {0};
    bool tuple = false;
    place at = here(p);
    for (;;) {
        node *n;
        if (kind(p) == T_STAR) {
            n = begin(p, TN_PY_STARRED);
            take(p);
            if (!n || !(n->x = binary(p, 0)) || !done(p, n))
                return NULL;
        } else if (!(n = binary(p, 0))) {
            return NULL;
        }
        add(&l, n);
        if (!accept(p, T_COMMA))
            break;
        tuple = true;
        if (kind(p) == T_IN || kind(p) == T_ASSIGN)
            break;
    }
    if (!tuple)
        return l.first;
    node *n = around(p, TN_PY_TUPLE, at);
    if (!n)
        return NULL;
    n->x = l.first;
    return done(p, n);
}

/* `for x in y if z`..., behind the element. */
static node *comp_fors(parser *p)
{
    list l = {0};
    while (kind(p) == T_FOR || (kind(p) == T_ASYNC && p->t[1].kind == T_FOR)) {
        node *n = begin(p, TN_PY_COMP_FOR);
        list tests = {0};
        if (!n)
            return NULL;
        if (accept(p, T_ASYNC))
            n->flags = TN_PY_ASYNC;
        take(p);
        if (!(n->x = target_list(p)) || !expect(p, T_IN, "for without in") || !(n->y = disjunction(p)))
            return NULL;
        while (accept(p, T_IF)) {
            node *t = disjunction(p);
            if (!t)
                return NULL;
            add(&tests, t);
        }
        n->z = tests.first;
        if (!done(p, n))
            return NULL;
        add(&l, n);
    }
    return l.first;
}

static bool at_comp_for(const parser *p)
{
    return kind(p) == T_FOR || (kind(p) == T_ASYNC && p->t[1].kind == T_FOR);
}

/* ---- strings ---- */

static node *fstring_parts(parser *p, const py_token *t, tn_py_literal l, uint32_t at, uint32_t end, uint32_t line, bool in_format, list *parts,
                           tn_buf *text, bool *inexact, uint32_t *stop);

/* What has been collected of literal text becomes a STRING. */
static bool flush(parser *p, const py_token *t, list *parts, tn_buf *text, bool *inexact)
{
    if (text->len == 0)
        return true;
    node *n = node_at(p, TN_PY_STRING, t->from, t->line);
    if (!n)
        return false;
    n->str = tn_str_dup(p->arena, tn_buf_view(text));
    n->flags = *inexact ? TN_PY_INEXACT : 0;
    *inexact = false;
    tn_buf_clear(text);
    n->to = t->to;
    if (!n->str.ptr) {
        p->st = TN_ENOMEM;
        return fail(p, "memory");
    }
    add(parts, n);
    return true;
}

static bool literal_part(parser *p, tn_py_literal l, uint32_t from, uint32_t to, tn_buf *text, bool *inexact)
{
    return tn_py_unescape(l, (tn_str){p->lex.base + from, to - from}, text, inexact) || fail(p, "ill-formed escape in a string");
}

/* One replacement field; `at` is behind its {. Returns the FORMAT; *stop behind the }. */
static node *field(parser *p, const py_token *t, tn_py_literal l, uint32_t at, uint32_t end, uint32_t line, list *parts, tn_buf *text, bool *inexact,
                   uint32_t *stop)
{
    const char *base = p->lex.base;
    const py_token *here = p->t, *old = p->lex.token.ptr;
    size_t first = p->lex.token.len, at_token = (size_t)(here - old), of_token = (size_t)(t - old);
    uint32_t to, last_to = p->last_to, spec;
    tn_py_lex_expression(&p->lex, at, line, &to);
    if (p->lex.failed) {
        p->st = TN_ENOMEM;
        return fail(p, "memory");
    }
    node *n = NULL, *out = NULL;
    p->t = p->lex.token.ptr + first;
    t = p->lex.token.ptr + of_token;
    if (to > end || !deeper(p))
        fail(p, "ill-formed f-string");
    else if (kind(p) == T_END)
        fail(p, "an empty expression in an f-string");
    else if ((n = begin(p, TN_PY_FORMAT)) && (n->x = expressions(p)) && expect(p, T_END, "ill-formed f-string"))
        out = n;
    t = p->lex.token.ptr + of_token;
    uint32_t end_line = p->lex.token.ptr[p->lex.token.len - 1].line;
    p->t = p->lex.token.ptr + at_token;
    p->lex.token.len = first;
    p->last_to = last_to;
    if (!out)
        return NULL;
    p->depth--;
    if (base[to] == '=') { /* {x=} also shows its own text, without comments */
        tn_buf_put(text, base + at, to + 1 - at);
        for (to++; to < end && strchr(" \t\f\r\n#", base[to]); to++) {
            if (base[to] == '#')
                to += (uint32_t)strcspn(base + to, "\r\n");
            if (to < end)
                tn_buf_char(text, base[to]);
        }
    }
    if (!flush(p, t, parts, text, inexact))
        return NULL;
    if (base[to] == '!') {
        n->op = (uint8_t)base[to + 1];
        if (n->op != 'r' && n->op != 's' && n->op != 'a')
            return fail(p, "ill-formed f-string");
        to += 2;
        while (to < end && base[to] == ' ')
            to++;
    }
    if (base[to] == ':') {
        node *f = node_at(p, TN_PY_FSTRING, to, end_line);
        list inner = {0};
        tn_buf spec_text = TN_BUF_INIT;
        bool spec_inexact = false;
        if (f && deeper(p)) {
            fstring_parts(p, t, l, to + 1, end, end_line, true, &inner, &spec_text, &spec_inexact, &spec);
            p->depth--;
            t = p->lex.token.ptr + of_token;
            if (!p->why)
                flush(p, t, &inner, &spec_text, &spec_inexact);
        }
        tn_buf_free(&spec_text);
        if (p->why || !f)
            return NULL;
        f->x = inner.first;
        p->last_to = spec;
        n->y = done(p, f);
        p->last_to = last_to;
        if (!n->y)
            return NULL;
        to = spec;
    }
    if (to >= end || base[to] != '}')
        return fail(p, "ill-formed f-string");
    *stop = p->last_to = to + 1;
    out = done(p, n);
    p->last_to = last_to;
    return out;
}

/* Literal text and fields of [at, end), or to the } that ends a format. */
static node *fstring_parts(parser *p, const py_token *t, tn_py_literal l, uint32_t at, uint32_t end, uint32_t line, bool in_format, list *parts,
                           tn_buf *text, bool *inexact, uint32_t *stop)
{
    const char *base = p->lex.base;
    uint32_t from = at;
    size_t of_token = (size_t)(t - p->lex.token.ptr);
    while (at < end) {
        char c = base[at];
        if (c == '\n') {
            line++;
            at++;
        } else if (c == '\\' && !l.raw && at + 1 < end) {
            if (base[at + 1] == 'N' && at + 2 < end && base[at + 2] == '{') {
                while (at < end && base[at] != '}')
                    at++;
                at += at < end;
            } else if (base[at + 1] == '{' || base[at + 1] == '}' || base[at + 1] == '\n') {
                at++;
            } else {
                at += 2;
            }
        } else if (c == '{' || c == '}') {
            bool twice = at + 1 < end && base[at + 1] == c && !in_format;
            if (!literal_part(p, l, from, at + twice, text, inexact))
                return NULL;
            if (twice) {
                at += 2;
            } else if (c == '}') {
                *stop = at;
                return in_format ? NULL : fail(p, "a single } in an f-string");
            } else {
                node *n = field(p, p->lex.token.ptr + of_token, l, at + 1, end, line, parts, text, inexact, &at);
                if (!n)
                    return NULL;
                add(parts, n);
                for (uint32_t i = n->from; i < at; i++)
                    line += base[i] == '\n';
            }
            from = at;
        } else {
            at++;
        }
    }
    *stop = at;
    literal_part(p, l, from, at > end ? end : at, text, inexact);
    return NULL;
}

/* Neighbouring strings are one. */
static node *strings(parser *p)
{
    const py_token *first = p->t;
    tn_py_literal one = tn_py_literal_of(text_of(p, first));
    int next = first[1].kind;
    if (first->kind == T_STRING && next != T_STRING && next != T_FSTRING && tn_py_is_plain(one)) {
        node *n = begin(p, TN_PY_STRING);
        if (n) {
            n->str = one.body;
            n->flags = one.bytes ? TN_PY_BYTES : 0;
        }
        take(p);
        return done(p, n);
    }
    size_t first_token = (size_t)(first - p->lex.token.ptr);
    bool format = false, inexact = false;
    list parts = {0};
    tn_buf text = TN_BUF_INIT;
    node *n = begin(p, TN_PY_STRING), *out = NULL;
    if (!n)
        return NULL;
    while (kind(p) == T_STRING || kind(p) == T_FSTRING) {
        tn_py_literal l = tn_py_literal_of(text_of(p, p->t));
        uint32_t from = (uint32_t)(l.body.ptr - p->lex.base), stop;
        if (l.bytes != one.bytes)
            fail(p, "bytes and text cannot be joined");
        else if (l.format)
            fstring_parts(p, p->t, l, from, from + (uint32_t)l.body.len, p->t->line, false, &parts, &text, &inexact, &stop);
        else
            literal_part(p, l, from, from + (uint32_t)l.body.len, &text, &inexact);
        format |= l.format;
        if (p->why)
            goto out;
        take(p);
    }
    if (format) {
        n->kind = TN_PY_FSTRING;
        if (!flush(p, p->lex.token.ptr + first_token, &parts, &text, &inexact))
            goto out;
        n->x = parts.first;
    } else {
        n->str = tn_str_dup(p->arena, text.ptr ? tn_buf_view(&text) : TN_STR(""));
        n->flags = (uint8_t)((one.bytes ? TN_PY_BYTES : 0) | (inexact ? TN_PY_INEXACT : 0));
        if (!n->str.ptr || text.failed) {
            p->st = TN_ENOMEM;
            fail(p, "memory");
            goto out;
        }
    }
    out = done(p, n);
out:
    tn_buf_free(&text);
    return out;
}

/* ---- atoms ---- */

/* Elements up to the closing bracket, behind the first one. */
static bool elements(parser *p, list *l, int close)
{
    while (accept(p, T_COMMA)) {
        if (kind(p) == close)
            return true;
        node *n = star_or_named(p);
        if (!n)
            return false;
        add(l, n);
    }
    return true;
}

static node *yield(parser *p)
{
    node *n = begin(p, TN_PY_YIELD);
    take(p);
    if (!n)
        return NULL;
    if (accept(p, T_FROM)) {
        n->kind = TN_PY_YIELD_FROM;
        if (!(n->x = test(p)))
            return NULL;
    } else if (kind(p) != T_RPAR && kind(p) != T_END && kind(p) != T_SEMI && kind(p) != T_ASSIGN && kind(p) != T_RSQB && kind(p) != T_RBRACE) {
        if (!(n->x = expressions(p)))
            return NULL;
    }
    return done(p, n);
}

static node *parenthesised(parser *p)
{
    node *n = begin(p, TN_PY_TUPLE), *e;
    list l = {0};
    take(p);
    if (!n || !deeper(p))
        return NULL;
    if (kind(p) == T_RPAR) {
        take(p);
        p->depth--;
        return done(p, n);
    }
    e = kind(p) == T_YIELD ? yield(p) : star_or_named(p);
    if (!e)
        return NULL;
    add(&l, e);
    if (at_comp_for(p)) {
        n->kind = TN_PY_GENERATOR;
        n->x = e;
        if (!(n->y = comp_fors(p)))
            return NULL;
    } else if (kind(p) == T_COMMA) {
        if (!elements(p, &l, T_RPAR))
            return NULL;
        n->x = l.first;
    } else {
        if (!expect(p, T_RPAR, "a ) is missing"))
            return NULL;
        if (e->kind == TN_PY_STARRED)
            return fail(p, "a starred expression alone in parentheses");
        p->depth--;
        e->flags |= TN_PY_PARENS;
        return e;
    }
    if (!expect(p, T_RPAR, "a ) is missing"))
        return NULL;
    p->depth--;
    return done(p, n);
}

static node *list_display(parser *p)
{
    node *n = begin(p, TN_PY_LIST), *e;
    list l = {0};
    take(p);
    if (!n || !deeper(p))
        return NULL;
    if (kind(p) != T_RSQB) {
        if (!(e = star_or_named(p)))
            return NULL;
        add(&l, e);
        n->x = e;
        if (at_comp_for(p)) {
            n->kind = TN_PY_LIST_COMP;
            if (!(n->y = comp_fors(p)))
                return NULL;
        } else if (!elements(p, &l, T_RSQB)) {
            return NULL;
        }
    }
    if (!expect(p, T_RSQB, "a ] is missing"))
        return NULL;
    p->depth--;
    return done(p, n);
}

/* key: value, or **mapping. */
static node *pair(parser *p, node *key, place at)
{
    node *n = around(p, TN_PY_PAIR, at);
    if (!n)
        return NULL;
    n->x = key;
    if (!key)
        take(p);
    n->y = key ? test(p) : binary(p, 0);
    return n->y ? done(p, n) : NULL;
}

static node *brace_display(parser *p)
{
    node *n = begin(p, TN_PY_DICT), *e;
    list l = {0};
    bool set = false, any = false;
    take(p);
    if (!n || !deeper(p))
        return NULL;
    while (kind(p) != T_RBRACE) {
        place at = here(p);
        if (kind(p) == T_DOUBLESTAR) {
            e = pair(p, NULL, at);
        } else {
            e = star_or_named(p);
            if (e && accept(p, T_COLON))
                e = pair(p, e, at);
            else
                set = true;
        }
        if (!e || (any && set != (e->kind != TN_PY_PAIR)))
            return e ? fail(p, "keys are missing in a dict") : NULL;
        add(&l, e);
        if (!any && at_comp_for(p)) {
            n->kind = set ? TN_PY_SET_COMP : TN_PY_DICT_COMP;
            n->x = e;
            if (!(n->y = comp_fors(p)))
                return NULL;
            break;
        }
        any = true;
        if (!accept(p, T_COMMA))
            break;
    }
    if (!n->y) {
        n->kind = set ? TN_PY_SET : TN_PY_DICT;
        n->x = l.first;
    }
    if (!expect(p, T_RBRACE, "a } is missing"))
        return NULL;
    p->depth--;
    return done(p, n);
}

static node *leaf(parser *p, tn_py_kind k)
{
    node *n = begin(p, k);
    if (n && (k == TN_PY_NAME || k == TN_PY_NUMBER || k == TN_PY_MAGIC))
        n->str = text_of(p, p->t);
    take(p);
    return done(p, n);
}

static node *atom(parser *p)
{
    node *n;
    switch (kind(p)) {
    case T_NAME: return leaf(p, TN_PY_NAME);
    case T_NUMBER:
        n = leaf(p, TN_PY_NUMBER);
        if (n && (n->str.ptr[n->str.len - 1] | 0x20) == 'j')
            n->flags |= TN_PY_COMPLEX;
        return n;
    case T_STRING: case T_FSTRING: return strings(p);
    case T_MAGIC: return leaf(p, TN_PY_MAGIC);
    case T_NONE: return leaf(p, TN_PY_NONE);
    case T_TRUE: return leaf(p, TN_PY_TRUE);
    case T_FALSE: return leaf(p, TN_PY_FALSE);
    case T_ELLIPSIS: return leaf(p, TN_PY_ELLIPSIS);
    case T_LPAR: return parenthesised(p);
    case T_LSQB: return list_display(p);
    case T_LBRACE: return brace_display(p);
    case T_ERROR: return fail(p, tn_py_lex_reason(p->t->op));
    case T_END: return fail(p, "the line ends where an expression is expected");
    default: return fail(p, "an expression is expected");
    }
}

/* ---- calls, subscripts ---- */

/* Arguments up to ), which is taken. */
static node *arguments(parser *p, bool *ok)
{
    list l = {0};
    *ok = false;
    while (kind(p) != T_RPAR) {
        node *n;
        if (kind(p) == T_DOUBLESTAR || (kind(p) == T_NAME && p->t[1].kind == T_ASSIGN)) {
            n = begin(p, TN_PY_KEYWORD);
            if (!n)
                return NULL;
            if (kind(p) == T_NAME) {
                n->str = text_of(p, p->t);
                take(p);
            }
            take(p);
            if (!(n->x = test(p)) || !done(p, n))
                return NULL;
        } else {
            place at = here(p);
            if (!(n = star_or_named(p)))
                return NULL;
            if (at_comp_for(p)) {
                node *g = around(p, TN_PY_GENERATOR, at);
                if (!g)
                    return NULL;
                g->x = n;
                if (!(g->y = comp_fors(p)) || !done(p, g))
                    return NULL;
                n = g;
            }
        }
        add(&l, n);
        if (!accept(p, T_COMMA))
            break;
    }
    *ok = expect(p, T_RPAR, "a ) is missing");
    return l.first;
}

static node *slice(parser *p)
{
    node *n = begin(p, TN_PY_SLICE), *e = NULL;
    if (!n)
        return NULL;
    if (kind(p) != T_COLON) {
        if (!(e = star_or_named(p)) || kind(p) != T_COLON)
            return e;
    }
    n->x = e;
    take(p);
    if (kind(p) != T_COLON && kind(p) != T_COMMA && kind(p) != T_RSQB && !(n->y = test(p)))
        return NULL;
    if (accept(p, T_COLON) && kind(p) != T_COMMA && kind(p) != T_RSQB && !(n->z = test(p)))
        return NULL;
    return done(p, n);
}

static node *subscript(parser *p, node *value, place at)
{
    node *n = around(p, TN_PY_SUBSCRIPT, at), *e;
    list l = {0};
    take(p);
    place inner = here(p);
    if (!n || !deeper(p) || !(e = slice(p)))
        return NULL;
    if (kind(p) == T_COMMA || e->kind == TN_PY_STARRED) {
        add(&l, e);
        while (accept(p, T_COMMA) && kind(p) != T_RSQB) {
            if (!(e = slice(p)))
                return NULL;
            add(&l, e);
        }
        if (!(e = around(p, TN_PY_TUPLE, inner)))
            return NULL;
        e->x = l.first;
        if (!done(p, e))
            return NULL;
    }
    n->x = value;
    n->y = e;
    p->depth--;
    return expect(p, T_RSQB, "a ] is missing") ? done(p, n) : NULL;
}

static node *primary(parser *p)
{
    place at = here(p);
    node *n = atom(p), *outer;
    bool ok;
    while (n) {
        switch (kind(p)) {
        case T_DOT:
            if (!(outer = around(p, TN_PY_ATTRIBUTE, at)))
                return NULL;
            take(p);
            if (kind(p) != T_NAME)
                return fail(p, "a name is missing behind the dot");
            outer->str = text_of(p, p->t);
            take(p);
            outer->x = n;
            n = done(p, outer);
            break;
        case T_LPAR:
            if (!(outer = around(p, TN_PY_CALL, at)) || !deeper(p))
                return NULL;
            take(p);
            outer->x = n;
            outer->y = arguments(p, &ok);
            if (!ok)
                return NULL;
            p->depth--;
            n = done(p, outer);
            break;
        case T_LSQB: n = subscript(p, n, at); break;
        default: return n;
        }
    }
    return NULL;
}

/* ---- operators ---- */

static node *unary(parser *p)
{
    node *n, *e;
    place at = here(p);
    int op = TN_PY_NO_OP;
    switch (kind(p)) {
    case T_PLUS: op = TN_PY_PLUS; break;
    case T_MINUS: op = TN_PY_MINUS; break;
    case T_TILDE: op = TN_PY_INVERT; break;
    }
    if (op) {
        n = begin(p, TN_PY_UNARY);
        take(p);
        if (!n || !deeper(p) || !(n->x = unary(p)))
            return NULL;
        p->depth--;
        n->op = (uint8_t)op;
        return done(p, n);
    }
    if (kind(p) == T_AWAIT) {
        n = begin(p, TN_PY_AWAIT);
        take(p);
        if (!n || !(n->x = primary(p)))
            return NULL;
        e = done(p, n);
    } else {
        e = primary(p);
    }
    if (e && kind(p) == T_DOUBLESTAR) {
        if (!(n = around(p, TN_PY_BINARY, at)) || !deeper(p))
            return NULL;
        take(p);
        n->op = TN_PY_POW;
        n->x = e;
        if (!(n->y = unary(p)))
            return NULL;
        p->depth--;
        return done(p, n);
    }
    return e;
}

static int precedence(int token, int *op)
{
    static const struct {
        uint8_t level, op;
    } of[T_YIELD + 1] = {
        [T_PIPE] = {1, TN_PY_BITOR}, [T_CARET] = {2, TN_PY_BITXOR}, [T_AMP] = {3, TN_PY_BITAND}, [T_LSHIFT] = {4, TN_PY_LSHIFT},
        [T_RSHIFT] = {4, TN_PY_RSHIFT}, [T_PLUS] = {5, TN_PY_ADD}, [T_MINUS] = {5, TN_PY_SUB}, [T_STAR] = {6, TN_PY_MUL},
        [T_SLASH] = {6, TN_PY_DIV}, [T_DOUBLESLASH] = {6, TN_PY_FLOORDIV}, [T_PERCENT] = {6, TN_PY_MOD}, [T_AT] = {6, TN_PY_MATMUL},
    };
    *op = of[token].op;
    return of[token].level;
}

/* Operators that bind tighter than level `above`. */
static node *binary(parser *p, int above)
{
    place at = here(p);
    node *left = unary(p), *n;
    int op, level;
    while (left && (level = precedence(kind(p), &op)) > above) {
        if (!(n = around(p, TN_PY_BINARY, at)))
            return NULL;
        take(p);
        n->op = (uint8_t)op;
        n->x = left;
        if (!(n->y = binary(p, level)))
            return NULL;
        left = done(p, n);
    }
    return left;
}

static int comparison_at(parser *p)
{
    switch (kind(p)) {
    case T_EQ: return TN_PY_EQ;
    case T_NE: return TN_PY_NE;
    case T_LT: return TN_PY_LT;
    case T_LE: return TN_PY_LE;
    case T_GT: return TN_PY_GT;
    case T_GE: return TN_PY_GE;
    case T_IN: return TN_PY_IN;
    case T_IS: return p->t[1].kind == T_NOT ? TN_PY_IS_NOT : TN_PY_IS;
    case T_NOT: return p->t[1].kind == T_IN ? TN_PY_NOT_IN : TN_PY_NO_OP;
    default: return TN_PY_NO_OP;
    }
}

static node *comparison(parser *p)
{
    place at = here(p);
    node *left = binary(p, 0), *n;
    list l = {0};
    int op = left ? comparison_at(p) : TN_PY_NO_OP;
    if (!op)
        return left;
    if (!(n = around(p, TN_PY_COMPARE, at)))
        return NULL;
    while ((op = comparison_at(p))) {
        node *c = begin(p, TN_PY_COMPARATOR);
        take(p);
        if (op == TN_PY_IS_NOT || op == TN_PY_NOT_IN)
            take(p);
        if (!c || !(c->x = binary(p, 0)))
            return NULL;
        c->op = (uint8_t)op;
        if (!done(p, c))
            return NULL;
        add(&l, c);
    }
    n->x = left;
    n->y = l.first;
    return done(p, n);
}

static node *inversion(parser *p)
{
    if (kind(p) != T_NOT)
        return comparison(p);
    node *n = begin(p, TN_PY_UNARY);
    take(p);
    if (!n || !deeper(p) || !(n->x = inversion(p)))
        return NULL;
    p->depth--;
    n->op = TN_PY_NOT;
    return done(p, n);
}

static node *bool_chain(parser *p, int token, int op, node *(*next)(parser *))
{
    place at = here(p);
    node *first = next(p), *n;
    list l = {0};
    if (!first || kind(p) != token)
        return first;
    if (!(n = around(p, TN_PY_BOOL, at)))
        return NULL;
    add(&l, first);
    while (accept(p, token)) {
        node *e = next(p);
        if (!e)
            return NULL;
        add(&l, e);
    }
    n->op = (uint8_t)op;
    n->x = l.first;
    return done(p, n);
}

static node *conjunction(parser *p)
{
    return bool_chain(p, T_AND, TN_PY_AND, inversion);
}

static node *disjunction(parser *p)
{
    return bool_chain(p, T_OR, TN_PY_OR, conjunction);
}

static node *test(parser *p)
{
    node *e, *n;
    place at = here(p);
    if (!deeper(p))
        return NULL;
    if (kind(p) == T_LAMBDA) {
        e = lambda(p);
    } else {
        e = disjunction(p);
        if (e && kind(p) == T_IF) {
            if (!(n = around(p, TN_PY_TERNARY, at)))
                return NULL;
            take(p);
            n->x = e;
            if (!(n->y = disjunction(p)) || !expect(p, T_ELSE, "an if without else in an expression") || !(n->z = test(p)))
                return NULL;
            e = done(p, n);
        }
    }
    p->depth--;
    return e;
}

static node *star_or_named(parser *p)
{
    node *n;
    if (kind(p) == T_STAR) {
        n = begin(p, TN_PY_STARRED);
        take(p);
        if (!n || !(n->x = test(p)))
            return NULL;
        return done(p, n);
    }
    if (kind(p) == T_NAME && p->t[1].kind == T_WALRUS) {
        n = begin(p, TN_PY_WALRUS);
        if (!n || !(n->x = name(p, "a name is expected")))
            return NULL;
        take(p);
        if (!(n->y = test(p)))
            return NULL;
        return done(p, n);
    }
    return test(p);
}

static bool ends_list(const parser *p)
{
    switch (kind(p)) {
    case T_END: case T_ASSIGN: case T_SEMI: case T_RPAR: case T_RSQB: case T_RBRACE: case T_COLON: case T_AUG: return true;
    default: return false;
    }
}

/* a, *b, yield c: one expression, or a tuple without parentheses. */
static node *expressions(parser *p)
{
    if (kind(p) == T_YIELD)
        return yield(p);
    place at = here(p);
    node *first = star_or_named(p), *n;
    list l = {0};
    if (!first || kind(p) != T_COMMA)
        return first;
    if (!(n = around(p, TN_PY_TUPLE, at)))
        return NULL;
    add(&l, first);
    while (accept(p, T_COMMA) && !ends_list(p)) {
        node *e = star_or_named(p);
        if (!e)
            return NULL;
        add(&l, e);
    }
    n->x = l.first;
    return done(p, n);
}

/* ---- patterns ---- */

static node *pattern(parser *p);

static bool patterns(parser *p, list *l, int close, bool classes)
{
    while (kind(p) != close) {
        node *n = begin(p, TN_PY_PATTERN_STAR), *e;
        if (!n)
            return false;
        if (accept(p, T_STAR)) {
            if (kind(p) != T_NAME)
                return fail(p, "a name is expected");
            n->str = text_of(p, p->t);
            take(p);
            e = done(p, n);
        } else if (classes && kind(p) == T_NAME && p->t[1].kind == T_ASSIGN) {
            n->kind = TN_PY_KEYWORD;
            n->str = text_of(p, p->t);
            take(p);
            take(p);
            e = (n->x = pattern(p)) ? done(p, n) : NULL;
        } else {
            e = pattern(p);
        }
        if (!e)
            return false;
        add(l, e);
        if (!accept(p, T_COMMA))
            break;
    }
    return true;
}

static bool mapping_pattern(parser *p, list *l)
{
    while (kind(p) != T_RBRACE) {
        node *n;
        if (kind(p) == T_DOUBLESTAR) {
            n = begin(p, TN_PY_PATTERN_STAR);
            take(p);
            if (!n || kind(p) != T_NAME)
                return fail(p, "a name is expected");
            n->op = TN_PY_KWARGS;
            n->str = text_of(p, p->t);
            take(p);
        } else {
            if (!(n = begin(p, TN_PY_PAIR)) || !(n->x = binary(p, 0)) || !expect(p, T_COLON, "a : is missing") || !(n->y = pattern(p)))
                return false;
        }
        if (!done(p, n))
            return false;
        add(l, n);
        if (!accept(p, T_COMMA))
            break;
    }
    return true;
}

static node *closed_pattern(parser *p)
{
    place at = here(p);
    node *n = begin(p, TN_PY_PATTERN_SEQUENCE), *e;
    list l = {0};
    if (!n)
        return NULL;
    switch (kind(p)) {
    case T_LPAR:
    case T_LSQB: {
        int close = kind(p) == T_LPAR ? T_RPAR : T_RSQB;
        take(p);
        if (!patterns(p, &l, close, false))
            return NULL;
        bool comma = p->t[-1].kind == T_COMMA;
        if (!expect(p, close, "a closing bracket is missing"))
            return NULL;
        if (close == T_RPAR && l.first && l.first == l.last && !comma && l.first->kind != TN_PY_PATTERN_STAR)
            return l.first;
        n->x = l.first;
        return done(p, n);
    }
    case T_LBRACE:
        take(p);
        n->kind = TN_PY_PATTERN_MAPPING;
        if (!mapping_pattern(p, &l) || !expect(p, T_RBRACE, "a } is missing"))
            return NULL;
        n->x = l.first;
        return done(p, n);
    case T_NAME:
        if (p->t[1].kind != T_DOT && p->t[1].kind != T_LPAR) {
            n->kind = TN_PY_PATTERN_NAME;
            n->str = text_of(p, p->t);
            take(p);
            return done(p, n);
        }
        e = leaf(p, TN_PY_NAME);
        while (e && accept(p, T_DOT)) {
            node *a = around(p, TN_PY_ATTRIBUTE, at);
            if (!a || kind(p) != T_NAME)
                return fail(p, "a name is missing behind the dot");
            a->str = text_of(p, p->t);
            take(p);
            a->x = e;
            e = done(p, a);
        }
        if (!e)
            return NULL;
        n->x = e;
        n->kind = TN_PY_PATTERN_VALUE;
        if (accept(p, T_LPAR)) {
            n->kind = TN_PY_PATTERN_CLASS;
            if (!patterns(p, &l, T_RPAR, true) || !expect(p, T_RPAR, "a ) is missing"))
                return NULL;
            n->y = l.first;
        }
        return done(p, n);
    default:
        n->kind = TN_PY_PATTERN_VALUE;
        return (n->x = binary(p, 4)) ? done(p, n) : NULL; /* -1, 1 + 2j, "text", None */
    }
}

static node *pattern(parser *p)
{
    place at = here(p);
    node *first, *n;
    list l = {0};
    if (!deeper(p) || !(first = closed_pattern(p)))
        return NULL;
    if (kind(p) == T_PIPE) {
        if (!(n = around(p, TN_PY_PATTERN_OR, at)))
            return NULL;
        add(&l, first);
        while (accept(p, T_PIPE)) {
            node *e = closed_pattern(p);
            if (!e)
                return NULL;
            add(&l, e);
        }
        n->x = l.first;
        first = done(p, n);
    }
    if (first && accept(p, T_AS)) {
        if (!(n = around(p, TN_PY_PATTERN_AS, at)) || kind(p) != T_NAME)
            return fail(p, "a name is expected");
        n->str = text_of(p, p->t);
        take(p);
        n->x = first;
        first = done(p, n);
    }
    p->depth--;
    return first;
}

/* The pattern of a case: also a, b without brackets. */
static node *case_pattern(parser *p)
{
    node *n = begin(p, TN_PY_PATTERN_SEQUENCE);
    list l = {0};
    if (!n || !patterns(p, &l, T_COLON, false))
        return NULL;
    if (!l.first)
        return fail(p, "a pattern is expected");
    if (l.first == l.last && p->t[-1].kind != T_COMMA && l.first->kind != TN_PY_PATTERN_STAR)
        return l.first;
    n->x = l.first;
    return done(p, n);
}

/* ---- simple statements ---- */

static bool is_target(const node *n)
{
    switch (n->kind) {
    case TN_PY_NAME: case TN_PY_ATTRIBUTE: case TN_PY_SUBSCRIPT: return true;
    case TN_PY_STARRED: return is_target(n->x);
    case TN_PY_TUPLE: case TN_PY_LIST:
        for (const node *c = n->x; c; c = c->next)
            if (!is_target(c))
                return false;
        return true;
    default: return false;
    }
}

static node *expression_statement(parser *p)
{
    node *n = begin(p, TN_PY_EXPR), *e;
    list targets = {0};
    size_t first = (size_t)(p->t - p->lex.token.ptr);
    if (!n || !(e = expressions(p)))
        return NULL;
    if (kind(p) == T_COLON) {
        n->kind = TN_PY_ANN_ASSIGN;
        if (!is_target(e) || e->kind == TN_PY_TUPLE || e->kind == TN_PY_LIST)
            return fail(p, "a : where none can be");
        take(p);
        n->x = e;
        if (!(n->y = test(p)) || (accept(p, T_ASSIGN) && !(n->z = expressions(p))))
            return NULL;
        return done(p, n);
    }
    if (kind(p) == T_AUG) {
        if (e->kind != TN_PY_NAME && e->kind != TN_PY_ATTRIBUTE && e->kind != TN_PY_SUBSCRIPT)
            return fail(p, "this cannot be assigned to");
        n->kind = TN_PY_AUG_ASSIGN;
        n->op = p->t->op;
        take(p);
        n->x = e;
        return (n->y = expressions(p)) ? done(p, n) : NULL;
    }
    while (kind(p) == T_ASSIGN) {
        if (!is_target(e))
            return fail(p, "this cannot be assigned to");
        take(p);
        n->kind = TN_PY_ASSIGN;
        add(&targets, e);
        if (!(e = expressions(p)))
            return NULL;
    }
    if (targets.first) {
        n->x = targets.first;
        n->y = e;
    } else {
        n->x = e;
        if (kind(p) != T_END && kind(p) != T_SEMI && e->kind == TN_PY_NAME && p->lex.token.ptr + first + 1 == p->t &&
            (tn_str_is(e->str, "print") || tn_str_is(e->str, "exec")))
            return fail(p, "a statement of Python 2");
    }
    return done(p, n);
}

/* a.b.c as one name. */
static bool dotted(parser *p, tn_str *out)
{
    uint32_t from = p->t->from;
    do {
        if (kind(p) != T_NAME)
            return fail(p, "a module's name is expected");
        take(p);
    } while (accept(p, T_DOT));
    tn_str s = {p->lex.base + from, p->last_to - from};
    bool plain = true;
    for (size_t i = 0; i < s.len && plain; i++)
        plain = s.ptr[i] != ' ' && s.ptr[i] != '\t' && s.ptr[i] != '\\' && s.ptr[i] != '\n';
    if (!plain) { /* `import a . b` */
        char *copy = TN_ARENA_ARRAY(p->arena, char, s.len + 1);
        size_t n = 0;
        if (!copy) {
            p->st = TN_ENOMEM;
            return fail(p, "memory");
        }
        for (size_t i = 0; i < s.len; i++)
            if (!strchr(" \t\\\n\r", s.ptr[i]))
                copy[n++] = s.ptr[i];
        s = (tn_str){copy, n};
    }
    *out = s;
    return true;
}

static node *alias(parser *p, bool dots)
{
    node *n = begin(p, TN_PY_ALIAS);
    if (!n)
        return NULL;
    if (dots) {
        if (!dotted(p, &n->str))
            return NULL;
    } else {
        if (kind(p) != T_NAME)
            return fail(p, "a name is expected");
        n->str = text_of(p, p->t);
        take(p);
    }
    if (accept(p, T_AS) && !(n->x = name(p, "a name is expected")))
        return NULL;
    return done(p, n);
}

static node *import(parser *p)
{
    node *n = begin(p, TN_PY_IMPORT), *e;
    list l = {0};
    take(p);
    if (!n)
        return NULL;
    do {
        if (!(e = alias(p, true)))
            return NULL;
        add(&l, e);
    } while (accept(p, T_COMMA));
    n->x = l.first;
    return done(p, n);
}

static node *import_from(parser *p)
{
    node *n = begin(p, TN_PY_IMPORT_FROM), *e;
    list l = {0};
    unsigned dots = 0;
    take(p);
    if (!n)
        return NULL;
    while (kind(p) == T_DOT || kind(p) == T_ELLIPSIS) {
        dots += kind(p) == T_DOT ? 1 : 3;
        take(p);
    }
    n->op = (uint8_t)(dots > 255 ? 255 : dots);
    if ((kind(p) != T_IMPORT || !dots) && !dotted(p, &n->str))
        return NULL;
    if (!expect(p, T_IMPORT, "from without import"))
        return NULL;
    if (kind(p) == T_STAR) {
        if (!(e = begin(p, TN_PY_ALIAS)))
            return NULL;
        e->str = text_of(p, p->t);
        take(p);
        n->x = done(p, e);
        return done(p, n);
    }
    bool parens = accept(p, T_LPAR);
    do {
        if (parens && kind(p) == T_RPAR)
            break;
        if (!(e = alias(p, false)))
            return NULL;
        add(&l, e);
    } while (accept(p, T_COMMA));
    if (parens && !expect(p, T_RPAR, "a ) is missing"))
        return NULL;
    if (!l.first)
        return fail(p, "a name is expected");
    n->x = l.first;
    return done(p, n);
}

static node *names_statement(parser *p, tn_py_kind k)
{
    node *n = begin(p, k), *e;
    list l = {0};
    take(p);
    if (!n)
        return NULL;
    do {
        if (!(e = name(p, "a name is expected")))
            return NULL;
        add(&l, e);
    } while (accept(p, T_COMMA));
    n->x = l.first;
    return done(p, n);
}

static node *word_statement(parser *p, tn_py_kind k)
{
    node *n = begin(p, k);
    take(p);
    if (!n)
        return NULL;
    bool bare = kind(p) == T_END || kind(p) == T_SEMI;
    switch (k) {
    case TN_PY_RETURN:
        if (!bare && !(n->x = expressions(p)))
            return NULL;
        break;
    case TN_PY_RAISE:
        if (!bare && (!(n->x = test(p)) || (accept(p, T_FROM) && !(n->y = test(p)))))
            return NULL;
        break;
    case TN_PY_ASSERT:
        if (!(n->x = test(p)) || (accept(p, T_COMMA) && !(n->y = test(p))))
            return NULL;
        break;
    case TN_PY_DELETE: {
        node *e = expressions(p);
        if (!e)
            return NULL;
        if (!is_target(e))
            return fail(p, "this cannot be deleted");
        n->x = e;
        break;
    }
    default: break;
    }
    return done(p, n);
}

/* `[T: bound, *Ts]`: read, and not kept. */
static bool type_parameters(parser *p)
{
    if (!accept(p, T_LSQB))
        return true;
    while (kind(p) != T_RSQB) {
        if (!accept(p, T_STAR))
            accept(p, T_DOUBLESTAR);
        if (!name(p, "a name is expected") || (accept(p, T_COLON) && !test(p)) || (accept(p, T_ASSIGN) && !star_or_named(p)))
            return false;
        if (!accept(p, T_COMMA))
            break;
    }
    return expect(p, T_RSQB, "a ] is missing");
}

static node *type_alias(parser *p)
{
    node *n = begin(p, TN_PY_TYPE_ALIAS);
    take(p);
    if (!n)
        return NULL;
    n->str = text_of(p, p->t);
    take(p);
    if (!type_parameters(p) || !expect(p, T_ASSIGN, "a = is missing") || !(n->x = test(p)))
        return NULL;
    return done(p, n);
}

static node *simple_statement(parser *p)
{
    switch (kind(p)) {
    case T_PASS: return word_statement(p, TN_PY_PASS);
    case T_BREAK: return word_statement(p, TN_PY_BREAK);
    case T_CONTINUE: return word_statement(p, TN_PY_CONTINUE);
    case T_RETURN: return word_statement(p, TN_PY_RETURN);
    case T_RAISE: return word_statement(p, TN_PY_RAISE);
    case T_ASSERT: return word_statement(p, TN_PY_ASSERT);
    case T_DEL: return word_statement(p, TN_PY_DELETE);
    case T_GLOBAL: return names_statement(p, TN_PY_GLOBAL);
    case T_NONLOCAL: return names_statement(p, TN_PY_NONLOCAL);
    case T_IMPORT: return import(p);
    case T_FROM: return import_from(p);
    case T_NAME:
        if (word(p, "type") && p->t[1].kind == T_NAME && (p->t[2].kind == T_ASSIGN || p->t[2].kind == T_LSQB))
            return type_alias(p);
        return expression_statement(p);
    case T_MAGIC: return leaf(p, TN_PY_MAGIC);
    default: return expression_statement(p);
    }
}

/* ---- lines and blocks ---- */

static void next_line(parser *p)
{
    p->more = tn_py_lex_line(&p->lex);
    p->t = p->lex.token.ptr;
    if (p->lex.failed && p->st == TN_OK)
        p->st = TN_ENOMEM;
    if (p->st != TN_OK)
        p->more = false;
}

static node *block(parser *p, uint32_t indent);
static void statements_of_line(parser *p, list *l, uint32_t indent);

/* What follows a header's colon: the rest of the line, or the deeper lines below. Statements never fail; only the
 * block's absence does. */
static node *suite(parser *p, uint32_t indent)
{
    list l = {0};
    if (!expect(p, T_COLON, "a : is missing"))
        return NULL;
    if (kind(p) != T_END) {
        statements_of_line(p, &l, indent);
        return l.first ? l.first : fail(p, "memory");
    }
    next_line(p);
    if (!p->more || p->lex.indent <= indent)
        return fail(p, "an indented block is missing");
    node *b = block(p, p->lex.indent);
    return b ? b : fail(p, "an indented block is missing");
}

/* The next line goes on with this statement (else, except, finally) at the same indentation. */
static bool continues(parser *p, uint32_t indent, int token)
{
    return p->more && p->st == TN_OK && p->lex.indent == indent && kind(p) == token;
}

static node *if_statement(parser *p, uint32_t indent, int n_elif)
{
    node *n = begin(p, TN_PY_IF);
    take(p);
    if (!n || !(n->x = star_or_named(p)) || !(n->body = suite(p, indent)))
        return NULL;
    if (continues(p, indent, T_ELIF)) {
        if (n_elif < MAX_ELIF)
            n->z = if_statement(p, indent, n_elif + 1);
        else
            fail(p, "nested too deeply");
    } else if (continues(p, indent, T_ELSE)) {
        take(p);
        n->z = suite(p, indent);
    }
    return done(p, n);
}

static node *while_statement(parser *p, uint32_t indent)
{
    node *n = begin(p, TN_PY_WHILE);
    take(p);
    if (!n || !(n->x = star_or_named(p)) || !(n->body = suite(p, indent)))
        return NULL;
    if (continues(p, indent, T_ELSE)) {
        take(p);
        n->z = suite(p, indent);
    }
    return done(p, n);
}

static node *for_statement(parser *p, uint32_t indent, node *n)
{
    take(p);
    if (!n || !(n->x = target_list(p)) || !expect(p, T_IN, "for without in") || !(n->y = expressions(p)) || !(n->body = suite(p, indent)))
        return NULL;
    if (!is_target(n->x))
        return fail(p, "this cannot be assigned to");
    if (continues(p, indent, T_ELSE)) {
        take(p);
        n->z = suite(p, indent);
    }
    return done(p, n);
}

static bool with_items(parser *p, list *l, int close)
{
    do {
        if (kind(p) == close && l->first)
            break;
        node *n = begin(p, TN_PY_WITH_ITEM);
        if (!n || !(n->x = test(p)))
            return false;
        if (accept(p, T_AS)) {
            if (!(n->y = kind(p) == T_STAR ? star_or_named(p) : unary(p)))
                return false;
        }
        if (!done(p, n))
            return false;
        add(l, n);
    } while (accept(p, T_COMMA));
    return true;
}

static node *with_statement(parser *p, uint32_t indent, node *n)
{
    list l = {0};
    take(p);
    if (!n)
        return NULL;
    /* `with (a as b, c):` or an expression in parentheses: tried in this order. */
    size_t first = (size_t)(p->t - p->lex.token.ptr);
    int depth = p->depth;
    bool parens = kind(p) == T_LPAR;
    if (parens) {
        take(p);
        if (!with_items(p, &l, T_RPAR) || !accept(p, T_RPAR) || kind(p) != T_COLON) {
            if (p->st != TN_OK)
                return NULL;
            p->t = p->lex.token.ptr + first;
            p->depth = depth;
            p->why = NULL;
            l = (list){0};
            parens = false;
        }
    }
    if (!parens && !with_items(p, &l, T_COLON))
        return NULL;
    n->x = l.first;
    return (n->body = suite(p, indent)) ? done(p, n) : NULL;
}

static node *except(parser *p, uint32_t indent, node *try)
{
    node *n = begin(p, TN_PY_EXCEPT);
    take(p);
    if (!n)
        return NULL;
    if (accept(p, T_STAR))
        try->flags |= TN_PY_STAR;
    if (kind(p) != T_COLON) {
        place at = here(p);
        if (!(n->x = test(p)))
            return NULL;
        if (kind(p) == T_COMMA) { /* without parentheses since 3.14, without `as`; `except A, e:` of Python 2 looks alike */
            node *e = around(p, TN_PY_TUPLE, at);
            list l = {0};
            add(&l, (node *)n->x);
            while (accept(p, T_COMMA)) {
                node *one = test(p);
                if (!one)
                    return NULL;
                add(&l, one);
            }
            if (!e)
                return NULL;
            e->x = l.first;
            n->x = done(p, e);
        } else if (accept(p, T_AS)) {
            if (kind(p) != T_NAME)
                return fail(p, "a name is expected");
            n->str = text_of(p, p->t);
            take(p);
        }
    }
    return n->x || kind(p) == T_COLON ? ((n->body = suite(p, indent)) ? done(p, n) : NULL) : NULL;
}

static node *try_statement(parser *p, uint32_t indent)
{
    node *n = begin(p, TN_PY_TRY);
    list l = {0};
    take(p);
    if (!n || !(n->body = suite(p, indent)))
        return NULL;
    while (continues(p, indent, T_EXCEPT)) {
        node *e = except(p, indent, n);
        add(&l, e);
        if (!e)
            break;
    }
    n->x = l.first;
    if (n->x && !p->why && continues(p, indent, T_ELSE)) {
        take(p);
        n->y = suite(p, indent);
    }
    if (!p->why && continues(p, indent, T_FINALLY)) {
        take(p);
        n->z = suite(p, indent);
    }
    if (!n->x && !n->z)
        return fail(p, "try without except or finally");
    return done(p, n);
}

static node *function(parser *p, uint32_t indent, node *n)
{
    bool ok;
    take(p);
    if (!n || kind(p) != T_NAME)
        return fail(p, "a function's name is expected");
    n->kind = TN_PY_FUNCTION;
    n->str = text_of(p, p->t);
    take(p);
    if (!type_parameters(p) || !expect(p, T_LPAR, "a ( is missing"))
        return NULL;
    n->x = parameters(p, T_RPAR, true, &ok);
    if (!ok || !expect(p, T_RPAR, "a ) is missing"))
        return NULL;
    if (accept(p, T_ARROW) && !(n->y = expressions(p)))
        return NULL;
    return (n->body = suite(p, indent)) ? n : NULL;
}

static node *class(parser *p, uint32_t indent)
{
    node *n = begin(p, TN_PY_CLASS);
    bool ok = true;
    take(p);
    if (!n || kind(p) != T_NAME)
        return fail(p, "a class's name is expected");
    n->str = text_of(p, p->t);
    take(p);
    if (!type_parameters(p))
        return NULL;
    if (accept(p, T_LPAR))
        n->x = arguments(p, &ok);
    return ok && (n->body = suite(p, indent)) ? n : NULL;
}

static node *async_statement(parser *p, uint32_t indent)
{
    node *n = begin(p, TN_PY_FUNCTION);
    take(p);
    if (!n)
        return NULL;
    n->flags = TN_PY_ASYNC;
    switch (kind(p)) {
    case T_DEF: return function(p, indent, n);
    case T_FOR: n->kind = TN_PY_FOR; return for_statement(p, indent, n);
    case T_WITH: n->kind = TN_PY_WITH; return with_statement(p, indent, n);
    default: return fail(p, "async before something that cannot be it");
    }
}

static node *decorated(parser *p, uint32_t indent)
{
    list l = {0};
    while (kind(p) == T_AT) {
        take(p);
        node *e = star_or_named(p);
        if (!e || !expect(p, T_END, "text behind a decorator"))
            return NULL;
        add(&l, e);
        next_line(p);
        if (!p->more || p->lex.indent != indent)
            return fail(p, "a decorator without function");
    }
    node *n = kind(p) == T_DEF ? function(p, indent, begin(p, TN_PY_FUNCTION)) : kind(p) == T_CLASS ? class(p, indent) : kind(p) == T_ASYNC ? async_statement(p, indent) : fail(p, "a decorator without function");
    if (n && n->kind != TN_PY_FUNCTION && n->kind != TN_PY_CLASS)
        return fail(p, "a decorator without function");
    if (n)
        n->z = l.first;
    return n;
}

/* A broken elif, else, except or case does not take what stands above it with it: the statement is kept as far as it was
 * read, p->why stays set, and the rest becomes an error of its own. So a node may come back with p->why. */

/* `match x:` when the line can be one; otherwise *is_one is false and nothing is taken. */
static node *match_statement(parser *p, uint32_t indent, bool *is_one)
{
    size_t first = (size_t)(p->t - p->lex.token.ptr), n_tokens = p->lex.token.len;
    int next = p->t[1].kind, depth = p->depth;
    *is_one = false;
    if (!word(p, "match") || n_tokens < 2 || p->lex.token.ptr[n_tokens - 2].kind != T_COLON || next == T_ASSIGN || next == T_DOT || next == T_COLON || next == T_COMMA)
        return NULL;
    node *n = begin(p, TN_PY_MATCH), *e;
    list l = {0};
    take(p);
    if (!n || !(n->x = expressions(p)) || kind(p) != T_COLON || p->t[1].kind != T_END) {
        if (p->st == TN_OK) {
            p->t = p->lex.token.ptr + first;
            p->depth = depth;
            p->why = NULL;
        }
        return NULL;
    }
    *is_one = true;
    next_line(p);
    if (!p->more || p->lex.indent <= indent)
        return fail(p, "an indented block is missing");
    uint32_t inner = p->lex.indent;
    while (p->more && p->lex.indent == inner && word(p, "case")) {
        if (!(e = begin(p, TN_PY_CASE)))
            return NULL;
        take(p);
        if (!(e->x = case_pattern(p)) || (accept(p, T_IF) && !(e->y = star_or_named(p))) || !(e->body = suite(p, inner)) || !done(p, e))
            break;
        add(&l, e);
    }
    if (!l.first)
        return fail(p, "match without case");
    n->body = l.first;
    return done(p, n);
}

/* A statement with a block, or NULL and *is_one = false. It ends before the next line. */
static node *compound(parser *p, uint32_t indent, bool *is_one)
{
    *is_one = true;
    switch (kind(p)) {
    case T_IF: return if_statement(p, indent, 0);
    case T_FOR: return for_statement(p, indent, begin(p, TN_PY_FOR));
    case T_WHILE: return while_statement(p, indent);
    case T_WITH: return with_statement(p, indent, begin(p, TN_PY_WITH));
    case T_TRY: return try_statement(p, indent);
    case T_DEF: return done(p, function(p, indent, begin(p, TN_PY_FUNCTION)));
    case T_CLASS: return done(p, class(p, indent));
    case T_ASYNC: return done(p, async_statement(p, indent));
    case T_AT: return done(p, decorated(p, indent));
    case T_NAME: return match_statement(p, indent, is_one);
    default: *is_one = false; return NULL;
    }
}

/* The last word about an error's node: when its block is too high, it is let go. */
static node *without_height(parser *p, node *n)
{
    node *out = done(p, n);
    if (!out && p->st == TN_OK) {
        n->body = NULL;
        out = done(p, n);
    }
    p->why = NULL;
    return out;
}

/* The line that p stands in is lost; a block below it is not. */
static node *broken(parser *p, uint32_t indent, place at)
{
    node *n = around(p, TN_PY_ERROR, at);
    p->n_errors++;
    if (!n)
        return NULL;
    n->str = tn_str_of(p->why ? p->why : "this cannot be read");
    p->why = NULL;
    /* A header whose block is missing fails at the first token of the line below: that line is not its own. */
    bool below = p->more && p->t == p->lex.token.ptr && at.from < p->t->from;
    if (p->more) {
        while (!below && kind(p) != T_END)
            take(p);
        if (p->last_to < at.from)
            p->last_to = at.from;
        if (!below)
            next_line(p);
        if (p->more && p->lex.indent > indent)
            n->body = block(p, p->lex.indent);
    }
    return without_height(p, n);
}

/* All statements of the line that p stands in, and the blocks that belong to them; then p stands in the next line. */
static void statements_of_line(parser *p, list *l, uint32_t indent)
{
    for (;;) {
        place at = here(p);
        int depth = p->depth;
        bool is_compound;
        node *n = compound(p, indent, &is_compound);
        if (!is_compound)
            n = p->why ? NULL : simple_statement(p);
        p->depth = depth;
        if (p->st != TN_OK)
            return;
        if (n && is_compound) {
            add(l, n);
            if (!p->why)
                return;
            at = (place){p->lex.token.ptr[0].from, p->lex.token.ptr[0].line};
        } else if (n) {
            bool more = accept(p, T_SEMI);
            if (more || kind(p) == T_END) {
                add(l, n);
                if (kind(p) != T_END)
                    continue;
                next_line(p);
                return;
            }
            fail(p, kind(p) == T_ERROR ? tn_py_lex_reason(p->t->op)
                                       : kind(p) == T_NAME || kind(p) == T_STRING ? "two expressions side by side" : "this cannot be read");
        }
        add(l, broken(p, indent, at));
        return;
    }
}

static node *block(parser *p, uint32_t indent)
{
    list l = {0};
    if (p->blocks >= MAX_BLOCKS) { /* deeper lines are passed over */
        node *n = begin(p, TN_PY_ERROR);
        if (!n)
            return NULL;
        n->str = TN_STR("blocks nest too deeply");
        p->n_errors++;
        while (p->more && p->lex.indent >= indent) {
            p->last_to = p->lex.token.ptr[p->lex.token.len - 1].to;
            next_line(p);
        }
        return done(p, n);
    }
    p->blocks++;
    while (p->more && p->lex.indent >= indent && p->st == TN_OK) {
        if (p->lex.indent > indent) {
            node *n = begin(p, TN_PY_ERROR);
            if (!n)
                break;
            p->n_errors++;
            n->str = TN_STR("unexpected indentation");
            n->body = block(p, p->lex.indent);
            add(&l, without_height(p, n));
            continue;
        }
        statements_of_line(p, &l, indent);
    }
    p->blocks--;
    return l.first;
}

/* ---- the whole ---- */

/* The text with NULs behind it, as UTF-8. */
static char *copy_text(tn_str text, tn_py_encoding e, tn_arena *a, size_t *n)
{
    size_t extra = 0;
    if (e == TN_PY_LATIN1)
        for (size_t i = 0; i < text.len; i++)
            extra += (unsigned char)text.ptr[i] >> 7;
    char *out = TN_ARENA_ARRAY(a, char, text.len + extra + 8), *o = out;
    if (!out)
        return NULL;
    if (extra) {
        for (size_t i = 0; i < text.len; i++)
            o += tn_utf8_put((unsigned char)text.ptr[i], o);
    } else {
        memcpy(out, text.ptr, text.len);
        o += text.len;
    }
    memset(o, 0, 8);
    *n = (size_t)(o - out);
    return out;
}

static tn_status start(parser *p, tn_str text, const tn_py_options *options, tn_arena *a, tn_err *err)
{
    size_t max = options && options->max_bytes ? options->max_bytes : (size_t)16 << 20, n;
    tn_py_encoding e = tn_py_encoding_of(text);
    if (text.len > max)
        return tn_fail(err, TN_ELIMIT, "Python source of %zu bytes; at most %zu are read", text.len, max);
    if (e == TN_PY_WIDE)
        return tn_fail(err, TN_EFORMAT, "1:1: the text is UTF-16 or UTF-32; save it as UTF-8");
    *p = (parser){.arena = a, .max_nodes = options && options->max_nodes ? options->max_nodes : (size_t)4 << 20};
    p->lex.notebook = options && options->notebook;
    p->lex.line = 1;
    p->lex.base = copy_text(text, e, a, &n);
    if (!p->lex.base)
        return tn_fail_nomem(err, text.len);
    p->lex.p = p->lex.base + (tn_str_starts(text, "\xEF\xBB\xBF") ? 3 : 0);
    p->lex.end = p->lex.base + n;
    return TN_OK;
}

static tn_status finish(parser *p, tn_py_tree *tree, tn_err *err)
{
    tn_status st = p->st;
    if (st == TN_OK && p->lex.comment.len) {
        tn_py_comment *c = TN_ARENA_ARRAY(p->arena, tn_py_comment, p->lex.comment.len);
        if (c)
            memcpy(c, p->lex.comment.ptr, p->lex.comment.len * sizeof *c);
        else
            st = TN_ENOMEM;
        if (tree) {
            tree->comment = c;
            tree->n_comments = p->lex.comment.len;
        }
    }
    if (st == TN_ENOMEM)
        tn_fail_nomem(err, 0);
    else if (st == TN_ELIMIT)
        tn_fail(err, TN_ELIMIT, "Python source with more than %zu nodes", p->max_nodes);
    TN_VEC_FREE(&p->lex.token);
    TN_VEC_FREE(&p->lex.comment);
    return st;
}

tn_status tn_py_parse(tn_str text, const tn_py_options *options, tn_arena *a, const tn_py_tree **out, tn_err *err)
{
    parser p;
    tn_py_tree *tree = tn_arena_calloc(a, sizeof *tree);
    if (!tree)
        return tn_fail_nomem(err, sizeof *tree);
    TN_TRY(start(&p, text, options, a, err));
    next_line(&p);
    list all = {0};
    while (p.more && p.st == TN_OK) { /* a line left of the block's indentation begins a new one */
        node *b = block(&p, p.lex.indent);
        add(&all, b);
        while (all.last && all.last->next)
            all.last = (node *)all.last->next;
        if (p.blocks == 0 && !b && p.more && p.st == TN_OK)
            next_line(&p);
    }
    tree->text = (tn_str){p.lex.base, (size_t)(p.lex.end - p.lex.base)};
    tree->body = all.first;
    tree->n_nodes = p.n_nodes;
    tree->n_errors = p.n_errors;
    tree->n_lines = p.lex.line;
    tree->arena = a;
    TN_TRY(finish(&p, tree, err));
    *out = tree;
    return TN_OK;
}

tn_status tn_py_parse_expression(tn_str text, tn_arena *a, const tn_py_node **out, tn_err *err)
{
    parser p;
    *out = NULL;
    TN_TRY(start(&p, text, NULL, a, err));
    next_line(&p);
    if (p.more) {
        node *n = expressions(&p);
        if (n && kind(&p) == T_END && !tn_py_lex_line(&p.lex))
            *out = n;
    }
    return finish(&p, NULL, err);
}
