#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The clock of a source: which packets move it, and what is cut off or ends by it."""

import calendar
import os
import random
import socket
import struct
import subprocess
import time
import unittest

import support
from support import (START, Case, arista, free_port, metawatch, pcap, pcap_header, pcap_packet, udp,
                     settle, wait_until)
from waiting import wait_idle, waiting_datagrams

ARP = b"\xff" * 12 + b"\x08\x06" + bytes(28)
HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


def other(source=9):
    """A packet that `udp port 53` does not match."""
    frame = bytearray(udp(source, 7000))
    frame[36:38] = (8000).to_bytes(2, "big")
    return bytes(frame)


def parse(text):
    """Seconds since 1970 of 2023-11-14T22:13:20.036Z."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


class ClockCase(Case):
    def same_for_workers(self, path, *arguments):
        """One worker's run; several make the same records and counters."""
        alone = None
        for workers in ("1", "3") if "SANITIZED" in os.environ else ("1", "2", "3"):
            done = self.meter("-r", path, "-o", "json", "--workers", workers, *arguments)
            done.stats["table"].pop("longestChain")
            alone = alone or done
            self.assertEqual(sorted(done.stdout.splitlines()), sorted(alone.stdout.splitlines()))
            self.assertEqual(done.stats, alone.stats)
        return alone

    def reasons(self, done):
        """flowEndReason by the last octet of the source address, sorted where there are several."""
        found = {}
        for record in done.records:
            source = int(record["sourceIPv4Address"].split(".")[3])
            found.setdefault(source, []).append(record["flowEndReason"])
        return {source: sorted(reasons) for source, reasons in found.items()}


class Filter(ClockCase):
    def setUp(self):
        super().setUp()
        done = self.run_plain("meter", "-r", self.file("none.pcap", pcap([])), "-f", "ip6")
        if "no libpcap" in done.stderr:
            self.skipTest("this build has no libpcap")

    def test_refused_packets_move_the_clock(self):
        # flow 1 is silent for the rest of the file, which only other packets tell
        frames = [(0, udp(1, 5000))] + [(t, other()) for t in range(1, 40)] + [(39, udp(2, 5000))]
        path = self.file("a.pcap", pcap(frames))
        for expression in "udp port 53", "src host 192.0.2.1 or src host 192.0.2.2":
            done = self.same_for_workers(path, "-f", expression)
            self.assertEqual(self.reasons(done), {1: [1], 2: [4]})
            self.assertEqual(done.stats["ignored"]["filtered"], 39)
        # also when nothing that passes comes behind, and when what comes is no IP
        for last in other(), ARP:
            path = self.file("b.pcap", pcap([(0, udp(1, 5000))] + [(t, last) for t in range(40)]))
            self.assertEqual(self.reasons(self.same_for_workers(path, "-f", "udp port 53")),
                             {1: [1]})

    def test_same_reasons_as_without_the_filter(self):
        # random flows with gaps of all lengths; those that pass end for the same reasons
        rng = random.Random(5)
        frames, now = [], 0.0
        for _ in range(600):
            now += rng.choice((0.01, 0.2, 3, 14, 17, 50))
            source = rng.randrange(1, 20)
            frames.append((now, udp(source, 5000) if rng.random() < 0.4 else other(source + 20)))
        path = self.file("a.pcap", pcap(frames))
        whole = self.reasons(self.same_for_workers(path))
        part = self.reasons(self.same_for_workers(path, "-f", "udp port 53"))
        self.assertEqual(part, {source: whole[source] for source in whole if source < 20})

    def test_duration_is_by_all_packets(self):
        frames = [(t, other() if t % 10 else udp(1, 5000)) for t in range(3, 100)]
        done = self.same_for_workers(self.file("a.pcap", pcap(frames)), "-f", "udp port 53",
                                     "--duration", "30s")
        # from the first packet, at 3 s, to 33 s: 10, 20 and 30
        self.assertEqual(done.stats["metered"]["packets"], 3)
        self.assertEqual(done.stats["ignored"]["filtered"], 27)
        self.assertEqual(done.stats["ended"], "limit")

    def test_count_is_of_those_that_pass(self):
        frames = [(t / 10, udp(1, 5000) if t % 7 == 0 else other()) for t in range(2000)]
        path = self.file("a.pcap", pcap(frames))
        for count in 1, 63, 64, 65, 286:
            done = self.same_for_workers(path, "-f", "udp port 53", "-c", str(count))
            self.assertEqual(done.stats["metered"]["packets"], min(count, 286))

    def test_live_pipe(self):
        process = self.start("meter", "-r", "-", "--realtime", "-f", "udp port 53", "-o", "json",
                             "--stats", "json", "--idle-timeout", "1s", stdin=subprocess.PIPE)
        process.stdin.write(pcap_header() + pcap_packet(START, udp(1, 5000)))
        process.stdin.flush()
        begin, printed = time.monotonic(), None
        while printed is None and time.monotonic() - begin < support.TIMEOUT:
            now = time.monotonic() - begin
            process.stdin.write(pcap_packet(START + now, other()))
            process.stdin.flush()
            time.sleep(0.02)
            if self.printed():
                printed = time.monotonic() - begin
        process.stdin.close()
        done = self.check(process)
        self.assertEqual(self.reasons(done), {1: [1]})
        self.assertIsNotNone(printed, "the record did not leave while other packets came")


