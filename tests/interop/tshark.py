#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tshark 4.0 (Debian tshark) dissects what is sent: every record, nothing that its lint filter
finds, and no datagram longer than it may be.

tshark prints the uptimes of v5 and v9 as they are: the test adds the header's clock.
"""
import calendar
import json
import re
import subprocess
import sys
import time

import interop

LINT = " || ".join((
    "cflow.unexpected_sequence_number", "cflow.no_template_found", "cflow.flowset_length.invalid",
    "cflow.flowsets.impossible", "cflow.template_ipfix_scope_field_count.none", "_ws.malformed"))
LONGEST = {"ipfix": 7680, "netflow9": 1500, "netflow5": 1500}  # on this host


def absolute(text):
    """Sep 12, 2023 06:06:56.001000000 UTC"""
    match = re.fullmatch(r"(\w+ +\d+, \d+ [\d:]+)\.(\d+) UTC", text)
    seconds = calendar.timegm(time.strptime(match.group(1), "%b %d, %Y %H:%M:%S"))
    return seconds * 1000 + int(match.group(2)[:3])


def uptime(text):
    return int(text.replace(".", "")[:-6])


def flow_of(fields, header):
    version = 6 if "cflow.srcaddrv6" in fields else 4
    suffix = "v6" if version == 6 else ""
    times = fields["cflow.timedelta_tree"]
    if "cflow.abstimestart" in times:
        first, last = (absolute(times["cflow.abstime" + end]) for end in ("start", "end"))
    else:
        clock = header["cflow.timestamp_tree"]
        base = int(clock["cflow.unix_secs"]) * 1000 + int(
            clock.get("cflow.unix_nsecs", "0")) // 1000000 - uptime(header["cflow.sysuptime"])
        first, last = (base + uptime(times["cflow.time" + end]) for end in ("start", "end"))
    icmp = fields.get("cflow.icmp_type_code_ipv%d" % version,
                      fields.get("cflow.icmp_type_code_ipv4"))
    dport = int(fields["cflow.dstport"])
    return interop.make_flow(
        version=version,
        src=fields["cflow.srcaddr" + suffix],
        dst=fields["cflow.dstaddr" + suffix],
        proto=int(fields["cflow.protocol"]),
        sport=int(fields["cflow.srcport"]),
        dport=dport,
        icmp=int(icmp, 16) if icmp else dport,
        packets=int(fields["cflow.packets"]),
        octets=int(fields["cflow.octets"]),
        flags=int(fields["cflow.tcpflags"], 16) if "cflow.tcpflags" in fields else None,
        vlan=int(fields.get("cflow.vlanid", 0)),
        reason=int(fields["cflow.flow_end_reason"]) if "cflow.flow_end_reason" in fields else None,
        first=first,
        last=last)


def flows_of(layer):
    """The flow records of one message, out of its tree: options records have no address."""
    def walk(tree):
        for key, value in tree.items():
            if not isinstance(value, dict):
                continue
            if re.match(r"(Flow|pdu) \d", key) and (
                    "cflow.srcaddr" in value or "cflow.srcaddrv6" in value):
                yield flow_of(value, layer)
            else:
                yield from walk(value)
    return walk(layer)


def tshark(path, port, *options):
    command = ["tshark", "-r", path, "-d", "udp.port==%d,cflow" % port, *options]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout.decode()


def run(spanflow, place, captures, scheme, address, options=""):
    name = "%s to %s%s" % (scheme, address, options)
    path = place.file(re.sub(r"\W", "-", name) + ".pcap")
    recorder = interop.Recorder(address, path)
    try:
        expected = spanflow.flows(captures, "-e", "%s://%s:%d%s" % (
            scheme, interop.host(address), recorder.port, options))
    finally:
        recorder.finish()
    if scheme == "netflow5":
        expected = [flow for flow in expected if flow["version"] == 4]
    lint = tshark(path, recorder.port, "-Y", LINT)
    assert not lint, "%s: tshark complains:\n%s" % (name, lint[:2000])
    longest = max(recorder.lengths)
    assert LONGEST[scheme] - 150 < longest <= LONGEST[scheme], "%s: a packet of %d octets" % (
        name, longest)
    packets = json.loads(tshark(path, recorder.port, "-T", "json"))
    got = [flow for packet in packets for flow in flows_of(packet["_source"]["layers"]["cflow"])]
    interop.compare("tshark, " + name, expected, got,
                    ignore=interop.without_vlan(scheme, options))


def main(program, pcaps):
    interop.need(("tshark", "tshark"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    with interop.Workplace() as place:
        for scheme in ("ipfix", "netflow9", "netflow5"):
            for address in ("127.0.0.1", "::1") if interop.have_ipv6() else ("127.0.0.1",):
                run(spanflow, place, captures, scheme, address)
        run(spanflow, place, captures, "ipfix", "127.0.0.1", ",profile=plain")
        run(spanflow, place, captures, "ipfix", "127.0.0.1", ",profile=extended")


if __name__ == "__main__":
    main(*sys.argv[1:])
