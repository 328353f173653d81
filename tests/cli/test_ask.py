#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Questions to flow records: `show --where`, groups, recipes. Answers are compared with those that Python
and SQLite compute from the same records in JSON."""

import csv
import datetime
import io
import ipaddress
import re
import shlex
import sqlite3

import support
from asking import CAPTURES, Asked, port, tcp, udp_to


def address(record, side):
    return record.get(side + "IPv4Address") or record.get(side + "IPv6Address")


def within(record, side, network):
    net = ipaddress.ip_network(network)
    found = ipaddress.ip_address(address(record, side))
    return found.version == net.version and found in net


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
        done = self.run_plain("show", capture, "--by", "src", "--having", "flows > 1000")
        self.assertRegex(done.stdout, r"none of \d+ groups has flows > 1000; \d+ flows")

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
                                  ([], "--list' names the questions"),
                                  (["talkers"], "ask talkers needs files")):
            done = self.run_plain("ask", *arguments)
            self.assertEqual(done.status, 2)
            self.assertIn(reason, done.stderr)
        self.assertIn("\nsrccountry ", self.run_plain("ask", "--fields").stdout)


if __name__ == "__main__":
    support.main()