class Gaps(ClockCase):
    def test_flows_that_were_silent_for_long(self):
        # few packets behind a gap of 16 s, and few behind that
        frames = [(t, udp(s, 5000)) for t, s in
                  ((0, 1), (16, 2), (17, 3)) + tuple((t, 4) for t in range(20, 60, 5))]
        done = self.same_for_workers(self.file("a.pcap", pcap(frames)))
        self.assertEqual(self.reasons(done), {1: [1], 2: [1], 3: [1], 4: [4]})
        # one packet behind a gap
        done = self.same_for_workers(self.file("b.pcap", pcap([(0, udp(1, 1)), (40, udp(2, 1))])))
        self.assertEqual(self.reasons(done), {1: [1], 2: [4]})

    def test_duration_after_a_gap(self):
        # a beacon, of which each packet comes after the idle timeout
        beacon = self.file("a.pcap", pcap([(20 * i, udp(1, 5000)) for i in range(10)]))
        for duration, packets in ("60s", 3), ("61s", 4), ("1s", 1), ("1h", 10):
            done = self.same_for_workers(beacon, "--duration", duration)
            self.assertEqual(done.stats["metered"]["packets"], packets)
            self.assertEqual(done.stats["ended"], "limit" if packets < 10 else "eof")
        # months
        rare = self.file("b.pcap", pcap([(86400 * 30 * i, udp(1, 5000)) for i in range(6)]))
        done = self.same_for_workers(rare, "--duration", "1h")
        self.assertEqual(done.stats["metered"]["packets"], 1)
        # 40 packets behind one gap
        frames = [(t / 10, udp(1, 5000)) for t in range(500)]
        frames += [(66 + t / 2, udp(1, 5000)) for t in range(40)]
        few = self.file("c.pcap", pcap(frames))
        for seconds in 50, 66, 70, 80, 85, 86, 100:
            done = self.same_for_workers(few, "--duration", f"{seconds}s")
            self.assertEqual(done.stats["metered"]["packets"],
                             sum(t < seconds for t, _ in frames))

    def test_one_wild_time_stamp(self):
        # it ends nothing: neither the run nor other flows
        frames = [(i * 0.1, udp(1, 5000)) for i in range(100)]
        for ahead in 3600, 86400, YEAR, 30 * YEAR:
            for place in 0, 1, 50, 99:
                wild = frames[:place] + [(ahead, udp(2, 5000))] + frames[place:]
                path = self.file("a.pcap", pcap(wild))
                done = self.same_for_workers(path)
                self.assertEqual(self.reasons(done), {1: [4], 2: [4]})
                # of itself it says that it lies after the end
                done = self.same_for_workers(path, "--duration", "30m")
                self.assertEqual(self.reasons(done), {1: [4]})
                self.assertEqual(done.stats["metered"]["packets"], 100)
        # nothing comes behind the last packet of a file: a year is too long a gap
        path = self.file("a.pcap", pcap(frames + [(YEAR, udp(2, 5000))]))
        self.assertEqual(self.reasons(self.same_for_workers(path)), {1: [4], 2: [4]})

    def test_wild_time_stamps_in_sparse_traffic(self):
        rng = random.Random(3)
        for _ in range(10):
            frames, now = [], 0
            for _ in range(rng.randrange(10, 60)):
                now += rng.choice((0.5, 5, 16, 100))
                frames.append((now, udp(rng.randrange(1, 5), 5000)))
            place = rng.randrange(1, len(frames) - 1)
            plain = self.reasons(self.same_for_workers(self.file("a.pcap", pcap(frames))))
            frames.insert(place, (now + rng.randrange(1000, 10 * YEAR), udp(200, 5000)))
            wild = self.reasons(self.same_for_workers(self.file("b.pcap", pcap(frames))))
            self.assertEqual(wild.pop(200), [4])
            self.assertEqual(wild, plain)


