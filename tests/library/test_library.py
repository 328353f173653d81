#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libspanflow as another program gets it: installed, found with pkg-config, compiled in a clean
folder, with shared and with static linking."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TOP = Path(os.environ["SOURCE_ROOT"])
PLACE = tempfile.TemporaryDirectory(prefix="spanflow-library-")
ROOT = Path(PLACE.name) / "root"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SKIP = 77


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def install():
    run(os.environ["MESON"], "install", "-C", os.environ["BUILD_ROOT"], "--no-rebuild", "--quiet",
        "--destdir", ROOT)


def pkg_config(*arguments):
    path = str(next(ROOT.rglob("spanflow.pc")).parent)
    env = {**os.environ, "PKG_CONFIG_PATH": path}
    # Only the flags of spanflow.pc name directories that are below ROOT.
    root_prefix = re.search(r"(?m)^prefix=(.*)$", next(ROOT.rglob("spanflow.pc")).read_text())[1]
    flags = run("pkg-config", *arguments, "spanflow", env=env)
    return [flag.replace(root_prefix, f"{ROOT}{root_prefix}") for flag in shlex.split(flags)]


def static_flags():
    """For libspanflow.a with the libraries that it needs as shared ones: not every distribution has
    all that these need themselves as static ones."""
    flags = pkg_config("--cflags", "--libs")
    flags[flags.index("-lspanflow")] = "-l:libspanflow.a"
    needed = pkg_config("--print-requires-private")
    private = re.search(r"(?m)^Libs.private: (.*)$", next(ROOT.rglob("spanflow.pc")).read_text())[1]
    return flags + shlex.split(run("pkg-config", "--libs", *needed)) + private.split()


