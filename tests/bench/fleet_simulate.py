#!/usr/bin/env python3
"""fleet: seconds and memory of a round of a million simulated clients, made up as they are needed: about
10 k parameters and 8 samples each, trained, packed, folded and forgotten by `tributary simulate`.

    fleet_simulate.py [--clients N] [--threads N]

The second round is timed: before the first, everybody's statistics are taken. The reference for memory is
the same with a hundredth of the clients. Two rounds with one thread more or less must make the same model,
bit for bit; that is tried with that hundredth.
"""
import argparse
import hashlib
import pathlib
import resource
import subprocess
import tempfile
import time

import lines
from fleet import TRIBUTARY

DOCUMENT = pathlib.Path(__file__).with_name("fleet.yaml")


def high_water_mb(pid):
    """The peak of its own memory; 0 once it has ended."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def simulate(clients, threads, model):
    """Wall seconds of the second round, processor seconds of all, peak MB, and the model's digest."""
    command = [TRIBUTARY, "simulate", DOCUMENT, "--generate", clients, "--samples", 8, "--rounds", 2,
               "--threads", threads, "--model", model]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as out:
        program = subprocess.Popen([str(word) for word in command], stdout=out, text=True)
        peak_mb = 0
        while program.poll() is None:  # what wait4 tells begins with this process's own memory
            peak_mb = max(peak_mb, high_water_mb(program.pid))
            time.sleep(0.02)
        out.seek(0)
        said = out.read()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert program.returncode == 0, said
    rounds = [row.split() for row in said.splitlines() if row.split()[:1] in (["1"], ["2"])]
    assert [int(row[1]) for row in rounds] == [clients, clients], said
    seconds = [float(row[-1]) for row in rounds]
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return (seconds[1] - seconds[0], processor, peak_mb,
            hashlib.sha256(model.read_bytes()).hexdigest())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.safetensors"
        few = max(1, options.clients // 100)
        _, _, few_mb, digest = simulate(few, options.threads, model)
        alone = simulate(few, 1, model)[3]
        assert digest == alone, "one thread makes another model"
        seconds, processor, peak_mb, _ = simulate(options.clients, options.threads, model)
    lines.say("fleet.seconds_per_round", seconds, f"s, {options.clients} clients")
    lines.say("fleet.processor_us_per_client", processor / 2 / options.clients * 1e6,
              "us a round, statistics included")
    lines.say("fleet.peak_mb", peak_mb, "MB", few_mb, peak_mb / few_mb)


if __name__ == "__main__":
    main()
