/* Values, rows and the questions that rules ask about them.
 *
 * Rows are interned: one pointer for one origin. A SOURCE is found by a key (its loader and literal arguments), a SPLIT or
 * PART by its parent and name or number, so that the same data reached in two ways compares equal by pointer. A SUBSET is
 * always new: two choices out of the same rows may be equal, apart or neither. */
#include <stdio.h>
#include <string.h>

#include "check/py_run.h"

/* ---- making ---- */

pv *tn_pv_new(py_run *r, tn_py_value_kind kind, const tn_py_node *node)
{
    static pv spare; /* when memory is out: written and never read */
    pv *v = tn_arena_calloc(r->arena, sizeof *v);
    if (!v) {
        r->failed = true;
        v = &spare;
        memset(v, 0, sizeof *v);
    }
    v->v.kind = kind;
    v->v.node = node;
    v->v.text = v->v.type = TN_STR("");
    return v;
}

const pv *tn_pv_unknown(void)
{
    static const pv unknown = {.v = {.kind = TN_PV_UNKNOWN, .text = {"", 0}, .type = {"", 0}}};
    return &unknown;
}

const pv *tn_pv_typed(py_run *r, tn_py_value_kind kind, const char *type, const tn_py_node *node)
{
    pv *v = tn_pv_new(r, kind, node);
    v->v.type = tn_str_of(type);
    return v;
}

const pv *tn_pv_name(py_run *r, tn_str text)
{
    pv *v = tn_pv_new(r, TN_PV_NAME, NULL);
    v->v.text = text;
    return v;
}

uint32_t tn_pv_object(py_run *r)
{
    if (!TN_PUSH(&r->scope_up, 0))
        r->failed = true;
    return (uint32_t)r->scope_up.len;
}

pv *tn_pv_copy(py_run *r, const pv *v)
{
    pv *c = tn_pv_new(r, v->v.kind, v->v.node);
    *c = *v;
    return c;
}

void tn_pv_set_rows(py_run *r, pv *v, const tn_py_rows *rows)
{
    v->v.rows = NULL;
    v->v.n_rows = 0;
    if (!rows)
        return;
    const tn_py_rows **list = TN_ARENA_ARRAY(r->arena, const tn_py_rows *, 1);
    if (!list) {
        r->failed = true;
        return;
    }
    list[0] = rows;
    v->v.rows = list;
    v->v.n_rows = 1;
}

void tn_pv_take_rows(pv *v, const pv *from)
{
    v->v.rows = from->v.rows;
    v->v.n_rows = from->v.n_rows;
}

const tn_py_rows *tn_pv_one_rows(const pv *v)
{
    return v && v->v.n_rows == 1 ? v->v.rows[0] : NULL;
}

static bool same_rows(const pv *a, const pv *b)
{
    if (a->v.n_rows != b->v.n_rows)
        return false;
    for (size_t i = 0; i < a->v.n_rows; i++)
        if (a->v.rows[i] != b->v.rows[i])
            return false;
    return true;
}

static bool is_literal(const pv *v)
{
    return v->v.kind == TN_PV_BOOL || v->v.kind == TN_PV_NUMBER || v->v.kind == TN_PV_STRING;
}

/* What a name is worth after two branches. Nothing that the two do not share is kept, with one exception: None in one of
 * them means "not set there", so what the other one set is what will be used. */
const pv *tn_pv_join(py_run *r, const pv *a, const pv *b)
{
    if (a == b || !b)
        return a;
    if (!a)
        return b;
    if (a->v.kind == TN_PV_NONE && (b->v.kind == TN_PV_RESULT || b->v.n_rows))
        return b;
    if (b->v.kind == TN_PV_NONE && (a->v.kind == TN_PV_RESULT || a->v.n_rows))
        return a;
    if (a->v.kind == b->v.kind && is_literal(a) && a->v.number == b->v.number && tn_str_eq(a->v.text, b->v.text))
        return a;
    if (a->v.kind == TN_PV_NONE && b->v.kind == TN_PV_NONE)
        return a;
    if (a->v.kind == TN_PV_NAME && b->v.kind == TN_PV_NAME && tn_str_eq(a->v.text, b->v.text))
        return a;
    pv *v = tn_pv_new(r, a->v.kind == TN_PV_OUTSIDE && b->v.kind == TN_PV_OUTSIDE ? TN_PV_OUTSIDE : TN_PV_UNKNOWN, NULL);
    if (tn_str_eq(a->v.type, b->v.type))
        v->v.type = a->v.type;
    if (a->v.object && a->v.object == b->v.object)
        v->v.object = a->v.object;
    if (a->cls == b->cls)
        v->cls = a->cls;
    if (same_rows(a, b))
        tn_pv_take_rows(v, a);
    return v;
}

