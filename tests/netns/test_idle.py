#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a run costs on a link where nothing happens, and that time goes on there all the same."""

import json
import os
import signal
import time
import unittest

import netns
from netns import PCAPS, Case, Namespace, built, replay, veth

netns.require("tcpreplay")

SECONDS = 5
WAKES = 20  # in a second, of all threads and processes
IDLE_TIMEOUT = 2


def family(pid):
    """A process and those that it started."""
    pids = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                pids += family(int(child))
    return pids


def wakes(pid):
    """How often threads of the process and of those it started have gone to sleep so far."""
    total = 0
    for process in family(pid):
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file
                             if line.startswith("voluntary_ctxt_switches:"))
    return total


class Idle(Case):
    def setUp(self):
        super().setUp()
        self.sender, self.tap = Namespace("tx" + self.id()[-5:]), Namespace("rx" + self.id()[-5:])
        self.addCleanup(self.sender.delete)
        self.addCleanup(self.tap.delete)
        veth(self.sender, "tx0", self.tap, "rx0", mtu=1600, queues=2)
        self.sender.quiet("tx0")
        self.tap.quiet("rx0")
        netns.native(self.sender, "tx0")

    def runs(self):
        for driver in "pcap", "xdp":
            for workers in 1, 2, 4:
                if built(driver):
                    yield driver, workers

    def test_an_idle_link_wakes_few(self):
        """Before the first packet, and after the last one."""
        for driver, workers in self.runs():
            with self.subTest(driver=driver, workers=workers):
                process = self.live(self.tap, "-i", f"{driver}:rx0", "--workers", workers, "-o",
                                    "json", name=f"{driver}{workers}")
                self.ready(process)
                for packets in False, True:
                    if packets:
                        replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
                    time.sleep(2)
                    before = wakes(process.pid)
                    time.sleep(SECONDS)
                    rate = (wakes(process.pid) - before) / SECONDS
                    print(f"{driver}, {workers} workers, {'after' if packets else 'before'} "
                          f"packets: {rate} wake-ups/s")
                    self.assertLessEqual(rate, WAKES)
                self.assertEqual(self.stop(process).stats["frames"], 12)

    def test_records_leave_in_time(self):
        """No packet follows that would move the clock."""
        for driver, workers in self.runs():
            with self.subTest(driver=driver, workers=workers):
                name = f"{driver}{workers}"
                process = self.live(self.tap, "-i", f"{driver}:rx0", "--workers", workers, "-o",
                                    "json", "--idle-timeout", IDLE_TIMEOUT, name=name)
                self.ready(process)
                time.sleep(1)
                replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
                sent = time.time()
                while self.output(process, "out").count("\n") < 12 and time.time() < sent + 10:
                    time.sleep(0.01)
                late = time.time() - sent - IDLE_TIMEOUT
                print(f"{driver}, {workers} workers: {late:.2f} s after the timeout")
                self.assertGreater(late, -0.5)
                self.assertLess(late, 1.5)
                self.stop(process)

    def test_orders_wake_workers(self):
        """Statistics and the end do not wait until a worker wakes by itself."""
        for driver, workers in self.runs():
            with self.subTest(driver=driver, workers=workers):
                process = self.live(self.tap, "-i", f"{driver}:rx0", "--workers", workers, "-o",
                                    "none", name=f"{driver}{workers}")
                self.ready(process)
                time.sleep(1)
                began = time.monotonic()
                process.send_signal(signal.SIGUSR1)
                while "packets" not in self.output(process) and time.monotonic() < began + 5:
                    time.sleep(0.005)
                self.assertLess(time.monotonic() - began, 0.25)
                began = time.monotonic()
                self.stop(process)
                self.assertLess(time.monotonic() - began, 1)


if __name__ == "__main__":
    netns.main()
