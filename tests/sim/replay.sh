#!/bin/bash
# A seed gives the same world again: in its own process, after another, and with real keys.
#
#     replay.sh TRIBUTARY-SIM
set -euo pipefail
sim=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for seed in 3 29 110; do
    for keys in "" --real-keys; do
        for time in first second; do
            # shellcheck disable=SC2086
            "$sim" --seed "$seed" $keys >"$folder/$time" || {
                tail -n 1 "$folder/$time"
                exit 1
            }
        done
        cmp "$folder/first" "$folder/second"
        echo "seed $seed $keys: $(wc -l <"$folder/first") lines, twice the same"
    done
done
