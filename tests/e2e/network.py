#!/usr/bin/env python3
"""Networks as they are: broker, cloud and three gateways on machines of their own, whose links are slow,
lossy, cut; whose broker restarts in the middle of a round or has a wrong clock; and a certificate that
expires. Rounds complete, nothing is counted twice, and no gateway's live stream ever stalls.

    TRIB_NETWORK_PARTITION   how long nobody reaches the broker: 40 s, or 120 for a full run
    TRIB_NETWORK_ONLY        names of single scenarios, separated by commas
"""
import glob
import os
import pathlib
import re
import signal
import socket
import sqlite3
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, TRIBUTARY, Fleet, wait_for  # noqa: E402
from live_rows import LiveRows  # noqa: E402
from namespaces import Namespaces, why_not  # noqa: E402
import ledger  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS, DAY_S = "rotating-machine", ("machine-1", "machine-2", "machine-3"), 86400
LAST = GATEWAYS[-1]
PARTITION_S = float(os.environ.get("TRIB_NETWORK_PARTITION", "40"))
ONLY = [name for name in os.environ.get("TRIB_NETWORK_ONLY", "").split(",") if name]
MISSING = 150  # predictions of each gateway that may be lost on their way: fewer than in a partition
BEHIND_S = 4.0  # rows are committed each second; the rest is for a busy machine
PROXY_PORT, DELAY_MS = 8884, 150
HOP = 125  # rows from one window to the next: see docs/examples/rotating-machine.yaml
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def shifted(seconds):
    """The environment of a program whose wall clock is off."""
    return dict(os.environ, LD_PRELOAD=FAKETIME[0], FAKETIME=f"{seconds:+d}", DONT_FAKE_MONOTONIC="1")


class Network(Fleet):
    """A fleet on machines of its own. The test itself, and with it the cloud, is on `cloud`."""

    def __init__(self, net):
        self.net = net
        self.address = net.address("broker")
        self.server_names = ("--ip", self.address, "--ip", net.address("proxy"))
        super().__init__("network")

    def inside(self, name):
        return self.net.inside(name) if name in self.net.machines else ()

    def identity(self, *words, ago_s=2 * DAY_S):
        """Two days old, or a broker whose clock is a day behind would believe no certificate."""
        return self.run(TRIBUTARY, "identity", *words, env=shifted(-ago_s))

    def enrol(self, name):
        self.identity("request", name, "--out", self.keys)
        self.identity("enrol", self.keys, self.keys / f"{name}.csr", "--name", name)

    def renew(self, name, days, ago_s):
        self.identity("enrol", self.keys, self.keys / f"{name}.csr", "--name", name, "--renew", "--days",
                      days, ago_s=ago_s)

    # ---- what is going on ----

    def model_round(self):
        return (self.federation(NAME)["model"] or {"round": 0})["round"]

    def gateway(self, name):
        known = self.api("GET", f"/v1/federations/{NAME}/gateways")["gateways"]
        return next((g for g in known if g["gateway"] == name), {"accepted": 0, "predictions": 0})

    def rounds_go_on(self, more, seconds, gateways=GATEWAYS):
        """More rounds are closed, and each of these gateways has given to one of them and predicts."""
        before = {name: self.gateway(name) for name in gateways}
        first = self.model_round()

        def gone_on():
            return self.model_round() >= first + more and all(
                self.gateway(name)[key] > before[name][key]
                for name in gateways for key in ("accepted", "predictions"))
        wait_for(f"{more} rounds after {first}, of all gateways", gone_on, seconds)
        return self.model_round() - first

    def in_the_middle_of_a_round(self):
        """An open round that two gateways have answered and the third cannot: its link is cut."""
        self.net.cut(LAST)

        def waits():
            state = self.federation(NAME)
            return state["stage"] == "training" and state["round"]["phase"] == "open" and \
                state["round"]["accepted"] == len(GATEWAYS) - 1
        wait_for("a round that waits for one gateway", waits, 30, 0.02)


