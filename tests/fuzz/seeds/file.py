#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_file into seeds/file: one small capture for each variant of the formats."""
import gzip
import os
import struct
import sys

HERE = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "file")
BYTES = bytes(range(0xb0, 0xc8))


def pcap(order, magic=0xA1B2C3D4, minor=4, snaplen=65535, link=1, extra=b""):
    out = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, snaplen, link)
    for i, length in enumerate((4, 0, 24)):
        lengths = (60, length) if minor < 3 else (length, 60)
        out += struct.pack(order + "IIII", 1120646849 + i, 999999, *lengths) + extra
        out += BYTES[:length]
    return out


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order, kind, body):
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def section(order, options=b""):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def interface(order, link, snaplen, options=b""):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def padded(data):
    return data + bytes(-len(data) % 4)


def enhanced(order, number, units, length, options=b""):
    return block(order, 6, struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF,
                                       length, 60) + padded(BYTES[:length]) + options)


def old_packet(order, number, units, length, options=b""):
    return block(order, 2, struct.pack(order + "HHIIII", number, 3, units >> 32,
                                       units & 0xFFFFFFFF, length, 60) +
                 padded(BYTES[:length]) + options)


def simple(order, wire, length):
    return block(order, 3, struct.pack(order + "I", wire) + padded(BYTES[:length]))


def pcapng(order):
    end = option(order, 0, b"")
    direction = option(order, 2, struct.pack(order + "I", 2)) + end
    return (section(order, option(order, 4, b"spanflow") + end) +
            interface(order, 1, 65535, option(order, 2, b"eth0") + end) +
            interface(order, 101, 8, option(order, 9, b"\x09") + option(
                order, 14, struct.pack(order + "q", -5)) + end) +
            interface(order, 0, 0, option(order, 9, b"\x94")) +
            enhanced(order, 0, 1120646849999999, 5) +
            block(order, 0xBAD, struct.pack(order + "I", 32473) + b"abcd") +
            enhanced(order, 1, 1120646849999999999, 24, direction) +
            block(order, 5, bytes(40)) +
            old_packet(order, 2, 1120646849 << 20, 7, direction) +
            simple(order, 60, 24))


def main():
    seeds = {
        "pcap-le-us": pcap("<"), "pcap-be-us": pcap(">"),
        "pcap-le-ns": pcap("<", 0xA1B23C4D, link=113), "pcap-be-ns": pcap(">", 0xA1B23C4D),
        "pcap-modified": pcap("<", 0xA1B2CD34, extra=struct.pack("<IHBB", 3, 0x800, 4, 0)),
        "pcap-2.2": pcap("<", minor=2), "pcap-cut": pcap("<")[:-3],
        "pcap-long-record": pcap("<")[:24] + struct.pack("<IIII", 1, 0, 70000, 70000) + b"\1" * 9,
        "pcapng-le": pcapng("<"), "pcapng-be": pcapng(">"),
        "pcapng-sections": pcapng("<") + pcapng(">"), "pcapng-cut": pcapng("<")[:-7],
        "pcapng-time": section("<") + interface("<", 1, 0, option("<", 9, b"\x1b")) +
        enhanced("<", 0, 2**64 - 1, 4) + enhanced("<", 0, 1, 4),
        # packets without a time first, lengths of options and blocks that are wrong but understood
        "pcapng-odd": section("<") + interface("<", 1, 0, struct.pack("<HHI", 0, 4, 0)) +
        simple("<", 8, 8) + enhanced("<", 0, 2**64 - 1, 4) +
        enhanced("<", 0, 1120646849999999, 4, struct.pack("<HH", 2, 99)) +
        struct.pack("<II", 10, 17) + BYTES[:8] + struct.pack("<I", 20) +
        struct.pack("<II5sI", 10, 17, BYTES[:5], 17),
        "gzip": gzip.compress(pcap("<"), mtime=0),
        "gzip-members": gzip.compress(pcap("<")[:50], mtime=0) +
        gzip.compress(pcap("<")[50:], mtime=0) + bytes(16),
        "gzip-cut": gzip.compress(pcapng(">"), mtime=0)[:-9],
        # a raw and a run-length block in one frame (RFC 8878), and a skippable frame before it
        "zstd": bytes.fromhex("502a4d1804000000aabbccdd") + bytes.fromhex("28b52ffd0058") +
        bytes([len(pcap("<")) << 3 & 0xFF, len(pcap("<")) >> 5, 0]) + pcap("<") +
        bytes.fromhex("230000") + b"\0",
        "empty": b"", "magic-only": b"\xd4\xc3\xb2\xa1", "script": b"#!/bin/sh\n",
    }
    os.makedirs(HERE, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(HERE, name), "wb") as file:
            file.write(data)


main()
