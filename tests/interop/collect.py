#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""spanflow's own collector receives what spanflow sends, over IPv4 and IPv6, to the last record,
without a gap; and what it writes to a file reads the same."""
import json
import re
import signal
import subprocess
import sys

import interop


def statistics(log):
    return json.loads(log.strip().splitlines()[-1])


def run(spanflow, place, captures, scheme, address, options=""):
    name = "%s to %s%s" % (scheme, address, options)
    base = place.file(re.sub(r"\W", "-", name))
    biflow = ["--biflow"] if "biflow" in options else []
    port = interop.free_port(address)
    command = [spanflow.program, "collect", "-l", "udp://%s:%d" % (interop.host(address), port),
               "-o", "none", "-w", base + ".ipfix", "--force", "--stats", "json"]
    with interop.Collector(command, port, base + ".log", end=signal.SIGINT) as collector:
        expected = spanflow.flows(captures, "-e", "%s://%s:%d%s" % (
            scheme, interop.host(address), port, options),
            *biflow)
        log = collector.finish(settle=0)
    if scheme == "netflow5":
        expected = [flow for flow in expected if flow["version"] == 4]
    stats = statistics(log)
    assert collector.process.returncode == 0, log
    assert stats["balanced"], log
    for trouble in ("malformed", "missingTemplate", "unknownSets", "sequenceGaps", "sequenceLost",
                    "unknownVersion", "templatesRefused", "withdrawalsIgnored"):
        assert stats[trouble] == 0, log
    assert stats["dropped"]["kernel"] == 0, log
    assert stats["packets"] == sum(flow["packets"] + flow.get("rpackets", 0) for flow in expected)
    assert stats["octets"] == sum(flow["octets"] + flow.get("roctets", 0) for flow in expected)
    shown = subprocess.run([spanflow.program, "show", "-o", "json", base + ".ipfix", "-q"],
                           stdout=subprocess.PIPE, check=True).stdout.decode()
    got = [interop.flow_of_json(json.loads(line)) for line in shown.splitlines()]
    # neither v5 nor the profile of the classic fields of v9 has an end reason
    classic = scheme == "netflow5" or (scheme == "netflow9" and "plain" in options)
    interop.compare("spanflow collect, " + name, expected, got,
                    ignore=interop.without_vlan(scheme, options) + (("reason",) if classic else ()))


def main(program, pcaps):
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    many = interop.captures(pcaps, shared=("traffic/composite--shared-mix.pcap",))
    with interop.Workplace() as place:
        for scheme in ("ipfix", "netflow9", "netflow5"):
            run(spanflow, place, many, scheme, "127.0.0.1")
            if interop.have_ipv6():
                run(spanflow, place, captures, scheme, "::1")
        run(spanflow, place, captures, "ipfix", "127.0.0.1", ",profile=extended")
        run(spanflow, place, captures, "ipfix", "127.0.0.1", ",profile=plain")
        run(spanflow, place, captures, "netflow9", "127.0.0.1", ",profile=plain")
        run(spanflow, place, captures, "ipfix", "127.0.0.1", ",biflow=yes")
        for precision in ("us", "ns"):
            run(spanflow, place, captures, "ipfix", "127.0.0.1", ",time=" + precision)


if __name__ == "__main__":
    main(*sys.argv[1:])
