"""The requests of virtio's GPIO controller, handled by a `GpioChip`.

Source: section 5.18 (GPIO device) of Virtual I/O Device 1.2.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from rustbed.devices.gpio.chip import GpioChip
from rustbed.devices.gpio.events import Direction, Trigger
from rustbed.devices.layouts import U8, U16, U32, pack, unpack_exactly
from rustbed.devices.stream import Line
from rustbed.devices.vhost.queue import Queue
from rustbed.devices.vhost.virtqueue import Chain

OK, ERROR = 0, 1
# states of an interrupt's answer: the driver turned it off meanwhile, or it happened
INVALID, VALID = 0, 1
# the number of the queue in which interrupts are answers; the other one has the requests
_EVENTS = 1


class Config(NamedTuple):
    """The configuration space."""

    lines: U16
    padding: U16
    # bytes of all names, with the zero behind each
    names_size: U32


class Kind(IntEnum):
    """What a request wants."""

    GET_NAMES = 1
    GET_DIRECTION = 2
    SET_DIRECTION = 3
    GET_VALUE = 4
    SET_VALUE = 5
    SET_TRIGGER = 6


class Out(NamedTuple):
    """A request."""

    kind: U16
    line: U16
    value: U32


class In(NamedTuple):
    """Its answer; that to GET_NAMES has the names in the value's place."""

    status: U8
    value: U8


class Event(NamedTuple):
    """The driver is ready for a line's interrupt; the answer, a status, is the interrupt."""

    line: U16


class GpioRequests:
    """What one controller does with the driver's requests."""

    # VIRTIO_GPIO_F_IRQ
    features = 1 << 0
    queues = 2

    def __init__(self, chip: GpioChip, line: Line) -> None:
        self._chip, self._ask = chip, line.watch.ask
        self._names = b"".join(name.encode() + b"\0" for name in chip.names)
        # requests that are answered by an interrupt, by line
        self._ready: dict[int, tuple[Queue, Chain]] = {}
        self.config = pack(Config(len(chip.levels), 0, len(self._names)))
        chip.connect_lines(self._notice)

    def delay_of(self, _: Chain) -> float:
        """Return by how many seconds the fault delays the next request."""
        return self._chip.faults.delay_s

    def answer(self, queue: Queue, request: Chain) -> bytes | None:
        """Return a request's answer. Raises ValueError if it is malformed."""
        if queue.number == _EVENTS:
            line = unpack_exactly(Event, request.out).line
            self._check(line)
            # the two queues have no order: the driver may have turned it off after it made this request
            if self._chip.triggers[line] is Trigger.NONE:
                return bytes([INVALID])
            self._ready[line] = (queue, request)
            self._notice(line)
            return None
        out = unpack_exactly(Out, request.out)
        if out.kind == Kind.GET_NAMES:
            return bytes([OK]) + self._names
        self._check(out.line)
        value = self._serve(out)
        return pack(In(ERROR if value is None else OK, value or 0))

    def stopped(self, queue: Queue) -> None:
        """Forget what the driver was ready for; without its requests, also what it has chosen."""
        if queue.number == _EVENTS:
            self._ready.clear()
        else:
            self._chip.reset()

    def _serve(self, out: Out) -> int | None:
        """Return the value of a request's answer; None if it fails."""
        chip = self._chip
        if out.kind == Kind.GET_DIRECTION:
            return chip.directions[out.line]
        if out.kind == Kind.GET_VALUE:
            return chip.read(out.line, self._ask)
        if out.kind == Kind.SET_VALUE:
            is_done = chip.write(out.line, out.value & 1, self._ask)
        elif out.kind == Kind.SET_DIRECTION:
            is_done = chip.choose(out.line, Direction(out.value))
        elif out.kind == Kind.SET_TRIGGER:
            is_done = chip.choose(out.line, Trigger(out.value))
            self._turn_off(out.line)
        else:
            raise ValueError(f"request {out.kind} of a GPIO controller")
        return 0 if is_done else None

    def _turn_off(self, line: int) -> None:
        """Answer a request for a line's interrupt if the driver does not want that any more."""
        if self._chip.triggers[line] is Trigger.NONE and line in self._ready:
            self._finish(line, INVALID)

    def _notice(self, line: int) -> None:
        """Tell the driver of a line's interrupt if it is ready for it."""
        if line in self._ready and self._chip.takes_interrupt(line):
            self._finish(line, VALID)

    def _finish(self, line: int, status: int) -> None:
        queue, request = self._ready.pop(line)
        queue.answer(request, bytes([status]))

    def _check(self, line: int) -> None:
        if line >= len(self._chip.levels):
            raise ValueError(f"line {line} of a controller that has {len(self._chip.levels)}")
