#!/usr/bin/env python3
"""Liars, clones, revoked gateways, full disks, damaged files, wrong clocks: each gets a clear message and
a counter, and nothing else is affected."""
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, TRIBUTARY, Fleet, wait_for  # noqa: E402
import exact_sum  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS = "rotating-machine", 3
SHIM = BUILD / "tests/support/libkill_shim.so"


def counts(fleet):
    return fleet.api("GET", "/v1/health")["counts"]


def model_round(fleet):
    return (fleet.federation(NAME)["model"] or {"round": 0})["round"]


def start(fleet, recording, **options):
    return fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}",
                            **options)


def rounds_go_on(fleet, more=1):
    before = model_round(fleet)
    wait_for(f"{more} more rounds after {before}", lambda: model_round(fleet) >= before + more, 60)


def varint(number):
    out = b""
    while True:
        out += bytes([number & 127 | (128 if number > 127 else 0)])
        number >>= 7
        if number == 0:
            return out


def encode(message):
    """A protobuf message from {number: value}, as exact_sum.fields gives it."""
    out = b""
    for number, value in sorted(message.items()):
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif number in (7,):  # float
            out += varint(number << 3 | 5) + value
        elif number in (13,):  # double
            out += varint(number << 3 | 1) + value
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def float32(count, weight, values):
    return struct.pack("<BBHII", 1, 1, 0, count, weight) + struct.pack(f"<{count}f", *values)


def lies(message, count):
    """Updates that must be refused: what the reason says, and the message."""
    honest = exact_sum.payload(message)
    fields = exact_sum.fields(message)
    plain = dict(fields)
    plain.pop(5, None)
    plain[4], plain[6] = honest, len(honest)

    def with_payload(payload, **changes):
        out = dict(plain)
        out[4], out[6] = payload, len(payload)
        out.update({int(key[1:]): value for key, value in changes.items()})
        return encode(out)

    yield "has 7 parameters", with_payload(float32(7, 10, [0.0] * 7))
    yield "NaN", with_payload(float32(count, 10, [float("nan")] + [0.0] * (count - 1)))
    yield "past the bound", with_payload(float32(count, 10, [100.0] + [0.0] * (count - 1)))
    yield "weight", with_payload(float32(count, 100000, [0.0] * count))
    yield "another base", with_payload(honest, f3=b"\0" * 32)
    yield "not a number", encode({**plain, 7: struct.pack("<f", float("nan"))})
    blocks = (count + 255) // 256
    yield "codec", with_payload(struct.pack("<BBHII", 1, 2, 256, count, 10) + bytes(4 * blocks + count))


def tell_one(fleet, liar, count, index):
    """Puts one lie into a stopped liar's outbox and has it sent; its reason, or None if it came late."""
    rounds_go_on(fleet)
    fleet.stop("cloud")
    start(fleet, liar)

    def waiting():
        with fleet.database(liar.stem) as connection:
            return connection.execute(
                "SELECT round, payload FROM outbox WHERE verdict = '' ORDER BY round").fetchall()
    wait_for("an update that nobody takes", waiting, 30)
    fleet.stop(liar.stem)
    number, honest = waiting()[-1]
    reason, lie = list(lies(bytes(honest), count))[index]
    with fleet.database(liar.stem) as connection:
        connection.execute("DELETE FROM outbox WHERE round < ?", (number,))
        connection.execute("UPDATE outbox SET payload = ? WHERE round = ?", (lie, number))
    fleet.start_cloud()
    start(fleet, liar)

    def verdict():
        with fleet.database(liar.stem) as connection:
            return connection.execute("SELECT verdict FROM receipt WHERE round = ?", (number,)).fetchone()
    heard = wait_for(f"a verdict on: {reason}", verdict, 30)[0]
    fleet.stop(liar.stem)
    assert heard.startswith(("refused", "late")), heard
    assert heard.startswith("late") or reason in heard, f"{reason}: {heard}"
    return reason if heard.startswith("refused") else None


def tell_lies(fleet, liar, count):
    fleet.stop(liar.stem)
    for index in range(7):
        assert any(tell_one(fleet, liar, count, index) for _ in range(6)), f"lie {index} is always late"
        assert counts(fleet)["refused"] >= 1 and "update refused" in fleet.log("cloud")
    print("7 lies refused, each with its reason")


