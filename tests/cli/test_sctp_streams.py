# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX over SCTP with a stream for each template (RFC 6526): what goes over the wire, and what collect counts."""

import json
import re
import shutil
import struct
import subprocess
import time
import unittest

import support
from support import conversations, pcap, udp, wait_until
from test_dtls import Proxy
from test_sctp import Association, Lossy, Path, Reader, crc32c

OPTIONS = ",streams=template"
INIT_ACK = 2
RELIABILITY = 65100
TEMPLATE_ID, DATA_RECORDS_RELIABILITY = 145, 276


def mixed(count):
    """Packets of both IP versions, ICMP among them: four templates."""
    return conversations(count) + [(1 + i * 0.001, udp(1 + i % 200, 1024 + i, version=6)) for i in range(count)]


class Templates:
    """The messages of one association, read by the rules of RFC 6526 §4.2."""

    def __init__(self):
        self.templates = {}  # id: (stream, scopes, [(element, octets)])
        self.told = {}       # id: 1, its data are sent reliably; 2, they may be given up
        self.sequences = {}  # the next one, by stream
        self.flows = {}      # records by template

    def define(self, stream, kind, body):
        while len(body) >= 4:
            template, count = struct.unpack_from("!HH", body)
            scopes, at = (struct.unpack_from("!H", body, 4)[0], 6) if kind == 3 else (0, 4)
            fields = []
            for _ in range(count):
                element, octets = struct.unpack_from("!HH", body, at)
                fields.append((element, octets))
                at += 8 if element & 0x8000 else 4
            assert template not in self.templates, f"{template} is sent twice"
            self.templates[template] = (stream, scopes, fields)
            body = body[at:]

    def data(self, stream, template, body):
        """The number of records; None: they have no fixed length."""
        home, scopes, fields = self.templates[template]
        assert home == stream, f"data of {template} by stream {stream}, and the template by {home}"
        lengths = [octets for _, octets in fields]
        if template >= RELIABILITY:
            assert [element for element, _ in fields] == [TEMPLATE_ID, DATA_RECORDS_RELIABILITY] and scopes == 1
            for at in range(0, len(body) - 2, 3):
                about, value = struct.unpack_from("!HB", body, at)
                assert about not in self.told and self.templates[about][0] == stream
                self.told[about] = value
        else:
            assert template in self.told, f"{template}: its reliability was not told"
        if 65535 in lengths:
            return None
        records = len(body) // sum(lengths)
        if not scopes:
            self.flows[template] = self.flows.get(template, 0) + records
        return records

    def read(self, stream, message):
        version, length, _, sequence, _ = struct.unpack_from("!HHIII", message)
        assert (version, length) == (10, len(message))
        expected, records, at = self.sequences.get(stream, 0), 0, 16
        assert expected is None or sequence == expected, f"stream {stream}: {sequence}, not {expected}"
        while at < length:
            kind, size = struct.unpack_from("!HH", message, at)
            if kind in (2, 3):
                self.define(stream, kind, message[at + 4:at + size])
            else:
                count = self.data(stream, kind, message[at + 4:at + size])
                records = None if count is None or records is None else records + count
            at += size
        self.sequences[stream] = None if records is None else sequence + records

    def streams_of_flows(self):
        return [stream for stream, scopes, _ in self.templates.values() if not scopes]


