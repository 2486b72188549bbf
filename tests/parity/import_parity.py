#!/usr/bin/env python3
"""The starter models in the Hub cache, as Python sees them offline: huggingface_hub finds no fault with the cache,
transformers and sentence-transformers load both models with no unexpected key, and sentences embed sensibly."""
import json, os, sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
from huggingface_hub import scan_cache_dir, snapshot_download
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

failures = 0


def check(ok, what):
    global failures
    failures += not ok
    print("ok  " if ok else "FAIL", what)


info = scan_cache_dir()
check(not info.warnings, f"scan_cache_dir has no warnings {[str(w) for w in info.warnings]}")
starters = {
    # id: missing keys, the ids of one text
    "sentence-transformers/all-MiniLM-L6-v2": (set(), [101, 2624, 6887, 3286, 9350, 2000, 2102, 27699, 2080, 6865, 18699, 2319, 2232, 999, 102]),
    "intfloat/multilingual-e5-small": ({"pooler.dense.weight", "pooler.dense.bias"}, [0, 57061, 5692, 3967, 6718, 13407, 2508, 13596, 38, 2]),
}
for name, (missing, ids) in starters.items():
    folder = snapshot_download(name)
    note = json.load(open(os.path.join(folder, ".tenet-origin.json"))) if os.path.exists(os.path.join(folder, ".tenet-origin.json")) else {}
    print(name, note.get("source", "from the Hub"))
    tokenizer = AutoTokenizer.from_pretrained(name)
    check(tokenizer("Sản phẩm rất tốt\n giao  hàng nhanh!")["input_ids"] == ids, "ids of a text with a line end")
    check(tokenizer.model_max_length == 512, "the longest text has 512 tokens")
    model, keys = AutoModel.from_pretrained(name, output_loading_info=True)
    check(set(keys["missing_keys"]) == missing and not keys["unexpected_keys"], "every key has its place")
    st = SentenceTransformer(name, device="cpu")
    e = st.encode(["query: Giao hàng nhanh, đóng gói cẩn thận", "query: Hàng giao rất nhanh và gói kỹ", "query: Con mèo nằm ngủ trên mái nhà"])
    check(abs((e * e).sum(1) - 1).max() < 1e-5, "embeddings have length 1")
    check(e[0] @ e[1] > max(e[0] @ e[2], e[1] @ e[2]) + .1, "a paraphrase is closer than another subject")
sys.exit(1 if failures else 0)
