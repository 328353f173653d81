# SPDX-License-Identifier: BSD-2-Clause
"""What the interop tests share: running spanflow, starting and ending collectors, and comparing
the flows that a collector understood with what `spanflow meter -o json` says.

A flow is a dictionary with the keys of FIELDS. A collector's reader leaves out what its output
does not have, and only what both sides have is compared; times within the reader's tolerance.
"""
import calendar
import collections
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from ports import free_port  # noqa: E402
from waiting import TIMEOUT, wait_idle, wait_until as wait_for  # noqa: E402

FIELDS = ("version", "src", "dst", "proto", "sport", "dport", "icmp", "packets", "octets",
          "flags", "vlan", "reason", "rpackets", "roctets", "first", "last")
TIMES = ("first", "last")
SO_RCVBUFFORCE = 33  # beyond net.core.rmem_max, for root
SKIP = 77  # what meson takes for "skipped"


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIP)


def need(*programs):
    """Skips the test when one of the (program, Debian package) pairs is not installed."""
    for program, package in programs:
        if not shutil.which(program):
            skip("%s is not installed (Debian package %s)" % (program, package))


def milliseconds(text):
    """2005-07-06T10:47:29.123Z, with any number of digits, to ms since 1970."""
    match = re.fullmatch(r"(\d+)-(\d+)-(\d+)[T ](\d+):(\d+):(\d+)(?:\.(\d+))?Z?", text)
    if not match:
        raise ValueError("no time: " + text)
    seconds = calendar.timegm(tuple(int(part) for part in match.groups()[:6]) + (0, 0, 0))
    return seconds * 1000 + int((match.group(7) or "0").ljust(3, "0")[:3])


def is_icmp(flow):
    return flow["proto"] == (1 if flow["version"] == 4 else 58)


def make_flow(**values):
    """A flow in the form that is compared: ICMP has a type and code and no ports, and flags
    belong to TCP alone, whatever a protocol's fields carry for others."""
    flow = {key: value for key, value in values.items() if value is not None}
    for end in ("src", "dst"):
        flow[end] = str(ipaddress.ip_address(flow[end]))  # one spelling of IPv6 addresses
    if is_icmp(flow):
        flow.pop("sport", None)
        flow.pop("dport", None)
    else:
        flow.pop("icmp", None)
    if flow["proto"] != 6:
        flow.pop("flags", None)
    elif "flags" in flow:
        flow["flags"] &= 0xff
    return flow


def flow_of_json(record):
    """A line of `spanflow meter -o json` or `spanflow show -o json`."""
    version = 6 if "sourceIPv6Address" in record else 4
    start = [record[key] for key in record if key.startswith("flowStart")]
    end = [record[key] for key in record if key.startswith("flowEnd") and "Reason" not in key]
    return make_flow(
        version=version,
        src=record["sourceIPv%dAddress" % version],
        dst=record["destinationIPv%dAddress" % version],
        proto=record["protocolIdentifier"],
        sport=record["sourceTransportPort"],
        dport=record["destinationTransportPort"],
        icmp=record.get("icmpTypeCodeIPv%d" % version),
        packets=record["packetDeltaCount"],
        octets=record["octetDeltaCount"],
        flags=record.get("tcpControlBits", 0),
        vlan=record.get("vlanId", record.get("dot1qVlanId", 0)),
        reason=record.get("flowEndReason"),
        rpackets=record.get("reversePacketDeltaCount"),
        roctets=record.get("reverseOctetDeltaCount"),
        first=milliseconds(start[0]),
        last=milliseconds(end[0]))


