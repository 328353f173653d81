# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX over DTLS: meter to collect, certificates that one of them refuses, lost datagrams, forged ones."""

import itertools
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import support
import test_tls
from live_run import LiveRun
from support import free_port, wait_until
from waiting import wait_idle, waiting_datagrams


def messages(stream):
    """The IPFIX messages of a stream: (sequence number, data records that templates announce) of each."""
    templates = {}
    while stream:
        version, length, _, sequence, domain = struct.unpack_from("!HHIII", stream)
        assert version == 10 and length >= 16, (version, length)
        records, at = 0, 16
        while at < length:
            kind, size = struct.unpack_from("!HH", stream, at)
            if kind in (2, 3):
                place, end = at + 4, at + size
                while place + 4 <= end:
                    template, count = struct.unpack_from("!HH", stream, place)
                    place += 6 if kind == 3 else 4
                    lengths = []
                    for _ in range(count):
                        element, octets = struct.unpack_from("!HH", stream, place)
                        place += 8 if element & 0x8000 else 4
                        lengths.append(octets)
                    templates[domain, template] = (kind, lengths)
            else:
                form, lengths = templates[domain, kind]
                if form == 2 and 65535 not in lengths:
                    records += (size - 4) // sum(lengths)
            at += size
        yield sequence, records
        stream = stream[length:]


