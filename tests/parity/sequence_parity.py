#!/usr/bin/env python3
"""Metrics of tagged words against seqeval 1.2.2 (lenient and strict) and scikit-learn (plain tags).

Random and hostile sequences: tags of every scheme in every order, types with hyphens, tags without type, letters of other
schemes, empty rows. Tolerance 1e-12. Two differences are ours and are stated in metric/sequence_labels.h: macro and
weighted means of nothing are 0, and BILOU is scored leniently as the IOBES that it is."""
import json
import pathlib
import random
import subprocess
import sys
import warnings

from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support as lenient
from seqeval.metrics.v1 import precision_recall_fscore_support as strict
from seqeval import scheme as schemes
from sklearn import metrics as m

warnings.filterwarnings("ignore")
root = pathlib.Path(__file__).resolve().parent.parent.parent
cli = root / "build/tests/tokens_cli"
subprocess.run(["ninja", "-C", root / "build", "tests/tokens_cli"], check=True, stdout=subprocess.DEVNULL)
rng = random.Random(7)
bad = []

letters = {"IOB1": "IOB", "IOB2": "IOB", "IOE1": "IOE", "IOE2": "IOE", "IOBES": "IOBES", "BILOU": "BILOU"}
types = ["X", "Y", "per-son", "địa danh", "-odd-", "_"]


def tags_of(alphabet, hostile):
    tags = ["O"] + [f"{a}-{t}" for a in alphabet if a != "O" for t in rng.sample(types, rng.randint(1, 3))]
    if hostile:
        tags += rng.sample(["B", "I", "E", "S", "X", ".", ".-X", "O-X", "B-", "I-", "BX", "IX-Y", "L-X", "U-Y", "NOUN", "ệ-X", "B--X", "X-"], 6)
    return sorted(set(tags))


def case(scheme, hostile=False):
    tags = tags_of(letters.get(scheme, "IOBES"), hostile)
    if scheme == "plain":
        tags = ["NOUN", "VERB", "ADJ", "O", "PUNCT"]
    rows, skill = [], rng.choice([0.2, 0.8, 1])
    for _ in range(rng.choice([1, 1, 2, 5, 40])):
        n = rng.choice([0, 1, 2, 6, 20])
        y = [rng.randrange(len(tags)) for _ in range(n)]
        rows.append([y, [t if rng.random() < skill else rng.randrange(len(tags)) for t in y]])
    return {"tags": tags, "scheme": None if scheme == "lenient" else scheme, "rows": rows}


cases = [case("lenient", hostile) for hostile in (False, True) for _ in range(1500)]
cases += [case(s) for s in letters for _ in range(500)] + [case("plain") for _ in range(300)]
done = subprocess.run([cli, "sequence"], input="".join(json.dumps(c) + "\n" for c in cases), capture_output=True, text=True)
answers = [json.loads(line) for line in done.stdout.splitlines()]
assert len(answers) == len(cases), done.stderr


def check(what, ours, theirs):
    if abs(ours - theirs) > 1e-12:
        bad.append(what)
        if len(bad) < 10:
            print(f"FAIL {what}: {ours!r} instead of {theirs!r}")


def averages(name, ours, y, p, score, **kw):
    some = sum(t["support"] for t in ours["types"].values()) > 0
    check(f"{name} micro", ours["span_f1"], score(y, p, average="micro", **kw)[2])
    if ours["types"]:
        check(f"{name} macro", ours["span_macro_f1"], score(y, p, average="macro", **kw)[2])
    if some:
        check(f"{name} weighted", ours["span_weighted_f1"], score(y, p, average="weighted", **kw)[2])


for i, (c, ours) in enumerate(zip(cases, answers)):
    name, tags = f"case {i} ({c['scheme'] or 'lenient'})", c["tags"]
    y, p = ([[tags[t] for t in row[side]] for row in c["rows"]] for side in (0, 1))
    n_words = sum(map(len, y))
    check(f"{name} accuracy", ours["word_accuracy"], accuracy_score(y, p) if n_words else 0)
    if c["scheme"] == "plain":
        if n_words:
            flat = [[t for row in side for t in row] for side in (y, p)]
            seen = sorted(set(flat[0]) | set(flat[1]))
            per = m.precision_recall_fscore_support(*flat, labels=seen, zero_division=0)
            check(f"{name} macro", ours["span_macro_f1"], m.f1_score(*flat, average="macro", zero_division=0))
            check(f"{name} weighted", ours["span_weighted_f1"], m.f1_score(*flat, average="weighted", zero_division=0))
            for k, t in enumerate(seen):
                for j, key in enumerate(("precision", "recall", "f1", "support")):
                    check(f"{name} {t} {key}", ours["types"][t][key], per[j][k])
        continue
    if c["scheme"] != "BILOU":
        averages(name, ours, y, p, lenient)
        check(f"{name} precision", ours["span_precision"], lenient(y, p, average="micro")[0])
        check(f"{name} recall", ours["span_recall"], lenient(y, p, average="micro")[1])
        names = sorted({e[0] for side in (y, p) for e in get_entities(side)})
        per = lenient(y, p, average=None)
        if set(names) != set(ours["types"]):
            bad.append(f"{name} types")
            print(f"FAIL {name}: types {sorted(ours['types'])} instead of {names}")
        for k, t in enumerate(names if set(names) == set(ours["types"]) else []):
            for j, key in enumerate(("precision", "recall", "f1", "support")):
                check(f"{name} {t} {key}", ours["types"][t][key], per[j][k])
        spans = [[t, a, b] for t, a, b in get_entities(y[0])]
        if spans != ours["spans"]:
            bad.append(f"{name} spans")
            print(f"FAIL {name}: spans {ours['spans']} instead of {spans}")
    if c["scheme"]:
        check(f"{name} strict", ours["span_strict_f1"], strict(y, p, average="micro", scheme=getattr(schemes, c["scheme"]))[2])

refused = [{"tags": ["O", "X-A"], "scheme": "IOB2", "rows": []}, {"tags": ["O", "S-A"], "scheme": "IOB2", "rows": []},
           {"tags": ["O", ""], "scheme": "plain", "rows": []}, {"tags": ["O", "L-A"], "scheme": "IOBES", "rows": []}]
done = subprocess.run([cli, "sequence"], input="".join(json.dumps(c) + "\n" for c in refused), capture_output=True, text=True)
if done.stdout.split() != ["null"] * len(refused):
    bad.append("refusals")
    print("FAIL refusals:", done.stdout, done.stderr)
print(f"sequence metrics: {len(cases)} cases, {len(bad)} differences")
sys.exit(bool(bad))
