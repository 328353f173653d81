#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Sends TCP connections packet by packet, what the client sends on one interface and what the server
sends on another, or on two queues of the same one: connections.py CLIENT SERVER KIND:COUNT:GAP_US...

One kind follows the other; each connection has ports of its own. KIND: refused (SYN, RST+ACK), closed (8 packets, FIN both ways), reused (three closed ones with the
same ports). Queues are chosen by the CPU that sends.
"""

import os
import socket
import sys
import time

import frames

SYN, ACK, FIN, RST = 0x02, 0x10, 0x01, 0x04
CLOSED = ((0, SYN), (1, SYN | ACK), (0, ACK), (0, ACK), (1, ACK), (0, FIN | ACK), (1, FIN | ACK),
          (0, ACK))
KINDS = {"refused": ((0, SYN), (1, RST | ACK)), "closed": CLOSED, "reused": CLOSED}
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20


def opened(interface):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    sender.bind((interface, 0))
    return sender


def packet(number, side, flags):
    ends = frames.address(4, 1, number), frames.address(4, 2, number % 7)
    ports = 1024 + number, 80
    segment = frames.tcp(ports[side], ports[1 - side], 1, flags, b"")
    return frames.ethernet(frames.ipv4(ends[side], ends[1 - side], 6, segment), 0x0800)


def send(senders, frame, side, gap):
    until = time.perf_counter() + gap
    if senders[0] is senders[1]:
        os.sched_setaffinity(0, {side})
    senders[side].send(frame)
    while time.perf_counter() < until:
        pass


def connections(kinds):
    """(number, kind, gap in seconds) of each connection."""
    number = 0
    for kind, count, gap in (word.split(":") for word in kinds):
        for number in range(number, number + int(count)):
            yield number, kind, int(gap) / 1e6
        number += 1


def main():
    client, server, *kinds = sys.argv[1:]
    first = opened(client)
    senders = first, first if client == server else opened(server)
    for number, kind, gap in connections(kinds):
        for _ in range(3 if kind == "reused" else 1):
            for side, flags in KINDS[kind]:
                send(senders, packet(number, side, flags), side, gap)
            time.sleep(0.01 if kind == "reused" else 0)


main()
