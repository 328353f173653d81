#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""TCP quality of each flow compared with tshark's analysis of the same packets.

    quality.py SPANFLOW CAPTURE|FOLDER...     exit status 1 if less than 99.5 % of the values agree

Counters (retransmitted, out of order, duplicate acknowledgements, windows of 0) and round trips are summed up for each
direction of each pair of addresses and ports, as both sides divide connections by rules of their own. A value agrees
if it is the same; a mean round trip, if it differs by 1 µs at most. --list prints the values that do not agree.
Exit status 77: there is no tshark, or no capture.
"""
import collections
import csv
import io
import os
import shutil
import subprocess
import sys

NEEDED = 99.5
# tshark's field, and what it is counted as.
COUNTED = {
    "tcp.analysis.retransmission": "retransmitted",
    "tcp.analysis.out_of_order": "out of order",
    "tcp.analysis.duplicate_ack": "duplicate acks",
    "tcp.analysis.zero_window": "zero windows",
}
OURS = {
    "tcpRetransmittedPacketDeltaCount": "retransmitted",
    "tcpOutOfOrderPacketDeltaCount": "out of order",
    "tcpDuplicateAckDeltaCount": "duplicate acks",
    "tcpZeroWindowPacketDeltaCount": "zero windows",
}
ADDRESSES = ["sourceIPv4Address", "sourceIPv6Address", "destinationIPv4Address",
             "destinationIPv6Address", "sourceTransportPort", "destinationTransportPort"]
ROUND_TRIPS = ["tcpRoundTripCount", "tcpRoundTripMeanMicroseconds",
               "tcpServerRoundTripMicroseconds", "tcpClientRoundTripMicroseconds"]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    return done.stdout.decode(errors="replace")


def new_flow():
    return collections.Counter(), [], []


def of_tshark(path):
    """For each direction: counters, round trips in µs, handshakes in µs."""
    fields = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.stream",
              "tcp.analysis.ack_rtt", "tcp.analysis.initial_rtt", "tcp.completeness", *COUNTED]
    output = run(["tshark", "-n", "-r", path, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields",
                  "-E", "separator=\t", "-E", "occurrence=l", *[a for f in fields for a in ("-e", f)]])
    flows = collections.defaultdict(new_flow)
    shaken = set()
    for line in output.splitlines():
        row = dict(zip(fields, line.split("\t")))
        source = row["ip.src"] or row["ipv6.src"]
        target = row["ip.dst"] or row["ipv6.dst"]
        if not source or not row.get("tcp.srcport"):
            continue
        key = (source, row["tcp.srcport"], target, row["tcp.dstport"])
        back = (key[2], key[3], key[0], key[1])
        for field, name in COUNTED.items():
            flows[key][0][name] += bool(row.get(field))
        if row["tcp.analysis.ack_rtt"]:
            flows[back][1].append(float(row["tcp.analysis.ack_rtt"]) * 1e6)
        # of whole handshakes: SYN, SYN+ACK, ACK; tshark also tells it of connections that are refused
        if row["tcp.analysis.initial_rtt"] and int(row["tcp.completeness"] or 0) & 7 == 7 \
                and row["tcp.stream"] not in shaken:
            shaken.add(row["tcp.stream"])
            for way in (key, back):
                flows[way][2].append(float(row["tcp.analysis.initial_rtt"]) * 1e6)
    return flows


def of_spanflow(program, path):
    output = run([program, "meter", "-r", path, "-o", "csv", "--key", "-vlan", "--active-timeout", "72h",
                  "--idle-timeout", "72h", "--fields",
                  ",".join(["protocolIdentifier", *ADDRESSES, *ROUND_TRIPS, *OURS])])
    flows = collections.defaultdict(new_flow)
    for row in csv.DictReader(io.StringIO(output)):
        if row["protocolIdentifier"] != "6" or row["tcpRoundTripCount"] == "":
            continue
        key = (row["sourceIPv4Address"] or row["sourceIPv6Address"], row["sourceTransportPort"],
               row["destinationIPv4Address"] or row["destinationIPv6Address"],
               row["destinationTransportPort"])
        for field, name in OURS.items():
            flows[key][0][name] += int(row[field])
        count = int(row["tcpRoundTripCount"])
        flows[key][1].extend([int(row["tcpRoundTripMeanMicroseconds"])] * count)
        server = int(row["tcpServerRoundTripMicroseconds"])
        client = int(row["tcpClientRoundTripMicroseconds"])
        if server and client:
            flows[key][2].append(server + client)
    return flows


def mean(values):
    return sum(values) / len(values) if values else 0


def compare(ours, theirs):
    """What both say of the flows that both have: (kind, flow, ours, theirs, whether they agree)."""
    for key in sorted(set(ours) & set(theirs)):
        mine, other = ours[key], theirs[key]
        for name in OURS.values():
            yield name, key, mine[0][name], other[0][name], mine[0][name] == other[0][name]
        yield ("round trips", key, len(mine[1]), len(other[1]), len(mine[1]) == len(other[1]))
        yield ("mean round trip", key, mean(mine[1]), mean(other[1]),
               abs(mean(mine[1]) - mean(other[1])) <= 1.5)
        # tshark tells it of some handshakes only
        for time in other[2]:
            nearest = min(mine[2], key=lambda value: abs(value - time), default=0)
            yield "handshake", key, nearest, time, abs(nearest - time) <= 2


def captures(paths):
    for path in paths:
        if os.path.isdir(path):
            for folder, _, names in sorted(os.walk(path)):
                yield from (os.path.join(folder, name) for name in sorted(names)
                            if name.endswith((".pcap", ".pcapng", ".cap")))
        elif os.path.exists(path):
            yield path


def main(program, *arguments):
    verbose = "--list" in arguments
    paths = list(captures([path for path in arguments if not path.startswith("--")]))
    if not shutil.which("tshark") or not paths:
        print("skipped: " + ("there is no tshark" if paths else "there are no captures"))
        return 77
    agreed, all_values = collections.Counter(), collections.Counter()
    flows = files = 0
    for path in paths:
        ours, theirs = of_spanflow(program, path), of_tshark(path)
        common = len(set(ours) & set(theirs))
        flows += common
        files += common > 0
        if verbose and len(ours) != len(theirs):
            print("%s: %d flows, %d of tshark, %d in common" % (path, len(ours), len(theirs), common))
        for kind, key, mine, other, same in compare(ours, theirs):
            all_values[kind] += 1
            agreed[kind] += same
            if verbose and not same:
                print("%s: %s: %s: %s, tshark %s" % (
                    path, " ".join(key), kind, round(mine, 1), round(other, 1)))
    print("%d captures with TCP, %d directions of flows" % (files, flows))
    for kind, count in all_values.items():
        print("  %-16s %6d of %6d  %.2f %%" % (kind, agreed[kind], count, 100 * agreed[kind] / count))
    total = 100 * sum(agreed.values()) / max(sum(all_values.values()), 1)
    print("  together         %.2f %%" % total)
    return 0 if total >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