class Scene:
    """One run: the machines, the fleet on them, and the rows that never cease."""

    def __init__(self, net, fleet, live, recordings):
        self.net, self.fleet, self.live = net, fleet, live
        self.recordings = {recording.stem: recording for recording in recordings}

    def start_gateway(self, name, **where):
        state = self.fleet.folder / f"state-{name}"
        path = state.parent / f"{state.name}.sock"
        self.fleet.start_edge(name, NAME, f"{{kind: socket, path: {path}}}",
                              "predictions: {publish: true, every: 1}",
                              broker_extra="  keep_alive_s: 5", **where)
        wait_for(f"{name}'s socket", path.exists, 30)
        self.live.start(name, self.recordings[name], state)

    def stop_gateway(self, name):
        self.live.stop(name)
        self.fleet.stop(name)

    def kept_pace(self):
        worst, looks = self.live.take_worst()
        assert looks > 0 and set(worst) == set(GATEWAYS), (worst, looks)
        assert max(worst.values()) <= BEHIND_S, f"a stream stalled: {worst} seconds behind"
        return max(worst.values())

    def counted_once(self):
        updates, rounds = ledger.counted(self.fleet.folder / "cloud/ledger")
        twice = {key: digests for key, digests in updates.items() if len(digests) != 1}
        assert not twice, f"counted twice: {twice}"
        return updates, rounds

    def play(self, scenario):
        if ONLY and scenario.__name__ not in ONLY:
            return
        began = time.monotonic()
        said = scenario(self)
        behind = self.kept_pace()
        self.counted_once()
        counts = self.fleet.api("GET", "/v1/health")["counts"]
        print(f"{scenario.__name__}: {said}; rows at most {behind:.1f} s behind; {counts['duplicates']} "
              f"duplicates, {counts['late']} late so far; {time.monotonic() - began:.0f} s", flush=True)


# ---- scenarios: each leaves links, clocks and programs as they were ----

def handshake_s(fleet, address, port):
    context = ssl.create_default_context(cafile=fleet.keys / "ca.pem")
    context.load_cert_chain(fleet.keys / "cloud.pem", fleet.keys / "cloud.key")
    began = time.monotonic()
    with socket.create_connection((address, port), 20) as plain, \
            context.wrap_socket(plain, server_hostname=address):
        return time.monotonic() - began


def delay(scene):
    """The gateways' way to the broker takes 150 ms, and back as long."""
    fleet, proxy = scene.fleet, scene.net.address("proxy")
    fleet.start("proxy", sys.executable, SOURCE / "tests/support/fault_proxy.py", proxy, PROXY_PORT,
                fleet.address, fleet.broker_port, DELAY_MS)
    for name in GATEWAYS:
        scene.stop_gateway(name)
        scene.start_gateway(name, broker_address=proxy, broker_port=PROXY_PORT)
    took = handshake_s(fleet, proxy, PROXY_PORT)
    assert took >= 2 * DELAY_MS / 1000, f"a handshake took {took} s: nothing is delayed"
    rounds = fleet.rounds_go_on(4, 60)
    for name in GATEWAYS:
        scene.stop_gateway(name)
        scene.start_gateway(name)
    fleet.stop("proxy")
    fleet.rounds_go_on(1, 30)
    return f"{rounds} rounds with {2 * DELAY_MS} ms there and back"


def loss(scene):
    """Each tenth packet of each gateway is lost, both ways."""
    for name in GATEWAYS:
        scene.net.lose(name, 10)
    end, rounds = time.monotonic() + 8, 0
    while time.monotonic() < end:
        rounds += scene.fleet.rounds_go_on(1, 90)
    lost = [scene.net.lost(name) for name in GATEWAYS]
    assert min(lost) > 10, f"packets lost: {lost}"
    for name in GATEWAYS:
        scene.net.mend(name)
    return f"{rounds} rounds with {sum(lost)} packets lost"


