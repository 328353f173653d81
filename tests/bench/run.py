#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures spanflow against bare readers, itself and other meters, and prints Markdown.

    run.py BUILD [--full] [--runs N] [--peer-runs N] [--folder DIR]

Without --full: readers, stages and the whole meter at 1k, 100k and 1M flows (what `meson test
--benchmark` runs, about a minute). With --full: every row of docs/performance.md. A ratio is the
median over runs of the ratio within one run, and both sides of it take turns.
"""
import argparse
import json
import os
import sys

from bench import (Bench, FILES, Mismatch, PEERS_TIMEOUTS, Run, Sink, Skip, machine,
                   median, warm_memory)
import live
import peers


class Table:
    """Rows of Markdown; a row that cannot be measured says why instead of a figure."""

    def __init__(self, *heads):
        self.rows = [heads, ["---"] * len(heads)]

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])
        print("  " + " | ".join(self.rows[-1]), file=sys.stderr, flush=True)

    def __str__(self):
        return "\n".join("| " + " | ".join(row) + " |" for row in self.rows)


def guarded(table, cells, measure):
    """Adds `cells` and what `measure` returns, or the reason why there is nothing."""
    try:
        table.add(*cells, measure())
    except (Skip, Mismatch) as reason:
        table.add(*cells, "not measured: %s" % reason)


def mpps(rate):
    return "%.1f" % (rate / 1e6)


def ratio_text(ratios):
    return "%.2f (%.2f–%.2f)" % (median(ratios), min(ratios), max(ratios))


def against_reader(bench, name, output="udp", arguments=(), reader="pcap_dispatch"):
    """Whole meter ÷ bare reader on the same file: (ratios, meter rates, reader rates)."""
    path, truth = bench.file(name) if isinstance(name, str) else name
    ratios, ours, theirs = [], [], []
    for _ in range(bench.runs):
        bare = bench.readers(path, truth, 1)
        if reader not in bare:
            raise Skip("libpcap was not there at build time")
        run = bench.meter(path, truth, output, arguments)
        ours.append(run.rate)
        theirs.append(truth["packets"] / bare[reader][0])
        ratios.append(ours[-1] / theirs[-1])
    return ratios, ours, theirs


def turns(bench, *sides):
    """Runs each side (a function that returns a rate) in turn; returns a list of rates each."""
    rates = [[] for _ in sides]
    for _ in range(bench.runs):
        for side, into in zip(sides, rates):
            into.append(side())
    return rates


def meter_rate(bench, name, output="udp", arguments=()):
    path, truth = bench.file(name)
    return lambda: bench.meter(path, truth, output, arguments).rate


def pair(bench, first, second, output="udp"):
    """Text of the ratio of two files' rates."""
    a, b = turns(bench, meter_rate(bench, first, output), meter_rate(bench, second, output))
    return "%s (%s ÷ %s Mpps)" % (ratio_text([x / y for x, y in zip(a, b)]),
                                  mpps(median(a)), mpps(median(b)))


def row_against_reader(bench, table, label, name, must, stretch, arguments=()):
    def measure():
        ratios, ours, theirs = against_reader(bench, name, arguments=arguments)
        return "%s (%s ÷ %s Mpps)" % (ratio_text(ratios), mpps(median(ours)),
                                      mpps(median(theirs)))
    guarded(table, (label, must, stretch), measure)


def readers_row(bench, table, label, name, must, stretch):
    def measure():
        path, truth = bench.file(name)
        seconds = bench.readers(path, truth)
        if "pcap_next_ex" not in seconds:
            raise Skip("libpcap was not there at build time")
        ratios = [a / b for a, b in zip(seconds["pcap_next_ex"], seconds["spanflow"])]
        return "%s (%s ÷ %s Mpps)" % (
            ratio_text(ratios), mpps(truth["packets"] / median(seconds["spanflow"])),
            mpps(truth["packets"] / median(seconds["pcap_next_ex"])))
    guarded(table, (label, must, stretch), measure)


def stage_seconds(bench, path, truth, arguments=(), runs=None):
    """CPU seconds of each stage of bench_stages: {stage: [row…]}."""
    with Sink(bench.sink) as sink:
        run = Run([bench.stages, path, "flows=%d" % max(truth["flows"], 1000),
                   "runs=%d" % (runs or bench.runs),
                   "collector=ipfix://127.0.0.1:%d,rate=0" % sink.port, *arguments]).check()
    rows = {}
    for line in run.stdout.splitlines():
        row = json.loads(line)
        if row["packets"] != truth["packets"] or row["stage"] != "read" and \
                row["octets"] != truth["octets"]:
            raise Mismatch("%s: %s" % (path, line))
        rows.setdefault(row["stage"], []).append(row)
    return rows


