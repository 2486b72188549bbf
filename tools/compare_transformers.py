#!/usr/bin/env python3
"""A finished run beside the same recipe in transformers, on the split that tenet exported. Needs torch and transformers.

  python tools/compare_transformers.py RUN OUT_FOLDER [--seeds 5]     both sides train once a seed; a line a seed, then the
                                                                      paired difference of test accuracy with its interval;
                                                                      seeds already in OUT_FOLDER/seeds.jsonl are not run again
  python tools/compare_transformers.py RUN OUT_FOLDER --one-order     dropout off, one start, one batch order: the share of
                                                                      test rows on which the two models agree
Wants the tenet program at build/tenet (and build/tests/train_cli for --one-order).
"""
import argparse
import csv
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers
import yaml
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, EarlyStoppingCallback, Trainer, TrainingArguments

ROOT = pathlib.Path(__file__).resolve().parent.parent


def value(plan, path):
    for key in path.split("/"):
        plan = plan[key]
    return plan["value"] if isinstance(plan, dict) and "value" in plan else plan


def read_rows(run, plan):
    """{split: [(id, text, label)]} as the run split its data."""
    source, base = value(plan, "data/source"), pathlib.Path(value(plan, "data/base"))
    files = {"": source} if isinstance(source, str) else {k: source[k] for k in ("train", "validation", "test") if k in source}
    text, label = value(plan, "data/text_column"), value(plan, "data/label_column")
    ident = value(plan, "data/id_column") if "id_column" in plan["data"] else None
    found = {}
    for split, name in files.items():
        with open(base / name, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            line = 2
            for row in reader:
                key = row[ident] if ident else f"{split}-{line}" if len(files) > 1 else f"row-{line}"
                found[key] = (key, row[text].strip(), row[label].strip())
                line = reader.line_num + 1
    out = {"train": [], "validation": [], "test": []}
    for row in csv.DictReader(open(run / "data/split.csv", encoding="utf-8")):
        if row["split"] in out:
            out[row["split"]].append(found[row["id"]])
    return out


def scores(labels, truth, predicted):
    f1 = f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    return {"accuracy": float(np.mean([a == b for a, b in zip(truth, predicted)])), "macro_f1": float(np.mean(f1)), "f1": dict(zip(labels, map(float, f1)))}


def ours(seed, work, model, recipe):
    out = work / f"tenet-{seed}"
    brief = work / f"brief-{seed}.md"
    recipe = {**recipe, "seeds": [seed]}
    brief.write_text("---\n" + yaml.safe_dump({"data": {"train": "train.csv", "validation": "validation.csv", "test": "test.csv", "text": "text", "label": "label", "id": "id"},
                                               "model": model, "recipe": recipe, "use": "research"}) + "---\nTask: fine-tune a text classification model, single label, one of several classes.\n")
    start = time.time()
    done = subprocess.run([ROOT / "build/tenet", "run", brief, "--out", out, "--yes", "--quiet", "--replace"], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    rows = list(csv.DictReader(open(out / "eval/predictions.csv", encoding="utf-8")))
    seconds = json.loads((out / "env.json").read_text())["seconds"]["tune"]
    return [r["predicted"] for r in rows], seconds, time.time() - start


class Rows(torch.utils.data.Dataset):
    def __init__(self, tokenizer, rows, labels, longest):
        self.items = [{**tokenizer(text, truncation=True, max_length=longest), "label": labels.index(label)} for _, text, label in rows]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def theirs(seed, work, model, recipe, rows, labels):
    tokenizer = AutoTokenizer.from_pretrained(model)
    data = {s: Rows(tokenizer, rows[s], labels, recipe["max_tokens"]) for s in rows}
    transformers.set_seed(seed)
    net = AutoModelForSequenceClassification.from_pretrained(model, num_labels=len(labels))
    args = TrainingArguments(output_dir=work / f"trainer-{seed}", num_train_epochs=recipe["epochs"], per_device_train_batch_size=recipe["batch_size"],
                             per_device_eval_batch_size=32, learning_rate=recipe["learning_rate"], lr_scheduler_type=recipe["schedule"],
                             warmup_steps=recipe["warmup_ratio"], weight_decay=recipe["weight_decay"], max_grad_norm=recipe["max_grad_norm"], seed=seed,
                             eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="macro_f1", save_total_limit=1,
                             report_to="none", use_cpu=True, disable_tqdm=True, logging_strategy="no")

    def metrics(p):
        return {"macro_f1": f1_score(p.label_ids, p.predictions.argmax(-1), labels=range(len(labels)), average="macro", zero_division=0)}

    callbacks = [EarlyStoppingCallback(recipe["patience"])] if recipe["patience"] else []
    trainer = Trainer(net, args, train_dataset=data["train"], eval_dataset=data["validation"], processing_class=tokenizer, compute_metrics=metrics, callbacks=callbacks)
    start = time.time()
    trainer.train()
    seconds = time.time() - start
    predicted = trainer.predict(data["test"]).predictions.argmax(-1)
    return [labels[i] for i in predicted], seconds


def compare_seeds(args, work, model, recipe, rows, labels):
    truth = [label for _, _, label in rows["test"]]
    log = work / "seeds.jsonl"
    done = {r["seed"]: r for r in map(json.loads, log.read_text(encoding="utf-8").splitlines())} if log.exists() else {}
    for seed in range(args.seeds):
        if seed not in done:
            mine, tune, _ = ours(seed, work, model, recipe)
            its, trained = theirs(seed, work, model, recipe, rows, labels)
            done[seed] = {"seed": seed, "tenet": scores(labels, truth, mine), "transformers": scores(labels, truth, its), "tenet_seconds": round(tune, 1),
                          "transformers_seconds": round(trained, 1)}
            with open(log, "a", encoding="utf-8") as out:
                out.write(json.dumps(done[seed], ensure_ascii=False) + "\n")
        print(json.dumps(done[seed], ensure_ascii=False), flush=True)
    differences = [done[seed]["tenet"]["accuracy"] - done[seed]["transformers"]["accuracy"] for seed in range(args.seeds)]
    n, mean = len(differences), statistics.mean(differences)
    # Student's t at 97.5 % for n - 1 degrees of freedom.
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}.get(n)
    half = t * statistics.stdev(differences) / math.sqrt(n) if t else float("nan")
    print(json.dumps({"paired_difference_points": round(100 * mean, 2), "low": round(100 * (mean - half), 2), "high": round(100 * (mean + half), 2), "seeds": n,
                      "above_minus_1.5": bool(mean - half > -0.015)}))


def compare_one_order(work, model, recipe, rows, labels):
    cli, start, out = ROOT / "build/tests/train_cli", work / "start", work / "one-order"
    subprocess.run([cli, "init", model, start, str(len(labels))], check=True)
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = {s: [tokenizer(text, truncation=True, max_length=recipe["max_tokens"])["input_ids"] for _, text, _ in rows[s]] for s in rows}
    label = [labels.index(x) for _, _, x in rows["train"]]
    rng, order = np.random.default_rng(0), []
    for _ in range(recipe["epochs"]):
        shuffled = rng.permutation(len(label)).tolist()
        order += [shuffled[k:k + recipe["batch_size"]] for k in range(0, len(shuffled), recipe["batch_size"])]
    (work / "rows").write_text("".join(f"{y} {' '.join(map(str, x))}\n" for y, x in zip(label, ids["train"])))
    (work / "order").write_text("".join(" ".join(map(str, b)) + "\n" for b in order))
    subprocess.run([cli, "train", start, work / "rows", out, f"steps={len(order)}", f"lr={recipe['learning_rate']}", f"warmup={recipe['warmup_ratio']}",
                    f"decay={recipe['weight_decay']}", "dropout=0", f"order={work / 'order'}"], check=True, stdout=subprocess.DEVNULL)
    net = AutoModelForSequenceClassification.from_pretrained(start, attn_implementation="eager").eval()
    plain = [p for n, p in net.named_parameters() if "bias" in n or "LayerNorm" in n]
    decayed = [p for n, p in net.named_parameters() if not ("bias" in n or "LayerNorm" in n)]
    opt = torch.optim.AdamW([{"params": decayed, "weight_decay": recipe["weight_decay"]}, {"params": plain, "weight_decay": 0.0}], lr=recipe["learning_rate"])
    schedule = transformers.get_linear_schedule_with_warmup(opt, math.ceil(len(order) * recipe["warmup_ratio"]), len(order))

    def batch_of(rows_of):
        return tokenizer.pad({"input_ids": rows_of}, return_tensors="pt")

    for batch in order:
        x = batch_of([ids["train"][i] for i in batch])
        loss = net(**x, labels=torch.tensor([label[i] for i in batch])).loss
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe["max_grad_norm"])
        opt.step()
        schedule.step()
    trained = AutoModelForSequenceClassification.from_pretrained(out / "model").eval()
    answers = []
    with torch.no_grad():
        for model_ in (trained, net):
            answers.append([int(model_(**batch_of([x])).logits.argmax()) for x in ids["test"]])
    equal = float(np.mean([a == b for a, b in zip(*answers)]))
    print(json.dumps({"one_order": True, "steps": len(order), "test_rows": len(answers[0]), "equal_predictions": round(equal, 5), "at_least_0.995": equal >= 0.995}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--one-order", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="change the plan's recipe for both sides, for example epochs=3")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    transformers.logging.set_verbosity_error()
    plan = yaml.safe_load((args.run / "plan.yaml").read_text(encoding="utf-8"))
    lock = json.loads((args.run / "lock.json").read_text(encoding="utf-8"))
    rows = read_rows(args.run, plan)
    labels = value(plan, "task/labels")
    recipe = {k: value(plan, f"recipe/{k}") for k in ("epochs", "batch_size", "learning_rate", "schedule", "warmup_ratio", "weight_decay", "max_grad_norm", "max_tokens", "patience")}
    recipe |= {k: yaml.safe_load(v) for k, v in (pair.split("=", 1) for pair in args.set)}
    found = [json.loads(line) for line in subprocess.run([ROOT / "build/tenet", "hub", "ls", "--json"], capture_output=True, text=True, check=True).stdout.splitlines()]
    model = next(m["folder"] for m in found if m["id"] == lock["model"]["id"])
    work = args.out.resolve()
    work.mkdir(parents=True, exist_ok=True)
    for split, table in rows.items():
        with open(work / f"{split}.csv", "w", encoding="utf-8", newline="") as out:
            w = csv.writer(out, lineterminator="\n")
            w.writerow(["id", "text", "label"])
            w.writerows(table)
    print(json.dumps({"model": lock["model"]["id"], "rows": {s: len(r) for s, r in rows.items()}, "recipe": recipe}), file=sys.stderr)
    if args.one_order:
        compare_one_order(work, model, recipe, rows, labels)
    else:
        compare_seeds(args, work, model, recipe, rows, labels)


main()
