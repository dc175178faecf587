#!/usr/bin/env python3
"""The way to the broker: everything may start before it does, and finds it again when it comes back; what
it denies stands in the log with its reason."""
import glob
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

NAME, DENIED = "rotating-machine", "Not authorized (135)"
DYNAMIC = glob.glob("/usr/lib/*/mosquitto_dynamic_security.so")


def model_round(fleet):
    return (fleet.federation(NAME)["model"] or {"round": 0})["round"]


def start(fleet, recording, extra=""):
    fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: 2, loop: true}}",
                     extra)


def deny(fleet, name):
    """From the broker's next start on, this gateway may not publish predictions, nor hear its welcome."""
    acl = fleet.folder / "acl"
    # Whatever a client may write is a list: all of it, for everybody else, and all but one for this one.
    acl.write_text((SOURCE / "deploy/broker/acl").read_text().replace(
        "pattern write tributary/v1/+/%u/up/#",
        "".join(f"pattern write tributary/v1/+/%u/up/{kind}\n" for kind in ("status", "join", "update"))))
    path = fleet.broker_config()
    text = path.read_text().replace(str(SOURCE / "deploy/broker/acl"), str(acl))
    if DYNAMIC:
        roles = fleet.folder / "roles.json"
        role = {"rolename": "deaf", "acls": [{"acltype": "subscribeLiteral", "allow": False,
                                              "topic": f"tributary/v1/{NAME}/{name}/down/welcome"}]}
        roles.write_text(json.dumps({
            "defaultACLAccess": {"publishClientSend": False, "publishClientReceive": False,
                                 "subscribe": True, "unsubscribe": True},
            "clients": [{"username": name, "roles": [{"rolename": "deaf"}]}],
            "groups": [], "roles": [role]}))
        text += f"\nplugin {DYNAMIC[0]}\nplugin_opt_config_file {roles}\n"
    path.write_text(text)
    fleet.broker_config = lambda: path


with Fleet("link") as fleet:
    recordings = machines.generate(fleet.folder / "data", 2, seconds=8)
    fleet.start_cloud()
    fleet.apply(machines.document(2, 100000, deadline_s=20))
    for recording in recordings:
        start(fleet, recording, "predictions: {publish: true, every: 1}")
        wait_for(f"{recording.stem} to miss the broker",
                 lambda: "cannot connect to ssl://" in fleet.log(recording.stem), 20)
    fleet.start_broker()
    wait_for("rounds, once the broker is there", lambda: model_round(fleet) >= 2, 60)
    print("everything may start before the broker")

    fleet.stop("broker")
    for name in ("cloud", recordings[0].stem):
        wait_for(f"{name} to lose the broker", lambda: "lost the connection to" in fleet.log(name), 20)
    before = model_round(fleet)
    fleet.start_broker()
    wait_for("rounds again", lambda: model_round(fleet) >= before + 2, 60)
    joins = fleet.api("GET", "/v1/health")["counts"]["joins"]
    assert joins == 2, f"{joins} joins: a lost connection is no reason for another"
    print("a broker that comes back is found again")

    name = recordings[0].stem
    fleet.stop("broker")
    deny(fleet, name)
    fleet.start_broker()
    wait_for("the rounds to go on all the same", lambda: model_round(fleet) >= before + 4, 60)
    for what in ["a publication was refused"] + ["a subscription was refused"] * bool(DYNAMIC):
        wait_for(f"{name} to say: {what}", lambda: any(
            what in line and DENIED in line for line in fleet.log(name).splitlines()), 30)
    if not DYNAMIC:
        print("not tried: a subscription denied needs mosquitto's dynamic security plugin")
    print("passed")
