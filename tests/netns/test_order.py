#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Packets of one connection that arrive on different ports of a tap, or on different queues: the
records are those of the packets' times, for any number of workers. And what moves the clock of a
source meanwhile.
"""

import itertools
import os
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

import netns
from frames import ethernet, ipv4, tcp
from netns import Case, Namespace, built, native, veth
from support import arista, metawatch, pcap, udp, wait_until

netns.require("python3", "tcpreplay", "taskset")

CONNECTIONS = Path(__file__).resolve().parent / "connections.py"


TWO_CPUS = len(os.sched_getaffinity(0) & {0, 1}) == 2


class Cables(Case):
    @classmethod
    def setUpClass(cls):
        cls.hosts, cls.tap = Namespace("hosts"), Namespace("tap")
        for name, queues in ("a", 1), ("b", 1), ("q", 2):
            veth(cls.hosts, name + "0", cls.tap, name + "1", queues=queues)
            cls.hosts.quiet(name + "0")
            cls.tap.quiet(name + "1")
            native(cls.hosts, name + "0")

    @classmethod
    def tearDownClass(cls):
        for namespace in cls.hosts, cls.tap:
            namespace.delete()


class Order(Cables):
    def records(self, source, workers, ports, *options):
        """(client first, packets each way, reason) of all records, counted."""
        process = self.live(self.tap, "-i", source, "--workers", workers, "--biflow", "-o", "json",
                            "-f", "tcp", *options)
        self.ready(process)
        self.hosts(sys.executable, CONNECTIONS, *ports,
                   "refused:1500:100", "closed:300:300", "reused:30:100")
        done = self.stop(process)
        self.assertEqual(done.stats["ignored"]["handOver"], 0)
        self.assertEqual(done.stats["order"]["forced"], 0)
        return Counter((r["destinationTransportPort"] == 80, r["packetDeltaCount"],
                        r.get("reversePacketDeltaCount"), r["flowEndReason"])
                       for r in done.records)

    def check_source(self, source, ports, workers, *options):
        """Refused and closed connections, and ports that are used again (three times)."""
        for number in workers:
            with self.subTest(source=source, workers=number, options=options):
                self.assertEqual(dict(self.records(source, number, ports, *options)),
                                 {(True, 1, 1, 3): 1500, (True, 5, 3, 3): 300 + 3 * 30})

    def test_tap_pcap(self):
        self.check_source("a1+b1", ("a0", "b0"), (1, 2))

    def test_tap_pcap_immediate(self):
        self.check_source("a1+b1", ("a0", "b0"), (1, 2), "--immediate")

    def test_tap_xdp(self):
        if built("xdp"):
            self.check_source("xdp:a1+b1", ("a0", "b0"), (1, 2))

    @unittest.skipUnless(TWO_CPUS, "needs two CPUs")
    def test_two_queues(self):
        if built("xdp"):
            self.check_source("xdp:q1", ("q0", "q0"), (1, 2))
        self.check_source("q1", ("q0", "q0"), (1, 2))

    def test_port_that_goes_away(self):
        # nobody waits for a port from which nothing comes any more
        process = self.live(self.tap, "-i", "a1+b1", "--biflow", "-o", "json")
        self.ready(process)
        self.tap("ip", "link", "set", "b1", "down")
        self.hosts(sys.executable, CONNECTIONS, "a0", "a0", "refused:100:100")
        wait_until(lambda: self.output(process, "out").count("\n") == 100, "100 records")
        self.tap("ip", "link", "set", "b1", "up")
        self.assertEqual(self.stop(process).stats["order"], {"forced": 0, "late": 0})


class SwitchTime(Cables):
    """Time stamps of switches in frames that come live: the records are those of the same frames in a file."""

    FIELDS = "sourceIPv4Address", "sourceTransportPort", "packetDeltaCount", "flowStartNanoseconds", \
        "flowEndNanoseconds", "flowEndReason", "tcpServerRoundTripMicroseconds", "tcpClientRoundTripMicroseconds"

    def frames(self, start):
        """(seconds since `start`, frame): two conversations by UDP, one of them with a gap, and a handshake."""
        client, server = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
        packets = [(i / 8, metawatch if i % 2 else arista, udp(1 + i % 2, 5000, bytes(20))) for i in range(40)]
        packets += [(25 + i / 8, arista, udp(1, 5000, bytes(20))) for i in range(4)]
        for late, ports, flags, back in ((26, (4000, 80), 0x02, 0), (26.03125, (80, 4000), 0x12, 1),
                                         (26.046875, (4000, 80), 0x10, 0)):
            ends = (server, client) if back else (client, server)
            segment = tcp(*ports, 1 if flags & 2 else 2, flags, b"")
            packets.append((late, metawatch, ethernet(ipv4(*ends, 6, segment), 0x0800)))
        return [(late, put(frame, start + late)) for late, put, frame in packets]

    def rows(self, done, taken, refused):
        self.assertEqual(done.stats["switchTime"], {"taken": taken, "refused": refused})
        return sorted([record.get(name) for name in self.FIELDS] for record in done.records
                      if record["sourceTransportPort"] != 7000)

    def test_records_are_those_of_the_file(self):
        # stamps of now, as anything else is refused, that are further apart than the packets come
        start = int(time.time()) - 20
        frames = self.frames(start)
        forged = arista(udp(3, 7000, bytes(20)), start - 7200)
        path = self.file("a.pcap", pcap([*frames, (26.5, forged)], start=start))
        options = "--switch-time", "1m", "-o", "json", "--biflow", "--fields", ",".join(self.FIELDS)
        expected = self.rows(self.meter("-r", path, *options), len(frames), 1)
        self.assertEqual([row[2] for row in expected], [2, 4, 20, 20])
        self.assertIn([31250, 15625], [row[-2:] for row in expected])
        for driver, workers in itertools.product(("pcap", "xdp", "dpdk"), (1, 2)):
            if not built(driver) or (driver == "dpdk" and workers == 2):
                continue
            with self.subTest(driver=driver, workers=workers):
                process = self.live(self.tap, *netns.source(driver, "a1"), "--workers", workers, *options)
                self.ready(process)
                self.hosts("tcpreplay", "-q", "-p", "500", "-i", "a0", path)
                self.assertEqual(self.rows(self.stop(process), len(frames), 1), expected)


class Clock(Cables):
    """Packets that a filter in user space refuses move the clock."""

    def replay(self, interface, cpu, packets, *options):
        path = self.file(f"cpu{cpu}.pcap", pcap(packets))
        self.hosts("taskset", "-c", cpu, "tcpreplay", "-q", "-i", interface, *options, path)

    def check_source(self, sender, *source, flood=False):
        """One flow, and then only other packets: its record leaves while these come."""
        process = self.live(self.tap, *source, "-f", "udp src port 5000", "-o", "json",
                            "--idle-timeout", "1s")
        self.ready(process)
        self.replay(sender, 0, [(0, udp(1, 5000))], "-p", "10")
        begin = time.monotonic()
        # 5 s of other packets, from another CPU and so to another queue where there are two
        others = [(0, udp(i % 250, 6000)) for i in range(20000 if flood else 250)]
        self.replay(sender, 1 if TWO_CPUS else 0, others, "-p", "4000" if flood else "50")
        self.assertGreater(time.monotonic() - begin, 4)
        self.assertEqual(self.output(process, "out").count("\n"), 1, source)
        done = self.stop(process)
        self.assertEqual([r["flowEndReason"] for r in done.records], [1])
        self.assertGreaterEqual(done.stats["ignored"]["filtered"], 250)

    def test_any(self):
        self.check_source("a0", "-i", "any")

    def test_xdp(self):
        if built("xdp"):
            self.check_source("a0", "-i", "xdp:a1")
            self.check_source("q0", "-i", "xdp:q1", "--workers", 2, flood=True)


if __name__ == "__main__":
    netns.main()
