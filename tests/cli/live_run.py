# SPDX-License-Identifier: BSD-2-Clause
"""A run on a pipe that goes on, to a collector that prints the records as JSON: each packet is a flow."""

import json
import subprocess

import support
from support import START, pcap_header, pcap_packet, udp


class LiveRun(support.Case):
    def live(self, url, *more):
        """What it says is in the file "live"."""
        with open(self.directory / "live", "wb") as words:
            process = subprocess.Popen(
                [support.SPANFLOW, "meter", "-r", "-", "--realtime", "--per-packet", "--stats", "json",
                 *more, "-e", url], stdin=subprocess.PIPE, stderr=words)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdin.write(pcap_header())
        self.fed = 0
        return process

    def feed(self, process, count):
        """So many records."""
        for _ in range(count):
            process.stdin.write(pcap_packet(START + self.fed * 0.001, udp(1 + self.fed % 200, 1024 + self.fed // 200)))
            self.fed += 1
        process.stdin.flush()

    def finish(self, process, status=0):
        """What the destination got; `words` is what the run said."""
        process.stdin.close()
        code = process.wait(support.TIMEOUT)
        self.words = self.content("live")
        self.assertEqual(code, status, self.words)
        stats = json.loads(self.words.splitlines()[-1])
        self.assertTrue(stats["balanced"])
        return stats["collectors"][0]

    def keys(self, output="stdout"):
        """The addresses and source ports of the records that a collector has printed so far."""
        return [(record["sourceIPv4Address"], record["sourceTransportPort"])
                for record in map(json.loads, self.printed(output).splitlines())
                if "sourceIPv4Address" in record]