class SwitchTime(ClockCase):
    """Packets with the time stamps of a switch: --switch-time."""

    def stamped(self, source, offset):
        return arista(udp(source, 5000), START + offset)

    def trailed(self, source, offset):
        return metawatch(udp(source, 5000), START + offset)

    def test_stamps_are_the_times(self):
        frames = [(i * 0.5, (self.trailed if i % 2 else self.stamped)(1, i * 0.5 + 0.25)) for i in range(20)]
        path = self.file("a.pcap", pcap(frames))
        fields = "--fields", "flowStartNanoseconds,flowEndNanoseconds"
        for arguments, shift, taken in ((), 0, 0), (("--switch-time", "1s"), 0.25, 20):
            done = self.same_for_workers(path, *arguments, *fields)
            self.assertEqual(done.stats["switchTime"], {"taken": taken, "refused": 0})
            times = [(record["flowStartNanoseconds"][-13:], record["flowEndNanoseconds"][-13:])
                     for record in done.records]
            self.assertEqual(times, [("%012.9fZ" % (20 + shift), "%012.9fZ" % (29.5 + shift))])

    def test_timeouts_follow_the_stamps(self):
        # captured within 10 s, stamped 20 s apart
        frames = [(0, self.stamped(1, 0)), (10, self.stamped(1, 20)), (10, self.stamped(2, 20))]
        path = self.file("a.pcap", pcap(frames))
        self.assertEqual(self.reasons(self.same_for_workers(path)), {1: [4], 2: [4]})
        done = self.same_for_workers(path, "--switch-time", "1m")
        self.assertEqual(self.reasons(done), {1: [1, 4], 2: [4]})

    def test_stamps_that_are_far_off_are_refused(self):
        frames = [(i * 0.1, udp(1, 5000)) for i in range(100)]
        for wild in -YEAR, -1.5, 1.5, 3600, YEAR, 30 * YEAR:
            forged = [(t + 0.05, self.stamped(2, t + wild)) for t, _ in frames]
            path = self.file("a.pcap", pcap(sorted(frames + forged)))
            done = self.same_for_workers(path, "--switch-time", "1s")
            self.assertEqual(self.reasons(done), {1: [4], 2: [4]})
            self.assertEqual(done.stats["switchTime"], {"taken": 0, "refused": 100})
        done = self.run_plain("meter", "-r", path, "-o", "none", "--switch-time", "1s")
        self.assertIn("stamps   0 packet times from switches (--switch-time), 100 refused", done.stderr)


