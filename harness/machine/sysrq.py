"""Asking the guest's kernel over its console: sysrq behind a break, and the interrupt that nothing masks.

Owns how a question is put and when its answer is over. What is asked and
where the answers go is for others to say.
"""

from __future__ import annotations

import os
import time

from rustbed.deadline import Deadline
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import Running

# seconds, stretched for emulation, in which the kernel begins to answer; for a further key if it did not
_BEGIN_S, _NEXT_S = 0.5, 0.1
# the same for an interrupt that nothing masks: the last resort, and the kernel panics of it
_NMI_S = 3.0
# seconds without a byte on the console after which an answer is over, and for which one may go on
_PAUSE_S, _REPORT_S = 0.6, 4.0
# bytes of an answer that are kept
_LONGEST = 1024 * 1024
# seconds, stretched for emulation, for QEMU to do as it is told
_MONITOR_S = 1.0


class Sysrq:
    """A way to the guest's kernel that needs neither its user space nor its scheduler."""

    def __init__(self, running: Running, monitor: Monitor, slowness: float) -> None:
        self._running = running
        self._monitor = monitor
        self._slowness = slowness

    def press(self, keys: str) -> dict[str, str] | None:
        """Send keys and return what the kernel says to each; None if this QEMU's console has no input.

        Keys without an answer are left out: the kernel may lack CONFIG_MAGIC_SYSRQ_SERIAL, or
        interrupts, or somebody to print. A break interrupts what runs, so that it is seen.
        Raises MonitorError, OSError.
        """
        if self._running.console_input is None:
            return None
        answers: dict[str, str] = {}
        for key in keys:
            start = self._running.console_size
            self._monitor.execute("chardev-send-break", _MONITOR_S, id="console")
            os.write(self._running.console_input, key.encode())
            text = self.answer_since(start, _BEGIN_S if answers or key == keys[0] else _NEXT_S)
            # a kernel that does not know of breaks echoes the key
            if "sysrq" in text:
                answers[key] = text
        return answers

    def interrupt(self) -> str:
        """Send an interrupt that cannot be masked and return what the kernel says.

        Raises MonitorError where the machine has no such thing.
        """
        start = self._running.console_size
        self._monitor.execute("inject-nmi", _MONITOR_S)
        return self.answer_since(start, _NMI_S)

    def answer_since(self, start: int, begin_s: float = _BEGIN_S) -> str:
        """Return what comes on the console from byte `start` on, once it has stopped coming."""
        size, begin = start, Deadline.after(begin_s * self._slowness)
        limit, pause = Deadline.after(_REPORT_S), Deadline.after(_PAUSE_S)
        while not limit.expired and not (begin.expired if size == start else pause.expired):
            time.sleep(0.02)
            if size != self._running.console_size:
                size, pause = self._running.console_size, Deadline.after(_PAUSE_S)
        with self._running.files.console.open("rb") as stream:
            stream.seek(start)
            return stream.read(_LONGEST).decode(errors="replace").replace("\r", "")
