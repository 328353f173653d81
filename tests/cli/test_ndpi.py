#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Applications by nDPI: in records, in options data of IPFIX and NetFlow v9, in questions, and the same for any
number of workers."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

from support import Case, main

CAPTURE = Path(__file__).resolve().parents[2] / "pcaps/applications.pcap"
NAMES = Counter({"TLS": 5, "DNS": 2, "HTTP": 2, "SSH": 1})
IDS = {"DNS": "160005", "HTTP": "160007", "TLS": "16005b", "SSH": "16005c"}
FIELDS = "sourceTransportPort,applicationId,applicationName,applicationDescription"


class Ndpi(Case):
    def records(self, *arguments):
        done = self.meter("-r", CAPTURE, "--applications", "ndpi", "-o", "json", *arguments)
        return done.records, done.stats["applications"]

    def check_names(self, records, names=NAMES):
        self.assertEqual(Counter(record.get("applicationName") for record in records), names)
        for record in records:
            self.assertEqual(record["applicationId"], IDS[record["applicationName"]])

    def test_records(self):
        records, stats = self.records("--biflow", "--fields", FIELDS)
        self.check_names(records)
        self.assertEqual({record["applicationDescription"] for record in records},
                         {"Web, Safe", "Web, Acceptable", "Network, Acceptable", "RemoteAccess, Acceptable"})
        # nDPI itself knew all but one, whose hello comes in pieces that are turned round
        self.assertEqual((stats["flows"], stats["crowded"]), (9, 0))
        self.assertGreaterEqual(stats["named"], 8)
        # both directions of a conversation have the same one
        one_way, _ = self.records("--fields", FIELDS)
        self.assertLessEqual({record["applicationName"] for record in one_way}, set(NAMES))
        self.assertGreater(len(one_way), len(records))

    def test_workers(self):
        seen = {workers: sorted(map(json.dumps, self.records("--workers", str(workers), "--fields",
                                                             "+applications")[0])) for workers in (1, 2, 3)}
        self.assertEqual(seen[1], seen[2])
        self.assertEqual(seen[1], seen[3])

    def test_readers_are_the_default(self):
        done = self.meter("-r", CAPTURE, "-o", "json", "--biflow", "--fields", FIELDS)
        self.assertEqual(Counter(record["applicationName"] for record in done.records),
                         Counter({name.lower(): count for name, count in NAMES.items()}))
        self.assertEqual(done.stats["applications"], {"flows": 0, "named": 0, "unknown": 0, "crowded": 0})

    def test_questions(self):
        done = self.run_plain("show", CAPTURE, "--applications", "ndpi", "--by", "app", "-o", "json")
        self.assertEqual({row["applicationName"]: row["flows"] for row in map(json.loads, done.stdout.splitlines())}.keys(),
                         NAMES.keys())
        done = self.run_plain("show", CAPTURE, "--applications", "ndpi", "--where", "app = SSH", "-o", "json",
                              "--fields", "+applicationId")
        records = list(map(json.loads, done.stdout.splitlines()))
        self.assertEqual({record["applicationId"] for record in records}, {IDS["SSH"]}, done.stderr)

    def test_conditions_of_a_meter(self):
        """Names that only nDPI has, which the condition looks up in the meter's own records."""
        for where in ("app = SSH", "applicationId = 16005c", "applicationDescription ~ Remote"):
            records, _ = self.records("--biflow", "--fields", FIELDS, "--where", where)
            self.check_names(records, Counter({"SSH": 1}))

    def check_options(self, options):
        """The names of all applications, each once."""
        names = {row["applicationId"]: row["applicationName"] for row in options if "applicationId" in row}
        self.assertGreater(len(names), 250)
        for name, number in IDS.items():
            self.assertEqual(names[number], name)

    def test_ipfix_file(self):
        out = self.directory / "flows.ipfix"
        self.meter("-r", CAPTURE, "--applications", "ndpi", "-w", f"{out},biflow=yes", "--fields",
                   "+applicationId+applicationName")
        done = self.run_plain("show", out, "-o", "json", "--options")
        rows = list(map(json.loads, done.stdout.splitlines()))
        self.check_options(rows)
        self.check_names([row for row in rows if "packetDeltaCount" in row])
        # without them, and for records that have no such field
        for options in ("options=no", "options=sampling", "fields=default"):
            self.meter("-r", CAPTURE, "--applications", "ndpi", "-w", f"{out},{options}", "--force", "-o", "json",
                       "--fields", "+applicationId")
            done = self.run_plain("show", out, "-o", "json", "--options")
            self.assertNotIn("Network, Acceptable", done.stdout)

    def test_collectors(self):
        for scheme in ("ipfix", "netflow9"):
            with self.subTest(scheme):
                process = self.start("collect", "-l", "udp://127.0.0.1:0", "-o", "json", "--options", "--stats",
                                     "json")
                port = self.said(r"listening on udp://127\.0\.0\.1:(\d+)").group(1)
                meter = self.start("meter", "-r", CAPTURE, "-q", "--applications", "ndpi", "-o", "none", "-e",
                                   f"{scheme}://127.0.0.1:{port}", "--fields", "+applications",
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.assertEqual(meter.wait(20), 0)
                process.send_signal(signal.SIGTERM)
                done = self.end(process)
                rows = done.records
                self.check_options(rows)
                flows = [row for row in rows if "sourceTransportPort" in row]
                self.assertEqual({row["applicationName"] for row in flows}, NAMES.keys())

    def test_messages(self):
        done = self.run_plain("meter", "-r", CAPTURE, "--applications", "ndpi")
        self.assertEqual(done.status, 2)
        self.assertIn("no output has a field that nDPI fills: add --fields +applicationName", done.stderr)
        done = self.run_plain("show", CAPTURE, "--applications", "ndpi")
        self.assertEqual(done.status, 1)
        self.assertIn("nothing asks for what nDPI tells", done.stderr)
        done = self.run_plain("meter", "-r", CAPTURE, "--applications", "dpi")
        self.assertEqual(done.status, 2)
        self.assertIn("readers", done.stderr)


if __name__ == "__main__":
    main()
