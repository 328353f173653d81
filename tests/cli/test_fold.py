#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Folding: a flood that a small table cannot hold, and small flows of any run. The sums are always exact."""

import csv
import json
import os
import random
import struct

import support
from support import Case, pcap, udp

LONG = 10  # conversations that go on all the time
EACH = 10  # packets: one of a long flow, the rest of the flood
MEMORY = 128 << 20  # of a run with a small table, at most: bytes


def flood(count):
    """UDP packets of LONG flows, and between them packets of random sources to one host."""
    numbers = random.Random(1)
    frames = []
    for i in range(count):
        frame = bytearray(udp(1 + i // EACH % LONG, 5000, bytes(numbers.randrange(200))))
        if i % EACH:
            frame[26:30] = struct.pack("!I", numbers.getrandbits(32))
        frames.append((i * 0.0002, bytes(frame)))
    return pcap(frames)


def sums(records):
    return (sum(record["packetDeltaCount"] for record in records),
            sum(record["octetDeltaCount"] for record in records))


class FoldCase(Case):
    def show(self, path, *arguments):
        return self.run_plain("show", path, "-o", "json", *arguments).records

    def test_flood(self):
        """The flood is in few records, the long flows are there by themselves, and nothing is missing."""
        path = self.file("flood.pcap", flood(40000))
        for workers in "1", "2":
            out = self.directory / "out.ipfix"
            process = self.start("meter", "--stats", "json", "-r", path, "--max-flows", "500", "--fold", "evicted",
                                 "--workers", workers, "-w", out, "--force")
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if "SANITIZED" not in os.environ:
                self.assertLess(usage.ru_maxrss * 1024, MEMORY)
            done = self.end(process)
            self.assertEqual(done.status, 0, done.stderr)
            self.check_counters(done.stats)
            records = self.show(out)
            metered = done.stats["metered"]
            self.assertEqual(sums(records), (metered["packets"], metered["octets"]))
            self.assertEqual(metered["packets"], 40000)
            folded = [record for record in records if "deltaFlowCount" in record]
            self.assertLess(len(records), 6000)
            self.assertGreater(done.stats["records"]["folded"], 35000)
            self.assertEqual(sum(record["deltaFlowCount"] for record in folded), done.stats["records"]["folded"])
            self.assertEqual(sums(folded), (done.stats["records"]["foldedPackets"],
                                            done.stats["records"]["foldedOctets"]))
            for record in folded:
                self.assertNotIn("sourceTransportPort", record)
                self.assertEqual(record["destinationIPv4Address"], "198.51.100.0")
                self.assertEqual(record["destinationIPv4PrefixLength"], 24)
                self.assertEqual(record["flowEndReason"], 5)
            long = [record for record in records if record["sourceIPv4Address"].startswith("192.0.2.")
                    and record.get("sourceTransportPort") == 5000]
            self.assertEqual(sum(record["packetDeltaCount"] for record in long), 40000 // EACH)
            self.assertEqual(len({record["sourceIPv4Address"] for record in long}), LONG)

    def test_text(self):
        """JSON, CSV and the table say what is folded; without --fold nothing is."""
        path = self.file("flood.pcap", flood(2000))
        run = ["-r", path, "--max-flows", "100", "--fold"]
        done = self.meter(*run, "evicted", "-o", "json")
        self.assertEqual(sums(done.records)[0], 2000)
        self.assertTrue(any(record.get("deltaFlowCount", 0) > 1 for record in done.records))
        done = self.meter(*run, "evicted", "-o", "csv")
        rows = list(csv.DictReader(done.stdout.splitlines()))
        folded = [row for row in rows if row["deltaFlowCount"]]
        self.assertEqual(sum(int(row["packetDeltaCount"]) for row in rows), 2000)
        self.assertTrue(folded)
        self.assertEqual({row["sourceTransportPort"] for row in folded}, {""})
        self.assertEqual({row["destinationIPv4PrefixLength"] for row in folded}, {"24"})
        for wide in ([], ["--wide"]):
            done = self.run_plain("meter", *run, "evicted", "-o", "table", *wide)
            line = next(line for line in done.stdout.splitlines() if " flows" in line)
            self.assertIn("198.51.100.0/24", line)
            self.assertIn("of them folded", done.stderr)
        done = self.meter(*run, "off", "-o", "json")
        self.assertEqual(done.stats["records"]["folded"], 0)
        self.assertEqual(done.stats["records"]["emitted"], len(done.records))
        self.assertFalse(any("deltaFlowCount" in record for record in done.records))
        # a file that was written tells the same
        self.meter(*run, "evicted", "-w", self.directory / "out")
        done = self.run_plain("show", self.directory / "out")
        self.assertTrue(any("0.0.0.0/0" in line or ".0/24" in line for line in done.stdout.splitlines()))
        done = self.run_plain("show", self.directory / "out", "-o", "csv")
        rows = [row for row in csv.DictReader(done.stdout.splitlines()) if row["deltaFlowCount"]]
        self.assertEqual(sum(int(row["deltaFlowCount"]) for row in rows),
                         sum(int(row["deltaFlowCount"]) for row in folded))
        self.assertEqual({row["destinationIPv4PrefixLength"] for row in rows}, {"24"})

    def test_questions(self):
        """Networks of folded records are no hosts in questions, and stay networks in files of groups."""
        out, groups = self.directory / "out", self.directory / "groups"
        self.meter("-r", self.file("flood.pcap", flood(2000)), "-w", f"{out},small=2")
        answer = self.show(out, "--by", "dst", "--sum", "flows")
        networks = [group for group in answer if "destinationIPv4Prefix" in group]
        self.assertEqual([group["destinationIPv4Prefix"] for group in networks], ["198.51.100.0/24"])
        self.assertEqual(self.show(out, "--where", "host 198.51.100.0"), [])
        inside = self.show(out, "--where", "dst net 198.51.100.0/24 and has deltaFlowCount", "--sum", "flows")
        self.assertEqual(inside[0]["flows"], networks[0]["flows"])
        self.run_plain("show", out, "--by", "dst", "-w", groups)
        self.assertEqual(self.show(groups, "--by", "dst", "--sum", "flows"), answer)
        for keys in "dst", "pair", "dst/16":
            self.run_plain("show", out, "--by", keys, "-w", groups, "--force")
            done = self.run_plain("show", groups)
            self.assertIn("/16" if keys == "dst/16" else "198.51.100.0/24", done.stdout)
            # the length of no network is told where there is none
            self.assertNotIn("-/", done.stdout)

    def test_small(self):
        """small= of one destination; the other one gets all. The same for any number of workers."""
        path = self.file("flood.pcap", flood(3000))
        one = None
        for workers in "1", "3":
            out, left, whole = (self.directory / name for name in ("out", "left", "whole"))
            done = self.meter("-r", path, "--workers", workers, "--force", "-w", f"{out},small=2", "-w",
                              f"{left},small=2/1k:skip", "-w", whole)
            records = self.show(out)
            self.assertEqual(sums(records), sums(self.show(whole)))
            self.assertLess(len(records), 1000)
            # questions count the flows that were folded, too
            self.assertEqual(self.show(out, "--sum", "flows"), self.show(whole, "--sum", "flows"))
            places = {place["url"].split(",")[0].split("/")[-1]: place for place in done.stats["outputs"]}
            self.assertEqual(places["out"]["folded"]["records"], 2700)
            self.assertEqual(places["whole"]["folded"]["records"], 0)
            self.assertEqual(places["left"]["skipped"]["small"], 2700)
            self.assertEqual(len(self.show(left)), LONG)
            plain = sorted(json.dumps(record) for record in records if "deltaFlowCount" not in record)
            one = one or plain
            self.assertEqual(plain, one)

    def test_wrong(self):
        done = self.run_plain("meter", "-r", "x", "--fold", "some")
        self.assertEqual(done.status, 2)
        self.assertIn("evicted", done.stderr)
        for value in "0", "x", "3/", "3:drop", "3/0", "":
            done = self.run_plain("meter", "-r", "x", "-w", f"y,small={value}")
            self.assertEqual(done.status, 2, value)
            self.assertIn("small=3/500:skip", done.stderr)


if __name__ == "__main__":
    support.main()
