#!/usr/bin/env python3
"""Kafka is not there while events come, until the outbox is at its limit and beyond: rounds go on, the oldest
predictions go, no alert does; what went is counted and told. Then Kafka comes, while events still flow: what was
not dropped is there once, each gateway's in order, and what was made is what was sent and what was dropped, to
the last one."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, wait_for  # noqa: E402
import bridged  # noqa: E402
import kafka  # noqa: E402
import machines  # noqa: E402

ROUNDS, DRIFT, GATEWAYS, TRAIN_ROWS, DROPPED = "rotating-machine", "drift", 2, 2000, 3000
OUTBOX_BYTES = 1 << 20  # the least that a config may say

DOCUMENT = f"""federation: {DRIFT}
seed: 8
source:
  rate_hz: 500
  timestamp: {{column: time_ms, unit: ms}}
  channels: [vib_x, vib_y, vib_z]
  split: {{train_rows: {TRAIN_ROWS}}}
pipeline: {{window: {{rows: 20, hop: 1}}, features: [mean, last], normalise: false}}
model: {{task: hotelling_t2, significance: 0.9999, scale_floor: 0.1}}
rounds: {{maximum: 1, fraction: 1, quorum: 1, gateways: 1, deadline_s: 60}}
update: {{codec: float32, clip_norm: 1000}}
"""


def bridge(fleet):
    return fleet.api("GET", "/v1/health")["bridge"]


def with_blows(fleet, recording):
    """The rows that were trained on, one in a thousand of them far off: 20 windows have it, which are alerts."""
    header, *rows = recording.read_text().splitlines()[:TRAIN_ROWS + 1]
    for number in range(500, len(rows), 1000):
        time_ms, rest = rows[number].split(",", 1)
        rows[number] = ",".join([time_ms, "99", "99", "99", *rest.split(",")[3:]])
    path = fleet.folder / f"blows-{recording.stem}.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def feed(fleet, name, path, feeders):
    feeders.append(subprocess.Popen([sys.executable, "-c", bridged.AGAIN, path, "0.5"], stdout=subprocess.PIPE))
    fleet.start_edge(name, DRIFT, "{kind: stdin}", "predictions: {publish: true, every: 1}",
                     stdin=feeders[-1].stdout)


def closes_rounds(fleet, count):
    before = fleet.federation(ROUNDS)["round"]["number"]
    wait_for("rounds go on", lambda: fleet.federation(ROUNDS)["round"]["number"] >= before + count, 60)


def start(fleet, server, feeders):
    fleet.cloud_extra = "bridge: " + json.dumps({"outbox_mib": OUTBOX_BYTES >> 20, "kafka": {
        "brokers": server.address, "partitions": 2}})
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(machines.document(GATEWAYS, 100000))
    fleet.apply(DOCUMENT)
    for recording in machines.generate(fleet.folder / "data", GATEWAYS):
        fleet.start_edge(recording.stem, ROUNDS, f"{{kind: replay, path: {recording}, speed: max, loop: live}}")
    one, two = machines.generate(fleet.folder / "drift", 2, seconds=8, seed=9)
    fleet.start_edge("trainer", DRIFT, f"{{kind: replay, path: {one}, speed: max}}")
    wait_for("what is usual", lambda: fleet.federation(DRIFT)["stage"] == "done", 60)
    for name in ("stream-1", "stream-2"):
        feed(fleet, name, with_blows(fleet, one), feeders)
    wait_for("the rounds' first model", lambda: fleet.federation(ROUNDS)["release"], 60)


def stop_streams(fleet):
    """What the cloud has got by then is all that is made."""
    for name in ("stream-1", "stream-2"):
        fleet.stop(name)
    made = -1
    while made != (now := fleet.api("GET", "/v1/health")["counts"]["predictions"]):
        made = now
        closes_rounds(fleet, 1)  # the cloud works off its queue in order
    return made


def check_metrics(fleet, state):
    """Prometheus is told what /v1/health says."""
    told = fleet.metrics()
    if told is None:
        return
    assert told["bridge_connected"] == 1 and told["broker_connected"] == 1, told
    assert told["bridge_events_total"] == state["sent"] and told["outbox_dropped"] == state["dropped"], (told, state)
    for log in ("alert", "prediction", "telemetry"):
        assert told[f"bridge_backlog_records {log}"] == 0, told
    health = fleet.api("GET", "/v1/health")["counts"]
    assert told["messages_total accepted"] == health["accepted"] > 0, told
    assert told["predictions_total"] == health["predictions"] > 0, told
    assert told[f"gateways {ROUNDS}"] > 0 and told[f"round {ROUNDS}"] >= 3, told


def run(fleet, server, feeders):
    start(fleet, server, feeders)
    wait_for(f"{DROPPED} dropped", lambda: bridge(fleet)["dropped"] > DROPPED, 120)
    closes_rounds(fleet, 3)
    state = bridge(fleet)
    assert not state["connected"] and state["trouble"] and state["sent"] == 0, state
    assert "the outbox drops events" in fleet.log("cloud")
    held = sum(path.stat().st_size for path in (fleet.folder / "cloud/outbox").rglob("*") if path.is_file())
    assert held <= OUTBOX_BYTES, held

    server.start()
    topics = json.loads(Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), "--json", ROUNDS,
                                  DRIFT))
    wait_for("what waited goes", lambda: bridge(fleet)["sent"] > 1000, 60)
    made = stop_streams(fleet)
    for number in range(1, GATEWAYS + 1):
        fleet.stop(f"machine-{number}")
    wait_for("an end of the backlog", lambda: not sum(bridge(fleet)["backlog"].values()), 60)
    state = bridge(fleet)
    check_metrics(fleet, state)
    fleet.stop("cloud")

    seen = bridged.check(server, [topic["topic"] for topic in topics if not topic["topic"].endswith(".bridge")])
    counted = {row["topic"]: row["events"] for row in json.loads(Fleet.run(
        TRIBUTARY, "bridge", "count", "--config", fleet.cloud_config(), "--json"))}
    assert counted[f"tributary.{DRIFT}.prediction"] == len(seen["prediction"]), counted
    assert counted[f"tributary.{DRIFT}.alert"] == len(seen["alert"]) and len(counted) == len(topics), counted
    alerts, predictions = seen["alert"], seen["prediction"]
    for log in ("ledger", "alert"):  # rounds may have closed after that
        missing = set(range(1, max(state["ends"][log], *seen[log]) + 1)) - seen[log]
        assert not missing, f"{log}: {len(missing)} of {state['ends'][log]} missing"
    print(f"{made} predictions made, {len(predictions)} sent, {state['dropped']} dropped, "
          f"{state['missed']} missed; {len(alerts)} alerts, {len(seen['ledger'])} records of the ledger")
    assert len(alerts) > 100, len(alerts)
    assert state["dropped"] > DROPPED and made == len(predictions) + state["dropped"], (made, state)
    assert state["refused"] == 0 and state["trouble"] == "", state


with kafka.skipping(), Fleet("bridge-away") as fleet:
    children = []
    with kafka.Kafka(fleet.folder / "kafka") as server:
        try:
            run(fleet, server, children)
        finally:
            for child in children:
                child.kill()
                child.wait()
    print("passed")
