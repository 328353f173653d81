#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small captures in tests/cases/captures, each of which stands for a kind of packet that is easily
counted wrong: the right answers."""

from pathlib import Path

from support import Case, main

CASES = Path(__file__).resolve().parents[1] / "cases/captures"


class Cases(Case):
    def case(self, name, *arguments):
        return self.meter("-r", CASES / name, "-o", "json", *arguments)

    def test_copies(self):
        for name, packets, copies in (
                # different packets whose first 48 bytes behind the IP header are the same
                ("dedup-vxlan-ipid0-inner-ipv6.pcap", 5, 0),
                ("dedup-icmp6-time-exceeded.pcap", 5, 0),
                # the copy has the earlier time
                ("dedup-copy-2us-earlier.pcap", 3, 3),
                # one of two copies has a tag, both are cut at 64 bytes
                ("dedup-tagged-copy-snap64.pcap", 3, 3)):
            with self.subTest(name):
                stats = self.case(name, "--dedup").stats
                self.assertEqual(stats["metered"]["packets"], packets)
                self.assertEqual(stats["ignored"]["duplicate"], copies)


if __name__ == "__main__":
    main()
