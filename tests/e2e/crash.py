#!/usr/bin/env python3
"""The cloud is killed with -9 at 50 seeded moments of rounds with 16 gateways, and gateways likewise.

Every receipted update counts exactly once, and every round's model equals, bit for bit, an integer sum
made from the gateways' own receipts and updates by an implementation that shares nothing with ours.
"""
import collections
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, Fleet, wait_for  # noqa: E402
import machines  # noqa: E402
import promises  # noqa: E402

GATEWAYS = int(os.environ.get("TRIB_CRASH_GATEWAYS", "16"))
KILLS = int(os.environ.get("TRIB_CRASH_KILLS", "50"))
SEED = int(os.environ.get("TRIB_CRASH_SEED", "7"))
PHASES = ["receive", "append", "fsync", "receipt", "close", "commit", "publish"]
EDGE_PHASES = ["receive", "append", "fsync", "receipt", "close"]
EDGE_KILLS = KILLS * 2 // 5
CLIP, WEIGHT, NAME = 10, 65536, "rotating-machine"

random.seed(SEED)
shim = BUILD / "tests/support/libkill_shim.so"


def state(fleet):
    return fleet.federation(NAME)


def start_gateway(fleet, recording, environment=None):
    fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}",
                     environment=environment)


def killing(fleet, phase, nth):
    """The environment in which a program kills itself before the nth operation of a phase."""
    return dict(os.environ, LD_PRELOAD=str(shim), TRIB_KILL_AT=f"{phase}:{nth}",
                TRIB_KILL_LOG=str(fleet.folder / "kills"))


def died(fleet, name):
    """Waits until it has killed itself; False, and stopped, if it never did."""
    try:
        wait_for("a kill", lambda: fleet.processes[name].poll() is not None, 25, 0.01)
    except AssertionError:
        fleet.stop(name, signal.SIGKILL)
        return False
    killed = fleet.processes.pop(name).wait() == -signal.SIGKILL
    assert killed, f"{name} stopped by itself: " + fleet.log(name)[-2000:]
    return True


def crash_cloud(fleet, phase, nth):
    fleet.start("cloud", *cloud_command(fleet), environment=killing(fleet, phase, nth))
    return died(fleet, "cloud")


def crash_gateway(fleet, recording, phase, nth):
    """In living rounds, which wait for it; then it starts again as if nothing had been."""
    fleet.stop(recording.stem)
    start_gateway(fleet, recording, killing(fleet, phase, nth))
    done = died(fleet, recording.stem)
    start_gateway(fleet, recording)
    return done


def cloud_command(fleet):
    from fleet import CLOUD
    return [CLOUD, "--config", fleet.folder / "cloud.yaml"]


with Fleet("crash") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS, seconds=8, seed=SEED)
    document = machines.document(GATEWAYS, 100000, quorum=GATEWAYS, deadline_s=600,
                                 lines={"strategy": "strategy: {kind: fedavg}"})
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(document)
    by_name = {recording.stem: recording for recording in recordings}
    promises.keep_updates(fleet, by_name, lambda name: start_gateway(fleet, by_name[name]))
    for recording in recordings:
        start_gateway(fleet, recording)
    wait_for("rounds", lambda: (state(fleet)["model"] or {"round": 0})["round"] >= 1, 120)
    fleet.stop("cloud")

    kills = collections.Counter()
    tries = 0
    while sum(kills.values()) < KILLS and tries < 3 * KILLS:
        phase = min(PHASES, key=lambda p: (kills[p], random.random()))
        tries += 1
        if crash_cloud(fleet, phase, random.randint(1, 40)):
            kills[phase] += 1
        if random.random() < 0.3:  # a gateway too, while nobody answers it
            victim = random.choice(recordings)
            fleet.stop(victim.stem, signal.SIGKILL)
            start_gateway(fleet, victim)
    print("kills by phase:", dict(kills), f"seed {SEED}")
    assert all(kills[phase] >= min(3, KILLS // len(PHASES)) for phase in PHASES), kills

    # Gateways likewise, at moments of their own, and at any moment.
    fleet.start_cloud()
    edge_kills = collections.Counter()
    for _ in range(3 * EDGE_KILLS):
        if sum(edge_kills.values()) == EDGE_KILLS:
            break
        phase = min(EDGE_PHASES, key=lambda p: (edge_kills[p], random.random()))
        edge_kills[phase] += crash_gateway(fleet, random.choice(recordings), phase, random.randint(1, 20))
    print("gateways' kills by phase:", dict(edge_kills))
    assert all(edge_kills[phase] >= min(3, EDGE_KILLS // len(EDGE_PHASES)) for phase in EDGE_PHASES)
    for _ in range(10):
        victim = random.choice(recordings)
        time.sleep(random.random() * 0.3)  # the moment is what is tested
        fleet.stop(victim.stem, signal.SIGKILL)
        start_gateway(fleet, victim)

    # Faults have stopped: rounds complete again, and everything adds up. The last rounds are ended by
    # a maximum, so that every receipt has come.
    before = state(fleet)["model"]["round"]
    fleet.apply(document.replace("maximum: 100000", f"maximum: {before + 2}"))
    wait_for("rounds after the faults", lambda: state(fleet)["stage"] == "done", 120)
    for recording in recordings:
        wait_for(f"{recording.stem}'s outbox empties", lambda: fleet.outbox(recording.stem) == 0, 60)
    checked = promises.check_models(fleet, promises.all_rounds(fleet, NAME), list(by_name), CLIP, WEIGHT)
    assert checked >= 3
    print(f"{checked} rounds equal their integer sums bit for bit; passed")