def slow(scene):
    """Each gateway has 64 kbit/s up and as much down."""
    for name in GATEWAYS:
        scene.net.slow(name, "64kbit")
    end, rounds = time.monotonic() + 12, 0
    while time.monotonic() < end:
        rounds += scene.fleet.rounds_go_on(1, 90)
    held = [scene.net.held(name) for name in GATEWAYS]
    assert min(held) > 10, f"packets that waited: {held}"
    for name in GATEWAYS:
        scene.net.mend(name)
    return f"{rounds} rounds at 64 kbit/s"


def partition(scene):
    """Nobody reaches the broker, from the middle of a round on; no connection is told."""
    scene.fleet.in_the_middle_of_a_round()
    scene.net.cut("broker")
    end, before = time.monotonic() + PARTITION_S, scene.fleet.model_round()
    while time.monotonic() < end:
        time.sleep(min(5, max(0, end - time.monotonic())))  # time under the fault is what is tested
        scene.kept_pace()
    assert scene.fleet.model_round() <= before + 1, "a round of a broker that nobody reaches"
    assert scene.net.lost("broker") > 0
    for name in ("broker", LAST):
        scene.net.mend(name)
    mended = time.monotonic()
    scene.fleet.rounds_go_on(2, 150)
    return f"cut for {PARTITION_S:.0f} s, rounds of all again {time.monotonic() - mended:.0f} s later"


def broker_restarts(scene):
    """In the middle of a round; the second time it is killed, and forgets what it has not yet saved."""
    took = []
    for how in (signal.SIGTERM, signal.SIGKILL):
        scene.fleet.in_the_middle_of_a_round()
        number = scene.fleet.federation(NAME)["round"]["number"]
        scene.fleet.stop("broker", how)
        scene.net.mend(LAST)
        began = time.monotonic()
        scene.fleet.start_broker()
        scene.fleet.rounds_go_on(2, 90)
        took.append(f"{time.monotonic() - began:.0f} s")
        updates, rounds = scene.counted_once()
        assert not rounds[number].get(3), f"round {number}, open at the restart, was given up"
        assert rounds[number].get(4) == sum(key[0] == number for key in updates), rounds[number]
    return f"two restarts in the middle of a round; rounds of all again after {' and '.join(took)}"


def broker_clock(scene):
    for days in (1, -1):
        scene.fleet.stop("broker")
        scene.fleet.start_broker(environment=shifted(days * DAY_S))
        scene.fleet.rounds_go_on(2, 60)
        stamp = scene.fleet.log("broker").splitlines()[-1].split("T")[0]
        expected = time.strftime("%Y-%m-%d", time.localtime(time.time() + days * DAY_S))
        assert stamp == expected, f"the broker's clock says {stamp}, not {expected}"
    scene.fleet.stop("broker")
    scene.fleet.start_broker()
    return "rounds under a broker whose clock is a day ahead, and a day behind"


def certificate_expires(scene):
    """While its gateway is connected. That connection goes on; the next is refused, until it is renewed."""
    fleet, others = scene.fleet, GATEWAYS[:-1]
    scene.stop_gateway(LAST)
    fleet.renew(LAST, 1, DAY_S - 8)  # a day's certificate, of which 8 s are left
    mark = len(fleet.log(LAST))
    scene.start_gateway(LAST)
    wait_for(f"{LAST} to connect", lambda: "connected" in fleet.log(LAST)[mark:], 8)
    assert "certificate expired" not in fleet.log(LAST)
    wait_for("the agent to say so", lambda: "certificate expired" in fleet.log(LAST)[mark:], 30)
    fleet.rounds_go_on(1, 30)  # of all: its session goes on
    mark, joins = len(fleet.log(LAST)), fleet.api("GET", "/v1/health")["counts"]["joins"]
    fleet.stop("broker")
    fleet.start_broker()
    wait_for("the broker to refuse it", lambda: "cannot connect" in fleet.log(LAST)[mark:] and
             "certificate verify failed" in fleet.log("broker"), 30)
    fleet.rounds_go_on(1, 60, others)
    assert fleet.gateway(LAST)["online"] is False, fleet.gateway(LAST)
    scene.kept_pace()
    fleet.renew(LAST, 365, 0)
    scene.stop_gateway(LAST)
    scene.start_gateway(LAST)
    fleet.rounds_go_on(2, 60)
    assert fleet.api("GET", "/v1/health")["counts"]["joins"] == joins, "it joined again: its state was lost"
    return "said, refused, renewed; the others' rounds went on"


