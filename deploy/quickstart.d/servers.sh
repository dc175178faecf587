# Sourced by deploy/quickstart: a Kafka and an S3 server of this machine, where --with asks for them. They are
# found before anything is started, run in the work folder, and listen on 127.0.0.1 alone.

kafka_jars= object_server=

# The folder of a Kafka's jars: below KAFKA_HOME, beside the scripts on the PATH, or below /opt/kafka.
find_kafka() {
    local script folder
    script=$(command -v kafka-server-start.sh || command -v kafka-server-start || true)
    for folder in ${KAFKA_HOME:+"$KAFKA_HOME"} \
        ${script:+"$(dirname "$(readlink -f "$script")")/.."} /opt/kafka; do
        for kafka_jars in "$folder/libs" "$folder/share/java/kafka" "$folder"; do
            # one that needs no ZooKeeper
            if compgen -G "$kafka_jars/kafka_*.jar" >/dev/null &&
                compgen -G "$kafka_jars/kafka-raft-*.jar" >/dev/null; then
                kafka_jars=$(realpath "$kafka_jars")
                return 0
            fi
        done
    done
    misused "--with kafka: there is no Kafka 3.3 or newer here: unpack one from https://kafka.apache.org/downloads \
and set KAFKA_HOME to its folder, or put its bin folder on the PATH, or unpack it to /opt/kafka"
}

find_servers() {
    if [ -n "$with_kafka" ]; then
        command -v java >/dev/null ||
            misused "--with kafka: there is no java: apt-get install default-jre-headless"
        find_kafka
    fi
    if [ -n "$with_minio" ]; then
        object_server=$(command -v minio || command -v versitygw) ||
            misused "--with minio: neither minio nor versitygw is on the PATH: see \
https://min.io/download, or go install github.com/versity/versitygw/cmd/versitygw@latest"
    fi
}

java_of_kafka() { # CLASS WORD...: what its own scripts do, with little memory
    java -Xms64m -Xmx384m -XX:+UseSerialGC -cp "$kafka_jars/*" "$@"
}

make_kafka_config() { # PORT CONTROLLER-PORT
    cat >"$run/kafka/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=PLAINTEXT://127.0.0.1:$1
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$run/kafka/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
}

start_kafka() {
    local controller_port
    kafka_port=$(free_port) controller_port=$(free_port)
    mkdir -p "$run/kafka"
    make_kafka_config "$kafka_port" "$controller_port"
    if [ ! -e "$run/kafka/data/meta.properties" ]; then
        attend format java_of_kafka kafka.tools.StorageTool format -t dHJpYnV0YXJ5LXN0YXJ0cw \
            -c "$run/kafka/server.properties" >>"$logs/kafka.log" 2>&1 || {
            tail -n 5 "$logs/kafka.log" >&2
            fail "Kafka's folder cannot be made; see $logs/kafka.log"
        }
    fi
    start kafka "$logs/kafka.log" java_of_kafka kafka.Kafka "$run/kafka/server.properties"
    wait_until 90 "Kafka" listens "$kafka_port"
}

# Either serves a folder, in which a bucket is a folder.
start_object_server() {
    local secret port=$1
    mkdir -p "$run/objects/tributary"
    [ -e "$run/object.secret" ] ||
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$run/object.secret")
    secret=$(<"$run/object.secret")
    if [ "$(basename "$object_server")" = minio ]; then
        MINIO_ROOT_USER=quickstart MINIO_ROOT_PASSWORD=$secret MINIO_BROWSER=off MINIO_UPDATE=off \
            MINIO_CALLHOME_ENABLE=off start objects "$logs/objects.log" "$object_server" server --quiet \
            --address "127.0.0.1:$port" "$run/objects"
    else
        ROOT_ACCESS_KEY=quickstart ROOT_SECRET_KEY=$secret start objects "$logs/objects.log" \
            "$object_server" --port "127.0.0.1:$port" posix "$run/objects/"
    fi
    wait_until 30 "the S3 server" listens "$port"
}

start_servers() {
    kafka_port= object_port=
    [ -z "$with_kafka" ] || start_kafka
    [ -z "$with_minio" ] || {
        object_port=$(free_port)
        start_object_server "$object_port"
    }
}

# The cloud's config goes on with these.
server_settings() {
    [ -z "$with_kafka" ] || printf "bridge: {kafka: {brokers: '127.0.0.1:%s', partitions: 3}}\n" "$kafka_port"
    [ -z "$with_minio" ] || cat <<YAML
object:
  s3:
    endpoint: http://127.0.0.1:$object_port
    bucket: tributary
    access_key: quickstart
    secret_key: {file: object.secret}
    path_style: true
YAML
}

make_topics() {
    [ -n "$with_kafka" ] || return 0
    wait_until 60 "Kafka" "$tributary" bridge setup --config "$run/cloud.yaml" "$federation"
}

# All that was made until now: no record waits, and the archive is as far as the ledger. A few
# predictions may wait: they go on coming.
servers_have_all() {
    "$tributary" status --json | awk '
        function number(text, key) {
            return match(text, "\"" key "\": [0-9]+") ? substr(text, RSTART + length(key) + 4, RLENGTH) + 0 : 0
        }
        function block(key) { return match($0, "\"" key "\": [{][^}]*[}]") ? substr($0, RSTART, RLENGTH) : "" }
        {
            waiting = block("backlog")
            archive = block("archive")
            behind = number(waiting, "ledger") + number(waiting, "alert") > 0 ||
                number(waiting, "prediction") > 50 ||
                (archive != "" && number(archive, "position") < number($0, "records"))
        }
        END { exit behind }'
}

show_servers() {
    [ -n "$with_kafka$with_minio" ] || return 0
    wait_until 60 "what the cloud has for Kafka and the bucket" servers_have_all
    if [ -n "$with_kafka" ]; then
        say "events in Kafka, each once:"
        "$tributary" bridge count --config "$run/cloud.yaml" | sed 's/^/   /'
    fi
    if [ -n "$with_minio" ]; then
        "$tributary" object --config "$run/cloud.yaml" list federations/ >"$run/objects.txt"
        say "objects in the bucket, $(grep -c federations/ "$run/objects.txt") of them, such as:"
        grep federations/ "$run/objects.txt" | tail -n 4 | sed 's/^/   /'
    fi
}

# For what_next.
server_commands() {
    local scripts=
    if [ -n "$with_kafka" ]; then
        printf '    # how many events are in each topic (a consumer must read with read_committed)\n'
        printf "    tributary bridge count --config '%s/cloud.yaml'\n" "$run"
        scripts=$(dirname "$kafka_jars")/bin
        [ ! -e "$scripts/kafka-console-consumer.sh" ] ||
            printf "    '%s/kafka-console-consumer.sh' --bootstrap-server 127.0.0.1:%s --from-beginning \\\\\n\
        --isolation-level read_committed --topic 'tributary.%s.prediction'\n" "$scripts" "$kafka_port" "$federation"
    fi
    [ -z "$with_minio" ] || cat <<TEXT
    # what is in the bucket, and whether it is whole
    tributary object --config '$run/cloud.yaml' list
    tributary object --config '$run/cloud.yaml' verify
TEXT
}
