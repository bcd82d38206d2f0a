"""The requests of virtio's SPI controller, handled by a bus.

Source: the section "SPI Controller Device" of Virtual I/O Device 1.4 (device id 45), as
include/uapi/linux/virtio_spi.h of Linux 7.3 has it.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

from rustbed.devices.layouts import U8, U16, U32, layout, pack, unpack
from rustbed.devices.spi.bus import SpiBus, SpiMode
from rustbed.devices.stream import Line
from rustbed.devices.vhost.queue import Queue
from rustbed.devices.vhost.virtqueue import Chain

OK, PARAMETER_ERROR, FAILED = 0, 1, 2


class Supported(IntFlag):
    """Bits of `Config.modes`."""

    CPHA_0 = 1
    CPHA_1 = 2
    CPOL_0 = 4
    CPOL_1 = 8
    CS_HIGH = 16
    LSB_FIRST = 32


_SUPPORTED = {
    SpiMode.CPHA: Supported.CPHA_1,
    SpiMode.CPOL: Supported.CPOL_1,
    SpiMode.CS_HIGH: Supported.CS_HIGH,
    SpiMode.LSB_FIRST: Supported.LSB_FIRST,
}


class Config(NamedTuple):
    """The configuration space."""

    selects: U8
    can_change_select: U8
    # more lines than one in each direction: none
    tx_lines: U8
    rx_lines: U8
    # bit n: words of n + 1 bits; 0: any
    word_sizes: U32
    modes: U32
    # 0: no limit
    most_hz: U32
    most_word_delay_ns: U32
    most_setup_ns: U32
    most_hold_ns: U32
    most_inactive_ns: U32


class Head(NamedTuple):
    """The beginning of a request; the bytes to send follow."""

    select: U8
    word_bits: U8
    change_select: U8
    tx_lines: U8
    rx_lines: U8
    reserved: U8
    reserved_too: U16
    mode: U32
    hz: U32
    word_delay_ns: U32
    setup_ns: U32
    hold_ns: U32
    inactive_ns: U32


class Result(NamedTuple):
    """The end of a request, behind the received bytes."""

    status: U8


class SpiRequests:
    """What one controller does with the driver's requests."""

    features = 0
    queues = 1

    def __init__(self, bus: SpiBus, line: Line) -> None:
        self._bus, self._ask = bus, line.watch.ask
        modes = Supported.CPHA_0 | Supported.CPOL_0
        for mode, supported in _SUPPORTED.items():
            modes |= supported if mode in bus.supports else Supported(0)
        self.config = pack(Config(bus.selects, 1, 0, 0, 0, modes, 0, 0, 0, 0, 0))

    def delay_of(self, _: Chain) -> float:
        """Return by how many seconds the fault delays the next transfer."""
        return self._bus.faults.delay_s

    def answer(self, _: Queue, request: Chain) -> bytes:
        """Return the received bytes and the status. Raises ValueError if there is no room for it."""
        head, sent = unpack(Head, request.out)
        count = request.room - layout(Result).size
        if count < 0:
            raise ValueError("no room for its status")
        if (sent and count and len(sent) != count) or head.select >= self._bus.selects:
            return bytes(count) + pack(Result(PARAMETER_ERROR))
        data = self._bus.transfer(head.select, sent, count, SpiMode(head.mode), self._ask)
        status = FAILED if data is None else OK
        return (data or b"").ljust(count, b"\0") + pack(Result(status))

    def stopped(self, queue: Queue) -> None:
        """Do nothing: no request stays open, and no state outlives one."""
