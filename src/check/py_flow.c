/* An interpreter over abstract values: names and attributes are slots, a call appends an event, then gives a value.
 *
 * Branches: a slot that is overwritten inside an undecided branch is logged with its old value. After the branch its new
 * values are set aside, the old ones are put back, the other branch runs, and what the two left behind is joined. So the
 * cost of a branch is what it assigns, not what exists.
 *
 * Bounds: every evaluated node is a step, and steps are limited by the size of the tree; calls nest MAX_CALLS deep and no
 * function is entered while it is running. Trees are no higher than TN_PY_MAX_HEIGHT, so recursion is bounded too. */
#include <stdlib.h>
#include <string.h>

#include "check/py_run.h"

enum { MAX_CALLS = 4, MAX_EVENTS = 50000, SCOPE_FILE = 1 };

typedef enum { GOES_ON, LEAVES_LOOP, LEAVES_FUNCTION } outcome;

static const pv *eval(py_run *r, const tn_py_node *n);
static outcome exec_list(py_run *r, const tn_py_node *n);
static const pv *call_function(py_run *r, const pv *f, tn_py_event *e, bool by_library);
static void assign(py_run *r, const tn_py_node *target, const pv *value);

static bool step(py_run *r)
{
    if (++r->steps <= r->max_steps && !r->failed)
        return true;
    r->flow.cut = true;
    return false;
}

/* ---- slots ---- */

static uint32_t name_id(py_run *r, tn_str name)
{
    const uint64_t *id = tn_map_put(&r->names, name, r->names.len, NULL);
    if (!id) {
        r->failed = true;
        return 0;
    }
    return (uint32_t)*id;
}

static py_slot *find_slot(py_run *r, uint32_t owner, uint32_t name)
{
    uint32_t key[2] = {owner, name};
    const uint64_t *at = tn_map_find(&r->slots, (tn_str){(const char *)key, sizeof key});
    return at ? &r->slot.ptr[*at] : NULL;
}

static const pv *get(py_run *r, uint32_t owner, uint32_t name)
{
    py_slot *s = find_slot(r, owner, name);
    return s ? s->value : NULL;
}

static void set(py_run *r, uint32_t owner, uint32_t name, const pv *value)
{
    py_slot *s = find_slot(r, owner, name);
    if (!s) {
        uint32_t *key = TN_ARENA_ARRAY(r->arena, uint32_t, 2);
        if (!key || !TN_PUSH(&r->slot, (py_slot){0})) {
            r->failed = true;
            return;
        }
        key[0] = owner;
        key[1] = name;
        if (!tn_map_put(&r->slots, (tn_str){(const char *)key, 2 * sizeof *key}, r->slot.len - 1, NULL)) {
            r->failed = true;
            return;
        }
        s = &r->slot.ptr[r->slot.len - 1];
    }
    if (r->n_branches) {
        size_t at = (size_t)(s - r->slot.ptr);
        if (r->log.len == r->log.cap && !tn_vec_grow((void **)&r->log.ptr, &r->log.cap, sizeof *r->log.ptr)) {
            r->failed = true;
            return;
        }
        r->log.ptr[r->log.len].slot = (uint32_t)at;
        r->log.ptr[r->log.len++].old = s->value;
    }
    s->value = value;
}

/* ---- branches ---- */

typedef struct {
    size_t mark;
    uint32_t stamp;
} branch;

static branch branch_begin(py_run *r)
{
    r->n_branches++;
    return (branch){r->log.len, ++r->stamp};
}

/* Sets the branch's values aside and puts the old ones back. Returns how many slots it touched; their numbers are at
 * *touched, in the arena. */
static size_t branch_end(py_run *r, branch b, uint32_t **touched)
{
    size_t n = 0, logged = r->log.len - b.mark;
    uint32_t *list = TN_ARENA_ARRAY(r->arena, uint32_t, logged + 1);
    r->n_branches--;
    *touched = list;
    if (!list) {
        r->failed = true;
        return 0;
    }
    for (size_t i = r->log.len; i > b.mark; i--) {
        py_slot *s = &r->slot.ptr[r->log.ptr[i - 1].slot];
        if (s->stamp != b.stamp) {
            s->stamp = b.stamp;
            s->branch = s->value;
            list[n++] = r->log.ptr[i - 1].slot;
        }
        s->value = r->log.ptr[i - 1].old;
    }
    r->log.len = b.mark;
    return n;
}

static void set_slot(py_run *r, uint32_t at, const pv *value)
{
    if (r->n_branches) {
        if (r->log.len == r->log.cap && !tn_vec_grow((void **)&r->log.ptr, &r->log.cap, sizeof *r->log.ptr)) {
            r->failed = true;
            return;
        }
        r->log.ptr[r->log.len].slot = at;
        r->log.ptr[r->log.len++].old = r->slot.ptr[at].value;
    }
    r->slot.ptr[at].value = value;
}

typedef outcome body(py_run *r, const void *what);

/* One of two ways is taken; NULL for `b` is the way that does nothing. */
static outcome either(py_run *r, body *a, const void *a_what, body *b, const void *b_what)
{
    uint32_t *ta, *tb = NULL;
    size_t na, nb = 0;
    outcome oa, ob = GOES_ON;
    r->n_maybe++;
    branch ba = branch_begin(r);
    oa = a(r, a_what);
    na = branch_end(r, ba, &ta);
    const pv **left = TN_ARENA_ARRAY(r->arena, const pv *, na + 1);
    if (!left) {
        r->failed = true;
        na = 0;
    }
    for (size_t i = 0; i < na; i++)
        left[i] = r->slot.ptr[ta[i]].branch;
    branch bb = branch_begin(r);
    if (b)
        ob = b(r, b_what);
    nb = branch_end(r, bb, &tb);
    r->n_maybe--;
    if (r->failed)
        return GOES_ON;
    /* A way that leaves does not reach what follows. */
    bool use_a = oa == GOES_ON || ob != GOES_ON, use_b = ob == GOES_ON || oa != GOES_ON;
    for (size_t i = 0; i < na; i++) {
        py_slot *s = &r->slot.ptr[ta[i]];
        bool in_b = s->stamp == bb.stamp;
        const pv *va = left[i], *vb = in_b ? s->branch : s->value;
        set_slot(r, ta[i], !use_a ? vb : !use_b ? va : va && vb ? tn_pv_join(r, va, vb) : va ? va : vb);
        r->slot.ptr[ta[i]].stamp = ++r->stamp; /* done */
    }
    for (size_t i = 0; i < nb; i++) {
        py_slot *s = &r->slot.ptr[tb[i]];
        if (s->stamp != bb.stamp)
            continue;
        const pv *vb = s->branch, *va = s->value;
        if (use_b)
            set_slot(r, tb[i], !use_a || !va ? vb : tn_pv_join(r, va, vb));
    }
    return oa == ob ? oa : GOES_ON;
}

/* ---- names ---- */

static const pv *lookup(py_run *r, tn_str name, const tn_py_node *node)
{
    uint32_t id = name_id(r, name);
    const pv *v;
    if (r->frame) {
        for (uint32_t scope = r->frame->scope; scope; scope = scope == SCOPE_FILE ? 0 : r->scope_up.ptr[scope - 1])
            if ((v = get(r, scope, id)))
                return v;
    }
    if (tn_str_is(name, "__name__")) {
        pv *main = tn_pv_new(r, TN_PV_STRING, node);
        main->v.text = TN_STR("__main__");
        return main;
    }
    if (tn_py_is_builtin(name))
        return tn_pv_name(r, name);
    if (!r->star_import) {
        tn_str known = tn_py_well_known(name);
        if (known.len)
            return tn_pv_name(r, known);
    }
    pv *unknown = tn_pv_new(r, TN_PV_UNKNOWN, node);
    unknown->v.text = name;
    unknown->v.object = tn_pv_object(r); /* what a name means stays the same as long as nobody assigns to it */
    set(r, SCOPE_FILE, id, unknown);
    return unknown;
}

