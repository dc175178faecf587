#!/usr/bin/env python3
"""Object storage: one contract, asked of files, versitygw (S3), Azurite and fake-gcs-server, and what happens when
they fail: errors, slow-downs, cut and stalled connections, changed bytes, wrong secrets, a wrong clock.

TRIB_FULL=1 also puts 1 GB (64 MB otherwise), and asks MinIO. A server that cannot be had is skipped, and said.
"""
import base64
import concurrent.futures
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, SUPPRESSIONS, wait_for  # noqa: E402
from servers import ACCOUNT_KEY, Servers, Unavailable, azure_sas  # noqa: E402
from object_faults import FaultProxy  # noqa: E402

PROGRAM = BUILD / "tests/support/object_contract"
FULL = os.environ.get("TRIB_FULL") == "1"
MB = 1 << 20
PART = 8 * MB
BIG = 1 << 30 if FULL else 64 * MB


def clean_environment(settings):
    keep = {key: value for key, value in os.environ.items()
            if not key.startswith("OBJECT_") and not key.lower().endswith("_proxy")}
    return dict(keep, LSAN_OPTIONS=f"print_suppressions=0:suppressions={SUPPRESSIONS}", **settings)


def call(settings, *words, before=(), seconds=300):
    """(whether it went well, what it said)."""
    command = [str(word) for word in (*before, PROGRAM, *words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds,
                          env=clean_environment(settings))
    said = done.stdout.strip()
    assert done.returncode in (0, 1), f"{words}: {done.returncode}: {done.stderr[-2000:]}{said}"
    assert "Sanitizer" not in done.stderr, done.stderr[-3000:]
    for key in ("OBJECT_SECRET_KEY", "OBJECT_ACCOUNT_KEY", "OBJECT_SAS", "OBJECT_SESSION_TOKEN"):
        assert settings.get(key, "\0") not in said + done.stderr, f"{key} was printed: {said}"
    return done.returncode == 0, said


def good(settings, *words, **options):
    fine, said = call(settings, *words, **options)
    assert fine, f"{words}: {said}"
    return said


def bad(settings, expected, *words, **options):
    """The call fails; what it says matches all the expressions."""
    fine, said = call(settings, *words, **options)
    assert not fine, f"{words} went well: {said}"
    for expression in expected if isinstance(expected, tuple) else (expected,):
        assert re.search(expression, said), f"{words}: no {expression!r} in: {said}"
    return said


# ---- what every backend does ----

def contract(settings):
    good(settings, "contract")
    big = {**settings, "OBJECT_CONNECTIONS": "4"}
    memory = peak_mb(big, "put", "big", BIG, 9), peak_mb(big, "get", "big", BIG, 9)
    # The system counts what this script had in memory when it forked, too.
    assert max(memory) < 400, f"{BIG // MB} MB took {memory} MB of memory"
    good(settings, "remove", "big")
    return f"{BIG // MB} MB in {memory[0]:.0f} and {memory[1]:.0f} MB of memory"


def peak_mb(settings, *words):
    process = subprocess.Popen([str(PROGRAM), *map(str, words)], stdout=subprocess.PIPE, text=True,
                               env=clean_environment(settings))
    said = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{words}: {said}"
    sanitized = "address" in (BUILD / "CMakeCache.txt").read_text().split("TRIB_SANITIZE:STRING=")[1].split("\n")[0]
    return 0 if sanitized else usage.ru_maxrss / 1024


# ---- faults ----

FAST = {"OBJECT_FIRST_MS": "5", "OBJECT_MOST_MS": "50", "OBJECT_TIMEOUT_MS": "1000"}


def through(settings, proxy):
    return {**settings, **FAST,
            "OBJECT_ENDPOINT": re.sub(r"//[^/]*", f"//127.0.0.1:{proxy.port}", settings["OBJECT_ENDPOINT"])}


def faults(settings):
    with FaultProxy(settings["OBJECT_ENDPOINT"]) as proxy:
        via = through(settings, proxy)
        for fault in ("500", "503", "cut-request", "cut-answer", "stall"):
            proxy.plan(fault, every=3, most=2 if fault == "stall" else None)
            good(via, "put", "fault/small", 1000, 1)
            good(via, "put", "fault/large", 3 * PART + 5, 2)
            good(via, "get", "fault/small", 1000, 1)
            if fault != "stall":
                good(via, "get", "fault/large", 3 * PART + 5, 2)
            assert proxy.done > 0, f"{fault} never happened"
            proxy.plan(None)
            good(via, "get", "fault/large", 3 * PART + 5, 2)
        changed_bytes(via, proxy)
        answers_lost(via, proxy)
        proxy.plan("500", every=1)
        bad({**via, "OBJECT_TRIES": "3"}, ("^retry: ", "3 tries", "fault/small"), "put", "fault/small", 9, 1)
        proxy.plan("503", every=1)
        began = time.monotonic()
        bad({**via, "OBJECT_BUDGET_MS": "300", "OBJECT_TRIES": "1000"}, "^retry: ", "head", "fault/small")
        assert time.monotonic() - began < 5
        proxy.plan("stall", every=1)
        bad({**via, "OBJECT_TRIES": "1"}, ("^retry: ", "timeout_ms"), "head", "fault/small")
    bad(via, ("^retry: ", "endpoint"), "head", "fault/small")  # nobody listens there any more
    good(settings, "remove", "fault/small")
    good(settings, "remove", "fault/large")


def changed_bytes(via, proxy):
    """The server compares checksums. S3 names that failure, and it is tried again; the emulators of the others do
    not, so that it is told."""
    for size in (2000, PART + 2000):
        proxy.plan("flip", every=1, methods=("PUT", "POST"), most=2)
        fine, said = call(via, "put", "fault/flipped", size, 3)
        assert fine == (via["OBJECT_BACKEND"] == "s3") and proxy.done > 0, said
        proxy.plan(None)
        if fine:
            good(via, "get", "fault/flipped", size, 3)
        else:
            bad(via, "^not_found: ", "head", "fault/flipped")
    good(via, "remove", "fault/flipped")


def answers_lost(via, proxy):
    """The server has done its work, and nobody heard of it: whoever was first has still won."""
    for size in (10, PART + 10):
        proxy.plan("lose-answer", every=1, methods=("PUT", "POST"), most=4 if size > PART else 1)
        if via.get("OBJECT_NO_COMPOSE_CONDITION") is None or size < PART:
            good(via, "put", f"lost/{size}", size, 3, "absent")
        proxy.plan(None)
        bad(via, "^state: ", "put", f"lost/{size}", size, 4, "absent") if size < PART else None
        good(via, "remove", f"lost/{size}")


def resumed(settings):
    """Killed in the middle; the next put sends only what is not there yet. Another content is not mixed in."""
    size = 8 * PART
    with FaultProxy(settings["OBJECT_ENDPOINT"]) as proxy:
        via = {**through(settings, proxy), "OBJECT_CONNECTIONS": "1"}
        process = subprocess.Popen([str(PROGRAM), "put", "resumed", str(size), "5", "resume"],
                                   env=clean_environment(via), stdout=subprocess.DEVNULL)
        proxy.plan("pace", every=1)
        wait_for("half of the parts", lambda: proxy.uploaded > 4 * PART, 60, 0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        proxy.plan(None)
        before = proxy.uploaded
        good(via, "put", "resumed", size, 5, "resume")
        sent = proxy.uploaded - before
        assert PART < sent < size - 2 * PART, f"{sent / PART:.1f} parts of 8 were sent again"
        good(via, "get", "resumed", size, 5)
        good(via, "put", "resumed", size, 6, "resume")
        good(via, "get", "resumed", size, 6)
        good(via, "sweep", 0)
        good(via, "get", "resumed", size, 6)
        good(via, "remove", "resumed")


def common_mistakes(settings, bucket_word):
    bad({**settings, "OBJECT_BUCKET": "not-there"}, ("^not_found: ", "not-there", bucket_word), "list", "", "")
    bad({**settings, "OBJECT_BUCKET": "not-there"}, ("^not_found: ", "not-there"), "put", "k", 3, 1)
    bad({**settings, "OBJECT_BUCKET": "not-there"}, ("^not_found: ", "not-there"), "remove", "k")
    bad({**settings, "OBJECT_BUCKET": "a/b"}, ("^argument: ", bucket_word), "list", "", "")
    bad({**settings, "OBJECT_ENDPOINT": "127.0.0.1:1"}, ("^argument: ", "endpoint"), "list", "", "")
    bad({**settings, "OBJECT_CONNECTIONS": "99"}, ("^argument: ", "connections"), "list", "", "")


# ---- each ----

def files(servers):
    settings = {"OBJECT_BACKEND": "file", "OBJECT_FOLDER": str(servers.folder / "files")}
    said = contract(settings)
    good(settings, "put", "plain/name=1/part-0.bin", 5000, 1)
    path = servers.folder / "files/plain/name=1/part-0.bin"
    content = path.read_bytes()
    assert len(content) == 5000
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    bad(settings, ("^(corrupt|internal): ", "damaged|other bytes"), "get", "plain/name=1/part-0.bin", 5000, 1)
    path.write_bytes(content[:-1])
    bad(settings, ("^corrupt: ", "damaged", "plain/name=1"), "get", "plain/name=1/part-0.bin", 4999, 1)
    killed_puts(settings)
    bad({**settings, "OBJECT_FOLDER": "/proc/nothing"}, "folder", "list", "", "")
    return said


def killed_puts(settings):
    """Killed at any moment: the object is the old or the new one, and the sweep removes what was left."""
    size = 24 * MB
    good(settings, "put", "killed", size, 0)
    for i in range(1, 6):
        process = subprocess.Popen([str(PROGRAM), "put", "killed", str(size), str(i)], stdout=subprocess.PIPE,
                                   text=True, env=clean_environment(settings))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02 * i)
        process.kill()
        process.communicate()
        assert any(call(settings, "get", "killed", size, seed)[0] for seed in (i, i - 1)), i
        good(settings, "put", "killed", size, i)
    good(settings, "sweep", 0)
    assert not list((pathlib.Path(settings["OBJECT_FOLDER"]) / ".tributary/parts").iterdir())


def s3_mistakes(settings):
    bad({**settings, "OBJECT_SECRET_KEY": "wrong"}, ("^denied: ", "SignatureDoesNotMatch", "secret_key"),
        "list", "", "")
    bad({**settings, "OBJECT_SECRET_KEY": "wrong"}, ("^denied: ", "'k'"), "put", "k", 3, 1)
    bad({**settings, "OBJECT_ACCESS_KEY": "nobody"}, ("^denied: ", "access_key"), "list", "", "")
    bad({**settings, "OBJECT_ACCESS_KEY": ""}, ("^argument: ", "access_key is missing"), "list", "", "")
    bad({**settings, "OBJECT_REGION": "eu-central-7"}, ("^denied: ", "region"), "list", "", "")
    clock_off(settings, ("^denied: ", "clock", "set the clock", r"3\d\d\d s"))


def clock_off(settings, expected, words=("behind", "ahead")):
    if shutil.which("faketime") is None:
        print("object: faketime is missing: no test of a wrong clock")
        return
    if "sanitize" in subprocess.run(["nm", "-D", PROGRAM], capture_output=True, text=True).stdout:
        return  # its preloading and a sanitizer's do not go together
    for off, word in zip(("-3660s", "+3660s"), words, strict=True):
        bad(settings, (*expected, word), "put", "k", 3, 1, before=("faketime", "-f", off))


def trailing(servers, settings):
    """More than is read twice, in one request: the checksum goes behind the body, and the server compares it."""
    size = 72 * MB + 5
    with FaultProxy(settings["OBJECT_ENDPOINT"]) as proxy:
        via = {**through(settings, proxy), "OBJECT_ONE_REQUEST_MB": "5120", "OBJECT_TIMEOUT_MS": "20000"}
        good(via, "put", "trailing", size, 1)
        assert proxy.trailers == 1
        good(via, "get", "trailing", size, 1)
        proxy.plan("flip", every=1, methods=("PUT",), most=1)
        good(via, "put", "trailing", size, 2)
        assert proxy.done == 1 and proxy.trailers == 3, f"{proxy.trailers} with a checksum behind"
        proxy.plan("cut-request", every=1, methods=("PUT",), most=1)
        good(via, "put", "trailing", size, 3)
        proxy.plan("lose-answer", every=1, methods=("PUT",), most=1)
        good(via, "put", "trailing", size, 4)
        # A get goes on from where it was cut.
        proxy.plan("cut-answer", every=1, methods=("GET",), most=2)
        before = proxy.downloaded
        good(via, "get", "trailing", size, 4)
        assert proxy.done == 2 and proxy.downloaded - before < 1.8 * size, proxy.downloaded - before
        for fault in ("no-trailer", "word-for-digest", "mute"):
            proxy.plan(fault, every=1)
            good(via, "put", f"trailing-{fault}", size, 5)
            proxy.plan(None)
            good(via, "get", f"trailing-{fault}", size, 5)
            good(via, "remove", f"trailing-{fault}")
        trailers = proxy.trailers
        good(via, "put", "trailing-first", size, 6, "absent")  # the digest is before it
        bad(via, "^state: ", "put", "trailing-first", size, 7, "absent")
        assert proxy.trailers == trailers
        good(via, "remove", "trailing-first")
    bad(settings | {"OBJECT_ONE_REQUEST_MB": "5121"}, ("^argument: ", "one_request_mb"), "head", "trailing")
    damaged_in_the_server(servers, via | {"OBJECT_ENDPOINT": settings["OBJECT_ENDPOINT"]}, "trailing", size, 4)
    good(settings, "remove", "trailing")


def damaged_in_the_server(servers, settings, key, size, seed):
    """Its files are the objects; nothing but the digest that a reader compares can tell."""
    path = next(servers.folder.glob(f"versitygw-*/*/{key}"))
    with open(path, "r+b") as file:
        file.seek(size // 2)
        byte = file.read(1)[0]
        file.seek(size // 2)
        file.write(bytes([byte ^ 1]))
    for one_request in ("1", "5120"):
        fine, said = call({**settings, "OBJECT_ONE_REQUEST_MB": one_request}, "read", key)
        assert not fine and re.search("^corrupt: .*damaged", said), said


def tokens(settings):
    """A session's token goes with each request, and the signature covers it."""
    with FaultProxy(settings["OBJECT_ENDPOINT"]) as proxy:
        via = {**through(settings, proxy), "OBJECT_SESSION_TOKEN": "Session/Token+of==MANY-letters"}
        proxy.secret = settings["OBJECT_SECRET_KEY"]
        proxy.plan("signed", every=1)
        good(via, "put", "tokens/a b+c=d", 100, 1)
        good(via, "put", "tokens/a b+c=d", PART + 1, 1)
        good(via, "head", "tokens/a b+c=d")
        good(via, "remove", "tokens/a b+c=d")
        without = {key: value for key, value in via.items() if key != "OBJECT_SESSION_TOKEN"}
        bad(without, "^denied: ", "head", "k")
        bad({**via, "OBJECT_SECRET_KEY": "wrong"}, ("^denied: ", "secret_key"), "put", "k", 9, 1)
        assert proxy.done > 5


def certificates(folder):
    """An authority of the test's own, a server's certificate by it, and an authority that has nothing to do with it."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)
    folder.mkdir()
    for name in ("ours", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial",
            "-days", 2, "-extfile", "names", "-out", "server.pem")
    return folder


def tls(settings, folder):
    """Before a proxy that speaks TLS: by whose authority a server is believed."""
    made = certificates(folder / "certificates")
    with FaultProxy(settings["OBJECT_ENDPOINT"], tls=made) as proxy:
        via = through(settings, proxy)
        via["OBJECT_ENDPOINT"] = via["OBJECT_ENDPOINT"].replace("http://", "https://")
        right = {**via, "OBJECT_CA_FILE": str(made / "ours.pem")}
        good(right, "put", "tls/a", 3 * PART, 1)
        good(right, "get", "tls/a", 3 * PART, 1)
        good(right, "remove", "tls/a")
        for wrong in ({"OBJECT_CA_FILE": str(made / "other.pem")}, {"OBJECT_CA_FILE": str(made / "none.pem")}, {}):
            bad({**via, **wrong}, ("^denied: ", "ca_file"), "head", "tls/a")
        elsewhere = right["OBJECT_ENDPOINT"].replace("127.0.0.1", "localhost")
        bad({**right, "OBJECT_ENDPOINT": elsewhere}, ("^denied: ", "ca_file"), "head", "tls/a")


def s3(servers):
    settings = servers.versitygw()
    said = contract(settings)
    in_parts = {**settings, "OBJECT_ONE_REQUEST_MB": "1"}
    said += f"; in parts {contract(in_parts)}"
    trailing(servers, settings)
    tokens(settings)
    tls(settings, servers.folder)
    s3_mistakes(settings)
    common_mistakes(settings, "bucket")
    bad({**settings, "OBJECT_SESSION_TOKEN": "x" * 5000}, ("^argument: ", "session_token"), "list", "", "")
    hosted = servers.versitygw(virtual=True)
    good(hosted, "put", "virtual/a +b", PART + 5, 1)
    good(hosted, "get", "virtual/a +b", PART + 5, 1)
    assert "virtual/a +b" in good(hosted, "list", "virtual/", "")
    faults(settings)
    faults(in_parts)
    resumed(settings)
    return said


def azure(servers):
    settings = servers.azurite()
    said = contract(settings)
    wrong = base64.b64encode(b"wrong" + base64.b64decode(ACCOUNT_KEY)[5:]).decode()
    bad({**settings, "OBJECT_ACCOUNT_KEY": wrong}, ("^denied: ", "account_key"), "list", "", "")
    bad({**settings, "OBJECT_ACCOUNT_KEY": "no base64"}, ("^argument: ", "account_key"), "list", "", "")
    bad({**settings, "OBJECT_SAS": "sig=x"}, ("^argument: ", "account_key and sas"), "list", "", "")
    common_mistakes(settings, "container")
    shared = {key: value for key, value in settings.items() if key != "OBJECT_ACCOUNT_KEY"}
    all_of_it = {**shared, "OBJECT_SAS": azure_sas("racwdl")}
    good(all_of_it, "put", "sas/a", PART + 5, 1)
    good(all_of_it, "get", "sas/a", PART + 5, 1)
    assert "sas/a" in good(all_of_it, "list", "sas/", "")
    read_only = {**shared, "OBJECT_SAS": "?" + azure_sas("r")}
    good(read_only, "get", "sas/a", PART + 5, 1)
    bad(read_only, ("^denied: ", "sas", "'sas/b'"), "put", "sas/b", 3, 1)
    bad({**shared, "OBJECT_SAS": azure_sas("racwdl", -5)}, ("^denied: ", "sas"), "list", "", "")
    good(all_of_it, "remove", "sas/a")
    faults(settings)
    resumed(settings)
    return said


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    """Gives a token to whoever's assertion the key of the service account has signed."""
    public_key = asked = refuse = None

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        TokenEndpoint.asked += 1
        why = self.check(form)
        body = json.dumps({"error": "invalid_grant", "error_description": why} if why else
                          {"access_token": f"token-{TokenEndpoint.asked}", "expires_in": 3600}).encode()
        self.send_response(400 if why else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def check(self, form):
        if TokenEndpoint.refuse:
            return TokenEndpoint.refuse
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return "no grant type of ours"
        head, claims, signature = form["assertion"][0].split(".")

        def decoded(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        with tempfile.NamedTemporaryFile() as signed:
            signed.write(decoded(signature))
            signed.flush()
            done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public_key, "-signature",
                                   signed.name], input=f"{head}.{claims}".encode(), capture_output=True)
        fields = json.loads(decoded(claims))
        if done.returncode != 0 or json.loads(decoded(head)) != {"alg": "RS256", "kid": "k1", "typ": "JWT"}:
            return "Invalid JWT Signature."
        if fields["iss"] != "robot@example.test" or not fields["aud"].endswith("/token") or \
                "devstorage" not in fields["scope"] or fields["exp"] - fields["iat"] != 3600:
            return f"other claims: {fields}"
        return None if abs(fields["iat"] - time.time()) < 300 else "Invalid JWT: must be a short-lived token"

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def token_endpoint(folder):
    key, public = folder / "robot.pem", folder / "robot.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    TokenEndpoint.public_key, TokenEndpoint.asked, TokenEndpoint.refuse = public, 0, None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        account = folder / "account.json"
        account.write_text(json.dumps({
            "type": "service_account", "client_email": "robot@example.test", "private_key_id": "k1",
            "private_key": key.read_text(), "token_uri": f"http://127.0.0.1:{server.server_address[1]}/token"}))
        try:
            yield account
        finally:
            server.shutdown()
            thread.join()


def gcs(servers):
    settings = servers.fake_gcs()
    said = contract(settings)
    common_mistakes(settings, "bucket")
    with token_endpoint(servers.folder) as account:
        signed = {**settings, "OBJECT_SERVICE_ACCOUNT_FILE": str(account)}
        with FaultProxy(settings["OBJECT_ENDPOINT"]) as proxy:
            via = through(signed, proxy)
            proxy.plan("token", every=1)  # 401 to all that do not bear the newest token
            proxy.token = lambda: f"token-{TokenEndpoint.asked}"
            good(via, "put", "signed", 3 * PART, 1)
            assert TokenEndpoint.asked == 1, f"{TokenEndpoint.asked} tokens for one put"
            good(via, "get", "signed", 3 * PART, 1)
            proxy.token = lambda: "token-4"  # the third has expired early: one more is asked for
            good(via, "get", "signed", 3 * PART, 1)
            proxy.token = lambda: "no token"
            bad(via, ("^denied: ", "401", "service_account"), "head", "signed")
            good(settings, "remove", "signed")
        clock_off(signed, ("^denied: ", "token_uri", "invalid_grant", "set the clock"), ("clock", "clock"))
        TokenEndpoint.refuse = "account deleted"
        bad(signed, ("^denied: ", "account deleted", "service_account"), "head", "k")
        account.write_text("{}")
        bad(signed, ("^argument: ", "service_account", "client_email"), "head", "k")
        broken = json.dumps({"client_email": "a@b", "private_key": "-----BEGIN", "token_uri": "http://127.0.0.1/"})
        account.write_text(broken)
        bad(signed, ("^argument: ", "service_account", "private_key"), "head", "k")
    faults(settings)
    resumed(settings)
    return said


def minio(servers):
    settings = servers.minio()
    said = contract(settings)
    said += f"; in parts {contract({**settings, 'OBJECT_ONE_REQUEST_MB': '1'})}"
    good({**settings, "OBJECT_ONE_REQUEST_MB": "5120"}, "put", "trailing", 72 * MB + 5, 1)
    good(settings, "get", "trailing", 72 * MB + 5, 1)
    good(settings, "remove", "trailing")
    s3_mistakes(settings)
    faults(settings)
    resumed(settings)
    return said


def run(name, test):
    """Whether a server was there for it."""
    began = time.monotonic()
    with Servers() as servers:
        try:
            said = test(servers)
        except Unavailable as why:
            print(f"object: {name} is skipped: {why}", flush=True)
            return False
    print(f"object: {name} holds the contract: {said} ({time.monotonic() - began:.1f} s)", flush=True)
    return name != "file"


def main():
    tests = {"file": files, "s3": s3, "azure": azure, "gcs": gcs}
    if FULL:
        tests["minio"] = minio
    chosen = sys.argv[1:] or list(tests)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # they mostly wait
        had = sum(pool.map(lambda name: run(name, tests[name]), chosen))
    sys.exit(0 if had or "file" in sys.argv[1:] else 77)


if __name__ == "__main__":
    main()
