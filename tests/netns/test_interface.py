#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces that go away and come back, their settings, and what an open that fails says."""

import os
import resource
import signal
import time
import unittest
from pathlib import Path

import frames
import netns
import network
from network import CAPTURE_COUNT, Case
from support import wait_until

netns.require("tcpreplay", "setpriv")

HERE = Path(__file__).resolve().parent
FRAMES = 1000
KERNEL = ("pcap", "xdp")  # drivers of kernel interfaces


class Interface(Case):
    def setUp(self):
        super().setUp()
        self.network.pair("host", "port", queues=2)
        self.capture = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(FRAMES))

    def offloads(self, name="port"):
        shown = self.network("ethtool", "-k", name).stdout
        return {line.split(":")[0].strip(): line.split(":")[1].split()[0]
                for line in shown.splitlines()[1:] if ":" in line}

    def each(self, test):
        """`test` with a source of each driver, with one and two queues."""
        for driver in KERNEL:
            for queues in (1, 2):
                if netns.built(driver):
                    with self.subTest(driver=driver, queues=queues):
                        test("-q", queues, f"{driver}:port")

    def test_down_and_up(self):
        def test(*source):
            program = self.network.count(*source)
            self.network.replay("host", self.capture)
            self.network.ip("link", "set", "port", "down")
            program.wait_for("condition: port is down")
            self.network.ip("link", "set", "port", "up")
            program.wait_for("condition: none")
            self.network.replay("host", self.capture)
            self.finish(program, 2 * FRAMES)

        self.each(test)

    def test_carrier_lost(self):
        def test(*source):
            program = self.network.count(*source)
            self.network.ip("link", "set", "host", "down")
            program.wait_for("condition: port is down or has no carrier")
            self.network.ip("link", "set", "host", "up")
            program.wait_for("condition: none")
            self.network.replay("host", self.capture)
            self.finish(program, FRAMES)

        self.each(test)

    def test_removed_and_made_again(self):
        def test(*source):
            program = self.network.count(*source)
            self.network.replay("host", self.capture)
            time.sleep(0.3)
            self.network.ip("link", "del", "port")
            program.wait_for("condition: port is gone")
            self.network.pair("host", "port", queues=2)
            program.wait_for("condition: none")
            self.network.replay("host", self.capture)
            self.finish(program, 2 * FRAMES)

        self.each(test)

    @unittest.skipUnless(netns.built("pcap"), "no pcap driver in this build")
    def test_back_but_not_to_be_opened(self):
        """Rings that cannot be opened anew, for want of descriptors: told, and tried again."""
        program = self.network.count("-q", 2, "pcap:port")
        pid, kind = program.process.pid, resource.RLIMIT_NOFILE
        before = resource.prlimit(pid, kind, (3, resource.getrlimit(kind)[1]))
        self.network.ip("link", "del", "port")
        program.wait_for("condition: port is gone")
        self.network.pair("host", "port", queues=2)
        program.wait_for("condition: port is back, but: ")
        self.assertRegex(program.stderr, "port is back, but: .*Too many open files.*; trying again")
        resource.prlimit(pid, kind, before)
        program.wait_for("condition: none")
        self.network.replay("host", self.capture)
        self.finish(program, FRAMES)

    def test_gro_is_off_meanwhile(self):
        def test(*source):
            self.network("ethtool", "-K", "port", "gro", "on")
            program = self.network.count(*source)
            self.assertEqual(self.offloads()["generic-receive-offload"], "off")
            self.finish(program, 0)
            self.assertEqual(self.offloads()["generic-receive-offload"], "on")
            program = self.network.count("-K", *source)
            self.assertEqual(self.offloads()["generic-receive-offload"], "on")
            self.finish(program, 0)

        self.each(test)

    def rename(self, name, to):
        """Down meanwhile, as kernels before 6.2 want it."""
        self.network.ip("link", "set", name, "down")
        self.network.ip("link", "set", name, "name", to)
        self.network.ip("link", "set", to, "up")

    def test_gro_is_put_back_under_another_name(self):
        def test(*source):
            self.network("ethtool", "-K", "port", "gro", "on")
            program = self.network.count(*source)
            self.assertEqual(self.offloads()["generic-receive-offload"], "off")
            self.rename("port", "other")
            program.wait_for("condition: port is gone")
            self.assertEqual(program.stop(), 0)
            self.assertEqual(self.offloads("other")["generic-receive-offload"], "on")
            self.rename("other", "port")

        self.each(test)

    def test_gro_when_another_takes_the_name(self):
        def test(*source):
            self.network.pair("host2", "port2", queues=2)
            for name in ("port", "port2"):
                self.network("ethtool", "-K", name, "gro", "on")
            program = self.network.count(*source)
            self.rename("port", "other")
            program.wait_for("condition: port is gone")
            self.rename("port2", "port")
            program.wait_for("condition: none")
            self.assertEqual(self.offloads("other")["generic-receive-offload"], "on")
            self.assertEqual(self.offloads()["generic-receive-offload"], "off")
            self.finish(program, 0)
            self.assertEqual(self.offloads()["generic-receive-offload"], "on")
            self.network.ip("link", "del", "port")
            self.rename("other", "port")

        self.each(test)

    def test_promiscuous_meanwhile(self):
        def test(*source):
            program = self.network.count(*source)
            self.assertNotIn("promiscuity 0", self.network.ip("-d", "link", "show", "port").stdout)
            self.assertEqual(program.stop(), 0)
            self.assertIn("promiscuity 0", self.network.ip("-d", "link", "show", "port").stdout)

        self.each(test)

    def test_start_amid_traffic(self):
        """Several sockets join one after the other; no frame may come twice."""
        sent = frames.write_pcap(self.directory / "many.pcap", frames.mixed(20000, serial=True))

        def test(*source):
            before = self.network.packets("host", "tx")
            # 20 s, which is cut short
            sender = self.network.start("tcpreplay", "-q", "-K", "-p", 1000, "-i", "host", sent)
            wait_until(lambda: self.network.packets("host", "tx") > before, "traffic")
            program = self.network.count("-v", *source)
            arrived = self.network.packets("port")
            wait_until(lambda: self.network.packets("port") > arrived + 300 or sender.process.poll() is not None,
                       "more traffic")
            self.assertEqual(program.stop(), 0)
            sender.stop()
            digests = [line.split("digest=")[1] for line in program.stdout.splitlines()
                       if "digest=" in line]
            self.assertGreater(len(digests), 100)
            self.assertEqual(len(digests), len(set(digests)))

        self.each(test)

    def test_direction(self):
        """A mirror port receives; what the host sends on it is metered on request only."""
        if not netns.built("pcap"):
            self.skipTest("no pcap driver in this build")
        for direction, seen in (((), 0), (("-d", "in"), 0), (("-d", "out"), FRAMES),
                                (("-d", "both"), FRAMES), (("-P",), FRAMES)):
            with self.subTest(direction=direction):
                program = self.network.count(*direction, "pcap:port")
                self.network.replay("port", self.capture)
                self.finish(program, seen)

    def test_two_interfaces_one_point(self):
        self.network.pair("host2", "port2")
        for driver in KERNEL:
            if not netns.built(driver):
                continue
            with self.subTest(driver=driver):
                program = self.network.count("-q", 1, f"{driver}:port+port2")
                self.network.replay("host", self.capture)
                self.network.replay("host2", self.capture)
                result = self.finish(program, 2 * FRAMES)
                self.assertEqual(result["interface0"], FRAMES)
                self.assertEqual(result["interface1"], FRAMES)

    def test_any(self):
        if not netns.built("pcap"):
            self.skipTest("no pcap driver in this build")
        program = self.network.count("-d", "in", "pcap:any")
        self.network.replay("host", self.capture)
        self.finish(program, FRAMES)

    def test_snaplen(self):
        program = self.network.count("-s", 100, "pcap:port")
        self.network.replay("host", self.capture)
        result, truth = self.finish(program, FRAMES), self.truth(self.capture)
        self.assertEqual(result["bytes"], truth["bytes"])
        self.assertLessEqual(result["captured"], 100 * FRAMES)

    def test_large_frames(self):
        """Frames beyond one packet buffer; their length counts in full."""
        self.network.ip("link", "del", "host")
        self.network.pair("host", "port", mtu=9000)
        large = [frames.PEER + frames.HOST + b"\x08\x00" +
                 frames.ipv4(bytes(4), bytes(4), 17, bytes(size)) for size in (40, 3000, 8900)]
        sent = frames.write_pcap(self.directory / "large.pcap", large * 100)
        # tcpreplay's own limit lies below these lengths; a packet socket has none
        script = ("import socket, struct, sys\n"
                  "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
                  "s.bind(('host', 0))\n"
                  "data = open(sys.argv[1], 'rb').read()[24:]\n"
                  "while data:\n"
                  "    n = struct.unpack('<I', data[8:12])[0]\n"
                  "    s.send(data[16:16 + n]); data = data[16 + n:]\n")
        for driver in KERNEL:
            if not netns.built(driver):
                continue
            with self.subTest(driver=driver):
                program = self.network.count(f"{driver}:port")
                self.network("python3", "-c", script, sent)
                result = self.finish(program, 300)
                self.assertEqual(result["bytes"], sum(map(len, large)) * 100)
                self.assertEqual(result["super"], 0)


