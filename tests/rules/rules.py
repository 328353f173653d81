#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rules of the source tree that a compiler does not check (docs/design.md §3). One rule per argument."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import conformance

TOP = Path(os.environ.get("SOURCE_ROOT", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("BUILD_ROOT", "."))

SKIP = 77  # meson's exit status for a test that cannot run here

def read_allowed():
    """Who may include whom, from the table in docs/design.md: directory -> first parts of names."""
    allowed = {}
    for row in re.findall(r"^\| `((?:include|src|drivers)/\w+)` \|([^|]*)\|$",
                          (TOP / "docs/design.md").read_text(), re.M):
        allowed[row[0]] = {row[0].split("/")[-1], *re.findall(r"`(\w+)`", row[1])}
    return allowed


# src/ and drivers/ directories are named by their last part, include/spanflow is "spanflow".
ALLOWED = read_allowed()

# Headers of other projects and the only places that may include them.
VENDOR = [
    (re.compile(r"^pcap([/.]|$)"), {"drivers/pcap", "src/filter", "tests/bench"}),
    (re.compile(r"^(rte_|ethdev_)"), {"drivers/dpdk"}),
    (re.compile(r"^(bpf|xdp)/"), {"drivers/af_xdp", "bpf"}),
    (re.compile(r"^(zlib|zstd|lzma|bzlib)\.h$"), {"src/base", "src/collect", "src/report"}),
    (re.compile(r"^(seccomp|cap-ng)\.h$"), {"src/guard"}),
    (re.compile(r"^lz4\.h$"), {"src/transport", "tests"}),
    (re.compile(r"^librdkafka/"), {"src/kafka", "tests"}),
    (re.compile(r"^ndpi_"), {"src/classify", "tests"}),
    (re.compile(r"^microhttpd\.h$"), {"src/metrics"}),
    (re.compile(r"^check\.h$"), {"tests"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[>"]', re.M)
# Names of headers that the project makes; everything else in <> is libc or a vendor's.
GENERATED = {"spanflow_config.h"}
ROOMS = {*(room.split("/")[-1] for room in ALLOWED), "bpf", "support"}


def tracked(*patterns):
    """Files of the tree: what git knows, or everything where there is no git."""
    if (TOP / ".git").exists() and shutil.which("git"):
        out = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"],
                             check=True, capture_output=True, text=True).stdout
        names = [Path(n) for n in out.splitlines() if (TOP / n).is_file()]
    else:
        names = [p.relative_to(TOP) for p in TOP.rglob("*") if p.is_file()
                 and not any(part.startswith((".", "build")) for part in p.relative_to(TOP).parent.parts)
                 and not p.name.startswith(".")
                 and not (p.parent == TOP and p.match("build*.log"))]  # as .gitignore says
    return sorted(n for n in names if any(n.match(p) for p in patterns))


def includes(name):
    for match in INCLUDE.finditer((TOP / name).read_text(errors="replace")):
        yield match.group(1), match.group(2)


def room_of(name):
    for room in ALLOWED:
        if str(name).startswith(room + "/"):
            return room
    return None


def is_ours(quote, header):
    first = header.split("/")[0]
    if quote == "<":
        return first == "spanflow"
    return "/" in header and first in ROOMS


def rule_includes():
    """A room includes only what docs/design.md §3 allows, by full name: "base/ring.h", <spanflow/…>."""
    bad = []
    for name in tracked("*.c", "*.h", "*.def"):
        room = room_of(name)
        if room is None:
            if str(name).startswith(("src/", "drivers/", "include/")) and len(name.parts) > 2:
                bad.append(f"{name}: its room is not in the table of docs/design.md")
            continue
        for quote, header in includes(name):
            if quote == '"' and header in GENERATED:
                continue
            if quote == '"' and "/" not in header and not header.endswith((".skel.h", ".def")):
                bad.append(f'{name}: "{header}" without its directory')
            elif is_ours(quote, header) and header.split("/")[0] not in ALLOWED[room]:
                bad.append(f"{name}: {room} may not include {header}")
    return bad


TAG = re.compile(r"^(?:struct|union|enum) (sf_\w+) \{", re.M)
INLINE = re.compile(r"^static (?:inline|sf_always_inline) [^;{=]*?\b(sf_\w+)\(", re.M)
SAME_PURPOSE = {"sf_bucket_match"}  # one of several, by the instructions of the processor


def rule_names():
    """A tag or an inline function of the project is defined once: headers may meet in one file, and a
    reader who looks for the name finds one thing."""
    places = {}
    for name in tracked("src/*/*.[ch]", "include/*/*.h", "drivers/*/*.[ch]", "bpf/*.h"):
        text = (TOP / name).read_text()
        for kind, pattern in (("tag", TAG), ("inline function", INLINE)):
            for found in pattern.findall(text):
                places.setdefault((kind, found), []).append(str(name))
    return [f"{kind} {found} is defined in {', '.join(where)}"
            for (kind, found), where in sorted(places.items())
            if len(where) > 1 and found not in SAME_PURPOSE]


def rule_rooms():
    """README.md and the layout in docs/design.md have a line for each room."""
    bad = []
    for page, line in (("README.md", "| `{}/` |"), ("docs/design.md", "\n{}/ ")):
        text = (TOP / page).read_text()
        bad += [f"{page}: no line for {room}/" for room in ALLOWED
                if not room.startswith("drivers/") and line.format(room) not in text]
    return bad


COMMENT = re.compile(r"/\*.*?\*/", re.S)
FILE_NAME = re.compile(r"(?<![\w./<])([a-z][\w-]*(?:/[\w.-]+)*\.(?:[ch]|def|py|md))\b")


def rule_comments():
    """A file that a comment of the product names exists, by its path or in the same directory."""
    files = tracked("*")
    known = {str(name) for name in files} | {name.name for name in files}
    bad = []
    for name in tracked("src/*/*.[ch]", "include/*/*.h", "drivers/*/*.[ch]", "bpf/*.[ch]"):
        for comment in COMMENT.findall((TOP / name).read_text()):
            for found in FILE_NAME.findall(comment):
                if not any(k == found or k.endswith("/" + found) for k in known):
                    bad.append(f"{name}: a comment names {found}, which does not exist")
    return bad


def rule_columns():
    """Lines of comments have at most 100 columns: the formatter leaves them as they are."""
    bad = []
    for name in tracked("*.c", "*.h"):
        text = (TOP / name).read_text()
        lines = text.split("\n")
        for comment in COMMENT.finditer(text):
            first = text.count("\n", 0, comment.start())
            for number in range(first, first + comment.group().count("\n") + 1):
                if len(lines[number].expandtabs(8)) > 100:
                    bad.append(f"{name}:{number + 1}: {len(lines[number].expandtabs(8))} columns")
    return bad


def rule_vendor():
    """Headers of capture libraries stay under their own driver."""
    bad = []
    for name in tracked("*.c", "*.h"):
        for quote, header in includes(name):
            if is_ours(quote, header):
                continue
            for pattern, places in VENDOR:
                if pattern.search(header) and not str(name).startswith(tuple(places)):
                    bad.append(f"{name}: {header} belongs to {', '.join(sorted(places))} only")
    return bad


def compile_alone(compiler, language, header, directory):
    source = Path(directory) / f"alone.{language}"
    source.write_text(f"#include <spanflow/{header}>\n#include <spanflow/{header}>\n")
    flags = ["-std=gnu11"] if language == "c" else ["-std=c++17", "-Wno-missing-field-initializers"]
    return subprocess.run(
        [compiler, *flags, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-D_GNU_SOURCE",
         "-I", TOP / "include", source], capture_output=True, text=True)


def rule_headers():
    """Every public header compiles alone, in C and, where there is a compiler, in C++."""
    bad = []
    compilers = [(os.environ.get("CC", "cc").split()[-1], "c")]
    if shutil.which("g++"):
        compilers.append(("g++", "cc"))
    with tempfile.TemporaryDirectory() as directory:
        for path in tracked("include/spanflow/*.h"):
            for compiler, language in compilers:
                run = compile_alone(compiler, language, path.name, directory)
                if run.returncode:
                    bad.append(f"{path} does not compile alone ({compiler}):\n{run.stderr}")
    return bad


def public_functions():
    """Names of the functions and objects that public headers declare and do not define."""
    names = set()
    for path in tracked("include/spanflow/*.h"):
        text = COMMENT.sub("", (TOP / path).read_text()).replace("SF_CHECKED ", "")
        text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.M)
        text = re.sub(r"^(?:static|struct|union|enum)[^;()]*(?:\([^;{]*\)\s*)?\{.*?^\}", "", text,
                      flags=re.M | re.S)
        names |= set(re.findall(r"^(?!static)[a-z][^;{}()]*?\b(sf_\w+)\(", text, re.M))
        names |= set(re.findall(r"^extern [^;()]*?\b(sf_\w+)(?:\[\])?;", text, re.M))
    return names


def symbols(path, *options):
    text = subprocess.run(["nm", "--defined-only", "--extern-only", *options, path], check=True,
                          capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in text.splitlines() if len(line.split()) == 3}
    return {name for name in names if not name.startswith("__")}  # a sanitizer's


def rule_exports():
    """libspanflow.so exports what public headers declare, and nothing else; libspanflow.a is complete
    in itself and defines only names with the project's prefix."""
    shared, static = BUILD / "include/libspanflow.so", BUILD / "include/libspanflow.a"
    if not shutil.which("nm") or not shared.exists():
        print("no program nm, or no shared library")
        sys.exit(SKIP)
    declared, exported = public_functions(), symbols(shared, "--dynamic")
    bad = [f"{name} is declared in include/spanflow, but not exported"
           for name in sorted(declared - exported)]
    bad += [f"{name} is exported, but not declared in include/spanflow"
            for name in sorted(exported - declared)]
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(static, directory)  # a thin archive would miss its members there
        bad += [f"libspanflow.a defines {name}"
                for name in sorted(symbols(Path(directory) / static.name))
                if not name.startswith("sf_")]
    return bad


def rule_spdx():
    """Every source file says under which licence it is, in its first lines."""
    bad = []
    for name in tracked("*.c", "*.h", "*.def", "*.py", "*.sh", "scripts/*", ".ci/run"):
        head = (TOP / name).read_text(errors="replace").split("\n", 3)[:3]
        if not any("SPDX-License-Identifier: " in line for line in head):
            bad.append(f"{name}: no SPDX line")
    return bad


def rule_length():
    """A file is one thing: 700 lines at most."""
    bad = []
    for name in tracked("src/*.[ch]", "src/*/*.[ch]", "include/*/*.h", "drivers/*/*.[ch]",
                        "bpf/*.[ch]"):
        lines = (TOP / name).read_text().splitlines()
        if len(lines) > 700:
            bad.append(f"{name}: {len(lines)} lines")
    return bad


PLAIN_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+@-]*(/[A-Za-z0-9_.][A-Za-z0-9_.+@-]*)*")


def rule_files():
    """Only what belongs here is in the tree: no output of a program, no large file."""
    bad = []
    for name in map(str, tracked("*")):
        if not PLAIN_NAME.fullmatch(name):
            bad.append(f"{name}: a name that needs quotes")
        elif "/" not in name and name.endswith((".ipfix", ".pcap", ".html", ".json", ".log")):
            bad.append(f"{name}: output of a program")
        elif (TOP / name).stat().st_size > 512 * 1024:
            bad.append(f"{name}: larger than 512 KiB")
    return bad


PLUMBING = re.compile(r"\b(pthread_\w+|thrd_\w+|socket|socketpair|accept4?|bind|listen|epoll_\w+|fork|clone)\(")
WORDS_MAX = 4000


def rule_words():
    """src/cli has words only: no thread, no socket, no process, and no more lines than are allowed."""
    bad, lines = [], 0
    for name in tracked("src/cli/*.[ch]"):
        text = (TOP / name).read_text()
        lines += text.count("\n")
        for found in PLUMBING.findall(COMMENT.sub("", text)):
            bad.append(f"{name}: {found}() is not for src/cli")
    if lines > WORDS_MAX:
        bad.append(f"src/cli has {lines} lines, more than {WORDS_MAX}: what is not words has a room of "
                   "its own")
    return bad


def rule_marks():
    """Nothing is left for later in the source, and no machine's paths are in it."""
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    bad = []
    for name in tracked("*.c", "*.h", "*.py", "*.sh", "*.md", "*.build", "*.def", "scripts/*"):
        for number, line in enumerate((TOP / name).read_text(errors="replace").splitlines(), 1):
            if mark.search(line):
                bad.append(f"{name}:{number}: {line.strip()}")
            if "/wo" "rk/" in line or "/ro" "ot/" in line:
                bad.append(f"{name}:{number}: a path of one machine: {line.strip()}")
    return bad


def spanflow(*arguments, stdin=None):
    return subprocess.run([BUILD / "src/cli/spanflow", *arguments], stdin=stdin, check=True,
                          capture_output=True, text=True).stdout


def rule_man():
    """The committed man page is what the options table yields now; no line of its text is a request."""
    with open(TOP / "docs/spanflow.1.in") as template:
        made = spanflow("--generate-man", stdin=template)
    bad = [f"docs/spanflow.1: man leaves this line out: {line}" for line in made.splitlines()
           if re.match(r"[.'](?!\\\"|[A-Za-z]{1,2}( |$))", line)]
    if made != (TOP / "docs/spanflow.1").read_text():
        bad.append("docs/spanflow.1 is out of step with the options table: run scripts/update-docs")
    return bad


def rule_completions():
    """The committed completions are what the options table yields now."""
    names = {"bash": "spanflow", "zsh": "_spanflow", "fish": "spanflow.fish"}
    return [f"packaging/completions/{name} is out of step with the options table: run "
            "scripts/update-docs" for shell, name in names.items()
            if spanflow("--generate-completion", shell)
            != (TOP / "packaging/completions" / name).read_text()]


def rule_metrics():
    """
    The committed page of counters is what their table yields now, and dashboard and alerts name
    metrics of that table, and no other label than it has.
    """
    page = (TOP / "docs/metrics.md").read_text()
    bad = []
    if spanflow("--generate-metrics") != page:
        bad.append("docs/metrics.md is out of step with base/counters.def: run scripts/update-docs")
    metrics = {name: set(labels.replace(" ", "").split(",")) for name, labels in
               re.findall(r"^\| `(spanflow_\w+)` \| (?:counter|gauge) \| ([^|]*) \|", page, re.M)}
    for name in ("docs/prometheus/spanflow.rules.yml", "docs/grafana/spanflow.json"):
        text = (TOP / name).read_text().replace('\\"', '"')
        for metric, selector in re.findall(r"\b(spanflow_\w+)(?:\{([^}]*)\})?", text):
            if metric not in metrics:
                bad.append(f"{name}: there is no metric {metric}")
                continue
            for label in re.findall(r"(\w+) *[=!]", selector):
                if label not in metrics[metric] | {"instance", "job"}:
                    bad.append(f"{name}: {metric} has no label {label}")
        for label in re.findall(r"\$labels\.(\w+)|{{(\w+)}}", text):
            if "".join(label) not in {"source", "destination", "reason", "instance"}:
                bad.append(f"{name}: no metric has the label {''.join(label)}")
    return bad


def rule_options():
    """Every option that the documents name exists, for the subcommand they name it with."""
    known = {}
    for command in re.findall(r"^  (\w+)  ", spanflow("--help"), re.M):
        text = spanflow(command, "--help")
        known[command] = set(re.findall(r"--[a-z][a-z0-9-]*", text))
        known[command] |= set(re.findall(r"^  (-\w),", text, re.M))
    bad = []
    use = re.compile(r"\bspanflow (" + "|".join(known) + r")\b([^`\n]*)")
    for name in tracked("README.md", "docs/*.md", "docs/spanflow.1.in"):
        text = (TOP / name).read_text().replace("\\\n", " ").replace("\\-", "-")
        for match in use.finditer(text):
            words = re.split(r"[|;]", match.group(2))[0]
            for option in re.findall(r"(?<!\S)(--[a-z][a-z0-9-]*|-[a-z](?![\w-]))", words):
                if option not in known[match.group(1)]:
                    bad.append(f"{name}: spanflow {match.group(1)} has no {option}")
    return bad


def rule_conformance():
    """The list of what the standards demand and the marks in source and tests agree; so does its document."""
    bad = conformance.check(TOP)
    if conformance.document(TOP) != (TOP / "docs/conformance.md").read_text():
        bad.append("docs/conformance.md is out of step with the list: run scripts/update-docs")
    return bad


RULES = {name[5:]: rule for name, rule in globals().items() if name.startswith("rule_")}


def main():
    failed = False
    for name in sys.argv[1:] or RULES:
        for line in RULES[name]():
            print(f"{name}: {line}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