static uint32_t scope_of_assignment(py_run *r, uint32_t id)
{
    uint32_t scope = r->frame->scope;
    if (r->any_global) {
        py_slot *s = find_slot(r, scope, id | 0x80000000u);
        if (s && s->value)
            return s->value->owner;
    }
    return scope;
}

/* ---- imports ---- */

/* The dotted name that a from-import gives. */
static tn_str imported(py_run *r, const tn_py_node *from, const tn_py_node *alias)
{
    tn_str dots = tn_str_sub(TN_STR("........"), 0, from->op);
    tn_str full = tn_str_format(r->arena, "%.*s%.*s%s%.*s", TN_ARG(dots), TN_ARG(from->str), from->str.len ? "." : "", TN_ARG(alias->str));
    if (!full.ptr) {
        r->failed = true;
        return TN_STR("");
    }
    return from->op ? full : tn_py_canonical_name(r, full);
}

static tn_str first_part(tn_str dotted)
{
    return tn_str_sub(dotted, 0, tn_str_find(dotted, TN_STR("."), 0));
}

static void note_module(py_run *r, tn_str module)
{
    static const char cli[] = "argparse|click|typer|fire|absl|hydra|simple_parsing|jsonargparse|tyro|docopt|plac|optparse|gin|cyclopts|sacred";
    static const char config[] = "yaml|omegaconf|toml|tomllib|tomli|configparser|dotenv|ml_collections|pydantic_settings|hydra|ruamel|gin|decouple|dynaconf|environs|sacred";
    tn_str root = tn_str_sub(module, 0, tn_str_find(module, TN_STR("."), 0));
    if (tn_py_word_in(root, cli))
        r->flow.has_cli = true;
    if (tn_py_word_in(root, config) || tn_py_word_in(tn_py_last_part(module), "config|configs|settings|params|constants|hparams|cfg|conf"))
        r->flow.has_config = true;
    if (!tn_map_put(&r->modules, module, 0, NULL))
        r->failed = true;
}

static void bind_import(py_run *r, tn_str local, tn_str canonical)
{
    const pv *v = tn_pv_name(r, canonical);
    set(r, r->frame->scope, name_id(r, local), v);
    if (tn_str_starts(canonical, "transformers.HfArgumentParser"))
        r->flow.has_cli = true;
}

static void exec_import(py_run *r, const tn_py_node *n)
{
    for (const tn_py_node *a = n->x; a; a = a->next) {
        if (n->kind == TN_PY_IMPORT) {
            tn_str head = first_part(a->str);
            if (a->x)
                bind_import(r, a->x->str, tn_py_canonical_name(r, a->str));
            else
                bind_import(r, head, head);
            continue;
        }
        if (tn_str_is(a->str, "*")) {
            r->star_import = true;
            continue;
        }
        tn_str full = imported(r, n, a);
        if (tn_str_is(full, "sys.argv") || tn_str_is(full, "os.environ")) {
            r->flow.has_cli |= tn_str_is(full, "sys.argv");
            r->flow.has_config |= tn_str_is(full, "os.environ");
        }
        bind_import(r, a->x ? a->x->str : a->str, full);
    }
}

/* All imports of the file, also those that no run reaches: for flow->import and tn_py_canonical. */
static void collect_imports(py_run *r)
{
    for (const tn_py_node *n = r->flow.tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind == TN_PY_IMPORT)
            for (const tn_py_node *a = n->x; a; a = a->next)
                note_module(r, a->str);
        else if (n->kind == TN_PY_IMPORT_FROM && n->str.len)
            note_module(r, n->str);
    }
}

static int by_name(const void *a, const void *b)
{
    return tn_str_cmp(*(const tn_str *)a, *(const tn_str *)b);
}

static int by_alias(const void *a, const void *b)
{
    return tn_str_cmp(((const py_alias *)a)->name, ((const py_alias *)b)->name);
}

static void list_modules(py_run *r)
{
    size_t n = r->modules.len;
    tn_str *list = TN_ARENA_ARRAY(r->arena, tn_str, n);
    if (!list) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        list[i] = r->modules.entry[i].key;
    qsort(list, n, sizeof *list, by_name);
    r->flow.import = list;
    r->flow.n_imports = n;
}

static void list_aliases(py_run *r)
{
    size_t n = 0, room = 0;
    const tn_py_node *s, *a;
    for (s = r->flow.tree->body; s; s = tn_py_next(s, NULL))
        room += s->kind == TN_PY_IMPORT || s->kind == TN_PY_IMPORT_FROM ? tn_py_count(s->x) : 0;
    py_alias *list = TN_ARENA_ARRAY(r->arena, py_alias, room);
    if (!list) {
        r->failed = true;
        return;
    }
    for (s = r->flow.tree->body; s; s = tn_py_next(s, NULL)) {
        if (s->kind != TN_PY_IMPORT && s->kind != TN_PY_IMPORT_FROM)
            continue;
        for (a = s->x; a; a = a->next) {
            if (s->kind == TN_PY_IMPORT)
                list[n++] = a->x ? (py_alias){a->x->str, tn_py_canonical_name(r, a->str)} : (py_alias){first_part(a->str), first_part(a->str)};
            else
                list[n++] = (py_alias){a->x ? a->x->str : a->str, imported(r, s, a)};
        }
    }
    qsort(list, n, sizeof *list, by_alias);
    r->alias = list;
    r->n_aliases = n;
}

/* ---- expressions ---- */

static const pv *literal(py_run *r, const tn_py_node *n, tn_py_value_kind kind, tn_str text, double number, const char *type)
{
    pv *v = tn_pv_new(r, kind, n);
    v->v.literal = true;
    v->v.text = text;
    v->v.number = number;
    v->v.type = tn_str_of(type);
    return v;
}

static const pv *container(py_run *r, const tn_py_node *n, tn_py_value_kind kind, const char *type)
{
    size_t count = 0;
    pv *v = tn_pv_new(r, kind, n);
    v->v.literal = true;
    v->v.type = tn_str_of(type);
    v->v.object = tn_pv_object(r);
    TN_VEC(tn_py_item) items = {0};
    for (const tn_py_node *e = n->x; e && step(r); e = e->next) {
        tn_py_item item = {TN_STR(""), NULL};
        if (e->kind == TN_PY_PAIR && e->x) {
            const pv *key = eval(r, e->x);
            item.value = &eval(r, e->y)->v;
            if (key->v.kind != TN_PV_STRING) {
                v->v.open |= key->v.kind == TN_PV_UNKNOWN || key->v.kind == TN_PV_OUTSIDE;
                continue;
            }
            item.name = key->v.text;
        } else if (e->kind == TN_PY_PAIR || e->kind == TN_PY_STARRED) {
            const pv *inner = eval(r, e->kind == TN_PY_PAIR ? e->y : e->x);
            if (inner->v.open || (inner->v.n_items == 0 && inner->v.kind != TN_PV_DICT && inner->v.kind != TN_PV_LIST && inner->v.kind != TN_PV_TUPLE))
                v->v.open = true;
            for (size_t i = 0; i < inner->v.n_items; i++)
                if (!TN_PUSH(&items, inner->v.item[i]))
                    r->failed = true;
            continue;
        } else {
            item.value = &eval(r, e)->v;
        }
        if (!TN_PUSH(&items, item))
            r->failed = true;
    }
    count = items.len;
    tn_py_item *copy = TN_ARENA_ARRAY(r->arena, tn_py_item, count);
    if (copy && count)
        memcpy(copy, items.ptr, count * sizeof *copy);
    else if (!copy)
        r->failed = true;
    TN_VEC_FREE(&items);
    v->v.item = copy;
    v->v.n_items = copy ? count : 0;
    v->v.open |= r->flow.cut;
    return v;
}

