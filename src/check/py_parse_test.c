/* Promises of check/py_ast.h. The grammar as a whole is held to CPython's by tests/parity/python_parity.py. */
#include "test.h"

#include "check/py_ast.h"

/* Name(children) with strings behind a colon; slots that are empty are left out. */
static void put(tn_buf *b, const tn_py_node *list)
{
    for (const tn_py_node *n = list; n; n = n->next) {
        if (n != list)
            tn_buf_char(b, ' ');
        tn_buf_c(b, tn_py_kind_name(n->kind));
        if (n->str.len)
            tn_buf_printf(b, ":%.*s", TN_ARG(n->str));
        const tn_py_node *const slot[4] = {n->x, n->y, n->body, n->z};
        bool open = false;
        for (size_t i = 0; i < 4; i++)
            if (slot[i]) {
                tn_buf_c(b, open ? "; " : "(");
                open = true;
                put(b, slot[i]);
            }
        if (open)
            tn_buf_char(b, ')');
    }
}

static tn_str dump(tn_str text, const tn_py_options *options, tn_arena *a)
{
    tn_err err = TN_ERR_INIT;
    tn_buf b = TN_BUF_INIT;
    const tn_py_tree *t;
    ASSERT_OK(tn_py_parse(text, options, a, &t, &err), &err);
    put(&b, t->body);
    tn_str s = tn_str_dup(a, b.ptr ? tn_buf_view(&b) : TN_STR(""));
    tn_buf_free(&b);
    return s;
}

typedef struct {
    const char *source, *tree;
} promise;

static void hold(const promise *row, size_t n, const tn_py_options *options)
{
    for (size_t i = 0; i < n; i++) {
        tn_arena *a = tn_arena_new(0);
        tn_str got = dump(tn_str_of(row[i].source), options, a);
        if (!tn_str_is(got, row[i].tree))
            fail_msg("%s\ngave   %.*s\nwanted %s", row[i].source, TN_ARG(got), row[i].tree);
        tn_arena_free(a);
    }
}

