/* Walking the tree by its links, and small questions about nodes. */
#include "check/py_ast.h"

#include <stdlib.h>
#include <string.h>

const char *tn_py_kind_name(tn_py_kind kind)
{
    static const char *const name[TN_PY_N_KINDS] = {
        "Error", "Expr", "Assign", "AugAssign", "AnnAssign", "Return", "Delete", "Pass", "Break", "Continue", "Raise", "Global", "Nonlocal",
        "Assert", "Import", "ImportFrom", "TypeAlias", "If", "While", "For", "With", "Try", "Match", "FunctionDef", "ClassDef", "Magic",
        "alias", "withitem", "ExceptHandler", "match_case", "arg", "MatchValue", "MatchName", "MatchStar", "MatchAs", "MatchOr",
        "MatchSequence", "MatchMapping", "MatchClass", "Name", "Number", "String", "JoinedStr", "FormattedValue", "None", "True", "False",
        "Ellipsis", "Tuple", "List", "Set", "Dict", "Pair", "Attribute", "Subscript", "Slice", "Call", "keyword", "Starred", "UnaryOp",
        "BinOp", "BoolOp", "Compare", "Comparator", "IfExp", "Lambda", "NamedExpr", "Await", "Yield", "YieldFrom", "ListComp", "SetComp",
        "DictComp", "GeneratorExp", "comprehension"};
    return name[kind];
}

/* The first child in slot `slot` or a later one. */
static const tn_py_node *child_from(const tn_py_node *n, int slot)
{
    const tn_py_node *const of[4] = {n->x, n->y, n->body, n->z};
    for (; slot < 4; slot++)
        if (of[slot])
            return of[slot];
    return NULL;
}

const tn_py_node *tn_py_skip(const tn_py_node *n, const tn_py_node *root)
{
    for (; n && n != root; n = n->parent) {
        const tn_py_node *other;
        if (n->next)
            return n->next;
        if (n->parent && (other = child_from(n->parent, n->slot + 1)))
            return other;
    }
    return NULL;
}

const tn_py_node *tn_py_next(const tn_py_node *n, const tn_py_node *root)
{
    const tn_py_node *child = child_from(n, 0);
    return child ? child : tn_py_skip(n, root);
}

uint32_t tn_py_column(const tn_py_tree *tree, uint32_t offset)
{
    const char *s = tree->text.ptr;
    uint32_t from = offset > tree->text.len ? (uint32_t)tree->text.len : offset, column = 1;
    while (from > 0 && s[from - 1] != '\n' && s[from - 1] != '\r') {
        from--;
        column += ((unsigned char)s[from] & 0xC0) != 0x80;
    }
    if (from == 0 && tn_str_starts(tree->text, "\xEF\xBB\xBF") && column > 1)
        column--;
    return column;
}

tn_str tn_py_source(const tn_py_tree *tree, const tn_py_node *n)
{
    return tn_str_sub(tree->text, n->from, n->to);
}

tn_str tn_py_dotted(const tn_py_node *n, tn_arena *a)
{
    size_t len = 0;
    const tn_py_node *m = n;
    for (; m && m->kind == TN_PY_ATTRIBUTE; m = m->x)
        len += m->str.len + 1;
    if (!m || m->kind != TN_PY_NAME)
        return TN_STR("");
    if (m == n)
        return n->str;
    len += m->str.len;
    char *s = TN_ARENA_ARRAY(a, char, len + 1);
    if (!s)
        return TN_STR("");
    size_t at = len;
    for (m = n;; m = m->x) {
        at -= m->str.len;
        memcpy(s + at, m->str.ptr, m->str.len);
        if (m->kind == TN_PY_NAME)
            break;
        s[--at] = '.';
    }
    s[len] = 0;
    return (tn_str){s, len};
}

static const tn_py_node *first_argument(const tn_py_node *call)
{
    return !call ? NULL : call->kind == TN_PY_CALL ? call->y : call->kind == TN_PY_CLASS ? call->x : NULL;
}

const tn_py_node *tn_py_keyword(const tn_py_node *call, const char *name)
{
    for (const tn_py_node *n = first_argument(call); n; n = n->next)
        if (n->kind == TN_PY_KEYWORD && tn_str_is(n->str, name) && *name)
            return n->x;
    return NULL;
}

const tn_py_node *tn_py_argument(const tn_py_node *call, size_t n)
{
    for (const tn_py_node *e = first_argument(call); e; e = e->next) {
        if (e->kind == TN_PY_STARRED)
            return NULL;
        if (e->kind != TN_PY_KEYWORD && n-- == 0)
            return e;
    }
    return NULL;
}

const tn_py_node *tn_py_scope(const tn_py_node *n)
{
    for (n = n ? n->parent : NULL; n; n = n->parent)
        if (n->kind == TN_PY_FUNCTION || n->kind == TN_PY_CLASS || n->kind == TN_PY_LAMBDA)
            return n;
    return NULL;
}

size_t tn_py_count(const tn_py_node *n)
{
    size_t count = 0;
    for (; n; n = n->next)
        count++;
    return count;
}

/* The digits without underscores, NUL-terminated; false when they do not fit. */
static bool plain_digits(tn_str s, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '_')
            continue;
        if (n == 63)
            return false;
        out[n++] = s.ptr[i];
    }
    out[n] = 0;
    return n > 0;
}

bool tn_py_i64(const tn_py_node *n, int64_t *out)
{
    char digits[64];
    bool minus = false;
    if (n && n->kind == TN_PY_UNARY && n->op == TN_PY_MINUS) {
        minus = true;
        n = n->x;
    }
    if (!n || n->kind != TN_PY_NUMBER || n->flags & TN_PY_COMPLEX || !plain_digits(n->str, digits))
        return false;
    char *end = digits;
    unsigned long long v = 0;
    int base = digits[0] == '0' ? ((digits[1] | 0x20) == 'x' ? 16 : (digits[1] | 0x20) == 'o' ? 8 : (digits[1] | 0x20) == 'b' ? 2 : 10) : 10;
    for (char *p = digits + (base == 10 ? 0 : 2); *p; p++, end = p) {
        int d = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 0x20) >= 'a' ? (*p | 0x20) - 'a' + 10 : 99;
        if (d >= base || v > (INT64_MAX - (unsigned)d) / (unsigned)base)
            return false;
        v = v * (unsigned)base + (unsigned)d;
    }
    if (end == digits)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

bool tn_py_f64(const tn_py_node *n, double *out)
{
    char digits[64];
    int64_t whole;
    bool minus = n && n->kind == TN_PY_UNARY && n->op == TN_PY_MINUS;
    if (tn_py_i64(n, &whole)) {
        *out = (double)whole;
        return true;
    }
    if (minus)
        n = n->x;
    if (!n || n->kind != TN_PY_NUMBER || n->flags & TN_PY_COMPLEX || !plain_digits(n->str, digits))
        return false;
    tn_str s = tn_str_of(digits);
    if (tn_str_ends(s, "."))
        s.len--;
    for (size_t i = 0; i + 1 < s.len; i++) /* 1.e5 */
        if (s.ptr[i] == '.' && (s.ptr[i + 1] | 0x20) == 'e') {
            memmove(digits + i, digits + i + 1, s.len - i);
            s.len--;
        }
    if (!tn_str_to_f64(s, out))
        return false;
    if (minus)
        *out = -*out;
    return true;
}
