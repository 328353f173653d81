#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What stands behind -r: trees of directories, files that are reached twice, other files."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import support
from support import Case, conversations, pcap, udp


def capture(port, at=0):
    return pcap([(at, udp(1, port))])


class Trees(Case):
    def tree(self, files):
        root = self.directory / "tree"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    def ports(self, *arguments):
        done = self.meter("-r", *arguments, "-o", "json")
        self.stderr = done.stderr
        return [r["sourceTransportPort"] for r in done.records
                for _ in range(r["packetDeltaCount"])]

    def test_subdirectories(self):
        root = self.tree({"2025/11/20/b.pcap": capture(2, 2), "2025/11/20/a.pcap": capture(1, 1),
                          "2025/12/c.pcap": capture(3, 3), "d.pcap": capture(4, 0)})
        self.assertEqual(sorted(self.ports(root)), [1, 2, 3, 4])
        self.assertNotIn("left out", self.stderr)

    def test_loops_of_links(self):
        root = self.tree({"a/1.pcap": capture(1), "b/2.pcap": capture(2)})
        (root / "a/up").symlink_to(root)
        (root / "b/self").symlink_to(".")
        (root / "b/nowhere").symlink_to("nothing")
        self.assertEqual(sorted(self.ports(root)), [1, 2])
        self.assertIn("2 further ways to files or directories", self.stderr)
        self.assertIn("1 entry that is neither file nor directory", self.stderr)

    def test_a_file_is_metered_once(self):
        root = self.tree({"a.pcap": capture(1), "b.pcap": capture(2)})
        (root / "link.pcap").symlink_to("a.pcap")
        os.link(root / "b.pcap", root / "hard.pcap")
        self.assertEqual(sorted(self.ports(root)), [1, 2])
        self.assertIn("2 further ways to files or directories", self.stderr)
        for arguments in ([root, root], [root, "-r", root / "a.pcap"],
                          [root / "a.pcap", root / "a.pcap", root / "b.pcap"],
                          [root / "a.pcap", root / "." / "link.pcap", root / "hard.pcap"]):
            self.assertEqual(sorted(self.ports(*arguments)), [1, 2])
            self.assertIn("left out: ", self.stderr)

    def test_twins(self):
        one, two = capture(1), capture(2)
        root = self.tree({"a.pcap": one, "a.pcap.gz": gzip.compress(one),
                          "b.pcap.xz": lzma.compress(two), "b.pcap.bz2": bz2.compress(two),
                          "a.pcap1": capture(3), "sub/a.pcap.gz": gzip.compress(capture(4))})
        self.assertEqual(sorted(self.ports(root)), [1, 2, 3, 4])
        self.assertIn("2 files whose captures are there with another compression", self.stderr)
        # an empty one is no twin
        (root / "a.pcap").write_bytes(b"")
        self.assertEqual(sorted(self.ports(root)), [1, 2, 3, 4])

    def test_short_files_of_other_kinds(self):
        """Notes of a few bytes are no captures; a capture cut within its first bytes is damaged."""
        root = self.tree({"a.pcap": capture(1), "note": b"ok\n", "flag": b"1"})
        self.assertEqual(self.ports(root), [1])
        self.assertIn("2 files that are not captures", self.stderr)
        done = self.run_plain("meter", "-r", root / "note")
        self.assertEqual(done.status, 1)
        self.assertIn("not a capture file: it is 3 bytes long", done.stderr)
        (root / "b.pcap").write_bytes(capture(2)[:3])
        done = self.run_plain("meter", "-r", root)
        self.assertEqual(done.status, 1)
        self.assertIn("b.pcap: byte 0: the file is cut off in the file header", done.stderr)

    def test_empty_files(self):
        root = self.tree({"a.pcap": capture(1), "b.pcap": b""})
        self.assertEqual(self.ports(root), [1])
        self.assertIn(f"1 empty file ({root}/b.pcap)", self.stderr)
        done = self.run_plain("meter", "-r", root / "b.pcap")
        self.assertEqual(done.status, 1)
        self.assertIn("empty", done.stderr)

    def test_nothing_to_meter(self):
        root = self.tree({"sub/notes.txt": b"Dear diary", "b.pcap": b""})
        done = self.run_plain("meter", "-r", root)
        self.assertEqual(done.status, 1)
        self.assertIn("no capture file in this directory", done.stderr)
        self.assertIn("notes.txt", done.stderr)


