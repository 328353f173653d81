# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX messages made by hand."""

import struct

EXPORT_TIME = 0x65000000


def message(sequence, *sets, domain=1):
    """An IPFIX message of (set id, octets) pairs."""
    body = b"".join(struct.pack("!HH", kind, 4 + len(data)) + data for kind, data in sets)
    return struct.pack("!HHIII", 10, 16 + len(body), EXPORT_TIME, sequence, domain) + body


def template(number, *fields):
    """A template set of (element, length) or (element, length, PEN) fields."""
    data = struct.pack("!HH", number, len(fields))
    for element, length, *pen in fields:
        data += struct.pack("!HH", element | (0x8000 if pen else 0), length)
        data += struct.pack("!I", *pen) if pen else b""
    return 2, data


ADDRESSES = ((8, 4), (12, 4))
TEMPLATE = template(256, *ADDRESSES, (2, 4), (1, 4))


def record(last, packets=1, octets=60):
    return bytes([192, 0, 2, last, 198, 51, 100, 1]) + struct.pack("!II", packets, octets)


def data(*records, number=256):
    return number, b"".join(records)


WHOLE = message(0, TEMPLATE, data(record(1), record(2))) + message(2, data(record(3)))
