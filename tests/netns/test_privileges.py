#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Privileges are separated (docs/design.md §10): what the metering process has left, and what the monitor
still does for it. On veth pairs in network namespaces; needs root."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

import netns
from netns import Case, Namespace, built, run, source
from support import SPANFLOW, wait_until

netns.require()

# LeakSanitizer stops its process with ptrace, which the sandbox forbids
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


def status(pid):
    """The fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


def children(pid):
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def gone(pid):
    try:
        return status(pid)["State"][0] == "Z"
    except FileNotFoundError:
        return True


class Separated(Case):
    queues = 1

    def setUp(self):
        super().setUp()
        number = self.id()[-6:]
        self.outside, self.inside = Namespace("out" + number), Namespace("in" + number)
        self.addCleanup(self.outside.delete)
        self.addCleanup(self.inside.delete)
        self.cable()

    def cable(self):
        """The mirror port has GRO on when it gets its name, not only later."""
        queues = ("numrxqueues", self.queues, "numtxqueues", self.queues)
        run("ip", "link", "add", "host", "netns", self.outside.name, *queues, "type", "veth",
            "peer", "name", "new", "netns", self.inside.name, *queues)
        for namespace, interface in (self.outside, "host"), (self.inside, "new"):
            namespace.quiet(interface)
            namespace.plain(interface)
            namespace("ethtool", "-K", interface, "gro", "on")
        self.inside("ip", "link", "set", "new", "name", "mirror")
        for namespace, interface in (self.outside, "host"), (self.inside, "mirror"):
            namespace("ip", "link", "set", interface, "up")
        self.outside("ip", "addr", "add", "192.0.2.1/24", "dev", "host")
        self.outside("ip", "neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02",
                     "dev", "host")

    def gro(self):
        text = self.inside("ethtool", "-k", "mirror").stdout
        return "generic-receive-offload: on" in text

    def rename(self, name, to):
        """Down meanwhile, as kernels before 6.2 want it."""
        for change in (name, "down"), (name, "name", to), (to, "up"):
            self.inside("ip", "link", "set", *change)

    def send(self, port, count=5):
        """Datagrams to an address that is nobody's, so that nothing answers."""
        code = ("import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
                f"for i in range({count}): s.sendto(b'x'*20,('192.0.2.2',{port})); "
                "time.sleep(0.01)")
        self.outside(sys.executable, "-c", code)

    def begin(self, driver, *options):
        """Returns when it meters."""
        return self.metering(*source(driver, "mirror"), "-o", "json", *options)

    def metering(self, *arguments):
        process = self.live(self.inside, *arguments, env=ENVIRONMENT)

        def metering():
            if process.poll() is not None:
                raise AssertionError(self.output(process))
            fields = status(process.pid)
            # the worker threads are what comes last
            return (fields["Name"] == ["spanflow"] and fields["Seccomp"] == ["2"]
                    and int(fields["Threads"][0]) > 1)

        wait_until(metering, "metering")
        self.monitor = children(process.pid)
        self.assertEqual(len(self.monitor), 1)
        return process

    def end(self, process):
        self.taken(process)
        process.send_signal(signal.SIGINT)
        done = self.ended(process)
        self.assertTrue(all(map(gone, self.monitor)))
        self.assertEqual(done.stats["ended"], "SIGINT")
        return done

    @staticmethod
    def packets_to(done, port):
        return sum(r["packetDeltaCount"] for r in done.records
                   if r.get("destinationTransportPort") == port)

    def check_confined(self, process):
        """All threads, and the monitor."""
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            fields = status(task.name)
            self.assertEqual(fields["Uid"], ["65534"] * 4, fields)
            self.assertEqual(fields["Gid"], ["65534"] * 4, fields)
            self.assertEqual(fields["Groups"], [])
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(fields[name][0], 16), 0, (name, fields))
            self.assertEqual(fields["NoNewPrivs"], ["1"])
            self.assertEqual(fields["Seccomp"], ["2"])
        self.assertEqual(int(status(process.pid)["CapBnd"][0], 16), 0)
        self.assertEqual(len(self.monitor), 1)
        fields = status(self.monitor[0])
        self.assertEqual(fields["NoNewPrivs"] + fields["Seccomp"], ["1", "2"])
        # of all capabilities at most those of capturing: NET_ADMIN, NET_RAW, IPC_LOCK, PERFMON, BPF
        self.assertEqual(int(fields["CapEff"][0], 16) & ~0xC000007000, 0)
        self.assertEqual(int(fields["CapBnd"][0], 16), 0)
        # nothing of the run is open in it: no output, no collector
        open_files = {os.readlink(f"/proc/{self.monitor[0]}/fd/{fd}").split(":")[0]
                      for fd in os.listdir(f"/proc/{self.monitor[0]}/fd")}
        self.assertLessEqual(open_files, {"/dev/null", "socket", "anon_inode"})

    def check_resumes(self, driver, *options):
        if not built(driver):
            self.skipTest(f"no driver {driver}")
        process = self.begin(driver, "--user", "nobody", *options)
        self.check_confined(process)
        self.assertFalse(self.gro())
        self.send(7001)
        self.inside("ip", "link", "del", "mirror")
        wait_until(lambda: "is gone" in self.output(process), "notice of the lost interface")
        self.cable()
        wait_until(lambda: "packets can come again" in self.output(process), "its return")
        wait_until(lambda: not self.gro(), "GRO to be off again")
        self.send(7002)
        done = self.end(process)
        self.assertEqual((self.packets_to(done, 7001), self.packets_to(done, 7002)), (5, 5))
        self.assertTrue(self.gro(), "GRO was on before and is to be on again")
        sandbox = done.stats["sandbox"]
        self.assertEqual(sandbox["user"], "nobody")
        for layer in ("monitor", "capabilitiesDropped", "noNewPrivs", "seccomp"):
            self.assertIs(sandbox[layer], True, layer)


    def promiscuity(self):
        return json.loads(self.inside("ip", "-j", "-d", "link", "show", "mirror").stdout)[0][
            "promiscuity"]

    def check_dpdk_returns(self):
        """A DPDK device over an interface that is deleted and made again."""
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        # its user may lock 8 MiB where root cannot raise the limit
        process = self.metering("-i", "dpdk:net_af_packet0,iface=mirror,framecnt=256,blocksz=4096,"
                                f"framesz=2048,qpairs={self.queues}", "--workers", self.queues,
                                "--driver-options", "--no-huge -m 256", "-o", "json")
        self.send(7001)
        for times, port in (1, 7002), (2, 7003):
            self.inside("ip", "link", "del", "mirror")
            wait_until(lambda n=times: self.output(process).count("mirror is gone") == n,
                       "word of the loss")
            self.cable()
            wait_until(lambda n=times: self.output(process).count("can come again") == n,
                       "its return")
            self.assertEqual(self.promiscuity(), 1)
            self.send(port)
        done = self.end(process)
        self.assertEqual([self.packets_to(done, port) for port in (7001, 7002, 7003)], [5, 5, 5])
        self.assertEqual(self.promiscuity(), 0)


