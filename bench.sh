#!/usr/bin/env bash
# Ours and the peer's in one go, a JSON line each with the ratio. Wants an idle machine.
#   ./bench.sh [NAME]      NAME: part of a bench's name (gemm, train, infer, tokenizer, check)
set -euo pipefail
cd "$(dirname "$0")"
tools/setup.sh build
[ -e build-bench/build.ninja ] || meson setup build-bench -Dbench=true >/dev/null
meson compile -C build-bench >/dev/null
[ -e build/build.ninja ] || meson setup build >/dev/null
meson compile -C build >/dev/null
tools/setup.sh models
tools/setup.sh peers
export HF_HUB_CACHE="${TENET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenet/hub}" HF_HUB_OFFLINE=1
for script in bench/*"${1:-}"*.sh; do bash "$script"; done
