#!/usr/bin/env python3
"""Token classification against transformers: `tenet predict` with every aggregation beside the pipeline, on models with random
weights over the tokenizers of the Hub cache (WordPiece, Unigram) and a byte-level one, and run_ner's first sub-words.

Labels, words and offsets must be equal, scores within 1e-4. A text on which two labels of a token are nearer than 1e-4 is
left out."""
import glob
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertConfig, BertForTokenClassification, PreTrainedTokenizerFast, RobertaConfig, RobertaForTokenClassification, pipeline

import tokenizer_parity as t

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
root = pathlib.Path(__file__).resolve().parent.parent.parent
program = root / "build/tenet"
r = random.Random(3)
lines = t.data_lines()
labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "X-Y-Z"]
n_all = n_bad = n_near = 0


def texts(n):
    out = []
    while len(out) < n:
        s = " ".join(r.choice(t.VIET + t.WORDS + t.SCRIPTS + t.EMOJI) for _ in range(r.randrange(1, 14))) if r.random() < 0.7 else t.text_of(r)
        s = s.replace("\n", " ").replace("\r", " ").replace("\x0b", " ").replace("\x0c", " ").replace("\x85", " ").replace("\u2028", " ")
        if s.strip():
            out.append(s)
    return out


def compare(name, folder, cls, config, tokenizer):
    global n_all, n_bad, n_near
    torch.manual_seed(1)
    model = cls(config).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(40)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    some, bad = texts(40), 0
    for how in ("none", "simple", "first", "average", "max"):
        theirs = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=how)
        given = "".join(json.dumps({"text": s}) + "\n" for s in some)
        done = subprocess.run([program, "predict", folder, "--file", "-", "--input", "jsonl", "--json", "--quiet", "--aggregation", how], input=given, capture_output=True, text=True)
        ours = [json.loads(line) for line in done.stdout.splitlines()]
        if len(ours) != len(some):
            print(f"FAIL {name} {how}: {done.stderr[:300]}")
            n_bad += 1
            return
        for s, a in zip(some, ours):
            with torch.no_grad():
                p = model(**tokenizer(s, return_tensors="pt", truncation=True)).logits[0].softmax(-1).topk(2).values
            if float((p[:, 0] - p[:, 1]).min()) < 1e-4:
                n_near += 1
                continue
            b = [{k: float(v) if k == "score" else int(v) if k in ("start", "end", "index") else v for k, v in e.items()} for e in theirs(s)]
            n_all += 1
            same = len(a) == len(b) and all({k: v for k, v in x.items() if k != "score"} == {k: v for k, v in y.items() if k != "score"}
                                            and abs(x["score"] - y["score"]) < 1e-4 for x, y in zip(a, b))
            if not same:
                bad += 1
                if bad <= 3:
                    print(f"FAIL {name} {how}: {s!r}\n   ours   {a}\n   theirs {b}")
    n_bad += bad
    print(f"{name}: {bad} texts differ", flush=True)


cache = os.environ.get("HF_HUB_CACHE") or os.path.expanduser("~/.cache/tenet/hub")
common = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=130,
              id2label=dict(enumerate(labels)), label2id={l: i for i, l in enumerate(labels)}, hidden_dropout_prob=0.0)
with tempfile.TemporaryDirectory() as tmp:
    for path in sorted(glob.glob(f"{cache}/models--*/snapshots/*/tokenizer.json")):
        name = path.split("models--")[1].split("/")[0]
        tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(path), model_max_length=128)
        compare(name, os.path.join(tmp, name), BertForTokenClassification, BertConfig(vocab_size=len(tokenizer), **common), tokenizer)
    file = t.make_bpe(lines)["roberta"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(file)), unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                                        pad_token="<pad>", cls_token="<s>", sep_token="</s>", mask_token="<mask>", model_max_length=128)
    compare("byte-level", os.path.join(tmp, "bytes"), RobertaForTokenClassification, RobertaConfig(vocab_size=len(tokenizer), pad_token_id=1, **common), tokenizer)
print(f"pipeline: {n_all} answers, {n_bad} differ, {n_near} left out")
sys.exit(bool(n_bad))
