#!/usr/bin/env python3
"""Metrics, intervals, tests and baselines against scikit-learn 1.9 and scipy 1.17.

    metric_parity.py [TRAIN.csv TEST.csv TEXT LABEL]...

Without arguments the n-gram baseline is compared on the example's reviews, five folds; with them also on those files.
Tolerances: metrics 1e-12; log-loss 2e-6 against scikit-learn's float32 sum; interval ends 4 standard errors of
either's draws; coefficients 1e-4; accuracy of the n-gram baseline 1 point."""
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import unicodedata
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics as m
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline, make_union

warnings.filterwarnings("ignore")
root = pathlib.Path(__file__).resolve().parent.parent.parent
cli = root / "build/tests/eval_cli"
subprocess.run(["ninja", "-C", root / "build", "tests/eval_cli"], check=True, stdout=subprocess.DEVNULL)
rng = np.random.default_rng(20)
bad = []


def run(*command, numbers=()):
    text = "\n".join(" ".join(repr(float(x)) if np.asarray(part).dtype.kind == "f" else str(x) for x in np.ravel(part)) for part in numbers)
    done = subprocess.run([cli, *map(str, command)], input=text, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def check(what, ours, theirs, within):
    worst = float(np.max(np.abs(np.nan_to_num(np.asarray(ours, float), nan=-9) - np.nan_to_num(np.asarray(theirs, float), nan=-9)), initial=0))
    if not worst <= within:
        bad.append(what)
        print(f"FAIL {what}: apart by {worst:.3g}, allowed {within:.3g}")
    return worst


def draw(n, n_labels, skill, sharp=1.5):
    y = rng.choice(n_labels, n, p=rng.dirichlet(np.full(n_labels, rng.choice([0.2, 1, 5]))))
    z = (rng.normal(size=(n, n_labels)) * sharp).astype(np.float32)
    z[np.arange(n), y] += np.float32(skill)
    p = np.exp(z - z.max(1, keepdims=True))
    return y, (p / p.sum(1, keepdims=True)).astype(np.float32)


def metrics():
    worst = worst_loss = 0
    for trial in range(150):
        n, n_labels = int(rng.choice([1, 2, 3, 7, 50, 400])), int(rng.choice([1, 2, 3, 5, 30]))
        y, q = draw(n, n_labels, rng.choice([-3, 0, 1, 4]), rng.choice([0.1, 1.5, 40]))
        p = q.argmax(1)
        if trial % 5 == 0:
            p = np.full(n, rng.integers(n_labels))
        if trial % 7 == 0:
            p = y.copy()
        got, kw = run("score", numbers=[[n, n_labels, 1], y, p, q]), dict(labels=range(n_labels), zero_division=0)
        per = m.precision_recall_fscore_support(y, p, **kw)
        want = [m.accuracy_score(y, p), m.f1_score(y, p, average="macro", **kw), m.f1_score(y, p, average="weighted", **kw),
                m.matthews_corrcoef(y, p), m.balanced_accuracy_score(y, p)]
        worst = max(worst, check(f"metrics, trial {trial}", [got[k] for k in ("accuracy", "macro_f1", "weighted_f1", "mcc", "balanced_accuracy")], want, 1e-12))
        for i, key in enumerate(("precision", "recall", "f1", "support")):
            check(f"{key}, trial {trial}", [c[key] for c in got["per_class"]], per[i], 1e-12)
        check(f"confusion, trial {trial}", got["confusion"], m.confusion_matrix(y, p, labels=range(n_labels)), 0)
        if n_labels > 1:
            theirs = m.log_loss(y, q, labels=range(n_labels))
            worst_loss = max(worst_loss, check(f"log-loss, trial {trial}", got["log_loss"] / max(1, theirs), theirs / max(1, theirs), 2e-6))
    print(f"metrics: 150 trials, largest difference {worst:.2g}, of log-loss {worst_loss:.2g}")
    hostile = [([0, 2, 0],), ([2, 2, 0], [0, 2], [0, 0]), ([2, 2, 0], [0, -1], [0, 0]), ([1, 2, 1], [0], [0], [1.5, -0.5]), ([1, 2, 1], [0], [0], [float("nan"), 1])]
    for numbers in hostile:
        if run("score", numbers=[np.asarray(x) for x in numbers]) is not None:
            bad.append("hostile outcomes were scored")


def sets_and_numbers():
    worst = worst_number = 0
    for trial in range(100):
        n, n_labels = int(rng.choice([1, 2, 7, 60])), int(rng.choice([1, 2, 5, 20]))
        y = (rng.random((n, n_labels)) < rng.choice([0.05, 0.3, 0.9])).astype(int)
        s = np.clip(np.round(rng.random((n, n_labels)) * 0.6 + 0.4 * y * rng.random(), rng.choice([1, 3])), 0, 1).astype(np.float32)
        q = (s >= 0.5).astype(int)
        ours = run("sets", numbers=[[n, n_labels], y, q, s.astype(float)])["value"]
        theirs = [m.f1_score(y, q, average=a, zero_division=0, labels=range(n_labels)) if n_labels > 1 else None for a in ("micro", "macro", "samples")]
        if n_labels == 1:  # scikit-learn takes one column for a binary task
            theirs = [m.f1_score(y[:, 0], q[:, 0], zero_division=0)] * 2 + [float(np.mean(y[:, 0] * q[:, 0]))]
        theirs += [m.accuracy_score(y, q), m.hamming_loss(y, q), m.label_ranking_average_precision_score(y, s) if n_labels > 1 else 1.0]
        theirs += [float(np.mean([m.average_precision_score(y[:, k], s[:, k]) if y[:, k].any() else 0.0 for k in range(n_labels)]))]
        worst = max(worst, check(f"label sets of trial {trial}", ours, theirs, 1e-12))
        n = int(rng.choice([2, 3, 30, 200]))
        t = np.round(rng.normal(size=n) * 3, int(rng.choice([0, 1, 6])))
        p = (t * rng.choice([0, 0.5, 1]) + np.round(rng.normal(size=n), int(rng.choice([0, 6])))).astype(np.float32)
        ours = run("numbers", numbers=[[n], t.astype(float), p.astype(float)])["value"]
        p = p.astype(float)
        flat = np.ptp(t) == 0 or np.ptp(p) == 0
        theirs = [m.mean_absolute_error(t, p), m.root_mean_squared_error(t, p), m.r2_score(t, p)]
        theirs += [0, 0] if flat else [stats.pearsonr(t, p)[0], stats.spearmanr(t, p)[0]]
        worst_number = max(worst_number, check(f"numbers of trial {trial}", ours, theirs, 1e-11))
    print(f"label sets and numbers: 100 trials, largest differences {worst:.2g} and {worst_number:.2g}")


def lessons():
    """The probe's flags are a LogisticRegression for each label, its values a Ridge, on standardised features."""
    n, width, n_labels = 120, 6, 3
    x = (rng.normal(size=(n, width)) * [1, 5, 0.1, 1, 2, 1] + [0, 3, 0, 0, 0, 1]).astype(np.float32)
    z = (x - x.mean(0)) / x.std(0)
    flags = (z @ rng.normal(size=(width, n_labels)) + rng.normal(size=(n, n_labels)) > 0.5).astype(int)
    got = run("learn", "flags", numbers=[[n, width, n_labels], flags.astype(float), x.astype(float)])
    fits = [LogisticRegression(C=1 / (got["l2"][0] * n), tol=1e-10, max_iter=5000).fit(z, flags[:, k]).predict_proba(z)[:, 1] for k in range(n_labels)]
    check("probabilities of flags", np.reshape(got["output"], (n, n_labels)), np.stack(fits, 1), 5e-4)
    value = z @ rng.normal(size=width) + rng.normal(size=n)
    value = ((value - value.mean()) / value.std()).astype(np.float32)
    got = run("learn", "values", numbers=[[n, width, 1], value.astype(float), x.astype(float)])
    check("predicted values", got["output"], Ridge(alpha=got["l2"][0] * n).fit(z, value).predict(z), 1e-4)
    print("lessons: flags and values as scikit-learn's")


def quantile_error(theta, value, B):
    """Standard error of a quantile from B draws at `value`."""
    density = stats.gaussian_kde(theta)(value)[0] if theta.std() > 0 else np.inf
    share = np.clip((theta <= value).mean(), 0.001, 0.999)
    return np.sqrt(share * (1 - share) / B) / max(density, 1e-12)


def intervals():
    n_checked = 0
    for n, n_labels, skill in ((60, 2, 1.0), (150, 3, 2.0), (300, 6, 2.5), (40, 3, 4.0)):
        y, q = draw(n, n_labels, skill)
        _, other = draw(n, n_labels, 0)
        other[np.arange(n), y] += np.float32(0.4)
        other /= other.sum(1, keepdims=True)
        p, p2 = q.argmax(1), other.argmax(1)
        loss = [-np.log(np.clip(x.astype(float), 2.0**-23, 1 - 2.0**-23))[np.arange(n), y] for x in (q, other)]
        kw = dict(labels=range(n_labels), average="macro", zero_division=0)
        one = {"accuracy": lambda i, k: (y == (p, p2)[k])[i].mean(), "macro_f1": lambda i, k: m.f1_score(y[i], (p, p2)[k][i], **kw),
               "mcc": lambda i, k: m.matthews_corrcoef(y[i], (p, p2)[k][i]), "log_loss": lambda i, k: loss[k][i].mean()}
        for name, f in one.items():
            for difference in (False, True):
                statistic = (lambda i: f(i, 0) - f(i, 1)) if difference else (lambda i: f(i, 0))
                B = 2000
                theirs = stats.bootstrap((np.arange(n),), statistic, n_resamples=B, method="BCa", vectorized=False, rng=3)
                numbers = [[n, n_labels, 1], y, p, q] + ([p2, other] if difference else [])
                ours = run("difference" if difference else "interval", name, 20000, 9, numbers=numbers)
                value, low, high = ours["interval"]
                label = f"{name}{' difference' if difference else ''}, {n} rows"
                check(f"value of {label}", value, statistic(np.arange(n)), 1e-6)
                theta, ci = theirs.bootstrap_distribution, theirs.confidence_interval
                for ours_end, their_end in ((low, ci.low), (high, ci.high)):
                    # Steps of 1/n are the floor: both distributions are lattices. BCa's shift z0 has its own error.
                    se = quantile_error(theta, their_end, B)
                    check(f"interval of {label}", ours_end, their_end, 4 * se * 1.6 + 1.01 / n * (name != "log_loss"))
                    n_checked += 1
    print(f"intervals: {n_checked} ends within the error of the draws")


def tests():
    for _ in range(40):
        n = int(rng.integers(1, 120))
        y, a, b = (rng.integers(0, 2, n) for _ in range(3))
        a = np.where(rng.random(n) < 0.5, y, a)
        x, z = int(((a == y) & (b != y)).sum()), int(((a != y) & (b == y)).sum())
        want = (1.0 if x + z == 0 else stats.binomtest(min(x, z), x + z).pvalue if x + z < 25 else stats.chi2.sf(max(abs(x - z) - 1, 0) ** 2 / (x + z), 1))
        check("McNemar", run("mcnemar", numbers=[[n], y, a, b])["mcnemar"], [x, z, want], 1e-13)
        p = rng.random(rng.integers(1, 9)) ** 3
        order, adjusted = np.argsort(p, kind="stable"), np.empty(len(p))
        adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
        check("Holm", run("holm", numbers=[[len(p)], p])["p"], adjusted, 1e-15)
    print("McNemar and Holm: 40 trials")


def logistic():
    worst = 0
    for n, width, n_labels, l2 in ((60, 5, 3, 0.1), (200, 20, 4, 1e-3), (300, 12, 3, 1e-2), (120, 30, 2, 1e-2), (500, 40, 11, 1e-3)):
        label = np.concatenate([np.arange(n_labels), rng.integers(0, n_labels, n - n_labels)])
        x = (rng.normal(size=(n, width)) + 0.7 * rng.normal(size=(n_labels, width))[label]).astype(np.float32)
        got = run("logistic", l2, 1e-9, numbers=[[n, width, n_labels], label, x])
        theirs = LogisticRegression(C=(2 if n_labels == 2 else 1) / (l2 * n), tol=1e-10, max_iter=20000).fit(x.astype(float), label)
        weight, bias = np.reshape(got["weight"], (n_labels, width)), np.asarray(got["bias"])
        bias = bias - bias.mean()
        coef, intercept = theirs.coef_, theirs.intercept_ - theirs.intercept_.mean()
        if n_labels == 2:
            weight, bias, intercept = weight[1:] - weight[:1], bias[1:] - bias[:1], theirs.intercept_
        worst = max(worst, check(f"coefficients, {n_labels} labels", weight, coef, 1e-4), check(f"bias, {n_labels} labels", bias, intercept, 1e-4))
        q = np.reshape(got["probability"], (n, n_labels))
        check("predictions", q.argmax(1), theirs.predict(x), 0)
        check("probabilities", q, theirs.predict_proba(x.astype(float)), 1e-5)
    print(f"logistic regression: largest difference of a coefficient {worst:.2g}")


def normal(text):
    return unicodedata.normalize("NFC", text.lower())


def ngram_pipeline(folds=5):
    features = make_union(TfidfVectorizer(preprocessor=normal, token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True, min_df=2),
                          TfidfVectorizer(preprocessor=normal, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2))
    return GridSearchCV(make_pipeline(features, LogisticRegression(C=10, max_iter=300)), {"logisticregression__C": [1, 10, 100]},
                        scoring="f1_macro", cv=StratifiedKFold(folds, shuffle=True, random_state=0), n_jobs=2)


def read(path, text, label):
    rows = list(csv.DictReader(open(path, encoding="utf-8-sig", newline="")))
    return [(r[text], r[label]) for r in rows]


def ngram(name, pairs):
    """pairs of (train, test), pooled"""
    right = theirs_right = same = n = 0
    seconds = 0.0
    truth, ours_all = [], []
    with tempfile.TemporaryDirectory() as folder:
        for train, test in pairs:
            for part, rows in (("train", train), ("test", test)):
                with open(f"{folder}/{part}.csv", "w", newline="") as out:
                    csv.writer(out).writerows([("text", "label"), *rows])
            got = run("ngram", f"{folder}/train.csv", f"{folder}/test.csv", "text", "label", 2)
            y = np.array([r[1] for r in test])
            theirs = ngram_pipeline().fit([r[0] for r in train], [r[1] for r in train]).predict([r[0] for r in test])
            ours = np.array(got["predicted"])
            seconds += got["seconds"][0]
            right, theirs_right, same, n = right + (ours == y).sum(), theirs_right + (theirs == y).sum(), same + (ours == theirs).sum(), n + len(y)
            truth += list(y)
            ours_all += list(ours)
    labels = sorted(set(truth))
    print(f"n-gram baseline on {name}: accuracy {right / n:.4f}, scikit-learn {theirs_right / n:.4f}, macro F1 "
          f"{m.f1_score(truth, ours_all, labels=labels, average='macro'):.4f}, same prediction {same / n:.4f}, fitted in {seconds:.1f} s; {got['settings']}")
    check(f"n-gram accuracy on {name}", right / n, theirs_right / n, 0.01)


def folds(rows):
    y = np.array([r[1] for r in rows])
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(y, y):
        yield [rows[i] for i in train], [rows[i] for i in test]


metrics()
sets_and_numbers()
lessons()
tests()
logistic()
intervals()
example = root / "examples/vietnamese-reviews/reviews.csv"
if example.exists():
    ngram("the example's reviews, 5 folds", folds(read(example, "review", "label")))
for i in range(1, len(sys.argv), 4):
    train, test, text, label = sys.argv[i:i + 4]
    if train == test:
        ngram(f"{train}, 5 folds", folds(read(train, text, label)))
    else:
        ngram(test, [(read(train, text, label), read(test, text, label))])
print(f"{len(bad)} differences" if bad else "all equal")
sys.exit(bool(bad))
