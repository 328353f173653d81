#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Wrong command lines are refused in words that help; help and version are there."""

import re
import subprocess
from pathlib import Path

import support
from support import SPANFLOW, Case, conversations, pcap, udp

WRONG = [
    ([], "Usage: spanflow SUBCOMMAND"),
    (["metre"], "unknown subcommand 'metre': did you mean meter?"),
    (["talkers", "pcaps"], "'talkers' is a question: spanflow ask talkers FILE..."),
    ([__file__], "a subcommand comes first: spanflow show "),
    (["ask", __file__, "talkers"], "the name of a question comes first: spanflow ask talkers "),
    (["meter"], "nothing to meter"),
    (["meter", "x.pcap"], "unexpected argument 'x.pcap': -r goes before a file, -i before an interface"),
    (["meter", "-e", "ipfix://a", "x.pcap"], "unexpected argument 'x.pcap': -r goes before a file, -i before an interface"),
    (["meter", "-r", "a", "-i", "b"], "-i and -r exclude each other"),
    (["meter", "-r", "a", "--balance", "-e", "ipfix://a"], "--balance: needs two or more collectors: -e"),
    (["meter", "-r", "a", "--balance", "--fail-over", "-e", "ipfix://a", "-e", "ipfix://b"],
     "--balance and --fail-over exclude each other"),
    (["meter", "-r", "pcaps", "-e", "ipfix://127.0.0.1:9,profile=argus"],
     "argus is sent other protocols (allowed: netflow9://, netflow5://)"),
    (["meter", "-r", "a", "--idel-timeout", "3"], "did you mean --idle-timeout?"),
    (["meter", "-r", "a", "--idle-timeout", "soon"], "--idle-timeout: 'soon' is not a duration"),
    (["meter", "-r", "a", "--active-timeout", "4d"],
     "--active-timeout: 4d is out of range: 0d to 3d"),
    (["meter", "-i", "lo", "--ring-size", "1M"], "--ring-size: 1M is 1000000 bytes, out of range"),
    (["meter", "-i", "lo", "--queue-size", "1KiB"], "is 1024 bytes, out of range: 64 KiB to 64 GiB"),
    (["meter", "-r", "a", "--queue-size", "512M"], "--queue-size works with interfaces (-i) only"),
    (["meter", "-r", "a", "-e", "tcp://127.0.0.1", "--spool-max", "1G"],
     "--spool-max without --spool: name the spool's directory"),
    (["meter", "-r", "a", "-e", "tcp://127.0.0.1", "--spool-drop", "oldest"],
     "--spool-drop without --spool: name the spool's directory"),
    (["meter", "-r", "a", "--max-flows", "0"], "--max-flows: 0 is out of range: 1 to 2147483648"),
    (["meter", "-r", "a", "-o", "xml"], "--output: 'xml' is not one of table, json, csv, html, none"),
    (["meter", "-r", "a", "--key", "+color"], "--key: 'color' is not one of address, port"),
    (["meter", "-r", "a", "--key", "port"], "ports without addresses"),
    (["meter", "-r", "a", "--fields", "minimumTtl"],
     "--fields: 'minimumTtl' is no field and no group (did you mean minimumTTL?)"),
    (["meter", "-r", "a", "--fields", "+minimumTTL", "-e", "netflow5://127.0.0.1"],
     "netflow5://127.0.0.1: the fields of NetFlow v5 cannot be chosen"),
    (["meter", "-r", "a", "-e", "netflow5://127.0.0.1,fields=default"],
     "option 'fields' does not apply here"),
    (["meter", "-r", "a", "-e", "netflow9://127.0.0.1,fields=+flowId"],
     "flowId: NetFlow v9 has no such field"),
    (["meter", "-r", "a", "--fields", "default", "--wide"], "leave out --wide"),
    (["meter", "-r", "a", "-o", "html", "--fields", "default"], "the page of -o html has its own"),
    (["meter", "-r", "a", "-o", "none", "--fields", "no,such"], "--fields: no record goes anywhere"),
    (["meter", "-r", "a", "--dedup-window", "1h"],
     "--dedup-window: 1h is out of range: 0.001ms to 1s"),
    (["meter", "-r", "a", "--tunnel", "foo"], "--tunnel: 'foo' is no mode (allowed: outer, "),
    (["meter", "-r", "a", "--enrich", "fib,x=1"],
     "--enrich: fib,x=1: unknown option 'x' (allowed: what)"),
    (["show", "a", "--by", "src", "--sum", "foo"], "there is no sum 'foo' (allowed: flows, "),
    (["meter", "-r", "a", "--switch-time", "0"], "--switch-time: 0 is out of range: 1ms to 1h"),
    (["show", "a", "-o", "html"], "--output: 'html' is not one of table, json, csv, none"),
    (["show", "a", "-o", "none", "--fields", "default"], "--fields is for what is printed"),
    (["show", "a", "-o", "json", "--fields", "default", "--options"], "leave one of them out"),
    (["show", "a", "-w", "-", "--pass", "-"], "exclude each other: give all but one a file"),
    (["show", "a", "--where", "tcp", "--fail", "-"], "--pass - and --fail - want standard output"),
    (["meter", "-r", "a", "--realtime"], "--realtime works with a live pipe"),
    (["meter", "-r", "a", "--direction", "in"], "--direction works with interfaces (-i) only"),
    (["meter", "-r", "a", "-w", "-", "-o", "json"], "both want standard output"),
    (["meter", "-r", "a", "-o", "json", "--local-time"], "--local-time: only for the table"),
    (["meter", "-r", "a", "-w", "-,biflow=yes", "-o", "json"], "both want standard output"),
    (["meter", "-r", "a", "-w", "b", "--local-time"], "--local-time: only for the table: -o table"),
    (["show", "a", "-o", "csv", "--local-time"], "--local-time: only for the table: -o table"),
    (["show", "a", "-o", "json", "--biflow"], "--biflow works with -o table and -o csv"),
    (["collect", "9995"], "unexpected argument '9995': the address to listen on is -l udp://HOST:PORT"),
    (["collect", "-l", "udp://[::]:0", "9995"], "unexpected argument '9995'"),
    (["collect", "-w", "-", "-o", "json"], "-w - and -o both want standard output: give -w a file"),
    (["collect", "-w", "a", "--local-time"], "--local-time: only for the table: -o table"),
    (["collect", "-o", "json", "--biflow"], "--biflow works with -o table and -o csv"),
    (["meter", "-r"], "--read needs a value: --read FILE"),
    (["meter", "-r", "a", "-e", "carrier-pigeon://x"], "carrier-pigeon"),
    (["meter", "-r", "a", "-e", "ipfix://127.0.0.1,rat=5"], "rat"),
    (["meter", "-i", "nosuchdriver:eth0"], "no driver 'nosuchdriver'"),
    (["meter", "-i", "file:x"], "no driver 'file'"),
    (["meter", "-r", "a", "-e", "netflow5://127.0.0.1", "--domain", "65536"],
     "netflow5://127.0.0.1: NetFlow v5 cannot carry observation domain 65536 (at most 65535)"),
    # each source has the next number
    (["meter", "-i", "a", "-i", "b", "-i", "c", "-e", "netflow5://127.0.0.1", "--domain", "65534"],
     "NetFlow v5 cannot carry observation domain 65536"),
    (["meter", "-i", "a", "-i", "b", "-i", "c", "--domain", "4294967294"],
     "--domain: 4294967294 leaves too few numbers for 3 sources: at most 4294967293"),
    (["meter", "-i", "a", "-i", "a"], "-i: a is named twice: its packets would be counted twice"),
    (["meter", "-i", "b+a+b"], "-i: b is named twice"),
    (["meter", "-i", "pcap:a", "-i", "xdp:b+a"], "-i: a is named twice"),
    (["meter", "-i", "a", "-i", "dpdk:net_af_packet0,iface=a"], "-i: a is named twice"),
    (["meter", "-i", "any", "-i", "a"], "-i: any includes a: its packets would be counted twice"),
    (["meter", "-i", "a", "-i", "any"], "-i: any includes a"),
    (["meter", "-i", "any", "-i", "pcap:any"], "-i: any is named twice"),
    (["check", "-i", "a+a"], "-i: a is named twice"),
    (["meter", "-i", "udp://:4789", "-i", "udp://127.0.0.1:4789"],
     "-i: udp://:4789 and udp://127.0.0.1:4789 get the same packets, which would be counted twice"),
    (["meter", "-i", "gre://+1.2.3.4"], "-i: gre:// and gre://1.2.3.4 get the same packets"),
    (["meter", "-i", "udp://:4780"], "port 4780 does not say what is sent there: add ,kind=vxlan"),
    (["meter", "-i", "udp://:4780,kind=vxlam"], "is no kind of tunnel: "),
    (["meter", "-i", "udp://:4780,kind=vxlam"], "(did you mean vxlan?)"),
    (["meter", "-i", "udp://:4780,kind=ipip"], "'ipip' is no kind of tunnel: tzsp, "),
    (["meter", "-i", "udp://:4789,mode=x"], "'mode=x' is no option of it (allowed: kind=KIND, "),
    (["meter", "-i", "udp://0.0.0.0"], "it is not written as udp://ADDRESS:PORT, such as udp://0.0"),
    (["meter", "-i", "udp://::1:4789"], "it is not written as udp://ADDRESS:PORT"),
    (["meter", "-i", "gre://[::1]:47"], "it is not written as gre://, gre://ADDRESS or gre://[IPv6"),
    (["meter", "-i", "udp://eth0:4789"], "'eth0' is no address of this host, such as 192.0.2.1 or"),
    (["meter", "-i", "gre://", "--direction", "out"], "--direction: a socket has received packets"),
    (["meter", "-i", "udp://:4789", "--snaplen", "100"], "--snaplen: 100 bytes is out of range: 128"),
    (["meter", "-r", "/dev/null", "-w", "/dev/null", "-w", "/dev/null"], "-w /dev/null: is named twice"),
    (["meter", "-r", "/dev/null", "-w", "-", "-w", "-,biflow=yes"], "-w -,biflow=yes: is named twice"),
    (["check"], "give one source, -i SOURCE, or capture files, -r FILE"),
    (["check", "-i", "a", "b"], "give one source, -i SOURCE, or capture files, -r FILE"),
    (["check", "-i", "a", "-i", "b"], "--interface can be given only once"),
    (["ask", "talkers"], "ask talkers needs files"),
    (["list"], "list needs one of"),
    (["list", "everything"], "there is no list 'everything': it is one of drivers, fields, templates"),
]


