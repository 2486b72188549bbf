"""The same plan in transformers: every setting is read from plan.yaml, none is in this file.

    python train.py plan.yaml OUT [--model ID_OR_FOLDER --revision COMMIT]

Needs: transformers, datasets, accelerate, torch, scikit-learn, pyyaml; peft for adapters. Writes OUT/model, OUT/metrics.json, OUT/plan.yaml.
"""
import argparse
import csv
import json
import pathlib
import re
import shutil

import numpy as np
import torch
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


def recipe_values():
    """The recipe; of a run that searched, with the values it found (tune/search.json beside the plan). One seed: the first."""
    recipe = {k: v["value"] if isinstance(v, dict) and "value" in v else v for k, v in plan["recipe"].items()}
    found = options.plan.parent / "tune/search.json"
    if found.exists():
        recipe.update(json.loads(found.read_text()).get("chosen", {}).get("recipe", {}))
    return recipe


def adapt(model):
    """Freezing and adapters of the recipe."""
    recipe = recipe_values()
    freeze, lora = recipe.get("freeze", "none"), recipe.get("lora", "none")
    below = {"none": 0, "embeddings": 1, "encoder": 10**6}.get(freeze, freeze if isinstance(freeze, str) else freeze + 1)
    for parameter, layer, is_head in layers_of(model):
        parameter.requires_grad = is_head or layer >= below
    if lora == "none":
        return model
    import peft
    heads = sorted({n.rsplit(".", 1)[0] for n, p in model.named_parameters() if of_head(model, n)})
    linear = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and not of_head(model, n + ".weight")]
    targets = lora.get("targets", "all-linear")
    if targets != "all-linear":
        linear = [n for n in linear if any(n == t or n.endswith("." + t) for t in targets)]
    kind = {"text-classification": "SEQ_CLS", "token-classification": "TOKEN_CLS", "question-answering": "QUESTION_ANS"}.get(value("task/tag"))
    return peft.get_peft_model(model, peft.LoraConfig(task_type=kind, r=lora["rank"], lora_alpha=lora.get("alpha", 2 * lora["rank"]), lora_dropout=lora.get("dropout", 0.0),
                                                      use_rslora=lora.get("rslora", False), target_modules=linear, modules_to_save=heads))


def of_head(model, name):
    return ".pooler." in name or not name.startswith(model.base_model_prefix + ".")


def layers_of(model):
    """Each parameter with its layer (0: embeddings, then 1, 2, ...) and whether it is the head's."""
    out = []
    for name, parameter in model.named_parameters():
        place = re.search(r"\.(?:layers?|h|albert_layer_groups)\.(\d+)\.", name)
        out.append((parameter, int(place.group(1)) + 1 if place else 0, of_head(model, name)))
    return out


def trainer_options(model, labels=None, counts=None):
    """Rates by layer, and class weights, for the Trainer. counts: rows of each label."""
    recipe = recipe_values()
    more, decay, weights = {}, recipe.get("layer_decay", 1), recipe.get("class_weights", "none")
    if decay != 1 and recipe.get("lora", "none") == "none":
        places = layers_of(model)
        top = max(layer for _, layer, _ in places) + 1
        names = {id(p): n for n, p in model.named_parameters()}
        groups = [{"params": [p], "lr": recipe["learning_rate"] * decay ** (0 if is_head else top - layer),
                   "weight_decay": 0.0 if names[id(p)].endswith("bias") or "norm" in names[id(p)].lower() else recipe["weight_decay"]} for p, layer, is_head in places if p.requires_grad]
        more["optimizers"] = (torch.optim.AdamW(groups), None)
    if weights != "none" and labels:
        weight = [sum(counts) / (len(labels) * n) if n else 1.0 for n in counts] if weights == "balanced" else [weights.get(x, 1.0) for x in labels]
        loss = torch.nn.CrossEntropyLoss(torch.tensor(weight), label_smoothing=recipe.get("label_smoothing", 0.0))
        more["compute_loss_func"] = lambda out, target, num_items_in_batch=None: loss(out.logits.flatten(0, -2), target.flatten())
    return more


def arguments(kind, metric, **more):
    recipe = recipe_values()
    passes, schedule = recipe.get("accumulation", 1), recipe["schedule"]
    return kind(output_dir=str(options.out / "checkpoints"), seed=recipe["seeds"][0], data_seed=recipe["seeds"][0], num_train_epochs=recipe["epochs"],
                per_device_train_batch_size=recipe["batch_size"] // passes, gradient_accumulation_steps=passes, per_device_eval_batch_size=recipe["batch_size"],
                learning_rate=recipe["learning_rate"], label_smoothing_factor=recipe.get("label_smoothing", 0.0),
                lr_scheduler_type="constant_with_warmup" if schedule == "constant" else schedule, warmup_steps=recipe["warmup_ratio"], weight_decay=recipe["weight_decay"],
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
