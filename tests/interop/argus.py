#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ra 3.0.8.2 (Debian argus-client) receives NetFlow v9 and v5 with the profile `argus`.

Quirks of 3.0.8.2, docs/collectors.md: it crashes on IPFIX; it guesses anew which end of a TCP connection
began it and exchanges the ends; its times may be off by a second; it has short names of its own for most
protocols. So what is compared are records, packets and bytes of each pair of addresses, apart for TCP, UDP
and ICMP.
"""
import collections
import signal
import subprocess
import sys

import interop

COMMAND = ["ra", "-n", "-L", "-1", "-c", ",", "-s", "saddr", "daddr", "proto", "spkts", "dpkts",
           "sbytes", "dbytes"]


NAMES = {"tcp": 6, "udp": 17, "icmp": 1}


def totals(rows):
    """(addresses without an order, protocol) to records, packets, bytes."""
    sums = collections.defaultdict(lambda: [0, 0, 0])
    for ends, number, packets, octets in rows:
        total = sums[(tuple(sorted(ends)), number)]
        total[0] += 1
        total[1] += packets
        total[2] += octets
    return dict(sums)


def read(path):
    text = subprocess.run(COMMAND + ["-r", path], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    for line in text.splitlines():
        source, destination, name, *numbers = line.split(",")
        sent, answered, sent_bytes, answered_bytes = (int(number) for number in numbers)
        yield ((source, destination), NAMES.get(name, 0), sent + answered,
               sent_bytes + answered_bytes)


def run(spanflow, place, captures, scheme):
    base = place.file(scheme)
    port = interop.free_port()
    command = ["ra", "-S", "cisco://127.0.0.1:%d" % port, "-w", base + ".arg"]
    with interop.Collector(command, port, base + ".log", end=signal.SIGINT) as ra:
        flows = spanflow.flows(captures, "-e", "%s://127.0.0.1:%d,profile=argus" % (scheme, port))
        ra.finish()
    expected = [((flow["src"], flow["dst"]), flow["proto"] if flow["proto"] in NAMES.values() else 0,
                 flow["packets"], flow["octets"]) for flow in flows if flow["version"] == 4]
    got = [row for row in read(base + ".arg") if ":" not in row[0][0]]
    want, have = totals(expected), totals(got)
    wrong = [(key, want.get(key), have.get(key)) for key in sorted(set(want) | set(have))
             if want.get(key) != have.get(key)]
    assert not wrong, "%s: expected, got: %s" % (scheme, wrong[:10])
    print("ra, %s: %d records agree" % (scheme, len(got)))


def main(program, pcaps):
    interop.need(("ra", "argus-client"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    with interop.Workplace() as place:
        for scheme in ("netflow9", "netflow5"):
            run(spanflow, place, captures, scheme)


if __name__ == "__main__":
    main(*sys.argv[1:])
