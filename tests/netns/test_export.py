#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Export through a router that lets nothing pass, and says so."""

import netns
import support

netns.require()


class Prohibited(netns.Case):
    def test_answers_are_counted(self):
        exporter, router = netns.Namespace("exporter"), netns.Namespace("router")
        netns.veth(exporter, "out", router, "in")
        exporter("ip", "address", "add", "198.51.100.1/24", "dev", "out")
        router("ip", "address", "add", "198.51.100.2/24", "dev", "in")
        exporter("ip", "route", "add", "default", "via", "198.51.100.2")
        router("sysctl", "-qw", "net.ipv4.ip_forward=1")
        # ICMP "communication administratively prohibited", like a firewall's reject
        router("ip", "route", "add", "prohibit", "203.0.113.0/24")
        capture = self.file("a.pcap", support.pcap(support.conversations(30)))
        done = self.ended(self.live(exporter, "-r", capture, "-e", "netflow5://203.0.113.9:2055,"
                                    "mtu=576"), status=1)
        place = done.stats["collectors"][0]
        # three datagrams; an answer may come when all have left, and then speaks for one only
        self.assertGreaterEqual(place["lost"]["unreachable"], 10, done.stderr)
        self.assertEqual(place["lost"]["send"], 0, done.stderr)
        self.assertIn("203.0.113.9", done.stderr)


if __name__ == "__main__":
    netns.main()
