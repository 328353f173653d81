#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole program over the real captures of ../shared/pcaps, against what tshark counts in them
(REFERENCE.tsv): frames, IP packets, IP octets. And a mixture of real traffic, with captures fresh
from the generators, through every output. Skipped where the folder is not."""

import collections
import csv
import io
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import support
from support import Case, generated, json

FOLDER = Path(os.environ.get("SPANFLOW_PCAPS",
                             Path(__file__).resolve().parents[2] / "../shared/pcaps"))
TABLE = FOLDER / "REFERENCE.tsv"

# The reference counts the outermost packet, also of remote mirrors.
OUTERMOST = "erspan=outer,tzsp=outer,hpe-erm=outer,aruba-erm=outer"

# Captures that the reference marks as doubtful and that are counted otherwise here: frames,
# packets, octets, and why.
OTHERWISE = {
    "malformed/suricata-verify--bug-6875-01-fuzz.pcap":
        ((1, 1, 174), "a record claims 1.4 GB: the file ends there, tshark guesses on"),
    "malformed/tcpdump--ipv6_missing_jumbo_payload_option.pcap":
        ((1, 1, 262130), "payload length 0 in a cut frame: the length on the wire counts"),
    "linktypes/tcpdump--bgp-aigp.pcap": ((1, 0, 0), "link type of Juniper"),
    "linktypes/tcpdump--e1000g.pcap": ((20, 0, 0), "link type of Solaris"),
    "malformed/tcpdump--juniper_monitor_invalid_cookie_length.pcap":
        ((1, 0, 0), "link type of Juniper"),
    "vlan-mpls/libpcap--dsa.pcap": ((8, 6, 504), "link type of switches, which tshark refuses"),
    "vlan-mpls/tcpdump--brcm-tag-prepend.pcap":
        ((15, 11, 924), "link type of Broadcom switches, which tshark refuses"),
    "vlan-mpls/tcpdump--arista_ether.pcap":
        ((16, 16, 1248), "tshark does not know the version of four of Arista's time stamps"),
}


def rows():
    with open(TABLE, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@unittest.skipUnless(TABLE.exists(), "no ../shared/pcaps")
class Reference(Case):
    def counts(self, path, *arguments):
        """Frames, packets and octets that the program meters; its counters must balance. A file that
        is cut off or damaged gives status 1 and the byte where it is."""
        done = self.run_plain("meter", "-r", path, "-o", "none", "--stats", "json", "--tunnel", OUTERMOST,
                              *arguments)
        if done.status:
            self.assertEqual(done.status, 1)
            self.assertRegex(done.stderr, re.escape(f"{path}: byte ") + r"\d+: ")
        if done.status and not done.stats:  # nothing of it can be read
            return (0, 0, 0), done.status
        self.check_counters(done.stats, f"{path}: {done.stderr}")
        metered = done.stats["metered"]
        return (done.stats["frames"], metered["packets"], metered["octets"]), done.status

    def test_counts(self):
        compared = collections.Counter()
        for row in rows():
            with self.subTest(row["file"]):
                found, status = self.counts(FOLDER / row["file"])
                want = (int(row["frames"]), int(row["ipv4"]) + int(row["ipv6"]),
                        int(row["ip_bytes"]))
                if row["trust"] == "ok":
                    self.assertNotIn(row["file"], OTHERWISE)
                    if "cut-short" not in row["flags"]:
                        self.assertEqual(status, 0)
                elif row["file"] in OTHERWISE:
                    self.assertNotEqual(found, want, "no longer different")
                    want = OTHERWISE[row["file"]][0]
                self.assertEqual(found, want, row["flags"])
                compared[row["trust"]] += 1
        self.assertGreater(compared["ok"], 100)

    def test_any_number_of_workers(self):
        for row in rows()[::7]:
            with self.subTest(row["file"]):
                path = FOLDER / row["file"]
                self.assertEqual(self.counts(path, "--workers", "3"), self.counts(path))


class EveryOutput(Case):
    """One capture through every output; each must show all packets and octets of it."""

    def test_real_traffic(self):
        if not TABLE.exists():
            self.skipTest("no ../shared/pcaps")
        name = "traffic/composite--shared-mix.pcap"
        row = next(r for r in rows() if r["file"] == name)
        self.check_outputs(str(FOLDER / name), int(row["frames"]),
                           int(row["ipv4"]) + int(row["ipv6"]), int(row["ip_bytes"]))

    def test_fresh_traffic(self):
        with tempfile.TemporaryDirectory() as directory:
            seed = f"seed={os.getpid()}"
            path, truth = generated(directory, "MAKE_MIXED", "mixed.pcap", "sessions=3000", seed)
            self.check_outputs(path, truth["packets"], truth["packets"], truth["octets"], seed)
            for kind in (["family=4", "tags=0"], ["family=6", "tags=1"], ["family=4", "tags=2"]):
                path, truth = generated(directory, "GENERATE", "a.pcap", "flows=2000",
                                        "packets=10000", "size=90-1500", "protocol=mixed",
                                        "order=zipf", seed, *kind)
                self.check_outputs(path, truth["packets"], truth["packets"], truth["octets"],
                                   (seed, kind))

    def collector(self):
        with open(self.directory / "collected", "wb") as stdout:
            process = subprocess.Popen(
                [support.SPANFLOW, "collect", "-l", "udp://127.0.0.1:0", "-o", "json", "--stats",
                 "json"], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                text=True)
        for clean in (process.stderr.close, process.wait, process.kill):
            self.addCleanup(clean)
        return process, int(re.search(r":(\d+)$", process.stderr.readline()).group(1))

    def check_outputs(self, path, frames, packets, octets, why=""):
        def sums(records):
            return tuple(sum(int(r.get(name, 0) or 0) + int(r.get(reverse, 0) or 0)
                             for r in records)
                         for name, reverse in (("packetDeltaCount", "reversePacketDeltaCount"),
                                               ("octetDeltaCount", "reverseOctetDeltaCount")))

        def meter(*arguments):
            done = self.meter("-r", path, *arguments)
            self.assertEqual(done.stats["frames"], frames, why)
            self.assertEqual(done.stats["metered"], {"packets": packets, "octets": octets}, why)
            return done

        for options in ([], ["--biflow"]):
            asked = meter("-o", "json", *options).records
            self.assertEqual(sums(asked), (packets, octets), (why, options))
            text = meter("-o", "csv", *options).stdout
            self.assertEqual(sums(list(csv.DictReader(io.StringIO(text)))), (packets, octets), why)
            table = meter("-o", "table", "--wide", *options).stdout.splitlines()
            self.assertEqual(len(table) - 1, len(asked))
            file = str(self.directory / "a.ipfix")
            meter("-w", file, "--force", *options)
            shown = self.run_plain("show", "-o", "json", file)
            self.assertEqual(shown.status, 0, shown.stderr)
            # the file says besides which message each record was in
            read = [{key: value for key, value in record.items()
                     if key not in ("observationDomainId", "exportTime")}
                    for record in shown.records]
            # no diff of thousands of records, which takes minutes
            self.assertTrue(sorted(map(str, map(sorted, (r.items() for r in read)))) ==
                            sorted(map(str, map(sorted, (r.items() for r in asked)))), why)
        v4 = sums([r for r in asked if "sourceIPv4Address" in r])
        for url in ("ipfix://127.0.0.1:{}", "ipfix://127.0.0.1:{},biflow=yes",
                    "ipfix://127.0.0.1:{},profile=extended", "netflow9://127.0.0.1:{}",
                    "netflow5://127.0.0.1:{}"):
            process, port = self.collector()
            sent = meter("-e", url.format(port)).stats["collectors"][0]
            self.assertEqual(sent["lostTotal"]["records"], 0)
            process.terminate()
            stats = json.loads(process.communicate(timeout=support.TIMEOUT)[1].splitlines()[-1])
            got = [json.loads(line) for line in self.printed("collected").splitlines()]
            want = v4 if url.startswith("netflow5") else (packets, octets)
            self.assertEqual(sums(got), want, (why, url))
            self.assertEqual((sent["packets"], sent["octets"]), want, (why, url))
            self.assertEqual((stats["dropped"]["kernel"], stats["sequenceLost"]), (0, 0))


if __name__ == "__main__":
    support.main()
