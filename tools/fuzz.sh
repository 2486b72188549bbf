#!/usr/bin/env bash
# Runs one fuzz target: ./test.sh fuzz NAME [SECONDS]. Builds it with clang, address and undefined-behaviour sanitizers.
# The corpus grows in build-fuzz/corpus/NAME; a failing input is left in build-fuzz/crashes. Without a name: the targets.
set -euo pipefail
cd "$(dirname "$0")/.."
names=$(ls fuzz/fuzz_*.c | sed 's|fuzz/fuzz_\(.*\)\.c|\1|')
name=${1:-} seconds=${2:-600}
[ -n "$name" ] || { printf '%s\n' "$names"; exit 0; }
printf '%s\n' "$names" | grep -qx -- "$name" || { echo "no target $name; there are:" $names; exit 2; }
command -v clang >/dev/null || { echo "install clang first: apt-get install clang"; exit 3; }
[ -e build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
ninja -C build-fuzz "fuzz/fuzz_$name" >build-fuzz/compile.log || { cat build-fuzz/compile.log; exit 4; }
mkdir -p "build-fuzz/corpus/$name" build-fuzz/crashes
seeds="fuzz/seeds/$name"
[ -d "$seeds" ] || seeds= # this target grows its corpus from nothing
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 exec "build-fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" \
    -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=build-fuzz/crashes/ \
    "build-fuzz/corpus/$name" $seeds
