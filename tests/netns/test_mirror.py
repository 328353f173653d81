#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The mirror test: two hosts talk through a bridge whose port is mirrored to three ports at once, one
with each driver. All three and the capture file taken at the same time yield the same records,
and the totals are those of the hosts' interfaces.
"""

import datetime
import os
import signal
import subprocess
import time
import unittest

import netns
from netns import Case, Namespace, built, flows, mirror, native, source, veth
from support import wait_until

netns.require("tcpdump", "iperf3", "ping", "python3")

PORTS = ("pcap", "xdp", "dpdk")
TIMEOUTS = ("--idle-timeout", "600s", "--active-timeout", "600s")


class Mirror(Case):
    @classmethod
    def setUpClass(cls):
        cls.a, cls.b, cls.switch, cls.tap = map(Namespace, ("a", "b", "switch", "tap"))
        cls.switch("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        cls.switch("ip", "link", "set", "br0", "up")
        for host, number in (cls.a, 1), (cls.b, 2):
            veth(host, "eth0", cls.switch, f"port{number}")
            cls.switch("ip", "link", "set", f"port{number}", "master", "br0")
            cls.switch.quiet(f"port{number}")
            host("ip", "addr", "add", f"192.0.2.{number}/24", "dev", "eth0")
            host("ip", "addr", "add", f"2001:db8::{number}/64", "dev", "eth0", "nodad")
        cls.switch.quiet("br0")
        for name in PORTS:
            veth(cls.switch, f"to-{name}", cls.tap, f"{name}0")
            cls.switch.quiet(f"to-{name}")
            cls.tap.quiet(f"{name}0")
        native(cls.switch, "to-xdp")
        # only what host a sends and receives: both directions of one port
        mirror(cls.switch, "port1", [f"to-{name}" for name in PORTS])

    def counted(self):
        return self.a.packets("eth0", "rx") + self.a.packets("eth0", "tx")

    def settle(self):
        """Waits until nothing has been said for 3 s: hosts announce themselves when links come up."""
        last, since = self.counted(), time.monotonic()

        def quiet():
            nonlocal last, since
            if self.counted() != last:
                last, since = self.counted(), time.monotonic()
            return time.monotonic() - since > 3
        wait_until(quiet, "silence")

    def talk(self):
        """TCP bulk, small UDP exchanges, ping; IPv4 and IPv6."""
        server = subprocess.Popen([*self.b.prefix(), "iperf3", "-s", "-1"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.kill)
        wait_until(lambda: "5201" in self.b("ss", "-ltn", check=False).stdout, "iperf3 server")
        self.a("iperf3", "-c", "192.0.2.2", "-n", "3M", "-b", "20M")
        server.wait(20)
        echo = subprocess.Popen([*self.b.prefix(), "python3", "-c", ECHO],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(echo.kill)
        self.addCleanup(echo.stdout.close)
        echo.stdout.readline()
        self.a("python3", "-c", ASK)
        echo.kill()
        echo.wait()
        self.a("ping", "-c", "5", "-i", "0.1", "192.0.2.2")
        self.a("ping", "-c", "5", "-i", "0.1", "2001:db8::2")

    def test_three_drivers_see_the_same(self):
        self.settle()
        before = self.counted()
        running = {}
        for name in PORTS:
            if built(name):
                running[name] = self.live(self.tap, *source(name, f"{name}0"), "-o", "json",
                                          *TIMEOUTS, name=name)
        for process in running.values():
            self.ready(process)
        capture = self.directory / "port.pcap"
        dump = subprocess.Popen([*self.switch.prefix(), "tcpdump", "-i", "port1", "-w", capture,
                                 "-U", "-s", "0", "-B", "16384", "--time-stamp-precision=nano"],
                                stderr=subprocess.PIPE, text=True)
        self.addCleanup(dump.kill)
        dump.stderr.readline()
        self.addCleanup(dump.stderr.close)
        self.talk()
        sent = self.counted() - before
        time.sleep(1)
        dump.send_signal(signal.SIGINT)
        dump.wait()
        done = {name: self.stop(process) for name, process in running.items()}
        filed = self.meter("-r", capture, "-o", "json", *TIMEOUTS)

        expected = flows(filed.records, "tcpControlBits")
        for name, result in done.items():
            with self.subTest(driver=name):
                self.assertEqual(result.stats["dropped"], {"kernel": 0, "nic": 0})
                self.assertEqual(result.stats["ended"], "SIGTERM")
                # what the host's own counters say, neighbour discovery and ARP included
                self.assertEqual(result.stats["frames"], sent)
                self.assertEqual(result.stats["metered"], filed.stats["metered"])
                self.assertEqual(flows(result.records, "tcpControlBits"), expected)
                self.close_in_time(result.records, filed.records)

    def close_in_time(self, records, reference):
        """
        Start and end within 20 ms of the capture file's, but for a few: a driver without kernel
        time stamps stamps packets when its worker gets the CPU. Where more wants to run than there
        are CPUs, that takes longer.
        """
        busy = os.getloadavg()[0] > (os.cpu_count() or 1)
        self.assertEqual(len(records), len(reference))
        times = flows(reference, "flowStartMilliseconds", "flowEndMilliseconds")
        apart = []
        for key, rows in flows(records, "flowStartMilliseconds", "flowEndMilliseconds").items():
            for row, other in zip(rows, times[key]):
                apart += [abs(milliseconds(mine) - milliseconds(theirs))
                          for mine, theirs in zip(row[2:], other[2:])]
        apart.sort()
        self.assertLess(apart[len(apart) * 9 // 10], 200 if busy else 20)
        self.assertLess(apart[-1], 1000 if busy else 200)


def milliseconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


ECHO = """
import selectors, socket
ports = selectors.DefaultSelector()
for family, address in (socket.AF_INET, '192.0.2.2'), (socket.AF_INET6, '2001:db8::2'):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 53))
    ports.register(s, selectors.EVENT_READ)
print('listening', flush=True)
while True:
    for key, _ in ports.select():
        data, peer = key.fileobj.recvfrom(2000)
        key.fileobj.sendto(data * 3, peer)
"""

ASK = """
import socket
for family, address in (socket.AF_INET, '192.0.2.2'), (socket.AF_INET6, '2001:db8::2'):
    for i in range(40):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.settimeout(5)
        s.sendto(b'x' * (20 + i), (address, 53))
        assert len(s.recv(2000)) == 3 * (20 + i)
        s.close()
"""

if __name__ == "__main__":
    unittest.main()
