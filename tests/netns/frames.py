# SPDX-License-Identifier: BSD-2-Clause
"""Frames as a mirror port sends them, made by hand: conversations with tags, tunnels, fragments."""

import random
import struct

HOST = bytes([2, 0, 0, 0, 0, 1])
PEER = bytes([2, 0, 0, 0, 0, 2])
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
TUNNEL = {4: 4, 6: 41}  # protocol number of IP in IP
SHORTEST, LONGEST = 60, 1514


def ipv4(source, destination, protocol, payload, fragment=0, identification=1):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, 64,
                         protocol, 0, source, destination)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:] \
        + payload


def ipv6(source, destination, protocol, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, source, destination) \
        + payload


def udp(source, destination, payload):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source, destination, sequence, flags, payload):
    return struct.pack("!HHIIBBHHH", source, destination, sequence, 0, 5 << 4, flags, 8192, 0, 0) \
        + payload


def ethernet(packet, kind, tags=()):
    """`tags`: (TPID, VLAN id) pairs, outermost first."""
    header = PEER + HOST + b"".join(struct.pack("!HH", tpid, vlan) for tpid, vlan in tags)
    return (header + struct.pack("!H", kind) + packet).ljust(SHORTEST, b"\0")[:LONGEST]


def address(version, network, host):
    if version == 4:
        return bytes([10, network, host >> 8, host & 255])
    return bytes.fromhex("20010db8") + bytes([network]) + bytes(9) + struct.pack("!H", host)


def syn(number):
    """A SYN of a flood: no two are of the same flow."""
    source = bytes([10, 9, number // 60000, 1])
    segment = tcp(1024 + number % 60000, 80, number, 0x02, b"")
    return ethernet(ipv4(source, bytes([198, 51, 100, 7]), 6, segment), 0x0800)


class Conversation:
    """One client and one server; every frame() is the next packet of either direction."""

    KINDS = ("plain", "plain", "plain", "vlan", "qinq", "gre", "ipip", "fragments")

    def __init__(self, number, dice, fragments):
        self.number, self.dice = number, dice
        self.version = 6 if number % 3 == 2 else 4
        self.kind = self.KINDS[number % len(self.KINDS)]
        if self.kind == "fragments":
            self.version = 4
            if not fragments:
                self.kind = "plain"
        self.ends = [address(self.version, 1, number), address(self.version, 2, number % 7)]
        self.ports = [1024 + number, 53 if number % 2 else 80]
        self.sequence = 0

    def packet(self, back):
        self.sequence += 1
        source, destination = self.ends[back], self.ends[not back]
        ports = self.ports[back], self.ports[not back]
        size = self.dice.randrange(0, 1300)
        if self.ports[1] == 53:
            protocol, segment = 17, udp(*ports, bytes(size))
        else:
            protocol, segment = 6, tcp(*ports, self.sequence, 0x10, bytes(size))
        if self.version == 6:
            return ipv6(source, destination, protocol, segment)
        if self.kind == "fragments":
            # first and later fragments of datagrams that never become whole
            offset = 0x2000 if self.sequence % 2 else 100
            return ipv4(source, destination, protocol, segment[:800], offset, self.sequence)
        return ipv4(source, destination, protocol, segment)

    def frame(self):
        back = self.dice.random() < 0.4
        packet = self.packet(back)
        kind, tags = ETHERTYPE[self.version], ()
        outer = address(4, 3, self.number % 5), address(4, 4, self.number % 3)
        if back:
            outer = outer[::-1]
        if self.kind == "vlan":
            tags = ((0x8100, 7 + self.number % 3),)
        elif self.kind == "qinq":
            tags = ((0x88A8, 100), (0x8100, 7))
        elif self.kind == "gre":
            packet = ipv4(*outer, 47, struct.pack("!HH", 0, kind) + packet)
            kind = ETHERTYPE[4]
        elif self.kind == "ipip":
            packet = ipv4(*outer, TUNNEL[self.version], packet)
            kind = ETHERTYPE[4]
        return ethernet(packet, kind, tags)


def mixed(count, conversations=240, fragments=True, serial=False, seed=1):
    """`count` frames of `conversations` conversations; `serial`: no two frames are the same."""
    dice = random.Random(seed)
    talks = [Conversation(i, dice, fragments) for i in range(conversations)]
    frames = []
    for number in range(count):
        frame = bytearray(dice.choice(talks).frame())
        if serial:
            # in the sender's address, which every capture keeps
            frame[8:12] = struct.pack("!I", number)
        frames.append(bytes(frame))
    return frames


def write_pcap(path, frames, step=0.0001, start=1_700_000_000):
    """A capture file with one frame every `step` seconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            microseconds = round(number * step * 1e6)
            file.write(struct.pack("<IIII", start + microseconds // 1_000_000,
                                   microseconds % 1_000_000, len(frame), len(frame)) + frame)
    return str(path)
