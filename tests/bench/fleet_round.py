#!/usr/bin/env python3
"""round: how long a round takes with real processes: a broker, a cloud and 16 gateways over mutual TLS,
everything sealed and durable, a model of about 10 k parameters.

    fleet_round.py [--rounds N] [--gateways N]
"""
import argparse
import statistics
import time

import lines
from fleet import Fleet, wait_for
import machines

NAME = "rotating-machine"


def measure(fleet, gateways, rounds):
    recordings = machines.generate(fleet.folder / "data", gateways, seconds=8)
    document = machines.document(gateways, rounds, quorum=gateways).replace("units: 32", "units: 384")
    assert "units: 384" in document
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(document)
    began = fleet.api("GET", "/v1/health")["counts"]
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")
    wait_for("the first round", lambda: (fleet.federation(NAME)["model"] or {}).get("round", 0) >= 1, 120)
    started, first = time.monotonic(), fleet.federation(NAME)["model"]["round"]
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 300, 0.25)
    between = (time.monotonic() - started) / (rounds - first)
    ended = fleet.api("GET", "/v1/health")["counts"]
    closed = fleet.api("GET", f"/v1/federations/{NAME}/rounds")["rounds"]
    assert all(r["outcome"] == "closed" and r["updates"] == gateways for r in closed), closed
    return between, began, ended, sorted(r["seconds"] for r in closed[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--gateways", type=int, default=16)
    options = parser.parse_args()
    with Fleet("bench-round") as fleet:
        between, began, ended, seconds = measure(fleet, options.gateways, options.rounds)
    closed = len(seconds) + 1  # the statistics too
    lines.say("round.seconds", statistics.median(seconds), "s")
    lines.say("round.p99_seconds", seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)], "s")
    lines.say("round.between_closes_seconds", between, "s")
    lines.say("round.signatures", (ended["signatures"] - began["signatures"]) / closed, "a round")
    lines.say("round.fsyncs", (ended["fsyncs"] - began["fsyncs"]) / closed, "of the ledger, a round")


if __name__ == "__main__":
    main()