/* ---- rows ---- */

/* A bit for the word's length and last letter. */
static uint64_t word_bit(const char *w, size_t n)
{
    return n ? (uint64_t)1 << ((n * 7 + (unsigned char)w[n - 1]) & 63) : 1;
}

/* Rules ask for hundreds of lists at each call, nearly always in vain. So each thread keeps the bits of the lists that it
 * met, by their address, which a literal never shares; only a word whose bit is there is compared. */
bool tn_py_word_in(tn_str s, const char *words)
{
    enum { N_KEPT = 1024 };
    static _Thread_local struct {
        const char *words;
        uint64_t bits;
    } kept[N_KEPT];
    size_t at = ((uintptr_t)words * UINT64_C(0x9E3779B97F4A7C15)) >> 54;
    if (kept[at].words == words && !(kept[at].bits & word_bit(s.ptr, s.len)))
        return false;
    uint64_t bits = 0;
    for (const char *w = words;; w++) {
        size_t n = (size_t)(strchrnul(w, '|') - w);
        bool end = *w == '*';
        if (end ? s.len >= n - 1 && memcmp(s.ptr + s.len - (n - 1), w + 1, n - 1) == 0 : s.len == n && memcmp(s.ptr, w, n) == 0)
            return true;
        bits |= end ? UINT64_MAX : word_bit(w, n);
        w += n;
        if (!*w)
            break;
    }
    kept[at].words = words;
    kept[at].bits = bits;
    return false;
}

tn_str tn_py_last_part(tn_str s)
{
    size_t at = s.len;
    while (at > 0 && s.ptr[at - 1] != '.' && s.ptr[at - 1] != ':')
        at--;
    return tn_str_sub(s, at, s.len);
}

tn_py_role tn_py_role_in(tn_str name)
{
    tn_py_role role = TN_ROLE_UNKNOWN;
    char word[16];
    size_t n = 0;
    for (size_t i = 0; i <= name.len; i++) {
        char c = i < name.len ? name.ptr[i] : 0;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            if (n < sizeof word - 1)
                word[n++] = (char)(c | 0x20);
            continue;
        }
        tn_str w = {word, n};
        tn_py_role one = tn_py_word_in(w, "train|training") ? TN_ROLE_TRAIN
                         : tn_py_word_in(w, "dev|val|valid|validation") ? TN_ROLE_VALIDATION
                         : tn_py_word_in(w, "test|testing") ? TN_ROLE_TEST
                                                            : TN_ROLE_UNKNOWN;
        if (one != TN_ROLE_UNKNOWN && role != TN_ROLE_UNKNOWN && one != role)
            return TN_ROLE_UNKNOWN;
        if (one != TN_ROLE_UNKNOWN)
            role = one;
        n = 0;
    }
    return role;
}

static const tn_py_rows *intern(py_run *r, tn_str key, tn_py_rows rows)
{
    const uint64_t *found = tn_map_find(&r->sources, key);
    if (found)
        return (const tn_py_rows *)(uintptr_t)*found;
    tn_py_rows *n = TN_ARENA_ARRAY(r->arena, tn_py_rows, 1);
    key = tn_str_dup(r->arena, key);
    if (!n || !key.ptr || !tn_map_put(&r->sources, key, (uint64_t)(uintptr_t)n, NULL)) {
        r->failed = true;
        return NULL;
    }
    *n = rows;
    return n;
}

const tn_py_rows *tn_rows_source(py_run *r, tn_str key, tn_str name, const tn_py_event *e, tn_py_role role, bool hint)
{
    return intern(r, key, (tn_py_rows){.kind = TN_ROWS_SOURCE, .role = role, .hint = hint, .name = name, .event = e, .node = e ? e->node : NULL});
}

