# SPDX-License-Identifier: BSD-2-Clause
"""spanflow show and spanflow collect: files and datagrams made by hand, damage, ends, counters."""

import bz2
import gzip
import lzma
import json
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import support
from support import Case, conversations, pcap, wait_until

EXPORT_TIME = 0x65000000


def message(sequence, *sets, domain=1):
    """An IPFIX message of (set id, octets) pairs."""
    body = b"".join(struct.pack("!HH", kind, 4 + len(data)) + data for kind, data in sets)
    return struct.pack("!HHIII", 10, 16 + len(body), EXPORT_TIME, sequence, domain) + body


def template(number, *fields):
    """A template set of (element, length) or (element, length, PEN) fields."""
    data = struct.pack("!HH", number, len(fields))
    for element, length, *pen in fields:
        data += struct.pack("!HH", element | (0x8000 if pen else 0), length)
        data += struct.pack("!I", *pen) if pen else b""
    return 2, data


ADDRESSES = ((8, 4), (12, 4))

# octets of the types of src/base/elements.def; the others have no fixed length
LENGTHS = {"U8": 1, "U16": 2, "U32": 4, "U64": 8, "S8": 1, "S16": 2, "S32": 4, "S64": 8, "F32": 4,
           "F64": 8, "BOOLEAN": 1, "MAC": 6, "SECONDS": 4, "MILLISECONDS": 8, "MICROSECONDS": 8,
           "NANOSECONDS": 8, "IPV4": 4, "IPV6": 16, "U256": 32}
RELATIVE = (21, 22, 158, 159)  # times that mean nothing outside their message: shown as absolute ones


def all_elements():
    """(element, length) of every element of the registry, variable lengths as 65535. Without lists of
    records, which name templates by numbers that are others in the file."""
    table = Path(__file__).resolve().parents[2] / "src/base/elements.def"
    rows = re.findall(r"(?m)^X\((\d+), \w+, (\w+)\)", table.read_text())
    return [(int(number), LENGTHS.get(kind, 65535)) for number, kind in rows
            if int(number) not in RELATIVE and "SUBTEMPLATE" not in kind]


def records_of(octets):
    """[(fields of its template, its octets)…] of an IPFIX file with records of fixed length."""
    templates, records = {}, []
    while octets:
        length = struct.unpack_from("!H", octets, 2)[0]
        at, end = 16, length
        while at < end:
            kind, size = struct.unpack_from("!HH", octets, at)
            body = octets[at + 4:at + size]
            at += size
            if kind == 2:
                while len(body) >= 4:
                    number, count = struct.unpack_from("!HH", body)
                    templates[number] = [
                        struct.unpack_from("!HH", body, 4 + 4 * i) for i in range(count)]
                    body = body[4 + 4 * count:]
            elif kind >= 256 and kind in templates:
                records.append((templates[kind], body))
        octets = octets[length:]
    return records
TEMPLATE = template(256, *ADDRESSES, (2, 4), (1, 4))


def record(last, packets=1, octets=60):
    return bytes([192, 0, 2, last, 198, 51, 100, 1]) + struct.pack("!II", packets, octets)


def data(*records, number=256):
    return number, b"".join(records)


WHOLE = message(0, TEMPLATE, data(record(1), record(2))) + message(2, data(record(3)))


