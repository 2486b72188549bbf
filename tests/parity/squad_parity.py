#!/usr/bin/env python3
"""Scores of answers and spans from logits against Python: SQuAD's rules, run_qa's candidates, the pipeline's answers, each
said again here in a few lines; and, where a transformers before 5.3 is importable (TENET_TRANSFORMERS4 names its folder),
against its squad_metrics.

    tests/parity/squad_parity.py [--cases 3000] [--seed 1]
"""
import argparse
import collections
import json
import os
import random
import re
import string
import subprocess
import sys

import numpy as np

TEXTS = ("the cat a an The, “the” Đà Nẵng 1.5 tỷ a1 state-of-the-art U.S. ½ 中国 中 的 İx ß _a_ a_b \u00a0 \u2003 e\u0301 "
         "Panthers 308 years' ’s ... ? \x1c z").split(" ")


def normal(s):
    s = "".join(c for c in s.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())


def score(predicted, right):
    right = [t for t in map(normal, right) if t] or [""]
    p = normal(predicted)

    def f1(t):
        a, b = p.split(), t.split()
        if not a or not b:
            return float(a == b)
        same = sum((collections.Counter(a) & collections.Counter(b)).values())
        return 0.0 if not same else 2 * (same / len(a)) * (same / len(b)) / (same / len(a) + same / len(b))
    return max(float(p == t) for t in right), max(map(f1, right))


def random_windows(r):
    n = r.randrange(30, 90)
    lengths = [r.randrange(1, 5) for _ in range(n)]
    start, word, at, w = [], [], 0, 0
    passage = ""
    for i, k in enumerate(lengths):
        if i and r.random() < .6:
            passage += " "
            at, w = at + 1, w + 1
        start.append(at)
        word.append(w)
        passage += "".join(r.choice("abcdeđế中") for _ in range(k))
        at += k
    end = [s + k for s, k in zip(start, lengths)]
    room, stride, question = r.choice([12, 25, 200]), r.choice([0, 3, 7]), r.randrange(1, 6)
    frm, count = [], []
    for s in range(0, n, room - stride):
        frm.append(s)
        count.append(min(room, n - s))
        if s + room >= n:
            break
    length = [c + question + 3 for c in count]
    logits = np.array([[r.gauss(0, 3), r.gauss(0, 3)] for _ in range(sum(length))], dtype=np.float32)
    return dict(passage=passage, first=[question + 2] * len(frm), length=length, start=start, end=end, word=word, count=count,
                logits=[[float(a), float(b)] for a, b in logits], impossible=r.random() < .5, **{"from": frm})


def candidates(q, n_best=20, longest=30):
    """As run_qa finds them."""
    found, null, at = [], None, 0
    for w, size in enumerate(q["length"]):
        z = np.array(q["logits"][at:at + size], dtype=np.float32)
        at += size
        s, e = z[:, 0], z[:, 1]
        if null is None or s[0] + e[0] < null[2]:
            null = (0, 0, s[0] + e[0])
        inside = range(q["first"][w], q["first"][w] + q["count"][w])
        for i in np.argsort(s)[::-1][:n_best]:
            for k in np.argsort(e)[::-1][:n_best]:
                if i in inside and k in inside and 0 <= k - i < longest:
                    a, b = q["from"][w] + i - q["first"][w], q["from"][w] + k - q["first"][w]
                    found.append((q["start"][a], q["end"][b], s[i] + e[k]))
    if q["impossible"]:
        found.append(null)
    best = sorted(found, key=lambda x: x[2], reverse=True)[:n_best]
    if q["impossible"] and not any(x[:2] == (0, 0) for x in best):
        best.append(null)
    p = np.exp(np.array([x[2] for x in best], dtype=np.float64) - float(best[0][2])) if best else []
    return [[a, b, float(v), x / sum(p)] for (a, b, v), x in zip(best, p)]


