# SPDX-License-Identifier: BSD-2-Clause
"""
Ports that are free, and stay free until the test ends: a program that listens on one may start later,
or twice, and a port on which nobody listens must not get a listener of another test. Where a program
can take port 0 and say what it got, that is better.
"""

import errno
import itertools
import os
import socket

# below those that the kernel gives for port 0 (net.ipv4.ip_local_port_range), and none of a known service
FIRST, COUNT = 20000, 12000

_steps = itertools.count(os.getpid() * 37 % COUNT)
_held = []  # a name of the port in the abstract namespace of UNIX sockets tells other tests that it is taken


def _hold(port):
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0spanflow-tests-port-{port}")
    except OSError:
        name.close()
        return False
    _held.append(name)
    return True


def _unused(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return False
    return True


def free_port(address="127.0.0.1"):
    for step in itertools.islice(_steps, COUNT):
        port = FIRST + step % COUNT
        if _hold(port) and _unused(address, port):
            return port
    raise OSError(f"no free port of {address}")
