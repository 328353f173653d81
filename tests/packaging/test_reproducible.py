#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second build, of a copy of the tree in another place and with a build directory of another depth,
installs the same files to the last byte."""

import configparser
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from tree import copy_tree

TOP, BUILD, MESON = (Path(os.environ[name]) for name in ("SOURCE_ROOT", "BUILD_ROOT", "MESON"))


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, **more)
    assert done.returncode == 0, f"{command}: {done.stdout[-4000:]}{done.stderr[-2000:]}"


def options():
    """What the build directory was configured with."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=")
    parser.optionxform = str
    parser.read(BUILD / "meson-private/cmd_line.txt")
    return [f"-D{name}={value}" for name, value in parser["options"].items()]


def installed(build, to):
    run(MESON, "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", to)
    return {str(p.relative_to(to)): p.read_bytes() for p in to.rglob("*") if p.is_file()}


class Reproducible(unittest.TestCase):
    def test_elsewhere(self):
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            tree, build = place / "another/tree", place / "of/another/depth/build"
            copy_tree(TOP, tree)
            # ccache would hand out the other build's objects
            environment = {**os.environ, "CCACHE_DISABLE": "1"}
            run(MESON, "setup", build, tree, *options(), env=environment)
            # what is compiled and installed, and no tests
            names = ["src/cli/spanflow", "docs/spanflow.1"]
            shared = (BUILD / "include/libspanflow.so").resolve()
            names += [f"include/{shared.name}", "include/libspanflow.a"]
            names += [module.name for module in BUILD.glob("spanflow-*-*.so")]
            run("ninja", "-C", build, *names, env=environment)
            first, second = installed(BUILD, place / "first"), installed(build, place / "second")
            self.assertEqual(sorted(first), sorted(second))
            self.assertTrue(any(name.endswith("bin/spanflow") for name in first))
            self.assertEqual([name for name in first if first[name] != second[name]], [])


if __name__ == "__main__":
    unittest.main()
