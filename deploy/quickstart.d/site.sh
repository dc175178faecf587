# Sourced by deploy/quickstart: identities, recordings and the config files of one run.

# "Line 3/Press.csv" becomes "line-3-press", as the programs name a client.
gateway_name() { # FILE OR FOLDER
    local name
    name=$(basename "$1")
    [ -d "$1" ] || name=${name%.*}
    printf '%s' "$name" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9-' '-' |
        sed -e 's/^-*//' -e 's/-*$//' -e 's/--*/-/g' | cut -c1-63
}

# gateways: names; recording: what each replays.
declare -A recording=()
gateways=()

find_recordings() { # FOLDER
    local path name
    for path in "$1"/*; do
        [ -e "$path" ] || continue
        name=$(gateway_name "$path")
        case $name in '' | all | cloud | broker | ca | crl | federation | compile | simulate | watch) fail "$path cannot be a gateway's name" ;; esac
        [ -z "${recording[$name]:-}" ] || fail "two recordings in $1 give the name $name"
        recording[$name]=$path
        gateways+=("$name")
        [ "${#gateways[@]}" -lt "${gateway_count:-1000}" ] || break
    done
    [ "${#gateways[@]}" -gt 0 ] || fail "there are no recordings in $1"
}

make_recordings() {
    if [ -n "$data" ]; then
        find_recordings "$data"
        return
    fi
    data=$run/machines
    held_out=$run/machines-test
    if [ ! -d "$data" ]; then
        "$tributary" generate --out "$data" --gateways "${gateway_count:-8}" --held-out 4 \
            >"$logs/generate.log" || fail "no recordings; see $logs/generate.log"
    fi
    find_recordings "$data"
}

# The federation file with as many gateways as there are here, and a quorum they can meet.
make_federation() {
    local count=${#gateways[@]} quorum
    cp "$federation_file" "$run/federation.yaml"
    chmod u+w "$run/federation.yaml"
    quorum=$(sed -nE 's/.*[{, ]quorum: *([0-9]+).*/\1/p' "$run/federation.yaml" | head -n 1)
    sed -i -E "s/([{, ]gateways: *)[0-9]+/\\1$count/" "$run/federation.yaml"
    if [ -n "$quorum" ] && [ "$quorum" -gt "$count" ]; then
        sed -i -E "s/([{, ]quorum: *)[0-9]+/\\1$(((count + 1) / 2))/" "$run/federation.yaml"
    fi
    federation=$(sed -nE 's/^federation: *"?([a-z0-9-]+)"?.*/\1/p' "$run/federation.yaml" | head -n 1)
    "$tributary" check "$run/federation.yaml" >"$logs/check.log" 2>&1 || {
        cat "$logs/check.log" >&2
        fail "$federation_file is no federation file"
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
  uri: ssl://localhost:$1
  ca: authority/ca.pem
  certificate: authority/cloud.pem
  key: authority/cloud.key
authorities: authority/ca.pem
api: {listen: 127.0.0.1:$2, token_file: token}
log: {format: text, level: info}
YAML
}

make_gateway_config() { # NAME BROKER-PORT
    local format=csv path=${recording[$1]}
    if compgen -G "$path/*.jsonl" >/dev/null || [[ $path == *.jsonl ]]; then
        format=jsonl
    fi
    cat >"$run/$1.yaml" <<YAML
federation: $federation
state: gateways/$1
broker:
  uri: ssl://localhost:$2
  ca: authority/ca.pem
  certificate: authority/$1.pem
  key: authority/$1.key
trust: [cloud/signing.pub.pem]
source:
  kind: replay
  path: "$path"
  format: $format
  speed: $speed
  loop: false
log: {format: text, level: info}
YAML
}

# What `simulate --json` and `watch --record` say. The task's headline follows the examples.
block_value() { # FILE BLOCK: "name value"
    awk -v block="\"$2\":" '
        index($0, block) { inside = 1; next }
        inside && /"[a-z0-9_]+": *-?[0-9.]/ {
            gsub(/[",:]/, " ")
            if ($1 != "examples") { print $1, $2; exit }
        }' "$1"
}

last_score() { # FILE METRIC: of the newest line that has one
    sed -nE "s/.*\"$2\": *(-?[0-9.eE+-]+).*/\\1/p" "$1" | tail -n 1
}
