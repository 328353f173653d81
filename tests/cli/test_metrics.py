#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--metrics: what is served, to whom, and what clients that behave badly can do to a run."""

import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import support
from support import Case, START, conversations, pcap_header, pcap_packet, udp, wait_until

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs/metrics.md").read_text()
ROWS = re.findall(r"^\| `(spanflow_\w+)` \| (\w+) \| ([^|]*) \| (?:`([^`]*)`)? ?\|", PAGE, re.M)
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
CONNECTIONS = 32  # SF_HTTP_CONNECTIONS
DEADLINE = 10  # s, SF_HTTP_DEADLINE_NS
# a message of NetFlow v5 with one record: 7 packets, 700 bytes
VERSION5 = struct.pack("!HHIIIIBBH", 5, 1, 1000, START, 0, 0, 0, 0, 0) \
    + bytes([192, 0, 2, 1, 198, 51, 100, 1]) + bytes(8) + struct.pack("!IIII", 7, 700, 0, 0) \
    + bytes(16)


def samples(text):
    """{"name{label=\"…\"}": value}"""
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


def at(stats, path):
    for part in path.split("."):
        stats = stats[part]
    return stats


class Metrics(Case):
    def address(self, stderr="stderr"):
        """Where the run says that its metrics are."""
        return self.said(r"metrics at (\S+)/metrics", stderr).group(1)

    def get(self, path="/metrics", headers=None):
        request = urllib.request.Request(self.address() + path, headers=headers or {})
        with urllib.request.urlopen(request, timeout=support.TIMEOUT) as answer:
            return answer.read().decode()

    def connect(self):
        port = int(self.address().rsplit(":", 1)[1])
        client = socket.create_connection(("127.0.0.1", port), timeout=support.TIMEOUT)
        self.addCleanup(client.close)
        return client

    def ask(self, request):
        """All that is answered to these bytes."""
        client = self.connect()
        answer = b""
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while True:
                more = client.recv(65536)
                if not more:
                    return answer
                answer += more
        except OSError:  # sent away before all was sent
            return answer

    def throw(self, request):
        """Sends these bytes and goes away."""
        with self.connect() as client:
            client.sendall(request)

    def meter(self, *arguments):
        """A run that meters a pipe which stays open."""
        process = self.start("meter", "-r", "-", "--realtime", "-o", "none", "--stats", "json",
                             "--idle-timeout", "1h", *arguments, stdin=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        process.stdin.write(pcap_header())
        process.stdin.flush()
        return process

    def feed(self, process, packets):
        for seconds, frame in packets:
            process.stdin.write(pcap_packet(START + seconds, frame))
        process.stdin.flush()

    def collect(self, *arguments):
        return self.start("collect", "-l", "udp://127.0.0.1:0", "-o", "none", "--stats", "json",
                          "--metrics", "0", *arguments)


class Values(Metrics):
    def test_same_as_statistics(self):
        process = self.meter("--metrics", "0", "-w", self.directory / "a.ipfix")
        self.feed(process, conversations(50, packets=3) + [(2, b"\xff" * 12 + b"\x88\xcc" + bytes(50))])
        wait_until(lambda: samples(self.get())["spanflow_frames_total"] == 151, "all frames")
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: '"balanced"' in self.printed("stderr"), "the statistics")
        stats = json.loads([line for line in self.printed("stderr").splitlines()
                            if line.startswith("{")][-1])
        values = samples(self.get())
        compared = 0
        for name, _, labels, path in ROWS:
            if path and not labels and not name.startswith("spanflow_collect_"):
                self.assertEqual(values[name], at(stats, path), name)
                compared += 1
        self.assertGreater(compared, 15)
        for reason, count in stats["ignored"].items():
            self.assertEqual(values[f'spanflow_ignored_frames_total{{reason="{reason}"}}'], count)
        self.assertEqual(stats["ignored"]["nonIp"], 1)
        self.assertEqual(values['spanflow_source_frames_total{source="-"}'], 151)
        self.assertEqual(values['spanflow_source_up{source="-"}'], 1)
        self.assertEqual(values["spanflow_accounting_complete"], 1)
        for reason, count in stats["outputs"][0]["lost"].items():
            self.assertEqual(values['spanflow_destination_lost_records_total{destination="'
                                    f'{self.directory}/a.ipfix",reason="{reason}"}}'], count)
        process.stdin.close()
        done = self.check(process)
        self.assertEqual(done.stats["outputs"][0]["records"], 50)

    def test_every_metric_is_documented(self):
        known = {name: (kind, set(labels.replace(" ", "").split(",")) - {""})
                 for name, kind, labels, _ in ROWS}
        seen = set()
        for start in (lambda: self.meter("--metrics", "0", "-w", self.directory / "a.ipfix"),
                      lambda: self.collect("-w", self.directory / "b.ipfix")):
            process = start()
            text = self.get()
            for sample in samples(text):
                name, labels = re.match(r"(\w+)(.*)", sample).groups()
                self.assertEqual(set(re.findall(r'(\w+)="', labels)), known[name][1], sample)
                seen.add(name)
            for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", text, re.M):
                self.assertEqual(kind, known[name][0], name)
            process.terminate()
            process.wait(support.TIMEOUT)
        self.assertEqual(seen, set(known))

    def test_collect(self):
        self.collect("-w", self.directory / "b.ipfix")
        port = int(self.said(r"listening on \S+:(\d+)").group(1))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in (VERSION5, b"\0\x63nonsense"):
                sender.sendto(datagram, ("127.0.0.1", port))
        wait_until(lambda: samples(self.get())["spanflow_collect_datagrams_total"] == 2, "both")
        values = samples(self.get())
        self.assertEqual(values["spanflow_collect_records_total"], 1)
        self.assertEqual(values["spanflow_collect_packets_total"], 7)
        self.assertEqual(values["spanflow_collect_bytes_total"], 700)
        self.assertEqual(values["spanflow_collect_unknown_version_total"], 1)
        self.assertEqual(self.get("/readyz"), "ready\n")

    def test_names_that_need_care(self):
        names = ['a"b\\c.ipfix', "line\nend.ipfix", "gr\u00fcn.ipfix", b"latin\xfc.ipfix"]
        files = [os.path.join(os.fsencode(self.directory), os.fsencode(name)) for name in names]
        self.meter("--metrics", "0", *[os.fsdecode(word) for file in files for word in ("-w", file)],
                   "-e", "ipfix://127.0.0.1:9", "-e", "ipfix://127.0.0.1:9")
        found = re.findall(r'spanflow_destination_up\{destination="((?:\\.|[^"\\\n])*)"\} 1',
                           self.get())
        self.assertEqual([name.replace(str(self.directory) + "/", "") for name in found],
                         ["ipfix://127.0.0.1:9", "ipfix://127.0.0.1:9 #2", 'a\\"b\\\\c.ipfix',
                          "line?end.ipfix", "gr\u00fcn.ipfix", "latin?.ipfix"])

    def test_openmetrics(self):
        self.meter("--metrics", "0")
        plain, text = self.get(), self.get(headers=OPENMETRICS)
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertEqual(list(samples(text)), list(samples(plain)))
        self.assertIn("# TYPE spanflow_frames counter\n", text)
        self.assertIn("# TYPE spanflow_build info\n", text)
        self.assertIn("# TYPE spanflow_frames_total counter\n", plain)

    def test_workers_of_files(self):
        """The workers use the exporter then: it is asked with their lock held."""
        process = self.start("meter", "-r", "-", "-o", "none", "--stats", "json", "--workers", "2",
                             "--metrics", "0", stdin=subprocess.PIPE)
        process.stdin.write(pcap_header())
        self.feed(process, conversations(2000))
        for _ in range(20):
            self.get()
        process.stdin.close()
        self.check(process)


