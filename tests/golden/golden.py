#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Captures to flows, compared with the flows reviewed once and kept beside this file.

    golden.py SPANFLOW PCAPS            compare
    golden.py SPANFLOW PCAPS --update   write what the program says now; review it with git diff
    golden.py SPANFLOW PCAPS --every D  no comparison: the other checks for every capture below D

Every run is also checked in three ways: its counters balance, the file of -w read by `spanflow show`
says the same as -o json, and a second run in another time zone says the same as the first (not with
sanitizers, where runs take long).
"""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77

# What ends each record of `show -o json`.
MESSAGE = re.compile(r',"observationDomainId":\d+,"exportTime":"[^"]*"}')

# Facts that are gathered on request, beside what tells the flows apart.
FACTS = "sourceIPv4Address,sourceIPv6Address,sourceTransportPort,destinationTransportPort," \
    "protocolIdentifier,packetDeltaCount,octetDeltaCount," \
    "minimumIpTotalLength,maximumIpTotalLength,ipTTL," \
    "initialTCPFlags,unionTCPFlags,communityId"

# Facts of headers, and what tells the flows apart.
HEADERS = "sourceIPv4Address,sourceIPv6Address,sourceTransportPort,packetDeltaCount,vlanId," \
    "headers,shape,mplsLabelStackSection2,mplsLabelStackSection3,mplsLabelStackSection10," \
    "tcpSharedOptionExID16,tcpSharedOptionExID32"

QUALITY = "sourceIPv4Address,sourceIPv6Address,sourceTransportPort,packetDeltaCount," \
    "flowEndReason,quality"

# Captures that belong together, and options that show more; the others stand for themselves.
CASES = {
    "rotated": (["rotated-1.pcap", "rotated-2.pcap"], []),
    "tap": (["tap-a.pcap", "tap-b.pcap"], ["--biflow"]),
    "demo.biflow": (["demo.pcap"], ["--biflow"]),
    "demo.enrich": (["demo.pcap"], ["--enrich", os.path.join(HERE, "files", "routes.txt"),
                                    "--interface-map", os.path.join(HERE, "files", "map.txt"),
                                    "--local-net", "192.0.2.0/24"]),
    "icmp.biflow": (["icmp.pcap"], ["--biflow"]),
    "tcp-ends.biflow": (["tcp-ends.pcap"], ["--biflow"]),
    "tcp-session.biflow": (["tcp-session.pcap"], ["--biflow"]),
    "timeouts.biflow": (["timeouts.pcap"], ["--biflow"]),
    "vlan-stacks.biflow": (["vlan-stacks.pcap"], ["--biflow"]),
    "timeouts.short": (["timeouts.pcap"], ["--idle-timeout", "10s", "--active-timeout", "30s"]),
    "tcp-session.per-packet": (["tcp-session.pcap"], ["--per-packet"]),
    "fragments.split": (["fragments.pcap"], ["--fragments", "split"]),
    "tunnel-mirror.hpe": (["tunnel-mirror.pcap"], ["--tunnel-port", "hpe-erm=7932"]),
    "tunnel-nested.hpe": (
        ["tunnel-nested.pcap"], ["--tunnel", "inner", "--tunnel-port", "hpe-erm=7932"]),
    "tunnel-ipsec.spi": (["tunnel-ipsec.pcap"], ["--tunnel", "both", "--fields", "+IPSecSPI"]),
    "macsec.channel": (["macsec.pcap"], ["--fields", "+macsecChannel"]),
    "tunnel-overlap.no-tunnel": (
        ["tunnel-overlap.pcap"], ["--tunnel", "inner", "--key", "-tunnel"]),
    "tunnel-vxlan.biflow": (["tunnel-vxlan.pcap"], ["--tunnel", "inner", "--biflow"]),
    "tunnel-vxlan.mirror": (["tunnel-vxlan.pcap"], ["--mirror"]),
    "tunnel-nested.gre": (["tunnel-nested.pcap"], ["--tunnel", "gre=inner,erspan=outer"]),
    "applications.read": (["applications.pcap"], ["--biflow", "--fields", FACTS + ",applications"]),
    "applications.uniflow": (["applications.pcap"], ["--fields", "sourceTransportPort,applications"]),
    "demo.facts": (["demo.pcap"], ["--biflow", "--fields", FACTS]),
    "tcp-session.facts": (["tcp-session.pcap"], ["--fields", FACTS]),
    "icmp.facts": (["icmp.pcap"], ["--biflow", "--fields", FACTS]),
    "fragments.facts": (["fragments.pcap"], ["--fields", FACTS]),
    "headers.facts": (["headers.pcap"], ["--fields", HEADERS]),
    "ipv6-extensions.headers": (["ipv6-extensions.pcap"], ["--biflow", "--fields", HEADERS]),
    "fragments.headers": (["fragments.pcap"], ["--fields", HEADERS]),
    "mpls.headers": (["mpls.pcap"], ["--fields", HEADERS]),
    "tcp-quality.facts": (["tcp-quality.pcap"], ["--fields", QUALITY]),
    "tcp-quality.biflow": (["tcp-quality.pcap"], ["--biflow", "--fields", QUALITY]),
    "tcp-ends.quality": (["tcp-ends.pcap"], ["--fields", QUALITY]),
    "demo.shape": (["demo.pcap"], ["--biflow", "--fields", "sourceTransportPort,packetDeltaCount,shape"]),
    "vlan.no-vlan": (["vlan.pcap"], ["--key", "-vlan"]),
}
CASES.update({
    "tunnel-%s.inner" % name: (["tunnel-%s.pcap" % name], ["--tunnel", "inner"])
    for name in ("gre", "mirror", "vxlan", "mobile", "ip", "nested", "overlap", "not", "cut", "fragments",
                 "ipsec")})
CASES.update({
    "tunnel-%s.both" % name: (["tunnel-%s.pcap" % name], ["--tunnel", "both"])
    for name in ("gre", "mirror", "vxlan", "mobile", "ip", "nested", "overlap", "not", "cut", "fragments",
                 "ipsec")})
# Captures that do not end well, and what is said then.
DAMAGED = {
    "cut-off": "cut-off.pcap: byte ",
}


class Failure(Exception):
    pass


# Looking for leaks takes as long as the rest of such a run; the tests of the command line do.
WITHOUT_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def run(program, *arguments, zone="UTC"):
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300, env={**os.environ, **WITHOUT_LEAKS, "TZ": zone})
    return done.returncode, done.stdout.decode(), done.stderr.decode().strip().splitlines()


def rows(text, columns):
    """The rows of CSV, sorted, with these columns alone."""
    return sorted([row[column] for column in columns] for row in csv.DictReader(io.StringIO(text)))


def check_fields(program, common, fields, output, path):
    """Facts do not depend on the number of workers, and `show` reads all of them back."""
    several = run(program, *common, "--workers", "3")[1]
    if sorted(several.splitlines()) != sorted(output.splitlines()):
        raise Failure("three workers say something else")
    metered = run(program, *common, "-o", "csv")[1]
    columns = metered.splitlines()[0].split(",")
    biflow = ["--biflow"] if "--biflow" in common else []
    shown = run(program, "show", "-o", "csv", *biflow, "--fields", fields, path)[1]
    if rows(shown, columns) != rows(metered, columns):
        raise Failure("show -o csv of the file of -w differs from -o csv: %s" % difference(
            list(map(str, rows(metered, columns))), list(map(str, rows(shown, columns)))))


def check_show(program, path, output):
    """`show` of the file prints the lines of -o json."""
    status, shown, said = run(program, "show", "-o", "json", "--stats", "json", path)
    if status != 0 or not json.loads(said[-1])["balanced"]:
        raise Failure("show: exit status %d: %s" % (status, said))
    # a file has its records by template: the order may differ, and nothing else; show also says
    # which message each record was in
    shown, messages = MESSAGE.subn("}", shown)
    if messages != shown.count("\n"):
        raise Failure("show: records without domain and export time")
    if sorted(shown.splitlines()) != sorted(output.splitlines()):
        raise Failure("show of the file of -w differs from -o json")


def meter(program, captures, options, name):
    """The lines of -o json of a run that ended as it should."""
    with tempfile.TemporaryDirectory(prefix="spanflow-golden-") as place:
        path = os.path.join(place, "flows.ipfix")
        common = ["meter", "-r", *captures, "-o", "json", "--stats", "json", *options]
        status, output, said = run(program, *common, "-w", path, "--force")
        if name is None and status == 1 and captures[0] + ": byte 0: " in said[-1]:
            return output  # refused before its first packet
        statistics = json.loads(said[-1])
        if not statistics["balanced"]:
            raise Failure("the counters do not balance: %s" % said[-1])
        if name in DAMAGED and not any(DAMAGED[name] in line for line in said):
            raise Failure("nothing is said of the damage: %s" % said)
        if name is not None and status != (1 if name in DAMAGED else 0):
            raise Failure("exit status %d: %s" % (status, said))
        sanitized = bool(os.environ.get("SANITIZED"))
        if not sanitized or name is not None:  # files of foreign captures hold nothing else
            check_show(program, path, output)
        if not sanitized and run(program, *common, zone="Asia/Kathmandu")[1] != output:
            raise Failure("a second run says something else")
        if "--fields" in options:
            check_fields(program, common, options[options.index("--fields") + 1], output, path)
        records = sum(1 for _ in output.splitlines())
        if records != statistics["outputs"][0]["records"]:
            raise Failure("%d lines, but the statistics say %s" % (records, said[-1]))
        return output


def cases(pcaps):
    for name in sorted(os.listdir(pcaps)):
        if ".pcap" in name:
            yield name.split(".")[0] if name.endswith(("pcap", "pcapng")) else name, [name], []
    for name, (captures, options) in CASES.items():
        yield name, captures, options


def difference(old, new):
    """The first line that differs."""
    for i, (a, b) in enumerate(zip(old + [None] * len(new), new + [None] * len(old))):
        if a != b:
            return "line %d\n    kept  %s\n    now   %s" % (i + 1, a, b)
    return ""


def check(program, pcaps, update):
    failed = []
    kept = {name for name in os.listdir(HERE) if name.endswith(".json")}
    for name, captures, options in cases(pcaps):
        path = os.path.join(HERE, name + ".json")
        kept.discard(name + ".json")
        try:
            output = meter(program, [os.path.join(pcaps, capture) for capture in captures],
                           options, name)
            old = open(path).read() if os.path.exists(path) else None
            if update and output != old:
                print("wrote " + path)
                with open(path, "w") as file:
                    file.write(output)
            elif old is None:
                raise Failure("there is no %s" % path)
            elif output != old:
                raise Failure(difference(old.splitlines(), output.splitlines()))
        except Failure as failure:
            print("%s: %s" % (name, failure))
            failed.append(name)
    for name in sorted(kept):
        print("%s belongs to no capture" % name)
        failed.append(name)
    return failed


def check_every(program, directory):
    if not os.path.isdir(directory):
        print("skipped: there is no folder %s" % directory)
        sys.exit(SKIP)
    failed, count = [], 0
    for folder, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            if not name.endswith((".pcap", ".pcapng", ".cap")):
                continue
            count += 1
            path = os.path.join(folder, name)
            try:
                meter(program, [path], [], None)
            except (Failure, ValueError, IndexError) as failure:
                print("%s: %s" % (path, failure))
                failed.append(path)
    print("%d captures" % count)
    return failed


def main(program, pcaps, mode=None, directory=None):
    if mode == "--every":
        failed = check_every(program, directory)
    else:
        failed = check(program, pcaps, mode == "--update")
    if failed:
        print("%d failed: %s" % (len(failed), " ".join(failed)))
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
