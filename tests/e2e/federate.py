#!/usr/bin/env python3
"""Four gateways federate through a real broker; the model equals the simulation's, bit for bit, comes
back over the air, and predicts on the live stream. Then a new lineage, and a restart of everything."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

GATEWAYS, ROUNDS = 4, 3


def done(fleet):
    return fleet.federation("rotating-machine")["stage"] == "done"


with Fleet("federate") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS)
    federation_file = fleet.folder / "federation.yaml"
    federation_file.write_text(machines.document(GATEWAYS, ROUNDS))
    digest, _ = machines.simulate(fleet.folder / "data", federation_file, fleet.folder / "simulated")

    fleet.start_broker()
    fleet.start_cloud()
    assert fleet.apply(federation_file.read_text())["lineage"] == "new"
    for recording in recordings:
        fleet.start_edge(recording.stem, "rotating-machine",
                         f"{{kind: replay, path: {recording}, speed: max}}",
                         "predictions: {publish: true, every: 1}")
    wait_for("the last round", lambda: done(fleet), 120)

    state = fleet.federation("rotating-machine")
    assert state["model"]["round"] == ROUNDS, state
    served = state["release"]["digest"]
    assert served == digest, f"deployed {served}, simulated {digest}"
    print(f"deployed and simulated models are the same: {digest[:16]}")

    rounds = fleet.api("GET", "/v1/federations/rotating-machine/rounds")["rounds"]
    assert [r["ordinal"] for r in rounds] == list(range(ROUNDS + 1)), rounds
    assert all(r["updates"] == GATEWAYS and r["outcome"] == "closed" for r in rounds), rounds
    assert all(r["loss"] > 0 for r in rounds[1:]), rounds

    # Every gateway installs the last release, and its outbox is empty once the rounds are closed.
    last = f"release={state['release']['number']}"
    for recording in recordings:
        wait_for(f"{recording.stem} installs {last}",
                 lambda: any("model installed" in line and last in line
                             for line in fleet.log(recording.stem).splitlines()), 30)
        wait_for(f"{recording.stem}'s outbox empties",
                 lambda: fleet.outbox(recording.stem) == 0, 30)

    # Another federation on the same cloud, while the first stays.
    other, count = re.subn(r"(?s)federation: rotating-machine(.*)  label:.*?\n\n(.*)task: classify(.*)units: 4\}",
                           r"federation: second\1  targets: [current, temperature]\n\n\2task: regress\3units: 2}",
                           machines.document(1, 1))
    assert count == 1
    fleet.apply(other)
    assert {f["federation"] for f in fleet.api("GET", "/v1/federations")["federations"]} == {
        "rotating-machine", "second"}

    # A restart of the cloud finds everything again; so does one that rebuilds its registry.
    for options in [(), ("--rebuild",)]:
        fleet.stop("cloud")
        fleet.start_cloud(*options)
        again = fleet.federation("rotating-machine")
        assert again["stage"] == "done" and again["release"] == state["release"], again
        assert fleet.api("GET", "/v1/federations/rotating-machine/rounds")["rounds"] == rounds

    # More rounds under the same lineage go on from the same model; gateways need not join again.
    revision = fleet.apply(machines.document(GATEWAYS, ROUNDS + 2))
    assert revision["lineage"] == "same", revision
    wait_for("two more rounds", lambda: fleet.federation("rotating-machine")["model"]["round"] ==
             ROUNDS + 2 and done(fleet), 120)
    joins = fleet.api("GET", "/v1/health")["counts"]["joins"]
    assert joins == 0, f"{joins} gateways joined again"
    second = subprocess.Popen([TRIBUTARY, "generate", "--live", "machine-2", "--seconds", "0"],
                              stdout=subprocess.PIPE)
    fleet.start_edge("second-1", "second", "{kind: stdin, format: csv}",
                     "predictions: {publish: true, every: 2}", stdin=second.stdout)

    # A restart after a second document finds everything too: the view keeps the newest of each kind.
    expected = fleet.federation("rotating-machine")
    for options in [(), ("--rebuild",)]:
        fleet.stop("cloud")
        fleet.start_cloud(*options)
        again = fleet.federation("rotating-machine")
        assert {k: again[k] for k in ("stage", "model", "release", "revision", "gateways")} == {
            k: expected[k] for k in ("stage", "model", "release", "revision", "gateways")}, again

    # And a live stream from standard input is judged by the model.
    live = subprocess.Popen([TRIBUTARY, "generate", "--live", "machine-1", "--seconds", "0"],
                            stdout=subprocess.PIPE)
    fleet.start_edge("live-1", "rotating-machine", "{kind: stdin, format: csv}",
                     "predictions: {publish: true, every: 1}", stdin=live.stdout)
    gateway = lambda: fleet.api("GET", "/v1/federations/rotating-machine/gateways/live-1")
    wait_for("live-1 joins", lambda: "joined" in fleet.log("cloud") and "live-1" in fleet.log("cloud"))
    wait_for("predictions from live-1", lambda: gateway()["predictions"] > 3, 60)
    assert gateway()["last_label"] in ("healthy", "imbalance", "misalignment", "bearing_wear")

    # A document that only asks for more rounds leaves its stream alone: nothing of it is read twice, its
    # header neither, and it is trained on.
    before = gateway()["accepted"]
    fleet.apply(machines.document(GATEWAYS, ROUNDS + 4))
    wait_for("two rounds with live-1", lambda: fleet.federation("rotating-machine")["model"]["round"] ==
             ROUNDS + 4 and done(fleet) and gateway()["accepted"] >= before + 2, 120)
    told = gateway()["predictions"]
    wait_for("live-1 predicts on", lambda: gateway()["predictions"] > told + 3, 30)
    assert fleet.log("live-1").count("source-started") == 1, fleet.log("live-1")

    # One that changes the windows starts a new lineage, and the stream goes on under the header it had.
    shorter = machines.document(GATEWAYS, 1, lines={"  window": "  window: {rows: 256, hop: 256}"})
    assert fleet.apply(shorter)["lineage"] == "new"
    wait_for("a round of the new lineage", lambda: done(fleet) and
             fleet.federation("rotating-machine")["model"]["round"] == 1, 120)
    release = fleet.federation("rotating-machine")["release"]["number"]
    wait_for("live-1 predicts with its model", lambda: gateway()["release"] == release, 60)
    log = fleet.log("live-1")
    assert log.count("source-started") == 2 and "line-refused" not in log and "no more rows" not in log, log
    live.kill()
    live.wait()

    # The other federation predicts numbers, and they are told.
    values = lambda: fleet.api("GET", "/v1/federations/second/gateways/second-1")["last_values"]
    wait_for("two numbers from second-1", lambda: len(values()) == 2, 60)
    assert all(abs(value) < 1000 for value in values()), values()
    second.kill()
    second.wait()

    # Anyone can open the model file as it is.
    try:
        import safetensors
        from safetensors.numpy import load
    except ImportError:
        print("not tried: Python's safetensors is not installed")
    else:
        path = fleet.folder / "served.safetensors"
        path.write_bytes(fleet.api("GET", f"/v1/models/{served}"))
        tensors = load(path.read_bytes())
        assert tensors["layers.00.weight"].shape == (32, 21), {k: v.shape for k, v in tensors.items()}
        with safetensors.safe_open(path, "np") as opened:
            meaning = json.loads(opened.metadata()["meaning"])
        assert meaning["source"]["label"]["classes"][0] == "healthy", meaning
    print("passed")