static void statements_and_expressions(void **state)
{
    static const promise row[] = {
        {"", ""},
        {"\xEF\xBB\xBFx = 1\r\n", "Assign(Name:x; Number:1)"},
        {"a = b = c, *d", "Assign(Name:a Name:b; Tuple(Name:c Starred(Name:d)))"},
        {"x: int = 3; y: str", "AnnAssign(Name:x; Name:int; Number:3) AnnAssign(Name:y; Name:str)"},
        {"f(a, *b, k=1, **c)", "Expr(Call(Name:f; Name:a Starred(Name:b) keyword:k(Number:1) keyword(Name:c)))"},
        {"a.b[1:, ::2](x for x in y if z)", "Expr(Call(Subscript(Attribute:b(Name:a); Tuple(Slice(Number:1) Slice(Number:2))); GeneratorExp(Name:x; comprehension(Name:x; Name:y; Name:z))))"},
        {"(y := f(x)) and not a < b is not c", "Expr(BoolOp(NamedExpr(Name:y; Call(Name:f; Name:x)) UnaryOp(Compare(Name:a; Comparator(Name:b) Comparator(Name:c)))))"},
        {"-a ** -b", "Expr(UnaryOp(BinOp(Name:a; UnaryOp(Name:b))))"},
        {"lambda a, /, b=1, *, c: a if b else c", "Expr(Lambda(arg:a arg arg:b(Number:1) arg arg:c; IfExp(Name:a; Name:b; Name:c)))"},
        {"{1: a, **b}, {1, 2}, {k: v for k, v in z}", "Expr(Tuple(Dict(Pair(Number:1; Name:a) Pair(Name:b)) Set(Number:1 Number:2) DictComp(Pair(Name:k; Name:v); comprehension(Tuple(Name:k Name:v); Name:z))))"},
        {"from ..a.b import (c as d, e,)\nimport x.y as z", "ImportFrom:a.b(alias:c(Name:d) alias:e) Import(alias:x.y(Name:z))"},
        {"if a:\n  b\nelif c: d\nelse:\n  e", "If(Name:a; Expr(Name:b); If(Name:c; Expr(Name:d); Expr(Name:e)))"},
        {"@d(1)\nasync def f[T: int](a: T, *args: *Ts) -> r:\n  await a", "FunctionDef:f(arg:a(Name:T) arg:args(Starred(Name:Ts)); Name:r; Expr(Await(Name:a)); Call(Name:d; Number:1))"},
        {"class A(B, m=C):\n\tx = 1", "ClassDef:A(Name:B keyword:m(Name:C); Assign(Name:x; Number:1))"},
        {"with (a as b, c): pass\nwith (a, b): pass\nwith (yield): pass",
         "With(withitem(Name:a; Name:b) withitem(Name:c); Pass) With(withitem(Name:a) withitem(Name:b); Pass) With(withitem(Yield); Pass)"},
        {"try: a\nexcept* (A, B) as e: b\nelse: c\nfinally: d", "Try(ExceptHandler:e(Tuple(Name:A Name:B); Expr(Name:b)); Expr(Name:c); Expr(Name:a); Expr(Name:d))"},
        {"match x, y:\n  case [A(b, c=1), *_] | {'k': v, **r} if z: pass\n  case -1 | 'a' as w: pass",
         "Match(Tuple(Name:x Name:y); match_case(MatchOr(MatchSequence(MatchClass(Name:A; MatchName:b keyword:c(MatchValue(Number:1))) MatchStar:_) MatchMapping(Pair(String:k; MatchName:v) MatchStar:r)); "
         "Name:z; Pass) match_case(MatchAs:w(MatchOr(MatchValue(UnaryOp(Number:1)) MatchValue(String:a))); Pass))"},
        {"match = case = type = 1\nmatch(x)\ntype X[T] = int", "Assign(Name:match Name:case Name:type; Number:1) Expr(Call(Name:match; Name:x)) TypeAlias:X(Name:int)"},
        {"r'\\d' \"\\x41\\u00e9\\\nz\" b''", "Error:bytes and text cannot be joined"},
        {"'a' r'\\d' '''b\r\nc''' '\\x41\\t'", "Expr(String:a\\db\ncA\t)"},
        {"f'a{x!r:>{w}}{{b}}' 'c'", "Expr(JoinedStr(String:a FormattedValue(Name:x; JoinedStr(String:> FormattedValue(Name:w))) String:{b}c))"},
        {"f'{x = }{f\"{d['k']}\"}'", "Expr(JoinedStr(String:x =  FormattedValue(Name:x) FormattedValue(JoinedStr(FormattedValue(Subscript(Name:d; String:k))))))"},
        {"x = 0xFF_FF + 1_0.5e-3 + 2j + 1if a else b", "Assign(Name:x; IfExp(BinOp(BinOp(BinOp(Number:0xFF_FF; Number:1_0.5e-3); Number:2j); Number:1); Name:a; Name:b))"},
        {"x = (1,\n  # comment\n  2) \\\n  + y\n\fz", "Assign(Name:x; BinOp(Tuple(Number:1 Number:2); Name:y)) Expr(Name:z)"},
        {"# coding: latin-1\nx = '\xE9'", "Assign(Name:x; String:\xC3\xA9)"},
        {"ch\xC3\xA0o = 1", "Assign(Name:ch\xC3\xA0o; Number:1)"},
    };
    hold(row, TN_COUNT(row), NULL);
}

static void what_is_broken_stands_alone(void **state)
{
    static const promise row[] = {
        {"print 'x'\ny = 1", "Error:a statement of Python 2 Assign(Name:y; Number:1)"},
        {"try:\n  a\nexcept A, e:\n  b", "Try(ExceptHandler(Tuple(Name:A Name:e); Expr(Name:b)); Expr(Name:a))"},
        {"x = = 2\ny", "Error:an expression is expected Expr(Name:y)"},
        {"def f(:\n  a = 1\nb", "Error:a parameter's name is missing(Assign(Name:a; Number:1)) Expr(Name:b)"},
        {"if a:\n  b\nelif c d:\n  e\nf", "If(Name:a; Expr(Name:b)) Error:a : is missing(Expr(Name:e)) Expr(Name:f)"},
        {"f(1, 2\ndef g(): pass", "Error:a bracket is never closed FunctionDef:g(Pass)"},
        {"f(1, 2\nx = 1", "Error:a ) is missing Assign(Name:x; Number:1)"},
        {"s = 'abc\nt = 1", "Error:a string is not closed on its line Assign(Name:t; Number:1)"},
        {"s = '''abc\nt = 1", "Error:a triple-quoted string is never closed Assign(Name:t; Number:1)"},
        {"x = 0777; y = 1", "Error:ill-formed number"},
        {"print(\xE2\x80\x9Chello\xE2\x80\x9D)\nx", "Error:a character that Python does not know Expr(Name:x)"},
        {"  a\n    b\nc", "Expr(Name:a) Error:unexpected indentation(Expr(Name:b)) Expr(Name:c)"},
        {"if a:\nb", "Error:an indented block is missing Expr(Name:b)"},
        {"f() = 1", "Error:this cannot be assigned to"},
        {"a ? b\nc d", "Error:a character that Python does not know Error:two expressions side by side"},
    };
    hold(row, TN_COUNT(row), NULL);
}

