#!/usr/bin/env python3
"""Rows that never cease: feeders that write to agents' sockets at a fixed rate, and a watch on whether
the agents keep pace.

As a program it is a feeder: live_rows.py RECORDING SOCKET. It says on standard output when it began, by
the monotonic clock. Rows are due by that clock, so an agent that does not read falls behind it.
"""
import itertools
import pathlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time

RATE = 500  # rows a second, as recordings of generated machines have it


def numbered_rows(recording):
    """The recording's rows again and again, time going on."""
    header, *rows = pathlib.Path(recording).read_text().splitlines()
    assert header.startswith("time_ms,"), header
    yield header + "\n"
    values = itertools.cycle([row.split(",", 1)[1] for row in rows])
    for number, rest in enumerate(values):
        yield f"{number * 1000 // RATE},{rest}\n"


def feed(recording, path):
    lines = numbered_rows(recording)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(next(lines).encode())
        began, sent = time.monotonic(), 0
        print(began, flush=True)
        while True:
            due = int((time.monotonic() - began) * RATE)
            client.sendall("".join(itertools.islice(lines, due - sent)).encode())
            sent = due
            time.sleep(0.02)


class Stream:
    """One agent's rows: fed since when, and how many of them are in its store."""

    def __init__(self, recording, state):
        self.store = state / "samples.db"
        before = self.query("SELECT max(recording) FROM blocks") if self.store.exists() else None
        self.before = -1 if before is None else before  # each connection is a recording of its own
        command = [sys.executable, __file__, recording, state.parent / f"{state.name}.sock"]
        self.feeder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.began = float(self.feeder.stdout.readline())

    def query(self, text, *values):
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=20) as connection:
            return connection.execute(text, values).fetchone()[0]

    def stored(self):
        try:
            return self.query("SELECT total(last_row - first_row + 1) FROM blocks WHERE recording > ?",
                              self.before)
        except sqlite3.OperationalError:  # it is just being made
            return 0

    def behind_s(self):
        assert self.feeder.poll() is None, "the agent ended its feeder's connection"
        stored = self.stored()  # first: what is due meanwhile is no delay
        return time.monotonic() - self.began - stored / RATE

    def stop(self):
        self.feeder.kill()
        self.feeder.wait()


class LiveRows:
    """All streams, looked at twice a second whatever the test does meanwhile."""

    def __init__(self):
        self.streams = {}
        self.worst = {}
        self.looks = 0
        self.failure = None
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.ended.set()
        self.thread.join(timeout=30)
        for name in list(self.streams):
            self.stop(name)

    def start(self, name, recording, state):
        stream = Stream(recording, state)
        with self.lock:
            self.streams[name] = stream

    def stop(self, name):
        with self.lock:
            stream = self.streams.pop(name, None)
        if stream is not None:
            stream.stop()

    def watch(self):
        while not self.ended.wait(0.5):
            try:
                with self.lock:
                    for name, stream in self.streams.items():
                        self.worst[name] = max(self.worst.get(name, 0), stream.behind_s())
                    self.looks += 1
            except Exception as failure:  # said by whoever looks next
                self.failure = failure
                return

    def take_worst(self):
        """The most seconds that each stream was behind at any look since the last call."""
        with self.lock:
            assert self.failure is None, f"the watch ended: {self.failure}"
            worst, looks = self.worst, self.looks
            self.worst, self.looks = {}, 0
        return worst, looks


if __name__ == "__main__":
    feed(*sys.argv[1:])
