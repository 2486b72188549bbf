#!/usr/bin/env bash
# Fails when a program, library or object takes an elementary function from libm: glibc's answers depend on the CPU, and
# recorded numbers must not (DESIGN, numeric contract). base/fmath.h has our own. The exact
# ones (sqrt, fma, floor, ldexp and the like) pass.
#   tools/check_symbols.sh FILE ...
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: tools/check_symbols.sh FILE ..." >&2; exit 2; }
functions='exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|powi|sin|cos|tan|sincos|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|erf|erfc|lgamma|tgamma|gamma|cbrt|hypot|j0|j1|jn|y0|y1|yn'
status=0
for file in "$@"; do
  [ -r "$file" ] || { echo "$file: cannot be read" >&2; exit 2; }
  # A linked program shows what it imports in the dynamic table; archives and objects show it in the plain one.
  case "$file" in *.a|*.o) table=(nm -u) ;; *) table=(nm -D -u) ;; esac
  found=$("${table[@]}" "$file" 2>/dev/null | awk '$1 == "U" || $1 == "w" { sub(/@.*/, "", $2); print $2 }' |
    grep -xE "(__)?($functions)[fl]?(_r|_r_finite|_finite)?|_ZGV.*_($functions)f?" | sort -u | tr '\n' ' ' || true)
  if [ -n "$found" ]; then
    echo "$file takes from libm: ${found% } (use base/fmath.h)" >&2
    status=1
  fi
done
exit $status
