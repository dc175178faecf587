"""Machines on a network of their own: a namespace each, joined by a bridge, and faults on their links.

Nothing of it is seen from outside. However the test ends, also by SIGKILL, a watcher that waits for its
end removes the namespaces, and kills what still runs in them.
"""
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
PROGRAMS = ("ip", "tc", "nft", "ethtool")
os.environ["PATH"] += ":/usr/sbin:/sbin"  # where they are, whoever calls
WATCHER = """
read -r _ || :
for name in "$@"; do
    ip netns pids "$name" | xargs -r kill -KILL
    ip netns delete "$name"
done
"""
FAULTS = "table inet faults { chain up { type filter hook output priority 0; }; " \
         "chain down { type filter hook input priority 0; }; }"


def why_not():
    """A sentence, if there can be no namespaces here; else None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed: see deploy/packages/test.txt"
    probe = f"trib-{os.getpid()}-probe"
    done = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if done.returncode != 0:
        return f"no network namespaces here: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return None


class Namespaces:
    def __init__(self, *machines):
        self.machines = machines
        names = [self.name(machine) for machine in (*machines, "bridge")]
        self.watcher = subprocess.Popen(["sh", "-c", WATCHER, "watcher", *names], stdin=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.outside = os.open("/proc/self/ns/net", os.O_RDONLY)

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.enter(self.outside)  # or the watcher would end us too
        self.watcher.stdin.close()
        self.watcher.wait(timeout=30)

    @staticmethod
    def name(machine):
        """Of the run, so that two of them do not meet."""
        return f"trib-{os.getpid()}-{machine}"

    def address(self, machine):
        return f"10.0.0.{self.machines.index(machine) + 1}"

    def inside(self, machine):
        return ("ip", "netns", "exec", self.name(machine))

    def run(self, machine, *command):
        command = [str(part) for part in (*self.inside(machine), *command)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def build(self):
        for machine in (*self.machines, "bridge"):
            subprocess.run(["ip", "netns", "add", self.name(machine)], check=True)
            self.run(machine, "ip", "link", "set", "lo", "up")
        self.run("bridge", "ip", "link", "add", "hub", "type", "bridge")
        self.run("bridge", "ip", "link", "set", "hub", "up")
        for port, machine in enumerate(self.machines):
            self.run("bridge", "ip", "link", "add", f"port{port}", "type", "veth", "peer", "name", "wire",
                     "netns", self.name(machine))
            self.run("bridge", "ip", "link", "set", f"port{port}", "master", "hub", "up")
            self.run(machine, "ip", "address", "add", f"{self.address(machine)}/24", "dev", "wire")
            self.run(machine, "ip", "link", "set", "wire", "up")
            # Packets as they would be on a wire: else one drop takes 64 KiB, or none is ever dropped.
            for where, link in (("bridge", f"port{port}"), (machine, "wire")):
                self.run(where, "ethtool", "-K", link, "tso", "off", "gso", "off", "gro", "off")

    def enter(self, machine):
        """This thread, and what it starts, is on that machine from now on."""
        libc = ctypes.CDLL(None, use_errno=True)
        place = machine if isinstance(machine, int) else \
            os.open(pathlib.Path("/run/netns") / self.name(machine), os.O_RDONLY)
        if libc.setns(place, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {machine}")

    # ---- faults: on a machine's link, both ways ----

    def lose(self, machine, percent):
        """Each packet is lost with this chance; 100 is a link that is cut, without a word."""
        chance = f"numgen random mod 100 < {percent} " if percent < 100 else ""
        self.run(machine, "nft", FAULTS)
        for chain, key in (("up", "oifname"), ("down", "iifname")):
            self.run(machine, "nft", f"add rule inet faults {chain} {key} wire {chance}counter drop")

    def cut(self, machine):
        self.lose(machine, 100)

    def lost(self, machine):
        """Packets that were lost since."""
        rules = self.run(machine, "nft", "list", "table", "inet", "faults")
        return sum(map(int, re.findall(r"counter packets (\d+)", rules)))

    def slow(self, machine, rate):
        """The link takes this rate (64kbit) each way, and holds two seconds of it before it drops."""
        for where, link in self.ends(machine):
            self.run(where, "tc", "qdisc", "add", "dev", link, "root", "tbf", "rate", rate, "burst", "1600",
                     "latency", "2s")

    def held(self, machine):
        """How often a packet had to wait for its turn."""
        shown = [json.loads(self.run(where, "tc", "-s", "-j", "qdisc", "show", "dev", link))
                 for where, link in self.ends(machine)]
        return sum(queues[0]["overlimits"] for queues in shown)

    def mend(self, machine):
        if "faults" in self.run(machine, "nft", "list", "tables"):
            self.run(machine, "nft", "delete", "table", "inet", "faults")
        for where, link in self.ends(machine):
            if "tbf" in self.run(where, "tc", "qdisc", "show", "dev", link):
                self.run(where, "tc", "qdisc", "delete", "dev", link, "root")

    def ends(self, machine):
        return ("bridge", f"port{self.machines.index(machine)}"), (machine, "wire")
