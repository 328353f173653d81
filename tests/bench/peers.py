# SPDX-License-Identifier: BSD-2-Clause
"""Other flow meters, as Debian packages them, run on the same files with settings that suit each.

Each peer is a class with the binaries it needs, the timed command, and how its totals are read:
from its own files, or from what a decoding sink received.
"""
import os
import re
import shutil

from bench import Mismatch, Run, Sink, Skip, warm_memory


class Peer:
    needs = ()
    package = ""
    udp = False

    def __init__(self, bench):
        self.bench = bench
        for name in self.needs:
            if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
                raise Skip("%s is not installed (Debian package %s)" % (name, self.package))
        self.work = os.path.join(bench.folder, "peer-" + type(self).__name__.lower())

    def program(self):
        return shutil.which(self.needs[0], path=os.environ["PATH"] + ":/usr/sbin:/sbin")

    def prepare(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)

    def run(self, path, decode=False):
        self.prepare()
        warm_memory(1 << 30)
        with Sink(self.bench.sink, "decode" if decode else "") as sink:
            run = Run(self.command(path, sink.port))
        run.sink = sink.result
        return run.check()

    def check(self, path, truth):
        """Runs once for its totals; returns its number of records and CPU seconds."""
        run = self.run(path, decode=self.udp)
        records, packets, octets = self.totals(run)
        if packets != truth["packets"] or octets not in (
                truth["octets"], truth["frameBytes"] if self.counts_frames else -1):
            raise Mismatch("%s on %s: %d packets, %d octets" % (
                type(self).__name__, path, packets, octets))
        return records, run.cpu

    counts_frames = False

    def totals(self, run):
        return run.sink["records"], run.sink["packets"], run.sink["flowOctets"]


class Softflowd(Peer):
    needs, package, udp = ("softflowd",), "softflowd", True
    counts_frames = True  # it counts Ethernet padding of 64-byte frames, if there is any

    def command(self, path, port):
        return [self.program(), "-d", "-r", path, "-n", "127.0.0.1:%d" % port, "-v", "9",
                "-m", "4000000", "-p", os.path.join(self.work, "pid"), "-c", "none"]


class Nfpcapd(Peer):
    needs, package = ("nfpcapd",), "nfdump"

    def command(self, path, port):
        return [self.program(), "-r", path, "-w", self.work, "-e", "300,130"]

    def totals(self, run):
        sums = [0, 0, 0]
        for row in re.findall(r"Flows: (\d+), Packets: (\d+), Bytes: (\d+)",
                              run.stdout + run.stderr):
            sums = [total + int(value) for total, value in zip(sums, row)]
        return sums


class Pmacctd(Peer):
    needs, package, udp = ("pmacctd",), "pmacct", True

    def command(self, path, port):
        conf = os.path.join(self.work, "pmacctd.conf")
        with open(conf, "w") as f:
            f.write("daemonize: false\nplugins: nfprobe\n"
                    "nfprobe_receiver: 127.0.0.1:%d\nnfprobe_version: 10\n"
                    "nfprobe_timeouts: expint=1:maxlife=604800\n"
                    "plugin_pipe_size: 1073741824\nplugin_buffer_size: 65536\n"
                    "aggregate: src_host, dst_host, src_port, dst_port, proto, tos\n" % port)
        return [self.program(), "-f", conf, "-I", path]


class Argus(Peer):
    needs, package = ("argus", "racount"), "argus-server, argus-client"
    counts_frames = True  # layer-2 octets

    def command(self, path, port):
        return [self.program(), "-X", "-S", "300", "-r", path, "-w",
                os.path.join(self.work, "out")]

    def totals(self, run):
        count = Run(["racount", "-r", os.path.join(self.work, "out")]).check()
        row = re.search(r"sum\s+(\d+)\s+(\d+)\s+\d+\s+\d+\s+(\d+)", count.stdout)
        if not row:
            raise Mismatch("racount said %r" % count.stdout)
        # one management record is not a flow
        return int(row[1]) - 1, int(row[2]), int(row[3])


ALL = {"softflowd": Softflowd, "nfpcapd": Nfpcapd, "pmacctd + nfprobe": Pmacctd, "argus": Argus}
