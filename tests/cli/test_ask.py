#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Questions to flow records: `show --where`, and more. Answers are compared with those that Python
computes from the same records in JSON, and with figures that rwfilter, rwuniq, rwstats and nfdump gave."""

import csv
import datetime
import io
import ipaddress
import os
import re
import shlex
import signal
import sqlite3
import struct
import subprocess
import unittest
from pathlib import Path

import support
from support import Case

FOLDER = Path(os.environ.get("SPANFLOW_PCAPS",
                             Path(__file__).resolve().parents[2] / "../shared/pcaps"))
MIX = FOLDER / "traffic/composite--shared-mix.pcap"


CAPTURES = Path(__file__).resolve().parents[2] / "pcaps"
NAMES = ("demo", "icmp", "ipv6-extensions", "protocols", "tcp-ends", "tcp-session", "timeouts",
         "udp-dns", "vlan", "vlan-stacks", "mpls", "fragments", "jumbo")


def address(record, side):
    return record.get(side + "IPv4Address") or record.get(side + "IPv6Address")


def within(record, side, network):
    net = ipaddress.ip_network(network)
    found = ipaddress.ip_address(address(record, side))
    return found.version == net.version and found in net


def port(record, side):
    has_ports = record["protocolIdentifier"] in (6, 17, 33, 132, 136)
    return record[side + "TransportPort"] if has_ports else None


def frame(source, to, protocol, segment):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, protocol, 0,
                     bytes([10, 0, 0, source]), bytes([10, 0, 0, to]))
    return bytes(6) + b"\2\0\0\0\0\1\x08\x00" + ip + segment


def tcp(source, to, sport, dport, flags):
    return frame(source, to, 6, struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 100, 0, 0))


def udp_to(source, to, sport, dport):
    return frame(source, to, 17, struct.pack("!HHHH", sport, dport, 9, 0) + b"x")


class Asked(Case):
    """Flows of several small captures, and of a few hundred conversations, in one file."""

    def setUp(self):
        super().setUp()
        talk = self.file("talk.pcap", support.pcap(support.conversations(300)))
        self.captures = [str(CAPTURES / f"{name}.pcap") for name in NAMES] + [talk]
        self.flows = str(self.directory / "flows.ipfix")
        self.meter("-r", *self.captures, "-w", self.flows)


class Samples(Asked):
    """Files whose records are a sample say so, and so do tables and statistics."""

    def test_samples_are_told(self):
        file = self.directory / "sampled.ipfix"
        whole = {"least": 1, "most": 1}
        for options, place, words, expected in (
                (["--sample", "count:10"], "", "packets are a 1 in 10 sample: ",
                 {"packets": {"least": 10, "most": 10}, "flows": whole}),
                (["--sample", "random:2/7"], "", "multiply packets and bytes by 3.5\n",
                 {"packets": {"least": 3.5, "most": 3.5}, "flows": whole}),
                (["--sample", "hash:3/8"], "", "packets are a 3 in 8 sample: ", None),
                (["--sample", "time:10ms/1s"], "", "packets are a 1 in 100 sample: ", None),
                ([], ",sample=4", "multiply flows, packets and bytes by 4\n",
                 {"packets": whole, "flows": {"least": 4, "most": 4}}),
                ([], "", None, {"packets": whole, "flows": whole})):
            with self.subTest(options + [place]):
                self.meter("-r", *self.captures, "-w", f"{file}{place}", "--force", *options)
                for question in ([], ["--by", "src", "--top", "3"]):
                    table = self.run_plain("show", "-q", file, *question).stdout
                    self.assertEqual(table.count(" sample: "), 1 if words else 0)
                    self.assertIn(words or "", table)
                done = self.run_plain("show", file, "-o", "csv", "--by", "proto")
                self.assertEqual(" sample: " in done.stderr, words is not None)
                self.assertNotIn(" sample: ", done.stdout)
                stats = self.run_plain("show", file, "-o", "none", "--stats", "json").stats
                self.assertEqual(stats["sampling"], expected or stats["sampling"])

    def test_rates_differ(self):
        files = [self.directory / name for name in ("a.ipfix", "b.ipfix")]
        for file, rate in zip(files, ("count:10", "count:100")):
            self.meter("-r", *self.captures, "-w", file, "--sample", rate)
        table = self.run_plain("show", "-q", *files).stdout
        self.assertIn("packets are a 1 in 10 to 1 in 100 sample (exporters differ): ", table)
        self.assertNotIn("multiply", table)


class Where(Asked):
    """Conditions, against Python over the records in JSON."""

    QUESTIONS = {
        "proto udp": lambda r: r["protocolIdentifier"] == 17,
        "not proto tcp and not proto udp and not icmp":
            lambda r: r["protocolIdentifier"] not in (1, 6, 17),
        "port 53 and packets < 20 and bytes > 100":
            lambda r: 53 in (port(r, "source"), port(r, "destination"))
            and r["packetDeltaCount"] < 20 and r["octetDeltaCount"] > 100,
        "flags S/SA": lambda r: r["protocolIdentifier"] == 6 and r["tcpControlBits"] & 0x12 == 2,
        "octetDeltaCount > 1k or flowEndReason = 3":
            lambda r: r["octetDeltaCount"] > 1000 or r["flowEndReason"] == 3,
        "src net 10.0.0.0/8 and not dst net 10.0.0.0/8":
            lambda r: within(r, "source", "10.0.0.0/8")
            and not within(r, "destination", "10.0.0.0/8"),
        "tos != 0": lambda r: r["ipClassOfService"] != 0,
        "vlan": lambda r: "vlanId" in r,
        "ipv6": lambda r: "sourceIPv6Address" in r,
    }

    def show(self, *arguments):
        done = self.run_plain("show", self.flows, "-o", "json", "--stats", "json", *arguments)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return done

    def test_conditions(self):
        everything = self.show().records
        self.assertGreater(len(everything), 100)
        for question, meets in self.QUESTIONS.items():
            with self.subTest(question):
                expected = [r for r in everything if meets(r)]
                done = self.show("--where", question)
                self.assertEqual(done.records, expected)
                self.assertEqual(done.stats["unmatched"], len(everything) - len(expected))

    def test_addresses_from_a_file(self):
        sender = address(self.show().records[0], "source")
        listed = self.file("list.txt", f"# a comment\n{sender}\n".encode())
        expected = [r for r in self.show().records if address(r, "source") == sender]
        self.assertEqual(self.show("--where", f"src ip in '{listed}'").records, expected)

    def test_mistakes_have_a_caret(self):
        done = self.run_plain("show", self.flows, "--where", "tcp and prt 80")
        self.assertEqual(done.status, 2)
        self.assertIn("did you mean 'port'?\n  tcp and prt 80\n          ^~~", done.stderr)


    def test_both_sets_are_written(self):
        passed, failed = self.directory / "pass.ipfix", self.directory / "fail.ipfix"
        everything = self.show().records
        done = self.run_plain("show", self.flows, "--where", "proto udp", "--pass", passed, "--fail",
                              failed, "--stats", "json")
        self.assertEqual((done.status, done.stdout), (0, ""), done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        for path, udp in ((passed, True), (failed, False)):
            self.flows = str(path)
            self.assertEqual(self.show().records,
                             [r for r in everything if (r["protocolIdentifier"] == 17) == udp])

    def test_both_directions_of_a_record(self):
        """A biflow is asked as two records, with --biflow as one, and written as it was sent."""
        two_way = str(self.directory / "biflows.ipfix")
        self.meter("-r", *self.captures, "-w", two_way, "--biflow")
        uniflows = self.flows
        for question in ("src port > 1024", "bytes > 500", "flags S/SA"):
            rows = []
            for self.flows in (uniflows, two_way):
                done = self.run_plain("show", self.flows, "--by", "src,dst,sport,dport,proto",
                                      "--where", question, "-o", "csv", "--sort", "src,dst,sport")
                rows.append(sorted(done.stdout.splitlines()))
            self.assertEqual(rows[0], rows[1])
        self.flows = two_way
        written = self.directory / "written.ipfix"
        done = self.run_plain("show", two_way, "--where", "dst port 53", "-w", written, "--stats",
                              "json")
        self.assertIs(done.stats["balanced"], True, done.stats)

    GROUPS = "extended+applications+shape+quality+headers+sourceMacAddress+destinationMacAddress" \
             "+egressInterface"

    def test_elements_of_each_direction(self):
        """A file of uniflows, one of biflows and the capture answer alike, whatever element is asked for."""
        captures = [str(CAPTURES / f"{name}.pcap")
                    for name in ("demo", "applications", "icmp", "vlan", "tcp-quality")]
        files = [str(self.directory / name) for name in ("one.ipfix", "two.ipfix")]
        for file, biflow in zip(files, ([], ["--biflow"])):
            self.meter("-r", *captures, "-w", f"{file},fields={self.GROUPS}", *biflow)
        records = self.run_plain("show", files[0], "-o", "json").records
        # flowDirection: records of both directions have that of the first one only
        names = sorted({name for record in records for name in record} - {
            "sourceIPv4Address", "sourceIPv6Address", "destinationIPv4Address", "observationDomainId",
            "destinationIPv6Address", "sourceTransportPort", "flowDirection", "exportTime",
            "icmpTypeCodeIPv6"})
        self.assertGreater(len(names), 60)
        names += ["smac", "dmac", "mac", "in-if", "out-if", "if", "host", "sni", "app", "icmp-type"]
        # what is asked of quality has a flow end at a new SYN: it is asked for each time
        quality = "tcpRetransmittedPacketDeltaCount"
        names.remove(quality)
        for i in range(0, len(names), 4):
            keys = ",".join(["src", "sport", quality] + names[i:i + 4])
            with self.subTest(keys):
                answers = [self.run_plain("show", *source, "--by", keys, "-o", "csv", "-q")
                           for source in (files[:1], files[1:], captures)]
                self.assertEqual([a.stderr for a in answers], [""] * 3)
                rows = [sorted(a.stdout.splitlines()) for a in answers]
                self.assertGreater(len(rows[0]), 50)
                self.assertEqual(rows[0], rows[1])
                self.assertEqual(rows[0], rows[2])

    def test_reverse_elements(self):
        """Elements of IANA and of an enterprise have reverse elements of different kinds."""
        capture = str(CAPTURES / "tcp-quality.pcap")
        quality = "tcpRetransmittedPacketDeltaCount"
        file = self.directory / "two.ipfix"
        self.meter("-r", capture, "-w", f"{file},fields={self.GROUPS}", "--biflow")
        for name, least in (("tcpRoundTripMaximumMicroseconds", 1000), ("minimumIpTotalLength", 45)):
            for biflow in ([], ["--biflow"]):
                for element in (name, "reverse" + name[0].upper() + name[1:]):
                    where = f"{element} > {least} and {quality} >= 0"
                    found = [self.run_plain("show", source, "--by", "src,sport," + element, "-o", "csv",
                                            "-q", "--where", where, *biflow).stdout
                             for source in (capture, file)]
                    self.assertGreater(len(found[0].splitlines()), 1, (element, biflow))
                    self.assertEqual(sorted(found[0].splitlines()), sorted(found[1].splitlines()))

    def test_mac_addresses_of_the_answer(self):
        """Without reverse elements the answer comes from the address that the first direction went to."""
        capture = str(CAPTURES / "demo.pcap")
        files = [str(self.directory / name) for name in ("one.ipfix", "two.ipfix")]
        for file, biflow in zip(files, ([], ["--biflow"])):
            self.meter("-r", capture, "-w", f"{file},fields=extended", *biflow)
        for keys in ("src,smac", "dst,dmac", "src,mac"):
            rows = [sorted(self.run_plain("show", source, "--by", keys, "-o", "csv", "-q").stdout
                           .splitlines()) for source in (*files, capture)]
            self.assertEqual(rows[0], rows[1])
            self.assertEqual(rows[0], rows[2])
            self.assertFalse([row for row in rows[0] if "," in row and row.split(",")[1] == ""])


class Groups(Asked):
    """Groups and bins, against SQLite over the records in JSON."""

    KEYS = {"src": "src", "dst": "dst", "sport": "sport", "dport": "dport", "proto": "proto",
            "vlan": "vlan", "flags": "flags"}

    def setUp(self):
        super().setUp()
        records = self.run_plain("show", "-q", self.flows, "-o", "json").records
        self.database = sqlite3.connect(":memory:")
        self.addCleanup(self.database.close)
        self.database.execute("create table flows (src, dst, sport, dport, proto, vlan, flags, "
                              "bytes, packets, first, last)")
        self.database.executemany(
            "insert into flows values (?,?,?,?,?,?,?,?,?,?,?)",
            [(address(r, "source"), address(r, "destination"), port(r, "source"),
              port(r, "destination"), r["protocolIdentifier"], r.get("vlanId"),
              r["tcpControlBits"] if r["protocolIdentifier"] == 6 else None, r["octetDeltaCount"],
              r["packetDeltaCount"], r["flowStartMilliseconds"], r["flowEndMilliseconds"])
             for r in records])
        self.count = len(records)

    def ask(self, *arguments):
        done = self.run_plain("show", self.flows, "-o", "csv", *arguments)
        self.assertEqual((done.status, done.stderr), (0, ""))
        return list(csv.reader(io.StringIO(done.stdout)))[1:]

    def sql(self, query):
        return [["" if value is None else str(value) for value in row]
                for row in self.database.execute(query)]

    def test_sums(self):
        for keys in ("proto", "src", "src,dst", "dst,dport,proto", "vlan,flags", "sport"):
            with self.subTest(keys):
                rows = self.ask("--by", keys, "--sum",
                                "flows,bytes,packets,first,last,distinct(dport),max(bytes)")
                expected = self.sql(
                    f"select {keys}, count(*), sum(bytes), sum(packets), min(first), max(last), "
                    f"count(distinct dport), max(bytes) from flows group by {keys}")
                self.assertEqual(sorted(rows), sorted(expected))
                self.assertEqual(sum(int(row[len(keys.split(","))]) for row in rows), self.count)

    def test_top_bottom_share_having(self):
        top = self.ask("--by", "src", "--top", "5", "--share")
        rows = self.sql("select src, count(*), sum(packets), sum(bytes) from flows group by src "
                        "order by sum(bytes) desc limit 5")
        self.assertEqual([row[3] for row in top], [row[3] for row in rows])
        total = int(self.sql("select sum(bytes) from flows")[0][0])
        passed = 0
        for row in top:
            passed += int(row[3])
            self.assertAlmostEqual(float(row[4]), 100 * int(row[3]) / total, delta=0.06)
            self.assertAlmostEqual(float(row[5]), 100 * passed / total, delta=0.06)
        bottom = self.ask("--by", "src", "--bottom", "3:packets", "--sum", "packets")
        rows = self.sql("select sum(packets) from flows group by src order by 1 limit 3")
        self.assertEqual([[row[1]] for row in bottom], rows)
        having = self.ask("--by", "src", "--having", "flows > 3 and bytes < 10k")
        rows = self.sql("select src, count(*), sum(packets), sum(bytes) from flows group by src "
                        "having count(*) > 3 and sum(bytes) < 10000")
        self.assertEqual(sorted(having), sorted(rows))

    def test_order_and_columns(self):
        rows = self.ask("--by", "proto,dport", "--sort", "+proto,-flows,dport", "--columns",
                        "flows,proto")
        expected = self.sql("select count(*), proto from flows group by proto, dport "
                            "order by proto, count(*) desc, dport")
        self.assertEqual(rows, expected)

    def test_bins(self):
        second = "strftime('%s', first)"
        for every, seconds in (("1s", 1), ("7s", 7), ("1m", 60), ("1h", 3600)):
            rows = self.ask("--every", every)
            expected = self.sql(
                f"select strftime('%Y-%m-%dT%H:%M:%S.000Z', {second} / {seconds} * {seconds}, "
                f"'unixepoch'), count(*), sum(packets), sum(bytes) from flows group by 1 order by 1")
            self.assertEqual(rows, expected)

    def test_top_of_bins(self):
        """With keys, --top chooses in each bin; alone, among the bins. --sort and --limit come after it."""
        second = "strftime('%Y-%m-%dT%H:%M:%S.000Z', first)"
        ranked = ("select bin, src, bytes from (select *, row_number() over (partition by bin order by "
                  "bytes {0}) as rank from (select %s as bin, src, sum(bytes) as bytes from flows "
                  "group by 1, 2)) where rank <= 2 order by bin, bytes {0}" % second)
        for option, order in (("--top", "desc"), ("--bottom", "asc")):
            rows = self.ask("--every", "1s", "--by", "src", option, "2", "--sum", "bytes")
            self.assertEqual([[row[0], row[2]] for row in rows],
                             [[row[0], row[2]] for row in self.sql(ranked.format(order))])
        rows = self.ask("--every", "1s", "--by", "src", "--top", "2", "--sum", "bytes", "--sort",
                        "-bytes,src", "--limit", "3")
        expected = sorted(self.sql(ranked.format("desc")), key=lambda row: -int(row[2]))
        self.assertEqual([row[2] for row in rows], [row[2] for row in expected[:3]])
        rows = self.ask("--every", "1s", "--top", "2", "--sum", "bytes")
        self.assertEqual(rows, self.sql(f"select {second}, sum(bytes) from flows group by 1 "
                                        "order by 2 desc limit 2"))

    def test_top_is_chosen_before_it_is_sorted(self):
        rows = self.ask("--by", "src", "--top", "3", "--sort", "src", "--sum", "bytes")
        expected = self.sql("select src, sum(bytes) from flows group by src order by 2 desc limit 3")
        self.assertEqual(sorted(rows), sorted(expected))
        self.assertEqual(rows, sorted(rows, key=lambda row: int(ipaddress.ip_address(row[0]))))
        rows = self.ask("--by", "src", "--limit", "3", "--sort", "+bytes", "--sum", "bytes")
        expected = self.sql("select sum(bytes) from flows group by src order by 1 limit 3")
        self.assertEqual([[row[1]] for row in rows], expected)

    def test_sides(self):
        """`if` counts once for two sides that are the same; 'src port' is sport."""
        count = self.sql("select count(*) from flows")[0][0]
        self.assertEqual(self.ask("--by", "if", "--sum", "flows"), [["1", count]])
        self.assertEqual(self.ask("--by", "src port,dst host"), self.ask("--by", "sport,dst"))
        self.assertEqual(self.ask("--by", "in if"), self.ask("--by", "in-if"))
        for words in ("as", "country", "src as,dst country"):
            self.assertEqual(self.ask("-q", "--by", words, "--sum", "flows")[0][-1], count)

    def test_spreading_loses_nothing(self):
        rows = self.ask("--every", "100ms", "--spread")
        total = self.sql("select count(*), sum(packets), sum(bytes) from flows")[0]
        self.assertEqual([sum(int(row[i]) for row in rows) for i in (1, 2, 3)], list(map(int, total)))
        self.assertGreater(len(rows), len(self.ask("--every", "100ms")))

    def test_networks_hosts_and_pairs(self):
        rows = self.ask("--by", "src/16/32", "--sum", "bytes")
        sums = {}
        for source, octets in self.database.execute("select src, bytes from flows"):
            bits = 16 if "." in source else 32
            net = str(ipaddress.ip_network(f"{source}/{bits}", strict=False))
            sums[net] = sums.get(net, 0) + octets
        self.assertEqual({row[0]: int(row[1]) for row in rows}, sums)
        rows = self.ask("--by", "host", "--sum", "flows,sent,received")
        sums = {}
        for source, to, octets in self.database.execute("select src, dst, bytes from flows"):
            for host, sent in ((source, True), (to, False))[:1 if source == to else 2]:
                flows, out, back = sums.get(host, (0, 0, 0))
                sums[host] = (flows + 1, out + octets * sent, back + octets * (not sent))
        self.assertEqual({row[0]: tuple(map(int, row[1:])) for row in rows}, sums)
        rows = self.ask("--by", "pair", "--sum", "flows")
        expected = self.sql("select count(*) from flows group by min(src, dst), max(src, dst)")
        self.assertEqual(sorted(row[2] for row in rows), sorted(row[0] for row in expected))

    def test_json_has_the_names_of_elements(self):
        done = self.run_plain("show", self.flows, "-o", "json", "--by", "src,dport,proto", "--sum",
                              "flows,packets,bytes,first,last,distinct(dst)", "--where",
                              "ipv4 and tcp", "--top", "1")
        row = done.records[0]
        self.assertEqual(list(row), ["sourceIPv4Address", "destinationTransportPort",
                                     "protocolIdentifier", "flows", "packets", "bytes", "first",
                                     "last", "distinct(dst)"])
        self.assertEqual(row["protocolIdentifier"], 6)
        datetime.datetime.strptime(row["first"], "%Y-%m-%dT%H:%M:%S.%fZ")

    def test_groups_as_records(self):
        """-w writes groups as IPFIX records; keys and sums are elements, and the sums are the same."""
        groups = self.directory / "groups.ipfix"
        arguments = ["--by", "src,dport,proto", "--sum", "flows,packets,bytes,first,last,distinct(dst)",
                     "--top", "40", "--share"]
        done = self.run_plain("show", self.flows, *arguments, "-w", groups, "--stats", "json")
        self.assertEqual((done.status, done.stdout, done.stats["balanced"]), (0, "", True), done.stderr)
        names = {"flows": "deltaFlowCount", "packets": "packetDeltaCount", "bytes": "octetDeltaCount",
                 "first": "flowStartMilliseconds", "last": "flowEndMilliseconds",
                 "distinct(dst)": "distinctCountOfDestinationIPAddress", "share": None,
                 "cumulated": None}
        expected = [{names.get(name, name): value for name, value in row.items()
                     if names.get(name, name)}
                    for row in self.run_plain("show", self.flows, *arguments, "-o", "json").records]
        rows = self.run_plain("show", "-q", groups, "-o", "json").records
        self.assertEqual([{name: value for name, value in row.items()
                           if name not in ("observationDomainId", "exportTime")} for row in rows],
                         expected)
        # what is written can be asked again
        again = self.run_plain("show", groups, "--by", "src", "--sum", "packets,bytes", "-o", "csv")
        first = self.ask("--by", "src,dport,proto", "--sum", "packets,bytes", "--top", "40")
        self.assertEqual(sum(int(line.split(",")[2]) for line in again.stdout.split()[1:]),
                         sum(int(row[-1]) for row in first))
        # bins are intervals, networks a prefix and its length; --pass has the records beside
        passed = self.directory / "passed.ipfix"
        self.run_plain("show", self.flows, "--every", "1s", "--by", "src/24/48", "--where", "udp", "-w",
                       groups, "--force", "--pass", passed)
        row = self.run_plain("show", "-q", groups, "-o", "json").records[0]
        self.assertEqual(row["flowEndMilliseconds"][-4:], "000Z")
        self.assertTrue("sourceIPv4PrefixLength" in row or "sourceIPv6PrefixLength" in row)
        self.assertEqual(self.run_plain("show", passed, "--sum", "flows", "-o", "csv").stdout,
                         self.run_plain("show", self.flows, "--sum", "flows", "-o", "csv", "--where",
                                        "udp").stdout)
        self.run_plain("show", self.flows, "--by", "pair,vlan", "--where", "ipv4", "--sum", "bytes,span", "-w", groups,
                       "--force")
        row = self.run_plain("show", "-q", groups, "-o", "json", "--limit", "1").records[0]
        self.assertLessEqual({"sourceIPv4Address", "destinationIPv4Address", "octetDeltaCount",
                              "flowDurationMilliseconds"}, set(row))
        for arguments, word in ((["--by", "host"], "host"), (["--by", "src", "--sum", "jitter"], "jitter"),
                                (["--by", "bytes"], "bytes"), (["--by", "server"], "server")):
            done = self.run_plain("show", self.flows, *arguments, "-w", self.directory / "never.ipfix")
            self.assertEqual(done.status, 2)
            self.assertIn(f"no information element stands for '{word}'", done.stderr)

    def test_fields_are_chosen(self):
        """--fields: only these, in all forms."""
        names = "sourceIPv4Address,octetDeltaCount,flowEndReason"
        rows = self.run_plain("show", "-q", self.flows, "-o", "json", "--fields", names).records
        self.assertEqual({name for row in rows for name in row}, set(names.split(",")))
        lines = self.run_plain("show", "-q", self.flows, "-o", "csv", "--fields", names).stdout.split()
        self.assertEqual(lines[0], names)
        self.assertEqual([line.split(",") for line in lines[1:]],
                         [[str(row.get(name, "")) for name in names.split(",")] for row in rows])
        header = self.run_plain("show", "-q", self.flows, "-o", "csv", "--fields=-flowId")
        self.assertIn(",observationDomainId,exportTime", header.stdout.split()[0])

    def test_memory_is_bounded(self):
        flood = self.file("flood.pcap", support.pcap(support.conversations(40000, packets=1)))
        flows = self.directory / "flood.ipfix"
        self.meter("-r", flood, "-w", flows, "--idle-timeout", "1m")
        done = self.run_plain("show", flows, "--by", "src,sport", "--memory", "1MiB")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("groups or more do not fit into the 1 MB of --memory", done.stderr)
        done = self.run_plain("show", flows, "--by", "src", "--memory", "1MiB", "--limit", "3")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn("3 of 200 groups; 40000 flows", done.stdout)

    def test_mistakes(self):
        for arguments, reason in (
                (["--by", "scr"], "--by: there is no field 'scr'; did you mean 'src'"),
                (["--baseline", "x"], "--baseline needs --where"),
                (["--by", "dstport"], "did you mean 'dport'"),
                (["--by", "cuntry"], "did you mean 'country'"),
                (["--by", "src contry"], "there is no field 'src contry'"),
                (["--by", "in country"], "there is no field 'in country'"),
                (["--by", "src,dst,src"], "--by: 'src' and 'src' are the same"),
                (["--by", "src,sourceIPv4Address"], "'src' and 'sourceIPv4Address' are the same"),
                (["--sum", "flows,bytes,flows"], "--sum: 'flows' is named twice"),
                (["--where", "ip in ."], "--where: .: Is a directory"),
                (["--by", "src/40/129"], "is no network"),
                (["--sum", "byts"], "--sum: there is no sum 'byts'; did you mean 'bytes'"),
                (["--sum", "distinct"], "needs a field"),
                (["--sum", "sum(src)"], "only counts and durations"),
                (["--by", "src", "--top", "x"], "--top: 'x' is not N or N:FIELD"),
                (["--by", "src", "--top", "3:flws"], "did you mean 'flows'"),
                (["--by", "src", "--sort", "dst"], "--sort: there is no column 'dst'"),
                (["--having", "flows"], "no condition on a sum"),
                (["--spread"], "--spread needs --every"),
                (["--sort", "bytes"], "--by FIELDS"),
                (["--top", "1", "--bottom", "1"], "contradict"),
                (["--top", "1"], "--top chooses among groups: --by FIELDS or"),
                (["--bottom", "1", "--share"], "--bottom chooses among groups"),
                (["--where", "ip in baseline"], "--baseline FILE is missing"),
                (["--fail", "x"], "--fail needs --where"),
                (["--by", "src", "--fields", "default"], "--columns")):
            with self.subTest(arguments):
                done = self.run_plain("show", self.flows, *arguments)
                self.assertEqual(done.status, 2, done.stderr)
                self.assertIn(reason, done.stderr)


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
        state = Path(f"/proc/{process.pid}/status")
        waits = re.compile(r"^State:\tS.*^SigCgt:\t[0-9a-f]*[2367abef]$", re.S | re.M)
        support.wait_until(lambda: waits.search(state.read_text()), "SIGINT is caught, it sleeps")
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
        for message in (2, 5, 9, len(lengths) - 1):
            damaged = bytearray(content)
            # a set that is longer than its message
            damaged[lengths[message] + 18:lengths[message] + 20] = b"\xff\xff"
            path = self.file("damaged.ipfix", bytes(damaged))
            one = self.ask(path, "--by", "src", status=1)
            more = self.ask(path, "--by", "src", "--workers", "3", status=1)
            self.assertEqual((more.stdout, more.stderr), (one.stdout, one.stderr))

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


class Recipes(Asked):
    def test_each_is_listed_printed_and_answered(self):
        listed = self.run_plain("ask", "--list").stdout
        names = [line.split()[0] for line in listed.splitlines() if line.endswith("?")]
        self.assertGreaterEqual(len(names), 14)
        for name in names:
            with self.subTest(name):
                printed = self.run_plain("ask", name, "--print")
                self.assertEqual((printed.status, printed.stderr), (0, ""))
                command = re.search(r"spanflow show FILE\.\.\.(.*?)\n\n", printed.stdout, re.S)
                options = shlex.split(command[1].replace("'FILE'", self.flows))
                baseline = ["--baseline", self.flows] if "--baseline" in options else []
                asked = self.run_plain("ask", name, self.flows, "-o", "csv", *baseline)
                shown = self.run_plain("show", self.flows, "-o", "csv", *options)
                self.assertEqual((asked.status, asked.stderr), (0, ""))
                self.assertEqual(asked.stdout, shown.stdout)
                self.assertGreater(len(printed.stdout.split("\n\n")[2]), 20)

    def test_scans_are_found(self):
        scan = [(i * 0.001, tcp(1, 2, 40000, 1 + i, 0x02)) for i in range(200)]
        sweep = [(1 + i * 0.001, tcp(3, 4 + i, 40000, 22, 0x02)) for i in range(100)]
        beacon = [(10 + i * 60, udp_to(250, 251, 5000 + i, 8443)) for i in range(20)]
        capture = self.file("scan.pcap", support.pcap(scan + sweep + beacon))
        for question, expected in (("port-scans", ["10.0.0.1,10.0.0.2,200"]),
                                   ("sweeps", ["10.0.0.3,6,22,100"]),
                                   ("beacons", ["10.0.0.250,10.0.0.251,17,8443,20,60.000,0.0"])):
            rows = self.run_plain("ask", question, capture, "-o", "csv").stdout.split()[1:]
            self.assertEqual([row[:len(expected[0])] for row in rows], expected, question)
        done = self.run_plain("ask", "failed", capture, "--having", "flows >= 1")
        self.assertIn("30 of 300 groups; 300 flows", done.stdout)

    def test_new_hosts(self):
        later = self.file("later.pcap", support.pcap(support.conversations(3)
                                                     + [(1, tcp(77, 78, 1, 2, 0x10))]))
        rows = self.run_plain("ask", "new", later, "--baseline", self.flows, "-o", "csv")
        self.assertEqual([row.split(",")[0] for row in rows.stdout.split()[1:]], ["10.0.0.77"])
        done = self.run_plain("ask", "new", later)
        self.assertEqual(done.status, 2)
        self.assertIn("needs --baseline FILE", done.stderr)

    def test_conditions_narrow_and_options_replace(self):
        done = self.run_plain("ask", "talkers", self.flows, "--where", "tcp", "--by", "dst", "-o",
                              "csv", "--top", "2:packets")
        shown = self.run_plain("show", self.flows, "--where", "tcp", "--by", "dst", "--top",
                               "2:packets", "--share", "-o", "csv")
        self.assertEqual(done.stdout, shown.stdout)

    def test_mistakes(self):
        for arguments, reason in ((["talkrs", "x"], "did you mean 'talkers'"),
                                  ([], "--list names the questions"),
                                  (["talkers"], "ask talkers needs files")):
            done = self.run_plain("ask", *arguments)
            self.assertEqual(done.status, 2)
            self.assertIn(reason, done.stderr)
        self.assertIn("\nsrccountry ", self.run_plain("ask", "--fields").stdout)


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
