#!/usr/bin/env python3
"""22 people's gateways federate over a real broker, the 23rd person held out: the model equals the
simulation's bit for bit, and does as well on who it never saw."""
import hashlib
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import SOURCE, TRIBUTARY, Fleet, wait_for  # noqa: E402

DATA = pathlib.Path(os.environ.get("TRIBUTARY_DATA", "/nonexistent")) / "raw"
HELD_OUT, ROUNDS = "s05", int(os.environ.get("TRIB_HAR_ROUNDS", "30"))

if not DATA.is_dir():
    print("skipped: no raw/ in the data folder (TRIBUTARY_DATA)")
    sys.exit(77)

with Fleet("har") as fleet:
    text = (SOURCE / "docs/examples/har-phone.yaml").read_text()
    text, count = re.subn(r"(?m)^rounds: .*$", f"rounds: {{maximum: {ROUNDS}, fraction: 1, quorum: 22, "
                          "gateways: 22, deadline_s: 300}", text)
    assert count == 1
    federation_file = fleet.folder / "har.yaml"
    federation_file.write_text(text)
    people = sorted(path for path in DATA.iterdir() if path.is_dir())
    assert len(people) == 23
    # The same folders without who is held out, so that both see the same clients.
    clients = fleet.folder / "clients"
    clients.mkdir()
    for person in people:
        if person.name != HELD_OUT:
            (clients / person.name).symlink_to(person)
    test = fleet.folder / "test"
    test.mkdir()
    (test / HELD_OUT).symlink_to(DATA / HELD_OUT)
    out = fleet.folder / "simulated.safetensors"
    result = json.loads(Fleet.run(TRIBUTARY, "simulate", federation_file, "--data", clients, "--test",
                                  test, "--model", out, "--json"))
    simulated = hashlib.sha256(out.read_bytes()).hexdigest()

    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(text)
    for person in people:
        if person.name != HELD_OUT:
            fleet.start_edge(person.name, "har-phone", f"{{kind: replay, path: {person}, speed: max}}",
                             "store: {limit_mb: 64}")
    wait_for("the last round", lambda: fleet.federation("har-phone")["stage"] == "done", 300, 0.5)
    served = fleet.federation("har-phone")["release"]["digest"]
    assert served == simulated, f"deployed {served}, simulated {simulated}"
    rounds = fleet.api("GET", "/v1/federations/har-phone/rounds")["rounds"]
    assert all(r["updates"] == 22 for r in rounds), rounds
    seconds = sum(r["seconds"] for r in rounds) / len(rounds)
    print(f"deployed and simulated models are the same: {served[:16]}; {seconds:.2f} s a round; "
          f"{json.dumps(result.get('federated', result))[:200]}")
