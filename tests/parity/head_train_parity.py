#!/usr/bin/env python3
"""50 AdamW steps of every head against transformers' own losses, dropout off. Run with a Python that has torch and transformers:

  python tests/parity/head_train_parity.py [--cli build/tests/train_cli] [--heads NAME,...] [SHAPE ...]

As train_parity.py, with the heads of head_parity.py. The rows of a batch are equally long, since transformers has padding take part in the softmax of spans. Bounds (DESIGN 6): loss within 5e-6 of the first one's size, weights within 5e-5, our
distance to a double run at most 3 times torch's own. Exit 1 on a failure.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

import head_parity
import random_models
from parity_rows import check, failures, farthest, root_mean_square

STEPS, BATCH = 50, 8
SHAPES = ("bert", "roberta")


def make_rows(head, config):
    """Buckets of equal lengths; targets show in the ids, so that there is something to learn."""
    rng = np.random.default_rng(0)
    rows = []
    for length in (9, 17, 30):
        for i in range(5 * BATCH):
            ids = rng.integers(5, config.vocab_size, length)
            row = {"types": [0] * (length // 2) + [1] * (length - length // 2)} if getattr(config, "type_vocab_size", 0) > 1 else {}
            if head in ("several labels", "one label"):
                row["target"] = [int(ids[1 + k] % 2) for k in range(config.num_labels)]
            elif head in ("number", "numbers"):
                row["target"] = [round(float(ids[1 + k] % 7) / 4 - 0.75, 3) for k in range(config.num_labels)]
            elif head == "pairs":
                row["target"] = int(ids[1] % config.num_labels)
            elif head == "tokens":
                row["target"] = [int(v % config.num_labels) if v % 4 else -100 for v in ids]
            elif head == "spans":
                at = int(rng.integers(0, length))
                ids[at] = 5
                row["target"] = [at, min(at + 2, length - 1)] if i % 7 else [length, 0]
            else:
                row["target"] = [int(v) if k % 6 == 1 else -100 for k, v in enumerate(ids)]
                ids[1::6] = 4
            rows.append({"ids": ids.tolist(), **row})
    return rows


def loss_of_batch(head, model, rows, batch, weights):
    longs = {"input_ids": torch.tensor([rows[i]["ids"] for i in batch])}
    longs["attention_mask"] = torch.ones_like(longs["input_ids"])
    if "types" in rows[0]:
        longs["token_type_ids"] = torch.tensor([rows[i]["types"] for i in batch])
    target = torch.tensor([rows[i]["target"] for i in batch])
    if head == "spans":
        return model(**longs, start_positions=target[:, 0], end_positions=target[:, 1]).loss
    if weights:
        logits = model(**longs).logits
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, target.to(model.dtype), pos_weight=torch.tensor(weights, dtype=model.dtype))
    real = head in ("several labels", "one label", "number", "numbers")
    return model(**longs, labels=target.to(model.dtype) if real else target).loss


def torch_run(kind, head, folder, rows, order, lr, decay, dtype, attention="eager", weights=None):
    model = kind.from_pretrained(folder, dtype=dtype, attn_implementation=attention).eval()
    plain = [p for n, p in model.named_parameters() if "bias" in n or "norm" in n.lower()]
    decays = [p for n, p in model.named_parameters() if not ("bias" in n or "norm" in n.lower())]
    opt = torch.optim.AdamW([{"params": decays, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}], lr=lr, foreach=False, fused=False)
    schedule = transformers.get_linear_schedule_with_warmup(opt, int(np.ceil(STEPS * 0.1)), STEPS)
    losses = []
    for batch in order:
        loss = loss_of_batch(head, model, rows, batch, weights)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        schedule.step()
        losses.append(loss.item())
    return np.array(losses), {n: p.detach().double().numpy() for n, p in model.named_parameters()}


def one(cli, shape, head, work, lr, decay, weights=None):
    name = f"{shape}, {head}, decay {decay}" + (", pos_weight" if weights else "")
    kind_name, fields, _ = head_parity.HEADS[head]
    kind = getattr(transformers, "AutoModelFor" + kind_name)
    folder, out = (os.path.join(work, f"{shape}-{head}{x}".replace(" ", "-")) for x in ("", "-out"))
    random_models.make(shape, folder, kind=kind, **fields)
    rows = make_rows(head, transformers.AutoConfig.from_pretrained(folder))
    rng, order = np.random.default_rng(1), []
    while len(order) < STEPS:
        bucket = 5 * BATCH * int(rng.integers(0, 3))
        order.append((bucket + rng.permutation(5 * BATCH)[:BATCH]).tolist())
    with open(os.path.join(work, "rows"), "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
    with open(os.path.join(work, "order"), "w") as f:
        f.writelines(" ".join(map(str, b)) + "\n" for b in order)
    subprocess.run([cli, "train", folder, os.path.join(work, "rows"), out, f"steps={STEPS}", f"lr={lr}", "warmup=0.1", f"decay={decay}", "dropout=0", f"order={os.path.join(work, 'order')}",
                    *(["weights=" + ",".join(map(str, weights))] if weights else [])],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(out, "steps.jsonl")) as f:
        our_loss = np.array([json.loads(line)["loss"] for line in f])
    ours = {n: t.double().numpy() for n, t in load_file(os.path.join(out, "model", "model.safetensors")).items()}
    loss32, torch32 = torch_run(kind, head, folder, rows, order, lr, decay, torch.float32, weights=weights)
    loss64, torch64 = torch_run(kind, head, folder, rows, order, lr, decay, torch.float64, weights=weights)
    _, other = torch_run(kind, head, folder, rows, order, lr, decay, torch.float32, "sdpa", weights)
    check(f"{name} tensors", set(ours) == set(torch32), f"{len(ours)} of {len(torch32)}")
    worst = float(np.abs(our_loss - loss32).max())
    check(f"{name} loss", worst <= 5e-6 * max(1, loss32[0]), f"max|ours - torch| = {worst:.2e} over {STEPS} steps ({loss32[0]:.3f} to {loss32[-1]:.3f})")
    # What no output depends on has a gradient of zero, and AdamW makes the signs of rounding noise of it, in torch as here: biases of keys; of spans all that moves the tokens of a row alike.
    noise = [n for n in ours if n.endswith(random_models.KEY_BIASES) or (head == "spans" and (n == "qa_outputs.bias" or n.endswith("layer.1.output.LayerNorm.bias")))]
    ours, torch32, torch64, other = ({n: x[n] for n in x if n not in noise} for x in (ours, torch32, torch64, other))
    worst = farthest(ours, torch32)
    check(f"{name} weights", worst <= 5e-5, f"max|ours - torch| = {worst:.2e}")
    for what, distance in (("largest", farthest), ("root mean square", root_mean_square)):
        # The largest is one weight's, whose gradient cancels almost, so torch's is that of two runs: of both its attentions.
        mine, its = distance(ours, torch64), max(distance(torch32, torch64), distance(other, torch64))
        check(f"{name} distance to double, {what}", mine <= 3 * its, f"ours {mine:.2e}, torch's {its:.2e}: {mine / its:.2f}")
    mine, its = float(np.abs(our_loss - loss64).max()), float(np.abs(loss32 - loss64).max())
    check(f"{name} loss to double", mine <= 3 * its, f"ours {mine:.2e}, torch's {its:.2e}: {mine / its:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build/tests/train_cli")
    parser.add_argument("--heads", default=",".join(head_parity.HEADS))
    parser.add_argument("shapes", nargs="*")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if not os.path.exists(args.cli):
        subprocess.run(["ninja", "-C", "build", "tests/train_cli"], check=True, stdout=subprocess.DEVNULL)
    for shape in args.shapes or SHAPES:
        with tempfile.TemporaryDirectory() as work:
            for head in args.heads.split(","):
                one(args.cli, shape, head, work, 1e-4, 0.01)
                if head == "several labels":
                    one(args.cli, shape, head, work, 1e-4, 0.01, [4.0, 0.5, 2.0])
    sys.exit(failures())


if __name__ == "__main__":
    main()
