#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lists of values (RFC 6313): the experiments of shared TCP options, exported, collected and shown; lists that a
file has, whole and broken."""

import csv
import io
import itertools
import re
import shutil
import socket
import struct
import subprocess
import unittest

import support
from support import START, pcap

LISTS = "tcpSharedOptionExID16List", "tcpSharedOptionExID32List"
FIELDS = "+tcpOptionsFull+tcpSharedOptionExID16+tcpSharedOptionExID32+" + "+".join(LISTS)
HOST_ID, ENCRYPTION, SMC = 0x0348, 0x454E, 0xE2D4C3D9


def shared(kind, *ids):
    """TCP options: one for each identifier."""
    return b"".join(struct.pack("!BB", kind, 2 + len(data)) + data for data in (
        struct.pack("!I" if number >> 16 else "!H", number) for number in ids))


def tcp(client, options=b"", answer=False):
    """A frame of a connection of 192.0.2.`client`, with these options."""
    options += bytes(-len(options) % 4)
    ports = (80, 4000) if answer else (4000, 80)
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 1, (20 + len(options)) // 4 << 4, 16, 100, 0, 0) + options
    ends = [bytes([192, 0, 2, client]), bytes([198, 51, 100, 1])]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0, *(ends[::-1] if answer else ends))
    return bytes(6) + b"\2\0\0\0\0\1\x08\0" + ip + segment


def ipfix(template, *records):
    """A file: one template of (id, length) pairs and its data records."""
    fields = b"".join(struct.pack("!HH", *field) for field in template)
    sets = struct.pack("!HHHH", 2, 8 + len(fields), 256, len(template)) + fields
    data = b"".join(records)
    sets += struct.pack("!HH", 256, 4 + len(data)) + data
    return struct.pack("!HHIII", 10, 16 + len(sets), START, 0, 1) + sets


class Experiments(support.Case):
    def capture(self):
        """One connection with several experiments, which come one by one and again; one with one; one without."""
        return self.file("a.pcap", pcap([(i, frame) for i, frame in enumerate((
            tcp(1, shared(254, ENCRYPTION)), tcp(1, shared(253, HOST_ID, SMC)), tcp(1, shared(254, ENCRYPTION, 0x1234)),
            tcp(1, shared(253, 0xF989), answer=True), tcp(2, shared(253, SMC)), tcp(3, shared(253, 0x1234))))]))

    def by_source(self, done):
        return {(record["sourceIPv4Address"], record["sourceTransportPort"]): record for record in done.records}

    def test_all_that_a_direction_has(self):
        path = self.capture()
        done = self.meter("-r", path, "-o", "json", "--fields", FIELDS)
        records = self.by_source(done)
        several, answer = records["192.0.2.1", 4000], records["198.51.100.1", 80]
        self.assertEqual([several[name] for name in LISTS], [[HOST_ID, ENCRYPTION], [SMC]])
        self.assertEqual(several["tcpSharedOptionExID16"], ENCRYPTION)
        self.assertEqual(several["tcpSharedOptionExID32"], SMC)
        # the list takes the place of the bits (RFC 9740 §4.1)
        self.assertEqual(several["tcpOptionsFull"], 1)
        self.assertEqual((answer[LISTS[0]], LISTS[1] in answer), ([0xF989], False))
        # a list without values does not stand in a record, and what is in no registry is none
        self.assertEqual([name in records["192.0.2.2", 4000] for name in LISTS], [False, True])
        self.assertEqual([name in records["192.0.2.3", 4000] for name in LISTS], [False, False])
        self.assertEqual(records["192.0.2.3", 4000]["tcpOptionsFull"][:2], "20")

    def test_biflows_have_a_list_of_each_direction(self):
        done = self.meter("-r", self.capture(), "-o", "json", "--biflow", "--fields", FIELDS)
        record = self.by_source(done)["192.0.2.1", 4000]
        self.assertEqual(record[LISTS[0]], [HOST_ID, ENCRYPTION])
        self.assertEqual(record["reverseTcpSharedOptionExID16List"], [0xF989])
        self.assertEqual(record["reverseTcpSharedOptionExID32List"], [])

    def test_records_do_not_depend_on_workers(self):
        path = self.capture()
        runs = [sorted(self.meter("-r", path, "-o", "json", "--fields", FIELDS, "--workers", workers).stdout.splitlines())
                for workers in (1, 2)]
        self.assertEqual(*runs)

    def test_files_are_shown_in_each_form(self):
        path, file = self.capture(), str(self.directory / "a.ipfix")
        self.meter("-r", path, "-w", f"{file},fields={FIELDS}")
        metered = self.meter("-r", path, "-o", "json", "--fields", FIELDS)
        shown = self.run_plain("show", file, "-o", "json")
        self.assertEqual(*({key: [record.get(name) for name in LISTS] for key, record in self.by_source(done).items()}
                           for done in (metered, shown)))
        rows = self.run_plain("show", file, "-o", "csv", "--fields", "sourceIPv4Address," + ",".join(LISTS)).stdout
        self.assertIn(["192.0.2.1", "840,17742", str(SMC)], list(csv.reader(io.StringIO(rows))))
        table = self.run_plain("show", file, "-o", "table", "--fields", "sourceIPv4Address," + ",".join(LISTS)).stdout
        self.assertRegex(table, rf"(?m)^192\.0\.2\.1 +840,17742 +{SMC}$")
        # as a key, of a file and of a capture; conditions compare what is printed
        for source in file, path:
            for form, row in ("csv", f'"840,17742"'), ("json", "[840,17742]"), ("table", "840,17742"):
                answer = self.run_plain("show", source, "-o", form, "--by", LISTS[0]).stdout
                self.assertIn(row, answer)
            for condition, ports in (("= 63881", [80]), ("= '840,17742'", [4000]), ("contains 17742", [4000]),
                                     ("~ '^(.*,)?840(,.*)?$'", [4000]), ("in [63881, 5]", [80]), ("= 840", []), ("", [80, 4000])):
                done = self.run_plain("show", source, "-o", "json", "--where", f"{LISTS[0]} {condition}")
                self.assertEqual((done.status, sorted(record["sourceTransportPort"] for record in done.records)),
                                 (0, ports), condition)

    def test_each_record_has_its_own_template(self):
        # records of one template in a row are encoded together
        ids = [(ENCRYPTION, 0x1234, SMC)[i // 2 % 3] for i in range(60)]
        path = self.file("a.pcap", pcap([(i, tcp(1 + i, shared(254, ids[i]))) for i in range(60)]))
        file = str(self.directory / "a.ipfix")
        self.meter("-r", path, "-o", "none", "-w", f"{file},fields={FIELDS}")
        records = self.by_source(self.run_plain("show", file, "-o", "json"))
        for i in range(60):
            record = records[f"192.0.2.{1 + i}", 4000]
            self.assertEqual([record.get(name) for name in LISTS],
                             [[number] if ids[i] == number else None for number in (ENCRYPTION, SMC)])

    def test_a_uniflow_has_lists_of_its_own_direction(self):
        # a list says by its presence that its flow has such an option (RFC 9740 §4.1); 0x1234 is in no registry
        asked = [(ENCRYPTION, SMC)[i // 3 % 2] for i in range(60)]
        path = self.file("a.pcap", pcap([(2 * i + d, (tcp(1 + i, shared(254, asked[i])),
                                                      tcp(1 + i, shared(253, 0x1234), answer=True))[d])
                                         for i in range(60) for d in range(2)]))
        file = str(self.directory / "a.ipfix")
        metered = self.meter("-r", path, "-o", "json", "--fields", FIELDS, "-w", f"{file},fields={FIELDS}")
        for done in metered, self.run_plain("show", file, "-o", "json"):
            self.assertEqual(len(done.records), 120)
            for record in done.records:
                is_answer = record["sourceTransportPort"] == 80
                client = record["destinationIPv4Address" if is_answer else "sourceIPv4Address"]
                number = asked[int(client.split(".")[3]) - 1]
                self.assertEqual([record.get(name) for name in LISTS],
                                 [[value] if value == number and not is_answer else None for value in (ENCRYPTION, SMC)])
                # the bits tell what no list does
                self.assertEqual(str(record["tcpOptionsFull"])[:2] == "20", is_answer)

    def test_netflow9_has_no_lists(self):
        done = self.run_plain("meter", "-r", self.capture(), "-e", "netflow9://127.0.0.1:9,fields=+" + LISTS[0])
        self.assertEqual(done.status, 2)
        self.assertIn("NetFlow v9 has no such field", done.stderr)

    @unittest.skipUnless(shutil.which("tshark"), "needs the program tshark")
    def test_tshark_reads_them(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
            collector.bind(("127.0.0.1", 0))
            collector.settimeout(10)
            port = collector.getsockname()[1]
            self.meter("-r", self.capture(), "-e", f"ipfix://127.0.0.1:{port},options=no,fields={FIELDS}")
            collector.settimeout(0.5)
            datagrams = []
            try:
                while True:
                    datagrams.append(collector.recv(65535))
            except socket.timeout:
                pass
        frames = [(i, bytes(12) + b"\x08\0" + struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1]))
                   + struct.pack("!HHHH", 4000, 4739, 8 + len(data), 0) + data) for i, data in enumerate(datagrams)]
        path = self.file("sent.pcap", pcap(frames))
        text = subprocess.run(["tshark", "-r", path, "-d", "udp.port==4739,cflow", "-V"], check=True,
                              capture_output=True, text=True).stdout
        self.assertNotIn("Malformed", text)
        # tshark 4.0 takes no list apart, of no element: it finds the bytes of each, and what follows it
        lists = re.findall(r"Type 52[34]: Value \(hex bytes\): ([0-9a-f ]+)", text)
        self.assertEqual(sorted(lists), sorted([
            "03 02 09 00 02 03 48 45 4e", "03 02 0a 00 04 e2 d4 c3 d9",  # 192.0.2.1
            "03 02 09 00 02 f9 89",  # the answer
            "03 02 0a 00 04 e2 d4 c3 d9"]))  # 192.0.2.2

    @unittest.skipUnless(shutil.which("ipfixDump"), "needs the program ipfixDump of libfixbuf")
    def test_libfixbuf_reads_them(self):
        file = self.directory / "a.ipfix"
        self.meter("-r", self.capture(), "-w", f"{file},fields=sourceIPv4Address+" + "+".join(LISTS))
        # it does not know these two elements: under the number of any basicList it reads the same bytes as a list
        content = file.read_bytes()
        for element in 523, 524:
            content = content.replace(struct.pack("!HH", element, 65535), struct.pack("!HH", 291, 65535))
        file.write_bytes(content)
        text = subprocess.run(["ipfixDump", "--in", file], check=True, capture_output=True, text=True).stdout
        lists = re.findall(r"count: (\d)\s+semantic: 3-allOf\s+ie: \((\d+)\)", text)
        self.assertEqual(lists, [("2", "521"), ("1", "522"), ("1", "521"), ("1", "522")])


class Received(support.Case):
    """Lists of a file: RFC 6313 §4.5.1"""

    def shown(self, *values, form="json"):
        """Records with one list each."""
        path = self.file("a.ipfix", b"".join(
            ipfix([(8, 4), (291, 65535), (7, 2)],
                  b"\xc0\0\2\1" + bytes([255]) + struct.pack("!H", len(value)) + value + b"\0\x50")
            for value in values))
        done = self.run_plain("show", path, "-o", form)
        self.assertEqual(done.status, 0, done.stderr)
        return done

    def test_values_of_any_element(self):
        lists = [bytes.fromhex(text) for text in (
            "0300080004c0000201c0000202", "030052ffff02653002653100", "0000070002005001bb")]
        self.assertEqual([record["basicList"] for record in self.shown(*lists).records],
                         [["192.0.2.1", "192.0.2.2"], ["e0", "e1", ""], {"noneOf": [80, 443]}])

    def test_every_cut_and_every_byte(self):
        # a record stays whole, and JSON stays JSON, whatever is in the list
        whole = bytes.fromhex("030052ffff02653002653102653200")
        lists = [whole[:length] for length in range(len(whole))]
        lists += [whole[:i] + bytes([byte]) + whole[i + 1:]
                  for i, byte in itertools.product(range(len(whole)), (0, 1, 5, 127, 128, 254, 255))]
        lists += [bytes.fromhex("0300070002") + bytes(60001), bytes.fromhex("0300040001") + bytes(60000),
                  bytes.fromhex("0300070000") + bytes(100), bytes.fromhex("030123ffff") + b"\x05\3\1\x23\xff\xff" * 500]
        records = self.shown(*lists).records
        self.assertEqual([record["sourceTransportPort"] for record in records], [80] * len(lists))
        self.assertEqual(len(records[-3]["basicList"]), 60000)
        self.assertEqual(self.shown(*lists, form="csv").stdout.count("\n"), 1 + len(lists))


if __name__ == "__main__":
    support.main()
