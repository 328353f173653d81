#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What questions are asked of: files, directories, captures, a meter's flows, by several workers; and figures that
rwfilter, rwuniq, rwstats and nfdump gave."""

import bz2
import gzip
import lzma
import os
import signal
import struct
import subprocess
import unittest
from pathlib import Path

import support
from asking import CAPTURES, Asked, frame, port, tcp, udp_to
from support import Case


FOLDER = Path(os.environ.get("SPANFLOW_PCAPS",
                             Path(__file__).resolve().parents[2] / "../shared/pcaps"))
MIX = FOLDER / "traffic/composite--shared-mix.pcap"


class Files(Asked):
    """Captures, directories and standard input say the same as the file of their flows."""

    ALL = ["--by", "src,dst,sport,dport,proto", "--sum", "flows,packets,bytes,first,last", "-o",
           "csv", "--sort", "src,dst,sport,dport,proto,first"]

    def rows(self, *files, **kwargs):
        done = self.run_plain("show", *files, *self.ALL, **kwargs)
        self.assertEqual((done.status, done.stderr), (0, ""))
        return done.stdout

    def test_captures(self):
        expected = self.rows(self.flows)
        self.assertGreater(len(expected.splitlines()), 300)
        self.assertEqual(self.rows(*self.captures), expected)

    def test_captures_are_metered_as_asked(self):
        """Options of metering and enrichment: what meter writes with them, asked again."""
        routes = self.file("routes.txt", b"10.0.0.0/8 65001 - - DE\n0.0.0.0/0 65002 - - US\n")
        rules = self.file("map.txt", b"ingress 11 vlan=0\n")
        metered = self.directory / "metered.ipfix"
        keys = ["--by", "src,dst,proto,src as,country,in if,flowDirection", "-o", "csv", "-q"]
        for options in (["--enrich", routes], ["--interface-map", rules, "--egress", "0"],
                        ["--local-net", "10.0.0.0/16"], ["--idle-timeout", "100ms"],
                        ["--active-timeout", "100ms", "--idle-timeout", "0"]):
            with self.subTest(options[0]):
                self.meter("-r", *self.captures, "-w", metered, "--force", *options)
                expected = self.run_plain("show", metered, *keys).stdout
                done = self.run_plain("show", *self.captures, *keys, *options)
                self.assertEqual((done.status, done.stderr), (0, ""))
                self.assertEqual(done.stdout, expected)
                done = self.run_plain("ask", "talkers", metered, *options, "-o", "none")
                self.assertIn("change nothing: they are for capture files", done.stderr)
        done = self.run_plain("show", *self.captures, *keys, "--enrich", self.directory / "none")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("--enrich: ", done.stderr)

    def test_names_in_captures(self):
        """A question about names has them read from the packets of captures."""
        def query(name):
            labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
            dns = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
            return struct.pack("!HHHH", 4000 + len(name), 53, 8 + len(dns), 0) + dns
        names = [b"www.example.org", b"a.tunnel.example.net", b"example.com"]
        capture = self.file("dns.pcap", support.pcap(
            [(i, frame(1, 2, 17, query(name))) for i, name in enumerate(names)]))
        for question, count in (("dns contains example", 3), ("dns ~ 'example\\.(net|com)$'", 2),
                                ("dns www.example.org", 1), ("not dns contains tunnel", 2)):
            done = self.run_plain("show", capture, "--where", question, "--sum", "flows", "-o", "csv")
            self.assertEqual(done.stdout.split()[1:], [str(count)], question)
        done = self.run_plain("show", capture, "--by", "dns", "--sum", "flows", "-o", "csv", "--sort",
                              "dns")
        self.assertEqual(done.stdout.split()[1:], sorted(name.decode() + ",1" for name in names))

    def test_tunnels_that_are_not_opened(self):
        """A question about the tunnel around packets says that it needs --tunnel."""
        capture = CAPTURES / "tunnel-vxlan.pcap"
        for question in (["--where", "tunnelKind = 4"], ["--by", "tunnelId"], ["--by", "greKey"]):
            done = self.run_plain("show", capture, *question)
            self.assertIn("with --tunnel inner or both", done.stderr)
            done = self.run_plain("show", capture, *question, "--tunnel", "inner", "-o", "csv")
            self.assertNotIn("--tunnel", done.stderr)
            self.assertGreater(len(done.stdout.splitlines()), 1)

    def test_what_no_record_has(self):
        """Conditions and keys that no record has are named once, with what captures need for them."""
        capture = CAPTURES / "demo.pcap"
        for source in capture, self.flows:
            for question in ["--where", "country zz"], ["--by", "country"]:
                done = self.run_plain("show", source, *question)
                self.assertEqual(done.stderr.count("sourceCountry, destinationCountry: no record has them; flows of "
                                                   "captures have that with a source of --enrich"), 1, question)
                self.assertNotIn("no record", self.run_plain("show", "-q", source, *question).stderr)
            done = self.run_plain("show", source, "--where", "sourceIPv4PrefixLength > 8 or as 7")
            self.assertIn("has AS numbers", done.stderr)
            self.assertIn("sourceIPv4PrefixLength: no record has it", done.stderr)
            # whether there is such a thing is the question
            done = self.run_plain("show", source, "--where", "not has deltaFlowCount")
            self.assertNotIn("no record", done.stderr)
            self.assertGreater(len(done.stdout.splitlines()), 30)
        done = self.run_plain("show", capture, "--where", "app = htpp")
        self.assertIn("did you mean 'http'", done.stderr)
        done = self.run_plain("show", capture, "--where", "app = htpp or udp")
        self.assertNotIn("did you mean", done.stderr)
        done = self.run_plain("meter", "-r", capture, "-o", "none", "--where", "app = htpp")
        self.assertIn("no application is called 'htpp'; did you mean 'http'", done.stderr)

    def test_fields_in_captures(self):
        """--fields has the facts gathered from the packets; all fields together, each in one column."""
        capture = CAPTURES / "applications.pcap"
        for names in ("+tls", "+applications", "sourceIPv4Address,tlsServerName"):
            rows = self.run_plain("show", "-q", capture, "-o", "json", "--fields", names).records
            self.assertIn("www.example.com", {row.get("tlsServerName") for row in rows}, names)
        everything = "default,plain,extended,applications,quality,headers,shape"
        for command in (["show", capture], ["meter", "-r", capture]):
            done = self.run_plain(*command, "-q", "--biflow", "-o", "csv", "--fields", everything)
            self.assertEqual(done.status, 0, done.stderr)
            columns = done.stdout.split("\n", 1)[0].split(",")
            self.assertEqual(len(columns), len(set(columns)))
            self.assertIn("tlsServerName", columns)

    def test_nothing_to_read_is_no_answer(self):
        """Directories without flows and captures, and files that are not there: a reason, and no table."""
        empty = self.directory / "empty"
        empty.mkdir()
        (empty / "notes.txt").write_text("neither")
        for names, reason in (([empty], "no file of flows and no capture in this directory"),
                              ([empty, "none"], "none of the 2 files can be read"),
                              (["none"], "No such file")):
            for command in (["show"], ["ask", "talkers"], ["show", "--by", "src", "-o", "json"]):
                done = self.run_plain(*command, *names)
                self.assertEqual((done.status, done.stdout), (1, ""))
                self.assertIn(reason, done.stderr)
        done = self.run_plain("show", empty, self.flows, "--sum", "flows", "-o", "csv")
        self.assertEqual(done.status, 0, done.stderr)

    def test_directories(self):
        place = self.directory / "place"
        (place / "below").mkdir(parents=True)
        for capture in self.captures:
            os.link(capture, place / "below" / Path(capture).name) if capture.startswith(
                str(self.directory)) else (place / Path(capture).name).write_bytes(
                    Path(capture).read_bytes())
        self.assertEqual(self.rows(place), self.rows(self.flows))
        (place / "notes.txt").write_text("no flows")
        (place / "flows.ipfix").write_bytes(Path(self.flows).read_bytes())
        done = self.run_plain("show", place, "--sum", "flows", "-o", "csv")
        self.assertEqual(done.status, 0)
        self.assertIn("left out: 1 file that has neither flows nor packets", done.stderr)
        count = int(self.run_plain("show", self.flows, "--sum", "flows", "-o", "csv")
                    .stdout.split()[1])
        self.assertEqual(done.stdout.split()[1], str(2 * count))

    def test_standard_input(self):
        talk = self.captures[-1]
        expected = self.rows(talk)
        for content in (talk, self.flows):
            expected = self.rows(content)
            with open(content, "rb") as stdin:
                self.assertEqual(self.rows("-", stdin=stdin), expected)
            with subprocess.Popen(["cat", content], stdout=subprocess.PIPE) as cat:
                self.assertEqual(self.rows("-", stdin=cat.stdout), expected)

    def test_a_signal_while_standard_input_is_waited_for(self):
        process = self.start("show", "-", "--sum", "flows", stdin=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        support.settle(process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.end(process).status, 0)

    def test_both_directions_of_captures(self):
        done = self.run_plain("show", CAPTURES / "tcp-session.pcap", "--biflow", "-o", "csv")
        self.assertIn("reverseOctetDeltaCount", done.stdout)
        done = self.run_plain("show", CAPTURES / "tcp-session.pcap", "-o", "json", "-q")
        self.assertGreater(len(done.records), 1)
        self.assertNotIn("reverseOctetDeltaCount", done.records[0])

    def test_damage_is_told(self):
        done = self.run_plain("show", CAPTURES / "cut-off.pcap", self.flows, "--sum", "flows")
        self.assertEqual(done.status, 1)
        self.assertIn("cut-off.pcap: byte ", done.stderr)
        self.assertIn(" flows, ", done.stdout)
        done = self.run_plain("show", self.directory / "missing", self.flows, "--sum", "flows")
        self.assertEqual(done.status, 1)
        self.assertIn("missing: No such file or directory", done.stderr)
        self.assertIn(" flows, ", done.stdout)

    def test_limit_ends_the_metering(self):
        done = self.run_plain("show", self.captures[-1], "--limit", "2", "-o", "json", "-q")
        self.assertEqual((done.status, len(done.records)), (0, 2))


class Workers(Case):
    """Several threads give the same answers and the same statistics as one."""

    def setUp(self):
        super().setUp()
        capture = self.file("talk.pcap", support.pcap(support.conversations(20000, packets=1)))
        self.flows = self.directory / "flows.ipfix"
        self.meter("-r", capture, "-w", self.flows, "--idle-timeout", "1m")

    def ask(self, *arguments, status=0):
        done = self.run_plain("show", "-o", "csv", "--stats", "json", *arguments)
        self.assertEqual(done.status, status, done.stderr)
        return done

    def test_answers(self):
        for question in (["--by", "src,sport"], ["--by", "src", "--sum", "flows,first,last,"
                                                 "distinct(sport),max(bytes),bps,interval"],
                         ["--every", "1s", "--where", "src port > 1050"],
                         ["--by", "exporter,src", "--top", "5:flows"],
                         ["--by", "src", "--sum", "jitter,flows"], ["--by", "host", "--share"]):
            with self.subTest(question):
                one = self.ask(self.flows, *question)
                self.assertIs(one.stats["balanced"], True)
                for workers in ("2", "5"):
                    more = self.ask(self.flows, *question, "--workers", workers)
                    self.assertEqual(more.stdout, one.stdout)
                    self.assertEqual(more.stats, one.stats)

    def test_several_files_and_captures(self):
        capture = str(self.directory / "talk.pcap")
        one = self.ask(self.flows, capture, "--by", "src")
        more = self.ask(self.flows, capture, "--by", "src", "--workers", "3")
        self.assertEqual((more.stdout, more.stats), (one.stdout, one.stats))

    def test_damage_is_told_whoever_reads_it(self):
        content = self.flows.read_bytes()
        lengths, at = [], 0
        while at < len(content):
            lengths.append(at)
            at += int.from_bytes(content[at + 2:at + 4], "big")
        self.assertGreater(len(lengths), 12)
        several = bytearray(content)
        for message in range(11, 2, -1):
            several[lengths[message] + 18:lengths[message] + 20] = b"\xff\xff"
        self.same(self.file("several.ipfix", bytes(several)), self.directory / "none", status=1)
        for message in (2, 5, 9, len(lengths) - 1):
            damaged = bytearray(content)
            # a set that is longer than its message
            damaged[lengths[message] + 18:lengths[message] + 20] = b"\xff\xff"
            path = self.file("damaged.ipfix", bytes(damaged))
            one = self.ask(path, "--by", "src", status=1)
            more = self.ask(path, "--by", "src", "--workers", "3", status=1)
            self.assertEqual((more.stdout, more.stderr), (one.stdout, one.stderr))

    def same(self, *files, status=0):
        """Answers, statistics and messages are those of one worker."""
        one = self.ask(*files, "--by", "src", status=status)
        for workers in ("2", "3"):
            with self.subTest(files, workers=workers):
                more = self.ask(*files, "--by", "src", "--workers", workers, status=status)
                self.assertEqual((more.stdout, more.stderr), (one.stdout, one.stderr))
        return one

    def test_compressed_damaged_and_missing(self):
        content = self.flows.read_bytes()
        self.assertGreater(len(content), 1 << 20)
        for name, pack in ("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress):
            packed = pack(content)
            self.same(self.file(f"packed.ipfix.{name}", packed))
            cut = self.file(f"cut.{name}", packed[:len(packed) * 9 // 10])
            done = self.same(cut, status=1)
            self.assertEqual(done.stderr.count("the compressed data are cut off"), 1)
        hole = self.file("hole", content[:99999] + bytes(300000) + content[400000:])
        done = self.same(hole, status=1)
        self.assertEqual(done.stderr.count("passed over"), 1)
        done = self.same(self.flows, self.directory / "none", self.directory / "neither", status=1)
        self.assertEqual(done.stderr.count("No such file"), 2)

    def test_directories(self):
        """A file is read once, however it is named."""
        folder = self.directory / "folder"
        folder.mkdir()
        for name in "a", "b", "c":
            (folder / name).write_bytes(self.flows.read_bytes())
        (folder / "notes").write_text("neither flows nor packets")
        one = self.same(folder / "b", folder, folder / "b")
        self.assertEqual(one.stderr.count("left out: 1 file"), 1)
        alone = self.ask(self.flows, "--by", "src")
        self.assertEqual(one.stats["records"], 3 * alone.stats["records"])

    def test_memory_is_bounded(self):
        done = self.run_plain("show", self.flows, "--by", "src,sport", "--memory", "1MiB",
                              "--workers", "3")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("--memory", done.stderr)


class Meter(Asked):
    """Which flows leave a meter: the same as show takes of all of them; the rest is counted."""

    def test_conditions(self):
        everything = self.meter("-r", *self.captures, "-o", "none").stats["records"]
        for question in ("not (tcp or udp or icmp)", "dst port 53", "src host 192.0.2.7 or vlan",
                         "smac 02:00:00:00:00:01", "packets > 1 and bytes < 300", "flowId != 0"):
            for biflow in ([], ["--biflow"]):
                with self.subTest(question, biflow=biflow):
                    written = self.directory / "written.ipfix"
                    done = self.meter("-r", *self.captures, "--where", question, "-o", "json",
                                      "-w", written, "--force", *biflow)
                    self.assertEqual(done.stats["records"]["packets"], everything["packets"])
                    skipped = done.stats["outputs"][0]["skipped"]["where"]
                    self.assertGreater(skipped, 0 if "flowId" not in question else -1)
                    if not biflow:
                        shown = self.run_plain("show", "-q", self.flows, "--where", question, "-o",
                                               "csv", "--sum", "flows,packets,bytes")
                        place = done.stats["outputs"][0]
                        self.assertEqual(shown.stdout.split()[1],
                                         f"{place['records']},{place['packets']},{place['octets']}")
                    back = self.run_plain("show", "-q", written, "-o", "json").records
                    self.assertEqual(len(back), len(done.records))

    def test_facts_are_gathered_for_conditions(self):
        """Payload, quality and shape, for all destinations and for one: as show finds them in records with all fields."""
        captures = [CAPTURES / f"{name}.pcap" for name in ("applications", "tcp-session", "udp-dns", "vlan")]
        everything = self.directory / "everything.ipfix"
        self.meter("-r", *captures, "-w",
                   f"{everything},biflow=yes,fields=extended+applications+quality+headers+shape")
        for question in ("dns contains example", "sni ~ '^www\\.'", "has http-host", "app ssh",
                         "applicationId = 030035", "httpStatusCode = 200", "ipTTL < 65",
                         "tcpRoundTripMaximumMicroseconds > 0", "reverseSshBanner contains SSH",
                         "not has sni and transportOctetDeltaCount > 10", "tlsJa4 contains t13"):
            with self.subTest(question):
                shown = self.run_plain("show", "-q", everything, "--where", question, "-o", "csv",
                                       "--fields", "flowId,sourceTransportPort,octetDeltaCount")
                self.assertEqual(shown.status, 0, shown.stderr)
                plain = ["--fields", "flowId,sourceTransportPort,octetDeltaCount", "-o", "csv"]
                done = self.meter("-r", *captures, "--where", question, *plain)
                self.assertEqual(sorted(done.stdout.split()), sorted(shown.stdout.split()))
                one = self.directory / "one.ipfix"
                self.meter("-r", *captures, "-w", f"{one},where={question}", "--force")
                back = self.run_plain("show", "-q", one, "-o", "csv", *plain[:2])
                self.assertEqual(len(back.stdout.split()), len(done.stdout.split()))

    def test_both_directions_are_chosen_together(self):
        capture = self.file("dns.pcap", support.pcap([
            (0, udp_to(1, 2, 4000, 53)), (0.1, udp_to(2, 1, 53, 4000)), (1, udp_to(3, 4, 5, 6))]))
        for options, count in (([], 1), (["--biflow"], 1)):
            done = self.meter("-r", capture, "--where", "dst port 53", "-o", "json", *options)
            self.assertEqual(len(done.records), count)
            self.assertEqual(done.records[0].get("reversePacketDeltaCount"),
                             1 if options else None)

    def test_mistakes(self):
        for question, reason in (("exporter 192.0.2.1", "only records that were collected have it"),
                                 ("postOctetDeltaCount > 1", "flows of a meter do not have it"),
                                 ("bgpNextHopIPv4Address 10.0.0.1", "AS numbers, countries and interface"),
                                 ("flowStartSysUpTime > 1", "use flowStartMilliseconds"),
                                 ("reverseFlowEndSysUpTime > 1", "use flowStartMilliseconds"),
                                 ("reverseDnsQueryName x", "both directions have the same"),
                                 ("as 1", "needs a source of --enrich that has AS numbers"),
                                 ("src country de", "of --enrich that has countries"),
                                 ("prto udp", "did you mean 'proto'")):
            for options in (["--where", question], ["-w", f"{self.directory}/never.ipfix,where={question}"]):
                done = self.run_plain("meter", "-r", self.captures[0], *options)
                self.assertEqual(done.status, 2)
                self.assertIn(reason, done.stderr)

    def test_each_destination_has_conditions(self):
        """where= of a destination, beside --where: the same as show takes; everything adds up."""
        files = [self.directory / f"{name}.ipfix" for name in ("web", "both", "rest")]
        done = self.meter("-r", *self.captures, "-w",
                          f"{files[0]},where=tcp port in [80,443,4000-4100],options=no", "-w",
                          f"{files[1]},where=udp && dst port 53,biflow=yes", "-w", files[2], "--where",
                          "tcp or udp")
        web, both, rest = done.stats["outputs"]
        for place in (web, both, rest):
            self.assertEqual(place["offered"]["packets"], done.stats["records"]["packets"])
        self.assertGreater(web["skipped"]["where"], rest["skipped"]["where"])
        for place, question in ((web, "tcp port in [80,443,4000-4100]"), (rest, "tcp or udp")):
            shown = self.run_plain("show", "-q", self.flows, "--where", question, "-o", "csv", "--sum",
                                   "flows,packets,bytes")
            self.assertEqual(shown.stdout.split()[1],
                             f"{place['records']},{place['packets']},{place['octets']}")
        self.assertGreater(both["records"], 0)
        shown = self.run_plain("show", "-q", files[1], "--sum", "flows", "-o", "csv", "--where",
                               "src port 53 or dst port 53").stdout
        self.assertGreater(int(shown.split()[1]), both["records"])
        # the files of collected records have it too
        split = [self.directory / f"{name}.ipfix" for name in ("tcp", "other")]
        done = self.run_plain("show", self.flows, "--stats", "json", "-w", f"{split[0]},where=tcp",
                              "-w", f"{split[1]},where=not tcp")
        self.assertEqual((done.status, done.stats["balanced"]), (0, True), done.stderr)
        self.assertEqual(sum(place["records"] for place in done.stats["outputs"]),
                         done.stats["records"] - done.stats["optionsRecords"])

    def test_what_is_enriched(self):
        """as, country and interfaces are those that the records have when they leave."""
        routes = self.file("routes.txt", b"192.0.2.0/24 65001 - - DE\n0.0.0.0/0 65002 - - US\n")
        rules = self.file("map.txt", b"ingress 11 vlan=0\n")
        enriched = self.directory / "enriched.ipfix"
        options = ["--enrich", routes, "--interface-map", rules]
        self.meter("-r", *self.captures, "-w", enriched, *options)
        for question in ("src as 65001", "country de and not src country US", "dst country in [us]",
                         "in if 11", "not out if 11", "flowDirection = 0"):
            with self.subTest(question):
                rows = [self.run_plain("show", "-q", path, "--by", "src,dst,proto,src as,dst country",
                                       "-o", "csv", *where).stdout
                        for path, where in ((enriched, ["--where", question]),
                                            (self.directory / "some.ipfix", []))
                        if path == enriched or self.meter(
                            "-r", *self.captures, "-w", path, "--force", "--where", question,
                            *options)]
                self.assertEqual(rows[0], rows[1])
                self.assertGreater(len(rows[0].splitlines()), 1)


@unittest.skipUnless(MIX.exists(), "no ../shared/pcaps")
class Figures(Case):
    """What SiLK and nfdump said of the same records."""

    def setUp(self):
        super().setUp()
        self.flows = str(self.directory / "mix.ipfix")
        self.meter("-r", MIX, "-w", self.flows)

    def count(self, question):
        done = self.run_plain("show", self.flows, "-o", "none", "--stats", "json", "--where",
                              question)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return done.stats["records"] - done.stats["optionsRecords"] - done.stats["unmatched"]

    def test_counts(self):
        self.assertEqual(self.count("not proto tcp and not proto udp and not proto icmp"), 708)
        self.assertEqual(self.count("not tos 0"), 190)
        # flowdumper reads NetFlow v5: IPv4 only
        self.assertEqual(self.count("ipv4 and not tos 0"), 176)
        self.assertEqual(self.count("ipv4 and not (tcp or udp or icmp)"), 645)
        self.assertEqual(self.count("any"), 16473)

    def ask(self, *arguments):
        return self.run_plain("show", self.flows, "-o", "csv", *arguments).stdout.split()[1:]

    def test_rwuniq(self):
        """rwuniq --fields=proto --values=records,bytes,packets"""
        rows = self.ask("--by", "proto", "--sum", "flows,bytes,packets", "--sort", "proto")
        self.assertEqual(rows, ["1,25,9758,62", "2,634,18944,656", "6,14124,10876487,45874",
                                "17,1616,5842037,14789", "47,1,650,10", "50,2,3008,16",
                                "58,63,23170,136", "89,4,4120,54", "103,4,10962,203"])

    def test_rwstats(self):
        """rwstats --fields=sip --values=bytes,packets,records --count=10"""
        rows = self.ask("--by", "src", "--sum", "bytes,packets,flows", "--top", "10")
        self.assertEqual(len(rows), 10)
        self.assertEqual(rows[0], "164.107.123.6,711801,513,5")

    def test_from_the_capture(self):
        """The same from the capture itself, also through a pipe."""
        arguments = ["--by", "src", "--sum", "bytes,packets,flows", "--top", "10", "-o", "csv"]
        expected = self.run_plain("show", self.flows, *arguments).stdout
        self.assertEqual(self.run_plain("show", MIX, *arguments).stdout, expected)
        with subprocess.Popen(["cat", MIX], stdout=subprocess.PIPE) as cat:
            done = self.run_plain("show", "-", *arguments, stdin=cat.stdout)
        self.assertEqual((done.status, done.stdout), (0, expected))

    def test_line_chart_and_link_chart(self):
        """FlowPlotter: linechart 3600 Bytes; forceopacity sip dip distinct:dport"""
        self.assertEqual(self.ask("--every", "1h", "--sum", "bytes"),
                         ["2023-11-14T22:00:00.000Z,16789136"])
        self.assertEqual(self.ask("--by", "src,dst", "--sum", "distinct(dport)", "--top", "1"),
                         ["192.168.1.10,192.168.1.25,1000"])


if __name__ == "__main__":
    support.main()