class SuperPackets(Case):
    def test_counted(self):
        """With segmentation offload on, the host hands whole segments over: they are told."""
        net = self.network
        net.pair("host", "port")
        net("ethtool", "-K", "host", "tso", "on", "gso", "on")
        # a TCP segment of 20000 octets, as a socket with segmentation offload would send it
        script = (
            "import socket, struct\n"
            "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            "s.bind(('host', 0))\n"
            "s.setsockopt(263, 15, 1)\n"  # SOL_PACKET, PACKET_VNET_HDR
            "tcp = struct.pack('!HHIIBBHHH', 1, 2, 3, 4, 80, 16, 9, 0, 0) + bytes(20000)\n"
            "ip = struct.pack('!BBHHHBBH4s4s', 69, 0, 20 + len(tcp), 1, 0, 64, 6, 0,"
            " bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2]))\n"
            "eth = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0])\n"
            # needs checksum at TCP's place; GSO TCPv4 with segments of 1448
            "header = struct.pack('=BBHHHH', 1, 1, 54, 1448, 34, 16)\n"
            "for i in range(10):\n"
            "    s.send(header + eth + ip + tcp)\n")
        program = net.count("pcap:port")
        net("python3", "-c", script)
        result = self.finish(program, 10)
        self.assertEqual(result["super"], 10)
        self.assertEqual(result["bytes"], 10 * (14 + 20 + 20 + 20000))


