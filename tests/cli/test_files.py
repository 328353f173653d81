#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Metering files: what goes in, what is metered of it, where a run ends."""

import gzip
import ipaddress
import json
import resource
import signal
import struct
import subprocess
from pathlib import Path

import support
from support import Case, START, conversations, pcap, pcap_packet, udp


PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


class Input(Case):
    def test_counts(self):
        frames = conversations(50, packets=3) + [(1, b"\xff" * 12 + b"\x08\x06" + bytes(28))]
        done = self.meter("-r", self.file("a.pcap", pcap(frames)), "-o", "json")
        self.assertEqual(done.stats["frames"], 151)
        self.assertEqual(done.stats["metered"], {"packets": 150, "octets": 150 * 29})
        self.assertEqual(done.stats["ignored"]["nonIp"], 1)
        self.assertEqual(done.stats["flows"],
                         {"created": 50, "ended": 50, "evicted": 0, "active": 0})
        self.assertEqual(len(done.records), 50)
        self.assertEqual({r["packetDeltaCount"] for r in done.records}, {3})
        self.assertEqual(done.stats["ended"], "eof")

    def test_standard_input(self):
        path = self.file("a.pcap", pcap(conversations(5)))
        with open(path, "rb") as stdin:
            done = self.meter("-r", "-", "-o", "json", stdin=stdin)
        self.assertEqual(len(done.records), 5)

    def test_several_files_are_one_table(self):
        # a rotated capture: a flow with packets in both files, given in the wrong order
        first = self.file("2.pcap", pcap([(0, udp(1, 5000)), (2, udp(1, 5000))]))
        second = self.file("1.pcap", pcap([(4, udp(1, 5000)), (5, udp(2, 5000))]))
        done = self.meter("-r", second, first, "-o", "json")
        self.assertEqual(sorted(r["packetDeltaCount"] for r in done.records), [1, 3])
        with support.socket.socket(support.socket.AF_INET, support.socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            for between in ("-r",), ("-e", f"ipfix://127.0.0.1:{sink.getsockname()[1]}"):
                done = self.meter("-r", second, *between, first, "-o", "json")
                self.assertEqual(sorted(r["packetDeltaCount"] for r in done.records), [1, 3])

    def test_directory(self):
        captures = self.directory / "captures"
        captures.mkdir()
        (captures / "a.pcap").write_bytes(pcap([(0, udp(1, 5000))]))
        (captures / "b.pcap.gz").write_bytes(gzip.compress(pcap([(1, udp(1, 5000))])))
        (captures / "notes.txt").write_text("no capture")
        done = self.meter("-r", captures, "-o", "json")
        self.assertEqual([r["packetDeltaCount"] for r in done.records], [2])
        self.assertIn("notes.txt", done.stderr)

    def test_empty_capture(self):
        done = self.meter("-r", self.file("a.pcap", pcap([])))
        self.assertEqual(done.stats["frames"], 0)

    def test_workers_give_the_same_records(self):
        # both directions, idle gaps, active cuts and a second file, over 1 to 4 tables
        frames = conversations(300, packets=4, step=0.02) \
            + [(40 + t, udp(1 + i, 7000)) for t in range(0, 90, 9) for i in range(20)]
        first = self.file("a.pcap", pcap(frames))
        second = self.file("b.pcap", pcap([(t + 3, f) for t, f in frames]))
        self.compare_workers("-r", first, second)
        # a pipe can be read only once
        content = Path(first).read_bytes()
        outputs = set()
        for workers in 1, 2, 3:
            process = self.start("meter", "-r", "-", "-o", "json", "--stats", "json",
                                 "--workers", str(workers), stdin=subprocess.PIPE)
            process.stdin.write(content)
            process.stdin.close()
            done = self.check(process)
            outputs.add("\n".join(sorted(done.stdout.splitlines())))
        self.assertEqual(len(outputs), 1)

    def compare_workers(self, *arguments, status=0):
        """Records and counters are the same for any number of workers; returns one worker's run."""
        alone = None
        for workers in 1, 2, 3, 5:
            done = self.meter(*arguments, "-o", "json", "--workers", str(workers), status=status)
            done.stats["table"].pop("longestChain")
            if not alone:
                alone = done
            self.assertEqual(sorted(done.stdout.splitlines()), sorted(alone.stdout.splitlines()))
            self.assertEqual(done.stats, alone.stats)
            said = done.stderr.splitlines()[:-1]
            self.assertEqual(said, alone.stderr.splitlines()[:-1])
        return alone

    def mixed(self):
        """Flows of both versions, tagged ones, frames without IP, and steps back in time."""
        arp = b"\xff" * 12 + b"\x08\x06" + bytes(28)
        frames = conversations(150, packets=3)
        for i in range(100):
            t = 0.2 + i * 0.003
            frames += [(t, udp(i, 7000, vlan=5)), (t, udp(i, 8000, version=6)), (t, arp),
                       (t - 0.1, udp(i, 9000)), (t, udp(i, 9000)[:20])]
        return frames

    def test_workers_keep_the_same_books(self):
        path = self.file("a.pcap", pcap(self.mixed()))
        done = self.compare_workers("-r", path)
        self.assertEqual(done.stats["ignored"]["nonIp"], 100)
        self.assertEqual(done.stats["nonIpEtherTypes"],
                         [{"etherType": 0x0806, "name": "ARP", "frames": 100}])
        self.assertEqual(done.stats["ignored"]["truncated"], 100)
        self.assertGreater(done.stats["sources"][0]["counters"]["outOfOrder"], 0)
        for arguments in (["--per-packet"], ["--key", "-vlan"], ["--dedup"],
                          ["--idle-timeout", "10ms"], ["--biflow"]):
            self.compare_workers("-r", path, *arguments)
        # limits, and flows without addresses
        for arguments in (["-c", "77"], ["-c", "128"], ["--duration", "300ms"],
                          ["--key", "-address,-port"]):
            self.compare_workers("-r", path, *arguments)
        packed = self.directory / "a.pcap.gz"
        packed.write_bytes(gzip.compress(Path(path).read_bytes()))
        self.compare_workers("-r", packed)
        self.compare_workers("-r", packed, "-r", path, "-c", "600")

    def test_workers_and_times_of_options_data(self):
        # even a run that is over before the main thread looks goes by the packets' clock
        path, out = self.file("a.pcap", pcap(self.mixed())), self.directory / "out"
        seen = set()
        for workers in 1, 3:
            self.meter("-r", path, "-w", out, "--force", "--workers", str(workers))
            shown = self.run_plain("show", "--options", "-o", "json", out).stdout.splitlines()
            lost = [json.loads(line) for line in shown if "ignoredPacketTotalCount" in line]
            self.assertTrue(lost)
            for record in lost:
                times = [value for name, value in record.items()
                         if name.startswith("observationTime")]
                self.assertEqual({time[:10] for time in times}, {"2023-11-14"})
                seen.add(tuple(times))
        self.assertEqual(len(seen), 1)

    def test_workers_and_copies(self):
        # each frame twice, the second time with a tag: worker 0 sees both
        frames = []
        for t, frame in conversations(300, packets=3):
            frames += [(t, frame), (t + 0.0001, frame[:12] + b"\x81\0\0\5" + frame[12:])]
        done = self.compare_workers("-r", self.file("a.pcap", pcap(frames)), "--dedup")
        self.assertEqual(done.stats["ignored"]["duplicate"], 900)

    def test_workers_and_filter(self):
        path = self.file("a.pcap", pcap(self.mixed()))
        done = self.run_plain("meter", "-r", path, "-f", "ip6")
        if "no libpcap" in done.stderr:
            self.skipTest("this build has no libpcap")
        for arguments in ([], ["-c", "33"], ["--duration", "100ms"]):
            self.compare_workers("-r", path, "-f", "udp port 9000 or ip6", *arguments)

    def test_workers_and_corrupt_files(self):
        cut = self.file("cut.pcap", pcap(conversations(200))[:-3])
        good = self.file("good.pcap", pcap(conversations(100)))
        self.compare_workers("-r", cut, good, status=1)
        self.compare_workers("-r", cut, cut, status=1)

    def test_workers_and_many_corrupt_files(self):
        # all are open, and go wrong at nearly the same time
        bad = struct.pack("<IIII", START + 2, 0, 0xFFFFFFFF, 60)
        files = [self.file(f"{i}.pcap", pcap([(i / 1000, udp(i, 1024)), (1, udp(i, 1024))]) + bad)
                 for i in range(150)]
        done = self.compare_workers(*(a for file in files for a in ("-r", file)), status=1)
        self.assertEqual(done.stats["metered"]["packets"], 300)
        self.assertIn("149 more", done.stderr)

    def test_workers_and_more_files_than_descriptors(self):
        # all overlap; 150 can be open, if the soft limit is raised
        files = [self.file(f"{i}.pcap", pcap([(i / 1000, udp(i, 1024)), (9, udp(i, 1024))]))
                 for i in range(150)]
        arguments = [a for file in files for a in ("-r", file)]
        for soft, hard in ((100, 1000), (250, 250)):
            done = self.meter(
                *arguments, "-o", "none", "--workers", "2", preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (soft, hard)))
            self.assertEqual(done.stats["metered"]["packets"], 300)

    def test_workers_and_many_files_one_after_the_other(self):
        # few of them are open at the same time, whoever still has packets of those before
        files = [self.file(f"{i}.pcap", pcap([(10 * i, udp(i % 50, 1024)),
                                              (10 * i + 5, udp(i % 70, 1024))]))
                 for i in range(1200)]
        arguments = [a for file in files for a in ("-r", file)]
        for workers in "1", "2", "5":
            done = self.meter(
                *arguments, "-o", "none", "--workers", workers, preexec_fn=lambda:
                resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
            self.assertEqual(done.stats["metered"]["packets"], 2400)

    def test_workers_stop_at_the_same_packet(self):
        # with one flow only, all packets are one worker's
        for frames in (conversations(2000, packets=50, step=0.0001),
                       [(i / 10000, udp(1, 7000)) for i in range(100000)]):
            path = self.file("a.pcap", pcap(frames))
            cut_short = [self.stop_workers(path, 40) < 40 * len(frames) for _ in range(3)]
            self.assertTrue(any(cut_short))

    def stop_workers(self, path, times):
        """Stops workers who read; returns how many packets they have metered."""
        out = self.directory / "out"
        process = self.start("meter", *["-r", path] * times, "-o", "none", "-w", out, "--force", "--stats",
                             "json", "--per-packet", "--workers", "3")
        support.wait_until(lambda: out.exists() and out.stat().st_size, "a run")
        process.send_signal(signal.SIGINT)
        # the counters say whether all have metered the same packets
        done = self.check(process)
        out.unlink()
        return done.stats["metered"]["packets"]

    def test_pinned_workers(self):
        # while the pipe stays open, each worker's thread may use one CPU only
        path = self.file("a.pcap", pcap(conversations(50)))
        plain = self.meter("-r", path, "-o", "json")
        pinned = self.meter("-r", path, "-o", "json", "--workers", "2", "--pin")
        self.assertEqual(sorted(plain.stdout.splitlines()), sorted(pinned.stdout.splitlines()))
        process = self.start("meter", "-r", "-", "-o", "none", "--workers", "2", "--pin",
                             "--stats", "json", stdin=subprocess.PIPE)
        process.stdin.write(pcap(conversations(5)))
        process.stdin.flush()
        def lists():
            found = []
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                for line in (task / "status").read_text().splitlines():
                    if line.startswith("Cpus_allowed_list") and int(task.name) != process.pid:
                        found.append(line.split()[1])
            return found
        # a thread is there before it is pinned
        support.wait_until(lambda: len(lists()) == 2 and all(cpu.isdigit() for cpu in lists()),
                           "two pinned threads")
        process.stdin.close()
        self.check(process)

    def test_missing_file(self):
        done = self.run_plain("meter", "-r", "/proc/nonexistent.pcap")
        self.assertEqual(done.status, 1)
        self.assertIn("/proc/nonexistent.pcap", done.stderr)

    def test_corrupt_file(self):
        whole = pcap(conversations(20, packets=1))
        path = self.file("cut.pcap", whole[:-10])
        done = self.meter("-r", path, "-o", "json", status=1)
        self.assertEqual(len(done.records), 19)
        record = len(pcap_packet(0, udp(1, 1)))
        self.assertIn(f"{path}: byte {len(whole) - record}", done.stderr)
        self.assertEqual(done.stats["ended"], "error")

    def test_corrupt_file_among_others(self):
        cut = self.file("cut.pcap", pcap([(0, udp(1, 5000)), (1, udp(1, 5000))])[:-3])
        good = self.file("good.pcap", pcap([(2, udp(2, 5000))]))
        done = self.meter("-r", cut, good, "-o", "json", status=1)
        self.assertEqual(len(done.records), 2)
        self.assertIn("cut.pcap", done.stderr)

    def test_unknown_link_type(self):
        path = self.file("a.pcap", pcap([(i, bytes(60)) for i in range(9)], link=147))
        done = self.meter("-r", path, "-o", "json")
        self.assertEqual(done.stats["ignored"]["unsupportedLinkType"], 9)
        self.assertEqual(done.stderr.count("link type 147"), 1)

    def test_filter(self):
        frames = [(i * 0.01, udp(1 + i % 2, 5000)) for i in range(100)]
        path = self.file("a.pcap", pcap(frames))
        done = self.run_plain("meter", "-r", path, "-f", "host 192.0.2.2")
        if "no libpcap" in done.stderr:
            self.skipTest("this build has no libpcap")
        done = self.meter("-r", path, "-f", "host 192.0.2.2", "-o", "json")
        self.assertEqual(done.stats["ignored"]["filtered"], 50)
        self.assertEqual([r["sourceIPv4Address"] for r in done.records], ["192.0.2.2"])
        # -c counts what passes
        done = self.meter("-r", path, "-f", "host 192.0.2.2", "-c", "7", "-o", "json")
        self.assertEqual(done.stats["metered"]["packets"], 7)


class Names(Case):
    def test_statistics_have_the_names_of_files_as_json_strings(self):
        names = ["\u00fcml\u00e4ut.pcap", "quote\"back\\slash.pcap", "new\nline.pcap"]
        for name in names:
            path = self.file(name, pcap(conversations(1)))
            done = self.meter("-r", path, "-o", "none")
            self.assertEqual(done.stats["sources"][0]["name"], path)


class Check(Case):
    """spanflow check -r"""

    def look(self, *paths, status=0):
        arguments = [word for path in paths for word in ("-r", path)]
        done = self.run_plain("check", "-o", "json", *arguments)
        self.assertEqual(done.status, status, done.stderr)
        report = json.loads(done.stdout)
        return {finding["name"]: finding for finding in report["findings"]}, report

    def test_both_directions_of_a_tap_are_in_two_files(self):
        found, report = self.look(PCAPS / "tap-a.pcap", status=1)
        self.assertEqual(found["directions"]["verdict"], "problem")
        self.assertIn("dropped", set("dropped merged".split()) - set(found))
        found, report = self.look(PCAPS / "tap-a.pcap", PCAPS / "tap-b.pcap")
        self.assertEqual(found["directions"]["verdict"], "ok")
        self.assertEqual(report["verdict"], "ok")

    def test_the_last_line_is_the_verdict(self):
        done = self.run_plain("check", "-r", PCAPS / "demo.pcap")
        self.assertEqual(done.status, 0)
        self.assertIn("reading %s" % (PCAPS / "demo.pcap"), done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1],
                         "result   healthy; to meter: spanflow meter -r %s" % (PCAPS / "demo.pcap"))
        done = self.run_plain("check", "-r", PCAPS / "tap-a.pcap")
        self.assertIn("->", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines()[:-1])), 80, done.stdout)
        self.assertEqual(self.run_plain("check", "-q", "-r", PCAPS / "demo.pcap").stderr, "")

    def test_what_cannot_be_looked_at_is_no_verdict(self):
        for arguments in (["-r", self.directory / "missing"], ["-r", PCAPS / "README.md"], [],
                          ["-i", "lo", "-r", PCAPS / "demo.pcap"]):
            done = self.run_plain("check", *arguments)
            self.assertEqual(done.status, 2, (arguments, done.stderr))
            self.assertEqual(done.stdout, "")
            self.assertNotEqual(done.stderr, "")