def stages_table(bench, names):
    """ns per packet of each stage, as the difference of best runs."""
    table = Table("file", "read", "+ parse", "+ meter", "+ encode", "+ send", "whole (Mpps)")
    for name in names:
        path, truth = bench.file(name)
        try:
            rows = stage_seconds(bench, path, truth)
        except Mismatch as reason:
            table.add(name, "not measured: %s" % reason, *[""] * 6)
            continue
        best = {stage: min(row["cpu"] for row in rows[stage]) for stage in rows}
        packets = truth["packets"]
        steps = ["read", "parse", "meter", "encode", "send"]
        cells = ["%.1f" % (best["read"] / packets * 1e9)]
        cells += ["%.1f" % ((best[b] - best[a]) / packets * 1e9) for a, b in zip(steps, steps[1:])]
        table.add(name, *cells, mpps(packets / best["send"]))
    return table


def meter_table(bench, names):
    """Whole program, exporting over UDP and encoding only, beside the bare readers."""
    table = Table("file", "pcap_next_ex", "pcap_dispatch", "own reader", "whole, encode only",
                  "whole, UDP", "whole, UDP ÷ pcap_dispatch")
    for name in names:
        path, truth = bench.file(name)
        try:
            ratios, udp, dispatch = against_reader(bench, name)
            seconds = bench.readers(path, truth)
            encode = [bench.meter(path, truth, "/dev/null").rate for _ in range(bench.runs)]
            table.add(name, mpps(truth["packets"] / median(seconds["pcap_next_ex"])),
                      mpps(median(dispatch)),
                      mpps(truth["packets"] / median(seconds["spanflow"])),
                      mpps(median(encode)), mpps(median(udp)), ratio_text(ratios))
        except (Skip, Mismatch) as reason:
            table.add(name, "not measured: %s" % reason, *[""] * 5)
    return table


def against_peer(bench, kind, name, peer_runs):
    """Ours ÷ a peer's on the same file, in turns: (records of the peer, ratios, ours, theirs)."""
    path, truth = bench.file(name)
    peer = kind(bench)
    records, seconds = peer.check(path, truth)
    ours, theirs = [], []
    for turn in range(peer_runs):
        theirs.append(truth["packets"] / (seconds if turn == 0 else peer.run(path).cpu))
        ours.append(bench.meter(path, truth).rate)
    return records, [a / b for a, b in zip(ours, theirs)], ours, theirs


def peers_table(bench, table, peer_runs):
    """Rows of the ratio to the best peer, and the peers' own table."""
    detail = Table("meter", *["%s: Mpps (records)" % n for n in ("1k", "100k", "1M")])
    found = {}
    for label, kind in peers.ALL.items() if peer_runs else ():
        cells = []
        for name in ("1k", "100k", "1M"):
            try:
                records, ratios, ours, theirs = against_peer(bench, kind, name, peer_runs)
                cells.append("%.2f (%d)" % (median(theirs) / 1e6, records))
                found.setdefault(name, []).append((median(ratios), "%s × %s (%s ÷ %.2f Mpps)" % (
                    ratio_text(ratios), label, mpps(median(ours)), median(theirs) / 1e6)))
            except (Skip, Mismatch) as reason:
                cells.append(str(reason))
        detail.add(label, *cells)
    for name, must, stretch in (("1k", 8, 10), ("100k", 25, 40), ("1M", 30, 60)):
        table.add("÷ best of the Debian peers, %s flows" % name, "≥ %d ×" % must,
                  "≥ %d ×" % stretch, min(found[name])[1] if name in found
                  else "not measured: no peer could be")
    return detail


def memory_row(bench, table, label, name, must, stretch):
    """Resident memory of a full table over that of one a quarter as large and full, per flow."""
    def measure():
        few, many = 250000, 1000000
        options = FILES[name].replace("flows=1000000", "flows=%d").replace(
            "packets=2000000", "packets=%d")
        small, large = (bench.meter(*bench.make(name, options % (n, 2 * n)), "/dev/null").rss
                        for n in (few, many))
        return "%.0f B" % ((large - small) / (many - few))
    guarded(table, (label, must, stretch), measure)


def start_row(bench, table):
    def measure():
        path, truth = bench.make("empty", "flows=1 packets=1")
        walls = [bench.meter(path, truth, "/dev/null", ["--max-flows", "10000000"]).wall
                 for _ in range(max(bench.runs, 5))]
        return "%.3f s" % median(walls)
    guarded(table, ("start-up with a 10M-flow table", "≤ 0.2 s", "≤ 0.05 s"), measure)


