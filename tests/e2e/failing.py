#!/usr/bin/env python3
"""The n-th write of the real programs meets a full disk, or a disk that fails; the n-th allocation fails.

Either the program goes on, or it ends with status 1 and a word about why, and a restart recovers: never a
signal, never a hang, never a leak (where gcc's LeakSanitizer is installed), and the promises of
tests/support/promises.py hold throughout.

    failing.py [disk] [memory] [cloud] [agent]      what fails, and for whom: both, if none is named
    TRIB_FAILING_SECONDS=n          for each sweep; 0: until all points were visited
    TRIB_FAILING_SEED=n             of the order in which points are visited
    TRIB_FAILING_PART=k/n           of n runs side by side the k-th, from 1 on: each visits its own points
"""
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, Fleet, wait_for  # noqa: E402
import promises  # noqa: E402

GATEWAYS = 2
SECONDS = int(os.environ.get("TRIB_FAILING_SECONDS", "12"))
SEED = int(os.environ.get("TRIB_FAILING_SEED", "1"))
PART, PARTS = (int(n) for n in os.environ.get("TRIB_FAILING_PART", "1/1").split("/"))
SHIM = BUILD / "tests/support/libfail_shim.so"
LEAKS = subprocess.run(["gcc", "-print-file-name=liblsan.so"], capture_output=True, text=True).stdout.strip()
NEVER = 10**9
ALWAYS = {"disk": {"write", "sync", "create", "unlink"}, "memory": {"allocation"}}  # every start does it
PATIENCE = 75  # seconds; a join without a welcome may take its longest pause

random.seed(SEED)


class Victim:
    """One of the two programs, started with a fault."""

    def __init__(self, fleet, federation, name):
        self.fleet, self.federation, self.name = fleet, federation, name
        self.folder = fleet.folder / ("cloud" if name == "cloud" else f"state-{name}")
        self.told, self.trace, self.full = (fleet.folder / end for end in ("failed", "trace", "full"))

    def start(self, **faults):
        environment = None
        if faults:
            preload = f"{SHIM} {LEAKS}" if os.path.isabs(LEAKS) else str(SHIM)
            environment = dict(os.environ, LD_PRELOAD=preload, TRIB_FAIL_FOLDER=str(self.folder),
                               TRIB_FAIL_LOG=str(self.told), **faults)
        self.told.unlink(missing_ok=True)
        self.mark = len(self.fleet.log(self.name))
        if self.name == "cloud":
            return self.federation.start_cloud(environment)
        return self.federation.start_gateway(self.name, environment)

    def failed(self):
        """What has failed: the kind and which."""
        return self.told.read_text().split() if self.told.exists() else None

    def log(self):
        return self.fleet.log(self.name)[self.mark:]

    def ended(self):
        """Its status, if it has ended by itself; then it is started again, without faults."""
        code = self.fleet.processes[self.name].poll()
        if code is not None:
            del self.fleet.processes[self.name]
            assert code == 1, f"{self.name} ended with {code} after {self.failed()}: {self.log()[-3000:]}"
            assert "cannot start" in self.log() or "why=" in self.log(), self.log()
        return code is not None

    def stop(self):
        process = self.fleet.processes[self.name]
        self.fleet.stop(self.name)
        assert process.returncode in (0, 1), f"{self.name}, stopped: {process.returncode}: {self.log()[-3000:]}"


def trace_of(victim, **counting):
    """What a start and two rounds do, in order: a list of words for each operation."""
    victim.fleet.stop(victim.name)
    victim.trace.unlink(missing_ok=True)
    victim.start(TRIB_FAIL_TRACE=str(victim.trace), **counting)
    victim.federation.go_on(2)
    victim.stop()
    return [line.split() for line in victim.trace.read_text().splitlines()]


def writes_of(victim, error):
    """A start is never quite the one before, so a point is the n-th of its kind."""
    trace = trace_of(victim, TRIB_FAIL_WRITE=f"{NEVER}:{error}:")
    kinds = collections.Counter(words[0] for words in trace)
    return [(kind, f"{n}:{error}:{kind}") for kind in kinds for n in range(1, kinds[kind] + 1)]


