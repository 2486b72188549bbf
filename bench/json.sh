#!/usr/bin/env bash
# Parsing of tokenizer.json, ours and Python's json on the same made-up file.
set -euo pipefail
file=$(mktemp); trap 'rm -f "$file"' EXIT
build-bench/bench/bench_json -o "$file"
"${TENET_VENV:-build/venv}/bin/python" - "$file" <<'PY'
import json, sys, time
text = open(sys.argv[1], "rb").read()
best = min((lambda t: (json.loads(text), time.perf_counter() - t)[1])(time.perf_counter()) for _ in range(5))
print(json.dumps({"bench": "json", "peer": "Python json.loads", "file": "made up", "bytes": len(text), "ms": round(best * 1e3, 1)}))
PY
