# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX over SCTP over UDP: meter to collect, what goes over the wire, lost datagrams, a collector that comes and goes."""

import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

import support
from live_run import LiveRun
from support import Case, conversations, free_port, generated, pcap, udp, wait_until
from waiting import waiting_datagrams
from test_dtls import Proxy, messages

DATA, INIT, SACK, ABORT, SHUTDOWN_ACK = 0, 1, 3, 6, 8
HANDSHAKE = 1, 2, 10, 11

# the library is there, and nothing of it may be missing then
BUILT = os.environ.get("HAVE_USRSCTP") == "yes"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def chunks(packet):
    """(type, flags, body) of each chunk of an SCTP packet: RFC 9260 §3."""
    at = 12
    while at + 4 <= len(packet):
        kind, flags, length = struct.unpack_from("!BBH", packet, at)
        assert length >= 4 and at + length <= len(packet), (kind, length)
        yield kind, flags, packet[at + 4:at + length]
        at += (length + 3) & ~3


class Path:
    """What a proxy drops: everything while it is broken. Knows what was sent and acknowledged before."""

    def __init__(self):
        self.broken, self.sent, self.taken = False, None, None

    def __call__(self, number, to_collector, packet):
        for kind, _, body in () if self.broken else chunks(packet):
            if kind == DATA and to_collector:
                tsn, = struct.unpack_from("!I", body)
                if self.sent is None or (tsn - self.sent) & 0xFFFFFFFF < 1 << 31:
                    self.sent = tsn
            elif kind == SACK and not to_collector:
                self.taken, = struct.unpack_from("!I", body)
        return self.broken

    def acknowledged(self):
        return self.sent is not None and self.sent == self.taken


class Lossy:
    """What a proxy drops: one in ten, and of a handshake one each way: it is sent again after seconds only."""

    def __init__(self, seed):
        self.chance, self.lost = random.Random(seed), set()

    def __call__(self, number, to_collector, packet):
        if self.chance.randrange(10) > 0 or (packet[12] in HANDSHAKE and to_collector in self.lost):
            return False
        if packet[12] in HANDSHAKE:
            self.lost.add(to_collector)
        return True


class Reader:
    """What an exporter sends, read without a library: TSNs, streams, messages."""

    def __init__(self):
        self.parts = {}
        self.first = None
        self.longest = 0

    def read(self, packet):
        self.longest = max(self.longest, len(packet))
        for kind, flags, body in chunks(packet):
            if kind == INIT:
                self.first, = struct.unpack_from("!I", body, 12)
            elif kind == DATA:
                tsn, stream, number, protocol = struct.unpack_from("!IHHI", body)
                self.parts[(tsn - self.first) & 0xFFFFFFFF] = (flags, stream, number, protocol, body[12:])

    def messages(self):
        """(stream, stream sequence number, bytes) of each message, in the order of their TSNs."""
        place, message = 0, b""
        for place in range(len(self.parts)):
            flags, stream, number, _, octets = self.parts[place]
            assert bool(flags & 2) == (message == b""), "a message that does not begin or begins twice"
            message += octets
            if flags & 1:
                yield stream, number, message
                message = b""
        assert message == b""