static const pv *fold(py_run *r, const tn_py_node *n, const pv *a, const pv *b)
{
    if (a->v.kind == TN_PV_NUMBER && b->v.kind == TN_PV_NUMBER) {
        double x = a->v.number, y = b->v.number, v;
        switch (n->op) {
        case TN_PY_ADD: v = x + y; break;
        case TN_PY_SUB: v = x - y; break;
        case TN_PY_MUL: v = x * y; break;
        case TN_PY_DIV:
            if (y == 0)
                return tn_pv_unknown();
            v = x / y;
            break;
        default: return tn_pv_typed(r, TN_PV_UNKNOWN, "number", n);
        }
        return literal(r, n, TN_PV_NUMBER, TN_STR(""), v, "number");
    }
    if (a->v.kind == TN_PV_STRING && b->v.kind == TN_PV_STRING && n->op == TN_PY_ADD && a->v.text.len + b->v.text.len < 4096) {
        tn_str s = tn_str_format(r->arena, "%.*s%.*s", TN_ARG(a->v.text), TN_ARG(b->v.text));
        if (s.ptr)
            return literal(r, n, TN_PV_STRING, s, 0, "str");
    }
    if (a->v.kind == TN_PV_OUTSIDE || b->v.kind == TN_PV_OUTSIDE)
        return tn_pv_typed(r, TN_PV_OUTSIDE, "", n);
    const pv *rows = a->v.n_rows && !b->v.n_rows ? a : b->v.n_rows && !a->v.n_rows ? b : NULL;
    if (!rows)
        return tn_str_is(a->v.type, "str") ? tn_pv_typed(r, TN_PV_UNKNOWN, "str", n) : tn_pv_unknown();
    pv *v = tn_pv_new(r, TN_PV_UNKNOWN, n);
    tn_pv_take_rows(v, rows);
    return v;
}

static const pv *binary(py_run *r, const tn_py_node *n)
{
    /* a + b + c ... is a long left slope: walked in a loop */
    const tn_py_node *spine[64];
    size_t depth = 0;
    const tn_py_node *m = n;
    while (m->kind == TN_PY_BINARY && depth < TN_COUNT(spine)) {
        spine[depth++] = m;
        m = m->x;
    }
    const pv *v = eval(r, m);
    while (depth-- > 0)
        v = fold(r, spine[depth], v, eval(r, spine[depth]->y));
    return v;
}

static const pv *fstring(py_run *r, const tn_py_node *n)
{
    tn_buf b = TN_BUF_INIT;
    bool known = true, outside = false;
    b.max = 1 << 16;
    for (const tn_py_node *p = n->x; p; p = p->next) {
        if (p->kind == TN_PY_STRING) {
            tn_buf_str(&b, p->str);
            continue;
        }
        const pv *v = eval(r, p->x);
        outside |= v->v.kind == TN_PV_OUTSIDE;
        if (v->v.kind == TN_PV_STRING && !p->y && !p->op)
            tn_buf_str(&b, v->v.text);
        else if (v->v.kind == TN_PV_NUMBER && v->v.text.len && !p->y)
            tn_buf_str(&b, v->v.text);
        else
            known = false;
        if (p->y)
            for (const tn_py_node *f = p->y->x; f; f = f->next)
                if (f->kind == TN_PY_FORMAT)
                    eval(r, f->x);
    }
    tn_str s = known && !b.failed ? tn_str_dup(r->arena, tn_buf_view(&b)) : TN_STR("");
    tn_buf_free(&b);
    if (known && s.ptr && s.len)
        return literal(r, n, TN_PV_STRING, s, 0, "str");
    return tn_pv_typed(r, outside ? TN_PV_OUTSIDE : TN_PV_UNKNOWN, "str", n);
}

static uint32_t new_scope(py_run *r, uint32_t up)
{
    uint32_t scope = tn_pv_object(r);
    if (!r->failed)
        r->scope_up.ptr[scope - 1] = up;
    return scope;
}

static const pv *comprehension(py_run *r, const tn_py_node *n)
{
    const tn_py_node *loop = r->loop;
    const pv *first = NULL;
    py_frame frame = *r->frame;
    frame.scope = new_scope(r, r->frame->scope);
    py_frame *old = r->frame;
    r->n_loops++;
    r->loop = n;
    for (const tn_py_node *c = n->y; c; c = c->next) {
        const pv *iterated = eval(r, c->y);
        if (!first)
            first = iterated;
        r->frame = &frame;
        pv *element = tn_pv_new(r, iterated->v.kind == TN_PV_OUTSIDE ? TN_PV_OUTSIDE : TN_PV_UNKNOWN, c->y);
        tn_pv_take_rows(element, iterated);
        assign(r, c->x, element);
        for (const tn_py_node *t = c->z; t; t = t->next)
            eval(r, t);
        if (c->z && iterated->v.n_rows) { /* a filter */
            pv *less = tn_pv_new(r, TN_PV_UNKNOWN, c->y);
            tn_pv_set_rows(r, less, tn_rows_subset(r, iterated->v.rows[0], NULL, n));
            if (first == iterated)
                first = less;
            assign(r, c->x, less);
        }
    }
    r->frame = &frame;
    const pv *element = n->x->kind == TN_PY_PAIR ? (eval(r, n->x->x), eval(r, n->x->y)) : eval(r, n->x);
    r->frame = old;
    r->n_loops--;
    r->loop = loop;
    pv *v = tn_pv_new(r, n->kind == TN_PY_DICT_COMP ? TN_PV_DICT : n->kind == TN_PY_SET_COMP ? TN_PV_SET : TN_PV_LIST, n);
    v->v.type = n->kind == TN_PY_SET_COMP ? TN_STR("set") : n->kind == TN_PY_DICT_COMP ? TN_STR("dict") : TN_STR("list");
    v->v.open = true;
    v->v.object = tn_pv_object(r);
    tn_pv_take_rows(v, element->v.n_rows || !first ? element : first);
    return v;
}

static const pv *make_function(py_run *r, const tn_py_node *n)
{
    pv *f = tn_pv_new(r, TN_PV_FUNCTION, n);
    f->v.text = n->kind == TN_PY_LAMBDA ? TN_STR("lambda") : n->str;
    f->v.object = tn_pv_object(r);
    f->owner = r->frame->scope;
    return f;
}

static bool has_decorator(const tn_py_node *f, const char *names)
{
    for (const tn_py_node *d = f->kind == TN_PY_FUNCTION ? f->z : NULL; d; d = d->next) {
        const tn_py_node *e = d->kind == TN_PY_CALL ? d->x : d;
        if ((e->kind == TN_PY_NAME || e->kind == TN_PY_ATTRIBUTE) && tn_py_word_in(e->str, names))
            return true;
    }
    return false;
}

/* A function of a class, bound to its instance. */
static const pv *bind(py_run *r, const pv *f, const pv *self, const pv *cls)
{
    if (f->v.kind != TN_PV_FUNCTION || f->self)
        return f;
    pv *bound = tn_pv_copy(r, f);
    if (has_decorator(f->v.node, "staticmethod"))
        return f;
    bound->self = has_decorator(f->v.node, "classmethod") ? cls : self;
    return bound;
}

