#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""An installed program finds its modules, and says what is wrong if it does not. Only what uses a
module loads it. Most is shown with the module of the DPDK driver."""

import os
import subprocess
from pathlib import Path

import support
from support import Case, conversations, pcap

LIVE = ("meter", "--driver-options", "--no-huge", "-i", "dpdk:net_nosuch0")


class Install(Case):
    def setUp(self):
        super().setUp()
        root = self.directory / "root"
        if "MESON" not in os.environ:
            self.skipTest("no program 'meson' that could install")
        subprocess.run([os.environ["MESON"], "install", "-C", os.environ["BUILD_ROOT"],
                        "--no-rebuild", "--quiet", "--tags", "runtime", "--destdir", root],
                       check=True, stdout=subprocess.DEVNULL)
        self.program = next(root.rglob("bin/spanflow"))
        self.module = next(root.rglob("spanflow-dpdk-*.so"), None)

    def run_installed(self, *arguments, **more):
        # meson names the build's directory in it
        env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        return subprocess.run([self.program, *arguments], cwd=self.directory, env={**env, **more},
                              capture_output=True, text=True, timeout=support.TIMEOUT)

    def need_module(self):
        if not self.module:
            listed = self.run_installed("list", "drivers").stdout.splitlines()
            self.skipTest(next(line for line in listed if line.startswith("dpdk")))

    def check_broken(self, *words):
        """With a module that does not load: whoever wants DPDK is told, others do not notice."""
        listed = self.run_installed("list", "drivers")
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))
        live = self.run_installed(*LIVE)
        self.assertEqual((live.returncode, live.stdout), (1, ""))
        for word in words:
            self.assertRegex(listed.stdout, rf"(?m)^dpdk .*: would not run here: .*{word}")
            self.assertIn(word, live.stderr)
        capture = self.file("a.pcap", pcap(conversations(3)))
        done = self.run_installed("meter", "-r", capture, "-o", "json")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 3), done.stderr)

    def check_works(self):
        self.assertRegex(self.run_installed("list", "drivers").stdout, r"(?m)^dpdk .*: ready$")
        # the words are the driver's, so it was loaded and DPDK has started
        done = self.run_installed(*LIVE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("dpdk:net_nosuch0: no such device", done.stderr)

    def test_found(self):
        self.need_module()
        self.check_works()

    def test_found_in_build(self):
        self.need_module()
        self.program = Path(support.SPANFLOW).absolute()
        self.check_works()

    def test_missing(self):
        self.need_module()
        if (Path(os.environ["MODULE_DIR"]) / self.module.name).exists():
            self.skipTest(f"one is installed in {os.environ['MODULE_DIR']}")
        self.module.unlink()
        self.check_broken(self.module.name, os.environ["MODULE_DIR"], "ninja install")

    def test_damaged(self):
        self.need_module()
        self.module.write_bytes(b"no module " * 100)
        self.check_broken(self.module.name, "invalid ELF header", "build spanflow anew")

    def test_library_missing(self):
        self.need_module()
        content = self.module.read_bytes()
        self.assertIn(b"librte_eal.so", content)
        self.module.write_bytes(content.replace(b"librte_eal.so", b"librte_nil.so"))
        self.check_broken(self.module.name, "librte_nil.so", "install the libraries")

    def meter(self, options):
        """A device that delivers at once; DPDK's directory is ours."""
        return self.run_installed("meter", "-i", "dpdk:net_null0", "-c", "1000", "-o", "none",
                                  "--no-sandbox", "--driver-options", options,
                                  RUNTIME_DIRECTORY=str(self.directory))

    def test_dpdk_leaves_nothing(self):
        self.need_module()
        for options, status in ("--no-huge -m 64", 0), ("--no-huge -m 1", 1):
            done = self.meter(options)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(list(self.directory.glob("dpdk/*")), [])

    def test_dpdk_words(self):
        """What is wrong is named, and the way out can be copied."""
        self.need_module()
        for options, status, words in (
                ("--frob", 2, "'--frob' is not allowed for DPDK"),
                ("--help", 2, "'--help' is not allowed for DPDK"),
                ("--no-huge --proc-type=secondary", 2, "'--proc-type' is not allowed for DPDK"),
                ("--no-huge " + "--no-hpet " * 62 + "-m 1", 1, "--driver-options '--no-huge -m "),
                ("--no-huge --socket-mem 64", 1,
                 "--socket-mem cannot be specified together with --no-huge")):
            done = self.meter(options)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertNotIn("Usage", done.stderr)

    def test_metrics(self):
        module = next(self.directory.rglob("spanflow-http-*.so"), None)
        if not module:
            self.skipTest("built without libmicrohttpd")
        capture = self.file("a.pcap", pcap(conversations(3)))
        metered = "meter", "-r", capture, "-o", "json"
        served = *metered, "--metrics", "0"
        done = self.run_installed(*served)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 3), done.stderr)
        self.assertRegex(done.stderr, r"metrics at http://127\.0\.0\.1:\d+/metrics")
        if (Path(os.environ["MODULE_DIR"]) / module.name).exists():
            self.skipTest(f"one is installed in {os.environ['MODULE_DIR']}")
        module.unlink()
        done = self.run_installed(*served)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for word in module.name, os.environ["MODULE_DIR"], "ninja install":
            self.assertIn(word, done.stderr)
        done = self.run_installed(*metered)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 3), done.stderr)

    def test_start_loads_no_module(self):
        loaded = self.run_installed("--version", LD_TRACE_LOADED_OBJECTS="1").stdout
        self.assertIn("libc.so", loaded)
        self.assertNotRegex(loaded, "librte_|libmicrohttpd|libgnutls|libssl")


if __name__ == "__main__":
    support.main()