class Usage(Case):
    def test_one_heading_for_each_part(self):
        """Every part of the help has one heading, and fits a terminal."""
        for name in ("meter", "show", "ask", "report", "collect", "check", "list"):
            lines = self.run_plain(name, "--help").stdout.splitlines()
            headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
            self.assertEqual(len(headings), len(set(headings)), headings)
            self.assertLessEqual(max(map(len, lines)), 80)
        for arguments in (("ask", "--list"), ("ask", "--fields"), ("list", "fields"), ("list", "templates")):
            self.assertLessEqual(max(map(len, self.run_plain(*arguments).stdout.splitlines())), 80)

    def test_source_of_another_host(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        for url in ("ipfix://127.0.0.1:9", "tcp://127.0.0.1:9"):
            for source, words in (("192.0.2.99", "no interface has the address of source="),
                                  ("[::1]", "source= is an address of the other family")):
                done = self.run_plain("meter", "-r", capture, "-e", f"{url},source={source}")
                self.assertEqual(done.status, 1)
                self.assertIn(words, done.stderr)

    def test_wrong(self):
        for arguments, words in WRONG:
            with self.subTest(arguments):
                done = self.run_plain(*arguments)
                self.assertEqual(done.status, 2, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_file_with_the_name_of_another_format(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        flows = str(self.directory / "flows.ipfix")
        for command, name, hint in (
                (["meter", "-r", capture], "flows.ipfix", ""),
                (["meter", "-r", capture], "a.csv,biflow=yes", "for csv use -o csv > "),
                (["meter", "-r", capture], "a.JSON", "for json use -o json > "),
                (["meter", "-q", "-r", capture], "b.csv", ""),
                (["show", flows], "c.json", "for json use -o json > ")):
            done = self.run_plain(*command, "-w", str(self.directory / name))
            self.assertEqual(done.status, 0, done.stderr)
            self.assertIn(hint, done.stderr)
            self.assertEqual("use -o" in done.stderr, hint != "", name)

    def test_filter(self):
        capture = self.file("a.pcap", pcap(conversations(2)))
        done = self.run_plain("meter", "-r", capture, "-f", "udp porte 53")
        if "libpcap" in done.stderr and "no libpcap" in done.stderr:
            self.skipTest("this build has no libpcap")
        self.assertEqual(done.status, 2)
        self.assertIn("udp porte 53", done.stderr)

    def test_similar_driver(self):
        built = self.run_plain("list", "drivers").stdout
        for wrong, right in ("afxdp", "xdp"), ("AF_XDP", "xdp"), ("libpcap", "pcap"):
            said = f"unknown driver '{wrong}': did you mean -i {right}:lo?"
            if re.search(f"^{right} +not built", built, re.M):
                said = f"this build has no driver '{wrong}'"
            done = self.run_plain("meter", "-i", f"{wrong}:lo")
            self.assertEqual(done.status, 2)
            self.assertIn(said, done.stderr)

    def test_help(self):
        for arguments in (["--help"], ["help"], ["-h"]):
            done = self.run_plain(*arguments)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertIn("meter", done.stdout)
        for arguments in (["meter", "--help"], ["meter", "-h"], ["help", "meter"],
                          ["meter", "-r", "x", "--help"], ["meter", "help"]):
            done = self.run_plain(*arguments)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertIn("--idle-timeout TIME", done.stdout)
            self.assertIn("Default: 15s.", done.stdout)
        for command in ([], ["meter"], ["show"], ["collect"], ["check"], ["list"]):
            lines = self.run_plain(*command, "--help").stdout.splitlines()
            self.assertLessEqual(max(map(len, lines)), 80, command)
            examples = lines[lines.index("Examples:"):]
            self.assertGreaterEqual(sum(line.startswith("  spanflow ") for line in examples), 3)

    def test_a_word_whose_letter_was_forgotten(self):
        path = self.file("a.pcap", pcap(conversations(2)))
        for word, letter in ((path, "-r"), (str(self.directory), "-r"), ("lo", "-i"),
                             ("ipfix://127.0.0.1", "-e")):
            done = self.run_plain("meter", word)
            self.assertEqual(done.status, 2)
            self.assertIn(f"unexpected argument '{word}': did you mean {letter} {word}?",
                          done.stderr)

    def test_help_of_check(self):
        # one source, no flow table
        text = self.run_plain("check", "--help").stdout
        self.assertEqual(text.count("Repeatable"), 1)  # -r
        self.assertNotIn("--max-flows", text)
        self.assertIn("Repeatable", self.run_plain("meter", "--help").stdout)

    def test_version(self):
        for arguments in (["--version"], ["-V"], ["version"], ["meter", "--version"],
                          ["collect", "-V"], ["list", "--version"]):
            done = self.run_plain(*arguments)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"^spanflow \d+\.\d+\.\d+\n$")

    def test_list(self):
        done = self.run_plain("list", "drivers")
        self.assertEqual((done.status, done.stderr), (0, ""))
        for driver in ("file", "pcap", "xdp", "dpdk"):
            self.assertRegex(done.stdout, rf"(?m)^{driver} ")
        done = self.run_plain("list", "fields")
        self.assertEqual(done.status, 0)
        self.assertIn("sourceIPv4Address: address of the sender", done.stdout)
        self.assertIn("carried   IPFIX: element 52, 1 byte; NetFlow v9: field 52, 1 byte", done.stdout)
        self.assertIn("gathered  on request: MAC addresses of each packet", done.stdout)
        groups = {name for names in re.findall(r"(?m)^  groups +(.*)$", done.stdout) for name in names.split(", ")}
        self.assertGreater(len(groups), 8)
        for command in ("meter", "show", "collect"):
            help_text = self.run_plain(command, "--help").stdout.split("--fields LIST", 1)[1][:600]
            for name in groups:
                self.assertRegex(help_text, rf"\b{name}\b", command)
        done = self.run_plain("list", "templates")
        self.assertEqual(done.status, 0)
        self.assertIn("flowEndReason", done.stdout)
        done = self.run_plain("list", "profiles")
        self.assertEqual(done.status, 0)
        self.assertRegex(done.stdout.replace("\n            ", " "), r"(?m)^nfdump +nfcapd, .*; tested with it; uniflows: ipfix://, ")

    def test_full_disk(self):
        for arguments in (["list", "drivers"], ["list", "fields"], ["--help"], ["meter", "--help"]):
            with open("/dev/full", "wb") as full:
                done = self.run_plain(*arguments, stdout=full)
            self.assertEqual(done.status, 1, arguments)
            self.assertIn("No space left on device", done.stderr)


class Manual(Case):
    PAGE = Path(__file__).resolve().parents[2] / "docs/spanflow.1.in"

    def test_flows_of_other_protocols(self):
        """The manual's example, on a trunk: what is behind a tag is looked at."""
        command = re.search(r"^spanflow (show.*not .tcp.*)$", self.PAGE.read_text(), re.M)[1]
        command = command.replace("\\-", "-")
        packets = []
        for vlan in (None, 7):
            for number in (1, 6, 17, 47, 58, 132):
                frame = bytearray(udp(number, 1000 + number, vlan=vlan))
                frame[(14 if vlan is None else 18) + 9] = number
                packets.append((len(packets) / 1000, bytes(frame)))
        self.file("capture.pcap", pcap(packets))
        done = subprocess.run(f"{Path(SPANFLOW).resolve()} {command} -q -o json", shell=True, timeout=support.TIMEOUT,
                              cwd=self.directory, capture_output=True, text=True)
        printed = [(record["protocolIdentifier"], record.get("vlanId"))
                   for record in map(support.json.loads, done.stdout.splitlines())]
        self.assertCountEqual(printed, [(47, None), (132, None), (47, 7), (132, 7)])


class Configuration(Case):
    def test_keys(self):
        capture = self.file("a.pcap", pcap(conversations(10, packets=1)))
        file = self.file("spanflow.conf", f"# a run\nread = {capture}\noutput = json\n"
                         "[show]\nnonsense = 1\n[meter]\ncount = 4\n".encode())
        self.assertEqual(len(self.meter("--config", file).records), 4)
        # the command line takes precedence
        self.assertEqual(len(self.meter("--config", file, "-c", "7").records), 7)

    def test_wrong(self):
        file = self.file("spanflow.conf", b"quiet = yes\nidle-timeuot = 3\n")
        done = self.run_plain("meter", "--config", file)
        self.assertEqual(done.status, 2)
        self.assertIn(f"{file}, line 2: unknown key idle-timeuot: did you mean idle-timeout?",
                      done.stderr)
        done = self.run_plain("meter", "--config", "/proc/nonexistent")
        self.assertEqual(done.status, 1)
        self.assertIn("/proc/nonexistent: No such file or directory", done.stderr)

    def test_without_end(self):
        """What has no end is refused, and so is what is no text of a person."""
        large = self.file("large.conf", b"# a\n" * 300000)
        for path in "/dev/zero", large:
            done = self.run_plain("meter", "--config", path)
            self.assertEqual(done.status, 2)
            self.assertIn(f"--config {path}: more than 1024 KiB: this is not a configuration file",
                          done.stderr)

    def test_of_other_editors(self):
        capture = self.file("a.pcap", pcap(conversations(10, packets=1)))
        text = f"read = {capture}\r\noutput = json\r\ncount = 4\r\n"
        file = self.file("mark.conf", text.encode("utf-8-sig"))
        self.assertEqual(len(self.meter("--config", file).records), 4)
        for content in text.encode("utf-16"), b"count = 4\0 5\n":
            file = self.file("other.conf", content)
            done = self.run_plain("meter", "--config", file, "-r", capture)
            self.assertEqual(done.status, 2)
            self.assertIn(f"--config {file}: not a text file in UTF-8", done.stderr)

    def test_least(self):
        capture = self.file("a.pcap", pcap(conversations(1)))
        for content in b"", b"\n", b"output = json", b"#":
            self.meter("-r", capture, "--config", self.file("least.conf", content))


if __name__ == "__main__":
    support.main()
