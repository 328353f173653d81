#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page of `report` as people use it: what charts say, keyboard, screen reader, paper."""

import json
import shutil
import subprocess

import support
from pages import FIELDS, PageCase, flow, ipfix
from support import conversations, pcap


class Labels(PageCase):
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


# what the Tab key is to reach, and what has the focus
REACHABLE = """[...document.querySelectorAll('a, button, input, select, summary, [tabindex="0"]')]
  .filter(e => !e.disabled && e.checkVisibility())"""
FOCUSED = """(() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 10));
  return JSON.stringify({ place: %s.indexOf(e), text: e.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    seen: e.contains(over) || (over?.contains(e) ?? false) });
})()""" % REACHABLE


class Keyboard(PageCase):
    def labels(self, tab):
        return json.loads(tab.evaluate("JSON.stringify(Object.fromEntries([...document.querySelectorAll('.chart')]"
                                       ".map(e => [e.id.slice(6), e.getAttribute('aria-label')])))"))

    def focus(self, tab):
        return tab.evaluate("document.activeElement.textContent")

    def said(self, tab):
        return tab.evaluate("document.querySelector('[role=status]').textContent")

    def test_everything_is_reached(self):
        """Tab comes to each control, which is seen, outlined and has a name."""
        self.report(self.file("flows.ipfix", ipfix(
            [flow(0, ports=(1024, 443)), flow(1, source=0xC6336401, destination=0x0A000001, ports=(443, 1024))], FIELDS)))
        tab = self.open("#proto=6&host=10.0.0.1")
        tab.evaluate("document.querySelectorAll('details.as-table').forEach(details => { details.open = true; })")
        count = tab.evaluate(REACHABLE + ".length")
        self.assertGreater(count, 50)
        reached = []
        for _ in range(count):
            tab.key("Tab")
            reached.append(json.loads(tab.evaluate(FOCUSED)))
        self.assertEqual([step["place"] for step in reached], list(range(count)))
        self.assertEqual([step["text"] for step in reached if not step["seen"] or not step["outlined"]], [])
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        nameless = [node["role"]["value"] for node in nodes if not node["ignored"]
                    and (node["role"]["value"] in ("image", "region", "table", "columnheader")
                         or any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", [])))
                    and not node.get("name", {}).get("value", "").strip()]
        self.assertEqual(nameless, [])
        self.assertEqual(tab.problems, [])

    def test_choices(self):
        """Choices are made, heard and ended without a mouse; the focus stays where it is."""
        flows = self.mixed()
        tab = self.open()
        before = self.labels(tab)
        tab.tab_to("e.matches('#protocols .as-table > summary')")
        tab.key("Space")
        tab.tab_to("e.textContent === 'udp'")
        tab.key("Enter")
        chosen = self.shown(flows, "proto udp")
        self.assertEqual(self.totals(tab), chosen)
        self.assertTrue(tab.evaluate("document.activeElement.matches('#protocols [aria-pressed=true]')"))
        self.assertRegex(self.said(tab), f"^Chosen: udp. {chosen['flows']} of {self.shown(flows)['flows']} flows, ")
        after = self.labels(tab)
        self.assertEqual({name for name in before if before[name] == after[name]}, {"protocols"})
        for name, label in after.items():
            self.assertRegex(label, r"\d B|\dB|\d [kMG]B", name)
        tab.key("Enter")
        self.assertEqual((self.focus(tab), self.said(tab)[:18]), ("udp", "Nothing is chosen."))
        self.assertEqual(self.totals(tab), self.shown(flows))
        # two choices, ended by their buttons at the top; the focus goes to what is left
        tab.key("Enter")
        tab.tab_to("e.textContent === 'tcp'")
        tab.key("Enter")
        tab.tab_to("e.matches('.chip')")
        for focus in "tcp", "":
            tab.key("Enter")
            self.assertEqual(self.focus(tab), focus)
        self.assertEqual(tab.evaluate("document.activeElement.className"), "chips")
        tab.key("Tab")
        self.assertTrue(tab.evaluate("document.activeElement.closest('main') !== null"))
        self.assertEqual(tab.evaluate("location.hash"), "")
        self.assertEqual(tab.problems, [])

    def test_fields_and_tables(self):
        flows = self.mixed()
        tab = self.open("#proto=17,6")
        # the way to the table, which is no choice
        tab.key("Tab")
        tab.key("Enter")
        self.assertTrue(tab.evaluate("document.activeElement.matches('#flows .scroll')"))
        self.assertEqual(tab.evaluate("location.hash"), "#proto=17,6")
        tab.tab_to("e.matches('.sort') && e.textContent.startsWith('Packets')")
        for order in "descending", "ascending":
            tab.key("Enter")
            self.assertEqual(tab.evaluate("document.activeElement.parentNode.ariaSort"), order)
        tab.tab_to("e.textContent === 'Last'")
        tab.key("Enter")
        self.assertEqual(self.focus(tab), "Back")
        tab.tab_to("e.id === 'where'")
        tab.write("port 53")
        tab.key("Enter")
        self.assertEqual(self.totals(tab), self.shown(flows, "(proto udp or proto tcp) and port 53"))
        tab.write("port 53 and")
        tab.key("Enter")
        self.assertEqual(tab.evaluate("(e => [e.id, e.ariaInvalid, document.getElementById(e.getAttribute('aria-describedby'))"
                                      ".textContent.split('\\n')[0]].join())(document.activeElement)"),
                         "where,true,a condition is missing here")
        tab.write("")
        tab.key("Enter")
        tab.tab_to("e.matches('[aria-label=\"What the charts measure\"]')")
        tab.key("ArrowDown")
        self.assertTrue(self.labels(tab)["services"].startswith("Packets by service"))
        tab.tab_to("e.ariaLabel === 'From (UTC)'")
        tab.write("2023-11-14 22:13:25")
        tab.key("Tab")
        chosen = "(proto udp or proto tcp) and start >= 2023-11-14T22:13:25"
        self.assertEqual(self.totals(tab), self.shown(flows, chosen))
        tab.write("tomorrow")
        tab.key("Tab")
        self.assertEqual(tab.evaluate("document.querySelectorAll('.times :invalid').length"), 1)
        self.assertEqual(self.totals(tab), self.shown(flows, chosen))
        self.assertEqual(tab.problems, [])


class Waiting(PageCase):
    """Charts that are not in view wait; their texts and tables do not."""

    DRAWN = "[...document.querySelectorAll('.chart')].filter(e => e.querySelector('canvas')).map(e => e.id.slice(6)).join()"
    ALL = "time,protocols,services,hosts,tree,activity,links,countries"

    def setUp(self):
        super().setUp()
        self.flows = self.noteworthy()
        self.tab = self.open()
        self.texts = self.labels()
        # the browser is never idle
        self.tab.call("Page.addScriptToEvaluateOnNewDocument", source="window.requestIdleCallback = () => 0;")
        self.tab.go(self.page)

    def labels(self):
        return self.tab.evaluate("[...document.querySelectorAll('.chart')].map(e => e.ariaLabel).join('\\n')")

    def test_what_comes_into_view_is_drawn(self):
        tab = self.tab
        self.assertEqual(tab.evaluate(self.DRAWN), "time,protocols,services")
        self.assertEqual(tab.evaluate("document.documentElement.dataset.drawn"), "no")
        self.assertEqual(self.labels(), self.texts)
        self.choose(tab, "tree", "10.0.0.6")
        self.assertEqual(self.totals(tab), self.shown(self.flows, "host 10.0.0.6"))
        self.assertEqual(tab.evaluate(self.DRAWN), "time,protocols,services")
        tab.evaluate("document.getElementById('links').scrollIntoView()")
        tab.wait("document.querySelector('#chart-links canvas') !== null")
        for chart in self.ALL.split(","):
            tab.evaluate(f"document.getElementById('{chart}').scrollIntoView()")
            tab.wait(f"document.querySelector('#chart-{chart} canvas') !== null")
        self.assertEqual(tab.evaluate("document.documentElement.dataset.drawn"), "yes")
        self.assertEqual(tab.problems, [])

    def test_paper_has_all(self):
        tab = self.tab
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(tab.evaluate("[...document.querySelectorAll('.paper')].filter(e => e.querySelector('svg'))"
                                      ".map(e => e.closest('section').id).join()"), self.ALL)
        tab.evaluate("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(tab.evaluate("document.querySelectorAll('.paper svg').length"), 0)
        self.assertEqual(tab.evaluate(self.DRAWN), "time,protocols,services")
        tab.evaluate("spanflowPage.drawAll()")
        self.assertEqual(tab.evaluate(self.DRAWN), self.ALL)
        self.assertEqual(tab.problems, [])


class Paper(PageCase):
    def test_texts_of_charts(self):
        """All charts are on paper with their texts, which can be searched; the screen stays as it is."""
        self.noteworthy()
        tab = self.open("#measure=packets&proto=6")
        tab.evaluate("document.documentElement.dataset.theme === 'dark' || "
                     "document.querySelector('[aria-label*=dark]').click()")
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        shown = json.loads(tab.evaluate("""JSON.stringify([...document.querySelectorAll('.paper')].map(e =>
            [e.closest('section').id, [...e.querySelectorAll('text')].filter(t => !t.hasAttribute('fill-opacity'))
              .map(t => t.textContent).join(' '), e.querySelectorAll('path, text').length]))"""))
        tab.evaluate("dispatchEvent(new Event('afterprint'))")
        self.assertEqual({name for name, _, shapes in shown if shapes > 2},
                         {"time", "protocols", "services", "hosts", "tree", "activity", "links", "countries"})
        texts = {name: text for name, text, _ in shown}
        for name, words in (("time", "1.00 k"), ("protocols", "tcp 100.0 %"), ("services", "tcp/443 https"),
                            ("hosts", "stands out"), ("tree", "10.0.0.5 93.4 %"), ("activity", "10.0.0.5"),
                            ("links", "198.51.100.1")):
            self.assertIn(words, texts[name], name)
        self.assertEqual(tab.evaluate("document.documentElement.dataset.theme"), "dark")
        self.assertEqual(tab.evaluate("document.querySelectorAll('.paper svg').length"), 0)
        path = self.directory / "page.pdf"
        tab.print(path)
        if not shutil.which("pdftotext"):
            return
        paper = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True,
                               timeout=support.TIMEOUT).stdout
        self.assertIn("Charts show packets.", paper)
        for begin, end, words in (("Shares of hosts", "When hosts were active", ("inside", "outside, DE", "10.0.0.5")),
                                  ("When hosts were active", "Who talks to whom", ("10.0.0.5", "198.51.100.10")),
                                  ("Who talks to whom", "Countries", ("10.0.0.2", "198.51.100.10"))):
            part = paper[paper.index(begin):paper.index(end)]
            for word in words:
                self.assertIn(word, part, begin)
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
        self.assertEqual(done.stderr, f"40 flows in {self.page}\n")
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
                      f"src {folded['sourceIPv4Address']}", f"src net {prefix}"):
            self.assertEqual(tab.evaluate(f"spanflowPage.ask({json.dumps(where)})"), self.shown(out, where), where)
        self.choose(tab, "tree", prefix)
        self.assertEqual(self.totals(tab), self.shown(out, f"net {prefix}"))
        # what was left out is counted in flows, too
        done = self.run_plain("report", out, "-o", self.page, "--where", "not has deltaFlowCount")
        self.assertTrue(done.stderr.startswith("0 flows in "))
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