static const pv *class_attribute(py_run *r, const pv *cls, uint32_t id)
{
    for (int i = 0; cls && i < 16; i++, cls = cls->cls) {
        const pv *v = get(r, cls->owner, id);
        if (v)
            return v;
    }
    return NULL;
}

static const pv *attribute_of(py_run *r, const pv *base, const tn_py_node *n)
{
    tn_str name = n->str;
    uint32_t id;
    const pv *v;
    if (base->v.kind == TN_PV_NAME) {
        tn_str full = tn_str_format(r->arena, "%.*s.%.*s", TN_ARG(base->v.text), TN_ARG(name));
        if (!full.ptr) {
            r->failed = true;
            return tn_pv_unknown();
        }
        if (tn_str_is(full, "sys.argv") || tn_str_is(full, "os.environ") || tn_str_is(full, "wandb.config")) {
            r->flow.has_cli |= tn_str_is(full, "sys.argv");
            r->flow.has_config |= tn_str_is(full, "os.environ");
            return tn_pv_typed(r, TN_PV_OUTSIDE, "", n);
        }
        return tn_pv_name(r, tn_py_canonical_name(r, full));
    }
    id = name_id(r, name);
    if (base->v.object && (v = get(r, base->v.object, id)))
        return v;
    if (base->v.kind == TN_PV_CLASS)
        return (v = class_attribute(r, base, id)) ? bind(r, v, NULL, base) : tn_pv_unknown();
    if (base->cls && (v = class_attribute(r, base->cls, id))) {
        v = bind(r, v, base, base->cls);
        if (v->v.kind == TN_PV_FUNCTION && has_decorator(v->v.node, "property|cached_property"))
            return call_function(r, v, NULL, false);
        return v;
    }
    if ((v = tn_pv_of_attribute(r, base, name, n)))
        return v;
    pv *fresh = tn_pv_new(r, TN_PV_UNKNOWN, n);
    if (base->v.object) { /* the same attribute twice is the same object */
        fresh->v.object = tn_pv_object(r);
        set(r, base->v.object, id, fresh);
    }
    return fresh;
}

static uint32_t item_id(py_run *r, const pv *index)
{
    tn_str key = tn_str_format(r->arena, "[%.*s]", TN_ARG(index->v.text));
    if (!key.ptr) {
        r->failed = true;
        return 0;
    }
    return name_id(r, key);
}

static const pv *subscript(py_run *r, const tn_py_node *n)
{
    const pv *base = eval(r, n->x), *index = eval(r, n->y), *v;
    if (index->v.kind == TN_PV_STRING && base->v.object && (v = get(r, base->v.object, item_id(r, index))) && (v->v.n_rows || !base->v.n_rows))
        return v;
    if (base->v.kind == TN_PV_NAME) /* list[int], np.r_[...] */
        return tn_pv_unknown();
    return tn_pv_of_item(r, base, index, n);
}

/* ---- calls ---- */

static bool add_arg(tn_py_argument_value *list, size_t *n, size_t room, tn_str name, const tn_py_value *value, const tn_py_node *node, bool unpacked)
{
    if (*n == room)
        return false;
    list[(*n)++] = (tn_py_argument_value){name, value, node, unpacked};
    return true;
}

static void arguments(py_run *r, const tn_py_node *call, tn_py_event *e)
{
    enum { ROOM = 256 };
    tn_py_argument_value list[ROOM];
    size_t n = 0;
    for (const tn_py_node *a = call->y; a; a = a->next) {
        bool starred = a->kind == TN_PY_STARRED, keyword = a->kind == TN_PY_KEYWORD;
        const pv *v = eval(r, starred || keyword ? a->x : a);
        if (starred) {
            if ((v->v.kind != TN_PV_LIST && v->v.kind != TN_PV_TUPLE) || v->v.open)
                e->open_args = true;
            else
                for (size_t i = 0; i < v->v.n_items; i++)
                    e->open_args |= !add_arg(list, &n, ROOM, TN_STR(""), v->v.item[i].value, v->v.item[i].value->node ? v->v.item[i].value->node : a, true);
        } else if (keyword && !a->str.len) {
            if (v->v.kind != TN_PV_DICT || v->v.open)
                e->open_args = true;
            for (size_t i = 0; v->v.kind == TN_PV_DICT && i < v->v.n_items; i++)
                e->open_args |= !add_arg(list, &n, ROOM, v->v.item[i].name, v->v.item[i].value, v->v.item[i].value->node ? v->v.item[i].value->node : a, true);
        } else {
            e->open_args |= !add_arg(list, &n, ROOM, keyword ? a->str : TN_STR(""), &v->v, a, false);
        }
    }
    tn_py_argument_value *copy = TN_ARENA_ARRAY(r->arena, tn_py_argument_value, n);
    if (!copy) {
        r->failed = true;
        return;
    }
    if (n)
        memcpy(copy, list, n * sizeof *copy);
    e->arg = copy;
    e->n_args = n;
}

static const tn_py_node *function_around(const tn_py_node *n)
{
    for (n = n->parent; n && n->kind != TN_PY_FUNCTION; n = n->parent)
        ;
    return n;
}

static tn_py_event *new_event(py_run *r, const tn_py_node *n)
{
    tn_py_event *e = tn_arena_calloc(r->arena, sizeof *e);
    if (!e || r->events.len >= MAX_EVENTS) {
        r->failed |= !e;
        r->flow.cut = true;
        return NULL;
    }
    e->node = n;
    e->run = r->run;
    e->callee = e->name = TN_STR("");
    e->maybe = r->n_maybe > 0;
    e->in_loop = r->n_loops > 0;
    e->loop = r->loop;
    e->caller = r->caller;
    e->function = function_around(n);
    e->again = r->called[n->to] & 2;
    r->called[n->to] |= 2;
    return e;
}

static tn_str join_name(py_run *r, tn_str type, tn_str name)
{
    tn_str s = tn_str_format(r->arena, "%.*s.%.*s", TN_ARG(type), TN_ARG(name));
    if (!s.ptr)
        r->failed = true;
    return s.ptr ? s : TN_STR("");
}

static const char *type_of_kind(const pv *v)
{
    switch (v->v.kind) {
    case TN_PV_LIST: return "list";
    case TN_PV_TUPLE: return "tuple";
    case TN_PV_DICT: return "dict";
    case TN_PV_SET: return "set";
    case TN_PV_STRING: return "str";
    default: return "";
    }
}

/* Names the callee; returns the value that is called. */
static const pv *resolve_callee(py_run *r, const tn_py_node *f, tn_py_event *e)
{
    const pv *callee, *base = NULL;
    if (f->kind == TN_PY_ATTRIBUTE) {
        base = eval(r, f->x);
        e->name = f->str;
        if (f->x->kind == TN_PY_CALL && base->v.kind == TN_PV_NAME && tn_str_is(base->v.text, "super")) {
            e->callee = join_name(r, TN_STR(""), f->str);
            return tn_pv_unknown();
        }
        callee = attribute_of(r, base, f);
    } else {
        callee = eval(r, f);
        if (f->kind == TN_PY_NAME)
            e->name = f->str;
    }
    switch (callee->v.kind) {
    case TN_PV_NAME:
        e->callee = callee->v.text;
        e->name = tn_py_last_part(e->callee);
        return callee;
    case TN_PV_FUNCTION:
        e->callee = tn_str_format(r->arena, ":%.*s", TN_ARG(callee->v.text));
        if (callee->self)
            e->receiver = &callee->self->v;
        if (!e->name.len)
            e->name = callee->v.text;
        if (!e->callee.ptr)
            e->callee = TN_STR("");
        return callee;
    case TN_PV_CLASS:
        e->callee = callee->v.type;
        e->name = tn_py_last_part(e->callee);
        return callee;
    default: break;
    }
    if (base) {
        tn_str type = base->v.type.len ? base->v.type : tn_str_of(type_of_kind(base));
        e->receiver = &base->v;
        e->callee = join_name(r, type, f->str);
    } else if (callee->v.kind == TN_PV_RESULT || (callee->v.object && !(callee->v.kind == TN_PV_UNKNOWN && callee->v.text.len))) { /* an object, not a name that nobody bound */
        e->receiver = &callee->v;
        e->name = TN_STR("__call__");
        e->callee = callee->v.type.len ? join_name(r, callee->v.type, e->name) : TN_STR(".__call__");
    }
    return callee;
}

