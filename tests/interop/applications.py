#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What payload says, packet by packet, as tshark 4.0 (Debian tshark) reads it, over a folder of captures.

    applications.py SPANFLOW FOLDER [--every]

Without --every a few captures of the folder are compared. Known differences stand in applications.tsv: capture,
field, packets of which only spanflow or only tshark tells the value, and the reason; one that does not occur any
more is an error too. Names in certificates are compared by conversation: tshark puts the server's certificate together,
openssl says what its names are.
"""
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77
FEW = ["traffic/retina--quic.pcap", "traffic/retina--tls_ciphers.pcap", "traffic/retina--quic_retry.pcap",
       "traffic/snabb--lamernews.pcap", "vlan-mpls/zeek--http-qinq-0.pcap", "formats/zeek--get-to-ssh-server.pcap",
       "ipv6/arkime--v6-http.pcap"]
# the field of spanflow, that of tshark, and the bytes of it that a record keeps
FIELDS = [
    ("dnsQueryName", "dns.qry.name", 253), ("dnsQueryType", "dns.qry.type", None),
    ("dnsResponseCode", "dns.flags.rcode", None),
    ("tlsServerName", "tls.handshake.extensions_server_name", 253),
    ("tlsCipher", "tls.handshake.ciphersuite", None),
    ("httpRequestMethod", "http.request.method", 16), ("httpRequestHost", "http.host", 253),
    ("httpRequestTarget", "http.request.uri", 200), ("httpUserAgent", "http.user_agent", 200),
    ("httpStatusCode", "http.response.code", None), ("sshBanner", "ssh.protocol", 200),
]


# the field, and the beginning of what openssl says of it
CERTIFICATES = [("tlsCertificateCommonName", "commonName"), ("tlsCertificateDnsName", "DNS:")]
NAMES = [name for name, _, _ in FIELDS] + [name for name, _ in CERTIFICATES]

ENDS = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]


# what tshark reads in quotations, and what docs/applications.md says is not read
LEFT_OUT = "!icmp && !icmpv6 && !sctp && !(ip.flags.mf == 1) && !(ipv6.fraghdr.more == 1)"
# of multicast DNS: responses without a question
SUBJECTS = {"dnsQueryName": "dns.resp.name", "dnsQueryType": "dns.resp.type"}


def tshark(path):
    """Per field: (sender's and receiver's port, value) of each packet that has one."""
    command = ["tshark", "-n", "-r", path, "-T", "json", "-Y", LEFT_OUT, "-o", "ip.defragment:FALSE",
               "-o", "ipv6.defragment:FALSE", "-o", "http.desegment_headers:FALSE",
               "-o", "http.desegment_body:FALSE", "-o", "tcp.check_checksum:FALSE",
               "-e", "tls.handshake.type", "-e", "dns.resp.name", "-e", "dns.resp.type"]
    for name in ENDS + [name for _, name, _ in FIELDS]:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, timeout=300)
    found = {name: Counter() for name, _, _ in FIELDS}
    for packet in json.loads(done.stdout.decode(errors="replace") or "[]"):
        layers = packet["_source"]["layers"]
        ends = tuple(layers.get("tcp." + end, layers.get("udp." + end, [""]))[-1]
                     for end in ("srcport", "dstport"))
        for name, field, most in FIELDS:
            value = layers.get(field, [""])[0]
            if not value and name in SUBJECTS:
                value = layers.get(SUBJECTS[name], [""])[0]
            if name == "tlsCipher" and "2" not in layers.get("tls.handshake.type", []):
                continue
            if value and most is None:
                value = str(int(value, 0))
            elif name == "dnsQueryName":
                value = value.replace("<Root>", ".")
            if value:
                found[name][(ends, value[:most])] += 1
    return found


def spanflow(program, path):
    names = ",".join(name for name, _, _ in FIELDS)
    output = subprocess.run(
        [program, "meter", "-r", path, "--tunnel", "inner", "--per-packet", "-o", "json", "-q", "--fields",
         "sourceTransportPort,destinationTransportPort," + names], capture_output=True, timeout=300).stdout
    found = {name: Counter() for name, _, _ in FIELDS}
    for line in output.decode().splitlines():
        record = json.loads(line)
        ends = (str(record["sourceTransportPort"]), str(record["destinationTransportPort"]))
        for name, _, _ in FIELDS:
            value = record.get(name, "")
            if value != "" and not (name == "dnsQueryName" and "\\" in value):
                found[name][(ends, str(value))] += 1
    return found


def certificate_names(certificate):
    """Names in a certificate (DER), by openssl."""
    said = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-ext", "subjectAltName",
                           "-nameopt", "multiline,-esc_msb,utf8"], input=certificate, capture_output=True).stdout
    found = {}
    for part in said.decode(errors="replace").replace(", ", "\n").splitlines():
        for name, begin in CERTIFICATES:
            if part.strip().startswith(begin):
                found.setdefault(name, part.strip()[len(begin):].lstrip(" ="))
    return found


def tshark_certificates(path):
    """Per field: (ports of the conversation, value) of the first certificate of each conversation."""
    output = subprocess.run(
        ["tshark", "-n", "-r", path, "-Y", "tls.handshake.certificate && tcp && " + LEFT_OUT, "-T", "fields",
         "-E", "occurrence=a", "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "tcp.dstport",
         "-e", "tls.handshake.certificate"], capture_output=True, timeout=300).stdout
    found, streams = {name: Counter() for name, _ in CERTIFICATES}, set()
    for line in output.decode().splitlines():
        stream, *ports, certificates = line.split("\t")
        if stream in streams:
            continue
        streams.add(stream)
        ends = tuple(sorted(port.split(",")[-1] for port in ports))
        for name, value in certificate_names(bytes.fromhex(certificates.split(",")[0])).items():
            found[name][(ends, value)] += 1
    return found


def spanflow_certificates(program, path):
    names = [name for name, _ in CERTIFICATES]
    output = subprocess.run(
        [program, "meter", "-r", path, "--tunnel", "inner", "--biflow", "-o", "json", "-q", "--fields",
         "sourceTransportPort,destinationTransportPort," + ",".join(names)], capture_output=True, timeout=300).stdout
    found = {name: Counter() for name in names}
    for line in output.decode().splitlines():
        record = json.loads(line)
        ends = tuple(sorted((str(record["sourceTransportPort"]), str(record["destinationTransportPort"]))))
        for name in names:
            if record.get(name):
                found[name][(ends, record[name])] += 1
    return found


def compare(program, path):
    """Per field: packets for which both agree, only spanflow, only tshark."""
    theirs, ours = tshark(path), spanflow(program, path)
    theirs.update(tshark_certificates(path))
    ours.update(spanflow_certificates(program, path))
    return {name: (sum((ours[name] & theirs[name]).values()), ours[name] - theirs[name],
                   theirs[name] - ours[name]) for name in NAMES}


def captures(folder, every):
    paths = []
    for part in [""] if every else FEW:
        start = os.path.join(folder, part)
        if os.path.isfile(start):
            paths.append(start)
        for root, _, files in os.walk(start):
            paths += [os.path.join(root, name) for name in files if name.endswith((".pcap", ".pcapng"))]
    return sorted(set(paths))


def known_differences():
    known = {}
    with open(os.path.join(HERE, "applications.tsv"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                capture, field, ours, theirs, _ = line.rstrip("\n").split("\t")
                known[(capture, field)] = (int(ours), int(theirs))
    return known


def main():
    program, folder = sys.argv[1:3]
    every = "--every" in sys.argv
    if not shutil.which("tshark") or not os.path.isdir(folder):
        print("skipped: no tshark, or no folder", folder)
        return SKIP
    known = known_differences()
    agreed, bad = Counter(), 0
    for path in captures(folder, every):
        capture = os.path.relpath(path, folder)
        for name, (same, ours, theirs) in compare(program, path).items():
            agreed[name] += same
            difference = (sum(ours.values()), sum(theirs.values()))
            if difference == known.get((capture, name), (0, 0)):
                continue
            bad += 1
            print(f"{capture}\t{name}\t{difference[0]}\t{difference[1]}\t", "agree", same)
            for what, values in (("spanflow", ours), ("tshark", theirs)):
                for (ends, value), count in list(values.items())[:3]:
                    print("   ", what, *ends, count, repr(value)[:90])
    print("packets that agree:", ", ".join(f"{name} {agreed[name]}" for name in NAMES))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
