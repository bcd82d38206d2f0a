"""A queue of a device behind vhost-user: what QEMU says of it, and the requests of the guest's driver.

What a request means is the device's.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol

from rustbed.devices.connection import BrokenStreamError
from rustbed.devices.stream import Line
from rustbed.devices.vhost.messages import VringAddress
from rustbed.devices.vhost.virtqueue import Chain, Memory, Virtqueue


class Requests(Protocol):
    """What a kind of device does with the requests of its driver."""

    # bits of its own
    features: int
    # its configuration space; b"": it has none
    config: bytes
    # number of its queues
    queues: int

    def delay_of(self, request: Chain) -> float:
        """Return how long the request, and those behind it, have to wait, in seconds."""

    def answer(self, queue: Queue, request: Chain) -> bytes | None:
        """Return what fills the request's places; None: `queue.answer` is called later.

        Raises ValueError for a malformed request.
        """

    def stopped(self, queue: Queue) -> None:
        """Forget the requests of a queue that have no answer, and what the driver has chosen."""


class Queue:
    """One queue: what QEMU says of it, and its requests."""

    def __init__(self, number: int, requests: Requests, line: Line) -> None:
        self.number = number
        self._requests, self._line = requests, line
        self._ring: Virtqueue | None = None
        self._size = 0
        self._next = 0
        self._kick: int | None = None
        self._call: int | None = None
        self._is_enabled = False
        # whether a request waits, and all behind it
        self._is_waiting = False
        # requests without an answer, by their first descriptor
        self._open: dict[int, Chain] = {}

    # -- what QEMU says of it ----------------------------------------------------

    def resize(self, entries: int) -> None:
        """Set the number of entries, before the ring."""
        self._size = entries

    def begin_at(self, index: int) -> None:
        """Set the next request, before the ring."""
        self._next = index

    def place(self, memory: Memory, address: VringAddress) -> None:
        """Say where its ring is. Raises ValueError if there is no memory."""
        self._ring = Virtqueue(memory, self._size, address, self._next)

    def set_kick(self, descriptor: int | None) -> None:
        """Set the descriptor by which the driver says that there are requests."""
        old, self._kick = self._kick, descriptor
        if old is not None:
            self._line.forget(old)
            os.close(old)
        if descriptor is not None:
            self._line.listen_to(descriptor, self._kicked)

    def set_call(self, descriptor: int | None) -> None:
        """Set the descriptor by which the driver is told of answers."""
        old, self._call = self._call, descriptor
        if old is not None:
            os.close(old)

    def enable(self, enabled: bool) -> None:
        """Begin to serve requests, or pause."""
        self._is_enabled = enabled
        self._serve()

    def stop(self) -> int:
        """Forget the ring and the open requests, and return the next request."""
        next_request = self._ring.next if self._ring else self._next
        self._ring = None
        self._open.clear()
        self._requests.stopped(self)
        self.set_kick(None)
        return next_request

    def close(self) -> None:
        """Free the descriptors."""
        self.stop()
        self.set_call(None)

    # -- requests ----------------------------------------------------------------

    def answer(self, request: Chain, data: bytes) -> None:
        """Finish a request; without effect if QEMU has stopped the queue since."""
        if self._ring is None or self._open.get(request.head) is not request:
            return
        del self._open[request.head]
        self._ring.give(request, data)
        # only when all are answered: after a failed message of I2C the driver frees the ones queued behind
        # it without waiting for them (docs/findings/i2c-virtio-frees-too-early.md, Linux 7.3)
        if self._call is not None and not self._ring.waiting:
            os.eventfd_write(self._call, 1)

    def _kicked(self) -> None:
        assert self._kick is not None
        with suppress(BlockingIOError):
            os.read(self._kick, 8)
        self._serve()

    def _serve(self) -> None:
        while self._ring is not None and self._is_enabled and not self._is_waiting:
            try:
                request = self._ring.take()
                if request is None:
                    return
                self._open[request.head] = request
                self._begin(request)
            except ValueError as error:
                raise BrokenStreamError(f"a request: {error}") from error

    def _begin(self, request: Chain) -> None:
        delay = self._requests.delay_of(request)
        if not delay:
            self._finish(request)
            return
        self._is_waiting = True

        def later() -> None:
            self._is_waiting = False
            if self._open.get(request.head) is request:
                self._finish(request)
            self._serve()

        self._line.after(delay, later)

    def _finish(self, request: Chain) -> None:
        data = self._requests.answer(self, request)
        if data is not None:
            self.answer(request, data)
