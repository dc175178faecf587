#!/usr/bin/env python3
"""Models go into a bucket of a real S3 server: each that a round has made, under its digest and with a signed card,
though the server is away at first and the cloud is killed with -9 meanwhile. So do predictions, each in exactly one
file, which pandas opens as it is; with TRIB_FULL=1 Spark as well. A damaged object is found."""
import collections
import gzip
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, free_port, wait_for  # noqa: E402
import machines  # noqa: E402
import servers  # noqa: E402

NAME, GATEWAYS, ROUNDS, KILLS = "rotating-machine", 2, 40, 3


def archive(fleet):
    return fleet.api("GET", "/v1/health")["archive"]


def config(fleet, endpoint, bucket=servers.BUCKET):
    fleet.cloud_extra = "archive: {batch_s: 1}\nobject: " + json.dumps(
        {"s3": {"endpoint": endpoint, "bucket": bucket, "access_key": {"environment": "ARCHIVE_KEY"},
                "secret_key": {"file": "s3.secret"}, "path_style": True},
         "retry": {"tries": 2, "first_ms": 50, "budget_ms": 2000}})


def objects(fleet, verb, expect=0):
    done = subprocess.run([str(TRIBUTARY), "object", verb, "--config", str(fleet.cloud_config()), "--json"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout)


def get(fleet, key):
    path = fleet.folder / "object"
    subprocess.run([str(TRIBUTARY), "object", "get", "--config", str(fleet.cloud_config()), key, str(path)],
                   check=True)
    return path.read_bytes()


def der(number):
    bytes_ = number.lstrip(b"\0") or b"\0"
    bytes_ = b"\0" + bytes_ if bytes_[0] & 0x80 else bytes_
    return b"\x02" + bytes([len(bytes_)]) + bytes_


def check_card(fleet, card):
    """By another implementation: openssl, and the public key that gateways trust."""
    said = f"{card['federation']} {card['model']} {card['round']}".encode()
    (fleet.folder / "said").write_bytes(b"tributary/v1 model-card\0" + said)
    pair = bytes.fromhex(card["signature"])
    body = der(pair[:32]) + der(pair[32:])
    (fleet.folder / "signature").write_bytes(b"\x30" + bytes([len(body)]) + body)
    Fleet.run("openssl", "dgst", "-sha256", "-verify", fleet.folder / "cloud/signing.pub.pem", "-signature",
              fleet.folder / "signature", fleet.folder / "said")


def predictions(fleet):
    """Since the cloud has started."""
    return sum(gateway["predictions"] for gateway in fleet.api("GET", f"/v1/federations/{NAME}/gateways")["gateways"])


def events_of(running, kind):
    """By file: its path, and the events in it."""
    return {path: [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
            for path in running.folder.glob(f"versitygw-*/*/events/{kind}/**/*.jsonl.gz")}


def check_events(fleet, running, names):
    """Each prediction that the cloud has taken is in one file, of its gateway and day: positions have no holes."""
    for _ in range(2):
        wait_for("predictions", lambda: predictions(fleet) >= 40, 60)
        fleet.stop("cloud", signal.SIGKILL)
        fleet.start_cloud()
    wait_for("predictions", lambda: predictions(fleet) >= 40, 60)
    for name in names:
        fleet.stop(name)
    files = {}

    def settled():
        before = len(files)
        time.sleep(2)
        files.update(events_of(running, "prediction"))
        return len(files) == before > 0
    wait_for("the last batches", settled, 60)
    count = collections.Counter(event["event_id"] for events in files.values() for event in events)
    assert max(count.values()) == 1, count.most_common(3)
    positions = {int(name.split("-")[1]) for name in count}
    assert positions == set(range(1, max(positions) + 1)), "events are missing"
    for path, events in files.items():
        for event in events:
            assert f"gateway={event['gateway']}/" in str(path) and f"date={event['event_time'][:10]}/" in str(path)
    try:
        import pandas
    except ImportError:
        print("pandas is not installed: files are read without")
    else:
        path, events = max(files.items(), key=lambda item: len(item[1]))
        frame = pandas.read_json(path, lines=True)
        assert len(frame) == len(events) and set(frame["event_type"]) == {"tributary.prediction.made"}, frame
        assert str(frame["event_time"].dtype).startswith("datetime64"), frame.dtypes
    read_with_spark(running, {path: len(events) for path, events in files.items()})
    assert archive(fleet)["missed"] == 0, archive(fleet)
    return len(positions), len(files)


def read_with_spark(running, sizes):
    """All files as one table, partitioned as their folders say. versitygw keeps objects as files."""
    if os.environ.get("TRIB_FULL") != "1":
        return
    try:
        sys.path.append(str(servers.install("pyspark")))
        from pyspark.sql import SparkSession
    except servers.Unavailable as missing:
        print(f"nothing is read with Spark: {missing}")
        return
    folder = next(path for path in running.folder.glob("versitygw-*/*/events/prediction"))
    session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
               .config("spark.sql.session.timeZone", "UTC").getOrCreate())
    try:
        table = session.read.json(str(folder))
        assert table.count() == sum(sizes.values()), (table.count(), sizes)
        types = dict(table.dtypes)
        assert types["date"] == "date" and types["time_us"] == "bigint" and types["anomaly"] == "boolean", types
        counted = {row["gateway"]: row["count"] for row in table.groupBy("gateway").count().collect()}
        wanted = collections.Counter()
        for path, size in sizes.items():
            wanted[path.parent.name.removeprefix("gateway=")] += size
        assert counted == wanted, (counted, wanted)
        last = table.selectExpr("date = to_date(event_time) as same").where("not same").count()
        assert last == 0, f"{last} events in another day's folder"
        print(f"read with Spark {session.version}: {table.count()} events of {len(counted)} gateways")
    finally:
        session.stop()


def expire(fleet, *words, expect=0):
    done = subprocess.run([str(TRIBUTARY), "object", "expire", "--config", str(fleet.cloud_config()), "--json", *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return set(json.loads(done.stdout)) if expect == 0 else done.stderr


def check_expire(fleet, folder, rows):
    """By count, the oldest first; by age, nothing of today; both must hold."""
    assert "--keep" in expire(fleet, folder, expect=2)
    assert expire(fleet, "events/", "--older-than", "1") == set()
    assert expire(fleet, "events/", "--older-than", "1", "--keep", "0") == set()
    ours = sorted((row for row in rows if row["key"].startswith(folder)), key=lambda row: row["modified_ms"])
    would = expire(fleet, folder, "--keep", "20", "--dry-run")
    assert len(would) == len(ours) - 20 and {row["key"] for row in objects(fleet, "list")} >= would
    gone = expire(fleet, folder, "--keep", "20")
    assert gone == would and {row["key"] for row in objects(fleet, "list") if row["key"].startswith(folder)} == {
        row["key"] for row in ours} - gone
    newest = {row["key"] for row in ours if row["modified_ms"] == ours[-1]["modified_ms"]}
    assert not newest & gone or len(newest) > 20, newest


def closed_rounds(fleet):
    return fleet.federation(NAME)["round"]["ordinal"] if fleet.federation(NAME)["round"] else 0


def run(fleet, running):
    port = free_port()
    (fleet.folder / "s3.secret").write_text("testsecret\n")
    config(fleet, f"http://127.0.0.1:{port}")
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(machines.document(GATEWAYS, ROUNDS))
    recordings = machines.generate(fleet.folder / "data", GATEWAYS)
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max, loop: live}}",
                         extra="predictions: {publish: true, every: 1}")
    wait_for("a word about the server", lambda: archive(fleet)["trouble"], 60)
    assert "testsecret" not in fleet.log("cloud")
    wait_for("rounds without it", lambda: closed_rounds(fleet) >= 5, 60)

    settings = running.versitygw()
    config(fleet, settings["OBJECT_ENDPOINT"], "no-such-bucket")
    fleet.stop("cloud")
    fleet.start_cloud()
    wait_for("a word about the bucket", lambda: "bucket" in archive(fleet)["trouble"].lower(), 60)
    config(fleet, settings["OBJECT_ENDPOINT"])
    for _ in range(KILLS):
        fleet.stop("cloud", signal.SIGKILL)
        fleet.start_cloud()
        time.sleep(0.4)
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 120)
    records = fleet.api("GET", "/v1/health")["records"]
    wait_for("an archive that has caught up", lambda: archive(fleet)["position"] >= records, 60)
    assert archive(fleet)["trouble"] == "" and archive(fleet)["missing"] == 0, archive(fleet)

    events, files = check_events(fleet, running, [recording.stem for recording in recordings])
    told = fleet.metrics()
    if told is not None:
        assert told["archive_trouble"] == told["outbox_dropped"] == 0 and told["archive_position"] >= records, told
        assert told["archive_objects_total batch"] > 0 and "bridge_connected" not in told, told
    rounds = fleet.api("GET", f"/v1/federations/{NAME}/rounds")["rounds"]
    models = {r["served"] for r in rounds if r.get("served")}
    assert len(models) == ROUNDS + 1, len(models)  # round 0 makes the first
    rows = objects(fleet, "verify")
    assert all(row["state"] == "whole" for row in rows), rows
    folder = f"federations/{NAME}/models/"
    keys = {row["key"] for row in rows}
    assert all(key.startswith((folder, "clouds/", "events/")) for key in keys), keys
    assert {key for key in keys if key.startswith(folder)} == {f"{folder}{m}.{kind}" for m in models for kind in ("safetensors", "json")}
    release = fleet.federation(NAME)["release"]["digest"]
    assert hashlib.sha256(get(fleet, f"{folder}{release}.safetensors")).hexdigest() == release
    card = json.loads(get(fleet, f"{folder}{release}.json"))
    assert card["model"] == release and card["federation"] == NAME, card
    check_card(fleet, card)

    damaged = next(running.folder.glob(f"versitygw-*/*/{folder}{release}.safetensors"))
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    bad = [row["key"] for row in objects(fleet, "verify", 1) if row["state"] != "whole"]
    assert bad == [f"{folder}{release}.safetensors"], bad
    check_expire(fleet, folder, rows)
    print(f"passed: {len(models)} models and cards, {events} predictions in {files} files, {KILLS} kills")


try:
    servers.install("versitygw")
except servers.Unavailable as why:
    print(f"skipped: {why}")
    sys.exit(77)
os.environ["ARCHIVE_KEY"] = "testaccess"  # the config says so
with Fleet("archive") as fleet, servers.Servers() as running:
    run(fleet, running)
