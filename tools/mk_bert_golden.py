#!/usr/bin/env python3
"""Writes tests/data/bert-tiny.txt: logits, loss and gradients of a small BertForSequenceClassification by transformers.

The weights are not stored: both sides draw them from Philox4x32-10 with key (7, 0) and counter (i / 4, 0, p, 0), where p
is the parameter's number in the order of `names` and i the element; word i % 4 gives (u / 2^32 - 0.5) * scale (+ 1 for a
norm's weight). Computed in double precision, so that the numbers are the truth for any f32 engine.

  python tools/mk_bert_golden.py > tests/data/bert-tiny.txt
"""
import numpy as np
import torch
import transformers

M0, M1, W0, W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
MASK = np.uint64(0xFFFFFFFF)


def philox(n, p):
    c = [np.arange((n + 3) // 4, dtype=np.uint64), 0, p, 0]
    c = [np.broadcast_to(np.uint64(x), c[0].shape).copy() if i else c[0] for i, x in enumerate(c)]
    k0, k1 = 7, 0
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(M0), c[2] * np.uint64(M1)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & MASK, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & MASK]
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return np.stack(c, 1).reshape(-1)[:n]


def draw(shape, p, name):
    n = int(np.prod(shape))
    u = philox(n, p).astype(np.float64) / 2.0**32 - 0.5
    scale = 0.5 if name.endswith("weight") else 0.2
    one = 1.0 if "LayerNorm.weight" in name else 0.0
    return (u * scale + one).astype(np.float32).reshape(shape)


config = transformers.BertConfig(vocab_size=97, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=112,
                                 max_position_embeddings=40, type_vocab_size=2, num_labels=3, hidden_dropout_prob=0.1,
                                 attention_probs_dropout_prob=0.1, attn_implementation="eager")
model = transformers.BertForSequenceClassification(config).double().eval()
names = [n for n, _ in model.named_parameters()]
for p, (name, t) in enumerate(model.named_parameters()):
    t.data = torch.tensor(draw(tuple(t.shape), p, name)).double()

lengths = [7, 1, 33, 12, 2, 17, 40]
labels = [2, 0, 1, 1, 2, 0, 0]
width = max(lengths)
ids = torch.zeros(len(lengths), width, dtype=torch.long)
types = torch.zeros_like(ids)
mask = torch.zeros_like(ids)
at = 0
for b, n in enumerate(lengths):
    for t in range(n):
        ids[b, t] = (at * at * 31 + at * 7 + 3) % 97
        types[b, t] = int(t > n // 2)
        mask[b, t] = 1
        at += 1
out = model(input_ids=ids, token_type_ids=types, attention_mask=mask, labels=torch.tensor(labels))
out.loss.backward()
hidden = model.bert(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state
mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

print(f"# BERT, 2 layers, 64 wide, 4 heads, feed-forward 112, vocabulary 97, 40 positions, 3 labels; no dropout.")
print(f"# transformers {transformers.__version__}, torch {torch.__version__}, float64; written by tools/mk_bert_golden.py.")
print("# Row b, token t is the n-th token of the batch: id (31 n n + 7 n + 3) mod 97, type t > length / 2.")
print("# Worth: 1e-5 of the largest number in a line.")
print("lengths", *lengths)
print("labels", *labels)
print(f"loss {out.loss.item():.12g}")
for b in range(len(lengths)):
    print(f"logits {b}", *(f"{x:.10g}" for x in out.logits[b].tolist()))
for b in range(len(lengths)):
    print(f"mean {b}", *(f"{x:.10g}" for x in mean[b, :8].tolist()))
print("# grad name norm largest, then elements 0, s, 2s, ... of the flat gradient with s = size / 6 (at least 1)")
for name, t in model.named_parameters():
    g = t.grad.reshape(-1)
    s = max(1, g.numel() // 6)
    print("grad", name, f"{g.norm().item():.10g} {g.abs().max().item():.10g}", *(f"{x:.10g}" for x in g[::s][:6].tolist()))
