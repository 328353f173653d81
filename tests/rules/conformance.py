#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The list of what the standards demand (conformance.tsv), where it is obeyed and where it is tested.

A line of the list has an id, how spanflow stands to the sentence, the sentence, and a reason:

    yes    obeyed in the source and tested: both have the id in a comment, [RFC7011-8.4-1]
    built  holds by the way the source is made, which the reason tells: the source has the id
    test   a test that RFC 5471 asks for: a test has the id
    no     not obeyed, or about something that spanflow does not have: the reason tells; nobody has the id

    tests/rules/conformance.py >docs/conformance.md     writes the document
"""
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARKER = re.compile(r"\[(RFC\d{4}-[\d.]+-\d+)\]")
PLACES = {"source": ("src/*/*.[ch]", "src/*/*.def", "drivers/*/*.[ch]", "include/*/*.h"),
          "tests": ("tests/*/*.[ch]", "tests/*/*.py")}
NEEDS = {"yes": ("source", "tests"), "built": ("source",), "test": ("tests",), "no": ()}
STANDARDS = {
    "RFC7011": "RFC 7011: the IPFIX protocol",
    "RFC5103": "RFC 5103: biflows",
    "RFC5655": "RFC 5655: IPFIX files",
    "RFC6526": "RFC 6526: a stream of SCTP for each template (streams=template)",
    "RFC3954": "RFC 3954: NetFlow version 9",
    "RFC5471": "RFC 5471: tests of exporters and collectors",
}
STANDS = {"yes": "obeyed", "built": "obeyed by construction", "test": "tested", "no": "not obeyed"}


def read_list():
    """(id, stand, sentence, reason) for each line of the list."""
    lines = (HERE / "conformance.tsv").read_text().splitlines()[1:]
    return [tuple((line + "\t" * 3).split("\t")[:4]) for line in lines]


def find_markers(top):
    """place -> id -> the files that have it."""
    found = {}
    for place, patterns in PLACES.items():
        ids = found.setdefault(place, {})
        for pattern in patterns:
            for path in sorted(top.glob(pattern)):
                if path == HERE / "conformance.py":
                    continue
                for name in MARKER.findall(path.read_text(errors="replace")):
                    ids.setdefault(name, set()).add(str(path.relative_to(top)))
    return found


def check(top):
    """What is wrong, in words."""
    rows, found = read_list(), find_markers(top)
    bad, known = [], set()
    for name, stand, sentence, reason in rows:
        if name in known:
            bad.append(f"conformance.tsv: {name} is there twice")
        known.add(name)
        if stand not in NEEDS or not sentence:
            bad.append(f"conformance.tsv: {name} is incomplete")
            continue
        if stand in ("built", "no") and not reason:
            bad.append(f"conformance.tsv: {name} needs a reason")
        for place, ids in found.items():
            if place in NEEDS[stand] and name not in ids:
                bad.append(f"{name} is '{stand}', and no comment in {place} has [{name}]")
            if stand == "no" and name in ids:
                bad.append(f"{name} is not obeyed, and {', '.join(sorted(ids[name]))} has [{name}]")
    for ids in found.values():
        bad += [f"{', '.join(sorted(files))}: [{name}] is not in tests/rules/conformance.tsv"
                for name, files in sorted(ids.items()) if name not in known]
    return bad


def files_of(found, place, name):
    return ", ".join(f"`{path}`" for path in sorted(found[place].get(name, ())))


def document(top):
    rows, found = read_list(), find_markers(top)
    text = ["# Conformance", "", "<!-- Made by scripts/update-docs from tests/rules/conformance.tsv. -->", "",
            "What the standards demand (each sentence with MUST), whether spanflow obeys, in which file, and which "
            "test shows it. The", "files have the id in a comment: `grep -rn 'RFC7011-8.4-1' src tests`. "
            "`tests/rules` checks that none is missing.", ""]
    for prefix, title in STANDARDS.items():
        own = [row for row in rows if row[0].startswith(prefix + "-")]
        counts = [f"{sum(row[1] == stand for row in own)} {words}" for stand, words in STANDS.items()
                  if any(row[1] == stand for row in own)]
        text += [f"## {title}", "", f"{len(own)} entries: {', '.join(counts)}.", "",
                 "| id | sentence | | where | tested in |", "|---|---|---|---|---|"]
        for name, stand, sentence, reason in own:
            words = STANDS[stand] + (": " + reason if reason else "")
            text.append(f"| {name.split('-', 1)[1]} | {sentence} | {words} | "
                        f"{files_of(found, 'source', name)} | {files_of(found, 'tests', name)} |")
        text.append("")
    text += [
        "## Not needed: RFC 5473", "",
        "RFC 5473 sends what many records have in common once, in options data, and refers to it by a number "
        "(commonPropertiesId).", "spanflow does not: records of different hosts share little, few collectors read "
        "it, and over UDP one lost message would make", "all records that refer to it unreadable. What it saves, "
        "compression saves too (TCP with a spool, files).", ""]
    return "\n".join(text)


if __name__ == "__main__":
    sys.stdout.write(document(HERE.parents[1]))
