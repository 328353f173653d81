# SPDX-License-Identifier: BSD-2-Clause
"""Sources that are live for the program and wait for it: what a second worker is worth, with no
sender that takes the CPU it would need.

DPDK: capture files are the receive queues of a virtual port; the time is that from the first packet
to the last, as the records have it. AF_XDP: all packets are sent over a cable between two namespaces
while the program is stopped, and wait in the sockets' memory; the time is that from SIGCONT until
the workers' threads are gone. The kernel's part, which took the sender's CPU, is not in it.

A worker that loses its CPU for longer than its hand-over ring lasts costs packets, as it does live,
so the program gets a real-time priority from root, and a run with losses is made again.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from bench import Mismatch, Run, Skip, check_stats, warm_memory

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
import netns  # noqa: E402

RING = 1 << 30  # octets of each AF_XDP socket, chunks of 2048
ATTEMPTS = 5


def _command(bench, source, truth, *arguments):
    priority = ["chrt", "-f", "10"] if os.geteuid() == 0 and shutil.which("chrt") else []
    return [*priority, bench.spanflow, "meter", "-i", source, "-c", str(truth["packets"]), "--pin",
            "--max-flows", str(truth["flows"]), "--idle-timeout", "0", "--active-timeout", "0",
            "--stats", "json", "-w", bench.written + ",profile=default", "--force", *arguments]


def _lossless(run, truth):
    """A run, made again while it loses packets."""
    for _ in range(ATTEMPTS):
        warm_memory(2 * RING + truth["flows"] * 200)
        try:
            done = run()
            check_stats(done.check(), truth)
            return done
        except Mismatch as reason:
            last = reason
    raise last


def dpdk(bench, queues, truth, arguments=()):
    """Each file is a queue; truth is that of all of them."""
    source = ",".join(["dpdk:net_pcap0", *("rx_pcap=" + path for path in queues)])
    command = _command(bench, source, truth, "--driver-options", "--no-huge -m 512", *arguments)
    run = _lossless(lambda: Run(command), truth)
    run.records, run.seconds = bench.records(same_times=False)
    return run


def _until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.0005)


def _workers(process):
    """Threads beside the first."""
    try:
        return len(os.listdir("/proc/%d/task" % process.pid)) - 1
    except FileNotFoundError:
        return 0


def xdp(bench, path, truth, arguments=()):
    """The packets of a file over a cable with two queues; the kernel spreads them by flow."""
    if os.geteuid() != 0:
        raise Skip("needs root, to make network namespaces")
    for tool in ("ip", "ethtool", "tcpreplay"):
        if not shutil.which(tool):
            raise Skip("needs %s" % tool)

    def send_and_wait(process):
        _until(lambda: _workers(process), 30)
        time.sleep(0.2)
        process.send_signal(signal.SIGSTOP)
        netns.replay(sender, "tx0", path, "--topspeed", "-K")
        start = time.monotonic()
        process.send_signal(signal.SIGCONT)
        _until(lambda: not _workers(process), 10)
        seconds = time.monotonic() - start
        process.terminate()  # what did not arrive is not waited for
        return seconds

    try:
        sender, port = netns.Namespace("tx"), netns.Namespace("rx")
        netns.veth(sender, "tx0", port, "rx0", queues=2)
        sender.quiet("tx0")
        port.quiet("rx0")
        netns.native(sender, "tx0")
        command = port.prefix() + _command(
            bench, "xdp:rx0", truth, "--ring-size", str(RING), *arguments)
        run = _lossless(lambda: Run(command, during=send_and_wait), truth)
    except RuntimeError as reason:
        raise Skip(reason)
    finally:
        netns.clean()
    run.records, _ = bench.records(same_times=False)
    return run


def _cpu_seconds(pid):
    """Of all threads of a process so far, from the scheduler's own account (ns)."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            continue  # the thread has ended
    return total / 1e9


def cost(bench, source, rate, path, frames, seconds=5, workers=1):
    """
    CPU seconds per million packets of a live source at a rate, and packets seen and dropped. All
    threads count, from the first packet sent to the last; start and end of the program do not.
    """
    loops = max(1, round(rate * seconds / frames))

    def send_and_end(process):
        _until(lambda: _workers(process), 30)
        time.sleep(1)
        before = _cpu_seconds(process.pid)
        netns.replay(sender, "tx0", path, "--pps", str(rate), "-K", "--loop", str(loops),
                     timeout=60 + 2 * seconds)
        time.sleep(0.2)
        used = _cpu_seconds(process.pid) - before
        process.terminate()
        return used

    try:
        sender, port = netns.Namespace("tx"), netns.Namespace("rx")
        netns.veth(sender, "tx0", port, "rx0", queues=2)
        sender.quiet("tx0")
        port.quiet("rx0")
        netns.native(sender, "tx0")
        command = port.prefix() + [bench.spanflow, "meter", "-i", source + ":rx0", "-o", "none",
                                   "--workers", str(workers), "--stats", "json"]
        run = Run(command, during=send_and_end).check()
    finally:
        netns.clean()
    stats = json.loads(run.stderr.splitlines()[-1])
    return run.seconds / stats["frames"] * 1e6, stats["frames"], sum(stats["dropped"].values())


def main():
    """live.py BUILD [RATE…]: prints the cost of pcap: and xdp: at these rates (packets/s)."""
    class Built:
        spanflow = os.path.join(sys.argv[1], "src/cli/spanflow")

    rates = [int(rate) for rate in sys.argv[2:]] or [10000, 50000, 177000, 300000]
    frames = 50000
    print("| source | workers | packets/s | CPU s per million packets | dropped |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="spanflow-live-") as folder:
        path = os.path.join(folder, "live.pcap")
        subprocess.run([os.path.join(sys.argv[1], "tests/bench/generate"), path, "flows=5000",
                        "packets=%d" % frames], check=True)
        for source in ("pcap", "xdp"):
            for workers in (1, 2):
                for rate in rates:
                    price, seen, dropped = cost(Built, source, rate, path, frames, workers=workers)
                    print("| %s: | %d | %d | %.2f | %d of %d |" % (
                        source, workers, rate, price, dropped, seen + dropped), flush=True)


if __name__ == "__main__":
    main()