static void mark_called(py_run *r, const pv *f)
{
    r->called[f->v.node->from] |= 1;
}

/* Functions that are handed to a library are called by it, in a loop perhaps. */
static void call_arguments(py_run *r, tn_py_event *e)
{
    for (size_t i = 0; i < e->n_args; i++) {
        const pv *f = (const pv *)e->arg[i].value;
        if (f->v.kind == TN_PV_FUNCTION) {
            r->n_loops++;
            call_function(r, f, e, true);
            r->n_loops--;
        }
    }
}

static const pv *instantiate(py_run *r, const pv *cls, tn_py_event *e)
{
    pv *self = (pv *)tn_pv_of_call(r, e, cls);
    const pv *init = class_attribute(r, cls, name_id(r, TN_STR("__init__")));
    mark_called(r, cls);
    if (init && init->v.kind == TN_PV_FUNCTION) {
        call_function(r, bind(r, init, self, cls), e, false);
    } else { /* a dataclass and its like */
        for (size_t i = 0; i < e->n_args && self->v.object; i++)
            if (e->arg[i].name.len)
                set(r, self->v.object, name_id(r, e->arg[i].name), (const pv *)e->arg[i].value);
    }
    return self;
}

/* list.append and its like change the object behind a name: the name gets a new value. */
static void change_container(py_run *r, const tn_py_node *f, const tn_py_event *e)
{
    const pv *self = (const pv *)e->receiver;
    if (!self || f->kind != TN_PY_ATTRIBUTE || (f->x->kind != TN_PY_NAME && f->x->kind != TN_PY_ATTRIBUTE))
        return;
    bool list = self->v.kind == TN_PV_LIST && tn_py_named(e, "append|extend|insert|remove|pop|clear");
    bool dict = self->v.kind == TN_PV_DICT && tn_py_named(e, "update|pop|setdefault|clear");
    if (!list && !dict)
        return;
    pv *v = tn_pv_copy(r, self);
    const pv *arg = e->n_args ? (const pv *)e->arg[0].value : NULL;
    if (dict && tn_py_named(e, "update")) {
        size_t n = self->v.n_items, more = arg && arg->v.kind == TN_PV_DICT ? arg->v.n_items : 0;
        tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, n + more + e->n_args);
        if (!item) {
            r->failed = true;
            return;
        }
        if (n)
            memcpy(item, self->v.item, n * sizeof *item);
        for (size_t i = 0; i < more; i++)
            item[n++] = arg->v.item[i];
        for (size_t i = 0; i < e->n_args; i++)
            if (e->arg[i].name.len)
                item[n++] = (tn_py_item){e->arg[i].name, e->arg[i].value};
        v->v.item = item;
        v->v.n_items = n;
        v->v.open |= e->open_args || (arg && arg->v.kind != TN_PV_DICT && !e->arg[0].name.len) || (arg && arg->v.open);
    } else if (list && tn_py_named(e, "append") && !r->n_loops && self->v.n_items < 64) {
        tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, self->v.n_items + 1);
        if (!item || !arg) {
            r->failed |= !item;
            return;
        }
        if (self->v.n_items)
            memcpy(item, self->v.item, self->v.n_items * sizeof *item);
        item[self->v.n_items] = (tn_py_item){TN_STR(""), &arg->v};
        v->v.item = item;
        v->v.n_items++;
    } else {
        v->v.open = true;
        if (tn_py_named(e, "append|extend") && arg && arg->v.n_rows && !v->v.n_rows)
            tn_pv_take_rows(v, arg);
    }
    assign(r, f->x, v);
}

static const pv *call(py_run *r, const tn_py_node *n)
{
    tn_py_event *e = new_event(r, n);
    const pv *v;
    if (!e)
        return tn_pv_unknown();
    const pv *callee = resolve_callee(r, n->x, e);
    arguments(r, n, e);
    if (r->failed)
        return tn_pv_unknown();
    e->index = (uint32_t)r->events.len;
    if (!TN_PUSH(&r->events, e)) {
        r->failed = true;
        return tn_pv_unknown();
    }
    if (callee->v.kind == TN_PV_FUNCTION) {
        v = call_function(r, callee, e, false);
    } else {
        if (callee->v.kind == TN_PV_CLASS)
            v = instantiate(r, callee, e);
        else
            v = tn_pv_of_call(r, e, callee);
        call_arguments(r, e);
        change_container(r, n->x, e);
    }
    e->result = &v->v;
    return v;
}

static const pv *eval_bool(py_run *r, const tn_py_node *n)
{
    bool outside = false;
    const pv *v = NULL;
    for (const tn_py_node *e = n->x; e; e = e->next) {
        v = eval(r, e);
        outside |= v->v.kind == TN_PV_OUTSIDE;
    }
    return outside ? tn_pv_typed(r, TN_PV_OUTSIDE, "", n) : tn_pv_unknown();
}

static void eval_all(py_run *r, const tn_py_node *n)
{
    for (; n; n = n->next)
        eval(r, n->kind == TN_PY_COMPARATOR || n->kind == TN_PY_STARRED || n->kind == TN_PY_KEYWORD ? n->x : n);
}

/* Conditions that the text itself decides. */
static int decided(const tn_py_node *test)
{
    if (test->kind == TN_PY_TRUE)
        return 1;
    if (test->kind == TN_PY_FALSE)
        return 0;
    if (test->kind == TN_PY_NUMBER)
        return tn_str_is(test->str, "0") ? 0 : 1;
    if (test->kind == TN_PY_COMPARE && test->y && !test->y->next && test->x->kind == TN_PY_NAME && tn_str_is(test->x->str, "__name__") && test->y->x->kind == TN_PY_STRING)
        return tn_str_is(test->y->x->str, "__main__") == (test->y->op == TN_PY_EQ);
    if ((test->kind == TN_PY_NAME || test->kind == TN_PY_ATTRIBUTE) && tn_str_is(test->str, "TYPE_CHECKING"))
        return 0;
    return -1;
}