class Show(Case):
    def show(self, *arguments, status=0, **kwargs):
        done = self.run_plain("show", "--stats", "json", *arguments, **kwargs)
        self.assertEqual(done.status, status, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        return done

    def test_json(self):
        done = self.show("-o", "json", self.file("a.ipfix", WHOLE))
        self.assertEqual([r["sourceIPv4Address"] for r in done.records],
                         ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
        self.assertEqual(done.stats["messages"], 2)
        self.assertEqual(done.stats["packets"], 3)
        self.assertEqual(done.stats["octets"], 180)
        self.assertEqual(done.stats["sequenceGaps"], 0)

    def test_table_and_csv(self):
        file = self.file("a.ipfix", WHOLE)
        lines = self.show("--wide", file).stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertIn("192.0.2.3", lines[3])
        header, *rows = self.show("-o", "csv", file).stdout.splitlines()
        self.assertIn("octetDeltaCount", header.split(","))
        self.assertEqual(len(rows), 3)
        self.assertEqual(self.show("-o", "none", file).stdout, "")

    def test_elements_of_others(self):
        # an unknown element, enterprise elements, a reverse one, strings of variable length, a list
        fields = ((32001, 2), (7, 2, 32473), (82, 65535), (1, 4, 29305), (291, 65535), (82, 4))
        values = (b"\x01\x02" b"\x03\x04" b"\x03eth" b"\0\0\0\x07" b"\x05\x03\x00\x04\x00\x01"
                  b"if\xff\x00")
        done = self.show("-o", "json", self.file(
            "a.ipfix", message(0, template(300, *fields), data(values, number=300))))
        shown = done.records[0]
        self.assertEqual(list(shown), ["ie32001", "pen32473ie7", "interfaceName",
                                       "reverseOctetDeltaCount", "basicList", "interfaceName_2",
                                       "observationDomainId", "exportTime"])
        self.assertEqual(shown["interfaceName"], "eth")
        self.assertEqual(shown["reverseOctetDeltaCount"], 7)
        # octets that are no UTF-8 do not make bad JSON
        self.assertEqual(shown["interfaceName_2"][:2], "if")

    def test_options_records(self):
        options = (3, struct.pack("!HHHHHHH", 400, 2, 1, 149, 4, 41, 8))
        file = self.file("a.ipfix", message(
            0, TEMPLATE, options, data(struct.pack("!IQ", 1, 9), number=400), data(record(1))))
        done = self.show("-o", "json", file)
        self.assertEqual(len(done.records), 1)
        self.assertEqual(done.stats["optionsRecords"], 1)
        done = self.show("-o", "json", "--options", file)
        # the domain is in the record already, and is told once
        self.assertEqual(done.records[0], {"observationDomainId": 1, "exportedMessageTotalCount": 9,
                                           "exportTime": "2023-09-12T06:06:56.000Z"})
        done = self.run_plain("show", "--options", file)
        self.assertEqual(done.status, 2)
        self.assertIn("--options needs -o json", done.stderr)

    def test_compressed_and_standard_input(self):
        file = self.file("a.ipfix.gz", gzip.compress(WHOLE))
        self.assertEqual(len(self.show("-o", "json", file).records), 3)
        with open(file, "rb") as stream:
            self.assertEqual(len(self.show("-o", "json", "-", stdin=stream).records), 3)
        for name, pack in ("gzip", gzip.compress), ("xz", lzma.compress), ("bzip2", bz2.compress):
            file = self.file(f"a.{name}", pack(WHOLE))
            self.assertEqual(len(self.show("-o", "json", file).records), 3)
            cut = self.file(f"cut.{name}", pack(WHOLE)[:-9])
            done = self.show("-o", "json", cut, status=1)
            self.assertIn(f"{cut}: byte ", done.stderr)
            self.assertIn(f"{name}: the compressed data are cut off", done.stderr)
            # two members are one stream
            double = self.file(f"double.{name}", pack(WHOLE) + pack(WHOLE))
            self.assertEqual(len(self.show("-o", "json", double).records), 6)

    def test_nothing_was_read(self):
        """The reason is said, and no statistics of zeros after it."""
        done = self.run_plain("show", self.directory / "missing.ipfix")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("missing.ipfix: No such file", done.stderr)
        # neither a header nor an empty file, which would look like an answer
        self.assertEqual(done.stdout, "")
        for question in (("--by", "src"), ("--sum", "bytes", "-o", "csv")):
            done = self.run_plain("show", self.directory / "missing.ipfix", *question)
            self.assertEqual((done.status, done.stdout), (1, ""))
        folder = self.directory / "folder"
        folder.mkdir()
        (folder / "notes.txt").write_text("neither")
        done = self.run_plain("show", folder, "--by", "src")
        self.assertEqual(done.status, 1)
        self.assertIn("folder: no file of flows and no capture in this directory", done.stderr)
        empty = self.directory / "empty.ipfix"
        done = self.run_plain("show", self.directory / "missing.ipfix", self.directory / "nor-this",
                              "-w", empty)
        self.assertEqual(done.status, 1)
        self.assertIn("none of the 2 files can be read; ", done.stderr)
        self.assertFalse(empty.exists())
        done = self.run_plain("show", self.directory / "missing.ipfix", self.file("b.ipfix", WHOLE))
        self.assertEqual((done.status, done.stdout.count("192.0.2.1")), (1, 1))
        done = self.run_plain("show", "--stats", "json", self.directory / "missing.ipfix")
        self.assertIn('"ended":"eof"', done.stderr)
        done = self.run_plain("show", self.file("a.ipfix", WHOLE))
        self.assertIn("ended at the end of the input\n", done.stderr)

    def test_cut_off(self):
        file = self.file("a.ipfix", WHOLE[:-5])
        done = self.show("-o", "json", file, status=1)
        self.assertEqual(len(done.records), 2)
        self.assertIn(f"spanflow: {file}: byte {len(WHOLE) - 5}: the message is cut off: 31 of "
                      "36 bytes are there", done.stderr)

    def test_damaged_among_others(self):
        damaged = self.file("a.ipfix", message(0, TEMPLATE) + b"\xff" * 9
                            + message(0, data(record(1))))
        whole = self.file("b.ipfix", WHOLE)
        missing = str(self.directory / "none.ipfix")
        done = self.show("-o", "json", damaged, missing, whole, status=1)
        self.assertEqual(len(done.records), 4)
        self.assertIn("byte 40: no IPFIX message begins here; 9 bytes passed over", done.stderr)
        self.assertIn(f"{missing}: No such file or directory", done.stderr)

    def test_other_files(self):
        capture = self.file("a.pcap", pcap(conversations(1)))
        self.assertEqual(len(self.show("-o", "json", capture).records), 1)
        text = self.file("notes.txt", b"no flows")
        done = self.show(text, status=1)
        self.assertIn("notes.txt: not an IPFIX file", done.stderr)
        done = self.run_plain("show")
        self.assertEqual(done.status, 2)

    def test_empty_file(self):
        self.assertEqual(self.show("-o", "json", self.file("a.ipfix", b"")).stdout, "")

    def test_output_that_fails(self):
        whole, empty = self.file("a.ipfix", WHOLE), self.file("b.ipfix", b"")
        for form, file in (("json", whole), ("csv", whole), ("table", whole),
                           # no record, but a header
                           ("csv", empty), ("table", empty)):
            with open("/dev/full", "wb") as full:
                done = self.run_plain("show", "--stats", "json", "-o", form, file, stdout=full)
            self.assertEqual((done.status, done.stats["ended"]), (1, "output"))
            self.assertIn("No space left on device", done.stderr)

    def test_reader_that_goes_away(self):
        long = self.file("a.ipfix", self.long(2000))
        for form in ("json", "csv", "table"):
            process = self.start("show", "-q", "-o", form, long, stdout=subprocess.PIPE)
            process.stdout.readline()
            process.stdout.close()
            done = self.end(process)
            self.assertEqual((done.status, done.stderr), (1, ""))

    def long(self, messages):
        """A file of so many messages of 200 records each."""
        records = data(*[record(i) for i in range(200)])
        return message(0, TEMPLATE) + b"".join(message(200 * i, records) for i in range(messages))

    def open(self, *arguments):
        """`show` on a pipe that stays open, after it has decoded what fills its buffers."""
        process = self.start("show", "--stats", "json", *arguments, "-", stdin=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        process.stdin.write(self.long(200))
        process.stdin.flush()
        wait_until(lambda: "192.0.2." in self.printed(), "records")
        time.sleep(0.3)  # until it waits for more, which does not come
        return process

    def test_statistics_on_request(self):
        for form in ("json", "csv", "table"):
            process = self.open("-o", form)
            process.send_signal(signal.SIGUSR1)
            process.stdin.write(self.long(200))
            process.stdin.close()
            done = self.end(process)
            self.assertEqual(done.status, 0, done.stderr)
            asked, last = map(json.loads, done.stderr.splitlines())
            self.assertEqual((asked["ended"], last["ended"]), ("request", "eof"))
            self.assertIs(asked["balanced"], True, asked)
            self.assertIs(last["balanced"], True, last)
            self.assertLess(asked["records"], last["records"])
            self.assertEqual(last["records"], 80000)

    def test_signals_end_it_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.open("-o", "json")
            process.send_signal(number)
            done = self.end(process)
            self.assertEqual((done.status, len(done.stderr.splitlines())), (0, 1), done.stderr)
            self.assertEqual(done.stats["ended"], number.name)
            self.assertIs(done.stats["balanced"], True, done.stats)
            self.assertEqual(len(done.records), done.stats["records"])

    def test_signal_while_a_reader_is_slow(self):
        file = self.file("a.ipfix", self.long(2000))
        for form, head in (("json", 0), ("csv", 1), ("table", 1)):
            process = self.start("show", "--stats", "json", *support.output(form), file,
                                 stdout=subprocess.PIPE)
            time.sleep(0.5)  # nothing is read: the pipe is full by now
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            lines = process.stdout.read().count(b"\n")
            process.stdout.close()
            done = self.end(process)
            self.assertEqual((done.status, done.stats["ended"]), (0, "SIGTERM"), done.stderr)
            self.assertIs(done.stats["balanced"], True, done.stats)
            self.assertEqual(lines - head, done.stats["records"])
            self.assertLess(done.stats["records"], 400000)

    def test_what_meter_writes(self):
        capture = self.file("a.pcap", pcap(conversations(50)))
        for options in ([], ["--biflow"]):
            file = str(self.directory / "a.ipfix")
            metered = self.meter("-r", capture, "-o", "json", "-w", file, "--force", *options)
            shown = self.show("-o", "json", file)
            # the file says besides which message each record was in
            records = [{key: value for key, value in shown_record.items()
                        if key not in ("observationDomainId", "exportTime")}
                       for shown_record in shown.records]
            self.assertEqual(sorted(map(str, records)), sorted(map(str, metered.records)))
            self.assertEqual(shown.stats["packets"], metered.stats["metered"]["packets"])
            self.assertEqual(shown.stats["octets"], metered.stats["metered"]["octets"])
            # of the file it is not known whether tunnels were opened or records folded: show has their columns in any
            # case
            for form, columns in (("table", []), ("csv", ["--fields", "extended", "--fold", "lost"])):
                self.assertEqual(
                    sorted(map(self.without_origin, self.show(
                        *support.output(form), file, *options).stdout.splitlines())),
                    sorted(self.meter("-r", capture, *support.output(form), *columns,
                                      *options).stdout.splitlines()))

    @staticmethod
    def without_origin(line):
        """A line of CSV or of the table without the columns that tell where its record came from."""
        if "," in line:
            return line.rsplit(",", 6)[0]
        if line.startswith("Start"):
            return re.sub(r" +Exporter +Domain +Exported$", "", line)
        return re.sub(r" +- +\d+ +(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\dZ(?= |$)", "", line)


class Receiving(Case):
    def collect(self, *arguments):
        """Starts a collector on a free port; returns process and port."""
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "-o", "json", "--stats", "json",
                             *arguments)
        wait_until(lambda: "listening on" in self.printed("stderr"), "listening")
        return process, int(re.search(r"listening on udp://127\.0\.0\.1:(\d+)",
                                      self.printed("stderr")).group(1))

    def send(self, port, *messages, sender=None):
        sender = sender or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for octets in messages:
            sender.sendto(octets, ("127.0.0.1", port))
        return sender

    def finish(self, process, status=0):
        done = self.end(process)
        self.assertEqual(done.status, status, done.stderr)
        self.assertIs(done.stats["balanced"], True, done.stats)
        self.assertEqual(done.stats["dropped"]["kernel"], 0)
        return done


class Collect(Receiving):
    def test_signals_end_it_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process, port = self.collect()
            # what has arrived before the signal is decoded, though nobody waits for it
            with self.send(port, message(0, TEMPLATE, data(record(1), record(2)))):
                process.send_signal(number)
                done = self.finish(process)
            self.assertEqual(len(done.records), 2)
            self.assertEqual(done.stats["ended"], number.name)

    # [RFC5471-3.2.1-1] [RFC5471-3.2.4-1]
    def test_every_element_passes_through(self):
        # elements that spanflow does not meter, and one twice: told apart by its position
        elements = all_elements()
        self.assertGreater(len(elements), 450)
        path = self.directory / "all.ipfix"
        process, port = self.collect("-w", str(path), "-o", "none")
        sent = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for first in range(0, len(elements), 30):
                fields = elements[first:first + 30] + elements[first:first + 1]
                values = b""
                for position, (_, length) in enumerate(fields):
                    if length == 65535:
                        values += bytes([5]) + bytes([0x61 + position] * 5)
                    else:
                        values += bytes([position + 1] * length)
                number = 300 + first
                self.send(port, message(len(sent), template(number, *fields), (number, values)),
                          sender=sender)
                sent.append((fields, values))
            process.send_signal(signal.SIGINT)
            self.finish(process)
        got = records_of(path.read_bytes())
        self.assertEqual(len(got), len(sent))
        for (fields, values), (specs, octets) in zip(sent, got):
            self.assertEqual(specs[:len(fields)], fields)
            self.assertEqual(octets[:len(values)], values)

    # [RFC7011-9-1]
    def test_over_tcp(self):
        """A meter's connection, one that carries something else, and one that is cut in a message."""
        process, _ = self.collect("-l", "tcp://127.0.0.1:0")
        port = int(re.search(r"tcp://127\.0\.0\.1:(\d+)", self.printed("stderr")).group(1))
        capture = self.file("a.pcap", pcap(conversations(500)))
        # not by start(): that would empty the output of the collector
        sent = json.loads(subprocess.run(
            [support.SPANFLOW, "meter", "-r", capture, "-e", f"tcp://127.0.0.1:{port}", "--stats",
             "json"], stderr=subprocess.PIPE, check=True, timeout=60).stderr.splitlines()[-1])
        for octets in b"GET / HTTP/1.0\r\n\r\n", WHOLE[:-1]:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(octets)
        wait_until(lambda: "in the middle of a message" in self.printed("stderr"), "words")
        process.send_signal(signal.SIGTERM)
        done = self.finish(process)
        self.assertEqual(len(done.records), sent["collectors"][0]["records"] + 2)
        self.assertEqual(done.stats["connections"], {"accepted": 3, "refused": 0, "broken": 2})
        self.assertEqual((done.stats["missingTemplate"], done.stats["sequenceGaps"]), (0, 0))
        self.assertIn("this is not IPFIX", done.stderr)

    def test_count(self):
        process, port = self.collect("-c", "3")
        with self.send(port, message(0, TEMPLATE, data(*[record(i) for i in range(5)]))):
            done = self.finish(process)
        self.assertEqual(len(done.records), 3)
        self.assertEqual((done.stats["records"], done.stats["ended"]), (3, "count"))

    def test_duration_and_idleness(self):
        for option, reason in (("--duration", "duration"), ("--idle-exit", "idle")):
            process, port = self.collect(option, "2s")
            with self.send(port, message(0, TEMPLATE, data(record(1)))):
                done = self.finish(process)
            self.assertEqual((len(done.records), done.stats["ended"]), (1, reason))

    def test_records_come_at_once(self):
        process, port = self.collect()
        with self.send(port, message(0, TEMPLATE, data(record(1)))):
            wait_until(lambda: self.printed().endswith("\n"), "the record")
            process.terminate()
            self.finish(process)

    def test_several_sockets(self):
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "-l", "udp://[::]:0", "-o",
                             "json", "--stats", "json", "-c", "2")
        wait_until(lambda: self.printed("stderr").count("listening on") == 2, "listening")
        for port in re.findall(r"listening on udp://\S+:(\d+)", self.printed("stderr")):
            self.send(int(port), message(0, TEMPLATE, data(record(1)))).close()
        self.assertEqual(len(self.finish(process).records), 2)

    def test_every_address_of_a_name(self):
        names = {family[4][0] for family in socket.getaddrinfo("localhost", 0, type=socket.SOCK_DGRAM)}
        for url, addresses in (("udp://localhost:0", names), ("udp://:0", {"127.0.0.1", "::1"})):
            process = self.start("collect", "-l", url, "-o", "json", "--stats", "json", "-c",
                                 len(addresses))
            wait_until(lambda: self.printed("stderr").count("\n") == (
                len(names) if "localhost" in url else 1), "listening")
            ports = set(re.findall(r"listening on udp://\S+:(\d+)", self.printed("stderr")))
            self.assertEqual(len(ports), 1)
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as sender:
                    sender.sendto(message(0, TEMPLATE, data(record(1))), (address, int(*ports)))
            done = self.finish(process)
            self.assertEqual({r.get("exporterIPv4Address", r.get("exporterIPv6Address"))
                              for r in done.records}, addresses)

    def test_signals_between_the_datagrams_of_a_batch(self):
        """Each datagram is work for tens of milliseconds; a signal does not wait for all of them."""
        fields = ((82, 0),) * 511 + ((4, 1),)
        process, port = self.collect()
        with self.send(port, message(0, template(256, *fields))) as sender:
            self.send(port, *[message(0, data(bytes(60000)))] * 200, sender=sender)
            wait_until(lambda: self.printed(), "records")
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            done = self.end(process)
        self.assertLess(time.monotonic() - began, 2)  # 0.15 s and what is under way, when idle
        self.assertEqual((done.status, done.stats["ended"]), (0, "SIGTERM"))
        self.assertIs(done.stats["balanced"], True)
        self.assertEqual(done.stats["setsCut"],
                         done.stats["datagrams"] - done.stats["dropped"]["undecoded"] - 1)
        # those that were still in the socket are known, too
        self.assertEqual(done.stats["datagrams"] + done.stats["dropped"]["kernel"], 201)

    def test_refused_templates_are_named(self):
        process, port = self.collect("-c", "1")
        with self.send(port, *[message(0, template(256, (82, 0)))] * 3,
                       message(0, TEMPLATE, data(record(1)))):
            done = self.finish(process)
        self.assertRegex(done.stderr, r"spanflow: 127\.0\.0\.1:\d+: template 256 of domain 1 is "
                                      r"refused: all its fields have the length 0\n")
        self.assertEqual(done.stderr.count("refused: "), 1)
        self.assertEqual(done.stats["templatesRefused"], 3)

    def test_bad_messages_are_named_and_counted(self):
        process, port = self.collect("-c", "1")
        bad = message(0, TEMPLATE, data(record(1)))
        with self.send(port, b"\0\1", bad[:-1], message(0, (99, b"")), message(0, (300, b"1234")),
                       message(0, (2, struct.pack("!HH", 256, 0))),
                       message(0, TEMPLATE, data(record(1)))):
            done = self.finish(process)
        self.assertIn("byte 0: version 1 is none of 5, 9 and 10", done.stderr)
        self.assertRegex(done.stderr, r"message from 127\.0\.0\.1:\d+: byte 2: message length "
                                      r"\d+, but only \d+ bytes arrived")
        for counter in ("unknownVersion", "malformed", "unknownSets", "missingTemplate",
                        "withdrawalsIgnored"):
            self.assertEqual(done.stats[counter], 1, counter)

    # [RFC7011-8-6] [RFC5471-3.5.5-1]
    def test_templates_belong_to_their_sender(self):
        process, port = self.collect("-c", "2")
        with self.send(port, message(0, TEMPLATE)) as first, \
                self.send(port, message(0, data(record(1)))) as second:
            self.send(port, message(0, data(record(2)), domain=2), sender=first)
            self.send(port, message(0, data(record(3))), sender=first)
            self.send(port, message(0, TEMPLATE, data(record(4))), sender=second)
            done = self.finish(process)
        self.assertEqual([r["sourceIPv4Address"] for r in done.records],
                         ["192.0.2.3", "192.0.2.4"])
        self.assertEqual(done.stats["missingTemplate"], 2)

    def test_statistics_on_request(self):
        # a record waits in a message of the file that is not full
        process, port = self.collect("-w", str(self.directory / "a.ipfix"))
        with self.send(port, message(0, TEMPLATE, data(record(1)))):
            wait_until(lambda: self.printed().endswith("\n"), "the record")
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.printed("stderr").endswith("}\n"), "statistics")
        stats = json.loads(self.printed("stderr").splitlines()[-1])
        self.assertEqual((stats["ended"], stats["records"]), ("request", 1))
        self.assertEqual([stats["outputs"][0][place]["records"] for place in
                          ("offered", "skippedTotal", "lostTotal")], [1, 0, 0])
        self.assertIs(stats["balanced"], True)
        process.terminate()
        self.finish(process)

    def test_output_that_goes_away(self):
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "-o", "json",
                             stdout=subprocess.PIPE)
        wait_until(lambda: "listening on" in self.printed("stderr"), "listening")
        port = int(re.search(r":(\d+)\n", self.printed("stderr")).group(1))
        process.stdout.close()
        with self.send(port, message(0, TEMPLATE, data(record(1)))):
            self.assertEqual(self.end(process).status, 1)

    def test_wrong(self):
        busy = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(busy.close)
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        for url, status, words in (
                ("http://127.0.0.1:1", 2, "expected udp://HOST:PORT"),
                ("udp://::1:4739", 2, "expected udp://HOST:PORT"),
                ("udp://127.0.0.1:65536", 2, "expected udp://HOST:PORT"),
                ("udp://nonexistent.invalid:1", 1, "nonexistent.invalid"),
                (f"udp://127.0.0.1:{port}", 1, "Address already in use")):
            done = self.run_plain("collect", "-l", url)
            self.assertEqual(done.status, status, url)
            self.assertIn(f"--listen {url}: ", done.stderr)
            self.assertIn(words, done.stderr)


