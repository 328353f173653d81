# SPDX-License-Identifier: BSD-2-Clause
"""Captures for questions to flow records, and packets of them."""

import struct
from pathlib import Path

import support
from support import Case


CAPTURES = Path(__file__).resolve().parents[2] / "pcaps"
NAMES = ("demo", "icmp", "ipv6-extensions", "protocols", "tcp-ends", "tcp-session", "timeouts",
         "udp-dns", "vlan", "vlan-stacks", "mpls", "fragments", "jumbo")


def port(record, side):
    has_ports = record["protocolIdentifier"] in (6, 17, 33, 132, 136)
    return record[side + "TransportPort"] if has_ports else None


def frame(source, to, protocol, segment):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, protocol, 0,
                     bytes([10, 0, 0, source]), bytes([10, 0, 0, to]))
    return bytes(6) + b"\2\0\0\0\0\1\x08\x00" + ip + segment


def tcp(source, to, sport, dport, flags):
    return frame(source, to, 6, struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 100, 0, 0))


def udp_to(source, to, sport, dport):
    return frame(source, to, 17, struct.pack("!HHHH", sport, dport, 9, 0) + b"x")


class Asked(Case):
    """Flows of several small captures, and of a few hundred conversations, in one file."""

    def setUp(self):
        super().setUp()
        talk = self.file("talk.pcap", support.pcap(support.conversations(300)))
        self.captures = [str(CAPTURES / f"{name}.pcap") for name in NAMES] + [talk]
        self.flows = str(self.directory / "flows.ipfix")
        self.meter("-r", *self.captures, "-w", self.flows)
