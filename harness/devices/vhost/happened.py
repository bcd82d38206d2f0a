"""What happened at a model that QEMU reaches by vhost-user, and what serves it at the moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from rustbed.devices.history import History
from rustbed.devices.stream import StreamServer, unplugged

E = TypeVar("E")


class Happened(Generic[E]):
    """The events of one model, in order."""

    def __init__(self) -> None:
        #: all of them, also those that a test does not see
        self.events: History[E] = History()
        #: time.monotonic() when the model was created; the times of its events count from there
        self.began = time.monotonic()
        self._server: StreamServer | None = None

    @property
    def now(self) -> float:
        """Seconds since the model was created."""
        return time.monotonic() - self.began

    @property
    def settled(self) -> list[E]:
        """The events up to this moment. Raises DeviceError if an author's code failed."""
        if self._server is not None:
            self._server.settle()
        return self.events.visible

    def forget(self) -> None:
        """Hide the events up to this moment. Raises DeviceError if an author's code failed."""
        if self._server is not None:
            self._server.settle()
        self.events.forget()

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function later, between two accesses. Raises UsageError if the model is in no machine."""
        if self._server is None:
            raise unplugged()
        self._server.after(seconds, call)

    def turn(self) -> AbstractContextManager[None]:
        """Keep the model's own code from running while the context lasts."""
        return nullcontext() if self._server is None else self._server.turn()

    def connect_to(self, server: StreamServer | None) -> None:
        """Say what serves the model from now on; None: nothing."""
        self._server = server