class Relay(threading.Thread):
    """Passes datagrams on, but for those whose number is in `lost`; knows what those held."""

    def __init__(self, port, lost):
        super().__init__()
        self.port, self.lost = port, lost
        self.inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.inside.bind(("127.0.0.1", 0))
        self.inside.settimeout(0.2)
        self.outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.number, self.units, self.idle = 0, 0, False
        self.sizes = {}  # of an IPFIX record, by template
        self.told, self.untold = False, 0  # templates passed on; data sets passed on before them

    def run(self):
        while True:
            try:
                octets = self.inside.recv(65536)
            except socket.timeout:
                if self.idle:
                    break
                continue
            units = self.units_of(octets)
            if self.number in self.lost:
                self.units += units
            else:
                self.outside.sendto(octets, ("127.0.0.1", self.port))
                self.look_for_templates(octets)
            self.number += 1
        self.inside.close()
        self.outside.close()

    def look_for_templates(self, octets):
        for kind, _ in self.sets(octets):
            self.told |= kind in (0, 2)
            self.untold += kind >= 256 and not self.told

    @staticmethod
    def sets(octets):
        """(id, content) of the sets of v9 and IPFIX."""
        at = {5: len(octets), 9: 20, 10: 16}[octets[1]]
        while at < len(octets):
            kind, length = struct.unpack_from("!HH", octets, at)
            yield kind, octets[at + 4:at + length]
            at += length

    def units_of(self, octets):
        """What the sequence number counts: v5 flows, v9 messages, IPFIX data records."""
        version, count = struct.unpack_from("!HH", octets)
        if version == 9:
            return 1
        if version == 5:
            return count
        records = 0
        for kind, content in self.sets(octets):
            if kind == 2:
                self.learn(content)
            elif kind >= 256:
                records += len(content) // self.sizes[kind]
        return records

    def learn(self, templates):
        """Templates of IANA elements of fixed length: four octets for each field."""
        at = 0
        while len(templates) - at >= 4:
            number, fields = struct.unpack_from("!HH", templates, at)
            at += 4
            self.sizes[number] = sum(struct.unpack_from("!HH", templates, at + 4 * i)[1]
                                     for i in range(fields))
            at += 4 * fields


