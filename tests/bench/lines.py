"""What every bench prints: JSON lines with a name, a value, its unit, and what it was measured against.
Goals are in goals.py alone."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))


def say(name, value, unit, reference=None, ratio=None):
    print(json.dumps({"name": name, "value": value, "unit": unit, "reference": reference,
                      "ratio": ratio}), flush=True)
