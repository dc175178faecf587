#!/usr/bin/env python3
"""bridge: events a second from the outbox into a real Kafka, each once. See bench_bridge.c.

    kafka_bridge.py [--events N] [--pairs N]
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import lines  # noqa: F401  (the path to tests/support)
from fleet import BUILD
import kafka

parser = argparse.ArgumentParser()
parser.add_argument("--events", type=int, default=200000)
parser.add_argument("--pairs", type=int, default=5)
options = parser.parse_args()
with kafka.skipping(), tempfile.TemporaryDirectory(prefix="tributary-bench-bridge-") as folder:
    with kafka.Kafka(pathlib.Path(folder) / "kafka", heap_mb=512) as server:
        server.start()
        done = subprocess.run([BUILD / "tests/bench/bench_bridge", "--brokers", server.address, "--folder",
                               f"{folder}/outbox", "--events", str(options.events), "--pairs",
                               str(options.pairs)], check=False)
sys.exit(done.returncode)
