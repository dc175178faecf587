#!/usr/bin/env python3
"""Rows from a topic of a real Kafka: the agent is killed with -9 at ten seeded moments while rows flow in
transactions, the broker once; in the end the store holds each committed row exactly once and in order, and
no row of a transaction that was aborted. What is wrong with brokers, password, topic or records is said,
and the agent goes on once it is right."""
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, EDGE, Fleet, wait_for  # noqa: E402
from kafka import Kafka, USERS, python_client, skipping  # noqa: E402
import machines  # noqa: E402

SEED = int(os.environ.get("TRIB_KAFKA_SEED", "11"))
KILLS = int(os.environ.get("TRIB_KAFKA_KILLS", "10"))
PARTITIONS, NAME, GATEWAY, TOPIC, GROUP = 2, "rotating-machine", "line-1", "plant.line-1", "plant-rows"
RATE = 500  # rows a second, as the federation has it
ABORTED, MALFORMED = -1, 7
SHIM = BUILD / "tests/support/libfail_shim.so"
random.seed(SEED)


class Rows:
    """Produces transactions from a thread of its own: row n of a partition has n in vib_x."""

    def __init__(self, kafka):
        self.kafka = kafka
        self.committed = [0] * PARTITIONS
        self.aborted = 0
        self.random = random.Random(SEED + 1)
        self.failure = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.finish()

    def finish(self):
        self.ended.set()
        self.thread.join(timeout=60)
        assert not self.thread.is_alive(), "the producer hangs"
        assert self.failure is None, f"the producer failed: {self.failure}"

    def run(self):
        try:
            producer = self.kafka.producer("rows")
            while not self.ended.is_set():
                if not self.transaction(producer):
                    producer = self.kafka.producer("rows")
                    self.committed = [len(committed) for committed in committed_rows(self.kafka)]
                self.ended.wait(0.03)
        except Exception as failure:  # said by whoever looks next
            self.failure = repr(failure)

    @staticmethod
    def line(number, partition, at):
        return json.dumps({"time_ms": at * 1000 / RATE, "vib_x": number, "vib_y": partition, "vib_z": 0.5,
                           "state": "healthy"})

    def transaction(self, producer):
        """False: the producer is of no more use, and what became of its transaction nobody knows."""
        client = python_client()
        partition = self.random.randrange(PARTITIONS)
        count = self.random.choice((1, 20, 80, 300))
        first, abort = self.committed[partition], self.random.random() < 0.25
        lines = [self.line(ABORTED if abort else first + i, partition, first + i) for i in range(count)]
        producer.begin_transaction()
        try:
            while lines:  # a record may be a row, or a few
                size = self.random.choice((1, 1, 1, 5))
                self.produce(producer, partition, "\n".join(lines[:size]))
                lines = lines[size:]
            if abort:
                producer.flush(30)  # or its rows would never leave
                self.kafka.persist(producer.abort_transaction)
                self.aborted += count
            else:
                self.kafka.persist(producer.commit_transaction)
                self.committed[partition] = first + count
        except client.KafkaException as failure:
            if not failure.args[0].txn_requires_abort():
                return False
            try:
                self.kafka.persist(producer.abort_transaction)  # and made again, with the same numbers
            except client.KafkaException:
                return False
        return True

    @staticmethod
    def produce(producer, partition, text):
        while True:
            try:
                producer.produce(TOPIC, text, partition=partition)
                return producer.poll(0)
            except BufferError:
                producer.poll(0.1)


def committed_rows(kafka):
    """The numbers of each partition's rows, as another client reads them."""
    found = [[] for _ in range(PARTITIONS)]
    for record in kafka.consume(TOPIC):
        for line in (record.value or b"").decode().splitlines():
            if line.startswith('{"time_ms"') and json.loads(line)["vib_x"] != ABORTED:
                found[record.partition].append(json.loads(line)["vib_x"])
    return found


def blocks(fleet):
    path = fleet.folder / f"state-{GATEWAY}/samples.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
        return (connection.execute("SELECT rows FROM blocks ORDER BY first_row").fetchall(),
                dict(connection.execute("SELECT name, rows FROM files")))


def rows_stored(fleet):
    path = fleet.folder / f"state-{GATEWAY}/samples.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute("SELECT coalesce(max(last_row), 0) FROM blocks").fetchone()[0]
    except sqlite3.OperationalError:  # it is just being made
        return 0


def numbers(fleet):
    """vib_x of each partition's rows, in the order of the store: see edge/store/block.h."""
    found = [[] for _ in range(PARTITIONS)]
    for (block,) in blocks(fleet)[0]:
        _, time_bytes, channels, targets, count, _ = struct.unpack_from("<BBBBIq", block)
        at = 16 + count * (time_bytes + 1)
        values = struct.unpack_from(f"<{count * channels}f", block, at)
        assert targets == 0 and channels == 3, (targets, channels)
        for row in range(count):
            found[int(values[3 * row + 1])].append(int(values[3 * row]))
    return found