static const pv *eval(py_run *r, const tn_py_node *n)
{
    double number;
    const pv *a, *b;
    if (!step(r))
        return tn_pv_unknown();
    switch (n->kind) {
    case TN_PY_NAME: return lookup(r, n->str, n);
    case TN_PY_NUMBER: return literal(r, n, tn_py_f64(n, &number) ? TN_PV_NUMBER : TN_PV_UNKNOWN, n->str, tn_py_f64(n, &number) ? number : 0, "number");
    case TN_PY_STRING: return literal(r, n, n->flags & TN_PY_BYTES ? TN_PV_UNKNOWN : TN_PV_STRING, n->str, 0, n->flags & TN_PY_BYTES ? "bytes" : "str");
    case TN_PY_NONE: return literal(r, n, TN_PV_NONE, TN_STR(""), 0, "None");
    case TN_PY_TRUE: return literal(r, n, TN_PV_BOOL, TN_STR("True"), 1, "bool");
    case TN_PY_FALSE: return literal(r, n, TN_PV_BOOL, TN_STR("False"), 0, "bool");
    case TN_PY_FSTRING: return fstring(r, n);
    case TN_PY_TUPLE: return container(r, n, TN_PV_TUPLE, "tuple");
    case TN_PY_LIST: return container(r, n, TN_PV_LIST, "list");
    case TN_PY_SET: return container(r, n, TN_PV_SET, "set");
    case TN_PY_DICT: return container(r, n, TN_PV_DICT, "dict");
    case TN_PY_ATTRIBUTE: return attribute_of(r, eval(r, n->x), n);
    case TN_PY_SUBSCRIPT: return subscript(r, n);
    case TN_PY_CALL: return call(r, n);
    case TN_PY_BINARY: return binary(r, n);
    case TN_PY_UNARY:
        a = eval(r, n->x);
        if (n->op == TN_PY_MINUS && a->v.kind == TN_PV_NUMBER)
            return literal(r, n, TN_PV_NUMBER, TN_STR(""), -a->v.number, "number");
        return tn_pv_unknown();
    case TN_PY_BOOL: return eval_bool(r, n);
    case TN_PY_COMPARE:
        a = eval(r, n->x);
        eval_all(r, n->y);
        if (a->v.n_rows) { /* a mask */
            pv *v = tn_pv_new(r, TN_PV_UNKNOWN, n);
            tn_pv_take_rows(v, a);
            return v;
        }
        return tn_pv_unknown();
    case TN_PY_TERNARY:
        eval(r, n->y);
        a = eval(r, n->x);
        b = eval(r, n->z);
        return tn_pv_join(r, a, b);
    case TN_PY_LAMBDA: return make_function(r, n);
    case TN_PY_WALRUS:
        a = eval(r, n->y);
        assign(r, n->x, a);
        return a;
    case TN_PY_LIST_COMP: case TN_PY_SET_COMP: case TN_PY_DICT_COMP: case TN_PY_GENERATOR: return comprehension(r, n);
    case TN_PY_AWAIT: case TN_PY_STARRED: return eval(r, n->x);
    case TN_PY_YIELD: case TN_PY_YIELD_FROM:
        a = n->x ? eval(r, n->x) : tn_pv_unknown();
        r->frame->result = r->frame->result ? tn_pv_join(r, r->frame->result, a) : a;
        return tn_pv_unknown();
    case TN_PY_SLICE:
        if (n->x)
            eval(r, n->x);
        if (n->y)
            eval(r, n->y);
        if (n->z)
            eval(r, n->z);
        return tn_pv_unknown();
    default: return tn_pv_unknown();
    }
}

/* ---- assignment ---- */

static void unpack(py_run *r, const tn_py_node *targets, const pv *value)
{
    size_t n = tn_py_count(targets), star = SIZE_MAX, i = 0;
    for (const tn_py_node *t = targets; t; t = t->next, i++)
        if (t->kind == TN_PY_STARRED)
            star = i;
    bool exact = (value->v.kind == TN_PV_TUPLE || value->v.kind == TN_PV_LIST) && !value->v.open && star == SIZE_MAX && value->v.n_items == n;
    i = 0;
    for (const tn_py_node *t = targets; t; t = t->next, i++) {
        const pv *item;
        if (exact) {
            item = (const pv *)value->v.item[i].value;
        } else {
            pv *part = tn_pv_new(r, value->v.kind == TN_PV_OUTSIDE ? TN_PV_OUTSIDE : TN_PV_UNKNOWN, t);
            part->v.object = tn_pv_object(r);
            tn_pv_take_rows(part, value);
            item = part;
        }
        assign(r, t->kind == TN_PY_STARRED ? t->x : t, item);
    }
}

static void assign_item(py_run *r, const tn_py_node *target, const pv *value)
{
    const pv *base = eval(r, target->x), *index = eval(r, target->y);
    if (index->v.kind == TN_PV_STRING && base->v.kind == TN_PV_DICT) {
        pv *v = tn_pv_copy(r, base);
        tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, base->v.n_items + 1);
        if (!item) {
            r->failed = true;
            return;
        }
        if (base->v.n_items)
            memcpy(item, base->v.item, base->v.n_items * sizeof *item);
        item[base->v.n_items] = (tn_py_item){index->v.text, &value->v};
        v->v.item = item;
        v->v.n_items++;
        if (base->v.n_items < 1000 && (target->x->kind == TN_PY_NAME || target->x->kind == TN_PY_ATTRIBUTE))
            assign(r, target->x, v);
        return;
    }
    if (index->v.kind == TN_PV_STRING && base->v.object) {
        set(r, base->v.object, item_id(r, index), value);
        return;
    }
    if (base->v.kind == TN_PV_DICT || base->v.kind == TN_PV_LIST) {
        pv *v = tn_pv_copy(r, base);
        v->v.open = true;
        if (target->x->kind == TN_PY_NAME)
            assign(r, target->x, v);
    }
}

static void assign(py_run *r, const tn_py_node *target, const pv *value)
{
    uint32_t id;
    if (!step(r))
        return;
    switch (target->kind) {
    case TN_PY_NAME:
        id = name_id(r, target->str);
        set(r, scope_of_assignment(r, id), id, value);
        break;
    case TN_PY_ATTRIBUTE: {
        const pv *base = eval(r, target->x);
        uint32_t owner = base->v.kind == TN_PV_CLASS ? base->owner : base->v.object;
        if (owner)
            set(r, owner, name_id(r, target->str), value);
        break;
    }
    case TN_PY_SUBSCRIPT: assign_item(r, target, value); break;
    case TN_PY_TUPLE: case TN_PY_LIST: unpack(r, target->x, value); break;
    case TN_PY_STARRED: assign(r, target->x, value); break;
    default: break;
    }
}

/* ---- functions of the file ---- */

/* A parameter that the call did not give. */
static const pv *missing(py_run *r, const pv *f, const tn_py_node *param, const tn_py_event *e, bool by_library)
{
    bool called = e && !by_library;
    if (called && param->y && !e->open_args && !has_decorator(f->v.node, "command|main|hydra_main|option|argument|argbind|group"))
        return eval(r, param->y);
    pv *v = tn_pv_new(r, called && f->v.node->z ? TN_PV_OUTSIDE : TN_PV_PARAM, param);
    v->v.text = param->str;
    if (!called || !e->open_args)
        v->v.object = tn_pv_object(r);
    return v;
}

static void bind_parameters(py_run *r, const pv *f, const tn_py_event *e, bool by_library, uint32_t scope)
{
    const tn_py_node *p = f->v.node->x;
    size_t position = 0;
    bool used[256] = {false};
    if (f->self && p && p->op != TN_PY_SLASH) {
        set(r, scope, name_id(r, p->str), f->self);
        p = p->next;
    }
    bool given = e && !by_library;
    for (; p; p = p->next) {
        const pv *v = NULL;
        if (p->op == TN_PY_SLASH || p->op == TN_PY_BARE_STAR)
            continue;
        if (p->op == TN_PY_ARGS || p->op == TN_PY_KWARGS) {
            pv *rest = tn_pv_new(r, p->op == TN_PY_ARGS ? TN_PV_TUPLE : TN_PV_DICT, p);
            size_t n = 0;
            tn_py_item *item = TN_ARENA_ARRAY(r->arena, tn_py_item, given ? e->n_args : 0);
            if (!item) {
                r->failed = true;
                return;
            }
            for (size_t i = 0; given && i < e->n_args && i < TN_COUNT(used); i++)
                if (!used[i] && (e->arg[i].name.len > 0) == (p->op == TN_PY_KWARGS)) {
                    item[n++] = (tn_py_item){e->arg[i].name, e->arg[i].value};
                    used[i] = true;
                }
            rest->v.item = item;
            rest->v.n_items = n;
            rest->v.open = !given || e->open_args;
            rest->v.object = tn_pv_object(r);
            v = rest;
        } else if (given) {
            size_t at = 0;
            for (size_t i = 0; i < e->n_args && !v && i < TN_COUNT(used); i++) {
                bool named = e->arg[i].name.len > 0;
                if (named ? tn_str_eq(e->arg[i].name, p->str) : (!(p->flags & TN_PY_KEYWORD_ONLY) && at++ == position)) {
                    v = (const pv *)e->arg[i].value;
                    used[i] = true;
                    position += !named;
                }
            }
        } else if (by_library && e && e->receiver && tn_py_named(e, "map|filter|apply") && p == f->v.node->x) {
            pv *batch = tn_pv_new(r, TN_PV_PARAM, p); /* ds.map(f): f sees the rows of ds */
            tn_pv_take_rows(batch, (const pv *)e->receiver);
            v = batch;
        }
        set(r, scope, name_id(r, p->str), v ? v : missing(r, f, p, e, by_library));
    }
}

