#!/usr/bin/env python3
"""A made-up repository for the bench of `tenet check`: 10,000 files of the sizes and kinds that real ones have.

    make_repository.py FOLDER [N]

Seven in ten are Python (training scripts, modules, tests), one in ten each notebooks, cards and settings. The same N gives
the same bytes."""
import json
import pathlib
import random
import sys

folder, n = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10000
rng = random.Random(4)
words = "review price order delivery quality refund customer score batch token label split margin warmup gradient cache shard index query answer".split()
models = ["FacebookAI/xlm-roberta-base", "vinai/phobert-base", "google-bert/bert-base-uncased", "intfloat/multilingual-e5-small"]


def sentence(k):
    return " ".join(rng.choice(words) for _ in range(k))


def function(i):
    a, b, c = rng.sample(words, 3)
    return f'''
def {a}_{b}_{i}({b}, {c}=None, *, limit={rng.randint(2, 400)}):
    """{sentence(9)}.

    {sentence(14)}
    """
    found = []
    for position, {a} in enumerate({b}):
        if {a} is None or ({c} and {a}["{c}"] not in {c}):
            continue
        value = {{"{a}": {a}, "position": position, "{c}": [x ** 2 for x in range(limit) if x % {rng.randint(2, 9)}]}}
        try:
            found.append(normalise(value, mode="{b}", scale={rng.random():.4f}))
        except (KeyError, ValueError) as problem:
            logger.warning("skipped %s: %s", position, problem)
    return sorted(found, key=lambda item: (-item["position"], str(item["{a}"])))[:limit]
'''


def klass(i):
    a, b = rng.sample(words, 2)
    return f'''
class {a.title()}{b.title()}{i}(Base):
    """{sentence(12)}"""

    {a}: int = {rng.randint(1, 99)}

    def __init__(self, {b}, path="data/{a}.csv"):
        super().__init__()
        self.{b}, self.path = {b}, Path(path)
        self.rows = {{row["id"]: row for row in csv.DictReader(open(path))}} if self.path.exists() else {{}}

    @property
    def {b}_count(self):
        return sum(1 for row in self.rows.values() if row.get("{b}"))

    def forward(self, inputs, mask=None):
        hidden = self.encoder(inputs, attention_mask=mask).last_hidden_state
        pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.head(self.dropout(pooled))
'''


HEAD = '''"""{}"""
from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import torch

from .base import Base, normalise

logger = logging.getLogger(__name__)
'''


def training():
    model = rng.choice(models)
    return f'''"""{sentence(10)}"""
import argparse

import evaluate
import numpy as np
from datasets import load_dataset
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainingArguments, set_seed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="{model}")
    parser.add_argument("--epochs", type=int, default={rng.randint(1, 5)})
    options = parser.parse_args()
    set_seed({rng.randint(0, 99)})
    data = load_dataset("csv", data_files={{"train": "train.csv", "validation": "validation.csv", "test": "test.csv"}})
    tokenizer = AutoTokenizer.from_pretrained(options.model)

    def encode(batch):
        return tokenizer(batch["text"], truncation=True, max_length={rng.choice([128, 256])})

    data = data.map(encode, batched=True)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=3)
    f1 = evaluate.load("f1")

    def measure(prediction):
        return f1.compute(predictions=np.argmax(prediction.predictions, -1), references=prediction.label_ids, average="macro")

    args = TrainingArguments("out", num_train_epochs=options.epochs, eval_strategy="epoch", save_strategy="epoch",
                             load_best_model_at_end=True, per_device_train_batch_size={rng.choice([16, 32])})
    trainer = Trainer(model, args, train_dataset=data["train"], eval_dataset=data["validation"],
                      data_collator=DataCollatorWithPadding(tokenizer), compute_metrics=measure)
    trainer.train()
    print(trainer.evaluate(data["test"]))
    trainer.save_model("out/final")


if __name__ == "__main__":
    main()
'''


def notebook():
    cells = [{"cell_type": "markdown", "metadata": {}, "source": [f"# {sentence(4)}\n", sentence(30)]}]
    for i in range(rng.randint(4, 14)):
        code = rng.choice([function(i), f"import pandas as pd\ndf = pd.read_csv('{rng.choice(words)}.csv')\ndf.describe()\n", klass(i)])
        cells.append({"cell_type": "code", "execution_count": i + 1, "metadata": {}, "source": code.splitlines(True),
                      "outputs": [{"output_type": "stream", "name": "stdout", "text": [sentence(20) + "\n" for _ in range(rng.randint(0, 20))]}]})
    return json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def card():
    sections = "\n".join(f"## {sentence(2).title()}\n\n{sentence(60)}\n\n- {sentence(8)}\n- {sentence(8)}\n" for _ in range(rng.randint(5, 10)))
    return f"---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: text-classification\nbase_model: {rng.choice(models)}\n---\n# {sentence(3)}\n\n{sections}"


def settings():
    return "\n".join(f"{a}_{i}:\n  {rng.choice(words)}: {rng.random():.4f}\n  path: data/{a}.csv" for i, a in enumerate(rng.choices(words, k=rng.randint(5, 40)))) + "\n"


for i in range(n):
    kind = i % 10
    place = folder / f"{rng.choice(words)}" / f"{rng.choice(words)}_{i // 40}"
    place.mkdir(parents=True, exist_ok=True)
    if kind < 7:
        text = training() if kind == 0 else HEAD.format(sentence(8)) + "".join(rng.choice([function, klass])(k) for k in range(rng.randint(2, 9)))
        (place / f"{'train' if kind == 0 else rng.choice(words)}_{i}.py").write_text(text)
    elif kind == 7:
        (place / f"{rng.choice(words)}_{i}.ipynb").write_text(notebook())
    elif kind == 8:
        place = place / f"card_{i}"
        place.mkdir()
        (place / "README.md").write_text(card())
    else:
        (place / f"{rng.choice(words)}_{i}.yaml").write_text(settings())