@unittest.skipUnless(BUILT, "built without libusrsctp")
class Association(LiveRun):
    """Both programs, and what goes between them."""

    def setUp(self):
        super().setUp()
        self.capture = self.file("a.pcap", pcap(conversations(300)))

    def collect(self, port=0, output=("-o", "none"), **kwargs):
        process = self.start("collect", "-l", f"sctp://127.0.0.1:4739,udp={port}", *output, "--stats", "json", **kwargs)
        return process, int(self.said(r"listening on sctp://127\.0\.0\.1:4739,udp=(\d+)").group(1))

    @staticmethod
    def url(port, options=""):
        return f"sctp://127.0.0.1:4739,udp={port},retry=100ms{options}"

    def meter(self, port, *more, options="", capture=None):
        done = subprocess.run(
            [support.SPANFLOW, "meter", "-r", capture or self.capture, "--stats", "json", *more, "-e",
             self.url(port, options)], capture_output=True, text=True, timeout=2 * support.TIMEOUT, check=False)
        self.place = None
        if done.stderr and done.stderr.splitlines()[-1].startswith("{"):
            stats = json.loads(done.stderr.splitlines()[-1])
            self.assertTrue(stats["balanced"])
            self.place = stats["collectors"][0]
        return done

    def sends(self, port, *more, **options):
        done = self.meter(port, *more, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.place["records"]

    def ended(self, process, status=0):
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(done.status, status, done.stderr)
        self.assertTrue(done.stats["balanced"])
        return done

    @staticmethod
    def taken(done):
        return done.stats["records"] - done.stats["optionsRecords"]

    def break_path(self, run, path):
        """30 records are given up, and then the path is there again."""
        # what is not acknowledged when the path breaks would count as given up
        wait_until(path.acknowledged, "all records are acknowledged")
        path.broken = True
        self.feed(run, 30)
        self.told("they were given up (lifetime=)", "live")
        path.broken = False


class Sctp(Association):
    # [RFC7011-9-1] [RFC7011-10.2.4-1]
    def test_both_sides(self):
        process, port = self.collect()
        sent = self.sends(port) + self.sends(port, options=",mtu=600")
        done = self.ended(process)
        self.assertEqual(self.taken(done), sent)
        self.assertEqual(done.stats["connections"], {"accepted": 2, "refused": 0, "broken": 0})
        self.assertEqual((done.stats["sequenceGaps"], done.stats["malformed"], done.stats["missingTemplate"]),
                         (0, 0, 0))

    def test_ipv6_and_every_address_of_a_name(self):
        process = self.start("collect", "-l", "sctp://localhost:4739,udp=0", "-o", "none", "--stats", "json")
        listening = support.addresses("localhost")
        wait_until(lambda: self.printed("stderr").count("listening on") == len(listening), "listening")
        sent = 0
        for host, port in re.findall(r"sctp://(.*):4739,udp=(\d+)", self.printed("stderr")):
            done = subprocess.run(
                [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "-e",
                 f"sctp://{host}:4739,udp={port}"], capture_output=True, text=True, timeout=support.TIMEOUT,
                check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            sent += json.loads(done.stderr.splitlines()[-1])["collectors"][0]["records"]
        self.assertEqual(self.taken(self.ended(process)), sent)

    def test_a_million_records(self):
        """Stored = metered, in messages of up to 64 KiB that span many packets."""
        capture, _ = generated(self.directory, "GENERATE", "million.pcap", "flows=500000", "packets=1000000",
                               "answers=yes")
        process, port = self.collect()
        self.assertEqual(self.sends(port, capture=capture), 1000000)
        done = self.ended(process)
        self.assertEqual((self.taken(done), done.stats["packets"]), (1000000, 1000000))
        self.assertEqual((done.stats["sequenceGaps"], self.place["repeated"]["records"]), (0, 0))

    # [RFC7011-8.3-1] [RFC7011-10-1]
    def test_what_goes_over_the_wire(self):
        """Read by a reader of its own: checksums, TSNs, streams, messages of IPFIX, datagrams that fit the MTU."""
        reader, packets = Reader(), []

        def looks(_number, to_collector, data):
            if to_collector:
                reader.read(data)
                packets.append(data)
            return False

        process, port = self.collect()
        proxy = Proxy(port, looks)
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=",mtu=700")
        self.ended(process)
        for packet in packets[:3] + packets[-3:]:
            self.assertEqual(struct.unpack_from("<I", packet, 8)[0], crc32c(packet[:8] + bytes(4) + packet[12:]))
            self.assertEqual(struct.unpack_from("!H", packet, 2)[0], 4739)
        self.assertLessEqual(reader.longest, 700 - 28)
        self.assertGreater(reader.longest, 600)
        read = list(reader.messages())
        self.assertEqual({stream for stream, _, _ in read}, {0})
        self.assertEqual([number for _, number, _ in read], list(range(len(read))))
        expected, records = 0, 0
        for sequence, count in messages(b"".join(octets for _, _, octets in read)):
            records += count
            self.assertGreaterEqual(sequence, expected)
            expected = sequence
        self.assertEqual(records, sent)
        for _, _, octets in read:
            self.assertEqual(struct.unpack_from("!HH", octets), (10, len(octets)))
        # no part is unordered
        self.assertFalse(any(flags & 4 for flags, *_ in reader.parts.values()))

    @unittest.skipUnless(shutil.which("tshark"), "needs the program tshark")
    def test_tshark_reads_it(self):
        """Checksums, associations, and every record by the templates before it."""
        packets = []

        def looks(_number, to_collector, data):
            packets.append((to_collector, data))
            return False

        process, port = self.collect()
        proxy = Proxy(port, looks)
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=",mtu=1500")
        self.ended(process)
        frames = []
        for number, (to_collector, data) in enumerate(packets):
            frame = bytearray(udp(1 if to_collector else 2, 9899, data))
            frame[36:38] = struct.pack("!H", 9899)
            frames.append((number * 0.001, bytes(frame)))
        path = self.file("sctp.pcap", pcap(frames))
        done = subprocess.run(
            ["tshark", "-r", path, "-d", "udp.port==9899,sctp", "-o", "sctp.checksum:CRC 32c", "-2", "-T", "fields", "-e",
             "sctp.checksum.status", "-e", "sctp.data_sid", "-e", "cflow.sequence", "-e", "cflow.srcaddr", "-e",
             "_ws.expert.message"], capture_output=True, text=True, timeout=support.TIMEOUT, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual(len(rows), len(packets))
        self.assertEqual({row[0] for row in rows}, {"1"})
        self.assertEqual({row[1] for row in rows if row[1]}, {"0x0000"})
        self.assertEqual({row[4] for row in rows}, {""})
        self.assertEqual(sum(len(row[3].split(",")) for row in rows if row[3]), sent)

    def test_lost_datagrams(self):
        """Every record arrives once, although datagrams are lost both ways, those of the handshake too."""
        process, port = self.collect()
        lossy = Lossy(1)
        proxy = Proxy(port, lambda number, *packet: number == 1 or lossy(number, *packet))
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=",mtu=700")
        done = self.ended(process)
        self.assertGreater(proxy.dropped, 5)
        self.assertEqual((self.taken(done), done.stats["sequenceGaps"]), (sent, 0))

    def test_the_answer_to_the_end_is_lost(self):
        """RFC 9260 §9.2: the collector answers SHUTDOWN again; if it aborted, all records would be lost."""
        process, port = self.collect()
        ends = itertools.count()

        def drops(_number, to_collector, packet):
            return not to_collector and packet[12] == SHUTDOWN_ACK and next(ends) == 0

        proxy = Proxy(port, drops)
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port)
        self.assertEqual(proxy.dropped, 1)
        self.assertEqual(self.taken(self.ended(process)), sent)

    # [RFC7011-10.2.4-1]
    def test_a_collector_that_is_started_again(self):
        """Killed, and missed for a while or not. Every record is in one of the two, and all are counted."""
        for gap in True, False:
            out = {name: open(self.directory / name, "wb") for name in ("one", "two")}
            for file in out.values():
                self.addCleanup(file.close)
            first, port = self.collect(output=("-o", "json"), port=free_port(), stdout=out["one"])
            run = self.live(self.url(port))
            self.feed(run, 50)
            wait_until(lambda: len(self.keys("one")) == 50, "the first records")
            first.kill()
            first.wait()
            if gap:
                self.feed(run, 20)
                self.told("; trying again", "live")
            second, _ = self.collect(output=("-o", "json"), port=port, stdout=out["two"])
            for _ in range(10):
                self.feed(run, 5)
                time.sleep(0.05)
            place = self.finish(run)
            self.ended(second)
            self.assertEqual(len(set(self.keys("one") + self.keys("two"))), self.fed)
            self.assertEqual((place["records"], sum(place["lost"].values())), (self.fed, 0))
            self.assertIn("can be reached again", self.words)

    def test_spool(self):
        """What a run could not send is sent by the next one."""
        (self.directory / "spool").mkdir()
        spool = ("--spool", str(self.directory / "spool"))
        port = free_port()
        done = self.meter(port, *spool, "--stop-timeout", "1s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.place["records"], self.place["spooled"]["records"]), (0, 300))
        process, _ = self.collect(port=port)
        self.sends(port, *spool)
        self.assertEqual((self.place["inherited"]["records"], self.place["spooled"]["records"]), (300, 0))
        self.assertEqual(self.taken(self.ended(process)), 600)

    # [RFC7011-10.1-1] [RFC7011-10.2.2-1] [RFC6526-4.3-2]
    def test_records_that_come_too_late_are_given_up(self):
        """The path breaks for a while: what was under way is counted as lost, and missed by its sequence numbers."""
        path = Path()
        process, port = self.collect(output=("-o", "json"))
        proxy = Proxy(port, path)
        self.addCleanup(proxy.close)
        run = self.live(self.url(proxy.port, ",lifetime=3s"))
        self.feed(run, 50)
        wait_until(lambda: len(self.keys()) == 50, "the first records")
        self.break_path(run, path)
        self.feed(run, 20)
        wait_until(lambda: len(self.keys()) >= 70, "the last records")
        place = self.finish(run, status=1)
        self.assertIn("has not got records in time: they were given up (lifetime=)", self.words)
        done = self.ended(process)
        self.assertEqual(place["records"] + place["lost"]["tooLate"], self.fed)
        self.assertEqual(place["lost"]["tooLate"], 30)
        self.assertEqual(self.taken(done), place["records"])
        self.assertGreaterEqual(done.stats["sequenceLost"], 30)
        self.assertEqual(place["repeated"]["records"], 0)

    # ------------------------------------------------------------ attacks

    @staticmethod
    def hostile(seed):
        """Packets of nobody: noise, cut ones, associations that are never completed, chunks with wrong lengths."""
        chance = random.Random(seed)

        def packet(tag, body):
            head = struct.pack("!HHI", chance.randrange(65536), 4739, tag)
            return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body

        for _ in range(300):
            kind = chance.randrange(4)
            init = struct.pack("!BBHIIHHI", INIT, 0, 20, chance.randrange(1, 1 << 32), 65536, 10, 10, 1)
            if kind == 0:
                yield chance.randbytes(chance.randrange(1, 200))
            elif kind == 1:
                yield packet(0, init)
            elif kind == 2:
                forged = bytearray(init)
                forged[chance.randrange(len(forged))] = chance.randrange(256)
                yield packet(0, bytes(forged[:chance.randrange(1, len(forged) + 1)]))
            else:
                body = struct.pack("!BBH", chance.randrange(20), chance.randrange(256), chance.choice((3, 4, 60000)))
                yield packet(chance.randrange(1 << 32), body + chance.randbytes(chance.randrange(60)))

    def test_hostile_datagrams(self):
        """Neither from anybody nor in the name of an exporter do they end an association or bring a record."""
        process, port = self.collect(output=("-o", "json"))
        source = free_port()
        run = self.live(self.url(port, f",source=127.0.0.1:{source}"))
        self.feed(run, 50)
        wait_until(lambda: len(self.keys()) == 50, "the first records")
        for own in source, 0:
            attacker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(attacker.close)
            attacker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attacker.bind(("127.0.0.1", own))
            for number, datagram in enumerate(self.hostile(own)):
                attacker.sendto(datagram, ("127.0.0.1", port))
                if number % 50 == 0:
                    wait_until(lambda: waiting_datagrams(port) == 0, "all are read")
        self.feed(run, 50)
        place = self.finish(run)
        self.sends(port)
        done = self.ended(process)
        self.assertEqual((place["records"], place["repeated"]["records"]), (100, 0))
        self.assertEqual(len(self.keys()), 100 + 300)
        self.assertEqual(done.stats["connections"], {"accepted": 2, "refused": 0, "broken": 0})

    def test_wrong(self):
        for url, words in (("sctp://127.0.0.1:1,udp=0", "option 'udp' is '0' (allowed: the collector's UDP port"),
                           ("sctp://127.0.0.1:1,lifetime=1ms", "option 'lifetime' is '1ms' (allowed: a time from 10ms"),
                           ("sctp://127.0.0.1:1,udp=1,mtu=500", "mtu=500 is for SCTP over UDP (udp=PORT) and 576 or more"),
                           ("sctp://127.0.0.1:1,mtu=1000", "mtu=1000 is for SCTP over UDP"),
                           ("sctp://127.0.0.1:1,compress=lz4", "compress= is for tcp://"),
                           ("sctp://127.0.0.1:1,streams=two", "option 'streams' is 'two' (allowed: one or template)"),
                           ("tcp://127.0.0.1:1,streams=template", "it is for sctp://"),
                           ("tcp://127.0.0.1:1,udp=9899", "it is for sctp://")):
            done = self.run_plain("meter", "-r", self.capture, "-e", url)
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(words, done.stderr)
        done = self.run_plain("collect", "-l", "sctp://127.0.0.1:0,port=1")
        self.assertIn("sctp://HOST:PORT,udp=9899", done.stderr)
        self.assertEqual(done.status, 2)
        done = self.run_plain("meter", "-r", self.capture, "--spool", str(self.directory), "-e",
                              "sctp://127.0.0.1:1,udp=1,lifetime=1s")
        self.assertIn("lifetime= gives records up, and --spool keeps them", done.stderr)


class KernelSctp(Case):
    def test_both_sides(self):
        """Where the kernel has SCTP; where it has none, both say so, and what to do."""
        capture = self.file("a.pcap", pcap(conversations(300)))
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
        except OSError:
            for arguments in (("meter", "-r", capture, "-e", "sctp://127.0.0.1:4739"),
                              ("collect", "-l", "sctp://127.0.0.1:0")):
                done = self.run_plain(*arguments)
                self.assertEqual(done.status, 1)
                self.assertIn("this kernel has no SCTP (modprobe sctp loads it", done.stderr)
            return
        process = self.start("collect", "-l", "sctp://127.0.0.1:0", "-o", "none", "--stats", "json")
        port = self.said(r"listening on sctp://127\.0\.0\.1:(\d+)").group(1)
        done = subprocess.run([support.SPANFLOW, "meter", "-r", capture, "--stats", "json", "-e",
                               f"sctp://127.0.0.1:{port}"], capture_output=True, text=True, timeout=support.TIMEOUT,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(done.stats["records"] - done.stats["optionsRecords"], 300)
        self.assertEqual(done.stats["connections"], {"accepted": 1, "refused": 0, "broken": 0})


if __name__ == "__main__":
    support.main()
