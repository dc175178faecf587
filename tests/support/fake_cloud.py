#!/usr/bin/python3
"""Answers as tributary-cloud's HTTP API does, from a script instead of a federation.

    fake_cloud.py --port N --token-file FILE --model FILE [--rounds N]

Each look at the federation closes one more round, up to the last. For tests of the command line.
"""
import argparse
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("--port", type=int, required=True)
arguments.add_argument("--token-file", required=True)
arguments.add_argument("--model", required=True)
arguments.add_argument("--rounds", type=int, default=3)
options = arguments.parse_args()

TOKEN = open(options.token_file).read().strip()
MODEL = open(options.model, "rb").read()
DIGEST = hashlib.sha256(MODEL).hexdigest()
INCARNATION = 1 << 32
state = {"applied": None, "closed": -1, "release": None, "revoked": {}}


def round_of(ordinal):
    return {"number": INCARNATION + ordinal, "ordinal": ordinal,
            "kind": "training" if ordinal else "statistics", "outcome": "closed", "updates": 8,
            "weight": 800, "loss": 1.0 / (ordinal + 1), "bytes_up": 12345, "started_ms": 1,
            "seconds": 0.25, "model": DIGEST if ordinal else "", "served": "", "reason": ""}


def federation():
    ordinal = min(state["closed"] + 1, options.rounds)
    done = state["closed"] >= options.rounds
    return {"federation": "fake", "revision": 1, "stage": "done" if done else "training",
            "round": {"number": INCARNATION + ordinal, "ordinal": ordinal,
                      "phase": "closed" if done else "open", "accepted": 3, "expected": 8,
                      "quorum": 4, "remaining_ms": 1234, "fraction_ppm": 1000000},
            "gateways": 8, "online": 7, "rounds_maximum": options.rounds,
            "model": {"digest": DIGEST, "round": ordinal}, "release": state["release"]}


def gateway(name):
    return {"gateway": name, "online": name != "gw-2", "revoked": name in state["revoked"],
            "session": True, "agent_version": "0.1.0", "seen_ms": 1700000000000,
            "joined_ms": 1700000000000, "in_round": name == "gw-1",
            "why": "it is in" if name == "gw-1" else "it was not selected", "accepted": 2,
            "duplicates": 0, "late": 0, "refused": 0, "replayed": 0, "garbage": 0,
            "predictions": 5, "last_label": "healthy", "last_verdict": "accepted", "release": 0}


def answer(method, parts, query, body):
    if parts == ["v1", "health"]:
        return 200, {"status": "ok", "broker": "connecting" if state["closed"] < 0 else "connected"}
    if parts == ["v1", "federations"] and method == "POST":
        state["applied"] = body.decode()
        return 200, {"federation": "fake", "revision": 1, "lineage": "new"}
    if parts == ["v1", "federations"]:
        return 200, {"federations": [federation()]}
    if parts[:3] == ["v1", "federations", "fake"]:
        rest = parts[3:]
        if not rest:
            shown = federation()
            state["closed"] = min(state["closed"] + 1, options.rounds)
            return 200, shown
        if rest == ["rounds"]:
            after = int(dict(p.split("=") for p in query.split("&") if p).get("after", -1))
            return 200, {"rounds": [round_of(i) for i in range(state["closed"] + 1)
                                    if INCARNATION + i > after]}
        if rest == ["gateways"]:
            return 200, {"gateways": [gateway("gw-1"), gateway("gw-2")]}
        if rest[0] == "gateways" and rest[1] in ("gw-1", "gw-2"):
            return 200, gateway(rest[1])
        if rest == ["models"]:
            return 200, {"models": [{"round": i, "digest": DIGEST, "served": "", "updates": 8,
                                     "bytes": len(MODEL), "loss": 0.5, "released": False}
                                    for i in range(state["closed"], 0, -1)]}
        if rest == ["release"] and json.loads(body) == {"digest": DIGEST}:
            state["release"] = {"number": INCARNATION + 1, "digest": DIGEST, "round": 1}
            return 200, {"release": INCARNATION + 1, "digest": DIGEST}
    if parts[:2] == ["v1", "gateways"] and parts[3:] == ["revoke"]:
        state["revoked"][parts[2]] = json.loads(body)
        return 200, {"gateway": parts[2], "revoked": True, "discard": json.loads(body)["discard"]}
    if parts[:2] == ["v1", "models"] and parts[2] == DIGEST:
        return 200, MODEL
    if parts == ["v1", "garbage"]:
        return 200, b"\x00\x01"
    return 404, {"error": "there is no " + "/".join(parts), "code": "not_found"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != "Bearer " + TOKEN and path != "/v1/health":
            return self.reply(401, {"error": "the token is wrong", "code": "denied"})
        return self.reply(*answer(self.command, path.strip("/").split("/"), query, body))

    do_GET = do_POST = handle_any

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