def foreign_and_cloned(fleet, recordings):
    foreign = fleet.folder / "foreign"
    fleet.run(TRIBUTARY, "identity", "init", foreign)
    fleet.run(TRIBUTARY, "identity", "gateway", foreign, "stranger")
    for end in ("pem", "key"):
        shutil.copy(foreign / f"stranger.{end}", fleet.keys / f"stranger.{end}")
    fleet.start_edge("stranger", NAME, f"{{kind: replay, path: {recordings[0]}, speed: max}}")
    wait_for("the broker to refuse a foreign certificate",
             lambda: "connect" in fleet.log("stranger") and "warn" in fleet.log("stranger"), 20)
    fleet.stop("stranger")
    # A clone: another gateway's certificate, without its state.
    name = recordings[1].stem
    fleet.stop(name)
    for end in ("pem", "key"):
        shutil.copy(fleet.keys / f"{name}.{end}", fleet.keys / f"clone.{end}")
    before = counts(fleet)["joins_refused"]
    fleet.start_edge("clone", NAME, f"{{kind: replay, path: {recordings[1]}, speed: max}}", enrol=False)
    wait_for("the clone to be refused", lambda: counts(fleet)["joins_refused"] > before, 30)
    assert "a replay, a clone" in fleet.log("cloud")
    fleet.stop("clone")
    start(fleet, recordings[1])
    print("foreign certificate and clone refused")


def full_disk(fleet):
    flag = fleet.folder / "full"
    fleet.stop("cloud")
    fleet.start_cloud(environment=dict(os.environ, LD_PRELOAD=str(SHIM), TRIB_FULL=str(flag)))
    rounds_go_on(fleet)
    flag.touch()
    wait_for("a full disk to be said", lambda: "No space left" in fleet.log("cloud"), 30)
    # Closing a round needs the disk too: the cloud then stops, and says why; whatever keeps it running
    # starts it again. Before that it went on, and took no update that it could not keep.
    try:
        wait_for("the cloud to stop", lambda: fleet.processes["cloud"].poll() is not None, 8)
    except AssertionError:
        flag.unlink()
    else:
        flag.unlink()
        assert fleet.processes.pop("cloud").wait() == 1
        fleet.start_cloud()
    rounds_go_on(fleet, 2)
    print("a full disk is said and got over")


def full_gateway(fleet, text):
    """A gateway whose disk is full: rows and updates are lost and said; a document that comes meanwhile
    asks for a store that cannot be made. Once there is room, its stream and its rounds go on."""
    flag = fleet.folder / "full-gateway"
    live = subprocess.Popen([TRIBUTARY, "generate", "--live", "machine-1", "--seconds", "0"],
                            stdout=subprocess.PIPE)
    fleet.start_edge("live-1", NAME, "{kind: stdin, format: csv}", "predictions: {publish: true, every: 1}",
                     environment=dict(os.environ, LD_PRELOAD=str(SHIM), TRIB_FULL=str(flag)),
                     stdin=live.stdout)
    wait_for("live-1 joins", lambda: "welcomed" in fleet.log("live-1"), 60)
    gateway = lambda: fleet.api("GET", f"/v1/federations/{NAME}/gateways/live-1")
    wait_for("live-1 takes part", lambda: gateway()["accepted"] > 0 and gateway()["predictions"] > 0, 60)
    flag.touch()
    lost = lambda: [line for line in fleet.log("live-1").splitlines() if "store-failed" in line]
    wait_for("lost rows to be said and counted", lost, 30)
    assert "rows are lost" in lost()[0] and "count=0 " not in lost()[0], lost()[0]
    wait_for("state that is not kept to be said", lambda: "not kept" in fleet.log("live-1"), 30)
    rounds_go_on(fleet, 2)  # those of the others
    other = text.replace("channels: [vib_x, vib_y, vib_z]", "channels: [vib_z, vib_y, vib_x]")
    assert other != text
    fleet.apply(other)
    wait_for("a stream that cannot be started", lambda: "stream not started" in fleet.log("live-1"), 60)
    flag.unlink()
    before = gateway()
    wait_for("its updates and predictions go on", lambda: gateway()["accepted"] > before["accepted"] and
             gateway()["predictions"] > before["predictions"], 60)
    log = fleet.log("live-1")
    assert "not in the header" not in log and log.count("source-started") == 2, log
    fleet.stop("live-1")
    live.kill()
    live.wait()
    fleet.apply(text)
    rounds_go_on(fleet)
    print("a gateway's full disk is said and got over, its stream goes on")


