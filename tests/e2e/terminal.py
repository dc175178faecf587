#!/usr/bin/env python3
"""deploy/quickstart in a terminal, as a person has it: recordings of one's own, live predictions after the
last round, Kafka and a bucket where asked for, and Ctrl-C or a closed window, which leave nothing running."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, SOURCE, TRIBUTARY, Fleet, wait_for  # noqa: E402
import kafka  # noqa: E402
import servers  # noqa: E402

QUICKSTART = SOURCE / "deploy/quickstart"
CTRL_C = b"\x03"


class Terminal:
    """One run of the quickstart in a terminal of its own. What it starts carries a mark."""

    all = []

    def __init__(self, *options, command=None):
        Terminal.all.append(self)
        words = command or [str(QUICKSTART), "--build-dir", str(BUILD), *map(str, options)]
        self.mark = f"TRIB_MARK_{os.getpid()}_{time.monotonic_ns()}"
        self.shown = ""
        self.process, self.screen = pty.fork()
        if self.process == 0:
            os.environ[self.mark] = "1"
            os.execvp(words[0], words)

    def running(self):
        """Process ids of whatever it has started and is still there."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended, or is somebody else's
        return found

    def read(self, seconds):
        """False once the terminal is closed."""
        if select.select([self.screen], [], [], seconds)[0]:
            try:
                data = os.read(self.screen, 65536)
            except OSError:
                return False
            self.shown += data.decode(errors="replace").replace("\r", "")
            return bool(data)
        return True

    def until(self, text, seconds=120):
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end and self.read(0.1), f"'{text}' was not said:\n{self.shown}"

    def type(self, keys):
        os.write(self.screen, keys)

    def exit_status(self, seconds=60):
        end = time.monotonic() + seconds
        while self.read(0.1):
            assert time.monotonic() < end, f"it does not end:\n{self.shown}"
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def interrupted_at(folder, text):
    """Ctrl-C as soon as `text` is on the screen."""
    terminal = Terminal("--work", folder / "work")
    terminal.until(text)
    terminal.type(CTRL_C)
    status = terminal.exit_status()
    assert status == 130, f"Ctrl-C at '{text}': exit status {status}\n{terminal.shown}"
    wait_for(f"an end of all processes after Ctrl-C at '{text}'", lambda: not terminal.running(), 5)


def packages_are_not_torn(folder):
    """Ctrl-C while packages are unpacked: the command at hand ends first, and then so does the script."""
    terminal = Terminal(command=["bash", "-c", '. "$1/deploy/packages/install.sh"; log=$2/log; '
                                 '(tributary_unbroken sh -c \'>"$0/begun"; sleep 2; echo whole >"$0/unpacked"\' '
                                 '"$2"); '
                                 'echo "status $?"', "packages", str(SOURCE), str(folder)])
    wait_for("the command", (folder / "begun").exists, 20)
    terminal.type(CTRL_C)
    terminal.until("finishing the packages at hand first", 10)
    assert not (folder / "unpacked").exists(), "it had ended before"
    terminal.until("status 130", 20)
    assert (folder / "unpacked").read_text() == "whole\n"
    terminal.exit_status()


def terminal_closed(folder):
    terminal = Terminal("--work", folder / "work")
    terminal.until("1      8 of 8")
    os.close(terminal.screen)
    os.waitpid(terminal.process, 0)
    wait_for("an end of all processes after the terminal was closed", lambda: not terminal.running(), 5)


def own_recordings(folder):
    """Four recordings as people name them, one of which says nothing, and a federation for them."""
    data = folder / 'hall "B" & co'
    Fleet.run(TRIBUTARY, "generate", "--out", data, "--gateways", 4, "--seconds", 20)
    (data / "machine-1.csv").rename(data / "Press 4 (west).csv")
    (data / "machine-4.csv").write_text((data / "machine-2.csv").read_text().splitlines()[0] + "\n")
    (data / "notes.txt").write_text("no recording\n")
    text = (SOURCE / "docs/examples/rotating-machine.yaml").read_text()
    text, count = re.subn(r"(?m)^rounds: .*$", "rounds: {maximum: 3, quorum: 4}", text)
    assert count == 1
    federation = folder / "presses.yaml"
    federation.write_text(text)
    return data, federation


