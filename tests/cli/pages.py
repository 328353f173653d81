# SPDX-License-Identifier: BSD-2-Clause
"""Pages of `report` for tests: records to make them of, and a browser that shows them."""

import json
import os
import struct
import unittest

import browser
from support import Case

NOT_BUILT = os.environ.get("REPORT_NOT_BUILT", "")


def ipfix(records, fields, template=256, at=1_700_000_000):
    """An IPFIX file of one template: `fields` are (element, length), or of an enterprise (element,
    length, number); `records` packed octets."""
    def specifier(element, length, enterprise=None):
        if enterprise is None:
            return struct.pack("!HH", element, length)
        return struct.pack("!HHI", element | 0x8000, length, enterprise)
    head = struct.pack("!HH", template, len(fields)) + b"".join(specifier(*f) for f in fields)
    sets = [struct.pack("!HH", 2, 4 + len(head)) + head]
    size = sum(field[1] for field in fields)
    per_set = 60000 // size
    for i in range(0, len(records), per_set):
        data = b"".join(records[i:i + per_set])
        sets.append(struct.pack("!HH", template, 4 + len(data)) + data)
    count = 0
    out = []
    for one in sets:
        out.append(struct.pack("!HHIII", 10, 16 + len(one), at, count, 1) + one)
        count += 0 if one is sets[0] else (len(one) - 4) // size
    return b"".join(out)


# start and end in ms, addresses, ports, protocol, packets, bytes
FIELDS = [(152, 8), (153, 8), (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4)]
COUNTRIES = [(1, 2, 32473), (2, 2, 32473)]


def flow(i, start=0, source=0x0A000001, destination=0xC6336401, ports=(1024, 443), protocol=6,
         packets=3, octets=300, duration=10):
    begin = 1_700_000_000_000 + start
    return struct.pack("!QQIIHHBII", begin, begin + duration, source, destination, *ports, protocol,
                       packets, octets + i % 7)


@unittest.skipIf(NOT_BUILT, f"built without the page: {NOT_BUILT}")
@unittest.skipUnless(browser.program(), "no chromium")
class PageCase(Case):
    """One browser for all."""

    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(browser.Browser())

    def setUp(self):
        super().setUp()
        self.page = self.directory / "page.html"

    def report(self, *arguments):
        done = self.run_plain("report", *arguments, "-o", self.page)
        self.assertEqual(done.status, 0, done.stderr)

    def open(self, fragment=""):
        """A tab with the page, all of its charts drawn."""
        tab = self.browser.open(self.page, fragment)
        tab.wait("document.documentElement.dataset.drawn === 'yes'")
        return tab

    def totals(self, tab):
        return {name: int(tab.evaluate(f"document.getElementById('total-{name}').dataset.value"))
                for name in ("bytes", "packets", "flows")}

    def shown(self, path, where="any"):
        """What `show` says of the same records."""
        done = self.run_plain("show", path, "-o", "json", "-q", "--where", where)
        self.assertEqual(done.status, 0, done.stderr)
        return {"bytes": sum(r["octetDeltaCount"] for r in done.records),
                "packets": sum(r["packetDeltaCount"] for r in done.records),
                "flows": sum(r.get("deltaFlowCount", 1) for r in done.records)}

    def choose(self, tab, panel, label):
        """A click on the button of a panel's table."""
        found = tab.evaluate(f"""(() => {{
            const button = [...document.querySelectorAll('#{panel} .choice')]
              .find(b => b.textContent === {json.dumps(label)});
            button?.click();
            return Boolean(button);
        }})()""")
        self.assertTrue(found, label)

    def mixed(self):
        """Requests and answers of several protocols."""
        records = []
        for i in range(400):
            kind = i % 4
            there = dict(protocol=(6, 17, 17, 1)[kind], source=0x0A000011 + i % 7, start=50 * i,
                         destination=0xC6336441,
                         ports=(40000 + i, (443, 53, 123, 0)[kind]), octets=100 * i)
            records.append(flow(i, **there))
            if i % 3:
                records.append(flow(i, **{**there, "source": 0xC6336441, "start": 50 * i + 3,
                                          "destination": there["source"], "ports": there["ports"][::-1]}))
        path = self.file("flows.ipfix", ipfix(records, FIELDS))
        self.report(path)
        return path

    def noteworthy(self):
        """A beacon, an exfiltration, a scan, remote access inside; countries outside."""
        inside, server, outside = 0x0A000001, 0x0A000002, 0xC6336401
        flows = [(flow(0, source=inside + 4, destination=outside + 9, ports=(5000, 443), octets=9_000_000,
                       packets=7000), b"\0\0DE"),
                 (flow(0, source=outside + 9, destination=inside + 4, ports=(443, 5000), octets=20_000,
                       start=3), b"DE\0\0")]
        for i in range(12):
            flows.append((flow(0, source=inside + 5, destination=outside + 7, ports=(6000 + i, 8443),
                               start=30_000 * i), b"\0\0BR"))
        for i in range(150):
            flows.append((flow(0, source=outside, destination=inside + i % 3, ports=(7000, 1 + i)), b"US\0\0"))
        flows.append((flow(0, source=inside, destination=server, ports=(8000, 445), start=5), bytes(4)))
        flows.append((flow(0, source=server, destination=inside, ports=(445, 8000), start=6), bytes(4)))
        path = self.file("flows.ipfix", ipfix(
            [a + b + struct.pack("!II", *(64500 if b[k] else 0 for k in (0, 2))) for a, b in flows],
            FIELDS + COUNTRIES + [(16, 4), (17, 4)]))
        self.report(path)
        return path

    def ask(self, tab, question):
        tab.evaluate(f"document.getElementById('where').value = {json.dumps(question)},"
                     "document.querySelector('form.where').requestSubmit()")

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
            spanflowPage.drawAll();
            CanvasRenderingContext2D.prototype.fillText = fillText;
            return JSON.stringify(texts);
        })()""" % chart))
