#!/usr/bin/env python3
"""Words to first sub-words against the tokenizers package (is_pretokenized) and against the labels of transformers' run_ner.

Tokenizers: those of the Hub cache, and the BPE ones made in tokenizer_parity.py, byte-level with add_prefix_space as run_ner
asks for it. Ids and word numbers must be equal, with and without truncation."""
import glob
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import tokenizer_parity as t

root = pathlib.Path(__file__).resolve().parent.parent.parent
cli = root / "build/tests/tokens_cli"
subprocess.run(["ninja", "-C", root / "build", "tests/tokens_cli"], check=True, stdout=subprocess.DEVNULL)
r = random.Random(5)
lines = t.data_lines()
n_all = n_bad = 0


def words(extra):
    if lines and r.random() < 0.3:
        return r.choice(lines).split()[:60] or ["x"]
    return [w for w in (t.text_of(r, extra) if r.random() < 0.3 else r.choice(t.VIET + t.WORDS + t.SCRIPTS + t.EMOJI) for _ in range(r.randrange(1, 12)))]


def spaced(component):
    """The file with add_prefix_space wherever ByteLevel stands in the pre-tokenizer, as transformers sets it."""
    if isinstance(component, dict):
        if component.get("type") == "ByteLevel":
            component["add_prefix_space"] = True
        for v in component.values():
            spaced(v)
    elif isinstance(component, list):
        for v in component:
            spaced(v)


def compare(name, file, n, extra=()):
    global n_all, n_bad
    requests = [{"words": words(extra), "max_length": r.choice([0, 0, 0, 6, 16, 33])} for _ in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokenizer.json")
        json.dump(file, open(path, "w"))
        done = subprocess.run([cli, "words", path], input="".join(json.dumps(q) + "\n" for q in requests), capture_output=True, text=True)
    spaced(file["pre_tokenizer"])
    theirs, bad = Tokenizer.from_str(json.dumps(file)), 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != n:
        print(f"FAIL {name}: {done.stderr[:300]}")
        n_bad += 1
        return
    for q, ours in zip(requests, answers):
        theirs.no_padding()
        theirs.no_truncation()
        if q["max_length"]:
            theirs.enable_truncation(q["max_length"])
        try:
            e = theirs.encode(q["words"], is_pretokenized=True)
        except BaseException as x:
            if isinstance(x, KeyboardInterrupt):
                raise
            continue
        n_all += 1
        if ours["ids"] != e.ids or ours["word"] != e.word_ids:
            bad += 1
            if bad <= 3:
                print(f"FAIL {name}: {q!r}\n   ours   {ours}\n   theirs {e.ids} {e.word_ids}")
    n_bad += bad
    print(f"{name}: {n} texts, {bad} differ", flush=True)


cache = os.environ.get("HF_HUB_CACHE") or os.path.expanduser("~/.cache/tenet/hub")
for path in sorted(glob.glob(f"{cache}/**/tokenizer.json", recursive=True)):
    compare("/".join(path.split("/")[-4:-3]), json.load(open(path)), 600)
for name, file in t.make_bpe(lines).items():
    compare(name, file, 500)

# run_ner's labels: the tag on the first token of each word, -100 elsewhere.
try:
    from transformers import AutoTokenizer
    name = next(iter(sorted(glob.glob(f"{cache}/**/tokenizer.json", recursive=True))), None)
    if name:
        auto = AutoTokenizer.from_pretrained(os.path.dirname(name))
        for _ in range(100):
            w = words(())
            e, previous, labels = auto(w, is_split_into_words=True, truncation=True, max_length=32), None, []
            for k in e.word_ids():
                labels.append(-100 if k is None or k == previous else k)
                previous = k
            done = subprocess.run([cli, "words", name], input=json.dumps({"words": w, "max_length": 32}) + "\n", capture_output=True, text=True)
            ours = json.loads(done.stdout)
            got = [-100 if k is None or (i and ours["word"][i - 1] == k) else k for i, k in enumerate(ours["word"])]
            n_all += 1
            if got != labels or ours["ids"] != e["input_ids"]:
                n_bad += 1
                print(f"FAIL run_ner: {w} {got} {labels}")
except ImportError:
    print("transformers is not here: its labels were not compared")
# The public data as read by six lines of Python.
def sentences(path, word, tag):
    rows = [[]]
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if not line.strip():
            rows.append([])
        elif tag == 1 or not line.startswith("#"):
            cells = line.split("\t")
            rows[-1].append((cells[word].strip(), cells[tag]))
    return [([w for w, _ in row], [t for _, t in row]) for row in rows if row]


for name, word, tag in (("wnut17", 0, 1), ("vtb", 1, 3)):
    folder = root.parent / "shared/data" / name
    if not folder.exists():
        print(f"{folder} is not here: reading it was not compared")
        continue
    done = subprocess.run([cli, "load", folder], capture_output=True, text=True)
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    theirs = [s for split in ("train", "dev", "test") for s in sentences(next(folder.glob(f"*{split}*")), word, tag)]
    same = [(q["words"], q["tags"]) for q in ours[:-1]] == theirs
    n_all += len(theirs)
    n_bad += not same
    print(f"{name}: {len(ours) - 1} sentences, {'equal' if same else 'DIFFERENT ' + done.stderr}; {ours[-1] if ours else ''}")
print(f"words: {n_all} texts, {n_bad} differ")
sys.exit(bool(n_bad))