def damaged_files(fleet):
    ledger = fleet.folder / "cloud/ledger"
    last = lambda: sorted(ledger.glob("*.ledger"))[-1]
    fleet.stop("cloud", signal.SIGKILL)
    with open(last(), "ab") as file:
        file.write(b"TRBL torn in the middle of a rec")
    fleet.start_cloud()
    assert "the ledger's torn tail was cut" in fleet.log("cloud")
    rounds_go_on(fleet)

    # An update of the open round is damaged, with a good record behind it: the round is given up. It
    # has two updates and waits for the third gateway, which is stopped.
    wait_for("an open round with two updates", lambda: fleet.federation(NAME)["stage"] == "training" and
             fleet.federation(NAME)["round"]["accepted"] == 2, 30, 0.005)
    fleet.stop("cloud", signal.SIGKILL)
    data = bytearray(last().read_bytes())
    places, at = [], 0
    while (at := data.find(b"TRBL", at)) >= 0:
        size, kind = struct.unpack_from("<II", data, at + 4)
        places.append((at, kind))
        at += 32 + size
    opened = max(index for index, (_, kind) in enumerate(places) if kind == 3)
    updates = [place for place, kind in places[opened:] if kind == 4]
    assert len(updates) == 2, updates
    data[updates[0] + 60] ^= 1
    last().write_bytes(data)
    fleet.start_cloud()
    wait_for("the damaged round to be abandoned",
             lambda: "its records in the ledger are damaged" in fleet.log("cloud"), 20)
    print("a damaged record abandons its round")
    rounds_go_on(fleet)

    fleet.stop("cloud")
    registry = fleet.folder / "cloud/registry.db"
    registry.write_bytes(b"not a database at all" * 500)
    (fleet.folder / "cloud/registry.db-wal").unlink(missing_ok=True)
    fleet.start_cloud()
    assert "registry damaged, rebuilding it from the ledger" in fleet.log("cloud")
    rounds_go_on(fleet)
    print("torn tail cut, registry rebuilt")


def damaged_agent(fleet, recording):
    fleet.stop(recording.stem)
    state = fleet.folder / f"state-{recording.stem}"
    (state / "samples.db").write_bytes(b"garbage" * 1000)
    (state / "samples.db-wal").unlink(missing_ok=True)
    start(fleet, recording)
    wait_for("the store to be set aside", lambda: "store-set-aside" in fleet.log(recording.stem), 20)
    fleet.stop(recording.stem)
    kept = (state / "state.db").read_bytes()
    (state / "state.db").write_bytes(b"garbage" * 1000)
    for end in ("wal", "shm"):
        (state / f"state.db-{end}").unlink(missing_ok=True)
    process = start(fleet, recording)
    assert process.wait(timeout=20) == 1
    assert "the agent's state is damaged" in fleet.log(recording.stem)
    (state / "state.db").write_bytes(kept)
    start(fleet, recording)
    rounds_go_on(fleet)
    print("damaged agent files are named, or set aside")


def another_codec(fleet, text):
    """What an open round asks for does not change under its gateways: the codec is the next round's."""
    before = counts(fleet)["refused"]
    waited = 0
    for codec in ("int8", "float32"):
        for _ in range(4):  # some of them find a round open
            answer = fleet.apply(text.replace("codec: float32", f"codec: {codec}"))
            waited += answer["from"] == "next round"
            rounds_go_on(fleet)
        wait_for("the document to be in force", lambda: fleet.federation(NAME)["revision"] ==
                 answer["revision"] and fleet.federation(NAME)["pending_revision"] == 0, 30)
    assert waited > 0 and counts(fleet)["refused"] == before, (waited, counts(fleet))
    print(f"{waited} documents waited for a round's end; no update was refused for its codec")


