"""What a device does later: called in its server's thread, which sleeps until then.

Knows neither sockets nor protocols.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from rustbed.devices.watch import Watch


class Timers:
    """The timers of one server. Its thread polls `descriptor`, which `rouse` makes readable."""

    def __init__(self, turn: threading.RLock, watch: Watch) -> None:
        # held while the device's code runs
        self._turn = turn
        self._watch = watch
        self._ids = itertools.count()
        # time, serial number, call
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something in the server's thread, so many seconds from now."""
        with self._turn:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._ids), call))
        self.rouse()

    def rouse(self) -> None:
        """Let the server's thread look again at what it waits for."""
        os.eventfd_write(self.descriptor, 1)

    def calm(self) -> None:
        """Take note of being roused."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def until_next_ms(self) -> float | None:
        """Return how long the thread may sleep, None for as long as it likes."""
        # one that is added meanwhile rouses the thread
        if not self._due:
            return None
        with self._turn:
            return max(0.0, self._due[0][0] - time.monotonic()) * 1000 + 0.5 if self._due else None

    def run(self) -> None:
        """Call what is due; the caller holds the turn."""
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, call = heapq.heappop(self._due)
            self._watch.ask("what it does later", call)

    def forget(self) -> None:
        """Drop what is not due yet: the machine that it was for has gone. The caller holds the turn."""
        self._due.clear()

    def close(self) -> None:
        """Free what is held, when the thread has ended."""
        os.close(self.descriptor)
