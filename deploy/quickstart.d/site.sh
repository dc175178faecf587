# Sourced by deploy/quickstart: identities, recordings and the config files of one run.

# gateways: names; recording: what each replays, as text between double quotes of YAML.
declare -A recording=()
gateways=()

# What `check --data --json` says of the clients: NAME, yes or no, PLACE, the text as JSON has it.
list_clients() { # FILE
    awk 'function text(line) { sub(/^[^:]*: "/, "", line); sub(/",?$/, "", line); return line }
        /^      "client": / { name = text($0) }
        /^      "place": / { place = text($0) }
        /^      "takes_part": / { print name "\t" (/true/ ? "yes" : "no") "\t" place }' "$1"
}

# Text of JSON as it is meant. (Control characters, which no name should have, stay escaped.)
plain_text() { # TEXT
    sed 's/\\\(["\\/]\)/\1/g' <<<"$1"
}

is_held_out() { # NAME
    local pattern
    for pattern in "${holdouts[@]}"; do
        # shellcheck disable=SC2053 # a glob is what it is
        [[ $1 != $pattern ]] || return 0
    done
    return 1
}

# A folder with links to some recordings of another, laid out as they are there.
link_recording() { # PLACE FOLDER
    local below=${1#"$data"/}
    mkdir -p "$2/$(dirname "$below")"
    ln -sfn "$1" "$2/$below"
}

# Which recordings are gateways: the clients that `simulate` would find, by the same names. Where only
# some of them are, $data becomes a folder with those, so that what is compared saw the same.
find_recordings() { # FOLDER
    local name trains place path left_out=0 chosen=$run/recordings unseen=$run/unseen
    "$tributary" check "$run/federation.yaml" --data "$1" --json >"$run/clients.json" \
        2>"$logs/check.log" || {
        tail -n 5 "$logs/check.log" >&2
        fail "$federation_file does not fit the recordings in $1${given_federation:-: name the file that \
says what their columns are with --federation}"
    }
    grep '^note: .*malformed' "$logs/check.log" >&2 || true
    rm -rf "$chosen" "$unseen"
    while IFS=$'\t' read -r name trains place; do
        path=$(plain_text "$place")
        if is_held_out "$name"; then
            link_recording "$path" "$unseen"
        elif [ "$trains" = no ]; then
            say "left out: $name, which has too little to train on"
            left_out=$((left_out + 1))
        elif [ "${#gateways[@]}" -ge "${gateway_count:-999}" ]; then
            left_out=$((left_out + 1))
        else
            case $name in
            cloud | broker | ca | crl | federation | compile | simulate | watch | kafka | objects | format)
                fail "$path: no gateway can be called $name: rename it"
                ;;
            esac
            recording[$name]=$place
            gateways+=("$name")
            link_recording "$path" "$chosen"
        fi
    done < <(list_clients "$run/clients.json")
    [ "${#gateways[@]}" -gt 0 ] || fail "there is nothing to train on in $1"
    [ "${#holdouts[@]}" -eq 0 ] || [ -d "$unseen" ] ||
        fail "--holdout ${holdouts[*]}: no recording in $1 is called so"
    [ ! -d "$unseen" ] || held_out=$unseen
    if [ "$left_out" -gt 0 ] || [ -d "$unseen" ]; then
        data=$chosen
    fi
}

make_recordings() {
    if [ -z "$data" ]; then
        data=$run/machines
        held_out=$run/machines-test
        [ -d "$data" ] ||
            "$tributary" generate --out "$data" --gateways "${gateway_count:-8}" --held-out 4 \
                >"$logs/generate.log" || fail "no recordings; see $logs/generate.log"
    fi
    find_recordings "$data"
}

# A copy of the federation file, checked.
copy_federation() {
    "$tributary" check "$federation_file" >"$logs/check.log" 2>&1 || {
        cat "$logs/check.log" >&2
        fail "$federation_file is no federation file"
    }
    cp "$federation_file" "$run/federation.yaml"
    chmod u+w "$run/federation.yaml"
    federation=$(sed -nE 's/^ *federation +([a-z0-9-]+)$/\1/p' "$logs/check.log" | head -n 1)
}

