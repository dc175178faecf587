#!/usr/bin/env python3
"""The power goes after durable operation 1, 2, 3 ... of the real programs, until a round passes untouched.

What was not synced is lost, or a drawn part of it is kept, or all (a kill); the next start, with the next
operation, has to recover by itself. First in an empty folder, then in a living federation, whose promises
hold throughout: tests/support/promises.py.

    TRIB_POWER_STRIDE=n   every n-th operation in each of the three ways, which begin one after the other, so
                          that with up to 3 each operation comes in one of them; 1: all of them in all ways
    TRIB_POWER_SEED=n
"""
import collections
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, CLOUD, EDGE, Fleet, wait_for  # noqa: E402
import promises  # noqa: E402

GATEWAYS = 2
STRIDE = int(os.environ.get("TRIB_POWER_STRIDE", "3"))
SEED = int(os.environ.get("TRIB_POWER_SEED", "1"))
SHIM = BUILD / "tests/support/libpower_shim.so"
WAYS = ["none", str(SEED), "all"]
KINDS = {"write", "sync", "folder", "truncate", "create", "mkdir", "link", "rename", "unlink"}
MOST = 2000  # operations of a round: it never comes

random.seed(SEED)
visited = collections.Counter()


def cutting(fleet, folder, nth, way):
    return dict(os.environ, LD_PRELOAD=str(SHIM), TRIB_POWER_FOLDER=str(folder), TRIB_POWER_CUT=str(nth),
                TRIB_POWER_KEEP=way, TRIB_POWER_LOG=str(fleet.folder / "cuts"))


def sweep(what, point):
    """point(nth, way) is false once the nth operation was never reached."""
    began, points, offset = time.monotonic(), 0, random.randrange(STRIDE)
    for index, way in enumerate(WAYS):
        nth = 1 + (offset + index) % STRIDE
        while visit(what, point, nth, way):
            points += 1
            nth += STRIDE
            assert nth < MOST, f"{what}: no round passes"
    assert points > 0, f"{what}: nothing was ever cut"
    print(f"{what}: cut at {points} points, the last before operation {nth}, in "
          f"{time.monotonic() - began:.0f} s", flush=True)


def visit(what, point, nth, way):
    try:
        return point(nth, way)
    except AssertionError as why:
        cuts = (fleet.folder / "cuts").read_text().splitlines()[-5:]
        raise AssertionError(f"{what}, before operation {nth}, keeping {way}, after {cuts}: {why}") from why


def died(fleet, name, passed):
    """Whether it was killed before all had passed."""
    process = fleet.processes[name]
    wait_for(f"{name} to die, or to pass", lambda: process.poll() is not None or passed(), 60, 0.01)
    if process.poll() is None:
        fleet.stop(name, signal.SIGKILL)
        return False
    del fleet.processes[name]
    assert process.returncode == -signal.SIGKILL, f"{name} ended by itself: {fleet.log(name)[-3000:]}"
    return True


# ---- from nothing ----

def first_start_of_cloud(fleet):
    folder = fleet.folder / "cloud"
    command = [CLOUD, "--config", fleet.cloud_config(), "--init"]

    def point(nth, way):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        code = fleet.start("cloud", *command, environment=cutting(fleet, folder, nth, way)).wait(20)
        fleet.processes.clear()
        assert code in (0, -signal.SIGKILL), fleet.log("cloud")[-2000:]
        fleet.run(*command)
        public = fleet.run("openssl", "pkey", "-in", folder / "signing.pem", "-pubout")
        assert (folder / "signing.pub.pem").read_text().split() == public.split(), f"{way} {nth}: another key"
        return code != 0
    sweep("the cloud's first start", point)
    shutil.rmtree(folder)


def first_start_of_agent(fleet):
    folder = fleet.folder / "state-fresh"

    def begin(environment=None):
        return fleet.start_edge("fresh", "rotating-machine", "{kind: stdin, format: csv}",
                                environment=environment)

    def started():
        return fleet.log("fresh").count(": started") > before

    def point(nth, way):
        nonlocal before
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        before = fleet.log("fresh").count(": started") if (fleet.folder / "fresh.log").exists() else 0
        begin(cutting(fleet, folder, nth, way))
        cut = died(fleet, "fresh", started)
        before = fleet.log("fresh").count(": started")
        process = begin()
        wait_for("a first start after a cut", lambda: started() or process.poll() is not None, 20, 0.01)
        assert started(), f"{way} {nth}: {fleet.log('fresh')[-2000:]}"
        fleet.stop("fresh")
        return cut
    before = 0
    sweep("an agent's first start", point)


# ---- in a living federation ----

def cut_cloud(fleet, federation):
    folder = fleet.folder / "cloud"

    def point(nth, way):
        federation.start_cloud(cutting(fleet, folder, nth, way))
        first = None

        def passed():
            nonlocal first
            now = federation.round_if_it_answers()
            if first is None and now is not None:
                first = now
                federation.try_apply(600 + nth % 2)
            return first is not None and now is not None and now >= first + 2
        return died(fleet, "cloud", passed)
    fleet.stop("cloud")
    sweep("the cloud in living rounds", point)
    federation.start_cloud()
    federation.go_on()


def cut_agent(fleet, federation):
    victim = federation.names[0]
    slots = 0

    def point(nth, way):
        nonlocal slots
        federation.start_gateway(victim, cutting(fleet, fleet.folder / f"state-{victim}", nth, way))
        first, mark = federation.model_round(), len(fleet.log(victim))

        def passed():
            return federation.model_round() >= first + 2 and "model installed" in fleet.log(victim)[mark:]
        cut = died(fleet, victim, passed)
        slots += promises.check_slot(fleet, victim)
        return cut
    fleet.stop(victim)
    sweep("an agent in living rounds", point)
    assert slots > 0 and "installed model not readable" not in fleet.log(victim)
    federation.start_gateway(victim)
    federation.go_on()


if shutil.which("mosquitto_sub") is None:
    print("skipped: mosquitto-clients is not installed")
    sys.exit(77)

with Fleet("power") as fleet:
    first_start_of_cloud(fleet)
    fleet.run(CLOUD, "--config", fleet.cloud_config(), "--init")
    first_start_of_agent(fleet)
    federation = promises.Federation(fleet, GATEWAYS)
    cut_cloud(fleet, federation)
    cut_agent(fleet, federation)
    print(federation.check())
    for line in (fleet.folder / "cuts").read_text().splitlines():
        visited[line.split()[0]] += 1
    print("cuts by kind of operation:", dict(visited))
    assert set(visited) == KINDS, f"never cut at: {KINDS - set(visited)}"
    print("passed")
