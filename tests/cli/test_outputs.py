#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What comes out of a meter: tables, text, files, and what is told when it cannot."""

import fcntl
import gzip
import json
import os
import struct
import subprocess
import termios
from pathlib import Path

import support
from support import Case, conversations, free_port, pcap, udp


PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


class Output(Case):
    def capture(self):
        return self.file("a.pcap", pcap(conversations(20) + [(1, udp(9, 9, version=6))]))

    def test_default_is_a_table(self):
        done = self.meter("-r", self.capture())
        self.assertIn("192.0.2.1:1024", done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), 23)  # header, date, rows
        self.assertEqual(done.stdout.splitlines()[1], "-- 2023-11-14 UTC")
        local = self.meter("-r", self.capture(), "--local-time",
                           env={"TZ": "XYZ-5"}).stdout.splitlines()
        self.assertEqual(local[1], "-- 2023-11-15 local time")
        wide = self.meter("-r", self.capture(), "--wide").stdout.splitlines()
        self.assertEqual(len(wide), 22)
        self.assertIn("2023-11-14 22:13:20.000Z", wide[1])

    def on_terminal(self, columns, *arguments):
        """The lines that the program writes to a terminal of that width."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = self.start(*arguments, stdout=slave)
        os.close(slave)
        text = b""
        try:
            while chunk := os.read(master, 65536):
                text += chunk
        except OSError:
            pass  # the other side has closed
        os.close(master)
        self.assertEqual(process.wait(support.TIMEOUT), 0)
        return text.decode().splitlines()

    def test_table_fits_the_terminal(self):
        for columns in (80, 100, 132):
            with self.subTest(columns):
                lines = self.on_terminal(columns, "meter", "-q", "-r", PCAPS / "demo.pcap")
                self.assertGreater(len(lines), 36)
                self.assertLessEqual(max(map(len, lines)), columns)

    def test_lists_and_help_fit_the_terminal(self):
        for words in (["--help"], ["list", "profiles"], ["list", "fields"], ["list", "templates"], ["ask", "--list"],
                      ["ask", "--fields"]):
            for columns in (48, 80, 200):
                with self.subTest(words=words, columns=columns):
                    lines = self.on_terminal(columns, *words)
                    self.assertGreater(len(lines), 10)
                    self.assertLessEqual(max(map(len, lines)), min(columns, 80))
        # commands stay on a line, so that they can be copied
        lines = [line for line in self.on_terminal(48, "meter", "--help") if "spanflow" not in line]
        self.assertLessEqual(max(len(line) for line in lines if not line.startswith("  #")), 53)

    def test_words_of_files(self):
        """Options that only files have stand in the help with their words."""
        text = self.run_plain("meter", "--help").stdout
        for name, words in (("rotate=TIME", "A file spans this time"), ("size=BYTES", ""), ("keep=TIME", "are removed")):
            self.assertRegex(text, rf"      ,{name} +[A-Z][a-z ]*")
            self.assertIn(words, text)

    def test_several_files(self):
        """Each -w is written, and each book is kept; one file is not written twice."""
        first, second = self.directory / "one.ipfix", self.directory / "two.ipfix"
        done = self.meter("-r", self.capture(), "-w", first, "-w", f"{second},profile=plain")
        self.assertEqual(len(done.stats["outputs"]), 2)
        shown = [self.run_plain("show", path, "-o", "json").stdout.splitlines()
                 for path in (first, second)]
        self.assertEqual([len(lines) for lines in shown], [21, 21])
        # a path may have commas
        self.meter("-r", self.capture(), "-w", self.directory / "a,b.ipfix", "-w",
                   self.directory / "a,c.ipfix")
        for again in first, f"{self.directory}/./one.ipfix", f"{first},profile=plain":
            done = self.run_plain("meter", "-r", self.capture(), "-w", first, "-w", again, "--force")
            self.assertEqual(done.status, 2)
            self.assertIn("is named twice", done.stderr)

    def test_nothing_is_printed_when_records_go_elsewhere(self):
        done = self.meter("-r", self.capture(), "-w", self.directory / "out.ipfix")
        self.assertEqual(done.stdout, "")
        done = self.meter("-r", self.capture(), "-o", "none")
        self.assertEqual((done.stdout, done.stats["outputs"]), ("", []))

    def test_csv(self):
        lines = self.meter("-r", self.capture(), "-o", "csv").stdout.splitlines()
        self.assertEqual(len(lines), 22)
        self.assertIn("sourceIPv4Address", lines[0].split(","))
        self.assertEqual(len({line.count(",") for line in lines}), 1)

    def test_ipfix_file(self):
        path = self.directory / "out.ipfix"
        done = self.meter("-r", self.capture(), "-w", path, "--domain", "77")
        self.assertEqual(done.stats["outputs"][0]["records"], 21)
        content = path.read_bytes()
        version, _, _, _, domain = struct.unpack_from("!HHIII", content)
        self.assertEqual((version, domain), (10, 77))
        # RFC 5655: the same input gives the same file
        self.meter("-r", self.capture(), "-w", path, "--force", "--domain", "77")
        self.assertEqual(path.read_bytes(), content)
        # standard output is a file too
        self.meter("-r", self.capture(), "-w", "-", "--domain", "77")
        self.assertEqual((self.directory / "stdout").read_bytes(), content)

    def test_biflow(self):
        frames = [(0, udp(1, 5000)), (1, udp(1, 5000))]
        done = self.meter("-r", self.file("b.pcap", pcap(frames)), "--biflow", "-o", "json", "-w",
                          self.directory / "out.ipfix")
        self.assertEqual(len(done.records), 1)
        self.assertIn("biflow=yes", done.stats["outputs"][0]["url"])
        # NetFlow has no biflows, a file that is called so has
        done = self.meter("-r", self.directory / "b.pcap", "--biflow", "-w", "netflow.ipfix",
                          cwd=self.directory)
        self.assertIn("biflow=yes", done.stats["outputs"][0]["url"])

    def test_very_many_interfaces(self):
        """As many as a section of a pcapng file can number: each is announced, once."""
        def block(kind, body):
            size = struct.pack("<I", 12 + len(body))
            return struct.pack("<I", kind) + size + body + size

        count = 65536
        names = [f"if{number}" for number in range(count)]
        frame = udp(1, 5000) + b"\0"
        content = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + b"".join(
            block(1, struct.pack("<HHIHH8s", 1, 0, 0, 2, len(name), name.encode()))
            for name in names) + block(6, struct.pack("<IIIII", count - 1, 0, 0, len(frame),
                                                      len(frame)) + frame)
        path = self.directory / "out.ipfix"
        self.meter("-r", self.file("a.pcapng", content), "-w", path)
        shown = self.run_plain("show", "-o", "json", "--options", path)
        announced = [(r["ingressInterface"], r["interfaceName"])
                     for r in shown.records if "interfaceName" in r]
        self.assertEqual(announced, list(enumerate(names, 1)))
        self.assertEqual([r["ingressInterface"] for r in shown.records
                          if "sourceIPv4Address" in r], [count])

    def test_statistics(self):
        path = self.capture()
        text = self.run_plain("meter", "-r", path, "-o", "none").stderr
        self.assertIn("balance  accounting complete", text)
        for arguments in (["-q"], ["--stats", "none"], ["-q", "--stats", "none"]):
            self.assertEqual(self.run_plain("meter", "-r", path, "-o", "none", *arguments).stderr, "")
        done = self.meter("-r", path, "-o", "none", "-q")
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_closed_pipe(self):
        path = self.file("big.pcap", pcap(conversations(20000, packets=1)))
        process = self.start("meter", "-r", path, "-o", "json", "--stats", "json",
                             stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        done = self.check(process, status=1)
        # quiet but for the statistics
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertGreater(done.stats["outputs"][0]["lost"]["write"], 0)

    def test_full_disk(self):
        path = self.capture()
        with open("/dev/full", "wb") as full:
            done = self.meter("-r", path, "-o", "json", status=1, stdout=full)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(done.stats["outputs"][0]["lost"]["write"], 21)
        done = self.meter("-r", path, "-w", "/dev/full", status=1)
        self.assertIn("/dev/full: No space left on device", done.stderr)
        self.assertEqual(done.stats["outputs"][0]["lost"]["write"], 21)

    def test_full_disk_without_flows(self):
        """No record is lost, but the file has no templates, the table no header."""
        path = self.file("empty.pcap", pcap([]))
        done = self.meter("-r", path, "-w", "/dev/full", status=1)
        self.assertIn("/dev/full: No space left on device", done.stderr)
        self.assertIs(done.stats["outputs"][0]["incomplete"], True)
        for form in ("table", "csv"):
            with open("/dev/full", "wb") as full:
                done = self.meter("-r", path, "-o", form, status=1, stdout=full)
            self.assertIn("No space left on device", done.stderr)
        done = self.meter("-r", path, "-w", self.directory / "out.ipfix", "-o", "csv")
        self.assertEqual([place["incomplete"] for place in done.stats["outputs"]], [False, False])

    def test_closed_streams(self):
        """Files and sockets that are opened then do not get what is printed."""
        captures, out = self.directory / "captures", self.directory / "out.ipfix"
        captures.mkdir()
        (captures / "a.pcap").write_bytes(pcap(conversations(3000, packets=1)))
        (captures / "notes.txt").write_text("no capture")  # there is a word about it
        self.meter("-r", captures, "-w", out, "--force")
        content = out.read_bytes()

        def run(closed, *arguments):
            def close():
                for fd in closed:
                    os.close(fd)
            return self.run_plain("meter", "-r", captures, *arguments, preexec_fn=close)

        for closed in ((2,), (1,), (0, 1, 2)):
            done = run(closed, "-w", out, "--force", "-o", "json", "--stats", "json")
            # what cannot be printed is lost, as with any stream that cannot be written
            self.assertEqual(done.status, int(1 in closed))
            self.assertEqual(out.read_bytes(), content, closed)
            if closed == (1,):
                self.assertEqual(done.stats["outputs"][1]["lost"]["write"], 3000)
        with support.socket.socket(support.socket.AF_INET, support.socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            sink.settimeout(0.2)
            url = f"netflow5://127.0.0.1:{sink.getsockname()[1]}"
            self.assertEqual(run((2,), "-e", url, "-c", "600").status, 0)
            for _ in range(600 // 30):
                self.assertEqual(sink.recv(2000)[:2], b"\0\5")
        for arguments in (["-w", "-"], ["-o", "csv"]):
            self.assertEqual(run((1,), *arguments).status, 1)

    def test_a_file_is_not_overwritten(self):
        out = self.directory / "old.ipfix"
        link = self.directory / "link"
        link.symlink_to(out)
        for path in out, link:
            out.write_bytes(b"evidence")
            done = self.run_plain("meter", "-r", self.capture(), "-w", path)
            self.assertEqual(done.status, 1)
            self.assertIn(f"output file {path} exists and is not empty: --force", done.stderr)
            self.assertEqual(out.read_bytes(), b"evidence")
        done = self.run_plain("collect", "-l", "udp://127.0.0.1:0", "-w", out, "--duration", "1s")
        self.assertEqual(done.status, 1)
        self.assertEqual(out.read_bytes(), b"evidence")
        # what was longer leaves nothing behind
        out.write_bytes(bytes(1000000))
        self.meter("-r", self.capture(), "-w", out, "--force")
        new = self.directory / "new.ipfix"
        umask = os.umask(0o002)
        self.addCleanup(os.umask, umask)
        self.meter("-r", self.capture(), "-w", new)
        self.assertEqual(new.read_bytes(), out.read_bytes())
        self.assertEqual(new.stat().st_mode & 0o777, 0o640)
        # empty files, devices
        empty = self.file("empty.ipfix", b"")
        self.meter("-r", self.capture(), "-w", empty)
        self.assertEqual(Path(empty).read_bytes(), out.read_bytes())
        self.meter("-r", self.capture(), "-w", "/dev/null")

    def test_unwritable_file(self):
        done = self.run_plain("meter", "-r", self.capture(), "-w", "/proc/nonexistent/x")
        self.assertEqual(done.status, 1)
        self.assertIn("/proc/nonexistent/x", done.stderr)


class Collectors(Case):
    def capture(self):
        return self.file("a.pcap", pcap(conversations(20) + [(1, udp(9, 9, version=6))]))

    def test_unresolvable(self):
        done = self.run_plain("meter", "-r", self.capture(), "-e", "ipfix://no-such-host.invalid")
        self.assertEqual(done.status, 1)
        self.assertIn("no-such-host.invalid", done.stderr)

    def test_unreachable(self):
        for url in ("ipfix", "netflow9", "netflow5"):
            done = self.meter("-r", self.capture(), "-e", f"{url}://127.0.0.1:{free_port()}",
                              status=1)
            self.assertGreater(done.stats["collectors"][0]["lost"]["unreachable"], 0)
            self.assertIn("127.0.0.1", done.stderr)

    def test_fail_on_loss(self):
        closed = f"ipfix://127.0.0.1:{free_port()}"
        for arguments, status in ((["-e", closed], 3), (["-o", "json"], 0),
                                  (["-w", "/dev/full"], 3)):
            self.meter("-r", self.capture(), *arguments, "--fail-on-loss", status=status)
        # a file that cannot be read has nothing to do with loss
        done = self.run_plain("meter", "-r", self.file("x.pcap", b"no capture"), "--fail-on-loss")
        self.assertEqual(done.status, 1, done.stderr)

    def test_one_of_two(self):
        with support.socket.socket(support.socket.AF_INET, support.socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            good = f"netflow5://127.0.0.1:{sink.getsockname()[1]}"
            bad = f"ipfix://127.0.0.1:{free_port()}"
            done = self.meter("-r", self.capture(), "-e", good, "-e", bad, "-o", "json", status=1)
        first, second = done.stats["collectors"]
        self.assertEqual((first["url"], first["records"]), (good, 20))
        self.assertEqual((first["skipped"]["ipv6"], sum(first["skipped"].values())), (1, 1))
        self.assertEqual(sum(first["lost"].values()), 0)
        self.assertGreater(second["lost"]["unreachable"], 0)
        self.assertEqual(done.stats["outputs"][0]["records"], 21)


class Fields(Case):
    """--fields and fields=: what is chosen is what is there, everywhere."""

    LIST = "sourceIPv4Address,octetDeltaCount,minimumTTL"
    KEYS = LIST.split(",")

    def capture(self):
        return self.file("a.pcap", pcap(conversations(5, packets=3)))

    def test_text(self):
        done = self.meter("-r", self.capture(), "-o", "json", "--fields", self.LIST)
        self.assertEqual([list(r) for r in done.records], [self.KEYS] * 5)
        everything = self.meter("-r", self.capture(), "-o", "json").records
        self.assertEqual(done.records, [{key: r[key] for key in self.KEYS} for r in everything])
        lines = self.meter("-r", self.capture(), "-o", "csv", "--fields", self.LIST).stdout.splitlines()
        self.assertEqual(lines, [self.LIST] + [",".join(str(r[key]) for key in self.KEYS)
                                               for r in done.records])
        lines = self.meter("-r", self.capture(), "-o", "table", "--fields", self.LIST).stdout.splitlines()
        self.assertEqual(lines[0].split(), self.KEYS)
        self.assertEqual([line.split() for line in lines[1:]],
                         [[str(r[key]) for key in self.KEYS] for r in done.records])

    def test_changes(self):
        usual = self.meter("-r", self.capture(), "-o", "json").records[0]
        changed = self.meter("-r", self.capture(), "-o", "json", "--fields", "-flowId,-minimumTTL").records[0]
        self.assertEqual(set(usual) - set(changed), {"flowId", "minimumTTL"})
        usual.pop("flowId")
        usual.pop("minimumTTL")
        self.assertEqual(list(usual.items()), list(changed.items()))

    def test_files(self):
        # the destination's own list goes before that of the run
        one, two = self.directory / "one.ipfix", self.directory / "two.ipfix"
        self.meter("-r", self.capture(), "-w", one, "-w", f"{two},fields=ipVersion+octetDeltaCount",
                   "--fields", self.LIST)
        for path, keys in (one, self.KEYS), (two, ["ipVersion", "octetDeltaCount"]):
            done = self.run_plain("show", "-q", "-o", "json", path)
            records = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(records), 5)
            for record in records:
                self.assertEqual(list(record)[:len(keys)], keys)
        done = self.run_plain("show", "-q", "-o", "csv", "--fields", "minimumTTL,packetDeltaCount", one)
        self.assertEqual(done.stdout.splitlines()[0], "minimumTTL,packetDeltaCount")
        self.assertRegex(done.stdout.splitlines()[1], r"^\d+,$")

    def test_records_without_fields(self):
        path = self.directory / "a.ipfix"
        done = self.meter("-r", self.capture(), "-w", f"{path},fields=sourceIPv6Address")
        destination = done.stats["outputs"][0]
        self.assertEqual(destination["skipped"]["noFields"], 5)
        self.assertEqual(destination["records"], 0)
        show = self.run_plain("show", "-o", "json", "--stats", "json", path)
        self.assertEqual((show.status, show.stdout), (0, ""))

    def test_netflow9(self):
        with support.socket.socket(support.socket.AF_INET, support.socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            url = f"netflow9://127.0.0.1:{sink.getsockname()[1]}"
            done = self.meter("-r", self.capture(), "-e", url, "--fields", "+flowId-samplerId")
            self.assertIn("left out of its records: flowId (NetFlow v9 has no such field)", done.stderr)
            self.assertEqual(done.stats["collectors"][0]["records"], 5)

    def test_profiles_have_fields_of_their_own(self):
        """--fields changes those of a profile, or it is told that it does not."""
        for profile, names, told in (("silk", "+minimumTTL", False), ("silk", "minimumTTL", True)):
            path = self.directory / f"{profile}{told}.ipfix"
            done = self.run_plain("meter", "-r", self.capture(), "-q", "--fields", names, "-w",
                                  f"{path},profile={profile}")
            self.assertEqual(done.status, 0, done.stderr)
            self.assertEqual(f"--fields (profile={profile} has its own" in done.stderr, told)
            rows = self.run_plain("show", "-q", path, "-o", "json").records
            self.assertEqual(any("minimumTTL" in row for row in rows), not told)
            self.assertTrue(all("octetDeltaCount" in row for row in rows))


class Series(Case):
    """Files with a time in their names."""

    def capture(self):
        return self.file("a.pcap", pcap([(60 * i, udp(1 + i % 200, 5000 + i)) for i in range(30)]))

    def summed(self, *files):
        done = self.run_plain("show", "-o", "none", "--stats", "json", *files)
        self.assertEqual(done.status, 0, done.stderr)
        return done.stats["packets"]

    def test_command_for_each_file(self):
        """One at a time, with the path behind it; one that fails is told and counted."""
        command = self.directory / "command"
        command.write_text('#!/bin/sh\necho "$#:$2" >> "$1"\n case "$2" in *-1*) exit 3;; esac\n')
        command.chmod(0o755)
        done = self.meter("-r", self.capture(), "-w",
                          f"{self.directory}/out put/%Y/%H%M-%S.ipfix.gz,rotate=10m", "--on-file",
                          f"{command} {self.directory}/log")
        names = [line.split(":", 1) for line in (self.directory / "log").read_text().splitlines()]
        files = sorted(str(path) for path in (self.directory / "out put").glob("*/*"))
        self.assertEqual(sorted(name for _, name in names), files)
        self.assertEqual({count for count, _ in names}, {"2"})
        self.assertGreaterEqual(len(files), 3)
        self.assertEqual(done.stats["onFile"], {"run": len(files), "failed": 0, "notRun": 0})
        self.assertEqual(done.stats["outputs"][0]["files"], len(files))
        self.assertEqual(self.summed(self.directory / "out put"), 30)
        self.assertEqual(sum(self.summed(file) for file in files), 30)
        done = self.meter("-r", self.capture(), "-w", f"{self.directory}/x", "--on-file", "exit 7;")
        self.assertIn(f"--on-file: 'exit 7; {self.directory}/x': exit status 7 (1 failed so far)",
                      done.stderr)
        self.assertEqual(done.stats["onFile"], {"run": 1, "failed": 1, "notRun": 0})

    def test_single_file_is_compressed_by_its_name(self):
        path = self.directory / "a.ipfix.gz"
        self.meter("-r", self.capture(), "-w", path)
        self.assertEqual(gzip.decompress(path.read_bytes())[:2], b"\0\x0a")
        self.assertEqual(self.summed(path), 30)
        done = self.run_plain("meter", "-r", self.capture(), "-w", path)
        self.assertEqual(done.status, 1)
        self.assertIn("exists and is not empty: --force replaces it", done.stderr)
        self.meter("-r", self.capture(), "-w", path, "--force")
        partial = self.directory / ".b.ipfix.gz.partial"
        partial.write_bytes(b"left")
        done = self.run_plain("meter", "-r", self.capture(), "-w", self.directory / "b.ipfix.gz")
        self.assertEqual(done.status, 1)
        self.assertIn("another run writes it, or was killed; --force removes it", done.stderr)
        # in a directory it is left out, by name it is read
        partial.write_bytes(path.read_bytes()[:-9])
        self.assertEqual(self.summed(self.directory), 60)
        done = self.run_plain("show", self.directory, "-o", "none")
        self.assertEqual(done.status, 0)
        self.assertIn("left out: 1 file that is not complete: another run writes it, or was killed; to read it "
                      f"name it ({partial})", done.stderr)
        done = self.run_plain("show", partial, "-o", "json")
        self.assertEqual((done.status, len(done.stdout.splitlines())), (1, 30))
        self.assertIn("gzip: the compressed data are cut off", done.stderr)

    def test_records_that_are_shown_go_into_files_of_their_times(self):
        flat = self.directory / "flat.ipfix"
        self.meter("-r", self.capture(), "-w", f"{self.directory}/s/%H%M.ipfix,rotate=10m")
        self.meter("-r", self.capture(), "-w", flat)
        done = self.run_plain("show", self.directory / "s", "-w",
                              f"{self.directory}/t/%H%M.ipfix.gz,rotate=10m")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual([path.name + ".gz" for path in sorted((self.directory / "s").iterdir())],
                         [path.name for path in sorted((self.directory / "t").iterdir())])
        self.assertEqual(self.summed(self.directory / "t"), 30)
        done = self.run_plain("show", self.directory / "s", "--where", "port 1", "--fail",
                              f"{self.directory}/u/%H%M.ipfix,rotate=10m", "-o", "none")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual([path.name for path in sorted((self.directory / "u").iterdir())],
                         [path.name for path in sorted((self.directory / "s").iterdir())])

    def test_a_second_run_is_told(self):
        """Files of an earlier run stay: whoever reads the directory has the records twice."""
        pattern = f"{self.directory}/s/%H%M.ipfix,rotate=10m"
        flat = self.directory / "flat.ipfix"
        self.meter("-r", self.capture(), "-w", flat)
        for run in (["meter", "-r", self.capture()], ["show", flat, "-o", "none"]):
            told = [self.run_plain(*run, "-w", pattern).stderr for _ in range(2)]
            self.assertEqual(told[1].count("is of an earlier run and stays: this one writes"), 1, told[1])
        self.assertEqual(self.summed(self.directory / "s"), 4 * 30)
        # files of the same time in one run are no other run's
        many = self.file("many.pcap", pcap([(i / 100, udp(1 + i % 200, 5000 + i)) for i in range(5000)]))
        told = self.run_plain("meter", "-r", many, "-w", f"{self.directory}/u/%H.ipfix,size=10k").stderr
        self.assertGreater(len(list((self.directory / "u").iterdir())), 1)
        self.assertNotIn("earlier run", told)

    def test_usage(self):
        for words, message in (
                (["-w", "%Q.ipfix"], "'%Q' is no part of a file name's time"),
                (["-w", "a,rotate=5m"], "rotate= needs a time in the name"),
                (["--on-file", "true"], "--on-file: needs an output file: -w FILE")):
            done = self.run_plain("meter", "-r", self.capture(), *words)
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(message, done.stderr)


class FailedStart(Case):
    """A start that fails changes nothing: the next one finds the same directory."""

    def test_nothing_is_left(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        out = self.directory / "out"
        old = out / "old.ipfix"
        out.mkdir()
        old.write_bytes(b"old")
        for rest, status in (
                ([old, f"{out}/b.ipfix,where=foo"], 2),
                ([old, f"{out}/b.ipfix,fields=foo"], 2),
                ([f"{out}/b.ipfix,where=foo"], 2),
                ([f"{old},anonymize=cryptopan:/nonexist"], 1),
                ([f"{out}/b.ipfix,anonymize=cryptopan:/nonexist"], 1),
                ([f"{out}/series/%H%M%S.ipfix,rotate=1s", f"{out}/no/a.ipfix"], 1)):
            with self.subTest(rest):
                files = [word for path in (out / "first.ipfix", *rest) for word in ("-w", path)]
                done = self.run_plain("meter", "-r", capture, "--force", *files)
                self.assertEqual(done.status, status, done.stderr)
                self.assertEqual(os.listdir(out), [old.name])
                self.assertEqual(old.read_bytes(), b"old")

    def test_each_kind_of_notice_is_told(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        done = self.run_plain("meter", "-q", "-r", capture, "-e", f"netflow9://127.0.0.1:{free_port()}",
                              "--fields", "+dns")
        self.assertEqual(done.status, 1)
        self.assertIn("left out of its records: dns", done.stderr)
        self.assertIn("is not listening", done.stderr)

    def test_commands_are_in_the_statistics(self):
        done = self.run_plain("meter", "-r", self.file("a.pcap", pcap(conversations(2))), "-w",
                              self.directory / "a.ipfix", "--on-file", "false")
        self.assertIn("on-file  1 command run, 1 of them failed\n", done.stderr)


if __name__ == "__main__":
    support.main()
