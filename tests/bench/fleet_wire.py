#!/usr/bin/env python3
"""wire: bytes between one gateway and its broker, by the round, for a model of 40 kB of parameters.

Everything is in: TLS with its handshake, MQTT, acknowledgements, the join, the statistics. A relay between
the two counts what TCP carries. Up is what a site pays for; down are the models and the notices.

    fleet_wire.py [--rounds N]
"""
import argparse
import socket
import threading

import lines
from fleet import Fleet, wait_for
import machines

NAME, PARAMETERS_BYTES = "rotating-machine", 4 * (21 * 384 + 384 + 384 * 4 + 4)


class Relay:
    """Passes on what it gets, and counts it."""

    def __init__(self, port):
        self.port_to, self.up, self.down = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            broker = socket.create_connection(("127.0.0.1", self.port_to))
            for side in (client, broker):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(client, broker, "up"), daemon=True).start()
            threading.Thread(target=self.pump, args=(broker, client, "down"), daemon=True).start()

    def pump(self, source, sink, way):
        try:
            while data := source.recv(65536):
                setattr(self, way, getattr(self, way) + len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has gone


def measure(codec, rounds):
    with Fleet(f"bench-wire-{codec}") as fleet:
        [recording] = machines.generate(fleet.folder / "data", 1, seconds=20)
        document = machines.document(1, rounds, lines={
            "update": f"update: {{codec: {codec}, clip_norm: 10}}"}).replace("units: 32", "units: 384")
        fleet.start_broker()
        fleet.start_cloud()
        fleet.apply(document)
        relay = Relay(fleet.broker_port)
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}",
                         broker_port=relay.port)
        wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 120)
        wait_for("an empty outbox", lambda: fleet.outbox(recording.stem) == 0, 30)
        return relay.up / rounds, relay.down / rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    for codec, name in (("int8", "wire"), ("float32", "wire.float32")):
        up, down = measure(codec, rounds)
        lines.say(f"{name}.bytes", up, "bytes up a round", PARAMETERS_BYTES, up / PARAMETERS_BYTES)
        lines.say(f"{name}.bytes_down", down, "bytes down a round", PARAMETERS_BYTES, down / PARAMETERS_BYTES)


if __name__ == "__main__":
    main()
