#!/bin/bash
# Identities and the broker's rules: who may say and hear what, with deploy/broker as it is shipped.
#     broker.sh TRIBUTARY
set -euo pipefail
: "${TRIB_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
. "$TRIB_SOURCE/tests/support/script.sh"
tributary=$1
command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null || skip "mosquitto is not installed"

authority=$folder/authority
"$tributary" identity init "$authority" >/dev/null
"$tributary" identity server "$authority" --name broker --dns localhost --ip 127.0.0.1 >/dev/null
for name in cloud gw-1 gw-2; do
    "$tributary" identity gateway "$authority" "$name" >/dev/null
done

# Keys are made once, readable by their owner alone, and never replaced.
equals 600 "$(stat -c %a "$authority/ca.key")" "mode of the authority's key"
equals 600 "$(stat -c %a "$authority/gw-1.key")" "mode of a gateway's key"
before=$(cat "$authority"/*.key "$authority"/*.pem | sha256sum)
refused "is there already" "$tributary" identity init "$authority"
refused "is there already" "$tributary" identity gateway "$authority" gw-1
refused "is there already" "$tributary" identity server "$authority" --name broker --dns other
refused "taken by the authority" "$tributary" identity gateway "$authority" ca
refused "gateway's name" "$tributary" identity gateway "$authority" 'GW 1'
equals "$before" "$(cat "$authority"/*.key "$authority"/*.pem | sha256sum)" "keys and certificates"
for name in broker gw-1 cloud; do
    openssl verify -CAfile "$authority/ca.pem" "$authority/$name.pem" >/dev/null ||
        broken "openssl does not believe $name"
done

# A gateway's own key never leaves it: a request goes, a certificate comes back.
"$tributary" identity request gw-3 --out "$folder/gw-3" >/dev/null
refused 'is for "gw-3", not for "gw-4"' \
    "$tributary" identity enrol "$authority" "$folder/gw-3/gw-3.csr" --name gw-4
says "gw-3.pem" "$tributary" identity enrol "$authority" "$folder/gw-3/gw-3.csr" --name gw-3 --days 30
refused "is there already" "$tributary" identity enrol "$authority" "$folder/gw-3/gw-3.csr" --name gw-3
says "gw-3.pem" "$tributary" identity enrol "$authority" "$folder/gw-3/gw-3.csr" --name gw-3 --renew
says "vouched for" "$tributary" identity show "$authority/gw-3.pem" --ca "$authority/ca.pem"
[ ! -e "$authority/gw-3.key" ] || broken "the authority has an enrolled gateway's key"

port=$(free_port)
mkdir "$folder/state"
sed -e "s|@PORT@|$port|" -e 's|@ADDRESS@|127.0.0.1|' -e "s|@KEYS@|$authority|" \
    -e "s|@STATE@|$folder/state|" -e "s|@ACL@|$TRIB_SOURCE/deploy/broker/acl|" \
    "$TRIB_SOURCE/deploy/broker/mosquitto.conf" >"$folder/broker.conf"
[ "$(id -u)" -ne 0 ] || echo "user root" >>"$folder/broker.conf"
in_background mosquitto -c "$folder/broker.conf"
broker=${background[0]}

client() { # mosquitto_pub|mosquitto_sub NAME OPTION...
    local program=$1 name=$2 key=$authority/$2.key
    shift 2
    [ -e "$key" ] || key=$folder/$name/$name.key
    timeout 20 "$program" -V mqttv5 -h 127.0.0.1 -p "$port" --cafile "$authority/ca.pem" \
        --cert "$authority/$name.pem" --key "$key" -q 1 "$@"
}
publishes() { # NAME TOPIC
    client mosquitto_pub "$1" -t "$2" -m "from $1" -d
}
denied() { # NAME TOPIC
    says "RC:135" publishes "$@"
}
accepted() { # NAME TOPIC: 0, or 16 while nobody listens
    says "PUBACK .*RC:(0|16)\)" publishes "$@"
}
hears() { # NAME TOPIC...: topics and messages that are retained there
    local name=$1 topics=()
    shift
    while [ $# -gt 0 ]; do
        topics+=(-t "$1")
        shift
    done
    client mosquitto_sub "$name" "${topics[@]}" -v -W 2 2>/dev/null | sort -u
}
until_true publishes cloud tributary/v1/f/all/round

accepted gw-1 tributary/v1/f/gw-1/up/update
denied gw-1 tributary/v1/f/gw-2/up/update
denied gw-1 tributary/v1/f/gw-1/down/command
denied gw-1 tributary/v1/f/all/round
denied gw-1 other
says "RC:135" client mosquitto_pub gw-1 -i gw-2 -u gw-2 -t tributary/v1/f/gw-2/up/update -m x -d
for topic in all/round gw-1/down/welcome gw-2/down/welcome gw-2/up/status; do
    client mosquitto_pub cloud -r -t "tributary/v1/f/$topic" -m "$topic"
done
everything=$(printf 'tributary/v1/f/%s\n' 'all/round all/round' 'gw-1/down/welcome gw-1/down/welcome')
equals "$everything" "$(hears gw-1 '#' 'tributary/#' 'tributary/v1/f/gw-2/down/#' 'tributary/v1/+/+/up/#')" \
    "what gw-1 hears of everything"
equals 4 "$(hears cloud 'tributary/#' | wc -l)" "topics that the cloud hears"

# Without a certificate of this authority nobody gets in.
refused "rror" timeout 20 mosquitto_pub -V mqttv5 -h 127.0.0.1 -p "$port" --cafile "$authority/ca.pem" -t x -m y
"$tributary" identity init "$folder/other" >/dev/null
"$tributary" identity gateway "$folder/other" gw-1 >/dev/null
refused "rror" timeout 20 mosquitto_pub -V mqttv5 -h 127.0.0.1 -p "$port" --cafile "$authority/ca.pem" \
    --cert "$folder/other/gw-1.pem" --key "$folder/other/gw-1.key" -t x -m y

# Sizes: a chunk fits, twice that does not.
head -c 131072 /dev/zero >"$folder/chunk"
head -c 262144 /dev/zero >"$folder/large"
says "RC:(0|16)\)" client mosquitto_pub gw-1 -t tributary/v1/f/gw-1/up/update -f "$folder/chunk" -d
said=$(client mosquitto_pub gw-1 -t tributary/v1/f/gw-1/up/update -f "$folder/large" -d 2>&1) || true
equals 0 "$(grep -c PUBACK <<<"$said")" "acknowledgements of what is too large"

# Revoked by name: all of a name's certificates, and nobody else's.
accepted gw-3 tributary/v1/f/gw-3/up/status
says '"certificates": 2' "$tributary" identity revoke "$authority" gw-3 --json
says "vouched for" "$tributary" identity show "$authority/gw-1.pem" --ca "$authority/ca.pem"
says '1 certificate\)' "$tributary" identity revoke "$authority" "$authority/gw-1.pem"
refused "has revoked it" "$tributary" identity show "$authority/gw-1.pem" --ca "$authority/ca.pem"
refused "no certificate of that name" "$tributary" identity revoke "$authority" gw-9
openssl crl -in "$authority/crl.pem" -CAfile "$authority/ca.pem" -noout 2>/dev/null ||
    broken "openssl does not believe the list of the revoked"
equals 3 "$(openssl crl -in "$authority/crl.pem" -text -noout | grep -c 'Serial Number')" "revoked"
kill -HUP "$broker"
shut_out() { # NAME
    ! publishes "$1" "tributary/v1/f/$1/up/status"
}
until_true shut_out gw-1
refused "rror" publishes gw-1 tributary/v1/f/gw-1/up/status
refused "rror" publishes gw-3 tributary/v1/f/gw-3/up/status
accepted gw-2 tributary/v1/f/gw-2/up/status
finished
