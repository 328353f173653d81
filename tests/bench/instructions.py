#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts instructions per packet of each stage with callgrind; they do not vary between runs.

    instructions.py GENERATE BENCH_STAGES [--limit STAGE=N]… [--functions N] [--facts NAME… [--packets WORDS]]

Each stage is counted on a small file and on one twice as long: the difference is the price of the
packets alone. Files: 100 flows (all packets but the first hit) and all new (every packet makes a
flow and a record). With --limit only the first, and exit status 1 when a stage costs more than N
instructions per packet on top of the stage before. With --facts the price of each fact that the
meter gathers on request (src/base/facts.def) instead: what a packet costs more than without it.
Exit status 77: cannot be counted here.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

STAGES = ["read", "parse", "meter", "encode"]
FILES = {"100 flows": "flows=100 packets=%d", "all new": "flows=%d packets=%d"}
PACKETS = 50000


def count(stages, path, stage, flows, functions=0, facts=None):
    """Instructions of a run, and the costliest functions as text."""
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as out:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out.name, stages, path,
             "stage=" + stage, "flows=%d" % flows] + (["facts=" + facts] if facts else []),
            capture_output=True, text=True, check=False)
        found = re.search(r"Collected : (\d+)", run.stderr)
        if run.returncode or not found:
            print("cannot count: %s" % run.stderr.strip()[-400:])
            sys.exit(77)
        text = ""
        if functions:
            text = subprocess.run(["callgrind_annotate", out.name], capture_output=True,
                                  text=True, check=False).stdout
            lines = [line for line in text.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
            text = "\n".join(lines[:functions + 1])
        return int(found[1]), text


def make_files(generate, folder, recipe):
    """A file of PACKETS packets, and one twice as long."""
    paths = []
    for times in (1, 2):
        paths.append(os.path.join(folder, "%d.pcap" % times))
        numbers = (PACKETS * times,) * recipe.count("%d")
        subprocess.run([generate, paths[-1]] + (recipe % numbers).split(), check=True)
    return paths


def price_facts(options, folder):
    """A row for each fact: instructions more per packet, of few flows and of new ones."""
    prices = {fact: [] for fact in options.facts}
    for recipe in FILES.values():
        paths = make_files(options.generate, folder, recipe + " " + options.packets)

        def per_packet(facts):
            short, long = (count(options.stages, path, "meter", 2 * PACKETS, 0, facts)[0]
                           for path in paths)
            return (long - short) / PACKETS
        plain = per_packet(None)
        for fact in options.facts:
            prices[fact].append(per_packet(fact) - plain)
    print("| fact | %s |\n%s|" % (" | ".join(FILES), "|---" * (len(FILES) + 1)))
    for fact, cells in prices.items():
        print("| %s | %s |" % (fact, " | ".join("%.0f" % cell for cell in cells)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("generate")
    parser.add_argument("stages")
    parser.add_argument("--limit", action="append", default=[])
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--facts", nargs="*", default=[])
    parser.add_argument("--packets", default="", help="words for generate, such as protocol=tcp")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed")
        return 77
    limits = dict(limit.split("=") for limit in options.limit)
    good = True
    if options.facts:
        with tempfile.TemporaryDirectory(prefix="spanflow-instructions-") as folder:
            price_facts(options, folder)
        return 0
    print("| file | %s |\n%s|" % (" | ".join(STAGES), "|---" * (len(STAGES) + 1)))
    with tempfile.TemporaryDirectory(prefix="spanflow-instructions-") as folder:
        for name, recipe in list(FILES.items())[:1 if limits else None]:
            totals, cells = [], []
            paths = make_files(options.generate, folder, recipe)
            for stage in STAGES:
                short, _ = count(options.stages, paths[0], stage, 2 * PACKETS)
                long, text = count(options.stages, paths[1], stage, 2 * PACKETS,
                                   options.functions)
                totals.append((long - short) / PACKETS)
                price = totals[-1] - (totals[-2] if len(totals) > 1 else 0)
                cells.append("%.0f" % price)
                if text:
                    print("%s, %s:\n%s" % (name, stage, text))
                if price > float(limits.get(stage, "inf")):
                    print("stage %s: %.0f instructions per packet, more than %s" % (
                        stage, price, limits[stage]))
                    good = False
            print("| %s | %s |" % (name, " | ".join(cells)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