const tn_py_rows *tn_rows_split(py_run *r, const tn_py_rows *of, tn_str name, const tn_py_event *e)
{
    tn_str key = tn_str_format(r->arena, "%p/%.*s", (const void *)of, TN_ARG(name));
    if (!key.ptr) {
        r->failed = true;
        return NULL;
    }
    return intern(r, key, (tn_py_rows){.kind = TN_ROWS_SPLIT, .role = tn_py_role_in(name), .name = name, .of = of, .event = e, .node = e ? e->node : NULL});
}

const tn_py_rows *tn_rows_part(py_run *r, const tn_py_rows *of, unsigned part, unsigned n_parts, const tn_py_event *e)
{
    char text[80];
    tn_py_role role = part == 0 ? TN_ROLE_TRAIN : part == n_parts - 1 ? TN_ROLE_TEST : TN_ROLE_VALIDATION;
    if (of && of->role == TN_ROLE_TRAIN && part > 0)
        role = TN_ROLE_VALIDATION;
    if (of && (of->role == TN_ROLE_TEST || of->role == TN_ROLE_VALIDATION))
        role = part == 0 ? TN_ROLE_VALIDATION : TN_ROLE_TEST;
    snprintf(text, sizeof text, "%p#%p#%u", (const void *)of, (const void *)e, part);
    return intern(r, tn_str_of(text), (tn_py_rows){.kind = TN_ROWS_PART, .role = role, .part = (uint8_t)part, .of = of, .event = e, .node = e ? e->node : NULL});
}

const tn_py_rows *tn_rows_subset(py_run *r, const tn_py_rows *of, const tn_py_event *e, const tn_py_node *node)
{
    tn_py_rows *n = TN_ARENA_ARRAY(r->arena, tn_py_rows, 1);
    if (!n) {
        r->failed = true;
        return NULL;
    }
    *n = (tn_py_rows){.kind = TN_ROWS_SUBSET, .role = of ? of->role : TN_ROLE_UNKNOWN, .hint = of && of->hint, .of = of, .event = e, .node = node};
    return n;
}

/* a is cut out of b, once or more. */
static bool below(const tn_py_rows *a, const tn_py_rows *b)
{
    for (int i = 0; a && i < 64; i++, a = a->of)
        if (a == b)
            return true;
    return false;
}

/* Two ways through which rows of one origin never meet: other parts of one split, other splits of one source. */
static bool apart(const tn_py_rows *a, const tn_py_rows *b)
{
    for (int i = 0; a && i < 64; i++, a = a->of) {
        const tn_py_rows *c = b;
        for (int k = 0; c && k < 64; k++, c = c->of) {
            if (a == c || a->of != c->of || a->kind != c->kind)
                continue;
            if (a->kind == TN_ROWS_PART && a->event == c->event && a->part != c->part)
                return true;
            if (a->kind == TN_ROWS_SPLIT && a->of && !tn_str_eq(a->name, c->name))
                return true;
        }
    }
    return false;
}

tn_py_relation tn_py_relate(const tn_py_value *a, const tn_py_value *b)
{
    bool within = false, contains = false, all_apart = true;
    if (!a || !b)
        return TN_REL_UNKNOWN;
    if (!a->n_rows || !b->n_rows)
        return tn_py_same(a, b) ? TN_REL_SAME : TN_REL_UNKNOWN;
    for (size_t i = 0; i < a->n_rows; i++)
        for (size_t k = 0; k < b->n_rows; k++) {
            if (a->rows[i] == b->rows[k])
                return TN_REL_SAME;
            within |= below(a->rows[i], b->rows[k]);
            contains |= below(b->rows[k], a->rows[i]);
            all_apart &= apart(a->rows[i], b->rows[k]);
        }
    return within ? TN_REL_WITHIN : contains ? TN_REL_CONTAINS : all_apart ? TN_REL_APART : TN_REL_UNKNOWN;
}

