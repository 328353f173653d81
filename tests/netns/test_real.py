#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Captures of public projects sent over a cable, and filters that the kernel applies first: each
driver yields the records that metering the file yields.
"""

import time
import unittest

import frames
import netns
from netns import SOURCE, Tap, built, flows, replay, source

netns.require("tcpreplay")

SHARED = SOURCE.parent / "shared" / "pcaps"
TIMEOUTS = ("--idle-timeout", "1h", "--active-timeout", "1h")
# frames within the MTU, few enough to fit any driver's buffers; the last one has fragments
REAL = ("traffic/nDPI--netflix.pcap", "traffic/nfstream--forticlient.pcap",
        "traffic/snabb--lamernews.pcap", "fragments/PcapPlusPlus--ip4_fragments.pcap")
FILTERS = ("udp", "ip6", "vlan 7 and udp", "host 10.1.0.3 or (vlan and ip6)",
           "not vlan and not ip proto 47")


class Cable(Tap):
    def setUp(self):
        super().setUp()
        self.cable()

    def same(self, driver, captures, *more):
        """Records of the captures sent are those of the files."""
        process = self.live(self.tap, *source(driver, "rx0"), "-o", "json", *TIMEOUTS, *more)
        self.ready(process)
        for capture in captures:
            replay(self.sender, "tx0", capture, "--pps", "4000")
        time.sleep(0.5)
        done = self.stop(process)
        filed = self.meter("-r", *captures, "-o", "json", *TIMEOUTS, *more)
        self.assertEqual(done.stats["dropped"], {"kernel": 0, "nic": 0})
        self.assertEqual(done.stats["metered"], filed.stats["metered"])
        self.assertEqual(flows(done.records, "tcpControlBits", "maximumTTL"),
                         flows(filed.records, "tcpControlBits", "maximumTTL"))
        self.assertTrue(filed.records)
        return done

    def real(self, driver, captures=REAL):
        if not SHARED.is_dir():
            self.skipTest(f"{SHARED} is not there")
        if not built(driver):
            return
        self.same(driver, [SHARED / name for name in captures])

    def test_pcap(self):
        self.real("pcap")

    def test_xdp(self):
        self.real("xdp")

    def test_dpdk(self):
        # DPDK's net_af_packet has the kernel put fragments together (docs/limits.md)
        self.real("dpdk", REAL[:-1])

    def test_filters(self):
        """Only the pcap driver takes the filter to the kernel; all have to agree."""
        capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(2000))
        for driver in ("pcap", "xdp"):
            for expression in FILTERS if built(driver) else ():
                with self.subTest(driver=driver, filter=expression):
                    self.same(driver, [capture], "-f", expression)

    def test_filters_that_the_kernel_refuses(self):
        """Its filter only saves work: where it has no room for one the worker filters alone."""
        if not built("pcap"):
            return
        capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(1000))
        # more instructions than it takes, and more octets than its net.core.optmem_max
        for terms, limit in ((1000, None), (400, 4096)):
            if limit and self.tap("sysctl", "-qw", f"net.core.optmem_max={limit}",
                                  check=False).returncode:
                continue  # before Linux 6.8 a namespace has no limit of its own
            long = "+".join(f"ether[{i % 14}]*{i + 3}" for i in range(terms))
            with self.subTest(terms=terms):
                done = self.same("pcap", [capture], "-f", f"udp or {long}=1")
                self.assertGreater(done.stats["ignored"]["filtered"], 0)


if __name__ == "__main__":
    unittest.main()
