#!/usr/bin/env python3
"""A cloud is lost, disk and all, and goes on from its bucket: `tributary backup` while it runs, closed segments of
the ledger since then, `tributary restore` into nothing. Segments are trimmed meanwhile, and come back for a view
that is made anew. What others write into the bucket is not believed."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import TRIBUTARY, Fleet, wait_for  # noqa: E402
import machines  # noqa: E402
import servers  # noqa: E402

NAME, GATEWAYS, MANY = "rotating-machine", 4, 100000
KEYS = ("signing.pem", "agreement.pem", "master.key")


def config(fleet, settings):
    fleet.cloud_extra = "\n".join((
        "archive: {segment_mib: 1, keep_mib: 1}",
        "object: " + json.dumps({"s3": {
            "endpoint": settings["OBJECT_ENDPOINT"], "bucket": servers.BUCKET, "access_key": {"environment": "ACCESS"},
            "secret_key": {"environment": "SECRET"}, "path_style": True}, "retry": {"budget_ms": 5000}})))


def tributary(fleet, *words, expect=0):
    done = subprocess.run([str(TRIBUTARY), words[0], "--config", str(fleet.cloud_config()), *map(str, words[1:])],
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == expect, (words, done.returncode, done.stderr)
    return json.loads(done.stdout) if "--json" in words and expect == 0 else done.stderr


def archive(fleet):
    return fleet.api("GET", "/v1/health")["archive"]


def rounds(fleet):
    found, after = [], -1
    while page := fleet.api("GET", f"/v1/federations/{NAME}/rounds?after={after}")["rounds"]:
        found += page
        after = page[-1]["number"]
    return found


def ordinal(fleet):
    return (fleet.federation(NAME)["round"] or {"ordinal": 0})["ordinal"]


def releases(fleet):
    """What the gateways say that they run, in order."""
    numbers = {name: [int(line.split("release=")[1].split()[0]) for line in fleet.log(name).splitlines()
                      if "model installed" in line] for name in fleet.names}
    for name, seen in numbers.items():
        assert seen == sorted(seen), f"{name} went back: {seen}"
    return numbers


def check_rebuild(fleet):
    """The first segments are gone from this disk; a view made anew needs them."""
    wait_for("segments that are trimmed", lambda: archive(fleet)["first"] > 1, 60)
    before = rounds(fleet)
    fleet.stop("cloud")
    fleet.start_cloud("--rebuild")
    assert rounds(fleet)[:len(before)] == before, "rounds are lost"
    assert "records come back from the archive" in fleet.log("cloud")


def check_forgery(fleet, running):
    """A card, then a part of the newest backup, that somebody else has put there: neither is believed."""
    newest = max(running.folder.glob("versitygw-*/*/clouds/*/backups/*/backup.json"))
    folder = newest.parent.relative_to(next(p for p in newest.parents if p.name == "clouds").parent)
    for name, change, word in (("backup.json", lambda b: b.replace(b'"boot":', b'"boot":7'), "signature"),
                               ("registry.db", lambda b: b[:-1] + bytes([b[-1] ^ 1]), "what its card says")):
        content, forged = newest.with_name(name).read_bytes(), fleet.folder / "forged"
        forged.write_bytes(change(content))
        tributary(fleet, "object", "put", forged, f"{folder}/{name}")
        said = tributary(fleet, "restore", "--keys", fleet.kept, expect=1)
        assert word in said and not (fleet.folder / "cloud").exists(), said
        assert "in the way" in tributary(fleet, "restore", "--keys", fleet.kept, expect=1)
        shutil.rmtree(fleet.folder / "cloud.restoring")
        forged.write_bytes(content)
        tributary(fleet, "object", "put", forged, f"{folder}/{name}")


def lose(fleet):
    fleet.stop("cloud", signal.SIGKILL)
    shutil.rmtree(fleet.folder / "cloud")


def restore(fleet, before, least):
    """`before`: all rounds that the lost cloud has told of; the first `least` of them must be there again."""
    said = tributary(fleet, "restore", "--keys", fleet.kept, "--json")
    assert "not empty" in tributary(fleet, "restore", "--keys", fleet.kept, expect=1)
    fleet.start_cloud()
    health = fleet.api("GET", "/v1/health")
    assert health["incarnation"] == said["incarnation"], (health, said)
    after = rounds(fleet)
    told = [entry for entry in after if entry["number"] >> 32 < said["incarnation"]]
    same = sum(1 for old, new in zip(before, told) if old == new)
    assert same >= least and same >= len(told) - 1, (same, least, [p for p in zip(before, told) if p[0] != p[1]][:2])
    at = len(after)
    wait_for("rounds after the restore", lambda: len(rounds(fleet)) >= at + 10, 60)
    fresh = [entry for entry in rounds(fleet)[len(told):] if entry["outcome"] == "closed"]
    assert all(entry["number"] >> 32 == said["incarnation"] for entry in fresh), fresh
    last = [entry for entry in told if entry["outcome"] == "closed"][-1]  # one that was open is given up
    assert fresh[0]["ordinal"] == last["ordinal"] + 1, (fresh[0], last)
    wait_for("releases after the restore",
             lambda: all(seen and seen[-1] >> 32 == said["incarnation"] for seen in releases(fleet).values()), 60)
    return said, len(told)


def run(fleet, running):
    config(fleet, running.versitygw())
    fleet.start_broker()
    fleet.start_cloud()
    fleet.kept = fleet.folder / "kept"
    fleet.kept.mkdir()
    for name in KEYS:
        shutil.copy(fleet.folder / "cloud" / name, fleet.kept)
    assert "not empty" in tributary(fleet, "restore", "--keys", fleet.kept, expect=1)
    document = machines.document(GATEWAYS, MANY, quorum=GATEWAYS)
    for word, other in (("units: 32}", "units: 200}"), ("codec: int8", "codec: float32")):
        assert word in document  # so that segments fill in a second or two
        document = document.replace(word, other)
    fleet.apply(document)
    recordings = machines.generate(fleet.folder / "data", GATEWAYS)
    fleet.names = [recording.stem for recording in recordings]
    for recording in recordings:
        fleet.start_edge(recording.stem, NAME, f"{{kind: replay, path: {recording}, speed: max}}")
    wait_for("a few rounds", lambda: ordinal(fleet) >= 5, 60)
    tributary(fleet, "backup", "--json")
    wait_for("closed segments", lambda: archive(fleet)["segments"] >= 2, 120)
    check_rebuild(fleet)
    known = len(rounds(fleet))
    made = tributary(fleet, "backup", "--keep", "1", "--json")
    assert made["removed"] == 1 and tributary(fleet, "backup", "--list", "--json") == [made["name"]]

    # Lost right after a backup: everything up to it is there again.
    at_backup, lose_at = known, rounds(fleet)
    lose(fleet)
    check_forgery(fleet, running)
    first, _ = restore(fleet, lose_at, at_backup)
    assert first["end"] >= made["end"], (first, made)

    # Lost long after one: what was archived since is there, too.
    start = archive(fleet)["segment"]
    wait_for("more closed segments", lambda: archive(fleet)["segment"] > max(start, first["end"]) + 100, 120)
    archived = archive(fleet)["segment"]
    lose_at = rounds(fleet)
    lose(fleet)
    second, told = restore(fleet, lose_at, at_backup)
    assert second["end"] >= archived - 1 > made["end"], (second, archived, made)
    assert second["incarnation"] > first["incarnation"]
    wait_for("what the lost cloud had put, and more",
             lambda: archive(fleet)["segment"] > archived and archive(fleet)["trouble"] == "", 60)
    print(f"passed: restored to record {first['end']} and {second['end']}, {told} rounds kept")


try:
    servers.install("versitygw")
except servers.Unavailable as why:
    print(f"skipped: {why}")
    sys.exit(77)
os.environ.update(ACCESS="testaccess", SECRET="testsecret")  # the config says so
with Fleet("restore") as fleet, servers.Servers() as running:
    run(fleet, running)
