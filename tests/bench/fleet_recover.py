#!/usr/bin/env python3
"""recover: seconds from kill -9 of the cloud, in the middle of a round, until it serves again: its API
answers, the broker has it back, and the open round counts what it counted.

    fleet_recover.py [--gb G,G...]

The ledgers are made through the broker by the load of `ingest`: 1,000 gateways, updates of 100 KB, closed
rounds until the size is reached, then a round with half of its updates. TRIB_BENCH_FULL=1 adds one of 10 GB,
which takes minutes to write and is made only where 25 GB are free. Each is killed three times; a size's value
is the worst of its own, and recover.seconds the worst of all.
"""
import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

import fleet_ingest
import lines
from fleet import CLOUD, Fleet, wait_for

GATEWAYS, KILLS = 1000, 3
FULL_GB, FREE_GB = 10, 25


def ledger_bytes(fleet):
    return sum(part.stat().st_size for part in (fleet.folder / "cloud/ledger").iterdir())


def serves(fleet, counted):
    if not fleet.healthy() or fleet.api("GET", "/v1/health")["broker"] != "connected":
        return False
    opened = fleet.federation(fleet_ingest.NAME)["round"]
    assert opened["phase"] == "open" and opened["accepted"] == counted, opened
    return True


def killed(fleet, counted):
    fleet.processes["cloud"].send_signal(signal.SIGKILL)
    began = time.monotonic()
    fleet.processes["cloud"].wait()
    fleet.start("cloud", CLOUD, "--config", fleet.folder / "cloud.yaml")
    wait_for("the cloud", lambda: serves(fleet, counted), 300, 0.005)
    return time.monotonic() - began


def measure(gigabytes):
    with Fleet("bench-recover") as fleet:
        fleet_ingest.allow_the_load(fleet)
        fleet.start_broker()
        fleet.start_cloud()
        fleet.apply(fleet_ingest.DOCUMENT.format(gateways=GATEWAYS))
        rounds = max(1, round(gigabytes * 1e9 / (GATEWAYS * 4 * fleet_ingest.PARAMETERS)))
        fleet_ingest.play(fleet, GATEWAYS, rounds, "--alone", 1, "--last", GATEWAYS // 2)
        seconds = [killed(fleet, GATEWAYS // 2) for _ in range(KILLS)]
        return max(seconds), ledger_bytes(fleet) / 1e9


def sizes():
    usual = [0.1, 1.0]
    if os.environ.get("TRIB_BENCH_FULL") != "1":
        return usual
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free < FREE_GB:
        print(f"recover: no ledger of {FULL_GB} GB: {free:.0f} GB are free, not {FREE_GB}", file=sys.stderr)
        return usual
    return [*usual, float(FULL_GB)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb")
    options = parser.parse_args()
    worst = []
    for gigabytes in [float(g) for g in options.gb.split(",")] if options.gb else sizes():
        seconds, size = measure(gigabytes)
        worst.append(seconds)
        lines.say(f"recover.{gigabytes:g}_gb.seconds", seconds, f"s, {size:.2f} GB, the worst of {KILLS}")
    lines.say("recover.seconds", max(worst), "s, the worst", min(worst), max(worst) / min(worst))


if __name__ == "__main__":
    main()
