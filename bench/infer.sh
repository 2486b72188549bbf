#!/usr/bin/env bash
# Latency and throughput of MiniLM's encoder: ours in f32 and int8, ONNX Runtime, OpenVINO, torch. See bench/peer_infer.py.
set -euo pipefail
ninja -C build-bench bench/bench_infer >/dev/null
exec "${TENET_VENV:-build/venv}/bin/python" bench/peer_infer.py "$@"
