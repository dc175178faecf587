#!/usr/bin/env python3
"""Telemetry, opt-in twice: under a federation that asks for raw rows, three gateways allow all, features, and
nothing. What each allows arrives in Kafka, each record once and as it was fed, and nothing else; the third
sends no frame of telemetry at all. Bodies over a KiB are claims of objects in a bucket, and wait while it is
away. What comes again, altered, under another name, or is more than the document in force asks for, is refused
and counted."""
import collections
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, TRIBUTARY, Fleet, wait_for  # noqa: E402
import kafka  # noqa: E402

NAME, ROWS, MORE, WINDOW, HOP = "told", 1500, 300, 10, 5
LEVELS = {"gw-raw": "raw", "gw-features": "features", "gw-none": ""}  # "": its config does not say
FEATURES = ("mean", "min", "max", "last")
DOCUMENT = f"""federation: {NAME}
source:
  rate_hz: 100
  timestamp: {{column: t, unit: ms}}
  channels: [x, y]
  label: {{column: state, classes: [idle, busy]}}
pipeline:
  window: {{rows: {WINDOW}, hop: {HOP}}}
  features: [{", ".join(FEATURES)}]
  normalise: false
model: {{task: classify, layers: [{{kind: dense, units: 2}}]}}
rounds: {{maximum: 1, quorum: 3, gateways: 3, deadline_s: 60}}
telemetry: """


def f32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def row(gateway, n):
    """Time in ms, x, y, state: no two rows of any gateway are alike."""
    return (10 * n, math.sin(n / 7) + 10 * list(LEVELS).index(gateway), n / 3,
            ("idle", "busy", "unknown")[n % 3])


def lines(gateway, first, count):
    for n in range(first, first + count):
        t, x, y, state = row(gateway, n)
        yield f"{t},{x!r},{'' if n % 50 == 49 else repr(y)},{state}\n"


class Gateway:
    """An agent that reads what is fed to it."""

    def __init__(self, fleet, name):
        self.name = name
        ours, self.pipe = os.pipe()
        extra = f"telemetry: {LEVELS[name]}" if LEVELS[name] else ""
        fleet.start_edge(name, NAME, "{kind: stdin}", extra, stdin=ours)
        os.close(ours)
        self.write("t,x,y,state\n")
        self.rows = 0

    def write(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.pipe, data):]

    def feed(self, count):
        self.write("".join(lines(self.name, self.rows, count)))
        self.rows += count


class Ear:
    """Whoever runs the broker: hears every topic, and may say anything."""

    def __init__(self, fleet):
        self.fleet, self.acl = fleet, fleet.folder / "acl"
        fleet.enrol("ear")
        self.allow()
        config = fleet.broker_config

        def with_acl():
            path = config()
            path.write_text(path.read_text().replace(str(SOURCE / "deploy/broker/acl"), str(self.acl)) +
                            "\nlog_type information\n")
            return path
        fleet.broker_config = with_acl
        self.heard = fleet.folder / "heard"

    def allow(self, but=""):
        self.acl.write_text("user ear\ntopic readwrite #\n\n" + but + (SOURCE / "deploy/broker/acl").read_text())
        if "broker" in self.fleet.processes:
            before = self.fleet.log("broker").count("Reloading config")
            self.fleet.processes["broker"].send_signal(signal.SIGHUP)
            wait_for("other rules", lambda: self.fleet.log("broker").count("Reloading config") > before, 20)

    def connection(self):
        keys = self.fleet.keys
        return ["-h", "127.0.0.1", "-p", str(self.fleet.broker_port), "-V", "5", "--cafile",
                str(keys / "ca.pem"), "--cert", str(keys / "ear.pem"), "--key", str(keys / "ear.key")]

    def listen(self):
        self.fleet.start("ear", "sh", "-c", 'exec "$@" >"$0"', self.heard, "mosquitto_sub", *self.connection(),
                         "-t", "tributary/v1/+/+/up/#", "-q", "1", "-F", "%t %x")

    def frames(self, kind):
        """Payloads under up/KIND, by gateway."""
        frames = collections.defaultdict(list)
        for line in self.heard.read_text().splitlines():
            topic, _, payload = line.partition(" ")
            if topic.endswith("/up/" + kind):
                frames[topic.split("/")[3]].append(bytes.fromhex(payload))
        return frames

    def say(self, gateway, payload):
        subprocess.run(["mosquitto_pub", *self.connection(), "-t", f"tributary/v1/{NAME}/{gateway}/up/telemetry",
                        "-q", "1", "-s"], input=payload, check=True, timeout=20)


def counts(fleet):
    return fleet.api("GET", "/v1/health")["counts"]


