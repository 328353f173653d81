#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ipfixDump 2.4.1 (Debian libfixbuf-tools) and python3-ipfix 0.9.7 read the IPFIX files of -w,
uniflows and biflows.

Quirks, docs/collectors.md:
- python3-ipfix takes two octets of padding at the end of an options template set for a template
  and stops: its reader is shown the messages without options templates;
- python3-ipfix has no names for reverse elements of every kind: it reads the uniflow file alone.
"""
import datetime
import io
import re
import struct
import subprocess
import sys

import interop

try:
    import ipfix.ie
    import ipfix.reader
except ImportError:
    ipfix = None


def dumped(path):
    """The flow records of ipfixDump's text, as dictionaries by element name."""
    text = subprocess.run(["ipfixDump", "--in", path, "--data"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True).stdout.decode()
    for block in re.split(r"--- data record \d+ ---", text)[1:]:
        record = {}
        for name, value in re.findall(r"^\t\([\d/]+\)\s+(?:\(S\))?\s*(\w+) : (.*)$", block,
                                      re.MULTILINE):
            record[name] = int(value) if re.fullmatch(r"\d+", value) else value
        if "packetDeltaCount" in record:
            yield record


def sets(message):
    at = 16
    while at < len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        yield kind, message[at:at + length]
        at += length


def without_options(data):
    """The file's messages without options templates, and without the data they describe."""
    out, at, options = b"", 0, set()
    while at < len(data):
        length = struct.unpack_from("!H", data, at + 2)[0]
        header, body = data[at:at + 16], b""
        for kind, content in sets(data[at:at + length]):
            if kind == 3:
                options.add(struct.unpack_from("!H", content, 4)[0])
            elif kind not in options:
                body += content
        out += header[:2] + struct.pack("!H", 16 + len(body)) + header[4:] + body
        at += length
    return out


def read(path):
    """The flow records as python3-ipfix reads them."""
    ipfix.ie.use_iana_default()
    stream = io.BytesIO(without_options(open(path, "rb").read()))
    for record in ipfix.reader.from_stream(stream).namedict_iterator():
        for name, value in record.items():
            if isinstance(value, datetime.datetime):
                record[name] = value.isoformat(timespec="milliseconds")
            elif not isinstance(value, int):
                record[name] = str(value)
        yield record


def expected_of(spanflow, captures, path, *options):
    flows = spanflow.flows(captures, "-w", path, *options)
    assert open(path, "rb").read(2) == b"\0\x0a"
    return flows


def main(program, pcaps):
    interop.need(("ipfixDump", "libfixbuf-tools"))
    if not ipfix:
        interop.skip("the module ipfix is not there (Debian package python3-ipfix)")
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    with interop.Workplace() as place:
        path = place.file("uniflows.ipfix")
        expected = expected_of(spanflow, captures, path)
        interop.compare("ipfixDump, uniflows", expected,
                        [interop.flow_of_json(record) for record in dumped(path)])
        interop.compare("python3-ipfix, uniflows", expected,
                        [interop.flow_of_json(record) for record in read(path)])
        path = place.file("biflows.ipfix")
        expected = expected_of(spanflow, captures, path, "--biflow")
        assert any("rpackets" in flow for flow in expected)
        interop.compare("ipfixDump, biflows", expected,
                        [interop.flow_of_json(record) for record in dumped(path)])


if __name__ == "__main__":
    main(*sys.argv[1:])
