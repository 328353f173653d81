#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Applications as ndpiReader (Debian libndpi-bin) names them, over a folder of captures.

    ndpi.py SPANFLOW FOLDER [--every] [--verbose]

Both use the same library; they differ in which packets it sees: all of a flow up to a limit of 24 (UDP) and 80 (TCP)
there, the first 16 with payload here, and in what it may know from other flows. Compared are TCP and UDP conversations
that both have, by addresses, ports and protocol. Without --every: a few captures. docs/applications.md has the
differences by kind.
"""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

SKIP = 77
FEW = ["traffic/retina--quic.pcap", "traffic/retina--tls_ciphers.pcap", "traffic/snabb--lamernews.pcap",
       "vlan-mpls/zeek--http-qinq-0.pcap", "formats/zeek--get-to-ssh-server.pcap", "ipv6/arkime--v6-http.pcap"]
AGREE = 0.97  # of the conversations that ndpiReader has a name for


def key(protocol, source, source_port, destination, destination_port):
    return (int(protocol), *sorted([(source, int(source_port)), (destination, int(destination_port))]))


def application(name):
    """The part of ndpiReader's name that is the application: DNS.Google is DNS, TLS.Google is Google."""
    first, _, last = name.partition(".")
    return first if first == "DNS" or not last else last


def reader(path):
    """conversation -> names"""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "flows.csv")
        subprocess.run(["ndpiReader", "-d", "-q", "-I", "-i", path, "-C", output], capture_output=True, timeout=120)
        if not os.path.exists(output):
            return found
        with open(output, errors="replace") as lines:
            for row in csv.DictReader(lines):
                if row["protocol"] in ("6", "17"):
                    where = key(row["protocol"], row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"])
                    found.setdefault(where, set()).add(application(row["ndpi_proto"]))
    return found


def spanflow(program, path):
    found = {}
    fields = ("protocolIdentifier,sourceIPv4Address,destinationIPv4Address,sourceIPv6Address,destinationIPv6Address,"
              "sourceTransportPort,destinationTransportPort,applicationId,applicationName")
    done = subprocess.run([program, "meter", "-r", path, "-o", "json", "-q", "--biflow", "--applications", "ndpi",
                           "--fields", fields], capture_output=True, timeout=120)
    for line in done.stdout.decode().splitlines():
        record = json.loads(line)
        if record["protocolIdentifier"] not in (6, 17):
            continue
        ends = [record.get(f"{side}IPv4Address") or record[f"{side}IPv6Address"] for side in ("source", "destination")]
        where = key(record["protocolIdentifier"], ends[0], record["sourceTransportPort"],
                    ends[1], record["destinationTransportPort"])
        found.setdefault(where, set()).add(record.get("applicationName", "Unknown"))
    return found


def compare(program, path, kinds):
    """(conversations that ndpiReader names, of them equal)"""
    theirs, ours = reader(path), spanflow(program, path)
    named = equal = 0
    for where in theirs.keys() & ours.keys():
        wanted = theirs[where] - {"Unknown"}
        if not wanted:
            continue
        named += 1
        if wanted & ours[where]:
            equal += 1
        else:
            kinds[(os.path.basename(path), "/".join(sorted(wanted)), "/".join(sorted(ours[where])))] += 1
    return named, equal


def captures(folder, every):
    if not every:
        return [os.path.join(folder, name) for name in FEW]
    return sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names
                  if name.endswith((".pcap", ".pcapng", ".cap")))


def main(program, folder, *options):
    if not shutil.which("ndpiReader"):
        print("ndpiReader is not installed (Debian package libndpi-bin)")
        return SKIP
    if not os.path.isdir(folder):
        print(f"{folder} is not there")
        return SKIP
    lack = subprocess.run([program, "meter", "-r", "/dev/null", "--applications", "ndpi", "--fields",
                           "+applicationName"], capture_output=True, text=True)
    if "libndpi" in lack.stderr:
        print(lack.stderr.strip())
        return SKIP
    kinds, named, equal = Counter(), 0, 0
    for path in captures(folder, "--every" in options):
        one, same = compare(program, path, kinds)
        named, equal = named + one, equal + same
    for (name, theirs, ours), count in kinds.most_common():
        print(f"{count:6} {name}: ndpiReader {theirs}, spanflow {ours}")
    print(f"{equal} of {named} conversations have the same application")
    return 0 if named and equal >= AGREE * named else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
