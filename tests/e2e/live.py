#!/usr/bin/env python3
"""Recordings that go on as live streams (`loop: live`): what is learned is their first pass, bit for bit
what the simulation learns; afterwards they are judged by the model, and nothing more is stored."""
import csv
import json
import pathlib
import socket
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

GATEWAYS, ROUNDS, SECONDS = 3, 3, 20
STATES = ("healthy", "imbalance", "misalignment", "bearing_wear")


AGAIN = """
import json, sys, time
for turn in range(60):
    for line in open(sys.argv[1]):
        row = json.loads(line)
        row["time_ms"] += turn * int(sys.argv[2])
        print(json.dumps(row))
    sys.stdout.flush()
    time.sleep(1)
"""


def rows_stored(fleet, name):
    """Rows in the gateway's store, and the number of the last."""
    path = fleet.folder / f"state-{name}/samples.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20) as connection:
        return connection.execute(
            "SELECT sum(last_row - first_row + 1), max(last_row) FROM blocks").fetchone()


def gateway(fleet, name):
    known = fleet.api("GET", "/v1/federations/rotating-machine/gateways")["gateways"]
    return next((g for g in known if g["gateway"] == name), {"predictions": 0, "online": False})


def start(fleet, recording):
    fleet.start_edge(recording.stem, "rotating-machine",
                     f"{{kind: replay, path: {recording}, speed: max, loop: live}}",
                     "predictions: {publish: true, every: 4}")


def signals_only(fleet, recording):
    with open(recording, newline="") as file:
        rows = [{key: row[key] for key in ("time_ms", "vib_x", "vib_y", "vib_z")}
                for row in csv.DictReader(file)]
    lines = fleet.folder / "signals.jsonl"
    lines.write_text("".join(json.dumps({key: float(value) for key, value in row.items()}) + "\n"
                             for row in rows))
    every = "predictions: {publish: true, every: 1}"
    # Again and again, later each time: rows that come before there is a model are judged by none.
    source = subprocess.Popen([sys.executable, "-c", AGAIN, lines, str(1000 * SECONDS)],
                              stdout=subprocess.PIPE)
    try:
        fleet.start_edge("json-1", "rotating-machine", "{kind: stdin, format: jsonl}", every,
                         stdin=source.stdout)
        wait_for("predictions on JSON lines", lambda: gateway(fleet, "json-1")["predictions"] > 3, 60)
    finally:
        source.kill()
        source.wait()
    path = fleet.folder / "rows.sock"
    fleet.start_edge("socket-1", "rotating-machine", f"{{kind: socket, path: {path}}}", every)
    wait_for("the socket", path.exists, 30)
    text = "vib_z,vib_y,vib_x,time_ms\n" + "".join(
        f"{row['vib_z']},{row['vib_y']},{row['vib_x']},{row['time_ms']}\n" for row in rows)

    def predicts():  # each connection is a recording of its own
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(text.encode())
        return gateway(fleet, "socket-1")["predictions"] > 3
    wait_for("predictions on a socket's rows", predicts, 60, pause=1)
    for name in ("json-1", "socket-1"):
        seen = gateway(fleet, name)
        assert seen["predictions"] > 3 and seen["last_label"] in STATES, seen
        assert "rows are only predicted on" in fleet.log(name) or name == "json-1", fleet.log(name)


with Fleet("live") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS, seconds=SECONDS)
    federation_file = fleet.folder / "federation.yaml"
    federation_file.write_text(machines.document(GATEWAYS, ROUNDS))
    digest, _ = machines.simulate(fleet.folder / "data", federation_file, fleet.folder / "simulated")

    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(federation_file.read_text())
    for recording in recordings:
        start(fleet, recording)
    wait_for("the last round", lambda: fleet.federation("rotating-machine")["stage"] == "done", 120)
    release = fleet.federation("rotating-machine")["release"]
    assert release["digest"] == digest, f"deployed {release['digest']}, simulated {digest}"

    # Each has stored its recording once, and is now judged by the last model.
    stored = {}
    for recording in recordings:
        name, rows = recording.stem, len(recording.read_text().splitlines()) - 1
        stored[name] = rows_stored(fleet, name)
        assert stored[name] == (rows, rows), f"{name}: {rows} rows, stored {stored[name]}"
        wait_for(f"predictions of {name} by release {release['number']}",
                 lambda: gateway(fleet, name)["release"] == release["number"], 60)
        assert gateway(fleet, name)["last_label"] in STATES, gateway(fleet, name)

    # At the recording's own pace: 500 rows a second, a window each 125, each fourth sent: one a second.
    first = recordings[0].stem
    before = gateway(fleet, first)["predictions"]
    wait_for(f"{first} goes on", lambda: gateway(fleet, first)["predictions"] >= before + 5, 60)
    assert {r.stem: rows_stored(fleet, r.stem) for r in recordings} == stored, "a pass was stored"

    # A restart reads nothing to be stored again, and goes on judging.
    fleet.stop(first)
    start(fleet, recordings[0])
    wait_for(f"{first} predicts after a restart",
             lambda: gateway(fleet, first)["online"] and gateway(fleet, first)["predictions"] >= before + 8,
             60)
    assert rows_stored(fleet, first) == stored[first], "a restart stored rows again"

    # Rows that nobody has labelled are judged too: JSON lines from standard input, CSV over a socket.
    signals_only(fleet, recordings[1])

    print("passed")
