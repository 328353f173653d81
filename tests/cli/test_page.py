#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page of `report` as people use it: what charts say, keyboard, screen reader, paper."""

import json

import support
from pages import FIELDS, PageCase, flow, ipfix
from support import conversations, pcap


class Labels(PageCase):
    def drawn(self, tab, chart):
        """The texts that a chart draws."""
        return json.loads(tab.evaluate("""(() => {
            const texts = [];
            const { fillText } = CanvasRenderingContext2D.prototype;
            CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
              if (this.canvas.closest('#chart-%s'))
                texts.push(text);
              fillText.call(this, text, ...place);
            };
            spanflowPage.update();
            CanvasRenderingContext2D.prototype.fillText = fillText;
            return JSON.stringify(texts);
        })()""" % chart))

    def test_areas_of_the_tree_map(self):
        """A name is whole or not there; the largest areas have name and share, in each width."""
        records = [flow(0, source=0x0A00000A + i, destination=0xC6336401 + 256 * (i % 40), octets=10**7 // (1 + i),
                        ports=(1024 + i, 443)) for i in range(120)]
        self.report(self.file("flows.ipfix", ipfix(records, FIELDS)))
        tab = self.open()
        names = {f"10.0.0.{10 + i}" for i in range(120)} | {f"198.51.{100 + i}.1" for i in range(40)}
        halves = {f"{a}.{b}." for a, b, _, _ in (name.split(".") for name in names)}
        halves |= {f"{c}.{d}" for _, _, c, d in (name.split(".") for name in names)}
        halves |= {name.split(".")[3] for name in names} | {part + "." for name in names for part in name.split(".")}
        for width in (1400, 400):
            tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            tab.wait(f"document.querySelector('#chart-tree canvas').clientWidth < {width}")
            texts = self.drawn(tab, "tree")
            shares = [text for text in texts if text.endswith(" %")]
            self.assertEqual(set(texts) - names - halves - set(shares), {"inside", "outside", "10.0.0.0/24"})
            self.assertIn("10.0.0.10", texts)
            # sent by the first of 120 hosts, that is 1 / (1 + 1/2 + ... + 1/120) of all
            self.assertIn("18.6 %", texts)
            self.assertGreater(len(texts), 15 if width == 400 else 40)
            self.assertLess(len(texts), 200)
        self.assertEqual(tab.problems, [])


class Folded(PageCase):
    def test_folded_records(self):
        """They count as the flows that they are the sum of, and are of prefixes."""
        capture = self.file("a.pcap", pcap(conversations(40)))
        out = self.directory / "out.ipfix"
        done = self.run_plain("meter", "-r", capture, "-q", "-w", f"{out},small=1000")
        self.assertEqual(done.status, 0, done.stderr)
        records = self.run_plain("show", out, "-o", "json", "-q").records
        self.assertLess(len(records), 10)
        done = self.run_plain("report", out, "-o", self.page)
        self.assertEqual(done.stderr, "40 flows\n")
        tab = self.open()
        self.assertEqual(self.totals(tab), self.shown(capture))
        folded = records[0]
        prefix = f"{folded['sourceIPv4Address']}/{folded['sourceIPv4PrefixLength']}"
        lines = tab.evaluate("document.querySelector('#flows tbody').textContent")
        self.assertIn(prefix, lines)
        self.assertIn(" networks", tab.evaluate("document.querySelector('.period').textContent"))
        self.assertIn("40 flows were read", tab.evaluate("document.getElementById('notes').textContent"))
        for panel in "tree", "activity", "hosts":
            self.assertIn(prefix, tab.evaluate(f"document.getElementById('{panel}').textContent"), panel)
        for where in ("has deltaFlowCount and not has sport", "deltaFlowCount > 1", "src net 10.0.0.0/8",
                      f"src {folded['sourceIPv4Address']}"):
            self.assertEqual(tab.evaluate(f"spanflowPage.ask({json.dumps(where)})"), self.shown(out, where), where)
        self.choose(tab, "tree", prefix)
        self.assertEqual(self.totals(tab), self.shown(out, f"host {folded['sourceIPv4Address']}"))
        # what was left out is counted in flows, too
        done = self.run_plain("report", out, "-o", self.page, "--where", "not has deltaFlowCount")
        self.assertEqual(done.stderr, "0 flows\n")
        counts = self.open().evaluate("document.querySelector('#notes table').textContent")
        self.assertIn("flows that do not meet --where40", counts)
        self.assertEqual(tab.problems, [])

    def test_a_page_of_a_meter_that_folds(self):
        capture = self.file("a.pcap", pcap(conversations(40)))
        folding = ["meter", "-r", capture, "--max-flows", "10", "--fold", "evicted", "-q"]
        records = self.run_plain(*folding, "-o", "json").records
        self.page.write_text(self.run_plain(*folding, "-o", "html").stdout)
        tab = self.open()
        self.assertEqual(self.totals(tab)["flows"], sum(record.get("deltaFlowCount", 1) for record in records))
        self.assertGreater(self.totals(tab)["flows"], len(records))


if __name__ == "__main__":
    support.main()
