#!/usr/bin/env python3
"""Events into a real Kafka, each once: cloud and Kafka are killed with -9 at seeded moments while rounds run
and predictions flow, and Kafka is away for a while. At the end a consumer of committed records has seen every
record of the ledger and of the outbox once, each gateway's in order.

    TRIB_BRIDGE_KILLS=n    how many kills (6)
    TRIB_BRIDGE_EVENTS=n   go on until so many predictions are there (3000)
    TRIB_BRIDGE_SEED=n
"""
import collections
import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, TRIBUTARY, Fleet, wait_for  # noqa: E402
import kafka  # noqa: E402
import machines  # noqa: E402

GATEWAYS, NAME = 3, "rotating-machine"
KILLS = int(os.environ.get("TRIB_BRIDGE_KILLS", "6"))
EVENTS = int(os.environ.get("TRIB_BRIDGE_EVENTS", "3000"))
SEED = int(os.environ.get("TRIB_BRIDGE_SEED", "1"))
PATIENCE_S = 120

# Lines again and again, later each time: as fast as the agent takes them.
AGAIN = """
import sys
rows = [line.rstrip().split(",") for line in open(sys.argv[1])]
print(",".join(rows[0]))
step = int(float(rows[-1][0]) - float(rows[1][0]) + 2)
for turn in range(1000000):
    for row in rows[1:]:
        print(f"{float(row[0]) + turn * step:.3f}", *row[1:], sep=",")
"""
NEEDED = {"specversion", "id", "source", "type", "time", "subject", "dataschema"}


def health(fleet):
    return fleet.api("GET", "/v1/health")


def setup(fleet):
    return json.loads(Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), "--json", NAME))


def signals(fleet, recording):
    """The recording without its labels: rows that are judged, and trained on by nobody."""
    path = fleet.folder / f"signals-{recording.stem}.csv"
    with open(recording, newline="") as file, open(path, "w", newline="") as out:
        rows = csv.reader(file)
        keep = [i for i, name in enumerate(next(rows)) if name != "label" and name != "state"]
        file.seek(0)
        csv.writer(out).writerows([row[i] for i in keep] for row in csv.reader(file))
    return path


def feed(fleet, name, path, feeders):
    feeders.append(subprocess.Popen([sys.executable, "-c", AGAIN, path], stdout=subprocess.PIPE))
    fleet.start_edge(name, NAME, "{kind: stdin}", "predictions: {publish: true, every: 1}\ntelemetry: features",
                     stdin=feeders[-1].stdout)


def kill_cloud(fleet):
    fleet.stop("cloud", signal.SIGKILL)
    fleet.start_cloud()


def kill_broker(broker):
    broker.kill()
    time.sleep(random.random())
    broker.start()


def validators():
    """What others make of events: a public client of CloudEvents, and one of JSON Schema."""
    try:
        import cloudevents.kafka
        import jsonschema
    except ImportError as missing:
        print(f"events are not held against docs/schemas: {missing}")
        return None, {}
    schemas = {path.stem: json.loads(path.read_text()) for path in (SOURCE / "docs/schemas").glob("*.json")}
    return cloudevents.kafka, {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}


def check_public(events, schemas, record, topic, counts):
    """Every event of a kind but predictions, and of those the first thousand."""
    kind = topic.rsplit(".", 1)[1]
    counts[kind] += 1
    if events is None or counts[kind] > 1000:
        return
    event = events.from_binary(events.KafkaMessage(dict(record.headers), record.key, record.value))
    assert event["type"].startswith(f"tributary.{kind}."), event
    schemas[kind].validate(event.data if isinstance(event.data, dict) else json.loads(event.data))
    assert event["dataschema"] == schemas[kind].schema["$id"], event


