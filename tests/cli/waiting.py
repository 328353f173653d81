# SPDX-License-Identifier: BSD-2-Clause
"""
Waiting for what a running program does. A test never sleeps until something "must have happened", and
measures no short times: on a busy machine a program may not run for seconds. It waits for the event,
and where none can be seen, until the program has nothing left to do (settle()).
"""

import array
import fcntl
import os
import signal
import termios
import time
from pathlib import Path

# s: nothing may hang. A slow machine gets more time, as the tests in C do.
TIMEOUT = 60 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))


def wait_until(condition, what):
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.02)


def whole_lines(text):
    """The lines that end: what is read while it is written may end in the middle of one."""
    return text[:text.rfind("\n") + 1]


def status_of(path, field):
    """The first word of a line of /proc/PID/status; None: there is no process, or no such line."""
    try:
        lines = Path(path, "status").read_text().splitlines()
    except OSError:
        return None
    return next((line.split()[1] for line in lines if line.startswith(field + ":")), None)


def signal_in(process, field, number):
    """Whether a set of signals in /proc/PID/status has this one."""
    return int(status_of(f"/proc/{process.pid}", field) or "0", 16) >> (number - 1) & 1 == 1


def catches(process, number):
    """Whether the process has a handler for the signal by now."""
    return signal_in(process, "SigCgt", number)


def wait_for_handlers(process):
    """Until the program takes signals: it has a handler of SIGURG after those of all others."""
    wait_until(lambda: catches(process, signal.SIGURG), "handlers of signals")


class Child:
    """A process that a program has started; as much of a Popen as is needed here."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None if Path(f"/proc/{self.pid}").exists() else 0

    def send_signal(self, number):
        os.kill(self.pid, number)


def child_of(process, name):
    """The process's child that runs the program of this name, when there is one."""
    found = []

    def there():
        pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        found.extend(pid for pid in pids if status_of(f"/proc/{pid}", "Name") == name)
        return found

    wait_until(there, f"a child that runs {name}")
    return Child(int(found[0]))


def sleeps(process):
    """Whether each thread waits for something, or the process has ended."""
    states = [status_of(task, "State") for task in Path(f"/proc/{process.pid}/task").glob("*")]
    return all(state in ("S", "Z", "X", None) for state in states)


def unread(pipe):
    """Octets that a pipe holds."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def waiting_datagrams(port):
    """Octets that wait in the UDP sockets of the port, in this network namespace."""
    rows = [line.split() for name in ("udp", "udp6")
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def wait_idle(process, left=lambda: 0, patience=None):
    """Until nothing is left for the process, and it sleeps: it has nothing to do until something comes
    or a timer ends. After `patience` seconds it need not sleep: some drivers never do."""
    began = time.monotonic()
    seen = 0

    def idle():
        nonlocal seen
        seen = seen + 1 if not left() and sleeps(process) else 0
        return seen >= 3 or (patience and time.monotonic() > began + patience)

    wait_until(idle, "the program has nothing to do")


def settle(process, pipe=None):
    """Until the program takes signals, has taken all that the pipe holds, and sleeps."""
    wait_until(lambda: catches(process, signal.SIGURG) or process.poll() is not None, "handlers")
    wait_idle(process, lambda: pipe and process.poll() is None and unread(pipe))


def deliver(process, number):
    """Sends a signal and waits until it is handled, or waits for a loop that reads it from a descriptor."""
    process.send_signal(number)
    wait_until(lambda: signal_in(process, "SigBlk", number) or not signal_in(process, "ShdPnd", number),
               "the signal is delivered")
    wait_until(lambda: sleeps(process) or process.poll() is not None, "its handler ends")


def stop_for_a_while(process):
    """Until SIGCONT; returns when the process has stopped indeed."""
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: status_of(f"/proc/{process.pid}", "State") in ("T", "Z", None), "the process stops")
