#!/usr/bin/env python3
"""Data sets against Python: csv and json for loading, pandas where it is installed, the plain definition for duplicates.

  python tests/parity/data_parity.py [--cli build/tests/data_cli] [CSV ...]

Loading: same texts, labels, order. Duplicates: the pairs and similarities of all pairs compared one by one, to the bit.
Splits: sizes a class, near duplicates never parted, the same for the same seed. One line a check; exit 1 on a failure.
"""
import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unicodedata

parser = argparse.ArgumentParser()
parser.add_argument("--cli", default="build/tests/data_cli")
parser.add_argument("csv", nargs="*")
args = parser.parse_args()
if not os.path.exists(args.cli):
    subprocess.run(["ninja", "-C", os.path.dirname(os.path.dirname(args.cli)) or "build", "tests/data_cli"], check=True,
                   stdout=subprocess.DEVNULL)

BLANKS = " \t\r\n"
MISSING = {"", "NaN", "nan", "NULL", "null", "<NA>", "#N/A"}
WORDS = ("giao hàng nhanh nhưng chất lượng sản phẩm không như mô tả shop tư vấn nhiệt tình sẽ ủng hộ lần sau ĐẸP lắm "
         "the quick delivery was good but ﬁlm Ａ１ ① naïve café 日本語 😆 ½").split()
failed = 0


def check(name, ok, detail=""):
    global failed
    failed += not ok
    print("ok  " if ok else "FAIL", name, detail)


