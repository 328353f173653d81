#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Captures sent over a cable: each driver yields the records that metering the file yields, whatever
the number of queues and workers, with nothing lost at a moderate rate; and at a rate too high the
counters balance all the same.
"""

import re
import signal
import time
import unittest

import netns
from netns import PCAPS, Tap, built, flows, replay, source, veth
from support import wait_until

netns.require("tcpreplay")

TIMEOUTS = ("--idle-timeout", "600s", "--active-timeout", "600s")
SPEED = ("--pps", "2000")
# its datagrams have the same identification: nearer in time they would be copies of each other
OWN_SPEED = ("fragments",)
CAPTURES = ("demo", "tcp-session", "tcp-ends", "udp-dns", "icmp", "protocols", "fragments",
            "ipv4-options", "ipv6-extensions", "vlan", "mpls", "pppoe", "non-ip")


class Replay(Tap):
    def send(self, capture, *options):
        if options == SPEED and capture.stem in OWN_SPEED:
            options = ("--multiplier", "1")
        before = self.tap.packets("rx0")
        sent = replay(self.sender, "tx0", capture, *options)
        # an XDP program may take them before this counter counts
        wait_until(lambda: self.tap.packets("rx0") - before >= sent
                   or self.sender.packets("tx0", "tx") >= sent, "arrival")
        time.sleep(0.3)
        return sent

    def expect(self, process, captures):
        """Records and totals as from the file; times of the replay are its own."""
        done = self.stop(process)
        filed = self.meter("-r", *captures, "-o", "json", *TIMEOUTS)
        self.assertEqual(done.stats["dropped"], {"kernel": 0, "nic": 0})
        self.assertEqual(done.stats["metered"], filed.stats["metered"])
        more = ("tcpControlBits", "ipClassOfService", "minimumTTL", "maximumTTL",
                "dot1qCustomerVlanId", "sourceMacAddress")
        self.assertEqual(flows(done.records, *more), flows(filed.records, *more))
        return done

    def through(self, driver, without=()):
        if not built(driver):
            return
        self.cable()
        captures = [PCAPS / f"{name}.pcap" for name in CAPTURES if name not in without]
        process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", *TIMEOUTS)
        self.ready(process)
        for capture in captures:
            self.send(capture, *SPEED)
        self.expect(process, captures)

    def test_pcap(self):
        self.through("pcap")

    def test_xdp(self):
        self.through("xdp")

    def test_dpdk(self):
        # DPDK's net_af_packet joins a fanout group that puts IPv4 fragments together (docs/limits.md)
        self.through("dpdk", without=("fragments",))

    def queues(self, driver, workers, *more):
        """Tunnels and fragments among it: what a hash of ports would tear apart."""
        captures = [PCAPS / f"{name}.pcap" for name in ("demo", "protocols", "fragments", "icmp")]
        process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", *TIMEOUTS,
                            "--workers", workers, *more)
        self.ready(process)
        for capture in captures:
            self.send(capture, *SPEED)
        return process, captures

    def test_pcap_queues(self):
        self.cable(queues=4)
        for workers in 2, 4:
            with self.subTest(workers=workers):
                done = self.expect(*self.queues("pcap", workers))
                # the kernel's steering is ours: every packet arrives where it belongs
                self.assertLess(done.stats["handedOver"], done.stats["frames"] // 20)

    def test_xdp_queues(self):
        self.cable(queues=2)
        done = self.expect(*self.queues("xdp", 2))
        self.assertGreater(done.stats["handedOver"], 0)

    def test_workers_without_queues(self):
        self.cable()
        done = self.expect(*self.queues("xdp", 2))
        self.assertGreater(done.stats["handedOver"], 0)

    def test_count_over_queues(self):
        """-c counts over all queues, and one that is empty keeps nothing of it for itself."""
        if not built("dpdk"):
            return
        captures = [PCAPS / "demo.pcap", PCAPS / "udp-dns.pcap"]
        device = ",".join(["dpdk:net_pcap0", *(f"rx_pcap={capture}" for capture in captures)])
        filed = self.meter("-r", *captures, "-o", "json", *TIMEOUTS)
        done = self.ended(self.live(
            self.tap, "-i", device, "--driver-options", "--no-huge -m 256", "--workers", 2,
            "-o", "json", "-c", filed.stats["frames"], *TIMEOUTS))
        self.assertEqual(done.stats["ended"], "limit")
        self.assertEqual(done.stats["metered"], filed.stats["metered"])
        self.assertEqual(len(done.records), len(filed.records))

    def test_independent(self):
        """No packet is handed over; the totals are the same, the records need not be."""
        self.cable(queues=2)
        process, captures = self.queues("xdp", 2, "--workers-independent")
        done = self.stop(process)
        filed = self.meter("-r", *captures, "-o", "none", *TIMEOUTS)
        self.assertEqual(done.stats["metered"], filed.stats["metered"])
        self.assertEqual(done.stats["handedOver"], 0)

    def test_overload(self):
        """At full speed into a small ring: what is not metered was dropped, and is counted."""
        self.cable()
        process = self.live(self.tap, *source("pcap", "rx0"), "-o", "none", "--ring-size", 1 << 20)
        self.ready(process)
        process.send_signal(19)
        sent = self.send(PCAPS / "demo.pcap", "--topspeed", "--loop", "40")
        process.send_signal(18)
        done = self.stop(process)
        self.assertGreater(done.stats["dropped"]["kernel"], 0)
        self.assertEqual(done.stats["frames"] + done.stats["dropped"]["kernel"], sent)

    def overload(self, *arguments, name):
        """A run that loses packets, which has told so by the time that this returns."""
        process = self.live(self.tap, *source("pcap", "rx0"), "-o", "none", "--ring-size", 1 << 20,
                            *arguments, name=name)
        time.sleep(1.5)
        process.send_signal(signal.SIGSTOP)
        self.send(PCAPS / "demo.pcap", "--topspeed", "--loop", "40")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: "in the last" in self.output(process), "a line about the loss")
        # further ones would come a minute later
        process.send_signal(signal.SIGSTOP)
        self.send(PCAPS / "demo.pcap", "--topspeed", "--loop", "40")
        process.send_signal(signal.SIGCONT)
        time.sleep(2.5)
        process.send_signal(signal.SIGTERM)
        return process

    def test_loss_is_told(self):
        self.cable()
        words = re.compile(r"in the last \d+ s: dropped (\d+) of (\d+) packets \(\d+\.\d %\) before "
                           r"spanflow saw them: \1 by the kernel \(raise --ring-size or use more "
                           r"--workers\)\n")
        for arguments, status, end in (
                (["-q", "--stats", "none", "--fail-on-loss"], 3, "spanflow: dropped {} of {} "),
                (["--stats", "text"], 0, "dropped  {} of {} packets")):
            process = self.overload(*arguments, name=f"loss{status}")
            done = self.ended(process, status=status)
            found = words.findall(done.stderr)
            self.assertEqual(len(found), 1, done.stderr)
            dropped, seen = map(int, re.search(end.format(r"(\d+)", r"(\d+)"),
                                               done.stderr).groups())
            self.assertGreater(dropped, int(found[0][0]))
            self.assertGreater(seen, dropped)

    def test_no_loss_is_told_too(self):
        self.cable()
        process = self.live(self.tap, *source("pcap", "rx0"), "-o", "none", "--stats", "text",
                            "--fail-on-loss")
        self.ready(process)
        self.send(PCAPS / "udp-dns.pcap", "--pps", "1000")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        done = self.ended(process)
        self.assertIn("dropped  0 of 12 packets\n", done.stderr)
        self.assertIn("balance  accounting complete\n", done.stderr)

    def test_tap_of_two_ports(self):
        """Each direction on its own port; one observation point makes whole flows of them."""
        for port in "ab":
            veth(self.sender, f"tx-{port}", self.tap, f"rx-{port}")
            self.sender.quiet(f"tx-{port}")
            self.tap.quiet(f"rx-{port}")
        process = self.live(self.tap, "-i", "rx-a+rx-b", "-o", "json", "--biflow", *TIMEOUTS)
        self.ready(process)
        for port in "ab":
            replay(self.sender, f"tx-{port}", PCAPS / f"tap-{port}.pcap", *SPEED)
        done = self.stop(process)
        self.assertEqual(len(done.records), 4)
        for record in done.records:
            self.assertGreater(record["packetDeltaCount"], 0)
            self.assertGreater(record["reversePacketDeltaCount"], 0)
            self.assertNotEqual(record["ingressInterface"], record["reverseIngressInterface"])


if __name__ == "__main__":
    unittest.main()
