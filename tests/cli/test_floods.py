#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Floods of what takes memory: fragments, names, tunnels, tables that decompress to too much. Memory stays, and every
packet is accounted for."""

import gzip
import json
import os
import random
import re
import struct
import subprocess
from pathlib import Path

import support
from support import SPANFLOW, Case, pcap

MANY, FEW = 20000, 1000  # packets of a flood, and of a run to compare with
SPARE = 20 << 10  # KiB that the many may take more than the few: 1 KiB for each flow with names


def ip(protocol, payload, source=1, fragment=0, identification=0):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification & 0xFFFF, fragment, 64, protocol,
                       0, bytes([10]) + source.to_bytes(3, "big"), bytes([192, 0, 2, 1])) + payload


def ethernet(packet):
    return bytes(6) + b"\2\0\0\0\0\1\x08\0" + packet


def hello(name, port=40000, source=1):
    """A TCP segment with a client hello that asks for `name`."""
    name = name.encode()
    extension = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + struct.pack("!H", len(extension)) + extension
    record = b"\x01" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x01" + struct.pack("!H", len(record)) + record
    return ethernet(ip(6, struct.pack("!HHIIBBHHH", port, 443, 1, 1, 0x50, 0x18, 1000, 0, 0) + record, source))


class Floods(Case):
    def run_flood(self, make, count, *arguments):
        """The statistics of a run on make(0) … make(count - 1), its records, and its memory in KiB."""
        with open(os.path.join(self.directory, "records"), "w+b") as output, subprocess.Popen(
                [SPANFLOW, "meter", "-r", "-", "-o", "json", "--stats", "json", "--max-flows", "1000", *arguments],
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.PIPE) as process:
            process.stdin.write(pcap([(i * 0.0001, make(i)) for i in range(count)]))
            process.stdin.flush()
            # all but what is still in the pipe was read
            peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text()).group(1))
            process.stdin.close()
            errors = process.stderr.read()
            self.assertEqual(process.wait(), 0, errors)
            output.seek(0)
            records = [json.loads(line) for line in output]
        stats = json.loads(errors.splitlines()[-1])
        self.assertTrue(stats["balanced"], stats)
        self.assertEqual(stats["frames"], count)
        return stats, records, peak

    def flood(self, make, *arguments):
        _, _, few = self.run_flood(make, FEW, *arguments)
        stats, records, many = self.run_flood(make, MANY, *arguments)
        if "SANITIZED" not in os.environ:
            self.assertLess(many, few + SPARE)
        return stats, records

    def test_first_fragments(self):
        # none of the datagrams ends
        data = struct.pack("!HHHH", 5000, 53, 1000, 0) + bytes(32)
        stats, _ = self.flood(lambda i: ethernet(ip(17, data, i, 0x2000, i)))
        self.assertEqual(stats["metered"]["packets"], MANY)
        self.assertEqual(stats["flows"]["evicted"], MANY - 1000)

    def test_later_fragments(self):
        # none of them had a beginning
        stats, _ = self.flood(lambda i: ethernet(ip(17, bytes(40), i, 0x2010, i)))
        self.assertEqual(stats["metered"]["packets"], MANY)
        self.assertEqual(stats["fragments"]["orphaned"], MANY)
        self.assertGreater(stats["fragments"]["crowded"], 0)

    def test_names_of_one_flow(self):
        # of a connection the first name is told
        stats, records = self.flood(lambda i: hello(f"a{i}.example"), "--fields", "+tlsServerName")
        self.assertEqual(stats["metered"]["packets"], MANY)
        self.assertEqual([(record["tlsServerName"], record["packetDeltaCount"]) for record in records],
                         [("a0.example", MANY)])

    def test_names_of_many_flows(self):
        stats, records = self.flood(lambda i: hello(f"a{i}.example", 1024 + i % 60000, i),
                                    "--fields", "+tlsServerName")
        self.assertEqual(stats["flows"]["evicted"], MANY - 1000)
        self.assertEqual({record["tlsServerName"] for record in records}, {f"a{i}.example" for i in range(MANY)})

    def test_tunnels_with_random_ids(self):
        rng = random.Random(7)
        ids = [rng.getrandbits(32) for _ in range(MANY)]
        inner = ip(17, struct.pack("!HHHH", 5000, 53, 8, 0), 9)
        for mode, packets in ("inner", MANY), ("both", 2 * MANY):
            stats, records = self.flood(
                lambda i: ethernet(ip(47, struct.pack("!HHI", 0x2000, 0x0800, ids[i]) + inner)),
                "--tunnel", mode)
            self.assertEqual(stats["metered"]["packets"], packets)
            self.assertEqual(stats["tunnels"]["twice"], packets - MANY)
            self.assertEqual({record["tunnelId"] for record in records if "tunnelId" in record}, set(ids))


MIB = 1 << 20


class Bombs(Case):
    """Files for --enrich that decompress to more than a table has."""
    def refuse(self, packed, memory, *words):
        """A run with this file ends with a message that has the words, and takes at most `memory` octets."""
        table = self.directory / "table.gz"
        table.write_bytes(packed)
        process = self.start("meter", "-r", self.capture(), "-o", "none", "--enrich", table)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        done = self.end(process)
        self.assertEqual(done.status, 1, done.stderr)
        for word in (str(table), "decompress it first", *words):
            self.assertIn(word, done.stderr)
        if "SANITIZED" not in os.environ:
            self.assertLess(usage.ru_maxrss * 1024, memory)

    def capture(self):
        path = self.directory / "capture.pcap"
        path.write_bytes(pcap([(0, hello("a.example"))]))
        return path

    # files are of many members, as this process has to be small: what it has counts as its child's
    def test_zeros(self):
        # 2 GiB that are no text: a binary file is read as one piece
        self.refuse(gzip.compress(bytes(MIB)) * 2048, 160 * MIB, "more than 100 times its size")

    def test_lines(self):
        # text is read line by line
        self.refuse(gzip.compress(b"# nothing\n" * 100000) * 2048, 64 * MIB, "more than 100 times its size")

    def test_less_than_a_hundredfold(self):
        noise = random.Random(7).randbytes(MIB // 64)
        self.refuse(gzip.compress(noise + bytes(MIB - len(noise))) * 520, 640 * MIB,
                    "decompresses to more than 512 MiB, the most for a compressed MaxMind DB file")


if __name__ == "__main__":
    support.main()