static void notebooks_have_magics(void **state)
{
    static const promise row[] = {
        {"%pip install x\n!ls -l\nx = 1", "Magic:%pip install x Magic:!ls -l Assign(Name:x; Number:1)"},
        {"%time model.fit(x)\n%timeit -n 10 f()", "Expr(Call(Attribute:fit(Name:model); Name:x)) Expr(Call(Name:f))"},
        {"files = !ls\nif a:\n    !pip install b", "Assign(Name:files; Magic:!ls) If(Name:a; Magic:!pip install b)"},
        {"df.head?\n?df\nx", "Magic:df.head? Magic:?df Expr(Name:x)"},
        {"f(1,\n\x1E\nx = 1\n\x1E\n", "Error:a bracket is never closed Assign(Name:x; Number:1)"},
        {"s = '''\n%pip x\n'''", "Assign(Name:s; String:\n%pip x\n)"},
    };
    hold(row, TN_COUNT(row), &(tn_py_options){.notebook = true});
}

static void places_are_kept(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_py_tree *t;
    const char *source = "# one\nx = ch\xC3\xA0o(\n  k='v')  # two\n";
    ASSERT_OK(tn_py_parse(tn_str_of(source), NULL, a, &t, &err), &err);
    const tn_py_node *call = t->body->y;
    assert_int_equal(t->n_comments, 2);
    assert_true(t->comment[0].alone && !t->comment[1].alone);
    assert_int_equal(t->comment[1].line, 3);
    assert_int_equal(call->line, 2);
    assert_int_equal(tn_py_column(t, call->from), 5);
    ASSERT_STR(tn_py_source(t, call), "ch\xC3\xA0o(\n  k='v')");
    assert_int_equal(tn_py_column(t, call->y->from), 3);
    ASSERT_STR(tn_py_keyword(call, "k")->str, "v");
    assert_true(call->parent == t->body && call->slot == 1);
    size_t n = 0;
    for (const tn_py_node *m = t->body; m; m = tn_py_next(m, NULL))
        n++;
    assert_int_equal(n, t->n_nodes);
    tn_arena_free(a);
}

static void questions_are_answered(void **state)
{
    tn_arena *a = tn_arena_new(0);
    tn_err err = TN_ERR_INIT;
    const tn_py_node *e;
    int64_t i;
    double d;
    static const struct {
        const char *source;
        bool whole, real;
        double value;
    } number[] = {{"0x1F", true, true, 31}, {"-1_000", true, true, -1000}, {"0b101", true, true, 5}, {"2e-5", false, true, 2e-5}, {"1.", false, true, 1},
                  {"1.e3", false, true, 1000}, {"3j", false, false, 0}, {"x", false, false, 0}, {"99999999999999999999", false, true, 99999999999999999999.0}};
    for (size_t k = 0; k < TN_COUNT(number); k++) {
        ASSERT_OK(tn_py_parse_expression(tn_str_of(number[k].source), a, &e, &err), &err);
        assert_true(e != NULL);
        assert_int_equal(tn_py_i64(e, &i), number[k].whole);
        if (tn_py_f64(e, &d) != number[k].real || (number[k].real && d != number[k].value))
            fail_msg("%s", number[k].source);
    }
    ASSERT_OK(tn_py_parse_expression(TN_STR("a.b.c(1, *x, 2)"), a, &e, &err), &err);
    ASSERT_STR(tn_py_dotted(e->x, a), "a.b.c");
    ASSERT_STR(tn_py_dotted(e, a), "");
    assert_true(tn_py_argument(e, 0) && !tn_py_argument(e, 1) && !tn_py_argument(e, 2));
    ASSERT_OK(tn_py_parse_expression(TN_STR("a b"), a, &e, &err), &err);
    assert_null(e);
    tn_arena_free(a);
}

