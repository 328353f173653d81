#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Questions to flow records: `show --where`, and more. Answers are compared with those that Python
computes from the same records in JSON, and with figures that rwfilter, rwuniq, rwstats and nfdump gave."""

import ipaddress
import os
import unittest
from pathlib import Path

import support
from support import Case, generated

FOLDER = Path(os.environ.get("SPANFLOW_PCAPS",
                             Path(__file__).resolve().parents[2] / "../shared/pcaps"))
MIX = FOLDER / "traffic/composite--shared-mix.pcap"


def address(record, side):
    return record.get(side + "IPv4Address") or record.get(side + "IPv6Address")


def within(record, side, network):
    net = ipaddress.ip_network(network)
    found = ipaddress.ip_address(address(record, side))
    return found.version == net.version and found in net


def port(record, side):
    icmp = record["protocolIdentifier"] in (1, 58)
    return None if icmp else record[side + "TransportPort"]


class Where(Case):
    """Conditions, against Python over the records in JSON."""

    QUESTIONS = {
        "proto udp": lambda r: r["protocolIdentifier"] == 17,
        "not proto tcp and not proto udp and not icmp":
            lambda r: r["protocolIdentifier"] not in (1, 6, 17),
        "port 53 and packets < 20 and bytes > 100":
            lambda r: 53 in (port(r, "source"), port(r, "destination"))
            and r["packetDeltaCount"] < 20 and r["octetDeltaCount"] > 100,
        "flags S/SA": lambda r: r["protocolIdentifier"] == 6 and r["tcpControlBits"] & 0x12 == 2,
        "octetDeltaCount > 1k or flowEndReason = 3":
            lambda r: r["octetDeltaCount"] > 1000 or r["flowEndReason"] == 3,
        "src net 10.0.0.0/8 and not dst net 10.0.0.0/8":
            lambda r: within(r, "source", "10.0.0.0/8")
            and not within(r, "destination", "10.0.0.0/8"),
        "tos != 0": lambda r: r["ipClassOfService"] != 0,
        "vlan": lambda r: "vlanId" in r,
        "ipv6": lambda r: "sourceIPv6Address" in r,
    }

    def setUp(self):
        super().setUp()
        capture, _ = generated(self.directory, "MAKE_MIXED", "mixed.pcap")
        self.flows = str(self.directory / "flows.ipfix")
        self.meter("-r", capture, "-w", self.flows)

    def show(self, *arguments):
        done = self.run_plain("show", self.flows, "-o", "json", "--stats", "json", *arguments)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return done

    def test_conditions(self):
        everything = self.show().records
        self.assertGreater(len(everything), 100)
        for question, meets in self.QUESTIONS.items():
            with self.subTest(question):
                expected = [r for r in everything if meets(r)]
                done = self.show("--where", question)
                self.assertEqual(done.records, expected)
                self.assertEqual(done.stats["unmatched"], len(everything) - len(expected))

    def test_addresses_from_a_file(self):
        sender = address(self.show().records[0], "source")
        listed = self.file("list.txt", f"# a comment\n{sender}\n".encode())
        expected = [r for r in self.show().records if address(r, "source") == sender]
        self.assertEqual(self.show("--where", f"src ip in '{listed}'").records, expected)

    def test_mistakes_have_a_caret(self):
        done = self.run_plain("show", self.flows, "--where", "tcp and prt 80")
        self.assertEqual(done.status, 2)
        self.assertIn("did you mean 'port'?\n  tcp and prt 80\n          ^~~", done.stderr)


@unittest.skipUnless(MIX.exists(), "no ../shared/pcaps")
class Figures(Case):
    """What SiLK and nfdump said of the same records."""

    def setUp(self):
        super().setUp()
        self.flows = str(self.directory / "mix.ipfix")
        self.meter("-r", MIX, "-w", self.flows)

    def count(self, question):
        done = self.run_plain("show", self.flows, "-o", "none", "--stats", "json", "--where",
                              question)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return done.stats["records"] - done.stats["optionsRecords"] - done.stats["unmatched"]

    def test_counts(self):
        self.assertEqual(self.count("not proto tcp and not proto udp and not proto icmp"), 708)
        self.assertEqual(self.count("not tos 0"), 190)
        # flowdumper reads NetFlow v5: IPv4 only
        self.assertEqual(self.count("ipv4 and not tos 0"), 176)
        self.assertEqual(self.count("ipv4 and not (tcp or udp or icmp)"), 645)
        self.assertEqual(self.count("any"), 16473)


if __name__ == "__main__":
    support.main()
