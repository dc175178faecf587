#!/usr/bin/env python3
"""latency: from a window's last sample to its prediction, with real processes: sensors that write each row when
it is due, agents, a broker with mutual TLS, a cloud, Kafka.

    fleet_latency.py [--windows N] [--gateways N]

From when the last sample of a window is about to be written to an agent's socket, until

    latency.edge_*_ms   the sealed prediction has come back from the broker to somebody who listens there: the
                        prediction was at the gateway before, so the truth is less
    latency.kafka_*_ms  a consumer of committed records has the event from Kafka
    latency.machine_*_ms  beside, how late the feeder woke up for a row: on a machine that is busy with something
                        else, nobody can be faster than that

Where it may (as root, say), it and all that it starts run at a real-time priority, before whatever else the
machine does; the unit says so. TRIB_BENCH_PRIORITY=0 leaves that out.

All by one machine's CLOCK_REALTIME. A prediction's time_us names the window's last sample. The n-th frame of a
gateway at the broker is its n-th event in Kafka; were one lost on the way, the counts would differ, and that
is an error. What comes in the first WARM_S seconds is not counted: Kafka's first transaction waits for its
coordinator. Four gateways of 500 rows a second, a window each 50 ms; nobody trains meanwhile.
"""
import argparse
import array
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import lines
from fleet import TRIBUTARY, Fleet, wait_for
import kafka
import machines

NAME, RATE_HZ, HOP, WARM_S, TRAINERS, ROUNDS = "rotating-machine", 500, 25, 5, 3, 3
HERE = pathlib.Path(__file__).resolve().parent


class Ear:
    """Hears when frames of predictions come out of the broker."""

    def __init__(self, fleet):
        self.heard = fleet.folder / "heard"
        self.fleet = fleet
        fleet.let_read_all("ear")

    def listen(self):
        keys = self.fleet.keys
        with open(self.heard, "wb") as out:
            self.process = subprocess.Popen(
                ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.fleet.broker_port), "-V", "5", "--cafile",
                 keys / "ca.pem", "--cert", keys / "ear.pem", "--key", keys / "ear.key", "-t",
                 f"tributary/v1/{NAME}/+/up/prediction", "-F", "%U %t"], stdout=out, stdin=subprocess.DEVNULL)

    def times(self):
        """Of each gateway's frames, in nanoseconds."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        times = collections.defaultdict(list)
        for line in self.heard.read_text().splitlines():
            when, topic = line.split()
            seconds, nanoseconds = when.split(".")
            times[topic.split("/")[3]].append(int(seconds) * 1_000_000_000 + int(nanoseconds.ljust(9, "0")))
        return times


class Reader:
    """A consumer of committed predictions, with the client's own defaults."""

    def __init__(self, server):
        client = kafka.python_client()
        self.consumer = client.Consumer({**server.settings(), "group.id": "latency", "enable.auto.commit": False,
                                         "isolation.level": "read_committed"})
        topic = f"tributary.{NAME}.prediction"
        partitions = self.consumer.list_topics(topic, timeout=20).topics[topic].partitions
        self.consumer.assign([client.TopicPartition(topic, number, client.OFFSET_BEGINNING)
                              for number in partitions])
        self.seen = collections.defaultdict(list)  # gateway: (time of the last sample, of the record here)

    def read(self, until):
        while not until():
            message = self.consumer.poll(0.5)
            now = time.time_ns()
            if message is not None and message.error() is None:
                self.seen[message.key().decode()].append((json.loads(message.value())["time_us"], now))

    def count(self):
        return sum(map(len, self.seen.values()))


def train(fleet):
    """A release to judge by, from a few rounds of recordings."""
    recordings = machines.generate(fleet.folder / "data", TRAINERS)
    document = machines.document(TRAINERS, ROUNDS, quorum=TRAINERS).replace("hop: 125", f"hop: {HOP}")
    fleet.apply(document)
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 120)
    for recording in recordings:
        fleet.stop(recording.stem)
    return recordings[0]


def start_streams(fleet, gateways):
    names = [f"stream-{number}" for number in range(1, gateways + 1)]
    paths = [fleet.folder / f"{name}.sock" for name in names]
    for name, path in zip(names, paths, strict=True):
        fleet.start_edge(name, NAME, f"{{kind: socket, path: {path}}}",
                         "predictions: {publish: true, every: 1}")
    for name, path in zip(names, paths, strict=True):
        wait_for(f"{name}'s socket", path.exists, 60)
        wait_for(f"{name} judges", lambda name=name: "judges" in fleet.log(name), 60)
    return names, paths