class Loss(Receiving):
    """Datagrams that are lost on the way are counted in each protocol's own unit."""

    def run_through_relay(self, scheme, lost, options):
        """400 flows in datagrams of at most 1500 octets; returns what the collector did, the relay
        and the records sent."""
        capture = self.file("a.pcap", pcap(conversations(400, packets=1)))
        process, port = self.collect()
        relay = Relay(port, lost)
        relay.start()
        url = f"{scheme}://127.0.0.1:{relay.inside.getsockname()[1]},rate=5000,mtu=1500{options}"
        metered = subprocess.run(
            [support.SPANFLOW, "meter", "-r", capture, "-o", "none", "--stats", "json", "-e", url],
            stderr=subprocess.PIPE, check=True, timeout=support.TIMEOUT)
        relay.idle = True
        relay.join()
        process.terminate()
        statistics = json.loads(metered.stderr)
        self.check_counters(statistics)
        return self.finish(process), relay, statistics["collectors"][0]["records"]

    def test_gaps(self):
        for scheme in ("ipfix", "netflow9", "netflow5"):
            # datagrams with data alone, well behind the templates
            done, relay, sent = self.run_through_relay(
                scheme, {7, 8, 11}, "" if scheme == "netflow5" else ",options=no")
            self.assertGreater(relay.number, 12)
            self.assertGreater(relay.units, 0)
            self.assertEqual(done.stats["sequenceLost"], relay.units, scheme)
            self.assertEqual(done.stats["sequenceGaps"], 2, scheme)
            if scheme != "netflow9":
                self.assertEqual(len(done.records), sent - relay.units, scheme)
            else:
                self.assertLess(len(done.records), sent)

    def test_collector_that_comes_late(self):
        # all decodes from the first repetition of the templates on: RFC 7011 §8.4, RFC 3954 §7
        for scheme in ("ipfix", "netflow9"):
            done, relay, sent = self.run_through_relay(
                scheme, set(range(4)), ",options=no,template-refresh-packets=6")
            self.assertGreater(relay.untold, 0, scheme)
            self.assertEqual(done.stats["missingTemplate"], relay.untold, scheme)
            self.assertEqual(done.stats["malformed"], 0)
            self.assertEqual(done.stats["messages"], relay.number - 4)
            self.assertGreater(len(done.records), 0, scheme)
            self.assertLess(len(done.records), sent, scheme)


if __name__ == "__main__":
    support.main()
