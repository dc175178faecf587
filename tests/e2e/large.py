#!/usr/bin/env python3
"""A model of several chunks each way, served as an average, then rounds that ask only some gateways; and
an update of more chunks than the agent hands to its link at once, or than may wait there."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS, ROUNDS = "rotating-machine", 4, 3


def document(rounds, fraction, over_selection, quorum):
    text = machines.document(GATEWAYS, rounds, lines={
        "update": "update: {codec: float32, clip_norm: 10}",
        "strategy": "strategy: {kind: fedavgm, momentum: 0.7, nesterov: true, serve_average: 0.9}"})
    text, count = re.subn(r"units: 32", "units: 6000", text)  # 150 k parameters: 600 kB
    assert count == 1
    text, count = re.subn(r"fraction: 1, quorum: 1",
                          f"fraction: {fraction}, over_selection: {over_selection}, quorum: {quorum}", text)
    assert count == 1
    return text


with Fleet("large") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS, seconds=8)
    federation_file = fleet.folder / "federation.yaml"
    federation_file.write_text(document(ROUNDS, 1, 1, GATEWAYS))
    digest, _ = machines.simulate(fleet.folder / "data", federation_file, fleet.folder / "simulated")
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(federation_file.read_text())
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 120)
    state = fleet.federation(NAME)
    assert state["release"]["digest"] == digest, (state, digest)
    assert state["release"]["digest"] != state["model"]["digest"], "the average is another model"
    assert state["release"]["round"] == ROUNDS, state
    for recording in recordings:
        wait_for(f"{recording.stem} installs the average", lambda: f"release={state['release']['number']}"
                 in fleet.log(recording.stem), 30)
    rounds = fleet.api("GET", f"/v1/federations/{NAME}/rounds")["rounds"]
    last = rounds[-1]["number"]
    assert rounds[-1]["bytes_up"] > GATEWAYS * 240000, rounds[-1]
    print("a model of 600 kB goes both ways, and equals the simulation's")

    # Half of the gateways are wanted, all are asked: a round closes with the first two.
    fleet.apply(document(ROUNDS + 4, 0.5, 2, 2))
    wait_for("rounds of two", lambda: fleet.federation(NAME)["stage"] == "done", 120)
    later = fleet.api("GET", f"/v1/federations/{NAME}/rounds?after={last}")["rounds"]
    assert [r["updates"] for r in later] == [2] * 4, later
    late = fleet.api("GET", "/v1/health")["counts"]["late"]
    assert late > 0, "whoever came third was told that it was late"
    for recording in recordings:
        wait_for("outboxes empty", lambda: fleet.outbox(recording.stem) == 0, 60)

CHUNK = 122368
with Fleet("huge") as fleet:
    recordings = machines.generate(fleet.folder / "data", 1, seconds=4)
    text, count = re.subn(r"- \{kind: dense, units: 32\}",
                          "- {kind: dense, units: 3600}\n    - {kind: relu}\n    - {kind: dense, units: 3900}",
                          machines.document(1, 1, deadline_s=300, lines={
                              "update": "update: {codec: float32, clip_norm: 10}"}))
    assert count == 1
    federation_file = fleet.folder / "federation.yaml"
    federation_file.write_text(text)
    digest, _ = machines.simulate(fleet.folder / "data", federation_file, fleet.folder / "simulated")
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(text)
    name = recordings[0].stem
    fleet.start_edge(name, NAME, f"{{kind: replay, path: {recordings[0]}, speed: max}}")
    wait_for("a round of a huge update", lambda: fleet.federation(NAME)["stage"] == "done", 120)
    state = fleet.federation(NAME)
    assert state["release"]["digest"] == digest, (state, digest)
    sent = fleet.api("GET", f"/v1/federations/{NAME}/rounds")["rounds"][-1]
    assert sent["updates"] == 1 and sent["bytes_up"] > 300 * CHUNK, sent
    wait_for("the outbox empties", lambda: fleet.outbox(name) == 0, 30)
    assert "too much at once" not in fleet.log(name), fleet.log(name)
    # Each chunk went up once: no part of it had to be sent again.
    gateway = fleet.api("GET", f"/v1/federations/{NAME}/gateways/{name}")
    assert gateway["duplicates"] == gateway["garbage"] == gateway["replayed"] == 0, gateway
    print(f"an update of {sent['bytes_up'] // CHUNK} chunks goes up")
    print("passed")
