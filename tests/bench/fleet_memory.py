#!/usr/bin/env python3
"""memory: the agent's peak share of memory (PSS) while 10,000 rows a second come from another process
through a socket, are stored on the disk, judged, and trained on, round after round.

    fleet_memory.py [--seconds N]

Sampled ten times a second from /proc/PID/smaps_rollup. RSS, which counts shared pages in full, stands
beside it as the reference.
"""
import argparse
import pathlib
import random
import socket
import sys
import time

import lines
from fleet import Fleet, free_port, wait_for

RATE_HZ, PIECES = 10_000, 20  # a piece every 50 ms

DOCUMENT = """federation: {name}
seed: 1
source:
  rate_hz: 10000
  channels: [a, b, c, d, e, f]
  label: {{column: state, classes: [one, two, three, four, five]}}
pipeline:
{pipeline}
model:
  task: classify
  layers:
{layers}
    - {{kind: dense, units: 5}}
training: {{epochs: 1, batch: 20, optimiser: momentum, momentum: 0.9, rate: 0.001}}
rounds: {{maximum: 100000, fraction: 1, quorum: 1, gateways: 1, deadline_s: 5}}
strategy: {{kind: fedavgm, momentum: 0.7}}
update: {{codec: int8, clip_norm: 10}}
"""

MODELS = {
    "agent": ("""  window: {rows: 1000, hop: 500}
  features: [mean, std, min, max, rms, kurtosis, crest]
  normalise: {clip: 8}""", """    - {kind: dense, units: 64}
    - {kind: relu}"""),
    "agent_cnn": ("""  window: {rows: 50, hop: 500}
  output: rows
  normalise: {clip: 8}""", """    - {kind: conv1d, filters: 64, kernel: 10}
    - {kind: max_pool, size: 5}
    - {kind: flatten}
    - {kind: dense, units: 256}
    - {kind: relu}"""),
}


def feed(port):
    """Its own process: the same second of made-up rows again and again."""
    made = random.Random(1)
    states = ["one", "two", "three", "four", "five"]
    pieces = []
    for piece in range(PIECES):
        rows = (",".join(f"{made.gauss(piece % 5, 1):.3f}" for _ in range(6)) + f",{states[piece % 5]}\n"
                for _ in range(RATE_HZ // PIECES))
        pieces.append("".join(rows).encode())
    with socket.create_connection(("127.0.0.1", port)) as sink:
        sink.sendall(b"a,b,c,d,e,f,state\n")
        due = time.monotonic()
        while True:
            for piece in pieces:
                sink.sendall(piece)
                due += 1 / PIECES
                time.sleep(max(0.0, due - time.monotonic()))


def memory_mb(pid):
    fields = dict(line.split()[:2] for line in
                  pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss:"]) / 1024, int(fields["Rss:"]) / 1024


def watch(fleet, name, agent, seconds):
    peak = (0.0, 0.0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert agent.poll() is None, "the agent stopped"
        peak = tuple(map(max, peak, memory_mb(agent.pid)))
        time.sleep(0.1)
    return peak, fleet.federation(name)["model"]["round"]


def measure(model, seconds):
    name = f"memory-{model.replace('_', '-')}"
    pipeline, layers = MODELS[model]
    with Fleet(f"bench-{name}") as fleet:
        fleet.start_broker()
        fleet.start_cloud()
        fleet.apply(DOCUMENT.format(name=name, pipeline=pipeline, layers=layers))
        port = free_port()
        agent = fleet.start_edge("gateway-1", name,
                                 f"{{kind: socket, path: '127.0.0.1:{port}', format: csv}}")
        wait_for("the agent's socket", lambda: fleet.listening(port), 30)
        fleet.start("feed", sys.executable, __file__, "--feed", port)
        wait_for("a round of training", lambda: (fleet.federation(name)["model"] or {}).get("round", 0) > 0, 60)
        (pss, rss), rounds = watch(fleet, name, agent, seconds)
        assert rounds > 1, "rounds went on meanwhile"
    lines.say(f"memory.{model}_pss_mb", pss, "MB, peak", rss, pss / rss)
    lines.say(f"memory.{model}_rounds", rounds, f"rounds of training in about {seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--feed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.feed:
        feed(options.feed)
    for model in MODELS:
        measure(model, options.seconds)


if __name__ == "__main__":
    main()
