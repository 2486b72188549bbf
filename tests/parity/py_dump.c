/* One JSON line a Python file: what tests/parity/python_parity.py compares with CPython's ast.  py_dump FILE...
 * py_dump --speed FILE... only reads them and says how fast. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "check/py_ast.h"
#include "codec/json.h"

static bool is_statement(const tn_py_node *n)
{
    return n->kind <= TN_PY_MAGIC && n->kind != TN_PY_ERROR;
}

static void put_statement(tn_json_writer *w, const tn_py_node *n)
{
    char kind[40];
    bool async = n->flags & TN_PY_ASYNC && (n->kind == TN_PY_FUNCTION || n->kind == TN_PY_FOR || n->kind == TN_PY_WITH);
    snprintf(kind, sizeof kind, "%s%s%s", async ? "Async" : "", tn_py_kind_name(n->kind), n->kind == TN_PY_TRY && n->flags & TN_PY_STAR ? "Star" : "");
    tn_jw_begin_array(w);
    tn_jw_c(w, kind);
    tn_jw_u64(w, n->line);
    tn_jw_end_array(w);
}

static void put_call(tn_json_writer *w, const tn_py_node *n, tn_arena *a)
{
    tn_jw_begin_array(w);
    tn_jw_str(w, tn_py_dotted(n->x, a));
    for (const tn_py_node *k = n->y; k; k = k->next)
        if (k->kind == TN_PY_KEYWORD)
            tn_jw_str(w, k->str);
    tn_jw_end_array(w);
}

static void put_string(tn_json_writer *w, const tn_py_node *n, tn_arena *a)
{
    if (!(n->flags & TN_PY_BYTES)) {
        tn_jw_str(w, n->str);
        return;
    }
    tn_buf b = TN_BUF_INIT;
    tn_buf_c(&b, "b:");
    for (size_t i = 0; i < n->str.len; i++)
        tn_buf_printf(&b, "%02x", (unsigned)(unsigned char)n->str.ptr[i]);
    tn_jw_str(w, tn_buf_view(&b));
    tn_buf_free(&b);
}

static void dump(const tn_py_tree *t, tn_arena *a, tn_buf *b)
{
    tn_json_writer w;
    const tn_py_node *n;
    bool inexact = false;
    tn_jw_init(&w, b, 0);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "errors");
    tn_jw_begin_array(&w);
    for (n = t->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_ERROR) {
            tn_jw_u64(&w, n->line);
            tn_jw_str(&w, n->str);
        }
    tn_jw_end_array(&w);
    tn_jw_key(&w, "statements");
    tn_jw_begin_array(&w);
    for (n = t->body; n; n = tn_py_next(n, NULL))
        if (is_statement(n))
            put_statement(&w, n);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "calls");
    tn_jw_begin_array(&w);
    for (n = t->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_CALL)
            put_call(&w, n, a);
    tn_jw_end_array(&w);
    tn_jw_key(&w, "strings");
    tn_jw_begin_array(&w);
    for (n = t->body; n; n = tn_py_next(n, NULL))
        if (n->kind == TN_PY_STRING) {
            inexact |= n->flags & TN_PY_INEXACT;
            put_string(&w, n, a);
        }
    tn_jw_end_array(&w);
    tn_jw_key(&w, "inexact");
    tn_jw_bool(&w, inexact);
    tn_jw_end_object(&w);
    tn_buf_char(b, '\n');
}

int main(int argc, char **argv)
{
    bool speed = argc > 1 && strcmp(argv[1], "--speed") == 0;
    tn_arena *a = tn_arena_new(1 << 20);
    size_t n_bytes = 0, n_nodes = 0;
    double seconds = 0;
    for (int i = 1 + speed; i < argc; i++) {
        tn_err err = TN_ERR_INIT;
        tn_file f;
        const tn_py_tree *t;
        tn_buf b = TN_BUF_INIT;
        if (tn_file_open(argv[i], &f, &err) != TN_OK) {
            fprintf(stderr, "%s\n", err.msg);
            return 3;
        }
        volatile uint8_t touched = 0;
        for (size_t k = 0; k < f.bytes.len; k += 4096)
            touched ^= f.bytes.ptr[k];
        double from = tn_clock_seconds();
        tn_status st = tn_py_parse(tn_str_from_bytes(f.bytes), NULL, a, &t, &err);
        seconds += tn_clock_seconds() - from;
        n_bytes += f.bytes.len;
        if (st == TN_OK)
            n_nodes += t->n_nodes;
        if (!speed && st == TN_OK)
            dump(t, a, &b);
        else if (!speed)
            tn_buf_printf(&b, "{\"failed\":\"%d\"}\n", (int)st);
        fwrite(b.ptr ? b.ptr : "", 1, b.len, stdout);
        tn_buf_free(&b);
        tn_arena_reset(a);
        tn_file_close(&f);
    }
    if (speed)
        printf("{\"files\":%d,\"bytes\":%zu,\"nodes\":%zu,\"seconds\":%.4f,\"mb_per_s\":%.1f}\n", argc - 2, n_bytes, n_nodes, seconds,
               (double)n_bytes / 1e6 / seconds);
    tn_arena_free(a);
    return 0;
}
