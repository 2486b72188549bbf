#!/usr/bin/env python3
"""What `tenet predict` says of sets of labels, numbers, pairs and zero-shot against transformers' pipelines, on models of
small runs that transformers loads as they are. Scores within 2e-6 (numbers: of their size); all keys of the files used."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
root = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(root / "tests" / "e2e"))
from small_tasks import write_jobs
import transformers
from transformers import AutoModelForSequenceClassification, pipeline

transformers.logging.set_verbosity_error()
tenet = root / "build" / "tenet"
TEXTS = ["cheap and fast", "the rude town said that it was expensive", "ok", "slow slow slow helpful shop order yesterday"]
bad, worst = 0, {}


def answers(*args, lines=None):
    done = subprocess.run([tenet, "predict", *map(str, args), "--json"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(what, ours, theirs):
    global bad
    apart = max(abs(a - b) / max(1, abs(b)) for a, b in zip(ours, theirs, strict=True))
    bad += not apart <= 2e-6
    worst[what] = max(worst.get(what, 0), apart)


with tempfile.TemporaryDirectory() as tmp:
    work = pathlib.Path(tmp)
    for name, brief in write_jobs(work).items():
        if name == "flags":
            continue
        subprocess.run([tenet, "run", brief, "--out", work / name, "--yes", "--quiet"], capture_output=True)
        model = work / name / "deploy/model"
        _, info = AutoModelForSequenceClassification.from_pretrained(model, output_loading_info=True)
        left = [k for k in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(k)]
        bad += bool(left)
        classify = pipeline("text-classification", model=str(model))
        rows = [{"text": t, "text_pair": p} if name in ("pairs", "likeness") else t for t, p in zip(TEXTS, reversed(TEXTS))]
        lines = "".join(json.dumps(r if isinstance(r, dict) else {"text": r}) + "\n" for r in rows)
        ours = answers(model, "--file", "-", "--input", "jsonl", "--top", 9, lines=lines)
        ours = [o if isinstance(o, list) else [o] for o in ours]
        theirs = [classify(r, top_k=None) for r in rows]
        for o, t in zip(ours, theirs):
            o, t = ({x["label"]: x["score"] for x in side} for side in (o, t))
            bad += set(o) != set(t)
            if set(o) == set(t):
                check(name, [o[k] for k in sorted(o)], [t[k] for k in sorted(t)])

    nli = work / "nli"
    shutil.copytree(work / "pairs/deploy/model", nli)
    for labels in (["contradiction", "entailment"], ["Entailment", "not_entailment"]):
        config = json.loads((nli / "config.json").read_text())
        config["id2label"], config["label2id"] = dict(enumerate(labels)), {l: i for i, l in enumerate(labels)}
        (nli / "config.json").write_text(json.dumps(config))
        zero = pipeline("zero-shot-classification", model=str(nli))
        for extra, options in (([], {}), (["--multi-label"], {"multi_label": True}), (["--hypothesis", "it says {}"], {"hypothesis_template": "it says {}"})):
            for text in [*TEXTS, "the order " * 200]:
                for names in ("price, speed, kind staff", "price"):
                    o = answers(nli, "--text", text, "--labels", names, *extra)[0]
                    t = zero(text, [n.strip() for n in names.split(",")], **options)
                    check(f"zero-shot {labels[0]} {extra}", *([s[1] for s in sorted(zip(x["labels"], x["scores"]))] for x in (o, t)))

for what, apart in worst.items():
    print(f"{what}: largest difference {apart:.2g}")
print(f"{bad} differences" if bad else "all equal")
sys.exit(bad > 0)
