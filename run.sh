#!/usr/bin/env bash
# Installs what is missing, builds, and does the example brief end to end.
#   ./run.sh               the example
#   ./run.sh BRIEF [...]   tenet run on a brief of yours, with the same set-up
set -euo pipefail
here=$PWD
cd "$(dirname "$0")"
tools/setup.sh build
[ -e build/build.ninja ] || meson setup build >build.log 2>&1 || { cat build.log; exit 3; }
rm -f build.log
meson compile -C build >build/compile.log 2>&1 || { cat build/compile.log; exit 4; }
tools/setup.sh models
if [ $# = 0 ]; then
    exec build/tenet run examples/vietnamese-reviews/brief.md --out runs/vietnamese-reviews --replace
fi
top=$PWD
cd "$here" # where the caller's paths start
exec "$top/build/tenet" run "$@"
