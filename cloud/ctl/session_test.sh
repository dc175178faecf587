#!/bin/sh
# The commands that need no cloud, as a person would use them.   session_test.sh TRIBUTARY EXAMPLES
set -eu
. "$(dirname "$0")/expect.sh"

expect 2 "Usage: tributary"
expect 0 "tributary [0-9]" --version
expect 0 "130 Ctrl-C" -h
expect 0 "simulate" --help
expect 2 "no command 'simulat'" simulat
for command in check simulate score model generate bridge object; do
    expect 0 "Examples:" "$command" --help
    expect 2 "tributary $command --help" "$command" --wrong
done
expect 2 "one federation file" check
expect 1 "nowhere.yaml" check nowhere.yaml
printf 'federation: x\nsource: {rate_hz: 1, chanels: [a]}\npipeline: {}\nmodel: {}\n' >wrong.yaml
expect 1 "wrong.yaml:2:22: source.chanels: unknown key; did you mean 'channels'" check wrong.yaml
expect 0 '"parameters": 836' check --json "$examples/rotating-machine.yaml"
expect 0 "predictions one each 0.25 s" check "$examples/rotating-machine.yaml"
expect 1 "list nowhere: No such file" check "$examples/rotating-machine.yaml" --data nowhere
expect 2 "tributary check: unrecognized option '--dataa'" check --dataa x

expect 2 "out DIR or --live" generate
expect 0 "" generate --out machines --gateways 4 --held-out 1 --seconds 25 --seed 5
expect 0 "" generate --out again --gateways 4 --seconds 25 --seed 5
[ "$(ls machines | wc -l)" -eq 4 ] || fail "generate did not write four machines"
cmp -s machines/machine-3.csv again/machine-3.csv || fail "the same seed gave another machine"
[ "$(wc -l <machines/machine-1.csv)" -eq 12501 ] || fail "25 s at 500 Hz are 12500 rows"
"$tributary" generate --live machine-1 --seconds 1 >live.csv
[ "$(wc -l <live.csv)" -eq 501 ] || fail "a live second is 500 rows"

machine="$examples/rotating-machine.yaml"
expect 2 "data DIR" simulate "$machine"
expect 2 "baseline often: expected pooled, local or" simulate "$machine" --data machines \
    --baseline often
expect 2 "rounds none: expected a whole number from 1" simulate "$machine" --data machines \
    --rounds none
expect 2 "seed -1: expected a whole number from 0" simulate "$machine" --data machines --seed -1
expect 2 "goes with none of --model, --test" simulate "$machine" --data machines --holdout each \
    --test machines-test
expect 1 "none of the 4 clients is called so; their names go from machine-1 to machine-4" \
    simulate "$machine" --data machines --holdout 'press*'
expect 1 "holdout 'press': none of" simulate "$machine" --data machines --holdout machine-1 \
    --holdout press
expect 1 "all 4 clients are held out" simulate "$machine" --data machines --holdout '*'
expect 0 "Nothing was tested" simulate "$machine" --data machines --rounds 2
expect 0 "Federation" simulate "$machine" --data machines --test machines-test --rounds 10 \
    --baseline pooled,local --model model.safetensors
expect 0 '"federation_pays"' simulate "$machine" --data machines --test machines-test --rounds 3 \
    --baseline local --json
sed -e 's/quorum: 4/quorum: 3/' "$machine" >three.yaml
expect 0 "accuracy over 4 clients held out one by one" simulate three.yaml --data machines \
    --holdout each --rounds 3
expect 1 "never met its quorum" simulate "$machine" --data machines --holdout machine-1
expect 0 "layers.00.weight" model show model.safetensors
expect 0 '"round": "10"' model show --json model.safetensors
expect 1 "another lineage" score model.safetensors --data machines --federation \
    "$examples/skab.yaml"
expect 0 "unseen-1" score model.safetensors --data machines-test
head -c 3000 model.safetensors >torn.safetensors
expect 1 "torn.safetensors" model show torn.safetensors

# A bucket of plain files.
printf 'object: {file: {folder: bucket}}\n' >bucket.yaml
mkdir bucket
expect 2 "expected list, verify, put" object --config bucket.yaml
expect 2 "tributary object --help" object --config bucket.yaml put model.safetensors
expect 0 "models/plant: [0-9]* bytes" object --config bucket.yaml put model.safetensors models/plant
expect 1 "is there already" object --config bucket.yaml put --if-absent torn.safetensors models/plant
expect 0 "models/plant  whole" object --config bucket.yaml verify models/
expect 0 "" object --config bucket.yaml get models/plant again.safetensors
cmp -s model.safetensors again.safetensors || fail "what was got is not what was put"
expect 1 "nowhere" object --config bucket.yaml get nowhere nothing
[ ! -e nothing ] && [ ! -e nothing.part ] || fail "what cannot be got leaves a file"
printf 'x' | dd of=bucket/models/plant bs=1 seek=100 conv=notrunc 2>/dev/null
expect 1 "models/plant' is damaged" object --config bucket.yaml verify
expect 0 "" object --config bucket.yaml remove models/plant
expect 0 "^\[\]" object --config bucket.yaml list --json
printf 'object: {s3: {bucket: plants, secret_kye: x}}\n' >wrong.yaml
expect 1 "wrong.yaml:1:31: object.s3.secret_kye: unknown key; did you mean 'secret_key'" object \
    --config wrong.yaml list
printf 'object: {s3: {bucket: plants}, gcs: {bucket: plants}}\n' >wrong.yaml
expect 1 "expected one of file, s3, azure and gcs, found 2" object --config wrong.yaml list
printf 'object: {s3: {bucket: plants, access_key: a, secret_key: {environment: NONE_SUCH}}}\n' >wrong.yaml
expect 1 "no NONE_SUCH" object --config wrong.yaml list

printf 'bridge: {kafka: {brokers: "127.0.0.1:1", settings: {linger.sm: 5}}}\n' >wrong.yaml
expect 2 "the names of 1 to 64 federations" bridge setup --config wrong.yaml
expect 1 "librdkafka has no setting 'linger.sm'" bridge setup --config wrong.yaml plant
