#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs that take time: signals, live pipes, the progress line."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

import support
from support import (Case, START, child_of, conversations, deliver, pcap_header, pcap_packet, settle, stop_for_a_while, udp,
                     unread, wait_until)


class Piped(Case):
    """A capture that arrives through a pipe which stays open."""

    def open(self, *arguments, packets=(), **kwargs):
        """`packets` are in the pipe when the program starts."""
        reader, writer = os.pipe()
        pipe = open(writer, "wb")
        self.addCleanup(pipe.close)
        pipe.write(pcap_header())
        for seconds, frame in packets:
            pipe.write(pcap_packet(START + seconds, frame))
        if packets:
            pipe.flush()
        with open(reader, "rb") as stdin:
            process = self.start("meter", "-r", "-", *arguments, stdin=stdin, **kwargs)
        process.stdin = pipe
        return process

    def feed(self, process, *packets):
        for seconds, frame in packets:
            process.stdin.write(pcap_packet(START + seconds, frame))
        process.stdin.flush()

    def take(self, process, *packets):
        """Feeds packets, and waits until they are metered."""
        self.feed(process, *packets)
        settle(process, process.stdin)


class Pipe(Piped):
    def test_term(self):
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            process = self.open("-o", "json", "--stats", "json", "--idle-timeout", "5s")
            self.feed(process, (0, udp(1, 5000)), (4, udp(2, 5000)), (8, udp(3, 5000)))
            # the first flow has ended by the packets' clock, the others are open
            wait_until(self.has_printed(), "the first record")
            # the pipe stays open
            process.send_signal(number)
            done = self.check(process)
            self.assertEqual(sorted(r["flowEndReason"] for r in done.records), [1, 4, 4])
            self.assertIn(f"stopped by {name} after 3 frames, at packet time 2023-11-14T22:13:28Z",
                          done.stderr)
            self.assertEqual(done.stats["ended"], name)

    def has_printed(self, records=1):
        """Text is written when the program looks around, not only at the end."""
        return lambda: self.printed().count("\n") >= records

    def test_pipe_without_realtime_does_not_age(self):
        process = self.open("-o", "json", "--stats", "json", "--idle-timeout", "1s")
        self.take(process, (0, udp(1, 5000)))
        time.sleep(2.5)
        self.feed(process, (0.5, udp(1, 5000)))
        process.stdin.close()
        self.assertEqual([r["packetDeltaCount"] for r in self.check(process).records], [2])

    def test_realtime_pipe_ages_while_quiet(self):
        process = self.open("-o", "json", "--stats", "json", "--idle-timeout", "1s", "--realtime")
        self.feed(process, (0, udp(1, 5000)))
        # no other packet comes
        wait_until(self.has_printed(), "the record of the idle flow")
        self.feed(process, (60, udp(2, 5000)))
        process.stdin.close()
        done = self.check(process)
        self.assertEqual([r["flowEndReason"] for r in done.records], [1, 4])

    def test_duration_of_a_quiet_pipe(self):
        process = self.open("-o", "json", "--stats", "json", "--realtime", "--duration", "2s",
                            packets=((0, udp(1, 5000)), (0.5, udp(1, 5000))))
        done = self.check(process)
        self.assertEqual(done.stats["ended"], "limit")
        self.assertEqual([r["packetDeltaCount"] for r in done.records], [2])

    def test_statistics_on_request(self):
        for workers in "1", "3":
            process = self.open("-o", "none", "--stats", "json", "--workers", workers)
            self.take(process, (0, udp(1, 5000)))
            process.send_signal(signal.SIGUSR1)
            wait_until(lambda: self.printed("stderr").count("\n") >= 1, "statistics")
            stats = support.json.loads(self.printed("stderr"))
            self.assertEqual((stats["frames"], stats["flows"]["active"]), (1, 1))
            self.assertIs(stats["balanced"], True)
            self.assertNotIn("ended", stats)
            self.feed(process, (1, udp(1, 5000)))
            process.stdin.close()
            self.assertEqual(self.check(process).stats["frames"], 2)

    def test_statistics_are_asked_for_while_a_source_is_opened(self):
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        process = self.start("meter", "-r", fifo, "-o", "none", "--stats", "json")
        # open(2) waits for a writer
        wchan = support.Path(f"/proc/{process.pid}/wchan")
        wait_until(lambda: "partner" in wchan.read_text(), "open(2)")
        process.send_signal(signal.SIGUSR1)
        with open(fifo, "wb") as stream:
            stream.write(pcap_header())
        self.assertEqual(self.end(process).stderr.count('"frames"'), 2)

    def test_records_of_a_quiet_pipe(self):
        # whatever worker has them: they do not wait until the pipe goes on
        process = self.open("-o", "json", "--stats", "json", "--idle-timeout", "1s",
                            "--workers", "3")
        self.feed(process, *((0, udp(i, 5000)) for i in range(40)),
                  *((0.9 * i, udp(1, 6000)) for i in range(5)))
        wait_until(self.has_printed(40), "the records of idle flows")
        process.stdin.close()
        done = self.check(process)
        self.assertEqual([r["flowEndReason"] for r in done.records], 40 * [1] + [4])

    def test_statistics_while_records_wait(self):
        out = self.directory / "out"
        process = self.open("-w", out, "--stats", "json", "--idle-timeout", "1s")
        self.take(process, *((0.9 * i, udp(i, 5000)) for i in range(10)))
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.printed("stderr").count("\n") >= 1, "statistics")
        stats = support.json.loads(self.printed("stderr"))
        file = stats["outputs"][0]
        # flows have ended, in a message that is not full
        self.assertGreater(file["offered"]["records"], 0)
        self.assertEqual(file["records"], 0)
        self.assertIs(stats["balanced"], True)
        process.stdin.close()
        self.check(process)

    def test_closed_output_ends_the_run(self):
        process = self.open("-o", "json", "--stats", "json", "--idle-timeout", "1s",
                            stdout=subprocess.PIPE)
        process.stdout.close()
        self.feed(process, (0, udp(1, 5000)), (0.9, udp(2, 5000)),
                  (1.8, udp(2, 5000)))
        done = self.check(process, status=1)
        self.assertEqual(done.stats["ended"], "closed")

    def test_a_slow_reader_gets_all(self):
        """A run that is stopped while its output is not read for a while loses none of it."""
        capture = self.directory / "many.pcap"
        with open(capture, "wb") as file:
            file.write(pcap_header())
            for number in range(5000):
                file.write(pcap_packet(START + number / 1000, udp(number % 250, number)))
        stop, ask = signal.SIGTERM, signal.SIGUSR1
        for workers, numbers, more in ((2, (stop,), ()), (2, (stop,), ("-c", "100000")),
                                       (1, (stop,), ()), (1, (ask, ask, stop), ())):
            with self.subTest(workers=workers, numbers=numbers, more=more):
                process = self.start("meter", "-r", capture, "-o", "json", "--stats", "json",
                                     "--workers", workers, *more, stdout=subprocess.PIPE)
                wait_until(lambda: unread(process.stdout) > 60000, "a full pipe")
                settle(process)
                # each finds a write that waits, the second one without an octet written
                for number in numbers:
                    deliver(process, number)
                time.sleep(2.5)
                self.assertEqual(process.stdout.read().count(b"\n"), 5000)
                process.stdout.close()
                done = self.check(process)
                self.assertEqual(done.stats["outputs"][0]["lost"]["write"], 0)

    def shown_on_terminal(self, *arguments, stdout, until=None):
        """What `meter` writes to a terminal, its standard error and, if asked, its output. The run ends when `until`
        is shown, or after 2 s."""
        ours, theirs = pty.openpty()
        more = {"stdout": theirs} if stdout else {}
        process = self.open("--stats", "none", *arguments, stderr=theirs, **more)
        os.close(theirs)
        shown, seconds = b"", 0

        def read():
            nonlocal shown
            # the other end is closed: EIO
            with contextlib.suppress(OSError):
                while select.select([ours], [], [], 0)[0] and (chunk := os.read(ours, 4096)):
                    shown += chunk
            return shown

        def shows():
            nonlocal seconds
            self.feed(process, (seconds, udp(1, 5000)))
            seconds += 0.02
            return until in read()

        if until:
            wait_until(shows, until)
        for second in range(0 if until else 3):
            self.take(process, (second, udp(1, 5000)))
            time.sleep(0.7)
        process.stdin.close()
        self.assertEqual(process.wait(support.TIMEOUT), 0)
        read()
        os.close(ours)
        return shown

    def test_progress_only_on_a_terminal(self):
        for arguments, stdout in ((["-o", "json"], False), (["-o", "none"], True),
                                  (["-w", str(self.directory / "a.ipfix")], True)):
            shown = self.shown_on_terminal(*arguments, stdout=stdout, until=b"flows in the table")
            self.assertIn(b"packets", shown)
            self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)
        # records on the same terminal would be torn apart
        self.assertNotIn(b"in the table", self.shown_on_terminal("-o", "json", stdout=True))

        process = self.open("-o", "none", "--stats", "none")
        self.take(process, (0, udp(1, 5000)))
        time.sleep(1.5)
        process.stdin.close()
        self.assertEqual(self.end(process).stderr, "")


