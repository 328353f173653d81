#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of fuzz_apps into seeds/apps: a message of each protocol, whole, and in segments. Those named
finding-* are inputs of past findings and stay."""

import struct
from pathlib import Path

ALONE, SEGMENTS = b"\0\0", [bytes([1, how]) for how in (0, 2, 0x82, 0x40, 0xc3, 0x22, 0xa3)]
NAME = b"\x07example\x03com\0"
DNS_QUERY = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + NAME + struct.pack(">2H", 28, 1)
DNS_ANSWER = struct.pack(">6H", 1, 0x8180, 1, 2, 0, 0) + NAME + struct.pack(">2H", 1, 1) + \
    b"\xc0\x0c" + struct.pack(">2HIH", 5, 1, 60, 4) + b"\x01x\xc0\x14" + \
    b"\xc0\x29" + struct.pack(">2HIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])


def counted(width, data):
    return len(data).to_bytes(width, "big") + data


def extension(number, data):
    return struct.pack(">H", number) + counted(2, data)


def client_hello(padding):
    extensions = extension(0x1a1a, b"") + extension(0, counted(2, b"\0" + counted(2, b"www.example.com"))) + \
        extension(16, counted(2, counted(1, b"h2") + counted(1, b"http/1.1"))) + \
        extension(43, counted(1, struct.pack(">3H", 0x2a2a, 0x304, 0x303))) + \
        extension(13, counted(2, struct.pack(">3H", 0x403, 0x804, 0x401))) + extension(21, bytes(padding))
    return b"\x01" + counted(3, b"\x03\x03" + bytes(32) + b"\0" +
                             counted(2, struct.pack(">4H", 0x0a0a, 0x1301, 0xc02b, 0x2f)) + b"\x01\0" +
                             counted(2, extensions))


SERVER_HELLO = b"\x02" + counted(3, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\0" + counted(
    2, extension(16, counted(2, counted(1, b"h2"))) + extension(43, b"\x03\x04")))


def record(data):
    return b"\x16\x03\x01" + counted(2, data)


def frames(data, count):
    part = len(data) // count + 1
    return b"\x02\0\0\0\0" + b"".join(
        b"\x06" + struct.pack(">2H", 0x4000 | at, 0x4000 | len(data[at:at + part])) + data[at:at + part] + b"\x01\0"
        for at in reversed(range(0, len(data), part)))


HELLO = client_hello(40)
MESSAGES = {
    "dns-query": DNS_QUERY,
    "dns-answer": DNS_ANSWER,
    "dns-tcp": counted(2, DNS_QUERY),
    "dns-pointers": DNS_QUERY[:12] + b"\x01a\xc0\x0c\0\x01\0\x01",
    "tls-client": record(HELLO),
    "tls-client-records": record(HELLO[:60]) + record(HELLO[60:]),
    "tls-client-long": record(client_hello(3000)),
    "tls-server": record(SERVER_HELLO),
    "http-request": b"GET /a?b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: x/1 (y)\r\n\r\n",
    "http-response": b"HTTP/1.1 200 OK\r\n\r\n",
    "http-ssdp": b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "quic-frames": frames(HELLO, 5),
    "quic-initial": b"\xc3\0\0\0\1\x08" + bytes(range(8)) + b"\0\0\x44\x8c" + bytes(1164),
}

here = Path(__file__).resolve().parent / "apps"
here.mkdir(exist_ok=True)
for old in here.glob("*"):
    if not old.name.startswith("finding-"):
        old.unlink()
for message, content in MESSAGES.items():
    (here / message).write_bytes(ALONE + content)
    if message.startswith("tls-client"):
        for i, how in enumerate(SEGMENTS):
            (here / f"{message}-segments-{i}").write_bytes(how + content)
