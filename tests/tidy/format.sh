#!/bin/bash
# clang-format over the tree: names the files that it would change.
#     format.sh SOURCE
set -euo pipefail
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
cd "$1"
mapfile -t files < <(find common edge cloud firmware tests -name '*.[ch]' 2>/dev/null | sort)
[ "${#files[@]}" -gt 0 ] || { echo "no source was found in $1"; exit 1; }
mapfile -t differing < <(
    printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 8 clang-format --dry-run --ferror-limit=1 2>&1 |
        sed -nE 's/^([^:]+):[0-9]+:[0-9]+: (warning|error): code should be clang-formatted.*/\1/p' | sort -u)
[ "${#differing[@]}" -eq 0 ] || printf '%s: clang-format -i would change it\n' "${differing[@]}"
echo "${#files[@]} files, ${#differing[@]} differ from clang-format"
[ "${#differing[@]}" -eq 0 ]
