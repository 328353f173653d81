#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every packet inside every tunnel, as tshark 4.0 (Debian tshark) finds it: innermost addresses,
protocol, ports and length, packet by packet, over a folder of captures.

    tunnels.py SPANFLOW FOLDER

Differences that are known stand in tunnels.tsv, one for each capture, with the number of packets and the
reason; one that does not occur any more is an error too.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import islice

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ["tunnels", "vlan-mpls", "fragments", "linktypes"]
SKIP = 77
FIELDS = ["frame.protocols", "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.frag_offset", "ipv6.src",
          "ipv6.dst", "ipv6.nxt", "ipv6.plen", "tcp.srcport", "tcp.dstport", "udp.srcport",
          "udp.dstport", "sctp.srcport", "sctp.dstport", "ipv6.fraghdr.offset"]
QUOTES = ("icmp", "icmpv6")  # what follows is a quotation, not a packet
# tshark follows these deeper than IP packets of their own go
TRANSPORT = {"tcp": "6", "udp": "17", "sctp": "132"}


def innermost(fields):
    """(source, destination, protocol, ports, octets) of the innermost IP packet, or None."""
    lists = {name: value.split(",") if value else [] for name, value in zip(FIELDS, fields)}
    seen = Counter()
    found = None
    for name in lists["frame.protocols"][0].split(":") if lists["frame.protocols"] else []:
        if name in ("ip", "ipv6"):
            at = seen[name]
            if at >= len(lists[name + ".src"]):
                break
            found = {"version": name, "at": at, "transport": None}
        elif name in TRANSPORT and found:
            found["transport"] = (name, seen[name])
        seen[name] += 1
        if name in QUOTES:
            break
    if not found:
        return None
    at, version = found["at"], found["version"]
    source, destinations = lists[version + ".src"][at], lists[version + ".dst"]
    # tshark takes the destination of a segment routing header for one of the packet's
    behind = len(lists[version + ".src"]) - at
    destination = destinations[-behind] if behind <= len(destinations) else "?"
    octets = int(lists["ip.len"][at]) if version == "ip" else int(lists["ipv6.plen"][at]) + 40
    ports = (0, 0)
    protocol = None
    if found["transport"]:
        name, number = found["transport"]
        protocol = TRANSPORT[name]
        if number < len(lists[name + ".srcport"]):
            ports = (int(lists[name + ".srcport"][number]), int(lists[name + ".dstport"][number]))
    return source, destination, protocol, ports, octets


def tshark(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,",
               "-E", "separator=\t", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
               "-o", "tcp.desegment_tcp_streams:FALSE", "-o", "ip.tso_support:FALSE"]
    for name in FIELDS:
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    return [innermost(line.split("\t")) for line in output.splitlines()]


def frames(paths):
    """Frames of each capture that Wireshark's library can read as a whole."""
    output = subprocess.run(["capinfos", "-T", "-r", "-m", "-Q", "-c", *paths],
                            capture_output=True, text=True, timeout=120).stdout
    rows = [line.strip('"').split('","') for line in output.splitlines()]
    return {path: int(count) for path, count in rows}


def tshark_all(paths):
    """tshark's packets of each capture. It takes most of a second to start, so one run reads a file in
    which the captures follow each other."""
    counts, found = frames(paths), {}
    with tempfile.NamedTemporaryFile(suffix=".pcapng") as together:
        subprocess.run(["mergecap", "-a", "-w", together.name, *counts], check=True, timeout=120)
        packets = iter(tshark(together.name))
        for path, count in counts.items():
            found[path] = list(islice(packets, count))
    return found | {path: tshark(path) for path in paths if path not in counts}


def spanflow(program, path):
    output = subprocess.run(
        [program, "meter", "-r", path, "--tunnel", "inner", "--fragments", "split",
         "--per-packet", "-o", "json", "-q"],
        capture_output=True, text=True, timeout=120).stdout
    for line in output.splitlines():
        record = json.loads(line)
        version = "IPv6" if "sourceIPv6Address" in record else "IPv4"
        protocol = str(record["protocolIdentifier"])
        ports = (record["sourceTransportPort"], record["destinationTransportPort"])
        yield (record["source%sAddress" % version], record["destination%sAddress" % version],
               protocol, ports if protocol in TRANSPORT.values() else (0, 0),
               record["octetDeltaCount"])


def reduced(packet, protocol):
    """tshark names a protocol only where it found its header."""
    return packet[:2] + (packet[2] if protocol else None,) + packet[3:]


def compare(program, path, packets):
    ours = Counter()
    for packet in spanflow(program, path):
        ours[packet if packet[3] != (0, 0) else reduced(packet, False)] += 1
    theirs = Counter(packet if packet[3] != (0, 0) else reduced(packet, False)
                     for packet in packets if packet)
    return ours - theirs, theirs - ours


def main(program, folder):
    if not os.path.isdir(folder):
        print("skipped: there is no folder %s" % folder)
        return SKIP
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIP
    known, failed = {}, 0
    with open(os.path.join(HERE, "tunnels.tsv")) as file:
        for line in file:
            if not line.startswith("#"):
                name, count, reason = line.rstrip("\n").split("\t")
                known[name] = int(count), reason
    theirs = tshark_all([os.path.join(folder, place, name) for place in FOLDERS
                         for name in sorted(os.listdir(os.path.join(folder, place)))])
    for path, packets in theirs.items():
        more, less = compare(program, path, packets)
        path = os.path.relpath(path, folder)
        count = max(sum(more.values()), sum(less.values()))
        if known.get(path, (0,))[0] != count:
            failed += 1
            print("%s: %d packets differ, known are %d" % (path, count, known.get(path, (0,))[0]))
            for sign, side in (("spanflow", more), ("tshark", less)):
                for packet, times in list(side.items())[:4]:
                    print("    %-8s %3d × %s" % (sign, times, packet))
    print("%d captures, %d of them with differences that are explained" % (len(theirs), len(known)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
