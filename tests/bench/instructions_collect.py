#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts instructions of the collecting process per record of the default template with callgrind.

    instructions_collect.py BENCH_COLLECT [--limit N]

Two runs, one of twice as many messages: the difference is the price of the records alone, with their
share of the message. Exit status 1: more than the limit; 77: cannot be counted here.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile

MESSAGES = 2000


def count(bench, messages):
    """Instructions of a run, and its records."""
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as out:
        run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out.name,
                              bench, str(messages)], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    records = re.search(r"\((\d+) records of", run.stdout)
    if run.returncode or not found or not records:
        print("cannot count: %s" % run.stderr.strip()[-400:])
        sys.exit(77)
    return int(found[1]), int(records[1]) * messages


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bench")
    parser.add_argument("--limit", type=float, default=float("inf"))
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed")
        return 77
    few, many = count(options.bench, MESSAGES), count(options.bench, 2 * MESSAGES)
    price = (many[0] - few[0]) / (many[1] - few[1])
    print("%.0f instructions a record (limit %s)" % (price, options.limit))
    return price > options.limit


if __name__ == "__main__":
    sys.exit(main())
