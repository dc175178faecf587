#!/bin/sh
# simulate, check --data and score over folders as people have them.
#     simulate_test.sh TRIBUTARY EXAMPLES
set -eu
words_are=-F
. "$(dirname "$0")/expect.sh"

also() { # also WORDS: in what the last one said
    grep -qF -- "$1" said || { cat said; fail "it does not say '$1'"; }
}
never() { # never WORDS
    ! grep -qF -- "$1" said || { cat said; fail "it says '$1'"; }
}

# y follows x with a slope that differs a little from file to file, and an offset.
write() { # FILE ROWS SLOPE [SEPARATOR]
    awk -v rows="$2" -v slope="$3" -v s="${4:-,}" 'BEGIN {
        print "t" s "x" s "y"
        for (i = 0; i < rows; i++) {
            x = sin(i / 7) + ((i * 7919) % 100) / 100
            printf "%d%s%.4f%s%.4f\n", i * 10, s, x, s, slope * x + 3
        }
    }' >"$1"
}
fleet() { # FOLDER [SEPARATOR]
    mkdir -p "$1"
    for i in 1 2 3 4; do
        write "$1/m$i.csv" 300 "1.$i" "${2:-,}"
    done
}
cat >line.yaml <<'YAML'
federation: line
source:
  rate_hz: 100
  timestamp: {column: t, unit: ms}
  channels: [x]
  targets: [y]
  split: {train_fraction: 0.7}
pipeline: {window: {rows: 10, hop: 5}, features: [mean, last]}
model: {task: regress, layers: [{kind: dense, units: 1}]}
training: {rate: 0.05, epochs: 5}
rounds: {maximum: 10}
YAML

# Regression: errors side by side, for each client as well, and a floor under them.
fleet plain
expect 0 "Federation" simulate line.yaml --data plain --baseline pooled,local
for words in "rmse" "mae" "fed    pool   alone" "m4" "on test data" "the mean targets of training" \
    "clients are better off"; do
    also "$words"
done
expect 0 '"constant": {' simulate line.yaml --data plain --baseline pooled,local --json
also '"metric": "rmse"'
also '"federation_pays"'
[ "$(grep -c '"pooled": {' said)" -eq 5 ] || fail "four clients and all of them have pooled scores"
expect 0 "rmse over 4 clients held out one by one" simulate line.yaml --data plain --holdout each \
    --baseline local
also "clients held out, the federated model is the better one"

# Line ends, quotes and a mark at the start change nothing.
"$tributary" simulate line.yaml --data plain --json >wanted
for kind in crlf quoted marked; do
    fleet $kind
    for i in 1 2 3 4; do
        case $kind in
        crlf) sed -i 's/$/\r/' $kind/m$i.csv ;;
        quoted) sed -i -e 's/,/","/g' -e 's/^/"/' -e 's/$/"/' $kind/m$i.csv ;;
        marked) sed -i '1s/^/\xef\xbb\xbf/' $kind/m$i.csv ;;
        esac
    done
    "$tributary" simulate line.yaml --data $kind --json >found
    cmp -s wanted found || fail "$kind files give another result"
done
fleet parted ';'
expect 1 "parted by ';'" simulate line.yaml --data parted
sed 's/rate_hz: 100/rate_hz: 100\n  delimiter: ";"/' line.yaml >parted.yaml
"$tributary" simulate parted.yaml --data parted --json >found
cmp -s wanted found || fail "another delimiter gives another result"

# What is wrong with a file is said with its name, line and column.
fleet damaged
sed -i -e '50s/.*/garbage,here,too/' -e '60s/.*/590/' damaged/m2.csv
expect 0 "note: m2: 2 malformed lines are left out, the first: damaged/m2.csv:50: column 't'" \
    simulate line.yaml --data damaged
expect 0 '"malformed_lines": 2' simulate line.yaml --data damaged --json
expect 0 "malformed" check line.yaml --data damaged
fleet renamed
sed -i '1s/x/z/' renamed/m3.csv
expect 1 "renamed/m3.csv:1: column 'x': is not in the header" simulate line.yaml --data renamed
fleet headless
sed -i 1d headless/m1.csv
expect 1 "headless/m1.csv:1: column 't': is not in the header" simulate line.yaml --data headless
also "the first line must name the columns"
fleet doubled
cp doubled/m1.csv doubled/M1.csv
expect 1 "would both be client 'm1': rename one" simulate line.yaml --data doubled
fleet wordy
sed -i '2,$s/^[0-9]*/never/' wordy/m1.csv
expect 1 "none of its 300 lines is a row" simulate line.yaml --data wordy
mkdir nothing
expect 1 "nothing has no file that matches '*.csv', nor a folder with one" simulate line.yaml \
    --data nothing
expect 1 "list nowhere: No such file" simulate line.yaml --data nowhere

# Clients with too little are named and left out, by simulate, check and score.
fleet idle
: >idle/m3.csv
write idle/m4.csv 5 1
expect 0 "note: m3 takes no part in training: its recordings have no rows" simulate line.yaml \
    --data idle --model line.safetensors
