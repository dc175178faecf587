"""A proxy before an HTTP server, which makes every n-th request fail in a way that was planned:

500, 503      answered so, and not passed on
cut-request   the connection ends in the middle of the request's body
cut-answer    the connection ends in the middle of the answer
lose-answer   passed on and done by the server; the answer is not
stall         nothing is answered
flip          a bit of the request's body is turned over
pace          the body goes on slowly
token         401 unless the request bears the token that `token()` says
no-trailer    a request with a checksum behind its body is refused: the server knows none
word-for-digest  such a request's "STREAMING-..." is taken for the digest of its body
mute          answered without the checksum that the server has computed
signed        answered: 200 and nothing if AWS's signature (version 4) is right, by the secret `secret`, and covers
              x-amz-security-token; 403 if not. Not passed on: the server knows no such token

With `tls`, a folder that holds server.pem and server.key, it speaks TLS.
"""
import hashlib
import hmac
import http.client
import http.server
import select
import ssl
import threading
import time
import urllib.parse

CHUNK = 256 << 10


def send(connection, body):
    """As curl does: a server that refuses a request answers before it has read the body, and closes."""
    for at in range(0, len(body), CHUNK):
        if select.select([connection], [], [], 0)[0]:
            return
        try:
            connection.sendall(body[at:at + CHUNK])
        except OSError:
            return


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_expect_100(self):
        return super().handle_expect_100()

    def handle_any(self):
        proxy = self.server.proxy
        fault = proxy.next_fault(self.command)
        size = int(self.headers.get("Content-Length") or 0)
        if fault in ("500", "503"):
            self.rfile.read(size)
            self.say(int(fault), b"<Error><Code>%s</Code><Message>please</Message></Error>" %
                     (b"SlowDown" if fault == "503" else b"InternalError"))
            return
        if fault == "cut-request" and size > 0:
            self.rfile.read(size // 2)
            self.cut()
            return
        body = self.read_body(size, fault == "pace")
        if fault == "token" and self.headers.get("Authorization") != f"Bearer {proxy.token()}":
            self.say(401, b'{"error": {"code": 401, "message": "no", "errors": [{"reason": "authError"}]}}')
            return
        if fault == "no-trailer" and self.headers.get("x-amz-trailer"):
            self.say(501, b"<Error><Code>NotImplemented</Code><Message>no such header</Message></Error>")
            return
        if fault == "word-for-digest" and self.headers.get("x-amz-trailer"):
            self.say(400, b"<Error><Code>XAmzContentSHA256Mismatch</Code><Message>not so</Message></Error>")
            return
        if fault == "signed":
            self.say(*((200, b"") if signed_with_token(self, proxy.secret) else
                       (403, b"<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")))
            return
        if fault == "stall":
            proxy.stop.wait(4)
            self.cut()
            return
        if fault == "flip" and size > 0:
            body = body[:size // 2] + bytes([body[size // 2] ^ 1]) + body[size // 2 + 1:]
        status, reason, headers, answer = self.pass_on(body)
        self.server.proxy.downloaded += len(answer)
        self.server.proxy.trailers += "x-amz-trailer" in self.headers
        if fault == "lose-answer":
            self.cut()
            return
        if fault == "mute":
            headers = [(name, value) for name, value in headers if name.lower() != "x-amz-checksum-sha256"]
        self.answer(status, reason, headers, answer, fault in ("cut-answer", "cut-request"))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def read_body(self, size, slowly):
        parts = []
        while size > 0:
            part = self.rfile.read(min(size, CHUNK))
            if not part:
                break
            size -= len(part)
            parts.append(part)
            self.server.proxy.uploaded += len(part)
            if slowly:
                time.sleep(0.002)
        return b"".join(parts)

    def pass_on(self, body):
        connection = http.client.HTTPConnection(*self.server.proxy.to, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        send(connection.sock, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.reason, answer.getheaders(), content

    def answer(self, status, reason, headers, content, cut):
        self.send_response_only(status, reason)
        given = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        if "content-length" not in given and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if cut and len(content) > 1:
            self.wfile.write(content[:len(content) // 2])
            self.cut()
        else:
            self.wfile.write(content)

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.wfile.flush()

    def log_message(self, *_):
        pass


def signed_with_token(request, secret):
    """Computed as Amazon's documentation says ("Create a signed AWS API request"), over what has arrived."""
    fields = dict(part.strip().split("=", 1) for part in
                  request.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(","))
    names = fields["SignedHeaders"].split(";")
    day, region, service, end = fields["Credential"].split("/")[1:]
    path, _, query = request.path.partition("?")
    asked = "\n".join([request.command, path, query, *(f"{name}:{request.headers[name].strip()}" for name in names),
                       "", fields["SignedHeaders"], request.headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], f"{day}/{region}/{service}/{end}",
                      hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end, text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "x-amz-security-token" in names and key.hex() == fields["Signature"]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients that were killed, and connections that were cut


class FaultProxy:
    def __init__(self, url, tls=None):
        self.tls = tls
        parts = urllib.parse.urlsplit(url)
        self.to = (parts.hostname, parts.port)
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.uploaded = self.downloaded = 0  # bytes of bodies, and of contents
        self.trailers = 0  # requests with a checksum behind the body
        self.token = lambda: ""
        self.secret = ""
        self.plan(None)

    def plan(self, fault, every=1, methods=None, most=None):
        with self.lock:
            self.fault, self.every, self.methods, self.most = fault, every, methods, most
            self.seen = self.done = 0

    def next_fault(self, method):
        with self.lock:
            if self.fault is None or (self.methods is not None and method not in self.methods):
                return None
            self.seen += 1
            if (self.seen - 1) % self.every != 0 or (self.most is not None and self.done >= self.most):
                return None
            self.done += 1
            return self.fault

    def __enter__(self):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls / "server.pem", self.tls / "server.key")
            # The handshake is each connection's own thread's.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
