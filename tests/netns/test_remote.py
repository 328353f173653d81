#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A remote mirror from end to end: a switch mirrors a port with tc into tunnel devices of its kernel, one for
each driver and one for the socket source. All records are those of the same frames in a file, and nfcapd shows
the inner flows with the mapped interfaces. Kinds of tunnel that this kernel has no device for are sent by a
program that does what the device would.
"""

import json
import shutil
import signal
import struct
import subprocess
import unittest

import netns
import support
from frames import mixed, write_pcap
from netns import Case, Namespace, built, mirror, native, replay, source, veth
from support import wait_until

netns.require("tcpreplay")

TIMEOUTS = ("--idle-timeout", "600s", "--active-timeout", "600s")
PORTS = ("pcap", "xdp", "dpdk", "udp")  # port n: 10.9.n.1 of the switch, 10.9.n.2
OWN = ("flowStartMilliseconds", "flowEndMilliseconds", "flowId", "ingressInterface",
       "egressInterface", "flowDirection")
MAP = """
interface 21 name=leaf1 description="Port of the hosts"
interface 22 name=leaf2
ingress 21 vni=104
egress 22 vni=104
"""
# kinds of devices: arguments of ip link, the source that takes them, what the sender puts before a frame
DEVICES = {
    "geneve": (("type", "geneve", "id", "9", "remote", "10.9.4.2"), "udp://10.9.4.2:6081", 6081,
               struct.pack("!BBHI", 0, 0, 0x6558, 9 << 8)),
    "gretap": (("type", "gretap", "local", "10.9.4.1", "remote", "10.9.4.2"), "gre://10.9.4.2", 0,
               struct.pack("!HH", 0, 0x6558)),
    "erspan": (("type", "erspan", "seq", "key", "30", "local", "10.9.4.1", "remote", "10.9.4.2",
                "erspan_ver", "1", "erspan", "123"), "gre://10.9.4.2", 0,
               struct.pack("!HHIHHI", 0x1000, 0x88be, 5, 0x1000, 0x1800 | 30, 123)),
}
SENDER = """
import socket, struct, sys, time
port = int(sys.argv[1])
kind = (socket.SOCK_DGRAM, socket.IPPROTO_UDP) if port else (socket.SOCK_RAW, 47)
out = socket.socket(socket.AF_INET, *kind)
data, at = sys.stdin.buffer.read(), 0
while at < len(data):
    length, = struct.unpack_from('!I', data, at)
    out.sendto(data[at + 4:at + 4 + length], ('10.9.4.2', port))
    at += 4 + length
    time.sleep(0.0005)