@unittest.skipUnless(netns.built("xdp"), "no xdp driver in this build")
class Xdp(Case):
    def setUp(self):
        super().setUp()
        self.network.pair("host", "port", queues=2)

    def attached(self):
        return "xdp" in self.network.ip("-d", "link", "show", "port").stdout

    def test_every_exit_detaches(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV):
            with self.subTest(signal=number):
                program = self.network.count("xdp:port")
                self.assertTrue(self.attached())
                program.stop(number)
                wait_until(lambda: not self.attached(), "the program goes away")

    def test_host_keeps_its_own(self):
        """Unicast to the interface passes to the host; the rest is taken."""
        net = self.network
        program = net.count("xdp:port")
        own = frames.mixed(50)
        to_host = [bytes.fromhex(net.mac("port").replace(":", "")) + frame[6:] for frame in own]
        sent = frames.write_pcap(self.directory / "both.pcap",
                                 [f for pair in zip(own, to_host) for f in pair])
        net.replay("host", sent, rate=1000)
        result = self.finish(program, 50)
        self.assertEqual(result["passed"], 50)

    def test_taken(self):
        self.network.count("xdp:port")
        second = self.network.start(CAPTURE_COUNT, "xdp:port")
        self.assertEqual(second.process.wait(network.TIMEOUT), 1)
        self.assertIn("port already has an XDP program ('sf_steer", second.stderr)
        self.assertIn("ip link set dev port xdp off", second.stderr)

    def test_queue_taken(self):
        """By a socket of another program, which lets go of it in time or does not."""
        for in_time in (True, False):
            with self.subTest(in_time=in_time):
                holder = self.network.start("python3", HERE / "hold_queue.py", "port")
                holder.wait_for("held\n")
                meter = self.network.start(CAPTURE_COUNT, "xdp:port")
                wait_until(self.attached, "the meter is about to open its socket")
                if in_time:
                    time.sleep(0.2)
                    self.assertNotIn("ready", meter.stderr)
                    holder.stop()
                    meter.wait_for("ready\n")
                    self.finish(meter, 0)
                else:
                    self.assertEqual(meter.process.wait(network.TIMEOUT), 1)
                    self.assertIn("port: receive queue 0 is taken by another AF_XDP socket",
                                  meter.stderr)
                    self.assertFalse(self.attached())

    def test_back_but_taken(self):
        """A socket of another program is on the interface that comes back: told, until it goes."""
        net = self.network
        sent = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(FRAMES))
        for queues in (1, 2):
            with self.subTest(queues=queues):
                meter = net.count("-q", queues, "xdp:port")
                net.ip("link", "del", "port")
                meter.wait_for("condition: port is gone: waiting for it to come back\n")
                net.pair("host", "other", queues=2)
                holder = net.start("python3", HERE / "hold_queue.py", "other")
                holder.wait_for("held\n")
                net.ip("link", "set", "other", "down", "name", "port")
                meter.wait_for("condition: port is down or has no carrier: waiting\n")
                net.ip("link", "set", "port", "up")
                meter.wait_for("condition: port is back, but: receive queue 0 is taken by another "
                               "AF_XDP socket: stop the program that holds it (ss --xdp -p, or "
                               "bpftool link show); trying again\n")
                holder.stop()
                meter.wait_for("condition: none\n")
                net.replay("host", sent)
                self.finish(meter, FRAMES)
                # once each: trying again is no news
                self.assertEqual(meter.stderr.count("is back, but"), 1, meter.stderr)

    def test_back_with_another_number_of_queues(self):
        """Fewer receive queues than before: those are read. More: as many as before."""
        net = self.network
        sent = frames.write_pcap(self.directory / "mixed.pcap", frames.mixed(FRAMES))
        for queues in (1, 2):
            with self.subTest(queues=queues):
                meter = net.count("-q", queues, "xdp:port")
                net.replay("host", sent)
                time.sleep(0.3)
                for times, number in enumerate((1, 4), 1):
                    net.ip("link", "del", "port")
                    wait_until(lambda: meter.stderr.count("is gone") == times, "its loss")
                    net.pair("host", "port", queues=number)
                    wait_until(lambda: meter.stderr.count("condition: none") == times,
                               "its return")
                    if number == 1:
                        net.replay("host", sent)
                        time.sleep(0.3)
                self.finish(meter, 2 * FRAMES)
                self.assertNotIn("is back, but", meter.stderr)
                net.ip("link", "del", "port")
                net.pair("host", "port", queues=2)

    def test_generic_mode(self):
        """A bridge has no XDP of its own: told, and it works but for tags beside the frame."""
        net = self.network
        net.bridge("bridge", "port")
        program = net.count("xdp:bridge")
        self.assertIn("generic mode", program.stderr)
        self.assertIn("warning: bridge", program.stderr)
        # to all, so the bridge itself receives it
        sent = frames.write_pcap(self.directory / "all.pcap",
                                 [b"\xff" * 6 + frame[6:]
                                  for frame in frames.mixed(200, fragments=False)])
        net.replay("host", sent, rate=1000)
        result, truth = self.finish(program, 200), self.truth(sent)
        self.assertEqual(result["bytes"], truth["bytes"] - 4 * truth["tags"])


