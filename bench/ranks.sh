#!/usr/bin/env bash
# Training of MiniLM on the example's reviews over processes: one process with N threads, N processes with one thread each.
# A JSON line each: seconds of training, and the weights' digest, which is the same. Needs mpirun and build/tenet.
#   bench/ranks.sh [N]
set -euo pipefail
n=${1:-2}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp examples/vietnamese-reviews/reviews.csv "$work/"
printf -- '---\nlicense: cc0-1.0\n---\n' >"$work/README.md"
{
    printf -- '---\ndata: reviews.csv\nmodel: sentence-transformers/all-MiniLM-L6-v2\nrecipe: {epochs: 1, batch_size: 32}\n---\n'
    awk 'seen >= 2; /^---$/ { seen++ }' examples/vietnamese-reviews/brief.md
} >"$work/brief.md"

measure() { # measure NAME COMMAND...
    local name=$1; shift
    "$@" build/tenet run "$work/brief.md" --out "$work/$name" --yes --quiet --threads "$threads" >/dev/null 2>&1 || [ $? = 1 ]
    python3 - "$work/$name" "$name" <<'PY'
import hashlib, json, pathlib, sys
run = pathlib.Path(sys.argv[1])
env = json.loads((run / "env.json").read_text())
tokens = sum(json.loads(line)["tokens"] for line in open(run / "tune/steps.jsonl"))
print(json.dumps({"bench": "ranks", "what": sys.argv[2], "processes": env["processes"], "threads": env["threads"], "train_s": round(env["seconds"]["tune"], 2),
                  "tokens": tokens, "weights": hashlib.sha256((run / "tune/model/model.safetensors").read_bytes()).hexdigest()[:16]}))
PY
}

root=(); [ "$(id -u)" = 0 ] && root=(--allow-run-as-root)
threads=$n measure one
threads=1 measure many mpirun -n "$n" --oversubscribe --bind-to none --quiet "${root[@]}"
