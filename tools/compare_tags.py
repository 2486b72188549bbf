#!/usr/bin/env python3
"""A finished run of token classification beside the same recipe in transformers (run_ner's way: a word's tag on its first
sub-word), on the run's own split. Needs torch, transformers, seqeval; wants build/tests/tokens_cli.

  python tools/compare_tags.py RUN OUT_FOLDER [--seed 0]

Prints one JSON line: F1 of spans and accuracy of words of both on the test rows, and the paired bootstrap interval
of the difference in F1 over sentences. Words that were cut off count as O on both sides.
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers
import yaml
from seqeval.metrics import accuracy_score, f1_score
from seqeval.metrics.sequence_labeling import get_entities
from transformers import AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification, EarlyStoppingCallback, Trainer, TrainingArguments

from compare_transformers import ROOT, value


def read_rows(run, plan):
    source = value(plan, "data/source")
    if not isinstance(source, str):
        raise SystemExit("the run's data must be one folder or file")
    path = pathlib.Path(value(plan, "data/base")) / source
    done = subprocess.run([ROOT / "build/tests/tokens_cli", "load", path], capture_output=True, text=True, check=True)
    *rows, last = map(json.loads, done.stdout.splitlines())
    by_id, out = {q["id"]: q for q in rows}, {"train": [], "validation": [], "test": []}
    for row in csv.DictReader(open(run / "data/split.csv", encoding="utf-8")):
        if row["split"] in out:
            out[row["split"]].append(by_id[row["id"]])
    return out, last["tags"], last["scheme"]


def encode(tokenizer, rows, tags, longest):
    items = []
    for q in rows:
        x, before, labels = tokenizer(q["words"], is_split_into_words=True, truncation=True, max_length=longest), None, []
        for k in x.word_ids():
            labels.append(-100 if k is None or k == before else tags.index(q["tags"][k]))
            before = k
        items.append({"input_ids": x["input_ids"], "attention_mask": x["attention_mask"], "labels": labels, "words": x.word_ids()})
    return items


def answers(logits, items, rows, tags):
    outside = tags.index("O") if "O" in tags else 0
    out = []
    for line, item, q in zip(logits, items, rows):
        said = [tags[outside]] * len(q["words"])
        for i, (k, label) in enumerate(zip(item["words"], item["labels"])):
            if label != -100:
                said[k] = tags[int(line[i].argmax())]
        out.append(said)
    return out


def train(seed, work, model, recipe, rows, tags, plain):
    transformers.set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model, add_prefix_space=True)
    data = {s: encode(tokenizer, rows[s], tags, recipe["max_tokens"]) for s in rows}
    net = AutoModelForTokenClassification.from_pretrained(model, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id={t: i for i, t in enumerate(tags)})
    args = TrainingArguments(output_dir=work / f"trainer-{seed}", num_train_epochs=recipe["epochs"], per_device_train_batch_size=recipe["batch_size"],
                             per_device_eval_batch_size=32, learning_rate=recipe["learning_rate"], lr_scheduler_type=recipe["schedule"],
                             warmup_steps=recipe["warmup_ratio"], weight_decay=recipe["weight_decay"], max_grad_norm=recipe["max_grad_norm"], seed=seed,
                             eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="f1", save_total_limit=1,
                             report_to="none", use_cpu=True, disable_tqdm=True, logging_strategy="no")

    def metrics(p):
        said = answers(p.predictions, data["validation"], rows["validation"], tags)
        truth = [q["tags"] for q in rows["validation"]]
        return {"f1": accuracy_score(truth, said) if plain else f1_score(truth, said)}

    bare = {s: [{k: v for k, v in item.items() if k != "words"} for item in data[s]] for s in data}
    callbacks = [EarlyStoppingCallback(recipe["patience"])] if recipe["patience"] else []
    trainer = Trainer(net, args, train_dataset=bare["train"], eval_dataset=bare["validation"], processing_class=tokenizer,
                      data_collator=DataCollatorForTokenClassification(tokenizer), compute_metrics=metrics, callbacks=callbacks)
    start = time.time()
    trainer.train()
    return answers(trainer.predict(bare["test"]).predictions, data["test"], rows["test"], tags), time.time() - start


def counts(truth, said, plain):
    out = []
    for y, p in zip(truth, said):
        a, b = (set(enumerate(t)) if plain else set(get_entities(t)) for t in (y, p))
        out.append((len(a & b), len(a), len(b)))
    return np.array(out)


def f1(c):
    hit, there, found = c.sum(0)
    return 2 * hit / (there + found) if there + found else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    plan = yaml.safe_load((args.run / "plan.yaml").read_text(encoding="utf-8"))
    model_id = json.loads((args.run / "lock.json").read_text(encoding="utf-8"))["model"]["id"]
    rows, tags, scheme = read_rows(args.run, plan)
    plain = scheme == "plain"
    recipe = {k: value(plan, f"recipe/{k}") for k in ("epochs", "batch_size", "learning_rate", "schedule", "warmup_ratio", "weight_decay", "max_grad_norm", "max_tokens", "patience")}
    model = pathlib.Path(value(plan, "data/base")) / model_id
    if not model.exists():
        listed = subprocess.run([ROOT / "build/tenet", "hub", "ls", "--json"], capture_output=True, text=True, check=True).stdout
        model = next(m["folder"] for m in map(json.loads, listed.splitlines()) if m["id"] == model_id)
    args.out.mkdir(parents=True, exist_ok=True)
    ours = [r["predicted"].split(" ") for r in csv.DictReader(open(args.run / "eval/predictions.csv", encoding="utf-8"))]
    truth = [q["tags"] for q in rows["test"]]
    theirs, seconds = train(args.seed, args.out, model, recipe, rows, tags, plain)
    a, b, n = counts(truth, ours, plain), counts(truth, theirs, plain), len(truth)
    rng = np.random.default_rng(0)
    draws = [f1(a[i]) - f1(b[i]) for i in (rng.integers(n, size=n) for _ in range(2000))]
    low, high = np.quantile(draws, (0.025, 0.975))
    print(json.dumps({"test_rows": n, "tenet": {"span_f1": f1(a), "word_accuracy": accuracy_score(truth, ours)},
                      "transformers": {"span_f1": f1(b), "word_accuracy": accuracy_score(truth, theirs), "seconds": round(seconds, 1)},
                      "difference": f1(a) - f1(b), "low": float(low), "high": float(high), "not_below": bool(high >= 0)}))


if __name__ == "__main__":
    main()