def check(broker, topics):
    """The positions of each log, from every topic, and that none comes twice or out of order."""
    positions, newest, counts = collections.defaultdict(list), {}, collections.Counter()
    events, schemas = validators()
    for topic in topics:
        for record in broker.consume(topic):
            headers = {key: value.decode() for key, value in record.headers}
            attributes = {key[3:]: value for key, value in headers.items() if key.startswith("ce_")}
            assert attributes.keys() >= NEEDED, (topic, headers)
            assert headers["content-type"] == "application/json", headers
            body, key = json.loads(record.value), record.key.decode()
            assert attributes["subject"] == key and body.get("gateway", key) == key, (attributes, body)
            assert topic.endswith("." + attributes["type"].split(".")[1]), (topic, attributes)
            check_public(events, schemas, record, topic, counts)
            log, position = attributes["id"].rsplit("-", 1)
            assert newest.get((topic, key), 0) < int(position), f"{topic}: {key} has {position} too late"
            newest[topic, key] = int(position)
            positions[log].append((int(position), topic))
    for log, seen in positions.items():
        assert len(set(seen)) == len(seen), f"{log}: told twice"
    return {log: {position for position, _ in seen} for log, seen in positions.items()}


def run(fleet, broker, feeders):
    fleet.cloud_extra = f"bridge: {{kafka: {{brokers: '{broker.address}', partitions: 3}}}}"
    broker.start()
    topics = setup(fleet)
    assert len(topics) == 8 and all(topic["made"] for topic in topics), topics
    assert not any(topic["made"] for topic in setup(fleet)), "made twice"
    recordings = machines.generate(fleet.folder / "data", GATEWAYS)
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(machines.document(GATEWAYS, 1000, quorum=2, deadline_s=2).replace("hop: 125", "hop: 25") +
                "telemetry: raw\n")
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max, loop: live}}")
    wait_for("a model", lambda: fleet.federation(NAME)["release"], 120)
    feed(fleet, "stream-1", signals(fleet, recordings[0]), feeders)
    feed(fleet, "stream-2", signals(fleet, recordings[1]), feeders)
    wait_for("predictions in Kafka", lambda: health(fleet)["bridge"]["sent"] > 100, 60)

    for kill in range(KILLS):
        time.sleep(random.uniform(0.2, 3))
        kill_broker(broker) if kill % 3 == 2 else kill_cloud(fleet)
    broker.stop()
    before = fleet.federation(NAME)["round"]["number"]
    wait_for("rounds without Kafka", lambda: fleet.federation(NAME)["round"]["number"] > before + 3, 60)
    wait_for("a word about it", lambda: health(fleet)["bridge"]["trouble"], 60)
    broker.start()

    def told():
        return health(fleet)["bridge"]["ends"]["prediction"] >= EVENTS
    wait_for(f"{EVENTS} predictions", told, 600)
    for name in [process for process in fleet.processes if process not in ("cloud", "broker")]:
        fleet.stop(name)
    wait_for("an end of the backlog", lambda: not sum(health(fleet)["bridge"]["backlog"].values()), PATIENCE_S)
    ends = health(fleet)["bridge"]["ends"]
    state = health(fleet)["bridge"]
    fleet.stop("cloud")

    seen = check(broker, [topic["topic"] for topic in topics if not topic["topic"].endswith(".bridge")])
    for log, end in ends.items():  # rounds may have gone on after that
        missing = set(range(1, max([end, *seen.get(log, ())]) + 1)) - seen.get(log, set())
        assert not missing, f"{log}: {len(missing)} of {end} missing"
    assert ends["telemetry"] > 0, ends
    assert state["dropped"] == 0 and state["missed"] == 0 and state["refused"] == 0, state
    print(f"{KILLS} kills: " + ", ".join(f"{end} records of {log}" for log, end in ends.items()) + ", each once")


random.seed(SEED)
with kafka.skipping(), Fleet("bridge") as fleet:
    children = []
    with kafka.Kafka(fleet.folder / "kafka", settings={"auto.create.topics.enable": "false"}) as server:
        try:
            run(fleet, server, children)
        finally:
            for child in children:
                child.kill()
                child.wait()
    print("passed")
