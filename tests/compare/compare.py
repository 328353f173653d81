#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what two builds of spanflow make of the same captures: records, text and wire bytes.

    compare.py OLD NEW [--explained FILE] [--outputs LIST] [--workers LIST] CAPTURE-OR-FOLDER...

Each capture is metered by both programs in every output and with each number of workers. A
difference is printed with the name of the output. FILE explains differences that are wanted, one per
line: a pattern for the capture's path (as of the shell), a tab, a pattern for the output, a tab, and
the fault that was repaired. A line that explains nothing any more is printed too, so that the file stays
true. Exit status 0: no difference, or all explained; 1 otherwise.
"""
import argparse
import difflib
import fnmatch
import os
import re
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIMEOUT = 120  # s, of one run
CAPTURES = re.compile(r"\.(pcap|pcapng|cap|ntar|snoop|pkt)(\.(gz|zst|xz|bz2))?$")
ARGUMENTS = {
    "table": ["-o", "table"],
    "json": ["-o", "json"],
    "biflow": ["-o", "json", "--biflow"],
    "csv": ["-o", "csv"],
    "per-packet": ["-o", "json", "--per-packet"],
    "file": ["-w", "-"],
    "plain-file": ["-w", "-,profile=plain"],
    "microseconds-file": ["-w", "-,time=us,biflow=yes"],
}
WIRE = {"ipfix": "ipfix", "netflow9": "netflow9", "netflow5": "netflow5"}


class Sink:
    """A UDP socket that keeps every datagram sent to it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 27)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def datagrams(self):
        found = []
        while True:
            try:
                found.append(self.socket.recv(65535))
            except BlockingIOError:
                self.socket.close()
                return found


def without_wall_clock(datagrams):
    """IPFIX messages without Export Time, and without options data, which tell wall times."""
    options = set()  # ids of options templates
    for datagram in datagrams:
        sets, at = [], 16
        while at + 4 <= len(datagram):
            number, length = struct.unpack_from("!HH", datagram, at)
            if length < 4:
                break
            if number == 3:
                options.update(options_templates(datagram[at + 4:at + length]))
            if number not in options:
                sets.append(datagram[at:at + length])
            at += length
        yield datagram[:4] + datagram[8:16] + b"".join(sets)


def options_templates(records):
    """The ids of the options templates in a set."""
    at = 0
    while at + 6 <= len(records):
        number, fields = struct.unpack_from("!HH", records, at)
        yield number
        at += 6
        for _ in range(fields):
            enterprise = records[at] & 0x80 if at < len(records) else 0
            at += 8 if enterprise else 4


def outcome(program, output, workers, capture):
    """What a program made of a capture: exit status and output, as bytes or a list of datagrams."""
    arguments = [program, "meter", "-q", "-r", capture, "--workers", str(workers),
                 "--hash-seed", "0123456789abcdef0123456789abcdef", "--stats", "none"]
    sink = None
    if output in WIRE:
        sink = Sink()
        arguments += ["-e", "%s://127.0.0.1:%d,rate=50000" % (WIRE[output], sink.port)]
    else:
        arguments += ARGUMENTS[output]
    run = subprocess.run(arguments, capture_output=True, timeout=TIMEOUT, check=False)
    if not sink:
        return run.returncode, run.stdout
    datagrams = sink.datagrams()
    if output == "ipfix":
        datagrams = without_wall_clock(datagrams)
    return run.returncode, b"".join(datagrams)


def sorted_lines(outcome_):
    """Several workers end their flows in any order: only the set of lines is the same."""
    return outcome_[0], b"\n".join(sorted(outcome_[1].split(b"\n")))


def first_difference(old, new):
    """A few words or lines that show how two outcomes differ."""
    if old[0] != new[0]:
        return "exit status %d, was %d" % (new[0], old[0])
    if b"\0" in old[1] or b"\0" in new[1]:
        at = next((i for i, pair in enumerate(zip(old[1], new[1])) if pair[0] != pair[1]),
                  min(len(old[1]), len(new[1])))
        return "byte %d of %d, were %d" % (at, len(new[1]), len(old[1]))
    lines = difflib.unified_diff(old[1].decode(errors="replace").splitlines(),
                                 new[1].decode(errors="replace").splitlines(), n=0, lineterm="")
    return "\n".join("    " + line[:400] for line in list(lines)[2:8])


def captures(paths):
    for path in map(Path, paths):
        if path.is_dir():
            yield from (str(p) for p in sorted(path.rglob("*")) if CAPTURES.search(p.name))
        else:
            yield str(path)


def compare(options, capture):
    """(output, workers, how it differs) of each difference of a capture."""
    found = []
    for output in options.outputs.split(","):
        for workers in map(int, options.workers.split(",")):
            if workers > 1 and output not in ("json", "biflow", "csv"):
                continue  # messages are filled in the order in which flows end
            old, new = (outcome(program, output, workers, capture)
                        for program in (options.old, options.new))
            if workers > 1:
                old, new = sorted_lines(old), sorted_lines(new)
            if old != new:
                found.append((output, workers, first_difference(old, new)))
    return found


def read_explanations(path):
    lines = Path(path).read_text().splitlines() if path else []
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--explained")
    parser.add_argument("--outputs", default=",".join([*ARGUMENTS, *WIRE]))
    parser.add_argument("--workers", default="1,3")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("captures", nargs="+")
    options = parser.parse_args()
    explanations = read_explanations(options.explained)
    used, unexplained, explained, total = set(), 0, 0, 0
    with ThreadPoolExecutor(options.jobs) as pool:
        names = list(captures(options.captures))
        for name, differences in zip(names, pool.map(lambda c: compare(options, c), names)):
            total += 1
            for output, workers, text in differences:
                row = next((i for i, (capture, kind, *_) in enumerate(explanations)
                            if fnmatch.fnmatch(name, "*" + capture)
                            and fnmatch.fnmatch(output, kind)), None)
                if row is None:
                    unexplained += 1
                    print("%s: %s, %d worker(s):\n%s" % (name, output, workers, text))
                else:
                    explained += 1
                    used.add(row)
    for i, row in enumerate(explanations):
        if i not in used:
            print("explains nothing: %s" % " | ".join(row))
    print("%d captures: %d differences unexplained, %d explained"
          % (total, unexplained, explained))
    return unexplained > 0


if __name__ == "__main__":
    sys.exit(main())