"""


def comparable(records):
    return sorted(json.dumps({k: v for k, v in record.items() if k not in OWN}, sort_keys=True)
                  for record in records)


class Remote(Case):
    def setUp(self):
        super().setUp()
        self.switch, self.probe = Namespace("leaf"), Namespace("probe")
        self.addCleanup(self.switch.delete)
        self.addCleanup(self.probe.delete)
        for namespace in self.switch, self.probe:
            namespace.quiet_from_now_on()
        veth(self.switch, "host", self.switch, "port")
        for number, name in enumerate(PORTS, 1):
            veth(self.switch, f"to-{name}", self.probe, f"{name}0", mtu=1600)
            self.switch("ip", "addr", "add", f"10.9.{number}.1/24", "dev", f"to-{name}")
            if name == "udp":
                self.probe("ip", "addr", "add", f"10.9.{number}.2/24", "dev", f"{name}0")
            else:  # nobody's, so that no driver leaves it to the host
                self.switch("ip", "neigh", "add", f"10.9.{number}.2", "dev", f"to-{name}", "lladdr",
                            "02:00:00:00:09:02")
        native(self.switch, "to-xdp")
        self.frames = mixed(200)
        self.capture = write_pcap(self.directory / "frames.pcap", self.frames, step=0.001)
        filed = self.meter("-r", self.capture, "-o", "json", *TIMEOUTS)
        self.expected = comparable(filed.records)

    def device(self, name, arguments):
        """A tunnel device; False: this kernel has none of the kind."""
        done = self.switch("ip", "link", "add", name, *arguments, check=False)
        if done.returncode:
            print(f"no device {name} in this kernel, frames are sent: {done.stderr.strip()}")
            return False
        self.switch("ip", "link", "set", name, "mtu", "1550", "up")
        return True

    def collector(self):
        flows = self.directory / "nfcapd"
        flows.mkdir()
        process = subprocess.Popen([*self.probe.prefix(), "nfcapd", "-4", "-b", "127.0.0.1", "-p",
                                    "9995", "-w", flows, "-t", "3600"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: "9995" in self.probe("ss", "-lun").stdout, "nfcapd")
        return process, flows

    def start_runs(self, collects):
        runs = {}
        for name in PORTS:
            if name == "udp":
                export = ("-e", "netflow9://127.0.0.1:9995") if collects else ()
                rules = self.directory / "map.txt"
                rules.write_text(MAP)
                where = ("-i", "udp://10.9.4.2:4789", "--interface-map", rules, *export)
            elif built(name):
                where = (*source(name, f"{name}0"), "--mirror")
            else:
                continue
            runs[name] = self.live(self.probe, *where, "-o", "json", *TIMEOUTS, name=name)
        for run in runs.values():
            self.ready(run)
        return runs

    def test_vxlan_devices(self):
        collects = shutil.which("nfcapd") and shutil.which("nfdump")
        for number, name in enumerate(PORTS, 1):
            if not self.device(f"vxlan{number}", (
                    "type", "vxlan", "id", 100 + number, "dstport", 4789, "remote",
                    f"10.9.{number}.2", "dev", f"to-{name}", "nolearning")):
                self.skipTest("no vxlan devices")
        mirror(self.switch, "port", [f"vxlan{n + 1}" for n in range(len(PORTS))], ("ingress",))
        nfcapd, flows = self.collector() if collects else (None, None)
        runs = self.start_runs(collects)
        replay(self.switch, "host", self.capture, "--pps", "2000")
        done = {name: self.stop(run) for name, run in runs.items()}
        for name, result in done.items():
            with self.subTest(source=name):
                self.assertEqual(result.stats["dropped"], {"kernel": 0, "nic": 0})
                self.assertEqual(comparable(result.records), self.expected)
        self.assertEqual({(r["ingressInterface"], r["egressInterface"])
                          for r in done["udp"].records}, {(21, 22)})
        if not collects:
            print("no nfcapd and nfdump: what a collector shows is not looked at")
            return
        nfcapd.send_signal(signal.SIGTERM)
        nfcapd.wait(20)
        shown = subprocess.run(["nfdump", "-R", flows, "-q", "-N", "-o", "fmt:%sa,%da,%in,%out,%pkt"],
                               capture_output=True, text=True, check=True).stdout
        rows = [[word.strip() for word in line.split(",")] for line in shown.splitlines()]
        self.assertEqual(sum(int(row[4]) for row in rows), len(self.frames))
        self.assertEqual({(row[2], row[3]) for row in rows}, {("21", "22")})
        self.assertFalse([row for row in rows if row[0].startswith("10.9.")])

    def test_other_devices(self):
        for kind, (arguments, where, port, header) in DEVICES.items():
            with self.subTest(kind=kind):
                run = self.live(self.probe, "-i", where, "-o", "json", *TIMEOUTS, name=kind)
                self.ready(run)
                if self.device(kind, arguments):
                    mirror(self.switch, "port", [kind], ("ingress",))
                    replay(self.switch, "host", self.capture, "--pps", "2000")
                    self.switch("tc", "qdisc", "del", "dev", "port", "clsact")
                else:
                    packed = b"".join(struct.pack("!I", len(header + frame)) + header + frame
                                      for frame in self.frames)
                    subprocess.run([*self.switch.prefix(), "python3", "-c", SENDER, str(port)],
                                   input=packed, check=True, timeout=support.TIMEOUT)
                self.assertEqual(comparable(self.stop(run).records), self.expected)


if __name__ == "__main__":
    unittest.main()