static const pv *call_function(py_run *r, const pv *f, tn_py_event *e, bool by_library)
{
    const tn_py_node *n = f->v.node;
    for (const py_frame *up = r->frame; up; up = up->up)
        if (up->function == n)
            return tn_pv_unknown();
    if (r->depth >= MAX_CALLS) {
        r->flow.cut = true;
        return tn_pv_unknown();
    }
    mark_called(r, f);
    py_frame frame = {.function = n, .scope = new_scope(r, f->owner), .up = r->frame};
    bind_parameters(r, f, e, by_library, frame.scope);
    if (r->failed)
        return tn_pv_unknown();
    const tn_py_event *caller = r->caller;
    const tn_py_node *loop = r->loop;
    py_frame *old = r->frame;
    r->frame = &frame;
    if (e)
        r->caller = e;
    r->loop = NULL;
    r->depth++;
    const pv *v;
    if (n->kind == TN_PY_LAMBDA) {
        v = eval(r, n->y);
    } else {
        exec_list(r, n->body);
        v = frame.result ? frame.result : literal(r, n, TN_PV_NONE, TN_STR(""), 0, "None");
    }
    r->depth--;
    r->loop = loop;
    r->caller = caller;
    r->frame = old;
    return v;
}

/* ---- statements ---- */

static outcome run_list(py_run *r, const void *what)
{
    return exec_list(r, what);
}

static outcome exec_if(py_run *r, const tn_py_node *n)
{
    int known = decided(n->x);
    if (known < 0)
        eval(r, n->x);
    if (known == 1)
        return exec_list(r, n->body);
    if (known == 0)
        return exec_list(r, n->z);
    return either(r, run_list, n->body, n->z ? run_list : NULL, n->z);
}

/* What the loop itself assigns is not what it was before, from the second round on: literals are forgotten. */
static void forget_assigned(py_run *r, const tn_py_node *loop)
{
    for (const tn_py_node *n = tn_py_next(loop, loop); n; n = tn_py_next(n, loop)) {
        const tn_py_node *t = n->kind == TN_PY_ASSIGN || n->kind == TN_PY_AUG_ASSIGN ? n->x : NULL;
        for (; t; t = n->kind == TN_PY_ASSIGN ? t->next : NULL) {
            if (t->kind != TN_PY_NAME || !step(r))
                continue;
            uint32_t id = name_id(r, t->str);
            const pv *v = get(r, r->frame->scope, id);
            if (v && (v->v.kind == TN_PV_NUMBER || v->v.kind == TN_PV_STRING || v->v.kind == TN_PV_BOOL || v->v.kind == TN_PV_NONE))
                set(r, r->frame->scope, id, tn_pv_typed(r, TN_PV_UNKNOWN, "", t));
        }
    }
}

static const pv *element_of(py_run *r, const pv *iterated, const tn_py_node *node)
{
    if ((iterated->v.kind == TN_PV_LIST || iterated->v.kind == TN_PV_TUPLE) && !iterated->v.open && iterated->v.n_items == 1)
        return (const pv *)iterated->v.item[0].value;
    pv *v = tn_pv_new(r, iterated->v.kind == TN_PV_OUTSIDE ? TN_PV_OUTSIDE : TN_PV_UNKNOWN, node);
    tn_pv_take_rows(v, iterated);
    return v;
}

static outcome exec_loop(py_run *r, const tn_py_node *n)
{
    const tn_py_node *old = r->loop;
    const pv *iterated = n->kind == TN_PY_FOR ? eval(r, n->y) : NULL;
    forget_assigned(r, n);
    r->loop = n;
    r->n_loops++;
    if (iterated)
        assign(r, n->x, element_of(r, iterated, n->y));
    else
        eval(r, n->x);
    outcome o = exec_list(r, n->body);
    r->n_loops--;
    r->loop = old;
    if (n->z)
        exec_list(r, n->z);
    return o == LEAVES_FUNCTION && n->kind == TN_PY_WHILE && decided(n->x) == 1 ? LEAVES_FUNCTION : GOES_ON;
}

static outcome exec_with(py_run *r, const tn_py_node *n)
{
    for (const tn_py_node *i = n->x; i; i = i->next) {
        const pv *v = eval(r, i->x);
        if (i->y)
            assign(r, i->y, v);
    }
    return exec_list(r, n->body);
}

static outcome exec_handlers(py_run *r, const void *what)
{
    outcome o = GOES_ON;
    for (const tn_py_node *h = what; h; h = h->next)
        o = exec_list(r, h->body);
    return o;
}

static outcome exec_try(py_run *r, const tn_py_node *n)
{
    outcome o = exec_list(r, n->body), f;
    if (n->y && o == GOES_ON)
        o = exec_list(r, n->y);
    if (n->x) /* the handlers may run, or not */
        either(r, exec_handlers, n->x, NULL, NULL);
    f = exec_list(r, n->z);
    return f != GOES_ON ? f : n->x ? GOES_ON : o;
}

static outcome exec_match(py_run *r, const tn_py_node *n)
{
    eval(r, n->x);
    for (const tn_py_node *c = n->body; c; c = c->next) {
        if (c->y)
            eval(r, c->y);
        either(r, run_list, c->body, NULL, NULL);
    }
    return GOES_ON;
}

static void remember(py_run *r, const pv *v)
{
    if (!TN_PUSH(&r->defined, v))
        r->failed = true;
}

static void exec_function(py_run *r, const tn_py_node *n)
{
    const pv *f = make_function(r, n);
    for (const tn_py_node *d = n->z; d; d = d->next)
        if (d->kind == TN_PY_CALL)
            eval(r, d);
    for (const tn_py_node *p = n->x; p; p = p->next)
        if (p->y && p->y->kind == TN_PY_CALL)
            eval(r, p->y);
    remember(r, f);
    set(r, scope_of_assignment(r, name_id(r, n->str)), name_id(r, n->str), f);
}