def windows(count):
    return (count - WINDOW) // HOP + 1


def body_of(fleet, record, headers):
    """What the event says, or what the object that it names says."""
    claim = headers.get("ce_dataref")
    if claim is None:
        assert len(record.value) <= 1024, record.value
        return json.loads(record.value)
    assert not record.value and claim.endswith(f"/{NAME}/telemetry/{headers['ce_id']}.json"), (headers, record.value)
    whole = (fleet.folder / "bucket" / claim).read_bytes()
    assert len(whole) > 1024, whole
    return json.loads(whole)


def events(fleet, broker):
    """The telemetry in Kafka, by gateway, in order; held against docs/schemas where that can be."""
    try:
        import jsonschema
        schema = jsonschema.Draft202012Validator(json.loads((SOURCE / "docs/schemas/telemetry.json").read_text()))
    except ImportError as missing:
        print(f"events are not held against docs/schemas: {missing}")
        schema = None
    told, claims = collections.defaultdict(list), collections.Counter()
    for record in broker.consume(f"tributary.{NAME}.telemetry"):
        headers = {key: value.decode() for key, value in record.headers}
        body = body_of(fleet, record, headers)
        claims["ce_dataref" in headers] += 1
        assert headers["ce_dataschema"] == "urn:tributary:schemas:telemetry:1", headers
        assert headers["ce_subject"] == record.key.decode() == body["gateway"], headers
        if schema is not None:
            schema.validate(body)
        told[body["gateway"]].append((headers["ce_type"], body))
    assert claims[True] == fleet.api("GET", "/v1/health")["bridge"]["claims"] > 0 and claims[False] > 0, claims
    return told


def check_rows(told, gateway, count):
    """Each row that was fed, once, in order, with its label."""
    rows = []
    for kind, body in told:
        assert kind == "tributary.telemetry.raw" and body["channels"] == ["x", "y"], body
        assert body["classes"] == ["idle", "busy"] and not body["clock_unsure"], body
        rows += body["rows"]
    assert len(rows) == count, f"{len(rows)} rows of {count}"
    for n, got in enumerate(rows):
        t, x, y, state = row(gateway, n)
        want = {"time_us": 1000 * t, "values": [f32(x), None if n % 50 == 49 else f32(y)]}
        if state != "unknown":
            want["label"] = ("idle", "busy").index(state)
        assert {**got, "values": [v if v is None else f32(v) for v in got["values"]]} == want, (n, got, want)


def check_features(told, gateway, count):
    """Of each window, computed anew from what was fed: a missing value holds the one before."""
    names = [f"{channel}.{feature}" for channel in "xy" for feature in FEATURES]
    columns = [[], []]
    for n in range(count):
        _, x, y, _ = row(gateway, n)
        columns[0].append(f32(x))
        columns[1].append(columns[1][-1] if n % 50 == 49 else f32(y))
    assert len(told) == windows(count), f"{len(told)} windows of {windows(count)}"
    for i, (kind, body) in enumerate(told):
        assert kind == "tributary.telemetry.features" and body["names"] == names, body
        end = i * HOP + WINDOW
        assert body["time_us"] == 1000 * row(gateway, end - 1)[0], (i, body)
        want = [number for part in (column[end - WINDOW:end] for column in columns)
                for number in (sum(part) / WINDOW, min(part), max(part), part[-1])]
        assert all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-5) for a, b in zip(body["values"], want)), \
            (i, body, want)


def bucket_goes(fleet):
    """A file where claims go to: no claim can be put."""
    path = fleet.folder / "bucket/claims"
    path.parent.mkdir()
    path.touch()
    return path


def bucket_comes(fleet, path):
    """Telemetry has waited for it, and said so; then it goes."""
    def bridge():
        return fleet.api("GET", "/v1/health")["bridge"]
    wait_for("a word about the bucket", lambda: "claims" in bridge()["trouble"], 30)
    state = bridge()
    assert state["connected"] and state["backlog"]["telemetry"] > 0 and state["claims"] == 0, state
    assert fleet.log("cloud").count("claims") < 10, "said again and again"
    path.unlink()
    wait_for("the claims to go", lambda: bridge()["claims"] > 0 and not bridge()["trouble"], 60)


def refuse(fleet, ear, broker):
    """Again, altered, under another name."""
    frame = ear.frames("telemetry")["gw-raw"][0]
    before = counts(fleet)
    ear.say("gw-raw", frame)
    ear.say("gw-raw", frame[:-1] + bytes([frame[-1] ^ 1]))
    ear.say("gw-none", frame)
    ear.say("gw-raw", b"nonsense")
    wait_for("the cloud to notice", lambda: counts(fleet)["replayed"] + counts(fleet)["garbage"] >=
             before["replayed"] + before["garbage"] + 4, 20)
    after = counts(fleet)
    assert after["telemetry"] == before["telemetry"], (before, after)
    assert after["replayed"] >= before["replayed"] + 1, (before, after)


