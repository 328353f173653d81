#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small captures in tests/cases/captures, each of which stands for a kind of packet that is easily
counted wrong: the right answers."""

from pathlib import Path

from support import Case, main

CASES = Path(__file__).resolve().parents[1] / "cases/captures"
PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


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

    def test_one_odd_time_does_not_end_a_file(self):
        done = self.case("pcapng-one-garbage-time.pcapng")
        self.assertEqual(done.stats["metered"]["packets"], 4)
        self.assertEqual(done.stats["sources"][0]["counters"]["oddTimes"], 1)
        self.assertIn("byte 124", done.stderr)
        self.assertEqual(done.records[0]["flowEndMilliseconds"], "2023-11-14T22:13:20.002Z")

    def test_end_of_options_with_a_length(self):
        done = self.case("opt-end-with-length.pcapng")
        self.assertEqual(done.stats["metered"]["packets"], 1)
        self.assertEqual(done.stats["sources"][0]["counters"]["oddLengths"], 1)
        self.assertIn("byte 28", done.stderr)

    def test_interfaces_of_sections_are_different_ones(self):
        for workers in "1", "2":
            done = self.case("two-sections-ifs.pcapng", "--key", "+interface", "--workers", workers)
            self.assertEqual(sorted(r["ingressInterface"] for r in done.records), [1, 2])

    def test_clock(self):
        # a flow that is silent before the end: other packets tell, and few are enough
        for name, port, arguments in (("filter-clock.pcap", None, ("-f", "udp port 53")),
                                      ("clock-gap-then-few.pcap", 1004, ())):
            with self.subTest(name):
                for record in self.case(name, *arguments).records:
                    self.assertEqual(record["flowEndReason"],
                                     4 if record["sourceTransportPort"] == port else 1)

    def test_late_packets_of_a_connection(self):
        # what the client sent was recorded after the server's RST
        records = self.case("rst-client-late.pcap", "--biflow").records
        self.assertEqual([(r["sourceIPv4Address"], r["packetDeltaCount"],
                           r["reversePacketDeltaCount"], r["flowEndReason"]) for r in records],
                         [("192.0.2.1", 3, 3, 3)])

    def test_pseudowires(self):
        # Ethernet without control word: addresses that begin as an IP header does
        done = self.case("eompls-nocw-mac46.pcap")
        self.assertEqual({record["sourceIPv4Address"] for record in done.records}, {"192.0.2.1"})
        self.assertEqual(done.stats["metered"], {"packets": 8, "octets": 4320})

    def test_jumbo_claims(self):
        # a jumbo option that claims 4 GB in a frame of 80 bytes
        metered = self.case("jumbo-claim.pcap").stats["metered"]
        self.assertEqual(metered, {"packets": 2, "octets": 66 + 58})

    def test_fragment_headers_cut_off(self):
        records = self.case("v6frag-vlan-snap64.pcap").records
        self.assertEqual({record["protocolIdentifier"] for record in records}, {17})

    def test_icmp_fragments(self):
        name = "icmp-echo-request-fragments.pcap"
        joined, = self.case(name).records
        self.assertEqual((joined["icmpTypeCodeIPv4"], joined["packetDeltaCount"]), (8 << 8, 3))
        first, later = self.case(name, "--fragments", "split").records
        self.assertEqual(first["icmpTypeCodeIPv4"], 8 << 8)
        self.assertNotIn("icmpTypeCodeIPv4", later)
        self.assertEqual((later["destinationTransportPort"], later["packetDeltaCount"]), (0, 2))
        table = self.run_plain("meter", "-r", CASES / name, "--fragments", "split").stdout
        self.assertIn("fragment", table)
        self.assertNotIn("echo reply", table)
        # a collector of ours says the same of what was written
        out = self.directory / "out"
        self.case(name, "--fragments", "split", "-w", out)
        self.assertIn("fragment", table)
        shown = self.run_plain("show", out).stdout
        self.assertNotIn("echo reply", shown)

    def test_wireless_control_frames(self):
        ignored = self.case("wlan-control.pcap").stats["ignored"]
        self.assertEqual((ignored["nonIp"], ignored["truncated"]), (4, 0))

    def test_echo_reply_first(self):
        [record] = self.case("ping-first-request-missing.pcap", "--biflow").records
        self.assertEqual(record["sourceIPv4Address"], "192.0.2.1")
        self.assertEqual((record["packetDeltaCount"], record["reversePacketDeltaCount"]), (1, 2))

    def test_files_out_of_order(self):
        # the client's packets were recorded late; one port's packets before those of the other
        for name, biflows in ("rst-client-late.pcap", 1), ("tap-blocks-reuse.pcap", 3), \
                ("tap-blocks-reuse-sorted.pcap", 3):
            for arguments in ([], ["--workers", "2"], ["--workers", "3", "--per-packet"]):
                with self.subTest(name=name, arguments=arguments):
                    done = self.case(name, "--biflow", *arguments)
                    if "--per-packet" not in arguments:
                        self.assertEqual([r["flowEndReason"] for r in done.records], [3] * biflows)
                        self.assertEqual({r["sourceIPv4Address"] for r in done.records},
                                         {"192.0.2.1"})
                    self.assertEqual("not in time order" in done.stderr, "sorted" not in name)
                    self.assertEqual(done.stats["clockSteps"], 0)

    def test_types_of_what_is_not_ip(self):
        done = self.meter("-r", PCAPS / "non-ip.pcap", PCAPS / "switch-tags.pcap", "-o", "none")
        types = done.stats["nonIpEtherTypes"]
        self.assertEqual(types[0], {"etherType": 0, "name": "LLC", "frames": 3})
        self.assertEqual(sum(t["frames"] for t in types) + done.stats["nonIpOthers"],
                         done.stats["ignored"]["nonIp"])
        text = self.run_plain("meter", "-r", PCAPS / "non-ip.pcap", "-o", "none").stderr
        self.assertRegex(text, r"\nnonIp    LLC 3, ARP 1, .*, others 3\n")


if __name__ == "__main__":
    main()
