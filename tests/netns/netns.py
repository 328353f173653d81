# SPDX-License-Identifier: BSD-2-Clause
"""
Real interfaces for tests: network namespaces, veth pairs with several queues, a bridge, and
mirrors made with tc, as a switch's mirror port would deliver them. Everything is named after this
process and taken away at the end. A test that cannot run here skips, with the reason.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import support  # noqa: E402
import waiting  # noqa: E402

SKIP = 77
SOURCE = Path(os.environ.get("SOURCE_ROOT", Path(__file__).resolve().parents[2]))
PCAPS = SOURCE / "pcaps"
OFFLOADS = "tso gso gro lro txvlan rxvlan tx-udp-segmentation".split()
_namespaces = []


def run(*command, check=True, timeout=support.TIMEOUT):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=timeout)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIP)


def require(*tools):
    """Root and these programs, or the test is skipped."""
    if os.geteuid() != 0:
        skip("needs root, to make network namespaces")
    for tool in ("ip", "tc", "ethtool", *tools):
        if not shutil.which(tool):
            skip(f"needs {tool}")
    probe = f"sf{os.getpid()}probe"
    done = run("ip", "netns", "add", probe, check=False)
    if done.returncode:
        skip(f"no network namespaces here: {done.stderr.strip()}")
    done = run("ip", "-n", probe, "link", "add", "va", "type", "veth", "peer", "name", "vb",
               check=False)
    run("ip", "netns", "del", probe, check=False)
    if done.returncode:
        skip(f"no veth devices here: {done.stderr.strip()}")


class Namespace:
    """One network namespace; `ns(…)` runs a command in it."""

    def __init__(self, name):
        self.name = f"sf{os.getpid()}{name}"
        run("ip", "netns", "add", self.name)
        _namespaces.append(self)
        # no router solicitations and the like among the traffic
        self("sysctl", "-qw", "net.ipv6.conf.all.autoconf=0", "net.ipv6.conf.default.autoconf=0",
             "net.ipv6.conf.all.accept_ra=0", "net.ipv6.conf.default.accept_ra=0",
             "net.ipv6.conf.default.router_solicitations=0",
             "net.ipv6.conf.default.accept_dad=0", check=False)
        self("ip", "link", "set", "lo", "up")

    def __call__(self, *command, **kwargs):
        return run("ip", "netns", "exec", self.name, *command, **kwargs)

    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    def quiet(self, interface):
        """A port that only listens: no addresses, no IPv6."""
        self("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")

    def quiet_from_now_on(self):
        """Interfaces made later have no IPv6, so they send nothing when they come up."""
        self("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")

    def plain(self, interface):
        """No offloads: frames as they would be on a wire."""
        for feature in OFFLOADS:
            self("ethtool", "-K", interface, feature, "off", check=False)

    def packets(self, interface, direction="rx"):
        text = self("ip", "-j", "-s", "link", "show", interface).stdout
        return json.loads(text)[0]["stats64"][direction]["packets"]

    def delete(self):
        run("ip", "netns", "del", self.name, check=False)


@atexit.register
def clean():
    """Takes all namespaces away."""
    while _namespaces:
        _namespaces.pop().delete()


def veth(ns_a, a, ns_b, b, queues=1, mtu=1500):
    """A cable between two namespaces, without offloads."""
    run("ip", "link", "add", a, "netns", ns_a.name, "numrxqueues", queues, "numtxqueues", queues,
        "type", "veth", "peer", "name", b, "netns", ns_b.name, "numrxqueues", queues,
        "numtxqueues", queues)
    for namespace, interface in (ns_a, a), (ns_b, b):
        namespace.plain(interface)
        namespace("ip", "link", "set", interface, "mtu", mtu, "up")


def native(namespace, interface):
    """
    The peer of an XDP port needs a NAPI of its own to take frames: GRO switched on for it makes
    the kernel do that without merging anything, as the sender's offloads are off.
    """
    namespace("ethtool", "-K", interface, "gro", "on", check=False)


def mirror(namespace, interface, ports, directions=("ingress", "egress")):
    """Copies what passes an interface to the ports, like a SPAN session. Skips where it cannot."""
    namespace("tc", "qdisc", "add", "dev", interface, "clsact")
    for direction in directions:
        actions = []
        for port in ports:
            actions += ["action", "mirred", "egress", "mirror", "dev", port]
            if port != ports[-1]:
                actions += ["pipe"]
        done = namespace("tc", "filter", "add", "dev", interface, direction, "protocol", "all",
                         "prio", "1", "u32", "match", "u32", "0", "0", *actions, check=False)
        if done.returncode:
            skip(f"no u32 filter with mirred in this kernel: {done.stderr.strip()}")


def replay(namespace, interface, capture, *options, timeout=2 * support.TIMEOUT):
    """Sends a capture; returns what tcpreplay says it sent."""
    done = namespace("tcpreplay", "-q", "-i", interface, *(options or ("--mbps", "20")), capture,
                     timeout=timeout)
    for line in done.stdout.splitlines():
        if line.strip().startswith("Successful packets:"):
            return int(line.split()[-1])
    raise RuntimeError(done.stdout)


class Case(support.Case):
    """A run of the program inside a namespace, with its counters checked at the end."""

    def live(self, namespace, *arguments, name="run", command="meter", before=(),
             **kwargs):
        out = open(self.directory / f"{name}.out", "wb")
        err = open(self.directory / f"{name}.err", "wb")
        self.addCleanup(out.close)
        self.addCleanup(err.close)
        options = ["--stats", "json"] if command == "meter" else []
        process = subprocess.Popen(
            [*namespace.prefix(), *before, support.SPANFLOW, command, *options, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, **kwargs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.name = name
        return process

    def all_output(self, process, stream="err"):
        """All that it has printed: for a run that has ended."""
        return (self.directory / f"{process.name}.{stream}").read_text(errors="replace")

    def output(self, process, stream="err"):
        """The whole lines that it has printed so far: the last one may be half written."""
        return support.whole_lines(self.all_output(process, stream))

    def ready(self, process):
        """Waits until the ports are open: a run says so."""
        def started():
            if process.poll() is not None:
                raise AssertionError(f"ended at once: {self.all_output(process)}")
            return "metering" in self.output(process)
        support.wait_until(started, "start of the meter")

    def ended(self, process, status=0, timeout=support.TIMEOUT):
        process.wait(timeout)
        done = support.Done(process.returncode, self.all_output(process, "out"), self.all_output(process))
        self.assertEqual(done.status, status, done.stderr)
        if done.stats:
            self.check_counters(done.stats, done.stderr)
        return done

    @staticmethod
    def taken(process):
        """Waits until the kernel has handed over what it holds, and the process has taken it."""
        time.sleep(0.5)
        waiting.wait_idle(process, patience=5)

    def stop(self, process, signal=15, **kwargs):
        """Ends a run when it has taken what has come."""
        self.taken(process)
        process.send_signal(signal)
        done = self.ended(process, **kwargs)
        self.assertIsNotNone(done.stats, done.stderr)
        return done


class Tap(Case):
    """A sender and a tap, a namespace each; cable() joins them: what leaves at tx0 arrives at rx0."""

    def setUp(self):
        super().setUp()
        self.sender, self.tap = (Namespace(end + self.id()[-5:]) for end in ("tx", "rx"))
        for namespace in self.sender, self.tap:
            self.addCleanup(namespace.delete)
            namespace.quiet_from_now_on()

    def cable(self, number=0, queues=1):
        veth(self.sender, f"tx{number}", self.tap, f"rx{number}", queues, mtu=1600)
        native(self.sender, f"tx{number}")


def built(driver):
    """Is the driver in this build? If not, the test says so and goes on without it."""
    for line in run(support.SPANFLOW, "list", "drivers").stdout.splitlines():
        if line.split()[0] == driver and "not built" not in line:
            return True
    print(f"driver {driver} is not in this build")
    return False


def source(driver, interface):
    """The arguments that meter an interface through a driver."""
    if driver == "dpdk":
        return ["-i", f"dpdk:net_af_packet0,iface={interface},blocksz=65536,framesz=2048,"
                "framecnt=4096", "--driver-options", "--no-huge -m 256"]
    return ["-i", interface if driver == "pcap" else f"{driver}:{interface}"]


KEY = ("sourceIPv4Address", "destinationIPv4Address", "sourceIPv6Address",
       "destinationIPv6Address", "sourceTransportPort", "destinationTransportPort",
       "protocolIdentifier", "vlanId")


def flows(records, *more):
    """Records by key: packets, octets, and the elements asked for; several of a key in order."""
    table = {}
    for record in sorted(records, key=lambda r: r["flowStartMilliseconds"]):
        key = tuple(record.get(name) for name in KEY)
        table.setdefault(key, []).append(tuple(
            record.get(name) for name in ("packetDeltaCount", "octetDeltaCount", *more)))
    return table


def main():
    unittest.main()
