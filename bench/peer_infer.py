#!/usr/bin/env python3
"""Answers of MiniLM's encoder, ours and the peers': latency of one row of 16, 64 and 128 tokens, and tokens a second of 32 rows of
unsorted lengths. A JSON line each, with the ratio to the best peer of that form.

  python bench/peer_infer.py [--cli build-bench/bench/bench_infer] [--threads N] [--seconds S] [--rounds R] [MODEL_DIR]

Peers at their best known setting: ONNX Runtime (all graph optimisations; int8 by quantize_dynamic, per channel), OpenVINO
(latency hint), torch (SDPA). Each runs in its own process, in turns with ours, R times; the line has the median of the rounds'
p50, and the least. Wants an idle machine; under load only `least_ms` says anything.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

LENGTHS, ROWS, BATCHES = (16, 64, 128), 32, 10


def export_onnx(folder, work):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False).eval()

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids = torch.ones(2, 16, dtype=torch.long)
    path = os.path.join(work, "model.onnx")
    torch.onnx.export(States(), (ids, ids), path, input_names=["input_ids", "attention_mask"], output_names=["states"], opset_version=17, dynamo=False,
                      dynamic_axes={"input_ids": {0: "b", 1: "t"}, "attention_mask": {0: "b", 1: "t"}, "states": {0: "b", 1: "t"}})
    quantize_dynamic(path, os.path.join(work, "int8.onnx"), weight_type=QuantType.QInt8, per_channel=True)


def make_call(peer, folder, work, threads):
    if peer == "torch":
        import torch
        from transformers import AutoModel

        torch.set_num_threads(threads)
        model = AutoModel.from_pretrained(folder, attn_implementation="sdpa", add_pooling_layer=False).eval()

        def call(ids, mask):
            with torch.inference_mode():
                model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))

        return call
    if peer == "openvino":
        import openvino as ov

        core = ov.Core()
        model = core.compile_model(core.read_model(os.path.join(work, "model.onnx")), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})
        request = model.create_infer_request()
        return lambda ids, mask: request.infer({"input_ids": ids, "attention_mask": mask})
    import onnxruntime as ort

    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(os.path.join(work, "int8.onnx" if peer.endswith("int8") else "model.onnx"), o, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})


def run_peer(peer, folder, work, threads, seconds):
    import numpy as np

    call = make_call(peer, folder, work, threads)
    rng = np.random.default_rng(0)
    out = []
    for n in LENGTHS:
        ids = rng.integers(1000, 29000, (1, n))
        ms, begin = [], None
        for i in range(10**6):
            if i == 20:
                begin = time.perf_counter()
            at = time.perf_counter()
            call(ids, np.ones_like(ids))
            if i >= 20:
                ms.append((time.perf_counter() - at) * 1000)
                if len(ms) >= 50 and time.perf_counter() - begin > seconds:
                    break
        ms.sort()
        out.append({"tokens": n, "p50_ms": ms[len(ms) // 2], "least_ms": ms[0]})
    batches = []
    for _ in range(BATCHES):
        lengths = np.clip(rng.lognormal(3.5, 0.6, ROWS), 4, 128).astype(int)
        mask = (np.arange(lengths.max())[None] < lengths[:, None]).astype(np.int64)
        batches.append((mask * rng.integers(1000, 29000, mask.shape), mask))
    call(*batches[0])
    best = 0
    for ids, mask in batches:
        at = time.perf_counter()
        call(ids, mask)
        best = max(best, mask.sum() / (time.perf_counter() - at))
    at = time.perf_counter()
    for ids, mask in batches:
        call(ids, mask)
    out.append({"rows": ROWS, "tokens_per_s": sum(int(m.sum()) for _, m in batches) / (time.perf_counter() - at), "most_tokens_per_s": best})
    print(json.dumps(out))


def collect(command, env):
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = [x for x in done.stdout.splitlines() if x.startswith(("{", "["))]
    if not found:
        return None
    return json.loads(found[-1]) if found[-1].startswith("[") else [json.loads(x) for x in found]


def find_model():
    import glob

    home = os.environ.get("HF_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "huggingface"))
    found = sorted(glob.glob(os.path.join(os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub")), "models--*MiniLM-L6-v2", "snapshots", "*")))
    return found[0] if found else sys.exit("no MiniLM in the hub cache: name its folder")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cli", default="build-bench/bench/bench_infer")
    p.add_argument("--tenet", default="build/tenet")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    p.add_argument("model", nargs="?")
    a = p.parse_args()
    folder = a.model or find_model()
    if a.peer:
        export_onnx(folder, a.peer[1]) if a.peer[0] == "export" else run_peer(a.peer[0], folder, a.peer[1], a.threads, a.seconds)
        return
    env = dict(os.environ, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sys.executable, __file__, "--peer", "export", work, folder], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([a.tenet, "export", folder, "--int8", "--out", os.path.join(work, "int8"), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        ours = {"tenet": folder, "tenet int8": os.path.join(work, "int8")}
        forms = {"f32": ["tenet", "onnxruntime", "openvino", "torch"], "int8": ["tenet int8", "onnxruntime int8"]}
        seen = {}
        for _ in range(a.rounds):
            for name in (n for names in forms.values() for n in names):
                command = [a.cli, ours[name], str(a.threads), str(a.seconds)] if name in ours else [
                    sys.executable, __file__, "--threads", str(a.threads), "--seconds", str(a.seconds), "--peer", name, work, folder]
                lines = collect(command, env)
                if lines:
                    seen.setdefault(name, []).append(lines)
        for form, names in forms.items():
            peers = [n for n in names[1:] if n in seen]
            for i, tokens in enumerate((*LENGTHS, None)):
                key, best_of = ("p50_ms", min) if tokens else ("tokens_per_s", max)
                middle = {n: statistics.median(x[i][key] for x in seen[n]) for n in [names[0], *peers]}
                line = {"bench": "infer", "form": form, "threads": a.threads, **({"rows": 1, "tokens": tokens} if tokens else {"rows": ROWS}),
                        **{f"{n.split()[0]}_{key}": round(v, 3) for n, v in middle.items()}}
                if peers:
                    line["ratio"] = round(middle[names[0]] / best_of(middle[n] for n in peers), 3)
                    if tokens:
                        least = {n: min(x[i]["least_ms"] for x in seen[n]) for n in middle}
                        line.update({f"{n.split()[0]}_least_ms": round(v, 3) for n, v in least.items()})
                        line["ratio_of_least"] = round(least[names[0]] / min(least[n] for n in peers), 3)
                print(json.dumps(line), flush=True)


main()
