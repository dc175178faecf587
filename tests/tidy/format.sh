#!/bin/bash
# clang-format over the tree: counts and names the files that it would change.
#     format.sh SOURCE
# Files listed in tests/tidy/unformatted.txt may still differ; the list only shrinks. A count beside
# the name `*` allows that many files for as long as the tree is not formatted as a whole.
set -euo pipefail
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
cd "$1"
mapfile -t files < <(find common edge cloud firmware tests -name '*.[ch]' 2>/dev/null | sort)
[ "${#files[@]}" -gt 0 ] || { echo "no source was found in $1"; exit 1; }
mapfile -t differing < <(
    printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 8 clang-format --dry-run --ferror-limit=1 2>&1 |
        sed -nE 's/^([^:]+):[0-9]+:[0-9]+: (warning|error): code should be clang-formatted.*/\1/p' | sort -u)
allowed=$(sed -nE 's/^\* +([0-9]+).*/\1/p' tests/tidy/unformatted.txt)
printf '%s\n' "${differing[@]}"
echo "${#files[@]} files, ${#differing[@]} differ from clang-format, ${allowed:-0} may"
[ "${#differing[@]}" -le "${allowed:-0}" ]
