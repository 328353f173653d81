#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts instructions of the packets that cost a meter most, with callgrind.

    worst.py SPANFLOW [--limit N] [--all]

Prints what a packet costs in `spanflow meter -r FILE -o none`, divided by what a plain UDP packet costs with default
options. With --limit the exit status is 1 if a packet costs more than N plain ones. Without --all only packets and
options that are near the bound. Exit status 77: cannot be counted here.
"""
import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

COPIES = 2048 # packets that the meter takes in one turn
MAC = bytes.fromhex("020000000001020000000002")
SOURCE6, TARGET6 = bytes([0xfd] + [0] * 14 + [1]), bytes([0xfd] + [0] * 14 + [2])


def ethernet(ethertype, payload):
    return MAC + struct.pack(">H", ethertype) + payload


def ipv4(protocol, payload):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + payload


def ipv6(protocol, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + SOURCE6 + TARGET6 + payload


def udp(port, payload):
    return struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload


def plain():
    return ipv4(17, udp(53, b"payload"))


def chain(count, protocol, kind=60):
    """IPv6 extension headers of 8 bytes before `protocol`, and the number of the first."""
    return bytes([kind, 0, 1, 4, 0, 0, 0, 0]) * (count - 1) + bytes([protocol, 0, 1, 4, 0, 0, 0, 0])


def repeat(times, around):
    packet = plain()
    for _ in range(times):
        packet = around(packet)
    return packet


def gre(packet):
    return ipv4(47, struct.pack(">HHI", 0x2000, 0x0800, 7) + packet)


def vxlan(packet):
    return ipv4(17, udp(4789, struct.pack(">II", 0x08000000, 7 << 8) + ethernet(0x0800, packet)))


def geneve(packet):
    options = struct.pack(">HBB", 0x102, 0x80, 0) * 63
    return ipv4(17, udp(6081, struct.pack(">BBHI", 63, 0, 0x6558, 7 << 8) + options + ethernet(0x0800, packet)))


def protocol_of(packet):
    return 4 if packet[0] >> 4 == 4 else 41


def ip6_in_ip6(packet):
    return ipv6(60, chain(7, protocol_of(packet)) + packet)


def mpls_udp(packet):
    tags = b"".join(struct.pack(">HH", n + 1, 0x8100) for n in range(3)) + struct.pack(">HH", 4, 0x0800)
    return ipv4(17, udp(6635, struct.pack(">I", 0x3e8 << 12 | 0x1ff) + MAC + struct.pack(">H", 0x8100) + tags + packet))


def l2tp(packet):
    """Version 3 over IP, with a cookie of 8 bytes and a sublayer."""
    return ipv4(115, struct.pack(">I", 7) + bytes(8) + struct.pack(">I", 0x40000000) + ethernet(0x0800, packet))


def tzsp(packet):
    items = bytes([10, 1, 0]) * 30 + b"\1"
    return ipv4(17, udp(37008, bytes([1, 0, 0, 1]) + items + ethernet(0x0800, packet)))


def srv6(packet):
    return ipv6(43, bytes([protocol_of(packet), 2, 4, 0, 0, 0, 0, 0]) + bytes(16) + packet)


def jumbo(packet):
    """IPv6 whose hop-by-hop options are searched for a jumbo payload length."""
    return ipv6(0, bytes([protocol_of(packet), 1]) + bytes(14) + packet)


DEFAULT, INNER, BOTH = [], ["--tunnel", "inner"], ["--tunnel", "both"]
MANY = [DEFAULT, INNER, BOTH]
PACKETS = [
    # name, packet, the options with which it is near the bound
    ("plain UDP", plain(), []),
    ("IPv6, 96 extension headers", ipv6(60, chain(96, 17) + udp(53, b"payload")), []),
    ("IPv6, 300 extension headers", ipv6(60, chain(300, 17) + udp(53, b"payload")), []),
    ("IPv6, 300 headers of AH", ipv6(51, chain(300, 17, 51) + udp(53, b"payload")), [DEFAULT]),
    ("IPv6, 300 fragment headers",
     ipv6(44, chain(300, 17, 44).replace(b"\0\1\4\0", b"\0\0\0\0") + udp(53, b"payload")), []),
    ("VXLAN", repeat(1, vxlan), []),
    ("8 x GRE", repeat(8, gre), [BOTH]),
    ("8 x VXLAN", repeat(8, vxlan), [BOTH]),
    ("8 x GENEVE with 63 options", repeat(8, geneve), [INNER]),
    ("8 x IPv6 in IPv6, 7 extension headers each", repeat(8, ip6_in_ip6), []),
    ("8 x SRv6", repeat(8, srv6), []),
    ("8 x IPv6 with options", repeat(8, jumbo), []),
    ("4 x pseudowire in MPLS over UDP, 4 tags each", repeat(4, mpls_udp), [INNER]),
    ("8 x L2TPv3 with cookie and sublayer", repeat(8, l2tp), [INNER]),
    ("8 x TZSP with 31 items", repeat(8, tzsp), []),
]


def write(path, *packets):
    """COPIES of each packet, one kind after the other."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for kind, packet in enumerate(packets):
            frame = ethernet(0x0800 if packet[0] >> 4 == 4 else 0x86dd, packet)
            for n in range(COPIES):
                out.write(struct.pack("<IIII", 1, kind * COPIES + n, len(frame), len(frame)) + frame)


def count(spanflow, path, options):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", spanflow, "meter", "-r",
                          path, "-o", "none", "-q", *options], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        print("cannot count: %s" % run.stderr.strip()[-400:])
        sys.exit(77)
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("spanflow")
    parser.add_argument("--limit", type=float)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("SKIP: valgrind is not installed")
        return 77
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "packets.pcap")

        start = {}

        def cost(packet, how):
            """More than a file of plain packets alone."""
            if tuple(how) not in start:
                write(path, plain())
                start[tuple(how)] = count(options.spanflow, path, how)
            write(path, plain(), packet)
            return (count(options.spanflow, path, how) - start[tuple(how)]) / COPIES
        unit = cost(plain(), [])
        for name, packet, near in PACKETS:
            for how in MANY if options.all else near:
                price = cost(packet, how)
                failed |= options.limit is not None and price > options.limit * unit
                print("%-46s %-15s %7.0f %6.1f" % (name, " ".join(how), price, price / unit), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
