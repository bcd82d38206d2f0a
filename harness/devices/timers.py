"""Timers of a device: functions that its server's thread calls later.

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
        """Call a function in the server's thread after some seconds."""
        with self._turn:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._ids), call))
        self.rouse()

    def rouse(self) -> None:
        """Wake the server's thread, so that it waits for the right timer."""
        os.eventfd_write(self.descriptor, 1)

    def calm(self) -> None:
        """Make `descriptor` unreadable again."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def until_next_ms(self) -> float | None:
        """Return how long the thread may sleep, None without a limit."""
        # a timer that is added meanwhile wakes the thread
        if not self._due:
            return None
        with self._turn:
            return max(0.0, self._due[0][0] - time.monotonic()) * 1000 + 0.5 if self._due else None

    def run(self) -> None:
        """Call the functions that are due; the caller holds the turn."""
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, call = heapq.heappop(self._due)
            self._watch.ask("what it does later", call)

    def forget(self) -> None:
        """Drop all timers, because their machine is gone. The caller holds the turn."""
        self._due.clear()

    def close(self) -> None:
        """Free the resources, after the thread has ended."""
        os.close(self.descriptor)
