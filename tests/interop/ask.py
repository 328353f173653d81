#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nfdump 1.7.1 (Debian) and `spanflow show` answer the same questions to the same flows: conditions, and
sums by key (-A, -s). nfdump has what its nfcapd received, spanflow the IPFIX file of the same run.

Where the languages differ, docs/questions.md: nfdump's durations are in ms, its icmp-type is 0 for
other protocols, and its port conditions hold for ICMP's type and code, too."""
import csv
import json
import os
import subprocess
import sys

import interop

# nfdump's words, and spanflow's where they are others.
FILTERS = [
    ("proto udp",),
    ("not proto tcp and not proto udp and not proto icmp",),
    ("tos 0",),
    ("not tos 0",),
    ("packets > 2 and bytes < 1000",),
    ("bytes > 10k",),
    ("proto tcp and port 443",),
    ("(proto tcp or proto udp) and src port > 1024 and dst port < 1024",),
    ("proto udp and port in [ 53 123 443 ]",),
    ("src net 192.168.0.0/16 and not dst net 192.168.0.0/16",),
    ("host 192.168.1.10",),
    ("src ip in [ 192.168.1.10 10.0.0.0/8 ]",),
    ("flags S and not flags A", "flags S/SA"),
    ("flags SF",),
    ("duration > 1000", "duration > 1s"),
    ("inet6", "ipv6"),
    ("ipv4 and bpp > 500",),
    ("in if 1",),
    ("any",),
]

# nfdump's aggregation, spanflow's keys, and where -o csv has the packets and bytes.
GROUPS = [
    ("proto", "proto"),
    ("srcip,dstip", "src,dst"),
    ("proto,dstport", "proto,dport"),
    ("srcip4/24", "src/24"),
]


def nfdump(directory, *arguments):
    done = subprocess.run(["nfdump", "-R", directory, *arguments], stdout=subprocess.PIPE,
                          env=dict(os.environ, TZ="UTC", LC_ALL="C"), check=True)
    return done.stdout.decode()


def show(spanflow, path, *arguments):
    done = subprocess.run([spanflow.program, "show", "-q", path, *arguments], check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.decode()


def count(text):
    return len(json.loads(text)) if "{" in text else 0


def check_filters(spanflow, directory, path):
    nonzero = 0
    for words in FILTERS:
        theirs = count(nfdump(directory, "-o", "json", words[0]))
        ours = len(show(spanflow, path, "-o", "json", "--where", words[-1]).splitlines())
        assert theirs == ours, "%s: nfdump %d, spanflow %d" % (words[0], theirs, ours)
        nonzero += ours > 0
    assert nonzero > len(FILTERS) // 2, nonzero


def check_groups(spanflow, directory, path):
    for theirs, ours in GROUPS:
        only = ["ipv4"] if "4/" in theirs else ["any"]
        lines = list(csv.reader(nfdump(directory, "-q", "-A", theirs, "-o", "csv", *only).splitlines()))
        sums = sorted((int(row[11]), int(row[12])) for row in lines if len(row) > 20)
        rows = csv.reader(show(spanflow, path, "-o", "csv", "--by", ours, "--sum",
                               "packets,bytes", "--where", *only).splitlines()[1:])
        got = sorted((int(row[-2]), int(row[-1])) for row in rows)
        if "dstport" in theirs:
            # nfdump's port of ICMP is its type and code, of others 0
            assert sum(p for p, _ in sums) == sum(p for p, _ in got), theirs
            continue
        assert sums == got, "%s: %s" % (theirs, set(sums) ^ set(got))


def check_top(spanflow, directory, path):
    """-s srcip/bytes: the first ten, and their flows, packets and bytes."""
    lines = csv.reader(nfdump(directory, "-q", "-s", "srcip/bytes", "-n", "10", "-o", "csv").splitlines())
    theirs = [(row[4], row[5], row[7], row[9]) for row in lines if len(row) == 14 and row[3] == "any"]
    rows = csv.reader(show(spanflow, path, "-o", "csv", "--by", "src", "--top", "10")
                      .splitlines()[1:])
    ours = [tuple(row) for row in rows]
    # equal sums may stand in any order
    assert sorted(theirs) == sorted(ours), (theirs, ours)


def main(program, pcaps):
    interop.need(("nfcapd", "nfdump"), ("nfdump", "nfdump"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps, shared=("traffic/composite--shared-mix.pcap",))
    with interop.Workplace() as place:
        directory, path = place.directory("nfcapd"), place.file("flows.ipfix")
        port = interop.free_port("127.0.0.1")
        command = ["nfcapd", "-4", "-b", "127.0.0.1", "-p", str(port), "-w", directory, "-t", "3600"]
        with interop.Collector(command, port, directory + ".log") as nfcapd:
            spanflow.meter(captures, "-e", "ipfix://127.0.0.1:%d" % port, "-w", path)
            nfcapd.finish()
        check_filters(spanflow, directory, path)
        check_groups(spanflow, directory, path)
        check_top(spanflow, directory, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
