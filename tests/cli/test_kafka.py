# SPDX-License-Identifier: BSD-2-Clause
"""Records to Kafka: what messages hold, and where records are when the broker is away."""

import ipaddress
import json
import os
import select
import shutil
import subprocess
import time
import unittest
from datetime import datetime
from pathlib import Path

import support
from kafka_front import Front, tls_context
from support import Case, conversations, pcap
from test_tls import Certificates

DEMO = Path(__file__).resolve().parents[2] / "pcaps" / "demo.pcap"

# Errors of Kafka's protocol.
TOO_LARGE, OUT_OF_ORDER, INVALID_RECORD = 10, 45, 87
# All messages of a pack leave in one request.
ONE_BATCH = ",partition=exporter,rdkafka.linger.ms=500"

# Fields of GoFlow2's FlowMessage, and the elements that tell the same.
NUMBERS = {9: "octetDeltaCount", 10: "packetDeltaCount", 20: "protocolIdentifier", 21: "sourceTransportPort",
           22: "destinationTransportPort", 26: "tcpControlBits", 18: "ingressInterface", 23: "ipClassOfService",
           25: "minimumTTL", 29: "dot1qVlanId", 70: "observationDomainId"}
ADDRESSES = {6: "sourceIP%sAddress", 7: "destinationIP%sAddress"}
MACS = {27: "sourceMacAddress", 28: "destinationMacAddress"}


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """The fields of a message behind its length: number -> value."""
    length, at = varint(data, 0)
    assert at + length == len(data), (at, length, data)
    found = {}
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        assert tag >> 3 not in found
        found[tag >> 3] = value
    return found


