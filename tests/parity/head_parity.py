#!/usr/bin/env python3
"""Every head of every family on random models against transformers. Run with a Python that has torch and transformers:

  python tests/parity/head_parity.py [--cli build/tests/model_cli] [--heads NAME,...] [SHAPE ...]

For each shape in random_models.py and each head (several labels, numbers, pairs by token types, tokens, spans, hidden words): outputs, loss and gradients against a run in double; class weights and label smoothing against
torch.nn.CrossEntropyLoss; the same bits over threads, instruction sets and batch mates; and what we write from a bare encoder: AutoModelFor... loads it as the same class with no missing and no unexpected key, and gives the same answers.
Bounds (DESIGN 6): max|a-b| / max|b| <= 1e-5; gradients 1e-4 of each tensor's largest. Exit 1 on a failure.
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

import random_models
from parity_rows import check, close, failures

# name -> (transformers' class, configuration fields, words for model_cli save)
HEADS = {
    "several labels": ("SequenceClassification", dict(problem_type="multi_label_classification", num_labels=3), ["problem=multi", "a", "b", "c"]),
    "one label": ("SequenceClassification", dict(problem_type="multi_label_classification", num_labels=1), ["problem=multi", "a"]),
    "number": ("SequenceClassification", dict(problem_type="regression", num_labels=1), ["problem=regression", "a"]),
    "numbers": ("SequenceClassification", dict(problem_type="regression", num_labels=3), ["problem=regression", "a", "b", "c"]),
    "pairs": ("SequenceClassification", dict(problem_type="single_label_classification", num_labels=3), ["a", "b", "c"]),
    "tokens": ("TokenClassification", dict(num_labels=5), ["task=tokens", "a", "b", "c", "d", "e"]),
    "spans": ("QuestionAnswering", dict(num_labels=2), ["task=spans"]),
    "hidden words": ("MaskedLM", dict(), ["task=masked"]),
}


def make_rows(head, config, n=16):
    """Rows of ids with targets. Hidden words, tokens that do not count, ends beyond their row are among them."""
    rng = np.random.default_rng(3)
    labels, rows = config.num_labels, []
    for i in range(n):
        length = int(rng.integers(1, 65))
        row = {"ids": rng.integers(5, config.vocab_size, length).tolist()}
        if i % 5 == 0:
            row["ids"][length // 2] = config.pad_token_id or 0
        if getattr(config, "type_vocab_size", 0) > 1:
            row["types"] = [0] * (length // 2) + [1] * (length - length // 2)
        if head in ("several labels", "one label"):
            row["target"] = rng.integers(0, 2, labels).tolist()
        elif head in ("number", "numbers"):
            row["target"] = np.round(rng.normal(1, 2, labels), 3).tolist()
        elif head == "pairs":
            row["target"] = int(rng.integers(0, labels))
        elif head == "tokens":
            row["target"] = [int(rng.integers(0, labels)) if rng.random() < 0.6 else -100 for _ in range(length)]
        elif head == "spans":
            row["target"] = [[int(rng.integers(0, length)), int(rng.integers(0, length))], [-3, 0], [length, length + 9], [0, length + 1]][i % 4 if i % 3 else 0]
        else:
            row["chosen"] = sorted(rng.choice(length, max(1, length // 6), replace=False).tolist())
            row["target"] = [row["ids"][t] if t in row["chosen"] else -100 for t in range(length)]
            row["ids"] = [4 if t in row["chosen"] else word for t, word in enumerate(row["ids"])]
        rows.append(row)
    return rows


def ask(cli, what, folder, rows, work, *more):
    path, out = os.path.join(work, "rows.jsonl"), os.path.join(work, "out.f32")
    with open(path, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
    subprocess.run([cli, what, folder, path, out, *more], check=True)
    return np.fromfile(out, np.float32)


def inputs(row):
    out = {"input_ids": torch.tensor([row["ids"]]), "attention_mask": torch.ones(1, len(row["ids"]), dtype=torch.long)}
    if "types" in row:
        out["token_type_ids"] = torch.tensor([row["types"]])
    return out


def lines(head, out, row):
    """The lines of outputs that ours are."""
    if head == "spans":
        return torch.stack([out.start_logits[0], out.end_logits[0]], dim=1)
    return out.logits[0, row["chosen"]] if head == "hidden words" else out.logits[0]


def outputs_of(head, model, rows):
    with torch.no_grad():
        return np.concatenate([lines(head, model(**inputs(r)), r).double().numpy().reshape(-1) for r in rows])


def loss_of(head, model, rows):
    """The loss of all rows as one batch. Rows are run one by one: transformers has padding take part in the softmax of spans."""
    outs = [model(**inputs(r)) for r in rows]
    target = [torch.tensor(r["target"]) for r in rows]
    if head == "spans":  # transformers' own loss of a row checks the rule for ends that do not count
        sums, counts = [0, 0], [0, 0]
        for r, out, t in zip(rows, outs, target):
            n, own = len(r["ids"]), []
            for end, logits in enumerate((out.start_logits, out.end_logits)):
                at = t[end].clamp(0, n)
                if at < n:
                    own.append(torch.nn.functional.cross_entropy(logits, at.view(1)))
                    sums[end] = sums[end] + own[-1]
                    counts[end] += 1
            if len(own) == 2:
                its = model(**inputs(r), start_positions=t[:1], end_positions=t[1:]).loss
                assert abs((own[0] + own[1]) / 2 - its) < 1e-9
        return (sums[0] / counts[0] + sums[1] / counts[1]) / 2
    if head in ("several labels", "one label", "number", "numbers"):
        logits, labels = torch.cat([o.logits for o in outs]), torch.stack(target).to(outs[0].logits.dtype)
        its = [model(**inputs(r), labels=t.view(1, -1).to(logits.dtype)).loss for r, t in zip(rows, target)]
        f = torch.nn.functional.mse_loss if head.startswith("number") else torch.nn.functional.binary_cross_entropy_with_logits
        assert abs(torch.stack(its).mean() - f(logits, labels)) < 1e-9
        return f(logits, labels)
    logits = torch.cat([o.logits.reshape(-1, o.logits.shape[-1]) for o in outs])
    labels = torch.cat([t.reshape(-1) for t in target])
    return torch.nn.functional.cross_entropy(logits, labels, weight=weights_of(rows, logits.dtype), label_smoothing=rows[0].get("smoothing", 0.0))


def weights_of(rows, dtype):
    return torch.tensor(rows[0]["weights"], dtype=dtype) if "weights" in rows[0] else None


def gradients(cli, name, head, folder, rows, work):
    kind = getattr(transformers, "AutoModelFor" + HEADS[head][0])
    flat = ask(cli, "grad", folder, rows, work)
    model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64).eval()
    loss = loss_of(head, model, rows)
    loss.backward()
    check(f"{name} loss", abs(flat[0] - loss.item()) <= 1e-5 * abs(loss.item()), f"{flat[0]:.7f} against {loss.item():.7f}")
    parameters = dict(model.named_parameters(remove_duplicate=False))  # a tied one has two names, either will do
    names = subprocess.run([cli, "names", folder], check=True, capture_output=True, text=True).stdout.split()
    check(f"{name} names", sorted(id(parameters.get(n)) for n in names) == sorted({id(p) for p in parameters.values()}), f"{len(names)} names {sorted(set(names) - set(parameters))}")
    largest = max(float(p.grad.abs().max()) for p in parameters.values() if p.grad is not None)
    at, worst, which = 1, 0.0, ""
    for pname in names:
        p = parameters[pname]
        g = np.zeros(p.shape).reshape(-1) if p.grad is None else p.grad.numpy().reshape(-1)
        o = flat[at:at + g.size]
        at += g.size
        # Zero but for rounding: biases of keys; of spans what moves all tokens alike.
        scale = np.abs(g).max() if np.abs(g).max() > 1e-9 * largest else 0.1 * largest
        w = float(np.abs(o - g).max() / scale)
        if w > worst:
            worst, which = w, pname
    check(f"{name} gradients", at == flat.size and worst <= 1e-4, f"worst {worst:.2e} ({which}), {at} of {flat.size} numbers")
    return flat


def one(cli, shape, head, work):
    name = f"{shape}, {head}"
    kind_name, fields, words = HEADS[head]
    kind = getattr(transformers, "AutoModelFor" + kind_name)
    folder, bare, saved = (os.path.join(work, f"{shape}-{head}{x}".replace(" ", "-")) for x in ("", "-bare", "-saved"))
    random_models.make(shape, folder, kind=kind, **fields)
    model = kind.from_pretrained(folder, attn_implementation="eager").eval()
    rows = make_rows(head, model.config)
    close(f"{name} outputs", ask(cli, "logits", folder, rows, work), outputs_of(head, model, rows))
    flat = gradients(cli, name, head, folder, rows, work)
    for threads, isa in ((1, "ref"), (3, "avx2"), (4, "auto")):
        check(f"{name} {threads} threads, {isa}", np.array_equal(ask(cli, "grad", folder, rows, work, str(threads), isa), flat), "the same bits")
    whole = ask(cli, "logits", folder, rows, work)
    alone = np.concatenate([ask(cli, "logits", folder, [r], work) for r in rows])
    check(f"{name} alone", np.array_equal(whole, alone), "the same bits")
    if head in ("pairs", "tokens", "hidden words"):
        n = model.config.vocab_size if head == "hidden words" else model.config.num_labels
        rng = np.random.default_rng(5)
        for extra in ({"weights": np.round(rng.uniform(0, 3, n), 3).tolist()}, {"smoothing": 0.1}, {"weights": np.round(rng.uniform(0.1, 3, n), 3).tolist(), "smoothing": 0.3}):
            gradients(cli, f"{name} {' and '.join(extra)}", head, folder, [{**rows[0], **extra}] + rows[1:], work)

    random_models.make(shape, bare, bare=True)
    subprocess.run([cli, "save", bare, saved, *words], check=True, stdout=subprocess.DEVNULL)
    again, info = kind.from_pretrained(saved, output_loading_info=True, attn_implementation="eager")
    bad = {k: sorted(v) for k, v in info.items() if v}
    check(f"{name} loads", not bad and type(again) is type(model), f"{type(again).__name__} {json.dumps(bad, default=str)}")
    same = {k: getattr(again.config, k, None) for k in fields} == {k: getattr(model.config, k, None) for k in fields}
    check(f"{name} configuration", same and again.config.architectures == [type(model).__name__], f"{again.config.architectures} {again.config.problem_type} {again.config.num_labels} labels")
    close(f"{name} written", ask(cli, "logits", saved, rows, work), outputs_of(head, again.eval(), rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default="build/tests/model_cli")
    parser.add_argument("--heads", default=",".join(HEADS))
    parser.add_argument("shapes", nargs="*")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if not os.path.exists(args.cli):
        subprocess.run(["ninja", "-C", "build", "tests/model_cli"], check=True, stdout=subprocess.DEVNULL)
    for shape in args.shapes or random_models.SHAPES:
        with tempfile.TemporaryDirectory() as work:
            for head in args.heads.split(","):
                one(args.cli, shape, head, work)
    sys.exit(failures())


if __name__ == "__main__":
    main()
