#!/usr/bin/env bash
# Builds and tests.
#   ./test.sh              build, house checks, unit and end-to-end tests (minutes; network only for the first set-up)
#   ./test.sh asan|tsan    unit tests, instrumented (asan includes undefined behaviour)
#   ./test.sh clang        the same build with clang, warnings are errors
#   ./test.sh parity [P]   against the Python libraries (P: part of a script's name)
#   ./test.sh kills [N]    N random kills of training (100) for each head and set of options, minutes
#   ./test.sh fuzz NAME [SECONDS]   one fuzz target; no NAME lists them
set -euo pipefail
cd "$(dirname "$0")"
tools/setup.sh build
tools/setup.sh tests

build_in() { # build_in FOLDER [meson options]
    local dir=$1; shift
    [ -e "$dir/build.ninja" ] || meson setup "$dir" "$@" >"/tmp/tenet-setup.$$" 2>&1 || { cat "/tmp/tenet-setup.$$"; exit 3; }
    rm -f "/tmp/tenet-setup.$$"
    meson compile -C "$dir" >"$dir/compile.log" 2>&1 || { cat "$dir/compile.log"; exit 4; }
    if grep -q 'warning:' "$dir/compile.log"; then grep -A3 'warning:' "$dir/compile.log"; echo "the build has warnings"; exit 1; fi
}

case "${1:-all}" in
all)
    build_in build
    tools/setup.sh models
    python3 tests/run.py
    ;;
asan)
    build_in build-asan -Db_sanitize=address,undefined -Db_lundef=false
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C build-asan --no-rebuild --print-errorlogs -t 10
    ;;
tsan)
    build_in build-tsan -Db_sanitize=thread -Db_lundef=false
    TSAN_OPTIONS=halt_on_error=1 meson test -C build-tsan --no-rebuild --print-errorlogs -t 20
    ;;
clang)
    command -v clang >/dev/null || { echo "install clang first: apt-get install clang"; exit 3; }
    CC=clang build_in build-clang
    meson test -C build-clang --no-rebuild --print-errorlogs
    ;;
parity)
    build_in build
    tools/setup.sh models
    tools/setup.sh peers
    # The starters lie in tenet's own cache, which has the Hub's layout: the Python side reads them there, offline.
    export HF_HUB_CACHE="${TENET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenet/hub}" HF_HUB_OFFLINE=1
    failed=0
    for script in tests/parity/*"${2:-}"*_parity.py; do
        echo "== $script"
        "${TENET_VENV:-build/venv}/bin/python" "$script" || failed=1
    done
    exit $failed
    ;;
kills)
    build_in build
    TN_KILLS="${2:-100}" meson test -C build --no-rebuild --print-errorlogs -t 40 targets_test options_test
    ;;
fuzz)
    exec tools/fuzz.sh "${2:-}" "${3:-600}"
    ;;
*)
    sed -n '2,9p' "$0"
    exit 2
    ;;
esac