def run(fleet, server, gateways, seconds):
    """What came in, and what was written when."""
    ear = Ear(fleet)
    fleet.cloud_extra = f"bridge: {{kafka: {{brokers: '{server.address}', partitions: 3}}}}"
    server.start()
    Fleet.run(TRIBUTARY, "bridge", "setup", "--config", fleet.cloud_config(), NAME)
    fleet.start_broker()
    fleet.start_cloud()
    recording = train(fleet)
    names, paths = start_streams(fleet, gateways)
    ear.listen()
    reader = Reader(server)
    wait_for("the bridge", lambda: fleet.api("GET", "/v1/health")["bridge"]["connected"], 60)
    feeder = subprocess.Popen([sys.executable, HERE / "paced_rows.py", recording, fleet.folder / "written",
                               str(seconds), str(RATE_HZ), *paths], stdout=subprocess.PIPE, text=True)
    reader.read(lambda: feeder.poll() is not None)
    began_ms = int(feeder.stdout.readline())
    end = time.monotonic() + 20
    health = fleet.api("GET", "/v1/health")
    reader.read(lambda: reader.count() >= health["bridge"]["ends"]["prediction"] or time.monotonic() > end)
    written = array.array("q")
    with open(fleet.folder / "written", "rb") as file:
        written.fromfile(file, gateways * seconds * RATE_HZ)
    return names, began_ms, written, ear.times(), reader.seen


def latencies(names, began_ms, written, heard, seen):
    """Of each window, in milliseconds: to the broker and back, and through Kafka."""
    edge, through = [], []
    rows = len(written) // len(names)
    for turn, name in enumerate(names):
        assert len(heard[name]) == len(seen[name]), f"{name}: {len(heard[name])} frames, {len(seen[name])} events"
        for frame_ns, (time_us, read_ns) in zip(heard[name], seen[name], strict=True):
            row, rest = divmod(time_us - began_ms * 1000, 1_000_000 // RATE_HZ)
            assert rest == 0, f"{name}: {time_us} is no row's time"
            if WARM_S * RATE_HZ <= row < rows:
                sent_ns = written[turn * rows + row]
                edge.append((frame_ns - sent_ns) / 1e6)
                through.append((read_ns - sent_ns) / 1e6)
    return edge, through


def lateness(gateways, began_ms, written):
    """How late the feeder itself was at each row, in milliseconds: what the machine does to a program that only
    sleeps until a time. The last sample's own lateness is in no figure above."""
    rows, step_ns = len(written) // gateways, 1_000_000_000 // RATE_HZ
    return [(written[turn * rows + row] - began_ms * 1_000_000 - row * step_ns - turn * step_ns // gateways) / 1e6
            for turn in range(gateways) for row in range(WARM_S * RATE_HZ, rows)]


def take_priority():
    """Whether it could be had; what is started inherits it."""
    if os.environ.get("TRIB_BENCH_PRIORITY") == "0":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    except OSError:
        return False
    return True


def say_quantiles(name, values, where):
    values = sorted(values)
    for quantile in (50, 95, 99):
        lines.say(f"latency.{name}_p{quantile}_ms", values[len(values) * quantile // 100], where)
    lines.say(f"latency.{name}_most_ms", values[-1], where)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--gateways", type=int, default=4)
    options = parser.parse_args()
    how = ", real-time" if take_priority() else ""
    seconds = WARM_S + 1 + -(-options.windows * HOP // (RATE_HZ * options.gateways))
    with kafka.skipping(), Fleet("bench-latency") as fleet:
        with kafka.Kafka(fleet.folder / "kafka", heap_mb=512) as server:
            names, began_ms, written, heard, seen = run(fleet, server, options.gateways, seconds)
    edge, through = latencies(names, began_ms, written, heard, seen)
    assert len(edge) >= options.windows, f"{len(edge)} windows"
    say_quantiles("edge", edge, f"of {len(edge)}{how}")
    say_quantiles("kafka", through, f"of {len(through)}{how}")
    say_quantiles("machine", lateness(len(names), began_ms, written), f"late{how}")


if __name__ == "__main__":
    main()