/* Repeats a piece n times between two ends. */
static tn_str repeat(tn_arena *a, const char *begin, const char *piece, size_t n, const char *end)
{
    size_t len = strlen(begin) + strlen(piece) * n + strlen(end), at = 0;
    char *s = TN_ARENA_ARRAY(a, char, len + 1);
    assert_non_null(s);
    memcpy(s, begin, strlen(begin));
    at += strlen(begin);
    for (size_t i = 0; i < n; i++, at += strlen(piece))
        memcpy(s + at, piece, strlen(piece));
    memcpy(s + at, end, strlen(end) + 1);
    return (tn_str){s, len};
}

static void hostile_text_is_bounded(void **state)
{
    static const struct {
        const char *begin, *piece, *end;
    } row[] = {{"", "(", ""}, {"", "[", "]"}, {"", "-", "1"}, {"", "not ", "x"}, {"", "lambda: ", "x"}, {"", "a.", "b"}, {"x", "+1", ""}, {"x", "[0]", ""}, {"x", "()", ""}, {"x = ", "1 if a else ", "2"},
               {"", "f'{", "}'"}, {"", "f\"{f'{", ""}, {"", "'''\n", ""}, {"", "\"\\\n'\\\n", ""}, {"", "(\n", ""}, {"", "def f(\n", ""}, {"", "{a:", ""}, {"match x:\n case ", "[", "]: pass"}, {"", "\\\n", ""}, {"", "@a\n", ""},
               {"", "if x:\n  y\nel", "se: z"}, {"", "\t", "x"}, {"", ";", ""}, {"", "\0 ", ""}, {"", "a, ", "= 1"}, {"", "a = ", "1"}, {"", "x = f'''{\n", ""}, {"", "'\\", ""}};
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_err err = TN_ERR_INIT;
        const tn_py_tree *t;
        tn_str text = repeat(a, row[i].begin, row[i].piece, 20000, row[i].end);
        ASSERT_OK(tn_py_parse(text, NULL, a, &t, &err), &err);
        for (const tn_py_node *n = t->body; n; n = tn_py_next(n, NULL))
            assert_true(n->height < TN_PY_MAX_HEIGHT);
        tn_arena_free(a);
    }
    tn_arena *a = tn_arena_new(0);
    tn_buf b = TN_BUF_INIT;
    for (int i = 0; i < 300; i++) {
        for (int k = 0; k < i; k++)
            tn_buf_char(&b, ' ');
        tn_buf_c(&b, "if x:\n");
    }
    tn_err err = TN_ERR_INIT;
    const tn_py_tree *t;
    ASSERT_OK(tn_py_parse(tn_buf_view(&b), NULL, a, &t, &err), &err);
    assert_true(t->n_errors > 0);
    tn_buf_free(&b);
    ASSERT_FAILS(tn_py_parse(TN_STR("\xFF\xFEx"), NULL, a, &t, &err), TN_EFORMAT, &err);
    ASSERT_FAILS(tn_py_parse(TN_STR("x = 1"), &(tn_py_options){.max_bytes = 4}, a, &t, &err), TN_ELIMIT, &err);
    ASSERT_FAILS(tn_py_parse(repeat(a, "", "x\n", 5000, ""), &(tn_py_options){.max_nodes = 3000}, a, &t, &err), TN_ELIMIT, &err);
    tn_arena_free(a);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        const tn_py_tree *t;
        tn_arena *a = tn_arena_new(256);
        st = a ? tn_py_parse(TN_STR("x = f'a{b!r:>{w}}' 'c\\n'  # d\nfor a in b:\n  import c . d\n"), NULL, a, &t, &err) : TN_ENOMEM;
        tn_arena_free(a);
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_and_expressions), cmocka_unit_test(what_is_broken_stands_alone), cmocka_unit_test(notebooks_have_magics),
        cmocka_unit_test(places_are_kept),            cmocka_unit_test(questions_are_answered),      cmocka_unit_test(hostile_text_is_bounded),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
