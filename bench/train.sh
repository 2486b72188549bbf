#!/usr/bin/env bash
# Fine-tuning of MiniLM: ours, transformers.Trainer, a tuned torch loop. See bench/peer_train.py.
set -euo pipefail
ninja -C build-bench tests/train_cli >/dev/null
exec "${TENET_VENV:-build/venv}/bin/python" bench/peer_train.py "$@"
