#!/usr/bin/env python3
"""A real Apache Kafka (KRaft, one node) for tests, and a real client to look into it.

    with Kafka(fleet.folder / "kafka", ssl=True) as kafka:
        kafka.start()
        kafka.topic("readings", partitions=3)
        ...
        kafka.kill()   # SIGKILL; start() again: the same ports, the same data
        kafka.start()
        for record in kafka.consume("readings"):
            ...

Maven installs the broker once, into TRIB_SERVERS (/tmp/tributary-servers-$UID). What is missing here
(java, mvn, a way to a repository, the Python client) raises Skip; a test that wraps itself in
`skipping()` then says why and exits with 77.

Everything listens on free ports of 127.0.0.1, unencrypted at `address`, and

    ssl=True    at `ssl_address`, to clients with a certificate of the rig's authority
    sasl=True   at `sasl_address`, over TLS, to USERS, by PLAIN and by SCRAM-SHA-256

`ssl_settings()` and `sasl_settings()` are what a librdkafka client needs for these. Topics are never
made silently. Sessions are short, so that a broker that was killed is back in seconds.

As a program: kafka.py --self-test tries all of this; kafka.py --install only installs.
"""
import argparse
import collections
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fleet import free_port, wait_for  # noqa: E402

VERSION, SCALA, SIMPLE = "3.9.1", "2.13", "1.7.36"
CLUSTER = "VHJpYnV0YXJ5VGVzdHMxMg"  # 16 bytes in base 64, as the storage tool wants them
USERS = {"edge": "edge-secret", "cloud": "cloud-secret"}
INSTALL_S, START_S = 300, 90

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tributary.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{SCALA}</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{SIMPLE}</version>
    </dependency>
  </dependencies>
