#!/usr/bin/env python3
"""Every family on random models against transformers. Run with a Python that has torch and transformers:

  python tests/parity/family_parity.py [--cli build/tests/model_cli] [NAME ...]

For each shape in random_models.py: states and logits of a classifier and of a bare encoder, loss and gradients, and what we write: transformers loads it with no missing and no unexpected key, and gives the same answers. Rows hold padding ids
too. Bounds (DESIGN 6): max|a-b| / max|b| <= 1e-5; gradients 1e-4 of each tensor's largest. Exit 1 on a failure.
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

import random_models
from parity_rows import check, close, failures

PICKLED = ("bert", "roberta", "distilbert")


def make_rows(config, n=48):
    rng = np.random.default_rng(3)
    rows = [rng.integers(5, config.vocab_size, int(rng.integers(1, 65))).tolist() for _ in range(n)]
    for row in rows[::5]:
        row[len(row) // 2] = config.pad_token_id  # a padding token that the text itself holds
    return rows


def same_bits(cli, name, folder, rows, work):
    """Threads and instruction sets are no part of a gradient; batch mates none of an answer."""
    rows = rows[:16]
    want = ask(cli, "grad", folder, rows, work)
    for threads, isa in ((1, "ref"), (3, "avx2"), (4, "auto")):
        check(f"{name} {threads} threads, {isa}", np.array_equal(ask(cli, "grad", folder, rows, work, str(threads), isa), want), "the same bits")
    whole = ask(cli, "logits", folder, rows, work).reshape(len(rows), -1)
    alone = [ask(cli, "logits", folder, [rows[i]], work) for i in (0, 7)]
    check(f"{name} alone", np.array_equal(whole[[0, 7]], np.array(alone)), "the same bits")


def ask(cli, what, folder, rows, work, *more):
    path, out = os.path.join(work, "rows.jsonl"), os.path.join(work, "out.f32")
    with open(path, "w") as f:
        f.writelines(json.dumps({"ids": r}) + "\n" for r in rows)
    subprocess.run([cli, what, folder, path, out, *more], check=True)
    return np.fromfile(out, np.float32)


def logits_of(model, rows):
    with torch.no_grad():
        return np.array([model(input_ids=torch.tensor([r]), attention_mask=torch.ones(1, len(r), dtype=torch.long)).logits[0].double().numpy() for r in rows])


def gradients(cli, name, folder, rows, work):
    rows = rows[:16]
    flat = ask(cli, "grad", folder, rows, work)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64).eval()
    losses = [model(input_ids=torch.tensor([r]), attention_mask=torch.ones(1, len(r), dtype=torch.long), labels=torch.tensor([i % 3])).loss for i, r in enumerate(rows)]
    loss = torch.stack(losses).mean()
    loss.backward()
    check(f"{name} loss", abs(flat[0] - loss.item()) <= 1e-5 * abs(loss.item()), f"{flat[0]:.7f} against {loss.item():.7f}")
    at, worst, which = 1, 0.0, ""
    parameters = dict(model.named_parameters())
    names = subprocess.run([cli, "names", folder], check=True, capture_output=True, text=True).stdout.split()
    check(f"{name} names", sorted(names) == sorted(parameters), f"{len(names)} of {len(parameters)}")
    for pname in names:
        p = parameters[pname]
        g = np.zeros(p.shape).reshape(-1) if p.grad is None else p.grad.numpy().reshape(-1)
        o = flat[at:at + g.size]
        at += g.size
        if pname.endswith(random_models.KEY_BIASES) or (name == "deberta-plain" and pname.endswith("key_proj.bias")):  # zero but for rounding
            continue
        w = float(np.abs(o - g).max() / max(np.abs(g).max(), 1e-30))
        if w > worst:
            worst, which = w, pname
    check(f"{name} gradients", at == flat.size and worst <= 1e-4, f"worst {worst:.2e} ({which}), {at} of {flat.size} numbers")


def pickled(cli, name, folder, rows, work):
    """The same weights as torch.save writes them: both layouts, half precision, turned tensors, parts."""
    want = ask(cli, "logits", folder, rows, work)
    state = {n: t.clone() for n, t in transformers.AutoModelForSequenceClassification.from_pretrained(folder).state_dict().items()}
    other = os.path.join(work, name + "-pickled")
    os.makedirs(other)
    shutil.copy(os.path.join(folder, "config.json"), other)
    path = os.path.join(other, "pytorch_model.bin")
    for what, options in (("archive", {}), ("plain", {"_use_new_zipfile_serialization": False}), ("protocol 4", {"pickle_protocol": 4})):
        torch.save(state, path, **options)
        check(f"{name} {what}", np.array_equal(ask(cli, "logits", other, rows, work), want), "the bits of safetensors")
    torch.save({n: t.t().contiguous().t() if t.ndim == 2 else t for n, t in state.items()}, path)
    check(f"{name} turned", np.array_equal(ask(cli, "logits", other, rows, work), want), "the bits of safetensors")
    for dtype in (torch.float16, torch.bfloat16):
        torch.save({n: t.to(dtype) if t.is_floating_point() else t for n, t in state.items()}, path)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(other, attn_implementation="eager", dtype=dtype).float().eval()
        theirs = logits_of(model, rows)
        close(f"{name} {str(dtype)[6:]}", ask(cli, "logits", other, rows, work).reshape(theirs.shape), theirs)
    os.remove(path)
    names, files = sorted(state), ("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin")
    for i, file in enumerate(files):
        torch.save({n: state[n] for n in names[i::2]}, os.path.join(other, file))
    with open(path + ".index.json", "w") as f:
        json.dump({"weight_map": {n: files[i % 2] for i, n in enumerate(names)}}, f)
    check(f"{name} parts", np.array_equal(ask(cli, "logits", other, rows, work), want), "the bits of safetensors")


def one(cli, name, work):
    folder, bare, saved = (os.path.join(work, name + x) for x in ("", "-bare", "-saved"))
    random_models.make(name, folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    rows = make_rows(model.config)
    theirs = logits_of(model, rows)
    close(f"{name} logits", ask(cli, "logits", folder, rows, work).reshape(theirs.shape), theirs)
    gradients(cli, name, folder, rows, work)
    same_bits(cli, name, folder, rows, work)
    if name in PICKLED:
        pickled(cli, name, folder, rows, work)

    random_models.make(name, bare, bare=True)
    subprocess.run([cli, "save", bare, saved, "negative", "neutral", "positive"], check=True, stdout=subprocess.DEVNULL)
    again, info = transformers.AutoModelForSequenceClassification.from_pretrained(saved, output_loading_info=True, attn_implementation="eager")
    bad = {k: sorted(v) for k, v in info.items() if v}
    check(f"{name} loads", not bad and type(again) is type(model), f"{type(again).__name__} {json.dumps(bad, default=str)}")
    theirs = logits_of(again.eval(), rows)
    close(f"{name} written", ask(cli, "logits", saved, rows, work).reshape(theirs.shape), theirs)

    encoder = transformers.AutoModel.from_pretrained(bare, attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = np.array([encoder(input_ids=torch.tensor([r]), attention_mask=torch.ones(1, len(r), dtype=torch.long)).last_hidden_state[0].double().mean(0).numpy() for r in rows])
    close(f"{name} mean state", ask(cli, "embed", bare, rows, work).reshape(theirs.shape), theirs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build/tests/model_cli")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if not os.path.exists(args.cli):
        subprocess.run(["ninja", "-C", "build", "tests/model_cli"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as work:
        for name in args.names or random_models.SHAPES:
            one(args.cli, name, work)
    sys.exit(failures())


if __name__ == "__main__":
    main()
