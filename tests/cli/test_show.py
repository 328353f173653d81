# SPDX-License-Identifier: BSD-2-Clause
"""spanflow show: IPFIX files made by hand, damage, compression, captures."""

import bz2
import gzip
import json
import lzma
import re
import signal
import struct
import subprocess

import support
from messages import TEMPLATE, WHOLE, data, message, record, template
from support import Case, conversations, deliver, pcap, settle, unread, wait_until


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
        # until it waits for more, which does not come
        settle(process, process.stdin)
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
            # nothing is read
            wait_until(lambda: unread(process.stdout) > 60000, "a full pipe")
            settle(process)
            deliver(process, signal.SIGTERM)
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


if __name__ == "__main__":
    support.main()
