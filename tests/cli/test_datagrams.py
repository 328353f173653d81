#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams in tests/cases/datagrams, and others made here, each of which stands for something that
exporters send and that is easily read wrong: the right answers in table, CSV, JSON, file and
statistics. Each folder has the payloads of one case in order."""

import csv
import io
import signal
import socket
import struct
from pathlib import Path


import support
from support import Case, main

CASES = Path(__file__).resolve().parents[1] / "cases/datagrams"
EXPORT_TIME = 0x6553F100  # 2023-11-14 22:13:20 UTC
WHEN = "2023-11-14T22:13:20.000Z"


def netflow9(fields, *records, sequence=0, source=1):
    """A v9 message with a template of (type, length) fields and records in hex."""
    template = struct.pack("!HH", 256, len(fields)) + b"".join(
        struct.pack("!HH", *field) for field in fields)
    data = b"".join(map(bytes.fromhex, records))
    return (struct.pack("!HHIIII", 9, 2, 1000000, EXPORT_TIME, sequence, source) +
            struct.pack("!HH", 0, 4 + len(template)) + template +
            struct.pack("!HH", 256, 4 + len(data)) + data)


class Seen:
    """What one run printed, wrote and said."""

    def __init__(self, done, form):
        self.done, self.stats = done, done.stats
        if form == "json":
            self.json = done.records
        elif form == "csv":
            self.csv = list(csv.DictReader(io.StringIO(done.stdout)))
        else:
            self.table = done.stdout.splitlines()
            # a line below the rows tells that they are a sample
            self.sampled = self.table.pop() if self.table and "a 1 in" in self.table[-1] else None


class Datagrams(Case):
    def listen(self, *arguments):
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "--stats", "json", *arguments)
        return process, int(self.said(r"listening on udp://127\.0\.0\.1:(\d+)").group(1))

    def run_once(self, form, payloads, *arguments, ports=1):
        process, port = self.listen(*support.output(form), *arguments)
        senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(ports)]
        for i, payload in enumerate(payloads):
            senders[i % ports].sendto(payload, ("127.0.0.1", port))
        for sender in senders:
            sender.close()
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        self.assertEqual(done.stats["malformed"], 0, done.stderr)
        return Seen(done, form)

    def show(self, form, *arguments):
        done = self.run_plain("show", "--stats", "json", *support.output(form), self.written,
                              *arguments)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return Seen(done, form)

    def look(self, what, ports=1):
        """All forms of the payloads or of a case's; those of `show` of the file are the same."""
        payloads = ([file.read_bytes() for file in sorted((CASES / what).iterdir())]
                    if isinstance(what, str) else what)
        self.written = str(self.directory / "a.ipfix")
        seen = self.run_once("json", payloads, "--options", "-w", self.written, "--force", ports=ports)
        seen.csv = self.run_once("csv", payloads, ports=ports).csv
        table = self.run_once("table", payloads, ports=ports)
        seen.table, seen.sampled = table.table, table.sampled
        self.assertEqual(self.show("json", "--options").json, seen.json)
        for form in ("csv", "table"):
            shown = self.show(form)
            self.assertEqual(getattr(shown, form), getattr(seen, form))
            for counter in ("packets", "octets", "records", "optionsRecords"):
                self.assertEqual(shown.stats[counter], seen.stats[counter])
        for record in seen.json:
            self.assertEqual(record["exporterIPv4Address"], "127.0.0.1")
            self.assertIn("observationDomainId", record)
        for row in seen.csv:
            self.assertEqual(row["exporterIPv4Address"], "127.0.0.1")
        self.assertEqual(seen.stats["packets"],
                         sum(int(row["packetDeltaCount"] or 0) for row in seen.csv))
        self.assertEqual(seen.stats["octets"],
                         sum(int(row["octetDeltaCount"] or 0) for row in seen.csv))
        self.assertEqual(len(seen.table) - 1, len(seen.csv))
        return seen

    def check_row(self, row, **expected):
        """Columns that are not expected are empty, but for where the row came from."""
        expected.setdefault("exporterIPv4Address", "127.0.0.1")
        expected.setdefault("observationDomainId", "1")
        expected.setdefault("exportTime", WHEN)
        self.assertEqual({name: value for name, value in row.items() if value}, expected)

    def test_octets_of_the_answer(self):
        seen = self.look("responder-octets")
        self.assertEqual(seen.stats["octets"], 844)
        self.assertEqual([row["octetDeltaCount"] for row in seen.csv], ["81", "763"])
        self.assertEqual([row["packetDeltaCount"] for row in seen.csv], ["", ""])
        self.assertEqual([row["sourceIPv4Address"] for row in seen.csv],
                         ["192.168.0.2", "192.168.0.17"])
        self.assertRegex(seen.table[1], r"192\.168\.0\.2:61775 +-> 192\.168\.0\.17:80 +- +81 ")
        self.assertRegex(seen.table[2], r"192\.168\.0\.17:80 +-> 192\.168\.0\.2:61775 +- +763 ")
        # both directions in one row
        payloads = [file.read_bytes() for file in (CASES / "responder-octets").iterdir()]
        table = self.run_once("table", payloads, "--biflow").table
        self.assertEqual(len(table), 2)
        self.assertRegex(table[1], r" <> 192\.168\.0\.17:80 +- +81 - +- +763 - ")
        row, = self.run_once("csv", payloads, "--biflow").csv
        self.assertEqual((row["octetDeltaCount"], row["reverseOctetDeltaCount"],
                          row["packetDeltaCount"], row["reversePacketDeltaCount"]),
                         ("81", "763", "", ""))

    def test_answer_alone(self):
        seen = self.look([netflow9([(8, 4), (12, 4), (232, 4)], "c0000201 c0000202 00000009")])
        self.check_row(*seen.csv, sourceIPv4Address="192.0.2.2",
                       destinationIPv4Address="192.0.2.1", octetDeltaCount="9")

    def test_interfaces_and_direction_as_sent(self):
        seen = self.look("egress-invented")
        self.check_row(
            *seen.csv, sourceIPv4Address="192.168.0.2", destinationIPv4Address="192.168.0.17",
            sourceTransportPort="61775", destinationTransportPort="80", protocolIdentifier="6",
            octetDeltaCount="81", packetDeltaCount="1", ingressInterface="3",
            egressInterface="11", flowDirection="1",
            flowStartMilliseconds="2016-07-21T13:50:32.955Z",
            flowEndMilliseconds="2016-07-21T13:50:33.955Z")

    def test_what_is_not_sent_is_not_told(self):
        """Each element alone: the others are absent in CSV, JSON and file, and dashes in the table."""
        elements = {
            (14, 4): ("egressInterface", "5"), (61, 1): ("flowDirection", "5"),
            (52, 1): ("minimumTTL", "5"), (53, 1): ("maximumTTL", "5"),
            (136, 1): ("flowEndReason", "5"), (4, 1): ("protocolIdentifier", "5"),
            (7, 2): ("sourceTransportPort", "5"), (11, 2): ("destinationTransportPort", "5"),
            (10, 4): ("ingressInterface", "5"), (5, 1): ("ipClassOfService", "5"),
            (6, 1): ("tcpControlBits", "5"), (8, 4): ("sourceIPv4Address", "0.0.0.5"),
            (28, 16): ("destinationIPv6Address", "::5"), (2, 4): ("packetDeltaCount", "5"),
            (80, 6): None, (148, 8): ("flowId", "5"), (60, 1): None, (34, 4): ("samplingInterval", "5"),
        }
        for (element, length), column in elements.items():
            with self.subTest(element=element):
                value = "00" * (length - 1) + "05"
                seen = self.look([netflow9([(element, length), (82, 1)], value + "61")])
                self.assertEqual(set(seen.json[0]) - {
                    "interfaceName", "exporterIPv4Address", "observationDomainId", "exportTime"},
                    {next(iter(seen.json[0]))})
                if column:
                    self.check_row(*seen.csv, **dict([column]))
                if element == 80:
                    self.check_row(*seen.csv, destinationMacAddress="00:00:00:00:00:05")
                if element not in (7, 8, 11, 28):
                    self.assertRegex(seen.table[1], r" - +-> - ")

    def test_templates_of_variable_length(self):
        seen = self.look("v9-variable-length")
        self.assertEqual(seen.json[0]["applicationName"], "http")
        self.assertEqual((seen.stats["octets"], seen.stats["templatesRefused"]), (100, 0))

    def test_options_of_the_exporter(self):
        seen = self.look("file-says-sampling-1-1")
        options, flow = seen.json
        self.assertEqual(options, {
            "exportingProcessId": 1, "samplerId": 7, "samplerMode": 2, "samplerRandomInterval": 1000,
            "exporterIPv4Address": "127.0.0.1", "observationDomainId": 1, "exportTime": WHEN})
        self.assertEqual(flow["samplerId"], 7)
        self.assertIn("packets are a 1 in 1000 sample", seen.sampled)
        # without them where they are not wanted
        payloads = [file.read_bytes()
                    for file in sorted((CASES / "file-says-sampling-1-1").iterdir())]
        self.run_once("none", payloads, "-w", self.written + ",options=no", "--force")
        self.assertEqual(self.show("json", "--options").json, [flow])

    def test_work_for_one_datagram_is_bounded(self):
        payloads = [file.read_bytes()
                    for file in sorted((CASES / "zero-length-amplification").iterdir())]
        seen = self.run_once("json", payloads)
        self.assertLess(len(seen.done.stdout), 100 * sum(map(len, payloads)))
        self.assertGreater(len(seen.json), 0)
        self.assertEqual(seen.stats["setsCut"], 1)

    def test_times_beyond_all_clocks(self):
        seen = self.look("start-time-overflow-max")
        self.assertEqual(seen.stats["records"], 6)

    def test_numbers_longer_than_their_element(self):
        seen = self.look("samplerid-hex")
        record, = seen.json
        self.assertEqual(record["samplerId"], 1)
        self.check_row(*seen.csv, sourceIPv4Address="10.0.0.1", destinationIPv4Address="10.0.0.2",
                       octetDeltaCount="100", packetDeltaCount="1", protocolIdentifier="6",
                       ingressInterface=str(record["ingressInterface"]),
                       sourceTransportPort=str(record["sourceTransportPort"]))

    def test_numbers_too_large_for_their_element(self):
        names = {4: "protocolIdentifier", 7: "sourceTransportPort", 11: "destinationTransportPort",
                 10: "ingressInterface", 14: "egressInterface", 52: "minimumTTL",
                 136: "flowEndReason", 61: "flowDirection", 5: "ipClassOfService"}
        seen = self.look([netflow9([(element, 8) for element in names],
                                   "0000000100000005" * len(names))])
        self.check_row(*seen.csv, **{name: str(2**32 + 5) for name in names.values()})
        for name in names.values():
            self.assertEqual(seen.json[0][name], 2**32 + 5)

    def test_addresses_decide_about_the_family(self):
        seen = self.look("v4-addresses-version-6")
        row, = seen.csv
        self.assertEqual((row["sourceIPv4Address"], row["destinationIPv4Address"],
                          row["sourceIPv6Address"]), ("10.0.0.1", "10.0.0.2", ""))
        self.assertIn(" 10.0.0.1:1 ", seen.table[1])

    def test_counters_of_what_was_sent_on(self):
        seen = self.look("only-out-counters")
        self.assertEqual((seen.stats["packets"], seen.stats["octets"]), (5, 500))

    def test_sampling_of_netflow5(self):
        seen = self.look("v5-sampling-invisible")
        self.assertEqual((seen.json[0]["samplingInterval"], seen.json[0]["samplingAlgorithm"]),
                         (100, 1))
        self.assertEqual((seen.csv[0]["samplingInterval"], seen.csv[0]["samplingAlgorithm"]),
                         ("100", "1"))
        self.assertIn("packets are a 1 in 100 sample", seen.sampled)

    def test_sampling_that_changes_within_a_template(self):
        seen = self.look([netflow9([(34, 4), (1, 4), (2, 4)],
                                   "0000000a0000000500000001", "000000640000000500000001")])
        self.assertIn("packets are a 1 in 10 to 1 in 100 sample", seen.sampled)

    def test_zeros_behind_the_last_set(self):
        seen = self.look("zero-tail")
        self.assertEqual((seen.stats["records"], seen.stats["octets"]), (1, 100))

    def test_netflow9_from_two_ports(self):
        seen = self.look("v9-template-and-data-from-two-ports", ports=2)
        self.assertEqual((seen.stats["missingTemplate"], seen.stats["records"]), (0, 1))

    def test_exporters_are_told_apart(self):
        """Same records, template ids and domain, but other exporters, domains and times."""
        fields = [(8, 4), (12, 4), (1, 4)]
        values = "c0000201 c0000202 00000009"
        seen = self.look([netflow9(fields, values), netflow9(fields, values, source=2),
                          netflow9([(1, 4), (8, 4), (12, 4)], "00000009 c0000201 c0000202",
                                   source=2)])
        self.assertEqual([r["observationDomainId"] for r in seen.json], [1, 2, 2])
        self.assertEqual([row.split()[-4:] for row in seen.table[1:]],
                         [["127.0.0.1", domain, "2023-11-14", "22:13:20Z"]
                          for domain in ("1", "2", "2")])

    def test_icmp(self):
        """Type and code where they were sent; ports of ICMP as they were sent, or none."""
        seen = self.look([netflow9([(4, 1), (8, 4), (12, 4), (32, 2)], "01 c0000201 c0000202 0301")])
        self.check_row(*seen.csv, protocolIdentifier="1", sourceIPv4Address="192.0.2.1",
                       destinationIPv4Address="192.0.2.2", icmpTypeCodeIPv4="769")
        self.assertIn("host unreachable", seen.table[1])
        seen = self.look([netflow9([(4, 1), (7, 2), (11, 2)], "01 0000 0800")])
        self.check_row(*seen.csv, protocolIdentifier="1", icmpTypeCodeIPv4="2048",
                       sourceTransportPort="0", destinationTransportPort="2048")
        seen = self.look([netflow9([(4, 1), (1, 4)], "01 00000005")])
        self.check_row(*seen.csv, protocolIdentifier="1", octetDeltaCount="5")
        self.assertNotIn("echo", seen.table[1])

    def test_types_of_netflow9_that_are_no_elements(self):
        seen = self.look([netflow9([(33000, 4), (40005, 1), (1, 4)], "00000001 02 00000005")])
        self.assertEqual((seen.json[0]["ie33000"], seen.json[0]["ie40005"]), ("00000001", "02"))

    def test_options_of_netflow9(self):
        """Scopes are kept; options without one get the exporter for a scope in the file."""
        def options(scope, fields, values):
            head = struct.pack("!HHH", 257, 4 * len(scope), 4 * len(fields))
            template = head + b"".join(struct.pack("!HH", *f) for f in scope + fields)
            template += bytes(-len(template) % 4)
            data = bytes.fromhex(values)
            return (struct.pack("!HHIIII", 9, 2, 1000, EXPORT_TIME, 0, 1) +
                    struct.pack("!HH", 1, 4 + len(template)) + template +
                    struct.pack("!HH", 257, 4 + len(data)) + data)
        seen = self.look([options([(2, 2)], [(48, 2)], "0005 0007")])
        self.assertEqual(list(seen.json[0])[:2], ["ingressInterface", "samplerId"])
        self.written = str(self.directory / "b.ipfix")
        seen = self.run_once("json", [options([], [(48, 2), (34, 4)], "0007 00000064")],
                             "--options", "-w", self.written, "--force")
        shown = self.show("json", "--options")
        self.assertEqual(shown.json[0], seen.json[0])
        self.assertEqual(shown.stats["templatesRefused"], 0)

    def test_lists_that_refer_to_templates_are_not_written(self):
        self.written = str(self.directory / "a.ipfix")
        self.run_once("none", [netflow9([(292, 65535), (1, 4)], "05 03 0101 0000 00000005")],
                      "-w", self.written, "--force")
        self.assertNotIn("subTemplateList", self.show("json").json[0])

    def test_options_of_the_file_for_the_meter(self):
        for option in ("biflow=yes", "time=us", "profile=plain"):
            done = self.run_plain("collect", "-l", "udp://127.0.0.1:0", "-w",
                                  str(self.directory / "a.ipfix") + "," + option)
            self.assertEqual(done.status, 2)
            self.assertIn(option.split("=")[0] + "= is for records of the meter", done.stderr)

    def test_file_that_cannot_be_written(self):
        """It may have room later: the run goes on, and what was not written is lost by name."""
        process, port = self.listen("-o", "none", "-w", "/dev/full")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(netflow9([(1, 4)], "00000005"), ("127.0.0.1", port))
        self.told("/dev/full: No space left on device; trying again once a second")
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual((done.status, done.stats["ended"]), (1, "SIGTERM"))
        self.assertEqual(done.stats["outputs"][0]["lost"]["write"], 1)


if __name__ == "__main__":
    main()
