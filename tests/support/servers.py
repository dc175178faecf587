"""Real object storage servers, and Spark, for tests and benches: installed once into a cache, started on free ports in
fresh folders, stopped by process id.

The cache is TRIB_SERVERS, or /tmp/tributary-servers-UID. Each server comes through the ordinary client of its
registry (go install, npm), as that is configured on the machine. What cannot be had is Unavailable, and says why.
"""
import base64
import contextlib
import datetime
import fcntl
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import subprocess
import socket
import sys
import tempfile
import urllib.parse
import urllib.request

from fleet import free_port, wait_for

CACHE = pathlib.Path(os.environ.get("TRIB_SERVERS") or f"/tmp/tributary-servers-{os.getuid()}")
GO = {"versitygw": ("github.com/versity/versitygw/cmd/versitygw", "v1.8.0"),
      "fake-gcs-server": ("github.com/fsouza/fake-gcs-server", "v1.56.1"),
      "minio": ("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")}
OTHERS = {"azurite": "3.35.0", "pyspark": "3.5.7"}
INSTALL_SECONDS = 900
BUCKET = "tributary-test"
# Azurite's account, which its documentation publishes for everyone.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Unavailable(Exception):
    pass


def _run(command, **options):
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=INSTALL_SECONDS, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout)[-300:].strip()}")


def _go(name, target):
    module, version = GO[name]
    if shutil.which("go") is None:
        raise Unavailable("go is not installed")
    made = target.with_name(target.name + ".new")
    _run(["go", "install", f"{module}@{version}"], env=dict(os.environ, GOBIN=str(made), GOFLAGS=""))
    os.replace(made / name, target)
    shutil.rmtree(made, ignore_errors=True)


def _npm(target):
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Unavailable("node and npm are not installed")
    made = target.with_name(target.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    _run(["npm", "install", "--silent", "--no-audit", "--no-fund", f"azurite@{OTHERS['azurite']}"], cwd=made)
    os.replace(made, target)


def _pip(target):
    made = target.with_name(target.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", made,
          f"pyspark=={OTHERS['pyspark']}"])
    os.replace(made, target)


def install(name):
    """The server's program, or folder. One process installs, others wait for it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    version = OTHERS.get(name) or GO[name][1]
    target = CACHE / f"{name}-{version}"
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            {"azurite": _npm, "pyspark": _pip}.get(name, lambda to: _go(name, to))(target)
    return target


class Servers:
    """What is started within `with` is stopped at its end."""

    def __init__(self, folder=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-servers-", dir=folder))
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, port, *command, **environment):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
                                   env=dict(os.environ, **environment))
        log.close()
        self.processes.append(process)

        def answers():
            if process.poll() is not None:
                raise Unavailable(f"{name} stopped: {(self.folder / (name + '.log')).read_text()[-300:]}")
            with contextlib.suppress(OSError), contextlib.closing(_connect(port)):
                return True
            return False
        wait_for(name, answers, 30)
        return process

    def versitygw(self, virtual=False):
        """Settings of the backend s3, as the environment of object_settings.h. Virtual: the bucket's name stands
        before the host's, which is then localhost, since curl looks up no name below that."""
        port, data = free_port(), self.folder / f"versitygw-{len(self.processes)}"
        (data / BUCKET).mkdir(parents=True)
        self.start("versitygw", port, install("versitygw"), "--port", f"127.0.0.1:{port}",
                   *(("--virtual-domain", f"localhost:{port}") if virtual else ()), "posix", data,
                   ROOT_ACCESS_KEY="testaccess", ROOT_SECRET_KEY="testsecret")
        host = "localhost" if virtual else "127.0.0.1"
        return {"OBJECT_BACKEND": "s3", "OBJECT_ENDPOINT": f"http://{host}:{port}", "OBJECT_BUCKET": BUCKET,
                "OBJECT_ACCESS_KEY": "testaccess", "OBJECT_SECRET_KEY": "testsecret",
                **({"OBJECT_VIRTUAL_HOST": "1"} if virtual else {})}

    def minio(self):
        port, data = free_port(), self.folder / "minio"
        (data / BUCKET).mkdir(parents=True)
        self.start("minio", port, install("minio"), "server", "--quiet", "--address", f"127.0.0.1:{port}", data,
                   MINIO_ROOT_USER="testaccess", MINIO_ROOT_PASSWORD="testsecret", MINIO_BROWSER="off",
                   MINIO_UPDATE="off", MINIO_CALLHOME_ENABLE="off",
                   MINIO_SITE_REGION="us-east-1")  # without one it takes any
        return {"OBJECT_BACKEND": "s3", "OBJECT_ENDPOINT": f"http://127.0.0.1:{port}", "OBJECT_BUCKET": BUCKET,
                "OBJECT_ACCESS_KEY": "testaccess", "OBJECT_SECRET_KEY": "testsecret"}

    def azurite(self):
        port, home = free_port(), install("azurite")
        self.start("azurite", port, "node", home / "node_modules/azurite/dist/src/blob/main.js", "--silent",
                   "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", port,
                   "--inMemoryPersistence")
        _azure_container(port)
        return {"OBJECT_BACKEND": "azure", "OBJECT_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
                "OBJECT_BUCKET": BUCKET, "OBJECT_ACCOUNT": ACCOUNT, "OBJECT_ACCOUNT_KEY": ACCOUNT_KEY}

    def fake_gcs(self):
        port = free_port()
        self.start("fake-gcs-server", port, install("fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1",
                   "-port", port, "-backend", "memory", "-public-host", f"127.0.0.1:{port}",
                   "-external-url", f"http://127.0.0.1:{port}")
        _open(urllib.request.Request(f"http://127.0.0.1:{port}/storage/v1/b", method="POST",
                                     data=json.dumps({"name": BUCKET}).encode(),
                                     headers={"Content-Type": "application/json"}))
        # It looks at no condition of a composition: see docs/object-storage.md.
        return {"OBJECT_BACKEND": "gcs", "OBJECT_ENDPOINT": f"http://127.0.0.1:{port}", "OBJECT_BUCKET": BUCKET,
                "OBJECT_NO_COMPOSE_CONDITION": "1"}


def _connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=1)


def _open(request):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return answer.read()


def azure_mac(text):
    return base64.b64encode(hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()).decode()


def _azure_container(port):
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-12-02\n/{ACCOUNT}/{ACCOUNT}/{BUCKET}\n" \
        "restype:container"
    _open(urllib.request.Request(
        f"http://127.0.0.1:{port}/{ACCOUNT}/{BUCKET}?restype=container", method="PUT",
        headers={"x-ms-date": date, "x-ms-version": "2021-12-02", "Content-Length": "0",
                 "Authorization": f"SharedKey {ACCOUNT}:{azure_mac(text)}"}))


def azure_sas(permissions, minutes=60):
    """A service SAS of the container, valid from some minutes ago."""
    version = "2021-12-02"
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = [(now + datetime.timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (-10, minutes)]
    text = "\n".join([permissions, start, end, f"/blob/{ACCOUNT}/{BUCKET}", "", "", "", version, "c", "", "",
                      "", "", "", "", ""])
    fields = {"sv": version, "st": start, "se": end, "sr": "c", "sp": permissions, "sig": azure_mac(text)}
    return "&".join(f"{key}={urllib.parse.quote(value, safe='')}" for key, value in fields.items())