class Errors(Case):
    """Each names the cure, and the exit status is 1."""

    def setUp(self):
        super().setUp()
        self.network.pair("host", "port")

    def refused(self, *arguments, before=()):
        done = self.network(*before, CAPTURE_COUNT, *arguments, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr.splitlines()[-1]

    @staticmethod
    def sources():
        return [driver for driver in KERNEL if netns.built(driver)]

    def test_missing_interface(self):
        for driver in self.sources():
            self.assertIn("nosuch0: no such interface; there are: lo, ",
                          self.refused(f"{driver}:nosuch0"))

    def test_two_names(self):
        """One interface under two names would count twice; the names are looked up."""
        done = self.network("ip", "link", "property", "add", "dev", "port", "altname", "mirror0",
                            check=False)
        if done.returncode:
            self.skipTest("this ip or kernel has no alternative names")
        done = self.network(netns.support.SPANFLOW, "meter", "-i", "port", "-i", "mirror0",
                            check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("-i: port and mirror0 are the same interface", done.stderr)

    @unittest.skipUnless(netns.built("xdp"), "no xdp driver in this build")
    def test_descriptors(self):
        """The kernel's word for what lacks, whatever is closed on the way out."""
        for limit in range(8, 20):
            done = self.network("prlimit", f"--nofile={limit}", netns.support.SPANFLOW, "meter",
                                "--no-sandbox", "-i", "xdp:port", "-o", "none", "--duration",
                                "0.1", check=False)
            self.assertNotIn("Invalid argument", done.stderr)
            if done.returncode:
                self.assertIn("Too many open files", done.stderr)
                self.assertIn("ulimit -n", done.stderr)

    @unittest.skipUnless(netns.built("xdp"), "no xdp driver in this build")
    def test_root_without_bpf(self):
        """A container's root is told what lacks, and not to become root."""
        for lacking, driver in (("-bpf,-perfmon,-sys_admin", "xdp"), ("-net_raw", "pcap")):
            done = self.network("setpriv", f"--bounding-set={lacking}", CAPTURE_COUNT,
                                f"{driver}:port", check=False)
            name = "CAP_BPF" if driver == "xdp" else "CAP_NET_RAW"
            self.assertRegex(done.stderr, f"needs {name}.*which root lacks here")
            self.assertIn(f"--cap-add {name}", done.stderr)
            self.assertNotIn("setcap", done.stderr)

    def test_user_namespace(self):
        """Root of a namespace with one user cannot become another one."""
        done = netns.run("unshare", "-Urn", "sh", "-c", 'ip link set lo up; exec "$0" meter -i lo',
                         netns.support.SPANFLOW, check=False)
        if "unshare" in done.stderr:
            self.skipTest("no user namespaces here")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "cannot become user .*--user root, or with --no-sandbox")

    def test_interface_down(self):
        self.network.ip("link", "set", "port", "down")
        for driver in self.sources():
            self.assertIn("ip link set port up", self.refused(f"{driver}:port"))

    def test_no_privilege(self):
        # the build may lie where nobody may not go
        os.chmod(self.directory, 0o755)
        copy = self.directory / "capture_count"
        copy.write_bytes(Path(CAPTURE_COUNT).read_bytes())
        copy.chmod(0o755)
        before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                  "--bounding-set=-all", "--inh-caps=-all")
        for driver in self.sources():
            done = self.network(*before, copy, f"{driver}:port", check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("setcap cap_net_raw,cap_net_admin", done.stderr.splitlines()[-1])

    def test_options(self):
        if netns.built("xdp"):
            self.assertIn("incoming frames only", self.refused("-d", "both", "xdp:port"))
            self.network.ip("link", "set", "lo", "up")
            self.assertIn("not an Ethernet interface", self.refused("xdp:lo"))
        if netns.built("pcap"):
            self.assertIn("64 to 262144", self.refused("-s", 10, "pcap:port"))
            self.assertIn("filter 'tcp foo'", self.refused("-f", "tcp foo", "pcap:port"))

    @unittest.skipUnless(netns.built("dpdk"), "no dpdk driver in this build")
    def test_dpdk(self):
        if "HugePages_Total:       0" in Path("/proc/meminfo").read_text():
            self.assertIn("nr_hugepages", self.refused("dpdk:net_null0"))
        self.assertIn("no such device", self.refused("-o", "--no-huge", "dpdk:net_nosuch0"))
        self.assertIn("dpdk-devbind.py", self.refused("-o", "--no-huge", "dpdk:0000:7f:1f.7"))
        done = self.network(CAPTURE_COUNT, "-o", "--no-huge --nonsense", "dpdk:net_null0",
                                check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("is not allowed for DPDK", done.stderr)


if __name__ == "__main__":
    unittest.main()
