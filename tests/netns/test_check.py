#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`spanflow check` on a real port: what it finds in a healthy mirror, in silence, in half a mirror."""

import json
import signal
import time
import unittest

import netns
from netns import PCAPS, Case, Namespace, mirror, replay, veth
from support import wait_until

netns.require("tcpreplay")


class Check(Case):
    @classmethod
    def setUpClass(cls):
        cls.host, cls.switch, cls.tap = map(Namespace, ("h", "s", "t"))
        veth(cls.host, "eth0", cls.switch, "port1", mtu=1600)
        veth(cls.switch, "span", cls.tap, "tap0", mtu=1600)
        for namespace, interface in ((cls.host, "eth0"), (cls.switch, "port1"),
                                     (cls.switch, "span"), (cls.tap, "tap0")):
            namespace.quiet(interface)

    def look(self, capture=None, *options, status=0, twice=False):
        """Findings by name, while a capture passes the switch's port."""
        if capture:
            self.switch("tc", "qdisc", "del", "dev", "port1", "clsact", check=False)
            mirror(self.switch, "port1", ["span", "span"] if twice else ["span"], ["ingress"])
        process = self.live(self.tap, "-i", "tap0", "--duration", "1h" if capture else "4s", "-o", "json",
                            command="check")
        if capture:
            wait_until(lambda: "promiscuity 1" in self.tap(
                "ip", "-d", "link", "show", "tap0").stdout or process.poll() is not None,
                "the port to be opened")
            replay(self.host, "eth0", capture, "--pps", "1000")
            self.taken(process)
            process.send_signal(signal.SIGINT)
        done = self.ended(process, status)
        report = json.loads(done.stdout)
        return {finding["name"]: finding for finding in report["findings"]}, report

    def test_silence(self):
        found, report = self.look(status=1)
        self.assertEqual(report["frames"], 0)
        self.assertEqual(found["traffic"]["verdict"], "problem")
        self.assertIn("mirror", found["traffic"]["advice"])

    def test_healthy(self):
        found, report = self.look(PCAPS / "demo.pcap")
        self.assertEqual(report["frames"], 677)
        self.assertEqual(report["verdict"], "ok", found)
        for name in "traffic", "mirror", "directions", "vlan", "truncated", "dropped":
            self.assertEqual(found[name]["verdict"], "ok", found[name])
        self.assertEqual(found["duplicates"]["verdict"], "ok", found["duplicates"])

    def test_a_person_sees_what_happens_and_a_verdict(self):
        done = self.ended(self.live(self.tap, "-i", "tap0", "--duration", "1s", command="check"),
                          status=1)
        self.assertIn("watching tap0 for 1 s", done.stderr)
        self.assertIn("the link light of tap0", " ".join(done.stdout.split()))
        self.assertEqual(done.stdout.splitlines()[-1],
                         "result   1 problem: repair it before metering")
        done = self.ended(self.live(self.tap, "-i", "nosuch0", command="check"), status=2)
        self.assertIn("nosuch0: no such interface", done.stderr)

    def test_one_direction(self):
        found, report = self.look(PCAPS / "tap-a.pcap", status=1)
        self.assertEqual(found["directions"]["verdict"], "problem")
        self.assertEqual(report["verdict"], "problem")

    def test_copies(self):
        found, report = self.look(PCAPS / "demo.pcap", twice=True)
        self.assertEqual(report["frames"], 2 * 677)
        self.assertEqual(found["duplicates"]["verdict"], "warning")
        self.assertIn("--dedup", found["duplicates"]["advice"])

    def test_dedup_drops_what_check_finds(self):
        self.switch("tc", "qdisc", "del", "dev", "port1", "clsact", check=False)
        mirror(self.switch, "port1", ["span", "span"], ["ingress"])
        for options, share in ((["--dedup"], 1), ([], 2)):
            process = self.live(self.tap, "-i", "tap0", "-o", "none", *options)
            self.ready(process)
            sent = replay(self.host, "eth0", PCAPS / "demo.pcap", "--pps", "1000")
            done = self.stop(process)
            self.assertEqual(done.stats["frames"], 2 * sent)
            # the capture repeats one packet within the window by itself, if any
            self.assertLessEqual(abs(done.stats["metered"]["packets"] - share * sent), 4)
            self.assertGreater(done.stats["duplicates"]["copies"], 0)


class Own(Case):
    """A collector that is reached through the mirrored link."""

    def test_own_export_is_left_out(self):
        host, switch, far = map(Namespace, ("ho", "so", "fo"))
        veth(host, "eth0", switch, "port1")
        veth(switch, "port2", far, "eth0")
        veth(switch, "span", host, "tap0")
        switch("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        switch("ip", "link", "set", "br0", "up")
        for port in "port1", "port2":
            switch("ip", "link", "set", port, "master", "br0")
        for namespace, interface in ((switch, "port1"), (switch, "port2"), (switch, "br0"),
                                     (switch, "span"), (host, "tap0"), (host, "eth0"),
                                     (far, "eth0")):
            namespace.quiet(interface)
        host("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0")
        far("ip", "addr", "add", "192.0.2.2/24", "dev", "eth0")
        mirror(switch, "port1", ["span"])
        collector = self.live(far, "-l", "udp://192.0.2.2:4739", "-o", "none", name="collector",
                              command="collect")
        wait_until(lambda: "listening" in self.output(collector), "the collector")
        for options in [], ["--meter-own-export"]:
            process = self.live(host, "-i", "tap0", "-e", "ipfix://192.0.2.2:4739", "-o", "none",
                                "--idle-timeout", "1s", *options)
            self.ready(process)
            host("ping", "-c", "3", "-i", "0.2", "192.0.2.2")
            time.sleep(4)  # the pings end idle, are exported, and the export passes the mirror
            done = self.stop(process)
            metered = done.stats["metered"]["packets"]
            if options:
                self.assertEqual(done.stats["ignored"]["ownExport"], 0)
                self.assertGreater(metered, 6)
            else:
                self.assertGreater(done.stats["ignored"]["ownExport"], 0)
                self.assertEqual(metered, 6)


if __name__ == "__main__":
    unittest.main()
