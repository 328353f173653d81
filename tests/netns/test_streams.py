#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Live export over TCP: collectors that are killed, cut connections and slow readers lose nothing."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

import netns
import support
from frames import syn
from netns import Tap, replay
from support import wait_until
from test_kafka import Broker

netns.require("tcpreplay")

# A collector: a file for each connection; after some bytes it cuts the connection, or it sleeps.
COLLECTOR = """
import os, socket, struct, sys, time
address, folder, cut, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
listener = socket.create_server((address, 4739))
print("ready", flush=True)
while True:
    peer = listener.accept()[0]
    name = f"{folder}/{time.time_ns()}"
    left = cut
    with open(name, "wb", buffering=0) as stream:
        time.sleep(pause)
        while data := peer.recv(left if cut else 65536):
            stream.write(data)
            left -= len(data)
            if cut and not left:
                cut = 0
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                break
    peer.close()
"""

# Stands between a meter and a collector; after some bytes it cuts the first connection.
PROXY = """
import socket, struct, sys, threading
cut = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 4741))
print("ready", flush=True)

def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass

while True:
    peer = listener.accept()[0]
    collector = socket.create_connection(("127.0.0.1", 4740))
    threading.Thread(target=carry, args=(collector, peer), daemon=True).start()
    while cut and (data := peer.recv(cut)):
        collector.sendall(data)
        cut -= len(data)
        if not cut:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.shutdown(socket.SHUT_RD)
    if data := peer.recv(65536):
        collector.sendall(data)
        carry(peer, collector)
    collector.shutdown(socket.SHUT_WR)
    peer.close()
"""

# A name server. A file says what it answers: an address; "fail": that it failed; or nothing at all.
NAME_SERVER = """
import pathlib, socket, sys
FAILED, FINE = b"\\x81\\x82", b"\\x81\\x80"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, peer = server.recvfrom(512)
    says = pathlib.Path(sys.argv[1]).read_text()
    question = query[12:query.index(0, 12) + 5]
    answers = []
    if says != "fail" and question[-4:] == b"\\0\\1\\0\\1":
        answers = [b"\\xc0\\x0c\\0\\1\\0\\1" + bytes(4) + b"\\0\\4" + socket.inet_aton(says or "0.0.0.0")]
    flags = FAILED if says == "fail" else FINE
    if says:
        server.sendto(query[:2] + flags + b"\\0\\1\\0" + bytes([len(answers)]) + bytes(4) + question
                      + b"".join(answers), peer)
"""

# Runs a program with other files in the place of some of the system's.
WITH_FILES = """
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 77; shift 2; done; shift; exec "$@"
"""

DAY, HOUR = 86400, 3600