class Compressed(Case):
    def test_xz_and_bzip2(self):
        content = pcap([(i / 100, udp(1, 5000 + i)) for i in range(300)])
        half = len(content) // 2
        for name, pack in ("xz", lzma.compress), ("bz2", bz2.compress), ("gz", gzip.compress):
            # two members, as `cat a.xz b.xz`
            packed = pack(content[:half]) + pack(content[half:])
            done = self.meter("-r", self.file("a." + name, packed))
            self.assertEqual(done.stats["metered"]["packets"], 300)
            # cut off, and damaged
            for damaged in packed[:-9], packed[:100] + b"\xff" * 9 + packed[109:]:
                done = self.run_plain("meter", "-r", self.file("b." + name, damaged))
                self.assertEqual(done.status, 1)
                self.assertRegex(done.stderr, f"b.{name}: byte [0-9]+ of the decompressed data: ")

    def test_what_needs_too_much_memory_is_refused(self):
        packed = lzma.compress(capture(1), filters=[{"id": lzma.FILTER_LZMA2,
                                                     "dict_size": 1 << 30}])
        done = self.run_plain("meter", "-r", self.file("a.xz", packed))
        self.assertEqual(done.status, 1)
        self.assertIn("MiB of memory", done.stderr)

    def test_other_files_are_named(self):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("a.pcap"))
        done = self.run_plain("meter", "-r", self.file("a.tgz", gzip.compress(archive.getvalue())))
        self.assertIn("not a capture file: unpacked with gzip, it is a tar archive; extract it",
                      done.stderr)
        flows = self.directory / "flows.ipfix"
        self.meter("-r", self.file("a.pcap", capture(1)), "-w", flows)
        done = self.run_plain("meter", "-r", flows)
        self.assertEqual(done.status, 1)
        self.assertIn("spanflow show", done.stderr)

    def test_list_drivers_tells_compressions(self):
        done = subprocess.run([support.SPANFLOW, "list", "drivers"], capture_output=True,
                              text=True, check=True)
        [line] = [line for line in done.stdout.splitlines() if line.startswith("file ")]
        self.assertIn("compressed", line)


class Words(Case):
    def test_one_of_a_thing(self):
        """"1 packet", not "1 packets"."""
        capture = self.file("a.pcap", pcap(conversations(2)))
        for count, words in (("1", ("1 packet metered", "1 conversation (one", "to text: 1 record, 1 packet, ")),
                             ("2", ("2 packets metered", "2 conversations (one", "to text: 2 records, 2 packets, "))):
            done = self.run_plain("meter", "-r", capture, "-c", count)
            for text in words:
                self.assertIn(text, done.stderr)


class Period(Case):
    """--start and --end: the packets of ten minutes from START on, one in each second."""

    def metered(self, *arguments, **kwargs):
        path = self.file("a.pcap", pcap([(i, udp(1, 5000)) for i in range(600)]))
        done = self.meter("-r", path, *arguments, **kwargs)
        counters = done.stats["sources"][0]["counters"]
        return (counters["beforeStart"], done.stats["metered"]["packets"], counters["afterEnd"])

    def test_forms(self):
        at = datetime.fromtimestamp(support.START + 100, timezone.utc)
        east = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
        for text in (f"@{support.START + 100}", f"@{support.START + 99}.5",
                     at.strftime("%Y-%m-%dT%H:%M:%S"), at.strftime("%Y-%m-%d %H:%M:%S.000Z"),
                     east.strftime("%Y-%m-%dT%H:%M:%S+05:30"), east.strftime("%Y-%m-%dT%H:%M:%S+0530")):
            for workers in "1", "2":
                with self.subTest(text=text, workers=workers):
                    self.assertEqual(self.metered("--start", text, "--workers", workers),
                                     (100, 500, 0))
                    before, packets, after = self.metered("--end", text, "--workers", workers)
                    self.assertEqual((before, packets, after), (0, 100, 500))
        day = at.strftime("%Y-%m-%d")
        self.assertEqual(sum(self.metered("--start", day)), 600)

    def test_local_time(self):
        at = datetime.fromtimestamp(support.START + 100, timezone(timedelta(hours=-3)))
        text = at.strftime("%Y-%m-%dT%H:%M:%S")
        env = {**os.environ, "TZ": "XXX3"}
        self.assertEqual(self.metered("--start", text, "--local-time", env=env), (100, 500, 0))
        self.assertEqual(self.metered("--start", text + "-03", "--local-time", env=env),
                         (100, 500, 0))

    def test_reading_ends_early(self):
        frames = [(i / 1000, udp(1, 5000)) for i in range(50000)]
        # a wild time stamp ends nothing
        frames.insert(10, (86400 * 300, udp(1, 5000)))
        path = self.file("a.pcap", pcap(frames))
        for workers in "1", "3":
            done = self.meter("-r", path, "--end", f"@{support.START + 1}", "--workers", workers)
            self.assertEqual(done.stats["metered"]["packets"], 1000)
            self.assertLess(done.stats["sources"][0]["counters"]["afterEnd"], 10000)
            self.assertIn("where reading ended", done.stderr)

    def test_wrong(self):
        path = self.file("a.pcap", capture(1))
        for arguments in (["--start", "yesterday"], ["--start", "2025-02-30"],
                          ["--start", "2025-11-20T25:00"], ["--end", "2025-11-20T08:00+"],
                          ["--end", "@"], ["--start", "@20", "--end", "@20"],
                          ["--end", "1969-12-31"], ["--start", "2025-11-20T08:00Zx"]):
            done = self.run_plain("meter", "-r", path, *arguments)
            self.assertEqual(done.status, 2, arguments)
            self.assertIn(arguments[0], done.stderr)
        done = self.run_plain("meter", "-i", "lo", "--start", "@1")
        self.assertEqual(done.status, 2)


if __name__ == "__main__":
    support.main()
