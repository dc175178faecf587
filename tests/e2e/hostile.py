#!/usr/bin/env python3
"""A broker that reads every byte learns nothing of a model or an update; one that alters, repeats,
reorders, crosses, forges, truncates or drops is noticed, and changes nothing."""
import pathlib
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, Fleet, wait_for  # noqa: E402
import exact_sum  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS = "rotating-machine", 3
random.seed(5)


class Eve:
    """Whoever runs the broker: here a client that may read and write every topic."""

    def __init__(self, fleet):
        self.fleet = fleet
        fleet.enrol("eve")
        self.acl = fleet.folder / "acl"
        self.allow()
        config = fleet.broker_config
        fleet.broker_config = lambda: self.with_acl(config(), self.acl)
        self.taken = fleet.folder / "taken"

    def allow(self, but=""):
        """What the broker lets through; what it does not, it drops without a word to anybody."""
        self.acl.write_text("user eve\ntopic readwrite #\n\n" + but +
                            (SOURCE / "deploy/broker/acl").read_text())
        if "broker" in self.fleet.processes:
            self.fleet.processes["broker"].send_signal(signal.SIGHUP)

    @staticmethod
    def with_acl(path, acl):
        text = path.read_text().replace(str(SOURCE / "deploy/broker/acl"), str(acl))
        path.write_text(text)
        return path

    def connection(self):
        keys = self.fleet.keys
        return ["-h", "127.0.0.1", "-p", str(self.fleet.broker_port), "-V", "5", "--cafile",
                str(keys / "ca.pem"), "--cert", str(keys / "eve.pem"), "--key", str(keys / "eve.key")]

    def listen(self):
        with open(self.taken, "wb") as out:
            self.listener = subprocess.Popen(["mosquitto_sub", *self.connection(), "-t", "#", "-q", "1",
                                              "-F", "%t %x"], stdout=out)

    def stop(self):
        self.listener.send_signal(signal.SIGTERM)
        self.listener.wait(timeout=10)

    def messages(self):
        for line in self.taken.read_text().splitlines():
            topic, _, payload = line.partition(" ")
            yield topic, bytes.fromhex(payload)

    def publish(self, topic, payload, retain=False):
        subprocess.run(["mosquitto_pub", *self.connection(), "-t", topic, "-q", "1", "-s",
                        *(["-r"] if retain else [])], input=payload, check=False, timeout=20)


def overlaps(secret, heard, window=12):
    """Whether any `window` bytes of the secret stand in what was heard."""
    return any(secret[i:i + window] in heard for i in range(0, len(secret) - window, 4)
               if len(set(secret[i:i + window])) > 4)


def counts(fleet):
    return fleet.api("GET", "/v1/health")["counts"]


if shutil.which("mosquitto_sub") is None:
    print("skipped: mosquitto-clients is not installed")
    sys.exit(77)

