#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts instructions per packet of each stage with callgrind; they do not vary between runs.

    instructions.py GENERATE BENCH_STAGES [--limit STAGE=N]… [--functions N]

Each stage is counted on a small file and on one twice as long: the difference is the price of the
packets alone. Files: 100 flows (all packets but the first hit) and all new (every packet makes a
flow and a record). With --limit only the first, and exit status 1 when a stage costs more than N
instructions per packet on top of the stage before. Exit status 77: cannot be counted here.
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


def count(stages, path, stage, flows, functions=0):
    """Instructions of a run, and the costliest functions as text."""
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as out:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out.name, stages, path,
             "stage=" + stage, "flows=%d" % flows], capture_output=True, text=True, check=False)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("generate")
    parser.add_argument("stages")
    parser.add_argument("--limit", action="append", default=[])
    parser.add_argument("--functions", type=int, default=0)
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed")
        return 77
    limits = dict(limit.split("=") for limit in options.limit)
    good = True
    print("| file | %s |\n%s|" % (" | ".join(STAGES), "|---" * (len(STAGES) + 1)))
    with tempfile.TemporaryDirectory(prefix="spanflow-instructions-") as folder:
        for name, recipe in list(FILES.items())[:1 if limits else None]:
            totals, cells = [], []
            paths = []
            for times in (1, 2):
                path = os.path.join(folder, "%d.pcap" % times)
                numbers = (PACKETS * times,) * recipe.count("%d")
                subprocess.run([options.generate, path] + (recipe % numbers).split(), check=True)
                paths.append(path)
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