class Places(Metrics):
    def test_loopback_unless_told_otherwise(self):
        for place, start in (("0", "http://127.0.0.1:"), ("127.0.0.1:0", "http://127.0.0.1:"),
                             ("localhost:0", "http://"), (":0", "http://")):
            process = self.meter("--metrics", place)
            self.assertTrue(self.address().startswith(start), place)
            if place == "0":
                listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout \
                    if shutil.which("ss") else ""
                for line in listening.splitlines():
                    if f"pid={process.pid}," in line:
                        self.assertIn("127.0.0.1:", line)
            process.terminate()
            process.wait(support.TIMEOUT)

    def test_wrong_places(self):
        for place in ("x", "65536", "-1", "1.2.3.4", "::1:9469", "[::1:9469", "127.0.0.1:port", "",
                      "/tmp/" + "x" * 200, "127.0.0.1:"):
            done = self.run_plain("meter", "-r", "-", "--metrics", place)
            self.assertEqual(done.status, 2, place)
            self.assertIn("--metrics", done.stderr)

    def test_taken_port(self):
        self.collect()
        place = self.address().replace("http://", "")
        for command in (["meter", "-r", "-"], ["collect", "-l", "udp://127.0.0.1:0"]):
            done = subprocess.run([support.SPANFLOW, *command, "--metrics", place],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=support.TIMEOUT)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"--metrics {place}: Address already in use", done.stderr)

    def ask_unix(self, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(support.TIMEOUT)
            client.connect(str(path))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return b"".join(iter(lambda: client.recv(4096), b""))

    def test_unix_socket(self):
        path = self.directory / "socket"
        process = self.meter("--metrics", path)
        wait_until(lambda: f"metrics at unix:{path}/metrics" in self.printed("stderr"), "the socket")
        self.assertTrue(self.ask_unix(path).endswith(b"ok\n"))
        # another run does not take it away
        done = subprocess.run([support.SPANFLOW, "meter", "-r", "-", "--metrics", path],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=support.TIMEOUT)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another process listens", done.stderr)
        self.assertTrue(self.ask_unix(path).endswith(b"ok\n"))
        process.kill()
        process.wait()
        # it was left behind: the next run replaces it, and removes it at its end
        process = self.meter("--metrics", path)
        wait_until(lambda: "metrics at" in self.printed("stderr"), "the socket")
        self.assertTrue(self.ask_unix(path).endswith(b"ok\n"))
        process.stdin.close()
        process.wait(support.TIMEOUT)
        self.assertFalse(path.exists())
        # a file of this name is somebody's
        path.write_text("mine")
        done = self.run_plain("meter", "-r", "-", "--metrics", path)
        self.assertEqual(done.status, 1)
        self.assertEqual(path.read_text(), "mine")


class Clients(Metrics):
    """After each of them a client that behaves well is served, and the run has lost nothing."""

    def setUp(self):
        super().setUp()
        self.process = self.collect()
        self.port = int(self.said(r"listening on \S+:(\d+)").group(1))
        self.address()

    def tearDown(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(VERSION5, ("127.0.0.1", self.port))
        wait_until(lambda: samples(self.get())["spanflow_collect_records_total"] == 1, "the record")
        self.process.terminate()
        done = self.end(self.process)
        self.assertEqual((done.status, done.stats["records"], done.stats["balanced"]), (0, 1, True))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def test_methods_and_paths(self):
        for request, status in ((b"GET /metrics", b"200"), (b"HEAD /metrics", b"200"),
                                (b"GET /metrics?x=1", b"200"), (b"GET /", b"404"),
                                (b"GET /metrics/../etc/passwd", b"404"), (b"POST /metrics", b"405"),
                                (b"PUT /metrics", b"405"), (b"OPTIONS /metrics", b"405"),
                                (b"GET /%00metrics", b"404"), (b"FOO /healthz", b"405")):
            answer = self.ask(request + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(answer.split(b" ")[1], status, request)
            body = answer.split(b"\r\n\r\n", 1)[1]
            self.assertEqual(body == b"", request.startswith(b"HEAD"), request)
        self.assertEqual(len(re.findall(b"HTTP/1.1 200", self.ask(
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50))), 1)

    def test_nonsense(self):
        noise = random.Random(1)
        for request in (b"", b"\r\n" * 5000, b"\0" * 100000, b"GET " + b"/" * 200000, b"\x16\x03\x01",
                        b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 50000 + b"\r\n",
                        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                        b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff"
                        b"\r\n" + b"a" * 1000000,
                        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967296\r\n\r\n" + b"b" * 1000000,
                        b"GET /metrics HTTP/9.9\r\n\r\n"):
            self.ask(request)
        for _ in range(200):
            self.throw(noise.randbytes(noise.randrange(1, 4000)))
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nCookie: a=b\r\n\r\n"
        for _ in range(200):
            bad = bytearray(request)
            for _ in range(noise.randrange(1, 6)):
                bad[noise.randrange(len(bad))] = noise.randrange(256)
            self.throw(bytes(bad[:noise.randrange(1, len(bad) + 1)]))

    def test_more_than_there_is_room_for(self):
        before = self.descriptors()
        clients = [self.connect() for _ in range(3 * CONNECTIONS)]
        time.sleep(0.5)
        self.assertLessEqual(self.descriptors(), before + CONNECTIONS)
        # silent ones are sent away, and then the next are let in
        self.assertEqual(self.get("/healthz"), "ok\n")
        for client in clients:
            client.close()
        wait_until(lambda: self.descriptors() <= before + 1, "closed connections")

    def test_slow(self):
        """Clients that send a byte now and then never fall silent, but have a deadline."""
        clients = [self.connect() for _ in range(CONNECTIONS)]
        began, open_ones = time.monotonic(), set(clients)
        text = iter(b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 1000)
        while open_ones and time.monotonic() < began + support.TIMEOUT:
            byte = bytes([next(text)])
            for client in list(open_ones):
                try:
                    client.sendall(byte)
                    client.setblocking(False)
                    if client.recv(1000) == b"":
                        open_ones.remove(client)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.remove(client)
            time.sleep(0.5)
        self.assertFalse(open_ones)
        self.assertGreater(time.monotonic() - began, DEADLINE - 2)

    def test_reader_that_does_not_read(self):
        for _ in range(CONNECTIONS // 2):
            client = self.connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.get("/healthz"), "ok\n")

    def test_many_scrapes(self):
        before = self.descriptors()
        for _ in range(50):
            self.get()
        wait_until(lambda: self.descriptors() <= before, "closed connections")


class Prometheus(Metrics):
    def tool(self, name):
        if not shutil.which(name):
            self.skipTest(f"needs {name} (Debian package prometheus)")
        return name

    def silent(self, *command, **kwargs):
        done = subprocess.run(command, capture_output=True, text=True, timeout=support.TIMEOUT,
                              **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def test_promtool_check_metrics(self):
        promtool = self.tool("promtool")
        for start in (lambda: self.meter("--metrics", "0", "-w", self.directory / "a.ipfix"),
                      lambda: self.collect("-w", self.directory / "b.ipfix")):
            process = start()
            self.assertEqual(self.silent(promtool, "check", "metrics", input=self.get()), "")
            process.terminate()
            process.wait(support.TIMEOUT)

    def test_promtool_rules(self):
        promtool = self.tool("promtool")
        rules = TOP / "docs/prometheus/spanflow.rules.yml"
        self.silent(promtool, "check", "rules", rules)
        label = '{instance="a", destination="ipfix://b", reason="queue"}'
        self.file("test.yml", f"""
rule_files: [{rules}]
tests:
  - interval: 30s
    input_series:
      - {{series: 'spanflow_source_up{{instance="a",source="eth1"}}', values: '0x20'}}
      - {{series: 'spanflow_source_up{{instance="a",source="eth2"}}', values: '1x20'}}
      - {{series: 'spanflow_destination_up{{instance="a",destination="ipfix://b"}}', values: '0x20'}}
      - {{series: 'spanflow_destination_lost_records_total{label}', values: '0+3x20'}}
    alert_rule_test:
      - eval_time: 5m
        alertname: SpanflowSourceDown
        exp_alerts: [{{exp_labels: {{severity: critical, instance: a, source: eth1}}, exp_annotations:
          {{summary: "no packets can come from eth1 on a: it is missing, down or cannot be opened"}}}}]
      - eval_time: 5m
        alertname: SpanflowDestinationUnreachable
        exp_alerts: [{{exp_labels: {{severity: critical, instance: a, destination: "ipfix://b"}},
          exp_annotations: {{summary: "ipfix://b of a takes no records: nobody listens, there is no route, or the disk is full"}}}}]
      - eval_time: 5m
        alertname: SpanflowRecordsLost
        exp_alerts: [{{exp_labels: {{severity: warning, instance: a, destination: "ipfix://b", reason: queue}},
          exp_annotations: {{summary: "ipfix://b of a loses 100m records/s (queue)"}}}}]
""".encode())
        self.silent(promtool, "test", "rules", self.directory / "test.yml")

    def test_scrape(self):
        prometheus = self.tool("prometheus")
        process = self.meter("--metrics", "0", "-w", self.directory / "a.ipfix")
        self.feed(process, conversations(20))
        target = self.address().replace("http://", "")
        port = support.free_port()
        config = self.file("prometheus.yml", f"""
global: {{scrape_interval: 1s}}
rule_files: [{TOP}/docs/prometheus/spanflow.rules.yml]
scrape_configs:
  - job_name: spanflow
    static_configs: [{{targets: ['{target}']}}]
""".encode())
        log = open(self.directory / "prometheus.log", "wb")
        self.addCleanup(log.close)
        server = subprocess.Popen([prometheus, f"--config.file={config}",
                                   f"--storage.tsdb.path={self.directory}/tsdb",
                                   f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def query(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(
                {"query": expression})
            try:
                with urllib.request.urlopen(url, timeout=support.TIMEOUT) as answer:
                    return [(r["metric"], r["value"][1])
                            for r in json.load(answer)["data"]["result"]]
            except (urllib.error.URLError, ConnectionError):
                return []
        wait_until(lambda: [value for _, value in query("spanflow_frames_total")] == ["40"],
                   "the scrape")
        self.assertEqual([v for _, v in query('up{job="spanflow"}')], ["1"])
        self.assertEqual([(m["source"], v) for m, v in query("spanflow_source_up")], [("-", "1")])
        self.assertEqual([m["version"] for m, _ in query("spanflow_build_info")],
                         [self.run_version()])

    def run_version(self):
        return subprocess.run([support.SPANFLOW, "--version"], capture_output=True,
                              text=True).stdout.split()[1]


if __name__ == "__main__":
    done = subprocess.run([support.SPANFLOW, "meter", "-r", "-", "--metrics", "0"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if "this build has no metrics" in done.stderr:
        print("SKIP: built without libmicrohttpd")
        sys.exit(77)
    support.main()
