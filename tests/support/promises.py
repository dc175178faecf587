"""What a federation promises whatever happens to its programs, checked from outside.

Gateways' databases are made to keep every update that passes through; a model is then summed again by an
implementation that shares nothing with ours. An ear on the broker hears whether a number is used twice.
"""
import collections
import hashlib
import http.client
import shutil
import signal
import sqlite3
import tempfile

import exact_sum
import machines
import numpy as np
from fleet import CLOUD, wait_for

KEEP = """CREATE TABLE IF NOT EXISTS kept (round INTEGER PRIMARY KEY, payload BLOB);
CREATE TRIGGER IF NOT EXISTS keep AFTER INSERT ON outbox
BEGIN INSERT OR IGNORE INTO kept VALUES (new.round, new.payload); END;"""


def keep_updates(fleet, names, start):
    """Lets each agent make its database, then has the database keep every update that passes through."""
    for name in names:
        start(name)
    for name in names:
        path = fleet.folder / f"state-{name}/state.db"
        wait_for(f"{path}", path.exists, 30)
        wait_for(f"{name} starts", lambda: "started" in fleet.log(name), 30)
    for name in names:
        fleet.stop(name)
        with fleet.database(name) as connection:
            connection.executescript(KEEP)


def all_rounds(fleet, federation):
    rounds, after = [], -1
    while True:
        page = fleet.api("GET", f"/v1/federations/{federation}/rounds?after={after}")["rounds"]
        if not page:
            break
        rounds += page
        after = page[-1]["number"]
    assert len({r["number"] for r in rounds}) == len(rounds)
    return rounds


def check_models(fleet, rounds, names, clip, max_weight):
    """Every closed round of training, again, from what gateways kept; how many. FedAvg it must be."""
    kept, receipts = collections.defaultdict(dict), collections.defaultdict(dict)
    for name in names:
        with fleet.database(name) as connection:
            for number, payload in connection.execute("SELECT round, payload FROM kept"):
                kept[number][name] = payload
            for number, digest, verdict in connection.execute("SELECT * FROM receipt"):
                receipts[number][name] = (digest, verdict)
    base = None
    checked = 0
    for entry in rounds:
        if entry["outcome"] != "closed":
            continue
        after, header = exact_sum.read_parameters(fleet.api("GET", f"/v1/models/{entry['model']}"))
        if entry["kind"] == "training":
            number = entry["number"]
            counted = [name for name, (digest, verdict) in receipts[number].items()
                       if verdict.startswith(("accepted", "duplicate"))]
            for name in counted:
                assert hashlib.sha256(kept[number][name]).digest() == receipts[number][name][0]
            assert len(counted) == entry["updates"], (
                f"round {number}: {len(counted)} receipts, {entry['updates']} counted")
            mean, weight = exact_sum.mean([kept[number][name] for name in sorted(counted)],
                                          len(names), max_weight, clip)
            assert weight == entry["weight"], (weight, entry)
            expected = (base.astype(np.float64) + 1.0 * mean).astype(np.float32)
            assert expected.tobytes() == after.tobytes(), f"round {number}: another model"
            checked += 1
        base = after
    return checked


def check_slot(fleet, name):
    """The active model of an agent that does not run is the one that was switched to, whole.

    Looked at in a copy: whoever closes a database last folds its log in.
    """
    state = fleet.folder / f"state-{name}"
    with tempfile.TemporaryDirectory(dir=fleet.folder) as folder:
        for end in ("", "-wal"):
            if (state / f"state.db{end}").exists():
                shutil.copy(state / f"state.db{end}", folder)
        connection = sqlite3.connect(f"{folder}/state.db")
        rows = connection.execute("SELECT name, digest FROM slot").fetchall()
        connection.close()
    for slot, digest in rows:
        found = hashlib.sha256((state / f"model-{slot}.safetensors").read_bytes()).digest()
        assert found == digest, f"{name}'s slot {slot} is not what was switched to"
    return len(rows)


