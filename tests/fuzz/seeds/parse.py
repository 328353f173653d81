#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_parse into seeds/parse, from the captures in pcaps/: the first packet
of each length of each classic capture, behind the four octets that choose the link type. Those
named finding-* are inputs of past findings and stay."""

import struct
from pathlib import Path

# As in fuzz_parse.c.
LINKS = [1, 0, 9, 10, 101, 50, 51, 104, 105, 107, 108, 113, 127, 166, 204, 219, 228, 229, 239, 276,
         12, 147, 182, 192, 281, 282, 284, 285, 117]
SKIP = {"demo", "cut-off", "rotated-1", "rotated-2", "tap-a", "tap-b", "nanoseconds-big-endian"}

here = Path(__file__).resolve().parent
for old in (here / "parse").glob("*"):
    if not old.name.startswith("finding-"):
        old.unlink()
(here / "parse").mkdir(exist_ok=True)
for capture in sorted((here.parents[2] / "pcaps").glob("*.pcap")):
    if capture.stem in SKIP:
        continue
    data = capture.read_bytes()
    link, at, seen = struct.unpack_from("<I", data, 20)[0], 24, set()
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        if length in seen or length > 200 or len(seen) == 6:
            continue
        seen.add(length)
        name = f"{capture.stem}-{length}"
        (here / "parse" / name).write_bytes(bytes([LINKS.index(link), 0, 0, 0]) + packet)
