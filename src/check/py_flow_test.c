/* Promises of check/py_flow.h: code, and what is known at its call of probe(). */
#include "test.h"

#include "check/py_run.h"

typedef struct {
    const char *source;
    const char *known; /* the first argument of the last probe(): type, kind, text, rows from the innermost, as below */
} promise;

static void describe(tn_buf *b, const tn_py_value *v)
{
    static const char *const kind[] = {"unknown", "None", "bool", "number", "string", "list", "tuple", "set", "dict", "name", "function", "class", "result", "outside", "parameter"};
    static const char *const role[] = {"", "/whole", "/train", "/validation", "/test"};
    static const char *const rows[] = {"source", "split", "part", "subset"};
    tn_buf_c(b, kind[v->kind]);
    if (v->kind == TN_PV_NUMBER)
        tn_buf_printf(b, " %g", v->number);
    if (v->text.len && v->kind != TN_PV_NUMBER && v->kind != TN_PV_UNKNOWN)
        tn_buf_printf(b, " %.*s", TN_ARG(v->text));
    if (v->type.len && v->kind != TN_PV_NUMBER && v->kind != TN_PV_STRING)
        tn_buf_printf(b, " <%.*s>", TN_ARG(v->type));
    for (size_t i = 0; i < v->n_rows; i++) {
        tn_buf_c(b, i ? " +" : " :");
        for (const tn_py_rows *r = v->rows[i]; r; r = r->of) {
            tn_buf_printf(b, " %s", rows[r->kind]);
            if (r->kind == TN_ROWS_PART)
                tn_buf_printf(b, "%u", r->part);
            else if (r->name.len)
                tn_buf_printf(b, "(%.*s)", TN_ARG(r->name));
            tn_buf_printf(b, "%s%s", role[r->role], r->hint ? "?" : "");
        }
    }
}

static const tn_py_flow *follow(tn_arena *a, const char *source)
{
    tn_err err = TN_ERR_INIT;
    const tn_py_tree *t;
    const tn_py_flow *f;
    ASSERT_OK(tn_py_parse(tn_str_of(source), NULL, a, &t, &err), &err);
    ASSERT_OK(tn_py_follow(t, a, &f, &err), &err);
    return f;
}

static const tn_py_event *last(const tn_py_flow *f, const char *name)
{
    for (size_t i = f->n_events; i > 0; i--)
        if (tn_py_named(f->event[i - 1], name))
            return f->event[i - 1];
    fail_msg("no call of %s", name);
    return NULL;
}

#define DS "from datasets import load_dataset\nds = load_dataset('imdb')\n"

