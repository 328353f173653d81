# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the program share: captures made by hand, a run with its counters checked."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from ports import free_port  # noqa: F401
from waiting import (TIMEOUT, catches, child_of, deliver, settle, signal_in, stop_for_a_while, unread,  # noqa: F401
                     wait_for_handlers, wait_until, whole_lines)

SPANFLOW = os.environ.get("SPANFLOW", "build/src/cli/spanflow")
SO_RCVBUFFORCE = 33
START = 1_700_000_000  # s since 1970 of the first packet of most captures
if "WITHOUT_LEAKS" in os.environ:  # of all programs that are started here
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


def udp(source, port, payload=b"x", vlan=None, version=4):
    """An Ethernet frame with one UDP packet from 192.0.2.`source` (or 2001:db8::`source`)."""
    datagram = struct.pack("!HHHH", port, 53, 8 + len(payload), 0) + payload
    if version == 4:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0,
                         bytes([192, 0, 2, source]), bytes([198, 51, 100, 1]))
        kind = 0x0800
    else:
        ip = struct.pack("!IHBB16s16s", 6 << 28, len(datagram), 17, 64,
                         bytes.fromhex("20010db8") + bytes(11) + bytes([source]),
                         bytes.fromhex("20010db8") + bytes(11) + b"\xfe")
        kind = 0x86DD
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return bytes(6) + b"\2\0\0\0\0\1" + tag + struct.pack("!H", kind) + ip + datagram


def arista(frame, seconds, version=0x0110):
    """The frame with Arista's header behind its addresses, which says that it came at that time."""
    stamp = struct.pack("!II", int(seconds // 1), round(seconds % 1 * 1e9))
    return frame[:12] + struct.pack("!HHH", 0xD28B, 1, version) + stamp + frame[12:]


def metawatch(frame, seconds):
    """The frame with the trailer of MetaWatch."""
    return frame + struct.pack("!IIIBHB", 0, int(seconds // 1), round(seconds % 1 * 1e9), 1, 7, 3)


def pcap_header(link=1):
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)


def pcap_packet(seconds, frame):
    return struct.pack("<IIII", int(seconds), round(seconds % 1 * 1e6), len(frame), len(frame)) \
        + frame


def pcap(packets, link=1, start=START):
    """A capture file of (seconds since `start`, frame) pairs."""
    return pcap_header(link) + b"".join(pcap_packet(start + t, f) for t, f in packets)


def conversations(count, packets=2, step=0.001):
    """`count` flows, one after the other in each round, of `packets` packets each."""
    return [((i + count * r) * step, udp(1 + i % 200, 1024 + i // 200))
            for r in range(packets) for i in range(count)]


def enlarge_buffer(receiver):
    """For all that may come while this test does not run; root may have more than net.core.rmem_max."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    except PermissionError:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)


def addresses(name):
    return {row[4][0] for row in socket.getaddrinfo(name, 0, type=socket.SOCK_DGRAM)}


def generated(directory, tool, name, *arguments):
    """A capture of a generator in this tree, and the truth that it writes beside."""
    path = os.path.join(directory, name)
    subprocess.run([os.environ[tool], path, *arguments], check=True)
    return path, json.loads(Path(path + ".json").read_text())


def output(form):
    """The option of a format; the table with everything in full, one line a record."""
    return ["-o", form, *(["--wide"] if form == "table" else [])]


# under nohup every program that is started here would ignore SIGHUP
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Done:
    """A finished run: exit status, output, and the statistics if they were printed as JSON."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr
        last = stderr.splitlines()[-1] if stderr.strip() else ""
        self.stats = json.loads(last) if last.startswith("{") else None

    @property
    def records(self):
        return [json.loads(line) for line in self.stdout.splitlines()]


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def start(self, *arguments, **kwargs):
        """Starts the program; what it prints goes to files, which can be looked at meanwhile."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        for name in ("stdout", "stderr"):
            if name not in kwargs:
                kwargs[name] = open(self.directory / name, "wb")
                self.addCleanup(kwargs[name].close)
        process = subprocess.Popen([SPANFLOW, *map(str, arguments)], **kwargs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def content(self, name="stdout"):
        """All that was printed: for a program that has ended."""
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""

    def printed(self, name="stdout"):
        """The whole lines that were printed so far: the last one may be half written."""
        return whole_lines(self.content(name))

    def said(self, pattern, name="stderr"):
        """Waits for whole lines that match; returns the match."""
        found = []
        wait_until(lambda: found.append(re.search(pattern, self.printed(name))) or found[-1],
                   pattern)
        return found[-1]

    def told(self, words, name="stderr"):
        """Waits for words of a program that still runs: they may come later than what they are about."""
        self.said(re.escape(words), name)

    def statistics(self, process, name="stderr"):
        """What the program answers to SIGUSR1, with --stats json."""
        before = self.printed(name).count('"balanced"')
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.printed(name).count('"balanced"') > before, "statistics")
        return json.loads([line for line in self.printed(name).splitlines() if '"balanced"' in line][-1])

    def end(self, process):
        status = process.wait(TIMEOUT)
        return Done(status, self.content(), self.content("stderr"))

    def run_plain(self, *arguments, **kwargs):
        return self.end(self.start(*arguments, **kwargs))

    def meter(self, *arguments, status=0, **kwargs):
        """Runs `meter` with JSON statistics, which must balance."""
        return self.check(self.start("meter", "--stats", "json", *arguments, **kwargs), status)

    def check(self, process, status=0):
        done = self.end(process)
        self.assertEqual(done.status, status, done.stderr)
        self.check_counters(done.stats, done.stderr)
        return done

    def check_counters(self, stats, why=""):
        """The equations of docs/design.md §5, from the outside."""
        self.assertIsNotNone(stats, why)
        self.assertIs(stats["balanced"], True, stats)
        self.assertEqual(stats["frames"] + stats["tunnels"]["twice"],
                         stats["metered"]["packets"] + stats["fragments"]["waiting"]
                         + sum(stats["ignored"].values()))
        for unit in ("packets", "octets"):
            lost = stats["records"]["lostRing" + unit.capitalize()]
            self.assertEqual(stats["metered"][unit],
                             stats["records"][unit] + lost + stats["table"][unit])
            for place in stats["collectors"] + stats["outputs"]:
                self.assertEqual(place["offered"][unit], stats["records"][unit])
                self.assertEqual(place["offered"][unit] + place["inherited"][unit],
                                 place[unit] + place["skippedTotal"][unit]
                                 + place["lostTotal"][unit] + place["spooled"][unit])


def main():
    unittest.main()