class End(Case):
    def test_count(self):
        path = self.file("a.pcap", pcap(conversations(300, packets=1)))
        for count in (1, 63, 64, 65, 299, 300, 1000):
            done = self.meter("-r", path, "-c", count, "-o", "json")
            self.assertEqual(done.stats["metered"]["packets"], min(count, 300))
            self.assertEqual(done.stats["ended"], "limit" if count <= 300 else "eof")

    def test_duration_is_packet_time(self):
        path = self.file("a.pcap", pcap([(i * 0.01, udp(1, 5000)) for i in range(1000)]))
        done = self.meter("-r", path, "--duration", "2s", "-o", "json")
        self.assertEqual(done.stats["metered"]["packets"], 200)
        self.assertEqual(done.stats["ended"], "limit")
        # the same when batches have another size
        done = self.meter("-r", path, "--duration", "2s", "-c", "900")
        self.assertEqual(done.stats["metered"]["packets"], 200)


class Metering(Case):
    def records(self, *arguments):
        frames = [(t, udp(1, 5000, vlan=v)) for t, v in
                  ((0, 5), (1, 6), (10, 5), (30, 5), (31, 5), (100, 5))]
        done = self.meter("-r", self.file("a.pcap", pcap(frames)), "-o", "json", *arguments)
        return sorted(r["packetDeltaCount"] for r in done.records)

    def test_timeouts(self):
        self.assertEqual(self.records(), [1, 1, 2, 2])
        self.assertEqual(self.records("--idle-timeout", "60s"), [1, 1, 4])
        self.assertEqual(self.records("--idle-timeout", "60", "--active-timeout", "9s"),
                         [1, 1, 1, 1, 2])
        self.assertEqual(self.records("--idle-timeout", "0", "--active-timeout", "0"), [1, 5])

    def test_key(self):
        self.assertEqual(self.records("--key", "-vlan"), [1, 2, 3])
        self.assertEqual(self.records("--per-packet"), [1] * 6)

    def test_seed_and_hash_change_nothing(self):
        path = self.file("a.pcap", pcap(conversations(500, packets=4)))
        plain = sorted(self.meter("-r", path, "-o", "json").stdout.splitlines())
        for arguments in (["--hash-seed", "1"], ["--hash", "siphash"], ["--prealloc"],
                          ["--max-flows", "1000"]):
            done = self.meter("-r", path, "-o", "json", *arguments)
            self.assertEqual(sorted(done.stdout.splitlines()), plain, arguments)

    def test_full_table(self):
        path = self.file("a.pcap", pcap(conversations(500, packets=1)))
        done = self.meter("-r", path, "-o", "json", "--max-flows", "100")
        self.assertEqual(done.stats["flows"]["evicted"], 400)
        self.assertEqual(sum(r["flowEndReason"] == 5 for r in done.records), 400)