def all_new_row(bench, table):
    def measure():
        path, truth = bench.file("all new")
        rates = [bench.meter(path, truth).rate for _ in range(bench.runs)]
        return "%s M/s" % mpps(median(rates))
    guarded(table, ("all-new flows, records per second of CPU, exported", "≥ 3 M", "≥ 8 M"),
            measure)


def export_row(bench, table):
    """Best of several: encoding alone, and what the way through a socket adds to a file's."""
    def measure():
        best = {}
        for _ in range(bench.runs):
            for line in Run([bench.export]).check().stdout.splitlines():
                name, figure = line.rsplit(maxsplit=2)[0].strip(), float(line.split()[-2])
                best[name] = min(figure, best.get(name, figure))
        return "%.1f / %.1f ns" % (
            best["encode IPFIX, built in"],
            best["ipfix over loopback"] - best["IPFIX file, default profile"])
    guarded(table, ("export: encode and send per record", "≤ 15 / ≤ 30 ns", "6 / 16 ns"), measure)


def age_row(bench, table):
    """Seconds in sf_meter_age() per second of packet time: the share of a core that expiry takes
    at the file's own pace, ten million flows that each send a packet every 10 s."""
    def measure():
        path, truth = bench.file("idle")
        warm_memory(truth["flows"] * 100)
        run = Run([bench.stages, path, "flows=%d" % truth["flows"], "stage=age"]).check()
        bench.drop(path)
        row = json.loads(run.stdout)
        if (row["packets"], row["octets"]) != (truth["packets"], truth["octets"]):
            raise Mismatch(run.stdout)
        span = float(FILES["idle"].split("span=")[1])
        return "%.1f %% (%.1f %% of the time when replayed at %s Mpps)" % (
            100 * row["age"] / span, 100 * row["age"] / row["cpu"],
            mpps(row["packets"] / row["cpu"]))
    guarded(table, ("expiry's share of CPU, 10M flows, 15 s idle", "≤ 5 %", "≤ 2 %"), measure)


def attack_row(bench, table):
    """The same number of flows, all of one signature and bucket under the seed in use."""
    def measure():
        listing = os.path.join(bench.folder, "collide.list")
        seed = Run([bench.collide, listing, "100000"]).check().stdout.strip()
        attack = bench.make("attack", "list=%s packets=4000000" % listing)
        plain = bench.file("100k")
        arguments = ["--hash-seed", seed]
        upgrades = bench.meter(*attack, "udp", arguments).stats["table"]["hashUpgrades"]
        if upgrades != 1:
            raise Mismatch("the attack does not reach the hash: %d changes of it" % upgrades)
        a, b = turns(bench, lambda: bench.meter(*attack, "udp", arguments).rate,
                     lambda: bench.meter(*plain, "udp", arguments).rate)
        return "%s (%s ÷ %s Mpps)" % (ratio_text([x / y for x, y in zip(a, b)]),
                                      mpps(median(a)), mpps(median(b)))
    guarded(table, ("hash-collision attack file ÷ random file, 100k flows", "≥ 0.5", "≥ 0.8"),
            measure)


def two_workers(bench, one, two, packets):
    """Text of the ratio of wall times of two functions that return runs; their records must be
    the same."""
    walls = [[], []]
    for _ in range(2 * bench.runs + 1):  # two processors vary more than one
        runs = [one(), two()]
        if runs[0].records != runs[1].records:
            raise Mismatch("the records of two workers are not those of one")
        for into, run in zip(walls, runs):
            into.append(run.seconds)
    return "%s (%s ÷ %s Mpps)" % (ratio_text([a / b for a, b in zip(*walls)]),
                                  mpps(packets / median(walls[1])),
                                  mpps(packets / median(walls[0])))


def halves(bench, name, split):
    """The packets of a file in two: at random, or each flow in one of them."""
    return [bench.make("%s %s %d" % (name, split, part), "%s parts=2 part=%d split=%s" % (
        FILES[name], part, split))[0] for part in range(2)]


def two_workers_files(bench, paths, truth, workers):
    """One run for the time, exporting over UDP, and one whose records are kept."""
    options = ["--workers", str(workers)]
    run = bench.meter(paths, truth, "udp", options)
    bench.meter(paths, truth, bench.written, options)
    run.seconds, (run.records, _) = run.wall, bench.records()
    return run


