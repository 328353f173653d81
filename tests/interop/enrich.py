#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nfcapd/nfdump 1.7.1 and nfacctd 1.7.7 show AS numbers, next hops and prefix lengths of --enrich and
interfaces of --interface-map, as IPFIX, NetFlow v9 and v5 carry them.

Quirks: nfacctd shows the BGP next hop of v9 and IPFIX (fields 18, 63) and no next hop of v5. nfcapd 1.7.1 does not read the prefix lengths of v5; nfdump leaves out what is
0.
"""
import json
import os
import signal
import subprocess
import sys

import interop

# demo.pcap: 192.0.2.0/24 are the hosts
ROUTES = """
192.0.2.0/24     64500
198.51.100.0/24  64501  10.0.0.1  10.0.1.1
203.0.113.0/24   4200000001  10.0.0.2
203.0.113.0/28   64503  -  10.0.1.3
2001:db8::/32    64504  2001:db8:ffff::1 2001:db8:ffff::2
"""

# the switch's ports: 192.0.2.0/24 is behind 101
MAP = """
interface 101 name=ge-0/0/1 description="The hosts" speed=1G
interface 102 name=ge-0/0/2 description="Uplink" speed=10G
behind 101 prefix=192.0.2.0/24
behind 101 prefix=2001:db8::/64
ingress 102
egress 102
"""

# behind interop.nfacctd_config()
CONFIG = """\
aggregate: src_host, dst_host, src_port, dst_port, proto, src_as, dst_as, peer_dst_ip, src_mask, \
dst_mask, in_iface, out_iface
"""


def short(as_number, scheme):
    return 23456 if scheme == "netflow5" and as_number > 65535 else as_number


def expected(records, scheme):
    """Key of a flow -> AS numbers, masks, next hops, as -o json says them."""
    flows = {}
    for record in records:
        version = 6 if "sourceIPv6Address" in record else 4
        if version == 6 and scheme == "netflow5":
            continue
        if record["protocolIdentifier"] not in (6, 17):
            continue
        key = (record["sourceIPv%dAddress" % version], record["destinationIPv%dAddress" % version],
               record["sourceTransportPort"], record["destinationTransportPort"])
        hop = record.get("ipNextHopIPv%dAddress" % version)
        bgp = record.get("bgpNextHopIPv%dAddress" % version)
        flows[key] = {
            "src_as": short(record.get("bgpSourceAsNumber", 0), scheme),
            "dst_as": short(record.get("bgpDestinationAsNumber", 0), scheme),
            "src_mask": record.get("sourceIPv%dPrefixLength" % version, 0),
            "dst_mask": record.get("destinationIPv%dPrefixLength" % version, 0),
            "hop": (hop or bgp) if scheme == "netflow5" else hop,
            "bgp": None if scheme == "netflow5" else bgp,
            "in": record["ingressInterface"], "out": record["egressInterface"],
        }
    return flows


def unless_zero(address):
    return None if address in (None, "", "0.0.0.0", "::") else address


def of_nfdump(record):
    version = 6 if "src6_addr" in record else 4
    key = (record["src%d_addr" % version], record["dst%d_addr" % version],
           record.get("src_port"), record.get("dst_port"))
    return key, {
        "src_as": record.get("src_as", 0), "dst_as": record.get("dst_as", 0),
        "src_mask": record.get("src_mask", 0), "dst_mask": record.get("dst_mask", 0),
        "hop": unless_zero(record.get("ip%d_next_hop" % version)),
        "bgp": unless_zero(record.get("bgp%d_next_hop" % version)),
        "in": record["input_snmp"], "out": record["output_snmp"],
    }


def of_nfacctd(record):
    key = (record["ip_src"], record["ip_dst"], record["port_src"], record["port_dst"])
    return key, {
        "src_as": record["as_src"], "dst_as": record["as_dst"],
        "src_mask": record["mask_src"], "dst_mask": record["mask_dst"],
        "bgp": unless_zero(record["peer_ip_dst"]),
        "in": record["iface_in"], "out": record["iface_out"],
    }


def compare(name, wanted, got):
    assert wanted, name + ": no flows"
    assert wanted.keys() <= got.keys(), "%s: missing %s" % (name, wanted.keys() - got.keys())
    for key, facts in wanted.items():
        for what, value in got[key].items():
            if what in facts:
                assert value == facts[what], "%s: %s: %s is %s, not %s" % (
                    name, key, what, value, facts[what])
    print("%s: %d flows" % (name, len(wanted)))


def meter(spanflow, captures, routes, url):
    output, _ = spanflow.meter(captures, "-o", "json", "--enrich", routes[0],
                               "--interface-map", routes[1], "-e", url)
    records = [json.loads(line) for line in output.splitlines()]
    assert {(record["ingressInterface"], record["egressInterface"]) for record in records} >= \
        {(101, 102), (102, 101)}, "the map decides nothing"
    return records


def nfcapd(spanflow, place, captures, routes, scheme):
    directory = place.directory("nfcapd-" + scheme)
    port = interop.free_port()
    command = ["nfcapd", "-4", "-b", "127.0.0.1", "-p", str(port), "-w", directory, "-t", "3600"]
    with interop.Collector(command, port, directory + ".log") as collector:
        records = meter(spanflow, captures, routes, "%s://127.0.0.1:%d" % (scheme, port))
        collector.finish()
    done = subprocess.run(["nfdump", "-R", directory, "-o", "json"], stdout=subprocess.PIPE,
                          env=dict(os.environ, TZ="UTC"), check=True)
    got = dict(of_nfdump(record) for record in json.loads(done.stdout.decode()))
    wanted = expected(records, scheme)
    for facts in wanted.values() if scheme == "netflow5" else ():
        del facts["src_mask"], facts["dst_mask"]
    compare("nfcapd, " + scheme, wanted, got)


def nfacctd(spanflow, place, captures, routes, scheme):
    base = place.file("nfacctd-" + scheme)
    port = interop.free_port()
    with open(base + ".conf", "w") as config:
        config.write(interop.nfacctd_config("127.0.0.1", port, base + ".json") + CONFIG)
    command = ["nfacctd", "-f", base + ".conf"]
    with interop.Collector(command, port, base + ".log", end=signal.SIGINT) as collector:
        collector.wait_for(lambda: "JSON: setting object handlers" in collector.read_log(),
                           "was ready")
        records = meter(spanflow, captures, routes,
                        "%s://127.0.0.1:%d,rate=20000" % (scheme, port))
        collector.finish()
    interop.wait_until(lambda: "Purging cache - END" in open(base + ".log").read())
    wanted = expected(records, scheme)
    if scheme == "netflow5":
        for facts in wanted.values():
            del facts["bgp"]
    with open(base + ".json") as lines:
        compare("nfacctd, " + scheme, wanted, dict(of_nfacctd(json.loads(line)) for line in lines))


def main(program, pcaps):
    have = [one for one in ("nfcapd", "nfacctd") if interop.shutil.which(one)]
    if not have:
        interop.skip("neither nfcapd nor nfacctd is installed")
    spanflow = interop.Spanflow(program)
    captures = [os.path.join(pcaps, "demo.pcap")]
    with interop.Workplace() as place:
        routes = place.file("routes.txt"), place.file("map.txt")
        for name, text in zip(routes, (ROUTES, MAP)):
            with open(name, "w") as file:
                file.write(text)
        for scheme in ("ipfix", "netflow9", "netflow5"):
            for collector in have:
                globals()[collector](spanflow, place, captures, routes, scheme)


if __name__ == "__main__":
    main(*sys.argv[1:])