class Spanflow:
    """The program under test. Every run must end well and with balanced counters."""

    def __init__(self, program):
        self.program = os.path.abspath(program)

    def meter(self, captures, *options):
        """(standard output, statistics) of `spanflow meter -r captures… options…`."""
        command = [self.program, "meter", "-r", *captures, "--stats", "json", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        lines = done.stderr.decode().strip().splitlines()
        if done.returncode != 0:
            raise AssertionError("%s: exit status %d: %s" % (command, done.returncode, lines))
        statistics = json.loads(lines[-1])
        assert statistics["balanced"], (command, statistics)
        return done.stdout.decode(), statistics

    def flows(self, captures, *options):
        output, _ = self.meter(captures, "-o", "json", *options)
        return [flow_of_json(json.loads(line)) for line in output.splitlines()]


def bound_ports():
    """UDP ports that somebody listens on: octets waiting there, and datagrams dropped."""
    ports = {}
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = open(table).read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            words = line.split()
            waiting, dropped = int(words[4].split(":")[1], 16), int(words[-1])
            ports[int(words[1].split(":")[1], 16)] = waiting, dropped
    return ports


def have_ipv6():
    try:
        free_port("::1")
        return True
    except OSError:
        return False


def host(address):
    return "[%s]" % address if ":" in address else address


def without_vlan(scheme, options=""):
    """What to leave out of the comparison: v5 has no VLAN, nor has the profile of the classic
    fields."""
    return ("vlan",) if scheme == "netflow5" or "profile=plain" in options else ()


def wait_until(condition):
    wait_for(condition, "what a collector does")


class Collector:
    """A program that listens on a UDP port, from its start to its orderly end."""

    def __init__(self, command, port, log, end=signal.SIGTERM, env=None):
        self.port, self.end, self.log = port, end, log
        self.process = subprocess.Popen(command, stdout=open(log, "w"), stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL,
                                        env=dict(os.environ, TZ="UTC", LC_ALL="C", **(env or {})))
        try:
            # a machine busy with other tests is not what is tested
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -10)
        except PermissionError:
            pass
        self.wait_for(lambda: port in bound_ports(), "listened")

    def wait_for(self, condition, what):
        until = time.monotonic() + TIMEOUT
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError("%s ended: %s" % (self.process.args, self.read_log()))
            if time.monotonic() > until:
                self.process.kill()
                raise AssertionError("%s never %s: %s" %
                                     (self.process.args, what, self.read_log()))
            time.sleep(0.05)

    def read_log(self):
        return open(self.log, errors="replace").read()

    def finish(self, settle=0.5):
        """Lets it empty its socket, then ends it."""
        self.wait_for(lambda: bound_ports().get(self.port, (0, 0))[0] == 0, "emptied its socket")
        time.sleep(settle)
        wait_idle(self.process, patience=5)
        dropped = bound_ports().get(self.port, (0, 0))[1]
        if dropped:
            raise AssertionError("%s was too slow: the kernel dropped %d datagrams" %
                                 (self.process.args[0], dropped))
        self.process.send_signal(self.end)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("%s did not end" % self.process.args)
        return self.read_log()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def nfacctd_config(address, port, output):
    """The configuration of an nfacctd that writes what it received as JSON when it ends."""
    return f"""\
daemonize: false
nfacctd_ip: {address}
nfacctd_port: {port}
plugins: print
print_output: json
print_output_file: {output}
print_output_file_append: true
print_refresh_time: 3600
print_history: 1m
print_cache_entries: 16411
nfacctd_as: netflow
nfacctd_net: netflow
"""


def compare(what, expected, got, ignore=(), tolerance_ms=0):
    """Each expected flow must be there once, and nothing else."""
    keys = set(FIELDS) - set(ignore)
    if got:
        seen = set().union(*got)
        keys &= seen
    for must in ("src", "dst", "proto", "packets", "octets"):
        assert must in keys or not expected, "%s: no %s in what was read" % (what, must)

    def identity(flow):
        return tuple((key, flow[key]) for key in FIELDS if key in keys and key in flow
                     and key not in TIMES)

    def group(flows):
        groups = collections.defaultdict(list)
        for flow in flows:
            groups[identity(flow)].append(tuple(flow[key] for key in TIMES if key in keys))
        return groups

    want, have = group(expected), group(got)
    wrong = []
    for key in sorted(set(want) | set(have), key=str):
        times, others = sorted(want.get(key, [])), sorted(have.get(key, []))
        if len(times) != len(others):
            wrong.append("expected %d, got %d of %s" % (len(times), len(others), dict(key)))
            continue
        for mine, theirs in zip(times, others):
            if any(abs(a - b) > tolerance_ms for a, b in zip(mine, theirs)):
                wrong.append("times %s, got %s of %s" % (mine, theirs, dict(key)))
    if wrong:
        raise AssertionError("%s: %d differences in %d flows:\n  %s" %
                             (what, len(wrong), len(expected), "\n  ".join(wrong[:10])))
    print("%s: %d flows agree in %s" % (what, len(expected), ", ".join(
        key for key in FIELDS if key in keys)))


def captures(directory, shared=()):
    """Paths of the project's captures that are whole, and of shared ones where the folder is
    there."""
    own = sorted(os.path.join(directory, name) for name in os.listdir(directory)
                 if re.search(r"\.(pcap|pcapng)$", name) and name != "cut-off.pcap")
    beside = os.path.join(directory, "..", "..", "shared", "pcaps")
    return own + [os.path.join(beside, name) for name in shared
                  if os.path.exists(os.path.join(beside, name))]


class Workplace:
    """A directory of the test's own, removed at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="spanflow-interop-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def directory(self, name):
        path = self.file(name)
        os.mkdir(path)
        return path


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Recorder:
    """Receives datagrams on a port of its own and writes them as a capture of raw IP packets, so
    that no privilege is needed to look at what was sent."""

    def __init__(self, address, path):
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((address, 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.file = open(path, "wb")
        # pcap, link type 101: packets begin with their IP header
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
        self.lengths = []
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(65536)
            except socket.timeout:
                if self.stopping:
                    break
                continue
            packet = self.packet(data, peer)
            now = time.time()
            self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet),
                                        len(packet)) + packet)
            self.lengths.append(len(packet))
        self.file.close()
        self.socket.close()

    def packet(self, data, peer):
        mine = socket.inet_pton(self.family, self.socket.getsockname()[0])
        theirs = socket.inet_pton(self.family, peer[0])
        udp = struct.pack("!HHHH", peer[1], self.port, 8 + len(data), 0) + data
        sum16 = checksum(theirs + mine + struct.pack("!HH", 17, len(udp)) + udp) or 0xffff
        udp = udp[:6] + struct.pack("!H", sum16) + udp[8:]
        if self.family == socket.AF_INET6:
            return struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + theirs + mine + udp
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + theirs + mine
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + udp

    def finish(self):
        self.stopping = True
        self.thread.join()
