#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mistakes that other flow meters make, a test each, and large generated captures against what
their generators know of them: nothing split, nothing lost, nothing counted that is not IP."""

import collections
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

import support
from support import START, Case, generated, pcap, pcap_header, pcap_packet, udp, wait_until

LONG = ("--idle-timeout", "300s", "--active-timeout", "300s")  # for captures of 120 s


def tcp(source, flags, reply=False, version=4, tags=(), pad=60):
    """A TCP segment without payload between client 192.0.2.`source`:40000 and a server's port
    80, behind (TPID, VID) tags, padded as Ethernet does."""
    ends = [(bytes([192, 0, 2, source]), 40000), (bytes([198, 51, 100, 1]), 80)]
    if version == 6:
        ends = [(bytes.fromhex("20010db8") + bytes(8) + a, p) for a, p in ends]
    (here, sport), (there, dport) = reversed(ends) if reply else ends
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 8192, 0, 0)
    if version == 6:
        ip = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64)
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0)
    frame = bytes(6) + b"\2\0\0\0\0\1"
    frame += b"".join(struct.pack("!HH", *tag) for tag in tags)
    frame += struct.pack("!H", 0x0800 if version == 4 else 0x86DD) + ip + here + there + segment
    return frame.ljust(pad, b"\xee")


SYN, ACK, FIN = 2, 16, 1
SESSION = [(SYN, False), (SYN | ACK, True), (ACK, False), (FIN | ACK, False), (FIN | ACK, True),
           (ACK, False)]


def sums(records):
    """Packets and octets of JSON records."""
    return tuple(sum(r[name] for r in records) for name in ("packetDeltaCount", "octetDeltaCount"))


class Mistakes(Case):
    def flows(self, packets, *arguments, link=1):
        return self.meter("-r", self.file("a.pcap", pcap(packets, link)), "-o", "json",
                          *arguments).records

    def test_ethernet_padding_counted_as_ip(self):
        for version, octets in ((4, 40), (6, 60)):
            for tags in ([], [(0x8100, 7)], [(0x88a8, 5), (0x8100, 7)]):
                record, = self.flows([(0, tcp(1, ACK, version=version, tags=tags, pad=90))])
                self.assertEqual(record["octetDeltaCount"], octets, (version, tags))

    def test_layer_2_octets_reported(self):
        ethernet = udp(1, 5000, b"payload")
        ip = ethernet[14:]
        headers = [(1, ethernet[:12] + b"\x08\0"), (1, ethernet[:12] + b"\x81\0\0\x07\x08\0"),
                   (101, b""), (0, b"\2\0\0\0"), (113, bytes(14) + b"\x08\0"),
                   (1, ethernet[:12] + b"\x88\x47\0\x01\x01\x40")]
        for link, header in headers:
            record, = self.flows([(0, header + ip)], link=link)
            self.assertEqual(record["octetDeltaCount"], 20 + 8 + 7, (link, header))

    def test_qinq_dropped_or_collapsed(self):
        packets = [(0.001 * i, tcp(client, flags, reply, tags=[(tpid, outer), (0x8100, inner)]))
                   for i, (flags, reply) in enumerate(SESSION)
                   for tpid in (0x88a8, 0x8100, 0x9100)
                   for client in (tpid >> 8,) for outer in (100, 101) for inner in (7, 8)]
        records = self.flows(packets)
        self.assertEqual({r["packetDeltaCount"] for r in records}, {4, 2})
        tags = collections.Counter((r["vlanId"], r["dot1qCustomerVlanId"]) for r in records)
        self.assertEqual(tags, {(o, i): 3 * 2 for o in (100, 101) for i in (7, 8)})

    def test_last_ack_after_fin_makes_a_flow(self):
        for version in (4, 6):
            packets = [(0.1 * i, tcp(1, flags, reply, version))
                       for i, (flags, reply) in enumerate(SESSION)]
            packets.append((2.4, tcp(1, FIN | ACK, True, version)))  # sent again
            records = self.flows(packets)
            self.assertEqual([(r["packetDeltaCount"], r["flowEndReason"]) for r in records],
                             [(4, 3), (3, 3)])

    def test_tcp_without_syn_thrown_away(self):
        records = self.flows([(i, tcp(1, ACK)) for i in range(5)])
        self.assertEqual([r["packetDeltaCount"] for r in records], [5])

    def test_one_way_traffic_counted_as_answers(self):
        packets = [(0.01 * i, udp(source, port)) for i, (source, port) in
                   enumerate((s, p) for s in range(1, 250, 7) for p in (1, 52, 53, 54, 60000))]
        for record in self.flows(packets, "--biflow"):
            self.assertEqual(record["packetDeltaCount"], 1)
            self.assertEqual(record["destinationTransportPort"], 53)
            self.assertEqual(record.get("reversePacketDeltaCount", 0), 0)

    def test_file_expired_by_the_clock_on_the_wall(self):
        # seen once every 14 s of 2005: one flow; a second apart from its successor by 16 s: two
        old = 1_120_000_000 - START
        kept = [(old + 14 * i, udp(1, 5000)) for i in range(4)]
        split = [(old + 16 * i, udp(2, 5000)) for i in range(2)]
        records = self.flows(sorted(kept + split))
        found = sorted((r["sourceIPv4Address"], r["packetDeltaCount"], r["flowStartMilliseconds"])
                       for r in records)
        self.assertEqual([f[:2] for f in found],
                         [("192.0.2.1", 4), ("192.0.2.2", 1), ("192.0.2.2", 1)])
        self.assertEqual({f[2][:10] for f in found}, {"2005-06-28"})

    def test_flows_not_flushed_on_a_signal(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            sink.settimeout(support.TIMEOUT)
            url = f"ipfix://127.0.0.1:{sink.getsockname()[1]}"
            process = self.start("meter", "-r", "-", "-e", url, "-o", "json", "--stats", "json",
                                 stdin=subprocess.PIPE)
            self.addCleanup(process.stdin.close)
            process.stdin.write(pcap_header() + b"".join(
                pcap_packet(START, udp(i, 5000)) for i in range(1, 201)))
            process.stdin.flush()
            support.settle(process, process.stdin)
            process.send_signal(signal.SIGUSR1)
            wait_until(lambda: '"frames":200,' in self.printed("stderr"), "200 frames")
            self.assertEqual(self.printed(), "", "all flows are still open")
            process.send_signal(signal.SIGTERM)
            done = self.check(process)
            self.assertEqual([r["flowEndReason"] for r in done.records], [4] * 200)
            self.assertEqual(done.stats["collectors"][0]["records"], 200)
            templates, records = {}, 0
            sink.setblocking(False)
            try:
                while message := sink.recv(65536):
                    records += len(data_records(message, templates))
            except BlockingIOError:
                pass
            self.assertEqual(records, 200)

    def test_ipfix_without_counters(self):
        frames = [(0, udp(1, 5000)), (1, udp(1, 5000)), (0.5, udp(1, 5000, version=6)),
                  (2, tcp(3, SYN)), (2, tcp(3, SYN | ACK, True))]
        capture = self.file("a.pcap", pcap(sorted(frames)))
        for options in ("", ",biflow=yes", ",profile=plain", ",profile=extended"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
                sink.bind(("127.0.0.1", 0))
                stats = self.meter("-r", capture, "-e",
                                   f"ipfix://127.0.0.1:{sink.getsockname()[1]}{options}").stats
                templates, records = {}, []
                sink.setblocking(False)
                try:
                    while message := sink.recv(65536):
                        records += data_records(message, templates)
                except BlockingIOError:
                    pass
            octets = packets = 0
            for record in records:
                self.assertGreater(record[2], 0, options)
                self.assertGreater(record[1], 0, options)
                packets += record[2] + record.get((29305, 2), 0)
                octets += record[1] + record.get((29305, 1), 0)
            self.assertEqual((packets, octets), (5, stats["metered"]["octets"]), options)


def data_records(message, templates):
    """Flow records of an IPFIX message of fixed-length elements, {element or (PEN, element):
    number}; options records are left out. Written here once more, so that no decoder of the
    program's own stands surety for its encoder."""
    records, at = [], 16
    while at < len(message):
        number, length = struct.unpack_from("!HH", message, at)
        body, at = message[at + 4:at + length], at + length
        if number == 2:
            while len(body) >= 4:
                identifier, count = struct.unpack_from("!HH", body)
                body, fields = body[4:], []
                for _ in range(count):
                    element, size = struct.unpack_from("!HH", body)
                    body = body[4:]
                    if element & 0x8000:
                        element = (struct.unpack_from("!I", body)[0], element & 0x7FFF)
                        body = body[4:]
                    fields.append((element, size))
                templates[identifier] = fields
        elif number in templates:
            size = sum(s for _, s in templates[number])
            while len(body) >= size:
                record = {}
                for element, octets in templates[number]:
                    record[element] = int.from_bytes(body[:octets], "big")
                    body = body[octets:]
                records.append(record)
    return records


