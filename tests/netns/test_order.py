#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Packets of one connection that arrive on different ports of a tap, or on different queues: the
records are those of the packets' times, for any number of workers.
"""

import os
import sys
import unittest
from collections import Counter
from pathlib import Path

import netns
from netns import Case, Namespace, built, native, veth

netns.require("python3")

CONNECTIONS = Path(__file__).resolve().parent / "connections.py"


class Order(Case):
    @classmethod
    def setUpClass(cls):
        cls.hosts, cls.tap = Namespace("hosts"), Namespace("tap")
        for name, queues in ("a", 1), ("b", 1), ("q", 2):
            veth(cls.hosts, name + "0", cls.tap, name + "1", queues=queues)
            cls.hosts.quiet(name + "0")
            cls.tap.quiet(name + "1")
            native(cls.hosts, name + "0")

    def run_connections(self, source, workers, kind, count, gap, ports, *options):
        """(client first, packets each way, reason) of all records, counted."""
        process = self.live(self.tap, "-i", source, "--workers", workers, "--biflow", "-o", "json",
                            "-f", "tcp", *options)
        self.ready(process)
        self.hosts(sys.executable, CONNECTIONS, kind, count, gap, *ports)
        done = self.stop(process)
        self.assertEqual(done.stats["ignored"]["handOver"], 0)
        self.assertEqual(done.stats["order"]["forced"], 0)
        return Counter((r["destinationTransportPort"] == 80, r["packetDeltaCount"],
                        r.get("reversePacketDeltaCount"), r["flowEndReason"])
                       for r in done.records)

    def check_source(self, source, ports, workers, *options):
        """Refused and closed connections, and ports that are used again."""
        for number in workers:
            for kind, count, gap, records in (
                    ("refused", 3000, 100, {(True, 1, 1, 3): 3000}),
                    ("closed", 600, 300, {(True, 5, 3, 3): 600}),
                    ("reused", 60, 100, {(True, 5, 3, 3): 180})):
                with self.subTest(source=source, workers=number, kind=kind, options=options):
                    found = self.run_connections(source, number, kind, count, gap, ports, *options)
                    self.assertEqual(dict(found), records)

    def test_tap_pcap(self):
        self.check_source("a1+b1", ("a0", "b0"), (1, 2))

    def test_tap_pcap_immediate(self):
        self.check_source("a1+b1", ("a0", "b0"), (1, 2), "--immediate")

    def test_tap_xdp(self):
        if built("xdp"):
            self.check_source("xdp:a1+b1", ("a0", "b0"), (1, 2))

    @unittest.skipIf(len(os.sched_getaffinity(0) & {0, 1}) < 2, "needs two CPUs")
    def test_two_queues(self):
        if built("xdp"):
            self.check_source("xdp:q1", ("q0", "q0"), (1, 2))
        self.check_source("q1", ("q0", "q0"), (1, 2))


if __name__ == "__main__":
    netns.main()