class Hangup(Piped):
    """SIGHUP: habit of administrators and of logrotate, or a terminal that is being closed."""

    ANSWER = "SIGHUP: the run goes on"

    def on_terminal(self, *arguments, before=()):
        """A run of a pipe with a controlling terminal of its own; returns it and our side."""
        ours, theirs = pty.openpty()
        command = [*before, support.SPANFLOW, "meter", "-r", "-", "--stats", "json", *arguments]
        with open(self.directory / "stderr", "wb") as errors, \
                open(self.directory / "stdout", "wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=errors,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        process.stdin.write(pcap_header())
        self.take(process, (0, udp(1, 5000)), (1, udp(2, 5000)))
        return process, ours

    def test_a_run_goes_on(self):
        for workers in "1", "2":
            with self.subTest(workers=workers):
                process = self.open("-o", "json", "--stats", "json", "--workers", workers)
                self.take(process, (0, udp(1, 5000)))
                process.send_signal(signal.SIGHUP)
                self.feed(process, (0.1, udp(1, 5000)))
                wait_until(lambda: self.ANSWER in self.printed("stderr"), "an answer")
                process.stdin.close()
                done = self.check(process)
                self.assertEqual([r["packetDeltaCount"] for r in done.records], [2])
                self.assertEqual(done.stderr.count("SIGHUP"), 1)

    def test_others_go_on(self):
        process = self.start("collect", "-l", "udp://127.0.0.1:0", "-q")
        settle(process)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.ANSWER in self.printed("stderr"), "an answer")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(support.TIMEOUT), 0)

    def test_a_closed_terminal_ends_the_run(self):
        process, ours = self.on_terminal("-o", "json")
        os.close(ours)
        done = self.check(process)
        self.assertEqual(done.stats["ended"], "SIGHUP")
        self.assertEqual([r["flowEndReason"] for r in done.records], [4, 4])

    def test_kill_from_elsewhere_is_no_closed_terminal(self):
        process, ours = self.on_terminal("-o", "json")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.ANSWER in self.printed("stderr"), "an answer")
        process.stdin.close()
        self.assertEqual(self.check(process).stats["ended"], "eof")
        os.close(ours)

    def test_nohup(self):
        process, ours = self.on_terminal("-o", "json", before=["nohup"])
        os.close(ours)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.stdin.close()
        done = self.check(process)
        self.assertEqual(done.stats["ended"], "eof")
        self.assertNotIn("SIGHUP", done.stderr)


