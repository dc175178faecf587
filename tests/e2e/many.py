#!/usr/bin/env python3
"""One cloud runs four federations at once, of every task: classes, values, anomalies by reconstruction,
and a statistic. Each has gateways of its own, and each model equals its simulation, bit for bit."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

GATEWAYS = 2

SOURCE = """source:
  rate_hz: 500
  timestamp: {column: time_ms, unit: ms}
  channels: [vib_x, vib_y, vib_z]
"""
ROUNDS = "rounds: {maximum: %d, fraction: 1, quorum: 1, gateways: 2, deadline_s: 60}\n"
FEDERATIONS = {
    "states": """federation: states
seed: 5
""" + SOURCE + """  label: {column: state, classes: [healthy, imbalance, misalignment, bearing_wear]}
pipeline:
  window: {rows: 100, hop: 50}
  output: rows
  normalise: {clip: 8}
model:
  task: classify
  layers: [{kind: conv1d, filters: 8, kernel: 5}, {kind: relu}, {kind: max_pool, size: 4}, {kind: flatten},
           {kind: dropout, rate: 0.2}, {kind: dense, units: 4}]
training: {epochs: 2, batch: 10, optimiser: momentum, momentum: 0.9, rate: 0.01, schedule: {kind: cosine}}
""" + ROUNDS % 4 + """strategy: {kind: fedavgm, momentum: 0.9, nesterov: true, serve_average: 0.9}
update: {codec: int8, clip_norm: 10}
""",
    "loads": """federation: loads
seed: 6
""" + SOURCE + """  targets: [current, temperature]
pipeline:
  window: {rows: 100, hop: 50}
  features: [rms, std, kurtosis]
  normalise: {clip: 8}
model: {task: regress, layers: [{kind: dense, units: 8}, {kind: tanh}, {kind: dense, units: 2}]}
training: {epochs: 1, batch: 10, optimiser: sgd, rate: 0.001, l2: 0.001}
""" + ROUNDS % 3 + """strategy: {kind: fedavg}
update: {codec: float32, clip_norm: 50}
""",
    "oddities": """federation: oddities
seed: 7
""" + SOURCE + """  split: {train_fraction: 0.6}
pipeline:
  hampel: {half_window: 3}
  window: {rows: 50, hop: 25}
  features: [rms, crest, zero_crossings]
  normalise: {clip: 8}
model: {task: reconstruct, layers: [{kind: dense, units: 4}, {kind: relu}, {kind: dense, units: 9}]}
training: {epochs: 2, batch: 20, optimiser: adam, rate: 0.005}
""" + ROUNDS % 3 + """strategy: {kind: fedavg}
update: {codec: int8, clip_norm: 20}
""",
    "drift": """federation: drift
seed: 8
""" + SOURCE + """  split: {train_rows: 2000}
pipeline: {window: {rows: 20, hop: 1}, features: [mean, last], normalise: false}
model: {task: hotelling_t2, significance: 0.999, scale_floor: 0.1}
""" + ROUNDS % 1 + """update: {codec: float32, clip_norm: 1000}
""",
}

with Fleet("many") as fleet:
    digests = {}
    for number, (name, document) in enumerate(FEDERATIONS.items()):
        folder = fleet.folder / f"data-{name}"
        for recording in machines.generate(folder, GATEWAYS, seconds=8, seed=number + 1):
            recording.rename(folder / f"{name}-{recording.name}")  # a gateway is in one federation
        file = fleet.folder / f"{name}.yaml"
        file.write_text(document)
        digests[name], _ = machines.simulate(folder, file, fleet.folder / f"{name}.safetensors")
    fleet.start_broker()
    fleet.start_cloud()
    for name, document in FEDERATIONS.items():
        assert fleet.apply(document)["lineage"] == "new"
    for name in FEDERATIONS:
        for recording in sorted((fleet.folder / f"data-{name}").glob("*.csv")):
            fleet.start_edge(recording.stem, name, f"{{kind: replay, path: {recording}, speed: max}}")
    for name, digest in digests.items():
        wait_for(f"{name}'s last round", lambda: fleet.federation(name)["stage"] == "done", 120)
        served = fleet.federation(name)["release"]["digest"]
        assert served == digest, f"{name}: deployed {served}, simulated {digest}"
        for recording in (fleet.folder / f"data-{name}").glob("*.csv"):
            wait_for(f"{recording.stem} runs it", lambda: "judges" in fleet.log(recording.stem), 30)
    # A gateway is found by its name alone, in the federation that knows it.
    status = ["status", "--cloud", f"http://127.0.0.1:{fleet.api_port}", "--token-file", fleet.folder / "token"]
    said = fleet.run(TRIBUTARY, *status, "loads-machine-1")
    assert "loads" in said.splitlines()[0] and "the federation has finished its rounds" in said, said
    found = json.loads(fleet.run(TRIBUTARY, *status, "loads-machine-1", "--json"))
    assert list(found) == ["loads"] and found["loads"]["accepted"] > 0, found
    nobody = subprocess.run([TRIBUTARY, *status, "nobody"], capture_output=True, text=True, timeout=20)
    assert nobody.returncode == 1 and "no federation 'nobody'" in nobody.stderr, nobody
    print(f"{len(digests)} federations at once, each model as simulated; passed")
