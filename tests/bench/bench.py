# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmark scripts share: the files they measure on, measured processes, the sink.

CPU time is user + system time of the whole process and its waited-for children, as the kernel
accounts it. Every figure is kept with the totals it was made with: a run whose totals are not
those of the file's truth raises Mismatch, and no rate comes of it.
"""
import datetime
import hashlib
import itertools
import json
import mmap
import os
import platform
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

PEERS = "span=120 protocol=mixed packets=2000000"

# name: options of the generator. 64-byte packets are 60 captured octets; times of a file lie
# within 12 s (nothing expires before the end) unless the file says otherwise.
FILES = {
    "1k": "flows=1000 packets=4000000",
    "100k": "flows=100000 packets=4000000",
    "1M": "flows=1000000 packets=4000000",
    "5M": "flows=5000000 packets=10000000",
    "10M": "flows=10000000 packets=20000000",
    "zipf": "flows=1000000 packets=4000000 order=zipf",
    "one flow": "flows=1 packets=4000000",
    "all new": "flows=4000000 packets=4000000",
    "1M IPv6": "flows=1000000 packets=4000000 family=6 size=74",
    "1M VLAN": "flows=1000000 packets=4000000 tags=1 size=64",
    "512 B": "flows=1000 packets=1000000 size=512",
    "1514 B": "flows=1000 packets=500000 size=1514",
    "xor": "flows=1000000 packets=4000000 keys=xor",
    "A": "flows=1000 size=64-1500 " + PEERS,
    "B": "flows=1000000 size=64 " + PEERS,
    "both ways": "flows=1000000 packets=2000000 answers=yes",
    "both ways, IPv6": "flows=1000000 packets=2000000 answers=yes family=6 size=74",
    "veth": "flows=100000 packets=800000",
    "idle": "flows=10000000 packets=30000000 span=30",
}

# No flow of A and B ends before the file does.
PEERS_TIMEOUTS = ["--active-timeout", "300", "--idle-timeout", "130"]


class Mismatch(Exception):
    """Totals that are not those of the file."""


class Skip(Exception):
    """Why something cannot be measured here."""


def median(values):
    return statistics.median(values)


class Run:
    """A finished process: cpu and wall in seconds, rss in octets, output as text.

    `during(process)` is called while it runs; what it returns is `seconds`.
    """

    def __init__(self, command, cwd=None, timeout=600, during=None):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.monotonic()
            process = subprocess.Popen(command, stdout=out, stderr=err, cwd=cwd,
                                       stdin=subprocess.DEVNULL)
            timer = None
            try:
                timer = _Deadline(process, timeout)
                if during:
                    self.seconds = during(process)
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                if timer:
                    timer.cancel()
            self.wall = time.monotonic() - start
            process.returncode = self.status = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            self.user, self.system = usage.ru_utime, usage.ru_stime
            self.rss = usage.ru_maxrss * 1024
            out.seek(0)
            err.seek(0)
            self.stdout = out.read().decode(errors="replace")
            self.stderr = err.read().decode(errors="replace")
            self.command = command

    def check(self):
        if self.status:
            raise Mismatch("%s: exit status %d: %s" % (
                " ".join(self.command), self.status, self.stderr.strip()[-500:]))
        return self


class _Deadline:
    def __init__(self, process, seconds):
        import threading
        self.timer = threading.Timer(seconds, process.kill)
        self.timer.start()

    def cancel(self):
        self.timer.cancel()


class Sink:
    """A counting collector on a free port, for the time of a `with`; mode: decode, gro."""

    def __init__(self, program, mode=""):
        self.command = [program] + ([mode] if mode else [])
        self.result = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.result = json.loads(self.process.stdout.readline() or "{}")
        self.process.wait()


class Bench:
    """Programs, the folder of the files, and how often everything is run."""

    def __init__(self, build, folder=None, runs=3):
        here = os.path.join(os.path.abspath(build), "tests", "bench")
        self.build = os.path.abspath(build)
        self.spanflow = self._program("src/cli/spanflow")
        self.generate = os.path.join(here, "generate")
        self.reader = os.path.join(here, "bench_reader")
        self.stages = os.path.join(here, "bench_stages")
        self.sink = os.path.join(here, "sink")
        self.collide = os.path.join(here, "collide")
        self.export = os.path.join(here, "bench_export")
        self.make_mixed = os.path.join(self.build, "tests", "support", "make_mixed")
        self.runs = runs
        self.made = []
        self.folder = folder or tempfile.mkdtemp(prefix="spanflow-bench-")
        self.temporary = folder is None
        self.written = os.path.join(self.folder, "records.ipfix")
        os.makedirs(self.folder, exist_ok=True)

    def _program(self, name):
        for path in (os.path.join(self.build, name),
                     os.path.join(self.build, os.path.basename(name))):
            if os.path.exists(path):
                return path
        return None

    def close(self):
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, name, options):
        """The capture file of these generator options, made once, and its truth."""
        tag = hashlib.sha256(options.encode()).hexdigest()[:8]
        path = os.path.join(self.folder, "%s-%s.pcap" % (name.replace(" ", "-"), tag))
        if not os.path.exists(path + ".json"):
            Run([self.generate, path] + options.split()).check()
            with open(path, "rb") as f:  # nothing of it is written back while we measure
                os.fsync(f.fileno())
        with open(path + ".json") as f:
            return path, json.load(f)

    def file(self, name):
        return self.mixed() if name == "C" else self.make(name, FILES[name])

    def mixed(self):
        """File C: TCP sessions over IPv4 and IPv6, VLAN and QinQ."""
        path = os.path.join(self.folder, "C.pcap")
        if not os.path.exists(path + ".json"):
            Run([self.make_mixed, path]).check()
        with open(path + ".json") as f:
            return path, json.load(f)

    def drop(self, path):
        """Gives back the room of a large file."""
        if self.temporary:
            for name in (path, path + ".json"):
                if os.path.exists(name):
                    os.unlink(name)

    def readers(self, path, truth, runs=None):
        """CPU seconds of the bare readers: {name: [seconds…]}."""
        run = Run([self.reader, path, str(runs or self.runs)]).check()
        seconds = {}
        for line in run.stdout.splitlines():
            row = json.loads(line)
            if (row["packets"], row["bytes"]) != (truth["packets"], truth["frameBytes"]):
                raise Mismatch("%s: %s" % (path, line))
            seconds.setdefault(row["reader"], []).append(row["cpu"])
        return seconds

    def meter(self, path, truth, output="udp", arguments=()):
        """One run of the whole program; its ledger and the sink must agree with the truth.

        `path` may be several files.
        """
        if not self.spanflow:
            raise Skip("spanflow is not built")
        warm_memory(truth["flows"] * 200)
        paths = [path] if isinstance(path, str) else path
        for one in paths:
            warm_file(one)
        base = [self.spanflow, "meter", *(a for one in paths for a in ("-r", one)), "--stats", "json",
                "--max-flows", str(max(truth["flows"], 1000)), *arguments]
        if output in ("udp", "gro"):
            with Sink(self.sink, "gro" if output == "gro" else "") as sink:
                run = Run(base + ["-e", "ipfix://127.0.0.1:%d,rate=0" % sink.port])
            run.sink = sink.result
        else:
            # the fields that go to collectors, not the richer ones of files
            run = Run(base + ["-w", output + ",profile=default", "--force"])
        stats = check_stats(run.check(), truth)
        if output in ("udp", "gro") and run.sink["datagrams"] + run.sink["dropped"] < \
                stats["collectors"][0].get("messages", 0):
            raise Mismatch("%s: sink got %r" % (path, run.sink))
        run.rate = truth["packets"] / run.cpu
        run.stats = stats
        return run

    def records(self, same_times=True):
        """What is in the file of records: a hash over them in no order, and seconds from first to
        last packet. Without `same_times` the hash leaves out what follows from when packets came.
        """
        lines = Run([self.spanflow, "show", "-o", "csv", self.written]).check().stdout.splitlines()
        names = lines.pop(0).split(",")
        fields = [name.startswith(("flowStart", "flowEndM", "flowId")) for name in names]
        rows = [line.split(",") for line in lines]
        start, end = (datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in (
            min(row[names.index("flowStartMilliseconds")] for row in rows),
            max(row[names.index("flowEndMilliseconds")] for row in rows)))
        if not same_times:
            lines = [",".join(itertools.compress(row, (not f for f in fields))) for row in rows]
        digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
        return digest, (end - start).total_seconds()


def check_stats(run, truth):
    """The ledger of a run closes and says what the truth of the file says."""
    stats = json.loads(run.stderr.strip().splitlines()[-1])
    destination = (stats["collectors"] + stats["outputs"])[0]
    want = {"packets": truth["packets"], "octets": truth["octets"]}
    got = [stats["metered"], {k: stats["records"][k] for k in want},
           {k: destination[k] for k in want}]
    if not stats["balanced"] or any(g != want for g in got):
        raise Mismatch("%s: %r is not %r" % (" ".join(run.command), stats, truth))
    if truth.get("flows") and stats["flows"]["created"] != truth["flows"]:
        raise Mismatch("%s: %d flows are not %d" % (
            " ".join(run.command), stats["flows"]["created"], truth["flows"]))
    return stats


def warm_memory(octets):
    """Has the kernel own this much free memory, and more.

    A virtual machine may have given free memory back to its host (free page reporting); to touch
    it again then costs milliseconds per MiB, which is the host's time and not the meter's. So the
    memory that the next process will want is touched and freed just before it starts.
    """
    huge = 2 << 20
    length = octets // huge * huge + (64 << 20)
    pid = os.fork()  # our own size would count as that of processes we start
    if pid == 0:
        memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, length, 4096):
            memory[at] = 1
        os._exit(0)
    os.waitpid(pid, 0)


def warm_file(path):
    """Has the file in the page cache."""
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20):
            pass


def machine(build):
    """One line each: processor, memory, kernel, compiler, load."""
    with open("/proc/cpuinfo") as f:
        model = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    log = os.path.join(build, "meson-logs", "meson-log.txt")
    compiler = "unknown compiler"
    with open(log, errors="replace") as f:
        for line in f:
            if line.startswith("C compiler for the host machine:"):
                compiler = line.split(":", 1)[1].strip()
    return [
        "%d × %s, %.0f GiB" % (len(model), model[0] if model else platform.machine(),
                               os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "Linux %s" % platform.release(),
        compiler,
        "load %.1f" % os.getloadavg()[0],
    ]
