#!/usr/bin/env python3
"""What `tenet plan --as trainer` writes, run by the libraries it is written for, on tiny random models:

  python tests/parity/trainer_parity.py [--tenet build/tenet] [TASK ...]

For each task: a brief and made-up rows become plan.yaml and train.py; the script must end well and write model and metrics.
Needs torch, transformers, datasets, accelerate, scikit-learn, sentence-transformers. Exit 1 on a failure.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from tiny import write_tiny_model  # noqa: E402

WORDS = "the phone was good but delivery came late and the case is cheap please send it back now thanks".split()


def text(i, n=8):
    return " ".join(WORDS[(i * 7 + k * 3) % len(WORDS)] for k in range(n))


def rows_of(tag, i):
    if tag == "token-classification":
        words = text(i).split()
        return {"tokens": words, "tags": ["B-X" if w in ("phone", "case") else "O" for w in words]}
    if tag == "question-answering":
        context = text(i, 20)
        answer = context.split()[3]
        return {"question": text(i, 3), "context": context, "answer_text": answer, "answer_start": context.index(answer)}
    if tag == "summarization":
        return {"text": text(i, 12), "target": text(i, 4)}
    if tag == "sentence-similarity":
        return {"text": text(i), "positive": text(i + 1, 5)}
    return {"text": text(i), "label": "good" if i % 2 else "bad"}


TASKS = {  # tag: (task sentence, class of the tiny model)
    "text-classification": ("Fine-tune a text classifier for English reviews.", "BertForSequenceClassification"),
    "token-classification": ("Fine-tune a named entity recognition model for English text.", "BertForTokenClassification"),
    "question-answering": ("Fine-tune an extractive question answering model for English manuals.", "BertForQuestionAnswering"),
    "summarization": ("Fine-tune a model that summarises English reviews.", "BartForConditionalGeneration"),
    "text-generation": ("Fine-tune a text generation model for English stories.", "BertLMHeadModel"),
    "fill-mask": ("Fine-tune a masked language model (fill-mask) on English text.", "BertForMaskedLM"),
    "sentence-similarity": ("Fine-tune a sentence similarity model for English search.", "BertModel"),
}


def make_model(folder, kind):
    write_tiny_model(folder, [" ".join(WORDS)])
    config = transformers.AutoConfig.from_pretrained(folder)
    if kind.startswith("Bart"):
        config = transformers.BartConfig(vocab_size=config.vocab_size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
                                         encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=300, pad_token_id=0, bos_token_id=2, eos_token_id=3,
                                         decoder_start_token_id=3, forced_eos_token_id=3)
    if kind == "BertLMHeadModel":
        config.is_decoder = True
    os.remove(folder / "model.safetensors")
    torch.manual_seed(0)
    getattr(transformers, kind)(config).save_pretrained(folder)


def one(tenet, tag, work):
    sentence, kind = TASKS[tag]
    folder = work / tag
    folder.mkdir()
    make_model(folder / "model", kind)
    (folder / "rows.jsonl").write_text("".join(json.dumps(rows_of(tag, i)) + "\n" for i in range(60)))
    (folder / "brief.md").write_text(f"---\ndata: rows.jsonl\nrecipe: {{epochs: 1, batch_size: 8}}\n---\nTask: {sentence}\nWhy it matters: a test.\n"
                                     "Where this applies: research.\nWhen this is needed: training phase.\n")
    for option in (["-o", folder / "plan.yaml"], ["--as", "trainer", "-o", folder / "train.py"]):
        made = subprocess.run([tenet, "plan", folder / "brief.md", *option], capture_output=True, text=True)
        if made.returncode:
            return f"tenet plan: {made.stderr}"
    out = folder / "out"
    done = subprocess.run([sys.executable, folder / "train.py", folder / "plan.yaml", out, "--model", folder / "model"], capture_output=True, text=True,
                          env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
    if done.returncode:
        return done.stderr[-1500:]
    metrics = json.loads((out / "metrics.json").read_text())
    if not {"validation", "test"} <= set(metrics) or not list((out / "model").rglob("*.safetensors")):
        return f"it wrote {sorted(p.name for p in out.iterdir())}"
    print(f"ok    {tag}: {json.dumps(metrics['test'])[:140]}", flush=True)
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenet", default=str(ROOT / "build/tenet"))
    parser.add_argument("tasks", nargs="*")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as work:
        for tag in args.tasks or TASKS:
            said = one(args.tenet, tag, pathlib.Path(work))
            if said:
                failed = True
                print(f"FAIL  {tag}: {said}", flush=True)
    sys.exit(failed)


main()