def allocations_of(victim):
    """A point is a stack of callers: each place that asks for memory, for each way there."""
    trace = trace_of(victim, TRIB_FAIL_ALLOC=str(NEVER))
    return [(words[0], "@" + stack) for stack, words in {words[2]: words for words in trace}.items()]


def visit(victim, lasts, **fault):
    """One point. Its kind, or None if it was never reached; and whether it ended the program."""
    federation, first, ended = victim.federation, None, False
    if lasts:
        victim.full.touch()
        fault["TRIB_FAIL_WHILE"] = str(victim.full)
    victim.start(**fault)
    end = time.monotonic() + PATIENCE
    while True:
        now = federation.round_if_it_answers()
        first = now if first is None else first
        if victim.ended():
            ended = True
            victim.full.unlink(missing_ok=True)
            kind = victim.failed()
            victim.start()
            federation.go_on(1, PATIENCE)
            break
        kind = victim.failed()
        if lasts and kind and victim.full.exists():
            time.sleep(random.random())  # how long it is full is part of what is tested
            victim.full.unlink()
            first = None
        elif now is not None and now >= first + 2:
            break
        assert time.monotonic() < end, f"{victim.name} hangs after {kind}: {victim.log()[-3000:]}"
        time.sleep(0.01)
    victim.stop()
    kind = kind or victim.failed()  # some of what a start does, it does when it stops
    return (kind or [None])[0], ended


def sweep(what, victim, variable, points, lasts=False):
    """Points in a drawn order, at first one of each kind; all of them if there is time."""
    kinds, count = {kind for kind, _ in points}, len(points)
    points = [point for point in points if zlib.crc32(point[1].encode()) % PARTS == PART - 1]
    points = random.sample(points, len(points))
    began, seen, ends = time.monotonic(), collections.Counter(), 0
    while points:
        point = next((p for p in points if p[0] not in seen), points[0])
        if SECONDS and time.monotonic() > began + SECONDS and point[0] in seen:
            break
        points.remove(point)
        reached, ended = visit(victim, lasts, **{variable: point[1]})
        seen[reached] += 1
        ends += ended
        if victim.name != "cloud":
            promises.check_slot(victim.fleet, victim.name)
    del seen[None]  # never reached: a shorter start
    print(f"{what} of {victim.name}: {sum(seen.values())} of {count} points, {ends} ended it, "
          f"{dict(seen)}, in {time.monotonic() - began:.0f} s", flush=True)
    expected.update(kinds)
    failed.update(seen)
    victim.start()
    victim.federation.go_on()


if shutil.which("mosquitto_sub") is None:
    print("skipped: mosquitto-clients is not installed")
    sys.exit(77)

expected, failed = set(), set()
what = {"disk", "memory"} & set(sys.argv[1:]) or {"disk", "memory"}
whom = {"cloud", "agent"} & set(sys.argv[1:]) or {"cloud", "agent"}
assert what | whom >= set(sys.argv[1:]), __doc__
with Fleet("failing") as fleet:
    federation = promises.Federation(fleet, GATEWAYS)
    names = {"cloud": "cloud", "agent": federation.names[0]}
    for name in (names[one] for one in sorted(whom, key=["cloud", "agent"].index)):
        victim = Victim(fleet, federation, name)
        if "disk" in what:
            full = [(kind, n.replace(":", "+:", 1)) for kind, n in writes_of(victim, "ENOSPC")]
            sweep("a full disk", victim, "TRIB_FAIL_WRITE", full, lasts=True)
            sweep("a failing disk", victim, "TRIB_FAIL_WRITE", writes_of(victim, "EIO"))
        if "memory" in what:
            sweep("a failed allocation", victim, "TRIB_FAIL_ALLOC", allocations_of(victim))
    print(federation.check())
    if expected - failed:
        print("never reached again, though one start did it: " + ", ".join(sorted(expected - failed)))
    always = set().union(*(ALWAYS[one] for one in what)) if PARTS == 1 else set()  # a part may have none of a kind
    assert failed and failed >= always, f"never failed: {always - failed}"
    print("passed")