class OneQueue(Separated):
    def test_dpdk_returns(self):
        self.check_dpdk_returns()

    def test_pcap(self):
        self.check_resumes("pcap")

    def test_xdp(self):
        self.check_resumes("xdp")

    def test_killed(self):
        """Nothing runs at the end of the metering process: the monitor cleans up after it."""
        for driver in filter(built, ("pcap", "xdp")):
            process = self.begin(driver)
            self.assertFalse(self.gro())
            process.kill()
            process.wait()
            wait_until(self.gro, "GRO to be restored")
            wait_until(lambda: all(map(gone, self.monitor)), "the monitor to end")
            self.assertNotIn("xdp", self.inside("ip", "-d", "link", "show", "mirror").stdout)

    def test_renamed(self):
        """The monitor cleans up after an interface that has another name by then."""
        for driver in filter(built, ("pcap", "xdp")):
            process = self.begin(driver)
            self.assertFalse(self.gro())
            self.rename("mirror", "other")
            wait_until(lambda: "is gone" in self.output(process), "notice of the lost name")
            self.end(process)
            self.rename("other", "mirror")
            self.assertTrue(self.gro(), driver)

    def test_monitor_lost(self):
        """Without the monitor metering goes on, and that is said once."""
        process = self.begin("pcap")
        os.kill(self.monitor[0], signal.SIGKILL)
        self.send(7001)
        wait_until(lambda: f"the monitor (process {self.monitor[0]}) has ended"
                   in self.output(process), "word of its end")
        time.sleep(1.2)
        self.assertEqual(self.output(process).count("has ended"), 1)
        done = self.end(process)
        self.assertEqual(self.packets_to(done, 7001), 5)
        self.assertIs(done.stats["sandbox"]["monitor"], False)

    def test_monitor_stopped(self):
        """Nobody waits for ever; what was changed is put back when it goes on."""
        process = self.begin("pcap")
        os.kill(self.monitor[0], signal.SIGSTOP)
        self.send(7001)
        self.taken(process)
        # the monitor is stopped until the run has ended
        process.send_signal(signal.SIGINT)
        done = self.ended(process)
        self.assertEqual(self.packets_to(done, 7001), 5)
        self.assertIn(f"the monitor (process {self.monitor[0]}) does not end", done.stderr)
        self.assertFalse(self.gro())
        os.kill(self.monitor[0], signal.SIGCONT)
        wait_until(self.gro, "GRO to be restored")
        wait_until(lambda: all(map(gone, self.monitor)), "the monitor to end")

    def test_return_while_stopped(self):
        """An interface that is back is not opened while the monitor does not answer."""
        process = self.begin("pcap")
        self.inside("ip", "link", "del", "mirror")
        wait_until(lambda: "is gone" in self.output(process), "notice of the lost interface")
        os.kill(self.monitor[0], signal.SIGSTOP)
        self.cable()
        wait_until(lambda: "the monitor does not answer" in self.output(process), "word of it")
        os.kill(self.monitor[0], signal.SIGCONT)
        wait_until(lambda: "packets can come again" in self.output(process), "its return")
        self.send(7001)
        self.assertEqual(self.packets_to(self.end(process), 7001), 5)

    def test_signals_do_not_end_the_monitor(self):
        process = self.begin("pcap")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(self.monitor[0], number)
        time.sleep(0.2)
        self.assertFalse(gone(self.monitor[0]))
        self.end(process)
        self.assertTrue(self.gro())

    def test_output_file(self):
        """What was opened before goes on working, in a directory that is closed to the user."""
        path = self.directory / "flows.ipfix"
        self.assertEqual(os.stat(self.directory).st_mode & 0o77, 0)
        process = self.begin("pcap", "-w", path)
        self.send(7001)
        self.end(process)
        shown = run(SPANFLOW, "show", path, "-o", "json").stdout
        self.assertEqual(sum(json.loads(line)["packetDeltaCount"] for line in shown.splitlines()
                             if '"destinationTransportPort":7001' in line), 5)

    def test_dpdk(self):
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        process = self.begin("dpdk")
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            fields = status(task.name)
            self.assertEqual(fields["Uid"], ["65534"] * 4, fields)
            self.assertEqual(int(fields["CapEff"][0], 16), 0)
            self.assertEqual(fields["NoNewPrivs"] + fields["Seccomp"], ["1", "2"])
        self.send(7001)
        self.assertEqual(self.packets_to(self.end(process), 7001), 5)

    def test_dpdk_gone(self):
        """An interface that does not come back does not hold up the end."""
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        process = self.begin("dpdk")
        self.send(7001)
        self.inside("ip", "link", "del", "mirror")
        wait_until(lambda: "mirror is gone" in self.output(process), "word of the loss")
        self.assertEqual(self.packets_to(self.end(process), 7001), 5)

    def test_dpdk_puts_back(self):
        """Promiscuous mode and XDP programs that DPDK's own drivers would leave behind."""
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        for device in "net_af_packet0,iface=mirror,framecnt=256", "net_af_xdp0,iface=mirror":
            for signal_number in signal.SIGINT, signal.SIGKILL:
                process = self.live(self.inside, "-i", f"dpdk:{device}", "-o", "none",
                                    "--driver-options", "--no-huge -m 256", env=ENVIRONMENT)
                self.ready(process)
                self.monitor = children(process.pid)
                self.assertEqual(self.promiscuity(), 1)
                process.send_signal(signal_number)
                process.wait()
                wait_until(lambda: all(map(gone, self.monitor)), "the monitor to end")
                shown = self.inside("ip", "-d", "link", "show", "mirror").stdout
                self.assertEqual(self.promiscuity(), 0, device)
                self.assertNotIn("PROMISC", shown)
                self.assertNotIn("xdp", shown, device)

    def test_dpdk_keeps_flags(self):
        """Promiscuous mode that somebody else has set is that of somebody else."""
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        self.inside("ip", "link", "set", "mirror", "promisc", "on")
        process = self.begin("dpdk")
        self.assertEqual(self.promiscuity(), 2)
        self.end(process)
        self.assertEqual(self.promiscuity(), 1)

    def test_dpdk_not_promiscuous(self):
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        process = self.begin("dpdk", "--no-promiscuous")
        self.assertEqual(self.promiscuity(), 0)
        self.end(process)

    def test_dpdk_losses(self):
        """What the rings of net_af_packet could not take is known, and told."""
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        process = self.metering("-i", "dpdk:net_af_packet0,iface=mirror,blocksz=4096,"
                                "framesz=2048,framecnt=4", "--driver-options",
                                "--no-huge -m 256", "-o", "none")
        process.send_signal(signal.SIGSTOP)
        self.send(7001, 200)
        process.send_signal(signal.SIGCONT)
        time.sleep(1)
        done = self.end(process)
        total = self.inside("ip", "-j", "-s", "link", "show", "mirror")
        received = json.loads(total.stdout)[0]["stats64"]["rx"]["packets"]
        self.assertGreater(done.stats["dropped"]["kernel"], 100)
        self.assertEqual(done.stats["frames"] + done.stats["dropped"]["kernel"], received)

    def test_without_sandbox(self):
        process = self.live(self.inside, "-i", "mirror", "--no-sandbox", "-o", "none",
                            "--duration", "2")
        time.sleep(1)
        self.assertEqual(status(process.pid)["Uid"][0], "0")
        self.assertEqual(children(process.pid), [])
        self.assertNotIn("sandbox", self.ended(process).stats)

    def test_unknown_user(self):
        done = run(SPANFLOW, "meter", "-i", "lo", "--user", "nobody-like-that", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nobody-like-that", done.stderr)


class Capabilities(Separated):
    """Not root, but with the capabilities for capturing: no monitor, the drivers use them."""
    RIGHTS = "-all,+net_admin,+net_raw,+ipc_lock,+perfmon,+bpf"
    BEFORE = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
              f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}")

    def check_comes_back(self, driver):
        if not built(driver):
            self.skipTest(f"no driver {driver}")
        if run(*self.BEFORE, SPANFLOW, "--version", check=False).returncode:
            self.skipTest("this build lies where nobody may not go")
        process = self.live(self.inside, *source(driver, "mirror"), "-o", "json",
                            before=self.BEFORE, env=ENVIRONMENT)
        self.ready(process)
        wait_until(lambda: status(process.pid)["Seccomp"] == ["2"], "the system call filter")
        self.assertEqual(children(process.pid), [])
        if driver == "xdp" and "Landlock" in self.output(process):
            self.skipTest("an XDP source does not come back without Landlock")
        self.send(7001)
        self.inside("ip", "link", "del", "mirror")
        wait_until(lambda: "is gone" in self.output(process), "notice of the lost interface")
        self.cable()
        wait_until(lambda: "packets can come again" in self.output(process), "its return")
        self.send(7002)
        done = self.stop(process)
        self.assertEqual((self.packets_to(done, 7001), self.packets_to(done, 7002)), (5, 5))
        sandbox = done.stats["sandbox"]
        for layer in ("noNewPrivs", "seccomp"):
            self.assertIs(sandbox[layer], True, layer)
        for layer in ("monitor", "capabilitiesDropped"):
            self.assertIs(sandbox[layer], False, layer)

    def test_pcap(self):
        self.check_comes_back("pcap")

    def test_xdp(self):
        self.check_comes_back("xdp")