class Sampled(Case):
    def capture(self):
        return self.file("a.pcap", pcap(conversations(500, packets=4)))

    def test_every_kind(self):
        """The rate, the counters, and the same packets for any number of workers."""
        capture, path = self.capture(), self.directory / "a.ipfix"
        for words, least, most, told in (
                ("count:10", 200, 200, {"samplerMode": 1, "samplerRandomInterval": 10}),
                ("count:2/10", 400, 400, {"samplerMode": 1, "samplerRandomInterval": 5}),
                ("count:3/10", 600, 600, {"selectorAlgorithm": 1, "samplingPacketInterval": 3,
                                          "samplingPacketSpace": 7}),
                ("random:10", 200, 200, {"samplerMode": 2, "samplerRandomInterval": 10}),
                ("random:3/10", 600, 600, {"selectorAlgorithm": 3, "samplingSize": 3,
                                           "samplingPopulation": 10}),
                ("uniform:2/5", 700, 900, {"selectorAlgorithm": 4, "samplingProbability": 0.4}),
                ("hash:4", 400, 600, {"samplerMode": 2, "samplerRandomInterval": 4}),
                ("hash:3/8", 650, 850, {"selectorAlgorithm": 6, "hashOutputRangeMax": 2**32 - 1,
                                        "hashSelectedRangeMax": 3 * 2**29 - 1}),
                ("time:100ms/1s", 150, 250, {"selectorAlgorithm": 2, "samplingTimeInterval": 100000,
                                             "samplingTimeSpace": 900000})):
            results = []
            for workers in "1", "3":
                done = self.meter("-r", capture, "-w", path, "--force", "--sample", words, "-o", "csv",
                                  "--workers", workers)
                self.assertEqual(done.stats["metered"]["packets"] + done.stats["ignored"]["notSampled"],
                                 2000)
                self.assertGreaterEqual(done.stats["metered"]["packets"], least, words)
                self.assertLessEqual(done.stats["metered"]["packets"], most, words)
                results.append(sorted(done.stdout.splitlines()))
            self.assertEqual(*results, words)
            shown = self.run_plain("show", "-o", "json", "--options", path)
            records = [json.loads(line) for line in shown.stdout.splitlines()]
            # an options record of the file has nothing but its own elements
            kinds = [r for r in records if told.keys() <= r.keys()]
            self.assertEqual([{name: r[name] for name in told} for r in kinds], [told], words)

    def test_flows_of_one_destination(self):
        """All records of a flow or none; the same flows whatever the order; other destinations get all."""
        frames = conversations(400, packets=3, step=0.01)
        capture = self.file("b.pcap", pcap(frames + [(t + 100, frame) for t, frame in frames]))
        some, whole = self.directory / "some.ipfix", self.directory / "whole.ipfix"
        for workers in "1", "2":
            done = self.meter("-r", capture, "-w", f"{some},sample=4", "-w", whole, "--force",
                              "--workers", workers)
            chosen, every = done.stats["outputs"]
            self.assertEqual(every["records"], every["offered"]["records"])
            self.assertEqual(chosen["records"] + chosen["skipped"]["notSampled"], every["records"])
            self.assertGreater(chosen["records"], every["records"] / 8)
            self.assertLess(chosen["records"], every["records"] / 2)
            shown = self.run_plain("show", "-o", "json", "--options", some)
            records = [json.loads(line) for line in shown.stdout.splitlines()]
            told = [r for r in records if "flowSelectorAlgorithm" in r]
            self.assertEqual([(r["flowSelectorAlgorithm"], r["samplingProbability"]) for r in told],
                             [(4, 0.25)])
            flows = {}
            for record in records:
                if "packetDeltaCount" in record:
                    key = record["sourceIPv4Address"], record["sourceTransportPort"]
                    flows[key] = flows.get(key, 0) + 1
            self.assertEqual(set(flows.values()), {2})

    def test_usage(self):
        for words, message in (
                (["--sample", "100"], "--sample: '100' is no sampling (allowed: count:N"),
                (["--sample", "count:0"], "is no sampling"),
                (["--sample", "count:5/4"], "is no sampling"),
                (["--sample", "time:1s"], "is no sampling"),
                (["--sample", "time:1s/2h"], "from 0.001ms to 4294.967295s"),
                (["--sample", "random:3/10", "-e", "netflow9://127.0.0.1"], "only IPFIX can tell"),
                (["--sample", "count:20000", "-e", "netflow5://127.0.0.1"], "at most 1 in 16383")):
            done = self.run_plain("meter", "-r", self.capture(), *words)
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(message, done.stderr)