class Few(PageCase):
    def look(self, records, fields):
        self.report(self.file("flows.ipfix", ipfix(records, fields)))
        tab = self.open()
        self.assertEqual(tab.problems, [])
        return tab

    def test_no_flow(self):
        """A page that says so, without charts of nothing."""
        tab = self.look([], FIELDS)
        self.assertEqual(tab.evaluate("document.querySelector('.period').textContent"), "No flows")
        self.assertEqual(tab.evaluate("[...document.querySelectorAll('section')].map(e => e.id).join()"), "notes")
        self.ask(tab, "port 53")
        self.assertEqual(self.totals(tab), {"bytes": 0, "packets": 0, "flows": 0})
        self.assertEqual(tab.problems, [])

    def test_records_that_tell_little(self):
        """A record of bytes alone: neither protocol nor addresses; what a host sends itself counts once."""
        tab = self.look([(100 + i).to_bytes(4, "big") for i in range(5)], [(1, 4)])
        for chart, words in (("protocols", "unknown 510 B (100.0 %)"), ("tree", "no address 510 B (100.0 %)"),
                             ("activity", "no address 510 B"), ("time", "in 1 bar, ")):
            self.assertIn(words, tab.evaluate(f"document.getElementById('chart-{chart}').getAttribute('aria-label')"))
        self.choose(tab, "services", "unknown")
        self.assertEqual(self.totals(tab), {"bytes": 510, "packets": 0, "flows": 5})
        self.assertEqual(tab.problems, [])

    def test_one_side_alone(self):
        """Groups of networks that show has written: each is a place, and what they do not name is none."""
        groups = self.directory / "groups.ipfix"
        done = self.run_plain("show", self.mixed(), "-q", "--by", "src/24", "--sum", "flows,packets,bytes,first,last",
                              "-w", groups)
        self.assertEqual(done.status, 0, done.stderr)
        self.report(groups)
        tab = self.open()
        self.assertIn(", 2 networks", tab.evaluate("document.querySelector('.period').textContent"))
        for panel in "tree", "activity", "hosts":
            choices = tab.evaluate(f"[...document.querySelectorAll('#{panel} .list .choice')].map(e => e.textContent).join()")
            self.assertEqual(set(choices.split(",")), {"10.0.0.0/24", "198.51.100.0/24"}, panel)
        self.assertTrue(tab.evaluate("document.getElementById('chart-links').ariaLabel").startswith("0 links "))
        self.assertEqual(self.totals(tab), self.shown(groups))
        self.assertEqual(tab.problems, [])

    def test_countries_of_an_enricher(self):
        """On the map of a page of a meter, and of the file that it wrote, with the sums of show."""
        capture, out = self.file("a.pcap", pcap(conversations(20))), self.directory / "out.ipfix"
        routes = self.file("routes.txt", b"192.0.2.0/24 64500 - - DE\n198.51.100.0/24 64501 - - FR\n")
        run = ["meter", "-r", capture, "--enrich", routes, "-q"]
        self.assertEqual(self.run_plain(*run, "-w", out).status, 0)
        self.report(out)
        for make in lambda: None, lambda: self.page.write_text(self.run_plain(*run, "-o", "html").stdout):
            make()
            tab = self.open()
            map_text = tab.evaluate("document.getElementById('chart-countries')?.getAttribute('aria-label')")
            self.assertIn("DE Germany", map_text)
            for question in "country DE", "dst country FR", "src as 64500":
                self.assertEqual(tab.evaluate(f"spanflowPage.ask({json.dumps(question)})"), self.shown(out, question))
            self.assertEqual(tab.problems, [])

    def test_ipv6_alone(self):
        """Names that are too long for the chart differ at their ends, and lose their middle."""
        hosts = [bytes.fromhex(f"20010db8aaaabbbbccccdddd0000{i:04x}") for i in range(0x1001, 0x1006)]
        records = [(10 - i).to_bytes(4, "big") + hosts[i] + hosts[0] + b"\x3a" for i in range(1, 5)]
        tab = self.look(records, [(1, 4), (27, 16), (28, 16), (4, 1)])
        tab.call("Emulation.setDeviceMetricsOverride", width=400, height=900, deviceScaleFactor=1, mobile=False)
        tab.wait("document.querySelector('#chart-activity canvas').clientWidth < 400")
        names = [text for text in self.drawn(tab, "activity") if "…" in text]
        self.assertEqual({name[-2:] for name in names}, {"01", "02", "03", "04", "05"})
        self.assertIn("icmp6 30 B", tab.evaluate("document.getElementById('chart-protocols').getAttribute('aria-label')"))
        self.assertEqual(tab.problems, [])


if __name__ == "__main__":
    support.main()