class Steps(ClockCase):
    """The clock of the host is set during a live run: the program's wall clock and the packets' times step."""

    FLOWS = 200

    def begin(self):
        self.clock = self.directory / "clock"
        self.clock.write_bytes(bytes(8))
        self.process = self.start(
            "meter", "-r", "-", "--realtime", "-o", "json", "--stats", "json", "-w",
            f"{self.directory}/%d-%H%M%S.ipfix,rotate=6h", stdin=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": os.environ["STEPPED_CLOCK"], "STEPPED_CLOCK": str(self.clock)})
        self.addCleanup(self.process.stdin.close)
        self.process.stdin.write(pcap_header())
        self.base = time.time()

    def feed(self, port, step):
        """200 flows to their own port, two packets each, a second of time; at the wall clock plus `step`."""
        with open(self.clock, "r+b") as stream:
            stream.write(struct.pack("=q", step))
        for i in range(2 * self.FLOWS):
            self.process.stdin.write(pcap_packet(self.base + step + port + i / 400, udp(1 + i % self.FLOWS, port)))
        self.process.stdin.flush()
        settle(self.process, self.process.stdin)

    def stored(self):
        """Records of the run by port: (packets, reason). The files have the same."""
        self.process.stdin.close()
        done = self.check(self.process)
        files = [record for path in self.directory.glob("*.ipfix")
                 for record in self.run_plain("show", "-o", "json", path).records]
        found = {}
        for records in done.records, files:
            by_port = {}
            for record in records:
                by_port.setdefault(record["sourceTransportPort"], []).append(
                    (record["packetDeltaCount"], record["flowEndReason"]))
            found = found or by_port
            self.assertEqual({port: sorted(rows) for port, rows in by_port.items()},
                             {port: sorted(rows) for port, rows in found.items()})
        for rows in found.values():
            self.assertEqual(sum(packets for packets, _ in rows), 2 * self.FLOWS)
        return found

    def test_a_day_ahead(self):
        self.begin()
        self.feed(1, 0)
        self.feed(2, DAY)
        wait_until(lambda: self.printed().count("\n") == self.FLOWS, "records of before")
        self.feed(3, DAY)
        found = self.stored()
        self.assertEqual(found, {1: [(2, 1)] * self.FLOWS, 2: [(2, 4)] * self.FLOWS, 3: [(2, 4)] * self.FLOWS})
        self.assertLessEqual(len(list(self.directory.glob("*.ipfix"))), 3)

    def test_an_hour_back(self):
        self.begin()
        self.feed(1, 0)
        self.feed(2, -HOUR)
        self.feed(3, -HOUR)
        self.feed(4, 0)
        found = self.stored()
        # the step ends the flows of before; at 4 time jumps ahead again
        self.assertEqual(found, {1: [(2, 4)] * self.FLOWS, 2: [(2, 1)] * self.FLOWS,
                                 3: [(2, 1)] * self.FLOWS, 4: [(2, 4)] * self.FLOWS})
        self.assertLessEqual(len(list(self.directory.glob("*.ipfix"))), 3)


class Mirror(ClockCase):
    """The clock of the host is set back while packets of a remote mirror are metered."""

    def feed(self, process, port, step):
        with open(self.clock, "r+b") as stream:
            stream.write(struct.pack("=q", step))
        for i in range(400):
            self.sender.send(struct.pack("!II", 0x08000000, 0x100) + udp(1 + i % 200, port))
            if i % 20 == 0:
                wait_until(lambda: not waiting_datagrams(self.port), "packets are read")
        # a packet has the time at which it is read
        wait_idle(process, lambda: waiting_datagrams(self.port))

    def run_stepped(self, *arguments):
        self.clock = self.directory / "clock"
        self.clock.write_bytes(bytes(8))
        self.port = free_port()
        process = self.start("meter", "-i", f"udp://127.0.0.1:{self.port},kind=vxlan", "-o", "json", "--stats", "json",
                             "--idle-timeout", "10m", "--active-timeout", "20m",
                             *arguments, env={**os.environ, "LD_PRELOAD": os.environ["STEPPED_CLOCK"],
                                              "STEPPED_CLOCK": str(self.clock),
                                              # without rights it cannot look for leaks
                                              "ASAN_OPTIONS": "detect_leaks=0"})
        self.told("metering")
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sender.close)
        self.sender.connect(("127.0.0.1", self.port))
        self.feed(process, 1, 0)
        self.feed(process, 2, -HOUR)
        self.feed(process, 1, -HOUR)
        process.terminate()
        return self.check(process)

    def test_an_hour_back(self):
        for workers in "1", "3":
            done = self.run_stepped("--workers", workers)
            self.assertEqual(done.stats["clockSetBack"], 1)
            found = sorted((r["sourceTransportPort"], r["packetDeltaCount"], r["flowEndReason"]) for r in done.records)
            self.assertEqual(found, sorted([(1, 2, 4), (1, 2, 4), (2, 2, 4)] * 200))
            now = int(time.time())
            for record in done.records:
                seconds = now - parse(record["flowEndMilliseconds"])
                self.assertLess(min(abs(seconds), abs(seconds - HOUR)), HOUR / 3)
            self.assertEqual(done.stderr.count("goes back"), 1)


# Most of such a test is the making of captures; with sanitizers one of them is enough.
once = unittest.skipIf("SANITIZED" in os.environ, "takes long, and the code is that of the first test")


