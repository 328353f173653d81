#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a run costs on a link where nothing happens, and that time goes on there all the same."""

import os
import signal
import time

import netns
from netns import PCAPS, Case, Namespace, built, replay, veth
from support import wait_until

netns.require("tcpreplay")

SECONDS = 5
WAKES = 20  # in a second, of all threads and processes
IDLE_TIMEOUT = 2
# What takes too long is tried again: on a busy machine a program may not run for a second, now and then.
ATTEMPTS = 5


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


class Run:
    """A live run of one driver and number of workers, on a cable of its own."""

    def __init__(self, case, driver, workers):
        self.name = f"{driver}, {workers} workers"
        self.case, self.driver, self.workers = case, driver, workers
        self.sender, self.tap = (Namespace(f"{end}{driver}{workers}") for end in ("tx", "rx"))
        case.addCleanup(self.sender.delete)
        case.addCleanup(self.tap.delete)
        veth(self.sender, "tx0", self.tap, "rx0", mtu=1600, queues=2)
        self.sender.quiet("tx0")
        self.tap.quiet("rx0")
        netns.native(self.sender, "tx0")

    def start(self, *options):
        self.process = self.case.live(self.tap, "-i", f"{self.driver}:rx0", "--workers", self.workers,
                                      *options, name=f"{self.driver}{self.workers}")

    def replay(self):
        replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
        self.sent = time.time()

    def records(self):
        return self.case.output(self.process, "out").count("\n")


class Idle(Case):
    """All runs at once: they do next to nothing."""

    def start(self, *options):
        runs = [Run(self, driver, workers) for driver in ("pcap", "xdp") if built(driver)
                for workers in (1, 2, 4)]
        for run in runs:
            run.start(*options)
        for run in runs:
            self.ready(run.process)
        time.sleep(1)
        return runs

    def test_an_idle_link_wakes_few(self):
        """Before the first packet, and after the last one."""
        runs = self.start("-o", "json")
        for packets in False, True:
            if packets:
                for run in runs:
                    run.replay()
            time.sleep(2)
            before = [wakes(run.process.pid) for run in runs]
            began = time.monotonic()
            time.sleep(SECONDS)
            seconds = time.monotonic() - began
            for run, count in zip(runs, before):
                with self.subTest(run=run.name, packets=packets):
                    rate = (wakes(run.process.pid) - count) / seconds
                    print(f"{run.name}, {'after' if packets else 'before'} packets: "
                          f"{rate:.1f} wake-ups/s")
                    self.assertLessEqual(rate, WAKES)
        for run in runs:
            with self.subTest(run=run.name):
                self.assertEqual(self.stop(run.process).stats["frames"], 12)

    def test_records_leave_in_time(self):
        """No packet follows that would move the clock."""
        runs = self.start("-o", "json", "--idle-timeout", IDLE_TIMEOUT)
        late = {run: [] for run in runs}
        open_ones = runs
        for attempt in range(1, ATTEMPTS + 1):
            for run in open_ones:
                run.replay()
            waiting = set(open_ones)
            while waiting and time.time() < open_ones[-1].sent + 10:
                for run in list(waiting):
                    if run.records() >= 12 * attempt:
                        late[run].append(time.time() - run.sent - IDLE_TIMEOUT)
                        waiting.remove(run)
                time.sleep(0.01)
            open_ones = [run for run in open_ones if run in waiting or late[run][-1] >= 1.5]
            if not open_ones or waiting:
                break
        for run in runs:
            with self.subTest(run=run.name):
                print(f"{run.name}: {late[run]} s after the timeout")
                self.assertGreater(min(late[run]), -0.5)
                self.assertLess(min(late[run]), 1.5)
                self.stop(run.process)

    def test_orders_wake_workers(self):
        """Statistics and the end do not wait until a worker wakes by itself."""
        ends = {}
        for run in self.start("-o", "none"):
            with self.subTest(run=run.name):
                took = []
                while not took or (took[-1] >= 0.25 and len(took) < ATTEMPTS):
                    count, began = self.output(run.process).count("packets"), time.monotonic()
                    run.process.send_signal(signal.SIGUSR1)
                    wait_until(lambda: self.output(run.process).count("packets") > count, "statistics")
                    took.append(time.monotonic() - began)
                    # an answer that comes when a worker wakes by itself comes in time now and then
                    time.sleep(0.1)
                self.assertLess(min(took), 0.25)
                self.taken(run.process)
                began = time.monotonic()
                run.process.send_signal(signal.SIGTERM)
                self.ended(run.process)
                ends.setdefault(run.driver, []).append(time.monotonic() - began)
        for driver, took in ends.items():
            self.assertLess(min(took), 1, driver)


if __name__ == "__main__":
    netns.main()