tn_py_role tn_py_role_of(const tn_py_value *v)
{
    if (!v || !v->n_rows)
        return TN_ROLE_UNKNOWN;
    for (size_t i = 0; i < v->n_rows; i++)
        if (v->rows[i]->hint || v->rows[i]->role != v->rows[0]->role)
            return TN_ROLE_UNKNOWN;
    return v->rows[0]->role;
}

const tn_py_rows *tn_py_origin(const tn_py_rows *rows)
{
    for (int i = 0; rows && rows->of && i < 64; i++)
        rows = rows->of;
    return rows;
}

/* ---- questions ---- */

bool tn_py_is(const tn_py_event *e, const char *callee)
{
    return tn_str_is(e->callee, callee);
}

bool tn_py_is_any(const tn_py_event *e, const char *callees)
{
    return tn_py_word_in(e->callee, callees);
}

bool tn_py_named(const tn_py_event *e, const char *names)
{
    return tn_py_word_in(e->name, names);
}

bool tn_py_typed(const tn_py_value *v, const char *types)
{
    return v && v->type.len && tn_py_word_in(v->type, types);
}

const tn_py_argument_value *tn_py_arg_at(const tn_py_event *e, const char *name, int position)
{
    int at = 0;
    for (size_t i = 0; i < e->n_args; i++) {
        if (e->arg[i].name.len) {
            if (name && tn_str_is(e->arg[i].name, name))
                return &e->arg[i];
        } else if (at++ == position) {
            return &e->arg[i];
        }
    }
    return NULL;
}

const tn_py_value *tn_py_arg(const tn_py_event *e, const char *name, int position)
{
    const tn_py_argument_value *a = tn_py_arg_at(e, name, position);
    return a ? a->value : NULL;
}

bool tn_py_lacks(const tn_py_event *e, const char *name, int position)
{
    return !e->open_args && !tn_py_arg_at(e, name, position);
}

bool tn_py_imports(const tn_py_flow *flow, const char *module)
{
    size_t n = strlen(module);
    for (size_t i = 0; i < flow->n_imports; i++) {
        tn_str s = flow->import[i];
        if (s.len >= n && memcmp(s.ptr, module, n) == 0 && (s.len == n || s.ptr[n] == '.'))
            return true;
    }
    return false;
}

const tn_py_value *tn_py_item_at(const tn_py_value *dict, const char *key)
{
    for (size_t i = dict && dict->kind == TN_PV_DICT ? dict->n_items : 0; i > 0; i--)
        if (tn_str_is(dict->item[i - 1].name, key))
            return dict->item[i - 1].value;
    return NULL;
}

bool tn_py_as_str(const tn_py_value *v, tn_str *out)
{
    if (!v || v->kind != TN_PV_STRING)
        return false;
    *out = v->text;
    return true;
}

bool tn_py_as_f64(const tn_py_value *v, double *out)
{
    if (!v || v->kind != TN_PV_NUMBER)
        return false;
    *out = v->number;
    return true;
}

bool tn_py_as_bool(const tn_py_value *v, bool *out)
{
    if (!v || v->kind != TN_PV_BOOL)
        return false;
    *out = v->number != 0;
    return true;
}

bool tn_py_same(const tn_py_value *a, const tn_py_value *b)
{
    return a && b && a->object && a->object == b->object;
}

tn_str tn_py_canonical(const tn_py_flow *flow, const tn_py_node *n, tn_arena *a)
{
    py_run *r = (py_run *)flow;
    tn_str s = tn_py_dotted(n && n->kind == TN_PY_CALL ? n->x : n, a);
    size_t dot = tn_str_find(s, TN_STR("."), 0);
    tn_str head = tn_str_sub(s, 0, dot), tail = dot == SIZE_MAX ? TN_STR("") : tn_str_sub(s, dot, s.len);
    size_t lo = 0, hi = r->n_aliases;
    if (!s.len)
        return s;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (tn_str_cmp(r->alias[mid].name, head) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < r->n_aliases && tn_str_eq(r->alias[lo].name, head))
        head = r->alias[lo].full;
    else if (tn_py_well_known(head).len)
        head = tn_py_well_known(head);
    else if (!tn_py_is_builtin(head))
        return TN_STR("");
    return tail.len ? tn_str_format(a, "%.*s%.*s", TN_ARG(head), TN_ARG(tail)) : head;
}
