#!/usr/bin/env python3
"""Fine-tuning of MiniLM, ours and torch's, on the same rows: real tokens a second and peak memory, a JSON line each.

  python bench/peer_train.py [--cli build-bench/tests/train_cli] [--steps N] [MODEL_DIR]

640 rows whose lengths are log-normal (mean 40, sigma 0.6, clipped 4 to 128), batch 32, dropout on, learning rate 5e-5, all
threads. `trainer` is transformers.Trainer with its defaults and padding to the longest of a batch; `torch` the best loop we
know: rows sorted by length within the epoch, batches in random order, SDPA attention, fused AdamW. Each runs in its own
process; the first two steps are not counted; no evaluation, no checkpoint in between. Wants an idle machine.
"""
import argparse
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

BATCH, LABELS, N_ROWS, WARM = 32, 3, 640, 2


def make_rows(path):
    import numpy as np

    rng = np.random.default_rng(0)
    with open(path, "w") as f:
        for _ in range(N_ROWS):
            n = int(np.clip(rng.lognormal(np.log(40) - 0.18, 0.6), 4, 128))
            ids = (rng.pareto(0.8, n - 2) * 50).astype(np.int64) % 29000 + 1000
            f.write(f"{rng.integers(0, LABELS)} 101 {' '.join(map(str, ids))} 102\n")


def read_rows(path):
    with open(path) as f:
        rows = [list(map(int, line.split())) for line in f]
    return [{"input_ids": r[1:], "attention_mask": [1] * (len(r) - 1), "labels": r[0]} for r in rows]


def report(what, tokens, seconds):
    print(json.dumps({"bench": "train", "peer": what, "tokens": tokens, "seconds": round(seconds, 3), "tokens_per_s": round(tokens / seconds),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


def pad(rows):
    import torch

    longest = max(len(r["input_ids"]) for r in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, r in enumerate(rows):
        ids[i, : len(r["input_ids"])] = torch.tensor(r["input_ids"])
        mask[i, : len(r["input_ids"])] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([r["labels"] for r in rows])}


def trainer(folder, path, steps):
    from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    clock = {"begin": 0.0, "end": 0.0}
    fetched = []  # tokens of each batch; the data loader runs ahead of the steps

    class Timer(TrainerCallback):
        def on_step_begin(self, args, state, control, **kw):
            if state.global_step == WARM:
                clock["begin"] = time.perf_counter()

        def on_step_end(self, args, state, control, **kw):
            clock["end"] = time.perf_counter()

    def collate(rows):
        batch = pad(rows)
        fetched.append(int(batch["attention_mask"].sum()))
        return batch

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as out:
        args = TrainingArguments(out, per_device_train_batch_size=BATCH, max_steps=steps, learning_rate=5e-5, report_to="none",
                                 save_strategy="no", use_cpu=True, disable_tqdm=True)
        Trainer(model, args, train_dataset=read_rows(path), data_collator=collate, callbacks=[Timer()]).train()
    report("trainer", sum(fetched[WARM:steps]), clock["end"] - clock["begin"])


def loop(folder, path, steps):
    import torch
    from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup

    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa")
    model.train()
    opt = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0, fused=True)
    schedule = get_linear_schedule_with_warmup(opt, 0, steps)
    rows = sorted(read_rows(path), key=lambda r: len(r["input_ids"]))
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
    order, tokens, begin = [], 0, 0.0
    while len(order) < steps:
        order += torch.randperm(len(batches), generator=torch.Generator().manual_seed(len(order))).tolist()
    for step, k in enumerate(order[:steps]):
        if step == WARM:
            begin = time.perf_counter()
        batch = pad(batches[k])
        if step >= WARM:
            tokens += int(batch["attention_mask"].sum())
        opt.zero_grad(set_to_none=True)
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        schedule.step()
    report("torch", tokens, time.perf_counter() - begin)


def find_model():
    home = os.environ.get("HF_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "huggingface"))
    cache = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
    found = sorted(glob.glob(os.path.join(cache, "models--*MiniLM-L6-v2", "snapshots", "*")))
    return found[0] if found else sys.exit("no MiniLM in the hub cache: name its folder")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build-bench/tests/train_cli")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("model", nargs="?")
    args = parser.parse_args()
    if args.peer:
        what, folder, path = args.peer
        (trainer if what == "trainer" else loop)(folder, path, args.steps)
        return
    env = dict(os.environ, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    with tempfile.TemporaryDirectory() as work:
        rows, start = os.path.join(work, "rows"), os.path.join(work, "start")
        make_rows(rows)
        subprocess.run([args.cli, "init", args.model or find_model(), start, str(LABELS)], check=True)
        ours = subprocess.run([args.cli, "train", start, rows, os.path.join(work, "out"), f"batch={BATCH}", f"steps={args.steps}", "save=0"],
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        ours = json.loads(ours)
        print(json.dumps({"bench": "train", **ours}), flush=True)
        for what in ("trainer", "torch"):
            line = subprocess.run([sys.executable, __file__, "--steps", str(args.steps), "--peer", what, start, rows], env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
            peer = [json.loads(x) for x in line.splitlines() if x.startswith('{"bench"')]
            if not peer:
                sys.exit(f"the peer {what} did not run")
            print(json.dumps({**peer[0], "speed_ratio": round(ours["tokens_per_s"] / peer[0]["tokens_per_s"], 2),
                              "memory_ratio": round(ours["peak_bytes"] / peer[0]["peak_bytes"], 2)}), flush=True)


main()