class Streams(Association):
    def setUp(self):
        super().setUp()
        self.capture = self.file("mixed.pcap", pcap(mixed(300)))

    def proxy(self, port, changes=lambda to_collector, data: data):
        """Between the two; what goes to the collector is read."""
        reader = Reader()

        def looks(_number, to_collector, data):
            if to_collector:
                reader.read(data)
            return False

        proxy = Proxy(port, looks, changes)
        self.addCleanup(proxy.close)
        return proxy, reader

    def read(self, reader):
        """Of one association: every message by the rules, in order on its stream."""
        templates, numbers = Templates(), {}
        for stream, number, octets in reader.messages():
            self.assertEqual(number, numbers.get(stream, 0))
            numbers[stream] = number + 1
            templates.read(stream, octets)
        # no part is unordered
        self.assertFalse(any(flags & 4 for flags, *_ in reader.parts.values()))
        return templates

    def everything(self, done, sent):
        self.assertEqual(self.taken(done), sent)
        self.assertEqual((done.stats["sequenceGaps"], done.stats["malformed"], done.stats["missingTemplate"]), (0, 0, 0))

    # [RFC6526-4.2-1] [RFC6526-4.2-2] [RFC6526-4.2-3] [RFC6526-4.2-4] [RFC6526-4.3-1] [RFC6526-4.3-3]
    def test_a_stream_for_each_template(self):
        process, port = self.collect()
        proxy, reader = self.proxy(port)
        sent = self.sends(proxy.port, options=OPTIONS)
        self.everything(self.ended(process), sent)
        templates = self.read(reader)
        streams = templates.streams_of_flows()
        self.assertEqual((len(streams), len(set(streams))), (4, 4))
        self.assertNotIn(0, streams)
        self.assertEqual(sum(templates.flows.values()), sent)
        self.assertGreater(len(templates.flows), 1)
        self.assertEqual(set(templates.told.values()), {1})

    def test_other_fields_and_no_options_data(self):
        process, port = self.collect()
        for options in ",profile=extended", ",options=no", ",biflow=yes", ",fields=octetDeltaCount+packetDeltaCount":
            proxy, reader = self.proxy(port)
            self.sends(proxy.port, options=OPTIONS + options)
            self.read(reader)
        self.assertEqual(self.ended(process).stats["sequenceGaps"], 0)

    # [RFC6526-4.1-1] [RFC6526-4.2-6] [RFC6526-4.2-7] [RFC6526-4.2-8]
    def test_a_collector_that_takes_few_streams(self):
        """Its answer to the request for an association says so; templates share the streams, and the user is told."""
        process, port = self.collect()
        for most in 1, 3:
            def fewer(to_collector, data, most=most):
                if to_collector or data[12] != INIT_ACK:
                    return data
                data = data[:26] + struct.pack("!H", most) + data[28:]
                return data[:8] + struct.pack("<I", crc32c(data[:8] + bytes(4) + data[12:])) + data[12:]

            proxy, reader = self.proxy(port, fewer)
            done = self.meter(proxy.port, options=OPTIONS + ",lifetime=1h")
            self.assertEqual(done.returncode, 0, done.stderr)
            words = "1 stream" if most == 1 else f"{most} streams"
            self.assertIn(f"the association has {words}, too few for all templates: they share streams", done.stderr)
            templates = self.read(reader)
            self.assertEqual(set(templates.streams_of_flows()), {0} if most == 1 else {1, 2})
            self.assertEqual(sum(templates.flows.values()), self.place["records"])
            for template, value in templates.told.items():
                self.assertEqual(value, 1 if templates.templates[template][1] else 2)
        self.everything(self.ended(process), 2 * self.place["records"])

    @unittest.skipUnless(shutil.which("tshark"), "needs the program tshark")
    def test_tshark_reads_it(self):
        """Every record, and for each template one stream."""
        packets = []

        def looks(_number, to_collector, data):
            packets.append((to_collector, data))
            return False

        process, port = self.collect()
        proxy = Proxy(port, looks)
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=OPTIONS + ",mtu=1500")
        self.ended(process)
        frames = []
        for number, (to_collector, data) in enumerate(packets):
            frame = bytearray(udp(1 if to_collector else 2, 9899, data))
            frame[36:38] = struct.pack("!H", 9899)
            frames.append((number * 0.001, bytes(frame)))
        path = self.file("sctp.pcap", pcap(frames))
        done = subprocess.run(
            ["tshark", "-r", path, "-d", "udp.port==9899,sctp", "-o", "sctp.checksum:CRC 32c", "-2", "-T", "fields", "-e",
             "sctp.checksum.status", "-e", "sctp.data_sid", "-e", "cflow.flowset_id", "-e", "cflow.protocol", "-e",
             "_ws.expert.message"], capture_output=True, text=True, timeout=support.TIMEOUT, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual({row[0] for row in rows}, {"1"})
        # tshark expects one count for all streams
        complaints = {re.sub(r"Unexpected flow sequence for domain ID 0 \(expected \d+, got \d+\),?", "", row[4])
                      for row in rows}
        self.assertEqual(complaints, {""})
        self.assertEqual(sum(len(row[3].split(",")) for row in rows if row[3]), sent)
        streams = {}
        for _, sids, sets, *_ in rows:
            # one message of data in the packet
            if sets and len(set(sids.split(","))) == 1:
                for flowset in set(sets.split(",")) - {"2", "3"}:
                    streams.setdefault(flowset, set()).add(sids.split(",")[0])
        self.assertTrue(all(len(found) == 1 for found in streams.values()), streams)
        self.assertGreater(len({sid for found in streams.values() for sid in found}), 1)

    def test_lost_datagrams(self):
        """Streams do not wait for each other: their messages come in another order, each stream in its own."""
        process, port = self.collect()
        proxy = Proxy(port, Lossy(1))
        self.addCleanup(proxy.close)
        sent = self.sends(proxy.port, options=OPTIONS + ",mtu=700")
        self.assertGreater(proxy.dropped, 5)
        self.everything(self.ended(process), sent)

    # [RFC7011-10.2.2-1]
    def test_what_is_given_up_is_missed_on_its_stream(self):
        """The path breaks for a while: the stream of the template misses its records, that of options data nothing."""
        path = Path()
        process, port = self.collect(output=("-o", "json", "--options"))
        proxy = Proxy(port, path)
        self.addCleanup(proxy.close)
        run = self.live(self.url(proxy.port, OPTIONS + ",lifetime=3s"))
        self.feed(run, 50)
        wait_until(lambda: len(self.keys()) == 50, "the first records")
        self.break_path(run, path)
        self.feed(run, 20)
        wait_until(lambda: len(self.keys()) >= 70, "the last records")
        place = self.finish(run, status=1)
        done = self.ended(process)
        self.assertEqual((place["records"], place["lost"]["tooLate"]), (self.fed - 30, 30))
        self.assertEqual(self.taken(done), place["records"])
        # options data are not given up, and have a stream of their own: these are the flows alone
        self.assertEqual((done.stats["sequenceGaps"], done.stats["sequenceLost"]), (1, 30))
        records = [json.loads(line) for line in self.printed().splitlines()]
        told = {record["templateId"]: record["dataRecordsReliability"] for record in records
                if "dataRecordsReliability" in record}
        self.assertGreater(len(told), 4)
        self.assertEqual({value for template, value in told.items() if template < 65000}, {False})
        self.assertEqual({value for template, value in told.items() if template >= 65000}, {True})

    def test_a_collector_that_is_started_again(self):
        """Every record is in one of the two, and all are counted."""
        out = {name: open(self.directory / name, "wb") for name in ("one", "two")}
        for file in out.values():
            self.addCleanup(file.close)
        first, port = self.collect(output=("-o", "json"), port=support.free_port(), stdout=out["one"])
        run = self.live(self.url(port, OPTIONS))
        self.feed(run, 50)
        wait_until(lambda: len(self.keys("one")) == 50, "the first records")
        first.kill()
        first.wait()
        self.feed(run, 20)
        self.told("; trying again", "live")
        second, _ = self.collect(output=("-o", "json"), port=port, stdout=out["two"])
        for _ in range(10):
            self.feed(run, 5)
            time.sleep(0.05)
        place = self.finish(run)
        done = self.ended(second)
        self.assertEqual(len(set(self.keys("one") + self.keys("two"))), self.fed)
        self.assertEqual((place["records"], sum(place["lost"].values())), (self.fed, 0))
        self.assertEqual((done.stats["sequenceGaps"], done.stats["missingTemplate"]), (0, 0))

    def test_spool(self):
        """What a run could not send is sent by the next one, whichever way either of them sends."""
        (self.directory / "spool").mkdir()
        spool = ("--spool", str(self.directory / "spool"))
        port = support.free_port()
        sent = 0
        for options in OPTIONS, "", OPTIONS:
            done = self.meter(port, *spool, "--stop-timeout", "1s", options=options)
            self.assertEqual(done.returncode, 0, done.stderr)
            sent = self.place["spooled"]["records"]
        process, _ = self.collect(port=port)
        sent += self.sends(port, *spool, options=OPTIONS) - self.place["inherited"]["records"]
        self.assertEqual(self.place["spooled"]["records"], 0)
        self.everything(self.ended(process), sent)


if __name__ == "__main__":
    support.main()
