#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The Debian package: built from this tree, checked by lintian, installed into a booted system, its
services run under systemd, upgraded, removed and purged there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import system
from system import System, run
from tree import copy_tree

TOP = Path(os.environ["SOURCE_ROOT"])
CAPTURE = TOP / "pcaps/udp-dns.pcap"
PACKETS = 12
SKIP = 77
CONFIG = """[meter]
interface = {source}
export = ipfix://127.0.0.1:4739
write = {file}
output = none
"""


def build(place):
    """Builds the packages; returns the paths of those that are installed. The one for developers needs
    as many others as a compiler does."""
    tree = place / "tree"
    copy_tree(TOP, tree)
    run("dpkg-buildpackage", "-b", "-us", "-uc", cwd=tree, timeout=800,
        env={**os.environ, "CCACHE_DISABLE": "1", "DEB_BUILD_OPTIONS": "nocheck noautodbgsym",
             "DPKG_DEB_COMPRESSOR_LEVEL": "1"})
    return [p for p in place.glob("*.deb") if not re.search("dbgsym|-dev_", p.name)]


def newer(package, place):
    """The same package with a later version."""
    tree = place / "newer" / package.name
    tree.parent.mkdir(exist_ok=True)
    run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)(^Version: .*|\bspanflow \(= [^)]*)", r"\1+next",
                              control.read_text()))
    run("dpkg-deb", "--root-owner-group", "--build", tree, tree.with_suffix(".next.deb"))
    return tree.with_suffix(".next.deb")


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.place = Path(place.name)
        cls.packages = build(cls.place)
        try:
            lower = system.base(cls.packages)
        except AssertionError as why:
            print(f"skipped: no system can be made: {str(why)[-300:]}")
            sys.exit(SKIP)
        cls.system = System(lower, cls.place)
        cls.addClassCleanup(cls.system.stop)
        cls.system.boot()

    def show(self, unit, name):
        return self.system("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def wait_for(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail(f"{what}:\n{self.journal()[-3000:]}")
            time.sleep(0.2)

    def journal(self, unit="spanflow"):
        return self.system("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout

    def write(self, path, text):
        path = self.system.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def configure(self, source, name="spanflow", file="flows.ipfix", more=""):
        self.write(f"etc/spanflow/{name}.conf", CONFIG.format(source=source, file=file) + more)

    def send(self):
        self.system.network("tcpreplay", "--quiet", "-i", "src1", CAPTURE)
        time.sleep(0.5)

    def metered(self, unit="spanflow"):
        """Packets of the runs that have ended, by their statistics in the journal."""
        return list(map(int, re.findall(r"(\d+) packets metered", self.journal(unit))))

    def check_unit(self, unit):
        self.assertEqual(self.system("systemctl", "is-active", unit, check=False).stdout.strip(),
                         "active", self.journal(unit))

    def try_source(self, source, more=""):
        """A run of the service on this source: started, all packets metered, stopped."""
        with self.subTest(source=source):
            before = len(self.metered())
            self.configure(source, file=f"{len(self.journal())}.ipfix", more=more)
            self.system("systemctl", "restart", "spanflow", check=False)
            self.check_unit("spanflow")
            self.send()
            self.system("systemctl", "stop", "spanflow")
            self.assertEqual(self.metered()[before:][-1:], [PACKETS], self.journal())

    def test_1_lintian(self):
        if not shutil.which("lintian"):
            self.skipTest("no program lintian")
        changes = next(self.place.glob("*.changes"))
        run("lintian", "--allow-root", "--fail-on", "error,warning", changes)

    def test_2_installed_and_idle(self):
        for package in self.packages:
            shutil.copy(package, self.system.root / "opt")
        self.system("sh", "-c", "dpkg -i /opt/*.deb")
        self.assertIn("nologin", self.system("getent", "passwd", "spanflow").stdout)
        state = self.system("systemctl", "is-enabled", "spanflow", check=False).stdout.strip()
        self.assertEqual(state, "disabled")
        drivers = self.system("spanflow", "list", "drivers").stdout
        for driver in "file", "pcap", "xdp", "dpdk":
            self.assertRegex(drivers, rf"(?m)^{driver} .*: ready$")
        # nothing is named yet: that is a mistake of the configuration, told and not tried again
        self.system("systemctl", "start", "spanflow", check=False)
        self.assertEqual(self.show("spanflow", "ActiveState"), "failed")
        self.assertEqual(self.show("spanflow", "NRestarts"), "0")

    def test_3_runs(self):
        self.system("ip", "link", "set", "lo", "up")
        self.system("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "src1")
        for name in "eth1", "src1":
            self.system("ip", "link", "set", name, "addrgenmode", "none", "up")
        self.configure("eth1")
        self.system("systemctl", "enable", "--now", "spanflow")
        self.check_unit("spanflow")
        self.assertEqual(self.show("spanflow", "NotifyAccess"), "main")
        self.assertIn("metering eth1", self.show("spanflow", "StatusText"))
        main = self.show("spanflow", "MainPID")
        self.send()
        self.system("systemctl", "reload", "spanflow")
        time.sleep(0.5)
        self.check_unit("spanflow")
        self.assertEqual(self.show("spanflow", "MainPID"), main)
        self.configure("eth1", file="second.ipfix")
        self.system("systemctl", "restart", "spanflow")
        self.check_unit("spanflow")
        self.assertNotEqual(self.show("spanflow", "MainPID"), main)
        self.assertEqual(self.metered(), [PACKETS])
        flows = self.system("spanflow", "show", "/var/lib/spanflow/flows.ipfix", "-o", "csv").stdout
        self.assertEqual(len(flows.splitlines()), PACKETS + 1)
        owner = self.system("stat", "-c", "%U", "/var/lib/spanflow/flows.ipfix").stdout.strip()
        self.assertEqual(owner, "spanflow")

    def test_4_comes_back(self):
        """Killed, or hanging: it is started again."""
        self.write("etc/systemd/system/spanflow.service.d/test.conf",
                   "[Service]\nRestartSec=100ms\nWatchdogSec=1s\n")
        self.write("etc/systemd/system/spanflow.service.d/keep-files.conf",
                   (TOP / "packaging/systemd/keep-files.conf").read_text())
        self.system("systemctl", "daemon-reload")
        self.configure("eth1", file="same.ipfix")
        for signal in "KILL", "STOP":
            self.system("systemctl", "restart", "spanflow")
            self.check_unit("spanflow")
            main = self.show("spanflow", "MainPID")
            time.sleep(1.1)
            self.system("sh", "-c", f"kill -{signal} {main}")
            self.wait_for(lambda: self.show("spanflow", "ActiveState") == "active"
                          and self.show("spanflow", "MainPID") not in (main, "0"),
                          f"does not come back after SIG{signal}")
        old = list((self.system.root / "var/lib/spanflow/old").glob("*-same.ipfix"))
        self.assertGreaterEqual(len(old), 3, self.journal())
        for name in "test.conf", "keep-files.conf":
            (self.system.root / "etc/systemd/system/spanflow.service.d" / name).unlink()
        self.system("systemctl", "daemon-reload")

    def test_5_other_drivers(self):
        """And the metrics, which are a module like DPDK's driver."""
        self.try_source("pcap:eth1", more="metrics = 127.0.0.1:9469\n")
        self.assertIn("metrics at http://127.0.0.1:9469/metrics", self.journal())
        self.try_source("xdp:eth1")
        self.write("etc/systemd/system/spanflow.service.d/dpdk.conf",
                   (TOP / "packaging/systemd/dpdk.conf").read_text())
        self.system("systemctl", "daemon-reload")
        self.try_source("dpdk:net_af_packet0,iface=eth1",
                        more="driver-options = --no-huge -m 256\n")
        (self.system.root / "etc/systemd/system/spanflow.service.d/dpdk.conf").unlink()
        self.system("systemctl", "daemon-reload")

    def test_6_instances(self):
        self.configure("eth1", file="main.ipfix")
        self.configure("src1", name="uplink")
        self.system("systemctl", "start", "spanflow", "spanflow@uplink")
        self.check_unit("spanflow")
        self.check_unit("spanflow@uplink")
        self.assertTrue((self.system.root / "var/lib/spanflow/uplink/flows.ipfix").exists())

    def test_7_hardening(self):
        text = self.system("systemd-analyze", "security", "--no-pager", "spanflow").stdout
        score = re.search(r"Overall exposure level for spanflow.service: ([0-9.]+)", text).group(1)
        documented = (TOP / "docs/service.md").read_text()
        named = re.search(r"exposure level ([0-9.]+)", documented).group(1)
        self.assertLessEqual(float(score), float(named), text)

    def test_8_upgraded(self):
        pids = [self.show(unit, "MainPID") for unit in ("spanflow", "spanflow@uplink")]
        self.configure("eth1", file="upgraded.ipfix")
        self.configure("src1", name="uplink", file="upgraded.ipfix")
        config = (self.system.root / "etc/spanflow/spanflow.conf").read_text()
        (self.system.root / "opt/next").mkdir()
        for package in self.packages:
            shutil.copy(newer(package, self.place), self.system.root / "opt/next")
        self.system("sh", "-c", "dpkg -i /opt/next/*.deb")
        self.assertIn("+next", self.system("dpkg-query", "-Wf", "${Version}", "spanflow").stdout)
        for unit, pid in zip(("spanflow", "spanflow@uplink"), pids):
            self.check_unit(unit)
            self.assertNotEqual(self.show(unit, "MainPID"), pid)
        self.assertEqual((self.system.root / "etc/spanflow/spanflow.conf").read_text(), config)

    def test_9_removed(self):
        before = len(self.metered())
        self.system("dpkg", "--remove", "spanflow-dpdk", "spanflow-kafka", "spanflow-ndpi", "spanflow")
        self.assertEqual(len(self.metered()), before + 1)
        for unit in "spanflow", "spanflow@uplink":
            self.assertEqual(self.show(unit, "MainPID"), "0")
        self.assertTrue((self.system.root / "etc/spanflow/spanflow.conf").exists())
        (self.system.root / "etc/spanflow/uplink.conf").unlink()
        self.system("dpkg", "--purge", "spanflow-dpdk", "spanflow-kafka", "spanflow-ndpi", "spanflow")
        self.assertFalse((self.system.root / "etc/spanflow").exists())
        self.assertFalse((self.system.root / "usr/bin/spanflow").exists())
        # flow records are the administrator's
        self.assertTrue(list((self.system.root / "var/lib/spanflow/old").glob("*-flows.ipfix")))


if __name__ == "__main__":
    reason = system.missing_tool()
    lacking = None if reason else subprocess.run(["dpkg-checkbuilddeps", TOP / "debian/control"],
                                                 capture_output=True, text=True)
    if lacking and lacking.returncode:
        reason = lacking.stderr.strip()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    unittest.main(failfast=True)
