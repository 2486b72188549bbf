#!/usr/bin/env python3
"""Adapters both ways against peft, on small random models of every family (random_models.py).

  python tests/parity/lora_parity.py [--cli build/tests] [SHAPE ...]

Ours to peft: adapters that we trained and wrote give the same logits there, and the model that we merged those of peft's
merge. peft's to ours: random adapters of several settings give the same logits here. max|a-b| / max|b| <= 1e-5.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import peft
import torch
import transformers
from transformers import AutoModelForSequenceClassification

import random_models
from parity_rows import check, close, failures, make_rows


def our_logits(cli, folder, rows, work):
    out = os.path.join(work, "logits")
    subprocess.run([os.path.join(cli, "model_cli"), "logits", folder, os.path.join(work, "ids.jsonl"), out], check=True)
    return np.fromfile(out, np.float32).reshape(len(rows), -1)


def their_logits(model, rows):
    model.eval()
    with torch.no_grad():
        return np.array([model(input_ids=torch.from_numpy(ids)[None]).logits[0].double().numpy() for _, ids in rows])


def base_of(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")


def randomise(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                p.copy_(0.2 * torch.randn_like(p))


def one(cli, shape, work):
    folder = random_models.make(shape, os.path.join(work, shape))
    rows = make_rows(transformers.AutoConfig.from_pretrained(folder).vocab_size, 60)
    with open(os.path.join(work, "rows"), "w") as f:
        f.writelines(f"{label} {' '.join(map(str, ids))}\n" for label, ids in rows)
    rows = rows[:24]
    with open(os.path.join(work, "ids.jsonl"), "w") as f:
        f.writelines(json.dumps({"ids": ids.tolist()}) + "\n" for _, ids in rows)
    out = os.path.join(work, "out")
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([os.path.join(cli, "train_cli"), "train", folder, os.path.join(work, "rows"), out, "steps=6", "lr=0.01", "lora=4", "alpha=8", "lora_dropout=0.1"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    adapter = os.path.join(out, "adapter")
    model = peft.PeftModel.from_pretrained(base_of(folder), adapter)
    theirs = their_logits(model, rows)
    close(f"{shape}: our adapter in peft", our_logits(cli, adapter, rows, work), theirs)
    merged = model.merge_and_unload()
    close(f"{shape}: our merged model", our_logits(cli, os.path.join(out, "model"), rows, work), their_logits(merged, rows))
    loaded, info = AutoModelForSequenceClassification.from_pretrained(os.path.join(out, "model"), output_loading_info=True)
    check(f"{shape}: our merged model in transformers", not info["missing_keys"] and not info["unexpected_keys"], str({k: list(v)[:3] for k, v in info.items() if v}))
    moved = max(float((a - b).abs().max()) for (_, a), (_, b) in zip(sorted(loaded.named_parameters()), sorted(base_of(folder).named_parameters())))
    check(f"{shape}: training moved it", moved > 1e-3, f"by {moved:.2e}")

    linear = sorted({n.rsplit(".", 1)[-1] for n, m in base_of(folder).named_modules() if isinstance(m, torch.nn.Linear)} - {"classifier", "out_proj", "pre_classifier"})
    settings = {
        # peft's own all-linear takes DistilBERT's pre_classifier for both an adapted and a saved module, and fails.
        "all-linear": dict(task_type="SEQ_CLS", r=4, lora_alpha=8, target_modules=linear if shape.startswith("distilbert") else "all-linear"),
        "rslora": dict(task_type="SEQ_CLS", r=3, lora_alpha=5, target_modules=linear[:1], use_rslora=True),
        "ranks of their own, biases": dict(task_type="SEQ_CLS", r=4, target_modules=linear, rank_pattern={linear[-1]: 2}, bias="all", exclude_modules=r".*(pooler|head|classifier)\..*"),
    }
    for name, setting in settings.items():
        torch.manual_seed(0)
        theirs = peft.get_peft_model(base_of(folder), peft.LoraConfig(**setting))
        randomise(theirs)
        saved = os.path.join(work, "theirs")
        shutil.rmtree(saved, ignore_errors=True)
        theirs.save_pretrained(saved)
        close(f"{shape}: peft's adapter here, {name}", our_logits(cli, saved, rows, work), their_logits(theirs, rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build/tests")
    parser.add_argument("shapes", nargs="*")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    subprocess.run(["ninja", "-C", "build", "tests/train_cli", "tests/model_cli"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as work:
        for shape in args.shapes or random_models.SHAPES:
            one(args.cli, shape, work)
    sys.exit(failures())


main()
