"""Asks the guest's kernel by sysrq keys on its console, or by a non-maskable interrupt.

Owns how keys are sent and when an answer is complete. The caller chooses the keys
and keeps the answers.
"""

from __future__ import annotations

import os
import time

from rustbed.deadline import Deadline
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import Running

# seconds, stretched for emulation, for an answer to begin; the second is for further keys after one without
_BEGIN_S, _NEXT_S = 0.5, 0.1
# the same for a non-maskable interrupt: the last resort, because the kernel panics
_NMI_S = 3.0
# an answer is complete after this many seconds without a byte; it is cut off after this many in total
_PAUSE_S, _REPORT_S = 0.6, 4.0
# how many bytes of an answer are kept
_LONGEST = 1024 * 1024
# seconds, stretched for emulation, for a QMP command
_MONITOR_S = 1.0


class Sysrq:
    """Talks to the guest's kernel without its user space and scheduler."""

    def __init__(self, running: Running, monitor: Monitor, slowness: float) -> None:
        self._running = running
        self._monitor = monitor
        self._slowness = slowness

    def press(self, keys: str) -> dict[str, str] | None:
        """Send keys and return the kernel's answer to each; None if this QEMU's console has no input.

        Keys without an answer are left out: the kernel may lack CONFIG_MAGIC_SYSRQ_SERIAL, have interrupts
        disabled, or have no task that can print. The key interrupts the running task, so the answer shows
        it. Raises MonitorError, OSError.
        """
        prefix = self._running.sysrq_prefix
        if self._running.console_input is None:
            return None
        answers: dict[str, str] = {}
        for key in keys:
            start = self._running.console_size
            if not prefix:
                self._monitor.execute("chardev-send-break", _MONITOR_S, id="console")
            os.write(self._running.console_input, (prefix + key).encode())
            text = self.answer_since(start, _BEGIN_S if answers or key == keys[0] else _NEXT_S)
            # a kernel that ignores breaks echoes the key
            if "sysrq" in text:
                answers[key] = text
        return answers

    def interrupt(self) -> str:
        """Send a non-maskable interrupt and return what the kernel prints.

        Raises MonitorError if the machine has no such interrupt.
        """
        start = self._running.console_size
        self._monitor.execute("inject-nmi", _MONITOR_S)
        return self.answer_since(start, _NMI_S)

    def answer_since(self, start: int, begin_s: float = _BEGIN_S) -> str:
        """Return the console's output from byte `start` on, once it has stopped growing."""
        size, begin = start, Deadline.after(begin_s * self._slowness)
        limit, pause = Deadline.after(_REPORT_S), Deadline.after(_PAUSE_S)
        while not limit.expired and not (begin.expired if size == start else pause.expired):
            time.sleep(0.02)
            if size != self._running.console_size:
                size, pause = self._running.console_size, Deadline.after(_PAUSE_S)
        with self._running.files.console.open("rb") as stream:
            stream.seek(start)
            return stream.read(_LONGEST).decode(errors="replace").replace("\r", "")