class Insistence(Case):
    """Signals after the first one: two in a row are one, later ones hasten the end."""

    APART = 1.1  # s: further signals within a second of the last one that counted are ignored

    def slow(self):
        """A run of files that takes a quarter of an hour to send its records, being stopped."""
        sink = support.socket.socket(support.socket.AF_INET, support.socket.SOCK_DGRAM)
        self.addCleanup(sink.close)
        sink.bind(("127.0.0.1", 0))
        url = f"ipfix://127.0.0.1:{sink.getsockname()[1]},rate=1"
        path = self.file("a.pcap", support.pcap(conversations(1000, packets=1)))
        process = self.start("meter", "-r", path, "-e", url, "--stats", "json")
        settle(process)
        # both are handled at once
        stop_for_a_while(process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        deliver(process, signal.SIGCONT)
        time.sleep(self.APART)
        self.assertIsNone(process.poll(), "it should still be sending, one record a second")
        return process, sink

    @staticmethod
    def received(sink):
        """Datagrams that have come to a socket."""
        count = 0
        while select.select([sink], [], [], 0)[0]:
            sink.recv(65536)
            count += 1
        return count

    def test_a_second_one_waits_for_no_destination(self):
        process, sink = self.slow()
        stop_for_a_while(process)
        self.received(sink)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        done = self.check(process, status=1)
        # it was about to send one
        self.assertLessEqual(self.received(sink), 1)
        place = done.stats["collectors"][0]
        self.assertGreater(place["lost"]["stopped"], 500)
        self.assertEqual(place["lost"]["stopped"] + place["records"], 1000)
        self.assertEqual(done.stats["ended"], "eof")

    def full_pipe(self, *arguments):
        """A run whose output nobody reads, stopped by one signal."""
        path = self.file("b.pcap", support.pcap(conversations(20000, packets=1)))
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        with open(writer, "wb") as pipe:
            process = self.start("meter", "-r", path, "--stats", "json", *arguments, stdout=pipe)
        wait_until(lambda: unread(reader) > 60000, "a full pipe")
        settle(process)
        deliver(process, signal.SIGTERM)
        time.sleep(self.APART)
        self.assertIsNone(process.poll(), "it should wait for the reader")
        return process

    def test_a_second_one_leaves_a_pipe_that_is_full(self):
        for arguments in (["-o", "json"], ["-w", "-"], ["-o", "json", "--workers", "2"]):
            with self.subTest(arguments=arguments):
                process = self.full_pipe(*arguments)
                process.send_signal(signal.SIGTERM)
                done = self.check(process, status=1)
                self.assertGreater(done.stats["outputs"][0]["lost"]["stopped"], 0)

    def test_timeout_sends_two(self):
        """timeout(1) signals its child and then the group that the child is in. SIGALRM says that the time is over."""
        for number in range(8):
            arguments = ("meter", "-r", "-", "-w", self.directory / f"{number}.ipfix",
                         "--stats", "json")
            process = subprocess.Popen(
                ["timeout", "1h", support.SPANFLOW, *map(str, arguments)],
                stdin=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
            process.stdin.write(pcap_header())
            for source in range(200):
                process.stdin.write(pcap_packet(START, udp(source, 5000)))
            process.stdin.flush()
            settle(child_of(process, "spanflow"), process.stdin)
            process.send_signal(signal.SIGALRM)
            errors = process.stderr.read().decode()
            self.assertEqual(process.wait(support.TIMEOUT), 124)
            process.stdin.close()
            process.stderr.close()
            stats = support.json.loads(errors.splitlines()[-1])
            self.assertEqual(stats["outputs"][0]["records"], 200, number)


if __name__ == "__main__":
    support.main()
