#!/usr/bin/python3
"""Which lines and branches of the product ran, by room, compared with the goals.

    report.py SOURCE BUILD unit|all     BUILD was made with -DTRIB_COVERAGE=ON, and its tests have run

unit   common/ and the pure cores, where a mistake would be silent: the unit tests are to run 95 % of
       their lines and 85 % of their branches. A room that is below stands with its reason in
       tests/coverage/below.txt; so does no room that is not
all    everything: all tests together are to run 85 % of its lines

Exit status 1 if they do not.

Counted with gcovr, as gcc sees it: each way out of each condition is a branch, so that each TRIB_TRY
has one that only a failure takes. Not counted: tests, generated code, and the way out of TRIB_ASSERT
that ends the program.
"""
import json
import pathlib
import subprocess
import sys

LINES, BRANCHES, ALL_LINES = 95.0, 85.0, 85.0
# Pure: no clock, file or network in them. What stands in common/ is meant as well.
CORES = ("cloud/round", "cloud/ingest", "cloud/ledger", "edge/session")
NOT_OURS = (r"(.*/)?generated/.*", r".*_test\.c", r".*_fixture\.[ch]", r"tests/.*")


def measure(source, build):
    command = ["gcovr", "--root", source, "--object-directory", build, build, "-j", "2",
               "--exclude-branches-by-pattern", r".*\bTRIB_ASSERT\(.*", "--json-summary"]
    for pattern in NOT_OURS:
        command += ["--exclude", pattern]
    done = subprocess.run(command, cwd=source, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["files"]


class Count:
    def __init__(self):
        self.lines = self.all_lines = self.branches = self.all_branches = 0

    def add(self, file):
        self.lines += file["line_covered"]
        self.all_lines += file["line_total"]
        self.branches += file["branch_covered"]
        self.all_branches += file["branch_total"]

    def line_percent(self):
        return 100.0 * self.lines / self.all_lines if self.all_lines else 100.0

    def branch_percent(self):
        return 100.0 * self.branches / self.all_branches if self.all_branches else 100.0

    def reaches_goals(self):
        return self.line_percent() >= LINES and self.branch_percent() >= BRANCHES

    def show(self, name, note=""):
        print(f"{name:26} {self.line_percent():6.1f} {self.all_lines - self.lines:7}"
              f" {self.branch_percent():9.1f} {self.all_branches - self.branches:7}   {note}".rstrip())


def room_of(path):
    return "/".join(path.split("/")[:2])


def is_core(room):
    return room.startswith("common/") or room in CORES


def read_reasons(path):
    reasons = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            room, reason = line.split(None, 1)
            reasons[room] = reason
    return reasons


def main():
    if len(sys.argv) != 4 or sys.argv[3] not in ("unit", "all"):
        sys.exit(__doc__)
    source, build = (str(pathlib.Path(folder).resolve()) for folder in sys.argv[1:3])
    unit = sys.argv[3] == "unit"
    reasons = read_reasons(pathlib.Path(source) / "tests/coverage/below.txt")
    rooms, core, everything = {}, Count(), Count()
    for file in measure(source, build):
        room = room_of(file["filename"])
        for count in [rooms.setdefault(room, Count()), everything] + [core] * is_core(room):
            count.add(file)
    if not rooms:
        sys.exit("nothing was counted: build with -DTRIB_COVERAGE=ON, and run its tests")
    breaches = []
    print(f"{'':26} {'lines':>6} {'not run':>7} {'branches':>9} {'not run':>7}")
    for room in sorted(rooms, key=lambda name: (not is_core(name), name)):
        below = unit and is_core(room) and not rooms[room].reaches_goals()
        rooms[room].show(room, ("below: " + reasons.get(room, "no reason given")) if below else "")
        if below and room not in reasons:
            breaches.append(f"{room} is below the goals: write tests, or its reason into below.txt")
        if unit and room in reasons and not below:
            breaches.append(f"{room} reaches the goals: take it out of tests/coverage/below.txt")
    for room in sorted(set(reasons) - set(rooms)):
        breaches.append(f"{room} is in tests/coverage/below.txt, and nowhere else")
    print()
    core.show("common and pure cores", f"goals {LINES:.0f} and {BRANCHES:.0f}" if unit else "")
    everything.show("everything", "" if unit else f"goal {ALL_LINES:.0f}")
    if unit and not core.reaches_goals():
        breaches.append("common and the pure cores are below the goals together")
    if not unit and everything.line_percent() < ALL_LINES:
        breaches.append("everything is below the goal together")
    for breach in breaches:
        print(f"error: {breach}")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