def shown(q, top=5, longest=15):
    """As the pipeline shows them, in double."""
    answers, least, at = [], 1e6, 0
    for w, size in enumerate(q["length"]):
        z = np.array(q["logits"][at:at + size], dtype=np.float64)
        at += size
        keep = np.zeros(size, bool)
        keep[0] = True
        keep[q["first"][w]:q["first"][w] + q["count"][w]] = True
        p = np.where(keep[:, None], np.exp(z - z[keep].max(axis=0)), 0)
        p /= p.sum(axis=0)
        least = min(least, p[0, 0] * p[0, 1])
        p[0] = 0
        table = np.tril(np.triu(np.outer(p[:, 0], p[:, 1])), longest - 1)
        for flat in np.argsort(-table, axis=None, kind="stable")[:2 * top + 10]:
            i, k = divmod(int(flat), size)
            if table[i, k] <= 0:
                continue
            frm, to = q["from"][w], q["from"][w] + q["count"][w]
            a, b = frm + i - q["first"][w], frm + k - q["first"][w]
            same = lambda t: [j for j in range(frm, to) if q["word"][j] == q["word"][t]]
            s, e = q["start"][same(a)[0]], q["end"][same(b)[-1]]
            text = q["passage"][s:e].lower()
            old = next((x for x in answers if x[3] == text), None)
            if old:
                old[0] += table[i, k]
            else:
                answers.append([table[i, k], s, e, text])
    if q["impossible"]:
        answers.append([least, 0, 0, ""])
    return [x[:3] for x in sorted(answers, key=lambda x: x[0], reverse=True)[:top]]


def close(a, b):
    return len(a) == len(b) and all(len(x) == len(y) and np.allclose(x, y, rtol=1e-5, atol=1e-9) for x, y in zip(a, b))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cases", type=int, default=3000)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    subprocess.run(["ninja", "-C", os.path.join(root, "build"), "tests/squad_cli"], stdout=subprocess.DEVNULL, check=True)
    r = random.Random(a.seed)
    text = lambda: " ".join(r.choice(TEXTS) for _ in range(r.randrange(0, 5))) + r.choice(["", ".", " ", "a"])
    requests = [{"predicted": text(), "right": [text() for _ in range(r.randrange(0, 4))]} for _ in range(a.cases)]
    requests += [random_windows(r) for _ in range(a.cases // 10)]
    done = subprocess.run([os.path.join(root, "build/tests/squad_cli")], input="".join(json.dumps(q) + "\n" for q in requests),
                          capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    if os.environ.get("TENET_TRANSFORMERS4"):
        path = os.path.join(os.environ["TENET_TRANSFORMERS4"], "transformers/data/metrics/squad_metrics.py")
        source = open(path).read().replace("from ...models.bert import BasicTokenizer", "").replace("from ...utils import logging", "import logging")
        theirs = {}
        exec(compile(source.replace("logging.get_logger", "logging.getLogger"), path, "exec"), theirs)
    bad = 0
    assert len(answers) == len(requests)
    for q, ours in zip(requests, answers):
        if "predicted" in q:
            want = score(q["predicted"], q["right"])
            if os.environ.get("TENET_TRANSFORMERS4"):
                right = [t for t in q["right"] if theirs["normalize_answer"](t)] or [""]
                other = max(theirs["compute_exact"](t, q["predicted"]) for t in right), max(theirs["compute_f1"](t, q["predicted"]) for t in right)
                assert np.allclose(want, other), (q, want, other)
            wrong = not np.allclose(want, (ours["exact"], ours["f1"]), atol=1e-12)
        else:
            want = candidates(q), shown(q)
            wrong = not close(want[0], ours["spans"]) or not close(want[1], ours["answers"])
        bad += wrong
        if wrong and bad <= 4:
            print("differs:", json.dumps(q)[:400], "\n   ours  ", str(ours)[:600], "\n   theirs", str(want)[:600])
    print(f"answers: {len(requests)} cases, {bad} differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