def two_workers_rows(bench, table):
    def add(label, must, stretch, packets, one, two):
        guarded(table, ("two workers ÷ one, wall time, records identical: " + label, must, stretch),
                lambda: two_workers(bench, one, two, packets))

    two = ["--workers", "2"]
    for split, label, more, must, stretch in (
            ("packets", "", [], "≥ 1.5", "≥ 1.8"),
            ("flows", ", `--workers-independent`", ["--workers-independent"], "≥ 1.7", "≥ 1.9")):
        whole, truth = bench.file("100k")
        queues = halves(bench, "100k", split)
        add("DPDK `net_pcap`" + label, must, stretch, truth["packets"],
            lambda: live.dpdk(bench, [whole], truth),
            lambda: live.dpdk(bench, queues, truth, two + more))
        sent, few = bench.file("veth")
        add("AF_XDP on veth" + label, must, stretch, few["packets"],
            lambda: live.xdp(bench, sent, few),
            lambda: live.xdp(bench, sent, few, two + more))
    for name in ("100k", "1M"):
        whole, truth = bench.file(name)
        for label, paths in (("one file", whole), ("two files", halves(bench, name, "packets"))):
            add("%s, %s flows" % (label, name), "≥ 1.3", "≥ 1.7", truth["packets"],
                lambda: two_workers_files(bench, paths, truth, 1),
                lambda: two_workers_files(bench, paths, truth, 2))


def full_table(bench, peer_runs):
    table = Table("", "must", "stretch", "measured")
    # first: the size of a process counts from that of this one, which grows
    memory_row(bench, table, "memory per IPv4 conversation at the cap, both ways", "both ways",
               "≤ 152 B", "≤ 128 B")
    memory_row(bench, table, "memory per IPv6 conversation at the cap, both ways",
               "both ways, IPv6", "≤ 216 B", "≤ 176 B")
    whole = "whole meter with UDP export ÷ libpcap `pcap_dispatch`, "
    row_against_reader(bench, table, whole + "1k flows", "1k", "≥ 1.2", "≥ 1.8")
    row_against_reader(bench, table, whole + "100k flows", "100k", "≥ 1.2", "≥ 1.8")
    row_against_reader(bench, table, whole + "1M flows", "1M", "≥ 0.65", "≥ 1.0")
    row_against_reader(bench, table, whole + "10M flows", "10M", "≥ 0.5", "≥ 0.9")
    guarded(table, ("rate(10M) ÷ rate(1M), encode only", "≥ 0.8", "≥ 0.95"),
            lambda: pair(bench, "10M", "1M", "/dev/null"))
    bench.drop(bench.file("10M")[0])
    guarded(table, ("rate(1M) ÷ rate(1k)", "≥ 0.45", "≥ 0.6"), lambda: pair(bench, "1M", "1k"))
    guarded(table, ("all IPv6 ÷ all IPv4 at 1M", "≥ 0.65", "≥ 0.8"),
            lambda: pair(bench, "1M IPv6", "1M"))
    detail = peers_table(bench, table, peer_runs)
    row_against_reader(bench, table, "large packets (782 B, 1k flows): whole meter ÷ "
                       "`pcap_dispatch`", "A", "≥ 1.5", "≥ 2.0", PEERS_TIMEOUTS)
    row_against_reader(bench, table, "1M flows of 2 packets over 120 s: whole meter ÷ "
                       "`pcap_dispatch`", "B", "", "", PEERS_TIMEOUTS)
    row_against_reader(bench, table, "TCP sessions, v4 + v6 + VLAN + QinQ: whole meter ÷ "
                       "`pcap_dispatch`", "C", "≥ 0.7", "≥ 1.0")
    readers_row(bench, table, "own file reader ÷ `pcap_next_ex`, 64 B", "1k", "≥ 3.5", "4.3")
    readers_row(bench, table, "own file reader ÷ `pcap_next_ex`, 1514 B", "1514 B", "≥ 2", "2.3")
    two_workers_rows(bench, table)
    attack_row(bench, table)
    age_row(bench, table)
    export_row(bench, table)
    all_new_row(bench, table)
    start_row(bench, table)
    return table, detail


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", help="build folder")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-runs", type=int, default=3, help="0: leave the peers out")
    parser.add_argument("--folder", help="where the capture files are kept (default: removed)")
    options = parser.parse_args()
    bench = Bench(options.build, options.folder, options.runs)
    try:
        print("\n".join("- " + line for line in machine(bench.build)))
        print("- %d runs each, files of %s\n" % (bench.runs, ", ".join(FILES)))
        if options.full:
            table, detail = full_table(bench, options.peer_runs)
            print("%s\n\n%s\n" % (table, detail))
            names = ["1k", "100k", "1M", "zipf", "one flow", "all new", "1M IPv6", "1M VLAN",
                     "512 B", "1514 B", "C"]
        else:
            names = ["1k", "100k", "1M"]
        print("Mpps per second of CPU:\n\n%s\n" % meter_table(bench, names))
        print("ns per packet, each stage on top of the one before (best run):\n\n%s" %
              stages_table(bench, names))
    finally:
        bench.close()


if __name__ == "__main__":
    main()