def has_socket(pid):
    """Whether the program has opened one: it captures, or is about to."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                return True
    return False


class Library(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="spanflow-library-")
        self.addCleanup(place.cleanup)
        self.directory = Path(place.name)
        self.shared = next(ROOT.rglob("libspanflow.so.*"))

    def compile(self, source, *flags, compiler=None, standard="c11"):
        """A program from one source file outside of the tree."""
        copy, program = self.directory / source.name, self.directory / "program"
        if not copy.exists():
            shutil.copy(source, copy)
        run(*shlex.split(compiler or os.environ["CC"]), f"-std={standard}", *WARNINGS,
            copy.name, "-o", program, *flags, cwd=self.directory)
        return program

    def run_program(self, program, *arguments, status=0):
        env = {**os.environ, "LD_LIBRARY_PATH": str(self.shared.parent), "TZ": "UTC"}
        done = subprocess.run([program, *arguments], cwd=self.directory, env=env,
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def check_meter_file(self, program):
        """The table of the program spanflow, without the lines of its report."""
        capture = TOP / "pcaps/demo.pcap"
        wanted = run(os.environ["SPANFLOW"], "meter", "-r", capture)
        rows = self.run_program(program, capture).stdout.splitlines()
        self.assertGreater(len(rows), 10)
        self.assertEqual(sorted(rows), sorted(wanted.splitlines()))
        failed = self.run_program(program, "missing.pcap", status=1)
        self.assertIn("missing.pcap", failed.stderr)

    def test_meter_file(self):
        program = self.compile(TOP / "examples/meter_file.c", *pkg_config("--cflags", "--libs"))
        self.check_meter_file(program)

    def test_meter_file_static(self):
        program = self.compile(TOP / "examples/meter_file.c", *static_flags())
        self.assertNotIn("libspanflow", run("ldd", program))
        self.check_meter_file(program)

    def test_no_driver_libraries(self):
        """A program that meters files has neither libbpf nor DPDK, however it was linked."""
        env = {**os.environ, "LD_LIBRARY_PATH": str(self.shared.parent)}
        for flags in pkg_config("--cflags", "--libs"), static_flags():
            program = self.compile(TOP / "examples/meter_file.c", *flags)
            loaded = run("ldd", program, env=env)
            self.assertIn("libc.so", loaded)
            self.assertNotRegex(loaded, "libbpf|libxdp|librte_")

    def test_soname(self):
        program = self.compile(TOP / "examples/meter_file.c", *pkg_config("--cflags", "--libs"))
        needed = run("readelf", "--dynamic", program)
        self.assertRegex(needed, r"NEEDED.*\[libspanflow\.so\.\d+\]")

    def test_drivers_in_modules(self):
        """Drivers of the installed library find their modules beside it."""
        source = self.directory / "drivers.c"
        source.write_text("""
            #include <spanflow/spanflow.h>
            #include <stdio.h>
            int main(void)
            {
                const char *const names[] = { "xdp", "dpdk" };
                for (int i = 0; i < 2; i++) {
                    const struct sf_capture_ops *ops = sf_capture_driver(names[i]);
                    struct sf_error error = { 0 };
                    if (ops)
                        printf("%s:%d:%s\\n", names[i], ops->probe(&error), error.text);
                }
                return 0;
            }""")
        program = self.compile(source, *pkg_config("--cflags", "--libs"))
        probed = self.run_program(program).stdout
        for name in "xdp", "dpdk":
            module = next(ROOT.rglob(f"spanflow-{name}-*.so"), None)
            self.assertEqual(module is not None, f"{name}:" in probed)
            self.assertNotIn(f"spanflow-{name}-", probed)  # no words about a module that fails
            if module:
                module.rename(self.directory / module.name)
                self.assertRegex(self.run_program(program).stdout,
                                 rf"(?m)^{name}:-\d+:.*{module.name}")
                (self.directory / module.name).rename(module)

    def test_read_ipfix(self):
        program = self.compile(TOP / "examples/read_ipfix.c", *pkg_config("--cflags", "--libs"))
        flows = self.directory / "flows.ipfix"
        run(os.environ["SPANFLOW"], "meter", "-r", TOP / "pcaps/demo.pcap", "-w", flows, "-o",
            "none")
        wanted = run(os.environ["SPANFLOW"], "show", "-o", "json", flows)
        done = self.run_program(program, flows)
        self.assertGreater(len(wanted.splitlines()), 10)
        self.assertEqual(done.stdout, wanted)
        flows.write_bytes(flows.read_bytes()[:-5])
        self.assertIn("flows.ipfix", self.run_program(program, flows, status=1).stderr)

    def test_live(self):
        """A conversation over the loopback interface is printed when it ends."""
        program = self.compile(TOP / "examples/live.c", *pkg_config("--cflags", "--libs"))
        self.assertIn("nosuch0", self.run_program(program, "nosuch0", status=1).stderr)
        if os.geteuid():
            self.skipTest("only root may capture")
        env = {**os.environ, "LD_LIBRARY_PATH": str(self.shared.parent)}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, \
                subprocess.Popen([program, "lo"], stdout=subprocess.PIPE, text=True,
                                 env=env) as live:
            sender.bind(("127.0.0.1", 0))
            receiver.bind(("127.0.0.1", 0))
            pair = f"127.0.0.1 {sender.getsockname()[1]} > 127.0.0.1 {receiver.getsockname()[1]}: "
            end = time.monotonic() + 300
            while not has_socket(live.pid) and time.monotonic() < end:
                time.sleep(0.02)
            for _ in range(30):
                sender.sendto(b"x", receiver.getsockname())
                time.sleep(0.1)
            live.send_signal(signal.SIGINT)
            lines = live.communicate(timeout=300)[0].splitlines()
        self.assertEqual(live.returncode, 0)
        found = [line for line in lines if line.startswith(pair)]
        self.assertTrue(found, lines)
        self.assertRegex(found[0], r": \d+ packets$")

    def test_structures_grow(self):
        """Callers with shorter and with longer structures than the library's."""
        source = self.directory / "sizes.c"
        source.write_text(r"""
            #include <spanflow/spanflow.h>
            #include <assert.h>
            #include <string.h>
            int main(void)
            {
                struct { struct sf_collector_options known; size_t later; } options = { { 0 }, 0 };
                struct sf_collector_stats stats;
                struct sf_collector *collector = NULL;
                struct sf_error error = { 0 };
                unsigned char *last = (unsigned char *)&stats + sizeof(stats) - 8;

                assert(sf_collector_new_sized(&collector, &options.known, sizeof(options), &error) == 0);
                sf_collector_free(collector);
                collector = NULL;
                options.later = 1;
                assert(sf_collector_new_sized(
                           &collector, &options.known, sizeof(options), &error) == SF_EUSAGE);
                assert(!collector && strstr(error.text, "install"));
                options.known.max_templates = 1u << 31;
                assert(sf_collector_new_sized(&collector, &options.known,
                           offsetof(struct sf_collector_options, max_templates), &error) == 0);
                memset(&stats, 0xff, sizeof(stats));
                sf_collector_stats_sized(collector, &stats, sizeof(stats) - 8);
                assert(stats.records == 0 && *last == 0xff);
                sf_collector_free(collector);
                return 0;
            }""")
        program = self.compile(source, *pkg_config("--cflags", "--libs"))
        self.run_program(program)

    def test_result_must_be_looked_at(self):
        source = self.directory / "careless.c"
        source.write_text("""
            #include <spanflow/spanflow.h>
            void careless(struct sf_exporter *exporter);
            void careless(struct sf_exporter *exporter)
            {
                sf_exporter_add_file(exporter, "flows.ipfix", NULL);
            }
            int main(void) { return 0; }""")
        with self.assertRaisesRegex(AssertionError, "unused.result"):
            self.compile(source, *pkg_config("--cflags", "--libs"))

    def test_cpp(self):
        """Headers have C linkage in C++."""
        if not shutil.which("g++"):
            self.skipTest("no program g++")
        source = self.directory / "client.cc"
        source.write_text("""
            #include <spanflow/spanflow.h>
            #include <cstdio>
            int main()
            {
                std::puts(sf_strerror(SF_EOF));
                return sf_element_find_name("octetDeltaCount") ? 0 : 1;
            }""")
        program = self.compile(source, *pkg_config("--cflags", "--libs"), compiler="g++",
                               standard="c++17")
        self.run_program(program)


if __name__ == "__main__":
    if not shutil.which("pkg-config") or "MESON" not in os.environ:
        print("no program pkg-config, or no meson that could install")
        sys.exit(SKIP)
    install()
    with PLACE:
        unittest.main()
