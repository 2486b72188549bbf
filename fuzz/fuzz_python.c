/* Every text gives a tree whose nodes lie in the text, below their parents and not too high; the tree is followed and judged
 * without a failure but those of bounds. A first byte of 1 reads the text as a notebook's. */
#include "fuzz.h"

#include "check/py_check.h"

static void check_tree(const tn_py_tree *t)
{
    size_t n = 0;
    for (const tn_py_node *m = t->body; m; m = tn_py_next(m, NULL), n++) {
        TN_ASSERT(m->from <= m->to && m->to <= t->text.len && m->line >= 1 && m->line <= t->n_lines);
        TN_ASSERT(m->height < TN_PY_MAX_HEIGHT && (!m->parent || m->parent->height > m->height));
        (void)tn_py_column(t, m->from);
    }
    TN_ASSERT(n <= t->n_nodes);
    for (size_t i = 0; i < t->n_comments; i++)
        TN_ASSERT(t->comment[i].from <= t->comment[i].to && t->comment[i].to <= t->text.len && (i == 0 || t->comment[i - 1].to <= t->comment[i].from));
}

static void check_flow(const tn_py_flow *f)
{
    for (size_t i = 0; i < f->n_events; i++) {
        const tn_py_event *e = f->event[i];
        TN_ASSERT(e->index == i && e->run < f->n_runs && e->node->kind == TN_PY_CALL && (!e->caller || e->caller->index < i));
        for (size_t k = 0; k < e->n_args; k++)
            TN_ASSERT(e->arg[k].value && e->arg[k].node);
    }
}

TN_FUZZ(python, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    const tn_py_tree *t;
    const tn_py_flow *f;
    tn_py_options options = {.notebook = bytes.len && bytes.ptr[0] == 1};
    tn_str text = tn_str_from_bytes(bytes);
    tn_status st = tn_py_parse(text, &options, a, &t, &err);
    TN_ASSERT(st == TN_OK || ((st == TN_EFORMAT || st == TN_ELIMIT) && err.msg[0]));
    if (st == TN_OK) {
        check_tree(t);
        TN_ASSERT(tn_py_follow(t, a, &f, &err) == TN_OK);
        check_flow(f);
        tn_findings found;
        TN_ASSERT(tn_findings_init(&found, &err) == TN_OK);
        tn_check_source source = {.path = TN_STR("fuzz.py"), .text = text, .kind = TN_KIND_PYTHON, .arena = a};
        TN_ASSERT(tn_check_python(&source, &found, &err) == TN_OK);
        for (size_t i = 0; i < found.list.len; i++)
            TN_ASSERT(found.list.ptr[i].line >= 1 && found.list.ptr[i].line <= t->n_lines && found.list.ptr[i].message.len);
        tn_findings_free(&found);
    }
    tn_arena_free(a);
    return st;
}
