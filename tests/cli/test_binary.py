#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The program, the modules and the library are hardened: read from the ELF files with readelf."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

PROGRAM = Path(os.environ["SPANFLOW"])
# what each module links, so that runs without it do not load it
LIBRARIES = {"dpdk": "librte_eal", "http": "libmicrohttpd", "kafka": "librdkafka", "ndpi": "libndpi",
             "sctp": "libusrsctp", "tls": "libssl", "xdp": "libbpf"}
LINKED = {"xdp"}  # the program links it, the module is the library's
ENDBR64 = bytes.fromhex("f30f1efa")


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, path], check=True, capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C"}).stdout


class Binary(unittest.TestCase):
    def setUp(self):
        if not shutil.which("readelf"):
            self.skipTest("no program readelf (binutils)")
        build = Path(os.environ["BUILD_ROOT"])
        self.files = [PROGRAM, (build / "include/libspanflow.so").resolve(),
                      *build.glob("spanflow-*-*.so")]
        self.modules = {path.name.split("-")[1]: path for path in self.files[2:]}

    def each(self):
        for path in self.files:
            with self.subTest(file=path.name):
                yield path

    def test_addresses_are_random(self):
        for path in self.each():
            self.assertRegex(readelf("--file-header", path), r"Type: +DYN")
        self.assertRegex(readelf("--dynamic", PROGRAM), r"FLAGS_1.* PIE\b")

    def test_relocations_are_read_only(self):
        for path in self.each():
            self.assertRegex(readelf("--program-headers", path), r"(?m)^ +GNU_RELRO ")
            self.assertRegex(readelf("--dynamic", path), r"BIND_NOW|FLAGS_1.*\bNOW\b")

    def test_nothing_is_writable_and_executable(self):
        for path in self.each():
            headers = readelf("--program-headers", path)
            self.assertRegex(headers, r"(?m)^ +GNU_STACK .* RW +(0x[0-9a-f]+|0)$")
            self.assertNotRegex(headers, r"(?m)^ +LOAD .* RWE +0x")
            self.assertNotIn("TEXTREL", readelf("--dynamic", path))

    def test_stack_is_protected(self):
        for path in self.each():
            self.assertIn("__stack_chk_fail", readelf("--dyn-syms", path))

    def test_library_calls_are_checked(self):
        if os.environ["OPTIMIZATION"] in ("0", "g", "plain"):
            self.skipTest("the build has no optimisation, which _FORTIFY_SOURCE needs")
        for path in self.each():
            symbols = readelf("--dyn-syms", path)
            # a small module may call none of the functions that have a checked form
            if path == PROGRAM or re.search(r" UND (v?snprintf|mem(cpy|move|set))@", symbols):
                self.assertRegex(symbols, r"__v?snprintf_chk|__memcpy_chk")

    def test_indirect_jumps_have_marked_targets(self):
        """Functions begin with endbr64. (Whether the file as a whole is marked depends on the C
        library's start files, which not every distribution builds so.)"""
        if os.environ["CPU"] != "x86_64":
            self.skipTest("x86-64 only")
        for path in self.each():
            functions = len(re.findall(r" FUNC .* (?!UND)\d+ ", readelf("--syms", path)))
            self.assertGreater(path.read_bytes().count(ENDBR64), functions // 4)

    def test_modules_alone_link_their_libraries(self):
        program = readelf("--dynamic", PROGRAM)
        for name, path in self.modules.items():
            with self.subTest(module=name):
                needed = rf"NEEDED.*\[{LIBRARIES[name]}\."
                self.assertRegex(readelf("--dynamic", path), needed)
                if name not in LINKED:
                    self.assertNotRegex(program, needed)

    def test_no_path_of_the_build_is_left(self):
        for path in self.each():
            content = path.read_bytes()
            for place in os.environ["BUILD_ROOT"], os.environ["SOURCE_ROOT"]:
                self.assertNotIn(place.encode() + b"/", content)
            self.assertNotIn(os.environ["BUILD_ROOT"], readelf("--dynamic", path))


if __name__ == "__main__":
    unittest.main()
