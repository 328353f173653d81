#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--tunnel both: its records are those of --tunnel outer and those of --tunnel inner, the flows name each
other, and nothing depends on the number of workers."""

import json
from collections import Counter
from pathlib import Path

import support

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
# What says where a record was metered, or names other records.
OF_BOTH = ("flowId", "outerFlowId", "innerFlowId", "flowEndReason")


def bare(records):
    """Records without what differs between --tunnel both and the others, and how often each is there."""
    return Counter(json.dumps({name: value for name, value in record.items() if name not in OF_BOTH},
                              sort_keys=True) for record in records)


class Tunnels(support.Case):
    def records(self, capture, *options):
        done = self.meter("-r", capture, "-o", "json", *options)
        return done.records, done.stats

    def compare(self, capture, *options):
        outer, outer_stats = self.records(capture, "--tunnel", "outer", *options)
        inner, inner_stats = self.records(capture, "--tunnel", "inner", *options)
        both, stats = self.records(capture, "--tunnel", "both", *options)
        self.assertEqual(bare(r for r in both if "outerFlowId" not in r), bare(outer))
        inside = bare(r for r in both if "outerFlowId" in r)
        self.assertEqual(inside - bare(inner), Counter())
        # of a mirror's frame that is not IP the packet around counts alone
        not_ip = sum(stats["ignored"].values()) - sum(outer_stats["ignored"].values())
        self.assertEqual(stats["tunnels"]["twice"] - not_ip,
                         sum(r["packetDeltaCount"] for r in both if "outerFlowId" in r))
        self.assertLessEqual(stats["tunnels"]["twice"] - not_ip, inner_stats["metered"]["packets"])
        ids = {r["flowId"]: r for r in both}
        for record in both:
            if record.get("outerFlowId"):
                self.assertIn("innerFlowId", ids[record["outerFlowId"]])
            if record.get("innerFlowId"):
                self.assertIn("outerFlowId", ids[record["innerFlowId"]])
        shared = self.records(capture, "--tunnel", "both", "--workers", "3", *options)[0]
        self.assertEqual(Counter(map(json.dumps, shared)), Counter(map(json.dumps, both)))
        return len(inside)

    def test_records_are_those_of_outer_and_inner(self):
        opened = 0
        for capture in sorted(PCAPS.glob("tunnel-*.pcap")):
            with self.subTest(capture=capture.name):
                opened += self.compare(capture)
        self.assertGreater(opened, 200)

    def test_a_mirror_can_be_both(self):
        self.assertGreater(self.compare(PCAPS / "tunnel-vxlan.pcap", "--mirror"), 0)
        records, stats = self.records(PCAPS / "tunnel-mirror.pcap", "--tunnel", "erspan=both")
        self.assertEqual(stats["tunnels"]["twice"], 25)
        # the mirrored ARP frame: its packet is metered, and what is inside is nonIp
        self.assertEqual(stats["ignored"]["nonIp"], 2)
        self.assertEqual(sum("innerFlowId" in record for record in records), 4)

    def test_records_for_collectors_have_the_ids_that_others_name(self):
        path = self.directory / "flows.ipfix"
        self.meter("-r", PCAPS / "tunnel-gre.pcap", "--tunnel", "both", "-o", "none", "-w",
                   f"{path},profile=default")
        records = self.run_plain("show", "-o", "json", path).records
        ids = {record["flowId"] for record in records}
        named = {record.get("outerFlowId", record.get("innerFlowId")) for record in records}
        self.assertLessEqual(named, ids)
        self.assertGreater(len(named), 2)

    def test_captures_of_show_report_and_ask(self):
        capture = PCAPS / "tunnel-fragments.pcap"
        for options in ([], ["--tunnel", "inner"], ["--tunnel", "both"], ["--mirror"],
                        ["--tunnel", "inner", "--tunnel-port", "vxlan=1", "--fragments", "split"]):
            with self.subTest(options=options):
                metered, _ = self.records(capture, *options)
                shown = self.run_plain("show", capture, "-o", "json", *options).records
                for record in shown:
                    del record["observationDomainId"], record["exportTime"]
                self.assertEqual(Counter(map(json.dumps, shown)), Counter(map(json.dumps, metered)))
        asked = self.run_plain("ask", "talkers", capture, "--tunnel", "inner").stdout
        self.assertIn("192.0.2.10", asked)
        page = self.directory / "page.html"
        done = self.run_plain("report", capture, "--tunnel", "inner", "-o", page)
        if "built without the page" in done.stderr:
            return
        flows = len(self.records(capture, '--tunnel', 'inner')[0])
        self.assertEqual(done.stderr, f"{flows} flows in {page}\n")

    def test_options_for_captures_need_some(self):
        path = self.directory / "flows.ipfix"
        self.meter("-r", PCAPS / "tunnel-gre.pcap", "-o", "none", "-w", path)
        for command in ("show", "report"):
            out = ["-o", "json"] if command == "show" else ["-o", self.directory / "page.html"]
            done = self.run_plain(command, path, "--tunnel", "inner", *out)
            if "built without the page" in done.stderr:
                continue
            self.assertEqual(done.status, 0)
            self.assertIn("they are for capture files, and there is none", done.stderr)
            self.assertNotIn("capture files", self.run_plain(command, path, *out).stderr)

    def test_people_see_the_tunnel(self):
        capture, path = PCAPS / "tunnel-vxlan.pcap", self.directory / "flows.ipfix"
        for wide in ([], ["--wide"]):
            table = self.meter("-r", capture, "--tunnel", "inner", "-o", "table", "-w", path,
                               "--force", *wide).stdout
            self.assertIn(" forced vlan 41 in vxlan 5001\n", table)
            self.assertIn(" in geneve 6001\n", table)
            shown = self.run_plain("show", path, *wide).stdout
            self.assertIn(" vlan 41 in vxlan 5001\n", shown)

    def test_questions_name_the_tunnel(self):
        capture, path = PCAPS / "tunnel-vxlan.pcap", self.directory / "flows.ipfix"
        inner = ("--tunnel", "inner")
        metered = self.meter("-r", capture, "-o", "json", "-w", path, *inner,
                             "--where", "tunnel geneve").records
        self.assertEqual({record["tunnelKind"] for record in metered}, {5})
        for source in ([path], [capture, *inner]):
            table = self.run_plain("show", *source, "--by", "tunnel", "--where", "tunnel geneve").stdout
            self.assertEqual([line.split()[:2] for line in table.splitlines()[:2]],
                             [["tunnel", "flows"], ["geneve", str(len(metered))]])
            groups = self.run_plain("ask", "talkers", *source, "--by", "tunnelKind", "-o", "json",
                                    "--where", "tunnel in [gre, geneve]").records
            self.assertEqual([group["tunnelKind"] for group in groups], [5])
        told = self.run_plain("meter", "-r", capture, "--where", "tunnel vxlan")
        self.assertNotEqual(told.status, 0)
        self.assertIn("needs --tunnel inner", told.stderr)

    def test_sums_over_both_are_told(self):
        capture = PCAPS / "tunnel-vxlan.pcap"
        for command, both in ((["ask", "talkers"], True), (["show", "--by", "src"], True), (["show"], False)):
            for tunnel in ("inner", "both"):
                done = self.run_plain(*command, capture, "--tunnel", tunnel)
                self.assertEqual("has outerFlowId" in done.stderr, both and tunnel == "both", command)
            done = self.run_plain(*command, capture, "--tunnel", "both", "--where", "not has outerFlowId")
            self.assertNotIn("twice", done.stderr)

    def test_csv_has_columns_of_tunnels_if_some_are_opened(self):
        capture = PCAPS / "tunnel-gre.pcap"
        for options, wanted in (([], []), (["--tunnel", "erspan=outer"], []),
                                (["--tunnel", "gre=inner"], ["tunnelKind", "greKey"]),
                                (["--tunnel", "both"], ["tunnelKind", "greKey", "outerFlowId"]),
                                (["--fields", "+tunnelKind"], ["tunnelKind"])):
            lines = self.meter("-r", capture, "-o", "csv", *options).stdout.splitlines()
            names = lines[0].split(",")
            for name in ("tunnelKind", "greKey", "outerFlowId"):
                self.assertEqual(name in names, name in wanted, (options, names))
            self.assertEqual({line.count(",") for line in lines}, {len(names) - 1})

    def test_files_tell_of_each_record_what_is_printed(self):
        # records with and without what a mirror says, in turn: each has its own template
        fields = "sourceTransportPort+protocolIdentifier+mirrorId+mirrorPort+mirrorDirection"
        capture, file = PCAPS / "tunnel-mirror.pcap", self.directory / "a.ipfix"
        printed, _ = self.records(capture, "--fields", fields)
        self.meter("-r", capture, "-o", "none", "-w", f"{file},fields={fields}")
        names = fields.split("+")
        shown = [{name: record[name] for name in names if name in record}
                 for record in self.run_plain("show", file, "-o", "json").records]
        self.assertEqual(bare(printed), bare(shown))
        self.assertGreater(len({frozenset(record) for record in printed}), 1)
        rows = [self.run_plain(*command, "-o", "csv", "--fields", fields).stdout.splitlines()
                for command in (["meter", "-r", capture], ["show", file])]
        self.assertEqual(*map(Counter, rows))

    def test_a_kind_alone(self):
        records, stats = self.records(PCAPS / "tunnel-nested.pcap", "--tunnel", "vxlan=both")
        self.assertGreater(stats["tunnels"]["twice"], 0)
        inner = [record for record in records if "outerFlowId" in record]
        # the ERSPAN mirror that travels through VXLAN: what it observed was in no tunnel
        mirrored = [record for record in inner if "tunnelKind" not in record]
        self.assertEqual({record["sourceTransportPort"] for record in mirrored}, {53, 53514})
        self.assertEqual({record["tunnelKind"] for record in inner if record not in mirrored}, {4})


if __name__ == "__main__":
    support.main()