class Broker:
    """tests/support/kafka_mock.c."""

    def __init__(self, case, prefix=(), file="messages"):
        self.process = subprocess.Popen([*prefix, os.environ["KAFKA_MOCK"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        case.addCleanup(self.process.wait)
        case.addCleanup(self.process.stdout.close)
        case.addCleanup(self.process.stdin.close)
        self.file = case.directory / file
        self.address = self.process.stdout.readline().split()[1]

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1])

    def read(self, count):
        """(partition, key, value) of all messages; waits until there are so many."""
        self.say(f"read flows {count} {self.file}")
        return [(int(p), key, bytes.fromhex(value)) for p, key, value in
                (line.split() for line in self.file.read_text().splitlines())]


class Kafka(Case):
    def setUp(self):
        super().setUp()
        self.broker = Broker(self)
        self.capture = self.file("a.pcap", pcap(conversations(300)))

    def url(self, options=""):
        return f"kafka://{self.broker.address}/flows,rdkafka.reconnect.backoff.max.ms=100{options}"

    def meter(self, options="", *more, capture=None, status=0, patience="60s"):
        done = subprocess.run(
            [support.SPANFLOW, "meter", "-r", capture or self.capture, "--stats", "json", "--stop-timeout",
             patience, "-e", self.url(options), *more], capture_output=True, text=True, timeout=support.TIMEOUT)
        self.assertEqual(done.returncode, status, done.stderr)
        self.words = done.stderr
        stats = json.loads(done.stderr.splitlines()[-1])
        self.assertTrue(stats["balanced"], done.stderr)
        return stats["collectors"][0]

    def printed_records(self, capture, *more):
        return self.run_plain("meter", "-r", capture, "-o", "json", *more).stdout.splitlines()

    def test_json_is_what_o_json_prints(self):
        capture = DEMO
        printed = self.printed_records(capture)
        place = self.meter(capture=capture)
        self.assertEqual(place["records"], len(printed))
        messages = self.broker.read(len(printed))
        self.assertEqual(sorted(value.decode() for _, _, value in messages), sorted(printed))
        # both directions of a flow have one key and one partition, and flows are spread
        flows = {}
        for partition, key, value in messages:
            record = json.loads(value)
            ends = frozenset((record.get(f"{side}IPv4Address", record.get(f"{side}IPv6Address")),
                              record.get(f"{side}TransportPort")) for side in ("source", "destination"))
            flows.setdefault((ends, record["protocolIdentifier"]), set()).add((partition, key))
        self.assertEqual([v for v in flows.values() if len({p for p, _ in v}) > 1], [])
        self.assertGreater(len({p for p, _, _ in messages}), 1)

    def test_several_records_in_a_message(self):
        printed = self.printed_records(self.capture)
        for form in "json", "flowmessage":
            self.broker = Broker(self)
            place = self.meter(f",records=100,format={form}")
            self.assertEqual((place["records"], place["messages"] < 12), (300, True))
            values = [value for _, _, value in self.broker.read(place["messages"])]
            if form == "json":
                lines = [line for value in values for line in value.decode().split("\n")]
                self.assertEqual(sorted(lines), sorted(printed))
                continue
            count = 0
            for value in values:
                while value:
                    length, at = varint(value, 0)
                    fields(value[:at + length])
                    value = value[at + length:]
                    count += 1
            self.assertEqual(count, 300)

    def test_anonymised_and_sampled_as_a_file(self):
        """The records of a file with the same options, and keys that do not tell the true addresses."""
        options = f",anonymize=cryptopan:{self.file('key', bytes(range(32)))},sample=2,small=20:skip"
        written = self.directory / "a.ipfix"
        self.run_plain("meter", "-r", DEMO, "-w", f"{written}{options}")
        shown = self.run_plain("show", "-o", "json", written).stdout.splitlines()
        printed = self.printed_records(DEMO)
        self.assertTrue(0 < len(shown) < len(printed))
        self.meter(capture=DEMO)
        true_keys = {key for _, key, _ in self.broker.read(len(printed))}
        for form in "json", "flowmessage":
            self.broker = Broker(self)
            place = self.meter(f"{options},format={form}", capture=DEMO)
            self.assertEqual(place["records"], len(shown))
            self.assertGreater(place["skipped"]["notSampled"], 0)
            self.assertGreater(place["skipped"]["small"], 0)
            messages = self.broker.read(len(shown))
            self.assertEqual(true_keys & {key for _, key, _ in messages}, set())
            if form == "json":
                # what a file adds
                lines = [line[:line.index(',"observationDomainId"')] + "}" for line in shown]
                self.assertEqual(sorted(value.decode() for _, _, value in messages), sorted(lines))
                continue
            found = [fields(value) for _, _, value in messages]
            self.assertEqual({message[3] for message in found}, {2})
            self.assertEqual(sorted((self.told(message) for message in found), key=repr),
                             sorted((self.expected(json.loads(line)) for line in shown), key=repr))

    def test_flowmessage_tells_the_same(self):
        for capture in DEMO, DEMO.with_name("mpls.pcap"):
            self.broker = Broker(self)
            printed = [json.loads(line) | {"observationDomainId": 7} for line in self.printed_records(capture)]
            self.meter(",format=flowmessage,partition=exporter,sampler=192.0.2.9", "--domain", "7",
                       capture=capture)
            messages = self.broker.read(len(printed))
            self.assertEqual(len({p for p, _, _ in messages}), 1)
            found = [fields(value) for _, _, value in messages]
            for message in found:
                self.assertEqual((message[1], message[3]), (4, 1))
                self.assertEqual(message[11], ipaddress.ip_address("192.0.2.9").packed)
            self.assertEqual(sorted((self.told(message) for message in found), key=repr),
                             sorted((self.expected(record) for record in printed), key=repr))
            self.assertEqual(sorted(message[4] for message in found), list(range(1, len(printed) + 1)))

    @staticmethod
    def told(message):
        return ({name: message.get(number, 0) for number, name in NUMBERS.items()},
                {number: str(ipaddress.ip_address(message[number])) for number in ADDRESSES},
                {number: message.get(number, 0) for number in MACS},
                varint(message.get(81, b"\0"), 0)[0], message.get(31, 0) << 8 | message.get(32, 0),
                message[30], message[111] // 10**6, message[112] // 10**6)

    @staticmethod
    def expected(record):
        version = "v4" if "sourceIPv4Address" in record else "v6"

        def ms(name):
            return round(datetime.fromisoformat(record[name].replace("Z", "+00:00")).timestamp() * 1000)
        icmp = record["protocolIdentifier"] in (1, 58)
        numbers = {name: 0 if icmp and "Port" in name or name not in record else int(record[name])
                   for name in NUMBERS.values()}
        return (numbers,
                {number: record[name % version] for number, name in ADDRESSES.items()},
                {number: int(record.get(name, "0").replace(":", ""), 16) for number, name in MACS.items()},
                int(record.get("mplsTopLabelStackSection", "0"), 16) >> 4,
                record.get(f"icmpTypeCodeIP{version}", 0),
                0x800 if version == "v4" else 0x86dd, ms("flowStartMilliseconds"), ms("flowEndMilliseconds"))

    def test_a_broker_that_is_away_and_comes_back(self):
        """Without a spool what it does not get is lost by name; what it gets later is not lost."""
        self.broker.say("down")
        place = self.meter(status=1, patience="3s")
        self.assertEqual(place["lost"]["unreachable"], 300)
        self.assertIn("takes no records", self.words)
        run = subprocess.Popen(
            [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "-e", self.url()],
            stderr=subprocess.PIPE, text=True)
        # librdkafka says so at once as a rule, but may wait for its first connection
        select.select([run.stderr], [], [], 5)
        self.broker.say("up")
        words = run.communicate(timeout=support.TIMEOUT)[1]
        self.assertEqual(run.returncode, 0, words)
        self.assertEqual("takes no records" in words, "takes records again" in words, words)
        self.assertEqual(json.loads(words.splitlines()[-1])["collectors"][0]["records"], 300)
        self.assertEqual(len(self.broker.read(300)), 300)

    def test_a_spool_survives_the_run(self):
        spool = self.directory / "spool"
        spool.mkdir()
        self.broker.say("down")
        for runs in 1, 2:
            place = self.meter("", "--spool", spool, patience="300ms")
            self.assertEqual((place["inherited"]["records"], place["spooled"]["records"]),
                             (300 * (runs - 1), 300 * runs))
        self.broker.say("up")
        place = self.meter("", "--spool", spool)
        self.assertEqual((place["inherited"]["records"], place["records"], place["spooled"]["records"]),
                         (600, 900, 0))
        messages = self.broker.read(900)
        self.assertLessEqual(len(messages) - 900, place["repeated"]["records"])
        self.assertEqual(len({value for _, _, value in messages}), 300)
        # the other format has a spool of its own
        self.broker.say("down")
        self.meter("", "--spool", spool, patience="300ms")
        other = self.meter(",format=flowmessage", "--spool", spool, patience="300ms")
        self.assertEqual(other["inherited"]["records"], 0)

    def test_a_broker_that_goes_in_the_middle(self):
        data = pcap(conversations(20000))
        for options in [], ["--spool", self.directory]:
            run = subprocess.Popen(
                [support.SPANFLOW, "meter", "-r", "-", "--stats", "json", "-e", self.url(), *options],
                stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            run.stdin.write(data[:len(data) // 2])
            self.broker.say("down")
            time.sleep(0.1)
            run.stdin.write(data[len(data) // 2:])
            run.stdin.flush()
            self.broker.say("up")
            words = run.communicate(timeout=support.TIMEOUT)[1].decode()
            self.assertEqual(run.returncode, 0, words)
            stats = json.loads(words.splitlines()[-1])
            self.assertTrue(stats["balanced"])
            place = stats["collectors"][0]
            self.assertEqual(place["records"] + place["spooled"]["records"], place["offered"]["records"])

    def share(self, way, goes, options=(), size=300):
        """Two brokers share the records, the first one is away when `goes` says so. What each run tells of each."""
        self.brokers = self.broker, other = Broker(self), Broker(self, file="other")
        data = pcap(conversations(size))
        if goes == "start":
            self.broker.say("down")
        run = subprocess.Popen(
            [support.SPANFLOW, "meter", "-r", "-", "--stats", "json", "--stop-timeout", "5s", way,
             *(x for b in self.brokers for x in ("-e", self.url().replace(self.broker.address, b.address))), *options],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdin.write(data[:len(data) // 2])
        run.stdin.flush()
        if goes == "middle":
            self.broker.say("down")
        run.stdin.write(data[len(data) // 2:])
        run.stdin.flush()
        if goes == "end":
            self.broker.say("down")
        self.words = run.communicate(timeout=support.TIMEOUT)[1].decode()
        stats = json.loads(self.words.splitlines()[-1])
        self.assertTrue(stats["balanced"], self.words)
        places = stats["collectors"]
        self.assertEqual(places[0]["offered"], places[1]["offered"])
        self.assertEqual(sum(p["records"] + p["spooled"]["records"] + p["lostTotal"]["records"] for p in places),
                         places[0]["offered"]["records"])
        self.broker.say("up")
        for broker, place in zip(self.brokers, places):
            values = [value for _, _, value in broker.read(place["records"])]
            self.assertGreaterEqual(len(set(values)), place["records"])
        return places

    def test_brokers_share_the_records(self):
        """Whenever a broker goes, each record is at the other one, in the spool, or lost by name."""
        for way, goes in ("--balance", "start"), ("--balance", "middle"), ("--fail-over", "start"), \
                         ("--fail-over", "end"):
            with self.subTest(way=way, goes=goes):
                places = self.share(way, goes)
                if way == "--balance":
                    self.assertGreater(places[1]["records"], 0)
                spool = self.directory / f"{way}{goes}"
                spool.mkdir()
                places = self.share(way, goes, ["--spool", spool])
                self.assertEqual(sum(p["lostTotal"]["records"] for p in places), 0, self.words)

    def test_a_spool_that_is_full(self):
        """What has no room in the spool is lost by name; what has is sent by the next run."""
        capture = self.file("b.pcap", pcap(conversations(30000)))
        self.broker.say("down")
        for drop in "oldest", "newest":
            spool = self.directory / drop
            spool.mkdir()
            options = ["--spool", spool, "--spool-max", "18M", "--spool-drop", drop]
            place = self.meter(",queue=1M", *options, capture=capture, status=1, patience="300ms")
            lost, kept = place["lost"]["spool"], place["spooled"]["records"]
            self.assertTrue(lost and kept)
            self.assertEqual(lost + kept, place["offered"]["records"])

    def test_what_the_broker_refuses_is_sent_in_smaller_parts(self):
        """A batch is refused, then a message of it: only its record is lost, by name, and nothing arrives twice."""
        for error, fate, words in (TOO_LARGE, "tooLarge", "single records as too large"), \
                                  (INVALID_RECORD, "send", "failed to validate record"):
            self.broker = Broker(self)
            # the batch, and 9 of its messages
            self.broker.say(f"fail {error} {1 + 9}")
            place = self.meter(ONE_BATCH + ",format=flowmessage", status=1)
            self.assertEqual((place["records"], place["lost"][fate]), (291, 9))
            self.assertEqual(place["repeated"]["records"], 0)
            self.assertIn(words, self.words)
            values = [value for _, _, value in self.broker.read(291)]
            self.assertEqual((len(values), len(set(values))), (291, 291))

    def test_a_fatal_error_begins_a_new_producer(self):
        """The idempotent producer cannot go on: what has no answer is sent again, and may be there twice."""
        for errors in [OUT_OF_ORDER], [OUT_OF_ORDER, OUT_OF_ORDER], [TOO_LARGE, OUT_OF_ORDER]:
            self.broker = Broker(self)
            for error in errors:
                self.broker.say(f"fail {error} 1")
            place = self.meter(ONE_BATCH)
            self.assertEqual(place["records"], 300)
            self.assertIn("takes no records: a new producer begins", self.words)
            values = [value for _, _, value in self.broker.read(300)]
            self.assertEqual(len(set(values)), 300)
            self.assertLessEqual(len(values) - 300, place["repeated"]["records"])

    def test_messages_that_are_too_large_are_halved(self):
        names = "flowId+sourceIPv4Address+octetDeltaCount"
        printed = self.printed_records(self.capture, "--fields", names)
        for form in "json,fields=" + names, "flowmessage":
            self.broker = Broker(self)
            # the batch, its messages, and 6 of their halves
            self.broker.say(f"fail {TOO_LARGE} {1 + 3 + 6}")
            place = self.meter(f"{ONE_BATCH},records=100,format={form}")
            self.assertEqual((place["records"], place["messages"]), (300, 12))
            self.assertIn("refuses messages of several records as too large", self.words)
            values = [value for _, _, value in self.broker.read(12)]
            if "json" in form:
                lines = [line for value in values for line in value.decode().split("\n")]
                self.assertEqual(sorted(lines), sorted(printed))
                continue
            numbers = []
            for value in values:
                while value:
                    length, at = varint(value, 0)
                    numbers.append(fields(value[:at + length])[4])
                    value = value[at + length:]
            self.assertEqual(sorted(numbers), list(range(1, 301)))

    def test_wrong_urls(self):
        for url, words in (
                ("kafka://x:1", "no topic (allowed: kafka://BROKER:PORT/TOPIC"),
                ("kafka:///t", "no topic"),
                ("kafka://x:1/t/u", "'/u' follows the topic"),
                ("kafka://x:1/t,format=xml", "option 'format' is 'xml' (allowed: json or flowmessage)"),
                ("kafka://x:1/t,records=0", "option 'records' is '0'"),
                ("kafka://x:1/t,sampler=here", "option 'sampler' is 'here'"),
                ("kafka://x:1/t,rate=5", "option 'rate' does not apply here"),
                ("kafka://x:1/t,anonymize=truncate,fields=default+communityId", "exclude each other"),
                ("kafka://x:1/t,format=flowmessage,fields=flowId", "FlowMessage cannot be chosen"),
                ("kafka://x:1/t,rdkafka.colour=red", 'No such configuration property: "colour"'),
                ("kafka://x:1/t,rdkafka-file=/nonexistent", "/nonexistent: No such file or directory"),
                ("kafka://x:1/t,rdkafka.security.protocol=ssl,rdkafka.ssl.ca.location=/nonexistent",
                 "ssl.ca.location failed")):
            done = self.run_plain("meter", "-r", self.capture, "-e", url)
            self.assertIn(words, done.stderr)
            self.assertNotEqual(done.status, 0)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
class Secure(Certificates):
    """TLS and passwords, through a front of the mock cluster (kafka_front.py)."""

    def setUp(self):
        super().setUp()
        self.broker = Broker(self)
        self.capture = self.file("a.pcap", pcap(conversations(300)))
        self.certificate("here", "ours", "DNS:127.0.0.1,IP:127.0.0.1,DNS:localhost")
        self.certificate("stranger", "theirs", "DNS:probe1.example")
        self.certificate("elsewhere", "ours", "DNS:broker.example")

    def sends(self, front, properties, patience="60s"):
        """Records that arrive, and what the meter says."""
        file = self.file("properties", "\n".join(f"{name}={value}" for name, value in properties.items()).encode())
        done = subprocess.run(
            [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "--stop-timeout", patience, "-e",
             f"kafka://{front.address}/flows,rdkafka.reconnect.backoff.max.ms=100,rdkafka-file={file}"],
            capture_output=True, text=True, timeout=support.TIMEOUT)
        stats = json.loads(done.stderr.splitlines()[-1])
        self.assertTrue(stats["balanced"], done.stderr)
        place = stats["collectors"][0]
        self.assertEqual(place["lost"]["unreachable"], 300 - place["records"], done.stderr)
        return place["records"], done.stderr

    def tls(self, ca="ours", cert=None):
        own = {"ssl.certificate.location": self.directory / f"{cert}.pem",
               "ssl.key.location": self.directory / f"{cert}.key"} if cert else {}
        return {"security.protocol": "ssl", "ssl.ca.location": self.directory / f"{ca}.pem", **own}

    def test_tls(self):
        front = Front(self, self.broker.address, tls_context(self.directory, "here", "ours"))
        self.assertEqual(self.sends(front, self.tls(cert="probe"))[0], 300)
        self.assertEqual(len(self.broker.read(300)), 300)

    def test_wrong_certificates_are_named(self):
        for certificate, ca, properties, words in (
                ("here", None, self.tls("theirs"), "certificate verify failed"),
                ("elsewhere", None, self.tls(), "certificate verify failed"),
                ("here", "ours", self.tls(), "certificate required"),
                ("here", "ours", self.tls(cert="stranger"), "unknown ca")):
            front = Front(self, self.broker.address, tls_context(self.directory, certificate, ca))
            records, said = self.sends(front, properties, "5s")
            self.assertEqual(records, 0)
            self.assertIn(words, said.lower())
        self.assertEqual(self.broker.read(0), [])

    def test_passwords(self):
        tls = tls_context(self.directory, "here")
        for context, security in (None, {"security.protocol": "sasl_plaintext"}), \
                                 (tls, self.tls() | {"security.protocol": "sasl_ssl"}):
            front = Front(self, self.broker.address, context, {"probe7": "secret"})
            for password, records in ("wrong", 0), ("secret", 300):
                properties = security | {"sasl.mechanism": "PLAIN", "sasl.username": "probe7",
                                         "sasl.password": password}
                got, said = self.sends(front, properties, "60s" if records else "5s")
                self.assertEqual(got, records, said)
                self.assertEqual("wrong name or password" in said, records == 0, said)
        self.assertEqual(len(self.broker.read(600)), 600)


if __name__ == "__main__":
    support.main()
