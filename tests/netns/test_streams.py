#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Live export over TCP: collectors that are killed, cut connections and slow readers lose nothing."""

import json
import os
import shutil
import signal
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
port, folder, cut, pause = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
listener = socket.create_server(("127.0.0.1", port))
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


class Streams(Tap):
    def setUp(self):
        super().setUp()
        self.cable()
        self.count = 0

    def collector(self, cut=0, pause=0):
        folder = self.directory / "received"
        folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*self.tap.prefix(), sys.executable, "-c", COLLECTOR, "4739", folder, str(cut),
             str(pause)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()
        return process

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

    def begin(self, url="tcp://127.0.0.1:4739,retry=200ms"):
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e", url)
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
        collector.kill()
        collector.wait()
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
        time.sleep(1)
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
        time.sleep(1)
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
