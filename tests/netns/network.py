# SPDX-License-Identifier: BSD-2-Clause
"""One namespace with cables, and capture_count in it: the drivers without a meter behind them."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import netns
from netns import built, require, run  # noqa: F401
from waiting import TIMEOUT, wait_idle, wait_until, whole_lines

CAPTURE_COUNT = os.environ.get("CAPTURE_COUNT", "build/tests/netns/capture_count")


class Program:
    """A running program. Its output goes to files that can be looked at meanwhile."""

    def __init__(self, arguments):
        self.directory = Path(tempfile.mkdtemp(prefix="spanflow-netns-"))
        self.out, self.err = (open(self.directory / name, "wb") for name in ("out", "err"))
        # own session: a signal to the test does not reach it, and nothing is killed by name
        self.process = subprocess.Popen(list(map(str, arguments)), stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.err, start_new_session=True)

    @property
    def stdout(self):
        return whole_lines((self.directory / "out").read_text(errors="replace"))

    @property
    def stderr(self):
        return whole_lines((self.directory / "err").read_text(errors="replace"))

    def wait_for(self, text):
        """Until `text` is on standard error."""
        wait_until(lambda: text in self.stderr or self.process.poll() is not None,
                   f"'{text}' from {self.process.args}")
        if text not in self.stderr:
            raise AssertionError(f"{self.process.args} ended: {self.stderr}")
        return self

    def sleeps(self):
        """How often its threads have gone to sleep so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/status")
        return sum(int(line.split()[1]) for task in tasks
                   for line in task.read_text().splitlines()
                   if line.startswith("voluntary_ctxt_switches"))

    def stop(self, number=signal.SIGTERM):
        """Ends it; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Network(netns.Namespace):
    """A namespace of its own, in which nothing sends by itself."""

    def __init__(self):
        super().__init__(secrets.token_hex(3))
        self.programs = []
        for scope in ("all", "default"):
            self("sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=1")

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def start(self, *arguments):
        """A program in the namespace, going on."""
        self.programs.append(Program([*self.prefix(), *arguments]))
        return self.programs[-1]

    def pair(self, name, peer, queues=1, mtu=1500):
        """Two interfaces, a cable between them; both up, offloads off."""
        numbers = ["numrxqueues", queues, "numtxqueues", queues]
        self.ip("link", "add", "name", name, *numbers, "mtu", mtu, "type", "veth", "peer", "name",
                peer, *numbers, "mtu", mtu)
        for one in (name, peer):
            for feature in ("tso", "gso", "gro", "txvlan"):
                self("ethtool", "-K", one, feature, "off")
            self.ip("link", "set", one, "up")

    def bridge(self, name, *ports):
        # without snooping the bridge itself sends nothing
        self.ip("link", "add", "name", name, "type", "bridge", "mcast_snooping", 0)
        for port in ports:
            self.ip("link", "set", port, "master", name)
        self.ip("link", "set", name, "up")

    def mac(self, name):
        return self.ip("-br", "link", "show", name).stdout.split()[2]

    def replay(self, interface, *files, rate=10_000):
        """Sends captures at `rate` packets per second."""
        done = self("tcpreplay", "-q", "-K", "-p", rate, "-i", interface, *files)
        if "Failed packets:            0" not in done.stdout:
            raise AssertionError(done.stdout)

    def count(self, *arguments):
        """capture_count on a source, ready to count."""
        return self.start(CAPTURE_COUNT, *arguments).wait_for("ready\n")

    def close(self):
        for program in self.programs:
            program.close()
        self.programs = []
        self.delete()


def figures(text):
    """key=value pairs of capture_count's last line."""
    return {key: int(value, 16) if key == "checksum" else int(value)
            for key, value in (pair.split("=") for pair in text.splitlines()[-1].split())}


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.network = Network()
        self.addCleanup(self.network.close)

    def finish(self, program, frames=None):
        """Waits until `frames` were seen (and then some, for more), ends, returns the figures."""
        time.sleep(0.5)
        wait_idle(program.process, patience=5)
        self.assertEqual(program.stop(), 0, program.stderr)
        result = figures(program.stdout)
        self.assertEqual(result["frames"], result["stats_frames"], "the driver's own count")
        self.assertEqual(result["times_wrong"], 0, "packet times are those of now")
        if frames is not None:
            self.assertEqual(result["frames"], frames, (result, program.stderr))
            self.assertEqual(result["kernel"] + result["nic"], 0, result)
        return result

    def truth(self, path, *arguments):
        """What is in a capture file, counted by the same program."""
        done = run(CAPTURE_COUNT, *arguments, f"file:{path}")
        return figures(done.stdout)
