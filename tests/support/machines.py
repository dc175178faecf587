"""A small federation of generated machines, and what `tributary simulate` makes of it."""
import hashlib
import json
import pathlib
import re

from fleet import SOURCE, TRIBUTARY, Fleet


def document(gateways, rounds, **changes):
    """docs/examples/rotating-machine.yaml for a small fleet and a few rounds."""
    text = (SOURCE / "docs/examples/rotating-machine.yaml").read_text()
    line = (f"rounds: {{maximum: {rounds}, fraction: 1, quorum: {changes.get('quorum', 1)}, "
            f"gateways: {gateways}, deadline_s: {changes.get('deadline_s', 30)}}}")
    text, count = re.subn(r"(?m)^rounds: .*$", line, text)
    assert count == 1
    for key, value in changes.get("lines", {}).items():
        text, count = re.subn(rf"(?m)^{key}: .*$", value, text)
        assert count == 1, key
    return text


def generate(folder: pathlib.Path, gateways, seconds=20, seed=3):
    Fleet.run(TRIBUTARY, "generate", "--out", folder, "--gateways", gateways, "--seconds", seconds,
              "--seed", seed)
    return sorted(folder.glob("*.csv"))


def simulate(folder: pathlib.Path, federation_file: pathlib.Path, out: pathlib.Path, *options):
    """Runs the same federation in one process; the digest of its model, and its JSON."""
    text = Fleet.run(TRIBUTARY, "simulate", federation_file, "--data", folder, "--model", out, "--json",
                     *options)
    return hashlib.sha256(out.read_bytes()).hexdigest(), json.loads(text)


def client_names(recordings):
    return [path.stem for path in recordings]