def ours(*argv):
    done = subprocess.run([args.cli, *argv], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{argv}: {done.stderr}")
    return json.loads(done.stdout)


def kept(rows):
    """What must be left of (text, label) pairs."""
    rows = [(t.strip(BLANKS), l.strip(BLANKS)) for t, l in rows]
    return [(t, l) for t, l in rows if t not in MISSING and l not in MISSING]


def loading(folder):
    rng = random.Random(0)
    pieces = ['"', ",", "\n", "\r\n", " ", "\t", ";", "a", "ệ", "e\u0323\u0302", "😆", "NaN", "None", "'", "\\", "\u2028", "x y z"]
    for seed in range(20):
        rows = [("".join(rng.choices(pieces, k=rng.randint(0, 12))), rng.choice(["neg", "pos", "neutral", ""])) for _ in range(200)]
        path = os.path.join(folder, f"r{seed}.csv")
        with open(path, "w", encoding="utf-8-sig" if seed % 3 == 0 else "utf-8", newline="") as f:
            w = csv.writer(f, lineterminator="\r\n" if seed % 2 else "\n", quoting=csv.QUOTE_ALL if seed % 5 == 0 else csv.QUOTE_MINIMAL)
            w.writerow(["text", "label"])
            w.writerows(rows)
        got = [(r[1], r[2]) for r in ours(path)["rows"]]
        if got != kept(rows):
            check(f"csv {seed}", False, next((x for x in zip(got, kept(rows)) if x[0] != x[1]), (len(got), len(kept(rows)))))
            return
        path = path[:-4] + ".jsonl"
        with open(path, "w", encoding="utf-8") as f:
            for t, l in rows:
                row = {"label": l or None, "text": t, "extra": [1, {"a": None}]}
                f.write(json.dumps(row, ensure_ascii=seed % 2 == 0) + "\n")
        got = [(r[1], r[2]) for r in ours(path)["rows"]]
        if got != kept(rows):
            check(f"jsonl {seed}", False)
            return
    check("loading: 20 random csv and 20 jsonl files of 200 rows, against csv and json", True)


def loading_file(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    text = next(c for c in rows[0] if c.lower() in ("text", "review"))
    label = next(c for c in rows[0] if c.lower() in ("label", "category"))
    got = ours(path)
    check(f"loading {os.path.basename(os.path.dirname(path))}/{os.path.basename(path)}",
          [(r[1], r[2]) for r in got["rows"]] == kept([(r[text], r[label]) for r in rows]), f"{len(rows)} rows")
    try:
        import pandas
    except ImportError:
        return
    frame = pandas.read_csv(path, keep_default_na=False, dtype=str)
    check("  and pandas", [(r[1], r[2]) for r in got["rows"]] == kept(zip(frame[text], frame[label])))


def fold(text):
    return " ".join("".join(c.lower() for c in unicodedata.normalize("NFKC", text)).split())


def grams(text):
    return {text[i:i + 5] for i in range(max(1, len(text) - 4))}


def naive(texts):
    """Pairs (row, other, similarity) among the first rows of each different text."""
    folded = [fold(t) for t in texts]
    first = {}
    for i, t in enumerate(folded):
        first.setdefault(t, i)
    exact = {(i, first[t]) for i, t in enumerate(folded) if first[t] != i}
    alone = sorted(first.values())
    sets = {i: grams(folded[i]) for i in alone}
    near = {}
    for n, i in enumerate(alone):
        for k in alone[:n]:
            a, b = sets[i], sets[k]
            if min(len(a), len(b)) < 0.79 * max(len(a), len(b)):
                continue
            both = len(a & b)
            if both / (len(a) + len(b) - both) >= 0.8:
                near[i, k] = both / (len(a) + len(b) - both)
    return exact, near


def mutate(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, 2)):
        k = rng.randrange(len(words))
        what = rng.randrange(4)
        if what == 0:
            words[k] = words[k].upper()
        elif what == 1:
            words[k] = unicodedata.normalize("NFD", words[k])
        elif what == 2:
            words[k] += "!"
        else:
            words[k] = rng.choice(WORDS)
    return rng.choice([" ", "  "]).join(words)


def write_csv(path, texts):
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow(["text", "label"])
        w.writerows((t, "ab"[i % 2]) for i, t in enumerate(texts))


def duplicates(folder, texts, name):
    path = os.path.join(folder, "d.csv")
    # One label: then the first of equal rows stays, as in naive().
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow(["text", "label"])
        w.writerow(["a row of another class so that there are two", "b"])
        w.writerow(["a second row which is of the other class too", "b"])
        w.writerow(["and the third one ends what is needed for it", "b"])
        w.writerows((t, "a") for t in texts)
    out = ours(path)
    texts = [r[1] for r in out["rows"]]
    exact, near = naive(texts)
    got_exact = {(a, b) for a, b, s, gone in out["pairs"] if gone}
    got_near = {(a, b): s for a, b, s, gone in out["pairs"] if not gone}
    check(f"duplicates: {name}", got_exact == exact and got_near == near,
          f"{len(texts)} rows, {len(exact)} exact, {len(near)} near; differing {len(got_exact ^ exact)}, {len(set(got_near.items()) ^ set(near.items()))}")
    split = [r[3] for r in out["rows"]]
    check("  near duplicates stand in one split", all(split[a] == split[b] for a, b in near))
    check("  same seed, same split", [r[3] for r in ours(path, "seed=0")["rows"]] == split)


def main():
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        loading(folder)
        files = args.csv or [p for p in ("examples/vietnamese-reviews/reviews.csv",) if os.path.exists(p)]
        for path in files:
            loading_file(path)
        texts = []
        while len(texts) < 1500:
            texts.append(mutate(rng, rng.choice(texts)) if texts and rng.random() < 0.4
                         else " ".join(rng.choices(WORDS, k=rng.randint(1, 25))))
        duplicates(folder, texts, "random")
        for path in files:
            with open(path, encoding="utf-8-sig", newline="") as f:
                rows = list(csv.DictReader(f))
            text = next(c for c in rows[0] if c.lower() in ("text", "review"))
            duplicates(folder, [r[text] for r in rows[:1500]], path)
        many = [" ".join(rng.choices(WORDS, k=rng.randint(5, 40))) for _ in range(20000)]
        many[1::7] = [mutate(rng, t) for t in many[0::7][:len(many[1::7])]]
        path = os.path.join(folder, "many.csv")
        write_csv(path, many)
        start = time.time()
        out = ours(path)
        print(f"     20,000 rows: {time.time() - start:.2f} s in all, {len(out['pairs'])} pairs")
    sys.exit(failed > 0)


main()