static void exec_class(py_run *r, const tn_py_node *n)
{
    pv *cls = tn_pv_new(r, TN_PV_CLASS, n);
    cls->v.text = n->str;
    cls->v.object = 0;
    for (const tn_py_node *b = n->x; b; b = b->next) {
        const pv *base = eval(r, b->kind == TN_PY_KEYWORD || b->kind == TN_PY_STARRED ? b->x : b);
        if (b->kind == TN_PY_KEYWORD || cls->v.type.len)
            continue;
        if (base->v.kind == TN_PV_NAME && !tn_str_is(base->v.text, "object"))
            cls->v.type = base->v.text;
        else if (base->v.kind == TN_PV_CLASS) {
            cls->v.type = base->v.type;
            cls->cls = base;
        }
    }
    if (!cls->v.type.len)
        cls->v.type = tn_str_format(r->arena, ":%.*s", TN_ARG(n->str));
    if (!cls->v.type.ptr) {
        r->failed = true;
        return;
    }
    cls->owner = new_scope(r, r->frame->scope);
    py_frame frame = *r->frame, *old = r->frame;
    frame.scope = cls->owner;
    r->frame = &frame;
    exec_list(r, n->body);
    r->frame = old;
    /* methods see the names around the class, not those of its body */
    for (size_t i = r->defined.len; i > 0; i--) {
        pv *f = (pv *)r->defined.ptr[i - 1];
        if (f->v.node->parent != n)
            break;
        if (f->v.kind == TN_PV_FUNCTION) {
            f->owner = r->frame->scope;
            f->cls = cls;
        }
    }
    remember(r, cls);
    set(r, r->frame->scope, name_id(r, n->str), cls);
}

static void exec_global(py_run *r, const tn_py_node *n)
{
    for (const tn_py_node *name = n->x; name; name = name->next) {
        uint32_t id = name_id(r, name->str), target = SCOPE_FILE;
        if (n->kind == TN_PY_NONLOCAL)
            for (uint32_t s = r->scope_up.ptr[r->frame->scope - 1]; s > SCOPE_FILE; s = r->scope_up.ptr[s - 1])
                if (find_slot(r, s, id)) {
                    target = s;
                    break;
                }
        pv *alias = tn_pv_new(r, TN_PV_UNKNOWN, name);
        alias->owner = target;
        r->any_global = true;
        set(r, r->frame->scope, id | 0x80000000u, alias);
    }
}

static bool ends_program(const tn_py_node *n)
{
    return n->kind == TN_PY_CALL && ((n->x->kind == TN_PY_NAME && tn_py_word_in(n->x->str, "exit|quit")) ||
                                     (n->x->kind == TN_PY_ATTRIBUTE && n->x->x->kind == TN_PY_NAME && tn_str_is(n->x->x->str, "sys") && tn_str_is(n->x->str, "exit")));
}

static outcome exec(py_run *r, const tn_py_node *n)
{
    const pv *v;
    if (!step(r))
        return LEAVES_FUNCTION;
    switch (n->kind) {
    case TN_PY_EXPR:
        eval(r, n->x);
        return ends_program(n->x) ? LEAVES_FUNCTION : GOES_ON;
    case TN_PY_ASSIGN:
        v = eval(r, n->y);
        for (const tn_py_node *t = n->x; t; t = t->next)
            assign(r, t, v);
        return GOES_ON;
    case TN_PY_AUG_ASSIGN: {
        v = eval(r, n->y);
        const pv *old = eval(r, n->x);
        assign(r, n->x, r->n_loops ? tn_pv_typed(r, TN_PV_UNKNOWN, "", n) : fold(r, n, old, v));
        return GOES_ON;
    }
    case TN_PY_ANN_ASSIGN:
        if (n->z)
            assign(r, n->x, eval(r, n->z));
        return GOES_ON;
    case TN_PY_RETURN:
        v = n->x ? eval(r, n->x) : literal(r, n, TN_PV_NONE, TN_STR(""), 0, "None");
        r->frame->result = r->frame->result ? tn_pv_join(r, r->frame->result, v) : v;
        return LEAVES_FUNCTION;
    case TN_PY_RAISE:
        if (n->x)
            eval(r, n->x);
        return LEAVES_FUNCTION;
    case TN_PY_ASSERT:
        eval(r, n->x);
        return GOES_ON;
    case TN_PY_BREAK: case TN_PY_CONTINUE: return LEAVES_LOOP;
    case TN_PY_GLOBAL: case TN_PY_NONLOCAL: exec_global(r, n); return GOES_ON;
    case TN_PY_IMPORT: case TN_PY_IMPORT_FROM: exec_import(r, n); return GOES_ON;
    case TN_PY_IF: return exec_if(r, n);
    case TN_PY_FOR: case TN_PY_WHILE: return exec_loop(r, n);
    case TN_PY_WITH: return exec_with(r, n);
    case TN_PY_TRY: return exec_try(r, n);
    case TN_PY_MATCH: return exec_match(r, n);
    case TN_PY_FUNCTION: exec_function(r, n); return GOES_ON;
    case TN_PY_CLASS: exec_class(r, n); return GOES_ON;
    case TN_PY_ERROR: return exec_list(r, n->body);
    default: return GOES_ON;
    }
}

static outcome exec_list(py_run *r, const tn_py_node *n)
{
    for (; n; n = n->next) {
        outcome o = exec(r, n);
        if (o != GOES_ON)
            return o;
    }
    return GOES_ON;
}

/* ---- the whole ---- */

/* Functions and methods that nothing called, each on its own, with what the file has left behind. */
static void run_uncalled(py_run *r)
{
    for (size_t i = 0; i < r->defined.len && !r->failed && !r->flow.cut; i++) {
        const pv *f = r->defined.ptr[i];
        if (f->v.kind != TN_PV_FUNCTION || r->called[f->v.node->from] & 1)
            continue;
        r->run++;
        r->frame = &(py_frame){.scope = SCOPE_FILE};
        if (f->cls) {
            pv *self = tn_pv_new(r, TN_PV_RESULT, f->v.node);
            const pv *init = class_attribute(r, f->cls, name_id(r, TN_STR("__init__")));
            self->v.type = f->cls->v.type;
            self->v.object = tn_pv_object(r);
            self->cls = f->cls;
            if (init && init->v.kind == TN_PV_FUNCTION && !(r->called[init->v.node->from] & 1))
                call_function(r, bind(r, init, self, f->cls), NULL, true);
            if (r->called[f->v.node->from] & 1)
                continue;
            call_function(r, bind(r, f, self, f->cls), NULL, true);
        } else {
            call_function(r, f, NULL, true);
        }
    }
}

tn_status tn_py_follow(const tn_py_tree *tree, tn_arena *a, const tn_py_flow **out, tn_err *err)
{
    py_run *r = tn_arena_calloc(a, sizeof *r);
    py_frame frame = {.scope = SCOPE_FILE};
    if (!r)
        return tn_fail_nomem(err, sizeof *r);
    r->arena = a;
    r->flow.tree = tree;
    r->max_steps = tree->n_nodes * 8 + 20000;
    if (r->max_steps > 2000000)
        r->max_steps = 2000000;
    r->called = tn_arena_calloc(a, tree->text.len + 1);
    if (!r->called)
        return tn_fail_nomem(err, tree->text.len);
    tn_pv_object(r); /* SCOPE_FILE */
    collect_imports(r);
    if (!r->failed) {
        list_modules(r);
        list_aliases(r);
    }
    if (!r->failed) {
        r->frame = &frame;
        exec_list(r, tree->body);
        run_uncalled(r);
    }
    r->frame = NULL;
    r->flow.n_runs = r->run + 1;
    tn_py_event **events = TN_ARENA_ARRAY(a, tn_py_event *, r->events.len);
    if (events && r->events.len)
        memcpy(events, r->events.ptr, r->events.len * sizeof *events);
    r->flow.event = (const tn_py_event *const *)events;
    r->flow.n_events = r->events.len;
    tn_map_free(&r->names);
    tn_map_free(&r->slots);
    tn_map_free(&r->sources);
    TN_VEC_FREE(&r->slot);
    TN_VEC_FREE(&r->log);
    TN_VEC_FREE(&r->scope_up);
    TN_VEC_FREE(&r->events);
    TN_VEC_FREE(&r->defined);
    tn_map_free(&r->modules);
    if (r->failed || !events)
        return tn_fail_nomem(err, 0);
    *out = &r->flow;
    return TN_OK;
}
