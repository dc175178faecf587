#!/usr/bin/env python3
"""Half of eight gateways are asked each round, by a hash that selects about as many: a round closes as soon
as all that were selected have answered, however few they are."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, wait_for  # noqa: E402
import machines  # noqa: E402

NAME, GATEWAYS, ROUNDS, DEADLINE_S = "rotating-machine", 8, 12, 60

with Fleet("fraction") as fleet:
    recordings = machines.generate(fleet.folder / "data", GATEWAYS, seconds=8)
    text, found = re.subn("fraction: 1, quorum: 1", "fraction: 0.5, quorum: 2",
                          machines.document(GATEWAYS, ROUNDS, deadline_s=DEADLINE_S))
    assert found == 1
    fleet.start_broker()
    fleet.start_cloud()
    fleet.apply(text)
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")
    wait_for("the last round", lambda: fleet.federation(NAME)["stage"] == "done", DEADLINE_S)
    rounds = fleet.api("GET", f"/v1/federations/{NAME}/rounds")["rounds"]
    assert all(entry["outcome"] == "closed" for entry in rounds), rounds
    longest = max(entry["seconds"] for entry in rounds)
    assert longest < DEADLINE_S / 2, f"a round took {longest:.1f} s of its {DEADLINE_S} s"
    updates = [entry["updates"] for entry in rounds if entry["kind"] == "training"]
    assert all(2 <= count <= GATEWAYS // 2 for count in updates), updates
    assert len(set(updates)) > 1, f"each round selected as many: {updates}"
    print(f"rounds with {updates} updates, the longest of {longest:.2f} s; passed")
