#!/usr/bin/env python3
"""Writes tests/data/metrics.txt: small outcomes with scikit-learn's metrics and scipy's BCa intervals.

Needs scikit-learn 1.9 and scipy 1.17. Probabilities are f32; scikit-learn gets them as float64, clipped by hand to the
f32 epsilon as it clips float32 input, so that the goldens carry double precision."""
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import bootstrap
from sklearn import metrics as m

warnings.filterwarnings("ignore")
eps = float(np.finfo(np.float32).eps)
rng = np.random.default_rng(0)


def case(n, n_labels, skill):
    y = rng.choice(n_labels, n, p=rng.dirichlet(np.full(n_labels, 2.0)))
    z = rng.normal(size=(n, n_labels)) * 1.5
    z[np.arange(n), y] += skill
    p = np.exp(z - z.max(1, keepdims=True))
    p = (p / p.sum(1, keepdims=True)).astype(np.float32)
    return y, p.argmax(1), p


cases = [
    ("metrics.md's example", [0, 0, 1, 1, 2], [0, 1, 1, 1, 0], None, 3),
    ("a label only in predictions", [0, 0, 1], [0, 2, 1], None, 3),
    ("perfect, one label of two", [0, 0], [0, 0], None, 2),
    ("perfect, one label of one", [0, 0, 0], [0, 0, 0], [[1], [1], [1]], 1),
    ("constant prediction", [0, 1, 2, 2], [2, 2, 2, 2], None, 3),
    ("all wrong", [0, 1, 0, 1], [1, 0, 1, 0], None, 2),
    ("log-loss of metrics.md", [0, 1, 1], [0, 1, 1], [[.9, .1], [.2, .7], [.3, .7]], 2),
    ("certain and wrong", [0, 1], [1, 1], [[0, 1], [0, 1]], 2),
    ("nearly certain", [0, 0], [0, 0], [[1, 1e-9], [1 - 1e-7, 1e-7]], 2),
    ("one row", [1], [0], [[.6, .3, .1]], 3),
]
for n, n_labels, skill in ((40, 2, 1.0), (60, 3, 1.5), (80, 7, 2.0)):
    y, p, q = case(n, n_labels, skill)
    cases.append((f"drawn, {n} rows of {n_labels} labels", y, p, q, n_labels))


def log_loss(y, q, n_labels):
    q = np.clip(np.asarray(q, np.float32).astype(float), eps, 1 - eps)
    return -np.log(q[np.arange(len(y)), y]).mean() if n_labels == 1 else m.log_loss(y, q, labels=range(n_labels))


def intervals(y, p, q, n_labels):
    def macro_f1(i):
        return m.f1_score(y[i], p[i], labels=range(n_labels), average="macro", zero_division=0)
    rows = np.log(np.clip(q.astype(float), eps, 1 - eps))[np.arange(len(y)), y]
    for name, f, n in (("accuracy", lambda i, axis=-1: (y == p)[i].mean(axis), 100000), ("macro_f1", macro_f1, 10000),
                       ("log_loss", lambda i, axis=-1: -rows[i].mean(axis), 100000)):
        r = bootstrap((np.arange(len(y)),), f, n_resamples=n, method="BCa", vectorized=name != "macro_f1", rng=1, batch=1000)
        yield name, r.confidence_interval


with open(sys.argv[1] if len(sys.argv) > 1 else "tests/data/metrics.txt", "w") as out:
    print(f"""# Metrics by scikit-learn {sklearn.__version__}, intervals by scipy {scipy.__version__}; tools/mk_metric_goldens.py
# name / labels / y / p / probabilities, or - / accuracy macro_f1 weighted_f1 balanced_accuracy mcc log_loss / f1 of each label
# and, for drawn ones, 95 % BCa intervals of accuracy, macro_f1, log_loss: 0.01 apart or less, for the draws differ""", file=out)
    for name, y, p, q, n_labels in cases:
        y, p = np.asarray(y), np.asarray(p)
        if q is not None:
            q = np.asarray(q, np.float32)
        line = lambda v: " ".join(repr(float(x)) for x in v)
        f1 = m.f1_score(y, p, labels=range(n_labels), average=None, zero_division=0)
        numbers = [m.accuracy_score(y, p), f1.mean(), m.f1_score(y, p, labels=range(n_labels), average="weighted", zero_division=0),
                   m.balanced_accuracy_score(y, p), m.matthews_corrcoef(y, p),
                   log_loss(y, q, n_labels) if q is not None else float("nan")]
        print(f"\n{name}\n{n_labels}\n{' '.join(map(str, y))}\n{' '.join(map(str, p))}", file=out)
        print("-" if q is None else " ".join(str(x) for x in q.ravel()), file=out)
        print(line(numbers), line(f1), sep="\n", file=out)
        if name.startswith("drawn"):
            print(line(x for _, ci in intervals(y, p, q, n_labels) for x in ci), file=out)
