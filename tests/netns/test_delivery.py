#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Live export: floods reach collectors with default buffers, and no destination waits for another."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

import netns
import support
from frames import syn
from netns import Tap, replay, veth
from support import wait_until

netns.require("tcpreplay")

# A NetFlow v5 collector that tells how late records come: count, and the longest time in seconds
# from the last packet of a record to its arrival.
LATENESS = """
import signal, socket, struct, sys, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.settimeout(0.1)
print("ready", flush=True)
count, late = 0, 0
while not stop:
    try:
        data = s.recv(65536)
    except TimeoutError:
        continue
    now = time.time()
    n, uptime, seconds, ns = struct.unpack("!HIII", data[2:16])
    for i in range(n):
        last = struct.unpack("!I", data[24 + 48 * i + 28:][:4])[0]
        late = max(late, now - (seconds + ns / 1e9 + (last - uptime) / 1000))
    count += n
print(count, late, flush=True)
"""


class Delivery(Tap):
    def setUp(self):
        super().setUp()
        self.cable()
        # the way to collectors on another host
        veth(self.tap, "out", self.sender, "in")
        self.tap("ip", "address", "add", "192.0.2.1/24", "dev", "out")
        self.sender("ip", "address", "add", "192.0.2.2/24", "dev", "in")

    def collect(self, namespace, address, port, name="collect", *arguments):
        process = self.live(namespace, "-l", f"udp://{address}:{port}", "--stats", "json",
                            *(arguments or ("-o", "none")), command="collect", name=name)
        wait_until(lambda: "listening" in self.output(process) or process.poll() is not None,
                   "the collector")
        return process

    def collected(self, process):
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        return json.loads(self.output(process).splitlines()[-1])

    def nfcapd(self, namespace, address, port):
        folder = self.directory / f"nfcapd{port}"
        folder.mkdir()
        process = subprocess.Popen(
            [*namespace.prefix(), "nfcapd", "-w", folder, "-l", folder, "-p", str(port), "-b",
             address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: str(port) in namespace("ss", "-Huln").stdout, "nfcapd")

        def count():
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            shown = netns.run("nfdump", "-R", folder, "-q", "-o", "fmt:%pr", timeout=2 * support.TIMEOUT).stdout
            return len(shown.splitlines())
        return count

    @unittest.skipUnless(shutil.which("nfcapd"), "needs nfcapd")
    def test_a_flood_reaches_collectors_with_default_buffers(self):
        """Stopped half a second after 40,000 SYNs: all records leave at the end of the run."""
        flows = 40000
        path = self.file("flood.pcap", support.pcap([(0, syn(i)) for i in range(flows)]))
        ours = self.collect(self.tap, "127.0.0.1", 4739)
        near = self.nfcapd(self.tap, "127.0.0.1", 9995)
        far = self.nfcapd(self.sender, "192.0.2.2", 9996)
        process = self.live(self.tap, "-i", "rx0", "-e", "ipfix://127.0.0.1", "-e",
                            "ipfix://127.0.0.1:9995", "-e", "netflow9://192.0.2.2:9996")
        self.ready(process)
        replay(self.sender, "tx0", path, "--pps", "40000")
        done = self.stop(process)
        records = done.stats["records"]["emitted"]
        self.assertGreaterEqual(records, 30000, done.stats)
        for place in done.stats["collectors"]:
            self.assertEqual(place["records"], records, place)
        self.assertEqual(self.collected(ours)["records"]
                         - self.options_records(ours), records)
        self.assertEqual((near(), far()), (records, records))

    def options_records(self, process):
        return json.loads(self.output(process).splitlines()[-1])["optionsRecords"]

    def test_no_destination_waits_for_another(self):
        """A reader that sleeps, a FIFO that nobody reads, a slow pace and a dead neighbour."""
        count, pps = 20000, 10000
        path = self.file("flood.pcap", support.pcap([(0, syn(i)) for i in range(count)]))
        for name in "unread", "unopened":
            os.mkfifo(self.directory / name)
        held = os.open(self.directory / "unread", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, held)
        fast = subprocess.Popen([*self.tap.prefix(), sys.executable, "-c", LATENESS, "2055"],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(fast.stdout.close)
        self.addCleanup(fast.wait)
        self.addCleanup(fast.kill)
        fast.stdout.readline()
        slow = self.collect(self.tap, "127.0.0.1", 4740)
        out, err = os.pipe(), open(self.directory / "run.err", "wb")
        self.addCleanup(err.close)
        lines = []

        def read():
            time.sleep(10)
            with os.fdopen(out[0]) as stream:
                lines.extend(stream)
        reader = threading.Thread(target=read)
        process = subprocess.Popen(
            [*self.tap.prefix(), support.SPANFLOW, "meter", "--stats", "json", "-i", "rx0",
             "--per-packet", "--no-sandbox", "-o", "json", "-w", self.directory / "unread",
             "-e", "ipfix://127.0.0.1:4740,rate=1000,queue=64KiB",
             "-e", "netflow9://192.0.2.77", "-e", "netflow5://127.0.0.1:2055",
             "--stop-timeout", "8s"],
            stdin=subprocess.DEVNULL, stdout=out[1], stderr=err)
        process.name = "run"
        os.close(out[1])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        reader.start()
        self.ready(process)
        replay(self.sender, "tx0", path, "--pps", str(pps))
        time.sleep(1.6)
        process.send_signal(signal.SIGUSR1)
        fast.send_signal(signal.SIGTERM)
        received, late = fast.stdout.read().split()
        process.send_signal(signal.SIGTERM)
        process.wait(40)
        reader.join()
        done = support.Done(process.returncode, "", self.output(process))
        self.check_counters(done.stats, done.stderr)
        records = done.stats["records"]["emitted"]
        self.assertGreaterEqual(records, count * 0.9, done.stats)
        self.assertEqual(int(received), records)
        self.assertLess(float(late), 1.5)
        places = {place["url"].split(",")[0].split("/")[-1]: place
                  for place in done.stats["collectors"] + done.stats["outputs"]}
        # the reader has what it is said to have, whole lines of it
        self.assertEqual(len([json.loads(line) for line in lines]), places["text"]["records"])
        self.assertEqual(places["text"]["records"], records)
        self.assertGreater(places["127.0.0.1:4740"]["lost"]["queue"], 1000)
        stats = self.collected(slow)
        self.assertEqual(stats["records"] - stats["optionsRecords"],
                         places["127.0.0.1:4740"]["records"])
        self.assertGreater(places["unread"]["lost"]["stopped"], count // 2)
        self.assertEqual(done.status, 1)  # of the file something is missing

    def test_a_slow_destination_gets_all_folded(self):
        """--fold: what a full queue has no room for comes in coarser records, and no packet is missing."""
        count = 6000
        path = self.file("flood.pcap", support.pcap([(0, syn(i)) for i in range(count)]))
        slow = self.collect(self.tap, "127.0.0.1", 4740)
        process = self.live(self.tap, "-i", "rx0", "--fold", "lost", "--max-flows", "100", "-e",
                            "ipfix://127.0.0.1:4740,rate=1000,queue=64KiB")
        self.ready(process)
        replay(self.sender, "tx0", path, "--pps", "20000")
        done = self.stop(process)
        place = done.stats["collectors"][0]
        self.assertGreater(place["folded"]["records"], count // 2)
        self.assertEqual(place["packets"], done.stats["metered"]["packets"])
        self.assertEqual(place["lostTotal"]["records"], 0)
        self.assertLess(place["records"], count // 2)
        stats = self.collected(slow)
        self.assertEqual(stats["packets"], done.stats["metered"]["packets"])
        self.assertEqual(stats["octets"], done.stats["metered"]["octets"])
        self.assertIn("are folded into coarser ones", done.stderr)

    def test_sampled(self):
        """--sample live: each tenth packet is metered, the rest is counted, and the collector knows the rate."""
        path = self.file("flood.pcap", support.pcap([(0, syn(i)) for i in range(2000)]))
        collector = self.collect(self.tap, "127.0.0.1", 4739)
        process = self.live(self.tap, "-i", "rx0", "-f", "tcp", "--sample", "count:10", "-e",
                            "ipfix://127.0.0.1")
        self.ready(process)
        replay(self.sender, "tx0", path, "--pps", "20000")
        done = self.stop(process)
        frames, metered = done.stats["frames"], done.stats["metered"]["packets"]
        self.assertGreaterEqual(frames, 1500)
        self.assertEqual(metered, (frames + 9) // 10)
        self.assertEqual(done.stats["ignored"]["notSampled"], frames - metered)
        stats = self.collected(collector)
        self.assertEqual(stats["packets"], metered)
        self.assertEqual(stats["sampling"]["packets"], {"least": 10, "most": 10})

    def test_a_fifo_may_be_opened_later(self):
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        process = self.live(self.tap, "-i", "rx0", "-w", fifo, "--per-packet")
        self.ready(process)
        path = self.file("a.pcap", support.pcap([(0, syn(i)) for i in range(2000)]))
        replay(self.sender, "tx0", path, "--pps", "4000")
        wait_until(lambda: "waiting for a program that reads from this FIFO" in self.output(process), "word")
        content = []
        reader = threading.Thread(target=lambda: content.append(fifo.read_bytes()))
        reader.start()
        done = self.stop(process)
        reader.join()
        self.assertEqual(done.stats["outputs"][0]["records"], 2000, done.stats)
        shown = self.run_plain("show", "-o", "json", self.file("a.ipfix", content[0]))
        self.assertEqual(len(shown.records), 2000)

    def test_a_reader_who_goes_ends_the_run(self):
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        process = self.live(self.tap, "-i", "rx0", "-w", fifo)
        self.ready(process)
        os.close(held)
        done = self.ended(process, status=1)
        self.assertEqual(done.stats["ended"], "closed")
        self.assertIn("cannot write", done.stderr)

    def send(self, count, pps=2000):
        self.sent = getattr(self, "sent", 0)
        path = self.file("some.pcap", support.pcap(
            [(0, syn(self.sent + i)) for i in range(count)]))
        self.sent += count
        replay(self.sender, "tx0", path, "--pps", str(pps))

    def test_a_collector_that_is_started_again_can_read_all(self):
        """Killed and started again, more than once: no data without their templates."""
        self.sender("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
        self.start_again(True)

    def test_a_collector_whose_host_seldom_answers(self):
        """As hosts do by default: one ICMP answer a second."""
        self.start_again(False)

    def start_again(self, exact):
        url = "netflow9://192.0.2.2:9995"
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-e", url, "-e",
                            "ipfix://192.0.2.2:9996")
        self.ready(process)
        received = [0, 0]
        for turn in range(3):
            both = [self.collect(self.sender, "192.0.2.2", 9995 + i, f"collect{turn}{i}")
                    for i in range(2)]
            time.sleep(4)
            self.send(2000)
            time.sleep(1.5)
            for i in range(2):
                stats = self.collected(both[i])
                self.assertEqual(stats["missingTemplate"], 0)
                self.assertGreater(stats["records"], 0)
                received[i] += stats["records"] - stats["optionsRecords"]
            # nobody listens: what is sent meanwhile is lost by name
            self.send(400, pps=200)
            time.sleep(1)
        done = self.stop(process)
        self.assertIn(f"collector {url} answers again: templates were sent first", done.stderr)
        for place, count in zip(done.stats["collectors"], received):
            if exact:
                self.assertEqual(place["records"], count, place)
                self.assertGreater(place["lost"]["unreachable"], 300)

    def test_templates_on_request(self):
        collector = self.collect(self.sender, "192.0.2.2", 9995)
        process = self.live(self.tap, "-i", "rx0", "-e", "ipfix://192.0.2.2:9995")
        self.ready(process)
        time.sleep(2.5)
        process.send_signal(signal.SIGUSR2)
        time.sleep(1)
        self.assertIsNone(process.poll())
        self.stop(process)
        # two copies at the start and those that were asked for, of 4 templates and 9 of options
        self.assertEqual(self.collected(collector)["templates"], 3 * 13)

    def test_a_route_may_come_later(self):
        """As at boot: no route to one collector, no address for another, the third is there."""
        there = self.collect(self.tap, "127.0.0.1", 4739)
        later = self.collect(self.sender, "192.0.2.2", 9995, "later")
        arguments = ["-i", "rx0", "--per-packet", "-e", "ipfix://127.0.0.1", "-e",
                     "ipfix://203.0.113.9:9995", "-e", "netflow9://no-such-name.invalid"]
        done = self.ended(self.live(self.tap, *arguments, "--no-wait", name="script"), status=1)
        self.assertIn("Network is unreachable", done.stderr)
        process = self.live(self.tap, *arguments)
        self.ready(process)
        wait_until(lambda: "no-such-name" in self.output(process), "words")
        self.assertIn("no route to collector 203.0.113.9 port 9995 yet (Network is unreachable); "
                      "trying again", self.output(process))
        self.assertIn("collector name no-such-name.invalid does not resolve yet",
                      self.output(process))
        self.send(1000)
        self.sender("ip", "address", "add", "203.0.113.9/32", "dev", "lo")
        self.collected(later)
        later = self.collect(self.sender, "203.0.113.9", 9995, "later")
        self.tap("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.2")
        wait_until(lambda: "can be reached again" in self.output(process), "the route")
        self.send(1000)
        time.sleep(1.5)
        done = self.stop(process)
        places = done.stats["collectors"]
        self.assertEqual([place["records"] for place in places], [2000, 2000, 0])
        self.assertEqual(places[2]["lost"]["unreachable"], 2000)
        for collector in there, later:
            stats = self.collected(collector)
            self.assertEqual(stats["records"] - stats["optionsRecords"], 2000)

    def test_a_full_disk_may_have_room_again(self):
        """Nothing is lost while the queue holds it, the file is whole, and it is said."""
        disk = self.directory / "disk"
        disk.mkdir()
        netns.run("mount", "-t", "tmpfs", "-o", "size=200k", "none", disk)
        self.addCleanup(netns.run, "umount", disk, check=False)
        process = self.live(self.tap, "-i", "rx0", "--per-packet", "-w", disk / "a.ipfix")
        self.ready(process)
        self.send(4000)
        wait_until(lambda: "No space left on device" in self.output(process), "the full disk")
        netns.run("mount", "-o", "remount,size=20m", disk)
        wait_until(lambda: "takes records again" in self.output(process), "room")
        self.send(4000)
        done = self.stop(process)
        self.assertEqual(done.stats["outputs"][0]["records"], 8000, done.stats)
        shown = self.run_plain("show", "-o", "json", disk / "a.ipfix")
        self.assertEqual(len(shown.records), 8000)


if __name__ == "__main__":
    netns.main()