with Fleet("hostile") as fleet:
    eve = Eve(fleet)
    recordings = machines.generate(fleet.folder / "data", GATEWAYS)
    full = machines.document(GATEWAYS, 60, deadline_s=600)
    (fleet.folder / "full.yaml").write_text(full)
    fleet.start_broker()
    eve.listen()
    fleet.start_cloud()
    fleet.apply(full)
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}",
                         "predictions: {publish: true, every: 1}")
    wait_for("some rounds", lambda: (fleet.federation(NAME)["model"] or {"round": 0})["round"] >= 2, 60)
    victim = recordings[0].stem
    fleet.stop(victim)  # the open round now waits for one gateway
    wait_for("an open round short of one", lambda: fleet.federation(NAME)["stage"] == "done" or
             fleet.federation(NAME)["round"]["accepted"] == GATEWAYS - 1, 60)
    eve.stop()

    # She has heard everything, and learned nothing of it.
    heard = b"".join(payload for _, payload in eve.messages())
    models = fleet.api("GET", f"/v1/federations/{NAME}/models")["models"]
    assert models and len(heard) > 10000
    for model in models:
        file = fleet.api("GET", f"/v1/models/{model['digest']}")
        parameters, _ = exact_sum.read_parameters(file)
        assert not overlaps(parameters.tobytes(), heard), "a model's parameters were heard"
    for recording in recordings:
        with fleet.database(recording.stem) as connection:
            for (payload,) in connection.execute("SELECT payload FROM outbox"):
                assert not overlaps(bytes(payload), heard), "an update was heard"
    for word in (b"bearing_wear", b"imbalance"):
        told = [t for t, p in eve.messages() if word in p]
        assert all("/all/federation" in t for t in told), f"{word} was heard under {told[0]}"

    before = counts(fleet)
    state = fleet.federation(NAME)
    messages = list(eve.messages())
    frames = [(t, p) for t, p in messages if t.endswith("/up/update")]
    joins = [(t, p) for t, p in messages if t.endswith("/up/join")]
    receipts = [(t, p) for t, p in messages if "/down/" in t]
    notices = [(t, p) for t, p in messages if "/all/" in t and p]
    assert frames and joins and receipts and notices

    # Repeats, out of order, of everything that went up.
    for topic, payload in random.sample(frames, min(8, len(frames))) + joins:
        eve.publish(topic, payload)
    # Altered, truncated, under another gateway's topic, and plain noise.
    other = recordings[1].stem
    for topic, payload in random.sample(frames, min(6, len(frames))):
        at = random.randrange(len(payload))
        eve.publish(topic, payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1:])
        eve.publish(topic, payload[:random.randrange(1, len(payload))])
        eve.publish(f"tributary/v1/{NAME}/{other}/up/update", payload)
    for topic, payload in joins:
        eve.publish(topic, payload[:40] + bytes([payload[40] ^ 1]) + payload[41:])
        eve.publish(f"tributary/v1/{NAME}/{other}x/up/join", payload)
    for kind in ("join", "update", "prediction", "status", "alert", "telemetry", "nonsense"):
        eve.publish(f"tributary/v1/{NAME}/{other}/up/{kind}", random.randbytes(300))
        eve.publish(f"tributary/v1/nowhere/{other}/up/{kind}", random.randbytes(30))
    # To the gateways: old notices, forged ones, receipts again, chunks of noise.
    for topic, payload in notices:
        if "/object/" not in topic:
            eve.publish(topic, payload)
            at = random.randrange(len(payload))
            eve.publish(topic, payload[:at] + bytes([payload[at] ^ 4]) + payload[at + 1:])
        else:
            eve.publish(topic, random.randbytes(len(payload)))
    for topic, payload in receipts:
        eve.publish(topic, payload)
        eve.publish(topic, payload[:-1] + bytes([payload[-1] ^ 1]))

    def noticed():
        now = counts(fleet)
        return now["replayed"] > before["replayed"] and now["garbage"] > before["garbage"] and \
            now["joins_refused"] > before["joins_refused"]
    wait_for("the cloud to notice", noticed, 30)
    after = counts(fleet)
    assert after["accepted"] == before["accepted"], (before, after)
    assert after["joins"] == before["joins"]
    assert fleet.federation(NAME)["round"]["accepted"] == state["round"]["accepted"]
    for recording in recordings[1:]:
        for what in ("notice refused", "receipt refused",
                     "release notice refused: older than one seen before",
                     "round notice refused: older than one seen before"):
            wait_for(f"{recording.stem} notices: {what}", lambda: what in fleet.log(recording.stem), 20)
    # The agents count it too, and say so at the end at the latest.
    fleet.stop(other)
    counted = [line for line in fleet.log(other).splitlines() if ": counted " in line][-1]
    assert "forged=0" not in counted and "stale=0" not in counted and "replayed=0" not in counted, counted
    fleet.start_edge(other, NAME, f"{{kind: replay, path: {recordings[1]}, speed: max}}")
    print("noticed:", {k: after[k] - before[k] for k in ("replayed", "garbage", "joins_refused")})

    # A restart forgets which numbers were accepted, and still accepts none of them again.
    fleet.stop("cloud")
    fleet.start_cloud()

    def refused():
        now = counts(fleet)
        return now["garbage"] + now["replayed"]

    def listens():
        eve.publish(frames[0][0], b"is anybody there?")
        return refused() > 0
    wait_for("the cloud to listen again", listens, 30)
    before = refused()
    for topic, payload in frames:
        eve.publish(topic, payload)
    wait_for("the cloud to refuse what it opened before its restart",
             lambda: refused() >= before + len(frames), 30)
    assert counts(fleet)["accepted"] == counts(fleet)["duplicates"] == counts(fleet)["late"] == 0
    print(f"{len(frames)} frames of before a restart refused after it")

    # And the rounds go on to the very model that the simulation makes.
    # While she drops the victim's receipts: its update counts once, however often it comes again.
    eve.allow(f"user {victim}\ntopic deny tributary/v1/{NAME}/{victim}/down/receipt\n\n")
    fleet.start_edge(victim, NAME, f"{{kind: replay, path: {recordings[0]}, speed: max}}")
    wait_for("an update that comes again, since nobody receipts it",
             lambda: counts(fleet)["duplicates"] > 0, 40)
    gateway = fleet.api("GET", f"/v1/federations/{NAME}/gateways/{victim}")
    assert gateway["accepted"] <= 1 and gateway["duplicates"] > 0, gateway
    print(f"a dropped receipt: {gateway['duplicates']} duplicates, counted at most once")
    eve.allow()
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", 60)
    digest, _ = machines.simulate(fleet.folder / "data", fleet.folder / "full.yaml",
                                  fleet.folder / "simulated")
    served = fleet.federation(NAME)["release"]["digest"]
    assert served == digest, f"deployed {served}, simulated {digest}"
    print("passed")
