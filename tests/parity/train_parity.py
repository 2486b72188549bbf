#!/usr/bin/env python3
"""50 AdamW steps against torch, dropout off, one batch order. Run with a Python that has torch and transformers:

  python tests/parity/train_parity.py [--cli build/tests/train_cli] [SHAPE | MODEL_DIR ...]

Random models of every family (random_models.py), then each folder given (the starter models when none is). Ours and torch's f32 run start from the same
folder and see the same batches; a third run in double tells how far either is from the exact one. Bounds (DESIGN 6): loss
within 5e-6, weights within 5e-5, our distance to the double run at most 3 times torch's own. Exit 1 on a failure.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup
from transformers.models.modernbert import modeling_modernbert

import random_models
from parity_rows import check, failures, farthest, is_norm, loss_of_batch, make_rows, root_mean_square

STEPS, BATCH, LABELS = 50, 8, random_models.LABELS


def rotate_in_full(q, k, cos, sin, unsqueeze_dim=1):
    """ModernBERT rounds query and key to f32 here; a double run should not."""
    half = lambda x: torch.cat((-x[..., x.shape[-1] // 2:], x[..., :x.shape[-1] // 2]), dim=-1)
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return q * cos + half(q) * sin, k * cos + half(k) * sin


def torch_run(folder, rows, order, lr, decay, dtype):
    # ModernBERT's eager softmax is f32 whatever the type, and its padding gives NaN in double: the double run takes
    # torch's own attention, and a row at a time.
    modern = transformers.AutoConfig.from_pretrained(folder).model_type == "modernbert" and dtype == torch.float64
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa" if modern else "eager")
    if modern:
        rotation, modeling_modernbert.apply_rotary_pos_emb = modeling_modernbert.apply_rotary_pos_emb, rotate_in_full
    model.eval()  # no dropout; gradients all the same
    no_decay = [p for n, p in model.named_parameters() if "bias" in n or is_norm(n)]
    decays = [p for n, p in model.named_parameters() if not ("bias" in n or is_norm(n))]
    opt = torch.optim.AdamW([{"params": decays, "weight_decay": decay}, {"params": no_decay, "weight_decay": 0.0}], lr=lr,
                            foreach=False, fused=False)
    schedule = get_linear_schedule_with_warmup(opt, int(np.ceil(STEPS * 0.1)), STEPS)
    losses = []
    for batch in order:
        loss = torch.stack([loss_of_batch(model, rows, [i]) for i in batch]).mean() if modern else loss_of_batch(model, rows, batch)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        schedule.step()
        losses.append(loss.item())
    if modern:
        modeling_modernbert.apply_rotary_pos_emb = rotation
    return np.array(losses), {n: p.detach().double().numpy() for n, p in model.named_parameters()}


def one(cli, name, folder, longest, work, lr, decay):
    rows = make_rows(transformers.AutoConfig.from_pretrained(folder).vocab_size, longest)
    rng = np.random.default_rng(1)
    order = []
    while len(order) < STEPS:
        shuffled = rng.permutation(len(rows))
        order += [shuffled[k : k + BATCH].tolist() for k in range(0, len(rows) - BATCH + 1, BATCH)]
    order = order[:STEPS]
    with open(os.path.join(work, "rows"), "w") as f:
        f.writelines(f"{label} {' '.join(map(str, ids))}\n" for label, ids in rows)
    with open(os.path.join(work, "order"), "w") as f:
        f.writelines(" ".join(map(str, b)) + "\n" for b in order)
    out = os.path.join(work, "out")
    subprocess.run([cli, "train", folder, os.path.join(work, "rows"), out, f"steps={STEPS}", f"lr={lr}", "warmup=0.1",
                    f"decay={decay}", "dropout=0", f"order={os.path.join(work, 'order')}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(out, "steps.jsonl")) as f:
        our_loss = np.array([json.loads(line)["loss"] for line in f])
    ours = {n: t.double().numpy() for n, t in load_file(os.path.join(out, "model", "model.safetensors")).items()}
    loss32, torch32 = torch_run(folder, rows, order, lr, decay, torch.float32)
    loss64, torch64 = torch_run(folder, rows, order, lr, decay, torch.float64)

    check(f"{name} tensors", set(ours) == set(torch32), f"{len(ours)} of {len(torch32)}")
    worst = float(np.abs(our_loss - loss32).max())
    check(f"{name} loss", worst <= 5e-6, f"max|ours - torch| = {worst:.2e} over {STEPS} steps ({loss32[0]:.3f} to {loss32[-1]:.3f})")
    # The softmax does not change when all keys move by the same vector, so the gradient of a key's bias is exactly zero.
    # What AdamW makes of it is the sign of rounding noise, in torch as here, and no output depends on it: stated alone.
    biases = [n for n in ours if n.endswith(random_models.KEY_BIASES) or (n.endswith("key_proj.bias") and not any("rel_embeddings" in x for x in ours))]
    noise = [farthest({n: x[n] for n in biases}, {n: torch64[n] for n in biases}) for x in (ours, torch32)]
    print(f"      {name} key biases, noise by nature: ours {noise[0]:.1e} from double, torch's {noise[1]:.1e}")
    ours, torch32, torch64 = ({n: x[n] for n in x if n not in biases} for x in (ours, torch32, torch64))
    worst = farthest(ours, torch32)
    check(f"{name} weights", worst <= 5e-5, f"max|ours - torch| = {worst:.2e}")
    for what, distance in (("largest", farthest), ("root mean square", root_mean_square)):
        mine, its = distance(ours, torch64), distance(torch32, torch64)
        check(f"{name} distance to double, {what}", mine <= 3 * its, f"ours {mine:.2e}, torch's {its:.2e}: {mine / its:.2f}")
    mine, its = float(np.abs(our_loss - loss64).max()), float(np.abs(loss32 - loss64).max())
    check(f"{name} loss to double", mine <= 3 * its, f"ours {mine:.2e}, torch's {its:.2e}: {mine / its:.2f}")


def starters(cache):
    for root, _, files in sorted(os.walk(cache)):
        if "model.safetensors" in files and "config.json" in files and "snapshots" in root and "MiniLM" in root:
            yield root


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build/tests/train_cli")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if not os.path.exists(args.cli):
        subprocess.run(["ninja", "-C", "build", "tests/train_cli"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as work:
        shapes = [m for m in args.models if m in random_models.SHAPES]
        for name in shapes or random_models.SHAPES:
            folder = random_models.make(name, os.path.join(work, name))
            for decay in (0.0, 0.01):
                one(args.cli, f"{name}, decay {decay}", folder, 60, work, 1e-4, decay)
        cache = os.environ.get("HF_HUB_CACHE") or os.path.expanduser("~/.cache/tenet/hub")
        for source in [m for m in args.models if m not in shapes] if args.models else list(starters(cache)):
            start = os.path.join(work, "start")
            shutil.rmtree(start, ignore_errors=True)
            subprocess.run([args.cli, "init", source, start, str(LABELS)], check=True)
            one(args.cli, os.path.basename(os.path.normpath(source)), start, 64, work, 5e-5, 0.0)
    sys.exit(failures())


main()
