#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sums up meson's test logs: why tests were skipped, which failed, and how many passed."""

import json
import sys
from pathlib import Path


def reason(test):
    """The first line that a skipped test printed."""
    for line in (test.get("stdout", "") + test.get("stderr", "")).splitlines():
        if line.strip():
            return line.strip()
    return "no reason was given"


def main():
    passed, failed, skipped = 0, [], []
    for directory in sys.argv[1:]:
        log = Path(directory) / "meson-logs/testlog.json"
        for line in log.read_text().splitlines():
            test = json.loads(line)
            name = f"{directory}: {test['name']}"
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                skipped.append((name, reason(test)))
            else:
                failed.append((name, test["result"]))
    for name, why in skipped:
        print(f"skipped: {name}: {why}")
    for name, result in failed:
        print(f"FAILED: {name}: {result}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