</project>
"""

Record = collections.namedtuple("Record", "key value headers partition offset timestamp_ms")


class Skip(Exception):
    """What the rig needs cannot be had here; the text says what."""


@contextlib.contextmanager
def skipping():
    """Around a whole test: a Skip ends it with 77, the number that ctest takes for skipped."""
    try:
        yield
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)


def python_client():
    try:
        import confluent_kafka
        import confluent_kafka.admin  # noqa: F401
    except ImportError as missing:
        raise Skip(f"no Python package confluent-kafka ({missing}): tests/run installs it") from missing
    return confluent_kafka


# ---- installing ----

def servers():
    default = pathlib.Path(f"/tmp/tributary-servers-{os.getuid()}")
    return pathlib.Path(os.environ.get("TRIB_SERVERS") or default)


def install():
    """The folder of the broker's jars. Of two that install at once one waits for the other; a folder by
    the final name is whole."""
    for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise Skip(f"no {program}: apt-get install {package}")
    cache = servers()
    cache.mkdir(parents=True, exist_ok=True)
    final = cache / f"kafka-{SCALA}-{VERSION}"
    if final.is_dir():
        return final
    with open(cache / "kafka.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            download(cache, final)
    return final


def download(cache, final):
    with tempfile.TemporaryDirectory(prefix="kafka-installing-", dir=cache) as folder:
        work = pathlib.Path(folder)
        (work / "pom.xml").write_text(POM)
        command = ["mvn", "-q", "-B", "-f", str(work / "pom.xml"), "dependency:copy-dependencies",
                   f"-DoutputDirectory={work}/lib", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise Skip(f"mvn did not fetch Kafka {VERSION} within {INSTALL_S} s") from late
        jars = list((work / "lib").glob("*.jar"))
        if done.returncode != 0 or not any(jar.name.startswith("kafka_") for jar in jars):
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise Skip(f"mvn could not fetch Kafka {VERSION}: " + " / ".join(said[:3]))
        os.rename(work / "lib", final)


# ---- certificates ----

def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {words}: {done.stderr}"


def make_certificate(tls, name, subject, extensions="", days=30):
    """tls/NAME.pem and NAME.key (PKCS #8) of the authority tls/ca.pem, which is made first if need be. It has
    expired where `days` is below 0."""
    if not (tls / "ca.pem").exists():
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                30, "-subj", "/CN=kafka test authority", "-keyout", tls / "ca.key", "-out", tls / "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
            "-keyout", tls / f"{name}.key", "-out", tls / f"{name}.csr")
    (tls / f"{name}.ext").write_text(extensions)
    openssl("x509", "-req", "-in", tls / f"{name}.csr", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key",
            "-CAcreateserial", "-days", days, "-extfile", tls / f"{name}.ext", "-out", tls / f"{name}.pem")


# ---- the broker ----

class Kafka:
    def __init__(self, folder, ssl=False, sasl=False, heap_mb=256, settings=None):
        """`settings`: more of the broker's own, by name."""
        python_client()
        self.jars = install()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heap_mb = heap_mb
        self.process = None
        self.tls = self.folder / "tls"
        self.ports = {"PLAINTEXT": free_port(), "CONTROLLER": free_port()}
        if ssl:
            self.ports["SSL"] = free_port()
        if sasl:
            self.ports["SASL_SSL"] = free_port()
        if ssl or sasl:
            self.tls.mkdir(exist_ok=True)
            make_certificate(self.tls, "broker", "/CN=localhost",
                             "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            make_certificate(self.tls, "client", "/CN=client")
            keystore = self.tls / "keystore.pem"
            keystore.write_text((self.tls / "broker.key").read_text() + (self.tls / "broker.pem").read_text())
        self.config = self.folder / "server.properties"
        self.config.write_text("".join(f"{key}={value}\n" for key, value in
                                       {**self.properties(), **(settings or {})}.items()))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip:
            print("--- broker.log", *self.log().splitlines()[-15:], sep="\n", file=sys.stderr)
        self.stop()

    def at(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def address(self):
        return self.at("PLAINTEXT")

    @property
    def ssl_address(self):
        return self.at("SSL")

    @property
    def sasl_address(self):
        return self.at("SASL_SSL")

    def log(self):
        path = self.folder / "broker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def properties(self):
        names = [name for name in self.ports if name != "CONTROLLER"]
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{self.at('CONTROLLER')}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(f"{name}://{self.at(name)}" for name in self.ports),
            "advertised.listeners": ",".join(f"{name}://{self.at(name)}" for name in names),
            "listener.security.protocol.map": ",".join(
                f"{name}:{'PLAINTEXT' if name == 'CONTROLLER' else name}" for name in self.ports),
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            # One node: of everything one copy, and no waiting for others.
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            # After a kill -9 the controller holds on to the dead broker's session first.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            "controlled.shutdown.max.retries": 1,
            # Who died in a transaction holds up readers of what is committed: not for long.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
            # Little memory.
            "log.cleaner.dedupe.buffer.size": 4 << 20,
            "num.network.threads": 2,
            "num.io.threads": 2,
            "background.threads": 2,
        }
        if self.tls.is_dir():
            properties |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": self.tls / "keystore.pem",
                           "ssl.truststore.type": "PEM", "ssl.truststore.location": self.tls / "ca.pem",
                           "listener.name.ssl.ssl.client.auth": "required"}
        if "SASL_SSL" in self.ports:
            users = " ".join(f'user_{name}="{secret}"' for name, secret in USERS.items())
            module = "org.apache.kafka.common.security"
            own = "listener.name.sasl_ssl"
            properties |= {
                "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
                f"{own}.ssl.client.auth": "none",
                f"{own}.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {users};",
                f"{own}.scram-sha-256.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;"}
        return properties

    def java(self, *words):
        return ["java", "-Xms64m", f"-Xmx{self.heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-cp", f"{self.jars}/*", *map(str, words)]

    def format(self):
        scram = [word for name, secret in USERS.items() if "SASL_SSL" in self.ports
                 for word in ("--add-scram", f"SCRAM-SHA-256=[name={name},password={secret}]")]
        done = subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c",
                                        self.config, *scram), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"formatting Kafka's storage: {done.stdout} {done.stderr}"

    def start(self, wait=True):
        """Returns once the broker answers, unless told not to wait for that."""
        assert self.process is None, "the broker runs already"
        if not (self.folder / "data/meta.properties").exists():
            self.format()
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", self.config), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        if wait:
            self.wait()

    def wait(self):
        wait_for("Kafka", self.answers, START_S, pause=0.1)

    def answers(self):
        assert self.process.poll() is None, "Kafka ended: " + self.log()[-2000:]
        client = python_client()
        admin = client.admin.AdminClient(self.settings())
        try:
            return bool(admin.list_topics(timeout=2).brokers)
        except client.KafkaException:
            return False

    def end(self, how, seconds):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)

    def stop(self):
        self.end(signal.SIGTERM, 30)

    def kill(self):
        self.end(signal.SIGKILL, 20)

    # ---- its clients ----

    def settings(self):
        """Of a librdkafka client at the plain address. Quiet: a broker that is away is no news here."""
        return {"bootstrap.servers": self.address, "log_level": 0, "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 2000}

    def ssl_settings(self):
        return {**self.settings(), "bootstrap.servers": self.ssl_address, "security.protocol": "ssl",
                "ssl.ca.location": str(self.tls / "ca.pem"),
                "ssl.certificate.location": str(self.tls / "client.pem"),
                "ssl.key.location": str(self.tls / "client.key")}

    def sasl_settings(self, mechanism="SCRAM-SHA-256", user="edge", password=None):
        return {**self.settings(), "bootstrap.servers": self.sasl_address, "security.protocol": "sasl_ssl",
                "ssl.ca.location": str(self.tls / "ca.pem"), "sasl.mechanism": mechanism,
                "sasl.username": user, "sasl.password": USERS[user] if password is None else password}

    def admin(self):
        return python_client().admin.AdminClient(self.settings())

    def topic(self, name, partitions=1, settings=None):
        new = python_client().admin.NewTopic(name, num_partitions=partitions, replication_factor=1,
                                             config=settings or {})
        admin = self.admin()  # held: its answers end with it
        admin.create_topics([new], operation_timeout=20)[name].result(timeout=30)
        wait_for(f"topic {name}", lambda: name in admin.list_topics(timeout=10).topics, 30)

    def producer(self, transactional=None, settings=None):
        """With `transactional`, its id: idempotent, and ready to begin a transaction."""
        options = {**self.settings(), "linger.ms": 5, **(settings or {})}
        if transactional is not None:
            options |= {"transactional.id": transactional, "enable.idempotence": True,
                        "transaction.timeout.ms": 30000}
        producer = python_client().Producer(options)
        if transactional is not None:
            self.persist(producer.init_transactions)
        return producer

    def persist(self, step, seconds=60):
        """A step of a transaction, tried again as long as the client says that this helps."""
        client = python_client()
        end = time.monotonic() + seconds
        while True:
            try:
                return step(5)
            except client.KafkaException as failure:
                if not failure.args[0].retriable() or time.monotonic() > end:
                    raise

    def consume(self, topic, committed=True, seconds=60, settings=None):
        """Every record of the topic as of now, partition by partition in order; of transactions only
        committed ones, unless committed=False. Values and headers are bytes as they were written."""
        client = python_client()
        consumer = client.Consumer({
            **self.settings(), "group.id": "tests", "enable.auto.commit": False,
            "enable.partition.eof": True, "fetch.wait.max.ms": 50,
            "isolation.level": "read_committed" if committed else "read_uncommitted", **(settings or {})})
        try:
            known = consumer.list_topics(topic, timeout=20).topics[topic]
            assert known.error is None, f"topic {topic}: {known.error}"
            for partition in sorted(known.partitions):
                yield from self.consume_partition(client, consumer, topic, partition, seconds)
        finally:
            consumer.close()

    @staticmethod
    def consume_partition(client, consumer, topic, partition, seconds):
        consumer.assign([client.TopicPartition(topic, partition, client.OFFSET_BEGINNING)])
        end = time.monotonic() + seconds
        while True:
            message = consumer.poll(1)
            assert time.monotonic() < end, f"{topic} [{partition}] was not read within {seconds} s"
            if message is None:
                continue
            if message.error() is None:
                yield Record(message.key(), message.value(), message.headers() or [], partition,
                             message.offset(), message.timestamp()[1])
            elif message.error().code() == client.KafkaError._PARTITION_EOF:
                return
            else:
                assert message.error().retriable() or message.error().code() in (
                    client.KafkaError._ALL_BROKERS_DOWN, client.KafkaError._TRANSPORT), message.error()

    def group_offsets(self, group, topic):
        """What a group has committed: {partition: offset}, for those that have any."""
        client = python_client()
        consumer = client.Consumer({**self.settings(), "group.id": group, "enable.auto.commit": False})
        try:
            partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
            asked = [client.TopicPartition(topic, partition) for partition in partitions]
            return {one.partition: one.offset for one in consumer.committed(asked, timeout=20)
                    if one.offset >= 0}
        finally:
            consumer.close()


# ---- does the rig itself work? ----

def test_installing(scratch):
    """Two at once, with Maven's place taken by a program that is slow: one fetches, both are served."""
    tools = scratch / "tools"
    tools.mkdir()
    (tools / "mvn").write_text(f"""#!/bin/sh
for word; do case $word in -DoutputDirectory=*) to=${{word#*=}};; esac; done
echo x >>{scratch}/fetched
sleep 1
mkdir -p "$to" && : >"$to/kafka_{SCALA}-{VERSION}.jar"
""")
    (tools / "mvn").chmod(0o755)
    environment = {**os.environ, "TRIB_SERVERS": str(scratch / "servers"),
                   "PATH": f"{tools}:{os.environ['PATH']}"}
    both = [subprocess.Popen([sys.executable, __file__, "--install"], env=environment,
                             stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate(timeout=60)[0].strip() for process in both}
    assert said == {str(scratch / f"servers/kafka-{SCALA}-{VERSION}")}, said
    assert (scratch / "fetched").read_text() == "x\n", "fetched more than once"
    (tools / "mvn").write_text("#!/bin/sh\necho no way to the repository\nexit 1\n")
    environment["TRIB_SERVERS"] = str(scratch / "others")
    done = subprocess.run([sys.executable, __file__, "--install"], env=environment, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 77 and "no way to the repository" in done.stdout, done
    assert not list((scratch / "others").glob("kafka-*")), "a failed attempt left something behind"


def test_records(kafka):
    kafka.topic("plain", partitions=2)
    producer = kafka.producer("rig")
    kept = bytes(range(256))
    for number in range(20):
        producer.begin_transaction()
        for partition in range(2):
            producer.produce("plain", key=f"k{number}", value=kept + b"%d" % number, partition=partition,
                             headers=[("ce_id", kept), ("empty", b"")])
        producer.flush(30)  # or what is aborted never leaves
        if number % 4 == 3:
            kafka.persist(producer.abort_transaction)
        else:
            kafka.persist(producer.commit_transaction)
    expected = [kept + b"%d" % number for number in range(20) if number % 4 != 3]
    records = list(kafka.consume("plain"))
    for partition in range(2):
        mine = [record for record in records if record.partition == partition]
        assert [record.value for record in mine] == expected, mine
        assert mine == sorted(mine, key=lambda record: record.offset)
        assert all(record.headers == [("ce_id", kept), ("empty", b"")] for record in mine), mine[0]
    assert len(list(kafka.consume("plain", committed=False))) == 40
    return expected


def test_access(kafka):
    client = python_client()

    def try_it(settings):
        errors = []
        admin = client.admin.AdminClient({**settings, "error_cb": errors.append})
        try:
            return "plain" in admin.list_topics(timeout=2).topics
        except client.KafkaException:
            admin.poll(1)
            return errors[0].str() if errors else "no answer"
    for name, settings in (("certificate", kafka.ssl_settings()), ("PLAIN", kafka.sasl_settings("PLAIN")),
                           ("SCRAM", kafka.sasl_settings(user="cloud"))):
        said = try_it(settings)
        assert said is True, f"{name}: {said}"
    anonymous = kafka.ssl_settings()
    del anonymous["ssl.certificate.location"], anonymous["ssl.key.location"]
    for name, settings in (("no certificate", anonymous),
                           ("PLAIN, wrong password", kafka.sasl_settings("PLAIN", password="wrong")),
                           ("SCRAM, wrong password", kafka.sasl_settings(password="wrong"))):
        said = try_it(settings)
        assert said is not True, f"{name} was let in"
        print(f"  refused, {name}: {said[:100]}")
    try:
        producer = kafka.producer(settings={"message.timeout.ms": 3000})
        failures = []
        producer.produce("nowhere", b"x", on_delivery=lambda error, _: failures.append(error))
        producer.flush(10)
        assert failures and failures[0] is not None, "a topic was made silently"
    except client.KafkaException:
        pass


def self_test():
    began = time.monotonic()

    def done(what):
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tributary-kafka-") as scratch:
        scratch = pathlib.Path(scratch)
        test_installing(scratch)
        done("installing: two at once, and failing")
        with Kafka(scratch / "kafka", ssl=True, sasl=True) as kafka:
            done("installed in earnest")
            kafka.start()
            done("started")
            expected = test_records(kafka)
            done("transactions, binary values and headers")
            test_access(kafka)
            done("certificates, PLAIN, SCRAM; strangers and unknown topics refused")
            with open(f"/proc/{kafka.process.pid}/status") as status:
                memory = next(line for line in status if line.startswith("VmRSS")).split()[1]
            kafka.kill()
            kafka.start()
            assert [r.value for r in kafka.consume("plain") if r.partition == 1] == expected
            done("killed and back, with all that was committed")
            kafka.stop()
            kafka.start()
            done("stopped and back")
            print(f"memory of the broker: {int(memory) // 1024} MB")
    print("passed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--install", action="store_true")
    chosen = parser.parse_args()
    with skipping():
        if chosen.install:
            print(install())
        elif chosen.self_test:
            self_test()
        else:
            parser.print_help()