def everything_adds_up(scene):
    """The last round is ended by a maximum, so that every receipt has come."""
    fleet = scene.fleet
    fleet.apply(document(fleet.model_round() + 2))
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 60)
    receipts = 0
    for name in GATEWAYS:
        wait_for(f"{name}'s outbox empties", lambda: fleet.outbox(name) == 0, 60)
    updates, rounds = scene.counted_once()
    for name in GATEWAYS:
        with fleet.database(name) as connection:
            taken = connection.execute("SELECT round, digest FROM receipt WHERE verdict LIKE 'accepted%' "
                                       "OR verdict LIKE 'duplicate%'").fetchall()
        for number, digest in taken:
            assert updates.get((number, name)) == [digest], f"{name}'s update of {number} is not there"
        receipts += len(taken)
    closed = {number: record for number, record in rounds.items() if not record.get(3)}
    for number, record in closed.items():
        recorded = sum((number, name) in updates for name in GATEWAYS)
        assert recorded == record.get(4, 0), f"round {number} counts {record.get(4)} of {recorded} updates"
    assert receipts > 0 and len(closed) > 10
    return f"{receipts} receipts and {len(closed)} rounds, each update in the ledger once"


def left_out(log):
    """Predictions that found no broker: each start's last count."""
    starts = [re.findall(r"predictions_left_out=(\d+)", part)
              for part in log.split("tributary-edge: started")]
    return sum(int(counts[-1]) for counts in starts if counts)


def everything_was_judged(scene):
    """A prediction of each window was heard, or counted where nobody could be told; but for those before
    the first model, those that were on their way when a connection was lost, which an agent notices after
    two keep alives, and those that the broker took while the cloud was not yet back."""
    missing = {}
    for name in GATEWAYS:
        heard = scene.fleet.gateway(name)["predictions"]
        scene.stop_gateway(name)
        state = scene.fleet.folder / f"state-{name}"
        with sqlite3.connect(state / "samples.db") as connection:
            rows = connection.execute("SELECT sum(last_row - first_row + 1) FROM blocks").fetchone()[0]
        missing[name] = rows // HOP - heard - left_out(scene.fleet.log(name))
    assert max(missing.values()) <= MISSING, f"predictions neither heard nor left out: {missing}"
    return f"of {rows // HOP} windows' predictions at most {max(missing.values())} were lost on their way"


def document(maximum):
    text = machines.document(len(GATEWAYS), maximum, quorum=2, deadline_s=8)
    return text.replace("units: 32", "units: 100")


def main():
    with Namespaces("broker", "cloud", "proxy", *GATEWAYS) as net:
        net.enter("cloud")
        with Network(net) as fleet, LiveRows() as live:
            recordings = machines.generate(fleet.folder / "data", len(GATEWAYS))
            scene = Scene(net, fleet, live, recordings)
            fleet.start_broker()
            fleet.start_cloud()
            fleet.apply(document(1000000))
            for name in GATEWAYS:
                scene.start_gateway(name)
            fleet.rounds_go_on(2, 60)
            for scenario in (delay, loss, slow, partition, broker_restarts, broker_clock,
                             certificate_expires):
                scene.play(scenario)
            print(everything_adds_up(scene))
            print(everything_was_judged(scene))
            print("passed")


reason = why_not() or (not FAKETIME and "faketime is not installed: see deploy/packages/test.txt")
if reason:
    print(f"skipped: {reason}")
    sys.exit(77)
main()
