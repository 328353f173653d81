# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX over TLS: meter to collect, and certificates that one of them refuses."""

import json
import shutil
import signal
import socket
import struct
import subprocess
import threading
import unittest

import support
from support import Case, conversations, pcap


class Certificates(Case):
    """Both sides with certificates of one CA, and another CA."""

    scheme = "tls"

    def setUp(self):
        super().setUp()
        for ca in "ours", "theirs":
            self.openssl("req", "-x509", "-subj", f"/CN=CA {ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
        self.certificate("collector", "ours", "DNS:collector.example,IP:127.0.0.1")
        self.certificate("probe", "ours", "DNS:probe1.example")
        self.capture = self.file("a.pcap", pcap(conversations(300)))

    def openssl(self, *arguments):
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(["openssl", *arguments, *(kind if arguments[0] == "req" else [])],
                       cwd=self.directory, check=True, capture_output=True)

    def certificate(self, name, ca, names, days="30"):
        self.openssl("req", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.file("extensions", f"subjectAltName={names}\n".encode())
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
                     "-CAcreateserial", "-extfile", "extensions", "-days", days, "-out", f"{name}.pem")

    def collect(self, options="", port=0, output=("-o", "none"), **kwargs):
        files = ",".join(f"{key}={self.directory}/{value}" for key, value in (
            ("ca", "ours.pem"), ("cert", "collector.pem"), ("key", "collector.key")))
        process = self.start("collect", "-l", f"{self.scheme}://127.0.0.1:{port},{files}{options}", *output,
                             "--stats", "json", **kwargs)
        return process, int(self.said(rf"listening on {self.scheme}://127\.0\.0\.1:(\d+)").group(1))

    def url(self, port, ca="ours", cert="probe"):
        files = f"ca={self.directory}/{ca}.pem"
        if cert:
            files += f",cert={self.directory}/{cert}.pem,key={self.directory}/{cert}.key"
        return f"{self.scheme}://127.0.0.1:{port},retry=100ms,{files}"

    def meter(self, port, ca="ours", cert="probe", options=""):
        """Not by start(): that would empty the output of the collector."""
        return subprocess.run(
            [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "-e",
             self.url(port, ca, cert) + options], capture_output=True, text=True, timeout=support.TIMEOUT)

    def ended(self, process):
        process.send_signal(signal.SIGTERM)
        return self.end(process)

    def sends(self, *arguments, **options):
        done = self.meter(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stderr.splitlines()[-1])["collectors"][0]["records"]


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
class Tls(Certificates):
    # [RFC7011-11.3-1] [RFC5471-3.7-1]
    def test_both_sides_accept_each_other(self):
        process, port = self.collect(",name=probe1.example+probe2.example")
        sent = self.sends(port) + self.sends(port, options=",name=collector.example")
        done = self.ended(process)
        self.assertEqual(done.stats["records"] - done.stats["optionsRecords"], sent)
        self.assertEqual(done.stats["connections"], {"accepted": 2, "refused": 0, "broken": 0})

    # [RFC7011-11.3-2] [RFC7011-11.3-4] [RFC5471-3.7-1]
    def test_certificates_of_the_collector_are_refused(self):
        process, port = self.collect()
        for options, words in (
                ({"options": ",name=other.example"},
                 "/CN=collector) is refused: hostname mismatch: name=NAME expects another"),
                ({"ca": "theirs"},
                 "its certificate (/CN=CA ours) is refused: self-signed, and not in ca=FILE")):
            done = self.meter(port, **options)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
        self.ended(process)

    def test_a_certificate_that_has_expired_is_refused(self):
        self.certificate("collector", "ours", "IP:127.0.0.1", "-1")
        process, port = self.collect()
        done = self.meter(port)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/CN=collector) is refused: it has expired, by the clock of this machine", done.stderr)
        self.told("the other side refuses the certificate of cert= (sslv3 alert certificate expired)")
        self.ended(process)

    # [RFC7011-10.4.4-1] [RFC7011-11.3-3] [RFC7011-11.3-5] [RFC5471-3.7-1]
    def test_certificates_of_the_meter_are_refused(self):
        """By another CA, with another name, none: no record arrives, all are counted as lost."""
        self.certificate("stranger", "theirs", "DNS:probe1.example")
        self.certificate("other", "ours", "DNS:other.example")
        process, port = self.collect(",name=probe1.example")
        for cert, told in (("stranger", "TLS: the other side refuses the certificate of cert="),
                           ("other", "TLS: the other side refuses the certificate of cert="),
                           (None, "TLS: the other side asks for a certificate: give one with cert=FILE")):
            done = self.meter(port, cert=cert)
            self.assertEqual(done.returncode, 1, done.stderr)
            # with TLS 1.3 the collector's refusal may come before the run begins, or after it
            if done.stderr.splitlines()[-1].startswith("{"):
                place = json.loads(done.stderr.splitlines()[-1])["collectors"][0]
                self.assertEqual(place["records"], 0, place)
                self.assertEqual(place["lost"]["unreachable"], place["offered"]["records"])
            self.assertIn(told, done.stderr)
        self.told("certificate (/CN=stranger) is refused")
        self.told("certificate (/CN=other) is refused: hostname mismatch")
        self.told("peer did not return a certificate")
        self.assertEqual(self.ended(process).stats["records"], 0)

    def test_plain_tcp_is_no_delivery(self):
        """Records that reach a TLS port without TLS are lost by name, not sent; so are those that another
        TLS server answers with an alert, and a web server with a page."""
        process, port = self.collect()
        for answer, told in ((None, "Connection reset by peer"),
                             (b"\x15\x03\x01\0\x02\x02\x46", "it expects TLS: write tls:// instead"),
                             (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answered, as no IPFIX collector")):
            if answer:
                server = socket.create_server(("127.0.0.1", 0))
                port = server.getsockname()[1]
                thread = threading.Thread(target=self.refuse, args=(server, answer))
                thread.start()
            done = subprocess.run(
                [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "--stop-timeout", "0",
                 "-e", f"tcp://127.0.0.1:{port}"], capture_output=True, text=True, timeout=support.TIMEOUT)
            if answer:
                thread.join()
                server.close()
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(told, done.stderr)
            place = json.loads(done.stderr.splitlines()[-1])["collectors"][0]
            self.assertEqual(place["records"], 0, place)
            self.assertEqual(place["lost"]["unreachable"], place["offered"]["records"])
        self.told("TLS: the other side does not speak TLS")
        self.ended(process)

    @staticmethod
    def refuse(server, answer):
        """Reads something, answers, reads the rest and closes the connection in order."""
        peer = server.accept()[0]
        peer.recv(5)
        peer.sendall(answer)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass
        peer.close()

    def test_a_run_on_files_waits_as_long_as_it_is_told(self):
        """A collector that goes away while the run still reads."""
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]
        run = subprocess.Popen(
            [support.SPANFLOW, "meter", "-r", self.capture, "--stats", "json", "--stop-timeout", "300ms",
             "-e", f"tcp://127.0.0.1:{port},retry=100ms"], stderr=subprocess.PIPE, text=True)
        peer = server.accept()[0]
        server.close()
        peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        words = run.communicate(timeout=support.TIMEOUT)[1]
        place = json.loads(words.splitlines()[-1])["collectors"][0]
        self.assertEqual(run.returncode, 1)
        self.assertEqual(place["lost"]["unreachable"], place["offered"]["records"], words)

    def test_files_are_read_again(self):
        process, port = self.collect()
        self.assertEqual(self.meter(port, ca="theirs").returncode, 1)
        self.certificate("collector", "theirs", "IP:127.0.0.1")
        process.send_signal(signal.SIGHUP)
        self.told("were read again")
        self.sends(port, ca="theirs")
        # what cannot be read leaves what there was
        self.file("collector.pem", b"nonsense")
        process.send_signal(signal.SIGHUP)
        self.told("stay as they are: certificate")
        self.sends(port, ca="theirs")
        self.ended(process)

    def test_wrong_files(self):
        here = self.directory
        self.file("empty", b"")
        subprocess.run(["openssl", "ec", "-in", "probe.key", "-aes128", "-passout", "pass:x", "-out", "locked.key"],
                       cwd=here, check=True, capture_output=True)
        no_certificate = "it has no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        no_key = "it has no private key in PEM form: key=FILE names the file that has it"
        for files, words in (("cert=/nonexistent", "certificate /nonexistent: No such file or directory"),
                             ("ca=/nonexistent", "CA certificates /nonexistent: No such file or directory"),
                             (f"cert={here}/probe.pem,key=/nonexistent", "key /nonexistent: No such file"),
                             (f"key={here}/probe.key",
                              "key= without cert=: cert=FILE names the certificate of the key"),
                             (f"cert={here}/probe.pem", f"key {here}/probe.pem: {no_key}"),
                             (f"cert={here}/probe.pem,key={here}/a.pcap", f"a.pcap: {no_key}"),
                             (f"cert={here}/probe.pem,key={here}/ours.key",
                              "ours.key: it is not the key of the certificate in cert= (key values mismatch)"),
                             (f"cert={here}/probe.pem,key={here}/locked.key",
                              "the key has a passphrase, and nobody is asked for it: openssl pkey"),
                             (f"cert={here}/probe.key", f"certificate {here}/probe.key: {no_certificate}"),
                             (f"cert={here}/empty", f"certificate {here}/empty: {no_certificate}"),
                             (f"cert={here}", f"certificate {here}: Is a directory"),
                             (f"ca={here}", f"CA certificates {here}: Is a directory"),
                             (f"ca={here}/a.pcap", f"CA certificates {here}/a.pcap: {no_certificate}")):
            done = self.run_plain("meter", "-r", self.capture, "-e", f"tls://127.0.0.1:1,{files}")
            self.assertNotEqual(done.status, 0)
            self.assertIn(words, done.stderr)
        done = self.run_plain("collect", "-l", f"tls://127.0.0.1:0,cert={self.directory}/probe.pem")
        self.assertIn("a collector needs its certificate (cert=) and the CA", done.stderr)
        self.assertEqual(done.status, 2)
        done = self.run_plain("collect", "-l", "tls://127.0.0.1:0")
        self.assertIn("a collector needs its certificate (cert=) and the CA", done.stderr)
        self.assertEqual(done.status, 2)


if __name__ == "__main__":
    support.main()
