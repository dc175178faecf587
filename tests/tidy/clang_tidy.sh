#!/bin/bash
# clang-tidy over everything that the build compiles, but for generated code and what only tests
# compile: cmocka ends a test that fails where the analyser goes on.
#     clang_tidy.sh SOURCE BUILD [PATH-PATTERN]
set -euo pipefail
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
pattern=${3:-.}
cd "$1"
mapfile -t files < <(sed -nE 's/^ *"file": "(.*)",?$/\1/p' "$2/compile_commands.json" |
    grep "^$1/" | grep -vE '(_test|_fixture|tests/support/power)\.c$' | grep -E "$pattern" | sort -u)
[ "${#files[@]}" -gt 0 ] || { echo "no source was found in $2/compile_commands.json"; exit 1; }
echo "${#files[@]} files"
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 4 clang-tidy -p "$2" --config-file=.clang-tidy --quiet 2>/dev/null
echo "clang-tidy has nothing to say"
