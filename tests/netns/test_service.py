#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a live run tells a service manager, out of its sandbox: a socket of this test stands in for
systemd's."""

import ctypes
import os
import signal
import socket
import time
import unittest

import netns
from netns import PCAPS, Tap, built, replay, source

netns.require("tcpreplay")


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
        raise OSError(ctypes.get_errno(), "setns")


class Service(Tap):
    def setUp(self):
        super().setUp()
        self.cable()

    def manager(self, name):
        """A bound socket, and the environment that names it. Abstract names belong to a network
        namespace: the socket is made in the one that the meter runs in."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.tap.name}") as tap:
            enter(tap)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            enter(home)
        listener.bind(name.replace("@", "\0", 1))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.settimeout(30)
        self.addCleanup(listener.close)
        return listener, {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"}

    def told(self, listener, process):
        """The lines of the next message, which the process that was started has sent itself."""
        text, control, _, _ = listener.recvmsg(4096, 1024)
        sender = next(int.from_bytes(data[:4], "little") for level, kind, data in control
                      if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS))
        self.assertEqual(sender, process.pid)
        return text.decode().split("\n")

    def wait_for(self, listener, process, begin):
        """The message that has a line which begins so, and how many WATCHDOG=1 came before it."""
        alive = 0
        while True:
            lines = self.told(listener, process)
            if any(line.startswith(begin) for line in lines):
                return lines, alive
            alive += lines == ["WATCHDOG=1"]

    def check(self, driver, name, later):
        listener, env = self.manager(name)
        process = self.live(self.tap, *source(driver, "rx0"), "-o", "none", env=env)
        lines, _ = self.wait_for(listener, process, "READY=1")
        self.assertEqual(lines[0], "READY=1")
        self.assertRegex(lines[1], "^STATUS=metering .*rx0")
        replay(self.sender, "tx0", PCAPS / "udp-dns.pcap", "--topspeed")
        if later:
            # the first status tells of the first second; the next one comes ten seconds later
            self.wait_for(listener, process, "STATUS=metering")
            lines, alive = self.wait_for(listener, process, "STATUS=metering")
            self.assertRegex(lines[0], r"rx0: 12 packets seen, 0 dropped before that, \d+ flows")
            self.assertGreaterEqual(alive, 10)
        else:
            self.wait_for(listener, process, "WATCHDOG=1")
            time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        lines, _ = self.wait_for(listener, process, "STOPPING=1")
        self.assertEqual(self.ended(process).stats["frames"], 12)

    def test_path(self):
        self.check("pcap", str(self.directory / "notify"), later=True)

    def test_abstract_name(self):
        self.check("xdp" if built("xdp") else "pcap", "@spanflow-test-service", later=False)

    def test_no_manager(self):
        env = {**os.environ, "NOTIFY_SOCKET": "/proc/nonexistent/notify"}
        process = self.live(self.tap, "-i", "rx0", "-o", "none", env=env)
        self.ready(process)
        time.sleep(0.5)
        self.assertIn("NOTIFY_SOCKET=/proc/nonexistent/notify", self.stop(process).stderr)


if __name__ == "__main__":
    unittest.main()
