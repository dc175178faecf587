"""Real processes for end-to-end tests: a broker, a cloud, agents, each in a fresh folder.

Everything listens on free loopback ports, unless a test says where else; what is started here is stopped
by process id, and nothing else is touched.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRIB_BUILD", SOURCE / "build"))
TRIBUTARY = BUILD / "cloud/ctl/tributary"
CLOUD = BUILD / "cloud/main/tributary-cloud"
EDGE = BUILD / "edge/main/tributary-edge"
SUPPRESSIONS = SOURCE / "tests/support/leaks.supp"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=60.0, pause=0.05):
    """Polls until condition() is true; an assertion names what never came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"never came within {seconds:.0f} s: {what}")


class Fleet:
    address = "127.0.0.1"  # where the broker is
    server_names = ("--dns", "localhost", "--ip", "127.0.0.1")

    def __init__(self, name, keep=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tributary-{name}-"))
        self.keep = keep
        self.cloud_extra = ""  # lines of the cloud's config
        self.processes = {}
        self.keys = self.folder / "keys"
        self.broker_port = free_port()
        self.api_port = free_port()
        self.identity("init", self.keys)
        self.identity("server", self.keys, "--name", "broker", *self.server_names)
        self.identity("gateway", self.keys, "cloud")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for name in list(self.processes):
            self.stop(name)
        reports = [log.name for log in self.folder.glob("*.log") for line in
                   log.read_text(errors="replace").splitlines() if "Sanitizer" in line]
        if kind is not None or reports:
            print(f"--- logs of {self.folder}", file=sys.stderr)
            for log in sorted(self.folder.glob("*.log")):
                lines = log.read_text(errors="replace").splitlines()[-100 if reports else -15:]
                print(f"--- {log.name}", *lines, sep="\n", file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        assert kind is not None or not reports, f"a sanitizer reported: {set(reports)}"

    @staticmethod
    def run(*command, **options):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=120, **options)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stderr}"
        return done.stdout

    def identity(self, *words):
        return self.run(TRIBUTARY, "identity", *words)

    # ---- processes ----

    def inside(self, name):
        """What stands before a program's command, so that it runs where it belongs."""
        return ()

    def start(self, name, *command, environment=None, stdin=subprocess.DEVNULL):
        log = open(self.folder / f"{name}.log", "ab")
        environment = dict(os.environ if environment is None else environment)
        environment.setdefault("LSAN_OPTIONS", f"print_suppressions=0:suppressions={SUPPRESSIONS}")
        self.processes[name] = subprocess.Popen([str(part) for part in (*self.inside(name), *command)],
                                                stdout=log, stderr=log, stdin=stdin, env=environment,
                                                start_new_session=True)
        log.close()
        return self.processes[name]

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    # ---- broker ----

    def broker_config(self):
        state = self.folder / "broker"
        state.mkdir(exist_ok=True)
        os.chmod(state, 0o777)
        template = (SOURCE / "deploy/broker/mosquitto.conf").read_text()
        for word, value in {"PORT": self.broker_port, "ADDRESS": self.address, "KEYS": self.keys,
                            "STATE": state, "ACL": SOURCE / "deploy/broker/acl"}.items():
            template = template.replace(f"@{word}@", str(value))
        if os.geteuid() == 0:
            template += "\nuser root\n"
        path = self.folder / "mosquitto.conf"
        path.write_text(template)
        return path

    def let_read_all(self, name):
        """Before the broker starts: a client of that name may subscribe to everything, to look on."""
        self.enrol(name)
        acl = self.folder / "acl"
        acl.write_text(f"user {name}\ntopic read #\n\n" + (SOURCE / "deploy/broker/acl").read_text())
        config = self.broker_config

        def with_acl():
            path = config()
            path.write_text(path.read_text().replace(str(SOURCE / "deploy/broker/acl"), str(acl)))
            return path
        self.broker_config = with_acl

    def start_broker(self, environment=None):
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        self.start("broker", program, "-c", self.broker_config(), environment=environment)
        wait_for("the broker", lambda: self.listening(self.broker_port), 15)

    def listening(self, port):
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.address, port)) == 0

    # ---- cloud ----

    def cloud_config(self):
        path = self.folder / "cloud.yaml"
        path.write_text(f"""state: {self.folder}/cloud
broker:
  uri: ssl://{self.address}:{self.broker_port}
  ca: {self.keys}/ca.pem
  certificate: {self.keys}/cloud.pem
  key: {self.keys}/cloud.key
authorities: {self.keys}/ca.pem
api: {{listen: "127.0.0.1:{self.api_port}", token_file: {self.folder}/token}}
{self.cloud_extra}
""")
        return path

    def start_cloud(self, *options, environment=None):
        if not (self.folder / "cloud/signing.pub.pem").exists():
            self.run(CLOUD, "--config", self.cloud_config(), "--init")
        self.start("cloud", CLOUD, "--config", self.cloud_config(), *options,
                   environment=environment)
        wait_for("the cloud's API", self.healthy, 20)

    def healthy(self):
        try:
            return self.api("GET", "/v1/health")["status"] == "ok"
        except (OSError, http.client.HTTPException):
            assert self.processes["cloud"].poll() is None, "the cloud stopped: " + self.log("cloud")
            return False

    def api(self, method, path, body=None, expect=200):
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=20)
        token = self.folder / "token"
        headers = {"Authorization": "Bearer " + token.read_text().strip()} if token.exists() else {}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == expect, f"{method} {path}: {answer.status} {content[:300]}"
        return json.loads(content) if answer.getheader("Content-Type") == "application/json" else content

    def metrics(self):
        """As a public client reads them: {name: value}, {name{label value}: value}."""
        try:
            from prometheus_client.parser import text_string_to_metric_families
        except ImportError as missing:
            print(f"metrics are not read: {missing}")
            return None
        found = {}
        for family in text_string_to_metric_families(self.api("GET", "/metrics").decode()):
            assert family.documentation and family.type in ("counter", "gauge"), family
            for sample in family.samples:
                assert sample.name.startswith("tributary_") and sample.name.endswith("_total") == (
                    family.type == "counter"), sample
                name = " ".join([sample.name[len("tributary_"):], *sample.labels.values()])
                assert name not in found, name
                found[name] = sample.value
        return found

    def apply(self, document):
        return self.api("POST", "/v1/federations", body=document)

    def federation(self, name):
        return self.api("GET", f"/v1/federations/{name}")

    # ---- gateways ----

    def enrol(self, name):
        self.identity("gateway", self.keys, name)

    def start_edge(self, name, federation, source, extra="", environment=None, broker_port=None,
                   broker_address=None, broker_extra="", enrol=True, stdin=subprocess.DEVNULL):
        if enrol and not (self.keys / f"{name}.pem").exists():
            self.enrol(name)
        path = self.folder / f"{name}.yaml"
        path.write_text(f"""federation: {federation}
state: {self.folder}/state-{name}
broker:
  uri: ssl://{broker_address or self.address}:{broker_port or self.broker_port}
  ca: {self.keys}/ca.pem
  certificate: {self.keys}/{name}.pem
  key: {self.keys}/{name}.key
{broker_extra}
trust: [{self.folder}/cloud/signing.pub.pem]
source: {source}
{extra}
""")
        return self.start(name, EDGE, "--config", path, environment=environment, stdin=stdin)

    @contextlib.contextmanager
    def database(self, name):
        """Closed behind it, which sqlite3's own context leaves to a collection of garbage: whoever has a
        database open keeps its index (-shm) alive, and an agent killed meanwhile would find it again."""
        with contextlib.closing(sqlite3.connect(self.folder / f"state-{name}/state.db",
                                                timeout=20)) as connection, connection:
            yield connection

    def outbox(self, name):
        """How many updates wait for a receipt or the close of their round."""
        with self.database(name) as connection:
            return connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
