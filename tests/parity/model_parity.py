#!/usr/bin/env python3
"""Models against transformers and sentence-transformers on real starter weights. Run with a Python that has them:

  python tests/parity/model_parity.py [--cli build/tests/model_cli] MODEL_DIR [MODEL_DIR ...]

For each folder: sentence embeddings; a fresh 3-label classifier that we write and transformers loads with no missing and
no unexpected key; logits, pipeline answers, and the same with float16 and bfloat16 weights; loss and gradients of a batch.
Tolerance: max|a-b| / max|b| <= 1e-5 (gradients 1e-4 of each tensor's largest). Prints one line a check; exit 1 on a failure.
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
from parity_rows import check, close, failures

EN = "the quick delivery was surprisingly good but packaging felt cheap and I would not buy this phone case again".split()
VI = "giao hàng nhanh nhưng chất lượng sản phẩm không như mô tả shop tư vấn nhiệt tình sẽ ủng hộ lần sau".split()
ODD = ["🙂🙂 ok", "5 sao!!!", "ko đẹp lắm, size hơi nhỏ :(", "", " ", "Ａｂｃ １２３", "naïve café — “quotes”", "a" * 300, "日本語のテキスト", "x\ty  z"]


def texts(n=240):
    rng = np.random.default_rng(0)
    out = list(ODD)
    while len(out) < n:
        words = EN if len(out) % 2 else VI
        out.append(" ".join(rng.choice(words, int(rng.integers(1, 90)))))
    out.append(" ".join(rng.choice(VI, 900)))
    return out


def run(cli, *args):
    subprocess.run([cli, *args], check=True)


def logits_of(model, tok, data, dtype=None):
    out = []
    with torch.no_grad():
        for t in data:
            enc = tok(t, truncation=True, max_length=min(tok.model_max_length, model.config.max_position_embeddings), return_tensors="pt")
            out.append(model(**enc).logits[0].double().numpy())
    return np.array(out)


def one(cli, folder, work, by_ids):
    data = texts()
    path = os.path.join(work, "texts.jsonl")
    tok = transformers.AutoTokenizer.from_pretrained(folder)
    limit = transformers.AutoConfig.from_pretrained(folder).max_position_embeddings
    limit = min(limit, tok.model_max_length)

    def write_rows(rows, limit):
        with open(path, "w", encoding="utf-8") as f:
            for t in rows:
                row = {"ids": tok(t, truncation=True, max_length=limit)["input_ids"]} if by_ids else {"text": t}
                f.write(json.dumps(row, ensure_ascii=False) + "\n")

    name = os.path.basename(folder.rstrip("/"))

    from sentence_transformers import SentenceTransformer
    st = SentenceTransformer(folder, device="cpu")
    theirs = st.encode(data, batch_size=1, convert_to_numpy=True)
    out = os.path.join(work, "out.f32")
    write_rows(data, st.max_seq_length)
    run(cli, "embed", folder, path, out)
    close(f"{name} embed", np.fromfile(out, np.float32).reshape(theirs.shape), theirs)

    saved = os.path.join(work, name + "-cls")
    run(cli, "save", folder, saved, "negative", "neutral", "positive")
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(saved, output_loading_info=True, attn_implementation="eager")
    model.eval()
    bad = {k: sorted(v) for k, v in info.items() if v}
    check(f"{name} loads", not bad, json.dumps(bad, default=str))
    check(f"{name} labels", [model.config.id2label[i] for i in range(3)] == ["negative", "neutral", "positive"], str(model.config.id2label))
    tok = transformers.AutoTokenizer.from_pretrained(saved)
    theirs = logits_of(model, tok, data)
    write_rows(data, limit)
    run(cli, "logits", saved, path, out)
    ours = np.fromfile(out, np.float32).reshape(theirs.shape)
    close(f"{name} logits", ours, theirs)

    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tok, top_k=None)
    run(cli, "predict", saved, path, out)
    ours = np.fromfile(out, np.float32).reshape(theirs.shape)
    got = []
    for t in data:
        answer = pipe(t, truncation=True, max_length=limit)
        score = {x["label"]: x["score"] for x in (answer[0] if isinstance(answer[0], list) else answer)}
        got.append([score[l] for l in ("negative", "neutral", "positive")])
    got = np.array(got)
    close(f"{name} pipeline", ours, got)

    for dtype in (torch.float16, torch.bfloat16):
        half = os.path.join(work, "half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(saved, half)
        small = transformers.AutoModelForSequenceClassification.from_pretrained(saved, dtype=dtype)
        small.save_pretrained(half)
        again = transformers.AutoModelForSequenceClassification.from_pretrained(half, dtype=torch.float32, attn_implementation="eager").eval()
        run(cli, "logits", half, path, out)
        close(f"{name} {dtype}", np.fromfile(out, np.float32).reshape(theirs.shape), logits_of(again, tok, data))

    # A batch of 32 rows in 4 shards: loss and gradients, no dropout.
    rows = [t for t in data if t.strip()][:32]
    write_rows(rows, limit)
    run(cli, "grad", saved, path, out)
    flat = np.fromfile(out, np.float32)
    enc = tok(rows, padding=True, truncation=True, return_tensors="pt", max_length=min(tok.model_max_length, model.config.max_position_embeddings))
    loss = model.double()(**enc, labels=torch.arange(32) % 3).loss
    loss.backward()
    check(f"{name} loss", abs(flat[0] - loss.item()) <= 1e-5 * abs(loss.item()), f"{flat[0]:.7f} against {loss.item():.7f}")
    at, worst, which = 1, 0.0, ""
    for pname, p in model.named_parameters():
        g = p.grad.numpy().reshape(-1)
        o = flat[at:at + g.size]
        at += g.size
        if pname.endswith("key.bias"):  # zero but for rounding
            continue
        w = float(np.abs(o - g).max() / np.abs(g).max())
        if w > worst:
            worst, which = w, pname
    check(f"{name} gradients", at == flat.size and worst <= 1e-4, f"worst {worst:.2e} ({which}), {at} of {flat.size} numbers")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cli", default="build/tests/model_cli")
    p.add_argument("--ids", action="store_true", help="give token ids by transformers instead of texts")
    p.add_argument("folder", nargs="+")
    a = p.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for folder in a.folder:
        with tempfile.TemporaryDirectory() as work:
            one(os.path.abspath(a.cli), os.path.abspath(folder), work, a.ids)
    sys.exit(failures())


main()
