#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ipfixDump 2.4.1 (Debian libfixbuf-tools) and python3-ipfix 0.9.7 read what spanflow sends over TCP."""
import socket
import sys
import threading

import interop
import ipfix_file


class Collector:
    """Accepts one connection, and writes what it carries to a file."""

    def __init__(self, path):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.receive, args=(path,))
        self.thread.start()

    def receive(self, path):
        with self.listener, self.listener.accept()[0] as connection, open(path, "wb") as stream:
            while data := connection.recv(65536):
                stream.write(data)


def sent(spanflow, captures, path, *options):
    collector = Collector(path)
    flows = spanflow.flows(captures, "-e", f"tcp://127.0.0.1:{collector.port}", *options)
    collector.thread.join()
    return flows


def main(program, pcaps):
    interop.need(("ipfixDump", "libfixbuf-tools"))
    spanflow = interop.Spanflow(program)
    captures = interop.captures(pcaps)
    with interop.Workplace() as place:
        for name, options in ("uniflows", ()), ("biflows", ("--biflow",)):
            path = place.file(name)
            expected = sent(spanflow, captures, path, *options)
            interop.compare(f"ipfixDump, {name} over TCP", expected,
                            [interop.flow_of_json(record) for record in ipfix_file.dumped(path)])
            if ipfix_file.ipfix:
                interop.compare(f"python3-ipfix, {name} over TCP", expected, [
                    interop.flow_of_json(record) for record in ipfix_file.read(path)])


if __name__ == "__main__":
    main(*sys.argv[1:])