class SetBack(ClockCase):
    """An earlier capture follows a later one in the same file."""

    @staticmethod
    def capture(begin, seed, count=70000):
        """An hour of conversations: more packets than a file's sorting bears."""
        rng, frames, known = random.Random(seed), [], {}
        for i in range(count):
            key = rng.randrange(40), rng.randrange(2)
            if key not in known:
                frame = bytearray(udp(1, 1000))
                ends = bytes([10, 0, 0, key[0]]) + bytes([10, 1, 0, key[0]]), (1000, 2000)
                frame[26:34] = ends[0] if key[1] else ends[0][4:] + ends[0][:4]
                frame[34:38] = struct.pack("!HH", *ends[1][::1 if key[1] else -1])
                known[key] = bytes(frame)
            frames.append((begin + HOUR * i / count, known[key]))
        return frames

    @staticmethod
    def rows(done):
        """Records without what depends on the time of the source."""
        return sorted(str(sorted(item for item in record.items() if item[0] != "flowId"))
                      for record in done.records)

    def apart(self, captures, *arguments):
        rows = []
        for number, capture in enumerate(captures):
            path = self.file(f"{number}.pcap", pcap(capture))
            rows += self.rows(self.meter("-r", path, "-o", "json", *arguments))
        return sorted(rows)

    def test_records_are_those_of_both(self):
        captures = [self.capture(2 * HOUR, 1), self.capture(0, 2)]
        path = self.file("all.pcap", pcap(captures[0] + captures[1]))
        for arguments in ("--biflow",), ("--idle-timeout", "2m", "--active-timeout", "30m"):
            done = self.same_for_workers(path, *arguments)
            self.assertEqual(self.rows(done), self.apart(captures, *arguments))
            self.assertEqual(done.stats["clockSetBack"], 1)
            self.assertEqual(done.stats["clockSteps"], 0)
            self.assertIn("all.pcap: the time of the packets goes back by 10800 s", done.stderr)
            self.assertNotIn("reordercap", done.stderr)

    @once
    def test_several_steps(self):
        captures = [self.capture(begin * HOUR, begin) for begin in (4, 2, 0, 6)]
        path = self.file("all.pcap", pcap(sum(captures, [])))
        done = self.same_for_workers(path)
        self.assertEqual(done.stats["clockSetBack"], 2)
        # the fourth one is later: the flows of the third end by their timeouts
        rows = self.apart(captures)
        self.assertEqual(len(done.records), len(rows))
        self.assertEqual(done.stats["records"]["packets"], 4 * 70000)

    @once
    def test_a_step_among_packets_out_of_order(self):
        captures = [self.capture(2 * HOUR, 1, 200000), self.capture(0, 2)]
        mixed = list(captures[0])
        for i in range(1000, len(mixed), 777):
            mixed[i], mixed[i + 5] = mixed[i + 5], mixed[i]
        path = self.file("all.pcap", pcap(mixed + captures[1]))
        done = self.same_for_workers(path)
        self.assertEqual(self.rows(done), self.apart(captures))
        self.assertEqual(done.stats["clockSetBack"], 1)

    @once
    def test_period(self):
        captures = [self.capture(2 * HOUR, 1), self.capture(0, 2)]
        path = self.file("all.pcap", pcap(captures[0] + captures[1]))
        part = [[(t, frame) for t, frame in capture if t >= HOUR / 2] for capture in captures]
        done = self.same_for_workers(path, "--start", f"@{START + HOUR // 2}")
        self.assertEqual(self.rows(done), self.apart(part))
        # half an hour of the second capture is left; the first one spans an hour less a packet
        done = self.same_for_workers(path, "--duration", "90m")
        self.assertEqual(done.stats["metered"]["packets"], 70000 + 35000 + 1)

    @once
    def test_few_packets_are_no_step(self):
        frames = self.capture(0, 1)
        for count, steps in (1, 0), (63, 0), (64, 1):
            back = [(t / 1000 - 2 * HOUR, udp(77, 1)) for t in range(count)]
            done = self.same_for_workers(self.file("end.pcap", pcap(frames + back)))
            self.assertEqual(done.stats["clockSetBack"], steps, count)
            self.assertEqual(sum(r["sourceIPv4Address"] == "192.0.2.77" for r in done.records),
                             1 if steps else count)
            # packets of the present follow
            done = self.same_for_workers(self.file("amid.pcap", pcap(frames[:66000] + back + frames[66000:])))
            self.assertEqual(done.stats["clockSetBack"], 0)
            others = [r for r in self.rows(done) if "192.0.2.77" not in r]
            self.assertEqual(others, self.apart([frames]))


if __name__ == "__main__":
    support.main()
