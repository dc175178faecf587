#!/bin/bash
# The commands that ask a cloud, against one that answers from a script.
#     commands.sh TRIBUTARY
set -euo pipefail
: "${TRIB_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
. "$TRIB_SOURCE/tests/support/script.sh"
tributary=$1

"$tributary" generate --out "$folder/machines" --gateways 4 --held-out 1 --seconds 10 >/dev/null
"$tributary" simulate "$TRIB_SOURCE/docs/examples/rotating-machine.yaml" --data "$folder/machines" \
    --test "$folder/machines-test" --rounds 2 --model "$folder/model.safetensors" >/dev/null
(umask 077 && echo "secret-token" >"$folder/token")
export TRIBUTARY_CLOUD=http://127.0.0.1:$(free_port)
refused "no tributary-cloud answers" "$tributary" status --token-file "$folder/token"
in_background /usr/bin/python3 "$TRIB_SOURCE/tests/support/fake_cloud.py" \
    --port "${TRIBUTARY_CLOUD##*:}" --token-file "$folder/token" --model "$folder/model.safetensors"
until_true curl -fs "$TRIBUTARY_CLOUD/v1/health"

refused "refuses the token" "$tributary" status
echo "wrong" >"$folder/wrong"
refused "refuses the token" "$tributary" status --token-file "$folder/wrong"
printf '' >"$folder/empty"
refused "is empty" "$tributary" status --token-file "$folder/empty"
export TRIBUTARY_TOKEN_FILE=$folder/token

says "fake  .*training" "$tributary" status
says "no connection to its broker .connecting" "$tributary" status
says '"broker": "connecting"' "$tributary" status --json
says "gw-2 .*offline .*it was not selected" "$tributary" status fake
says "not in it     it was not selected" "$tributary" status fake gw-2
says '"gateway": "gw-1"' "$tributary" status --json fake gw-1
refused "there is no" "$tributary" status nothing
refused "there is no" "$tributary" status fake gw-9
refused "is no name" "$tributary" status ..
says "revision 1, a new lineage" "$tributary" apply "$TRIB_SOURCE/docs/examples/rotating-machine.yaml"
sed 's/^federation:.*/federation: ALL CAPS/' "$TRIB_SOURCE/docs/examples/rotating-machine.yaml" \
    >"$folder/bad.yaml"
refused "bad.yaml:" "$tributary" apply "$folder/bad.yaml"

"$tributary" watch fake --until-done --score "$folder/machines-test" --record "$folder/rounds" \
    >"$folder/watched"
equals 4 "$(grep -c ' 8 of 8 ' "$folder/watched")" "rounds shown"
equals 4 "$(grep -c '"ordinal"' "$folder/rounds")" "rounds recorded"
equals 3 "$(grep -c '"accuracy"' "$folder/rounds")" "rounds scored"
watched=$(sed -nE 's/.*"accuracy": ([0-9.]+).*/\1/p' "$folder/rounds" | tail -n 1)
scored=$("$tributary" score "$folder/model.safetensors" --data "$folder/machines-test" --json |
    sed -nE 's/.*"accuracy": ([0-9.]+).*/\1/p' | tail -n 1)
equals "$(printf '%.6f' "$scored")" "$(printf '%.6f' "$watched")" "the score, as tributary score has it"


# What the same data reaches otherwise stands beside each round, unless it is another metric.
"$tributary" simulate "$TRIB_SOURCE/docs/examples/rotating-machine.yaml" --data "$folder/machines" \
    --test "$folder/machines-test" --rounds 2 --baseline pooled,local --json >"$folder/baselines.json"
"$tributary" watch fake --until-done --score "$folder/machines-test" \
    --baselines "$folder/baselines.json" >"$folder/watched"
alone=$(awk '/^  "local": / { inside = 1 } inside && $1 == "\"accuracy\":" { printf "%.4f", $2; exit }' \
    "$folder/baselines.json")
equals 1 "$(grep -c 'unseen *alone *pooled' "$folder/watched")" "headings of baselines"
equals 4 "$(grep -c "^ .* $alone " "$folder/watched")" "rounds with what clients alone reach"
sed 's/"metric": "accuracy"/"metric": "loss"/' "$folder/baselines.json" >"$folder/loss.json"
refused "its metric is loss, that of --score is accuracy" "$tributary" watch fake --until-done \
    --score "$folder/machines-test" --baselines "$folder/loss.json"
refused "rounds: line 2: " "$tributary" watch fake --baselines "$folder/rounds"
head -n 1 "$folder/rounds" >"$folder/round"
refused "found no metric" "$tributary" watch fake --baselines "$folder/round"
refused "baselines .*nowhere" "$tributary" watch fake --baselines "$folder/nowhere"

says "^ *3 " "$tributary" model list fake
digest=$(sha256sum "$folder/model.safetensors" | cut -c1-64)
says "$digest" "$tributary" model export fake --out "$folder/out.safetensors"
cmp "$folder/model.safetensors" "$folder/out.safetensors" || broken "what was exported differs"
refused "is there already" "$tributary" model export fake --out "$folder/out.safetensors"
refused "no model of round 77" "$tributary" model export fake --round 77 --out "$folder/other"
says "release 1 of fake" "$tributary" model release fake "${digest:0:12}"
refused "too short" "$tributary" model release fake "${digest:0:4}"
refused "no model starts with" "$tributary" model release fake 0000000000
says "gw-2 is revoked" "$tributary" revoke gw-2 --discard
says '"discard": true' "$tributary" revoke gw-2 --discard --json
says " gw-2 .*revoked|gw-2 +revoked" "$tributary" status fake

# Ctrl-C ends a watch at once, and cleanly.
"$tributary" watch fake >/dev/null &
watcher=$!
sleep 1
kill -INT "$watcher"
result=0
wait "$watcher" || result=$?
equals 130 "$result" "exit status of an interrupted watch"
finished
