#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Mirrors that send to sockets of this host (-i udp://, -i gre://): records are those of the same frames in a
file, for each kind of encapsulation, both families and any number of workers. UDP needs no rights. What the
kernel drops is counted; errors say what to do.
"""

import json
import signal
import struct
import subprocess
import unittest

import netns
import support
from frames import mixed, write_pcap
from netns import Case, Namespace
from support import wait_until

netns.require("setpriv")

TIMEOUTS = ("--idle-timeout", "600s", "--active-timeout", "600s")
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
          "--bounding-set=-all", "--inh-caps=-all")
# of a live run and a file these differ
OWN = ("flowStartMilliseconds", "flowEndMilliseconds", "flowId", "ingressInterface",
       "egressInterface", "observationDomainId")

KINDS = {
    "vxlan": struct.pack("!II", 0x08000000, 0x1234 << 8),
    "geneve": struct.pack("!BBHI", 2, 0, 0x6558, 0x200) + bytes(8),
    "tzsp": bytes([1, 0, 0, 1, 1]),
    "hpe-erm": bytes(12),
    "erspan1": struct.pack("!HH", 0, 0x88be),
    "erspan2": struct.pack("!HHIHHI", 0x1000, 0x88be, 5, 0x1000, 0x1800 | 7, 3),
    "erspan3": struct.pack("!HHIHHIHH", 0x1000, 0x22eb, 5, 0x2000, 7, 0, 0, 0),
    "gre": struct.pack("!HHI", 0x2000, 0x6558, 9),
}

# run inside the namespace: frames of standard input, sent from several ports
SENDER = """
import socket, struct, sys, time
host, port, ports = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ':' in host else socket.AF_INET
kind = (socket.SOCK_DGRAM, socket.IPPROTO_UDP) if port else (socket.SOCK_RAW, 47)
sockets = [socket.socket(family, *kind) for _ in range(ports)]
data, at, sent = sys.stdin.buffer.read(), 0, 0
while at < len(data):
    length, = struct.unpack_from('!I', data, at)
    sockets[sent % ports].sendto(data[at + 4:at + 4 + length], (host, port))
    at, sent = at + 4 + length, sent + 1
    if sent % 20 == 0:
        time.sleep(0.002)
