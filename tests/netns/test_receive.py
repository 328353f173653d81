#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every driver hands over every frame once, whole, with its tags, whatever the number of queues."""

import unittest

import frames
import netns
import network
from network import Case
from support import wait_until

netns.require("tcpreplay")

FRAMES = 8000  # fits every driver's buffers at once: a starved reader loses none
SAME = ("frames", "bytes", "tags", "checksum")
NO_HUGE = ("-o", "--no-huge")
# This device has the kernel reassemble fragments, so it is sent none, and does not tell service
# tags from others.
AF_PACKET = (*NO_HUGE, "-T")


class Receive(Case):
    def same(self, result, truth):
        self.assertEqual({k: result[k] for k in SAME}, {k: truth[k] for k in SAME})

    def send_and_compare(self, *arguments, count=FRAMES, fragments=True, queues=1):
        self.network.pair("host", "port", queues=queues)
        capture = frames.write_pcap(self.directory / "mixed.pcap",
                                    frames.mixed(count, fragments=fragments))
        program = self.network.count(*arguments)
        self.network.replay("host", capture)
        result = self.finish(program, count)
        self.same(result, self.truth(capture, *(("-T",) if "-T" in arguments else ())))
        self.assertEqual(result["super"], 0)
        return result

    def spread(self, result, queues):
        shares = [result[f"queue{i}"] for i in range(queues)]
        self.assertEqual(sum(shares), FRAMES)
        self.assertGreater(min(shares), FRAMES // queues // 4, shares)

    @unittest.skipUnless(netns.built("pcap"), "not in this build")
    def test_pcap(self):
        self.send_and_compare("pcap:port")

    @unittest.skipUnless(netns.built("pcap"), "not in this build")
    def test_pcap_immediate(self):
        self.send_and_compare("-I", "pcap:port")

    @unittest.skipUnless(netns.built("pcap"), "not in this build")
    def test_pcap_queues(self):
        for queues in (2, 4):
            with self.subTest(queues=queues):
                self.spread(self.send_and_compare("-q", queues, "pcap:port"), queues)
                self.network.ip("link", "del", "host")

    @unittest.skipUnless(netns.built("xdp"), "not in this build")
    def test_xdp(self):
        self.send_and_compare("xdp:port")

    @unittest.skipUnless(netns.built("xdp"), "not in this build")
    def test_xdp_is_not_woken_for_each_packet(self):
        count = 30000
        self.network.pair("host", "port")
        capture = frames.write_pcap(self.directory / "many.pcap",
                                    frames.mixed(count, fragments=False))
        woken = {}
        for option in ("", "-I"):
            program = self.network.count(*option.split(), "xdp:port")
            before = program.sleeps()
            self.network.replay("host", capture, rate=60_000)
            woken[option] = program.sleeps() - before
            self.finish(program, count)
        self.assertLess(woken[""], count / 20, woken)
        self.assertLess(woken[""] * 2, woken["-I"], "without a pause each packet wakes the reader")

    @unittest.skipUnless(netns.built("xdp"), "not in this build")
    def test_xdp_queues(self):
        """As many readers as receive queues, and fewer."""
        for readers in (4, 2, 1):
            with self.subTest(readers=readers):
                self.spread(self.send_and_compare("-q", readers, "xdp:port", queues=4), readers)
                self.network.ip("link", "del", "host")

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_af_packet(self):
        device = "dpdk:net_af_packet0,iface=port,framecnt=16384"
        self.send_and_compare(*AF_PACKET, device, fragments=False)

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_af_packet_queues(self):
        device = "dpdk:net_af_packet0,iface=port,framecnt=16384,qpairs=2"
        self.spread(self.send_and_compare(*AF_PACKET, "-q", 2, device, fragments=False), 2)

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_pcap_interface(self):
        """Its ring has 16 blocks, and a block is closed after 1 ms however little is in it: a
        reader that waits 10 ms for a processor has lost frames. That many are counted as lost,
        always; that none is changed or lost otherwise shows in a run without."""
        count = 200
        capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(count))
        self.network.pair("host", "port")
        for _ in range(10):
            program = self.network.count(*NO_HUGE, "dpdk:net_pcap0,rx_iface_in=port")
            self.network.replay("host", capture, rate=100_000)
            result = self.finish(program)
            self.assertEqual(result["frames"] + result["nic"], count, result)
            if result["nic"] == 0:
                self.same(result, self.truth(capture))
                return
        self.fail("frames were lost each time")

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_pcap_file(self):
        capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(FRAMES))
        program = self.network.count(*NO_HUGE, f"dpdk:net_pcap0,rx_pcap={capture}")
        wait_until(lambda: program.process.poll() is None, "it runs")
        self.same(self.finish(program, FRAMES), self.truth(capture))

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_tap(self):
        capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(FRAMES))
        program = self.network.count(*NO_HUGE, "dpdk:net_tap0,iface=tap")
        self.network.ip("link", "set", "tap", "up")
        # a tun device queues 500 packets: what it drops when the reader is late is not ours
        self.network.replay("tap", capture, rate=2000)
        dropped = int(self.network(
            "cat", "/sys/class/net/tap/statistics/tx_dropped").stdout)
        result = self.finish(program)
        self.assertEqual(result["frames"] + dropped, FRAMES)
        if dropped == 0:
            self.same(result, self.truth(capture))

    @unittest.skipUnless(netns.built("dpdk"), "not in this build")
    def test_dpdk_ring_and_null(self):
        self.finish(self.network.count(*NO_HUGE, "dpdk:net_ring0"), 0)
        program = self.network.count(*NO_HUGE, "-n", 100_000, "dpdk:net_null0,size=64")
        self.assertEqual(program.process.wait(network.TIMEOUT), 0)
        result = network.figures(program.stdout)
        self.assertGreaterEqual(result["frames"], 100_000)
        self.assertEqual(result["bytes"], 64 * result["frames"])


class Mirror(Case):
    """Behind a bridge and tc mirred: the outer tag travels beside the frame."""

    def test_all_at_once(self):
        net = self.network
        net.pair("host", "bridged")
        net.bridge("bridge", "bridged")
        sources = {name: arguments for name, arguments in {
            "pcap": ("pcap:pcapPort",),
            "xdp": ("xdp:xdpPort",),
            "dpdk": (*AF_PACKET, "dpdk:net_af_packet0,iface=dpdkPort,framecnt=16384"),
        }.items() if netns.built(name)}
        for name in sources:
            net.pair(name + "Mirror", name + "Port")
        netns.mirror(net, "bridged", [name + "Mirror" for name in sources])
        capture = frames.write_pcap(self.directory / "mixed.pcap",
                                    frames.mixed(FRAMES, fragments=False))
        programs = {name: net.count(*arguments) for name, arguments in sources.items()}
        net.replay("host", capture, rate=5000)
        for name, program in programs.items():
            with self.subTest(driver=name):
                blind = ("-T",) if name == "dpdk" else ()
                result, truth = self.finish(program, FRAMES), self.truth(capture, *blind)
                self.assertEqual({k: result[k] for k in SAME}, {k: truth[k] for k in SAME})


if __name__ == "__main__":
    unittest.main()