class Ear:
    """Hears all frames of a fleet; started with its broker."""

    def __init__(self, fleet):
        self.taken = fleet.folder / "heard"
        fleet.let_read_all("ear")
        self.fleet = fleet

    def listen(self):
        keys = self.fleet.keys
        topics = [part for kind in ("up/update", "down/receipt", "down/welcome")
                  for part in ("-t", f"tributary/v1/+/+/{kind}")]
        self.fleet.start("ear", "sh", "-c", f'exec "$@" > {self.taken}', "sh", "mosquitto_sub", "-h",
                         "127.0.0.1", "-p", self.fleet.broker_port, "-V", "5", "--cafile", keys / "ca.pem",
                         "--cert", keys / "ear.pem", "--key", keys / "ear.key", *topics, "-q", "1", "-F",
                         "%t %x")

    def check(self):
        """No two frames under one key and number; how many different ones there were."""
        self.fleet.stop("ear", signal.SIGTERM)
        heard = {}
        for line in self.taken.read_text().splitlines():
            topic, _, payload = line.partition(" ")
            name = (topic, payload[4:36])  # session and sequence
            assert heard.setdefault(name, payload) == payload, f"{name} was sealed twice"
        assert heard
        return len(heard)


class Federation:
    """A small one whose rounds need every gateway, and whose promises are checked at the end."""

    NAME, CLIP, MAX_WEIGHT = "rotating-machine", 10, 65536

    def __init__(self, fleet, gateways):
        self.fleet = fleet
        recordings = machines.generate(fleet.folder / "data", gateways, seconds=8)
        self.recordings = {recording.stem: recording for recording in recordings}
        self.names = sorted(self.recordings)
        self.ear = Ear(fleet)
        fleet.start_broker()
        self.ear.listen()
        fleet.start_cloud()
        self.revision = self.apply(100000)
        keep_updates(fleet, self.names, self.start_gateway)
        for name in self.names:
            self.start_gateway(name)
        wait_for("the first rounds", lambda: self.model_round() >= 2, 60)

    def start_gateway(self, name, environment=None):
        source = f"{{kind: replay, path: {self.recordings[name]}, speed: max}}"
        return self.fleet.start_edge(name, self.NAME, source, environment=environment)

    def start_cloud(self, environment=None):
        """Without waiting: it may be about to die."""
        return self.fleet.start("cloud", CLOUD, "--config", self.fleet.folder / "cloud.yaml",
                                environment=environment)

    def apply(self, maximum, deadline_s=600):
        answer = self.fleet.apply(machines.document(
            len(self.names), maximum, quorum=len(self.names), deadline_s=deadline_s,
            lines={"strategy": "strategy: {kind: fedavg}"}))
        return answer["revision"]

    def try_apply(self, deadline_s):
        """A document that the cloud says it has applied has to be there at the end."""
        try:
            self.revision = self.apply(100000, deadline_s)
        except (OSError, http.client.HTTPException, AssertionError):
            pass  # it died, or failed, before it said so

    def state(self):
        return self.fleet.federation(self.NAME)

    def model_round(self):
        return (self.state()["model"] or {"round": 0})["round"]

    def round_if_it_answers(self):
        """None: the cloud is dead, or not yet alive, or has answered that it could not."""
        try:
            return self.model_round()
        except (OSError, http.client.HTTPException, AssertionError, TypeError, ValueError):
            return None

    def go_on(self, more=1, seconds=60):
        wait_for("the cloud's answer", lambda: self.round_if_it_answers() is not None, seconds)
        before = self.model_round()
        wait_for(f"{more} more rounds after {before}", lambda: self.model_round() >= before + more,
                 seconds)

    def check(self):
        """Everybody runs, and nothing fails any more."""
        self.go_on(2)
        # The last rounds are ended by a maximum, so that every receipt has come.
        self.apply(self.model_round() + 2)
        wait_for("the last rounds", lambda: self.state()["stage"] == "done", 60)
        for name in self.names:
            wait_for(f"{name}'s outbox empties", lambda: self.fleet.outbox(name) == 0, 60)
        rounds = check_models(self.fleet, all_rounds(self.fleet, self.NAME), self.names, self.CLIP,
                              self.MAX_WEIGHT)
        assert rounds >= 3
        assert self.state()["revision"] >= self.revision, "a document that was applied is lost"
        return f"{rounds} rounds equal their integer sums, {self.ear.check()} frames under different numbers"