class Proxy:
    """Hands datagrams on as `changes(to_collector, data)` gives them; drops those that `drops(number, to_collector,
    data)` names."""

    def __init__(self, port, drops, changes=lambda to_collector, data: data):
        self.target = ("127.0.0.1", int(port))
        self.drops = drops
        self.changes = changes
        self.dropped = 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        support.enlarge_buffer(self.front)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        support.enlarge_buffer(self.back)
        self.back.connect(self.target)
        self.peer = None
        threading.Thread(target=self.pass_on, args=(self.front, True), daemon=True).start()
        threading.Thread(target=self.pass_on, args=(self.back, False), daemon=True).start()

    def pass_on(self, source, to_collector):
        number = 0
        while True:
            try:
                data, peer = source.recvfrom(65535)
            except OSError:
                return
            number += 1
            if to_collector:
                self.peer = peer
            if self.drops(number, to_collector, data):
                self.dropped += 1
            elif to_collector:
                self.back.send(self.changes(to_collector, data))
            else:
                self.front.sendto(self.changes(to_collector, data), self.peer)

    def close(self):
        self.front.close()
        self.back.close()


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
class Dtls(test_tls.Certificates, LiveRun):
    scheme = "dtls"

    def taken(self, done):
        return done.stats["records"] - done.stats["optionsRecords"]

    # [RFC7011-11.3-1] [RFC5471-3.7-1]
    def test_both_sides_accept_each_other(self):
        process, port = self.collect(",name=probe1.example+probe2.example")
        sent = self.sends(port) + self.sends(port, options=",name=collector.example,mtu=600")
        done = self.ended(process)
        self.assertEqual(self.taken(done), sent)
        self.assertEqual(done.stats["connections"], {"accepted": 2, "refused": 0, "broken": 0})
        self.assertEqual(done.stats["dtls"], {"strays": 0})
        self.assertEqual(done.stats["sequenceGaps"], 0)
        self.assertEqual(done.stats["datagrams"], done.stats["messages"])

    # [RFC7011-11.3-2] [RFC7011-11.3-4] [RFC5471-3.7-1]
    def test_certificates_of_the_collector_are_refused(self):
        process, port = self.collect()
        for options, words in (
                ({"options": ",name=other.example"}, "/CN=collector) is refused: hostname mismatch"),
                ({"ca": "theirs"}, "its certificate (/CN=CA ours) is refused: self-signed")):
            done = self.meter(port, **options)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
        self.ended(process)

    # [RFC7011-11.3-3] [RFC7011-11.3-5] [RFC5471-3.7-1]
    def test_certificates_of_the_meter_are_refused(self):
        self.certificate("stranger", "theirs", "DNS:probe1.example")
        self.certificate("other", "ours", "DNS:other.example")
        process, port = self.collect(",name=probe1.example")
        for cert, told in (("stranger", "DTLS: the other side refuses the certificate of cert="),
                           ("other", "DTLS: the other side refuses the certificate of cert="),
                           (None, "DTLS: the other side may ask for a certificate: cert=FILE gives one")):
            done = self.meter(port, cert=cert)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(told, done.stderr)
        self.told("certificate (/CN=stranger) is refused")
        self.told("certificate (/CN=other) is refused: hostname mismatch")
        self.told("peer did not return a certificate")
        done = self.ended(process)
        self.assertEqual(done.stats["records"], 0)
        self.assertEqual(done.stats["connections"], {"accepted": 3, "refused": 0, "broken": 3})

    def test_files_are_read_again(self):
        """Also while a session of the old files is there."""
        process, port = self.collect(output=("-o", "json"))
        live = self.live(self.url(port))
        self.feed(live, 10)
        wait_until(lambda: len(self.keys()) == 10, "records")
        self.certificate("collector", "theirs", "IP:127.0.0.1")
        process.send_signal(signal.SIGHUP)
        self.told("were read again")
        self.feed(live, 10)
        self.sends(port, ca="theirs")
        self.assertEqual(self.finish(live)["records"], 20)
        self.ended(process)

    def test_an_independent_server_reads_it(self):
        """openssl s_server writes what it reads to a file: every record, in messages that fit a datagram."""
        port = free_port()
        with open(self.directory / "stream", "wb") as stream:
            server = subprocess.Popen(
                ["openssl", "s_server", "-dtls1_2", "-accept", f"127.0.0.1:{port}", "-listen", "-quiet",
                 "-naccept", "1", "-cert", "collector.pem", "-key", "collector.key", "-CAfile", "ours.pem",
                 "-Verify", "1"], cwd=self.directory, stdin=subprocess.PIPE, stdout=stream,
                stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        wait_until(lambda: f":{port:04X} " in open("/proc/net/udp").read(), "the server")
        sent = self.sends(port, options=",mtu=1000")
        wait_idle(server, lambda: waiting_datagrams(port))
        server.stdin.close()
        server.wait(timeout=support.TIMEOUT)
        stream = (self.directory / "stream").read_bytes()
        read = list(messages(stream))
        self.assertEqual(sum(records for _, records in read), sent)
        self.assertEqual(read[0][0], 0)

    # [RFC7011-8.4-1]
    def test_a_collector_that_is_started_again(self):
        """Its end is noticed by ICMP, or its successor says that it does not know the session. Records that may
        be lost are sent again: every record is in one of the collectors, and all are counted."""
        for gap in True, False:
            out = {name: open(self.directory / name, "wb") for name in ("one", "two")}
            for file in out.values():
                self.addCleanup(file.close)
            first, port = self.collect(output=("-o", "json"), port=free_port(), stdout=out["one"])
            run = self.live(self.url(port) + ",renew=0")
            self.feed(run, 50)
            wait_until(lambda: len(self.keys("one")) == 50, "the first records")
            # alerts in the clear count when the session is 1 s old
            time.sleep(0 if gap else 1)
            first.kill()
            first.wait()
            if gap:
                self.feed(run, 20)
                self.told("; trying again", "live")
            second, _ = self.collect(output=("-o", "json"), port=port, stdout=out["two"])
            # messages leave after 0.2 s
            for _ in range(10):
                self.feed(run, 5)
                time.sleep(0.05)
            place = self.finish(run)
            self.ended(second)
            self.assertEqual(len(set(self.keys("one") + self.keys("two"))), self.fed)
            self.assertEqual(place["records"], self.fed)
            self.assertEqual(sum(place["lost"].values()), 0)
            self.assertGreaterEqual(place["repeated"]["records"], len(self.keys("two")) + 50 - self.fed)
            self.assertIn("can be reached again", self.words)
            if not gap:
                self.assertIn("it does not know the session any more", self.words)

    def test_sessions_are_renewed(self):
        """In silence, and without a lost or repeated record."""
        process, port = self.collect(output=("-o", "json"), stdout=subprocess.DEVNULL)
        run = self.live(self.url(port) + ",renew=1s")
        began, sessions = time.monotonic(), 0
        # also a while after the second one has begun
        while sessions < 2 or time.monotonic() < began + 2.5:
            for _ in range(10):
                self.feed(run, 5)
                time.sleep(0.02)
            sessions = self.statistics(process)["connections"]["accepted"]
        place = self.finish(run)
        took = time.monotonic() - began
        self.assertNotIn("reached again", self.words)
        done = self.ended(process)
        self.assertEqual(self.taken(done), self.fed)
        self.assertEqual((place["records"], place["repeated"]["records"]), (self.fed, 0))
        self.assertEqual((done.stats["sequenceGaps"], done.stats["missingTemplate"]), (0, 0))
        self.assertLessEqual(done.stats["connections"]["accepted"], 1 + took)

    # ------------------------------------------------------------ the path

    def test_lost_datagrams(self):
        """The handshake repeats what was lost; records that were lost are missed by their sequence numbers."""
        process, port = self.collect()

        records = itertools.count()

        def drops(number, to_collector, data):
            if data[0] != 23:
                return not to_collector and number == 2
            # some of the records, and never the first templates
            place = next(records) if to_collector else 0
            return place > 9 and place % 5 == 0

        proxy = Proxy(port, drops)
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=",mtu=400")
        done = self.ended(process)
        self.assertGreater(proxy.dropped, 5)
        self.assertEqual(self.taken(done) + done.stats["optionsRecords"] + done.stats["sequenceLost"],
                         done.stats["records"] + done.stats["sequenceLost"])
        self.assertGreater(done.stats["sequenceLost"], 0)
        self.assertLess(self.taken(done), sent)
        self.assertEqual(done.stats["malformed"], 0)

    # ------------------------------------------------------------ attacks

    @staticmethod
    def hostile(seed):
        """Datagrams of nobody: noise, records that are cut, forged or too long, hellos without a cookie."""
        chance = random.Random(seed)
        hello = bytes.fromhex("16feff0000000000000000") + struct.pack("!H", 54) + bytes.fromhex(
            "01000026" "0000000000000026" "fefd") + bytes(32) + bytes(2) + bytes.fromhex("0002c02b0100")
        for _ in range(400):
            kind = chance.randrange(4)
            if kind == 0:
                yield chance.randbytes(chance.randrange(1, 200))
            elif kind == 1:
                # records of each type, in the clear and of an epoch
                body = chance.randbytes(chance.randrange(0, 90))
                yield struct.pack("!BHHHLH", chance.choice((20, 21, 22, 23, 24)), 0xFEFD, chance.randrange(3), 0,
                                  chance.randrange(99), chance.choice((len(body), 65535, 0))) + body
            else:
                forged = bytearray(hello)
                for _ in range(chance.randrange(4)):
                    forged[chance.randrange(len(forged))] = chance.randrange(256)
                yield bytes(forged[:chance.randrange(1, len(forged) + 1)])

    # [RFC7011-11.3-5]
    def test_hostile_datagrams(self):
        """Neither from anybody nor in the name of an exporter do they end a session or bring a record."""
        process, port = self.collect(output=("-o", "json"))
        source = free_port()
        run = self.live(self.url(port) + f",source=127.0.0.1:{source},renew=0")
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
        self.assertGreater(done.stats["dtls"]["strays"], 100)
        self.assertEqual(done.stats["malformed"], 0)

    def test_wrong_options(self):
        for url, words in ((f"{self.url(1)},mtu=200", "mtu=200 is too small for DTLS (allowed: 256 to 65535)"),
                           (f"{self.url(1)},renew=10ms", "option 'renew' is '10ms' (allowed: 1s to one day"),
                           (f"{self.url(1)},compress=lz4", "compress= is for tcp://"),
                           ("tcp://127.0.0.1:1,renew=1m", "it is for dtls://")):
            done = self.run_plain("meter", "-r", self.capture, "-e", url)
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(words, done.stderr)
        done = self.run_plain("collect", "-l", "dtls://127.0.0.1:0")
        self.assertIn("a collector needs its certificate (cert=) and the CA", done.stderr)
        self.assertEqual(done.status, 2)


if __name__ == "__main__":
    support.main()
