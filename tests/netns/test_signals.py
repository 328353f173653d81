#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How a live run ends and what it does while nothing comes: signals, ageing, links that go away."""

import json
import os
import signal
import time
import unittest

import netns
from netns import PCAPS, Tap, built, replay, source
from support import settle, wait_until

netns.require("tcpreplay")


class Live(Tap):
    def setUp(self):
        super().setUp()
        self.cable()

    def records(self, process):
        return [json.loads(line) for line in self.output(process, "out").splitlines()]

    def test_signals_end_all_flows(self):
        for driver in "pcap", "xdp", "dpdk":
            if not built(driver):
                continue
            for number in signal.SIGINT, signal.SIGTERM:
                with self.subTest(driver=driver, signal=number.name):
                    process = self.live(self.tap, *source(driver, "rx0"), "-o", "json")
                    self.ready(process)
                    replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
                    done = self.stop(process, number)
                    self.assertEqual(done.stats["ended"], number.name)
                    self.assertEqual(done.stats["frames"], 12)
                    self.assertEqual({r["flowEndReason"] for r in done.records}, {4})

    def test_two_signals_in_a_row_are_one(self):
        """As timeout(1) sends them, to its child and then to the group that the child is in."""
        for pause in 0, 0.0005, 0.002, 0.01:
            path = self.directory / f"{pause}.ipfix"
            process = self.live(self.tap, "-i", "rx0", "-w", path, "--force")
            self.ready(process)
            replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
            self.taken(process)
            process.send_signal(signal.SIGTERM)
            time.sleep(pause)
            process.send_signal(signal.SIGTERM)
            done = self.ended(process)
            self.assertEqual((done.stats["ended"], done.stats["frames"]), ("SIGTERM", 12))
            self.assertEqual(done.stats["outputs"][0]["records"], 12)

    def test_hangup_is_survived(self):
        """What logrotate and administrators send to a service, which has no terminal."""
        for workers in 1, 2:
            process = self.live(self.tap, "-i", "rx0", "-o", "json", "--workers", workers, "-q",
                                name=f"hup{workers}", start_new_session=True)
            settle(process)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: "SIGHUP: the run goes on" in self.output(process), "an answer")
            replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
            self.assertEqual(len(self.stop(process).records), 12)

    def test_statistics_on_request(self):
        process = self.live(self.tap, "-i", "rx0", "-o", "none")
        self.ready(process)
        replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
        wait_until(lambda: self.tap.packets("rx0") >= 12, "arrival")
        self.taken(process)
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: '"frames":12' in self.output(process), "the statistics")
        self.assertIsNone(process.poll())
        self.stop(process)

    def test_a_record_leaves_on_an_idle_link(self):
        """With nothing more coming."""
        process = self.live(self.tap, "-i", "rx0", "-o", "json", "--idle-timeout", "2s")
        self.ready(process)
        replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
        wait_until(lambda: len(self.records(process)) == 12, "records")
        self.assertEqual({r["flowEndReason"] for r in self.records(process)}, {1})
        self.stop(process)

    def test_link_down_and_up(self):
        process = self.live(self.tap, "-i", "rx0", "-o", "json", "--idle-timeout", "2s")
        self.ready(process)
        sent = replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
        self.tap("ip", "link", "set", "rx0", "down")
        wait_until(lambda: "down" in self.output(process), "word of the link")
        # open flows age meanwhile
        wait_until(lambda: len(self.records(process)) == 12, "records")
        self.tap("ip", "link", "set", "rx0", "up")
        wait_until(lambda: "again" in self.output(process), "word of its return")
        sent += replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
        done = self.stop(process)
        self.assertEqual(done.stats["frames"], sent)

    def test_interface_removed_and_made_again(self):
        for driver in "pcap", "xdp":
            if not built(driver):
                continue
            with self.subTest(driver=driver):
                process = self.live(self.tap, *source(driver, "rx0"), "-o", "json")
                self.ready(process)
                sent = replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
                self.taken(process)
                self.tap("ip", "link", "del", "rx0")
                wait_until(lambda: "rx0" in self.output(process).split("metering", 1)[1]
                           .split("\n", 1)[1], "word of the interface")
                self.cable()
                wait_until(lambda: "again" in self.output(process), "word of its return")
                sent += replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
                done = self.stop(process)
                self.assertEqual(done.stats["frames"], sent)

    def test_xdp_program_goes_with_the_process(self):
        if not built("xdp"):
            return
        process = self.live(self.tap, "-i", "xdp:rx0", "-o", "none")
        self.ready(process)
        self.assertIn("xdp", self.tap("ip", "link", "show", "rx0").stdout)
        # a second one cannot have the queue, and says why
        second = self.live(self.tap, "-i", "xdp:rx0", "-o", "none", name="second")
        done = self.ended(second, status=1)
        self.assertIn("rx0", done.stderr)
        process.kill()
        process.wait()
        wait_until(lambda: "xdp" not in self.tap("ip", "link", "show", "rx0").stdout,
                   "the program to go")

    def test_offloads_are_put_back(self):
        def merging():
            return "generic-receive-offload: on" in self.tap("ethtool", "-k", "rx0").stdout
        self.tap("ethtool", "-K", "rx0", "gro", "on")
        self.assertTrue(merging())
        process = self.live(self.tap, "-i", "rx0", "-o", "none")
        self.ready(process)
        self.assertFalse(merging())
        self.stop(process)
        wait_until(merging, "the offloads")

    def test_missing_interface(self):
        for driver in "pcap", "xdp":
            if built(driver):
                process = self.live(self.tap, *source(driver, "nope"), "-o", "none",
                                    "--no-wait")
                done = self.ended(process, status=1)
                self.assertIn("nope", done.stderr)
                self.assertIn("rx0", done.stderr)  # what there is instead

    def test_no_privilege(self):
        for driver in "pcap", "xdp":
            if not built(driver):
                continue
            process = self.live(self.tap, *source(driver, "rx0"), "-o", "none",
                                before=["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                                        "--clear-groups"])
            done = self.ended(process, status=1)
            self.assertRegex(done.stderr, "root|CAP_|privilege|permission")

    def test_memory_stays(self):
        """At a steady rate nothing is lost and the table does not grow.

        8 s at 5000 packets/s for each driver; SPANFLOW_SOAK=SECONDS@RATE for longer.
        """
        seconds, rate = map(int, os.environ.get("SPANFLOW_SOAK", "8@5000").split("@"))
        rounds, demo = 5, 677  # packets in demo.pcap
        loops = seconds * rate // rounds // demo
        for driver in "pcap", "xdp":
            if not built(driver):
                continue
            with self.subTest(driver=driver):
                process = self.live(self.tap, *source(driver, "rx0"), "-o", "none",
                                    "--idle-timeout", "1s", "--active-timeout", "2s", name=driver)
                self.ready(process)
                sizes, sent = [], 0
                for _ in range(rounds):
                    sent += replay(self.sender, "tx0", PCAPS / "demo.pcap", "--preload-pcap",
                                   "--pps", str(rate), "--loop", str(loops),
                                   timeout=2 * seconds + 60)
                    # `ip netns exec` has replaced itself by the program
                    with open(f"/proc/{process.pid}/statm") as statm:
                        sizes.append(int(statm.read().split()[1]) * 4096)
                done = self.stop(process)
                self.assertEqual(done.stats["dropped"]["kernel"], 0)
                self.assertEqual(done.stats["frames"], sent)
                self.assertLess(sizes[-1] - sizes[1], 4 << 20, sizes)


if __name__ == "__main__":
    unittest.main()
