"""Rows, batches and checks that the comparisons share."""
import numpy as np
import torch

import random_models

count = 0


def check(name, ok, detail):
    global count
    count += not ok
    print(("ok    " if ok else "FAIL  ") + name + ": " + detail, flush=True)


def failures():
    return count > 0


def close(name, ours, theirs, bound=1e-5):
    if ours.shape != theirs.shape:
        return check(name, False, f"{ours.shape} numbers, {theirs.shape} expected")
    worst = float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max())
    check(name, worst <= bound, f"max|a-b|/max|b| = {worst:.2e} over {ours.shape}")


def farthest(a, b):
    return max((float(np.abs(a[n] - b[n]).max()) for n in b), default=0.0)


def root_mean_square(a, b):
    return float(np.sqrt(sum(((a[n] - b[n]) ** 2).sum() for n in b) / sum(b[n].size for n in b)))


def make_rows(vocab, longest, n=120):
    """Rows whose label shows in one of their ids; ids of a Zipf-like law, so that tables have rare rows."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        length = int(np.clip(rng.lognormal(2.5, 0.6), 2, longest))
        ids = (rng.pareto(0.7, length) * 20).astype(np.int64) % vocab
        label = int(rng.integers(0, random_models.LABELS))
        ids[0] = min(vocab - 1, 101)
        ids[1] = (5 + label) % vocab
        rows.append((label, ids))
    return rows


def is_norm(name):
    return "norm" in name.lower()


def loss_of_batch(model, rows, batch):
    longest = max(len(rows[i][1]) for i in batch)
    ids = torch.full((len(batch), longest), model.config.pad_token_id or 0)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    for k, i in enumerate(batch):
        ids[k, : len(rows[i][1])] = torch.from_numpy(rows[i][1])
        mask[k, : len(rows[i][1])] = 1
    return model(input_ids=ids, attention_mask=mask, labels=torch.tensor([rows[i][0] for i in batch])).loss