class Generated(Case):
    """Large captures, made once for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.make(directory.name)

    def peak(self, *arguments):
        """Peak resident memory of `meter`, in octets, and its statistics."""
        with open(self.directory / "stderr", "w+b") as stderr:
            process = subprocess.Popen([support.SPANFLOW, "meter", "--stats", "json", "-o", "none",
                                        *arguments], stderr=stderr, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        self.assertEqual(status, 0)
        stats = json.loads(self.printed("stderr").splitlines()[-1])
        self.check_counters(stats)
        return usage.ru_maxrss * 1024, stats


class ManyFlows(Generated):
    """A million flows of two packets each, in random orders."""

    @classmethod
    def make(cls, directory):
        cls.v4 = generated(directory, "GENERATE", "4.pcap", "flows=1000000", "packets=2000000",
                           "size=64", "span=120")
        cls.v6 = generated(directory, "GENERATE", "6.pcap", "flows=1000000", "packets=2000000",
                           "size=80", "family=6", "span=120")

    def exact(self, stats, truth, factor=1):
        self.assertEqual(stats["frames"], truth["packets"])
        self.assertEqual(stats["metered"], {"packets": truth["packets"],
                                            "octets": truth["octets"]})
        self.assertEqual(stats["flows"], {"created": truth["flows"], "ended": truth["flows"],
                                          "evicted": 0, "active": 0})
        self.assertEqual(stats["records"]["emitted"], truth["flows"])

    def test_small_table_splits_flows(self):
        for path, truth in (self.v4, self.v6):
            self.exact(self.meter("-r", path, "-o", "none", *LONG).stats, truth)

    def test_full_to_the_last_entry(self):
        path, truth = self.v4
        self.exact(self.meter("-r", path, "-o", "none", "--max-flows", "1000000", *LONG).stats,
                   truth)

    def test_memory(self):
        """docs/design.md §4: no more than 152 octets for an IPv4 conversation, 216 for an IPv6 one, the
        index included: what a full table of a million takes beyond one of a thousand."""
        if "SANITIZED" in os.environ:
            self.skipTest("sanitizers take memory of their own")
        for (path, truth), most in ((self.v4, 152), (self.v6, 216)):
            few, _ = self.peak("-r", path, "--max-flows", "1000", *LONG)
            many, stats = self.peak("-r", path, "--max-flows", "1000000", *LONG)
            self.exact(stats, truth)
            self.assertLessEqual((many - few) / truth["flows"], most)
            self.assertGreater((many - few) / truth["flows"], most / 3, "measures nothing")


class Mixed(Generated):
    """A million packets of 100,000 TCP sessions: IPv4 and IPv6, without tag, with one, with two;
    everything with default settings."""

    @classmethod
    def make(cls, directory):
        cls.path, cls.truth = generated(directory, "MAKE_MIXED", "mixed.pcap")

    def exact(self, stats):
        truth = self.truth
        self.assertEqual(stats["frames"], truth["packets"])
        self.assertEqual(stats["metered"], {"packets": truth["packets"],
                                            "octets": truth["octets"]})
        self.assertEqual(stats["flows"], {"created": 100000, "ended": 100000, "evicted": 0,
                                          "active": 0})
        self.assertEqual(stats["records"]["lostRing"], 0)

    def test_truth_is_the_one_described(self):
        self.assertEqual((self.truth["packets"], self.truth["flows"]), (1000000, 100000))

    def test_conversations(self):
        done = self.meter("-r", self.path, "-o", "json", "--biflow")
        self.exact(done.stats)
        self.check_conversations(done.records)

    def check_conversations(self, records):
        truth = self.truth
        self.assertEqual(len(records), truth["flows"])
        kinds, packets, octets = collections.Counter(), collections.Counter(), collections.Counter()
        for r in records:
            family = 4 if "sourceIPv4Address" in r else 6
            tags = "Qinq" if "dot1qCustomerVlanId" in r else "Vlan" if "vlanId" in r else ""
            kinds[f"ipv{family}{tags}"] += 1
            # six packets of the client, four of the server: nothing split, nothing in the other's
            self.assertEqual((r["packetDeltaCount"], r["reversePacketDeltaCount"]), (6, 4), r)
            packets[family] += 10
            octets[family] += r["octetDeltaCount"] + r["reverseOctetDeltaCount"]
        self.assertEqual(kinds, truth["sessions"])
        for family in (4, 6):
            self.assertEqual((packets[family], octets[family]),
                             (truth[f"ipv{family}Packets"], truth[f"ipv{family}Octets"]))

    def test_no_loss_between_threads(self):
        """However slow the exporter is, a reader of files waits for it."""
        alone = self.meter("-r", self.path, "-o", "csv")
        for workers in ("2", "3"):
            done = self.meter("-r", self.path, "-o", "csv", "--workers", workers)
            self.exact(done.stats)
            self.assertEqual(sorted(done.stdout.splitlines()), sorted(alone.stdout.splitlines()))

    def test_file_and_back(self):
        file = str(self.directory / "a.ipfix")
        self.exact(self.meter("-r", self.path, "-w", file).stats)
        done = self.run_plain("show", "-o", "json", "--stats", "json", file)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(len(done.records), self.truth["uniflows"])
        self.assertEqual(sums(done.records), (self.truth["packets"], self.truth["octets"]))
        self.exact(self.meter("-r", self.path, "-w", file, "--force", "--biflow").stats)
        self.check_conversations(self.run_plain("show", "-o", "json", file).records)

    def collector(self):
        process = subprocess.Popen(
            [support.SPANFLOW, "collect", "-l", "udp://127.0.0.1:0", "-o", "none", "--stats",
             "json", "--idle-exit", "30s"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        return process, int(re.search(r":(\d+)$", line).group(1))

    def test_collectors_lose_nothing(self):
        """IPFIX, v9 and v5 at once, paced as files are by default, into default buffers."""
        truth = self.truth
        collectors = [self.collector() for _ in range(3)]
        urls = [f"{scheme}://127.0.0.1:{port}" for scheme, (_, port) in
                zip(("ipfix", "netflow9", "netflow5"), collectors)]
        done = self.meter("-r", self.path, *(a for url in urls for a in ("-e", url)))
        self.exact(done.stats)
        for process, _ in collectors:
            process.terminate()
        ends = [json.loads(process.communicate(timeout=support.TIMEOUT)[1].splitlines()[-1])
                for process, _ in collectors]
        for i, (sent, got) in enumerate(zip(done.stats["collectors"], ends)):
            v4_only = i == 2
            self.assertIs(got["balanced"], True)
            self.assertEqual(got["dropped"]["kernel"], 0)
            self.assertEqual(sent["lostTotal"]["records"], 0)
            packets = truth["ipv4Packets"] if v4_only else truth["packets"]
            octets = truth["ipv4Octets"] if v4_only else truth["octets"]
            self.assertEqual((sent["records"], sent["packets"], sent["octets"]),
                             (packets // 5, packets, octets))
            self.assertEqual((got["packets"], got["octets"]), (packets, octets), urls[i])
            self.assertEqual(sent["skipped"]["ipv6"],
                             truth["ipv6Packets"] // 5 if v4_only else 0)


if __name__ == "__main__":
    support.main()
