#!/bin/bash
# cppcheck over the tree: errors, warnings, portability, performance.
#     cppcheck.sh SOURCE BUILD
set -euo pipefail
command -v cppcheck >/dev/null || { echo "cppcheck is not installed"; exit 77; }
source_dir=$1
cache=$2/cppcheck
mkdir -p "$cache"
cd "$source_dir"
parts=()
for part in common edge cloud; do
    [ ! -d "$part" ] || parts+=("$part")
done
[ "${#parts[@]}" -gt 0 ] || { echo "no source was found in $1"; exit 1; }
# An exhaustive look at every configuration costs an hour and finds what the compilers find.
cppcheck --std=c11 --language=c --enable=warning,performance,portability --inline-suppr --quiet \
    --error-exitcode=1 --max-configs=1 --cppcheck-build-dir="$cache" -j "$(nproc)" -I . \
    --suppressions-list=tests/tidy/cppcheck.txt \
    --template='{file}:{line}: {severity}: {message} [{id}]' "${parts[@]}"
echo "cppcheck has nothing to say"
