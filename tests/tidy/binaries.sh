#!/bin/bash
# Checks of what is installed, not of the source.
#
#     binaries.sh SOURCE BUILD
#
# hardening     position independent, relocations read-only and bound at the start, no executable stack,
#               stack protector, checked libc calls
# reproducible  the same source, built in another place, gives the same bytes
set -euo pipefail

source_dir=$1
build=$2
programs=(tributary tributary-cloud tributary-edge)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "$*"
    failed=1
}

cmake --install "$build" --prefix "$work/installed" >"$work/log" || {
    tail -n 5 "$work/log"
    exit 1
}

for name in "${programs[@]}"; do
    program=$work/installed/bin/$name
    readelf -hlWd "$program" >"$work/elf"
    readelf -W --dyn-syms "$program" >"$work/symbols"
    grep -q 'Type: *DYN' "$work/elf" || complain "$name: not position independent"
    grep -q 'GNU_RELRO' "$work/elf" || complain "$name: relocations stay writable"
    grep -Eq 'BIND_NOW|FLAGS_1.*NOW' "$work/elf" || complain "$name: not bound at the start"
    grep -Eq 'GNU_STACK.* RW +0x' "$work/elf" || complain "$name: an executable stack"
    grep -q '__stack_chk_fail' "$work/symbols" || complain "$name: no stack protector"
    grep -Eq '__[a-z]+_chk' "$work/symbols" || complain "$name: no checked libc calls"
done
[ "$failed" -eq 1 ] || echo "hardening: ${programs[*]}: all of it"

# Without what is only about this build: its folder, its tests.
mkdir "$work/elsewhere"
cp -r "$source_dir" "$work/elsewhere/source"
type=$(sed -n 's/^CMAKE_BUILD_TYPE:STRING=//p' "$build/CMakeCache.txt")
cmake -S "$work/elsewhere/source" -B "$work/elsewhere/build" -G Ninja "-DCMAKE_BUILD_TYPE=$type" \
    -DTRIB_WERROR=ON -DTRIB_TESTS=OFF >"$work/log" 2>&1 &&
    ninja -C "$work/elsewhere/build" "${programs[@]}" >>"$work/log" 2>&1 &&
    cmake --install "$work/elsewhere/build" --prefix "$work/again" >>"$work/log" || {
    tail -n 20 "$work/log"
    exit 1
}
for name in "${programs[@]}"; do
    cmp "$work/installed/bin/$name" "$work/again/bin/$name" || complain "$name: another build, other bytes"
done
[ "$failed" -eq 1 ] || echo "reproducible: ${programs[*]}: the same bytes from another folder"
exit "$failed"