class Streams(Tap):
    def setUp(self):
        super().setUp()
        self.cable()
        self.count = 0

    def begin_script(self, *arguments):
        """A program of a few lines, from above, that says when it is ready."""
        process = subprocess.Popen([*self.tap.prefix(), sys.executable, "-c", *map(str, arguments)],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()
        return process

    def collector(self, cut=0, pause=0, address="127.0.0.1"):
        folder = self.directory / "received"
        folder.mkdir(exist_ok=True)
        return self.begin_script(COLLECTOR, address, folder, cut, pause)

    def end_collector(self, collector):
        collector.kill()
        collector.wait()

    def send(self, count, pps=8000):
        path = self.file("some.pcap", support.pcap(
            [(0, syn(self.count + i)) for i in range(count)]))
        self.count += count
        replay(self.sender, "tx0", path, "--pps", str(pps))

    def received(self):
        """Ports and addresses of the records of all connections, each read by itself."""
        flows = []
        for path in sorted((self.directory / "received").iterdir()):
            data, at = path.read_bytes(), 0
            while at + 4 <= len(data) and at + int.from_bytes(data[at + 2:at + 4], "big") <= len(data):
                at += int.from_bytes(data[at + 2:at + 4], "big")
            path.write_bytes(data[:at])
            if not at:
                continue
            shown = self.run_plain("show", "-o", "json", path)
            flows += [(r["sourceIPv4Address"], r["sourceTransportPort"]) for r in shown.records]
        return flows

    def begin(self, url="tcp://127.0.0.1:4739,retry=200ms", *arguments, **kwargs):
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e", url, *arguments, **kwargs)
        self.ready(process)
        return process

    def ended_well(self, process):
        """All that was metered is at the collector; what is there twice was counted."""
        place = self.stop(process).stats["collectors"][0]
        flows = self.received()
        self.assertEqual(place["records"], self.count, place)
        self.assertEqual(len(set(flows)), self.count)
        self.assertLessEqual(len(flows) - self.count, place["repeated"]["records"])
        return place

    # [RFC5471-3.6.1-1]
    def test_a_connection_is_cut_in_a_message(self):
        self.collector(cut=30001)
        process = self.begin()
        self.send(2000)
        wait_until(lambda: "can be reached again" in self.output(process), "the next connection")
        self.send(2000)
        place = self.ended_well(process)
        self.assertIn("can be reached again (lost the connection to collector 127.0.0.1 port 4739: "
                      "Connection reset by peer)", self.output(process))
        self.assertGreater(place["repeated"]["records"], 0)

    # [RFC5471-3.6.3-1]
    def test_a_collector_is_killed_and_started_again(self):
        """Also with the sandbox on, in which connections are made again."""
        collector = self.collector()
        process = self.begin()
        self.send(2000)
        wait_until(lambda: len(self.received()) == 2000, "records")
        self.end_collector(collector)
        wait_until(lambda: "has closed the connection" in self.output(process), "word")
        self.send(1000)
        self.collector()
        wait_until(lambda: "can be reached again" in self.output(process), "the next connection")
        self.send(1000)
        self.ended_well(process)

    # [RFC5471-3.6.2-1]
    def test_a_spool_survives_the_end_and_a_kill(self):
        """Within the sandbox: away at the end of a run, and when the process is killed."""
        spool = self.directory / "spool"
        spool.mkdir()
        self.directory.chmod(0o755)
        spool.chmod(0o755)

        def begin():
            process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e",
                                "tcp://127.0.0.1:4739,retry=200ms", "--spool", spool,
                                "--stop-timeout", "100ms")
            self.ready(process)
            return process
        process = begin()
        self.send(1000)
        place = self.stop(process).stats["collectors"][0]
        self.assertEqual(place["spooled"]["records"], 1000, place)
        process = begin()
        self.send(1000)
        self.taken(process)
        process.kill()
        process.wait()
        self.collector()
        process = begin()
        wait_until(lambda: len(self.received()) >= 2000, "what was left")
        self.send(1000)
        time.sleep(0.5)
        place = self.stop(process).stats["collectors"][0]
        self.assertEqual(place["inherited"]["records"], 2000, place)
        self.assertEqual(place["records"], 3000, place)
        self.assertEqual(place["spooled"]["records"], 0)
        self.assertEqual(len(set(self.received())), 3000)

    # [RFC5471-3.5.2-1]
    def test_the_disk_of_the_spool_is_full(self):
        """While the collector is away: what does not fit is lost as `write`, the rest arrives later."""
        spool = self.directory / "spool"
        spool.mkdir()
        self.directory.chmod(0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k,mode=755", "tmpfs", spool], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", spool], check=True)
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e",
                            "tcp://127.0.0.1:4739,retry=200ms", "--spool", spool, "--stop-timeout", "5s")
        self.ready(process)
        self.send(4000)
        time.sleep(0.5)
        self.collector()
        wait_until(lambda: "can be reached again" in self.output(process), "the connection")
        self.send(1000)
        done = self.stop(process, status=1)
        place = done.stats["collectors"][0]
        self.assertTrue(done.stats["balanced"], done.stats)
        self.assertGreater(place["lost"]["write"], 0, place)
        self.assertEqual(place["records"] + place["lostTotal"]["records"], 5000, place)
        self.assertEqual(place["lostTotal"]["records"], place["lost"]["write"], place)
        flows = self.received()
        self.assertEqual(len(set(flows)), place["records"])

    def test_a_slow_reader_is_waited_for(self):
        self.collector(pause=1.5)
        process = self.begin()
        self.send(20000, pps=40000)
        place = self.ended_well(process)
        self.assertEqual(place["repeated"]["records"], 0)

    def replaced(self, *files):
        """What to put before a program that is to find other files: pairs of a text and a path."""
        command = ["unshare", "--mount", "sh", "-c", WITH_FILES, "sh"]
        for number, (text, path) in enumerate(files):
            if not os.path.exists(path):
                self.skipTest(f"{path} is not there")
            command += [self.file(f"replaced{number}", text), path]
        return [*command, "--"]

    def test_a_collector_moves_while_names_do_not_resolve(self):
        """The name server is silent, then fails, then has another address: all records arrive there."""
        answer = self.directory / "answer"
        answer.write_text("127.0.0.1")
        self.begin_script(NAME_SERVER, answer)
        first = self.collector()
        process = self.begin("tcp://collector.test:4739,retry=200ms", before=self.replaced(
            (b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", "/etc/resolv.conf"),
            (b"hosts: files dns\n", "/etc/nsswitch.conf")))
        self.send(1000)
        wait_until(lambda: len(self.received()) == 1000, "records")
        answer.write_text("")
        self.end_collector(first)
        wait_until(lambda: "has closed the connection" in self.output(process), "word")
        before = set(self.received())
        (self.directory / "received").rename(self.directory / "first")
        self.send(1000)
        time.sleep(2)
        answer.write_text("fail")
        self.send(1000)
        time.sleep(1)
        self.collector(address="127.0.0.2")
        answer.write_text("127.0.0.2")
        wait_until(lambda: "can be reached again" in self.output(process), "the next connection")
        self.send(1000)
        place = self.stop(process).stats["collectors"][0]
        flows = self.received()
        self.assertEqual(place["records"], self.count, place)
        self.assertEqual(len(before | set(flows)), self.count)
        self.assertEqual(len(set(flows) - before), 3000)
        self.assertLessEqual(len(flows) - 3000, place["repeated"]["records"])
        self.assertRegex(self.output(process), r"can be reached again \(collector name collector\.test "
                         r"does not resolve yet \(Temporary failure in name resolution\)\)")

    @unittest.skipUnless("STEPPED_CLOCK" in os.environ, "needs the library stepped_clock of the tests")
    def test_the_clock_is_stepped(self):
        """A day ahead and an hour back, also while the collector is away: connections and files go on."""
        clock, files = self.directory / "clock", self.directory / "files"
        clock.write_bytes(bytes(8))
        files.mkdir()
        files.chmod(0o777)
        self.directory.chmod(0o755)
        collector = self.collector()
        process = self.begin("tcp://127.0.0.1:4739,retry=200ms", "-w", f"{files}/%d-%H%M%S.ipfix,rotate=6h",
                             env={**os.environ, "LD_PRELOAD": os.environ["STEPPED_CLOCK"],
                                  "STEPPED_CLOCK": str(clock)})
        for away, step in (False, DAY), (True, DAY - HOUR), (False, DAY), (True, 0), (True, DAY), (False, 0):
            self.send(500)
            if away:
                self.end_collector(collector)
                time.sleep(0.5)
            with open(clock, "r+b") as stream:
                stream.write(struct.pack("=q", step))
            self.send(500)
            if away:
                again = self.output(process).count("can be reached again")
                collector = self.collector()
                wait_until(lambda: self.output(process).count("can be reached again") > again, "the connection")
        self.ended_well(process)
        self.assertNotIn("earlier run", self.output(process))
        stored = []
        for path in files.iterdir():
            stored += [record["sourceTransportPort"] for record in self.run_plain("show", "-o", "json", path).records]
        self.assertEqual(len(set(stored)), self.count)
        self.assertEqual(len(stored), self.count)
        # one for each step by a day, in either direction, and those of midnight, 6, 12 and 18 o'clock
        self.assertLessEqual(len(list(files.iterdir())), 7)
        self.assertGreaterEqual(len(list(files.iterdir())), 3)

    def certificate(self, name):
        pem, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem],
                       check=True, capture_output=True)
        key.chmod(0o644)
        self.directory.chmod(0o755)
        return pem, key

    @unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
    def test_a_wrong_certificate_is_named(self):
        """The collector's is not the one that the meter trusts: nothing is sent, and all is lost by name."""
        pem, key = self.certificate("theirs")
        ours = self.certificate("ours")[0]
        collector = self.live(self.tap, "-l", f"tls://127.0.0.1,ca={pem},cert={pem},key={key}",
                              "--stats", "json", "-o", "none", command="collect", name="collect")
        wait_until(lambda: "listening on" in self.output(collector), "the collector")
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e",
                            f"tls://127.0.0.1,retry=200ms,ca={ours}", "--stop-timeout", "300ms")
        self.ready(process)
        self.send(500)
        wait_until(lambda: "its certificate (/CN=theirs) is refused" in self.output(process), "the refusal")
        done = self.stop(process)
        place = done.stats["collectors"][0]
        self.assertEqual((place["records"], place["lost"]["unreachable"]), (0, 500), place)
        self.assertTrue(done.stats["balanced"])
        collector.send_signal(signal.SIGTERM)
        collector.wait(20)

    @unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
    def test_tls_within_the_sandbox(self):
        """A collector that comes later, and certificates that are read again."""
        pem, key = self.certificate("c")
        process = self.begin(f"tls://127.0.0.1,retry=200ms,ca={pem},cert={pem},key={key}")
        self.send(1000)
        self.certificate("c")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "certificates and keys were read again" in self.output(process), "words")
        collector = self.live(self.tap, "-l", f"tls://127.0.0.1,ca={pem},cert={pem},key={key}",
                              "--stats", "json", "-o", "none", command="collect", name="collect")
        wait_until(lambda: "can be reached again" in self.output(process), "the connection")
        self.send(1000)
        place = self.stop(process).stats["collectors"][0]
        self.assertEqual(place["records"], 2000)
        collector.send_signal(signal.SIGTERM)
        collector.wait(20)
        stats = json.loads(self.output(collector).splitlines()[-1])
        self.assertEqual(stats["records"] - stats["optionsRecords"], 2000)

    @unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
    def test_a_connection_of_tls_is_cut_in_a_message(self):
        """A message of several TLS records, of which the collector gets some: it gets all of it on the next connection."""
        pem, key = self.certificate("c")
        collector = self.live(self.tap, "-l", f"tls://127.0.0.1,ca={pem},cert={pem},key={key}",
                              "--stats", "json", "-o", "json", command="collect", name="collect")
        wait_until(lambda: "listening on" in self.output(collector), "the collector")
        self.begin_script(PROXY, 50001)
        process = self.begin(f"tls://127.0.0.1:4741,retry=200ms,ca={pem},cert={pem},key={key}")
        self.send(4000, pps=20000)
        wait_until(lambda: "can be reached again" in self.output(process), "the next connection")
        self.send(2000)
        place = self.stop(process).stats["collectors"][0]
        collector.send_signal(signal.SIGTERM)
        collector.wait(20)
        flows = [record["sourceTransportPort"] for record in
                 map(json.loads, self.output(collector, "out").splitlines()) if "sourceTransportPort" in record]
        self.assertEqual((place["records"], len(set(flows))), (6000, 6000), place)
        self.assertGreater(place["repeated"]["records"], 0)
        self.assertLessEqual(len(flows) - 6000, place["repeated"]["records"])

    @unittest.skipUnless(os.environ.get("HAVE_USRSCTP") == "yes", "built without libusrsctp")
    def test_sctp_within_the_sandbox(self):
        """Over UDP: a collector that comes later, is killed, and comes again."""
        def collect(name):
            return self.live(self.tap, "-l", "sctp://127.0.0.1:4739,udp=9899", "--stats", "json", "-o", "json",
                             command="collect", name=name)

        process = self.begin("sctp://127.0.0.1:4739,udp=9899,retry=200ms")
        self.send(1000)
        first = collect("first")
        wait_until(lambda: "can be reached again" in self.output(process), "the connection")
        self.send(1000)
        self.taken(process)
        self.taken(first)
        first.kill()
        first.wait(20)
        self.send(1000)
        second = collect("second")
        wait_until(lambda: self.output(process).count("can be reached again") == 2, "the second connection")
        self.send(1000)
        place = self.stop(process).stats["collectors"][0]
        second.send_signal(signal.SIGTERM)
        second.wait(20)
        records = [json.loads(line) for process in (first, second)
                   for line in self.output(process, "out").splitlines() if "sourceIPv4Address" in line]
        flows = {(record["sourceIPv4Address"], record["sourceTransportPort"]) for record in records}
        self.assertEqual((place["records"], len(flows)), (4000, 4000))
        self.assertLessEqual(len(records) - 4000, place["repeated"]["records"])

    @unittest.skipUnless("KAFKA_MOCK" in os.environ, "built without librdkafka")
    def test_kafka_within_the_sandbox(self):
        """A broker by its name that goes and comes back: what it does not take meanwhile is spooled."""
        broker = Broker(self, self.tap.prefix())
        spool = self.directory / "spool"
        spool.mkdir()
        self.directory.chmod(0o755)
        url = f"kafka://{broker.address.replace('127.0.0.1', 'localhost')}/flows"
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e",
                            url + ",rdkafka.reconnect.backoff.max.ms=100", "--spool", spool,
                            "--stop-timeout", "10s")
        self.ready(process)
        self.send(1000)
        self.assertEqual(len(broker.read(1000)), 1000)
        broker.say("down")
        self.send(1000)
        wait_until(lambda: "takes no records" in self.output(process), "that the broker is away")
        broker.say("up")
        wait_until(lambda: "takes records again" in self.output(process), "that it is back")
        self.send(1000)
        # producers that begin within the sandbox: of messages that are sent alone, and after a fatal error
        broker.say("fail 10 1")
        self.send(1000)
        wait_until(lambda: "refuses batches" in self.output(process), "the refusal")
        # while nothing else is under way: this error is fatal for the oldest messages of a partition only
        self.assertEqual(len({value for _, _, value in broker.read(4000)}), 4000)
        broker.say("fail 45 1")
        self.send(1000)
        wait_until(lambda: "a new producer begins" in self.output(process), "the fatal error")
        wait_until(lambda: self.output(process).count("takes records again") == 2, "the new producer")
        place = self.stop(process).stats["collectors"][0]
        self.assertEqual(place["records"], 5000, place)
        messages = broker.read(5000)
        self.assertEqual(len({value for _, _, value in messages}), 5000)
        self.assertLessEqual(len(messages) - 5000, place["repeated"]["records"])

    def test_own_connections_are_not_metered(self):
        """The collector's connection passes the metered interface, also the second one."""
        self.collector(cut=20000)
        process = self.live(self.tap, "-i", "lo", "--direction", "both", "-e",
                            "tcp://127.0.0.1:4739,retry=200ms", "--idle-timeout", "1s")
        self.ready(process)
        time.sleep(1)
        done = self.stop(process)
        self.assertGreater(done.stats["ignored"]["ownExport"], 0, done.stats)


if __name__ == "__main__":
    netns.main()
