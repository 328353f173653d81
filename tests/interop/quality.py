#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""TCP quality of each flow compared with tshark's analysis of the same packets.

    quality.py SPANFLOW CAPTURE|FOLDER...     exit status 1 if less than 99.5 % of the values agree

Counters (retransmitted, out of order, duplicate acknowledgements, windows of 0) and round trips are summed up for each
direction of each pair of addresses and ports, as both sides divide connections by rules of their own. A value agrees
if it is the same; a mean round trip or one of a handshake, if it differs by 1 µs for each time that it is made of.
--list prints the values that do not agree. Exit status 77: there is no tshark, or no capture.
"""
import collections
import csv
import io
import os
import shutil
import subprocess
import sys

NEEDED = 99.5
SYN, ACK = 0x02, 0x10
# Times of handshakes, and by how many µs they may differ.
HANDSHAKE = {"handshake": 2, "handshake, server": 1, "handshake, client": 1}
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
    return collections.Counter(), [], collections.defaultdict(list)


class Handshakes:
    """What tshark tells of handshakes, as values of both ways of a flow.

    Its initial round trip ends with the first ACK of either side, and a time of 0 counts as none. So it is compared
    if that ACK is the client's third packet of the handshake: of the client, with the first sequence number, and an
    acknowledgement of the SYN+ACK. The two parts are its round trips of the SYN and of the SYN+ACK. The SYN's counts
    from the first of several SYNs, ours from the last one, so it is compared where there is one.
    """

    def __init__(self):
        self.syns = collections.Counter()
        self.clients, self.answers, self.told = {}, {}, set()

    def see(self, row, key, flows):
        stream, flags = row["tcp.stream"], int(row["tcp.flags"] or "0", 16)
        if flags & SYN and not flags & ACK:
            self.clients[stream] = key
            self.syns[stream] += 1
            return
        if key == self.clients.get(stream):
            self.see_client(row, stream, key, flows)
        elif flags & SYN and stream in self.clients and stream not in self.answers:
            self.answers[stream] = row["frame.number"]
            if row["tcp.analysis.ack_rtt"] and self.syns[stream] == 1:
                self.tell(flows, key, "handshake, server", row["tcp.analysis.ack_rtt"])
        self.told |= {stream} if row["tcp.analysis.initial_rtt"] else set()

    def see_client(self, row, stream, key, flows):
        answer = self.answers.get(stream)
        if answer and row["tcp.analysis.acks_frame"] == answer and row["tcp.analysis.ack_rtt"]:
            self.tell(flows, key, "handshake, client", row["tcp.analysis.ack_rtt"])
        if answer and row["tcp.analysis.initial_rtt"] and stream not in self.told \
                and row["tcp.seq"] == "1" and row["tcp.ack"] == "1":
            self.tell(flows, key, "handshake", row["tcp.analysis.initial_rtt"])

    @staticmethod
    def tell(flows, key, kind, seconds):
        for way in (key, reverse(key)):
            flows[way][2][kind].append(float(seconds) * 1e6)


def reverse(key):
    return key[2], key[3], key[0], key[1]


def of_tshark(path):
    """For each direction: counters, round trips in µs, handshakes in µs."""
    fields = ["frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.stream",
              "tcp.flags", "tcp.seq", "tcp.ack", "tcp.analysis.acks_frame",
              "tcp.analysis.ack_rtt", "tcp.analysis.initial_rtt", *COUNTED]
    output = run(["tshark", "-n", "-r", path, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields",
                  "-E", "separator=\t", "-E", "occurrence=l", *[a for f in fields for a in ("-e", f)]])
    flows = collections.defaultdict(new_flow)
    handshakes = Handshakes()
    for line in output.splitlines():
        row = dict(zip(fields, line.split("\t")))
        source = row["ip.src"] or row["ipv6.src"]
        target = row["ip.dst"] or row["ipv6.dst"]
        if not source or not row.get("tcp.srcport"):
            continue
        key = (source, row["tcp.srcport"], target, row["tcp.dstport"])
        for field, name in COUNTED.items():
            flows[key][0][name] += bool(row.get(field))
        if row["tcp.analysis.ack_rtt"]:
            flows[reverse(key)][1].append(float(row["tcp.analysis.ack_rtt"]) * 1e6)
        handshakes.see(row, key, flows)
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
        for kind, time in (("handshake", server + client if server and client else 0),
                           ("handshake, server", server), ("handshake, client", client)):
            flows[key][2][kind].append(time)
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
        # tshark tells these of some handshakes only
        for kind, most in HANDSHAKE.items():
            for time in other[2][kind]:
                nearest = min(mine[2][kind], key=lambda value, time=time: abs(value - time), default=0)
                yield kind, key, nearest, time, abs(nearest - time) <= most


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
        print("  %-18s %6d of %6d  %.2f %%" % (kind, agreed[kind], count, 100 * agreed[kind] / count))
    total = 100 * sum(agreed.values()) / max(sum(all_values.values()), 1)
    print("  together           %.2f %%" % total)
    return 0 if total >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
