"""The same plan in transformers: every setting is read from plan.yaml, none is in this file.

    python train.py plan.yaml OUT [--model ID_OR_FOLDER --revision COMMIT]

Needs: transformers, datasets, accelerate, torch, scikit-learn, pyyaml. Writes OUT/model, OUT/metrics.json, OUT/plan.yaml.
"""
import argparse
import csv
import json
import pathlib
import shutil

import numpy as np
import transformers
import yaml
from datasets import DatasetDict, load_dataset
from transformers import AutoTokenizer, EarlyStoppingCallback

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("plan", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--model", help="instead of the plan's")
parser.add_argument("--revision", help="its commit hash")
options = parser.parse_args()
plan = yaml.safe_load(options.plan.read_text(encoding="utf-8"))


def value(path, missing=None):
    """A value of the plan: recipe/epochs."""
    node = plan
    for key in path.split("/"):
        node = node.get(key) if isinstance(node, dict) else None
        if node is None:
            return missing
    return node.get("value", missing) if isinstance(node, dict) and "value" in node else node


def chosen_model():
    """The id and revision: given here, fixed by the plan, or the first candidate that the plan measured."""
    candidates = value("model/candidates", [])
    name = options.model or (value("model/choice") if value("model/choice") != "select" else None) or (candidates[0]["id"] if candidates else None)
    if not name:
        parser.error("the plan names no model: give --model and --revision")
    name, _, revision = name.partition("@")
    known = next((c.get("revision") for c in candidates if c["id"] == name), None)
    return name, options.revision or revision or known


def read_data():
    """{train, validation, test} as the run split them (data/split.csv beside the plan), as given, or by the plan's seed."""
    source = value("data/source") or value("data/path")
    if not source:
        parser.error("the plan names no data: add `data: FILE` to the brief's front matter and plan again")
    files = {k: v for k, v in source.items() if k in ("train", "validation", "test")} if isinstance(source, dict) else {"train": source}
    base = pathlib.Path(value("data/base", "."))
    files = {k: str(base / v) for k, v in files.items()}
    kind = "json" if all(f.endswith((".json", ".jsonl")) for f in files.values()) else "csv"
    data = load_dataset(kind, data_files=files, **({"sep": "\t"} if all(f.endswith(".tsv") for f in files.values()) else {}))
    by_run = options.plan.parent / "data/split.csv"
    ident = value("data/id_column")
    if by_run.exists() and ident and len(files) == 1:
        with by_run.open(encoding="utf-8") as lines:
            side = {row["id"]: row["split"] for row in csv.DictReader(lines)}
        return DatasetDict({s: data["train"].filter(lambda row, s=s: side.get(str(row[ident])) == s) for s in ("train", "validation", "test")})
    seed = value("data/split_seed", 0)
    for side, share in (("test", value("data/test_share", 0.2) or 0.2), ("validation", value("data/validation_share", 0.15) or 0.15)):
        if side not in data:
            parts = data["train"].train_test_split(test_size=share, seed=seed)
            data["train"], data[side] = parts["train"], parts["test"]
    return data


def arguments(kind, metric, **more):
    recipe = {k: v["value"] for k, v in plan["recipe"].items()}
    return kind(output_dir=str(options.out / "checkpoints"), seed=recipe["seeds"][0], data_seed=recipe["seeds"][0], num_train_epochs=recipe["epochs"],
                per_device_train_batch_size=recipe["batch_size"], per_device_eval_batch_size=recipe["batch_size"], learning_rate=recipe["learning_rate"],
                lr_scheduler_type=recipe["schedule"], warmup_steps=recipe["warmup_ratio"], weight_decay=recipe["weight_decay"],
                max_grad_norm=recipe["max_grad_norm"], eval_strategy="epoch", save_strategy="epoch", save_total_limit=1, load_best_model_at_end=True,
                metric_for_best_model=metric, greater_is_better=not metric.endswith("loss"), report_to="none", **more)


def train_and_evaluate(trainer, test, processor):
    """Tunes with early stopping on validation, opens the test once, and writes what was done."""
    patience = value("recipe/patience", 0)
    if patience:
        trainer.add_callback(EarlyStoppingCallback(patience))
    trainer.train()
    metrics = {"validation": trainer.evaluate(), "test": trainer.evaluate(test, metric_key_prefix="test")}
    trainer.save_model(str(options.out / "model"))
    processor.save_pretrained(str(options.out / "model"))
    (options.out / "metrics.json").write_text(json.dumps(metrics, indent=2))
    shutil.copy(options.plan, options.out / "plan.yaml")
    print(json.dumps(metrics["test"], indent=2))


transformers.set_seed(value("recipe/seeds")[0])
name, revision = chosen_model()
limit = value("recipe/max_tokens", 512)
text_column = value("data/text_column", "text")
data = read_data()
