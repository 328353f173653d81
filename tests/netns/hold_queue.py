#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds receive queue 0 of an interface with an AF_XDP socket until it is ended: hold_queue.py INTERFACE"""

import ctypes
import mmap
import os
import signal
import socket
import struct
import sys

AF_XDP, SOL_XDP = 44, 283  # linux/if_xdp.h
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
XDP_COPY = 1 << 1
CHUNK, CHUNKS = 2048, 64

libc = ctypes.CDLL(None, use_errno=True)
memory = mmap.mmap(-1, CHUNK * CHUNKS)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
held = socket.socket(AF_XDP, socket.SOCK_RAW)
held.setsockopt(SOL_XDP, XDP_UMEM_REG,
                struct.pack("=QQIIII", start, len(memory), CHUNK, 0, 0, 0))
for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
    held.setsockopt(SOL_XDP, ring, CHUNKS)
# socket.bind() does not know the family: sockaddr_xdp with flags, index, queue, shared socket
address = struct.pack("=HHIII", AF_XDP, XDP_COPY, socket.if_nametoindex(sys.argv[1]), 0, 0)
if libc.bind(held.fileno(), address, len(address)):
    sys.exit(f"bind: {os.strerror(ctypes.get_errno())}")
print("held", file=sys.stderr, flush=True)
signal.pause()
