#!/usr/bin/env bash
# Encoding of lines, ours and the tokenizers package's on one thread, for each tokenizer.json of the Hub cache and for a
# byte-level BPE as RoBERTa has it, trained here: MB of text a second, ids alone and with offsets, and the time to open.
# The texts are made of a fixed list of Vietnamese and English words, so that the bench needs nothing that is not here.
set -euo pipefail
ninja -C build-bench tests/tokenize_dump >/dev/null
TOKENIZERS_PARALLELISM=false "${TENET_VENV:-build/venv}/bin/python" - <<'PY'
import glob, json, os, random, subprocess, sys, tempfile, time
from tokenizers import Tokenizer

sys.path.insert(0, "tests/parity")
from tokenizer_parity import make_bpe

WORDS = {
    "vi": "sản phẩm rất tốt giao hàng nhanh đóng gói cẩn thận shop tư vấn nhiệt tình màu sắc giống hình nhưng chất vải hơi mỏng "
          "mình thấy giá này được lần sau sẽ ủng hộ tiếp không hài lòng vì hàng bị lỗi đổi trả chậm quá".split(),
    "en": "the delivery was surprisingly quick and the packaging looked neat however this phone case feels cheap although colours "
          "match their pictures customer service answered politely within minutes would definitely recommend buying again".split(),
}
home = os.environ.get("HF_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "huggingface"))
cache = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
files = [(path.split("models--")[1].split(os.sep)[0].replace("--", "/"), path)
         for path in sorted(glob.glob(os.path.join(cache, "models--*", "snapshots", "*", "tokenizer.json")))]
trained = tempfile.NamedTemporaryFile("w", suffix=".json")
json.dump(make_bpe([])["roberta"], trained)
trained.flush()
for model, path in [*files, ("byte-level BPE", trained.name)]:
    for language, words in WORDS.items():
        r = random.Random(1)
        lines = [" ".join(r.choice(words) for _ in range(r.randrange(4, 60))).capitalize() + "." for _ in range(6000)]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
            f.write("\n".join(lines))
            f.flush()
            done = subprocess.run(["build-bench/tests/tokenize_dump", path, f.name, "2"], capture_output=True, text=True, check=True)
        ours = {x["what"]: x for x in map(json.loads, done.stdout.split("\n")[:-1])}
        start = time.perf_counter()
        t = Tokenizer.from_file(path)
        opened = (time.perf_counter() - start) * 1e3
        t.no_padding(), t.no_truncation()
        size, theirs = sum(len(l.encode()) for l in lines) / 1e6, {}
        for what, call in (("offsets", t.encode_batch), ("ids", t.encode_batch_fast)):
            best = min((lambda s: (call(lines), time.perf_counter() - s)[1])(time.perf_counter()) for _ in range(3))
            theirs[what] = size / best
        for what in ("ids", "offsets"):
            print(json.dumps({"bench": "tokenizer", "model": model, "text": language, "what": what, "peer": "tokenizers 0.23.3",
                              "mb_per_s": ours[what]["mb_per_s"], "peer_mb_per_s": round(theirs[what], 2),
                              "ratio": round(ours[what]["mb_per_s"] / theirs[what], 1)}), flush=True)
    print(json.dumps({"bench": "tokenizer", "model": model, "what": "open", "ms": ours["open"]["ms"], "peer_ms": round(opened, 1)}))
PY
