#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""compare.py finds no difference between a program and itself, and every kind between two that differ."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SPANFLOW = os.environ["SPANFLOW"]
TOP = Path(__file__).resolve().parents[2]
CAPTURES = [str(TOP / "pcaps" / name) for name in ("timeouts.pcap", "tcp-ends.pcap", "vlan.pcap")]


def compare(*arguments):
    run = subprocess.run([sys.executable, str(TOP / "tests/compare/compare.py"), *arguments],
                         capture_output=True, text=True, timeout=300, check=False)
    return run.returncode, run.stdout


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.other = os.path.join(self.folder.name, "other")
        Path(self.other).write_text("#!/bin/sh\nexec '%s' \"$@\" --idle-timeout 1s\n" % SPANFLOW)
        os.chmod(self.other, 0o755)

    def tearDown(self):
        self.folder.cleanup()

    def test_a_program_is_equal_to_itself(self):
        status, text = compare(SPANFLOW, SPANFLOW, *CAPTURES)
        self.assertEqual(status, 0, text)
        self.assertIn("3 captures: 0 differences unexplained", text)

    def test_another_idle_timeout_is_seen_in_every_output(self):
        status, text = compare(SPANFLOW, self.other, CAPTURES[0])
        self.assertEqual(status, 1, text)
        for output in ("table", "json", "csv", "file", "ipfix", "netflow9", "netflow5"):
            self.assertIn("timeouts.pcap: %s, 1 worker" % output, text)
        self.assertIn("json, 3 worker", text)

    def test_explained_differences_are_no_failure_and_stale_explanations_are_told(self):
        explained = os.path.join(self.folder.name, "explained")
        Path(explained).write_text("timeouts.pcap\t*\tshorter timeout\nno-such.pcap\t*\tstale\n")
        status, text = compare(SPANFLOW, self.other, CAPTURES[0], "--explained", explained)
        self.assertEqual(status, 0, text)
        self.assertIn("explains nothing: no-such.pcap", text)


if __name__ == "__main__":
    unittest.main()