also "note: m4 takes no part in training: 5 rows give 0 examples"
expect 0 "2 of 4 clients can take part" check line.yaml --data idle
expect 0 '"takes_part": false' check line.yaml --data idle --json
also '"place": "idle/m3.csv"'
expect 0 "m1 " score line.safetensors --data idle --federation line.yaml
also "all "

# A client alone is compared on the same tests as the federated model, held out or not.
expect 0 '"federated"' simulate line.yaml --data plain --holdout m1 --baseline local --json
awk '/^  "federated": /,/^  }/ { if (/"examples"/) federated = $2 + 0 }
    /^  "local": /,/^  }/ { if (/"examples"/) local = $2 + 0 }
    END { exit !(federated > 0 && local == 3 * federated) }' said ||
    fail "three clients alone should be tested on what the federated model is tested on"

# Anomalies by reconstruction: judged with a column for them, else alarms are only counted.
mkdir pumps
for i in 1 2 3; do
    awk -v seed="$i" 'BEGIN {
        print "a,b,odd"
        for (i = 0; i < 400; i++) {
            odd = i >= 300 && i % 4 == 0
            x = ((i * 7919 + seed * 31) % 200) / 100 - 1
            printf "%.4f,%.4f,%d\n", x, (odd ? -2 : 2) * x + (odd ? 2 : 0), odd
        }
    }' >pumps/p$i.csv
done
cat >pump.yaml <<'YAML'
federation: pump
source:
  rate_hz: 1
  channels: [a, b]
  anomaly: {column: odd}
  split: {train_rows: 200}
pipeline: {window: {rows: 1}, features: [last]}
model: {task: reconstruct, layers: [{kind: dense, units: 1}, {kind: dense, units: 2}]}
training: {optimiser: adam, rate: 0.02, epochs: 5}
rounds: {maximum: 10}
YAML
expect 0 "An alarm on every example would have an f1 of" simulate pump.yaml --data pumps \
    --baseline pooled,local
also "false al."
also "miss_rate"
sed '/anomaly:/d' pump.yaml >blind.yaml
expect 0 "Whether federation pays cannot be told: without source.anomaly" simulate blind.yaml \
    --data pumps --baseline local
also "alarm_rate"
never "f1"
sed '/split:/d' pump.yaml >whole.yaml
expect 0 "source.split leaves for testing" simulate whole.yaml --data pumps --holdout p1 \
    --baseline local
never "f1"

# Made-up clients: the same model on any number of threads, and what they cannot be used for.
made=$examples/rotating-machine.yaml
expect 0 "Nothing was tested: give --test." simulate "$made" --generate 40 --samples 3 --rounds 2 \
    --threads 1 --model one.safetensors
expect 0 "clients" simulate "$made" --generate 40 --samples 3 --rounds 2 --threads 3 \
    --model three.safetensors
cmp -s one.safetensors three.safetensors || fail "three threads make another model than one"
expect 0 '"clients": []' simulate "$made" --generate 4 --samples 1 --rounds 1 --json
also '"examples": 4'
expect 1 "made-up machines give 500 rows a second" simulate line.yaml --generate 4
expect 2 "expected one federation file and --data DIR or --generate N" simulate "$made"
expect 2 "expected one federation file and --data DIR or --generate N" simulate "$made" --data plain \
    --generate 4
expect 2 "--samples and --threads go with --generate" simulate line.yaml --data plain --threads 2
expect 2 "its clients are forgotten" simulate "$made" --generate 4 --baseline local
expect 2 "--generate 16777217: expected a whole number from 1 to 16777216" simulate "$made" \
    --generate 16777217

# MNIST's bytes become recordings: here 40 images of two shades, dealt to four clients.
mkdir bytes
awk 'BEGIN { for (i = 0; i < 40; i++) for (j = 0; j < 784; j++) printf "%s", i % 2 ? "z" : " " }' \
    >bytes/train-images.u8
awk 'BEGIN { for (i = 0; i < 40; i++) printf "%s", i % 2 ? "\001" : "\002" }' >bytes/train-labels.u8
head -c 7840 bytes/train-images.u8 >bytes/test-images.u8
head -c 10 bytes/train-labels.u8 >bytes/test-labels.u8
/usr/bin/python3 "$examples/mnist_to_csv.py" bytes digits --clients 4 --shards >said ||
    fail "mnist_to_csv.py fails"
also "4 clients in digits/train, 10 images to test on"
sed -e 's/quorum: 8, gateways: 100/quorum: 1, gateways: 4/' -e 's/fraction: 0.1, //' \
    "$examples/mnist.yaml" >digits.yaml
expect 0 "4 of 4 clients can take part" check digits.yaml --data digits/train
grep -qE '^client-000 +1 +280 +10 ' said || { cat said; fail "10 images are 280 rows, 10 windows"; }
expect 0 '"accuracy": 1.0' simulate digits.yaml --data digits/train --test digits/test --json
head -c 100 bytes/test-images.u8 >bytes/short && mv bytes/short bytes/test-images.u8
! /usr/bin/python3 "$examples/mnist_to_csv.py" bytes digits >said 2>&1 ||
    fail "a torn file is taken"
also "expected 784 bytes of test-images for each of 10 labels, found 100"
