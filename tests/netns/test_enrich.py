#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A tap of two ports, live and in the sandbox: the interface map knows the ports by name, --egress learn
finds the port of each receiver, next hops are those of the kernel's routes while they change, and SIGHUP
reads files again.
"""

import json
import signal
import time

import netns
from netns import PCAPS, Tap, replay, veth
from support import wait_until

netns.require("tcpreplay")

SERVER = "203.0.113.80"


class Enrich(Tap):
    def setUp(self):
        super().setUp()
        for number in 0, 1:
            self.cable(number)
        # where the kernel's routes lead to
        veth(self.sender, "router", self.tap, "uplink")
        self.tap("ip", "addr", "add", "198.51.100.1/24", "dev", "uplink")
        self.tap("ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.2")
        # the run reads files again as another user
        self.directory.chmod(0o755)
        self.files = self.directory / "routes.txt", self.directory / "map.txt"

    def write(self, as_number, numbers):
        self.files[0].write_text(f"203.0.113.0/25 {as_number}\n")
        self.files[1].write_text("".join(f"ingress {number} port=rx{port}\ninterface {number} "
                                         f"name=port{port}\n"
                                         for port, number in enumerate(numbers)))
        for file in self.files:
            file.chmod(0o644)

    def send(self):
        """Both sides of the tap; the answers of the server come behind what they answer."""
        for port, capture in enumerate(("tap-a.pcap", "tap-b.pcap")):
            replay(self.sender, f"tx{port}", PCAPS / capture, "--pps", "500")

    def records(self, process):
        """(AS, hop, ingress, egress, name) of what was sent to the server, in the order of records."""
        records = [json.loads(line) for line in self.output(process, "out").splitlines()]
        return [(r.get("bgpDestinationAsNumber"), r.get("ipNextHopIPv4Address"),
                 r["ingressInterface"], r["egressInterface"], r.get("ingressInterfaceName"))
                for r in records if r.get("destinationIPv4Address") == SERVER]

    def test_files_and_routes_change(self):
        self.write(64500, (501, 502))
        process = self.live(
            self.tap, "-i", "rx0+rx1", "-o", "json", "--enrich", self.files[0], "--enrich", "fib",
            "--interface-map", self.files[1], "--egress", "learn", "--idle-timeout", "500ms",
            "--fields", "+ingressInterfaceName")
        self.ready(process)
        self.send()
        wait_until(lambda: len(self.records(process)) == 4, "the records")
        # the capture has the same four conversations one after another
        self.assertEqual(set(self.records(process)),
                         {(64500, "198.51.100.2", 501, 502, "port0")})
        self.tap("ip", "route", "replace", "203.0.113.0/24", "via", "198.51.100.3")
        self.write(64501, (601, 602))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.output(process).count("read again") == 2, "the files")
        time.sleep(0.6)  # routes are looked at four times a second
        self.send()
        wait_until(lambda: len(self.records(process)) == 8, "the records")
        self.assertEqual(set(self.records(process)[4:]),
                         {(64501, "198.51.100.3", 601, 602, "port0")})
        done = self.stop(process)
        self.assertIs(done.stats["sandbox"]["seccomp"], True)


if __name__ == "__main__":
    netns.main()