class FileCapabilities(Case):
    """A program with setcap runs no code of its user, however that is named."""
    NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    DEVICE = ("meter", "-i", "dpdk:net_null0", "-o", "none", "-c", "1000", "--stats", "none")
    EVIL = """
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void)
{
	close(open("%s", O_CREAT | O_WRONLY, 0600));
}
"""

    def setUp(self):
        super().setUp()
        if not built("dpdk"):
            self.skipTest("no driver dpdk")
        for tool in "setcap", "cc", "setpriv":
            if not shutil.which(tool):
                self.skipTest(f"no program '{tool}'")
        # DPDK takes no plugin below a directory that everybody may write to; a short name, see below
        self.place = Path(tempfile.mkdtemp(prefix="sf", dir="/"))
        self.addCleanup(shutil.rmtree, self.place)
        os.chmod(self.place, 0o755)
        self.program = shutil.copy(SPANFLOW, self.place)
        self.install()
        self.give_rights()
        self.home = self.place / "home"
        self.home.mkdir(mode=0o755)
        self.proof, self.evil = self.home / "proof", self.home / "evil.so"
        source = self.place / "evil.c"
        source.write_text(self.EVIL % self.proof)
        run("cc", "-shared", "-fPIC", "-o", self.evil, source)
        shutil.chown(self.home, 65534, 65534)
        if self.nobody("--version").returncode:
            self.skipTest("no file capabilities here")

    def give_rights(self):
        run("setcap", "cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock+ep",
            self.program)

    def install(self):
        """The module lies in the place that the program has an absolute path of (DT_RUNPATH)."""
        module = next(parent for parent in Path(SPANFLOW).absolute().parents
                      if list(parent.glob("spanflow-dpdk-*.so")))
        for file in module.glob("spanflow-dpdk-*.so"):
            shutil.copy(file, self.place)
        data = Path(SPANFLOW).read_bytes()
        path = re.search(rb"\$ORIGIN[^\0]*:(/[^\0:]*)\0", data).group(1)
        place = str(self.place).encode()
        self.assertLessEqual(len(place), len(path))
        Path(self.program).write_bytes(
            data.replace(b":" + path + b"\0", b":" + place.ljust(len(path), b"/") + b"\0"))

    def nobody(self, *arguments, **environment):
        # not for setpriv itself
        environment["ASAN_OPTIONS"] = ENVIRONMENT["ASAN_OPTIONS"]
        return run(*self.NOBODY, "env", *(f"{name}={value}" for name, value in environment.items()),
                   self.program, *arguments, check=False)

    def test_works(self):
        done = self.nobody(*self.DEVICE, "--driver-options", "--no-huge -m 64")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_option(self):
        for option in f"-d {self.evil}", f"-d{self.evil}", f"-d {self.home}":
            done = self.nobody(*self.DEVICE, "--driver-options", f"--no-huge -m 64 {option}")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("is not allowed for DPDK; allowed: --no-huge", done.stderr)
            self.assertFalse(self.proof.exists())

    def test_configuration(self):
        config = self.home / "evil.conf"
        config.write_text(f"driver-options = --no-huge -m 64 -d {self.evil}\n")
        done = self.nobody(*self.DEVICE, "--config", config)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse(self.proof.exists())

    def test_devices(self):
        for device in ("net_pcap0,rx_pcap=/etc/passwd", f"net_af_xdp0,iface=lo,xdp_prog={self.evil}",
                       "net_tap0,remote=lo", "vdev:net_null0"):
            done = self.nobody("meter", "-i", f"dpdk:{device}", "-o", "none",
                               "--driver-options", "--no-huge -m 64")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("file capabilities", done.stderr)

    def test_environment(self):
        """DPDK takes its directory from the environment, other libraries take code from it."""
        done = self.nobody(*self.DEVICE, "--driver-options", "--no-huge -m 64",
                           LD_PRELOAD=self.evil, XDG_RUNTIME_DIR=self.home,
                           RDMAV_DRIVERS=self.evil)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(self.proof.exists())
        self.assertFalse((self.home / "dpdk").exists())

    def test_module_missing(self):
        """The words name what can work: the loader ignores LD_LIBRARY_PATH and $ORIGIN here."""
        for file in self.place.glob("spanflow-dpdk-*.so"):
            file.unlink()
        done = self.nobody(*self.DEVICE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a program with file capabilities or setuid looks for it in", done.stderr)
        self.assertNotIn("LD_LIBRARY_PATH", done.stderr)


class TwoQueues(Separated):
    """All sockets of a fanout group, or of an XDP program, are made anew: by the monitor."""
    queues = 2

    def test_pcap(self):
        self.check_resumes("pcap", "--workers", "2")

    def test_xdp(self):
        self.check_resumes("xdp", "--workers", "2")

    def test_dpdk(self):
        self.check_dpdk_returns()


class Files(Separated):
    def test_files_are_made_in_the_sandbox(self):
        """A series of files, their command, and a file that is moved away: as the user of the run."""
        os.chmod(self.directory, 0o777)
        command = self.directory / "command"
        command.write_text('#!/bin/sh\nid -un >> "$1"; cat /proc/self/status >> "$1.status"\n')
        command.chmod(0o755)
        plain = self.directory / "plain.ipfix"
        process = self.live(
            self.inside, "-i", "mirror", "-w", f"{self.directory}/new/%F/%H%M%S.ipfix,rotate=1s,keep=1h",
            "-w", plain, "--user", "nobody", "--on-file", f"{command} {self.directory}/log;:",
            env=ENVIRONMENT)
        self.ready(process)
        self.send(7001)
        plain.rename(self.directory / "moved.ipfix")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: plain.exists(), "the file to be made again")
        self.send(7002)
        wait_until(lambda: len(list((self.directory / "new").glob("*/[0-9]*"))) > 1, "two files")
        process.send_signal(signal.SIGINT)
        done = self.ended(process)
        self.assertIn("output files are begun anew", done.stderr)
        files = list((self.directory / "new").glob("*/*"))
        self.assertEqual(done.stats["onFile"], {"run": len(files) + 1, "failed": 0, "notRun": 0})
        self.assertEqual(set((self.directory / "log").read_text().split()), {"nobody"})
        self.assertNotIn("NoNewPrivs:\t0", (self.directory / "log.status").read_text())
        total = sum(json.loads(run(SPANFLOW, "show", "-o", "none", "--stats", "json", file).stderr)
                    ["packets"] for file in files)
        self.assertEqual(total, done.stats["metered"]["packets"])
        for path in files:
            self.assertEqual(path.stat().st_uid, 65534)

    def test_directory_of_another_user_is_refused(self):
        os.chmod(self.directory, 0o755)
        process = self.live(self.inside, "-i", "mirror", "-w", f"{self.directory}/%H.ipfix", "--user",
                            "nobody", env=ENVIRONMENT)
        self.assertEqual(process.wait(10), 1)
        self.assertIn(f"-w: user nobody cannot make files in {self.directory}: Permission denied",
                      self.output(process))


if __name__ == "__main__":
    unittest.main()