static void values_are_followed(void **state)
{
    static const promise row[] = {
        {"x = 1\ny = x + 2\nprobe(y)", "number 3"},
        {"a, (b, *c) = 1, ('x', 3, 4)\nprobe(b)", "unknown"},
        {"a, (b, c) = 1, ('x', 3)\nprobe(b)", "string x"},
        {"d = dict(a=1, **{'b': 'z'})\nd['c'] = d['b']\nd.update(e=2)\nprobe(d['c'])", "string z"},
        {"n = 'x'\nprobe(f'{n}-{1}')", "string x-1"},
        {"import transformers as hf\nprobe(hf.Trainer)", "name transformers.Trainer"},
        {"from transformers.trainer import Trainer as T\nprobe(T)", "name transformers.Trainer"},
        {"from transformers import Trainer\nclass My(Trainer):\n  pass\nprobe(My(1))", "result <transformers.Trainer>"},
        {"def f(a, b=2, *c, **d):\n  return d['k']\nprobe(f(1, k='v'))", "string v"},
        {"def f(x):\n  return x\ndef g(x):\n  return f(x=x)\nprobe(g('deep'))", "string deep"},
        {"class A:\n  size = 3\n  def __init__(self, n):\n    self.n = n\n  def get(self):\n    return self.n\nprobe(A('in').get())", "string in"},
        {"from dataclasses import dataclass\n@dataclass\nclass C:\n  lr: float = 0.5\nprobe(C().lr)", "number 0.5"},
        {"import argparse\na = argparse.ArgumentParser().parse_args()\nprobe(a.lr)", "outside"},
        {"import yaml\nc = yaml.safe_load(open('c.yaml'))\nprobe(c['a']['b'])", "outside : source(c.yaml)/whole"},
        {"x = 1\nif a:\n  x = 2\nprobe(x)", "unknown <number>"},
        {"x = 1\nif a:\n  x = 1\nelse:\n  pass\nprobe(x)", "number 1"},
        {"x = None\nif a:\n  x = load()\nprobe(x)", "result"},
        {"x = 1\nif a:\n  x = 2\n  raise E\nprobe(x)", "number 1"},
        {"x = 1\nfor i in y:\n  probe(x)\n  x = 2", "unknown"},
        {"x = 1\ntry:\n  x = 2\nexcept E:\n  x = 3\nprobe(x)", "unknown <number>"},
        {"x = 1\ndef f():\n  global x\n  x = 2\nf()\nprobe(x)", "number 2"},
        {"def f(x):\n  probe(x)", "parameter x"},
        {"if __name__ == '__main__':\n  x = 1\nelse:\n  x = 2\nprobe(x)", "number 1"},
        {"probe(nothing_known)", "unknown"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        describe(&b, last(follow(a, row[i].source), "probe")->arg[0].value);
        if (!tn_str_is(tn_buf_view(&b), row[i].known))
            fail_msg("%s\ngave %s, wanted %s", row[i].source, b.ptr, row[i].known);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void rows_are_followed(void **state)
{
    static const promise row[] = {
        {DS "probe(ds['train'].map(f).shuffle(seed=1))", "result <datasets.Dataset> : split(train)/train source(imdb)"},
        {DS "probe(ds.map(f)['test'].select(range(9)))", "result <datasets.Dataset> : subset/test split(test)/test source(imdb)"},
        {"from datasets import load_dataset\nprobe(load_dataset('imdb', split='train[:80%]'))", "result <datasets.Dataset> : subset(train[:80%])/train split(train)/train source(imdb)"},
        {"from datasets import load_dataset\nprobe(load_dataset('csv', data_files='a.csv')['train'])", "unknown <datasets.Dataset> : split(train)/whole source(csv)/whole"},
        {DS "p = ds['train'].train_test_split(0.1)\nprobe(p['test'])", "result <datasets.Dataset> : part1/validation split(train)/train source(imdb)"},
        {"from datasets import load_dataset, concatenate_datasets as c\nds = load_dataset('imdb')\nprobe(c([ds['train'], ds['test']]))", "result <datasets.Dataset> : split(train)/train source(imdb) + split(test)/test source(imdb)"},
        {"import pandas as pd\nfrom sklearn.model_selection import train_test_split as t\nd = pd.read_csv('rows.csv')\na, b, c, e = t(d['x'].values, d.y)\nprobe(e)",
         "result <pandas.DataFrame> : part1/test source(rows.csv)/whole"},
        {"import pandas as pd\nprobe(pd.read_csv('test.csv').dropna())", "result <pandas.DataFrame> : subset/test? source(test.csv)/test?"},
        {"from keras.datasets import mnist\n(a, b), (c, d) = mnist.load_data()\nprobe(c / 255)", "unknown : split(test)/test source(keras.datasets.mnist.load_data)/whole"},
        {"from torch.utils.data import random_split, DataLoader\na, b, c = random_split(d, [8, 1, 1])\nprobe(DataLoader(b))", "result <torch.utils.data.DataLoader> : part1/validation"},
        {DS "xs = []\nfor r in ds['train']:\n  xs.append(r['text'])\nprobe(xs)", "list <list> : split(train)/train source(imdb)"},
        {DS "probe([r['text'] for r in ds['train'] if r['ok']])", "list <list> : subset/train split(train)/train source(imdb)"},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_buf b = TN_BUF_INIT;
        describe(&b, last(follow(a, row[i].source), "probe")->arg[0].value);
        if (!tn_str_is(tn_buf_view(&b), row[i].known))
            fail_msg("%s\ngave   %s\nwanted %s", row[i].source, b.ptr, row[i].known);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void relations_hold(void **state)
{
    static const struct {
        const char *a, *b;
        tn_py_relation relation;
    } row[] = {
        {"ds['train']", "ds['train'].map(f)", TN_REL_SAME},
        {"ds['train'].select(range(3))", "ds['train']", TN_REL_WITHIN},
        {"ds['train']", "ds['train'].filter(f)", TN_REL_CONTAINS},
        {"ds['train'].select(a)", "ds['train'].select(b)", TN_REL_UNKNOWN},
        {"ds['train']", "ds['test'].select(a)", TN_REL_APART},
        {"cut['train']", "cut['test']", TN_REL_APART},
        {"cut['train']", "ds['train']", TN_REL_WITHIN},
        {"load_dataset('imdb', split='train')", "ds['train']", TN_REL_SAME},
        {"load_dataset('other', split='train')", "ds['train']", TN_REL_UNKNOWN},
        {"x", "x", TN_REL_SAME},
        {"x", "y", TN_REL_UNKNOWN},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        tn_str source = tn_str_format(a, DS "cut = ds['train'].train_test_split(0.1)\nprobe(%s, %s)\n", row[i].a, row[i].b);
        const tn_py_event *e = last(follow(a, source.ptr), "probe");
        if (tn_py_relate(e->arg[0].value, e->arg[1].value) != row[i].relation)
            fail_msg("%s, %s: relation %d", row[i].a, row[i].b, (int)tn_py_relate(e->arg[0].value, e->arg[1].value));
        tn_arena_free(a);
    }
}

static void calls_have_names_in_order(void **state)
{
    tn_arena *a = tn_arena_new(0);
    const tn_py_flow *f = follow(a, "from transformers import AutoTokenizer, Trainer\n"
                                    "from sklearn.svm import SVC\n"
                                    "import torch.nn as nn, sys\n"
                                    "tok = AutoTokenizer.from_pretrained('a')\n"
                                    "def prepare(batch):\n    return tok(batch['t'])\n"
                                    "rows.map(prepare)\n"
                                    "def train(kind):\n    t = Trainer(kind, **more)\n    t.train()\n"
                                    "for k in kinds:\n    train(k)\n"
                                    "if flag:\n    SVC().fit(x, y)\n"
                                    "def never(p=3):\n    unknown.go(p)\n"
                                    "print(sys.argv[1])\n");
    static const struct {
        const char *callee;
        bool loop, maybe;
        uint32_t run;
    } want[] = {
        {"transformers.AutoTokenizer.from_pretrained", false, false, 0}, {".map", false, false, 0}, {"transformers.AutoTokenizer.__call__", true, false, 0}, {":train", true, false, 0},
        {"transformers.Trainer", true, false, 0}, {"transformers.Trainer.train", true, false, 0}, {"sklearn.svm.SVC", false, true, 0}, {"sklearn.svm.SVC.fit", false, true, 0},
        {"print", false, false, 0}, {".go", false, false, 1},
    };
    assert_int_equal(f->n_events, TN_COUNT(want));
    for (size_t i = 0; i < TN_COUNT(want); i++) {
        const tn_py_event *e = f->event[i];
        if (!tn_str_is(e->callee, want[i].callee) || e->in_loop != want[i].loop || e->maybe != want[i].maybe || e->run != want[i].run || e->index != i)
            fail_msg("call %zu is %.*s, loop %d, maybe %d, run %u", i, TN_ARG(e->callee), e->in_loop, e->maybe, e->run);
    }
    assert_true(f->has_cli && !f->has_config && !f->cut);
    assert_true(tn_py_imports(f, "sklearn") && tn_py_imports(f, "sklearn.svm") && !tn_py_imports(f, "sk"));
    assert_true(f->event[4]->open_args && !tn_py_lacks(f->event[4], "eval_dataset", -1));
    assert_true(f->event[4]->caller == f->event[3]);
    ASSERT_STR(tn_py_canonical(f, f->tree->body->next->next->next->y->x, a), "transformers.AutoTokenizer.from_pretrained");
    tn_arena_free(a);
}

static void hostile_programs_end(void **state)
{
    static const char *const row[] = {
        "def f(x):\n  return f(f(x))\nf(1)",
        "def a(): b(); b()\ndef b(): c(); c()\ndef c(): d(); d()\ndef d(): a(); a()\na()\na()",
        "class A(A): pass\nclass B(B()): pass\nA(); B()",
        "x = x\nx.y.z = x\nx[x] = x\nx()()()()",
        "f = lambda *a, **k: f(*a, **k)\nf(*f, **f)",
        "a, b = b, a = *a, *b = 1",
        "global x\nnonlocal y\nx = y = 1",
        "d = {}\nd['d'] = d\nd.update(d, **d)\nprobe(**d)",
        "import a.b.c as a, a\nfrom . import *\nfrom .... import a",
        "def f(f=f, *f, **f): return f\nf(f=f)",
        "for i in range(3):\n  def i(): i()\n  i()",
        "__name__ = 3\nif __name__ == '__main__': pass",
        "class A:\n  @property\n  def p(self): return self.p\nA().p",
        "match x:\n  case {'a': [B(c=1), *_]}: y = x\nprobe(y)",
        "super().__init__()\nx: int\ndel x\nawait x\nyield x",
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_arena *a = tn_arena_new(0);
        follow(a, row[i]);
        tn_arena_free(a);
    }
    /* A function that doubles at each level, and assignments in nested branches, stay within the steps. */
    tn_buf b = TN_BUF_INIT;
    for (int i = 0; i < 2000; i++)
        tn_buf_printf(&b, "def f%d(x): f%d(x); f%d(x); f%d(x)\n", i, i + 1, i + 2, i + 3);
    tn_buf_c(&b, "f0(1)\n");
    for (int i = 0; i < 2000; i++)
        tn_buf_printf(&b, "if a%d:\n  x%d = x\nelse:\n  x = f%d(x)\n", i, i, i);
    tn_buf_char(&b, 0);
    tn_arena *a = tn_arena_new(0);
    const tn_py_flow *f = follow(a, b.ptr);
    assert_true(f->cut);
    tn_arena_free(a);
    tn_buf_free(&b);
}

static void failed_allocations_are_reported(void **state)
{
    tn_err err = TN_ERR_INIT;
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, {
        const tn_py_tree *t;
        const tn_py_flow *f;
        tn_arena *a = tn_arena_new(256);
        st = a ? tn_py_parse(TN_STR(DS "def f(x, *a, **k):\n  return x['train']\nfor i in [1, 2]:\n  y = f(ds, **{'b': f'{i}'})\nif y:\n  y.z = dict(a=1)\n"), NULL, a, &t, &err) : TN_ENOMEM;
        if (st == TN_OK)
            st = tn_py_follow(t, a, &f, &err);
        tn_arena_free(a);
    });
}

/* Tables that are searched by halves are sorted. */
static void known_names_are_sorted(void **state)
{
    assert_true(tn_py_is_builtin(TN_STR("zip")) && tn_py_is_builtin(TN_STR("Exception")) && tn_py_is_builtin(TN_STR("print")) && !tn_py_is_builtin(TN_STR("pint")));
    ASSERT_STR(tn_py_well_known(TN_STR("pd")), "pandas");
    ASSERT_STR(tn_py_well_known(TN_STR("Accelerator")), "accelerate.Accelerator");
    ASSERT_STR(tn_py_well_known(TN_STR("train_test_split")), "sklearn.model_selection.train_test_split");
    assert_true(tn_py_known_in_order());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_followed),  cmocka_unit_test(rows_are_followed),             cmocka_unit_test(relations_hold),         cmocka_unit_test(calls_have_names_in_order),
        cmocka_unit_test(hostile_programs_end), cmocka_unit_test(failed_allocations_are_reported), cmocka_unit_test(known_names_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
