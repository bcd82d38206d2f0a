"""The requests of virtio's I2C adapter, handled by a bus.

Source: section 5.16 (I2C adapter) of Virtual I/O Device 1.2.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.layouts import U8, U16, U32, layout, pack, unpack
from rustbed.devices.stream import Line
from rustbed.devices.vhost.queue import Queue
from rustbed.devices.vhost.virtqueue import Chain

OK, FAILED = 0, 1


class Out(NamedTuple):
    """The beginning of a request; `address` is the chip's, shifted left by one."""

    address: U16
    padding: U16
    flags: U32


class OutFlag(IntFlag):
    """Bits of `Out.flags`."""

    # the next request belongs to the same transaction, and fails if this one does
    FAIL_NEXT = 1
    READ = 2


class In(NamedTuple):
    """The end of a request."""

    status: U8


class I2cRequests:
    """What one adapter does with the driver's requests."""

    # VIRTIO_I2C_F_ZERO_LENGTH_REQUEST, which Linux' driver requires
    features = 1 << 0
    config = b""
    queues = 1

    def __init__(self, bus: I2cBus, line: Line) -> None:
        self._bus, self._ask = bus, line.watch.ask
        # whether the next request fails because the one before it in the same transaction failed
        self._fails_next = False

    def delay_of(self, request: Chain) -> float:
        """Return for how many seconds a chip stretches the clock."""
        return self._bus.delay_of(unpack(Out, request.out)[0].address >> 1)

    def answer(self, _: Queue, request: Chain) -> bytes:
        """Return the bytes that were read, and the status. Raises ValueError if there is no room for it."""
        out, data = unpack(Out, request.out)
        count = request.room - layout(In).size
        if count < 0:
            raise ValueError("no room for its status")
        answer = None if self._fails_next else self._transfer(out, data, count)
        failed = answer is None
        self._fails_next = failed and bool(out.flags & OutFlag.FAIL_NEXT)
        return (answer or b"").ljust(count, b"\0") + pack(In(FAILED if failed else OK))

    def stopped(self, queue: Queue) -> None:
        """Forget a transaction that failed."""
        self._fails_next = False

    def _transfer(self, out: Out, data: bytes, count: int) -> bytes | None:
        if out.flags & OutFlag.READ:
            return self._bus.read(out.address >> 1, count, self._ask)
        return b"" if self._bus.write(out.address >> 1, data, self._ask) else None
