#!/usr/bin/env python3
"""A federation is given a new meaning while it runs, a gateway was revoked before there was any, the
close of the last round is damaged in the ledger, a gateway is revoked after the last round and another joins:
rounds go on, with whom and from what they should, and everybody who may gets the model."""
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS, ROUNDS = "rotating-machine", 2, 2


def start(fleet, recording):
    fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")


def done(fleet):
    return fleet.federation(NAME)["stage"] == "done"


def wait_installed(fleet, recordings):
    release = fleet.federation(NAME)["release"]["number"]
    for recording in recordings:
        wait_for(f"{recording.stem} installs release {release}",
                 lambda: f"release={release}" in fleet.log(recording.stem), 30)


def damage_last_close(fleet):
    """The last record of its kind: what it said is lost, and a release stands behind it."""
    path = sorted((fleet.folder / "cloud/ledger").glob("*.ledger"))[-1]
    data = bytearray(path.read_bytes())
    closes, at = [], 0
    while (at := data.find(b"TRBL", at)) >= 0:
        size, kind = struct.unpack_from("<II", data, at + 4)
        closes += [at] if kind == 5 else []
        at += 32 + size
    data[closes[-1] + 60] ^= 1
    path.write_bytes(data)


with Fleet("lineage") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS + 2, seconds=8)
    revoked, newcomer = recordings.pop(), recordings.pop()
    fleet.start_broker()
    fleet.start_cloud()
    fleet.api("POST", f"/v1/gateways/{revoked.stem}/revoke", body="{}")

    small = machines.document(GATEWAYS, ROUNDS)
    large, found = re.subn(r"units: 32", "units: 32000", small)
    assert found == 1
    fleet.apply(large)
    start(fleet, revoked)
    for recording in recordings:
        start(fleet, recording)
    wait_for("the last round of a large model", lambda: done(fleet), 120)
    wait_for("the revoked gateway's join to be refused",
             lambda: fleet.api("GET", "/v1/health")["counts"]["joins_refused"] > 0, 30)
    gateway = fleet.api("GET", f"/v1/federations/{NAME}/gateways/{revoked.stem}")
    assert gateway["revoked"] and not gateway["session"] and gateway["accepted"] == 0, gateway
    fleet.stop(revoked.stem)
    print("revoked before there was a federation: takes no part")

    wait_installed(fleet, recordings)
    before = fleet.federation(NAME)["release"]["number"]
    assert fleet.apply(small)["lineage"] == "new"
    assert fleet.federation(NAME)["release"] is None
    wait_for("the last round of a small model", lambda: done(fleet), 60)
    assert fleet.federation(NAME)["release"]["number"] > before
    wait_installed(fleet, recordings)
    fleet.stop("cloud")
    fleet.start_cloud()
    assert fleet.federation(NAME)["release"]["number"] > before
    assert "notice not published" not in fleet.log("cloud")
    numbers, after = [], -1
    while page := fleet.api("GET", f"/v1/federations/{NAME}/rounds?after={after}")["rounds"]:
        numbers += [entry["number"] for entry in page]
        after = numbers[-1]
    assert len(set(numbers)) == len(numbers) == 2 * (ROUNDS + 1), numbers
    print("a smaller model of a new lineage takes the place of a large one")

    fleet.stop("cloud")
    damage_last_close(fleet)
    fleet.start_cloud("--rebuild")
    assert "records of the ledger are damaged" in fleet.log("cloud")
    assert fleet.api("GET", "/v1/health")["gaps"] == 1
    wait_for("another round instead", lambda: done(fleet), 60)
    last = fleet.api("GET", f"/v1/federations/{NAME}/rounds?after={numbers[-2]}")["rounds"]
    assert [entry["outcome"] for entry in last] == ["abandoned", "closed"], last
    assert last[0]["reason"] == "its records in the ledger are damaged"
    wait_installed(fleet, recordings)
    for recording in recordings:
        wait_for("outboxes empty", lambda: fleet.outbox(recording.stem) == 0, 30)
    print("a round whose close is damaged is abandoned, and made again")

    gone, *rest = recordings
    fleet.api("POST", f"/v1/gateways/{gone.stem}/revoke", body="{}")
    start(fleet, newcomer)
    wait_installed(fleet, [newcomer])
    for recording in rest:
        assert "model refused" not in fleet.log(recording.stem)
    print("who joins under another epoch gets the model of the one before; passed")