class Anonymised(Case):
    """anonymize=, with the vectors that other programs publish."""

    def shown(self, packets, rest, *arguments):
        path = self.directory / "a.ipfix"
        self.meter("-r", self.file("a.pcap", pcap(packets)), "-w", f"{path},{rest}", "--force")
        done = self.run_plain("show", "-o", "json", *arguments, path)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def address(self, key, address):
        """What Crypto-PAn makes of an address."""
        source = ipaddress.ip_address(address)
        frame = bytearray(udp(1, 5000, version=source.version))
        start = 26 if source.version == 4 else 22
        frame[start:start + len(source.packed)] = source.packed
        record = self.shown([(0, bytes(frame))], f"anonymize=cryptopan:{self.file('key', key)}")[0]
        return record[f"sourceIPv{source.version}Address"]

    def test_cryptopan(self):
        paper = bytes([21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143,
                       131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2])
        text = b"32-char-str-for-AES-key-and-pad."
        done = self.run_plain("meter", "-r", self.file("e.pcap", pcap([])), "-w",
                              f"{self.directory}/e,anonymize=cryptopan:{self.file('key', text)}")
        if "its AES is OpenSSL's" in done.stderr:
            self.skipTest("built without OpenSSL")
        for key, address, expected in (
                (paper, "128.11.68.132", "135.242.180.132"), (paper, "129.118.74.4", "134.136.186.123"),
                (bytes(range(32)), "192.0.2.1", "2.90.93.17"), (text, "192.0.2.1", "192.0.125.244"),
                (text.hex().encode() + b"\n", "192.0.2.1", "192.0.125.244"),
                (text, "2001:db8::1", "27fe:8bc7:fee:1e:1e1f:f0fe:f0e1:83fd")):
            self.assertEqual(self.address(key, address), expected)

    def test_truncation_is_told(self):
        records = self.shown([(0, udp(1, 5000)), (1, udp(2, 5000, version=6))],
                             "anonymize=truncate:16/32", "--options")
        flows = [r for r in records if "packetDeltaCount" in r]
        self.assertEqual({r["sourceIPv4Address"].split(".", 2)[2] for r in flows
                          if "sourceIPv4Address" in r}, {"0.0"})
        told = [r for r in records if "anonymizationTechnique" in r]
        self.assertLessEqual({8, 12, 27, 28, 56, 80, 148}, {r["informationElementId"] for r in told})
        self.assertEqual({(r["anonymizationTechnique"], r["anonymizationFlags"]) for r in told}, {(2, 3)})

    def test_usage(self):
        capture = self.file("a.pcap", pcap([(0, udp(1, 5000))]))
        for rest, message in (
                ("anonymize=mask", "allowed: truncate, truncate:24/48 or cryptopan:FILE"),
                (f"anonymize=cryptopan:{self.file('short', b'key')}", "a key is 32 bytes"),
                ("anonymize=truncate,fields=default+communityId", "exclude each other")):
            done = self.run_plain("meter", "-r", capture, "-w", f"{self.directory}/b,{rest}")
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    support.main()
