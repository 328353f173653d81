# SPDX-License-Identifier: BSD-2-Clause
"""spanflow collect: datagrams made by hand, damage, ends, counters, losses on the way."""

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
from messages import TEMPLATE, WHOLE, data, message, record, template
from support import Case, conversations, pcap, wait_until


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


class Receiving(Case):
    def collect(self, *arguments):
        """Starts a collector on a free port; returns process and port."""
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "-o", "json", "--stats", "json",
                             *arguments)
        return process, int(self.said(r"listening on udp://127\.0\.0\.1:(\d+)").group(1))

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
        port = int(self.said(r"listening on tcp://127\.0\.0\.1:(\d+)").group(1))
        capture = self.file("a.pcap", pcap(conversations(500)))
        # not by start(): that would empty the output of the collector
        sent = json.loads(subprocess.run(
            [support.SPANFLOW, "meter", "-r", capture, "-e", f"tcp://127.0.0.1:{port}", "--stats",
             "json"], stderr=subprocess.PIPE, check=True, timeout=support.TIMEOUT).stderr.splitlines()[-1])
        for octets in b"GET / HTTP/1.0\r\n\r\n", WHOLE[:-1]:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(octets)
        self.told("in the middle of a message")
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
        names = support.addresses("localhost")
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
        """Each datagram is work for tens of milliseconds; a second signal waits for one at most."""
        fields = ((82, 0),) * 511 + ((4, 1),)
        process, port = self.collect()

        def size():
            return (self.directory / "stdout").stat().st_size

        with self.send(port, message(0, template(256, *fields))) as sender:
            self.send(port, *[message(0, data(bytes(60000)))] * 200, sender=sender)
            wait_until(size, "records")
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: not support.signal_in(process, "ShdPnd", signal.SIGTERM), "delivery")
            # more than one write: the handler has run
            begun = size()
            wait_until(lambda: size() > begun + 65536 or process.poll() is not None, "more records")
            support.stop_for_a_while(process)
            stopped = size()
            time.sleep(1.1)  # signals within a second are one
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            done = self.end(process)
        self.assertEqual((done.status, done.stats["ended"]), (0, "SIGTERM"))
        self.assertIs(done.stats["balanced"], True)
        self.assertEqual(done.stats["setsCut"],
                         done.stats["datagrams"] - done.stats["dropped"]["undecoded"] - 1)
        self.assertGreater(done.stats["dropped"]["undecoded"], 0)
        self.assertLess(size() - stopped, 2 * size() / done.stats["setsCut"])
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
        port = int(self.said(r"listening on \S+:(\d+)\n").group(1))
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
        support.enlarge_buffer(self.inside)
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