# The copy, with as many gateways as there are here, and a quorum they can meet.
fit_federation() {
    local count=${#gateways[@]} quorum
    if ! grep -qE '[{, ]gateways: *[0-9]' "$run/federation.yaml"; then
        if grep -qE '^rounds: *\{' "$run/federation.yaml"; then
            sed -i -E "s/^(rounds: *\{)/\\1gateways: $count, /" "$run/federation.yaml"
        elif grep -qE '^rounds: *(#.*)?$' "$run/federation.yaml"; then
            sed -i -E "s/^rounds:.*/&\n  gateways: $count/" "$run/federation.yaml"
        else
            printf '\nrounds: {gateways: %d}\n' "$count" >>"$run/federation.yaml"
        fi
    fi
    quorum=$(sed -nE 's/.*[{, ]quorum: *([0-9]+).*/\1/p' "$run/federation.yaml" | head -n 1)
    sed -i -E "s/([{, ]gateways: *)[0-9]+/\\1$count/" "$run/federation.yaml"
    if [ -n "$quorum" ] && [ "$quorum" -gt "$count" ]; then
        sed -i -E "s/([{, ]quorum: *)[0-9]+/\\1$(((count + 1) / 2))/" "$run/federation.yaml"
    fi
    "$tributary" check "$run/federation.yaml" >"$logs/check.log" 2>&1 || {
        cat "$logs/check.log" >&2
        fail "$federation_file cannot be fitted to $count gateways: set rounds.gateways and rounds.quorum"
    }
}

make_identities() {
    local authority=$run/authority gateway
    [ -d "$authority" ] || "$tributary" identity init "$authority"
    [ -e "$authority/broker.pem" ] ||
        "$tributary" identity server "$authority" --name broker --dns localhost --ip 127.0.0.1
    for gateway in cloud "${gateways[@]}"; do
        [ -e "$authority/$gateway.pem" ] || "$tributary" identity gateway "$authority" "$gateway"
    done
}

make_broker_config() { # PORT
    mkdir -p "$run/broker"
    sed -e "s|@PORT@|$1|" -e 's|@ADDRESS@|127.0.0.1|' -e "s|@KEYS@|$run/authority|" \
        -e "s|@STATE@|$run/broker|" -e "s|@ACL@|$run/broker.acl|" \
        "$source_dir/deploy/broker/mosquitto.conf" >"$run/broker.conf"
    # As root it would become `mosquitto`, who may not read this folder.
    [ "$(id -u)" -ne 0 ] || echo "user root" >>"$run/broker.conf"
    install -m 600 "$source_dir/deploy/broker/acl" "$run/broker.acl"
}

make_cloud_config() { # BROKER-PORT API-PORT
    cat >"$run/cloud.yaml" <<YAML
state: cloud
broker:
  uri: ssl://127.0.0.1:$1
  ca: authority/ca.pem
  certificate: authority/cloud.pem
  key: authority/cloud.key
authorities: authority/ca.pem
api: {listen: 127.0.0.1:$2, token_file: token}
log: {format: text, level: info}
YAML
}

# Each how many predictions one is sent: one a second from each gateway, twenty from all, at most.
prediction_step() {
    awk -v count="${#gateways[@]}" '/^  "hop_s": / {
            gsub(/[^0-9.e+-]/, "", $2)
            step = (count > 20 ? count / 20 : 1) / $2
            whole = int(step) + (step > int(step))
            print (whole < 1 ? 1 : whole > 1000000 ? 1000000 : whole)
            exit
        }' "$run/clients.json"
}

make_gateway_config() { # NAME BROKER-PORT
    local format=csv path loop=live publish=true
    path=$(plain_text "${recording[$1]}")
    if compgen -G "$path/*.jsonl" >/dev/null || [[ $path == *.jsonl ]]; then
        format=jsonl
    fi
    [ -z "$once" ] || loop=false publish=false
    cat >"$run/$1.yaml" <<YAML
federation: $federation
state: gateways/$1
broker:
  uri: ssl://127.0.0.1:$2
  ca: authority/ca.pem
  certificate: authority/$1.pem
  key: authority/$1.key
trust: [cloud/signing.pub.pem]
source:
  kind: replay
  path: "${recording[$1]}"
  format: $format
  speed: $speed
  loop: $loop
predictions: {publish: $publish, every: $(prediction_step)}
log: {format: text, level: info}
YAML
}

# What `simulate --json` and `watch --record` say. Blocks of the whole stand two spaces in, those of
# a client six.
report_metric() { # FILE
    sed -nE 's/^  "metric": "([a-z0-9_]+)".*/\1/p' "$1"
}

block_values() { # FILE SPACES BLOCK METRIC: one a line
    local start
    printf -v start '%*s"%s": ' "$2" '' "$3"
    awk -v start="$start" -v metric="\"$4\":" '
        index($0, start) == 1 { inside = 1 }
        inside && $1 == metric { gsub(/,/, "", $2); print $2; inside = 0 }' "$1"
}

last_score() { # FILE METRIC: of the newest line that has one
    sed -nE "s/.*\"$2\": *(-?[0-9.eE+-]+).*/\\1/p" "$1" | tail -n 1
}