def enrolled_again(fleet, recording):
    """A gateway that lost its state comes back under a newer certificate; the older one is dead then."""
    name = recording.stem
    fleet.stop(name)
    shutil.rmtree(fleet.folder / f"state-{name}")
    before = counts(fleet)["joins_refused"]
    start(fleet, recording)
    wait_for("a gateway without its state to be refused",
             lambda: counts(fleet)["joins_refused"] > before, 30)
    fleet.stop(name)
    for end in ("pem", "key"):
        shutil.copy(fleet.keys / f"{name}.{end}", fleet.keys / f"older.{end}")
    fleet.run(TRIBUTARY, "identity", "request", name, "--out", fleet.folder)
    fleet.run(TRIBUTARY, "identity", "enrol", fleet.keys, fleet.folder / f"{name}.csr", "--name", name,
              "--renew")
    shutil.copy(fleet.folder / f"{name}.key", fleet.keys / f"{name}.key")
    shutil.rmtree(fleet.folder / f"state-{name}")
    gateway = f"/v1/federations/{NAME}/gateways/{name}"
    accepted = fleet.api("GET", gateway)["accepted"]
    start(fleet, recording)
    wait_for("its updates to count again", lambda: fleet.api("GET", gateway)["accepted"] > accepted, 30)
    fleet.stop(name)  # the broker knows one connection of a name
    before = counts(fleet)["joins_refused"]
    fleet.start_edge("older", NAME, f"{{kind: replay, path: {recording}, speed: max}}", enrol=False)
    wait_for("the older certificate to be refused", lambda: counts(fleet)["joins_refused"] > before, 30)
    assert "a certificate older than the one it has joined with" in fleet.log("cloud")
    fleet.stop("older")
    start(fleet, recording)
    print("lost its state: comes back under a newer certificate, which ends the older one")


def born_in_1970(fleet, recording):
    flag = fleet.folder / "1970"
    flag.touch()
    fleet.stop(recording.stem)
    start(fleet, recording, environment=dict(os.environ, LD_PRELOAD=str(SHIM), TRIB_1970=str(flag)))
    wait_for("the clock to be doubted",
             lambda: "clock before the certificate's start" in fleet.log(recording.stem), 20)
    mark = len(fleet.log(recording.stem))
    flag.unlink()
    wait_for("it connects once the clock is right",
             lambda: "connected" in fleet.log(recording.stem)[mark:], 30)
    rounds_go_on(fleet)
    print("a clock in 1970 is waited out")


def revoke(fleet, recording, others):
    before = model_round(fleet)
    fleet.api("POST", f"/v1/gateways/{recording.stem}/revoke", body='{"discard": true}')
    rounds_go_on(fleet, 2)
    gateway = fleet.api("GET", f"/v1/federations/{NAME}/gateways/{recording.stem}")
    assert gateway["revoked"] and not gateway["in_round"] and "revoked" in gateway["why"], gateway
    for other in others:
        wait_for(f"{other.stem} gets models of the new epoch", lambda: any(
            "model installed" in line and int(line.rsplit("round=", 1)[1]) > before + 1
            for line in fleet.log(other.stem).splitlines() if "round=" in line), 30)
    fleet.stop(recording.stem)
    shutil.rmtree(fleet.folder / f"state-{recording.stem}")
    refused = counts(fleet)["joins_refused"]
    start(fleet, recording)
    wait_for("a revoked gateway's join to be refused",
             lambda: counts(fleet)["joins_refused"] > refused, 30)
    print("revoked: refused, and the others go on under a new epoch")


with Fleet("bad") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS, seconds=8)
    text = machines.document(GATEWAYS, 100000, quorum=1, deadline_s=3, lines={
        "update": "update: {codec: float32, clip_norm: 10}"})
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(text)
    for recording in recordings:
        start(fleet, recording)
    wait_for("the first rounds", lambda: model_round(fleet) >= 2, 60)
    parameters, _ = exact_sum.read_parameters(
        fleet.api("GET", f"/v1/models/{fleet.federation(NAME)['model']['digest']}"))
    another_codec(fleet, text)
    foreign_and_cloned(fleet, recordings)
    tell_lies(fleet, recordings[0], len(parameters))
    full_disk(fleet)
    full_gateway(fleet, text)
    damaged_files(fleet)
    start(fleet, recordings[0])
    damaged_agent(fleet, recordings[0])
    enrolled_again(fleet, recordings[0])
    born_in_1970(fleet, recordings[2])
    revoke(fleet, recordings[1], [recordings[0], recordings[2]])
    print("passed")
