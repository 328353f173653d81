#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What a live run does about an interface that is not ready when it starts, as after a reboot: one that
is missing is waited for, one that is down is switched on and switched off again at the end.
"""

import os
import signal
import time

import netns
import support
from netns import PCAPS, Tap, built, native, replay, source, veth
from support import wait_until

netns.require("tcpreplay")


class Start(Tap):
    def is_up(self, interface="rx0"):
        return "UP" in self.tap("ip", "-o", "link", "show", interface).stdout.split(">")[0]

    def wait_for_carrier(self, number=0):
        for namespace, interface in (self.sender, f"tx{number}"), (self.tap, f"rx{number}"):
            wait_until(lambda: "LOWER_UP" in namespace("ip", "-o", "link", "show", interface).stdout, "carrier")

    def each(self):
        """Drivers that find an interface while they run, with a monitor and without."""
        return [(driver, options) for driver in ("pcap", "xdp") if built(driver)
                for options in ([], ["--no-sandbox"])]

    def send(self, number=0):
        return replay(self.sender, f"tx{number}", PCAPS / "udp-dns.pcap", "--pps", "1000")

    def said(self, process, text):
        wait_until(lambda: text in self.output(process) or process.poll() is not None, text)
        self.assertIn(text, self.all_output(process))

    def test_missing(self):
        for driver, options in self.each():
            for workers in 1, 2:
                process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", *options,
                                    "--workers", workers)
                self.said(process, "rx0: no such interface yet; waiting (there are: lo")
                self.assertNotIn("metering", self.output(process))
                # made, and not switched on
                netns.run("ip", "link", "add", "tx0", "netns", self.sender.name, "mtu", 1600, "up",
                          "numtxqueues", 2, "numrxqueues", 2, "type", "veth", "peer", "name", "rx0",
                          "mtu", 1600, "netns", self.tap.name, "numtxqueues", 2, "numrxqueues", 2)
                self.sender.quiet("tx0")
                native(self.sender, "tx0")
                self.tap.quiet("rx0")
                self.said(process, "metering")
                self.wait_for_carrier()
                self.assertEqual(self.send(), 12)
                done = self.stop(process)
                index = int(self.tap("cat", "/sys/class/net/rx0/ifindex").stdout)
                self.assertEqual([r["ingressInterface"] for r in done.records], 12 * [index])
                self.assertIn("rx0 was down and is switched on until the end", done.stderr)
                self.assertFalse(self.is_up())
                self.tap("ip", "link", "del", "rx0")

    def test_missing_is_said_with_quiet(self):
        """A name that is mistyped would be waited for without a word."""
        process = self.live(self.tap, "-i", "rx0", "-o", "none", "-q")
        self.said(process, "rx0: no such interface yet; waiting")
        self.cable(0)
        self.said(process, "metering rx0")
        self.stop(process)

    def test_one_of_two_is_missing(self):
        """The other one is metered meanwhile."""
        self.cable(0)
        process = self.live(self.tap, "-i", "rx0", "-i", "rx1", "-o", "json", "--idle-timeout", "1s")
        self.said(process, "rx1: no such interface yet")
        self.said(process, "metering rx0")
        self.send()
        wait_until(lambda: self.output(process, "out").count("\n") == 12, "records of rx0")
        self.cable(1)
        self.said(process, "metering rx1")
        self.wait_for_carrier(1)
        self.send(1)
        self.assertEqual(self.stop(process).stats["frames"], 24)

    def test_down(self):
        self.cable()
        dpdk = [("dpdk", [])] if built("dpdk") else []
        for driver, options in [*self.each(), *dpdk]:
            self.tap("ip", "link", "set", "rx0", "down")
            process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", *options)
            self.said(process, "metering")
            self.assertIn("rx0 was down and is switched on until the end", self.output(process))
            self.wait_for_carrier()
            self.send()
            self.assertEqual(self.stop(process).stats["frames"], 12)
            self.assertFalse(self.is_up())

    def test_down_again_when_it_was_killed(self):
        self.cable()
        self.tap("ip", "link", "set", "rx0", "down")
        process = self.live(self.tap, "-i", "rx0", "-o", "none")
        self.ready(process)
        self.assertTrue(self.is_up())
        process.kill()
        process.wait()
        wait_until(lambda: not self.is_up(), "the monitor to switch it off")

    def test_up_stays_up(self):
        self.cable()
        process = self.live(self.tap, "-i", "rx0", "-o", "none")
        self.ready(process)
        self.assertNotIn("switched on", self.output(process))
        self.stop(process)
        self.assertTrue(self.is_up())

    def test_switched_off_meanwhile(self):
        """Who switches it off during the run wants it so."""
        self.cable()
        self.tap("ip", "link", "set", "rx0", "down")
        process = self.live(self.tap, "-i", "rx0", "-o", "none")
        self.ready(process)
        self.tap("ip", "link", "set", "rx0", "down")
        self.said(process, "rx0 is down or has no carrier: waiting")
        time.sleep(1)
        self.assertFalse(self.is_up())
        self.stop(process)

    def test_keep_link(self):
        self.cable()
        for driver, options in self.each():
            self.tap("ip", "link", "set", "rx0", "down")
            process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", "--keep-link",
                                *options)
            self.said(process, "rx0 is down; waiting until it is switched on with: ip link set rx0 up")
            self.assertFalse(self.is_up())
            self.tap("ip", "link", "set", "rx0", "up")
            self.said(process, "metering")
            self.wait_for_carrier()
            self.send()
            self.assertEqual(self.stop(process).stats["frames"], 12)
            self.assertTrue(self.is_up())

    def test_no_wait(self):
        self.cable()
        for driver in "pcap", "xdp", "dpdk":
            if not built(driver):
                continue
            done = self.ended(self.live(self.tap, *source(driver, "rx9"), "--no-wait"), status=1)
            self.assertNotIn("waiting", done.stderr)
        self.tap("ip", "link", "set", "rx0", "down")
        done = self.ended(self.live(self.tap, "-i", "rx0", "--no-wait", "--keep-link"), status=1)
        self.assertIn("rx0 is down; switch it on with: ip link set rx0 up", done.stderr)

    def test_dpdk(self):
        if not built("dpdk"):
            return
        process = self.live(self.tap, *source("dpdk", "rx0"), "-o", "none")
        self.said(process, "rx0: no such interface; there are: lo; waiting")
        self.cable()
        self.said(process, "metering")
        self.send()
        self.assertEqual(self.stop(process).stats["frames"], 12)

    def test_a_wait_is_ended_by_a_signal(self):
        for driver in "pcap", "xdp", "dpdk":
            if not built(driver):
                continue
            process = self.live(self.tap, *source(driver, "rx9"), "-o", "none", name=driver)
            self.said(process, "waiting")
            process.send_signal(signal.SIGTERM)
            process.wait(support.TIMEOUT)

    def test_no_privilege_fails_at_once(self):
        if not os.path.exists("/usr/bin/setpriv"):
            return
        for driver in "pcap", "xdp":
            if not built(driver):
                continue
            done = self.ended(
                self.live(self.tap, *source(driver, "rx9"), before=["setpriv", "--reuid", "65534",
                                                                     "--clear-groups",
                                                                     "--inh-caps=-all"]), status=1)
            self.assertIn("setcap", done.stderr)


if __name__ == "__main__":
    netns.main()