def exceed(fleet, ear, raw, features):
    """The federation takes its wish back, and one gateway does not hear of it: it goes on with what it knows."""
    ear.allow(f"user gw-raw\ntopic deny tributary/v1/{NAME}/all/federation\n\n")
    before, taken = counts(fleet), fleet.federation(NAME)
    answer = fleet.apply(DOCUMENT + "features\n")
    assert answer["lineage"] == "same" and answer["from"] == "now", answer
    assert fleet.federation(NAME)["revision"] == taken["revision"] + 1
    assert fleet.federation(NAME)["telemetry"] == "features"
    wait_for("the other to hear of it", lambda: fleet.log("gw-features").count("telemetry  leaves=features") == 1, 20)
    raw.feed(MORE)
    features.feed(MORE)
    wait_for("a refusal", lambda: counts(fleet)["telemetry_refused"] > before["telemetry_refused"], 20)
    wait_for("more features", lambda: counts(fleet)["telemetry"] ==
             before["telemetry"] + windows(ROWS + MORE) - windows(ROWS), 20)
    known = fleet.api("GET", f"/v1/federations/{NAME}/gateways/gw-raw")
    assert known["telemetry_refused"] > 0 and known["telemetry"] == ROWS, known
    assert "raw telemetry, where the federation asks for features" in fleet.log("cloud"), fleet.log("cloud")


def run(fleet, broker):
    fleet.cloud_extra = f"bridge: {{kafka: {{brokers: '{broker.address}', partitions: 3, claim_check_kib: 1}}}}\n" \
                        f"object: {{file: {{folder: {fleet.folder}/bucket}}}}\narchive: {{events: false}}"
    broker.start(wait=False)
    no_bucket = bucket_goes(fleet)
    ear = Ear(fleet)
    fleet.start_broker()
    ear.listen()
    fleet.start_cloud()
    fleet.apply(DOCUMENT + "raw\n")
    gateways = {name: Gateway(fleet, name) for name in LEVELS}
    for gateway in gateways.values():
        gateway.feed(ROWS)
    broker.wait()
    Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), NAME)
    wait_for("all telemetry", lambda: counts(fleet)["telemetry"] >= ROWS + windows(ROWS), 30)
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 60)
    bucket_comes(fleet, no_bucket)

    # Each said what it does, once; the one that lets nothing leave trains all the same.
    for name, level in LEVELS.items():
        said = [line for line in fleet.log(name).splitlines() if "asks for more telemetry" in line]
        assert len(said) == (level != "raw"), (name, said)
        assert level == "raw" or f"leaves={level or 'none'}" in said[0], said
        assert fleet.api("GET", f"/v1/federations/{NAME}/gateways/{name}")["accepted"] > 0, name
    frames = ear.frames("telemetry")
    assert frames["gw-raw"] and frames["gw-features"] and not frames["gw-none"], frames.keys()
    assert ear.frames("update")["gw-none"], "the ear is deaf"
    assert all(len(frame) <= 128 * 1024 for heard in frames.values() for frame in heard)
    heard = b"".join(frames["gw-raw"])
    assert not any(struct.pack("<2f", *row("gw-raw", n)[1:3]) in heard for n in range(200)), "rows were heard"

    refuse(fleet, ear, broker)
    exceed(fleet, ear, gateways["gw-raw"], gateways["gw-features"])
    wait_for("an end of the backlog", lambda: fleet.api("GET", "/v1/health")["bridge"]["connected"] and not
             sum(fleet.api("GET", "/v1/health")["bridge"]["backlog"].values()), 60)
    told = events(fleet, broker)
    assert told.keys() == {"gw-raw", "gw-features"}, told.keys()
    check_rows(told["gw-raw"], "gw-raw", ROWS)
    check_features(told["gw-features"], "gw-features", ROWS + MORE)
    assert fleet.api("GET", "/v1/health")["bridge"]["refused"] == 0
    print(f"{ROWS} rows and {windows(ROWS + MORE)} windows in Kafka, each once and as fed; refused: "
          f"{counts(fleet)['telemetry_refused']} messages")


if shutil.which("mosquitto_sub") is None:
    print("skipped: mosquitto-clients is not installed")
    sys.exit(77)
with kafka.skipping(), Fleet("telemetry") as fleet:
    with kafka.Kafka(fleet.folder / "kafka", settings={"auto.create.topics.enable": "false"}) as server:
        run(fleet, server)
    print("passed")
