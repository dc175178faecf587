#!/usr/bin/env python3
"""ingest: sealed, verified, durable updates a second of 100 KB, from identities that joined with
certificates of their own, through the broker into the cloud. The reference is a subscriber that throws the
same bytes away, through the same broker, in turn with it, round after round.

    fleet_ingest.py [--gateways N,N...] [--rounds N]

The load is bench_ingest.c. Timed is from the first update published to the last receipt, with at most 256
of them on their way; the closing of the round is not in it. The cloud's peak memory (RSS) stands beside.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

import lines
from fleet import BUILD, SOURCE, Fleet, wait_for

NAME, PARAMETERS = "ingest", 50 * 454 + 454 + 454 * 4 + 4  # 100 KB
MAIN = 1000

DOCUMENT = """federation: ingest
seed: 1
source:
  rate_hz: 100
  channels: [a, b, c, d, e, f, g, h, i, j]
  label: {{column: state, classes: [one, two, three, four]}}
pipeline: {{window: {{rows: 10}}, features: [mean, std, min, max, rms], normalise: false}}
model:
  task: classify
  layers: [{{kind: dense, units: 454}}, {{kind: relu}}, {{kind: dense, units: 4}}]
training: {{epochs: 1, batch: 20, optimiser: sgd, rate: 0.01}}
rounds: {{maximum: 1000, fraction: 1, quorum: 1, gateways: {gateways}, deadline_s: 3600}}
update: {{codec: float32, clip_norm: 10}}
"""


def allow_the_load(fleet):
    """Certificates for the load's own connections, and a broker that lets them play everybody."""
    names = [f"bench-{number}" for number in range(3)]
    for name in names:
        fleet.enrol(name)
    acl = fleet.folder / "acl"
    acl.write_text("".join(f"user {name}\ntopic readwrite #\n\n" for name in names) +
                   (SOURCE / "deploy/broker/acl").read_text())
    config = fleet.broker_config

    def with_acl():
        path = config()
        path.write_text(path.read_text().replace(str(SOURCE / "deploy/broker/acl"), str(acl)))
        return path
    fleet.broker_config = with_acl


def peak_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no peak")


def play(fleet, gateways, rounds, *words):
    """Runs the load to its end; what it says of each round."""
    command = [BUILD / "tests/bench/bench_ingest", "--uri", f"ssl://127.0.0.1:{fleet.broker_port}", "--keys",
               fleet.keys, "--trust", fleet.folder / "cloud/signing.pub.pem", "--federation", NAME,
               "--parameters", PARAMETERS, "--gateways", gateways, "--rounds", rounds, *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(gateways, rounds):
    with Fleet(f"bench-ingest-{gateways}") as fleet:
        allow_the_load(fleet)
        fleet.start_broker()
        fleet.start_cloud()
        fleet.apply(DOCUMENT.format(gateways=gateways))
        idle = peak_mb(fleet.processes["cloud"].pid)
        passes = play(fleet, gateways, rounds)
        counts = fleet.api("GET", "/v1/health")["counts"]
        wait_for("the last round", lambda: fleet.federation(NAME)["model"]["round"] >= rounds, 60)
        peak = peak_mb(fleet.processes["cloud"].pid)
    assert counts["accepted"] == gateways * rounds and counts["garbage"] == 0, counts
    return passes, idle, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", default="16,1000,10000")
    parser.add_argument("--rounds", type=int, help="of each; else 5000 updates of each, but 2 to 40 rounds")
    options = parser.parse_args()
    for gateways in map(int, options.gateways.split(",")):
        rounds = options.rounds or min(40, max(2, 5000 // gateways))
        passes, idle, peak = measure(gateways, rounds)
        name = "ingest" if gateways == MAIN else f"ingest.{gateways}"
        lines.say(f"{name}.updates_per_s", statistics.median(one["updates"] / one["cloud_s"] for one in passes),
                  "updates/s", statistics.median(one["updates"] / one["thrown_s"] for one in passes),
                  statistics.median(one["thrown_s"] / one["cloud_s"] for one in passes))
        lines.say(f"{name}.peak_mb", peak, "MB, the cloud", idle, peak / idle)


if __name__ == "__main__":
    main()
