#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nfcapd and nfdump 1.7.1 (Debian nfdump) receive IPFIX, NetFlow v9 and v5 with their default
buffers, over IPv4 and IPv6.

Quirks of 1.7.1, docs/collectors.md:
- it counts flow records alone in IPFIX sequences, so options data look like gaps: sequence errors
  are not looked at where they are sent, and not allowed where they are left out;
- icmp-type is printed for ICMP and ICMPv6 alike; the flags of other protocols are not printed.
"""
import json
import os
import re
import subprocess
import sys

import interop

FLAGS = "CEUAPRSF"


def flags_of(text):
    """...AP.SF, CWR to FIN"""
    return sum(0x80 >> i for i, letter in enumerate(text) if letter == FLAGS[i])


def flow_of(record):
    version = 6 if "src6_addr" in record else 4
    icmp = None
    if "icmp_type" in record:
        icmp = record["icmp_type"] << 8 | record["icmp_code"]
    return interop.make_flow(
        version=version,
        src=record["src%d_addr" % version],
        dst=record["dst%d_addr" % version],
        proto=record["proto"],
        sport=record.get("src_port"),
        dport=record.get("dst_port"),
        icmp=icmp,
        packets=record["in_packets"],
        octets=record["in_bytes"],
        flags=flags_of(record["tcp_flags"]) if "tcp_flags" in record else None,
        vlan=record.get("src_vlan", 0),
        first=interop.milliseconds(record["first"]),
        last=interop.milliseconds(record["last"]))


def read(directory):
    done = subprocess.run(["nfdump", "-R", directory, "-o", "json"], stdout=subprocess.PIPE,
                          env=dict(os.environ, TZ="UTC"), check=True)
    text = done.stdout.decode()
    return [flow_of(record) for record in json.loads(text)] if "{" in text else []


# [RFC5471-3.1.1-1]
def run(spanflow, place, captures, scheme, address, options=""):
    name = "%s to %s%s" % (scheme, address, options)
    directory = place.directory(re.sub(r"\W", "-", name))
    port = interop.free_port(address)
    command = ["nfcapd", "-6" if ":" in address else "-4", "-b", address, "-p", str(port),
               "-w", directory, "-t", "3600"]
    with interop.Collector(command, port, directory + ".log") as nfcapd:
        expected = spanflow.flows(captures, "-e", "%s://%s:%d%s" %
                                  (scheme, interop.host(address), port, options))
        log = nfcapd.finish()
    if scheme == "netflow5":
        expected = [flow for flow in expected if flow["version"] == 4]
    interop.compare("nfcapd, " + name, expected, read(directory),
                    ignore=interop.without_vlan(scheme))
    counts = re.search(r"Flows: (\d+), Packets: (\d+), Bytes: (\d+), "
                       r"Sequence Errors: (\d+), Bad Packets: (\d+)", log)
    flows, packets, octets, gaps, bad = (int(number) for number in counts.groups())
    assert flows == len(expected), log
    assert packets == sum(flow["packets"] for flow in expected), log
    assert octets == sum(flow["octets"] for flow in expected), log
    assert bad == 0, log
    assert gaps == 0 or (scheme == "ipfix" and not options), log


def main(program, pcaps):
    interop.need(("nfcapd", "nfdump"), ("nfdump", "nfdump"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    many = interop.captures(pcaps, shared=("traffic/composite--shared-mix.pcap",))
    with interop.Workplace() as place:
        for scheme in ("ipfix", "netflow9", "netflow5"):
            run(spanflow, place, many, scheme, "127.0.0.1")
            if interop.have_ipv6():
                run(spanflow, place, captures, scheme, "::1")
        for scheme in ("ipfix", "netflow9"):
            # without options data there are no gaps
            run(spanflow, place, captures, scheme, "127.0.0.1", ",profile=nfdump")
            # a chosen list: its templates are as good as those of the profiles
            run(spanflow, place, captures, scheme, "127.0.0.1",
                ",options=no,fields=plain+minimumTTL-ipClassOfService+vlanId+dot1qVlanId")


if __name__ == "__main__":
    main(*sys.argv[1:])