"""


def comparable(records):
    return sorted(json.dumps({k: v for k, v in record.items() if k not in OWN}, sort_keys=True)
                  for record in records)


class Socket(Case):
    @classmethod
    def setUpClass(cls):
        cls.host = Namespace("sock")
        cls.host("ip", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad")

    def send(self, frames, kind, host, port, ports=1):
        packed = b"".join(struct.pack("!I", len(f)) + f
                          for f in (KINDS[kind] + frame for frame in frames))
        path = self.directory / "frames"
        path.write_bytes(packed)
        with open(path, "rb") as stdin:
            subprocess.run([*self.host.prefix(), "python3", "-c", SENDER, host, str(port),
                                  str(ports)], stdin=stdin, check=True, timeout=support.TIMEOUT)

    def runs(self, frames, *runs):
        """Runs of (source, kind, host, port, workers) at the same time, each with its own frames."""
        started = []
        for number, (source, _, _, port, workers) in enumerate(runs):
            before = NOBODY if port else ()  # GRE: as root, who becomes nobody
            started.append(self.live(self.host, "-i", source, "-o", "json", "--workers", workers,
                                     *TIMEOUTS, name=f"run{number}", before=before))
        for process, (_, kind, host, port, workers) in zip(started, runs):
            self.ready(process)
            self.send(frames, kind, host, port, 7 if port and workers > 1 else 1)
        for process in started:
            self.taken(process)
        for process in started:
            process.send_signal(signal.SIGTERM)
        return [self.ended(process) for process in started]

    def test_records_are_those_of_the_frames_in_a_file(self):
        frames = mixed(300)
        path = write_pcap(self.directory / "frames.pcap", frames)
        filed = self.meter("-r", path, "-o", "json", *TIMEOUTS)
        expected = comparable(filed.records)
        self.assertGreater(len(expected), 200)
        runs = (
            ("udp://127.0.0.1:4789", "vxlan", "127.0.0.1", 4789, 1),
            ("udp://:6081", "geneve", "127.0.0.1", 6081, 3),
            ("udp://[2001:db8::1]:4790,kind=geneve", "geneve", "2001:db8::1", 4790, 1),
            ("udp://0.0.0.0:37009,kind=vxlan+[::1]:9000,kind=vxlan", "vxlan", "::1", 9000, 2),
            ("udp://0.0.0.0:7000,kind=hpe-erm", "hpe-erm", "127.0.0.1", 7000, 1),
            ("udp://0.0.0.0:37008", "tzsp", "127.0.0.1", 37008, 2),
            ("gre://127.0.0.2", "erspan2", "127.0.0.2", 0, 2),
            ("gre://127.0.0.3", "erspan1", "127.0.0.3", 0, 1),
            ("gre://127.0.0.4", "erspan3", "127.0.0.4", 0, 1),
            ("gre://127.0.0.5", "gre", "127.0.0.5", 0, 1),
            ("gre://[::1]", "erspan2", "::1", 0, 1))
        for run, done in zip(runs, self.runs(frames, *runs)):
            with self.subTest(run=run):
                self.assertEqual(done.stats["frames"], len(frames))
                self.assertEqual(done.stats["metered"], filed.stats["metered"])
                self.assertEqual(comparable(done.records), expected)
                self.assertEqual({r["ingressInterface"] for r in done.records}, {1})  # lo
                sandbox = done.stats["sandbox"]
                self.assertTrue(sandbox["seccomp"] and (run[3] or sandbox["capabilitiesDropped"]))

    def waiting(self, port):
        """Bytes that wait in each socket of a port, by what the kernel says."""
        rows = self.host("cat", "/proc/net/udp").stdout.splitlines()[1:]
        return [int(row.split()[4].split(":")[1], 16) for row in rows
                if row.split()[1].endswith(f":{port:04X}")]

    def test_sender_with_one_port_uses_all_sockets(self):
        """The addresses inside choose the socket, not the mirror's own address and port."""
        frames = mixed(300)
        path = write_pcap(self.directory / "frames.pcap", frames)
        expected = comparable(self.meter("-r", path, "-o", "json", *TIMEOUTS).records)
        for kind, port, options in (("vxlan", 4789, ()), ("geneve", 6081, ()),
                                    ("tzsp", 37008, ("--workers-independent",))):
            process = self.live(self.host, "-i", f"udp://0.0.0.0:{port}", "-o", "json",
                                "--workers", "2", *options, *TIMEOUTS)
            self.ready(process)
            process.send_signal(signal.SIGSTOP)
            self.send(frames, kind, "127.0.0.1", port)
            waiting = self.waiting(port)
            process.send_signal(signal.SIGCONT)
            done = self.stop(process)
            with self.subTest(kind=kind):
                self.assertEqual(len(waiting), 2)
                self.assertGreater(min(waiting), sum(waiting) / 5)
                self.assertEqual(done.stats["frames"], len(frames))
                self.assertEqual(comparable(done.records), expected)

    def test_raw_sockets_of_all_addresses(self):
        done, = self.runs(mixed(20), ("gre://", "erspan2", "127.0.0.9", 0, 1))
        self.assertEqual(done.stats["frames"], 20)

    def test_what_is_around_and_what_is_no_mirror(self):
        """The packet around is made again from what the kernel tells; what carries no frame is left out."""
        process = self.live(self.host, "-i", "udp://:4789", "-o", "json", "--tunnel", "vxlan=both")
        self.ready(process)
        mirrored = KINDS["vxlan"] + mixed(1)[0]
        self.host("python3", "-c", "import socket; s = socket.socket(socket.AF_INET, "
                  "socket.SOCK_DGRAM); s.bind(('127.0.0.3', 999)); s.setsockopt(0, 1, 0x28); "
                  "s.setsockopt(0, 2, 77); s.sendto(bytes(60), ('127.0.0.2', 4789)); "
                  f"s.sendto({mirrored!r}, ('127.0.0.2', 4789))")
        done = self.stop(process)
        self.assertEqual(done.stats["ignored"]["notMirrored"], 1)
        record, = [r for r in done.records if r["sourceIPv4Address"] == "127.0.0.3"]
        self.assertEqual([record[name] for name in (
            "destinationIPv4Address", "sourceTransportPort", "destinationTransportPort", "octetDeltaCount",
            "ipClassOfService", "minimumTTL")], ["127.0.0.2", 999, 4789, 28 + len(mirrored), 0x28, 77])
        self.assertEqual(len(done.records), 2)

    def test_cut_packets_keep_their_lengths(self):
        """Those that the mirror cuts, and those that --snaplen cuts."""
        frames = mixed(100)
        path = write_pcap(self.directory / "frames.pcap", frames)
        filed = self.meter("-r", path, "-o", "json", *TIMEOUTS)
        done, = self.runs([frame[:128] for frame in frames],
                          ("udp://:4789", "vxlan", "127.0.0.1", 4789, 1))
        self.assertEqual(done.stats["metered"], filed.stats["metered"])
        process = self.live(self.host, "-i", "udp://:4789", "--snaplen", "140", "-o", "json",
                            *TIMEOUTS)
        self.ready(process)
        self.send(frames, "vxlan", "127.0.0.1", 4789)
        self.assertEqual(self.stop(process).stats["metered"], filed.stats["metered"])

    def test_drops_are_counted(self):
        process = self.live(self.host, "-i", "udp://:4789", "--ring-size", "1MiB", "--workers", "2",
                            "-o", "none")
        self.ready(process)
        process.send_signal(signal.SIGSTOP)
        self.send([mixed(1)[0].ljust(1400)] * 3000, "vxlan", "127.0.0.1", 4789, 4)
        process.send_signal(signal.SIGCONT)
        done = self.stop(process)
        dropped = done.stats["dropped"]["kernel"]
        self.assertGreater(dropped, 1000)
        self.assertEqual(done.stats["frames"] + dropped, 3000)
        self.assertEqual(done.stats["sources"][0]["counters"]["bufferFull"], dropped)

    def test_an_address_that_comes_later(self):
        options = ("-i", "udp://192.0.2.9:4789", "-o", "json", *TIMEOUTS)
        done = self.ended(self.live(self.host, *options, "--no-wait"), status=1)
        self.assertIn("udp://192.0.2.9:4789: this host does not have the address", done.stderr)
        process = self.live(self.host, *options, before=NOBODY)
        self.ready(process)
        self.assertIn("does not have the address yet", self.output(process))
        self.host("ip", "addr", "add", "192.0.2.9/32", "dev", "lo")
        self.addCleanup(self.host, "ip", "addr", "del", "192.0.2.9/32", "dev", "lo")
        self.send(mixed(10), "vxlan", "192.0.2.9", 4789)
        self.assertEqual(self.stop(process).stats["frames"], 10)

    def test_errors_say_what_to_do(self):
        process = self.live(self.host, "-i", "udp://:4789", "--workers", "2", name="first")
        self.ready(process)
        for workers in "1", "2":
            done = self.ended(self.live(self.host, "-i", "udp://0.0.0.0:4789", "--workers",
                                        workers), status=1)
            self.assertIn("udp://0.0.0.0:4789: another program or a tunnel interface of this host "
                          "has the port: see 'ss -ulnp sport = :4789'", done.stderr)
        self.stop(process)
        done = self.ended(self.live(self.host, "-i", "gre://", before=NOBODY), status=1)
        self.assertIn("gre://: no permission for a raw socket: needs root, or CAP_NET_RAW: setcap",
                      done.stderr)
        done = self.ended(self.live(self.host, "-i", "udp://:99,kind=tzsp", before=NOBODY),
                          status=1)
        self.assertIn("ports below 1024 need root, or CAP_NET_BIND_SERVICE", done.stderr)

    def test_check(self):
        process = self.live(self.host, "-i", "udp://:4789", "--duration", "1h", "-o", "json",
                            command="check", before=NOBODY)
        wait_until(lambda: "watching" in self.output(process), "start")
        self.send(mixed(200), "vxlan", "127.0.0.1", 4789)
        self.taken(process)
        process.send_signal(signal.SIGINT)
        findings = {f["name"]: f for f in json.loads(self.ended(process).stdout)["findings"]}
        self.assertRegex(findings["mirror"]["text"],
                         r"^100.0 % of packets carry other hosts' frames, from mirror \d+$")
        self.assertEqual(findings["directions"]["verdict"], "ok")


if __name__ == "__main__":
    unittest.main()