def status_of(folder, *words):
    """What `tributary status --json` says, with what the quickstart's own env file sets."""
    done = subprocess.run(["bash", "-c", '. "$1"; shift; exec tributary status --json "$@"', "status",
                           str(folder / "work/run/env"), *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lives_on(folder, data, federation):
    terminal = Terminal("--work", folder / "work", "--data", data, "--federation", federation, "--holdout",
                        "machine-3")
    terminal.until("Logs: ")
    for words in ("left out: machine-4", "2 gateways", "3      2 of 2", "unseen     alone    pooled",
                  "federated   accuracy", "confusion", "tributary status rotating-machine machine-2"):
        assert words in terminal.shown, f"it does not say '{words}':\n{terminal.shown}"
    gateways = status_of(folder, "rotating-machine")["gateways"]
    assert [g["gateway"] for g in gateways] == ["machine-2", "press-4-west"], gateways
    counted = lambda: status_of(folder, "rotating-machine", "press-4-west")["predictions"]
    before = counted()
    wait_for("more predictions", lambda: counted() >= before + 3, 30)
    assert status_of(folder, "rotating-machine", "press-4-west")["last_label"], "no label"
    assert len(terminal.running()) > 4, "broker, cloud and two gateways run"
    terminal.type(CTRL_C)
    assert terminal.exit_status() == 130
    wait_for("an end of all processes", lambda: not terminal.running(), 5)


def with_servers(folder, data, federation):
    """--with kafka,minio, where the tests' own servers can be had."""
    try:
        os.environ["KAFKA_HOME"] = str(kafka.install())
        program = servers.install("versitygw")
    except (kafka.Skip, servers.Unavailable) as why:
        print(f"no quickstart with servers: {why}")
        return
    (folder / "bin").mkdir()
    (folder / "bin/versitygw").symlink_to(program)
    os.environ["PATH"] += f":{folder}/bin"
    terminal = Terminal("--work", folder / "work", "--data", data, "--federation", federation, "--with",
                        "kafka,minio")
    terminal.until("Logs: ", 240)
    config = folder / "work/run/cloud.yaml"

    def events():
        rows = json.loads(Fleet.run(TRIBUTARY, "bridge", "count", "--config", config, "--json"))
        return {row["topic"].rsplit(".", 1)[1]: row["events"] for row in rows if "rotating-machine" in row["topic"]}
    counted = events()  # a statistics round and three of training: each opened and closed
    assert counted["round"] == 8 and counted["model"] >= 4 and counted["audit"] > 12, counted
    for words in ("events in Kafka, each once", "tributary.rotating-machine.round                  8",
                  "tributary bridge count", "objects in the bucket", ".safetensors", "verify"):
        assert words in terminal.shown, f"it does not say '{words}':\n{terminal.shown}"
    wait_for("predictions in Kafka", lambda: events()["prediction"] > counted["prediction"], 30)
    verified = json.loads(Fleet.run(TRIBUTARY, "object", "--config", config, "--json", "verify"))
    models = [row for row in verified if row["key"].startswith("federations/")]
    assert len(models) == 8 and all(row["state"] == "whole" for row in verified), verified
    terminal.type(CTRL_C)
    assert terminal.exit_status() == 130
    wait_for("an end of all processes", lambda: not terminal.running(), 5)


def misused():
    nothing = dict(os.environ, PATH="/usr/bin:/bin", KAFKA_HOME="/nowhere")
    for words, said in (("kafka,redis", "expected kafka, minio or kafka,minio"),
                        ("kafka", "set KAFKA_HOME"), ("minio", "neither minio nor versitygw")):
        done = subprocess.run([QUICKSTART, "--with", words], capture_output=True, text=True, timeout=60, env=nothing)
        assert done.returncode == 2 and said in done.stderr, (words, done.returncode, done.stderr)
    for words, said in ((["--nonsense"], "there is no option --nonsense"),
                        (["--gateways", "0"], "expected a whole number from 1 to 999"),
                        (["--speed", "0"], "expected max, or a number"),
                        (["--data", "/nowhere"], "there is no such file or folder"),
                        (["--test", "/"], "--test goes with --data"),
                        (["--data"], "--data needs a value")):
        done = subprocess.run([QUICKSTART, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and said in done.stderr, (words, done.returncode, done.stderr)


folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-quickstart-"))
try:
    misused()
    packages_are_not_torn(folder)
    data, federation = own_recordings(folder)
    other = folder / "other"
    other.mkdir()
    (other / "a.csv").write_text("time,speed\n1,2\n")
    refused = Terminal("--work", folder / "work", "--data", other)
    assert refused.exit_status() == 1, refused.shown
    assert "a.csv:1: column 'time_ms': is not in the header" in refused.shown, refused.shown
    assert "with --federation" in refused.shown, refused.shown
    for text in ("logs and state", "for comparison", "running: broker", "1      8 of 8", "Logs: "):
        interrupted_at(folder, text)
    terminal_closed(folder)
    lives_on(folder, data, federation)
    with_servers(folder, data, federation)
    print("passed")
finally:
    for terminal in Terminal.all:  # nothing, if all went well
        for process in terminal.running():
            os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
