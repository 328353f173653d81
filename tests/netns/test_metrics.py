#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--metrics of a live run: under the sandbox, and what it tells of sources and collectors."""

import re
import socket
import time

import netns
from netns import PCAPS, Tap, replay
from support import wait_until

netns.require("tcpreplay")

FETCH = """
import sys, urllib.request, urllib.error
try:
    with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
        print(answer.status, answer.read().decode(), end="")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode(), end="")
"""

class Metrics(Tap):
    def get(self, process, path):
        wait_until(lambda: "metrics at" in self.output(process) or process.poll() is not None,
                   "the address")
        address = re.search(r"metrics at (\S+)/metrics", self.output(process)).group(1)
        status, text = self.tap("python3", "-c", FETCH, address + path).stdout.split(" ", 1)
        return int(status), text

    def values(self, process):
        status, text = self.get(process, "/metrics")
        self.assertEqual(status, 200)
        return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if not line.startswith("#")}

    def test_source_and_collector(self):
        for workers in 1, 2:
            process = self.live(self.tap, "-i", "rx0", "-e", "ipfix://127.0.0.1:9", "-o", "none",
                                "--idle-timeout", "1s", "--metrics", "0", "--workers", workers)
            self.assertEqual(self.get(process, "/readyz"), (503, "rx0: no such interface yet; "
                                                           "waiting (there are: lo)\n"))
            self.assertEqual(self.values(process)['spanflow_source_up{source="rx0"}'], 0)
            self.assertEqual(self.get(process, "/healthz"), (200, "ok\n"))
            self.cable(queues=2)
            self.ready(process)
            wait_until(lambda: self.get(process, "/readyz") == (200, "ready\n"), "the interface")
            self.assertEqual(self.values(process)['spanflow_source_up{source="rx0"}'], 1)
            sent = replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--pps", "1000")
            wait_until(lambda: self.values(process)["spanflow_frames_total"] == sent, "all frames")
            collector = 'destination="ipfix://127.0.0.1:9"'
            wait_until(lambda: self.values(process)[f"spanflow_destination_up{{{collector}}}"] == 0,
                       "that nobody listens")
            values = self.values(process)
            self.assertEqual(values["spanflow_accounting_complete"], 1)
            self.assertEqual(values['spanflow_source_frames_total{source="rx0"}'], sent)
            self.tap("ip", "link", "set", "rx0", "down")
            wait_until(lambda: self.get(process, "/readyz")[0] == 503, "the interface being down")
            self.tap("ip", "link", "set", "rx0", "up")
            wait_until(lambda: self.get(process, "/readyz")[0] == 200, "the interface being up")
            done = self.stop(process, status=0)
            self.assertIs(done.stats["sandbox"]["seccomp"], True)
            self.assertEqual(done.stats["frames"], sent)
            self.tap("ip", "link", "del", "rx0")

    def test_answers_at_once(self):
        """It wakes the main thread, also where no packet comes."""
        process = self.live(self.tap, "-i", "lo", "-o", "none", "--metrics",
                            self.directory / "socket", "--no-promiscuous")
        self.ready(process)
        times = []
        for _ in range(20):
            before = time.monotonic()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(self.directory / "socket"))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(4096), b""))
            times.append(time.monotonic() - before)
            self.assertTrue(answer.endswith(b"ok\n"), answer)
        self.assertLess(sorted(times)[10], 0.05)
        self.stop(process)


if __name__ == "__main__":
    netns.main()