def start(fleet, kafka, settings, **environment):
    text = "".join(f", {name}: {value}" for name, value in settings.items())
    fleet.start_edge(GATEWAY, NAME, f"{{kind: kafka, brokers: '{kafka.sasl_address}', topic: {TOPIC}, group: {GROUP}, "
                                    f"format: jsonl, settings: {{client.id: line{text}}}}}",
                     environment={**os.environ, "KAFKA_USER": "edge", **environment})


def said(fleet, text, seconds=20):
    wait_for(f"the agent to say '{text}'", lambda: text in fleet.log(GATEWAY), seconds)


def mistakes(fleet, kafka, settings, secret):
    """Each is named, and none needs a restart of the agent."""
    start(fleet, kafka, settings)
    said(fleet, "source.brokers: ", 60)
    assert "Connection refused" in fleet.log(GATEWAY), fleet.log(GATEWAY)
    kafka.start()
    said(fleet, "source.settings.sasl.*: ")
    secret.write_text(USERS["edge"] + "\n")
    said(fleet, f"source.topic: {TOPIC}: ")
    kafka.topic(TOPIC, PARTITIONS)
    said(fleet, f"reading topic {TOPIC}: partition 0 from its start partition 1 from its start")
    producer = kafka.producer()
    for number in range(MALFORMED):
        producer.produce(TOPIC, "{not json" if number % 2 else "1,2,3", partition=number % PARTITIONS)
    too_many = "\n".join(Rows.line(ABORTED, 0, 0) for _ in range(257))
    producer.produce(TOPIC, too_many, partition=0)
    producer.produce(TOPIC, None, partition=0)
    assert producer.flush(20) == 0
    said(fleet, "more than 256 rows in one record")
    said(fleet, f"topic {TOPIC}, partition 0, offset 0: expected JSON lines that start with '{{'")
    said(fleet, f"topic {TOPIC}, partition 1, offset 0:1:4: expected a JSON object")
    assert rows_stored(fleet) == 0
    fleet.stop(GATEWAY)
    assert f"lines_refused={MALFORMED + 1} " in fleet.log(GATEWAY), fleet.log(GATEWAY)


def kill_often(fleet, kafka, settings, rows):
    start(fleet, kafka, settings)
    broker_killed = random.randrange(2, KILLS)
    for kill in range(KILLS):
        before = rows_stored(fleet)
        wait_for("rows", lambda: rows_stored(fleet) > before, 40, 0.02)
        time.sleep(random.uniform(0, 1.5))
        if kill == broker_killed:
            kafka.kill()
            kafka.start(wait=False)
        fleet.stop(GATEWAY, signal.SIGKILL)
        start(fleet, kafka, settings)
        assert rows.failure is None, rows.failure
    before = rows_stored(fleet)
    wait_for("rows after the last kill", lambda: rows_stored(fleet) > before + 500, 40)


def fill_disk(fleet, kafka, settings):
    """Rows that cannot be stored are read again once they can, without a restart."""
    if not SHIM.exists():  # a build with sanitizers
        return print("no shim to fill a disk with: not tried")
    full = fleet.folder / "full"
    fleet.stop(GATEWAY, signal.SIGKILL)
    start(fleet, kafka, settings, LD_PRELOAD=str(SHIM), TRIB_FAIL_FOLDER=f"{fleet.folder}/state-{GATEWAY}",
          TRIB_FAIL_WRITE="1+:ENOSPC", TRIB_FAIL_WHILE=str(full))
    before = rows_stored(fleet)
    wait_for("rows", lambda: rows_stored(fleet) > before, 40, 0.02)
    full.touch()
    said(fleet, "rows are not stored, and are read again")
    full.unlink()
    said(fleet, f"reading again from what is stored  topic={TOPIC}")
    before = rows_stored(fleet)
    wait_for("rows again", lambda: rows_stored(fleet) > before, 40)


def check(fleet, kafka, rows):
    wait_for("the last row", lambda: rows_stored(fleet) >= sum(rows.committed), 40)
    committed = committed_rows(kafka)
    for partition, found in enumerate(numbers(fleet)):
        expected = list(range(rows.committed[partition]))
        assert expected == committed[partition], f"partition {partition}: another client sees other rows"
        wrong = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), None)
        assert found == expected, f"partition {partition}: {len(found)} rows, {len(expected)} committed; " \
            f"the first that differs is {wrong}: {found[wrong - 3:wrong + 3] if wrong else found[:5]}"
    assert rows.aborted > 0 and min(rows.committed) > 500, (rows.aborted, rows.committed)
    # Whoever watches the group's lag sees where the store is.
    positions = {int(name.rpartition("/")[2]): offset for name, offset in blocks(fleet)[1].items()}
    wait_for("the group to hear of it", lambda: kafka.group_offsets(GROUP, TOPIC) == positions, 30)
    fleet.stop(GATEWAY)
    for name in ("edge-secret", "wrong-secret"):
        assert name not in fleet.log(GATEWAY), "a secret was printed"


