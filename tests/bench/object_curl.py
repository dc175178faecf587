#!/usr/bin/env python3
"""object: MB/s of 1 GB into and out of versitygw, file to file. The reference is the program curl with its own
signing (--aws-sigv4), doing the same to the same server in the same run, in turn. Ours computes and compares the
SHA-256 of all that goes by, and the server compares it on the way in; curl compares nothing. Both send one request:
ours is set as docs/object-storage.md advises for a server that is near (one_request_mb). With --parts it goes and
comes as it does by default. Ratios are the medians over the pairs. --mb N: less of it.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import lines
from servers import BUCKET, Servers, Unavailable

PAIRS = 5
PROGRAM = pathlib.Path(os.environ["TRIB_BUILD"]) / "tests/bench/bench_object"


def timed(*command, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    began = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL,
                   env=dict(clean, **environment))
    return time.monotonic() - began


def curl(settings, *words):
    return timed("curl", "--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                 f"{settings['OBJECT_ACCESS_KEY']}:{settings['OBJECT_SECRET_KEY']}",
                 "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words)


def measure(settings, folder, size):
    source, copy = folder / "source", folder / "copy"
    with open(source, "wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    url = f"{settings['OBJECT_ENDPOINT']}/{BUCKET}/curl"
    put, get = [], []
    for pair in range(PAIRS + 1):
        ours = timed(PROGRAM, "put", source, "ours", **settings)
        theirs = curl(settings, "--upload-file", source, url)
        back = timed(PROGRAM, "get", copy, "ours", **settings)
        assert copy.stat().st_size == size
        back_theirs = curl(settings, "--output", copy, url)
        if pair > 0:  # the first warms both up
            put.append((ours, theirs))
            get.append((back, back_theirs))
    for name, pairs in (("object.put_mb_per_s", put), ("object.get_mb_per_s", get)):
        lines.say(name, statistics.median(size / 1e6 / ours for ours, _ in pairs), f"MB/s, {size >> 20} MB",
                  statistics.median(size / 1e6 / theirs for _, theirs in pairs),
                  statistics.median(theirs / ours for ours, theirs in pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1024)
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    if shutil.which("curl") is None:
        print("curl is not installed", file=sys.stderr)
        sys.exit(77)
    # In memory where there is room: what is measured is the transfer.
    shared = pathlib.Path("/dev/shm")
    room = shared.is_dir() and shutil.disk_usage(shared).free > 6 * (options.mb << 20)
    with Servers(shared if room else None) as servers, \
            tempfile.TemporaryDirectory(dir=shared if room else None) as folder:
        try:
            settings = servers.versitygw()
        except Unavailable as why:
            print(why, file=sys.stderr)
            sys.exit(77)
        if not options.parts:
            settings["OBJECT_ONE_REQUEST_MB"] = "5120"
        measure(settings, pathlib.Path(folder), options.mb << 20)


if __name__ == "__main__":
    main()
