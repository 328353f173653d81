#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page of `report`: in a headless Chromium, its numbers compared with those of `show`."""

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import termios
import unittest

import support
from pages import FIELDS, NOT_BUILT, PageCase, flow, ipfix
from support import SPANFLOW, Case, conversations, generated, pcap, wait_until

# characters that end a script, HTML, a line, or turn the direction of text
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028\u202e\x07]]>"


def unread(pipe):
    """Bytes that wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@unittest.skipIf(NOT_BUILT, f"built without the page: {NOT_BUILT}")
class Report(Case):
    """Without a browser."""

    def setUp(self):
        super().setUp()
        self.page = self.directory / "page.html"

    def report(self, *arguments, status=0):
        done = self.run_plain("report", *arguments, "-o", self.page)
        self.assertEqual(done.status, status, done.stderr)
        return done

    def test_everything_that_can_be_read(self):
        """IPFIX, captures, directories with other files, standard input; what is wrong is named."""
        folder = self.directory / "in" / "deeper"
        folder.mkdir(parents=True)
        (folder / "a.pcap").write_bytes(pcap(conversations(5)))
        (folder / "b.ipfix").write_bytes(ipfix([flow(i, ports=(i + 1, 80)) for i in range(7)], FIELDS))
        (folder / "readme.txt").write_text("neither")
        self.assertIn("12 flows", self.report(folder.parent).stderr)
        for name, count in (("a.pcap", 5), ("b.ipfix", 7)):
            page = self.directory / "stdin.html"
            with open(folder / name, "rb") as stream:
                piped = subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE)
                done = subprocess.run([SPANFLOW, "report", "-", "-o", page], stdin=piped.stdout,
                                      capture_output=True, text=True, timeout=support.TIMEOUT)
                piped.stdout.close()
                piped.wait()
            self.assertEqual((done.returncode, done.stderr), (0, f"{count} flows in {page}\n"))
        done = self.report(folder / "readme.txt", folder / "b.ipfix", self.directory / "none", status=1)
        self.assertIn("readme.txt: not an IPFIX file", done.stderr)
        self.assertIn("none: No such file", done.stderr)
        self.assertIn("7 flows", done.stderr)

    def test_files_are_not_overwritten(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        self.page.write_text("something of mine")
        self.assertIn("--force", self.report(capture, status=1).stderr)
        self.assertEqual(self.page.read_text(), "something of mine")
        self.report(capture, "--force")
        self.report(capture)
        written = self.page.read_bytes()
        for arguments in (("none",), ("none", "nor this"), ("none", "--force")):
            self.assertIn("No such file", self.report(*arguments, status=1).stderr)
            self.assertEqual(self.page.read_bytes(), written)
        self.assertEqual([], [p.name for p in self.directory.glob("page.html.*")])

    def test_usage(self):
        for arguments, words in ((["report"], "report needs files"),
                                 (["report", "-", "-o", "x", "--refresh", "5"], "standard input"),
                                 (["report", "x", "--refresh", "5"], "needs a file"),
                                 (["report", "/dev/null", "-o", "x", "--local-net", "10.0.0.0/8,10.0.0.0/33"],
                                  "'10.0.0.0/33' is no prefix"),
                                 (["report", "/dev/null", "-o", "x", "--where", "prt 80"], "did you mean")):
            done = self.run_plain(*arguments, cwd=self.directory)
            self.assertEqual(done.status, 2, done.stderr)
            self.assertIn(words, done.stderr)

    def test_refresh(self):
        """The page is made anew, whole at each moment, until a signal comes."""
        capture = self.file("a.pcap", pcap(conversations(2)))
        process = self.start("report", capture, "-o", self.page, "--refresh", "1s")
        wait_until(self.page.exists, "the first page")
        first = self.page.stat().st_ino
        wait_until(lambda: self.page.stat().st_ino != first, "the second page")
        process.terminate()
        self.assertEqual(self.end(process).status, 0)
        self.assertTrue(self.page.read_text().rstrip().endswith("</html>"))

    def test_a_signal_ends_the_reading(self):
        """The page has what came until then."""
        read, write = os.pipe()
        process = self.start("report", "-", "-o", self.page, stdin=read)
        os.close(read)
        os.write(write, 150 * ipfix([flow(i) for i in range(500)], FIELDS))
        wait_until(lambda: select.select([], [write], [], 0)[1] and not unread(write), "the reading")
        process.terminate()
        done = self.end(process)
        os.close(write)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertRegex(done.stderr, r"[1-9]\d+ flows")
        self.assertTrue(self.page.exists())

    def test_nothing_of_the_input_is_on_the_page_in_plain(self):
        named = self.directory / "a<script>b<!--.ipfix"
        named.write_bytes(ipfix([flow(0)], FIELDS))
        self.report(named, "--title", HOSTILE)
        text = self.page.read_bytes()
        self.assertNotIn(b"onerror=alert(1)>", text)
        self.assertNotIn(b"a<script>b", text)
        self.assertEqual(len(re.findall(rb"</script>", text)), 3)


class Browsing(PageCase):
    """In a browser."""

    def test_choices_filter_everything(self):
        flows = self.mixed()
        tab = self.open()
        self.assertEqual(self.totals(tab), self.shown(flows))
        self.choose(tab, "protocols", "udp")
        self.assertEqual(self.totals(tab), self.shown(flows, "proto udp"))
        self.assertEqual(tab.evaluate("location.hash"), "#proto=17")
        shares = tab.evaluate("[...document.querySelectorAll('#protocols td:last-child')].map(cell => parseFloat("
                              "cell.textContent)).reduce((a, b) => a + b)")
        self.assertAlmostEqual(shares, 100, delta=0.3)
        self.choose(tab, "protocols", "tcp")
        self.assertEqual(self.totals(tab), self.shown(flows, "proto udp or proto tcp"))
        tab.evaluate("history.back()")
        tab.wait("location.hash === '#proto=17'")
        self.assertEqual(self.totals(tab), self.shown(flows, "proto udp"))
        self.choose(tab, "protocols", "tcp")
        # a bookmark of it says the same, and so does the table
        again = self.open(tab.evaluate("location.hash"))
        self.assertEqual(self.totals(again), self.totals(tab))
        lines = again.evaluate("document.querySelector('#flows .turn').textContent")
        self.assertIn(f"of {self.totals(tab)['flows']:,}", lines)
        self.assertEqual(tab.problems + again.problems, [])

    def test_a_page_of_a_meter(self):
        """meter -o html: the records that leave the meter, also of several workers."""
        capture = self.file("a.pcap", pcap(conversations(40)))
        for arguments, where in (([], "any"), (["--workers", "2", "--where", "src port < 1024"],
                                               "src port < 1024")):
            page = self.start("meter", "-r", capture, "-o", "html", "-q", *arguments)
            done = self.end(page)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.page.write_text(done.stdout)
            tab = self.open()
            self.assertEqual(self.totals(tab), self.shown(capture, where))
            self.assertEqual(tab.problems, [])

    def colours(self, tab, chart):
        """How many different colours a chart has."""
        return tab.evaluate(f"""(() => {{
            spanflowPage.drawAll();
            const canvas = document.querySelector('#chart-{chart} canvas');
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {{ willReadFrequently: true }});
            copy.drawImage(canvas, 0, 0);
            return new Set(new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
        }})()""")

    def test_every_chart_is_drawn(self):
        self.noteworthy()
        tab = self.open()
        charts = json.loads(tab.evaluate(
            "JSON.stringify([...document.querySelectorAll('.chart')].map(c => c.id.slice(6)))"))
        self.assertEqual(set(charts), {"time", "protocols", "services", "hosts", "tree", "activity", "links",
                                       "countries"})
        for theme in ("light", "dark"):
            tab.evaluate(f"document.documentElement.dataset.theme === '{theme}' || "
                         "document.querySelector('[aria-label*=dark]').click()")
            for chart in charts:
                self.assertGreater(self.colours(tab, chart), 10, (theme, chart))
                self.assertTrue(tab.evaluate(
                    f"document.getElementById('chart-{chart}').getAttribute('aria-label').length > 20"))
        tab.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
        tab.wait("document.querySelector('#chart-links canvas').width < 700")
        for chart in charts:
            self.assertGreater(self.colours(tab, chart), 10, (theme, chart))
        for display in ("none", ""):
            tab.evaluate(f"new Promise(done => {{ document.querySelector('main').style.display = '{display}'; "
                         "requestAnimationFrame(() => setTimeout(done, 20)); })")
        tab.evaluate("location.hash = 'links=services'")
        tab.wait("document.querySelector('#links select').value === 'services'")
        self.assertGreater(self.colours(tab, "links"), 10)
        self.assertEqual(tab.problems, [])

    def test_what_stands_out(self):
        path = self.noteworthy()
        tab = self.open()
        found = tab.evaluate("document.getElementById('findings').textContent")
        self.assertIn("10.0.0.5 sent 9.00 MB to 198.51.100.10 and got 20.0 kB back", found)
        self.assertIn("10.0.0.6 called 198.51.100.8 (tcp/8443) 12 times, every 30 s", found)
        self.assertIn("198.51.100.1 tried 3 hosts and 150 ports; 150 of 150 flows were not answered", found)
        self.assertIn("10.0.0.1 → 10.0.0.2 (remote access)",
                      tab.evaluate("document.getElementById('links').textContent"))
        counts = json.loads(tab.evaluate("""JSON.stringify([...document.querySelectorAll('#notes table')].map(t =>
            [Boolean(t.closest('details')), [...t.querySelectorAll('tbody tr')].map(r => r.lastChild.textContent)]))"""))
        self.assertEqual([folded for folded, _ in counts], [False, True])
        self.assertNotIn("0", counts[0][1])
        self.assertEqual(set(counts[1][1]), {"0"})
        self.assertIn(f"{len(counts[1][1])} further counters are zero",
                      tab.evaluate("document.getElementById('notes').textContent"))
        servers = tab.evaluate("document.getElementById('servers').textContent")
        self.assertIn("tcp/445 smb", servers)
        self.assertNotIn("8443", servers)
        pair = "host 10.0.0.5 and host 198.51.100.10"
        for panel, label, where in (("findings", "10.0.0.5", pair),
                                    ("countries", "DE Germany", pair + " and country DE")):
            self.choose(tab, panel, label)
            self.assertEqual(self.totals(tab), self.shown(path, where))
        self.assertEqual(tab.problems, [])

    def test_both_directions_of_a_biflow(self):
        """A record of both directions gives two rows, as for the questions of show."""
        back = [(1, 4, 29305), (2, 4, 29305)]
        path = self.file("flows.ipfix", ipfix([flow(0) + struct.pack("!II", 900, 5)], FIELDS + back))
        self.report(path)
        tab = self.open()
        self.assertEqual(self.totals(tab), {"bytes": 1200, "packets": 8, "flows": 2})
        for question, octets in (("src 10.0.0.1", 300), ("src port 443", 900)):
            self.ask(tab, question)
            self.assertEqual(self.totals(tab)["bytes"], octets)
        self.assertIn("tcp/443 https", tab.evaluate("document.getElementById('servers').textContent"))

    def test_for_others_eyes(self):
        path = self.noteworthy()
        self.report(path, "--anonymize", "--where", "not host 10.0.0.77")
        tab = self.open()
        text = tab.evaluate("document.body.textContent")
        self.assertIn(" sent 9.00 MB to ", text)
        for word in ("10.0.0.5", "10.0.0.77", "198.51.100.", "flows.ipfix"):
            self.assertNotIn(word, text)
        self.assertEqual(self.totals(tab), self.shown(path))

    def test_networks_of_ones_own(self):
        path = self.noteworthy()
        self.report(path, "--local-net", "198.51.100.0/24,2001:db8::/32")
        tab = self.open()
        servers = tab.evaluate("document.getElementById('servers').textContent")
        self.assertIn("198.51.100.10inside", servers)
        self.assertIn("10.0.0.2outside", servers)

    def test_hosts_are_brushed(self):
        path = self.noteworthy()
        tab = self.open()
        box = json.loads(tab.evaluate(
            "document.getElementById('chart-hosts').scrollIntoView({ block: 'center' }),"
            "JSON.stringify(document.getElementById('chart-hosts').getBoundingClientRect())"))
        tab.drag(box["x"] + box["width"] * 0.6, box["y"] + 47, box["x"] + box["width"] * 0.97, box["y"] + 360)
        tab.wait("location.hash.startsWith('#host=')")
        hosts = tab.evaluate("location.hash")[6:].split(",")
        self.assertIn("10.0.0.5", hosts)
        self.assertEqual(self.totals(tab), self.shown(path, f"host in [{', '.join(hosts)}]"))
        self.assertEqual(tab.problems, [])

    # each word and kind of value of the language
    QUESTIONS = """any
        tcp
        not proto tcp and not proto udp and not proto icmp
        proto 6 or 17
        tcp port 443 || udp dst port dns
        port 53 and packets < 5 and bytes > 1.5k
        bytes 100-2k and not (src host 10.0.0.17 or dst net 198.51.100.0/25)
        octetDeltaCount >= 0x400
        src 10.0.0.19
        host 10.0.0.1 and host 198.51.100.1
        src or dst net 10.0.0.0/30
        both net private
        dst net private
        10.0.0.2
        10.0.0
        ip in [10.0.0.2, 10.0.0.4/31, 2001:db8::/32]
        src port in [40000-40100, 443] and dst port != 53
        either port in [https, ssh]
        both port in [40001, 443]
        duration > 10ms
        duration = 10ms
        start > 2023-11-14T22:13:25
        start = 2023-11-14T22:13
        start < 2023-11-14 22:13:30 and end >= @1700000005.25
        start > today -5000d
        bps > 1M or pps < 301
        bpp 100-500
        icmp-type 8 or icmp-code 0
        icmp
        has sport and not ipv6
        ipVersion = 4
        vlan
        has tos
        flags S/SA
        flags > 2
        in if 1
        exporter contains flows
        exporter ~ '^/.*[[:alpha:]]+.ipfix$'
        exporter in [192.0.2.1]
        country DE
        dst country in [de, br] or src country = US
        as 64500 and not src as 0
        has srcas
        domain 1
        dscp 0-3
        reason = 1
        not not (tcp and ((dst port 443)))"""
    MISTAKES = ("tcp and", "port", "port 70000", "src", "bytes > x", "host ~ x y", "(tcp", "tcp)", "prt 80", "duration > 5x",
                "flags Q", "start > never", "tcp udp", "src tcp", "in tcp", "port > 1-5", "src > 10.0.0.1", "'a", "tcp $",
                "bytes contains 5", "in [1]", "port in [1", "ip in", "country in []")

    def test_the_language_is_that_of_show(self):
        self.noteworthy()
        noteworthy = (self.directory / "flows.ipfix").read_bytes()
        self.mixed()
        path = self.file("flows.ipfix", noteworthy + (self.directory / "flows.ipfix").read_bytes())
        self.report(path)
        tab = self.open()
        everything = self.totals(tab)["flows"]
        several = 0
        for question in map(str.strip, self.QUESTIONS.splitlines()):
            with self.subTest(question):
                sums = tab.evaluate(f"spanflowPage.ask({json.dumps(question)})")
                self.assertEqual(sums, self.shown(path, question))
                several += 0 < sums["flows"] < everything
        self.assertGreater(several, 20)
        for mistake in self.MISTAKES:
            with self.subTest(mistake):
                self.assertEqual(self.run_plain("show", path, "--where", mistake).status, 2)
                self.assertIn("\n  " + mistake, tab.evaluate(
                    f"(() => {{ try {{ spanflowPage.ask({json.dumps(mistake)}); }} catch (e) {{ return e.message; }} }})()"))
        # the field of the page
        self.ask(tab, "port 53")
        self.assertEqual(self.totals(tab), self.shown(path, "port 53"))
        self.ask(tab, "port 53 and")
        self.assertIn("a condition is missing here\n  port 53 and\n",
                      tab.evaluate("document.querySelector('.where-error').textContent"))
        self.assertEqual(self.totals(tab)["flows"], everything)
        self.assertEqual(tab.problems, [])

    def test_a_time_is_brushed(self):
        records = [flow(i, start=100 * i, ports=(2000 + i, 443)) for i in range(1000)]
        path = self.file("flows.ipfix", ipfix(records, FIELDS))
        self.report(path)
        tab = self.open()
        box = json.loads(tab.evaluate(
            "document.getElementById('chart-time').scrollIntoView({ block: 'center' }),"
            "JSON.stringify(document.getElementById('chart-time').getBoundingClientRect())"))
        middle = box["y"] + box["height"] / 2
        tab.drag(box["x"] + box["width"] * 0.3, middle, box["x"] + box["width"] * 0.6, middle)
        tab.wait("location.hash.startsWith('#time=')")
        first, last = map(int, re.findall(r"\d+", tab.evaluate("location.hash")))
        self.assertLess(15_000, last - first)
        self.assertLess(last - first, 60_000)
        self.assertEqual(self.totals(tab), self.shown(
            path, f"start >= @{first / 1000:.3f} and start < @{last / 1000:.3f}"))
        self.assertEqual(tab.problems, [])

    def test_hostile_names(self):
        named = self.directory / "a<script><img src=x onerror=alert(1)>.ipfix"
        named.write_bytes(ipfix([flow(0)], FIELDS))
        self.report(named, "--title", HOSTILE)
        tab = self.open()
        self.assertEqual(tab.evaluate("document.querySelectorAll('img').length"), 0)
        title = tab.evaluate("document.querySelector('h1').textContent")
        self.assertIn("</script><img src=x onerror=alert(1)>", title)
        self.assertNotRegex(title, "[\u2028\u202e\x07]")
        self.assertEqual(tab.problems, [])

    def test_200000_flows(self):
        def one(i):
            return flow(i, start=37 * i, source=0x0A000000 + i * 7919 % 3000, packets=1 + i % 40,
                        destination=0xC6330000 + i * i % 20000, ports=(1024 + i * 31 % 60000, (443, 80, 53)[i % 3]),
                        octets=60 + i * i % 100000, duration=i % 5000)
        # processor time from the navigation on; 1.3 s, and up to 2.0 s beside many programs that share the caches
        self.report(self.file("few.ipfix", ipfix([one(i) for i in range(100)], FIELDS)))
        few = self.browser.open(self.page).busy()
        path = self.file("flows.ipfix", ipfix([one(i) for i in range(200_000)], FIELDS))
        self.report(path)
        self.assertLess(self.page.stat().st_size, 2_500_000)
        tab = self.browser.open(self.page)
        many = tab.busy()
        marks = json.loads(tab.evaluate("JSON.stringify(Object.fromEntries(performance.getEntriesByType('mark')"
                                        ".map(mark => [mark.name, mark.startTime])))"))
        print(f"interactive after {few:.2f} s of the processor with 100 flows, {many:.2f} s with 200,000; ms: {marks}")
        self.assertEqual(list(marks), ["program", "data", "texts", "interactive"])
        self.assertLess(many, 2.5)
        self.assertLess(many - few, 1.5)
        tab.wait("document.documentElement.dataset.drawn === 'yes'")
        self.assertEqual(self.totals(tab)["flows"], 200_000)
        begin = tab.busy()
        self.choose(tab, "services", "tcp/443 https")
        self.assertLess(tab.busy() - begin, 1)
        self.assertEqual(tab.problems, [])


@unittest.skipUnless(NOT_BUILT, "the page is built")
class Absent(Case):
    def test_it_says_so(self):
        done = self.run_plain("report", "/dev/null", "-o", self.directory / "x")
        self.assertEqual(done.status, 1)
        self.assertIn(f"built without the page: {NOT_BUILT}", done.stderr)


if __name__ == "__main__":
    support.main()