def out_of_range(fleet, kafka, settings):
    """What retention deleted is said, and the rest is read; so is a topic that was made anew."""
    client = python_client()
    before, end = rows_stored(fleet), blocks(fleet)[1][f"{TOPIC}/0"]
    producer = kafka.producer()
    for number in range(30):
        producer.produce(TOPIC, Rows.line(number, 0, 10**6 + number), partition=0)
    assert producer.flush(20) == 0
    admin, last = kafka.admin(), max(r.offset for r in kafka.consume(TOPIC) if r.partition == 0)
    place = client.TopicPartition(TOPIC, 0, last - 9)  # ten stay
    admin.delete_records([place])[place].result(timeout=30)
    start(fleet, kafka, settings)
    said(fleet, f"source.topic: {TOPIC}, partition 0: records from offset {end} up to {last - 9} were deleted")
    wait_for("the ten that are left", lambda: rows_stored(fleet) == before + 10, 20)
    assert numbers(fleet)[0][-10:] == list(range(20, 30))
    fleet.stop(GATEWAY)
    admin.delete_topics([TOPIC])[TOPIC].result(timeout=30)
    wait_for("the topic to be gone", lambda: TOPIC not in admin.list_topics(timeout=10).topics, 30)
    kafka.topic(TOPIC, PARTITIONS)
    start(fleet, kafka, settings)
    said(fleet, "made anew, or cut? Going on at its end")
    fleet.stop(GATEWAY)


def csv_from_now_on(fleet, kafka):
    """CSV without header lines, of one partition, what comes anew; a client certificate."""
    kafka.topic("csv", 2)
    producer = kafka.producer()

    def produce(first):
        for number in range(first, first + 5):
            producer.produce("csv", f"0.5,{number * 2},1,2,healthy", partition=number % 2)
        assert producer.flush(20) == 0
    produce(0)
    fleet.start_edge(GATEWAY, NAME, f"""
  kind: kafka
  brokers: {kafka.ssl_address}
  topic: csv
  header: '"vib_x",time_ms,vib_y,vib_z,state'
  partitions: [1]
  start: latest
  settings: {{security.protocol: ssl, ssl.ca.location: kafka/tls/ca.pem,
             ssl.certificate.location: kafka/tls/client.pem, ssl.key.location: kafka/tls/client.key}}
""")
    said(fleet, "reading topic csv: partition 1 from offset 2")
    before = rows_stored(fleet)
    produce(10)
    wait_for("the rows of one partition", lambda: rows_stored(fleet) == before + 2, 20)
    fleet.stop(GATEWAY)
    assert blocks(fleet)[1]["csv/1"] == 4, blocks(fleet)[1]


with skipping(), Fleet("source-kafka") as fleet:
    with Kafka(fleet.folder / "kafka", ssl=True, sasl=True) as kafka:
        began = time.monotonic()
        # Who reads no topic does not pay for the library: see docs/adr/0010.
        assert "rdkafka" not in Fleet.run("ldd", EDGE), "the agent links librdkafka"
        secret = fleet.folder / "kafka.password"
        secret.write_text("wrong-secret\n")
        settings = {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-256",
                    "sasl.username": "{environment: KAFKA_USER}", "sasl.password": "{file: kafka.password}",
                    "ssl.ca.location": "kafka/tls/ca.pem", "reconnect.backoff.max.ms": 500}
        fleet.start_broker()
        fleet.start_cloud()
        fleet.apply(machines.document(2, 1, quorum=2))
        mistakes(fleet, kafka, settings, secret)
        print(f"{time.monotonic() - began:.1f} s: mistakes are named, and mended while it runs", flush=True)
        with Rows(kafka) as rows:
            kill_often(fleet, kafka, settings, rows)
            fill_disk(fleet, kafka, settings)
            rows.finish()
        check(fleet, kafka, rows)
        print(f"{time.monotonic() - began:.1f} s: {sum(rows.committed)} rows stored once each and in order "
              f"over {KILLS} kills (seed {SEED}); {rows.aborted} aborted ones are not there", flush=True)
        out_of_range(fleet, kafka, settings)
        csv_from_now_on(fleet, kafka)
        print(f"{time.monotonic() - began:.1f} s: deleted records, a topic made anew, CSV, certificates")
print("passed")
