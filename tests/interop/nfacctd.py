#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nfacctd 1.7.7 (Debian pmacct) receives IPFIX, NetFlow v9 and v5.

Quirks of 1.7.7, docs/collectors.md:
- times of v5 and v9 have whole seconds: compared within one second; flows that differ in less
  become one there: what has the same key is summed on both sides before it is compared;
- in v5 it reads the ports of TCP and UDP alone;
- it reads the first options template of an IPFIX set alone, and says "unable to read Options
  Template Flowset" of the others: spanflow's first is the sampling rate, which must arrive;
- type and code of ICMP are looked for in the destination port, where spanflow says them too;
- there is no flowEndReason.
"""
import json
import os
import re
import signal
import socket
import sys

import interop

# behind interop.nfacctd_config()
CONFIG = """\
timestamps_since_epoch: true
nfacctd_time_new: false
aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, in_iface, vlan, \
timestamp_start, timestamp_end, export_proto_version, export_proto_seqno, sampling_rate
"""


# what it makes of 1:1 in options data, and of a v5 header without sampling
RATE = {"ipfix": 1, "netflow9": 1, "netflow5": 0}

# spelled otherwise than in /etc/protocols
PROTOCOLS = {}


def milliseconds(text):
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1000 + int((fraction or "0").ljust(3, "0")[:3])


def protocol(name):
    """Names as in /etc/protocols, and numbers where it has none."""
    return int(name) if name.isdigit() else PROTOCOLS.get(name) or socket.getprotobyname(name)


def flow_of(record):
    version = 6 if ":" in record["ip_src"] else 4
    return interop.make_flow(
        version=version,
        src=record["ip_src"],
        dst=record["ip_dst"],
        proto=protocol(record["ip_proto"]),
        sport=record["port_src"],
        dport=record["port_dst"],
        icmp=record["port_dst"],
        packets=record["packets"],
        octets=record["bytes"],
        flags=int(record["tcp_flags"]),
        vlan=record["vlan"],
        first=milliseconds(record["timestamp_start"]),
        last=milliseconds(record["timestamp_end"]))


KEY = ("version", "src", "dst", "proto", "sport", "dport", "icmp", "vlan")


def summed(flows):
    """
    One flow for each key, with the sums, all flags and the whole time: of a NetFlow record nfacctd knows the second,
    and it sums up records of a key that begin in the same one.
    """
    sums = {}
    for flow in flows:
        key = tuple(flow.get(part) for part in KEY)
        total = sums.setdefault(key, dict(flow, packets=0, octets=0))
        total["packets"] += flow["packets"]
        total["octets"] += flow["octets"]
        if "flags" in flow:
            total["flags"] |= flow["flags"]
        total["first"] = min(total["first"], flow["first"])
        total["last"] = max(total["last"], flow["last"])
    return list(sums.values())


def as_v5(flow):
    """What nfacctd can know of a flow from v5."""
    flow = dict(flow, vlan=0)
    if flow["proto"] not in (6, 17) and "sport" in flow:
        flow["sport"] = flow["dport"] = 0
    return flow


def run(spanflow, place, captures, scheme, address, options):
    name = "%s to %s%s" % (scheme, address, options)
    base = place.file(re.sub(r"\W", "-", name))
    port = interop.free_port(address)
    with open(base + ".conf", "w") as config:
        config.write(interop.nfacctd_config(address, port, base + ".json") + CONFIG)
    command = ["nfacctd", "-f", base + ".conf"]
    with interop.Collector(command, port, base + ".log", end=signal.SIGINT) as nfacctd:
        # the process that writes is ready later than the one that listens
        nfacctd.wait_for(lambda: "JSON: setting object handlers" in nfacctd.read_log(), "was ready")
        expected = spanflow.flows(captures, "-e", "%s://%s:%d,rate=20000%s" %
                                  (scheme, interop.host(address), port, options))
        log = nfacctd.finish()
    assert not options or "unable to read" not in log, log
    # its writer is a process of its own, which may end after it
    interop.wait_until(lambda: "Purging cache - END" in open(base + ".log").read())
    if scheme == "netflow5":
        expected = [as_v5(flow) for flow in expected if flow["version"] == 4]
    assert os.path.exists(base + ".json"), open(base + ".log").read()
    records = [json.loads(line) for line in open(base + ".json")]
    assert {record["sampling_rate"] for record in records} == {RATE[scheme]}, records[0]
    got = [flow_of(record) for record in records]
    assert sum(flow["packets"] for flow in got) == sum(flow["packets"] for flow in expected)
    if scheme == "ipfix":
        interop.compare("nfacctd, " + name, expected, got)
    else:
        interop.compare("nfacctd, " + name, summed(expected), summed(got), tolerance_ms=1000,
                        ignore=interop.without_vlan(scheme) + ("reason",))


def main(program, pcaps):
    interop.need(("nfacctd", "pmacct"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    with interop.Workplace() as place:
        for scheme in ("ipfix", "netflow9", "netflow5"):
            run(spanflow, place, captures, scheme, "127.0.0.1", ",profile=pmacct")
            if interop.have_ipv6():
                run(spanflow, place, captures, scheme, "::1", "")


if __name__ == "__main__":
    main(*sys.argv[1:])
