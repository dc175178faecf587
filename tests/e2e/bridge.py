#!/usr/bin/env python3
"""Events into a real Kafka, each once: cloud and Kafka are killed with -9 at seeded moments while rounds run
and predictions flow, and Kafka is away for a while. At the end a consumer of committed records has seen every
record of the ledger and of the outbox once, each gateway's in order.

    TRIB_FULL=1            30 kills, and 200,000 predictions at least: some ten minutes
    TRIB_BRIDGE_KILLS=n    how many kills (6)
    TRIB_BRIDGE_EVENTS=n   go on until so many predictions are there (3000)
    TRIB_BRIDGE_SEED=n
"""
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
from fleet import TRIBUTARY, Fleet, wait_for  # noqa: E402
import bridged  # noqa: E402
import kafka  # noqa: E402
import machines  # noqa: E402

GATEWAYS, NAME = 3, "rotating-machine"
FULL = os.environ.get("TRIB_FULL") == "1"
KILLS = int(os.environ.get("TRIB_BRIDGE_KILLS", "30" if FULL else "6"))
EVENTS = int(os.environ.get("TRIB_BRIDGE_EVENTS", "200000" if FULL else "3000"))
SEED = int(os.environ.get("TRIB_BRIDGE_SEED", "1"))
PATIENCE_S = 120

def health(fleet):
    return fleet.api("GET", "/v1/health")


def ended(fleet):
    return health(fleet)["bridge"]["ends"]["prediction"]


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
    feeders.append(subprocess.Popen([sys.executable, "-c", bridged.AGAIN, path], stdout=subprocess.PIPE))
    fleet.start_edge(name, NAME, "{kind: stdin}", "predictions: {publish: true, every: 1}\ntelemetry: features",
                     stdin=feeders[-1].stdout)


def kill_cloud(fleet):
    fleet.stop("cloud", signal.SIGKILL)
    fleet.start_cloud()


def kill_broker(broker):
    broker.kill()
    time.sleep(random.random())
    broker.start()


def run(fleet, broker, feeders):
    fleet.cloud_extra = f"bridge: {{kafka: {{brokers: '{broker.address}', partitions: 3}}}}"
    broker.start()
    topics, began = setup(fleet), time.monotonic()
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
        if kill == KILLS - 1:  # the last one not before most of them came
            wait_for("nearly all predictions", lambda: ended(fleet) >= EVENTS * 9 // 10, 1800)
        kill_broker(broker) if kill % 3 == 2 else kill_cloud(fleet)
    broker.stop()
    before = fleet.federation(NAME)["round"]["number"]
    wait_for("rounds without Kafka", lambda: fleet.federation(NAME)["round"]["number"] > before + 3, 60)
    wait_for("a word about it", lambda: health(fleet)["bridge"]["trouble"], 60)
    broker.start()

    wait_for(f"{EVENTS} predictions", lambda: ended(fleet) >= EVENTS, 600)
    for name in [process for process in fleet.processes if process not in ("cloud", "broker")]:
        fleet.stop(name)
    wait_for("an end of the backlog", lambda: not sum(health(fleet)["bridge"]["backlog"].values()), PATIENCE_S)
    ends = health(fleet)["bridge"]["ends"]
    state = health(fleet)["bridge"]
    fleet.stop("cloud")

    seen = bridged.check(broker, [topic["topic"] for topic in topics if not topic["topic"].endswith(".bridge")])
    for log, end in ends.items():  # rounds may have gone on after that
        missing = set(range(1, max([end, *seen.get(log, ())]) + 1)) - seen.get(log, set())
        assert not missing, f"{log}: {len(missing)} of {end} missing"
    assert ends["telemetry"] > 0, ends
    assert state["dropped"] == 0 and state["missed"] == 0 and state["refused"] == 0, state
    print(f"{KILLS} kills in {time.monotonic() - began:.0f} s: " + ", ".join(f"{end} records of {log}" for log, end in ends.items()) + ", each once")


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
