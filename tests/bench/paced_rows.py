#!/usr/bin/env python3
"""Several sensors, each row written when it is due, one by one: a feeder of the bench latency.

    paced_rows.py RECORDING OUT SECONDS RATE_HZ SOCKET...

Each socket is an agent's (source.kind: socket). Their rows are due a little after each other's, as those of
sensors that know nothing of each other. A row's time_ms says when it was due; when it was written, by
CLOCK_REALTIME, goes to OUT at the end: 8 bytes a row in nanoseconds, one sensor's rows after the other's.
"""
import array
import pathlib
import socket
import sys
import time


def signals(recording):
    """The rows without time and label: what is judged, and trained on by nobody."""
    header, *rows = [line.split(",") for line in pathlib.Path(recording).read_text().splitlines()]
    keep = [i for i, name in enumerate(header) if name.startswith("vib_")]
    return [header[i] for i in keep], [",".join(row[i] for i in keep) for row in rows]


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client


def main():
    recording, out, seconds, rate, *paths = sys.argv[1:]
    names, rows = signals(recording)
    clients = [connect(path) for path in paths]
    for client in clients:
        client.sendall(("time_ms," + ",".join(names) + "\n").encode())
    step_ns, count = 1_000_000_000 // int(rate), int(seconds) * int(rate)
    assert step_ns % 1_000_000 == 0, "a row's time is a whole number of milliseconds"
    written = [array.array("q") for _ in clients]
    began_ns = (time.time_ns() // 1_000_000 + 500) * 1_000_000
    for number in range(count):
        due_ns = began_ns + number * step_ns
        end = f",{rows[number % len(rows)]}\n"
        for turn, client in enumerate(clients):
            wait_ns = due_ns + turn * step_ns // len(clients) - time.time_ns()
            if wait_ns > 0:
                time.sleep(wait_ns * 1e-9)
            line = f"{due_ns // 1_000_000}{end}".encode()
            written[turn].append(time.time_ns())
            client.sendall(line)
    print(began_ns // 1_000_000, flush=True)
    with open(out, "wb") as file:
        for times in written:
            times.tofile(file)
    time.sleep(2)  # a connection's end lets the pipeline's delays come out: not before the rest is measured
    for client in clients:
        client.close()


if __name__ == "__main__":
    main()
