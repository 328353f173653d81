#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Frames of a remote mirror give the records of the same frames in a file: each capture of pcaps/ with
all its frames in ERSPAN, in TZSP, and in VXLAN with --mirror."""

import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import SPANFLOW, TIMEOUT, free_port

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
ETHERNET = bytes.fromhex("0200000000a2" "0200000000a1" "0800")
LONGEST = 65000  # octets of a frame that IPv4 can carry


def outer(protocol, header, length):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(header) + length, 0, 0, 64, protocol, 0,
                     bytes([203, 0, 113, 1]), bytes([203, 0, 113, 2]))
    return ETHERNET + ip + header


def erspan(length):
    return outer(47, struct.pack("!HHIHHI", 0x1000, 0x88be, 5, 0x1000, 0x1800 | 7, 3), length)


def tzsp(length):
    header = struct.pack("!HHHH", 1, 37008, 13 + length, 0) + bytes([1, 0, 0, 1, 1])
    return outer(17, header, length)


def vxlan(length):
    return outer(17, struct.pack("!HHHHII", 1, 4789, 16 + length, 0, 0x08000000, 0x100), length)


def packets(data, order):
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from(order + "IIII", data, at)
        yield seconds, fraction, length, data[at + 16:at + 16 + captured]
        at += 16 + captured


def wrapped(data, order, wrap):
    out = [data[:16], struct.pack(order + "II", 262144, 1)]
    for seconds, fraction, length, frame in packets(data, order):
        header = wrap(length)
        out += [struct.pack(order + "IIII", seconds, fraction, len(header) + len(frame),
                            len(header) + length), header, frame]
    return b"".join(out)


def records(path, *options):
    run = subprocess.run([SPANFLOW, "meter", "-r", path, "-o", "json", "-q", *options],
                         capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return sorted(run.stdout.splitlines())


def erspan3(session, port, egress):
    """A frame of type III in front of what the mirrored port received or sent; a platform that tells ports."""
    return lambda length: outer(47, struct.pack(
        "!HHIHHIHHII", 0x1000, 0x22eb, 5, 0x2000, session, 7, 0, 8 * egress | 1,
        5 << 26 | port, 0), length)


MAP = """
interface 11 name=ge-0/0/1 description="Uplink to the provider" speed=10G
interface 12 name=ge-0/0/2
ingress 11 erspan-session=3 erspan-port=501 erspan-direction=ingress
egress 11 erspan-session=3 erspan-port=501 erspan-direction=egress
ingress 12 erspan-session=3 erspan-port=502 erspan-direction=ingress
egress 12 erspan-session=3 erspan-port=502 erspan-direction=egress
ingress 0 erspan-session=3
egress 0 erspan-session=3
direction erspan
"""


class InterfaceMap(unittest.TestCase):
    def test_ports_and_direction_of_erspan(self):
        """A flow of which the uplink's port saw both directions, as ERSPAN's header says."""
        names = ("ingressInterface", "egressInterface", "flowDirection", "mirrorId", "mirrorPort",
                 "mirrorDirection", "ingressInterfaceName", "egressInterfaceDescription",
                 "interfaceName", "interfaceDescription")
        with tempfile.TemporaryDirectory(prefix="spanflow-map-") as place:
            path, rules = Path(place, "erspan.pcap"), Path(place, "map.txt")
            rules.write_text(MAP)
            data = (PCAPS / "tcp-session.pcap").read_bytes()
            order = "<" if data[3] in (0xa1,) else ">"
            first = next(packets(data, order))[3]
            server = first[30:34]  # the receiver of the first packet

            def wrap(frame):
                return erspan3(3, 501, frame[30:34] == server)(len(frame))
            out = [data[:16], struct.pack(order + "II", 262144, 1)]
            for seconds, fraction, length, frame in packets(data, order):
                header = wrap(frame)
                out += [struct.pack(order + "IIII", seconds, fraction, len(header) + len(frame),
                                    len(header) + length), header, frame]
            path.write_bytes(b"".join(out))
            lines = records(str(path), "--interface-map", str(rules), "--fields",
                            "+" + "+".join(names), "--workers", "2")
            ways = sorted([r.get(name) for name in names] for r in map(json.loads, lines)
                          if r.get("sourceIPv4Address") in (address(first[26:30]), address(server)))
        self.assertEqual(ways, [
            [0, 11, 1, 3, 501, 2, None, "Uplink to the provider", "ge-0/0/1",
             "Uplink to the provider"],
            [11, 0, 0, 3, 501, 1, "ge-0/0/1", None, "ge-0/0/1", "Uplink to the provider"]])


def address(octets):
    return ".".join(map(str, octets))


class RemoteMirror(unittest.TestCase):
    def test_every_capture(self):
        compared = 0
        with tempfile.TemporaryDirectory(prefix="spanflow-mirror-") as place:
            path = os.path.join(place, "wrapped.pcap")
            for capture in sorted(PCAPS.glob("*.pcap")):
                data = capture.read_bytes()
                order = "<" if data[3] in (0xa1,) else ">"
                ethernet = struct.unpack_from(order + "I", data, 20)[0] == 1
                if not ethernet or any(p[2] > LONGEST for p in packets(data, order)):
                    continue
                wanted = records(str(capture))
                for wrap, options in ((erspan, []), (tzsp, []), (vxlan, ["--mirror"])):
                    Path(path).write_bytes(wrapped(data, order, wrap))
                    with self.subTest(capture=capture.name, mirror=wrap.__name__):
                        self.assertEqual(records(path, *options), wanted)
                compared += 1
        self.assertGreater(compared, 30)

    def test_a_socket_has_the_columns_of_its_tunnel(self):
        """CSV leaves out what no source has; the tunnel that a socket opens is not named by --tunnel."""
        source = f"udp://127.0.0.1:{free_port()},kind="
        for kind, has in (("gtp-u", True), ("tzsp", False)):
            run = subprocess.run([SPANFLOW, "meter", "-i", source + kind, "-o", "csv", "-q", "--duration", "50ms",
                                  "--no-sandbox"],
                                 capture_output=True, text=True, timeout=TIMEOUT, check=True)
            self.assertEqual("tunnelId" in run.stdout.split(","), has, run.stdout)


if __name__ == "__main__":
    unittest.main()
